/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A spin looks at the ring for a short time before the program sleeps.
 *
 * A host in lockstep sends its next packet when it has the answer to the last
 * one. That packet often arrives sooner than a sleeping program wakes up. While
 * the interrupts of the host are masked, the packet also costs no transition
 * between host and guest.
 *
 * A spin can save one wake-up, so it lasts at most a few times as long as a
 * wake-up takes: about a tenth of a millisecond on a processor, and more in an
 * emulator. Each wait for a packet that was shorter than that doubles the next
 * spin, and each longer wait halves it, until the program no longer spins. So a
 * host that sends a message now and then costs nothing, and neither does a host
 * that is too slow. With one processor the program never spins, because it
 * would only delay other work.
 */
#ifndef VMBUS_SPIN_H
#define VMBUS_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus_bufring.h"

/* The times are in nanoseconds; all zeros are the state at the open. */
struct spin {
	int64_t longest; /* 0: not measured yet; SPIN_NEVER */
	int64_t length;	 /* of the next spin; 0: none */
	int64_t since;	 /* when the program began to wait; 0: it does not wait */
};

#define SPIN_NEVER (-1)

/*
 * Mask interrupts and look for a packet, until the ring has been empty for as
 * long as the spin lasts. The first call after spin_end() says that the ring is
 * empty now. Return whether there is a packet, or something else that
 * vmbus_recv() does not answer with -EAGAIN.
 */
bool spin_find(struct spin *spin, struct vmbus_chan *chan);

/* A packet was received. Choose the length of the next spin. */
void spin_end(struct spin *spin);

#endif /* VMBUS_SPIN_H */
