// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replace the daemon's log.c in tests that make thousands of lines: `logged`
 * holds the first ones of a test.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "test_log.h"

char logged[65536];
struct log_copy last_copy;
struct failure last_failure;
unsigned int logged_events[LOG_LOST + 1], logged_errors;

static void show(const char *format, va_list args)
{
	char line[4096];
	size_t n;

	vsnprintf(line, sizeof(line), format, args);
	n = strlen(logged);
	if (n + strlen(line) + 2 <= sizeof(logged))
		sprintf(logged + n, "%s\n", line);
}

void log_line(int level, const char *format, ...)
{
	va_list args;

	logged_errors += level <= LOG_ERR;
	va_start(args, format);
	show(format, args);
	va_end(args);
}

void log_copy(int level, const struct log_copy *copy, const char *format, ...)
{
	va_list args;

	last_copy = *copy;
	logged_errors += level <= LOG_ERR;
	logged_events[copy->event]++;
	last_failure = copy->failure ? *copy->failure : (struct failure){ 0 };
	if (copy->failure)
		last_copy.failure = &last_failure;
	va_start(args, format);
	show(format, args);
	va_end(args);
}

bool log_verbose(void)
{
	return true;
}

bool log_tick(void)
{
	return false;
}
