// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus.h"

#define FILE_MAX (16u << 20)

static char *path_of(const char *format, va_list args)
{
	char *below, *path;

	if (vasprintf(&below, format, args) < 0)
		below = NULL;
	path = need_printf("%s%s", sysroot(), (char *)need(below));
	free(below);
	return path;
}

/* Set @path from the format and the arguments of a function. */
#define PATH_OF_ARGUMENTS(path, format)          \
	do {                                     \
		va_list args_;                   \
                                                 \
		va_start(args_, format);         \
		(path) = path_of(format, args_); \
		va_end(args_);                   \
	} while (0)

char *file_path(const char *format, ...)
{
	char *path;

	PATH_OF_ARGUMENTS(path, format);
	return path;
}

bool file_exists(const char *format, ...)
{
	struct stat st;
	bool there;
	char *path;

	PATH_OF_ARGUMENTS(path, format);
	there = !stat(path, &st);
	free(path);
	return there;
}

static char *read_path(const char *path, size_t *size)
{
	size_t used = 0, room = 4096;
	char *text = NULL;
	ssize_t n = 1;
	int fd, err;

	/* A pipe in place of a file must not block the program. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	while (n > 0) {
		if (used > FILE_MAX) {
			errno = EFBIG;
			n = -1;
			break;
		}
		room *= 2;
		text = need(realloc(text, room + 1));
		while (used < room && (n = read(fd, text + used, room - used)) > 0)
			used += n;
	}
	err = errno;
	close(fd);
	if (n < 0) {
		free(text);
		errno = err;
		return NULL;
	}
	text[used] = '\0';
	if (size)
		*size = used;
	return text;
}

char *file_read(size_t *size, const char *format, ...)
{
	char *path, *text;
	int err;

	PATH_OF_ARGUMENTS(path, format);
	text = read_path(path, size);
	err = errno;
	free(path);
	errno = err;
	return text;
}

char *file_line(const char *format, ...)
{
	char *path, *text;

	PATH_OF_ARGUMENTS(path, format);
	text = read_path(path, NULL);
	free(path);
	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

char *file_link(const char *format, ...)
{
	char target[PATH_MAX], *path, *slash;
	ssize_t n;

	PATH_OF_ARGUMENTS(path, format);
	n = readlink(path, target, sizeof(target) - 1);
	free(path);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return need_strdup(slash ? slash + 1 : target);
}

struct strings file_names(const char *format, ...)
{
	struct strings names = { 0 };
	struct dirent *entry;
	char *path;
	DIR *dir;

	PATH_OF_ARGUMENTS(path, format);
	dir = opendir(path);
	free(path);
	if (!dir)
		return names;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			strings_take(&names, need_strdup(entry->d_name));
	closedir(dir);
	strings_sort(&names);
	return names;
}

int make_folders(const char *path, mode_t mode)
{
	char *folder = need_strdup(path), *slash, *next;
	int ret = 0;

	slash = strchr(folder + strlen(sysroot()) + 1, '/');
	for (; !ret && slash; slash = next) {
		next = strchr(slash + 1, '/');
		*slash = '\0';
		if (mkdir(folder, next ? 0755 : mode) && errno != EEXIST)
			ret = -errno;
		*slash = '/';
	}
	free(folder);
	return ret;
}

int file_replace(const char *path, const char *text)
{
	char *temporary = need_printf("%s.new", path);
	int err = make_folders(path, 0755);
	FILE *file = err ? NULL : fopen(temporary, "we");

	if (!err && !file)
		err = -errno;
	if (file && (fputs(text, file) < 0 || fflush(file) || fchmod(fileno(file), 0644) ||
		     fsync(fileno(file))))
		err = -errno;
	if (file && fclose(file) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	free(temporary);
	return err;
}
