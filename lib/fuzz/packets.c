// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This target fuzzes a guest's channel with a host that follows the input. The
 * input is a list of steps: a byte that chooses the step, and then its
 * arguments. The rings are small, so that everything wraps around their ends.
 */

#include <errno.h>

#include "from_memory.h"

#include "input.h"

#define HEADER 128u
#define DATA   1024u
#define ROOM   2048u

enum step {
	SET_WORD,
	POKE,
	PACKET,
	PUBLISH,
	RECV,
	RECV_TOO,
	RECV_MANY,
	PEEK,
	SKIP,
	SEND,
	SEND_MANY,
	SENDV,
	GPA,
	BUILD,
	FLUSH,
	LOOK,
	STATS,
	STEPS
};

struct rings {
	unsigned char *to_host, *to_guest;
	struct vmbus_chan *guest;
};

/* The words of a ring's header that have a meaning */
static const uint8_t words[] = { 0, 1, 2, 3, 16 };

static uint32_t *word(unsigned char *ring, unsigned int which)
{
	return (uint32_t *)(void *)ring + which;
}

static int no_signal(void *ctx)
{
	return 0;
}

static void is_error_of_receiving(int err)
{
	MUST(err == -EAGAIN || err == -ENOBUFS || err == -EPROTO || err == -EIO);
}

static void is_error_of_sending(int err)
{
	MUST(err == -EAGAIN || err == -EMSGSIZE || err == -EIO || err == -EINVAL);
}

/* Read everything that a view points to, so that ASan checks it. */
static void read_view(const struct vmbus_view *view)
{
	static volatile unsigned char sink __attribute__((unused));
	const unsigned char *p = view->payload;
	struct vmbus_range ranges[8];
	struct vmbus_xfer_set set;
	int n;

	MUST(view->length % 8 == 0 && view->header % 8 == 0 && view->header >= 16);
	MUST(view->header + view->length <= DATA);
	for (uint32_t i = 0; i < view->length; i++)
		sink ^= p[i];
	for (uint32_t i = 16; i < view->header; i++)
		sink ^= p[-(long)(i - 15)];
	n = vmbus_xfer_ranges(view, 4096, &set, ranges, 8);
	MUST(n == -EPROTO || n == -ENOBUFS || (n >= 0 && n <= 8));
	MUST(n <= 0 || 24 + 8 * (uint32_t)n <= view->header);
	for (int i = 0; i < n; i++)
		MUST(ranges[i].length <= 4096 && ranges[i].offset <= 4096 - ranges[i].length);
}

static void receive(struct rings *r, struct input *in, enum step step)
{
	struct vmbus_view views[6];
	struct vmbus_packet pkt;
	size_t size = take_u16(in) % ROOM;
	unsigned int count = 1 + size % 6;
	unsigned char *buf = malloc(size);
	int n = 0;

	MUST(buf || !size);
	switch (step) {
	case RECV:
	case RECV_TOO:
		n = vmbus_recv(r->guest, &pkt, buf, size);
		MUST(n || pkt.length <= size);
		break;
	case RECV_MANY:
		n = vmbus_recv_many(r->guest, views, count, buf, size);
		for (int i = 0; i < n; i++)
			read_view(&views[i]);
		break;
	case PEEK:
		n = vmbus_peek(r->guest, views, count);
		for (int i = 0; i < n; i++)
			read_view(&views[i]);
		if (n > 0)
			MUST(!vmbus_release(r->guest, &views[take_u8(in) % n]));
		break;
	default:
		n = vmbus_skip(r->guest);
	}
	if (n < 0)
		is_error_of_receiving(n);
	else
		MUST(*word(r->to_guest, 1) < DATA && *word(r->to_guest, 1) % 8 == 0);
	free(buf);
}

static void transmit(struct rings *r, struct input *in, enum step step)
{
	static const uint64_t pages[2] = { 1, 2 };
	size_t size = take_u16(in) % ROOM;
	unsigned char *buf = calloc(1, size + 8);
	const struct iovec iov[2] = { { buf, size / 2 }, { buf + size / 2, size - size / 2 } };
	const struct vmbus_gpa_buffer range = { size, size % 5000, pages };
	void *payload;
	int err = 0;

	MUST(buf);
	switch (step) {
	case SEND:
		err = vmbus_send(r->guest, 6, 0, 0, buf, size);
		break;
	case SEND_MANY:
		err = vmbus_send_many(r->guest, 6, 0, 0, iov, 2);
		break;
	case SENDV:
		err = vmbus_queuev(r->guest, 6, 0, 0, iov, 2);
		break;
	case GPA:
		/* Use no more pages than the array has numbers for. */
		if (size % 5000 + size <= 8192)
			err = vmbus_queue_gpa(r->guest, 0, 0, &range, 1, buf, size % 64);
		break;
	default:
		err = vmbus_reserve(r->guest, size, &payload);
		if (err)
			break;
		memset(payload, 1, size);
		if (size % 3)
			err = vmbus_commit(r->guest, 6, 0, 0, 0, size / 2);
		else if (size % 2 && size >= 32)
			err = vmbus_commit(r->guest, VMBUS_PACKET_GPA_DIRECT, 0, 0, 32, size);
		else
			vmbus_cancel(r->guest);
	}
	if (err < 0)
		is_error_of_sending(err);
	free(buf);
}

static void one_step(struct rings *r, struct input *in)
{
	uint8_t step = take_u8(in) % STEPS, len;
	struct vmbus_stats stats;
	unsigned char *ring;
	uint32_t at;

	switch (step) {
	case SET_WORD:
		len = take_u8(in);
		ring = len & 1 ? r->to_host : r->to_guest;
		*word(ring, words[len / 2 % sizeof(words)]) = take_index(in, DATA);
		break;
	case POKE:
		at = take_u16(in) % DATA;
		len = take_u8(in);
		input_read(in, r->to_guest + HEADER + at, len < DATA - at ? len : DATA - at);
		break;
	case PACKET:
		/*
		 * Write type, offset, length and flags where the guest reads
		 * next, or close to it.
		 */
		at = (*word(r->to_guest, 1) + take_u8(in) % 16 * 8) % (DATA - 8);
		input_read(in, r->to_guest + HEADER + at / 8 * 8, 8);
		break;
	case PUBLISH:
		*word(r->to_guest, 0) = take_index(in, DATA);
		break;
	case FLUSH:
		MUST(!vmbus_flush(r->guest));
		break;
	case LOOK:
		vmbus_arm(r->guest, 1 + take_u8(in) % 3);
		vmbus_wait(r->guest, 1 + take_u8(in) % 3, 0);
		break;
	case STATS:
		vmbus_stats(r->guest, &stats, sizeof(stats));
		MUST(stats.tx_used < DATA && stats.rx_used < DATA);
		break;
	case RECV:
	case RECV_TOO:
	case RECV_MANY:
	case PEEK:
	case SKIP:
		receive(r, in, step);
		break;
	default:
		transmit(r, in, step);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct rings r = {
		.to_host = calloc(1, HEADER + DATA),
		.to_guest = calloc(1, HEADER + DATA),
	};
	struct vmbus_memory mem = {
		.header_size = HEADER,
		.fd = -1,
		.signal = no_signal,
		.tx_ring = r.to_host,
		.tx_size = HEADER + DATA,
		.rx_ring = r.to_guest,
		.rx_size = HEADER + DATA,
	};

	MUST(r.to_host && r.to_guest);
	/* Set what the channel finds in the rings when it is opened. */
	*word(r.to_host, 0) = take_index(&in, DATA);
	*word(r.to_guest, 1) = take_index(&in, DATA);
	*word(r.to_guest, 16) = 1;
	if (!channel_from_memory(&mem, &r.guest)) {
		while (in.left)
			one_step(&r, &in);
		vmbus_close(r.guest);
	}
	free(r.to_host);
	free(r.to_guest);
	return 0;
}
