/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that wait for the next boot: vmbusctl bind --boot has written a rule,
 * and the device is to stay as it is until then. A file
 * /run/hyperv-uio/next-boot/INSTANCE says so, which is gone after the boot.
 * vmbus-bind then leaves the device alone when the rules change and when udev
 * asks. vmbusctl ring-size --boot writes INSTANCE.size, and vmbus-bind leaves
 * the device alone when the rules change; when the host offers it again, it is
 * bound as ever. INSTANCE.released stands for a network adapter that an
 * administrator has released although a rule wants it: vmbus-bind leaves it
 * alone when the rules change and when its interface appears; the file ends
 * when the host offers the adapter again. udevadm trigger, which every
 * installation of our packages runs, is no offer. Whoever names the device to
 * vmbus-bind or vmbusctl gets it bound.
 */
#ifndef HVUIO_DEFER_H
#define HVUIO_DEFER_H

#include <stdbool.h>

#ifndef DEFER_FOLDER
#define DEFER_FOLDER "/run/hyperv-uio/next-boot"
#endif

enum defer_what { DEFER_BINDING, DEFER_SIZE, DEFER_RELEASED };

/* Why vmbus-bind looks at a device. */
enum occasion {
	OCCASION_NAMED,		/* somebody has named the device: nothing keeps it */
	OCCASION_OFFER,		/* the host has offered it: only a binding that waits keeps it */
	OCCASION_REVIEW,	/* --all, or udevadm trigger, looks at every device */
};

bool defer_is_set(const char *instance, enum defer_what what);

/*
 * Say why vmbus-bind leaves a device alone that a rule wants: it waits, or an
 * administrator has released it. NULL: nothing keeps the device.
 */
const char *defer_reason(const char *instance, enum occasion occasion);

/*
 * Let a device wait, no longer for this, or no longer for anything. Return 0 or
 * -errno.
 */
int defer_set(const char *instance, enum defer_what what);
int defer_end(const char *instance, enum defer_what what);
int defer_clear(const char *instance);

#endif
