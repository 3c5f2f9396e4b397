// SPDX-License-Identifier: GPL-2.0-only
/*
 * New rings and buffers for a bound device that nobody uses. Each is there before the one that it
 * replaces goes, so a failure changes nothing.
 */
#include "hvuio.h"

/* Takes the lock of a device that is closed, or fails without it. 0 or -errno. */
static int hvuio_resize_begin(struct hvuio_device *dev)
{
	int ret;

	/* Whoever has the lock may be waiting for the host. */
	if (mutex_lock_interruptible(&dev->lock))
		return -ERESTARTSYS;
	ret = -ENODEV;
	if (dev->gone)
		goto err;
	ret = -EBUSY;
	/* A mapping of /dev/uioN keeps its file, and so counts as an open. */
	if (dev->opens) {
		dev_err_ratelimited(&dev->hv->device, "not resized: the device is open or mapped\n");
		goto err;
	}
	return 0;

err:
	mutex_unlock(&dev->lock);
	return ret;
}

/*
 * Rings of @size bytes each, which is in the limits. 0, -EBUSY (open or mapped), -ENOMEM, -ENODEV
 * or -ERESTARTSYS. Rings that the host did not give back are leaked.
 */
int hvuio_resize_rings(struct hvuio_device *dev, u32 size)
{
	struct hvuio_channel *primary = &dev->primary;
	struct hvuio_ring ring, old;
	int ret;

	ret = hvuio_resize_begin(dev);
	if (ret)
		return ret;
	if (size == dev->ring_size)
		goto out;
	ret = -EBUSY;
	/* A mapping of the ring file outlives the device's closing. */
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
	 * An mmap of the file that began before the device was closed looks at the old ring until
	 * here. The pages that it took are its own, so they may go.
	 */
	cancel_delayed_work_sync(&dev->ring_file_work);
	hvuio_ring_file_remove(primary);
	old = primary->ring;
	spin_lock(&dev->maps_lock);
	primary->ring = ring;
	WRITE_ONCE(dev->ring_size, size);
	hvuio_maps_set(dev);
	spin_unlock(&dev->maps_lock);
	hvuio_ring_free(&old);
	/* The size of a file in sysfs is that of its creation. */
	hvuio_ring_file_try(dev);
out:
	mutex_unlock(&dev->lock);
	return ret;
}

/* Another receive or send buffer for a NIC. As above, or the host's refusal. */
int hvuio_resize_buffer(struct hvuio_device *dev, enum hvuio_map map, u32 size)
{
	bool is_recv = map == HVUIO_MAP_RECV;
	struct hvuio_buffer **current_buffer = is_recv ? &dev->recv : &dev->send;
	struct hvuio_buffer *pair = is_recv ? dev->recv_pair : dev->send_pair;
	struct hvuio_buffer *old, *buffer;
	int ret;

	ret = hvuio_resize_begin(dev);
	if (ret)
		return ret;
	old = *current_buffer;
	if (size == old->size)
		goto out;
	buffer = old == pair ? pair + 1 : pair;
	ret = hvuio_buffer_create(buffer, dev->primary.channel, is_recv ? "recv" : "send", size);
	if (ret) {
		dev_err(&dev->hv->device, "no %s buffer of %u bytes: %d\n",
			is_recv ? "receive" : "send", size, ret);
		goto out;
	}
	spin_lock(&dev->maps_lock);
	WRITE_ONCE(*current_buffer, buffer);
	hvuio_maps_set(dev);
	spin_unlock(&dev->maps_lock);
	hvuio_buffer_destroy(old, dev->primary.channel);
out:
	mutex_unlock(&dev->lock);
	return ret;
}
