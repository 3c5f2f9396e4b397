// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5.0: a driver can open a channel with rings of its own, and close the channel
 * without freeing them.
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
