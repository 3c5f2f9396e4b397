/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program's end of a device of hyperv: the connection, the state of its
 * channels, packets and requests. Only one thread may use it. Functions return
 * 0 or -errno, and write the reason to host->error. A time limit that passes is
 * -ETIMEDOUT, and a connection that ends is -ECONNRESET.
 */
#ifndef VM_HOST_CLIENT_H
#define VM_HOST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Types of VMBus packets, and the flag that asks for a completion */
enum {
	PACKET_INBAND = 6,
	PACKET_TRANSFER_PAGES = 7,
	PACKET_GPA_DIRECT = 9,
	PACKET_COMPLETION = 11,
	PACKET_WANTS_COMPLETION = 1,
};

#define HOST_MAX_CHANNELS 65

struct host_packet {
	struct host_packet *next;
	struct frame frame;
	/*
	 * The contents of the guest's memory that the packet names: frame.arg2
	 * bytes, if frame.tag is FRAME_MEMORY_TAKEN.
	 */
	const uint8_t *memory;
	uint8_t payload[]; /* frame.len bytes; the first frame.arg are the descriptor */
};

struct host {
	int fd;
	bool verbose; /* print events to stdout as "event ..." */
	/*
	 * Put events, and errors without a tag, among the packets; frame.op
	 * tells them apart.
	 */
	bool in_order;
	int64_t began;
	uint32_t channels; /* 0 until the device has greeted */
	struct frame_channel channel[HOST_MAX_CHANNELS];
	uint32_t openings[HOST_MAX_CHANNELS]; /* number of FRAME_OPENED so far */
	uint64_t resets;		      /* number of FRAME_RESET so far */
	struct host_packet *packets;
	struct host_packet **packets_end;
	uint32_t tag;		   /* the tag of the last request */
	struct host_packet *reply; /* its answer, until host_request() takes it */
	char error[256];
};

/* Returns the milliseconds of CLOCK_MONOTONIC. */
int64_t host_now(void);

/*
 * Connects to the socket, waiting for it if necessary, and takes the device's
 * hello.
 */
int host_connect(struct host *host, const char *path, int timeout_ms);
void host_disconnect(struct host *host);

/*
 * Takes one frame from the device. Returns -EREMOTEIO if it reports that a
 * frame without a tag has failed.
 */
int host_pump(struct host *host, int timeout_ms);

/*
 * Sends a frame and does not wait for an answer. Takes the frames that come
 * meanwhile, so that neither side blocks the other.
 */
int host_send(struct host *host, const struct frame *frame, const void *payload, int timeout_ms);

/*
 * Sends a frame and waits for its answer. Returns -EREMOTEIO if the device
 * refuses the request. Writes up to @size bytes of the answer to @answer.
 */
int host_request(struct host *host, const struct frame *frame, const void *payload, void *answer,
		 size_t size, int timeout_ms);

/*
 * Takes frames until done(host, arg). The error of a time limit says that
 * channel @arg was not @what.
 */
int host_wait(struct host *host, bool (*done)(struct host *host, uint32_t arg), uint32_t arg,
	      const char *what, int timeout_ms);

/* Conditions for host_wait() about a channel */
bool host_is_open(struct host *host, uint32_t channel);
bool host_is_closed(struct host *host, uint32_t channel);
bool host_is_offered(struct host *host, uint32_t channel);
bool host_is_released(struct host *host, uint32_t channel);
bool host_is_asked(struct host *host, uint32_t channel);

/* Takes the next packet of any channel. The caller frees it. */
int host_take_packet(struct host *host, struct host_packet **packet, int timeout_ms);

/* Writes the reason to host->error. Returns @error. */
int host_error(struct host *host, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
