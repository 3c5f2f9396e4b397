// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescind_while CLASS STATE: hold a device in a state, print "ready", and end
 * when the host has rescinded the device and everything has ended as it must.
 * STATE is open, read, poll or mapped; or reopen, which opens and closes the
 * device, and each device of the class that appears later, without a pause
 * until SIGTERM.
 */
#include <poll.h>

#include "device.h"

#define LIMIT_MS 60000

static int64_t until;

static bool in_time(void)
{
	errno = 0;
	return expect(now_ms() < until, "the device is taken away within %d s", LIMIT_MS / 1000);
}

/*
 * The directory of uioN at the time when the device was found. The host may
 * offer the device again under its name before the program looks. The directory
 * becomes empty when UIO unregisters the device; the mappings go a moment
 * later.
 */
static int folder;

static bool is_there(void)
{
	return !faccessat(folder, "name", F_OK, 0);
}

static void hold_read(int fd)
{
	int32_t count;

	while (read(fd, &count, sizeof(count)) == sizeof(count))
		;
	expect(errno == EIO, "the blocked read gives EIO");
}

static void hold_poll(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int32_t count;

	do {
		if (!expect(poll(&poll_fd, 1, LIMIT_MS) == 1, "poll ends"))
			return;
	} while (read(fd, &count, sizeof(count)) == sizeof(count));
	expect(errno == EIO, "read after poll gives EIO");
}

static void hold_mapped(const struct device *dev, int fd)
{
	size_t size = device_map_size(dev, 0), page = (size_t)getpagesize();
	unsigned int relid = 0;
	uint8_t *map = device_map(fd, 0, size), *ring;

	device_rings(dev, &relid, 1);
	ring = device_map_ring(dev, relid, size);
	if (!expect(map != MAP_FAILED && ring != MAP_FAILED, "mmap of %s and its ring file",
		    dev->node))
		return;
	while (in_time()) {
		size_t left = 0;

		for (size_t at = 0; at < size; at += page)
			left += !touch(map + at + 128) + !touch(ring + at + 128);
		if (!left)
			break;
		sleep_us(100);
	}
	munmap(map, size);
	munmap(ring, size);
}

/* Open and close the device through any number of rescinds, until SIGTERM. */
static void reopen(const char *class)
{
	unsigned int opens = 0, refused = 0;
	int32_t one = 1;
	struct device dev;

	stop_at_sigterm();
	while (!stopped) {
		size_t size;
		uint8_t *map;
		int fd;

		if (device_wait(class, &dev, 1000))
			continue;
		size = device_map_size(&dev, 0);
		fd = open(dev.node, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			refused++;
			continue;
		}
		opens++;
		map = device_map(fd, 0, size ? size : 1);
		if (map != MAP_FAILED) {
			touch(map + 128);
			munmap(map, size);
		}
		/* The write fails if the device has just gone. */
		if (write(fd, &one, sizeof(one)) < 0)
			refused++;
		expect(!close(fd), "close");
	}
	printf("opened %u times, refused %u times\n", opens, refused);
}

int main(int argc, char **argv)
{
	const char *state = argc == 3 ? argv[2] : "";
	char path[PATH_MAX];
	struct device dev;
	int32_t count;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	if (!expect(argc == 3, "usage: rescind_while CLASS STATE"))
		return exit_status();
	if (!strcmp(state, "reopen")) {
		reopen(argv[1]);
		return exit_status();
	}
	if (!expect(!device_wait(argv[1], &dev, 20000), "the device is bound"))
		return exit_status();
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/uio/%s", dev.instance, dev.uio);
	folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!expect(fd >= 0 && folder >= 0, "open of %s", dev.node))
		return exit_status();
	until = now_ms() + LIMIT_MS;
	printf("ready\n");
	if (!strcmp(state, "read"))
		hold_read(fd);
	else if (!strcmp(state, "poll"))
		hold_poll(fd);
	else if (!strcmp(state, "mapped"))
		hold_mapped(&dev, fd);
	else if (!expect(!strcmp(state, "open"), "unknown state '%s'", state))
		return exit_status();
	while (is_there() && in_time())
		sleep_us(1000);
	expect(read(fd, &count, sizeof(count)) < 0 && errno == EIO, "a later read gives EIO");
	expect(device_map(fd, 0, (size_t)getpagesize()) == MAP_FAILED, "a later mmap fails");
	expect(!close(fd), "close");
	return exit_status();
}
