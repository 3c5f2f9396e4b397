// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file handles messages of integration components: their header, and the
 * negotiation of versions.
 */

#include <errno.h>
#include <string.h>

#include "internal.h"

_Static_assert(sizeof(struct vmbus_ic_header) == 28, "the header on the wire");
_Static_assert(sizeof(struct vmbus_ic_negotiate) == 8, "the negotiation on the wire");
_Static_assert(sizeof(struct vmbus_ic_version) == 4, "a version on the wire");

int ic_parse(const void *msg, size_t len, struct vmbus_ic_header *hdr)
{
	if (len < sizeof(*hdr))
		return -EPROTO;
	memcpy(hdr, msg, sizeof(*hdr));
	return 0;
}

void ic_answer(void *msg, uint32_t status)
{
	struct vmbus_ic_header hdr;

	memcpy(&hdr, msg, sizeof(hdr));
	hdr.status = status;
	hdr.flags = VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_RESPONSE;
	memcpy(msg, &hdr, sizeof(hdr));
}

/*
 * Return the first version in the program's list that the host also has, or
 * NULL.
 */
static const struct vmbus_ic_version *common(const struct vmbus_ic_version *ours, size_t our_count,
					     const unsigned char *theirs, size_t their_count)
{
	for (size_t i = 0; i < our_count; i++)
		for (size_t j = 0; j < their_count; j++)
			if (!memcmp(&ours[i], theirs + j * sizeof(*ours), sizeof(*ours)))
				return &ours[i];
	return NULL;
}

int ic_negotiate(void *msg, size_t len, const struct vmbus_ic_options *opt,
		 struct vmbus_ic_version *framework, struct vmbus_ic_version *message)
{
	unsigned char *body = (unsigned char *)msg + sizeof(struct vmbus_ic_header);
	unsigned char *versions = body + sizeof(struct vmbus_ic_negotiate);
	const size_t fixed = sizeof(struct vmbus_ic_header) + sizeof(struct vmbus_ic_negotiate);
	struct vmbus_ic_version agreed[2];
	const struct vmbus_ic_version *fw, *srv;
	struct vmbus_ic_negotiate neg;
	struct vmbus_ic_header hdr;

	if (ic_parse(msg, len, &hdr) || hdr.type != VMBUS_IC_NEGOTIATE || len < fixed)
		return -EPROTO;
	memcpy(&neg, body, sizeof(neg));
	if (neg.framework_count > VMBUS_IC_MAX_VERSIONS ||
	    neg.message_count > VMBUS_IC_MAX_VERSIONS ||
	    (neg.framework_count + neg.message_count) * sizeof(agreed[0]) > len - fixed)
		return -EPROTO;

	fw = common(opt->frameworks, opt->framework_count, versions, neg.framework_count);
	srv = common(opt->messages, opt->message_count,
		     versions + neg.framework_count * sizeof(agreed[0]), neg.message_count);

	hdr.size = sizeof(neg) + sizeof(agreed);
	memcpy(msg, &hdr, sizeof(hdr));
	ic_answer(msg, VMBUS_S_OK);
	neg.framework_count = neg.message_count = fw && srv;
	memcpy(body, &neg, sizeof(neg));
	if (!fw || !srv)
		return -EPROTONOSUPPORT;

	/*
	 * There is room for both, because each list of the host has at least
	 * one version.
	 */
	agreed[0] = *fw;
	agreed[1] = *srv;
	memcpy(versions, agreed, sizeof(agreed));
	*framework = *fw;
	*message = *srv;
	return 0;
}
