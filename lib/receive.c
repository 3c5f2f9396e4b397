// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Receiving packets, by copying or in place */

#include "internal.h"

/* Do as rx_ring_peek(), or return why the channel has ended. */
static inline int peek(struct vmbus_chan *chan, struct rx_packet *pkt)
{
	int dead = channel_check(chan);
	int err;

	if (unlikely(dead))
		return dead;
	err = rx_ring_peek(&chan->rx, pkt);
	if (likely(!err))
		return 0;
	if (err != -EAGAIN)
		count_up(&chan->rx.errors, 1);
	dead = channel_check(chan);
	return dead ? dead : err;
}

static inline void release(struct vmbus_chan *chan, uint32_t bytes)
{
	if (unlikely(rx_ring_release(&chan->rx, bytes)))
		vmbus_signal(chan);	/* an error ends the channel */
}

static inline void consume(struct vmbus_chan *chan, uint32_t bytes, uint32_t packets)
{
	rx_ring_consume(&chan->rx, bytes, packets);
	release(chan, bytes);
}

/* Receive a payload, or with @raw a whole packet. */
static inline int receive(struct vmbus_chan *chan, struct vmbus_packet *pkt, unsigned char *buf,
			  size_t size, bool raw)
{
	struct rx_ring *rx = &chan->rx;
	struct rx_packet p;
	int err = peek(chan, &p);

	if (unlikely(err))
		return err;
	*pkt = (struct vmbus_packet){
		.type = p.word[0],
		.flags = p.word[0] >> 48,
		.header = p.header,
		.length = p.total - p.header,
		.transaction_id = p.word[1],
	};
	if (unlikely(size < (raw ? p.total : pkt->length))) {
		err = channel_check(chan);
		return err ? err : -ENOBUFS;
	}
	if (raw) {
		/* Copy the descriptor that was checked: the host may have changed the one in the ring. */
		memcpy(buf, p.word, sizeof(p.word));
		rx_ring_copy(rx, rx->read + RING_DESCRIPTOR, buf + RING_DESCRIPTOR,
			     p.total - RING_DESCRIPTOR);
	} else {
		rx_ring_copy(rx, rx->read + p.header, buf, pkt->length);
	}
	err = channel_check(chan);
	if (unlikely(err))
		return err;
	/* The packet is complete now, even if the channel ends. */
	consume(chan, p.advance, 1);
	return 0;
}

int vmbus_recv(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	return receive(chan, pkt, buf, size, false);
}

int vmbus_recv_raw(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	return receive(chan, pkt, buf, size, true);
}

int vmbus_skip(struct vmbus_chan *chan)
{
	struct rx_packet p;
	int err = peek(chan, &p);

	if (err && err != -EPROTO)
		return err;
	err = channel_check(chan);
	if (err)
		return err;
	consume(chan, p.advance, 1);
	return channel_check(chan);
}

static inline void view_set(struct vmbus_view *view, const struct rx_packet *p, const void *payload,
			    uint32_t end, uint32_t number)
{
	view->payload = payload;
	view->length = p->total - p->header;
	view->header = p->header;
	view->transaction_id = p->word[1];
	view->type = p->word[0];
	view->flags = p->word[0] >> 48;
	view->end = end;
	view->number = number;
	view->reserved = 0;
}

int vmbus_peek(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count)
{
	struct rx_ring *rx = &chan->rx;
	struct rx_ring local;
	uint32_t index, left;
	struct rx_packet p;
	unsigned int n = 0;
	int err;

	if (unlikely(!count))
		return -EINVAL;
	err = peek(chan, &p);
	if (unlikely(err))
		return err;
	/* No store through @views can change this copy, so it stays in registers. */
	local.data = rx->data;
	local.size = rx->size;
	rx->released = 0;
	index = rx->read;
	left = rx->avail;
	do {
		const unsigned char *packet = local.data + index;
		uint32_t end = index + p.advance;

		if (unlikely(end >= local.size)) {
			if (index + p.total > local.size) {
				/* One bounce buffer will do: only one packet goes around the end. */
				rx_ring_copy(rx, index, rx->bounce, p.total);
				packet = rx->bounce;
			}
			end -= local.size;
		}
		view_set(&views[n], &p, packet + p.header, end, n + 1);
		index = end;
		left -= p.advance;
	} while (++n < count && left && likely(!rx_ring_parse(&local, index, left, &p)));
	err = channel_check(chan);
	return unlikely(err) ? err : (int)n;
}

int vmbus_release(struct vmbus_chan *chan, const struct vmbus_view *last)
{
	struct rx_ring *rx = &chan->rx;
	int err = channel_check(chan);
	uint32_t bytes;

	if (unlikely(err))
		return err;
	if (unlikely(!index_ok(last->end, rx->size)))
		return -EINVAL;
	bytes = bytes_used(rx->read, last->end, rx->size);
	if (unlikely(!bytes || bytes > rx->avail || last->number <= rx->released))
		return -EINVAL;
	consume(chan, bytes, last->number - rx->released);
	rx->released = last->number;
	return channel_check(chan);
}

int vmbus_recv_many(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count,
		    void *buf, size_t size)
{
	struct rx_ring *rx = &chan->rx;
	unsigned char *to = buf;
	uint32_t index, left, done = 0;
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
			err = channel_check(chan);
			return err ? err : -ENOBUFS;
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
