/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * These functions are composed of the library's own: a payload in pieces, guest
 * pages, transfer pages and several packets, each sent in one call, and a
 * packet that is received with its descriptor.
 */
#ifndef COMPOSE_H
#define COMPOSE_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <vmbus_bufring.h>

static inline int send_pieces(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t id,
			      const struct iovec *iov, int count)
{
	int err = vmbus_queuev(chan, type, flags, id, iov, count);

	return err ? err : vmbus_flush(chan);
}

static inline int send_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t id,
			   const struct vmbus_gpa_buffer *ranges, unsigned int count,
			   const void *payload, size_t len)
{
	int err = vmbus_queue_gpa(chan, flags, id, ranges, count, payload, len);

	return err ? err : vmbus_flush(chan);
}

/*
 * Queue a packet with transfer pages, as a host sends it. Only the host's side
 * of a pair may send them.
 */
static inline int queue_xfer(struct vmbus_chan *chan, uint16_t flags, uint64_t id, uint16_t set,
			     const struct vmbus_range *ranges, uint32_t count, const void *payload,
			     size_t len)
{
	const struct vmbus_xfer_set head = { .number = set };
	const size_t ranges_len = 8 + count * sizeof(*ranges);
	unsigned char *packet;
	void *reserved;
	int err;

	err = vmbus_reserve(chan, ranges_len + len, &reserved);
	if (err)
		return err;
	packet = (unsigned char *)reserved;
	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), &count, sizeof(count));
	memcpy(packet + 8, ranges, count * sizeof(*ranges));
	if (len)
		memcpy(packet + ranges_len, payload, len);
	err = vmbus_commit(chan, VMBUS_PACKET_XFER_PAGES, flags, id, ranges_len, ranges_len + len);
	if (err)
		vmbus_cancel(chan);
	return err;
}

/* Receive a packet with its descriptor and its ranges. */
static inline int recv_raw(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf,
			   size_t size)
{
	struct vmbus_view view;
	int n = vmbus_peek(chan, &view, 1);
	uint32_t total;
	uint16_t head[4];

	if (n < 0) {
		*pkt = (struct vmbus_packet){ .type = 0 };
		return n;
	}
	total = view.header + view.length;
	*pkt = (struct vmbus_packet){
		.type = view.type,
		.flags = view.flags,
		.header = view.header,
		.length = view.length,
		.transaction_id = view.transaction_id,
	};
	if (size < total)
		return -ENOBUFS;
	head[0] = view.type;
	head[1] = (uint16_t)(view.header / 8);
	head[2] = (uint16_t)(total / 8);
	head[3] = view.flags;
	memcpy(buf, head, sizeof(head));
	memcpy((char *)buf + 8, &view.transaction_id, 8);
	memcpy((char *)buf + 16, (const char *)view.payload - (view.header - 16), total - 16);
	return vmbus_release(chan, &view);
}

/* One packet of several */
struct tx_packet {
	const void *payload;
	uint32_t length;
	uint16_t type, flags;
	uint64_t transaction_id;
};

#define TX_PACKET(payload_, length_, type_, flags_, id_) \
	{                                                \
		.payload = (payload_),                   \
		.length = (length_),                     \
		.type = (type_),                         \
		.flags = (flags_),                       \
		.transaction_id = (id_),                 \
	}

/* Return the number of packets that were queued, or the error of the first. */
static inline int queue_packets(struct vmbus_chan *chan, const struct tx_packet *packets,
				unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int err = vmbus_queue(chan, packets[i].type, packets[i].flags,
				      packets[i].transaction_id, packets[i].payload,
				      packets[i].length);

		if (err)
			return i ? (int)i : err;
	}
	return (int)count;
}

/* Send packets, at most 64, which vmbus_send_many() does if it can. */
static inline int send_packets(struct vmbus_chan *chan, const struct tx_packet *packets,
			       unsigned int count)
{
	struct iovec payloads[64];
	int queued, err;

	for (unsigned int i = 0; i < count; i++) {
		if (packets[i].type != packets[0].type || packets[i].flags != packets[0].flags ||
		    packets[i].transaction_id != packets[0].transaction_id + i) {
			queued = queue_packets(chan, packets, count);
			err = vmbus_flush(chan);
			return err ? err : queued;
		}
		payloads[i] =
			(struct iovec){ (void *)(uintptr_t)packets[i].payload, packets[i].length };
	}
	return vmbus_send_many(chan, count ? packets[0].type : VMBUS_PACKET_INBAND,
			       count ? packets[0].flags : 0, count ? packets[0].transaction_id : 0,
			       payloads, count);
}

#endif /* COMPOSE_H */
