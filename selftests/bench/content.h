/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contents of the packets. They are a function of the packet's number, so
 * that the receiver can compute them, too.
 */
#ifndef BENCH_CONTENT_H
#define BENCH_CONTENT_H

#include "contender.h"

/* Return the number of bytes that a packet has in the ring. */
size_t packet_bytes(enum kind kind, size_t size, unsigned int ranges);

/*
 * Fill a burst of @burst packets that differ, from number @first on. All calls
 * use the same memory.
 */
void fill_load(struct load *load, enum kind kind, size_t size, unsigned int ranges, uint64_t first,
	       int burst);
/*
 * Fill a burst of MAX_BURST packets whose payloads are all in the same memory
 */
void fill_alike(struct load *load, enum kind kind, size_t size, unsigned int ranges);

/* Expect packet 0 of the contender @of next. */
void expect(const char *of, size_t size, unsigned int ranges);

/* Return the number of packets that were compared since expect(). */
uint64_t verified(void);

/*
 * The sum of all words that read_payload() has read, and what one payload of
 * @load adds to it
 */
uint64_t read_sum(void);
uint64_t payload_sum(const struct load *load);

#endif
