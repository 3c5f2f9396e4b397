// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leftover.h"
#include "log.h"
#include "path.h"

int leftover_open(const char *state_dir)
{
	int dir, err;

	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(dir);
		return err;
	}
	return dir;
}

int leftover_name(char name[LEFTOVER_NAME_SIZE])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(name, LEFTOVER_NAME_SIZE, LEFTOVER_PREFIX "%016" PRIx64, random);
	return 0;
}

int leftover_note(int state, int dir, const char *directory, unsigned int made, const char *name)
{
	char text[PATH_MAX], number[16] = "";
	struct stat st;

	if (state < 0)
		return 0;
	if (fstat(dir, &st) < 0)
		return -errno;
	if (made)
		snprintf(number, sizeof(number), "%u:", made);
	if (snprintf(text, sizeof(text), "%" PRIxMAX ":%" PRIxMAX ":%s%s", (uintmax_t)st.st_dev,
		     (uintmax_t)st.st_ino, number, directory) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	if (symlinkat(text, state, name) < 0)
		return -errno;
	return path_sync_directory(state);
}

void leftover_forget(int state, const char *name)
{
	if (state >= 0)
		unlinkat(state, name, 0);
}

/* Whether the directory that is open as @dir is the one with these numbers */
static bool is_noted(int dir, uintmax_t dev, uintmax_t ino)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/*
 * Removes @name where its note says that it is, or the directories that it notes; nothing if it is a
 * note of the other kind. Returns 1 when the note has to stay, 0 or -errno.
 */
static int remove_noted(int state, const char *name, bool directories, char text[PATH_MAX])
{
	static const struct policy any = POLICY_DEFAULTS;
	unsigned int created, made = 0;
	int dir, at = 0, after, err;
	const char *directory;
	uintmax_t dev, ino;
	struct stat st;
	ssize_t n;

	n = readlinkat(state, name, text, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (sscanf(text, "%" SCNxMAX ":%" SCNxMAX ":%n", &dev, &ino, &at) != 2 || !at) {
		log_line(LOG_WARNING, "the note of %s is none: %s", name, text);
		return 0;
	}
	/* A directory is absolute, or "". */
	after = 0;
	if (sscanf(text + at, "%u:%n", &made, &after) == 1 && after)
		at += after;
	else
		made = 0;
	if (directories != !!made)
		return 1;
	directory = text + at;

	dir = path_open_directory(*directory ? directory : "/", 0, &any, &created);
	if (dir < 0)
		return dir == -ENOENT || dir == -ENOTDIR ? 1 : dir;
	if (made) {
		err = !is_noted(dir, dev, ino);
		if (!err) {
			path_remove_created(directory, dir, made);
			if (fstat(dir, &st) == 0 && st.st_nlink == 0)
				log_line(LOG_NOTICE, "removed %s, which a copy made and left empty when it "
					 "was interrupted", directory);
		}
		close(dir);
		return err;
	}
	/* Only files are made with such a name: the rest is none of ours. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		err = errno == ENOENT ? 0 : -errno;
		/* Gone, or what is there is the place that its file system will be mounted on. */
		if (!err && !is_noted(dir, dev, ino))
			err = 1;
	} else if (S_ISREG(st.st_mode)) {
		err = unlinkat(dir, name, 0) < 0 ? -errno : path_sync_directory(dir);
		if (!err)
			log_line(LOG_NOTICE, "removed %s/%s, which a copy left when it was interrupted",
				 directory, name);
	} else {
		err = 0;
	}
	close(dir);
	return err;
}

static bool is_temporary(const char *name)
{
	size_t prefix = strlen(LEFTOVER_PREFIX);

	return strlen(name) == LEFTOVER_NAME_SIZE - 1 && !strncmp(name, LEFTOVER_PREFIX, prefix) &&
	       strspn(name + prefix, "0123456789abcdef") == 16;
}

static int remove_kind(int state, bool directories)
{
	struct dirent *entry;
	int fd, err, result = 0;
	char text[PATH_MAX];
	DIR *notes;

	fd = openat(state, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	notes = fd < 0 ? NULL : fdopendir(fd);
	if (!notes) {
		result = -errno;
		log_line(LOG_WARNING, "cannot read the state directory: %s", strerror(-result));
		if (fd >= 0)
			close(fd);
		return result;
	}
	while ((entry = readdir(notes))) {
		/* Nothing but our own kind of file is removed, whatever is in there. */
		if (!is_temporary(entry->d_name))
			continue;
		text[0] = '\0';
		err = remove_noted(state, entry->d_name, directories, text);
		if (err < 0) {
			log_line(LOG_WARNING, "cannot remove %s, which an interrupted copy left (%s): %s",
				 entry->d_name, text, strerror(-err));
			result = err;
		} else if (err == 0) {
			leftover_forget(state, entry->d_name);
		}
	}
	closedir(notes);
	return result;
}

int leftover_remove(int state)
{
	int err, second;

	if (state < 0)
		return 0;
	/* Files first: a directory has to be empty. */
	err = remove_kind(state, false);
	second = remove_kind(state, true);
	return err ? err : second;
}
