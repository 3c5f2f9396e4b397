/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_PATH_H
#define FCOPY_PATH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "policy.h"

/*
 * From a path that the host chose to an open directory, without a way for local users to lead it
 * elsewhere:
 *   - a symbolic link is followed only when root owns it and the directory that it is in, and only
 *     root can write to that directory (so /var/run and /bin work, and a user's link does not);
 *     links of procfs never, and none at all if the policy says so;
 *   - ".." counts only in the text of such a link;
 *   - the directory must not be, or be below, /proc, /sys or /dev, nor be in a file system through
 *     which the kernel is configured, wherever that is mounted;
 *   - the place that it is, with no link in its name any more, must be one that the policy allows.
 * A path without links is resolved by one openat2(2) where the kernel has it. Everything else, and
 * everything on older kernels, is walked, one O_NOFOLLOW step for each component.
 */

#define PATH_CREATE	0x1u	/* make the directories that are missing */
#define PATH_WALK	0x2u	/* do without openat2 */

/**
 * path_open_directory() - opens a directory
 * @path: absolute
 * @policy: its rules, links, directory_mode, uid and gid count
 * @created: how many components at its end were made; set on failure too, when none is left
 *
 * Returns a descriptor (O_RDONLY), or -errno: -ENOENT, -ENOTDIR, -ELOOP (a link that is not
 * followed), -EXDEV (the kernel's), -EKEYREJECTED (not allowed), -EILSEQ (relative or with ".."), or
 * what open(2) or mkdir(2) returned.
 */
int path_open_directory(const char *path, unsigned int flags, const struct policy *policy,
			unsigned int *created);

/**
 * path_remove_created() - takes back directories that path_open_directory() made, if they are empty
 * @dir: its descriptor, stays open
 */
void path_remove_created(const char *path, int dir, unsigned int created);

/** path_same_file() - whether both are of one file or directory */
static inline bool path_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/** path_sync_directory() - fsync(2) of a directory, where its file system has something to do for it */
int path_sync_directory(int dir);

#endif
