/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_ISOLATION_H
#define HVUIO_COMPAT_ISOLATION_H

#include <asm/mshyperv.h>

#ifndef HVUIO_HAS_HV_IS_ISOLATION_SUPPORTED
/* A kernel without it cannot run as a confidential guest of Hyper-V. */
static inline bool hv_is_isolation_supported(void)
{
	return false;
}
#endif

#endif
