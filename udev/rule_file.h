/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write the files of vmbusctl: /etc/hyperv-uio/bind.d/60-INSTANCE.conf, one for
 * each device, and remove the entry of driverctl for that device.
 */
#ifndef HVUIO_RULE_FILE_H
#define HVUIO_RULE_FILE_H

#include <stdbool.h>

#include "memory.h"

/*
 * The new content of a file. It has a section for the device, and may also have
 * lines that the administrator wrote.
 */
struct rule_file {
	char *path;
	char *instance;
	char *before;	      /* its former content; NULL: it did not exist */
	struct strings lines; /* its new content */
	char *entry;	      /* the path of driverctl's entry */
	char *entry_before;   /* the entry that goes; NULL: none */
};

/*
 * Read the file of a device, or start a new one. With @takes_entry, it replaces
 * the entry of driverctl. Return 0, or -errno after a message. Call
 * rule_file_free() in either case.
 */
int rule_file_open(struct rule_file *file, const char *instance, bool takes_entry);
void rule_file_free(struct rule_file *file);

/*
 * Set a key in the section of the device, or remove it if @value is NULL. Other
 * lines stay as they are.
 */
void rule_file_set(struct rule_file *file, const char *key, const char *value);

/* Remove the section of the device. */
void rule_file_clear(struct rule_file *file);

/* Return whether the file has a section for the device. */
bool rule_file_has_section(const struct rule_file *file);

/* Return whether a section for the device has more than comments. */
bool rule_file_has_keys(const struct rule_file *file);

/*
 * Replace the file atomically, or remove it if it has no section. Then remove
 * the entry that the file replaces, so that the two never disagree. Return 0,
 * or -errno after a message.
 */
int rule_file_write(const struct rule_file *file);

/* Restore the file and the entry that rule_file_open() has read. */
void rule_file_restore(const struct rule_file *file);

#endif
