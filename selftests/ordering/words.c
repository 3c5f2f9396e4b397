// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file has the words of atomic operations, and the knowledge of the
 * threads about them; machine.h explains how that memory works. Words that no
 * two threads share take no part.
 */

#include <stdatomic.h>
#include <string.h>

#include "parts.h"

#define WORDS  128
#define VALUES 24 /* stores to one word in one execution */
#define SPINS  4  /* loads without a change */

const struct site *machine_mutant;

static struct word words[WORDS];
static unsigned int word_count, slot_count;
static struct value values[SLOTS][VALUES];
static struct view sequential; /* the knowledge of the seq_cst fences so far */

uint64_t newest(const struct word *word)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)word->p, word->size);
	return value;
}

static void join(struct view *to, const struct view *from)
{
	for (unsigned int i = 0; i < slot_count; i++)
		if (to->oldest[i] < from->oldest[i])
			to->oldest[i] = from->oldest[i];
	for (unsigned int i = 0; i < thread_count; i++)
		if (to->clock[i] < from->clock[i])
			to->clock[i] = from->clock[i];
}

/*
 * Return the order of an operation, or none if the machine leaves it out at
 * this site.
 */
static int effective(int order, const struct site *site)
{
	if (!site)
		return order;
	if (current >= 0)
		site->first->reached = true;
	return site->first == machine_mutant ? memory_order_relaxed : order;
}

static bool acquires(int order)
{
	return order == memory_order_acquire || order == memory_order_consume ||
	       order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static bool releases(int order)
{
	return order == memory_order_release || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

struct word *word_of(volatile void *p, unsigned int size)
{
	static struct word *seen[256];
	struct word **hint = &seen[(uintptr_t)p / 4 % 256], *word = *hint;

	if (!word || word->p != p) {
		for (word = words; word < words + word_count && word->p != p; word++)
			;
		if (word == words + WORDS)
			die("too many words");
		*hint = word;
	}
	if (word == words + word_count) {
		*word = (struct word){ .p = p, .size = size, .slot = -1 };
		word->initial = newest(word);
		if (in_arena(p))
			arena_value(p, &word->initial, size);
		word_count++;
	}
	if (word->size != size)
		die("accesses of one word in different sizes");
	return word;
}

static void remember(struct word *word, uint64_t value, const struct view *view, bool rmw)
{
	memcpy((void *)word->p, &value, word->size);
	if (word->slot < 0)
		return;
	if (word->count == VALUES)
		die("too many stores to a word");
	word->values[word->count].value = value;
	word->values[word->count].view = *view;
	word->values[word->count].writer = current;
	word->values[word->count].by_rmw = rmw;
	word->count++;
}

static void begin_word(struct word *word)
{
	if (word->slot < 0)
		return;
	word->values = values[word->slot];
	word->values[0] = (struct value){ .value = word->initial };
	word->count = 1;
}

/*
 * Note that the thread uses the word. When two threads do and one of them
 * stores, the word is shared, and its values are kept.
 */
static void used(struct word *word, bool store)
{
	uint8_t *set = store ? &word->writers : &word->readers;
	uint8_t all;

	if (*set & 1 << current)
		return;
	*set |= 1 << current;
	all = word->readers | word->writers;
	if (!word->writers || !(all & (all - 1)))
		return;
	begin_anew();
	if (word->slot >= 0)
		return;
	if (slot_count == SLOTS)
		die("too many shared words");
	word->slot = slot_count++;
	begin_word(word);
	word->values[0].value = newest(word);
}

static bool shared_with_others(const struct word *word, bool store)
{
	uint8_t others = store ? word->readers | word->writers : word->writers;

	return word->slot >= 0 && others & ~(1 << current);
}

/* Return what other threads learn from a store. */
static void view_of_store(struct view *view, int order)
{
	struct thread *t = &threads[current];

	*view = releases(order) ? t->now : t->released;
}

/* The thread knows its own store. */
static void stored(struct word *word, struct view *view)
{
	struct thread *t = &threads[current];

	if (word->slot < 0)
		return;
	t->now.oldest[word->slot] = word->count;
	t->acquired.oldest[word->slot] = word->count;
	view->oldest[word->slot] = word->count;
}

/*
 * Record the value that the thread found in the word, to detect that it looks
 * there again and again.
 */
static void found(struct word *word, uint64_t value)
{
	struct thread *t = &threads[current];

	t->repeated = t->looked_at == word && t->found == value ? t->repeated + 1 : 0;
	t->looked_at = word;
	t->found = value;
}

static uint64_t look_at_word(struct word *word, int order)
{
	struct thread *t = &threads[current];
	const struct value *value;
	unsigned int at;

	used(word, false);
	if (shared_with_others(word, false)) {
		bool spins = t->looked_at == word && t->repeated >= SPINS;

		turn(spins ? STEP_YIELD : STEP_LOAD, word);
		if (spins)
			t->now.oldest[word->slot] = word->count - 1;
	}
	/*
	 * No atomic store has happened. A plain write may have, but that is no
	 * race.
	 */
	if (word->slot < 0 || word->count == 1)
		return newest(word);
	at = word->count - 1;
	at -= choose(at - t->now.oldest[word->slot] + 1);
	value = &word->values[at];
	t->now.oldest[word->slot] = at;
	join(&t->acquired, &value->view);
	if (t->acquired.oldest[word->slot] < at)
		t->acquired.oldest[word->slot] = at;
	if (acquires(order))
		join(&t->now, &value->view);
	return value->value;
}

uint64_t load_word(struct word *word, int order)
{
	uint64_t value = look_at_word(word, order);

	found(word, value);
	return value;
}

void store_word(struct word *word, uint64_t value, int order)
{
	struct thread *t = &threads[current];
	struct view view;

	t->looked_at = NULL;
	used(word, true);
	if (shared_with_others(word, true))
		turn(STEP_STORE, word);
	if (word->slot >= 0) {
		const struct value *last = &word->values[word->count - 1];

		if (t->now.oldest[word->slot] != word->count - 1 && last->writer != current &&
		    !last->by_rmw && last->value != value)
			machine_violation("nothing orders two threads' stores to one word");
	}
	view_of_store(&view, order);
	stored(word, &view);
	remember(word, value, &view, false);
	if (releases(order))
		t->now.clock[current]++;
}

/* Read the newest value, in one step with the store that end_rmw() may make. */
static uint64_t begin_rmw(struct word *word, enum step_kind kind, int order)
{
	struct thread *t = &threads[current];
	uint64_t old;

	used(word, true);
	used(word, false);
	if (shared_with_others(word, true) || kind != STEP_STORE)
		turn(kind, word);
	old = newest(word);
	found(word, old);
	if (word->slot < 0)
		return old;
	t->now.oldest[word->slot] = word->count - 1;
	join(&t->acquired, &word->values[word->count - 1].view);
	if (acquires(order))
		join(&t->now, &word->values[word->count - 1].view);
	return old;
}

static void end_rmw(struct word *word, uint64_t value, int order)
{
	struct view view;

	view_of_store(&view, order);
	/*
	 * An RMW does not end the release sequence of an earlier release store.
	 */
	if (word->slot >= 0)
		join(&view, &word->values[word->count - 1].view);
	stored(word, &view);
	remember(word, value, &view, true);
	if (releases(order))
		threads[current].now.clock[current]++;
}

/* Detect NULL with an offset. */
static void check_pointer(const volatile void *p)
{
	if ((uintptr_t)p < 4096)
		machine_violation("an access through a null pointer");
}

uint64_t machine_load(const volatile void *p, unsigned int size, int order, struct site *site)
{
	uint64_t value = 0;

	order = effective(order, site);
	check_pointer(p);
	if (current < 0 || may_vanish(p)) {
		if (current < 0 || page_is_there(p))
			memcpy(&value, (const void *)p, size);
		return value;
	}
	value = load_word(word_of((volatile void *)p, size), order);
	look_at_atomic(p, false);
	return value;
}

void machine_store(volatile void *p, unsigned int size, uint64_t value, int order,
		   struct site *site)
{
	order = effective(order, site);
	check_pointer(p);
	if (current < 0 || may_vanish(p)) {
		if (current < 0 || page_is_there(p))
			memcpy((void *)p, &value, size);
		return;
	}
	store_word(word_of(p, size), value, order);
	look_at_atomic(p, true);
}

static uint64_t changed(enum machine_rmw op, uint64_t old, uint64_t operand)
{
	switch (op) {
	case RMW_ADD:
		return old + operand;
	case RMW_OR:
		return old | operand;
	default:
		return operand;
	}
}

uint64_t machine_rmw(volatile void *p, unsigned int size, enum machine_rmw op, uint64_t operand,
		     int order, struct site *site)
{
	struct word *word;
	uint64_t old = 0, new;

	order = effective(order, site);
	if (current < 0) {
		memcpy(&old, (const void *)p, size);
		new = changed(op, old, operand);
		memcpy((void *)p, &new, size);
		return old;
	}
	word = word_of(p, size);
	old = begin_rmw(word, STEP_STORE, order);
	end_rmw(word, changed(op, old, operand), order);
	look_at_atomic(p, true);
	return old;
}

bool machine_cas(volatile void *p, unsigned int size, void *expected, uint64_t desired, int order,
		 struct site *site)
{
	struct word *word;
	uint64_t old = 0, want = 0;

	order = effective(order, site);
	look_at_plain(expected, size, false);
	memcpy(&want, expected, size);
	if (current < 0) {
		memcpy(&old, (const void *)p, size);
		if (old == want)
			memcpy((void *)p, &desired, size);
	} else {
		word = word_of(p, size);
		old = begin_rmw(word, STEP_STORE, order);
		if (old == want)
			end_rmw(word, desired, order);
		look_at_atomic(p, old == want);
	}
	if (old != want) {
		look_at_plain(expected, size, true);
		memcpy(expected, &old, size);
	}
	return old == want;
}

static void acquire_fence(struct thread *t)
{
	join(&t->now, &t->acquired);
}

static void release_fence(struct thread *t)
{
	t->released = t->now;
	t->now.clock[current]++;
}

void machine_fence(int order, struct site *site)
{
	bool full = order == memory_order_seq_cst;
	struct thread *t;

	order = effective(order, site);
	if (current < 0)
		return;
	t = &threads[current];
	/* A full fence without its order among full fences */
	if (full && order == memory_order_relaxed)
		order = memory_order_acq_rel;
	if (order == memory_order_seq_cst) {
		turn(STEP_FENCE, NULL);
		acquire_fence(t);
		for (unsigned int i = 0; i < slot_count; i++) {
			if (sequential.oldest[i] > t->now.oldest[i])
				t->now.oldest[i] = sequential.oldest[i];
			sequential.oldest[i] = t->now.oldest[i];
		}
		release_fence(t);
		return;
	}
	if (acquires(order))
		acquire_fence(t);
	if (releases(order))
		release_fence(t);
}

void words_begin(void)
{
	for (unsigned int i = 0; i < word_count; i++) {
		memcpy((void *)words[i].p, &words[i].initial, words[i].size);
		begin_word(&words[i]);
	}
	sequential = (struct view){ .oldest = { 0 } };
}

void machine_sleep(volatile uint32_t *p)
{
	struct word *word = word_of(p, sizeof(*p));

	begin_rmw(word, STEP_SLEEP, memory_order_acq_rel);
	end_rmw(word, 0, memory_order_acq_rel);
}

void machine_wake(volatile uint32_t *p)
{
	struct word *word;

	if (current < 0) {
		*p = 1;
		return;
	}
	word = word_of(p, sizeof(*p));
	begin_rmw(word, STEP_STORE, memory_order_acq_rel);
	end_rmw(word, 1, memory_order_acq_rel);
}

void machine_yield(void)
{
	if (current >= 0)
		turn(STEP_YIELD, threads[current].looked_at);
}

int machine_lock(void *mutex)
{
	struct word *word;

	if (current < 0)
		return 0;
	word = word_of(mutex, sizeof(uint32_t));
	begin_rmw(word, STEP_LOCK, memory_order_acquire);
	end_rmw(word, 1, memory_order_acquire);
	return 0;
}

int machine_unlock(void *mutex)
{
	if (current >= 0)
		store_word(word_of(mutex, sizeof(uint32_t)), 0, memory_order_release);
	return 0;
}
