/* SPDX-License-Identifier: GPL-2.0-only */
/* A row of the table, and the ways to print it. */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include <stdbool.h>
#include <stdio.h>

#include "contender.h"

/*
 * Our contenders come first, then the peers, then the copies with the two
 * barriers.
 */
enum {
	OURS = 3,
#ifdef PEERS
	PEERS_END = OURS + 2,
#else
	PEERS_END = OURS,
#endif
	FENCED = PEERS_END,
	CONTENDERS
};
extern const struct contender *const contenders[CONTENDERS];

/* The values of all repetitions. A median of 0 means that there are none. */
struct spread {
	double low, median, high;
};

struct cell {
	enum kind kind;
	int threads;
	size_t ring, size;
	unsigned int ranges;
	int burst;
	/* for a packet, by what the receiver does with it: LEAVE, READ */
	struct spread ns[VERIFY][CONTENDERS];
	struct spread ratio[VERIFY][OURS]; /* times as fast as the faster peer */
};

extern const char *const kinds[KINDS];
void print_head(int repetitions);
void print_cell(const struct cell *cell);
void write_csv(FILE *file, const struct cell *cells, size_t count);

#endif
