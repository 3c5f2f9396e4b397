// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "exchange.h"

#define PACKETS_MAX 256

void exchange_init(struct exchange *exchange, struct vmbus_channel *channel, int journal,
		   const struct policy *policy)
{
	exchange->channel = channel;
	exchange->waiting = false;
	memset(&exchange->limits, 0, sizeof(exchange->limits));
	session_init(&exchange->session, journal, policy);
}

void exchange_reopen(struct exchange *exchange, struct vmbus_channel *channel)
{
	exchange->channel = channel;
	exchange->waiting = false;
	session_restart(&exchange->session);
}

unsigned int exchange_events(const struct exchange *exchange)
{
	/* A waiting answer occupies the buffer, so no request can be read. */
	return exchange->waiting ? VMBUS_WAIT_SEND : VMBUS_WAIT_RECV;
}

static int queue_answer(struct exchange *exchange)
{
	int err = vmbus_queue(exchange->channel, VMBUS_PACKET_INBAND, 0,
			      exchange->packet.transaction_id, exchange->payload,
			      exchange->packet.length);

	exchange->waiting = err == -EAGAIN;
	if (err == -EMSGSIZE) {
		log_limited(&exchange->limits.unsent, LOG_WARNING,
			    "sent no answer: its %u bytes do not fit into the ring to the host",
			    exchange->packet.length);
		return 0;
	}
	return err;
}

/*
 * Read the next request. Returns 1, 0 after skipping a packet, or -errno;
 * -EAGAIN means that the ring is empty.
 */
static int receive(struct exchange *exchange)
{
	int err = vmbus_recv(exchange->channel, &exchange->packet, exchange->payload,
			     sizeof(exchange->payload));

	switch (err) {
	case 0:
		break;
	case -ENOBUFS:
		log_limited(&exchange->limits.too_long, LOG_WARNING,
			    "skipped a packet of %u bytes", exchange->packet.length);
		return vmbus_skip(exchange->channel);
	case -EPROTO:
		log_limited(&exchange->limits.damaged, LOG_WARNING,
			    "skipped the content of the ring: a packet has impossible lengths");
		return vmbus_skip(exchange->channel);
	default:
		return err;
	}
	if (exchange->packet.type != VMBUS_PACKET_INBAND) {
		log_limited(&exchange->limits.type, LOG_WARNING,
			    "skipped a packet of type %u", exchange->packet.type);
		return 0;
	}
	return 1;
}

int exchange_run(struct exchange *exchange)
{
	int err = 0, flushed;

	if (exchange->waiting)
		err = queue_answer(exchange);

	for (unsigned int i = 0; i < PACKETS_MAX && !err; i++) {
		err = receive(exchange);
		if (err <= 0)
			continue;
		err = 0;
		if (session_answer(&exchange->session, exchange->payload, exchange->packet.length))
			err = queue_answer(exchange);
	}
	if (err == -EAGAIN)
		err = 0;

	/* After an error, the host may still get the earlier answers. */
	flushed = vmbus_flush(exchange->channel);
	/* The host sends its next packet during this write. */
	transfer_work(&exchange->session.transfer);
	return err ? err : flushed;
}
