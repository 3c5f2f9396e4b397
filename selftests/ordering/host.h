/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This host is as small as the protocol allows, and has only the orderings that
 * it needs. It shares the primitives of lib/barrier.h with the library, and no
 * other code.
 */
#ifndef HOST_H
#define HOST_H

#include "atomics.h"
#include "../../lib/barrier.h"

#define HEADER_SIZE 128u

/* The memory that host and guest share */
struct shared {
	_Atomic uint32_t write_index, read_index, interrupt_mask, pending_send_sz;
	uint32_t reserved[12];
	_Atomic uint32_t feature_bits;
};

/* The host's side of a ring */
struct host_ring {
	struct shared *shared;
	unsigned char *data;
	uint32_t size, index; /* the index that the host writes */
	uint64_t number;      /* of the packet that comes next */
};

static inline uint64_t host_word(uint64_t number, uint32_t i)
{
	return (number << 32 | i) * 0x9e3779b97f4a7c15u | 1;
}

static inline void host_fill(uint64_t *payload, uint64_t number, uint32_t len)
{
	for (uint32_t i = 0; i < len / 8; i++)
		payload[i] = host_word(number, i);
}

static inline bool host_filled(const uint64_t *payload, uint64_t number, uint32_t len)
{
	for (uint32_t i = 0; i < len / 8; i++)
		if (payload[i] != host_word(number, i))
			return false;
	return true;
}

static inline uint32_t host_used(uint32_t read, uint32_t write, uint32_t size)
{
	return (write + size - read) % size;
}

static inline uint64_t host_next(struct host_ring *ring)
{
	uint64_t word;

	memcpy(&word, ring->data + ring->index, sizeof(word));
	ring->index = (ring->index + 8) % ring->size;
	return word;
}

static inline void host_put(struct host_ring *ring, uint64_t word)
{
	memcpy(ring->data + ring->index, &word, sizeof(word));
	ring->index = (ring->index + 8) % ring->size;
}

/* Return the bytes of a packet with @len bytes of payload, a multiple of 8. */
static inline uint32_t host_need(uint32_t len)
{
	return 16 + len + 8;
}

static inline bool host_has_room(struct host_ring *ring, uint32_t need)
{
	uint32_t read = smp_load_acquire(&ring->shared->read_index);

	return ring->size - host_used(read, ring->index, ring->size) > need;
}

/*
 * Write one packet, for which there is room. Return whether the host must
 * interrupt the guest.
 */
static inline bool host_write(struct host_ring *ring, uint32_t len)
{
	uint32_t start = ring->index;

	host_put(ring, (uint64_t)((16 + len) / 8) << 32 | 2 << 16 | 6);
	host_put(ring, ring->number);
	for (uint32_t i = 0; i < len / 8; i++)
		host_put(ring, host_word(ring->number, i));
	host_put(ring, (uint64_t)start << 32);
	ring->number++;
	smp_store_release(&ring->shared->write_index, ring->index);
	/*
	 * The guest sees the packet before it sleeps, or the host sees that the
	 * guest is about to sleep.
	 */
	smp_mb();
	if (READ_ONCE(ring->shared->interrupt_mask))
		return false;
	return READ_ONCE(ring->shared->read_index) == start;
}

/* Read all packets, and return their number. */
static inline unsigned int host_read(struct host_ring *ring)
{
	uint32_t write = smp_load_acquire(&ring->shared->write_index);
	unsigned int count = 0;

	for (; ring->index != write; count++) {
		uint64_t descriptor = host_next(ring), id = host_next(ring);
		uint32_t words = (uint16_t)(descriptor >> 32) - 2u;

		if (id != ring->number || words > ring->size / 8)
			machine_violation("the host reads packet %llu where %llu has to be",
					  (unsigned long long)id, (unsigned long long)ring->number);
		for (uint32_t i = 0; i < words; i++)
			if (host_next(ring) != host_word(id, i))
				machine_violation("the host reads another payload");
		host_next(ring);
		ring->number++;
	}
	if (count)
		smp_store_release(&ring->shared->read_index, ring->index);
	return count;
}

/*
 * After host_read(), return whether the guest waits for room that exists now
 * but did not exist before.
 */
static inline bool host_must_tell_room(struct host_ring *ring, uint32_t before)
{
	uint32_t pending, write, size = ring->size;

	/*
	 * The guest sees the room when it looks again, or the host sees the
	 * guest's request.
	 */
	smp_mb();
	pending = READ_ONCE(ring->shared->pending_send_sz);
	if (!pending)
		return false;
	write = READ_ONCE(ring->shared->write_index);
	return size - host_used(ring->index, write, size) > pending &&
	       size - host_used(before, write, size) <= pending;
}

/*
 * Return whether the ring is still empty. If so, the guest signals when it adds
 * a packet.
 */
static inline bool host_may_sleep(struct host_ring *ring)
{
	WRITE_ONCE(ring->shared->interrupt_mask, 0);
	/*
	 * The guest sees that the host is about to sleep, or the host sees the
	 * packet.
	 */
	smp_mb();
	return READ_ONCE(ring->shared->write_index) == ring->index;
}

/*
 * Return whether there is still no room for @need bytes. If so, the guest
 * signals when there is.
 */
static inline bool host_may_sleep_for_room(struct host_ring *ring, uint32_t need)
{
	WRITE_ONCE(ring->shared->pending_send_sz, need);
	/* The guest sees the request, or the host sees the room. */
	smp_mb();
	return !host_has_room(ring, need);
}

#endif /* HOST_H */
