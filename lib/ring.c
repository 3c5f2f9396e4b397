// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The ring itself: indices, packets, and when the other side has to hear of it. */

#include <errno.h>
#include <string.h>

#include "ring.h"

static bool index_ok(uint32_t index, uint32_t size)
{
	return index < size && index % 8 == 0;
}

static uint32_t index_add(uint32_t index, uint32_t bytes, uint32_t size)
{
	index += bytes;		/* sizes are below 2 GiB */
	return index < size ? index : index - size;
}

static uint32_t bytes_used(uint32_t read, uint32_t write, uint32_t size)
{
	return write >= read ? write - read : size - (read - write);
}

void ring_reset(void *ring)
{
	struct ring_header *shared = ring;

	memset(ring, 0, sizeof(*shared));
	WRITE_ONCE(shared->feature_bits, RING_FEATURE_PENDING_SEND_SZ);
}

int tx_ring_attach(struct tx_ring *tx, void *ring, size_t size, size_t header_size)
{
	*tx = (struct tx_ring){
		.shared = ring,
		.data = (unsigned char *)ring + header_size,
		.size = size - header_size,
	};
	tx->write = smp_load_acquire(&tx->shared->write_index);
	tx->published = tx->write;
	return index_ok(tx->write, tx->size) ? 0 : -EIO;
}

int rx_ring_attach(struct rx_ring *rx, void *ring, size_t size, size_t header_size)
{
	*rx = (struct rx_ring){
		.shared = ring,
		.data = (unsigned char *)ring + header_size,
		.size = size - header_size,
	};
	rx->read = smp_load_acquire(&rx->shared->read_index);
	return index_ok(rx->read, rx->size) ? 0 : -EIO;
}

uint32_t tx_ring_max_payload(const struct tx_ring *tx)
{
	/* The length has 16 bits, in units of 8. 8 bytes stay free: full must not look empty. */
	uint32_t most = UINT16_MAX * 8u;

	if (most > tx->size - RING_TRAILER - 8)
		most = tx->size - RING_TRAILER - 8;
	return most - RING_DESCRIPTOR;
}

uint32_t tx_ring_need(uint32_t len)
{
	return RING_DESCRIPTOR + ((len + 7) & ~7u) + RING_TRAILER;
}

int tx_ring_fits(const struct tx_ring *tx, uint32_t need)
{
	/* Acquire: the host has read what lay there before we write over it. */
	uint32_t read = smp_load_acquire(&tx->shared->read_index);

	if (!index_ok(read, tx->size))
		return -EIO;
	return tx->size - bytes_used(read, tx->write, tx->size) > need;
}

static void tx_ring_copy(struct tx_ring *tx, const void *from, uint32_t len)
{
	uint32_t first = tx->size - tx->write;

	if (first > len)
		first = len;
	memcpy(tx->data + tx->write, from, first);
	if (len > first)
		memcpy(tx->data, (const unsigned char *)from + first, len - first);
	tx->write = index_add(tx->write, len, tx->size);
}

void tx_ring_write(struct tx_ring *tx, uint16_t type, uint16_t flags, uint64_t transaction_id,
		   const struct iovec *iov, int iovcnt, uint32_t len)
{
	static const unsigned char zeros[8];
	uint32_t total = tx_ring_need(len) - RING_TRAILER;
	uint64_t trailer = (uint64_t)tx->write << 32;
	uint64_t descriptor[2] = {
		(uint64_t)flags << 48 | (uint64_t)(total / 8) << 32 |
			(uint64_t)(RING_DESCRIPTOR / 8) << 16 | type,
		transaction_id,
	};

	tx_ring_copy(tx, descriptor, sizeof(descriptor));
	for (int i = 0; i < iovcnt; i++)
		if (iov[i].iov_len)
			tx_ring_copy(tx, iov[i].iov_base, iov[i].iov_len);
	tx_ring_copy(tx, zeros, total - RING_DESCRIPTOR - len);
	tx_ring_copy(tx, &trailer, sizeof(trailer));
}

void tx_ring_want(struct tx_ring *tx, uint32_t need)
{
	tx->pending = need;
	WRITE_ONCE(tx->shared->pending_send_sz, need);
	/* The host sees the wish, or we see the room that it made. */
	if (need)
		smp_mb();
}

bool tx_ring_publish(struct tx_ring *tx)
{
	uint32_t old = tx->published;

	if (tx->write == old)
		return false;
	tx->published = tx->write;
	smp_store_release(&tx->shared->write_index, tx->write);
	/* The host sees the packets before it sleeps, or we see that it has read everything. */
	smp_mb();
	if (READ_ONCE(tx->shared->interrupt_mask))
		return false;
	smp_rmb();
	return READ_ONCE(tx->shared->read_index) == old;
}

int64_t rx_ring_avail(const struct rx_ring *rx)
{
	/* Acquire: what the host wrote is there before we read it. */
	uint32_t write = smp_load_acquire(&rx->shared->write_index);

	if (!index_ok(write, rx->size))
		return -EIO;
	return bytes_used(rx->read, write, rx->size);
}

static uint64_t rx_ring_word(const struct rx_ring *rx, uint32_t offset)
{
	uint32_t index = index_add(rx->read, offset, rx->size);

	/* An atomic load, so that the compiler cannot come back for the word after the checks. */
	return READ_ONCE(*(ring_word *)(void *)(rx->data + index));
}

int rx_ring_peek(const struct rx_ring *rx, struct rx_packet *pkt)
{
	int64_t avail = rx_ring_avail(rx);

	if (avail < 0)
		return avail;
	if (avail == 0)
		return -EAGAIN;
	pkt->advance = avail;
	if (avail < RING_DESCRIPTOR + RING_TRAILER)
		return -EPROTO;

	pkt->word[0] = rx_ring_word(rx, 0);
	pkt->word[1] = rx_ring_word(rx, 8);
	pkt->header = (uint16_t)(pkt->word[0] >> 16) * 8u;
	pkt->total = (uint16_t)(pkt->word[0] >> 32) * 8u;
	if (pkt->total < RING_DESCRIPTOR || pkt->total + RING_TRAILER > avail)
		return -EPROTO;
	pkt->advance = pkt->total + RING_TRAILER;
	if (pkt->header < RING_DESCRIPTOR || pkt->header > pkt->total)
		return -EPROTO;
	return 0;
}

void rx_ring_copy(const struct rx_ring *rx, uint32_t offset, void *to, uint32_t len)
{
	uint32_t index = index_add(rx->read, offset, rx->size);
	uint32_t first = rx->size - index;

	if (!len)
		return;
	if (first > len)
		first = len;
	memcpy(to, rx->data + index, first);
	if (len > first)
		memcpy((unsigned char *)to + first, rx->data, len - first);
}

bool rx_ring_consume(struct rx_ring *rx, uint32_t bytes)
{
	uint32_t pending, write;
	int64_t room;

	rx->read = index_add(rx->read, bytes, rx->size);
	/* Release: we have read the packet before the host writes over it. */
	smp_store_release(&rx->shared->read_index, rx->read);

	if (!(READ_ONCE(rx->shared->feature_bits) & RING_FEATURE_PENDING_SEND_SZ))
		return false;
	/* The host sees the room when it looks again, or we see what it waits for. */
	smp_mb();
	pending = READ_ONCE(rx->shared->pending_send_sz);
	if (!pending)
		return false;
	smp_rmb();
	write = READ_ONCE(rx->shared->write_index);
	if (!index_ok(write, rx->size))
		return false;	/* the next look at the ring reports it */
	room = rx->size - bytes_used(rx->read, write, rx->size);
	/* Only the packet whose going lets the host's fit is worth a signal. */
	return room > pending && room - bytes <= pending;
}

void rx_ring_mask(struct rx_ring *rx)
{
	WRITE_ONCE(rx->shared->interrupt_mask, 1);
}

void rx_ring_unmask(struct rx_ring *rx)
{
	WRITE_ONCE(rx->shared->interrupt_mask, 0);
	/* The host sees that it may interrupt, or we see the packet that came silently. */
	smp_mb();
}
