/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_STATUS_H
#define FCOPY_STATUS_H

#include <stdio.h>

#include "silence.h"
#include "transfer.h"

/*
 * These functions publish the progress of a copy and the last failure. They
 * send a line to the service manager, for `systemctl status`, and write a file
 * in the run directory, for `hv-fcopyd --status`.
 *
 * The daemon replaces the file as a whole, so a reader sees the values of one
 * moment. The file contains the process id of the daemon and the time when the
 * process began, so a reader can recognize the file of a killed daemon. Only
 * root can read the file, because it contains the names of files.
 *
 * The file has lines KEY=VALUE, which hv-fcopyd(8) lists. log_escape() has
 * escaped the values that the host chose, so every value is one line.
 */

/** What the daemon is doing */
struct status {
	const struct transfer_view *view;
	const struct silence *host;
	const char *slow; /* the result of session_slow() */
	unsigned int slow_seconds;
};

/**
 * status_open() - open @run_dir, and create it if missing
 *
 * If that fails, the functions inform only the service manager.
 */
void status_open(const char *run_dir, const char *device);

/**
 * status_update() - publish the status if it has changed, at most once a second
 *
 * The limit also holds while no copy is active, because the host can provoke
 * refusals without end.
 *
 * Returns whether a change is still unpublished. The caller then calls it again
 * after a second.
 */
bool status_update(const struct status *status);

/** status_close() - remove the file when the daemon ends */
void status_close(void);

/**
 * status_print() - print the file of the running daemon
 *
 * Returns 0 or -errno: -ESRCH if no daemon runs, -EACCES if the caller is not
 * root, -EBADMSG if the file is not a status file.
 */
int status_print(const char *run_dir, FILE *to);

/** The exit code of init scripts for a service that is not running */
#define STATUS_NOT_RUNNING 3

/**
 * status_report() - print the status for `hv-fcopyd --status`, or a message if
 * that fails; return an exit code
 */
int status_report(const char *run_dir);

#endif
