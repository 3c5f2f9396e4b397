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

static int write_file(const char *kind, const char *instance, const char *text)
{
	char *path = file_path(FOLDER "/%s/%s", kind, instance);
	int ret = file_replace(path, text);

	free(path);
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
	char *text = need_printf("%s %s\n", interface[0] ? interface : NO_NAME, mac);
	int ret = write_file("interface", instance, text);

	free(text);
	return ret;
}

int note_remove(const char *instance)
{
	return remove_file("interface", instance);
}

int note_hold(const char *instance)
{
	return write_file("held", instance, "");
}

int note_end_hold(const char *instance)
{
	return remove_file("held", instance);
}

bool note_is_held(const char *instance)
{
	return file_exists(FOLDER "/held/%s", instance);
}
