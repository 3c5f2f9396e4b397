/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The driver's types, and the functions that its files share */
#ifndef NIC_H
#define NIC_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include <vmbus_bufring.h>

#include "protocol.h"

#define NICS_MAX	2u
#define CHANNELS_MAX	16u
#define RANGES_MAX	1024u	/* frames in one packet */
#define HELD_MAX	65536u	/* frames and completions that wait in a NIC */
#define MTU_MIN		68u
#define MTU_MAX		9000u
#define CONTROL_SLOTS	4u	/* frames leave so many slots to control messages */
#define CONTROL_SIZE	1024u	/* no control message of the guest is larger */
#define PAGES_SIZE_LOG2	21
#define PAGES_SIZE	(1u << PAGES_SIZE_LOG2)	/* one huge page */
#define PAGES_SLOT	16384u

/*
 * Memory for messages to the host, divided into slots: the sections of the send
 * buffer, or pages of the guest. The host reads a slot until it completes the
 * packet that names it.
 */
struct pool {
	unsigned char *memory;
	uint32_t slot_size, count;
	struct slot {
		uint64_t id;		/* transaction id of the packet; 0: the slot is free */
		struct channel *channel;
		bool frame;		/* and no control message */
	} *slots;
	uint32_t *free, free_count;	/* a stack */
	uint64_t *pages;		/* numbers of the guest's pages; NULL: sections */
};

struct channel {
	struct nic *nic;
	unsigned int index;
	struct vmbus_chan *chan;
	bool blocked;		/* a packet waits for room in the ring */
	struct stats {
		unsigned long rx_frames, tx_frames;
		unsigned long tx_dropped;	/* too long, or the NIC has stopped */
		unsigned long tx_failed;	/* the host refused them */
		unsigned long bad;		/* packets of the host that were wrong */
	} stats;
};

/*
 * A frame in the receive buffer, or, with length 0, the completion of its
 * packet
 */
struct held {
	struct channel *channel;
	uint64_t id;
	struct vmbus_range frame;
	bool failed;
};

struct nic {
	struct app *app;
	unsigned int index;
	const char *name;
	struct channel channels[CHANNELS_MAX];
	unsigned int channel_count;
	/* Open @count sub-channels that the host has granted. */
	int (*open_subchannels)(struct nic *nic, unsigned int count);

	struct vmbus_buffer recv, send;
	struct pool pool;
	uint64_t sequence;		/* of transaction ids */
	struct held *held;		/* a queue of HELD_MAX */
	uint32_t held_first, held_end;	/* they count on without end */
	bool held_failed;		/* a frame of the packet that is served now was wrong */

	uint32_t version;
	uint8_t mac[6];
	uint32_t mtu;

	/* How far the start came, for the stop */
	bool recv_shared, send_shared, initialized, running;
	bool lost;		/* the channel is of no use any more */
	bool silent;		/* the host did not answer in time */

	/* The one request of either kind that waits for its answer */
	uint64_t nvsp_id;	/* 0: none */
	struct nvsp_message nvsp_answer;
	uint32_t nvsp_length;
	uint64_t rndis_type;		/* 0: none */
	uint32_t rndis_id;
	union {
		struct rndis_answer answer;
		unsigned char bytes[256];
	} rndis;
	uint32_t rndis_length;
};

enum mode { MODE_COUNT, MODE_ECHO, MODE_FORWARD };

struct app {
	enum mode mode;
	uint8_t ip[4];
	bool poll, pages;
	unsigned int channels;		/* wanted */
	uint32_t mtu;
	unsigned int timeout_ms;	/* for each answer of the host */
	struct nic nics[NICS_MAX];
	unsigned int nic_count;
	bool stopping;
	uint64_t turns;
};

#define for_each_nic(app, nic) \
	for (struct nic *nic = (app)->nics; nic < (app)->nics + (app)->nic_count; nic++)
#define for_each_channel(nic, ch) \
	for (struct channel *ch = (nic)->channels; \
	     ch < (nic)->channels + (nic)->channel_count; ch++)

/*
 * Copy what the host may change at any time, so that checks and use see the
 * same.
 */
void copy_shared(void *to, const void *from, size_t len);

/* main.c */
extern volatile sig_atomic_t stop_requested;
/* Report an error of a NIC, or with @err 0 what it does, and return @err. */
int report(const struct nic *nic, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int64_t now_ms(void);
/*
 * Serve all channels once; sleep until @deadline (-1: for ever) if there was
 * nothing to do.
 */
int turn(struct app *app, int64_t deadline);
/*
 * A channel cannot be used any more: say why, leave its NIC alone, and return
 * @err.
 */
int channel_failed(struct channel *ch, int err);
struct nic *nic_new(struct app *app, const char *name);
void add_channel(struct nic *nic, struct vmbus_chan *chan);
/*
 * Start the NICs, serve them until something ends that, and stop and close
 * them.
 */
int app_run(struct app *app, int err);
/* Do with a frame what the program is for. -EAGAIN: offer it again later. */
int deliver(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan);

/* data.c */
int pool_init(struct pool *pool, void *memory, size_t size, uint32_t slot_size);
/*
 * Return a transaction id that no other packet has. It names a slot, or none.
 */
uint64_t new_id(struct nic *nic, uint32_t slot);
/*
 * Send a control message. -EAGAIN: there is no free slot, or no room in the
 * ring.
 */
int send_control(struct nic *nic, const void *message, uint32_t len);
/*
 * Send a frame that came from the channel @from, with its MAC addresses
 * exchanged if @exchange says so, and with the VLAN tag that came beside it.
 * -EAGAIN as above; the frame stays with the caller.
 */
int transmit(struct channel *to, const struct channel *from, const unsigned char *frame,
	     uint32_t len, uint32_t vlan, bool exchange);
/*
 * Handle what is in the ring. Return the number of packets, or why the channel
 * ends.
 */
int receive_packets(struct channel *ch);
/*
 * Deliver frames and complete packets. Return how many, or an error that was
 * reported.
 */
int serve_held(struct nic *nic);
/*
 * Tell whether @length bytes at @offset, as RNDIS counts it, lie between a
 * header and the message's end.
 */
bool part_ok(uint32_t offset, uint32_t length, uint32_t header, uint32_t message);

/* nic.c: start a NIC, and undo that from wherever it came to */
int nic_start(struct nic *nic);
int nic_stop(struct nic *nic);

#endif /* NIC_H */
