// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hyper-V's calls: the registers of a virtual processor, which the stub keeps
 * in the mailbox, messages and events, which it hands to hyperv
 */
#include "stub.h"

enum {
	HVCALL_GET_VP_REGISTERS = 0x50,
	HVCALL_SET_VP_REGISTERS = 0x51,
};

enum {
	HV_VERSION = 0x100,
	HV_PRIVILEGES_AND_FEATURES = 0x200,
	HV_HINTS = 0x201,
	HV_GUEST_OS_ID = 0x90002,
	HV_VP_INDEX = 0x90003,
	HV_SINT0 = 0xa0000,
	HV_SCONTROL = 0xa0010,
	HV_SVERSION = 0xa0011,
	HV_SIEFP = 0xa0012,
	HV_SIMP = 0xa0013,
	HV_EOM = 0xa0014,
};

#define VERSION_10_0_BUILD_20348 (10ull << 48 | 20348)
/* The guest may use the SynIC and its index, post messages, signal events. */
#define FEATURES	 (1u << 2 | 1u << 6)
#define PRIVILEGES	 (1u << 4 | 1u << 5)
#define HINT_NO_AUTO_EOI (1u << 9)

/* The first word of a call: its code, how it passes its input, repetitions */
#define CALL_CODE(word) ((uint32_t)((word) & 0xffff))
#define CALL_FAST(word) (!!((word) & 1u << 16))
#define CALL_REPS(word) ((word) & 0xfffull << 32)
#define ONE_REP		(1ull << 32)

static volatile uint64_t *synic_register(volatile struct vp *vp, uint32_t name)
{
	if (name >= HV_SINT0 && name < HV_SINT0 + SINTS)
		return &vp->sint[name - HV_SINT0];
	switch (name) {
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

/* Read the register @name into the two words at @value. */
static uint32_t get_register(volatile struct vp *vp, uint32_t name, uint64_t *value)
{
	volatile uint64_t *reg = synic_register(vp, name);

	value[0] = reg ? *reg : 0;
	value[1] = 0;
	if (reg)
		return HV_STATUS_SUCCESS;
	switch (name) {
	case HV_VERSION:
		value[0] = VERSION_10_0_BUILD_20348;
		break;
	case HV_PRIVILEGES_AND_FEATURES:
		value[0] = (uint64_t)PRIVILEGES << 32 | FEATURES;
		break;
	case HV_HINTS:
		value[0] = HINT_NO_AUTO_EOI;
		break;
	case HV_VP_INDEX:
		value[0] = this_processor();
		break;
	case HV_SVERSION:
		value[0] = 1;
		break;
	case HV_EOM:
	case HV_GUEST_OS_ID:
		break;
	default:
		return HV_STATUS_INVALID_PARAMETER;
	}
	return HV_STATUS_SUCCESS;
}

static uint32_t set_register(volatile struct vp *vp, uint32_t name, uint64_t value)
{
	volatile uint64_t *reg = synic_register(vp, name);

	if (reg)
		*reg = value;
	switch (name) {
	case HV_SCONTROL:
		enable_bell_interrupt();
		return ask(vp, CALL_SYNIC);
	case HV_SIEFP:
	case HV_SIMP:
		return ask(vp, CALL_SYNIC);
	case HV_EOM:
		return ask(vp, CALL_EOM);
	case HV_GUEST_OS_ID:
		return HV_STATUS_SUCCESS;
	default:
		return reg ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
	}
}

/*
 * Serve a call: x1 is its first word. The input is in x2 and the registers
 * after it, or in memory at the address in x2. In a call for a register, x4 is
 * the name, and x6 and x7 are the value.
 */
uint64_t hypercall(uint64_t *x)
{
	volatile struct vp *vp = &mailbox->vp[this_processor()];
	bool fast = CALL_FAST(x[1]), one_register = fast && CALL_REPS(x[1]) == ONE_REP;
	uint32_t status;

	switch (CALL_CODE(x[1])) {
	case HVCALL_GET_VP_REGISTERS:
		if (!one_register)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		status = get_register(vp, (uint32_t)x[4], &x[6]);
		return status ? status : ONE_REP;
	case HVCALL_SET_VP_REGISTERS:
		if (!one_register)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		status = set_register(vp, (uint32_t)x[4], x[6]);
		return status ? status : ONE_REP;
	case HVCALL_POST_MESSAGE:
		return fast ? HV_STATUS_INVALID_HYPERCALL_INPUT : post_message(vp, x[2]);
	case HVCALL_SIGNAL_EVENT:
		return signal_event(vp, fast, x[2]);
	default:
		say("unknown hypercall ", x[1]);
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	}
}
