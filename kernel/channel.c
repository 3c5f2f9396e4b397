// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "hvuio.h"

/* Longer than any host takes to answer or to rescind a sub-channel that is being opened. */
#define HVUIO_OPENING_TIMEOUT	(10 * HZ)

/* Sub-channel callbacks and open_works that run in this module, whichever their device. */
static atomic_t hvuio_callbacks = ATOMIC_INIT(0);

/*
 * The channel callback, in hard interrupt context with the channel's sched_lock held. It gets the
 * device, which stays: closing a channel, and a rescind, take that lock to remove the callback.
 */
static void hvuio_interrupt(void *context)
{
	struct hvuio_device *dev = context;

	atomic64_inc(&dev->events);
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

/* 0 or -errno. */
static int hvuio_sub_connect(struct hvuio_device *dev, struct hvuio_channel *hc)
{
	int ret;

	ret = hvuio_ring_alloc(&hc->ring, hc->channel, READ_ONCE(dev->ring_size));
	if (ret)
		goto err_alloc;
	set_channel_read_mode(hc->channel, HV_CALL_ISR);
	ret = hvuio_sub_begin_open(hc->channel);
	if (ret)
		goto err_open;
	ret = hvuio_ring_connect(hc, hvuio_interrupt, dev);
	if (ret)
		hvuio_callback_clear(hc->channel);
	hvuio_sub_end_open(hc->channel, !ret);
	if (ret)
		goto err_open;
	return 0;

err_open:
	hvuio_ring_free(&hc->ring);
err_alloc:
	pr_err("channel %u: cannot open the sub-channel: %d\n",
	       hc->channel->offermsg.child_relid, ret);
	return ret;
}

/* Under channels_lock. */
static void hvuio_sub_opened(struct hvuio_device *dev, struct hvuio_channel *hc)
{
	u32 relid = hc->channel->offermsg.child_relid;

	if (dev->dead) {
		/*
		 * The host answered only after the closer had given up waiting. A sub-channel can
		 * be closed with its primary only, which is gone: this one stays open, and silent.
		 */
		pr_err("channel %u: opened by the host after its device was removed, leaking it\n",
		       relid);
		hvuio_callback_clear(hc->channel);
		hc->ring.held_by_host = true;
		hvuio_ring_free(&hc->ring);
		kfree(hc);
		return;
	}
	hvuio_channel_add(dev, hc);
	/*
	 * Only now: user space takes the file for a sign that it can be mapped. Under the lock,
	 * because closing removes the file of every channel that is in the list.
	 */
	if (hvuio_ring_file_create(hc))
		pr_err("channel %u: cannot create its ring file\n", relid);
}

static void hvuio_callback_done(struct hvuio_device *dev)
{
	hvuio_device_put(dev);
	if (atomic_dec_and_test(&hvuio_callbacks))
		wake_up_var(&hvuio_callbacks);
}

/* Opens the sub-channels that were offered, one by one. */
void hvuio_open_work(struct work_struct *work)
{
	struct hvuio_device *dev = container_of(work, struct hvuio_device, open_work);
	struct hvuio_channel *hc;
	int ret;

	mutex_lock(&dev->channels_lock);
	while (dev->accepting && !list_empty(&dev->offered)) {
		hc = list_first_entry(&dev->offered, struct hvuio_channel, node);
		list_del(&hc->node);
		dev->opening++;
		mutex_unlock(&dev->channels_lock);
		ret = hvuio_sub_connect(dev, hc);
		mutex_lock(&dev->channels_lock);
		if (!ret)
			hvuio_sub_opened(dev, hc);
		else if (dev->dead)
			kfree(hc);
		else
			list_add_tail(&hc->node, &dev->stranded);
		dev->opening--;
		wake_up(&dev->opening_done);
	}
	mutex_unlock(&dev->channels_lock);
	hvuio_callback_done(dev);
}

/* The host offered a sub-channel of a bound device. */
static void hvuio_sub_offered(struct hvuio_device *dev, struct vmbus_channel *sub)
{
	/* One that is not noted, and so not pinned, could be removed during a walk. */
	struct hvuio_channel *hc = kzalloc(sizeof(*hc), GFP_KERNEL | __GFP_NOFAIL);

	mutex_lock(&dev->channels_lock);
	if (!dev->accepting) {
		/* VMBus may be about to wait for it, and must not see it go. */
		if (dev->closing)
			complete(&sub->rescind_event);
		mutex_unlock(&dev->channels_lock);
		wait_event_timeout(dev->closing_done, !READ_ONCE(dev->closing), HZ);
		kfree(hc);
		return;
	}
	hc->channel = sub;
	hvuio_sub_pin(sub);
	list_add_tail(&hc->node, &dev->offered);
	kref_get(&dev->ref);
	atomic_inc(&hvuio_callbacks);
	if (!queue_work(system_long_wq, &dev->open_work)) {
		hvuio_device_put(dev);
		atomic_dec(&hvuio_callbacks);
	}
	mutex_unlock(&dev->channels_lock);
}

/*
 * Called by VMBus without a lock, and possibly after the callback was cleared: the device is
 * looked up, not taken from the primary, and hvuio_channels_quiesce() waits for the rest.
 *
 * The sub-channel is not opened here. The next one's callback comes only after this one, and its
 * rescind waits for its callback, as do all rescinds that come later: also that of this
 * sub-channel, which would be all that ends an opening that the host does not answer.
 */
static void hvuio_new_channel(struct vmbus_channel *sub)
{
	struct hvuio_device *dev;

	atomic_inc(&hvuio_callbacks);
	dev = hvuio_device_get(sub->primary_channel);
	if (dev) {
		hvuio_sub_offered(dev, sub);
		hvuio_device_put(dev);
	}
	if (atomic_dec_and_test(&hvuio_callbacks))
		wake_up_var(&hvuio_callbacks);
}

/* No device is bound any more. Returns when nothing of a sub-channel runs or can start to. */
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

	hvuio_subs_wait_gone(dev);
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
	hvuio_ring_unmap(sub);
	kobject_put(&sub->kobj);
	if (hc->ring.pages)
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
	LIST_HEAD(unopened);
	LIST_HEAD(closing);
	int ret;

	mutex_lock(&dev->channels_lock);
	dev->accepting = false;
	dev->closing = true;
	mutex_unlock(&dev->channels_lock);
	/*
	 * A sub-channel that is being opened could not be closed. The host's answer or its rescind
	 * ends the wait; the limit is for a rescind that is queued behind us.
	 */
	if (!wait_event_timeout(dev->opening_done, !READ_ONCE(dev->opening), HVUIO_OPENING_TIMEOUT))
		dev_warn(&dev->hv->device, "the host does not answer the opening of a sub-channel\n");

	mutex_lock(&dev->channels_lock);
	list_splice_init(&dev->channels, &closing);
	list_splice_init(&dev->offered, &unopened);
	list_splice_init(&dev->stranded, &unopened);
	mutex_unlock(&dev->channels_lock);

	list_for_each_entry_safe(hc, next, &closing, node) {
		WRITE_ONCE(hc->open, false);
		if (hc == &dev->primary) {
			list_del(&hc->node);
			continue;
		}
		hvuio_ring_file_remove(hc);
	}

	hvuio_subs_begin_walk(&closing, &unopened);
	/* Clears the callbacks of all channels and closes those that are open, the primary last. */
	ret = vmbus_disconnect_ring(channel);
	hvuio_subs_end_walk(&closing);
	mutex_lock(&dev->channels_lock);
	dev->closing = false;
	wake_up_all(&dev->closing_done);
	mutex_unlock(&dev->channels_lock);
	if (was_open && (ret || hvuio_ring_gpadl_is_held(channel))) {
		dev_err(&dev->hv->device, "the host does not close the channel: %d\n", ret);
		dev->primary.ring.held_by_host = true;
	}
	hvuio_ring_unmap(channel);

	list_for_each_entry_safe(hc, next, &closing, node) {
		list_del(&hc->node);
		hvuio_sub_close(hc);
	}
}

/* Under channels_lock. */
static bool hvuio_lists_channels(struct hvuio_device *dev)
{
	return !list_empty(&dev->channels) || !list_empty(&dev->offered) ||
	       !list_empty(&dev->stranded);
}

/* Whether there is a channel that hvuio_disconnect() has to close or to let go. */
bool hvuio_has_channels(struct hvuio_device *dev)
{
	bool ret;

	mutex_lock(&dev->channels_lock);
	ret = hvuio_lists_channels(dev);
	mutex_unlock(&dev->channels_lock);
	return ret;
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
		dev->dead = !hvuio_lists_channels(dev);
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
		atomic64_inc(&dev->signals);
	}
	mutex_unlock(&dev->channels_lock);
	return 0;
}
