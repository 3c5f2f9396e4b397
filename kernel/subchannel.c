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
#include <linux/wait_bit.h>

#include "hvuio.h"

/*
 * The longest wait until the host answers the opening of a sub-channel or
 * rescinds it. If the host answers after that, in the microseconds in which it
 * also rescinds the sub-channel or VMBus walks over it, VMBus can remove the
 * sub-channel twice, or free rings that the module frees again.
 */
#define HVUIO_OPENING_TIMEOUT (10 * HZ)
/*
 * The longest wait for a rescind that VMBus is handling, and of a suspend for
 * the rescinds that follow its close.
 */
#define HVUIO_RESCIND_TIMEOUT (10 * HZ)
/*
 * The longest wait of an open for sub-channels that the host should have
 * rescinded, and for unknown sub-channels at the end of a session.
 */
#define HVUIO_LINGER_TIMEOUT HZ
/* The longest wait for unknown sub-channels before any other walk. */
#define HVUIO_KNOWN_TIMEOUT (10 * HZ)
/*
 * The maximum number of passes for late sub-channels. Those that the host
 * offers meanwhile need another pass.
 */
#define HVUIO_CLOSE_PASSES 16

/* The number of running sub-channel callbacks and open_works, of any device. */
static atomic_t hvuio_callbacks = ATOMIC_INIT(0);

/*
 * The state of a sub-channel decides who removes it after its rescind, and the
 * module chooses the state:
 *
 *	state	its rescind		a walk
 *	OPENING	completes rescind_event	passes over it
 *	OPEN	removes it		passes over it
 *	OPENED	completes rescind_event	closes it, removes it if rescinded
 *	OFFER	completes rescind_event	does not meet it any more
 */
enum hvuio_remover {
	/*
	 * The sub-channel is pinned: by the callback for its offer, or by the
	 * one who holds its rescind.
	 */
	HVUIO_REMOVER_NONE = CHANNEL_OPENING_STATE,
	HVUIO_REMOVER_RESCIND = CHANNEL_OPEN_STATE,
	HVUIO_REMOVER_WALK = CHANNEL_OPENED_STATE,
	HVUIO_REMOVER_WAS_WALK = CHANNEL_OFFER_STATE,
};

static void hvuio_sub_set_remover(struct vmbus_channel *sub, enum hvuio_remover remover)
{
	WRITE_ONCE(sub->state, (enum vmbus_channel_state)remover);
}

/*
 * Change the state of a channel. The caller holds set.lock, or is the close
 * that has collected the channel, or the work item that abandons it.
 */
static void hvuio_channel_move(struct hvuio_channel *hc, enum hvuio_channel_state to)
{
	static const u16 from[HVUIO_CHANNEL_STATES] = {
		[HVUIO_CHANNEL_CLOSED] = BIT(HVUIO_CHANNEL_CLOSING),
		[HVUIO_CHANNEL_OPENING] = BIT(HVUIO_CHANNEL_OFFERED),
		[HVUIO_CHANNEL_OVERDUE] = BIT(HVUIO_CHANNEL_OPENING) | BIT(HVUIO_CHANNEL_OVERDUE),
		[HVUIO_CHANNEL_OPEN] = BIT(HVUIO_CHANNEL_CLOSED) | BIT(HVUIO_CHANNEL_OPENING),
		[HVUIO_CHANNEL_CLOSING] = BIT(HVUIO_CHANNEL_OPEN) | BIT(HVUIO_CHANNEL_OPENING),
		[HVUIO_CHANNEL_UNOPENED] = BIT(HVUIO_CHANNEL_OPENING),
		[HVUIO_CHANNEL_LATE] = BIT(HVUIO_CHANNEL_OVERDUE),
		[HVUIO_CHANNEL_WALKED] = BIT(HVUIO_CHANNEL_OFFERED) | BIT(HVUIO_CHANNEL_UNOPENED) |
					 BIT(HVUIO_CHANNEL_CLOSING) | BIT(HVUIO_CHANNEL_LATE),
		[HVUIO_CHANNEL_RESCINDED] = BIT(HVUIO_CHANNEL_WALKED) | BIT(HVUIO_CHANNEL_LATE),
		[HVUIO_CHANNEL_REMOVED] = BIT(HVUIO_CHANNEL_WALKED),
	};

	HVUIO_ASSERT(from[to] & BIT(hc->state));
	WRITE_ONCE(hc->state, to);
}

static bool hvuio_channel_has_rings(const struct hvuio_channel *hc)
{
	return hc->ring.nr_pages;
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
 * this function returns.
 *
 * In a grace period, each processor executes a full barrier: when it reports
 * its quiescent state, or on its way into the idle loop or user space. If the
 * barrier comes after the rescind has set its flag, the flag is visible here.
 * Otherwise the rescind reads probe_done after the barrier, and waits.
 * kick_all_cpus_sync() would do the same, but interrupts also the processors of
 * nohz_full that run in user space. synchronize_rcu() would take milliseconds,
 * and PREEMPT_RT uses it in place of this one.
 */
static void hvuio_subs_held(void)
{
	synchronize_rcu_expedited();
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
	return READ_ONCE(sub->rescind) &&
	       READ_ONCE(sub->state) == (enum vmbus_channel_state)HVUIO_REMOVER_WALK;
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

	hvuio_sub_set_remover(sub, rescinded ? HVUIO_REMOVER_WALK : HVUIO_REMOVER_RESCIND);
	hvuio_sub_release(sub);
	if (!rescinded)
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
	hvuio_sub_set_remover(sub, HVUIO_REMOVER_RESCIND);
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
	if (hvuio_channel_has_rings(hc))
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
	hvuio_channel_move(hc, HVUIO_CHANNEL_LATE);
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
	enum hvuio_channel_state to;
	int ret;

	if (hc->state == HVUIO_CHANNEL_OVERDUE)
		to = HVUIO_CHANNEL_LATE;
	else if (result)
		to = HVUIO_CHANNEL_UNOPENED;
	else if (set->state == HVUIO_SET_ACCEPTING)
		to = HVUIO_CHANNEL_OPEN;
	else
		to = HVUIO_CHANNEL_CLOSING;

	if (result)
		hvuio_sub_set_remover(hc->channel, HVUIO_REMOVER_NONE);
	hvuio_sub_release(hc->channel);
	hvuio_channel_move(hc, to);
	list_add_tail(&hc->node, &set->channels);
	if (hc->state != HVUIO_CHANNEL_OPEN)
		return;
	/*
	 * Create the file last, because user space may map it as soon as it
	 * exists. Create it under the lock, because a close removes the file of
	 * every channel in the list.
	 */
	ret = hvuio_ring_file_create(hc);
	if (ret)
		pr_err("channel %u: cannot create the ring file: %d\n",
		       hc->channel->offermsg.child_relid, ret);
}

static void hvuio_callback_done(void)
{
	if (atomic_dec_and_test(&hvuio_callbacks))
		wake_up_var(&hvuio_callbacks);
}

/*
 * Take the next sub-channel to open out of the set, or return NULL if there is
 * none. The caller holds set.lock.
 */
static struct hvuio_channel *hvuio_set_take_offered(struct hvuio_set *set)
{
	struct hvuio_channel *hc;

	if (set->state != HVUIO_SET_ACCEPTING)
		return NULL;
	list_for_each_entry(hc, &set->channels, node) {
		if (hc->state == HVUIO_CHANNEL_OFFERED) {
			list_del(&hc->node);
			hvuio_channel_move(hc, HVUIO_CHANNEL_OPENING);
			return hc;
		}
	}
	return NULL;
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
	while ((hc = hvuio_set_take_offered(set))) {
		set->opening = hc;
		mutex_unlock(&set->lock);
		ret = hvuio_sub_open(dev, hc);
		mutex_lock(&set->lock);
		dead = set->state == HVUIO_SET_DEAD;
		if (!dead)
			hvuio_sub_opened(set, hc, ret);
		WRITE_ONCE(set->opening, NULL);
		wake_up(&set->opened);
		if (dead)
			break;
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
		hvuio_sub_set_remover(sub, HVUIO_REMOVER_NONE);
		hc->state = HVUIO_CHANNEL_OFFERED;
		list_add_tail(&hc->node, &set->channels);
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
		hvuio_sub_set_remover(sub, HVUIO_REMOVER_NONE);
		hc->state = HVUIO_CHANNEL_LATE;
		list_add_tail(&hc->node, &set->channels);
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
 * Whether hvuio_subs_quiesce() waits for a callback that is about to be called.
 * Without CONFIG_TASKS_RCU, synchronize_rcu_tasks() is synchronize_rcu(), which
 * waits for such code only if the kernel does not preempt it.
 */
bool hvuio_subs_can_quiesce(void)
{
	return IS_ENABLED(CONFIG_TASKS_RCU) ||
	       !(IS_ENABLED(CONFIG_PREEMPTION) || IS_ENABLED(CONFIG_PREEMPT));
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
	INIT_LIST_HEAD(&set->channels);
	init_waitqueue_head(&set->opened);
	INIT_WORK(&set->open_work, hvuio_subs_open_work);
}

/* Change the state of the set. The caller holds set.lock. */
static void hvuio_set_move(struct hvuio_set *set, enum hvuio_set_state to)
{
	static const u8 from[] = {
		[HVUIO_SET_CLOSED] = BIT(HVUIO_SET_CLOSING),
		[HVUIO_SET_ACCEPTING] = BIT(HVUIO_SET_CLOSED),
		[HVUIO_SET_CLOSING] = BIT(HVUIO_SET_CLOSED) | BIT(HVUIO_SET_ACCEPTING),
		[HVUIO_SET_DEAD] = BIT(HVUIO_SET_CLOSED),
	};

	lockdep_assert_held(&set->lock);
	HVUIO_ASSERT(from[to] & BIT(set->state));
	set->state = to;
}

/* Add the primary channel, which is open now. */
void hvuio_set_add(struct hvuio_set *set, struct hvuio_channel *primary)
{
	mutex_lock(&set->lock);
	hvuio_channel_move(primary, HVUIO_CHANNEL_OPEN);
	list_add_tail(&primary->node, &set->channels);
	mutex_unlock(&set->lock);
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
 * and mark the primary as closed.
 */
static void hvuio_subs_collect(struct hvuio_device *dev, struct list_head *subs)
{
	struct hvuio_set *set = &dev->set;
	struct hvuio_channel *hc, *next;
	LIST_HEAD(channels);

	mutex_lock(&set->lock);
	list_splice_init(&set->channels, &channels);
	mutex_unlock(&set->lock);

	list_for_each_entry_safe(hc, next, &channels, node) {
		if (hc->state != HVUIO_CHANNEL_OPEN)
			continue;
		hvuio_channel_move(hc, HVUIO_CHANNEL_CLOSING);
		if (hc == &dev->primary) {
			list_del(&hc->node);
			hvuio_channel_move(hc, HVUIO_CHANNEL_CLOSED);
		} else {
			hvuio_ring_file_remove(hc);
		}
	}
	list_splice_tail(&channels, subs);
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
 * Let the walk remove a sub-channel whose rescind has ended. The module forgets
 * one without rings at once: its directory in sysfs stays as long as the module
 * has a reference. The primary is still open, so the host may offer another
 * sub-channel with the same relid as soon as VMBus has removed this one.
 */
static void hvuio_sub_begin_removal(struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;

	hvuio_sub_set_remover(sub, HVUIO_REMOVER_WALK);
	complete(&sub->rescind_event);
	if (hvuio_channel_has_rings(hc)) {
		hvuio_channel_move(hc, HVUIO_CHANNEL_RESCINDED);
	} else {
		list_del(&hc->node);
		hvuio_sub_close(hc);
	}
}

/*
 * Wait until VMBus has handled the rescind of a sub-channel, or for @timeout.
 * VMBus completes rescind_event, or removes the sub-channel if it is not pinned
 * any more, because a walk met it while it was overdue and has closed it.
 */
static void hvuio_sub_wait_rescinded(struct vmbus_channel *sub, unsigned long timeout)
{
	unsigned long end = jiffies + timeout;

	while (!try_wait_for_completion(&sub->rescind_event) && !hvuio_sub_is_removed(sub) &&
	       time_before(jiffies, end))
		msleep(1);
}

/*
 * Hold the rescind of a sub-channel until the end of the walk. Nothing holds
 * the rescind of a late sub-channel that has begun, and VMBus may have consumed
 * its event. The module then assumes that the rescind has ended when the
 * timeout expires.
 */
static void hvuio_sub_begin_walk(struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;

	if (hc->state == HVUIO_CHANNEL_LATE && READ_ONCE(sub->rescind)) {
		hvuio_sub_wait_rescinded(sub, HVUIO_RESCIND_TIMEOUT);
		hvuio_sub_begin_removal(hc);
		return;
	}
	hvuio_sub_hold(sub);
	hvuio_channel_move(hc, HVUIO_CHANNEL_WALKED);
}

/*
 * Prepare the sub-channels for the walk of vmbus_disconnect_ring(). The walk
 * then closes those that are open and removes those that are already rescinded.
 * It does not wait for later rescinds, which wait for hvuio_subs_end_walk().
 */
static noinline __noclone void hvuio_subs_begin_walk(struct list_head *subs)
{
	struct hvuio_channel *hc, *next;

	if (list_empty(subs))
		return;
	list_for_each_entry_safe(hc, next, subs, node)
		hvuio_sub_begin_walk(hc);
	hvuio_subs_held();
	list_for_each_entry_safe(hc, next, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (hc->state == HVUIO_CHANNEL_RESCINDED)
			continue;
		if (READ_ONCE(sub->rescind)) {
			hvuio_sub_release(sub);
			/*
			 * The rescind takes nothing but channel_mutex, for
			 * which the walk waits, too.
			 */
			hvuio_sub_wait_rescinded(sub, MAX_JIFFY_OFFSET);
			hvuio_sub_begin_removal(hc);
			continue;
		}
		if (!hvuio_channel_has_rings(hc))
			hvuio_sub_set_remover(sub, HVUIO_REMOVER_RESCIND);
		complete(&sub->rescind_event);
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

		if (hc->state == HVUIO_CHANNEL_RESCINDED)
			continue;
		if (hvuio_sub_is_removed(sub)) {
			hvuio_channel_move(hc, HVUIO_CHANNEL_REMOVED);
			hvuio_sub_set_remover(sub, HVUIO_REMOVER_WAS_WALK);
			reinit_completion(&sub->rescind_event);
		}
		hvuio_sub_release(sub);
	}
	list_for_each_entry(hc, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (hc->state == HVUIO_CHANNEL_RESCINDED)
			continue;
		if (hc->state == HVUIO_CHANNEL_REMOVED) {
			if (wait_for_completion_timeout(&sub->rescind_event, HVUIO_RESCIND_TIMEOUT))
				continue;
			pr_warn("channel %u: its rescind does not end, leaking the channel\n",
				sub->offermsg.child_relid);
			kobject_get(&sub->kobj);
			continue;
		}
		/* A rescind that was held removes its sub-channel. */
		while (READ_ONCE(sub->rescind) && !hvuio_sub_is_removed(sub) &&
		       time_before(jiffies, end))
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
		hvuio_channel_move(set->opening, HVUIO_CHANNEL_OVERDUE);
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
	/* This also clears the callbacks of all channels. */
	ret = vmbus_disconnect_ring(dev->primary.channel);
	hvuio_subs_end_walk(subs);
	list_for_each_entry_safe(hc, next, subs, node) {
		list_del(&hc->node);
		hvuio_sub_close(hc);
	}
	return ret;
}

/* Begin a close. Further sub-channels are late. */
static void hvuio_subs_begin_close(struct hvuio_device *dev)
{
	struct hvuio_set *set = &dev->set;

	mutex_lock(&set->lock);
	hvuio_set_move(set, HVUIO_SET_CLOSING);
	mutex_unlock(&set->lock);
	hvuio_subs_wait_opened(dev);
	/*
	 * VMBus clears the callback when it closes the primary, and when the
	 * host rescinds the primary.
	 */
	vmbus_set_sc_create_callback(dev->primary.channel, hvuio_sub_callback);
}

/* End a close. @late are the sub-channels that the next one must handle. */
static void hvuio_subs_end_close(struct hvuio_device *dev, struct list_head *late)
{
	struct hvuio_set *set = &dev->set;

	vmbus_set_sc_create_callback(dev->primary.channel, NULL);
	mutex_lock(&set->lock);
	list_splice(late, &set->channels);
	hvuio_set_move(set, HVUIO_SET_CLOSED);
	mutex_unlock(&set->lock);
}

/*
 * Close the late sub-channels, in several passes, because the host may offer
 * others meanwhile. Those in @late when the function returns must wait until
 * the host has rescinded others.
 */
static void hvuio_subs_close_passes(struct hvuio_device *dev, struct list_head *late)
{
	int pass;

	for (pass = 0; pass < HVUIO_CLOSE_PASSES; pass++) {
		vmbus_set_sc_create_callback(dev->primary.channel, hvuio_sub_callback);
		hvuio_subs_collect(dev, late);
		if (list_empty(late) || !hvuio_subs_wait_known(dev, late, HVUIO_KNOWN_TIMEOUT))
			break;
		hvuio_subs_walk(dev, late);
	}
}

/*
 * Close all channels at the end of a session, the primary last, and forget the
 * sub-channels that were offered and not opened. The channels may have any
 * state, for instance after a rescind or a failed open. Returns the result of
 * vmbus_disconnect_ring() for the primary.
 */
int hvuio_subs_close(struct hvuio_device *dev)
{
	LIST_HEAD(subs);
	int ret;

	hvuio_subs_begin_close(dev);
	hvuio_subs_collect(dev, &subs);
	/*
	 * In a session the module knows all sub-channels, except those whose
	 * callbacks come now, or not at all.
	 */
	hvuio_subs_wait_known(dev, &subs, HVUIO_LINGER_TIMEOUT);
	ret = hvuio_subs_walk(dev, &subs);
	hvuio_subs_close_passes(dev, &subs);
	hvuio_subs_end_close(dev, &subs);
	return ret;
}

/* Close the sub-channels that came too late for the last close. */
void hvuio_subs_close_late(struct hvuio_device *dev)
{
	struct hvuio_set *set = &dev->set;
	LIST_HEAD(late);
	bool any;

	mutex_lock(&set->lock);
	any = !list_empty(&set->channels);
	mutex_unlock(&set->lock);
	if (!any)
		return;
	hvuio_subs_begin_close(dev);
	hvuio_subs_close_passes(dev, &late);
	hvuio_subs_end_close(dev, &late);
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
		if (hvuio_channel_has_rings(hc)) {
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
