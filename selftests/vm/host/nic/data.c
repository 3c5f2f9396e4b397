// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames in both directions. The guest sends RNDIS messages, which nvsp.c has
 * put together. The host writes its frames to sub-allocations of the guest's
 * receive buffer: each range of a packet is one sub-allocation with one RNDIS
 * message. The host uses them again when the guest has completed the packet.
 */
#include <stdlib.h>

#include "nic.h"

static void free_push(struct nic *nic, uint32_t index)
{
	struct free_list *list = &nic->free;

	nic->allocation[index].next = UINT32_MAX;
	if (list->count++)
		nic->allocation[list->last].next = index;
	else
		list->first = index;
	list->last = index;
}

static uint32_t free_pop(struct nic *nic)
{
	uint32_t index = nic->free.first;

	nic->free.first = nic->allocation[index].next;
	nic->free.count--;
	nic->allocation[index].next = UINT32_MAX;
	return index;
}

bool data_set_up(struct nic *nic)
{
	free(nic->allocation);
	nic->allocation = calloc(nic->session.allocations, sizeof(*nic->allocation));
	nic->free = (struct free_list){};
	nic->batch.count = 0;
	for (uint32_t i = 0; nic->allocation && i < nic->session.allocations; i++)
		free_push(nic, i);
	return nic->allocation;
}

void data_reset(struct nic *nic)
{
	free(nic->allocation);
	nic->allocation = NULL;
	nic->free = (struct free_list){};
	nic->batch.count = 0;
	nic->in_flight = 0;
}

/* From the guest */

/*
 * Check the packet information of an RNDIS packet, @len bytes at @at. Write a
 * VLAN tag to @vlan; without one, @vlan stays negative.
 */
static bool take_infos(struct nic *nic, const uint8_t *at, uint32_t len, int32_t *vlan)
{
	while (len) {
		uint32_t size, type, offset;

		if (len < PPI_HEADER)
			return false;
		size = get32(at);
		type = get32(at + 4);
		offset = get32(at + 8);
		if (size < PPI_HEADER || size % 4 || size > len || offset < PPI_HEADER ||
		    offset > size || size - offset < 4)
			return false;
		if (type == PPI_VLAN) {
			uint32_t value = get32(at + offset);

			*vlan = (int32_t)((value & 7) << 13 | (value >> 3 & 1) << 12 |
					  (value >> 4 & 0xfff));
		} else if (type == PPI_CHECKSUM || type == PPI_LSO) {
			complaint(nic, "packet information %u, which was not offered", type);
		} else if (type != PPI_HASH) {
			complaint(nic, "packet information %#x of %u bytes", type, size);
		}
		at += size;
		len -= size;
	}
	return true;
}

static void take_frame(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len,
		       int32_t vlan)
{
	static uint8_t tagged[MAX_FRAME];

	if (vlan >= 0) {
		memcpy(tagged, frame, 12);
		put16_be(tagged + 12, 0x8100);
		put16_be(tagged + 14, (uint16_t)vlan);
		memcpy(tagged + 16, frame + 12, len - 12);
		frame = tagged;
		len += VLAN_TAG;
		nic->count.vlan_frames++;
	}
	nic->count.from_guest++;
	nic->channel_from[channel]++;
	peer_frame(nic, channel, frame, len);
}

/*
 * Take one RNDIS packet of @len bytes. The caller has checked its length. The
 * header and the packet information must be in its first @whole bytes.
 */
static bool take_packet(struct nic *nic, uint16_t channel, const uint8_t *packet, uint32_t len,
			uint32_t whole)
{
	uint32_t offset = get32(packet + 8), bytes = get32(packet + 12);
	uint32_t infos = get32(packet + 28), infos_len = get32(packet + 32);
	uint32_t room = len - RNDIS_BASE, max = nic->session.mtu + ETHERNET_HEADER + VLAN_TAG;
	int32_t vlan = -1;

	if (offset < RNDIS_PACKET_HEADER - RNDIS_BASE || offset > room || bytes > room - offset ||
	    bytes < ETHERNET_HEADER || bytes > max) {
		complaint(nic, "a frame of %u bytes at %u in an RNDIS packet of %u, MTU %u", bytes,
			  offset, len, nic->session.mtu);
		return false;
	}
	if (get32(packet + 16) || get32(packet + 20) || get32(packet + 24))
		complaint(nic, "out-of-band data");
	if (get32(packet + 36))
		complaint(nic, "the handle of a connection");
	if (whole < RNDIS_PACKET_HEADER ||
	    (infos_len && (uint64_t)RNDIS_BASE + infos + infos_len > whole)) {
		complaint(nic, "the header and packet information beyond the first range, %u bytes",
			  whole);
		return false;
	}
	if (infos_len) {
		if (infos < RNDIS_PACKET_HEADER - RNDIS_BASE || infos > offset ||
		    infos_len > offset - infos ||
		    !take_infos(nic, packet + RNDIS_BASE + infos, infos_len, &vlan)) {
			complaint(nic, "packet information: %u bytes at %u before a frame at %u",
				  infos_len, infos, offset);
			return false;
		}
	}
	take_frame(nic, channel, packet + RNDIS_BASE + offset, bytes, vlan);
	return true;
}

/*
 * Take a data message, which is one RNDIS packet after the other. Returns its
 * NVSP status.
 */
uint32_t data_from_guest(struct nic *nic, uint16_t channel, const uint8_t *message, uint32_t len,
			 uint32_t whole)
{
	uint32_t packets = 0;

	if (!nic->session.initialized) {
		complaint(nic, "a frame before INITIALIZE");
		return NVSP_STATUS_FAILURE;
	}
	do {
		uint32_t size = len < RNDIS_PACKET_HEADER ? 0 : get32(message + 4);

		if (size < RNDIS_PACKET_HEADER || size > len || get32(message) != RNDIS_PACKET) {
			complaint(nic, "RNDIS packet %u: type %u, %u bytes, %u are left", packets,
				  len < 4 ? 0 : get32(message), size, len);
			return NVSP_STATUS_INVALID_RNDIS;
		}
		if (size < len && size % (1u << ALIGNMENT))
			complaint(nic, "RNDIS packet %u of %u bytes has another behind it", packets,
				  size);
		if (++packets > MAX_PACKETS)
			complaint(nic, "%u RNDIS packets in a message", packets);
		if (!take_packet(nic, channel, message, size, whole))
			return NVSP_STATUS_INVALID_RNDIS;
		message += size;
		len -= size;
		whole = whole > size ? whole - size : 0;
	} while (len);
	return NVSP_STATUS_SUCCESS;
}

/* To the guest */

void data_acknowledged(struct nic *nic, uint16_t channel, uint64_t id, uint32_t status)
{
	struct allocation *first;
	uint32_t index = (uint32_t)id;

	if (!nic->allocation || id >= nic->session.allocations || !nic->allocation[index].sent) {
		complaint(nic, "a completion of id %llu, which the host has not sent",
			  (unsigned long long)id);
		return;
	}
	first = &nic->allocation[index];
	if (first->channel != channel)
		complaint(nic, "id %u was sent on channel %u and completed on %u", index,
			  first->channel, channel);
	first->sent = false;
	while (index != UINT32_MAX) {
		uint32_t next = nic->allocation[index].next;

		if (!first->control) {
			nic->count.refused += status != NVSP_STATUS_SUCCESS;
			nic->in_flight--;
		}
		free_push(nic, index);
		index = next;
	}
}

/* Returns whether the guest takes frames on a channel now. */
bool data_wanted(const struct nic *nic, uint16_t channel)
{
	return nic->session.initialized && nic->session.has_receive && nic->session.filter &&
	       nic->link && nic_open(nic, channel);
}

/* Returns whether a sub-allocation is free for a frame. */
bool data_room(const struct nic *nic)
{
	return nic->free.count > CONTROL_ALLOCATIONS;
}

/* Write a message into a sub-allocation. */
static void write_allocation(struct nic *nic, uint32_t index, const void *bytes, uint32_t len)
{
	struct frame frame = {
		.op = FRAME_WRITE,
		.type = FRAME_GPADL,
		.xid = nic->session.receive_handle,
		.arg = index * nic->session.allocation_size,
		.len = len,
	};

	nic_send(nic, &frame, bytes);
}

/*
 * Send a packet that names the @count sub-allocations of the list that begins
 * with @first, each with @len bytes.
 */
static void transfer(struct nic *nic, uint16_t channel, uint32_t first, uint32_t count,
		     uint32_t len, bool control)
{
	uint8_t bytes[8 + 8 * MAX_RANGES + NVSP_BYTES] = {};
	struct frame frame = {
		.op = FRAME_PACKET,
		.channel = channel,
		.type = PACKET_TRANSFER_PAGES,
		.flags = PACKET_WANTS_COMPLETION,
		.xid = first,
		.arg = 8 + 8 * count,
		.len = 8 + 8 * count + NVSP_BYTES,
	};
	uint8_t *nvsp = bytes + frame.arg;
	uint32_t index = first;

	put16(bytes, NVSP_RECEIVE_ID);
	put32(bytes + 4, count);
	for (uint32_t i = 0; i < count; i++, index = nic->allocation[index].next) {
		put32(bytes + 8 + 8 * i, len);
		put32(bytes + 12 + 8 * i, index * nic->session.allocation_size);
	}
	put32(nvsp, NVSP_RNDIS);
	put32(nvsp + 4, control);
	put32(nvsp + 8, NVSP_NO_SECTION);
	nic->allocation[first].channel = channel;
	nic->allocation[first].sent = true;
	nic->allocation[first].control = control;
	nic_send(nic, &frame, bytes);
}

void data_control(struct nic *nic, const void *message, uint32_t len)
{
	uint32_t index;

	if (!nic->session.has_receive || !nic->free.count) {
		complaint(nic, "there is no receive buffer for an answer");
		return;
	}
	if (!nic_open(nic, 0)) {
		nic->count.late++;
		return;
	}
	index = free_pop(nic);
	write_allocation(nic, index, message, len);
	transfer(nic, 0, index, 1, len, true);
}

/* Append packet information of one word. Returns its end. */
static uint8_t *put_info(uint8_t *info, uint32_t type, uint32_t value)
{
	put32(info, PPI_HEADER + 4);
	put32(info + 4, type);
	put32(info + 8, PPI_HEADER);
	put32(info + 12, value);
	return info + PPI_HEADER + 4;
}

/*
 * Make the RNDIS packet for a frame, as the host's switch does: the packet has
 * the whole sub-allocation, with the data always at the same place, and each
 * frame says what is known of its checksums, here nothing. A VLAN tag becomes
 * packet information.
 */
static void make_packet(struct nic *nic, const uint8_t *frame, uint32_t len, uint8_t *packet)
{
	bool tagged = len >= ETHERNET_HEADER + VLAN_TAG && get16_be(frame + 12) == 0x8100;
	uint8_t *info = packet + RNDIS_PACKET_HEADER;

	memset(packet, 0, nic->session.allocation_size);
	info = put_info(info, PPI_CHECKSUM, 0);
	if (tagged) {
		uint16_t tag = get16_be(frame + 14);

		len -= VLAN_TAG;
		info = put_info(info, PPI_VLAN,
				(uint32_t)(tag >> 13 | (tag >> 12 & 1) << 3 | (tag & 0xfff) << 4));
		memcpy(packet + DATA_OFFSET, frame, 12);
		memcpy(packet + DATA_OFFSET + 12, frame + 16, len - 12);
	} else {
		memcpy(packet + DATA_OFFSET, frame, len);
	}
	put32(packet, RNDIS_PACKET);
	put32(packet + 4, nic->session.allocation_size);
	put32(packet + 8, DATA_OFFSET - RNDIS_BASE);
	put32(packet + 12, len);
	put32(packet + 28, RNDIS_PACKET_HEADER - RNDIS_BASE);
	put32(packet + 32, (uint32_t)(info - packet) - RNDIS_PACKET_HEADER);
}

/*
 * Send the frames of the batch in one packet, or drop them if the guest takes
 * no frames any more.
 */
void data_flush(struct nic *nic)
{
	uint32_t index = nic->batch.first, count = nic->batch.count;

	nic->batch.count = 0;
	if (count && data_wanted(nic, nic->batch.channel)) {
		nic->count.multi_transfers += count > 1;
		transfer(nic, nic->batch.channel, index, count, nic->session.allocation_size,
			 false);
		return;
	}
	nic->count.dropped += count;
	nic->in_flight -= count;
	while (count--) {
		uint32_t next = nic->allocation[index].next;

		free_push(nic, index);
		index = next;
	}
}

/* Write a frame into a sub-allocation of the batch. */
void data_to_guest(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len)
{
	static uint8_t packet[DATA_OFFSET + MAX_MTU + TRAILER];
	uint32_t index;

	if (!data_wanted(nic, channel) || !data_room(nic) ||
	    len > nic->session.mtu + ETHERNET_HEADER + VLAN_TAG) {
		nic->count.dropped++;
		return;
	}
	if (nic->batch.count == MAX_RANGES || nic->batch.channel != channel)
		data_flush(nic);
	index = free_pop(nic);
	make_packet(nic, frame, len, packet);
	write_allocation(nic, index, packet, nic->session.allocation_size);
	if (nic->batch.count++)
		nic->allocation[nic->batch.last].next = index;
	else
		nic->batch.first = index;
	nic->batch.last = index;
	nic->batch.channel = channel;
	nic->channel_to[channel]++;
	nic->in_flight++;
}
