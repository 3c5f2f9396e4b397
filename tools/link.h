/* SPDX-License-Identifier: GPL-2.0-only */
/* Find the links that udev creates to /dev/uioN. */
#ifndef HVUIO_LINK_H
#define HVUIO_LINK_H

#include "memory.h"

/*
 * List the links below /dev/vmbus to a UIO device such as "uio0", sorted,
 * without vmbus_sysroot().
 */
struct strings links_of(const char *uio);

/*
 * Return the UIO device, such as "uio0", to which a path, or a name below /dev
 * or /dev/vmbus, leads. Return NULL if there is none.
 */
char *link_resolve(const char *name);

#endif
