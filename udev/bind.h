/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Change the driver of a device. engine.h decides which device gets which one.
 */
#ifndef HVUIO_BIND_H
#define HVUIO_BIND_H

#include "plan.h"

/*
 * bind_carry_out() - bind a device as a plan wants
 * @text: a new string, which says what was done, if the function returns 0
 *
 * The caller holds the lock of the device, and has read the device and its
 * stack.
 *
 * If an interface has come up since the plan was made, the plan becomes
 * PLAN_REFUSED with the reason, and the function returns -EBUSY without a
 * message.
 *
 * Returns 0 or -errno: -ENODEV, without a message, if the host has rescinded
 * the device, or the error of the driver's probe, if the kernel reports it.
 * After a failure the former driver has the device again.
 */
int bind_carry_out(struct device *device, struct plan *plan, char **text);

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

#endif
