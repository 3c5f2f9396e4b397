/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_LOG_H
#define FCOPY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>
#include <time.h>

#include "refusal.h"

/*
 * Lines for people. LOG_ERR: the daemon cannot go on. LOG_WARNING: something is
 * wrong with the host or the machine. LOG_NOTICE: a copy was refused or lost.
 * LOG_INFO: a copy began or ended. LOG_DEBUG: every message of the host.
 *
 * Characters that could deceive a reader (controls, U+202E and others that
 * change the direction, U+2028 and other line ends, bytes that are no UTF-8)
 * appear escaped: log_escape().
 */

/**
 * log_open() - choose where lines go from now on
 * @to_syslog: to syslog(3); else to standard error, with the prefixes of
 *	sd-daemon(3) when that is the journal
 * @verbose: LOG_DEBUG lines, too
 */
void log_open(bool to_syslog, bool verbose);

/** log_verbose() - whether LOG_DEBUG lines are written */
bool log_verbose(void);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What became of a copy */
enum log_event { LOG_STARTED, LOG_RECEIVED, LOG_REFUSED, LOG_LOST };

/** What the journal gets besides the line, in fields that hv-fcopyd(8) lists */
struct log_copy {
	enum log_event event;
	const char *file;	/* the path of the target; the line begins with it. NULL: not known */
	uint64_t size;		/* announced, bytes */
	uint64_t received;	/* bytes */
	uint64_t usec;		/* since START */
	const struct failure *failure;	/* why, as the host is told; NULL: success */
};

/** log_copy() - one line about a copy; at most LOG_COPY_BURST lines of an event in LOG_INTERVAL seconds */
void log_copy(int level, const struct log_copy *copy, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** At most LOG_BURST lines of a kind in LOG_INTERVAL seconds: what the host can provoke without end */
struct log_limit {
	time_t since;
	unsigned int lines;
	unsigned int dropped;
};

#define LOG_BURST	10
#define LOG_COPY_BURST	50
#define LOG_INTERVAL	10

/** log_limited() - log_line(), unless the limit is reached; the next line of the kind tells how many were left out */
void log_limited(struct log_limit *limit, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** log_tick() - tell about lines of copies that were left out LOG_INTERVAL seconds ago; call it now and then */
void log_tick(void);

/**
 * log_escape() - copy @text, with \xHH and \u{H...} for what could deceive a reader
 *
 * Cuts the result to @size, between characters.
 */
void log_escape(char *escaped, size_t size, const char *text);

#endif
