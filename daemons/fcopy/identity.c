// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "identity.h"
#include "log.h"

static _Thread_local const struct identity *current;
/* The daemon's own supplementary groups while @current is not NULL */
static _Thread_local gid_t own_groups[IDENTITY_GROUPS];
static _Thread_local int own_count;

/* glibc's setgroups() would change all threads. */
static int set_groups(size_t count, const gid_t *groups)
{
	return syscall(SYS_setgroups, count, groups) < 0 ? -errno : 0;
}

/*
 * Set the ids with which the kernel checks accesses to files. Neither call
 * reports a failure, but each returns the current id, and -1 is not an id.
 */
static int set_ids(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	return (gid_t)setfsgid(-1) == gid && (uid_t)setfsuid(-1) == uid ? 0 : -EPERM;
}

/* A thread that kept a user's identity would do root's work as that user. */
static void restore(void)
{
	if (set_ids(geteuid(), getegid()) < 0 || set_groups(own_count, own_groups) < 0) {
		log_line(LOG_ERR, "ending: cannot return to the daemon's own user");
		abort();
	}
	current = NULL;
}

int identity_assume(const struct identity *identity)
{
	int err;

	/* The daemon's own user keeps its capabilities. */
	if (identity && identity->uid == geteuid())
		identity = NULL;
	if (identity == current)
		return 0;
	if (current)
		restore();
	if (!identity)
		return 0;

	own_count = getgroups(IDENTITY_GROUPS, own_groups);
	if (own_count < 0)
		return -errno;
	err = set_groups(identity->count, identity->groups);
	if (err)
		return err;
	current = identity;
	err = set_ids(identity->uid, identity->gid);
	if (err)
		restore();
	return err;
}

const struct identity *identity_current(void)
{
	return current;
}

uid_t identity_uid(void)
{
	return current ? current->uid : geteuid();
}
