/* SPDX-License-Identifier: GPL-2.0-only */
/* What the three files of the machine know of each other. */
#ifndef MACHINE_PARTS_H
#define MACHINE_PARTS_H

#include <setjmp.h>

#include "machine.h"

#define SLOTS 24	/* words that one thread stores and another one uses */

/*
 * What a thread knows: of each shared word the oldest value that it may still
 * see, and of each thread the last step that happens before its own next one.
 */
struct view {
	uint8_t oldest[SLOTS];
	uint16_t clock[MACHINE_THREADS];
};

struct value {
	uint64_t value;
	struct view view;
	bool by_rmw;
	uint8_t writer;
};

/* A word that atomics access */
struct word {
	volatile void *p;
	uint64_t initial;
	unsigned int size;
	uint8_t readers, writers;	/* a bit for each thread, in any execution so far */
	int slot;			/* -1: no two threads need it */
	unsigned int count;
	struct value *values;
};

enum step_kind {
	STEP_LOCAL, STEP_LOAD, STEP_STORE, STEP_FENCE,
	STEP_SLEEP,	/* when the word is not zero */
	STEP_LOCK,	/* when the word is zero */
	STEP_YIELD,	/* when the word has another value than the thread found there */
};

struct step {
	enum step_kind kind;
	struct word *word;
};

struct thread {
	jmp_buf start, here, *at;	/* where it goes on: one of the two */
	bool finished;
	struct step next;		/* the thread waits to make it */
	struct view now;		/* of its next step */
	struct view acquired;		/* after an acquire fence */
	struct view released;		/* of its last release fence */
	struct word *looked_at;		/* by its last step, if that was a load or RMW */
	uint64_t found;			/* there */
	unsigned int repeated;		/* that many times */
};

/* explore.c: threads and their order */

extern struct thread threads[];
extern unsigned int thread_count;
extern int current;		/* the thread that runs; -1: none */
extern uint32_t execution;	/* its number */

/* The machine itself failed. */
__attribute__((noreturn)) void die(const char *what);
/*
 * Wait for the turn to make a step. From then on the thread runs until its next
 * one.
 */
void turn(enum step_kind kind, struct word *word);
/* One of @count ways, 0 first; in the end, each of them */
unsigned int choose(unsigned int count);
/*
 * A word has come to be shared, which has no part in what threads learned of
 * each other until now: all executions begin anew.
 */
void begin_anew(void);

/* words.c: atomics */

struct word *word_of(volatile void *p, unsigned int size);
/* The value of the last store */
uint64_t newest(const struct word *word);
uint64_t load_word(struct word *word, int order);
void store_word(struct word *word, uint64_t value, int order);
void words_begin(void);

/* plain.c: all other memory */

bool in_arena(const volatile void *p);
/* The value that a word of the arena has when an execution begins */
void arena_value(const volatile void *p, void *value, size_t size);
void look_at_plain(const volatile void *p, size_t len, bool write);
void look_at_atomic(const volatile void *p, bool write);
bool may_vanish(const volatile void *p);
/* An access of memory that may vanish: true, or false when there are zeros */
bool page_is_there(const volatile void *p);
/* After the setup, and before each execution */
void plain_keep(void);
void plain_begin(void);

#endif /* MACHINE_PARTS_H */
