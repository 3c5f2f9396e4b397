/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SILENCE_H
#define FCOPY_SILENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <vmbus_bufring.h>

/*
 * These functions detect a host that has fallen silent. After an error in the
 * protocol a host neither reads nor writes until the guest closes the device
 * and opens it again, and it does not report the error.
 *
 * A host without a file to copy sends nothing either. So the daemon waits only
 * for an action that the host owes it:
 *   - The host sends NEGOTIATE after the guest has opened the device, and again
 *     each minute.
 *   - It reads an answer after the guest has signalled it.
 *   - It continues a copy. If no message arrives for TRANSFER_IDLE_SECONDS, the
 *     daemon ends the copy, and the host still owes a message.
 * The host is silent if it does not act for SILENCE_SECONDS. By then it has
 * given up its transaction and started it over, so nothing is lost if the
 * daemon opens the device again. Each time the daemon does so, it doubles the
 * time that it waits before the next one. It returns to SILENCE_SECONDS when a
 * copy arrives or the host has owed nothing for an hour.
 */
#define SILENCE_SECONDS_MAX 3600
#ifndef SILENCE_SECONDS
#define SILENCE_SECONDS 120
#endif

/** The action that the host owes */
enum silence_debt {
	SILENCE_NOTHING,
	SILENCE_OFFER,	   /* offer the device again, see device_is_missing() */
	SILENCE_NEGOTIATE, /* send NEGOTIATE */
	SILENCE_READ,	   /* read the answers */
	SILENCE_MESSAGE,   /* continue a copy */
};

struct silence {
	enum silence_debt debt;
	uint64_t received;	/* packets since the device was opened */
	uint64_t read;		/* bytes of the guest that the host has read */
	uint64_t files;		/* the @files of the last silence_look() */
	struct timespec latest; /* the time of the last silence_look() */
	/* the age of the debt, in which a jump of the clock counts little */
	unsigned int msec;
	unsigned int patience; /* seconds to wait before the next reopening */
	time_t talks_since;    /* the time since which the host owes nothing */
	bool logged;	       /* the log shows that the host is silent */
	uint64_t reopened;     /* how often the daemon opened the device again */
	time_t reopened_at;
	enum silence_debt reason; /* the debt that caused the last reopening */
};

/** silence_init() - begin to watch a host whose device was just opened */
void silence_init(struct silence *silence);

/**
 * silence_reopened() - record that the device was opened again
 * @silent: whether the reason was a silent host
 */
void silence_reopened(struct silence *silence, bool silent);

/**
 * silence_look() - check what the host does
 * @expired: whether a copy expired and the host has sent nothing since
 * @files: the number of files received so far
 *
 * The caller must call this at least every SILENCE_LOOK_SECONDS. Returns
 * whether the host has fallen silent; the function has then logged it.
 */
bool silence_look(struct silence *silence, struct vmbus_chan *channel, bool expired,
		  uint64_t files);
#define SILENCE_LOOK_SECONDS 10

/** silence_pending() - whether the caller must call silence_look() again */
static inline bool silence_pending(const struct silence *silence)
{
	return silence->debt != SILENCE_NOTHING;
}

/** silence_state() - return a word for programs: "talking", or the debt */
const char *silence_state(const struct silence *silence);

/** silence_words() - describe for people what the host has not done */
const char *silence_words(enum silence_debt debt);

#endif
