// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* This driver makes an interface for every NIC that it has. */
#define NIC_DRIVER "hv_netvsc"

struct question {
	const struct config *config;
	const struct facts *facts;
	size_t device;
	enum plan_time time;
	const bool *taken;
};

static void __attribute__((format(printf, 2, 3)))
explain(struct plan *plan, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(plan->reason, sizeof(plan->reason), format, args);
	va_end(args);
}

bool plan_is_nic(const struct device *device)
{
	return device->class_name && !strcmp(device->class_name, "nic");
}

bool plan_is_guarded(const struct device *device)
{
	return config_is_guarded(device->class_name);
}

static bool is_storage(const struct device *device)
{
	return plan_is_guarded(device) && !plan_is_nic(device);
}

struct identity plan_identify(const struct facts *facts, size_t index, enum plan_time time)
{
	const struct device *device = &facts->devices[index];
	const struct interface *interface = facts_interface(facts, index);
	const struct record *record = &device->record;
	struct identity identity = {
		.instance = device->instance, .class_id = device->class_id,
		.mac = record->mac, .interface = record->interface,
	};

	/* The interface of a PCI bridge is a NIC's virtual function. */
	if (!interface || !plan_is_nic(device))
		return identity;
	if (interface->mac[0] && (time != PLAN_BOOT || !record->mac[0]))
		identity.mac = interface->mac;
	if (time == PLAN_NOW || (time == PLAN_EVENT && interface->is_named) ||
	    (time == PLAN_BOOT && !record->interface[0]))
		identity.interface = interface->name;
	return identity;
}

/*
 * Return whether the configuration wants a device for user space, regardless of
 * the guard.
 */
static bool is_wanted(const struct question *q, size_t device)
{
	struct identity identity = plan_identify(q->facts, device, q->time);
	struct rule rule;

	/* A rule may name the interface or MAC that is not known. */
	if (plan_is_nic(&q->facts->devices[device]) && config_is_unsure(q->config, &identity))
		return true;
	config_rule(q->config, &identity, &rule);
	return rule.scope != SCOPE_NONE && rule.enable && !rule.faulty_at.file;
}

static bool has_mac(const struct question *q, const char *mac)
{
	for (size_t i = 0; i < q->facts->interface_count; i++)
		if (q->facts->interfaces[i].device == (int)q->device &&
		    !strcmp(q->facts->interfaces[i].mac, mac))
			return true;
	return !strcmp(q->facts->devices[q->device].record.mac, mac);
}

static bool knows_macs(const struct question *q)
{
	return facts_interface(q->facts, q->device) || q->facts->devices[q->device].record.mac[0];
}

/*
 * Return whether an interface remains when user space has the device. A virtual
 * function that stands in for the device has its MAC, and does not remain.
 */
static bool remains(const struct question *q, const struct interface *interface)
{
	if (interface->device == (int)q->device || has_mac(q, interface->mac))
		return false;
	if (interface->device < 0)
		return knows_macs(q);
	if (q->taken && q->taken[interface->device])
		return false;
	return knows_macs(q) || plan_is_nic(&q->facts->devices[interface->device]);
}

static const struct interface *other_with_address(const struct question *q)
{
	for (size_t i = 0; i < q->facts->interface_count; i++)
		if (q->facts->interfaces[i].address && remains(q, &q->facts->interfaces[i]))
			return &q->facts->interfaces[i];
	return NULL;
}

/*
 * Explain what the machine needs the device for now. Return false if the
 * machine does not need it.
 */
static bool is_needed(const struct question *q, struct plan *plan)
{
	const struct device *device = &q->facts->devices[q->device];

	if (device->disk[0]) {
		explain(plan, "%s", device->disk);
		return true;
	}
	if (device->disk_error) {
		explain(plan, "it is unknown whether a disk below it is in use: %s",
			strerror(-device->disk_error));
		return true;
	}
	if (q->time == PLAN_NOW && plan_is_nic(device) && !strcmp(device->driver, NIC_DRIVER) &&
	    !facts_interface(q->facts, q->device)) {
		explain(plan, "its interface is missing; it may be in another network namespace");
		return true;
	}
	for (size_t i = 0; i < q->facts->interface_count; i++) {
		const struct interface *interface = &q->facts->interfaces[i];

		if (interface->device != (int)q->device)
			continue;
		if (q->facts->route_error) {
			explain(plan, "it is unknown what interface %s is used for: %.120s: %s",
				interface->name, q->facts->route_source,
				strerror(-q->facts->route_error));
			return true;
		}
		if (interface->default_route) {
			explain(plan, "interface %s has the default route", interface->name);
			return true;
		}
		if (interface->needed_by[0]) {
			explain(plan, "%s", interface->needed_by);
			return true;
		}
		if (interface->address && !other_with_address(q)) {
			explain(plan, "interface %s is the last one with an address",
				interface->name);
			return true;
		}
	}
	return false;
}

/*
 * Return whether the network is up without this device. Only then do missing
 * routes prove that nobody needs the device.
 */
static bool is_network_up(const struct question *q)
{
	for (size_t i = 0; i < q->facts->interface_count; i++) {
		const struct interface *interface = &q->facts->interfaces[i];

		if (interface->address && remains(q, interface))
			return true;
	}
	return false;
}

/*
 * Find another NIC that no rule wants, and that has the default route or is
 * configured to get it.
 */
static bool find_other(const struct question *q, struct plan *plan)
{
	const struct facts *facts = q->facts;

	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct interface *other = &facts->interfaces[i];

		if (!remains(q, other) || (other->device >= 0 && is_wanted(q, other->device)))
			continue;
		if (q->time == PLAN_EVENT && other->default_route) {
			explain(plan, "interface %s remains, which has the default route",
				other->name);
			return true;
		}
		if (other->brought_up_by[0]) {
			explain(plan, "interface %s remains, which %.160s brings up", other->name,
				other->brought_up_by);
			return true;
		}
	}
	for (size_t i = 0; i < facts->device_count; i++) {
		const struct device *other = &facts->devices[i];

		if (i == q->device || !other->brought_up_by[0] || !plan_is_nic(other) ||
		    is_wanted(q, i) || has_mac(q, other->record.mac) || (q->taken && q->taken[i]) ||
		    !strcmp(other->driver, UIO_DRIVER))
			continue;
		explain(plan, "interface %s remains, which %.160s brings up",
			other->record.interface, other->brought_up_by);
		return true;
	}
	return false;
}

static bool is_recorded(const struct device *device, const struct rule *rule)
{
	char text[RULE_SIZE];

	state_rule_text(rule, text);
	return device->record.verdict == VERDICT_SAFE && !strcmp(device->record.rule, text) &&
	       !strcmp(device->record.driver, rule->driver);
}

/*
 * Return whether user space may have the device while nothing shows what the
 * machine needs: at boot, and when an administrator asks while the network is
 * down.
 */
static bool is_safe_at_boot(const struct question *q, struct plan *plan)
{
	const struct device *device = &q->facts->devices[q->device];
	const struct interface *interface = facts_interface(q->facts, q->device);
	const struct record *record = &device->record;
	bool comes_up;

	if (!plan_is_guarded(device)) {
		explain(plan, "the machine can do without devices of its class");
		return true;
	}
	if (is_storage(device)) {
		explain(plan,
			"at boot nothing shows whether the machine needs a disk behind it; force=yes binds it anyway");
		return false;
	}
	if (device->record_error) {
		explain(plan, "%s/%s cannot be read: %s", STATE_FOLDER, device->instance,
			strerror(-device->record_error));
		return false;
	}
	if (interface && record->mac[0] && strcmp(record->mac, interface->mac)) {
		explain(plan,
			"its MAC is %s and was %s when it was checked; vmbus-bind checks it again",
			interface->mac, record->mac);
		return false;
	}
	if (record->verdict == VERDICT_NEEDED) {
		explain(plan, "a check at %s found that %.140s", record->checked, record->reason);
		return false;
	}
	if (is_recorded(device, &plan->rule)) {
		explain(plan, "a check at %s found that the machine can do without it",
			record->checked);
		return true;
	}
	comes_up = find_other(q, plan);
	if (comes_up && !q->facts->network_mount[0])
		return true;
	explain(plan, "%s nothing shows whether %.160s needs it%s, and %s%s",
		q->time == PLAN_NOW ? "while the network is down" : "at boot",
		comes_up ? q->facts->network_mount : "the machine",
		comes_up ? "" : ": no other NIC is known to come up",
		record->verdict == VERDICT_SAFE ? "it was checked for another rule"
						: "nobody has checked it",
		q->time == PLAN_NOW ? "" :
		record->verdict == VERDICT_SAFE ? "; vmbus-bind checks it again" :
						  "; vmbus-bind checks it, or force=yes binds it anyway");
	return false;
}

static void guard(const struct question *q, struct plan *plan)
{
	const struct device *device = &q->facts->devices[q->device];
	bool needed = false;

	if (q->time != PLAN_BOOT)
		needed = is_needed(q, plan);
	if (q->time == PLAN_NOW)
		plan->verdict = is_network_up(q) ? VERDICT_SAFE : VERDICT_NONE;
	if (needed && q->time == PLAN_NOW)
		plan->verdict = VERDICT_NEEDED;
	plan->outcome = PLAN_BIND;
	if (plan->rule.force)
		explain(plan, "force=yes");
	else if (needed)
		plan->outcome = PLAN_REFUSED;
	else if (q->time == PLAN_NOW && (!plan_is_nic(device) || is_network_up(q)))
		explain(plan, "nothing that the machine needs goes through it");
	else if (!is_safe_at_boot(q, plan))
		plan->outcome = PLAN_REFUSED;
}

void plan_make(const struct config *config, const struct facts *facts, size_t index,
	       enum plan_time time, const bool *taken, struct plan *plan)
{
	const struct question q = { config, facts, index, time, taken };
	const struct device *device = &facts->devices[index];
	struct identity identity = plan_identify(facts, index, time);
	struct rule *rule = &plan->rule;

	*plan = (struct plan){ .outcome = PLAN_NO_RULE };
	config_rule(config, &identity, rule);
	plan->at = rule->at;
	if (rule->faulty_at.file) {
		plan->outcome = PLAN_FAULTY;
		plan->at = rule->faulty_at;
		explain(plan, "a faulty file names it, or may name it");
	} else if (plan_is_nic(device) && config_is_unsure(config, &identity)) {
		plan->outcome = PLAN_WAITS;
		plan->at = (struct place){ NULL, 0 };
		explain(plan, "rules compare interfaces or MACs, and its interface is not known yet");
	} else if (rule->scope == SCOPE_NONE) {
		explain(plan, "no section names it");
	} else if (!rule->enable) {
		plan->outcome = PLAN_DISABLED;
		plan->at = rule->enable_at;
		explain(plan, "enable=no");
	} else if (time != PLAN_BOOT && !strcmp(device->driver, rule->driver)) {
		plan->outcome = PLAN_BOUND;
		/*
		 * This proves that the machine is on the network without the
		 * device.
		 */
		if (time == PLAN_NOW && is_network_up(&q))
			plan->verdict = VERDICT_SAFE;
		explain(plan, "it already has this driver");
	} else {
		guard(&q, plan);
	}
}

void plan_leave(struct plan *plan, const char *reason)
{
	if (!reason || (plan->outcome != PLAN_BIND && plan->outcome != PLAN_REFUSED))
		return;
	plan->outcome = PLAN_WAITS;
	explain(plan, "%s", reason);
}

int plan_all(const struct config *config, const struct facts *facts, struct device_plan **plans)
{
	struct device_plan *list = calloc(facts->device_count + 1, sizeof(*list));
	bool *taken = calloc(facts->device_count + 1, sizeof(*taken));

	*plans = NULL;
	if (!list || !taken) {
		free(list);
		free(taken);
		return -ENOMEM;
	}
	for (size_t i = 0; i < facts->device_count; i++) {
		plan_make(config, facts, i, PLAN_NOW, taken, &list[i].now);
		plan_leave(&list[i].now, facts->devices[i].left_alone);
		plan_make(config, facts, i, PLAN_BOOT, NULL, &list[i].boot);
		taken[i] = list[i].now.outcome == PLAN_BIND;
	}
	free(taken);
	*plans = list;
	return 0;
}

const char *plan_outcome_name(enum plan_outcome outcome)
{
	static const char *const names[] = { "waits",   "no-rule", "disabled", "faulty",
					     "refused", "bound",   "bind" };

	return names[outcome];
}
