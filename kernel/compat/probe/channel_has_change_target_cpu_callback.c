// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5.8: VMBus tells a driver when the interrupts of a channel move to another
 * processor
 */
#include <linux/hyperv.h>

void probe(struct vmbus_channel *channel);
void probe(struct vmbus_channel *channel)
{
	channel->change_target_cpu_callback = NULL;
}
