// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This target negotiates with the input as the message of the host. The buffer
 * has exactly the length of the message.
 */

#include <errno.h>

#include "../internal.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmbus_ic_version frameworks[] = { { 3, 0 }, { 1, 0 } };
	static const struct vmbus_ic_version messages[] = { { 1, 1 }, { 1, 0 }, { 0x101, 0x101 } };
	static const struct vmbus_ic_options options = {
		.frameworks = frameworks,
		.framework_count = 2,
		.messages = messages,
		.message_count = 3,
	};
	struct vmbus_ic_version framework = { 0xdead, 0 }, message = { 0xdead, 0 };
	unsigned char *msg = malloc(size), *before = malloc(size);
	struct vmbus_ic_header hdr;
	uint16_t counts[2];
	int err;

	MUST((msg && before) || !size);
	if (size) {
		memcpy(msg, data, size);
		memcpy(before, data, size);
	}
	err = ic_parse(msg, size, &hdr);
	MUST(err == 0 || (err == -EPROTO && size < sizeof(hdr)));
	err = ic_negotiate(msg, size, &options, &framework, &message);
	switch (err) {
	case -EPROTO:
		MUST(!size || !memcmp(msg, before, size));
		break;
	case -EPROTONOSUPPORT:
	case 0:
		memcpy(counts, msg + sizeof(hdr), sizeof(counts));
		MUST(counts[0] == !err && counts[1] == !err);
		MUST(!ic_parse(msg, size, &hdr) && hdr.status == VMBUS_S_OK);
		MUST(hdr.flags == (VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_RESPONSE));
		MUST((framework.major == 0xdead) == !!err && (message.major == 0xdead) == !!err);
		break;
	default:
		MUST(!"another error");
	}
	if (!ic_parse(msg, size, &hdr)) {
		ic_answer(msg, VMBUS_E_FAIL);
		MUST(!ic_parse(msg, size, &hdr) && hdr.status == VMBUS_E_FAIL);
	}
	free(msg);
	free(before);
	return 0;
}
