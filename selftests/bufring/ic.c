// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests serve an integration component, on a channel in memory and on a
 * device of a made-up sysfs.
 */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "../../lib/vmbus_ic_messages.h"
#include "ic_host.h"
#include "sysfs.h"

/* The sizes on the wire */
_Static_assert(sizeof(struct vmbus_ic_heartbeat) == 40 &&
		       sizeof(struct vmbus_ic_shutdown) == 2060 &&
		       sizeof(struct vmbus_ic_time) == 25 &&
		       sizeof(struct vmbus_ic_time_reference) == 22 &&
		       sizeof(struct vmbus_ic_kvp_exchange) == 2576 &&
		       sizeof(struct vmbus_ic_kvp_enumerate) == 2580 &&
		       sizeof(struct vmbus_ic_kvp_delete) == 520 &&
		       sizeof(struct vmbus_ic_kvp_ip) == 7430,
	       "a message has another size");

/* The arguments of the callbacks, and the values that they return */
static struct {
	unsigned int requests, events[VMBUS_IC_EVENT_SKIPPED + 1];
	struct vmbus_ic_header header;
	struct vmbus_ic_version framework, message;
	uint32_t length;
	unsigned char first;		    /* byte of the body */
	struct vmbus_ic_request *later[16]; /* that they answered so */
	unsigned int later_count;
	int error; /* of the last event */
	char reason[256];
	uint32_t status;
	int end;		  /* what each event returns that is not @but */
	bool answer_first;	  /* the earliest postponed one, from inside */
	bool answer_itself;	  /* the request, from inside */
	bool answer_when_skipped; /* the second postponed one, in an event */
	bool take_text;		  /* of vmbus_error(), in an event */
	bool spoil;		  /* the members of the request */
	bool keep;		  /* the body as it is */
	int stop;		  /* a request makes this eventfd readable; 0: none */
	struct {
		int answer;
		uint64_t xid;
		uint32_t length, status;
	} traced[16];
	unsigned int traced_count;
} seen;

static uint32_t on_request(struct vmbus_ic *ic, struct vmbus_ic_request *request, void *ctx)
{
	unsigned char *body = request->body;

	MUST(ctx == &seen);
	CHECK_IS(request->struct_size, sizeof(*request));
	CHECK_IS((uintptr_t)body % 8, 0);
	seen.requests++;
	seen.header = request->header;
	seen.framework = request->framework;
	seen.message = request->message;
	seen.length = request->length;
	seen.first = request->length ? body[0] : 0;
	if (request->length && !seen.keep)
		body[0]++;
	if (seen.status == VMBUS_IC_LATER)
		seen.later[seen.later_count++] = request;
	if (seen.answer_first) {
		seen.answer_first = false;
		CHECK_IS(vmbus_ic_reply(ic, seen.later[0], VMBUS_S_CONT), 0);
	}
	if (seen.answer_itself)
		CHECK_IS(vmbus_ic_reply(ic, request, VMBUS_S_CONT), 0);
	if (seen.spoil)
		memset(request, 0xff, sizeof(*request));
	if (seen.stop)
		eventfd_write(seen.stop, 1);
	return seen.status;
}

static int on_event(struct vmbus_ic *ic, const struct vmbus_ic_event *event, void *ctx)
{
	MUST(ctx == &seen);
	MUST(event->kind >= 1 && event->kind <= VMBUS_IC_EVENT_SKIPPED);
	CHECK_IS(event->struct_size, sizeof(*event));
	CHECK(VMBUS_STRUCT_HAS(event, message));
	CHECK(!vmbus_ic_chan(ic) ==
	      (event->kind == VMBUS_IC_EVENT_CLOSED || event->kind == VMBUS_IC_EVENT_WAITING));
	seen.events[event->kind]++;
	seen.error = event->error;
	if (event->kind == VMBUS_IC_EVENT_NEGOTIATED) {
		seen.framework = event->framework;
		seen.message = event->message;
	}
	snprintf(seen.reason, sizeof(seen.reason), "%s", event->reason);
	if (seen.take_text)
		vmbus_error();
	if (seen.answer_when_skipped && event->kind == VMBUS_IC_EVENT_SKIPPED)
		CHECK_IS(vmbus_ic_reply(ic, seen.later[1], VMBUS_S_CONT), 0);
	return seen.end;
}

static void on_trace(struct vmbus_ic *ic, int answer, const struct vmbus_packet *packet,
		     const void *message, void *ctx)
{
	struct vmbus_ic_header header = { .status = 0 };

	MUST(ctx == &seen && seen.traced_count < 16);
	if (packet->length >= sizeof(header))
		memcpy(&header, message, sizeof(header));
	seen.traced[seen.traced_count].answer = answer;
	seen.traced[seen.traced_count].xid = packet->transaction_id;
	seen.traced[seen.traced_count].length = packet->length;
	seen.traced[seen.traced_count++].status = header.status;
}

static const struct vmbus_ic_version messages[] = { { 1, 1 }, { 1, 0 } };

static struct vmbus_ic_options options(void)
{
	memset(&seen, 0, sizeof(seen));
	return (struct vmbus_ic_options){
		.struct_size = sizeof(struct vmbus_ic_options),
		.messages = messages,
		.message_count = 2,
		.request = on_request,
		.event = on_event,
		.ctx = &seen,
	};
}

/* A program on a channel in memory, and its host */
struct served {
	struct vmbus_chan *guest, *host;
	struct vmbus_ic *ic;
};

static void served_open_with(struct served *s, const struct vmbus_ic_options *opt, size_t ring)
{
	MUST(!vmbus_open_pair(ring, 0, &s->guest, &s->host));
	MUST(!vmbus_ic_from_chan(s->guest, opt, &s->ic));
}

static void served_open(struct served *s)
{
	struct vmbus_ic_options opt = options();

	served_open_with(s, &opt, 65536 * 2);
}

static void served_close(struct served *s)
{
	vmbus_ic_free(s->ic);
	vmbus_close(s->guest);
	vmbus_close(s->host);
}

/* Define a test with a program and its host @s, which have not spoken yet. */
#define SERVED_TEST(name) TEST_WITH(name, struct served, s, served_open, served_close)

static bool readable(struct vmbus_ic *ic, int ms)
{
	struct pollfd p = { .fd = vmbus_ic_fd(ic), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/*
 * Dispatch like an event loop until there is nothing to do. Return the result
 * of vmbus_ic_dispatch().
 */
static int settle(struct vmbus_ic *ic)
{
	int err = 0;

	for (int i = 0; i < 10000 && !err && readable(ic, 0); i++)
		err = vmbus_ic_dispatch(ic);
	return err;
}

/* The host sends a request, and the program dispatches it. */
static void request(struct served *s, uint16_t type, uint64_t xid, const void *body, size_t len)
{
	MUST(!host_sends(s->host, type, xid, body, len));
	CHECK_IS(settle(s->ic), 0);
}

/* Dispatch like an event loop until the condition is true. */
#define UNTIL(ic, condition)                                        \
	do {                                                        \
		while (!(condition))                                \
			if (readable(ic, 10))                       \
				CHECK_IS(vmbus_ic_dispatch(ic), 0); \
	} while (0)

/* One answer, with this id and status, of a request with @len bytes of body */
static void check_answer(struct vmbus_chan *host, uint64_t xid, uint32_t status, size_t len)
{
	struct answer a = { .pkt.type = 0 };

	CHECK_IS(host_gets(host, &a), 0);
	CHECK_IS(a.pkt.type, VMBUS_PACKET_INBAND);
	CHECK_IS(a.pkt.flags, 0);
	CHECK_IS(a.pkt.transaction_id, xid);
	CHECK_IS(a.pkt.length, padded(HEADER + len));
	CHECK_IS(a.hdr.transaction_id, xid);
	CHECK_IS(a.hdr.flags, VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_RESPONSE);
	CHECK_IS(a.hdr.status, status);
	CHECK_IS(a.hdr.size, len);
}

static void check_nothing(struct vmbus_chan *host)
{
	struct answer a;

	CHECK_IS(host_gets(host, &a), -EAGAIN);
}

/* The host offers the versions of host_negotiates(), and gets the answer. */
static void negotiate(struct served *s, uint64_t xid, uint16_t major, struct answer *answer)
{
	MUST(!host_negotiates(s->host, xid, major));
	MUST(!settle(s->ic));
	MUST(!host_gets(s->host, answer));
}

static void agree(struct served *s)
{
	struct answer a;

	negotiate(s, 1, 1, &a);
}

static void agreed_begin(struct served *s)
{
	served_open(s);
	agree(s);
}

/* Define a test with a program and its host @s, which agree on versions. */
#define AGREED_TEST(name) TEST_WITH(name, struct served, s, agreed_begin, served_close)

static struct vmbus_ic_stats stats_of(const struct vmbus_ic *ic)
{
	struct vmbus_ic_stats stats;

	vmbus_ic_stats(ic, &stats, sizeof(stats));
	return stats;
}

SERVED_TEST(versions_are_agreed)
{
	struct vmbus_ic_version versions[2];
	struct vmbus_ic_negotiate counts;
	struct answer a;

	CHECK(readable(s->ic, 0));
	CHECK_IS(vmbus_ic_dispatch(s->ic), 0);
	CHECK_IS(settle(s->ic), 0);
	CHECK(!readable(s->ic, 20));
	MUST(!host_negotiates(s->host, 77, 1));
	CHECK(readable(s->ic, -1));
	CHECK_IS(settle(s->ic), 0);
	MUST(!host_gets(s->host, &a));
	CHECK_IS(a.pkt.transaction_id, 77);
	CHECK_IS(a.pkt.length, padded(HEADER + 24));
	CHECK_IS(a.hdr.flags, 5);
	CHECK_IS(a.hdr.status, VMBUS_S_OK);
	CHECK_IS(a.hdr.size, 16);
	CHECK_IS(a.hdr.transaction_id, 77);
	memcpy(&counts, a.body, 8);
	memcpy(versions, a.body + 8, 8);
	CHECK(counts.framework_count == 1 && counts.message_count == 1);
	CHECK(versions[0].major == 3 && versions[0].minor == 0);
	CHECK(versions[1].major == 1 && versions[1].minor == 1);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_NEGOTIATED], 1);
	CHECK(seen.framework.major == 3 && seen.message.major == 1 && seen.message.minor == 1);
	CHECK(vmbus_ic_chan(s->ic) == s->guest);
	check_nothing(s->host);
	CHECK_IS(stats_of(s->ic).negotiated, 1);
	CHECK_IS(stats_of(s->ic).answers, 1);
}

TEST(lists_of_versions_are_copied)
{
	struct vmbus_ic_version frameworks[] = { { 3, 0 } }, versions[] = { { 1, 1 } };
	struct vmbus_ic_options opt = options();
	struct served s;

	opt.frameworks = frameworks;
	opt.framework_count = 1;
	opt.messages = versions;
	opt.message_count = 1;
	served_open_with(&s, &opt, 65536 * 2);
	memset(frameworks, 0, sizeof(frameworks));
	memset(versions, 0, sizeof(versions));
	MUST(!host_negotiates(s.host, 77, 1));
	CHECK_IS(settle(s.ic), 0);
	CHECK(seen.framework.major == 3 && seen.message.major == 1 && seen.message.minor == 1);
	served_close(&s);
}

SERVED_TEST(no_common_version)
{
	struct answer a;

	/* Send a request before the negotiation. */
	request(s, VMBUS_IC_KVP, 2, "abcdefgh", 8);
	check_answer(s->host, 2, VMBUS_E_NOT_CONNECTED, 8);
	negotiate(s, 3, 9, &a);
	CHECK_IS(a.body[0] | a.body[2], 0);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_REFUSED], 1);
	CHECK_IS(seen.error, -EPROTONOSUPPORT);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_NEGOTIATED], 0);
	request(s, VMBUS_IC_KVP, 4, "abcdefgh", 8);
	check_answer(s->host, 4, VMBUS_E_NOT_CONNECTED, 8);
	CHECK_IS(seen.requests, 0);
	/* An updated host has a common version. */
	agree(s);
	/* The former agreement no longer holds. */
	MUST(!host_negotiates(s->host, 5, 9));
	request(s, VMBUS_IC_KVP, 6, "abcdefgh", 8);
	MUST(!host_gets(s->host, &a));
	check_answer(s->host, 6, VMBUS_E_NOT_CONNECTED, 8);
	CHECK_IS(seen.requests, 0);
}

/*
 * The host's lists of versions: how many it claims, how many it sends, and what
 * comes of it. The last version of each list is one that the program has.
 */
TEST(lists_of_versions)
{
	static const struct {
		uint16_t frameworks, messages, sent;
		enum vmbus_ic_event_kind event;
	} lists[] = {
		{ 2, 2, 4, VMBUS_IC_EVENT_NEGOTIATED },
		{ 100, 100, 200, VMBUS_IC_EVENT_NEGOTIATED },
		{ 2, 0, 2, VMBUS_IC_EVENT_REFUSED },
		{ 0, 2, 2, VMBUS_IC_EVENT_REFUSED },
		{ 0, 0, 0, VMBUS_IC_EVENT_REFUSED },
		{ 101, 100, 201, VMBUS_IC_EVENT_SKIPPED },
		{ 100, 101, 201, VMBUS_IC_EVENT_SKIPPED },
		/* A packet is padded, so one more version would fit. */
		{ 3, 3, 4, VMBUS_IC_EVENT_SKIPPED },
		{ 100, 100, 4, VMBUS_IC_EVENT_SKIPPED },
		{ 0, 65535, 4, VMBUS_IC_EVENT_SKIPPED },
		{ 65535, 0, 4, VMBUS_IC_EVENT_SKIPPED },
		{ 65535, 65535, 4, VMBUS_IC_EVENT_SKIPPED },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const unsigned int last = lists[i].frameworks + lists[i].messages - 1;
		struct {
			struct vmbus_ic_negotiate counts;
			struct vmbus_ic_version versions[201];
		} offer = { { lists[i].frameworks, lists[i].messages, 0 }, { { 0, 0 } } };
		uint16_t counts[2];
		struct answer a;
		struct served s;

		if (lists[i].frameworks && last < 201)
			offer.versions[lists[i].frameworks - 1].major = 3;
		if (lists[i].messages && last < 201)
			offer.versions[last] = (struct vmbus_ic_version){ 1, 1 };
		served_open(&s);
		request(&s, VMBUS_IC_NEGOTIATE, 1, &offer,
			sizeof(offer.counts) + 4 * lists[i].sent);
		for (int kind = VMBUS_IC_EVENT_NEGOTIATED; kind <= VMBUS_IC_EVENT_SKIPPED; kind++)
			CHECK_IS(seen.events[kind], kind == (int)lists[i].event);
		if (lists[i].event == VMBUS_IC_EVENT_SKIPPED) {
			check_nothing(s.host);
		} else {
			MUST(!host_gets(s.host, &a));
			memcpy(counts, a.body, sizeof(counts));
			CHECK_IS(counts[0], lists[i].event == VMBUS_IC_EVENT_NEGOTIATED);
			CHECK_IS(counts[1], counts[0]);
		}
		served_close(&s);
		if (checks_failed) {
			ksft_print_msg("that was list %zu\n", i);
			break;
		}
	}
}

AGREED_TEST(requests_get_what_the_program_says)
{
	static const uint32_t statuses[] = {
		VMBUS_S_OK,
		VMBUS_E_FAIL,
		VMBUS_E_NOT_SUPPORTED,
		0x80070005,
	};
	unsigned char body[1000] = { 41 };
	struct answer a;

	for (size_t i = 0; i < 4; i++) {
		seen.status = statuses[i];
		request(s, VMBUS_IC_VSS, 10 + i, body, sizeof(body));
		CHECK_IS(seen.requests, i + 1);
		CHECK_IS(seen.header.type, VMBUS_IC_VSS);
		CHECK_IS(seen.header.status, 0xdeadbeef);
		CHECK_IS(seen.length, padded(HEADER + sizeof(body)) - HEADER);
		CHECK_IS(seen.first, 41);
		CHECK(seen.framework.major == 3 && seen.message.major == 1 &&
		      seen.message.minor == 1);
		check_answer(s->host, 10 + i, statuses[i], sizeof(body));
	}
	seen.status = VMBUS_S_OK;
	request(s, VMBUS_IC_VSS, 14, body, sizeof(body));
	MUST(!host_gets(s->host, &a));
	CHECK_IS(a.body[0], 42);
	CHECK_IS(a.body[999], body[999]);
	/* A request that is no more than its header, in a packet of 32 bytes */
	request(s, VMBUS_IC_VSS, 15, NULL, 0);
	CHECK_IS(seen.length, 4);
	check_answer(s->host, 15, VMBUS_S_OK, 0);
	check_nothing(s->host);
}

/* A program of a later version, whose struct has one more member */
TEST(a_program_sees_which_members_a_struct_has)
{
	const struct {
		size_t struct_size;
		uint32_t old, new[3];
	} same = { .struct_size = sizeof(same) },
	  older = { .struct_size = offsetof(__typeof__(same), new) },
	  between = { .struct_size = sizeof(same) - 4 };

	CHECK(VMBUS_STRUCT_HAS(&same, old) && VMBUS_STRUCT_HAS(&same, new));
	CHECK(VMBUS_STRUCT_HAS(&older, old) && !VMBUS_STRUCT_HAS(&older, new));
	CHECK(VMBUS_STRUCT_HAS(&between, new[0]) && !VMBUS_STRUCT_HAS(&between, new));
}

/* The next request has the memory of the first one. */
AGREED_TEST(what_the_program_does_to_a_request_ends_with_it)
{
	seen.spoil = true;
	for (int i = 1; i <= 3; i++) {
		request(s, VMBUS_IC_KVP, i, "abcdefghijkl", 12);
		CHECK_IS(seen.requests, i);
		CHECK_IS(seen.length, 12);
		CHECK_IS(seen.first, 'a');
		check_answer(s->host, i, VMBUS_S_OK, 12);
	}
}

AGREED_TEST(an_answer_that_comes_later)
{
	seen.status = VMBUS_IC_LATER;
	for (int i = 0; i < 3; i++)
		request(s, VMBUS_IC_FCOPY, 20 + i, "abcdefgh", 8);
	CHECK_IS(seen.requests, 3);
	check_nothing(s->host);
	seen.status = VMBUS_S_OK;
	request(s, VMBUS_IC_FCOPY, 23, "abcdefgh", 8);
	check_answer(s->host, 23, VMBUS_S_OK, 8);

	/*
	 * The library sends the answers at once, in any order, and only once.
	 */
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[1], VMBUS_E_DISK_FULL), 0);
	check_answer(s->host, 21, VMBUS_E_DISK_FULL, 8);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[1], VMBUS_S_OK), -EINVAL);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[0], VMBUS_IC_LATER), -EINVAL);
	check_nothing(s->host);

	/* One request may answer another, which then goes first. */
	seen.answer_first = true;
	request(s, VMBUS_IC_FCOPY, 24, "abcdefgh", 8);
	check_answer(s->host, 20, VMBUS_S_CONT, 8);
	check_answer(s->host, 24, VMBUS_S_OK, 8);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[2], VMBUS_S_OK), 0);
	check_answer(s->host, 22, VMBUS_S_OK, 8);
	CHECK_IS(stats_of(s->ic).answers, 6);
	CHECK_IS(stats_of(s->ic).requests, 5);
	/* vmbus_ic_free() frees the remaining requests. */
	seen.status = VMBUS_IC_LATER;
	request(s, VMBUS_IC_FCOPY, 25, "abcdefgh", 8);
}

AGREED_TEST(a_request_answers_itself_from_inside)
{
	seen.answer_itself = true;
	for (int i = 0; i < 2; i++) {
		seen.status = i ? VMBUS_S_OK : VMBUS_IC_LATER;
		request(s, VMBUS_IC_FCOPY, 30 + i, "abcdefgh", 8);
		check_answer(s->host, 30 + i, VMBUS_S_CONT, 8);
		check_nothing(s->host);
	}
}

AGREED_TEST(only_so_many_requests_wait)
{
	seen.status = VMBUS_IC_LATER;
	for (int i = 0; i < VMBUS_IC_LATER_MAX + 2; i++)
		request(s, VMBUS_IC_FCOPY, i, "abcdefgh", 8);
	CHECK_IS(seen.requests, VMBUS_IC_LATER_MAX);
	CHECK(!readable(s->ic, 20));
	for (int i = 0; i < VMBUS_IC_LATER_MAX + 2; i++) {
		CHECK_IS(vmbus_ic_reply(s->ic, seen.later[i], VMBUS_S_OK), 0);
		check_answer(s->host, i, VMBUS_S_OK, 8);
		CHECK_IS(settle(s->ic), 0);
		CHECK_IS(seen.requests, VMBUS_IC_LATER_MAX + (i < 2 ? i + 1 : 2));
	}
	/* The library notices the end although it receives nothing. */
	for (int i = 0; i < VMBUS_IC_LATER_MAX + 1; i++)
		MUST(!host_sends(s->host, VMBUS_IC_FCOPY, i, "abcdefgh", 8));
	seen.later_count = 0;
	CHECK_IS(settle(s->ic), 0);
	vmbus_close(s->host);
	s->host = NULL;
	CHECK_IS(settle(s->ic), -ENODEV);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[0], VMBUS_S_OK), -ESTALE);
}

AGREED_TEST(negotiated_again_the_host_has_forgotten)
{
	struct answer a;

	seen.status = VMBUS_IC_LATER;
	request(s, VMBUS_IC_FCOPY, 2, "abcdefgh", 8);
	negotiate(s, 3, 1, &a);
	CHECK_IS(a.pkt.transaction_id, 3);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_NEGOTIATED], 2);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 0);
	request(s, VMBUS_IC_FCOPY, 4, "abcdefgh", 8);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[0], VMBUS_S_OK), -ESTALE);
	check_nothing(s->host);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[1], VMBUS_S_OK), 0);
	check_answer(s->host, 4, VMBUS_S_OK, 8);
	CHECK_IS(stats_of(s->ic).lost, 1);
	CHECK_IS(stats_of(s->ic).negotiated, 2);
}

/* The repeats have the same transaction id and another one. */
AGREED_TEST(a_repeated_request_gets_the_same_answer)
{
	seen.keep = true;
	seen.status = VMBUS_IC_LATER;
	request(s, VMBUS_IC_FCOPY, 60, "a234567890", 10);
	MUST(!host_sends(s->host, VMBUS_IC_FCOPY, 60, "a234567890", 10));
	request(s, VMBUS_IC_FCOPY, 61, "a234567890", 10);
	CHECK_IS(seen.requests, 1);
	CHECK_IS(stats_of(s->ic).requests, 1);
	CHECK_IS(stats_of(s->ic).repeated, 2);
	check_nothing(s->host);
	((unsigned char *)seen.later[0]->body)[0] = 'x';
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[0], VMBUS_E_DISK_FULL), 0);
	for (unsigned int xids = 60 + 60 + 61; xids;) {
		struct answer a = { .pkt.type = 0 };

		MUST(!host_gets(s->host, &a));
		CHECK_IS(a.hdr.status, VMBUS_E_DISK_FULL);
		CHECK_IS(a.hdr.transaction_id, a.pkt.transaction_id);
		CHECK(!memcmp(a.body, "x234567890", 10));
		MUST(xids >= a.pkt.transaction_id);
		xids -= a.pkt.transaction_id;
	}
	check_nothing(s->host);
	/* After its answer, a repeat is a request like others. */
	request(s, VMBUS_IC_FCOPY, 62, "a234567890", 10);
	CHECK_IS(seen.requests, 2);
	CHECK_IS(vmbus_ic_reply(s->ic, seen.later[1], VMBUS_S_OK), 0);
	check_answer(s->host, 62, VMBUS_S_OK, 10);
}

AGREED_TEST(only_a_repeat_gets_the_same_answer)
{
	const struct {
		struct vmbus_ic_header hdr;
		char body[20];
	} lie = { .hdr = { .type = VMBUS_IC_FCOPY, .flags = 3 } };

	seen.status = VMBUS_IC_LATER;
	request(s, VMBUS_IC_FCOPY, 70, "abcdefgh", 8);
	/* The program has changed the body. */
	request(s, VMBUS_IC_FCOPY, 70, "abcdefgh", 8);
	CHECK_IS(seen.requests, 2);
	seen.keep = true;
	/* Other contents, another length, and another type */
	request(s, VMBUS_IC_FCOPY, 70, "abcdefgx", 8);
	CHECK_IS(seen.requests, 3);
	request(s, VMBUS_IC_FCOPY, 70, "abcdefgxabcdefgh", 16);
	CHECK_IS(seen.requests, 4);
	request(s, VMBUS_IC_KVP, 70, "abcdefgxabcdefgh", 16);
	CHECK_IS(seen.requests, 5);
	/* The headers claim the same length for different packets. */
	for (int i = 0; i < 2; i++) {
		MUST(!vmbus_send(s->host, VMBUS_PACKET_INBAND, 0, 71, &lie, sizeof(lie) - 8 * i));
		CHECK_IS(settle(s->ic), 0);
		CHECK_IS(seen.requests, 6 + i);
	}
	/* The host took the request back with another one, and asks again. */
	seen.status = VMBUS_S_OK;
	MUST(!host_sends(s->host, VMBUS_IC_KVP, 71, "cancel78", 8));
	MUST(!vmbus_send(s->host, VMBUS_PACKET_INBAND, 0, 72, &lie, sizeof(lie) - 8));
	CHECK_IS(settle(s->ic), 0);
	CHECK_IS(seen.requests, 9);
	check_answer(s->host, 71, VMBUS_S_OK, 8);
	CHECK_IS(stats_of(s->ic).repeated, 0);
	for (unsigned int i = 0; i < seen.later_count; i++)
		CHECK_IS(vmbus_ic_reply(s->ic, seen.later[i], VMBUS_S_OK), 0);
}

/* Send a request and @count repeats, and let all of them wait. */
static struct vmbus_ic_request *repeats_wait(struct served *s, int count)
{
	seen.keep = true;
	seen.status = VMBUS_IC_LATER;
	request(s, VMBUS_IC_FCOPY, 80, "abcdefgh", 8);
	MUST(seen.later_count);
	for (int i = 0; i < count; i++)
		request(s, VMBUS_IC_FCOPY, 80, "abcdefgh", 8);
	return seen.later[seen.later_count - 1];
}

AGREED_TEST(a_request_has_only_so_many_repeats)
{
	struct vmbus_ic_request *first;
	struct answer a;

	first = repeats_wait(s, 10);
	CHECK_IS(stats_of(s->ic).repeated, 10);
	CHECK_IS(stats_of(s->ic).lost, 2);
	CHECK_IS(seen.requests, 1);
	CHECK_IS(vmbus_ic_reply(s->ic, first, VMBUS_S_OK), 0);
	for (int i = 0; i < 1 + 8; i++)
		check_answer(s->host, 80, VMBUS_S_OK, 8);
	check_nothing(s->host);

	/* The host forgets the repeats, too. */
	seen.later_count = 0;
	first = repeats_wait(s, 2);
	CHECK_IS(seen.requests, 2);
	negotiate(s, 4, 1, &a);
	CHECK_IS(vmbus_ic_reply(s->ic, first, VMBUS_S_OK), -ESTALE);
	CHECK_IS(stats_of(s->ic).lost, 2 + 3);
	check_nothing(s->host);
	/* vmbus_ic_free() frees them as well. */
	repeats_wait(s, 2);
}

AGREED_TEST(the_program_works_after_its_answer)
{
	vmbus_ack(s->host);
	CHECK_IS(vmbus_arm(s->host, VMBUS_WAIT_RECV), 0);
	seen.stop = eventfd(0, EFD_CLOEXEC);
	MUST(seen.stop > 0 && !host_sends(s->host, VMBUS_IC_SHUTDOWN, 90, "abcdefgh", 8));
	CHECK_IS(vmbus_ic_serve(s->ic, seen.stop), 0);
	CHECK_IS(vmbus_ack(s->host), 0);
	check_answer(s->host, 90, VMBUS_S_OK, 8);
	close(seen.stop);
}

TEST(the_program_sees_every_message)
{
	struct vmbus_ic_options opt = options();
	struct served s;

	opt.trace = on_trace;
	served_open_with(&s, &opt, 65536 * 2);
	MUST(!host_negotiates(s.host, 5, 1));
	MUST(!vmbus_send(s.host, VMBUS_PACKET_INBAND, 0, 6, "abcdefgh", 8));
	MUST(!host_sends(s.host, VMBUS_IC_FCOPY, 7, "abcdefghijklmnop", 16));
	seen.status = VMBUS_E_DISK_FULL;
	CHECK_IS(settle(s.ic), 0);
	MUST(seen.traced_count == 5);
	CHECK(!seen.traced[0].answer && seen.traced[0].xid == 5);
	CHECK_IS(seen.traced[0].status, 0xdeadbeef);
	CHECK(seen.traced[1].answer && seen.traced[1].xid == 5);
	CHECK_IS(seen.traced[1].status, VMBUS_S_OK);
	CHECK(!seen.traced[2].answer && seen.traced[2].xid == 6);
	CHECK_IS(seen.traced[2].length, 8);
	CHECK(!seen.traced[3].answer && seen.traced[3].xid == 7);
	CHECK(seen.traced[4].answer && seen.traced[4].xid == 7);
	CHECK_IS(seen.traced[4].length, padded(HEADER + 16));
	CHECK_IS(seen.traced[4].status, VMBUS_E_DISK_FULL);
	served_close(&s);
}

/* The program stops vmbus_ic_serve() when the answer is prepared. */
AGREED_TEST(an_answer_is_prepared_elsewhere)
{
	struct epoll_event event = { .events = EPOLLIN };
	int done = eventfd(0, EFD_CLOEXEC), set = epoll_create1(EPOLL_CLOEXEC);
	eventfd_t value;

	MUST(done >= 0 && set >= 0 && !epoll_ctl(set, EPOLL_CTL_ADD, done, &event));
	seen.status = VMBUS_IC_LATER;
	for (int i = 0; i < 3; i++) {
		request(s, VMBUS_IC_FCOPY, 100 + i, "abcdefgh", 8);
		eventfd_write(done, 1);
		CHECK_IS(vmbus_ic_serve(s->ic, i ? set : done), 0);
		eventfd_read(done, &value);
		check_nothing(s->host);
		CHECK_IS(vmbus_ic_reply(s->ic, seen.later[i], VMBUS_S_OK), 0);
		check_answer(s->host, 100 + i, VMBUS_S_OK, 8);
	}
	/* A stop comes first, and the host's messages are not forgotten. */
	seen.status = VMBUS_S_OK;
	eventfd_write(done, 1);
	CHECK_IS(settle(s->ic), 0);
	MUST(!host_sends(s->host, VMBUS_IC_FCOPY, 110, "abcdefgh", 8));
	CHECK_IS(vmbus_ic_serve(s->ic, set), 0);
	check_nothing(s->host);
	CHECK(readable(s->ic, 0));
	CHECK_IS(settle(s->ic), 0);
	check_answer(s->host, 110, VMBUS_S_OK, 8);
	close(set);
	close(done);
}

TEST(what_is_no_request_is_skipped)
{
	const struct {
		struct vmbus_ic_header hdr;
		struct vmbus_ic_negotiate counts;
	} lie = {
		.hdr = { .type = VMBUS_IC_NEGOTIATE, .flags = 3 }, .counts = { 50, 50, 0 },
	}, answer = { .hdr = { .type = VMBUS_IC_FCOPY, .flags = 5 } };
	struct vmbus_ic_options opt = options();
	unsigned char large[2000] = { 0 };
	struct served s;

	opt.max_message = 1000;
	served_open_with(&s, &opt, 65536 * 2);
	agree(&s);
	MUST(!vmbus_send(s.host, VMBUS_PACKET_COMPLETION, 0, 1, large, 64));
	MUST(!vmbus_send(s.host, VMBUS_PACKET_INBAND, 0, 2, large, 24));
	MUST(!vmbus_send(s.host, VMBUS_PACKET_INBAND, 0, 3, &answer, sizeof(answer)));
	MUST(!vmbus_send(s.host, VMBUS_PACKET_INBAND, 0, 4, large, 1001));
	MUST(!vmbus_send(s.host, VMBUS_PACKET_INBAND, 0, 5, &lie, sizeof(lie)));
	MUST(!vmbus_send(s.host, VMBUS_PACKET_INBAND, 0, 6, NULL, 0));
	MUST(!host_sends(s.host, VMBUS_IC_NEGOTIATE, 9, NULL, 0));
	request(&s, VMBUS_IC_FCOPY, 7, "abcdefgh", 8);
	CHECK_IS(stats_of(s.ic).skipped, 7);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_SKIPPED], 7);
	CHECK_IS(seen.error, -EPROTO);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 0);
	/* The agreement still holds. */
	check_answer(s.host, 7, VMBUS_S_OK, 8);
	check_nothing(s.host);
	/* Send the longest message. */
	request(&s, VMBUS_IC_FCOPY, 8, large, 1000 - HEADER);
	check_answer(s.host, 8, VMBUS_S_OK, 1000 - HEADER);
	served_close(&s);
}

TEST(full_ring_to_the_host)
{
	const size_t len = getpagesize() / 4 - HEADER;
	static unsigned char body[65536 / 4];
	struct vmbus_ic_options opt = options();
	struct served s;

	served_open_with(&s, &opt, 2 * getpagesize());
	agree(&s);
	seen.status = VMBUS_IC_LATER;
	request(&s, VMBUS_IC_KVP, 50, "abcdefgh", 8);
	seen.status = VMBUS_S_OK;
	for (int i = 0; i < 6; i++) {
		int err;

		while ((err = host_sends(s.host, VMBUS_IC_KVP, i, body, len)) == -EAGAIN)
			MUST(!settle(s.ic));
		MUST(!err);
	}
	CHECK_IS(settle(s.ic), 0);
	/*
	 * Three answers fit. The library handles the fourth request, and its
	 * answer waits, so it takes no fifth request.
	 */
	CHECK_IS(seen.requests, 1 + 4);
	CHECK_IS(stats_of(s.ic).answers, 1 + 3);
	CHECK(!readable(s.ic, 20));
	/*
	 * There would be room for this answer, but it follows the fourth one.
	 */
	CHECK_IS(vmbus_ic_reply(s.ic, seen.later[0], VMBUS_S_OK), 0);
	CHECK_IS(settle(s.ic), 0);
	CHECK_IS(stats_of(s.ic).answers, 1 + 3);
	for (int i = 0; i < 4; i++) {
		check_answer(s.host, i, VMBUS_S_OK, len);
		/* The host has made room for one more. */
		CHECK(readable(s.ic, i < 3 ? -1 : 20) == (i < 3));
		CHECK_IS(settle(s.ic), 0);
	}
	check_answer(s.host, 50, VMBUS_S_OK, 8);
	for (int i = 4; i < 6; i++)
		check_answer(s.host, i, VMBUS_S_OK, len);
	CHECK_IS(settle(s.ic), 0);
	CHECK_IS(stats_of(s.ic).answers, 1 + 7);
	CHECK_IS(stats_of(s.ic).lost, 0);
	check_nothing(s.host);
	served_close(&s);
}

/*
 * The ring to the host is smaller than the one from it, so some requests are
 * larger than any answer can be.
 */
TEST(an_answer_larger_than_the_ring)
{
	struct ring to_host = ring_alloc(128, 256, 0), to_guest = ring_alloc(128, 8192, 0);
	static const unsigned char body[400];
	struct vmbus_ic_options opt = options();
	struct served s;
	int fds[2];

	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	s.guest = open_on_fd(&to_host, &to_guest, fds[0]);
	s.host = open_on_fd(&to_guest, &to_host, fds[1]);
	MUST(!vmbus_ic_from_chan(s.guest, &opt, &s.ic));
	agree(&s);

	/* No callback runs outside of a dispatch. */
	seen.status = VMBUS_IC_LATER;
	CHECK_IS(host_sends(s.host, VMBUS_IC_KVP, 9, body, sizeof(body)), 0);
	CHECK_IS(settle(s.ic), 0);
	CHECK_IS(vmbus_ic_reply(s.ic, seen.later[0], VMBUS_S_OK), -EMSGSIZE);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_SKIPPED], 0);
	CHECK_IS(stats_of(s.ic).lost, 1);

	/*
	 * Two answers fill the ring, so that one is too large and has to wait.
	 */
	seen.later_count = 0;
	CHECK_IS(host_sends(s.host, VMBUS_IC_KVP, 10, body, 36), 0);
	CHECK_IS(host_sends(s.host, VMBUS_IC_KVP, 11, body, 36), 0);
	CHECK_IS(settle(s.ic), 0);
	seen.status = VMBUS_S_OK;
	CHECK_IS(host_sends(s.host, VMBUS_IC_KVP, 20, body, 36), 0);
	CHECK_IS(host_sends(s.host, VMBUS_IC_KVP, 21, body, 36), 0);
	CHECK_IS(settle(s.ic), 0);
	seen.answer_first = true;
	CHECK_IS(host_sends(s.host, VMBUS_IC_KVP, 30, body, sizeof(body)), 0);
	CHECK_IS(settle(s.ic), 0);
	CHECK(!seen.answer_first);

	/*
	 * The program answers another request during the callback for this
	 * event.
	 */
	seen.answer_when_skipped = true;
	check_answer(s.host, 20, VMBUS_S_OK, 36);
	check_answer(s.host, 21, VMBUS_S_OK, 36);
	CHECK_IS(settle(s.ic), 0);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_SKIPPED], 1);
	CHECK_IS(seen.error, -EMSGSIZE);
	check_answer(s.host, 10, VMBUS_S_CONT, 36);
	check_answer(s.host, 11, VMBUS_S_CONT, 36);
	CHECK_IS(stats_of(s.ic).lost, 2);
	CHECK_IS(stats_of(s.ic).requests, 6);
	CHECK_IS(stats_of(s.ic).answers, 5);
	served_close(&s);
	close(fds[0]);
	close(fds[1]);
	guarded_free(to_host.base, to_host.size);
	guarded_free(to_guest.base, to_guest.size);
}

AGREED_TEST(the_loop_gets_its_turn)
{
	struct answer a;
	int got = 0;

	for (int i = 0; i < 600; i++)
		MUST(!host_sends(s->host, VMBUS_IC_HEARTBEAT, i, NULL, 0));
	CHECK_IS(vmbus_ic_dispatch(s->ic), 0);
	CHECK_IS(seen.requests, 256);
	while (!host_gets(s->host, &a))
		got++;
	CHECK_IS(got, 256);
	CHECK(readable(s->ic, 0));
	CHECK_IS(settle(s->ic), 0);
	CHECK_IS(seen.requests, 600);
	/* Inside the loop's own epoll, too */
	CHECK(!readable(s->ic, 20));
}

AGREED_TEST(the_end_of_a_channel_of_the_caller)
{
	struct vmbus_chan *none;
	int fd = vmbus_ic_fd(s->ic);

	vmbus_close(s->host);
	s->host = NULL;
	CHECK(readable(s->ic, -1));
	seen.take_text = true;
	CHECK_IS(vmbus_ic_dispatch(s->ic), -ENODEV);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 1);
	CHECK_IS(seen.error, -ENODEV);
	CHECK(strstr(error_text(), "went away"));
	CHECK(!vmbus_ic_chan(s->ic));
	/* A loop that misses the event once sees it again. */
	CHECK(readable(s->ic, -1));
	CHECK_IS(vmbus_open_pair(1, 0, &none, &none), -EINVAL);
	CHECK_FAILS(vmbus_ic_dispatch(s->ic), -ENODEV, "went away");
	CHECK_IS(vmbus_ic_serve(s->ic, -1), -ENODEV);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 1);
	CHECK_IS(vmbus_ic_fd(s->ic), fd);
}

AGREED_TEST(the_first_value_of_a_callback_counts)
{
	MUST(!vmbus_send(s->host, VMBUS_PACKET_INBAND, 0, 6, "abcdefgh", 8));
	vmbus_close(s->host);
	s->host = NULL;
	seen.end = 7;
	CHECK_IS(vmbus_ic_dispatch(s->ic), 7);
	CHECK_IS(vmbus_ic_dispatch(s->ic), -ENODEV);
}

static bool returned;

static void *dispatch_cancelled(void *ic)
{
	pthread_cancel(pthread_self());
	returned = !vmbus_ic_dispatch(ic);
	pthread_testcancel();
	return NULL;
}

AGREED_TEST(a_dispatch_is_not_cancelled)
{
	pthread_t thread;
	void *result;

	MUST(!host_sends(s->host, VMBUS_IC_SHUTDOWN, 90, "abcdefgh", 8));
	returned = false;
	MUST(!pthread_create(&thread, NULL, dispatch_cancelled, s->ic));
	MUST(!pthread_join(thread, &result) && result == PTHREAD_CANCELED);
	CHECK(returned);
	check_answer(s->host, 90, VMBUS_S_OK, 8);
}

static volatile int alarms, stop;

/*
 * End the wait at the third signal, so that the second one came in a wait.
 * Signals before the negotiation, on a slow machine, do not count.
 */
static void on_alarm(int number)
{
	if (seen.events[VMBUS_IC_EVENT_NEGOTIATED] && ++alarms == 3)
		eventfd_write(stop, 1);
}

SERVED_TEST(a_stop)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int closed, loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };

	stop = eventfd(0, EFD_CLOEXEC);
	closed = fcntl(stop, F_DUPFD, 500);
	close(closed);
	MUST(!host_negotiates(s->host, 1, 1));
	sigaction(SIGALRM, &action, NULL);
	ualarm(30000, 30000);
	CHECK_IS(vmbus_ic_serve(s->ic, stop), 0);
	ualarm(0, 0);
	CHECK(alarms >= 3);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_NEGOTIATED], 1);
	CHECK_IS(vmbus_ic_serve(s->ic, closed), -EBADF);
	MUST(!epoll_ctl(loop, EPOLL_CTL_ADD, vmbus_ic_fd(s->ic), &event));
	CHECK_IS(vmbus_ic_serve(s->ic, loop), -ELOOP);
	/*
	 * The program ends the dispatch from a callback, and continues later.
	 */
	seen.end = 7;
	MUST(!host_negotiates(s->host, 2, 1));
	CHECK_IS(vmbus_ic_serve(s->ic, -1), 7);
	seen.end = 0;
	request(s, VMBUS_IC_HEARTBEAT, 3, NULL, 0);
	CHECK_IS(seen.requests, 1);
	CHECK_IS(stats_of(s->ic).answers, 3);
	close(loop);
	close(stop);
}

/*
 * The host of a made-up device, which it rescinds and offers again. The device
 * is a FIFO, and a file beside it has the rings.
 */
static struct {
	struct vmbus_chan *host; /* NULL: rescinded */
	struct ring to_host, to_guest;
	int fifo;
} uio;

static void uio_host_close(void)
{
	if (!uio.host)
		return;
	vmbus_close(uio.host);
	uio.host = NULL;
	munmap(uio.to_host.base, 2 * uio.to_host.size);
	close(uio.fifo);
}

/* Make empty rings and a new FIFO, which the program opens later. */
static void uio_host_open(void)
{
	const size_t size = 5 * getpagesize();

	uio_host_close();
	unlink(path_of("dev/uio3"));
	MUST(!mkfifo(path_of("dev/uio3"), 0600));
	uio.fifo = open(path_of("dev/uio3"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	/* The program may still have the former file. */
	unlink(path_of("dev/uio3.maps"));
	put("", "dev/uio3.maps");
	MUST(uio.fifo >= 0 && !truncate(path_of("dev/uio3.maps"), 2 * size));
	map_rings(path_of("dev/uio3.maps"), size, &uio.to_host, &uio.to_guest);
	*word(&uio.to_host, FEATURE_BITS) = *word(&uio.to_guest, FEATURE_BITS) = 1;
	uio.host = open_on_fd(&uio.to_guest, &uio.to_host, uio.fifo);
}

static void uio_rescind(void)
{
	MUST(write(uio.fifo, "x", 1) == 1);
	uio_host_close();
}

#define ID_OF(text) put(text, SYS DEV1 "/id")

static void offer(void)
{
	sysfs_make();
	device(DEV1, FCOPY);
	bind_uio(DEV1, 3, 5 * getpagesize(), 10);
	uio_host_open();
}

static void bound_to(const char *driver)
{
	sysfs_make();
	device(DEV1, FCOPY);
	set_driver(DEV1, driver);
}

static void check_served(struct vmbus_ic *ic, uint64_t xid)
{
	unsigned int before = seen.requests;
	struct answer a;

	MUST(!host_negotiates(uio.host, xid, 1));
	UNTIL(ic, !host_gets(uio.host, &a));
	CHECK_IS(a.pkt.transaction_id, xid);
	MUST(!host_sends(uio.host, VMBUS_IC_FCOPY, xid + 1, "abcdefgh", 8));
	UNTIL(ic, seen.requests == before + 1);
	check_answer(uio.host, xid + 1, VMBUS_S_OK, 8);
}

static struct vmbus_ic *serve_device(const char *id, uint32_t patience_ms)
{
	struct vmbus_ic_options opt = options();
	struct vmbus_ic *ic;

	opt.patience_ms = patience_ms;
	MUST(!vmbus_ic_new(id, &opt, &ic));
	return ic;
}

/* The host offers a device, and the program opens it. */
static struct vmbus_ic *serve_offered(const char *id, uint32_t patience_ms)
{
	struct vmbus_ic *ic;

	offer();
	ic = serve_device(id, patience_ms);
	CHECK(!vmbus_ic_chan(ic));
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 1);
	return ic;
}

/* The program has nothing to do for a while. */
static void dispatch_for(struct vmbus_ic *ic, int ms)
{
	for (int i = 0; i < ms / 10; i++)
		if (readable(ic, 10))
			CHECK_IS(vmbus_ic_dispatch(ic), 0);
}

static void device_end(struct vmbus_ic *ic)
{
	vmbus_ic_free(ic);
	uio_host_close();
}

TEST(taken_back_and_offered_again)
{
	struct vmbus_ic *ic;
	int fd;

	ic = serve_offered("fcopy", 0);
	fd = vmbus_ic_fd(ic);
	check_served(ic, 1);
	/* A request waits for its answer. */
	seen.status = VMBUS_IC_LATER;
	MUST(!host_sends(uio.host, VMBUS_IC_FCOPY, 5, "abcdefgh", 8));
	UNTIL(ic, seen.later_count == 1);
	seen.status = VMBUS_S_OK;

	sysfs_make();
	uio_rescind();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_CLOSED] == 1);
	CHECK_IS(seen.error, -ENODEV);
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_WAITING] == 1);
	CHECK_IS(seen.error, -ENODEV);
	dispatch_for(ic, 500);
	/* The library reports this once, although it looks again and again. */
	CHECK_IS(seen.events[VMBUS_IC_EVENT_WAITING], 1);
	offer();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 2);
	CHECK_IS(vmbus_ic_reply(ic, seen.later[0], VMBUS_S_OK), -ESTALE);
	check_served(ic, 11);
	CHECK_IS(vmbus_ic_fd(ic), fd);
	CHECK_IS(stats_of(ic).opened, 2);
	device_end(ic);
}

TEST(a_host_that_offers_late_after_a_hibernation)
{
	struct vmbus_ic *ic = serve_offered(DEV1, 0);

	check_served(ic, 1);
	ID_OF("4294967295\n");
	uio_rescind();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_WAITING] == 1);
	CHECK_IS(seen.error, -ENODEV);
	CHECK(strstr(seen.reason, "not offered"));
	CHECK_IS(stats_of(ic).opened, 1);
	uio_host_open();
	ID_OF("9\n");
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 2);
	check_served(ic, 3);
	device_end(ic);
}

TEST(a_device_that_somebody_else_has)
{
	struct vmbus_ic *ic;

	bound_to("hv_utils");
	ic = serve_device(FCOPY, 0);
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_WAITING] == 1);
	CHECK_IS(seen.error, -EBUSY);
	CHECK(strstr(seen.reason, DEV1) && strstr(seen.reason, "hv_utils"));
	/* No function has failed. */
	CHECK(strstr(error_text(), "no text"));
	bound_to(NULL);
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_WAITING] == 2);
	CHECK_IS(seen.error, -ENXIO);
	offer();
	put("open\n", SYS DEV1 "/uio_hv_generic/state");
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_WAITING] == 3);
	CHECK_IS(seen.error, -EBUSY);
	CHECK(strstr(seen.reason, "another program"));
	CHECK_IS(stats_of(ic).opened, 0);
	put("closed\n", SYS DEV1 "/uio_hv_generic/state");
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 1);
	check_served(ic, 1);
	device_end(ic);

	/* The program does not want to wait. */
	bound_to("hv_utils");
	ic = serve_device(FCOPY, 0);
	seen.end = -EBUSY;
	CHECK_IS(vmbus_ic_serve(ic, -1), -EBUSY);
	device_end(ic);
}

/* Its options of an open have more members, which it does not set. */
TEST(a_program_of_a_later_version_opens_a_device)
{
	struct vmbus_ic_options opt = options();
	struct {
		struct vmbus_open_options open;
		uint64_t more;
	} later = { .open.struct_size = sizeof(later) };
	struct vmbus_ic *ic;

	offer();
	opt.open = &later.open;
	MUST(!vmbus_ic_new("fcopy", &opt, &ic));
	dispatch_for(ic, 100);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_OPENED], 1);
	device_end(ic);
}

TEST(an_impossible_index_costs_the_channel)
{
	struct vmbus_ic *ic = serve_offered("fcopy", 0);
	const uint16_t len8 = 1;

	check_served(ic, 1);
	/*
	 * A packet with an impossible length costs only the contents of the
	 * ring.
	 */
	MUST(!host_sends(uio.host, VMBUS_IC_FCOPY, 9, "abcdefgh", 8));
	ring_poke(&uio.to_guest, *word(&uio.to_guest, READ_INDEX) + 4, &len8, sizeof(len8));
	UNTIL(ic, stats_of(ic).skipped == 1);
	check_served(ic, 3);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 0);

	*word(&uio.to_guest, WRITE_INDEX) = 12345678;
	MUST(!channel_signal(uio.host));
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_CLOSED] == 1);
	CHECK_IS(seen.error, -EIO);
	uio_host_open();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 2);
	check_served(ic, 11);
	device_end(ic);
}

/* The event of a rescind comes, and then the kernel takes the rings away. */
TEST(a_rescind_that_is_noticed_late)
{
	struct vmbus_ic_options opt = options();
	struct vmbus_ic *ic;
	struct model m;

	model_open_on_socket(&m, 4096);
	MUST(!vmbus_ic_from_chan(m.guest, &opt, &ic));
	CHECK_IS(settle(ic), 0);
	hang_up(&m);
	take_away(&m);
	CHECK_IS(vmbus_ic_dispatch(ic), -ENODEV);
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 1);
	CHECK_IS(seen.error, -ENODEV);
	vmbus_ic_free(ic);
	model_close(&m);
}

/* While they wait, the object does not read the host's NEGOTIATE. */
TEST(forgotten_requests_that_wait)
{
	char body[] = "request0";
	struct vmbus_ic *ic = serve_offered("fcopy", 100);

	check_served(ic, 1);
	seen.status = VMBUS_IC_LATER;
	for (; seen.later_count < VMBUS_IC_LATER_MAX; body[7]++) {
		unsigned int before = seen.later_count;

		MUST(!host_sends(uio.host, VMBUS_IC_FCOPY, body[7], body, 8));
		UNTIL(ic, seen.later_count == before + 1);
	}
	uio_rescind();
	uio_host_open();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 2);
	MUST(!host_negotiates(uio.host, 20, 1));
	dispatch_for(ic, 500);
	/* The host owes nothing. */
	CHECK_IS(seen.events[VMBUS_IC_EVENT_CLOSED], 1);
	while (seen.later_count)
		CHECK_IS(vmbus_ic_reply(ic, seen.later[--seen.later_count], VMBUS_S_OK), -ESTALE);
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_NEGOTIATED] == 2);
	device_end(ic);
}

TEST(a_silent_host)
{
	struct vmbus_ic *ic;
	uint64_t opens;

	ic = serve_offered("fcopy", 200);
	/* The host does not negotiate. */
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_CLOSED] == 1);
	CHECK_IS(seen.error, -ETIMEDOUT);
	CHECK(strstr(seen.reason, "negotiate"));
	uio_host_open();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 2);
	check_served(ic, 1);
	/* The host owes nothing. */
	opens = stats_of(ic).opened;
	dispatch_for(ic, 600);
	CHECK_IS(stats_of(ic).opened, opens);
	/* The host does not read its answer. */
	MUST(!host_sends(uio.host, VMBUS_IC_FCOPY, 5, "abcdefgh", 8));
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_CLOSED] == 2);
	CHECK_IS(seen.error, -ETIMEDOUT);
	CHECK(strstr(seen.reason, "answers"));
	uio_host_open();
	UNTIL(ic, seen.events[VMBUS_IC_EVENT_OPENED] == 3);
	check_served(ic, 7);
	device_end(ic);
}

TEST(options_that_are_refused)
{
	struct {
		struct vmbus_ic_options opt;
		uint64_t more;
	} later = { .opt = options() };
	struct vmbus_open_options open = { .struct_size = sizeof(open) };
	static const unsigned int flags[] = { VMBUS_OPEN_POLL, VMBUS_OPEN_SENDERS,
					      VMBUS_OPEN_SPIN };
	struct vmbus_ic_options opt;
	struct model m;
	struct vmbus_ic *ic;
	struct served s;

#define REFUSED(change, error, word)                               \
	do {                                                       \
		opt = options();                                   \
		change;                                            \
		CHECK_IS(vmbus_ic_new("fcopy", &opt, &ic), error); \
		CHECK(strstr(error_text(), word));                 \
	} while (0)
	REFUSED(opt.struct_size = 8, -EINVAL, "struct_size");
	REFUSED(opt.flags = 1, -EINVAL, "flags");
	REFUSED(opt.reserved = 1, -EINVAL, "reserved");
	REFUSED(opt.request = NULL, -EINVAL, "requests");
	REFUSED(opt.event = NULL, -EINVAL, "events");
	REFUSED(opt.message_count = 0, -EINVAL, "message_count 0, framework_count 0:");
	REFUSED(opt.message_count = 101, -EINVAL, "message_count 101,");
	REFUSED(opt.messages = NULL, -EINVAL, "messages is NULL");
	REFUSED(opt.framework_count = 1, -EINVAL, "frameworks is NULL");
	REFUSED(opt.max_message = 27, -EINVAL, "27 bytes: it has to be 28 to 524280");
	REFUSED(opt.max_message = 1 << 20, -EINVAL, "max_message");
	for (int i = 0; i < 3; i++) {
		open.flags = flags[i];
		REFUSED(opt.open = &open, -EINVAL, "open->flags of 0x");
	}
	opt = options();
	CHECK_FAILS(vmbus_ic_new("nonsense", &opt, &ic), -EINVAL, "nonsense");
	CHECK_IS(vmbus_ic_new("fcopy", NULL, &ic), -EINVAL);
	later.opt.struct_size = sizeof(later);
	CHECK_IS(vmbus_ic_new("fcopy", &later.opt, &ic), 0);
	vmbus_ic_free(ic);
	later.more = 1;
	CHECK_IS(vmbus_ic_new("fcopy", &later.opt, &ic), -E2BIG);
	vmbus_ic_free(NULL);

	/* The options lack every way to wait in a loop. */
	opt = options();
	model_open(&m, 4096);
	CHECK_IS(vmbus_ic_from_chan(m.guest, &opt, &ic), -EOPNOTSUPP);
	model_close(&m);
	MUST(!vmbus_open_pair(65536 * 2, 0, &s.guest, &s.host));
	set_producers(s.guest, PRODUCERS_MUTEX);
	CHECK_IS(vmbus_ic_from_chan(s.guest, &opt, &ic), -EOPNOTSUPP);
	set_producers(s.guest, PRODUCERS_ONE);
	/* Without a callback for events */
	opt.event = NULL;
	MUST(!vmbus_ic_from_chan(s.guest, &opt, &s.ic));
	agree(&s);
	served_close(&s);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return run_tests(NULL);
}
