/* SPDX-License-Identifier: GPL-2.0-only */
/* One implementation of a VMBus ring, for the benchmark: a sending and a receiving side over memory of its own. */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stddef.h>

#define MAX_BURST   32
#define MAX_MESSAGE 6144

struct contender {
	const char *name;
	/* Bytes of data in the ring, beside the header page. 0 or -errno. */
	int (*open)(size_t ring);
	void (*close)(void);
	/* At most @burst (1 to MAX_BURST) messages of @size bytes, with the decision whether to signal; how many, or -errno. */
	int (*send)(const void *message, size_t size, int burst);
	/* At most @burst messages; how many, or -errno. */
	int (*recv)(int burst);
	/* One thread may send while another receives. */
	int threads;
};

extern const struct contender ours_copy, ours_in_place, bare_copies;
#ifdef PEERS
extern const struct contender dpdk, tools_hv;
#endif

#endif
