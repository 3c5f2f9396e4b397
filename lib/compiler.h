/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Hints for the compiler and the processor */
#ifndef VMBUS_COMPILER_H
#define VMBUS_COMPILER_H

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/*
 * Let the other thread of the core run, and let the hypervisor know that this
 * processor waits.
 */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif /* VMBUS_COMPILER_H */
