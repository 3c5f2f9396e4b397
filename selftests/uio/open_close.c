// SPDX-License-Identifier: GPL-2.0-only
/* open_close CLASS COUNT: open, map, use and close a device COUNT times */
#include "device.h"

int main(int argc, char **argv)
{
	struct device dev;

	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	if (!expect(argc == 3, "usage: open_close CLASS COUNT") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	for (int i = 0; i < atoi(argv[2]) && !failures; i++)
		device_use(&dev, "open_close", i);
	return exit_status();
}
