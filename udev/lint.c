// SPDX-License-Identifier: GPL-2.0-only
#include "lint.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static int first(int a, int b)
{
	return a ? a : b;
}

/*
 * Return what sections can compare: the present interface of a device, or else
 * the recorded one.
 */
static struct identity identify(const struct facts *facts, size_t index)
{
	const struct device *device = &facts->devices[index];
	const struct interface *interface = facts_interface(facts, index);

	return (struct identity){
		.instance = device->instance, .class_id = device->class_id,
		.mac = interface ? interface->mac : device->record.mac,
		.interface = interface ? interface->name : device->record.interface,
	};
}

/* Return whether a device has each of the names; @other may be NULL. */
static bool matches(const struct facts *facts, const struct device_name *name,
		    const struct device_name *other)
{
	for (size_t i = 0; i < facts->device_count; i++) {
		struct identity identity = identify(facts, i);

		if (config_names(name, &identity) && (!other || config_names(other, &identity)))
			return true;
	}
	return false;
}

/* Write a name as a section has it, such as "mac 00:15:5d:01:02:03". */
static void print_name(const struct device_name *name, char *text, size_t size)
{
	const struct vmbus_class *class = vmbus_class_find(name->text);

	snprintf(text, size, "%s%s",
		 name->kind == NAME_MAC ? "mac " : name->kind == NAME_INTERFACE ? "interface " : "",
		 name->kind == NAME_GUID && class ? class->name : name->text);
}

static int check_names(struct config *config, const struct section *section,
		       const struct facts *facts)
{
	char text[VMBUS_GUID_SIZE + sizeof("interface ")];
	int ret = 0;

	if (!matches(facts, &section->name, NULL))
		return config_add_finding(config, section->at, false,
					  "the section matches no device of this machine");
	for (size_t i = 0; i < section->exclude_count; i++) {
		if (matches(facts, &section->name, &section->excludes[i]))
			continue;
		print_name(&section->excludes[i], text, sizeof(text));
		ret = first(ret, config_add_finding(
			config, section->exclude_at, false,
			"exclude: '%s' is none of this machine's devices that the section matches",
			text));
	}
	return ret;
}

/*
 * Return whether a package has the file. It is written for all machines, so its
 * sections need not match a device of this one.
 */
static bool is_packaged(const char *file)
{
	const char *root = vmbus_sysroot();

	return !strncmp(file, root, strlen(root)) &&
	       !strncmp(file + strlen(root), VENDOR_CONFIG "/", sizeof(VENDOR_CONFIG));
}

static bool has_link(const struct rule *rule)
{
	return rule->scope != SCOPE_NONE && rule->enable && rule->settings.link[0];
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

/*
 * Check the link of device @index against those of the others. Of the devices
 * that get the link from the same line, only the first adds a warning.
 */
static int check_link(struct config *config, const struct rule *rules, size_t index, size_t count)
{
	const struct settings *s = &rules[index].settings;
	size_t same = 1;

	for (size_t i = 0; i < count; i++) {
		const struct settings *other = &rules[i].settings;

		if (i == index || !has_link(&rules[i]))
			continue;
		if (i < index && is_same_place(other->link_at, s->link_at))
			return 0;
		if (is_above(other->link, s->link))
			return config_add_finding(
				config, s->link_at, false,
				"link: '%s' is another device's link, so it cannot be a directory",
				other->link);
		same += !strcmp(other->link, s->link);
	}
	if (same == 1)
		return 0;
	return config_add_finding(
		config, s->link_at, false,
		"link: %zu devices get the link '%s', which can name only one of them", same,
		s->link);
}

static int check_links(struct config *config, const struct facts *facts)
{
	struct rule *rules = calloc(facts->device_count + 1, sizeof(*rules));
	int ret = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < facts->device_count; i++) {
		struct identity identity = identify(facts, i);

		config_rule(config, &identity, &rules[i]);
	}
	for (size_t i = 0; i < facts->device_count; i++)
		if (has_link(&rules[i]))
			ret = first(ret, check_link(config, rules, i, facts->device_count));
	free(rules);
	return ret;
}

static int check_guard(struct config *config, const struct section *section)
{
	const struct vmbus_class *class =
		section->name.kind == NAME_GUID ? vmbus_class_find(section->name.text) : NULL;
	const struct device device = { .class_name = class ? class->name : NULL };

	if (!class || section->force != UNSET || section->enable == NO || !plan_is_guarded(&device))
		return 0;
	if (!strcmp(class->name, "nic"))
		return config_add_finding(
			config, section->at, false,
			"without force, a device of the class nic is bound at boot "
			"only if it was checked, or another NIC is sure to come up");
	return config_add_finding(config, section->at, false,
				  "without force, no device of the class %s is bound at boot",
				  class->name);
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
		ret = config_add_finding(config, section->at, false, "owner: there is no user '%s'",
					 s->owner);
	if (s->group[0] && !is_number(s->group) && !getgrnam(s->group))
		ret = first(ret, config_add_finding(config, section->at, false,
						    "group: there is no group '%s'", s->group));
	return ret;
}

int lint(struct config *config, const struct facts *facts)
{
	int ret = 0;

	for (size_t i = 0; i < config->count; i++) {
		const struct section *section = &config->sections[i];

		if (section->is_faulty)
			continue;
		if (facts && !is_packaged(section->at.file))
			ret = first(ret, check_names(config, section, facts));
		ret = first(ret, check_guard(config, section));
		ret = first(ret, check_accounts(config, section));
	}
	if (facts)
		ret = first(ret, check_links(config, facts));
	return ret;
}
