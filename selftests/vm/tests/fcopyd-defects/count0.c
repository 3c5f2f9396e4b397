// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program preloads this. The count of interrupts that it reads from a UIO
 * device is then 0, as it is once in 2^32 interrupts.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No other read has four bytes. */
static ssize_t without_count(ssize_t got, void *data, size_t size)
{
	if (size == 4 && got == 4)
		memset(data, 0, 4);
	return got;
}

ssize_t read(int fd, void *data, size_t size)
{
	return without_count(syscall(SYS_read, fd, data, size), data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
	return without_count(syscall(SYS_pread64, fd, data, size, offset), data, size);
}
