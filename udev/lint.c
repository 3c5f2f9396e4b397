// SPDX-License-Identifier: GPL-2.0-only
#include "lint.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driverctl.h"
#include "plan.h"
#include "settings.h"

static int first(int a, int b)
{
	return a ? a : b;
}

/*
 * Return whether a section may match a NIC whose interface is not known, or a
 * device that could not be read.
 */
static bool may_match(const struct facts *facts, const struct section *section)
{
	if (facts->device_error)
		return true;
	for (size_t i = 0; section->name.kind != NAME_GUID && i < facts->device_count; i++)
		if (plan_is_nic(&facts->devices[i]) && !facts->devices[i].interface[0])
			return true;
	return false;
}

static bool names(const struct section *section, const struct device *device)
{
	struct identity identity = plan_identify(device);

	return config_names(&section->name, &identity);
}

static int check_name(struct config *config, const struct section *section,
		      const struct facts *facts)
{
	if (may_match(facts, section))
		return 0;
	for (size_t i = 0; i < facts->device_count; i++)
		if (names(section, &facts->devices[i]))
			return 0;
	return config_add_finding(config, section->at, false,
				  "the section matches no device of this machine");
}

/*
 * Return whether the administrator wrote a file of rules. The file of a package
 * is for all machines, so its sections need not match a device of this one.
 * doctor has a finding of its own for an entry of driverctl without a device.
 */
static bool is_administrators(const char *file)
{
	const char *root = vmbus_sysroot();
	const size_t length = strlen(root);

	return strncmp(file, root, length) ||
	       (strncmp(file + length, VENDOR_CONFIG "/", sizeof(VENDOR_CONFIG)) &&
		strncmp(file + length, DRIVERCTL_FOLDER "/", sizeof(DRIVERCTL_FOLDER)));
}

/* Return whether a rule gives its device a link; 60-hyperv-uio.rules does. */
static bool has_link(const struct rule *rule)
{
	return settings_reach(rule) && rule->settings.link[0];
}

/* Return whether the link @upper would be a directory of the path @lower. */
static bool is_above(const char *upper, const char *lower)
{
	size_t length = strlen(upper);

	return !strncmp(upper, lower, length) && lower[length] == '/';
}

static bool is_same_place(struct place a, struct place b)
{
	return a.line == b.line && !strcmp(a.file, b.file);
}

/* Check the link of device @index, unless its line was checked before. */
static int check_link(struct config *config, const struct rule *rules, size_t index, size_t count)
{
	const struct settings *s = &rules[index].settings;
	const char *above = NULL;
	size_t same = 0;
	int ret = 0;

	for (size_t i = 0; i < index; i++)
		if (has_link(&rules[i]) && is_same_place(rules[i].settings.link_at, s->link_at))
			return 0;
	for (size_t i = 0; i < count; i++) {
		const char *link = rules[i].settings.link;

		if (!has_link(&rules[i]))
			continue;
		if (is_above(link, s->link))
			above = link;
		same += !strcmp(link, s->link);
	}
	if (above)
		ret = config_add_finding(
			config, s->link_at, false,
			"link: '%s' is another device's link, so it cannot be a directory", above);
	if (same > 1)
		ret = first(ret, config_add_finding(
			config, s->link_at, false,
			"link: %zu devices get the link '%s', which can name only one of them",
			same, s->link));
	return ret;
}

static int check_links(struct config *config, const struct facts *facts)
{
	struct rule *rules = calloc(facts->device_count + 1, sizeof(*rules));
	int ret = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < facts->device_count; i++) {
		struct identity identity = plan_identify(&facts->devices[i]);

		config_rule(config, &identity, &rules[i]);
	}
	for (size_t i = 0; i < facts->device_count; i++)
		if (has_link(&rules[i]))
			ret = first(ret, check_link(config, rules, i, facts->device_count));
	free(rules);
	return ret;
}

/*
 * Warn about a section whose device is in use now, because the section has no
 * effect until the interface is down, or until the next boot.
 */
static int check_use(struct config *config, const struct section *section, struct facts *facts)
{
	struct plan plan;
	int ret = 0;

	for (size_t i = 0; i < facts->device_count; i++) {
		struct device *device = &facts->devices[i];

		if (!names(section, device))
			continue;
		plan_make(config, device, (struct plan_options){ 0 }, &plan);
		if (plan.outcome == PLAN_REFUSED && is_same_place(plan.at, section->at))
			ret = first(ret, config_add_finding(config, section->at, false,
							    "%s is left alone now: %s",
							    device->instance, plan.reason));
	}
	return ret;
}

static bool is_number(const char *text)
{
	return text[strspn(text, "0123456789")] == '\0';
}

static int check_accounts(struct config *config, const struct section *section)
{
	const struct settings *s = &section->settings;
	int ret = 0;

	if (s->owner[0] && !is_number(s->owner) && !getpwnam(s->owner))
		ret = config_add_finding(config, section->owner_at, false,
					 "owner: there is no user '%s'", s->owner);
	if (s->group[0] && !is_number(s->group) && !getgrnam(s->group))
		ret = first(ret, config_add_finding(config, section->group_at, false,
						    "group: there is no group '%s'", s->group));
	return ret;
}

int lint(struct config *config, struct facts *facts)
{
	int ret = 0;

	for (size_t i = 0; i < config->count; i++) {
		const struct section *section = &config->sections[i];

		if (section->is_faulty)
			continue;
		if (facts && is_administrators(section->at.file))
			ret = first(ret, check_name(config, section, facts));
		if (facts)
			ret = first(ret, check_use(config, section, facts));
		ret = first(ret, check_accounts(config, section));
	}
	if (facts)
		ret = first(ret, check_links(config, facts));
	return ret;
}
