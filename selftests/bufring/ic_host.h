/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host of an integration component, which negotiates, sends requests, and
 * gets answers
 */
#ifndef IC_HOST_H
#define IC_HOST_H

#include "model.h"

#define HEADER sizeof(struct vmbus_ic_header)

static inline int host_sends(struct vmbus_chan *host, uint16_t type, uint64_t xid, const void *body,
			     size_t len)
{
	struct vmbus_ic_header hdr = {
		.type = type,
		.size = len,
		.pipe_size = 20 + len,
		.transaction_id = xid,
		.flags = VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_REQUEST,
		.status = 0xdeadbeef,
	};
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { (void *)(uintptr_t)body, len } };

	return send_pieces(host, VMBUS_PACKET_INBAND, 0, xid, iov, 2);
}

/* Frameworks 1.0 and 3.0, then messages 1.0 and @major.1 */
static inline int host_negotiates(struct vmbus_chan *host, uint64_t xid, uint16_t major)
{
	const struct {
		struct vmbus_ic_negotiate counts;
		struct vmbus_ic_version versions[4];
	} offer = { { 2, 2, 0 }, { { 1, 0 }, { 3, 0 }, { major, 0 }, { major, 1 } } };

	return host_sends(host, VMBUS_IC_NEGOTIATE, xid, &offer, sizeof(offer));
}

struct answer {
	struct vmbus_packet pkt;
	struct vmbus_ic_header hdr;
	unsigned char body[65536 / 4];
};

static inline int host_gets(struct vmbus_chan *host, struct answer *answer)
{
	unsigned char msg[sizeof(answer->body) + HEADER];
	int err = vmbus_recv(host, &answer->pkt, msg, sizeof(msg));

	if (err)
		return err;
	memcpy(&answer->hdr, msg, HEADER);
	memcpy(answer->body, msg + HEADER, answer->pkt.length - HEADER);
	return 0;
}

#endif /* IC_HOST_H */
