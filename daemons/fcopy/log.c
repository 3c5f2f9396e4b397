// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"
#include "status.h"

#if HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

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

#define LINE 2560
#define FIELD 1800	/* two names of NAME_BYTES, and some */

/* With fields of its own; false: it goes the way of every other line */
static bool to_journal(int level, const char *line, const struct log_copy *copy)
{
#if HAVE_SYSTEMD
	static const char *const ids[] = {
		[LOG_STARTED] = "MESSAGE_ID=9f18bc4133394017b7d003115907b3f9",
		[LOG_RECEIVED] = "MESSAGE_ID=514060e9eb214cb38eeab3890691580f",
		[LOG_REFUSED] = "MESSAGE_ID=221034aa7ac146e49c9ca873e6722e22",
		[LOG_LOST] = "MESSAGE_ID=0211011ee838428d8266a96bcc7ac3c2",
	};
	static const char *const events[] = {
		[LOG_STARTED] = "FCOPY_EVENT=started",
		[LOG_RECEIVED] = "FCOPY_EVENT=received",
		[LOG_REFUSED] = "FCOPY_EVENT=refused",
		[LOG_LOST] = "FCOPY_EVENT=lost",
	};
	char message[LINE + 8], fields[7][32], file[FIELD];
	struct iovec iov[12];
	int n = 0;

#define add(string) (iov[n++] = (struct iovec){ .iov_base = (char *)(string), .iov_len = strlen(string) })
#define add_number(i, ...) (snprintf(fields[i], sizeof(fields[i]), __VA_ARGS__), add(fields[i]))
	snprintf(message, sizeof(message), "MESSAGE=%s", line);
	add(message);
	add_number(0, "PRIORITY=%d", level);
	add("SYSLOG_IDENTIFIER=hv-fcopyd");
	add(ids[copy->event]);
	add(events[copy->event]);
	if (copy->name) {
		snprintf(file, sizeof(file), "FCOPY_FILE=%s/%s", copy->directory, copy->name);
		add(file);
		add_number(1, "FCOPY_SIZE=%" PRIu64, copy->size);
		add_number(2, "FCOPY_RECEIVED=%" PRIu64, copy->received);
		add_number(3, "FCOPY_USEC=%" PRIu64, copy->usec);
	}
	if (copy->event != LOG_STARTED) {
		add_number(4, "FCOPY_STATUS=0x%08" PRIx32, status_from_errno(copy->error));
		add_number(5, "ERRNO=%d", -copy->error);
	}
	return sd_journal_sendv(iov, n) >= 0;
#else
	return false;
#endif
}

static void write_line(int level, const char *line, const struct log_copy *copy)
{
	if (level > threshold)
		return;
	switch (target) {
	case TO_SYSLOG:
		syslog(level, "%s", line);
		break;
	case TO_JOURNAL:
		if (copy && to_journal(level, line, copy))
			break;
		fprintf(stderr, "<%d>%s\n", level, line);
		break;
	default:
		fprintf(stderr, "hv-fcopyd: %s\n", line);
	}
}

void log_line(int level, const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	write_line(level, line, NULL);
}

void log_copy(int level, const struct log_copy *copy, const char *format, ...)
{
	char line[LINE];
	va_list args;
	int n = 0;

	if (copy->name)
		n = snprintf(line, sizeof(line), "%s/%s: ", copy->directory, copy->name);
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - n, format, args);
	va_end(args);
	write_line(level, line, copy);
}

bool log_allowed(struct log_limit *limit, int level)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (limit->lines == 0 || now.tv_sec - limit->since >= LOG_INTERVAL) {
		if (limit->dropped)
			log_line(level, "%u more lines like the next were left out", limit->dropped);
		*limit = (struct log_limit){ .since = now.tv_sec };
	}
	if (limit->lines >= LOG_BURST) {
		limit->dropped++;
		return false;
	}
	limit->lines++;
	return true;
}

void log_limited(struct log_limit *limit, int level, const char *format, ...)
{
	char line[LINE];
	va_list args;

	if (!log_allowed(limit, level))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	write_line(level, line, NULL);
}
