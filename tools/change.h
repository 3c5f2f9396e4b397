/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Give a device to a driver, or back to the kernel: now, at each boot, or both.
 */
#ifndef HVUIO_CHANGE_H
#define HVUIO_CHANGE_H

#include <stdbool.h>

#include "machine.h"
#include "rule.h"

enum change_when {
	CHANGE_NOW,	/* until the next boot; no file is written */
	CHANGE_BOOT,	/* from the next boot on; the device is not touched */
	CHANGE_BOTH,
};

/*
 * Bind the device that an identifier names. driver: NULL stands for the driver
 * of its rule, or for uio_hv_generic without a rule. force: even if the machine
 * needs the device.
 *
 * The machine's need is judged first, and then nothing is written. If the
 * driver does not take the device, the configuration is what it was before.
 *
 * Return an exit status; a message has said why.
 */
int change_bind(const char *id, const char *driver, bool force, enum change_when when);

/*
 * Give the device back to the driver that the kernel chooses, and remove what
 * names the device: the file of vmbusctl, and driverctl's. If another file
 * still names it, forbid it in the file of vmbusctl.
 */
int change_unbind(const char *id, enum change_when when);

#endif
