// SPDX-License-Identifier: GPL-2.0-only
/* The guest of AMD-V, and its exits to the stub. */
#include "stub.h"

void stub_main(uint32_t cpu);

enum {
	INTERCEPT_CPUID = 1u << 18,
	INTERCEPT_MSR = 1u << 28,
	INTERCEPT_SHUTDOWN = 1u << 31,
	/* All instructions of AMD-V, from VMRUN to SKINIT */
	INTERCEPT_SVM = 0x7f,
};

enum {
	EXIT_CPUID = 0x72,
	EXIT_MSR = 0x7c,
	EXIT_SHUTDOWN = 0x7f,
	EXIT_VMRUN = 0x80,
	EXIT_VMMCALL = 0x81,
	EXIT_SKINIT = 0x86,
};

enum { MSR_APIC_BASE = 0x1b, MSR_ICR = 0x830, MSR_HSAVE = 0xc0010117 };
#define X2APIC_ENABLED (3ul << 10)

/* Exceptions for the guest: valid, an exception, maybe with an error code */
#define INJECT_GP (1ul << 31 | 1ul << 11 | 3ul << 8 | 13)
#define INJECT_UD (1ul << 31 | 3ul << 8 | 6)

/* An interrupt between processors */
enum { ICR_MODE_SHIFT = 8, ICR_MODE_MASK = 7, ICR_STARTUP = 6, ICR_VECTOR = 0xff };

/* Q35's register for a reset, and ACPI's for a power-off, as SeaBIOS puts it */
enum { RESET_PORT = 0xcf9, FULL_RESET = 6, ACPI_CONTROL_PORT = 0x604, ACPI_SLEEP_ENABLE = 1 << 13 };

static struct vmcb vmcbs[MAX_VPS] __attribute__((aligned(4096)));
static uint8_t host_states[MAX_VPS][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t msr_map[2 * PAGE_SIZE] __attribute__((aligned(4096)));
/* The number of the page where the guest wants each processor to start */
static volatile uint8_t start_pages[MAX_VPS];

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}

void *memcpy(void *to, const void *from, size_t len)
{
	void *start = to;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return start;
}

void *memset(void *to, int byte, size_t len)
{
	void *start = to;

	asm volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
	return start;
}

/* Say why the machine cannot go on, and switch it off. */
void give_up(const char *text, uint64_t value)
{
	say(text, value);
	out16(ACPI_CONTROL_PORT, ACPI_SLEEP_ENABLE);
	for (;;)
		asm volatile("cli; hlt");
}

/*
 * Send an interrupt of the guest to other processors. A processor that it
 * starts must begin in the stub.
 */
static void send_ipi(uint64_t value)
{
	uint32_t to = (uint32_t)(value >> 32);

	if ((value >> ICR_MODE_SHIFT & ICR_MODE_MASK) == ICR_STARTUP && to < MAX_VPS) {
		start_pages[to] = (uint8_t)value;
		value = (value & ~(uint64_t)ICR_VECTOR) | AP_BASE / PAGE_SIZE;
		barrier();
	}
	write_msr(MSR_ICR, value);
}

/*
 * Without x2APIC the guest would start its other processors by a write to
 * memory, which the stub does not see, so they would run outside of AMD-V.
 */
static void write_apic_base(uint64_t value)
{
	if ((value & X2APIC_ENABLED) != X2APIC_ENABLED)
		give_up("the kernel switches x2APIC off, it lacks CONFIG_IRQ_REMAP or "
			"CONFIG_HYPERV_IOMMU: ",
			value);
	write_msr(MSR_APIC_BASE, value);
}

/* Access an MSR, and return whether the guest may do that. */
static bool access_msr(uint32_t cpu, struct vmcb *vmcb, struct registers *registers)
{
	uint32_t msr = (uint32_t)registers->rcx;
	uint64_t value = registers->rdx << 32 | (uint32_t)vmcb->rax;
	bool write = vmcb->exit_info1;

	if (msr == MSR_ICR) {
		send_ipi(value);
		return true;
	}
	if (msr == MSR_APIC_BASE) {
		write_apic_base(value);
		return true;
	}
	if (write)
		return write_hv_msr(cpu, msr, value);
	if (!read_hv_msr(cpu, msr, &value))
		return false;
	vmcb->rax = (uint32_t)value;
	registers->rdx = value >> 32;
	return true;
}

static void handle_exit(uint32_t cpu, struct vmcb *vmcb, struct registers *registers)
{
	switch (vmcb->exit_code) {
	case EXIT_CPUID:
		answer_cpuid(vmcb, registers);
		vmcb->rip += 2;
		break;
	case EXIT_MSR:
		if (access_msr(cpu, vmcb, registers))
			vmcb->rip += 2;
		else
			vmcb->inject = INJECT_GP;
		break;
	case EXIT_VMMCALL:
		vmcb->rax = hypercall(cpu, registers->rcx, registers->rdx);
		vmcb->rip += 3;
		break;
	case EXIT_SHUTDOWN: /* a triple fault, by which Linux may also reboot */
		say("a triple fault at ", vmcb->rip);
		out8(RESET_PORT, FULL_RESET);
		break;
	default:
		if (vmcb->exit_code < EXIT_VMRUN || vmcb->exit_code > EXIT_SKINIT)
			give_up("an exit of the guest that the stub does not know: ",
				vmcb->exit_code);
		vmcb->inject = INJECT_UD;
	}
}

/* Put the guest's processor into the state that it has after an INIT. */
static void prepare(struct vmcb *vmcb)
{
	memset(vmcb, 0, sizeof(*vmcb));
	vmcb->intercept1 = INTERCEPT_CPUID | INTERCEPT_MSR | INTERCEPT_SHUTDOWN;
	vmcb->intercept2 = INTERCEPT_SVM;
	vmcb->msr_map = (uintptr_t)msr_map;
	vmcb->asid = 1;
	vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = SEGMENT(0x93, 0xffff, 0);
	vmcb->gdtr = vmcb->idtr = SEGMENT(0, 0xffff, 0);
	vmcb->ldtr = SEGMENT(0x82, 0xffff, 0);
	vmcb->tr = SEGMENT(0x8b, 0xffff, 0);
	vmcb->efer = EFER_SVME;
	vmcb->cr0 = 0x10;
	vmcb->dr6 = 0xffff0ff0;
	vmcb->dr7 = 0x400;
	vmcb->rflags = 2;
}

/* Prepare the machine, which has just started or has been reset. */
static void start_machine(void)
{
	/* Two bits for each MSR, the second one for writes */
	msr_map[MSR_APIC_BASE / 4] = 2 << MSR_APIC_BASE % 4 * 2;
	msr_map[MSR_ICR / 4] = 2 << MSR_ICR % 4 * 2;
	memcpy((void *)AP_BASE, ap_start, (size_t)(ap_end - ap_start));
	find_bell();
	for (uint32_t cpu = 0; cpu < MAX_VPS; cpu++)
		reset_synic(cpu);
	ask(&mailbox->vp[0], CALL_BOOT);
}

static void start_processor(uint32_t cpu, struct vmcb *vmcb)
{
	reset_synic(cpu);
	vmcb->cs = SEGMENT(0x9b, 0xffff, (uint64_t)start_pages[cpu] << 12);
	vmcb->cs.selector = (uint16_t)(start_pages[cpu] << 8);
}

void stub_main(uint32_t cpu)
{
	struct vmcb *vmcb = &vmcbs[cpu];
	struct registers registers = { 0 };

	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | X2APIC_ENABLED);
	write_msr(MSR_HSAVE, (uintptr_t)host_states[cpu]);
	prepare(vmcb);
	if (cpu) {
		start_processor(cpu, vmcb);
	} else {
		start_machine();
		start_linux(vmcb, &registers);
	}
	load_guest(vmcb);
	for (;;) {
		/* The guest cannot see this bit, so it may have cleared it. */
		vmcb->efer |= EFER_SVME;
		run_guest(vmcb, &registers);
		vmcb->inject = 0;
		handle_exit(cpu, vmcb, &registers);
	}
}
