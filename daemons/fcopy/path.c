// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "filesystem.h"
#include "identity.h"
#include "path.h"

/* The oldest supported headers lack this constant. */
#define NOSYMFOLLOW 0x2000

char *path_entered;

void path_tell(const char *place, const char *name)
{
	if (!path_entered)
		return;
	strcpy(path_entered, place);
	path_join(path_entered, name);
}

bool path_next(const char **rest, char name[NAME_MAX + 1])
{
	size_t n;

	*rest += strspn(*rest, "/");
	n = strcspn(*rest, "/");
	if (!n || n > NAME_MAX)
		return false;
	memcpy(name, *rest, n);
	name[n] = '\0';
	*rest += n;
	return true;
}

unsigned int path_components(const char *path)
{
	char name[NAME_MAX + 1];
	unsigned int n = 0;

	while (path_next(&path, name))
		n++;
	return n;
}

/*
 * @place is an absolute path without links, dots, and a '/' at its end; "" is
 * the root.
 */
bool path_join(char place[PATH_MAX], const char *components)
{
	size_t end = strlen(place);

	for (;;) {
		size_t n;

		components += strspn(components, "/");
		n = strcspn(components, "/");
		if (!n)
			return true;
		if (n == 2 && !strncmp(components, "..", 2)) {
			while (end && place[--end] != '/')
				;
			place[end] = '\0';
		} else if (n != 1 || *components != '.') {
			if (end + 1 + n >= PATH_MAX)
				return false;
			place[end++] = '/';
			memcpy(place + end, components, n);
			end += n;
			place[end] = '\0';
		}
		components += n;
	}
}

/* The progress of one path_resolve() */
struct walk {
	struct path *path;
	unsigned int flags;
	struct failure *failure;
	char text[PATH_MAX]; /* the remaining components, with the texts of links */
	size_t from_caller;  /* the bytes at the end of text that come from no link */
	unsigned int links;  /* the number of links that the walk has followed */
	/* why a user could have created the next component, or NULL */
	const char *doubt;
	char doubtful[PATH_MAX]; /* the first directory to which @doubt applies */
	path_ends *ends;	 /* may be NULL */
	const void *context;	 /* of ends */
	bool ended;		 /* by ends */
};

static enum refusal fail_at(const struct walk *walk, enum refusal refusal, const char *name,
			    const char *more)
{
	return refusal_set(walk->failure, refusal, "%s/%s%s", walk->path->place, name, more);
}

/*
 * Whether @name and the components after it come from the caller and not from
 * the text of a link
 */
static bool is_from_caller(const struct walk *walk, const char *name)
{
	return strlen(name) + strlen(walk->text) <= walk->from_caller;
}

static bool is_last(const struct walk *walk)
{
	return !walk->text[strspn(walk->text, "/")];
}

static bool leads_to_directory(const struct walk *walk, const char *name);

/*
 * Explain how a user other than root could have created or renamed an entry of
 * the directory @dir, whose path is @place. @entry describes the entry if it is
 * a directory, and is NULL for a link. Returns NULL if no such user could have
 * done so.
 */
static const char *why_doubt(int dir, const char *place, const struct stat *entry)
{
	struct statfs fs;
	struct stat st;

	if (fstat(dir, &st) < 0 || fstatfs(dir, &fs) < 0)
		return "which cannot be examined";
	/*
	 * The server of a FUSE file system may belong to a user, and may lie.
	 */
	if ((uint32_t)fs.f_type == FUSE_SUPER_MAGIC)
		return "which is on FUSE";
	if (st.st_uid != 0)
		return "which does not belong to root";
	/* A user can prepare a disk elsewhere and give its files to root. */
	if (entry && (!strcmp(place, "/media") || !strcmp(place, "/run/media")))
		return "where users mount disks";
	if (!(st.st_mode & 022))
		return NULL;
	/*
	 * In root's sticky directory only root can rename or remove a directory
	 * that root owns. A user could move such a directory there from
	 * elsewhere only with write permission for the directory, because the
	 * move changes its "..".
	 */
	if (entry && (st.st_mode & S_ISVTX) && entry->st_uid == 0 && !(entry->st_mode & 022))
		return NULL;
	return "which users other than root can write to";
}

/*
 * Record in @walk whether a user could have created @next, the entry @name of
 * the current directory.
 */
static void note_doubt(struct walk *walk, int next, const char *name)
{
	struct stat st;

	/*
	 * The walk came through the parent directory and had no doubt, so no
	 * user chose where ".." leads.
	 */
	if (walk->doubt || !(walk->flags & PATH_FOLLOW_LINKS) || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return;
	if (fstat(next, &st) < 0)
		walk->doubt = "which cannot be examined";
	else
		walk->doubt = why_doubt(walk->path->dir, walk->path->place, &st);
	if (walk->doubt)
		strcpy(walk->doubtful, walk->path->place);
}

/* Refuse @name because of the doubt. @what describes @name. */
static enum refusal fail_doubt(const struct walk *walk, const char *name, const char *what)
{
	return refusal_set(walk->failure, REFUSAL_LINK, "%.450s/%s is %s below %.200s/, %s",
			   walk->path->place, name, what, walk->doubtful, walk->doubt);
}

/*
 * Returns REFUSAL_NONE if only root can have created the open link @name and
 * the directories that lead to it.
 */
static enum refusal check_link(const struct walk *walk, int link, const char *name)
{
	const char *doubt;
	struct statfs fs;
	struct stat st;

	if (fstat(link, &st) < 0 || fstatfs(link, &fs) < 0)
		return fail_errno(walk->failure, errno, "%s/%s", walk->path->place, name);
	if (fs.f_type == PROC_SUPER_MAGIC)
		return fail_at(walk, REFUSAL_KERNEL, name, " is a link of procfs");
	if (!(walk->flags & PATH_FOLLOW_LINKS))
		return fail_at(walk, REFUSAL_LINK, name, " is a link, and none is followed here");
	if ((uint32_t)fs.f_type == FUSE_SUPER_MAGIC)
		return fail_at(walk, REFUSAL_LINK, name,
			       " is a link on FUSE, which can show any owner");
	if (fs.f_flags & NOSYMFOLLOW)
		return fail_at(walk, REFUSAL_LINK, name,
			       " is a link in a file system that is mounted with nosymfollow");
	if (st.st_uid != 0)
		return fail_at(walk, REFUSAL_LINK, name, " does not belong to root");
	if (walk->doubt)
		return fail_doubt(walk, name, "a link");
	doubt = why_doubt(walk->path->dir, walk->path->place, NULL);
	if (doubt)
		return refusal_set(walk->failure, REFUSAL_LINK,
				   "%.450s/%s is a link in %.200s/, %s", walk->path->place, name,
				   walk->path->place, doubt);
	return REFUSAL_NONE;
}

/* Insert the text of the link @name before the remaining components. */
static enum refusal follow(struct walk *walk, int link, const char *name)
{
	char text[PATH_MAX];
	size_t left = strlen(walk->text);
	enum refusal refusal;
	ssize_t n;

	refusal = check_link(walk, link, name);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (++walk->links > LINKS_MAX)
		return fail_at(walk, REFUSAL_LINK, name, " is one link too many");

	n = readlinkat(link, "", text, sizeof(text));
	if (n < 0)
		return fail_errno(walk->failure, errno, "%s/%s", walk->path->place, name);
	if (n + 1 + left + 1 > sizeof(walk->text))
		return fail_at(walk, REFUSAL_NAME_TOO_LONG, name,
			       " leads to a path that is too long");
	/* The link may be part of the text of another link. */
	if (walk->from_caller > left)
		walk->from_caller = left;
	memmove(walk->text + n + 1, walk->text, left + 1);
	memcpy(walk->text, text, n);
	walk->text[n] = '/';
	if (walk->text[0] == '/') {
		int root = open("/", PATH_STEP);

		if (root < 0)
			return fail_errno(walk->failure, errno, "/");
		close(walk->path->dir);
		walk->path->dir = root;
		walk->path->place[0] = '\0';
	}
	return REFUSAL_NONE;
}

/*
 * End the walk. The caller creates or replaces @name, and creates the
 * components after it.
 */
static enum refusal end_walk(struct walk *walk, const char *name)
{
	char place[PATH_MAX] = "", component[NAME_MAX + 1];
	const char *rest = place;

	if (!path_join(place, name) || !path_join(place, walk->text))
		return fail_at(walk, REFUSAL_NAME_TOO_LONG, name, "...");
	while (path_next(&rest, component))
		;
	if (*rest)
		return refusal_set(walk->failure, REFUSAL_NAME_TOO_LONG, "%.100s...", rest);
	strcpy(walk->path->missing, place + 1);
	return REFUSAL_NONE;
}

/*
 * Whether the walk, which has followed a link, ends before it enters the
 * directory @name.
 */
static bool ends_before(const struct walk *walk, const char *name)
{
	char next[PATH_MAX];

	if (!walk->ends || !walk->links)
		return false;
	strcpy(next, walk->path->place);
	return path_join(next, name) && walk->ends(next, walk->context);
}

static bool has_parent(const char *text)
{
	char name[NAME_MAX + 1];

	while (path_next(&text, name))
		if (!strcmp(name, ".."))
			return true;
	return false;
}

/*
 * Process the component @name, which is not a directory. *end becomes true at
 * the end of the walk.
 */
static enum refusal step_over(struct walk *walk, const char *name, bool *end)
{
	bool target = (walk->flags & PATH_TARGET) && is_from_caller(walk, name) && is_last(walk);
	bool follows = walk->flags & PATH_FOLLOW_LINKS;
	enum refusal refusal;
	struct stat st;
	int at;

	at = openat(walk->path->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 || fstat(at, &st) < 0) {
		refusal = fail_errno(walk->failure, errno, "%s/%s", walk->path->place, name);
	} else if (target && !(S_ISLNK(st.st_mode) && follows && leads_to_directory(walk, name))) {
		*end = true;
		refusal = end_walk(walk, name);
	} else if (S_ISLNK(st.st_mode)) {
		refusal = follow(walk, at, name);
	} else {
		refusal = fail_at(walk, REFUSAL_NOT_DIRECTORY, name, "");
	}
	if (at >= 0)
		close(at);
	return refusal;
}

/* Process the component @name. *end becomes true at the end of the walk. */
static enum refusal step(struct walk *walk, const char *name, bool *end)
{
	int next;

	/* A user who can move directories on the way controls this "..". */
	if (walk->doubt && !strcmp(name, ".."))
		return fail_doubt(walk, name, "\"..\" of a link's text,");
	if (ends_before(walk, name)) {
		walk->ended = *end = true;
		/* Without a look at @name nobody knows where ".." leads. */
		return has_parent(walk->text) ? fail_at(walk, REFUSAL_LINK, name,
							" is on the way of a link with \"..\"") :
						end_walk(walk, name);
	}
	path_tell(walk->path->place, name);
	next = openat(walk->path->dir, name, PATH_STEP);
	if (next < 0 && errno == ENOTDIR)
		return step_over(walk, name, end);
	if (next < 0 && errno == ENOENT) {
		if (!is_from_caller(walk, name))
			return fail_at(walk, REFUSAL_MISSING, name, " (a link leads there)");
		*end = true;
		return end_walk(walk, name);
	}
	if (next < 0)
		return fail_errno(walk->failure, errno, "%s/%s", walk->path->place, name);
	note_doubt(walk, next, name);
	close(walk->path->dir);
	walk->path->dir = next;
	if (!path_join(walk->path->place, name))
		return fail_at(walk, REFUSAL_NAME_TOO_LONG, name, "");
	return REFUSAL_NONE;
}

/* Walk along @path from the directory @from, whose path is @place. */
static enum refusal walk_along(struct walk *walk, int from, const char *place, const char *path)
{
	struct path *result = walk->path;
	enum refusal refusal = REFUSAL_NONE;
	char name[NAME_MAX + 1];
	bool end = false;

	strcpy(result->place, place);
	*result->missing = '\0';
	result->dir = from;
	walk->from_caller = strlen(path);
	if (walk->from_caller >= sizeof(walk->text))
		refusal = refusal_set(walk->failure, REFUSAL_NAME_TOO_LONG,
				      "%.100s... has %zu bytes", path, walk->from_caller);
	else
		memcpy(walk->text, path, walk->from_caller + 1);

	while (refusal == REFUSAL_NONE && !end && !is_last(walk)) {
		const char *rest = walk->text;

		if (!path_next(&rest, name)) {
			refusal = refusal_set(walk->failure, REFUSAL_NAME_TOO_LONG, "%s/%.100s...",
					      result->place, rest);
			break;
		}
		memmove(walk->text, rest, strlen(rest) + 1);
		refusal = step(walk, name, &end);
	}
	path_tell(result->place, "");
	if (refusal != REFUSAL_NONE) {
		close(result->dir);
		result->dir = -1;
	}
	return refusal;
}

/*
 * Whether the link @name leads to a directory, or into a directory at which the
 * walk ends. The function also returns true for a link that it may not resolve,
 * so that the walk follows it and reports the fault.
 */
static bool leads_to_directory(const struct walk *walk, const char *name)
{
	struct failure failure;
	struct path path;
	struct walk ahead = { .path = &path,
			      .flags = walk->flags & ~PATH_TARGET,
			      .failure = &failure,
			      .doubt = walk->doubt,
			      .ends = walk->ends,
			      .context = walk->context };
	int from = openat(walk->path->dir, ".", PATH_STEP);
	enum refusal refusal = REFUSAL_LINK;
	struct stat st;

	if (from >= 0)
		refusal = walk_along(&ahead, from, walk->path->place, name);
	if (from >= 0 && refusal == REFUSAL_NONE)
		close(path.dir);
	if (refusal == REFUSAL_NONE || ahead.ended)
		return true;
	if (refusal == REFUSAL_MISSING || refusal == REFUSAL_NOT_DIRECTORY)
		return false;
	/* The walk follows no link of a user, whose kind still matters. */
	if (fstatat(walk->path->dir, name, &st, AT_NO_AUTOMOUNT) == 0)
		return S_ISDIR(st.st_mode);
	return errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
}

enum refusal path_walk(int from, const char *place, const char *path, unsigned int flags,
		       struct path *result, struct failure *failure)
{
	struct walk walk = { .path = result, .flags = flags, .failure = failure };

	return walk_along(&walk, from, place, path);
}

enum refusal path_follow(const char *path, unsigned int flags, path_ends *ends, const void *context,
			 struct path *result, struct failure *failure)
{
	struct walk walk = {
		.path = result, .flags = flags, .failure = failure, .ends = ends, .context = context
	};
	int root = open("/", PATH_STEP);

	if (root < 0) {
		*result = (struct path){ .dir = -1 };
		return fail_errno(failure, errno, "/");
	}
	return walk_along(&walk, root, "", path);
}

enum refusal path_resolve(const char *path, unsigned int flags, struct path *result,
			  struct failure *failure)
{
	return path_follow(path, flags, NULL, NULL, result, failure);
}

/* EINVAL means that this file system does not sync directories. */
static int sync_readable(int dir)
{
	return fsync(dir) < 0 && errno != EINVAL ? -errno : 0;
}

int path_open_readable(int dir)
{
	const struct identity *identity = identity_current();
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != EACCES || !identity)
		return fd;
	identity_assume(NULL);
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	identity_resume(identity);
	return fd;
}

int path_sync_directory(int dir)
{
	int err = sync_readable(dir), readable;

	/* @dir may be O_PATH, which fsync() rejects. */
	if (err != -EBADF)
		return err;
	readable = path_open_readable(dir);
	if (readable < 0)
		return -errno;
	err = sync_readable(readable);
	close(readable);
	return err;
}

bool path_remove_created(const char *place, int dir, unsigned int created)
{
	const char *end = place + strlen(place);
	struct stat st, entry;
	int at = dir, parent;
	bool removed = false;

	while (created--) {
		char name[NAME_MAX + 1];
		const char *start = end;

		while (start > place && start[-1] != '/')
			start--;
		if (start == end || end - start > NAME_MAX)
			break;
		memcpy(name, start, end - start);
		name[end - start] = '\0';
		end = start > place ? start - 1 : start;

		parent = openat(at, "..", PATH_STEP);
		if (parent < 0)
			break;
		/*
		 * Remove it only if it is still the directory that the copy
		 * created. rmdir(2) removes only an empty one.
		 */
		if (fstat(at, &st) < 0 || fstatat(parent, name, &entry, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !path_same_file(&st, &entry) || unlinkat(parent, name, AT_REMOVEDIR) < 0)
			created = 0;
		else
			removed = true;
		if (at != dir)
			close(at);
		at = parent;
	}
	if (at != dir) {
		/* Sync now: the caller may remove the journal's note next. */
		path_sync_directory(at);
		close(at);
	}
	return removed;
}
