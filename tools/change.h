/* SPDX-License-Identifier: GPL-2.0-only */
/* Bind a device to a driver, or release it: now, at each boot, or both. */
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
 * Bind the device that an identifier names. @driver NULL stands for the driver
 * of its rule, or for uio_hv_generic without a rule. With @force, bind it even
 * if the machine needs it.
 *
 * This function first checks whether the machine needs the device, and writes
 * nothing if it does. If the driver does not take the device, it restores the
 * configuration.
 *
 * Return an exit status, after a message.
 */
int change_bind(const char *id, const char *driver, bool force, enum change_when when);

/*
 * Release the device to the driver that the kernel chooses, and remove what
 * names the device alone: the file of vmbusctl, and the entry of driverctl. If
 * another file still names it, disable it in the file of vmbusctl.
 */
int change_unbind(const char *id, enum change_when when);

#endif
