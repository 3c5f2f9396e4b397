/* SPDX-License-Identifier: GPL-2.0-only */
/* A device changes hands: to the driver that the configuration names, and back. */
#ifndef HVUIO_BIND_H
#define HVUIO_BIND_H

#include "config.h"

/*
 * Both say in one line what they did, wait for another vmbus-bind that has the device, and return 0
 * when the device is (or, dry, would be) where it belongs, or -errno; a device that the host takes
 * back meanwhile is -ENODEV.
 *
 * device_bind: -EBUSY when guard_check() objects, -ENOENT when there is no such driver, else what
 * the driver's probe returned as far as the kernel tells; the former driver has the device again. early: routes and
 * mounts tell nothing yet, so of a class of guard_is_class() only what is named by instance is taken.
 */
int device_bind(struct vmbus_device *dev, const struct wish *wish, bool early, bool dry);

/* Gives back what device_bind() took; nothing to do when the kernel chose that driver by itself. */
int device_release(struct vmbus_device *dev, const struct wish *wish, bool dry);

#endif
