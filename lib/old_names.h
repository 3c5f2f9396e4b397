/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The former names of functions, for programs of this repository that have not
 * been renamed yet. Their builds include this header on the command line.
 */
#ifndef OLD_NAMES_H
#define OLD_NAMES_H

#include "../util/vmbus.h"
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

#define vmbus_chan_open_device channel_open
#define vmbus_sysroot sysroot
#define vmbus_guid_parse guid_parse
#define vmbus_class_at class_at
#define vmbus_class_find class_find
#define vmbus_class class
#define VMBUS_GUID_SIZE GUID_SIZE
#define vmbus_device_attribute_u64 device_u64
#define vmbus_device_is_offered device_is_offered
#define vmbus_device_instance(dev) ((dev)->instance)
#define vmbus_device_class(dev) ((dev)->class_id)
#define vmbus_device_class_name(dev) ((dev)->class_name)
#define vmbus_device_driver(dev) ((dev)->driver)
#define vmbus_device_uio(dev) ((dev)->uio)
#define vmbus_device_path(dev) ((dev)->path)
#define vmbus_device_sysfs(dev) ((dev)->sysfs)

static inline int vmbus_tx_used(struct vmbus_chan *chan)
{
	struct vmbus_stats stats;

	vmbus_stats(chan, &stats, sizeof(stats));
	return stats.error ? (int)stats.error : (int)stats.tx_used;
}

#endif /* OLD_NAMES_H */
