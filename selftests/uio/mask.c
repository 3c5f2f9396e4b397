// SPDX-License-Identifier: GPL-2.0-only
/*
 * mask CLASS CHANNELS TAKEN: open a device, wait until it has CHANNELS ring
 * files, and let the driver mask and unmask the interrupts of all channels.
 * Then put a packet into the ring of each channel, and write 1 to the device.
 * Within two seconds the host must take TAKEN of these packets.
 */
#include "device.h"

#define MAX_CHANNELS 8
/* Offsets of 32-bit words in the header of a ring */
#define RING_WRITE 0
#define RING_READ  4
#define RING_MASK  8

/* The rings of each channel: tx, and in the second half rx */
static uint8_t *rings[MAX_CHANNELS];
static size_t bytes; /* of both */
static unsigned int channels;

static uint32_t *word(uint8_t *ring, size_t offset)
{
	return (uint32_t *)(ring + offset);
}

static uint32_t get(uint8_t *ring, size_t offset)
{
	return __atomic_load_n(word(ring, offset), __ATOMIC_SEQ_CST);
}

static bool masks_are(uint32_t value)
{
	for (unsigned int i = 0; i < channels; i++)
		if (get(rings[i] + bytes / 2, RING_MASK) != value)
			return false;
	return true;
}

/* Write an in-band packet with 8 bytes of payload to an empty ring. */
static void put(uint8_t *tx)
{
	uint32_t at = get(tx, RING_WRITE);
	const uint64_t packet[] = { 6 | 2ull << 16 | 3ull << 32, 0, 0x2a, (uint64_t)at << 32 };

	memcpy(tx + getpagesize() + at, packet, sizeof(packet));
	__atomic_store_n(word(tx, RING_WRITE), at + (uint32_t)sizeof(packet), __ATOMIC_SEQ_CST);
}

static unsigned int taken(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < channels; i++)
		count += get(rings[i], RING_READ) == get(rings[i], RING_WRITE);
	return count;
}

static int control(int fd, int32_t on)
{
	return write(fd, &on, sizeof(on)) == sizeof(on) ? 0 : -errno;
}

int main(int argc, char **argv)
{
	unsigned int relids[MAX_CHANNELS];
	const uint8_t zeros[8] = { 0 };
	struct device dev;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!expect(argc == 4, "usage: mask CLASS CHANNELS TAKEN") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	channels = (unsigned int)atoi(argv[2]);
	bytes = device_map_size(&dev, 0);
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	if (!expect(fd >= 0, "open of %s", dev.node) ||
	    !expect(channels <= MAX_CHANNELS &&
			    WITHIN(10000, device_rings(&dev, relids, channels) == channels),
		    "%u ring files", channels))
		return exit_status();
	for (unsigned int i = 0; i < channels; i++) {
		rings[i] = device_map_ring(&dev, relids[i], bytes);
		if (!expect(rings[i] != MAP_FAILED, "mmap of the rings of channel %u", relids[i]))
			return exit_status();
	}

	expect(!control(fd, 0) && masks_are(1), "a write of 0 masks all channels");
	expect(!control(fd, 1) && masks_are(0), "a write of 1 unmasks them");
	for (size_t n = 1; n <= sizeof(zeros); n++)
		expect(n == 4 || (write(fd, zeros, n) < 0 && errno == EINVAL),
		       "a write of %zu bytes is refused", n);
	expect(masks_are(0), "and changes no mask");

	for (unsigned int i = 0; i < channels; i++)
		put(rings[i]);
	expect(!taken(), "the host takes no packet without a signal");
	expect(!control(fd, 1), "a write of 1");
	WITHIN(2000, taken() == channels);
	expect(taken() == (unsigned int)atoi(argv[3]), "the host took %u packets", taken());
	return exit_status();
}
