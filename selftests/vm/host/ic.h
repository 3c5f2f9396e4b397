/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The messages of an integration component, and those of a file copy. They are
 * little-endian and packed.
 */
#ifndef VM_HOST_IC_H
#define VM_HOST_IC_H

#include <stdint.h>

#define PACKED __attribute__((packed))

/* The maximum of a WRITE's data in bytes, and of a name in units of UTF-16 */
#define FRAGMENT   6144
#define NAME_UNITS 260
/* The number of versions of each kind that the host offers */
#define VERSIONS 2

enum { IC_NEGOTIATE = 0, IC_FCOPY = 7 };
enum { IC_TRANSACTION = 1, IC_REQUEST = 2, IC_RESPONSE = 4 };
enum { START, WRITE, COMPLETE, CANCEL };
enum { OVER_WRITE = 1, CREATE_PATH = 2 };

struct version {
	uint16_t major, minor;
} PACKED;

struct ic {
	uint32_t pipe_flags, pipe_size;
	struct version framework;
	uint16_t type;
	struct version service;
	uint16_t size;
	uint32_t status;
	uint8_t transaction, flags, reserved[2];
} PACKED;

struct negotiate {
	uint16_t frameworks, services;
	uint32_t reserved;
	struct version version[2 * VERSIONS];
} PACKED;

struct fcopy {
	uint32_t operation;
	uint8_t service_ids[32];
} PACKED;

struct start {
	struct fcopy header;
	uint16_t file_name[NAME_UNITS], path_name[NAME_UNITS];
	uint32_t flags;
	uint64_t size;
} PACKED;

struct write {
	struct fcopy header;
	uint32_t reserved;
	uint64_t offset;
	uint32_t size;
	uint8_t data[FRAGMENT];
} PACKED;

_Static_assert(sizeof(struct ic) == 28 && sizeof(struct start) == 1088 &&
		       sizeof(struct write) == 6196,
	       "wire sizes");

#endif
