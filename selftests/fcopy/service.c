// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the daemon as a process: when it reports that it is ready, how it ends,
 * what it leaves behind, and the cost of a packet.
 */
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

#include "../../daemons/fcopy/session.h"
#include "machine.h"

static const struct fixture on_machine = { .begin = begin_test };

/* Wait for a message to the service manager. */
static void wait_until_told(const char *text)
{
	if (HAVE_SYSTEMD)
		WAIT_UNTIL(says(text));
}

TEST_F(on_machine, copies_and_ends_when_told)
{
	wait_until_told("READY=1");
	begin_copy();
	expect(says("to/made/a: receiving 10 bytes"));
	/* At the next tick after a second */
	wait_until_told("Receiving a file: 5 of 10 bytes, 50%, 0.0 MB/s");
	says(NULL);
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/a", "0123456789"));
	wait_until_told("Waiting for Copy-VMFile");
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	expect(says("ending: Terminated"));
	wait_until_told("STOPPING=1");
	end_test(1);
}

/*
 * A signal stops the daemon in a copy. The daemon still answers what the host
 * sends next, also if the host needs a second to read its file.
 */
TEST(last_message_gets_an_answer)
{
	for (int second = 0; second < 2; second++) {
		begin_test();
		begin_copy();
		kill(daemon_pid, second ? SIGINT : SIGTERM);
		WAIT_UNTIL(access("to/made", F_OK) < 0);
		sleep(second);
		write_message(&request, 5, "56789", 5);
		expect_int(ask(), E_ABORTED);
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
}

/* A copy that begins while the daemon ends would be left incomplete. */
TEST(no_copy_begins_after_the_stop)
{
	machine_no_tmpfile = true;
	begin_test();
	begin_copy();
	kill(daemon_pid, SIGTERM);
	WAIT_UNTIL(access("to/made", F_OK) < 0);
	start_message(&request, in("to/made2/"), "b", CREATE_PATH, 10);
	expect_int(ask(), E_ABORTED);
	expect_int(end_of_daemon(), 0);
	end_test(0);
	machine_no_tmpfile = false;
}

static void read_again(const char *text)
{
	unlink("fcopyd.conf");
	make_file("fcopyd.conf", text);
	says(NULL);
	kill(daemon_pid, SIGHUP);
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("RELOADING=1"));
	WAIT_UNTIL(says("READY=1"));
#else
	WAIT_UNTIL(says("the configuration") || says("keeping the previous configuration"));
#endif
}

TEST_F(on_machine, configuration_read_again_in_a_copy)
{
	begin_copy();
	read_again("[/]\nmode=0640\n");
	/* This copy keeps its settings. */
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/a", "0123456789"));
	expect_int(mode_of("to/made/a"), 0644);
	unlink("to/made/a");
	rmdir("to/made");
	/* An administrator stops a copy in this way. */
	begin_copy();
	read_again("[/]\nenable=no\n");
	WAIT_UNTIL(entries("to") == 0);
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), E_POLICY);
	end_message(&request, COMPLETE);
	expect_int(ask(), E_POLICY);
	start_message(&request, in("to"), "b", 0, 0);
	expect_int(ask(), E_POLICY);
	/* A file with a fault changes nothing. */
	read_again("[/]\nenable=yes\nwrong\n");
	expect_int(ask(), E_POLICY);
	read_again("[/]\nmode=0600\n");
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect_int(mode_of("to/b"), 0600);
	stop_test(1);
}

TEST_F(on_machine, device_taken_back_in_a_copy)
{
	begin_copy();
	rescind();
	expect_int(end_of_daemon(), 0);
	wait_until_told("STOPPING=1");
	expect(says("lost after 5 of 10 bytes: the device was lost: "));
	end_test(0);
}

/* A sleep closes the device, which stays where it is. */
TEST_F(on_machine, device_closed_in_a_copy)
{
	begin_copy();
	lose_host();
	expect_int(end_of_daemon(), 0);
	/* Nothing remains of the copy. */
	end_test(0);
}

TEST_F(on_machine, index_that_cannot_be)
{
	begin_copy();
	break_ring();
	expect_int(end_of_daemon(), EX_IOERR);
	expect(says("ending: the host wrote an impossible index"));
	end_test(0);
}

/* After a hibernation the host offers the device only after a while. */
TEST(device_offered_late)
{
	offer_device();
	device_attribute("id", "4294967295\n");
	for (int i = 0; i < 2; i++) {
		start_daemon();
		WAIT_UNTIL(says("the host has not offered the device again; waiting"));
		wait_until_told("READY=1");
		wait_until_told("STATUS=Waiting for the device");
		/* A new configuration does not end the wait. */
		kill(daemon_pid, SIGHUP);
		WAIT_UNTIL(says("reloaded the configuration"));
		if (i) {
			device_attribute("id", "9\n");
			begin_copy();
		}
		stop_test(0);
	}
}

/*
 * A host never negotiates, and another does not read an answer. A copy would
 * expire at the same time.
 */
TEST(daemon_ends_for_a_silent_host)
{
	struct timespec begun;

	for (int i = 0; i < 2; i++) {
		/* The daemon's own clock starts later. */
		clock_gettime(CLOCK_MONOTONIC, &begun);
		begin_test();
		if (i) {
			negotiate();
			end_message(&request, CANCEL);
			post();
		}
		WAIT_UNTIL(says(i ? "it does not read the answers" : "it does not negotiate"));
		expect(milliseconds_since(&begun) >= PATIENCE_MSEC);
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
}

/* Another program has the device for a time. */
TEST(device_that_is_busy_for_a_time)
{
	offer_device();
	device_attribute("uio_hv_generic/state", "open\n");
	start_daemon();
	WAIT_UNTIL(says("another program has the device open; waiting"));
	device_attribute("uio_hv_generic/state", "closed\n");
	begin_copy();
	stop_test(0);
}

/* A copy stalls: the daemon ends it, and then itself. */
TEST_F(on_machine, daemon_ends_after_a_forgotten_copy)
{
	begin_copy();
	WAIT_UNTIL(says("lost after 5 of 10 bytes: the host did not continue the copy in time"));
	WAIT_UNTIL(says("ending: the host has not continued a copy"));
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/* A host that has nothing to copy is left alone. */
TEST_F(on_machine, idle_host_is_left_alone)
{
	negotiate();
	sleep(12);
	negotiate();
	stop_test(0);
}

TEST(directories_of_a_crash)
{
	for (int named = 0; named < 2; named++) {
		machine_no_tmpfile = named;
		begin_test();
		begin_copy();
		expect(access("to/made", F_OK) == 0);
		kill(daemon_pid, SIGKILL);
		expect_int(end_of_daemon(), 128 + SIGKILL);
		/* The worker sees the end of the daemon, and cleans up. */
		WAIT_UNTIL(entries("state") == 0);
		end_test(0);
		begin_test();
		stop_test(0);
	}
	machine_no_tmpfile = false;
}

/* Begin a copy whose worker dies. The host learns it. */
static void begin_lost_copy(void)
{
	begin_copy();
	/* begin_copy() has an answer, so the worker has made room. */
	kill(machine->worker, SIGKILL);
	WAIT_UNTIL(says("the process of the copy has died"));
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), E_FAIL);
	end_message(&request, COMPLETE);
	expect_int(ask(), E_FAIL);
}

/* Another worker cleans up by itself, and the same copy can begin again. */
TEST(worker_that_is_killed)
{
	for (int named = 0; named < 2; named++) {
		machine_no_tmpfile = named;
		begin_test();
		begin_lost_copy();
		WAIT_UNTIL(entries("to") == 0 && entries("state") == 0);
		begin_copy();
		stop_test(0);
	}
	machine_no_tmpfile = false;
}

/* A START waits for that worker, but not for ever, and they do not collide. */
TEST(start_beside_the_cleaner)
{
	struct timespec begun;

	for (int named = 0; named < 2; named++) {
		machine_no_tmpfile = named;
		begin_test();
		hold(REMOVE_DIRECTORY);
		begin_lost_copy();
		WAIT_UNTIL(machine->held);
		start_message(&request, in("to/"), "b", 0, 10);
		clock_gettime(CLOCK_MONOTONIC, &begun);
		expect_int(ask(), S_OK);
		expect(milliseconds_since(&begun) >= SESSION_DISCARD_MSEC - 50);
		expect(access("to/made", F_OK) == 0);
		hold(NOWHERE);
		WAIT_UNTIL(access("to/made", F_OK) < 0 && entries("state") == named);
		write_message(&request, 0, "0123456789", 10);
		expect_int(ask(), S_OK);
		end_message(&request, COMPLETE);
		expect_int(ask(), S_OK);
		expect(holds("to/b", "0123456789"));
		unlink("to/b");
		stop_test(0);
	}
	machine_no_tmpfile = false;
}

static void begin_without_limits(void)
{
	machine_stops_clock = true;
	begin_test();
}

static void end_without_limits(void)
{
	machine_stops_clock = false;
}

/* A held request has no limit, however long the test needs. */
static const struct fixture without_limits = {
	.begin = begin_without_limits,
	.end = end_without_limits,
};

/* A disk that does not sync the file does not keep an administrator waiting. */
TEST_F(without_limits, configuration_read_again_while_a_copy_ends)
{
	begin_copy();
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	post_held(SYNC);
	read_again("[/]\nenable=no\n");
	hold(NOWHERE);
	/* The copy whose end the host has sent still arrives. */
	expect_int(hear(), S_OK);
	expect(access("to/made/a", F_OK) == 0);
	start_message(&request, in("to/"), "b", 0, 10);
	expect_int(ask(), E_POLICY);
	stop_test(1);
}

/* The configuration shuts the place while the worker makes room. */
TEST_F(without_limits, configuration_read_again_while_a_disk_is_slow)
{
	negotiate();
	start_message(&request, in("to/"), "a", 0, 10);
	post_held(ALLOCATE);
	read_again("[/]\nenable=no\n");
	hold(NOWHERE);
	expect_int(hear(), E_POLICY);
	expect_int(ask(), E_POLICY);
	/* A copy that the host may not send is refused, and not lost. */
	expect(says("refused: ") && !says("lost after"));
	stop_test(0);
}

/*
 * The worker sees the end of the daemon. The file is the old one, or the new
 * one if it was getting its name, and nothing else is left.
 */
static void killed_at_each_step(void)
{
	static const struct {
		enum machine_call call;
		const char *left;
	} steps[] = {
		{ ALLOCATE, "old" },	   { WRITING, "old" },
		{ SYNC, "old" },	   { SYNC_DIRECTORY, "0123456789" },
		{ LINKING, "0123456789" }, /* of unnamed files */
	};

	machine_no_tmpfile = variant;
	mkdir("to", 0755);
	mkdir("to/made", 0755);
	for (size_t i = 0; i < (variant ? 4 : 5); i++) {
		unlink("to/made/a");
		make_file("to/made/a", "old");
		begin_test();
		negotiate();
		start_message(&request, in("to/made/"), "a", OVER_WRITE, 10);
		if (steps[i].call == ALLOCATE) {
			post_held(ALLOCATE);
		} else {
			expect_int(ask(), S_OK);
			hold(steps[i].call);
			write_message(&request, 0, "0123456789", 10);
			expect_int(ask(), S_OK);
			end_message(&request, COMPLETE);
			post();
			WAIT_UNTIL(machine->held);
		}
		kill(daemon_pid, SIGKILL);
		expect_int(end_of_daemon(), 128 + SIGKILL);
		end_test(1);
		expect_int(entries("to/made"), 1);
		expect(holds("to/made/a", steps[i].left));
	}
	machine_no_tmpfile = false;
}

/*
 * Send packets and take answers as fast as possible, until the rings have
 * ended.
 */
static pid_t start_flood(void)
{
	struct vmbus_packet packet;
	pid_t pid;

	write_message(&request, 0, "01234", 5);
	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	for (;;) {
		int err =
			vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length);

		if (err && err != -EAGAIN)
			_exit(0);
		while (vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)) == 0)
			;
	}
}

TEST(signals_and_a_rescind_in_a_flood)
{
	pid_t flood;

	for (int rescinded = 0; rescinded < 2; rescinded++) {
		begin_test();
		begin_copy();
		flood = start_flood();
		usleep(100000);
		if (rescinded) {
			remove_device();
			machine->rescinded = true;
		} else {
			read_again("[/]\nmode=0600\n");
			kill(daemon_pid, SIGTERM);
		}
		expect_int(end_of_daemon(), 0);
		kill(flood, SIGKILL);
		waitpid(flood, NULL, 0);
		end_test(0);
	}
}

static struct timespec counted_since;

static void count_from_here(void)
{
	clock_gettime(CLOCK_MONOTONIC, &counted_since);
	machine->waits = 0;
	machine->reads = 0;
	machine->signals = 0;
}

/*
 * Return hundredths of a system call. The timer costs up to three calls four
 * times a second, however many packets come.
 */
static unsigned int calls_a_packet(unsigned int packets)
{
	unsigned int calls = machine->waits + machine->reads + machine->signals;
	unsigned int timer = 3 * (milliseconds_since(&counted_since) / 250 + 1);

	calls -= calls < timer ? calls : timer;
	ksft_print_msg("%u packets: %u epoll_wait, %u read, %u signals: %.2f calls a packet\n",
		       packets, machine->waits, machine->reads, machine->signals,
		       (double)calls / packets);
	return calls * 100ull / packets;
}

/* A host so slow that the daemon sleeps before each packet */
TEST_F(on_machine, two_system_calls_a_packet)
{
	const unsigned int packets = 500;

	begin_copy();
	write_message(&request, 0, "01234", 5);
	for (int i = 0; i < 100; i++)
		expect_int(ask(), S_OK);
	count_from_here();
	for (unsigned int i = 0; i < packets; i++) {
		usleep(1000);
		expect_int(ask(), S_OK);
	}
	expect(calls_a_packet(packets) <= 220);
	stop_test(0);
}

/*
 * The host takes no answers, so the daemon waits for room. It must notice
 * signals, and not be busy.
 */
TEST_F(on_machine, told_to_stop_while_the_ring_is_full)
{
	int posted = 0;

	end_message(&request, CANCEL);
	for (int idle = 0; idle < 20;) {
		if (vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length)) {
			idle++;
			usleep(20000);
		} else {
			posted++;
			idle = 0;
			machine->waits = 0;
		}
	}
	ksft_print_msg("%d packets, then %u epoll_wait\n", posted, machine->waits);
	expect(posted > 100);
	expect(machine->waits < 100);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

int main(void)
{
	machine_open();
	test_variant(anywhere, killed_at_each_step, "unnamed files", false);
	test_variant(anywhere, killed_at_each_step, "named files", true);
	run_tests();
}
