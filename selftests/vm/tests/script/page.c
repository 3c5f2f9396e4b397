// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the number of a page of memory for the host, and then what the host has
 * written to it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HV_PAGE 4096 /* by whose number the host finds memory */
#define PRESENT (UINT64_C(1) << 63)
#define NUMBER	((UINT64_C(1) << 55) - 1)

int main(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	if (page == MAP_FAILED || fd < 0)
		return 1;
	memcpy((char *)page + 8, "the guest's page", 16);
	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)page / size * sizeof(entry))) !=
		    sizeof(entry) ||
	    !(entry & PRESENT))
		return 1;
	printf("page %" PRIu64 "\n", (entry & NUMBER) * (size / HV_PAGE));
	fflush(stdout);
	while (!page[HV_PAGE - 1])
		usleep(10000);
	printf("%.8s\n", (const char *)page + HV_PAGE - 8);
	fflush(stdout);
	pause();
	return 0;
}
