// SPDX-License-Identifier: GPL-2.0-only
/* NVSP: versions, buffers, sub-channels, and the transport of RNDIS messages */
#include <errno.h>
#include <stdlib.h>

#include "nic.h"

/* A message of the guest, and its completion */
struct request {
	struct host_packet *packet;
	uint16_t channel;
	const uint8_t *bytes;
	uint32_t len;
	uint8_t answer[NVSP_BYTES];
	struct rndis_answer rndis;
};

void nvsp_reset(struct nic *nic)
{
	data_reset(nic);
	nic->session = (struct session){ .channels = 1 };
}

static void answer(struct request *request, uint32_t type, uint32_t status_at, uint32_t status)
{
	put32(request->answer, type);
	put32(request->answer + status_at, status);
}

static void take_init(struct nic *nic, struct request *request)
{
	static const uint32_t versions[] = { 2, 0x30002, 0x40000, 0x50000, 0x60000, 0x60001 };
	uint32_t version = get32(request->bytes + 4), status = NVSP_STATUS_NONE;

	if (nic->session.version)
		complaint(nic, "INIT in a session that has agreed on version %#x",
			  nic->session.version);
	if (version != get32(request->bytes + 8))
		complaint(nic, "INIT from version %#x to %#x: a client tries one", version,
			  get32(request->bytes + 8));
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (version == versions[i] && version <= nic->newest)
			status = NVSP_STATUS_SUCCESS;
	if (status) {
		nvsp_reset(nic);
		nic->session.version = version;
		/* A client of the oldest version sends no NDIS_CONFIG. */
		if (version == NVSP_VERSION_2)
			nic->session.mtu = DEFAULT_MTU - ETHERNET_HEADER;
		nic->count.sessions++;
	} else {
		nic->count.refused_versions++;
	}
	say(nic, "INIT version %#x: %s", version, status ? "accepted" : "refused");
	put32(request->answer + 4, UINT32_MAX);
	put32(request->answer + 8, 34); /* Hyper-V's maximum length of a chain of buffers */
	answer(request, NVSP_INIT_COMPLETE, 12, status);
}

static void take_ndis_config(struct nic *nic, struct request *request)
{
	uint32_t mtu = get32(request->bytes + 4);

	say(nic, "NDIS_CONFIG MTU %u capabilities %#x", mtu, get32(request->bytes + 12));
	if (!nic->session.version || nic->session.mtu || mtu < ETHERNET_HEADER + 68) {
		complaint(nic, "NDIS_CONFIG with an MTU of %u %s", mtu,
			  nic->session.mtu ? "after another one" : "before INIT, or too small");
		return;
	}
	nic->session.mtu = (mtu > MAX_MTU ? DEFAULT_MTU : mtu) - ETHERNET_HEADER;
}

static void take_ndis_version(struct nic *nic, struct request *request)
{
	uint32_t major = get32(request->bytes + 4), minor = get32(request->bytes + 8);

	say(nic, "NDIS_VERSION %u.%u", major, minor);
	if (nic->session.ndis_version)
		complaint(nic, "NDIS_VERSION after another one");
	nic->session.ndis_version = true;
	if (major != 6 || minor != (nic->session.version >= NVSP_VERSION_5 ? 0x1e : 1))
		complaint(nic, "NDIS version %u.%u at NVSP version %#x", major, minor,
			  nic->session.version);
}

/* Returns the size of the guest's GPADL @handle, or 0 after a complaint. */
static uint32_t gpadl_size(struct nic *nic, uint32_t handle)
{
	struct frame frame = { .op = FRAME_GPADL_SIZE, .xid = handle };
	uint32_t size = 0;
	int ret = host_request(&nic->host, &frame, NULL, &size, sizeof(size), 60000);

	if (ret == -EREMOTEIO) {
		complaint(nic, "a buffer in GPADL %u: %s", handle, nic->host.error);
		return 0;
	}
	must(nic, ret);
	return size;
}

static void take_receive_buffer(struct nic *nic, struct request *request)
{
	struct session *session = &nic->session;
	uint32_t handle = get32(request->bytes + 4), size;
	uint16_t id = get16(request->bytes + 8);

	answer(request, NVSP_RECEIVE_BUFFER_COMPLETE, 4, NVSP_STATUS_FAILURE);
	if (id != NVSP_RECEIVE_ID)
		complaint(nic, "a receive buffer of id %#x", id);
	if (!session->mtu || session->has_receive) {
		complaint(nic, "a receive buffer %s",
			  session->mtu ? "twice" : "before NDIS_CONFIG");
		return;
	}
	size = gpadl_size(nic, handle);
	session->allocation_size = DATA_OFFSET + session->mtu + ETHERNET_HEADER + TRAILER;
	session->allocations = size / session->allocation_size;
	session->receive_handle = handle;
	say(nic, "receive buffer: GPADL %u, %u bytes, %u sub-allocations", handle, size,
	    session->allocations);
	if (session->allocations <= CONTROL_ALLOCATIONS) {
		if (size)
			complaint(nic, "a receive buffer of %u bytes", size);
		return;
	}
	if (!data_set_up(nic))
		return;
	session->has_receive = true;
	answer(request, NVSP_RECEIVE_BUFFER_COMPLETE, 4, NVSP_STATUS_SUCCESS);
	put32(request->answer + 8, 1);
	put32(request->answer + 12, 0);
	put32(request->answer + 16, session->allocation_size);
	put32(request->answer + 20, session->allocations);
	put32(request->answer + 24, session->allocations * session->allocation_size);
}

static void take_send_buffer(struct nic *nic, struct request *request)
{
	struct session *session = &nic->session;
	uint32_t handle = get32(request->bytes + 4), size;

	answer(request, NVSP_SEND_BUFFER_COMPLETE, 4, NVSP_STATUS_FAILURE);
	if (!session->version || session->has_send) {
		complaint(nic, "a send buffer %s", session->version ? "twice" : "before INIT");
		return;
	}
	size = gpadl_size(nic, handle);
	session->send_handle = handle;
	session->sections = size / SECTION;
	say(nic, "send buffer: GPADL %u, %u bytes, %u sections", handle, size, session->sections);
	if (!session->sections) {
		if (size)
			complaint(nic, "a send buffer of %u bytes", size);
		return;
	}
	session->has_send = true;
	answer(request, NVSP_SEND_BUFFER_COMPLETE, 4, NVSP_STATUS_SUCCESS);
	put32(request->answer + 8, SECTION);
}

static void take_revoke(struct nic *nic, struct request *request)
{
	struct session *session = &nic->session;
	bool receive = get32(request->bytes) == NVSP_REVOKE_RECEIVE_BUFFER;
	bool *has = receive ? &session->has_receive : &session->has_send;
	uint16_t id = get16(request->bytes + 4);

	say(nic, "%s buffer revoked", receive ? "receive" : "send");
	if (!*has)
		complaint(nic, "a %s buffer is revoked that the host does not have",
			  receive ? "receive" : "send");
	if (receive && id != NVSP_RECEIVE_ID)
		complaint(nic, "a receive buffer of id %#x is revoked", id);
	*has = false;
	nic->count.revokes++;
	if (receive)
		session->revoked_receive = true;
	else
		session->revoked_send = true;
}

void nvsp_offer_subs(struct nic *nic)
{
	struct frame frame = {
		.op = FRAME_OFFER_SUB,
		.arg = nic->session.unoffered_subs,
		.arg2 = 1,
	};

	if (nic->hold_subs || !nic->session.unoffered_subs)
		return;
	nic->session.offered_subs += nic->session.unoffered_subs;
	nic->session.unoffered_subs = 0;
	nic_send(nic, &frame, NULL);
}

/*
 * Send the table of the channels on which the guest should send, once it has
 * opened all sub-channels.
 */
void nvsp_sub_opened(struct nic *nic)
{
	uint8_t message[NVSP_BYTES + 4 * SEND_TABLE] = {};
	struct frame frame = {
		.op = FRAME_PACKET,
		.type = PACKET_INBAND,
		.len = sizeof(message),
	};

	if (++nic->session.open_subs != nic->session.channels - 1)
		return;
	put32(message, NVSP_SEND_TABLE);
	put32(message + 4, SEND_TABLE);
	put32(message + 8, NVSP_BYTES);
	for (uint32_t i = 0; i < SEND_TABLE; i++)
		put32(message + NVSP_BYTES + 4 * i, i % nic->session.channels);
	nic_send(nic, &frame, message);
}

void nvsp_associate(struct nic *nic, uint32_t serial)
{
	uint8_t message[NVSP_BYTES] = {};
	struct frame frame = {
		.op = FRAME_PACKET,
		.type = PACKET_INBAND,
		.len = sizeof(message),
	};

	put32(message, NVSP_VF_ASSOCIATION);
	put32(message + 4, serial != 0);
	put32(message + 8, serial);
	nic_send(nic, &frame, message);
}

static void take_subchannels(struct nic *nic, struct request *request)
{
	uint32_t operation = get32(request->bytes + 4), number = get32(request->bytes + 8);
	struct session *session = &nic->session;

	nic->count.subs_asked++;
	answer(request, NVSP_SUBCHANNELS, 4, NVSP_STATUS_FAILURE);
	say(nic, "%u sub-channels are wanted", number);
	if (operation != 1 || !number || number >= nic->host.channels ||
	    session->version < NVSP_VERSION_5) {
		complaint(nic, "sub-channels: operation %u, %u of them, NVSP version %#x",
			  operation, number, session->version);
		return;
	}
	if (nic->refuse_subs)
		return;
	session->channels = 1 + number;
	nic->count.subs_granted += number;
	answer(request, NVSP_SUBCHANNELS, 4, NVSP_STATUS_SUCCESS);
	put32(request->answer + 8, number);
	/* Grant a second request, too, and offer only what is not there yet. */
	if (number > session->offered_subs)
		session->unoffered_subs = number - session->offered_subs;
	nvsp_offer_subs(nic);
}

/* Returns whether the RNDIS message has a part in an existing section. */
static bool in_section(const struct nic *nic, const uint8_t *bytes)
{
	return nic->session.has_send && get32(bytes + 8) < nic->session.sections &&
	       get32(bytes + 12) <= SECTION;
}

/* Returns the length of the first range of a packet with ranges. */
static uint32_t first_range(const struct host_packet *packet)
{
	return packet->frame.arg < RANGES_HEADER + 4 ? 0 : get32(packet->payload + RANGES_HEADER);
}

/*
 * Put the parts of a message together: the part in a section, then the part in
 * the packet's ranges. Returns whether the message is complete. The first
 * *whole bytes come from one place.
 */
static bool assemble(struct nic *nic, struct request *request, uint8_t *message, uint32_t *len,
		     uint32_t *whole)
{
	struct host_packet *packet = request->packet;
	uint32_t index = get32(request->bytes + 8), bytes = get32(request->bytes + 12);
	uint32_t memory = packet->frame.arg2;

	if (packet->frame.type == PACKET_GPA_DIRECT && packet->frame.tag != FRAME_MEMORY_TAKEN) {
		complaint(nic, "a message in guest memory: %s",
			  packet->frame.tag == FRAME_MEMORY_MISSING ?
				  "a page is not memory" :
				  "the ranges do not fit the packet");
		return false;
	}
	if (index == NVSP_NO_SECTION) {
		if (bytes)
			complaint(nic, "%u bytes in no section", bytes);
		bytes = 0;
	} else if (!in_section(nic, request->bytes) || !bytes) {
		complaint(nic, "%u bytes in section %u of %u", bytes, index,
			  nic->session.has_send ? nic->session.sections : 0);
		return false;
	}
	if (bytes + memory > MAX_FRAME + 4096) {
		complaint(nic, "an RNDIS message of %u bytes", bytes + memory);
		return false;
	}
	if (bytes) {
		struct frame frame = {
			.op = FRAME_READ,
			.type = FRAME_GPADL,
			.xid = nic->session.send_handle,
			.arg = index * SECTION,
			.arg2 = bytes,
		};
		int ret = host_request(&nic->host, &frame, NULL, message, bytes, 60000);

		must(nic, ret);
		/* After the close, a new session may have the section. */
		if (ret || !nic_open(nic, request->channel))
			return false;
	}
	if (memory)
		memcpy(message + bytes, packet->memory, memory);
	*len = bytes + memory;
	*whole = bytes || !memory ? bytes : first_range(packet);
	if (bytes)
		nic->count.section_messages++;
	else
		nic->count.memory_messages++;
	return true;
}

static void take_rndis(struct nic *nic, struct request *request)
{
	static uint8_t message[MAX_FRAME + 8192];
	uint32_t type = get32(request->bytes + 4), status = NVSP_STATUS_FAILURE, len = 0, whole;
	struct session *session = &nic->session;

	if (!session->version) {
		complaint(nic, "an RNDIS message before INIT");
	} else if (type > 1) {
		complaint(nic, "an RNDIS message of channel type %u", type);
	} else if (type && request->channel) {
		complaint(nic, "a control message on channel %u", request->channel);
	} else if (assemble(nic, request, message, &len, &whole)) {
		if (type)
			status = rndis_control(nic, message, len, &request->rndis);
		else
			status = data_from_guest(nic, request->channel, message, len, whole);
	}
	answer(request, NVSP_RNDIS_COMPLETE, 4, status);
}

static const struct {
	uint32_t type;
	uint32_t bytes;	 /* the handler reads this number of bytes */
	bool completion; /* the message must ask for one, or must not */
	bool primary;	 /* only on the primary channel */
	void (*take)(struct nic *nic, struct request *request);
} messages[] = {
	{ NVSP_RNDIS, 16, true, false, take_rndis },
	{ NVSP_INIT, 12, true, true, take_init },
	{ NVSP_NDIS_CONFIG, 20, false, true, take_ndis_config },
	{ NVSP_NDIS_VERSION, 12, false, true, take_ndis_version },
	{ NVSP_RECEIVE_BUFFER, 10, true, true, take_receive_buffer },
	{ NVSP_SEND_BUFFER, 10, true, true, take_send_buffer },
	{ NVSP_REVOKE_RECEIVE_BUFFER, 6, false, true, take_revoke },
	{ NVSP_REVOKE_SEND_BUFFER, 6, false, true, take_revoke },
	{ NVSP_SUBCHANNELS, 12, true, true, take_subchannels },
};

static void take_message(struct nic *nic, struct request *request)
{
	bool wants = request->packet->frame.flags & PACKET_WANTS_COMPLETION;
	uint32_t type = request->len >= 4 ? get32(request->bytes) : 0;
	bool ranges = request->packet->frame.type == PACKET_GPA_DIRECT;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].type != type)
			continue;
		if (request->len < messages[i].bytes) {
			complaint(nic, "NVSP message %u of %u bytes", type, request->len);
			return;
		}
		if ((ranges && type != NVSP_RNDIS) || (request->channel && messages[i].primary)) {
			complaint(nic, "NVSP message %u on channel %u, packet type %u", type,
				  request->channel, request->packet->frame.type);
			return;
		}
		if (messages[i].completion != wants)
			complaint(nic, "NVSP message %u %s completion", type,
				  wants ? "wants a" : "wants no");
		messages[i].take(nic, request);
		return;
	}
	complaint(nic, "NVSP message %u of %u bytes", type, request->len);
}

static void take_completion(struct nic *nic, const struct host_packet *packet, const uint8_t *bytes,
			    uint32_t len)
{
	if (len < 8 || get32(bytes) != NVSP_RNDIS_COMPLETE)
		complaint(nic, "a completion of %u bytes, type %u", len,
			  len < 4 ? 0 : get32(bytes));
	else
		data_acknowledged(nic, packet->frame.channel, packet->frame.xid, get32(bytes + 4));
}

/*
 * Take one packet of the guest. A packet that asks for a completion gets
 * exactly one, on its channel and with its transaction id, even if the packet
 * is wrong. The RNDIS answer follows it, because DPDK needs this order.
 */
void nvsp_packet(struct nic *nic, struct host_packet *packet)
{
	struct request request = {
		.packet = packet,
		.channel = packet->frame.channel,
		.bytes = packet->payload + packet->frame.arg,
		.len = packet->frame.len - packet->frame.arg,
	};
	struct frame completion = {
		.op = FRAME_PACKET,
		.channel = packet->frame.channel,
		.type = PACKET_COMPLETION,
		.xid = packet->frame.xid,
		.len = sizeof(request.answer),
	};

	if (packet->frame.type == PACKET_COMPLETION) {
		take_completion(nic, packet, request.bytes, request.len);
		return;
	}
	if (packet->frame.type == PACKET_INBAND || packet->frame.type == PACKET_GPA_DIRECT)
		take_message(nic, &request);
	else
		complaint(nic, "a packet of type %u", packet->frame.type);
	if (packet->frame.flags & PACKET_WANTS_COMPLETION) {
		if (nic_open(nic, packet->frame.channel))
			nic_send(nic, &completion, request.answer);
		else
			nic->count.late++;
	}
	if (request.rndis.len)
		data_control(nic, request.rndis.bytes, request.rndis.len);
	if (request.rndis.offloads_changed)
		rndis_indicate_offloads(nic);
}
