// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbus_echo ID: sends every packet of a device (class name, class or instance GUID) back as it came, until the device is
 * taken away or a packet of four bytes "quit" arrives. Prints what it saw. Errors of the ring are printed and counted, and
 * the packet skipped, so that a hostile host can be tried on it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus_bufring.h>

static char buf[1 << 20];

/* Returns 0, or the error that ends the session. */
static int send_back(struct vmbus_channel *chan, const struct vmbus_packet *pkt)
{
	int err;

	while ((err = vmbus_queue(chan, VMBUS_PACKET_INBAND, 0, pkt->transaction_id, buf, pkt->length)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, 10000);
		if (err < 0)
			return err;
	}
	return err;
}

int main(int argc, char **argv)
{
	struct vmbus_channel *chan;
	struct vmbus_packet pkt;
	uint64_t packets = 0, bytes = 0, bad = 0;
	int err, quit = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2) {
		fprintf(stderr, "usage: vmbus_echo CLASS|INSTANCE\n");
		return 2;
	}
	err = vmbus_guard();
	if (!err)
		err = vmbus_channel_open(argv[1], &chan);
	if (err) {
		fprintf(stderr, "vmbus_echo: %s: %s\n", argv[1], vmbus_error());
		return 1;
	}
	printf("open %zu %zu\n", vmbus_channel_tx_size(chan), vmbus_channel_rx_size(chan));
	do {
		err = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (err < 0)
			break;
		while ((err = vmbus_recv(chan, &pkt, buf, sizeof(buf))) != -EAGAIN) {
			if (err == -EPROTO || err == -ENOBUFS) {
				bad++;
				printf("bad %s\n", strerror(-err));
				err = vmbus_skip(chan);
			} else if (!err) {
				packets++;
				bytes += pkt.length;
				quit |= pkt.length >= 4 && !memcmp(buf, "quit", 4);
				err = send_back(chan, &pkt);
			}
			if (err)
				break;
		}
		if (err && err != -EAGAIN)
			break;
		err = vmbus_flush(chan);
	} while (!err && !quit);
	printf("end %s packets %" PRIu64 " bytes %" PRIu64 " bad %" PRIu64 "\n", err ? strerror(-err) : "quit", packets, bytes, bad);
	vmbus_channel_close(chan);
	return err && err != -ENODEV;
}
