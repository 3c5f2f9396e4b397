/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Change the driver of a device. engine.h decides which device gets which one.
 */
#ifndef HVUIO_BIND_H
#define HVUIO_BIND_H

#include "device.h"

/* The locks that a change of a device needs */
struct bind_locks {
	/*
	 * Without driver_override, binding a device may bind its neighbours,
	 * too; -1: not needed.
	 */
	int bus;
	int device;
};

/*
 * Wait until no other program changes the device. Return 0 or -errno, after a
 * message. Call bind_unlock() in every case.
 */
int bind_lock(const struct device *device, struct bind_locks *locks);
void bind_unlock(struct bind_locks *locks);

/*
 * bind_carry_out() - bind a device to the driver of a rule
 * @text: a new string, which says what was done, if the function returns 0
 *
 * The caller holds the locks, and has read the device and its stack.
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
 * @has_override: this kernel's VMBus has driver_override
 *
 * Returns 0 or -errno, as bind_carry_out() does.
 */
int bind_release(struct device *device, const char *driver, bool has_override, char **text);

/* Note a NIC (note.h). Return 0 or -errno. */
int bind_note(const struct device *device);

#endif
