// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doorbell is QEMU's ivshmem-doorbell, whose server is hyperv. A write to
 * its register rings hyperv; its interrupt N is hyperv's to processor N.
 *
 * The doorbell is a function of a slot that has no function 0, so that Linux
 * does not look for it, and it is at addresses that Linux gives to no device.
 * Linux 7.2 would otherwise clear its bus master bit after it has connected to
 * VMBus.
 */
#include "stub.h"

#define BELL_SLOT     30
#define BELL_FUNCTION 1
#define BELL_ID	      0x11101af4u
#define BELL_BASE     0xfec10000ul
#define BELL_TABLE    0xfec11000ul
#define BELL_RING     (BELL_BASE + 12)

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define Q35_CONFIG  0x60 /* the register of the host bridge with the base of PCI's memory */

/* Offsets in the configuration of a PCI function */
enum { PCI_COMMAND = 4, PCI_BAR0 = 0x10, PCI_BAR1 = 0x14, PCI_BAR2 = 0x18 };
enum { PCI_CAPABILITIES = 0x34 };
enum { PCI_MEMORY_AND_MASTER = 6, MSIX = 0x11, MSIX_ENABLE = 0x8000 };

/* An entry of the table of MSI-X */
enum { ENTRY_SIZE = 16, ENTRY_ADDRESS = 0, ENTRY_HIGH = 4, ENTRY_DATA = 8, ENTRY_MASK = 12 };
#define APIC_BASE 0xfee00000u

static uintptr_t entry_of(uint32_t cpu)
{
	return BELL_TABLE + cpu * ENTRY_SIZE;
}

static void enable_msix(uintptr_t config)
{
	uint32_t at = REG32(config + PCI_CAPABILITIES) & 0xff;

	while ((REG32(config + at) & 0xff) != MSIX)
		at = REG32(config + at) >> 8 & 0xff;
	for (uint32_t cpu = 0; cpu < MAX_VPS; cpu++)
		REG32(entry_of(cpu) + ENTRY_MASK) = 1;
	REG16(config + at + 2) = MSIX_ENABLE;
}

void find_bell(void)
{
	uintptr_t config;

	out32(PCI_ADDRESS, 1u << 31 | Q35_CONFIG);
	config = (in32(PCI_DATA) & ~0xfffu) + (BELL_SLOT * 8 + BELL_FUNCTION) * PAGE_SIZE;
	if (REG32(config) != BELL_ID)
		give_up("no doorbell at ", config);
	REG16(config + PCI_COMMAND) = 0;
	REG32(config + PCI_BAR0) = BELL_BASE;
	REG32(config + PCI_BAR1) = BELL_TABLE;
	REG64(config + PCI_BAR2) = 0; /* its shared memory is not used */
	REG16(config + PCI_COMMAND) = PCI_MEMORY_AND_MASTER;
	enable_msix(config);
}

/* Let hyperv interrupt a processor with the vector that the guest chose. */
void connect_bell(uint32_t cpu)
{
	uint64_t sint = mailbox->vp[cpu].sint[VMBUS_SINT];
	uintptr_t entry = entry_of(cpu);

	REG32(entry + ENTRY_MASK) = 1;
	REG32(entry + ENTRY_ADDRESS) = APIC_BASE | cpu << 12;
	REG32(entry + ENTRY_HIGH) = 0;
	REG32(entry + ENTRY_DATA) = (uint8_t)sint;
	REG32(entry + ENTRY_MASK) = sint & SINT_MASKED ? 1 : 0;
}

void ring_bell(void)
{
	REG32(BELL_RING) = mailbox->bell;
}
