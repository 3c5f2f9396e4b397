// SPDX-License-Identifier: GPL-2.0-only
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmbus_bufring.h>

int kernel_write(const char *value, const char *format, ...)
{
	char path[PATH_MAX];
	size_t len = strlen(value);
	va_list args;
	ssize_t n;
	int fd, ret;

	va_start(args, format);
	ret = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (ret >= (int)sizeof(path))
		return -ENAMETOOLONG;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	ret = n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
	close(fd);
	return ret;
}

int kernel_load(const char *name)
{
	/* posix_spawn() takes no const, and writes nothing. */
	const char *argv[] = { "modprobe", "-q", "--", name, NULL };
	const char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int ret, status;
	pid_t pid;

	if (vmbus_sysroot()[0])
		return -EXDEV;
	ret = posix_spawn(&pid, "/sbin/modprobe", NULL, NULL, (char **)argv, (char **)env);
	if (ret)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}
