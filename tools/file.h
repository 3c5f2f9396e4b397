/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of the machine, below vmbus_sysroot(). */
#ifndef HVUIO_FILE_H
#define HVUIO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"

/* Return the path of a file below vmbus_sysroot(); the caller frees it. */
char *file_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool file_exists(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Return the whole file with a NUL behind it, or NULL with errno set. size may
 * be NULL. A file of more than 16 MiB fails with EFBIG.
 */
char *file_read(size_t *size, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Return the first line without its newline, or NULL with errno set. */
char *file_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Read the first line as a decimal number. Return false if there is none. */
bool file_number(uint64_t *value, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Return the last part of what a link points to, or NULL. */
char *file_link(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * List the names in a folder, sorted, without those that start with a dot.
 * Empty if it has none.
 */
struct strings file_names(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Return how many seconds after the epoch the file was last changed; 0 if it is
 * not there.
 */
int64_t file_changed(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
