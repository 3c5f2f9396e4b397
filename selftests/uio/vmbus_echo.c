// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbus_echo [-m SEED] ID: send back every packet of a device (class name,
 * class or instance GUID), until the host rescinds the device or sends a packet
 * of the four bytes "quit". The program prints a summary. It prints and counts
 * errors of the ring, and skips the packet, so that a hostile host can be
 * tested. With -m it masks and unmasks interrupts at random moments, through
 * the mask and by writing to the UIO device, and waits either with vmbus_wait()
 * or with poll().
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmbus_bufring.h>

static char buf[1 << 20];

/* Send a packet back. Return 0, or the error that ends the session. */
static int send_back(struct vmbus_chan *chan, const struct vmbus_packet *pkt)
{
	int err;

	while ((err = vmbus_queue(chan, VMBUS_PACKET_INBAND, 0, pkt->transaction_id, buf,
				  pkt->length)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, 60000);
		if (err < 0)
			return err;
	}
	return err;
}

/*
 * Do one of the things that a program may do to the interrupt at any time, or
 * nothing.
 */
static void disturb(struct vmbus_chan *chan)
{
	int32_t on = random() % 2;

	switch (random() % 6) {
	case 0:
		vmbus_arm(chan, VMBUS_WAIT_RECV);
		break;
	case 1:
		if (write(vmbus_fd(chan), &on, sizeof(on)) < 0 && errno != EIO)
			printf("bad write %s\n", strerror(errno));
		break;
	case 2:
		vmbus_ack(chan);
		break;
	}
}

/* Wait for a packet with vmbus_wait(), or step by step. */
static int wait_at_random(struct vmbus_chan *chan)
{
	struct pollfd fd = { .fd = vmbus_fd(chan), .events = POLLIN };
	int err;

	disturb(chan);
	if (random() % 2)
		return vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
	err = vmbus_arm(chan, VMBUS_WAIT_RECV);
	if (err)
		return err;
	poll(&fd, 1, -1);
	err = vmbus_ack(chan);
	return err == -EAGAIN ? 0 : err;
}

int main(int argc, char **argv)
{
	struct vmbus_chan *chan;
	struct vmbus_packet pkt;
	uint64_t packets = 0, bytes = 0, bad = 0;
	int err, quit = 0, masking = 0, option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "m:")) == 'm') {
		masking = 1;
		srandom((unsigned int)atoi(optarg));
	}
	if (option != -1 || argc != optind + 1) {
		fprintf(stderr, "usage: vmbus_echo [-m SEED] CLASS|INSTANCE\n");
		return 2;
	}
	err = vmbus_guard();
	if (!err)
		err = vmbus_open(argv[optind], NULL, &chan);
	if (err) {
		fprintf(stderr, "vmbus_echo: %s: %s (errno %d)\n", argv[optind], vmbus_error(),
			-err);
		return 1;
	}
	printf("open %u %u\n", vmbus_info(chan)->tx_size, vmbus_info(chan)->rx_size);
	do {
		err = masking ? wait_at_random(chan) : vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
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
				if (masking)
					disturb(chan);
			}
			if (err)
				break;
		}
		if (err && err != -EAGAIN)
			break;
		err = vmbus_flush(chan);
	} while (!err && !quit);
	printf("end %s packets %" PRIu64 " bytes %" PRIu64 " bad %" PRIu64 "\n",
	       err ? strerror(-err) : "quit", packets, bytes, bad);
	vmbus_close(chan);
	return err && err != -ENODEV;
}
