/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The numbers of the synthetic NIC's two protocols. NVSP is the protocol
 * between the driver and the host's switch, and it carries RNDIS. All fields
 * are little-endian. Offsets in comments count from the message's beginning.
 */
#ifndef VM_HOST_NIC_PROTOCOL_H
#define VM_HOST_NIC_PROTOCOL_H

#include <stdint.h>
#include <string.h>

enum {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_NDIS_VERSION = 100,
	NVSP_RECEIVE_BUFFER = 101,
	NVSP_RECEIVE_BUFFER_COMPLETE = 102,
	NVSP_REVOKE_RECEIVE_BUFFER = 103,
	NVSP_SEND_BUFFER = 104,
	NVSP_SEND_BUFFER_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUFFER = 106,
	NVSP_RNDIS = 107,
	NVSP_RNDIS_COMPLETE = 108,
	NVSP_NDIS_CONFIG = 125,
	NVSP_VF_ASSOCIATION = 128,
	NVSP_SUBCHANNELS = 133,
	NVSP_SEND_TABLE = 134,
};

enum {
	NVSP_VERSION_2 = 2,
	NVSP_VERSION_5 = 0x50000,
	NVSP_VERSION_61 = 0x60001,
};

enum {
	NVSP_STATUS_NONE = 0,
	NVSP_STATUS_SUCCESS = 1,
	NVSP_STATUS_FAILURE = 2,
	NVSP_STATUS_INVALID_RNDIS = 5,
};

/*
 * The length of an NVSP message. Both clients send 40 bytes. Old kernels also
 * require 40 bytes in every completion, because they check the length of one
 * type for the messages of other types, too.
 */
#define NVSP_BYTES 40

#define NVSP_RECEIVE_ID 0xcafe
#define NVSP_NO_SECTION UINT32_MAX

enum {
	RNDIS_PACKET = 1,
	RNDIS_INITIALIZE = 2,
	RNDIS_HALT = 3,
	RNDIS_QUERY = 4,
	RNDIS_SET = 5,
	RNDIS_INDICATE = 7,
	RNDIS_COMPLETE = 1u << 31, /* set in the type of an answer */
};

enum {
	RNDIS_STATUS_SUCCESS = 0,
	RNDIS_STATUS_NOT_SUPPORTED = 0xc00000bb,
	RNDIS_STATUS_INVALID_DATA = 0xc0010015,
	RNDIS_STATUS_CONNECT = 0x4001000b,
	RNDIS_STATUS_DISCONNECT = 0x4001000c,
	RNDIS_STATUS_OFFLOADS = 0x40020006,
};

enum {
	OID_MAX_FRAME_SIZE = 0x00010106,
	OID_LINK_SPEED = 0x00010107,
	OID_PACKET_FILTER = 0x0001010e,
	OID_MEDIA_CONNECT_STATUS = 0x00010114,
	OID_RSS_CAPABILITIES = 0x00010203,
	OID_RSS_PARAMETERS = 0x00010204,
	OID_PERMANENT_ADDRESS = 0x01010101,
	OID_OFFLOAD_PARAMETERS = 0xfc01020c,
	OID_HW_CAPABILITIES = 0xfc01020d,
};

/* Types of the packet information that may precede a frame */
enum {
	PPI_CHECKSUM = 0,
	PPI_LSO = 2,
	PPI_VLAN = 6,
	PPI_HASH = 8,
};

#define RNDIS_PACKET_HEADER 44
#define PPI_HEADER	    12
/* Offsets in RNDIS messages count from here. */
#define RNDIS_BASE	  8
#define RNDIS_CONTROL_MAX 0x4000

/* What a packet with ranges has before its first range */
#define RANGES_HEADER 8

#define ETHERNET_HEADER 14
#define VLAN_TAG	4

static inline uint16_t get16(const void *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t get32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void put16(void *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void put32(void *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline uint16_t get16_be(const void *at)
{
	return __builtin_bswap16(get16(at));
}

static inline void put16_be(void *at, uint16_t value)
{
	put16(at, __builtin_bswap16(value));
}

#endif
