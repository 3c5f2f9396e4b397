// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>
#include <stdint.h>
#include <time.h>

#include "spin.h"

/* The shortest measurement counts: an interrupt may have made another one longer. */
#define MEASUREMENTS	3
#define MEASURED_LOOKS	128

/* A spin of less than this share of the longest one is not worth its while. */
#define SMALLEST_SHARE	8

/* Let the other thread of the core work, and let the hypervisor know of the wait. */
static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	/* "yield" does nothing on most cores, "isb" takes about as long as "pause" on x86. */
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

/* Returns the nanoseconds that MEASURED_LOOKS take, whatever they find. */
static uint64_t measure(bool (*look)(void *context), void *context)
{
	uint64_t begun = now_nsec();

	for (int i = 0; i < MEASURED_LOOKS; i++) {
		look(context);
		relax();
	}
	return now_nsec() - begun;
}

static bool has_other_processors(void)
{
	cpu_set_t set;

	/* The call fails only where the kernel has more processors than fit into a cpu_set_t. */
	return sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) > 1;
}

void spin_begin(struct spin *spin, bool (*look)(void *context), void *context)
{
	uint64_t took, shortest = UINT64_MAX;

	*spin = (struct spin){ .next_skip = SPIN_SKIP_MIN };
	if (!has_other_processors())
		return;
	for (int i = 0; i < MEASUREMENTS; i++) {
		took = measure(look, context);
		if (took < shortest)
			shortest = took;
	}
	spin->longest = SPIN_USEC * 1000ull * MEASURED_LOOKS / (shortest + 1);
	spin->looks = spin->longest;
}

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
