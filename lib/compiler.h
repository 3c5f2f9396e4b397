/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Hints for the compiler */
#ifndef VMBUS_COMPILER_H
#define VMBUS_COMPILER_H

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#endif /* VMBUS_COMPILER_H */
