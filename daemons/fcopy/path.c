// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "name.h"
#include "path.h"

/* Not in the headers of the oldest systems that this builds on */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define RESOLVE_WITHOUT_LINKS (0x02 /* RESOLVE_NO_MAGICLINKS */ | 0x04 /* RESOLVE_NO_SYMLINKS */)

#define STEP (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LINKS_MAX 40

/* File systems whose files are knobs. devtmpfs says that it is a tmpfs: see is_below(). */
static bool is_kernel_fs(int dir)
{
	static const unsigned long magics[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
		CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC, BINFMTFS_MAGIC,
		DEVPTS_SUPER_MAGIC, EFIVARFS_MAGIC, PSTOREFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC,
		NSFS_MAGIC, HUGETLBFS_MAGIC, RDTGROUP_SUPER_MAGIC, 0x62656570 /* configfs */,
		0x65735543 /* fusectl */, 0x19800202 /* mqueue */,
	};
	struct statfs fs;

	if (fstatfs(dir, &fs) < 0)
		return true;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if ((uint32_t)fs.f_type == (uint32_t)magics[i])
			return true;
	return false;
}

/* Climbs from @dir to the root, which no name on the way down can deceive. */
static int check_place(int dir)
{
	static const char *const tops[] = { "/proc", "/sys", "/dev" };
	struct stat top[3], root, st, up;
	bool have[3];
	int at, err = 0;

	if (is_kernel_fs(dir))
		return -EXDEV;

	if (stat("/", &root) < 0 || fstat(dir, &st) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		have[i] = stat(tops[i], &top[i]) == 0;
		/* Also where the file system of /dev is mounted a second time, as in a chroot */
		if (have[i] && top[i].st_dev != root.st_dev && top[i].st_dev == st.st_dev)
			return -EXDEV;
	}

	at = openat(dir, ".", STEP);
	while (at >= 0) {
		int parent;

		for (int i = 0; i < 3; i++)
			if (have[i] && path_same_file(&st, &top[i]))
				err = -EXDEV;
		parent = openat(at, "..", STEP);
		close(at);
		if (parent < 0 || fstat(parent, &up) < 0) {
			err = -errno;
			if (parent >= 0)
				close(parent);
			return err;
		}
		at = parent;
		if (err || path_same_file(&st, &up)) {
			close(at);
			return err;
		}
		st = up;
	}
	return -errno;
}

/*
 * A place is an absolute path with neither links nor dots in it, and no '/' at its end: "" is the
 * root. Components are appended to it as they are walked.
 */
static int place_add(char place[PATH_MAX], const char *path)
{
	size_t end = strlen(place);

	for (;;) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (!n)
			return 0;
		if (n == 2 && !strncmp(path, "..", 2)) {
			while (end && place[--end] != '/')
				;
			place[end] = '\0';
		} else if (n != 1 || *path != '.') {
			if (end + 1 + n >= PATH_MAX)
				return -ENAMETOOLONG;
			place[end++] = '/';
			memcpy(place + end, path, n);
			end += n;
			place[end] = '\0';
		}
		path += n;
	}
}

static int walk(const char *path, unsigned int flags, const struct policy *policy,
		char place[PATH_MAX], unsigned int *created);

/* A rule may name a link of the system, or what is not there yet. */
static int rule_place(const char *directory, char place[PATH_MAX])
{
	static const struct policy all = POLICY_DEFAULTS;
	unsigned int created;
	int at;

	at = walk(directory, 0, &all, place, &created);
	if (at >= 0) {
		close(at);
		return 0;
	}
	if (at == -ENOENT)
		return 0;
	place[0] = '\0';
	return place_add(place, directory);
}

/* 0, -EKEYREJECTED, or an error for which nothing is allowed either */
static int check_rules(const struct policy *policy, const char *place)
{
	bool allowed = true, decided = false;
	char top[PATH_MAX];
	size_t deepest = 0;

	for (size_t i = 0; i < policy->count; i++)
		allowed &= !policy->rules[i].allow;
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		size_t n;
		int err;

		err = rule_place(rule->directory, top);
		if (err)
			return err;
		n = strlen(top);
		if (strncmp(place, top, n) || (place[n] != '/' && place[n]))
			continue;
		if (decided && (n < deepest || (n == deepest && rule->allow)))
			continue;
		decided = true;
		deepest = n;
		allowed = rule->allow;
	}
	return allowed ? 0 : -EKEYREJECTED;
}

/* Before a directory is made, the place that the whole path leads to if all the rest is made, too */
static int check_what_comes(const struct policy *policy, const char *place, const char *name,
			    const char *rest)
{
	char whole[PATH_MAX];
	int err;

	memcpy(whole, place, strlen(place) + 1);
	err = place_add(whole, name);
	if (!err)
		err = place_add(whole, rest);
	return err ? err : check_rules(policy, whole);
}

/*
 * Replaces *rest (what follows the component @name) by the link's text and what followed.
 * Returns 1 when the text is absolute, 0 when it is relative to @at, or -errno.
 */
static int follow(int at, const char *name, const struct policy *policy, char rest[PATH_MAX])
{
	char text[PATH_MAX];
	struct stat st, dir;
	struct statfs fs;
	size_t left = strlen(rest);
	ssize_t n;
	int link, err;

	link = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link < 0)
		return -errno;
	if (fstat(link, &st) < 0 || fstat(at, &dir) < 0 || fstatfs(link, &fs) < 0) {
		err = -errno;
		goto out;
	}
	err = -ENOTDIR;
	if (!S_ISLNK(st.st_mode))
		goto out;
	err = -EXDEV;
	if (fs.f_type == PROC_SUPER_MAGIC)
		goto out;
	err = -ELOOP;
	if (!policy->follow_links || st.st_uid != 0 || dir.st_uid != 0 || (dir.st_mode & 022))
		goto out;

	n = readlinkat(link, "", text, sizeof(text));
	if (n < 0) {
		err = -errno;
		goto out;
	}
	err = -ENAMETOOLONG;
	if (n + 1 + left + 1 > PATH_MAX)
		goto out;
	memmove(rest + n + 1, rest, left + 1);
	memcpy(rest, text, n);
	rest[n] = '/';
	err = rest[0] == '/';
out:
	close(link);
	return err;
}

static int make_one(int at, const char *name, const struct policy *policy)
{
	mode_t mode = 0755, mask;
	int r;

	if (policy->directory_mode < 0)
		return mkdirat(at, name, mode);
	mode = policy->directory_mode;
	mask = umask(0);
	r = mkdirat(at, name, mode);
	umask(mask);
	return r;
}

/* Of @dir, which was made; not of one that somebody who may write to its parent put in its place */
static int give_away(int dir, const struct policy *policy)
{
	struct stat st;

	if (policy->uid == (uid_t)-1 && policy->gid == (gid_t)-1)
		return 0;
	if (fstat(dir, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_nlink > 2)
		return -EBUSY;
	return fchownat(dir, "", policy->uid, policy->gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int make(int at, const char *name, const struct policy *policy, unsigned int *created)
{
	int err, dir;

	err = check_place(at);
	if (err)
		return err;
	if (make_one(at, name, policy) < 0) {
		if (errno != EEXIST)
			return -errno;
		/* Somebody else was faster, and uses what was made so far, too. */
		*created = 0;
		dir = openat(at, name, STEP);
		return dir < 0 ? -errno : dir;
	}
	/* The new entry must survive a power loss as the file below it will. */
	dir = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = dir < 0 ? -errno : path_sync_directory(dir);
	if (err)
		goto err_remove;
	close(dir);
	dir = openat(at, name, STEP);
	err = dir < 0 ? -errno : give_away(dir, policy);
	if (err)
		goto err_remove;
	++*created;
	return dir;

err_remove:
	unlinkat(at, name, AT_REMOVEDIR);
	if (dir >= 0)
		close(dir);
	return err;
}

/* @place is where it led to; after -ENOENT, where it would have */
static int walk(const char *path, unsigned int flags, const struct policy *policy,
		char place[PATH_MAX], unsigned int *created)
{
	char text[PATH_MAX], name[NAME_MAX + 1], *rest = text;
	size_t from_host = strlen(path);	/* bytes at the end of rest that are no link's */
	unsigned int links = 0;
	size_t left = 0;
	int at, next, err;

	place[0] = '\0';
	if (from_host >= sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text, path, from_host + 1);
	at = open("/", STEP);
	if (at < 0)
		return -errno;

	for (;;) {
		bool by_host;
		size_t n;

		rest += strspn(rest, "/");
		if (!*rest)
			return at;
		left = strlen(rest);
		by_host = left <= from_host;
		n = strcspn(rest, "/");
		err = -ENAMETOOLONG;
		if (n > NAME_MAX)
			goto err_close;
		memcpy(name, rest, n);
		name[n] = '\0';
		rest += n;

		next = openat(at, name, STEP);
		if (next < 0 && errno == ENOTDIR) {
			err = -ELOOP;
			if (++links > LINKS_MAX)
				goto err_close;
			if (by_host)
				from_host = strlen(rest);
			memmove(text, rest, strlen(rest) + 1);
			rest = text;
			err = follow(at, name, policy, text);
			if (err < 0)
				goto err_close;
			/* Somebody else's, and so is what it is in; path and place part here. */
			*created = 0;
			if (err == 0)
				continue;
			place[0] = '\0';
			name[0] = '\0';
			next = open("/", STEP);
		}
		if (next < 0) {
			err = -errno;
			/* What a dangling link points to is not made. */
			if (err == -ENOENT && by_host && (flags & PATH_CREATE)) {
				next = check_what_comes(policy, place, name, rest);
				if (next == 0)
					next = make(at, name, policy, created);
				err = next;
			}
			if (next < 0)
				goto err_close;
		} else if (strcmp(name, ".")) {
			/* Not made here: somebody else uses what was made before it. */
			*created = 0;
		}
		close(at);
		at = next;
		err = place_add(place, name);
		if (err)
			goto err_close;
	}

err_close:
	if (err == -ENOENT && (place_add(place, name) || place_add(place, rest)))
		err = -ENAMETOOLONG;
	if (*created) {
		/* What was made is path's own: nothing comes after it but more of path. */
		memcpy(text, path, strlen(path) - left);
		text[strlen(path) - left] = '\0';
		path_remove_created(text, at, *created);
		*created = 0;
	}
	close(at);
	return err;
}

static int open_without_links(const char *path)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = { .flags = STEP, .resolve = RESOLVE_WITHOUT_LINKS };

	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

int path_open_directory(const char *path, unsigned int flags, const struct policy *policy,
			unsigned int *created)
{
	char place[PATH_MAX] = "";
	int at = -1, dir, err;

	*created = 0;
	if (name_check_directory(path))
		return -EILSEQ;

	if (!(flags & PATH_WALK))
		at = open_without_links(path);
	if (at >= 0 && place_add(place, path)) {
		close(at);
		return -ENAMETOOLONG;
	}
	/* A link, something missing, no openat2: the walk knows, and says what is wrong. */
	if (at < 0)
		at = walk(path, flags, policy, place, created);
	if (at < 0)
		return at;

	err = check_place(at);
	if (!err)
		err = check_rules(policy, place);
	if (err)
		goto err_created;
	dir = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		err = -errno;
		goto err_created;
	}
	close(at);
	return dir;

err_created:
	path_remove_created(path, at, *created);
	*created = 0;
	close(at);
	return err;
}

int path_sync_directory(int dir)
{
	/* EINVAL: a file system whose directories need none */
	return fsync(dir) < 0 && errno != EINVAL ? -errno : 0;
}

void path_remove_created(const char *path, int dir, unsigned int created)
{
	const char *end = path + strlen(path);
	char name[NAME_MAX + 1];
	struct stat st, entry;
	int at = dir;

	while (created--) {
		const char *start;
		int parent;

		while (end > path && end[-1] == '/')
			end--;
		start = end;
		while (start > path && start[-1] != '/')
			start--;
		if (start == end || end - start > NAME_MAX)
			break;
		memcpy(name, start, end - start);
		name[end - start] = '\0';
		end = start;
		if (!strcmp(name, ".")) {
			created++;
			continue;
		}

		parent = openat(at, "..", STEP);
		if (parent < 0)
			break;
		/* Only while it is still the one that was made; rmdir wants it empty. */
		if (fstat(at, &st) < 0 || fstatat(parent, name, &entry, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !path_same_file(&st, &entry) || unlinkat(parent, name, AT_REMOVEDIR) < 0)
			created = 0;
		if (at != dir)
			close(at);
		at = parent;
	}
	if (at != dir)
		close(at);
}
