/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef VMBUS_RING_H
#define VMBUS_RING_H

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "barrier.h"
#include "copy.h"

/*
 * A ring as host and guest share it. Indices are offsets into the data, which follows after one
 * system page. The producer writes write_index and pending_send_sz, the consumer the other two.
 */
struct ring_header {
	_Atomic uint32_t write_index;
	_Atomic uint32_t read_index;
	_Atomic uint32_t interrupt_mask;
	_Atomic uint32_t pending_send_sz;
	uint32_t reserved[12];
	_Atomic uint32_t feature_bits;
};

#define RING_FEATURE_PENDING_SEND_SZ 0x1u

/* A packet starts with two of these and ends with one more, which its length does not count. */
typedef _Atomic uint64_t ring_word;

#define RING_DESCRIPTOR	16u	/* bytes */
#define RING_TRAILER	8u
#define RING_PACKET_MOST (UINT16_MAX * 8u)	/* a length has 16 bits, in units of 8 */

/* Sender and receiver may be two threads; so their fields share no cache line. */
#define CACHE_LINE 64

/* For vmbus_chan_stats(). One thread adds, any thread reads. */
typedef _Atomic uint64_t counter;

static inline void count_up(counter *c, uint64_t n)
{
	WRITE_ONCE(*c, READ_ONCE(*c) + n);
}

struct tx_ring {
	alignas(CACHE_LINE) struct ring_header *shared;
	unsigned char *data;
	uint32_t size;		/* of data, a multiple of 8 */
	uint32_t write;		/* our own; the shared one is never read back */
	uint32_t room;		/* free bytes by the read index seen last: there may be more */
	uint32_t published;	/* what the shared write_index was set to last */
	uint32_t pending;	/* what the shared pending_send_sz was set to last */
	uint32_t most;		/* bytes of payload */
	counter packets, bytes, publications, signals;

	uint32_t reserved;	/* bytes of an open reservation; room is 0 meanwhile, */
	uint32_t room_then;	/* and this is what it was */
	unsigned char *bounce;	/* for a reservation that would go around the end; or NULL */
	counter full;
};

struct rx_ring {
	alignas(CACHE_LINE) struct ring_header *shared;
	unsigned char *data;
	uint32_t size;
	uint32_t read;		/* our own; the shared one is never read back */
	uint32_t avail;		/* bytes there by the write index seen last: there may be more */
	uint32_t released;	/* packets of the last vmbus_peek() */
	unsigned char *bounce;	/* for a packet that goes around the end */
	counter packets, bytes, releases, signals;
	counter errors;
};

/* A descriptor, read once and checked: the packet lies within what the host has published. */
struct rx_packet {
	uint64_t word[2];	/* the descriptor itself */
	uint32_t header;	/* bytes up to the payload, 16 or more */
	uint32_t total;		/* bytes without trailer, header or more */
	uint32_t advance;	/* bytes to the next packet, also when the descriptor is wrong */
};

static inline bool index_ok(uint32_t index, uint32_t size)
{
	return index < size && index % 8 == 0;
}

static inline uint32_t index_add(uint32_t index, uint32_t bytes, uint32_t size)
{
	index += bytes;		/* sizes are below 2 GiB */
	return index < size ? index : index - size;
}

static inline uint32_t bytes_used(uint32_t read, uint32_t write, uint32_t size)
{
	return write >= read ? write - read : size - (read - write);
}

void ring_reset(void *ring);

/* -EIO when the indices that are there already cannot be */
int tx_ring_attach(struct tx_ring *tx, void *ring, size_t size, size_t header_size);
int rx_ring_attach(struct rx_ring *rx, void *ring, size_t size, size_t header_size);
/* The same from an index that is known */
int tx_ring_attach_at(struct tx_ring *tx, void *ring, size_t size, size_t header_size, uint32_t write);
int rx_ring_attach_at(struct rx_ring *rx, void *ring, size_t size, size_t header_size, uint32_t read);

/* The first word of a descriptor */
static inline uint64_t tx_ring_word(uint16_t type, uint16_t flags, uint32_t header, uint32_t total)
{
	return (uint64_t)flags << 48 | (uint64_t)(total / 8) << 32 | (uint64_t)(header / 8) << 16 | type;
}

/* Bytes that a payload takes from the ring; @len is at most tx->most */
static inline uint32_t tx_ring_need(uint32_t len)
{
	return RING_DESCRIPTOR + ((len + 7) & ~7u) + RING_TRAILER;
}

/*
 * Return the free bytes by the host's index, or -EIO when that index is impossible. A packet fits
 * when there are more free bytes than it needs.
 */
int tx_ring_look(struct tx_ring *tx);

/* tx_ring_put() around the end of the ring */
void tx_ring_put_around(struct tx_ring *tx, uint64_t word, uint64_t transaction_id,
			const void *payload, uint32_t len);

/* One packet at @start, in one piece, which its caller knows to fit: @need is below size - start */
static inline __attribute__((always_inline)) void tx_ring_lay(unsigned char *data, uint32_t start,
		uint64_t word, uint64_t transaction_id, const void *payload, uint32_t len,
		uint32_t need)
{
	unsigned char *p = data + start;

	/* First the padding: what follows covers what it is too much of. */
	store_u64(p + need - RING_TRAILER - 8, 0);
	store_u64(p, word);
	store_u64(p + 8, transaction_id);
	copy_bytes(p + RING_DESCRIPTOR, payload, len);
	store_u64(p + need - RING_TRAILER, (uint64_t)start << 32);
}

/* @bytes of @packets are written */
static inline void tx_ring_advance(struct tx_ring *tx, uint32_t bytes, uint32_t packets)
{
	tx->room -= bytes;
	count_up(&tx->packets, packets);
	count_up(&tx->bytes, bytes);
}

/* One packet, for which there is room */
static inline void tx_ring_put(struct tx_ring *tx, uint64_t word, uint64_t transaction_id,
			       const void *payload, uint32_t len, uint32_t need)
{
	if (likely(need < tx->size - tx->write)) {
		tx_ring_lay(tx->data, tx->write, word, transaction_id, payload, len, need);
		tx->write += need;
	} else {
		tx_ring_put_around(tx, word, transaction_id, payload, len);
	}
	tx_ring_advance(tx, need, 1);
}

/*
 * The same in pieces: begin, append ranges and payload, end. @len counts all that is appended.
 */
uint32_t tx_ring_begin(struct tx_ring *tx, uint64_t word, uint64_t transaction_id);
void tx_ring_append(struct tx_ring *tx, const void *from, uint32_t len);
void tx_ring_end(struct tx_ring *tx, uint32_t start, uint32_t len);
/*
 * Ask the host to interrupt when more than @need bytes are free; 0 takes the request back. The
 * caller looks again after it has asked.
 */
void tx_ring_request(struct tx_ring *tx, uint32_t need);
/* True when the host has to be signalled */
bool tx_ring_publish(struct tx_ring *tx);

/* Return the bytes to read, or -EIO when the host's index is impossible. */
static inline int rx_ring_look(struct rx_ring *rx)
{
	/* Acquire: what the host wrote is there before we read it. */
	uint32_t write = smp_load_acquire(&rx->shared->write_index);
	uint32_t avail = bytes_used(rx->read, write, rx->size);

	/* The host may not take back what it has shown. */
	if (unlikely(!index_ok(write, rx->size) || avail < rx->avail))
		return -EIO;
	rx->avail = avail;
	return avail;
}

/*
 * The descriptor at @index, of @left bytes there. 0, or -EPROTO: then only @pkt->advance is set. Each
 * word is an atomic load, so that the compiler cannot come back for it after the checks.
 */
static inline int rx_ring_parse(const struct rx_ring *rx, uint32_t index, uint32_t left,
				struct rx_packet *pkt)
{
	ring_word *first = (ring_word *)(void *)(rx->data + index), *second = first + 1;

	pkt->advance = left;
	if (unlikely(left < RING_DESCRIPTOR + RING_TRAILER))
		return -EPROTO;
	if (unlikely(index + 8 == rx->size))
		second = (ring_word *)(void *)rx->data;
	pkt->word[0] = READ_ONCE(*first);
	pkt->word[1] = READ_ONCE(*second);
	pkt->header = (uint16_t)(pkt->word[0] >> 16) * 8u;
	pkt->total = (uint16_t)(pkt->word[0] >> 32) * 8u;
	if (unlikely(pkt->total < RING_DESCRIPTOR || pkt->total + RING_TRAILER > left))
		return -EPROTO;
	pkt->advance = pkt->total + RING_TRAILER;
	if (unlikely(pkt->header < RING_DESCRIPTOR || pkt->header > pkt->total))
		return -EPROTO;
	return 0;
}

/* rx_ring_peek() when what was seen last is empty or no packet */
int rx_ring_peek_again(struct rx_ring *rx, struct rx_packet *pkt);

/* The next packet: 0, -EAGAIN, -EIO, -EPROTO (only @pkt->advance is set) */
static inline int rx_ring_peek(struct rx_ring *rx, struct rx_packet *pkt)
{
	if (likely(rx->avail && !rx_ring_parse(rx, rx->read, rx->avail, pkt)))
		return 0;
	return rx_ring_peek_again(rx, pkt);
}

/* @len bytes from @index on, around the end; @index may be past the end by less than a ring */
static inline void rx_ring_copy(const struct rx_ring *rx, uint32_t index, void *to, uint32_t len)
{
	uint32_t first;

	if (index >= rx->size)
		index -= rx->size;
	first = rx->size - index;
	if (likely(len <= first)) {
		copy_bytes(to, rx->data + index, len);
	} else {
		memcpy(to, rx->data + index, first);
		memcpy((unsigned char *)to + first, rx->data, len - first);
	}
}

/* @bytes of @packets done with; the host does not see it yet */
static inline void rx_ring_consume(struct rx_ring *rx, uint32_t bytes, uint32_t packets)
{
	rx->read = index_add(rx->read, bytes, rx->size);
	rx->avail -= bytes;
	count_up(&rx->packets, packets);
	count_up(&rx->bytes, bytes);
}

/* Gives back @bytes consumed since the last time. True when the host waits for room: signal it. */
bool rx_ring_release(struct rx_ring *rx, uint32_t bytes);
void rx_ring_mask(struct rx_ring *rx);
/* Look again afterwards: the host only interrupts when the ring was empty */
void rx_ring_unmask(struct rx_ring *rx);

#endif /* VMBUS_RING_H */
