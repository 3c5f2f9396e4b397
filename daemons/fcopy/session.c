// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "places.h"
#include "session.h"

_Static_assert(SESSION_HELD == VMBUS_IC_LATER_MAX, "the library lets more requests wait");

/* An operation returns this if its request has to wait. */
#define LATER REFUSAL_COUNT

void session_init(struct session *session, const struct policy *policy, session_answer_fn *answer)
{
	memset(session, 0, sizeof(*session));
	session->worker.fd = -1;
	session->policy = policy;
	session->answer = answer;
}

static void touch(struct session *session)
{
	session->latest = now_msec();
}

static struct log_copy copy_for_log(const struct session *session, enum log_event event,
				    const struct failure *failure)
{
	return (struct log_copy){
		.event = event,
		.file = session->path,
		.size = session->start.announced,
		.received = session->received,
		.usec = (now_msec() - session->begun) * 1000,
		.failure = failure,
	};
}

/* Log that a copy was refused or lost, and remember why. */
static void log_failure(struct session *session, const struct log_copy *copy, const char *left)
{
	char text[FAILURE_DETAIL + 256];

	session->last = *copy->failure;
	session->failed_at = time(NULL);
	failure_text(copy->failure, text, sizeof(text));
	if (copy->event == LOG_REFUSED)
		log_copy(LOG_NOTICE, copy, "refused: %s", text);
	else
		log_copy(LOG_NOTICE, copy, "lost after %" PRIu64 " of %" PRIu64 " bytes: %s%s",
			 copy->received, copy->size, text, left);
}

static void log_received(const struct session *session, const struct failure *failure)
{
	struct log_copy copy = copy_for_log(session, LOG_RECEIVED, failure);
	char more[64] = "", text[FAILURE_DETAIL + 256];
	double seconds = copy.usec / 1e6;

	if (failure) {
		failure_text(failure, text, sizeof(text));
		log_copy(LOG_WARNING, &copy, "%s", text);
		return;
	}
	if (copy.received != copy.size)
		snprintf(more, sizeof(more), " (the host announced %" PRIu64 ")", copy.size);
	log_copy(LOG_INFO, &copy, "received %" PRIu64 " bytes%s in %.3f s, %.1f MB/s",
		 copy.received, more, seconds, seconds > 0 ? copy.received / seconds / 1e6 : 0.0);
}

/* Answer the oldest of the requests that wait. */
static void answer_first(struct session *session, enum refusal refusal)
{
	void *token = session->held[0].token;

	session->held_count--;
	memmove(&session->held[0], &session->held[1],
		session->held_count * sizeof(session->held[0]));
	session->answer(token, refusal);
}

/* Answer the request that waits for the outcome of what the worker did. */
static void tell_outcome(struct session *session, enum refusal refusal)
{
	if (!session->asking)
		return;
	session->asking = false;
	session->verdict.told = true;
	answer_first(session, refusal);
}

/* Keep the answer to COMPLETE, for a host that repeats it. */
static void conclude(struct session *session, enum refusal refusal)
{
	session->verdict.failure.refusal = refusal;
	session->verdict.completed = true;
}

/* The host needs no answer about the last copy any more. */
static void forget_verdict(struct session *session)
{
	session->verdict.failure.refusal = REFUSAL_NONE;
	session->verdict.completed = false;
}

/* After another operation, the host gets the answer to COMPLETE no more. */
static void forget_completion(struct session *session)
{
	if (session->verdict.completed)
		forget_verdict(session);
}

/*
 * End the copy for the host, and let the worker remove its file. The copy has
 * no name yet.
 */
static void discard(struct session *session, const struct failure *failure)
{
	session->verdict = (struct verdict){
		.failure = *failure,
		.completed = session->state == SESSION_FINISHING,
	};
	session->last = *failure;
	session->lost =
		copy_for_log(session, session->state == SESSION_STARTING ? LOG_REFUSED : LOG_LOST,
			     &session->last);
	session->state = SESSION_DISCARDING;
	session->discard_until = now_msec() + SESSION_DISCARD_MSEC;
	worker_order(&session->worker, ORDER_DISCARD);
	tell_outcome(session, failure->refusal);
}

static void end_discard(struct session *session, const char *left)
{
	log_failure(session, &session->lost, left);
	session->state = SESSION_IDLE;
}

/* Wait no longer for the worker. */
static void give_up_discard(struct session *session)
{
	worker_abandon(&session->worker);
	end_discard(session, "; it is removed when the disk answers");
}

/* Whether @request repeats the START of the copy */
static bool is_same(const struct session *session, const struct request *request)
{
	return request->operation == FCOPY_START && request->start &&
	       !memcmp(session->started, request->start, sizeof(session->started));
}

/* Refuse a START before it has a worker. @path: the target, or NULL */
static enum refusal refuse(struct session *session, const char *path)
{
	struct log_copy copy = { .event = LOG_REFUSED,
				 .file = path,
				 .failure = &session->verdict.failure };

	log_failure(session, &copy, "");
	session->verdict.told = true;
	return session->verdict.failure.refusal;
}

/* Convert the fields of START. Returns REFUSAL_NONE if a worker can begin. */
static enum refusal read_start(struct session *session, const struct request *request)
{
	const struct fcopy_start *msg = request->start;
	struct failure *failure = &session->verdict.failure;
	struct start *start = &session->start;
	uint16_t field[2][NAME_UNITS];
	const char *fault;

	if (!msg)
		return refusal_set(failure, REFUSAL_MESSAGE, "START has %zu bytes",
				   request->length);
	memcpy(session->started, msg, sizeof(session->started));
	if (session->stopping)
		return refusal_set(failure, REFUSAL_STOPPED, "%s", "");
	memcpy(field[0], msg->file_name, sizeof(field[0]));
	memcpy(field[1], msg->path_name, sizeof(field[1]));
	fault = name_from_utf16(field[1], start->path);
	if (fault)
		return refusal_set(failure, REFUSAL_NAME, "the destination has %s", fault);
	start->request = (struct destination_request){
		.path = start->path,
		.name = start->name,
		.force = le32toh(msg->flags) & START_OVER_WRITE,
		.create = le32toh(msg->flags) & START_CREATE_PATH,
	};
	fault = name_from_utf16(field[0], start->name);
	if (fault) {
		snprintf(start->name_fault, sizeof(start->name_fault), "the name has %s", fault);
		start->request.name_fault = start->name_fault;
		*start->name = '\0';
	} else {
		start->request.name_fault = name_check_file(start->name);
	}
	start->announced = le64toh(msg->file_size);
	return REFUSAL_NONE;
}

/*
 * Refuse a copy to a disk that an earlier copy still waits for. It would wait,
 * too, and the host gets the answer at once.
 */
static enum refusal check_disk(struct session *session)
{
	char target[PATH_MAX] = "", directory[PATH_MAX];

	worker_reap();
	if (!path_join(target, session->start.path) || !worker_waits(target, directory))
		return REFUSAL_NONE;
	return refusal_set(&session->verdict.failure, REFUSAL_SLOW,
			   "an earlier copy still waits for the disk of %s/", directory);
}

/* The operations: each returns the answer to @request, or LATER. */

static enum refusal wait(struct session *session, const struct request *request)
{
	return LATER;
}

static enum refusal start(struct session *session, const struct request *request)
{
	int err;

	if (read_start(session, request) != REFUSAL_NONE)
		return refuse(session, NULL);
	if (!session->cleaned && worker_clean()) {
		session->cleaned = true;
		session->state = SESSION_CLEANING;
		session->discard_until = now_msec() + SESSION_DISCARD_MSEC;
		return LATER;
	}
	session->cleaned = false;
	forget_verdict(session);
	session->received = 0;
	session->begun = now_msec();
	transfer_name(&session->start.request, session->path);
	if (check_disk(session) != REFUSAL_NONE)
		return refuse(session, session->path);
	err = worker_start(&session->worker, &session->start, session->policy);
	if (err == -EBUSY)
		refusal_set(&session->verdict.failure, REFUSAL_SLOW,
			    "%d earlier copies are still waiting for their disks", WORKERS_MAX);
	else if (err)
		fail_errno(&session->verdict.failure, -err, "cannot start a process for the copy");
	if (err)
		return refuse(session, session->path);
	session->state = SESSION_STARTING;
	session->asking = true;
	return LATER;
}

static enum refusal start_another(struct session *session, const struct request *request)
{
	struct failure failure;

	/* The host has sent no data yet. */
	if (!session->received && is_same(session, request)) {
		touch(session);
		return REFUSAL_NONE;
	}
	refusal_set(&failure, REFUSAL_CANCELLED, "the host started another one");
	discard(session, &failure);
	return LATER;
}

static enum refusal tell_failure(struct session *session, const struct request *request)
{
	enum refusal refusal = session->verdict.failure.refusal;

	session->verdict.told = true;
	return refusal != REFUSAL_NONE ? refusal : REFUSAL_NO_COPY;
}

/* Check the place of the data in the file; the worker checks the rest. */
static enum refusal check_data(const struct session *session, const struct request *request,
			       struct failure *failure)
{
	if (!request->data)
		return refusal_set(failure, REFUSAL_MESSAGE,
				   "WRITE of %" PRIu32 " bytes in a message of %zu", request->size,
				   request->length);
	if (request->offset > session->received)
		return refusal_set(failure, REFUSAL_MESSAGE,
				   "WRITE at %" PRIu64 ", after %" PRIu64 " bytes", request->offset,
				   session->received);
	return REFUSAL_NONE;
}

static enum refusal write_data(struct session *session, const struct request *request)
{
	struct failure failure;

	if (check_data(session, request, &failure) != REFUSAL_NONE) {
		discard(session, &failure);
		return tell_failure(session, request);
	}
	if (!worker_write(&session->worker, request->offset, request->data, request->size))
		return LATER;
	if (request->offset + request->size > session->received)
		session->received = request->offset + request->size;
	touch(session);
	return REFUSAL_NONE;
}

static enum refusal complete(struct session *session, const struct request *request)
{
	worker_order(&session->worker, ORDER_FINISH);
	session->state = SESSION_FINISHING;
	session->asking = true;
	return LATER;
}

static enum refusal repeat_completion(struct session *session, const struct request *request)
{
	if (!session->verdict.completed)
		conclude(session, tell_failure(session, request));
	return session->verdict.failure.refusal;
}

static enum refusal cancel(struct session *session, const struct request *request)
{
	struct failure failure;

	refusal_set(&failure, REFUSAL_CANCELLED, "%s", "");
	discard(session, &failure);
	return LATER;
}

static enum refusal cancel_ended(struct session *session, const struct request *request)
{
	forget_verdict(session);
	return REFUSAL_NONE;
}

typedef enum refusal operation_fn(struct session *session, const struct request *request);

static operation_fn *const operations[SESSION_STATES][FCOPY_CANCEL + 1] = {
	[SESSION_IDLE] = { start, tell_failure, repeat_completion, cancel_ended },
	[SESSION_STARTING] = { wait, wait, wait, wait },
	[SESSION_RECEIVING] = { start_another, write_data, complete, cancel },
	[SESSION_FINISHING] = { wait, wait, wait, wait },
	[SESSION_PLACING] = { wait, wait, wait, wait },
	[SESSION_PLACED] = { wait, wait, wait, wait },
	[SESSION_DISCARDING] = { wait, tell_failure, repeat_completion, wait },
	[SESSION_CLEANING] = { wait, tell_failure, repeat_completion, cancel_ended },
};

/* Answer the waiting requests in order, until one has to wait longer. */
static void serve(struct session *session)
{
	const struct request *first = &session->held[0].request;
	enum refusal refusal;

	while (session->held_count && !session->asking) {
		if (first->operation != FCOPY_COMPLETE)
			forget_completion(session);
		refusal = operations[session->state][first->operation](session, first);
		if (refusal == LATER)
			break;
		answer_first(session, refusal);
	}
}

void session_request(struct session *session, void *token, const void *body, size_t length)
{
	struct session_held *held = &session->held[session->held_count];
	struct failure cancelled;

	*held = (struct session_held){ .token = token, .since = now_msec() };
	if (!wire_parse(body, length, &held->request)) {
		log_line(LOG_WARNING, "the host sent a file copy message of only %zu bytes",
			 length);
		session->answer(token, REFUSAL_MESSAGE);
		return;
	}
	if (held->request.operation > FCOPY_CANCEL) {
		log_line(LOG_WARNING,
			 "the host sent an operation that this version does not know: %" PRIu32,
			 held->request.operation);
		forget_completion(session);
		session->answer(token, REFUSAL_UNKNOWN);
		return;
	}
	/* A CANCEL ends what earlier requests wait for. */
	if (session->held_count++ && held->request.operation == FCOPY_CANCEL) {
		refusal_set(&cancelled, REFUSAL_CANCELLED, "%s", "");
		session_abort(session, &cancelled);
		return;
	}
	serve(session);
}

/* End the copy if the current policy shuts its place. */
static void end_if_shut(struct session *session)
{
	const struct place *place = places_find(session->policy, session->path);
	struct failure failure;

	if (place && place->enable)
		return;
	refusal_set(&failure, place ? REFUSAL_DISABLED : REFUSAL_RULE, "%s", session->path);
	discard(session, &failure);
}

static void on_started(struct session *session, const struct report *report)
{
	struct log_copy copy;

	strcpy(session->path, report->path);
	/* A reload may have changed the policy meanwhile. */
	end_if_shut(session);
	if (session->state != SESSION_STARTING)
		return;
	session->state = SESSION_RECEIVING;
	touch(session);
	copy = copy_for_log(session, LOG_STARTED, NULL);
	log_copy(LOG_INFO, &copy, "receiving %" PRIu64 " bytes", copy.size);
	tell_outcome(session, REFUSAL_NONE);
}

/* Handle the end of a job that has not reported that its file is in place. */
static void on_failed(struct session *session, const struct report *report)
{
	const char *left = "; nothing is left of it";
	struct log_copy copy;

	if (*report->path)
		strcpy(session->path, report->path);
	copy = copy_for_log(session, session->state == SESSION_STARTING ? LOG_REFUSED : LOG_LOST,
			    &report->failure);
	if (report->left)
		left = session->state == SESSION_PLACING ? "; the file may be in place" : "";
	log_failure(session, &copy, left);
	session->verdict = (struct verdict){
		.failure = report->failure,
		.completed = session_completes(session),
	};
	session->state = SESSION_IDLE;
	tell_outcome(session, report->failure.refusal);
}

/*
 * Handle the end of a job whose file is in place. A worker that dies does not
 * take the file back.
 */
static void on_placed(struct session *session, struct failure failure)
{
	if (failure.refusal != REFUSAL_NONE)
		failure.refusal = REFUSAL_NOT_DURABLE;
	log_received(session, failure.refusal == REFUSAL_NONE ? NULL : &failure);
	conclude(session, failure.refusal);
	session->state = SESSION_IDLE;
	tell_outcome(session, failure.refusal);
}

static void on_ended(struct session *session, const struct report *report)
{
	if (session->state == SESSION_DISCARDING)
		end_discard(session, report->left ? "" : "; nothing is left of it");
	else if (session->state == SESSION_PLACED)
		on_placed(session, report->failure);
	else
		on_failed(session, report);
}

static void on_report(struct session *session, const struct report *report)
{
	switch (report->kind) {
	case REPORT_STARTED:
		if (session->state == SESSION_STARTING)
			on_started(session, report);
		break;
	case REPORT_FINISHED:
		if (session->state != SESSION_FINISHING)
			break;
		worker_order(&session->worker, ORDER_PLACE);
		session->state = SESSION_PLACING;
		break;
	case REPORT_PLACED:
		session->state = SESSION_PLACED;
		break;
	case REPORT_ENDED:
		on_ended(session, report);
		break;
	case REPORT_ROOM:
		break;
	}
}

void session_collect(struct session *session)
{
	struct report report;

	while (worker_receive(&session->worker, &report)) {
		on_report(session, &report);
		serve(session);
	}
}

void session_reap(struct session *session)
{
	worker_reap();
	if (session->state == SESSION_CLEANING && !worker_is_cleaning()) {
		session->state = SESSION_IDLE;
		serve(session);
	}
}

static const char *const words[SESSION_STATES] = {
	[SESSION_STARTING] = "to make room",	    [SESSION_RECEIVING] = "to write",
	[SESSION_FINISHING] = "to sync the file",   [SESSION_PLACING] = "to sync the file",
	[SESSION_PLACED] = "to sync the directory",
};

const char *session_slow(const struct session *session, unsigned int *seconds)
{
	uint64_t msec = session->held_count ? now_msec() - session->held[0].since : 0;

	*seconds = msec / 1000;
	return *seconds < 2 ? NULL : words[session->state];
}

/*
 * Let a worker alone that gives the file its name, or has done so: nobody can
 * take that back.
 */
static void leave_worker(struct session *session, const char *why)
{
	bool placed = session->state == SESSION_PLACED;

	log_line(LOG_WARNING, "%s: %s; %s%s", session->path, why,
		 session->asking && !placed ? "the host gets a failure, and " : "",
		 placed ? "the file is in place, but a power loss may undo that" :
			  "the file may still appear");
	if (placed)
		log_received(session, NULL);
	worker_abandon(&session->worker);
	conclude(session, placed ? REFUSAL_NONE : REFUSAL_SLOW);
	session->state = SESSION_IDLE;
	tell_outcome(session, session->verdict.failure.refusal);
}

/* Whether nobody can take the file's name back any more */
static bool gives_name(const struct session *session)
{
	return session->state == SESSION_PLACING || session->state == SESSION_PLACED;
}

/* End the wait for a worker that has used up the time of a request. */
static void end_slow(struct session *session)
{
	struct failure failure;
	char why[64];

	refusal_set(&failure, REFUSAL_SLOW, "more than %g s %s", SESSION_LIMIT_MSEC / 1e3,
		    words[session->state]);
	if (!gives_name(session)) {
		discard(session, &failure);
		give_up_discard(session);
		return;
	}
	snprintf(why, sizeof(why), "the disk takes more than %g s", SESSION_LIMIT_MSEC / 1e3);
	leave_worker(session, why);
}

void session_tick(struct session *session)
{
	struct failure failure;
	uint64_t now;

	/* What has ended by now is not slow. */
	session_collect(session);
	now = now_msec();
	if (session->state == SESSION_DISCARDING && now >= session->discard_until)
		give_up_discard(session);
	/* The next copy does not wait for the disk of an earlier one. */
	if (session->state == SESSION_CLEANING && now >= session->discard_until) {
		worker_leave_cleaner();
		session->state = SESSION_IDLE;
	}
	if (session->held_count && now - session->held[0].since >= SESSION_LIMIT_MSEC &&
	    words[session->state])
		end_slow(session);
	if (session->state == SESSION_RECEIVING && !session->held_count &&
	    now - session->latest >= SESSION_IDLE_SECONDS * 1000ull) {
		refusal_set(&failure, REFUSAL_IDLE, "%d s", SESSION_IDLE_SECONDS);
		discard(session, &failure);
		session->expired = true;
	}
	serve(session);
}

bool session_abort(struct session *session, const struct failure *failure)
{
	if (session->state != SESSION_STARTING && session->state != SESSION_RECEIVING &&
	    session->state != SESSION_FINISHING)
		return false;
	discard(session, failure);
	serve(session);
	return true;
}

void session_restart(struct session *session, const struct failure *why)
{
	bool aborted;

	/* The host has forgotten them, and drops the answers. */
	session->asking = false;
	session->cleaned = false;
	while (session->held_count)
		answer_first(session, REFUSAL_CANCELLED);
	aborted = session_abort(session, why);
	if (gives_name(session))
		leave_worker(session, why->detail);
	if (!aborted)
		forget_verdict(session);
	session->verdict.completed = false;
}

void session_reloaded(struct session *session)
{
	if (session->state == SESSION_RECEIVING)
		end_if_shut(session);
	serve(session);
}

bool session_stop(struct session *session)
{
	struct failure failure;
	bool stopped;

	session->stopping = true;
	refusal_set(&failure, REFUSAL_STOPPED, "%s", "");
	stopped = !session_completes(session) && session_abort(session, &failure);
	serve(session);
	return stopped;
}
