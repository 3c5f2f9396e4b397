/* SPDX-License-Identifier: GPL-2.0-only */
/* The declarations that the three files of the machine share */
#ifndef MACHINE_PARTS_H
#define MACHINE_PARTS_H

#include <setjmp.h>

#include "machine.h"

#define SLOTS 24 /* the words that one thread stores and another one uses */

/*
 * The knowledge of a thread: for each shared word the oldest value that it may
 * still see, and for each thread the last step that happens before its own next
 * one
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

/* A word of atomic operations */
struct word {
	volatile void *p;
	uint64_t initial;
	unsigned int size;
	uint8_t readers, writers; /* a bit for each thread, in any execution so far */
	int slot;		  /* -1: no two threads need it */
	unsigned int count;
	struct value *values;
};

enum step_kind {
	STEP_LOCAL,
	STEP_LOAD,
	STEP_STORE,
	STEP_FENCE,
	STEP_SLEEP, /* when the word is not zero */
	STEP_LOCK,  /* when the word is zero */
	STEP_YIELD, /* when the word has another value than the thread found there */
};

struct step {
	enum step_kind kind;
	struct word *word;
};

struct thread {
	jmp_buf start, here, *at; /* where it goes on: one of the two */
	bool finished;
	struct step next;	/* the thread waits to make it */
	struct view now;	/* the view of its next step */
	struct view acquired;	/* the view after an acquire fence */
	struct view released;	/* the view of its last release fence */
	struct word *looked_at; /* the word of its last step, if that was a load or RMW */
	uint64_t found;		/* the value that the step found there */
	unsigned int repeated;	/* how many times it found that value */
};

/* explore.c: threads and their order */

extern struct thread threads[];
extern unsigned int thread_count;
extern int current;	   /* the thread that runs; -1: none */
extern uint32_t execution; /* its number */

/* The machine itself failed. */
__attribute__((noreturn)) void die(const char *what);
/*
 * Wait for the turn to make a step. The thread then runs until its next step.
 */
void turn(enum step_kind kind, struct word *word);
/*
 * Choose one of @count ways. The first execution gets 0, and in the end each
 * way is chosen.
 */
unsigned int choose(unsigned int count);
/*
 * Begin all executions anew, because a word is now shared that the knowledge of
 * the threads does not include.
 */
void begin_anew(void);

/* words.c: atomics */

struct word *word_of(volatile void *p, unsigned int size);
/* Return the value of the last store. */
uint64_t newest(const struct word *word);
uint64_t load_word(struct word *word, int order);
void store_word(struct word *word, uint64_t value, int order);
void words_begin(void);

/* plain.c: all other memory */

bool in_arena(const volatile void *p);
/* Set the value that a word of the arena has when an execution begins. */
void arena_value(const volatile void *p, void *value, size_t size);
void look_at_plain(const volatile void *p, size_t len, bool write);
void look_at_atomic(const volatile void *p, bool write);
bool may_vanish(const volatile void *p);
/* Access memory that may vanish. Return false if there are zeros. */
bool page_is_there(const volatile void *p);
/* Run this after the setup, and before each execution. */
void plain_keep(void);
void plain_begin(void);

#endif /* MACHINE_PARTS_H */
