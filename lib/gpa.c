// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file finds the guest frame numbers of memory of this process. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/*
 * An entry of /proc/PID/pagemap has a frame number, which counts pages of the
 * system, and a bit that is set if the page is present.
 */
#define PAGEMAP_PRESENT	(1ull << 63)
#define PAGEMAP_FRAME	((1ull << 55) - 1)

/* The number of entries for one read(2) */
#define PAGEMAP_BATCH	64u

struct vmbus_pagemap {
	int fd;
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
		free(pagemap);
		return err;
	}
	*result = pagemap;
	return 0;
}

void vmbus_pagemap_close(struct vmbus_pagemap *pagemap)
{
	if (!pagemap)
		return;
	close(pagemap->fd);
	free(pagemap);
}

/*
 * Read the entries of @count pages of the system, starting at page number
 * @first.
 */
static int read_entries(int fd, uint64_t first, uint64_t *entries, unsigned int count)
{
	ssize_t size = count * sizeof(*entries);
	ssize_t got = pread(fd, entries, size, (off_t)(first * sizeof(*entries)));

	if (got != size)
		return got < 0 ? -errno : -EFAULT;
	for (unsigned int i = 0; i < count; i++) {
		if (!(entries[i] & PAGEMAP_PRESENT))
			return -EFAULT;
		/*
		 * No process has frame 0. The kernel shows it in place of a
		 * frame that it hides.
		 */
		if (!(entries[i] & PAGEMAP_FRAME))
			return -EPERM;
	}
	return 0;
}

int vmbus_gpa_pages(const struct vmbus_pagemap *pagemap, const void *addr, size_t len,
		    uint64_t *pages, unsigned int count)
{
	const size_t page = page_size(), parts = page / HV_PAGE_SIZE;
	uintptr_t start = (uintptr_t)addr, at = start / HV_PAGE_SIZE;
	uint64_t entries[PAGEMAP_BATCH], need, first, last;
	unsigned int n = 0, batch;
	int err;

	if (!len || len > UINTPTR_MAX - start)
		return -EINVAL;
	need = (start % HV_PAGE_SIZE + (uint64_t)len + HV_PAGE_SIZE - 1) / HV_PAGE_SIZE;
	if (need > count || need > INT32_MAX)
		return -ENOBUFS;
	last = (start + len - 1) / page;
	for (first = start / page; first <= last; first += batch) {
		batch = last - first < PAGEMAP_BATCH ? last - first + 1 : PAGEMAP_BATCH;
		err = read_entries(pagemap->fd, first, entries, batch);
		if (err)
			return err;
		/*
		 * A page of the system may contain several pages of the
		 * hypervisor.
		 */
		for (; n < need && at / parts < first + batch; at++, n++)
			pages[n] = (entries[at / parts - first] & PAGEMAP_FRAME) * parts +
				   at % parts;
	}
	return n;
}
