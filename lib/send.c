// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file sends packets. */

#include <stdlib.h>
#include <string.h>

#include "internal.h"

_Static_assert(VMBUS_PACKET_INBAND == 6 && VMBUS_PACKET_COMPLETION == 11 &&
		       VMBUS_PACKET_COMPLETION_REQUESTED == 1,
	       "PACKET_WRONG has other values");

/* Whether the channel refuses packets of this type or with these flags. */
static inline bool wrong_kind(const struct vmbus_chan *chan, uint16_t type, uint16_t flags)
{
	return tx_ring_wrong(&chan->tx, tx_ring_word(type, flags, 0, 0));
}

static inline bool wrong_flags(const struct tx_ring *tx, uint16_t flags)
{
	return tx_ring_wrong(tx, tx_ring_word(VMBUS_PACKET_INBAND, flags, 0, 0));
}

/*
 * Publish the packets, and signal the host if it needs a signal. The caller
 * holds the lock. If @signal is not NULL, set it instead of signalling the
 * host: a function that publishes a batch in parts signals once at its end, for
 * all parts. If this function signalled as well, there could be two signals
 * with no publication between them, and the host counts the second one against
 * the guest.
 */
static int flush_locked(struct vmbus_chan *chan, bool *signal)
{
	if (!tx_ring_publish(&chan->tx))
		return channel_check(chan);
	if (!signal)
		return channel_signal(chan);
	*signal = true;
	return channel_check(chan);
}

/*
 * Do the work of reserve() if the known room does not suffice or a thread has
 * asked for room.
 */
static __attribute__((noinline)) int reserve_slowly(struct vmbus_chan *chan, uint32_t need,
						    bool *signal)
{
	struct tx_ring *tx = &chan->tx;
	int room, err;

	if (tx->reserved)
		return -EBUSY;
	room = tx_ring_look(tx);
	if (room >= 0 && (uint32_t)room <= need && !chan->poll_mode) {
		/* The host can make room only by reading published packets. */
		err = flush_locked(chan, signal);
		if (err)
			return err;
		room = room_request(chan, need);
	}
	if (room < 0)
		return room;
	if ((uint32_t)room <= need) {
		count_up(&tx->full, 1);
		room_refused(chan, need);
		return -EAGAIN;
	}
	if (tx->pending || chan->refused)
		room_found(chan);
	return 0;
}

/*
 * Make sure that @need bytes fit. Return 0, or the error for a packet that
 * cannot be queued. @signal is passed to flush_locked().
 */
static inline int reserve(struct vmbus_chan *chan, uint32_t need, bool *signal)
{
	return likely(chan->tx.room > need && !chan->tx.pending) ?
		       0 :
		       reserve_slowly(chan, need, signal);
}

static __attribute__((noinline)) int queue_one(struct vmbus_chan *chan, uint16_t type,
					       uint16_t flags, uint64_t transaction_id,
					       const void *payload, size_t len, bool *signal)
{
	struct tx_ring *tx = &chan->tx;
	uint32_t need;
	int err;

	if (unlikely(wrong_kind(chan, type, flags)))
		return -EINVAL;
	if (unlikely(len > tx->max_payload))
		return -EMSGSIZE;
	need = tx_ring_need(len);
	err = reserve(chan, need, signal);
	if (likely(!err))
		tx_ring_put(tx, tx_ring_word(type, flags, RING_DESCRIPTOR, need - RING_TRAILER),
			    transaction_id, payload, len, need);
	return err;
}

/*
 * Write a packet and return true if the program may send it, its payload has at
 * most @max bytes, and it fits in one piece into the known room. If @max is
 * COPY_INLINE_MAX, this calls no other function.
 */
static inline __attribute__((always_inline)) bool put_whole(struct vmbus_chan *chan, uint16_t type,
							    uint16_t flags, uint64_t transaction_id,
							    const void *payload, size_t len,
							    uint32_t max)
{
	struct tx_ring *tx = &chan->tx;
	uint32_t write = tx->write, need;
	uint64_t word;

	if (unlikely(tx->pending || len > max))
		return false;
	need = tx_ring_need(len);
	/* A packet that fits into the free room is not too long, either. */
	if (unlikely(need >= tx->room || need >= tx->size - write))
		return false;
	word = tx_ring_word(type, flags, RING_DESCRIPTOR, need - RING_TRAILER);
	if (unlikely(tx_ring_wrong(tx, word)))
		return false;
	tx_ring_lay(tx->data + write, write, word, transaction_id, payload, len, need);
	tx->write = write + need;
	tx_ring_advance(tx, need, 1);
	return true;
}

/* Whether the channel is open and needs no lock. */
static inline bool is_simple(const struct vmbus_chan *chan)
{
	return likely(!(channel_ended(chan) | chan->producers));
}

/* Do the work of vmbus_queue() for any packet on any channel. */
static __attribute__((noinline)) int queue_any(struct vmbus_chan *chan, uint16_t type,
					       uint16_t flags, uint64_t transaction_id,
					       const void *payload, size_t len)
{
	int err = channel_ended(chan);

	if (unlikely(err))
		return err;
	send_lock(chan);
	err = queue_one(chan, type, flags, transaction_id, payload, len, NULL);
	send_unlock(chan);
	return settle(chan, err);
}

int vmbus_queue(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		const void *payload, size_t len)
{
	/* This path calls no other function, so it needs no stack. */
	if (is_simple(chan) &&
	    likely(put_whole(chan, type, flags, transaction_id, payload, len, COPY_INLINE_MAX)))
		return settle(chan, 0);
	return queue_any(chan, type, flags, transaction_id, payload, len);
}

static uint64_t range_pages(const struct vmbus_gpa_buffer *range)
{
	return ((uint64_t)range->offset + range->length + HV_PAGE_SIZE - 1) / HV_PAGE_SIZE;
}

/*
 * Return the bytes that the ranges need in the ring, or -EINVAL or -EMSGSIZE.
 */
static int64_t ranges_length(const struct vmbus_chan *chan, const struct vmbus_gpa_buffer *ranges,
			     unsigned int count)
{
	uint64_t len = sizeof(struct vmbus_gpa_header);

	if (!count)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++) {
		if (!ranges[i].length || ranges[i].offset >= HV_PAGE_SIZE || !ranges[i].pages)
			return -EINVAL;
		len += sizeof(struct vmbus_gpa_entry) + range_pages(&ranges[i]) * sizeof(uint64_t);
		if (len > chan->tx.max_payload)
			return -EMSGSIZE;
	}
	return len;
}

/*
 * Return the first word of a range in the ring, which is a copy of the
 * beginning of struct vmbus_gpa_buffer.
 */
static inline uint64_t range_word(const struct vmbus_gpa_buffer *range)
{
	uint64_t word;

	_Static_assert(offsetof(struct vmbus_gpa_buffer, length) == 0 &&
			       offsetof(struct vmbus_gpa_buffer, offset) == 4,
		       "not as in the ring");
	memcpy(&word, range, sizeof(word));
	return word;
}

/*
 * Write a range of several pages at @p. Return how many bytes more than a range
 * of one page it needs, which is less than @left. Return 0 if it does not fit
 * or its offset is wrong.
 */
static __attribute__((noinline)) uint32_t put_pages(unsigned char *p, uint32_t left,
						    const struct vmbus_gpa_buffer *range)
{
	uint64_t more = (range_pages(range) - 1) * sizeof(uint64_t);

	if (range->offset >= HV_PAGE_SIZE || more >= left)
		return 0;
	store_u64(p, range_word(range));
	memcpy(p + 8, range->pages, more + 8);
	return more;
}

/*
 * Write a packet and return true if it fits in one piece into the known room.
 * The function reads each range once and writes it as soon as it is checked,
 * because the host does not look there until the write index moves. If it
 * returns false, the caller determines the reason.
 */
static __attribute__((noinline)) bool put_gpa(struct tx_ring *tx, uint16_t flags,
					      uint64_t transaction_id,
					      const struct vmbus_gpa_buffer *ranges,
					      unsigned int count, const void *payload, size_t len)
{
	const struct vmbus_gpa_buffer *range = ranges, *const end = ranges + count;
	unsigned char *const start = tx->data + tx->write;
	unsigned char *p = start + RING_DESCRIPTOR + sizeof(struct vmbus_gpa_header);
	uint32_t left = tx_ring_piece(tx), header, need;

	if (unlikely(!count || tx->pending || len > tx->max_payload || wrong_flags(tx, flags)))
		return false;
	/* This counts the payload and one page of each range. */
	need = tx_ring_need(len) + sizeof(struct vmbus_gpa_header);
	if (unlikely(need + 16ull * count >= left))
		return false;
	left -= need + 16 * count;
	do {
		const uint64_t *page = range->pages;
		uint64_t word = range_word(range);
		uint32_t length = word;

		if (unlikely(!page || !length))
			return false;
		if (likely((word >> 32) + length <= HV_PAGE_SIZE)) {
			store_u64(p, word);
			barrier();
			store_u64(p + 8, *page);
		} else {
			uint32_t more = put_pages(p, left, range);

			if (!more)
				return false;
			left -= more;
			p += more;
		}
		p += 16;
	} while (++range < end);
	header = p - start;
	need = header - RING_DESCRIPTOR + tx_ring_need(len);
	if (unlikely(need - RING_TRAILER > RING_PACKET_MAX))
		return false;
	/* Write the padding first, as tx_ring_lay() does. */
	if (len & 7)
		store_u64(start + need - RING_TRAILER - 8, 0);
	store_u64(start, tx_ring_word(VMBUS_PACKET_GPA_DIRECT, flags, header, need - RING_TRAILER));
	barrier();
	store_u64(start + 8, transaction_id);
	barrier();
	store_u64(start + 16, (uint64_t)count << 32);
	copy_bytes(p, payload, len);
	store_u64(start + need - RING_TRAILER, (uint64_t)tx->write << 32);
	tx->write += need;
	tx_ring_advance(tx, need, 1);
	return true;
}

/*
 * Write a packet that wraps around the end of the ring. There is room for it.
 */
static void put_gpa_around(struct tx_ring *tx, uint64_t word, uint64_t transaction_id,
			   const struct vmbus_gpa_buffer *ranges, unsigned int count,
			   const void *payload, uint32_t len)
{
	const struct vmbus_gpa_header counts = { .count = count };
	uint32_t start, all = sizeof(counts) + len;

	start = tx_ring_begin(tx, word, transaction_id);
	tx_ring_append(tx, &counts, sizeof(counts));
	for (unsigned int i = 0; i < count; i++) {
		const struct vmbus_gpa_entry entry = { ranges[i].length, ranges[i].offset };
		uint32_t size = range_pages(&ranges[i]) * sizeof(uint64_t);

		tx_ring_append(tx, &entry, sizeof(entry));
		tx_ring_append(tx, ranges[i].pages, size);
		all += sizeof(entry) + size;
	}
	tx_ring_append(tx, payload, len);
	tx_ring_end(tx, start, all);
}

/* Slow path of vmbus_queue_gpa(). The caller holds the lock. */
static __attribute__((noinline)) int queue_gpa_slowly(struct vmbus_chan *chan, uint16_t flags,
						      uint64_t transaction_id,
						      const struct vmbus_gpa_buffer *ranges,
						      unsigned int count, const void *payload,
						      size_t len)
{
	int64_t header = ranges_length(chan, ranges, count);
	struct tx_ring *tx = &chan->tx;
	uint32_t need;
	int err;

	if (header < 0)
		return header;
	if (wrong_flags(tx, flags))
		return -EINVAL;
	if (len > tx->max_payload - (uint64_t)header)
		return -EMSGSIZE;
	need = tx_ring_need(header + len);
	err = reserve(chan, need, NULL);
	if (err)
		return err;
	if (!put_gpa(tx, flags, transaction_id, ranges, count, payload, len))
		put_gpa_around(tx,
			       tx_ring_word(VMBUS_PACKET_GPA_DIRECT, flags,
					    RING_DESCRIPTOR + header, need - RING_TRAILER),
			       transaction_id, ranges, count, payload, len);
	return 0;
}

/*
 * Write the first packets, as many as fit in one piece into the known room and
 * into @limit bytes. Return their number.
 */
static inline unsigned int lay_many(struct tx_ring *tx, uint16_t type, uint16_t flags,
				    uint64_t transaction_id, const struct iovec *payloads,
				    unsigned int count, uint32_t limit)
{
	const uint32_t first = tx->write, max = tx->max_payload;
	const uint64_t word = tx_ring_word(type, flags, RING_DESCRIPTOR, 0);
	unsigned char *p = tx->data + first;
	uint32_t left = lower(tx_ring_piece(tx), limit), write = first;
	unsigned int n;

	for (n = 0; n < count; n++) {
		size_t len = payloads[n].iov_len;
		uint32_t need;

		if (unlikely(len > max))
			break;
		need = tx_ring_need(len);
		if (unlikely(need >= left))
			break;
		tx_ring_lay(p, write, word | tx_ring_word(0, 0, 0, need - RING_TRAILER),
			    transaction_id + n, payloads[n].iov_base, len, need);
		p += need;
		write += need;
		left -= need;
	}
	tx->write = write;
	tx_ring_advance(tx, write - first, n);
	return n;
}

/* Publish if at least an eighth of the ring is not published yet. */
static inline void publish_part(struct tx_ring *tx, bool *signal)
{
	if (bytes_used(tx->published, tx->write, tx->size) >= tx->size / 8)
		*signal |= tx_ring_publish(tx);
}

/*
 * Queue packets, and publish them after each quarter of the ring, so that the
 * host receives the first packets while the function writes the others.
 */
static inline __attribute__((always_inline)) int queue_many(struct vmbus_chan *chan, uint16_t type,
							    uint16_t flags, uint64_t transaction_id,
							    const struct iovec *payloads,
							    unsigned int count, bool *signal)
{
	unsigned int done = 0;
	int err = 0;

	while (done < count) {
		if (likely(!chan->tx.pending))
			done += lay_many(&chan->tx, type, flags, transaction_id + done,
					 payloads + done, count - done, chan->tx.size / 4);
		if (likely(done == count))
			break;
		publish_part(&chan->tx, signal);
		/*
		 * This packet wraps around the end, begins another quarter, or
		 * needs another look at the room.
		 */
		err = queue_one(chan, type, flags, transaction_id + done, payloads[done].iov_base,
				payloads[done].iov_len, signal);
		if (err)
			break;
		done++;
	}
	return done ? (int)done : err;
}

int vmbus_send_many(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		    const struct iovec *payloads, unsigned int count)
{
	int result = channel_ended(chan), err;
	bool signal = false;

	if (unlikely(result))
		return result;
	if (count > INT32_MAX || wrong_kind(chan, type, flags))
		return -EINVAL;
	send_lock(chan);
	result = queue_many(chan, type, flags, transaction_id, payloads, count, &signal);
	signal |= tx_ring_publish(&chan->tx);
	send_unlock(chan);
	if (!signal)
		return settle(chan, result);
	err = channel_signal(chan);
	return err ? err : result;
}

/* Return the bytes of all pieces, or -EINVAL or -EMSGSIZE. */
static int64_t length(const struct vmbus_chan *chan, const struct iovec *iov, int iovcnt)
{
	uint32_t len = 0;

	if (iovcnt < 0)
		return -EINVAL;
	for (int i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > chan->tx.max_payload - len)
			return -EMSGSIZE;
		len += iov[i].iov_len;
	}
	return len;
}

int vmbus_queuev(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 const struct iovec *iov, int iovcnt)
{
	struct tx_ring *tx = &chan->tx;
	int err = channel_ended(chan);
	uint32_t start;
	int64_t len;

	if (err)
		return err;
	if (wrong_kind(chan, type, flags))
		return -EINVAL;
	len = length(chan, iov, iovcnt);
	if (len < 0)
		return len;
	send_lock(chan);
	err = reserve(chan, tx_ring_need(len), NULL);
	if (!err) {
		start = tx_ring_begin(tx,
				      tx_ring_word(type, flags, RING_DESCRIPTOR,
						   tx_ring_need(len) - RING_TRAILER),
				      transaction_id);
		for (int i = 0; i < iovcnt; i++)
			tx_ring_append(tx, iov[i].iov_base, iov[i].iov_len);
		tx_ring_end(tx, start, len);
	}
	send_unlock(chan);
	return settle(chan, err);
}

int vmbus_queue_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t transaction_id,
		    const struct vmbus_gpa_buffer *ranges, unsigned int count, const void *payload,
		    size_t len)
{
	int err = channel_ended(chan);

	if (err)
		return err;
	send_lock(chan);
	if (unlikely(!put_gpa(&chan->tx, flags, transaction_id, ranges, count, payload, len)))
		err = queue_gpa_slowly(chan, flags, transaction_id, ranges, count, payload, len);
	send_unlock(chan);
	return settle(chan, err);
}

/* Do the work of vmbus_send() for any packet on any channel. */
static __attribute__((noinline)) int send_any(struct vmbus_chan *chan, uint16_t type,
					      uint16_t flags, uint64_t transaction_id,
					      const void *payload, size_t len)
{
	int err = channel_ended(chan);
	bool signal = false;

	if (unlikely(err))
		return err;
	send_lock(chan);
	if (unlikely(!put_whole(chan, type, flags, transaction_id, payload, len,
				chan->tx.max_payload)))
		err = queue_one(chan, type, flags, transaction_id, payload, len, NULL);
	if (likely(!err))
		signal = tx_ring_publish(&chan->tx);
	send_unlock(chan);
	return signal ? channel_signal(chan) : settle(chan, err);
}

/* Do the work of vmbus_send() on a channel whose lock spins. */
static __attribute__((noinline)) int send_spinning(struct vmbus_chan *chan, uint16_t type,
						   uint16_t flags, uint64_t transaction_id,
						   const void *payload, size_t len)
{
	bool signal;

	/*
	 * As in vmbus_send(), a call of another function can only be the last
	 * step.
	 */
	if (unlikely(channel_ended(chan) || chan->producers != PRODUCERS_SPIN ||
		     len > COPY_INLINE_MAX || !send_trylock(chan, this_thread())))
		return send_any(chan, type, flags, transaction_id, payload, len);
	if (unlikely(
		    !put_whole(chan, type, flags, transaction_id, payload, len, COPY_INLINE_MAX))) {
		send_let_go(chan);
		return send_any(chan, type, flags, transaction_id, payload, len);
	}
	signal = tx_ring_publish(&chan->tx);
	send_let_go(chan);
	return signal ? channel_signal(chan) : settle(chan, 0);
}

int vmbus_send(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
	       const void *payload, size_t len)
{
	if (!is_simple(chan))
		return send_spinning(chan, type, flags, transaction_id, payload, len);
	if (unlikely(!put_whole(chan, type, flags, transaction_id, payload, len, COPY_INLINE_MAX)))
		return send_any(chan, type, flags, transaction_id, payload, len);
	/* channel_signal() checks whether the channel has ended. */
	return tx_ring_publish(&chan->tx) ? channel_signal(chan) : settle(chan, 0);
}

int vmbus_reserve(struct vmbus_chan *chan, size_t len, void **payload)
{
	struct tx_ring *tx = &chan->tx;
	int err = channel_ended(chan);
	bool around;
	uint32_t need;

	if (unlikely(err))
		return err;
	if (unlikely(len > tx->max_payload))
		return -EMSGSIZE;
	need = tx_ring_need(len);
	send_lock(chan);
	err = reserve(chan, need, NULL);
	if (unlikely(err))
		goto err_lock;
	around = need >= tx->size - tx->write;
	if (unlikely(around && !tx->bounce)) {
		tx->bounce = malloc(tx->max_payload);
		if (!tx->bounce) {
			err = -ENOMEM;
			goto err_lock;
		}
	}
	err = channel_check(chan);
	if (unlikely(err))
		goto err_lock;
	*payload = around ? tx->bounce : tx->data + tx->write + RING_DESCRIPTOR;
	/* During the reservation no other packet fits. */
	tx->room_then = tx->room;
	tx->room = 0;
	tx->reserved = need;
	return 0;

err_lock:
	send_unlock(chan);
	return settle(chan, err);
}

/*
 * Whether the caller may end a reservation. With several producers only the
 * thread that made it may do so, and that thread holds the lock.
 */
static inline bool has_reservation(const struct vmbus_chan *chan)
{
	if (unlikely(chan->producers) && READ_ONCE(chan->send_owner) != this_thread())
		return false;
	return chan->tx.reserved;
}

/* End the reservation, and make the room available again. */
static inline void unreserve(struct vmbus_chan *chan)
{
	chan->tx.room = chan->tx.room_then;
	chan->tx.reserved = 0;
}

/*
 * Whether the channel refuses a packet of this type with ranges of @ranges_len
 * bytes at the beginning of @len bytes
 */
static bool wrong_ranges(const struct vmbus_chan *chan, uint16_t type, uint16_t flags,
			 size_t ranges_len, size_t len)
{
	/* The ranges take at least the bytes of one range of one page. */
	const size_t least =
		sizeof(struct vmbus_gpa_header) + sizeof(struct vmbus_gpa_entry) + sizeof(uint64_t);

	if (ranges_len % 8 || ranges_len > len)
		return true;
	if (type == VMBUS_PACKET_GPA_DIRECT)
		return ranges_len < least || wrong_flags(&chan->tx, flags);
	return chan->tx.wrong;
}

int vmbus_commit(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 size_t ranges_len, size_t len)
{
	struct tx_ring *tx = &chan->tx;
	uint32_t start, need;
	unsigned char *p;
	uint64_t word;
	bool whole;
	int err;

	if (unlikely(ranges_len ? wrong_ranges(chan, type, flags, ranges_len, len) :
				  wrong_kind(chan, type, flags)))
		return -EINVAL;
	if (unlikely(!has_reservation(chan) || len > tx->max_payload ||
		     tx_ring_need(len) > tx->reserved))
		return -EINVAL;
	need = tx_ring_need(len);
	start = tx->write;
	p = tx->data + start;
	word = tx_ring_word(type, flags, RING_DESCRIPTOR + ranges_len, need - RING_TRAILER);
	err = channel_check(chan);
	if (unlikely(err)) {
		vmbus_cancel(chan);
		return err;
	}
	whole = tx->reserved < tx->size - start;
	unreserve(chan);
	if (likely(whole)) {
		for (uint32_t i = len; i & 7; i++)
			p[RING_DESCRIPTOR + i] = 0;
		store_u64(p, word);
		store_u64(p + 8, transaction_id);
		store_u64(p + need - RING_TRAILER, (uint64_t)start << 32);
		tx->write = start + need;
		tx_ring_advance(tx, need, 1);
	} else {
		tx_ring_put_around(tx, word, transaction_id, tx->bounce, len);
	}
	send_unlock(chan);
	return settle(chan, 0);
}

void vmbus_cancel(struct vmbus_chan *chan)
{
	if (!has_reservation(chan))
		return;
	unreserve(chan);
	send_unlock(chan);
}

int vmbus_flush(struct vmbus_chan *chan)
{
	int err = channel_ended(chan);
	bool signal;

	if (unlikely(err))
		return err;
	send_lock(chan);
	signal = tx_ring_publish(&chan->tx);
	send_unlock(chan);
	return signal ? channel_signal(chan) : settle(chan, 0);
}
