/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A host for the example driver, in memory. It is strict, because its purpose
 * is to find mistakes in the driver. The tests can make it misbehave.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

#include <vmbus_bufring.h>

#include "protocol.h"

#define FRAMES			300u		/* that a test sends */

#define RNDIS_NOT_SUPPORTED	0xc00000bbu
#define HOST_CHANNELS_MAX	8u
#define HOST_MAX_MTU		9000u
#define HOST_PAGES		512u		/* that the guest can name, 4096 bytes each */
#define HOST_FIRST_PAGE		0x123400u	/* the number of the first */
#define HOST_RECV_GPADL		0xe1e10u
#define HOST_SEND_GPADL		0xe1e11u

/* A packet that the host is about to send to the guest */
struct host_packet {
	unsigned int channel;
	uint16_t type, flags;
	uint64_t id;
	struct vmbus_range ranges[8];
	unsigned int range_count;	/* of VMBUS_PACKET_XFER_PAGES */
	unsigned char payload[128];
	uint32_t length;
	unsigned int copies;		/* 1; a test may send none, or several */
};

struct netvsc_host {
	struct vmbus_chan *chans[HOST_CHANNELS_MAX];
	unsigned int chan_count;
	/* Memory that the guest shares with the host */
	unsigned char *recv, *send, *pages;
	size_t recv_size, send_size;

	/* The properties of the host */
	uint32_t version;		/* the only one of NVSP that it accepts */
	uint32_t section_size;		/* of the send buffer */
	uint8_t mac[6], guest_mac[6];
	uint8_t ip[4], guest_ip[4];
	bool echo;			/* ARP and ping; else frames that come back */
	unsigned int frames;		/* that it sends */
	unsigned int subchannels;	/* that it grants at most */
	bool pages_wanted;		/* the guest promises to send pages, or sections */

	/*
	 * For tests; each may be NULL. The first may change a packet before it
	 * is sent.
	 */
	void (*tamper)(struct netvsc_host *host, struct host_packet *packet);
	/* Handle a completion. Return true if the host need not look at it. */
	bool (*completed)(struct netvsc_host *host, uint64_t id, uint32_t status);
	/*
	 * Called from time to time while the filter is open; @back frames came
	 * back.
	 */
	void (*idle)(struct netvsc_host *host, uint32_t back);
	/* Called when the host has sent all that it can, before it sleeps. */
	void (*before_sleep)(struct netvsc_host *host, bool filter);
	void *test;
};

/*
 * Play the host until the guest has closed the channel. Stop the guest with
 * SIGTERM once all frames have come back. Return 0 if each frame came back as
 * it should and the guest followed the protocol. Otherwise print what was
 * wrong, and return 1.
 */
int netvsc_host_run(const struct netvsc_host *description);

/*
 * demo.c: make a host that suits the driver's options, and run both. Return 0
 * if all went well.
 */
struct app;
struct netvsc_host demo_host(const struct app *app);
int demo(struct app *app, struct netvsc_host *host);

#endif /* HOST_H */
