// SPDX-License-Identifier: GPL-2.0-only
/* libvmbus_bufring, receiving by copying and in place; and what no copying ring can do without, two copies. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "contender.h"

static struct vmbus_channel *guest, *host;
static struct vmbus_view views[MAX_BURST];
static char target[MAX_BURST * (MAX_MESSAGE + 64)] __attribute__((aligned(64)));
static volatile uint64_t seen;
static size_t sent_size;

#define LARGE 1024

static int ours_open(size_t ring)
{
	return vmbus_channel_pair(ring + (size_t)sysconf(_SC_PAGESIZE), &guest, &host);
}

static void ours_close(void)
{
	vmbus_channel_close(guest);
	vmbus_channel_close(host);
}

static int ours_send(const void *message, size_t size, int burst)
{
	struct vmbus_message messages[MAX_BURST];
	int sent = 1, err;

	sent_size = size;
	if (burst == 1) {
		err = vmbus_queue(guest, VMBUS_PACKET_INBAND, 0, 0, message, size);
		goto publish;
	}
	for (int i = 0; i < burst; i++)
		messages[i] = (struct vmbus_message){
			.payload = message,
			.length = (uint32_t)size,
			.type = VMBUS_PACKET_INBAND,
			.transaction_id = (uint64_t)i,
		};
	sent = vmbus_queue_many(guest, messages, (unsigned int)burst);
	err = sent < 0 ? sent : 0;
publish:
	if (err)
		return err == -EAGAIN ? 0 : err;
	err = vmbus_publish(guest);
	return err < 0 ? err : sent;
}

/* One at a time when there is one, and into the same place, as the peers do, when they are large; else all at once. */
static int ours_recv_copy(int burst)
{
	struct vmbus_packet packet;
	int got = 0, err;

	if (burst > 1 && sent_size < LARGE) {
		got = vmbus_recv_many(host, views, (unsigned int)burst, target, sizeof(target));
		return got == -EAGAIN ? 0 : got;
	}
	do {
		err = vmbus_recv(host, &packet, target, sizeof(target));
		got += !err;
	} while (!err && got < burst);
	return err && err != -EAGAIN ? err : got;
}

/* Reads the first eight bytes of each message. */
static int ours_recv_in_place(int burst)
{
	int got = vmbus_peek(host, views, (unsigned int)burst);
	uint64_t sum = 0;
	int err;

	if (got < 0)
		return got == -EAGAIN ? 0 : got;
	for (int i = 0; i < got; i++)
		sum += *(const uint64_t *)views[i].payload;
	seen = sum;
	err = vmbus_release(host, &views[got - 1]);
	return err ? err : got;
}

const struct contender ours_copy = { "ours", ours_open, ours_close, ours_send, ours_recv_copy, 1 };
const struct contender ours_in_place = { "ours in place", ours_open, ours_close, ours_send, ours_recv_in_place, 1 };

/* A copy into memory as large as the ring, and one out of it. */
static char *between;
static size_t between_size, in, out, waiting;

static int bare_open(size_t ring)
{
	between = malloc(ring);
	between_size = ring;
	in = out = 0;
	return between ? 0 : -ENOMEM;
}

static void bare_close(void)
{
	free(between);
}

static int bare_send(const void *message, size_t size, int burst)
{
	for (int i = 0; i < burst; i++) {
		if (in + size > between_size)
			in = 0;
		memcpy(between + in, message, size);
		__asm__ volatile("" : : "r"(between) : "memory");
		in += size;
	}
	waiting = size;
	return burst;
}

static int bare_recv(int burst)
{
	for (int i = 0; i < burst; i++) {
		if (out + waiting > between_size)
			out = 0;
		memcpy(target, between + out, waiting);
		__asm__ volatile("" : : "r"(target) : "memory");
		out += waiting;
	}
	return burst;
}

const struct contender bare_copies = { "two copies", bare_open, bare_close, bare_send, bare_recv, 0 };
