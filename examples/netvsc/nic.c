// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Send requests to the host, and start and stop a NIC. */
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
	return stop_requested && !nic->app->stopping ? -EINTR : turn(nic->app, deadline);
}

/*
 * Report that the host has made no room for a message. Return other errors as
 * they are.
 */
static int unsent(struct nic *nic, int err)
{
	if (err != -ETIMEDOUT)
		return err;
	nic->silent = true;
	return report(nic, err, "the host does not read the ring");
}

/* Send a message of NVSP. It has an answer if @id is not 0. */
static int nvsp_send(struct nic *nic, const struct nvsp_message *msg, uint64_t id)
{
	const uint16_t flags = id ? VMBUS_PACKET_COMPLETION_REQUESTED : 0;
	const int64_t deadline = now_ms() + TIMEOUT_MS;
	struct channel *primary = &nic->channels[0];
	int err;

	do {
		err = vmbus_send(primary->chan, VMBUS_PACKET_INBAND, flags, id, msg, sizeof(*msg));
		if (err != -EAGAIN)
			return err ? channel_failed(primary, err) : 0;
		primary->blocked = true;
		err = wait_turn(nic, deadline);
	} while (!err);
	return unsent(nic, err);
}

/*
 * Wait until the host's answer clears @pending. @err is 0, or the reason why
 * the request was not sent.
 */
static int wait_answer(struct nic *nic, int err, uint64_t *pending, const char *protocol,
		       uint32_t type)
{
	const int64_t deadline = now_ms() + TIMEOUT_MS;

	while (!err && *pending)
		err = wait_turn(nic, deadline);
	/*
	 * The last turn may have been late, and may have received the answer.
	 */
	if (err == -ETIMEDOUT && !*pending)
		err = 0;
	*pending = 0;
	if (err != -ETIMEDOUT || nic->silent)
		return err;
	nic->silent = true;
	return report(nic, err, "the host does not answer %s message %u", protocol, type);
}

/*
 * Send a request, and wait for an answer of @type with at least @length bytes.
 * The answer is in nic->nvsp_answer.
 */
static int nvsp_execute(struct nic *nic, const struct nvsp_message *msg, uint32_t type,
			uint32_t length)
{
	int err;

	nic->nvsp_id = new_id(nic, UINT16_MAX);
	err = nvsp_send(nic, msg, nic->nvsp_id);
	err = wait_answer(nic, err, &nic->nvsp_id, "NVSP", msg->type);
	if (err)
		return err;
	if (nic->nvsp_answer.type != type || nic->nvsp_length < length)
		return report(nic, -EPROTO,
			      "the answer to NVSP message %u has type %u and %u bytes", msg->type,
			      nic->nvsp_answer.type, nic->nvsp_length);
	return 0;
}

static int rndis_send(struct nic *nic, const void *message, uint32_t size)
{
	const int64_t deadline = now_ms() + TIMEOUT_MS;
	int err;

	while ((err = send_control(nic, message, size)) == -EAGAIN) {
		err = wait_turn(nic, deadline);
		if (err)
			break;
	}
	return unsent(nic, err);
}

/*
 * Send a request, and wait for the answer, which is in nic->rndis. Return
 * -EOPNOTSUPP if the host refuses it.
 */
static int rndis_execute(struct nic *nic, struct rndis_request *request, uint32_t header_size,
			 const void *data, uint32_t length)
{
	unsigned char message[CONTROL_SIZE];
	int err;

	request->header.length = header_size + length;
	request->id = ++nic->rndis_id;
	memcpy(message, request, header_size);
	if (length)
		memcpy(message + header_size, data, length);
	nic->rndis_type = request->header.type;
	err = rndis_send(nic, message, header_size + length);
	err = wait_answer(nic, err, &nic->rndis_type, "RNDIS", request->header.type);
	if (err)
		return err;
	return nic->rndis.answer.status ? -EOPNOTSUPP : 0;
}

/* Set the property @oid, or query it if @type is RNDIS_QUERY. */
static int rndis_oid(struct nic *nic, uint32_t type, uint32_t oid, const void *data,
		     uint32_t length)
{
	struct rndis_request request = {
		.header.type = type,
		.query = { oid, length, RNDIS_QUERY_SIZE - RNDIS_OFFSET_BASE, 0 },
	};
	int err = rndis_execute(nic, &request, RNDIS_QUERY_SIZE, data, length);

	if (err == -EOPNOTSUPP)
		report(nic, err, "the host refuses %s 0x%08x: status 0x%08x",
		       type == RNDIS_SET ? "to set" : "the query", oid, nic->rndis.answer.status);
	return err;
}

static int rndis_set(struct nic *nic, uint32_t oid, const void *data, uint32_t length)
{
	return rndis_oid(nic, RNDIS_SET, oid, data, length);
}

/*
 * Query the property @oid. Some queries have an @input. An answer that is
 * shorter or longer than @length is wrong.
 */
static int rndis_query(struct nic *nic, uint32_t oid, const void *input, uint32_t input_length,
		       void *result, uint32_t length)
{
	const struct rndis_answer *answer = &nic->rndis.answer;
	int err = rndis_oid(nic, RNDIS_QUERY, oid, input, input_length);

	if (err)
		return err;
	if (nic->rndis_length < RNDIS_QUERY_ANSWER_SIZE || answer->query.length != length ||
	    !part_ok(answer->query.offset, length, RNDIS_QUERY_ANSWER_SIZE, nic->rndis_length))
		return report(nic, -EPROTO, "the answer to the query 0x%08x has %u bytes at %u",
			      oid, answer->query.length, answer->query.offset);
	memcpy(result, nic->rndis.bytes + RNDIS_OFFSET_BASE + answer->query.offset, length);
	return 0;
}

/* The start of a NIC */

static int negotiate(struct nic *nic)
{
	static const uint32_t versions[] = { NVSP_VERSION_6_1, NVSP_VERSION_6, NVSP_VERSION_5 };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const struct nvsp_message msg = {
			.type = NVSP_INIT,
			.init = { versions[i], versions[i] },
		};
		int err = nvsp_execute(nic, &msg, NVSP_INIT_COMPLETE, 16);

		if (err)
			return err;
		nic->version = versions[i];
		if (nic->nvsp_answer.init_complete.status == NVSP_SUCCESS)
			return 0;
	}
	return report(nic, -EPROTONOSUPPORT, "the host accepts no version of NVSP from 5.0 to 6.1");
}

static int configure(struct nic *nic)
{
	const struct nvsp_message config = {
		.type = NVSP_NDIS_CONFIG,
		.ndis_config = { MTU + ETH_HEADER, 0, { NVSP_CAPABILITY_VLAN, 0 } },
	};
	const struct nvsp_message version = {
		.type = NVSP_NDIS_VERSION,
		.ndis_version = { 6, 30 },
	};
	int err = nvsp_send(nic, &config, 0);

	return err ? err : nvsp_send(nic, &version, 0);
}

static int share_buffer(struct nic *nic, const char *name, uint32_t type, uint32_t gpadl,
			uint16_t id, uint32_t answer_length)
{
	const struct nvsp_message msg = { .type = type, .buffer = { gpadl, id } };
	int err = nvsp_execute(nic, &msg, type + 1, answer_length);

	/* The status is at the same place in both answers. */
	if (!err && nic->nvsp_answer.recv_complete.status != NVSP_SUCCESS)
		err = report(nic, -EPROTO, "the host refuses the %s buffer: status %u", name,
			     nic->nvsp_answer.recv_complete.status);
	return err;
}

static int share_recv_buffer(struct nic *nic)
{
	struct nvsp_message answer;
	uint64_t used;
	int err =
		share_buffer(nic, "receive", NVSP_RECV_BUFFER, nic->recv.gpadl, RECV_BUFFER_ID, 28);

	if (err)
		return err;
	nic->recv_shared = true;
	answer = nic->nvsp_answer;
	/* The host may use any parts that lie in the buffer. */
	used = (uint64_t)answer.recv_complete.size * answer.recv_complete.count;
	if (answer.recv_complete.sections != 1 || answer.recv_complete.offset || !used ||
	    used > nic->recv.size || answer.recv_complete.count > (HELD_MAX - RANGES_MAX) / 2)
		return report(nic, -EPROTO, "the host uses %u times %u bytes of the receive buffer",
			      answer.recv_complete.count, answer.recv_complete.size);
	return 0;
}

/* The largest message: a frame with one VLAN tag beside it and one in it */
#define MESSAGE_MAX                                                                        \
	(sizeof(struct rndis_packet) + sizeof(struct rndis_ppi) + sizeof(uint32_t) + MTU + \
	 ETH_HEADER + VLAN_TAG)

static int share_send_buffer(struct nic *nic)
{
	const uint32_t need = MESSAGE_MAX;
	uint32_t size;
	int err = share_buffer(nic, "send", NVSP_SEND_BUFFER, nic->send.gpadl, SEND_BUFFER_ID, 12);

	if (err)
		return err;
	nic->send_shared = true;
	size = nic->nvsp_answer.send_complete.section_size;
	if (nic->app->pages)
		return 0;
	if (size < need || size > nic->send.size / (2 * CONTROL_SLOTS))
		return report(nic, -EPROTO,
			      "the host's sections have %u bytes, but messages "
			      "have up to %u: try --send=pages",
			      size, need);
	return pool_init(&nic->pool, nic->send.address, nic->send.size, size);
}

static int initialize_rndis(struct nic *nic)
{
	struct rndis_request request = {
		.header.type = RNDIS_INITIALIZE,
		.initialize = { 1, 0, 0x4000 },
	};
	const struct rndis_answer *answer = &nic->rndis.answer;
	int err = rndis_execute(nic, &request, RNDIS_INITIALIZE_SIZE, NULL, 0);

	if (err == -EOPNOTSUPP)
		report(nic, err, "the host refuses RNDIS: status 0x%08x", answer->status);
	if (err)
		return err;
	nic->initialized = true;
	if (nic->rndis_length < RNDIS_INITIALIZE_ANSWER_SIZE ||
	    answer->initialize.max_transfer < MESSAGE_MAX)
		return report(nic, -EPROTO, "the host accepts messages of at most %u bytes",
			      answer->initialize.max_transfer);
	return 0;
}

/*
 * Disable offloads, so that the host computes no checksums and delivers neither
 * frames without a checksum nor merged frames.
 */
static int switch_offload_off(struct nic *nic)
{
	const struct ndis_offload offload = {
		.object = { 0x80, 3, sizeof(offload) },
		.checksums = { 1, 1, 1, 1, 1 },
		.lso_v1 = 1,
		.lso_v2 = { 1, 1 },
		.rsc = { 1, 1 },
	};

	return rndis_set(nic, OID_OFFLOAD_PARAMETERS, &offload, sizeof(offload));
}

static int query_mac(struct nic *nic)
{
	return rndis_query(nic, OID_PERMANENT_ADDRESS, NULL, 0, nic->mac, sizeof(nic->mac));
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
	for (unsigned int i = 0; i < sizeof(rss.key); i++)
		rss.key[i] = i % 2 ? 0x5a : 0x6d;
	err = rndis_set(nic, OID_RSS_PARAMETERS, &rss, sizeof(rss));
	if (err)
		return err;
	rss.flags = 0;
	return rndis_set(nic, OID_RSS_PARAMETERS, &rss, sizeof(rss));
}

/*
 * Request sub-channels. If the host has none, the driver uses the primary
 * alone.
 */
static int add_subchannels(struct nic *nic)
{
	const struct ndis_object query = { 0x88, 2, NDIS_RSS_CAPABILITIES_SIZE };
	struct ndis_rss_capabilities rss;
	struct nvsp_message msg = { .type = NVSP_SUBCHANNEL };
	uint32_t wanted = nic->app->channels, granted;
	int err;

	if (wanted == 1)
		return 0;
	err = rndis_query(nic, OID_RSS_CAPABILITIES, &query, sizeof(query), &rss,
			  NDIS_RSS_CAPABILITIES_SIZE);
	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	if (wanted > rss.queues)
		wanted = rss.queues;
	if (wanted <= 1 || rss.entries < RSS_ENTRIES) {
		report(nic, 0, "one channel: the host distributes over %u with a table of %u",
		       rss.queues, rss.entries);
		return 0;
	}
	msg.subchannel.operation = NVSP_ALLOCATE;
	msg.subchannel.count = wanted - 1;
	err = nvsp_execute(nic, &msg, NVSP_SUBCHANNEL, 12);
	if (err)
		return err;
	granted = nic->nvsp_answer.granted.count;
	if (nic->nvsp_answer.granted.status != NVSP_SUCCESS || !granted) {
		report(nic, 0, "one channel: the host refuses more");
		return 0;
	}
	if (granted > wanted - 1)
		return report(nic, -EPROTO, "the host grants %u sub-channels instead of %u",
			      granted, wanted - 1);
	err = open_subchannels(nic, granted);
	return err ? err : distribute(nic);
}

static int set_filter(struct nic *nic, uint32_t filter)
{
	return rndis_set(nic, OID_PACKET_FILTER, &filter, sizeof(filter));
}

static int open_filter(struct nic *nic)
{
	const uint8_t *mac = nic->mac;

	report(nic, 0,
	       "NVSP %u.%u, MAC %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, channels %u, "
	       "messages in %s",
	       nic->version >> 16, nic->version & 0xffff, mac[0], mac[1], mac[2], mac[3], mac[4],
	       mac[5], MTU, nic->channel_count, nic->app->pages ? "pages" : "sections");
	nic->running = true;
	/*
	 * A NIC that forwards for others must receive frames for other
	 * addresses, too.
	 */
	return set_filter(nic, nic->app->nic_count > 1 ?
				       FILTER_PROMISCUOUS :
				       FILTER_DIRECTED | FILTER_ALL_MULTICAST | FILTER_BROADCAST);
}

int nic_start(struct nic *nic)
{
	static int (*const steps[])(struct nic *nic) = {
		negotiate,	   configure,	     share_recv_buffer,
		share_send_buffer, initialize_rndis, switch_offload_off,
		query_mac,	   add_subchannels,  open_filter,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int err = steps[i](nic);

		if (err)
			return err;
	}
	report(nic, 0, "ready");
	return 0;
}

/*
 * The stop of a NIC. Each step does nothing if its counterpart was not started.
 */

static bool drained(const struct nic *nic)
{
	return nic->pool.free_count == nic->pool.count && nic->held_first == nic->held_end;
}

/*
 * Wait until the driver has sent all frames, and the host has completed them.
 */
static int drain(struct nic *nic)
{
	const int64_t deadline = now_ms() + TIMEOUT_MS;
	int err = 0;

	while (!err && !drained(nic))
		err = wait_turn(nic, deadline);
	if (err == -ETIMEDOUT && drained(nic))
		err = 0;
	if (err != -ETIMEDOUT)
		return err;
	nic->silent = true;
	return report(nic, err, "the host does not complete all packets");
}

static int stop_frames(struct nic *nic)
{
	return nic->running && !nic->silent ? set_filter(nic, 0) : 0;
}

static int stop_rndis(struct nic *nic)
{
	const struct rndis_request request = {
		.header = { RNDIS_HALT, RNDIS_HALT_SIZE },
		.id = ++nic->rndis_id,
	};
	int err = 0;

	if (nic->initialized && !nic->silent)
		err = drain(nic);
	nic->running = false;
	if (err || !nic->initialized || nic->silent)
		return err;
	err = rndis_send(nic, &request, RNDIS_HALT_SIZE);
	return err ? err : drain(nic);
}

static int revoke_buffers(struct nic *nic)
{
	const struct nvsp_message recv = { .type = NVSP_REVOKE_RECV_BUFFER,
					   .revoke.id = RECV_BUFFER_ID };
	const struct nvsp_message send = { .type = NVSP_REVOKE_SEND_BUFFER,
					   .revoke.id = SEND_BUFFER_ID };
	int err = nic->recv_shared ? nvsp_send(nic, &recv, 0) : 0;

	if (!err && nic->send_shared)
		err = nvsp_send(nic, &send, 0);
	nic->recv_shared = nic->send_shared = false;
	return err;
}

int nic_stop(struct nic *nic)
{
	static int (*const steps[])(struct nic *nic) = { stop_frames, stop_rndis, revoke_buffers };
	int result = 0, err;

	nic->app->stopping = true;
	/* Go on after an error, because the host may be able to do the rest. */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !nic->lost; i++) {
		err = steps[i](nic);
		result = result ? result : err;
	}
	return result;
}
