/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_PLACES_H
#define FCOPY_PLACES_H

#include "policy.h"
#include "refusal.h"

/*
 * A target belongs to the deepest place at or above it; see policy.h. The
 * daemon finds the place by the text of the path, so it looks at no file
 * outside of a place. It opens the place and walks on from there, and then
 * confirms by device and inode that the place is the one that the directory is
 * really in: a bind mount, a file system that ignores case, or a user who moves
 * directories could otherwise lead from one place into another.
 */

/**
 * places_find() - find the place of a target
 * @path: an absolute path without dots, doubled slashes and a '/' at its end;
 *	"" is the root
 *
 * Returns policy->everywhere if the policy has no place, and NULL if it has
 * places, but none for @path.
 */
const struct place *places_find(const struct policy *policy, const char *path);

/**
 * places_open() - open the directory of @place without following any link
 * @dir: the result (O_PATH); unchanged after a refusal
 */
enum refusal places_open(const struct place *place, int *dir, struct failure *failure);

/**
 * places_confirm() - check that a directory is in @place, and that the copy may
 * write there
 * @dir: the directory, or the deepest one that exists
 * @directory: its path, for messages
 * @below: the path of the target below @dir
 *
 * The function refuses the kernel's own places, a directory that is not in
 * @place or is in a deeper place, and, if the policy has any place, the
 * configuration and the unit of the daemon.
 */
enum refusal places_confirm(const struct policy *policy, const struct place *place, int dir,
			    const char *directory, const char *below, struct failure *failure);

/**
 * places_warn() - log a warning for each section that lets the host write
 * nothing
 *
 * Its place may not exist, may belong to the kernel, or its path may contain a
 * link.
 */
void places_warn(const struct policy *policy);

#endif
