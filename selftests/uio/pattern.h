/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pattern of the packets of `vmbus-host send`, so that either end can check
 * them: byte @at of packet @xid
 */
#ifndef UIO_PATTERN_H
#define UIO_PATTERN_H

#include <stdint.h>

static inline uint8_t pattern(uint64_t xid, uint32_t at)
{
	return (uint8_t)(xid * 167 + (xid >> 8) * 59 + at * 13 + (at >> 8) * 7 + 1);
}

#endif
