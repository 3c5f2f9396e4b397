// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals between the guest and the host. A real host suspends a guest that
 * signals too often without need. The process counts each such signal, and
 * run-guest judges the count.
 */
#include "hyperv.h"

/*
 * At the next look at the rings, this many signals can still be on their way:
 * one about packets, one about room.
 */
#define MAX_REASONS 2
/*
 * The host stops a guest that signals too often without need. The guest stands
 * still for this time.
 */
#define THROTTLE_MS 2000
/* In a migration, the host stops working this long before the guest does. */
#define BLIND_MS	50
#define MONITOR_POLL_MS 1

static int64_t thaw_at; /* the guest stands still until then */
static int64_t poll_at;

/* The migration that begins: the device whose program asked, and its request */
static struct device *migrating;
static struct frame migration;
static int64_t halt_at;

/* Let the host look at the rings soon. */
void kick(struct channel *c)
{
	c->kicked = c->rings;
}

void kick_device(struct device *d)
{
	for (uint32_t i = 0; i < d->channels; i++)
		kick(&d->channel[i]);
}

/* Interrupts that the host sends while the guest stands still are lost. */
void interrupt(struct channel *c)
{
	if (thaw_at) {
		c->stats.lost_interrupts++;
		return;
	}
	c->stats.interrupts++;
	c->stats.early_interrupts += is_unanswered(c);
	set_event_flag(c->vp, c->relid);
}

/* Stop the guest's processors for @ms. Returns false if they stand still. */
static bool freeze(uint32_t ms)
{
	if (thaw_at)
		return false;
	machine_stop();
	thaw_at = due_in(ms);
	return true;
}

/*
 * A migration loses signals and interrupts. The host looks at the rings of each
 * open channel again, and interrupts a guest that may wait for that. OpenVMM
 * does so when it takes over from a host that loses them, and does nothing when
 * it takes over from itself.
 */
static void thaw(void)
{
	thaw_at = 0;
	machine_continue();
	for_each_channel(c) {
		if (!c->rings)
			continue;
		kick(c);
		rings_wake_guest(c);
	}
}

/*
 * Judge the signals that have come since the host last looked at the rings.
 * The host expects one signal if it found packets, and one if it found room
 * that it had waited for. Each of these signals may come before the look,
 * after it, or not at all. In one look the host can clear the mask and find
 * packets any number of times. The signals about them have come by the next
 * look, except a few that a processor still delays.
 */
static void judge_signals(struct channel *c, bool received)
{
	struct device *d = c->device;
	uint64_t reasons = c->reasons + c->new_reasons + received;
	uint64_t needless = c->woken - MIN(c->woken, reasons);
	uint64_t left = reasons - (c->woken - needless);
	uint64_t fresh = MIN(left, c->new_reasons);

	c->reasons = MIN(left - fresh, MAX_REASONS) + fresh;
	c->new_reasons = 0;
	c->stats.idle_signals += needless;
	if (needless && d->throttle && c->stats.idle_signals / d->throttle > d->throttled &&
	    freeze(THROTTLE_MS)) {
		d->throttled++;
		say("%s: the guest stands still after %" PRIu64 " needless signals", d->name,
		    c->stats.idle_signals);
	}
}

/*
 * Look at the rings of a channel, because the guest has signalled, or because
 * the program or the host has something for them.
 */
void channel_look(struct channel *c)
{
	bool received;

	c->kicked = false;
	if (!c->rings || c->closing || c->dead || migrating)
		return;
	received = rings_drain(c, c->woken);
	rings_flush(c);
	/*
	 * A dead channel has a fault, which the verdict counts instead. The
	 * signals that come after this fault, or after the guest's CLOSE, may
	 * have had a reason: the host has not looked at the ring again.
	 */
	if (!c->dead)
		judge_signals(c, received);
	c->woken = 0;
}

/* The guest signals a channel. Returns the result of its hypercall. */
uint32_t take_signal(uint32_t id)
{
	struct channel *c = find_connection(id);

	if (!c || !c->rings)
		return HV_STATUS_INVALID_CONNECTION_ID;
	c->stats.hypercalls++;
	c->woken++;
	kick(c);
	return HV_STATUS_SUCCESS;
}

/*
 * A migration begins: the host looks at no ring from now on. A moment later it
 * stops the guest, and the signals since the beginning are lost. The program
 * gets its answer then.
 */
void migrate(struct device *d, const struct frame *frame)
{
	if (migrating || thaw_at) {
		put_text(d, FRAME_ERROR, frame->channel, frame->tag,
			 "the guest stands still already");
		return;
	}
	migrating = d;
	migration = *frame;
	halt_at = due_in(BLIND_MS);
}

void migration_forget(const struct device *d)
{
	if (migrating == d)
		migration.tag = 0;
}

static void stand_still(void)
{
	halt_at = 0;
	freeze(migration.arg);
	/* Drop the signals after which the host has not looked at the rings. */
	for_each_channel(c) {
		if (!c->rings)
			continue;
		c->stats.lost_signals += c->woken;
		c->woken = 0;
		c->kicked = false;
	}
	put_ok(migrating, migration.channel, migration.tag, NULL, 0);
	migrating = NULL;
}

/*
 * Clear the bit of a channel in the monitor page. Returns whether the guest had
 * set it.
 */
static bool take_bit(uint8_t *page, const struct channel *c)
{
	uint32_t id = c->relid - 1, mask = 1u << id % 32;
	/* The page has four groups of 32 bits from byte 8 on, with gaps. */
	_Atomic uint32_t *pending = (void *)(page + 8 + 8 * (id / 32 % 4));

	return atomic_fetch_and(pending, ~mask) & mask;
}

static uint8_t *monitor_page(void)
{
	uint8_t *page;

	if (!bus.monitor_page)
		return NULL;
	page = guest_page(bus.monitor_page / HV_PAGE);
	if (!page) {
		message_fault("the guest's monitor page is not memory");
		bus.monitor_page = 0;
	}
	return page;
}

/*
 * Clear the bit of a channel that opens. A session of the guest that was
 * killed may have left it set.
 */
void monitor_forget(const struct channel *c)
{
	uint8_t *page = monitor_page();

	if (page)
		take_bit(page, c);
}

/*
 * Look for the signals of monitored channels, for which the guest makes no
 * hypercall. The host looks at the bits of the monitor page from time to time.
 * Since Windows 8 it does not look at the interrupt page for that.
 */
static void monitor_poll(void)
{
	uint8_t *page = monitor_page();
	bool any = false;

	poll_at = 0;
	if (!page)
		return;
	for_each_channel(c) {
		if (!c->rings || !c->monitored)
			continue;
		any = true;
		if (!take_bit(page, c))
			continue;
		c->stats.monitor_signals++;
		c->woken++;
		kick(c);
	}
	if (any)
		poll_at = due_in(MONITOR_POLL_MS);
}

/* A monitored channel opens. */
void monitor_start(void)
{
	poll_at = now_ms();
}

/* Do what is due, and look at the rings of the channels for which that is. */
void signal_work(void)
{
	if (is_due(thaw_at))
		thaw();
	if (is_due(halt_at))
		stand_still();
	if (is_due(poll_at))
		monitor_poll();
	for_each_channel(c)
		if (c->kicked)
			channel_look(c);
}
