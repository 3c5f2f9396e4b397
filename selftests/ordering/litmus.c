// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program tests the machine itself with the classic litmus tests, each
 * with the outcomes that C11 allows. The machine must be weak enough to show an
 * outcome that is "seen", and strong enough not to show one that is "never".
 * herd7 7.58 gives the same answers with its model rc11.cat, but was not used
 * for plain memory and sleep.
 */
#include "../kselftest/ktap.h"
#include "atomics.h"
#include "../../lib/barrier.h"

static _Atomic uint32_t *x, *y, *z;
static uint32_t *plain;
static uint32_t r[4];

static void setup(void)
{
	x = machine_alloc(64, sizeof(*x));
	y = machine_alloc(64, sizeof(*y));
	z = machine_alloc(64, sizeof(*z));
	plain = machine_alloc(64, sizeof(*plain));
}

#define THREAD(name, ...)      \
	static void name(void) \
	{                      \
		__VA_ARGS__    \
	}
#define OUTCOME(name, condition)                          \
	static void name(void)                            \
	{                                                 \
		if (condition)                            \
			machine_violation("the outcome"); \
	}

/* Message passing: a thread sees the flag but not the message. */
THREAD(store_relaxed, WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);)
THREAD(store_wmb, WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1);)
THREAD(store_release, WRITE_ONCE(*x, 1); smp_store_release(y, 1);)
THREAD(load_relaxed, r[0] = READ_ONCE(*y); r[1] = READ_ONCE(*x);)
THREAD(load_rmb, r[0] = READ_ONCE(*y); smp_rmb(); r[1] = READ_ONCE(*x);)
THREAD(load_acquire, r[0] = smp_load_acquire(y); r[1] = READ_ONCE(*x);)
OUTCOME(flag_without_message, r[0] && !r[1])

/* Store buffering: neither thread sees the other's store. */
THREAD(x_then_y, WRITE_ONCE(*x, 1); r[0] = READ_ONCE(*y);)
THREAD(y_then_x, WRITE_ONCE(*y, 1); r[1] = READ_ONCE(*x);)
THREAD(x_mb_y, WRITE_ONCE(*x, 1); smp_mb(); r[0] = READ_ONCE(*y);)
THREAD(y_mb_x, WRITE_ONCE(*y, 1); smp_mb(); r[1] = READ_ONCE(*x);)
THREAD(x_weak_y, smp_store_release(x, 1); atomic_thread_fence(memory_order_acq_rel);
       r[0] = smp_load_acquire(y);)
THREAD(y_weak_x, smp_store_release(y, 1); atomic_thread_fence(memory_order_acq_rel);
       r[1] = smp_load_acquire(x);)
OUTCOME(neither, !r[0] && !r[1])

/* Two readers see the stores of two writers in different orders. */
THREAD(write_x, WRITE_ONCE(*x, 1);)
THREAD(write_y, WRITE_ONCE(*y, 1);)
THREAD(xy_acquire, r[0] = smp_load_acquire(x); r[1] = smp_load_acquire(y);)
THREAD(yx_acquire, r[2] = smp_load_acquire(y); r[3] = smp_load_acquire(x);)
THREAD(xy_mb, r[0] = READ_ONCE(*x); smp_mb(); r[1] = READ_ONCE(*y);)
THREAD(yx_mb, r[2] = READ_ONCE(*y); smp_mb(); r[3] = READ_ONCE(*x);)
OUTCOME(different_orders, r[0] && !r[1] && r[2] && !r[3])

/* A third thread learns of the first thread's store from the second. */
THREAD(pass_relaxed, r[2] = READ_ONCE(*x); WRITE_ONCE(*y, 1);)
THREAD(pass_release, r[2] = READ_ONCE(*x); smp_store_release(y, 1);)
THREAD(x_release_z, WRITE_ONCE(*x, 1); smp_store_release(z, 1);)
THREAD(z_release_y, r[2] = READ_ONCE(*z); smp_store_release(y, 1);)
THREAD(z_acquire_y, r[2] = smp_load_acquire(z); smp_store_release(y, 1);)
THREAD(z_acquire_relaxed_y, r[2] = smp_load_acquire(z); WRITE_ONCE(*y, 1);)
OUTCOME(not_passed_on, r[2] && r[0] && !r[1])

/* One word never returns to an older value. */
THREAD(twice, WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);)
THREAD(look_twice, r[0] = READ_ONCE(*x); r[1] = READ_ONCE(*x);)
OUTCOME(back, r[0] > r[1])

/* Read-modify-writes lose nothing, and continue a release sequence. */
THREAD(add, atomic_fetch_add_explicit(x, 1, memory_order_relaxed);)
OUTCOME(lost, *(volatile uint32_t *)x != 2)
THREAD(add_y, r[2] = atomic_fetch_add_explicit(y, 1, memory_order_relaxed);)
OUTCOME(sequence_broken, r[2] == 1 && r[0] == 2 && !r[1])

/* Plain memory */
THREAD(write_plain, *plain = 1; smp_store_release(y, 1);)
THREAD(write_plain_relaxed, *plain = 1; WRITE_ONCE(*y, 1);)
THREAD(read_plain, if (smp_load_acquire(y)) r[0] = *plain;)
THREAD(read_plain_relaxed, if (READ_ONCE(*y)) r[0] = *plain;)
THREAD(copy_plain, if (READ_ONCE(*y)) memcpy(r, plain, sizeof(*plain));)
THREAD(
	copy_plain_rmb, if (READ_ONCE(*y)) {
		smp_rmb();
		memcpy(r, plain, sizeof(*plain));
	})

/* Load buffering, from a thread that has read to a thread that writes again */
THREAD(read_then_release, r[0] = *plain; smp_store_release(y, 1);)
THREAD(read_then_relaxed, r[0] = *plain; WRITE_ONCE(*y, 1);)
THREAD(acquire_then_write, if (smp_load_acquire(y)) *plain = 2;)

/* Sleep */
THREAD(wake, WRITE_ONCE(*x, 1); machine_wake((uint32_t *)y);)
THREAD(sleep_once, machine_sleep((uint32_t *)y); r[0] = READ_ONCE(*x);)
THREAD(nothing, )
OUTCOME(woken_early, !r[0])

#define NEVER false
#define SEEN  true

static const struct {
	struct program program;
	bool seen;
} tests[] = {
#define TEST(name, seen, end, ...) { { name, setup, { __VA_ARGS__ }, end }, seen }
	TEST("message passing, relaxed", SEEN, flag_without_message, store_relaxed, load_relaxed),
	TEST("message passing, wmb alone", SEEN, flag_without_message, store_wmb, load_relaxed),
	TEST("message passing, rmb alone", SEEN, flag_without_message, store_relaxed, load_rmb),
	TEST("message passing, release alone", SEEN, flag_without_message, store_release,
	     load_relaxed),
	TEST("message passing, wmb and rmb", NEVER, flag_without_message, store_wmb, load_rmb),
	TEST("message passing, release and acquire", NEVER, flag_without_message, store_release,
	     load_acquire),
	TEST("message passing, release and rmb", NEVER, flag_without_message, store_release,
	     load_rmb),
	TEST("message passing, wmb and acquire", NEVER, flag_without_message, store_wmb,
	     load_acquire),
	TEST("store buffering, relaxed", SEEN, neither, x_then_y, y_then_x),
	TEST("store buffering, one mb", SEEN, neither, x_mb_y, y_then_x),
	TEST("store buffering, all but mb", SEEN, neither, x_weak_y, y_weak_x),
	TEST("store buffering, two mb", NEVER, neither, x_mb_y, y_mb_x),
	TEST("independent reads, acquire", SEEN, different_orders, write_x, write_y, xy_acquire,
	     yx_acquire),
	TEST("independent reads, mb", NEVER, different_orders, write_x, write_y, xy_mb, yx_mb),
	TEST("passed on, relaxed", SEEN, not_passed_on, write_x, pass_relaxed, load_acquire),
	TEST("what was read is passed on", NEVER, not_passed_on, write_x, pass_release,
	     load_acquire),
	TEST("passed on, not acquired", SEEN, not_passed_on, x_release_z, z_release_y,
	     load_acquire),
	TEST("passed on, not released", SEEN, not_passed_on, x_release_z, z_acquire_relaxed_y,
	     load_acquire),
	TEST("passed on", NEVER, not_passed_on, x_release_z, z_acquire_y, load_acquire),
	TEST("one word never goes back", NEVER, back, twice, look_twice),
	TEST("additions are not lost", NEVER, lost, add, add),
	TEST("an addition carries on a release", NEVER, sequence_broken, store_release, add_y,
	     load_acquire),
	TEST("plain memory, release and acquire", NEVER, NULL, write_plain, read_plain),
	TEST("plain memory, release alone", SEEN, NULL, write_plain, read_plain_relaxed),
	TEST("plain memory, acquire alone", SEEN, NULL, write_plain_relaxed, read_plain),
	TEST("a copy, release alone", SEEN, NULL, write_plain, copy_plain),
	TEST("a copy, release and rmb", NEVER, NULL, write_plain, copy_plain_rmb),
	TEST("read before written again", NEVER, NULL, read_then_release, acquire_then_write),
	TEST("read before written again, relaxed", SEEN, NULL, read_then_relaxed,
	     acquire_then_write),
	TEST("a sleeper sees what came before its signal", NEVER, woken_early, wake, sleep_once),
	TEST("a sleeper without a signal", SEEN, NULL, nothing, sleep_once),
};

#define COUNT (sizeof(tests) / sizeof(tests[0]))

int main(void)
{
	ksft_print_header();
	ksft_set_plan(COUNT);
	for (unsigned int i = 0; i < COUNT; i++) {
		struct result result = machine_explore(&tests[i].program, 100000);

		if (result.failed || (!result.violated && !result.exhausted))
			ksft_print_msg("%s\n", result.failed ? result.why : "too many executions");
		else if (result.violated)
			ksft_print_msg("%s\n", result.why);
		/*
		 * "The outcome" must come from the test's own condition, if it
		 * has one.
		 */
		if (result.violated && tests[i].program.end && strcmp(result.why, "the outcome"))
			result.failed = true;
		ksft_test_result(!result.failed && result.violated == tests[i].seen &&
					 (result.violated || result.exhausted),
				 "%s: %s (%lu executions)\n", tests[i].program.name,
				 tests[i].seen ? "seen" : "never", result.executions);
	}
	ksft_finished();
}
