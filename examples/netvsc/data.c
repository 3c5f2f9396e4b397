// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The data path: slots for messages, sending, and receiving
 *
 * The host can write to the ring, the receive buffer and the send buffer at any
 * time. The driver copies each field once, checks the copy, and uses only that.
 *
 * Back-pressure: the driver always empties its rings, so the completions of
 * what it has sent never wait behind frames. A frame that finds no free slot or
 * no room in a ring stays in the receive buffer, and the driver does not
 * complete its packet. When the host has used up the whole buffer, it sends no
 * more frames. This cannot deadlock, even when two NICs forward to each other:
 * a held frame waits only for completions from the host, and for room that the
 * host makes when it reads. The host needs no free part of the receive buffer
 * for either, and the driver always receives what the host sends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic.h"

void copy_shared(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__asm__ volatile("" : : : "memory");
}

int pool_init(struct pool *pool, void *memory, size_t size, uint32_t slot_size)
{
	/* The number of a slot is a part of the transaction id. */
	const size_t count = size / slot_size < 4096 ? size / slot_size : 4096;

	pool->memory = memory;
	pool->slot_size = slot_size;
	pool->slots = calloc(count, sizeof(*pool->slots));
	pool->free = calloc(count, sizeof(*pool->free));
	if (!pool->slots || !pool->free)
		return -ENOMEM;
	pool->count = count;
	for (pool->free_count = 0; pool->free_count < count; pool->free_count++)
		pool->free[pool->free_count] = count - 1 - pool->free_count;
	return 0;
}

static struct slot *pool_get(struct pool *pool, uint32_t leave)
{
	return pool->free_count > leave ? &pool->slots[pool->free[--pool->free_count]] : NULL;
}

static void pool_put(struct pool *pool, struct slot *slot)
{
	slot->id = 0;
	pool->free[pool->free_count++] = slot - pool->slots;
}

static unsigned char *slot_memory(const struct pool *pool, const struct slot *slot)
{
	return pool->memory + (size_t)(slot - pool->slots) * pool->slot_size;
}

uint64_t new_id(struct nic *nic, uint32_t slot)
{
	return ++nic->sequence << 16 | slot;
}

/* Sending */

/*
 * Handle an error of the ring: record that the channel waits for room, or that
 * it has failed.
 */
static int refused(struct channel *ch, int err)
{
	if (err != -EAGAIN)
		return channel_failed(ch, err);
	ch->blocked = true;
	return err;
}

/* Queue the RNDIS message in a slot. After an error the slot is free again. */
static int queue_slot(struct channel *ch, struct slot *slot, uint32_t len, bool frame)
{
	struct pool *pool = &ch->nic->pool;
	const uint32_t number = slot - pool->slots;
	const uint64_t id = new_id(ch->nic, number);
	struct nvsp_message msg = {
		.type = NVSP_RNDIS,
		.rndis = { !frame, NVSP_NO_SECTION, 0 },
	};
	const uint16_t flags = VMBUS_PACKET_COMPLETION_REQUESTED;
	int err;

	if (pool->pages) {
		const struct vmbus_gpa_buffer range = {
			.length = len,
			.pages = pool->pages + number * (PAGES_SLOT / GUEST_PAGE),
		};

		err = vmbus_queue_gpa(ch->chan, flags, id, &range, 1, &msg, sizeof(msg));
	} else {
		msg.rndis.section = number;
		msg.rndis.bytes = len;
		err = vmbus_queue(ch->chan, VMBUS_PACKET_INBAND, flags, id, &msg, sizeof(msg));
	}
	if (err) {
		pool_put(pool, slot);
		return refused(ch, err);
	}
	*slot = (struct slot){ .id = id, .channel = ch, .frame = frame };
	return 0;
}

int send_control(struct nic *nic, const void *message, uint32_t len)
{
	struct slot *slot = pool_get(&nic->pool, 0);

	if (!slot)
		return -EAGAIN;
	memcpy(slot_memory(&nic->pool, slot), message, len);
	return queue_slot(&nic->channels[0], slot, len, false);
}

int transmit(struct channel *to, const struct channel *from, const unsigned char *frame,
	     uint32_t len, uint32_t vlan, bool exchange)
{
	struct nic *nic = to->nic;
	struct vmbus_stats state;
	struct {
		struct rndis_packet packet;
		struct rndis_ppi ppi;
		uint32_t vlan;
	} header = {
		.packet.header.type = RNDIS_PACKET,
		.packet.data_length = len,
		.ppi = { 16, RNDIS_PPI_VLAN, 12 },
		.vlan = vlan,
	};
	uint32_t size = sizeof(header.packet);
	unsigned char *at, mac[6];
	struct slot *slot;

	if (!nic->running && !nic->lost && !nic->app->stopping)
		return -EAGAIN; /* the second NIC has yet to start */
	if (!nic->running || nic->lost || len > MTU + ETH_HEADER + VLAN_TAG) {
		to->stats.tx_dropped++;
		return 0;
	}
	slot = pool_get(&nic->pool, CONTROL_SLOTS);
	if (!slot)
		return -EAGAIN;
	if (vlan != VLAN_NONE) {
		header.packet.ppi_offset = size - RNDIS_OFFSET_BASE;
		header.packet.ppi_length = header.ppi.size;
		size = sizeof(header);
	}
	header.packet.data_offset = size - RNDIS_OFFSET_BASE;
	header.packet.header.length = size + len;
	at = slot_memory(&nic->pool, slot);
	memcpy(at, &header, size);
	at += size;
	memcpy(at, frame, len);
	if (exchange) {
		memcpy(mac, at, 6);
		memcpy(at, at + 6, 6);
		memcpy(at + 6, mac, 6);
	}
	/*
	 * After a rescind the frame may have read as zeros: see vmbus_guard().
	 * Ask the primary channel, which has mapped the receive buffer for all
	 * channels.
	 */
	vmbus_stats(from->nic->channels[0].chan, &state, sizeof(state));
	if (state.error) {
		pool_put(&nic->pool, slot);
		return 0;
	}
	return queue_slot(to, slot, size + len, true);
}

/*
 * Receiving: the functions that return bool return false if the host sent
 * something wrong.
 */

/* Find the VLAN tag among the PPIs of a frame, @left bytes at @at. */
static bool read_ppis(const unsigned char *at, uint32_t left, uint32_t *vlan)
{
	struct rndis_ppi ppi;

	for (; left; at += ppi.size, left -= ppi.size) {
		if (left < sizeof(ppi))
			return false;
		copy_shared(&ppi, at, sizeof(ppi));
		if (ppi.size < sizeof(ppi) || ppi.size > left || ppi.size % 4 ||
		    ppi.offset < sizeof(ppi) || ppi.offset > ppi.size)
			return false;
		if (ppi.type != RNDIS_PPI_VLAN)
			continue;
		if (ppi.size - ppi.offset < sizeof(*vlan))
			return false;
		copy_shared(vlan, at + ppi.offset, sizeof(*vlan));
		*vlan &= 0xffff;
	}
	return true;
}

bool part_ok(uint32_t offset, uint32_t length, uint32_t header, uint32_t message)
{
	return offset >= header - RNDIS_OFFSET_BASE && offset <= message - RNDIS_OFFSET_BASE &&
	       length <= message - RNDIS_OFFSET_BASE - offset;
}

/*
 * Return 0, -EAGAIN if the frame has to wait, -EBADMSG if it is wrong, or
 * another error.
 */
static int handle_frame(struct channel *ch, const struct vmbus_range *range)
{
	const unsigned char *message = (unsigned char *)ch->nic->recv.address + range->offset;
	uint32_t vlan = VLAN_NONE;
	struct rndis_packet packet;
	int err;

	if (range->length < sizeof(packet))
		return -EBADMSG;
	copy_shared(&packet, message, sizeof(packet));
	if (packet.data_length < ETH_HEADER || packet.data_length > MTU + ETH_HEADER + VLAN_TAG ||
	    !part_ok(packet.data_offset, packet.data_length, sizeof(packet), range->length))
		return -EBADMSG;
	if (packet.ppi_length &&
	    (packet.ppi_offset % 4 ||
	     !part_ok(packet.ppi_offset, packet.ppi_length, sizeof(packet), range->length) ||
	     !read_ppis(message + RNDIS_OFFSET_BASE + packet.ppi_offset, packet.ppi_length, &vlan)))
		return -EBADMSG;
	/* Frames may still arrive after the driver has closed the filter. */
	if (!ch->nic->running)
		return 0;
	err = deliver(ch, message + RNDIS_OFFSET_BASE + packet.data_offset, packet.data_length,
		      vlan);
	ch->stats.rx_frames += !err;
	return err;
}

/* Keep the answer to the request that waits for it. */
static bool handle_answer(struct nic *nic, const unsigned char *message,
			  const struct rndis_header *header)
{
	uint32_t id;

	if (!nic->rndis_type || header->type != (nic->rndis_type | RNDIS_COMPLETE) ||
	    header->length < RNDIS_STATUS_SIZE || header->length > sizeof(nic->rndis))
		return false;
	copy_shared(&id, message + sizeof(*header), sizeof(id));
	if (id != nic->rndis_id)
		return false;
	memset(&nic->rndis, 0, sizeof(nic->rndis));
	copy_shared(&nic->rndis, message, header->length);
	nic->rndis_length = header->length;
	nic->rndis_type = 0;
	return true;
}

/* Report a change of the link. The driver ignores other indications. */
static bool handle_indication(struct nic *nic, const unsigned char *message, uint32_t length)
{
	struct rndis_indication indication;

	if (length < sizeof(indication))
		return false;
	copy_shared(&indication, message, sizeof(indication));
	if (indication.status == RNDIS_LINK_UP || indication.status == RNDIS_LINK_DOWN)
		report(nic, 0, "link %s", indication.status == RNDIS_LINK_UP ? "up" : "down");
	return true;
}

static void hold(struct channel *ch, const struct held *held)
{
	ch->nic->held[ch->nic->held_end++ % HELD_MAX] = *held;
}

/* Handle a control message at once; hold a frame, which may have to wait. */
static bool handle_rndis(struct channel *ch, const struct vmbus_range *range)
{
	const unsigned char *message = (unsigned char *)ch->nic->recv.address + range->offset;
	struct rndis_header header;

	if (range->length < sizeof(header))
		return false;
	copy_shared(&header, message, sizeof(header));
	/* The range may be longer than the message. */
	if (header.length < sizeof(header) || header.length > range->length)
		return false;
	if (header.type == RNDIS_PACKET) {
		hold(ch, &(struct held){ ch, 0, { header.length, range->offset }, false });
		return true;
	}
	if (ch->index)
		return false;
	if (header.type == RNDIS_INDICATE)
		return handle_indication(ch->nic, message, header.length);
	return handle_answer(ch->nic, message, &header);
}

/* Handle RNDIS messages in the receive buffer, one in each range. */
static bool handle_xfer(struct channel *ch, const struct vmbus_view *view)
{
	static struct vmbus_range ranges[RANGES_MAX];
	struct vmbus_xfer_set set;
	bool ok = true;
	int count;

	if (!ch->nic->recv_shared || !(view->flags & VMBUS_PACKET_COMPLETION_REQUESTED))
		return false;
	count = vmbus_xfer_ranges(view, ch->nic->recv.size, &set, ranges, RANGES_MAX);
	if (count < 1 || set.number != RECV_BUFFER_ID)
		return false;
	for (int i = 0; i < count; i++)
		ok &= handle_rndis(ch, &ranges[i]);
	return ok;
}

static bool handle_completion(struct channel *ch, const struct vmbus_view *view,
			      const struct nvsp_message *msg)
{
	struct nic *nic = ch->nic;
	const uint32_t number = view->transaction_id & 0xffff;
	struct slot *slot;
	bool ok;

	if (nic->nvsp_id && view->transaction_id == nic->nvsp_id && !ch->index) {
		nic->nvsp_answer = *msg;
		nic->nvsp_length = view->length;
		nic->nvsp_id = 0;
		return true;
	}
	/*
	 * The host wrote the id. Accept it only if a slot waits for this id on
	 * this channel.
	 */
	if (!view->transaction_id || number >= nic->pool.count)
		return false;
	slot = &nic->pool.slots[number];
	if (slot->id != view->transaction_id || slot->channel != ch)
		return false;
	ok = view->length >= 8 && msg->type == NVSP_RNDIS_COMPLETE;
	if (!ok || msg->rndis_complete.status != NVSP_SUCCESS)
		ch->stats.tx_failed++;
	else
		ch->stats.tx_frames += slot->frame;
	pool_put(&nic->pool, slot);
	return ok;
}

static void count_bad(struct channel *ch, uint64_t id)
{
	if (!ch->stats.bad++)
		report(ch->nic, 0,
		       "channel %u: the host sent a bad packet (id %llu); the "
		       "statistics count further ones",
		       ch->index, (unsigned long long)id);
}

static void handle_packet(struct channel *ch, const struct vmbus_view *view)
{
	struct nvsp_message msg = { .type = 0 };
	bool ok = false;

	copy_shared(&msg, view->payload, view->length < sizeof(msg) ? view->length : sizeof(msg));
	if (view->type == VMBUS_PACKET_COMPLETION)
		ok = handle_completion(ch, view, &msg);
	else if (view->type == VMBUS_PACKET_XFER_PAGES)
		ok = msg.type == NVSP_RNDIS && handle_xfer(ch, view);
	else if (view->type == VMBUS_PACKET_INBAND) /* The driver needs neither. */
		ok = msg.type == NVSP_INDIRECTION_TABLE || msg.type == NVSP_VF_ASSOCIATION;
	if (view->type != VMBUS_PACKET_COMPLETION &&
	    view->flags & VMBUS_PACKET_COMPLETION_REQUESTED)
		hold(ch, &(struct held){ ch, view->transaction_id, { 0, 0 }, !ok });
	else if (!ok)
		count_bad(ch, view->transaction_id);
}

int receive_packets(struct channel *ch)
{
	const struct nic *nic = ch->nic;
	struct vmbus_view view;
	int count = 0, err;

	/*
	 * Only a host that sends more packets than its buffer has
	 * sub-allocations can fill the queue.
	 */
	for (; count < 64 && HELD_MAX - (nic->held_end - nic->held_first) > RANGES_MAX; count++) {
		err = vmbus_peek(ch->chan, &view, 1);
		if (err == -EAGAIN)
			break;
		if (err < 0)
			return err;
		handle_packet(ch, &view);
		err = vmbus_release(ch->chan, &view);
		if (err)
			return err;
	}
	return count;
}

/*
 * Complete a packet once, with its own id, on its channel. Until then the
 * driver may use the packet's part of the receive buffer.
 */
static int complete(struct nic *nic, const struct held *held)
{
	struct channel *ch = held->channel;
	const bool failed = held->failed || nic->held_failed;
	const uint32_t msg[2] = { NVSP_RNDIS_COMPLETE, failed ? NVSP_FAILURE : NVSP_SUCCESS };
	int err = vmbus_queue(ch->chan, VMBUS_PACKET_COMPLETION, 0, held->id, msg, sizeof(msg));

	if (err)
		return refused(ch, err);
	if (failed)
		count_bad(ch, held->id);
	nic->held_failed = false;
	return 0;
}

int serve_held(struct nic *nic)
{
	int count = 0, err;

	for (; nic->held_first != nic->held_end; nic->held_first++, count++) {
		const struct held *held = &nic->held[nic->held_first % HELD_MAX];

		err = held->frame.length ? handle_frame(held->channel, &held->frame) :
					   complete(nic, held);
		if (err == -EAGAIN)
			break;
		if (err == -EBADMSG)
			nic->held_failed = true;
		else if (err)
			return err;
	}
	return count;
}
