// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "host.h"

void put16(struct message *m, size_t at, uint16_t value)
{
	m->bytes[at] = value & 0xff;
	m->bytes[at + 1] = value >> 8;
}

void put32(struct message *m, size_t at, uint32_t value)
{
	put16(m, at, value & 0xffff);
	put16(m, at + 2, value >> 16);
}

void put64(struct message *m, size_t at, uint64_t value)
{
	put32(m, at, value & 0xffffffff);
	put32(m, at + 4, value >> 32);
}

uint16_t get16(const struct message *m, size_t at)
{
	return m->bytes[at] | m->bytes[at + 1] << 8;
}

uint32_t get32(const struct message *m, size_t at)
{
	return get16(m, at) | (uint32_t)get16(m, at + 2) << 16;
}

void message(struct message *m, uint16_t type, size_t length)
{
	static unsigned char transaction;

	memset(m, 0, sizeof(*m));
	m->length = length;
	put32(m, 0, 1);
	put32(m, 4, length - 8);
	put16(m, 8, 3);
	put16(m, 12, type);
	put16(m, 14, 1);
	put16(m, 16, 1);
	put16(m, 18, length - IC_HEADER);
	m->bytes[24] = transaction++;
	m->bytes[25] = 3;
}

void negotiation(struct message *m, uint16_t frameworks, uint16_t services)
{
	message(m, NEGOTIATE, IC_HEADER + 8 + 4 * (frameworks + services));
	put16(m, IC_HEADER, frameworks);
	put16(m, IC_HEADER + 2, services);
}

void usual_negotiation(struct message *m)
{
	static const uint16_t versions[] = { 1, 0, 3, 0, 1, 0, 1, 1 };

	negotiation(m, 2, 2);
	for (size_t i = 0; i < 8; i++)
		put16(m, IC_HEADER + 8 + 2 * i, versions[i]);
}

void put_unit(struct message *m, size_t field, size_t index, uint16_t unit)
{
	put16(m, field + 2 * index, unit);
}

void start_message(struct message *m, const char *destination, const char *source, uint32_t flags,
		   uint64_t size)
{
	message(m, FCOPY, START_SIZE);
	put32(m, IC_HEADER, START);
	for (size_t i = 0; source[i]; i++)
		put_unit(m, SOURCE, i, (unsigned char)source[i]);
	for (size_t i = 0; destination[i]; i++)
		put_unit(m, DESTINATION, i, (unsigned char)destination[i]);
	put32(m, DESTINATION + 520, flags);
	put64(m, DESTINATION + 524, size);
}

void write_message(struct message *m, uint64_t offset, const void *data, uint32_t size)
{
	message(m, FCOPY, WRITE_SIZE + size);
	put32(m, IC_HEADER, WRITE);
	put64(m, IC_HEADER + 40, offset);
	put32(m, IC_HEADER + 48, size);
	memcpy(m->bytes + WRITE_SIZE, data, size);
}

void end_message(struct message *m, uint32_t operation)
{
	message(m, FCOPY, END_SIZE);
	put32(m, IC_HEADER, operation);
}

uint32_t status_of(const struct message *m)
{
	return get32(m, 20);
}

bool is_answer(const struct message *answer, const struct message *request)
{
	struct message want = *request;

	memcpy(want.bytes + 20, answer->bytes + 20, 4);
	want.bytes[25] = 5;
	return answer->length == want.length && !memcmp(answer->bytes, want.bytes, want.length);
}
