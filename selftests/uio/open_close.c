// SPDX-License-Identifier: GPL-2.0-only
/* open_close CLASS COUNT: open, map, use and close a device COUNT times */
#include "device.h"

int main(int argc, char **argv)
{
	struct device dev;
	int32_t one = 1;
	size_t size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	if (!expect(argc == 3, "usage: open_close CLASS COUNT") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	size = device_map_size(&dev, 0);
	for (int i = 0; i < atoi(argv[2]) && !failures; i++) {
		int fd = open(dev.node, O_RDWR | O_CLOEXEC);
		uint8_t *mem;

		if (!expect(fd >= 0, "open %d", i))
			break;
		mem = device_map(fd, 0, size);
		expect(mem != MAP_FAILED && !touch(mem + 128), "mmap %d", i);
		expect(write(fd, &one, sizeof(one)) == sizeof(one), "write %d", i);
		/* The mapping keeps the device open. */
		expect(!close(fd), "close %d", i);
		munmap(mem, size);
	}
	return exit_status();
}
