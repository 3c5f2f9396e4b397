// SPDX-License-Identifier: GPL-2.0-only
/*
 * All kernels so far. A VMBus with the patches of doc/upstream/ has no
 * rescind_event, and needs nothing of what subchannel.c does to its fields.
 */
#include <linux/hyperv.h>

void probe(struct vmbus_channel *channel);
void probe(struct vmbus_channel *channel)
{
	complete(&channel->rescind_event);
}
