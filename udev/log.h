/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_LOG_H
#define HVUIO_LOG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * udev shows what a RUN program prints only when it debugs: --udev goes past
 * it.
 */
extern bool log_to_syslog;

/*
 * The program's name, before each line on standard error; "vmbus-bind" unless
 * it says otherwise.
 */
extern const char *log_name;

/* One line, at a syslog priority; LOG_DEBUG is dropped. */
void msg(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
