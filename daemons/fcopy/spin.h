/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SPIN_H
#define FCOPY_SPIN_H

#include <stdbool.h>

/*
 * Looks at the ring again for a short time before the daemon sleeps.
 *
 * The host works in lockstep: it sends the next packet when it has the answer
 * to the last one. That packet often arrives sooner than an idle processor
 * wakes up, and while the host's interrupts are masked it costs neither side
 * a transition between host and guest.
 *
 * What a spin saves is one wake-up, so it lasts SPIN_WAKEUPS times as long as a
 * wake-up takes, and never longer than SPIN_USEC_MAX. spin_begin() measures
 * that: the whole spin takes about a tenth of a millisecond on a processor, and
 * a millisecond or two in an emulator. A spin counts looks and does not read
 * the clock, because on some hosts a read of the clock leaves the virtual
 * machine.
 *
 * A spin that finds nothing halves the next one. After four in a row the daemon
 * stops spinning and only tries again: after 32 sleeps, then after 64, and so
 * on up to 1024. A host that is too slow costs two spins at first, and then one
 * part in a thousand of the time.
 *
 * With one processor the daemon never spins: the spin would only keep other
 * work, such as writing the copy to the disk, from being done.
 */
#define SPIN_WAKEUPS	8
#define SPIN_USEC_MAX	3000
#define SPIN_SKIP_MIN	32
#define SPIN_SKIP_MAX	1024

struct spin {
	unsigned int longest;	/* looks of the longest spin; 0: never spin */
	unsigned int looks;	/* of the next spin; 0: skip it, or try again */
	unsigned int skip;	/* spins to leave out before the next trial */
	unsigned int next_skip;	/* what a trial without success sets @skip to */
};

/**
 * spin_begin() - measure a look, and forget what earlier copies taught
 * @look: returns whether there is a packet; must not make a system call
 *
 * Call it when a copy begins. It sleeps and wakes up several times, which takes
 * about a fifth of a millisecond.
 */
void spin_begin(struct spin *spin, bool (*look)(void *context), void *context);

/** spin_find() - look for a while; return whether @look found something */
bool spin_find(struct spin *spin, bool (*look)(void *context), void *context);

#endif
