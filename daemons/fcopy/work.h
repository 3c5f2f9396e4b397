/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_WORK_H
#define FCOPY_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 * A thread does work that may wait for a disk, one piece at a time, so that the
 * event loop can answer the host and signals meanwhile.
 *
 * The data that a piece of work uses belongs to the thread from work_begin()
 * until work_busy() returns false, and the loop does not touch it in between.
 * Nothing can interrupt a thread that waits for a disk. The process can end
 * meanwhile, but the kernel keeps it until the disk answers.
 */
struct work {
	int fd;	       /* an eventfd, readable when a piece of work has ended */
	bool threaded; /* there is a thread; else work_begin() does the work */
	atomic_bool busy;
	pthread_t thread;
	pthread_mutex_t lock; /* protects all members below */
	pthread_cond_t changed;
	void (*run)(void *context);
	void *context;
	bool ending;
};

/** work_init() - prepare @work, without a thread */
void work_init(struct work *work);

/**
 * work_open() - start the thread
 *
 * The caller must have blocked the signals that the thread must not handle.
 * Returns 0 or -errno. After an error work_begin() still does the work itself.
 */
int work_open(struct work *work);

/**
 * work_close() - end the thread
 *
 * No work may be running, because nobody can end a thread that waits for a
 * disk.
 */
void work_close(struct work *work);

/** work_begin() - let the thread call @run; no other work may be running */
void work_begin(struct work *work, void (*run)(void *context), void *context);

/** work_busy() - whether a piece of work is running */
static inline bool work_busy(const struct work *work)
{
	return atomic_load_explicit(&work->busy, memory_order_acquire);
}

/**
 * work_collect() - reset @fd; the caller calls it whenever @fd is readable
 */
void work_collect(struct work *work);

/**
 * work_wait() - wait for the end of a piece of work
 *
 * The function may return early. Returns whether no work is running.
 */
bool work_wait(struct work *work, int msec);

#endif
