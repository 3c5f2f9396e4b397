/* SPDX-License-Identifier: GPL-2.0-only */
/* Show the rule of a device, and what follows from it. */
#ifndef HVUIO_RULE_H
#define HVUIO_RULE_H

#include <json-c/json.h>

#include "plan.h"

/*
 * Return a new string: the file of the rule and, in brackets, why the rule has
 * no effect; "" if there is no rule.
 */
char *rule_text(const struct plan *plan, const struct device *device);

/* Return an object for the rule of a device, or NULL. */
struct json_object *rule_json(const struct plan *plan);

/* Print the rule of a device and the outcome in indented lines. */
void rule_print(const struct plan *plan);

#endif
