// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file returns the counters of a channel, and prints the contents of its
 * rings.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "internal.h"

/* Return the bytes in a ring that its reader has not read, or -EIO. */
static int ring_used(const struct ring_header *shared, uint32_t size)
{
	/*
	 * The caller uses nothing but the number, so the loads order nothing.
	 */
	uint32_t read = READ_ONCE(shared->read_index), write = READ_ONCE(shared->write_index);

	if (!index_ok(read, size) || !index_ok(write, size))
		return -EIO;
	return bytes_used(read, write, size);
}

int tx_used(const struct vmbus_chan *chan)
{
	int err = channel_check(chan), used;

	if (err)
		return err;
	used = ring_used(chan->tx.shared, chan->tx.size);
	err = channel_check(chan);
	return err ? err : used;
}

static int rx_used(const struct vmbus_chan *chan)
{
	int err = channel_check(chan), used;

	if (err)
		return err;
	used = ring_used(chan->rx.shared, chan->rx.size);
	err = channel_check(chan);
	return err ? err : used;
}

void vmbus_stats(const struct vmbus_chan *chan, struct vmbus_stats *stats, size_t size)
{
	const int sent = tx_used(chan), received = rx_used(chan);
	const struct tx_ring *tx = &chan->tx;
	const struct rx_ring *rx = &chan->rx;
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

	memset(stats, 0, size);
	memcpy(stats, &now, size < sizeof(now) ? size : sizeof(now));
}

struct shown_header {
	uint32_t write, read, mask, pending, features;
};

static struct shown_header header_of(struct ring_header *shared)
{
	return (struct shown_header){
		.write = smp_load_acquire(&shared->write_index),
		.read = READ_ONCE(shared->read_index),
		.mask = READ_ONCE(shared->interrupt_mask),
		.pending = READ_ONCE(shared->pending_send_sz),
		.features = READ_ONCE(shared->feature_bits),
	};
}

static void show_header(FILE *stream, const char *name, const struct shown_header *h, uint32_t size)
{
	fprintf(stream, "%s: %" PRIu32 " bytes, write %" PRIu32 "%s, read %" PRIu32 "%s", name,
		size, h->write, index_ok(h->write, size) ? "" : " (impossible)", h->read,
		index_ok(h->read, size) ? "" : " (impossible)");
	if (index_ok(h->write, size) && index_ok(h->read, size))
		fprintf(stream, ", %" PRIu32 " used", bytes_used(h->read, h->write, size));
	fprintf(stream,
		", interrupt mask %" PRIu32 ", pending send size %" PRIu32 ", features 0x%" PRIx32
		"\n",
		h->mask, h->pending, h->features);
}

/* Print the packets from @read to @write. Both are possible indices. */
static void show_packets(FILE *stream, const struct rx_ring *ring, uint32_t read, uint32_t write,
			 unsigned int max)
{
	uint32_t left = bytes_used(read, write, ring->size);
	struct rx_packet p;

	for (unsigned int n = 0; left && n < max; n++) {
		if (rx_ring_parse(ring, read, left, &p)) {
			fprintf(stream, "  at %" PRIu32 ": no packet, %" PRIu32 " bytes\n", read,
				left);
			return;
		}
		fprintf(stream,
			"  at %" PRIu32 ": type %u, flags 0x%x, header %" PRIu32
			", payload %" PRIu32 ", transaction 0x%" PRIx64 "\n",
			read, (unsigned int)(uint16_t)p.word, (unsigned int)(p.word >> 48),
			p.header, p.total - p.header, p.transaction_id);
		read = index_add(read, p.advance, ring->size);
		left -= p.advance;
	}
	if (left)
		fprintf(stream, "  and %" PRIu32 " bytes more\n", left);
}

/* Print the channel to @stream, which is in memory. Return why it has ended. */
static int dump(struct vmbus_chan *chan, FILE *stream, unsigned int packets)
{
	struct shown_header tx, rx;
	struct vmbus_stats s;
	int dead = channel_check(chan);

	if (chan->device)
		fprintf(stream, "device %s (%s), %s, ", chan->device->instance,
			chan->device->class_id, chan->device->path);
	fprintf(stream, "channel %" PRIu32 ", signalled by %s, ", chan->info.relid,
		chan->monitor_word ? "monitor page" :
		chan->signal	   ? "function" :
		chan->fd >= 0	   ? "write" :
				     "nothing");
	if (!dead) {
		tx = header_of(chan->tx.shared);
		rx = header_of(chan->rx.shared);
		dead = channel_check(chan);
	}
	if (dead)
		fprintf(stream, "ended: %s\n", strerror(-dead));
	else
		fprintf(stream, "open\n");

	vmbus_stats(chan, &s, sizeof(s));
	fprintf(stream,
		"sent %" PRIu64 " packets, %" PRIu64 " bytes, in %" PRIu64 " batches, %" PRIu64
		" signals, full %" PRIu64 " times\n",
		s.tx_packets, s.tx_bytes, s.tx_publications, s.tx_signals, s.tx_full);
	fprintf(stream,
		"received %" PRIu64 " packets, %" PRIu64 " bytes, in %" PRIu64 " batches, %" PRIu64
		" signals, %" PRIu64 " errors, %" PRIu64 " interrupts\n",
		s.rx_packets, s.rx_bytes, s.rx_releases, s.rx_signals, s.rx_errors, s.interrupts);
	if (!dead) {
		/* Read the ring to the host as the host would read it. */
		const struct rx_ring sent = { .data = chan->tx.data, .size = chan->tx.size };

		send_lock(chan);
		show_header(stream, "to the host", &tx, chan->tx.size);
		if (chan->tx.write != chan->tx.published)
			fprintf(stream, "  queued up to %" PRIu32 "\n", chan->tx.write);
		if (index_ok(tx.read, sent.size))
			show_packets(stream, &sent, tx.read, chan->tx.published, packets);
		send_unlock(chan);
		show_header(stream, "from the host", &rx, chan->rx.size);
		if (index_ok(rx.write, chan->rx.size))
			show_packets(stream, &chan->rx, chan->rx.read, rx.write, packets);
		dead = channel_check(chan);
		if (dead)
			fprintf(stream, "ended meanwhile: %s\n", strerror(-dead));
	}
	return dead;
}

int vmbus_dump(struct vmbus_chan *chan, FILE *stream, unsigned int packets)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	int dead;

	if (!memory)
		return -ENOMEM;
	/*
	 * The text goes to memory first, because @stream may block for ever,
	 * and other threads wait for the lock.
	 */
	dead = dump(chan, memory, packets);
	if (fclose(memory) || !text) {
		free(text);
		return -ENOMEM;
	}
	fwrite(text, 1, size, stream);
	free(text);
	return dead ? dead : ferror(stream) ? -EIO : 0;
}
