// SPDX-License-Identifier: GPL-2.0-only
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmbus.h"

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
	/* posix_spawn() does not take const, but changes nothing. */
	const char *argv[] = { "modprobe", "-q", "--", name, NULL };
	const char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int ret, status;
	pid_t pid;

	if (sysroot()[0])
		return -EXDEV;
	ret = posix_spawn(&pid, "/sbin/modprobe", NULL, NULL, (char **)argv, (char **)env);
	if (ret)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}

int kernel_set_interface(const char *name, bool up)
{
	struct ifreq request = { 0 };
	int fd, ret = 0;

	if (sysroot()[0])
		return -EXDEV;
	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENODEV;
	strcpy(request.ifr_name, name);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFFLAGS, &request)) {
		ret = -errno;
	} else if (!(request.ifr_flags & IFF_UP) == !up) {
		ret = 1;
	} else {
		request.ifr_flags ^= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request))
			ret = -errno;
	}
	close(fd);
	return ret;
}

int kernel_set_access(const char *path, uid_t owner, gid_t group, int mode)
{
	struct stat st;

	/*
	 * Change the owner first: the former group must not get the mode that
	 * is meant for the new one.
	 */
	if (stat(path, &st))
		return -errno;
	if (((owner != (uid_t)-1 && owner != st.st_uid) ||
	     (group != (gid_t)-1 && group != st.st_gid)) &&
	    chown(path, owner, group))
		return -errno;
	if (mode >= 0 && (st.st_mode & 0777) != (mode_t)mode && chmod(path, mode))
		return -errno;
	return 0;
}
