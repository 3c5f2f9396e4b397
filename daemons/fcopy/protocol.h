/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_PROTOCOL_H
#define FCOPY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "transfer.h"

/*
 * The messages of the file copy service: an IC header (vmbus_bufring.h), then an operation. Each is
 * answered by the same bytes with a status in them.
 *
 * Out of order:
 *   before versions are agreed, or after that failed	ENOTCONN; a failed agreement ends a copy
 *   negotiation again, with success			a copy goes on
 *   START during a copy				that copy is discarded, even if the new one is refused
 *   WRITE, COMPLETE after a failure			the failure again, until START, COMPLETE or CANCEL
 *   WRITE, COMPLETE without START			EBADFD
 *   CANCEL, whenever					success: nothing is left of a copy
 *   an operation or type that is unknown		EOPNOTSUPP
 *   shorter than what it must carry			EINVAL; a WRITE also ends the copy
 *   what is itself an answer, or no IC message		ignored
 */

#define FCOPY_START	0
#define FCOPY_WRITE	1
#define FCOPY_COMPLETE	2
#define FCOPY_CANCEL	3

/** The most data in one WRITE */
#define FCOPY_FRAGMENT	6144

struct session {
	bool agreed;		/* on versions */
	int failure;		/* -errno of a copy whose end the host has not been told */
	bool failure_told;	/* but to a WRITE or COMPLETE */
	struct transfer transfer;
	struct log_limit oddities;
};

/** session_init() - before the host has said anything; @state and @policy as for transfer_init() */
void session_init(struct session *session, int state, const struct policy *policy);

/** session_restart() - the host has forgotten what it said; a copy must have ended, the totals stay */
void session_restart(struct session *session);

/**
 * session_answer() - does what a message asks for, and turns it into the answer, in place
 * @message: the payload of an in-band packet
 * @length: as received
 *
 * Returns whether there is an answer to send, of the same @length.
 */
bool session_answer(struct session *session, void *message, size_t length);

/** session_expire() - ends a copy that has been idle for TRANSFER_IDLE_SECONDS: -ETIMEDOUT */
void session_expire(struct session *session);

/**
 * session_abort() - ends a copy from this side: the host's next WRITE or COMPLETE gets @error
 *
 * Returns whether there was one.
 */
bool session_abort(struct session *session, int error, const char *reason);

#endif
