// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "exchange.h"
#include "wire.h"

#define PACKETS_MAX 256

void exchange_init(struct exchange *exchange, struct vmbus_chan *channel, int journal,
		   const struct policy *policy)
{
	exchange->channel = channel;
	exchange->waiting = false;
	exchange->first = 0;
	session_init(&exchange->session, journal, policy);
	silence_init(&exchange->silence);
}

void exchange_reopen(struct exchange *exchange, struct vmbus_chan *channel, bool silent)
{
	exchange->channel = channel;
	exchange->waiting = false;
	exchange->first = 0;
	session_restart(&exchange->session);
	silence_reopened(&exchange->silence, silent);
}

unsigned int exchange_events(const struct exchange *exchange)
{
	/* A waiting answer occupies the buffer, so no request can be read. */
	if (exchange->waiting)
		return VMBUS_WAIT_SEND;
	return exchange->session.held < EXCHANGE_HELD ? VMBUS_WAIT_RECV : 0;
}

static int queue_answer(struct exchange *exchange)
{
	int err = vmbus_queue(exchange->channel, VMBUS_PACKET_INBAND, 0,
			      exchange->packet.transaction_id, exchange->payload,
			      exchange->packet.length);

	exchange->waiting = err == -EAGAIN;
	if (!err && log_verbose())
		wire_show_answer(&exchange->packet, exchange->payload);
	if (err == -EMSGSIZE) {
		log_line(LOG_WARNING,
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
		if (log_verbose())
			wire_show_request(&exchange->packet, exchange->payload);
		break;
	case -ENOBUFS:
		log_line(LOG_WARNING, "skipped a packet of %u bytes", exchange->packet.length);
		return vmbus_skip(exchange->channel);
	case -EPROTO:
		log_line(LOG_WARNING,
			 "skipped the content of the ring: a packet has impossible lengths");
		return vmbus_skip(exchange->channel);
	default:
		return err;
	}
	if (exchange->packet.type != VMBUS_PACKET_INBAND) {
		log_line(LOG_WARNING, "skipped a packet of type %u", exchange->packet.type);
		return 0;
	}
	return 1;
}

/* Hold the request, after those that already wait. */
static void hold(struct exchange *exchange)
{
	unsigned int at = (exchange->first + exchange->session.held++) % EXCHANGE_HELD;
	struct exchange_held *held = &exchange->held[at];

	held->packet = exchange->packet;
	memcpy(held->payload, exchange->payload, exchange->packet.length);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &held->since);
}

static unsigned int milliseconds_since(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* Answer the waiting requests in order, until one has to wait longer. */
static int answer_held(struct exchange *exchange)
{
	struct session *session = &exchange->session;
	struct exchange_held *held;
	int err = 0;

	while (session->held && !err) {
		held = &exchange->held[exchange->first];
		if (session_retry(session, held->payload, held->packet.length,
				  milliseconds_since(&held->since)) == SESSION_LATER)
			break;
		exchange->first = (exchange->first + 1) % EXCHANGE_HELD;
		session->held--;
		exchange->packet = held->packet;
		memcpy(exchange->payload, held->payload, held->packet.length);
		err = queue_answer(exchange);
	}
	return err;
}

/*
 * Receive a request and do what it asks for. Returns 0 or -errno; -EAGAIN means
 * that the ring is empty.
 */
static int serve_request(struct exchange *exchange)
{
	int err = receive(exchange);

	if (err <= 0)
		return err;
	switch (session_answer(&exchange->session, exchange->payload, exchange->packet.length)) {
	case SESSION_SILENCE:
		return 0;
	case SESSION_LATER:
		hold(exchange);
		/* This request may have ended the task of an earlier one. */
		return answer_held(exchange);
	default:
		return queue_answer(exchange);
	}
}

int exchange_run(struct exchange *exchange)
{
	int err = 0, flushed;

	if (exchange->waiting)
		err = queue_answer(exchange);
	if (!err)
		err = answer_held(exchange);
	for (unsigned int i = 0; i < PACKETS_MAX && !err && exchange->session.held < EXCHANGE_HELD;
	     i++)
		err = serve_request(exchange);
	if (err == -EAGAIN)
		err = 0;

	/* After an error, the host may still get the earlier answers. */
	flushed = vmbus_flush(exchange->channel);
	/*
	 * The host can send its next packets while the daemon writes to the
	 * file.
	 */
	session_work(&exchange->session);
	return err ? err : flushed;
}
