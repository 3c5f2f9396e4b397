/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_LOG_H
#define FCOPY_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>
#include <time.h>

/*
 * Lines for people: LOG_ERR the daemon cannot go on, LOG_WARNING the host or the machine is odd,
 * LOG_NOTICE a copy was refused or lost, LOG_INFO a copy began or ended, LOG_DEBUG every message.
 */

/**
 * log_open() - where lines go from now on
 * @to_syslog: to syslog(3); else to standard error, with a level prefix (sd-daemon(3)) when that is
 *	the journal
 * @verbose: LOG_DEBUG lines too
 */
void log_open(bool to_syslog, bool verbose);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What became of a copy */
enum log_event { LOG_STARTED, LOG_RECEIVED, LOG_REFUSED, LOG_LOST };

/** What the journal gets besides the line, in fields that hv-fcopyd(8) lists */
struct log_copy {
	enum log_event event;
	const char *directory;	/* the line begins with these two; NULL: not known */
	const char *name;
	uint64_t size;		/* declared, bytes */
	uint64_t received;	/* bytes */
	uint64_t usec;		/* since START */
	int error;		/* 0 or -errno, as the host is told */
};

void log_copy(int level, const struct log_copy *copy, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** At most LOG_BURST lines of a kind in LOG_INTERVAL seconds: what the host can provoke without end */
struct log_limit {
	time_t since;
	unsigned int lines;
	unsigned int dropped;
};

#define LOG_BURST	10
#define LOG_INTERVAL	10

/** log_allowed() - whether there may be another line, else it is counted; the count is told with the next one */
bool log_allowed(struct log_limit *limit, int level);

/** log_limited() - log_line(), if log_allowed() */
void log_limited(struct log_limit *limit, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
