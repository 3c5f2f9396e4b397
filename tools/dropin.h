/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files that vmbusctl writes: /etc/hyperv-uio/bind.d/60-INSTANCE.conf, one
 * for a device.
 */
#ifndef HVUIO_DROPIN_H
#define HVUIO_DROPIN_H

#include <stdbool.h>

#include "memory.h"

/*
 * A file as it is to be; it holds one section, and may hold what an
 * administrator added.
 */
struct dropin {
	char *path;
	char *instance;
	char *before;		/* the file as it was found; NULL: there was none */
	struct strings lines;	/* the file as it shall be */
};

/*
 * Read the file of a device, or begin a new one. Return 0; or EXIT_FAILED, and
 * a message has said why. dropin_free() it in either case.
 */
int dropin_open(struct dropin *dropin, const char *instance);
void dropin_free(struct dropin *dropin);

/*
 * Set a key in the section of the device, or remove it (value NULL). Other
 * lines stay as they are.
 */
void dropin_set(struct dropin *dropin, const char *key, const char *value);

/* Remove the section of the device. */
void dropin_clear(struct dropin *dropin);

/* Tell whether the file has a section for the device. */
bool dropin_has_section(const struct dropin *dropin);

/*
 * Replace the file, so that a reader finds the old one or the new one. A file
 * without a section is removed. Return 0; or EXIT_FAILED, and a message has
 * said why.
 */
int dropin_write(const struct dropin *dropin);

/* Put back the file that dropin_open() found. */
void dropin_restore(const struct dropin *dropin);

#endif
