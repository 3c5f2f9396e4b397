// SPDX-License-Identifier: GPL-2.0-only
#include "lint.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "plan.h"

static int first(int a, int b)
{
	return a ? a : b;
}

static bool names(const struct section *section, const struct facts *facts, size_t index)
{
	const struct device *device = &facts->devices[index];
	const struct interface *interface = facts_interface(facts, index);
	const char *text = section->name.text;

	switch (section->name.kind) {
	case NAME_GUID:
		return !strcmp(text, device->instance) || !strcmp(text, device->class_id);
	case NAME_MAC:
		return !strcmp(text, interface ? interface->mac : device->record.mac);
	case NAME_INTERFACE:
		return !strcmp(text, interface ? interface->name : device->record.interface);
	}
	return false;
}

static int check_devices(struct config *config, const struct section *section,
			 const struct facts *facts)
{
	size_t count = 0;

	for (size_t i = 0; i < facts->device_count; i++)
		count += names(section, facts, i);
	if (!count)
		return config_add_finding(config, section->at, false,
					  "the section matches no device of this machine");
	if (count > 1 && section->settings.link[0])
		return config_add_finding(
			config, section->at, false,
			"link: %zu devices get the same link, which can name only one of them", count);
	return 0;
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
		if (facts)
			ret = first(ret, check_devices(config, section, facts));
		ret = first(ret, check_guard(config, section));
		ret = first(ret, check_accounts(config, section));
	}
	return ret;
}
