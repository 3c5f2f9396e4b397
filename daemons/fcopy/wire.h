/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_WIRE_H
#define FCOPY_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus_bufring.h>

#include "name.h"

/*
 * The structures of the file copy service, which follow the IC header. All
 * fields are little-endian, and there is no padding except the member of that
 * name.
 */

#define FCOPY_START    0
#define FCOPY_WRITE    1
#define FCOPY_COMPLETE 2
#define FCOPY_CANCEL   3

/** The maximum number of data bytes in one WRITE */
#define FCOPY_FRAGMENT 6144

#define START_OVER_WRITE  0x1u
#define START_CREATE_PATH 0x2u

struct fcopy_header {
	uint32_t operation;
	uint8_t service[2][16];
} __attribute__((packed));

struct fcopy_start {
	struct fcopy_header header;
	uint16_t file_name[NAME_UNITS]; /* the name of the source file */
	uint16_t path_name[NAME_UNITS]; /* -DestinationPath as typed */
	uint32_t flags;
	uint64_t file_size;
} __attribute__((packed));

struct fcopy_write {
	struct fcopy_header header;
	uint32_t padding;
	uint64_t offset;
	uint32_t size;
	uint8_t data[];
} __attribute__((packed));

_Static_assert(sizeof(struct vmbus_ic_header) == 28, "wire layout");
_Static_assert(sizeof(struct fcopy_header) == 36, "wire layout");
_Static_assert(sizeof(struct fcopy_start) == 1088, "wire layout");
_Static_assert(sizeof(struct fcopy_write) == 52, "wire layout");

/** The operation of a request, with what has been checked of its fields */
struct request {
	uint32_t operation;
	size_t length;		   /* bytes of the body */
	const void *start;	   /* a whole START; NULL: it is too short */
	const unsigned char *data; /* the bytes of WRITE; NULL: impossible lengths */
	uint64_t offset;	   /* WRITE */
	uint32_t size;		   /* WRITE: the bytes, or the impossible number of them */
};

/**
 * wire_parse() - check the body of a file copy message
 *
 * Returns false if it is too short for an operation. The result points into
 * @body.
 */
bool wire_parse(const void *body, size_t length, struct request *request);

/**
 * wire_show() - log a message of the host, or the answer to it
 *
 * This is the trace callback of struct vmbus_ic_options. It writes one
 * LOG_DEBUG line with the fields of the message, as hv-fcopyd(8) describes it.
 * The line has no contents of files and no bytes after the fields or after the
 * end of a name, because these may be arbitrary memory of the host.
 */
void wire_show(struct vmbus_ic *ic, int is_answer, const struct vmbus_packet *packet,
	       const void *payload, void *context);

#endif
