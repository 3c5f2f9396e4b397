// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replace udev/kernel.c and udev/log.c in vmbus-bind. Each write and each
 * modprobe calls the tree's model of the kernel, ROOT/kernel/model, whose exit
 * status is the errno. Messages for the system log go to standard error, with a
 * word before them.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../util/vmbus.h"

#include "../../udev/kernel.h"
#include "../../udev/log.h"

/*
 * An exit status has eight bits, which are too few for the kernel's ENOTSUPP.
 */
#define STATUS_ENOTSUPP	 254
#define STATUS_UNCHANGED 253

static int call(const char *what, const char *path, const char *value)
{
	char model[PATH_MAX];
	int status;
	pid_t pid;

	if (snprintf(model, sizeof(model), "%s/kernel/model", sysroot()) >= (int)sizeof(model))
		return -ENAMETOOLONG;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execl(model, model, what, path, value, (char *)NULL);
		perror(model);
		_exit(255);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 255) {
		fprintf(stderr, "the model of the kernel failed: %s %s\n", what, path);
		abort();
	}
	return WEXITSTATUS(status) == STATUS_ENOTSUPP ? -524 : -WEXITSTATUS(status);
}

int kernel_write(const char *value, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int ret;

	va_start(args, format);
	ret = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (ret >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return call("write", path + strlen(sysroot()), value);
}

int kernel_load(const char *name)
{
	return call("load", name, "");
}

int kernel_set_interface(const char *name, bool up)
{
	int ret = call("interface", name, up ? "up" : "down");

	return ret == -STATUS_UNCHANGED ? 1 : ret;
}

int kernel_set_access(const char *path, uid_t owner, gid_t group, int mode)
{
	char text[64], octal[16] = "-1";

	if (mode >= 0)
		snprintf(octal, sizeof(octal), "%o", (unsigned int)mode);
	snprintf(text, sizeof(text), "%d %d %s", (int)owner, (int)group, octal);
	return call("access", path + strlen(sysroot()), text);
}

bool log_to_syslog;
const char *log_name = "vmbus-bind";

void msg(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", log_to_syslog ? "syslog" : log_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
