// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests send packets of every size, at every place of rings of every
 * size, in the layout of the protocol.
 */

#include "model.h"

static const size_t ring_sizes[] = { 4096, 8192, 16384, 65536, 524288, 2097152 - 4096, 2097152 };
#define RINGS (sizeof(ring_sizes) / sizeof(ring_sizes[0]))

static unsigned char sent[1 << 20], got[1 << 20];

/*
 * Send a packet from guest to host, and check it in the ring and at the
 * receiver.
 */
static void one(struct model *m, size_t len, uint64_t number)
{
	uint32_t start = *word(&m->to_host, WRITE_INDEX);
	uint32_t total = DESCRIPTOR + padded(len);
	struct raw_descriptor d;
	struct vmbus_packet pkt;
	uint64_t trailer;

	fill(sent, number, len);
	CHECK_IS(vmbus_send(m->guest, VMBUS_PACKET_INBAND, 1, number, sent, len), 0);

	ring_peek(&m->to_host, start, &d, sizeof(d));
	CHECK_IS(d.type, 6);
	CHECK_IS(d.offset8, 2);
	CHECK_IS(d.len8, total / 8);
	CHECK_IS(d.flags, 1);
	CHECK_IS(d.transaction_id, number);
	ring_peek(&m->to_host, start + DESCRIPTOR, got, padded(len));
	CHECK(filled(got, number, len));
	ring_peek(&m->to_host, start + total, &trailer, sizeof(trailer));
	CHECK_IS(trailer, (uint64_t)start << 32);
	CHECK_IS(*word(&m->to_host, WRITE_INDEX), (start + total + TRAILER) % m->to_host.data_size);

	memset(got, 0xa5, padded(len) + 8);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, padded(len)), 0);
	CHECK_IS(pkt.type, 6);
	CHECK_IS(pkt.flags, 1);
	CHECK_IS(pkt.header, 16);
	CHECK_IS(pkt.length, padded(len));
	CHECK_IS(pkt.transaction_id, number);
	CHECK(filled(got, number, len));
	CHECK_IS(got[padded(len)], 0xa5);
	CHECK_IS(*word(&m->to_host, READ_INDEX), *word(&m->to_host, WRITE_INDEX));
	CHECK_IS(vmbus_recv(m->host, &pkt, got, sizeof(got)), -EAGAIN);
}

/*
 * The largest packet fills a ring except for 8 bytes, because a ring is never
 * quite full, and its length has 16 bits in units of 8.
 */
TEST(every_size_around_alignment_up_to_the_largest)
{
	for (size_t r = 0; r < RINGS; r++) {
		struct model m;
		size_t most;

		model_open(&m, ring_sizes[r]);
		most = vmbus_info(m.guest)->max_payload;
		CHECK_IS(most + 16, ring_sizes[r] - 16 < 524280 ? ring_sizes[r] - 16 : 524280);
		CHECK_IS(vmbus_send(m.guest, 6, 0, 0, sent, most + 1), -EMSGSIZE);
		CHECK_IS(vmbus_send(m.guest, 6, 0, 0, sent, SIZE_MAX), -EMSGSIZE);
		CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 0);
		for (size_t len = 0; len <= 80; len++)
			one(&m, len, len + 1);
		for (size_t power = 128; power <= most; power *= 2)
			for (size_t len = power - 9; len <= power + 9 && len <= most; len++)
				one(&m, len, len);
		for (size_t len = most - 17; len <= most; len++)
			one(&m, len, len);
		model_close(&m);
	}
}

/*
 * Send packets until the next one starts at @index. The guest then knows that
 * all of the ring is free.
 */
static void go_to(struct model *m, uint32_t index)
{
	uint32_t size = m->to_host.data_size, here = *word(&m->to_host, WRITE_INDEX);
	uint32_t all = (index + size - here) % size, first;
	struct vmbus_packet pkt;
	void *payload;

	/* Use two, because one may be too small for a packet, or too large. */
	all += size;
	first = all / 16 * 8;
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, sent, first - DESCRIPTOR - TRAILER), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, sizeof(got)), 0);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, sent, all - first - DESCRIPTOR - TRAILER), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, sizeof(got)), 0);
	CHECK_IS(*word(&m->to_host, WRITE_INDEX), index);
	CHECK_IS(vmbus_reserve(m->guest, vmbus_info(m->guest)->max_payload, &payload), 0);
	vmbus_cancel(m->guest);
}

/* More may be reserved than the packet needs in the end. */
static void built_and_read_in_place(struct model *m, size_t len, uint64_t number)
{
	const size_t most = vmbus_info(m->guest)->max_payload, more = len + number % 24;
	const size_t reserved = more < most ? more : most;
	const uint32_t start = *word(&m->to_host, WRITE_INDEX);
	struct vmbus_view view;
	uint64_t trailer;
	void *payload;

	CHECK_IS(vmbus_reserve(m->guest, reserved, &payload), 0);
	fill(payload, number, reserved);
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_INBAND, 1, number, 0, len), 0);
	CHECK_IS(vmbus_flush(m->guest), 0);
	MUST(vmbus_peek(m->host, &view, 1) == 1);
	check_view(&view, number, len);
	ring_peek(&m->to_host, start + DESCRIPTOR + padded(len), &trailer, sizeof(trailer));
	CHECK_IS(trailer, (uint64_t)start << 32);
	CHECK_IS(vmbus_release(m->host, &view), 0);
}

static void in_a_list(struct model *m, size_t len, uint64_t number)
{
	const struct iovec payload = { sent, len };
	struct vmbus_view view;

	fill(sent, number, len);
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_INBAND, 1, number, &payload, 1), 1);
	memset(got, 0xa5, padded(len) + 8);
	MUST(vmbus_recv_many(m->host, &view, 1, got, padded(len)) == 1);
	check_view(&view, number, len);
	CHECK(view.payload == got);
	CHECK_IS(got[padded(len)], 0xa5);
}

static void queued_and_flushed(struct model *m, size_t len, uint64_t number)
{
	struct vmbus_packet pkt;

	fill(sent, number, len);
	CHECK_IS(vmbus_queue(m->guest, VMBUS_PACKET_INBAND, 0, number, sent, len), 0);
	CHECK_IS(vmbus_flush(m->guest), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, sizeof(got)), 0);
	CHECK_IS(pkt.length, padded(len));
	CHECK_IS(pkt.reserved, 0);
	CHECK(filled(got, number, len));
}

/* Use each way to send and to receive. */
TEST(every_size_at_every_place)
{
	static void (*const ways[])(struct model *, size_t, uint64_t) = {
		one,
		built_and_read_in_place,
		in_a_list,
		queued_and_flushed,
	};
	struct model m;

	model_open(&m, 256);
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		for (size_t len = 0; len <= vmbus_info(m.guest)->max_payload; len++) {
			for (uint32_t place = 0; place < 256; place += 8) {
				go_to(&m, place);
				ways[way](&m, len, len + place);
			}
		}
	}
	model_close(&m);
}

TEST(pieces_arrive_as_one)
{
	const struct iovec pieces[] = {
		{ sent, 3 },
		{ NULL, 0 },
		{ sent + 3, 17 },
		{ sent + 20, 1 },
	};
	struct iovec huge[] = { { sent, 8 }, { sent, SIZE_MAX } };
	struct vmbus_packet pkt;
	struct model m;

	for (uint32_t index = 0; index < 4096; index += 8) {
		model_open_at(&m, getpagesize(), 4096, index);
		fill(sent, index, 21);
		CHECK_IS(send_pieces(m.guest, 6, 0, 5, pieces, 4), 0);
		CHECK_IS(vmbus_recv(m.host, &pkt, got, 24), 0);
		CHECK_IS(pkt.length, 24);
		CHECK(filled(got, index, 21));
		model_close(&m);
	}
	model_open(&m, 4096);
	CHECK_IS(send_pieces(m.guest, 6, 0, 0, pieces, -1), -EINVAL);
	CHECK_IS(send_pieces(m.guest, 6, 0, 0, huge, 2), -EMSGSIZE);
	CHECK_IS(send_pieces(m.guest, 6, 0, 0, NULL, 0), 0);
	CHECK_IS(vmbus_recv(m.host, &pkt, got, 0), 0);
	CHECK_IS(pkt.length, 0);
	model_close(&m);
}

MODEL_TEST(a_small_buffer_keeps_the_packet)
{
	struct vmbus_packet pkt;

	fill(sent, 9, 100);
	CHECK_IS(vmbus_send(m->guest, VMBUS_PACKET_COMPLETION, 0, 77, sent, 100), 0);
	got[0] = 0xa5;
	CHECK_IS(vmbus_recv(m->host, &pkt, got, 103), -ENOBUFS);
	CHECK_IS(got[0], 0xa5);
	CHECK_IS(pkt.length, 104);
	CHECK_IS(pkt.type, VMBUS_PACKET_COMPLETION);
	CHECK_IS(pkt.transaction_id, 77);
	CHECK_IS(*word(&m->to_host, READ_INDEX), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, 104), 0);
	CHECK(filled(got, 9, 100));

	CHECK_IS(vmbus_send(m->guest, 6, 0, 1, sent, 100), 0);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 2, sent, 100), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, 8), -ENOBUFS);
	CHECK_IS(vmbus_skip(m->host), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, got, 104), 0);
	CHECK_IS(pkt.transaction_id, 2);
	CHECK_IS(vmbus_skip(m->host), -EAGAIN);
}

/*
 * Large batches move in quarters of the ring, so that the other side can work
 * meanwhile. The ring of 16 KiB has room for three packets, and the second one
 * goes around its end. One signal is enough for a host that had an empty ring.
 */
TEST(large_batches_move_in_quarters)
{
	static const struct {
		unsigned int count;
		size_t len;
		uint64_t publications;
		int views;
	} batches[] = {
		{ 3, 5000, 3, 1 },
		{ 7, 2000, 3, 2 },
		{ 16, 64, 1, 16 },
	};
	struct iovec payloads[16];

	for (size_t b = 0; b < sizeof(batches) / sizeof(batches[0]); b++) {
		for (int many = 0; many < 2; many++) {
			const unsigned int count = batches[b].count;
			const size_t len = batches[b].len;
			struct vmbus_view views[16];
			struct vmbus_stats stats;
			struct model m;

			model_open_at(&m, getpagesize(), 16384, 9000);
			for (unsigned int i = 0; i < count; i++) {
				fill(sent + i * len, i, len);
				payloads[i] = (struct iovec){ sent + i * len, len };
			}
			CHECK_IS(vmbus_send_many(m.guest, VMBUS_PACKET_INBAND, 0, 0, payloads,
						 count),
				 count);
			vmbus_stats(m.guest, &stats, sizeof(stats));
			CHECK_IS(stats.tx_publications, batches[b].publications);
			CHECK_IS(m.guest_signals, 1);
			CHECK_IS(vmbus_peek(m.host, views, 16), batches[b].views);
			for (unsigned int done = 0; done < count;) {
				int n = many ? vmbus_recv_many(m.host, views, 16, got,
							       sizeof(got)) :
					       vmbus_peek(m.host, views, 16);

				/*
				 * At the end of the ring there may be one more.
				 */
				MUST(n > 0 && n <= batches[b].views + 1);
				for (int i = 0; i < n; i++, done++) {
					CHECK_IS(views[i].transaction_id, done);
					CHECK(filled(views[i].payload, done, len));
				}
				if (!many)
					CHECK_IS(vmbus_release(m.host, &views[n - 1]), 0);
			}
			model_close(&m);
		}
	}
}

/* Rings of odd sizes and header sizes, as on machines with other pages */
TEST(other_header_sizes)
{
	static const size_t headers[] = { 128, 4096, 16384, 65536 };

	for (size_t h = 0; h < sizeof(headers) / sizeof(headers[0]); h++) {
		for (size_t data = 64; data <= 264; data += 8) {
			struct vmbus_packet pkt;
			struct model m;

			model_open_at(&m, headers[h], data, 0);
			CHECK_IS(vmbus_info(m.guest)->tx_size, data);
			for (int i = 0; i < 40; i++) {
				size_t len = i % (vmbus_info(m.guest)->max_payload + 1);

				fill(sent, i, len);
				CHECK_IS(vmbus_send(m.guest, 6, 0, i, sent, len), 0);
				CHECK_IS(vmbus_recv(m.host, &pkt, got, sizeof(got)), 0);
				CHECK(filled(got, i, len));
			}
			model_close(&m);
		}
	}
}

static unsigned char some[2048];

/*
 * Try to send a packet of this kind in every way. Return true if all ways took
 * it, or all refused it.
 */
static bool all_ways(struct model *m, uint16_t type, uint16_t flags, int expected)
{
	const struct iovec iov = { some, 8 };
	static const struct {
		enum producers producers;
		uint32_t len;
	} ways[] = {
		{ PRODUCERS_ONE, 8 },
		{ PRODUCERS_ONE, 200 },
		{ PRODUCERS_SPIN, 8 },
	};
	void *payload;
	int before = checks_failed;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		set_producers(m->guest, ways[i].producers);
		CHECK_IS(vmbus_send(m->guest, type, flags, 7, some, ways[i].len), expected);
		CHECK_IS(vmbus_queue(m->guest, type, flags, 7, some, ways[i].len), expected);
	}
	set_producers(m->guest, PRODUCERS_ONE);
	CHECK_IS(send_pieces(m->guest, type, flags, 7, &iov, 1), expected);
	CHECK_IS(vmbus_queuev(m->guest, type, flags, 7, &iov, 1), expected);
	CHECK_IS(vmbus_send_many(m->guest, type, flags, 7, &iov, 1), expected ? expected : 1);
	MUST(!vmbus_reserve(m->guest, 8, &payload));
	CHECK_IS(vmbus_commit(m->guest, type, flags, 7, 0, 8), expected);
	vmbus_cancel(m->guest);
	CHECK_IS(vmbus_flush(m->guest), 0);
	return checks_failed == before;
}

/* A host ends the channel at a packet of another kind. */
MODEL_TEST(kinds_of_packets_that_no_host_takes)
{
	const uint64_t pages[] = { 1 };
	const struct vmbus_gpa_buffer range = { 8, 0, pages };
	struct vmbus_packet pkt;
	void *payload;

	for (unsigned int type = 0; type < 70000; type = type < 40 ? type + 1 : type * 2 - 9) {
		const bool known = type == VMBUS_PACKET_INBAND || type == VMBUS_PACKET_COMPLETION;

		for (unsigned int flags = 0; type <= UINT16_MAX && flags <= UINT16_MAX;
		     flags = flags * 2 + 1) {
			CHECK(all_ways(m, type, flags, known && flags < 2 ? 0 : -EINVAL));
			while (!vmbus_recv(m->host, &pkt, some, sizeof(some)))
				CHECK(pkt.type == type && pkt.flags == flags);
		}
	}
	CHECK(all_ways(m, VMBUS_PACKET_INBAND, 2, -EINVAL));
	CHECK(all_ways(m, VMBUS_PACKET_INBAND, 0x8001, -EINVAL));

	CHECK_IS(vmbus_queue_gpa(m->guest, 2, 0, &range, 1, NULL, 0), -EINVAL);
	CHECK_IS(send_gpa(m->guest, 0xff, 0, &range, 1, NULL, 0), -EINVAL);
	MUST(!vmbus_reserve(m->guest, 64, &payload));
	memset(payload, 0, 64);
	/* A guest sends no transfer pages. */
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_XFER_PAGES, 1, 0, 24, 24), -EINVAL);
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 2, 0, 24, 24), -EINVAL);
	/* Ranges with half a word, and ranges longer than the rest */
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, 0, 28, 64), -EINVAL);
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, 0, 32, 24), -EINVAL);
	CHECK_IS(vmbus_commit(m->guest, VMBUS_PACKET_GPA_DIRECT, 1, 0, 24, 24), 0);
}

/*
 * The host side of a pair may send any packet, because a test may take the part
 * of a wrong host. The guest's side may not.
 */
TEST(a_host_of_a_test_sends_any_packet)
{
	struct vmbus_chan *guest, *host;
	struct vmbus_packet pkt;
	struct model m = { .guest = NULL };

	MUST(!vmbus_open_pair(4 * getpagesize(), 0, &guest, &host));
	m.guest = host;
	CHECK(all_ways(&m, 77, 0xf0, 0));
	CHECK(all_ways(&m, 0, 0, 0));
	while (!vmbus_recv(guest, &pkt, some, sizeof(some)))
		CHECK((pkt.type == 77 && pkt.flags == 0xf0) || (!pkt.type && !pkt.flags));
	/*
	 * Send one without ranges as well, at every place: some go around the
	 * end of the ring.
	 */
	for (int i = 0; i < 100; i++) {
		CHECK_IS(vmbus_send(host, VMBUS_PACKET_GPA_DIRECT, 0, 7, some, 1500), 0);
		CHECK_IS(vmbus_recv(guest, &pkt, some, sizeof(some)), 0);
		CHECK_IS(pkt.type, VMBUS_PACKET_GPA_DIRECT);
	}
	m.guest = guest;
	CHECK(all_ways(&m, 77, 0, -EINVAL));
	vmbus_close(guest);
	vmbus_close(host);
}

enum way { QUEUE, QUEUE_PIECES, QUEUE_PAGES, WAYS };

/* Queue a packet that takes 64 bytes of the ring, in one of the ways. */
static int queue_64(struct vmbus_chan *chan, enum way way, uint64_t number)
{
	static const uint64_t page = 1;
	const struct vmbus_gpa_buffer range = { 8, 0, &page };
	const struct iovec pieces[] = { { some, 13 }, { some, 27 } };

	switch (way) {
	case QUEUE:
		return vmbus_queue(chan, VMBUS_PACKET_INBAND, 0, number, some, 40);
	case QUEUE_PIECES:
		return vmbus_queuev(chan, VMBUS_PACKET_INBAND, 0, number, pieces, 2);
	default:
		return vmbus_queue_gpa(chan, 0, number, &range, 1, some, 16);
	}
}

/*
 * Packets that wait for vmbus_flush() take room: all that fit arrive, wherever
 * the first one begins.
 */
TEST(queued_packets_take_room)
{
	const uint32_t size = 4096, fit = (size - 1) / 64;
	struct vmbus_packet pkt;
	struct model m;
	uint64_t n;

	for (enum way way = 0; way < WAYS; way++) {
		for (uint32_t index = 0; index < size; index += 8) {
			model_open_at(&m, getpagesize(), size, index);
			for (n = 0; n <= fit && !queue_64(m.guest, way, n); n++)
				;
			CHECK_IS(n, fit);
			CHECK_IS(vmbus_flush(m.guest), 0);
			for (n = 0; !vmbus_recv(m.host, &pkt, some, sizeof(some)); n++)
				CHECK_IS(pkt.transaction_id, n);
			CHECK_IS(n, fit);
			model_close(&m);
		}
	}
}

/*
 * An empty payload needs no buffer, even if the next byte would be the first of
 * the ring.
 */
MODEL_TEST(no_buffer_for_no_bytes)
{
	const struct iovec nothing = { NULL, 0 };
	struct vmbus_packet pkt;
	struct vmbus_view view;

	for (int i = 0; i < 400; i++) {
		CHECK_IS(vmbus_send(m->guest, 6, 0, 1, NULL, 0), 0);
		CHECK_IS(send_pieces(m->guest, 6, 0, 2, NULL, 0), 0);
		CHECK_IS(vmbus_send_many(m->guest, 6, 0, 3, &nothing, 1), 1);
		CHECK_IS(vmbus_recv(m->host, &pkt, NULL, 0), 0);
		CHECK_IS(vmbus_recv(m->host, &pkt, NULL, 0), 0);
		CHECK_IS(vmbus_recv_many(m->host, &view, 1, NULL, 0), 1);
		/* The next round begins 8 bytes further. */
		CHECK_IS(vmbus_send(m->guest, 6, 0, 1, some, 8), 0);
		CHECK_IS(vmbus_skip(m->host), 0);
	}
	CHECK_IS(vmbus_send_many(m->guest, 6, 0, 0, NULL, 0), 0);
}

TEST_HARNESS_MAIN
