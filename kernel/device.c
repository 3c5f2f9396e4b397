// SPDX-License-Identifier: GPL-2.0-only
/* A bound device from probe to remove: open, close, suspend, resume. */
#include <linux/fs.h>
#include <linux/kmemleak.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/uio_mmap.h"
#include "hvuio.h"

static const struct hv_vmbus_device_id hvuio_nic = { HV_NIC_GUID };

/* Under lock. */
static void hvuio_device_move(struct hvuio_device *dev, enum hvuio_state to)
{
	static const u8 from[] = {
		[HVUIO_CLOSED] = BIT(HVUIO_OPEN) | BIT(HVUIO_LOST),
		[HVUIO_OPEN] = BIT(HVUIO_CLOSED),
		[HVUIO_LOST] = BIT(HVUIO_OPEN),
		[HVUIO_FAILED] = BIT(HVUIO_CLOSED) | BIT(HVUIO_LOST),
		[HVUIO_REMOVED] = BIT(HVUIO_CLOSED) | BIT(HVUIO_OPEN) | BIT(HVUIO_LOST) |
				  BIT(HVUIO_FAILED),
	};

	lockdep_assert_held(&dev->lock);
	HVUIO_ASSERT(from[to] & BIT(dev->state));
	WRITE_ONCE(dev->state, to);
}

/*
 * Under info_lock. The node can be opened before uio_register_device() has
 * returned.
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
	atomic64_inc(&dev->nr_opens);
	goto out;

err_connect:
	hvuio_inode_put(&dev->inodes, inode);
out:
	mutex_unlock(&dev->lock);
	return ret;
}

/*
 * Under info_lock, when the last file or mapping of one open goes. Not after
 * unregistering.
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
 * Make reading and polling give EIO from here. The event comes after irq is
 * cleared, for a reader that has looked at irq already and is about to sleep.
 * Under lock.
 */
static void hvuio_stop_readers(struct hvuio_device *dev)
{
	WRITE_ONCE(dev->info.irq, 0);
	hvuio_event_send(dev);
}

/*
 * End every use of the device that is possible before uio_unregister_device(),
 * and leave in @inodes the files whose mappings have to be revoked after it.
 * @inodes is pinned.
 */
static void hvuio_device_stop(struct hvuio_device *dev, struct list_head *inodes)
{
	mutex_lock(&dev->lock);
	hvuio_device_move(dev, HVUIO_REMOVED);
	hvuio_stop_readers(dev);
	hvuio_disconnect_last(dev);
	hvuio_primary_keep(dev->primary.channel);
	list_splice_init(&dev->inodes, inodes);
	hvuio_inodes_pin(inodes);
	mutex_unlock(&dev->lock);
	/*
	 * Not before: the callback has to find the device for sub-channels that
	 * come in a close.
	 */
	hvuio_device_unlink(dev);

	hvuio_ring_file_remove(&dev->primary);
}

int hvuio_device_create(struct hv_device *hv)
{
	struct vmbus_channel *channel = hv->channel;
	bool is_nic = guid_equal(&hv->dev_type, &hvuio_nic.guid);
	struct hvuio_device *dev;
	LIST_HEAD(inodes);
	int ret;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	kref_init(&dev->ref);
	mutex_init(&dev->lock);
	hvuio_set_init(&dev->set);
	spin_lock_init(&dev->maps_lock);
	INIT_LIST_HEAD(&dev->inodes);
	hvuio_ring_file_init(&dev->primary);
	dev->hv = hv;
	dev->primary.channel = channel;
	dev->ring_size = hvuio_ring_size(&hv->dev_type);

	ret = hvuio_ring_alloc(&dev->primary.ring, channel, dev->ring_size);
	if (ret) {
		dev_err(&hv->device, "no contiguous memory for two rings of %u bytes\n",
			dev->ring_size);
		goto err_ring;
	}
	if (is_nic) {
		ret = hvuio_buffer_create(&dev->recv, channel, "recv",
					  hvuio_buffer_size(HVUIO_MAP_RECV));
		if (ret) {
			dev_err(&hv->device, "no receive buffer: %d\n", ret);
			goto err_recv;
		}
		ret = hvuio_buffer_create(&dev->send, channel, "send",
					  hvuio_buffer_size(HVUIO_MAP_SEND));
		if (ret) {
			dev_err(&hv->device, "no send buffer: %d\n", ret);
			goto err_send;
		}
	}

	hvuio_vmbus_take_over(channel);

	dev->info.name = "uio_hv_generic";
	dev->info.version = HVUIO_VERSION;
	dev->info.priv = dev;
	dev->info.irq = UIO_IRQ_CUSTOM;
	dev->info.irqcontrol = hvuio_irqcontrol;
	dev->info.open = hvuio_open;
	dev->info.release = hvuio_release;
	hvuio_info_set_mmap(&dev->info);
	hvuio_maps_set(dev);

	hvuio_device_add(dev);
	hv_set_drvdata(hv, dev);

	ret = hvuio_ring_file_create(&dev->primary);
	if (ret) {
		dev_err(&hv->device, "cannot create the ring file: %d\n", ret);
		goto err_ring_file;
	}
	/*
	 * Before the UIO device, whose uevent lets udev read and write these
	 * files.
	 */
	ret = sysfs_create_group(&hv->device.kobj, &hvuio_device_group);
	if (ret) {
		dev_err(&hv->device, "cannot create the files in sysfs: %d\n", ret);
		goto err_group;
	}
	ret = uio_register_device(&hv->device, &dev->info);
	if (ret) {
		dev_err(&hv->device, "cannot register with UIO: %d\n", ret);
		goto err_register;
	}

	hvuio_events_pass(dev);
	hvuio_debugfs_add(dev);
	return 0;

	/*
	 * A UIO core without "uio: Fix stale info pointer in failed
	 * registration path" still calls into info for a file that was opened
	 * while the registration failed, or is being opened at this moment. So
	 * dev is leaked; it refuses everything.
	 */
err_register:
	sysfs_remove_group(&hv->device.kobj, &hvuio_device_group);
	kref_get(&dev->ref);
	kmemleak_not_leak(dev);
err_group:
err_ring_file:
	hvuio_device_stop(dev, &inodes);
	hvuio_maps_revoke(dev, &inodes);
	hv_set_drvdata(hv, NULL);
	hvuio_vmbus_give_back(channel);
	if (is_nic)
		hvuio_buffer_destroy(&dev->send, channel);
err_send:
	if (is_nic)
		hvuio_buffer_destroy(&dev->recv, channel);
err_recv:
	hvuio_ring_free(&dev->primary.ring);
err_ring:
	hvuio_device_put(dev);
	return ret;
}

void hvuio_device_destroy(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	LIST_HEAD(inodes);

	hvuio_debugfs_remove(dev);
	/*
	 * Waits for those that read or write the files: nothing is resized any
	 * more.
	 */
	sysfs_remove_group(&dev->hv->device.kobj, &hvuio_device_group);
	hvuio_device_stop(dev, &inodes);
	/*
	 * For a sub-channel that the host opens after all, until it is
	 * silenced.
	 */
	hvuio_events_hold(dev);
	uio_unregister_device(&dev->info);
	hvuio_maps_revoke(dev, &inodes);

	hvuio_vmbus_give_back(channel);
	if (dev->recv.mem) {
		hvuio_buffer_destroy(&dev->send, channel);
		hvuio_buffer_destroy(&dev->recv, channel);
	}
	hvuio_ring_free(&dev->primary.ring);
	hv_set_drvdata(dev->hv, NULL);
	hvuio_device_put(dev);
}

/*
 * The host forgets its side of the protocol, so a program that has the device
 * open cannot go on: it gets EIO, as after a rescind, and finds a fresh channel
 * when it opens the device again.
 */
void hvuio_device_suspend(struct hvuio_device *dev)
{
	mutex_lock(&dev->lock);
	/*
	 * It is closed, and its buffers are not shared, or will not be in a
	 * moment.
	 */
	if (dev->state == HVUIO_FAILED || dev->state == HVUIO_REMOVED)
		goto out;
	/*
	 * A sub-channel whose opening ended too late for the last close counts
	 * too.
	 */
	if (dev->state == HVUIO_OPEN || !hvuio_set_is_empty(&dev->set)) {
		if (dev->state == HVUIO_OPEN) {
			hvuio_device_move(dev, HVUIO_LOST);
			hvuio_stop_readers(dev);
		}
		hvuio_disconnect(dev);
	}
	if (dev->recv.mem) {
		hvuio_buffer_unshare(&dev->send, dev->primary.channel);
		hvuio_buffer_unshare(&dev->recv, dev->primary.channel);
	}
out:
	mutex_unlock(&dev->lock);
}

/*
 * The host has forgotten all memory that was shared with it, also the rings of
 * a channel that it had not closed. The names of a NIC's buffers change with
 * their handles.
 */
int hvuio_device_resume(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	int ret = 0;

	mutex_lock(&dev->lock);
	if (dev->state == HVUIO_FAILED || dev->state == HVUIO_REMOVED)
		goto out;
	hvuio_ring_gpadl_forget(channel);
	/* If this fails, the next open tries again. */
	if (hvuio_vmbus_is_offered(channel))
		hvuio_vmbus_name_folder(channel);
	if (!dev->recv.mem)
		goto out;
	ret = hvuio_buffer_share(&dev->recv, channel, "recv");
	if (!ret)
		ret = hvuio_buffer_share(&dev->send, channel, "send");
	if (ret) {
		dev_err(&dev->hv->device, "the host does not take the buffers again: %d\n", ret);
		hvuio_buffer_unshare(&dev->recv, channel);
		hvuio_device_move(dev, HVUIO_FAILED);
	}
out:
	mutex_unlock(&dev->lock);
	return ret;
}
