// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The data path: where messages lie until the host has completed them, sending,
 * and receiving.
 *
 * The host can write to the ring, the receive buffer and the send buffer at any
 * time. So each field is copied once, the copy is checked, and only the copy is
 * used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic.h"

int pool_init(struct pool *pool, void *memory, size_t size, uint32_t slot_size)
{
	/* The number of a slot is a part of the transaction id. */
	size_t count = size / slot_size;

	pool->memory = memory;
	pool->slot_size = slot_size;
	pool->count = count < 4096 ? count : 4096;
	pool->slots = calloc(pool->count, sizeof(*pool->slots));
	pool->free = calloc(pool->count, sizeof(*pool->free));
	if (!pool->slots || !pool->free)
		return -ENOMEM;
	for (uint32_t i = 0; i < pool->count; i++)
		pool->free[i] = pool->count - 1 - i;
	pool->free_count = pool->count;
	return 0;
}

struct slot *pool_get(struct pool *pool, uint32_t leave)
{
	return pool->free_count > leave ? &pool->slots[pool->free[--pool->free_count]] : NULL;
}

static void pool_put(struct pool *pool, struct slot *slot)
{
	slot->id = 0;
	pool->free[pool->free_count++] = slot - pool->slots;
}

unsigned char *slot_memory(const struct pool *pool, const struct slot *slot)
{
	return pool->memory + (size_t)(slot - pool->slots) * pool->slot_size;
}

/* A transaction id is a sequence number, the pool and the slot. */
uint64_t new_id(struct nic *nic, unsigned int pool, uint32_t slot)
{
	return ++nic->sequence << 16 | pool << 12 | slot;
}

/*
 * Find the slot that waits for a completion on this channel. The host wrote
 * @id: it may be anything.
 */
static struct slot *find_slot(struct channel *ch, uint64_t id, struct pool **pool)
{
	uint32_t number = id & 0xfff, which = id >> 12 & 0xf;
	struct slot *slot;

	if (!id || which >= POOLS || number >= ch->nic->pools[which].count)
		return NULL;
	*pool = &ch->nic->pools[which];
	slot = &(*pool)->slots[number];
	return slot->id == id && slot->channel == ch ? slot : NULL;
}

/* Sending */

int queue_slot(struct channel *ch, struct pool *pool, struct slot *slot, uint32_t len,
	       uint32_t frame_bytes)
{
	const uint32_t number = slot - pool->slots;
	const uint64_t id = new_id(ch->nic, pool - ch->nic->pools, number);
	struct nvsp_message msg = {
		.type = NVSP_RNDIS,
		.rndis = { .control = !frame_bytes, .section = NVSP_NO_SECTION },
	};
	const uint16_t flags = VMBUS_PACKET_COMPLETION_REQUESTED;
	int err;

	if (pool->pages) {
		const struct vmbus_gpa_buffer range = {
			.length = len,
			.pages = pool->pages + number * (size_t)(PAGES_SLOT / GUEST_PAGE),
		};

		err = vmbus_queue_gpa(ch->chan, flags, id, &range, 1, &msg, sizeof(msg));
	} else {
		msg.rndis.section = number;
		msg.rndis.bytes = len;
		err = vmbus_queue(ch->chan, VMBUS_PACKET_INBAND, flags, id, &msg, sizeof(msg));
	}
	if (err) {
		pool_put(pool, slot);
		return err;
	}
	*slot = (struct slot){ .id = id, .channel = ch, .frame_bytes = frame_bytes };
	return 0;
}

void transmit(struct channel *to, const struct channel *from, const unsigned char *frame,
	      uint32_t len, uint32_t vlan, bool exchange)
{
	struct nic *nic = to->nic;
	struct pool *pool;
	struct rndis_packet packet = { .header.type = RNDIS_PACKET };
	struct rndis_ppi ppi = { sizeof(ppi) + sizeof(vlan), RNDIS_PPI_VLAN, sizeof(ppi) };
	uint32_t header = sizeof(packet);
	unsigned char *at, macs[12];
	struct slot *slot;

	if (vlan != VLAN_NONE) {
		packet.ppi_offset = header - RNDIS_OFFSET_BASE;
		packet.ppi_length = ppi.size;
		header += ppi.size;
	}
	packet.data_offset = header - RNDIS_OFFSET_BASE;
	packet.data_length = len;
	packet.header.length = header + len;
	pool = nic->frame_pool;
	if (packet.header.length > pool->slot_size)
		pool = nic->large_pool;
	slot = len <= nic->host_mtu + ETH_HEADER + VLAN_TAG ? pool_get(pool, CONTROL_SLOTS) : NULL;
	if (!slot) {
		to->stats.tx_dropped++;
		return;
	}
	at = slot_memory(pool, slot);
	memcpy(at, &packet, sizeof(packet));
	if (vlan != VLAN_NONE) {
		memcpy(at + sizeof(packet), &ppi, sizeof(ppi));
		memcpy(at + sizeof(packet) + sizeof(ppi), &vlan, sizeof(vlan));
	}
	at += header;
	copy_shared(macs, frame, sizeof(macs));
	memcpy(at, exchange ? macs + 6 : macs, 6);
	memcpy(at + 6, exchange ? macs : macs + 6, 6);
	memcpy(at + sizeof(macs), frame + sizeof(macs), len - sizeof(macs));
	/*
	 * After a rescind the frame may have read as zeros: see vmbus_guard().
	 */
	if (vmbus_rx_used(from->chan) == -ENODEV) {
		pool_put(pool, slot);
		return;
	}
	if (queue_slot(to, pool, slot, header + len, len))
		to->stats.tx_dropped++;
}

/*
 * Complete the packets that were handled: each once, with its own id, on the
 * channel that it came on. The host lends parts of the receive buffer until
 * then, so no completion may get lost.
 */
static int send_acks(struct channel *ch)
{
	while (ch->ack_count) {
		const uint32_t msg[2] = { NVSP_RNDIS_COMPLETE, ch->acks[ch->ack_first].status };
		const uint64_t id = ch->acks[ch->ack_first].id;
		int err = vmbus_queue(ch->chan, VMBUS_PACKET_COMPLETION, 0, id, msg, sizeof(msg));

		if (err)
			return err;
		ch->ack_first++;
		ch->ack_count--;
		ch->stats.acks++;
	}
	ch->ack_first = 0;
	return 0;
}

/* Receiving: these functions return false if the host sent something wrong. */

/* Find the VLAN tag among the PPIs of a frame, @left bytes at @at. */
static bool read_ppis(const unsigned char *at, uint32_t left, uint32_t *vlan)
{
	struct rndis_ppi ppi;

	*vlan = VLAN_NONE;
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

static bool handle_frame(struct channel *ch, const unsigned char *message, uint32_t length)
{
	struct rndis_packet packet;
	uint32_t vlan = VLAN_NONE;

	if (length < sizeof(packet))
		return false;
	copy_shared(&packet, message, sizeof(packet));
	if (!part_ok(packet.data_offset, packet.data_length, sizeof(packet), length) ||
	    packet.data_length < ETH_HEADER ||
	    packet.data_length > ch->nic->mtu + ETH_HEADER + VLAN_TAG)
		return false;
	if (packet.ppi_length &&
	    (packet.ppi_offset % 4 ||
	     !part_ok(packet.ppi_offset, packet.ppi_length, sizeof(packet), length) ||
	     !read_ppis(message + RNDIS_OFFSET_BASE + packet.ppi_offset, packet.ppi_length, &vlan)))
		return false;
	deliver(ch, message + RNDIS_OFFSET_BASE + packet.data_offset, packet.data_length, vlan);
	return true;
}

/* Keep the answer to the request that waits for one. */
static bool handle_answer(struct nic *nic, uint32_t type, const unsigned char *message,
			  uint32_t length)
{
	uint32_t id;

	if (!nic->rndis_type || type != (nic->rndis_type | RNDIS_COMPLETE) ||
	    length < RNDIS_STATUS_SIZE || length > sizeof(nic->rndis))
		return false;
	copy_shared(&id, message + offsetof(struct rndis_answer, id), sizeof(id));
	if (id != nic->rndis_id)
		return false;
	memset(&nic->rndis, 0, sizeof(nic->rndis));
	copy_shared(&nic->rndis, message, length);
	nic->rndis_length = length;
	nic->rndis_type = 0;
	return true;
}

static bool handle_indication(struct nic *nic, const unsigned char *message, uint32_t length)
{
	struct rndis_indication indication;

	if (length < sizeof(indication))
		return false;
	copy_shared(&indication, message, sizeof(indication));
	if (indication.length &&
	    !part_ok(indication.offset, indication.length, sizeof(indication), length))
		return false;
	switch (indication.status) {
	case RNDIS_LINK_UP:
	case RNDIS_LINK_DOWN:
		nic->link_up = indication.status == RNDIS_LINK_UP;
		say(nic, "link %s", nic->link_up ? "up" : "down");
		break;
	case RNDIS_NETWORK_CHANGE:
		say(nic, "network changed");
		break;
	}
	return true;
}

static bool handle_keepalive(struct channel *ch, const unsigned char *message, uint32_t length)
{
	struct rndis_answer answer = {
		.header = { RNDIS_KEEPALIVE | RNDIS_COMPLETE, RNDIS_STATUS_SIZE },
	};
	struct pool *pool = ch->nic->control_pool;
	struct slot *slot;

	if (length < offsetof(struct rndis_answer, id) + sizeof(answer.id))
		return false;
	copy_shared(&answer.id, message + offsetof(struct rndis_answer, id), sizeof(answer.id));
	/*
	 * A host that asks faster than it completes the answers gets fewer of
	 * them.
	 */
	slot = pool_get(pool, 1);
	if (!slot)
		return false;
	memcpy(slot_memory(pool, slot), &answer, RNDIS_STATUS_SIZE);
	if (queue_slot(ch, pool, slot, RNDIS_STATUS_SIZE, 0))
		ch->stats.tx_dropped++;
	return true;
}

static bool handle_rndis(struct channel *ch, const unsigned char *message, uint32_t size)
{
	struct rndis_header header;

	if (size < sizeof(header))
		return false;
	copy_shared(&header, message, sizeof(header));
	/* The host may lend more of the buffer than the message takes. */
	if (header.length < sizeof(header) || header.length > size)
		return false;
	if (header.type == RNDIS_PACKET)
		return handle_frame(ch, message, header.length);
	if (ch->index)
		return false;
	switch (header.type) {
	case RNDIS_INITIALIZE | RNDIS_COMPLETE:
	case RNDIS_QUERY | RNDIS_COMPLETE:
	case RNDIS_SET | RNDIS_COMPLETE:
		return handle_answer(ch->nic, header.type, message, header.length);
	case RNDIS_INDICATE:
		return handle_indication(ch->nic, message, header.length);
	case RNDIS_KEEPALIVE:
		return handle_keepalive(ch, message, header.length);
	default:
		return false;
	}
}

/* Handle RNDIS messages in the receive buffer, one in each range. */
static bool handle_xfer(struct channel *ch, const struct vmbus_view *view)
{
	struct nic *nic = ch->nic;
	struct vmbus_range *ranges = nic->app->ranges;
	struct vmbus_xfer_set set;
	uint32_t type;
	bool ok = true;
	int count;

	if (!nic->recv_shared || view->length < sizeof(type))
		return false;
	copy_shared(&type, view->payload, sizeof(type));
	count = vmbus_xfer_ranges(view, nic->recv.size, &set, ranges, RANGES_MAX);
	if (type != NVSP_RNDIS || count < 1 || set.number != RECV_BUFFER_ID)
		return false;
	for (int i = 0; i < count; i++)
		ok &= handle_rndis(ch, (unsigned char *)nic->recv.address + ranges[i].offset,
				   ranges[i].length);
	return ok;
}

static bool handle_completion(struct channel *ch, const struct vmbus_view *view)
{
	struct nic *nic = ch->nic;
	struct nvsp_message msg = { .type = 0 };
	struct pool *pool;
	struct slot *slot;
	bool ok;

	copy_shared(&msg, view->payload, view->length < sizeof(msg) ? view->length : sizeof(msg));
	if (nic->nvsp_id && view->transaction_id == nic->nvsp_id && !ch->index) {
		nic->nvsp_answer = msg;
		nic->nvsp_length = view->length;
		nic->nvsp_id = 0;
		return true;
	}
	slot = find_slot(ch, view->transaction_id, &pool);
	if (!slot)
		return false;
	ok = view->length >= 8 && msg.type == NVSP_RNDIS_COMPLETE;
	if (!ok || msg.rndis_complete.status != NVSP_SUCCESS) {
		ch->stats.tx_failed++;
	} else if (slot->frame_bytes) {
		ch->stats.tx_frames++;
		ch->stats.tx_bytes += slot->frame_bytes;
	}
	pool_put(pool, slot);
	return ok;
}

/*
 * Check a message that the host sends without being asked. The driver needs
 * none of them.
 */
static bool handle_inband(const struct vmbus_view *view)
{
	uint32_t type;

	if (view->length < sizeof(type))
		return false;
	copy_shared(&type, view->payload, sizeof(type));
	return type == NVSP_INDIRECTION_TABLE || type == NVSP_VF_ASSOCIATION;
}

static void handle_packet(struct channel *ch, const struct vmbus_view *view)
{
	bool ok = false;

	if (view->type == VMBUS_PACKET_COMPLETION)
		ok = handle_completion(ch, view);
	else if (view->type == VMBUS_PACKET_XFER_PAGES)
		ok = handle_xfer(ch, view);
	else if (view->type == VMBUS_PACKET_INBAND)
		ok = handle_inband(view);
	if (!ok && !ch->stats.bad++)
		complain(ch->nic, 0, "channel %u: the host sent a bad packet (type %u, %u bytes, "
			 "id %llu); the statistics count further ones", ch->index, view->type,
			 view->length, (unsigned long long)view->transaction_id);
	if (view->type == VMBUS_PACKET_COMPLETION ||
	    !(view->flags & VMBUS_PACKET_COMPLETION_REQUESTED))
		return;
	ch->acks[ch->ack_count].id = view->transaction_id;
	ch->acks[ch->ack_count++].status = ok ? NVSP_SUCCESS : NVSP_FAILURE;
}

int channel_receive(struct channel *ch)
{
	struct vmbus_view views[BATCH];
	int n, err;

	/* There is no room for further completions before these are sent. */
	err = send_acks(ch);
	if (err)
		return err == -EAGAIN ? 0 : err;
	n = vmbus_peek(ch->chan, views, BATCH);
	if (n < 0)
		return n == -EAGAIN ? 0 : n;
	for (int i = 0; i < n; i++)
		handle_packet(ch, &views[i]);
	err = vmbus_release(ch->chan, &views[n - 1]);
	if (!err)
		err = send_acks(ch);
	return err && err != -EAGAIN ? err : n;
}
