/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_ATTRIBUTES_H
#define FCOPY_ATTRIBUTES_H

#include <sys/stat.h>

#include "policy.h"
#include "refusal.h"

/*
 * These functions set owner, group, permission bits, POSIX ACL and SELinux
 * label of a file that a copy makes.
 *
 * A new file gets what the policy says; where it says nothing, the daemon's
 * user, the group that the directory gives, and 0644 less the umask, or less
 * what a default ACL of the directory forbids.
 *
 * A file that replaces a regular file takes over that one's owner, group,
 * permission bits (not set-user-id and the like), ACL and label. Where the ACL
 * cannot be set, the group's bits are those of the ACL's entry for the owning
 * group, less what the ACL's mask takes away. The mask itself, which stat(2)
 * shows as the group's bits, could give the group more than it had.
 *
 * In a sticky directory that others can write to, any user can create, link or
 * move a file. There the new file takes over from a file only if root or the
 * directory's owner owns it and it has no second hard link; and then only the
 * owner, a group that is root's or the directory's, and the permission bits
 * that a new file would have, too, with the right to execute it.
 */
struct attributes {
	int mode;		/* as in struct policy */
	enum policy_id owner;
	enum policy_id group;
	uid_t uid;
	gid_t gid;
	char label[POLICY_LABEL_SIZE];
};

/**
 * attributes_init() - as @policy has them now, so that a reload does not change
 * an active copy
 */
void attributes_init(struct attributes *attributes, const struct policy *policy);

/**
 * attributes_created() - note the owner and group that the kernel gave a new
 * file
 *
 * Call it before attributes_owner(): POLICY_ID_DEFAULT means these, also after
 * the file that was to be replaced has gone. Returns 0 or -errno.
 */
int attributes_created(struct attributes *attributes, int file);

/**
 * attributes_label() - give a new file the label that the policy names
 * @path: the target's path, for messages
 *
 * Where SELinux is off or the file system has no labels, it warns and succeeds.
 */
enum refusal attributes_label(const struct attributes *attributes, int file, const char *path,
			      struct failure *failure);

/**
 * attributes_owner() - set owner and group
 * @dir: the directory that the file goes into
 * @replaced: what it replaces; st_mode 0: nothing
 *
 * On vfat and exfat, which have no owners, it warns and succeeds.
 */
enum refusal attributes_owner(const struct attributes *attributes, int file, int dir,
			      const struct stat *replaced, const char *path,
			      struct failure *failure);

/**
 * attributes_finish() - set permission bits, and what comes from the replaced
 * file
 * @name: in @dir, of the file that is replaced
 *
 * Call it after attributes_owner(), which clears bits.
 */
enum refusal attributes_finish(const struct attributes *attributes, int file, int dir,
			       const char *name, const struct stat *replaced, const char *path,
			       struct failure *failure);

/**
 * attributes_directory_owner() - set owner and group of a directory that a copy
 * made
 * @dir: the new directory, O_PATH
 * @parent: the directory that it is in
 *
 * Returns 0 or -errno; -EBUSY if somebody who can write to @parent put another
 * directory in its place.
 */
int attributes_directory_owner(const struct policy *policy, int dir, int parent);

#endif
