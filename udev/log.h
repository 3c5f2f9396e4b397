/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_LOG_H
#define HVUIO_LOG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * Send messages to the system log instead of standard error. --udev sets this,
 * because udev shows the output of a RUN program only if it logs at debug
 * level.
 */
extern bool log_to_syslog;

/* The name of the program, which precedes each line on standard error */
extern const char *log_name;

/* Write one line with a syslog priority. */
void msg(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
