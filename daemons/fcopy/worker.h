/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_WORKER_H
#define FCOPY_WORKER_H

#include <sys/types.h>

#include "job.h"

/*
 * A worker is a process that does the job of one copy (job.h). The daemon forks
 * it for each START, so it has the policy of that moment. The daemon itself
 * touches no file that the host names, and never waits for a worker: a worker
 * may hang in the kernel for as long as its disk does not answer, and even a
 * SIGKILL may not end it. Copies to other disks have other workers, and the
 * daemon starts none for a directory that one of them waits for.
 *
 * Orders and reports go through a pair of sockets, and data through shared
 * memory in two halves: the daemon fills one while the worker writes the other
 * to the file. The daemon sends an order only when a half is full, so a packet
 * costs it no system call. If both halves are full, the daemon has to wait.
 *
 * When a worker has ended the daemon's end of the socket shows it, and so does
 * SIGCHLD. A worker that sees the end of the daemon discards its file.
 */

/** The size of a half */
#define WORKER_HALF (256u << 10)

/** At most this many workers may hang at a time */
#define WORKERS_MAX 8

struct worker {
	pid_t pid; /* 0: there is none */
	int fd;	   /* readable when there is a report; -1 */
	unsigned int slot;
	unsigned int half; /* the half that the daemon fills */
	uint64_t offset;   /* the offset of its first byte in the file */
	size_t length;
};

/**
 * workers_init() - prepare the memory that the workers share with the daemon
 * @journal: from journal_open(), or -1
 * @leave: the function that a new worker calls first, to close what belongs to
 *	the daemon; may be NULL
 *
 * Returns 0 or -errno.
 */
int workers_init(int journal, void (*leave)(void));

/**
 * worker_start() - start a worker, which begins the copy and reports
 *
 * Returns 0; -EBUSY if WORKERS_MAX workers still hang; or an error of fork(2)
 * or socketpair(2).
 */
int worker_start(struct worker *worker, const struct start *start, const struct policy *policy);

/**
 * worker_write() - pass data for the file to the worker
 * @size: at most WORKER_HALF
 *
 * Returns false, without passing anything, if the worker is behind. It then
 * reports REPORT_ROOM.
 */
bool worker_write(struct worker *worker, uint64_t offset, const void *data, size_t size);

/** worker_order() - give the worker an order other than ORDER_WRITE */
void worker_order(struct worker *worker, enum order_kind kind);

/**
 * worker_receive() - take the next report; returns false if there is none
 *
 * If the worker has died, that is a REPORT_ENDED with REFUSAL_OTHER. After any
 * REPORT_ENDED there is no worker.
 */
bool worker_receive(struct worker *worker, struct report *report);

/**
 * worker_abandon() - wait for this worker no more
 *
 * It discards its file as soon as its disk answers, unless the daemon has
 * ordered ORDER_PLACE. A SIGKILL would end only some of these waits, and would
 * leave what the worker has not noted yet.
 */
void worker_abandon(struct worker *worker);

/**
 * worker_waits() - whether an abandoned worker still waits for the disk of a
 * directory at or above @path
 * @path: absolute, without dots, doubled slashes and a '/' at its end
 * @directory: this directory, as the worker's walk has found it
 *
 * A worker that follows a link waits for a directory with another path, so the
 * function does not know every such @path.
 */
bool worker_waits(const char *path, char directory[PATH_MAX]);

/**
 * worker_reap() - collect the workers that have ended; call this after SIGCHLD
 *
 * If a worker has left something, the function calls worker_clean().
 */
void worker_reap(void);

/**
 * worker_clean() - start a worker that removes what interrupted copies left,
 * unless there is nothing or one is running
 *
 * Returns worker_is_cleaning().
 */
bool worker_clean(void);

/**
 * worker_is_cleaning() - whether such a worker is running or about to start,
 * and nobody has called worker_leave_cleaner()
 */
bool worker_is_cleaning(void);

/** worker_leave_cleaner() - wait for this worker no more; its disk hangs */
void worker_leave_cleaner(void);

#endif
