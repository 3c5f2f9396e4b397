// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program runs the example driver of the NIC against hosts that misbehave.
 * The host is in a child process. The tests change its messages, or send more.
 * If a host recovers, each frame must still come back.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/wait.h>

#include "../bufring/model.h"
#include "host.h"
#include "nic.h"

int netvsc_main(int argc, char **argv);

#define OUR_ID		(1ull << 32)	/* of packets that a test sends itself */
#define OURS_MAX	4096u
/* in the receive buffer: no part of it that the host uses */
#define OURS_AT		(1u << 20)

/* Memory that the process shares with the host's process */
static struct shared {
	uint32_t acks[OURS_MAX];
	uint32_t statuses[OURS_MAX];
	uint32_t sent, tampered, stray, fill_at, fill;
	/* The host has no more to say, never reads, and the driver gave up. */
	atomic_bool over, deaf, gave_up;
} *shared;

static struct app app;
static struct netvsc_host host;
static char printed[65536];

/* Whether the driver looks for an answer of NVSP when its time is over */
static bool late;

/*
 * The linker lets the driver's waits for the host come here. Their time is over
 * when the host has nothing more to say, however long that takes. The driver
 * still takes what has arrived.
 */
int __wrap_turn(struct app *a, int64_t deadline);
int __real_turn(struct app *a, int64_t deadline);

int __wrap_turn(struct app *a, int64_t deadline)
{
	bool over = shared->over;
	int err;

	if (late && a->nics[0].nvsp_id) {
		WAIT_UNTIL(vmbus_rx_used(a->nics[0].channels[0].chan));
		over = true;
	}
	err = __real_turn(a, over ? 0 : now_ms() + 10);
	if (err != -ETIMEDOUT)
		return err;
	shared->gave_up = over;
	return over ? err : 0;
}

static void prepare(enum mode mode)
{
	static const uint8_t ip[] = { 192, 0, 2, 2 };

	memset(shared, 0, sizeof(*shared));
	app = (struct app){
		.mode = mode, .channels = 1, .mtu = 1500,
	};
	/* This drops a signal that came too late for the test before. */
	signal(SIGTERM, SIG_IGN);
	stop_requested = 0;
	late = false;
	memcpy(app.ip, ip, sizeof(ip));
}

static void prepare_host(void)
{
	host = demo_host(&app);
	host.recv_size = OURS_AT + 65536;
}

/* Run a program with all of its output in printed[]. Return its exit status. */
static int run_program(int (*program)(void))
{
	int out = dup(1), err = dup(2), to = fileno(tmpfile()), status;
	ssize_t len;

	MUST(out >= 0 && err >= 0 && to >= 0);
	fflush(stdout);
	MUST(dup2(to, 1) == 1 && dup2(to, 2) == 2);
	status = program();
	fflush(stdout);
	MUST(dup2(out, 1) == 1 && dup2(err, 2) == 2);
	len = pread(to, printed, sizeof(printed) - 1, 0);
	MUST(len >= 0);
	printed[len] = 0;
	close(out);
	close(err);
	close(to);
	return status;
}

static int run_demo(void)
{
	return demo(&app, &host);
}

static bool says(const char *text)
{
	return strstr(printed, text);
}

static void show(void)
{
	for (char *line = strtok(printed, "\n"); line; line = strtok(NULL, "\n"))
		ksft_print_msg("  %s\n", line);
}

/*
 * Check that the driver and the host succeed, and that the driver rejects @bad
 * packets.
 */
#define SUCCEEDS(bad_) do {								\
	int failed_before = checks_failed;						\
	uint64_t bad_packets = 0;							\
	CHECK_IS(run_program(run_demo), 0);						\
	for (unsigned int i_ = 0; i_ < CHANNELS_MAX; i_++)				\
		bad_packets += app.nics[0].channels[i_].stats.bad;			\
	CHECK_IS(bad_packets, bad_);							\
	if (checks_failed > failed_before)						\
		show();									\
} while (0)

/* Check that one of them fails with this text. */
#define FAILS(text) do {								\
	CHECK_IS(run_program(run_demo), 1);						\
	if (!says(text)) {								\
		ksft_print_msg("%s:%d: it does not say: %s\n", __FILE__, __LINE__, text);	\
		show();									\
		checks_failed++;							\
	}										\
} while (0)

/* Without mistakes */

static void both_ways_of_sending(void)
{
	for (int pages = 0; pages < 2; pages++) {
		for (int mode = MODE_ECHO; mode <= MODE_FORWARD; mode++) {
			prepare((enum mode)mode);
			app.pages = pages;
			prepare_host();
			SUCCEEDS(0);
		}
	}
}

static void channels_and_polling(void)
{
	for (unsigned int n = 2; n <= HOST_CHANNELS_MAX; n += 3) {
		for (int poll = 0; poll < 2; poll++) {
			prepare(MODE_FORWARD);
			app.channels = n;
			app.poll = poll;
			prepare_host();
			SUCCEEDS(0);
			for (unsigned int i = 0; i < n; i++)
				CHECK(app.nics[0].channels[i].stats.rx_frames > 10);
		}
	}
}

static void all_versions(void)
{
	static const uint32_t versions[] = { NVSP_VERSION_6_1, NVSP_VERSION_6, NVSP_VERSION_5 };

	for (size_t i = 0; i < 3; i++) {
		prepare(MODE_ECHO);
		app.channels = 3;
		prepare_host();
		host.version = versions[i];
		SUCCEEDS(0);
		CHECK_IS(app.nics[0].version, versions[i]);
		CHECK(says("channels 3,"));
	}
}

static void large_and_small_frames(void)
{
	static const uint32_t mtus[] = { 68, 1499, 9000 };

	for (size_t i = 0; i < 3; i++) {
		prepare(MODE_FORWARD);
		app.mtu = mtus[i];
		prepare_host();
		SUCCEEDS(0);
	}
}

static void sections_smaller_than_frames(void)
{
	prepare(MODE_FORWARD);
	app.mtu = 9000;
	prepare_host();
	host.section_size = 6144;
	FAILS("the host makes sections of 6144 bytes, messages have up to 9078: try --send=pages");
	prepare(MODE_FORWARD);
	app.mtu = 9000;
	app.pages = true;
	prepare_host();
	host.section_size = 6144;
	SUCCEEDS(0);
}

/*
 * The driver has room for 4 frames that the host has not completed. It keeps
 * the others in the receive buffer, and drops none.
 */
static void more_frames_than_sections(void)
{
	for (int poll = 0; poll < 2; poll++) {
		prepare(MODE_FORWARD);
		app.channels = 2;
		app.poll = poll;
		prepare_host();
		host.section_size = 1 << 17;
		SUCCEEDS(0);
		CHECK_IS(app.nics[0].channels[0].stats.tx_dropped, 0);
		CHECK_IS(app.nics[0].channels[1].stats.tx_dropped, 0);
	}
}

static void fewer_subchannels_than_wanted(void)
{
	for (unsigned int granted = 0; granted < 3; granted++) {
		prepare(MODE_FORWARD);
		app.channels = 4;
		prepare_host();
		host.subchannels = granted;
		SUCCEEDS(0);
		CHECK(says(granted ? "channels" : "the host refuses more"));
	}
}

static void statistics_at_the_end(void)
{
	prepare(MODE_ECHO);
	prepare_host();
	SUCCEEDS(0);
	CHECK(says("statistics nic=0 channel=0 rx_frames=300 tx_frames=300 tx_dropped=0 "));
}

static void spoil_a_frame(struct netvsc_host *h, struct host_packet *p)
{
	if (p->type == VMBUS_PACKET_XFER_PAGES && p->id > 3 && p->ranges[0].length > 200)
		h->recv[p->ranges[0].offset + 150] ^= 1;
}

static void a_wrong_frame_fails_the_test(void)
{
	prepare(MODE_FORWARD);
	prepare_host();
	host.tamper = spoil_a_frame;
	FAILS("is none that was expected");
}

/* Packets that a test sends itself, and that the driver must complete once */

static bool completed(struct netvsc_host *h, uint64_t id, uint32_t status)
{
	if (id < OUR_ID)
		return false;
	if (id - OUR_ID >= OURS_MAX) {
		shared->stray++;
		return true;
	}
	shared->acks[id - OUR_ID]++;
	shared->statuses[id - OUR_ID] = status;
	return true;
}

static void host_must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "the test's host: %s\n", strerror(-err));
	_exit(9);
}

/* The start */

static bool is_answer(const struct host_packet *p, uint32_t type)
{
	uint32_t word;

	memcpy(&word, p->payload, sizeof(word));
	return p->type == VMBUS_PACKET_COMPLETION && word == type;
}

/* A test changes the answers to one message of NVSP or RNDIS in this way. */
static struct {
	uint32_t type;		/* of the answer */
	uint32_t oid;		/* of a query: told by the length of its answer */
	uint32_t at, value;	/* writes there in the answer */
	uint32_t at2, value2;
	uint32_t length;	/* 0: as it is */
	bool silent, foreign, vanish, retyped;
} spoil;

static void spoil_nvsp(struct netvsc_host *h, struct host_packet *p)
{
	if (!is_answer(p, spoil.type))
		return;
	shared->tampered++;
	if (spoil.vanish)
		_exit(0);
	if (spoil.at)
		memcpy(p->payload + spoil.at, &spoil.value, 4);
	if (spoil.at2)
		memcpy(p->payload + spoil.at2, &spoil.value2, 4);
	if (spoil.length)
		p->length = spoil.length;
	if (spoil.retyped)
		p->payload[0]++;
	if (spoil.foreign)
		p->id += 1 << 16;
	if (spoil.silent)
		p->copies = 0;
}

static void spoil_rndis(struct netvsc_host *h, struct host_packet *p)
{
	unsigned char *message = h->recv + p->ranges[0].offset;
	struct rndis_answer answer;

	if (p->type != VMBUS_PACKET_XFER_PAGES)
		return;
	memcpy(&answer, message, sizeof(answer));
	if (answer.header.type != spoil.type || (spoil.oid && answer.query.length != spoil.oid))
		return;
	shared->tampered++;
	if (spoil.vanish)
		_exit(0);
	if (spoil.at)
		memcpy(message + spoil.at, &spoil.value, 4);
	if (spoil.length)
		p->ranges[0].length = spoil.length;
	if (spoil.silent)
		p->copies = 0;
}

/* Whether the driver must refuse the changed answer */
static bool refused(struct netvsc_host *h, uint64_t id, uint32_t status)
{
	return status != NVSP_SUCCESS;
}

/* What START_FAILS has the host do before it sleeps */
static void (*before_sleep)(struct netvsc_host *h, bool filter);

#define START_FAILS(how, text, ...) do {						\
	prepare(MODE_ECHO);								\
	app.channels = 3;								\
	prepare_host();									\
	memset(&spoil, 0, sizeof(spoil));						\
	__typeof__(spoil) this_ = { __VA_ARGS__ };					\
	spoil = this_;									\
	host.tamper = how;								\
	host.before_sleep = before_sleep;						\
	host.completed = refused;							\
	FAILS(text);									\
} while (0)

#define NVSP_FAILS(text, ...) START_FAILS(spoil_nvsp, text, __VA_ARGS__)
#define RNDIS_FAILS(text, ...) START_FAILS(spoil_rndis, text, __VA_ARGS__)

/*
 * A message in the receive buffer is wrong before the host has accepted the
 * buffer.
 */
static void send_too_early(struct netvsc_host *h, struct host_packet *p)
{
	static const uint32_t down[] = { RNDIS_INDICATE, 20, RNDIS_LINK_DOWN, 0, 12 };
	const struct nvsp_message msg = { .type = NVSP_RNDIS };
	const struct vmbus_range range = { sizeof(down), OURS_AT };

	if (!is_answer(p, NVSP_INIT_COMPLETE) || shared->sent++)
		return;
	memcpy(h->recv + range.offset, down, sizeof(down));
	host_must(vmbus_queue_xfer(h->chans[0], 1, OUR_ID, RECV_BUFFER_ID, &range, 1, &msg,
				   sizeof(msg)));
}

static void a_message_before_the_buffer(void)
{
	prepare(MODE_ECHO);
	prepare_host();
	host.tamper = send_too_early;
	host.completed = completed;
	SUCCEEDS(1);
	CHECK(shared->acks[0] == 1 && shared->statuses[0] == NVSP_FAILURE);
}

static void no_version_in_common(void)
{
	prepare(MODE_ECHO);
	prepare_host();
	host.version = 0x70000;
	FAILS("the host accepts no version of NVSP from 5.0 to 6.1");
}

static void over_after_the_spoilt(struct netvsc_host *h, bool filter)
{
	shared->over = shared->tampered;
}

static void no_answer(void)
{
	before_sleep = over_after_the_spoilt;
	NVSP_FAILS("does not answer NVSP message 1", .type = NVSP_INIT_COMPLETE, .silent = true);
	NVSP_FAILS("does not answer NVSP message 1", .type = NVSP_INIT_COMPLETE, .foreign = true);
	CHECK_IS(app.nics[0].channels[0].stats.bad, 1);
	NVSP_FAILS("does not answer NVSP message 101", .type = NVSP_RECV_BUFFER_COMPLETE,
		   .silent = true);
	NVSP_FAILS("does not answer NVSP message 104", .type = NVSP_SEND_BUFFER_COMPLETE,
		   .silent = true);
	NVSP_FAILS("does not answer NVSP message 133", .type = NVSP_SUBCHANNEL, .silent = true);
	RNDIS_FAILS("does not answer RNDIS message 2", .type = RNDIS_INITIALIZE | RNDIS_COMPLETE,
		    .silent = true);
	RNDIS_FAILS("does not answer RNDIS message 4", .type = RNDIS_QUERY | RNDIS_COMPLETE,
		    .silent = true);
	RNDIS_FAILS("does not answer RNDIS message 5", .type = RNDIS_SET | RNDIS_COMPLETE,
		    .silent = true);
	/* An answer with another id does not count. */
	RNDIS_FAILS("does not answer RNDIS message 5", .type = RNDIS_SET | RNDIS_COMPLETE,
		    .at = 8, .value = 77);
	CHECK_IS(app.nics[0].channels[0].stats.bad, 1);
	/*
	 * These answers are truncated, too short, longer than their range, or
	 * longer than any answer.
	 */
	RNDIS_FAILS("does not answer RNDIS message 5", .type = RNDIS_SET | RNDIS_COMPLETE,
		    .at = 0, .length = 15);
	RNDIS_FAILS("does not answer RNDIS message 5", .type = RNDIS_SET | RNDIS_COMPLETE,
		    .at = 4, .value = 12);
	RNDIS_FAILS("does not answer RNDIS message 5", .type = RNDIS_SET | RNDIS_COMPLETE,
		    .at = 4, .value = 17);
	RNDIS_FAILS("does not answer RNDIS message 5", .type = RNDIS_SET | RNDIS_COMPLETE,
		    .at = 4, .value = 257, .length = 257);
	CHECK_IS(app.nics[0].channels[0].stats.bad, 1);
	before_sleep = NULL;
}

/*
 * Each answer arrives while the driver does not run, and then its time is over.
 */
static void an_answer_that_waits_for_the_driver(void)
{
	prepare(MODE_ECHO);
	late = true;
	prepare_host();
	SUCCEEDS(0);
}

static void wrong_answers_of_nvsp(void)
{
	NVSP_FAILS("the answer to NVSP message 1 has", .type = NVSP_INIT_COMPLETE, .length = 8);
	NVSP_FAILS("the answer to NVSP message 1 has type 3", .type = NVSP_INIT_COMPLETE,
		   .retyped = true);
	NVSP_FAILS("the answer to NVSP message 104 has type 106",
		   .type = NVSP_SEND_BUFFER_COMPLETE, .retyped = true);
	NVSP_FAILS("the answer to NVSP message 101 has", .type = NVSP_RECV_BUFFER_COMPLETE,
		   .length = 24);
	NVSP_FAILS("the answer to NVSP message 104 has", .type = NVSP_SEND_BUFFER_COMPLETE,
		   .length = 4);
	NVSP_FAILS("the answer to NVSP message 133 has", .type = NVSP_SUBCHANNEL, .length = 8);
	NVSP_FAILS("refuses the receive buffer: status 2", .type = NVSP_RECV_BUFFER_COMPLETE,
		   .at = 4, .value = 2);
	NVSP_FAILS("of the receive buffer", .type = NVSP_RECV_BUFFER_COMPLETE, .at = 8, .value = 2);
	NVSP_FAILS("of the receive buffer", .type = NVSP_RECV_BUFFER_COMPLETE, .at = 12,
		   .value = 8);
	NVSP_FAILS("of the receive buffer", .type = NVSP_RECV_BUFFER_COMPLETE, .at = 16,
		   .value = 0);
	NVSP_FAILS("of the receive buffer", .type = NVSP_RECV_BUFFER_COMPLETE, .at = 16,
		   .value = 4096);
	/* The product is 65536 in 32 bits. */
	NVSP_FAILS("of the receive buffer", .type = NVSP_RECV_BUFFER_COMPLETE,
		   .at = 16, .value = 65537, .at2 = 20, .value2 = 65536);
	NVSP_FAILS("of the receive buffer", .type = NVSP_RECV_BUFFER_COMPLETE, .at = 20,
		   .value = 0);
	NVSP_FAILS("refuses the send buffer: status 0", .type = NVSP_SEND_BUFFER_COMPLETE,
		   .at = 4, .value = 0);
	NVSP_FAILS("makes sections of 0 bytes", .type = NVSP_SEND_BUFFER_COMPLETE, .at = 8,
		   .value = 0);
	NVSP_FAILS("makes sections of 255 bytes", .type = NVSP_SEND_BUFFER_COMPLETE, .at = 8,
		   .value = 255);
	NVSP_FAILS("makes sections of 1048576 bytes", .type = NVSP_SEND_BUFFER_COMPLETE, .at = 8,
		   .value = 1 << 20);
	NVSP_FAILS("makes sections of 4294967295 bytes", .type = NVSP_SEND_BUFFER_COMPLETE,
		   .at = 8, .value = UINT32_MAX);
	NVSP_FAILS("grants 3 sub-channels instead of 2", .type = NVSP_SUBCHANNEL, .at = 8,
		   .value = 3);
	NVSP_FAILS("grants 4294967295 sub-channels", .type = NVSP_SUBCHANNEL, .at = 8,
		   .value = UINT32_MAX);
}

static void wrong_answers_of_rndis(void)
{
	const uint32_t query = RNDIS_QUERY | RNDIS_COMPLETE;

	RNDIS_FAILS("refuses RNDIS: status 0xc00000bb", .type = RNDIS_INITIALIZE | RNDIS_COMPLETE,
		    .at = 12, .value = RNDIS_NOT_SUPPORTED);
	RNDIS_FAILS("takes messages of 1000 bytes at most",
		    .type = RNDIS_INITIALIZE | RNDIS_COMPLETE, .at = 36, .value = 1000);
	RNDIS_FAILS("the host takes messages", .type = RNDIS_INITIALIZE | RNDIS_COMPLETE,
		    .at = 4, .value = 48);
	RNDIS_FAILS("refuses to set 0xfc01020c: status 0x00000001",
		    .type = RNDIS_SET | RNDIS_COMPLETE, .at = 12, .value = 1);
	RNDIS_FAILS("refuses the query 0x01010101", .type = query, .at = 12, .value = 1);
	RNDIS_FAILS("query 0x01010101 has 7 bytes", .type = query, .at = 16, .value = 7);
	RNDIS_FAILS("query 0x01010101 has 4294967295 bytes", .type = query, .at = 16,
		    .value = UINT32_MAX);
	RNDIS_FAILS("has 6 bytes at 0", .type = query, .at = 20, .value = 0);
	RNDIS_FAILS("has 6 bytes at 17", .type = query, .at = 20, .value = 17);
	RNDIS_FAILS("has 6 bytes at 4294967290", .type = query, .at = 20, .value = UINT32_MAX - 5);
	/* The answer ends before the offset and the length. */
	RNDIS_FAILS("the answer to the query", .type = query, .at = 4, .value = 16);
	RNDIS_FAILS("query 0x00010203 has 20 bytes", .type = query, .oid = 18, .at = 16,
		    .value = 20);
	/* A host without a table has one channel. */
	prepare(MODE_ECHO);
	app.channels = 3;
	prepare_host();
	__typeof__(spoil) no_table = { .type = query, .oid = 18, .at = 40, .value = 0 };
	spoil = no_table;
	host.tamper = spoil_rndis;
	SUCCEEDS(0);
	CHECK(says("one channel: the host distributes over 3 with a table of 0"));
}

static void a_rescind_during_the_start(void)
{
	static const uint32_t nvsp[] = {
		NVSP_INIT_COMPLETE, NVSP_RECV_BUFFER_COMPLETE, NVSP_SEND_BUFFER_COMPLETE,
		NVSP_SUBCHANNEL,    NVSP_RNDIS_COMPLETE,
	};

	for (size_t i = 0; i < sizeof(nvsp) / sizeof(nvsp[0]); i++)
		NVSP_FAILS("the host took the device away", .type = nvsp[i], .vanish = true);
	for (uint32_t type = RNDIS_INITIALIZE; type <= RNDIS_SET; type++)
		if (type != RNDIS_HALT)
			RNDIS_FAILS("the host took the device away", .type = type | RNDIS_COMPLETE,
				    .vanish = true);
}

static void a_signal_during_the_start(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prepare(MODE_ECHO);
	prepare_host();
	__typeof__(spoil) silent = { .type = NVSP_RECV_BUFFER_COMPLETE, .silent = true };
	spoil = silent;
	host.tamper = spoil_nvsp;
	kill(getpid(), SIGTERM);
	/* The host reports that nothing was right; the driver does not. */
	FAILS("the host is not content");
	CHECK(!says("netvsc: nic"));
}

/* The traffic */

static void vanish(struct netvsc_host *h, uint32_t back)
{
	if (back > 50)
		_exit(0);
}

static void a_rescind_in_the_traffic(void)
{
	for (int poll = 0; poll < 2; poll++) {
		prepare(MODE_FORWARD);
		app.channels = 2;
		app.poll = poll;
		prepare_host();
		host.idle = vanish;
		FAILS("the host took the device away");
		CHECK(says("the exchange failed: No such device"));
		CHECK(app.nics[0].channels[0].stats.rx_frames > 20);
	}
}

/* Send a packet that points to @message in the receive buffer. */
static void send_ours(struct netvsc_host *h, unsigned int channel, const void *message,
		      uint32_t length, uint32_t range_length, uint16_t flags)
{
	const struct nvsp_message msg = { .type = NVSP_RNDIS, .rndis.section = NVSP_NO_SECTION };
	struct vmbus_range range = { range_length, OURS_AT + shared->sent * 128 };

	memset(h->recv + range.offset, 0, 128);
	memcpy(h->recv + range.offset, message, length);
	host_must(vmbus_queue_xfer(h->chans[channel], flags, OUR_ID + shared->sent++,
				   RECV_BUFFER_ID, &range, 1, &msg, sizeof(msg)));
	host_must(vmbus_flush(h->chans[channel]));
}

/* RNDIS messages that are wrong, as words */
static const struct bad {
	const char *what;
	uint32_t range;		/* bytes of the range that the packet names */
	uint32_t words[20];
} bad_messages[] = {
	{ "an empty range", 0, { 1, 44 } },
	{ "no whole header", 7, { 1, 44 } },
	{ "length 0", 64, { 7, 0 } },
	{ "length 7", 64, { 7, 7 } },
	{ "longer than its range", 64, { 7, 65 } },
	{ "longest", 64, { 7, UINT32_MAX } },
	{ "an unknown type", 64, { 99, 64 } },
	{ "a request", 64, { RNDIS_QUERY, 28, 1, OID_PERMANENT_ADDRESS, 0, 20 } },
	{ "an answer to nothing", 64, { RNDIS_SET | RNDIS_COMPLETE, 16, 1, 0 } },
	{ "a frame shorter than its header", 64, { 1, 40, 36, 0 } },
	{ "a frame without data", 64, { 1, 64, 36, 0 } },
	{ "13 bytes of data", 64, { 1, 64, 36, 13 } },
	{ "data beyond the message", 128, { 1, 64, 36, 21 } },
	{ "data inside the header", 128, { 1, 128, 35, 14 } },
	{ "data whose end wraps", 128, { 1, 128, 36, UINT32_MAX - 35 } },
	{ "data whose start wraps", 128, { 1, 128, UINT32_MAX - 7, 60 } },
	{ "a frame longer than the MTU allows", 1563, { 1, 1563, 36, 1519 } },
	{ "a frame longer than any MTU", 20000, { 1, 20000, 36, 19956 } },
	{ "data far away", 128, { 1, 128, 0x10000000, 60 } },
	{ "PPIs beyond the message", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 88 } },
	{ "PPIs inside the header", 128, { 1, 128, 60, 14, 0, 0, 0, 32, 16, 0, 0, 16, 6, 12 } },
	{ "PPIs at an odd place", 128, { 1, 128, 60, 14, 0, 0, 0, 38, 16, 0, 0, 16 << 16, 0, 12 << 16 } },
	{ "PPIs that wrap", 128, { 1, 128, 60, 14, 0, 0, 0, 36, UINT32_MAX } },
	{ "a PPI of 0 bytes", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, 0, 6, 12 } },
	{ "a PPI of 8 bytes", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, 8, 6, 12 } },
	{ "a PPI of 14 bytes", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, 14, 6, 12 } },
	{ "PPIs of 18 and 14 bytes", 128,
	  { 1, 128, 60, 14, 0, 0, 0, 36, 32, 0, 0, 18, 0, 12, 0, 14 << 16, 0, 12 << 16 } },
	{ "a PPI beyond the others", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, 20, 6, 12 } },
	{ "a PPI of the largest size", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, UINT32_MAX - 3, 6, 12 } },
	{ "a PPI with its data beyond it", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, 16, 6, 20 } },
	{ "a PPI with its data before it", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 16, 0, 0, 16, 6, 0 } },
	{ "a VLAN tag that is cut", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 12, 0, 0, 12, 6, 12 } },
	{ "half a PPI", 128, { 1, 128, 60, 14, 0, 0, 0, 36, 8, 0, 0, 8, 6 } },
	{ "an indication that is cut", 64, { RNDIS_INDICATE, 16, RNDIS_LINK_DOWN, 0 } },
};

#define BAD_MESSAGES (sizeof(bad_messages) / sizeof(bad_messages[0]))

static void send_bad_messages(struct netvsc_host *h, uint32_t back)
{
	if (back < 10 || shared->tampered++)
		return;
	for (size_t i = 0; i < BAD_MESSAGES; i++)
		send_ours(h, 0, bad_messages[i].words, sizeof(bad_messages[i].words),
			  bad_messages[i].range, 1);
}

static void run_with_bad_messages(enum mode mode)
{
	prepare(mode);
	prepare_host();
	host.idle = send_bad_messages;
	host.completed = completed;
	SUCCEEDS(BAD_MESSAGES);
	CHECK_IS(shared->sent, BAD_MESSAGES);
	for (size_t i = 0; i < BAD_MESSAGES; i++) {
		if (shared->acks[i] == 1 && shared->statuses[i] == NVSP_FAILURE)
			continue;
		ksft_print_msg("%s: %u completions, status %u\n", bad_messages[i].what,
			       shared->acks[i], shared->statuses[i]);
		checks_failed++;
	}
	CHECK(!says("link down\nnic 0: link down"));
}

static void bad_messages_in_the_receive_buffer(void)
{
	run_with_bad_messages(MODE_FORWARD);
	run_with_bad_messages(MODE_ECHO);
}

/*
 * Packets that are wrong themselves. The driver must complete the first ones.
 */
#define BAD_PACKETS_COMPLETED 13u
#define BAD_PACKETS_ALL 20u

static void send_bad_packets(struct netvsc_host *h, uint32_t back)
{
	static const uint32_t link_down[] = { RNDIS_INDICATE, 20, RNDIS_LINK_DOWN, 0, 12 };
	static struct vmbus_range many[RANGES_MAX + 1];
	const struct nvsp_message rndis = { .type = NVSP_RNDIS }, other = { .type = NVSP_INIT };
	const uint32_t size = h->recv_size;
	const struct vmbus_range good = { 20, OURS_AT + 4096 }, beyond = { 20, size - 19 },
				 far = { 20, UINT32_MAX - 9 }, longest = { UINT32_MAX, 0 },
				 pair[] = { good, beyond };
	struct vmbus_chan *chan = h->chans[0];

	if (back < 10 || shared->tampered++)
		return;
	memcpy(h->recv + good.offset, link_down, sizeof(link_down));
	for (uint32_t i = 0; i <= RANGES_MAX; i++)
		many[i] = good;
#define XFER(set, ranges, count, msg, len) \
	host_must(vmbus_queue_xfer(chan, 1, OUR_ID + shared->sent++, set, ranges, count, msg, len))
#define PACKET(type, flags, id, msg, len) host_must(vmbus_queue(chan, type, flags, id, msg, len))
	XFER(RECV_BUFFER_ID, &beyond, 1, &rndis, sizeof(rndis));
	XFER(RECV_BUFFER_ID, &far, 1, &rndis, sizeof(rndis));
	XFER(RECV_BUFFER_ID, &longest, 1, &rndis, sizeof(rndis));
	XFER(RECV_BUFFER_ID, pair, 2, &rndis, sizeof(rndis));
	XFER(RECV_BUFFER_ID, many, RANGES_MAX + 1, &rndis, sizeof(rndis));
	XFER(RECV_BUFFER_ID + 1, &good, 1, &rndis, sizeof(rndis));
	XFER(RECV_BUFFER_ID, &good, 1, &other, sizeof(other));
	XFER(RECV_BUFFER_ID, &good, 1, NULL, 0);
	PACKET(VMBUS_PACKET_XFER_PAGES, 1, OUR_ID + shared->sent++, &rndis, sizeof(rndis));
	PACKET(VMBUS_PACKET_INBAND, 1, OUR_ID + shared->sent++, &other, sizeof(other));
	PACKET(VMBUS_PACKET_INBAND, 1, OUR_ID + shared->sent++, NULL, 0);
	PACKET(VMBUS_PACKET_CANCEL, 1, OUR_ID + shared->sent++, &rndis, sizeof(rndis));
	PACKET(77, 1, OUR_ID + shared->sent++, &rndis, sizeof(rndis));
	/*
	 * The following packets do not request a completion, and some are
	 * completions.
	 */
	PACKET(VMBUS_PACKET_XFER_PAGES, 0, OUR_ID + OURS_MAX, &rndis, sizeof(rndis));
	PACKET(VMBUS_PACKET_INBAND, 0, OUR_ID + OURS_MAX, &other, sizeof(other));
	PACKET(VMBUS_PACKET_COMPLETION, 1, 0, &rndis, sizeof(rndis));
	PACKET(VMBUS_PACKET_COMPLETION, 0, UINT64_MAX, &rndis, sizeof(rndis));
	PACKET(VMBUS_PACKET_COMPLETION, 0, OUR_ID + OURS_MAX, &rndis, sizeof(rndis));
	PACKET(VMBUS_PACKET_COMPLETION, 0, 1 << 16 | 0x1fff, NULL, 0);
	PACKET(VMBUS_PACKET_COMPLETION, 0, 1 << 16, &rndis, sizeof(rndis));
	host_must(vmbus_flush(chan));
}

static void bad_packets(void)
{
	prepare(MODE_FORWARD);
	prepare_host();
	host.idle = send_bad_packets;
	host.completed = completed;
	SUCCEEDS(BAD_PACKETS_ALL);
	CHECK_IS(shared->sent, BAD_PACKETS_COMPLETED);
	CHECK_IS(shared->stray, 0);
	for (uint32_t i = 0; i < BAD_PACKETS_COMPLETED; i++) {
		CHECK_IS(shared->acks[i], 1);
		CHECK_IS(shared->statuses[i], NVSP_FAILURE);
	}
}

static void send_control_on_a_subchannel(struct netvsc_host *h, uint32_t back)
{
	static const uint32_t down[] = { RNDIS_INDICATE, 20, RNDIS_LINK_DOWN, 0, 12 },
		answer[] = { RNDIS_SET | RNDIS_COMPLETE, 16, 1, 0 };

	if (back < 10 || shared->tampered++)
		return;
	send_ours(h, 1, down, sizeof(down), sizeof(down), 1);
	send_ours(h, 1, answer, sizeof(answer), sizeof(answer), 1);
	/* This packet does not request a completion. */
	send_ours(h, 1, down, sizeof(down), sizeof(down), 0);
}

static void control_messages_on_a_subchannel(void)
{
	prepare(MODE_FORWARD);
	app.channels = 2;
	prepare_host();
	host.idle = send_control_on_a_subchannel;
	host.completed = completed;
	SUCCEEDS(3);
	CHECK_IS(app.nics[0].channels[1].stats.bad, 3);
	CHECK(shared->acks[0] == 1 && shared->acks[1] == 1 && !shared->acks[2]);
}

static void complete_twice(struct netvsc_host *h, struct host_packet *p)
{
	if (!is_answer(p, NVSP_RNDIS_COMPLETE))
		return;
	p->copies = 2;
	shared->tampered++;
}

static void completions_that_come_twice(void)
{
	prepare(MODE_FORWARD);
	app.channels = 3;
	prepare_host();
	host.tamper = complete_twice;
	CHECK_IS(run_program(run_demo), 0);
	/* Some of the last packets may arrive after the driver has ended. */
	CHECK(shared->tampered > FRAMES);
	CHECK(app.nics[0].channels[1].stats.bad > 50);
}

/* The driver waits for completions after it has closed the filter. */
static void over_at_the_stop(struct netvsc_host *h, bool filter)
{
	shared->over = shared->tampered && !filter;
}

static void complete_elsewhere(struct netvsc_host *h, struct host_packet *p)
{
	if (is_answer(p, NVSP_RNDIS_COMPLETE) && p->channel && shared->tampered < 5) {
		p->channel--;
		shared->tampered++;
	}
}

/*
 * The driver ignores these completions, and waits for the right ones when it
 * stops.
 */
static void completions_on_another_channel(void)
{
	prepare(MODE_FORWARD);
	app.channels = 3;
	prepare_host();
	host.before_sleep = over_at_the_stop;
	host.tamper = complete_elsewhere;
	FAILS("the host does not complete what we sent");
	CHECK_IS(app.nics[0].channels[0].stats.bad + app.nics[0].channels[1].stats.bad, 5);
}

static void refuse_frames(struct netvsc_host *h, struct host_packet *p)
{
	const uint32_t failure = NVSP_FAILURE, other = NVSP_INIT_COMPLETE;

	if (!is_answer(p, NVSP_RNDIS_COMPLETE) || ++shared->tampered < 20 || shared->tampered >= 80)
		return;
	if (shared->tampered < 40)
		memcpy(p->payload + 4, &failure, 4);
	else if (shared->tampered < 60)
		memcpy(p->payload, &other, 4);
	else
		p->length = 0;
}

/* The slots are free again after each of them. */
static void completions_that_refuse(void)
{
	prepare(MODE_FORWARD);
	prepare_host();
	host.tamper = refuse_frames;
	SUCCEEDS(40);
	CHECK_IS(app.nics[0].channels[0].stats.tx_failed, 60);
}

static void lose_a_completion(struct netvsc_host *h, struct host_packet *p)
{
	if (is_answer(p, NVSP_RNDIS_COMPLETE) && ++shared->sent == 100) {
		p->copies = 0;
		shared->tampered++;
	}
}

static void a_completion_that_never_comes(void)
{
	prepare(MODE_FORWARD);
	prepare_host();
	host.before_sleep = over_at_the_stop;
	host.tamper = lose_a_completion;
	FAILS("the host does not complete what we sent");
}

static void fill_the_rings(struct netvsc_host *h, uint32_t back)
{
	static const uint32_t nothing[] = { RNDIS_INDICATE, 20, 1, 0, 12 };
	const struct nvsp_message msg = { .type = NVSP_RNDIS, .rndis.section = NVSP_NO_SECTION };
	const struct vmbus_range range = { sizeof(nothing), OURS_AT };
	/* The completions of 32 bytes that the host's ring has room for */
	const int come = shared->fill < 1919 ? (int)shared->fill : 1919;
	int err;

	if (back < shared->fill_at || shared->tampered++)
		return;
	memcpy(h->recv + range.offset, nothing, sizeof(nothing));
	/* The host does not read meanwhile, and completions fill its ring. */
	while (shared->sent < shared->fill) {
		err = vmbus_queue_xfer(h->chans[0], 1, OUR_ID + shared->sent, RECV_BUFFER_ID,
				       &range, 1, &msg, sizeof(msg));
		if (!err) {
			shared->sent++;
			err = vmbus_flush(h->chans[0]);
		} else if (err == -EAGAIN) {
			usleep(100);
			continue;
		}
		host_must(err);
	}
	/*
	 * The driver then sleeps or spins. It must continue when the host reads
	 * the ring.
	 */
	WAIT_UNTIL(vmbus_rx_used(h->chans[0]) >= 32 * come);
	if (shared->deaf) {
		shared->over = true;
		kill(getppid(), SIGTERM);
		WAIT_UNTIL(shared->gave_up);
	}
}

static void run_with_full_ring(enum mode mode, bool poll, uint32_t fill_at, uint32_t fill)
{
	prepare(mode);
	app.poll = poll;
	prepare_host();
	shared->fill_at = fill_at;
	shared->fill = fill;
	host.idle = fill_the_rings;
	host.completed = completed;
	SUCCEEDS(0);
	CHECK_IS(shared->sent, fill);
	for (uint32_t i = 0; i < fill && !checks_failed; i++) {
		CHECK_IS(shared->acks[i], 1);
		CHECK_IS(shared->statuses[i], NVSP_SUCCESS);
	}
}

static void completions_with_a_full_ring(void)
{
	run_with_full_ring(MODE_ECHO, false, 1, 2400);
	run_with_full_ring(MODE_ECHO, true, 1, 2400);
}

static void a_stop_with_a_full_ring(void)
{
	for (int poll = 0; poll < 2; poll++) {
		/*
		 * Completions wait for room, or the request alone, which is
		 * larger.
		 */
		run_with_full_ring(MODE_FORWARD, poll, FRAMES, 2400);
		run_with_full_ring(MODE_FORWARD, poll, FRAMES, 1917);
	}
}

static void a_stop_with_a_ring_that_stays_full(void)
{
	prepare(MODE_ECHO);
	prepare_host();
	shared->fill_at = 1;
	shared->fill = 2400;
	shared->deaf = true;
	host.idle = fill_the_rings;
	host.completed = completed;
	FAILS("the host does not read what we send");
}

/* Wrong data, and the options of the program */

static void send_wrong_pings(struct netvsc_host *h, uint32_t back)
{
	/*
	 * An echo request to 192.0.2.2 in an RNDIS message; the checksums are
	 * right.
	 */
	static const unsigned char good[] = {
		1, 0, 0, 0, 94, 0, 0, 0, 36, 0, 0, 0, 50, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0x15, 0x5d, 0, 0, 2, 0, 0x15, 0x5d, 0, 0, 1, 8, 0,
		0x45, 0, 0, 36, 0, 1, 0, 0, 64, 1, 0xf6, 0xb3, 192, 0, 2, 1, 192, 0, 2, 2,
		8, 0, 0x54, 0x35, 0x12, 0x34, 0, 1, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h',
	};
	static const struct { unsigned int at; unsigned char value; } wrong[] = {
		{ 44 + 5, 3 },		/* another MAC */
		{ 44 + 14, 0x55 },	/* IPv5 */
		{ 44 + 14, 0x44 },	/* a header of 16 bytes */
		{ 44 + 14, 0x4f },	/* a header beyond the packet */
		{ 44 + 17, 37 },	/* longer than the frame */
		{ 44 + 16, 255 },	/* much longer */
		{ 44 + 17, 20 },	/* no ICMP at all */
		{ 44 + 20, 0x20 },	/* a fragment */
		{ 44 + 23, 17 },	/* UDP */
		{ 44 + 33, 3 },		/* another address */
		{ 44 + 34, 0 },		/* an answer */
		{ 44 + 35, 1 },
		{ 12, 20 },		/* no whole header */
		{ 12, 33 },
	};
	unsigned char message[sizeof(good)];
	uint16_t sum;

	if (back < 10 || shared->tampered++)
		return;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		unsigned char *ip = message + 44 + ETH_HEADER;
		uint32_t total = 0;

		memcpy(message, good, sizeof(good));
		message[wrong[i].at] = wrong[i].value;
		/*
		 * The IP checksum must be right, so that it does not reveal the
		 * other faults.
		 */
		ip[10] = ip[11] = 0;
		for (int j = 0; j < 20; j += 2)
			total += ip[j] << 8 | ip[j + 1];
		sum = ~(total % 0xffff);
		ip[10] = sum >> 8;
		ip[11] = sum;
		send_ours(h, 0, message, sizeof(message), sizeof(message), 1);
	}
}

/* The host expects no answer to any of them. */
static void pings_that_have_no_answer(void)
{
	prepare(MODE_ECHO);
	prepare_host();
	host.idle = send_wrong_pings;
	host.completed = completed;
	SUCCEEDS(0);
	CHECK_IS(app.nics[0].channels[0].stats.rx_frames, FRAMES + 14);
	CHECK_IS(app.nics[0].channels[0].stats.tx_frames, FRAMES);
}

static char *arguments[8];
static int argument_count;

static int run_main(void)
{
	optind = 0;
	return netvsc_main(argument_count, arguments);
}

#define MAIN(status, text, ...) do {							\
	static const char *const args_[] = { "netvsc", __VA_ARGS__ };			\
	argument_count = sizeof(args_) / sizeof(args_[0]);				\
	for (int i_ = 0; i_ < argument_count; i_++)					\
		arguments[i_] = (char *)args_[i_];					\
	arguments[argument_count] = NULL;						\
	CHECK_IS(run_program(run_main), status);					\
	CHECK(says(text));								\
} while (0)

/*
 * The options stay as they are from one call to the next, so each follows from
 * the one before.
 */
static void options(void)
{
	MAIN(0, "Usage: netvsc", "--help");
	MAIN(0, "netvsc, libvmbus_bufring 0.", "--version");
	MAIN(2, "Usage: netvsc", "--nothing");
	MAIN(2, "Usage: netvsc", "a", "b", "c");
	MAIN(2, "Usage: netvsc", "a", "b");
	MAIN(2, "Usage: netvsc", "--channels=0");
	MAIN(2, "Usage: netvsc", "--channels=17");
	MAIN(2, "Usage: netvsc", "--channels=2x");
	MAIN(2, "Usage: netvsc", "--mtu=67");
	MAIN(2, "Usage: netvsc", "--mtu=9001");
	MAIN(2, "Usage: netvsc", "--mtu=-1");
	MAIN(2, "Usage: netvsc", "--send=nothing");
	MAIN(1, "netvsc: nic 0 (nothing): ", "--channels=1", "--mtu=1500", "nothing");
}

static const struct test tests[] = {
	TEST(both_ways_of_sending),
	TEST(channels_and_polling),
	TEST(all_versions),
	TEST(large_and_small_frames),
	TEST(sections_smaller_than_frames),
	TEST(more_frames_than_sections),
	TEST(fewer_subchannels_than_wanted),
	TEST(statistics_at_the_end),
	TEST(a_wrong_frame_fails_the_test),
	TEST(a_message_before_the_buffer),
	TEST(no_version_in_common),
	TEST(no_answer),
	TEST(an_answer_that_waits_for_the_driver),
	TEST(wrong_answers_of_nvsp),
	TEST(wrong_answers_of_rndis),
	TEST(a_rescind_during_the_start),
	TEST(a_signal_during_the_start),
	TEST(a_rescind_in_the_traffic),
	TEST(bad_messages_in_the_receive_buffer),
	TEST(bad_packets),
	TEST(control_messages_on_a_subchannel),
	TEST(completions_that_come_twice),
	TEST(completions_on_another_channel),
	TEST(completions_that_refuse),
	TEST(a_completion_that_never_comes),
	TEST(completions_with_a_full_ring),
	TEST(a_stop_with_a_full_ring),
	TEST(a_stop_with_a_ring_that_stays_full),
	TEST(pings_that_have_no_answer),
	TEST(options),
};

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	MUST(shared != MAP_FAILED);
	MUST(!vmbus_guard());
	return RUN(tests);
}
