// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* These functions receive packets, by copying or in place. */

#include "internal.h"

/*
 * Look at the next packet as rx_ring_peek() does, or return why the channel has
 * ended.
 */
static inline __attribute__((always_inline)) int peek(struct vmbus_chan *chan,
						      struct rx_packet *pkt)
{
	int err = channel_ended(chan);

	if (unlikely(err))
		return err;
	err = rx_ring_peek(&chan->rx, pkt);
	if (likely(!err))
		return 0;
	if (unlikely(err != -EAGAIN))
		count_up(&chan->rx.errors, 1);
	else if (chan->poll_mode)
		rx_ring_keep_masked(&chan->rx);
	return settle(chan, err);
}

/*
 * Signal the host if it waits for room and the release of @bytes made the room.
 * Return 0.
 */
static __attribute__((noinline)) int tell_of_room(struct vmbus_chan *chan, uint32_t bytes,
						  uint32_t pending)
{
	if (rx_ring_made_room(&chan->rx, bytes, pending))
		channel_signal(chan); /* an error has ended the channel */
	return 0;
}

/*
 * Release the room of packets that the caller has completely received, even if
 * the channel ends. Return 0.
 */
static inline __attribute__((always_inline)) int consume(struct vmbus_chan *chan, uint32_t bytes,
							 uint32_t packets)
{
	uint32_t pending;

	rx_ring_consume(&chan->rx, bytes, packets);
	pending = rx_ring_release(&chan->rx);
	return unlikely(pending) ? tell_of_room(chan, bytes, pending) : 0;
}

/* Finish the reception of a packet that was copied. */
static inline __attribute__((always_inline)) int received(struct vmbus_chan *chan, uint32_t bytes)
{
	int err = channel_check(chan);

	return unlikely(err) ? err : consume(chan, bytes, 1);
}

/*
 * Set the members of @pkt. The barriers keep the compiler from joining
 * neighbours in a vector register, which would take longer than separate
 * stores.
 */
static inline void packet_set(struct vmbus_packet *pkt, const struct rx_packet *p)
{
	pkt->type = p->word;
	pkt->flags = p->word >> 48;
	pkt->length = p->total - p->header;
	barrier();
	pkt->header = p->header;
	pkt->reserved = 0;
	pkt->transaction_id = p->transaction_id;
}

static inline void view_set(struct vmbus_view *view, const struct rx_packet *p, const void *payload,
			    uint32_t end, uint32_t number)
{
	view->payload = payload;
	view->length = p->total - p->header;
	barrier();
	view->header = p->header;
	view->transaction_id = p->transaction_id;
	view->type = p->word;
	view->flags = p->word >> 48;
	view->end = end;
	barrier();
	view->number = number;
	view->reserved = 0;
}

/* Finish vmbus_recv() for a payload that is long or wraps around the end. */
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
 * Return the number of known bytes that lie in one piece. A packet that reaches
 * the very end of the ring does not count.
 */
static inline uint32_t in_one_piece(const struct rx_ring *rx)
{
	uint32_t end = rx->size - rx->read - 8;

	return rx->avail < end ? rx->avail : end;
}

/*
 * Return how many bytes a function that receives many packets takes at once if
 * the first packet has @first bytes. That is about a quarter of the ring, so
 * that the host gets room while the caller handles the packets.
 */
static inline uint32_t at_once(const struct rx_ring *rx, uint32_t first)
{
	return higher(first, rx->size / 4);
}

/*
 * Read and check the descriptor at @at, where @left bytes lie in one piece.
 * Return true if the packet is good and lies within them.
 */
static inline __attribute__((always_inline)) bool parse_next(const unsigned char *at, uint32_t left,
							     struct rx_packet *p)
{
	const ring_word *word = (const ring_word *)(const void *)at;

	if (left < RING_DESCRIPTOR + RING_TRAILER)
		return false;
	return likely(!rx_ring_check(READ_ONCE(word[0]), READ_ONCE(word[1]), left, p));
}

/*
 * Continue vmbus_peek() after @n packets, at a packet that reaches the end of
 * the ring or at bytes that are no packet. @left bytes are there from @index
 * on. If @n is 0, the descriptor at @index has been read and checked, and its
 * words are @word and @transaction_id. The host may have changed it since.
 */
static __attribute__((noinline)) int peek_around(struct vmbus_chan *chan, struct vmbus_view *views,
						 unsigned int n, unsigned int count, uint32_t index,
						 uint32_t left, uint64_t word,
						 uint64_t transaction_id)
{
	struct rx_ring *rx = &chan->rx;
	struct rx_packet p;
	int err = n ? rx_ring_parse(rx, index, left, &p) :
		      rx_ring_check(word, transaction_id, left, &p);

	while (!err) {
		const unsigned char *packet = rx->data + index;
		uint32_t end = index_add(index, p.advance, rx->size);

		if (index + p.total > rx->size) {
			/*
			 * One bounce buffer is enough, because only one packet
			 * wraps around the end.
			 */
			rx_ring_copy(rx, index, rx->bounce, p.total);
			packet = rx->bounce;
		}
		view_set(&views[n], &p, packet + p.header, end, n + 1);
		index = end;
		left -= p.advance;
		if (++n == count || !left ||
		    bytes_used(rx->read, index, rx->size) >= at_once(rx, 0))
			break;
		err = rx_ring_parse(rx, index, left, &p);
	}
	return settle(chan, n);
}

/* Do the work of vmbus_peek() with any count. */
static __attribute__((noinline)) int peek_many(struct vmbus_chan *chan, struct vmbus_view *views,
					       unsigned int count)
{
	struct rx_ring *rx = &chan->rx;
	uint32_t index, left, piece, limit, n = 0;
	struct rx_packet p;
	int err;

	if (unlikely(!count))
		return -EINVAL;
	err = peek(chan, &p);
	if (unlikely(err))
		return err;
	rx->released = 0;
	index = rx->read;
	piece = in_one_piece(rx);
	limit = at_once(rx, p.advance);
	left = lower(piece, limit);
	if (likely(p.advance <= left)) {
		const unsigned char *at = rx->data + index;

		do {
			view_set(&views[n], &p, at + p.header, index + p.advance, n + 1);
			at += p.advance;
			index += p.advance;
			left -= p.advance;
		} while (++n < count && parse_next(at, left, &p));
	}
	left = rx->avail - bytes_used(rx->read, index, rx->size);
	if (unlikely(n < count && left && piece < limit))
		return peek_around(chan, views, n, count, index, left, p.word, p.transaction_id);
	return settle(chan, n);
}

int vmbus_peek(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count)
{
	struct rx_ring *rx = &chan->rx;
	struct rx_packet p;
	int err;

	if (count != 1)
		return peek_many(chan, views, count);
	err = peek(chan, &p);
	if (unlikely(err))
		return err;
	rx->released = 0;
	if (unlikely(p.advance > in_one_piece(rx)))
		return peek_around(chan, views, 0, 1, rx->read, rx->avail, p.word,
				   p.transaction_id);
	view_set(views, &p, rx->data + rx->read + p.header, rx->read + p.advance, 1);
	return settle(chan, 1);
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
	uint32_t index, left, piece, limit, n = 0;
	unsigned char *to = buf;
	struct rx_packet p;
	int err;

	if (unlikely(!count))
		return -EINVAL;
	err = peek(chan, &p);
	if (unlikely(err))
		return err;
	if (unlikely(p.total - RING_DESCRIPTOR > size)) {
		view_set(views, &p, NULL, UINT32_MAX, 0);
		return settle(chan, -ENOBUFS);
	}
	index = rx->read;
	piece = in_one_piece(rx);
	limit = at_once(rx, p.advance);
	left = lower(piece, limit);
	if (likely(p.advance <= left)) {
		const unsigned char *at = rx->data + index;

		do {
			uint32_t len = p.total - RING_DESCRIPTOR;

			if (unlikely(len > size))
				break;
			copy_bytes(to, at + RING_DESCRIPTOR, len);
			view_set(&views[n], &p, to + p.header - RING_DESCRIPTOR, UINT32_MAX, 0);
			to += len;
			size -= len;
			at += p.advance;
			index += p.advance;
			left -= p.advance;
		} while (++n < count && parse_next(at, left, &p));
	}
	/*
	 * Take the packets around the end of the ring. The first one there has
	 * been read and checked, and the host may have changed it since.
	 */
	left = rx->avail - bytes_used(rx->read, index, rx->size);
	if (unlikely(n < count && left && piece < limit) &&
	    (!n || !rx_ring_parse(rx, index, left, &p))) {
		do {
			uint32_t len = p.total - RING_DESCRIPTOR;

			if (len > size)
				break;
			rx_ring_copy(rx, index + RING_DESCRIPTOR, to, len);
			view_set(&views[n], &p, to + p.header - RING_DESCRIPTOR, UINT32_MAX, 0);
			to += len;
			size -= len;
			index = index_add(index, p.advance, rx->size);
			left -= p.advance;
		} while (++n < count && left && bytes_used(rx->read, index, rx->size) < limit &&
			 !rx_ring_parse(rx, index, left, &p));
	}
	err = channel_check(chan);
	if (unlikely(err))
		return err;
	consume(chan, bytes_used(rx->read, index, rx->size), n);
	return n;
}

/* Read eight bytes only once, because the host may write them meanwhile. */
static inline uint64_t read_once(const unsigned char *from)
{
	struct word {
		uint64_t value;
	} __attribute__((packed, may_alias));

	return ((const volatile struct word *)(const void *)from)->value;
}

_Static_assert(offsetof(struct vmbus_range, length) == 0 &&
		       offsetof(struct vmbus_range, offset) == 4,
	       "a range is not as in a packet");

/*
 * Two ranges in a vector register. Each has the same form as in a packet: the
 * offset is in the upper half of the word, and the length in the lower half.
 */
typedef uint64_t two_ranges __attribute__((vector_size(16), aligned(1), may_alias));

/* From this count of ranges on, vectors are faster. */
#define TWO_AT_A_TIME 8

int vmbus_xfer_ranges(const struct vmbus_view *view, size_t buffer_size, struct vmbus_xfer_set *set,
		      struct vmbus_range *ranges, unsigned int max)
{
	uint32_t len = view->header - RING_DESCRIPTOR;
	const unsigned char *from = (const unsigned char *)view->payload - len;
	/* A range ends before 2^33, and a size_t may have 32 bits. */
	const uint64_t bytes = buffer_size, size = bytes >> 33 ? UINT64_C(1) << 33 : bytes;
	uint64_t head, beyond = 0;
	size_t count, single, i = 0;

	if (unlikely(view->type != VMBUS_PACKET_XFER_PAGES || len < 8))
		return -EPROTO;
	/*
	 * The word has the set's number, a flag, a reserved byte and the count
	 * of ranges. Check the copy.
	 */
	head = read_once(from);
	count = head >> 32;
	if (unlikely(count > len / 8 - 1))
		return -EPROTO;
	if (set)
		*set = (struct vmbus_xfer_set){
			.number = head,
			.sender_owns_set = !!(uint8_t)(head >> 16),
		};
	if (unlikely(count > max))
		return -ENOBUFS;
	/*
	 * Check the copy of each range that the caller gets. The sign bit of
	 * beyond is set if one of them ends beyond the buffer. A few ranges
	 * are faster one by one.
	 */
	single = count < TWO_AT_A_TIME ? count : count % 2;
	from += 8;
	for (; i < single; i++, from += 8) {
		uint64_t one = read_once(from);

		memcpy(&ranges[i], &one, sizeof(one));
		beyond |= size - ((one >> 32) + (uint32_t)one);
	}
	if (i < count) {
		two_ranges both = { 0, 0 };

		for (; i < count; i += 2, from += sizeof(both)) {
			/*
			 * Read both only once, because the host may write them
			 * meanwhile.
			 */
			two_ranges two = *(const volatile two_ranges *)(const void *)from;

			memcpy(&ranges[i], &two, sizeof(two));
			both |= size - ((two >> 32) + (two & UINT32_MAX));
		}
		beyond |= both[0] | both[1];
	}
	return unlikely(beyond >> 63) ? -EPROTO : (int)count;
}
