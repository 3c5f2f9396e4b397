/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_REMOVE_H
#define HVUIO_COMPAT_REMOVE_H

#include <linux/hyperv.h>

/*
 * hv_driver_remove(fn) converts @fn, which returns nothing, to the type of
 * hv_driver.remove.
 */
#ifdef HVUIO_HV_DRIVER_REMOVE_RETURNS_VOID
#define HVUIO_DEFINE_REMOVE(fn)
#define hv_driver_remove(fn) fn
#else
#define HVUIO_DEFINE_REMOVE(fn)                             \
	static int fn##_returning_int(struct hv_device *hv) \
	{                                                   \
		fn(hv);                                     \
		return 0;                                   \
	}
#define hv_driver_remove(fn) fn##_returning_int
#endif

#endif
