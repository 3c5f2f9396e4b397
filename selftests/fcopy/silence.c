// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test when a host counts as silent, over rings in memory and with a clock of
 * the test.
 */
#include <sys/syscall.h>
#include <time.h>
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/silence.h"
#include "fcopy_test.h"
#include "test_log.h"

static struct vmbus_chan *guest, *host;
static struct silence silence;
static long long clock_ms = 100000;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_MONOTONIC_COARSE) {
		*now = (struct timespec){ clock_ms / 1000, clock_ms % 1000 * 1000000 };
		return 0;
	}
	return syscall(SYS_clock_gettime, clock, now);
}

static void open_device(void)
{
	expect_int(vmbus_open_pair(2 * sysconf(_SC_PAGESIZE), 0, &guest, &host), 0);
}

static void close_device(void)
{
	vmbus_close(guest);
	vmbus_close(host);
}

static void begin_test(void)
{
	open_device();
	silence_init(&silence);
	logged[0] = '\0';
}

/* Return the seconds until the host counts as silent, or @limit. */
static unsigned int silent_after(bool expired, uint64_t files, unsigned int limit)
{
	for (unsigned int s = 0; s < limit; s += SILENCE_LOOK_SECONDS) {
		if (silence_look(&silence, guest, expired, files))
			return s;
		if (!silence_pending(&silence))
			return limit;
		clock_ms += SILENCE_LOOK_SECONDS * 1000;
	}
	return limit;
}

static void hear(void)
{
	char byte[8] = "";
	struct vmbus_packet packet;

	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, byte, sizeof(byte)), 0);
	expect_int(vmbus_recv(guest, &packet, byte, sizeof(byte)), 0);
}

static void say(void)
{
	char byte[8] = "";

	expect_int(vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 1, byte, sizeof(byte)), 0);
}

static void read_it(void)
{
	struct vmbus_packet packet;
	char byte[8];

	expect_int(vmbus_recv(host, &packet, byte, sizeof(byte)), 0);
}

static void healthy_host(void)
{
	begin_test();
	hear();
	expect_int(silent_after(false, 0, 100000), 100000);
	expect(!silence_pending(&silence));
	say();
	read_it();
	expect_int(silent_after(false, 0, 100000), 100000);
	expect(!*logged);
	close_device();
}

/* The patience grows, up to an hour, and shrinks when a copy arrives. */
static void host_that_never_negotiates(void)
{
	static const unsigned int patience[] = { 120, 240, 480, 960, 1920, 3600, 3600 };

	begin_test();
	for (unsigned int i = 0; i < 7; i++) {
		expect_int(silent_after(false, 0, 10000), patience[i]);
		expect_int(silence.reopened, i);
		close_device();
		open_device();
		silence_reopened(&silence, true);
		expect_int(silence.reason, SILENCE_NEGOTIATE);
	}
	/* One line for all of them */
	expect(strstr(logged, "it has not negotiated"));
	expect(!strchr(strchr(logged, '\n') + 1, '\n'));
	hear();
	expect(!silence_look(&silence, guest, false, 0));
	expect(strstr(logged, "the host is responding again"));
	expect(!silence_look(&silence, guest, false, 1));
	expect_int(silence.patience, 120);
	close_device();
}

static void host_that_does_not_read(void)
{
	begin_test();
	hear();
	say();
	expect_int(silent_after(false, 0, 1000), 120);
	expect(strstr(logged, "it has not read the answers"));
	close_device();

	/* One that reads slowly, but does */
	begin_test();
	hear();
	for (int i = 0; i < 30; i++)
		say();
	for (int i = 0; i < 29; i++) {
		expect_int(silent_after(false, 0, 110), 110);
		read_it();
	}
	expect(!*logged);
	/* And one that still sends */
	for (int i = 0; i < 20; i++) {
		expect_int(silent_after(false, 0, 110), 110);
		hear();
	}
	expect(!*logged);
	close_device();
}

static void host_that_forgets_a_copy(void)
{
	begin_test();
	hear();
	expect_int(silent_after(true, 0, 1000), 120);
	expect(strstr(logged,
		      "has not continued a copy for 120 s; the daemon opens the device again"));
	expect(!strstr(logged, "silent"));
	close_device();
}

/*
 * A host that has sent messages for an hour gets no more patience because of
 * past faults.
 */
static void patience_after_a_good_hour(void)
{
	for (int i = 0; i < 2; i++) {
		begin_test();
		silence.patience = 960;
		hear();
		expect(!silence_look(&silence, guest, false, 0));
		clock_ms += i ? 3600000 : 3000000;
		say();
		expect_int(silent_after(false, 0, 10000), i ? 120 : 960);
		close_device();
	}
}

/*
 * The machine was suspended for a day: the host had no time to send anything.
 */
static void jump_of_the_clock(void)
{
	begin_test();
	hear();
	say();
	expect(!silence_look(&silence, guest, false, 0));
	clock_ms += 86400000;
	expect(!silence_look(&silence, guest, false, 0));
	read_it();
	expect(!silence_look(&silence, guest, false, 0));
	expect(!silence_pending(&silence));
	close_device();
}

static void device_that_has_gone(void)
{
	begin_test();
	vmbus_close(host);
	clock_ms += 1000000;
	for (int i = 0; i < 100; i++) {
		expect(!silence_look(&silence, guest, false, 0));
		clock_ms += 10000;
		if (vmbus_wait(guest, VMBUS_WAIT_RECV, 0) == -ENODEV)
			break;
	}
	expect(!silence_look(&silence, guest, true, 0));
	vmbus_close(guest);
}

int main(void)
{
	test(healthy_host);
	test(host_that_never_negotiates);
	test(host_that_does_not_read);
	test(host_that_forgets_a_copy);
	test(patience_after_a_good_hour);
	test(jump_of_the_clock);
	test(device_that_has_gone);
	run_tests();
}
