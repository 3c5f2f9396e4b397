/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make traffic in both directions at once, and check it byte by byte, for two
 * threads or two processes.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "model.h"

struct traffic {
	struct vmbus_chan *chan;
	uint32_t messages; /* to send, and to receive */
	uint32_t burst;	   /* queued before each flush */
	size_t most;	   /* bytes of payload */
	const char *error;
	int result;
};

static inline size_t message_length(uint64_t number, size_t most)
{
	return (number * 0x9e3779b97f4a7c15u >> 40) % (most + 1);
}

static inline int traffic_fail(struct traffic *t, const char *error, int result)
{
	t->error = error;
	t->result = result;
	return -1;
}

/* Receive a packet, and wait for it if there is none. */
static inline int recv_or_wait(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf,
			       size_t size)
{
	int err;

	while ((err = vmbus_recv(chan, pkt, buf, size)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (err < 0)
			break;
	}
	return err;
}

/* Send a packet, and wait for the room for it. */
static inline int send_or_wait(struct vmbus_chan *chan, uint64_t id, const void *payload,
			       size_t len)
{
	int err;

	while ((err = vmbus_send(chan, VMBUS_PACKET_INBAND, 0, id, payload, len)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, -1);
		if (err < 0)
			break;
	}
	return err;
}

static inline int receive_all(struct traffic *t, unsigned char *buf, uint32_t *received)
{
	struct vmbus_packet pkt;
	int err;

	while (*received < t->messages) {
		err = vmbus_recv(t->chan, &pkt, buf, padded(t->most));
		if (err == -EAGAIN)
			return 0;
		if (err)
			return traffic_fail(t, "receive", err);
		if (pkt.transaction_id != *received)
			return traffic_fail(t, "order", pkt.transaction_id);
		if (pkt.length != padded(message_length(*received, t->most)) ||
		    !filled(buf, *received, message_length(*received, t->most)))
			return traffic_fail(t, "content", *received);
		++*received;
	}
	return 0;
}

/* Send and receive in one thread, and sleep when neither is possible. */
static inline void *traffic_both(void *arg)
{
	struct traffic *t = arg;
	unsigned char *out = malloc(t->most + 1), *in = malloc(padded(t->most) + 1);
	uint32_t sent = 0, received = 0;
	int err = 0;

	while (sent < t->messages || received < t->messages) {
		unsigned int events = received < t->messages ? VMBUS_WAIT_RECV : 0;

		for (err = 0; sent < t->messages && !err; sent += !err) {
			size_t len = message_length(sent, t->most);

			fill(out, sent, len);
			err = vmbus_queue(t->chan, VMBUS_PACKET_INBAND, 0, sent, out, len);
			if (!err && sent % t->burst == 0)
				vmbus_flush(t->chan);
		}
		if (err && err != -EAGAIN) {
			traffic_fail(t, "send", err);
			break;
		}
		vmbus_flush(t->chan);
		if (sent < t->messages)
			events |= VMBUS_WAIT_SEND;
		if (receive_all(t, in, &received))
			break;
		if (received == t->messages)
			events &= ~VMBUS_WAIT_RECV;
		if (!events)
			break;
		err = vmbus_wait(t->chan, events, -1);
		if (err < 0) {
			traffic_fail(t, "wait", err);
			break;
		}
	}
	free(out);
	free(in);
	return NULL;
}

/*
 * Send in one direction, in batches and without copies. Messages have at most
 * 64 bytes.
 */
static inline void *send_batches(void *arg)
{
	struct traffic *t = arg;
	struct iovec payloads[32];
	unsigned char *out = malloc(32 * 64);

	for (uint32_t sent = 0; sent < t->messages;) {
		unsigned int count = t->messages - sent < 32 ? t->messages - sent : 32;
		int n;

		for (unsigned int i = 0; i < count; i++) {
			size_t len = message_length(sent + i, t->most);

			fill(out + 64 * i, sent + i, len);
			payloads[i] = (struct iovec){ out + 64 * i, len };
		}
		n = vmbus_send_many(t->chan, VMBUS_PACKET_INBAND, 0, sent, payloads, count);
		if (n == -EAGAIN) {
			n = vmbus_wait(t->chan, VMBUS_WAIT_SEND, -1);
			if (n > 0)
				continue;
		}
		if (n < 0) {
			traffic_fail(t, "send", n);
			break;
		}
		sent += n;
	}
	free(out);
	return NULL;
}

static inline void *receive_in_place(void *arg)
{
	struct traffic *t = arg;
	struct vmbus_view views[32];
	uint32_t received = 0;

	while (received < t->messages) {
		int n = vmbus_peek(t->chan, views, 32);

		if (n == -EAGAIN) {
			n = vmbus_wait(t->chan, VMBUS_WAIT_RECV, -1);
			if (n > 0)
				continue;
		}
		if (n < 0) {
			traffic_fail(t, "peek", n);
			break;
		}
		for (int i = 0; i < n; i++, received++)
			if (views[i].transaction_id != received ||
			    views[i].length != padded(message_length(received, t->most)) ||
			    !filled(views[i].payload, received,
				    message_length(received, t->most))) {
				traffic_fail(t, "content", received);
				return NULL;
			}
		if (vmbus_release(t->chan, &views[n - 1])) {
			traffic_fail(t, "release", received);
			break;
		}
	}
	return NULL;
}

static inline void traffic_check(const struct traffic *t, const char *who)
{
	if (t->error) {
		ksft_print_msg("%s: %s: %d\n", who, t->error, t->result);
		checks_failed++;
	}
}

#endif /* TRAFFIC_H */
