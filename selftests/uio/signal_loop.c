// SPDX-License-Identifier: GPL-2.0-only
/*
 * signal_loop CLASS SESSIONS: signal and mask all channels of a device without
 * a pause, in sessions of up to 300 ms, while the host offers sub-channels in
 * each session. The program runs until SIGTERM has come and it has seen a
 * sub-channel in SESSIONS sessions. It prints the number of channels.
 */
#include "device.h"

int main(int argc, char **argv)
{
	unsigned int sessions = 0, with_subs = 0, most = 0, channels, relid;
	unsigned long writes = 0;
	int32_t on = 0;
	struct device dev;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!expect(argc == 3, "usage: signal_loop CLASS SESSIONS") ||
	    !expect(!device_wait(argv[1], &dev, 10000), "the device is bound"))
		return exit_status();
	stop_at_sigterm();
	srandom(1);
	while ((with_subs < strtoul(argv[2], NULL, 10) || !stopped) && !failures) {
		int64_t session = now_ms() + random() % 300;
		int fd = open(dev.node, O_RDWR | O_CLOEXEC);

		if (!expect(fd >= 0, "open of %s", dev.node))
			break;
		while (now_ms() < session) {
			for (int i = 0; i < 100; i++, on = !on)
				expect(write(fd, &on, sizeof(on)) == sizeof(on), "write %d", on);
			writes += 100;
		}
		channels = device_rings(&dev, &relid, 1);
		most = channels > most ? channels : most;
		with_subs += channels > 1;
		sessions++;
		close(fd);
	}
	printf("%lu writes in %u sessions, %u with sub-channels, up to %u channels\n", writes,
	       sessions, with_subs, most);
	return exit_status();
}
