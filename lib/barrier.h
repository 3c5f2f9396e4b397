/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * This header orders memory accesses between the library and the host, and
 * between threads. The names are those of the kernel's primitives, which
 * Documentation/memory-barriers.txt in the kernel tree explains; here they are
 * built from C11 atomics, except smp_mb() on x86-64. The other files use these
 * primitives for the rings. Locks, counts and the list of guard.c use C11's
 * atomic operations directly.
 *
 * smp_store_release(): earlier reads and writes are complete before another
 * processor sees the value. smp_load_acquire(): later reads and writes use
 * memory that is not older than the value. smp_mb(): orders everything; nothing
 * else keeps a store before a later load. smp_rmb(): orders earlier loads
 * before later loads; smp_wmb() does the same with stores. barrier(): orders
 * accesses for the compiler alone, against a signal handler of the same thread.
 * READ_ONCE(), WRITE_ONCE(): make one access of the full width, and never
 * repeat or split it.
 */
#ifndef VMBUS_BARRIER_H
#define VMBUS_BARRIER_H

#include <stdatomic.h>
#include <stdint.h>

#define READ_ONCE(x)	 atomic_load_explicit(&(x), memory_order_relaxed)
#define WRITE_ONCE(x, v) atomic_store_explicit(&(x), (v), memory_order_relaxed)

/* Store a value and return the former one, in one step that orders nothing. */
#define xchg_relaxed(p, v) atomic_exchange_explicit((p), (v), memory_order_relaxed)
/* Add to a value and return the former one, likewise. */
#define fetch_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)

#define smp_load_acquire(p)	atomic_load_explicit((p), memory_order_acquire)
#define smp_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)

#define barrier() atomic_signal_fence(memory_order_seq_cst)
#define smp_rmb() atomic_thread_fence(memory_order_acquire)
#define smp_wmb() atomic_thread_fence(memory_order_release)

/*
 * gcc's fence is a locked instruction on the word at the top of the stack. In a
 * function without a frame that word is the return address, which the next
 * instruction reads. Here the instruction adds 0 to the far end of the red zone
 * instead; doc/library.md, "Single messages", has the difference.
 * selftests/ordering has its own fence.
 */
#ifndef smp_mb
#if defined(__x86_64__) && defined(__GNUC__)
#define smp_mb() __asm__ volatile("lock addl $0, -128(%%rsp)" ::: "memory", "cc")
#else
#define smp_mb() atomic_thread_fence(memory_order_seq_cst)
#endif
#endif

/*
 * Set bits in a word while the other side clears bits in it. sync_set_bits() is
 * a full barrier, and set_bits() orders nothing.
 */
#define set_bits(p, bits)      ((void)atomic_fetch_or_explicit((p), (bits), memory_order_relaxed))
#define sync_set_bits(p, bits) ((void)atomic_fetch_or_explicit((p), (bits), memory_order_seq_cst))

/*
 * The host shares these words, so a lock inside this process cannot stand in
 * for an atomic.
 */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "atomics take locks here");

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "VMBus is little-endian and exists on little-endian machines only"
#endif

#endif /* VMBUS_BARRIER_H */
