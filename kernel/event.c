// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file passes interrupts from the host to the readers of /dev/uioN, and
 * signals the host.
 */
#include <linux/rcupdate.h>

#include "hvuio.h"

/*
 * Wake the readers, or remember the event until UIO can wake them. The function
 * is safe in any context.
 */
void hvuio_event_send(struct hvuio_device *dev)
{
	if (atomic_cmpxchg(&dev->events, HVUIO_EVENTS_HELD, HVUIO_EVENTS_PENDING) !=
	    HVUIO_EVENTS_PASSED)
		return;
	/* Read info.uio_dev after events: a failed exchange orders nothing. */
	smp_rmb();
	uio_event_notify(&dev->info);
}

/*
 * Let events pass after UIO has registered the device, and send the pending
 * one. The exchange makes info.uio_dev visible first.
 */
void hvuio_events_pass(struct hvuio_device *dev)
{
	if (atomic_xchg(&dev->events, HVUIO_EVENTS_PASSED) == HVUIO_EVENTS_PENDING)
		uio_event_notify(&dev->info);
}

/*
 * Hold events back from UIO. VMBus calls hvuio_interrupt() under RCU, so no
 * event reaches UIO after the function has returned.
 */
void hvuio_events_hold(struct hvuio_device *dev)
{
	atomic_set(&dev->events, HVUIO_EVENTS_HELD);
	synchronize_rcu();
}

/*
 * Handle an interrupt of a channel; @context is the device. VMBus calls this in
 * hard interrupt context, and from commit f8e6343b7a89 on in a thread on
 * PREEMPT_RT. The device cannot go away, because VMBus waits for a running
 * callback before it closes a channel or handles its rescind.
 */
void hvuio_interrupt(void *context)
{
	hvuio_event_send(context);
}

/*
 * Whether the host has a reason to look at the rings: it waits for packets and
 * tx holds some, or it waits for room and rx has enough. A host that is reading
 * tx has masked it, and looks again before it waits. User space can write all
 * of these fields, but they decide only whether to signal.
 */
static bool host_has_to_look(struct vmbus_channel *channel)
{
	const struct hv_ring_buffer *tx = channel->outbound.ring_buffer;
	u32 wanted = READ_ONCE(channel->inbound.ring_buffer->pending_send_sz);

	if (wanted && hv_get_bytes_to_write(&channel->inbound) > wanted)
		return true;
	return READ_ONCE(tx->write_index) != READ_ONCE(tx->read_index) &&
	       !READ_ONCE(tx->interrupt_mask);
}

/*
 * Handle a write to /dev/uioN, under info_lock. 0 masks the interrupts of all
 * channels. Any other value unmasks them, and signals the host on those
 * channels where it has to look. The function does not signal on every channel:
 * a program that only wants to unmask its interrupts writes here, too, and
 * Hyper-V suspends a guest that signals too often without need.
 *
 * Apart from this function, the mask of rx belongs to user space. If the kernel
 * set it on its own, the host would not interrupt for its next packet.
 */
int hvuio_irqcontrol(struct uio_info *info, s32 on)
{
	struct hvuio_device *dev = info->priv;
	struct hvuio_channel *hc;

	mutex_lock(&dev->set.lock);
	list_for_each_entry(hc, &dev->set.channels, node) {
		struct vmbus_channel *channel = hc->channel;

		if (hc->state != HVUIO_CHANNEL_OPEN)
			continue;
		WRITE_ONCE(channel->inbound.ring_buffer->interrupt_mask, !on);
		if (!on || channel->offermsg.monitor_allocated)
			continue;
		/*
		 * The host must see the mask, and the program's writes to the
		 * rings, before this function checks whether the host still
		 * works on them.
		 */
		virt_mb();
		if (host_has_to_look(channel))
			vmbus_set_event(channel);
	}
	mutex_unlock(&dev->set.lock);
	return 0;
}
