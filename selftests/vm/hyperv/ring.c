// SPDX-License-Identifier: GPL-2.0-only
/* The rings: packets between the guest's memory and the program */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hyperv.h"

/* The largest packet of a pipe */
#define PIPE_LIMIT 16384

#define TRAILER sizeof(uint64_t)

enum packet_type {
	DATA_INBAND = 6,
	DATA_TRANSFER_PAGES = 7,
	DATA_GPA_DIRECT = 9,
	COMPLETION = 11,
};

#define FLAG_COMPLETION_REQUESTED 1

struct packet_header {
	uint16_t type, offset8, len8, flags;
	uint64_t xid;
};

uint32_t ring_bytes(const struct channel *c, enum frame_place ring)
{
	return (ring == FRAME_TX ? c->tx.size : c->rx.size) + HV_PAGE;
}

/* Read or write bytes of a ring from an index on, around its end. */
static void ring_copy(const struct channel *c, const struct ring *ring, uint32_t index, void *bytes,
		      uint32_t len, bool write)
{
	uint32_t part = MIN(len, ring->size - index), data = (ring->first + 1) * HV_PAGE;

	gpadl_copy(c->rings, data + index, bytes, part, write);
	gpadl_copy(c->rings, data, (uint8_t *)bytes + part, len - part, write);
}

/* Return how many bytes are between two indices. */
static uint32_t used(const struct ring *ring, uint32_t read, uint32_t write)
{
	return write >= read ? write - read : ring->size - read + write;
}

static bool is_index(const struct ring *ring, uint32_t index)
{
	return index < ring->size && index % sizeof(uint64_t) == 0;
}

static void ring_init(struct ring *ring, const struct gpadl *g, uint32_t first, uint32_t end)
{
	ring->first = first;
	ring->header = (void *)g->page[first];
	ring->size = (end - first - 1) * HV_PAGE;
}

/*
 * Begin to use the rings of a device that opens. rx begins at the page @offset
 * of the GPADL. Returns false if the GPADL cannot contain them.
 */
bool rings_open(struct channel *c, uint32_t offset)
{
	const struct gpadl *g = c->rings;

	if (offset < 2 || offset >= g->pages - 1)
		return false;
	ring_init(&c->tx, g, 0, offset);
	ring_init(&c->rx, g, offset, g->pages);
	c->tx.at = atomic_load(&c->tx.header->read_index);
	c->rx.at = atomic_load(&c->rx.header->write_index);
	if (!is_index(&c->tx, c->tx.at) || !is_index(&c->rx, c->rx.at))
		return false;
	atomic_fetch_or(&c->rx.header->feature_bits, 1);
	/*
	 * The host works, with the mask set, until its first look at the ring
	 * is over. A host that the program holds waits for a signal instead.
	 */
	c->masked = !c->hold;
	atomic_store(&c->tx.header->interrupt_mask, c->masked);
	c->full = false;
	c->dead = false;
	return true;
}

/*
 * The guest has broken the protocol. The host ignores the channel until the
 * guest opens it again, and does not report the fault to the guest.
 */
void channel_fault(struct channel *c, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->dead = true;
	c->stats.malformed++;
	say("%s channel %u: %s", c->device->name, c->index, text);
	put_text(c->device, FRAME_MALFORMED, c->index, 0, "%s", text);
	drop_packets(c, "the guest has broken the protocol on this channel");
}

/* To the guest */

void queue_packet(struct channel *c, struct packet *packet)
{
	if (!c->packets)
		c->packets_end = &c->packets;
	*c->packets_end = packet;
	c->packets_end = &packet->next;
	c->device->queued += packet->len;
}

/* Take the first packet off the queue, and answer those who wait for that. */
static void packet_done(struct channel *c, const char *error)
{
	struct device *d = c->device;
	struct packet *packet = c->packets;

	c->packets = packet->next;
	d->queued -= packet->len;
	if (error && packet->tag)
		put_text(d, FRAME_ERROR, c->index, packet->tag, "%s", error);
	else
		put_ok(d, c->index, packet->tag, NULL, 0);
	free(packet);

	if (d->queued)
		return;
	put_ok(d, 0, d->sync, NULL, 0);
	d->sync = 0;
}

void drop_packets(struct channel *c, const char *why)
{
	while (c->packets)
		packet_done(c, why);
}

/*
 * Find out whether rx has room for @bytes. If it has not, the host asks for a
 * quarter of the ring, even if it needs less, and looks again, because the
 * guest may have read meanwhile.
 */
static bool has_room(struct channel *c, uint32_t bytes)
{
	struct ring_header *header = c->rx.header;
	bool asked;

	for (asked = false;; asked = true) {
		uint32_t read = atomic_load(&header->read_index);

		if (!is_index(&c->rx, read)) {
			channel_fault(c, "read index %u in a ring of %u bytes", read, c->rx.size);
			return false;
		}
		if (c->rx.size - used(&c->rx, read, c->rx.at) > bytes)
			break;
		if (asked) {
			c->full = true;
			return false;
		}
		atomic_store(&header->pending_send_sz, MAX(bytes, c->rx.size / 4));
	}
	/* The guest may signal that there is room. */
	if (asked || c->full) {
		c->new_reasons++;
		c->full = false;
		atomic_store(&header->pending_send_sz, 0);
	}
	return true;
}

/*
 * Put the bytes of the first packet into rx. Interrupt the guest if it had read
 * everything before and its mask is clear.
 */
static void ring_put(struct channel *c)
{
	struct ring_header *header = c->rx.header;
	struct packet *packet = c->packets;
	uint32_t start = c->rx.at;

	if (!packet->raw) {
		uint64_t trailer = (uint64_t)start << 32;

		memcpy(packet->bytes + packet->len - TRAILER, &trailer, TRAILER);
	}
	ring_copy(c, &c->rx, start, packet->bytes, packet->len, true);
	c->rx.at = (start + packet->len) % c->rx.size;
	/*
	 * Write the packet before the index, and the index before looking at
	 * what the reader has done meanwhile.
	 */
	atomic_store(&header->write_index, c->rx.at);
	if (!atomic_load(&header->interrupt_mask) && atomic_load(&header->read_index) == start)
		interrupt(c);
	c->stats.packets_to_guest++;
	c->stats.early_packets += is_unanswered(c);
	packet_done(c, NULL);
}

/* Put the packets of the program into rx while there is room. */
void rings_flush(struct channel *c)
{
	while (c->rings && !c->dead && c->packets) {
		if (!has_room(c, c->packets->len))
			return;
		ring_put(c);
	}
}

/*
 * Interrupt a guest that may wait for it: its mask of rx is clear and there are
 * packets, or tx has the room that it has asked for. A guest that sleeps with
 * its mask set gets no interrupt, so that its mistake shows.
 */
void rings_wake_guest(struct channel *c)
{
	const struct ring_header *rx = c->rx.header, *tx = c->tx.header;
	uint32_t read = atomic_load(&rx->read_index), write = atomic_load(&tx->write_index);
	uint32_t asked = atomic_load(&tx->pending_send_sz) & ~7u;

	if (c->closing || c->dead || !is_index(&c->rx, read) || !is_index(&c->tx, write))
		return;
	if ((!atomic_load(&rx->interrupt_mask) && read != c->rx.at) ||
	    (asked && c->tx.size - 8 - used(&c->tx, c->tx.at, write) >= asked))
		interrupt(c);
}

/* From the guest */

/*
 * Write the interrupt mask of tx. It belongs to the host, which sets it while
 * it works. A guest that writes there breaks the protocol.
 */
void tx_mask(struct channel *c, bool mask)
{
	uint32_t found = atomic_exchange(&c->tx.header->interrupt_mask, mask);

	if (found != c->masked)
		channel_fault(c, "the interrupt mask of tx is %u, the host has written %u", found,
			      c->masked);
	c->masked = mask;
}

static bool packet_sane(struct channel *c, const struct packet_header *header, uint32_t avail)
{
	uint32_t size = header->len8 * 8u, offset = header->offset8 * 8u, at = c->tx.at;

	if (size < sizeof(*header) || size + TRAILER > avail || offset < sizeof(*header) ||
	    offset > size)
		channel_fault(c, "packet at %u of type %u: %u bytes, payload at %u, %u bytes in tx",
			      at, header->type, size, offset, avail);
	else if (header->flags & ~FLAG_COMPLETION_REQUESTED)
		channel_fault(c, "packet at %u: flags %#x", at, header->flags);
	else if (header->type != DATA_INBAND && header->type != DATA_TRANSFER_PAGES &&
		 header->type != DATA_GPA_DIRECT && header->type != COMPLETION)
		channel_fault(c, "packet at %u: type %u", at, header->type);
	return !c->dead;
}

/*
 * Check what follows the packet header: @desc bytes of descriptor, and the
 * payload.
 */
static bool payload_sane(struct channel *c, uint16_t type, const uint8_t *bytes, uint32_t desc,
			 uint32_t len)
{
	uint32_t at = c->tx.at, word[2] = { 0 };

	if (type == DATA_GPA_DIRECT || type == DATA_TRANSFER_PAGES) {
		if (desc >= sizeof(word))
			memcpy(word, bytes, sizeof(word));
		if (!word[1])
			channel_fault(c, "packet at %u of type %u: no range", at, type);
	} else if (c->device->pipe && type == DATA_INBAND) {
		len -= desc;
		if (len >= sizeof(word))
			memcpy(word, bytes + desc, sizeof(word));
		if (len < sizeof(word) || word[0] != 1 || word[1] > len - sizeof(word) ||
		    len > PIPE_LIMIT)
			channel_fault(c, "packet at %u: not a pipe's, %u bytes, type %u of %u", at,
				      len, word[0], word[1]);
	}
	return !c->dead;
}

/*
 * Append the contents of one range of the guest's memory to @out: a length, an
 * offset in its first page, and the numbers of its pages. @at is where the
 * descriptor has the range, and then where it ends.
 */
static enum frame_memory gather_range(const uint8_t *desc, uint32_t len, uint32_t *at,
				      uint32_t room, struct bytes *out)
{
	uint32_t range[2];
	uint64_t pages;

	if (len - *at < sizeof(range))
		return FRAME_MEMORY_INVALID;
	memcpy(range, desc + *at, sizeof(range));
	*at += sizeof(range);
	pages = ((uint64_t)range[0] + range[1] + HV_PAGE - 1) / HV_PAGE;
	if (!range[0] || range[1] >= HV_PAGE || range[0] > room || pages * 8 > len - *at)
		return FRAME_MEMORY_INVALID;
	for (; pages--; *at += 8) {
		uint32_t part = MIN(range[0], HV_PAGE - range[1]);
		uint64_t number;
		uint8_t *page;

		memcpy(&number, desc + *at, sizeof(number));
		page = guest_page(number);
		if (!page)
			return FRAME_MEMORY_MISSING;
		bytes_append(out, page + range[1], part);
		range[0] -= part;
		range[1] = 0;
	}
	return FRAME_MEMORY_TAKEN;
}

/*
 * Append the contents of a descriptor's ranges to @out. Append nothing unless
 * all ranges can be read and have at most @room bytes together.
 */
static enum frame_memory gather(const uint8_t *desc, uint32_t len, uint32_t room, struct bytes *out)
{
	enum frame_memory result = FRAME_MEMORY_TAKEN;
	size_t before = out->end;
	uint32_t count, at = 8;

	memcpy(&count, desc + 4, sizeof(count));
	while (count-- && result == FRAME_MEMORY_TAKEN)
		result = gather_range(desc, len, &at, room - (uint32_t)(out->end - before), out);
	if (result == FRAME_MEMORY_TAKEN && at != len)
		result = FRAME_MEMORY_INVALID;
	if (result != FRAME_MEMORY_TAKEN)
		out->end = before;
	return result;
}

/* Append a packet of the guest to the frames for the program. */
static void forward_packet(struct bytes *out, struct frame frame, const uint8_t *bytes)
{
	size_t start = out->end;

	bytes_append(out, &frame, sizeof(frame));
	bytes_append(out, bytes, frame.len);
	if (frame.type == DATA_GPA_DIRECT) {
		frame.tag = gather(bytes, frame.arg, FRAME_MAX_LEN - frame.len, out);
		frame.arg2 = (uint32_t)(out->end - start - sizeof(frame)) - frame.len;
		frame.len += frame.arg2;
		memcpy(out->at + start, &frame, sizeof(frame));
	}
}

/*
 * Take one packet out of tx, where the guest has written @avail bytes. Returns
 * whether the packet is valid.
 */
static bool take_packet(struct channel *c, uint32_t avail)
{
	static uint8_t bytes[UINT16_MAX * 8];
	struct frame frame = { .op = FRAME_PACKET, .channel = (uint16_t)c->index };
	struct packet_header header;

	if (avail < sizeof(header)) {
		channel_fault(c, "packet at %u: only %u bytes in tx", c->tx.at, avail);
		return false;
	}
	ring_copy(c, &c->tx, c->tx.at, &header, sizeof(header), false);
	if (!packet_sane(c, &header, avail))
		return false;
	frame.len = header.len8 * 8u - (uint32_t)sizeof(header);
	frame.arg = header.offset8 * 8u - (uint32_t)sizeof(header);
	frame.type = header.type;
	frame.flags = header.flags;
	frame.xid = header.xid;
	ring_copy(c, &c->tx, (c->tx.at + (uint32_t)sizeof(header)) % c->tx.size, bytes, frame.len,
		  false);
	if (!payload_sane(c, header.type, bytes, frame.arg, frame.len))
		return false;
	forward_packet(&c->device->out, frame, bytes);
	c->tx.at = (c->tx.at + header.len8 * 8u + (uint32_t)TRAILER) % c->tx.size;
	return true;
}

/*
 * Publish the read index. The guest waits for room if pending_send_sz is set:
 * interrupt it once, when the room reaches that size. The host ignores the
 * three lowest bits of the size, and the guest's feature bit.
 */
static void give_room(struct channel *c, uint32_t bytes)
{
	struct ring_header *header = c->tx.header;
	uint32_t pending, room;

	atomic_store(&header->read_index, c->tx.at);
	pending = atomic_load(&header->pending_send_sz) & ~7u;
	if (!pending)
		return;
	room = c->tx.size - (uint32_t)sizeof(uint64_t) -
	       used(&c->tx, c->tx.at, atomic_load(&header->write_index) % c->tx.size);
	if (room >= pending && room - MIN(bytes, room) < pending)
		interrupt(c);
}

/*
 * Send the packets in tx to the program. Return whether there were any: the
 * guest may have added to them meanwhile.
 */
static bool receive(struct channel *c)
{
	uint32_t start = c->tx.at, end = atomic_load(&c->tx.header->write_index), bytes;

	if (!is_index(&c->tx, end)) {
		channel_fault(c, "write index %u in a ring of %u bytes", end, c->tx.size);
		return false;
	}
	while (c->tx.at != end && !out_full(c->device))
		if (!take_packet(c, used(&c->tx, c->tx.at, end)))
			break;
	bytes = used(&c->tx, start, c->tx.at);
	if (bytes)
		give_room(c, bytes);
	return bytes;
}

/*
 * Return whether the program takes packets of the guest now. While no program
 * is connected, the packets stay in the ring.
 */
static bool program_reads(const struct channel *c)
{
	return c->device->fd >= 0 && !c->hold && !c->dead && !out_full(c->device);
}

/*
 * Take packets until tx is empty, with the mask set. Then clear the mask and
 * look again, because a guest that has added to the ring meanwhile has not
 * signalled. If the program takes no packets now, leave them in the ring with
 * the mask set; the guest has a reason to signal only until then. Returns
 * whether the ring had packets about which the guest may signal.
 */
static bool drain(struct channel *c)
{
	bool masked = true, waited = !c->masked, any = false;

	tx_mask(c, masked);
	if (!program_reads(c))
		return waited && atomic_load(&c->tx.header->write_index) != c->tx.at;
	while (program_reads(c)) {
		if (receive(c)) {
			any = true;
			if (masked)
				continue;
			/*
			 * The guest may be about to signal about packets that
			 * the host has just taken.
			 */
			c->new_reasons++;
			masked = true;
		} else if (masked) {
			masked = false;
		} else {
			break;
		}
		if (!c->dead)
			tx_mask(c, masked);
	}
	return any;
}

/* A held host looks at tx only when the guest has signalled. */
bool rings_drain(struct channel *c, bool signalled)
{
	return (signalled || program_reads(c)) && drain(c);
}
