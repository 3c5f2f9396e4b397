// SPDX-License-Identifier: GPL-2.0-only
#include "lint.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "settings.h"

/*
 * Return whether a section may match a NIC whose interface is not known, or a
 * device that could not be read.
 */
static bool may_match(const struct machine *machine, const struct section *section)
{
	if (machine->fault)
		return true;
	for (size_t i = 0; section->name.kind != NAME_GUID && i < machine->count; i++)
		if (device_is_nic(&machine->devices[i]) && !machine->devices[i].interface[0])
			return true;
	return false;
}

static void check_name(struct config *config, const struct section *section,
		       const struct machine *machine)
{
	if (may_match(machine, section))
		return;
	for (size_t i = 0; i < machine->count; i++)
		if (config_names(&section->name, &machine->devices[i]))
			return;
	config_add_finding(config, section->rule.at, false,
			   "the section matches no device of this machine");
}

/* Warn about a link that two devices get, because it can name only one. */
static void check_links(struct config *config, const struct machine *machine)
{
	struct rule *rules = need(calloc(machine->count + 1, sizeof(*rules)));

	for (size_t i = 0; i < machine->count; i++) {
		const struct settings *s = &rules[i].settings;
		unsigned int others = 0;

		config_rule(config, &machine->devices[i], false, &rules[i]);
		for (size_t j = 0; j < i && s->link[0] && settings_reach(&rules[i]); j++)
			others += settings_reach(&rules[j]) &&
				  !strcmp(rules[j].settings.link, s->link);
		if (others == 1)
			config_add_finding(config, rules[i].key_at[KEY_LINK], false,
					   "link: another device gets the link '%s', too", s->link);
	}
	free(rules);
}

/*
 * Warn about a section whose device is in use now, because the section has no
 * effect until the interface is down, or until the next boot.
 */
static void check_use(struct config *config, const struct section *section, struct machine *machine)
{
	const struct place at = section->rule.at;
	struct plan plan;

	for (size_t i = 0; i < machine->count; i++) {
		struct device *device = &machine->devices[i];

		if (!config_names(&section->name, device))
			continue;
		plan_make(config, device, &(struct request){ 0 }, &plan);
		if (plan.outcome == PLAN_REFUSED && plan.at.line == at.line &&
		    !strcmp(plan.at.file, at.file))
			config_add_finding(config, at, false, "%s is left alone now: %s",
					   device->instance, plan.reason);
	}
}

static bool is_number(const char *text)
{
	return text[strspn(text, "0123456789")] == '\0';
}

static void check_accounts(struct config *config, const struct section *section)
{
	const struct settings *s = &section->rule.settings;

	if (s->owner[0] && !is_number(s->owner) && !getpwnam(s->owner))
		config_add_finding(config, section->rule.key_at[KEY_OWNER], false,
				   "owner: there is no user '%s'", s->owner);
	if (s->group[0] && !is_number(s->group) && !getgrnam(s->group))
		config_add_finding(config, section->rule.key_at[KEY_GROUP], false,
				   "group: there is no group '%s'", s->group);
}

void lint(struct config *config, struct machine *machine)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct section *section = &config->sections[i];

		if (section->is_faulty)
			continue;
		/*
		 * Neither the sections of a package's file, which is for all
		 * machines, nor the entries of driverctl need match a device of
		 * this machine.
		 */
		if (machine && section->is_administrators)
			check_name(config, section, machine);
		if (machine)
			check_use(config, section, machine);
		check_accounts(config, section);
	}
	if (machine)
		check_links(config, machine);
}
