/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bodies of the messages of integration components, as they follow struct
 * vmbus_ic_header on the wire. All values are little-endian. The structs never
 * change. A program checks the length of a message before it reads a body, and
 * everything that the host wrote.
 *
 * A request and its answer have the same body. A version in a comment is that
 * of the message that both sides have agreed on.
 */
#ifndef VMBUS_IC_MESSAGES_H
#define VMBUS_IC_MESSAGES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** VMBUS_IC_HEARTBEAT: the guest answers with the next number */
struct vmbus_ic_heartbeat {
	uint64_t sequence;
	uint32_t reserved[8];
} __attribute__((packed));

/* Flags of struct vmbus_ic_shutdown; 0 and FORCE: the guest powers off */
#define VMBUS_IC_SHUTDOWN_FORCE	    0x1u
#define VMBUS_IC_SHUTDOWN_REBOOT    0x2u
#define VMBUS_IC_SHUTDOWN_HIBERNATE 0x4u

/** VMBUS_IC_SHUTDOWN */
struct vmbus_ic_shutdown {
	uint32_t reason;
	uint32_t timeout; /* seconds */
	uint32_t flags;	  /* VMBUS_IC_SHUTDOWN_* */
	char text[2048];  /* for people */
} __attribute__((packed));

/* Flags of the time messages */
#define VMBUS_IC_TIME_PROBE  0x0u
#define VMBUS_IC_TIME_SYNC   0x1u /* set the clock: after a resume, for example */
#define VMBUS_IC_TIME_SAMPLE 0x2u /* a sample, for a program that adjusts the clock */

/* Times are in units of 100 ns since 1601-01-01, as in Windows. */
#define VMBUS_IC_TIME_UNIX_EPOCH 116444736000000000ull

/** VMBUS_IC_TIMESYNC before version 4.0 */
struct vmbus_ic_time {
	uint64_t host; /* the time of the host */
	uint64_t guest;
	uint64_t round_trip;
	uint8_t flags; /* VMBUS_IC_TIME_* */
} __attribute__((packed));

/** VMBUS_IC_TIMESYNC from version 4.0 on */
struct vmbus_ic_time_reference {
	uint64_t host;	    /* the time of the host */
	uint64_t reference; /* the reference counter of the guest at that time */
	uint8_t flags;	    /* VMBUS_IC_TIME_* */
	int8_t leap;
	int8_t stratum;
	uint8_t reserved[3];
} __attribute__((packed));

enum vmbus_ic_kvp_operation {
	VMBUS_IC_KVP_GET = 0,
	VMBUS_IC_KVP_SET = 1,
	VMBUS_IC_KVP_DELETE = 2,
	VMBUS_IC_KVP_ENUMERATE = 3,
	VMBUS_IC_KVP_GET_IP = 4,
	VMBUS_IC_KVP_SET_IP = 5
};

enum vmbus_ic_kvp_pool {
	VMBUS_IC_KVP_EXTERNAL = 0,     /* from the host */
	VMBUS_IC_KVP_GUEST = 1,	       /* from the guest's administrator */
	VMBUS_IC_KVP_AUTO = 2,	       /* what the guest's system says of itself */
	VMBUS_IC_KVP_AUTO_EXTERNAL = 3 /* what the host says of itself */
};

/* Types of values */
#define VMBUS_IC_KVP_STRING 1u
#define VMBUS_IC_KVP_U32    4u
#define VMBUS_IC_KVP_U64    8u

/** A body of VMBUS_IC_KVP begins with this header. */
struct vmbus_ic_kvp_header {
	uint8_t operation; /* enum vmbus_ic_kvp_operation */
	uint8_t pool;	   /* enum vmbus_ic_kvp_pool */
	uint16_t reserved;
} __attribute__((packed));

/** A key and its value: strings are UTF-16 with a final 0, sizes are bytes */
struct vmbus_ic_kvp_value {
	uint32_t type; /* VMBUS_IC_KVP_STRING ... */
	uint32_t key_size;
	uint32_t value_size;
	uint8_t key[512];
	union {
		uint8_t string[2048];
		uint32_t u32;
		uint64_t u64;
	} value;
} __attribute__((packed));

/** VMBUS_IC_KVP_GET and VMBUS_IC_KVP_SET */
struct vmbus_ic_kvp_exchange {
	struct vmbus_ic_kvp_header header;
	struct vmbus_ic_kvp_value data;
} __attribute__((packed));

/** VMBUS_IC_KVP_ENUMERATE: the host asks for one index after the other */
struct vmbus_ic_kvp_enumerate {
	struct vmbus_ic_kvp_header header;
	uint32_t index;
	struct vmbus_ic_kvp_value data;
} __attribute__((packed));

/** VMBUS_IC_KVP_DELETE */
struct vmbus_ic_kvp_delete {
	struct vmbus_ic_kvp_header header;
	uint32_t key_size;
	uint8_t key[512];
} __attribute__((packed));

/** VMBUS_IC_KVP_GET_IP and _SET_IP: UTF-16, lists with semicolons */
struct vmbus_ic_kvp_ip {
	struct vmbus_ic_kvp_header header;
	uint16_t adapter[128];
	uint8_t family; /* 1: IPv4, 2: IPv6, 3: both */
	uint8_t dhcp;	/* 1: addresses come from DHCP */
	uint16_t addresses[1024];
	uint16_t netmasks[1024];
	uint16_t gateways[512];
	uint16_t name_servers[1024];
} __attribute__((packed));

#ifdef __cplusplus
}
#endif

#endif /* VMBUS_IC_MESSAGES_H */
