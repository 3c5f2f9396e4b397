// SPDX-License-Identifier: GPL-2.0-only
/*
 * 6.15, stable 6.12.30: f31fe8165d36 "uio_hv_generic: Fix sysfs creation path for ring buffer".
 * The VMBus core makes channels/<relid>/ring and calls back with the VMA. The functions
 * (hv_create_ring_sysfs) are in a private header; this member came with them.
 */
#include <linux/hyperv.h>

static int mmap(struct vmbus_channel *channel, struct vm_area_struct *vma)
{
	return 0;
}

void probe(struct vmbus_channel *channel);
void probe(struct vmbus_channel *channel)
{
	channel->mmap_ring_buffer = mmap;
}
