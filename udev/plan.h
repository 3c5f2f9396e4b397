/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decide what happens to a device, and why. vmbus-bind carries plans out, and
 * vmbus-bind --dry-run and vmbusctl rules print them. Nothing here reads or
 * changes the machine: a plan depends only on the configuration, the facts and
 * the occasion.
 *
 * 	struct config config;
 * 	struct facts facts;
 * 	struct device_plan *plans;
 *
 *	config_load(&config);	// -EINVAL: config.findings has the faults
 * 	facts_read(&facts);
 * 	plan_all(&config, &facts, &plans);	// one for each of facts.devices
 * 	for (i = 0; i < facts.device_count; i++)
 * 		puts(plans[i].now.reason);	// .now and .boot
 */
#ifndef HVUIO_PLAN_H
#define HVUIO_PLAN_H

#include "config.h"
#include "facts.h"

enum plan_time {
	/*
	 * An administrator asks. Interfaces, routes and mounts show what the
	 * machine needs, except while no other NIC has an address. A NIC then
	 * needs a reason that would count at boot.
	 */
	PLAN_NOW,
	/*
	 * udev has an event, at boot or when the host offers a device later.
	 * The device has just appeared, so the absence of routes and mounts
	 * proves nothing.
	 */
	PLAN_EVENT,
	/*
	 * Predict PLAN_EVENT at the next boot, when no device has a route, a
	 * mount or an interface yet.
	 */
	PLAN_BOOT,
};

enum plan_outcome {
	/*
	 * Either the device is a NIC that does not have its interface yet, and
	 * rules compare interfaces or MACs, so the event of the interface will
	 * decide. Or a rule wants the device, but vmbus-bind --all leaves it
	 * alone (see plan_leave()).
	 */
	PLAN_WAITS,
	PLAN_NO_RULE,	/* no section names the device; leave it alone */
	PLAN_DISABLED,	/* enable=no: leave it alone */
	PLAN_FAULTY,	/* a faulty file names it, or may: leave it alone, with an error */
	PLAN_REFUSED,	/* the guard refuses it: leave it alone, with an error */
	PLAN_BOUND,	/* the driver has it already */
	PLAN_BIND,	/* bind it to the driver */
};

struct plan {
	enum plan_outcome outcome;
	struct rule rule;		/* driver, settings, force, scope */
	struct place at;		/* the line that decides; file NULL for PLAN_NO_RULE */
	char reason[REASON_SIZE];	/* a sentence without a full stop; never empty */
	/*
	 * The verdict of the guard, regardless of rule.force: VERDICT_SAFE or
	 * VERDICT_NEEDED. Only PLAN_NOW has one, which is recorded for the next
	 * boot.
	 */
	enum verdict verdict;
};

struct device_plan {
	struct plan now, boot;
};

/*
 * plan_make() - decide about one device
 * @device: index into facts->devices
 * @taken: an array parallel to facts->devices, or NULL: the devices that user
 *         space has by then, which no longer count as remaining NICs
 */
void plan_make(const struct config *config, const struct facts *facts, size_t device,
	       enum plan_time time, const bool *taken, struct plan *plan);

/*
 * Change the plan for a device that a rule wants to PLAN_WAITS with @reason. Do
 * nothing if @reason is NULL.
 */
void plan_leave(struct plan *plan, const char *reason);

/*
 * plan_all() - decide about every device, in the order of vmbus-bind --all
 * @plans: the result, one for each of facts->devices; the caller frees it
 *
 * The plans for now are those of vmbus-bind --all. Each plan takes the bindings
 * before it into account: of the last two NICs with an address, the first is
 * bound and the second is refused. A device that --all leaves alone has the
 * outcome PLAN_WAITS, with facts->devices[].left_alone as the reason.
 *
 * Returns 0 or -ENOMEM.
 */
int plan_all(const struct config *config, const struct facts *facts, struct device_plan **plans);

/*
 * Return the outcome in one word, for JSON and tables: "bind", "bound",
 * "refused", "faulty", "disabled", "no-rule" or "waits".
 */
const char *plan_outcome_name(enum plan_outcome outcome);

/*
 * plan_identify() - find out what sections can compare
 *
 * Until udev has handled an interface, it has the kernel's name, but rules
 * refer to the final name, so a recorded name is better. At the next boot the
 * device's event comes before its interface appears.
 */
struct identity plan_identify(const struct facts *facts, size_t index, enum plan_time time);

bool plan_is_nic(const struct device *device);

/* Return config_is_guarded() for the class of a device. */
bool plan_is_guarded(const struct device *device);

#endif
