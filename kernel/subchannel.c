// SPDX-License-Identifier: GPL-2.0-only
/*
 * The channels of a device: which are open, and how sub-channels are opened and
 * closed while the host takes them back.
 *
 * VMBus handles the rescind of a sub-channel in these steps. Kernels with a
 * workqueue for rescinds (6.1 has it) handle one rescind at a time, older ones
 * several at once.
 *	1. Set rescind = true, which ends an opening that waits for the host.
 *	2. Wait for probe_done, which VMBus sets when the callback for a new
 *	   sub-channel returns.
 *	3. Remove the sub-channel if its state is CHANNEL_OPEN_STATE, which
 *	   means that it can be opened. In any other state complete
 *	   rescind_event, and leave the sub-channel to vmbus_disconnect_ring().
 * vmbus_disconnect_ring() walks over the sub-channels of a primary without a
 * lock. It waits, without a limit, for rescind_event of each one that is
 * rescinded, and it removes those that are rescinded and open. A sub-channel
 * that is rescinded while it is being closed is then removed twice. All kernels
 * from 5.4 to 7.3 share this.
 *
 * So the module gives each sub-channel that it knows a state in which VMBus
 * does not remove it: it pins the sub-channel, from the offer to the close. It
 * also takes back probe_done while it opens a sub-channel and while VMBus walks
 * over them, which holds the rescind in step 2. These are the only places where
 * the module writes to what belongs to VMBus, apart from vmbus.c. doc/upstream/
 * has patches for VMBus after which nothing of this is needed;
 * core_workarounds=0 switches it off for a kernel that has been fixed in
 * another way.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/poison.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/wait_bit.h>

#include "compat/rescind.h"
#include "hvuio.h"

/*
 * The longest wait for the host's answer to the opening of a sub-channel, or
 * its rescind. A host that answers later, in the microseconds in which it also
 * rescinds the sub-channel or VMBus walks over it, can have VMBus remove it
 * twice, or free its rings, which the module frees again.
 */
#define HVUIO_OPENING_TIMEOUT	(10 * HZ)
/* The longest wait for a rescind that VMBus is handling. */
#define HVUIO_RESCIND_TIMEOUT	(10 * HZ)
/*
 * How long an open waits for sub-channels that the host should have taken back.
 */
#define HVUIO_LINGER_TIMEOUT	HZ
/* The same for a walk that is not the first of its close. */
#define HVUIO_KNOWN_TIMEOUT	(10 * HZ)
/*
 * How often a close starts again for sub-channels that the host offers
 * meanwhile.
 */
#define HVUIO_CLOSE_PASSES	16

static bool hvuio_core_workarounds = true;
module_param_named(core_workarounds, hvuio_core_workarounds, bool, 0444);
MODULE_PARM_DESC(core_workarounds,
		 "Work around VMBus's handling of rescinded sub-channels (default Y; N is for a fixed VMBus)");

static bool hvuio_works_around(void)
{
	return !hvuio_core_is_fixed() && hvuio_core_workarounds;
}

/*
 * Sub-channel callbacks and open_works that run in this module, whichever their
 * device.
 */
static atomic_t hvuio_callbacks = ATOMIC_INIT(0);

/*
 * Pin a sub-channel. Called in the offer's callback, or while the rescind is
 * held.
 */
static void hvuio_sub_pin(struct vmbus_channel *sub)
{
	if (hvuio_works_around())
		WRITE_ONCE(sub->state, CHANNEL_OPENING_STATE);
}

/* Hold the rescind of a sub-channel. hvuio_subs_held() has to follow. */
static void hvuio_sub_hold(struct vmbus_channel *sub)
{
	if (!hvuio_works_around())
		return;
	/* VMBus sets it soon after our callback has returned. */
	while (!READ_ONCE(sub->probe_done))
		msleep(1);
	WRITE_ONCE(sub->probe_done, false);
}

/*
 * Make hvuio_sub_hold() known to all processors. A rescind that read probe_done
 * before has set rescind before that, so its rescind is visible when this
 * returns. The barrier on each processor costs microseconds, where
 * synchronize_rcu() would cost milliseconds.
 */
static void hvuio_subs_held(void)
{
	if (hvuio_works_around())
		kick_all_cpus_sync();
}

/*
 * Let the rescind go on. It sees what was done to the sub-channel until here.
 */
static void hvuio_sub_let_go(struct vmbus_channel *sub)
{
	if (hvuio_works_around())
		/* Pairs with the wait of VMBus's rescind for probe_done. */
		smp_store_release(&sub->probe_done, true);
}

/* Whether VMBus has removed @sub. The caller holds a reference to it. */
static bool hvuio_sub_is_removed(struct vmbus_channel *sub)
{
	return READ_ONCE(sub->sc_list.next) == LIST_POISON1;
}

/*
 * Leave a sub-channel to VMBus, which removes it when the host takes it back.
 */
static void hvuio_sub_unpin(struct vmbus_channel *sub)
{
	if (!hvuio_works_around())
		return;
	hvuio_sub_hold(sub);
	hvuio_subs_held();
	/* One that is rescinded stays pinned: VMBus has left it to the walk. */
	if (!READ_ONCE(sub->rescind))
		WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
	hvuio_sub_let_go(sub);
}

/*
 * Hold a pinned sub-channel, and make it one that vmbus_open() takes. 0, or
 * -ENODEV when it is rescinded. hvuio_sub_opened() lets it go.
 *
 * It is noinline and __noclone, as others below, because the selftests hold a
 * process in it by its name.
 */
static noinline __noclone int hvuio_sub_begin_open(struct vmbus_channel *sub)
{
	hvuio_sub_hold(sub);
	hvuio_subs_held();
	if (READ_ONCE(sub->rescind))
		return -ENODEV;
	if (hvuio_works_around())
		WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
	return 0;
}

/*
 * Open a sub-channel with rings of its own, and leave it held. 0 or -errno,
 * with a message.
 */
static noinline __noclone int hvuio_sub_open(struct hvuio_device *dev, struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;
	int begun, ret;

	/*
	 * This may take long, and the rescinds of others wait for one that is
	 * held.
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

static struct hvuio_channel *hvuio_sub_create(struct vmbus_channel *sub)
{
	/*
	 * This may not fail: VMBus could remove a sub-channel that is not
	 * pinned during a walk.
	 */
	struct hvuio_channel *hc = kzalloc(sizeof(*hc), GFP_KERNEL | __GFP_NOFAIL);

	hc->channel = sub;
	hvuio_ring_file_init(hc);
	kobject_get(&sub->kobj);
	return hc;
}

/* Give up what is known of a sub-channel that is not open and has no rings. */
static void hvuio_sub_forget(struct hvuio_channel *hc)
{
	kobject_put(&hc->channel->kobj);
	kfree(hc);
}

/*
 * Take back the rings of a sub-channel that is closed, if it has any, and
 * forget it.
 */
static void hvuio_sub_close(struct hvuio_channel *hc)
{
	struct vmbus_channel *sub = hc->channel;

	/*
	 * VMBus unmaps the ring of a sub-channel only when the host agreed to
	 * its closing.
	 */
	if (sub->outbound.ring_buffer || hvuio_ring_gpadl_is_held(sub))
		hc->ring.held_by_host = true;
	hvuio_ring_unmap(sub);
	if (hc->ring.pages)
		hvuio_ring_free(&hc->ring);
	hvuio_sub_forget(hc);
}

/*
 * Silence a sub-channel that is open and cannot be closed: that is possible
 * with its primary only, which is gone.
 */
static void hvuio_sub_leak(struct hvuio_channel *hc)
{
	hvuio_vmbus_clear_callback(hc->channel);
	hc->ring.held_by_host = true;
	hvuio_ring_free(&hc->ring);
}

/*
 * Let go of the sub-channel that was being opened, and note the result. Under
 * set.lock.
 */
static void hvuio_sub_opened(struct hvuio_device *dev, struct hvuio_channel *hc, int result)
{
	struct hvuio_set *set = &dev->set;
	u32 relid = hc->channel->offermsg.child_relid;

	if (set->state == HVUIO_SET_DEAD) {
		if (!result) {
			/*
			 * The host answered only after the close had given up
			 * waiting.
			 */
			pr_err("channel %u: opened by the host after its device was removed, leaking it\n",
			       relid);
			hvuio_sub_leak(hc);
		} else if (hvuio_works_around()) {
			/*
			 * VMBus removes it when it is rescinded, now or later.
			 */
			WRITE_ONCE(hc->channel->state, CHANNEL_OPEN_STATE);
		}
		hvuio_sub_let_go(hc->channel);
		hvuio_sub_forget(hc);
		return;
	}
	if (result)
		hvuio_sub_pin(hc->channel);
	hvuio_sub_let_go(hc->channel);
	/*
	 * The close goes on with one that has been opened too late for its
	 * users.
	 */
	if (result || set->state != HVUIO_SET_ACCEPTING) {
		list_add_tail(&hc->node, &set->unopened);
		return;
	}
	hvuio_set_add(set, hc);
	/*
	 * Only now: user space takes the file for a sign that it can be mapped.
	 * Under the lock, because closing removes the file of every channel
	 * that is in the list.
	 */
	if (hvuio_ring_file_create(hc))
		pr_err("channel %u: cannot create its ring file\n", relid);
}

static void hvuio_callback_done(void)
{
	if (atomic_dec_and_test(&hvuio_callbacks))
		wake_up_var(&hvuio_callbacks);
}

/*
 * Open the sub-channels that were offered, one after the other. To hold the
 * rescinds of several at once would be quicker, but one that waits could keep
 * another one waiting that would end an opening.
 */
static noinline __noclone void hvuio_subs_open_work(struct work_struct *work)
{
	struct hvuio_set *set = container_of(work, struct hvuio_set, open_work);
	struct hvuio_device *dev = container_of(set, struct hvuio_device, set);
	struct hvuio_channel *hc;
	int ret;

	mutex_lock(&set->lock);
	while (set->state == HVUIO_SET_ACCEPTING && !list_empty(&set->offered)) {
		hc = list_first_entry(&set->offered, struct hvuio_channel, node);
		list_del(&hc->node);
		set->opening = hc;
		mutex_unlock(&set->lock);
		ret = hvuio_sub_open(dev, hc);
		mutex_lock(&set->lock);
		hvuio_sub_opened(dev, hc, ret);
		WRITE_ONCE(set->opening, NULL);
		wake_up(&set->opened);
	}
	mutex_unlock(&set->lock);
	hvuio_device_put(dev);
	hvuio_callback_done();
}

/* The host has offered a sub-channel of a bound device. */
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
		 * The walk may wait for its rescind, which goes on when this
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
 * VMBus calls this without a lock, and possibly after the callback was cleared.
 * So the device is looked up, not taken from the primary, and
 * hvuio_subs_quiesce() waits for the rest.
 *
 * The sub-channel is not opened here. The next one's callback comes only after
 * this one, and its rescind waits for its callback, as do the rescinds behind
 * it. The rescind of this sub-channel may be one of those, and it alone ends an
 * opening that the host does not answer.
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
 * Return when no code for sub-channels runs, or can start to. No device is
 * bound any more.
 */
void hvuio_subs_quiesce(void)
{
	/*
	 * For one that VMBus is about to call: it does not sleep between the
	 * load and the count.
	 */
	synchronize_rcu_tasks();
	wait_var_event(&hvuio_callbacks, !atomic_read(&hvuio_callbacks));
	/* For its last instructions. */
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

/* Under set.lock. */
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

/* Add an open channel to those that are signalled. Under set.lock. */
void hvuio_set_add(struct hvuio_set *set, struct hvuio_channel *hc)
{
	lockdep_assert_held(&set->lock);
	WRITE_ONCE(hc->open, true);
	list_add_tail(&hc->node, &set->open);
}

/* Under set.lock. */
static bool hvuio_set_is_listing(struct hvuio_set *set)
{
	return !list_empty(&set->open) || !list_empty(&set->offered) ||
	       !list_empty(&set->unopened);
}

/*
 * Whether there is a channel that hvuio_subs_close() has to close or to let go.
 */
bool hvuio_set_is_empty(struct hvuio_set *set)
{
	bool ret;

	mutex_lock(&set->lock);
	ret = !hvuio_set_is_listing(set);
	mutex_unlock(&set->lock);
	return ret;
}

/* The relid of a sub-channel that VMBus knows, or U32_MAX. */
static u32 hvuio_sub_left(struct vmbus_channel *primary)
{
	struct list_head *first;
	u32 relid = U32_MAX;

	/* VMBus frees a channel after a grace period. */
	rcu_read_lock();
	first = READ_ONCE(primary->sc_list.next);
	if (first != &primary->sc_list && first != LIST_POISON1)
		relid = list_entry(first, struct vmbus_channel, sc_list)->offermsg.child_relid;
	rcu_read_unlock();
	return relid;
}

/*
 * Accept sub-channels, before the primary is opened. Those of the last session
 * are closed, and Hyper-V takes them back when the primary is closed. One that
 * is still there is neither noted nor pinned, so it could be removed under the
 * next walk. 0, or -EBUSY with a message.
 */
int hvuio_subs_accept(struct hvuio_device *dev)
{
	struct vmbus_channel *primary = dev->primary.channel;
	unsigned long end = jiffies + HVUIO_LINGER_TIMEOUT;
	struct hvuio_set *set = &dev->set;
	u32 left;

	/*
	 * A fixed VMBus keeps one that a callback got until the next walk,
	 * which is no risk.
	 */
	if (!hvuio_works_around() && hvuio_sub_left(primary) != U32_MAX)
		vmbus_disconnect_ring(primary);
	/* First, so that none comes unnoticed from here. */
	vmbus_set_sc_create_callback(primary, hvuio_sub_callback);
	/* VMBus lists a sub-channel before it looks at the callback. */
	smp_mb();
	while (hvuio_works_around() && hvuio_sub_left(primary) != U32_MAX &&
	       time_before(jiffies, end))
		msleep(1);

	mutex_lock(&set->lock);
	left = hvuio_works_around() ? hvuio_sub_left(primary) : U32_MAX;
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
 * Move all channels that are known to @subs, and forget that the primary is
 * open.
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
 * Whether VMBus knows no sub-channel but those in @subs and the one that is
 * being opened. Only the close that asks frees them.
 */
static bool hvuio_subs_are_all(struct hvuio_device *dev, const struct list_head *subs)
{
	const struct list_head *list = &dev->primary.channel->sc_list;
	const struct hvuio_channel *hc;
	const struct list_head *at;
	bool known = true;

	/* VMBus frees a channel after a grace period. */
	rcu_read_lock();
	for (at = READ_ONCE(list->next); known && at != list; at = READ_ONCE(at->next)) {
		/* It was removed at this moment. */
		if (at == LIST_POISON1) {
			known = false;
			break;
		}
		hc = READ_ONCE(dev->set.opening);
		known = hc && at == &hc->channel->sc_list;
		list_for_each_entry(hc, subs, node)
			if (at == &hc->channel->sc_list)
				known = true;
	}
	rcu_read_unlock();
	return known;
}

/*
 * Wait until @subs has all sub-channels: those that an earlier walk has closed
 * are not protected any more, and a walk may not meet them while the host takes
 * them back. Those that the host offers meanwhile join @subs.
 */
static bool hvuio_subs_wait_known(struct hvuio_device *dev, struct list_head *subs,
				  unsigned long timeout)
{
	unsigned long end = jiffies + timeout;

	while (hvuio_works_around() && !hvuio_subs_are_all(dev, subs)) {
		if (time_after(jiffies, end))
			return false;
		msleep(1);
		hvuio_subs_collect(dev, subs);
	}
	return true;
}

/*
 * Prepare the sub-channels for vmbus_disconnect_ring(), which then closes those
 * that are open and removes those that are rescinded already. It does not wait
 * for the rescinds of the others, which wait for hvuio_subs_end_walk().
 */
static noinline __noclone void hvuio_subs_begin_walk(struct list_head *subs)
{
	struct hvuio_channel *hc;

	if (list_empty(subs) || !hvuio_works_around())
		return;
	list_for_each_entry(hc, subs, node) {
		/*
		 * Nothing holds the rescind of a late one, and VMBus may have
		 * consumed its event. Then only time tells that the rescind has
		 * ended: the module takes one that needs longer for ended.
		 */
		if (hc->late && READ_ONCE(hc->channel->rescind))
			wait_for_completion_timeout(hvuio_rescind_event(hc->channel),
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
			hvuio_sub_let_go(sub);
			if (hc->late || wait_for_completion_timeout(hvuio_rescind_event(sub),
								    HVUIO_RESCIND_TIMEOUT)) {
				hc->walk = HVUIO_WALK_FREE;
				WRITE_ONCE(sub->state, CHANNEL_OPENED_STATE);
			} else {
				/*
				 * Its rescind goes on, so the walk must not
				 * remove it.
				 */
				hc->walk = HVUIO_WALK_LEFT;
				hvuio_sub_pin(sub);
			}
		} else if (!hc->ring.pages) {
			WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
		}
		complete(hvuio_rescind_event(sub));
	}
}

/*
 * Forget the rescinded sub-channels without rings, which the walk removes,
 * before it does. Their folder in sysfs stays as long as we have a reference,
 * and when VMBus removes one, the host may offer another one with its number at
 * once: the primary is still open then.
 */
static void hvuio_subs_forget_doomed(struct list_head *subs)
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
 * Let the rescinds that waited for the end of the walk go on, and wait until
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
			 * The rescind must not remove it again, and completes
			 * rescind_event.
			 */
			hc->walk = HVUIO_WALK_REMOVED;
			WRITE_ONCE(sub->state, CHANNEL_OFFER_STATE);
			reinit_completion(hvuio_rescind_event(sub));
		}
		hvuio_sub_let_go(sub);
	}
	list_for_each_entry(hc, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (hc->walk == HVUIO_WALK_REMOVED &&
		    !wait_for_completion_timeout(hvuio_rescind_event(sub),
						 HVUIO_RESCIND_TIMEOUT)) {
			pr_warn("channel %u: its rescind does not end, leaking the channel\n",
				sub->offermsg.child_relid);
			kobject_get(&sub->kobj);
		}
		/* The rescind of a channel that is held removes it. */
		while (hc->walk == HVUIO_WALK_HELD && READ_ONCE(sub->rescind) &&
		       !hvuio_sub_is_removed(sub) && time_before(jiffies, end))
			msleep(1);
	}
}

/*
 * Close all channels of the device, the primary last, and let go of the
 * sub-channels that were offered and not opened. Return what
 * vmbus_disconnect_ring() says of the primary. The state of the channels may be
 * any, also after a rescind and after an open that failed.
 */
int hvuio_subs_close(struct hvuio_device *dev)
{
	struct vmbus_channel *primary = dev->primary.channel;
	struct hvuio_set *set = &dev->set;
	struct hvuio_channel *hc, *next;
	int pass, ret, result = 0;
	LIST_HEAD(subs);
	bool first;

	mutex_lock(&set->lock);
	/*
	 * In a session, all sub-channels are known; their callbacks may be
	 * about to come.
	 */
	first = set->state == HVUIO_SET_ACCEPTING;
	hvuio_set_move(set, HVUIO_SET_CLOSING);
	mutex_unlock(&set->lock);
	/*
	 * A sub-channel that is being opened could not be closed. The host's
	 * answer or its rescind ends the wait. The limit is for a rescind that
	 * is queued behind this thread.
	 */
	if (!wait_event_timeout(set->opened, !READ_ONCE(set->opening), HVUIO_OPENING_TIMEOUT)) {
		dev_warn(&dev->hv->device,
			 "the host does not answer the opening of a sub-channel\n");
		mutex_lock(&set->lock);
		if (set->opening)
			set->opening->late = true;
		mutex_unlock(&set->lock);
	}

	for (pass = 0; pass < HVUIO_CLOSE_PASSES; pass++) {
		/*
		 * VMBus clears it when it closes the primary, and when the
		 * primary is rescinded.
		 */
		vmbus_set_sc_create_callback(primary, hvuio_sub_callback);
		hvuio_subs_collect(dev, &subs);
		if (first)
			/* Their callbacks come in a moment, or not at all. */
			hvuio_subs_wait_known(dev, &subs, HVUIO_LINGER_TIMEOUT);
		else if (list_empty(&subs) ||
			 !hvuio_subs_wait_known(dev, &subs, HVUIO_KNOWN_TIMEOUT))
			break;
		hvuio_subs_begin_walk(&subs);
		hvuio_subs_forget_doomed(&subs);
		/* It also clears the callbacks of all channels. */
		ret = vmbus_disconnect_ring(primary);
		hvuio_subs_end_walk(&subs);
		if (first)
			result = ret;
		first = false;
		list_for_each_entry_safe(hc, next, &subs, node) {
			if (hc->walk == HVUIO_WALK_LEFT)
				continue;
			list_del(&hc->node);
			hvuio_sub_close(hc);
		}
		/* The next close has another try. */
		if (!list_empty(&subs))
			break;
	}
	vmbus_set_sc_create_callback(primary, NULL);
	mutex_lock(&set->lock);
	list_splice(&subs, &set->unopened);
	hvuio_set_move(set, HVUIO_SET_CLOSED);
	mutex_unlock(&set->lock);
	return result;
}

/*
 * The device goes, and its channels are closed: no sub-channel of it will be
 * opened from here. Those that could not be closed, because the host does not
 * take back others, are left as they are.
 */
void hvuio_subs_end(struct hvuio_device *dev)
{
	struct hvuio_set *set = &dev->set;
	struct hvuio_channel *hc, *next;
	LIST_HEAD(subs);

	mutex_lock(&set->lock);
	hvuio_set_move(set, HVUIO_SET_DEAD);
	mutex_unlock(&set->lock);
	hvuio_subs_collect(dev, &subs);
	list_for_each_entry_safe(hc, next, &subs, node) {
		dev_warn(&dev->hv->device, "sub-channel %u is left to VMBus\n",
			 hc->channel->offermsg.child_relid);
		list_del(&hc->node);
		if (hc->ring.pages)
			hvuio_sub_leak(hc);
		else
			hvuio_sub_unpin(hc->channel);
		hvuio_sub_forget(hc);
	}
}
