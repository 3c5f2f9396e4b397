/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stub runs at EL2, below an unmodified Linux at EL1. Linux owns the
 * interrupt controller and the timers, and calls the stub with HVC.
 *
 * stub.c starts the guest and answers PSCI, hypercall.c answers Hyper-V's
 * calls, and bell.c exchanges doorbells with the process hyperv.
 */
#ifndef VM_MACHINE_ARM64_STUB_H
#define VM_MACHINE_ARM64_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../calls.h"
#include "machine.h"

#define mailbox ((volatile struct mailbox *)MAILBOX_ARM64)

#define read_sysreg(name)                                 \
	({                                                \
		uint64_t v_;                              \
		asm volatile("mrs %0, " name : "=r"(v_)); \
		v_;                                       \
	})
#define write_sysreg(name, value) asm volatile("msr " name ", %0" : : "r"((uint64_t)(value)))
#define REG8(at)		  (*(volatile uint8_t *)(uint64_t)(at))
#define REG32(at)		  (*(volatile uint32_t *)(uint64_t)(at))
#define REG64(at)		  (*(volatile uint64_t *)(uint64_t)(at))

/* Order all earlier accesses to memory and devices before all later ones. */
#define barrier()      asm volatile("dsb sy" : : : "memory")
#define relax()	       asm volatile("yield")
#define put_byte(byte) (REG32(CONSOLE_UART) = (byte))

/* Whether the guest may have RAM at an address */
static inline bool in_ram(uint64_t address)
{
	return address >= RAM_BASE;
}

static inline uint32_t this_processor(void)
{
	return read_sysreg("mpidr_el1") & 0xff;
}

/* start.S */
extern char _start[];
__attribute__((noreturn)) void launch(uint64_t entry, uint64_t x0);

/* hypercall.c */
#define HV_HYPERCALL 0x46000001 /* the function in x0 that calls Hyper-V */
uint64_t hypercall(uint64_t *registers);

/* bell.c */
void init_bell(void);
void enable_bell_interrupt(void);
void ring_bell(void);
__attribute__((noreturn)) void serve_bell(void);

#endif
