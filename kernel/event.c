// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts from the host on their way to the readers of /dev/uioN, and
 * signals to the host.
 */
#include <linux/rcupdate.h>

#include "hvuio.h"

/*
 * Wake the readers, or remember the event until UIO can. Called in any context.
 */
void hvuio_event_send(struct hvuio_device *dev)
{
	if (atomic_cmpxchg(&dev->events, HVUIO_EVENTS_HELD, HVUIO_EVENTS_PENDING) !=
	    HVUIO_EVENTS_PASSED)
		return;
	/* For info.uio_dev: an exchange that fails orders nothing. */
	smp_rmb();
	uio_event_notify(&dev->info);
}

/*
 * UIO has registered the device: let events pass, and send the one that is
 * pending. The exchange makes info.uio_dev visible first.
 */
void hvuio_events_pass(struct hvuio_device *dev)
{
	if (atomic_xchg(&dev->events, HVUIO_EVENTS_PASSED) == HVUIO_EVENTS_PENDING)
		uio_event_notify(&dev->info);
}

/*
 * No event reaches UIO when this has returned. VMBus calls hvuio_interrupt()
 * under RCU.
 */
void hvuio_events_hold(struct hvuio_device *dev)
{
	atomic_set(&dev->events, HVUIO_EVENTS_HELD);
	synchronize_rcu();
}

/*
 * The callback of each channel, in hard interrupt context. @context is the
 * device. It stays, because VMBus waits for a callback that runs before it
 * closes a channel or handles its rescind.
 */
void hvuio_interrupt(void *context)
{
	struct hvuio_device *dev = context;

	atomic64_inc(&dev->nr_events);
	hvuio_event_send(dev);
}

/*
 * Whether the host has a reason to look at the rings: it waits for packets, and
 * there are some, or it waits for room, and there is enough. A host that works
 * on tx has set its mask there, and looks again before it waits. User space can
 * write all of this; it decides about a signal and no more.
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
 * A write to /dev/uioN, under info_lock: 0 masks the interrupts of all
 * channels, anything else lets them through and signals the host, on the
 * channels where it has to look. Hyper-V suspends a guest that signals too
 * often without need, and a program that only wants its interrupts back has no
 * other way to say so. The mask of rx belongs to user space otherwise: a kernel
 * that sets it behind its back makes the host's next packet silent.
 */
int hvuio_irqcontrol(struct uio_info *info, s32 on)
{
	struct hvuio_device *dev = info->priv;
	struct hvuio_channel *hc;

	mutex_lock(&dev->set.lock);
	list_for_each_entry(hc, &dev->set.open, node) {
		struct vmbus_channel *channel = hc->channel;

		WRITE_ONCE(channel->inbound.ring_buffer->interrupt_mask, !on);
		if (!on || channel->offermsg.monitor_allocated)
			continue;
		/*
		 * The host must see the mask, and what the program has written
		 * to the rings, before this function looks whether the host
		 * still works on them.
		 */
		virt_mb();
		if (!host_has_to_look(channel))
			continue;
		vmbus_set_event(channel);
		atomic64_inc(&dev->nr_signals);
	}
	mutex_unlock(&dev->set.lock);
	return 0;
}
