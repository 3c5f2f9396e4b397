// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leftover.h"
#include "log.h"
#include "path.h"

#define NOTE "unfinished"

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

int leftover_note(int state, const char *directory, const char *name)
{
	char target[PATH_MAX];

	if (state < 0)
		return 0;
	if (snprintf(target, sizeof(target), "%s/%s", directory, name) >= (int)sizeof(target))
		return -ENAMETOOLONG;
	leftover_forget(state);
	if (symlinkat(target, state, NOTE) < 0)
		return -errno;
	return path_sync_directory(state);
}

void leftover_forget(int state)
{
	if (state >= 0)
		unlinkat(state, NOTE, 0);
}

int leftover_remove(int state)
{
	char target[PATH_MAX], *name;
	unsigned int created;
	int dir, err = 0;
	struct stat st;
	ssize_t n;

	if (state < 0)
		return 0;
	n = readlinkat(state, NOTE, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	target[n] = '\0';

	/* Nothing but our own kind of file is removed, whatever the note says. */
	name = strrchr(target, '/');
	if (!name || strncmp(name + 1, LEFTOVER_PREFIX, strlen(LEFTOVER_PREFIX)) ||
	    strlen(name + 1) != LEFTOVER_NAME_SIZE - 1) {
		log_line(LOG_WARNING, "the note of an unfinished copy names %s, which is no such file",
			 target);
		leftover_forget(state);
		return 0;
	}
	*name++ = '\0';

	dir = path_open_directory(*target ? target : "/", 0, &created);
	if (dir < 0) {
		/* Not mounted yet, maybe: the note stays for the next start. */
		err = dir == -ENOENT || dir == -ENOTDIR ? 0 : dir;
		goto out;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
		err = unlinkat(dir, name, 0) < 0 ? -errno : path_sync_directory(dir);
		if (!err)
			log_line(LOG_NOTICE, "removed %s/%s, which a copy left when it was interrupted",
				 target, name);
	}
	close(dir);
	if (!err)
		leftover_forget(state);
out:
	if (err)
		log_line(LOG_WARNING, "cannot remove %s/%s, which an interrupted copy left: %s",
			 target, name, strerror(-err));
	return err;
}
