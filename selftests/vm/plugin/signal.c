// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals between the guest and the host. A real host suspends a guest that
 * signals too often without need. The plug-in counts each such signal, and
 * selftests/vm/judge judges the count.
 */

static void thaw(void *unused)
{
	VMBusChannel *chan;

	vm_start();
	/*
	 * A migration loses signals and interrupts. Both sides of each open
	 * channel get one more, so that they look at the rings again.
	 */
	QTAILQ_FOREACH(chan, &bus.vmbus->channel_list, link) {
		if (!vmbus_channel_is_open(chan) || host_of(chan)->closing)
			continue;
		vmbus_channel_notify_host(chan);
		vmbus_channel_notify_guest(chan);
	}
}

/* Stop the guest's processors for @ms. Returns false if they stand still. */
static bool freeze(uint32_t ms)
{
	if (timer_pending(bus.thaw))
		return false;
	vm_stop(RUN_STATE_PAUSED);
	timer_mod(bus.thaw, now_ms() + ms);
	return true;
}

/*
 * Judge the signals that have come since the host last looked at the rings.
 * The host expects one signal if it found packets, and one if it found room
 * that it had waited for. Each of these signals may come before the look,
 * after it, or not at all. In one look the host can clear the mask and find
 * packets any number of times. The signals about them have come by the next
 * look, except a few that a processor still delays.
 */
static void judge_signals(VMBusChannel *chan, bool received)
{
	struct host_channel *host = host_of(chan);
	VMBusPipe *pipe = pipe_of(chan);
	uint64_t reasons = host->reasons + host->new_reasons + received;
	uint64_t needless = host->woken - MIN(host->woken, reasons);
	uint64_t left = reasons - (host->woken - needless);
	uint64_t fresh = MIN(left, host->new_reasons);

	host->reasons = MIN(left - fresh, MAX_REASONS) + fresh;
	host->new_reasons = 0;
	host->stats.idle_signals += needless;
	if (needless && pipe->throttle &&
	    host->stats.idle_signals / pipe->throttle > pipe->throttled &&
	    freeze(THROTTLE_MS)) {
		pipe->throttled++;
		error_report("vmbus-host: %s: the guest stands still after %" PRIu64
			     " needless signals",
			     pipe->name, host->stats.idle_signals);
	}
}

static void host_kicked(VMBusChannel *chan)
{
	host_of(chan)->kicks++;
}

static bool host_take_signals(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	uint64_t count;

	if (read(event_notifier_get_fd(&chan->notifier), &count, sizeof(count)) != sizeof(count))
		return false;
	count -= MIN(count, host->kicks);
	host->kicks = 0;
	host->stats.hypercalls += count;
	host->woken += count;
	return true;
}

/*
 * Returns whether an interrupt reaches the guest. Those that the host sends
 * while the guest is stopped are lost, as in a migration.
 */
static bool host_interrupts(VMBusChannel *chan)
{
	if (timer_pending(bus.thaw)) {
		host_of(chan)->stats.lost_interrupts++;
		return false;
	}
	host_of(chan)->stats.interrupts++;
	host_of(chan)->stats.early_interrupts += is_unanswered(chan);
	return true;
}

/* Drop the signals after which the host has not looked at the rings. */
static void lose_signals(void)
{
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &bus.vmbus->channel_list, link) {
		struct host_channel *host = host_of(chan);

		if (!vmbus_channel_is_open(chan))
			continue;
		host_take_signals(chan);
		host->stats.lost_signals += host->woken;
		host->kicks = 0;
		host->woken = 0;
	}
}

/*
 * A migration begins: the host looks at no ring from now on. A moment later it
 * stops the guest, and the signals since the beginning are lost. The program
 * gets its answer then.
 */
static void migrate(VMBusPipe *pipe, const struct frame *frame)
{
	if (bus.migrating || timer_pending(bus.thaw)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "the guest stands still already");
		return;
	}
	bus.migrating = pipe;
	bus.migration = *frame;
	timer_mod(bus.halt, now_ms() + BLIND_MS);
}

static void stand_still(void *unused)
{
	VMBusPipe *pipe = bus.migrating;

	freeze(bus.migration.arg);
	lose_signals();
	bus.migrating = NULL;
	put_ok(pipe, &bus.migration, NULL, 0);
}

/*
 * Clear the bit of a channel in the monitor page. Returns whether the guest had
 * set it.
 */
static bool take_bit(uint8_t *monitor, const VMBusChannel *chan)
{
	uint32_t id = chan->id - VMBUS_FIRST_CHANID;
	uint32_t *pending = (uint32_t *)(monitor + 8 + 8 * (id / 32));
	uint32_t mask = 1u << (id % 32);

	return qatomic_fetch_and(pending, ~mask) & mask;
}

static uint8_t *map_monitor(hwaddr *len)
{
	uint8_t *monitor;

	*len = TARGET_PAGE_SIZE;
	if (!bus.monitor_page)
		return NULL;
	monitor = cpu_physical_memory_map(bus.monitor_page, len, true);
	if (monitor && *len == TARGET_PAGE_SIZE)
		return monitor;
	message_fault("the guest's monitor page is not memory");
	if (monitor)
		cpu_physical_memory_unmap(monitor, *len, true, 0);
	return NULL;
}

/*
 * Clear the bit of a channel that opens. A session of the guest that was
 * killed may have left it set.
 */
static void monitor_forget(const VMBusChannel *chan)
{
	hwaddr len;
	uint8_t *monitor = map_monitor(&len);

	if (!monitor)
		return;
	take_bit(monitor, chan);
	cpu_physical_memory_unmap(monitor, len, true, len);
}

/*
 * Look for the signals of monitored channels, for which the guest makes no
 * hypercall. The host looks at the bits of the monitor page from time to time.
 * Since Windows 8 it does not look at the interrupt page for that.
 */
static void monitor_poll(void *opaque)
{
	VMBus *vmbus = opaque;
	hwaddr len;
	uint8_t *monitor = map_monitor(&len);
	bool any = false;
	VMBusChannel *chan;

	if (!monitor)
		return;
	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		struct host_channel *host = host_of(chan);

		if (!vmbus_channel_is_open(chan) || !host->monitored)
			continue;
		any = true;
		if (!take_bit(monitor, chan))
			continue;
		host->stats.monitor_signals++;
		host->woken++;
		vmbus_channel_notify_host(chan);
	}
	cpu_physical_memory_unmap(monitor, len, true, any ? len : 0);
	if (any)
		timer_mod(bus.poll, now_ms() + MONITOR_POLL_MS);
}
