/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions with which vmbus-bind and vmbusctl change the machine. Other
 * code writes only files of these programs. The selftests link a model of the
 * kernel instead of kernel.c, so the rest of a program under test is the same
 * as in the packages.
 */
#ifndef HVUIO_KERNEL_H
#define HVUIO_KERNEL_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Write @value to the file FORMAT with one write(). Return 0 or the kernel's
 * -errno.
 */
int kernel_write(const char *value, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Run modprobe for a module or an alias. Return 0, -ENOENT if modprobe fails,
 * or the -errno that kept it from running. Return -EXDEV if sysroot() is
 * not the machine itself.
 */
int kernel_load(const char *name);

/*
 * Set an interface up or down. Return 0, 1 if it already was in that state, or
 * -errno: -ENODEV if there is no such interface, and -EXDEV as kernel_load()
 * does.
 */
int kernel_set_interface(const char *name, bool up);

/*
 * Change the owner and the group, and then the mode. -1 leaves any of them
 * unchanged. Return 0 or -errno.
 */
int kernel_set_access(const char *path, uid_t owner, gid_t group, int mode);

#endif
