/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The driver's own types, and what its files have for each other */
#ifndef NIC_H
#define NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <vmbus_bufring.h>

#include "protocol.h"

#define NICS_MAX	2u
#define CHANNELS_MAX	16u
#define BATCH		64u	/* packets that are received in one go */
#define RANGES_MAX	1024u	/* frames in one packet */
#define MTU_MIN		68u
#define MTU_MAX		9000u

#define CONTROL_SLOTS	4u	/* frames leave so many slots to control messages */
#define CONTROL_SIZE	1024u	/* no control message of the guest is larger */
#define SECTION_MIN	256u	/* smaller sections of the send buffer are of no use */
#define PAGES_SIZE_LOG2	21
#define PAGES_SIZE	(1u << PAGES_SIZE_LOG2)	/* one huge page */
#define PAGES_SLOT	16384u

/*
 * A message lies in a slot until the host has completed the packet that carries
 * it.
 */
struct slot {
	uint64_t id;		/* transaction id of the packet; 0: the slot is free */
	struct channel *channel;
	uint32_t frame_bytes;	/* 0: a control message */
};

/* The sections of the send buffer, or pieces of pages of the guest */
struct pool {
	unsigned char *memory;
	uint32_t slot_size;
	uint32_t count;
	struct slot *slots;
	uint32_t *free;		/* a stack */
	uint32_t free_count;
	uint64_t *pages;	/* numbers of the guest's pages; NULL: sections */
};

enum { SECTIONS, PAGES, POOLS };

struct channel {
	struct nic *nic;
	unsigned int index;
	struct vmbus_chan *chan;
	/* The driver has handled these packets and has yet to complete them. */
	struct { uint64_t id; uint32_t status; } acks[BATCH];
	unsigned int ack_first, ack_count;
	bool request_blocked;	/* a request to the host waits for room in the ring */
	union {
		struct {
			uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
			uint64_t tx_dropped;	/* no slot, no room in the ring, or too long */
			uint64_t tx_failed;	/* the host refused them */
			uint64_t acks;
			uint64_t bad;		/* packets of the host that were wrong */
		} stats;
		uint64_t counters[8];		/* the same, to print them */
	};
};

struct nic {
	struct app *app;
	unsigned int index;
	const char *name;
	struct channel channels[CHANNELS_MAX];
	unsigned int channel_count;
	/*
	 * Open @count sub-channels that the host has granted; the demonstration
	 * has its own.
	 */
	int (*open_subchannels)(struct nic *nic, unsigned int count);
	struct vmbus_chan **demo_subchannels;

	struct vmbus_buffer recv, send;
	struct pool pools[POOLS];
	struct pool *frame_pool, *control_pool;
	struct pool *large_pool;	/* of frames that do not fit the slots of frame_pool */
	uint64_t sequence;

	uint32_t version;
	uint8_t mac[6];
	uint32_t mtu;		/* that the host was told, and the largest of frames from it */
	uint32_t host_mtu;	/* the largest for it */
	bool link_up;

	/* How far the start came, for the stop */
	bool recv_shared, send_shared, initialized, running;
	bool lost;		/* the channel is of no use any more */
	bool silent;		/* the host did not answer in time */

	/* The one request of either kind that waits for its answer */
	uint64_t nvsp_id;	/* 0: none */
	struct nvsp_message nvsp_answer;
	uint32_t nvsp_length;
	uint32_t rndis_id, rndis_type;	/* type 0: none */
	union {
		struct rndis_answer answer;
		unsigned char bytes[256];
	} rndis;
	uint32_t rndis_length;
};

enum mode { MODE_COUNT, MODE_ECHO, MODE_FORWARD };
enum way { WAY_AUTO, WAY_SECTIONS, WAY_PAGES };

struct app {
	enum mode mode;
	enum way way;
	uint8_t ip[4];
	bool poll, promiscuous;
	unsigned int channels;		/* wanted */
	uint32_t mtu, ring_size;
	unsigned int timeout_ms;
	uint64_t count;			/* stop after so many frames; 0: never */

	struct nic nics[NICS_MAX];
	unsigned int nic_count;
	int loop, signals;
	bool stop, stopping;
	uint64_t received, turns;
	struct vmbus_range ranges[RANGES_MAX];
};

/*
 * Copy what the host may change at any time. The compiler must not read it
 * again later, after the copy was checked.
 */
static inline void copy_shared(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__asm__ volatile("" : : : "memory");
}

/*
 * main.c: print a line about a NIC, or report an error of it and return @err.
 */
void say(const struct nic *nic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int complain(const struct nic *nic, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int64_t now_ms(void);
/*
 * Look at all channels once, and sleep until @deadline (-1: for ever) if there
 * was nothing to do.
 */
int turn(struct app *app, int64_t deadline);
/*
 * A channel cannot be used any more: say why, leave its NIC alone from now on,
 * and return @err.
 */
int channel_failed(struct channel *ch, int err);
/* Add a channel to a NIC and to the loop. */
int add_channel(struct nic *nic, struct vmbus_chan *chan);
struct nic *nic_new(struct app *app, const char *name);
int app_init(struct app *app);
/* Start the NICs, serve them until something ends that, and stop them. */
int app_run(struct app *app);
void app_close(struct app *app);

/* data.c: memory for messages, and messages on a channel */
int pool_init(struct pool *pool, void *memory, size_t size, uint32_t slot_size);
/* Return a free slot, or NULL if no more than @leave are free. */
struct slot *pool_get(struct pool *pool, uint32_t leave);
unsigned char *slot_memory(const struct pool *pool, const struct slot *slot);
/*
 * Return a transaction id that no other packet has. It names a slot, or none
 * with POOLS.
 */
uint64_t new_id(struct nic *nic, unsigned int pool, uint32_t slot);
/*
 * Queue the RNDIS message of @len bytes in @slot. The slot is in use until the
 * host completes the packet; after an error it is free again. @frame_bytes is 0
 * for a control message.
 */
int queue_slot(struct channel *ch, struct pool *pool, struct slot *slot, uint32_t len,
	       uint32_t frame_bytes);
/*
 * Send a frame that came from the channel @from, with its MAC addresses
 * exchanged if @exchange says so, and with the VLAN tag that came beside it. A
 * NIC drops what it cannot send.
 */
void transmit(struct channel *to, const struct channel *from, const unsigned char *frame,
	      uint32_t len, uint32_t vlan, bool exchange);
/*
 * Handle what is in the ring, where it lies. Return the number of packets, or
 * why the channel is of no use any more.
 */
int channel_receive(struct channel *ch);
/*
 * Tell whether @length bytes at @offset, as RNDIS counts it, lie between a
 * header and the message's end.
 */
bool part_ok(uint32_t offset, uint32_t length, uint32_t header, uint32_t message);

/*
 * frames.c: do what the program is for. The host may change @frame meanwhile.
 */
void deliver(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan);

/* nic.c: start a NIC, and undo that from wherever it came to */
int nic_start(struct nic *nic);
int nic_stop(struct nic *nic);

/*
 * demo.c: run the driver against a host in a child process. Return the exit
 * status.
 */
struct netvsc_host;
struct netvsc_host demo_host(const struct app *app);
int demo(struct app *app, struct netvsc_host *host);

#endif /* NIC_H */
