/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program's end of a vmbus-pipe device: the connection, the state of its
 * channels, packets and requests. One thread. Functions return 0 or -errno, and
 * say why in host->error; a time limit that passes is -ETIMEDOUT, a connection
 * that ends -ECONNRESET.
 */
#ifndef VM_HOST_CLIENT_H
#define VM_HOST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define HOST_MAX_CHANNELS 65

struct host_packet {
	struct host_packet *next;
	struct frame frame;
	uint32_t mark; /* for the program, 0 at first */
	/*
	 * The guest's memory that the packet names: frame.arg2 bytes, if
	 * frame.tag says so.
	 */
	const uint8_t *memory;
	uint8_t payload[]; /* frame.len bytes, the first frame.arg are the descriptor */
};

struct host {
	int fd;
	bool verbose; /* events go to stdout as "event ..." */
	/*
	 * Events, and errors without a tag, are among the packets: frame.op
	 * tells them apart.
	 */
	bool in_order;
	int64_t began;
	uint32_t version;
	uint32_t channels;
	struct frame_channel channel[HOST_MAX_CHANNELS];
	uint32_t openings[HOST_MAX_CHANNELS]; /* FRAME_OPENED seen */
	uint64_t resets; /* FRAME_RESET, FRAME_MALFORMED seen */
	uint64_t malformed;
	struct host_packet *packets;
	struct host_packet **packets_end;
	uint32_t tag; /* of the last request */
	struct host_packet *replies; /* not taken yet */
	char error[256];
};

/* Milliseconds of a clock that only goes forward. */
int64_t host_now(void);

/* Connects to the socket, for which it waits, and takes the device's hello. */
int host_connect(struct host *host, const char *path, int timeout_ms);
void host_disconnect(struct host *host);

/*
 * Takes one frame from the device. One without a tag that failed is -EREMOTEIO.
 */
int host_pump(struct host *host, int timeout_ms);

/*
 * Sends a frame, no answer. Takes what comes meanwhile, so that neither side
 * blocks the other.
 */
int host_send(struct host *host, const struct frame *frame, const void *payload, int timeout_ms);

/*
 * Sends a frame and waits for its answer: -EREMOTEIO when the device refuses.
 * Up to @size bytes of the answer go to @answer, its whole length to @len; both
 * may be NULL.
 */
int host_request(struct host *host, const struct frame *frame, const void *payload, void *answer,
		 size_t size, size_t *len, int timeout_ms);

/*
 * The same in two steps, so that several requests can be on their way:
 * host_ask() sends a frame and puts its tag into @tag, host_answer() waits for
 * the answer to it. Each tag must be asked for.
 */
int host_ask(struct host *host, const struct frame *frame, const void *payload, uint32_t *tag,
	     int timeout_ms);
int host_answer(struct host *host, uint32_t tag, void *answer, size_t size, size_t *len,
		int timeout_ms);

/* Pumps until done(host, arg). @what is named in the error. */
int host_wait(struct host *host, bool (*done)(struct host *host, uint32_t arg), uint32_t arg,
	      const char *what, int timeout_ms);

/* For host_wait: @arg is a channel. */
bool host_is_open(struct host *host, uint32_t channel);
bool host_is_closed(struct host *host, uint32_t channel);
bool host_is_offered(struct host *host, uint32_t channel);
bool host_is_released(struct host *host, uint32_t channel);
bool host_is_asked(struct host *host, uint32_t channel);

/* The next packet of any channel, which the caller frees. */
int host_take_packet(struct host *host, struct host_packet **packet, int timeout_ms);

int host_error(struct host *host, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
