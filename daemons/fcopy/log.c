// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

enum { TO_STDERR, TO_JOURNAL, TO_SYSLOG };

static int target = TO_STDERR;
static int threshold = LOG_INFO;

/* JOURNAL_STREAM is inherited: it counts only when standard error is still that stream. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(bool to_syslog, bool verbose)
{
	threshold = verbose ? LOG_DEBUG : LOG_INFO;
	if (to_syslog) {
		openlog("hv-fcopyd", LOG_PID, LOG_DAEMON);
		target = TO_SYSLOG;
	} else {
		target = stderr_is_journal() ? TO_JOURNAL : TO_STDERR;
	}
}

static void write_line(int level, const char *format, va_list args)
{
	char line[2560];

	if (level > threshold)
		return;
	vsnprintf(line, sizeof(line), format, args);
	switch (target) {
	case TO_SYSLOG:
		syslog(level, "%s", line);
		break;
	case TO_JOURNAL:
		fprintf(stderr, "<%d>%s\n", level, line);
		break;
	default:
		fprintf(stderr, "hv-fcopyd: %s\n", line);
	}
}

void log_line(int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
}

void log_limited(struct log_limit *limit, int level, const char *format, ...)
{
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (limit->lines == 0 || now.tv_sec - limit->since >= LOG_INTERVAL) {
		if (limit->dropped)
			log_line(level, "%u more lines like the next were left out", limit->dropped);
		*limit = (struct log_limit){ .since = now.tv_sec };
	}
	if (limit->lines >= LOG_BURST) {
		limit->dropped++;
		return;
	}
	limit->lines++;

	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
}
