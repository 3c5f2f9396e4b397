// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check every combination of a rule, a record, the use of two NICs and other
 * devices against the promises of the manual. This file implements the promises
 * a second time, and independently of plan.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../kselftest/ktap.h"
#include "../../udev/plan.h"

#define NIC   "f8615163-df3e-46c5-913f-f2d2f965ed0e"
#define FIRST  "11111111-0000-0000-0000-000000000001"
#define SECOND "22222222-0000-0000-0000-000000000002"

enum name { NO_SECTION, BY_CLASS, BY_INTERFACE, BY_MAC, BY_INSTANCE, NAMES };
enum own { NO_INTERFACE, PLAIN, ADDRESS, DEFAULT_ROUTE, CARRIES_NFS, OWN };
enum past { NOTHING, IDENTITY, SAFE, SAFE_FOR_ANOTHER, NEEDED, PAST };
enum other { NO_OTHER, OTHER_PLAIN, OTHER_ADDRESS, OTHER_DEFAULT, OTHER_COMES_UP, OTHER };
enum foreign {
	NO_FOREIGN,
	FOREIGN_ADDRESS,
	FOREIGN_DEFAULT,
	FOREIGN_COMES_UP,
	VF_ADDRESS,
	VF_DEFAULT,
	VF_COMES_UP,
	FOREIGN
};

struct combination {
	enum name name;
	enum tristate enable, force;
	enum own own;
	bool is_named;
	enum past past;
	bool is_bound;
	enum other other;
	bool other_wanted;
	enum foreign foreign;
	bool no_routes;
	bool in_fstab;
};

/* A machine of two NICs, and perhaps one of another bus */
struct machine {
	struct config config;
	struct section sections[2];
	struct facts facts;
	struct device devices[2];
	struct interface interfaces[3];
};

static void add_section(struct machine *m, enum name name, const char *instance,
			const char *interface, const char *mac)
{
	struct section *s = &m->sections[m->config.count++];

	*s = (struct section){ .at = { "/etc/a.conf", 7 }, .settings.mode = -1 };
	s->name.kind = NAME_GUID;
	if (name == BY_MAC)
		s->name.kind = NAME_MAC;
	if (name == BY_INTERFACE)
		s->name.kind = NAME_INTERFACE;
	strcpy(s->name.text, name == BY_MAC ? mac : name == BY_INTERFACE ? interface :
	       name == BY_CLASS ? NIC : instance);
}

static struct interface *add_interface(struct machine *m, int device, const char *name,
				       const char *mac)
{
	struct interface *i = &m->interfaces[m->facts.interface_count++];

	*i = (struct interface){ .device = device, .is_named = true };
	strcpy(i->name, name);
	strcpy(i->mac, mac);
	return i;
}

static void carry(struct interface *i, bool address, bool default_route, bool comes_up)
{
	i->address = address || default_route;
	i->default_route = default_route;
	if (comes_up)
		strcpy(i->brought_up_by, "/etc/network/interfaces");
}

static void make(struct machine *m, const struct combination *c)
{
	static const char *const scopes[] = { "", "class", "interface", "mac", "instance" };
	struct device *first = &m->devices[0], *second = &m->devices[1];
	struct interface *i;

	memset(m, 0, sizeof(*m));
	m->config.sections = m->sections;
	m->facts.devices = m->devices;
	m->facts.interfaces = m->interfaces;
	m->facts.route_error = c->no_routes ? -EIO : 0;
	strcpy(m->facts.route_source, "/proc/net/route");
	if (c->in_fstab)
		strcpy(m->facts.network_mount, "the nfs mount /srv in /etc/fstab");
	if (c->name != NO_SECTION) {
		add_section(m, c->name, FIRST, "eth0", "00:15:5d:00:00:01");
		m->sections[0].enable = c->enable;
		m->sections[0].enable_at = (struct place){ "/etc/a.conf", 8 };
		m->sections[0].force = c->force;
	}
	if (c->other_wanted)
		add_section(m, BY_INSTANCE, SECOND, "", "");

	strcpy(first->instance, FIRST);
	strcpy(first->class_id, NIC);
	first->class_name = "nic";
	m->facts.device_count = 1;
	if (c->is_bound)
		strcpy(first->driver, "uio_hv_generic");
	else if (c->own != NO_INTERFACE)
		strcpy(first->driver, "hv_netvsc");
	if (c->past != NOTHING) {
		strcpy(first->record.mac, "00:15:5d:00:00:01");
		strcpy(first->record.interface, "eth0");
	}
	if (c->past >= SAFE) {
		first->record.verdict = c->past == NEEDED ? VERDICT_NEEDED : VERDICT_SAFE;
		strcpy(first->record.driver, "uio_hv_generic");
		snprintf(first->record.rule, sizeof(first->record.rule), "/etc/%s.conf [%s]",
			 c->past == SAFE_FOR_ANOTHER ? "b" : "a", scopes[c->name]);
		strcpy(first->record.checked, "2026-11-20T12:00:00Z");
		strcpy(first->record.reason, "it was so");
	}
	if (c->own != NO_INTERFACE) {
		i = add_interface(m, 0, "eth0", "00:15:5d:00:00:01");
		i->is_named = c->is_named;
		carry(i, c->own >= ADDRESS, c->own == DEFAULT_ROUTE, false);
		if (c->own == CARRIES_NFS)
			strcpy(i->needed_by,
			       "the nfs mount /srv is reached through interface eth0");
	}

	if (c->other != NO_OTHER) {
		m->facts.device_count = 2;
		strcpy(second->instance, SECOND);
		strcpy(second->class_id, NIC);
		second->class_name = "nic";
		strcpy(second->driver, "hv_netvsc");
		strcpy(second->record.mac, "00:15:5d:00:00:02");
		strcpy(second->record.interface, "eth1");
		carry(add_interface(m, 1, "eth1", "00:15:5d:00:00:02"), c->other == OTHER_ADDRESS,
		      c->other == OTHER_DEFAULT, c->other == OTHER_COMES_UP);
	}
	if (c->foreign != NO_FOREIGN)
		carry(add_interface(m, -1, "ens1",
				    c->foreign >= VF_ADDRESS ? "00:15:5d:00:00:01"
							     : "00:15:5d:99:99:99"),
		      c->foreign == FOREIGN_ADDRESS || c->foreign == VF_ADDRESS,
		      c->foreign == FOREIGN_DEFAULT || c->foreign == VF_DEFAULT,
		      c->foreign == FOREIGN_COMES_UP || c->foreign == VF_COMES_UP);
}

/*
 * Make the machine as it is at boot: the devices exist, without interfaces and
 * routes.
 */
static void boot(struct machine *m, const struct combination *c)
{
	struct facts *facts = &m->facts;
	size_t kept = 0;

	facts->route_error = 0;
	for (size_t i = 0; i < facts->interface_count; i++) {
		struct interface *interface = &facts->interfaces[i];

		interface->address = interface->default_route = false;
		interface->needed_by[0] = '\0';
		if (interface->device < 0)
			facts->interfaces[kept++] = *interface;
		else
			strcpy(facts->devices[interface->device].brought_up_by,
			       interface->brought_up_by);
	}
	facts->interface_count = kept;
	for (size_t i = 0; i < facts->device_count; i++)
		facts->devices[i].driver[0] = '\0';
}

/* Tell whether the section is known to name the first device. */
static bool is_matched(const struct combination *c, enum plan_time time)
{
	const bool has_own = c->own != NO_INTERFACE;

	switch (c->name) {
	case BY_CLASS:
	case BY_INSTANCE:
		return true;
	case BY_MAC:
		return has_own || c->past != NOTHING;
	case BY_INTERFACE:
		if (c->past != NOTHING)
			return true;
		return has_own && (time != PLAN_EVENT || c->is_named);
	default:
		return false;
	}
}

/* Tell whether another NIC than the first one has this, and remains. */
static bool another_has(const struct combination *c, enum other other, enum foreign foreign,
			bool unwanted)
{
	/* The class names both NICs. */
	const bool wanted = c->other_wanted || c->name == BY_CLASS;
	const bool knows_mac = c->own != NO_INTERFACE || c->past != NOTHING;

	return (c->other == other && !(unwanted && wanted)) || (c->foreign == foreign && knows_mac);
}

static bool is_in_use(const struct combination *c)
{
	const bool other_address = another_has(c, OTHER_ADDRESS, FOREIGN_ADDRESS, false) ||
				   another_has(c, OTHER_DEFAULT, FOREIGN_DEFAULT, false);

	if (c->own == NO_INTERFACE)
		return false;
	return c->no_routes || c->own == DEFAULT_ROUTE || c->own == CARRIES_NFS ||
	       (c->own == ADDRESS && !other_address);
}

static bool is_allowed_at_boot(const struct combination *c, enum plan_time time)
{
	if (c->past == NEEDED)
		return false;
	if (c->past == SAFE)
		return true;
	if (c->in_fstab)
		return false;
	return another_has(c, OTHER_COMES_UP, FOREIGN_COMES_UP, true) ||
		(time == PLAN_EVENT && another_has(c, OTHER_DEFAULT, FOREIGN_DEFAULT, true));
}

static enum plan_outcome promised(const struct combination *c, enum plan_time time)
{
	/* Its own section is the only one that compares interfaces or MACs. */
	if (!is_matched(c, time))
		return c->name == NO_SECTION ? PLAN_NO_RULE : PLAN_WAITS;
	if (c->enable == NO)
		return PLAN_DISABLED;
	if (c->is_bound && time != PLAN_BOOT)
		return PLAN_BOUND;
	if (c->force == YES)
		return PLAN_BIND;
	if (time != PLAN_BOOT && is_in_use(c))
		return PLAN_REFUSED;
	/*
	 * While no other NIC has an address, nothing shows what the machine
	 * needs.
	 */
	if ((time != PLAN_NOW || !another_has(c, OTHER_ADDRESS, FOREIGN_ADDRESS, false)) &&
	    (time != PLAN_NOW || !another_has(c, OTHER_DEFAULT, FOREIGN_DEFAULT, false)) &&
	    !is_allowed_at_boot(c, time))
		return PLAN_REFUSED;
	return PLAN_BIND;
}

static unsigned long cases, wrong;

static void tell(const struct combination *c, const char *what, const struct plan *plan)
{
	if (wrong++ < 10)
		printf("# %s: name %d enable %d force %d own %d named %d past %d bound %d other %d wanted %d foreign %d"
		       " no_routes %d: %s: %s\n",
		       what, c->name, c->enable, c->force, c->own, c->is_named, c->past,
		       c->is_bound, c->other, c->other_wanted, c->foreign, c->no_routes,
		       plan_outcome_name(plan->outcome), plan->reason);
}

static void check(const struct combination *c)
{
	static const char *const times[] = { "now", "event", "boot" };
	struct machine m, booted;
	struct plan plan, foretold, came;

	make(&m, c);
	for (int time = PLAN_NOW; time <= PLAN_BOOT; time++) {
		plan_make(&m.config, &m.facts, 0, time, NULL, &plan);
		cases++;
		if (plan.outcome != promised(c, time))
			tell(c, times[time], &plan);
		if (!plan.reason[0] || !plan.at.file != (plan.outcome <= PLAN_NO_RULE) ||
		    (plan.outcome == PLAN_DISABLED && plan.at.line != 8))
			tell(c, "reason or place", &plan);
		if (plan.verdict != VERDICT_NONE && time != PLAN_NOW)
			tell(c, "a verdict of udev's", &plan);
		if (time == PLAN_NOW && plan.verdict == VERDICT_SAFE && is_in_use(c) &&
		    !c->is_bound)
			tell(c, "a verdict", &plan);
	}
	/*
	 * The event must have the predicted result. Without a record nothing is
	 * known of interfaces at boot.
	 */
	if (c->past == NOTHING &&
	    (c->name == BY_MAC || c->name == BY_INTERFACE || c->foreign != NO_FOREIGN))
		return;
	make(&booted, c);
	boot(&booted, c);
	plan_make(&m.config, &m.facts, 0, PLAN_BOOT, NULL, &foretold);
	plan_make(&booted.config, &booted.facts, 0, PLAN_EVENT, NULL, &came);
	cases++;
	/* The reason may name either of two NICs that remain. */
	if (foretold.outcome != came.outcome ||
	    (strcmp(foretold.reason, came.reason) && !strstr(came.reason, "remains")))
		tell(c, came.reason, &foretold);
}

/*
 * Advance @value, which has @count values. Return false when the values start
 * again.
 */
static bool next(int *value, int count)
{
	*value = (*value + 1) % count;
	return *value;
}

static void check_all(void)
{
	int name = 0, enable = UNSET, force = UNSET, own = 0, past = 0, other = 0, foreign = 0,
		bits = 0;

	do {
		const struct combination c = {
			.name = name, .enable = enable, .force = force, .own = own, .past = past,
			.other = other, .foreign = foreign, .is_named = bits & 1,
			.is_bound = bits & 2,
			.other_wanted = bits & 4, .no_routes = bits & 8,
			.in_fstab = bits & 16,
		};

		if (!c.is_bound || c.own == NO_INTERFACE)
			check(&c);
	} while (next(&bits, 32) || next(&foreign, FOREIGN) || next(&other, OTHER) ||
		 next(&past, PAST) ||
		 next(&own, OWN) || next(&force, YES + 1) || next(&enable, NO + 1) ||
		 next(&name, NAMES));
}

/*
 * Plan for two NICs, the last ones with an address. @left_alone: why vmbus-bind
 * --all leaves the first one alone, or NULL.
 */
static bool plan_two(struct machine *m, const char *left_alone, struct device_plan **plans)
{
	struct combination c = { .name = BY_CLASS, .own = ADDRESS, .is_named = true };

	c.other = OTHER_ADDRESS;
	make(m, &c);
	m->facts.devices[0].left_alone = left_alone;
	return !plan_all(&m->config, &m->facts, plans);
}

/* One NIC is bound, and the other one stays. */
static bool all_in_order(void)
{
	struct device_plan *plans;
	struct machine m;
	bool ok;

	if (!plan_two(&m, NULL, &plans))
		return false;
	ok = plans[0].now.outcome == PLAN_BIND && plans[1].now.outcome == PLAN_REFUSED &&
	     plans[0].boot.outcome == PLAN_REFUSED && plans[1].boot.outcome == PLAN_REFUSED;
	free(plans);
	return ok;
}

/* The first NIC stays with the kernel, so the second one is bound. */
static bool all_but_one_left_alone(void)
{
	struct device_plan *plans;
	struct machine m;
	bool ok;

	if (!plan_two(&m, "it waits", &plans))
		return false;
	ok = plans[0].now.outcome == PLAN_WAITS && !strcmp(plans[0].now.reason, "it waits") &&
	     plans[1].now.outcome == PLAN_BIND && plans[0].boot.outcome == PLAN_REFUSED;
	free(plans);
	return ok;
}

/*
 * A rule for the MAC of a NIC does not name the PCI bridge of its virtual
 * function, which has the same MAC.
 */
static bool bridge_of_a_virtual_function(void)
{
	const struct combination c = {
		.name = BY_MAC, .force = YES, .own = PLAIN, .is_named = true, .other = OTHER_PLAIN,
	};
	struct machine m;
	struct plan plan;

	make(&m, &c);
	strcpy(m.devices[1].class_id, "44c4f61d-4444-4400-9d52-802e27ede19f");
	m.devices[1].class_name = "pcie";
	strcpy(m.devices[1].driver, "hv_pci");
	m.devices[1].record = (struct record){ 0 };
	strcpy(m.interfaces[1].mac, m.interfaces[0].mac);
	plan_make(&m.config, &m.facts, 1, PLAN_NOW, NULL, &plan);
	if (plan.outcome != PLAN_NO_RULE)
		return false;
	plan_make(&m.config, &m.facts, 0, PLAN_NOW, NULL, &plan);
	return plan.outcome == PLAN_BIND;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(4);
	check_all();
	ksft_print_msg("%lu decisions, %lu of them wrong\n", cases, wrong);
	ksft_test_result(!wrong, "every_combination\n");
	ksft_test_result(all_in_order(), "all_in_order\n");
	ksft_test_result(all_but_one_left_alone(), "all_but_one_left_alone\n");
	ksft_test_result(bridge_of_a_virtual_function(), "bridge_of_a_virtual_function\n");
	ksft_finished();
}
