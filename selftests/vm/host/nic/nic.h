/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host side of a synthetic NIC. nvsp.c has the session with the guest's
 * driver and its buffers, rndis.c the control messages, data.c the frames in
 * both directions, peer.c the peer behind the NIC, control.c the commands of a
 * running program, and main.c the loop.
 *
 * The program does not trust the guest: each file checks what it takes. Each
 * breach of the rules is a complaint(). The program counts them, and one of
 * them fails a test.
 */
#ifndef VM_HOST_NIC_H
#define VM_HOST_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "../client.h"
#include "numbered.h"
#include "protocol.h"

#define MAX_NICS    2
#define MAX_STREAMS 64
#define MAX_FRAME   65536
/*
 * The host takes a larger MTU for this one, and says nothing. Both include the
 * Ethernet header.
 */
#define MAX_MTU	    9216
#define DEFAULT_MTU 1514
/*
 * A sub-allocation of the receive buffer has the data of a frame at
 * DATA_OFFSET, and TRAILER bytes behind it.
 */
#define DATA_OFFSET 256
#define TRAILER	    36
#define SECTION	    6144
/*
 * The maximum number of packets in one message. The length of each packet but
 * the last is a multiple of 1 << ALIGNMENT.
 */
#define MAX_PACKETS 8
#define ALIGNMENT   3
/* The number of sub-allocations that frames leave to control messages */
#define CONTROL_ALLOCATIONS 16
/* The maximum number of ranges in one packet to the guest */
#define MAX_RANGES 8
#define RSS_TABLE  128
#define SEND_TABLE 16
#define RSS_KEY	   40

/* clang-format off */
#define COUNTERS(x) \
	x(complaints)       /* breaches of the rules by the guest */ \
	x(sessions)         /* INITs that the host accepted */ \
	x(closes)           /* of the primary channel */ \
	x(refused_versions) \
	x(halts) \
	x(revokes)          /* of both buffers */ \
	x(subs_asked)       /* requests for sub-channels */ \
	x(subs_granted)     /* sub-channels */ \
	x(from_guest)       /* frames */ \
	x(section_messages) /* RNDIS messages with a section */ \
	x(memory_messages)  /* those without one */ \
	x(vlan_frames) \
	x(multi_transfers)  /* packets to the guest with several ranges */ \
	x(refused)          /* frames that it completed with another status than success */ \
	x(dropped)          /* frames for a guest that takes none, or has no room */ \
	x(late)             /* packets to a channel that had just closed */ \
	x(echo_replies)     /* to the guest's pings */ \
	x(pings_answered)   /* by the guest */ \
	x(numbered)         /* numbered frames from the guest */
/* clang-format on */

struct counters {
#define COUNTER(name) uint64_t name;
	COUNTERS(COUNTER)
#undef COUNTER
};

/* A sub-allocation of the receive buffer */
struct allocation {
	uint32_t next; /* in the free list, or in the same packet */
	uint16_t channel;
	/* Of the first one of a packet */
	bool sent;    /* the guest has not completed the packet */
	bool control; /* it carries a control message */
};

struct free_list {
	uint32_t first, last, count;
};

/* One stream of numbered frames from the guest */
struct stream {
	uint64_t frames, misordered;
	uint32_t last;
};

struct generator {
	bool active;
	uint16_t channel;
	uint32_t stream, min, max;
	uint64_t sent, count;
};

/* A session lasts from the primary channel's opening to its close. */
struct session {
	uint32_t version;  /* 0 before the INIT that the host accepts */
	uint32_t mtu;	   /* without the Ethernet header; 0 before NDIS_CONFIG */
	bool ndis_version; /* after NDIS_VERSION */
	bool has_receive, has_send;
	bool revoked_receive, revoked_send;
	uint32_t receive_handle, send_handle;
	uint32_t allocation_size;
	uint32_t allocations;
	uint32_t sections;
	bool initialized; /* after RNDIS' INITIALIZE */
	uint32_t filter;
	uint32_t channels; /* 1 and the granted sub-channels */
	uint32_t open_subs;
	uint32_t offered_subs;
	uint32_t unoffered_subs; /* granted sub-channels that are not offered yet */
	uint32_t rss[RSS_TABLE];
};

struct nic {
	struct host host;
	int index;
	struct nic *other; /* the second NIC, if there is one */
	bool bridge;	   /* the frames of one NIC go to the other */
	bool refuse_subs;
	bool hold_subs; /* do not offer the sub-channels until this ends */
	bool link;
	uint32_t newest; /* the newest version of NVSP */
	uint8_t mac[6];	 /* the MAC address of the guest's NIC */
	uint8_t peer_mac[6];
	uint8_t peer_address[4];
	int64_t rescind_in; /* rescind after this number of packets; -1: never */
	struct session session;
	uint32_t openings[HOST_MAX_CHANNELS]; /* FRAME_OPENED events that were processed */
	struct allocation *allocation;
	struct free_list free; /* used again in the order of the guest's completions */
	uint32_t in_flight;    /* frames that the guest has not completed */
	/* Frames in sub-allocations that the host has not sent yet */
	struct {
		uint16_t channel;
		uint32_t first, last, count;
	} batch;
	struct stream streams[MAX_STREAMS];
	struct generator generators[HOST_MAX_CHANNELS];
	struct {
		bool resolved;
		uint8_t mac[6], address[4];
		uint32_t size;
		uint64_t sent, count;
		int64_t since; /* the time of the last request, in ms */
		bool waiting;
	} ping;
	uint64_t channel_from[HOST_MAX_CHANNELS], channel_to[HOST_MAX_CHANNELS]; /* frames */
	struct counters count;
};

void say(const struct nic *nic, const char *format, ...) __attribute__((format(printf, 2, 3)));
void complaint(struct nic *nic, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * must() checks the result of a request. It ends the program if the device's
 * socket has failed, and complains if the device has refused the request.
 */
void must(struct nic *nic, int ret);
void nic_send(struct nic *nic, const struct frame *frame, const void *payload);
/*
 * Returns whether the channel is still open since the guest sent the packet
 * that the program handles now. If the guest has opened the channel anew since,
 * an answer would reach the wrong session.
 */
bool nic_open(const struct nic *nic, uint16_t channel);

/* nvsp.c */
void nvsp_packet(struct nic *nic, struct host_packet *packet);
void nvsp_reset(struct nic *nic);
/* Offer the granted sub-channels, unless the command hold-subs is on. */
void nvsp_offer_subs(struct nic *nic);
/* The guest has opened a sub-channel. */
void nvsp_sub_opened(struct nic *nic);
/* Tell the guest that its NIC has a virtual function, or none (0). */
void nvsp_associate(struct nic *nic, uint32_t serial);

/*
 * rndis.c: rndis_control() returns the NVSP status of the message, and writes
 * the answer to @answer, if there is one.
 */
struct rndis_answer {
	uint32_t len;
	uint8_t bytes[1024];
	bool offloads_changed; /* an indication follows the answer */
};
uint32_t rndis_control(struct nic *nic, const uint8_t *message, uint32_t len,
		       struct rndis_answer *answer);
void rndis_indicate_link(struct nic *nic);
/* Report the offloads in use after a change, which are none. */
void rndis_indicate_offloads(struct nic *nic);

/* data.c */
bool data_set_up(struct nic *nic);
void data_reset(struct nic *nic);
/* The host gets the first @whole bytes of @message in one range. */
uint32_t data_from_guest(struct nic *nic, uint16_t channel, const uint8_t *message, uint32_t len,
			 uint32_t whole);
void data_acknowledged(struct nic *nic, uint16_t channel, uint64_t id, uint32_t status);
bool data_wanted(const struct nic *nic, uint16_t channel);
void data_to_guest(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len);
void data_control(struct nic *nic, const void *message, uint32_t len);
bool data_room(const struct nic *nic);
void data_flush(struct nic *nic);

/* peer.c */
void peer_frame(struct nic *nic, uint16_t channel, const uint8_t *frame, uint32_t len);
void peer_work(struct nic *nic);

/* control.c */
int control_listen(const char *path);
void control_work(int listener, struct nic *nics, int count);
int control_tell(const char *path, char **words);

#endif
