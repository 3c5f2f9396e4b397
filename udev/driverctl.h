/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read the overrides that driverctl keeps: files /etc/driverctl.d/BUS-DEVICE,
 * whose first line names a driver. driverctl cannot apply those of VMBus
 * devices at boot, because systemd turns the dashes of their GUIDs into slashes
 * on the way to driverctl@.service. vmbus-bind applies them instead.
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
 * config_load() calls this before it reads the files in bind.d, so a section in
 * bind.d for the same device wins, key by key. An entry with a fault has no
 * effect, and becomes a warning in config->findings.
 */
void driverctl_load(struct config *config);

/* Return the path of the entry for a device as a new string. */
char *driverctl_path(const char *instance);

#endif
