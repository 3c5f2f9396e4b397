/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_EXCHANGE_H
#define FCOPY_EXCHANGE_H

#include <vmbus_bufring.h>

#include "session.h"
#include "silence.h"

/**
 * The limit of a message: a WRITE has 6224 bytes, an IC message at most 13312
 */
#define EXCHANGE_PAYLOAD 16384

/** So many requests can wait for a disk; further ones wait in the ring */
#define EXCHANGE_HELD 8

/** A request that waits: session_retry() */
struct exchange_held {
	struct vmbus_packet packet;
	struct timespec since;
	unsigned char payload[EXCHANGE_PAYLOAD] __attribute__((aligned(8)));
};

/** The state between a request in one ring and its answer in the other */
struct exchange {
	struct vmbus_chan *channel;
	struct session session;
	struct silence silence;		/* of the host */
	struct vmbus_packet packet;	/* the request that gets the next answer */
	bool waiting;			/* its answer found no room yet */
	unsigned int first;		/* of @held; session.held counts them */
	struct exchange_held held[EXCHANGE_HELD];
	struct {			/* one for each kind of line in the log */
		struct log_limit unsent;	/* answers that the ring cannot hold */
		struct log_limit too_long;	/* packets above EXCHANGE_PAYLOAD */
		struct log_limit damaged;	/* lengths that are impossible */
		struct log_limit type;		/* packets of another type */
	} limits;
	unsigned char payload[EXCHANGE_PAYLOAD] __attribute__((aligned(8)));
};

/**
 * exchange_init() - answer the host on @channel
 *
 * The caller keeps and closes @channel. @journal and @policy are as for
 * transfer_init().
 */
void exchange_init(struct exchange *exchange, struct vmbus_chan *channel, int journal,
		   const struct policy *policy);

/**
 * exchange_reopen() - go on with @channel, on which the host begins anew
 * @silent: because the host had fallen silent
 *
 * No copy may be active. The totals stay.
 */
void exchange_reopen(struct exchange *exchange, struct vmbus_chan *channel, bool silent);

/**
 * exchange_events() - tell what to arm the channel for
 *
 * Returns VMBUS_WAIT_RECV, VMBUS_WAIT_SEND, or 0: the next thing to wait for is
 * the end of a task.
 */
unsigned int exchange_events(const struct exchange *exchange);

/**
 * exchange_run() - answer the packets in the ring
 *
 * Also answers the requests that waited for a task: call it when one has ended,
 * and from time to time. Signals the host once, and then has the gathered data
 * written to the file. Stops
 * when the ring is empty, when an answer finds no room, or after 256 packets,
 * so that a host that refills the ring without end cannot keep the caller from
 * its signals. Arm the channel and come back.
 *
 * Returns 0, or -ENODEV (rescinded), -EIO (the rings are damaged) or what
 * vmbus_flush() returned.
 */
int exchange_run(struct exchange *exchange);

#endif
