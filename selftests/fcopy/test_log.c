// SPDX-License-Identifier: GPL-2.0-only
/* In place of the daemon's log.c where a test makes thousands of lines: FCOPY_TEST_LOG=1 shows them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../daemons/fcopy/log.h"

static void show(const char *format, va_list args)
{
	if (!getenv("FCOPY_TEST_LOG"))
		return;
	printf("# ");
	vprintf(format, args);
	printf("\n");
}

void log_line(int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	show(format, args);
	va_end(args);
}

void log_limited(struct log_limit *limit, int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	show(format, args);
	va_end(args);
}
