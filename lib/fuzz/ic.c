// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This target serves an integration component over a channel in memory. The
 * input is a list of steps: the host sends messages of any form, writes into
 * its part of the rings, and receives answers; the program dispatches, and
 * answers requests at once or later.
 */

#include "../internal.h"
#include "input.h"

#define STEPS_MAX 200u
#define BODY_MAX  2048u
#define IDS	  256u

static struct {
	struct vmbus_chan *guest, *host;
	struct vmbus_ic *ic;
	struct vmbus_ic_request *later[VMBUS_IC_LATER_MAX];
	unsigned int later_count, ids;
	uint32_t max_message, status;
	bool sent[IDS], answered[IDS];
	bool tampered; /* the host has written into the rings */
	bool stop;     /* when the object skips a packet */
	bool changes;  /* the program changes each body, so no request is a repeat */
	unsigned int sum;
} now;

static uint32_t on_request(struct vmbus_ic *ic, struct vmbus_ic_request *request, void *ctx)
{
	unsigned char *body = request->body;

	MUST(ic == now.ic && ctx == &now);
	MUST(request->length <= now.max_message - sizeof(struct vmbus_ic_header));
	MUST((uintptr_t)body % 8 == 4 || (uintptr_t)body % 8 == 0);
	/* The object knows two frameworks, 3.0 and 1.0. */
	MUST((request->framework.major == 3 || request->framework.major == 1) &&
	     !request->framework.minor);
	MUST(request->message.major == 1 && request->message.minor <= 1);
	MUST(request->header.type != VMBUS_IC_NEGOTIATE);
	/* The body is the program's, to its last byte. */
	for (uint32_t i = 0; i < request->length && now.changes; i++)
		body[i] ^= 0x55;
	if (now.status == VMBUS_IC_LATER) {
		MUST(now.later_count < VMBUS_IC_LATER_MAX);
		now.later[now.later_count++] = request;
	}
	return now.status;
}

static int on_event(struct vmbus_ic *ic, const struct vmbus_ic_event *event, void *ctx)
{
	MUST(ctx == &now && event->reason);
	return now.stop && event->kind == VMBUS_IC_EVENT_SKIPPED;
}

static void on_trace(struct vmbus_ic *ic, int answer, const struct vmbus_packet *packet,
		     const void *message, void *ctx)
{
	const unsigned char *bytes = message;

	MUST(ic == now.ic && ctx == &now && packet->length <= now.max_message);
	for (uint32_t i = 0; i < packet->length; i++)
		now.sum += bytes[i] + answer;
}

static void open_object(struct input *in)
{
	static const struct vmbus_ic_version messages[] = { { 1, 1 }, { 1, 0 } };
	struct vmbus_ic_options opt = {
		.struct_size = sizeof(opt),
		.messages = messages,
		.message_count = 2,
		.request = on_request,
		.event = on_event,
		.trace = on_trace,
		.ctx = &now,
	};
	uint8_t flags;

	memset(&now, 0, sizeof(now));
	now.max_message = sizeof(struct vmbus_ic_header) + take_u16(in) % 4096;
	flags = take_u8(in);
	now.stop = flags & 1;
	now.changes = !(flags & 2);
	opt.max_message = now.max_message;
	MUST(!vmbus_open_pair(2 * page_size(), 0, &now.guest, &now.host));
	MUST(!vmbus_ic_from_chan(now.guest, &opt, &now.ic));
}

/* Send a packet with the next transaction id, if there is room. */
static void host_sends(uint16_t type, const void *message, size_t len)
{
	unsigned int id = now.ids;

	if (id == IDS || vmbus_send(now.host, type, 0, id, message, len))
		return;
	now.sent[id] = true;
	now.ids++;
}

static void send_anything(struct input *in)
{
	unsigned char message[BODY_MAX];
	uint8_t kind = take_u8(in);
	size_t len = take_u16(in) % (BODY_MAX + 1);

	input_read(in, message, len);
	host_sends(kind < 200 ? VMBUS_PACKET_INBAND : kind, message, len);
}

static void send_request(struct input *in)
{
	struct {
		struct vmbus_ic_header header;
		unsigned char body[BODY_MAX];
	} message = { .header = { .flags = VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_REQUEST } };
	uint8_t kind = take_u8(in);
	size_t len;

	message.header.type = kind % 8;
	len = take_u16(in) % (BODY_MAX + 1);
	input_read(in, message.body, len < 32 ? len : 32);
	/* The host may repeat it. */
	for (int n = kind & 8 ? 2 : 1; n; n--)
		host_sends(VMBUS_PACKET_INBAND, &message, sizeof(message.header) + len);
}

static void send_negotiation(struct input *in)
{
	const struct {
		struct vmbus_ic_header header;
		struct vmbus_ic_negotiate counts;
		struct vmbus_ic_version versions[2];
	} message = {
		{ .flags = VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_REQUEST },
		{ 1, 1, 0 },
		{ { 3, 0 }, { take_u8(in) % 4 ? 1 : 2, 0 } },
	};

	host_sends(VMBUS_PACKET_INBAND, &message, sizeof(message));
}

/*
 * Receive all answers. Without tampering, each is well-formed and belongs to a
 * packet that was sent, and no packet has two. A host that has written a false
 * read index has let the guest write over answers that it had not read, so it
 * may receive anything.
 */
static void host_receives(void)
{
	unsigned char message[sizeof(struct vmbus_ic_header) + 4096 + 8];
	struct vmbus_ic_header header;
	struct vmbus_packet pkt;

	while (!vmbus_recv(now.host, &pkt, message, sizeof(message))) {
		if (now.tampered)
			continue;
		MUST(pkt.type == VMBUS_PACKET_INBAND && !pkt.flags);
		MUST(!ic_parse(message, pkt.length, &header));
		MUST(header.flags == (VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_RESPONSE));
		MUST(pkt.transaction_id < IDS && now.sent[pkt.transaction_id]);
		MUST(!now.answered[pkt.transaction_id]);
		now.answered[pkt.transaction_id] = true;
	}
}

static void reply(struct input *in)
{
	unsigned int which = take_u8(in);
	struct vmbus_ic_request *request;
	int err;

	if (!now.later_count)
		return;
	which %= now.later_count;
	request = now.later[which];
	MUST(vmbus_ic_reply(now.ic, request, VMBUS_IC_LATER) == -EINVAL);
	err = vmbus_ic_reply(now.ic, request, VMBUS_S_OK);
	MUST(!err || err == -ESTALE || err == -EMSGSIZE);
	now.later[which] = now.later[--now.later_count];
}

/* Write where the host may write. */
static void tamper(struct input *in)
{
	struct tx_ring *tx = &now.host->tx;
	uint8_t which = take_u8(in) % 4;
	uint32_t index = take_index(in, tx->size);

	now.tampered = true;
	if (which == 0)
		WRITE_ONCE(tx->shared->write_index, index);
	else if (which == 1)
		WRITE_ONCE(now.host->rx.shared->read_index, index);
	else if (which == 2)
		WRITE_ONCE(tx->shared->pending_send_sz, index);
	else
		input_read(in, tx->data + index % (tx->size / 8) * 8, 8);
}

static void dispatch(void)
{
	int err = vmbus_ic_dispatch(now.ic);

	MUST(!err || (now.stop && err == 1) || (now.tampered && (err == -EIO || err == -ENODEV)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct vmbus_ic_stats stats;

	open_object(&in);
	for (unsigned int step = 0; in.left && step < STEPS_MAX; step++) {
		switch (take_u8(&in) % 8) {
		case 0:
			send_anything(&in);
			break;
		case 1:
			send_request(&in);
			break;
		case 2:
			send_negotiation(&in);
			break;
		case 3:
			dispatch();
			break;
		case 4:
			host_receives();
			break;
		case 5:
			reply(&in);
			break;
		case 6:
			now.status = take_u8(&in) % 2 ? VMBUS_IC_LATER : take_u8(&in);
			break;
		default:
			tamper(&in);
		}
	}
	vmbus_ic_stats(now.ic, &stats, sizeof(stats));
	MUST(now.tampered || stats.answers + stats.skipped <= now.ids);
	vmbus_ic_free(now.ic);
	vmbus_close(now.guest);
	vmbus_close(now.host);
	return 0;
}
