/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_EXCHANGE_H
#define FCOPY_EXCHANGE_H

#include <vmbus_bufring.h>

#include "session.h"
#include "silence.h"

/**
 * The limit of a message. A WRITE has 6224 bytes, an IC message at most 13312.
 */
#define EXCHANGE_PAYLOAD 16384

/** The number of requests that can wait for a disk; others wait in the ring */
#define EXCHANGE_HELD 8

/** A request that waits for session_retry() to answer it */
struct exchange_held {
	struct vmbus_packet packet;
	struct timespec since;
	unsigned char payload[EXCHANGE_PAYLOAD] __attribute__((aligned(8)));
};

/** The state between a request in one ring and its answer in the other */
struct exchange {
	struct vmbus_chan *channel;
	struct session session;
	struct silence silence;	    /* the host's silence */
	struct vmbus_packet packet; /* the request that gets the next answer */
	bool waiting;		    /* its answer waits for room in the ring */
	unsigned int first;	    /* the oldest of @held; session.held counts them */
	struct exchange_held held[EXCHANGE_HELD];
	unsigned char payload[EXCHANGE_PAYLOAD] __attribute__((aligned(8)));
};

/**
 * exchange_init() - prepare to answer the host on @channel
 *
 * The caller owns @channel and closes it. @journal and @policy are as for
 * transfer_init().
 */
void exchange_init(struct exchange *exchange, struct vmbus_chan *channel, int journal,
		   const struct policy *policy);

/**
 * exchange_reopen() - continue with @channel after it was opened again
 * @silent: whether the caller opened it again because the host had fallen
 *	silent
 *
 * The host starts over with a negotiation. No copy may be active. The totals
 * are kept.
 */
void exchange_reopen(struct exchange *exchange, struct vmbus_chan *channel, bool silent);

/**
 * exchange_events() - return the events for which the caller arms the channel
 *
 * The result is VMBUS_WAIT_RECV or VMBUS_WAIT_SEND. It is 0 if the daemon can
 * continue only after a task has ended.
 */
unsigned int exchange_events(const struct exchange *exchange);

/**
 * exchange_run() - answer the packets in the ring
 *
 * The function also answers the requests that wait for a task, so the caller
 * must call it when a task has ended, and from time to time. It signals the
 * host once, and then writes the gathered data to the file.
 *
 * The function stops when the ring is empty, when the ring to the host has no
 * room for an answer, or after 256 packets. The last limit lets the caller
 * handle its signals even if the host refills the ring without end. The caller
 * then arms the channel and calls again.
 *
 * Returns 0; -ENODEV if the host has rescinded the device; -EIO if the rings
 * are damaged; or the error of vmbus_flush().
 */
int exchange_run(struct exchange *exchange);

#endif
