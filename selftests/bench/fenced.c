// SPDX-License-Identifier: GPL-2.0-only
/*
 * This is the minimum for a ring that copies between two threads which also
 * signal: a copy into memory as large as the ring, and a copy out of it. After
 * the copies of a burst, each side publishes a count for the other side, with
 * the full barrier without which signals would be lost. There are no
 * descriptors, checks or signals. Each count has its own cache line, unlike the
 * indices of VMBus.
 */
#include <stdatomic.h>
#include <string.h>

#include "barrier.h"
#include "contender.h"

static unsigned char *between;
static size_t between_size;

/*
 * As in the library, a side reads the other side's count only when it has used
 * up the count that it knows.
 */
static struct side {
	APART atomic_size_t count; /* of packets, for the other side */
	APART size_t done;
	size_t known; /* the other side's count */
	size_t slot;
} sent, received;
/* Written by the sender before it counts its first packet */
static size_t packet, slots;

static int fenced_open(void *ring, void *other, size_t size)
{
	between = (unsigned char *)ring + RING_HEADER;
	between_size = size;
	packet = 0;
	memset(&sent, 0, sizeof(sent));
	memset(&received, 0, sizeof(received));
	return 0;
}

static void fenced_close(void)
{
}

static unsigned char *next_slot(struct side *side)
{
	unsigned char *slot = between + side->slot * packet;

	if (++side->slot == slots)
		side->slot = 0;
	return slot;
}

static void publish(struct side *side, int burst)
{
	side->done += (size_t)burst;
	atomic_store_explicit(&side->count, side->done, memory_order_release);
	smp_mb();
}

/*
 * Return @burst, or the number of packets up to the other side's count plus
 * @more if that is lower.
 */
static int limit(int burst, struct side *side, struct side *other, size_t more)
{
	if (side->known + more - side->done < (size_t)burst)
		side->known = atomic_load_explicit(&other->count, memory_order_acquire);
	more += side->known - side->done;
	return more < (size_t)burst ? (int)more : burst;
}

static int fenced_send(const struct load *load, int burst)
{
	if (packet != load->size) {
		packet = load->size;
		slots = between_size / packet;
	}
	burst = limit(burst, &sent, &received, slots);
	for (int i = 0; i < burst; i++) {
		memcpy(next_slot(&sent), message_of(load, i), load->size);
		__asm__ volatile("" : : "r"(between) : "memory");
	}
	if (burst)
		publish(&sent, burst);
	return burst;
}

static inline __attribute__((always_inline)) int fenced_recv(int burst, enum use use)
{
	burst = limit(burst, &received, &sent, 0);
	for (int i = 0; i < burst; i++) {
		memcpy(target, next_slot(&received), packet);
		__asm__ volatile("" : : "r"(target) : "memory");
		use_message(use, target, packet);
	}
	if (burst)
		publish(&received, burst);
	return burst;
}

WITH_USE(fenced_recv, LEAVE, fenced_leave)
WITH_USE(fenced_recv, READ, fenced_read)
WITH_USE(fenced_recv, VERIFY, fenced_verify)

const struct contender fenced = {
	"fenced",
	fenced_open,
	fenced_close,
	{ [MESSAGE] = fenced_send },
	{ [MESSAGE] = { fenced_leave, fenced_read, fenced_verify } },
};
