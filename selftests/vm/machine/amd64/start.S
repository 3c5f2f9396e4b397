/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of each processor into stub_main(), and the switch between the stub
 * and the guest. QEMU's multiboot loader starts the first processor here, in
 * 32-bit mode.
 */
#define CODE32 0x08
#define CODE64 0x10
#define DATA   0x18

#define CR0_PE (1 << 0)
#define CR0_ET (1 << 4)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define EFER_SVME (1 << 12)

#define MULTIBOOT_MAGIC 0x1badb002
/* The loader shall pass a table of memory, and take the addresses from here. */
#define MULTIBOOT_FLAGS 0x10003

	.section .text.start, "ax"
	.code32
	.global _start
	.balign	4
header:	.long	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
	.long	header, _load, _edata, _end, _start

_start:	cli
	mov	%ebx, boot_info
	jmp	enter32

/*
 * The other processors start in a copy of this code at AP_BASE, in real mode.
 */
	.code16
	.global ap_start, ap_end
ap_start:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	ap_gdtr - ap_start
	mov	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	$CODE32, $enter32
	.balign	8
ap_gdtr: .word	gdt_end - gdt - 1
	.long	gdt
ap_end:

	.code32
enter32:
	lgdtl	%cs:gdtr
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$level4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$(EFER_LME | EFER_SVME), %eax
	wrmsr
	mov	$(CR0_PG | CR0_ET | CR0_PE), %eax
	mov	%eax, %cr0
	ljmpl	$CODE64, $enter64

/* The APIC ID, which is the number of the processor, chooses the stack. */
	.code64
enter64:
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	mov	%ebx, %edi
	inc	%ebx
	shl	$12, %ebx
	lea	stacks(%rbx), %rsp
	clgi
	call	stub_main
1:	hlt
	jmp	1b

/* load_guest(vmcb): load the hidden registers that VMRUN leaves alone. */
	.global load_guest
load_guest:
	mov	%rdi, %rax
	vmload	%rax
	ret

/* run_guest(vmcb, registers): run the guest until its next exit. */
	.global run_guest
run_guest:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi
	mov	%rdi, %rax
	mov	0x00(%rsi), %rbx
	mov	0x08(%rsi), %rcx
	mov	0x10(%rsi), %rdx
	mov	0x18(%rsi), %rdi
	mov	0x20(%rsi), %rbp
	mov	0x28(%rsi), %r8
	mov	0x30(%rsi), %r9
	mov	0x38(%rsi), %r10
	mov	0x40(%rsi), %r11
	mov	0x48(%rsi), %r12
	mov	0x50(%rsi), %r13
	mov	0x58(%rsi), %r14
	mov	0x60(%rsi), %r15
	mov	0x68(%rsi), %rsi
	vmrun	%rax
	pop	%rax
	mov	%rbx, 0x00(%rax)
	mov	%rcx, 0x08(%rax)
	mov	%rdx, 0x10(%rax)
	mov	%rdi, 0x18(%rax)
	mov	%rbp, 0x20(%rax)
	mov	%r8, 0x28(%rax)
	mov	%r9, 0x30(%rax)
	mov	%r10, 0x38(%rax)
	mov	%r11, 0x40(%rax)
	mov	%r12, 0x48(%rax)
	mov	%r13, 0x50(%rax)
	mov	%r14, 0x58(%rax)
	mov	%r15, 0x60(%rax)
	mov	%rsi, 0x68(%rax)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* Linux finds its own segments at the same places when it starts. */
	.data
	.balign	8
	.global gdt, gdt_end
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* CODE32 */
	.quad	0x00af9b000000ffff	/* CODE64 */
	.quad	0x00cf93000000ffff	/* DATA */
gdt_end:
gdtr:	.word	gdt_end - gdt - 1
	.long	gdt, 0
	.global boot_info
boot_info: .long 0

/* All addresses up to 512 GiB are mapped as they are, in pages of 1 GiB. */
	.balign	4096
	.global level4
level4:	.quad	level3 + 7
	.fill	511, 8, 0
level3:
	.set	page, 0
	.rept	512
	.quad	page + 0xe7
	.set	page, page + 0x40000000
	.endr

	.bss
	.balign	4096
stacks:	.skip	4096 * 8
	.section .note.GNU-stack, "", @progbits
