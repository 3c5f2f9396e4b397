// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file handles a bound device from probe to remove: it opens, closes,
 * suspends and resumes the device.
 */
#include <linux/fs.h>
#include <linux/kmemleak.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "hvuio.h"

static const struct hv_vmbus_device_id hvuio_nic = { HV_NIC_GUID };

/* Change the state of the device. The caller holds dev->lock. */
static void hvuio_device_move(struct hvuio_device *dev, enum hvuio_state to)
{
	static const u8 from[] = {
		[HVUIO_CLOSED] = BIT(HVUIO_OPEN) | BIT(HVUIO_LOST),
		[HVUIO_OPEN] = BIT(HVUIO_CLOSED),
		[HVUIO_LOST] = BIT(HVUIO_OPEN),
		[HVUIO_FAILED] = BIT(HVUIO_CLOSED) | BIT(HVUIO_LOST),
		[HVUIO_REMOVED] =
			BIT(HVUIO_CLOSED) | BIT(HVUIO_OPEN) | BIT(HVUIO_LOST) | BIT(HVUIO_FAILED),
	};

	lockdep_assert_held(&dev->lock);
	HVUIO_ASSERT(from[to] & BIT(dev->state));
	WRITE_ONCE(dev->state, to);
}

/*
 * Open the device, and connect its channel if this is the first open. UIO calls
 * this under info_lock when a program opens /dev/uioN, possibly before
 * uio_register_device() has returned.
 */
static int hvuio_open(struct uio_info *info, struct inode *inode)
{
	struct hvuio_device *dev = info->priv;
	int ret;

	mutex_lock(&dev->lock);
	ret = -EBUSY;
	if (dev->state == HVUIO_LOST)
		goto out;
	ret = -ENODEV;
	if ((dev->state != HVUIO_CLOSED && dev->state != HVUIO_OPEN) ||
	    !hvuio_vmbus_is_offered(dev->primary.channel))
		goto out;
	ret = hvuio_inode_get(&dev->inodes, inode);
	if (ret)
		goto out;
	if (dev->state == HVUIO_CLOSED) {
		ret = hvuio_connect(dev);
		if (ret)
			goto err_connect;
		hvuio_device_move(dev, HVUIO_OPEN);
	}
	dev->opens++;
	goto out;

err_connect:
	hvuio_inode_put(&dev->inodes, inode);
out:
	mutex_unlock(&dev->lock);
	return ret;
}

/*
 * Count a close of the device, and disconnect its channels after the last one.
 * UIO calls this under info_lock when the last descriptor or mapping of an open
 * file has gone, but not after uio_unregister_device().
 */
static int hvuio_release(struct uio_info *info, struct inode *inode)
{
	struct hvuio_device *dev = info->priv;

	mutex_lock(&dev->lock);
	hvuio_inode_put(&dev->inodes, inode);
	if (--dev->opens)
		goto out;
	if (dev->state == HVUIO_OPEN)
		hvuio_disconnect(dev);
	if (dev->state == HVUIO_OPEN || dev->state == HVUIO_LOST) {
		dev->info.irq = UIO_IRQ_CUSTOM;
		hvuio_device_move(dev, HVUIO_CLOSED);
	}
out:
	mutex_unlock(&dev->lock);
	return 0;
}

/*
 * Make read() and poll() fail with EIO from now on. Clear irq before the event
 * is sent, because the event wakes a reader that has already checked irq and is
 * about to sleep. The caller holds dev->lock.
 */
static void hvuio_stop_readers(struct hvuio_device *dev)
{
	WRITE_ONCE(dev->info.irq, 0);
	hvuio_event_send(dev);
}

/* End every use of the device that can end before uio_unregister_device(). */
static void hvuio_device_stop(struct hvuio_device *dev)
{
	mutex_lock(&dev->lock);
	hvuio_device_move(dev, HVUIO_REMOVED);
	hvuio_stop_readers(dev);
	hvuio_disconnect_last(dev);
	hvuio_maps_revoke(dev);
	mutex_unlock(&dev->lock);
	/*
	 * Until now the callback had to find the device, for sub-channels that
	 * the host offers during the close.
	 */
	hvuio_device_unlink(dev);

	hvuio_ring_file_remove(&dev->primary);
}

/* Allocate the structure of a device, with one reference, or return NULL. */
static struct hvuio_device *hvuio_device_alloc(struct hv_device *hv)
{
	struct hvuio_device *dev;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return NULL;
	kref_init(&dev->ref);
	mutex_init(&dev->lock);
	hvuio_set_init(&dev->set);
	mutex_init(&dev->maps_lock);
	INIT_LIST_HEAD(&dev->inodes);
	hvuio_ring_file_init(&dev->primary);
	dev->hv = hv;
	dev->primary.channel = hv->channel;
	dev->ring_size = hvuio_ring_size(&hv->dev_type);
	return dev;
}

/*
 * Allocate the rings of the primary channel, and allocate and share the buffers
 * of a NIC. Returns 0, or -errno with a message.
 */
static int hvuio_device_alloc_memory(struct hvuio_device *dev)
{
	struct hv_device *hv = dev->hv;
	int ret;

	ret = hvuio_ring_alloc(&dev->primary.ring, hv->channel, dev->ring_size);
	if (ret) {
		dev_err(&hv->device, "no contiguous memory for two rings of %u bytes\n",
			dev->ring_size);
		return ret;
	}
	if (!guid_equal(&hv->dev_type, &hvuio_nic.guid))
		return 0;

	ret = hvuio_buffer_create(&dev->recv, hv->channel, "recv",
				  hvuio_buffer_size(HVUIO_MAP_RECV));
	if (ret) {
		dev_err(&hv->device, "no receive buffer: %d\n", ret);
		goto err_recv;
	}
	ret = hvuio_buffer_create(&dev->send, hv->channel, "send",
				  hvuio_buffer_size(HVUIO_MAP_SEND));
	if (ret) {
		dev_err(&hv->device, "no send buffer: %d\n", ret);
		goto err_send;
	}
	return 0;

err_send:
	hvuio_buffer_destroy(&dev->recv, hv->channel);
err_recv:
	hvuio_ring_free(&dev->primary.ring);
	return ret;
}

/* Free the memory of a device that is closed and has no mappings. */
static void hvuio_device_free_memory(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;

	hvuio_buffer_destroy(&dev->send, channel);
	hvuio_buffer_destroy(&dev->recv, channel);
	hvuio_ring_free(&dev->primary.ring);
}

static void hvuio_device_init_info(struct hvuio_device *dev)
{
	dev->info.name = "uio_hv_generic";
	dev->info.version = HVUIO_VERSION;
	dev->info.priv = dev;
	dev->info.irq = UIO_IRQ_CUSTOM;
	dev->info.irqcontrol = hvuio_irqcontrol;
	dev->info.open = hvuio_open;
	dev->info.release = hvuio_release;
	hvuio_info_set_mmap(&dev->info);
	hvuio_maps_set(dev);
}

/*
 * The lock lets one device at a time be registered with UIO or unregistered.
 * uio_unregister_device() frees the number of a device before it removes the
 * files with this number in their names. UIO would give the number to a device
 * that is registered in between, and the registration would fail with EEXIST.
 * uio_unregister_device() takes info_lock, under which a program opens the
 * device, but no open waits for the host after hvuio_device_stop(). The module
 * takes this lock under none of its others.
 */
static DEFINE_MUTEX(hvuio_uio_lock);

/*
 * Create the files of a device and register it with UIO. After a failure the
 * caller stops the device, which removes the ring file. Returns 0, or -errno
 * with a message.
 */
static int hvuio_device_register(struct hvuio_device *dev)
{
	struct device *device = &dev->hv->device;
	int ret;

	ret = hvuio_ring_file_create(&dev->primary);
	if (ret) {
		dev_err(device, "cannot create the ring file: %d\n", ret);
		return ret;
	}
	/*
	 * These files must exist before the UIO device, because udev reads and
	 * writes them at its uevent.
	 */
	ret = sysfs_create_group(&device->kobj, &hvuio_device_group);
	if (ret) {
		dev_err(device, "cannot create the files in sysfs: %d\n", ret);
		return ret;
	}
	mutex_lock(&hvuio_uio_lock);
	ret = uio_register_device(device, &dev->info);
	mutex_unlock(&hvuio_uio_lock);
	if (ret) {
		dev_err(device, "cannot register with UIO: %d\n", ret);
		goto err_register;
	}
	return 0;

	/*
	 * A program may have opened the node while the registration failed. A
	 * UIO core without "uio: Fix stale info pointer in failed registration
	 * path" still uses info for this file. So the module leaks dev, which
	 * refuses everything.
	 */
err_register:
	sysfs_remove_group(&device->kobj, &hvuio_device_group);
	kref_get(&dev->ref);
	kmemleak_not_leak(dev);
	return ret;
}

/*
 * Take the device down, and drop the reference that lasts from probe to remove.
 * @registered is whether UIO has it.
 */
static void hvuio_device_teardown(struct hvuio_device *dev, bool registered)
{
	hvuio_device_stop(dev);
	/*
	 * The host may still open a sub-channel, whose callback runs until
	 * hvuio_sub_leak() clears it.
	 */
	hvuio_events_hold(dev);
	if (registered) {
		mutex_lock(&hvuio_uio_lock);
		uio_unregister_device(&dev->info);
		mutex_unlock(&hvuio_uio_lock);
	}
	hvuio_vmbus_release(dev->primary.channel);
	hvuio_device_free_memory(dev);
	hv_set_drvdata(dev->hv, NULL);
	hvuio_device_put(dev);
}

int hvuio_device_create(struct hv_device *hv)
{
	struct hvuio_device *dev;
	int ret;

	dev = hvuio_device_alloc(hv);
	if (!dev)
		return -ENOMEM;
	/* A former driver's callback must not run while the host is awaited. */
	hvuio_vmbus_claim(hv->channel);
	ret = hvuio_device_alloc_memory(dev);
	if (ret)
		goto err_memory;
	hvuio_device_init_info(dev);
	hvuio_device_add(dev);
	hv_set_drvdata(hv, dev);

	ret = hvuio_device_register(dev);
	if (ret)
		goto err_register;
	hvuio_events_pass(dev);
	return 0;

err_register:
	hvuio_device_teardown(dev, false);
	return ret;
err_memory:
	hvuio_vmbus_release(hv->channel);
	hvuio_device_put(dev);
	return ret;
}

void hvuio_device_destroy(struct hvuio_device *dev)
{
	/* This waits for readers and writers, so no resize runs afterwards. */
	sysfs_remove_group(&dev->hv->device.kobj, &hvuio_device_group);
	hvuio_device_teardown(dev, true);
}

/*
 * Close the channels before the VM is suspended. The host forgets its side of
 * the protocol, so a program that has the device open cannot continue. It gets
 * EIO, as after a rescind, and finds a new channel when it opens the device
 * again.
 */
void hvuio_device_suspend(struct hvuio_device *dev)
{
	mutex_lock(&dev->lock);
	/*
	 * The device shares nothing with the host, or hvuio_device_destroy()
	 * sees to that.
	 */
	if (dev->state == HVUIO_FAILED || dev->state == HVUIO_REMOVED)
		goto out;
	if (dev->state == HVUIO_OPEN) {
		hvuio_device_move(dev, HVUIO_LOST);
		hvuio_stop_readers(dev);
		hvuio_disconnect(dev);
	} else {
		hvuio_subs_close_late(dev);
	}
	hvuio_subs_suspend(dev);
	hvuio_buffer_unshare(&dev->send, dev->primary.channel);
	hvuio_buffer_unshare(&dev->recv, dev->primary.channel);
	hvuio_vmbus_mark_offer(dev->primary.channel);
out:
	mutex_unlock(&dev->lock);
}

/*
 * Share the buffers again after the VM has resumed. If VMBus was suspended, the
 * host has forgotten all shared memory, including the rings of a channel that
 * it had not closed. A NIC's buffers get new handles, and the names of their
 * maps change.
 */
int hvuio_device_resume(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	int ret = 0;

	mutex_lock(&dev->lock);
	if (dev->state == HVUIO_FAILED || dev->state == HVUIO_REMOVED)
		goto out;
	if (hvuio_vmbus_unmark_offer(channel)) {
		hvuio_ring_gpadl_forget(channel);
		dev->primary.ring.unreleased = false;
		dev->recv.unreleased = false;
		dev->send.unreleased = false;
	}
	/* If the rename fails, the next open retries it. */
	if (hvuio_vmbus_is_offered(channel))
		hvuio_vmbus_name_folder(channel);
	if (!dev->recv.mem)
		goto out;
	ret = hvuio_buffer_share(&dev->recv, channel, "recv");
	if (!ret)
		ret = hvuio_buffer_share(&dev->send, channel, "send");
	if (ret) {
		dev_err(&dev->hv->device, "the buffers cannot be shared with the host again: %d\n",
			ret);
		hvuio_buffer_unshare(&dev->recv, channel);
		hvuio_device_move(dev, HVUIO_FAILED);
	}
out:
	mutex_unlock(&dev->lock);
	return ret;
}
