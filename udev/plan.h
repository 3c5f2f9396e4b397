/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision: what happens to a device, and why. vmbus-bind carries plans
 * out, vmbus-bind --dry-run and vmbusctl rules print them. Nothing here reads
 * the machine or changes it: a plan follows from the configuration, the facts
 * and the occasion alone.
 *
 * 	struct config config;
 * 	struct facts facts;
 * 	struct device_plan *plans;
 *
 *	config_load(&config);	// -EINVAL: config.findings; good files hold
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
	 * An administrator asks: interfaces, routes and mounts show what the
	 * machine needs. While no other adapter has an address they do not, and
	 * an adapter needs a reason that would count at boot.
	 */
	PLAN_NOW,
	/*
	 * udev asks, at boot or when the host offers a device later. That this
	 * device has no route and no mount says nothing, because it has just
	 * appeared.
	 */
	PLAN_EVENT,
	/*
	 * Foretells PLAN_EVENT at the next boot: no route, no mount, no
	 * interface of a device yet.
	 */
	PLAN_BOOT,
};

enum plan_outcome {
	/*
	 * The device is an adapter whose interface is not there yet, and rules
	 * compare interfaces or MACs: it is decided about when the interface
	 * appears. Or a rule wants it, and vmbus-bind --all leaves it alone
	 * (see plan_leave()).
	 */
	PLAN_WAITS,
	PLAN_NO_RULE,	/* no section names the device: it is left alone */
	PLAN_DISABLED,	/* enable=no: the same */
	PLAN_FAULTY,	/* a faulty file names it, or may: the same, and an error */
	PLAN_REFUSED,	/* the guard keeps it: the same, and an error */
	PLAN_BOUND,	/* the driver has it already */
	PLAN_BIND,	/* the driver gets it */
};

struct plan {
	enum plan_outcome outcome;
	struct rule rule;		/* driver, settings, force, scope */
	struct place at;		/* the line that decides; file NULL for PLAN_NO_RULE */
	char reason[REASON_SIZE];	/* one plain sentence without a full stop, never empty */
	/*
	 * What the guard found, whatever rule.force says: VERDICT_SAFE or
	 * VERDICT_NEEDED. Only PLAN_NOW knows it; it is recorded for the next
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
 * @taken: devices that user space has taken by then, an array for
 *         facts->devices, or NULL: they count no longer as network adapters
 *         that remain
 */
void plan_make(const struct config *config, const struct facts *facts, size_t device,
	       enum plan_time time, const bool *taken, struct plan *plan);

/*
 * Let a device wait that a rule wants, and say so in its plan. @reason NULL:
 * the plan stays.
 */
void plan_leave(struct plan *plan, const char *reason);

/*
 * plan_all() - decide about every device, in the order in which vmbus-bind
 * --all goes through them
 * @plans: the result, one for each of facts->devices; free() it
 *
 * The plans for now are those of vmbus-bind --all. They follow from each other
 * as the bindings do: of the last two network adapters with an address the
 * first is taken and the second refused. A device that --all leaves alone has
 * the outcome PLAN_WAITS, and facts->devices[].left_alone for a reason.
 *
 * Returns 0 or -ENOMEM.
 */
int plan_all(const struct config *config, const struct facts *facts, struct device_plan **plans);

/*
 * "bind", "bound", "refused", "faulty", "disabled", "no-rule", "waits": for
 * machines and columns.
 */
const char *plan_outcome_name(enum plan_outcome outcome);

/*
 * Whether the guard watches over the class of a device at boot: network
 * adapters and disk controllers.
 */
bool plan_is_guarded(const struct device *device);

#endif
