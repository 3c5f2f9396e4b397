// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program may use DPDK's bus driver and this library: no name of the two
 * headers collides.
 */

#ifdef DPDK_FIRST
#include <rte_bus_vmbus.h>
#include <vmbus_bufring.h>
#else
#include <vmbus_bufring.h>
#include <rte_bus_vmbus.h>
#endif

/*
 * Use both kinds of channel in one function: DPDK's struct vmbus_channel is
 * another type.
 */
int with_dpdk(struct vmbus_channel *theirs, struct vmbus_chan *ours);

int with_dpdk(struct vmbus_channel *theirs, struct vmbus_chan *ours)
{
	const struct vmbus_gpa_range range = { .len = 1 };

	if (rte_vmbus_chan_rx_empty(theirs))
		return vmbus_send(ours, VMBUS_PACKET_INBAND, 0, 0, "x", range.len);
	return 0;
}
