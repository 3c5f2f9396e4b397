// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/uio_mmap.h"
#include "hvuio.h"

#define HVUIO_RING_FILE_RETRY	msecs_to_jiffies(5)

static const struct hv_vmbus_device_id hvuio_nic = { HV_NIC_GUID };

static LIST_HEAD(hvuio_devices);
static DEFINE_SPINLOCK(hvuio_devices_lock);

/* The bound device of a primary channel, with a reference, or NULL. Does not look into @primary. */
struct hvuio_device *hvuio_device_get(struct vmbus_channel *primary)
{
	struct hvuio_device *dev, *found = NULL;

	spin_lock(&hvuio_devices_lock);
	list_for_each_entry(dev, &hvuio_devices, node) {
		if (dev->primary.channel == primary) {
			kref_get(&dev->ref);
			found = dev;
			break;
		}
	}
	spin_unlock(&hvuio_devices_lock);
	return found;
}

static void hvuio_device_release(struct kref *ref)
{
	kfree(container_of(ref, struct hvuio_device, ref));
}

void hvuio_device_put(struct hvuio_device *dev)
{
	kref_put(&dev->ref, hvuio_device_release);
}

/* Under info_lock. The node can be opened before uio_register_device() has returned. */
static int hvuio_open(struct uio_info *info, struct inode *inode)
{
	struct hvuio_device *dev = info->priv;
	int ret;

	mutex_lock(&dev->lock);
	ret = -ENODEV;
	if (dev->gone || !hvuio_vmbus_is_offered(dev->primary.channel))
		goto out;
	ret = -EBUSY;
	if (dev->lost)
		goto out;
	ret = hvuio_inode_get(&dev->inodes, inode);
	if (ret)
		goto out;
	if (!dev->opens) {
		ret = hvuio_connect(dev);
		if (ret)
			goto err_connect;
	}
	dev->opens++;
	atomic64_inc(&dev->total_opens);
	goto out;

err_connect:
	hvuio_inode_put(&dev->inodes, inode);
out:
	mutex_unlock(&dev->lock);
	return ret;
}

/* Under info_lock, when the last file or mapping of one open goes. Not after unregistering. */
static int hvuio_release(struct uio_info *info, struct inode *inode)
{
	struct hvuio_device *dev = info->priv;

	mutex_lock(&dev->lock);
	hvuio_inode_put(&dev->inodes, inode);
	if (!--dev->opens && !dev->gone) {
		if (!dev->lost)
			hvuio_disconnect(dev);
		dev->lost = false;
		dev->info.irq = UIO_IRQ_CUSTOM;
	}
	mutex_unlock(&dev->lock);
	return 0;
}

/*
 * Reading and polling give EIO from here. The event comes after irq is cleared, for a reader that
 * has looked at irq already and is about to sleep. Under lock.
 */
static void hvuio_stop_readers(struct hvuio_device *dev)
{
	WRITE_ONCE(dev->info.irq, 0);
	if (dev->registered)
		uio_event_notify(&dev->info);
}

/* Creates the ring file of the primary, or lets ring_file_work try again. */
void hvuio_ring_file_try(struct hvuio_device *dev)
{
	int ret = hvuio_ring_file_create(&dev->primary);

	if (ret == -EAGAIN || ret == -ENOMEM)
		schedule_delayed_work(&dev->ring_file_work, HVUIO_RING_FILE_RETRY);
	else if (ret)
		dev_err(&dev->hv->device, "cannot create the ring file: %d\n", ret);
}

static void hvuio_ring_file_work(struct work_struct *work)
{
	hvuio_ring_file_try(container_of(to_delayed_work(work), struct hvuio_device,
					 ring_file_work));
}

static void hvuio_unlink(struct hvuio_device *dev)
{
	spin_lock(&hvuio_devices_lock);
	list_del(&dev->node);
	spin_unlock(&hvuio_devices_lock);
}

/*
 * Ends every use of the device that is possible before uio_unregister_device(), and leaves in
 * @inodes the files whose mappings have to be revoked after it. @inodes is pinned.
 */
static void hvuio_device_stop(struct hvuio_device *dev, struct list_head *inodes)
{
	cancel_delayed_work_sync(&dev->ring_file_work);

	mutex_lock(&dev->lock);
	dev->gone = true;
	hvuio_stop_readers(dev);
	hvuio_disconnect_last(dev);
	list_splice_init(&dev->inodes, inodes);
	hvuio_inodes_pin(inodes);
	mutex_unlock(&dev->lock);
	/* Not before: sub-channels that come during the close have to be told of it. */
	hvuio_unlink(dev);

	hvuio_ring_file_remove(&dev->primary);
}

/* The channel as VMBus offered it: the next driver may rely on that. */
static void hvuio_channel_reset(struct vmbus_channel *channel)
{
	vmbus_set_sc_create_callback(channel, NULL);
	channel->change_target_cpu_callback = NULL;
	set_channel_read_mode(channel, HV_CALL_BATCHED);
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
	mutex_init(&dev->channels_lock);
	spin_lock_init(&dev->maps_lock);
	INIT_LIST_HEAD(&dev->inodes);
	INIT_LIST_HEAD(&dev->channels);
	INIT_LIST_HEAD(&dev->offered);
	INIT_LIST_HEAD(&dev->stranded);
	init_waitqueue_head(&dev->opening_done);
	init_waitqueue_head(&dev->closing_done);
	INIT_WORK(&dev->open_work, hvuio_open_work);
	INIT_DELAYED_WORK(&dev->ring_file_work, hvuio_ring_file_work);
	dev->hv = hv;
	dev->primary.channel = channel;

	dev->recv = dev->recv_pair;
	dev->send = dev->send_pair;
	dev->ring_size = hvuio_ring_size(&hv->dev_type);

	ret = hvuio_ring_alloc(&dev->primary.ring, channel, dev->ring_size);
	if (ret) {
		dev_err(&hv->device, "no contiguous memory for two rings of %u bytes\n",
			dev->ring_size);
		goto err_ring;
	}
	if (is_nic) {
		ret = hvuio_buffer_create(dev->recv, channel, "recv",
					  hvuio_buffer_size(HVUIO_MAP_RECV));
		if (ret) {
			dev_err(&hv->device, "no receive buffer: %d\n", ret);
			goto err_recv;
		}
		ret = hvuio_buffer_create(dev->send, channel, "send",
					  hvuio_buffer_size(HVUIO_MAP_SEND));
		if (ret) {
			dev_err(&hv->device, "no send buffer: %d\n", ret);
			goto err_send;
		}
	}

	/*
	 * VMBus unregisters a rescinded device by itself, which ends in hvuio_remove(); a callback
	 * of ours would have to do that, and one that a former driver left behind would be called.
	 * So would the other callback, which the core never clears.
	 */
	vmbus_set_chn_rescind_callback(channel, NULL);
	channel->change_target_cpu_callback = NULL;
	set_channel_read_mode(channel, HV_CALL_ISR);

	dev->info.name = "uio_hv_generic";
	dev->info.version = HVUIO_VERSION;
	dev->info.priv = dev;
	dev->info.irq = UIO_IRQ_CUSTOM;
	dev->info.irqcontrol = hvuio_irqcontrol;
	dev->info.open = hvuio_open;
	dev->info.release = hvuio_release;
	hvuio_info_set_mmap(&dev->info);
	hvuio_maps_set(dev);

	spin_lock(&hvuio_devices_lock);
	list_add_tail(&dev->node, &hvuio_devices);
	spin_unlock(&hvuio_devices_lock);
	hv_set_drvdata(hv, dev);

	ret = hvuio_ring_file_create(&dev->primary);
	if (ret && ret != -EAGAIN) {
		dev_err(&hv->device, "cannot create the ring file: %d\n", ret);
		goto err_ring_file;
	}
	if (ret == -EAGAIN)
		schedule_delayed_work(&dev->ring_file_work, HVUIO_RING_FILE_RETRY);
	/* Before the UIO device, whose uevent lets udev read and write these files. */
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

	/* Pairs with the loads in hvuio_interrupt(), for info.uio_dev. */
	smp_store_release(&dev->registered, true);
	/* Pairs with hvuio_interrupt(): one of the two sees the other's store and notifies. */
	smp_mb();
	if (READ_ONCE(dev->early_event))
		uio_event_notify(&dev->info);
	return 0;

	/*
	 * A UIO core without "uio: Fix stale info pointer in failed registration path" still calls
	 * into info for a file that was opened while the registration failed, or is being opened at
	 * this moment. So dev is leaked; it refuses everything.
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
	hvuio_channel_reset(channel);
	if (is_nic)
		hvuio_buffer_destroy(dev->send, channel);
err_send:
	if (is_nic)
		hvuio_buffer_destroy(dev->recv, channel);
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

	/* Waits for those that read or write the files: nothing is resized any more. */
	sysfs_remove_group(&dev->hv->device.kobj, &hvuio_device_group);
	hvuio_device_stop(dev, &inodes);
	/* For a sub-channel that the host opens after all, until hvuio_sub_open() silences it. */
	WRITE_ONCE(dev->registered, false);
	/* For one that has read it: VMBus calls under RCU. */
	synchronize_rcu();
	uio_unregister_device(&dev->info);
	hvuio_maps_revoke(dev, &inodes);

	hvuio_channel_reset(channel);
	if (dev->recv->mem) {
		hvuio_buffer_destroy(dev->send, channel);
		hvuio_buffer_destroy(dev->recv, channel);
	}
	hvuio_ring_free(&dev->primary.ring);
	hv_set_drvdata(dev->hv, NULL);
	hvuio_device_put(dev);
}

/*
 * The host forgets its side of the protocol, so a program that has the device open cannot go on:
 * it gets EIO, as after a rescind, and finds a fresh channel when it opens the device again.
 */
void hvuio_device_suspend(struct hvuio_device *dev)
{
	bool connected;

	mutex_lock(&dev->lock);
	/* Closed, and its buffers are not shared, or will not be in a moment. */
	if (dev->gone)
		goto out;
	/* A sub-channel whose opening ended too late for the last close counts too. */
	connected = hvuio_has_channels(dev);
	if (dev->opens && !dev->lost) {
		dev->lost = true;
		connected = true;
		hvuio_stop_readers(dev);
	}
	if (connected)
		hvuio_disconnect(dev);
	if (dev->recv->mem) {
		hvuio_buffer_unshare(dev->send, dev->primary.channel);
		hvuio_buffer_unshare(dev->recv, dev->primary.channel);
	}
out:
	mutex_unlock(&dev->lock);
}

/* The names of a NIC's buffers change with their handles. */
int hvuio_device_resume(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	int ret = 0;

	mutex_lock(&dev->lock);
	if (dev->gone || !dev->recv->mem)
		goto out;
	ret = hvuio_buffer_share(dev->recv, channel, "recv");
	if (!ret)
		ret = hvuio_buffer_share(dev->send, channel, "send");
	if (ret) {
		dev_err(&dev->hv->device, "the host does not take the buffers again: %d\n", ret);
		hvuio_buffer_unshare(dev->recv, channel);
		dev->gone = true;
	}
out:
	mutex_unlock(&dev->lock);
	return ret;
}
