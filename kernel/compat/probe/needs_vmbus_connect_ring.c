// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5.0: a channel can be opened with rings that exist, and closed without
 * freeing them
 */
#include <linux/hyperv.h>

static void callback(void *context)
{
}

int probe(struct vmbus_channel *channel);
int probe(struct vmbus_channel *channel)
{
	return vmbus_connect_ring(channel, callback, NULL);
}
