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
 * The log is for people. LOG_ERR: the daemon cannot go on. LOG_WARNING:
 * something is wrong with the host or the machine. LOG_NOTICE: a copy was
 * refused or lost. LOG_INFO: a copy began or ended. LOG_DEBUG: every message of
 * the host.
 *
 * Characters that could deceive a reader (controls, U+202E and others that
 * change the direction, U+2028 and other line ends, bytes that are no UTF-8)
 * appear escaped: log_escape().
 */

/**
 * log_open() - choose where lines go from now on
 * @to_syslog: write to syslog(3); else to standard error, with the prefixes of
 *	sd-daemon(3) when that is the journal
 * @verbose: write LOG_DEBUG lines, too
 */
void log_open(bool to_syslog, bool verbose);

/** log_verbose() - whether LOG_DEBUG lines are written */
bool log_verbose(void);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What became of a copy */
enum log_event { LOG_STARTED, LOG_RECEIVED, LOG_REFUSED, LOG_LOST };

/**
 * The fields that the journal gets besides the line; hv-fcopyd(8) lists them
 */
struct log_copy {
	enum log_event event;
	const char *file;	/* path of the target, the line begins with it; NULL: unknown */
	uint64_t size;		/* announced, bytes */
	uint64_t received;	/* bytes */
	uint64_t usec;		/* since START */
	const struct failure *failure;	/* why; NULL: success */
};

/**
 * log_copy() - log one line about a copy, "FILE: TEXT"
 *
 * It logs at most LOG_COPY_BURST lines of each event in LOG_INTERVAL seconds. A
 * line before the next one of that event, or log_tick(), says how many it left
 * out.
 */
void log_copy(int level, const struct log_copy *copy, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Limits one kind of line that the host can provoke without end to LOG_BURST
 * lines in LOG_INTERVAL seconds.
 */
struct log_limit {
	time_t since;
	unsigned int lines;
	unsigned int dropped;
};

#define LOG_BURST	10
#define LOG_COPY_BURST	50
#define LOG_INTERVAL	10

/**
 * log_limited() - log_line(), unless the limit is reached
 * @limit: one for each kind of line; NULL is a programming error
 *
 * A line before the next one of the kind says how many it left out.
 */
void log_limited(struct log_limit *limit, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * log_tick() - say how many lines about copies log_copy() left out
 *
 * Call it from time to time. It does something only when LOG_INTERVAL seconds
 * are over and no line has said so before.
 */
void log_tick(void);

/**
 * log_escape() - copy @text, with escapes for what could deceive a reader
 *
 * \xHH stands for a control character of ASCII or a byte that is no UTF-8,
 * \u{H...} for any other character, and \\ for a backslash, so that no text
 * looks like the escape of another one. Cuts the result to @size, between
 * characters.
 */
void log_escape(char *escaped, size_t size, const char *text);

#endif
