/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The places of QEMU's machine "virt" that the stub, the tables of the firmware
 * and the guest share
 */
#ifndef VM_MACHINE_ARM64_H
#define VM_MACHINE_ARM64_H

/* Devices. The guest knows neither the bell nor the spare processor. */
#define GIC_DISTRIBUTOR	       0x08000000
#define GIC_REDISTRIBUTOR      0x080a0000 /* of all processors, one after the other */
#define GIC_REDISTRIBUTOR_SIZE 0x20000
#define CONSOLE_UART	       0x09000000 /* the first PL011 */
#define BELL_UART	       0x09040000 /* the second one */
#define BELL_INTID	       40

#define PCI_CONFIGURATION 0x3f000000 /* of 16 buses */

/* The private interrupt of each processor by which VMBus interrupts it */
#define VMBUS_INTID 18

/*
 * Memory. qemu.sh loads the firmware, the kernel and the initramfs at these
 * addresses. The stub and the mailbox are between STUB_BASE and KERNEL_BASE.
 */
#define RAM_BASE      0x40000000
#define STUB_BASE     0x40100000
#define KERNEL_BASE   0x40200000
#define FIRMWARE_BASE 0x47d00000
#define FIRMWARE_SIZE 0x10000 /* whole pages of any kernel */
#define INITRD_BASE   0x48000000

#endif
