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
	 * (run.h), or the kernel is one of kdump.
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

enum change_when {
	CHANGE_NOW,  /* until the next boot; writes no file */
	CHANGE_BOOT, /* from the next boot on; does not touch the device */
	CHANGE_BOTH,
};

/*
 * A request says who asks for a change of a device, and for what. The functions
 * of engine.h carry it out.
 */
struct request {
	enum change_when when;
	/*
	 * A command of the administrator decides, and not the rules, so a NIC
	 * need not wait for its interface.
	 */
	bool is_command;
	const char *driver; /* of a command; NULL: that of the rule, or the default */
	bool is_named;	    /* the administrator names the device, so nothing holds it */
	bool force;
	bool event;	    /* udev reports the device or its interface */
	bool new_interface; /* udev reports the interface: act if the NIC has no note */
	bool dry;	    /* of a release: only print what would happen */
};

/*
 * plan_make() - decide about one device
 * @request: who asks, and for what; vmbus-bind --all sets no member
 *
 * Reads the stack of a NIC that a rule wants.
 */
void plan_make(const struct config *config, struct device *device, const struct request *request,
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
