/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SESSION_H
#define FCOPY_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "transfer.h"
#include "wire.h"
#include "work.h"

/*
 * These functions answer the messages of the file copy service. A message is an
 * IC header (vmbus_bufring.h) and an operation. The answer consists of the same
 * bytes with a status in them.
 *
 * The session answers messages out of order, and faulty ones, as follows:
 *   any operation before NEGOTIATE	REFUSAL_VERSION
 *   NEGOTIATE				ends an active copy, because the host
 *					has forgotten it
 *   START while a copy is active	discards that copy, even if the session
 *					refuses the new one
 *   the same START before any WRITE	continues that copy
 *   WRITE, COMPLETE after a failure	repeat the failure, until START,
 *					COMPLETE or CANCEL
 *   COMPLETE again			repeats the answer to the last COMPLETE
 *   WRITE, COMPLETE without START	REFUSAL_NO_COPY
 *   CANCEL, at any time		success; nothing is left of a copy
 *   an unknown operation or type	REFUSAL_UNKNOWN
 *   a message that is too short	REFUSAL_MESSAGE; a WRITE also ends the
 *					copy
 *   an answer, or no IC message	no answer
 *
 * The host repeats a transaction if it gets no answer within 60 seconds. So
 * START, WRITE and COMPLETE may each arrive twice. Nobody has observed whether
 * the second one has the same transaction id. The session retries a refused
 * START, because the reason may no longer apply.
 *
 * Everything that may wait for a disk is a task for the thread of work.h. The
 * caller keeps the request whose answer needs the outcome of the task, and
 * later requests wait behind it. A NEGOTIATE waits for no disk. A request that
 * waits for SESSION_LIMIT_MSEC gets REFUSAL_SLOW. The session then gives up the
 * copy, and the thread removes the rest of it as soon as the disk permits. A
 * COMPLETE whose file is in place by then is a success. If the host repeats a
 * request that still waits, both get the same answer.
 */

/*
 * The host waits 60 seconds for an answer. The kernel's own drivers answer
 * within 30.
 */
#ifndef SESSION_LIMIT_MSEC
#define SESSION_LIMIT_MSEC 25000
#endif
_Static_assert(SESSION_LIMIT_MSEC < 30000,
	       "an answer would take longer than the kernel's drivers do");

enum session_task { TASK_START, TASK_WRITE, TASK_FLUSH, TASK_COMPLETE, TASK_DISCARD };

/** What the caller does with a message */
enum session_reply {
	SESSION_SILENCE, /* send no answer */
	SESSION_LATER,	 /* keep the message for session_retry() */
	SESSION_ANSWER,	 /* send the message, which has become its answer */
	/* send the answer, and drop the kept messages: @held is 0 */
	SESSION_ANEW,
};

struct session {
	bool agreed; /* the host and the daemon have agreed on versions */
	/* no message has arrived since session_expire() ended a copy */
	bool expired;
	bool stopping; /* the daemon ends, and START gets REFUSAL_STOPPED */
	/* the failure of the last copy, for its next WRITE or COMPLETE */
	struct failure failure;
	bool failure_reported; /* an answer has contained the failure */
	/* the refusal if the last operation was START, or REFUSAL_NONE */
	enum refusal refused;
	struct timespec refused_at;
	bool completed;					   /* the last operation was COMPLETE */
	enum refusal completion;			   /* the answer to this COMPLETE */
	unsigned char started[sizeof(struct fcopy_start)]; /* the START of the active copy */
	struct transfer transfer;  /* belongs to the thread while @running */
	struct transfer_view view; /* the transfer as it was when the task began */

	struct work work;
	/* a task has begun, and session_collect() has not seen its end */
	bool running;
	bool serving; /* the first held request needs the task's outcome */
	/* the task is COMPLETE, or it is FLUSH and a COMPLETE waits for it */
	bool completing;
	bool over;	       /* for the host, the copy of the task has ended */
	unsigned int held;     /* the requests that wait; the caller counts them */
	enum refusal outcome;  /* the outcome of the task */
	struct timespec begun; /* the time when the task began */
	struct {
		enum session_task kind;
		enum refusal refusal;
		struct failure failure;
		struct destination_request request;
		char path[NAME_BYTES], name[NAME_BYTES], name_fault[64];
		uint64_t number; /* the size in START, or the offset in WRITE */
		uint32_t size;
		unsigned char data[FCOPY_FRAGMENT];
	} task;
};

/**
 * session_init() - prepare for the first message of the host; the parameters
 * are as for transfer_init()
 */
void session_init(struct session *session, int journal, const struct policy *policy);

/**
 * session_restart() - prepare for a host that starts over
 *
 * No copy may be active. The totals are kept.
 */
void session_restart(struct session *session);

/**
 * session_answer() - do what a message asks for, and turn it into the answer
 * @message: the payload of an in-band packet, which becomes the answer
 * @length: the length of the payload
 *
 * The caller sends the answer, of the same @length, and then calls
 * session_work().
 */
enum session_reply session_answer(struct session *session, void *message, size_t length);

/**
 * session_retry() - call session_answer() for the first message that waits
 * @waited: the milliseconds since the message arrived
 *
 * The caller must call this when a task has ended, and from time to time.
 */
enum session_reply session_retry(struct session *session, void *message, size_t length,
				 unsigned int waited);

/** session_work() - let the thread write gathered data to the file */
void session_work(struct session *session);

/**
 * session_collect() - handle the end of a task; return whether no task is
 * running
 */
bool session_collect(struct session *session);

/**
 * session_settle() - wait for the running task, but at most @msec; return
 * whether no task is running
 */
bool session_settle(struct session *session, int msec);

/**
 * session_active() - whether a copy is active, or the thread still works on the
 * rest of one
 */
bool session_active(struct session *session);

/**
 * session_receives() - whether the host has an active copy or waits for an
 * answer
 */
bool session_receives(struct session *session);

/** session_reads_policy() - whether the thread reads the policy now */
static inline bool session_reads_policy(const struct session *session)
{
	return session->running &&
	       (session->task.kind == TASK_START ||
		(session->task.kind == TASK_COMPLETE && !session->transfer.confirmed));
}

/**
 * session_completes() - whether the thread completes the copy, or will do so
 * when it has written the gathered data
 */
bool session_completes(const struct session *session);

/**
 * session_finish() - wait for such a completion, but at most @msec
 *
 * The host cannot get the answer, but the file is in place.
 */
void session_finish(struct session *session, int msec);

/**
 * session_view() - return the copy and the totals, without the effects of a
 * running task on the copy
 */
const struct transfer_view *session_view(struct session *session);

/**
 * session_slow() - describe, for people, what a task has waited for
 * @seconds: the time since the task began
 *
 * Returns NULL if no task has run for more than a second.
 */
const char *session_slow(const struct session *session, unsigned int *seconds);

/** session_expire() - end the copy if transfer_is_idle() */
void session_expire(struct session *session);

/**
 * session_stop() - end an active copy, and refuse every new one
 *
 * The function does not end a copy that session_completes(). Returns whether it
 * ended a copy.
 */
bool session_stop(struct session *session);

/**
 * session_abort() - end an active copy without the host
 *
 * The host's next WRITE or COMPLETE gets @failure, and so does a request that
 * waits.
 *
 * Returns whether the function ended a copy.
 */
bool session_abort(struct session *session, const struct failure *failure);

#endif
