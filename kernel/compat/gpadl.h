/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GPADLs as newer kernels have them: a structure, where older ones had a bare
 * handle. Whether the host still holds the memory is asked here, because no
 * kernel's return value says it rightly.
 */
#ifndef HVUIO_COMPAT_GPADL_H
#define HVUIO_COMPAT_GPADL_H

#include <linux/hyperv.h>

#ifdef HVUIO_VMBUS_GPADL_IS_STRUCT

/* In a confidential VM: the memory could not be made private again. */
static inline bool hvuio_gpadl_is_host_visible(const struct vmbus_gpadl *gpadl)
{
#ifdef HVUIO_VMBUS_GPADL_HAS_DECRYPTED
	return gpadl->decrypted;
#else
	return false;
#endif
}

/*
 * A finished teardown leaves no handle; one cut short by a rescind does, but
 * the host let go.
 */
static inline bool hvuio_gpadl_is_held(const struct vmbus_channel *channel,
				       const struct vmbus_gpadl *gpadl)
{
	return (gpadl->gpadl_handle && !READ_ONCE(channel->rescind)) ||
	       hvuio_gpadl_is_host_visible(gpadl);
}

static inline bool hvuio_ring_gpadl_is_held(const struct vmbus_channel *channel)
{
	return hvuio_gpadl_is_held(channel, &channel->ringbuffer_gpadlhandle);
}

static inline void hvuio_ring_gpadl_forget(struct vmbus_channel *channel)
{
	channel->ringbuffer_gpadlhandle.gpadl_handle = 0;
}

static inline int hvuio_ring_gpadl_teardown(struct vmbus_channel *channel)
{
	return vmbus_teardown_gpadl(channel, &channel->ringbuffer_gpadlhandle);
}

/*
 * Whether the host may hold the ring after an open that took a handle and
 * failed with @error.
 */
static inline bool hvuio_ring_gpadl_in_doubt(const struct vmbus_channel *channel, int error)
{
	return hvuio_ring_gpadl_is_held(channel);
}

#else

struct vmbus_gpadl {
	u32 gpadl_handle;
	u32 size;
	void *buffer;
};

static inline int hvuio_compat_establish_gpadl(struct vmbus_channel *channel, void *buffer,
					       u32 size, struct vmbus_gpadl *gpadl)
{
	gpadl->buffer = buffer;
	gpadl->size = size;
	return vmbus_establish_gpadl(channel, buffer, size, &gpadl->gpadl_handle);
}

static inline int hvuio_compat_teardown_gpadl(struct vmbus_channel *channel,
					      struct vmbus_gpadl *gpadl)
{
	int ret = vmbus_teardown_gpadl(channel, gpadl->gpadl_handle);

	if (!ret)
		gpadl->gpadl_handle = 0;
	return ret;
}

#define vmbus_establish_gpadl hvuio_compat_establish_gpadl
#define vmbus_teardown_gpadl hvuio_compat_teardown_gpadl

static inline bool hvuio_gpadl_is_host_visible(const struct vmbus_gpadl *gpadl)
{
	return false;
}

static inline bool hvuio_gpadl_is_held(const struct vmbus_channel *channel,
				       const struct vmbus_gpadl *gpadl)
{
	return gpadl->gpadl_handle && !READ_ONCE(channel->rescind);
}

static inline bool hvuio_ring_gpadl_is_held(const struct vmbus_channel *channel)
{
	return channel->ringbuffer_gpadlhandle && !READ_ONCE(channel->rescind);
}

static inline void hvuio_ring_gpadl_forget(struct vmbus_channel *channel)
{
	channel->ringbuffer_gpadlhandle = 0;
}

/* These kernels forget the handle also when the teardown failed. */
static inline int hvuio_ring_gpadl_teardown(struct vmbus_channel *channel)
{
	return -ENOMEM;
}

/*
 * These kernels forget the handle of a failed open, also when its teardown
 * failed. -EDQUOT is the host's refusal of the GPADL, so it holds none.
 */
static inline bool hvuio_ring_gpadl_in_doubt(const struct vmbus_channel *channel, int error)
{
	return error != -EDQUOT && !READ_ONCE(channel->rescind);
}

#endif
#endif
