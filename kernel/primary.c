// SPDX-License-Identifier: GPL-2.0-only
/*
 * Primary channels that a host takes back before their sub-channels.
 *
 * VMBus links a sub-channel into the list of its primary channel, but a
 * sub-channel holds no reference to it: VMBus frees the primary, and then
 * unlinks the sub-channel from freed memory. So the module keeps the primary of
 * a device that goes until VMBus has removed its sub-channels.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "hvuio.h"

/* How often the module looks whether VMBus has removed the sub-channels. */
#define HVUIO_KEEP_LOOK		HZ
/* How long rmmod waits for that. */
#define HVUIO_KEEP_END		(10 * HZ)
/* How long a primary is kept where VMBus may never remove them. */
#define HVUIO_KEEP_LIMIT	(10 * HZ)

struct hvuio_kept {
	struct list_head node;
	struct vmbus_channel *primary;	/* with a reference */
	unsigned long since;
};

static LIST_HEAD(hvuio_kept);
static DEFINE_MUTEX(hvuio_kept_lock);

static void hvuio_kept_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(hvuio_kept_work, hvuio_kept_work_fn);

static bool hvuio_primary_has_subs(const struct vmbus_channel *primary)
{
	return READ_ONCE(primary->sc_list.next) != &primary->sc_list;
}

/*
 * Whether VMBus can still reach the sub-channels of a primary that it has
 * removed.
 */
static bool hvuio_kept_is_limited(void)
{
#ifdef HVUIO_CHANNEL_HAS_SCHED_LOCK
	return false;
#else
	/* 5.4 finds a sub-channel through its primary, and forgets both. */
	return true;
#endif
}

static bool hvuio_kept_is_needed(const struct hvuio_kept *kept)
{
	/* Another driver has opened it since: these are its sub-channels. */
	if (READ_ONCE(kept->primary->state) == CHANNEL_OPENED_STATE)
		return false;
	if (hvuio_kept_is_limited() && time_after(jiffies, kept->since + HVUIO_KEEP_LIMIT))
		return false;
	return hvuio_primary_has_subs(kept->primary);
}

/*
 * Let go of the primaries that need not be kept, and return whether there are
 * others.
 */
static bool hvuio_kept_put(void)
{
	struct hvuio_kept *kept, *next;
	LIST_HEAD(unneeded);
	bool left;

	mutex_lock(&hvuio_kept_lock);
	list_for_each_entry_safe(kept, next, &hvuio_kept, node)
		if (!hvuio_kept_is_needed(kept))
			list_move(&kept->node, &unneeded);
	left = !list_empty(&hvuio_kept);
	mutex_unlock(&hvuio_kept_lock);

	/*
	 * VMBus may be unlinking the last one at this moment. It does not sleep
	 * there.
	 */
	if (!list_empty(&unneeded))
		synchronize_rcu_tasks();
	list_for_each_entry_safe(kept, next, &unneeded, node) {
		kobject_put(&kept->primary->kobj);
		kfree(kept);
	}
	return left;
}

static void hvuio_kept_work_fn(struct work_struct *work)
{
	if (hvuio_kept_put())
		queue_delayed_work(system_long_wq, &hvuio_kept_work, HVUIO_KEEP_LOOK);
}

/* Keep the primary channel of a device that goes, if it has sub-channels. */
void hvuio_primary_keep(struct vmbus_channel *primary)
{
	struct hvuio_kept *kept;

	if (!hvuio_primary_has_subs(primary))
		return;
	/* This may not fail: VMBus would write into freed memory. */
	kept = kzalloc(sizeof(*kept), GFP_KERNEL | __GFP_NOFAIL);
	kept->primary = primary;
	kept->since = jiffies;
	kobject_get(&primary->kobj);
	mutex_lock(&hvuio_kept_lock);
	list_add_tail(&kept->node, &hvuio_kept);
	mutex_unlock(&hvuio_kept_lock);
	queue_delayed_work(system_long_wq, &hvuio_kept_work, HVUIO_KEEP_LOOK);
}

/*
 * Leak the primaries that are still needed when the module goes. No device is
 * bound any more.
 */
void hvuio_primaries_end(void)
{
	unsigned long end = jiffies + HVUIO_KEEP_END;
	struct hvuio_kept *kept, *next;

	cancel_delayed_work_sync(&hvuio_kept_work);
	while (hvuio_kept_put() && time_before(jiffies, end))
		msleep(10);
	list_for_each_entry_safe(kept, next, &hvuio_kept, node) {
		pr_warn("channel %u: the host has not taken back its sub-channels, leaking it\n",
			kept->primary->offermsg.child_relid);
		list_del(&kept->node);
		kfree(kept);
	}
}
