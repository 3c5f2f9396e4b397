// SPDX-License-Identifier: GPL-2.0-only
#include "settle.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "clock.h"
#include "vmbus.h"

#ifndef QUIET_MS
#define QUIET_MS 1000
#endif
#define MAX_WAITS 10

/*
 * Wait up to @ms milliseconds for changes, and read them all. Return whether
 * there was one.
 */
static bool drain(int fd, int ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	char events[4096];
	bool any = false;

	while (poll(&one, 1, any ? 0 : ms) > 0 && read(fd, events, sizeof(events)) > 0)
		any = true;
	return any;
}

int settle_open(void)
{
	char path[PATH_MAX];
	int err, fd;

	if (snprintf(path, sizeof(path), "%s" ADMIN_CONFIG, sysroot()) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, path,
			      IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE |
				      IN_ATTRIB | IN_ONLYDIR) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

void settle_wait(int fd)
{
	for (int i = 0; i < MAX_WAITS && drain(fd, QUIET_MS); i++)
		clock_sleep(QUIET_MS);
}

bool settle_changed(int fd)
{
	return drain(fd, 0);
}
