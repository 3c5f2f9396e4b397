// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test blocked disks while the host continues: the test holds the daemon's
 * thread in a function of libc.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/exchange.h"
#include "disk.h"
#include "fcopy_test.h"
#include "host.h"
#include "no_tmpfile.h"
#include "test_log.h"

/* The limit from the Makefile */
#define LIMIT SESSION_LIMIT_MSEC

enum delay { NOWHERE, ALLOCATE, WRITING, SYNC, LINKING, SYNC_DIRECTORY, UNLINK };

static struct vmbus_chan *guest, *host;
static struct exchange exchange;
static struct policy policy = POLICY_DEFAULTS;
static struct message request, answer;
static uint64_t transaction;

/*
 * Where the test holds the thread, whether it does, and how often the thread
 * has called fallocate()
 */
static atomic_int held_at, held, allocations;

static void pass(enum delay place)
{
	if (place != (enum delay)held_at)
		return;
	held = 1;
	WAIT_UNTIL(!held_at);
	held = 0;
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	allocations++;
	pass(ALLOCATE);
	return syscall(SYS_fallocate, fd, mode, offset, length);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	pass(WRITING);
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fsync(int fd)
{
	struct stat st;

	pass(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? SYNC_DIRECTORY : SYNC);
	return syscall(SYS_fsync, fd);
}

int linkat(int from, const char *name, int to, const char *target, int flags)
{
	pass(LINKING);
	return syscall(SYS_linkat, from, name, to, target, flags);
}

int unlinkat(int dir, const char *name, int flags)
{
	pass(UNLINK);
	return syscall(SYS_unlinkat, dir, name, flags);
}

static bool has_no_tmpfile(void)
{
	return variant;
}

/* The daemon's clock in milliseconds, which only the test advances */
static atomic_long clock_msec = 1000000000;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = (struct timespec){
		.tv_sec = clock_msec / 1000,
		.tv_nsec = clock_msec % 1000 * 1000000,
	};
	return 0;
}

static uint64_t post(void)
{
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, ++transaction, request.bytes,
			      request.length),
		   0);
	return transaction;
}

/* Run the daemon's loop once. Return the transaction of an answer, or 0. */
static uint64_t run_once(void)
{
	struct vmbus_packet packet;

	expect_int(exchange_run(&exchange), 0);
	return vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)) ?
		       0 :
		       packet.transaction_id;
}

/* Check that the daemon answers nothing while @msec pass. */
static void expect_silence(int msec)
{
	expect_int(run_once(), 0);
	clock_msec += msec;
	expect_int(run_once(), 0);
}

static uint32_t status_to(uint64_t id)
{
	uint64_t answered;

	WAIT_UNTIL((answered = run_once()));
	return expect_int(answered, id) ? status_of(&answer) : UINT32_MAX;
}

static uint32_t ask(void)
{
	return status_to(post());
}

static void start_request(const char *name)
{
	start_message(&request, in("to/made/"), name, CREATE_PATH, 10);
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

static void begin_test(void)
{
	mkdir("to", 0755);
	policy.everywhere.settings.min_free_default = false;
	policy.everywhere.settings.min_free = policy.everywhere.settings.min_free_percent = 0;
	expect_int(vmbus_open_pair(sysconf(_SC_PAGESIZE) > 4096 ? 2 * sysconf(_SC_PAGESIZE) : 40960,
				   0, &guest, &host),
		   0);
	exchange_init(&exchange, guest, journal_open("state"), &policy);
	expect_int(work_open(&exchange.session.work), 0);
	held_at = NOWHERE;
	allocations = 0;
	logged[0] = '\0';
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
}

static void hold(enum delay place)
{
	held_at = place;
}

/* Post the request, and wait until it blocks the thread. */
static uint64_t post_held(void)
{
	uint64_t id = post();

	WAIT_UNTIL((expect_int(exchange_run(&exchange), 0), held));
	return id;
}

static void let_go(void)
{
	held_at = NOWHERE;
	expect(session_settle(&exchange.session, INT_MAX));
	expect_silence(0);
}

/*
 * Check that the disk and copies work again. @files: in the directory, without
 * the last one
 */
static void end_test(int files)
{
	let_go();
	if (!files)
		expect_int(entries("to"), 0);
	else
		expect_int(entries("to/made"), files);
	expect_int(entries("state"), 0);
	expect_int(start("last"), S_OK);
	expect_int(send_data(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/last", "0123456789"));
	expect_int(entries("to/made"), files + 1);
	expect_int(entries("state"), 0);
	work_close(&exchange.session.work);
	close(exchange.session.transfer.journal);
	vmbus_close(guest);
	vmbus_close(host);
}

static void expect_totals(unsigned int files, unsigned int failed)
{
	struct transfer_totals totals;

	transfer_totals(&exchange.session.transfer, &totals);
	expect_int(totals.files, files);
	expect_int(totals.failed, failed);
}

/* The answer must come at the limit, not sooner. */
static uint32_t status_at_limit(uint64_t id)
{
	expect_silence(LIMIT - 1);
	clock_msec++;
	return status_to(id);
}

static void start_too_slow(void)
{
	static const enum delay places[] = { ALLOCATE, SYNC_DIRECTORY };

	for (int i = 0; i < 2; i++) {
		begin_test();
		hold(places[i]);
		start_request("a");
		expect_int(status_at_limit(post_held()), E_TIMEOUT);
		expect(strstr(logged,
			      "refused: the disk takes too long: more than 2 s to make room"));
		expect_totals(0, 1);
		let_go();
		expect(strstr(logged, "nothing is left of the copy"));
		expect_totals(0, 1);
		end_test(0);
		rmdir("to/made");
		unlink("to/made/last");
		rmdir("to/made");
	}
}

static void start_again_meanwhile(void)
{
	uint64_t first, second;

	begin_test();
	hold(ALLOCATE);
	start_request("a");
	first = post_held();
	second = post();
	expect_silence(LIMIT - 1);
	held_at = NOWHERE;
	expect_int(status_to(first), S_OK);
	expect_int(status_to(second), S_OK);
	expect_int(allocations, 1);
	expect_int(send_data(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect_totals(1, 0);
	end_test(1);
}

static void start_again_gets_the_refusal(void)
{
	uint64_t first, second;

	begin_test();
	hold(ALLOCATE);
	start_request("a");
	first = post_held();
	second = post();
	expect_int(status_at_limit(first), E_TIMEOUT);
	expect_int(status_to(second), E_TIMEOUT);
	expect_int(allocations, 1);
	/*
	 * Another START waits for the thread. What needs no disk has its
	 * answer.
	 */
	write_message(&request, 0, "0123456789", 10);
	expect_int(status_to(post()), E_TIMEOUT);
	start_request("b");
	expect_int(status_at_limit(post()), E_TIMEOUT);
	expect(strstr(logged, "another copy is still waiting for its disk: "));
	expect_totals(0, 2);
	start_request("c");
	first = post();
	expect_silence(0);
	held_at = NOWHERE;
	expect_int(status_to(first), S_OK);
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	end_test(0);
}

/* The user retries, and the disk still blocks: that is another failed copy. */
static void later_start_is_a_copy_of_its_own(void)
{
	uint64_t id;

	begin_test();
	hold(ALLOCATE);
	start_request("a");
	expect_int(status_at_limit(post_held()), E_TIMEOUT);
	expect_totals(0, 1);
	expect_int(status_at_limit(post()), E_TIMEOUT);
	expect_totals(0, 2);
	id = post();
	expect_silence(0);
	held_at = NOWHERE;
	expect_int(status_to(id), S_OK);
	expect_int(allocations, 2);
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	end_test(0);
}

static void complete_request(void)
{
	expect_int(start("a"), S_OK);
	expect_int(send_data(), S_OK);
	end_message(&request, COMPLETE);
}

static void complete_too_slow(void)
{
	uint64_t second;

	begin_test();
	complete_request();
	hold(SYNC);
	expect_int(status_at_limit(post_held()), E_TIMEOUT);
	expect(strstr(logged,
		      "lost after 10 of 10 bytes: the disk takes too long: "
		      "more than 2 s to sync the file; it is removed when the disk answers"));
	second = post();
	expect_int(status_to(second), E_TIMEOUT);
	expect_totals(0, 1);
	let_go();
	expect_totals(0, 1);
	expect_int(ask(), E_TIMEOUT);
	end_test(0);
}

static void complete_again_meanwhile(void)
{
	uint64_t first, second;

	begin_test();
	complete_request();
	hold(SYNC);
	first = post_held();
	second = post();
	expect_silence(LIMIT - 1);
	held_at = NOWHERE;
	expect_int(status_to(first), S_OK);
	expect_int(status_to(second), S_OK);
	expect_totals(1, 0);
	end_test(1);
}

/* The file is in place, and only its directory is not synced. */
static void complete_placed(void)
{
	begin_test();
	complete_request();
	hold(SYNC_DIRECTORY);
	expect_int(status_at_limit(post_held()), S_OK);
	expect(holds("to/made/a", "0123456789"));
	expect(strstr(logged, "the file is in place"));
	expect_int(ask(), S_OK);
	let_go();
	expect_totals(1, 0);
	end_test(1);
}

/*
 * Nobody can know whether the file will appear. When it has, the same COMPLETE
 * is a success.
 */
static void complete_placing(void)
{
	begin_test();
	complete_request();
	hold(LINKING);
	expect_int(status_at_limit(post_held()), E_TIMEOUT);
	expect(strstr(logged, "the file may still appear"));
	let_go();
	expect(holds("to/made/a", "0123456789"));
	expect_int(ask(), S_OK);
	expect_totals(1, 0);
	end_test(1);
}

static void negotiate_meanwhile(void)
{
	for (int i = 0; i < 2; i++) {
		begin_test();
		if (i == 0)
			start_request("a");
		else
			complete_request();
		hold(i ? SYNC : ALLOCATE);
		post_held();
		post();
		usual_negotiation(&request);
		expect_int(status_to(post()), S_OK);
		/* What was asked before is forgotten. */
		expect_silence(0);
		end_message(&request, COMPLETE);
		expect_int(status_to(post()), E_ABORTED);
		expect_totals(0, 1);
		end_test(0);
		unlink("to/made/last");
		rmdir("to/made");
	}
}

static void cancel_meanwhile(void)
{
	uint64_t complete, cancel;

	begin_test();
	complete_request();
	hold(SYNC);
	complete = post_held();
	end_message(&request, CANCEL);
	cancel = post();
	expect_int(status_to(complete), E_ABORTED);
	expect_silence(0);
	held_at = NOWHERE;
	expect_int(status_to(cancel), S_OK);
	expect_int(entries("to"), 0);
	end_test(0);
}

/* A START that hangs, its CANCEL, and the same START again */
static void start_again_after_cancel(void)
{
	uint64_t first, cancel;

	begin_test();
	hold(ALLOCATE);
	start_request("a");
	first = post_held();
	end_message(&request, CANCEL);
	cancel = post();
	expect_int(status_to(first), E_ABORTED);
	expect_int(status_at_limit(cancel), S_OK);
	start_request("a");
	/* No copy exists yet. */
	first = post();
	expect_silence(0);
	held_at = NOWHERE;
	expect_int(status_to(first), S_OK);
	expect_int(allocations, 2);
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	end_test(0);
}

static void cancel_too_slow(void)
{
	begin_test();
	expect_int(start("a"), S_OK);
	hold(UNLINK);
	end_message(&request, CANCEL);
	expect_int(status_at_limit(post_held()), S_OK);
	end_test(0);
}

/*
 * Fill the buffer, so that the thread writes it. Returns the offset of the next
 * byte.
 */
static uint64_t fill_buffer(void)
{
	static const char data[DATA_MAX];
	uint64_t at;

	start_message(&request, in("to/made/"), "a", CREATE_PATH, 1 << 20);
	expect_int(ask(), S_OK);
	hold(WRITING);
	for (at = 0; at < BUFFER_PIECE; at += DATA_MAX) {
		write_message(&request, at, data, DATA_MAX);
		expect_int(ask(), S_OK);
	}
	return at;
}

static void write_too_slow(void)
{
	char lost[128];
	uint64_t at;

	begin_test();
	at = fill_buffer();
	write_message(&request, at, "0123456789", 10);
	expect_int(status_at_limit(post_held()), E_TIMEOUT);
	snprintf(lost, sizeof(lost),
		 "lost after %" PRIu64 " of %d bytes: the disk takes too long: "
		 "more than 2 s to write",
		 at, 1 << 20);
	expect(strstr(logged, lost));
	expect_int(status_to(post()), E_TIMEOUT);
	end_message(&request, COMPLETE);
	expect_int(status_to(post()), E_TIMEOUT);
	expect_totals(0, 1);
	end_test(0);
}

static void write_again_meanwhile(void)
{
	uint64_t at, first, second;

	begin_test();
	at = fill_buffer();
	write_message(&request, at, "0123456789", 10);
	first = post_held();
	second = post();
	expect_silence(0);
	held_at = NOWHERE;
	expect_int(status_to(first), S_OK);
	expect_int(status_to(second), S_OK);
	expect_int(exchange.session.transfer.received, at + 10);
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	end_test(0);
}

/*
 * More requests than the daemon keeps wait in the ring, and each gets its
 * answer, in order.
 */
static void many_requests_meanwhile(void)
{
	const unsigned int count = 3 * EXCHANGE_HELD;
	uint64_t first;

	begin_test();
	complete_request();
	hold(SYNC);
	first = post_held();
	for (unsigned int i = 1; i < count; i++)
		post();
	expect_silence(0);
	expect_int(exchange_events(&exchange), 0);
	held_at = NOWHERE;
	for (unsigned int i = 0; i < count; i++)
		expect_int(status_to(first + i), S_OK);
	expect_totals(1, 0);
	end_test(1);
}

/*
 * The host rescinds the device, or the machine is suspended, while a disk
 * blocks.
 */
static void device_opened_again_meanwhile(void)
{
	struct failure lost;

	begin_test();
	hold(ALLOCATE);
	start_request("a");
	post_held();
	refusal_set(&lost, REFUSAL_DEVICE, "%s", "");
	expect(session_abort(&exchange.session, &lost));
	exchange_reopen(&exchange, guest, false);
	usual_negotiation(&request);
	expect_int(status_to(post()), S_OK);
	expect_silence(0);
	end_test(0);
}

int main(void)
{
	test(start_too_slow);
	test(start_again_meanwhile);
	test(start_again_gets_the_refusal);
	test(later_start_is_a_copy_of_its_own);
	test_variant(complete_too_slow, "unnamed files", false);
	test_variant(complete_too_slow, "named files", true);
	test(complete_again_meanwhile);
	test(complete_placed);
	test(complete_placing);
	test(negotiate_meanwhile);
	test(cancel_meanwhile);
	test(start_again_after_cancel);
	test_variant(cancel_too_slow, "named files", true);
	test(write_too_slow);
	test(write_again_meanwhile);
	test(many_requests_meanwhile);
	test(device_opened_again_meanwhile);
	run_tests();
}
