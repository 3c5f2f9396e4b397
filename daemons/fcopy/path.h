/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_PATH_H
#define FCOPY_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "refusal.h"

/*
 * These functions resolve a path that the host chose to an open directory. The
 * walk takes one O_NOFOLLOW step for each component. Below a place of
 * fcopyd.conf(5) it follows no link at all. From the root it follows some:
 * local users can rename or replace their own directories on the way, but they
 * cannot choose where a symbolic link leads:
 *   - The walk follows a link only if root owns both the link and its
 *     directory, and nobody else can write to that directory. So it follows
 *     /var/run and /bin, but not a user's link.
 *   - It follows no link after it has passed a directory in which a user could
 *     have created or renamed the next component. Such a directory is one that
 *     root does not own, or that the group or others can write to. If root has
 *     a sticky directory, a directory in it is an exception if root owns it and
 *     nobody else can write to it. After an absolute link the walk continues
 *     from "/", but this restriction stays.
 *   - It follows no link of procfs, no link on FUSE, whose server can show any
 *     owner, and no link on a mount with nosymfollow. It follows none below the
 *     directories of /media and /run/media, where users mount disks. It trusts
 *     the owners that every other file system shows, so administrators must not
 *     mount a user's disk elsewhere without nosymfollow.
 *   - It accepts ".." only in the text of such a link, and not after a
 *     directory in which a user could have created the next component.
 *   - places_confirm() refuses everything at or below /proc, /sys and
 *     /dev, and the file systems that configure the kernel, wherever they are
 *     mounted.
 */

/* How many links the daemon follows for one path, as the kernel does */
#define LINKS_MAX 40

#define PATH_FOLLOW_LINKS 0x1u /* follow trusted links, otherwise none */
#define PATH_TARGET	  0x2u /* the last component may be a file */

/** The part of a path that exists, and the rest of the path */
struct path {
	int dir;		/* the deepest directory that exists (O_PATH) */
	char place[PATH_MAX];	/* its path without links and dots; "" is the root */
	char missing[PATH_MAX]; /* the components below it, "" if there are none */
};

/**
 * path_resolve() - walk along @path to the last directory that exists
 * @path: an absolute path that name_check_path() accepts; "" is the root
 * @result: the result; the caller closes result->dir
 *
 * With PATH_TARGET the last component ends up in result->missing if it exists
 * and is neither a directory nor a link to one, so that the caller can replace
 * it. The walk follows a link to a directory like every other link. Without
 * PATH_FOLLOW_LINKS it does not look where the last component leads.
 *
 * Returns REFUSAL_NONE even if components are missing; otherwise REFUSAL_LINK,
 * REFUSAL_NOT_DIRECTORY, REFUSAL_MISSING (the text of a link leads nowhere),
 * REFUSAL_KERNEL (a link of procfs), REFUSAL_NAME_TOO_LONG or the refusal for
 * an error of open(2). The detail of @failure names the component.
 */
enum refusal path_resolve(const char *path, unsigned int flags, struct path *result,
			  struct failure *failure);

/** Whether a walk ends before it enters the directory with the path @place */
typedef bool path_ends(const char *place, const void *context);

/**
 * path_follow() - call path_resolve(), but end where a link leads into a
 * directory at which @ends returns true
 *
 * result->missing then has the name of that directory, and what comes after it.
 */
enum refusal path_follow(const char *path, unsigned int flags, path_ends *ends, const void *context,
			 struct path *result, struct failure *failure);

/**
 * path_walk() - call path_resolve(), but from a directory below the root
 * @from: the directory (O_PATH); the function closes it after a failure, and
 *	otherwise result->dir takes its place
 * @place: its path without links and dots; "" is the root
 * @path: the rest of the path, along which the walk follows no link
 */
enum refusal path_walk(int from, const char *place, const char *path, unsigned int flags,
		       struct path *result, struct failure *failure);

/**
 * The directory that this process uses, or tries to enter; or NULL. Another
 * process that shares these PATH_MAX bytes reads there which disk this process
 * waits for.
 */
extern char *path_entered;

/** path_tell() - let path_entered be the directory @name in @place */
void path_tell(const char *place, const char *name);

/**
 * path_join() - append @components to @place; return false if it becomes too
 * long
 */
bool path_join(char place[PATH_MAX], const char *components);

/** path_is_below() - whether @path is @directory, or is below it */
static inline bool path_is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return !strncmp(directory, path, n) && (path[n] == '/' || !path[n]);
}

/**
 * path_next() - copy the first component of *rest into @name and advance *rest
 *
 * Returns false at the end.
 */
bool path_next(const char **rest, char name[NAME_MAX + 1]);

/* Return the number of components of @path. */
unsigned int path_components(const char *path);

/**
 * path_remove_created() - remove the empty directories that a copy created
 * @place: the path of the deepest directory, without links
 * @dir: its descriptor, which stays open
 * @created: how many components at the end of @place the copy created
 *
 * Returns whether it has removed any.
 */
bool path_remove_created(const char *place, int dir, unsigned int created);

/** path_same_file() - whether both describe the same file or directory */
static inline bool path_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/**
 * path_open_readable() - open a directory for fsync(2)
 *
 * If the user of a place may not read the directory, the daemon opens it with
 * its own identity. Returns the descriptor, or -1 with errno.
 */
int path_open_readable(int dir);

/**
 * path_sync_directory() - call fsync(2) for a directory
 *
 * Returns 0 or -errno. The result is also 0 if the file system does not support
 * the call.
 */
int path_sync_directory(int dir);

/* The flags with which path.c and its callers open a directory on the way */
#define PATH_STEP (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

#endif
