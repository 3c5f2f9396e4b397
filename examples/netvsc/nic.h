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
#define RANGES_MAX	1024u  /* frames in one packet */
#define HELD_MAX	65536u /* frames and completions that wait in a NIC */
#define MTU		1500u
#define CONTROL_SLOTS	4u    /* the slots that frames leave to control messages */
#define CONTROL_SIZE	1024u /* no control message of the guest is larger */
#define TIMEOUT_MS	30000 /* for each answer of the host */
#define PAGES_SIZE_LOG2 21
#define PAGES_SIZE	(1u << PAGES_SIZE_LOG2) /* one huge page */
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
		uint64_t id; /* transaction id of the packet; 0: the slot is free */
		struct channel *channel;
		bool frame; /* a frame and not a control message */
	} *slots;
	uint32_t *free, free_count; /* a stack */
	uint64_t *pages;	    /* numbers of the guest's pages; NULL: sections */
};

struct channel {
	struct nic *nic;
	unsigned int index;
	struct vmbus_chan *chan;
	bool blocked; /* a packet waits for room in the ring */
	struct stats {
		unsigned long rx_frames, tx_frames;
		unsigned long tx_dropped; /* too long, or the NIC has stopped */
		unsigned long tx_failed;  /* the host refused them */
		unsigned long bad;	  /* packets of the host that were wrong */
	} stats;
};

/*
 * A frame in the receive buffer. If its length is 0, the entry is the
 * completion of its packet.
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

	struct vmbus_buffer recv, send;
	struct pool pool;
	uint64_t sequence;	       /* of transaction ids */
	struct held *held;	       /* a queue of HELD_MAX */
	uint32_t held_first, held_end; /* they are never reset */
	bool held_failed;	       /* a frame of the packet that is served now was wrong */

	uint32_t version;
	uint8_t mac[6];

	/* The steps of the start that the stop has to undo */
	bool recv_shared, send_shared, initialized, running;
	bool lost;   /* a channel has failed, so no channel can be used any more */
	bool silent; /* the host did not answer in time */

	/* At most one request of each kind waits for its answer. */
	uint64_t nvsp_id; /* 0: none */
	struct nvsp_message nvsp_answer;
	uint32_t nvsp_length;
	uint64_t rndis_type; /* 0: none */
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
	unsigned int channels; /* the number that the user wants */
	struct nic nics[NICS_MAX];
	unsigned int nic_count;
	bool stopping;
	uint64_t turns;
};

#define for_each_nic(app, nic) \
	for (struct nic *nic = (app)->nics; nic < (app)->nics + (app)->nic_count; nic++)
#define for_each_channel(nic, ch)                                                               \
	for (struct channel *ch = (nic)->channels; ch < (nic)->channels + (nic)->channel_count; \
	     ch++)

/*
 * Copy what the host may change at any time, so that checks and use see the
 * same data.
 */
void copy_shared(void *to, const void *from, size_t len);

/* main.c */
extern volatile sig_atomic_t stop_requested;
/* Report an error of a NIC, or what the NIC does if @err is 0. Return @err. */
int report(const struct nic *nic, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int64_t now_ms(void);
/*
 * Serve all channels once. Sleep until @deadline (-1: forever) if there was
 * nothing to do.
 */
int turn(struct app *app, int64_t deadline);
/* Report why a channel has failed, mark its NIC as lost, and return @err. */
int channel_failed(struct channel *ch, int err);
/* Open @count sub-channels that the host has granted. */
int open_subchannels(struct nic *nic, unsigned int count);
/*
 * Handle a frame as the mode of the program demands. Return -EAGAIN if the
 * caller must offer it again later.
 */
int deliver(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan);

/* data.c */
int pool_init(struct pool *pool, void *memory, size_t size, uint32_t slot_size);
/*
 * Return a transaction id that no other packet has. The id contains the number
 * of a slot, or a number that is not a slot's.
 */
uint64_t new_id(struct nic *nic, uint32_t slot);
/*
 * Send a control message. Return -EAGAIN if there is no free slot or no room in
 * the ring.
 */
int send_control(struct nic *nic, const void *message, uint32_t len);
/*
 * Send a frame that came from the channel @from, with the VLAN tag that came
 * beside it. If @exchange is true, exchange its MAC addresses. After -EAGAIN
 * the frame stays with the caller.
 */
int transmit(struct channel *to, const struct channel *from, const unsigned char *frame,
	     uint32_t len, uint32_t vlan, bool exchange);
/*
 * Handle the packets in the ring. Return their number, or why the channel has
 * failed.
 */
int receive_packets(struct channel *ch);
/*
 * Deliver frames and complete packets. Return how many, or an error that was
 * reported.
 */
int serve_held(struct nic *nic);
/*
 * Whether @length bytes at @offset, as RNDIS counts it, lie between the header
 * and the end of the message.
 */
bool part_ok(uint32_t offset, uint32_t length, uint32_t header, uint32_t message);

/* nic.c: start a NIC, and undo the steps of the start that were done */
int nic_start(struct nic *nic);
int nic_stop(struct nic *nic);

#endif /* NIC_H */
