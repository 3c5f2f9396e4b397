/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find the device that an identifier names. vmbusctl(8) lists the forms of an
 * identifier. A device is chosen if its member typed is not NULL.
 */
#ifndef HVUIO_IDENTIFY_H
#define HVUIO_IDENTIFY_H

#include "engine.h"

/*
 * Find the device that an identifier names, and choose it. Return 0, or
 * EXIT_NO_DEVICE or EXIT_AMBIGUOUS after a message, which lists the candidates.
 */
int identify(struct engine *engine, const char *id, struct device **device);

/*
 * Choose the devices that the identifiers name, or all devices if there is no
 * identifier. Return 0. If an identifier names no device, print a message and
 * return EXIT_NO_DEVICE if @strict is set; otherwise ignore the identifier.
 */
int identify_several(struct machine *machine, char **ids, int count, bool strict);

#endif
