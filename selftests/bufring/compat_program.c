// SPDX-License-Identifier: GPL-2.0-only
/*
 * This daemon has the shape of programs for tools/hv's vmbus_bufring.h: it maps
 * the UIO device, sets up both rings, reads an interrupt, drains the ring,
 * answers, and signals with a write. It does not use the library otherwise.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmbus_bufring.h"

#include "compat.h"

#define TYPE_NEGOTIATE 0
#define TYPE_STOP      3

static struct vmbus_br txbr, rxbr;

/* Answers with the first version of each kind that the host names */
static int negotiate(void *payload, uint32_t len)
{
	struct icmsg_hdr *hdr =
		(struct icmsg_hdr *)((char *)payload + sizeof(struct vmbuspipe_hdr));
	struct icmsg_negotiate *neg = (struct icmsg_negotiate *)((char *)payload + ICMSG_HDR);
	struct ic_version framework, message;

	if (len < ICMSG_HDR + sizeof(*neg) || !neg->icframe_vercnt ||
	    neg->icframe_vercnt > IC_VERSION_NEGOTIATION_MAX_VER_COUNT || !neg->icmsg_vercnt ||
	    neg->icmsg_vercnt > IC_VERSION_NEGOTIATION_MAX_VER_COUNT ||
	    len < ICMSG_NEGOTIATE_PKT_SIZE(neg->icframe_vercnt, neg->icmsg_vercnt))
		return -1;
	framework = neg->icversion_data[0];
	message = neg->icversion_data[neg->icframe_vercnt];
	hdr->icmsgsize = 0x10;
	neg->icframe_vercnt = neg->icmsg_vercnt = 1;
	neg->icversion_data[0] = framework;
	neg->icversion_data[1] = message;
	return 0;
}

int compat_program(int map_fd, int event_fd, int ring_size)
{
	uint32_t room = ring_size, len;
	struct vmbus_chanpkt_hdr *pkt;
	struct icmsg_hdr *hdr;
	char *buf, *payload;
	int32_t event = 1;
	bool stop = false;
	void *ring;
	int ret;

	buf = malloc(room);
	ring = vmbus_uio_map(&map_fd, ring_size);
	if (!buf || unlikely(!ring))
		return 10;
	vmbus_br_setup(&txbr, ring, ring_size);
	vmbus_br_setup(&rxbr, (char *)ring + ring_size, ring_size);
	rxbr.vbr->imask = 0;

	while (!stop) {
		if (read(event_fd, &event, sizeof(event)) != sizeof(event))
			return 11;
		for (;;) {
			len = room;
			ret = rte_vmbus_chan_recv_raw(&rxbr, buf, &len);
			if (ret == -EAGAIN)
				break;
			if (ret <= 0)
				return 12;
			if ((uint32_t)ret != len + 8)
				return 13;
			pkt = (struct vmbus_chanpkt_hdr *)buf;
			if (pkt->type != VMBUS_CHANPKT_TYPE_INBAND ||
			    (uint32_t)pkt->tlen << VMBUS_CHANPKT_SIZE_SHIFT != len ||
			    pkt->hlen != VMBUS_CHANPKT_HLEN_MIN)
				return 14;
			payload = buf + (pkt->hlen << VMBUS_CHANPKT_SIZE_SHIFT);
			len -= pkt->hlen << VMBUS_CHANPKT_SIZE_SHIFT;
			hdr = (struct icmsg_hdr *)(payload + sizeof(struct vmbuspipe_hdr));
			if (hdr->icmsgtype == TYPE_NEGOTIATE && negotiate(payload, len))
				return 15;
			stop |= hdr->icmsgtype == TYPE_STOP;
			hdr->icflags = ICMSGHDRFLAG_TRANSACTION | ICMSGHDRFLAG_RESPONSE;
			hdr->status = 0;
			while ((ret = rte_vmbus_chan_send(&txbr, VMBUS_CHANPKT_TYPE_INBAND, payload,
							  len, VMBUS_CHANPKT_FLAG_NONE)) == -EAGAIN)
				usleep(100);
			if (ret)
				return 16;
			event = 1;
			if (write(event_fd, &event, sizeof(event)) != sizeof(event))
				return 17;
		}
	}
	free(buf);
	return 0;
}

/* Check the inline functions, and their results for a ring whose host lies. */

int compat_lies(void *memory, int size)
{
	struct vmbus_br tx, rx;
	unsigned int page = getpagesize();
	struct vmbus_bufring *ring = memory;
	static char buf[65536];
	uint32_t data = size - page, len;

	memset(memory, 0, size);
	vmbus_br_setup(&tx, memory, size);
	vmbus_br_setup(&rx, memory, size);
	if (tx.dsize != data || vmbus_br_availwrite(&tx, 0) != data || vmbus_br_availread(&rx))
		return 1;
	/* A length that is no multiple of 8 is padded with zeros. */
	memset((char *)memory + page, 0xa5, 64);
	if (rte_vmbus_chan_send(&tx, 6, (void *)"abc", 3, 0) || vmbus_br_availread(&rx) != 32)
		return 2;
	if (memcmp((char *)memory + page + 16, "abc\0\0\0\0", 8))
		return 3;
	len = 20;
	if (rte_vmbus_chan_recv_raw(&rx, buf, &len) != -ENOBUFS || len != 24)
		return 4;
	if (rte_vmbus_chan_recv_raw(&rx, buf, &len) != 32 || len != 24 || ring->rindex != 32)
		return 5;
	if (memcmp(buf + 8, "\377\377\377\377\377\377\377\377", 8))
		return 6;
	if (rte_vmbus_chan_recv_raw(&rx, buf, &len) != -EAGAIN)
		return 7;
	if (rte_vmbus_chan_send(&tx, 6, buf, data, 0) != -EINVAL)
		return 8;
	if (rte_vmbus_chan_send(&tx, 6, buf, data - 72, 0) ||
	    rte_vmbus_chan_send(&tx, 6, buf, 72, 0) != -EAGAIN)
		return 9;
	/* The program's own indices are not read back. */
	ring->windex = 0xfffffff8;
	if (vmbus_br_availread(&rx) || rte_vmbus_chan_recv_raw(&rx, buf, &len) != -EIO)
		return 10;
	ring->rindex = 7;
	if (rte_vmbus_chan_send(&tx, 6, buf, 8, 0) != -EIO)
		return 11;
	ring->rindex = data;
	if (rte_vmbus_chan_send(&tx, 6, buf, 8, 0) != -EIO || vmbus_br_availwrite(&tx, tx.windex))
		return 12;
	/*
	 * A packet that is longer than the published bytes, and one that is
	 * shorter than its header
	 */
	ring->windex = 64 + 32;
	for (uint32_t tlen = 0; tlen < 0x10000; tlen++) {
		struct vmbus_chanpkt_hdr hdr = { 6, 2, tlen, 0, 0 };

		memcpy((char *)memory + page + 32, &hdr, sizeof(hdr));
		if (tlen >= 2 && tlen <= 7)
			continue;
		len = sizeof(buf);
		if (rte_vmbus_chan_recv_raw(&rx, buf, &len) != -EIO)
			return 13;
	}
	/* There is no ring at all. */
	vmbus_br_setup(&tx, memory, page - 8);
	if (rte_vmbus_chan_send(&tx, 6, buf, 8, 0) != -EIO)
		return 14;
	return 0;
}
