// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <sched.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "internal.h"
#include "spin.h"

/* The longest spin, in wake-ups, and at most */
#define WAKEUPS	    8
#define LONGEST_MAX 3000000 /* ns */

/* A spin that is shorter than the longest one divided by this is none. */
#define SMALLEST_SHARE 8

/* The looks between two reads of the clock, which may leave the guest */
#define LOOKS 32

/*
 * The shortest measurement counts, because an interrupt may have prolonged the
 * others.
 */
#define MEASUREMENTS   3
#define MEASURED_SLEEP 20000 /* ns */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/*
 * Return the nanoseconds from a timer's interrupt until this thread runs again.
 * The slack of the thread does not delay this kind of timer.
 */
static int64_t measure_wakeup(void)
{
	const struct itimerspec sleep = { .it_value = { .tv_nsec = MEASURED_SLEEP } };
	const int cancel = cancel_defer();
	const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int64_t shortest = INT64_MAX;

	for (int n = 0; n < MEASUREMENTS && timer >= 0; n++) {
		const int64_t begun = now_ns();
		int64_t took;
		uint64_t expired;

		if (timerfd_settime(timer, 0, &sleep, NULL) ||
		    read(timer, &expired, sizeof(expired)) != sizeof(expired))
			continue;
		took = now_ns() - begun - MEASURED_SLEEP;
		if (took < shortest)
			shortest = took;
	}
	if (timer >= 0)
		close(timer);
	cancel_restore(cancel);
	return shortest;
}

static bool has_other_processors(void)
{
	cpu_set_t set;

	/*
	 * The call fails only if the kernel supports more processors than a
	 * cpu_set_t holds.
	 */
	return sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) > 1;
}

static int64_t longest_spin(void)
{
	int64_t wakeup;

	if (!has_other_processors())
		return SPIN_NEVER;
	wakeup = measure_wakeup();
	if (wakeup == INT64_MAX)
		return SPIN_NEVER;
	return wakeup < LONGEST_MAX / WAKEUPS ? wakeup * WAKEUPS : LONGEST_MAX;
}

bool spin_find(struct spin *spin, struct vmbus_chan *chan)
{
	if (!spin->since)
		spin->since = now_ns();
	if (!spin->length)
		return false;
	/* The write(2) that signalled the host has cleared the mask. */
	mask_interrupts(chan);
	while (now_ns() - spin->since < spin->length) {
		for (int i = 0; i < LOOKS; i++) {
			if (has_packet(chan))
				return true;
			cpu_relax();
		}
	}
	return false;
}

void spin_end(struct spin *spin)
{
	int64_t waited;

	if (!spin->since)
		return;
	waited = now_ns() - spin->since;
	spin->since = 0;
	if (!spin->longest && waited < LONGEST_MAX)
		spin->longest = longest_spin();
	if (waited >= spin->longest) {
		spin->length /= 2;
		if (spin->length < spin->longest / SMALLEST_SHARE)
			spin->length = 0;
	} else if (!spin->length) {
		spin->length = spin->longest / SMALLEST_SHARE;
	} else if (spin->length < spin->longest / 2) {
		spin->length *= 2;
	} else {
		spin->length = spin->longest;
	}
}
