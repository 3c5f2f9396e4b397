/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef VMBUS_RING_H
#define VMBUS_RING_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "barrier.h"

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

/* Sender and receiver may be two threads; so their fields share no cache line. */
#define CACHE_LINE 64

struct tx_ring {
	alignas(CACHE_LINE) struct ring_header *shared;
	unsigned char *data;
	uint32_t size;		/* of data, a multiple of 8 */
	uint32_t write;		/* our own; the shared one is never read back */
	uint32_t published;	/* what the shared one was set to last */
	uint32_t pending;	/* what the shared pending_send_sz was set to last */
};

struct rx_ring {
	alignas(CACHE_LINE) struct ring_header *shared;
	unsigned char *data;
	uint32_t size;
	uint32_t read;		/* our own; the shared one is never read back */
};

/* A descriptor, read once and checked: the packet lies within what the host has published. */
struct rx_packet {
	uint64_t word[2];	/* the descriptor itself */
	uint32_t header;	/* bytes up to the payload, 16 or more */
	uint32_t total;		/* bytes without trailer, header or more */
	uint32_t advance;	/* bytes to the next packet, also when the descriptor is wrong */
};

void ring_reset(void *ring);

/* -EIO when the indices that are there already cannot be */
int tx_ring_attach(struct tx_ring *tx, void *ring, size_t size, size_t header_size);
int rx_ring_attach(struct rx_ring *rx, void *ring, size_t size, size_t header_size);

uint32_t tx_ring_max_payload(const struct tx_ring *tx);
/* Bytes that a payload takes from the ring; @len is at most tx_ring_max_payload() */
uint32_t tx_ring_need(uint32_t len);
/* 1 when @need bytes fit, 0 when not, -EIO */
int tx_ring_fits(const struct tx_ring *tx, uint32_t need);
void tx_ring_write(struct tx_ring *tx, uint16_t type, uint16_t flags, uint64_t transaction_id,
		   const struct iovec *iov, int iovcnt, uint32_t len);
/* Ask the host to interrupt for @need bytes of room, or 0: no more. Ask, then look again. */
void tx_ring_want(struct tx_ring *tx, uint32_t need);
/* True when the host has to be signalled */
bool tx_ring_publish(struct tx_ring *tx);

/* Bytes to read, or -EIO */
int64_t rx_ring_avail(const struct rx_ring *rx);
/* 0, -EAGAIN, -EIO, -EPROTO (only @pkt->advance is set) */
int rx_ring_peek(const struct rx_ring *rx, struct rx_packet *pkt);
/* @len bytes of the next packet from @offset on; inside the packet */
void rx_ring_copy(const struct rx_ring *rx, uint32_t offset, void *to, uint32_t len);
/* True when the host waits for room and has to be signalled */
bool rx_ring_consume(struct rx_ring *rx, uint32_t bytes);
void rx_ring_mask(struct rx_ring *rx);
/* Look again afterwards: the host only interrupts when the ring was empty */
void rx_ring_unmask(struct rx_ring *rx);

#endif /* VMBUS_RING_H */
