/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carry out a plan: bind a device to the driver that its rule names, or release
 * the device.
 */
#ifndef HVUIO_BIND_H
#define HVUIO_BIND_H

#include "plan.h"

#define RESULT_SIZE 256

struct bind_options {
	struct plan_options plan;
	bool event;		/* udev runs this */
	/*
	 * device_bind() writes here what it has done, such as "bound to
	 * uio_hv_generic", or "" if it has done nothing. The caller gives
	 * RESULT_SIZE bytes. If this is NULL, device_bind() logs the text.
	 */
	char *result;
	bool new_interface;	/* an interface has appeared: act if the NIC has no note */
};

struct release_options {
	/* The administrator named the device, so no rule needs to name it. */
	bool is_named;
	bool dry;
	bool hold;		/* a rule still wants the device: hold it */
	char *result;		/* as in bind_options */
};

/* Return whether a device is a NIC, judging by its class. */
bool device_is_nic(const struct vmbus_device *dev);

/* Return whether a driver has the device, as of the last refresh. */
bool device_has_driver(const struct vmbus_device *dev, const char *driver);

/*
 * device_bind() - bind a device according to the configuration
 * @extra: one more section, which takes precedence over the files, or NULL
 *
 * Wait until no other vmbus-bind works on the device, read the configuration
 * and the device, decide, act, and report the result in one line. The function
 * reads the configuration while it holds the lock, so the last run carries out
 * the last state of the files.
 *
 * Returns 0 if the device has the driver of its rule, or -errno: -EBUSY if it
 * is in use, -EINVAL if a faulty file names it, -ENODEV if the host rescinds it
 * in the meantime, -ENOENT if there is no such driver, or the error of the
 * driver's probe, if the kernel reports it. After a failure the former driver
 * has the device again.
 */
int device_bind(const struct section *extra, struct vmbus_device *dev,
		const struct bind_options *options);

/*
 * device_release() - let the kernel choose a driver for a device that
 * device_bind() has bound
 *
 * The function does nothing if the kernel has chosen the present driver by
 * itself. Returns 0 or -errno.
 */
int device_release(const struct config *config, struct vmbus_device *dev,
		   const struct release_options *options);

/*
 * Return the name of the device for messages: "INSTANCE (nic)", or what
 * device_set_text() has set for it. The text is valid until the next call.
 */
const char *device_text(const char *instance, const char *class_name, const char *class_id);

/* Let messages call a device "TYPED (b6650ff7…)", as the user has named it. */
void device_set_text(const char *instance, const char *typed);

#endif
