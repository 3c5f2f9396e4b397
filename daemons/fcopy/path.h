/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_PATH_H
#define FCOPY_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "refusal.h"

/*
 * These functions lead from a path that the host chose to an open directory.
 * The walk takes one O_NOFOLLOW step for each component. A local user can still
 * rename or replace the user's own directories on the way, but cannot choose
 * where a symbolic link leads:
 *   - The walk follows a link only when root owns it and its directory, and
 *     nobody else can write to that directory. /var/run and /bin work, and a
 *     user's link does not.
 *   - It follows no link after it went through a directory in which a user
 *     could have put or renamed the next component: one that root does not own,
 *     or that the group or others can write to. root's sticky directory is an
 *     exception for a directory in it that root owns and that nobody else can
 *     write to. An absolute link that the walk follows starts again at "/".
 *   - It follows no link of procfs, no link on FUSE, whose server can show any
 *     owner, and none where the mount has nosymfollow. It follows none below
 *     the directories of /media and /run/media, where users mount disks. It
 *     believes the owners that every other file system shows: a disk that a
 *     user prepared must not be mounted elsewhere without nosymfollow.
 *   - ".." counts only in the text of such a link, and not behind a directory
 *     in which a user could have put the next component.
 *   - path_check_place() refuses everything at or below /proc, /sys and /dev,
 *     and the file systems that configure the kernel, wherever they are
 *     mounted.
 */

#define PATH_FOLLOW_LINKS	0x1u	/* follow trusted links; without it none */
#define PATH_TARGET		0x2u	/* the last component may be no directory */

/** The part of a path that exists, and the rest */
struct path {
	int dir;			/* the deepest directory that exists (O_PATH) */
	char place[PATH_MAX];		/* its path without links and dots; "" is the root */
	char missing[PATH_MAX];		/* the components below it, "" if there are none */
};

/**
 * path_resolve() - walk along @path to the last directory that exists
 * @path: absolute, passed name_check_path()
 * @result: close result->dir
 *
 * With PATH_TARGET the last component ends up in result->missing if it exists
 * and is neither a directory nor a link to one, so that the caller can replace
 * it. A link to a directory is followed like every other link.
 *
 * Returns REFUSAL_NONE also if components are missing; else REFUSAL_LINK,
 * REFUSAL_NOT_DIRECTORY, REFUSAL_MISSING (behind a link whose text leads
 * nowhere), REFUSAL_KERNEL (a link of procfs), REFUSAL_NAME_TOO_LONG or what
 * open(2) returned. The detail names the component.
 */
enum refusal path_resolve(const char *path, unsigned int flags, struct path *result,
			  struct failure *failure);

/**
 * path_check_place() - REFUSAL_KERNEL if the directory @dir belongs to the
 * kernel
 */
enum refusal path_check_place(int dir, const char *place, struct failure *failure);

/**
 * path_join() - append @components to @place; false if the result is too long
 */
bool path_join(char place[PATH_MAX], const char *components);

/**
 * path_next() - copy the first component of *rest into @name and advance *rest
 *
 * Returns false at the end.
 */
bool path_next(const char **rest, char name[NAME_MAX + 1]);

/**
 * path_remove_created() - remove directories that a copy made, if they are
 * empty
 * @place: the path of the deepest one, without links
 * @dir: its descriptor, which stays open
 * @created: how many components at the end of @place the copy made
 */
void path_remove_created(const char *place, int dir, unsigned int created);

/** path_same_file() - whether both describe one file or directory */
static inline bool path_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/**
 * path_sync_directory() - call fsync(2) for a directory
 *
 * Returns 0, also where its file system does not support that, or -errno.
 */
int path_sync_directory(int dir);

/* How path.c and its users open the directories on the way */
#define PATH_STEP (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

#endif
