// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sending and receiving packets. */

#include <errno.h>
#include <string.h>

#include "internal.h"

/* Makes sure of @need bytes, or leaves the wish for them with the host */
static int reserve(struct vmbus_channel *chan, uint32_t need)
{
	int fits = tx_ring_fits(&chan->tx, need);
	int err;

	if (fits == 0) {
		/* The host can only make room from what it sees. */
		err = vmbus_flush(chan);
		if (err)
			return err;
		tx_ring_want(&chan->tx, need);
		fits = tx_ring_fits(&chan->tx, need);
	}
	return fits > 0 ? 0 : fits < 0 ? fits : -EAGAIN;
}

int vmbus_queuev(struct vmbus_channel *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 const struct iovec *iov, int iovcnt)
{
	uint32_t most = tx_ring_max_payload(&chan->tx);
	int err = channel_check(chan);
	uint32_t len = 0;
	int dead;

	if (err)
		return err;
	if (iovcnt < 0)
		return -EINVAL;
	for (int i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > most - len)
			return -EMSGSIZE;
		len += iov[i].iov_len;
	}
	err = reserve(chan, tx_ring_need(len));
	if (!err) {
		tx_ring_write(&chan->tx, type, flags, transaction_id, iov, iovcnt, len);
		if (chan->tx.pending)
			tx_ring_want(&chan->tx, 0);
	}
	dead = channel_check(chan);
	return dead ? dead : err;
}

int vmbus_queue(struct vmbus_channel *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		const void *payload, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)payload, .iov_len = len };

	return vmbus_queuev(chan, type, flags, transaction_id, &iov, 1);
}

int vmbus_sendv(struct vmbus_channel *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		const struct iovec *iov, int iovcnt)
{
	int err = vmbus_queuev(chan, type, flags, transaction_id, iov, iovcnt);

	return err ? err : vmbus_flush(chan);
}

int vmbus_send(struct vmbus_channel *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
	       const void *payload, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)payload, .iov_len = len };

	return vmbus_sendv(chan, type, flags, transaction_id, &iov, 1);
}

int vmbus_publish(struct vmbus_channel *chan)
{
	int err = channel_check(chan);
	bool signal;

	if (err)
		return err;
	signal = tx_ring_publish(&chan->tx);
	err = channel_check(chan);
	return err ? err : signal;
}

int vmbus_flush(struct vmbus_channel *chan)
{
	int signal = vmbus_publish(chan);

	return signal > 0 ? vmbus_signal(chan) : signal;
}

/* The next packet's descriptor: what rx_ring_peek() returns, or why the channel has ended */
static int peek(struct vmbus_channel *chan, struct rx_packet *pkt)
{
	int dead = channel_check(chan);
	int err;

	if (dead)
		return dead;
	err = rx_ring_peek(&chan->rx, pkt);
	dead = channel_check(chan);
	return dead ? dead : err;
}

static void consume(struct vmbus_channel *chan, uint32_t bytes)
{
	if (rx_ring_consume(&chan->rx, bytes))
		vmbus_signal(chan);	/* its error stays with the channel */
}

/* The payload, or with @raw the whole packet */
static int receive(struct vmbus_channel *chan, struct vmbus_packet *pkt, unsigned char *buf,
		   size_t size, bool raw)
{
	struct rx_packet p;
	int err = peek(chan, &p);

	if (err)
		return err;
	*pkt = (struct vmbus_packet){
		.type = p.word[0],
		.flags = p.word[0] >> 48,
		.header = p.header,
		.length = p.total - p.header,
		.transaction_id = p.word[1],
	};
	if (size < (raw ? p.total : pkt->length))
		return -ENOBUFS;
	if (raw) {
		/* The descriptor that was checked: the one in the ring may have changed. */
		memcpy(buf, p.word, sizeof(p.word));
		rx_ring_copy(&chan->rx, sizeof(p.word), buf + sizeof(p.word),
			     p.total - sizeof(p.word));
	} else {
		rx_ring_copy(&chan->rx, p.header, buf, pkt->length);
	}
	err = channel_check(chan);
	if (err)
		return err;
	/* From here on the packet is whole and ours, whatever becomes of the channel. */
	consume(chan, p.advance);
	return 0;
}

int vmbus_recv(struct vmbus_channel *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	return receive(chan, pkt, buf, size, false);
}

int vmbus_recv_raw(struct vmbus_channel *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	return receive(chan, pkt, buf, size, true);
}

int vmbus_skip(struct vmbus_channel *chan)
{
	struct rx_packet p;
	int err = peek(chan, &p);

	if (err && err != -EPROTO)
		return err;
	consume(chan, p.advance);
	return 0;
}
