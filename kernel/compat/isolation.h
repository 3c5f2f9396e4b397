/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_ISOLATION_H
#define HVUIO_COMPAT_ISOLATION_H

#include <asm/mshyperv.h>

#ifndef HVUIO_HAS_HV_IS_ISOLATION_SUPPORTED
#ifdef HVUIO_VMBUS_GPADL_HAS_DECRYPTED
#error "this kernel knows confidential VMs, but hv_is_isolation_supported() was not found"
#endif
/*
 * A kernel without this function cannot run as a confidential guest of Hyper-V.
 */
static inline bool hv_is_isolation_supported(void)
{
	return false;
}
#endif

#endif
