// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests send and receive many packets in one call, and build and read
 * packets in the ring.
 */

#include <pthread.h>

#include "model.h"

#define DATA 4096u

static unsigned char out[1 << 16], in[1 << 16];

static uint32_t used(const struct ring *ring)
{
	return (*word(ring, WRITE_INDEX) - *word(ring, READ_INDEX) + ring->data_size) %
	       ring->data_size;
}

/* Messages @first and on, of lengths that depend on their numbers */
static size_t length_of(uint64_t number, size_t most)
{
	return number * 37 % (most + 1);
}

static int receive(struct vmbus_chan *chan, bool in_place, uint64_t first, unsigned int count,
		   size_t most)
{
	struct vmbus_view views[64];
	int n;

	memset(in, 0xa5, sizeof(in));
	n = in_place ? vmbus_peek(chan, views, count) :
		       vmbus_recv_many(chan, views, count, in, sizeof(in));
	for (int i = 0; i < n; i++)
		check_view(&views[i], first + i, length_of(first + i, most));
	if (in_place && n > 0)
		CHECK_IS(vmbus_release(chan, &views[n - 1]), 0);
	return n;
}

static int send_by_many(struct vmbus_chan *chan, uint64_t first, unsigned int count, size_t most)
{
	struct iovec payloads[32];
	unsigned char *at = out;

	for (unsigned int i = 0; i < count; i++) {
		size_t len = length_of(first + i, most);

		fill(at, first + i, len);
		payloads[i] = (struct iovec){ at, len };
		at += len;
	}
	return vmbus_send_many(chan, VMBUS_PACKET_INBAND, 1, first, payloads, count);
}

/* Use every start in the ring, with batches that go around its end. */
static void all_batches(bool in_place)
{
	uint64_t number = 0;
	struct model m;

	model_open(&m, DATA);
	for (int round = 0; round < 20000 && !checks_failed; round++) {
		unsigned int count = 1 + round % 32, got = 0;
		size_t most = round % 7 == 1 ? 100 : round % 3 ? 64 : 8;
		int signals = m.guest_signals;

		CHECK_IS(send_by_many(m.guest, number, count, most), count);
		CHECK_IS(m.guest_signals, signals + 1);
		while (got < count) {
			int n = receive(m.host, in_place, number + got, count - got, most);

			CHECK(n > 0);
			if (n <= 0)
				break;
			got += n;
		}
		CHECK_IS(used(&m.to_host), 0);
		number += count;
	}
	model_close(&m);
}

TEST(batches_read_in_place)
{
	all_batches(true);
}

TEST(batches_copied)
{
	all_batches(false);
}

MODEL_TEST(a_batch_ends_where_the_ring_is_full)
{
	struct iovec payloads[64];
	struct vmbus_view view;

	for (int i = 0; i < 64; i++)
		payloads[i] = (struct iovec){ out, 72 };
	for (int i = 7; i < 9; i++)
		CHECK_IS(vmbus_queue(m->guest, VMBUS_PACKET_COMPLETION, 0, i, out, 72), 0);
	/* 96 bytes each; one byte at least stays free */
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 9, payloads, 64), 40);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 96);
	CHECK_IS(used(&m->to_host), 42 * 96);
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 49, payloads, 64), -EAGAIN);
	for (int i = 0; i < 42; i++) {
		CHECK_IS(vmbus_recv_many(m->host, &view, 1, in, sizeof(in)), 1);
		CHECK_IS(m->host_signals, 1);
		CHECK_IS(view.transaction_id, 7 + i);
		CHECK_IS(view.type, VMBUS_PACKET_COMPLETION);
	}
	CHECK_IS(vmbus_recv_many(m->host, &view, 0, in, sizeof(in)), -EINVAL);
	/* A packet that fits ends the request. */
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 0, payloads, 1), 1);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 0);
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 0, payloads, 0), 0);
	/* and where a message never fits */
	for (size_t too_long = DATA; too_long; too_long = too_long == DATA ? UINT32_MAX : 0) {
		payloads[1].iov_len = too_long;
		CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 0, payloads, 3), 1);
		CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 0, payloads + 1, 2),
			 -EMSGSIZE);
	}
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_COMPLETION, 0, 0, payloads, UINT32_MAX),
		 -EINVAL);
}

MODEL_TEST(a_look_takes_nothing_and_part_of_it_can_be_left)
{
	struct vmbus_view views[8], again[8];
	struct vmbus_packet pkt;

	CHECK_IS(send_by_many(m->guest, 0, 8, 64), 8);
	CHECK_IS(vmbus_peek(m->host, views, 8), 8);
	CHECK_IS(vmbus_peek(m->host, again, 8), 8);
	CHECK(!memcmp(views, again, sizeof(views)));
	CHECK_IS(used(&m->to_host) > 0, 1);
	CHECK_IS(vmbus_release(m->host, &views[2]), 0);
	CHECK_IS(vmbus_release(m->host, &views[2]), -EINVAL);
	CHECK_IS(vmbus_release(m->host, &views[1]), -EINVAL);
	CHECK_IS(vmbus_recv(m->host, &pkt, in, sizeof(in)), 0);
	CHECK_IS(pkt.transaction_id, 3);
	CHECK_IS(vmbus_peek(m->host, again, 8), 4);
	CHECK_IS(again[0].transaction_id, 4);
	views[0] = again[0];
	views[0].end -= 4;
	CHECK_IS(vmbus_release(m->host, &views[0]), -EINVAL);
	views[0].end = again[3].end + 8;
	CHECK_IS(vmbus_release(m->host, &views[0]), -EINVAL);
	CHECK_IS(vmbus_release(m->host, &again[3]), 0);
	CHECK_IS(vmbus_peek(m->host, again, 8), -EAGAIN);
	CHECK_IS(vmbus_peek(m->host, again, 0), -EINVAL);
	again[0].end = 4;
	CHECK_IS(vmbus_release(m->host, &again[0]), -EINVAL);
	again[0].end = DATA;
	CHECK_IS(vmbus_release(m->host, &again[0]), -EINVAL);
}

MODEL_TEST(a_buffer_that_is_too_small_takes_what_fits)
{
	const struct iovec payloads[3] = { { out, 100 }, { out, 100 }, { out, 100 } };
	struct vmbus_view views[3];

	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_INBAND, 1, 0, payloads, 3), 3);
	CHECK_IS(vmbus_recv_many(m->host, views, 3, in, 103), -ENOBUFS);
	CHECK_IS(views[0].length, 104);
	CHECK(!views[0].payload);
	memset(in, 0xa5, sizeof(in));
	CHECK_IS(vmbus_recv_many(m->host, views, 3, in, 104 + 103), 1);
	CHECK_IS(in[104], 0xa5);
	CHECK(views[0].payload == in);
	/* Such a view does not belong to the ring. */
	CHECK_IS(vmbus_release(m->host, &views[0]), -EINVAL);
	CHECK_IS(vmbus_recv_many(m->host, views, 3, in, 208), 2);
	CHECK(views[1].payload == in + 104);
	CHECK_IS(views[1].transaction_id, 2);
}

static void reserve_and_try(enum producers producers)
{
	struct iovec iov = { out, 8 };
	void *payload, *other;
	struct model m;

	model_open(&m, DATA);
	set_producers(m.guest, producers);
	CHECK_IS(vmbus_commit(m.guest, 6, 0, 0, 0, 0), -EINVAL);
	vmbus_cancel(m.guest);
	CHECK_IS(vmbus_queue(m.guest, 6, 0, 7, out, 8), 0);
	CHECK_IS(vmbus_reserve(m.guest, DATA, &payload), -EMSGSIZE);
	CHECK_IS(vmbus_reserve(m.guest, 64, &payload), 0);
	CHECK_IS(vmbus_reserve(m.guest, 64, &other), -EBUSY);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 0, out, 8), -EBUSY);
	CHECK_IS(vmbus_queuev(m.guest, 6, 0, 0, &iov, 1), -EBUSY);
	CHECK_IS(vmbus_send_many(m.guest, 6, 0, 0, &iov, 1), -EBUSY);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 0);
	/*
	 * Packets that were queued before may be published meanwhile, but
	 * nothing of the reservation.
	 */
	CHECK_IS(vmbus_flush(m.guest), 0);
	CHECK_IS(used(&m.to_host), 32);
	CHECK_IS(vmbus_reserve(m.guest, 64, &other), -EBUSY);
	CHECK_IS(vmbus_commit(m.guest, 6, 0, 0, 0, 65), -EINVAL);
	CHECK_IS(vmbus_commit(m.guest, 6, 0, 0, 0, 64), 0);
	CHECK_IS(vmbus_reserve(m.guest, 64, &payload), 0);
	vmbus_cancel(m.guest);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 0, out, 8), 0);
	CHECK_IS(used(&m.to_host), 32 + 88 + 32);
	/* A full ring is full for reservations, too. */
	while (!vmbus_send(m.guest, 6, 0, 0, out, 72))
		;
	CHECK_IS(vmbus_reserve(m.guest, 72, &payload), -EAGAIN);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 96);
	model_close(&m);
}

TEST(a_reservation_keeps_others_out)
{
	reserve_and_try(PRODUCERS_ONE);
	reserve_and_try(PRODUCERS_MUTEX);
	reserve_and_try(PRODUCERS_SPIN);
}

/* Try to end the reservation of another thread, and then to send. */
static void *interfere(void *chan)
{
	CHECK_IS(vmbus_commit(chan, 6, 0, 99, 0, 8), -EINVAL);
	vmbus_cancel(chan);
	CHECK_IS(vmbus_send(chan, 6, 0, 2, out, 8), 0);
	return NULL;
}

TEST_WITH_EACH_LOCK(another_thread_cannot_end_a_reservation)
{
	struct vmbus_packet pkt;
	pthread_t thread;
	void *payload;
	struct model m;

	model_open(&m, DATA);
	set_producers(m.guest, lock);
	CHECK_IS(vmbus_reserve(m.guest, 64, &payload), 0);
	MUST(!pthread_create(&thread, NULL, interfere, m.guest));
	usleep(50000);
	CHECK_IS(vmbus_commit(m.guest, 6, 0, 1, 0, 64), 0);
	CHECK_IS(vmbus_flush(m.guest), 0);
	pthread_join(thread, NULL);
	for (uint64_t id = 1; id <= 2; id++) {
		CHECK_IS(vmbus_recv(m.host, &pkt, in, sizeof(in)), 0);
		CHECK_IS(pkt.transaction_id, id);
	}
	CHECK_IS(vmbus_recv(m.host, &pkt, in, sizeof(in)), -EAGAIN);
	/* A thread whose reservation has ended cannot do so, either. */
	CHECK_IS(vmbus_commit(m.guest, 6, 0, 1, 0, 8), -EINVAL);
	vmbus_cancel(m.guest);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 3, out, 8), 0);
	model_close(&m);
}

/* The bytes of a packet behind its descriptor: ranges and payload */
static const unsigned char *behind_descriptor(const struct vmbus_view *view)
{
	return (const unsigned char *)view->payload - (view->header - DESCRIPTOR);
}

/* The layout of DATA_USING_GPA_DIRECT, by its offsets */
MODEL_TEST(pages_of_the_guest)
{
	static const uint64_t first[] = { 0x1234, 0x99 }, second[] = { 0xfedcba9876543 };
	const struct vmbus_gpa_buffer ranges[] = {
		{ 4096, 8, first },
		{ 1, 4095, second },
	};
	struct vmbus_gpa_buffer bad = { 8, 0, first };
	const unsigned char *at;
	struct vmbus_view view;
	uint32_t half[2];
	uint64_t number;

	fill(out, 5, 12);
	CHECK_IS(send_gpa(m->guest, 1, 77, ranges, 2, out, 12), 0);
	MUST(vmbus_peek(m->host, &view, 1) == 1);
	CHECK_IS(view.type, VMBUS_PACKET_GPA_DIRECT);
	CHECK_IS(view.flags, 1);
	CHECK_IS(view.transaction_id, 77);
	CHECK_IS(view.header, 16 + 8 + 8 + 16 + 8 + 8);
	CHECK_IS(view.length, 16);
	at = behind_descriptor(&view);
	memcpy(half, at, 8);
	CHECK(half[0] == 0 && half[1] == 2);
	memcpy(half, at + 8, 8);
	CHECK(half[0] == 4096 && half[1] == 8);
	CHECK(!memcmp(at + 16, first, 16));
	memcpy(half, at + 32, 8);
	CHECK(half[0] == 1 && half[1] == 4095);
	memcpy(&number, at + 40, 8);
	CHECK(number == second[0]);
	CHECK(filled(at + 48, 5, 12));
	CHECK_IS(vmbus_release(m->host, &view), 0);

	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, ranges, 0, NULL, 0), -EINVAL);
	bad.length = 0;
	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, &bad, 1, NULL, 0), -EINVAL);
	bad = (struct vmbus_gpa_buffer){ 8, 4096, first };
	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, &bad, 1, NULL, 0), -EINVAL);
	bad = (struct vmbus_gpa_buffer){ 8, 0, NULL };
	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, &bad, 1, NULL, 0), -EINVAL);
	bad = (struct vmbus_gpa_buffer){ UINT32_MAX, 4095, first };
	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, &bad, 1, NULL, 0), -EMSGSIZE);
	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, ranges, 2, out, DATA - 64), -EMSGSIZE);
	CHECK_IS(vmbus_queue_gpa(m->guest, 0, 0, ranges, 2, out, SIZE_MAX), -EMSGSIZE);
	CHECK_IS(used(&m->to_host), 0);
}

/* Build the packet of send_gpa() in place, at every place of the ring. */
MODEL_TEST(pages_built_in_place)
{
	static const uint64_t page = 0x123456789;
	const struct vmbus_gpa_buffer range = { 3000, 96, &page };
	const struct vmbus_gpa_header header = { 0, 1 };
	const struct vmbus_gpa_entry entry = { 3000, 96 };
	struct vmbus_view built, sent;
	unsigned char *payload;

	for (int round = 0; round < 200; round++) {
		MUST(!vmbus_reserve(m->guest, 24 + 12, (void **)&payload));
		memcpy(payload, &header, 8);
		memcpy(payload + 8, &entry, 8);
		memcpy(payload + 16, &page, 8);
		memcpy(payload + 24, "hello world", 12);
		CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, round, 23, 36),
			 -EINVAL);
		CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, round, 16, 36),
			 -EINVAL);
		CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, round, 40, 36),
			 -EINVAL);
		CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, round, 24, 36), 0);
		CHECK_IS(send_gpa(m->guest, 1, round, &range, 1, "hello world", 12), 0);
		MUST(vmbus_peek(m->host, &built, 1) == 1);
		memcpy(out, behind_descriptor(&built), 24 + 16);
		CHECK_IS(vmbus_release(m->host, &built), 0);
		MUST(vmbus_peek(m->host, &sent, 1) == 1);
		CHECK(built.type == sent.type && built.flags == sent.flags);
		CHECK(built.header == sent.header && built.length == sent.length);
		CHECK_IS(built.transaction_id, sent.transaction_id);
		CHECK(!memcmp(out, behind_descriptor(&sent), 24 + 16));
		CHECK_IS(vmbus_release(m->host, &sent), 0);
	}
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, 0, 24, 36), -EINVAL);
}

#define MAX_RANGES 9

/* A packet with transfer pages, by its offsets, where the host may put it */
static void put_xfer(struct model *m, uint32_t index, uint16_t type, uint32_t count,
		     const uint32_t *ranges, uint32_t ranges_there)
{
	uint32_t header = 24 + 8 * ranges_there, total = header + 8;
	const struct raw_descriptor d = { type, header / 8, total / 8, 1, 99 };
	const uint32_t fields[2] = { 0xbabe | 0xff020000, count };

	ring_poke(&m->to_guest, index, &d, sizeof(d));
	ring_poke(&m->to_guest, index + 16, fields, sizeof(fields));
	ring_poke(&m->to_guest, index + 24, ranges, 8 * ranges_there);
	ring_poke(&m->to_guest, index + header, "payload", 8);
	*word(&m->to_guest, WRITE_INDEX) = (index + total + TRAILER) % DATA;
}

/*
 * The result of vmbus_xfer_ranges() for a packet of @type that says that it has
 * @count ranges, and has @there. @buffer_size is that of the buffer.
 */
static int xfer_result(uint16_t type, uint32_t count, const uint32_t *list, uint32_t there,
		       size_t buffer_size, struct vmbus_range *ranges)
{
	static const uint64_t zeros[1];
	struct vmbus_view view;
	struct model m;
	int n;

	model_open(&m, DATA);
	put_xfer(&m, 0, type, count, list, there);
	/* The payload would be a good range. */
	ring_poke(&m.to_guest, 24 + 8 * there, zeros, sizeof(zeros));
	CHECK_IS(vmbus_peek(m.guest, &view, 1), 1);
	n = vmbus_xfer_ranges(&view, buffer_size, NULL, ranges, MAX_RANGES);
	model_close(&m);
	return n;
}

TEST(transfer_pages)
{
	static const uint32_t good[] = { 100, 0, 24, 1000 };
	const uint16_t type = VMBUS_PACKET_XFER_PAGES;
	struct vmbus_range ranges[MAX_RANGES];
	struct vmbus_view view;
	struct vmbus_xfer_set set = { 0 };
	struct model m;

	/*
	 * Receive in place, copied, and around the end of the ring in the
	 * middle of the header.
	 */
	for (int way = 0; way < 3; way++) {
		uint32_t at = way == 2 ? DATA - 32 : 0;

		model_open(&m, DATA);
		if (at) {
			*word(&m.to_guest, WRITE_INDEX) = at;
			CHECK_IS(vmbus_skip(m.guest), 0);
		}
		put_xfer(&m, at, 7, 2, good, 2);
		if (way == 1)
			CHECK_IS(vmbus_recv_many(m.guest, &view, 1, in, sizeof(in)), 1);
		else
			CHECK_IS(vmbus_peek(m.guest, &view, 1), 1);
		CHECK_IS(view.length, 8);
		CHECK(!memcmp(view.payload, "payload", 8));
		CHECK_IS(vmbus_xfer_ranges(&view, 1024, &set, ranges, 4), 2);
		CHECK(set.number == 0xbabe && set.sender_owns_set == 1 && !set.reserved);
		CHECK_IS(vmbus_xfer_ranges(&view, 1024, NULL, ranges, 4), 2);
		CHECK(ranges[0].length == 100 && ranges[0].offset == 0);
		CHECK(ranges[1].length == 24 && ranges[1].offset == 1000);
		CHECK_IS(vmbus_xfer_ranges(&view, 1024, &set, ranges, 1), -ENOBUFS);
		CHECK_IS(vmbus_xfer_ranges(&view, 1023, &set, ranges, 4), -EPROTO);
		model_close(&m);
	}

	/*
	 * The set is not the host's if this byte is 0, whatever is beside it.
	 */
	model_open(&m, DATA);
	put_xfer(&m, 0, 7, 2, good, 2);
	ring_poke(&m.to_guest, 18, "", 1);
	CHECK_IS(vmbus_peek(m.guest, &view, 1), 1);
	CHECK_IS(vmbus_xfer_ranges(&view, 1024, &set, ranges, 4), 2);
	CHECK_IS(set.number, 0xbabe);
	CHECK_IS(set.sender_owns_set, 0);
	model_close(&m);

	CHECK_IS(xfer_result(7, 3, good, 2, 1024, ranges), -EPROTO);
	CHECK_IS(xfer_result(7, 0x20000002, good, 2, 1024, ranges), -EPROTO);
	CHECK_IS(xfer_result(7, UINT32_MAX, good, 2, 1024, ranges), -EPROTO);
	CHECK_IS(xfer_result(6, 2, good, 2, 1024, ranges), -EPROTO);
	/* Use a header that ends with the descriptor. */
	model_open(&m, DATA);
	for (int i = 0; i < 2; i++)
		CHECK_IS(vmbus_send(m.host, VMBUS_PACKET_INBAND, 0, 0, good, 16), 0);
	ring_poke(&m.to_guest, VMBUS_PACKET_SPACE(16), &type, sizeof(type));
	for (int i = 0; i < 2; i++) {
		CHECK_IS(vmbus_peek(m.guest, &view, 1), 1);
		CHECK_IS(vmbus_xfer_ranges(&view, 1024, &set, ranges, 4), -EPROTO);
		CHECK_IS(vmbus_release(m.guest, &view), 0);
	}
	model_close(&m);
}

/*
 * Each range of a packet is checked, whatever its place, and returned as it was
 * checked.
 */
TEST(every_transfer_page)
{
	enum { LENGTH = 100 };
	struct vmbus_range ranges[MAX_RANGES + 1];
	uint32_t list[2 * MAX_RANGES];

	for (uint32_t count = 0; count <= MAX_RANGES; count++) {
		/* One of them ends one byte beyond the buffer; at last none. */
		for (uint32_t bad = 0; bad <= count; bad++) {
			for (uint32_t i = 0; i < count; i++) {
				list[2 * i] = LENGTH + (i == bad);
				list[2 * i + 1] = i == bad ? 1024 - LENGTH : 8 * i;
			}
			memset(ranges, 0x55, sizeof(ranges));
			CHECK_IS(xfer_result(7, count, list, count, 1024, ranges),
				 bad < count ? -EPROTO : (int)count);
			CHECK(ranges[count].length == 0x55555555);
			for (uint32_t i = 0; i < count && bad == count; i++)
				CHECK(ranges[i].length == LENGTH && ranges[i].offset == 8 * i);
		}
	}
}

/* Offset and length are added without loss. */
TEST(large_transfer_pages)
{
	const uint64_t end = 2 * (uint64_t)UINT32_MAX;
	const uint64_t too_small[] = { 0, UINT32_MAX, end - 1 },
		       enough[] = { end, end + 1, SIZE_MAX };
	struct vmbus_range ranges[MAX_RANGES];
	uint32_t list[2 * MAX_RANGES] = { 8, 0 };

	memset(list + 2, 0xff, sizeof(list) - 2 * sizeof(list[0]));
	for (uint32_t count = 2; count <= MAX_RANGES; count++) {
		for (int i = 0; i < 3; i++) {
			CHECK_IS(xfer_result(7, count, list, count, enough[i], ranges), (int)count);
			CHECK_IS(xfer_result(7, count, list, count, too_small[i], ranges), -EPROTO);
		}
	}
}

TEST_HARNESS_MAIN
