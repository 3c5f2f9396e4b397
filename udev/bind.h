/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Change the driver of a device. engine.h decides which device gets which one.
 */
#ifndef HVUIO_BIND_H
#define HVUIO_BIND_H

#include "device.h"

/*
 * bind_carry_out() - bind a device to the driver of a rule
 * @text: a new string, which says what was done, if the function returns 0
 *
 * The caller holds the lock of the device, and has read the device and its
 * stack.
 *
 * Returns 0 or -errno, after a message: -ENODEV if the host has rescinded the
 * device, -EBUSY if an interface has come up, -ENOENT if there is no such
 * driver, or the error of the driver's probe, if the kernel reports it. After a
 * failure the former driver has the device again.
 */
int bind_carry_out(struct device *device, const struct rule *rule, char **text);

/*
 * bind_release() - let the kernel choose a driver
 * @driver: the driver that releases the device
 *
 * Only uio_hv_generic is unbound, because the machine may use a device that
 * another driver has.
 *
 * Returns 0 or -errno, as bind_carry_out() does.
 */
int bind_release(struct device *device, const char *driver, char **text);

/* Note a NIC (note.h). Return 0 or -errno. */
int bind_note(const struct device *device);

#endif
