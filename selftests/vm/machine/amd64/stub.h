/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hypervisor that makes an unmodified x86-64 Linux believe that it runs on
 * Hyper-V. Linux runs as a guest of AMD-V, without nested page tables, and owns
 * the memory, the devices and the interrupts of QEMU's machine. The stub
 * answers CPUID, the MSRs of Hyper-V and hypercalls, and starts processors.
 * mailbox.h describes the other half, the process hyperv.
 *
 * bell.c    the doorbell, by which the stub asks hyperv and hyperv interrupts
 * hyperv.c  what Linux sees of Hyper-V: CPUID, MSRs, hypercalls
 * linux.c   how Linux starts on the first processor
 * stub.c    the guest of AMD-V, and its exits
 */
#ifndef VM_MACHINE_AMD64_STUB_H
#define VM_MACHINE_AMD64_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../calls.h"

#define PAGE_SIZE 4096ul

/*
 * Linux's table of memory says that [STUB_BASE, STUB_END) is reserved, and so
 * is the page at AP_BASE, where other processors start.
 */
#define STUB_BASE   0x100000ul
#define PARAMS_BASE 0x1f0000ul /* Linux's boot_params; the next page is its command line */
#define STUB_END    0x200000ul
#define AP_BASE	    0x8000ul

#define mailbox ((volatile struct mailbox *)MAILBOX_AMD64)

#define REG16(at)      (*(volatile uint16_t *)(uintptr_t)(at))
#define REG32(at)      (*(volatile uint32_t *)(uintptr_t)(at))
#define REG64(at)      (*(volatile uint64_t *)(uintptr_t)(at))
#define barrier()      asm volatile("mfence" : : : "memory")
#define relax()	       asm volatile("pause")
#define SERIAL_PORT    0x3f8
#define put_byte(byte) out8(SERIAL_PORT, byte)

/* Whether the guest has RAM at an address. Its RAM begins at 0. */
static inline bool in_ram(uint64_t address)
{
	(void)address;
	return true;
}

/* The registers of the guest that its VMCB does not have, as in start.S */
struct registers {
	uint64_t rbx, rcx, rdx, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rsi;
};

struct segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};

/* The fields of AMD's "virtual machine control block" that the stub uses */
struct vmcb {
	uint32_t cr, dr, exceptions, intercept1, intercept2;
	uint8_t reserved1[0x48 - 0x14];
	uint64_t msr_map, tsc_offset;
	uint32_t asid, tlb_control;
	uint64_t interrupts, shadow, exit_code, exit_info1, exit_info2, exit_event;
	uint64_t nested, reserved2[2];
	uint64_t inject;
	uint8_t reserved3[0x400 - 0xb0];
	struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved4[0x4d0 - 0x4a0];
	uint64_t efer;
	uint8_t reserved5[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved6[0x5d8 - 0x580];
	uint64_t rsp, reserved7[3], rax;
	uint8_t reserved8[0x1000 - 0x600];
};
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "exit_code");
_Static_assert(offsetof(struct vmcb, inject) == 0xa8, "inject");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "tr");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "rip");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "rax");
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "vmcb");

#define SEGMENT(attributes, limit, base) ((struct segment){ 0, attributes, limit, base })
#define EFER_SVME			 (1ul << 12)

static inline void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* start.S */
void load_guest(struct vmcb *vmcb);
void run_guest(struct vmcb *vmcb, struct registers *registers);
extern char ap_start[], ap_end[];
extern uint64_t gdt[], gdt_end[], level4[];
extern uint32_t boot_info;

/* stub.c */
void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
__attribute__((noreturn)) void give_up(const char *text, uint64_t value);

/* bell.c */
void find_bell(void);
void connect_bell(uint32_t cpu);
void ring_bell(void);

/* hyperv.c */
void answer_cpuid(struct vmcb *vmcb, struct registers *registers);
uint64_t hypercall(uint32_t cpu, uint64_t control, uint64_t input);
bool read_hv_msr(uint32_t cpu, uint32_t msr, uint64_t *value);
bool write_hv_msr(uint32_t cpu, uint32_t msr, uint64_t value);
void reset_synic(uint32_t cpu);

/* linux.c */
void start_linux(struct vmcb *vmcb, struct registers *registers);

#endif
