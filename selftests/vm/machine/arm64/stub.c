// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start the guest's processors, and answer PSCI. QEMU itself is the firmware
 * that implements PSCI, and the stub reaches it with SMC.
 */
#include "stub.h"

enum {
	SMCCC_VERSION = 0x80000000,
	SMCCC_VENDOR_UID = 0x8600ff01,
	PSCI_FIRST = 0x84000000,
	PSCI_FEATURES = 0x8400000a,
	PSCI_LAST = 0x8400001f,
	PSCI_CPU_ON = 0xc4000003,
};
#define PSCI_64_BIT	   0x40000000u
#define NOT_SUPPORTED	   ((uint64_t)-1)
#define INVALID_PARAMETERS ((uint64_t)-2)
#define SMCCC_1_2	   0x10002

#define EXCEPTION_CLASS(esr) ((esr) >> 26)
#define EXCEPTION_HVC	     0x16

/* Where a processor that CPU_ON starts enters the guest, the spare one last */
struct start {
	uint64_t entry, x0;
};
static struct start starts[MAX_VPS + 1];

/* Called from start.S */
void stub_main(const struct start *start);
void stub_trap(uint64_t *x);
void stub_unexpected(void);

void stub_unexpected(void)
{
	say("BUG: exception, ESR ", read_sysreg("esr_el2"));
	say("ELR ", read_sysreg("elr_el2"));
	say("FAR ", read_sysreg("far_el2"));
	for (;;)
		asm volatile("wfi");
}

static uint64_t smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 asm("x0") = function;
	register uint64_t x1 asm("x1") = a;
	register uint64_t x2 asm("x2") = b;
	register uint64_t x3 asm("x3") = c;

	asm volatile("smc #0"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
		     :
		     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		       "x16", "x17", "memory");
	return x0;
}

/* Let a processor enter the guest through the stub. */
static uint64_t start_processor(uint64_t processor, uint64_t entry, uint64_t x0)
{
	starts[processor].entry = entry;
	starts[processor].x0 = x0;
	barrier();
	return smc(PSCI_CPU_ON, processor, (uint64_t)_start, (uint64_t)&starts[processor]);
}

static bool is_psci(uint32_t function)
{
	function &= ~PSCI_64_BIT;
	return function >= PSCI_FIRST && function <= PSCI_LAST;
}

/* Answer an HVC of the guest, whose registers are x[0] to x[30]. */
void stub_trap(uint64_t *x)
{
	uint32_t function = (uint32_t)x[0];

	if (EXCEPTION_CLASS(read_sysreg("esr_el2")) != EXCEPTION_HVC)
		stub_unexpected();
	if (function == HV_HYPERCALL) {
		x[0] = hypercall(x);
	} else if (function == SMCCC_VENDOR_UID) {
		/* 58ba324d-6447-24cd-756c-ef8e24705916, that of Hyper-V */
		x[0] = 0x4d32ba58;
		x[1] = 0xcd244764;
		x[2] = 0x8eef6c75;
		x[3] = 0x16597024;
	} else if (function == SMCCC_VERSION) {
		x[0] = SMCCC_1_2;
	} else if (function == PSCI_FEATURES && (uint32_t)x[1] == SMCCC_VERSION) {
		x[0] = 0; /* supported, which tells Linux to look for Hyper-V */
	} else if (function == PSCI_CPU_ON) {
		x[0] = x[1] < mailbox->vps ? start_processor(x[1], x[2], x[3]) : INVALID_PARAMETERS;
	} else if (is_psci(function)) {
		x[0] = smc(x[0], x[1], x[2], x[3]);
	} else {
		x[0] = NOT_SUPPORTED;
	}
}

/* Let nothing trap to EL2 but HVC. */
static void prepare_el1(void)
{
	/* EL1 is AArch64, and may authenticate pointers. */
	write_sysreg("hcr_el2", 1ull << 41 | 1ull << 40 | 1ull << 31);
	write_sysreg("cptr_el2", 0x32ff); /* floating point */
	write_sysreg("hstr_el2", 0);
	write_sysreg("cnthctl_el2", 3); /* the physical counter and timer */
	write_sysreg("cntvoff_el2", 0);
	write_sysreg("vttbr_el2", 0);
	write_sysreg("vpidr_el2", read_sysreg("midr_el1"));
	write_sysreg("vmpidr_el2", read_sysreg("mpidr_el1"));
	write_sysreg("ich_hcr_el2", 0);
	write_sysreg("sctlr_el1", 0x30d00800); /* the MMU and the caches are off */
	asm volatile("isb");
}

/* The machine has started, or has been reset. */
__attribute__((noreturn)) static void boot(void)
{
	init_bell();
	for (uint32_t i = 0; i < mailbox->vps; i++)
		clear_synic(&mailbox->vp[i]);
	ask(&mailbox->vp[0], CALL_BOOT);
	if (start_processor(mailbox->vps, 0, 0))
		say("BUG: QEMU has no spare processor ", mailbox->vps);
	/* The firmware begins with the device tree. Linux expects it in x0. */
	launch(KERNEL_BASE, FIRMWARE_BASE);
}

void stub_main(const struct start *start)
{
	write_sysreg("icc_sre_el2", 0xf); /* EL1 may use the interrupt controller */
	asm volatile("isb");
	if (start == &starts[mailbox->vps])
		serve_bell();
	prepare_el1();
	if (!start)
		boot();
	clear_synic(&mailbox->vp[this_processor()]);
	launch(start->entry, start->x0);
}
