/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_IDENTITY_H
#define FCOPY_IDENTITY_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * A place with user= belongs to a user. While a worker works in such a place,
 * it has that user's identity for every access to files (credentials(7),
 * setfsuid(2)). So the kernel's own permissions, quotas and protected links
 * apply, and root's capabilities for files do not. The worker returns to its
 * own identity for what is the daemon's: its notes, and the check that the
 * directory is still in its place.
 */

/** The limit of the supplementary groups of a user */
#define IDENTITY_GROUPS 256

struct identity {
	uid_t uid;
	gid_t gid;
	size_t count;		       /* of @groups */
	gid_t groups[IDENTITY_GROUPS]; /* supplementary groups */
	char name[LOGIN_NAME_MAX];     /* for messages; a number if the user has none */
};

/**
 * identity_assume() - access files as this user from now on
 * @identity: must stay valid; NULL stands for the daemon's own identity
 *
 * Returns 0, or -errno if the process keeps its own identity; -EPERM if it
 * lacks the privilege. NULL always succeeds.
 */
int identity_assume(const struct identity *identity);

/**
 * identity_current() - return what the process has assumed, for a caller that
 * assumes another identity for a moment
 */
const struct identity *identity_current(void);

/**
 * identity_resume() - assume again what identity_current() returned before
 * identity_assume(NULL)
 *
 * A process that would go on as root ends with abort(3).
 */
void identity_resume(const struct identity *identity);

/** identity_uid() - return the owner of the files that the process creates */
uid_t identity_uid(void);

#endif
