// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file gives new rings to a bound device that is not in use. It allocates
 * them before it frees the old rings, so a failure changes nothing.
 */
#include "hvuio.h"

/*
 * Give the device rings of @size bytes each. @size is within the limits. The
 * module leaks old rings that the host did not release. Returns 0; -EBUSY if
 * the device is open or mapped; -ENOMEM, -ENODEV or -ERESTARTSYS.
 */
int hvuio_resize_rings(struct hvuio_device *dev, u32 size)
{
	struct hvuio_channel *primary = &dev->primary;
	struct hvuio_ring ring, old;
	int ret;

	/* The owner of the lock may be waiting for the host. */
	if (mutex_lock_interruptible(&dev->lock))
		return -ERESTARTSYS;
	ret = -ENODEV;
	if (dev->state == HVUIO_FAILED || dev->state == HVUIO_REMOVED)
		goto out;
	ret = -EBUSY;
	if (dev->state != HVUIO_CLOSED) {
		/* A mapping of /dev/uioN keeps the file open. */
		dev_err_ratelimited(&dev->hv->device,
				    "not resized: the device is open or mapped\n");
		goto out;
	}
	ret = 0;
	if (size == dev->ring_size)
		goto out;
	ret = -EBUSY;
	/* A mapping of the ring file outlives the close of the device. */
	if (hvuio_ring_is_mapped(&primary->ring)) {
		dev_err_ratelimited(&dev->hv->device, "not resized: the ring file is mapped\n");
		goto out;
	}
	ret = hvuio_ring_alloc(&ring, primary->channel, size);
	if (ret) {
		dev_err(&dev->hv->device, "no contiguous memory for two rings of %u bytes\n", size);
		goto out;
	}

	/*
	 * An mmap of the file that began before the device was closed may use
	 * the old ring until this removal. It holds references to the pages
	 * that it has mapped, so the module can free them.
	 */
	hvuio_ring_file_remove(primary);
	old = primary->ring;
	mutex_lock(&dev->maps_lock);
	primary->ring = ring;
	WRITE_ONCE(dev->ring_size, size);
	hvuio_maps_set(dev);
	mutex_unlock(&dev->maps_lock);
	hvuio_ring_free(&old);
	/* The size of a file in sysfs is fixed, so create a new file. */
	ret = hvuio_ring_file_create(primary);
	if (ret)
		dev_err(&dev->hv->device, "cannot create the ring file: %d\n", ret);
	ret = 0;
out:
	mutex_unlock(&dev->lock);
	return ret;
}
