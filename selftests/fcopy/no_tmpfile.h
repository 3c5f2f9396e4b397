/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replace libc's openat() by that of a file system that may have no files
 * without names (O_TMPFILE).
 */
#ifndef FCOPY_NO_TMPFILE_H
#define FCOPY_NO_TMPFILE_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * has_no_tmpfile() - returns whether O_TMPFILE must fail now; the test that
 * includes this file defines it
 */
static bool has_no_tmpfile(void);

int openat(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(args, flags);
		mode = va_arg(args, unsigned int);
		va_end(args);
	}
	if ((flags & O_TMPFILE) == O_TMPFILE && has_no_tmpfile()) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return syscall(SYS_openat, dir, name, flags, mode);
}

#endif
