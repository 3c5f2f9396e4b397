// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests count the system calls that vmbus_ic_serve() needs for a message.
 * The host acts in the same thread, inside the program's calls of epoll_wait()
 * and clock_gettime(), so neither the clock nor the load of the machine
 * matters.
 */

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#include "../../lib/internal.h"
#include "ic_host.h"

#define WAKEUP 10000 /* ns, what the object measures */
#define READ   100   /* ns, what a read of the clock takes */

static struct {
	int64_t now;
	unsigned int calls, reads, host_signals, clock_reads, timers_made;
	int processors;
	bool no_timers, in_host;
	void (*while_polling)(void); /* the host acts in the time of the program's spin */
	void (*while_sleeping)(void);
} os;

static struct {
	struct vmbus_chan *guest, *host;
	struct vmbus_ic *ic;
	int stop;
	unsigned int sent, answered, last;
	int64_t due;   /* the host sends its next request then */
	int64_t takes; /* ns, from the program's answer to the host's next request */
	bool waits;    /* for an answer */
} s;

/* The linker lets the library call the functions of this test. */
#define REPLACES(type, name, ...)        \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

REPLACES(int, epoll_wait, int set, struct epoll_event *events, int count, int timeout);
REPLACES(ssize_t, send, int fd, const void *from, size_t len, int flags);
REPLACES(ssize_t, read, int fd, void *to, size_t len);
REPLACES(int, timerfd_create, int clock, int flags);
REPLACES(int, timerfd_settime, int fd, int flags, const struct itimerspec *to,
	 struct itimerspec *old);
REPLACES(int, clock_gettime, clockid_t clock, struct timespec *time);
REPLACES(int, sched_getaffinity, pid_t pid, size_t size, cpu_set_t *set);

/* The kernel clears the mask when the program signals the host. */
static void unmask(void)
{
	rx_ring_unmask(&s.guest->rx);
}

/* Let the host act, whose calls do not count. */
static void act(void (*host)(void))
{
	if (os.in_host || !host)
		return;
	os.in_host = true;
	host();
	os.in_host = false;
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int count, int timeout)
{
	int n = __real_epoll_wait(set, events, count, 0);

	os.calls++;
	if (n || !timeout)
		return n;
	act(os.while_sleeping);
	return __real_epoll_wait(set, events, count, timeout);
}

ssize_t __wrap_send(int fd, const void *from, size_t len, int flags)
{
	if (os.in_host)
		os.host_signals++;
	else
		unmask();
	os.calls += !os.in_host;
	return __real_send(fd, from, len, flags);
}

ssize_t __wrap_read(int fd, void *to, size_t len)
{
	os.calls += !os.in_host;
	os.reads += !os.in_host;
	return __real_read(fd, to, len);
}

int __wrap_timerfd_create(int clock, int flags)
{
	os.timers_made++;
	if (os.no_timers) {
		errno = EMFILE;
		return -1;
	}
	return __real_timerfd_create(clock, flags);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *old)
{
	os.calls++;
	/* The object measures a wake-up with a relative time. */
	if (!(flags & TFD_TIMER_ABSTIME))
		os.now += to->it_value.tv_nsec + WAKEUP;
	return __real_timerfd_settime(fd, flags, to, old);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	os.clock_reads++;
	os.now += READ;
	act(os.while_polling);
	time->tv_sec = os.now / 1000000000;
	time->tv_nsec = os.now % 1000000000;
	return 0;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	MUST(!pid && size == sizeof(*set));
	CPU_ZERO(set);
	for (int n = 0; n < os.processors; n++)
		CPU_SET(n, set);
	return 0;
}

static uint32_t on_request(struct vmbus_ic *ic, struct vmbus_ic_request *request, void *ctx)
{
	return VMBUS_S_OK;
}

/* Take the answer, and send the next request when it is due. */
static void host_works(void)
{
	unsigned char signals[64];
	struct answer answer;

	if (s.waits && !host_gets(s.host, &answer)) {
		CHECK_IS(answer.pkt.transaction_id, s.sent);
		/* The socket must not fill up. */
		while (__real_read(vmbus_fd(s.host), signals, sizeof(signals)) > 0)
			;
		s.waits = false;
		s.answered++;
		s.due = os.now + s.takes;
	}
	if (s.waits || os.now < s.due)
		return;
	if (s.sent == s.last) {
		eventfd_write(s.stop, 1);
		return;
	}
	s.sent++;
	s.waits = true;
	MUST(!host_sends(s.host, VMBUS_IC_HEARTBEAT, s.sent, "abcdefgh", 8));
}

/* The program sleeps until the host has sent its next request. */
static void host_works_on(void)
{
	host_works();
	if (!s.waits && os.now < s.due) {
		os.now = s.due;
		host_works();
	}
}

static void begin(int processors)
{
	static const struct vmbus_ic_version messages[] = { { 1, 1 } };
	const struct vmbus_ic_options opt = {
		.struct_size = sizeof(opt),
		.messages = messages,
		.message_count = 1,
		.request = on_request,
	};
	struct answer answer;

	memset(&os, 0, sizeof(os));
	memset(&s, 0, sizeof(s));
	/* The timers of the object never expire. */
	os.now = INT64_MAX / 2;
	os.processors = processors;
	s.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	MUST(!vmbus_open_pair(65536 * 2, 0, &s.guest, &s.host));
	MUST(!vmbus_ic_from_chan(s.guest, &opt, &s.ic));
	MUST(!host_negotiates(s.host, 1, 1));
	MUST(!vmbus_ic_dispatch(s.ic));
	MUST(!host_gets(s.host, &answer));
	os.while_polling = host_works;
	os.while_sleeping = host_works_on;
}

/* Serve more messages of a host that takes so long for each. */
static void serve(unsigned int messages, int64_t takes)
{
	eventfd_t value;

	s.last += messages;
	s.takes = takes;
	s.due = os.now + takes;
	os.calls = os.reads = os.host_signals = os.clock_reads = 0;
	CHECK_IS(vmbus_ic_serve(s.ic, s.stop), 0);
	eventfd_read(s.stop, &value);
	CHECK_IS(s.answered, s.last);
}

static void end(void)
{
	os.while_polling = os.while_sleeping = NULL;
	vmbus_ic_free(s.ic);
	vmbus_close(s.guest);
	vmbus_close(s.host);
	close(s.stop);
}

/* Calls for @messages, with some for the begin and the end */
#define CHECK_CALLS(messages, each) CHECK(os.calls <= (messages) * (each) + 10)

/* The program sleeps for each message, which costs two calls. */
static void check_no_spin(int processors, bool no_timers, int64_t takes)
{
	begin(processors);
	os.no_timers = no_timers;
	serve(1000, takes);
	CHECK_CALLS(1000, 2.04);
	/* But it does not leave interrupts unread for ever. */
	CHECK(os.reads >= 1000 / 64);
	/* Whether the host is silent, and when to look next */
	CHECK(os.clock_reads <= 1000 * 5);
	/* The object has its own timer, and measures a wake-up with another. */
	CHECK_IS(os.timers_made, no_timers ? 2 : 1);
	end();
}

TEST(a_slow_host_is_worth_no_spin)
{
	check_no_spin(2, false, 100000000);
}

TEST(one_processor_never_spins)
{
	check_no_spin(1, false, 20000);
}

TEST(an_unknown_wake_up_is_not_worth_a_spin)
{
	check_no_spin(2, true, 20000);
}

TEST(a_quick_host_is_served_without_sleep)
{
	begin(2);
	serve(1000, 20000);
	/* The signal to the host, and a sleep after each 64 spins */
	CHECK_CALLS(1000, 1.1);
	CHECK(os.calls >= 1000 + 1000 / 65);
	CHECK(os.host_signals <= 1000 / 64 + 5);
	CHECK_IS(os.timers_made, 2);
	end();
}

TEST(a_host_that_becomes_slow_ends_the_spins)
{
	begin(2);
	serve(100, 20000);
	/* Longer than the longest spin, 8 wake-ups */
	serve(10, 2000000);
	CHECK(os.clock_reads > 10 * 10);
	serve(100, 2000000);
	CHECK_CALLS(100, 2.04);
	CHECK(os.clock_reads <= 100 * 5);
	/* The host is quick again. */
	serve(1000, 20000);
	CHECK_CALLS(1000, 1.1);
	CHECK_IS(os.timers_made, 2);
	end();
}

/* A spin never lasts longer than 8 wake-ups, whatever the host does. */
TEST(the_longest_spin)
{
	int64_t before;

	begin(2);
	serve(100, 70000);
	CHECK_CALLS(100, 1.2);
	/* The host sends nothing more. */
	s.due = os.now + 1000000000;
	s.last++;
	os.while_sleeping = NULL;
	before = os.now;
	os.calls = 0;
	CHECK_IS(vmbus_ic_dispatch(s.ic), 0);
	CHECK(os.now - before <= 8 * (WAKEUP + 2 * READ) + 10 * READ);
	CHECK(os.calls <= 4);
	end();
}

/* It may announce a rescind. */
TEST(an_interrupt_without_a_packet_is_read)
{
	begin(2);
	os.while_sleeping = NULL;
	CHECK_IS(vmbus_ic_dispatch(s.ic), 0);
	os.reads = 0;
	os.in_host = true;
	MUST(!channel_signal(s.host));
	os.in_host = false;
	CHECK_IS(vmbus_ic_dispatch(s.ic), 0);
	CHECK(os.reads >= 1);
	os.reads = 0;
	CHECK_IS(vmbus_ic_dispatch(s.ic), 0);
	CHECK_IS(os.reads, 0);
	end();
}

TEST_HARNESS_MAIN
