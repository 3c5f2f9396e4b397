// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file keeps primary channels that the host rescinds before their
 * sub-channels.
 *
 * VMBus links a sub-channel into the list of its primary channel, but the
 * sub-channel holds no reference to the primary. If VMBus frees the primary
 * first, it later unlinks the sub-channel from freed memory. So when a device
 * is removed, the module keeps its primary until VMBus has removed the
 * sub-channels.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "hvuio.h"

/* The interval at which the module checks whether the sub-channels are gone. */
#define HVUIO_KEEP_INTERVAL	HZ
/* The longest wait of rmmod for the sub-channels to go. */
#define HVUIO_KEEP_END		(10 * HZ)
/*
 * How long the module keeps a primary if VMBus may never remove its
 * sub-channels.
 */
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
 * Whether VMBus may never remove the sub-channels of a primary that it has
 * removed, so that the module keeps the primary only for a limited time.
 */
static bool hvuio_kept_is_limited(void)
{
#ifdef HVUIO_CHANNEL_HAS_SCHED_LOCK
	return false;
#else
	/*
	 * Linux 5.4 finds a sub-channel only through its primary, so it loses
	 * both.
	 */
	return true;
#endif
}

static bool hvuio_kept_is_needed(const struct hvuio_kept *kept)
{
	/*
	 * Another driver has opened the channel since, and owns the
	 * sub-channels.
	 */
	if (READ_ONCE(kept->primary->state) == CHANNEL_OPENED_STATE)
		return false;
	if (hvuio_kept_is_limited() && time_after(jiffies, kept->since + HVUIO_KEEP_LIMIT))
		return false;
	return hvuio_primary_has_subs(kept->primary);
}

/*
 * Release the primaries that the module need not keep any longer, and return
 * whether any are left.
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
	 * VMBus may be unlinking the last sub-channel at this moment. It does
	 * not sleep while it does so.
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
		queue_delayed_work(system_long_wq, &hvuio_kept_work, HVUIO_KEEP_INTERVAL);
}

/* Keep the primary channel of a removed device if it has sub-channels. */
void hvuio_primary_keep(struct vmbus_channel *primary)
{
	struct hvuio_kept *kept;

	if (!hvuio_primary_has_subs(primary))
		return;
	/* This must not fail, or VMBus would write into freed memory. */
	kept = kzalloc(sizeof(*kept), GFP_KERNEL | __GFP_NOFAIL);
	kept->primary = primary;
	kept->since = jiffies;
	kobject_get(&primary->kobj);
	mutex_lock(&hvuio_kept_lock);
	list_add_tail(&kept->node, &hvuio_kept);
	mutex_unlock(&hvuio_kept_lock);
	queue_delayed_work(system_long_wq, &hvuio_kept_work, HVUIO_KEEP_INTERVAL);
}

/*
 * Release all primaries when the module is unloaded, and leak those that VMBus
 * still needs. No device is bound any more.
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
