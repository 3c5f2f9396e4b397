/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_RESCIND_H
#define HVUIO_COMPAT_RESCIND_H

#include <linux/hyperv.h>

/*
 * What vmbus_disconnect_ring() waits for with a rescinded sub-channel, or NULL
 * with a VMBus that has been fixed: then there is nothing to work around.
 */
static inline struct completion *hvuio_rescind_event(struct vmbus_channel *sub)
{
#ifdef HVUIO_CHANNEL_HAS_RESCIND_EVENT
	return &sub->rescind_event;
#else
	return NULL;
#endif
}

static inline bool hvuio_core_is_fixed(void)
{
#ifdef HVUIO_CHANNEL_HAS_RESCIND_EVENT
	return false;
#else
	return true;
#endif
}

#endif
