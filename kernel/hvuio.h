/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This header declares the structures of the module, explains who owns which
 * memory, and declares the functions of each file. The files are in the order
 * of their layers: each file calls only functions of the files above it.
 */
#ifndef HVUIO_H
#define HVUIO_H

#include <linux/atomic.h>
#include <linux/hyperv.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/uio_driver.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <asm/mshyperv.h>

#include "compat/gpadl.h"

/*
 * Check an invariant of the module. Only kernels with CONFIG_PROVE_LOCKING do
 * so.
 */
#define HVUIO_ASSERT(condition) \
	((void)(IS_ENABLED(CONFIG_PROVE_LOCKING) && WARN_ON_ONCE(!(condition))))

/*
 * The index of a map is its offset in pages in /dev/uioN. The order and the
 * names are ABI.
 */
enum hvuio_map {
	HVUIO_MAP_RINGS,
	HVUIO_MAP_INT_PAGE,
	HVUIO_MAP_MONITOR_PAGE,
	HVUIO_MAP_RECV,
	HVUIO_MAP_SEND,
	HVUIO_MAPS
};

/* The state of a bound device. doc/kernel.md draws the transitions. */
enum hvuio_state {
	HVUIO_CLOSED,
	HVUIO_OPEN,
	HVUIO_LOST,    /* suspended while open; EIO until the last close */
	HVUIO_FAILED,  /* the resume failed; every open fails */
	HVUIO_REMOVED, /* every open fails, and a release does nothing */
};

/*
 * The state of a set. It decides what the module does with a sub-channel that
 * the host offers.
 */
enum hvuio_set_state {
	HVUIO_SET_CLOSED,    /* VMBus keeps the sub-channel; the next open waits for its end */
	HVUIO_SET_ACCEPTING, /* open_work opens the sub-channel */
	HVUIO_SET_CLOSING,   /* another pass of the close handles the sub-channel */
	HVUIO_SET_DEAD,	     /* nobody will close a channel any more */
};

/*
 * The module's own state of a channel. doc/kernel.md draws the transitions. A
 * sub-channel that is LATE or WALKED may have rings.
 */
enum hvuio_channel_state {
	HVUIO_CHANNEL_CLOSED,	/* a primary that is not open */
	HVUIO_CHANNEL_OFFERED,	/* open_work will open it */
	HVUIO_CHANNEL_OPENING,	/* open_work is opening it */
	HVUIO_CHANNEL_OVERDUE,	/* the same, and a close has given up waiting for it */
	HVUIO_CHANNEL_OPEN,	/* user space can use it */
	HVUIO_CHANNEL_CLOSING,	/* it is open, and a close has begun */
	HVUIO_CHANNEL_UNOPENED, /* its opening has failed */
	/*
	 * It was offered during a close, or was overdue. A walk may have met it
	 * and consumed its rescind_event.
	 */
	HVUIO_CHANNEL_LATE,
	HVUIO_CHANNEL_WALKED,	 /* its rescind waits for the end of the walk */
	HVUIO_CHANNEL_RESCINDED, /* its rescind has ended, and the walk removes it */
	HVUIO_CHANNEL_REMOVED,	 /* the walk has removed it while its rescind waits */
	HVUIO_CHANNEL_STATES
};

/*
 * Whether events reach UIO. uio_event_notify() works only after
 * uio_register_device() has returned, but before that a program can open the
 * node, and the host can interrupt.
 */
enum hvuio_events {
	HVUIO_EVENTS_HELD,
	HVUIO_EVENTS_PENDING, /* held, and an event has occurred */
	HVUIO_EVENTS_PASSED,
};

/*
 * The pages of both rings of a channel, the guest-to-host ring first. The
 * module owns them, and VMBus does not free them, because
 * channel->ringbuffer_page is set only while the channel is being opened.
 * (VMBus could free them if a close gave up waiting for an opening, see
 * HVUIO_OPENING_TIMEOUT.) Each page has a reference count of its own, and each
 * user mapping holds a reference. So a mapped page outlives hvuio_ring_free().
 */
struct hvuio_ring {
	struct page *pages; /* the first one; the others follow it */
	unsigned int nr_pages;
	/*
	 * The host may write to these pages at any time, so the module leaks
	 * them. The host forgets them when VMBus is suspended.
	 */
	bool unreleased;
};

/* The file channels/RELID/ring, through which user space maps both rings. */
struct hvuio_ring_file {
	struct bin_attribute attr;
	bool exists;
	struct delayed_work work; /* retries to create the file */
};

struct hvuio_channel {
	struct list_head node; /* entry in set.channels, or in the list of a close */
	/*
	 * A primary channel stays until hvuio_remove(). The module holds a
	 * reference to a sub-channel and pins it (subchannel.c), so that VMBus
	 * does not remove it.
	 */
	struct vmbus_channel *channel;
	struct hvuio_ring ring;
	/*
	 * set.lock protects the state, or the close that has collected the
	 * channel owns it. The mmap of ring_file reads it without a lock. It
	 * must not take a lock of the module, because the removal of the file
	 * waits for it.
	 */
	enum hvuio_channel_state state;
	struct hvuio_ring_file ring_file;
};

/* The channels of a device. */
struct hvuio_set {
	struct mutex lock; /* protects all members below */
	enum hvuio_set_state state;
	/*
	 * The primary if it is open, and all sub-channels that the module knows
	 * except `opening`.
	 */
	struct list_head channels;
	struct hvuio_channel *opening; /* the sub-channel that open_work is opening, or NULL */
	wait_queue_head_t opened;      /* opening has become NULL */
	struct work_struct open_work;
};

/*
 * The receive or the send buffer of a NIC. The module shares it with the host
 * while the NIC is bound. For another device all members are 0.
 */
struct hvuio_buffer {
	void *mem;
	u32 size;
	struct vmbus_gpadl gpadl;
	char name[sizeof("recv:4294967295")];
	bool unreleased;
};

/*
 * The memory behind a map. UIO's own structure does not contain it, because
 * sysfs shows that structure to everybody. A VMA finds its map and its device
 * here.
 */
struct hvuio_area {
	struct hvuio_device *dev;
	void *mem;
	size_t size;
};

/*
 * Lock order: hvuio_uio_lock (device.c) or mmap_lock, uio's info_lock, lock,
 * set.lock or maps_lock. A fault takes only maps_lock, under mmap_lock. An mmap
 * takes no lock of the module. The sub-channel callback and open_work take only
 * set.lock and never lock, because a close holds lock while it waits for them.
 *
 * References: one from probe to remove; one for each running sub-channel
 * callback, open_work, suspend and resume; one for each VMA of /dev/uioN.
 */
struct hvuio_device {
	struct kref ref;
	struct list_head node; /* entry in the list of bound devices, under its lock */
	struct hv_device *hv;  /* valid until hvuio_remove() returns */
	struct uio_info info;

	struct mutex lock;	/* serializes open, close, resize, remove, suspend */
	enum hvuio_state state; /* read without a lock for sysfs */
	unsigned int opens;
	struct list_head inodes; /* the inodes of the open files */

	struct hvuio_set set;
	struct hvuio_channel primary;
	u32 ring_size;			/* the size of one ring; read without a lock */
	struct hvuio_buffer recv, send; /* for a NIC */

	atomic_t events; /* enum hvuio_events */

	struct mutex maps_lock; /* protects the two members below */
	struct hvuio_area areas[HVUIO_MAPS];
	bool maps_revoked; /* the memory of the maps may be freed */
};

/*
 * The bounds of a size that user space may choose. The size must also be a
 * multiple of the page size.
 */
struct hvuio_limits {
	u32 min, max;
};

/*
 * The maximum number of Hyper-V pages in a GPADL. The length of their list is a
 * u16.
 */
#define HVUIO_GPADL_PAGES ((U16_MAX - sizeof(struct gpa_range)) / sizeof(u64))

/* vmbus.c */
int hvuio_vmbus_check(void);
bool hvuio_vmbus_is_offered(const struct vmbus_channel *channel);
void hvuio_vmbus_mark_offer(struct vmbus_channel *channel);
bool hvuio_vmbus_unmark_offer(struct vmbus_channel *channel);
int hvuio_vmbus_name_folder(struct vmbus_channel *channel);
int hvuio_vmbus_gpadl_handles(void);
void *hvuio_vmbus_int_page(void);
void *hvuio_vmbus_monitor_page(void);
void hvuio_vmbus_claim(struct vmbus_channel *channel);
void hvuio_vmbus_release(struct vmbus_channel *channel);
void hvuio_vmbus_set_ring(struct vmbus_channel *channel, const struct hvuio_ring *ring);
void hvuio_vmbus_clear_ring(struct vmbus_channel *channel);
void hvuio_vmbus_clear_callback(struct vmbus_channel *channel);

/* ringsize.c */
extern const struct hvuio_limits hvuio_ring_limits;
u32 hvuio_ring_size(const guid_t *class);
int hvuio_ring_size_set(const guid_t *class, u32 size);
int hvuio_ring_sizes_print(char *buf);

/* ring.c */
int hvuio_ring_alloc(struct hvuio_ring *ring, struct vmbus_channel *channel, u32 size);
void hvuio_ring_free(struct hvuio_ring *ring);
bool hvuio_ring_is_mapped(const struct hvuio_ring *ring);
int hvuio_ring_connect(struct hvuio_ring *ring, struct vmbus_channel *channel,
		       void (*callback)(void *context), void *context);
void hvuio_ring_unmap(struct vmbus_channel *channel);

static inline size_t hvuio_ring_bytes(const struct hvuio_ring *ring)
{
	return (size_t)ring->nr_pages << PAGE_SHIFT;
}

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
void hvuio_buffer_clear(struct hvuio_buffer *buffer);

/* ring_file.c */
void hvuio_ring_file_init(struct hvuio_channel *hc);
int hvuio_ring_file_create(struct hvuio_channel *hc);
void hvuio_ring_file_remove(struct hvuio_channel *hc);

/* ref.c */
void hvuio_device_add(struct hvuio_device *dev);
void hvuio_device_unlink(struct hvuio_device *dev);
struct hvuio_device *hvuio_device_find(struct vmbus_channel *primary);
struct hvuio_device *hvuio_device_get(struct hvuio_device *dev);
void hvuio_device_put(struct hvuio_device *dev);

/* mapping.c */
void hvuio_maps_set(struct hvuio_device *dev);
int hvuio_inode_get(struct list_head *inodes, struct inode *inode);
void hvuio_inode_put(struct list_head *inodes, struct inode *inode);
void hvuio_maps_revoke(struct hvuio_device *dev);
vm_fault_t hvuio_map_fault(struct vm_fault *vmf);
void hvuio_map_open(struct vm_area_struct *vma);
void hvuio_map_close(struct vm_area_struct *vma);

/* compat/uio_mmap.c */
void hvuio_info_set_mmap(struct uio_info *info);

/* event.c */
void hvuio_interrupt(void *context);
void hvuio_event_send(struct hvuio_device *dev);
void hvuio_events_pass(struct hvuio_device *dev);
void hvuio_events_hold(struct hvuio_device *dev);
int hvuio_irqcontrol(struct uio_info *info, s32 on);

/* subchannel.c */
void hvuio_set_init(struct hvuio_set *set);
void hvuio_set_add(struct hvuio_set *set, struct hvuio_channel *primary);
int hvuio_subs_accept(struct hvuio_device *dev);
int hvuio_subs_close(struct hvuio_device *dev);
void hvuio_subs_close_late(struct hvuio_device *dev);
void hvuio_subs_suspend(struct hvuio_device *dev);
void hvuio_subs_end(struct hvuio_device *dev);
bool hvuio_subs_can_quiesce(void);
void hvuio_subs_quiesce(void);

/* channel.c */
int hvuio_connect(struct hvuio_device *dev);
void hvuio_disconnect(struct hvuio_device *dev);
void hvuio_disconnect_last(struct hvuio_device *dev);

/* resize.c */
int hvuio_resize_rings(struct hvuio_device *dev, u32 size);

/* sysfs.c */
extern const struct attribute_group hvuio_device_group;
extern const struct attribute_group *hvuio_driver_groups[];

/* device.c */
int hvuio_device_create(struct hv_device *hv);
void hvuio_device_destroy(struct hvuio_device *dev);
void hvuio_device_suspend(struct hvuio_device *dev);
int hvuio_device_resume(struct hvuio_device *dev);

#endif
