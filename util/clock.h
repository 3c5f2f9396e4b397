/* SPDX-License-Identifier: GPL-2.0-only */
/* Read clocks and sleep, without struct timespec. */
#ifndef HVUIO_CLOCK_H
#define HVUIO_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Return the time of a clock, such as CLOCK_MONOTONIC, in nanoseconds. */
static inline int64_t clock_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Sleep for @ms milliseconds, or until a signal handler has run. */
static inline void clock_sleep(unsigned int ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

#endif
