// SPDX-License-Identifier: GPL-2.0-only
#include "driverctl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "vmbus-"

char *driverctl_path(const char *instance)
{
	char *path;

	if (asprintf(&path, "%s" DRIVERCTL_FOLDER "/" PREFIX "%s", vmbus_sysroot(), instance) < 0)
		return NULL;
	return path;
}

/* Read the first line of an entry. Return 0 or -errno. */
static int read_driver(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return -errno;
	if (!fgets(text, size, file)) {
		err = ferror(file) ? -EIO : 0;
		text[0] = '\0';
	}
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return err;
}

/*
 * Copy a path. The copy is valid as long as the configuration. Return NULL if
 * there is no memory.
 */
static const char *keep(struct config *config, const char *path)
{
	char **files, *copy;

	files = reallocarray(config->files, config->file_count + 1, sizeof(*files));
	if (!files)
		return NULL;
	config->files = files;
	copy = strdup(path);
	if (copy)
		files[config->file_count++] = copy;
	return copy;
}

static int append(struct config *config, const char *path, const char *instance, const char *driver)
{
	struct section *sections;

	sections = reallocarray(config->sections, config->count + 1, sizeof(*sections));
	if (!sections)
		return -ENOMEM;
	config->sections = sections;
	sections += config->count++;
	*sections = (struct section){
		.name.kind = NAME_GUID,
		.at = { path, 1 },
		.settings.mode = -1,
	};
	strcpy(sections->name.text, instance);
	strcpy(sections->driver, driver);
	return 0;
}

static int load_entry(struct config *config, const char *entry)
{
	char driver[DRIVER_NAME_MAX + 2], instance[VMBUS_GUID_SIZE];
	const char *path = keep(config, entry), *fault = NULL;
	int err;

	if (!path)
		return -ENOMEM;
	err = read_driver(path, driver, sizeof(driver));
	if (err)
		fault = strerror(-err);
	else if (vmbus_guid_parse(strrchr(path, '/') + 1 + strlen(PREFIX), instance))
		fault = "the name of this driverctl entry is not vmbus- followed by a GUID";
	else if (!strcmp(driver, "none"))
		fault = "this driverctl entry requests no driver, which vmbus-bind does not support";
	else if (!config_is_driver(driver))
		fault = "this driverctl entry does not name a driver";
	if (fault)
		return config_add_finding(config, (struct place){ .file = path }, false, "%s",
					  fault);
	return append(config, path, instance, driver);
}

static int is_vmbus(const struct dirent *entry)
{
	return !strncmp(entry->d_name, PREFIX, strlen(PREFIX));
}

int driverctl_load(struct config *config)
{
	struct dirent **entries = NULL;
	char *folder, *path;
	int n, err = 0;

	if (asprintf(&folder, "%s" DRIVERCTL_FOLDER, vmbus_sysroot()) < 0)
		return -ENOMEM;
	n = scandir(folder, &entries, is_vmbus, alphasort);
	if (n < 0 && errno != ENOENT)
		err = config_add_finding(config, (struct place){ .file = DRIVERCTL_FOLDER }, false,
					 "%s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!err && asprintf(&path, "%s/%s", folder, entries[i]->d_name) >= 0) {
			err = load_entry(config, path);
			free(path);
		} else if (!err) {
			err = -ENOMEM;
		}
		free(entries[i]);
	}
	free(entries);
	free(folder);
	return err;
}
