/* SPDX-License-Identifier: GPL-2.0-only */
/* Which device a person means. vmbusctl(8) lists the forms of an identifier. */
#ifndef HVUIO_IDENTIFY_H
#define HVUIO_IDENTIFY_H

#include "machine.h"

/*
 * Find the devices that an identifier names. *found is a new NULL-terminated
 * list, which the caller frees. Return how many there are.
 */
size_t identify_all(const struct machine *machine, const char *id, struct vdevice ***found);

/*
 * Find the one device that an identifier names. Return 0, EXIT_NO_DEVICE or
 * EXIT_AMBIGUOUS; a message has then said why, and lists the candidates.
 */
int identify(const struct machine *machine, const char *id, struct vdevice **device);

/*
 * Mark the devices that the identifiers name; no identifier names them all.
 * Return 0. If an identifier names no device, return EXIT_NO_DEVICE with a
 * message; unless strict, ignore it.
 */
int identify_several(const struct machine *machine, char **ids, int count, bool strict,
		     bool *chosen);

#endif
