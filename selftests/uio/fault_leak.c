// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_leak CLASS COUNTER: let the first, second, third ... allocation fail
 * while a device is opened, and unbind the device after each refused open. The
 * driver may then leak the rings only if the host may have them. COUNTER is a
 * file with a number that changes when VMBus allocates a GPADL handle, which it
 * does before it sends anything to the host. If the number did not change,
 * nothing may be leaked.
 */
#include "device.h"

#define MOST 200

static const char *class;
static struct device dev;
static int log_fd;

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

static void arm(int fd, int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	expect(pwrite(fd, text, (size_t)len, 0) == len, "write to fail-nth");
}

/* Let the @nth allocation of an open fail. Return whether there was one. */
static bool try(int nth_fd, int nth, const char *counter, unsigned int *refused,
		unsigned int *leaked)
{
	char before[32] = "", after[32] = "", text[16] = "";
	unsigned int count;
	int fd, error;

	leaks();
	expect(read_line(counter, before, sizeof(before)), "read of %s", counter);
	arm(nth_fd, nth);
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	error = errno;
	expect(pread(nth_fd, text, sizeof(text) - 1, 0) > 0, "read of fail-nth");
	arm(nth_fd, 0);
	expect(read_line(counter, after, sizeof(after)), "read of %s", counter);
	if (fd >= 0) {
		close(fd);
		return !atoi(text);
	}
	errno = error;
	expect(error == ENOMEM, "the open is refused for want of memory, after a fault at %d", nth);
	++*refused;
	expect(!device_unbind(&dev), "unbind after a fault at %d", nth);
	count = leaks();
	*leaked += count;
	printf("fault at %d: the open is refused, %s GPADL, %u rings leaked\n", nth,
	       strcmp(before, after) ? "after the" : "before any", count);
	errno = 0;
	expect(!count || strcmp(before, after),
	       "a fault at %d, before there was a GPADL, leaks no rings", nth);
	expect(!device_bind(&dev) && !device_wait(class, &dev, 5000), "the device is bound again");
	fd = open(dev.node, O_RDWR | O_CLOEXEC);
	expect(fd >= 0, "open after a fault at %d", nth);
	close(fd);
	return true;
}

int main(int argc, char **argv)
{
	unsigned int refused = 0, leaked = 0;
	bool happened = true;
	int nth_fd, nth;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!expect(argc == 3, "usage: fault_leak CLASS COUNTER"))
		return exit_status();
	class = argv[1];
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!expect(nth_fd >= 0 && log_fd >= 0, "the kernel has fail-nth and /dev/kmsg") ||
	    !expect(!device_wait(class, &dev, 5000), "the device is bound"))
		return exit_status();
	for (nth = 1; nth < MOST && happened && failures < 10; nth++)
		happened = try(nth_fd, nth, argv[2], &refused, &leaked);
	errno = 0;
	expect(!happened || failures, "an open has less than %d allocations", MOST);
	expect(refused > 0, "some faults refuse the open");
	printf("%d faults, %u opens refused, %u rings leaked\n", nth - 2, refused, leaked);
	return exit_status();
}
