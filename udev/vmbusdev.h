/* SPDX-License-Identifier: GPL-2.0-only */
/* VMBus devices as sysfs shows them. Nothing here changes anything. */
#ifndef HVUIO_VMBUSDEV_H
#define HVUIO_VMBUSDEV_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/vmbus_bufring.h"

#define DRIVER_NAME_MAX 63

/* Lower case, no braces, as in the names under /sys/bus/vmbus/devices. */
struct vmbus_dev {
	char instance[VMBUS_GUID_SIZE];
	char class[VMBUS_GUID_SIZE];
	char driver[DRIVER_NAME_MAX + 1]; /* empty: no driver */
	int error; /* of dev_list(): 0, or the -errno for which class or driver are not known */
};

/* The machine's tree: "" for the real one, a folder holding sys/, proc/, etc/ in tests. */
extern const char *root;

/* The short name of a class, or NULL. */
const char *class_name(const char *class);

/*
 * First line of ROOT/FORMAT into buf, without its newline. Returns its length, -errno, or
 * -EMSGSIZE when buf is too small.
 */
int read_line(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Does ROOT/FORMAT exist? */
bool exists(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* -ENODEV when the host has taken the device back. */
int dev_read(struct vmbus_dev *dev, const char *instance);

/* Which driver has it now, into dev->driver. -ENODEV as above. */
int dev_read_driver(struct vmbus_dev *dev);

/*
 * All devices, sorted by instance; free(*devs). A machine without VMBus has none: 0, not an error.
 * One that cannot be read is listed with its error and spoils nothing for the others.
 */
int dev_list(struct vmbus_dev **devs, size_t *count);

#endif
