// SPDX-License-Identifier: GPL-2.0-only
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "file.h"
#include "log.h"

static int open_lock(const char *path)
{
	int err, fd;

	/* Only root can read the last directory. */
	err = make_folders(path, 0700);
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
