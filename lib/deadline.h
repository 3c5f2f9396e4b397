/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A deadline is a point in time, in milliseconds of CLOCK_MONOTONIC; -1: never
 */
#ifndef VMBUS_DEADLINE_H
#define VMBUS_DEADLINE_H

#include <stdint.h>
#include <time.h>

static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static inline int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline int64_t deadline_after(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

/*
 * Return the milliseconds until the deadline for poll(2): 0 if it has passed,
 * or -1 if there is none.
 */
static inline int remaining(int64_t deadline)
{
	int64_t left = deadline - now_ms();

	return deadline < 0 ? -1 : left > 0 ? left : 0;
}

#endif /* VMBUS_DEADLINE_H */
