// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "exchange.h"

/* Packets for one call of exchange_run() */
#define SHARE 256

void exchange_init(struct exchange *exchange, struct vmbus_channel *channel, int state,
		   const struct policy *policy)
{
	exchange->channel = channel;
	exchange->waiting = false;
	exchange->oddities = (struct log_limit){ .lines = 0 };
	session_init(&exchange->session, state, policy);
}

void exchange_reopen(struct exchange *exchange, struct vmbus_channel *channel)
{
	exchange->channel = channel;
	exchange->waiting = false;
	session_restart(&exchange->session);
}

unsigned int exchange_events(const struct exchange *exchange)
{
	/* One at a time: while an answer waits, its request's bytes are still in the buffer. */
	return exchange->waiting ? VMBUS_WAIT_SEND : VMBUS_WAIT_RECV;
}

static int queue_answer(struct exchange *exchange)
{
	int err = vmbus_queue(exchange->channel, VMBUS_PACKET_INBAND, 0,
			      exchange->packet.transaction_id, exchange->payload,
			      exchange->packet.length);

	exchange->waiting = err == -EAGAIN;
	if (err == -EMSGSIZE) {
		log_limited(&exchange->oddities, LOG_WARNING,
			    "no answer: a message of %u bytes does not fit the ring to the host",
			    exchange->packet.length);
		return 0;
	}
	return err;
}

/* 1: received; 0: left a packet out */
static int receive(struct exchange *exchange)
{
	int err = vmbus_recv(exchange->channel, &exchange->packet, exchange->payload,
			     sizeof(exchange->payload));

	switch (err) {
	case 0:
		break;
	case -ENOBUFS:
		log_limited(&exchange->oddities, LOG_WARNING, "skipped a packet of %u bytes",
			    exchange->packet.length);
		return vmbus_skip(exchange->channel);
	case -EPROTO:
		log_limited(&exchange->oddities, LOG_WARNING,
			    "skipped what is in the ring: a packet with impossible lengths");
		return vmbus_skip(exchange->channel);
	default:
		return err;
	}
	if (exchange->packet.type != VMBUS_PACKET_INBAND) {
		log_limited(&exchange->oddities, LOG_WARNING, "skipped a packet of type %u",
			    exchange->packet.type);
		return 0;
	}
	return 1;
}

int exchange_run(struct exchange *exchange)
{
	int err = 0, flushed;

	if (exchange->waiting)
		err = queue_answer(exchange);

	for (unsigned int i = 0; i < SHARE && !err; i++) {
		err = receive(exchange);
		if (err <= 0)
			continue;
		err = 0;
		if (session_answer(&exchange->session, exchange->payload, exchange->packet.length))
			err = queue_answer(exchange);
	}
	if (err == -EAGAIN)
		err = 0;

	/* Also on the way out: the host may get what was answered before it went wrong. */
	flushed = vmbus_flush(exchange->channel);
	return err ? err : flushed;
}
