// SPDX-License-Identifier: GPL-2.0-only
/*
 * firmware DSDT PROCESSORS MIB INITRD-SIZE COMMAND-LINE: print what the
 * firmware of a Hyper-V host leaves in memory for an arm64 kernel, to be loaded
 * at FIRMWARE_BASE. It begins with a device tree, as a UEFI boot stub would
 * write it: the tree has only /chosen, which leads to the UEFI system table and
 * the memory map. The system table leads to ACPI, which describes the machine.
 *
 * The structures are those of the specifications: Devicetree 0.4, UEFI 2.10 and
 * ACPI 6.5. Numbers are little-endian, except those of the device tree.
 */
#include <endian.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../mailbox.h"
#include "machine.h"

#define packed	 __attribute__((packed))
#define EFI_PAGE 4096

static uint8_t firmware[FIRMWARE_SIZE];
static size_t used;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("firmware: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

static void *reserve(size_t size)
{
	void *place = firmware + used;

	if (size > sizeof(firmware) - used)
		die("the tables are too large");
	used = (used + size + 15) & ~(size_t)15;
	return place;
}

static uint64_t address_of(const void *place)
{
	return FIRMWARE_BASE + (uint64_t)((const uint8_t *)place - firmware);
}

/* Copy something into the firmware, and return its address in the guest. */
static uint64_t put(const void *data, size_t size)
{
	return address_of(memcpy(reserve(size), data, size));
}

/* Set the byte at @sum so that all @size bytes have the sum 0. */
static void checksum(void *data, size_t size, uint8_t *sum)
{
	const uint8_t *byte = data;
	uint8_t total = 0;

	*sum = 0;
	while (size--)
		total = (uint8_t)(total + *byte++);
	*sum = (uint8_t)-total;
}

/* ACPI tables */

struct packed acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
};

/* Complete the header of a table, and return its address in the guest. */
static uint64_t put_table(void *table, size_t size, const char *signature, uint8_t revision)
{
	struct acpi_header *header = table;

	*header = (struct acpi_header){ .length = (uint32_t)size, .revision = revision };
	memcpy(header->signature, signature, 4);
	memcpy(header->oem, "BENCH ", 6);
	memcpy(header->oem_table, "ARM64   ", 8);
	memcpy(header->creator, "BNCH", 4);
	checksum(table, size, &header->checksum);
	return put(table, size);
}

/* The fixed table: no hardware of a PC, PSCI by HVC, and a Hyper-V host */
static uint64_t put_fadt(uint64_t dsdt)
{
	struct packed {
		struct acpi_header header;
		uint8_t pc[76];
		uint32_t flags;
		uint8_t reset[13];
		uint16_t arm_boot;
		uint8_t minor;
		uint64_t x_facs, x_dsdt;
		uint8_t registers[120];
		char hypervisor[8];
	} fadt = {
		.flags = 1u << 20, /* hardware-reduced */
		.arm_boot = 3,	   /* PSCI, by HVC */
		.minor = 5,
		.x_dsdt = dsdt,
		.hypervisor = { 'M', 's', 'H', 'y', 'p', 'e', 'r', 'V' },
	};

	_Static_assert(sizeof(fadt) == 276, "the size of a FADT of revision 6");
	return put_table(&fadt, sizeof(fadt), "FACP", 6);
}

struct packed gicc {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t interface, uid, flags, parking_version, performance_gsi;
	uint64_t parked, base, virtual, hypervisor;
	uint32_t maintenance_gsi;
	uint64_t redistributor, mpidr;
	uint8_t efficiency, reserved2;
	uint16_t spe_gsi;
};

/* The interrupt controller and the processors */
static uint64_t put_madt(uint32_t processors)
{
	struct packed {
		struct acpi_header header;
		uint32_t local, flags;
		struct packed {
			uint8_t type, length;
			uint16_t reserved;
			uint32_t id;
			uint64_t base;
			uint32_t gsi_base;
			uint8_t version, reserved2[3];
		} gicd;
		struct packed {
			uint8_t type, length;
			uint16_t reserved;
			uint64_t base;
			uint32_t size;
		} gicr;
		struct gicc gicc[MAX_VPS];
	} madt = {
		.gicd = { .type = 12,
			  .length = sizeof(madt.gicd),
			  .base = GIC_DISTRIBUTOR,
			  .version = 3 },
		.gicr = { .type = 14,
			  .length = sizeof(madt.gicr),
			  .base = GIC_REDISTRIBUTOR,
			  .size = GIC_REDISTRIBUTOR_SIZE * (MAX_VPS + 1) },
	};

	for (uint32_t i = 0; i < processors; i++)
		madt.gicc[i] = (struct gicc){
			.type = 11,
			.length = sizeof(struct gicc),
			.interface = i,
			.uid = i,
			.flags = 1 /* enabled */,
			.performance_gsi = 23,
			.maintenance_gsi = 25,
			.mpidr = i,
		};
	return put_table(&madt, sizeof(madt) - (MAX_VPS - processors) * sizeof(struct gicc), "APIC",
			 5);
}

/* The timers of the processors */
static uint64_t put_gtdt(void)
{
	enum { ALWAYS_ON = 4 };
	struct packed {
		struct acpi_header header;
		uint64_t counter;
		uint32_t reserved;
		struct packed {
			uint32_t gsi, flags;
		} secure, physical, virtual, hypervisor;
		uint64_t counter_read;
		uint32_t platform_timers, platform_offset;
	} gtdt = {
		.counter = UINT64_MAX, /* none in memory */
		.secure = { 29, ALWAYS_ON },
		.physical = { 30, ALWAYS_ON },
		.virtual = { 27, ALWAYS_ON },
		.hypervisor = { 26, ALWAYS_ON },
		.counter_read = UINT64_MAX,
	};

	return put_table(&gtdt, sizeof(gtdt), "GTDT", 2);
}

/* The configuration of the PCI bus in memory */
static uint64_t put_mcfg(void)
{
	struct packed {
		struct acpi_header header;
		uint64_t reserved, base;
		uint16_t segment;
		uint8_t first_bus, last_bus;
		uint32_t reserved2;
	} mcfg = { .base = PCI_CONFIGURATION, .last_bus = 15 };

	return put_table(&mcfg, sizeof(mcfg), "MCFG", 1);
}

/*
 * The processors in AML: Scope (\_SB) { Device (C000) { Name (_HID, "ACPI0007")
 * Name (_UID, 0) } ... }. Each must have the _UID of its GICC.
 */
static uint64_t put_ssdt(uint32_t processors)
{
	struct packed device {
		uint8_t op[2], length;
		char name[4];
		uint8_t name_op;
		char hid[4];
		uint8_t string_op;
		char value[9];
		uint8_t name_op2;
		char uid[4];
		uint8_t byte_op, number;
	};
	struct packed {
		struct acpi_header header;
		uint8_t scope_op, length[2], root, name[4];
		struct device device[MAX_VPS];
	} ssdt = { .scope_op = 0x10, .root = '\\', .name = { '_', 'S', 'B', '_' } };
	size_t size = processors * sizeof(struct device);
	/* A length of two bytes counts itself, and what follows. */
	uint32_t scope = (uint32_t)size + 2 + 5;

	ssdt.length[0] = (uint8_t)(0x40 | (scope & 15));
	ssdt.length[1] = (uint8_t)(scope >> 4);
	for (uint32_t i = 0; i < processors; i++)
		ssdt.device[i] = (struct device){
			.op = { 0x5b, 0x82 },
			.length = sizeof(struct device) - 2,
			.name = { 'C', '0', '0', (char)('0' + i) },
			.name_op = 0x08,
			.hid = { '_', 'H', 'I', 'D' },
			.string_op = 0x0d,
			.value = "ACPI0007",
			.name_op2 = 0x08,
			.uid = { '_', 'U', 'I', 'D' },
			.byte_op = 0x0a,
			.number = (uint8_t)i,
		};
	return put_table(&ssdt, offsetof(typeof(ssdt), device) + size, "SSDT", 2);
}

static uint64_t put_dsdt(const char *path)
{
	static uint8_t dsdt[FIRMWARE_SIZE];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file)
		die("%s cannot be opened", path);
	size = fread(dsdt, 1, sizeof(dsdt), file);
	if (size <= sizeof(struct acpi_header))
		die("%s has no table", path);
	fclose(file);
	return put(dsdt, size);
}

/* Put all tables of ACPI, and return the address of the pointer to them. */
static uint64_t put_acpi(const char *dsdt, uint32_t processors)
{
	struct packed {
		struct acpi_header header;
		uint64_t table[5];
	} xsdt = { .table = { put_fadt(put_dsdt(dsdt)), put_madt(processors), put_gtdt(),
			      put_mcfg(), put_ssdt(processors) } };
	struct packed {
		char signature[8];
		uint8_t checksum;
		char oem[6];
		uint8_t revision;
		uint32_t rsdt, length;
		uint64_t xsdt;
		uint8_t checksum_of_all, reserved[3];
	} rsdp = { .signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		   .revision = 2,
		   .length = sizeof(rsdp) };

	rsdp.xsdt = put_table(&xsdt, sizeof(xsdt), "XSDT", 1);
	memcpy(rsdp.oem, "BENCH ", 6);
	checksum(&rsdp, offsetof(typeof(rsdp), length), &rsdp.checksum);
	checksum(&rsdp, sizeof(rsdp), &rsdp.checksum_of_all);
	return put(&rsdp, sizeof(rsdp));
}

/* UEFI */

static uint64_t put_system_table(uint64_t acpi)
{
	static const uint16_t vendor[] = { 'b', 'e', 'n', 'c', 'h', 0 };
	/* EFI_ACPI_20_TABLE_GUID */
	struct packed {
		uint8_t guid[16];
		uint64_t table;
	} configuration = { .table = acpi,
			    .guid = { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22,
				      0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } };
	struct packed {
		char signature[8];
		uint32_t revision, size, crc, reserved;
		uint64_t vendor;
		uint32_t vendor_revision, reserved2;
		uint64_t console[6], runtime, boot, tables, configuration;
	} system = { .signature = { 'I', 'B', 'I', ' ', 'S', 'Y', 'S', 'T' },
		     .revision = 2 << 16 | 100,
		     .size = sizeof(system),
		     .vendor_revision = 1,
		     .tables = 1 };

	system.vendor = put(vendor, sizeof(vendor));
	system.configuration = put(&configuration, sizeof(configuration));
	return put(&system, sizeof(system));
}

struct packed memory {
	uint32_t type, reserved;
	uint64_t physical, virtual, pages, attribute;
};
enum { RESERVED = 0, CONVENTIONAL = 7, ACPI_RECLAIM = 9 };

/* Put the memory map, and return its address and its size. */
static uint64_t put_memory_map(uint64_t ram, uint32_t *size)
{
	const struct {
		uint64_t start;
		uint32_t type;
	} part[] = {
		{ RAM_BASE, CONVENTIONAL },
		{ STUB_BASE, RESERVED },
		{ KERNEL_BASE, CONVENTIONAL },
		{ FIRMWARE_BASE, ACPI_RECLAIM },
		{ FIRMWARE_BASE + FIRMWARE_SIZE, CONVENTIONAL },
		{ RAM_BASE + ram, 0 },
	};
	enum { PARTS = sizeof(part) / sizeof(*part) - 1 };
	struct memory map[PARTS];

	for (size_t i = 0; i < PARTS; i++)
		map[i] = (struct memory){ .type = part[i].type,
					  .physical = part[i].start,
					  .pages = (part[i + 1].start - part[i].start) / EFI_PAGE,
					  .attribute = 8 /* write-back */ };
	*size = sizeof(map);
	return put(map, sizeof(map));
}

/* The device tree */

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_END = 9 };

static struct {
	uint8_t structure[4096];
	char strings[512];
	size_t size, strings_size;
} fdt;

static void fdt_bytes(const void *data, size_t size)
{
	size_t padded = (size + 3) & ~(size_t)3;

	if (padded > sizeof(fdt.structure) - fdt.size)
		die("the device tree is too large");
	memcpy(fdt.structure + fdt.size, data, size);
	fdt.size += padded;
}

static void fdt_word(uint32_t word)
{
	word = htobe32(word);
	fdt_bytes(&word, sizeof(word));
}

static void fdt_node(const char *name)
{
	fdt_word(FDT_BEGIN_NODE);
	fdt_bytes(name, strlen(name) + 1);
}

static void fdt_property(const char *name, const void *value, size_t size)
{
	fdt_word(FDT_PROP);
	fdt_word((uint32_t)size);
	fdt_word((uint32_t)fdt.strings_size);
	fdt_bytes(value, size);
	if (strlen(name) >= sizeof(fdt.strings) - fdt.strings_size)
		die("the device tree has too many names");
	strcpy(fdt.strings + fdt.strings_size, name);
	fdt.strings_size += strlen(name) + 1;
}

static void fdt_u32(const char *name, uint32_t value)
{
	value = htobe32(value);
	fdt_property(name, &value, sizeof(value));
}

static void fdt_u64(const char *name, uint64_t value)
{
	value = htobe64(value);
	fdt_property(name, &value, sizeof(value));
}

/* Write the tree at @place, where @room bytes are free. */
static void write_fdt(uint8_t *place, size_t room)
{
	/* A terminator ends the list of reserved memory, which is empty. */
	struct packed {
		uint32_t magic, size, structure, strings, reserved, version, compatible;
		uint32_t boot_processor, strings_size, structure_size;
		uint64_t end_of_reserved[2];
	} header = {
		.magic = htobe32(0xd00dfeed),
		.size = htobe32((uint32_t)(sizeof(header) + fdt.size + fdt.strings_size)),
		.structure = htobe32(sizeof(header)),
		.strings = htobe32((uint32_t)(sizeof(header) + fdt.size)),
		.reserved = htobe32(offsetof(typeof(header), end_of_reserved)),
		.version = htobe32(17),
		.compatible = htobe32(16),
		.strings_size = htobe32((uint32_t)fdt.strings_size),
		.structure_size = htobe32((uint32_t)fdt.size),
	};

	if (sizeof(header) + fdt.size + fdt.strings_size > room)
		die("the device tree is too large");
	memcpy(place, &header, sizeof(header));
	memcpy(place + sizeof(header), fdt.structure, fdt.size);
	memcpy(place + sizeof(header) + fdt.size, fdt.strings, fdt.strings_size);
}

/* Write the tree that tells Linux where the rest is. */
static void write_chosen(uint8_t *place, size_t room, const char *command_line,
			 uint64_t initrd_size, uint64_t system_table, uint64_t map,
			 uint32_t map_size)
{
	uint8_t seed[64];

	/* The emulated processor has no other source of random numbers. */
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		die("there are no random numbers");
	fdt_node("");
	fdt_u32("#address-cells", 2);
	fdt_u32("#size-cells", 2);
	fdt_node("chosen");
	fdt_property("bootargs", command_line, strlen(command_line) + 1);
	fdt_property("rng-seed", seed, sizeof(seed));
	fdt_u64("linux,initrd-start", INITRD_BASE);
	fdt_u64("linux,initrd-end", INITRD_BASE + initrd_size);
	fdt_u64("linux,uefi-system-table", system_table);
	fdt_u64("linux,uefi-mmap-start", map);
	fdt_u32("linux,uefi-mmap-size", map_size);
	fdt_u32("linux,uefi-mmap-desc-size", sizeof(struct memory));
	fdt_u32("linux,uefi-mmap-desc-ver", 1);
	fdt_u32("linux,uefi-secure-boot", 2); /* disabled */
	fdt_word(FDT_END_NODE);
	fdt_word(FDT_END_NODE);
	fdt_word(FDT_END);
	write_fdt(place, room);
}

int main(int argc, char **argv)
{
	enum { TREE_ROOM = 8192 };
	uint64_t ram, initrd_size, system_table, map;
	uint32_t processors, map_size;
	uint8_t *tree;

	if (argc != 6)
		die("usage: firmware DSDT PROCESSORS MIB INITRD-SIZE COMMAND-LINE");
	processors = (uint32_t)strtoul(argv[2], NULL, 10);
	ram = strtoull(argv[3], NULL, 10) << 20;
	initrd_size = strtoull(argv[4], NULL, 10);
	if (!processors || processors > MAX_VPS)
		die("the machine can have 1 to %d processors", MAX_VPS);
	if (INITRD_BASE + initrd_size > RAM_BASE + ram)
		die("the initramfs does not fit into the memory");

	tree = reserve(TREE_ROOM);
	system_table = put_system_table(put_acpi(argv[1], processors));
	map = put_memory_map(ram, &map_size);
	write_chosen(tree, TREE_ROOM, argv[5], initrd_size, system_table, map, map_size);
	if (fwrite(firmware, sizeof(firmware), 1, stdout) != 1 || fflush(stdout))
		die("the firmware cannot be written");
	return 0;
}
