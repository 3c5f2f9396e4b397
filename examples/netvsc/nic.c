// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The life of a NIC: requests to the host, the start and the stop */
#include <errno.h>
#include <string.h>

#include "nic.h"

/* Requests to the host */

/*
 * Take one turn while a request waits. A signal ends the start of a NIC, but
 * not its stop.
 */
static int wait_turn(struct nic *nic, int64_t deadline)
{
	struct app *app = nic->app;

	if (app->stop && !app->stopping)
		return -EINTR;
	return turn(app, deadline);
}

static int64_t deadline_of(const struct nic *nic)
{
	return now_ms() + nic->app->timeout_ms;
}

/* Wait for room if the ring refused a request with @err because it was full. */
static int wait_for_room(struct nic *nic, int err, int64_t deadline)
{
	struct channel *primary = &nic->channels[0];

	if (err != -EAGAIN)
		return channel_failed(primary, err);
	primary->request_blocked = true;
	err = wait_turn(nic, deadline);
	primary->request_blocked = false;
	return err;
}

/* Send a message of NVSP. It has an answer if @id is not 0. */
static int nvsp_send(struct nic *nic, const struct nvsp_message *msg, uint64_t id)
{
	const uint16_t flags = id ? VMBUS_PACKET_COMPLETION_REQUESTED : 0;
	const int64_t deadline = deadline_of(nic);
	int err;

	do {
		err = vmbus_send(nic->channels[0].chan, VMBUS_PACKET_INBAND, flags, id, msg,
				 sizeof(*msg));
		if (!err)
			return 0;
		err = wait_for_room(nic, err, deadline);
	} while (!err);
	return err;
}

static int no_answer(struct nic *nic, int err, const char *protocol, uint32_t type)
{
	if (err != -ETIMEDOUT)
		return err;
	nic->silent = true;
	return complain(nic, err, "the host does not answer %s message %u", protocol, type);
}

/*
 * Ask, and wait for an answer of @type with at least @length bytes:
 * nic->nvsp_answer.
 */
static int nvsp_execute(struct nic *nic, const struct nvsp_message *msg, uint32_t type,
			uint32_t length)
{
	const int64_t deadline = deadline_of(nic);
	int err;

	nic->nvsp_id = new_id(nic, POOLS, 0);
	err = nvsp_send(nic, msg, nic->nvsp_id);
	while (!err && nic->nvsp_id)
		err = wait_turn(nic, deadline);
	nic->nvsp_id = 0;
	if (err)
		return no_answer(nic, err, "NVSP", msg->type);
	if (nic->nvsp_answer.type != type || nic->nvsp_length < length)
		return complain(nic, -EPROTO,
				"the answer to NVSP message %u has type %u and %u bytes", msg->type,
				nic->nvsp_answer.type, nic->nvsp_length);
	return 0;
}

/* Send a control message of @size bytes. */
static int rndis_send(struct nic *nic, const void *message, uint32_t size)
{
	const int64_t deadline = deadline_of(nic);
	struct pool *pool = nic->control_pool;
	struct slot *slot;
	int err;

	do {
		slot = pool_get(pool, 0);
		if (!slot) {
			err = wait_turn(nic, deadline);
			continue;
		}
		memcpy(slot_memory(pool, slot), message, size);
		err = queue_slot(&nic->channels[0], pool, slot, size, 0);
		if (!err)
			return 0;
		err = wait_for_room(nic, err, deadline);
	} while (!err);
	return err;
}

/* Ask, and wait for the answer: nic->rndis. A refusal is -EOPNOTSUPP. */
static int rndis_execute(struct nic *nic, struct rndis_request *request, uint32_t header_size,
			 const void *data, uint32_t length)
{
	const int64_t deadline = deadline_of(nic);
	unsigned char message[CONTROL_SIZE];
	int err;

	request->header.length = header_size + length;
	request->id = ++nic->rndis_id;
	memcpy(message, request, header_size);
	if (length)
		memcpy(message + header_size, data, length);
	nic->rndis_type = request->header.type;
	err = rndis_send(nic, message, header_size + length);
	while (!err && nic->rndis_type)
		err = wait_turn(nic, deadline);
	nic->rndis_type = 0;
	if (err)
		return no_answer(nic, err, "RNDIS", request->header.type);
	return nic->rndis.answer.status ? -EOPNOTSUPP : 0;
}

static int rndis_set(struct nic *nic, uint32_t oid, const void *data, uint32_t length)
{
	struct rndis_request request = {
		.header.type = RNDIS_SET,
		.query = { .oid = oid, .length = length, .offset = RNDIS_QUERY_DATA },
	};
	int err = rndis_execute(nic, &request, RNDIS_QUERY_SIZE, data, length);

	if (err == -EOPNOTSUPP)
		complain(nic, err, "the host refuses to set 0x%08x: status 0x%08x", oid,
			 nic->rndis.answer.status);
	return err;
}

/*
 * Query @length bytes; some queries have an @input. A shorter or longer answer
 * is wrong.
 */
static int rndis_query(struct nic *nic, uint32_t oid, const void *input, uint32_t input_length,
		       void *result, uint32_t length)
{
	struct rndis_request request = {
		.header.type = RNDIS_QUERY,
		.query = { .oid = oid, .length = input_length, .offset = RNDIS_QUERY_DATA },
	};
	const struct rndis_answer *answer = &nic->rndis.answer;
	int err = rndis_execute(nic, &request, RNDIS_QUERY_SIZE, input, input_length);

	if (err == -EOPNOTSUPP)
		return complain(nic, err, "the host refuses the query 0x%08x: status 0x%08x", oid,
				answer->status);
	if (err)
		return err;
	if (nic->rndis_length < RNDIS_QUERY_ANSWER_SIZE || answer->query.length != length ||
	    !part_ok(answer->query.offset, length, RNDIS_QUERY_ANSWER_SIZE, nic->rndis_length))
		return complain(nic, -EPROTO, "the answer to the query 0x%08x has %u bytes at %u",
				oid, answer->query.length, answer->query.offset);
	memcpy(result, nic->rndis.bytes + RNDIS_OFFSET_BASE + answer->query.offset, length);
	return 0;
}

static int rndis_query_u32(struct nic *nic, uint32_t oid, uint32_t *value)
{
	return rndis_query(nic, oid, NULL, 0, value, sizeof(*value));
}

/* The start of a NIC */

static int negotiate(struct nic *nic)
{
	static const uint32_t versions[] = {
		NVSP_VERSION_6_1, NVSP_VERSION_6, NVSP_VERSION_5, NVSP_VERSION_4, NVSP_VERSION_3_2,
		NVSP_VERSION_2,
	};
	struct nvsp_message msg;
	int err;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		msg = (struct nvsp_message){ .type = NVSP_INIT };
		msg.init.min = versions[i];
		msg.init.max = versions[i];
		err = nvsp_execute(nic, &msg, NVSP_INIT_COMPLETE, 16);
		if (err)
			return err;
		if (nic->nvsp_answer.init_complete.status == NVSP_SUCCESS) {
			nic->version = versions[i];
			return 0;
		}
	}
	return complain(nic, -EPROTONOSUPPORT, "the host accepts no version of NVSP that we know");
}

static int configure(struct nic *nic)
{
	struct nvsp_message msg = { .type = NVSP_NDIS_CONFIG };
	int err;

	msg.ndis_config.mtu = nic->mtu + ETH_HEADER;
	msg.ndis_config.capabilities[0] = NVSP_CAPABILITY_VLAN;
	err = nvsp_send(nic, &msg, 0);
	if (err)
		return err;
	msg = (struct nvsp_message){ .type = NVSP_NDIS_VERSION };
	msg.ndis_version.major = 6;
	msg.ndis_version.minor = nic->version >= NVSP_VERSION_5 ? 30 : 1;
	return nvsp_send(nic, &msg, 0);
}

static int share_recv_buffer(struct nic *nic)
{
	const struct nvsp_message msg = {
		.type = NVSP_RECV_BUFFER, .buffer = { nic->recv.gpadl, RECV_BUFFER_ID },
	};
	struct nvsp_message answer;
	uint64_t used;
	int err;

	err = nvsp_execute(nic, &msg, NVSP_RECV_BUFFER_COMPLETE, 28);
	if (err)
		return err;
	answer = nic->nvsp_answer;
	if (answer.recv_complete.status != NVSP_SUCCESS)
		return complain(nic, -EPROTO, "the host refuses the receive buffer: status %u",
				answer.recv_complete.status);
	nic->recv_shared = true;
	/*
	 * Which parts the host uses is its business, if they lie in the buffer.
	 */
	used = (uint64_t)answer.recv_complete.size * answer.recv_complete.count;
	if (answer.recv_complete.sections != 1 || answer.recv_complete.offset || !used ||
	    used > nic->recv.size)
		return complain(nic, -EPROTO,
				"the host uses %u times %u bytes of the receive buffer",
				answer.recv_complete.count, answer.recv_complete.size);
	return 0;
}

/*
 * Return the size of the largest message: a frame with one VLAN tag beside it
 * and one in it.
 */
static uint32_t max_message(const struct nic *nic)
{
	return sizeof(struct rndis_packet) + sizeof(struct rndis_ppi) + sizeof(uint32_t) +
		nic->mtu + ETH_HEADER + VLAN_TAG;
}

static int share_send_buffer(struct nic *nic)
{
	const struct nvsp_message msg = {
		.type = NVSP_SEND_BUFFER, .buffer = { nic->send.gpadl, SEND_BUFFER_ID },
	};
	struct pool *sections = &nic->pools[SECTIONS];
	uint32_t size, need = SECTION_MIN;
	int err;

	err = nvsp_execute(nic, &msg, NVSP_SEND_BUFFER_COMPLETE, 12);
	if (err)
		return err;
	if (nic->nvsp_answer.send_complete.status != NVSP_SUCCESS)
		return complain(nic, -EPROTO, "the host refuses the send buffer: status %u",
				nic->nvsp_answer.send_complete.status);
	nic->send_shared = true;
	size = nic->nvsp_answer.send_complete.section_size;
	if (nic->control_pool == sections)
		need = CONTROL_SIZE;
	if (nic->large_pool == sections && need < max_message(nic))
		need = max_message(nic);
	if (nic->frame_pool != sections)
		return 0;
	if (size < need || size > nic->send.size / (2 * CONTROL_SLOTS))
		return complain(nic, -EPROTO, "the host makes sections of %u bytes", size);
	return pool_init(sections, nic->send.address, nic->send.size, size);
}

static int initialize_rndis(struct nic *nic)
{
	struct rndis_request request = {
		.header.type = RNDIS_INITIALIZE, .initialize = { 1, 0, 0x4000 },
	};
	const struct rndis_answer *answer = &nic->rndis.answer;
	int err = rndis_execute(nic, &request, RNDIS_INITIALIZE_SIZE, NULL, 0);

	if (err == -EOPNOTSUPP)
		complain(nic, err, "the host refuses RNDIS: status 0x%08x", answer->status);
	if (err)
		return err;
	nic->initialized = true;
	if (nic->rndis_length < RNDIS_INITIALIZE_ANSWER_SIZE ||
	    answer->initialize.max_transfer < max_message(nic))
		return complain(nic, -EPROTO, "the host takes messages of %u bytes at most",
				answer->initialize.max_transfer);
	return 0;
}

/*
 * Let the host compute no checksums, and deliver no frames without a checksum
 * or merged ones.
 */
static int switch_offload_off(struct nic *nic)
{
	const struct ndis_offload offload = {
		.object = { 0x80, 3, sizeof(offload) },
		.checksums = { 1, 1, 1, 1, 1 }, .lso_v1 = 1, .lso_v2 = { 1, 1 }, .rsc = { 1, 1 },
	};
	struct ndis_offload older = offload;

	if (nic->version >= NVSP_VERSION_5)
		return rndis_set(nic, OID_OFFLOAD_PARAMETERS, &offload, sizeof(offload));
	older.object.revision = 2;
	older.object.size = offsetof(struct ndis_offload, rsc);
	return rndis_set(nic, OID_OFFLOAD_PARAMETERS, &older, older.object.size);
}

/* The host need not tell its MTU and the state of the link. */
static int query_properties(struct nic *nic)
{
	uint32_t status = 0;
	int err;

	err = rndis_query(nic, OID_PERMANENT_ADDRESS, NULL, 0, nic->mac, sizeof(nic->mac));
	if (err)
		return err;
	nic->host_mtu = nic->mtu;
	err = rndis_query_u32(nic, OID_MAX_FRAME_SIZE, &nic->host_mtu);
	if (err && err != -EOPNOTSUPP)
		return err;
	if (nic->host_mtu < MTU_MIN)
		return complain(nic, -EPROTO, "the host says that its MTU is %u", nic->host_mtu);
	if (nic->host_mtu > nic->mtu)
		nic->host_mtu = nic->mtu;
	err = rndis_query_u32(nic, OID_MEDIA_STATUS, &status);
	nic->link_up = !status;
	return err == -EOPNOTSUPP ? 0 : err;
}

/* Let the host spread the frames over the channels. */
static int distribute(struct nic *nic)
{
	struct ndis_rss_parameters rss = {
		.object = { 0x89, 2, offsetof(struct ndis_rss_parameters, table) },
		.flags = RSS_DISABLE,
		.hash = RSS_HASH,
		.table_size = sizeof(rss.table),
		.table_offset = offsetof(struct ndis_rss_parameters, table),
		.key_size = sizeof(rss.key),
		.key_offset = offsetof(struct ndis_rss_parameters, key),
	};
	int err;

	for (unsigned int i = 0; i < RSS_ENTRIES; i++)
		rss.table[i] = i % nic->channel_count;
	/* With this key both directions of a connection have the same hash. */
	for (unsigned int i = 0; i < RSS_KEY_SIZE; i++)
		rss.key[i] = i % 2 ? 0x5a : 0x6d;
	err = rndis_set(nic, OID_RSS_PARAMETERS, &rss, sizeof(rss));
	if (err)
		return err;
	rss.flags = 0;
	return rndis_set(nic, OID_RSS_PARAMETERS, &rss, sizeof(rss));
}

/* Ask for sub-channels. A host that has none leaves us with the primary. */
static int add_subchannels(struct nic *nic)
{
	const struct ndis_object query = { 0x88, 2, NDIS_RSS_CAPABILITIES_SIZE };
	struct ndis_rss_capabilities rss;
	struct nvsp_message msg = { .type = NVSP_SUBCHANNEL };
	uint32_t wanted = nic->app->channels, granted;
	int err;

	if (wanted == 1)
		return 0;
	if (nic->version < NVSP_VERSION_5) {
		say(nic, "one channel: the host has an old version of NVSP");
		return 0;
	}
	err = rndis_query(nic, OID_RSS_CAPABILITIES, &query, sizeof(query), &rss,
			  NDIS_RSS_CAPABILITIES_SIZE);
	if (err == -EOPNOTSUPP)
		return 0;
	if (err)
		return err;
	if (wanted > rss.queues)
		wanted = rss.queues;
	if (wanted <= 1 || rss.entries < RSS_ENTRIES) {
		say(nic, "one channel: the host distributes over %u with a table of %u", rss.queues,
		    rss.entries);
		return 0;
	}
	msg.subchannel.operation = NVSP_ALLOCATE;
	msg.subchannel.count = wanted - 1;
	err = nvsp_execute(nic, &msg, NVSP_SUBCHANNEL, 12);
	if (err)
		return err;
	granted = nic->nvsp_answer.granted.count;
	if (nic->nvsp_answer.granted.status != NVSP_SUCCESS || !granted) {
		say(nic, "one channel: the host refuses more");
		return 0;
	}
	if (granted > wanted - 1)
		return complain(nic, -EPROTO, "the host grants %u sub-channels instead of %u",
				granted, wanted - 1);
	err = nic->open_subchannels(nic, granted);
	return err ? err : distribute(nic);
}

static int set_filter(struct nic *nic, uint32_t filter)
{
	return rndis_set(nic, OID_PACKET_FILTER, &filter, sizeof(filter));
}

static const char *where_frames(const struct nic *nic)
{
	if (nic->frame_pool->pages)
		return "pages";
	return max_message(nic) > nic->frame_pool->slot_size ? "sections and pages" : "sections";
}

int nic_start(struct nic *nic)
{
	static int (*const steps[])(struct nic *nic) = {
		negotiate, configure, share_recv_buffer, share_send_buffer, initialize_rndis,
		switch_offload_off, query_properties, add_subchannels,
	};
	const uint8_t *mac = nic->mac;
	uint32_t filter = FILTER_DIRECTED | FILTER_ALL_MULTICAST | FILTER_BROADCAST;
	int err;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](nic);
		if (err)
			return err;
	}
	say(nic, "NVSP %u.%u, MAC %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, link %s, channels %u, "
	    "frames in %s, control messages in %s", nic->version >> 16, nic->version & 0xffff,
	    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], nic->host_mtu,
	    nic->link_up ? "up" : "down", nic->channel_count, where_frames(nic),
	    nic->control_pool->pages ? "pages" : "sections");
	nic->running = true;
	err = set_filter(nic, nic->app->promiscuous ? FILTER_PROMISCUOUS : filter);
	if (!err)
		say(nic, "ready");
	return err;
}

/* The stop of a NIC */

static bool is_quiet(const struct nic *nic)
{
	for (unsigned int i = 0; i < POOLS; i++)
		if (nic->pools[i].free_count != nic->pools[i].count)
			return false;
	for (unsigned int i = 0; i < nic->channel_count; i++)
		if (nic->channels[i].ack_count)
			return false;
	return true;
}

/* Wait until the host has completed all that we sent. */
static int drain(struct nic *nic)
{
	const int64_t deadline = deadline_of(nic);
	int err = 0;

	while (!err && !is_quiet(nic))
		err = wait_turn(nic, deadline);
	if (err != -ETIMEDOUT)
		return err;
	nic->silent = true;
	return complain(nic, err, "the host does not complete what we sent");
}

static int halt(struct nic *nic)
{
	const struct rndis_request request = {
		.header = { RNDIS_HALT, RNDIS_HALT_SIZE }, .id = ++nic->rndis_id,
	};
	int err = rndis_send(nic, &request, RNDIS_HALT_SIZE);

	return err ? err : drain(nic);
}

static int revoke_buffer(struct nic *nic, uint32_t type, uint16_t id)
{
	const struct nvsp_message msg = { .type = type, .revoke.id = id };

	return nvsp_send(nic, &msg, 0);
}

static int stop_frames(struct nic *nic)
{
	return nic->running && !nic->silent ? set_filter(nic, 0) : 0;
}

static int stop_rndis(struct nic *nic)
{
	int err;

	nic->running = false;
	if (!nic->initialized || nic->silent)
		return 0;
	err = drain(nic);
	return err ? err : halt(nic);
}

static int revoke_recv_buffer(struct nic *nic)
{
	return nic->recv_shared ? revoke_buffer(nic, NVSP_REVOKE_RECV_BUFFER, RECV_BUFFER_ID) : 0;
}

static int revoke_send_buffer(struct nic *nic)
{
	nic->recv_shared = false;
	return nic->send_shared ? revoke_buffer(nic, NVSP_REVOKE_SEND_BUFFER, SEND_BUFFER_ID) : 0;
}

int nic_stop(struct nic *nic)
{
	static int (*const steps[])(struct nic *nic) = {
		stop_frames, stop_rndis, revoke_recv_buffer, revoke_send_buffer,
	};
	int result = 0, err;

	nic->app->stopping = true;
	/* After an error go on: the host may be able to do the rest. */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !nic->lost; i++) {
		err = steps[i](nic);
		if (!result)
			result = err;
	}
	return result;
}
