// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#include "spin.h"

/*
 * The shortest measurement counts, because an interrupt may have prolonged the
 * others.
 */
#define MEASUREMENTS   3
#define MEASURED_LOOKS 128
#define MEASURED_SLEEP 20000ull /* ns */

/*
 * The limit of looks in a spin. If the clock stands still during the
 * measurement, a look seems to take no time.
 */
#define LOOKS_MAX 100000

/*
 * A spin is not worthwhile if it is shorter than the longest one divided by
 * this.
 */
#define SMALLEST_SHARE 8

/*
 * Let the other thread of the core run, and let the hypervisor know that this
 * processor waits.
 */
static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	/*
	 * "yield" does nothing on most cores. "isb" takes about as long as
	 * "pause" on x86.
	 */
	__asm__ __volatile__("isb" : : : "memory");
#else
	__asm__ __volatile__("" : : : "memory");
#endif
}

static uint64_t now_nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Return the nanoseconds that MEASURED_LOOKS take. The result is never 0. */
static uint64_t measure_looks(bool (*look)(void *context), void *context)
{
	uint64_t took, shortest = UINT64_MAX;

	for (int n = 0; n < MEASUREMENTS; n++) {
		uint64_t begun = now_nsec();

		for (int i = 0; i < MEASURED_LOOKS; i++) {
			look(context);
			relax();
		}
		took = now_nsec() - begun;
		if (took < shortest)
			shortest = took;
	}
	return shortest + 1;
}

/*
 * Return the nanoseconds from a timer's interrupt until this process runs
 * again.
 */
static uint64_t measure_wakeup(void)
{
	const struct timespec sleep = { .tv_nsec = MEASURED_SLEEP };
	int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	uint64_t took, shortest = UINT64_MAX;

	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	for (int n = 0; n < MEASUREMENTS; n++) {
		uint64_t begun = now_nsec();

		if (clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, NULL) != 0)
			continue;
		took = now_nsec() - begun - MEASURED_SLEEP;
		if (took < shortest)
			shortest = took;
	}
	/* A slack of 0 means the default. */
	prctl(PR_SET_TIMERSLACK, slack > 0 ? slack : 0, 0, 0, 0);
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

void spin_begin(struct spin *spin, bool (*look)(void *context), void *context)
{
	uint64_t nsec;

	*spin = (struct spin){ .next_skip = SPIN_SKIP_MIN };
	if (!has_other_processors())
		return;
	nsec = measure_wakeup();
	nsec = nsec < SPIN_USEC_MAX * 1000ull / SPIN_WAKEUPS ? nsec * SPIN_WAKEUPS :
							       SPIN_USEC_MAX * 1000ull;
	nsec = nsec * MEASURED_LOOKS / measure_looks(look, context);
	spin->longest = nsec < LOOKS_MAX ? nsec : LOOKS_MAX;
	spin->looks = spin->longest;
}

/* Shorten the next spin, or skip some, after a spin without success. */
static void shorten(struct spin *spin)
{
	if (spin->looks) {
		spin->looks /= 2;
		if (spin->looks >= spin->longest / SMALLEST_SHARE)
			return;
		spin->looks = 0;
	}
	spin->skip = spin->next_skip;
	if (spin->next_skip < SPIN_SKIP_MAX)
		spin->next_skip *= 2;
}

bool spin_find(struct spin *spin, bool (*look)(void *context), void *context)
{
	unsigned int looks = spin->looks ? spin->looks : spin->longest;

	if (!spin->looks && spin->skip) {
		spin->skip--;
		return false;
	}
	for (unsigned int i = 0; i < looks; i++) {
		if (look(context)) {
			spin->looks = spin->longest;
			spin->next_skip = SPIN_SKIP_MIN;
			return true;
		}
		relax();
	}
	shorten(spin);
	return false;
}
