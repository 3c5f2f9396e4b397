/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * This header has the common parts of the fuzz targets: the entry point, and
 * the functions that read the input.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer prescribes the name; driver.c calls the function, too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Abort if the library violates a property that must hold for any input. */
#define MUST(condition)                                                                         \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

struct input {
	const uint8_t *at;
	size_t left;
};

/* Read the next @len bytes, or zeros beyond the end. */
static inline void input_read(struct input *in, void *to, size_t len)
{
	size_t there = len < in->left ? len : in->left;

	memset(to, 0, len);
	if (there)
		memcpy(to, in->at, there);
	in->at += there;
	in->left -= there;
}

static inline uint8_t take_u8(struct input *in)
{
	uint8_t value;

	input_read(in, &value, sizeof(value));
	return value;
}

static inline uint16_t take_u16(struct input *in)
{
	uint16_t value;

	input_read(in, &value, sizeof(value));
	return value;
}

static inline uint32_t take_u32(struct input *in)
{
	uint32_t value;

	input_read(in, &value, sizeof(value));
	return value;
}

/* Return an index that is possible in most cases. */
static inline uint32_t take_index(struct input *in, uint32_t size)
{
	uint8_t how = take_u8(in);

	return how < 224 ? take_u16(in) % (size / 8) * 8 : take_u32(in);
}

#endif /* FUZZ_INPUT_H */
