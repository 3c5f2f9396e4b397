/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read and show the rule and the plan of each device. The engine of vmbus-bind
 * makes the plans (udev/plan.h).
 */
#ifndef HVUIO_RULE_H
#define HVUIO_RULE_H

#include <json-c/json.h>

#include "machine.h"
#include "plan.h"

struct rules {
	struct config config;
	struct facts facts;
	struct plan *plans;	/* one for each of facts.devices, or NULL */
	int config_error;	/* the result of config_load() */
};

/*
 * Read the configuration and the machine, and make plans. This never fails: if
 * the machine cannot be read, there are no plans.
 */
struct rules *rules_read(void);
void rules_free(struct rules *rules);

/*
 * Print the findings about the configuration to standard error. Return the
 * number of faults.
 */
size_t rules_complain(const struct rules *rules);

/* Print one finding, with its file and line, to standard error. */
void rules_complain_of(const struct finding *finding);

/*
 * Return the plan for a device, or NULL if the engine does not see the device.
 */
const struct plan *rules_plan(const struct rules *rules, const struct vdevice *device);

/* Return whether a section names the device. */
bool plan_has_rule(const struct plan *plan);

/*
 * Return a new string: the file of the rule and, in brackets, why the rule has
 * no effect; "" if there is no rule.
 */
char *rule_text(const struct rules *rules, const struct vdevice *device);

/* Return an object for the rule of a device, or NULL. */
struct json_object *rule_json(const struct rules *rules, const struct vdevice *device);

/* Print the rule of a device and the outcome in indented lines. */
void rule_print(const struct plan *plan);

#endif
