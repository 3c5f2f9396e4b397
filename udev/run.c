// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "device.h"
#include "file.h"
#include "log.h"

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

int note_write(const struct device *device)
{
	/* Note only a name from udev, because udev may change any other. */
	const bool has_name = device->is_named && device->interface[0];
	char *text = need_printf("%s %s\n", has_name ? device->interface : NO_NAME, device->mac);
	int ret = write_file("interface", device->instance, text);

	free(text);
	return ret;
}

int note_remove(const char *instance)
{
	return remove_file("interface", instance);
}

int note_set_hold(const char *instance, bool on)
{
	return on ? write_file("held", instance, "") : remove_file("held", instance);
}

bool note_is_held(const char *instance)
{
	return file_exists(FOLDER "/held/%s", instance);
}

int lock_take(const char *kind, const char *name)
{
	char *path = file_path(FOLDER "/lock/%s-%s", kind, name);
	/* Only root can read the last directory. */
	int err = make_folders(path, 0700), fd = -1;

	if (!err) {
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		err = fd < 0 ? -errno : 0;
	}
	while (!err && flock(fd, LOCK_EX))
		err = errno == EINTR ? 0 : -errno;
	if (err)
		msg(LOG_ERR, "the lock %s cannot be taken: %s", path, strerror(-err));
	if (err && fd >= 0)
		close(fd);
	free(path);
	return err ? err : fd;
}
