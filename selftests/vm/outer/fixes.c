// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plug-in for the QEMU that emulates the outer guest (nested mode), against
 * two faults of its emulation of AMD-V. Both were found in QEMU 10.0 to 11.1;
 * with two processors, guests and the outer guest died of them in many ways,
 * most without a word.
 *
 * 1. An interrupt that KVM injects comes twice. VMRUN (SVM_EVTINJ_TYPE_INTR in
 *    helper_vmrun()) delivers it at once, and leaves its
 *    vector as the processor's pending exception all the same. When the
 *    processor has to leave its loop before the guest's next exit
 *    or fault clears that, because a timer or another processor asks for it,
 *    the vector is delivered again, as an exception: with
 *    interrupts disabled, in the middle of the first one's handler. Lock
 *    debugging names it: a saved RFLAGS of IF clear and RF set.
 *
 * 2. The first processor forgets that its guest has nested page tables, or that
 *    its global interrupt flag is set: every XRSTOR of any
 *    processor clears "ignore numeric error" of the first (cpu_clear_ignne()),
 *    a read and a write of a word that holds those flags
 *    as well, and the first writes it at the same time. Its guest then faults
 *    at addresses that are mapped, or it halts for good.
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
