/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_RECORD_H
#define FCOPY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus_bufring.h>

/*
 * The recording of --record: what the host sends and what this daemon answers,
 * without the contents of files. hv-fcopyd-record(5) describes the format.
 *
 * There is one recording for the process. Without one, or after it has ended,
 * these functions do nothing. A recording ends by itself at its limit, and when
 * the file cannot be written; the log says so, and copies go on.
 *
 * Lines are kept in memory, and a thread of its own writes them to the file, so
 * that no answer waits for the disk. When the memory is full and the disk has
 * not taken the earlier lines, the recording ends.
 */

/**
 * The limit of a recording in bytes: a copy of 100 MB takes about half of it
 */
#define RECORD_LIMIT (16u << 20)

/**
 * record_open() - begin a recording
 * @path: must not exist
 * @shape: replace letters and digits of names
 * @limit: bytes that the file may have at most
 *
 * Returns 0; or -errno, also when the first line cannot be written, and leaves
 * no file of its own then.
 */
int record_open(const char *path, bool shape, uint64_t limit);

/**
 * record_background() - have a thread write the file from now on
 *
 * Until then, and after -errno, the caller of these functions writes it.
 */
int record_background(void);

/** record_channel() - the device is open */
void record_channel(struct vmbus_chan *channel);

/**
 * record_host() - the host has sent @packet, whose @payload must not be an
 * answer yet
 */
void record_host(struct vmbus_chan *channel, const struct vmbus_packet *packet,
		 const void *payload);

/**
 * record_unread() - a packet was skipped: it is too long, or damaged, and then
 * @packet is NULL
 */
void record_unread(const struct vmbus_packet *packet);

/** record_guest() - @payload is the answer to @packet, and is in the ring */
void record_guest(const struct vmbus_packet *packet, const void *payload);

/** record_event() - add a record without a message: its kind and its fields */
void record_event(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * record_flushed() - the host can see the answers: note whether it was
 * signalled, and the rings
 */
void record_flushed(struct vmbus_chan *channel);

/**
 * record_work() - have lines written to the file, if it has taken the earlier
 * ones
 * @now: all of them; otherwise only if there are many
 */
void record_work(bool now);

/**
 * record_end() - end the recording, and let the thread go on with it; @reason
 * is one word
 */
void record_end(const char *reason);

/**
 * record_close() - end it, and wait for the thread, but only a second for a
 * disk that stands still
 */
void record_close(const char *reason);

#endif
