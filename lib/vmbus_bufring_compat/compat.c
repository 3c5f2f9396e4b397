// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file implements the interface of tools/hv's vmbus_bufring.h, for a
 * program that maps the rings itself.
 */

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../ring.h"

#undef unlikely
#include "vmbus_bufring.h"

/* The transaction id of a packet that expects no completion */
#define NO_TRANSACTION UINT64_MAX

void *vmbus_uio_map(int *fd, int size)
{
	void *map;

	if (size <= 0 || size > INT32_MAX / 2) {
		errno = EINVAL;
		return NULL;
	}
	map = mmap(NULL, 2 * (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

void vmbus_br_setup(struct vmbus_br *br, void *buf, unsigned int blen)
{
	unsigned int page = sysconf(_SC_PAGESIZE);

	*br = (struct vmbus_br){ .vbr = buf };
	if (blen < page + 64 || blen > INT32_MAX || blen % 8 || (uintptr_t)buf % 8)
		return;
	br->dsize = blen - page;
	br->windex = br->vbr->windex;
	br->rindex = br->vbr->rindex;
	/*
	 * The host owns one of the two indices, and each use checks that index
	 * again.
	 */
	if (!index_ok(br->windex, br->dsize) && !index_ok(br->rindex, br->dsize))
		br->dsize = 0;
}

static void lock(struct vmbus_br *br)
{
	while (__atomic_exchange_n(&br->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(struct vmbus_br *br)
{
	__atomic_store_n(&br->lock, 0, __ATOMIC_RELEASE);
}

/* Write a packet under the lock of @txbr. Return 0 or -errno. */
static int send_locked(struct vmbus_br *txbr, uint16_t type, const void *data, uint32_t dlen,
		       uint32_t flags)
{
	unsigned int page = sysconf(_SC_PAGESIZE);
	uint32_t need, word_len;
	struct tx_ring tx;
	int room;

	if (tx_ring_attach(&tx, txbr->vbr, (size_t)txbr->dsize + page, page, txbr->windex))
		return -EIO;
	if (dlen > tx.max_payload)
		return -EINVAL;
	need = tx_ring_need(dlen);
	word_len = need - RING_TRAILER;
	room = tx_ring_look(&tx);
	if (room < 0)
		return room;
	if ((uint32_t)room <= need)
		return -EAGAIN;
	tx_ring_put(&tx, tx_ring_word(type, flags, RING_DESCRIPTOR, word_len), NO_TRANSACTION, data,
		    dlen, need);
	/* The program decides whether to signal. */
	tx_ring_publish(&tx);
	txbr->windex = tx.write;
	return 0;
}

int rte_vmbus_chan_send(struct vmbus_br *txbr, uint16_t type, void *data, uint32_t dlen,
			uint32_t flags)
{
	int err;

	if (!txbr->dsize)
		return -EIO;
	lock(txbr);
	err = send_locked(txbr, type, data, dlen, flags);
	unlock(txbr);
	return err;
}

int rte_vmbus_chan_recv_raw(struct vmbus_br *rxbr, void *data, uint32_t *len)
{
	unsigned int page = sysconf(_SC_PAGESIZE);
	struct rx_packet p;
	struct rx_ring rx;
	int err;

	if (!rxbr->dsize ||
	    rx_ring_attach(&rx, rxbr->vbr, (size_t)rxbr->dsize + page, page, rxbr->rindex))
		return -EIO;
	err = rx_ring_peek(&rx, &p);
	if (err)
		return err == -EPROTO ? -EIO : err;
	if (*len < p.total) {
		*len = p.total;
		return -ENOBUFS;
	}
	/*
	 * Copy the descriptor that was checked, because the host may have
	 * changed the one in the ring.
	 */
	store_u64(data, p.word);
	store_u64((unsigned char *)data + 8, p.transaction_id);
	rx_ring_copy(&rx, rx.read + RING_DESCRIPTOR, (unsigned char *)data + RING_DESCRIPTOR,
		     p.total - RING_DESCRIPTOR);
	*len = p.total;
	rx_ring_consume(&rx, p.advance, 1);
	rx_ring_release(&rx);
	rxbr->rindex = rx.read;
	return p.advance;
}
