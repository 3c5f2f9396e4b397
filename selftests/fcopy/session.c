// SPDX-License-Identifier: GPL-2.0-only
/* Test one message and its answer: every order, every length. */
#include <sys/syscall.h>

#include "conversation.h"
#include "test_log.h"

static int write_error;

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	if (write_error) {
		errno = write_error;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

static bool copy_is_active(void)
{
	return transfer_active(&inline_transfer);
}

/* The number of copies that were refused or lost since begin_conversation() */
static unsigned int failures(void)
{
	return logged_events[LOG_REFUSED] + logged_events[LOG_LOST];
}

TEST_F(conversation, versions_are_agreed)
{
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	expect_int(get16(&answer, IC_HEADER), 1);
	expect_int(get16(&answer, IC_HEADER + 2), 1);
	expect_int(get32(&answer, IC_HEADER + 8), 3);
	expect_int(get32(&answer, IC_HEADER + 12), 0x10001);
	expect_int(answer.bytes[24], request.bytes[24]);
	expect_int(answer.bytes[25], 5);
}

TEST_F(conversation, no_common_version_ends_a_copy)
{
	expect_int(start("a", 0, 3), S_OK);
	negotiation(&request, 1, 1);
	put32(&request, IC_HEADER + 8, 3);
	put32(&request, IC_HEADER + 12, 9);
	ask();
	expect_int(get32(&answer, IC_HEADER), 0);
	expect_int(answer.bytes[25], 5);
	expect(!copy_is_active());
	expect_int(last_failure.refusal, REFUSAL_VERSION);
	expect_int(start("a", 0, 3), E_NOT_CONNECTED);
	expect_int(send_data(0, "abc"), E_NOT_CONNECTED);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	/* The host has forgotten the copy. */
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(start("a", 0, 3), S_OK);
}

/*
 * A host after servicing or a restore negotiates again, and does not know the
 * copy.
 */
TEST_F(conversation, agreement_in_mid_life_ends_a_copy)
{
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(0, "ab"), S_OK);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	expect(!copy_is_active());
	expect_int(entries("to"), 0);
	expect_int(failures(), 1);
	expect_int(last_failure.refusal, REFUSAL_CANCELLED);
	/* A host that remembers the copy gets its result. */
	expect_int(send_data(2, "c"), E_ABORTED);
	expect_int(end(COMPLETE), E_ABORTED);
	/* The same file, and another one */
	for (int i = 0; i < 2; i++) {
		expect_int(copy(i ? "b" : "a", 0, "abc"), S_OK);
		usual_negotiation(&request);
		expect_int(ask(), S_OK);
		/* This is no repetition: the host has forgotten it, too. */
		expect_int(end(COMPLETE), E_STATE);
	}
	expect_int(failures(), 1);
	expected_files = 2;
}

/*
 * Hyper-V sends the destination as it was typed, and the name of the source
 * file.
 */
TEST_F(conversation, destination_and_source)
{
	expect_int(copy_at(in("to/new"), "source", 0, ""), S_OK);
	expect(holds("to/new", "") && access("to/source", F_OK) < 0);
	expect_int(copy_at(in("to/"), "source", 0, ""), S_OK);
	expect(holds("to/source", ""));
	expect_int(start_at(in("to/new"), "source", 0, 0), E_EXISTS);
	expect_int(copy_at(in("to/new"), "source", OVER_WRITE, "abc"), S_OK);
	expect(holds("to/new", "abc"));
	/* The copy replaces a link, and does not touch what it points to. */
	make_file("victim", "untouched");
	expect(unlink("to/new") == 0 && symlink("../victim", "to/new") == 0);
	expect_int(copy_at(in("to/new"), "source", OVER_WRITE, "abc"), S_OK);
	expect(holds("to/new", "abc") && holds("victim", "untouched"));
	/* Directories that are missing */
	expect_int(start_at(in("to/x/y"), "source", 0, 0), E_NO_PATH);
	expect_int(copy_at(in("to/x/y"), "source", CREATE_PATH, ""), S_OK);
	expect(holds("to/x/y", ""));
	/* Other bits of the flags mean nothing. */
	expect_int(start_at(in("to/new"), "source", ~(OVER_WRITE | CREATE_PATH), 0), E_EXISTS);
	expected_files = 3;
}

TEST_F(conversation, destinations_refused)
{
	/* name.c has more of them. */
	expect_int(start_at("C:\\tmp\\", "a", OVER_WRITE | CREATE_PATH, 0), E_NAME);
	expect(!copy_is_active());
	/* Without an end; half a character */
	start_message(&request, "", "a", 0, 0);
	for (size_t i = 0; i < 260; i++)
		put_unit(&request, DESTINATION, i, i ? 'a' : '/');
	expect_int(ask_fcopy(), E_NAME);
	start_message(&request, "/", "a", 0, 0);
	put_unit(&request, DESTINATION, 1, 0xdc00);
	expect_int(ask_fcopy(), E_NAME);
	expect_int(failures(), 3);
}

/*
 * The name of the source is that of a Windows file. It counts only where the
 * file gets it.
 */
TEST_F(conversation, source_names_count_where_they_are_used)
{
	static const char *const names[] = { "", "..", "a/b" };

	mkdir("to/sub", 0755);
	for (size_t i = 0; i < 3; i++) {
		expect_int(start_at(in("to/sub"), names[i], OVER_WRITE, 0), E_NAME);
		expect_int(start_at(in("to/new/"), names[i], CREATE_PATH, 0), E_NAME);
		expect(!copy_is_active());
		expect_int(copy_at(in("to/file"), names[i], OVER_WRITE, ""), S_OK);
	}
	/* Half a character; a field without an end */
	start_message(&request, in("to/"), "", 0, 0);
	put_unit(&request, SOURCE, 0, 0xd83c);
	expect_int(ask_fcopy(), E_NAME);
	for (size_t i = 0; i < 260; i++)
		put_unit(&request, SOURCE, i, 'a');
	expect_int(ask_fcopy(), E_NAME);
	expect_int(failures(), 8);
	expect_int(entries("to/sub"), 0);
	expected_files = 2;
}

/* The daemon has answered, and then cannot write: the next message gets it. */
TEST_F(conversation, late_error)
{
	expect_int(start("a", 0, 1 << 20), S_OK);
	write_error = EDQUOT;
	expect_int(send_data(0, "abc"), S_OK);
	write_error = 0;
	expect_int(entries("to"), 0);
	expect(strstr(logged, "lost after 3 of 1048576 bytes: "));
	expect_int(send_data(3, "abc"), E_QUOTA);
	expect_int(send_data(3, "abc"), E_QUOTA);
	expect_int(end(CANCEL), S_OK);
	expect_int(end(COMPLETE), E_STATE);
}

TEST_F(conversation, refusals_of_the_policy)
{
	policy.everywhere.settings.max_size = 2;
	expect_int(start("a", 0, 3), E_TOO_LARGE);
	PLACES("+other");
	expect_int(start("a", 0, 3), E_ACCESS);
	expect_int(last_failure.refusal, REFUSAL_RULE);
	/* A section shuts the place. */
	PLACES("-to");
	expect_int(start("b", 0, 3), E_POLICY);
	expect_int(last_failure.refusal, REFUSAL_DISABLED);
	expect_int(send_data(0, "abc"), E_POLICY);
	expect_int(end(CANCEL), S_OK);
}

TEST_F(conversation, data_without_a_copy)
{
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(end(CANCEL), S_OK);
	expect_int(copy("a", 0, ""), S_OK);
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(end(CANCEL), S_OK);
	expect(holds("to/a", ""));
	expected_files = 1;
}

/* The kernel tree's daemon makes a file of that size. */
TEST_F(conversation, offsets_that_leave_a_gap)
{
	static const uint64_t offsets[] = { 3,		4096,		1ull << 40,
					    1ull << 63, UINT64_MAX - 1, UINT64_MAX };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		expect_int(start("a", 0, 10), S_OK);
		expect_int(send_data(offsets[i], "abc"), E_INVALID_ARG);
		expect_int(entries("to"), 0);
	}
}

TEST_F(conversation, failure_is_told_until_the_end)
{
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(1, "b"), E_INVALID_ARG);
	expect_int(entries("to"), 0);
	expect_int(send_data(0, "abc"), E_INVALID_ARG);
	expect_int(send_data(0, "abc"), E_INVALID_ARG);
	expect_int(end(COMPLETE), E_INVALID_ARG);
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(end(COMPLETE), E_STATE);

	expect_int(start("a", 0, 3), S_OK);
	expect_int(end(COMPLETE), E_INCOMPLETE);
	expect_int(end(CANCEL), S_OK);
	expect_int(end(COMPLETE), E_STATE);

	make_file("to/b", "");
	expect_int(start("b", 0, 3), E_EXISTS);
	expect_int(send_data(0, "abc"), E_EXISTS);
	expect_int(end(CANCEL), S_OK);
	expect_int(send_data(0, "abc"), E_STATE);
	expected_files = 1;
}

TEST_F(conversation, cancel)
{
	expect_int(start_at(in("to/new/"), "a", CREATE_PATH, 6), S_OK);
	expect_int(send_data(0, "abc"), S_OK);
	expect_int(end(CANCEL), S_OK);
	expect(!copy_is_active());
	expect_int(entries("to"), 0);
}

TEST_F(conversation, start_during_a_copy)
{
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(0, "abc"), S_OK);
	expect_int(copy("b", 0, "b"), S_OK);
	expect(holds("to/b", "b"));
	/* Also if the new one is refused */
	expect_int(start("a", 0, 3), S_OK);
	expect_int(start("b", 0, 1), E_EXISTS);
	expect(!copy_is_active());
	expect_int(start("a", 0, 3), S_OK);
	expect_int(start("..", 0, 1), E_NAME);
	expect(!copy_is_active());
	/* And when it is too short to be one */
	expect_int(start("a", 0, 3), S_OK);
	end_message(&request, START);
	expect_int(ask_fcopy(), E_INVALID_ARG);
	expect(!copy_is_active());
	expect_int(send_data(0, "abc"), E_INVALID_ARG);
	expect_int(end(COMPLETE), E_INVALID_ARG);
	expected_files = 1;
}

static void change_transaction(void)
{
	request.bytes[24] += 77;
}

/* Send the last request again, and with another transaction id. */
static void expect_again(uint32_t status)
{
	expect_int(ask_fcopy(), status);
	change_transaction();
	expect_int(ask_fcopy(), status);
}

/* The host retries what was not answered in time; both get an answer. */
TEST_F(conversation, each_message_again)
{
	expect_int(start("a", 0, 9), S_OK);
	expect_again(S_OK);
	expect_int(send_data(0, "abc"), S_OK);
	expect_again(S_OK);
	expect_int(send_data(3, "def"), S_OK);
	expect_again(S_OK);
	expect_int(send_data(6, "ghi"), S_OK);
	expect_again(S_OK);
	expect_int(served_session->received, 9);
	expect_int(end(COMPLETE), S_OK);
	expect_again(S_OK);
	expect(holds("to/a", "abcdefghi"));
	expect_int(logged_events[LOG_RECEIVED], 1);
	expect_int(failures(), 0);
	/* A new copy is no retry, even if its START has the same bytes. */
	expect_int(start("a", 0, 9), E_EXISTS);
	expect_again(E_EXISTS);
	expect_int(end(COMPLETE), E_EXISTS);
	expect_again(E_EXISTS);

	/* A file without data */
	expect_int(start("empty", 0, 0), S_OK);
	expect_again(S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect_again(S_OK);
	expect(holds("to/empty", ""));

	/* A START after the first data is another copy of the same file. */
	expect_int(start("b", 0, 3), S_OK);
	expect_int(send_data(0, "xyz"), S_OK);
	expect_int(start("b", 0, 3), S_OK);
	expect_int(served_session->received, 0);
	expect_int(send_data(0, "abc"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/b", "abc"));

	/* The daemon does not retry after a failure, which the host knows. */
	expect_int(start("c", 0, 3), S_OK);
	expect_int(end(COMPLETE), E_INCOMPLETE);
	expect_again(E_INCOMPLETE);
	expect_int(end(CANCEL), S_OK);
	expect_again(S_OK);

	/* Another size, another flag: another copy */
	expect_int(start("d", 0, 3), S_OK);
	expect_int(start("d", 0, 4), S_OK);
	expect_int(served_session->start.announced, 4);
	expect_int(start("d", OVER_WRITE, 4), S_OK);
	expect(served_session->start.request.force);
	expected_files = 3;
}

TEST_F(conversation, copy_without_messages_expires)
{
	session_tick(served_session), served_run();
	expect_int(start("a", 0, 6), S_OK);
	/* The same START restarts the time, and so does data. */
	served_session->latest -= (SESSION_IDLE_SECONDS - 60) * 1000ull;
	expect_int(start("a", 0, 6), S_OK);
	served_session->latest -= (SESSION_IDLE_SECONDS - 60) * 1000ull;
	session_tick(served_session), served_run();
	expect_int(send_data(0, "abc"), S_OK);
	served_session->latest -= (SESSION_IDLE_SECONDS - 60) * 1000ull;
	session_tick(served_session), served_run();
	expect(copy_is_active());
	/* Other messages do not belong to the copy. */
	served_session->latest -= (SESSION_IDLE_SECONDS) * 1000ull;
	expect_int(end(99), E_NOT_SUPPORTED);
	session_tick(served_session), served_run();
	expect(!copy_is_active());
	expect_int(entries("to"), 0);
	expect_int(send_data(3, "def"), E_TIMEOUT);
	expect_int(end(COMPLETE), E_TIMEOUT);
	expect_int(end(COMPLETE), E_TIMEOUT);
}

TEST_F(conversation, copy_ended_from_this_side)
{
	struct failure stopped;

	refusal_set(&stopped, REFUSAL_STOPPED, "%s", "");
	expect(!session_abort(served_session, &stopped));
	/* The answer from before does not count. */
	expect_int(send_data(0, "abc"), E_STATE);
	for (int i = 0; i < 2; i++) {
		expect_int(start("a", 0, 6), S_OK);
		expect_int(send_data(0, "abc"), S_OK);
		expect(session_abort(served_session, &stopped));
		expect(!session_abort(served_session, &stopped));
		expect_int(served_run(), 0);
		expect_int(entries("to"), 0);
		expect_int(last_failure.refusal, REFUSAL_STOPPED);
		/* Only WRITE and COMPLETE tell it. */
		expect_int(end(99), E_NOT_SUPPORTED);
		expect(!served_session->verdict.told);
		if (i == 0)
			expect_int(send_data(3, "def"), E_ABORTED);
		else
			expect_int(end(COMPLETE), E_ABORTED);
		expect(served_session->verdict.told);
		expect_int(end(COMPLETE), E_ABORTED);
		expect_int(send_data(3, "def"), E_STATE);
		expect_int(end(COMPLETE), E_STATE);
	}
}

/* A START that waits for a worker must not begin a copy without its host. */
TEST_F(conversation, waiting_start_ends_with_the_device)
{
	inline_cleaning = true;
	start_message(&request, in("to/"), "a", 0, 3);
	expect_int(ask(), SILENCE);
	expect_int(served_session->held_count, 1);
	vmbus_close(served_host);
	served_host = NULL;
	expect_int(served_run(), -ENODEV);
	inline_cleaning = false;
	session_reap(served_session);
	expect_int(served_session->held_count, 0);
	expect_int(last_failure.refusal, REFUSAL_STOPPED);
	expect(!session_busy(served_session) && !copy_is_active());
}

TEST_F(conversation, each_end_is_told_with_its_numbers)
{
	expect_int(start("a", 0, 6), S_OK);
	expect(last_copy.event == LOG_STARTED && last_copy.size == 6 && last_copy.received == 0);
	expect(!last_copy.failure && !strcmp(last_copy.file, in("to/a")));
	expect_int(send_data(0, "abc"), S_OK);
	usleep(20000);
	expect_int(end(COMPLETE), E_INCOMPLETE);
	expect(last_copy.event == LOG_LOST && last_copy.received == 3 && last_copy.usec >= 2000);
	expect(last_copy.failure && last_copy.failure->refusal == REFUSAL_INCOMPLETE);
	expect(strstr(logged, "lost after 3 of 6 bytes: "));
	expect(strstr(logged, "nothing is left of it"));
	expect_int(copy("a", 0, "abcdef"), S_OK);
	expect(last_copy.event == LOG_RECEIVED && last_copy.received == 6 && !last_copy.failure);
	expect(!strstr(logged, "the host announced"));
	expect_int(start_at(in("to"), "a", 0, 1), E_EXISTS);
	expect(last_copy.event == LOG_REFUSED && last_copy.size == 1);
	expect(!strcmp(last_copy.file, in("to/a")));
	expect(last_copy.failure && last_copy.failure->refusal == REFUSAL_EXISTS);
	expect_int(start("..", 0, 1), E_NAME);
	expect(last_copy.event == LOG_REFUSED);
	/* Both numbers are in one line. */
	expect_int(start("b", 0, 2), S_OK);
	expect_int(send_data(0, "abcdef"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(strstr(logged, "received 6 bytes (the host announced 2)"));
	expected_files = 2;
}

TEST_F(conversation, unknown_operations_and_types)
{
	expect_int(start("a", 0, 1), S_OK);
	expect_int(end(4), E_NOT_SUPPORTED);
	expect_int(end(UINT32_MAX), E_NOT_SUPPORTED);
	for (int type = 1; type < 20; type++) {
		if (type == FCOPY)
			continue;
		message(&request, type, 64);
		expect_int(ask_fcopy(), E_NOT_SUPPORTED);
	}
	/* The copy has not noticed. */
	expect_int(send_data(0, "a"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expected_files = 1;
}

/* The length of a packet of @n bytes in the ring */
static size_t padded(size_t n)
{
	return (n + 7) / 8 * 8;
}

/* Try every packet length, with the announced and the real one. */
TEST_F(conversation, every_length_of_start)
{
	struct message whole;

	start_message(&whole, in("to/"), "a", 0, 0);
	for (size_t n = IC_HEADER; n < START_SIZE; n++) {
		uint64_t failed = failures();

		request = whole;
		request.length = n;
		memset(request.bytes + n, 0xaa, 64);
		if (padded(n) < START_SIZE)
			expect_int(ask(), E_INVALID_ARG);
		put32(&request, 4, n - 8);
		expect_int(ask(), E_INVALID_ARG);
		/* A packet that is recognizable as a START counts. */
		expect_int(failures(), failed + (n >= END_SIZE));
	}
	expect(!copy_is_active());
	/* The packet has room for padding. */
	request = whole;
	request.length = START_SIZE + 4;
	expect_int(ask(), S_OK);
}

TEST_F(conversation, every_length_of_write)
{
	struct message whole;
	char data[64];

	memset(data, 'd', sizeof(data));
	write_message(&whole, 0, data, sizeof(data));
	for (size_t n = IC_HEADER; n < whole.length; n++) {
		expect_int(start("a", 0, 64), S_OK);
		request = whole;
		request.length = n;
		put32(&request, 4, n - 8);
		expect_int(ask(), E_INVALID_ARG);
		/* Too short to be a WRITE, it has not ended the copy. */
		expect(copy_is_active() == (n < END_SIZE));
	}
}

/* The kernel tree's daemon writes bytes from behind the packet. */
TEST_F(conversation, sizes_of_write)
{
	static const uint32_t bad[] = { 9, DATA_MAX, DATA_MAX + 1, 65536, 0x7fffffff, 0xffffffff };
	static const char data[DATA_MAX + 1];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_int(start("a", 0, 1 << 20), S_OK);
		write_message(&request, 0, "abc", 3);
		put32(&request, IC_HEADER + 48, bad[i]);
		expect_int(ask(), E_INVALID_ARG);
	}
	/* The packet has more bytes than a WRITE may have. */
	expect_int(start("a", 0, 1 << 20), S_OK);
	write_message(&request, 0, data, sizeof(data));
	expect_int(ask(), E_INVALID_ARG);
}

TEST_F(conversation, pipe_sizes)
{
	static const uint32_t bad[] = {
		0, 1, 19, 57, 0x7fffffff, 0xfffffff7, 0xfffffff8, 0xffffffff
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		end_message(&request, CANCEL);
		put32(&request, 4, bad[i]);
		expect_int(ask_fcopy(), E_INVALID_ARG);
	}
}

TEST_MAIN
