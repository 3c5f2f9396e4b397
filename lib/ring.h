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
 * The header of a ring that host and guest share. Indices are offsets into the
 * data, which begins one page of the system after the start of the header, or
 * header_size bytes after it in a channel from memory. The producer writes
 * write_index and pending_send_sz; the consumer writes read_index and
 * interrupt_mask.
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

/*
 * A packet begins with two of these words and ends with one more. The length of
 * the packet does not include the last one.
 */
typedef _Atomic uint64_t ring_word;

#define RING_DESCRIPTOR 16u /* bytes */
#define RING_TRAILER	8u
#define RING_PACKET_MAX (UINT16_MAX * 8u) /* a length has 16 bits, in units of 8 */

/*
 * The sender and the receiver may be two threads, so their fields share no
 * cache line.
 */
#define CACHE_LINE 64

/* A counter for vmbus_stats(): one thread adds, any thread reads. */
typedef _Atomic uint64_t counter;

static inline void count_up(counter *c, uint64_t n)
{
	WRITE_ONCE(*c, READ_ONCE(*c) + n);
}

struct tx_ring {
	alignas(CACHE_LINE) struct ring_header *shared;
	unsigned char *data;
	uint32_t size;	      /* of data, a multiple of 8 */
	uint32_t write;	      /* our own index; the shared one is never read back */
	uint32_t room;	      /* the bytes that are known to be free; there may be more */
	uint32_t published;   /* the value in the shared write_index */
	uint32_t pending;     /* the value in the shared pending_send_sz */
	uint32_t max_payload; /* bytes */
	counter packets, bytes, publications, signals;

	uint32_t reserved;     /* the bytes of an open reservation, during which room is 0 */
	uint32_t room_then;    /* the known free bytes during a reservation */
	uint64_t wrong;	       /* PACKET_WRONG, or 0 if the program may send any packet */
	unsigned char *bounce; /* holds a reservation that would wrap around the end; or NULL */
	counter full;
};

struct rx_ring {
	alignas(CACHE_LINE) struct ring_header *shared;
	unsigned char *data;
	uint32_t size;
	uint32_t read;	       /* our own index; the shared one is never read back */
	uint32_t avail;	       /* the bytes that are known to be there; there may be more */
	uint32_t released;     /* packets of the last vmbus_peek() that were released */
	unsigned char *bounce; /* holds a packet that wraps around the end */
	counter packets, bytes, releases, signals;
	counter errors;
};

/*
 * A copy of a descriptor that was checked: the packet lies within the bytes
 * that the host has published.
 */
struct rx_packet {
	uint64_t word; /* transaction_id is the second word of the descriptor */
	uint64_t transaction_id;
	uint32_t header;  /* bytes up to the payload, 16 or more */
	uint32_t total;	  /* bytes without the trailer; at least header */
	uint32_t advance; /* bytes to the next packet, even if the descriptor is wrong */
};

static inline bool index_ok(uint32_t index, uint32_t size)
{
	return index < size && index % 8 == 0;
}

static inline uint32_t index_add(uint32_t index, uint32_t bytes, uint32_t size)
{
	index += bytes; /* sizes are below 2 GiB */
	return index < size ? index : index - size;
}

static inline uint32_t lower(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t higher(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint32_t bytes_used(uint32_t read, uint32_t write, uint32_t size)
{
	return write >= read ? write - read : size - (read - write);
}

void ring_reset(void *ring);

/*
 * Attach to a ring, in which this side continues at the index @write or @read.
 * Return 0, or -EIO if this index is impossible.
 */
int tx_ring_attach(struct tx_ring *tx, void *ring, size_t size, size_t header_size, uint32_t write);
int rx_ring_attach(struct rx_ring *rx, void *ring, size_t size, size_t header_size, uint32_t read);

/*
 * A host ends a channel on which it finds a packet of a type other than 6, 7, 9
 * and 11, or with a flag above 1, or of type 7 without ranges. Packets of types
 * 7 and 9 have their own code. For the others, 6 is subtracted from the first
 * word of the descriptor, which leaves 0 or 5 of the type: its bits 0 and 2 are
 * equal, and the other bits of PACKET_WRONG are 0. A type below 6 borrows from
 * the lengths, and the result is wrong in any case.
 */
#define PACKET_WRONG 0xfffe00000000fffbull

static inline uint64_t tx_ring_wrong(const struct tx_ring *tx, uint64_t word)
{
	word -= 6;
	return (word ^ (word >> 2 & 1)) & tx->wrong;
}

/* Return the first word of a descriptor. */
static inline uint64_t tx_ring_word(uint16_t type, uint16_t flags, uint32_t header, uint32_t total)
{
	/* Both lengths are multiples of 8, and their unit here is 8. */
	return (uint64_t)flags << 48 | (uint64_t)total << 29 | (uint64_t)header << 13 | type;
}

/*
 * Return the bytes that a payload needs in the ring. @len is at most
 * tx->max_payload.
 */
static inline uint32_t tx_ring_need(uint32_t len)
{
	return RING_DESCRIPTOR + ((len + 7) & ~7u) + RING_TRAILER;
}

/*
 * Return the free bytes according to the host's index, or -EIO if that index is
 * impossible. A packet fits if there are more free bytes than it needs.
 */
int tx_ring_look(struct tx_ring *tx);

/* Write a packet that wraps around the end of the ring. */
void tx_ring_put_around(struct tx_ring *tx, uint64_t word, uint64_t transaction_id,
			const void *payload, uint32_t len);

/*
 * Write a packet at @p, which is the index @start, in one piece. The caller
 * knows that it fits.
 */
static inline __attribute__((always_inline)) void
tx_ring_lay(unsigned char *p, uint32_t start, uint64_t word, uint64_t transaction_id,
	    const void *payload, uint32_t len, uint32_t need)
{
	/*
	 * Write the padding first, because the payload overwrites a part of it.
	 * Without padding, write in ascending order: where the other side's
	 * processor has the lines, a store to the last line first delays all
	 * others.
	 */
	if (len & 7)
		store_u64(p + need - RING_TRAILER - 8, 0);
	store_u64(p, word);
	/* A vector register for both words would take longer. */
	barrier();
	store_u64(p + 8, transaction_id);
	copy_bytes(p + RING_DESCRIPTOR, payload, len);
	store_u64(p + need - RING_TRAILER, (uint64_t)start << 32);
}

/*
 * Return the free bytes that lie in one piece. A packet fits if it needs fewer.
 */
static inline uint32_t tx_ring_piece(const struct tx_ring *tx)
{
	uint32_t end = tx->size - tx->write;

	return tx->room < end ? tx->room : end;
}

/* Account for @packets written packets of @bytes together. */
static inline void tx_ring_advance(struct tx_ring *tx, uint32_t bytes, uint32_t packets)
{
	tx->room -= bytes;
	count_up(&tx->packets, packets);
	count_up(&tx->bytes, bytes);
}

/* Write a packet. The caller knows that it fits. */
static inline __attribute__((always_inline)) void tx_ring_put(struct tx_ring *tx, uint64_t word,
							      uint64_t transaction_id,
							      const void *payload, uint32_t len,
							      uint32_t need)
{
	if (likely(need < tx->size - tx->write)) {
		tx_ring_lay(tx->data + tx->write, tx->write, word, transaction_id, payload, len,
			    need);
		tx->write += need;
		tx_ring_advance(tx, need, 1);
	} else {
		tx_ring_put_around(tx, word, transaction_id, payload, len);
	}
}

/*
 * Write a packet in pieces: begin, append ranges and payload, end. @len counts
 * all appended bytes.
 */
uint32_t tx_ring_begin(struct tx_ring *tx, uint64_t word, uint64_t transaction_id);
void tx_ring_append(struct tx_ring *tx, const void *from, uint32_t len);
void tx_ring_end(struct tx_ring *tx, uint32_t start, uint32_t len);
/*
 * Ask the host to interrupt when more than @need bytes are free; 0 withdraws
 * the request. The caller must look again afterwards.
 */
void tx_ring_request(struct tx_ring *tx, uint32_t need);

/* Publish the packets. Return true if the host needs a signal. */
static inline bool tx_ring_publish(struct tx_ring *tx)
{
	struct ring_header *shared = tx->shared;
	uint32_t *const known = unlikely(tx->reserved) ? &tx->room_then : &tx->room;
	const uint32_t old = tx->published, write = tx->write;
	uint32_t mask, read, room;

	if (write == old)
		return false;
	tx->published = write;
	smp_store_release(&shared->write_index, write);
	/*
	 * Either the host sees the packets before it sleeps, or the library
	 * sees that the host has read everything. This barrier also orders the
	 * mask.
	 */
	smp_mb();
	mask = READ_ONCE(shared->interrupt_mask);
	/*
	 * This index shares a cache line with the mask, so it costs nothing to
	 * update the room. After an impossible index the library knows of no
	 * free room except a reservation. The next packet then reads the index
	 * again and reports the fault.
	 */
	read = smp_load_acquire(&shared->read_index);
	room = tx->size - bytes_used(read, write, tx->size);
	if (unlikely(!index_ok(read, tx->size) || room < *known))
		room = tx->reserved;
	*known = room;
	count_up(&tx->publications, 1);
	if (mask || read != old)
		return false;
	count_up(&tx->signals, 1);
	return true;
}

/* Return the bytes to read, or -EIO if the host's index is impossible. */
static inline int rx_ring_look(struct rx_ring *rx)
{
	/*
	 * Acquire: the host has written the packets before the library reads
	 * them.
	 */
	uint32_t write = smp_load_acquire(&rx->shared->write_index);
	uint32_t avail = bytes_used(rx->read, write, rx->size);

	/* The host must not withdraw what it has published. */
	if (unlikely(!index_ok(write, rx->size) || avail < rx->avail))
		return -EIO;
	rx->avail = avail;
	return avail;
}

/*
 * Check the descriptor of a packet. The ring holds @left bytes from there on,
 * at least 24. @word and @transaction_id are copies of the two words of the
 * descriptor. Return 0, or -EPROTO. After -EPROTO only @pkt->advance is valid.
 */
static inline __attribute__((always_inline)) int
rx_ring_check(uint64_t word, uint64_t transaction_id, uint32_t left, struct rx_packet *pkt)
{
	pkt->advance = left;
	pkt->word = word;
	pkt->transaction_id = transaction_id;
	/* The lengths are in units of 8. */
	pkt->header = word >> (16 - 3) & RING_PACKET_MAX;
	pkt->total = word >> (32 - 3) & RING_PACKET_MAX;
	if (unlikely(pkt->total < RING_DESCRIPTOR || pkt->total + RING_TRAILER > left))
		return -EPROTO;
	pkt->advance = pkt->total + RING_TRAILER;
	if (unlikely(pkt->header < RING_DESCRIPTOR || pkt->header > pkt->total))
		return -EPROTO;
	return 0;
}

/*
 * Read and check the descriptor at @index, where @left bytes are. Return what
 * rx_ring_check() returns. An atomic load reads each word, so that the compiler
 * cannot read it again after the checks.
 */
static inline __attribute__((always_inline)) int
rx_ring_parse(const struct rx_ring *rx, uint32_t index, uint32_t left, struct rx_packet *pkt)
{
	ring_word *first = (ring_word *)(void *)(rx->data + index), *second = first + 1;

	if (unlikely(left < RING_DESCRIPTOR + RING_TRAILER)) {
		pkt->advance = left;
		return -EPROTO;
	}
	if (unlikely(index + 8 == rx->size))
		second = (ring_word *)(void *)rx->data;
	return rx_ring_check(READ_ONCE(*first), READ_ONCE(*second), left, pkt);
}

/*
 * Look at the next packet. Return 0, -EAGAIN, -EIO, or -EPROTO (only
 * @pkt->advance is valid). The function reads the host's index only if it knows
 * of no good packet.
 */
static inline __attribute__((always_inline)) int rx_ring_peek(struct rx_ring *rx,
							      struct rx_packet *pkt)
{
	bool known = rx->avail;
	int avail;

	for (;;) {
		if (!known) {
			avail = rx_ring_look(rx);
			if (unlikely(avail <= 0))
				return avail ? avail : -EAGAIN;
		}
		if (likely(!rx_ring_parse(rx, rx->read, rx->avail, pkt)))
			return 0;
		if (!known)
			return -EPROTO;
		known = false;
	}
}

/* Do the work of rx_ring_copy() for bytes that wrap around the end. */
void rx_ring_copy_around(const struct rx_ring *rx, uint32_t index, void *to, uint32_t len);

/*
 * Copy @len bytes from @index on, and wrap around the end. @index may be past
 * the end by less than the size of the ring.
 */
static inline __attribute__((always_inline)) void
rx_ring_copy(const struct rx_ring *rx, uint32_t index, void *to, uint32_t len)
{
	if (likely(index < rx->size && len <= rx->size - index))
		copy_bytes(to, rx->data + index, len);
	else
		rx_ring_copy_around(rx, index, to, len);
}

/*
 * Account for @packets received packets of @bytes together. The host does not
 * see this yet.
 */
static inline void rx_ring_consume(struct rx_ring *rx, uint32_t bytes, uint32_t packets)
{
	rx->read = index_add(rx->read, bytes, rx->size);
	rx->avail -= bytes;
	count_up(&rx->packets, packets);
	count_up(&rx->bytes, bytes);
}

/*
 * Release the room of the consumed packets to the host. Return 0 if the host
 * does not wait for room. Otherwise return the host's pending_send_sz; the
 * caller then asks rx_ring_made_room() whether to signal the host.
 */
static inline __attribute__((always_inline)) uint32_t rx_ring_release(struct rx_ring *rx)
{
	struct ring_header *shared = rx->shared;

	/*
	 * Release: the library has read the packets before the host overwrites
	 * them.
	 */
	smp_store_release(&shared->read_index, rx->read);
	count_up(&rx->releases, 1);

	if (unlikely(!(READ_ONCE(shared->feature_bits) & RING_FEATURE_PENDING_SEND_SZ)))
		return 0;
	/*
	 * Either the host sees the room when it looks again, or the library
	 * sees the request for room.
	 */
	smp_mb();
	return READ_ONCE(shared->pending_send_sz);
}

/* Return true if the release of @bytes made the free bytes exceed @pending. */
bool rx_ring_made_room(struct rx_ring *rx, uint32_t bytes, uint32_t pending);

void rx_ring_mask(struct rx_ring *rx);
/*
 * Set the interrupt mask if the kernel has cleared it. The mask is in the cache
 * line of the index that the caller has just read. The function calls no other,
 * so that the fast paths need no stack.
 */
static inline void rx_ring_keep_masked(struct rx_ring *rx)
{
	if (unlikely(!READ_ONCE(rx->shared->interrupt_mask)))
		WRITE_ONCE(rx->shared->interrupt_mask, 1);
}

/*
 * Clear the interrupt mask. The caller must look at the ring again afterwards,
 * because the host interrupts only if the ring was empty.
 */
void rx_ring_unmask(struct rx_ring *rx);

#endif /* VMBUS_RING_H */
