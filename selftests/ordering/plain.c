// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file checks memory that is not atomic: it keeps the last access, and
 * whether that happens before the next one. It also has the memory that
 * vanishes.
 */

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "parts.h"

#define ARENA	(24u * 1024)
#define GRANULE 4u /* the bytes of one granule */

/* The clocks of the last accesses of a granule */
struct cell {
	uint32_t execution;
	uint8_t writer;
	uint16_t written, read[MACHINE_THREADS];
	uint16_t atomic_written[MACHINE_THREADS], atomic_read[MACHINE_THREADS];
};

static _Alignas(4096) unsigned char arena[ARENA];
static unsigned char arena_initial[ARENA];
static size_t arena_used, arena_used_initially;
static struct cell cells[ARENA / GRANULE];

static unsigned char *page_start;
static size_t page_size;
static uint32_t page_state;
enum { PAGES_THERE, PAGES_GONE, PAGES_ZERO };
static struct sigaction sigbus;
static const void *covered;

bool in_arena(const volatile void *p)
{
	return (uintptr_t)p - (uintptr_t)arena < ARENA;
}

bool may_vanish(const volatile void *p)
{
	return page_size && (uintptr_t)p - (uintptr_t)page_start < page_size;
}

static struct cell *cell_of(const volatile void *p)
{
	struct cell *cell = &cells[((uintptr_t)p - (uintptr_t)arena) / GRANULE];

	if (cell->execution != execution)
		*cell = (struct cell){ .execution = execution };
	return cell;
}

/* Whether this thread knows step @clock of the thread @by */
static bool before(unsigned int by, uint16_t clock)
{
	return clock <= threads[current].now.clock[by];
}

static bool all_before(const uint16_t *clocks)
{
	for (unsigned int i = 0; i < thread_count; i++)
		if (!before(i, clocks[i]))
			return false;
	return true;
}

static void race(const volatile void *p, const char *what)
{
	machine_violation("nothing orders %s of byte %td by thread %d after that of another one",
			  what, (const volatile unsigned char *)p - arena, current);
}

void look_at_plain(const volatile void *from, size_t len, bool write)
{
	const volatile unsigned char *p = from;
	const volatile unsigned char *end = p + len;

	if (current < 0 || !in_arena(from))
		return;
	for (p -= (uintptr_t)p % GRANULE; p < end; p += GRANULE) {
		struct cell *cell = cell_of(p);

		if (!before(cell->writer, cell->written) || !all_before(cell->atomic_written))
			race(p, write ? "a write" : "a read");
		if (write) {
			if (!all_before(cell->read) || !all_before(cell->atomic_read))
				race(p, "a write");
			cell->writer = current;
			cell->written = threads[current].now.clock[current];
		} else {
			cell->read[current] = threads[current].now.clock[current];
		}
	}
}

void look_at_atomic(const volatile void *p, bool write)
{
	struct cell *cell;

	if (!in_arena(p))
		return;
	cell = cell_of(p);
	if (!before(cell->writer, cell->written) || (write && !all_before(cell->read)))
		race(p, write ? "an atomic store" : "an atomic load");
	(write ? cell->atomic_written : cell->atomic_read)[current] =
		threads[current].now.clock[current];
}

void *machine_alloc(size_t align, size_t size)
{
	size_t at = (arena_used + align - 1) / align * align;

	if (at + size > ARENA)
		die("its memory is full");
	arena_used = at + size;
	/* The program must not see the former contents. */
	look_at_plain(arena + at, size, true);
	return memset(arena + at, 0, size);
}

void arena_value(const volatile void *p, void *value, size_t size)
{
	memcpy(value, arena_initial + ((const volatile unsigned char *)p - arena), size);
}

void plain_keep(void)
{
	arena_used_initially = arena_used;
	memcpy(arena_initial, arena, sizeof(arena));
}

void plain_begin(void)
{
	memcpy(arena, arena_initial, arena_used);
	arena_used = arena_used_initially;
	covered = NULL;
}

/* Memory that vanishes */

bool page_is_there(const volatile void *p)
{
	struct word *word = word_of(&page_state, sizeof(page_state));
	uint32_t seen;

	/* Many successive accesses are not spinning. */
	threads[current].looked_at = NULL;
	seen = load_word(word, memory_order_relaxed);
	if (seen == PAGES_GONE) {
		machine_fault((const void *)p);
		seen = load_word(word, memory_order_relaxed);
		if (seen == PAGES_GONE)
			machine_violation("the handler of a fault did not cover the pages");
	}
	return seen == PAGES_THERE;
}

/*
 * Unmapping overwrites the memory: all accesses of other threads have to happen
 * before.
 */
int machine_munmap(void *start, size_t size)
{
	look_at_plain(start, size, true);
	return 0;
}

void machine_may_vanish(void *start, size_t size)
{
	page_start = start;
	page_size = size;
}

void machine_take_away(void)
{
	store_word(word_of(&page_state, sizeof(page_state)), PAGES_GONE, memory_order_release);
}

int machine_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	if (number != SIGBUS)
		die("a handler for another signal");
	if (old)
		*old = sigbus;
	if (action)
		sigbus = *action;
	return 0;
}

void machine_fault(const void *addr)
{
	siginfo_t info = { .si_signo = SIGBUS, .si_code = BUS_ADRERR };

	info.si_addr = (void *)addr;
	sigbus.sa_sigaction(SIGBUS, &info, NULL);
}

const void *machine_covered(void)
{
	return covered;
}

void *machine_mmap(void *start, size_t size, int prot, int flags, int fd, off_t offset)
{
	covered = start;
	if (page_size) {
		if (start != page_start || size != page_size)
			machine_violation("the handler covers what is no mapping");
		/*
		 * The kernel orders earlier accesses and those of other
		 * processors.
		 */
		store_word(word_of(&page_state, sizeof(page_state)), PAGES_ZERO,
			   memory_order_release);
	}
	return start;
}

static void plain_access(const void *p, size_t len, bool write)
{
	if (current >= 0 && may_vanish(p))
		die("a plain access of memory that may vanish, which is not a copy");
	look_at_plain(p, len, write);
}

/* The instrumented code calls these functions, which no header declares. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define ACCESS(name, size, write)             \
	void name(void *p)                    \
	{                                     \
		plain_access(p, size, write); \
	}
#define TSAN(size)                                       \
	ACCESS(__tsan_read##size, size, false)           \
	ACCESS(__tsan_write##size, size, true)           \
	ACCESS(__tsan_unaligned_read##size, size, false) \
	ACCESS(__tsan_unaligned_write##size, size, true)
TSAN(1)
TSAN(2)
TSAN(4)
TSAN(8)
TSAN(16)

/*
 * The machine defines no __tsan_atomic functions, which the compiler calls for
 * an operator of C on an atomic variable. The machine could not omit the
 * ordering of such an operator. So the linker rejects it: in lib/ every atomic
 * access has to name its ordering.
 */

void __tsan_read_range(void *p, size_t len)
{
	plain_access(p, len, false);
}

void __tsan_write_range(void *p, size_t len)
{
	plain_access(p, len, true);
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}

void *machine_copy(void *to, const void *from, size_t len)
{
	if (current >= 0 && may_vanish(to))
		return page_is_there(to) ? memcpy(to, from, len) : to;
	if (current >= 0 && may_vanish(from)) {
		if (!page_is_there(from))
			return memset(to, 0, len);
	} else {
		look_at_plain(from, len, false);
	}
	look_at_plain(to, len, true);
	return memcpy(to, from, len);
}

void *machine_set(void *to, int byte, size_t len)
{
	plain_access(to, len, true);
	return memset(to, byte, len);
}
