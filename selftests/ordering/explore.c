// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file runs every execution of a program. An execution is the order of the
 * threads' steps, and the value that each load returns. Two steps whose
 * exchange has no effect are not tried in both orders (sleep sets).
 */

/* A fortified longjmp() would mistake a jump to another stack for an attack. */
#undef _FORTIFY_SOURCE

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "parts.h"

#define DECISIONS 512 /* the limit in one execution */
#define STACK	  (64u * 1024)

/* A decision that a later execution makes in another way */
struct decision {
	bool of_value;
	uint8_t chosen, count;	       /* of_value: the choice, and the number of choices */
	uint8_t enabled, done, asleep; /* otherwise: bits of threads */
};

struct thread threads[MACHINE_THREADS];
unsigned int thread_count;
int current = -1;
uint32_t execution;

static const struct program *program;
static jmp_buf engine;
static struct decision decisions[DECISIONS];
static unsigned int decision_count, decision_at;
static uint8_t asleep;
static bool again;
static enum { RUNNING, COMPLETE, ABANDONED, VIOLATION } state;
static struct result result;

void die(const char *what)
{
	printf("Bail out! the machine: %s\n", what);
	fflush(stdout);
	abort();
}

void begin_anew(void)
{
	again = true;
}

static struct decision *decide(bool *known)
{
	struct decision *d = &decisions[decision_at++];

	*known = decision_at <= decision_count;
	if (!*known) {
		if (decision_at > DECISIONS)
			die("an execution has too many decisions");
		decision_count = decision_at;
		*d = (struct decision){ .done = 0 };
	}
	return d;
}

unsigned int choose(unsigned int count)
{
	struct decision *d;
	bool known;

	if (count == 1)
		return 0;
	d = decide(&known);
	if (!known) {
		d->of_value = true;
		d->count = count;
	}
	return d->chosen;
}

static bool dependent(const struct step *a, const struct step *b)
{
	if (a->kind == STEP_FENCE || b->kind == STEP_FENCE)
		return a->kind == b->kind;
	return a->word == b->word && (a->kind != STEP_LOAD || b->kind != STEP_LOAD);
}

static bool enabled(const struct thread *thread)
{
	if (thread->finished)
		return false;
	if (thread->next.kind == STEP_SLEEP)
		return newest(thread->next.word) != 0;
	if (thread->next.kind == STEP_YIELD)
		return newest(thread->next.word) != thread->found;
	if (thread->next.kind == STEP_LOCK)
		return newest(thread->next.word) == 0;
	return true;
}

/* Return the thread whose step comes next, or -1 if the execution ends. */
static int pick(void)
{
	uint8_t can = 0, left;
	struct decision *d;
	unsigned int next;
	bool known;

	for (unsigned int i = 0; i < thread_count; i++) {
		/* Before its first step, a thread affects no other thread. */
		if (!threads[i].finished && threads[i].next.kind == STEP_LOCAL)
			return i;
		can |= enabled(&threads[i]) << i;
	}
	if (!can) {
		state = COMPLETE;
		for (unsigned int i = 0; i < thread_count; i++) {
			if (threads[i].finished)
				continue;
			snprintf(result.why, sizeof(result.why), "thread %u sleeps for ever", i);
			state = VIOLATION;
		}
		return -1;
	}
	d = decide(&known);
	if (!known) {
		d->enabled = can;
		d->asleep = asleep & can;
		left = can & ~d->asleep;
		if (!left) {
			/*
			 * Each possible next step was tried before, with the
			 * same effect.
			 */
			decision_count = --decision_at;
			state = ABANDONED;
			return -1;
		}
		d->chosen = current >= 0 && left & 1 << current ? current : __builtin_ctz(left);
	}
	next = d->chosen;
	asleep = 0;
	for (unsigned int i = 0; i < thread_count; i++)
		if ((d->asleep | d->done) & 1 << i &&
		    !dependent(&threads[i].next, &threads[next].next))
			asleep |= 1 << i;
	return next;
}

/*
 * Change the last decision that can be made in another way. Return false if
 * there is none.
 */
static bool advance(void)
{
	while (decision_count) {
		struct decision *d = &decisions[decision_count - 1];
		uint8_t left;

		if (d->of_value) {
			if (++d->chosen < d->count)
				return true;
		} else {
			d->done |= 1 << d->chosen;
			left = d->enabled & ~d->asleep & ~d->done;
			if (left) {
				d->chosen = __builtin_ctz(left);
				return true;
			}
		}
		decision_count--;
	}
	return false;
}

/* Switch to the next thread, which may be the same one. */
static void switch_thread(void)
{
	int from = current, to = pick();

	if (to == from)
		return;
	current = to;
	threads[from].at = &threads[from].here;
	if (!_setjmp(threads[from].here))
		_longjmp(to < 0 ? engine : *threads[to].at, 1);
}

int machine_thread(void)
{
	return current;
}

void turn(enum step_kind kind, struct word *word)
{
	threads[current].next = (struct step){ kind, word };
	switch_thread();
}

void machine_violation(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(result.why, sizeof(result.why), fmt, args);
	va_end(args);
	if (current < 0 && state != COMPLETE)
		die(result.why);
	current = -1;
	state = VIOLATION;
	_longjmp(engine, 1);
}

/* Run a thread on its own stack. Every execution continues from its start. */
static void run_thread(void)
{
	if (!_setjmp(threads[current].start))
		_longjmp(engine, 1);
	program->threads[current]();
	threads[current].finished = true;
	switch_thread();
	die("a thread ran on");
}

static void make_thread(void)
{
	unsigned char *stack = malloc(STACK);
	ucontext_t context;

	if (!stack || getcontext(&context))
		die("out of memory");
	context.uc_stack.ss_sp = stack;
	context.uc_stack.ss_size = STACK;
	context.uc_link = NULL;
	makecontext(&context, run_thread, 0);
	current = thread_count++;
	if (!_setjmp(engine))
		setcontext(&context);
	current = -1;
}

static void begin(void)
{
	execution++;
	decision_at = 0;
	asleep = 0;
	state = RUNNING;
	plain_begin();
	words_begin();
	for (unsigned int i = 0; i < thread_count; i++) {
		struct thread *t = &threads[i];

		t->at = &t->start;
		t->finished = false;
		t->next = (struct step){ STEP_LOCAL, NULL };
		t->looked_at = NULL;
		t->now = (struct view){ .oldest = { 0 } };
		t->now.clock[i] = 1;
		t->acquired = t->released = (struct view){ .oldest = { 0 } };
	}
}

static void run(void)
{
	begin();
	current = -1;
	current = pick();
	/*
	 * The end of an execution returns here, and so does a violation, also
	 * one in end().
	 */
	if (!_setjmp(engine))
		_longjmp(*threads[current].at, 1);
	if (state == COMPLETE && program->end)
		program->end();
}

static struct result explore(const struct program *p, unsigned long limit)
{
	program = p;
	while (thread_count < MACHINE_THREADS && p->threads[thread_count])
		make_thread();
	p->setup();
	plain_keep();
	do {
		run();
		if (again) {
			again = false;
			decision_count = 0;
			result = (struct result){ .executions = 0 };
			continue;
		}
		if (state == VIOLATION) {
			result.violated = true;
			return result;
		}
		if (state == ABANDONED)
			result.abandoned++;
		else
			result.executions++;
		if (!advance()) {
			result.exhausted = true;
			return result;
		}
	} while (result.executions + result.abandoned < limit);
	return result;
}

/*
 * Return the last component of a file's name. The compiler uses the name by
 * which a source includes a header, and two sources may use different names.
 */
static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/*
 * Find the sites that are the same place in the source. A place in a header has
 * one site for each file that includes the header.
 */
unsigned int machine_sites(void)
{
	unsigned int count = __stop_ordering_sites - __start_ordering_sites;

	for (unsigned int i = 0; i < count; i++) {
		struct site *site = __start_ordering_sites[i];

		site->first = site;
		for (unsigned int k = 0; k < i && site->first == site; k++) {
			struct site *other = __start_ordering_sites[k];

			if (site->line == other->line &&
			    !strcmp(base_name(site->file), base_name(other->file)) &&
			    !strcmp(site->what, other->what) && !strcmp(site->word, other->word))
				site->first = other->first;
		}
	}
	return count;
}

struct result machine_explore(const struct program *p, unsigned long limit)
{
	struct result found = { .why = "the machine failed" };
	unsigned int count = machine_sites();
	int fds[2];
	pid_t pid;

	if (count > SITES)
		die("too many sites");
	fflush(stdout);
	if (pipe(fds))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		found = explore(p, limit);
		for (unsigned int i = 0; i < count; i++)
			found.reached[i] = __start_ordering_sites[i]->reached;
		_exit(write(fds[1], &found, sizeof(found)) != sizeof(found));
	}
	close(fds[1]);
	if (read(fds[0], &found, sizeof(found)) != sizeof(found))
		found.failed = true;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return found;
}
