/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The compiler includes this file first in all code that runs on the machine:
 * the library, the host and the programs. It compiles lib/barrier.h unchanged.
 * The machine replaces only the operations of <stdatomic.h> and a few functions
 * of the C library.
 */
#ifndef ATOMICS_H
#define ATOMICS_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

/* For the C library, all threads of the machine are the same thread. */
const void *machine_this_thread(void);
#define this_thread machine_this_thread

/* A structure for each place in the source */
#define MACHINE_SITE(what_, word_, order_)                                         \
	({                                                                         \
		static struct site site_ = { .file = __FILE__,                     \
					     .function = __func__,                 \
					     .what = what_,                        \
					     .word = word_,                        \
					     .line = __LINE__,                     \
					     .order = order_ };                    \
		static struct site *const entry_                                   \
			__attribute__((section("ordering_sites"), used)) = &site_; \
		(void)entry_;                                                      \
		&site_;                                                            \
	})

/* Convert @raw to a value of @p's type, and the reverse */
#define MACHINE_VALUE(p, raw)                                        \
	({                                                           \
		uint64_t bits_ = (raw);                              \
		__typeof__((void)0, *(p)) result_;                   \
		__builtin_memcpy(&result_, &bits_, sizeof(result_)); \
		result_;                                             \
	})
#define MACHINE_RAW(p, v)                                         \
	({                                                        \
		__typeof__((void)0, *(p)) value_ = (v);           \
		uint64_t raw_ = 0;                                \
		__builtin_memcpy(&raw_, &value_, sizeof(value_)); \
		raw_;                                             \
	})
#define MACHINE_RMW(name, p, op, v, order)                                          \
	MACHINE_VALUE(p, machine_rmw(p, sizeof(*(p)), op, MACHINE_RAW(p, v), order, \
				     MACHINE_SITE(name, #p, order)))

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_strong_explicit
#undef atomic_thread_fence
#undef atomic_signal_fence

#define atomic_load_explicit(p, order)                        \
	MACHINE_VALUE(p, machine_load(p, sizeof(*(p)), order, \
				      MACHINE_SITE("smp_load_acquire", #p, order)))
#define atomic_store_explicit(p, v, order)                       \
	machine_store(p, sizeof(*(p)), MACHINE_RAW(p, v), order, \
		      MACHINE_SITE("smp_store_release", #p, order))
#define atomic_exchange_explicit(p, v, order) \
	MACHINE_RMW("atomic_exchange", p, RMW_EXCHANGE, v, order)
#define atomic_fetch_add_explicit(p, v, order) MACHINE_RMW("atomic_fetch_add", p, RMW_ADD, v, order)
#define atomic_fetch_sub_explicit(p, v, order) \
	MACHINE_RMW("atomic_fetch_sub", p, RMW_ADD, -(v), order)
#define atomic_fetch_or_explicit(p, v, order) MACHINE_RMW("atomic_fetch_or", p, RMW_OR, v, order)
#define atomic_exchange(p, v)		      atomic_exchange_explicit(p, v, memory_order_seq_cst)
#define atomic_compare_exchange_strong_explicit(p, expected, v, order, failure) \
	machine_cas(p, sizeof(*(p)), expected, MACHINE_RAW(p, v), order,        \
		    MACHINE_SITE("atomic_compare_exchange", #p, order))
#define atomic_compare_exchange_weak(p, expected, v)                                  \
	atomic_compare_exchange_strong_explicit(p, expected, v, memory_order_seq_cst, \
						memory_order_relaxed)
#define atomic_thread_fence(order)                                                                 \
	machine_fence(order, MACHINE_SITE((order) == memory_order_seq_cst ? "smp_mb" :             \
					  (order) == memory_order_acquire ? "smp_rmb" :            \
					  (order) == memory_order_release ? "smp_wmb" :            \
									    "atomic_thread_fence", \
					  "", order))
/* The library has an instruction of its own for this on some processors. */
#define smp_mb() atomic_thread_fence(memory_order_seq_cst)
#define __atomic_exchange_n(p, v, order) \
	MACHINE_RMW("__atomic_exchange_n", p, RMW_EXCHANGE, v, order)
#define __atomic_store_n(p, v, order)                            \
	machine_store(p, sizeof(*(p)), MACHINE_RAW(p, v), order, \
		      MACHINE_SITE("__atomic_store_n", #p, order))
/* This is a barrier for the compiler. The machine runs the compiled code. */
#define atomic_signal_fence(order) __asm__ volatile("" : : : "memory")

#undef memcpy
#undef memset
#define memcpy(to, from, len)			  machine_copy(to, from, len)
#define memset(to, byte, len)			  machine_set(to, byte, len)
#define malloc(size)				  machine_alloc(16, size)
#define free(p)					  ((void)(p))
#define calloc(count, size)			  machine_alloc(16, (count) * (size))
#define aligned_alloc(align, size)		  machine_alloc(align, size)
#define sched_yield()				  machine_yield()
#define pthread_mutex_lock(mutex)		  machine_lock(mutex)
#define pthread_mutex_unlock(mutex)		  machine_unlock(mutex)
#define sysconf(name)				  ((void)(name), 4096L)
#define sigaction(number, action, old)		  machine_sigaction(number, action, old)
#define mmap(addr, size, prot, flags, fd, offset) machine_mmap(addr, size, prot, flags, fd, offset)
#define munmap(addr, size)			  machine_munmap(addr, size)

#endif /* ATOMICS_H */
