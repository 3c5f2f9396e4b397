/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_WORK_H
#define FCOPY_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 * The one thread besides the loop. It does what may wait for a disk, one piece
 * of work at a time, so that the loop can answer the host and signals
 * meanwhile.
 *
 * What a piece of work uses belongs to the thread from work_begin() until
 * work_busy() returns false; the loop touches nothing of it in between. Nobody
 * can interrupt a disk that stands still: the process can end while the thread
 * waits, but the kernel keeps it until the disk answers.
 */
struct work {
	int fd;				/* an eventfd: readable when a piece of work has ended */
	bool threaded;			/* otherwise work_begin() does the work itself */
	atomic_bool busy;
	pthread_t thread;
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t changed;
	void (*run)(void *context);
	void *context;
	bool ending;
};

/** work_init() - no thread as yet: work_begin() does the work itself */
void work_init(struct work *work);

/**
 * work_open() - start the thread
 *
 * The caller has blocked the signals that the thread shall not get. Returns 0
 * or -errno; the work is then done as before.
 */
int work_open(struct work *work);

/**
 * work_close() - end the thread
 *
 * Nothing may be under way: nobody can end a thread that waits for a disk.
 */
void work_close(struct work *work);

/** work_begin() - have run(@context) done; nothing else may be under way */
void work_begin(struct work *work, void (*run)(void *context), void *context);

/** work_busy() - whether a piece of work is under way */
static inline bool work_busy(const struct work *work)
{
	return atomic_load_explicit(&work->busy, memory_order_acquire);
}

/**
 * work_collect() - make @fd unreadable again; call it whenever a poll reports it
 */
void work_collect(struct work *work);

/**
 * work_wait() - wait for the end of a piece of work
 *
 * May return early. Returns whether none is under way.
 */
bool work_wait(struct work *work, int msec);

#endif
