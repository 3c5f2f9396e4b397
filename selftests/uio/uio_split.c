// SPDX-License-Identifier: GPL-2.0-only
/*
 * uio_split CASE FILE BYTES [UNBIND DEVICE]: cut, move and protect mappings of
 * /dev/uioN and of a ring file. Each part must show the page that the whole
 * mapping showed there, or nothing (SIGBUS), and never another page. The host
 * must leave the rings alone. Exit status 0, or 1 with the reason on stderr.
 */
#include <sys/wait.h>

#include "device.h"

#define MAP_RECV 3

static size_t page, size, pages;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void *map(int fd, size_t length, int prot, size_t index)
{
	void *p = mmap(NULL, length, prot, MAP_SHARED, fd, index * page);

	if (p == MAP_FAILED)
		fail("mmap of %zu bytes at page %zu: %s", length, index, strerror(errno));
	return p;
}

/*
 * Return the last eight bytes of a page, because the first bytes belong to the
 * ring.
 */
static volatile uint64_t *mark(void *p, size_t index)
{
	return (volatile uint64_t *)((char *)p + (index + 1) * page) - 1;
}

static uint64_t pattern(size_t index)
{
	return 0x5b11700000000000 + index;
}

static void write_pattern(void *p)
{
	for (size_t i = 0; i < pages; i++)
		*mark(p, i) = pattern(i);
}

/* 0, or -1 after a SIGBUS. */
static int read_mark(void *p, size_t index, uint64_t *got)
{
	if (sigsetjmp(touch_env, 1))
		return -1;
	*got = *mark(p, index);
	return 0;
}

/*
 * Check that the pages from first to end of a mapping at p hold the pattern.
 * @at names the part.
 */
static void expect_pattern(const char *at, void *p, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		uint64_t got;

		if (read_mark(p, i, &got))
			fail("%s: page %zu: SIGBUS", at, i);
		if (got != pattern(i))
			fail("%s: page %zu shows %#llx, the mark of another page", at, i,
			     (unsigned long long)got);
	}
}

static void unmap(void *p, size_t index, size_t count)
{
	if (munmap((char *)p + index * page, count * page))
		fail("munmap: %s", strerror(errno));
}

static void protect(void *p, size_t index, size_t count, int prot)
{
	if (mprotect((char *)p + index * page, count * page, prot))
		fail("mprotect: %s", strerror(errno));
}

/* @whole shows the pattern. Every other mapping is cut before it is touched. */
static void cuts(int fd, size_t index)
{
	const int rw = PROT_READ | PROT_WRITE;
	size_t half = pages / 2;
	char *whole = map(fd, size, rw, index), *p, *to;
	pid_t child;
	int status;

	write_pattern(whole);
	expect_pattern("the whole mapping", whole, 0, pages);

	p = map(fd, size, rw, index);
	unmap(p, 0, 1);
	expect_pattern("without its first page", p, 1, pages);
	unmap(p, half, 1);
	expect_pattern("without one in the middle", p, half + 1, pages);
	child = fork();
	if (!child) {
		unmap(p, half + 1, 1);
		expect_pattern("in a child", p, half + 2, pages);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		fail("the child failed");
	unmap(p, 0, pages);

	p = map(fd, size, rw, index);
	protect(p, half, pages - half, PROT_READ);
	expect_pattern("with a read-only half", p, 0, pages);
	protect(p, half, pages - half, rw);
	write_pattern(p);
	expect_pattern("after writing to all of it", whole, 0, pages);
	unmap(p, 0, pages);

	p = map(fd, size, rw, index);
	to = map(fd, size, rw, index);
	if (mremap(p + half * page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, to + half * page) ==
	    MAP_FAILED)
		fail("mremap: %s", strerror(errno));
	expect_pattern("moved", to, half, half + 1);
	expect_pattern("around the moved page", to, 0, pages);
	if (mremap(to + (pages - 1) * page, page, 2 * page, MREMAP_MAYMOVE) != MAP_FAILED)
		fail("the last page could grow");
	unmap(p, 0, pages);
	unmap(to, 0, pages);
	unmap(whole, 0, pages);
}

/* Map one page, at an offset that is also an offset in the map before it. */
static void single(int fd, size_t index)
{
	uint64_t got;
	char *p;

	if (mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, index * page) != MAP_FAILED)
		fail("two pages of a map of one are mapped");
	p = map(fd, page, PROT_READ, index);
	if (read_mark(p, 0, &got))
		fail("the page itself cannot be touched");
	unmap(p, 0, 1);
}

/* Make a page writable that was inserted read-only. */
static void upgrade(int fd, size_t index)
{
	char *p = map(fd, size, PROT_READ, index),
	     *whole = map(fd, size, PROT_READ | PROT_WRITE, index);

	for (size_t i = 0; i < pages; i++)
		(void)*mark(p, i);
	protect(p, 0, pages, PROT_READ | PROT_WRITE);
	if (sigsetjmp(touch_env, 1))
		fail("SIGBUS for a page that mprotect made writable");
	write_pattern(p);
	expect_pattern("written after mprotect", whole, 0, pages);
}

/*
 * Unbind the driver. No page is there any more, whether it was touched or not.
 */
static void gone(int fd, const char *unbind, const char *device)
{
	size_t half = pages / 2;
	char *p = map(fd, size, PROT_READ | PROT_WRITE, 0);
	int err;
	uint64_t got;

	write_pattern(p);
	unmap(p, half, 1);
	for (size_t i = 1; i < half; i += 2)
		if (madvise(p + i * page, page, MADV_DONTNEED))
			fail("madvise: %s", strerror(errno));
	err = write_line(unbind, device);
	if (err)
		fail("%s: %s", unbind, strerror(-err));
	for (size_t i = 0; i < pages; i++)
		if (i != half && !read_mark(p, i, &got))
			fail("page %zu is there after the driver has gone", i);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 4)
		fail("usage: uio_split cuts|recv|single|upgrade|gone FILE BYTES [UNBIND DEVICE]");
	page = sysconf(_SC_PAGESIZE);
	size = strtoul(argv[3], NULL, 0);
	pages = size / page;
	touch_init();
	/* The alarm ends a fault that would never end. */
	alarm(240);
	fd = open(argv[2], O_RDWR);
	if (fd < 0)
		fail("%s: %s", argv[2], strerror(errno));
	if (!strcmp(argv[1], "cuts"))
		cuts(fd, 0);
	else if (!strcmp(argv[1], "recv"))
		cuts(fd, MAP_RECV);
	else if (!strcmp(argv[1], "single"))
		single(fd, 1);
	else if (!strcmp(argv[1], "upgrade"))
		upgrade(fd, 0);
	else if (!strcmp(argv[1], "gone") && argc == 6)
		gone(fd, argv[4], argv[5]);
	else
		fail("unknown case '%s'", argv[1]);
	return 0;
}
