/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine with weak memory, which runs a small program in every way that C11
 * allows. The threads are coroutines. atomics.h turns each of their atomic
 * accesses into a call of a function below, and the compiler announces each
 * plain access (-fsanitize=thread).
 *
 * - A word keeps every value that was stored there. A load returns the newest
 *   value or an older one, unless the thread must know that the older value was
 *   overwritten. So loads and stores of different words take effect in any
 *   order, and each thread may see a different order.
 * - A thread learns what another one knew when it loads a value with acquire,
 *   or relaxed with an acquire fence later, that the other one stored with
 *   release, or after a release fence.
 * - Fences of seq_cst take turns. Each learns what the earlier ones knew.
 *   Other operations of seq_cst count as acq_rel.
 * - A plain access has to happen after every access of the same bytes by other
 *   threads that it conflicts with, by a chain of release and acquire. If it
 *   does not, that is a violation, whichever value it would have returned.
 *
 * A thread that repeatedly loads the same value of the same word spins. It
 * continues when another thread has stored a different value, and then sees
 * this value.
 *
 * The machine does not delay an atomic load until after a later store of its
 * thread. An RMW always reads the newest value, and the stores to one word have
 * the order in which they are executed. Two stores that nothing orders are a
 * violation, too, unless they store the same value.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MACHINE_THREADS 4
#define SITES		512

/* An atomic access or a fence in the source */
struct site {
	const char *file, *function, *what, *word;
	int line, order;
	struct site *first; /* the same place in the source; see machine_sites() */
	bool reached;
};

/*
 * The machine leaves out the ordering of this site: a fence is gone, and an
 * access is relaxed. A full fence becomes one of acquire and release.
 */
extern const struct site *machine_mutant;

/* All sites of the program */
extern struct site *__start_ordering_sites[], *__stop_ordering_sites[];

enum machine_rmw { RMW_EXCHANGE, RMW_ADD, RMW_OR };

uint64_t machine_load(const volatile void *p, unsigned int size, int order, struct site *site);
void machine_store(volatile void *p, unsigned int size, uint64_t value, int order,
		   struct site *site);
uint64_t machine_rmw(volatile void *p, unsigned int size, enum machine_rmw op, uint64_t operand,
		     int order, struct site *site);
bool machine_cas(volatile void *p, unsigned int size, void *expected, uint64_t desired, int order,
		 struct site *site);
void machine_fence(int order, struct site *site);
void *machine_copy(void *to, const void *from, size_t len);
void *machine_set(void *to, int byte, size_t len);

/*
 * Allocate memory that each execution finds as the setup left it. The machine
 * looks at plain accesses of this memory only.
 */
void *machine_alloc(size_t align, size_t size);

/*
 * Sleep until the word is not zero, and zero it. A thread that sleeps forever
 * is a violation. Both functions stand for interrupts and for the hypervisor's
 * signals, which order memory: they are acq_rel operations.
 */
void machine_sleep(volatile uint32_t *word);
void machine_wake(volatile uint32_t *word);
/* Go on when another thread has changed the word of this thread's last RMW. */
void machine_yield(void);
/* A mutex that is not recursive. It is free when its first word is zero. */
int machine_lock(void *mutex);
int machine_unlock(void *mutex);
/* Return the number of the thread, or -1 if none runs. */
int machine_thread(void);

/*
 * Declare memory that the kernel may remove, as it does at a rescind:
 * machine_take_away(). An access then calls the handler of SIGBUS, which must
 * call machine_mmap(). From then on loads return zeros, and stores are lost. A
 * thread may see either change late, as if it were a store.
 */
void machine_may_vanish(void *start, size_t size);
void machine_take_away(void);
struct sigaction;
int machine_sigaction(int number, const struct sigaction *action, struct sigaction *old);
void *machine_mmap(void *start, size_t size, int prot, int flags, int fd, off_t offset);
int machine_munmap(void *start, size_t size);
/* Call the handler of SIGBUS. */
void machine_fault(const void *addr);
/*
 * Return the address for which machine_mmap() was called in this execution, or
 * NULL.
 */
const void *machine_covered(void);

/* End this execution, because it shows a violation. */
__attribute__((format(printf, 1, 2), noreturn)) void machine_violation(const char *fmt, ...);

struct program {
	const char *name;
	void (*setup)(void); /* runs once, in no thread */
	void (*threads[MACHINE_THREADS])(void);
	void (*end)(void); /* after each execution, in no thread; or NULL */
};

struct result {
	bool violated, exhausted;
	unsigned long executions; /* complete executions, each different from the others */
	unsigned long abandoned;  /* executions that are equivalent to another one */
	bool failed;		  /* the machine has failed */
	char why[160];
	bool reached[SITES]; /* the sites that a thread or the setup has reached */
};

/* Fill in site->first, and return the number of sites. */
unsigned int machine_sites(void);
/*
 * Run executions in a child process until one shows a violation, all were run,
 * or @limit of them were run.
 */
struct result machine_explore(const struct program *program, unsigned long limit);

#endif /* MACHINE_H */
