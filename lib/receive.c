// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Receiving packets, by copying or in place */

#include "internal.h"

/* Do as rx_ring_peek(), or return why the channel has ended. */
static inline __attribute__((always_inline)) int peek(struct vmbus_chan *chan, struct rx_packet *pkt)
{
	int err = channel_ended(chan);

	if (unlikely(err))
		return err;
	err = rx_ring_peek(&chan->rx, pkt);
	if (likely(!err))
		return 0;
	if (unlikely(err != -EAGAIN))
		count_up(&chan->rx.errors, 1);
	return settle(chan, err);
}

/* Signal a host that waits for room, if the release of @bytes made the room. Return 0. */
static __attribute__((noinline)) int tell_of_room(struct vmbus_chan *chan, uint32_t bytes,
						  uint32_t pending)
{
	if (rx_ring_made_room(&chan->rx, bytes, pending))
		vmbus_signal(chan);	/* an error ends the channel */
	return 0;
}

/* Free the room of packets that are complete now, even if the channel ends. Return 0. */
static inline __attribute__((always_inline)) int consume(struct vmbus_chan *chan, uint32_t bytes,
							 uint32_t packets)
{
	uint32_t pending;

	rx_ring_consume(&chan->rx, bytes, packets);
	pending = rx_ring_release(&chan->rx);
	return unlikely(pending) ? tell_of_room(chan, bytes, pending) : 0;
}

/* End the reception of a packet that was copied. */
static inline __attribute__((always_inline)) int received(struct vmbus_chan *chan, uint32_t bytes)
{
	int err = channel_check(chan);

	return unlikely(err) ? err : consume(chan, bytes, 1);
}

/* The functions below write several members at once: the compiler does not put them together. */
_Static_assert(offsetof(struct vmbus_packet, flags) == 2 &&
	       offsetof(struct vmbus_packet, header) == 4 &&
	       offsetof(struct vmbus_packet, reserved) == offsetof(struct vmbus_packet, length) + 4 &&
	       offsetof(struct vmbus_view, header) == offsetof(struct vmbus_view, length) + 4 &&
	       offsetof(struct vmbus_view, flags) == offsetof(struct vmbus_view, type) + 2 &&
	       offsetof(struct vmbus_view, end) == offsetof(struct vmbus_view, type) + 4 &&
	       offsetof(struct vmbus_view, reserved) == offsetof(struct vmbus_view, number) + 4,
	       "members that are not neighbours");

static inline uint64_t pair(uint32_t first, uint32_t second)
{
	return (uint64_t)second << 32 | first;
}

static inline uint32_t type_and_flags(const struct rx_packet *p)
{
	return (uint32_t)(p->word >> 48) << 16 | (uint16_t)p->word;
}

static inline void packet_set(struct vmbus_packet *pkt, const struct rx_packet *p)
{
	unsigned char *to = (unsigned char *)pkt;

	store_u64(to, pair(type_and_flags(p), p->header));
	store_u64(to + offsetof(struct vmbus_packet, length), p->total - p->header);
	pkt->transaction_id = p->transaction_id;
}

static inline void view_set(struct vmbus_view *view, const struct rx_packet *p, const void *payload,
			    uint32_t end, uint32_t number)
{
	unsigned char *to = (unsigned char *)view;

	view->payload = payload;
	store_u64(to + offsetof(struct vmbus_view, length), pair(p->total - p->header, p->header));
	view->transaction_id = p->transaction_id;
	store_u64(to + offsetof(struct vmbus_view, type), pair(type_and_flags(p), end));
	store_u64(to + offsetof(struct vmbus_view, number), number);
}

/* End vmbus_recv() of a payload that is long or goes around the end. */
static __attribute__((noinline)) int receive_long(struct vmbus_chan *chan, uint32_t index,
						  unsigned char *buf, uint32_t len, uint32_t bytes)
{
	rx_ring_copy(&chan->rx, index, buf, len);
	return received(chan, bytes);
}

int vmbus_recv(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	struct rx_ring *rx = &chan->rx;
	uint32_t index, len;
	struct rx_packet p;
	int err = peek(chan, &p);

	if (unlikely(err))
		return err;
	packet_set(pkt, &p);
	len = p.total - p.header;
	if (unlikely(size < len))
		return settle(chan, -ENOBUFS);
	index = rx->read + p.header;
	if (unlikely(len > COPY_INLINE_MAX || index + len > rx->size))
		return receive_long(chan, index, buf, len, p.advance);
	copy_short(buf, rx->data + index, len);
	return received(chan, p.advance);
}

int vmbus_recv_raw(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	struct rx_ring *rx = &chan->rx;
	unsigned char *to = buf;
	struct rx_packet p;
	int err = peek(chan, &p);

	if (unlikely(err))
		return err;
	packet_set(pkt, &p);
	if (unlikely(size < p.total))
		return settle(chan, -ENOBUFS);
	/* Copy the descriptor that was checked: the host may have changed the one in the ring. */
	store_u64(to, p.word);
	store_u64(to + 8, p.transaction_id);
	rx_ring_copy(rx, rx->read + RING_DESCRIPTOR, to + RING_DESCRIPTOR,
		     p.total - RING_DESCRIPTOR);
	return received(chan, p.advance);
}

int vmbus_skip(struct vmbus_chan *chan)
{
	struct rx_packet p = { .advance = 0 };
	int err = peek(chan, &p);

	if (err && err != -EPROTO)
		return err;
	err = channel_check(chan);
	if (err)
		return err;
	consume(chan, p.advance, 1);
	return channel_check(chan);
}

/*
 * Go on with vmbus_peek() at a packet that reaches the end of the ring. @n packets came before it,
 * and @left bytes are there from its @index on.
 */
static __attribute__((noinline)) int peek_around(struct vmbus_chan *chan, struct vmbus_view *views,
						 unsigned int n, unsigned int count,
						 uint32_t index, uint32_t left)
{
	struct rx_ring *rx = &chan->rx;
	struct rx_packet p;

	for (; n < count && left && !rx_ring_parse(rx, index, left, &p); n++) {
		const unsigned char *packet = rx->data + index;
		uint32_t end = index_add(index, p.advance, rx->size);

		if (index + p.total > rx->size) {
			/* One bounce buffer will do: only one packet goes around the end. */
			rx_ring_copy(rx, index, rx->bounce, p.total);
			packet = rx->bounce;
		}
		view_set(&views[n], &p, packet + p.header, end, n + 1);
		index = end;
		left -= p.advance;
	}
	if (!n)
		count_up(&rx->errors, 1);	/* the host has changed the packet since */
	return settle(chan, n ? (int)n : -EPROTO);
}

int vmbus_peek(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count)
{
	struct rx_ring *rx = &chan->rx;
	uint32_t index, left, size;
	struct rx_packet p;
	unsigned int n = 0;
	unsigned char *data;
	int err;

	if (unlikely(!count))
		return -EINVAL;
	err = peek(chan, &p);
	if (unlikely(err))
		return err;
	rx->released = 0;
	index = rx->read;
	left = rx->avail;
	/* No store through @views can change these. */
	data = rx->data;
	size = rx->size;
	for (;;) {
		const ring_word *next;
		uint32_t end = index + p.advance;

		/* The descriptor of the next packet must not go around the end either. */
		if (unlikely(end > size - RING_DESCRIPTOR))
			return peek_around(chan, views, n, count, index, left);
		view_set(&views[n], &p, data + index + p.header, end, n + 1);
		left -= p.advance;
		index = end;
		if (++n == count || left < RING_DESCRIPTOR + RING_TRAILER)
			break;
		next = (const ring_word *)(const void *)(data + index);
		if (unlikely(rx_ring_check(READ_ONCE(next[0]), READ_ONCE(next[1]), left, &p)))
			break;
	}
	return settle(chan, n);
}

int vmbus_release(struct vmbus_chan *chan, const struct vmbus_view *last)
{
	struct rx_ring *rx = &chan->rx;
	int err = channel_ended(chan);
	uint32_t bytes, packets;

	if (unlikely(err))
		return err;
	if (unlikely(!index_ok(last->end, rx->size)))
		return -EINVAL;
	bytes = bytes_used(rx->read, last->end, rx->size);
	if (unlikely(!bytes || bytes > rx->avail || last->number <= rx->released))
		return -EINVAL;
	packets = last->number - rx->released;
	rx->released = last->number;
	consume(chan, bytes, packets);
	return channel_check(chan);
}

int vmbus_recv_many(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count,
		    void *buf, size_t size)
{
	struct rx_ring *rx = &chan->rx;
	uint32_t index, left, done = 0;
	unsigned char *to = buf;
	struct rx_packet p;
	unsigned int n = 0;
	int err;

	if (unlikely(!count))
		return -EINVAL;
	err = peek(chan, &p);
	if (unlikely(err))
		return err;
	index = rx->read;
	left = rx->avail;
	do {
		uint32_t len = p.total - RING_DESCRIPTOR;

		if (unlikely(len > size)) {
			if (n)
				break;
			view_set(views, &p, NULL, UINT32_MAX, 0);
			return settle(chan, -ENOBUFS);
		}
		rx_ring_copy(rx, index + RING_DESCRIPTOR, to, len);
		view_set(&views[n], &p, to + p.header - RING_DESCRIPTOR, UINT32_MAX, 0);
		to += len;
		size -= len;
		index = index_add(index, p.advance, rx->size);
		left -= p.advance;
		done += p.advance;
	} while (++n < count && left && likely(!rx_ring_parse(rx, index, left, &p)));
	err = channel_check(chan);
	if (unlikely(err))
		return err;
	consume(chan, done, n);
	return n;
}

/* The header of a packet with transfer pages, after its descriptor; the ranges follow */
struct xfer_header {
	struct vmbus_xfer_set set;
	uint32_t count;
};

struct xfer_range {
	uint32_t length, offset;
};

int vmbus_xfer_ranges(const struct vmbus_view *view, size_t buffer_size, struct vmbus_xfer_set *set,
		      struct vmbus_range *ranges, unsigned int max)
{
	uint32_t len = view->header - RING_DESCRIPTOR;
	const unsigned char *from = (const unsigned char *)view->payload - len;
	struct xfer_header header;

	if (view->type != VMBUS_PACKET_XFER_PAGES || len < sizeof(header))
		return -EPROTO;
	/* The host may still write there: copy once, and check the copy. */
	memcpy(&header, from, sizeof(header));
	barrier();
	from += sizeof(header);
	if (header.count > (len - sizeof(header)) / sizeof(struct xfer_range))
		return -EPROTO;
	if (set) {
		*set = header.set;
		set->sender_owns_set = !!set->sender_owns_set;
		set->reserved = 0;
	}
	if (header.count > max)
		return -ENOBUFS;
	for (uint32_t i = 0; i < header.count; i++) {
		struct xfer_range range;

		memcpy(&range, from + i * sizeof(range), sizeof(range));
		barrier();
		if (range.length > buffer_size || range.offset > buffer_size - range.length)
			return -EPROTO;
		ranges[i] = (struct vmbus_range){ .offset = range.offset, .length = range.length };
	}
	return header.count;
}
