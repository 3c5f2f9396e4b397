// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "identity.h"
#include "log.h"

static const struct identity *current;
/* The daemon's own supplementary groups while @current is not NULL */
static gid_t own_groups[IDENTITY_GROUPS];
static int own_count;

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

static void __attribute__((noreturn)) give_up(const char *user)
{
	log_line(LOG_ERR, "ending: cannot return to %s", user);
	abort();
}

/* A process that kept a user's identity would do root's work as that user. */
static void restore(void)
{
	if (set_ids(geteuid(), getegid()) < 0 || setgroups(own_count, own_groups) < 0)
		give_up("the daemon's own user");
	current = NULL;
}

int identity_assume(const struct identity *identity)
{
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
	if (setgroups(identity->count, identity->groups) < 0)
		return -errno;
	current = identity;
	if (set_ids(identity->uid, identity->gid) == 0)
		return 0;
	restore();
	return -EPERM;
}

void identity_resume(const struct identity *identity)
{
	if (identity_assume(identity) < 0)
		give_up("the user of the place");
}

const struct identity *identity_current(void)
{
	return current;
}

uid_t identity_uid(void)
{
	return current ? current->uid : geteuid();
}
