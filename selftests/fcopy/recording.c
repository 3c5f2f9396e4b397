// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

/* The format of a message after its head */
#define NAME_UNITS 260
#define OPERATION 64
#define START_END (OPERATION + 4 * NAME_UNITS + 12)
#define WRITE_DATA (OPERATION + 16)

const char *record_value(const struct record *record, const char *key)
{
	for (unsigned int i = 0; i < record->fields; i++)
		if (!strcmp(record->field[i].key, key))
			return record->field[i].value;
	return NULL;
}

static bool to_number(const char *text, uint64_t max, uint64_t *number)
{
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &rest, text[1] == 'x' ? 16 : 10);
	return !errno && !*rest && *number <= max;
}

bool record_number(const struct record *record, const char *key, uint64_t max, uint64_t *number)
{
	const char *text = record_value(record, key);

	return text && to_number(text, max, number);
}

/*
 * End the word at @at, and return the next one; @at of the last one is NULL
 * then.
 */
static char *take_word(char **at)
{
	char *word = *at, *blank = strchr(word, ' ');

	*at = NULL;
	if (blank) {
		*blank = 0;
		*at = blank + 1;
	}
	return word;
}

const char *record_parse(char *line, struct record *record)
{
	size_t length = strlen(line);
	char *at = line;

	*record = (struct record){ .kind = "" };
	if (!length || line[length - 1] != '\n')
		return "the line has no end";
	line[length - 1] = 0;
	for (char *c = line; *c; c++)
		if (*c < ' ' || *c > '~')
			return "the line has characters that are not printable ASCII";
	if (!to_number(take_word(&at), UINT64_MAX, &record->time))
		return "the line does not begin with a time";
	if (!at || !*at)
		return "the line has no kind";
	record->kind = take_word(&at);
	while (at) {
		char *equals = strchr(at, '=');

		if (!equals || memchr(at, ' ', (size_t)(equals - at)))
			return "a field is not KEY=VALUE";
		if (record->fields == RECORDING_FIELDS)
			return "the line has too many fields";
		*equals = 0;
		record->field[record->fields].key = at;
		record->field[record->fields].value = at = equals + 1;
		/* This value has blanks, and is the last one. */
		if (!strcmp(record->field[record->fields++].key, "text"))
			break;
		take_word(&at);
	}
	return NULL;
}

bool record_is_first(const struct record *record)
{
	const char *format = record_value(record, "hv-fcopyd-record");

	return !strcmp(record->kind, "begin") && format && !strcmp(format, "1");
}

uint8_t record_content(uint64_t offset)
{
	return (uint8_t)('A' + offset % 26);
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Append hex digits to the payload at @at. Returns the new end, or 0. */
static uint32_t put_hex(struct record_packet *packet, uint32_t at, const char *hex)
{
	for (; *hex; hex += 2) {
		int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);

		if (low < 0 || at >= packet->length)
			return 0;
		packet->payload[at++] = (uint8_t)(high << 4 | low);
	}
	return at;
}

static void put_number(struct record_packet *packet, uint32_t at, uint64_t value,
		       unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		packet->payload[at + i] = (uint8_t)(value >> 8 * i);
}

/*
 * Take a unit of UTF-16 from an escaped name. Returns what follows it, or NULL.
 */
static const char *take_unit(const char *text, uint16_t *unit)
{
	*unit = (uint16_t)*text;
	if (*text != '\\')
		return text + 1;
	if (text[1] == '\\')
		return text + 2;
	if (text[1] != 'u')
		return NULL;
	*unit = 0;
	for (int i = 2; i < 6; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return NULL;
		*unit = (uint16_t)(*unit << 4 | value);
	}
	return text + 6;
}

/* Build a name, its NUL, and what follows that: zeros, or other bytes. */
static bool put_name(const struct record *record, const char *key, struct record_packet *packet,
		     uint32_t at)
{
	const char *text = record_value(record, key), *zeros = record_value(record, "names-end");
	uint32_t units;
	uint16_t unit;

	if (!text || !zeros)
		return false;
	for (units = 0; *text; units++) {
		text = take_unit(text, &unit);
		if (!text || units == NAME_UNITS)
			return false;
		put_number(packet, at + 2 * units, unit, 2);
	}
	if (units < NAME_UNITS && strcmp(zeros, "zero"))
		memset(packet->payload + at + 2 * (units + 1), 0xff, 2 * (NAME_UNITS - units - 1));
	return true;
}

/* Build what follows the head of START. Returns its end, or 0. */
static uint32_t put_start(const struct record *record, struct record_packet *packet)
{
	uint64_t flags, size;

	if (packet->length < START_END || !record_number(record, "copy-flags", UINT32_MAX, &flags) ||
	    !record_number(record, "size", UINT64_MAX, &size) ||
	    !put_name(record, "source", packet, OPERATION) ||
	    !put_name(record, "destination", packet, OPERATION + 2 * NAME_UNITS))
		return 0;
	put_number(packet, START_END - 12, flags, 4);
	put_number(packet, START_END - 8, size, 8);
	return START_END;
}

/* Build what follows the head of WRITE. Returns its end, or 0. */
static uint32_t put_write(const struct record *record, struct record_packet *packet)
{
	uint64_t reserved, offset, size, data;

	if (packet->length < WRITE_DATA ||
	    !record_number(record, "reserved", UINT32_MAX, &reserved) ||
	    !record_number(record, "offset", UINT64_MAX, &offset) ||
	    !record_number(record, "size", UINT32_MAX, &size) ||
	    !record_number(record, "data", packet->length - WRITE_DATA, &data))
		return 0;
	put_number(packet, OPERATION, reserved, 4);
	put_number(packet, OPERATION + 4, offset, 8);
	put_number(packet, OPERATION + 12, size, 4);
	for (uint32_t i = 0; i < data; i++)
		packet->payload[WRITE_DATA + i] = record_content(offset + i);
	return (uint32_t)(WRITE_DATA + data);
}

static const char *put_message(const struct record *record, const char *what,
			       struct record_packet *packet)
{
	const char *head = record_value(record, "head"), *body = record_value(record, "body");
	const char *zeros = record_value(record, "rest-zero");
	uint32_t end = head ? put_hex(packet, 0, head) : 0;
	uint64_t rest;

	if (head && !end)
		return "head is not right";
	if (!strcmp(what, "START"))
		end = end == OPERATION ? put_start(record, packet) : 0;
	else if (!strcmp(what, "WRITE"))
		end = end == OPERATION ? put_write(record, packet) : 0;
	else if (body)
		end = put_hex(packet, end, body);
	if (!end && packet->length)
		return "the fields of the message are not right";
	if (!record_number(record, "rest", UINT32_MAX, &rest) || !zeros || end + rest != packet->length)
		return "length and rest do not fit";
	memset(packet->payload + end, strcmp(zeros, "yes") ? 0xff : 0, rest);
	return NULL;
}

static bool take_common(const struct record *record, struct record_packet *packet)
{
	uint64_t length;

	if (!record_number(record, "xid", UINT64_MAX, &packet->xid) ||
	    !record_number(record, "length", RECORDING_MESSAGE, &length))
		return false;
	packet->length = (uint32_t)length;
	memset(packet->payload, 0, packet->length);
	return true;
}

const char *record_host_packet(const struct record *record, struct record_packet *packet)
{
	const char *what = record_value(record, "what");
	uint64_t type, flags, descriptor;

	if (!what || !take_common(record, packet) ||
	    !record_number(record, "type", UINT16_MAX, &type) ||
	    !record_number(record, "flags", UINT16_MAX, &flags) ||
	    !record_number(record, "descriptor", RECORDING_MESSAGE, &descriptor))
		return "type, flags, descriptor, length, xid or what is missing";
	packet->type = (uint16_t)type;
	packet->flags = (uint16_t)flags;
	packet->descriptor = (uint32_t)descriptor;
	/* Of a packet of another type, the recording has no payload. */
	return record_value(record, "rest") ? put_message(record, what, packet) : NULL;
}

const char *record_guest_packet(const struct record *record, struct record_packet *packet,
				uint32_t *known)
{
	const char *head = record_value(record, "head"), *body = record_value(record, "body");

	if (!take_common(record, packet) || !head)
		return "length, xid or head is missing";
	*known = put_hex(packet, 0, head);
	if (*known && body)
		*known = put_hex(packet, *known, body);
	return *known ? NULL : "head or body is not right";
}
