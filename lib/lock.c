// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file implements the lock of a channel on which several threads send. */

#include <sched.h>

#include "internal.h"

/*
 * A spinning thread yields after this number of tries, because another thread
 * that holds the lock may be waiting for the processor.
 */
#define SPINS 1000u

static void spin(struct vmbus_chan *chan, const void *me)
{
	for (unsigned int n = 1;; n++) {
		if (!READ_ONCE(chan->send_owner) && send_trylock(chan, me))
			return;
		if (n % SPINS)
			cpu_relax();
		else
			sched_yield();
	}
}

void send_lock_wait(struct vmbus_chan *chan, const void *me)
{
	/* No other thread stores this value, so it needs no ordering. */
	if (READ_ONCE(chan->send_owner) == me) {
		chan->send_again++;
	} else if (chan->producers == PRODUCERS_SPIN) {
		spin(chan, me);
	} else {
		pthread_mutex_lock(&chan->send_mutex);
		WRITE_ONCE(chan->send_owner, me);
	}
}
