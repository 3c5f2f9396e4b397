/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the programs of this repository and the library share about VMBus, and
 * the library does not export
 */
#ifndef UTIL_VMBUS_H
#define UTIL_VMBUS_H

#include "../lib/vmbus_bufring.h"

/* Room for a GUID as text: 36 characters and a NUL */
#define GUID_SIZE 37

/*
 * Return the directory that stands in for the root directory: the value of the
 * environment variable VMBUS_SYSROOT. Return "", which stands for the machine
 * itself, if the variable is unset or "/", or if the program runs set-user-id.
 * The result is valid until the program changes its environment.
 */
const char *sysroot(void);

/*
 * Convert a GUID, with or without one pair of braces, to lower case without
 * braces. Return 0, or -EINVAL (@guid untouched).
 */
int guid_parse(const char *text, char guid[GUID_SIZE]);

/* A class of VMBus devices that has a short name */
struct class
{
	const char *name;	 /* "fcopy" */
	const char *guid;	 /* lower case, no braces */
	const char *description; /* for people: "Guest file copy" */
};

/* Return the classes one after the other, sorted by name, and then NULL. */
const struct class *class_at(size_t index);
/*
 * Find a class by short name (any case) or GUID (any spelling). Return NULL if
 * there is none.
 */
const struct class *class_find(const char *name_or_guid);

/*
 * Convert a number in sysfs, decimal or with the prefix 0x. Return 0 or
 * -EPROTO.
 */
int parse_u64(const char *text, uint64_t *value);
/*
 * Read an attribute that is a number. Return 0, -EPROTO if it is not a number,
 * or an error of vmbus_device_attribute().
 */
int device_u64(const struct vmbus_device *dev, const char *name, uint64_t *value);
/*
 * Return 1 if the host offers the device, 0 if VMBus only keeps it for a
 * machine that was hibernated, or an error of device_u64().
 */
int device_is_offered(const struct vmbus_device *dev);

#endif /* UTIL_VMBUS_H */
