// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A host for the example driver: it answers the driver, sends it frames, and
 * checks what comes back.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define SUB_SIZE	2048u	/* of the receive buffer, or more for a larger MTU */
#define SUB_MAX		512u
#define CONTROL_SUBS	8u	/* the number that frames leave for control messages */
#define ETH_MIN		60u	/* shorter frames are padded */
#define WINDOW		40u	/* frames on their way, at most */
#define MESSAGE_MAX	(64u << 10)
#define FRAME_MAX	(ETH_HEADER + HOST_MAX_MTU)
#define VLAN_SOME	0x5670u	/* ID 1383, in every eighth frame */

/* A frame that the guest has to send back */
struct expected {
	bool used;
	unsigned int channel;
	uint32_t number, length, vlan;
};

struct state {
	struct netvsc_host host;	/* a copy of the description */
	uint32_t mtu, version, filter;
	bool recv_shared, send_shared, initialized, halted, revoked;
	bool rss_set, rss_enabled;
	unsigned int open;		/* channels that the guest may use */
	bool closed[HOST_CHANNELS_MAX];	/* by the guest */
	uint32_t sub_size, sub_count;
	/*
	 * The guest has a part of the receive buffer: the channel plus 1, or 0
	 */
	uint8_t lent[SUB_MAX];
	uint32_t lent_count;
	/* The number of parts that a packet has after this first one */
	uint8_t more[SUB_MAX];

	struct expected expected[WINDOW];
	unsigned int outstanding;
	uint32_t packets, sent, back;
	bool interrupted, stopped;
	unsigned char message[MESSAGE_MAX];
	bool gone, failed;
};

/* Remember that the guest did something wrong. Return false. */
static bool wrong(struct state *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct state *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("host: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	s->failed = true;
	return false;
}

/* Send a packet. All that the host sends goes through here. */
static bool host_send(struct state *s, struct host_packet *p)
{
	struct vmbus_chan *chan;
	int err = 0;

	p->copies = 1;
	if (s->host.tamper)
		s->host.tamper(&s->host, p);
	chan = s->host.chans[p->channel];
	for (unsigned int i = 0; i < p->copies && !err; i++) {
		if (p->type == VMBUS_PACKET_XFER_PAGES)
			err = vmbus_queue_xfer(chan, p->flags, p->id, RECV_BUFFER_ID, p->ranges,
					       p->range_count, p->payload, p->length);
		else
			err = vmbus_queue(chan, p->type, p->flags, p->id, p->payload, p->length);
		if (!err)
			err = vmbus_flush(chan);
	}
	if (err == -ENODEV)
		s->gone = true;
	else if (err)
		wrong(s, "cannot send: %s", strerror(-err));
	return !err;
}

static bool complete(struct state *s, unsigned int channel, uint64_t id,
		     const struct nvsp_message *msg)
{
	struct host_packet p = {
		.channel = channel, .type = VMBUS_PACKET_COMPLETION, .id = id,
		.length = sizeof(*msg),
	};

	memcpy(p.payload, msg, sizeof(*msg));
	return host_send(s, &p);
}

/*
 * Find a part of the receive buffer that the guest does not have, with @more
 * such parts after it.
 */
static bool find_sub(const struct state *s, uint32_t more, uint32_t *sub)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < s->sub_count; i++) {
		run = s->lent[i] ? 0 : run + 1;
		if (run > more) {
			*sub = i - more;
			return true;
		}
	}
	return false;
}

static bool lend(struct state *s, unsigned int channel, uint32_t first, uint32_t count,
		 const uint32_t *lengths)
{
	static const struct nvsp_message msg = {
		.type = NVSP_RNDIS, .rndis = { .section = NVSP_NO_SECTION },
	};
	struct host_packet p = {
		.channel = channel, .type = VMBUS_PACKET_XFER_PAGES, .id = first,
		.flags = VMBUS_PACKET_COMPLETION_REQUESTED, .range_count = count,
		.length = sizeof(msg),
	};

	memcpy(p.payload, &msg, sizeof(msg));
	for (uint32_t i = 0; i < count; i++) {
		p.ranges[i] = (struct vmbus_range){
			.length = lengths[i], .offset = (first + i) * s->sub_size,
		};
		s->lent[first + i] = channel + 1;
	}
	s->more[first] = count - 1;
	s->lent_count += count;
	return host_send(s, &p);
}

static bool send_control(struct state *s, const void *message, uint32_t length)
{
	uint32_t sub;

	if (!find_sub(s, 0, &sub))
		return wrong(s, "the guest has all of the receive buffer");
	memcpy(s->host.recv + sub * s->sub_size, message, length);
	return lend(s, 0, sub, 1, &length);
}

/* Frames that the host sends, and what must come back */

static uint16_t sum(const unsigned char *data, uint32_t len)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		total += data[i] << 8 | data[i + 1];
	if (len & 1)
		total += data[len - 1] << 8;
	total = (total >> 16) + (total & 0xffff);
	return (total >> 16) + total;
}

static void put16(unsigned char *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/*
 * Return the length of a frame. The lengths are between the least and the
 * largest.
 */
static uint32_t frame_length(const struct state *s, uint32_t number)
{
	const uint32_t span = s->mtu + ETH_HEADER - ETH_MIN + 1;

	if (s->host.echo && !number)
		return ETH_MIN;
	return number % 3 ? ETH_MIN + number * 37 % span : s->mtu + ETH_HEADER;
}

static void frame_ethernet(unsigned char *frame, const uint8_t *to, const uint8_t *from,
			   uint32_t type)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	put16(frame + 12, type);
}

static void frame_fill(unsigned char *at, uint32_t number, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		at[i] = number * 31 + i * 7 + (i >> 8);
}

static void frame_arp(const struct state *s, unsigned char *frame, bool answer)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 }, none[6];
	static const unsigned char start[] = { 0, 1, 8, 0, 6, 4, 0 };
	const struct netvsc_host *h = &s->host;
	unsigned char *arp = frame + ETH_HEADER;

	memset(frame, 0, ETH_MIN);
	frame_ethernet(frame, answer ? h->mac : all, answer ? h->guest_mac : h->mac, 0x0806);
	memcpy(arp, start, sizeof(start));
	arp[7] = answer ? 2 : 1;
	memcpy(arp + 8, answer ? h->guest_mac : h->mac, 6);
	memcpy(arp + 14, answer ? h->guest_ip : h->ip, 4);
	memcpy(arp + 18, answer ? h->mac : none, 6);
	memcpy(arp + 24, answer ? h->ip : h->guest_ip, 4);
}

static void frame_ping(const struct state *s, unsigned char *frame, uint32_t number,
		       uint32_t length, bool answer)
{
	const struct netvsc_host *h = &s->host;
	const uint8_t *to = answer ? h->mac : h->guest_mac, *from = answer ? h->guest_mac : h->mac;
	unsigned char *ip = frame + ETH_HEADER, *icmp = ip + 20;

	memset(frame, 0, length);
	frame_ethernet(frame, to, from, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, length - ETH_HEADER);
	put16(ip + 4, number);
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, answer ? h->guest_ip : h->ip, 4);
	memcpy(ip + 16, answer ? h->ip : h->guest_ip, 4);
	put16(ip + 10, 0xffff - sum(ip, 20));
	icmp[0] = answer ? 0 : 8;
	put16(icmp + 4, number >> 16);
	put16(icmp + 6, number);
	frame_fill(icmp + 8, number, length - ETH_HEADER - 28);
	put16(icmp + 2, 0xffff - sum(icmp, length - ETH_HEADER - 20));
}

/*
 * Write frame @number as it goes to the guest, or with @answer as it has to
 * come back.
 */
static void make_frame(const struct state *s, unsigned char *frame, uint32_t number,
		       uint32_t length, bool answer)
{
	const struct netvsc_host *h = &s->host;
	const uint8_t *to = answer ? h->mac : h->guest_mac, *from = answer ? h->guest_mac : h->mac;

	if (h->echo && !number) {
		frame_arp(s, frame, answer);
		return;
	}
	if (h->echo) {
		frame_ping(s, frame, number, length, answer);
		return;
	}
	frame_ethernet(frame, to, from, 0x88b5);
	frame_fill(frame + ETH_HEADER, number, length - ETH_HEADER);
	memcpy(frame + ETH_HEADER, &number, sizeof(number));
}

/*
 * Write frame @number with its RNDIS header into a part of the receive buffer.
 * Return its length.
 */
static uint32_t put_frame(struct state *s, uint32_t sub, const struct expected *e)
{
	unsigned char *to = s->host.recv + sub * s->sub_size;
	const struct rndis_ppi checksum = { 16, 0, 12 }, vlan = { 16, RNDIS_PPI_VLAN, 12 };
	struct rndis_packet packet = {
		.header.type = RNDIS_PACKET, .data_length = e->length,
		.ppi_offset = sizeof(packet) - RNDIS_OFFSET_BASE, .ppi_length = 16,
	};
	uint32_t at = sizeof(packet);

	memset(to, 0, 128);
	memcpy(to + at, &checksum, sizeof(checksum));
	at += 16;
	if (e->vlan != VLAN_NONE) {
		memcpy(to + at, &vlan, sizeof(vlan));
		memcpy(to + at + 12, &e->vlan, 4);
		packet.ppi_length += 16;
		at += 16;
	}
	packet.data_offset = at - RNDIS_OFFSET_BASE;
	packet.header.length = at + e->length;
	memcpy(to, &packet, sizeof(packet));
	make_frame(s, to + at, e->number, e->length, false);
	return packet.header.length;
}

/*
 * Send one packet with one to four frames, if the window has room. Return
 * whether it did.
 */
static bool send_frames(struct state *s)
{
	uint32_t lengths[4], count = s->sent % 5 ? 1 : 4, sub;
	const unsigned int channel = s->packets % s->open;

	if (count > s->host.frames - s->sent)
		count = s->host.frames - s->sent;
	/*
	 * The guest ends after the last frame, so that one is sent alone and
	 * last of all.
	 */
	if (s->sent + count == s->host.frames && s->outstanding) {
		if (count == 1)
			return false;
		count--;
	}
	/*
	 * The window is small enough for the sections of the guest; ARP comes
	 * before the pings.
	 */
	if (!count || s->outstanding + count > WINDOW || (s->host.echo && s->sent && !s->back) ||
	    s->lent_count + count > s->sub_count - CONTROL_SUBS || !find_sub(s, count - 1, &sub))
		return false;
	if (s->host.echo && !s->sent)
		count = 1;
	for (uint32_t i = 0; i < count; i++) {
		struct expected *e = s->expected;

		while (e->used)
			e++;
		*e = (struct expected){
			.used = true, .channel = channel, .number = s->sent,
			.length = frame_length(s, s->sent),
			.vlan = s->sent % 8 == 7 ? VLAN_SOME : VLAN_NONE,
		};
		lengths[i] = put_frame(s, sub + i, e);
		s->sent++;
		s->outstanding++;
	}
	s->packets++;
	return lend(s, channel, sub, count, lengths);
}

/* Check a frame of the guest. */
static bool receive_frame(struct state *s, unsigned int channel, const unsigned char *frame,
			  uint32_t length, uint32_t vlan)
{
	unsigned char want[FRAME_MAX];

	for (struct expected *e = s->expected; e < s->expected + WINDOW; e++) {
		if (!e->used || e->channel != channel || e->length != length || e->vlan != vlan)
			continue;
		make_frame(s, want, e->number, length, true);
		if (memcmp(want, frame, length))
			continue;
		e->used = false;
		s->outstanding--;
		s->back++;
		return true;
	}
	return wrong(s, "a frame of %u bytes on channel %u is none that was expected", length,
		     channel);
}

/* What the guest sends */

static bool answer_status(struct state *s, uint32_t type, uint32_t id, uint32_t status)
{
	const struct rndis_answer answer = {
		.header = { type | RNDIS_COMPLETE, RNDIS_STATUS_SIZE }, .id = id, .status = status,
	};

	return send_control(s, &answer, RNDIS_STATUS_SIZE);
}

static bool answer_initialize(struct state *s, uint32_t id)
{
	struct rndis_answer answer = {
		.header = { RNDIS_INITIALIZE | RNDIS_COMPLETE, RNDIS_INITIALIZE_ANSWER_SIZE },
		.id = id,
		.initialize = { 1, 0, 1, 0, 8, 0xefffffff, 3, { 0 } },
	};

	if (s->initialized)
		return wrong(s, "RNDIS is initialized twice");
	s->initialized = true;
	return send_control(s, &answer, answer.header.length);
}

static bool answer_query(struct state *s, const struct rndis_request *request)
{
	struct rndis_answer answer = {
		.header.type = RNDIS_QUERY | RNDIS_COMPLETE, .id = request->id,
		.query.offset = RNDIS_QUERY_ANSWER_SIZE - RNDIS_OFFSET_BASE,
	};
	const struct ndis_rss_capabilities rss = {
		.object = { 0x88, 2, NDIS_RSS_CAPABILITIES_SIZE }, .flags = 0x301, .interrupts = 1,
		.queues = s->host.chan_count, .entries = RSS_ENTRIES,
	};
	unsigned char message[64];
	const void *data = NULL;

	switch (request->query.oid) {
	case OID_PERMANENT_ADDRESS:
		data = s->host.guest_mac;
		answer.query.length = 6;
		break;
	case OID_RSS_CAPABILITIES:
		data = &rss;
		answer.query.length = NDIS_RSS_CAPABILITIES_SIZE;
		break;
	default:
		answer.status = RNDIS_NOT_SUPPORTED;
		answer.query.offset = 0;
	}
	answer.header.length = RNDIS_QUERY_ANSWER_SIZE + answer.query.length;
	memcpy(message, &answer, RNDIS_QUERY_ANSWER_SIZE);
	if (data)
		memcpy(message + RNDIS_QUERY_ANSWER_SIZE, data, answer.query.length);
	return send_control(s, message, answer.header.length);
}

/* The table may name open channels only, and has to name them all. */
static bool check_rss(struct state *s, const unsigned char *data, uint32_t length)
{
	struct ndis_rss_parameters rss;
	uint32_t named = 0;

	if (length != sizeof(rss))
		return wrong(s, "RSS parameters of %u bytes", length);
	memcpy(&rss, data, sizeof(rss));
	if (rss.object.type != 0x89 || rss.object.revision != 2 || rss.object.size != 40 ||
	    rss.table_offset != 40 || rss.table_size != 512 || rss.key_offset != 552 ||
	    rss.key_size != 40)
		return wrong(s, "RSS parameters of another form");
	for (unsigned int i = 0; i < RSS_ENTRIES; i++) {
		if (rss.table[i] >= s->open)
			return wrong(s, "the RSS table names channel %u of %u", rss.table[i],
				     s->open);
		named |= 1u << rss.table[i];
	}
	if (named != (1u << s->open) - 1)
		return wrong(s, "the RSS table leaves channels out");
	/* The known drivers switch RSS off before they set the table. */
	if (!s->rss_set != (rss.flags == RSS_DISABLE) || rss.flags & ~RSS_DISABLE)
		return wrong(s, "RSS parameters with the flags 0x%x", rss.flags);
	s->rss_set = true;
	s->rss_enabled = !rss.flags;
	return true;
}

static bool handle_set(struct state *s, const struct rndis_request *request,
		       const unsigned char *data)
{
	uint32_t length = request->query.length;

	switch (request->query.oid) {
	case OID_PACKET_FILTER:
		if (length != sizeof(s->filter))
			return wrong(s, "a packet filter of %u bytes", length);
		memcpy(&s->filter, data, sizeof(s->filter));
		if (s->open > 1 && !s->rss_enabled)
			return wrong(s, "a packet filter before RSS");
		break;
	case OID_OFFLOAD_PARAMETERS:
		if (length != 28 || data[0] != 0x80)
			return wrong(s, "offload parameters of %u bytes", length);
		break;
	case OID_RSS_PARAMETERS:
		if (!check_rss(s, data, length))
			return false;
		break;
	default:
		return wrong(s, "a set of 0x%08x", request->query.oid);
	}
	return answer_status(s, RNDIS_SET, request->id, 0);
}

static bool handle_control(struct state *s, uint32_t length)
{
	struct rndis_request request = { .id = 0 };
	uint32_t header;

	memcpy(&request, s->message, length < sizeof(request) ? length : sizeof(request));
	if (length < RNDIS_HALT_SIZE || request.header.length != length)
		return wrong(s, "a control message of %u bytes says %u", length,
			     request.header.length);
	if (request.header.type != RNDIS_INITIALIZE && !s->initialized)
		return wrong(s, "RNDIS message %u before INITIALIZE", request.header.type);
	switch (request.header.type) {
	case RNDIS_INITIALIZE:
		return answer_initialize(s, request.id);
	case RNDIS_HALT:
		if (s->filter)
			return wrong(s, "HALT while the filter is open");
		s->halted = true;
		return true;
	case RNDIS_QUERY:
	case RNDIS_SET:
		header = request.query.offset + RNDIS_OFFSET_BASE;
		if (length < RNDIS_QUERY_SIZE || header != RNDIS_QUERY_SIZE ||
		    request.query.length != length - header)
			return wrong(s, "a request with %u bytes at %u of %u", request.query.length,
				     header, length);
		return request.header.type == RNDIS_QUERY ? answer_query(s, &request) :
			handle_set(s, &request, s->message + header);
	default:
		return wrong(s, "RNDIS message %u", request.header.type);
	}
}

static bool handle_frame(struct state *s, unsigned int channel, uint32_t length)
{
	struct rndis_packet packet;
	uint32_t ppi[4] = { 0, 0, 0, VLAN_NONE };

	memcpy(&packet, s->message, sizeof(packet));
	if (length < sizeof(packet) || packet.header.type != RNDIS_PACKET ||
	    packet.header.length != length ||
	    packet.data_offset + RNDIS_OFFSET_BASE + packet.data_length != length)
		return wrong(s, "a frame's RNDIS message of %u bytes says type %u, %u bytes",
			     length, packet.header.type, packet.header.length);
	if (packet.ppi_length) {
		if (packet.ppi_offset != 36 || packet.ppi_length != 16 || packet.data_offset != 52)
			return wrong(s, "PPIs of %u bytes at %u", packet.ppi_length,
				     packet.ppi_offset);
		memcpy(ppi, s->message + sizeof(packet), sizeof(ppi));
		if (ppi[0] != 16 || ppi[1] != RNDIS_PPI_VLAN || ppi[2] != 12)
			return wrong(s, "a PPI of type %u", ppi[1]);
	} else if (packet.data_offset != 36) {
		return wrong(s, "a frame at %u", packet.data_offset);
	}
	return receive_frame(s, channel, s->message + RNDIS_OFFSET_BASE + packet.data_offset,
			     packet.data_length, ppi[3]);
}

/*
 * Copy what a packet's pages hold to @to. Return the bytes, or 0 after wrong().
 */
static uint32_t gather_pages(struct state *s, const struct vmbus_view *view, unsigned char *to)
{
	const unsigned char *at = (const unsigned char *)view->payload - (view->header - 16);
	const unsigned char *end = view->payload;
	struct vmbus_gpa_header header;
	struct vmbus_gpa_entry range;
	uint32_t total = 0, part;
	uint64_t page;

	memcpy(&header, at, sizeof(header));
	for (at += sizeof(header); header.count; header.count--) {
		if ((size_t)(end - at) < sizeof(range))
			return wrong(s, "more ranges than the packet holds");
		memcpy(&range, at, sizeof(range));
		at += sizeof(range);
		if (range.offset >= GUEST_PAGE || !range.length ||
		    range.length > MESSAGE_MAX - total)
			return wrong(s, "a range of %u bytes at %u", range.length, range.offset);
		for (; range.length; range.length -= part) {
			if (end - at < 8)
				return wrong(s, "a range without its page numbers");
			memcpy(&page, at, sizeof(page));
			if (page < HOST_FIRST_PAGE || page - HOST_FIRST_PAGE >= HOST_PAGES)
				return wrong(s, "page number 0x%llx", (unsigned long long)page);
			part = GUEST_PAGE - range.offset;
			if (part > range.length)
				part = range.length;
			memcpy(to + total, s->host.pages + (page - HOST_FIRST_PAGE) * GUEST_PAGE +
			       range.offset, part);
			total += part;
			range.offset = 0;
			at += sizeof(page);
		}
	}
	return total;
}

/*
 * Take the RNDIS message out of the send buffer or the guest's pages, and
 * complete the packet.
 */
static bool handle_rndis(struct state *s, unsigned int channel, const struct vmbus_view *view,
			 const struct nvsp_message *msg)
{
	const struct nvsp_message done = {
		.type = NVSP_RNDIS_COMPLETE, .rndis_complete.status = NVSP_SUCCESS,
	};
	uint32_t section = msg->rndis.section, length;

	if (!s->send_shared || s->halted)
		return wrong(s, "an RNDIS message before the buffers or after HALT");
	if (!(view->flags & VMBUS_PACKET_COMPLETION_REQUESTED))
		return wrong(s, "an RNDIS message without a request for its completion");
	memset(s->message, 0, 64);
	if (view->type == VMBUS_PACKET_GPA_DIRECT) {
		if (section != NVSP_NO_SECTION || msg->rndis.bytes || !s->host.pages_wanted)
			return wrong(s, "pages, and section %u", section);
		length = gather_pages(s, view, s->message);
	} else {
		if (section >= s->host.send_size / s->host.section_size || !msg->rndis.bytes ||
		    msg->rndis.bytes > s->host.section_size || s->host.pages_wanted)
			return wrong(s, "%u bytes in section %u", msg->rndis.bytes, section);
		length = msg->rndis.bytes;
		memcpy(s->message, s->host.send + (size_t)section * s->host.section_size, length);
	}
	/*
	 * The memory belongs to the guest again. This reveals a driver that
	 * uses it too early.
	 */
	if (view->type == VMBUS_PACKET_INBAND)
		memset(s->host.send + (size_t)section * s->host.section_size, 0xdb, length);
	if (!length || !complete(s, channel, view->transaction_id, &done))
		return false;
	if (msg->rndis.control)
		return channel ? wrong(s, "a control message on channel %u", channel) :
			handle_control(s, length);
	return handle_frame(s, channel, length);
}

static bool handle_recv_buffer(struct state *s, const struct nvsp_message *msg,
			       struct nvsp_message *answer)
{
	if (!s->sub_size || s->recv_shared || msg->buffer.gpadl != HOST_RECV_GPADL ||
	    msg->buffer.id != RECV_BUFFER_ID)
		return wrong(s, "receive buffer 0x%x", msg->buffer.gpadl);
	s->recv_shared = true;
	answer->recv_complete.status = NVSP_SUCCESS;
	answer->recv_complete.sections = 1;
	answer->recv_complete.size = s->sub_size;
	answer->recv_complete.count = s->sub_count;
	answer->recv_complete.end = s->sub_size * s->sub_count;
	return true;
}

static bool handle_subchannel(struct state *s, const struct nvsp_message *msg,
			      struct nvsp_message *answer)
{
	uint32_t granted = s->host.subchannels;

	if (msg->subchannel.operation != NVSP_ALLOCATE || s->open > 1 ||
	    !msg->subchannel.count || msg->subchannel.count > s->host.chan_count - 1)
		return wrong(s, "%u sub-channels are asked for", msg->subchannel.count);
	if (granted > msg->subchannel.count)
		granted = msg->subchannel.count;
	s->open += granted;
	answer->type = NVSP_SUBCHANNEL;
	answer->granted.status = granted ? NVSP_SUCCESS : NVSP_FAILURE;
	answer->granted.count = granted;
	return true;
}

static bool handle_revoke(struct state *s, const struct nvsp_message *msg)
{
	bool recv = msg->type == NVSP_REVOKE_RECV_BUFFER;

	if (!s->halted)
		return wrong(s, "a buffer is revoked before HALT");
	if (msg->revoke.id != (recv ? RECV_BUFFER_ID : SEND_BUFFER_ID))
		return wrong(s, "buffer 0x%x is revoked", msg->revoke.id);
	if (recv && s->lent_count)
		return wrong(s, "%u parts of the receive buffer were not given back",
			     s->lent_count);
	if (recv)
		s->recv_shared = false;
	else
		s->revoked = !s->recv_shared;
	return true;
}

static bool handle_nvsp(struct state *s, const struct vmbus_view *view,
			const struct nvsp_message *msg)
{
	const uint64_t id = view->transaction_id;
	const bool asks = view->flags & VMBUS_PACKET_COMPLETION_REQUESTED;
	struct nvsp_message answer = { .type = msg->type + 1 };
	bool wants = true, ok = true;

	switch (msg->type) {
	case NVSP_INIT:
		if (s->version)
			return wrong(s, "another INIT");
		if (msg->init.min == s->host.version) {
			s->version = s->host.version;
			answer.init_complete.status = NVSP_SUCCESS;
		}
		answer.init_complete.version = UINT32_MAX;
		break;
	case NVSP_NDIS_CONFIG:
		wants = false;
		s->mtu = msg->ndis_config.mtu - ETH_HEADER;
		if (s->mtu > HOST_MAX_MTU)
			return wrong(s, "an MTU of %u", s->mtu);
		s->sub_size = s->mtu + ETH_HEADER + 128 > SUB_SIZE ? 16384 : SUB_SIZE;
		s->sub_count = s->host.recv_size / s->sub_size;
		s->sub_count = s->sub_count < SUB_MAX ? s->sub_count : SUB_MAX;
		break;
	case NVSP_NDIS_VERSION:
		wants = false;
		break;
	case NVSP_RECV_BUFFER:
		ok = handle_recv_buffer(s, msg, &answer);
		break;
	case NVSP_SEND_BUFFER:
		if (s->send_shared || msg->buffer.gpadl != HOST_SEND_GPADL)
			return wrong(s, "send buffer 0x%x", msg->buffer.gpadl);
		s->send_shared = true;
		answer.send_complete.status = NVSP_SUCCESS;
		answer.send_complete.section_size = s->host.section_size;
		break;
	case NVSP_SUBCHANNEL:
		ok = handle_subchannel(s, msg, &answer);
		break;
	case NVSP_REVOKE_RECV_BUFFER:
	case NVSP_REVOKE_SEND_BUFFER:
		wants = false;
		ok = handle_revoke(s, msg);
		break;
	default:
		return wrong(s, "NVSP message %u", msg->type);
	}
	if (!ok)
		return false;
	if (asks != wants)
		return wrong(s, "NVSP message %u %s an answer", msg->type,
			     asks ? "wants" : "wants no");
	return !asks || complete(s, 0, id, &answer);
}

/* Take back the parts of the receive buffer that the guest has completed. */
static bool handle_completion(struct state *s, unsigned int channel, const struct vmbus_view *view,
			      const struct nvsp_message *msg)
{
	const uint64_t id = view->transaction_id;

	if (s->host.completed && s->host.completed(&s->host, id, msg->rndis_complete.status))
		return true;
	if (view->length < 8 || msg->type != NVSP_RNDIS_COMPLETE || id >= s->sub_count)
		return wrong(s, "a completion of type %u with id %llu", msg->type,
			     (unsigned long long)id);
	if (s->lent[id] != channel + 1)
		return wrong(s, "a completion on channel %u of %llu, which is not there",
			     channel, (unsigned long long)id);
	if (msg->rndis_complete.status != NVSP_SUCCESS)
		return wrong(s, "the guest takes a good packet for bad");
	for (uint32_t i = 0; i <= s->more[id]; i++) {
		s->lent[id + i] = 0;
		/* A guest that still reads there would find no frame. */
		memset(s->host.recv + (id + i) * s->sub_size, 0xdb, 64);
	}
	s->lent_count -= s->more[id] + 1;
	return true;
}

static bool handle_packet(struct state *s, unsigned int channel, const struct vmbus_view *view)
{
	struct nvsp_message msg = { .type = 0 };

	memcpy(&msg, view->payload, view->length < sizeof(msg) ? view->length : sizeof(msg));
	if (view->type == VMBUS_PACKET_COMPLETION)
		return handle_completion(s, channel, view, &msg);
	if (view->length != sizeof(msg))
		return wrong(s, "NVSP message %u has %u bytes", msg.type, view->length);
	if (msg.type == NVSP_RNDIS)
		return handle_rndis(s, channel, view, &msg);
	if (view->type != VMBUS_PACKET_INBAND || channel)
		return wrong(s, "NVSP message %u on channel %u", msg.type, channel);
	return handle_nvsp(s, view, &msg);
}

/* Send what a host may send at any time, in the middle of the traffic. */
static bool interrupt_traffic(struct state *s)
{
	static const uint32_t table[3 + 16] = { NVSP_INDIRECTION_TABLE, 16, 12 };
	struct rndis_indication down = {
		.header = { RNDIS_INDICATE, sizeof(down) }, .status = RNDIS_LINK_DOWN,
		.offset = sizeof(down) - RNDIS_OFFSET_BASE,
	}, up = down;
	struct host_packet p = { .type = VMBUS_PACKET_INBAND, .length = sizeof(table) };

	up.status = RNDIS_LINK_UP;
	s->interrupted = true;
	memcpy(p.payload, table, sizeof(table));
	return send_control(s, &down, sizeof(down)) && send_control(s, &up, sizeof(up)) &&
		host_send(s, &p);
}

/*
 * Handle all packets in the rings. Return their number, or -1 if the guest is
 * gone or wrong.
 */
static int receive_all(struct state *s)
{
	struct vmbus_view view;
	int handled = 0, err;

	for (unsigned int i = 0; i < s->host.chan_count; i++) {
		if (s->closed[i])
			continue;
		while ((err = vmbus_peek(s->host.chans[i], &view, 1)) > 0) {
			if (i >= s->open)
				wrong(s, "a packet on channel %u, which is not open", i);
			else
				handle_packet(s, i, &view);
			if (s->failed || s->gone)
				return -1;
			vmbus_release(s->host.chans[i], &view);
			handled++;
		}
		if (err == -ENODEV)
			return -1;
		if (err != -EAGAIN) {
			wrong(s, "channel %u: %s", i, strerror(-err));
			return -1;
		}
	}
	return handled;
}

/* Sleep until the guest has signalled. Return false when it is gone. */
static bool sleep_for_guest(struct state *s)
{
	struct pollfd fds[HOST_CHANNELS_MAX];
	int err;

	for (unsigned int i = 0; i < s->host.chan_count; i++) {
		fds[i] = (struct pollfd){
			.fd = s->closed[i] ? -1 : vmbus_fd(s->host.chans[i]), .events = POLLIN,
		};
		err = s->closed[i] ? 0 : vmbus_arm(s->host.chans[i], VMBUS_WAIT_RECV);
		if (err)
			return err > 0;
	}
	if (s->host.before_sleep)
		s->host.before_sleep(&s->host, s->filter);
	poll(fds, s->host.chan_count, -1);
	for (unsigned int i = 0; i < s->host.chan_count; i++) {
		/*
		 * What the guest wrote before it closed is lost once
		 * vmbus_ack() has seen the end.
		 */
		if (fds[i].revents & POLLHUP) {
			if (receive_all(s) < 0 || !i)
				return false;
			s->closed[i] = true;
		} else if (fds[i].revents) {
			err = vmbus_ack(s->host.chans[i]);
			if (err && err != -EAGAIN && err != -ENODEV)
				return wrong(s, "channel %u: %s", i, strerror(-err));
		}
	}
	return true;
}

static bool ended_well(struct state *s)
{
	if (s->failed)
		return false;
	if (s->back != s->host.frames)
		return wrong(s, "%u of %u frames came back", s->back, s->host.frames);
	return s->revoked || wrong(s, "the guest went away without HALT and revocation");
}

int netvsc_host_run(const struct netvsc_host *description)
{
	static struct state state;	/* too large for the stack */
	struct state *s = &state;
	bool well;
	int n;

	state = (struct state){ .host = *description, .open = 1 };
	do {
		n = receive_all(s);
		if (n < 0)
			break;
		while (s->filter && s->sent < s->host.frames && send_frames(s))
			n++;
		if (!s->interrupted && s->back >= s->host.frames / 2 && s->filter &&
		    !interrupt_traffic(s))
			break;
		if (s->host.idle && s->filter)
			s->host.idle(&s->host, s->back);
		if (s->back == s->host.frames && !s->stopped) {
			kill(getppid(), SIGTERM);
			s->stopped = true;
		}
	} while (!s->failed && !s->gone && (n || sleep_for_guest(s)));
	well = ended_well(s);
	for (unsigned int i = 0; i < s->host.chan_count; i++)
		vmbus_chan_close(s->host.chans[i]);
	if (well)
		printf("host: %u frames went to the guest and came back on %u channels\n", s->back,
		       s->open);
	fflush(stdout);
	return !well;
}
