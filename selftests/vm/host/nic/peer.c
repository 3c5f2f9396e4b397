// SPDX-License-Identifier: GPL-2.0-only
/*
 * Behind the NIC, there is either another NIC (the bridge) or a peer. The peer
 * answers ARP and pings, takes and sends numbered frames, and pings the guest.
 */
#include <stdlib.h>

#include "nic.h"

#define TYPE_IP	    0x0800
#define TYPE_ARP    0x0806
#define IP_HEADER   20
#define ICMP_HEADER 8
#define ICMP	    1
#define ARP_BYTES   28
/* The peer repeats a request without an answer after this number of ms. */
#define PING_AGAIN_MS 1000
/* A generator sends at most this number of frames before the others' turn. */
#define GENERATE_AT_ONCE 64

/*
 * Returns the Internet checksum. It is 0 for bytes that contain their own
 * checksum.
 */
static uint16_t checksum(const uint8_t *bytes, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += get16_be(bytes + i);
	if (len % 2)
		sum += (uint32_t)bytes[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_ethernet(const struct nic *nic, uint8_t *frame, const uint8_t *to, uint16_t type)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, nic->peer_mac, 6);
	put16_be(frame + 12, type);
}

static void put_arp(const struct nic *nic, uint8_t *frame, uint16_t operation, const uint8_t *mac,
		    const uint8_t *address)
{
	static const uint8_t kind[] = { 0, 1, 8, 0, 6, 4 };
	uint8_t *arp = frame + ETHERNET_HEADER;

	memcpy(arp, kind, sizeof(kind));
	put16_be(arp + 6, operation);
	memcpy(arp + 8, nic->peer_mac, 6);
	memcpy(arp + 14, nic->peer_address, 4);
	memcpy(arp + 18, mac, 6);
	memcpy(arp + 24, address, 4);
}

static void take_arp(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len)
{
	const uint8_t *arp = frame + ETHERNET_HEADER;
	uint8_t reply[ETHERNET_HEADER + ARP_BYTES];
	uint16_t operation;

	if (len < sizeof(reply)) {
		complaint(nic, "ARP in a frame of %u bytes", len);
		return;
	}
	operation = get16_be(arp + 6);
	if (operation == 2 && nic->ping.count && !memcmp(arp + 14, nic->ping.address, 4)) {
		memcpy(nic->ping.mac, arp + 8, 6);
		nic->ping.resolved = true;
		nic->ping.waiting = false;
	}
	if (operation != 1 || memcmp(arp + 24, nic->peer_address, 4))
		return;
	put_ethernet(nic, reply, arp + 8, TYPE_ARP);
	put_arp(nic, reply, 2, arp + 8, arp + 14);
	data_to_guest(nic, channel, reply, sizeof(reply));
}

/* Make the next request. Its data depends on its number. */
static uint32_t make_ping(const struct nic *nic, uint8_t *frame)
{
	uint8_t *ip = frame + ETHERNET_HEADER, *icmp = ip + IP_HEADER;
	uint32_t bytes = ICMP_HEADER + nic->ping.size;

	put_ethernet(nic, frame, nic->ping.mac, TYPE_IP);
	memset(ip, 0, IP_HEADER + ICMP_HEADER);
	ip[0] = 0x45;
	put16_be(ip + 2, (uint16_t)(IP_HEADER + bytes));
	put16_be(ip + 4, (uint16_t)nic->ping.sent);
	ip[8] = 64;
	ip[9] = ICMP;
	memcpy(ip + 12, nic->peer_address, 4);
	memcpy(ip + 16, nic->ping.address, 4);
	put16_be(ip + 10, checksum(ip, IP_HEADER));
	icmp[0] = 8;
	put16_be(icmp + 4, 0x6e69);
	put16_be(icmp + 6, (uint16_t)nic->ping.sent);
	for (uint32_t i = 0; i < nic->ping.size; i++)
		icmp[ICMP_HEADER + i] = (uint8_t)(nic->ping.sent * 7 + i);
	put16_be(icmp + 2, checksum(icmp, bytes));
	return ETHERNET_HEADER + IP_HEADER + bytes;
}

static void take_ping_reply(struct nic *nic, const uint8_t *icmp, uint32_t bytes)
{
	static uint8_t frame[MAX_FRAME];
	const uint8_t *sent = frame + ETHERNET_HEADER + IP_HEADER;
	uint32_t len;

	if (!nic->ping.waiting || !nic->ping.resolved)
		return;
	len = make_ping(nic, frame);
	if (get16(icmp + 4) != get16(sent + 4) || get16(icmp + 6) != get16(sent + 6))
		return;
	if (bytes != len - ETHERNET_HEADER - IP_HEADER ||
	    memcmp(icmp + ICMP_HEADER, sent + ICMP_HEADER, bytes - ICMP_HEADER)) {
		complaint(nic, "the answer to ping %llu is another",
			  (unsigned long long)nic->ping.sent);
		return;
	}
	nic->count.pings_answered++;
	nic->ping.sent++;
	nic->ping.waiting = false;
}

static void take_ip(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len)
{
	static uint8_t reply[MAX_FRAME];
	const uint8_t *ip = frame + ETHERNET_HEADER;
	uint32_t header, bytes;
	uint8_t *icmp;

	header = len < ETHERNET_HEADER + IP_HEADER ? 0 : (ip[0] & 0xf) * 4u;
	if (header < IP_HEADER || ip[0] >> 4 != 4 || get16_be(ip + 2) < header ||
	    get16_be(ip + 2) > len - ETHERNET_HEADER || checksum(ip, header)) {
		complaint(nic, "a broken IP packet in a frame of %u bytes", len);
		return;
	}
	bytes = get16_be(ip + 2) - header;
	/* The peer ignores fragments. */
	if (ip[9] != ICMP || (get16_be(ip + 6) & 0x3fff) || memcmp(ip + 16, nic->peer_address, 4))
		return;
	if (bytes < ICMP_HEADER || checksum(ip + header, bytes)) {
		complaint(nic, "a broken ICMP message of %u bytes", bytes);
		return;
	}
	if (ip[header] == 0)
		take_ping_reply(nic, ip + header, bytes);
	if (ip[header] != 8)
		return;
	len = ETHERNET_HEADER + header + bytes;
	memcpy(reply, frame, len);
	put_ethernet(nic, reply, frame + 6, TYPE_IP);
	memcpy(reply + ETHERNET_HEADER + 12, ip + 16, 4);
	memcpy(reply + ETHERNET_HEADER + 16, ip + 12, 4);
	icmp = reply + ETHERNET_HEADER + header;
	icmp[0] = 0;
	put16(icmp + 2, 0);
	put16_be(icmp + 2, checksum(icmp, bytes));
	nic->count.echo_replies++;
	data_to_guest(nic, channel, reply, len);
}

static void take_numbered(struct nic *nic, const uint8_t *frame, uint32_t len,
			  const struct numbered *header)
{
	struct stream *stream = &nic->streams[header->stream % MAX_STREAMS];

	if (header->stream >= MAX_STREAMS || !numbered_good(frame, len, header)) {
		complaint(nic, "frame %u of stream %u with %u of %u bytes is broken",
			  header->number, header->stream, len, header->len);
		return;
	}
	nic->count.numbered++;
	stream->misordered += header->number != (stream->frames ? stream->last + 1 : 0);
	stream->last = header->number;
	stream->frames++;
}

/* Take a frame of the guest. */
void peer_frame(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len)
{
	struct numbered header;

	if (nic->bridge) {
		data_to_guest(nic->other, data_wanted(nic->other, channel) ? channel : 0, frame,
			      len);
	} else if (numbered_is(frame, len, &header)) {
		take_numbered(nic, frame, len, &header);
	} else if (get16_be(frame + 12) == TYPE_ARP) {
		take_arp(nic, channel, frame, len);
	} else if (get16_be(frame + 12) == TYPE_IP) {
		take_ip(nic, channel, frame, len);
	}
}

static void generate(struct nic *nic, struct generator *generator)
{
	static uint8_t frame[MAX_FRAME];

	for (int i = 0; i < GENERATE_AT_ONCE && generator->sent < generator->count &&
			data_wanted(nic, generator->channel) && data_room(nic);
	     i++) {
		uint32_t len = generator->min +
			       (uint32_t)generator->sent % (generator->max - generator->min + 1);

		memcpy(frame, nic->mac, 6);
		memcpy(frame + 6, nic->peer_mac, 6);
		numbered_fill(frame, generator->stream, (uint32_t)generator->sent, len);
		generator->sent++;
		data_to_guest(nic, generator->channel, frame, len);
	}
	/* It is over when the guest has completed all frames. */
	if (generator->sent == generator->count && !nic->in_flight)
		generator->active = false;
}

static void ping(struct nic *nic)
{
	static const uint8_t everyone[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static uint8_t frame[MAX_FRAME];
	uint32_t len;

	if ((nic->ping.waiting && host_now() - nic->ping.since < PING_AGAIN_MS) ||
	    !data_wanted(nic, 0))
		return;
	if (nic->ping.resolved) {
		len = make_ping(nic, frame);
	} else {
		put_ethernet(nic, frame, everyone, TYPE_ARP);
		put_arp(nic, frame, 1, (const uint8_t[6]){}, nic->ping.address);
		len = ETHERNET_HEADER + ARP_BYTES;
	}
	nic->ping.waiting = true;
	nic->ping.since = host_now();
	data_to_guest(nic, 0, frame, len);
}

/* Send the frames and pings of the peer that are due. */
void peer_work(struct nic *nic)
{
	for (int i = 0; i < HOST_MAX_CHANNELS; i++)
		if (nic->generators[i].active)
			generate(nic, &nic->generators[i]);
	if (nic->ping.sent < nic->ping.count)
		ping(nic);
}
