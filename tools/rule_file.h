/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files that vmbusctl writes: /etc/hyperv-uio/bind.d/60-INSTANCE.conf, one
 * for a device.
 */
#ifndef HVUIO_RULE_FILE_H
#define HVUIO_RULE_FILE_H

#include <stdbool.h>

#include "memory.h"

/*
 * A file as it is to be; it holds one section, and may hold what an
 * administrator added.
 */
struct rule_file {
	char *path;
	char *instance;
	char *before;		/* the file as it was found; NULL: there was none */
	struct strings lines;	/* the file as it shall be */
};

/*
 * Read the file of a device, or begin a new one. Return 0; or EXIT_FAILED, and
 * a message has said why. rule_file_free() it in either case.
 */
int rule_file_open(struct rule_file *file, const char *instance);
void rule_file_free(struct rule_file *file);

/*
 * Set a key in the section of the device, or remove it (value NULL). Other
 * lines stay as they are.
 */
void rule_file_set(struct rule_file *file, const char *key, const char *value);

/* Remove the section of the device. */
void rule_file_clear(struct rule_file *file);

/* Tell whether the file has a section for the device. */
bool rule_file_has_section(const struct rule_file *file);

/*
 * Replace the file, so that a reader finds the old one or the new one. A file
 * without a section is removed. Return 0; or EXIT_FAILED, and a message has
 * said why.
 */
int rule_file_write(const struct rule_file *file);

/* Put back the file that rule_file_open() found. */
void rule_file_restore(const struct rule_file *file);

#endif
