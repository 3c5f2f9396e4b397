// SPDX-License-Identifier: GPL-2.0-only
#include "rule.h"

#include <string.h>

#include "colour.h"
#include "describe.h"
#include "json.h"

char *rule_text(const struct plan *plan, const struct device *device)
{
	const char *file, *slash;
	char *own;
	bool is_own;

	if (!plan_has_rule(plan) || !plan->at.file)
		return need_strdup("");
	slash = strrchr(plan->at.file, '/');
	file = slash ? slash + 1 : plan->at.file;
	/* Do not print the GUID twice in a line. */
	own = need_printf("60-%s.conf", device->instance);
	is_own = !strcmp(file, own);
	free(own);
	if (is_own)
		file = "60-INSTANCE.conf";
	if (plan->outcome == PLAN_BOUND || plan->outcome == PLAN_BIND)
		return need_strdup(file);
	return need_printf("%s (%s)", file, plan_outcome_name(plan->outcome));
}

/* Add the size of a ring or a buffer; 0 stands for the driver's default. */
static void json_size(struct json_object *object, const char *key, uint64_t size)
{
	json_number(object, key, size ? (int64_t)size : -1);
}

struct json_object *rule_json(const struct plan *plan)
{
	const struct rule *rule = &plan->rule;
	struct json_object *o;
	char mode[16];

	if (!plan_has_rule(plan))
		return NULL;
	o = json_object_new_object();
	json_string(o, "file", plan->at.file);
	json_number(o, "line", plan->at.line);
	json_string(o, "driver", rule->driver);
	json_object_object_add(o, "enable", json_object_new_boolean(rule->enable));
	json_object_object_add(o, "force", json_object_new_boolean(rule->force));
	json_size(o, "ring_size", rule->settings.ring_size);
	json_size(o, "recv_buffer_size", rule->settings.recv_buffer_size);
	json_size(o, "send_buffer_size", rule->settings.send_buffer_size);
	json_string(o, "owner", rule->settings.owner);
	json_string(o, "group", rule->settings.group);
	snprintf(mode, sizeof(mode), "%04o", (unsigned int)rule->settings.mode);
	json_string(o, "mode", rule->settings.mode < 0 ? NULL : mode);
	json_string(o, "link", rule->settings.link);
	json_string(o, "outcome", plan_outcome_name(plan->outcome));
	json_string(o, "reason", plan->reason);
	return o;
}

static enum colour outcome_colour(enum plan_outcome outcome)
{
	switch (outcome) {
	case PLAN_BOUND:
	case PLAN_BIND:
		return COLOUR_GOOD;
	case PLAN_REFUSED:
	case PLAN_FAULTY:
		return COLOUR_BAD;
	default:
		return COLOUR_NONE;
	}
}

/* Print what a rule sets: ", ring size 64 KiB, group dpdk". */
static void print_settings(const struct settings *settings)
{
	char size[SIZE_TEXT];

	if (settings->ring_size)
		printf(", ring size %s", describe_size(settings->ring_size, size));
	if (settings->recv_buffer_size)
		printf(", receive buffer %s", describe_size(settings->recv_buffer_size, size));
	if (settings->send_buffer_size)
		printf(", send buffer %s", describe_size(settings->send_buffer_size, size));
	if (settings->owner[0])
		printf(", owner %s", settings->owner);
	if (settings->group[0])
		printf(", group %s", settings->group);
	if (settings->mode >= 0)
		printf(", mode %04o", (unsigned int)settings->mode);
	if (settings->link[0])
		printf(", link /dev/vmbus/%s", settings->link);
}

void rule_print(const struct plan *plan)
{
	enum colour colour = outcome_colour(plan->outcome);

	if (plan_has_rule(plan) && plan->at.file) {
		printf("%-12s%s:%u\n", "rule", plan->at.file, plan->at.line);
		printf("%-12sdriver %s", "", plan->rule.driver);
		print_settings(&plan->rule.settings);
		printf("%s\n", plan->rule.force ? ", force" : "");
	}
	printf("%-12s%s%s%s: %s\n", "outcome", colour_on(stdout, colour),
	       plan_outcome_name(plan->outcome), colour_off(stdout, colour), plan->reason);
}
