/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * channels/<relid>/ring: newer kernels make the file and ask for the mapping, on older ones it
 * is a file of our own.
 */
#ifndef HVUIO_COMPAT_RING_FILE_H
#define HVUIO_COMPAT_RING_FILE_H

#include <linux/hyperv.h>
#include <linux/sysfs.h>

struct hvuio_channel;

#if defined(HVUIO_CHANNEL_HAS_MMAP_RING_BUFFER) || \
	defined(HVUIO_CHANNEL_HAS_MMAP_PREPARE_RING_BUFFER)
#define HVUIO_KERNEL_MAKES_RING_FILE
#endif

struct hvuio_ring_file {
	bool there;
#ifndef HVUIO_KERNEL_MAKES_RING_FILE
	struct bin_attribute attr;
#endif
};

/* Exported by the VMBus core, declared only in a header that no kernel package ships. */
#ifdef HVUIO_CHANNEL_HAS_MMAP_PREPARE_RING_BUFFER
int hv_create_ring_sysfs(struct vmbus_channel *channel,
			 int (*mmap_prepare)(struct vmbus_channel *channel,
					     struct vm_area_desc *desc));
#else
int hv_create_ring_sysfs(struct vmbus_channel *channel,
			 int (*mmap)(struct vmbus_channel *channel, struct vm_area_struct *vma));
#endif
int hv_remove_ring_sysfs(struct vmbus_channel *channel);

/* -EAGAIN when the channel's folder is not there yet and the caller has to come back. */
int hvuio_ring_file_create(struct hvuio_channel *hc);
/* Waits for mmaps at work and takes existing mappings from their users. */
void hvuio_ring_file_remove(struct hvuio_channel *hc);

#endif
