// SPDX-License-Identifier: GPL-2.0-only
/*
 * fragment: leave hardly a large block of free memory. The program allocates
 * unmovable pages one by one until memory is exhausted, frees every other one,
 * prints "ready", and keeps the rest until SIGTERM. The pages are those of full
 * pipes.
 */
#include <sys/resource.h>

#include "device.h"

#define PIPES	   4096
#define PIPE_BYTES 0x100000
#define LARGE	   0x200000
/* The kernel needs more memory with larger pages. */
#define SPARE_MIB (24 + page_bytes / 1024)

static int pipes[PIPES][2];
static char page[0x10000];
static int page_bytes;

/*
 * Return the number of free blocks of at least LARGE bytes in all zones, or -1.
 */
static long large_blocks(void)
{
	FILE *file = fopen("/proc/buddyinfo", "re");
	char line[512];
	long count = 0;

	if (!file)
		return -1;
	/* Each line has a zone's number of blocks of one page, two, four... */
	while (fgets(line, sizeof(line), file)) {
		long bytes = page_bytes, blocks;
		char *at = line, *end;
		int skip = 0;

		sscanf(line, "Node %*d, zone %*s%n", &skip);
		for (at += skip; blocks = strtol(at, &end, 10), end != at; at = end, bytes *= 2)
			count += bytes >= LARGE ? blocks : 0;
	}
	fclose(file);
	return count;
}

/* Return the MiB that can be allocated safely, or -1. */
static long available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kb = -1;

	if (!file)
		return -1;
	while (kb < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "MemAvailable: %ld", &kb);
	fclose(file);
	return kb < 0 ? -1 : kb / 1024;
}

static bool open_pipe(int *fds)
{
	return !pipe2(fds, O_CLOEXEC | O_NONBLOCK) && fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) >= 0;
}

int main(void)
{
	struct rlimit files = { 2 * PIPES + 64, 2 * PIPES + 64 };
	sigset_t term;
	int count = 0, number;

	page_bytes = getpagesize();
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	expect(!setrlimit(RLIMIT_NOFILE, &files), "the limit of open files");
	expect(large_blocks() > 0 && available() > 0,
	       "free memory is listed, and there are large blocks");
	while (!failures && large_blocks() > 0 && available() > SPARE_MIB &&
	       expect(count + 2 <= PIPES, "%d pipes are enough", PIPES)) {
		if (!expect(open_pipe(pipes[count]) && open_pipe(pipes[count + 1]),
			    "two pipes after %d", count))
			break;
		for (int i = 0; i < 2 * PIPE_BYTES / page_bytes; i++)
			expect(write(pipes[count + i % 2][1], page, (size_t)page_bytes) ==
				       page_bytes,
			       "a page for pipe %d", count + i % 2);
		count += 2;
	}
	for (int i = 1; i < count; i += 2)
		while (read(pipes[i][0], page, sizeof(page)) > 0)
			;
	printf("%s: %d MiB taken, %ld large blocks\n", failures ? "failed" : "ready", count / 2,
	       large_blocks());
	sigwait(&term, &number);
	return exit_status();
}
