/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in /run/hyperv-uio/next-boot that make vmbus-bind leave a device alone.
 * They disappear at the next boot.
 *
 * INSTANCE: vmbusctl bind --boot has written a rule, and the device stays as it
 * is until the next boot. vmbus-bind leaves it alone when the rules change and
 * when udev has an event.
 *
 * INSTANCE.size: vmbusctl ring-size --boot has written a size. vmbus-bind
 * leaves the device alone when the rules change. It binds the device when the
 * host offers it again.
 *
 * INSTANCE.released: an administrator has released a NIC although a rule wants
 * it. vmbus-bind leaves the NIC alone when the rules change, when its interface
 * appears, and on udevadm trigger, which every installation of our packages
 * runs. It removes the file when the host offers the NIC again.
 *
 * vmbus-bind and vmbusctl always act on a device that an administrator names.
 */
#ifndef HVUIO_DEFER_H
#define HVUIO_DEFER_H

#include <stdbool.h>

#ifndef DEFER_FOLDER
#define DEFER_FOLDER "/run/hyperv-uio/next-boot"
#endif

enum defer_what { DEFER_BINDING, DEFER_SIZE, DEFER_RELEASED };

/* Why vmbus-bind looks at a device */
enum occasion {
	OCCASION_NAMED,		/* an administrator has named the device: no file defers it */
	OCCASION_OFFER,		/* the host has offered it: only INSTANCE defers it */
	OCCASION_REVIEW,	/* --all, or udevadm trigger, looks at every device */
};

bool defer_is_set(const char *instance, enum defer_what what);

/*
 * Return why vmbus-bind leaves a device alone although a rule wants it, or NULL
 * if no file defers it.
 */
const char *defer_reason(const char *instance, enum occasion occasion);

/*
 * Create one file of a device, remove it, or remove all files of the device.
 * Return 0 or -errno.
 */
int defer_set(const char *instance, enum defer_what what);
int defer_end(const char *instance, enum defer_what what);
int defer_clear(const char *instance);

#endif
