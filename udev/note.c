// SPDX-License-Identifier: GPL-2.0-only
#include "note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#define FOLDER "/run/hyperv-uio"

/* A note has this instead of a name that is not known. */
#define NO_NAME "-"

/* Write one line to a file, and create its directories. */
static int write_line(const char *kind, const char *instance, const char *a, const char *b)
{
	char *path = file_path(FOLDER "/%s/%s", kind, instance);
	int ret = make_folders(path, 0755);
	FILE *file = ret ? NULL : fopen(path, "we");

	free(path);
	if (!file)
		return ret ? ret : -errno;
	if (fprintf(file, "%s %s\n", a, b) < 0)
		ret = -EIO;
	if (fclose(file) && !ret)
		ret = -errno;
	return ret;
}

static int remove_file(const char *kind, const char *instance)
{
	char *path = file_path(FOLDER "/%s/%s", kind, instance);
	int ret = unlink(path) && errno != ENOENT ? -errno : 0;

	free(path);
	return ret;
}

void note_read(const char *instance, char interface[INTERFACE_SIZE], char mac[MAC_SIZE])
{
	char *line = file_line(FOLDER "/interface/%s", instance);

	interface[0] = mac[0] = '\0';
	if (line && (sscanf(line, "%15s %17s", interface, mac) < 1 || !strcmp(interface, NO_NAME)))
		interface[0] = '\0';
	free(line);
}

bool note_exists(const char *instance)
{
	return file_exists(FOLDER "/interface/%s", instance);
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
	return file_exists(FOLDER "/held/%s", instance);
}
