// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

bool log_to_syslog;
const char *log_name = "vmbus-bind";

void msg(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (log_to_syslog) {
		vsyslog(priority, format, args);
	} else {
		fprintf(stderr, "%s: ", log_name);
		vfprintf(stderr, format, args);
		fputc('\n', stderr);
	}
	va_end(args);
}
