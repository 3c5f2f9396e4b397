// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Linux sees of Hyper-V: CPUID, MSRs and hypercalls. The hypervisor's
 * functional specification defines them all. The processor's own TSC and APIC
 * timer serve Linux as its clocks, and their frequencies are known, so the stub
 * has no synthetic timers.
 */
#include "stub.h"

/* Hypercalls */

enum { CALL_CODE = 0xffff, CALL_FAST = 1 << 16 };

uint64_t hypercall(uint32_t cpu, uint64_t control, uint64_t input)
{
	volatile struct vp *vp = &mailbox->vp[cpu];
	bool fast = control & CALL_FAST;

	switch (control & CALL_CODE) {
	case HVCALL_POST_MESSAGE:
		return fast ? HV_STATUS_INVALID_HYPERCALL_INPUT : post_message(vp, input);
	case HVCALL_SIGNAL_EVENT:
		return signal_event(vp, fast, input);
	default:
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	}
}

/* CPUID */

enum {
	HAS_REFERENCE_COUNTER = 1 << 1,
	HAS_SYNIC = 1 << 2,
	HAS_HYPERCALLS = 1 << 5,
	HAS_VP_INDEX = 1 << 6,
	HAS_REFERENCE_TSC = 1 << 9,
	HAS_FREQUENCIES = 1 << 11,
	HAS_INVARIANT_TSC = 1 << 15,
};

enum { MAY_POST_MESSAGES = 1 << 4, MAY_SIGNAL_EVENTS = 1 << 5 };
enum { FREQUENCIES_ARE_KNOWN = 1 << 8 };
/* Without AutoEOI, the interrupt of VMBus is an ordinary one of the APIC. */
enum { RELAXED_TIMING = 1 << 5, NO_AUTO_EOI = 1 << 9 };
#define NO_SPINLOCK_NOTICES 0xffffffff

#define FEATURES                                                                                 \
	(HAS_REFERENCE_COUNTER | HAS_SYNIC | HAS_HYPERCALLS | HAS_VP_INDEX | HAS_REFERENCE_TSC | \
	 HAS_FREQUENCIES | HAS_INVARIANT_TSC)

#define HV_LEAVES     0x40000000u
#define HV_LEAVES_END 0x50000000u

struct leaf {
	uint32_t a, b, c, d;
};

static const struct leaf hv_leaves[] = {
	{ 0x40000005, 0x7263694d, 0x666f736f, 0x76482074 }, /* "Microsoft Hv" */
	{ 0x31237648, 0, 0, 0 },			    /* "Hv#1" */
	{ 20348, 10u << 16, 0, 0 },			    /* the host's build and version */
	{ FEATURES, MAY_POST_MESSAGES | MAY_SIGNAL_EVENTS, 0, FREQUENCIES_ARE_KNOWN },
	{ RELAXED_TIMING | NO_AUTO_EOI, NO_SPINLOCK_NOTICES, 0, 0 },
	{ 64, 64, 0, 0 }, /* the largest number of processors */
};

/* Return @word with its bit @to as bit @from of @cr4. */
static uint32_t copy_bit(uint32_t word, int to, uint64_t cr4, int from)
{
	return (word & ~(1u << to)) | (uint32_t)(cr4 >> from & 1) << to;
}

/* What the processor says, as if it were the guest's, and without AMD-V */
static struct leaf processor_leaf(const struct vmcb *vmcb, uint32_t leaf, uint32_t sub)
{
	struct leaf l;

	asm volatile("cpuid" : "=a"(l.a), "=b"(l.b), "=c"(l.c), "=d"(l.d) : "a"(leaf), "c"(sub));
	switch (leaf) {
	case 1: /* OSXSAVE, and a hypervisor */
		l.c = copy_bit(l.c, 27, vmcb->cr4, 18) | 1u << 31;
		break;
	case 7: /* OSPKE */
		if (!sub)
			l.c = copy_bit(l.c, 4, vmcb->cr4, 22);
		break;
	case 0x80000001: /* no AMD-V */
		l.c &= ~(1u << 2);
		break;
	case 0x8000000a:
		l = (struct leaf){ 0 };
		break;
	}
	return l;
}

void answer_cpuid(struct vmcb *vmcb, struct registers *registers)
{
	uint32_t leaf = (uint32_t)vmcb->rax;
	struct leaf l = { 0 };

	if (leaf < HV_LEAVES || leaf >= HV_LEAVES_END)
		l = processor_leaf(vmcb, leaf, (uint32_t)registers->rcx);
	else if (leaf - HV_LEAVES < sizeof(hv_leaves) / sizeof(hv_leaves[0]))
		l = hv_leaves[leaf - HV_LEAVES];
	vmcb->rax = l.a;
	registers->rbx = l.b;
	registers->rcx = l.c;
	registers->rdx = l.d;
}

/* MSRs */

enum {
	HV_GUEST_OS_ID = 0x40000000,
	HV_HYPERCALL = 0x40000001,
	HV_VP_INDEX = 0x40000002,
	HV_REFERENCE_COUNTER = 0x40000020,
	HV_REFERENCE_TSC = 0x40000021,
	HV_TSC_FREQUENCY = 0x40000022,
	HV_APIC_FREQUENCY = 0x40000023,
	HV_VP_ASSIST_PAGE = 0x40000073,
	HV_SCONTROL = 0x40000080,
	HV_SVERSION = 0x40000081,
	HV_SIEFP = 0x40000082,
	HV_SIMP = 0x40000083,
	HV_EOM = 0x40000084,
	HV_SINT0 = 0x40000090,
	HV_INVARIANT_TSC_CONTROL = 0x40000118,
};

#define PAGE_ENABLED	    1ul
#define APIC_FREQUENCY	    1000000000 /* the timer of QEMU's APIC counts nanoseconds */
#define REFERENCE_FREQUENCY 10000000ul /* the clock of Hyper-V counts 100 ns */

static uint64_t os_id, hypercall_page, reference_tsc, invariant_tsc, assist_page[MAX_VPS];

/* The register behind an MSR that the guest may read and write, or NULL */
static volatile uint64_t *stored_msr(uint32_t cpu, uint32_t msr)
{
	volatile struct vp *vp = &mailbox->vp[cpu];

	if (msr >= HV_SINT0 && msr < HV_SINT0 + SINTS)
		return &vp->sint[msr - HV_SINT0];
	switch (msr) {
	case HV_GUEST_OS_ID:
		return &os_id;
	case HV_HYPERCALL:
		return &hypercall_page;
	case HV_REFERENCE_TSC:
		return &reference_tsc;
	case HV_INVARIANT_TSC_CONTROL:
		return &invariant_tsc;
	case HV_VP_ASSIST_PAGE:
		return &assist_page[cpu];
	case HV_SCONTROL:
		return &vp->scontrol;
	case HV_SIEFP:
		return &vp->siefp;
	case HV_SIMP:
		return &vp->simp;
	default:
		return NULL;
	}
}

/* How many units of Hyper-V's clock a tick of the TSC is, in units of 2^-64 */
static uint64_t reference_scale(void)
{
	uint64_t scale, rest;

	asm("divq %4"
	    : "=a"(scale), "=d"(rest)
	    : "a"(0ul), "d"(REFERENCE_FREQUENCY), "r"(mailbox->tsc_frequency)
	    : "cc");
	return scale;
}

static uint64_t reference_counter(void)
{
	uint32_t low, high;
	uint64_t time, rest;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	asm("mulq %2"
	    : "=d"(time), "=a"(rest)
	    : "r"(reference_scale()), "a"((uint64_t)high << 32 | low)
	    : "cc");
	return time;
}

/* Let the guest compute the same from its TSC. */
static void write_reference_tsc(uint64_t page)
{
	REG64(page + 8) = reference_scale();
	REG64(page + 16) = 0; /* what is added */
	barrier();
	REG32(page) = 1; /* any number but 0 makes it valid */
}

/* Write the instructions VMMCALL and RET. */
static void write_hypercall_page(uint64_t page)
{
	REG32(page) = 0xc3d9010f;
}

/* Read an MSR, and return whether the hypervisor has it. */
bool read_hv_msr(uint32_t cpu, uint32_t msr, uint64_t *value)
{
	volatile uint64_t *stored = stored_msr(cpu, msr);

	switch (msr) {
	case HV_VP_INDEX:
		*value = cpu;
		break;
	case HV_REFERENCE_COUNTER:
		*value = reference_counter();
		break;
	case HV_TSC_FREQUENCY:
		*value = mailbox->tsc_frequency;
		break;
	case HV_APIC_FREQUENCY:
		*value = APIC_FREQUENCY;
		break;
	case HV_SVERSION:
		*value = 1;
		break;
	case HV_EOM:
		*value = 0;
		break;
	default:
		if (!stored)
			return false;
		*value = *stored;
	}
	return true;
}

/* Write an MSR, and return whether the guest may do that. */
bool write_hv_msr(uint32_t cpu, uint32_t msr, uint64_t value)
{
	volatile uint64_t *stored = stored_msr(cpu, msr);
	uint64_t page = value & ~(PAGE_SIZE - 1);
	bool enabled = value & PAGE_ENABLED;

	if (stored)
		*stored = value;
	switch (msr) {
	case HV_HYPERCALL:
		if (enabled)
			write_hypercall_page(page);
		break;
	case HV_REFERENCE_TSC:
		if (enabled)
			write_reference_tsc(page);
		break;
	case HV_SINT0 + VMBUS_SINT:
		connect_bell(cpu);
		break;
	case HV_SCONTROL:
	case HV_SIEFP:
	case HV_SIMP:
		ask(&mailbox->vp[cpu], CALL_SYNIC);
		break;
	case HV_EOM:
		ask(&mailbox->vp[cpu], CALL_EOM);
		break;
	default:
		return stored;
	}
	return true;
}

/* Bring the SynIC of a processor that starts into its first state. */
void reset_synic(uint32_t cpu)
{
	clear_synic(&mailbox->vp[cpu]);
	connect_bell(cpu);
}
