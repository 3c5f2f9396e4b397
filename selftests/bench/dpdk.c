// SPDX-License-Identifier: GPL-2.0-only
/*
 * DPDK's bus/vmbus, called as its netvsc driver calls it. The driver sends
 * packets one by one and signals once for the burst, if one of them found the
 * ring empty. It receives whole packets, then calls
 * rte_vmbus_chan_signal_read() once for all.
 */
#include <errno.h>
#include <stdbool.h>

#include "private.h"
#include <rte_bus_vmbus.h>

#include "contender.h"

/* A signal increments page.trigs[0].pending: see dpdk_channel.c. */
static struct side {
	APART struct vmbus_channel chan;
	struct vmbus_mon_page page;
} sender, receiver;

static int dpdk_open(void *ring, void *other, size_t size)
{
	struct side *const sides[2] = { &sender, &receiver };

	for (int i = 0; i < 2; i++) {
		struct vmbus_channel *chan = &sides[i]->chan;

		*chan = (struct vmbus_channel){ .monitor_page = &sides[i]->page };
		sides[i]->page.trigs[0].pending = 0;
		vmbus_br_setup(&chan->txbr, i ? other : ring, (unsigned int)(size + RING_HEADER));
		vmbus_br_setup(&chan->rxbr, i ? ring : other, (unsigned int)(size + RING_HEADER));
	}
	return 0;
}

static void dpdk_close(void)
{
	sender_signals.count += sender.page.trigs[0].pending;
	receiver_signals.count += receiver.page.trigs[0].pending;
}

/*
 * Signal if necessary. Returns @sent, unless @err is an error other than a full
 * ring.
 */
static int end_burst(int sent, int err, bool need_signal)
{
	if (need_signal)
		rte_vmbus_chan_signal_tx(&sender.chan);
	return err && err != -EAGAIN ? err : sent;
}

static int send_message(const struct load *load, int burst)
{
	bool need_signal = false;
	int sent, err = 0;

	for (sent = 0; sent < burst; sent++) {
		err = rte_vmbus_chan_send(&sender.chan, VMBUS_CHANPKT_TYPE_INBAND,
					  message_of(load, sent), (uint32_t)load->size,
					  load->first + (uint64_t)sent, VMBUS_CHANPKT_FLAG_NONE,
					  &need_signal);
		if (err)
			break;
	}
	return end_burst(sent, err, need_signal);
}

static int send_gpa(const struct load *load, int burst)
{
	struct vmbus_gpa list[MAX_RANGES];
	bool need_signal = false;
	int sent, err = 0;

	for (sent = 0; sent < burst; sent++) {
		const struct segment *segments = load->segments + (unsigned int)sent * load->ranges;

		for (unsigned int i = 0; i < load->ranges; i++)
			list[i] = (struct vmbus_gpa){
				.len = segments[i].length,
				.ofs = segments[i].offset,
				.page = segments[i].page,
			};
		err = rte_vmbus_chan_send_sglist(&sender.chan, list, load->ranges,
						 message_of(load, sent), (uint32_t)load->size,
						 load->first + (uint64_t)sent, &need_signal);
		if (err)
			break;
	}
	return end_burst(sent, err, need_signal);
}

static inline __attribute__((always_inline)) int use_packet(enum kind kind, enum use use)
{
	const struct vmbus_chanpkt_rxbuf *packet = (const void *)target;
	const uint32_t header = vmbus_chanpkt_getlen(packet->hdr.hlen),
		       size = vmbus_chanpkt_datalen(&packet->hdr);
	struct segment segments[MAX_RANGES];
	uint64_t sum = 0;

	if (kind == MESSAGE) {
		use_message(use, target + header, size);
		return 0;
	}
	/* netvsc makes the same checks. */
	if (packet->hdr.type != VMBUS_CHANPKT_TYPE_RXBUF || header < sizeof(*packet) ||
	    packet->rxbuf_id != RANGES_SET ||
	    header < offsetof(struct vmbus_chanpkt_rxbuf, rxbuf) +
			     packet->rxbuf_cnt * sizeof(packet->rxbuf[0]))
		return -EPROTO;
	for (uint32_t i = 0; i < packet->rxbuf_cnt; i++) {
		const uint32_t offset = packet->rxbuf[i].ofs, length = packet->rxbuf[i].len;

		if (offset + length > RANGES_BUFFER)
			return -EPROTO;
		if (use == VERIFY && i < MAX_RANGES)
			segments[i] = (struct segment){ .offset = offset, .length = length };
		else
			sum += offset ^ length;
	}
	if (use == VERIFY)
		verify_xfer(packet->rxbuf_id, segments, packet->rxbuf_cnt, target + header, size);
	else
		see(sum);
	return 0;
}

static inline __attribute__((always_inline)) int dpdk_recv(int burst, enum kind kind, enum use use)
{
	uint32_t bytes = 0;
	int got, err;

	for (got = 0; got < burst; got++) {
		uint32_t size = sizeof(target);
		int ret = rte_vmbus_chan_recv_raw(&receiver.chan, target, &size);

		if (ret == -EAGAIN)
			break;
		if (ret < 0)
			return ret;
		bytes += (uint32_t)ret;
		err = use_packet(kind, use);
		if (err)
			return err;
	}
	if (bytes)
		rte_vmbus_chan_signal_read(&receiver.chan, bytes);
	return got;
}

#define recv_message(burst, use) dpdk_recv(burst, MESSAGE, use)
#define recv_xfer(burst, use)	 dpdk_recv(burst, XFER_PAGES, use)
WITH_USE(recv_message, LEAVE, message_leave)
WITH_USE(recv_message, READ, message_read)
WITH_USE(recv_message, VERIFY, message_verify)
WITH_USE(recv_xfer, LEAVE, xfer_leave)
WITH_USE(recv_xfer, VERIFY, xfer_verify)

const struct contender dpdk = {
	"DPDK",
	dpdk_open,
	dpdk_close,
	{ [MESSAGE] = send_message, [GPA_DIRECT] = send_gpa, [XFER_PAGES] = host_send },
	{
		[MESSAGE] = { message_leave, message_read, message_verify },
		[GPA_DIRECT] = { [LEAVE] = host_recv, [VERIFY] = host_verify },
		[XFER_PAGES] = { [LEAVE] = xfer_leave, [VERIFY] = xfer_verify },
	},
};
