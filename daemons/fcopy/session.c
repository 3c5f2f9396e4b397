// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <inttypes.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vmbus_bufring.h>

#include "hresult.h"
#include "name.h"
#include "session.h"
#include "wire.h"

#define PIPE_HEADER 8

void session_init(struct session *session, int journal, const struct policy *policy)
{
	session->running = false;
	session_restart(session);
	session->stopping = false;
	work_init(&session->work);
	transfer_init(&session->transfer, journal, policy);
}

void session_restart(struct session *session)
{
	session->agreed = session->expired = false;
	session->failure.refusal = REFUSAL_NONE;
	session->failure_reported = false;
	session->refused = REFUSAL_NONE;
	session->completed = false;
	session->serving = false;
	session->completing = false;
	session->held = 0;
	session->over = session->running;
}

/* Do the task. This function runs in the thread. */
static void do_task(void *context)
{
	struct session *session = context;
	struct transfer *transfer = &session->transfer;
	struct failure *failure = &session->task.failure;
	enum refusal refusal = REFUSAL_NONE;

	switch (session->task.kind) {
	case TASK_START:
		refusal = transfer_start(transfer, &session->task.request, session->task.number,
					 failure);
		break;
	case TASK_WRITE:
		refusal = transfer_write(transfer, session->task.number, session->task.data,
					 session->task.size, failure);
		break;
	case TASK_FLUSH:
		transfer_work(transfer);
		break;
	case TASK_COMPLETE:
		refusal = transfer_complete(transfer, failure);
		break;
	case TASK_DISCARD:
		transfer_discard(transfer, failure);
		break;
	}
	session->task.refusal = refusal;
}

static void begin(struct session *session, enum session_task kind)
{
	session->task.kind = kind;
	session->completing = kind == TASK_COMPLETE;
	session->running = true;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &session->begun);
	/* If a copy was given up, the gate stays shut during its removal. */
	if (kind != TASK_DISCARD || session->transfer.gate != TRANSFER_GIVEN_UP)
		session->transfer.gate = TRANSFER_OPEN;
	if (session->work.threaded)
		transfer_look(&session->transfer, &session->view);
	if (kind == TASK_START) {
		transfer_name(&session->task.request, session->view.path);
		session->view.announced = session->task.number;
		session->view.received = session->view.usec = 0;
	}
	work_begin(&session->work, do_task, session);
	session_collect(session);
}

/* Let the thread remove a copy that has ended for the host. */
static void discard(struct session *session, const struct failure *failure)
{
	session->over = true;
	session->task.failure = *failure;
	begin(session, TASK_DISCARD);
}

/*
 * Keep the answer to START. The time distinguishes requests that arrived before
 * the refusal from a new START.
 */
static void keep_refusal(struct session *session, enum refusal refusal)
{
	session->refused = refusal;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &session->refused_at);
}

/* Keep the outcome of the task, for the answer to the host. */
static void conclude(struct session *session)
{
	enum refusal refusal = session->task.refusal;

	switch (session->task.kind) {
	case TASK_COMPLETE:
		session->failure.refusal = REFUSAL_NONE;
		session->completed = true;
		session->completion = refusal;
		break;
	case TASK_START:
		keep_refusal(session, refusal);
		/* fallthrough */
	case TASK_WRITE:
		session->failure = session->task.failure;
		session->failure.refusal = refusal;
		break;
	default:
		return;
	}
	session->outcome = refusal;
}

bool session_collect(struct session *session)
{
	bool over = session->over;

	if (!session->running)
		return true;
	if (work_busy(&session->work))
		return false;
	session->running = session->over = false;
	if (!over)
		conclude(session);
	/*
	 * The host got a failure because the disk did not answer, but the copy
	 * has succeeded since. A repeated COMPLETE gets the success.
	 */
	else if (session->task.kind == TASK_COMPLETE && session->task.refusal == REFUSAL_NONE)
		session->completion = REFUSAL_NONE;
	/* The gate is shut, so the totals already contain this failure. */
	if (over && transfer_active(&session->transfer))
		discard(session, &session->failure);
	return !session->running;
}

static int milliseconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000 + (now.tv_nsec - begun->tv_nsec) / 1000000;
}

bool session_settle(struct session *session, int msec)
{
	struct timespec begun;
	int left = msec;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (!session_collect(session) && left > 0) {
		work_wait(&session->work, left);
		left = msec - milliseconds_since(&begun);
	}
	return !session->running;
}

/* Whether a copy is active from the host's point of view */
static bool copy_is_active(const struct session *session)
{
	return session->running ? !session->over : transfer_active(&session->transfer);
}

bool session_receives(struct session *session)
{
	session_collect(session);
	return session->held || copy_is_active(session);
}

bool session_completes(const struct session *session)
{
	return session->completing && copy_is_active(session);
}

void session_finish(struct session *session, int msec)
{
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	if (!session_completes(session) || !session_settle(session, msec))
		return;
	/* The task was FLUSH, and COMPLETE has yet to begin. */
	if (session_completes(session)) {
		begin(session, TASK_COMPLETE);
		session_settle(session, msec - milliseconds_since(&begun));
	}
}

bool session_active(struct session *session)
{
	return !session_collect(session) || transfer_active(&session->transfer);
}

const struct transfer_view *session_view(struct session *session)
{
	if (session_collect(session))
		transfer_look(&session->transfer, &session->view);
	else
		transfer_totals(&session->transfer, &session->view.totals);
	/*
	 * For the host a copy may have failed while the thread still works on
	 * it.
	 */
	session->view.active &= copy_is_active(session);
	return &session->view;
}

static const char *const task_words[] = {
	[TASK_START] = "to make room",
	[TASK_WRITE] = "to write",
	[TASK_FLUSH] = "to write",
	[TASK_COMPLETE] = "to sync the file",
	[TASK_DISCARD] = "to remove the file",
};

const char *session_slow(const struct session *session, unsigned int *seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (!session->running || now.tv_sec - session->begun.tv_sec < 2)
		return NULL;
	*seconds = now.tv_sec - session->begun.tv_sec;
	return task_words[session->task.kind];
}

/*
 * Give up the copy of the running task. Returns false if the thread was faster,
 * so that the file may still appear.
 */
static bool give_up(struct session *session, const struct failure *failure)
{
	enum session_task kind = session->task.kind;

	if (transfer_give_up(&session->transfer, &session->view,
			     kind == TASK_START ? LOG_REFUSED : LOG_LOST,
			     failure) != TRANSFER_GIVEN_UP)
		return false;
	session->over = true;
	session->failure = *failure;
	session->failure_reported = false;
	session->outcome = failure->refusal;
	keep_refusal(session, kind == TASK_START ? failure->refusal : REFUSAL_NONE);
	session->completed = kind == TASK_COMPLETE;
	session->completion = failure->refusal;
	return true;
}

/* End the copy of a task that has used up its time. */
static void end_slow_task(struct session *session)
{
	enum session_task kind = session->task.kind;
	enum transfer_gate gate;
	struct failure failure;
	bool placed;

	refusal_set(&failure, REFUSAL_SLOW, "more than %g s %s", SESSION_LIMIT_MSEC / 1e3,
		    task_words[kind]);
	if (give_up(session, &failure))
		return;
	/* The thread was faster, and will count and log how the copy ends. */
	gate = session->transfer.gate;
	placed = gate == TRANSFER_PLACED;
	if (gate != TRANSFER_FAILED)
		log_line(LOG_WARNING, "%s: the disk takes more than %g s; %s", session->view.path,
			 SESSION_LIMIT_MSEC / 1e3,
			 placed ? "the file is in place, but a power loss may undo that" :
				  "the host gets a failure, and the file may still appear");
	session->over = true;
	session->outcome = placed ? REFUSAL_NONE : REFUSAL_SLOW;
	session->failure = failure;
	session->completed = kind == TASK_COMPLETE;
	session->completion = session->outcome;
}

/*
 * Get the outcome of the task. Returns SESSION_LATER, or SESSION_ANSWER with
 * *refusal.
 */
static enum session_reply get_outcome(struct session *session, unsigned int waited,
				      enum refusal *refusal)
{
	/*
	 * A CANCEL waits until the thread has removed the copy, unless the
	 * daemon ends.
	 */
	bool waits = session->running &&
		     (!session->over || (session->task.kind == TASK_DISCARD && !session->stopping));

	session->serving = true;
	if (waits && waited < SESSION_LIMIT_MSEC)
		return SESSION_LATER;
	if (waits && !session->over)
		end_slow_task(session);
	session->serving = false;
	session->failure_reported = true;
	*refusal = session->outcome;
	return SESSION_ANSWER;
}

/* Whether @msg repeats the latest START */
static bool is_same(const struct session *session, const struct fcopy_start *msg, size_t length)
{
	return length >= sizeof(*msg) && !memcmp(session->started, msg, sizeof(*msg));
}

/* Whether a waiting request arrived before START was refused */
static bool came_before_refusal(const struct session *session, unsigned int waited)
{
	struct timespec now;
	int64_t msec;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	msec = (now.tv_sec - session->refused_at.tv_sec) * 1000ll +
	       (now.tv_nsec - session->refused_at.tv_nsec) / 1000000;
	return waited > msec;
}

/* Parse START. Returns REFUSAL_NONE if the task is ready to begin. */
static enum refusal read_start(struct session *session, const struct fcopy_start *msg,
			       size_t length, struct failure *failure)
{
	struct destination_request *request = &session->task.request;
	char *name = session->task.name, *path = session->task.path;
	uint16_t field[2][NAME_UNITS];
	const char *fault;

	if (length < sizeof(*msg)) {
		refusal_set(failure, REFUSAL_MESSAGE, "START has %zu bytes", length);
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	memcpy(session->started, msg, sizeof(session->started));
	memcpy(field[0], msg->file_name, sizeof(field[0]));
	memcpy(field[1], msg->path_name, sizeof(field[1]));
	request->path = path;
	request->name = name;
	request->force = le32toh(msg->flags) & START_OVER_WRITE;
	request->create = le32toh(msg->flags) & START_CREATE_PATH;
	request->name_fault = name_from_utf16(field[0], name);
	fault = name_from_utf16(field[1], path);

	if (session->stopping) {
		session->failure_reported = true;
		refusal_set(failure, REFUSAL_STOPPED, "%s", "");
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	if (fault) {
		refusal_set(failure, REFUSAL_NAME, "the destination has %s", fault);
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	if (request->name_fault) {
		snprintf(session->task.name_fault, sizeof(session->task.name_fault),
			 "the name has %s", request->name_fault);
		request->name_fault = session->task.name_fault;
		*name = '\0';
	} else {
		request->name_fault = name_check_file(name);
	}
	session->task.number = le64toh(msg->file_size);
	return REFUSAL_NONE;
}

static enum session_reply start(struct session *session, const struct fcopy_start *msg,
				size_t length, enum refusal *refusal)
{
	struct failure another;

	/* The host has sent no data yet. */
	if (transfer_active(&session->transfer) && !session->transfer.received &&
	    is_same(session, msg, length)) {
		transfer_touch(&session->transfer);
		*refusal = session->failure.refusal = REFUSAL_NONE;
		return SESSION_ANSWER;
	}
	if (transfer_active(&session->transfer)) {
		refusal_set(&another, REFUSAL_CANCELLED, "the host started another one");
		discard(session, &another);
		if (session->running)
			return SESSION_LATER;
	}
	*refusal = read_start(session, msg, length, &session->failure);
	session->failure.refusal = *refusal;
	if (*refusal != REFUSAL_NONE)
		return SESSION_ANSWER;
	begin(session, TASK_START);
	return get_outcome(session, 0, refusal);
}

static enum session_reply write_data(struct session *session, const struct fcopy_write *msg,
				     size_t length, enum refusal *refusal)
{
	struct failure *failure = &session->failure;
	uint32_t size = length < sizeof(*msg) ? 0 : le32toh(msg->size);

	if (!copy_is_active(session)) {
		session->failure_reported = true;
		*refusal = failure->refusal != REFUSAL_NONE ? failure->refusal : REFUSAL_NO_COPY;
		return SESSION_ANSWER;
	}
	if (length < sizeof(*msg) || size > FCOPY_FRAGMENT || size > length - sizeof(*msg)) {
		*refusal =
			refusal_set(failure, REFUSAL_MESSAGE,
				    "WRITE of %" PRIu32 " bytes in a message of %zu", size, length);
		discard(session, failure);
		return SESSION_ANSWER;
	}
	if (transfer_is_quick(&session->transfer, le64toh(msg->offset), size)) {
		*refusal = transfer_write(&session->transfer, le64toh(msg->offset), msg->data, size,
					  failure);
		return SESSION_ANSWER;
	}
	session->task.number = le64toh(msg->offset);
	session->task.size = size;
	memcpy(session->task.data, msg->data, size);
	begin(session, TASK_WRITE);
	return get_outcome(session, 0, refusal);
}

static enum session_reply complete(struct session *session, enum refusal *refusal)
{
	if (!session->completed && copy_is_active(session)) {
		begin(session, TASK_COMPLETE);
		return get_outcome(session, 0, refusal);
	}
	if (!session->completed) {
		session->completed = true;
		session->completion = session->failure.refusal != REFUSAL_NONE ?
					      session->failure.refusal :
					      REFUSAL_NO_COPY;
		session->failure.refusal = REFUSAL_NONE;
		session->failure_reported = true;
	}
	*refusal = session->completion;
	return SESSION_ANSWER;
}

static enum session_reply cancel(struct session *session, enum refusal *refusal)
{
	struct failure failure;

	session->failure.refusal = REFUSAL_NONE;
	*refusal = REFUSAL_NONE;
	if (!transfer_active(&session->transfer))
		return SESSION_ANSWER;
	session->outcome = REFUSAL_NONE;
	refusal_set(&failure, REFUSAL_CANCELLED, "%s", "");
	discard(session, &failure);
	return get_outcome(session, 0, refusal);
}

/*
 * End the wait of a request that has waited for its turn for too long. Returns
 * the answer.
 */
static enum refusal end_wait(struct session *session, uint32_t operation)
{
	struct failure failure;

	if (operation == FCOPY_CANCEL) {
		refusal_set(&failure, REFUSAL_CANCELLED, "%s", "");
		session_abort(session, &failure);
		session->failure.refusal = session->refused = REFUSAL_NONE;
		session->completed = false;
		return REFUSAL_NONE;
	}
	if (!session->over)
		end_slow_task(session);
	if (operation == FCOPY_START) {
		refusal_set(&session->failure, REFUSAL_SLOW,
			    "another copy is still waiting for its disk: %s", session->view.path);
		transfer_refused(&session->transfer, NULL, &session->failure);
	}
	session->failure_reported = true;
	session->completed = operation == FCOPY_COMPLETE;
	session->completion = REFUSAL_SLOW;
	return REFUSAL_SLOW;
}

/*
 * Answer a request that only waits for the rest of an earlier copy while the
 * daemon ends. Returns the answer.
 */
static enum refusal answer_at_stop(struct session *session, uint32_t operation)
{
	session->refused = REFUSAL_NONE;
	session->completed = false;
	session->failure.refusal = REFUSAL_NONE;
	if (operation == FCOPY_CANCEL)
		return REFUSAL_NONE;
	refusal_set(&session->failure, REFUSAL_STOPPED, "%s", "");
	transfer_refused(&session->transfer, NULL, &session->failure);
	session->failure_reported = true;
	return REFUSAL_STOPPED;
}

/*
 * Answer a request that needs the transfer while it belongs to the thread. The
 * session keeps the request until the task has ended, but not longer than
 * SESSION_LIMIT_MSEC. The parameters and the result are those of operate().
 */
static enum session_reply wait_for_thread(struct session *session, uint32_t operation,
					  const unsigned int *waited, enum refusal *refusal)
{
	if (session->over && session->stopping) {
		*refusal = answer_at_stop(session, operation);
		return SESSION_ANSWER;
	}
	if (!waited || *waited < SESSION_LIMIT_MSEC) {
		if (operation == FCOPY_COMPLETE && session->task.kind == TASK_FLUSH)
			session->completing = true;
		return SESSION_LATER;
	}
	*refusal = end_wait(session, operation);
	return SESSION_ANSWER;
}

/*
 * Do the operation of a message. @waited points to the milliseconds for which
 * the request has waited, and is NULL for a new request. Returns SESSION_LATER,
 * or SESSION_ANSWER with the answer in *refusal.
 */
static enum session_reply operate(struct session *session, const void *body, size_t length,
				  const unsigned int *waited, enum refusal *refusal)
{
	const struct fcopy_header *header = body;
	struct failure cancelled;
	uint32_t operation;

	if (length < sizeof(*header)) {
		log_line(LOG_WARNING, "the host sent a file copy message of only %zu bytes",
			 length);
		*refusal = REFUSAL_MESSAGE;
		return SESSION_ANSWER;
	}
	if (!session->agreed) {
		*refusal = REFUSAL_VERSION;
		return SESSION_ANSWER;
	}
	operation = le32toh(header->operation);
	if (operation > FCOPY_CANCEL) {
		log_line(LOG_WARNING,
			 "the host sent an operation that this version does not know: %" PRIu32,
			 operation);
		session->completed = false;
		session->refused = REFUSAL_NONE;
		*refusal = REFUSAL_UNKNOWN;
		return SESSION_ANSWER;
	}
	if (session->held && !waited) {
		if (operation == FCOPY_CANCEL) {
			refusal_set(&cancelled, REFUSAL_CANCELLED, "%s", "");
			session_abort(session, &cancelled);
		}
		return SESSION_LATER;
	}
	session_collect(session);
	if (session->serving)
		return get_outcome(session, waited ? *waited : 0, refusal);
	if (waited && operation == FCOPY_START && session->refused != REFUSAL_NONE &&
	    is_same(session, body, length) && came_before_refusal(session, *waited)) {
		*refusal = session->refused;
		return SESSION_ANSWER;
	}
	/*
	 * While the transfer belongs to the thread, the session can answer only
	 * a WRITE or COMPLETE of a copy that has ended for the host.
	 */
	if (session->running &&
	    (!session->over || operation == FCOPY_START || operation == FCOPY_CANCEL))
		return wait_for_thread(session, operation, waited, refusal);

	if (operation != FCOPY_COMPLETE)
		session->completed = false;
	if (operation != FCOPY_START)
		session->refused = REFUSAL_NONE;
	switch (operation) {
	case FCOPY_START:
		return start(session, body, length, refusal);
	case FCOPY_WRITE:
		return write_data(session, body, length, refusal);
	case FCOPY_COMPLETE:
		return complete(session, refusal);
	default:
		return cancel(session, refusal);
	}
}

/*
 * Forget all requests after a negotiation. The host has forgotten them, too,
 * and would drop the answers.
 */
static void forget_requests(struct session *session)
{
	session->completed = session->serving = false;
	session->refused = REFUSAL_NONE;
	session->completing = false;
	session->held = 0;
	/* A file that gets its name now keeps it. */
	session->over = session->running;
}

/* Negotiate versions. Returns whether @message is already the answer. */
static bool negotiate(struct session *session, void *message, size_t length)
{
	static const struct vmbus_ic_version frameworks[] = { { 3, 0 }, { 1, 0 } };
	static const struct vmbus_ic_version services[] = { { 1, 1 } };
	struct failure failure;
	int err;

	err = vmbus_ic_negotiate(message, length, frameworks, 2, services, 1, NULL, NULL);
	session->agreed = err == 0;
	if (session->agreed) {
		refusal_set(&failure, REFUSAL_CANCELLED, "the host started a new negotiation");
		if (!session_abort(session, &failure))
			session->failure.refusal = REFUSAL_NONE;
		forget_requests(session);
		return true;
	}
	log_line(LOG_WARNING, "%s",
		 err == -EPROTO ?
			 "the host sent a negotiation with impossible lengths" :
			 "the host offers no version that this daemon speaks (service 1.1)");
	refusal_set(&failure, REFUSAL_VERSION, "%s", "");
	session_abort(session, &failure);
	forget_requests(session);
	return err != -EPROTO;
}

static enum session_reply answer(struct session *session, void *message, size_t length,
				 const unsigned int *waited)
{
	enum session_reply reply = SESSION_ANSWER;
	struct vmbus_ic_header header;
	enum refusal refusal;
	size_t end;

	session->expired = false;
	if (vmbus_ic_parse(message, length, &header) < 0) {
		log_line(LOG_WARNING, "ignored a packet of %zu bytes, too short for a message",
			 length);
		return SESSION_SILENCE;
	}
	/* Two sides that answer answers could do so forever. */
	if ((header.flags & (VMBUS_IC_FLAG_REQUEST | VMBUS_IC_FLAG_RESPONSE)) ==
	    VMBUS_IC_FLAG_RESPONSE) {
		log_line(LOG_WARNING, "ignored an unsolicited answer");
		return SESSION_SILENCE;
	}

	/* The packet may be longer because of padding. */
	end = PIPE_HEADER + (size_t)le32toh(header.pipe_size);
	if (end < sizeof(header) || end > length) {
		log_line(LOG_WARNING,
			 "the host sent a message that claims %zu bytes in a packet of %zu", end,
			 length);
		refusal = REFUSAL_MESSAGE;
		goto out;
	}

	switch (le16toh(header.type)) {
	case VMBUS_IC_NEGOTIATE:
		if (negotiate(session, message, end))
			return SESSION_ANEW;
		refusal = REFUSAL_MESSAGE;
		reply = SESSION_ANEW;
		break;
	case VMBUS_IC_FCOPY:
		reply = operate(session, (char *)message + sizeof(header), end - sizeof(header),
				waited, &refusal);
		if (reply == SESSION_LATER)
			return reply;
		break;
	default:
		log_line(LOG_WARNING,
			 "the host sent a message of a type that this version does not know: %u",
			 le16toh(header.type));
		refusal = REFUSAL_UNKNOWN;
	}
out:
	vmbus_ic_answer(message, length, hresult_of(refusal));
	return reply;
}

enum session_reply session_answer(struct session *session, void *message, size_t length)
{
	return answer(session, message, length, NULL);
}

enum session_reply session_retry(struct session *session, void *message, size_t length,
				 unsigned int waited)
{
	return answer(session, message, length, &waited);
}

void session_work(struct session *session)
{
	if (session_collect(session) && transfer_has_work(&session->transfer))
		begin(session, TASK_FLUSH);
}

void session_expire(struct session *session)
{
	struct failure failure;

	if (!session_collect(session) || !transfer_is_idle(&session->transfer))
		return;
	refusal_set(&failure, REFUSAL_IDLE, "%d s", TRANSFER_IDLE_SECONDS);
	session->expired = session_abort(session, &failure);
}

bool session_abort(struct session *session, const struct failure *failure)
{
	if (!session_collect(session))
		return !session->over && give_up(session, failure);
	if (!transfer_active(&session->transfer))
		return false;
	session->failure = *failure;
	session->failure_reported = false;
	discard(session, failure);
	return true;
}

bool session_stop(struct session *session)
{
	struct failure failure;

	session->stopping = true;
	session_collect(session);
	if (session_completes(session))
		return false;
	refusal_set(&failure, REFUSAL_STOPPED, "%s", "");
	return session_abort(session, &failure);
}
