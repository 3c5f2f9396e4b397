/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The implementations of a VMBus ring that the benchmark measures, and what
 * they share.
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stddef.h>
#include <stdint.h>

#define MAX_BURST      32
#define MAX_MESSAGE    6144
#define MAX_RANGES     16
#define RANGES_PAYLOAD 40	  /* of a packet with ranges, as netvsc has it */
#define RANGES_BUFFER  (1u << 20) /* what the ranges of transfer pages point into */
#define RANGES_SET     0xcafe
#define RING_HEADER    4096

/*
 * This is the distance between the data that one thread writes and the data
 * that the other uses, because a processor may fetch cache lines in pairs.
 */
#define APART __attribute__((aligned(128)))

/* The kind of the packets, which determines the side that is measured */
enum kind {
	MESSAGE,    /* in-band, sent and received by the contender */
	GPA_DIRECT, /* sent by the contender to the benchmark's host */
	XFER_PAGES, /* sent by the benchmark's host to the contender */
	KINDS
};

/* What the receiver does with a packet once it has it */
enum use {
	/*
	 * It leaves the payload alone. A receiver that has not copied the
	 * payload reads its first eight bytes.
	 */
	LEAVE,
	READ, /* it reads the whole payload */
	/*
	 * It compares the packet with the one that must have been sent. This is
	 * never timed.
	 */
	VERIFY,
	USES
};

/* Memory that a packet points to */
struct segment {
	uint64_t page;
	uint32_t offset;
	uint32_t length;
};

/*
 * A burst to send. Its packet i uses message + i * stride, segments + i *
 * ranges, and packet + i * packet_stride.
 */
struct load {
	uint64_t first; /* transaction id of packet 0; the ids count up */
	const unsigned char *message;
	size_t size, stride;
	const struct segment *segments;
	unsigned int ranges;
	const unsigned char *packet; /* as the benchmark's host sends it, without the trailer */
	size_t packet_size, packet_stride;
};

/* The message of packet @number, which some callers do not take as const */
static inline void *message_of(const struct load *load, int number)
{
	return (void *)(uintptr_t)(load->message + (size_t)number * load->stride);
}

struct contender {
	const char *name;
	/*
	 * Use two reset rings with @size bytes of data after RING_HEADER bytes.
	 * All packets go through @ring. Returns 0 or -errno.
	 */
	int (*open)(void *ring, void *other, size_t size);
	void (*close)(void);
	/*
	 * Send at most @burst (1 to MAX_BURST) packets, publish them, and
	 * signal if necessary. Returns the number of packets, or -errno. NULL
	 * if the contender has no such packets.
	 */
	int (*send[KINDS])(const struct load *load, int burst);
	/*
	 * Receive at most @burst packets, and signal if the sender waits for
	 * room. Returns what send returns.
	 */
	int (*recv[KINDS][USES])(int burst);
};

extern const struct contender ours_copy, ours_in_place, ours_locked, fenced;
#ifdef PEERS
extern const struct contender dpdk, tools_hv;
#endif

/*
 * Every contender signals with the same call, which only counts.
 */
struct signals {
	APART uint32_t count;
};
extern struct signals sender_signals, receiver_signals;
int count_signal(void *count);

/*
 * Every contender that copies receives into this. It has room for one large
 * packet, or for a burst of small ones.
 */
#define TARGET_SIZE (MAX_MESSAGE + 128)
extern unsigned char target[TARGET_SIZE];

/*
 * Receivers call these for each packet. They are the same functions for all,
 * and none is inlined.
 */
void read_payload(const void *payload, size_t size);
void verify_message(const void *payload, size_t size);
void verify_xfer(uint16_t set, const struct segment *ranges, unsigned int count,
		 const void *payload, size_t size);
/* Store @value where the compiler cannot drop it */
void see(uint64_t value);

static inline __attribute__((always_inline)) void use_message(enum use use, const void *payload,
							      size_t size)
{
	if (use == READ)
		read_payload(payload, size);
	else if (use == VERIFY)
		verify_message(payload, size);
}

/* Define a receiver for one use, for which the compiler optimizes it. */
#define WITH_USE(function, use, name)        \
	static int name(int burst)           \
	{                                    \
		return function(burst, use); \
	}

/*
 * The benchmark's host is the other end if only one side is measured. It checks
 * and signals nothing, and publishes once.
 */
void host_open(void *ring, size_t size);
int host_send(const struct load *load, int burst);
int host_recv(int burst);
int host_verify(int burst);

#endif
