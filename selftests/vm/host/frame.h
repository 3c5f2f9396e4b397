/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host program and the vmbus-pipe device say to each other over the
 * device's socket: a header and @len bytes, little-endian, in both directions.
 * "tx" and "rx" are the guest's view of a channel: the guest writes to tx and
 * reads from rx.
 */
#ifndef VM_HOST_FRAME_H
#define VM_HOST_FRAME_H

#include <stdint.h>

#define FRAME_VERSION 3

/* No frame carries more. */
#define FRAME_MAX_LEN (1u << 20)

struct frame {
	uint32_t len;     /* bytes that follow this header */
	uint16_t op;      /* enum frame_op */
	uint16_t channel; /* index in the device, 0 is the primary */
	uint32_t tag;     /* not 0: FRAME_OK or FRAME_ERROR of this tag answers. FRAME_PACKET from
			   * the device: enum frame_memory */
	uint16_t type;    /* FRAME_PACKET: of the packet; raw frames: enum frame_ring */
	uint16_t flags;   /* FRAME_PACKET: of the packet; FRAME_OFFERED: 1 is monitored */
	uint64_t xid;     /* FRAME_PACKET: transaction id */
	uint32_t arg;
	uint32_t arg2;
};

enum frame_ring {
	FRAME_TX,
	FRAME_RX,
};

enum frame_op {
	/*
	 * Both ways. A packet of @type: @arg bytes of descriptor (what stands
	 * between the 16-byte packet header and the payload; a multiple of 8),
	 * then the payload. Packets for a full ring wait. When the guest's
	 * packet names ranges of its memory, the device reads them as it takes
	 * the packet: the last @arg2 bytes of the frame are their contents.
	 */
	FRAME_PACKET = 1,

	/*
	 * Program to device. An answer comes to each that is tagged or fails.
	 */
	FRAME_PACKET_RAW = 16, /* the very bytes for rx, header and trailer included */
	FRAME_RESCIND,         /* takes back the device with its sub-channels */
	FRAME_OFFER,           /* the answer means "accepted": FRAME_OFFERED follows */
	/* not offered again when the guest leaves the VMBus and comes back */
	FRAME_WITHHOLD,
	FRAME_OFFER_SUB,       /* offers sub-channels @arg2 to @arg */
	FRAME_MONITORED,       /* later offers are monitored (@arg 1) or not (@arg 0) */
	FRAME_RAW_READ,        /* @arg2 bytes at @arg of ring @type, header page first */
	FRAME_RAW_WRITE,       /* the payload to @arg of ring @type */
	FRAME_SIGNAL,          /* interrupts the guest, whatever the ring says */
	FRAME_HOLD,            /* @arg 1: leaves tx alone; @arg 0: reads it again */
	FRAME_NOTE,            /* keeps the word @arg for later programs, until close */
	FRAME_STATS,           /* struct frame_stats comes with FRAME_OK */
	FRAME_SYNC,            /* answered when every earlier packet is in its ring or dropped */
	FRAME_GPADL_READ,      /* @arg2 bytes at @arg of what the guest shares as GPADL @xid */
	FRAME_GPADL_WRITE,     /* the payload to @arg of GPADL @xid */
	FRAME_RESCIND_SUB,     /* takes back sub-channel @arg alone */
	FRAME_KEEP_SUBS,       /* @arg 1: the guest's close takes no sub-channel back; @arg 0: it does */
	FRAME_ANSWER,          /* @arg 0: an open of the channel is not answered; @arg 1: it is */
	FRAME_GPADLS,          /* answers about the channel's GPADLs: enum frame_gpadls in @arg */
	FRAME_DELAY,           /* the device takes its time: enum frame_delay in @arg, @arg2 ms */
	FRAME_ORDER,           /* in which its channels are rescinded: enum frame_order in @arg */
	FRAME_MIGRATE,         /* the guest stands still for @arg ms, and loses its signals */
	FRAME_GPADL_SIZE,      /* a uint32_t comes with FRAME_OK: the bytes of GPADL @xid */
	FRAME_MEMORY_READ,     /* @arg2 bytes at @arg of the guest's page @xid and those behind it */
	FRAME_MEMORY_WRITE,    /* the payload to @arg of the guest's page @xid and those behind it */

	/* Device to program. */
	FRAME_HELLO = 64, /* struct frame_hello; first on every connection */
	FRAME_OK,         /* the answer to @tag */
	FRAME_ERROR,      /* the same, failed: text. Tag 0: an untagged frame failed */
	FRAME_OFFERED,    /* the guest has the offer: @arg relid */
	FRAME_OPENED,     /* @arg and @arg2: bytes of tx and rx with their header pages. The
			   * device is open; the guest learns of it later */
	FRAME_CLOSED,
	FRAME_RESCINDED,  /* the guest has the rescind message */
	FRAME_RELEASED,   /* the guest has let go of the relid, which can be offered again now */
	FRAME_RESET,      /* the guest has left the VMBus: nothing is open or offered */
	FRAME_MALFORMED,  /* the guest has broken the protocol (text): the channel is dead until the
			   * guest opens it again */
	FRAME_ASKED,      /* the guest wants to open a channel that is not answered */
};

/*
 * What the device found where a guest's packet names memory by page numbers
 * (type 9).
 */
enum frame_memory {
	FRAME_MEMORY_NONE,    /* the packet names no memory */
	FRAME_MEMORY_TAKEN,   /* the contents of all ranges follow the payload */
	FRAME_MEMORY_MISSING, /* a page is not memory of the guest: nothing follows */
	FRAME_MEMORY_INVALID, /* the ranges do not fit the descriptor, or are too long: the same */
};

enum frame_gpadls {
	FRAME_GPADLS_HOLD,   /* no answers for now; a rescind brings them, creations fail then */
	FRAME_GPADLS_ANSWER, /* those that wait, and later ones */
	FRAME_GPADLS_FAIL,   /* the same, but creations fail */
};

/* What takes the host a while. */
enum frame_delay {
	FRAME_DELAY_OPEN,    /* from the opening of the device to the answer that the guest gets */
	FRAME_DELAY_CLOSE,   /* from the guest's close until the device has closed */
	FRAME_DELAY_RESCIND, /* from one rescind to the next */
	FRAME_DELAY_UNLOAD,  /* from UNLOAD to its answer */
	FRAME_DELAYS,
};

enum frame_order {
	FRAME_ORDER_ANY,     /* the sub-channels by chance, then the primary */
	FRAME_ORDER_FORWARD, /* the sub-channels as they are numbered, then the primary */
	FRAME_ORDER_REVERSE, /* from the last sub-channel to the primary */
	FRAME_ORDER_PRIMARY_FIRST,
	FRAME_ORDERS,
};

enum frame_offered {
	FRAME_IS_HELD,      /* not offered */
	FRAME_IS_OFFERED,   /* the guest has the offer */
	FRAME_IS_RESCINDED, /* the guest knows, and still has the relid */
};

struct frame_channel {
	uint32_t relid;
	uint32_t tx_size; /* 0 when closed */
	uint32_t rx_size;
	uint32_t note;
	uint8_t offered; /* enum frame_offered */
	uint8_t open;
	uint8_t monitored;
	uint8_t asked; /* the guest waits for the answer to its open */
	uint8_t reserved[4];
};

struct frame_hello {
	uint32_t version; /* FRAME_VERSION */
	uint32_t channels;
	struct frame_channel channel[];
};

/* Of one channel, since the guest's machine was started. */
struct frame_stats {
	uint64_t packets_to_guest;
	uint64_t packets_from_guest;
	uint64_t bytes_to_guest; /* ring bytes, headers included */
	uint64_t bytes_from_guest;
	uint64_t interrupts;      /* event flags set for the guest */
	uint64_t hypercalls;      /* the guest's SIGNAL_EVENT */
	uint64_t monitor_signals; /* the guest's bits in the monitor page, found by polling */
	uint64_t idle_signals;    /* of both kinds, that brought neither a packet nor room */
	uint64_t modifies;        /* the guest's MODIFYCHANNEL of the open channel */
	uint64_t full;            /* times a packet had to wait for room in rx */
	uint64_t dropped;         /* packets whose channel closed first */
	uint64_t malformed; /* breaches of the protocol */
	/*
	 * memory that the guest shares for the channel now: its rings and
	 * buffers
	 */
	uint64_t gpadls;
};

#endif
