/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_POLICY_H
#define FCOPY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The policy is what the administrator of the guest lets the host do; see
 * fcopyd.conf(5). No policy can open /proc, /sys and /dev; see path.h.
 */

/** The limit of an SELinux context, with its NUL */
#define POLICY_LABEL_SIZE 512

/** One "allow" or "deny" of fcopyd.conf(5) */
struct policy_rule {
	bool allow;
	char *path;		/* absolute; passed name_check_path() */
	char *source;		/* FILE:LINE, where the rule is */
};

/** The source of the owner, or of the group, of a new file */
enum policy_id {
	POLICY_ID_DEFAULT,	/* the daemon's own user; the group that the directory gives */
	POLICY_ID_FIXED,	/* the uid or gid that the policy names */
	POLICY_ID_DIRECTORY,	/* the owner or group of the directory */
};

struct policy {
	bool enable;		/* allow copies at all */
	bool follow_links;	/* follow the links that only root can have created */
	int mode;		/* of a new file; -1: 0644 less the umask */
	int directory_mode;	/* of a directory that a copy creates; -1: 0755 less the umask */
	enum policy_id owner;	/* of new files and directories */
	enum policy_id group;
	uid_t uid;		/* with POLICY_ID_FIXED */
	gid_t gid;
	char label[POLICY_LABEL_SIZE];	/* SELinux context of new files; "": the directory's */
	uint64_t max_size;	/* bytes of a file */

	/*
	 * The space that a file must leave free in its file system. With
	 * min_free_default the smaller of both numbers counts; otherwise one of
	 * them is 0.
	 */
	bool min_free_default;
	uint64_t min_free;	/* bytes */
	unsigned int min_free_percent;	/* of the bytes, and of the inodes */

	/*
	 * The rule for the deepest place at or above the target decides. If two
	 * rules name the same place, "deny" wins. Without such a rule the
	 * policy allows the target only if it has no "allow" at all.
	 */
	struct policy_rule *rules;
	size_t count;
};

#define POLICY_MIN_FREE		(16ull << 20)
#define POLICY_MIN_FREE_PERCENT	5

/** With these defaults Copy-VMFile behaves as Microsoft documents it */
#define POLICY_DEFAULTS \
	{ .enable = true, .follow_links = true, .mode = -1, .directory_mode = -1, \
	  .max_size = UINT64_MAX, .min_free_default = true, .min_free = POLICY_MIN_FREE, \
	  .min_free_percent = POLICY_MIN_FREE_PERCENT }

#endif
