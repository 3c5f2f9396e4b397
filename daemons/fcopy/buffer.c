// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"

void buffer_reset(struct buffer *buffer)
{
	buffer->offset = 0;
	buffer->length = 0;
}

static int write_all(int file, const unsigned char *bytes, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(file, bytes, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		offset += n;
		size -= n;
	}
	return 0;
}

static int write_first(struct buffer *buffer, int file, size_t size)
{
	int err = write_all(file, buffer->bytes, size, buffer->offset);

	if (err)
		return err;
	buffer->length -= size;
	buffer->offset += size;
	memmove(buffer->bytes, buffer->bytes + size, buffer->length);
	return 0;
}

/* Return the number of bytes before the last multiple of BUFFER_PIECE. */
static size_t whole_pieces(const struct buffer *buffer)
{
	uint64_t end = (buffer->offset + buffer->length) / BUFFER_PIECE * BUFFER_PIECE;

	return end > buffer->offset ? end - buffer->offset : 0;
}

bool buffer_ready(const struct buffer *buffer)
{
	return whole_pieces(buffer) > 0;
}

int buffer_write(struct buffer *buffer, int file)
{
	return write_first(buffer, file, whole_pieces(buffer));
}

int buffer_flush(struct buffer *buffer, int file)
{
	return write_first(buffer, file, buffer->length);
}

int buffer_add(struct buffer *buffer, int file, uint64_t offset, const void *data, size_t size)
{
	const unsigned char *from = data;
	int err;

	if (offset < buffer->offset || offset > buffer->offset + buffer->length) {
		err = buffer_flush(buffer, file);
		if (err)
			return err;
		buffer->offset = offset;
	}
	while (size) {
		size_t at = offset - buffer->offset, n = BUFFER_SIZE - at;

		if (!n) {
			/* A full buffer holds at least one whole piece. */
			err = buffer_write(buffer, file);
			if (err)
				return err;
			continue;
		}
		if (n > size)
			n = size;
		memcpy(buffer->bytes + at, from, n);
		if (at + n > buffer->length)
			buffer->length = at + n;
		from += n;
		offset += n;
		size -= n;
	}
	return 0;
}
