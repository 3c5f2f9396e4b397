// SPDX-License-Identifier: GPL-2.0-only
/*
 * This plug-in for the QEMU that emulates the outer guest (nested mode) works
 * around two bugs in its emulation of AMD-V. Both were found in QEMU 10.0 to
 * 11.1. With two processors, they crashed guests and the outer guest in many
 * ways, mostly without a message.
 *
 * 1. An interrupt that KVM injects is delivered twice. VMRUN
 *    (SVM_EVTINJ_TYPE_INTR in helper_vmrun()) delivers it at once, but leaves
 *    its vector as the processor's pending exception. The guest's next exit or
 *    fault would clear that. If the processor has to leave its loop before
 *    that, because of a timer or another processor, the vector is delivered
 *    again as an exception. This happens with interrupts disabled, in the
 *    middle of the first delivery's handler. Lock debugging shows it: a saved
 *    RFLAGS has IF clear and RF set.
 *
 * 2. The first processor forgets that its guest has nested page tables, or that
 *    its global interrupt flag is set. Every XRSTOR of any processor clears
 *    "ignore numeric error" of the first processor (cpu_clear_ignne()), by a
 *    read and a write of a word that also holds those two flags. The first
 *    processor may write this word at the same time. Its guest then faults at
 *    addresses that are mapped, or it halts for good.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * This is from QEMU's plug-in interface. The arguments of the callback differ
 * between its levels, and are not used.
 */
enum { DISCON_INTERRUPT = 1 };
void qemu_plugin_register_vcpu_discon_cb(uint64_t id, int type, void (*callback)(void), void *data);

/* These belong to QEMU itself. Debian's build exports them for its modules. */
extern __thread void *current_cpu;
bool bql_locked(void);
__attribute__((noreturn)) void cpu_loop_exit_noexc(void *cpu);
void cpu_clear_ignne(void);

/* The build asks QEMU for its level. */
EXPORT int qemu_plugin_version = LEVEL;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/*
 * QEMU calls this as the last step of every delivery of an interrupt or
 * exception. Only the delivery of VMRUN runs without QEMU's big lock. There,
 * this function ends the instruction with no exception pending.
 */
static void delivered(void)
{
	if (!bql_locked())
		cpu_loop_exit_noexc(current_cpu);
}

/*
 * The pin is older than 64-bit processors, and Linux does not use it, so the
 * function becomes a return.
 */
static bool leave_ignne(void)
{
	unsigned char *code = (unsigned char *)(uintptr_t)cpu_clear_ignne;
	long page = sysconf(_SC_PAGESIZE);
	void *start = (void *)((uintptr_t)code & ~((uintptr_t)page - 1));

	if (mprotect(start, (size_t)page, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return false;
	code[0] = 0xc3;
	return mprotect(start, (size_t)page, PROT_READ | PROT_EXEC) == 0;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	if (!leave_ignne()) {
		perror("fixes.so: cpu_clear_ignne() cannot be written");
		return 1;
	}
	qemu_plugin_register_vcpu_discon_cb(id, DISCON_INTERRUPT, delivered, NULL);
	return 0;
}
