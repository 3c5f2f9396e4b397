/* SPDX-License-Identifier: GPL-2.0-only */
/* Read and create files of the machine, below sysroot(). */
#ifndef HVUIO_FILE_H
#define HVUIO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "memory.h"

/* Return the path of a file below sysroot(); the caller frees it. */
char *file_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool file_exists(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Return the content of a file and a terminating NUL, or NULL with errno set.
 * @size may be NULL. A file of more than 16 MiB fails with EFBIG.
 */
char *file_read(size_t *size, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Return the first line without its newline, or NULL with errno set. */
char *file_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Return the last component of the target of a link, or NULL. */
char *file_link(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * List the names in a directory, sorted, without those that begin with a dot.
 * The list is empty if the directory cannot be read.
 */
struct strings file_names(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Replace a file, whose path has sysroot() before it, by one with @text. The
 * file always has its former or its new content. Create its directories, if
 * they are missing. Return 0 or -errno.
 */
int file_replace(const char *path, const char *text);

/*
 * Create the directories of @path, a path below sysroot(). The last one
 * gets @mode, and the others 0755. Return 0 or -errno.
 */
int make_folders(const char *path, mode_t mode);

#endif
