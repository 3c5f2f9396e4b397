/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carry a plan out: bind a device to the driver that its rule names, and
 * release it.
 */
#ifndef HVUIO_BIND_H
#define HVUIO_BIND_H

#include "defer.h"
#include "plan.h"

struct bind_options {
	enum plan_time time;	/* PLAN_NOW: an administrator asks; PLAN_EVENT: udev does */
	enum occasion occasion;	/* which notes of defer.h keep the device */
	bool force;		/* as if the rule said force=yes */
	bool new_interface;	/* an interface has appeared: act only if it was not known before */
	bool record_only;	/* check and record for the next boot, and do no more */
	bool keep_verdict;	/* for now only: what is recorded for the next boot stays */
};

struct release_options {
	/*
	 * the administrator named the device: it need not be configured any
	 * more
	 */
	bool is_named;
	bool dry;
	bool keep_verdict;	/* for now only: what the guard found is not forgotten */
	bool is_wanted;		/* a rule still wants the device: note that it is released */
};

/* Tell whether a device is a network adapter, by its class. */
bool device_is_nic(const struct vmbus_device *dev);

/*
 * device_bind() - bind a device as the configuration says
 * @extra: one more section, which wins over the files, or NULL
 *
 * Waits for another vmbus-bind that has the device, reads the configuration,
 * looks at the machine, decides, acts, and says in one line what it did. The
 * configuration is read under the lock, so the run that comes last carries out
 * the last state of the files. For PLAN_NOW the guard's
 * verdict about a network adapter is recorded for the next boot; its
 * interface's name and MAC are remembered in either case.
 *
 * Returns 0 when the device is where it belongs, or -errno: -EBUSY when the
 * guard keeps it, -EINVAL when a faulty file names it, -ENODEV when the host
 * takes it back meanwhile, -ENOENT when there is no such driver, else what the
 * driver's probe returned, if the kernel reports it. After a failure the
 * former driver has the device again.
 */
int device_bind(const struct section *extra, struct vmbus_device *dev,
		const struct bind_options *options);

/*
 * device_claim_disks() - plan once more for a device that a plan for now would
 * take
 * @plan: what plan_make() has answered for PLAN_NOW; replaced if a disk is in
 *        use
 *
 * See facts_claim_disks(). Call it wherever such a plan is shown or carried
 * out.
 */
void device_claim_disks(const struct config *config, struct facts *facts, size_t device,
			struct plan *plan);

/*
 * device_release() - let the kernel choose a driver for a device that
 * device_bind() bound
 *
 * Nothing is done when the kernel chose that driver by itself. Returns 0 or
 * -errno.
 */
int device_release(const struct config *config, struct vmbus_device *dev,
		   const struct release_options *options);

/*
 * The device as messages name it: "INSTANCE (nic)". Valid until the next call.
 */
const char *device_text(const char *instance, const char *class_name, const char *class_id);

#endif
