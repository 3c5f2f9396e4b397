// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <vmbus_bufring.h>

#include "name.h"
#include "protocol.h"
#include "status.h"

#define PIPE_HEADER 8

/* After the IC header; all of it little-endian, without padding but what is named here */
struct fcopy_header {
	uint32_t operation;
	uint8_t service[2][16];
} __attribute__((packed));

struct fcopy_start {
	struct fcopy_header header;
	uint16_t file_name[NAME_UNITS];
	uint16_t path_name[NAME_UNITS];
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
_Static_assert(sizeof(struct fcopy_start) == 1088, "wire layout");
_Static_assert(sizeof(struct fcopy_write) == 52, "wire layout");

#define START_OVER_WRITE	0x1u
#define START_CREATE_PATH	0x2u

void session_init(struct session *session, int state, const struct policy *policy)
{
	*session = (struct session){ .agreed = false };
	transfer_init(&session->transfer, state, policy);
}

void session_restart(struct session *session)
{
	session->agreed = false;
	session->failure = 0;
	session->failure_told = false;
}

/* A copy without a name that could be shown */
static void refuse(struct session *session, int error, const char *reason)
{
	struct log_copy copy = { .event = LOG_REFUSED, .error = error };

	session->transfer.totals.failed++;
	if (log_allowed(&session->oddities, LOG_NOTICE))
		log_copy(LOG_NOTICE, &copy, "refused a copy: %s", reason);
}

static int start(struct session *session, const struct fcopy_start *msg, size_t length)
{
	char name[NAME_BYTES], directory[NAME_BYTES];
	uint32_t flags = 0;
	const char *wrong;

	transfer_discard(&session->transfer, -ECANCELED, "given up by the host for another copy");
	if (length < sizeof(*msg))
		return -EINVAL;
	if (!session->transfer.policy->enable) {
		refuse(session, -ESHUTDOWN, status_reason(-ESHUTDOWN));
		return -ESHUTDOWN;
	}

	wrong = name_from_utf16(msg->file_name, name);
	if (!wrong)
		wrong = name_check_file(name);
	if (!wrong)
		wrong = name_from_utf16(msg->path_name, directory);
	if (!wrong)
		wrong = name_check_directory(directory);
	if (wrong) {
		refuse(session, -EILSEQ, wrong);
		return -EILSEQ;
	}

	if (le32toh(msg->flags) & START_OVER_WRITE)
		flags |= TRANSFER_OVERWRITE;
	if (le32toh(msg->flags) & START_CREATE_PATH)
		flags |= TRANSFER_CREATE_PATH;
	return transfer_start(&session->transfer, directory, name, flags, le64toh(msg->file_size));
}

static int write_data(struct session *session, const struct fcopy_write *msg, size_t length)
{
	uint32_t size;

	if (!transfer_active(&session->transfer)) {
		session->failure_told = true;
		return session->failure ? session->failure : -EBADFD;
	}

	if (length < sizeof(*msg))
		goto err_lengths;
	size = le32toh(msg->size);
	if (size > FCOPY_FRAGMENT || size > length - sizeof(*msg))
		goto err_lengths;
	session->failure = transfer_write(&session->transfer, le64toh(msg->offset), msg->data, size);
	return session->failure;

err_lengths:
	session->failure = -EINVAL;
	transfer_discard(&session->transfer, session->failure, "a message with impossible lengths");
	return session->failure;
}

static int complete(struct session *session)
{
	int err = session->failure;

	session->failure = 0;
	session->failure_told = true;
	if (transfer_active(&session->transfer))
		return transfer_complete(&session->transfer);
	return err ? err : -EBADFD;
}

static int cancel(struct session *session)
{
	session->failure = 0;
	transfer_discard(&session->transfer, -ECANCELED, "cancelled by the host");
	return 0;
}

static int operate(struct session *session, const void *body, size_t length)
{
	const struct fcopy_header *header = body;

	if (length < sizeof(*header)) {
		log_limited(&session->oddities, LOG_WARNING, "a message of only %zu bytes", length);
		return -EINVAL;
	}
	if (!session->agreed)
		return -ENOTCONN;

	switch (le32toh(header->operation)) {
	case FCOPY_START:
		session->failure = start(session, body, length);
		return session->failure;
	case FCOPY_WRITE:
		return write_data(session, body, length);
	case FCOPY_COMPLETE:
		return complete(session);
	case FCOPY_CANCEL:
		return cancel(session);
	default:
		log_limited(&session->oddities, LOG_WARNING, "an operation that is unknown: %u",
			    le32toh(header->operation));
		return -EOPNOTSUPP;
	}
}

/* Returns whether @message is the answer already. */
static bool negotiate(struct session *session, void *message, size_t length)
{
	static const struct vmbus_ic_version frameworks[] = { { 3, 0 }, { 1, 0 } };
	static const struct vmbus_ic_version services[] = { { 1, 1 } };
	struct vmbus_ic_version framework, service;
	int err;

	err = vmbus_ic_negotiate(message, length, frameworks, 2, services, 1, &framework, &service);
	if (err == -EPROTO) {
		log_limited(&session->oddities, LOG_WARNING, "a negotiation with impossible lengths");
		return false;
	}
	session->agreed = err == 0;
	if (session->agreed) {
		log_line(LOG_DEBUG, "agreed with the host on framework %u.%u, service %u.%u",
			 framework.major, framework.minor, service.major, service.minor);
	} else {
		log_limited(&session->oddities, LOG_WARNING,
			    "the host offers no version that is known here (service 1.1)");
		transfer_discard(&session->transfer, -ENOTCONN, "no version agreed any more");
	}
	return true;
}

bool session_answer(struct session *session, void *message, size_t length)
{
	struct vmbus_ic_header header;
	size_t end;
	int err;

	if (vmbus_ic_parse(message, length, &header) < 0) {
		log_limited(&session->oddities, LOG_WARNING,
			    "ignored a packet of %zu bytes, too short for a message", length);
		return false;
	}
	/* An answer to an answer could go back and forth for ever. */
	if ((header.flags & (VMBUS_IC_FLAG_REQUEST | VMBUS_IC_FLAG_RESPONSE)) ==
	    VMBUS_IC_FLAG_RESPONSE) {
		log_limited(&session->oddities, LOG_WARNING, "ignored an answer that nobody asked for");
		return false;
	}

	/* The packet may be longer, by padding. */
	end = PIPE_HEADER + (size_t)le32toh(header.pipe_size);
	if (end < sizeof(header) || end > length) {
		log_limited(&session->oddities, LOG_WARNING,
			    "a message that says it has %zu bytes in a packet of %zu", end, length);
		err = -EINVAL;
		goto out;
	}

	switch (le16toh(header.type)) {
	case VMBUS_IC_NEGOTIATE:
		if (negotiate(session, message, end))
			return true;
		err = -EINVAL;
		break;
	case VMBUS_IC_FCOPY:
		err = operate(session, (char *)message + sizeof(header), end - sizeof(header));
		break;
	default:
		log_limited(&session->oddities, LOG_WARNING, "a message of a type that is unknown: %u",
			    le16toh(header.type));
		err = -EOPNOTSUPP;
	}
out:
	vmbus_ic_answer(message, length, status_from_errno(err));
	return true;
}

void session_expire(struct session *session)
{
	if (!transfer_is_idle(&session->transfer))
		return;
	session_abort(session, -ETIMEDOUT, status_reason(-ETIMEDOUT));
}

bool session_abort(struct session *session, int error, const char *reason)
{
	if (!transfer_active(&session->transfer))
		return false;
	session->failure = error;
	session->failure_told = false;
	transfer_discard(&session->transfer, error, reason);
	return true;
}
