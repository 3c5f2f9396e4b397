/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a rule sets on a device: the sizes of rings and buffers, and who may use
 * it.
 */
#ifndef HVUIO_SETTINGS_H
#define HVUIO_SETTINGS_H

#include "config.h"

/*
 * settings_apply() - apply what a rule sets to a device that its driver has
 * @relid: a channel that has just appeared, whose ring file is waited for; 0:
 *	every channel, and the ring file of the primary channel is waited for
 *
 * Sizes that are set already and files that have their mode already are not
 * written. The driver makes ring files anew, so this runs when the device is
 * bound, when its UIO device appears, and when a channel does.
 *
 * Returns 0 or the first -errno; each failure is one line in the log. -ENODEV:
 * the device has left.
 */
int settings_apply(struct vmbus_device *dev, const struct rule *rule, unsigned int relid);

/* The buffer sizes of a driver while a NIC is being bound to it. */
struct buffers {
	int lock;			/* file descriptor, or -1 */
	char driver[DRIVER_NAME_MAX + 1];
	char recv_size[32], send_size[32]; /* to go back to; "": not changed */
};

/*
 * settings_begin() - choose the buffer sizes for the device that is bound next
 *
 * The driver has one choice for all of its NICs, so the driver is locked until
 * settings_end(), which takes the choice back. Without sizes in the rule
 * nothing is done. Returns 0 or -errno, and in every case settings_end() is to
 * be called.
 */
int settings_begin(const struct rule *rule, struct buffers *buffers);
void settings_end(struct buffers *buffers);

/*
 * settings_print() - print the properties for udev's IMPORT
 *
 * udev sets the mode of a device node itself, and so has to know it. Prints
 * HYPERV_UIO_CLASS, the link below by-class, and where the rule has them
 * HYPERV_UIO_LINK, _OWNER, _GROUP and _MODE.
 */
void settings_print(const struct vmbus_device *dev, const struct rule *rule);

#endif
