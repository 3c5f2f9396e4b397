// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packets to send, what a receiver does with them, and the host of the rows
 * that measure one side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"

#define XFER_HEADER 8u
#define GPA_HEADER  8u
#define DESCRIPTOR  16u
#define TRAILER	    8u
#define MAX_PACKET  (DESCRIPTOR + GPA_HEADER + 16 * MAX_RANGES + RANGES_PAYLOAD)

enum { TYPE_XFER_PAGES = 7, TYPE_GPA_DIRECT = 9, COMPLETION_REQUESTED = 1 };

unsigned char target[TARGET_SIZE] APART;

struct signals sender_signals, receiver_signals;

int count_signal(void *count)
{
	++*(uint32_t *)count;
	return 0;
}

static struct {
	APART uint64_t sum;
	volatile uint64_t seen;
} reader;

void see(uint64_t value)
{
	reader.seen = value;
}

/* With four sums, this waits for memory and not for the last addition. */
void read_payload(const void *payload, size_t size)
{
	const uint64_t *word = payload;
	uint64_t sum[4] = { 0 };
	size_t i = 0;

	for (; i + 4 <= size / 8; i += 4)
		for (int k = 0; k < 4; k++)
			sum[k] += word[i + k];
	for (; i < size / 8; i++)
		sum[0] += word[i];
	reader.sum += sum[0] + sum[1] + sum[2] + sum[3];
}

uint64_t read_sum(void)
{
	return reader.sum;
}

uint64_t payload_sum(const struct load *load)
{
	uint64_t sum = 0, word;

	for (size_t i = 0; i < load->size; i += 8) {
		memcpy(&word, load->message + i, 8);
		sum += word;
	}
	return sum;
}

static uint64_t word_of(uint64_t number, size_t i)
{
	return (number << 16 ^ i) * 0x9e3779b97f4a7c15u;
}

static void fill_message(unsigned char *message, size_t size, uint64_t number)
{
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = word_of(number, i);

		memcpy(message + i, &word, 8);
	}
}

/*
 * Return a segment within one page, because DPDK's list can describe nothing
 * else. Transfer pages do not use the page number.
 */
static struct segment segment_of(uint64_t number, unsigned int i)
{
	uint64_t word = word_of(number, MAX_MESSAGE + i);

	return (struct segment){ .page = word >> 24,
				 .offset = (uint32_t)(word >> 11) % 2048,
				 .length = 64 + (uint32_t)word % 1024 };
}

static size_t range_bytes(enum kind kind)
{
	return kind == GPA_DIRECT ? 16 : 8;
}

static size_t header_bytes(enum kind kind, unsigned int ranges)
{
	return DESCRIPTOR + (kind == MESSAGE ? 0 : XFER_HEADER + ranges * range_bytes(kind));
}

size_t packet_bytes(enum kind kind, size_t size, unsigned int ranges)
{
	return header_bytes(kind, ranges) + size + TRAILER;
}

/* Fill a packet with ranges, in the form that it has in the ring. */
static void fill_packet(unsigned char *packet, enum kind kind, uint64_t number,
			const struct segment *segments, unsigned int ranges,
			const unsigned char *message, size_t size)
{
	const size_t header = header_bytes(kind, ranges), total = header + size;
	const uint16_t descriptor[4] = {
		kind == GPA_DIRECT ? TYPE_GPA_DIRECT : TYPE_XFER_PAGES,
		(uint16_t)(header / 8),
		(uint16_t)(total / 8),
		COMPLETION_REQUESTED,
	};
	const uint32_t counts[2] = { kind == GPA_DIRECT ? 0 : RANGES_SET, ranges };
	unsigned char *p = packet + DESCRIPTOR;

	memcpy(packet, descriptor, sizeof(descriptor));
	memcpy(packet + 8, &number, 8);
	memcpy(p, counts, sizeof(counts));
	p += sizeof(counts);
	for (unsigned int i = 0; i < ranges; i++, p += range_bytes(kind)) {
		memcpy(p, &segments[i].length, 4);
		memcpy(p + 4, &segments[i].offset, 4);
		if (kind == GPA_DIRECT)
			memcpy(p + 8, &segments[i].page, 8);
	}
	memcpy(p, message, size);
}

static unsigned char messages[MAX_BURST][MAX_MESSAGE] APART;
static struct segment segments[MAX_BURST * MAX_RANGES] APART;
static unsigned char packets[MAX_BURST][MAX_PACKET] APART;

void fill_load(struct load *load, enum kind kind, size_t size, unsigned int ranges, uint64_t first,
	       int burst)
{
	*load = (struct load){
		.first = first,
		.message = messages[0],
		.size = size,
		.stride = sizeof(messages[0]),
		.segments = segments,
		.ranges = ranges,
		.packet = packets[0],
		.packet_size = header_bytes(kind, ranges) + size,
		.packet_stride = sizeof(packets[0]),
	};
	for (int i = 0; i < burst; i++) {
		uint64_t number = first + (uint64_t)i;
		struct segment *own = segments + (unsigned int)i * ranges;

		fill_message(messages[i], size, number);
		for (unsigned int k = 0; k < ranges; k++)
			own[k] = segment_of(number, k);
		if (kind != MESSAGE)
			fill_packet(packets[i], kind, number, own, ranges, messages[i], size);
	}
}

void fill_alike(struct load *load, enum kind kind, size_t size, unsigned int ranges)
{
	fill_load(load, kind, size, ranges, 0, MAX_BURST);
	load->stride = 0;
	load->packet_stride = 0;
}

static struct {
	APART const char *of;
	uint64_t number;
	size_t size;
	unsigned int ranges;
} expected;

void expect(const char *of, size_t size, unsigned int ranges)
{
	expected.of = of;
	expected.number = 0;
	expected.size = size;
	expected.ranges = ranges;
}

uint64_t verified(void)
{
	return expected.number;
}

static void wrong(const char *what)
{
	fprintf(stderr,
		"ring: %s: packet %llu of %zu bytes with %u ranges arrived with another %s\n",
		expected.of, (unsigned long long)expected.number, expected.size, expected.ranges,
		what);
	exit(1);
}

static void verify_payload(const void *payload, size_t size)
{
	unsigned char message[MAX_MESSAGE];

	fill_message(message, expected.size, expected.number);
	if (size != expected.size)
		wrong("size");
	if (memcmp(payload, message, size))
		wrong("payload");
}

void verify_message(const void *payload, size_t size)
{
	verify_payload(payload, size);
	expected.number++;
}

void verify_xfer(uint16_t set, const struct segment *ranges, unsigned int count,
		 const void *payload, size_t size)
{
	if (set != RANGES_SET)
		wrong("set");
	if (count != expected.ranges)
		wrong("number of ranges");
	for (unsigned int i = 0; i < count; i++) {
		struct segment own = segment_of(expected.number, i);

		if (ranges[i].offset != own.offset || ranges[i].length != own.length)
			wrong("range");
	}
	verify_payload(payload, size);
	expected.number++;
}

/* The host's end of the ring */

struct header {
	_Atomic uint32_t write_index, read_index;
};

static struct {
	APART struct header *shared;
	unsigned char *data;
	uint32_t size;
	APART uint32_t write;
	APART uint32_t read;
} host;

void host_open(void *ring, size_t size)
{
	host.shared = ring;
	host.data = (unsigned char *)ring + RING_HEADER;
	host.size = (uint32_t)size;
	host.write = 0;
	host.read = 0;
}

static uint32_t distance(uint32_t from, uint32_t to)
{
	return to >= from ? to - from : host.size - (from - to);
}

static uint32_t put(uint32_t index, const void *from, size_t size)
{
	size_t first = host.size - index;

	if (first > size)
		first = size;
	memcpy(host.data + index, from, first);
	if (size > first)
		memcpy(host.data, (const unsigned char *)from + first, size - first);
	index += (uint32_t)size;
	return index < host.size ? index : index - host.size;
}

int host_send(const struct load *load, int burst)
{
	uint32_t read = __atomic_load_n(&host.shared->read_index, __ATOMIC_ACQUIRE);
	uint32_t room = host.size - distance(read, host.write), index = host.write;
	uint32_t need = (uint32_t)load->packet_size + TRAILER;
	int sent;

	for (sent = 0; sent < burst && need < room; sent++, room -= need) {
		uint64_t trailer = (uint64_t)index << 32;

		index = put(index, load->packet + (size_t)sent * load->packet_stride,
			    load->packet_size);
		index = put(index, &trailer, sizeof(trailer));
	}
	host.write = index;
	if (sent)
		__atomic_store_n(&host.shared->write_index, index, __ATOMIC_RELEASE);
	return sent;
}

static void verify_gpa(uint32_t index, uint32_t total)
{
	unsigned char message[RANGES_PAYLOAD], packet[MAX_PACKET], arrived[MAX_PACKET];
	struct segment own[MAX_RANGES];
	uint64_t trailer;

	fill_message(message, expected.size, expected.number);
	for (unsigned int i = 0; i < expected.ranges; i++)
		own[i] = segment_of(expected.number, i);
	fill_packet(packet, GPA_DIRECT, expected.number, own, expected.ranges, message,
		    expected.size);
	if (total + TRAILER != packet_bytes(GPA_DIRECT, expected.size, expected.ranges))
		wrong("size");
	for (uint32_t i = 0; i < total; i++)
		arrived[i] = host.data[(index + i) % host.size];
	if (memcmp(arrived, packet, total))
		wrong("content");
	memcpy(&trailer, host.data + (index + total) % host.size, sizeof(trailer));
	if (trailer >> 32 != index)
		wrong("trailer");
	expected.number++;
}

/* Read only the length of each packet, to find the next packet. */
static inline __attribute__((always_inline)) int take(int burst, enum use use)
{
	uint32_t write = __atomic_load_n(&host.shared->write_index, __ATOMIC_ACQUIRE);
	uint32_t left = distance(host.read, write), index = host.read;
	int got;

	for (got = 0; got < burst && left; got++) {
		uint16_t total;

		memcpy(&total, host.data + index + 4, sizeof(total));
		if (use == VERIFY)
			verify_gpa(index, total * 8u);
		left -= total * 8u + TRAILER;
		index += total * 8u + TRAILER;
		if (index >= host.size)
			index -= host.size;
	}
	host.read = index;
	if (got)
		__atomic_store_n(&host.shared->read_index, index, __ATOMIC_RELEASE);
	return got;
}

int host_recv(int burst)
{
	return take(burst, LEAVE);
}

int host_verify(int burst)
{
	return take(burst, VERIFY);
}
