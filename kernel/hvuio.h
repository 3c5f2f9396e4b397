/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_H
#define HVUIO_H

#include <linux/atomic.h>
#include <linux/hyperv.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/uio_driver.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat/gpadl.h"
#include "compat/ring_file.h"

/* The index of a map is its offset in pages in /dev/uioN. The order and the names are ABI. */
enum hvuio_map {
	HVUIO_MAP_RINGS,
	HVUIO_MAP_INT_PAGE,
	HVUIO_MAP_MONITOR_PAGE,
	HVUIO_MAP_RECV,
	HVUIO_MAP_SEND,
	HVUIO_MAPS
};

/*
 * The pages of both rings of a channel, the guest-to-host ring first. They are ours, not the
 * channel's: channel->ringbuffer_page is set only while the channel is being opened, so no
 * path of the VMBus core can free them. Each page has a reference count of its own and each user
 * mapping holds one, so a page that is still mapped somewhere outlives hvuio_ring_free().
 */
struct hvuio_ring {
	struct page **pages;
	unsigned int nr_pages;
	/* Never cleared: the host may write to these pages at any time, so they are leaked. */
	bool held_by_host;
};

struct hvuio_channel {
	/* In hvuio_device.channels from open to close, under channels_lock. */
	struct list_head node;
	/* A sub-channel is pinned (subchannel.c); the primary does not go before hvuio_remove(). */
	struct vmbus_channel *channel;
	struct hvuio_ring ring;
	/* For ring_file's mmap, which may take no lock of ours: removing the file waits for it. */
	bool open;
	struct hvuio_ring_file ring_file;
};

/* The receive or the send buffer of a NIC: shared with the host while the NIC is bound. */
struct hvuio_buffer {
	void *mem;
	u32 size;
	struct vmbus_gpadl gpadl;
	char name[sizeof("recv:4294967295")];
	bool held_by_host;
};

/*
 * Lock order: mmap_lock, uio's info_lock, lock, channels_lock. A fault takes maps_lock, under
 * which nothing is taken, and then its page's lock; an mmap takes no lock of ours. The sub-channel
 * callback and open_work take channels_lock only, never lock: closing holds lock while it waits for
 * them. The mutex in compat/ring_file.c is the innermost.
 *
 * References: one from probe to remove, one for each running sub-channel callback, open_work,
 * suspend and resume, one for each VMA of /dev/uioN.
 */
struct hvuio_device {
	struct kref ref;
	struct list_head node;		/* in the list of bound devices, under its lock */
	struct hv_device *hv;		/* valid until hvuio_remove() returns */
	struct uio_info info;

	struct mutex lock;		/* serializes open, close, resize, remove, suspend */
	unsigned int opens;
	bool gone;			/* being removed, or not resumed: no more opens */
	bool lost;			/* suspended while open: EIO until the last close */
	struct list_head inodes;	/* of the open files */

	struct mutex channels_lock;	/* for those below */
	struct list_head channels;	/* the open ones, which may be signalled */
	bool accepting;			/* sub-channels are opened when they are offered */
	bool dead;			/* nobody will close a channel any more */
	unsigned int opening;		/* sub-channels that are being opened */
	bool closing;			/* VMBus walks over the sub-channels */
	struct list_head offered;	/* sub-channels for open_work */
	struct list_head stranded;	/* those that it could not open, until the next close */
	wait_queue_head_t opening_done, closing_done;
	struct work_struct open_work;

	/*
	 * uio_event_notify() works only after uio_register_device() has returned, but the node can
	 * be opened, and the host can interrupt, before. Such an event is kept in early_event.
	 */
	bool registered;
	bool early_event;

	struct hvuio_channel primary;
	u32 ring_size;			/* of one ring of each channel; read without a lock */
	struct delayed_work ring_file_work;
	/* Each is one of a pair, and its successor the other: UIO shows names without a lock. */
	struct hvuio_buffer *recv, *send;
	struct hvuio_buffer recv_pair[2], send_pair[2];

	/* Since the device was bound, for sysfs. */
	atomic64_t events, signals, total_opens;

	spinlock_t maps_lock;		/* for the one below */
	bool maps_revoked;		/* the memory of the maps is not ours any more */
};

/* device.c */
int hvuio_device_create(struct hv_device *hv);
void hvuio_device_destroy(struct hvuio_device *dev);
void hvuio_device_suspend(struct hvuio_device *dev);
int hvuio_device_resume(struct hvuio_device *dev);
void hvuio_ring_file_try(struct hvuio_device *dev);
struct hvuio_device *hvuio_device_get(struct vmbus_channel *primary);
void hvuio_device_put(struct hvuio_device *dev);

/* channel.c */
int hvuio_connect(struct hvuio_device *dev);
void hvuio_disconnect(struct hvuio_device *dev);
bool hvuio_has_channels(struct hvuio_device *dev);
void hvuio_disconnect_last(struct hvuio_device *dev);
void hvuio_open_work(struct work_struct *work);
int hvuio_irqcontrol(struct uio_info *info, s32 on);
void hvuio_channels_quiesce(void);

/* subchannel.c */
void hvuio_subs_wait_gone(struct hvuio_device *dev);
void hvuio_sub_pin(struct vmbus_channel *sub);
int hvuio_sub_begin_open(struct vmbus_channel *sub);
void hvuio_sub_end_open(struct vmbus_channel *sub, bool opened);
void hvuio_subs_begin_walk(struct list_head *opened, struct list_head *unopened);
void hvuio_subs_end_walk(struct list_head *subs);

/* ring.c */
int hvuio_ring_alloc(struct hvuio_ring *ring, struct vmbus_channel *channel, u32 size);
void hvuio_ring_free(struct hvuio_ring *ring);
int hvuio_ring_connect(struct hvuio_channel *hc, void (*callback)(void *context), void *context);
void hvuio_ring_unmap(struct vmbus_channel *channel);
struct page **hvuio_ring_mappable(struct hvuio_channel *hc, unsigned long first,
				  unsigned long count);

static inline size_t hvuio_ring_bytes(const struct hvuio_ring *ring)
{
	return (size_t)ring->nr_pages << PAGE_SHIFT;
}

bool hvuio_ring_is_mapped(const struct hvuio_ring *ring);

/* The sizes that user space may choose: multiples of the page size in these bounds. */
struct hvuio_limits {
	u32 min, max;
};

/* How many pages of Hyper-V a GPADL can have: the length of their list is a u16. */
#define HVUIO_GPADL_PAGES	((U16_MAX - sizeof(struct gpa_range)) / sizeof(u64))

/* ringsize.c */
extern const struct hvuio_limits hvuio_ring_limits;
u32 hvuio_ring_size(const guid_t *class);
int hvuio_ring_size_set(const guid_t *class, u32 size);
int hvuio_ring_sizes_print(char *buf);

/* resize.c */
int hvuio_resize_rings(struct hvuio_device *dev, u32 size);
int hvuio_resize_buffer(struct hvuio_device *dev, enum hvuio_map map, u32 size);

/* sysfs.c */
extern const struct attribute_group hvuio_device_group;
extern const struct attribute_group *hvuio_driver_groups[];

/* buffer.c */
extern const struct hvuio_limits hvuio_buffer_limits;
u32 hvuio_buffer_size(enum hvuio_map map);
void hvuio_buffer_size_set(enum hvuio_map map, u32 size);
int hvuio_buffer_create(struct hvuio_buffer *buffer, struct vmbus_channel *channel,
			const char *prefix, u32 size);
void hvuio_buffer_destroy(struct hvuio_buffer *buffer, struct vmbus_channel *channel);
int hvuio_buffer_share(struct hvuio_buffer *buffer, struct vmbus_channel *channel,
		       const char *prefix);
void hvuio_buffer_unshare(struct hvuio_buffer *buffer, struct vmbus_channel *channel);

/* mapping.c */
void hvuio_maps_set(struct hvuio_device *dev);
int hvuio_inode_get(struct list_head *inodes, struct inode *inode);
void hvuio_inode_put(struct list_head *inodes, struct inode *inode);
void hvuio_inodes_pin(struct list_head *inodes);
void hvuio_maps_revoke(struct hvuio_device *dev, struct list_head *inodes);
const struct vm_operations_struct *hvuio_map_ops(unsigned long map);
void *hvuio_map_get(struct hvuio_device *dev);

/* vmbus.c */
int hvuio_vmbus_check(void);
bool hvuio_vmbus_is_offered(const struct vmbus_channel *channel);
void *hvuio_vmbus_int_page(void);
void *hvuio_vmbus_monitor_page(void);

#endif
