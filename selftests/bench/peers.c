// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two ring libraries that there were: DPDK's, an object of its static archive, and tools/hv's, compiled from the kernel
 * source. Both define the same names, so the build gives each its own prefix (build.mk). One call for each message, as they
 * have no other; DPDK's publishes and decides about the signal in each, tools/hv's does not decide.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "contender.h"

/* The same in both. */
struct ring_side {
	void *header;
	uint32_t windex;
	uint32_t dsize;
};

struct packet_header {
	uint16_t type;
	uint16_t header_words;	/* of eight bytes, as the next */
	uint16_t total_words;
	uint16_t flags;
	uint64_t transaction_id;
};

void dpdk_br_setup(struct ring_side *ring, void *mem, unsigned int size);
int dpdk_txbr_write(struct ring_side *ring, const struct iovec *iov, int count, bool *need_signal);
int dpdk_rxbr_peek(const struct ring_side *ring, void *data, size_t size);
int dpdk_rxbr_read(struct ring_side *ring, void *data, size_t size, size_t skip);

void hv_br_setup(struct ring_side *ring, void *mem, unsigned int size);
int hv_chan_send(struct ring_side *ring, uint16_t type, void *data, uint32_t size, uint32_t flags);
int hv_chan_recv_raw(struct ring_side *ring, void *data, uint32_t *size);

/* What DPDK's object needs of the rest of DPDK. */
size_t rte_mem_page_size(void);
size_t rte_mem_page_size(void)
{
	return 4096;
}

void __rte_panic(const char *where, const char *format, ...);
void __rte_panic(const char *where, const char *format, ...)
{
	fprintf(stderr, "DPDK: panic in %s: %s", where, format);
	abort();
}

static struct ring_side tx, rx;
static void *mem;
static char target[MAX_MESSAGE + 64] __attribute__((aligned(64)));

static int peer_open(size_t ring)
{
	if (posix_memalign(&mem, 4096, ring + 4096))
		return -ENOMEM;
	memset(mem, 0, ring + 4096);
	return 0;
}

static void peer_close(void)
{
	free(mem);
}

static int dpdk_open(size_t ring)
{
	int ret = peer_open(ring);

	if (!ret) {
		dpdk_br_setup(&tx, mem, (unsigned int)ring + 4096);
		dpdk_br_setup(&rx, mem, (unsigned int)ring + 4096);
	}
	return ret;
}

/* As DPDK's rte_vmbus_chan_send() does it */
static int dpdk_send(const void *message, size_t size, int burst)
{
	static const uint64_t zeros;
	struct packet_header header = { .type = 6, .header_words = 2 };
	size_t padded = (size + 7) & ~(size_t)7;
	struct iovec iov[3] = {
		{ &header, sizeof(header) },
		{ (void *)message, size },
		{ (void *)&zeros, padded - size },
	};
	bool need_signal = false;
	int sent, ret;

	header.total_words = (uint16_t)((sizeof(header) + padded) / 8);
	for (sent = 0; sent < burst; sent++) {
		header.transaction_id = (uint64_t)sent;
		ret = dpdk_txbr_write(&tx, iov, 3, &need_signal);
		if (ret)
			return ret == -EAGAIN ? sent : ret;
	}
	return sent;
}

/* As DPDK's rte_vmbus_chan_recv() does it */
static int dpdk_recv(int burst)
{
	struct packet_header header;
	size_t skip;
	int got, ret;

	for (got = 0; got < burst; got++) {
		ret = dpdk_rxbr_peek(&rx, &header, sizeof(header));
		if (ret)
			return ret == -EAGAIN ? got : ret;
		skip = header.header_words * 8u;
		if (skip < sizeof(header) || header.total_words * 8u - skip > sizeof(target))
			return -EIO;
		ret = dpdk_rxbr_read(&rx, target, header.total_words * 8u - skip, skip);
		if (ret)
			return ret;
	}
	return got;
}

const struct contender dpdk = { "DPDK", dpdk_open, peer_close, dpdk_send, dpdk_recv, 1 };

static int hv_open(size_t ring)
{
	int ret = peer_open(ring);

	if (!ret) {
		hv_br_setup(&tx, mem, (unsigned int)ring + 4096);
		hv_br_setup(&rx, mem, (unsigned int)ring + 4096);
	}
	return ret;
}

static int hv_send(const void *message, size_t size, int burst)
{
	int sent, ret;

	for (sent = 0; sent < burst; sent++) {
		ret = hv_chan_send(&tx, 6, (void *)message, (uint32_t)size, 0);
		if (ret)
			return ret == -EAGAIN ? sent : ret;
	}
	return sent;
}

static int hv_recv(int burst)
{
	int got, ret;

	for (got = 0; got < burst; got++) {
		uint32_t size = sizeof(target);

		ret = hv_chan_recv_raw(&rx, target, &size);
		if (ret < 0)
			return ret == -EAGAIN ? got : ret;
	}
	return got;
}

const struct contender tools_hv = { "tools/hv", hv_open, peer_close, hv_send, hv_recv, 1 };
