/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_BUFFER_H
#define FCOPY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The buffer gathers the small WRITEs of the host into large, aligned writes to
 * the file, so that not every packet costs a system call.
 */

/** The buffer writes pieces of this size, at multiples of this size */
#define BUFFER_PIECE (128u << 10)
#define BUFFER_SIZE  (2 * BUFFER_PIECE)

struct buffer {
	uint64_t offset; /* offset of bytes[0] in the file */
	size_t length;
	unsigned char bytes[BUFFER_SIZE];
};

/** buffer_reset() - discard the content; the next file starts at offset 0 */
void buffer_reset(struct buffer *buffer);

/**
 * buffer_add() - add @size bytes for @offset of @file
 *
 * The function writes to the file only if the bytes neither continue nor
 * overlap the content of the buffer, or if the buffer is full. Returns 0 or
 * -errno.
 */
int buffer_add(struct buffer *buffer, int file, uint64_t offset, const void *data, size_t size);

/** buffer_ready() - whether buffer_write() has a whole piece to write */
bool buffer_ready(const struct buffer *buffer);

/** buffer_write() - write the whole pieces in the buffer; return 0 or -errno */
int buffer_write(struct buffer *buffer, int file);

/** buffer_flush() - write everything; return 0 or -errno */
int buffer_flush(struct buffer *buffer, int file);

#endif
