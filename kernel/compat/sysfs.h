/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_SYSFS_H
#define HVUIO_COMPAT_SYSFS_H

#include <linux/kernel.h>
#include <linux/sysfs.h>

/* The qualifier of the attribute that bin_attribute.mmap() takes. */
#ifdef HVUIO_BIN_ATTRIBUTE_MMAP_TAKES_CONST
#define HVUIO_ATTR_CONST const
#else
#define HVUIO_ATTR_CONST
#endif

/* The buffer for the content of a sysfs file is one page. */
#ifndef HVUIO_HAS_SYSFS_EMIT
static inline __printf(3, 4) int hvuio_compat_sysfs_emit_at(char *buf, int at, const char *format,
							    ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vscnprintf(buf + at, PAGE_SIZE - at, format, args);
	va_end(args);
	return len;
}

#define sysfs_emit_at	     hvuio_compat_sysfs_emit_at
#define sysfs_emit(buf, ...) sysfs_emit_at(buf, 0, __VA_ARGS__)
#endif

#endif
