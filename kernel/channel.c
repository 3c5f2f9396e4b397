// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "hvuio.h"

/* Longer than any host takes to answer or to rescind a sub-channel that is being opened. */
#define HVUIO_OPENING_TIMEOUT	(10 * HZ)

/* Sub-channel callbacks that run in this module, whichever their device. */
static atomic_t hvuio_callbacks = ATOMIC_INIT(0);

/*
 * The channel callback, in hard interrupt context with the channel's sched_lock held. It gets the
 * device, which stays: closing a channel, and a rescind, take that lock to remove the callback.
 */
static void hvuio_interrupt(void *context)
{
	struct hvuio_device *dev = context;

	/* Pairs with the store in hvuio_device_create(): info.uio_dev is set when this is. */
	if (!smp_load_acquire(&dev->registered)) {
		WRITE_ONCE(dev->early_event, true);
		/* Either the store is seen below, or early_event is seen after it. */
		smp_mb();
		/* As above. */
		if (!smp_load_acquire(&dev->registered))
			return;
	}
	uio_event_notify(&dev->info);
}

/* Adds an open channel to those that are signalled. Under channels_lock. */
static void hvuio_channel_add(struct hvuio_device *dev, struct hvuio_channel *hc)
{
	WRITE_ONCE(hc->open, true);
	list_add_tail(&hc->node, &dev->channels);
}

/* A failed open leaves the callback in the channel, which may outlive its context. */
static void hvuio_callback_clear(struct vmbus_channel *channel)
{
	unsigned long flags;

	spin_lock_irqsave(&channel->sched_lock, flags);
	channel->onchannel_callback = NULL;
	spin_unlock_irqrestore(&channel->sched_lock, flags);
}

static bool hvuio_accepts(struct hvuio_device *dev)
{
	bool accepting;

	mutex_lock(&dev->channels_lock);
	accepting = dev->accepting;
	mutex_unlock(&dev->channels_lock);
	return accepting;
}

static struct hvuio_channel *hvuio_sub_connect(struct hvuio_device *dev, struct vmbus_channel *sub)
{
	struct hvuio_channel *hc;
	int ret;

	hc = kzalloc(sizeof(*hc), GFP_KERNEL);
	if (!hc)
		return NULL;
	hc->channel = sub;
	ret = hvuio_ring_alloc(&hc->ring, sub, hvuio_ring_bytes(&dev->primary.ring) / 2);
	if (ret)
		goto err_alloc;
	/* The closer waits for us, and the less there is to wait for, the better. */
	ret = -ECANCELED;
	if (!hvuio_accepts(dev))
		goto err_accept;
	set_channel_read_mode(sub, HV_CALL_ISR);
	ret = hvuio_ring_connect(hc, hvuio_interrupt, dev);
	if (ret)
		goto err_connect;
	return hc;

err_connect:
	hvuio_callback_clear(sub);
err_accept:
	hvuio_ring_free(&hc->ring);
err_alloc:
	kfree(hc);
	if (ret != -ECANCELED)
		pr_err("channel %u: cannot open the sub-channel: %d\n",
		       sub->offermsg.child_relid, ret);
	return NULL;
}

/* The host offered a sub-channel of a device that is open. */
static void hvuio_sub_open(struct hvuio_device *dev, struct vmbus_channel *sub)
{
	struct hvuio_channel *hc;

	mutex_lock(&dev->channels_lock);
	if (!dev->accepting) {
		mutex_unlock(&dev->channels_lock);
		return;
	}
	dev->opening++;
	mutex_unlock(&dev->channels_lock);

	hc = hvuio_sub_connect(dev, sub);

	mutex_lock(&dev->channels_lock);
	if (hc && dev->dead) {
		/*
		 * The host answered only after the closer had given up waiting. A sub-channel can
		 * be closed with its primary only, which is gone: this one stays open, and silent.
		 */
		pr_err("channel %u: opened by the host after its device was removed, leaking it\n",
		       sub->offermsg.child_relid);
		hvuio_callback_clear(sub);
		hc->ring.held_by_host = true;
		hvuio_ring_free(&hc->ring);
		kfree(hc);
	} else if (hc) {
		hvuio_channel_add(dev, hc);
		/*
		 * Only now: user space takes the file for a sign that it can be mapped. Under the
		 * lock, because closing removes the file of every channel that is in the list.
		 */
		if (hvuio_ring_file_create(hc))
			pr_err("channel %u: cannot create its ring file\n",
			       sub->offermsg.child_relid);
	}
	dev->opening--;
	wake_up(&dev->opening_done);
	mutex_unlock(&dev->channels_lock);
}

/*
 * Called by VMBus without a lock, and possibly after the callback was cleared: the device is
 * looked up, not taken from the primary, and hvuio_channels_quiesce() waits for the rest.
 */
static void hvuio_new_channel(struct vmbus_channel *sub)
{
	struct hvuio_device *dev;

	atomic_inc(&hvuio_callbacks);
	dev = hvuio_device_get(sub->primary_channel);
	if (dev) {
		hvuio_sub_open(dev, sub);
		hvuio_device_put(dev);
	}
	if (atomic_dec_and_test(&hvuio_callbacks))
		wake_up_var(&hvuio_callbacks);
}

/* No device is bound any more. Returns when no sub-channel callback runs or can start to. */
void hvuio_channels_quiesce(void)
{
	/* For one that VMBus is about to call: it does not sleep between the load and the count. */
	synchronize_rcu_tasks();
	wait_var_event(&hvuio_callbacks, !atomic_read(&hvuio_callbacks));
	/* For its last instructions. */
	synchronize_rcu_tasks();
}

/* Under lock. Opens the primary; sub-channels follow as the host offers them. */
int hvuio_connect(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	int ret;

	mutex_lock(&dev->channels_lock);
	dev->accepting = true;
	mutex_unlock(&dev->channels_lock);
	vmbus_set_sc_create_callback(channel, hvuio_new_channel);

	ret = hvuio_ring_connect(&dev->primary, hvuio_interrupt, dev);
	if (ret) {
		/* A failed open leaves our callbacks in the channel. */
		hvuio_disconnect(dev);
		return ret;
	}
	mutex_lock(&dev->channels_lock);
	hvuio_channel_add(dev, &dev->primary);
	mutex_unlock(&dev->channels_lock);
	return 0;
}

static void hvuio_sub_close(struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;

	/* The core unmaps the ring of a sub-channel only when the host agreed to its closing. */
	if (sub->outbound.ring_buffer || hvuio_ring_gpadl_is_held(sub))
		hc->ring.held_by_host = true;
	kobject_put(&sub->kobj);
	hvuio_ring_free(&hc->ring);
	kfree(hc);
}

/*
 * Under lock. Closes all channels; on return no channel callback runs and the host has given
 * every ring back, or the ring is marked as held. Right in any state of the channels, also after
 * a rescind and after an open that failed.
 */
void hvuio_disconnect(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	bool was_open = READ_ONCE(dev->primary.open);
	struct hvuio_channel *hc, *next;
	LIST_HEAD(closing);
	int ret;

	mutex_lock(&dev->channels_lock);
	dev->accepting = false;
	mutex_unlock(&dev->channels_lock);
	/*
	 * A sub-channel that is being opened could not be closed. The host's answer or its rescind
	 * ends the wait; the limit is for a rescind that is queued behind us.
	 */
	if (!wait_event_timeout(dev->opening_done, !READ_ONCE(dev->opening), HVUIO_OPENING_TIMEOUT))
		dev_warn(&dev->hv->device, "the host does not answer the opening of a sub-channel\n");

	mutex_lock(&dev->channels_lock);
	list_splice_init(&dev->channels, &closing);
	mutex_unlock(&dev->channels_lock);

	list_for_each_entry(hc, &closing, node) {
		WRITE_ONCE(hc->open, false);
		if (hc == &dev->primary)
			continue;
		hvuio_ring_file_remove(hc);
		/* Closing frees a sub-channel that was rescinded; hvuio_sub_close() looks at it. */
		kobject_get(&hc->channel->kobj);
	}

	/* Clears the callbacks of all channels and closes those that are open, the primary last. */
	ret = vmbus_disconnect_ring(channel);
	if (was_open && (ret || hvuio_ring_gpadl_is_held(channel))) {
		dev_err(&dev->hv->device, "the host does not close the channel: %d\n", ret);
		dev->primary.ring.held_by_host = true;
	}
	hvuio_ring_unmap(channel);

	list_for_each_entry_safe(hc, next, &closing, node) {
		list_del(&hc->node);
		if (hc != &dev->primary)
			hvuio_sub_close(hc);
	}
}

/*
 * As hvuio_disconnect(), before the device goes: no channel of it is open or will be opened. Does
 * nothing to a closed device: each walk over the sub-channels is a risk, because the core waits
 * for ever for one that is closed and is being rescinded at that moment. Under lock.
 */
void hvuio_disconnect_last(struct hvuio_device *dev)
{
	for (;;) {
		mutex_lock(&dev->channels_lock);
		dev->dead = list_empty(&dev->channels);
		mutex_unlock(&dev->channels_lock);
		if (dev->dead)
			break;
		hvuio_disconnect(dev);
	}
}

/*
 * A write to /dev/uioN, under info_lock: 0 masks the interrupts of all channels, anything else
 * lets them through and signals the host. The mask belongs to user space otherwise: a kernel that
 * sets it behind its back makes the host's next packet silent.
 */
int hvuio_irqcontrol(struct uio_info *info, s32 on)
{
	struct hvuio_device *dev = info->priv;
	struct hvuio_channel *hc;

	mutex_lock(&dev->channels_lock);
	list_for_each_entry(hc, &dev->channels, node) {
		struct vmbus_channel *channel = hc->channel;

		WRITE_ONCE(channel->inbound.ring_buffer->interrupt_mask, !on);
		if (!on || channel->offermsg.monitor_allocated)
			continue;
		/* The host must see the mask before it is woken. */
		virt_mb();
		vmbus_set_event(channel);
	}
	mutex_unlock(&dev->channels_lock);
	return 0;
}
