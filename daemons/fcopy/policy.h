/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_POLICY_H
#define FCOPY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the administrator of the guest lets the host do: fcopyd.conf(5). On top of it, and not to be
 * lifted, path.h keeps every copy out of /proc, /sys and /dev.
 */

/** With its NUL */
#define POLICY_LABEL_SIZE 512

/** One "allow" or "deny" */
struct policy_rule {
	bool allow;
	char *directory;	/* passed name_check_directory() */
};

struct policy {
	bool enable;		/* any copy at all */
	bool follow_links;	/* those that only root can have made; else none */
	int mode;		/* of a new file; -1: 0644 less the umask */
	int directory_mode;	/* of one that is made; -1: 0755 less the umask */
	uid_t uid;		/* of both; -1: the daemon's own */
	gid_t gid;		/* of both; -1: what the directory gives */
	char label[POLICY_LABEL_SIZE];	/* SELinux context of a new file; "": what the directory gives */
	uint64_t max_size;	/* bytes of a file */
	uint64_t min_free;	/* bytes that a file must leave in its file system */
	unsigned int min_free_percent;	/* or of its size */

	/*
	 * The rule for the deepest directory at or above a place decides, "deny" where two name the
	 * same. Where none applies, the place is allowed if there is no "allow" at all.
	 */
	struct policy_rule *rules;
	size_t count;
};

/** Copy-VMFile as it is documented */
#define POLICY_DEFAULTS \
	{ .enable = true, .follow_links = true, .mode = -1, .directory_mode = -1, \
	  .uid = (uid_t)-1, .gid = (gid_t)-1, .max_size = UINT64_MAX }

#endif
