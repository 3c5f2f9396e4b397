// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests have a host that lies, field by field. The rings and the buffers
 * end in inaccessible pages, so an access outside of them is a crash.
 */

#include <pthread.h>
#include <sched.h>

#include "model.h"

#define DATA 4096u

static const uint32_t bad_indices[] = {
	1, 4, 7, DATA - 4, DATA, DATA + 8, DATA * 2, 0x7ffffff8, 0x80000000, 0xfffffff8, 0xffffffff,
};
#define BAD_INDICES (sizeof(bad_indices) / sizeof(bad_indices[0]))

static unsigned char *buf; /* DATA bytes up to a guard page */
static struct vmbus_packet pkt;

#define VIEWS 4
static struct vmbus_view views[VIEWS];
static char a[1] = "a";
static const struct iovec payloads[2] = { { a, 1 }, { a, 1 } };

static void put_packet(struct model *m, uint32_t index, uint16_t type, uint16_t offset8,
		       uint16_t len8)
{
	const struct raw_descriptor d = { type, offset8, len8, 0, 42 };

	ring_poke(&m->to_guest, index, &d, sizeof(d));
}

static void publish(struct model *m, uint32_t index)
{
	*word(&m->to_guest, WRITE_INDEX) = index;
}

static void with_each_bad_index(void (*test)(struct model *m, uint32_t bad))
{
	for (size_t i = 0; i < BAD_INDICES; i++) {
		struct model m;

		model_open(&m, DATA);
		test(&m, bad_indices[i]);
		model_close(&m);
	}
}

/* Define a test that runs with each impossible index @bad, on a new model. */
#define TEST_WITH_EACH_BAD_INDEX(name)                          \
	static void name##_with(struct model *m, uint32_t bad); \
	TEST(name)                                              \
	{                                                       \
		with_each_bad_index(name##_with);               \
	}                                                       \
	static void name##_with(struct model *m, uint32_t bad)

TEST_WITH_EACH_BAD_INDEX(write_index_of_the_host)
{
	publish(m, bad);
	CHECK_IS(vmbus_recv(m->guest, &pkt, buf, DATA), -EIO);
	CHECK_IS(vmbus_skip(m->guest), -EIO);
	CHECK_IS(vmbus_peek(m->guest, views, VIEWS), -EIO);
	CHECK_IS(vmbus_recv_many(m->guest, views, VIEWS, buf, DATA), -EIO);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_RECV, -1), -EIO);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_RECV), -EIO);
	CHECK_IS(*word(&m->to_guest, READ_INDEX), 0);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), 0);
}

TEST_WITH_EACH_BAD_INDEX(read_index_of_the_host)
{
	void *payload;

	*word(&m->to_host, READ_INDEX) = bad;
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), -EIO);
	CHECK_IS(vmbus_queue(m->guest, 6, 0, 0, buf, 8), -EIO);
	CHECK_IS(vmbus_send_many(m->guest, 6, 0, 0, payloads, 2), -EIO);
	CHECK_IS(vmbus_reserve(m->guest, 8, &payload), -EIO);
	CHECK_IS(*word(&m->to_host, WRITE_INDEX), 0);
	*word(&m->to_host, READ_INDEX) = 8;
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), -EAGAIN);
	*word(&m->to_host, READ_INDEX) = bad;
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_SEND), -EIO);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_SEND, -1), -EIO);
}

/*
 * A bad index that the library finds while it publishes invalidates what it
 * knew about the room.
 */
TEST_WITH_EACH_BAD_INDEX(read_index_of_the_host_during_a_publication)
{
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), 0);
	*word(&m->to_host, READ_INDEX) = bad;
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), 0);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), -EIO);
	CHECK_IS(vmbus_send_many(m->guest, 6, 0, 0, payloads, 2), -EIO);
}

/*
 * The host's index becomes impossible while a reservation is open, and the
 * guest publishes packets meanwhile.
 */
TEST(a_bad_index_during_a_reservation)
{
	struct model m;
	void *payload;

	for (int end = 0; end < 2; end++) {
		model_open(&m, DATA);
		CHECK_IS(vmbus_queue(m.guest, 6, 0, 0, buf, 8), 0);
		CHECK_IS(vmbus_reserve(m.guest, 64, &payload), 0);
		*word(&m.to_host, READ_INDEX) = 3;
		CHECK_IS(vmbus_flush(m.guest), 0);
		if (end)
			CHECK_IS(vmbus_commit(m.guest, 6, 0, 0, 0, 64), 0);
		else
			vmbus_cancel(m.guest);
		CHECK_IS(vmbus_queue(m.guest, 6, 0, 0, buf, 72), -EIO);
		CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 72), -EIO);
		model_close(&m);
	}
}

/* The host writes possible indices, but withdraws what it has shown or read. */
MODEL_TEST(the_host_moves_its_index_back)
{
	for (int i = 0; i < 3; i++)
		CHECK_IS(vmbus_send(m->host, 6, 0, i, buf, 8), 0);
	CHECK_IS(vmbus_peek(m->guest, views, VIEWS), 3);
	publish(m, 32);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_RECV), -EIO);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_RECV, 0), -EIO);
	/* Packets that the guest has seen are still there. */
	CHECK_IS(vmbus_peek(m->guest, views, VIEWS), 3);
	CHECK_IS(vmbus_release(m->guest, &views[2]), 0);
	CHECK_IS(*word(&m->to_guest, READ_INDEX), 96);

	for (int i = 0; i < 20; i++) {
		CHECK_IS(vmbus_queue(m->guest, 6, 0, 0, buf, 8), 0);
		CHECK_IS(vmbus_flush(m->guest), 0);
		CHECK_IS(vmbus_recv(m->host, &pkt, buf, DATA), 0);
	}
	while (!vmbus_queue(m->guest, 6, 0, 0, buf, 8))
		;
	*word(&m->to_host, READ_INDEX) -= 8;
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), -EIO);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_SEND, 0), -EIO);
}

/*
 * The guest has its own copy of its indices, so the host may overwrite those in
 * the ring.
 */
TEST_WITH_EACH_BAD_INDEX(indices_of_the_guest_are_never_read_back)
{
	for (int n = 0; n < 300; n++) {
		*word(&m->to_host, WRITE_INDEX) = bad;
		*word(&m->to_guest, READ_INDEX) = bad;
		fill(buf, n, 40);
		CHECK_IS(vmbus_send(m->guest, 6, 0, n, buf, 40), 0);
		CHECK_IS(m->guest_signals, n + 1);
		CHECK_IS(vmbus_recv(m->host, &pkt, buf, 40), 0);
		CHECK(filled(buf, n, 40));
		put_packet(m, n * 64 % DATA, 6, 2, 7);
		publish(m, (n + 1) * 64 % DATA);
		CHECK_IS(vmbus_recv(m->guest, &pkt, buf, 40), 0);
		CHECK_IS(*word(&m->to_guest, READ_INDEX), (n + 1) * 64 % DATA);
	}
}

TEST_WITH_EACH_BAD_INDEX(indices_that_are_there_at_the_start)
{
	struct vmbus_memory mem = side(&m->to_host, &m->to_guest, NULL);
	struct vmbus_chan *chan;

	*word(&m->to_host, WRITE_INDEX) = bad;
	CHECK_IS(channel_from_memory(&mem, &chan), -EIO);
	*word(&m->to_host, WRITE_INDEX) = 0;
	*word(&m->to_guest, READ_INDEX) = bad;
	CHECK_IS(channel_from_memory(&mem, &chan), -EIO);
}

TEST(less_than_a_packet)
{
	for (uint32_t there = 8; there < DESCRIPTOR + TRAILER; there += 8) {
		struct model m;

		model_open(&m, DATA);
		put_packet(&m, 0, 6, 2, 2);
		publish(&m, there);
		CHECK_IS(vmbus_recv(m.guest, &pkt, buf, DATA), -EPROTO);
		CHECK_IS(*word(&m.to_guest, READ_INDEX), 0);
		CHECK_IS(vmbus_skip(m.guest), 0);
		CHECK_IS(vmbus_recv(m.guest, &pkt, buf, DATA), -EAGAIN);
		model_close(&m);
	}
}

/*
 * Of two packets, the first has a wrong length, so the guest cannot find the
 * start of the second. One length ends with the data, which leaves no room for
 * the trailer.
 */
TEST(length_of_a_packet)
{
	static const uint16_t lies[] = {
		0, 1, 8 + 3, 8 + 3 + 1, 100, DATA / 8 - 1, DATA / 8, 0x7fff, 0xffff,
	};

	for (uint32_t start = 0; start < DATA; start += 8) {
		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			struct model m;

			model_open(&m, DATA);
			publish(&m, start);
			while (!vmbus_skip(m.guest))
				;
			put_packet(&m, start, 6, 2, lies[i]);
			put_packet(&m, start + 64, 6, 2, 2);
			publish(&m, (start + 64 + 24) % DATA);
			memset(buf, 0xa5, DATA);
			CHECK_IS(vmbus_recv(m.guest, &pkt, buf, DATA), -EPROTO);
			CHECK_IS(vmbus_peek(m.guest, views, VIEWS), -EPROTO);
			CHECK_IS(vmbus_recv_many(m.guest, views, VIEWS, buf, DATA), -EPROTO);
			CHECK_IS(buf[0], 0xa5);
			CHECK_IS(vmbus_skip(m.guest), 0);
			CHECK_IS(vmbus_recv(m.guest, &pkt, buf, DATA), -EAGAIN);
			model_close(&m);
		}
	}
}

/*
 * The second of two packets is wrong. The guest can receive the first one, and
 * then gets an error.
 */
TEST(a_lie_behind_a_good_packet)
{
	for (int way = 0; way < 2; way++) {
		struct model m;

		model_open(&m, DATA);
		put_packet(&m, 0, 6, 2, 7);
		put_packet(&m, 64, 6, 2, 0xffff);
		publish(&m, 128);
		if (way) {
			CHECK_IS(vmbus_recv_many(m.guest, views, VIEWS, buf, DATA), 1);
			CHECK_IS(vmbus_recv_many(m.guest, views, VIEWS, buf, DATA), -EPROTO);
		} else {
			CHECK_IS(vmbus_peek(m.guest, views, VIEWS), 1);
			CHECK_IS(vmbus_release(m.guest, &views[0]), 0);
			CHECK_IS(vmbus_peek(m.guest, views, VIEWS), -EPROTO);
		}
		CHECK_IS(vmbus_skip(m.guest), 0);
		CHECK_IS(vmbus_peek(m.guest, views, VIEWS), -EAGAIN);
		model_close(&m);
	}
}

TEST(offset_of_the_payload)
{
	static const uint16_t lies[] = { 0, 1, 8, 100, 0x2000, 0xffff };

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct model m;

		model_open(&m, DATA);
		put_packet(&m, 0, 6, lies[i], 7);
		put_packet(&m, 64, 6, 7, 7);
		publish(&m, 128);
		CHECK_IS(vmbus_recv(m.guest, &pkt, buf, DATA), -EPROTO);
		CHECK_IS(vmbus_peek(m.guest, views, VIEWS), -EPROTO);
		CHECK_IS(vmbus_skip(m.guest), 0);
		/*
		 * The length was right, so the guest finds the next packet,
		 * which consists of the header only.
		 */
		CHECK_IS(vmbus_recv(m.guest, &pkt, buf, DATA), 0);
		CHECK_IS(pkt.length, 0);
		CHECK_IS(pkt.header, 56);
		model_close(&m);
	}
}

MODEL_TEST(any_type_and_any_flags_are_handed_on)
{
	for (uint32_t type = 0; type < 0x10000; type += 0xff) {
		uint32_t index = *word(&m->to_guest, READ_INDEX);
		const struct raw_descriptor d = { type, 2, 2, ~type, ~0ull };

		ring_poke(&m->to_guest, index, &d, sizeof(d));
		publish(m, (index + 24) % DATA);
		CHECK_IS(vmbus_recv(m->guest, &pkt, buf, 0), 0);
		CHECK_IS(pkt.type, type);
		CHECK_IS(pkt.flags, (uint16_t)~type);
		CHECK_IS(pkt.transaction_id, ~0ull);
	}
}

TEST(mask_pending_and_features)
{
	static const uint32_t values[] = { 0, 1, 2, 8, DATA - 8, DATA, 0x7fffffff, 0xffffffff };
	const int count = sizeof(values) / sizeof(values[0]);

	for (int mask = 0; mask < count; mask++) {
		for (int pending = 0; pending < count; pending++) {
			struct model m;

			model_open(&m, DATA);
			*word(&m.to_host, INTERRUPT_MASK) = values[mask];
			*word(&m.to_host, FEATURE_BITS) = values[mask];
			*word(&m.to_guest, FEATURE_BITS) = values[mask];
			*word(&m.to_guest, PENDING_SEND_SZ) = values[pending];
			CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 8), 0);
			CHECK_IS(m.guest_signals, values[mask] ? 0 : 1);
			put_packet(&m, 0, 6, 2, 2);
			publish(&m, 24);
			CHECK_IS(vmbus_recv(m.guest, &pkt, buf, 8), 0);
			/* The room grew from DATA - 24 to DATA. */
			CHECK_IS(m.guest_signals,
				 (values[mask] ? 0 : 1) +
					 (values[mask] & 1 && values[pending] == DATA - 8));
			model_close(&m);
		}
	}
}

/*
 * Another processor may change the next descriptor between any two looks at it.
 * The payload has 8 or 488 bytes, and the ring has room for both. A receiver
 * that looks twice would copy 488 bytes into room for 8.
 */
static _Atomic bool stop;

static void *change_for_ever(void *arg)
{
	struct model *m = arg;
	_Atomic uint64_t *data = (void *)m->to_guest.data;
	const struct raw_descriptor small = { 6, 2, 3, 0, 0 }, large = { 6, 2, 63, 0, 0 };
	uint64_t words[2];

	memcpy(&words[0], &small, 8);
	memcpy(&words[1], &large, 8);
	for (unsigned int i = 0; !stop; i++)
		atomic_store_explicit(&data[*word(&m->to_guest, READ_INDEX) / 8],
				      words[i * 0x9e3779b9u >> 31], memory_order_relaxed);
	return NULL;
}

/*
 * The race goes on until each length has occurred ENOUGH times, or, if threads
 * take long turns, for TRIES and until each has occurred.
 */
#define ENOUGH (MESSAGES / 2)
#define TRIES  (MESSAGES * 10)

/* The length of the next packet, which the guest receives or looks at */
static uint32_t length_seen(struct vmbus_chan *guest, bool in_place)
{
	int err;

	if (in_place) {
		MUST(vmbus_peek(guest, views, VIEWS) > 0);
		CHECK_IS(views[0].header, 16);
		CHECK_IS(vmbus_release(guest, &views[0]), 0);
		return views[0].length;
	}
	err = vmbus_recv(guest, &pkt, buf + DATA - 8, 8);
	CHECK_IS(err, pkt.length == 8 ? 0 : -ENOBUFS);
	return pkt.length;
}

static void race_with_the_host(bool in_place)
{
	int small = 0, large = 0, enough = ENOUGH;
	pthread_t thread;
	struct model m;

	model_open(&m, DATA);
	for (uint32_t index = 0; index < DATA; index += 32)
		put_packet(&m, index, 6, 2, 3);
	stop = false;
	MUST(!pthread_create(&thread, NULL, change_for_ever, &m));
	for (int tries = 1; small < enough || large < enough; tries++) {
		uint32_t length;

		if (tries == TRIES)
			enough = 1;
		/* If threads take turns, let the other one run. */
		if (tries % (TRIES / 32) == 0)
			sched_yield();
		/* Half a ring of packets is ready. */
		publish(&m, (*word(&m.to_guest, READ_INDEX) + DATA / 2) % DATA);
		length = length_seen(m.guest, in_place);
		CHECK(length == 8 || length == 488);
		small += length == 8;
		large += length == 488;
	}
	stop = true;
	pthread_join(thread, NULL);
	ksft_print_msg("%d times the one length, %d times the other\n", small, large);
	model_close(&m);
}

TEST(a_descriptor_that_changes_while_it_is_read)
{
	race_with_the_host(false);
}

/* A view must be consistent and must not change. */
TEST(a_descriptor_that_changes_under_a_view)
{
	race_with_the_host(true);
}

/*
 * Write wrong and right values to every word of both headers that the host
 * writes, while the guest sends and receives.
 */
static void *change_headers_for_ever(void *arg)
{
	struct model *m = arg;
	_Atomic uint32_t *const words[] = {
		word(&m->to_guest, WRITE_INDEX),   word(&m->to_guest, PENDING_SEND_SZ),
		word(&m->to_guest, FEATURE_BITS),  word(&m->to_host, READ_INDEX),
		word(&m->to_host, INTERRUPT_MASK), word(&m->to_host, FEATURE_BITS),
	};

	for (uint32_t i = 0, r; !stop; i++) {
		r = i * 0x9e3779b9u;
		atomic_store_explicit(words[(r >> 8) % 6],
				      r >> 31 ? bad_indices[(r >> 16) % BAD_INDICES] :
						(r >> 16) % (DATA / 8) * 8,
				      memory_order_relaxed);
	}
	return NULL;
}

/*
 * A program that gets -EIO closes the channel. The next program finds the
 * present indices.
 */
static void open_again(struct model *m)
{
	struct vmbus_memory mem = side(&m->to_host, &m->to_guest, &m->guest_signals);

	vmbus_close(m->guest);
	while (channel_from_memory(&mem, &m->guest))
		CHECK(strstr(error_text(), "impossible index"));
}

MODEL_TEST(headers_that_change_all_the_time)
{
	int good[2] = { 0 }, refused[2] = { 0 };
	bool all_seen = false;
	pthread_t thread;

	/*
	 * The second packet is larger than the ring. A library that accepts a
	 * wrong index accepts this packet, too.
	 */
	for (uint32_t index = 0; index < DATA; index += 32)
		put_packet(m, index, 6, 2, index % 64 ? 2 * DATA / 8 : 3);
	stop = false;
	MUST(!pthread_create(&thread, NULL, change_headers_for_ever, m));
	for (unsigned int i = 0; i < TRIES / 4 || !all_seen; i++) {
		int received = i % 2 ? vmbus_recv(m->guest, &pkt, buf + DATA - 8, 8) :
				       vmbus_peek(m->guest, views, VIEWS);
		int sent = i % 3 ? vmbus_send(m->guest, 6, 0, 0, buf, 40) :
				   vmbus_send_many(m->guest, 6, 0, 0, payloads, 2);

		/*
		 * On one processor the headers change only when the other
		 * thread runs.
		 */
		if (i % 32 == 0)
			sched_yield();
		for (int v = 0; v < received; v++)
			CHECK_IS(views[v].length, 8);
		if (received > 0)
			CHECK_IS(vmbus_release(m->guest, &views[received - 1]), 0);
		CHECK(received >= 0 || received == -EAGAIN || received == -EIO ||
		      received == -EPROTO);
		CHECK(sent >= 0 || sent == -EAGAIN || sent == -EIO);
		good[0] += received >= 0;
		refused[0] += received == -EIO;
		good[1] += sent >= 0;
		refused[1] += sent == -EIO;
		all_seen = good[0] && refused[0] && good[1] && refused[1];
		if (received == -EPROTO)
			vmbus_skip(m->guest);
		if (received == -EIO && refused[0] % 16 == 0)
			open_again(m);
	}
	stop = true;
	pthread_join(thread, NULL);
	ksft_print_msg("received %d, refused %d; sent %d, refused %d\n", good[0], refused[0],
		       good[1], refused[1]);
}

int main(void)
{
	buf = guarded(DATA);
	return run_tests(NULL);
}
