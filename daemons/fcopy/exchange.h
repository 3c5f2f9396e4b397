/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_EXCHANGE_H
#define FCOPY_EXCHANGE_H

#include <vmbus_bufring.h>

#include "session.h"

/** No message is longer: a WRITE has 6224 bytes, and an IC message at most 13312 */
#define EXCHANGE_PAYLOAD 16384

/** Takes requests from one ring, and puts answers into the other */
struct exchange {
	struct vmbus_channel *channel;
	struct session session;
	struct vmbus_packet packet;	/* being answered */
	bool waiting;			/* its answer found no room yet */
	struct log_limit invalid;	/* lines about packets that are not valid */
	unsigned char payload[EXCHANGE_PAYLOAD] __attribute__((aligned(8)));
};

/** exchange_init() - @channel stays the caller's; @journal and @policy as for transfer_init() */
void exchange_init(struct exchange *exchange, struct vmbus_channel *channel, int journal,
		   const struct policy *policy);

/** exchange_reopen() - the host begins anew on @channel; no copy may be active, the totals stay */
void exchange_reopen(struct exchange *exchange, struct vmbus_channel *channel);

/** exchange_events() - what to arm the channel for: VMBUS_WAIT_RECV or VMBUS_WAIT_SEND */
unsigned int exchange_events(const struct exchange *exchange);

/**
 * exchange_run() - answer the packets in the ring, signal the host once, and write gathered data
 *
 * Stops when the ring is empty, when an answer finds no room, or after 256
 * packets, so that a host that refills the ring without end cannot keep the
 * caller from its signals. Arm the channel and come back.
 *
 * Returns 0, or -ENODEV (rescinded), -EIO (the rings are damaged) or what
 * vmbus_flush() returned.
 */
int exchange_run(struct exchange *exchange);

#endif
