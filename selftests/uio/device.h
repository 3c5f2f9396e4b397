/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * These functions use a device through sysfs and /dev/uioN, and mappings that
 * may vanish. They do not use the library, so a test sees what the driver does.
 * They print and count failures; exit_status() ends a test.
 */
#ifndef UIO_DEVICE_H
#define UIO_DEVICE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define VMBUS_DEVICES "/sys/bus/vmbus/devices"
#define VMBUS_DRIVER  "/sys/bus/vmbus/drivers/uio_hv_generic"
#define UIO_MAPS      3 /* txrx_rings, int_page, monitor_page: what every device has */

struct device {
	char instance[NAME_MAX + 1];
	char uio[NAME_MAX + 1]; /* "uio3", empty when unbound */
	char node[NAME_MAX + 8];
};

static unsigned int failures;

__attribute__((format(printf, 2, 3))) static inline bool expect(bool good, const char *format, ...)
{
	int error = errno;
	va_list args;

	if (good)
		return true;
	failures++;
	va_start(args, format);
	fputs("failed: ", stdout);
	vprintf(format, args);
	va_end(args);
	printf(" (errno %d, %s)\n", error, strerror(error));
	return false;
}

static inline int exit_status(void)
{
	fflush(stdout);
	return failures ? 1 : 0;
}

static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_us(unsigned int us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000L };

	nanosleep(&time, NULL);
}

/* Wait until the condition is true, for at most @ms. Return whether it is. */
#define WITHIN(ms, condition)                                           \
	({                                                              \
		const int64_t until_ = now_ms() + (ms);                 \
		bool is_true_;                                          \
		while (!(is_true_ = (condition)) && now_ms() <= until_) \
			sleep_us(1000);                                 \
		is_true_;                                               \
	})

static volatile sig_atomic_t stopped;

static inline void stop(int number)
{
	stopped = 1;
}

/* Let SIGTERM set @stopped, and interrupt a system call. */
static inline void stop_at_sigterm(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGTERM, &action, NULL);
}

/*
 * Take the events of a UIO device until none has come for 300 ms. The host may
 * interrupt once more 100 ms after it has opened a channel.
 */
static inline void device_quiet(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int32_t events;

	while (poll(&wait, 1, 300) == 1 && read(fd, &events, sizeof(events)) == sizeof(events))
		;
}

/*
 * Read the first line of a file, without its newline. Return false if it cannot
 * be read.
 */
static inline bool read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	return true;
}

/* 0 or -errno */
static inline int write_line(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, line, strlen(line)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/*
 * Find the first device of a class. If VMBUS_INSTANCE is set, the device must
 * also have this instance. Return 0, or -ENODEV if none is offered.
 */
static inline int device_find(const char *class, struct device *dev)
{
	const char *instance = getenv("VMBUS_INSTANCE");
	char path[PATH_MAX], line[64], braced[64];
	struct dirent *entry;
	DIR *dir = opendir(VMBUS_DEVICES);
	int err = -ENODEV;

	if (!dir)
		return -errno;
	snprintf(braced, sizeof(braced), "{%s}", class);
	memset(dev, 0, sizeof(*dev));
	while (err && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/class_id", entry->d_name);
		if (entry->d_name[0] == '.' || !read_line(path, line, sizeof(line)) ||
		    strcmp(line, braced))
			continue;
		if (instance && *instance && strcmp(entry->d_name, instance))
			continue;
		strcpy(dev->instance, entry->d_name);
		err = 0;
	}
	closedir(dir);
	if (err)
		return err;
	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/uio", dev->instance);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "uio", 3))
			continue;
		strcpy(dev->uio, entry->d_name);
		snprintf(dev->node, sizeof(dev->node), "/dev/%s", dev->uio);
	}
	if (dir)
		closedir(dir);
	return 0;
}

/*
 * Wait until the device is bound to a UIO driver and has its node. Return 0 or
 * -ETIMEDOUT.
 */
static inline int device_wait(const char *class, struct device *dev, int timeout_ms)
{
	if (WITHIN(timeout_ms, !device_find(class, dev) && dev->uio[0] && !access(dev->node, F_OK)))
		return 0;
	return -ETIMEDOUT;
}

static inline int device_bind(const struct device *dev)
{
	return write_line(VMBUS_DRIVER "/bind", dev->instance);
}

static inline int device_unbind(const struct device *dev)
{
	return write_line(VMBUS_DRIVER "/unbind", dev->instance);
}

static inline int device_resize(const struct device *dev, unsigned int ring_size)
{
	char path[PATH_MAX], text[16];

	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/uio_hv_generic/ring_size", dev->instance);
	snprintf(text, sizeof(text), "%u", ring_size);
	return write_line(path, text);
}

/*
 * List the relids, at most @max, whose directory has a ring file. Return how
 * many there are.
 */
static inline unsigned int device_rings(const struct device *dev, unsigned int *relids,
					unsigned int max)
{
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/channels", dev->instance);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/channels/%s/ring", dev->instance,
			 entry->d_name);
		if (access(path, F_OK))
			continue;
		if (count < max)
			relids[count] = (unsigned int)atoi(entry->d_name);
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

static inline size_t device_map_size(const struct device *dev, unsigned int map)
{
	char path[PATH_MAX], line[64];

	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/uio/%s/maps/map%u/size", dev->instance,
		 dev->uio, map);
	return read_line(path, line, sizeof(line)) ? strtoull(line, NULL, 0) : 0;
}

/* MAP_FAILED on error, as mmap */
static inline void *device_map(int fd, unsigned int map, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map * getpagesize());
}

static inline void *device_map_ring(const struct device *dev, unsigned int relid, size_t size)
{
	char path[PATH_MAX];
	void *mem;
	int fd;

	snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/channels/%u/ring", dev->instance, relid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mem;
}

static sigjmp_buf touch_env;

static inline void touch_failed(int number)
{
	siglongjmp(touch_env, number);
}

static inline void touch_init(void)
{
	struct sigaction action = { .sa_handler = touch_failed };

	sigaction(SIGBUS, &action, NULL);
}

/*
 * Read a byte and write it back. Return 0, or SIGBUS. Only one thread of a
 * process may call this at a time, after touch_init().
 */
static inline int touch(void *where)
{
	volatile uint8_t *byte = where;

	if (sigsetjmp(touch_env, 1))
		return SIGBUS;
	*byte = *byte;
	return 0;
}

/*
 * Open, map, use and close the device, after touch_init(). Messages have @who
 * and @number.
 */
static inline void device_use(const struct device *dev, const char *who, int number)
{
	size_t size = device_map_size(dev, 0);
	int fd = open(dev->node, O_RDWR | O_CLOEXEC);
	int32_t one = 1;
	uint8_t *mem;

	/* The tests hibernate and image look for this text and its errno. */
	if (!expect(fd >= 0, "%s: open %d", who, number))
		return;
	mem = device_map(fd, 0, size);
	expect(mem != MAP_FAILED && !touch(mem + 128), "%s: mmap %d", who, number);
	expect(write(fd, &one, sizeof(one)) == sizeof(one), "%s: write %d", who, number);
	/* The mapping keeps the device open. */
	expect(!close(fd), "%s: close %d", who, number);
	if (mem != MAP_FAILED)
		munmap(mem, size);
}

#endif
