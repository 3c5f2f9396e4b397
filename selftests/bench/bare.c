// SPDX-License-Identifier: GPL-2.0-only
/*
 * This is the minimum for a ring that copies: a copy into memory as large as
 * the ring, and a copy out of it. In the rows with ranges, both ends are the
 * benchmark's host, which shows the host's share of the other columns.
 */
#include <errno.h>
#include <string.h>

#include "contender.h"

static unsigned char *between;
static size_t between_size, in, out, packet;
static int waiting;

static int bare_open(void *ring, void *other, size_t size)
{
	between = (unsigned char *)ring + RING_HEADER;
	between_size = size;
	in = out = 0;
	waiting = 0;
	return 0;
}

static void bare_close(void)
{
}

static int bare_send(const struct load *load, int burst)
{
	packet = load->size;
	for (int i = 0; i < burst; i++) {
		if (in + packet > between_size)
			in = 0;
		memcpy(between + in, load->message + (size_t)i * load->stride, packet);
		__asm__ volatile("" : : "r"(between) : "memory");
		in += packet;
	}
	waiting += burst;
	return burst;
}

static inline __attribute__((always_inline)) int bare_recv(int burst, enum use use)
{
	if (burst > waiting)
		burst = waiting;
	for (int i = 0; i < burst; i++) {
		if (out + packet > between_size)
			out = 0;
		memcpy(target, between + out, packet);
		__asm__ volatile("" : : "r"(target) : "memory");
		use_message(use, target, packet);
		out += packet;
	}
	waiting -= burst;
	return burst;
}

static int bare_leave(int burst)
{
	return bare_recv(burst, LEAVE);
}

static int bare_read(int burst)
{
	return bare_recv(burst, READ);
}

static int bare_verify(int burst)
{
	return bare_recv(burst, VERIFY);
}

const struct contender bare = {
	"bare",
	bare_open,
	bare_close,
	{ [MESSAGE] = bare_send, [GPA_DIRECT] = host_send, [XFER_PAGES] = host_send },
	{
		[MESSAGE] = { bare_leave, bare_read, bare_verify },
		[GPA_DIRECT] = { [LEAVE] = host_recv, [VERIFY] = host_verify },
		[XFER_PAGES] = { [LEAVE] = host_recv },
	},
};
