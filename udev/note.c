// SPDX-License-Identifier: GPL-2.0-only
#include "note.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_FOLDER "/run/hyperv-uio/interface"

static int path_of(const char *instance, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%s" NOTE_FOLDER "/%s", vmbus_sysroot(), instance);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

void note_read(const char *instance, char interface[INTERFACE_SIZE], char mac[MAC_SIZE])
{
	char path[PATH_MAX];
	FILE *file;

	interface[0] = mac[0] = '\0';
	if (path_of(instance, path))
		return;
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%15s %17s", interface, mac) < 1)
		interface[0] = '\0';
	fclose(file);
}

bool note_exists(const char *instance)
{
	char path[PATH_MAX];

	return !path_of(instance, path) && !access(path, F_OK);
}

int note_write(const char *instance, const char *interface, const char *mac)
{
	static const char *const folders[] = { "/run/hyperv-uio", NOTE_FOLDER };
	char path[PATH_MAX];
	FILE *file;
	int ret;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (snprintf(path, sizeof(path), "%s%s", vmbus_sysroot(), folders[i]) >=
		    (int)sizeof(path))
			return -ENAMETOOLONG;
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	ret = path_of(instance, path);
	if (ret)
		return ret;
	file = fopen(path, "we");
	if (!file)
		return -errno;
	if (fprintf(file, "%s %s\n", interface, mac) < 0)
		ret = -EIO;
	if (fclose(file) && !ret)
		ret = -errno;
	return ret;
}

int note_remove(const char *instance)
{
	char path[PATH_MAX];
	int ret = path_of(instance, path);

	if (!ret && unlink(path) && errno != ENOENT)
		ret = -errno;
	return ret;
}
