// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nanoseconds for a message to be sent and received through a ring in memory, one thread, against the two bare copies that
 * it cannot do without. Median of interleaved repetitions, with the lowest and highest.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vmbus_bufring.h>

#define RING		(256u << 10)
#define REPETITIONS	9
#define BYTES		(32u << 20)

static char source[8192], target[8192], between[RING];

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void fail(const char *what, int err)
{
	fprintf(stderr, "ring: %s: %s\n", what, strerror(-err));
	exit(1);
}

static double through_ring(struct vmbus_channel *from, struct vmbus_channel *to, size_t size, int burst, long count)
{
	struct vmbus_packet pkt;
	uint64_t start = now();
	int err;

	for (long done = 0; done < count; done += burst) {
		for (int i = 0; i < burst; i++) {
			err = vmbus_queue(from, VMBUS_PACKET_INBAND, 0, i, source, size);
			if (err)
				fail("vmbus_queue", err);
		}
		err = vmbus_publish(from);
		if (err < 0)
			fail("vmbus_publish", err);
		for (int i = 0; i < burst; i++) {
			err = vmbus_recv(to, &pkt, target, sizeof(target));
			if (err)
				fail("vmbus_recv", err);
		}
	}
	return (double)(now() - start) / count;
}

static double two_copies(size_t size, int burst, long count)
{
	size_t at = 0;
	uint64_t start = now();

	for (long done = 0; done < count; done += burst) {
		size_t first = at;

		for (int i = 0; i < burst; i++) {
			if (at + size > sizeof(between))
				at = 0;
			memcpy(between + at, source, size);
			at += size;
			__asm__ volatile("" : : "r"(between) : "memory");
		}
		for (int i = 0; i < burst; i++) {
			if (first + size > sizeof(between))
				first = 0;
			memcpy(target, between + first, size);
			first += size;
			__asm__ volatile("" : : "r"(target) : "memory");
		}
	}
	return (double)(now() - start) / count;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(void)
{
	static const size_t sizes[] = { 16, 64, 256, 1024, 6144 };
	static const int bursts[] = { 1, 8, 32 };
	struct vmbus_channel *guest, *host;
	int err = vmbus_channel_pair(RING, &guest, &host);

	if (err)
		fail("vmbus_channel_pair", err);
	memset(source, 0x5a, sizeof(source));
	printf("libvmbus_bufring %s, one thread, ring of %u bytes, %d repetitions: ns for a message sent and received\n",
	       vmbus_version(), RING, REPETITIONS);
	printf("%8s %6s   %-24s %-24s %s\n", "bytes", "burst", "ring (low-high)", "two copies (low-high)", "ratio");
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t b = 0; b < sizeof(bursts) / sizeof(bursts[0]); b++) {
			long count = BYTES / (sizes[s] + 64) / bursts[b] * bursts[b];
			double ring[REPETITIONS], copies[REPETITIONS];

			for (int r = 0; r < REPETITIONS; r++) {
				ring[r] = through_ring(guest, host, sizes[s], bursts[b], count);
				copies[r] = two_copies(sizes[s], bursts[b], count);
			}
			qsort(ring, REPETITIONS, sizeof(ring[0]), compare);
			qsort(copies, REPETITIONS, sizeof(copies[0]), compare);
			printf("%8zu %6d   %7.1f (%.1f-%.1f)%*s%7.1f (%.1f-%.1f)%*s%5.2f\n", sizes[s], bursts[b],
			       ring[REPETITIONS / 2], ring[0], ring[REPETITIONS - 1], 4, "",
			       copies[REPETITIONS / 2], copies[0], copies[REPETITIONS - 1], 4, "",
			       ring[REPETITIONS / 2] / copies[REPETITIONS / 2]);
		}
	}
	vmbus_channel_close(guest);
	vmbus_channel_close(host);
	return 0;
}
