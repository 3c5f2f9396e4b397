/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that wait for the next boot: vmbusctl bind --boot has written a rule, and the device is
 * to stay as it is until then. A file /run/hyperv-uio/next-boot/INSTANCE says so, which is gone
 * after the boot. vmbus-bind then leaves the device alone when the rules change and when udev asks.
 * Whoever names the device to vmbus-bind or vmbusctl gets it bound.
 */
#ifndef HVUIO_DEFER_H
#define HVUIO_DEFER_H

#include <stdbool.h>

#ifndef DEFER_FOLDER
#define DEFER_FOLDER "/run/hyperv-uio/next-boot"
#endif

bool defer_is_set(const char *instance);

/* Let a device wait, or no longer. Return 0 or -errno. */
int defer_set(const char *instance);
int defer_clear(const char *instance);

#endif
