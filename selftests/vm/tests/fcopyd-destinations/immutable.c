// SPDX-License-Identifier: GPL-2.0-only
/*
 * immutable on|off FILE...: do the same as chattr +i and -i, which busybox
 * lacks
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int set(const char *path, int on)
{
	int flags, ret = -1, fd = open(path, O_RDONLY);

	if (fd >= 0 && !ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
		flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
		ret = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	if (ret)
		perror(path);
	if (fd >= 0)
		close(fd);
	return ret;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 3)
		return 2;
	for (int i = 2; i < argc; i++)
		failed |= set(argv[i], !strcmp(argv[1], "on"));
	return failed ? 1 : 0;
}
