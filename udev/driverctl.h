/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The overrides that driverctl keeps: files /etc/driverctl.d/BUS-DEVICE, whose
 * first line names a driver. At boot driverctl cannot apply those of VMBus
 * devices, because systemd turns the dashes of their GUIDs into slashes on the
 * way to driverctl@.service. vmbus-bind applies them instead.
 */
#ifndef HVUIO_DRIVERCTL_H
#define HVUIO_DRIVERCTL_H

#include "config.h"

#ifndef DRIVERCTL_FOLDER
#define DRIVERCTL_FOLDER "/etc/driverctl.d"
#endif

/*
 * driverctl_load() - append a section for each override of a VMBus device
 *
 * config_load() calls this before it reads files of ours, so that a section of
 * ours for the same device wins, key by key. An entry that is not understood is
 * a hint in config->findings, and counts for nothing.
 *
 * Returns 0 or -ENOMEM.
 */
int driverctl_load(struct config *config);

/*
 * driverctl_path() - the path of the entry for a device; a new string, or NULL
 * without memory
 */
char *driverctl_path(const char *instance);

#endif
