// SPDX-License-Identifier: GPL-2.0-only
#include "note.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#define FOLDER "/run/hyperv-uio"

/* A note has this instead of a name that is not known. */
#define NO_NAME "-"

static int path_of(const char *kind, const char *instance, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%s" FOLDER "/%s/%s", vmbus_sysroot(), kind, instance);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool exists(const char *kind, const char *instance)
{
	char path[PATH_MAX];

	return !path_of(kind, instance, path) && !access(path, F_OK);
}

/* Write one line to a file, and create its directories. */
static int write_line(const char *kind, const char *instance, const char *a, const char *b)
{
	char path[PATH_MAX];
	FILE *file;
	int ret = path_of(kind, instance, path);

	if (!ret)
		ret = make_folders(path, 0755);
	if (ret)
		return ret;
	file = fopen(path, "we");
	if (!file)
		return -errno;
	if (fprintf(file, "%s %s\n", a, b) < 0)
		ret = -EIO;
	if (fclose(file) && !ret)
		ret = -errno;
	return ret;
}

static int remove_file(const char *kind, const char *instance)
{
	char path[PATH_MAX];
	int ret = path_of(kind, instance, path);

	if (!ret && unlink(path) && errno != ENOENT)
		ret = -errno;
	return ret;
}

void note_read(const char *instance, char interface[INTERFACE_SIZE], char mac[MAC_SIZE])
{
	char path[PATH_MAX];
	FILE *file;

	interface[0] = mac[0] = '\0';
	if (path_of("interface", instance, path))
		return;
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%15s %17s", interface, mac) < 1 || !strcmp(interface, NO_NAME))
		interface[0] = '\0';
	fclose(file);
}

bool note_exists(const char *instance)
{
	return exists("interface", instance);
}

int note_write(const char *instance, const char *interface, const char *mac)
{
	return write_line("interface", instance, interface[0] ? interface : NO_NAME, mac);
}

int note_remove(const char *instance)
{
	return remove_file("interface", instance);
}

int note_hold(const char *instance)
{
	return write_line("held", instance, "", "");
}

int note_end_hold(const char *instance)
{
	return remove_file("held", instance);
}

bool note_is_held(const char *instance)
{
	return exists("held", instance);
}
