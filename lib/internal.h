/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef VMBUS_INTERNAL_H
#define VMBUS_INTERNAL_H

#include "ring.h"
#include "vmbus_bufring.h"

#define HV_PAGE_SIZE 4096u	/* the hypervisor's, whatever ours is */

/* Where sysfs and the device files are */
const char *sysfs_root(void);
const char *dev_root(void);

/* Keeps the text for vmbus_error(); returns @err */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct vmbus_device {
	char instance[VMBUS_GUID_SIZE];
	char class_id[VMBUS_GUID_SIZE];
	char *driver;		/* or NULL */
	char *uio;		/* or NULL */
	char *path;		/* or NULL */
	char *sysfs;
};

struct vmbus_device *device_copy(const struct vmbus_device *dev);
/* One line of the file @name in the folder @dir, without its newline; 0 or -errno */
int read_attribute(const char *dir, const char *name, char *text, size_t size);
int read_attribute_u64(const char *dir, const char *name, uint64_t *value);

/* What a UIO device offers to map; at most 5 come from uio_hv_generic */
struct uio_map {
	char name[32];
	unsigned int number;
	uint64_t size;
	uint64_t offset;	/* within the first page */
};

struct mapping {
	void *addr;
	size_t size;
	struct range *range;
};

enum { MAP_RINGS, MAP_RINGS_2, MAP_INT_PAGE, MAP_MONITOR_PAGE, MAP_COUNT };

struct vmbus_channel {
	struct tx_ring tx;
	struct rx_ring rx;

	/*
	 * Once the channel has ended: why. Any thread may find out, and a signal handler. Nobody
	 * touches the rings from then on, for on a rescind the kernel takes their pages away.
	 */
	alignas(CACHE_LINE) _Atomic int dead;

	int fd;			/* -1: none */
	bool own_fd;
	bool fd_is_socket;
	int (*signal)(void *ctx);
	void *ctx;

	/* For monitored channels, else NULL: the words and bits that stand for this channel */
	_Atomic uint32_t *event_word;
	uint32_t event_bit;
	_Atomic uint32_t *monitor_word;
	uint32_t monitor_bit;

	struct mapping maps[MAP_COUNT];
	struct vmbus_device *device;
};

/* Remembers that the channel is dead, and returns @err */
static inline int channel_dead(struct vmbus_channel *chan, int err)
{
	WRITE_ONCE(chan->dead, err);
	return err;
}

/*
 * 0, or why the channel has ended. Before the rings are touched; and after it, before anything that
 * was read there is believed, since it may be zeros of the guard. Those come after the mark.
 */
static inline int channel_check(const struct vmbus_channel *chan)
{
	barrier();
	smp_rmb();
	return READ_ONCE(chan->dead);
}

/* Watches a mapping that is the channel's own; NULL: out of memory */
struct range *guard_add(struct vmbus_channel *chan, void *addr, size_t size);
/* Before it is unmapped */
void guard_remove(struct range *range);

#endif /* VMBUS_INTERNAL_H */
