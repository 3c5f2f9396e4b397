// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5.8, 9403b66e6161 "Drivers: hv: vmbus: Use a spin lock for synchronizing
 * channel scheduling vs. channel removal". Before, VMBus calls the channel
 * callback under RCU alone.
 */
#include <linux/hyperv.h>

void probe(struct vmbus_channel *channel);
void probe(struct vmbus_channel *channel)
{
	spin_lock(&channel->sched_lock);
	spin_unlock(&channel->sched_lock);
}
