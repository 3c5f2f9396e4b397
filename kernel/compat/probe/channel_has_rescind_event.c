// SPDX-License-Identifier: GPL-2.0-only
/*
 * All kernels so far have rescind_event. A VMBus with the patches of
 * doc/upstream/ has none, and subchannel.c then works around nothing.
 */
#include <linux/hyperv.h>

void probe(struct vmbus_channel *channel);
void probe(struct vmbus_channel *channel)
{
	complete(&channel->rescind_event);
}
