// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attributes.h"
#include "destination.h"
#include "identity.h"
#include "path.h"

/* The oldest supported headers lack this constant. */
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif

/*
 * Return the attributes of @name in @dir, or of @dir itself if @name is "".
 * *known receives the mask of the attributes that the kernel reports; @known
 * may be NULL.
 */
static uint64_t statx_attributes(int dir, const char *name, uint64_t *known)
{
	struct statx stx;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &stx) < 0)
		stx.stx_attributes_mask = 0;
	if (known)
		*known = stx.stx_attributes_mask;
	return stx.stx_attributes_mask ? stx.stx_attributes & stx.stx_attributes_mask : 0;
}

static bool may_ignore_owners(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1u << CAP_FOWNER));
}

/* Only the owner of a file or of its sticky directory may replace the file. */
static bool sticky_forbids(int dir, const struct stat *target)
{
	struct stat st;

	return fstat(dir, &st) == 0 && (st.st_mode & S_ISVTX) && target->st_uid != identity_uid() &&
	       st.st_uid != identity_uid() && !may_ignore_owners();
}

/* Check whether the daemon can create a file or directory in the directory. */
static enum refusal check_writable(const struct destination *destination, struct failure *failure)
{
	if (statx_attributes(destination->dir, "", NULL) & STATX_ATTR_IMMUTABLE)
		return refusal_set(failure, REFUSAL_IMMUTABLE, "%s/ is immutable (lsattr)",
				   destination->directory);
	if (faccessat(destination->dir, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return fail_errno(failure, errno, "%s/", destination->directory);
	return REFUSAL_NONE;
}

bool destination_is_append_only(const struct destination *destination)
{
	return statx_attributes(destination->dir, "", NULL) & STATX_ATTR_APPEND;
}

/* Check whether rename(2) can replace the file or link that has the name. */
static enum refusal check_replaceable(const struct destination *destination,
				      struct failure *failure)
{
	const char *place = destination->directory, *name = destination->name;
	uint64_t known, attributes = statx_attributes(destination->dir, name, &known);
	struct stat dir;

	if (attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND))
		return refusal_set(failure, REFUSAL_IMMUTABLE, "%s/%s is %s (lsattr)", place, name,
				   attributes & STATX_ATTR_IMMUTABLE ? "immutable" : "append-only");
	if (fstat(destination->dir, &dir) < 0)
		return fail_errno(failure, errno, "%s/", place);
	/*
	 * Before Linux 5.8 only a different device number shows a mount. Newer
	 * kernels report the mount itself. The device number is then no proof,
	 * because overlayfs can show a file of a lower layer with the device of
	 * that layer.
	 */
	if (known & STATX_ATTR_MOUNT_ROOT ? attributes & STATX_ATTR_MOUNT_ROOT :
					    destination->target.st_dev != dir.st_dev)
		return refusal_set(failure, REFUSAL_MOUNT_POINT, "%s/%s", place, name);
	if (destination_is_append_only(destination))
		return refusal_set(
			failure, REFUSAL_IMMUTABLE,
			"%s/ is append-only (lsattr), so that nothing in it can be replaced",
			place);
	if (sticky_forbids(destination->dir, &destination->target))
		return refusal_set(failure, REFUSAL_ACCESS,
				   "%s/%s belongs to another user, in a sticky directory", place,
				   name);
	return REFUSAL_NONE;
}

enum refusal destination_check_target(struct destination *destination, bool force,
				      struct failure *failure)
{
	const char *place = destination->directory, *name = destination->name;
	struct stat *st = &destination->target, led;
	enum refusal refusal;

	if (fstatat(destination->dir, name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		st->st_mode = 0;
		if (errno != ENOENT)
			return fail_errno(failure, errno, "%s/%s", place, name);
		return check_writable(destination, failure);
	}
	if (S_ISDIR(st->st_mode))
		return refusal_set(failure, REFUSAL_DIRECTORY, "%s/%s", place, name);
	/* Below a section nobody looks where a link leads. */
	if (S_ISLNK(st->st_mode) && !*destination->place->path) {
		if (fstatat(destination->dir, name, &led, AT_NO_AUTOMOUNT) == 0) {
			if (S_ISDIR(led.st_mode))
				return refusal_set(failure, REFUSAL_DIRECTORY,
						   "%s/%s is a link to a directory", place, name);
		} else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
			return refusal_set(failure, REFUSAL_DIRECTORY,
					   "%s/%s is a link that may lead to a directory: %s",
					   place, name, strerror(errno));
		}
	}
	if (!force)
		return refusal_set(failure, REFUSAL_EXISTS, "%s/%s%s", place, name,
				   S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ?
					   " (-Force would replace it)" :
					   "");
	if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
		return refusal_set(failure, REFUSAL_NOT_FILE, "%s/%s", place, name);
	refusal = check_writable(destination, failure);
	return refusal == REFUSAL_NONE ? check_replaceable(destination, failure) : refusal;
}

/*
 * Make @path absolute, without dots and doubled slashes. *directory becomes
 * true if the form of the path shows that it is a directory.
 */
static enum refusal make_absolute(const char *path, char whole[PATH_MAX], bool *directory,
				  struct failure *failure)
{
	size_t n = strlen(path);

	*directory = !n || path[n - 1] == '/' || !strcmp(path, ".") ||
		     (n > 1 && !strcmp(path + n - 2, "/."));
	*whole = '\0';
	if (!path_join(whole, path))
		return refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...", path);
	return REFUSAL_NONE;
}

/*
 * Split the missing part of the path into the directories to create and the
 * file's name.
 */
static enum refusal split_missing(struct destination *result, char *missing,
				  struct failure *failure)
{
	char *name = strrchr(missing, '/');

	if (name)
		*name++ = '\0';
	else
		name = missing;
	if (strlen(name) >= sizeof(result->name))
		return refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...", name);
	memcpy(result->name, name, strlen(name) + 1);
	strcpy(result->missing, name == missing ? "" : missing);
	return REFUSAL_NONE;
}

static enum refusal use_source_name(const struct destination_request *request,
				    struct destination *result, const char *missing,
				    struct failure *failure)
{
	result->into_directory = true;
	if (request->name_fault)
		return refusal_set(failure, REFUSAL_NAME, "%s%s%s", request->name_fault,
				   *request->name ? ": " : "", request->name);
	if (strlen(request->name) > NAME_MAX)
		return refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...", request->name);
	memcpy(result->name, request->name, strlen(request->name) + 1);
	strcpy(result->missing, missing);
	return REFUSAL_NONE;
}

/*
 * Refuse a relative path that nobody means, unless its first component exists.
 * @path is the result of the walk.
 */
static enum refusal check_meant(const struct destination_request *request, const struct path *path,
				struct failure *failure)
{
	const char *fault = name_check_meant(request->path), *rest = path->missing;
	char first[NAME_MAX + 1];
	struct stat st;

	if (!fault || *path->place || !path_next(&rest, first) ||
	    fstatat(path->dir, first, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0)
		return REFUSAL_NONE;
	return refusal_set(failure, REFUSAL_NAME, "%s: %s", fault, request->path);
}

/*
 * Build the path of the target relative to @dir. The whole path must fit in
 * PATH_MAX.
 */
static enum refusal target_below(const struct destination *destination, char below[PATH_MAX],
				 struct failure *failure)
{
	size_t room = PATH_MAX - strlen(destination->directory) - 1;

	if ((size_t)snprintf(below, room, "%s%s%s", destination->missing,
			     *destination->missing ? "/" : "", destination->name) >= room)
		return refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...",
				   destination->missing);
	return REFUSAL_NONE;
}

/*
 * Check that no section names the target itself, or a directory that the copy
 * would create. Such a place is not there, or is a file.
 */
static enum refusal check_target_place(const struct destination *destination,
				       const struct policy *policy, const char *below,
				       struct failure *failure)
{
	char target[PATH_MAX];
	const struct place *place;

	strcpy(target, destination->directory);
	if (!path_join(target, below))
		return refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...", below);
	place = places_find(policy, target);
	if (place == destination->place)
		return REFUSAL_NONE;
	if (place && !place->enable)
		return refusal_set(failure, REFUSAL_DISABLED, "[%s] (%s)", place_name(place),
				   place->source);
	return refusal_set(failure, REFUSAL_RULE,
			   "%s is the place of a section of its own, and no directory", target);
}

/*
 * The user of a place may not be able to climb to the root, so the daemon does.
 */
enum refusal destination_confirm(const struct destination *destination, const struct policy *policy,
				 struct failure *failure)
{
	const struct identity *identity = identity_current();
	char below[PATH_MAX];
	enum refusal refusal;

	refusal = target_below(destination, below, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	refusal = check_target_place(destination, policy, below, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	identity_assume(NULL);
	refusal = places_confirm(policy, destination->place, destination->dir,
				 destination->directory, below, failure);
	identity_resume(identity);
	return refusal;
}

static enum refusal check_resolved(struct destination *destination,
				   const struct destination_request *request,
				   const struct policy *policy, struct failure *failure)
{
	enum refusal refusal = destination_confirm(destination, policy, failure);

	if (refusal != REFUSAL_NONE)
		return refusal;
	if (*destination->missing && !request->create)
		return refusal_set(failure, REFUSAL_MISSING,
				   "%s/%s (-CreateFullPath would create it)",
				   destination->directory, destination->missing);
	if (*destination->missing)
		return check_writable(destination, failure);
	return destination_check_target(destination, request->force, failure);
}

/*
 * Find the place of the target @path, and check that it allows copies. The
 * function looks at no file.
 */
static enum refusal find_place(const struct policy *policy, const char *path,
			       const struct destination_request *request,
			       struct destination *result, struct failure *failure)
{
	const char *fault = name_check_meant(request->path);

	result->place = places_find(policy, path);
	if (!result->place && fault)
		return refusal_set(failure, REFUSAL_NAME, "%s: %s", fault, request->path);
	if (!result->place)
		return refusal_set(failure, REFUSAL_RULE, "no section of fcopyd.conf covers %s",
				   *path ? path : "/");
	if (!result->place->enable)
		return refusal_set(failure, REFUSAL_DISABLED, "[%s] (%s)",
				   place_name(result->place), result->place->source);
	return REFUSAL_NONE;
}

/* Whether @directory is in another place than that of the root */
static bool is_elsewhere(const char *directory, const void *policy)
{
	return *places_find(policy, directory)->path;
}

/*
 * Walk along @whole from its place. From the root the walk follows the links of
 * root, up to another place, and below another place it follows none.
 */
static enum refusal walk(const struct policy *policy, const struct place *place, const char *whole,
			 unsigned int flags, struct path *path, struct failure *failure)
{
	const struct identity *identity = settings_identity(&place->settings);
	enum refusal refusal;
	int dir = -1, err;

	path->dir = -1;
	path->place[0] = path->missing[0] = '\0';
	identity_assume(NULL);
	if (*place->path) {
		refusal = places_open(place, &dir, failure);
		if (refusal != REFUSAL_NONE)
			return refusal;
	}
	err = identity_assume(identity);
	if (err) {
		if (dir >= 0)
			close(dir);
		return fail_errno(failure, -err, "cannot become user %s", identity->name);
	}
	if (!*place->path)
		return path_follow(whole, flags | PATH_FOLLOW_LINKS, is_elsewhere, policy, path,
				   failure);
	return path_walk(dir, place->path, whole + strlen(place->path), flags, path, failure);
}

/*
 * Find the place and the directory of the target @whole. A link that the walk
 * followed from the root may lead into another place, which then decides: the
 * function walks again from there, without links.
 */
static enum refusal find_directory(const struct policy *policy, const char *whole,
				   const struct destination_request *request, unsigned int flags,
				   struct destination *result, struct path *path,
				   struct failure *failure)
{
	const struct place *first;
	char target[PATH_MAX];
	enum refusal refusal;

	refusal = find_place(policy, whole, request, result, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	first = result->place;
	refusal = walk(policy, first, whole, flags, path, failure);
	if (refusal != REFUSAL_NONE || *first->path)
		return refusal;
	strcpy(target, path->place);
	if (!path_join(target, path->missing))
		refusal = refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...", path->missing);
	else
		refusal = find_place(policy, target, request, result, failure);
	if (refusal == REFUSAL_NONE && result->place == first)
		return REFUSAL_NONE;
	close(path->dir);
	if (refusal != REFUSAL_NONE)
		return refusal;
	return walk(policy, result->place, target, flags, path, failure);
}

static enum refusal resolve(const struct destination_request *request, const struct policy *policy,
			    struct destination *result, struct failure *failure)
{
	struct path path = { .dir = -1 };
	char whole[PATH_MAX];
	enum refusal refusal;
	const char *fault;
	bool directory;

	fault = name_check_path(request->path);
	if (fault)
		return refusal_set(failure, REFUSAL_NAME, "%s: %s", fault, request->path);
	refusal = make_absolute(request->path, whole, &directory, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;

	refusal = find_directory(policy, whole, request, directory ? 0 : PATH_TARGET, result, &path,
				 failure);
	strcpy(result->directory, path.place);
	if (refusal != REFUSAL_NONE)
		return refusal;
	result->dir = path.dir;
	refusal = check_meant(request, &path, failure);
	if (refusal == REFUSAL_NONE)
		refusal = directory || !*path.missing ?
				  use_source_name(request, result, path.missing, failure) :
				  split_missing(result, path.missing, failure);
	if (refusal == REFUSAL_NONE)
		refusal = check_resolved(result, request, policy, failure);
	if (refusal != REFUSAL_NONE)
		destination_close(result, false);
	return refusal;
}

/* Add the user of the place to the reason why the kernel denies access. */
static void name_user(struct failure *failure, const struct identity *identity)
{
	size_t n = strlen(failure->detail);

	snprintf(failure->detail + n, sizeof(failure->detail) - n, " (as user %s)", identity->name);
}

enum refusal destination_resolve(const struct destination_request *request,
				 const struct policy *policy, struct destination *result,
				 struct failure *failure)
{
	enum refusal refusal;

	*result = (struct destination){ .dir = -1 };
	refusal = resolve(request, policy, result, failure);
	if (refusal == REFUSAL_ACCESS && identity_current())
		name_user(failure, identity_current());
	identity_assume(NULL);
	return refusal;
}

static int make_one(int at, const char *name, const struct settings *settings)
{
	mode_t mode = settings->directory_mode < 0 ? 0755 : settings->directory_mode, mask;
	int r;

	if (settings->directory_mode < 0)
		return mkdirat(at, name, mode);
	mask = umask(0);
	r = mkdirat(at, name, mode);
	umask(mask);
	return r;
}

/* Create the directory @name in destination->dir, and descend into it. */
static enum refusal make_next(struct destination *destination, const char *name,
			      struct failure *failure)
{
	const struct settings *settings = &destination->place->settings;
	int at = destination->dir, next, err;
	bool made;

	path_tell(destination->directory, name);
	made = make_one(at, name, settings) == 0;
	if (!made && errno != EEXIST)
		return fail_errno(failure, errno, "%s/%s", destination->directory, name);
	/*
	 * Another process has created this directory, and may use the
	 * directories that the copy created above it.
	 */
	if (!made)
		destination->created = 0;
	next = openat(at, name, PATH_STEP);
	if (next < 0) {
		fail_errno(failure, errno, "%s/%s", destination->directory, name);
		if (made)
			unlinkat(at, name, AT_REMOVEDIR);
		return failure->refusal;
	}
	if (made) {
		err = attributes_directory_owner(settings, next);
		/* The directory must survive a power loss, as its file will. */
		if (!err)
			err = path_sync_directory(at);
		if (err) {
			close(next);
			/* EBUSY means that it is another directory. */
			if (err != -EBUSY)
				unlinkat(at, name, AT_REMOVEDIR);
			return fail_errno(failure, -err, "%s/%s", destination->directory, name);
		}
		destination->created++;
	}
	close(at);
	destination->dir = next;
	if (!path_join(destination->directory, name))
		return refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%s", name);
	return REFUSAL_NONE;
}

enum refusal destination_make(struct destination *destination, const struct policy *policy,
			      struct failure *failure)
{
	char missing[PATH_MAX], name[NAME_MAX + 1];
	enum refusal refusal = REFUSAL_NONE;
	const char *rest = missing;
	int readable;

	strcpy(missing, destination->missing);
	*destination->missing = '\0';
	while (refusal == REFUSAL_NONE && path_next(&rest, name))
		refusal = make_next(destination, name, failure);
	if (refusal == REFUSAL_NONE && *rest)
		refusal = refusal_set(failure, REFUSAL_NAME_TOO_LONG, "%.100s...", rest);
	/*
	 * Check the place again: a place below it may exist only now, and a
	 * file system may ignore case.
	 */
	if (refusal == REFUSAL_NONE && *missing)
		refusal = destination_confirm(destination, policy, failure);
	if (refusal != REFUSAL_NONE)
		goto err_make;

	readable = path_open_readable(destination->dir);
	if (readable < 0) {
		refusal = fail_errno(failure, errno, "%s/", destination->directory);
		goto err_make;
	}
	close(destination->dir);
	destination->dir = readable;
	path_tell(destination->directory, "");
	return REFUSAL_NONE;

err_make:
	destination_close(destination, true);
	return refusal;
}

void destination_close(struct destination *destination, bool undo)
{
	if (destination->dir < 0)
		return;
	if (undo)
		path_remove_created(destination->directory, destination->dir, destination->created);
	destination->created = 0;
	close(destination->dir);
	destination->dir = -1;
}
