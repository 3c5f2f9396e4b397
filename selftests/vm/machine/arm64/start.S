/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a processor enters and leaves the stub, at EL2 with the MMU off
 */
#define STACK_SHIFT 12
#define PROCESSORS  16

/* An exception of the guest pushes its registers x0 to x30. */
#define FRAME_SIZE  256

/* Let sp be the end of this processor's stack. */
	.macro	own_stack, scratch, scratch2
	mrs	\scratch, mpidr_el1
	and	\scratch, \scratch, #0xff
	add	\scratch, \scratch, #1
	ldr	\scratch2, =stacks
	add	\scratch2, \scratch2, \scratch, lsl #STACK_SHIFT
	mov	sp, \scratch2
	.endm

/*
 * The first processor begins here after a reset, with 0 in x0. The others begin
 * here by PSCI's CPU_ON, which the stub calls with a struct start.
 */
	.section .text.start, "ax"
	.global _start
_start:
	own_stack x1, x2
	ldr	x1, =vectors
	msr	vbar_el2, x1
	isb
	bl	stub_main
	b	.

/* launch(entry, x0): leave EL2 for the guest's code at entry, at EL1. */
	.global launch
launch:
	msr	elr_el2, x0
	mov	x2, #0x3c5	/* EL1 with its own stack, all interrupts masked */
	msr	spsr_el2, x2
	own_stack x2, x3
	mov	x0, x1
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	eret

	.macro	each_pair, op
	\op	x2, x3, [sp, #16]
	\op	x4, x5, [sp, #32]
	\op	x6, x7, [sp, #48]
	\op	x8, x9, [sp, #64]
	\op	x10, x11, [sp, #80]
	\op	x12, x13, [sp, #96]
	\op	x14, x15, [sp, #112]
	\op	x16, x17, [sp, #128]
	\op	x18, x19, [sp, #144]
	\op	x20, x21, [sp, #160]
	\op	x22, x23, [sp, #176]
	\op	x24, x25, [sp, #192]
	\op	x26, x27, [sp, #208]
	\op	x28, x29, [sp, #224]
	.endm

from_guest:
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	each_pair stp
	str	x30, [sp, #240]
	mov	x0, sp
	bl	stub_trap
	ldr	x30, [sp, #240]
	each_pair ldp
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret

/* The stub expects only one exception: a synchronous one of the guest. */
	.macro	vector, handler
	.balign	0x80
	b	\handler
	.endm

	.balign	0x800
vectors:
	.rept	8
	vector	stub_unexpected
	.endr
	vector	from_guest
	.rept	7
	vector	stub_unexpected
	.endr

	.bss
	.balign	1 << STACK_SHIFT
stacks:
	.skip	PROCESSORS << STACK_SHIFT
