/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that wait for the next boot: vmbusctl bind --boot has written a rule, and the device is
 * to stay as it is until then. A file /run/hyperv-uio/next-boot/INSTANCE says so, which is gone
 * after the boot. vmbus-bind then leaves the device alone when the rules change and when udev asks.
 * vmbusctl ring-size --boot writes INSTANCE.size, and vmbus-bind leaves the device alone when the
 * rules change; when the host offers it again, it is bound as ever. INSTANCE.released stands for a
 * network adapter that an administrator has released although a rule wants it: vmbus-bind leaves it
 * alone when the rules change and when its interface appears; the file ends when the host offers
 * the adapter again. Whoever names the device to vmbus-bind or vmbusctl gets it bound.
 */
#ifndef HVUIO_DEFER_H
#define HVUIO_DEFER_H

#include <stdbool.h>

#ifndef DEFER_FOLDER
#define DEFER_FOLDER "/run/hyperv-uio/next-boot"
#endif

enum defer_what { DEFER_BINDING, DEFER_SIZE, DEFER_RELEASED };

bool defer_is_set(const char *instance, enum defer_what what);

/*
 * Say why vmbus-bind --all leaves a device alone that a rule wants: it waits,
 * or an administrator has released it. For an event of udev (@is_event) only a
 * binding that waits counts: an event is an offer of the host, or the next boot,
 * and a rule means those. NULL: nothing keeps the device.
 */
const char *defer_reason(const char *instance, bool is_event);

/* Let a device wait, no longer for this, or no longer for anything. Return 0 or -errno. */
int defer_set(const char *instance, enum defer_what what);
int defer_end(const char *instance, enum defer_what what);
int defer_clear(const char *instance);

#endif
