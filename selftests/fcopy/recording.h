/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read a recording of hv-fcopyd --record; hv-fcopyd-record(5) describes the
 * format. The bench's replay-fcopy uses this, too.
 */
#ifndef FCOPY_RECORDING_H
#define FCOPY_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_FIELDS 32
/* The longest message of an IC device, and more */
#define RECORDING_MESSAGE 65536

/* One line, taken apart in place */
struct record {
	uint64_t time; /* microseconds since the recording began */
	const char *kind;
	unsigned int fields;
	struct {
		const char *key, *value;
	} field[RECORDING_FIELDS];
};

/* A packet of the host, or the answer of the guest */
struct record_packet {
	uint16_t type, flags;
	uint32_t descriptor; /* bytes before the payload */
	uint64_t xid;
	uint32_t length; /* of the payload */
	uint8_t payload[RECORDING_MESSAGE];
};

/* Parse a line, which loses its newline. Return NULL, or the fault. */
const char *record_parse(char *line, struct record *record);

/* Return the value of a key, or NULL. */
const char *record_value(const struct record *record, const char *key);

/*
 * Tell whether the record has this key with a number, decimal or hexadecimal.
 */
bool record_number(const struct record *record, const char *key, uint64_t max, uint64_t *number);

/* Tell whether this is the first record of a recording in a known format. */
bool record_is_first(const struct record *record);

/*
 * Build the packet of a record of the kind "host". The data of WRITE is that of
 * record_content(), and other bytes that the recording lacks are zeros, or 0xff
 * if they were not zeros. Returns NULL, or what is wrong with the record.
 */
const char *record_host_packet(const struct record *record, struct record_packet *packet);

/* Return the byte of a generated file at this offset. */
uint8_t record_content(uint64_t offset);

/*
 * Take the answer from a record of the kind "guest": its payload has the bytes
 * that the recording has of it, *known many, and length is the whole one.
 */
const char *record_guest_packet(const struct record *record, struct record_packet *packet,
				uint32_t *known);

#endif
