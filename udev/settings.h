/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Apply the settings of a rule to a device: the size of its rings, and the
 * owner, group and mode of its files. bind.c sets the sizes of buffers.
 */
#ifndef HVUIO_SETTINGS_H
#define HVUIO_SETTINGS_H

#include "device.h"

/*
 * settings_apply() - apply the settings of a rule to a bound device
 * @relid: a channel that has just appeared: wait for its ring file and set its
 *         access; 0: all channels, and wait for the primary channel's ring file
 *
 * Write only the values that differ. Call this function when the device is
 * bound, when its UIO device appears, and when a channel appears, because the
 * driver creates ring files anew.
 *
 * Returns 0 or the first -errno, with one message for each failure. -ENODEV
 * means that the host has rescinded the device.
 */
int settings_apply(const struct device *device, const struct rule *rule, unsigned int relid);

/*
 * settings_write_ring_size() - write the ring size of a bound device
 * @value: a number of bytes, or "default"
 *
 * The module then creates the ring file again with the kernel's owner and mode,
 * so call settings_apply() afterwards.
 *
 * Returns 0 or -errno, with one message for each failure except -ENODEV: the
 * host has rescinded the device. -EIO means that the device has failed.
 */
int settings_write_ring_size(const struct device *device, const char *value);

/*
 * Return whether a UIO device gets the link and the access that a rule sets:
 * the rule gives the device to our module.
 */
bool settings_reach(const struct rule *rule);

/*
 * settings_print() - print the properties for udev's IMPORT
 *
 * udev sets the owner, group and mode of a device node itself, so it has to
 * know them. This function prints HYPERV_UIO_CLASS, the link below by-class,
 * and HYPERV_UIO_LINK, _OWNER, _GROUP and _MODE if the rule sets them and
 * settings_reach() the device.
 */
void settings_print(const struct device *device, const struct rule *rule);

#endif
