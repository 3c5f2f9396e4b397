// SPDX-License-Identifier: GPL-2.0-only
/* A pcap file of all frames in both directions. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "nic.h"

static FILE *file;
static uint32_t limit;
static uint64_t count;

int capture_start(const char *path, uint32_t bytes)
{
	/* The magic for times in ns, the version, the limit, Ethernet */
	uint32_t header[6] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0, bytes, 1 };

	capture_stop();
	file = fopen(path, "we");
	if (!file)
		return -errno;
	limit = bytes;
	count = 0;
	return fwrite(header, sizeof(header), 1, file) == 1 ? 0 : -EIO;
}

void capture_stop(void)
{
	if (file && fclose(file))
		perror("vmbus-nic: the pcap file");
	file = NULL;
}

uint64_t capture_count(void)
{
	return count;
}

void capture_frame(const uint8_t *frame, uint32_t len)
{
	uint32_t kept = len < limit ? len : limit, header[4];
	struct timespec now;

	if (!file)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	header[0] = (uint32_t)now.tv_sec;
	header[1] = (uint32_t)now.tv_nsec;
	header[2] = kept;
	header[3] = len;
	count++;
	if (fwrite(header, sizeof(header), 1, file) != 1 || fwrite(frame, kept, 1, file) != 1) {
		perror("vmbus-nic: the pcap file");
		capture_stop();
	}
}
