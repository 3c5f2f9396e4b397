// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test disks that do not answer while the host goes on: the test holds the
 * workers in functions of libc. The clock of the daemon's limits stands still,
 * so an answer that comes without pass_time() has not waited for a limit.
 */
#include <inttypes.h>
#include <signal.h>

#include "../../daemons/fcopy/session.h"
#include "machine.h"

#define LIMIT SESSION_LIMIT_MSEC

static void start_request_in(const char *directory, const char *name)
{
	start_message(&request, in(directory), name, CREATE_PATH, 10);
}

static void start_request(const char *name)
{
	start_request_in("to/made/", name);
}

static uint32_t start(const char *name)
{
	start_request(name);
	return ask();
}

static uint32_t send_data(void)
{
	write_message(&request, 0, "0123456789", 10);
	return ask();
}

static uint32_t end(uint32_t operation)
{
	end_message(&request, operation);
	return ask();
}

static void begin(void)
{
	machine_no_tmpfile = variant;
	begin_test();
	negotiate();
}

static const struct fixture on_machine = { .begin = begin };

/* Check that the disk and copies work again. @files: in to/made */
static void end_slow(int files)
{
	hold(NOWHERE);
	WAIT_UNTIL(entries("state") == 0);
	if (files)
		expect_int(entries("to/made"), files);
	else
		WAIT_UNTIL(entries("to") == 0);
	/* The worker may have yet to end. */
	WAIT_UNTIL(start("last") == S_OK);
	expect_int(send_data(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/made/last", "0123456789"));
	expect_int(entries("to/made"), files + 1);
	stop_test(1);
	unlink("to/made/last");
	machine_no_tmpfile = false;
}

/* The answer must come at the limit, not sooner. */
static uint32_t status_at_limit(void)
{
	let_daemon_look();
	pass_time(LIMIT - 1);
	let_daemon_look();
	expect(is_silent());
	pass_time(1);
	return hear();
}

/* The daemon waits no longer for the removal of a copy that has ended. */
static void end_discard(void)
{
	let_daemon_look();
	pass_time(SESSION_DISCARD_MSEC);
}

TEST(start_too_slow)
{
	static const enum machine_call calls[] = { ALLOCATE, SYNC_DIRECTORY };

	for (int i = 0; i < 2; i++) {
		begin();
		start_request("a");
		post_held(calls[i]);
		expect_int(status_at_limit(), E_TIMEOUT);
		WAIT_UNTIL(says("refused: the disk takes too long: more than 4 s to make room"));
		end_slow(0);
		rmdir("to/made");
	}
}

/* The daemon itself stands still, until the limit is over and the timer due. */
TEST_F(on_machine, start_in_time_for_the_worker)
{
	start_request("a");
	post_held(ALLOCATE);
	kill(daemon_pid, SIGSTOP);
	usleep(500000);
	hold(NOWHERE);
	usleep(500000);
	pass_time(LIMIT);
	/* The daemon must not compare times from before and after a report. */
	machine->step = 1;
	kill(daemon_pid, SIGCONT);
	expect_int(hear(), S_OK);
	machine->step = 0;
	expect_int(end(CANCEL), S_OK);
	end_slow(0);
}

/*
 * Repeat the request that is held, with the same transaction id and with a new
 * one. Each of the three gets its answer when the disk goes on.
 */
static void repeat_held(void)
{
	post();
	request.bytes[24]++;
	post();
	usleep(100000);
	expect(is_silent());
	hold(NOWHERE);
	for (int i = 0; i < 3; i++)
		expect_int(hear(), S_OK);
}

TEST_F(on_machine, start_again_meanwhile)
{
	start_request("a");
	post_held(ALLOCATE);
	repeat_held();
	expect_int(send_data(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/made/a", "0123456789"));
	end_slow(1);
}

/*
 * A repeated START gets the refusal. While the disk hangs, a new one for the
 * same directory or below it gets it at once.
 */
TEST_F(on_machine, start_again_gets_the_refusal)
{
	start_request("a");
	post_held(ALLOCATE);
	post();
	expect_int(status_at_limit(), E_TIMEOUT);
	expect_int(hear(), E_TIMEOUT);
	expect_int(start("b"), E_TIMEOUT);
	expect(says("/to/made/b: refused: the disk takes too long: "
		    "an earlier copy still waits for the disk of "));
	start_request_in("to/made/below/", "c");
	expect_int(ask(), E_TIMEOUT);
	expect_int(machine->held, 1);
	expect_int(send_data(), E_TIMEOUT);
	expect_int(end(COMPLETE), E_TIMEOUT);
	hold(NOWHERE);
	end_slow(0);
}

static void complete_request(void)
{
	expect_int(start("a"), S_OK);
	expect_int(send_data(), S_OK);
	end_message(&request, COMPLETE);
}

static void complete_too_slow(void)
{
	complete_request();
	post_held(SYNC);
	expect_int(status_at_limit(), E_TIMEOUT);
	WAIT_UNTIL(says("lost after 10 of 10 bytes: the disk takes too long: "
			"more than 4 s to sync the file; it is removed when the disk answers"));
	expect_int(ask(), E_TIMEOUT);
	/* For the host, which has the answer, the copy has ended. */
	expect_int(send_data(), E_STATE);
	/* The file never appears. */
	hold(NOWHERE);
	WAIT_UNTIL(entries("to") == 0 && entries("state") == 0);
	WAIT_UNTIL(start("b") == S_OK);
	expect_int(end(CANCEL), S_OK);
	end_slow(0);
}

TEST_F(on_machine, complete_again_meanwhile)
{
	complete_request();
	post_held(SYNC);
	repeat_held();
	expect(holds("to/made/a", "0123456789"));
	end_slow(1);
}

/* The file is in place, and only its directory is not synced. */
TEST_F(on_machine, complete_placed)
{
	complete_request();
	post_held(SYNC_DIRECTORY);
	expect_int(status_at_limit(), S_OK);
	expect(holds("to/made/a", "0123456789"));
	WAIT_UNTIL(says("the file is in place"));
	expect_int(ask(), S_OK);
	end_slow(1);
}

/* A worker dies while it gives the file its name, or after that. */
TEST(worker_dies_at_the_end)
{
	static const enum machine_call calls[] = { LINKING, SYNC_DIRECTORY };

	for (int placed = 0; placed < 2; placed++) {
		begin();
		complete_request();
		post_held(calls[placed]);
		kill(machine->worker, SIGKILL);
		expect_int(hear(), placed ? E_IO : E_FAIL);
		expect(says(placed ? "the file is in place, but a power loss may undo that" :
				     "; the file may be in place"));
		end_slow(placed);
		unlink("to/made/a");
		rmdir("to/made");
	}
}

/*
 * Nobody can know whether the file will appear. When it does, that changes no
 * answer, neither for this copy nor for the next one.
 */
TEST_F(on_machine, complete_placing)
{
	complete_request();
	post_held(LINKING);
	expect_int(status_at_limit(), E_TIMEOUT);
	WAIT_UNTIL(says("the file may still appear"));
	expect_int(ask(), E_TIMEOUT);
	start_request_in("to/other/", "b");
	expect_int(ask(), S_OK);
	expect_int(end(COMPLETE), E_INCOMPLETE);
	hold(NOWHERE);
	WAIT_UNTIL(says("the disk has answered; the file is in place"));
	expect(holds("to/made/a", "0123456789"));
	expect_int(end(COMPLETE), E_INCOMPLETE);
	end_slow(1);
}

/* The daemon answers NEGOTIATE at once, and the copy has ended. */
TEST(negotiate_meanwhile)
{
	for (int i = 0; i < 2; i++) {
		begin();
		if (i == 0)
			start_request("a");
		else
			complete_request();
		post_held(i ? SYNC : ALLOCATE);
		post();
		negotiate();
		/* The daemon has forgotten the requests before it. */
		expect_int(end(COMPLETE), E_ABORTED);
		expect(is_silent());
		end_slow(0);
		rmdir("to/made");
	}
}

/*
 * A file that gets its name may appear later. Neither the next copy nor the end
 * of the daemon waits for that.
 */
TEST(negotiate_while_the_file_gets_its_name)
{
	for (int i = 0; i < 2; i++) {
		begin();
		complete_request();
		post_held(LINKING);
		negotiate();
		WAIT_UNTIL(says("the host started a new negotiation; the file may still appear"));
		if (i == 0) {
			start_message(&request, in("to/"), "b", 0, 0);
			expect_int(ask(), S_OK);
			expect_int(end(CANCEL), S_OK);
		} else {
			rescind();
			expect_int(end_of_daemon(), 0);
		}
		hold(NOWHERE);
		WAIT_UNTIL(says("the disk has answered; the file is in place"));
		expect(holds("to/made/a", "0123456789"));
		if (i == 0)
			end_slow(1);
		else
			end_test(1);
		unlink("to/made/a");
		rmdir("to/made");
	}
}

TEST_F(on_machine, cancel_meanwhile)
{
	complete_request();
	post_held(SYNC);
	end_message(&request, CANCEL);
	post();
	expect_int(hear(), E_ABORTED);
	hold(NOWHERE);
	expect_int(hear(), S_OK);
	expect_int(entries("to"), 0);
	end_slow(0);
}

/* The next copy does not wait for the disk of the cancelled one. */
TEST_F(on_machine, copy_to_another_disk)
{
	start_request("a");
	post_held(ALLOCATE);
	end_message(&request, CANCEL);
	post();
	expect_int(hear(), E_ABORTED);
	end_discard();
	expect_int(hear(), S_OK);
	/* An empty file needs no room. */
	start_message(&request, in("to/"), "b", 0, 0);
	expect_int(ask(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/b", ""));
	unlink("to/b");
	end_slow(0);
}

/* Only one copy waits for a disk that does not let the daemon clean up. */
TEST_F(on_machine, clean_up_too_slow)
{
	expect_int(start("a"), S_OK);
	hold(REMOVE_DIRECTORY);
	kill(machine->worker, SIGKILL);
	WAIT_UNTIL(machine->held);
	for (int i = 0; i < 2; i++) {
		start_message(&request, in("to/"), "b", 0, 0);
		post();
		if (i == 0)
			end_discard();
		expect_int(hear(), S_OK);
		expect_int(end(CANCEL), S_OK);
	}
	end_slow(0);
}

static void cancel_too_slow(void)
{
	expect_int(start("a"), S_OK);
	end_message(&request, CANCEL);
	post_held(UNLINK);
	end_discard();
	expect_int(hear(), S_OK);
	end_slow(0);
}

/* Fill a half, which the worker cannot write. Returns the offset after it. */
static uint64_t fill_half(uint64_t from)
{
	static const char data[DATA_MAX];
	uint64_t at;

	for (at = from; at < from + WORKER_HALF; at += DATA_MAX) {
		write_message(&request, at, data, DATA_MAX);
		expect_int(ask(), S_OK);
	}
	return at;
}

static uint64_t begin_large_copy(void)
{
	start_message(&request, in("to/made/"), "a", CREATE_PATH, 1 << 20);
	expect_int(ask(), S_OK);
	hold(WRITING);
	return fill_half(0);
}

/* Both halves are full. The next WRITE waits. */
static uint64_t fill_both(void)
{
	uint64_t at = begin_large_copy();
	static const char data[DATA_MAX];

	WAIT_UNTIL(machine->held);
	while (at + DATA_MAX <= 2 * WORKER_HALF) {
		write_message(&request, at, data, DATA_MAX);
		expect_int(ask(), S_OK);
		at += DATA_MAX;
	}
	write_message(&request, at, data, DATA_MAX);
	return at;
}

TEST_F(on_machine, write_too_slow)
{
	char lost[128];
	uint64_t at;

	at = fill_both();
	post();
	expect_int(status_at_limit(), E_TIMEOUT);
	snprintf(lost, sizeof(lost),
		 "lost after %" PRIu64 " of %d bytes: the disk takes too long: "
		 "more than 4 s to write",
		 at, 1 << 20);
	WAIT_UNTIL(says(lost));
	expect_int(ask(), E_TIMEOUT);
	expect_int(end(COMPLETE), E_TIMEOUT);
	end_slow(0);
}

TEST(write_waits_for_room)
{
	/* The host repeats the WRITE with the same id and with a new one. */
	for (int new_id = 0; new_id < 2; new_id++) {
		begin();
		fill_both();
		post();
		request.bytes[24] += new_id;
		post();
		usleep(100000);
		expect(is_silent());
		hold(NOWHERE);
		expect_int(hear(), S_OK);
		expect_int(hear(), S_OK);
		expect_int(end(CANCEL), S_OK);
		end_slow(0);
		rmdir("to/made");
	}
}

/*
 * Stop the daemon while the worker writes data and COMPLETE waits for the
 * result.
 */
TEST(told_to_stop_while_data_is_written)
{
	for (int i = 0; i < 3; i++) {
		begin();
		start_message(&request, in("to/"), "a", OVER_WRITE, 0);
		expect_int(ask(), S_OK);
		hold(WRITING);
		fill_half(0);
		WAIT_UNTIL(machine->held);
		end_message(&request, COMPLETE);
		post();
		usleep(300000);
		if (i != 1) {
			kill(daemon_pid, SIGTERM);
			WAIT_UNTIL(says("ending: "));
		}
		if (i != 0)
			rescind();
		usleep(300000);
		hold(NOWHERE);
		if (i == 0)
			expect_int(hear(), S_OK);
		expect_int(end_of_daemon(), 0);
		end_test(1);
		unlink("to/a");
	}
}

/*
 * More requests than the daemon keeps wait in the ring, and each gets its
 * answer. Each has another status, or the library would take it for a repeat.
 */
TEST_F(on_machine, many_requests_meanwhile)
{
	const unsigned int count = 3 * SESSION_HELD;

	complete_request();
	post_held(SYNC);
	for (unsigned int i = 1; i < count; i++) {
		put32(&request, 20, i);
		post();
	}
	usleep(100000);
	expect(is_silent());
	hold(NOWHERE);
	for (unsigned int i = 0; i < count; i++)
		expect_int(hear(), S_OK);
	end_slow(1);
}

/* Workers that hang for ever have a limit, and the daemon still answers. */
TEST_F(on_machine, many_disks_stand_still)
{
	char directory[32];

	hold(ALLOCATE);
	for (int i = 0; i < WORKERS_MAX; i++) {
		snprintf(directory, sizeof(directory), "to/made%d/", i);
		start_request_in(directory, "a");
		post();
		if (i)
			end_discard();
		WAIT_UNTIL(machine->held == (unsigned int)i + 1);
		negotiate();
	}
	start_request("b");
	post();
	end_discard();
	expect_int(hear(), E_TIMEOUT);
	expect(says("8 earlier copies are still waiting for their disks"));
	hold(NOWHERE);
	end_slow(0);
}

/* The daemon does not wait for such a disk, and neither does the next one. */
TEST(told_to_stop_while_a_request_waits)
{
	enum { WITH_A_START, IDLE, KILLED };

	for (int how = WITH_A_START; how <= KILLED; how++) {
		begin();
		start_request("a");
		post_held(ALLOCATE);
		expect_int(status_at_limit(), E_TIMEOUT);
		if (how == IDLE)
			end_message(&request, CANCEL);
		else
			start_request_in("to/other/", "a");
		post();
		if (how == IDLE)
			expect_int(hear(), S_OK);
		else
			WAIT_UNTIL(machine->held > 1);
		kill(daemon_pid, how == KILLED ? SIGKILL : SIGTERM);
		if (how == WITH_A_START) {
			expect_int(hear(), E_ABORTED);
			end_discard();
		}
		expect_int(end_of_daemon(), how == KILLED ? 128 + SIGKILL : 0);
		forget_daemon();
		/* The next daemon removes what is left. */
		begin_test();
		WAIT_UNTIL(entries("state") == 0);
		stop_test(0);
	}
}

/* The end of the daemon changes nothing about why a copy was lost. */
TEST_F(on_machine, told_to_stop_while_a_start_waits)
{
	expect_int(start("a"), S_OK);
	start_request("b");
	post_held(REMOVE_DIRECTORY);
	kill(daemon_pid, SIGTERM);
	WAIT_UNTIL(says("ending: "));
	end_discard();
	expect_int(hear(), E_ABORTED);
	expect_int(end_of_daemon(), 0);
	expect(says("lost after 0 of 10 bytes: the host cancelled the copy: "
		    "the host started another one"));
	end_test(0);
}

int main(void)
{
	machine_open();
	machine_stops_clock = true;
	test_variant(on_machine, complete_too_slow, "unnamed files", false);
	test_variant(on_machine, complete_too_slow, "named files", true);
	test_variant(on_machine, cancel_too_slow, "named files", true);
	run_tests();
}
