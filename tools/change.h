/* SPDX-License-Identifier: GPL-2.0-only */
/* Bind a device to a driver, or release it: now, at each boot, or both. */
#ifndef HVUIO_CHANGE_H
#define HVUIO_CHANGE_H

#include <stdbool.h>

#include "machine.h"
#include "rule.h"

enum change_when {
	CHANGE_NOW,	/* until the next boot; writes no file */
	CHANGE_BOOT,	/* from the next boot on; does not touch the device */
	CHANGE_BOTH,
};

/*
 * Bind the device that an identifier names. If @driver is NULL, use the driver
 * of its rule, or uio_hv_generic if it has no rule. With @force, bind the
 * device even if its interface is up, or if it is a disk controller.
 *
 * This function first makes the plan, and writes nothing if the device is
 * refused. If the driver does not bind the device, it restores the
 * configuration.
 *
 * Return an exit status. The function has printed a message.
 */
int change_bind(const char *id, const char *driver, bool force, enum change_when when);

/*
 * Release the device to the driver that the kernel chooses, and remove the
 * configuration of this device alone: its section in the file of vmbusctl, and
 * the entry of driverctl. If another file still names the device, disable it in
 * the file of vmbusctl.
 */
int change_unbind(const char *id, enum change_when when);

/* Return whether a rule outside the file @path binds the device. */
bool change_has_other_rule(const struct vdevice *device, const char *path);

#endif
