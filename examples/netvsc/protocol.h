/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The parts of the protocols of Hyper-V's synthetic NIC that this example uses
 *
 * NVSP travels in the packets of the channel. It agrees on a version and on two
 * buffers, and carries RNDIS messages, which are the frames and the control
 * messages of the NIC. The host puts RNDIS messages into the receive buffer.
 * The guest puts them into a section of the send buffer, or tells the host in
 * which pages of the guest they are. All numbers are little-endian.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

#define ETH_HEADER 14u
#define VLAN_TAG   4u	 /* a tag in a frame makes it longer by this */
#define GUEST_PAGE 4096u /* of VMBus, whatever the page size of the system */

/* NVSP */

#define NVSP_VERSION_5	 0x50000u
#define NVSP_VERSION_6	 0x60000u
#define NVSP_VERSION_6_1 0x60001u

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_NDIS_VERSION = 100,
	NVSP_NDIS_CONFIG = 125,
	NVSP_RECV_BUFFER = 101,
	NVSP_RECV_BUFFER_COMPLETE = 102,
	NVSP_REVOKE_RECV_BUFFER = 103,
	NVSP_SEND_BUFFER = 104,
	NVSP_SEND_BUFFER_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUFFER = 106,
	NVSP_RNDIS = 107,
	NVSP_RNDIS_COMPLETE = 108,
	NVSP_VF_ASSOCIATION = 128,
	NVSP_INDIRECTION_TABLE = 134,
	NVSP_SUBCHANNEL = 133, /* the answer has the same type */
};

#define NVSP_SUCCESS	     1u
#define NVSP_FAILURE	     2u
#define NVSP_NO_SECTION	     UINT32_MAX
#define NVSP_ALLOCATE	     1u /* the operation of NVSP_SUBCHANNEL */
#define NVSP_CAPABILITY_VLAN (1u << 3)

/* The guest chooses the ids of its buffers, and any numbers work. */
#define RECV_BUFFER_ID 0xcafeu
#define SEND_BUFFER_ID 0xfaceu

/* A message always has 40 bytes, and most of them are unused. */
struct nvsp_message {
	uint32_t type;
	union {
		struct {
			uint32_t min, max;
		} init;
		struct {
			uint32_t version, mdl_chain, status;
		} init_complete;
		struct {
			uint32_t major, minor;
		} ndis_version;
		/* The MTU counts the Ethernet header. */
		struct {
			uint32_t mtu, reserved, capabilities[2];
		} ndis_config;
		struct {
			uint32_t gpadl;
			uint16_t id;
		} buffer;
		struct {
			uint16_t id;
		} revoke;
		struct {
			uint32_t status, sections, offset, size, count, end;
		} recv_complete;
		struct {
			uint32_t status, section_size;
		} send_complete;
		/* With NVSP_NO_SECTION the message is in pages. */
		struct {
			uint32_t control, section, bytes;
		} rndis;
		struct {
			uint32_t status;
		} rndis_complete;
		struct {
			uint32_t operation, count;
		} subchannel;
		struct {
			uint32_t status, count;
		} granted;
		uint32_t words[9];
	};
};

/*
 * RNDIS: offsets count from byte 8 of the message, where the request id of
 * control messages is. The answer to a type has the bit RNDIS_COMPLETE.
 */

enum rndis_type {
	RNDIS_PACKET = 1,
	RNDIS_INITIALIZE = 2,
	RNDIS_HALT = 3,
	RNDIS_QUERY = 4,
	RNDIS_SET = 5,
	RNDIS_INDICATE = 7,
};

#define RNDIS_COMPLETE	  0x80000000u
#define RNDIS_OFFSET_BASE 8u

struct rndis_header {
	uint32_t type;
	uint32_t length; /* of the whole message */
};

/*
 * A frame. PPIs (per-packet information) come between this header and the data.
 */
struct rndis_packet {
	struct rndis_header header;
	uint32_t data_offset, data_length;
	uint32_t oob[3];
	uint32_t ppi_offset, ppi_length;
	uint32_t reserved[2];
};

struct rndis_ppi {
	uint32_t size; /* this header and what follows, a multiple of 4 */
	uint32_t type;
	uint32_t offset; /* from the start of this header */
};

#define RNDIS_PPI_VLAN 6u
#define VLAN_NONE      UINT32_MAX /* a frame came without a VLAN tag */

struct rndis_request {
	struct rndis_header header;
	uint32_t id;
	union {
		struct {
			uint32_t major, minor, max_transfer;
		} initialize;
		struct {
			uint32_t oid, length, offset, reserved;
		} query; /* also of a set */
	};
};

#define RNDIS_QUERY_SIZE      28u
#define RNDIS_INITIALIZE_SIZE 24u
#define RNDIS_HALT_SIZE	      12u

struct rndis_answer {
	struct rndis_header header;
	uint32_t id;
	uint32_t status;
	union {
		struct {
			uint32_t length, offset;
		} query;
		struct {
			uint32_t major, minor, flags, medium, max_packets, max_transfer, alignment;
			uint32_t reserved[2];
		} initialize;
	};
};

#define RNDIS_QUERY_ANSWER_SIZE	     24u
#define RNDIS_INITIALIZE_ANSWER_SIZE 52u
#define RNDIS_STATUS_SIZE	     16u /* of an answer that has only a status */

struct rndis_indication {
	struct rndis_header header;
	uint32_t status, length, offset;
};

#define RNDIS_LINK_UP	0x4001000bu
#define RNDIS_LINK_DOWN 0x4001000cu

enum rndis_oid {
	OID_PACKET_FILTER = 0x0001010e,
	OID_RSS_CAPABILITIES = 0x00010203,
	OID_RSS_PARAMETERS = 0x00010204,
	OID_PERMANENT_ADDRESS = 0x01010101,
	OID_OFFLOAD_PARAMETERS = (int)0xfc01020c,
};

#define FILTER_DIRECTED	     0x01u
#define FILTER_ALL_MULTICAST 0x04u
#define FILTER_BROADCAST     0x08u
#define FILTER_PROMISCUOUS   0x20u

struct ndis_object {
	uint8_t type, revision;
	uint16_t size;
};

/* The value 1 switches an offload off; 0 would leave it as it is. */
struct ndis_offload {
	struct ndis_object object; /* 0x80, 3 */
	uint8_t checksums[5], lso_v1, ipsec_v1, lso_v2[2], connection[2];
	uint32_t flags;
	uint8_t ipsec_v2[2], rsc[2], encapsulation[2];
};

struct ndis_rss_capabilities {
	struct ndis_object object; /* 0x88, 2 */
	uint32_t flags, interrupts, queues;
	uint16_t entries; /* of the table */
};

#define NDIS_RSS_CAPABILITIES_SIZE 18u /* without the padding of the struct */

#define RSS_ENTRIES 128u
#define RSS_DISABLE 0x10u
#define RSS_HASH    0x1701u /* Toeplitz, over addresses and TCP ports of IPv4 and IPv6 */

struct ndis_rss_parameters {
	struct ndis_object object; /* 0x89, 2; the size is that up to the table */
	uint16_t flags, base_cpu;
	uint32_t hash;
	uint16_t table_size;
	uint32_t table_offset; /* from the start of this struct */
	uint16_t key_size;
	uint32_t key_offset;
	uint32_t masks[3];
	uint32_t table[RSS_ENTRIES]; /* channel by hash */
	uint8_t key[40];
};

#endif /* PROTOCOL_H */
