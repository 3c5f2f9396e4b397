// SPDX-License-Identifier: GPL-2.0-only
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "log.h"

/*
 * Create the directories of @path below vmbus_sysroot(). Only root can read the
 * last one.
 */
static int make_folders(char *path)
{
	for (char *slash = strchr(path + strlen(vmbus_sysroot()) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		bool is_last = !strchr(slash + 1, '/');

		*slash = '\0';
		if (mkdir(path, is_last ? 0700 : 0755) && errno != EEXIST) {
			*slash = '/';
			return -errno;
		}
		*slash = '/';
	}
	return 0;
}

static int open_lock(char *path)
{
	int err, fd;

	err = make_folders(path);
	if (err)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int lock_take(const char *kind, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s" LOCK_FOLDER "/%s%s%s", vmbus_sysroot(), kind,
		     *name ? "-" : "", name) >= (int)sizeof(path))
		fd = -ENAMETOOLONG;
	else
		fd = open_lock(path);
	if (fd < 0)
		msg(LOG_ERR, "the lock %s cannot be taken: %s", path, strerror(-fd));
	return fd;
}
