/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * These functions copy messages. Most messages are small, and a call of
 * memcpy() costs more than a copy of 64 bytes.
 */
#ifndef VMBUS_COPY_H
#define VMBUS_COPY_H

#include <stdint.h>
#include <string.h>

#include "compiler.h"

/* Above this size memcpy() is faster. */
#define COPY_INLINE_MAX 160u

/* Copy a constant number of bytes. */
static inline __attribute__((always_inline)) void copy_16(unsigned char *to,
							  const unsigned char *from)
{
	memcpy(to, from, 16);
}

static inline __attribute__((always_inline)) void copy_32(unsigned char *to,
							  const unsigned char *from)
{
	copy_16(to, from);
	copy_16(to + 16, from + 16);
}

/* Copy fewer than 16 bytes. */
static inline __attribute__((always_inline)) void copy_few(unsigned char *to,
							   const unsigned char *from, uint32_t len)
{
	if (len & 8) {
		memcpy(to, from, 8);
		to += 8;
		from += 8;
	}
	if (likely(!(len & 7)))
		return;
	if (len & 4) {
		memcpy(to, from, 4);
		to += 4;
		from += 4;
	}
	if (len & 2) {
		memcpy(to, from, 2);
		to += 2;
		from += 2;
	}
	if (len & 1)
		*to = *from;
}

/*
 * Copy at most COPY_INLINE_MAX bytes. The last piece may overlap the piece
 * before it, which saves the tests for the remaining bytes.
 */
static inline __attribute__((always_inline)) void
copy_short(unsigned char *to, const unsigned char *from, uint32_t len)
{
	uint32_t last;

	if (len <= 32) {
		if (len < 16) {
			copy_few(to, from, len);
			return;
		}
		copy_16(to, from);
		copy_16(to + len - 16, from + len - 16);
		return;
	}
	last = len - 32;
	copy_32(to, from);
	for (uint32_t i = 32; unlikely(i < last); i += 32) {
		copy_32(to + i, from + i);
		/*
		 * This keeps the compiler from turning the loop into a
		 * memcpy().
		 */
		__asm__("" : "+r"(i));
	}
	copy_32(to + last, from + last);
}

static inline __attribute__((always_inline)) void
copy_bytes(unsigned char *to, const unsigned char *from, uint32_t len)
{
	if (likely(len <= COPY_INLINE_MAX))
		copy_short(to, from, len);
	else
		memcpy(to, from, len);
}

static inline void store_u64(unsigned char *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

#endif /* VMBUS_COPY_H */
