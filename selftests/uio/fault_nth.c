// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_nth CLASS COUNTER: let the first, second, third ... allocation fail
 * while a device is opened, mapped, resized, bound and unbound, until nothing
 * is left to fail. The kernel may refuse each attempt because of missing
 * memory, but the next attempt without a fault must succeed. The driver may
 * leak the rings of an open that was refused only if the host may have them.
 * COUNTER is a file with a number that changes when VMBus allocates a GPADL
 * handle, which it does before it sends anything to the host. The program needs
 * a kernel with CONFIG_FAULT_INJECTION, failslab and fail_page_alloc that
 * honour fail-nth, and the bound device.
 */
#include <sys/utsname.h>

#include "device.h"

#define MOST 500

static const char *class, *counter;
static struct device dev;
static int nth_fd, bind_fd, unbind_fd, log_fd;

static void arm(int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	expect(pwrite(nth_fd, text, (size_t)len, 0) == len, "write to fail-nth");
}

/*
 * Return whether the fault has happened, and disable further faults. errno is
 * preserved.
 */
static bool disarm(void)
{
	char text[16] = "";
	int error = errno;
	bool happened;

	expect(pread(nth_fd, text, sizeof(text) - 1, 0) > 0, "read of fail-nth");
	happened = !atoi(text);
	arm(0);
	errno = error;
	return happened;
}

/* A refused attempt must have the right error. */
static bool refused(const char *what, int nth)
{
	expect(errno == ENOMEM, "%s is refused for want of memory, after a fault at %d", what, nth);
	return false;
}

/*
 * The driver core of 5.4 and 5.10 returns ENODEV for every failed probe; that
 * of 5.14 returns the error of the probe.
 */
static bool refused_bind(int nth)
{
	unsigned int major = 0, minor = 0;
	int error = errno;
	struct utsname name;

	if (!uname(&name))
		sscanf(name.release, "%u.%u", &major, &minor);
	errno = error;
	if (error == ENODEV && (major < 5 || (major == 5 && minor <= 10)))
		return false;
	return refused("binding", nth);
}

static bool rebind(void)
{
	if (device_find(class, &dev))
		return false;
	if (!dev.uio[0] && !expect(!device_bind(&dev), "bind"))
		return false;
	return expect(!device_wait(class, &dev, 5000), "the device is bound");
}

/*
 * Each function does one thing with the fault armed. It returns whether that
 * succeeded, leaves the device bound, and sets *happened.
 */
static bool try_bind(int nth, bool *happened)
{
	bool good;

	if (!expect(!device_unbind(&dev), "unbind"))
		return false;
	arm(nth);
	good = write(bind_fd, dev.instance, strlen(dev.instance)) > 0;
	*happened = disarm();
	if (!good)
		refused_bind(nth);
	rebind();
	return good;
}

static bool try_open(int nth, bool *happened)
{
	int fd;

	arm(nth);
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	*happened = disarm();
	if (fd < 0)
		return refused("opening", nth);
	close(fd);
	return true;
}

/* Return how often the kernel has logged leaked rings since the last call. */
static unsigned int leaks(void)
{
	unsigned int count = 0;
	char line[8192];
	ssize_t n;

	while ((n = read(log_fd, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		line[n > 0 ? n : 0] = 0;
		count += strstr(line, "leaking") && strstr(line, "bytes of rings");
	}
	return count;
}

/* Open the device, and unbind and bind it again if the open was refused. */
static bool try_open_and_unbind(int nth, bool *happened)
{
	char before[32] = "", after[32] = "";
	unsigned int count;

	leaks();
	expect(read_line(counter, before, sizeof(before)), "read of %s", counter);
	if (try_open(nth, happened))
		return true;
	expect(read_line(counter, after, sizeof(after)), "read of %s", counter);
	expect(!device_unbind(&dev), "unbind after a fault at %d", nth);
	count = leaks();
	if (count)
		printf("fault at %d: %u rings leaked\n", nth, count);
	errno = 0;
	expect(!count || strcmp(before, after),
	       "a fault at %d, before there was a GPADL, leaks no rings", nth);
	rebind();
	return false;
}

static bool try_map(int nth, bool *happened)
{
	size_t size = device_map_size(&dev, 0);
	int fd = open(dev.node, O_RDWR | O_CLOEXEC);
	unsigned int relid;
	void *map, *ring;

	expect(fd >= 0 && device_rings(&dev, &relid, 1) == 1, "open and its ring file");
	arm(nth);
	map = device_map(fd, 0, size);
	ring = device_map_ring(&dev, relid, size);
	*happened = disarm();
	if (map != MAP_FAILED)
		munmap(map, size);
	if (ring != MAP_FAILED)
		munmap(ring, size);
	close(fd);
	return map != MAP_FAILED && ring != MAP_FAILED;
}

static bool try_resize(int nth, bool *happened)
{
	size_t before = device_map_size(&dev, 0), size = before == 0x8000 ? 0x10000 : 0x8000, after;
	unsigned int relid;
	int err;

	arm(nth);
	err = device_resize(&dev, (unsigned int)size / 2);
	*happened = disarm();
	after = device_map_size(&dev, 0);
	errno = -err;
	if (err)
		refused("resizing", nth);
	expect(after == (err ? before : size),
	       "the rings have %#zx bytes, of %#zx and %#zx, after a fault at %d", after, before,
	       size, nth);
	/*
	 * The driver tries again to create the file if the first attempt
	 * failed.
	 */
	WITHIN(5000, device_rings(&dev, &relid, 1));
	expect(device_rings(&dev, &relid, 1) == 1, "the ring file is there after a fault at %d",
	       nth);
	return !err;
}

static bool try_unbind(int nth, bool *happened)
{
	size_t size = device_map_size(&dev, 0);
	int fd = open(dev.node, O_RDWR | O_CLOEXEC);
	uint8_t *mem = device_map(fd, 0, size);
	bool good;

	expect(fd >= 0 && mem != MAP_FAILED && !touch(mem + 128), "open and mmap");
	arm(nth);
	good = write(unbind_fd, dev.instance, strlen(dev.instance)) > 0;
	*happened = disarm();
	/*
	 * The kernel refused before it asked the driver, or the mapping
	 * succeeded.
	 */
	expect(good == !!touch(mem + 128),
	       "the mapping is there after an unbind with a fault at %d", nth);
	munmap(mem, size);
	close(fd);
	rebind();
	return good;
}

/* Return how many of the faults made the kernel refuse the attempt. */
static unsigned int walk(const char *what, bool (*try)(int nth, bool *happened))
{
	unsigned int refused = 0;
	bool happened = true;
	int nth;

	for (nth = 1; nth < MOST && happened && !failures; nth++) {
		refused += !try(nth, &happened);
		device_use(&dev, what, nth);
	}
	errno = 0;
	expect(!happened || failures, "%s has less than %d allocations", what, MOST);
	printf("%s: %d allocations, %u of them refuse it when they fail\n", what, nth - 2, refused);
	return refused;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	touch_init();
	if (!expect(argc == 3, "usage: fault_nth CLASS COUNTER"))
		return exit_status();
	class = argv[1];
	counter = argv[2];
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	bind_fd = open(VMBUS_DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	unbind_fd = open(VMBUS_DRIVER "/unbind", O_WRONLY | O_CLOEXEC);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!expect(nth_fd >= 0 && bind_fd >= 0 && unbind_fd >= 0 && log_fd >= 0,
		    "the kernel has fail-nth and /dev/kmsg, and the driver is loaded") ||
	    !expect(!device_wait(class, &dev, 5000), "the device is bound"))
		return exit_status();
	walk("open", try_open);
	/* The next unbind leaks what one of these opens may have left. */
	expect(!device_unbind(&dev), "unbind after these faults");
	rebind();
	expect(walk("open and unbind", try_open_and_unbind) > 0, "some faults refuse the open");
	walk("mmap", try_map);
	walk("resize", try_resize);
	walk("bind", try_bind);
	walk("unbind", try_unbind);
	return exit_status();
}
