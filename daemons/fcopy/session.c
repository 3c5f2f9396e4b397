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

#define PIPE_HEADER 8

/* After the IC header; all of it little-endian, without padding but what is named here */
struct fcopy_header {
	uint32_t operation;
	uint8_t service[2][16];
} __attribute__((packed));

struct fcopy_start {
	struct fcopy_header header;
	uint16_t file_name[NAME_UNITS];		/* the name of the source file */
	uint16_t path_name[NAME_UNITS];		/* -DestinationPath as it was typed */
	uint32_t flags;
	uint64_t file_size;
} __attribute__((packed));

struct fcopy_write {
	struct fcopy_header header;
	uint32_t padding;
	uint64_t offset;
	uint32_t size;
	uint8_t data[];
} __attribute__((packed));

_Static_assert(sizeof(struct vmbus_ic_header) == 28, "wire layout");
_Static_assert(sizeof(struct fcopy_header) == 36, "wire layout");
_Static_assert(sizeof(struct fcopy_start) == FCOPY_START_SIZE, "wire layout");
_Static_assert(sizeof(struct fcopy_write) == 52, "wire layout");

#define START_OVER_WRITE	0x1u
#define START_CREATE_PATH	0x2u

/* Each kind of line about messages that are not valid has a limit of its own. */
enum invalid {
	INVALID_BODY, INVALID_OPERATION, INVALID_NEGOTIATION, INVALID_PACKET, INVALID_ANSWER,
	INVALID_LENGTH, INVALID_TYPE, INVALID_COUNT
};
_Static_assert(INVALID_COUNT == SESSION_INVALID_KINDS, "a limit for each kind of line");

void session_init(struct session *session, int journal, const struct policy *policy)
{
	session_restart(session);
	session->stopping = false;
	memset(session->invalid, 0, sizeof(session->invalid));
	transfer_init(&session->transfer, journal, policy);
}

void session_restart(struct session *session)
{
	session->agreed = false;
	session->failure.refusal = REFUSAL_NONE;
	session->failure_told = false;
	session->completed = false;
}

/*
 * Show what START contains besides text. Nobody has seen yet what a host puts into
 * the two GUIDs.
 */
static void show_start(const struct fcopy_start *msg, size_t length)
{
	char service[2][33];

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 16; k++)
			snprintf(service[i] + 2 * k, 3, "%02x", msg->header.service[i][k]);
	log_line(LOG_DEBUG, "START flags 0x%08" PRIx32 ", file_size %" PRIu64 ", services %s %s, "
		 "%zu bytes", le32toh(msg->flags), le64toh(msg->file_size), service[0], service[1],
		 length);
}

/* A field of START for the debug log: the text, or the units of one that is no text */
static void show_field(const char *label, const uint16_t *field, const char *text, const char *fault)
{
	char units[5 * 32 + 1] = "";

	if (!fault) {
		log_line(LOG_DEBUG, "START %s '%s'", label, text);
		return;
	}
	for (size_t i = 0; i < 32; i++)
		snprintf(units + 5 * i, 6, "%04x ", le16toh(field[i]));
	log_line(LOG_DEBUG, "START %s: %s; it begins with %s", label, fault, units);
}

/* Whether the host sends the START of the active copy again: it has sent no data yet. */
static bool is_started(const struct session *session, const struct fcopy_start *msg, size_t length)
{
	return transfer_active(&session->transfer) && !session->transfer.received &&
	       length >= sizeof(*msg) && !memcmp(session->started, msg, sizeof(*msg));
}

static enum refusal start(struct session *session, const struct fcopy_start *msg, size_t length,
			  struct failure *failure)
{
	char name[NAME_BYTES], path[NAME_BYTES], wrong[64];
	struct destination_request request = { .path = path, .name = name };
	uint16_t field[2][NAME_UNITS];
	struct failure another;
	const char *fault;

	if (is_started(session, msg, length)) {
		log_line(LOG_DEBUG, "START again");
		transfer_touch(&session->transfer);
		return REFUSAL_NONE;
	}
	fail(&another, REFUSAL_CANCELLED, "the host started another one");
	transfer_discard(&session->transfer, &another);
	if (length < sizeof(*msg)) {
		fail(failure, REFUSAL_MESSAGE, "START has %zu bytes", length);
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	memcpy(session->started, msg, sizeof(session->started));
	memcpy(field[0], msg->file_name, sizeof(field[0]));
	memcpy(field[1], msg->path_name, sizeof(field[1]));
	request.force = le32toh(msg->flags) & START_OVER_WRITE;
	request.create = le32toh(msg->flags) & START_CREATE_PATH;
	request.name_fault = name_from_utf16(field[0], name);
	fault = name_from_utf16(field[1], path);
	if (log_verbose()) {
		show_start(msg, length);
		show_field("path_name", field[1], path, fault);
		show_field("file_name", field[0], name, request.name_fault);
	}

	if (session->stopping) {
		session->failure_told = true;
		fail(failure, REFUSAL_STOPPED, "%s", "");
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	if (!session->transfer.policy->enable) {
		fail(failure, REFUSAL_DISABLED, "%s", "");
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	if (fault) {
		fail(failure, REFUSAL_NAME, "the destination has %s", fault);
		transfer_refused(&session->transfer, NULL, failure);
		return failure->refusal;
	}
	if (request.name_fault) {
		snprintf(wrong, sizeof(wrong), "the name has %s", request.name_fault);
		request.name_fault = wrong;
		*name = '\0';
	} else {
		request.name_fault = name_check_file(name);
	}
	return transfer_start(&session->transfer, &request, le64toh(msg->file_size), failure);
}

static enum refusal write_data(struct session *session, const struct fcopy_write *msg, size_t length)
{
	struct failure *failure = &session->failure;
	uint32_t size = length < sizeof(*msg) ? 0 : le32toh(msg->size);

	if (log_verbose())
		log_line(LOG_DEBUG, "WRITE offset %" PRIu64 ", size %" PRIu32 ", %zu bytes",
			 length < sizeof(*msg) ? 0 : le64toh(msg->offset), size, length);
	if (!transfer_active(&session->transfer)) {
		session->failure_told = true;
		return failure->refusal != REFUSAL_NONE ? failure->refusal : REFUSAL_NO_COPY;
	}
	if (length < sizeof(*msg) || size > FCOPY_FRAGMENT || size > length - sizeof(*msg)) {
		fail(failure, REFUSAL_MESSAGE, "WRITE of %" PRIu32 " bytes in a message of %zu", size,
		     length);
		transfer_discard(&session->transfer, failure);
		return failure->refusal;
	}
	failure->refusal = transfer_write(&session->transfer, le64toh(msg->offset), msg->data, size,
					  failure);
	return failure->refusal;
}

static enum refusal complete(struct session *session)
{
	struct failure failure = session->failure;

	log_line(LOG_DEBUG, "COMPLETE%s", session->completed ? " again" : "");
	if (session->completed)
		return session->completion;
	session->failure.refusal = REFUSAL_NONE;
	session->failure_told = true;
	if (transfer_active(&session->transfer))
		session->completion = transfer_complete(&session->transfer, &failure);
	else if (failure.refusal != REFUSAL_NONE)
		session->completion = failure.refusal;
	else
		session->completion = REFUSAL_NO_COPY;
	session->completed = true;
	return session->completion;
}

static enum refusal cancel(struct session *session)
{
	struct failure failure;

	log_line(LOG_DEBUG, "CANCEL");
	session->failure.refusal = REFUSAL_NONE;
	fail(&failure, REFUSAL_CANCELLED, "%s", "");
	transfer_discard(&session->transfer, &failure);
	return REFUSAL_NONE;
}

static enum refusal operate(struct session *session, const void *body, size_t length)
{
	const struct fcopy_header *header = body;

	if (length < sizeof(*header)) {
		log_limited(&session->invalid[INVALID_BODY], LOG_WARNING,
			    "the host sent a file copy message of only %zu bytes", length);
		return REFUSAL_MESSAGE;
	}
	if (!session->agreed)
		return REFUSAL_VERSION;

	if (le32toh(header->operation) != FCOPY_COMPLETE)
		session->completed = false;
	switch (le32toh(header->operation)) {
	case FCOPY_START:
		session->failure.refusal = start(session, body, length, &session->failure);
		return session->failure.refusal;
	case FCOPY_WRITE:
		return write_data(session, body, length);
	case FCOPY_COMPLETE:
		return complete(session);
	case FCOPY_CANCEL:
		return cancel(session);
	default:
		log_limited(&session->invalid[INVALID_OPERATION], LOG_WARNING,
			    "the host sent an operation that this version does not know: %" PRIu32,
			    le32toh(header->operation));
		return REFUSAL_UNKNOWN;
	}
}

/* The versions that the host lists, for the debug log */
static void show_negotiation(const struct vmbus_ic_header *header, const void *message, size_t length)
{
	const unsigned char *body = (const unsigned char *)message + sizeof(*header);
	size_t left = length - sizeof(*header);
	char list[256] = "";
	uint16_t counts[2], pair[2];
	uint32_t reserved;
	size_t at = 8;

	if (left < 8)
		return;
	memcpy(counts, body, sizeof(counts));
	memcpy(&reserved, body + sizeof(counts), sizeof(reserved));
	for (int n = 0; at + 4 <= left && n < 200; at += 4) {
		memcpy(pair, body + at, sizeof(pair));
		n += snprintf(list + n, sizeof(list) - n, " %u.%u", le16toh(pair[0]), le16toh(pair[1]));
	}
	log_line(LOG_DEBUG, "NEGOTIATE header: pipe flags 0x%08" PRIx32 ", pipe size %" PRIu32
		 ", versions %u.%u and %u.%u, size %u, status 0x%08" PRIx32
		 ", transaction %u, flags 0x%02x, reserved 0x%02x%02x", le32toh(header->pipe_flags),
		 le32toh(header->pipe_size), le16toh(header->framework.major),
		 le16toh(header->framework.minor), le16toh(header->message.major),
		 le16toh(header->message.minor), le16toh(header->size), le32toh(header->status),
		 header->transaction_id, header->flags, header->reserved[0], header->reserved[1]);
	log_line(LOG_DEBUG, "NEGOTIATE reserved 0x%08" PRIx32
		 ", %u framework and %u service versions:%s", le32toh(reserved),
		 le16toh(counts[0]), le16toh(counts[1]), list);
}

/* Returns whether @message is the answer already. */
static bool negotiate(struct session *session, void *message, size_t length)
{
	static const struct vmbus_ic_version frameworks[] = { { 3, 0 }, { 1, 0 } };
	static const struct vmbus_ic_version services[] = { { 1, 1 } };
	struct vmbus_ic_version framework, service;
	struct failure failure;
	int err;

	err = vmbus_ic_negotiate(message, length, frameworks, 2, services, 1, &framework, &service);
	session->agreed = err == 0;
	session->completed = false;
	if (session->agreed) {
		fail(&failure, REFUSAL_CANCELLED, "the host negotiates anew");
		if (!session_abort(session, &failure))
			session->failure.refusal = REFUSAL_NONE;
		log_line(LOG_DEBUG, "agreed on framework %u.%u, service %u.%u", framework.major,
			 framework.minor, service.major, service.minor);
		return true;
	}
	log_limited(&session->invalid[INVALID_NEGOTIATION], LOG_WARNING, "%s", err == -EPROTO ?
		    "the host sent a negotiation with impossible lengths" :
		    "the host offers no version that this daemon speaks (service 1.1)");
	fail(&failure, REFUSAL_VERSION, "%s", "");
	session_abort(session, &failure);
	return err != -EPROTO;
}

bool session_answer(struct session *session, void *message, size_t length)
{
	struct vmbus_ic_header header;
	enum refusal refusal;
	size_t end;

	if (vmbus_ic_parse(message, length, &header) < 0) {
		log_limited(&session->invalid[INVALID_PACKET], LOG_WARNING,
			    "ignored a packet of %zu bytes, too short for a message", length);
		return false;
	}
	/* An answer to an answer could go back and forth for ever. */
	if ((header.flags & (VMBUS_IC_FLAG_REQUEST | VMBUS_IC_FLAG_RESPONSE)) ==
	    VMBUS_IC_FLAG_RESPONSE) {
		log_limited(&session->invalid[INVALID_ANSWER], LOG_WARNING,
			    "ignored an answer that nobody asked for");
		return false;
	}

	/* The packet may be longer, by padding. */
	end = PIPE_HEADER + (size_t)le32toh(header.pipe_size);
	if (end < sizeof(header) || end > length) {
		log_limited(&session->invalid[INVALID_LENGTH], LOG_WARNING,
			    "the host sent a message that claims %zu bytes in a packet of %zu", end,
			    length);
		refusal = REFUSAL_MESSAGE;
		goto out;
	}

	switch (le16toh(header.type)) {
	case VMBUS_IC_NEGOTIATE:
		if (log_verbose())
			show_negotiation(&header, message, end);
		if (negotiate(session, message, end))
			return true;
		refusal = REFUSAL_MESSAGE;
		break;
	case VMBUS_IC_FCOPY:
		refusal = operate(session, (char *)message + sizeof(header), end - sizeof(header));
		break;
	default:
		log_limited(&session->invalid[INVALID_TYPE], LOG_WARNING,
			    "the host sent a message of a type that this version does not know: %u",
			    le16toh(header.type));
		refusal = REFUSAL_UNKNOWN;
	}
out:
	vmbus_ic_answer(message, length, hresult_of(refusal));
	return true;
}

void session_expire(struct session *session)
{
	struct failure failure;

	if (!transfer_is_idle(&session->transfer))
		return;
	fail(&failure, REFUSAL_IDLE, "%d s", TRANSFER_IDLE_SECONDS);
	session_abort(session, &failure);
}

bool session_abort(struct session *session, const struct failure *failure)
{
	if (!transfer_active(&session->transfer))
		return false;
	session->failure = *failure;
	session->failure_told = false;
	transfer_discard(&session->transfer, failure);
	return true;
}

bool session_stop(struct session *session)
{
	struct failure failure;

	session->stopping = true;
	fail(&failure, REFUSAL_STOPPED, "%s", "");
	return session_abort(session, &failure);
}
