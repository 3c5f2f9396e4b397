// SPDX-License-Identifier: GPL-2.0-only
#include "driverctl.h"

#include <errno.h>
#include <string.h>

#include "file.h"

#define PREFIX "vmbus-"

char *driverctl_path(const char *instance)
{
	return file_path(DRIVERCTL_FOLDER "/" PREFIX "%s", instance);
}

/* Read the entry @name. A faulty entry has no effect, and becomes a warning. */
static void load_entry(struct config *config, const char *name)
{
	char instance[GUID_SIZE], *driver = file_line(DRIVERCTL_FOLDER "/%s", name);
	const char *fault = NULL, *path;
	struct section *section;

	if (!driver)
		fault = strerror(errno);
	else if (guid_parse(name + strlen(PREFIX), instance))
		fault = "the name of this driverctl entry is not vmbus- followed by a GUID";
	else if (!strcmp(driver, "none"))
		fault = "this driverctl entry requests no driver, which vmbus-bind does not support";
	else if (!config_is_driver(driver))
		fault = "this driverctl entry does not name a driver";
	path = config_keep(config, file_path(DRIVERCTL_FOLDER "/%s", name));
	if (fault) {
		config_add_finding(config, (struct place){ .file = path }, false, "%s", fault);
	} else {
		section =
			config_add_section(config, NAME_GUID, instance, (struct place){ path, 1 });
		strcpy(section->driver, driver);
	}
	free(driver);
}

void driverctl_load(struct config *config)
{
	struct strings names = file_names(DRIVERCTL_FOLDER);

	for (size_t i = 0; i < names.count; i++)
		if (!strncmp(names.items[i], PREFIX, strlen(PREFIX)))
			load_entry(config, names.items[i]);
	strings_free(&names);
}
