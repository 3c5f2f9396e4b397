// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file attaches to rings, writes and reads packets, and decides when the
 * other side needs a signal.
 */

#include "ring.h"

void ring_reset(void *ring)
{
	struct ring_header *shared = ring;

	memset(ring, 0, sizeof(*shared));
	WRITE_ONCE(shared->feature_bits, RING_FEATURE_PENDING_SEND_SZ);
}

int tx_ring_attach(struct tx_ring *tx, void *ring, size_t size, size_t header_size, uint32_t write)
{
	/* A full ring must not look empty. */
	uint32_t max = size - header_size - RING_TRAILER - 8;

	*tx = (struct tx_ring){
		.shared = ring,
		.data = (unsigned char *)ring + header_size,
		.size = size - header_size,
		.write = write,
		.published = write,
		.max_payload = (max < RING_PACKET_MAX ? max : RING_PACKET_MAX) - RING_DESCRIPTOR,
	};
	return index_ok(write, tx->size) ? 0 : -EIO;
}

int rx_ring_attach(struct rx_ring *rx, void *ring, size_t size, size_t header_size, uint32_t read)
{
	*rx = (struct rx_ring){
		.shared = ring,
		.data = (unsigned char *)ring + header_size,
		.size = size - header_size,
		.read = read,
	};
	return index_ok(read, rx->size) ? 0 : -EIO;
}

/*
 * Return the free bytes for the host's index @read, or -EIO if the host has
 * taken room back.
 */
static int tx_ring_room(const struct tx_ring *tx, uint32_t read)
{
	uint32_t known = tx->reserved ? tx->room_then : tx->room;
	uint32_t room = tx->size - bytes_used(read, tx->write, tx->size);

	return index_ok(read, tx->size) && room >= known ? (int)room : -EIO;
}

int tx_ring_look(struct tx_ring *tx)
{
	/*
	 * Acquire: the host has read the old packets before the library
	 * overwrites them.
	 */
	int room = tx_ring_room(tx, smp_load_acquire(&tx->shared->read_index));

	if (room >= 0 && tx->reserved)
		tx->room_then = room;
	else if (room >= 0)
		tx->room = room;
	return room;
}

void tx_ring_append(struct tx_ring *tx, const void *from, uint32_t len)
{
	uint32_t first = tx->size - tx->write;

	if (!len)
		return;
	if (first > len)
		first = len;
	memcpy(tx->data + tx->write, from, first);
	if (len > first)
		memcpy(tx->data, (const unsigned char *)from + first, len - first);
	tx->write = index_add(tx->write, len, tx->size);
}

static void append_u64(struct tx_ring *tx, uint64_t value)
{
	tx_ring_append(tx, &value, sizeof(value));
}

uint32_t tx_ring_begin(struct tx_ring *tx, uint64_t word, uint64_t transaction_id)
{
	uint32_t start = tx->write;

	append_u64(tx, word);
	append_u64(tx, transaction_id);
	return start;
}

void tx_ring_end(struct tx_ring *tx, uint32_t start, uint32_t len)
{
	static const unsigned char zeros[8];

	tx_ring_append(tx, zeros, -len & 7);
	append_u64(tx, (uint64_t)start << 32);
	tx_ring_advance(tx, tx_ring_need(len), 1);
}

void tx_ring_put_around(struct tx_ring *tx, uint64_t word, uint64_t transaction_id,
			const void *payload, uint32_t len)
{
	uint32_t start = tx_ring_begin(tx, word, transaction_id);

	tx_ring_append(tx, payload, len);
	tx_ring_end(tx, start, len);
}

void tx_ring_request(struct tx_ring *tx, uint32_t need)
{
	tx->pending = need;
	WRITE_ONCE(tx->shared->pending_send_sz, need);
	/*
	 * Either the host sees the request, or the library sees the room that
	 * the host has made.
	 */
	if (need)
		smp_mb();
}

void rx_ring_copy_around(const struct rx_ring *rx, uint32_t index, void *to, uint32_t len)
{
	uint32_t first;

	/* A program may have no buffer for an empty payload. */
	if (!len)
		return;
	if (index >= rx->size)
		index -= rx->size;
	first = rx->size - index;
	if (first > len)
		first = len;
	memcpy(to, rx->data + index, first);
	memcpy((unsigned char *)to + first, rx->data, len - first);
}

bool rx_ring_made_room(struct rx_ring *rx, uint32_t bytes, uint32_t pending)
{
	/*
	 * This index may be older than the request. But a host that asks for
	 * room looks again afterwards, and then finds the released room.
	 */
	uint32_t write = READ_ONCE(rx->shared->write_index);
	int64_t room;

	if (!index_ok(write, rx->size))
		return false; /* The next look at the ring reports it. */
	room = rx->size - bytes_used(rx->read, write, rx->size);
	/*
	 * The host needs a signal only if its packet did not fit before this
	 * release.
	 */
	if (room <= pending || room - bytes > pending)
		return false;
	count_up(&rx->signals, 1);
	return true;
}

void rx_ring_mask(struct rx_ring *rx)
{
	WRITE_ONCE(rx->shared->interrupt_mask, 1);
}

void rx_ring_unmask(struct rx_ring *rx)
{
	WRITE_ONCE(rx->shared->interrupt_mask, 0);
	/*
	 * Either the host sees the cleared mask, or the library sees the packet
	 * for which the host did not interrupt.
	 */
	smp_mb();
}
