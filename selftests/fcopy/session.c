// SPDX-License-Identifier: GPL-2.0-only
/* One message and its answer: every order, every length. */
#include "../../daemons/fcopy/protocol.h"
#include "fcopy_test.h"
#include "host.h"

static struct session session;
static struct policy policy = POLICY_DEFAULTS;
static struct message request, answer;

#define SILENCE 0xffffffffu

/* What the session says to `request`; the answer stays in `answer`. */
static uint32_t ask(void)
{
	answer = request;
	if (!session_answer(&session, answer.bytes, answer.length)) {
		expect(!memcmp(answer.bytes, request.bytes, request.length));
		return SILENCE;
	}
	/* Nothing behind the message was touched. */
	expect(!memcmp(answer.bytes + answer.length, request.bytes + request.length,
		       sizeof(answer.bytes) - answer.length));
	return status_of(&answer);
}

static uint32_t ask_fcopy(void)
{
	uint32_t status = ask();

	expect(is_answer(&answer, &request));
	return status;
}

static uint32_t start(const char *name, uint32_t flags, uint64_t size)
{
	start_message(&request, in("to/"), name, flags, size);
	return ask_fcopy();
}

static uint32_t send_data(uint64_t offset, const char *text)
{
	write_message(&request, offset, text, strlen(text));
	return ask_fcopy();
}

static uint32_t end(uint32_t operation)
{
	end_message(&request, operation);
	return ask_fcopy();
}

static void begin_test(void)
{
	mkdir("to", 0755);
	session_init(&session, -1, &policy);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
}

static void end_test(int files)
{
	transfer_discard(&session.transfer, -ECANCELED, "the test is over");
	expect_int(entries("to"), files);
}

static void versions_are_agreed(void)
{
	session_init(&session, -1, &policy);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	expect_int(get16(&answer, IC_HEADER), 1);
	expect_int(get16(&answer, IC_HEADER + 2), 1);
	expect_int(get32(&answer, IC_HEADER + 8), 3);
	expect_int(get32(&answer, IC_HEADER + 12), 0x10001);
	expect_int(answer.bytes[24], request.bytes[24]);
	expect_int(answer.bytes[25], 5);
	expect(session.agreed);
}

static void framework_of_2008_agreed(void)
{
	session_init(&session, -1, &policy);
	negotiation(&request, 1, 1);
	put32(&request, IC_HEADER + 8, 1);
	put32(&request, IC_HEADER + 12, 0x10001);
	expect_int(ask(), S_OK);
	expect_int(get32(&answer, IC_HEADER + 8), 1);
	expect(session.agreed);
}

static void no_common_version_ends_a_copy(void)
{
	begin_test();
	expect_int(start("a", 0, 3), S_OK);
	negotiation(&request, 1, 1);
	put32(&request, IC_HEADER + 8, 3);
	put32(&request, IC_HEADER + 12, 9);
	ask();
	expect_int(get32(&answer, IC_HEADER), 0);
	expect_int(answer.bytes[25], 5);
	expect(!transfer_active(&session.transfer));
	expect_int(start("a", 0, 3), E_NOT_CONNECTED);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	expect_int(start("a", 0, 3), S_OK);
	end_test(0);
}

static void agreement_in_mid_life_keeps_a_copy(void)
{
	begin_test();
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(0, "ab"), S_OK);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	expect_int(send_data(2, "c"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/a", "abc"));
	end_test(1);
}

static void negotiations_with_impossible_lengths(void)
{
	static const struct { uint16_t frameworks, services; size_t length; } bad[] = {
		{ 2, 2, 28 }, { 2, 2, 35 }, { 2, 2, 36 }, { 2, 2, 51 }, { 0xffff, 0xffff, 52 },
		{ 0xffff, 1, 52 }, { 101, 1, 444 + 4 }, { 0, 0, 36 }, { 0, 1, 40 }, { 1, 0, 40 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		session_init(&session, -1, &policy);
		message(&request, NEGOTIATE, bad[i].length);
		put16(&request, IC_HEADER, bad[i].frameworks);
		put16(&request, IC_HEADER + 2, bad[i].services);
		expect(ask() != SILENCE);
		expect(!session.agreed);
	}
}

static void operations_before_agreement(void)
{
	mkdir("to", 0755);
	session_init(&session, -1, &policy);
	expect_int(start("a", 0, 3), E_NOT_CONNECTED);
	expect_int(send_data(0, "abc"), E_NOT_CONNECTED);
	expect_int(end(COMPLETE), E_NOT_CONNECTED);
	expect_int(end(CANCEL), E_NOT_CONNECTED);
	expect_int(end(99), E_NOT_CONNECTED);
	expect_int(entries("to"), 0);
}

static void whole_copy(void)
{
	begin_test();
	expect_int(start("a", 0, 6), S_OK);
	expect_int(send_data(0, "abc"), S_OK);
	expect_int(send_data(3, "def"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/a", "abcdef"));
	end_test(1);
}

static void names_beyond_ascii(void)
{
	static const uint16_t units[] = { 0xfc, 0x65e5, 0xd83c, 0xdf89 };

	begin_test();
	start_message(&request, in("to"), "", 0, 0);
	for (size_t i = 0; i < 4; i++)
		put16(&request, IC_HEADER + OPERATION + 2 * i, units[i]);
	expect_int(ask_fcopy(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/\xc3\xbc\xe6\x97\xa5\xf0\x9f\x8e\x89", ""));
	end_test(1);
}

static void names_refused(void)
{
	static const char *const names[] = { "", ".", "..", "../a", "a/b", "a\\b", "a\nb" };
	static const char *const directories[] = { "", "tmp", "C:\\tmp\\", "C:/tmp", "/..", "/tmp/..",
						   "/tmp/../tmp" };

	begin_test();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_int(start(names[i], OVER_WRITE | CREATE_PATH, 0), E_NAME);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		start_message(&request, directories[i], "a", OVER_WRITE | CREATE_PATH, 0);
		expect_int(ask_fcopy(), E_NAME);
	}
	/* Without an end; half a character */
	start_message(&request, in("to"), "", 0, 0);
	for (size_t i = 0; i < 260; i++)
		put16(&request, IC_HEADER + OPERATION + 2 * i, 'a');
	expect_int(ask_fcopy(), E_NAME);
	start_message(&request, in("to"), "", 0, 0);
	put16(&request, IC_HEADER + OPERATION, 0xd83c);
	expect_int(ask_fcopy(), E_NAME);
	expect(!transfer_active(&session.transfer));
	end_test(0);
}

static void each_refusal_has_its_code(void)
{
	char name[257];

	begin_test();
	make_file("to/file", "");
	mkdir("to/directory", 0755);
	expect_int(start("file", 0, 0), E_EXISTS);
	expect_int(start("directory", OVER_WRITE, 0), E_DIRECTORY);
	expect_int(start("a", 0, UINT64_MAX), E_TOO_LARGE);
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	expect_int(start(name, 0, 0), 0x800700ce);
	start_message(&request, in("none"), "a", 0, 0);
	expect_int(ask_fcopy(), E_NO_PATH);
	start_message(&request, in("to/file"), "a", 0, 0);
	expect_int(ask_fcopy(), E_NO_PATH);
	start_message(&request, "/proc", "a", 0, 0);
	expect_int(ask_fcopy(), E_ACCESS);
	start_message(&request, "/dev", "a", 0, 0);
	expect_int(ask_fcopy(), E_ACCESS);
	end_test(2);
}

static void refusals_of_the_policy(void)
{
	struct policy_rule deny = { .allow = false, .directory = (char *)in("to") };

	begin_test();
	policy.max_size = 2;
	expect_int(start("a", 0, 3), E_TOO_LARGE);
	policy.max_size = UINT64_MAX;
	policy.rules = &deny;
	policy.count = 1;
	expect_int(start("a", 0, 3), E_ACCESS);
	policy.count = 0;

	/* Switched off in the middle of a copy: that one is completed, the next refused. */
	expect_int(start("a", 0, 3), S_OK);
	policy.enable = false;
	expect_int(send_data(0, "abc"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect_int(start("b", 0, 3), E_POLICY);
	expect_int(send_data(0, "abc"), E_POLICY);
	expect_int(end(CANCEL), S_OK);
	policy = (struct policy)POLICY_DEFAULTS;
	expect_int(start("b", 0, 3), S_OK);
	end_test(1);
}

static void data_without_a_copy(void)
{
	begin_test();
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(end(CANCEL), S_OK);
	expect_int(start("a", 0, 0), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(end(CANCEL), S_OK);
	expect(holds("to/a", ""));
	end_test(1);
}

static void failure_is_told_until_the_end(void)
{
	begin_test();
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(1, "b"), E_INVALID_ARG);
	expect_int(entries("to"), 0);
	expect_int(send_data(0, "abc"), E_INVALID_ARG);
	expect_int(end(COMPLETE), E_INVALID_ARG);
	expect_int(end(COMPLETE), E_STATE);

	expect_int(start("a", 0, 3), S_OK);
	expect_int(end(COMPLETE), E_INCOMPLETE);
	expect_int(end(COMPLETE), E_STATE);

	make_file("to/b", "");
	expect_int(start("b", 0, 3), E_EXISTS);
	expect_int(send_data(0, "abc"), E_EXISTS);
	expect_int(end(CANCEL), S_OK);
	expect_int(send_data(0, "abc"), E_STATE);
	end_test(1);
}

static void start_during_a_copy(void)
{
	begin_test();
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(0, "abc"), S_OK);
	expect_int(start("b", 0, 1), S_OK);
	expect_int(send_data(0, "b"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(holds("to/b", "b"));
	/* Also when the new one is refused */
	expect_int(start("a", 0, 3), S_OK);
	expect_int(start("b", 0, 1), E_EXISTS);
	expect(!transfer_active(&session.transfer));
	expect_int(start("a", 0, 3), S_OK);
	expect_int(start("..", 0, 1), E_NAME);
	expect(!transfer_active(&session.transfer));
	end_test(1);
}

static void cancel_at_every_point(void)
{
	begin_test();
	for (int point = 0; point < 5; point++) {
		if (point >= 1) {
			start_message(&request, in("to/made/for/it"), "a", CREATE_PATH, 2);
			expect_int(ask_fcopy(), S_OK);
		}
		if (point >= 2)
			expect_int(send_data(0, "a"), S_OK);
		if (point >= 3)
			expect_int(send_data(1, "b"), S_OK);
		if (point >= 4)
			expect_int(send_data(9, "c"), E_INVALID_ARG);
		expect_int(end(CANCEL), S_OK);
		expect(!transfer_active(&session.transfer));
		expect_int(entries("to"), 0);
	}
	end_test(0);
}

static void copy_without_messages_expires(void)
{
	begin_test();
	session_expire(&session);
	expect_int(start("a", 0, 6), S_OK);
	session.transfer.latest.tv_sec -= TRANSFER_IDLE_SECONDS - 5;
	session_expire(&session);
	expect_int(send_data(0, "abc"), S_OK);
	/* Data begins the time anew. */
	session.transfer.latest.tv_sec -= TRANSFER_IDLE_SECONDS - 60;
	session_expire(&session);
	expect(transfer_active(&session.transfer));
	/* Other messages are none of the copy. */
	session.transfer.latest.tv_sec -= TRANSFER_IDLE_SECONDS;
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	session_expire(&session);
	expect(!transfer_active(&session.transfer));
	expect_int(entries("to"), 0);
	expect_int(send_data(3, "def"), E_TIMEOUT);
	expect_int(end(COMPLETE), E_TIMEOUT);
	expect_int(end(COMPLETE), E_STATE);
	end_test(0);
}

static void copy_ended_from_this_side(void)
{
	begin_test();
	expect(!session_abort(&session, -ECANCELED, "no copy is under way"));
	/* What was told before is none of it. */
	expect_int(send_data(0, "abc"), E_STATE);
	expect_int(start("a", 0, 6), S_OK);
	expect_int(send_data(0, "abc"), S_OK);
	expect(session_abort(&session, -ECANCELED, "the test wants it"));
	expect_int(entries("to"), 0);
	expect(!session.failure_told);
	expect_int(send_data(3, "def"), E_ABORTED);
	expect(session.failure_told);
	expect_int(end(COMPLETE), E_ABORTED);
	expect_int(end(COMPLETE), E_STATE);
	end_test(0);
}

static void unknown_operations_and_types(void)
{
	begin_test();
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
	end_test(1);
}

static void answers_are_not_answered(void)
{
	begin_test();
	end_message(&request, COMPLETE);
	request.bytes[25] = 5;
	expect_int(ask(), SILENCE);
	request.bytes[25] = 4;
	expect_int(ask(), SILENCE);
	request.bytes[25] = 0;
	expect_int(ask(), E_STATE);
	end_test(0);
}

static void too_short_for_any_answer(void)
{
	begin_test();
	end_message(&request, COMPLETE);
	for (request.length = 0; request.length < IC_HEADER; request.length++)
		expect_int(ask(), SILENCE);
	end_test(0);
}

/* Every packet length, with what it says it has and with what it has. */
static void every_length_of_start(void)
{
	struct message whole;

	begin_test();
	start_message(&whole, in("to/"), "a", 0, 0);
	for (size_t n = IC_HEADER; n < START_SIZE; n++) {
		request = whole;
		request.length = n;
		memset(request.bytes + n, 0xaa, 64);
		expect_int(ask(), E_INVALID_ARG);
		put32(&request, 4, n - 8);
		expect_int(ask(), E_INVALID_ARG);
	}
	expect(!transfer_active(&session.transfer));
	/* The packet has room for padding. */
	request = whole;
	request.length = START_SIZE + 4;
	expect_int(ask(), S_OK);
	end_test(0);
}

static void every_length_of_write(void)
{
	struct message whole;
	char data[64];

	begin_test();
	memset(data, 'd', sizeof(data));
	write_message(&whole, 0, data, sizeof(data));
	for (size_t n = IC_HEADER; n < whole.length; n++) {
		expect_int(start("a", 0, 64), S_OK);
		request = whole;
		request.length = n;
		put32(&request, 4, n - 8);
		expect_int(ask(), E_INVALID_ARG);
		/* Too short to be a WRITE, it has not ended the copy. */
		expect(transfer_active(&session.transfer) == (n < END_SIZE));
	}
	end_test(0);
}

static void sizes_in_write(void)
{
	static const uint32_t bad[] = { 65, 72, 6145, 0x7fffffff, 0x80000000, 0xffffffff, 0xffffffb0 };
	char data[DATA_MAX + 1];

	begin_test();
	memset(data, 'd', sizeof(data));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_int(start("a", 0, 1ull << 20), S_OK);
		write_message(&request, 0, data, 64);
		put32(&request, IC_HEADER + 48, bad[i]);
		expect_int(ask_fcopy(), E_INVALID_ARG);
		expect(!transfer_active(&session.transfer));
	}
	/* More than a fragment, although it is there */
	expect_int(start("a", 0, 1ull << 20), S_OK);
	write_message(&request, 0, data, DATA_MAX + 1);
	expect_int(ask_fcopy(), E_INVALID_ARG);
	/* A whole one */
	expect_int(start("a", 0, DATA_MAX), S_OK);
	write_message(&request, 0, data, DATA_MAX);
	expect_int(ask_fcopy(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	end_test(1);
}

static void pipe_sizes(void)
{
	static const uint32_t bad[] = { 0, 1, 19, 57, 0x7fffffff, 0xfffffff7, 0xfffffff8, 0xffffffff };

	begin_test();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		end_message(&request, CANCEL);
		put32(&request, 4, bad[i]);
		expect_int(ask_fcopy(), E_INVALID_ARG);
	}
	end_test(0);
}

/* Any order of messages that are mostly right, with bytes in them that are not. */
static void noise(void)
{
	unsigned int seed = getenv("SEED") ? atoi(getenv("SEED")) : 1;
	const size_t path = IC_HEADER + OPERATION + 520;
	char data[DATA_MAX] = "";
	int copies = 0;
	uint64_t n;

	begin_test();
	ksft_print_msg("SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 50000; i++) {
		switch (random() % 8) {
		case 0:
			start_message(&request, in("to"), "a", OVER_WRITE, random() % 4 * DATA_MAX / 2);
			break;
		case 1:
			usual_negotiation(&request);
			break;
		case 2:
			end_message(&request, random() % 5);
			break;
		default:
			n = session.transfer.size - session.transfer.received;
			if (n > DATA_MAX || random() % 2)
				n = random() % DATA_MAX;
			write_message(&request, session.transfer.received, data, n);
		}
		for (int k = random() % 3 * (random() % 8); k > 0; k--) {
			size_t at = random() % (random() % 2 ? request.length : 120);

			/* But never another directory: it could be any of the machine's. */
			if (at < path || at >= path + 520)
				request.bytes[at] = random();
		}
		if (random() % 16 == 0)
			request.length = random() % (request.length + 1);
		copies += ask() == S_OK && get32(&request, IC_HEADER) == COMPLETE;
	}
	transfer_discard(&session.transfer, -ECANCELED, "the test is over");
	ksft_print_msg("%d messages like COMPLETE had success\n", copies);
	expect(copies > 0);
	/* What is there is whole files, none under a temporary name. */
	expect(system("ls -A to | grep -q '^.hv-fcopyd'") != 0);
}

int main(void)
{
	test(versions_are_agreed);
	test(framework_of_2008_agreed);
	test(no_common_version_ends_a_copy);
	test(agreement_in_mid_life_keeps_a_copy);
	test(negotiations_with_impossible_lengths);
	test(operations_before_agreement);
	test(whole_copy);
	test(names_beyond_ascii);
	test(names_refused);
	test(each_refusal_has_its_code);
	test(refusals_of_the_policy);
	test(data_without_a_copy);
	test(failure_is_told_until_the_end);
	test(start_during_a_copy);
	test(cancel_at_every_point);
	test(copy_without_messages_expires);
	test(copy_ended_from_this_side);
	test(unknown_operations_and_types);
	test(answers_are_not_answered);
	test(too_short_for_any_answer);
	test(every_length_of_start);
	test(every_length_of_write);
	test(sizes_in_write);
	test(pipe_sizes);
	test(noise);
	run_tests();
}
