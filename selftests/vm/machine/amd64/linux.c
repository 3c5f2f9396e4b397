// SPDX-License-Identifier: GPL-2.0-only
/*
 * How Linux starts, by its 64-bit boot protocol. The runner has unpacked the
 * kernel's ELF file from its bzImage, and QEMU has loaded it. The command line
 * of the multiboot loader contains what the stub must know, and then that of
 * Linux:
 *
 *	stub.bin kernel=AT entry=AT initrd=AT initrd_size=N -- LINUX'S
 *
 * The kernel's address is that of the first 4 KiB of the bzImage. The stub
 * needs only the header in them.
 */
#include "stub.h"

/* Fields of boot_params */
enum {
	E820_COUNT = 0x1e8,
	SETUP_HEADER = 0x1f1,
	JUMP_OFFSET = 0x201, /* the header ends this number of bytes after 0x202 */
	LOADER_TYPE = 0x210,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	COMMAND_LINE = 0x228,
	E820_TABLE = 0x2d0,
};

enum { LOADER_UNDEFINED = 0xff };
enum { E820_ENTRY = 20, E820_TYPE = 16, E820_RESERVED = 2 };

/* Fields of the information that the multiboot loader passes */
enum { MULTIBOOT_LINE = 16, MULTIBOOT_MAP_LENGTH = 44, MULTIBOOT_MAP = 48 };

/* Segments of struct gdt in start.S */
enum { CODE64 = 0x10, DATA = 0x18 };
#define PARAMS ((uint8_t *)PARAMS_BASE)
#define LINE   ((char *)PARAMS_BASE + PAGE_SIZE)

static uint32_t info(uint32_t field)
{
	return REG32(boot_info + field);
}

/*
 * Return the number after "NAME=" in the stub's part of the command line.
 * Without it, the stub gives up, with the name as its reason.
 */
static uint64_t parameter(const char *name)
{
	const char *at = (const char *)(uintptr_t)info(MULTIBOOT_LINE);
	uint64_t value = 0;
	int i;

	for (; *at && !(at[0] == '-' && at[1] == '-' && at[2] == ' '); at++) {
		for (i = 0; name[i] && at[i] == name[i]; i++)
			;
		if (name[i] || at[i] != '=' || at[-1] != ' ')
			continue;
		for (at += i + 1; *at >= '0' && *at <= '9'; at++)
			value = value * 10 + (uint64_t)(*at - '0');
		return value;
	}
	give_up(name, 0);
}

static void copy_command_line(void)
{
	const char *at = (const char *)(uintptr_t)info(MULTIBOOT_LINE);
	uint32_t i;

	while (*at && !(at[0] == '-' && at[1] == '-' && at[2] == ' '))
		at++;
	if (*at)
		at += 3;
	for (i = 0; i < PAGE_SIZE - 1 && at[i]; i++)
		LINE[i] = at[i];
	LINE[i] = 0;
}

static void add_memory(uint64_t start, uint64_t length, uint32_t type)
{
	uint8_t *entry = PARAMS + E820_TABLE + E820_ENTRY * PARAMS[E820_COUNT]++;

	REG64(entry) = start;
	REG64(entry + 8) = length;
	REG32(entry + E820_TYPE) = type;
}

/*
 * Copy the loader's table of memory. Each entry begins with its size.
 * If entries overlap, Linux takes the one with the larger type.
 */
static void add_memory_map(void)
{
	uintptr_t at = info(MULTIBOOT_MAP), end = at + info(MULTIBOOT_MAP_LENGTH);

	for (; at < end; at += REG32(at) + 4)
		add_memory(REG64(at + 4), REG64(at + 12), REG32(at + 20));
	add_memory(STUB_BASE, STUB_END - STUB_BASE, E820_RESERVED);
	add_memory(AP_BASE, PAGE_SIZE, E820_RESERVED);
}

static void make_parameters(void)
{
	const uint8_t *image = (const uint8_t *)parameter("kernel");

	memset(PARAMS, 0, PAGE_SIZE);
	memcpy(PARAMS + SETUP_HEADER, image + SETUP_HEADER,
	       0x202 + image[JUMP_OFFSET] - SETUP_HEADER);
	PARAMS[LOADER_TYPE] = LOADER_UNDEFINED;
	REG32(PARAMS + RAMDISK_IMAGE) = (uint32_t)parameter("initrd");
	REG32(PARAMS + RAMDISK_SIZE) = (uint32_t)parameter("initrd_size");
	REG32(PARAMS + COMMAND_LINE) = (uint32_t)(uintptr_t)LINE;
	copy_command_line();
	add_memory_map();
}

/* Set the registers with which Linux expects to be started. */
void start_linux(struct vmcb *vmcb, struct registers *registers)
{
	make_parameters();
	vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = SEGMENT(0xc93, 0xffffffff, 0);
	vmcb->es.selector = vmcb->ss.selector = vmcb->ds.selector = DATA;
	vmcb->cs = SEGMENT(0xa9b, 0xffffffff, 0);
	vmcb->cs.selector = CODE64;
	vmcb->gdtr = SEGMENT(0, (uint32_t)((char *)gdt_end - (char *)gdt - 1), (uintptr_t)gdt);
	vmcb->efer = EFER_SVME | 0x500; /* long mode is enabled and active */
	vmcb->cr0 = 0x80000011;		/* paging, protection */
	vmcb->cr3 = (uintptr_t)level4;
	vmcb->cr4 = 0x20; /* PAE */
	vmcb->rip = parameter("entry");
	vmcb->rsp = PARAMS_BASE;
	registers->rsi = PARAMS_BASE;
}
