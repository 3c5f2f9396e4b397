// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5.16: vmbus_establish_gpadl() fills in a structure. Before, it returned a
 * bare u32 handle.
 */
#include <linux/hyperv.h>

int probe(struct vmbus_channel *channel, void *mem, struct vmbus_gpadl *gpadl);
int probe(struct vmbus_channel *channel, void *mem, struct vmbus_gpadl *gpadl)
{
	*gpadl = channel->ringbuffer_gpadlhandle;
	return vmbus_establish_gpadl(channel, mem, 4096, gpadl);
}
