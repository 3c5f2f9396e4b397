// SPDX-License-Identifier: GPL-2.0-only
/*
 * Primary channels that a host takes back before their sub-channels.
 *
 * VMBus links a sub-channel into the list of its primary channel, but a sub-channel holds no
 * reference to it: VMBus frees the primary, and then unlinks the sub-channel from freed memory. So
 * the module holds the primary of a device that goes until VMBus has removed its sub-channels.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "hvuio.h"

/* How often the module looks whether VMBus has removed the sub-channels. */
#define HVUIO_HELD_LOOK		HZ
/* How long rmmod waits for that. */
#define HVUIO_HELD_END		(10 * HZ)

struct hvuio_held {
	struct list_head node;
	struct vmbus_channel *primary;	/* with a reference */
};

static LIST_HEAD(hvuio_held);
static DEFINE_MUTEX(hvuio_held_lock);

static void hvuio_held_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(hvuio_held_work, hvuio_held_work_fn);

static bool hvuio_primary_has_subs(const struct vmbus_channel *primary)
{
	return READ_ONCE(primary->sc_list.next) != &primary->sc_list;
}

/* Let go of those that have no sub-channels any more. Whether others are left. */
static bool hvuio_held_look(void)
{
	struct hvuio_held *held, *next;
	LIST_HEAD(without);
	bool left;

	mutex_lock(&hvuio_held_lock);
	list_for_each_entry_safe(held, next, &hvuio_held, node)
		if (!hvuio_primary_has_subs(held->primary))
			list_move(&held->node, &without);
	left = !list_empty(&hvuio_held);
	mutex_unlock(&hvuio_held_lock);

	/* VMBus may be unlinking the last one at this moment. It does not sleep there. */
	if (!list_empty(&without))
		synchronize_rcu_tasks();
	list_for_each_entry_safe(held, next, &without, node) {
		kobject_put(&held->primary->kobj);
		kfree(held);
	}
	return left;
}

static void hvuio_held_work_fn(struct work_struct *work)
{
	if (hvuio_held_look())
		queue_delayed_work(system_long_wq, &hvuio_held_work, HVUIO_HELD_LOOK);
}

/* The device goes. Hold its primary channel if it has sub-channels. */
void hvuio_primary_hold(struct vmbus_channel *primary)
{
	struct hvuio_held *held;

	if (!hvuio_primary_has_subs(primary))
		return;
	/* This may not fail: VMBus would write into freed memory. */
	held = kzalloc(sizeof(*held), GFP_KERNEL | __GFP_NOFAIL);
	held->primary = primary;
	kobject_get(&primary->kobj);
	mutex_lock(&hvuio_held_lock);
	list_add_tail(&held->node, &hvuio_held);
	mutex_unlock(&hvuio_held_lock);
	queue_delayed_work(system_long_wq, &hvuio_held_work, HVUIO_HELD_LOOK);
}

/* The module goes, and no device is bound. Leak the primary channels that have sub-channels. */
void hvuio_primaries_end(void)
{
	unsigned long end = jiffies + HVUIO_HELD_END;
	struct hvuio_held *held, *next;

	cancel_delayed_work_sync(&hvuio_held_work);
	while (hvuio_held_look() && time_before(jiffies, end))
		msleep(10);
	list_for_each_entry_safe(held, next, &hvuio_held, node) {
		pr_warn("channel %u: the host has not taken back its sub-channels, leaking it\n",
			held->primary->offermsg.child_relid);
		list_del(&held->node);
		kfree(held);
	}
}
