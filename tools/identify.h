/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find the device that an identifier names. vmbusctl(8) lists the forms of an
 * identifier.
 */
#ifndef HVUIO_IDENTIFY_H
#define HVUIO_IDENTIFY_H

#include "machine.h"

/*
 * Find the devices that an identifier names. *found is a new NULL-terminated
 * list, which the caller frees. Return the number of devices.
 */
size_t identify_all(const struct machine *machine, const char *id, struct vdevice ***found);

/*
 * Find the device that an identifier names. Return 0, or EXIT_NO_DEVICE or
 * EXIT_AMBIGUOUS after a message, which lists the candidates.
 */
int identify(const struct machine *machine, const char *id, struct vdevice **device);

/*
 * Mark the devices that the identifiers name, or all devices if there is no
 * identifier. Return 0. If an identifier names no device, print a message and
 * return EXIT_NO_DEVICE if @strict is set; otherwise ignore the identifier.
 */
int identify_several(const struct machine *machine, char **ids, int count, bool strict,
		     bool *chosen);

#endif
