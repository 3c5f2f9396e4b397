// SPDX-License-Identifier: GPL-2.0-only
/*
 * second_process CLASS: open a NIC, map its two buffers, and write into them. A
 * second process, which shares no memory with the first, then maps them at the
 * same addresses, reads what the first has written, and writes something else.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "pattern.h"

/*
 * The kernel itself places maps elsewhere, at random. A place that it has
 * chosen for the first process may be taken in the second one.
 */
#define FIRST_ADDRESS 0x100000000000ul
#define EACH_ADDRESS  0x40000000ul

static const char *const names[] = {
	[VMBUS_BUFFER_RECV] = "receive buffer",
	[VMBUS_BUFFER_SEND] = "send buffer",
};

/* The patterns that the two processes write into a buffer */
static uint64_t first_pattern(int kind)
{
	return 1 + kind;
}

static uint64_t second_pattern(int kind)
{
	return 11 + kind;
}

/* End the program unless @good is true; @kind is that of a buffer, or -1. */
static void must(bool good, const char *what, int kind, const char *why)
{
	if (good)
		return;
	printf("%s: %s: %s\n", kind < 0 ? "second_process" : names[kind], what, why);
	exit(1);
}

static void write_all(const struct vmbus_buffer *buffer, uint64_t number)
{
	uint8_t *bytes = buffer->address;

	for (size_t i = 0; i < buffer->size; i++)
		bytes[i] = pattern(number, (uint32_t)i);
}

static bool has_all(const struct vmbus_buffer *buffer, uint64_t number)
{
	const uint8_t *bytes = buffer->address;

	for (size_t i = 0; i < buffer->size; i++)
		if (bytes[i] != pattern(number, (uint32_t)i))
			return false;
	return true;
}

static struct vmbus_chan *open_nic(const char *id)
{
	struct vmbus_chan *chan;

	must(!vmbus_open(id, NULL, &chan), "the NIC does not open", -1, vmbus_error());
	return chan;
}

/* Map the buffers at @addresses, in the other order than the first process. */
static int second(const char *id, char **addresses)
{
	struct vmbus_chan *chan = open_nic(id);

	for (int kind = VMBUS_BUFFER_SEND; kind >= VMBUS_BUFFER_RECV; kind--) {
		struct vmbus_buffer buffer;
		void *address;

		must(sscanf(addresses[kind], "%p", &address) == 1, "no address", kind,
		     addresses[kind]);
		must(!vmbus_map_buffer(chan, kind, address, &buffer), "not mapped", kind,
		     vmbus_error());
		must(buffer.address == address, "another address", kind, addresses[kind]);
		must(has_all(&buffer, first_pattern(kind)), "other bytes", kind,
		     "than the first process wrote");
		write_all(&buffer, second_pattern(kind));
	}
	vmbus_close(chan);
	return 0;
}

int main(int argc, char **argv)
{
	struct vmbus_buffer buffers[2];
	struct vmbus_chan *chan;
	char text[2][32];
	int status = -1;
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4)
		return second(argv[1], argv + 2);
	if (argc != 2) {
		fprintf(stderr, "usage: second_process CLASS\n");
		return 2;
	}
	chan = open_nic(argv[1]);
	for (int kind = VMBUS_BUFFER_RECV; kind <= VMBUS_BUFFER_SEND; kind++) {
		void *address = (void *)(FIRST_ADDRESS + kind * EACH_ADDRESS);

		must(!vmbus_map_buffer(chan, kind, address, &buffers[kind]), "not mapped", kind,
		     vmbus_error());
		write_all(&buffers[kind], first_pattern(kind));
		snprintf(text[kind], sizeof(text[kind]), "%p", buffers[kind].address);
	}
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", argv[0], argv[1], text[0], text[1], (char *)NULL);
		_exit(127);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && !status, "the second process failed", -1,
	     "");
	for (int kind = VMBUS_BUFFER_RECV; kind <= VMBUS_BUFFER_SEND; kind++)
		must(has_all(&buffers[kind], second_pattern(kind)), "other bytes", kind,
		     "than the second process wrote");
	vmbus_close(chan);
	printf("%zu and %zu bytes at %s and %s in both processes\n", buffers[0].size,
	       buffers[1].size, text[0], text[1]);
	return 0;
}
