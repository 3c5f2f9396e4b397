/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the machine would be cut off, or lose a disk, when a device changed hands. */
#ifndef HVUIO_GUARD_H
#define HVUIO_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include <vmbus_bufring.h>

/*
 * 0: nothing that is looked for was found. 1: in use, and why says by what. -errno when it cannot
 * be told, which is to be taken for "in use".
 *
 * Looked for below the device, so also behind a PCI bridge: a network interface that has a default
 * route of the main table, itself or through what is stacked on it; a disk or partition that is
 * mounted, swapped to, or held by device mapper, md, bcache. Not seen: ZFS pools, raw access by a
 * program, routes of other tables and name spaces.
 */
int guard_check(const struct vmbus_device *dev, char *why, size_t size);

/* Whether devices of the class of this one bring the network interfaces and disks that guard_check() looks for. */
bool guard_is_class(const struct vmbus_device *dev);

#endif
