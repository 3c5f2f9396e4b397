// SPDX-License-Identifier: GPL-2.0-only
/*
 * walk CLASS SECONDS SEED: several processes use a device at random in every
 * way that user space can, while the host may rescind it at any moment. Every
 * operation may fail, but nothing may hang, and no process may die. The program
 * prints the seed.
 */
#include <poll.h>
#include <sys/wait.h>

#include "device.h"

#define USERS	     3
#define MAX_FILES    4
#define MAX_MAPPINGS 8

struct user {
	struct device dev;
	int files[MAX_FILES];
	struct {
		uint8_t *mem;
		size_t size;
	} mappings[MAX_MAPPINGS];
	unsigned long done, failed;
};

static const char *class;
static int64_t until;

static unsigned int pick(unsigned int count)
{
	return (unsigned int)random() % count;
}

static void count(struct user *user, bool good)
{
	user->done++;
	user->failed += !good;
}

static void unmap(struct user *user, unsigned int slot)
{
	if (user->mappings[slot].mem)
		munmap(user->mappings[slot].mem, user->mappings[slot].size);
	user->mappings[slot].mem = NULL;
}

static void map(struct user *user, unsigned int slot, int fd)
{
	size_t size = (1 + pick(40)) * (size_t)getpagesize();
	unsigned int relids[8], rings;
	void *mem;

	unmap(user, slot);
	rings = pick(2) ? device_rings(&user->dev, relids, 8) : 0;
	if (rings)
		mem = device_map_ring(&user->dev, relids[pick(rings < 8 ? rings : 8)], size);
	else if (pick(2))
		mem = device_map(fd, pick(4), size = (size_t)getpagesize());
	else
		mem = device_map(fd, 0, size);
	count(user, mem != MAP_FAILED);
	if (mem == MAP_FAILED)
		return;
	user->mappings[slot].mem = mem;
	user->mappings[slot].size = size;
}

static void step(struct user *user)
{
	unsigned int file = pick(MAX_FILES), mapping = pick(MAX_MAPPINGS), size;
	int fd = user->files[file];
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int32_t word = (int32_t)pick(2);

	switch (pick(13)) {
	case 0:
	case 1:
	case 2:
		if (fd >= 0)
			close(fd);
		/* Often use the former device, under its former name. */
		if (pick(4))
			device_find(class, &user->dev);
		user->files[file] = open(user->dev.node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		count(user, user->files[file] >= 0);
		if (user->files[file] < 0)
			sleep_us(2000);
		break;
	case 3:
		if (fd >= 0)
			count(user, !close(fd));
		user->files[file] = -1;
		break;
	case 4:
	case 5:
		map(user, mapping, fd);
		break;
	case 6:
		unmap(user, mapping);
		break;
	case 7:
		for (int i = 0; i < 8; i++, mapping = pick(MAX_MAPPINGS))
			if (user->mappings[mapping].mem) {
				size = (unsigned int)user->mappings[mapping].size;
				count(user,
				      !touch(user->mappings[mapping].mem + 128 + pick(size - 128)));
			}
		break;
	case 8:
		count(user, read(fd, &word, sizeof(word)) == sizeof(word));
		break;
	case 9:
		for (unsigned int i = pick(50); i; i--)
			count(user, write(fd, &word, sizeof(word)) == sizeof(word));
		break;
	case 10:
		count(user, poll(&poll_fd, 1, (int)pick(4)) >= 0);
		break;
	case 11:
		/* The module refuses this while anybody has the device open. */
		count(user, !device_resize(&user->dev,
					   pick(50) ? (2 + pick(30)) * (unsigned int)getpagesize() :
						      pick(5000)));
		break;
	case 12:
		sleep_us(pick(3000));
		break;
	}
}

/*
 * Start another process that keeps the files and mappings of this one for a
 * moment.
 */
static void step_apart(struct user *user)
{
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 10; i++)
			step(user);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static int run_user(unsigned int number)
{
	struct user user = {};

	for (unsigned int i = 0; i < MAX_FILES; i++)
		user.files[i] = -1;
	while (now_ms() < until) {
		if (pick(200))
			step(&user);
		else
			step_apart(&user);
	}
	printf("user %u: %lu steps, %lu of them failed\n", number, user.done, user.failed);
	return 0;
}

/*
 * Whether VMBus has added the device: it makes this file last. Before that,
 * kernels of 2026 answer a bind with EAGAIN, and leak the few bytes in which
 * they record it.
 */
static bool device_is_added(const struct device *dev)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/channels", dev->instance);
	return access(path, F_OK) == 0;
}

static int run_binder(void)
{
	unsigned int binds = 0, unbinds = 0;
	struct device dev;

	/*
	 * Bind the device at once, and leave it alone for a while. Otherwise
	 * there would hardly be a device to use.
	 */
	while (now_ms() < until) {
		sleep_us(1000);
		if (device_find(class, &dev))
			continue;
		if (dev.uio[0]) {
			sleep_us(pick(300000));
			unbinds += !device_unbind(&dev);
		} else if (device_is_added(&dev)) {
			binds += !device_bind(&dev);
		}
	}
	printf("unbound %u times, bound %u times\n", unbinds, binds);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int running = 0;
	unsigned int seed;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	if (!expect(argc == 4, "usage: walk CLASS SECONDS SEED"))
		return exit_status();
	class = argv[1];
	until = now_ms() + atoi(argv[2]) * 1000;
	seed = (unsigned int)strtoul(argv[3], NULL, 0);
	printf("seed %u\n", seed);
	for (unsigned int i = 0; i <= USERS; i++, running++) {
		pid_t pid = fork();

		if (!pid) {
			srandom(seed + i);
			exit(i < USERS ? run_user(i) : run_binder());
		}
		if (!expect(pid > 0, "fork"))
			break;
	}
	/* A process that hangs runs into the test's time limit. */
	for (; running; running--)
		expect(wait(&status) > 0 && !status, "a process ended with %#x", status);
	return exit_status();
}
