/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_ATTRIBUTES_H
#define FCOPY_ATTRIBUTES_H

#include <sys/stat.h>

#include "policy.h"
#include "refusal.h"

/*
 * These functions set the owner, the group, the permission bits, the POSIX ACL
 * and the SELinux label of a file that a copy creates. The caller has assumed
 * the identity of the place (identity.h), so a file of a place with user= has
 * that owner from the start.
 *
 * A new file gets the attributes that the policy names. Where the policy names
 * none, the file gets the daemon's user, the group that the directory gives,
 * and 0644 less the umask. A default ACL of the directory counts in place of
 * the umask.
 *
 * A file that replaces a regular file inherits the owner, group, permission
 * bits, ACL and label of that file where the policy names none, but not its
 * set-user-id, set-group-id and sticky bits. It inherits only in a directory
 * that nobody but its owner and root can write to, and only from a file of root
 * or of that owner: another user could otherwise create the target first, and
 * so choose who may read what the host sends. If the daemon cannot set the ACL,
 * it gives the group the permissions of the ACL's entry for the owning group,
 * limited by the ACL's mask. The mask itself, which stat(2) shows as the
 * group's bits, could give the group more than it had.
 */

/**
 * attributes_label() - give a new file the label that the policy names
 * @path: the target's path, for warnings; NULL: do not warn
 *
 * The function warns and succeeds where SELinux is off or the file system has
 * no labels.
 */
enum refusal attributes_label(const struct settings *settings, int file, const char *path,
			      struct failure *failure);

/**
 * attributes_owner() - set owner and group
 * @created: the new file as the kernel created it; the file gets its owner back
 *	if somebody has meanwhile removed the file that the copy was to replace
 * @dir: the directory that the file goes into
 * @replaced: the file that it replaces; st_mode is 0 if there is none
 * @path: the target's path, for warnings; NULL: do not warn
 *
 * The function warns and succeeds on vfat and exfat, which have no owners.
 */
enum refusal attributes_owner(const struct settings *settings, const struct stat *created, int file,
			      int dir, const struct stat *replaced, const char *path,
			      struct failure *failure);

/**
 * attributes_try() - find out whether the file system accepts the owner and the
 * permission bits
 *
 * The arguments are those of attributes_owner(). The function sets both, so
 * from now on whoever the attributes permit can open the file by its name.
 */
enum refusal attributes_try(const struct settings *settings, const struct stat *created, int file,
			    int dir, const struct stat *replaced, struct failure *failure);

/**
 * attributes_finish() - set the permission bits, and the ACL and label of the
 * replaced file
 * @name: the name of the replaced file in @dir
 *
 * The caller must call this after attributes_owner(), which clears permission
 * bits.
 */
enum refusal attributes_finish(const struct settings *settings, int file, int dir, const char *name,
			       const struct stat *replaced, const char *path,
			       struct failure *failure);

/**
 * attributes_directory_owner() - set owner and group of a directory that a copy
 * created
 * @dir: the new directory, O_PATH
 *
 * Returns 0 or -errno; -EBUSY if somebody who can write to its parent put
 * another directory in its place.
 */
int attributes_directory_owner(const struct settings *settings, int dir);

#endif
