// SPDX-License-Identifier: GPL-2.0-only
/*
 * clean_maps CLASS: one process opens a device and fills its rings, and the
 * buffers of a NIC. Another open meanwhile must leave them alone, and the next
 * process must find zeros there, except in the header of each ring, which the
 * kernel and the host initialize.
 */
#include <sys/wait.h>

#include "device.h"

/*
 * The bytes from the write index to the feature bits. The rest of the header
 * page is reserved.
 */
#define HEADER 72

#define FILLED 0x5a

static struct device dev;
static uint8_t expected; /* the bytes that look() must find */

/*
 * Fill SIZE bytes at MEM, or look at them. With RINGS, skip the headers of the
 * two rings.
 */
typedef void act_fn(const char *what, uint8_t *mem, size_t size, bool rings);

static bool in_header(size_t at, size_t size, bool rings)
{
	return rings && at % (size / 2) < HEADER;
}

static void fill(const char *what, uint8_t *mem, size_t size, bool rings)
{
	for (size_t at = 0; at < size; at++)
		if (!in_header(at, size, rings))
			mem[at] = FILLED;
}

static void look(const char *what, uint8_t *mem, size_t size, bool rings)
{
	size_t left = 0, first = 0, last = 0;

	for (size_t at = 0; at < size; at++) {
		if (in_header(at, size, rings) || mem[at] == expected)
			continue;
		first = left++ ? first : at;
		last = at;
	}
	errno = 0;
	expect(!left, "%s: %zu of %zu bytes are not %#x, from %zu to %zu", what, left, size,
	       expected, first, last);
}

static void with(act_fn *act, const char *what, uint8_t *mem, size_t size, bool rings)
{
	if (!expect(mem != MAP_FAILED, "mmap of %zu bytes: %s", size, what))
		return;
	act(what, mem, size, rings);
	munmap(mem, size);
}

/* Open and close the device once more, and look for the bytes of fill(). */
static void open_again(int first, size_t size)
{
	int fd = open(dev.node, O_RDWR | O_CLOEXEC);

	expect(fd >= 0 && !close(fd), "another open of %s", dev.node);
	expected = FILLED;
	with(look, "rings after another open", device_map(first, 0, size), size, true);
	expected = 0;
}

/*
 * Open the device in a process and call @act for each map, and for both ways to
 * map the rings.
 */
static void session(act_fn *act)
{
	static const char *const buffers[] = { "receive buffer", "send buffer" };
	size_t size = device_map_size(&dev, 0);
	unsigned int relid = 0;
	int status = 0, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid) {
		expect(pid > 0 && waitpid(pid, &status, 0) == pid && !status,
		       "the opener ends well");
		return;
	}
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	if (!expect(fd >= 0, "open of %s", dev.node))
		_exit(1);
	with(act, "rings", device_map(fd, 0, size), size, true);
	if (act == fill)
		open_again(fd, size);
	expect(device_rings(&dev, &relid, 1) == 1, "the device has one ring file");
	with(act, "ring file", device_map_ring(&dev, relid, size), size, true);
	/* Maps 3 and 4, which only a NIC has */
	for (unsigned int map = 0; map < 2; map++) {
		size = device_map_size(&dev, 3 + map);
		if (size)
			with(act, buffers[map], device_map(fd, 3 + map, size), size, false);
	}
	expect(!close(fd), "close");
	_exit(exit_status());
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!expect(argc == 2, "usage: clean_maps CLASS") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	session(fill);
	session(look);
	return exit_status();
}
