/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decide what happens to a device, and why. vmbus-bind carries plans out, and
 * vmbus-bind --dry-run and vmbusctl print them. The rule is the same at boot,
 * on hot-plug and by hand, so a preview is true.
 */
#ifndef HVUIO_PLAN_H
#define HVUIO_PLAN_H

#include "config.h"
#include "device.h"

#define REASON_SIZE 256

enum plan_outcome {
	/*
	 * Either the device is a NIC that does not have its interface yet, and
	 * rules compare interfaces or MACs, so the event of the interface will
	 * decide. Or a rule wants the device, but an administrator holds it
	 * (note.h), or the kernel is one of kdump.
	 */
	PLAN_WAITS,
	PLAN_NO_RULE,  /* no section names the device; leave it alone */
	PLAN_DISABLED, /* enable=no: leave it alone */
	PLAN_FAULTY,   /* a faulty file names it, or may: leave it alone, with an error */
	PLAN_REFUSED,  /* it is in use: leave it alone, with an error */
	PLAN_BOUND,    /* the driver has it already */
	PLAN_BIND,     /* bind it to the driver */
};

struct plan {
	enum plan_outcome outcome;
	struct rule rule;	  /* driver, settings, force, scope */
	struct place at;	  /* the line that decides; file NULL for PLAN_NO_RULE */
	char reason[REASON_SIZE]; /* a sentence without a full stop; never empty */
};

struct plan_options {
	bool is_named;	 /* an administrator names the device, so nothing holds it */
	bool is_command; /* a command decides, so the device need not wait for its interface */
	bool force;	 /* bind it as if its rule had force=yes */
};

/*
 * plan_make() - decide about one device
 *
 * Reads the stack of a NIC that a rule wants.
 */
void plan_make(const struct config *config, struct device *device, struct plan_options options,
	       struct plan *plan);

/*
 * Set the outcome of a plan without force to PLAN_BIND if no interface of the
 * device is up, and else to PLAN_REFUSED. plan_make() calls this function; call
 * it again for a device that was read again.
 */
void plan_judge(struct device *device, struct plan *plan);

/*
 * Return the outcome in one word, for JSON and tables: "bind", "bound",
 * "refused", "faulty", "disabled", "no-rule" or "waits".
 */
const char *plan_outcome_name(enum plan_outcome outcome);

#endif
