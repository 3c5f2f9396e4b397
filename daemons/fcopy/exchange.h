/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_EXCHANGE_H
#define FCOPY_EXCHANGE_H

#include <vmbus_bufring.h>

#include "protocol.h"

/** No message is longer: a WRITE has 6224 bytes, an IC message 13312 at most */
#define EXCHANGE_PAYLOAD 16384

/** Requests out of one ring, answers into the other */
struct exchange {
	struct vmbus_channel *channel;
	struct session session;
	struct vmbus_packet packet;	/* being answered */
	bool waiting;			/* its answer found no room yet */
	struct log_limit oddities;
	unsigned char payload[EXCHANGE_PAYLOAD] __attribute__((aligned(8)));
};

/** exchange_init() - @channel stays the caller's; @state and @policy as for transfer_init() */
void exchange_init(struct exchange *exchange, struct vmbus_channel *channel, int state,
		   const struct policy *policy);

/** exchange_reopen() - the host begins anew, on @channel: what was under way has ended, the totals stay */
void exchange_reopen(struct exchange *exchange, struct vmbus_channel *channel);

/** exchange_events() - what to arm the channel for: VMBUS_WAIT_RECV or VMBUS_WAIT_SEND */
unsigned int exchange_events(const struct exchange *exchange);

/**
 * exchange_run() - answers what is in the ring, and then lets the host know once
 *
 * Stops when the ring is empty, when an answer finds no room, or after a share of packets that
 * keeps signals from starving; arm the channel and come back.
 *
 * Returns 0, or -ENODEV (rescinded), -EIO (the rings are damaged) or what a signal to the host
 * returned.
 */
int exchange_run(struct exchange *exchange);

#endif
