/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copying messages. Most are small, and a call of memcpy() costs more than copying 64 bytes. */
#ifndef VMBUS_COPY_H
#define VMBUS_COPY_H

#include <stdint.h>
#include <string.h>

#include "compiler.h"

/* Above this size memcpy() is faster. */
#define COPY_INLINE_MAX 160u

static inline __attribute__((always_inline)) void copy_bytes(unsigned char *to,
		const unsigned char *from, uint32_t len)
{
	uint32_t i;

	if (unlikely(len > COPY_INLINE_MAX)) {
		memcpy(to, from, len);
		return;
	}
	for (i = 0; i + 32 <= len; i += 32) {
		memcpy(to + i, from + i, 16);
		memcpy(to + i + 16, from + i + 16, 16);
		/* This keeps the compiler from turning the loop into a memcpy() again. */
		__asm__("" : "+r"(i));
	}
	if (len & 16) {
		memcpy(to + i, from + i, 16);
		i += 16;
	}
	if (len & 8) {
		memcpy(to + i, from + i, 8);
		i += 8;
	}
	if (len & 7) {
		if (len & 4) {
			memcpy(to + i, from + i, 4);
			i += 4;
		}
		if (len & 2) {
			memcpy(to + i, from + i, 2);
			i += 2;
		}
		if (len & 1)
			to[i] = from[i];
	}
}

static inline void store_u64(unsigned char *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

#endif /* VMBUS_COPY_H */
