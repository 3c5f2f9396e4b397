/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SESSION_H
#define FCOPY_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "transfer.h"

/*
 * The messages of the file copy service: an IC header (vmbus_bufring.h), then an
 * operation. Each one is answered by the same bytes with a status in them.
 *
 * Out of order:
 *   anything before versions are agreed	REFUSAL_VERSION
 *   NEGOTIATE					ends an active copy: the host has forgotten it
 *   START while a copy is active		discards that copy, even if the new one is refused
 *   the same START again, before any WRITE	goes on with that copy
 *   WRITE, COMPLETE after a failure		the failure again, until START, COMPLETE or CANCEL
 *   COMPLETE again				what the last COMPLETE got
 *   WRITE, COMPLETE without START		REFUSAL_NO_COPY
 *   CANCEL, at any time			success: nothing is left of a copy
 *   an unknown operation or type		REFUSAL_UNKNOWN
 *   shorter than what it must carry		REFUSAL_MESSAGE; a WRITE also ends the copy
 *   an answer, or no IC message		ignored
 *
 * The host tries a transaction again when its answer has not come within 60
 * seconds. So START, WRITE and COMPLETE may each come twice, the second time
 * with the same transaction id or with another one: nobody has seen which. A
 * START that was refused is tried anew, as the reason may be gone.
 */

#define FCOPY_START	0
#define FCOPY_WRITE	1
#define FCOPY_COMPLETE	2
#define FCOPY_CANCEL	3

/** The most data in one WRITE */
#define FCOPY_FRAGMENT	6144
/** The bytes of a START after the IC header */
#define FCOPY_START_SIZE 1088

#define SESSION_INVALID_KINDS 7

struct session {
	bool agreed;			/* on versions */
	bool stopping;			/* the daemon ends: START gets REFUSAL_STOPPED */
	struct failure failure;		/* of the last copy: the answer to its next WRITE or COMPLETE */
	bool failure_told;		/* an answer to WRITE or COMPLETE has told it */
	bool completed;			/* the last operation was COMPLETE, and got this: */
	enum refusal completion;
	unsigned char started[FCOPY_START_SIZE];	/* the START of the active copy */
	struct transfer transfer;
	struct log_limit invalid[SESSION_INVALID_KINDS];	/* lines about messages that are not valid */
};

/** session_init() - the host has said nothing yet; parameters as for transfer_init() */
void session_init(struct session *session, int journal, const struct policy *policy);

/** session_restart() - the host begins anew; no copy may be active, the totals stay */
void session_restart(struct session *session);

/**
 * session_answer() - do what a message asks for, and turn it into the answer, in place
 * @message: the payload of an in-band packet
 * @length: as received
 *
 * Returns whether there is an answer to send, of the same @length. The caller
 * sends it, and then calls transfer_work().
 */
bool session_answer(struct session *session, void *message, size_t length);

/** session_expire() - end a copy that transfer_is_idle() */
void session_expire(struct session *session);

/** session_stop() - end an active copy as session_abort() does; no copy begins any more */
bool session_stop(struct session *session);

/**
 * session_abort() - end an active copy from this side
 *
 * The host's next WRITE or COMPLETE gets @failure.
 *
 * Returns whether there was one.
 */
bool session_abort(struct session *session, const struct failure *failure);

#endif
