/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_RESCIND_H
#define HVUIO_COMPAT_RESCIND_H

#include <linux/hyperv.h>

/*
 * Return the completion for which vmbus_disconnect_ring() waits if the
 * sub-channel is rescinded, or NULL with a fixed VMBus, which needs no
 * workaround.
 */
static inline struct completion *hvuio_rescind_event(struct vmbus_channel *sub)
{
#ifdef HVUIO_CHANNEL_HAS_RESCIND_EVENT
	return &sub->rescind_event;
#else
	return NULL;
#endif
}

/* Whether this kernel's VMBus has the patches of doc/upstream/. */
static inline bool hvuio_core_is_fixed(void)
{
#ifdef HVUIO_CHANNEL_HAS_RESCIND_EVENT
	return false;
#else
	return true;
#endif
}

#endif
