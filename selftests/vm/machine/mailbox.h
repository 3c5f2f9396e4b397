/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mailbox between the stub, which runs below the guest's kernel, and the
 * process hyperv on the machine. It lies in the guest's RAM, in a part that the
 * guest sees as reserved. The stub forwards hypercalls, and hyperv plays the
 * host.
 */
#ifndef VM_MACHINE_MAILBOX_H
#define VM_MACHINE_MAILBOX_H

#include <stdint.h>

/* The address of the mailbox in the guest's physical memory */
#define MAILBOX_AMD64 0x1e0000ul
#define MAILBOX_ARM64 0x40180000ul

#define MAX_VPS	    8
#define SINTS	    16
#define VMBUS_SINT  2 /* the synthetic interrupt that Linux uses for VMBus */
#define SINT_MASKED (1u << 16)
#define MESSAGE_MAX 240

/* What a processor asks hyperv to do */
enum call {
	CALL_POST = 1, /* HvCallPostMessage: id, type, size, payload */
	CALL_SIGNAL,   /* HvCallSignalEvent: id */
	CALL_EOM,      /* the guest has taken a message, and may get the next one */
	CALL_SYNIC,    /* the guest has enabled or disabled its SynIC */
	CALL_BOOT,     /* the machine has started, or has been reset */
};

enum call_state { CALL_NONE, CALL_ASKED, CALL_ANSWERED };

/*
 * One virtual processor. The stub writes everything but @status and the last
 * @state of a call: hyperv answers with CALL_ANSWERED, for which the processor
 * waits.
 */
struct vp {
	uint32_t state;	 /* enum call_state */
	uint32_t call;	 /* enum call */
	uint32_t status; /* HV_STATUS_... */
	uint32_t id;
	uint32_t type;
	uint32_t size;
	uint8_t payload[MESSAGE_MAX];
	uint64_t scontrol, siefp, simp, sint[SINTS]; /* the registers of the SynIC */
};

/* hyperv fills in the first three before the machine starts. */
struct mailbox {
	uint32_t vps;
	uint32_t bell;		/* what rings hyperv's doorbell */
	uint64_t tsc_frequency; /* in Hz; 0 on arm64 */
	struct vp vp[MAX_VPS];
};

enum {
	HV_STATUS_SUCCESS = 0,
	HV_STATUS_INVALID_HYPERCALL_CODE = 2,
	HV_STATUS_INVALID_HYPERCALL_INPUT = 3,
	HV_STATUS_INVALID_PARAMETER = 5,
	HV_STATUS_INVALID_CONNECTION_ID = 0x12,
};

#endif
