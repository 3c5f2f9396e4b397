// SPDX-License-Identifier: GPL-2.0-only
#include "folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <vmbus_bufring.h>

int folder_make(const char *path, mode_t mode)
{
	char folder[PATH_MAX];
	char *slash, *next;

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	slash = strchr(folder + strlen(vmbus_sysroot()) + 1, '/');
	for (; slash; slash = next) {
		next = strchr(slash + 1, '/');
		*slash = '\0';
		if (mkdir(folder, next ? 0755 : mode) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}
