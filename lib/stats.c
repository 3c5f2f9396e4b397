// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file returns the counters of a channel. */

#include "internal.h"

/*
 * Return the bytes in a ring that its reader has not read, or -EIO, or why the
 * channel has ended.
 */
static int ring_used(const struct vmbus_chan *chan, const struct ring_header *shared, uint32_t size)
{
	int err = channel_check(chan);
	uint32_t read, write;

	if (err)
		return err;
	/*
	 * The caller uses nothing but the number, so the loads order nothing.
	 */
	read = READ_ONCE(shared->read_index);
	write = READ_ONCE(shared->write_index);
	if (!index_ok(read, size) || !index_ok(write, size))
		return settle(chan, -EIO);
	return settle(chan, bytes_used(read, write, size));
}

int tx_used(const struct vmbus_chan *chan)
{
	return ring_used(chan, chan->tx.shared, chan->tx.size);
}

void vmbus_stats(const struct vmbus_chan *chan, struct vmbus_stats *stats, size_t size)
{
	const struct tx_ring *tx = &chan->tx;
	const struct rx_ring *rx = &chan->rx;
	const int sent = tx_used(chan), received = ring_used(chan, rx->shared, rx->size);
	const struct vmbus_stats now = {
		.tx_packets = READ_ONCE(tx->packets),
		.tx_bytes = READ_ONCE(tx->bytes),
		.tx_publications = READ_ONCE(tx->publications),
		.tx_signals = READ_ONCE(tx->signals),
		.tx_full = READ_ONCE(tx->full),
		.rx_packets = READ_ONCE(rx->packets),
		.rx_bytes = READ_ONCE(rx->bytes),
		.rx_releases = READ_ONCE(rx->releases),
		.rx_signals = READ_ONCE(rx->signals),
		.rx_errors = READ_ONCE(rx->errors),
		.interrupts = READ_ONCE(chan->interrupts),
		.tx_used = sent > 0 ? (uint64_t)sent : 0,
		.rx_used = received > 0 ? (uint64_t)received : 0,
		.error = channel_check(chan),
	};

	copy_out(stats, size, &now, sizeof(now));
}
