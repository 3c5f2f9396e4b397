/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_STATUS_H
#define FCOPY_STATUS_H

#include <stdio.h>

#include "silence.h"
#include "transfer.h"

/*
 * The progress of a copy and the last failure: for `systemctl status`, and in a
 * file of the run directory for `hv-fcopyd --status`. The daemon replaces the
 * file as a whole, so a reader sees one moment. The file names the process and
 * when that began, so that a file that a killed daemon left does not pass for
 * news. Only root can read it: it contains the names of files.
 *
 * The file has lines KEY=VALUE, which hv-fcopyd(8) lists. Values that the host
 * chose went through log_escape(), so every value is one line.
 */

/** What the daemon is doing */
struct status {
	const struct transfer_view *view;
	const struct silence *host;
	const char *slow;		/* what a disk takes its time for; NULL: nothing */
	unsigned int slow_seconds;
};

/**
 * status_open() - make @run_dir if missing; without it only the service manager
 * learns
 */
void status_open(const char *run_dir, const char *device);

/**
 * status_update() - tell what has changed, at most once a second
 *
 * The host can provoke refusals as fast as it likes, so the limit also
 * holds while no copy is active.
 *
 * Returns whether it has more to tell: then call it again in a second.
 */
bool status_update(const struct status *status);

/** status_close() - the daemon ends */
void status_close(void);

/**
 * status_print() - print the file of the daemon that runs
 *
 * Returns 0 or -errno: -ESRCH if no daemon runs, -EACCES if the caller is not
 * root, -EBADMSG if the file is not a status file.
 */
int status_print(const char *run_dir, FILE *to);

/** The exit code of init scripts for a service that does not run */
#define STATUS_NOT_RUNNING 3

/**
 * status_report() - do `hv-fcopyd --status`, with a message if it fails;
 * returns an exit code
 */
int status_report(const char *run_dir);

#endif
