// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file keeps the set of channels of a device. It opens and closes
 * sub-channels, even while the host rescinds them.
 *
 * VMBus handles the rescind of a sub-channel in three steps. Kernels with a
 * workqueue for rescinds (6.1 has it) handle one rescind at a time, and older
 * kernels handle several at once.
 *	1. Set rescind = true, which ends an opening that waits for the host.
 *	2. Wait for probe_done, which VMBus sets when the callback for a new
 *	   sub-channel returns.
 *	3. Remove the sub-channel if its state is CHANNEL_OPEN_STATE, which
 *	   means that it can be opened. In any other state complete
 *	   rescind_event, and leave the sub-channel to vmbus_disconnect_ring().
 * vmbus_disconnect_ring() walks over the sub-channels of a primary without a
 * lock. It waits, without a limit, for rescind_event of each rescinded
 * sub-channel, and removes those that are rescinded and open. If the host
 * rescinds a sub-channel during its close, VMBus removes it twice. All kernels
 * from 5.4 to 7.3 have these faults.
 *
 * So the module pins each sub-channel that it knows, from the offer to the
 * close: it gives the sub-channel a state in which VMBus does not remove it.
 * The module also clears probe_done while it opens a sub-channel and while
 * VMBus walks over all of them, which holds the rescind in step 2. Apart from
 * vmbus.c and compat/gpadl.h, these are the only places where the module writes
 * to memory of VMBus.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/poison.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/wait_bit.h>

#include "hvuio.h"

/*
 * The longest wait until the host answers the opening of a sub-channel or
 * rescinds it. If the host answers after that, in the microseconds in which it
 * also rescinds the sub-channel or VMBus walks over it, VMBus can remove the
 * sub-channel twice, or free rings that the module frees again.
 */
#define HVUIO_OPENING_TIMEOUT	(10 * HZ)
/*
 * The longest wait for a rescind that VMBus is handling, and of a suspend for
 * the rescinds that follow its close.
 */
#define HVUIO_RESCIND_TIMEOUT	(10 * HZ)
/*
 * The longest wait of an open for sub-channels that the host should have
 * rescinded, and of a close for unknown sub-channels before its first walk.
 */
#define HVUIO_LINGER_TIMEOUT	HZ
/* The longest wait of a close for unknown sub-channels before a later walk. */
#define HVUIO_KNOWN_TIMEOUT	(10 * HZ)
/*
 * The maximum number of passes of a close. Sub-channels that the host offers
 * meanwhile need another pass.
 */
#define HVUIO_CLOSE_PASSES	16

/* The number of running sub-channel callbacks and open_works, of any device. */
static atomic_t hvuio_callbacks = ATOMIC_INIT(0);

/*
 * Pin a sub-channel. The caller is the callback for its offer, or holds its
 * rescind.
 */
static void hvuio_sub_pin(struct vmbus_channel *sub)
{
	WRITE_ONCE(sub->state, CHANNEL_OPENING_STATE);
}

/*
 * Hold the rescind of a sub-channel. The caller then calls hvuio_subs_held().
 */
static void hvuio_sub_hold(struct vmbus_channel *sub)
{
	/*
	 * VMBus sets probe_done soon after the module's callback has returned.
	 */
	while (!READ_ONCE(sub->probe_done))
		msleep(1);
	WRITE_ONCE(sub->probe_done, false);
}

/*
 * Make hvuio_sub_hold() visible to all processors. A rescind that has already
 * read probe_done set its flag rescind before that, so the flag is visible when
 * this function returns. The barrier on each processor costs microseconds, and
 * synchronize_rcu() would cost milliseconds.
 */
static void hvuio_subs_held(void)
{
	kick_all_cpus_sync();
}

/*
 * Let the rescind continue. It sees every write to the sub-channel before this
 * call.
 */
static void hvuio_sub_release(struct vmbus_channel *sub)
{
	/* Pairs with the wait of VMBus's rescind for probe_done. */
	smp_store_release(&sub->probe_done, true);
}

/* Whether VMBus has removed @sub. The caller holds a reference to it. */
static bool hvuio_sub_is_removed(struct vmbus_channel *sub)
{
	return READ_ONCE(sub->sc_list.next) == LIST_POISON1;
}

/*
 * Whether only a walk can remove a sub-channel of a closed device: the host has
 * rescinded it, and VMBus leaves its removal to a walk.
 */
static bool hvuio_sub_is_left(const struct vmbus_channel *sub)
{
	return READ_ONCE(sub->rescind) && READ_ONCE(sub->state) == CHANNEL_OPENED_STATE;
}

/*
 * Leave a sub-channel without rings to VMBus, and release its rescind, which
 * the caller holds. A later rescind removes the sub-channel. If the host has
 * already rescinded it, VMBus may have handled that while the sub-channel was
 * pinned, and nothing removes it any more except a walk: that of the next open,
 * or that of another driver.
 */
static void hvuio_sub_leave(struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;
	bool rescinded = READ_ONCE(sub->rescind);

	WRITE_ONCE(sub->state, rescinded ? CHANNEL_OPENED_STATE : CHANNEL_OPEN_STATE);
	hvuio_sub_release(sub);
	if (!rescinded || !hc->late)
		return;
	/* Give the walk an event in place of the one that may be consumed. */
	wait_for_completion_timeout(&sub->rescind_event, HVUIO_RESCIND_TIMEOUT);
	complete(&sub->rescind_event);
}

/*
 * Hold a pinned sub-channel, and give it the state that VMBus requires for an
 * open. Returns 0, or -ENODEV if it is rescinded. hvuio_sub_opened() releases
 * it.
 *
 * This function and others below are noinline and __noclone because the
 * selftests stop a process in them by their names.
 */
static noinline __noclone int hvuio_sub_begin_open(struct vmbus_channel *sub)
{
	hvuio_sub_hold(sub);
	hvuio_subs_held();
	if (READ_ONCE(sub->rescind))
		return -ENODEV;
	WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
	return 0;
}

/*
 * Open a sub-channel with rings of its own, and leave its rescind held. Returns
 * 0, or -errno with a message.
 */
static noinline __noclone int hvuio_sub_open(struct hvuio_device *dev, struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;
	int begun, ret;

	/*
	 * Allocate before the rescind is held. The allocation may take a long
	 * time, and the rescinds of other sub-channels wait behind a held one.
	 */
	ret = hvuio_ring_alloc(&hc->ring, sub, READ_ONCE(dev->ring_size));
	begun = hvuio_sub_begin_open(sub);
	if (ret)
		goto err_alloc;
	ret = begun;
	if (ret)
		goto err_begin;
	set_channel_read_mode(sub, HV_CALL_ISR);
	ret = hvuio_ring_connect(&hc->ring, sub, hvuio_interrupt, dev);
	if (ret)
		goto err_connect;
	return 0;

err_connect:
	hvuio_vmbus_clear_callback(sub);
err_begin:
	hvuio_ring_free(&hc->ring);
err_alloc:
	pr_err("channel %u: cannot open the sub-channel: %d\n", sub->offermsg.child_relid, ret);
	return ret;
}

/* Record an offered sub-channel, with a reference to it. */
static struct hvuio_channel *hvuio_sub_create(struct vmbus_channel *sub)
{
	/*
	 * This must not fail: during a walk VMBus could remove a sub-channel
	 * that is not pinned.
	 */
	struct hvuio_channel *hc = kzalloc(sizeof(*hc), GFP_KERNEL | __GFP_NOFAIL);

	hc->channel = sub;
	hvuio_ring_file_init(hc);
	kobject_get(&sub->kobj);
	return hc;
}

/* Forget a sub-channel that is not open and has no rings. */
static void hvuio_sub_forget(struct hvuio_channel *hc)
{
	kobject_put(&hc->channel->kobj);
	kfree(hc);
}

/* Free the rings of a closed sub-channel, if it has any, and forget it. */
static void hvuio_sub_close(struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;

	/*
	 * VMBus unmaps the rings of a sub-channel only after the host has
	 * confirmed the close.
	 */
	if (sub->outbound.ring_buffer || hvuio_ring_gpadl_is_unreleased(sub))
		hc->ring.unreleased = true;
	hvuio_ring_unmap(sub);
	if (hc->ring.pages)
		hvuio_ring_free(&hc->ring);
	hvuio_sub_forget(hc);
}

/*
 * Silence an open sub-channel and leak its rings. Only a walk can close it, and
 * remove it after its rescind: that of the next open, or that of another
 * driver.
 */
static void hvuio_sub_leak(struct hvuio_channel *hc)
{
	hvuio_vmbus_clear_callback(hc->channel);
	hc->ring.unreleased = true;
	hvuio_ring_free(&hc->ring);
}

/*
 * Release the rescind of a sub-channel whose opening has ended after its device
 * was removed, and forget the sub-channel.
 */
static void hvuio_sub_abandon(struct hvuio_channel *hc, int result)
{
	if (result) {
		hvuio_sub_leave(hc);
	} else {
		pr_err("channel %u: opened by the host after its device was removed, leaking it\n",
		       hc->channel->offermsg.child_relid);
		hvuio_sub_leak(hc);
		hvuio_sub_release(hc->channel);
	}
	hvuio_sub_forget(hc);
}

/*
 * Release the rescind of the sub-channel that was being opened, and handle the
 * result. The caller holds set.lock.
 */
static void hvuio_sub_opened(struct hvuio_set *set, struct hvuio_channel *hc, int result)
{
	if (result)
		hvuio_sub_pin(hc->channel);
	hvuio_sub_release(hc->channel);
	/* The close handles a sub-channel that was opened too late. */
	if (result || set->state != HVUIO_SET_ACCEPTING) {
		list_add_tail(&hc->node, &set->unopened);
		return;
	}
	hvuio_set_add(set, hc);
	/*
	 * Create the file last, because user space may map it as soon as it
	 * exists. Create it under the lock, because a close removes the file of
	 * every channel in the list.
	 */
	if (hvuio_ring_file_create(hc))
		pr_err("channel %u: cannot create its ring file\n",
		       hc->channel->offermsg.child_relid);
}

static void hvuio_callback_done(void)
{
	if (atomic_dec_and_test(&hvuio_callbacks))
		wake_up_var(&hvuio_callbacks);
}

/*
 * Open the offered sub-channels, one after the other. It would be quicker to
 * hold the rescinds of several at once, but a held rescind could block another
 * one that would end an opening.
 */
static noinline __noclone void hvuio_subs_open_work(struct work_struct *work)
{
	struct hvuio_set *set = container_of(work, struct hvuio_set, open_work);
	struct hvuio_device *dev = container_of(set, struct hvuio_device, set);
	struct hvuio_channel *hc;
	bool dead = false;
	int ret;

	mutex_lock(&set->lock);
	while (set->state == HVUIO_SET_ACCEPTING && !list_empty(&set->offered)) {
		hc = list_first_entry(&set->offered, struct hvuio_channel, node);
		list_del(&hc->node);
		set->opening = hc;
		mutex_unlock(&set->lock);
		ret = hvuio_sub_open(dev, hc);
		mutex_lock(&set->lock);
		dead = set->state == HVUIO_SET_DEAD;
		if (!dead)
			hvuio_sub_opened(set, hc, ret);
		WRITE_ONCE(set->opening, NULL);
		wake_up(&set->opened);
	}
	mutex_unlock(&set->lock);
	if (dead)
		hvuio_sub_abandon(hc, ret);
	hvuio_device_put(dev);
	hvuio_callback_done();
}

/* Handle a sub-channel that the host has offered for a bound device. */
static noinline __noclone void hvuio_sub_offered(struct hvuio_device *dev,
						 struct vmbus_channel *sub)
{
	struct hvuio_channel *hc = hvuio_sub_create(sub);
	struct hvuio_set *set = &dev->set;

	mutex_lock(&set->lock);
	switch (set->state) {
	case HVUIO_SET_ACCEPTING:
		hvuio_sub_pin(sub);
		list_add_tail(&hc->node, &set->offered);
		hvuio_device_get(dev);
		atomic_inc(&hvuio_callbacks);
		if (!queue_work(system_long_wq, &set->open_work)) {
			hvuio_device_put(dev);
			hvuio_callback_done();
		}
		break;
	case HVUIO_SET_CLOSING:
		/*
		 * The walk may wait for its rescind, which continues when this
		 * callback returns.
		 */
		hvuio_sub_pin(sub);
		hc->late = true;
		list_add_tail(&hc->node, &set->unopened);
		break;
	default:
		hvuio_sub_forget(hc);
	}
	mutex_unlock(&set->lock);
}

/*
 * Handle the offer of a sub-channel. VMBus calls this without a lock, and
 * possibly after the callback was cleared. So the function looks the device up
 * instead of reading it from the primary, and hvuio_subs_quiesce() waits for
 * callbacks.
 *
 * The function does not open the sub-channel. VMBus calls the callback for the
 * next sub-channel only after this one. The rescind of that sub-channel waits
 * for its callback, and other rescinds wait behind it. The rescind of this
 * sub-channel may be one of those, and only this rescind can end an opening
 * that the host does not answer.
 */
static void hvuio_sub_callback(struct vmbus_channel *sub)
{
	struct hvuio_device *dev;

	atomic_inc(&hvuio_callbacks);
	dev = hvuio_device_find(sub->primary_channel);
	if (dev) {
		hvuio_sub_offered(dev, sub);
		hvuio_device_put(dev);
	}
	hvuio_callback_done();
}

/*
 * Wait until no code for sub-channels is running or can start. No device is
 * bound any more.
 */
void hvuio_subs_quiesce(void)
{
	/*
	 * This waits for a callback that VMBus is about to call. VMBus does not
	 * sleep between its load of the pointer and the count.
	 */
	synchronize_rcu_tasks();
	wait_var_event(&hvuio_callbacks, !atomic_read(&hvuio_callbacks));
	/* This waits for the last instructions of a callback. */
	synchronize_rcu_tasks();
}

void hvuio_set_init(struct hvuio_set *set)
{
	mutex_init(&set->lock);
	INIT_LIST_HEAD(&set->open);
	INIT_LIST_HEAD(&set->offered);
	INIT_LIST_HEAD(&set->unopened);
	init_waitqueue_head(&set->opened);
	INIT_WORK(&set->open_work, hvuio_subs_open_work);
}

/* Change the state of the set. The caller holds set.lock. */
static void hvuio_set_move(struct hvuio_set *set, enum hvuio_set_state to)
{
	static const u8 from[] = {
		[HVUIO_SET_CLOSED] = BIT(HVUIO_SET_ACCEPTING) | BIT(HVUIO_SET_CLOSING),
		[HVUIO_SET_ACCEPTING] = BIT(HVUIO_SET_CLOSED),
		[HVUIO_SET_CLOSING] = BIT(HVUIO_SET_CLOSED) | BIT(HVUIO_SET_ACCEPTING),
		[HVUIO_SET_DEAD] = BIT(HVUIO_SET_CLOSED),
	};

	lockdep_assert_held(&set->lock);
	HVUIO_ASSERT(from[to] & BIT(set->state));
	set->state = to;
}

/* Add an open channel to those to signal. The caller holds set.lock. */
void hvuio_set_add(struct hvuio_set *set, struct hvuio_channel *hc)
{
	lockdep_assert_held(&set->lock);
	WRITE_ONCE(hc->open, true);
	list_add_tail(&hc->node, &set->open);
}

/* Whether a list of the set has a channel. The caller holds set.lock. */
static bool hvuio_set_is_listing(struct hvuio_set *set)
{
	return !list_empty(&set->open) || !list_empty(&set->offered) ||
	       !list_empty(&set->unopened);
}

/* Whether there is no channel that hvuio_subs_close() has to handle. */
bool hvuio_set_is_empty(struct hvuio_set *set)
{
	bool ret;

	mutex_lock(&set->lock);
	ret = !hvuio_set_is_listing(set);
	mutex_unlock(&set->lock);
	return ret;
}

/*
 * Return the relid of a sub-channel that VMBus knows, or U32_MAX if there is
 * none. *only_left is whether all of them are left to a walk.
 */
static u32 hvuio_subs_remaining(struct vmbus_channel *primary, bool *only_left)
{
	struct list_head *list = &primary->sc_list, *at;
	struct vmbus_channel *sub;
	u32 relid = U32_MAX;

	*only_left = true;
	/* VMBus frees a channel after a grace period. */
	rcu_read_lock();
	for (at = READ_ONCE(list->next); at != list && *only_left; at = READ_ONCE(at->next)) {
		/* VMBus has just removed it, so begin again. */
		if (at == LIST_POISON1) {
			relid = U32_MAX;
			at = list;
			continue;
		}
		sub = list_entry(at, struct vmbus_channel, sc_list);
		relid = sub->offermsg.child_relid;
		*only_left = hvuio_sub_is_left(sub);
	}
	rcu_read_unlock();
	return relid;
}

/*
 * Let a walk of VMBus remove the sub-channels of a closed device if all of them
 * are left to a walk. No walk may meet a sub-channel that is neither pinned nor
 * left, so those that the host offers meanwhile are pinned.
 */
static void hvuio_subs_walk_left(struct hvuio_device *dev)
{
	struct vmbus_channel *primary = dev->primary.channel;
	struct hvuio_set *set = &dev->set;
	bool only_left;

	mutex_lock(&set->lock);
	hvuio_set_move(set, HVUIO_SET_CLOSING);
	mutex_unlock(&set->lock);
	vmbus_set_sc_create_callback(primary, hvuio_sub_callback);
	/* VMBus lists a sub-channel before it reads the callback. */
	smp_mb();
	hvuio_subs_remaining(primary, &only_left);
	if (only_left)
		vmbus_disconnect_ring(primary);
	vmbus_set_sc_create_callback(primary, NULL);
	mutex_lock(&set->lock);
	hvuio_set_move(set, HVUIO_SET_CLOSED);
	mutex_unlock(&set->lock);
}

/*
 * Wait until VMBus has removed the sub-channels of the last session, or for
 * @timeout, and remove those that are left to a walk. The device is closed. The
 * rescind of the primary ends the wait, because the rescinds of the
 * sub-channels may be queued behind it. Returns the relid of a sub-channel that
 * VMBus still knows, or U32_MAX.
 */
static u32 hvuio_subs_clear(struct hvuio_device *dev, unsigned long timeout)
{
	struct vmbus_channel *primary = dev->primary.channel;
	unsigned long end = jiffies + timeout;
	bool only_left;
	u32 relid;

	for (;;) {
		relid = hvuio_subs_remaining(primary, &only_left);
		if (only_left || READ_ONCE(primary->rescind) || time_after(jiffies, end))
			break;
		msleep(1);
	}
	if (only_left && relid != U32_MAX) {
		hvuio_subs_walk_left(dev);
		relid = hvuio_subs_remaining(primary, &only_left);
	}
	return relid;
}

/*
 * Wait for the rescinds of sub-channels after a close, before VMBus is
 * suspended. VMBus's own wait is faulty in 5.10 and 6.12: whenever the last
 * sub-channel of all devices goes, ready_for_suspend_event is completed, and
 * only a resume resets it, so that a suspend may not wait. 6.12 also ignores
 * rescinds before it waits, so that it may wait for ever. A sub-channel that is
 * missed stays in VMBus's list and in the count of the next suspend.
 */
void hvuio_subs_suspend(struct hvuio_device *dev)
{
	u32 left = hvuio_subs_clear(dev, HVUIO_RESCIND_TIMEOUT);

	if (left != U32_MAX)
		dev_warn(&dev->hv->device,
			 "suspended before the host has taken back sub-channel %u\n", left);
}

/*
 * Accept sub-channels, before the primary is opened. The sub-channels of the
 * last session are closed, and Hyper-V rescinds them when the primary is
 * closed. A sub-channel that is still there is neither listed nor pinned, so
 * VMBus could remove it during the next walk. Returns 0, or -EBUSY with a
 * message.
 */
int hvuio_subs_accept(struct hvuio_device *dev)
{
	struct vmbus_channel *primary = dev->primary.channel;
	struct hvuio_set *set = &dev->set;
	bool only_left;
	u32 left;

	hvuio_subs_clear(dev, HVUIO_LINGER_TIMEOUT);
	/* Set the callback first, so that the module misses no sub-channel. */
	vmbus_set_sc_create_callback(primary, hvuio_sub_callback);
	/* VMBus lists a sub-channel before it reads the callback. */
	smp_mb();

	mutex_lock(&set->lock);
	left = hvuio_subs_remaining(primary, &only_left);
	if (left == U32_MAX)
		hvuio_set_move(set, HVUIO_SET_ACCEPTING);
	mutex_unlock(&set->lock);
	if (left == U32_MAX)
		return 0;
	vmbus_set_sc_create_callback(primary, NULL);
	dev_err_ratelimited(&dev->hv->device,
			    "not opened: the host has not taken back sub-channel %u yet\n", left);
	return -EBUSY;
}

/*
 * Move all known sub-channels to @subs, remove the ring files of the open ones,
 * and mark the primary as not open.
 */
static void hvuio_subs_collect(struct hvuio_device *dev, struct list_head *subs)
{
	struct hvuio_set *set = &dev->set;
	struct hvuio_channel *hc, *next;
	LIST_HEAD(opened);

	mutex_lock(&set->lock);
	list_splice_init(&set->open, &opened);
	list_splice_tail_init(&set->offered, subs);
	list_splice_tail_init(&set->unopened, subs);
	mutex_unlock(&set->lock);

	list_for_each_entry_safe(hc, next, &opened, node) {
		WRITE_ONCE(hc->open, false);
		if (hc == &dev->primary)
			list_del(&hc->node);
		else
			hvuio_ring_file_remove(hc);
	}
	list_splice_tail(&opened, subs);
}

/*
 * Whether VMBus knows no sub-channel except those in @subs, the one that is
 * being opened, and those that are left to a walk. Only the calling close frees
 * the first two.
 */
static bool hvuio_subs_are_all(struct hvuio_device *dev, const struct list_head *subs)
{
	const struct list_head *list = &dev->primary.channel->sc_list;
	const struct hvuio_channel *hc;
	const struct list_head *at;
	struct vmbus_channel *sub;
	bool known = true;

	/* VMBus frees a channel after a grace period. */
	rcu_read_lock();
	for (at = READ_ONCE(list->next); known && at != list; at = READ_ONCE(at->next)) {
		/* VMBus has just removed it. */
		if (at == LIST_POISON1) {
			known = false;
			break;
		}
		sub = list_entry(at, struct vmbus_channel, sc_list);
		hc = READ_ONCE(dev->set.opening);
		known = (hc && hc->channel == sub) || hvuio_sub_is_left(sub);
		list_for_each_entry(hc, subs, node)
			if (hc->channel == sub)
				known = true;
	}
	rcu_read_unlock();
	return known;
}

/*
 * Wait until @subs has all sub-channels, and add those that the host offers
 * meanwhile. Sub-channels that an earlier walk has closed are not protected any
 * more, and a walk must not meet them while the host rescinds them. Returns
 * whether @subs has all of them.
 */
static bool hvuio_subs_wait_known(struct hvuio_device *dev, struct list_head *subs,
				  unsigned long timeout)
{
	unsigned long end = jiffies + timeout;

	while (!hvuio_subs_are_all(dev, subs)) {
		if (time_after(jiffies, end))
			return false;
		msleep(1);
		hvuio_subs_collect(dev, subs);
	}
	return true;
}

/*
 * Prepare the sub-channels for the walk of vmbus_disconnect_ring(). The walk
 * then closes those that are open and removes those that are already rescinded.
 * It does not wait for later rescinds, which wait for hvuio_subs_end_walk().
 */
static noinline __noclone void hvuio_subs_begin_walk(struct list_head *subs)
{
	struct hvuio_channel *hc;

	if (list_empty(subs))
		return;
	list_for_each_entry(hc, subs, node) {
		/*
		 * Nothing holds the rescind of a late sub-channel, and VMBus
		 * may have consumed its event. The module then assumes that the
		 * rescind has ended when the timeout expires.
		 */
		if (hc->late && READ_ONCE(hc->channel->rescind))
			wait_for_completion_timeout(&hc->channel->rescind_event,
						    HVUIO_RESCIND_TIMEOUT);
		else
			hc->late = false;
		hvuio_sub_hold(hc->channel);
		hc->walk = HVUIO_WALK_HELD;
	}
	hvuio_subs_held();
	list_for_each_entry(hc, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (READ_ONCE(sub->rescind)) {
			hvuio_sub_release(sub);
			/*
			 * The rescind takes nothing but channel_mutex, for
			 * which the walk waits, too.
			 */
			if (!hc->late)
				wait_for_completion(&sub->rescind_event);
			hc->walk = HVUIO_WALK_FREE;
			WRITE_ONCE(sub->state, CHANNEL_OPENED_STATE);
		} else if (!hc->ring.pages) {
			WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
		}
		complete(&sub->rescind_event);
	}
}

/*
 * Forget the rescinded sub-channels without rings before the walk removes them.
 * Their directory in sysfs stays as long as the module has a reference. The
 * primary is still open, so the host may offer another sub-channel with the
 * same relid as soon as VMBus has removed this one.
 */
static void hvuio_subs_forget_rescinded(struct list_head *subs)
{
	struct hvuio_channel *hc, *next;

	list_for_each_entry_safe(hc, next, subs, node) {
		if (hc->ring.pages || hc->walk != HVUIO_WALK_FREE ||
		    !READ_ONCE(hc->channel->rescind))
			continue;
		list_del(&hc->node);
		hvuio_sub_close(hc);
	}
}

/*
 * Let the rescinds continue that waited for the end of the walk, and wait until
 * they have ended.
 */
static noinline __noclone void hvuio_subs_end_walk(struct list_head *subs)
{
	unsigned long end = jiffies + HVUIO_RESCIND_TIMEOUT;
	struct hvuio_channel *hc;

	list_for_each_entry(hc, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (hc->walk != HVUIO_WALK_HELD)
			continue;
		if (hvuio_sub_is_removed(sub)) {
			/*
			 * In this state the rescind does not remove it again,
			 * and only completes rescind_event.
			 */
			hc->walk = HVUIO_WALK_REMOVED;
			WRITE_ONCE(sub->state, CHANNEL_OFFER_STATE);
			reinit_completion(&sub->rescind_event);
		}
		hvuio_sub_release(sub);
	}
	list_for_each_entry(hc, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (hc->walk == HVUIO_WALK_REMOVED &&
		    !wait_for_completion_timeout(&sub->rescind_event,
						 HVUIO_RESCIND_TIMEOUT)) {
			pr_warn("channel %u: its rescind does not end, leaking the channel\n",
				sub->offermsg.child_relid);
			kobject_get(&sub->kobj);
		}
		/* A rescind that was held removes its sub-channel. */
		while (hc->walk == HVUIO_WALK_HELD && READ_ONCE(sub->rescind) &&
		       !hvuio_sub_is_removed(sub) && time_before(jiffies, end))
			msleep(1);
	}
}

/*
 * Wait until no sub-channel is being opened, because VMBus cannot close it. The
 * host's answer or the rescind ends the wait. The wait has a limit, because the
 * rescind may be queued behind this thread.
 */
static void hvuio_subs_wait_opened(struct hvuio_device *dev)
{
	struct hvuio_set *set = &dev->set;

	if (wait_event_timeout(set->opened, !READ_ONCE(set->opening), HVUIO_OPENING_TIMEOUT))
		return;
	dev_warn(&dev->hv->device, "the host does not answer the opening of a sub-channel\n");
	mutex_lock(&set->lock);
	if (set->opening)
		set->opening->late = true;
	mutex_unlock(&set->lock);
}

/*
 * Let VMBus close @subs and then the primary, and forget the sub-channels.
 * Returns the result of vmbus_disconnect_ring() for the primary.
 */
static int hvuio_subs_walk(struct hvuio_device *dev, struct list_head *subs)
{
	struct hvuio_channel *hc, *next;
	int ret;

	hvuio_subs_begin_walk(subs);
	hvuio_subs_forget_rescinded(subs);
	/* This also clears the callbacks of all channels. */
	ret = vmbus_disconnect_ring(dev->primary.channel);
	hvuio_subs_end_walk(subs);
	list_for_each_entry_safe(hc, next, subs, node) {
		list_del(&hc->node);
		hvuio_sub_close(hc);
	}
	return ret;
}

/*
 * Close all channels of the device, the primary last, and forget the
 * sub-channels that were offered and not opened. The channels may have any
 * state, for instance after a rescind or a failed open. Returns the result of
 * vmbus_disconnect_ring() for the primary.
 */
int hvuio_subs_close(struct hvuio_device *dev)
{
	struct vmbus_channel *primary = dev->primary.channel;
	struct hvuio_set *set = &dev->set;
	int pass, ret, result = 0;
	LIST_HEAD(subs);
	bool first;

	mutex_lock(&set->lock);
	/*
	 * In a session the module knows all sub-channels, except those whose
	 * callbacks are about to come.
	 */
	first = set->state == HVUIO_SET_ACCEPTING;
	hvuio_set_move(set, HVUIO_SET_CLOSING);
	mutex_unlock(&set->lock);
	hvuio_subs_wait_opened(dev);

	for (pass = 0; pass < HVUIO_CLOSE_PASSES; pass++) {
		/*
		 * VMBus clears the callback when it closes the primary, and
		 * when the host rescinds the primary.
		 */
		vmbus_set_sc_create_callback(primary, hvuio_sub_callback);
		hvuio_subs_collect(dev, &subs);
		if (first)
			/* Missing callbacks come now, or not at all. */
			hvuio_subs_wait_known(dev, &subs, HVUIO_LINGER_TIMEOUT);
		else if (list_empty(&subs) ||
			 !hvuio_subs_wait_known(dev, &subs, HVUIO_KNOWN_TIMEOUT))
			break;
		ret = hvuio_subs_walk(dev, &subs);
		if (first)
			result = ret;
		first = false;
	}
	vmbus_set_sc_create_callback(primary, NULL);
	mutex_lock(&set->lock);
	list_splice(&subs, &set->unopened);
	hvuio_set_move(set, HVUIO_SET_CLOSED);
	mutex_unlock(&set->lock);
	return result;
}

/*
 * Leave to VMBus the sub-channels that the module could not close because the
 * host did not rescind others, and leak the rings of the open ones.
 */
static void hvuio_subs_leave(struct hvuio_device *dev)
{
	struct hvuio_channel *hc, *next;
	LIST_HEAD(subs);

	hvuio_subs_collect(dev, &subs);
	list_for_each_entry_safe(hc, next, &subs, node) {
		dev_warn(&dev->hv->device, "sub-channel %u is left to VMBus\n",
			 hc->channel->offermsg.child_relid);
		list_del(&hc->node);
		if (hc->ring.pages) {
			hvuio_sub_leak(hc);
		} else {
			hvuio_sub_hold(hc->channel);
			hvuio_subs_held();
			hvuio_sub_leave(hc);
		}
		hvuio_sub_forget(hc);
	}
}

/*
 * Leak a primary channel that is removed before its sub-channels. VMBus links a
 * sub-channel to its primary without a reference, and would later unlink the
 * sub-channel from freed memory.
 */
static void hvuio_primary_leak(struct vmbus_channel *primary)
{
	pr_warn("channel %u: removed before its sub-channels, leaking it\n",
		primary->offermsg.child_relid);
	kobject_get(&primary->kobj);
	kmemleak_not_leak(primary);
}

/*
 * Refuse all further sub-channels, because the device is being removed. Its
 * channels are closed.
 */
void hvuio_subs_end(struct hvuio_device *dev)
{
	hvuio_subs_leave(dev);
	hvuio_subs_clear(dev, HVUIO_LINGER_TIMEOUT);
	mutex_lock(&dev->set.lock);
	hvuio_set_move(&dev->set, HVUIO_SET_DEAD);
	mutex_unlock(&dev->set.lock);
	/* Others may have come meanwhile. */
	hvuio_subs_leave(dev);
	if (!list_empty_careful(&dev->primary.channel->sc_list))
		hvuio_primary_leak(dev->primary.channel);
}
