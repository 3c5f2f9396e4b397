/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_RECORD_H
#define FCOPY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus_bufring.h>

/*
 * These functions write the recording of --record. It contains the host's
 * messages and the daemon's answers, without the contents of files.
 * hv-fcopyd-record(5) describes the format.
 *
 * A process has at most one recording. If there is none, or after it has ended,
 * these functions do nothing. A recording ends by itself when it reaches its
 * limit or when the file cannot be written. The log reports that, and copies
 * continue.
 *
 * The functions keep lines in memory, and a separate thread writes them to the
 * file, so that no answer waits for the disk. The recording ends when the
 * memory is full while the thread still writes earlier lines.
 */

/**
 * The limit of a recording in bytes; a copy of 100 MB needs about half of it
 */
#define RECORD_LIMIT (16u << 20)

/**
 * record_open() - begin a recording
 * @path: the file of the recording, which must not exist
 * @shape: whether to replace letters and digits of names
 * @limit: the maximum size of the file in bytes
 *
 * Returns 0 or -errno. If the first line cannot be written, the function
 * removes the file.
 */
int record_open(const char *path, bool shape, uint64_t limit);

/**
 * record_background() - start the thread that writes the file
 *
 * Before this call, and after it has failed, the calling thread writes the
 * file. Returns 0 or -errno.
 */
int record_background(void);

/** record_channel() - record that the daemon has opened the device */
void record_channel(struct vmbus_chan *channel);

/**
 * record_host() - record @packet from the host, before its @payload is turned
 * into the answer
 */
void record_host(struct vmbus_chan *channel, const struct vmbus_packet *packet,
		 const void *payload);

/**
 * record_unread() - record a packet that the daemon skipped
 * @packet: the packet, which is too long; NULL if it is damaged
 */
void record_unread(const struct vmbus_packet *packet);

/** record_guest() - record @payload, the answer to @packet in the ring */
void record_guest(const struct vmbus_packet *packet, const void *payload);

/** record_event() - add a line without a message, with its kind and fields */
void record_event(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * record_flushed() - record that the host can see the answers, with the signals
 * to the host and the state of the rings
 */
void record_flushed(struct vmbus_chan *channel);

/**
 * record_work() - let the thread write lines, unless it is still writing
 * @now: write all lines now, and otherwise only if there are many
 */
void record_work(bool now);

/**
 * record_end() - end the recording; the thread still writes the last lines
 * @reason: one word
 */
void record_end(const char *reason);

/**
 * record_close() - end the recording and wait for the thread
 *
 * The function waits only a second, because the disk may not answer.
 */
void record_close(const char *reason);

#endif
