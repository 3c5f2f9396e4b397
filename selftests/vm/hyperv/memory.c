// SPDX-License-Identifier: GPL-2.0-only
/* The guest's RAM, and buffers of bytes */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hyperv.h"

#define GIB (1ull << 30)

/* A part of the guest's physical memory, and where the file has it */
struct part {
	uint64_t start, end, offset;
};

struct mailbox *mailbox;
static uint8_t *ram;
/* The parts that the guest may name, which exclude the stub's own memory */
static struct part parts[4];
static unsigned int nr_parts;

static void add_part(uint64_t start, uint64_t end, uint64_t offset)
{
	if (end > start)
		parts[nr_parts++] = (struct part){ start, end, offset };
}

/*
 * QEMU's q35 has RAM from 0 on, and from 4 GiB on what does not fit below the
 * devices. The firmware and old video cards are between 0xa0000 and 1 MiB, and
 * the stub has the second MiB and the page at 0x8000.
 */
static void describe_amd64(uint64_t size)
{
	uint64_t low = size > 2816ull << 20 ? 2 * GIB : size;

	add_part(0, 0x8000, 0);
	add_part(0x9000, 0xa0000, 0x9000);
	add_part(0x200000, low, 0x200000);
	add_part(4 * GIB, 4 * GIB + size - low, low);
}

/* QEMU's virt has RAM from 1 GiB on. The stub has the second MiB of it. */
static void describe_arm64(uint64_t size)
{
	add_part(GIB, GIB + 0x100000, 0);
	add_part(GIB + 0x200000, GIB + size, 0x200000);
}

void map_memory(enum machine machine, uint64_t size, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("%s: %m", path);
	ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED)
		die("%s: %m", path);
	close(fd);
	if (machine == AMD64)
		describe_amd64(size);
	else
		describe_arm64(size);
	mailbox = (void *)(ram + (machine == AMD64 ? MAILBOX_AMD64 : MAILBOX_ARM64 - GIB));
}

uint8_t *guest_page(uint64_t number)
{
	uint64_t address = number * HV_PAGE;

	if (number > UINT64_MAX / HV_PAGE)
		return NULL;
	for (unsigned int i = 0; i < nr_parts; i++)
		if (address >= parts[i].start && address < parts[i].end)
			return ram + parts[i].offset + (address - parts[i].start);
	return NULL;
}

void bytes_append(struct bytes *bytes, const void *from, size_t len)
{
	if (bytes->end + len > bytes->size) {
		bytes->size = (bytes->end + len) * 2;
		bytes->at = realloc(bytes->at, bytes->size);
		if (!bytes->at)
			die("out of memory");
	}
	if (len)
		memcpy(bytes->at + bytes->end, from, len);
	bytes->end += len;
}

/* Remove bytes from the start. Move the rest when most of the room is done. */
void bytes_consume(struct bytes *bytes, size_t len)
{
	bytes->start += len;
	if (bytes->start < bytes->end && bytes->start < bytes->size / 2)
		return;
	memmove(bytes->at, bytes->at + bytes->start, bytes->end - bytes->start);
	bytes->end -= bytes->start;
	bytes->start = 0;
}

void bytes_clear(struct bytes *bytes)
{
	bytes->start = 0;
	bytes->end = 0;
}
