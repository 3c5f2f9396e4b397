// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvmbus_bufring, which receives by copying or in place, and which can lock
 * for several senders. The calls are those that a program would make: the calls
 * for one packet if the burst is 1, and the calls for many if it is larger.
 * They do not depend on the size of the messages, because a program does not
 * know it beforehand.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <from_memory.h>

#include "contender.h"

static struct vmbus_chan *sender, *receiver;
static struct vmbus_view views[MAX_BURST] APART;

static int open_side(void *tx, void *rx, size_t size, struct signals *signals,
		     struct vmbus_chan **chan)
{
	const struct vmbus_memory memory = {
		.tx_ring = tx,
		.tx_size = size + RING_HEADER,
		.rx_ring = rx,
		.rx_size = size + RING_HEADER,
		.header_size = RING_HEADER,
		.fd = -1,
		.signal = count_signal,
		.ctx = &signals->count,
	};

	return channel_from_memory(&memory, chan);
}

static int ours_open(void *ring, void *other, size_t size)
{
	int err = open_side(ring, other, size, &sender_signals, &sender);

	return err ? err : open_side(other, ring, size, &receiver_signals, &receiver);
}

/* Spin if two threads send at once, as the peers do. */
static int locked_open(void *ring, void *other, size_t size)
{
	int err = ours_open(ring, other, size);

	if (!err)
		set_producers(sender, PRODUCERS_SPIN);
	return err;
}

static void ours_close(void)
{
	vmbus_close(sender);
	vmbus_close(receiver);
}

/* Return @done, unless @err is an error other than a full or empty ring. */
static int result(int done, int err)
{
	return err && err != -EAGAIN ? err : done;
}

static int send_message(const struct load *load, int burst)
{
	struct iovec messages[MAX_BURST];
	int ret;

	if (burst == 1) {
		ret = vmbus_send(sender, VMBUS_PACKET_INBAND, 0, load->first, load->message,
				 load->size);
		return result(!ret, ret);
	}
	for (int i = 0; i < burst; i++)
		messages[i] = (struct iovec){ message_of(load, i), load->size };
	ret = vmbus_send_many(sender, VMBUS_PACKET_INBAND, 0, load->first, messages,
			      (unsigned int)burst);
	return ret > 0 ? ret : result(0, ret);
}

static int send_gpa(const struct load *load, int burst)
{
	struct vmbus_gpa_buffer ranges[MAX_RANGES];
	int sent, err = 0, flushed;

	for (sent = 0; sent < burst; sent++) {
		const struct segment *segments = load->segments + (unsigned int)sent * load->ranges;
		uint64_t id = load->first + (uint64_t)sent;

		for (unsigned int i = 0; i < load->ranges; i++)
			ranges[i] = (struct vmbus_gpa_buffer){
				.length = segments[i].length,
				.offset = segments[i].offset,
				.pages = &segments[i].page,
			};
		err = vmbus_queue_gpa(sender, VMBUS_PACKET_COMPLETION_REQUESTED, id, ranges,
				      load->ranges, message_of(load, sent), load->size);
		if (err)
			break;
	}
	flushed = vmbus_flush(sender);
	return flushed ? flushed : result(sent, err);
}

/* Build the packets in the ring itself. */
static int build_gpa(const struct load *load, int burst)
{
	const uint32_t header =
		sizeof(struct vmbus_gpa_header) +
		load->ranges * (uint32_t)(sizeof(struct vmbus_gpa_entry) + sizeof(uint64_t));
	int sent, err = 0, flushed;
	void *payload;

	for (sent = 0; sent < burst; sent++) {
		const struct segment *segments = load->segments + (unsigned int)sent * load->ranges;
		struct range {
			struct vmbus_gpa_entry entry;
			uint64_t page;
		} *range;

		err = vmbus_reserve(sender, header + load->size, &payload);
		if (err)
			break;
		*(struct vmbus_gpa_header *)payload =
			(struct vmbus_gpa_header){ .count = load->ranges };
		range = (void *)((unsigned char *)payload + sizeof(struct vmbus_gpa_header));
		for (unsigned int i = 0; i < load->ranges; i++)
			range[i] = (struct range){
				.entry.length = segments[i].length,
				.entry.offset = segments[i].offset,
				.page = segments[i].page,
			};
		memcpy((unsigned char *)payload + header, message_of(load, sent), load->size);
		err = vmbus_commit(sender, VMBUS_PACKET_GPA_DIRECT,
				   VMBUS_PACKET_COMPLETION_REQUESTED, load->first + (uint64_t)sent,
				   header, header + load->size);
		if (err)
			break;
	}
	flushed = vmbus_flush(sender);
	return flushed ? flushed : result(sent, err);
}

static inline __attribute__((always_inline)) int recv_copy(int burst, enum use use)
{
	struct vmbus_packet packet;
	int ret;

	if (burst == 1) {
		ret = vmbus_recv(receiver, &packet, target, sizeof(target));
		if (!ret)
			use_message(use, target, packet.length);
		return result(!ret, ret);
	}
	ret = vmbus_recv_many(receiver, views, (unsigned int)burst, target, sizeof(target));
	for (int i = 0; i < ret; i++)
		use_message(use, views[i].payload, views[i].length);
	return ret > 0 ? ret : result(0, ret);
}

static inline __attribute__((always_inline)) int recv_in_place(int burst, enum use use)
{
	int got = vmbus_peek(receiver, views, (unsigned int)burst), err;
	uint64_t sum = 0;

	if (got < 0)
		return result(0, got);
	for (int i = 0; i < got; i++) {
		if (use == LEAVE)
			sum += *(const uint64_t *)views[i].payload;
		else
			use_message(use, views[i].payload, views[i].length);
	}
	see(sum);
	err = vmbus_release(receiver, &views[got - 1]);
	return err ? err : got;
}

static inline __attribute__((always_inline)) int use_ranges(enum use use,
							    const struct vmbus_view *view)
{
	struct vmbus_range ranges[MAX_RANGES];
	struct segment segments[MAX_RANGES];
	struct vmbus_xfer_set set;
	uint64_t sum = 0;
	int count = vmbus_xfer_ranges(view, RANGES_BUFFER, &set, ranges, MAX_RANGES);

	if (count < 0 || set.number != RANGES_SET)
		return -EPROTO;
	if (use == VERIFY) {
		for (int i = 0; i < count; i++)
			segments[i] = (struct segment){ .offset = ranges[i].offset,
							.length = ranges[i].length };
		verify_xfer(set.number, segments, (unsigned int)count, view->payload, view->length);
		return 0;
	}
	for (int i = 0; i < count; i++)
		sum += ranges[i].offset ^ ranges[i].length;
	see(sum);
	return 0;
}

static inline __attribute__((always_inline)) int xfer_copy(int burst, enum use use)
{
	int got = vmbus_recv_many(receiver, views, (unsigned int)burst, target, sizeof(target)),
	    err = 0;

	if (got < 0)
		return result(0, got);
	for (int i = 0; i < got && !err; i++)
		err = use_ranges(use, &views[i]);
	return err ? err : got;
}

static inline __attribute__((always_inline)) int xfer_in_place(int burst, enum use use)
{
	int got = vmbus_peek(receiver, views, (unsigned int)burst), err = 0;

	if (got < 0)
		return result(0, got);
	for (int i = 0; i < got && !err; i++)
		err = use_ranges(use, &views[i]);
	if (!err)
		err = vmbus_release(receiver, &views[got - 1]);
	return err ? err : got;
}

WITH_USE(recv_copy, LEAVE, copy_leave)
WITH_USE(recv_copy, READ, copy_read)
WITH_USE(recv_copy, VERIFY, copy_verify)
WITH_USE(recv_in_place, LEAVE, in_place_leave)
WITH_USE(recv_in_place, READ, in_place_read)
WITH_USE(recv_in_place, VERIFY, in_place_verify)
WITH_USE(xfer_copy, LEAVE, xfer_copy_leave)
WITH_USE(xfer_copy, VERIFY, xfer_copy_verify)
WITH_USE(xfer_in_place, LEAVE, xfer_in_place_leave)
WITH_USE(xfer_in_place, VERIFY, xfer_in_place_verify)

const struct contender ours_copy = {
	"copied",
	ours_open,
	ours_close,
	{ [MESSAGE] = send_message, [GPA_DIRECT] = send_gpa, [XFER_PAGES] = host_send },
	{
		[MESSAGE] = { copy_leave, copy_read, copy_verify },
		[GPA_DIRECT] = { [LEAVE] = host_recv, [VERIFY] = host_verify },
		[XFER_PAGES] = { [LEAVE] = xfer_copy_leave, [VERIFY] = xfer_copy_verify },
	},
};

const struct contender ours_in_place = {
	"in place",
	ours_open,
	ours_close,
	{ [MESSAGE] = send_message, [GPA_DIRECT] = build_gpa, [XFER_PAGES] = host_send },
	{
		[MESSAGE] = { in_place_leave, in_place_read, in_place_verify },
		[GPA_DIRECT] = { [LEAVE] = host_recv, [VERIFY] = host_verify },
		[XFER_PAGES] = { [LEAVE] = xfer_in_place_leave, [VERIFY] = xfer_in_place_verify },
	},
};

const struct contender ours_locked = {
	"locked",
	locked_open,
	ours_close,
	{ [MESSAGE] = send_message, [GPA_DIRECT] = send_gpa },
	{
		[MESSAGE] = { [LEAVE] = copy_leave, [VERIFY] = copy_verify },
		[GPA_DIRECT] = { [LEAVE] = host_recv, [VERIFY] = host_verify },
	},
};
