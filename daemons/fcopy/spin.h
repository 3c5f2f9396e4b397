/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SPIN_H
#define FCOPY_SPIN_H

#include <stdbool.h>

/*
 * A spin polls the ring for a short time before the daemon sleeps.
 *
 * The host works in lockstep: it sends the next packet when it has the answer
 * to the last one. That packet often arrives sooner than an idle processor
 * wakes up. While the interrupts of the host are masked, the packet also costs
 * no transition between host and guest.
 *
 * A spin can save one wake-up. It therefore lasts SPIN_WAKEUPS times as long as
 * a wake-up takes, and never longer than SPIN_USEC_MAX. spin_begin() measures
 * the wake-up. The whole spin takes about a tenth of a millisecond on a
 * processor, and a millisecond or two in an emulator. A spin counts its looks
 * at the ring and does not read the clock, because on some hosts a read of the
 * clock leaves the virtual machine.
 *
 * A spin that finds nothing halves the next one. After four in a row the daemon
 * stops spinning and only makes a trial after 32 sleeps, then after 64, and so
 * on up to 1024. A host that is too slow costs two full spins at first, and
 * then a thousandth of the time.
 *
 * With one processor the daemon never spins, because the spin would only delay
 * other work, such as writing the copy to the disk.
 */
#define SPIN_WAKEUPS  8
#define SPIN_USEC_MAX 3000
#define SPIN_SKIP_MIN 32
#define SPIN_SKIP_MAX 1024

struct spin {
	unsigned int longest;	/* the looks of a full spin, or 0 to never spin */
	unsigned int looks;	/* the looks of the next spin, or 0 after failures */
	unsigned int skip;	/* the number of spins to skip before the next trial */
	unsigned int next_skip; /* the value of @skip after a trial that fails */
};

/**
 * spin_begin() - measure a wake-up and a look, and reset @spin
 * @look: a function that returns whether there is a packet, without a system
 *	call
 *
 * The caller calls this when a copy begins. The function sleeps and wakes up
 * several times, which takes about a fifth of a millisecond.
 */
void spin_begin(struct spin *spin, bool (*look)(void *context), void *context);

/** spin_find() - call @look for a while; return whether it found a packet */
bool spin_find(struct spin *spin, bool (*look)(void *context), void *context);

#endif
