// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests use the compatibility header as a program for tools/hv's
 * vmbus_bufring.h does, on both sides of two rings. The header and the
 * library's own have one name, so this file does not include model.h.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/vmbus_bufring_compat/vmbus_bufring.h"
#include "test.h"

#define MESSAGES_AROUND 20000

_Static_assert(sizeof(struct vmbus_chanpkt_hdr) == 16 && VMBUS_CHANPKT_HLEN_MIN == 2 &&
		       ICMSG_HDR == 28 && ICMSG_NEGOTIATE_PKT_SIZE(2, 3) == 56 &&
		       offsetof(struct icmsg_hdr, icmsgtype) == 4 &&
		       offsetof(struct icmsg_hdr, icmsgsize) == 10 &&
		       offsetof(struct icmsg_hdr, status) == 12 &&
		       offsetof(struct icmsg_hdr, icflags) == 17 &&
		       offsetof(struct icmsg_negotiate, icversion_data) == 8,
	       "a message of an integration component has another layout");

static unsigned char out[4096], in[65536];

/* Two rings of @size bytes each, mapped as those of a UIO device */
static unsigned char *map_rings(int size)
{
	int fd = memfd_create("rings", MFD_CLOEXEC);
	unsigned char *rings = NULL;

	if (fd >= 0 && !ftruncate(fd, 2 * size))
		rings = vmbus_uio_map(&fd, size);
	if (!rings)
		ksft_exit_fail_perror("rings");
	close(fd);
	return rings;
}

static size_t fill(uint32_t number)
{
	size_t len = number * 13 % 1500;

	for (size_t i = 0; i < len; i++)
		out[i] = number + i * 7;
	return len;
}

/* One end of a ring gets what the other one sends, around its end as well. */
static void check_messages(void *ring, int size)
{
	struct vmbus_chanpkt_hdr *hdr = (struct vmbus_chanpkt_hdr *)in;
	struct vmbus_br tx, rx;

	vmbus_br_setup(&tx, ring, size);
	vmbus_br_setup(&rx, ring, size);
	for (uint32_t number = 0; number < MESSAGES_AROUND && !checks_failed; number++) {
		uint32_t len = fill(number), padded = (len + 7) / 8 * 8, room = 16 + padded;

		CHECK(!rte_vmbus_chan_send(&tx, VMBUS_CHANPKT_TYPE_INBAND, out, len,
					   VMBUS_CHANPKT_FLAG_RC));
		CHECK(vmbus_br_availread(&rx) == room + 8);
		CHECK(rte_vmbus_chan_recv_raw(&rx, in, &room) == (int)room + 8);
		CHECK(room == 16 + padded && (uint32_t)hdr->tlen * 8 == room);
		CHECK(hdr->type == 6 && hdr->hlen == 2 && hdr->flags == 1 && hdr->xactid == ~0ull);
		CHECK(!memcmp(in + 16, out, len));
		for (uint32_t i = len; i < padded; i++)
			CHECK(!in[16 + i]);
		/* A program that starts again finds the indices. */
		if (number % 1000 == 999) {
			vmbus_br_setup(&tx, ring, size);
			vmbus_br_setup(&rx, ring, size);
		}
	}
}

TEST(messages_in_both_directions)
{
	int size = 2 * getpagesize();
	unsigned char *rings = map_rings(size);

	check_messages(rings, size);
	check_messages(rings + size, size);
	CHECK(((struct vmbus_bufring *)(void *)rings)->windex);
	CHECK(((struct vmbus_bufring *)(void *)(rings + size))->windex);
	munmap(rings, 2 * size);
}

/* The inline functions, and the results for a ring whose host lies */
TEST(lies_are_errors)
{
	unsigned int page = getpagesize();
	int size = 2 * page;
	unsigned char *memory = map_rings(size), *data = memory + page;
	struct vmbus_bufring *ring = (void *)memory;
	struct vmbus_br tx, rx;
	uint32_t len;

	/* An access after the first ring is a crash. */
	mprotect(memory + size, size, PROT_NONE);
	vmbus_br_setup(&tx, memory, size);
	vmbus_br_setup(&rx, memory, size);
	CHECK(tx.dsize == page && vmbus_br_availwrite(&tx, 0) == page && !vmbus_br_availread(&rx));
	len = 20;
	CHECK(!rte_vmbus_chan_send(&tx, 6, out, 3, 0));
	CHECK(rte_vmbus_chan_recv_raw(&rx, in, &len) == -ENOBUFS && len == 24);
	CHECK(rte_vmbus_chan_recv_raw(&rx, in, &len) == 32 && ring->rindex == 32);
	CHECK(rte_vmbus_chan_recv_raw(&rx, in, &len) == -EAGAIN);
	CHECK(rte_vmbus_chan_send(&tx, 6, in, page, 0) == -EINVAL);
	CHECK(!rte_vmbus_chan_send(&tx, 6, in, page - 72, 0));
	CHECK(rte_vmbus_chan_send(&tx, 6, in, 72, 0) == -EAGAIN);
	/* The program's own indices are not read back. */
	ring->windex = 0xfffffff8;
	CHECK(!vmbus_br_availread(&rx) && rte_vmbus_chan_recv_raw(&rx, in, &len) == -EIO);
	ring->rindex = 7;
	CHECK(rte_vmbus_chan_send(&tx, 6, in, 8, 0) == -EIO);
	ring->rindex = page;
	CHECK(rte_vmbus_chan_send(&tx, 6, in, 8, 0) == -EIO);
	CHECK(!vmbus_br_availwrite(&tx, tx.windex));
	/*
	 * A packet that is longer than the published bytes, and one that is
	 * shorter than its header
	 */
	ring->windex = 64 + 32;
	for (uint32_t tlen = 0; tlen < 0x10000; tlen += tlen == 1 ? 7 : 1) {
		struct vmbus_chanpkt_hdr hdr = { 6, 2, tlen, 0, 0 };

		memcpy(data + 32, &hdr, sizeof(hdr));
		len = sizeof(in);
		CHECK(rte_vmbus_chan_recv_raw(&rx, in, &len) == -EIO);
	}
	/* There is no ring at all. */
	vmbus_br_setup(&tx, memory, page - 8);
	CHECK(rte_vmbus_chan_send(&tx, 6, in, 8, 0) == -EIO);
	munmap(memory, 2 * size);
}

TEST_HARNESS_MAIN
