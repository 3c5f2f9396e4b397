// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Where memory of this process lies in the guest's. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "internal.h"

/* An entry of /proc/PID/pagemap: the frame number, in pages of the system, and whether there is one */
#define PAGEMAP_PRESENT	(1ull << 63)
#define PAGEMAP_FRAME	((1ull << 55) - 1)

int vmbus_gpa_pages(const void *addr, size_t len, uint64_t *pages, unsigned int count)
{
	uintptr_t start = (uintptr_t)addr, at;
	size_t page = page_size();
	uint64_t entry, need;
	unsigned int n = 0;
	ssize_t got;
	int fd, err = 0;

	if (!len || len > UINTPTR_MAX - start)
		return -EINVAL;
	need = (start % HV_PAGE_SIZE + (uint64_t)len + HV_PAGE_SIZE - 1) / HV_PAGE_SIZE;
	if (need > count || need > INT32_MAX)
		return -ENOBUFS;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (at = start / HV_PAGE_SIZE * HV_PAGE_SIZE; n < need; at += HV_PAGE_SIZE, n++) {
		got = pread(fd, &entry, sizeof(entry), (off_t)(at / page * sizeof(entry)));
		if (got != sizeof(entry)) {
			err = got < 0 ? -errno : -EFAULT;
			break;
		}
		if (!(entry & PAGEMAP_PRESENT)) {
			err = -EFAULT;
			break;
		}
		/* Frame 0 is never a process's: it is what those see who may not know. */
		if (!(entry & PAGEMAP_FRAME)) {
			err = -EPERM;
			break;
		}
		pages[n] = (entry & PAGEMAP_FRAME) * (page / HV_PAGE_SIZE) +
			at % page / HV_PAGE_SIZE;
	}
	close(fd);
	return err ? err : (int)n;
}
