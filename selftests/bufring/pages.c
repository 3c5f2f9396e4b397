// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests look up the frames of the program's own memory, which a driver
 * hands to the host.
 */

#include <fcntl.h>
#include <sys/wait.h>

#include "model.h"

/* Run the test if the kernel shows the frames. */
static void if_shown(void (*test)(void))
{
	static unsigned char byte;
	struct vmbus_pagemap *map;
	uint64_t number;
	int n;

	byte = 1;
	MUST(!vmbus_pagemap_open(&map));
	n = vmbus_gpa_pages(map, &byte, 1, &number, 1);
	vmbus_pagemap_close(map);
	if (n != -EPERM)
		test();
	else
		cannot_run =
			"run this as root, outside of a container: the kernel shows page numbers only with CAP_SYS_ADMIN";
}

/* More pages than one read of the kernel's table takes */
#define MANY_PAGES 150

TEST_CALLED_BY(if_shown, frame_numbers_of_own_memory)
{
	const size_t page = getpagesize(), parts = page / 4096;
	unsigned char *memory = guarded(MANY_PAGES * page);
	uint64_t pages[4] = { 0 }, more[4], *all = calloc(MANY_PAGES * parts, sizeof(*all));
	struct vmbus_pagemap *map;

	memset(memory, 1, MANY_PAGES * page);
	MUST(all && !vmbus_pagemap_open(&map));
	CHECK_IS(vmbus_gpa_pages(map, memory + 100, 4096, pages, 4), 2);
	CHECK(pages[0] && pages[1] && pages[0] != pages[1]);
	CHECK_IS(vmbus_gpa_pages(map, memory + 4096, 1, more, 4), 1);
	CHECK(more[0] == pages[1]);
	/* Look the pages up all at once, and one by one. */
	CHECK_IS(vmbus_gpa_pages(map, memory, MANY_PAGES * page, all, MANY_PAGES * parts),
		 MANY_PAGES * parts);
	for (size_t i = 0; i < MANY_PAGES * parts; i++) {
		CHECK_IS(vmbus_gpa_pages(map, memory + i * 4096 + 4095, 1, more, 4), 1);
		CHECK(more[0] == all[i]);
	}
	CHECK_IS(vmbus_gpa_pages(map, memory + MANY_PAGES * page - 8, 9, more, 4), -EFAULT);
	vmbus_pagemap_close(map);
	free(all);
	guarded_free(memory, MANY_PAGES * page);
}

TEST(frame_numbers_that_nobody_can_look_up)
{
	static const unsigned char memory[8192];
	struct vmbus_pagemap *map;
	uint64_t page;

	MUST(!vmbus_pagemap_open(&map));
	CHECK_IS(vmbus_gpa_pages(map, memory, 4097, &page, 1), -ENOBUFS);
	CHECK_IS(vmbus_gpa_pages(map, memory, 0, &page, 1), -EINVAL);
	vmbus_pagemap_close(map);
	vmbus_pagemap_close(NULL);
}

/* Memory of @count pages of the system, without transparent huge pages */
static unsigned char *small_pages(size_t count, int flags, int fd)
{
	const size_t size = count * getpagesize();
	unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	MUST(memory != MAP_FAILED);
	madvise(memory, count * getpagesize(), MADV_NOHUGEPAGE);
	return memory;
}

static void touch_by_reading(const volatile unsigned char *memory, size_t count)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += memory[i * getpagesize()];
	/* valgrind leaves out a read whose value nobody uses. */
	CHECK_IS(sum, 0);
}

/* Look up two pages of the system. */
static int look_up(const void *memory, uint64_t *numbers)
{
	const size_t page = getpagesize();
	struct vmbus_pagemap *map;
	uint64_t all[2 * 16];
	int n;

	MUST(!vmbus_pagemap_open(&map));
	n = vmbus_gpa_pages(map, memory, 2 * page, all, 2 * page / 4096);
	vmbus_pagemap_close(map);
	if (n > 0) {
		CHECK_IS(n, 2 * page / 4096);
		numbers[0] = all[0];
		numbers[1] = all[page / 4096];
	}
	return n;
}

/* A read touch maps the kernel's one page of zeros, or the page of a file. */
TEST_CALLED_BY(if_shown, frames_of_others_are_refused)
{
	char path[] = "/tmp/vmbus-pages-XXXXXX";
	const size_t page = getpagesize();
	uint64_t numbers[2];
	unsigned char *memory;
	int fd, n;

	memory = small_pages(2, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	CHECK_FAILS(look_up(memory, numbers), -EFAULT, "not present: write to the memory first");
	touch_by_reading(memory, 2);
	/* Some kernels give a frame of its own to a page that is read. */
	n = look_up(memory, numbers);
	CHECK(n == -EFAULT || numbers[0] != numbers[1]);
	if (n < 0)
		CHECK(strstr(error_text(), "not the program's alone: write to the memory first"));
	memory[0] = 1;
	CHECK(n == -EFAULT ? look_up(memory, numbers) == -EFAULT : true);
	memory[page] = 1;
	CHECK(look_up(memory, numbers) > 0 && numbers[0] != numbers[1]);
	munmap(memory, 2 * page);

	fd = mkstemp(path);
	MUST(fd >= 0 && !unlink(path) && !ftruncate(fd, 2 * page));
	memory = small_pages(2, MAP_PRIVATE, fd);
	touch_by_reading(memory, 2);
	CHECK_IS(look_up(memory, numbers), -EFAULT);
	memset(memory, 1, 2 * page);
	CHECK(look_up(memory, numbers) > 0 && numbers[0] != numbers[1]);
	munmap(memory, 2 * page);
	close(fd);
}

/* Memory that processes share on purpose keeps its frames after a fork(). */
TEST_CALLED_BY(if_shown, frames_of_shared_memory_are_found)
{
	const size_t page = getpagesize();
	unsigned char *memory = small_pages(2, MAP_SHARED | MAP_ANONYMOUS, -1);
	uint64_t before[2], after[2];
	int status;
	pid_t pid;

	memset(memory, 1, 2 * page);
	CHECK(look_up(memory, before) > 0);
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		memory[0] = memory[page] = 2;
		_exit(look_up(memory, after) < 0 || memcmp(before, after, sizeof(after)));
	}
	MUST(waitpid(pid, &status, 0) == pid);
	CHECK_IS(status, 0);
	CHECK_IS(memory[page], 2);
	munmap(memory, 2 * page);
}

/*
 * One object looks up memory that is unmapped then, and private memory of a
 * file at the same address, which is one of the lowest.
 */
TEST_CALLED_BY(if_shown, each_look_up_sees_the_mappings_of_its_time)
{
	const int flags = MAP_FIXED_NOREPLACE, fd = memfd_create("file", MFD_CLOEXEC);
	void *const low = (void *)(uintptr_t)0x10000000;
	const size_t page = getpagesize();
	struct vmbus_pagemap *map;
	unsigned char *memory;
	uint64_t numbers[16];

	MUST(fd >= 0 && !ftruncate(fd, page) && !vmbus_pagemap_open(&map));
	memory = mmap(low, page, PROT_READ | PROT_WRITE, flags | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(memory == low);
	memory[0] = 1;
	/* QEMU's user mode may not show what is at this address. */
	vmbus_gpa_pages(map, memory, page, numbers, 16);
	munmap(memory, page);
	memory = mmap(low, page, PROT_READ | PROT_WRITE, flags | MAP_PRIVATE, fd, 0);
	MUST(memory == low);
	touch_by_reading(memory, 1);
	CHECK_IS(vmbus_gpa_pages(map, memory, page, numbers, 16), -EFAULT);
	munmap(memory, page);
	vmbus_pagemap_close(map);
	close(fd);
}

/* The linker lets the call of flockfile() come here. */
void __wrap_flockfile(FILE *file);
void __real_flockfile(FILE *file);

static bool cancels; /* whether the thread that takes the lock is cancelled */
static FILE *locked;

void __wrap_flockfile(FILE *file)
{
	__real_flockfile(file);
	if (!cancels)
		return;
	locked = file;
	pthread_cancel(pthread_self());
}

static void *look_up_shared(void *map)
{
	unsigned char *memory = small_pages(1, MAP_SHARED | MAP_ANONYMOUS, -1);
	uint64_t numbers[16];

	memory[0] = 1;
	vmbus_gpa_pages(map, memory, getpagesize(), numbers, 16);
	pthread_testcancel();
	return NULL;
}

/* Other threads go on to look up memory with the same object. */
TEST_CALLED_BY(if_shown, a_cancelled_look_up_keeps_no_lock)
{
	struct vmbus_pagemap *map;
	pthread_t thread;
	void *result;

	MUST(!vmbus_pagemap_open(&map));
	cancels = true;
	MUST(!pthread_create(&thread, NULL, look_up_shared, map));
	MUST(!pthread_join(thread, &result) && result == PTHREAD_CANCELED);
	cancels = false;
	MUST(locked);
	CHECK(!ftrylockfile(locked));
	funlockfile(locked);
	vmbus_pagemap_close(map);
}

TEST_HARNESS_MAIN
