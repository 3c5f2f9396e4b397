// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test how long the daemon polls the ring before it sleeps, and when it stops
 * doing so.
 */
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include "../../daemons/fcopy/spin.h"
#include "fcopy_test.h"

/* The look that finds a packet; 0: none does */
static unsigned int found_at;
static unsigned int looks;
static struct spin spin;

/*
 * The daemon's clock, and how much a look and a wake-up advance it. With 0 it
 * stands still, as a coarse one does for some milliseconds.
 */
static long long clock_nsec, look_nsec = 100, wakeup_nsec = 50000;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = (struct timespec){
		.tv_sec = 1000 + clock_nsec / 1000000000,
		.tv_nsec = clock_nsec % 1000000000,
	};
	return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *sleep, struct timespec *left)
{
	expect_int(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1);
	clock_nsec += sleep->tv_nsec + wakeup_nsec;
	return 0;
}

static bool look(void *context)
{
	looks++;
	clock_nsec += look_nsec;
	return looks == found_at;
}

/* Return the number of looks. */
static unsigned int spin_once(unsigned int at)
{
	bool found;

	looks = 0;
	found_at = at;
	found = spin_find(&spin, look, NULL);
	expect_int(found, at && looks == at);
	return looks;
}

static bool begin_test(void)
{
	cpu_set_t set;

	found_at = 0;
	spin_begin(&spin, look, NULL);
	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static void on_one_processor(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	expect_int(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	expect_int(sched_setaffinity(0, sizeof(one), &one), 0);
	begin_test();
	for (int i = 0; i < 5000; i++)
		expect_int(spin_once(1), 0);
	expect_int(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void with_one_processor_it_never_spins(void)
{
	expect_int(in_child(on_one_processor), 0);
}

static void stops_at_the_packet(void)
{
	if (!begin_test())
		skip("give the VM a second processor");
	expect(spin.longest > 8);
	for (unsigned int at = 1; at <= spin.longest; at += spin.longest / 8 + 1)
		expect_int(spin_once(at), at);
}

static void takes_as_long_as_some_wakeups(void)
{
	static const long long usec[] = { 5, 50, 300, 5000 };

	for (int i = 0; i < 4; i++) {
		long long want = usec[i] * SPIN_WAKEUPS, spinning;

		wakeup_nsec = usec[i] * 1000;
		if (!begin_test())
			skip("give the VM a second processor");
		spinning = spin_once(0) * look_nsec;
		if (want > SPIN_USEC_MAX)
			want = SPIN_USEC_MAX;
		ksft_print_msg("a wake-up takes %lld us, and a spin %lld ns\n", usec[i], spinning);
		expect(spinning <= want * 1000 && spinning > want * 990);
	}
	wakeup_nsec = 50000;
}

static void a_clock_that_stands_makes_no_endless_spin(void)
{
	bool several;

	look_nsec = 0;
	several = begin_test();
	look_nsec = 100;
	if (!several)
		skip("give the VM a second processor");
	expect(spin.longest > 0);
	expect(spin.longest <= 100000);
}

static void backs_off_from_a_slow_host(void)
{
	unsigned int longest;

	if (!begin_test())
		skip("give the VM a second processor");
	longest = spin.longest;
	for (unsigned int part = 1; part <= 8; part *= 2)
		expect_int(spin_once(0), longest / part);
	for (unsigned int pause = SPIN_SKIP_MIN, trials = 0; trials < 10; trials++) {
		for (unsigned int i = 0; i < pause; i++)
			expect_int(spin_once(0), 0);
		expect_int(spin_once(0), longest);
		if (pause < SPIN_SKIP_MAX)
			pause *= 2;
	}
}

static void comes_back_when_the_host_is_fast_again(void)
{
	unsigned int n = 0;

	if (!begin_test())
		skip("give the VM a second processor");
	for (int i = 0; i < 5000; i++)
		spin_once(0);
	while (!spin_once(1) && n <= SPIN_SKIP_MAX)
		n++;
	expect(n <= SPIN_SKIP_MAX);
	for (int i = 0; i < 100; i++)
		expect_int(spin_once(5), 5);
}

/* A host that takes a little longer than the longest spin */
static void costs_little_with_a_slow_host(void)
{
	const unsigned int packets = 100000;
	unsigned long long all = 0;

	if (!begin_test())
		skip("give the VM a second processor");
	for (unsigned int i = 0; i < packets; i++)
		all += spin_once(0);
	ksft_print_msg("%.3f%% of the time\n", all * 100. / ((double)packets * spin.longest));
	expect(all < packets * (unsigned long long)spin.longest / 500);
}

int main(void)
{
	test(with_one_processor_it_never_spins);
	test(stops_at_the_packet);
	test(takes_as_long_as_some_wakeups);
	test(a_clock_that_stands_makes_no_endless_spin);
	test(backs_off_from_a_slow_host);
	test(comes_back_when_the_host_is_fast_again);
	test(costs_little_with_a_slow_host);
	run_tests();
}
