// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening and closing sub-channels while the host takes them back.
 *
 * What VMBus does with the rescind of a sub-channel, one rescind at a time:
 *	rescind = true, which ends an opening that waits for the host; wait for probe_done;
 *	remove the sub-channel if its state is CHANNEL_OPEN_STATE (not open), else complete
 *	rescind_event and leave the rest to vmbus_disconnect_ring()
 * which walks over the sub-channels of a primary without a lock, waits for rescind_event of each
 * that is rescinded, also for ever, and removes those that are rescinded and open. One that is
 * rescinded while it is being closed is then removed twice. All kernels share this.
 *
 * So a sub-channel that we know has a state in which it is not removed (it is pinned), from the
 * offer to the close; and probe_done is taken back while it is opened, and during the walk.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/poison.h>
#include <linux/rcupdate.h>

#include "hvuio.h"

/* For a rescind that is being handled. */
#define HVUIO_RESCIND_TIMEOUT	(10 * HZ)
/* How long opening waits for sub-channels that the host should have taken back. */
#define HVUIO_LINGER_TIMEOUT	HZ

/* In the offer's callback, or while the rescind is held. */
void hvuio_sub_pin(struct vmbus_channel *sub)
{
	WRITE_ONCE(sub->state, CHANNEL_OPENING_STATE);
}

/* Only the first half: hvuio_subs_held() follows. */
static void hvuio_sub_hold(struct vmbus_channel *sub)
{
	/* VMBus sets it soon after our callback has returned. */
	while (!READ_ONCE(sub->probe_done))
		msleep(1);
	WRITE_ONCE(sub->probe_done, false);
}

/*
 * A rescind that does not wait for us has read probe_done before hvuio_sub_hold(), and has set
 * rescind before that: after this, rescind is true if there is such a one.
 */
static void hvuio_subs_held(void)
{
	synchronize_rcu();
}

static void hvuio_sub_let_go(struct vmbus_channel *sub)
{
	/* The rescind sees what was done to the sub-channel until here. */
	smp_store_release(&sub->probe_done, true);
}

/* Of a pinned one: 0, or -ENODEV when it is rescinded. */
int hvuio_sub_begin_open(struct vmbus_channel *sub)
{
	hvuio_sub_hold(sub);
	hvuio_subs_held();
	if (READ_ONCE(sub->rescind)) {
		hvuio_sub_let_go(sub);
		return -ENODEV;
	}
	/* vmbus_open() wants to see this. */
	WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
	return 0;
}

void hvuio_sub_end_open(struct vmbus_channel *sub, bool opened)
{
	if (!opened)
		hvuio_sub_pin(sub);
	hvuio_sub_let_go(sub);
}

/*
 * Before the primary is opened. Those of the last session are closed, and Hyper-V takes them back
 * when the primary is closed. One that is rescinded later could be removed under the next walk.
 */
void hvuio_subs_wait_gone(struct hvuio_device *dev)
{
	unsigned long end = jiffies + HVUIO_LINGER_TIMEOUT;

	while (!list_empty(&dev->primary.channel->sc_list) && time_before(jiffies, end))
		msleep(1);
}

/*
 * Before vmbus_disconnect_ring(), which then closes the opened ones and removes those of both
 * lists that are rescinded already. Nobody waits for rescind_event of the others, and their
 * rescinds wait for hvuio_subs_end_walk().
 */
void hvuio_subs_begin_walk(struct list_head *opened, struct list_head *unopened)
{
	struct hvuio_channel *hc;

	if (list_empty(opened) && list_empty(unopened))
		return;
	list_for_each_entry(hc, opened, node)
		hvuio_sub_hold(hc->channel);
	list_for_each_entry(hc, unopened, node)
		hvuio_sub_hold(hc->channel);
	hvuio_subs_held();
	list_splice(unopened, opened);
	list_for_each_entry(hc, opened, node) {
		struct vmbus_channel *sub = hc->channel;

		if (READ_ONCE(sub->rescind)) {
			hvuio_sub_let_go(sub);
			wait_for_completion_timeout(&sub->rescind_event, HVUIO_RESCIND_TIMEOUT);
			WRITE_ONCE(sub->state, CHANNEL_OPENED_STATE);
		} else if (!hc->ring.pages) {
			WRITE_ONCE(sub->state, CHANNEL_OPEN_STATE);
		}
		complete(&sub->rescind_event);
		/* VMBus frees a sub-channel that it removes; it is looked at after the walk. */
		kobject_get(&sub->kobj);
	}
}

/* After vmbus_disconnect_ring(). The caller drops the references. */
void hvuio_subs_end_walk(struct list_head *subs)
{
	struct hvuio_channel *hc;

	list_for_each_entry(hc, subs, node) {
		struct vmbus_channel *sub = hc->channel;

		if (READ_ONCE(sub->probe_done))
			continue;
		if (READ_ONCE(sub->sc_list.next) != LIST_POISON1) {
			hvuio_sub_let_go(sub);
			continue;
		}
		/* Removed because a rescind came that still waits: it must not remove it again. */
		WRITE_ONCE(sub->state, CHANNEL_OFFER_STATE);
		reinit_completion(&sub->rescind_event);
		hvuio_sub_let_go(sub);
		wait_for_completion_timeout(&sub->rescind_event, HVUIO_RESCIND_TIMEOUT);
	}
}
