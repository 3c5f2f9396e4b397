/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * woken() is a wait that fails if a wake-up was lost. Every collection whose
 * tests wait on a channel uses it.
 */
#ifndef WOKEN_H
#define WOKEN_H

#include <errno.h>
#include <stdint.h>
#include <time.h>
#include <vmbus_bufring.h>

/* Return the time of a clock in nanoseconds. */
static inline int64_t ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/*
 * Do the same as vmbus_wait(), but return -ETIMEDOUT if the thread was not
 * woken: vmbus_wait() looks again when its time is over, and then returns an
 * event or an error whose wake-up was lost. Its time may be up to two
 * milliseconds shorter.
 */
static inline int woken(struct vmbus_chan *chan, unsigned int events, int timeout_ms)
{
	const int64_t start = ns(CLOCK_MONOTONIC);
	int result = vmbus_wait(chan, events, timeout_ms);

	return ns(CLOCK_MONOTONIC) - start < (timeout_ms - 2) * 1000000LL ? result : -ETIMEDOUT;
}

#endif /* WOKEN_H */
