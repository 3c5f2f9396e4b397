// SPDX-License-Identifier: GPL-2.0-only
#include "defer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmbus_bufring.h>

/* Write the path of a device's file. Return 0 or -ENAMETOOLONG. */
static int path_of(const char *instance, enum defer_what what, char path[PATH_MAX])
{
	static const char *const suffixes[] = { "", ".size", ".released" };
	int len = snprintf(path, PATH_MAX, "%s" DEFER_FOLDER "/%s%s", vmbus_sysroot(), instance,
			   suffixes[what]);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

bool defer_is_set(const char *instance, enum defer_what what)
{
	char path[PATH_MAX];

	return !path_of(instance, what, path) && !access(path, F_OK);
}

const char *defer_reason(const char *instance, enum occasion occasion)
{
	if (occasion == OCCASION_NAMED)
		return NULL;
	if (defer_is_set(instance, DEFER_BINDING))
		return "it waits for the next boot, as requested with --boot";
	if (occasion == OCCASION_OFFER)
		return NULL;
	if (defer_is_set(instance, DEFER_SIZE))
		return "its ring size waits for the next boot, as requested with --boot";
	if (defer_is_set(instance, DEFER_RELEASED))
		return "an administrator released it; it is left alone until a command names it, "
		       "the host offers it again, or the machine reboots";
	return NULL;
}

/* Create the directories of a path below vmbus_sysroot(). */
static int make_folders(char path[PATH_MAX])
{
	int err = 0;

	for (char *slash = strchr(path + strlen(vmbus_sysroot()) + 1, '/'); slash && !err;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			err = -errno;
		*slash = '/';
	}
	return err;
}

int defer_set(const char *instance, enum defer_what what)
{
	char path[PATH_MAX];
	int fd, err;

	err = path_of(instance, what, path);
	if (!err)
		err = make_folders(path);
	if (err)
		return err;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int defer_end(const char *instance, enum defer_what what)
{
	char path[PATH_MAX];
	int err;

	err = path_of(instance, what, path);
	if (!err && unlink(path) && errno != ENOENT)
		err = -errno;
	return err;
}

int defer_clear(const char *instance)
{
	int err, ret = 0;

	for (int what = DEFER_BINDING; what <= DEFER_RELEASED; what++) {
		err = defer_end(instance, what);
		if (err)
			ret = err;
	}
	return ret;
}
