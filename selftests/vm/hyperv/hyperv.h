/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process hyperv plays Hyper-V's SynIC and VMBus for one guest. The stub of
 * machine/mailbox.h forwards the guest's hypercalls, the guest's RAM is shared
 * memory, and the host side of each device is a program on a socket, which
 * speaks frame.h. There is one thread, and it never waits for the guest.
 *
 * "tx" and "rx" are the guest's view of a channel, as in frame.h. Whatever the
 * guest can write is hostile: the process copies it, and checks the copy.
 * doc/testing.md says which behaviour of a real host each part plays, and names
 * the witness.
 */
#ifndef VM_HYPERV_H
#define VM_HYPERV_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../host/frame.h"
#include "../machine/mailbox.h"

#define HV_PAGE	     4096u /* of the protocol, however large the guest's pages are */
#define MAX_DEVICES  16
#define MAX_CHANNELS 65	 /* of a device */
#define MAX_ALL	     128 /* of all devices: the bits of a monitor page */

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define PRINTF(text, args) __attribute__((format(printf, text, args)))

/* The status of an answer that reports a failure */
#define E_UNEXPECTED 0x8000ffff

enum machine { AMD64, ARM64 };

struct device;

/* Bytes on their way to or from a program; @start of them are done. */
struct bytes {
	uint8_t *at;
	size_t start, end, size;
};

/* Memory that the guest shares with the host */
struct gpadl {
	struct gpadl *next;
	uint32_t id, relid;
	bool created;  /* the guest has the answer to its creation */
	bool teardown; /* the guest wants it to be torn down */
	bool invalid;  /* a page of it is not the guest's RAM */
	uint32_t pages, got;
	uint8_t *page[];
};

struct ring_header {
	_Atomic uint32_t write_index, read_index, interrupt_mask, pending_send_sz;
	uint32_t reserved[12];
	_Atomic uint32_t feature_bits; /* 1: the writer sets pending_send_sz */
};

struct ring {
	struct ring_header *header;
	uint32_t first; /* the page of its header in the GPADL */
	uint32_t size;	/* bytes of data, without the header page */
	uint32_t at;	/* the host's own index: it reads tx and writes rx here */
};

/* A packet on its way into rx, with the bytes that the ring will have */
struct packet {
	struct packet *next;
	uint32_t tag;
	uint32_t len;
	bool raw;
	uint8_t bytes[];
};

struct open_request {
	uint32_t relid, open_id, gpadl, vp, offset;
};

enum offer {
	OFFER_HELD,    /* the host does not offer it, or not yet */
	OFFER_SENDING, /* the offer is on its way to the guest */
	OFFER_SENT,
	OFFER_RESCINDED, /* the guest has the rescind message and still holds the relid */
	OFFER_RELEASED,	 /* the guest has released it without a rescind, until it reconnects */
};

/* Points in time are in ms of the monotonic clock; 0 means never. */
struct channel {
	struct device *device;
	uint32_t index; /* 0 is the primary channel */
	struct frame_stats stats;

	/* offer.c */
	uint32_t relid;
	enum offer offer;
	bool wanted;  /* a sub-channel that the program offers */
	bool rescind; /* the host rescinds it as soon as it can send a message */
	bool monitored;
	int64_t offer_from; /* the host does not offer it before this time */

	/* gpadl.c */
	bool hold_gpadls; /* answers to the creation and teardown of GPADLs wait */
	bool fail_gpadls; /* the host answers that creations have failed */

	/* channel.c */
	bool mute;  /* the host does not answer the guest's request to open it */
	bool asked; /* such a request has come: @wish */
	struct open_request wish;
	bool opening; /* the guest has no answer to its open yet */
	uint32_t open_id;
	int64_t result_at;
	int64_t recheck_at;
	struct gpadl *rings; /* while the device is open */
	struct ring tx, rx;
	uint32_t vp; /* the processor for its interrupts */
	uint32_t note;
	bool closing;
	int64_t closed_at;
	bool modifying; /* the guest waits for the answer to MODIFYCHANNEL */
	uint32_t modify_status;
	int64_t modified_at;
	uint32_t modified_vp;

	/* ring.c */
	struct packet *packets, **packets_end;
	bool hold;   /* the program takes no packets */
	bool masked; /* what the host last wrote to the interrupt mask of tx */
	bool dead;   /* after a protocol fault, until the guest opens the channel again */
	bool full;   /* a packet waits for room in rx */

	/* signal.c */
	bool kicked;	      /* the host has to look at the rings */
	uint64_t woken;	      /* guest's signals after which the host has not yet looked */
	uint64_t reasons;     /* for signals that may still come, see judge_signals() */
	uint64_t new_reasons; /* those of the present look */
};

struct device {
	char *name; /* of its socket, and of the device in a test's settings */
	uint8_t class[16], instance[16];
	uint32_t channels;
	struct channel channel[MAX_CHANNELS];
	uint32_t relid;	    /* the first number that its channels may have; 0: any */
	bool monitored;	    /* the next offers say that the channels are monitored */
	bool offered;	    /* the program wants the device to be offered */
	bool withheld;	    /* not offered to the next guest that requests offers */
	bool keep;	    /* sub-channels stay offered when the guest closes the primary */
	bool pipe;	    /* a pipe in message mode, as all integration components are */
	uint32_t settle;    /* ms from the release of a sub-channel to its next offer */
	uint32_t throttle;  /* needless signals after which the guest stands still; 0: none */
	uint64_t throttled; /* how often the host has stopped the guest for them */
	uint32_t delay[FRAME_DELAYS]; /* ms */
	int64_t rescind_from; /* the host rescinds no channel of the device before this time */
	enum frame_order order;

	/* program.c */
	int listener, fd; /* @fd is -1 while no program is connected */
	struct bytes in, out;
	size_t queued; /* bytes in all packet queues */
	uint32_t sync; /* the tag of a FRAME_SYNC that waits, or 0 */
};

/* main.c: the machine, chance and time */

extern struct device *devices[MAX_DEVICES];
extern unsigned int nr_devices;
extern unsigned int processors;

/* Print a line with the -v option. */
void note(const char *format, ...) PRINTF(1, 2);
/* Print a line about the guest, which the scripts of the bench read. */
void say(const char *format, ...) PRINTF(1, 2);
void die(const char *format, ...) PRINTF(1, 2) __attribute__((noreturn));
void *allocate(size_t size);	 /* zeroed */
uint32_t chance(uint32_t below); /* a number of the seed's sequence */

int64_t now_ms(void);
/* Return the time @ms from now. The process will wake up then. */
int64_t due_in(uint32_t ms);
/* Return whether the time has come. If not, the process will wake up then. */
bool is_due(int64_t at);

/* memory.c */

extern struct mailbox *mailbox;
void map_memory(enum machine machine, uint64_t size, const char *path);
/* Return the guest's page with this number, or NULL if it is not its RAM. */
uint8_t *guest_page(uint64_t number);
void bytes_append(struct bytes *bytes, const void *from, size_t len);
void bytes_consume(struct bytes *bytes, size_t len);
void bytes_clear(struct bytes *bytes);

/* bell.c: the doorbell between the machine and this process */

int listen_at(const char *path);
void bell_connect(enum machine machine, int listener);
uint32_t bell_register(enum machine machine); /* what the stub writes to ring */
int bell_descriptor(void);   /* readable when the stub has rung, or the machine has ended */
int bell_socket(void);	     /* readable, on amd64, when the machine has ended */
bool bell_taken(void);	     /* returns false if the machine has ended */
void bell_ring(uint32_t vp); /* interrupt the processor */
void machine_stop(void);
void machine_continue(void);

/* synic.c: messages, one at a time, and event flags */

bool message_in_flight(void);
/* Send a message to a processor. @taken is called when the guest has it. */
void post_message(uint32_t vp, const void *payload, uint8_t len, void (*taken)(void *), void *arg);
void synic_deliver(void);
void synic_forget(void);
void set_event_flag(uint32_t vp, uint32_t relid);

/* bus.c: the connection, and the guest's messages */

enum message_type {
	OFFERCHANNEL = 1,
	RESCIND_CHANNELOFFER,
	REQUESTOFFERS,
	ALLOFFERS_DELIVERED,
	OPENCHANNEL,
	OPENCHANNEL_RESULT,
	CLOSECHANNEL,
	GPADL_HEADER,
	GPADL_BODY,
	GPADL_CREATED,
	GPADL_TEARDOWN,
	GPADL_TORNDOWN,
	RELID_RELEASED,
	INITIATE_CONTACT,
	VERSION_RESPONSE,
	UNLOAD,
	UNLOAD_RESPONSE,
	MODIFYCHANNEL = 22,
	MODIFYCHANNEL_RESPONSE = 24,
};

#define HOST_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
#define VERSION_4_1		   HOST_VERSION(4, 1)
#define VERSION_5_0		   HOST_VERSION(5, 0)
#define VERSION_5_3		   HOST_VERSION(5, 3)
#define VERSION_6_0		   HOST_VERSION(6, 0)

struct bus {
	uint32_t newest;      /* the newest version that the host speaks */
	uint32_t features;    /* flags of the features that it has since 6.0 */
	uint32_t version;     /* that of the connection, or of the last contact */
	uint32_t asked;	      /* the features that the guest asks for, since 6.0 */
	uint32_t vp;	      /* the processor that gets the messages */
	bool contacted;	      /* the host has to answer the guest's contact */
	bool requested;	      /* the guest wants offers */
	bool announced;	      /* it has those that were there when it asked */
	uint32_t connections; /* how often a guest has connected so far */
	uint64_t faults;      /* messages of the guest that break the protocol */
	int64_t unload_at;
	uint64_t monitor_page; /* from the guest to the host: its address */
};
extern struct bus bus;

/* All channels; from order_channels() on, as the host offers them */
extern struct channel *channels[MAX_ALL];
extern unsigned int nr_channels;
#define for_each_channel(c) \
	for (struct channel **at_ = channels, *c; at_ < channels + nr_channels && (c = *at_); at_++)

void message_fault(const char *format, ...) PRINTF(1, 2);
/* Send the guest a message: the type, and then @len bytes. */
void bus_post(enum message_type type, const void *body, size_t len, void (*taken)(void *),
	      void *arg);
uint32_t bus_receive(const struct vp *vp);
void bus_work(void);
void bus_reset(void);
void order_channels(void);
unsigned int bus_waiting(void); /* the guest's messages that the host has not read */

/* offer.c: each step of this kind returns whether there was something to do */

struct channel *find_channel(uint32_t relid);
struct channel *find_connection(uint32_t id);
bool is_to_rescind(const struct channel *c);
bool offer_step(void);
bool rescind_step(void);
void rescind_subs(struct device *d);
void release_relid(uint32_t relid);
void free_relid(struct channel *c);

/* gpadl.c */

struct gpadl *find_gpadl(uint32_t id);
void gpadl_header(const uint8_t *body, uint32_t len);
void gpadl_body(const uint8_t *body, uint32_t len);
void gpadl_teardown(uint32_t id);
bool gpadl_step(void);
void free_gpadls(uint32_t relid); /* those of a channel, or all if it is 0 */
uint64_t count_gpadls(uint32_t relid);
unsigned int count_teardowns(void);
/* Copy between @bytes and a GPADL. The caller has checked that it has them. */
void gpadl_copy(const struct gpadl *g, uint32_t offset, void *bytes, uint32_t len, bool write);

/* channel.c */

void take_open(const struct open_request *request);
void take_close(uint32_t relid);
void take_modify(uint32_t relid, uint32_t vp);
void close_channel(struct channel *c);
bool channel_step(void);
void channel_wake(struct channel *c); /* does what is due, apart from messages */
bool is_unanswered(const struct channel *c);

/* ring.c */

void channel_fault(struct channel *c, const char *format, ...) PRINTF(2, 3);
uint32_t ring_bytes(const struct channel *c, enum frame_place ring); /* with the header page */
bool rings_open(struct channel *c, uint32_t offset);
bool rings_drain(struct channel *c, bool signalled);
void rings_flush(struct channel *c);
void rings_wake_guest(struct channel *c);
void tx_mask(struct channel *c, bool mask);
void queue_packet(struct channel *c, struct packet *packet);
void drop_packets(struct channel *c, const char *why);

/* signal.c: signals of the guest and interrupts */

uint32_t take_signal(uint32_t id);
void kick(struct channel *c);
void kick_device(struct device *d);
void channel_look(struct channel *c);
void interrupt(struct channel *c);
void monitor_forget(const struct channel *c);
void monitor_start(void);
void migrate(struct device *d, const struct frame *frame);
void migration_forget(const struct device *d); /* its program has gone */
void signal_work(void);

/* program.c: frames to and from the programs */

void put_frame(struct device *d, struct frame frame, const void *payload, uint32_t len);
void put_event(const struct channel *c, enum frame_op op, uint32_t arg, uint32_t arg2);
void put_text(struct device *d, enum frame_op op, uint32_t channel, uint32_t tag,
	      const char *format, ...) PRINTF(5, 6);
void put_ok(struct device *d, uint32_t channel, uint32_t tag, const void *payload, uint32_t len);
bool out_full(const struct device *d);
short program_events(const struct device *d);
void program_serve(struct device *d, short events);
void program_flush(struct device *d);

/* device.c */

void add_device(const char *text);

#endif
