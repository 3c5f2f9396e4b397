// SPDX-License-Identifier: GPL-2.0-only
/* 7.2: as mmap_ring_buffer, with a VMA descriptor */
#include <linux/hyperv.h>
#include <linux/mm.h>

static int prepare(struct vmbus_channel *channel, struct vm_area_desc *desc)
{
	return 0;
}

void probe(struct vmbus_channel *channel);
void probe(struct vmbus_channel *channel)
{
	channel->mmap_prepare_ring_buffer = prepare;
}
