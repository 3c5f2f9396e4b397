/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls that the stubs of both machines pass on to hyperv. The stub.h of a
 * machine defines barrier() and relax(), in_ram(), put_byte(), and ring_bell().
 */
#ifndef VM_MACHINE_CALLS_H
#define VM_MACHINE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "mailbox.h"

enum { HVCALL_POST_MESSAGE = 0x5c, HVCALL_SIGNAL_EVENT = 0x5d };

/* Print "stub: @text@value" on the guest's console. */
void say(const char *text, uint64_t value);

/* Let hyperv handle a call of this processor, and return its status. */
uint32_t ask(volatile struct vp *vp, enum call call);

/* Serve these hypercalls, whose input is in the guest's memory at @input. */
uint32_t post_message(volatile struct vp *vp, uint64_t input);
/* With @fast, the input is @input itself. */
uint32_t signal_event(volatile struct vp *vp, bool fast, uint64_t input);

/* Clear the registers of the SynIC, as a reset of the processor does. */
void clear_synic(volatile struct vp *vp);

#endif
