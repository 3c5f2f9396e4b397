/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protocol between a host program and a device of hyperv, over the
 * device's socket. In both directions, a frame is a header and @len bytes,
 * little-endian. "tx" and "rx" are the guest's view of a channel: the guest
 * writes to tx and reads from rx.
 */
#ifndef VM_HOST_FRAME_H
#define VM_HOST_FRAME_H

#include <stdint.h>

/* The maximum of @len */
#define FRAME_MAX_LEN (1u << 20)

struct frame {
	uint32_t len;	  /* bytes that follow this header */
	uint16_t op;	  /* enum frame_op */
	uint16_t channel; /* index in the device; 0 is the primary */
	/*
	 * If not 0, the device answers with FRAME_OK or FRAME_ERROR of this
	 * tag. In a FRAME_PACKET from the device: enum frame_memory.
	 */
	uint32_t tag;
	uint16_t type;	/* FRAME_PACKET: the packet's type; READ and WRITE: enum frame_place */
	uint16_t flags; /* FRAME_PACKET: the packet's flags; FRAME_OFFERED: 1 if monitored */
	uint64_t xid;	/* FRAME_PACKET: the transaction id */
	uint32_t arg;
	uint32_t arg2;
};

enum frame_place {
	FRAME_TX, /* a ring, from its header page on */
	FRAME_RX,
	FRAME_GPADL, /* the guest's GPADL @xid */
};

enum frame_op {
	/*
	 * In both directions: a packet of @type. The frame has @arg bytes of
	 * descriptor, then the payload. The descriptor is what the packet has
	 * between its 16-byte header and the payload; its length is a multiple
	 * of 8. Packets for a full ring wait. If a packet of the guest names
	 * ranges of its memory, the device reads them while it takes the
	 * packet, and the last @arg2 bytes of the frame are their contents.
	 */
	FRAME_PACKET = 1,

	/*
	 * From the program to the device. The device answers each frame that
	 * has a tag or that fails.
	 */
	FRAME_PACKET_RAW = 16, /* put exactly these bytes into rx, header and trailer included */
	FRAME_RESCIND,	       /* rescind the device with its sub-channels */
	FRAME_OFFER, /* offer it; the answer means "accepted", and FRAME_OFFERED follows */
	/* do not offer it again when the guest leaves the VMBus and returns */
	FRAME_WITHHOLD,
	FRAME_OFFER_SUB,   /* offer sub-channels @arg2 to @arg */
	FRAME_MONITORED,   /* later offers are monitored (@arg 1) or not (@arg 0) */
	FRAME_READ,	   /* read @arg2 bytes at @arg of @type */
	FRAME_WRITE,	   /* write the payload to @arg of @type */
	FRAME_SIGNAL,	   /* interrupt the guest, whatever the ring contains */
	FRAME_HOLD,	   /* @arg 1: do not read tx; @arg 0: read it again */
	FRAME_NOTE,	   /* keep the number @arg for later programs, until the close */
	FRAME_STATS,	   /* struct frame_stats comes with FRAME_OK */
	FRAME_SYNC,	   /* answer when every earlier packet is in its ring or dropped */
	FRAME_RESCIND_SUB, /* rescind sub-channel @arg alone */
	FRAME_KEEP_SUBS,   /* @arg 1: do not rescind sub-channels at the guest's close; 0: do */
	FRAME_ANSWER,	   /* @arg 0: do not answer an open of the channel; @arg 1: answer it */
	FRAME_GPADLS,	   /* how to answer about the channel's GPADLs: @arg, enum frame_gpadls */
	FRAME_DELAY,	   /* let @arg, enum frame_delay, take @arg2 ms */
	FRAME_ORDER,	   /* rescind the channels in the order @arg, enum frame_order */
	/*
	 * Stop the guest for @arg ms, and lose signals and interrupts. The
	 * answer means that the guest stands still.
	 */
	FRAME_MIGRATE,
	FRAME_GPADL_SIZE, /* a uint32_t comes with FRAME_OK: the size of GPADL @xid in bytes */
	/*
	 * The guest has broken a rule that only the program knows (text). The
	 * device treats this like a packet that breaks the protocol.
	 */
	FRAME_FAULT,

	/* From the device to the program */
	FRAME_HELLO = 64, /* struct frame_hello; first on every connection */
	FRAME_OK,	  /* the answer to @tag */
	FRAME_ERROR,	  /* @tag has failed: a text. Tag 0: a frame without a tag has failed */
	FRAME_OFFERED,	  /* the guest has the offer, with the relid @arg */
	/*
	 * The device is open; the guest gets the answer later. @arg and @arg2
	 * are the bytes of tx and rx with their header pages.
	 */
	FRAME_OPENED,
	FRAME_CLOSED,
	FRAME_RESCINDED, /* the guest has the rescind message */
	FRAME_RELEASED,	 /* the guest has released the relid; the host may offer it again */
	FRAME_RESET,	 /* the guest has left the VMBus: nothing is open or offered */
	/*
	 * The guest has broken the protocol (text). The channel is dead until
	 * the guest opens it again.
	 */
	FRAME_MALFORMED,
	FRAME_ASKED, /* the guest has asked to open a channel that is not answered */
};

/*
 * The result of reading the memory that a guest's packet names by page numbers
 * (type 9)
 */
enum frame_memory {
	FRAME_MEMORY_NONE,    /* the packet names no memory */
	FRAME_MEMORY_TAKEN,   /* the contents of all ranges follow the payload */
	FRAME_MEMORY_MISSING, /* a page is not memory of the guest; nothing follows */
	FRAME_MEMORY_INVALID, /* the ranges do not fit the descriptor or are too long; the same */
};

enum frame_gpadls {
	FRAME_GPADLS_HOLD,   /* no answers until a rescind; creations fail then */
	FRAME_GPADLS_ANSWER, /* answer the waiting requests, and later ones */
	FRAME_GPADLS_FAIL,   /* the same, but creations fail */
};

/* Steps of the host that can take time */
enum frame_delay {
	FRAME_DELAY_OPEN,    /* from the opening of the device to the answer that the guest gets */
	FRAME_DELAY_CLOSE,   /* from the guest's close until the device has closed */
	FRAME_DELAY_RESCIND, /* from one rescind to the next */
	FRAME_DELAY_UNLOAD,  /* from UNLOAD to its answer */
	FRAME_DELAYS,
};

enum frame_order {
	FRAME_ORDER_ANY,     /* the sub-channels in random order, then the primary */
	FRAME_ORDER_FORWARD, /* the sub-channels in the order of their numbers, then the primary */
	FRAME_ORDER_REVERSE, /* from the last sub-channel to the primary */
	FRAME_ORDER_PRIMARY_FIRST,
	FRAME_ORDERS,
};

enum frame_offered {
	FRAME_IS_HELD,	    /* not offered */
	FRAME_IS_OFFERED,   /* the guest has the offer */
	FRAME_IS_RESCINDED, /* the guest has the rescind message and still has the relid */
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
};

struct frame_hello {
	uint32_t channels;
	struct frame_channel channel[];
};

/* Counters of one channel, since hyperv was started */
struct frame_stats {
	uint64_t packets_to_guest;
	uint64_t interrupts;	  /* event flags set for the guest */
	uint64_t hypercalls;	  /* the guest's SIGNAL_EVENT */
	uint64_t monitor_signals; /* the guest's bits in the monitor page, found by polling */
	uint64_t idle_signals;	  /* signals of both kinds for neither a packet nor room */
	uint64_t modifies;	  /* the guest's MODIFYCHANNEL messages for the open channel */
	/* Packets in rx, and interrupts, before the host answered the open */
	uint64_t early_packets;
	uint64_t early_interrupts;
	uint64_t malformed;    /* breaches of the protocol */
	uint64_t lost_signals; /* signals and interrupts that a migration lost */
	uint64_t lost_interrupts;
	uint64_t late_creations; /* GPADLs that the guest created after the rescind */
	/* GPADLs of the channel now: its rings and buffers */
	uint64_t gpadls;
};

#endif
