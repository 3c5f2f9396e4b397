/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The former names of functions, for programs of this repository that have not
 * been renamed yet. Their builds include this header on the command line.
 */
#ifndef OLD_NAMES_H
#define OLD_NAMES_H

#include "from_memory.h"

#define vmbus_chan_open vmbus_open
#define vmbus_chan_close vmbus_close
#define vmbus_chan_pair(ring_size, guest, host) vmbus_open_pair(ring_size, 0, guest, host)
#define vmbus_chan_from_memory channel_from_memory
#define vmbus_chan_buffer vmbus_map_buffer
#define vmbus_chan_device(chan) (vmbus_info(chan)->device)
#define vmbus_chan_max_payload(chan) (vmbus_info(chan)->max_payload)
#define vmbus_chan_stats vmbus_stats
#define vmbus_chan_dump vmbus_dump
#define vmbus_chan_set_latency vmbus_set_latency
#define vmbus_subchannel_open vmbus_open_subchannel
#define vmbus_devices_list vmbus_device_list
#define vmbus_devices_free vmbus_device_list_free

static inline int vmbus_tx_used(struct vmbus_chan *chan)
{
	struct vmbus_stats stats;

	vmbus_stats(chan, &stats, sizeof(stats));
	return stats.error ? (int)stats.error : (int)stats.tx_used;
}

#endif /* OLD_NAMES_H */
