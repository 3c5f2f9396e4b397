// SPDX-License-Identifier: GPL-2.0-only
/*
 * unbind_open CLASS CHANNELS ROUNDS: unbind a device while it is open, mapped
 * in two processes, read and polled, and bind it again while the old files and
 * mappings still exist. Each round opens the device again, and waits until
 * CHANNELS channels have a ring file.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

#include "../kselftest/wait.h"
#include "device.h"

#define MAX_CHANNELS 64
#define MAX_MAPPINGS (UIO_MAPS + MAX_CHANNELS)

struct mapping {
	char what[32];
	uint8_t *mem;
	size_t size;
};

static void *reader(void *arg)
{
	int32_t count;

	while (read(*(int *)arg, &count, sizeof(count)) == sizeof(count))
		;
	return (void *)(intptr_t)errno;
}

static void *poller(void *arg)
{
	struct pollfd poll_fd = { .fd = *(int *)arg, .events = POLLIN };

	return (void *)(intptr_t)(poll(&poll_fd, 1, -1) == 1 ? poll_fd.revents : 0);
}

static void add(struct mapping *mapping, const char *what, unsigned int number, void *mem,
		size_t size)
{
	snprintf(mapping->what, sizeof(mapping->what), "%s %u", what, number);
	expect(mem != MAP_FAILED, "mmap of %s", mapping->what);
	mapping->mem = mem == MAP_FAILED ? NULL : mem;
	mapping->size = size;
}

static unsigned int map_all(const struct device *dev, int fd, struct mapping *mappings,
			    unsigned int channels)
{
	unsigned int relids[MAX_CHANNELS], count = 0;
	size_t size = device_map_size(dev, 0);

	for (unsigned int i = 0; i < UIO_MAPS; i++)
		add(&mappings[count++], "map", i, device_map(fd, i, device_map_size(dev, i)),
		    device_map_size(dev, i));
	device_rings(dev, relids, MAX_CHANNELS);
	for (unsigned int i = 0; i < channels; i++)
		add(&mappings[count++], "ring of channel", relids[i],
		    device_map_ring(dev, relids[i], size), size);
	return count;
}

/*
 * Touch every second page, so that some pages are mapped later and others never
 * were.
 */
static void touch_half(const struct mapping *mapping)
{
	for (size_t at = 0; mapping->mem && at < mapping->size; at += 2 * (size_t)getpagesize())
		expect(!touch(mapping->mem + at + 128), "%s can be used at %zu", mapping->what, at);
}

static void expect_gone(const struct mapping *mapping, const char *when)
{
	size_t left = 0;

	for (size_t at = 0; mapping->mem && at < mapping->size; at += (size_t)getpagesize())
		left += !touch(mapping->mem + at + 128);
	errno = 0;
	expect(!left, "%s: %zu pages can still be used %s", mapping->what, left, when);
}

/*
 * Start another process with the same mappings. It succeeds when the last
 * mapping is gone.
 */
static pid_t start_other(const struct mapping *mappings, unsigned int count)
{
	int64_t until = now_ms() + 30000;
	pid_t pid = fork();

	if (pid)
		return pid;
	for (unsigned int i = 0; i < count; i++)
		while (mappings[i].mem && !touch(mappings[i].mem + 128) && now_ms() < until)
			sleep_us(500);
	_exit(now_ms() < until ? 0 : 1);
}

/* A reader, a poller and another process that use a device. */
struct users {
	pthread_t threads[2];
	pid_t other;
};

/* Start the users, and wait until the reader and the poller sleep. */
static void start_users(struct users *users, int *fds, const struct mapping *mappings,
			unsigned int count)
{
	users->other = start_other(mappings, count);
	pthread_create(&users->threads[0], NULL, reader, &fds[0]);
	pthread_create(&users->threads[1], NULL, poller, &fds[1]);
	until_others_sleep();
}

/* Check that nothing of an unbound device can be used any more. */
static void expect_unusable(struct users *users, int fd, const struct mapping *mappings,
			    unsigned int count)
{
	int32_t one = 1;
	void *result;
	uint8_t *mem;

	for (unsigned int i = 0; i < count; i++)
		expect_gone(&mappings[i], "after unbinding");
	pthread_join(users->threads[0], &result);
	errno = (int)(intptr_t)result;
	expect(errno == EIO, "the blocked read gives EIO");
	pthread_join(users->threads[1], &result);
	errno = 0;
	expect(result, "poll ends");
	expect(read(fd, &one, sizeof(one)) < 0 && errno == EIO, "a later read gives EIO");
	expect(write(fd, &one, sizeof(one)) < 0, "a later write fails");
	mem = device_map(fd, 0, (size_t)getpagesize());
	expect(mem == MAP_FAILED || touch(mem), "a later mmap fails, or its touch does");
	if (mem != MAP_FAILED)
		munmap(mem, (size_t)getpagesize());
}

/* Check that the device works again, and that the old mappings do not. */
static void expect_new_device(const struct device *again, const struct mapping *mappings,
			      unsigned int count)
{
	size_t size = device_map_size(again, 0);
	int fd = open(again->node, O_RDWR | O_CLOEXEC);
	uint8_t *mem;

	expect(fd >= 0, "open of %s", again->node);
	mem = device_map(fd, 0, size);
	expect(mem != MAP_FAILED && !touch(mem + 128), "the new rings can be used");
	for (unsigned int i = 0; i < count; i++)
		expect_gone(&mappings[i], "after binding again");
	if (mem != MAP_FAILED)
		munmap(mem, size);
	expect(!close(fd), "close of the new file");
}

static bool round_trip(const char *class, unsigned int channels)
{
	struct mapping mappings[MAX_MAPPINGS];
	unsigned int relids[1], count;
	struct device dev, again;
	struct users users;
	int fds[2], status;

	if (!expect(!device_wait(class, &dev, 10000), "the device is bound"))
		return false;
	fds[0] = open(dev.node, O_RDWR | O_CLOEXEC);
	fds[1] = open(dev.node, O_RDWR | O_CLOEXEC);
	if (!expect(fds[0] >= 0 && fds[1] >= 0, "open of %s", dev.node))
		return false;
	WITHIN(20000, device_rings(&dev, relids, 1) >= channels);
	errno = 0;
	if (!expect(device_rings(&dev, relids, 1) == channels, "%u channels have a ring file",
		    channels))
		return false;
	device_quiet(fds[0]);
	device_quiet(fds[1]);
	count = map_all(&dev, fds[0], mappings, channels);
	/* The last of the three maps stays untouched. */
	for (unsigned int i = 0; i < count; i++)
		if (i != UIO_MAPS - 1)
			touch_half(&mappings[i]);
	start_users(&users, fds, mappings, count);

	expect(!device_unbind(&dev), "unbind");
	expect_unusable(&users, fds[0], mappings, count);

	expect(!device_bind(&dev), "bind");
	if (expect(!device_wait(class, &again, 10000), "the device is bound again"))
		expect_new_device(&again, mappings, count);
	expect(waitpid(users.other, &status, 0) == users.other && !status,
	       "the other process lost its mappings too");
	for (unsigned int i = 0; i < count; i++)
		if (mappings[i].mem)
			expect(!munmap(mappings[i].mem, mappings[i].size), "munmap of %s",
			       mappings[i].what);
	expect(!close(fds[0]) && !close(fds[1]), "close of the old files");
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[2]) > MAX_CHANNELS) {
		fprintf(stderr, "usage: unbind_open CLASS CHANNELS ROUNDS\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	for (int i = 0; i < atoi(argv[3]) && !failures; i++)
		if (!round_trip(argv[1], (unsigned int)atoi(argv[2])))
			break;
	return exit_status();
}
