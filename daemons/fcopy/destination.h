/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_DESTINATION_H
#define FCOPY_DESTINATION_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "name.h"
#include "policy.h"
#include "refusal.h"
#include "places.h"

/*
 * The host's START carries two strings; doc/fcopy.md names the sources for
 * their meaning. @path is -DestinationPath as the administrator typed it, and
 * @name is the name of the source file.
 *   - If the path ends in '/' or leads to an existing directory, the file goes
 *     there under @name. Any other path names the file itself.
 *   - A path without a leading '/' is relative to '/'. An empty path is '/'.
 *   - With @create (-CreateFullPath) the copy creates missing parents. It also
 *     creates the last component if the path ends in '/'.
 *   - With @force (-Force) the copy replaces an existing file, but never a
 *     directory or a link to a directory.
 */
struct destination_request {
	const char *path;
	const char *name;
	/* the fault of @name, or NULL; ignored if the copy needs no @name */
	const char *name_fault;
	bool force;
	bool create;
};

struct destination {
	int dir;		   /* the directory, or its deepest existing ancestor */
	char directory[PATH_MAX];  /* its path without links; "" is the root */
	char missing[PATH_MAX];	   /* the directories to create below it */
	char name[NAME_BYTES];	   /* the file's name in it */
	bool into_directory;	   /* the path names a directory, @name is the source's */
	struct stat target;	   /* the file that has the name; st_mode is 0 if none */
	const struct place *place; /* the place that decides, or NULL */
	/* how many components of @directory destination_make() created */
	unsigned int created;
};

/**
 * destination_resolve() - find out where a copy would go, and whether it may
 *
 * The function creates nothing. After a success the caller closes result->dir
 * with destination_close(). After a failure result->dir is -1, and the rest of
 * @result shows how far the search got, for --check-path.
 */
enum refusal destination_resolve(const struct destination_request *request,
				 const struct policy *policy, struct destination *result,
				 struct failure *failure);

/**
 * destination_make() - create the missing directories, and open the last one
 *
 * The caller has assumed the identity of the place (identity.h).
 * Afterwards @missing is empty and the caller can sync @dir. After a failure
 * the function has removed what it created and has closed the destination.
 */
enum refusal destination_make(struct destination *destination, const struct policy *policy,
			      struct failure *failure);

/**
 * destination_check_target() - check whether the copy can create or replace the
 * target now
 *
 * The function fills in destination->target. It checks what kind of file has
 * the name, whether attributes prevent a replacement, and whether the daemon
 * has the permission to replace it.
 */
enum refusal destination_check_target(struct destination *destination, bool force,
				      struct failure *failure);

/**
 * destination_confirm() - check the directory against the protected places and
 * the table of places
 *
 * A user may move the directory meanwhile, so the copy checks it before and
 * after it creates the missing directories, and before it places the file.
 */
enum refusal destination_confirm(const struct destination *destination, const struct policy *policy,
				 struct failure *failure);

/**
 * destination_is_append_only() - whether nobody can rename or remove a file of
 * the directory
 */
bool destination_is_append_only(const struct destination *destination);

/**
 * destination_close() - close @dir; with @undo also remove the directories that
 * the copy created, if they are empty
 */
void destination_close(struct destination *destination, bool undo);

#endif
