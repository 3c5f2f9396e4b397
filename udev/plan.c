// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "file.h"

static void __attribute__((format(printf, 2, 3))) explain(struct plan *plan, const char *format,
							  ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(plan->reason, sizeof(plan->reason), format, args);
	va_end(args);
}

void plan_judge(struct device *device, struct plan *plan)
{
	const struct stack *stack = &device->stack;

	device_read_stack(device);
	plan->outcome = PLAN_REFUSED;
	if (!config_is_guarded(device->class_name)) {
		plan->outcome = PLAN_BIND;
		explain(plan, "its rule names it");
	} else if (!device_is_nic(device)) {
		explain(plan, "a disk controller or a PCI Express bridge needs force=yes");
	} else if (!device->has_interface && device_has_driver(device, NIC_DRIVER)) {
		explain(plan, "its interface is missing; it may be in another network namespace");
	} else if (stack->error) {
		explain(plan, "it is unknown whether interface %s is up: %s", device->interface,
			strerror(-stack->error));
	} else if (stack->up[0]) {
		/* Other NICs may use a bond or bridge, so it stays up. */
		explain(plan, "interface %s is up; 'ip link set %s %s' allows it", stack->up,
			stack->member[0] ? stack->member : stack->up,
			stack->member[0] ? "nomaster" : "down");
	} else {
		plan->outcome = PLAN_BIND;
		explain(plan, stack->count ? "its interface is down" : "it has no interface");
	}
}

void plan_make(const struct config *config, struct device *device, const struct request *request,
	       struct plan *plan)
{
	struct rule *rule = &plan->rule;

	*plan = (struct plan){ .outcome = PLAN_NO_RULE };
	config_rule(config, device, false, rule);
	rule->force |= request->force;
	plan->at = rule->at;
	if (rule->faulty_at.file) {
		plan->outcome = PLAN_FAULTY;
		plan->at = rule->faulty_at;
		explain(plan, "a faulty file names it, or may name it");
	} else if (!request->is_command && device_may_have_interface(device) &&
		   config_is_unsure(config, device)) {
		plan->outcome = PLAN_WAITS;
		plan->at = (struct place){ NULL, 0 };
		explain(plan, "waiting for its interface: rules match by name or MAC");
	} else if (rule->scope == SCOPE_NONE) {
		explain(plan, "no section names it");
	} else if (!rule->enable) {
		plan->outcome = PLAN_DISABLED;
		plan->at = rule->key_at[KEY_ENABLE];
		explain(plan, "enable=no");
	} else if (file_exists("/proc/vmcore")) {
		/*
		 * This kernel saves the memory of a crashed one. It has little
		 * memory and needs its network and disks.
		 */
		plan->outcome = PLAN_WAITS;
		explain(plan, "a kdump kernel binds nothing");
	} else if (device_has_driver(device, rule->driver)) {
		plan->outcome = PLAN_BOUND;
		explain(plan, "it already has this driver");
	} else if (device->is_held && !request->is_named) {
		plan->outcome = PLAN_WAITS;
		explain(plan, "an administrator released it, or lets it wait for the next boot");
	} else if (rule->force) {
		plan->outcome = PLAN_BIND;
		device_read_stack(device);
		explain(plan, request->force ? "--force" : "force=yes");
	} else {
		plan_judge(device, plan);
	}
}

const char *plan_outcome_name(enum plan_outcome outcome)
{
	static const char *const names[] = { "waits",	"no-rule", "disabled", "faulty",
					     "refused", "bound",   "bind" };

	return names[outcome];
}
