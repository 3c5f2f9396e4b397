// SPDX-License-Identifier: GPL-2.0-only
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

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
	char *path = file_path(LOCK_FOLDER "/%s-%s", kind, name);
	int fd = open_lock(path);

	if (fd < 0)
		msg(LOG_ERR, "the lock %s cannot be taken: %s", path, strerror(-fd));
	free(path);
	return fd;
}
