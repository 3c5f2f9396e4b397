// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "work.h"

void work_init(struct work *work)
{
	work->fd = -1;
	work->threaded = false;
	atomic_init(&work->busy, false);
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->changed, NULL);
	work->run = NULL;
	work->ending = false;
}

static void *serve(void *argument)
{
	static const uint64_t one = 1;
	struct work *work = argument;
	void (*run)(void *context);

	/* A thread that sets its own name needs no file in /proc. */
	pthread_setname_np(pthread_self(), "hv-fcopyd-disk");
	for (;;) {
		pthread_mutex_lock(&work->lock);
		while (!work->run && !work->ending)
			pthread_cond_wait(&work->changed, &work->lock);
		run = work->run;
		work->run = NULL;
		pthread_mutex_unlock(&work->lock);
		if (!run)
			return NULL;
		run(work->context);
		atomic_store_explicit(&work->busy, false, memory_order_release);
		/*
		 * Ignore a failure: the loop also checks @busy, and the count
		 * of an eventfd does not overflow.
		 */
		if (write(work->fd, &one, sizeof(one)) < 0)
			continue;
	}
}

int work_open(struct work *work)
{
	int err;

	work->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work->fd < 0)
		return -errno;
	err = pthread_create(&work->thread, NULL, serve, work);
	if (err) {
		close(work->fd);
		work->fd = -1;
		return -err;
	}
	work->threaded = true;
	return 0;
}

void work_close(struct work *work)
{
	if (!work->threaded)
		return;
	pthread_mutex_lock(&work->lock);
	work->ending = true;
	pthread_cond_signal(&work->changed);
	pthread_mutex_unlock(&work->lock);
	pthread_join(work->thread, NULL);
	close(work->fd);
	work->fd = -1;
	work->threaded = false;
}

void work_begin(struct work *work, void (*run)(void *context), void *context)
{
	if (!work->threaded) {
		run(context);
		return;
	}
	atomic_store_explicit(&work->busy, true, memory_order_relaxed);
	pthread_mutex_lock(&work->lock);
	work->run = run;
	work->context = context;
	pthread_cond_signal(&work->changed);
	pthread_mutex_unlock(&work->lock);
}

void work_collect(struct work *work)
{
	uint64_t count;

	if (work->threaded && read(work->fd, &count, sizeof(count)) < 0)
		return;
}

bool work_wait(struct work *work, int msec)
{
	struct pollfd fd = { .fd = work->fd, .events = POLLIN };

	if (work_busy(work) && poll(&fd, 1, msec) > 0)
		work_collect(work);
	return !work_busy(work);
}
