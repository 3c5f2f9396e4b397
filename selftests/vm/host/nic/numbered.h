/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbered frames show that a path loses, repeats, reorders and changes
 * nothing. Each frame has a stream, a number and a pattern that depends on
 * both. The path may change the Ethernet header. Programs of the guest include
 * this file, too.
 */
#ifndef VM_HOST_NIC_NUMBERED_H
#define VM_HOST_NIC_NUMBERED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NUMBERED_TYPE  0x88b5 /* IEEE reserves it for local experiments */
#define NUMBERED_MAGIC 0x43494e56
#define NUMBERED_AT    14
#define NUMBERED_MIN   (NUMBERED_AT + sizeof(struct numbered))

/* The header that follows the Ethernet header, little-endian */
struct numbered {
	uint32_t magic;
	uint32_t stream;
	uint32_t number;
	uint32_t len; /* of the frame with its Ethernet header */
};

static inline uint8_t numbered_byte(const struct numbered *header, uint32_t at)
{
	return (uint8_t)(header->number * 131 + header->stream * 29 + at);
}

/* Fill a frame of @len bytes, except its two addresses. */
static inline void numbered_fill(uint8_t *frame, uint32_t stream, uint32_t number, uint32_t len)
{
	struct numbered header = {
		.magic = NUMBERED_MAGIC, .stream = stream, .number = number, .len = len
	};

	frame[12] = NUMBERED_TYPE >> 8;
	frame[13] = NUMBERED_TYPE & 0xff;
	memcpy(frame + NUMBERED_AT, &header, sizeof(header));
	for (uint32_t at = NUMBERED_MIN; at < len; at++)
		frame[at] = numbered_byte(&header, at);
}

/* Returns whether a frame is numbered. If so, @header gets its header. */
static inline bool numbered_is(const uint8_t *frame, uint32_t len, struct numbered *header)
{
	if (len < NUMBERED_MIN || frame[12] != NUMBERED_TYPE >> 8 ||
	    frame[13] != (NUMBERED_TYPE & 0xff))
		return false;
	memcpy(header, frame + NUMBERED_AT, sizeof(*header));
	return header->magic == NUMBERED_MAGIC;
}

/*
 * Returns whether a numbered frame arrived as it was sent. Padding may follow
 * it.
 */
static inline bool numbered_good(const uint8_t *frame, uint32_t len, const struct numbered *header)
{
	if (header->len < NUMBERED_MIN || header->len > len)
		return false;
	for (uint32_t at = NUMBERED_MIN; at < header->len; at++)
		if (frame[at] != numbered_byte(header, at))
			return false;
	return true;
}

#endif
