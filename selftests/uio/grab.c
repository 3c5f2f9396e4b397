// SPDX-License-Identifier: GPL-2.0-only
/*
 * grab: open /dev/uio0 as soon as it appears, and poll and read it until it is
 * gone, again and again until SIGTERM comes while it is missing. Then print the
 * number of interrupts. An open fails if the host rescinds the device quickly.
 */
#include <poll.h>
#include <sys/inotify.h>

#include "device.h"

int main(void)
{
	unsigned int opens = 0, interrupted = 0;
	struct pollfd created = { .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .events = POLLIN };
	char news[4096];

	setvbuf(stdout, NULL, _IOLBF, 0);
	stop_at_sigterm();
	expect(inotify_add_watch(created.fd, "/dev", IN_CREATE) >= 0, "inotify on /dev");
	while (!stopped && !failures) {
		int fd = open("/dev/uio0", O_RDWR | O_CLOEXEC);
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int32_t events;
		bool any = false;

		if (fd < 0) {
			/*
			 * The open can also fail for other reasons while the
			 * device goes.
			 */
			poll(&created, 1, 50);
			while (read(created.fd, news, sizeof(news)) > 0)
				;
			continue;
		}
		opens++;
		while (poll(&poll_fd, 1, -1) == 1 &&
		       read(fd, &events, sizeof(events)) == sizeof(events))
			any = true;
		interrupted += any;
		close(fd);
	}
	printf("opened %u times, interrupted in %u of them\n", opens, interrupted);
	return exit_status();
}
