// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doorbell is the second serial port, at whose other end is hyperv. A byte
 * from here asks hyperv to look into the mailbox. A byte N from hyperv asks for
 * VMBus's interrupt on the processor N, which the spare processor raises. That
 * one is the last of QEMU's processors, and the guest does not know it.
 */
#include "stub.h"

/* PL011 */
#define UART(offset) REG32(BELL_UART + (offset))
enum { UART_DR = 0, UART_FR = 0x18, UART_LCR_H = 0x2c, UART_CR = 0x30, UART_IMSC = 0x38 };
#define UART_FR_EMPTY	 (1u << 4) /* nothing to receive */
#define UART_8_BITS_FIFO 0x70
#define UART_ENABLE	 0x301 /* the port, its sender and its receiver */
#define UART_RECEIVED	 (1u << 4)

/* GICv3 */
enum { GICD_IGROUPR = 0x80, GICD_ISENABLER = 0x100 };
enum { GICD_IPRIORITYR = 0x400, GICD_IROUTER = 0x6000 };
enum { GICR_WAKER = 0x14, GICR_SGI_FRAME = 0x10000, GICR_ISPENDR0 = 0x200 };
#define GICR_WAKER_SLEEP (1u << 1)

static uint64_t redistributor(uint32_t processor)
{
	return GIC_REDISTRIBUTOR + (uint64_t)processor * GIC_REDISTRIBUTOR_SIZE;
}

void init_bell(void)
{
	UART(UART_LCR_H) = UART_8_BITS_FIFO;
	UART(UART_IMSC) = UART_RECEIVED;
	UART(UART_CR) = UART_ENABLE;
}

/*
 * Let a byte of hyperv wake the spare processor. Linux disables all interrupts
 * that it does not know when it initializes the interrupt controller, so this
 * must be done after that.
 */
void enable_bell_interrupt(void)
{
	uint32_t bit = 1u << BELL_INTID % 32, word = BELL_INTID / 32 * 4;

	REG32(GIC_DISTRIBUTOR + GICD_IGROUPR + word) |= bit;
	REG8(GIC_DISTRIBUTOR + GICD_IPRIORITYR + BELL_INTID) = 0x80;
	REG64(GIC_DISTRIBUTOR + GICD_IROUTER + 8 * BELL_INTID) = mailbox->vps;
	REG32(GIC_DISTRIBUTOR + GICD_ISENABLER + word) = bit;
}

void ring_bell(void)
{
	UART(UART_DR) = '!';
}

/* Raise the interrupt if the guest has enabled it on this processor. */
static void interrupt(uint32_t processor)
{
	uint64_t sint;

	if (processor >= mailbox->vps)
		return;
	sint = mailbox->vp[processor].sint[VMBUS_SINT];
	if (sint & SINT_MASKED || (sint & 0xff) != VMBUS_INTID)
		return;
	REG32(redistributor(processor) + GICR_SGI_FRAME + GICR_ISPENDR0) = 1u << VMBUS_INTID;
}

/* The work of the spare processor */
void serve_bell(void)
{
	REG32(redistributor(this_processor()) + GICR_WAKER) &= ~GICR_WAKER_SLEEP;
	write_sysreg("icc_pmr_el1", 0xff);
	write_sysreg("icc_igrpen1_el1", 1);
	for (;;) {
		/* A pending interrupt ends WFI, though no handler runs. */
		asm volatile("wfi");
		while (!(UART(UART_FR) & UART_FR_EMPTY))
			interrupt(UART(UART_DR) & 0xff);
	}
}
