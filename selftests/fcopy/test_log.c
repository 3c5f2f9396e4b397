// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replaces the daemon's log.c in tests that log thousands of lines. `logged`
 * keeps the first lines of a test; FCOPY_TEST_LOG=1 prints all of them.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../daemons/fcopy/name.h"
#include "test_log.h"

char logged[65536];
struct log_copy last_copy;

static void show(const char *format, va_list args)
{
	size_t n = strlen(logged);
	char line[4096];

	vsnprintf(line, sizeof(line), format, args);
	if (n + strlen(line) + 2 <= sizeof(logged))
		sprintf(logged + n, "%s\n", line);
	if (getenv("FCOPY_TEST_LOG"))
		printf("# %s\n", line);
}

void log_line(int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	show(format, args);
	va_end(args);
}

void log_copy(int level, const struct log_copy *copy, const char *format, ...)
{
	static char file[PATH_MAX + NAME_BYTES];
	static struct failure failure;
	va_list args;

	last_copy = *copy;
	if (copy->file) {
		snprintf(file, sizeof(file), "%s", copy->file);
		last_copy.file = file;
	}
	if (copy->failure) {
		failure = *copy->failure;
		last_copy.failure = &failure;
	}
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

void log_tick(void)
{
}

bool log_verbose(void)
{
	return true;
}

void log_escape(char *escaped, size_t size, const char *text)
{
	snprintf(escaped, size, "%s", text);
}
