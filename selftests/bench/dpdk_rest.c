// SPDX-License-Identifier: GPL-2.0-only
/*
 * The symbols of the rest of DPDK that bus/vmbus needs to link. Only
 * rte_mem_page_size() is ever called.
 */
#include <stddef.h>
#include <stdlib.h>

#include "contender.h"

int vmbus_logtype_bus;

size_t rte_mem_page_size(void);
size_t rte_mem_page_size(void)
{
	return RING_HEADER;
}

#define NEVER_CALLED(name) \
	void name(void);   \
	void name(void)    \
	{                  \
		abort();   \
	}
NEVER_CALLED(__rte_panic)
NEVER_CALLED(rte_free)
NEVER_CALLED(rte_log)
NEVER_CALLED(rte_zmalloc_socket)
NEVER_CALLED(vmbus_uio_find_resource)
NEVER_CALLED(vmbus_uio_get_subchan)
NEVER_CALLED(vmbus_uio_map_rings)
NEVER_CALLED(vmbus_uio_subchannels_supported)
