// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of tools/hv, called as its daemon calls it. The ring does not decide
 * about signals: the daemon signals after each message, whether or not the host
 * needs it. Here it signals once for a burst. It does not notify the host of
 * room, and does not support packets with ranges.
 */
#include <errno.h>

#include <vmbus_bufring.h>

#include "contender.h"

static struct side {
	APART struct vmbus_br br;
} tx, rx;

static int hv_open(void *ring, void *other, size_t size)
{
	vmbus_br_setup(&tx.br, ring, (unsigned int)(size + RING_HEADER));
	vmbus_br_setup(&rx.br, ring, (unsigned int)(size + RING_HEADER));
	return 0;
}

static void hv_close(void)
{
}

static int hv_send(const struct load *load, int burst)
{
	int sent, err = 0;

	for (sent = 0; sent < burst; sent++) {
		err = rte_vmbus_chan_send(&tx.br, VMBUS_CHANPKT_TYPE_INBAND, message_of(load, sent),
					  (uint32_t)load->size, 0);
		if (err)
			break;
	}
	if (sent)
		count_signal(&sender_signals.count);
	return err && err != -EAGAIN ? err : sent;
}

static inline __attribute__((always_inline)) int hv_recv(int burst, enum use use)
{
	const struct vmbus_chanpkt_hdr *packet = (const void *)target;
	int got;

	for (got = 0; got < burst; got++) {
		uint32_t size = sizeof(target);
		int ret = rte_vmbus_chan_recv_raw(&rx.br, target, &size);

		if (ret == -EAGAIN)
			break;
		if (ret < 0)
			return ret;
		use_message(use, target + packet->hlen * 8u, (packet->tlen - packet->hlen) * 8u);
	}
	return got;
}

WITH_USE(hv_recv, LEAVE, hv_leave)
WITH_USE(hv_recv, READ, hv_read)
WITH_USE(hv_recv, VERIFY, hv_verify)

const struct contender tools_hv = {
	"tools/hv",
	hv_open,
	hv_close,
	{ [MESSAGE] = hv_send },
	{ [MESSAGE] = { hv_leave, hv_read, hv_verify } },
};
