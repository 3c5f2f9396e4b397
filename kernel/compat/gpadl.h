/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This header gives older kernels, which have a bare handle, the GPADL
 * structure of newer ones. It also has the functions that check whether the
 * host has not released the memory, because the return value of VMBus is not
 * reliable on any kernel. The flag `decrypted` of newer kernels says nothing
 * about that: it matters only in confidential VMs, in which the module does not
 * load.
 */
#ifndef HVUIO_COMPAT_GPADL_H
#define HVUIO_COMPAT_GPADL_H

#include <linux/hyperv.h>

#ifdef HVUIO_VMBUS_GPADL_IS_STRUCT

static inline bool hvuio_ring_gpadl_is_unreleased(const struct vmbus_channel *channel)
{
	return channel->ringbuffer_gpadlhandle.gpadl_handle && !READ_ONCE(channel->rescind);
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
 * Whether the host may not have released the rings after an open that allocated
 * a handle and failed with @error.
 */
static inline bool hvuio_ring_gpadl_is_unreleased_after(const struct vmbus_channel *channel,
							int error)
{
	return hvuio_ring_gpadl_is_unreleased(channel);
}

#else

struct vmbus_gpadl {
	u32 gpadl_handle;
};

static inline int hvuio_compat_establish_gpadl(struct vmbus_channel *channel, void *buffer,
					       u32 size, struct vmbus_gpadl *gpadl)
{
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
#define vmbus_teardown_gpadl  hvuio_compat_teardown_gpadl

static inline bool hvuio_ring_gpadl_is_unreleased(const struct vmbus_channel *channel)
{
	return channel->ringbuffer_gpadlhandle && !READ_ONCE(channel->rescind);
}

static inline void hvuio_ring_gpadl_forget(struct vmbus_channel *channel)
{
	channel->ringbuffer_gpadlhandle = 0;
}

/* These kernels forget the handle even if the teardown failed. */
static inline int hvuio_ring_gpadl_teardown(struct vmbus_channel *channel)
{
	return -ENOMEM;
}

/*
 * These kernels forget the handle of a failed open, even if its teardown
 * failed. -EDQUOT means that the host refused the GPADL.
 */
static inline bool hvuio_ring_gpadl_is_unreleased_after(const struct vmbus_channel *channel,
							int error)
{
	return error != -EDQUOT && !READ_ONCE(channel->rescind);
}

#endif

/*
 * Whether the host may not have released the memory. A finished teardown leaves
 * no handle. A teardown that a rescind has interrupted leaves one, but the host
 * has released the memory.
 */
static inline bool hvuio_gpadl_is_unreleased(const struct vmbus_channel *channel,
					     const struct vmbus_gpadl *gpadl)
{
	return gpadl->gpadl_handle && !READ_ONCE(channel->rescind);
}

#endif
