/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The messages that a Hyper-V host sends, as bytes. They are written from the
 * wire format, not from the daemon's types.
 */
#ifndef FCOPY_HOST_H
#define FCOPY_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IC_HEADER  28
#define OPERATION  36 /* 32 are two GUIDs */
#define START_SIZE (IC_HEADER + 1088)
#define WRITE_SIZE (IC_HEADER + 52) /* without data */
#define END_SIZE   (IC_HEADER + OPERATION)
#define DATA_MAX   6144

enum { NEGOTIATE = 0, FCOPY = 7 };
enum { START, WRITE, COMPLETE, CANCEL };
enum { OVER_WRITE = 1, CREATE_PATH = 2 };

#define S_OK		0u
#define E_FAIL		0x80004005u
#define E_ACCESS	0x80070005u
#define E_NO_PATH	0x80070003u
#define E_FILES		0x80070004u
#define E_MEMORY	0x80070008u
#define E_INCOMPLETE	0x8007000du
#define E_WRITE_PROTECT 0x80070013u
#define E_NOT_SUPPORTED 0x80070032u
#define E_EXISTS	0x80070050u
#define E_INVALID_ARG	0x80070057u
#define E_DISK_FULL	0x80070070u
#define E_NAME		0x8007007bu
#define E_BUSY		0x800700aau
#define E_NAME_TOO_LONG 0x800700ceu
#define E_TOO_LARGE	0x800700dfu
#define E_DIRECTORY	0x80070150u
#define E_IO		0x8007045du
#define E_NOT_CONNECTED 0x8007048fu
#define E_ABORTED	0x800704d3u
#define E_POLICY	0x800704ecu
#define E_TIMEOUT	0x800705b4u
#define E_QUOTA		0x80070718u
#define E_LINK		0x80070781u
#define E_STATE		0x8007139fu

/* A message that a test builds, and later its answer */
struct message {
	size_t length;
	unsigned char bytes[16384];
};

void put16(struct message *m, size_t at, uint16_t value);
void put32(struct message *m, size_t at, uint32_t value);
void put64(struct message *m, size_t at, uint64_t value);
uint16_t get16(const struct message *m, size_t at);
uint32_t get32(const struct message *m, size_t at);

/* Build a request of TYPE with a total of LENGTH bytes. */
void message(struct message *m, uint16_t type, size_t length);

/* Build a negotiation with this number of versions, all of them 0.0. */
void negotiation(struct message *m, uint16_t frameworks, uint16_t services);
/* Build the negotiation of Hyper-V: 1.0 and 3.0, 1.0 and 1.1. */
void usual_negotiation(struct message *m);

/*
 * Build a START. DESTINATION is -DestinationPath as typed, in the field
 * path_name. SOURCE is the name of the source file, in the field file_name.
 * Both are ASCII here.
 */
void start_message(struct message *m, const char *destination, const char *source, uint32_t flags,
		   uint64_t size);

/* Put one unit of UTF-16 into a field of START. */
#define SOURCE	    (IC_HEADER + OPERATION)
#define DESTINATION (SOURCE + 520)
void put_unit(struct message *m, size_t field, size_t index, uint16_t unit);

void write_message(struct message *m, uint64_t offset, const void *data, uint32_t size);
void end_message(struct message *m, uint32_t operation);

uint32_t status_of(const struct message *m);

/**
 * is_answer() - returns whether ANSWER is REQUEST with a status and the flags
 * of an answer, and otherwise the same
 */
bool is_answer(const struct message *answer, const struct message *request);

#endif
