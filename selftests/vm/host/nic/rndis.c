// SPDX-License-Identifier: GPL-2.0-only
/*
 * RNDIS control messages: the guest queries the properties of the NIC, and sets
 * them.
 */
#include "nic.h"

#define LINK_SPEED 100000000u /* in 100 bit/s: 10 Gbit/s */

static void begin_answer(struct rndis_answer *answer, uint32_t type, uint32_t len, uint32_t id,
			 uint32_t status)
{
	*answer = (struct rndis_answer){ .len = len };
	put32(answer->bytes, type | RNDIS_COMPLETE);
	put32(answer->bytes + 4, len);
	put32(answer->bytes + 8, id);
	put32(answer->bytes + 12, status);
}

static uint32_t initialize(struct nic *nic, const uint8_t *message, uint32_t len,
			   struct rndis_answer *answer)
{
	if (len < 24 || get32(message + 12) != 1 || get32(message + 16) || !get32(message + 20)) {
		complaint(nic, "INITIALIZE of %u bytes, version %u.%u", len,
			  len < 20 ? 0 : get32(message + 12), len < 20 ? 0 : get32(message + 16));
		return NVSP_STATUS_INVALID_RNDIS;
	}
	if (!nic->session.has_receive)
		complaint(nic, "INITIALIZE without a receive buffer");
	nic->session.initialized = true;
	begin_answer(answer, RNDIS_INITIALIZE, 52, get32(message + 8), RNDIS_STATUS_SUCCESS);
	put32(answer->bytes + 16, 1);
	put32(answer->bytes + 24, 1); /* connectionless */
	put32(answer->bytes + 32, MAX_PACKETS);
	put32(answer->bytes + 36, 0xefffffff);
	put32(answer->bytes + 40, ALIGNMENT);
	return NVSP_STATUS_SUCCESS;
}

/* Write the header of an NDIS object: type, revision, size. */
static void put_object(uint8_t *at, uint8_t type, uint8_t revision, uint16_t size)
{
	at[0] = type;
	at[1] = revision;
	put16(at + 2, size);
}

/*
 * Report that there are no offloads: a header and zeros, with the revision and
 * the size that the guest asks for.
 */
static uint32_t capabilities(struct nic *nic, const uint8_t *data, uint32_t len, uint8_t *result)
{
	uint32_t size = 156;
	uint8_t revision = 3;

	if (len >= 4) {
		revision = data[1];
		size = get16(data + 2);
		if (data[0] != 0xa7 || !revision || revision > 3 || size < 112 || size > 156) {
			complaint(nic, "a query of capabilities: type %#x revision %u size %u",
				  data[0], revision, size);
			revision = 3;
			size = 156;
		}
	}
	put_object(result, 0xa7, revision, (uint16_t)size);
	return size;
}

static uint32_t rss_capabilities(struct nic *nic, uint8_t *result)
{
	put_object(result, 0x88, 2, 18);
	put32(result + 4, 0x301); /* Toeplitz hashes over TCP, IPv4 and IPv6 */
	put32(result + 8, 1);
	put32(result + 12, nic->host.channels);
	put16(result + 16, RSS_TABLE);
	return 18;
}

/*
 * Write an object to @result, at most 512 bytes. Returns its length, or 0 if
 * the NIC does not have this object.
 */
static uint32_t query_object(struct nic *nic, uint32_t oid, const uint8_t *data, uint32_t len,
			     uint8_t *result)
{
	switch (oid) {
	case OID_MAX_FRAME_SIZE:
		put32(result, nic->session.mtu);
		return 4;
	case OID_PERMANENT_ADDRESS:
		memcpy(result, nic->mac, sizeof(nic->mac));
		return sizeof(nic->mac);
	case OID_HW_CAPABILITIES:
		return capabilities(nic, data, len, result);
	case OID_MEDIA_CONNECT_STATUS:
		put32(result, !nic->link);
		return 4;
	case OID_LINK_SPEED:
		put32(result, LINK_SPEED);
		return 4;
	case OID_RSS_CAPABILITIES:
		return nic->session.version >= NVSP_VERSION_5 ? rss_capabilities(nic, result) : 0;
	default:
		return 0;
	}
}

/*
 * Returns the buffer of a query or a set, or NULL if it is outside of the
 * message. The OID is at 12, the length at 16 and the offset at 20.
 */
static const uint8_t *buffer_of(struct nic *nic, const uint8_t *message, uint32_t len,
				uint32_t *size)
{
	uint32_t offset;

	if (len < 28) {
		complaint(nic, "RNDIS message %u of %u bytes", get32(message), len);
		return NULL;
	}
	*size = get32(message + 16);
	offset = get32(message + 20);
	/* A query without a buffer needs no offset. */
	if (!*size)
		return message + 28;
	if (offset < 20 || offset > len - RNDIS_BASE || *size > len - RNDIS_BASE - offset) {
		complaint(nic, "RNDIS message %u of %u bytes: %u bytes at %u", get32(message), len,
			  *size, offset);
		return NULL;
	}
	return message + RNDIS_BASE + offset;
}

static uint32_t query(struct nic *nic, const uint8_t *message, uint32_t len,
		      struct rndis_answer *answer)
{
	uint32_t size = 0, oid, result;
	const uint8_t *data = buffer_of(nic, message, len, &size);

	if (!data)
		return NVSP_STATUS_INVALID_RNDIS;
	oid = get32(message + 12);
	begin_answer(answer, RNDIS_QUERY, 24, get32(message + 8), RNDIS_STATUS_SUCCESS);
	result = query_object(nic, oid, data, size, answer->bytes + 24);
	say(nic, "query %#x: %u bytes", oid, result);
	if (result) {
		answer->len += result;
		put32(answer->bytes + 4, answer->len);
		put32(answer->bytes + 16, result);
		put32(answer->bytes + 20, 16);
	} else {
		put32(answer->bytes + 12, RNDIS_STATUS_NOT_SUPPORTED);
	}
	return NVSP_STATUS_SUCCESS;
}

static uint32_t set_filter(struct nic *nic, const uint8_t *data, uint32_t len)
{
	if (len != 4) {
		complaint(nic, "a packet filter of %u bytes", len);
		return RNDIS_STATUS_INVALID_DATA;
	}
	nic->session.filter = get32(data);
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t set_offloads(struct nic *nic, const uint8_t *data, uint32_t len)
{
	if (len < 22 || data[0] != 0x80 || get16(data + 2) > len) {
		complaint(nic, "offload parameters of %u bytes", len);
		return RNDIS_STATUS_INVALID_DATA;
	}
	return RNDIS_STATUS_SUCCESS;
}

/* Returns whether @bytes at @offset are in an object of @len bytes. */
static bool in_object(uint32_t offset, uint32_t bytes, uint32_t len)
{
	return offset >= 40 && offset <= len && bytes <= len - offset;
}

static uint32_t set_rss(struct nic *nic, const uint8_t *data, uint32_t len)
{
	uint32_t table, table_at, key, key_at;

	if (len < 40 || data[0] != 0x89) {
		complaint(nic, "RSS parameters of %u bytes, type %#x", len, len ? data[0] : 0);
		return RNDIS_STATUS_INVALID_DATA;
	}
	table = get16(data + 12);
	table_at = get32(data + 16);
	key = get16(data + 20);
	key_at = get32(data + 24);
	say(nic, "RSS flags %#x hash %#x table %u bytes key %u bytes", get16(data + 4),
	    get32(data + 8), table, key);
	/*
	 * Flag 0x10 switches RSS off. The key is there then, too, and the table
	 * is valid or empty.
	 */
	if ((table && (table % 4 || table / 4 > RSS_TABLE || !in_object(table_at, table, len))) ||
	    key != RSS_KEY || !in_object(key_at, key, len)) {
		complaint(nic, "RSS parameters of %u bytes: a table of %u at %u, a key of %u at %u",
			  len, table, table_at, key, key_at);
		return RNDIS_STATUS_INVALID_DATA;
	}
	for (uint32_t i = 0; i < table / 4; i++) {
		nic->session.rss[i] = get32(data + table_at + 4 * i);
		if (nic->session.rss[i] >= nic->session.channels) {
			complaint(nic, "RSS entry %u is channel %u of %u", i, nic->session.rss[i],
				  nic->session.channels);
			return RNDIS_STATUS_INVALID_DATA;
		}
	}
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t set(struct nic *nic, const uint8_t *message, uint32_t len,
		    struct rndis_answer *answer)
{
	uint32_t size = 0, oid, status = RNDIS_STATUS_NOT_SUPPORTED;
	const uint8_t *data = buffer_of(nic, message, len, &size);

	if (!data)
		return NVSP_STATUS_INVALID_RNDIS;
	oid = get32(message + 12);
	if (oid == OID_PACKET_FILTER)
		status = set_filter(nic, data, size);
	else if (oid == OID_OFFLOAD_PARAMETERS)
		status = set_offloads(nic, data, size);
	else if (oid == OID_RSS_PARAMETERS)
		status = set_rss(nic, data, size);
	say(nic, "set %#x (%u bytes, %#x): status %#x", oid, size, size >= 4 ? get32(data) : 0,
	    status);
	begin_answer(answer, RNDIS_SET, 16, get32(message + 8), status);
	answer->offloads_changed = oid == OID_OFFLOAD_PARAMETERS && !status;
	return NVSP_STATUS_SUCCESS;
}

static uint32_t halt(struct nic *nic)
{
	say(nic, "HALT");
	nic->count.halts++;
	nic->session.initialized = false;
	nic->session.filter = 0;
	return NVSP_STATUS_SUCCESS;
}

uint32_t rndis_control(struct nic *nic, const uint8_t *message, uint32_t len,
		       struct rndis_answer *answer)
{
	uint32_t type = len >= 12 ? get32(message) : 0, size = len >= 12 ? get32(message + 4) : 0;

	/*
	 * After both buffers are revoked, treat every message as a HALT. DPDK
	 * frees its HALT as soon as it has sent it, so the host may read
	 * anything.
	 */
	if (nic->session.revoked_receive && nic->session.revoked_send)
		return halt(nic);
	if (size < 12 || size > len || len > RNDIS_CONTROL_MAX) {
		complaint(nic, "control message %u of %u bytes in %u", type, size, len);
		return NVSP_STATUS_INVALID_RNDIS;
	}
	if (!nic->session.initialized && type != RNDIS_INITIALIZE && type != RNDIS_HALT)
		complaint(nic, "control message %u before INITIALIZE", type);
	switch (type) {
	case RNDIS_INITIALIZE:
		return initialize(nic, message, size, answer);
	case RNDIS_HALT:
		return halt(nic);
	case RNDIS_QUERY:
		return query(nic, message, size, answer);
	case RNDIS_SET:
		return set(nic, message, size, answer);
	default:
		complaint(nic, "control message %u of %u bytes", type, size);
		return NVSP_STATUS_INVALID_RNDIS;
	}
}

void rndis_indicate_link(struct nic *nic)
{
	uint8_t message[20] = {};

	if (!nic->session.initialized)
		return;
	put32(message, RNDIS_INDICATE);
	put32(message + 4, sizeof(message));
	put32(message + 8, nic->link ? RNDIS_STATUS_CONNECT : RNDIS_STATUS_DISCONNECT);
	put32(message + 16, 12);
	data_control(nic, message, sizeof(message));
}

void rndis_indicate_offloads(struct nic *nic)
{
	uint8_t message[20 + 156] = {};

	put32(message, RNDIS_INDICATE);
	put32(message + 4, sizeof(message));
	put32(message + 8, RNDIS_STATUS_OFFLOADS);
	put32(message + 12, 156);
	put32(message + 16, 20 - RNDIS_BASE);
	put_object(message + 20, 0xa7, 3, 156);
	data_control(nic, message, sizeof(message));
}
