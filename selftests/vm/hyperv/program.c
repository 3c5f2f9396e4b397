// SPDX-License-Identifier: GPL-2.0-only
/* Frames to and from the program of a device */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hyperv.h"

/*
 * If more bytes than OUT_LIMIT wait for the program, the host reads no more of
 * the guest's rings. If more than IN_LIMIT wait for the guest, it reads no more
 * of the program's socket.
 */
#define OUT_LIMIT (4u << 20)
#define IN_LIMIT  (4u << 20)

/* A packet has this much before its descriptor and after its payload. */
#define PACKET_HEADER  16u
#define PACKET_TRAILER 8u

bool out_full(const struct device *d)
{
	return d->out.end - d->out.start > OUT_LIMIT;
}

void put_frame(struct device *d, struct frame frame, const void *payload, uint32_t len)
{
	if (d->fd < 0)
		return;
	frame.len = len;
	bytes_append(&d->out, &frame, sizeof(frame));
	bytes_append(&d->out, payload, len);
}

void put_event(const struct channel *c, enum frame_op op, uint32_t arg, uint32_t arg2)
{
	struct frame frame = {
		.op = op,
		.channel = (uint16_t)c->index,
		.flags = c->monitored,
		.arg = arg,
		.arg2 = arg2,
	};

	put_frame(c->device, frame, NULL, 0);
}

void put_text(struct device *d, enum frame_op op, uint32_t channel, uint32_t tag,
	      const char *format, ...)
{
	struct frame frame = { .op = op, .channel = (uint16_t)channel, .tag = tag };
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	note("%s channel %u: %s", d->name, channel, text);
	put_frame(d, frame, text, (uint32_t)strlen(text));
}

void put_ok(struct device *d, uint32_t channel, uint32_t tag, const void *payload, uint32_t len)
{
	struct frame frame = { .op = FRAME_OK, .channel = (uint16_t)channel, .tag = tag };

	if (tag)
		put_frame(d, frame, payload, len);
}

/* An error answers the frame @f, whose channel the caller has as @c. */
#define refuse(c, f, ...) put_text((c)->device, FRAME_ERROR, (f)->channel, (f)->tag, __VA_ARGS__)

static void accept_frame(struct channel *c, const struct frame *f)
{
	put_ok(c->device, f->channel, f->tag, NULL, 0);
}

static bool is_open(struct channel *c, const struct frame *f)
{
	if (!c->rings)
		refuse(c, f, "channel %u is not open", f->channel);
	return c->rings;
}

/* Packets */

/* Return the bytes of a frame's packet in the ring, or 0 if it is wrong. */
static uint32_t packet_size(struct channel *c, const struct frame *f)
{
	bool raw = f->op == FRAME_PACKET_RAW;
	uint32_t len = f->len;

	if (!raw && (f->arg > f->len || f->arg % sizeof(uint64_t))) {
		refuse(c, f, "a descriptor of %u bytes in a frame of %u", f->arg, f->len);
		return 0;
	}
	if (!raw)
		len = PACKET_HEADER + (f->len + 7) / 8 * 8 + PACKET_TRAILER;
	if (raw && (!len || len % sizeof(uint64_t))) {
		refuse(c, f, "%u raw bytes: not a multiple of 8", len);
		return 0;
	}
	if (len >= c->rx.size || (!raw && len / sizeof(uint64_t) > UINT16_MAX)) {
		refuse(c, f, "a packet of %u bytes for a ring of %u", len, c->rx.size);
		return 0;
	}
	return len;
}

static void frame_packet(struct channel *c, const struct frame *f, const uint8_t *payload)
{
	struct packet *packet;
	uint32_t len;

	if (!c->rings || c->dead) {
		refuse(c, f, "channel %u is %s", f->channel,
		       c->dead ? "dead: the guest has broken the protocol" : "not open");
		return;
	}
	len = packet_size(c, f);
	if (!len)
		return;
	packet = allocate(sizeof(*packet) + len);
	packet->tag = f->tag;
	packet->len = len;
	packet->raw = f->op == FRAME_PACKET_RAW;
	if (packet->raw) {
		memcpy(packet->bytes, payload, len);
	} else {
		uint16_t header[] = {
			f->type,
			(uint16_t)((PACKET_HEADER + f->arg) / 8),
			(uint16_t)((len - PACKET_TRAILER) / 8),
			f->flags,
		};

		memcpy(packet->bytes, header, sizeof(header));
		memcpy(packet->bytes + sizeof(header), &f->xid, sizeof(f->xid));
		memcpy(packet->bytes + PACKET_HEADER, payload, f->len);
	}
	queue_packet(c, packet);
	rings_flush(c);
}

static void frame_sync(struct channel *c, const struct frame *f)
{
	if (c->device->queued)
		c->device->sync = f->tag;
	else
		accept_frame(c, f);
}

/* Offers */

/* Return whether the guest has the offer, or gets it now. */
static bool is_offered(const struct channel *c)
{
	return !c->rescind && (c->offer == OFFER_SENT || c->offer == OFFER_SENDING);
}

static void frame_rescind(struct channel *c, const struct frame *f)
{
	struct device *d = c->device;

	if (!d->offered || !is_offered(&d->channel[0])) {
		refuse(c, f, "the device is not offered");
		return;
	}
	d->offered = false;
	d->channel[0].rescind = true;
	rescind_subs(d);
	accept_frame(c, f);
}

static void frame_rescind_sub(struct channel *c, const struct frame *f)
{
	struct channel *sub = &c->device->channel[f->arg % MAX_CHANNELS];

	if (!f->arg || f->arg >= c->device->channels || !is_offered(sub)) {
		refuse(c, f, "there is no sub-channel %u", f->arg);
		return;
	}
	sub->wanted = false;
	sub->rescind = true;
	accept_frame(c, f);
}

static void frame_keep(struct channel *c, const struct frame *f)
{
	struct device *d = c->device;

	d->keep = f->arg;
	if (!d->keep && !d->channel[0].rings)
		rescind_subs(d);
	accept_frame(c, f);
}

static void frame_offer(struct channel *c, const struct frame *f)
{
	if (c->device->offered) {
		refuse(c, f, "the device is offered already");
		return;
	}
	c->device->offered = true;
	accept_frame(c, f);
}

static void frame_offer_sub(struct channel *c, const struct frame *f)
{
	struct device *d = c->device;

	if (f->arg >= d->channels || !f->arg2 || f->arg2 > f->arg) {
		refuse(c, f, "sub-channels %u to %u of a device that has %u", f->arg2, f->arg,
		       d->channels - 1);
		return;
	}
	if (!d->channel[0].rings || d->channel[0].closing) {
		refuse(c, f, "sub-channels need an open primary channel");
		return;
	}
	for (uint32_t i = f->arg2; i <= f->arg; i++)
		d->channel[i].wanted = true;
	accept_frame(c, f);
}

/* The guest's memory */

/* Return the GPADL that a frame names, or NULL after an error. */
static const struct gpadl *named_gpadl(struct channel *c, const struct frame *f)
{
	const struct gpadl *g = f->xid <= UINT32_MAX ? find_gpadl((uint32_t)f->xid) : NULL;

	if (g && g->created && g->relid == c->relid)
		return g;
	refuse(c, f, "channel %u has no GPADL %" PRIu64, f->channel, f->xid);
	return NULL;
}

static void frame_gpadl_size(struct channel *c, const struct frame *f)
{
	const struct gpadl *g = named_gpadl(c, f);
	uint32_t size = g ? g->pages * HV_PAGE : 0;

	if (g)
		put_ok(c->device, f->channel, f->tag, &size, sizeof(size));
}

/* Read or write bytes of a ring or of another GPADL for the program. */
static void frame_bytes(struct channel *c, const struct frame *f, uint8_t *payload)
{
	static uint8_t bytes[FRAME_MAX_LEN];
	bool write = f->op == FRAME_WRITE;
	uint32_t len = write ? f->len : f->arg2, base = 0, size;
	const struct gpadl *g;

	if (f->type == FRAME_GPADL) {
		g = named_gpadl(c, f);
		if (!g)
			return;
		size = g->pages * HV_PAGE;
	} else {
		if (!is_open(c, f))
			return;
		g = c->rings;
		base = (f->type == FRAME_TX ? c->tx.first : c->rx.first) * HV_PAGE;
		size = ring_bytes(c, f->type);
	}
	if (len > FRAME_MAX_LEN || f->arg > size || len > size - f->arg) {
		refuse(c, f, "%u bytes at %u are not in the %s of %u bytes", len, f->arg,
		       f->type == FRAME_GPADL ? "GPADL" : "ring", size);
		return;
	}
	gpadl_copy(g, base + f->arg, write ? payload : bytes, len, write);
	put_ok(c->device, f->channel, f->tag, bytes, write ? 0 : len);
}

/* The rest */

static void frame_signal(struct channel *c, const struct frame *f)
{
	if (!is_open(c, f))
		return;
	interrupt(c);
	accept_frame(c, f);
}

/*
 * The program has found a fault in what the guest sent. The host ignores the
 * channel from now on, and counts one fault until the guest opens it again.
 */
static void frame_fault(struct channel *c, const struct frame *f, const uint8_t *payload)
{
	if (!is_open(c, f))
		return;
	if (!c->dead)
		channel_fault(c, "%.*s", (int)MIN(f->len, 150u), (const char *)payload);
	accept_frame(c, f);
}

static void frame_stats(struct channel *c, const struct frame *f)
{
	c->stats.gpadls = c->relid ? count_gpadls(c->relid) : 0;
	put_ok(c->device, f->channel, f->tag, &c->stats, sizeof(c->stats));
}

/*
 * A held host behaves like one that waits for a signal and is then busy for
 * long.
 */
static void hold(struct channel *c, bool on)
{
	c->hold = on;
	if (on && c->rings && !c->closing && !c->dead)
		tx_mask(c, false);
	else
		kick(c);
}

/*
 * Change how the host behaves from now on. Returns false if @f does not do
 * that.
 */
static bool frame_behaviour(struct channel *c, const struct frame *f)
{
	struct device *d = c->device;

	switch (f->op) {
	case FRAME_WITHHOLD:
		d->withheld = true;
		break;
	case FRAME_ANSWER:
		c->mute = !f->arg;
		break;
	case FRAME_GPADLS:
		c->hold_gpadls = f->arg == FRAME_GPADLS_HOLD;
		c->fail_gpadls = f->arg == FRAME_GPADLS_FAIL;
		break;
	case FRAME_DELAY:
		d->delay[f->arg % FRAME_DELAYS] = f->arg2;
		break;
	case FRAME_ORDER:
		d->order = f->arg % FRAME_ORDERS;
		break;
	case FRAME_MONITORED:
		d->monitored = f->arg;
		break;
	case FRAME_HOLD:
		hold(c, f->arg);
		break;
	case FRAME_NOTE:
		c->note = f->arg;
		break;
	default:
		return false;
	}
	accept_frame(c, f);
	return true;
}

static void take_frame(struct device *d, const struct frame *f, uint8_t *payload)
{
	struct channel *c = &d->channel[f->channel % MAX_CHANNELS];

	if (f->channel >= d->channels) {
		put_text(d, FRAME_ERROR, f->channel, f->tag, "there is no channel %u", f->channel);
		return;
	}
	if (frame_behaviour(c, f))
		return;
	switch (f->op) {
	case FRAME_PACKET:
	case FRAME_PACKET_RAW:
		frame_packet(c, f, payload);
		break;
	case FRAME_RESCIND:
		frame_rescind(c, f);
		break;
	case FRAME_OFFER:
		frame_offer(c, f);
		break;
	case FRAME_OFFER_SUB:
		frame_offer_sub(c, f);
		break;
	case FRAME_RESCIND_SUB:
		frame_rescind_sub(c, f);
		break;
	case FRAME_KEEP_SUBS:
		frame_keep(c, f);
		break;
	case FRAME_MIGRATE:
		migrate(d, f);
		break;
	case FRAME_READ:
	case FRAME_WRITE:
		frame_bytes(c, f, payload);
		break;
	case FRAME_GPADL_SIZE:
		frame_gpadl_size(c, f);
		break;
	case FRAME_SIGNAL:
		frame_signal(c, f);
		break;
	case FRAME_FAULT:
		frame_fault(c, f, payload);
		break;
	case FRAME_STATS:
		frame_stats(c, f);
		break;
	case FRAME_SYNC:
		frame_sync(c, f);
		break;
	default:
		refuse(c, f, "unknown frame %u", f->op);
	}
}

/* The connection of the program */

static void greet(struct device *d)
{
	size_t len = sizeof(struct frame_hello) + d->channels * sizeof(struct frame_channel);
	struct frame_hello *hello = allocate(len);

	hello->channels = d->channels;
	for (uint32_t i = 0; i < d->channels; i++) {
		const struct channel *c = &d->channel[i];
		struct frame_channel *state = &hello->channel[i];

		state->relid = c->relid;
		state->note = c->note;
		state->offered = c->offer == OFFER_SENT	     ? FRAME_IS_OFFERED :
				 c->offer == OFFER_RESCINDED ? FRAME_IS_RESCINDED :
							       FRAME_IS_HELD;
		state->open = !!c->rings;
		state->monitored = c->monitored;
		state->asked = c->asked;
		if (c->rings) {
			state->tx_size = ring_bytes(c, FRAME_TX);
			state->rx_size = ring_bytes(c, FRAME_RX);
		}
	}
	put_frame(d, (struct frame){ .op = FRAME_HELLO }, hello, (uint32_t)len);
	free(hello);
	kick_device(d);
}

/*
 * Forget the incomplete frames and the unanswered requests of the last program.
 * Its complete packets still go into the ring.
 */
static void forget_program(struct device *d)
{
	close(d->fd);
	d->fd = -1;
	bytes_clear(&d->in);
	bytes_clear(&d->out);
	d->sync = 0;
	migration_forget(d);
	for (uint32_t i = 0; i < d->channels; i++) {
		d->channel[i].hold = false;
		for (struct packet *p = d->channel[i].packets; p; p = p->next)
			p->tag = 0;
	}
}

void program_flush(struct device *d)
{
	bool was_full = out_full(d);
	size_t len = d->out.end - d->out.start;
	ssize_t n;

	if (d->fd < 0 || !len)
		return;
	n = send(d->fd, d->out.at + d->out.start, len, MSG_NOSIGNAL);
	if (n > 0)
		bytes_consume(&d->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		forget_program(d);
	if (was_full && !out_full(d))
		kick_device(d);
}

static void take_frames(struct device *d)
{
	struct bytes *in = &d->in;

	while (in->end - in->start >= sizeof(struct frame)) {
		struct frame frame;

		memcpy(&frame, in->at + in->start, sizeof(frame));
		if (frame.len > FRAME_MAX_LEN) {
			put_text(d, FRAME_ERROR, frame.channel, frame.tag,
				 "a frame of %u bytes: the limit is %u", frame.len, FRAME_MAX_LEN);
			program_flush(d);
			if (d->fd >= 0)
				forget_program(d);
			return;
		}
		if (in->end - in->start < sizeof(frame) + frame.len)
			return;
		take_frame(d, &frame, in->at + in->start + sizeof(frame));
		bytes_consume(in, sizeof(frame) + frame.len);
	}
}

static void read_in(struct device *d)
{
	static uint8_t bytes[1 << 16];
	ssize_t n = recv(d->fd, bytes, sizeof(bytes), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		forget_program(d);
	} else if (n > 0) {
		bytes_append(&d->in, bytes, (size_t)n);
		take_frames(d);
	}
}

/* Return for which events the process waits. The device serves one program. */
short program_events(const struct device *d)
{
	short events = 0;

	if (d->fd < 0)
		return POLLIN;
	if (d->queued <= IN_LIMIT)
		events |= POLLIN;
	if (d->out.end != d->out.start)
		events |= POLLOUT;
	return events;
}

void program_serve(struct device *d, short events)
{
	if (d->fd < 0) {
		d->fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (d->fd >= 0)
			greet(d);
		return;
	}
	if (events & POLLOUT)
		program_flush(d);
	if (d->fd >= 0 && d->queued <= IN_LIMIT && (events & (POLLIN | POLLHUP | POLLERR)))
		read_in(d);
}
