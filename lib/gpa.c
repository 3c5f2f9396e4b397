// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file finds the guest frame numbers of memory of this process. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/*
 * An entry of /proc/PID/pagemap has a frame number, which counts pages of the
 * system. Bits say whether the page is present, whether its frame belongs to a
 * file or to shared memory, and whether the frame is mapped only once.
 */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FILE	(1ull << 61)
#define PAGEMAP_ONCE	(1ull << 56)
#define PAGEMAP_FRAME	((1ull << 55) - 1)

/* The number of entries for one read(2) */
#define PAGEMAP_BATCH 64u

/*
 * Both files are opened at once, because the program may drop its capability or
 * its /proc later.
 */
struct vmbus_pagemap {
	int fd;
	FILE *maps;
};

/* The mapping in which the last page was */
struct vma {
	uintptr_t start, end;
	bool shared;
};

int vmbus_pagemap_open(struct vmbus_pagemap **result)
{
	struct vmbus_pagemap *pagemap = malloc(sizeof(*pagemap));
	int err;

	*result = NULL;
	if (!pagemap)
		return fail(-ENOMEM, "out of memory");
	pagemap->fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap->fd < 0) {
		err = fail(-errno, "/proc/self/pagemap: %s", strerror(errno));
		goto err_free;
	}
	pagemap->maps = fopen("/proc/self/maps", "re");
	if (!pagemap->maps) {
		err = fail(-errno, "/proc/self/maps: %s", strerror(errno));
		goto err_close;
	}
	*result = pagemap;
	return 0;

err_close:
	close(pagemap->fd);
err_free:
	free(pagemap);
	return err;
}

void vmbus_pagemap_close(struct vmbus_pagemap *pagemap)
{
	if (!pagemap)
		return;
	fclose(pagemap->maps);
	close(pagemap->fd);
	free(pagemap);
}

/*
 * Find the mapping of the memory at @address. /proc/self/maps has a line for
 * each mapping: "start-end rw-s ...".
 */
static void find_vma(FILE *maps, uintptr_t address, struct vma *vma)
{
	const int cancel = cancel_defer();
	char *line = NULL;
	size_t room = 0;
	char mode[5];

	flockfile(maps);
	/* rewind() alone may keep what was read for an earlier call. */
	__fpurge(maps);
	rewind(maps);
	while (getline(&line, &room, maps) > 0) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &vma->start, &vma->end, mode) !=
		    3)
			continue;
		vma->shared = mode[3] == 's';
		if (address >= vma->start && address < vma->end)
			break;
	}
	funlockfile(maps);
	free(line);
	cancel_restore(cancel);
}

/*
 * Whether the memory at @address is mapped MAP_SHARED. All pages of shared
 * memory ask that, so *@vma keeps the answer for the next page.
 */
static bool is_shared(FILE *maps, uintptr_t address, struct vma *vma)
{
	if (address < vma->start || address >= vma->end)
		find_vma(maps, address, vma);
	return address >= vma->start && address < vma->end && vma->shared;
}

/*
 * Check the entries of @count pages of the system from page number @first on.
 * The host may get a frame of private memory only if it is the program's alone.
 * Before the first write, such a page has the kernel's page of zeros, the page
 * of a file, or after fork() the frame of another process.
 */
static int check_entries(FILE *maps, struct vma *vma, const uint64_t *entries, uint64_t first,
			 unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const uintptr_t at = (first + i) * page_size();

		if (!(entries[i] & PAGEMAP_PRESENT))
			return fail(-EFAULT,
				    "the page at 0x%" PRIxPTR
				    " is not present: write to the memory first",
				    at);
		/*
		 * No process has frame 0. The kernel shows it in place of a
		 * frame that it hides.
		 */
		if (!(entries[i] & PAGEMAP_FRAME))
			return fail(
				-EPERM,
				"the kernel hides page numbers: /proc/self/pagemap was opened without CAP_SYS_ADMIN");
		if ((entries[i] & (PAGEMAP_ONCE | PAGEMAP_FILE)) != PAGEMAP_ONCE &&
		    !is_shared(maps, at, vma))
			return fail(-EFAULT,
				    "the frame at 0x%" PRIxPTR
				    " is not the program's alone: write to the memory first",
				    at);
	}
	return 0;
}

/*
 * Read the entries of @count pages of the system, starting at page number
 * @first, and check them.
 */
static int read_entries(const struct vmbus_pagemap *pagemap, struct vma *vma, uint64_t first,
			uint64_t *entries, unsigned int count)
{
	ssize_t size = count * sizeof(*entries);
	ssize_t got = pread(pagemap->fd, entries, size, (off_t)(first * sizeof(*entries)));

	if (got < 0)
		return fail(-errno, "/proc/self/pagemap: %s", strerror(errno));
	if (got != size)
		return fail(-EFAULT, "0x%" PRIx64 " is no address of a program",
			    first * page_size());
	return check_entries(pagemap->maps, vma, entries, first, count);
}

int vmbus_gpa_pages(const struct vmbus_pagemap *pagemap, const void *addr, size_t len,
		    uint64_t *pages, unsigned int count)
{
	const size_t page = page_size(), parts = page / HV_PAGE_SIZE;
	uintptr_t start = (uintptr_t)addr, at = start / HV_PAGE_SIZE;
	uint64_t entries[PAGEMAP_BATCH], need, first, last;
	struct vma vma = { 0 };
	unsigned int n = 0, batch;
	int err;

	if (!len || len > UINTPTR_MAX - start)
		return fail(-EINVAL, "%zu bytes at %p are no memory", len, addr);
	need = (start % HV_PAGE_SIZE + (uint64_t)len + HV_PAGE_SIZE - 1) / HV_PAGE_SIZE;
	if (need > count || need > INT32_MAX)
		return fail(-ENOBUFS, "%" PRIu64 " pages, and room for %u", need, count);
	last = (start + len - 1) / page;
	for (first = start / page; first <= last; first += batch) {
		batch = last - first < PAGEMAP_BATCH ? last - first + 1 : PAGEMAP_BATCH;
		err = read_entries(pagemap, &vma, first, entries, batch);
		if (err)
			return err;
		/*
		 * A page of the system may contain several pages of the
		 * hypervisor.
		 */
		for (; n < need && at / parts < first + batch; at++, n++)
			pages[n] =
				(entries[at / parts - first] & PAGEMAP_FRAME) * parts + at % parts;
	}
	return n;
}
