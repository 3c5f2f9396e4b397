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
 * The log is for people. Its levels are:
 *   LOG_ERR	 the daemon cannot continue, or rejects its configuration
 *   LOG_WARNING something is wrong with the host or the machine
 *   LOG_NOTICE	 the daemon refused or lost a copy
 *   LOG_INFO	 a copy began or ended
 *   LOG_DEBUG	 every message of the host
 *
 * log_escape() escapes characters that could deceive a reader: controls, U+202E
 * and others that change the direction, U+2028 and other line ends, and bytes
 * that are not UTF-8.
 */

/**
 * log_open() - prepare standard error, which gets the prefixes of sd-daemon(3)
 * if it is the journal
 * @verbose: write LOG_DEBUG lines, too
 */
void log_open(bool verbose);

/** log_verbose() - whether the log contains LOG_DEBUG lines */
bool log_verbose(void);

/*
 * All lines of the daemon and of its workers share a budget, because the host
 * can provoke most of them without end: LOG_BUDGET bytes at once, and
 * LOG_REFILL bytes a second. A daemon begins with LOG_START bytes, because a
 * host that breaks its ring makes systemd start one every two seconds. A line
 * costs its text, its file and LOG_OVERHEAD. While the budget is empty, lines
 * are dropped until it has LOG_RESUME bytes, and the next line tells how many.
 * LOG_ERR and LOG_DEBUG are not limited.
 */
#define LOG_BUDGET   (512 << 10)
#define LOG_START    (32 << 10)
#define LOG_REFILL   256
#define LOG_RESUME   4096
#define LOG_OVERHEAD 256

/** log_line() - write one line, without its newline */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What became of a copy */
enum log_event { LOG_STARTED, LOG_RECEIVED, LOG_REFUSED, LOG_LOST };

/**
 * The fields that the journal gets besides the line; hv-fcopyd(8) lists them
 */
struct log_copy {
	enum log_event event;
	const char *file;  /* the path of the target, or NULL; the line begins with it */
	uint64_t size;	   /* the bytes that the host announced */
	uint64_t received; /* the bytes that have arrived */
	uint64_t usec;	   /* the time since START */
	const struct failure *failure; /* the reason, or NULL after a success */
};

/**
 * log_copy() - log one line about a copy, "FILE: TEXT"
 */
void log_copy(int level, const struct log_copy *copy, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * log_tick() - log how many lines were dropped, if the budget permits that
 *
 * Returns whether there are such lines; then the caller must call this from
 * time to time.
 */
bool log_tick(void);

/**
 * log_escape() - copy @text and escape what could deceive a reader
 *
 * \xHH stands for a control character of ASCII or a byte that is not UTF-8,
 * \u{H...} for any other character, and \\ for a backslash. So no text looks
 * like the escaped form of another one. The function cuts the result to @size,
 * between characters.
 */
void log_escape(char *escaped, size_t size, const char *text);

#endif
