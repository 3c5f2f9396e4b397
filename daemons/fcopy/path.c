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

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

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
			if (have[i] && same_file(&st, &top[i]))
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
		if (err || same_file(&st, &up)) {
			close(at);
			return err;
		}
		st = up;
	}
	return -errno;
}

/*
 * Replaces *rest (what follows the component @name) by the link's text and what followed.
 * Returns 1 when the text is absolute, 0 when it is relative to @at, or -errno.
 */
static int follow(int at, const char *name, char rest[PATH_MAX])
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
	if (st.st_uid != 0 || dir.st_uid != 0 || (dir.st_mode & 022))
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

static int make(int at, const char *name, unsigned int *created)
{
	int err, dir;

	err = check_place(at);
	if (err)
		return err;
	if (mkdirat(at, name, 0755) < 0) {
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
	if (dir < 0) {
		err = -errno;
		goto err_remove;
	}
	++*created;
	return dir;

err_remove:
	unlinkat(at, name, AT_REMOVEDIR);
	if (dir >= 0)
		close(dir);
	return err;
}

static int walk(const char *path, unsigned int flags, unsigned int *created)
{
	char text[PATH_MAX], name[NAME_MAX + 1], *rest = text;
	size_t from_host = strlen(path);	/* bytes at the end of rest that are no link's */
	unsigned int links = 0;
	size_t left = 0;
	int at, next, err;

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
			err = follow(at, name, text);
			if (err < 0)
				goto err_close;
			/* Somebody else's, and so is what it is in; path and place part here. */
			*created = 0;
			if (err == 0)
				continue;
			next = open("/", STEP);
		}
		if (next < 0) {
			err = -errno;
			/* What a dangling link points to is not made. */
			if (err == -ENOENT && by_host && (flags & PATH_CREATE)) {
				next = make(at, name, created);
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
	}

err_close:
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

int path_open_directory(const char *path, unsigned int flags, unsigned int *created)
{
	int at = -1, dir, err;

	*created = 0;
	if (name_check_directory(path))
		return -EILSEQ;

	if (!(flags & PATH_WALK))
		at = open_without_links(path);
	/* A link, something missing, no openat2: the walk knows, and says what is wrong. */
	if (at < 0)
		at = walk(path, flags, created);
	if (at < 0)
		return at;

	err = check_place(at);
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
		    !same_file(&st, &entry) || unlinkat(parent, name, AT_REMOVEDIR) < 0)
			created = 0;
		if (at != dir)
			close(at);
		at = parent;
	}
	if (at != dir)
		close(at);
}
