/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replace worker.c by a worker that is no process: it does its job inside
 * worker_start() and worker_order(), so a test can look at it and disturb it.
 */
#ifndef FCOPY_INLINE_WORKER_H
#define FCOPY_INLINE_WORKER_H

#include "../../daemons/fcopy/worker.h"

/* The copy of the worker */
extern struct transfer inline_transfer;

/* The journal of the worker, or -1 */
extern int inline_journal;

/* Whether worker_clean() has a worker, for which a START waits */
extern bool inline_cleaning;

#endif
