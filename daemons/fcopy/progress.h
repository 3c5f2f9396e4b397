/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_PROGRESS_H
#define FCOPY_PROGRESS_H

#include <stdio.h>

#include "transfer.h"

/*
 * What a copy is at: for `systemctl status`, and in a file of the run directory for
 * `hv-fcopyd --status`. The file is replaced as a whole, so a reader sees one moment. It names the
 * process and when that began, so that what a daemon left that was killed is not taken for news.
 */

/** progress_open() - @run_dir is made if missing; without it there is only the service manager */
void progress_open(const char *run_dir, const char *device);

/**
 * progress_update() - tells what has changed; at most once a second while a copy goes on
 *
 * Returns whether it has more to tell, later.
 */
bool progress_update(const struct transfer *transfer);

/** progress_close() - the daemon ends */
void progress_close(void);

/**
 * progress_print() - the file of the daemon that runs
 *
 * Returns 0, or -ESRCH (none runs), or why it cannot be read.
 */
int progress_print(const char *run_dir, FILE *to);

#endif
