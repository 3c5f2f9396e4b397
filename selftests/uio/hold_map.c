// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold_map CLASS uio|ring: map the rings of a device through /dev/uioN or
 * through the primary's ring file, close the files, print "ready", and keep the
 * mapping until SIGTERM. The mapping must always show the same memory.
 */
#include "device.h"

#define MARK 0x5a

int main(int argc, char **argv)
{
	const char *how = argc == 3 ? argv[2] : "";
	unsigned int relid = 0;
	struct device dev;
	uint8_t *mem;
	size_t size;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	if (!expect(!strcmp(how, "uio") || !strcmp(how, "ring"),
		    "usage: hold_map CLASS uio|ring") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	stop_at_sigterm();
	size = device_map_size(&dev, 0);
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	if (!expect(fd >= 0, "open of %s", dev.node))
		return exit_status();
	if (!strcmp(how, "uio")) {
		mem = device_map(fd, 0, size);
	} else {
		expect(device_rings(&dev, &relid, 1) == 1, "the primary has a ring file");
		mem = device_map_ring(&dev, relid, size);
	}
	close(fd);
	if (!expect(mem != MAP_FAILED, "mmap of %zu bytes", size))
		return exit_status();
	if (expect(!touch(mem + size - 1), "the last byte can be touched"))
		mem[size - 1] = MARK;
	printf("ready\n");
	while (!stopped)
		sleep_us(10000);
	errno = 0;
	expect(!touch(mem + size - 1) && mem[size - 1] == MARK, "the last byte is as it was");
	munmap(mem, size);
	return exit_status();
}
