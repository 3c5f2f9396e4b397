/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions through which vmbus-bind and vmbusctl change the machine. Only
 * their own files are written elsewhere. The selftests link a model of the
 * kernel in place of this file, so the rest of the program under test is what
 * packages contain.
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
 * Run modprobe for a module or an alias. Return 0, -ENOENT when modprobe
 * refuses, or the -errno that kept it from running. Return -EXDEV under a
 * vmbus_sysroot() that is not the machine.
 */
int kernel_load(const char *name);

/*
 * Set an interface up or down. Return 0, 1 if it was in that state already, or
 * -errno: -ENODEV when there is no such interface, and -EXDEV as kernel_load()
 * does.
 */
int kernel_set_interface(const char *name, bool up);

/*
 * Change owner and group, where -1 keeps one, and then the mode unless it is
 * -1. Return 0 or -errno.
 */
int kernel_set_access(const char *path, uid_t owner, gid_t group, int mode);

/*
 * kernel_claim() - try to open a block device exclusively, and close it again
 * @name: its name in sysfs
 * @number: its device number, which the node in /dev must have
 *
 * Returns 0, -EBUSY if somebody else has claimed the device or a partition of
 * it, or another -errno; -EXDEV as kernel_load() does.
 */
int kernel_claim(const char *name, dev_t number);

#endif
