/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_DESTINATION_H
#define FCOPY_DESTINATION_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "name.h"
#include "policy.h"
#include "refusal.h"
#include "rules.h"

/*
 * START has two strings (doc/fcopy.md has the witnesses): @path is
 * -DestinationPath as the administrator typed it, @name is the name of the
 * source file.
 *   - A path that ends in '/', or that leads to an existing directory, receives
 *     the file under @name. Any other path names the file itself.
 *   - A path without a leading '/' is relative to '/'. An empty one is '/'.
 *   - With @create (-CreateFullPath) missing parents are made, and the last
 *     component, too, if the path ends in '/'.
 *   - With @force (-Force) an existing file is replaced; a directory or a link
 *     to one never is.
 */
struct destination_request {
	const char *path;
	const char *name;
	/* what is wrong with @name, or NULL; counts only where @name is used */
	const char *name_fault;
	bool force;
	bool create;
};

struct destination {
	int dir;			/* the directory, or its deepest existing ancestor */
	char directory[PATH_MAX];	/* its path without links; "" is the root */
	char missing[PATH_MAX];		/* directories below it that are to be made */
	char name[NAME_BYTES];		/* the file's name in it */
	bool into_directory;		/* the path named a directory: @name is the source's */
	struct stat target;		/* what has that name now; st_mode 0: nothing */
	struct rules_decision decision;
	/* how many components of @directory destination_make() made */
	unsigned int created;
};

/**
 * destination_resolve() - find out where a copy would go, and whether it may
 *
 * Nothing is created. On success close result->dir, with destination_close().
 * After a failure @result still tells how far the search came, for
 * --check-path; its dir is -1.
 */
enum refusal destination_resolve(const struct destination_request *request,
				 const struct policy *policy, struct destination *result,
				 struct failure *failure);

/**
 * destination_make() - make the missing directories, and open the last one
 *
 * Afterwards @missing is empty and @dir can be synced. After a failure nothing
 * is left that it made, and the destination is closed.
 */
enum refusal destination_make(struct destination *destination, const struct policy *policy,
			      struct failure *failure);

/**
 * destination_check_target() - whether the target may be put there as things
 * are now
 *
 * Fills in destination->target. Looks at what has the name, at attributes that
 * prevent a replacement, and at the permission to replace it.
 */
enum refusal destination_check_target(struct destination *destination, bool force,
				      struct failure *failure);

/**
 * destination_is_append_only() - whether nothing in the directory can be
 * renamed or removed
 */
bool destination_is_append_only(const struct destination *destination);

/**
 * destination_close() - close @dir; with @undo also remove directories that
 * were made, if empty
 */
void destination_close(struct destination *destination, bool undo);

#endif
