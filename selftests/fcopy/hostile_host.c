// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hostile_host.h"

uint64_t hostile_seed;

void hostile_begin(const char *variable)
{
	const char *text = getenv(variable);

	if (text)
		hostile_seed = strtoull(text, NULL, 0);
	else if (getrandom(&hostile_seed, sizeof(hostile_seed), 0) < 0)
		abort();
	printf("# %s=%llu\n", variable, (unsigned long long)hostile_seed);
	fflush(stdout);
}

/* splitmix64: the same on every machine */
uint64_t draw(void)
{
	uint64_t z = hostile_seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t below(uint64_t n)
{
	return draw() % n;
}

static uint64_t any_number(void)
{
	static const uint64_t edges[] = { 0,	      1,	 2,	     0x7f,
					  0x80,	      0xff,	 6144,	     6145,
					  0x7fff,     0xffff,	 0x7fffffff, 0x80000000,
					  0xffffffff, INT64_MAX, 1ull << 63, UINT64_MAX };

	return below(2) ? edges[below(16)] : draw() >> below(64);
}

/*
 * A file that the host believes it is sending: "f0" to "f3", whose bytes are
 * all the letter of its last digit
 */
static struct {
	char name[3];
	uint64_t size, sent;
} sending;

void hostile_message(struct message *m, const char *to)
{
	static const char *const below_to[] = { "",	   "/",	      "/sub",	  "/link",
						"/../etc", "/f0",     "/a\\b",	  "//.//",
						"/new/",   "/new/f1", "/link/x/", "/sub/." };
	char data[DATA_MAX], place[300];
	uint64_t size;

	switch (below(16)) {
	case 0:
		usual_negotiation(m);
		break;
	case 1:
		negotiation(m, below(8), below(8));
		for (size_t i = IC_HEADER; i < m->length; i++)
			m->bytes[i] = below(4);
		break;
	case 2:
	case 3:
		snprintf(sending.name, sizeof(sending.name), "f%c", '0' + (char)below(4));
		/* From time to time, the file is larger than the buffer. */
		sending.size = below(3) ? below((below(8) ? 4 : 64) * DATA_MAX) : below(8);
		sending.sent = 0;
		snprintf(place, sizeof(place), "%s%s", to, below(4) ? "" : below_to[below(12)]);
		start_message(m, below(16) ? place : "/proc", sending.name, below(4),
			      below(8) ? sending.size : any_number());
		break;
	case 4:
		end_message(m, below(8) ? COMPLETE : any_number());
		break;
	case 5:
		end_message(m, CANCEL);
		break;
	case 6:
		end_message(m, COMPLETE);
		break;
	case 7:
		message(m, any_number(), below(300));
		break;
	default:
		size = sending.size - sending.sent;
		if (size > DATA_MAX)
			size = DATA_MAX;
		memset(data, sending.name[1], sizeof(data));
		write_message(m, sending.sent, data, size);
		sending.sent += size;
	}
}

void hostile_spoil(struct message *m)
{
	size_t at, n;

	if (!m->length)
		return;
	switch (below(5)) {
	case 0:
		m->bytes[below(m->length)] = draw();
		break;
	case 1:
		m->bytes[below(m->length)] ^= 1u << below(8);
		break;
	case 2:
		at = below(m->length < 88 ? m->length : 88);
		put64(m, at & ~3ull, any_number());
		break;
	case 3:
		m->length = below(m->length + 1);
		break;
	default:
		n = below(64);
		for (at = below(m->length); n && at < m->length; at++, n--)
			m->bytes[at] = draw();
	}
}
