/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only ways in which vmbus-bind changes the machine, its own records aside.
 * The selftests link a model of the kernel in their place, so that the program
 * under test is otherwise the one that is shipped.
 */
#ifndef HVUIO_KERNEL_H
#define HVUIO_KERNEL_H

#include <stdbool.h>
#include <sys/types.h>

/* One write() of value to the file FORMAT; 0 or the kernel's -errno. */
int kernel_write(const char *value, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * modprobe NAME (a module or an alias). 0, -ENOENT when modprobe refuses, or
 * the -errno that kept it from running. -EXDEV under a vmbus_sysroot() that is
 * not the machine.
 */
int kernel_load(const char *name);

/*
 * Set an interface up or down. Returns 1 when it was so already, 0 when it was
 * changed, or -errno: -ENODEV when there is no such interface. -EXDEV as
 * kernel_load().
 */
int kernel_set_interface(const char *name, bool up);

/*
 * chown() with -1 for what stays, then chmod() unless mode is -1. 0 or -errno.
 */
int kernel_set_access(const char *path, uid_t owner, gid_t group, int mode);

/*
 * kernel_claim() - try to open a block device for this program alone, and close
 * it again
 * @name: its name in sysfs
 * @number: its device number, which the node in /dev must have
 *
 * Returns 0, -EBUSY if somebody else has claimed the device or a partition of
 * it, or another -errno. -EXDEV as kernel_load().
 */
int kernel_claim(const char *name, dev_t number);

#endif
