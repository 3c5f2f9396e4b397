// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "wire.h"

#define IC_HEADER sizeof(struct vmbus_ic_header)

bool wire_parse(const void *body, size_t length, struct request *request)
{
	const struct fcopy_header *header = body;
	const struct fcopy_write *data = body;

	*request = (struct request){ .length = length };
	if (length < sizeof(*header))
		return false;
	request->operation = le32toh(header->operation);
	if (request->operation == FCOPY_START && length >= sizeof(struct fcopy_start))
		request->start = body;
	if (request->operation != FCOPY_WRITE || length < sizeof(*data))
		return true;
	request->offset = le64toh(data->offset);
	request->size = le32toh(data->size);
	if (request->size <= FCOPY_FRAGMENT && request->size <= length - sizeof(*data))
		request->data = data->data;
	return true;
}

/* A line fits: the longest one is a START with two names in hex digits. */
struct line {
	size_t length;
	char text[4096];
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->length, room, format, args);
	va_end(args);
	line->length += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void add_hex(struct line *line, const char *key, const void *bytes, size_t count)
{
	if (count)
		add(line, " %s=", key);
	for (size_t i = 0; i < count; i++)
		add(line, "%02x", ((const unsigned char *)bytes)[i]);
}

static bool is_zero(const unsigned char *bytes, size_t count)
{
	while (count && !bytes[count - 1])
		count--;
	return !count;
}

/* Add a name of START, up to its NUL. Returns whether only zeros follow. */
static bool add_name(struct line *line, const char *key, const void *field)
{
	const unsigned char *bytes = field;
	char name[NAME_BYTES];
	size_t end = 0;

	while (end < 2 * NAME_UNITS && (bytes[end] || bytes[end + 1]))
		end += 2;
	if (name_from_utf16(field, name))
		add_hex(line, key, bytes, end);
	else
		add(line, " %s='%s'", key, name);
	return is_zero(bytes + end, 2 * NAME_UNITS - end);
}

static size_t add_start(struct line *line, const unsigned char *body)
{
	const struct fcopy_start *start = (const void *)body;
	bool zeros = add_name(line, "file_name", start->file_name);

	zeros &= add_name(line, "path_name", start->path_name);
	add(line, " after-names=%s copy-flags=0x%" PRIx32 " file_size=%" PRIu64,
	    zeros ? "zeros" : "others", le32toh(start->flags), le64toh(start->file_size));
	return sizeof(*start);
}

static size_t add_write(struct line *line, const unsigned char *body, size_t length)
{
	const struct fcopy_write *data = (const void *)body;
	uint32_t size = le32toh(data->size);

	add(line, " padding=0x%" PRIx32 " offset=%" PRIu64 " size=%" PRIu32, le32toh(data->padding),
	    le64toh(data->offset), size);
	length -= sizeof(*data);
	return sizeof(*data) + (size < length ? size : length);
}

/* Return the length of the counts and versions of a negotiation. */
static size_t negotiation_size(const unsigned char *body, size_t length)
{
	struct vmbus_ic_negotiate counts;
	size_t count, fit;

	if (length < sizeof(counts))
		return 0;
	memcpy(&counts, body, sizeof(counts));
	count = le16toh(counts.framework_count) + le16toh(counts.message_count);
	if (count > 2 * VMBUS_IC_MAX_VERSIONS)
		count = 2 * VMBUS_IC_MAX_VERSIONS;
	fit = (length - sizeof(counts)) / sizeof(struct vmbus_ic_version);
	return sizeof(counts) + (count < fit ? count : fit) * sizeof(struct vmbus_ic_version);
}

/*
 * Add the word for a message and its fields. The line of an @answer has only
 * the header, and the versions of a negotiation, because an answer repeats the
 * rest of its request.
 */
static void add_message(struct line *line, const unsigned char *bytes, size_t length, bool answer)
{
	static const char *const words[] = { "START", "WRITE", "COMPLETE", "CANCEL" };
	const unsigned char *body = bytes + IC_HEADER;
	size_t left = length - IC_HEADER, used = 0;
	struct vmbus_ic_header header;
	uint32_t operation;

	memcpy(&header, bytes, sizeof(header));
	if (answer)
		add(line, " status=0x%08" PRIx32, le32toh(header.status));
	if (le16toh(header.type) == VMBUS_IC_NEGOTIATE) {
		used = negotiation_size(body, left);
		add(line, " NEGOTIATE");
		add_hex(line, "header", bytes, IC_HEADER);
		add_hex(line, "versions", body, used);
	} else if (le16toh(header.type) != VMBUS_IC_FCOPY || left < sizeof(struct fcopy_header)) {
		add(line, " unknown");
		add_hex(line, "header", bytes, IC_HEADER);
	} else {
		memcpy(&operation, body, sizeof(operation));
		operation = le32toh(operation);
		used = sizeof(struct fcopy_header);
		add(line, " %s", operation <= FCOPY_CANCEL ? words[operation] : "unknown");
		add_hex(line, "header", bytes, IC_HEADER);
		add_hex(line, "operation", body, used);
		if (!answer && operation == FCOPY_START && left >= sizeof(struct fcopy_start))
			used = add_start(line, body);
		if (!answer && operation == FCOPY_WRITE && left >= sizeof(struct fcopy_write))
			used = add_write(line, body, left);
	}
	if (!answer)
		add(line, " rest=%zu%s", left - used,
		    is_zero(body + used, left - used) ? "" : " (not zeros)");
}

void wire_show(struct vmbus_ic *ic, int is_answer, const struct vmbus_packet *packet,
	       const void *payload, void *context)
{
	struct line line = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	add(&line,
	    "%s %lld.%06ld type=%u flags=0x%x descriptor=%" PRIu32 " length=%" PRIu32
	    " id=0x%" PRIx64,
	    is_answer ? "guest" : "host", (long long)now.tv_sec, now.tv_nsec / 1000, packet->type,
	    packet->flags, packet->header, packet->length, packet->transaction_id);
	if (packet->type == VMBUS_PACKET_INBAND && packet->length >= IC_HEADER)
		add_message(&line, payload, packet->length, is_answer);
	log_line(LOG_DEBUG, "%s", line.text);
}
