// SPDX-License-Identifier: GPL-2.0-only
/*
 * clean_rings CLASS: a process opens a device and fills its rings; the next one that opens it must find zeroes, but for the header of
 * each ring that the kernel and the host initialize.
 */
#include <sys/wait.h>

#include "device.h"
#include "pattern.h"

/* From the write index to the feature bits. The rest of the header page is reserved. */
#define HEADER 72

static struct device dev;

static bool in_header(size_t at, size_t half)
{
	return at % half < HEADER;
}

static void fill(uint8_t *rings, size_t size)
{
	for (size_t at = 0; at < size; at++)
		if (!in_header(at, size / 2))
			rings[at] = pattern(1, (uint32_t)at) | 1;
}

static void look(uint8_t *rings, size_t size)
{
	size_t left = 0, first = 0, last = 0;

	for (size_t at = 0; at < size; at++) {
		if (in_header(at, size / 2) || !rings[at])
			continue;
		first = left++ ? first : at;
		last = at;
	}
	errno = 0;
	expect(!left, "%zu of %zu bytes are the last opener's, from %zu to %zu", left, size, first, last);
}

/* Does something with the rings, mapped both ways, in a process that opens the device. */
static void session(void (*act)(uint8_t *rings, size_t size))
{
	size_t size = device_map_size(&dev, 0);
	unsigned int relid = 0;
	int status = 0, fd;
	uint8_t *rings;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid) {
		expect(pid > 0 && waitpid(pid, &status, 0) == pid && !status, "the opener ends well");
		return;
	}
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	if (!expect(fd >= 0, "open of %s", dev.node))
		_exit(1);
	rings = device_map(fd, 0, size);
	if (expect(rings != MAP_FAILED, "mmap of %zu bytes", size))
		act(rings, size);
	munmap(rings, size);
	expect(device_rings(&dev, &relid, 1) == 1, "the device has one ring file");
	rings = device_map_ring(&dev, relid, size);
	if (expect(rings != MAP_FAILED, "mmap of the ring file"))
		act(rings, size);
	munmap(rings, size);
	expect(!close(fd), "close");
	_exit(exit_status());
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!expect(argc == 2, "usage: clean_rings CLASS") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	session(fill);
	session(look);
	return exit_status();
}
