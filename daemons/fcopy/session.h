/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SESSION_H
#define FCOPY_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "name.h"
#include "transfer.h"
#include "work.h"

/*
 * The messages of the file copy service: an IC header (vmbus_bufring.h), then
 * an operation. Each one is answered by the same bytes with a status in them.
 *
 * Out of order:
 *   before versions are agreed		REFUSAL_VERSION
 *   NEGOTIATE				ends an active copy: the host has
 *					forgotten it
 *   START while a copy is active	discards that copy, even if the new one
 *					is refused
 *   the same START before any WRITE	goes on with that copy
 *   WRITE, COMPLETE after a failure	the failure again, until START, COMPLETE
 *					or CANCEL
 *   COMPLETE again			what the last COMPLETE got
 *   WRITE, COMPLETE without START	REFUSAL_NO_COPY
 *   CANCEL, at any time		success: nothing is left of a copy
 *   an unknown operation or type	REFUSAL_UNKNOWN
 *   shorter than its contents		REFUSAL_MESSAGE; a WRITE also ends the
 *					copy
 *   an answer, or no IC message	ignored
 *
 * The host tries a transaction again when its answer has not come within 60
 * seconds. So START, WRITE and COMPLETE may each come twice, the second time
 * with the same transaction id or with another one: nobody has seen which. A
 * START that was refused is tried anew, as the reason may be gone.
 *
 * What may wait for a disk is a task for the thread of work.h. The request
 * whose answer needs its outcome waits with the caller, and later requests wait
 * behind it. A NEGOTIATE never waits. A request that waits for
 * SESSION_LIMIT_MSEC gets REFUSAL_SLOW: the copy is given up, and the thread
 * removes what is left of it as soon as the disk permits. A COMPLETE whose file
 * is in place by then is a success. A request that came again while it waited
 * gets what the first one got.
 */

/* The host's limit is 60 seconds, and Linux has always answered within 30. */
#ifndef SESSION_LIMIT_MSEC
#define SESSION_LIMIT_MSEC	25000
#endif

#define FCOPY_START	0
#define FCOPY_WRITE	1
#define FCOPY_COMPLETE	2
#define FCOPY_CANCEL	3

/** The most data in one WRITE */
#define FCOPY_FRAGMENT	6144
/** The bytes of a START after the IC header */
#define FCOPY_START_SIZE 1088

#define SESSION_INVALID_KINDS 7

enum session_task {
	TASK_START, TASK_WRITE, TASK_FLUSH, TASK_COMPLETE, TASK_DISCARD
};

/** What becomes of a message; all but the first two call for an answer */
enum session_reply {
	SESSION_SILENCE,	/* there is no answer */
	SESSION_LATER,		/* keep the message for session_retry() */
	SESSION_ANSWER,		/* the message has become its answer */
	/* so it has; what the caller keeps is forgotten: count it no more */
	SESSION_ANEW,
};

struct session {
	bool agreed;			/* on versions */
	/* no message has come since session_expire() ended a copy */
	bool expired;
	bool stopping;			/* the daemon ends: START gets REFUSAL_STOPPED */
	/* of the last copy: the answer to its next WRITE or COMPLETE */
	struct failure failure;
	bool failure_reported;		/* an answer to WRITE or COMPLETE has told it */
	/* the last operation was START, and got this; or REFUSAL_NONE */
	enum refusal refused;
	struct timespec refused_at;
	bool completed;			/* the last operation was COMPLETE, and got this: */
	enum refusal completion;
	unsigned char started[FCOPY_START_SIZE];	/* the START of the active copy */
	struct transfer transfer;	/* the thread's while @running */
	struct transfer_view view;	/* as it was when the task began */

	struct work work;
	/* a task has begun, and session_collect() has not seen its end */
	bool running;
	bool serving;			/* the first request that waits needs the task's outcome */
	/* the task is COMPLETE, or FLUSH and a COMPLETE waits for it */
	bool completing;
	bool over;			/* to the host, the copy that the task works on has ended */
	unsigned int held;		/* requests that wait; the caller counts them */
	enum refusal outcome;		/* of the task */
	struct timespec begun;		/* the task */
	struct {
		enum session_task kind;
		enum refusal refusal;
		struct failure failure;
		struct destination_request request;
		char path[NAME_BYTES], name[NAME_BYTES], name_fault[64];
		uint64_t number;	/* START: the announced size; WRITE: the offset */
		uint32_t size;
		unsigned char data[FCOPY_FRAGMENT];
	} task;
	/* lines about messages that are not valid */
	struct log_limit invalid[SESSION_INVALID_KINDS];
	struct log_limit slow;
};

/**
 * session_init() - the host has said nothing yet; parameters as for
 * transfer_init()
 */
void session_init(struct session *session, int journal, const struct policy *policy);

/**
 * session_restart() - the host begins anew; no copy may be active, the totals
 * stay
 */
void session_restart(struct session *session);

/**
 * session_answer() - do what a message asks for, and turn it into the answer,
 * in place
 * @message: the payload of an in-band packet
 * @length: as received
 *
 * The caller sends the answer, of the same @length, and then calls
 * session_work().
 */
enum session_reply session_answer(struct session *session, void *message, size_t length);

/**
 * session_retry() - session_answer() for the first message that waits
 * @waited: milliseconds since it came
 *
 * Call it when a task has ended, and from time to time.
 */
enum session_reply session_retry(struct session *session, void *message, size_t length,
				 unsigned int waited);

/** session_work() - have gathered data written to the file */
void session_work(struct session *session);

/**
 * session_collect() - see whether a task has ended; return whether none is
 * under way
 */
bool session_collect(struct session *session);

/**
 * session_settle() - wait at most so long for the task under way; return
 * whether none is left
 */
bool session_settle(struct session *session, int msec);

/**
 * session_active() - whether a copy is active, or what is left of one occupies
 * the thread
 */
bool session_active(struct session *session);

/**
 * session_receives() - whether the host has an active copy, or waits for an
 * answer
 */
bool session_receives(struct session *session);

/** session_starts() - whether the thread reads the policy */
static inline bool session_starts(const struct session *session)
{
	return session->running && session->task.kind == TASK_START;
}

/**
 * session_completes() - whether a COMPLETE is under way, or waits for data to
 * be written
 */
bool session_completes(const struct session *session);

/**
 * session_finish() - wait at most so long for such a COMPLETE, whose answer the
 * host cannot get
 */
void session_finish(struct session *session, int msec);

/**
 * session_view() - the copy and the totals, without what a running task has
 * done to them
 */
const struct transfer_view *session_view(struct session *session);

/**
 * session_slow() - what a disk takes more than a second for: words for people
 *
 * Returns NULL if there is nothing, otherwise also the @seconds.
 */
const char *session_slow(const struct session *session, unsigned int *seconds);

/** session_expire() - end a copy that transfer_is_idle() */
void session_expire(struct session *session);

/**
 * session_stop() - end an active copy as session_abort() does; no copy begins
 * any more
 *
 * A COMPLETE under way goes on.
 */
bool session_stop(struct session *session);

/**
 * session_abort() - end an active copy from this side
 *
 * The host's next WRITE or COMPLETE gets @failure, as does a request that
 * waits.
 *
 * Returns whether there was one.
 */
bool session_abort(struct session *session, const struct failure *failure);

#endif
