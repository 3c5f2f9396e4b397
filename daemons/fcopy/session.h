/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SESSION_H
#define FCOPY_SESSION_H

#include "../../util/clock.h"

#include "log.h"
#include "wire.h"
#include "worker.h"

/*
 * The session answers the requests of the file copy service. It knows what the
 * host has begun, and lets a worker do it.
 *
 * It answers requests out of order, and faulty ones, as follows:
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
 *   an unknown operation		REFUSAL_UNKNOWN
 *   a message that is too short	REFUSAL_MESSAGE; a WRITE also ends the
 *					copy
 *
 * The host repeats a transaction if it gets no answer within 60 seconds. So
 * START, WRITE and COMPLETE may each arrive twice. Nobody has observed whether
 * the second one has the same transaction id.
 *
 * A request whose answer needs the worker waits, and later requests wait behind
 * it. A request that waits for SESSION_LIMIT_MSEC gets REFUSAL_SLOW. The
 * session then gives up the copy, and waits for its worker no more. A COMPLETE
 * whose file is in place by then is a success. The library answers a repeat of
 * a request that still waits.
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

/* The session ends a copy if the host does not continue it for this time. */
#ifndef SESSION_IDLE_SECONDS
#define SESSION_IDLE_SECONDS 600
#endif

/*
 * A copy may have to wait for the removal of an earlier one, which has the same
 * directory or the space that the copy needs. It waits no longer than this,
 * because the removal may wait for another disk.
 */
#define SESSION_DISCARD_MSEC 2000

/* The number of requests that can wait */
#define SESSION_HELD 8

enum session_state {
	SESSION_IDLE,
	SESSION_STARTING,  /* the worker looks for the destination */
	SESSION_RECEIVING, /* the host sends data */
	SESSION_FINISHING, /* after COMPLETE, the worker writes the file to the disk */
	SESSION_PLACING,   /* the worker gives the file its name */
	SESSION_PLACED,	   /* the worker writes the directory to the disk */
	/* the copy has ended for the host, and the worker removes its file */
	SESSION_DISCARDING,
	SESSION_CLEANING, /* a worker removes what interrupted copies left */
	SESSION_STATES
};

/** A request that waits; @token is the caller's */
struct session_held {
	void *token;
	struct request request;
	uint64_t since; /* milliseconds */
};

/**
 * How the last copy ended: the answer to the host's next WRITE or COMPLETE
 *
 * With REFUSAL_NONE and without @completed there is none, and the host gets
 * REFUSAL_NO_COPY.
 */
struct verdict {
	struct failure failure;
	bool completed; /* it answers a COMPLETE, and only a repetition gets it again */
	bool told;	/* the host has it */
};

/** The function that sends the answer to the request with this token */
typedef void session_answer_fn(void *token, enum refusal refusal);

struct session {
	enum session_state state;
	const struct policy *policy; /* the current one; a worker has that of its START */
	session_answer_fn *answer;
	struct session_held held[SESSION_HELD];
	unsigned int held_count;
	bool asking; /* held[0] waits for the outcome of what the worker does */

	/* The copy, for its log; valid until the next START */
	struct worker worker; /* there is none while @state is SESSION_IDLE */
	struct start start;
	unsigned char started[sizeof(struct fcopy_start)]; /* START as the host sent it */
	char path[TRANSFER_FILE_SIZE];
	uint64_t received;
	uint64_t begun;		/* milliseconds */
	uint64_t latest;	/* when the host sent something of the copy, likewise */
	uint64_t discard_until; /* SESSION_DISCARDING, likewise */
	struct log_copy lost;	/* SESSION_DISCARDING: what the log gets at its end */

	struct verdict verdict;
	bool cleaned;	     /* the next START need not wait for worker_clean() */
	bool stopping;	     /* the daemon ends, and START gets REFUSAL_STOPPED */
	bool expired;	     /* a copy was idle for too long */
	struct failure last; /* the last failure, for the status */
	time_t failed_at;    /* when it was; 0: there is none */
};

/** now_msec() - return the milliseconds of a clock that never goes back */
static inline uint64_t now_msec(void)
{
	/*
	 * A read of CLOCK_MONOTONIC would leave the VM if the clock source is
	 * not the TSC.
	 */
	return clock_now(CLOCK_MONOTONIC_COARSE) / 1000000;
}

/** session_init() - prepare for the first message of the host */
void session_init(struct session *session, const struct policy *policy, session_answer_fn *answer);

/**
 * session_request() - do what a request of the host asks for
 * @body: the message after its header; it stays valid until the answer
 *
 * The session calls answer(), now or later.
 */
void session_request(struct session *session, void *token, const void *body, size_t length);

/**
 * session_restart() - handle a negotiation: end an active copy, and forget all
 * requests
 * @why: the answer for a host that remembers the copy
 */
void session_restart(struct session *session, const struct failure *why);

/** session_collect() - handle the reports of the worker */
void session_collect(struct session *session);

/** session_reap() - handle SIGCHLD */
void session_reap(struct session *session);

/**
 * session_tick() - end what has taken too long; call this several times a
 * second
 */
void session_tick(struct session *session);

/** session_busy() - whether there is a copy, or a request waits */
static inline bool session_busy(const struct session *session)
{
	return session->state != SESSION_IDLE || session->held_count;
}

/**
 * session_completes() - whether the host has sent COMPLETE, and the worker
 * works on it
 */
static inline bool session_completes(const struct session *session)
{
	return session->state >= SESSION_FINISHING && session->state <= SESSION_PLACED;
}

/**
 * session_slow() - describe, for people, what the worker has waited for
 * @seconds: the time since the request arrived
 *
 * Returns NULL if no request has waited for more than a second.
 */
const char *session_slow(const struct session *session, unsigned int *seconds);

/**
 * session_abort() - end an active copy without the host
 *
 * The host's next WRITE or COMPLETE gets @failure, and so does a request that
 * waits. The function does nothing if session_completes() and the file may
 * already have its name. Returns whether it ended a copy.
 */
bool session_abort(struct session *session, const struct failure *failure);

/**
 * session_reloaded() - end the copy if the changed policy shuts its place
 *
 * A copy that session_completes() goes on.
 */
void session_reloaded(struct session *session);

/**
 * session_stop() - end an active copy, and refuse every new one
 *
 * A copy that session_completes() goes on. Returns whether the function ended a
 * copy.
 */
bool session_stop(struct session *session);

#endif
