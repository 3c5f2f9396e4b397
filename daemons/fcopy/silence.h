/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SILENCE_H
#define FCOPY_SILENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <vmbus_bufring.h>

/*
 * Notices a host that has fallen silent. After a fault of the protocol, which
 * it tells nobody, a host neither reads nor writes until the guest closes the
 * device and opens it again.
 *
 * A host that has nothing to copy says nothing either. So only what a host owes
 * counts:
 *   - It sends NEGOTIATE when the device is opened, and again each minute.
 *   - It reads an answer when it is signalled.
 *   - It goes on with a copy. After TRANSFER_IDLE_SECONDS without a message the
 *     daemon has ended the copy.
 * A host that does nothing of this for SILENCE_SECONDS is silent. It has given
 * its transaction up by then and begun it anew, so that nothing is lost if the
 * daemon opens the device again. Each time doubles the patience for the next
 * one, until a copy arrives or the host has owed nothing for an hour.
 */
#define SILENCE_SECONDS_MAX	3600
#ifndef SILENCE_SECONDS
#define SILENCE_SECONDS		120
#endif

/** What the host owes */
enum silence_debt {
	SILENCE_NOTHING,
	SILENCE_OFFER,			/* to offer the device again, see device_is_missing() */
	SILENCE_NEGOTIATE,
	SILENCE_READ,
	SILENCE_MESSAGE,
};

struct silence {
	enum silence_debt debt;
	uint64_t received;		/* packets of this opening */
	uint64_t read;			/* bytes of ours that the host has read */
	uint64_t files;			/* received when the patience was first doubled */
	struct timespec latest;		/* the last look */
	/* for which the host owes it; a jump of the clock counts little */
	unsigned int msec;
	unsigned int patience;		/* seconds */
	time_t talks_since;		/* on that clock; the host owes nothing since then */
	bool told;			/* the log says that the host is silent */
	uint64_t reopened;		/* how often the device was opened again for this */
	time_t reopened_at;
	enum silence_debt reason;	/* of the last time */
};

/** silence_init() - the device was just opened for the first time */
void silence_init(struct silence *silence);

/**
 * silence_reopened() - the device was opened again; @silent: because the host
 * is silent
 */
void silence_reopened(struct silence *silence, bool silent);

/**
 * silence_look() - see what the host does; call it every SILENCE_LOOK_SECONDS,
 * or more often
 * @expired: the host has sent nothing since it left a copy to expire
 * @files: received so far
 *
 * Returns whether the host has fallen silent, and the log says so.
 */
bool silence_look(struct silence *silence, struct vmbus_chan *channel, bool expired,
		  uint64_t files);
#define SILENCE_LOOK_SECONDS	10

/** silence_pending() - whether silence_look() has to be called again */
static inline bool silence_pending(const struct silence *silence)
{
	return silence->debt != SILENCE_NOTHING;
}

/** silence_state() - one word for programs: talking, or what the host owes */
const char *silence_state(const struct silence *silence);

/** silence_words() - what the host has left undone, for people */
const char *silence_words(enum silence_debt debt);

#endif
