// SPDX-License-Identifier: GPL-2.0-only
/*
 * This plug-in for QEMU (LD_PRELOAD) emulates a VMBus whose devices are
 * programs. It compiles QEMU's own VMBus code under other type names. Each
 * -device vmbus-pipe is a device of any class, and a program on a socket plays
 * the host side of its channels with the frames of frame.h.
 *
 * The files are one compilation unit: this one has the device and its program,
 * ring.c the packets, signal.c the signals, and bus.c the offers and the
 * connection. Everything runs in QEMU's main loop, under its big lock.
 * doc/testing.md says which behaviour of a real host each part plays, and names
 * the witness.
 */
#include "vmbus-qemu.c"
#include "chardev/char-fe.h"
#include "qemu/timer.h"
#include "system/runstate.h"
#include "frame.h"

/* States of an offer, in addition to those of QEMU */
enum {
	HOST_OFFER_HELD = VMOFFER_SENT + 1, /* the host does not offer it, or not yet */
	HOST_OFFER_RESCINDED, /* the guest has the rescind message and still holds the relid */
	HOST_OFFER_RELEASED, /* the guest has released it without a rescind, until it reconnects */
};

#define MAX_CHANNELS 65
#define MONITOR_BITS 128 /* four groups of 32 */
#define MONITOR_POLL_MS 1

/*
 * If more bytes than OUT_LIMIT wait for the program, the host reads no more of
 * the guest's rings. If more than IN_LIMIT wait for the guest, it reads no more
 * of the program's socket.
 */
#define OUT_LIMIT (4u << 20)
#define IN_LIMIT (4u << 20)

/* The largest packet of a pipe */
#define PIPE_LIMIT 16384

/* The host interrupts once more at this time after it has answered an open. */
#define EXTRA_INTERRUPT_MS 100
/*
 * At the next look at the rings, this many signals can still be on their way:
 * one about packets, one about room.
 */
#define MAX_REASONS 2
/* Delays that the program can change (FRAME_DELAY) */
#define OPEN_MS 5
#define CLOSE_MS 10
/* Interrupts go to the old processor for this time after MODIFYCHANNEL. */
#define MODIFY_MS 10
/*
 * The host stops a guest that signals too often without need. The guest stands
 * still for this time.
 */
#define THROTTLE_MS 2000
/* In a migration, the host stops working this long before the guest does. */
#define BLIND_MS 50

/* A packet on its way into rx, with the bytes that the ring will have */
struct packet {
	uint32_t tag;
	uint32_t len;
	bool raw;
	uint8_t bytes[];
};

/* Points in time are in ms of the real-time clock; 0 means never. */
struct host_channel {
	struct frame_stats stats;
	GQueue packets;
	uint64_t kicks; /* the plug-in's own signals in the notifier's counter */
	uint64_t woken; /* guest's signals after which the host has not yet looked */
	uint64_t reasons; /* for signals that may still come, see judge_signals() */
	uint64_t new_reasons; /* those of the present look */
	bool masked;    /* what the host last wrote to the interrupt mask of tx */
	bool dead;      /* after a protocol fault, until the guest opens the channel again */
	uint32_t note;
	bool rescind; /* the host rescinds it as soon as it can send a message */
	bool wanted;  /* a sub-channel that the program offers */
	bool mute;    /* the host does not answer the guest's request to open it */
	bool asked;   /* such a request has come: @wish */
	vmbus_message_open_channel wish;
	bool told_open; /* the program knows that the channel is open */
	bool monitored;
	bool hold;
	bool full;
	bool hold_gpadls; /* answers to the creation and teardown of GPADLs wait */
	bool fail_gpadls; /* the host answers that creations have failed */
	bool result_sent; /* the answer to the open is on its way to the guest */
	int64_t result_at;
	int64_t extra_at;
	bool closing;
	int64_t closed_at;
	bool modified; /* the host has to answer MODIFYCHANNEL */
	int64_t modified_at;
	uint32_t modified_vp;
	int64_t offer_from; /* the host does not offer it before this time */
};

typedef struct VMBusPipe {
	VMBusDevice parent;
	CharBackend chr;
	QemuUUID class_id;
	uint16_t channels;
	uint16_t relid; /* the first number that its channels may have; 0: any */
	bool monitored; /* the next offers say that the channels are monitored */
	bool offered;   /* the program wants the device to be offered */
	bool withheld;  /* not offered to the next guest that requests offers */
	bool keep;      /* sub-channels stay offered when the guest closes the primary */
	bool pipe;      /* a pipe in message mode, as all integration components are */
	uint32_t settle; /* ms from the release of a sub-channel to its next offer */
	uint32_t throttle; /* needless signals after which the guest stands still; 0: none */
	uint32_t throttled; /* how often the host has stopped the guest for them */
	uint32_t delay[FRAME_DELAYS]; /* ms */
	int64_t rescind_from; /* the host rescinds no channel of the device before this time */
	enum frame_order order;
	struct host_channel *host;
	char *name; /* of the socket, and of the device in a test's settings */
	bool connected;
	GByteArray *in;
	GByteArray *out;
	size_t out_done; /* bytes of @out that are written */
	guint watch;
	size_t queued; /* bytes in all packet queues */
	GArray *syncs; /* tags */
} VMBusPipe;

#define TYPE_VMBUS_PIPE "vmbus-pipe"
OBJECT_DECLARE_SIMPLE_TYPE(VMBusPipe, VMBUS_PIPE)

/* There is one bus. */
static struct {
	VMBus *vmbus;
	uint32_t version; /* the newest that the host speaks */
	GRand *chance;
	bool offers_requested;
	uint32_t connections;  /* how often a guest has connected so far */
	uint64_t faults;       /* messages of the guest that break the protocol */
	VMBusChannel *posting; /* the channel whose message is in flight: an offer, a rescind, */
	bool answering;        /* or the answer to MODIFYCHANNEL */
	VMBusGpadl *creating;  /* the GPADL whose creation the host answers now */
	bool creation_fails;
	GArray *teardowns;     /* ids of GPADLs that the host still uses */
	int64_t unload_at;
	hwaddr int_page;
	hwaddr monitor_page; /* from the guest to the host */
	QEMUTimer *poll;
	QEMUTimer *timer;
	QEMUTimer *thaw;
	QEMUTimer *halt;
	VMBusPipe *migrating;  /* the device whose program asked for the migration that begins, */
	struct frame migration; /* and its request */
} bus = { .version = VMBUS_VERSION_WIN10 };

static VMBusPipe *pipe_of(VMBusChannel *chan)
{
	return VMBUS_PIPE(chan->dev);
}

static struct host_channel *host_of(VMBusChannel *chan)
{
	return &pipe_of(chan)->host[vmbus_channel_idx(chan)];
}

static VMBus *pipe_bus(VMBusPipe *pipe)
{
	return pipe->parent.channels[0].vmbus;
}

static int64_t now_ms(void)
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/*
 * Return whether the time @at, which may be "never", has come. If it is still
 * to come, the bus wakes up then.
 */
static bool is_due(int64_t at)
{
	if (at > now_ms())
		timer_mod_anticipate(bus.timer, at);
	return at && at <= now_ms();
}

/*
 * Return whether the device is open and the host has not yet begun to answer
 * the guest's open.
 */
static bool is_unanswered(VMBusChannel *chan)
{
	return vmbus_channel_is_open(chan) && host_of(chan)->result_at;
}

/* Return the time @ms from now. The bus will wake up then. */
static int64_t due_in(uint32_t ms)
{
	int64_t at = now_ms() + ms;

	timer_mod_anticipate(bus.timer, at);
	return at;
}

/* Frames to the program */

static gboolean pipe_writable(void *unused, GIOCondition condition, void *opaque);

static void pipe_kick(VMBusPipe *pipe)
{
	for (int i = 0; i < pipe->channels; i++)
		if (pipe->parent.channels[i].is_open)
			vmbus_channel_notify_host(&pipe->parent.channels[i]);
}

static bool pipe_out_full(VMBusPipe *pipe)
{
	return pipe->out->len - pipe->out_done > OUT_LIMIT;
}

static void pipe_flush_out(VMBusPipe *pipe)
{
	bool was_full = pipe_out_full(pipe);

	while (pipe->connected && pipe->out_done < pipe->out->len) {
		int n = qemu_chr_fe_write(&pipe->chr, pipe->out->data + pipe->out_done,
					  pipe->out->len - pipe->out_done);

		if (n <= 0)
			break;
		pipe->out_done += n;
	}
	if (pipe->out_done == pipe->out->len || pipe->out_done > OUT_LIMIT) {
		g_byte_array_remove_range(pipe->out, 0, pipe->out_done);
		pipe->out_done = 0;
	}
	if (pipe->connected && pipe->out->len && !pipe->watch)
		pipe->watch = qemu_chr_fe_add_watch(&pipe->chr, G_IO_OUT | G_IO_HUP, pipe_writable,
						    pipe);
	if (was_full && !pipe_out_full(pipe))
		pipe_kick(pipe);
}

static gboolean pipe_writable(void *unused, GIOCondition condition, void *opaque)
{
	VMBusPipe *pipe = opaque;

	pipe->watch = 0;
	pipe_flush_out(pipe);
	return G_SOURCE_REMOVE;
}

static void put_frame(VMBusPipe *pipe, struct frame frame, const void *payload, uint32_t len)
{
	if (!pipe->connected)
		return;
	frame.len = len;
	g_byte_array_append(pipe->out, (uint8_t *)&frame, sizeof(frame));
	if (len)
		g_byte_array_append(pipe->out, payload, len);
	pipe_flush_out(pipe);
}

static void put_event(VMBusChannel *chan, enum frame_op op, uint32_t arg, uint32_t arg2)
{
	struct frame frame = {
		.op = op,
		.channel = vmbus_channel_idx(chan),
		.flags = host_of(chan)->monitored,
		.arg = arg,
		.arg2 = arg2,
	};

	put_frame(pipe_of(chan), frame, NULL, 0);
}

G_GNUC_PRINTF(5, 6)
static void put_text(VMBusPipe *pipe, enum frame_op op, uint16_t channel, uint32_t tag,
		     const char *format, ...)
{
	struct frame frame = { .op = op, .channel = channel, .tag = tag };
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	put_frame(pipe, frame, text, strlen(text));
}

static void put_ok(VMBusPipe *pipe, const struct frame *request, const void *payload, uint32_t len)
{
	struct frame frame = { .op = FRAME_OK, .channel = request->channel, .tag = request->tag };

	if (request->tag)
		put_frame(pipe, frame, payload, len);
}

/* A message of the guest breaks the protocol. The host ignores the message. */
#define message_fault(...) (bus.faults++, error_report("vmbus-host: " __VA_ARGS__))

#include "signal.c"
#include "ring.c"
#include "bus.c"

/* Frames from the program */

static void frame_packet(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame,
			 const uint8_t *payload)
{
	struct host_channel *host = host_of(chan);
	bool raw = frame->op == FRAME_PACKET_RAW;
	uint32_t message = frame->len - (raw ? 0 : frame->arg);
	uint32_t len = raw ? frame->len
			   : sizeof(vmbus_packet_hdr) + frame->arg +
				       ROUND_UP(message, sizeof(uint64_t)) + VMBUS_PKT_TRAILER;
	struct packet *packet;

	if (!vmbus_channel_is_open(chan) || host->dead) {
		host->stats.dropped++;
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "channel %u is %s",
			 frame->channel,
			 host->dead ? "dead: the guest has broken the protocol" : "not open");
		return;
	}
	if (!raw && (frame->arg > frame->len || frame->arg % sizeof(uint64_t))) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "a descriptor of %u bytes in a frame of %u", frame->arg, frame->len);
		return;
	}
	if (raw && (!len || len % sizeof(uint64_t))) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "%u raw bytes: not a multiple of 8", len);
		return;
	}
	if (len >= chan->send_ringbuf.common.len || (!raw && len / sizeof(uint64_t) > UINT16_MAX)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "a packet of %u bytes for a ring of %u", len,
			 chan->send_ringbuf.common.len);
		return;
	}

	packet = g_malloc0(sizeof(*packet) + len);
	packet->tag = frame->tag;
	packet->len = len;
	packet->raw = raw;
	if (raw) {
		memcpy(packet->bytes, payload, len);
	} else {
		vmbus_packet_hdr header = {
			.type = frame->type,
			.flags = frame->flags,
			.offset_qwords = (sizeof(header) + frame->arg) / sizeof(uint64_t),
			.len_qwords = (len - VMBUS_PKT_TRAILER) / sizeof(uint64_t),
			.transaction_id = frame->xid,
		};

		memcpy(packet->bytes, &header, sizeof(header));
		memcpy(packet->bytes + sizeof(header), payload, frame->len);
	}
	g_queue_push_tail(&host->packets, packet);
	pipe->queued += len;
	ring_flush(chan);
}

static void frame_rescind(VMBusPipe *pipe, const struct frame *frame)
{
	VMBusChannel *primary = &pipe->parent.channels[0];

	if (!pipe->offered || pipe->host[0].rescind ||
	    primary->offer_state == HOST_OFFER_RESCINDED ||
	    (primary->offer_state != VMOFFER_SENT && bus.posting != primary)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "the device is not offered");
		return;
	}
	pipe->offered = false;
	pipe->host[0].rescind = true;
	rescind_subs(pipe);
	put_ok(pipe, frame, NULL, 0);
	vmbus_resched(pipe_bus(pipe));
}

static void frame_rescind_sub(VMBusPipe *pipe, const struct frame *frame)
{
	uint32_t index = frame->arg;
	VMBusChannel *chan = &pipe->parent.channels[index];

	if (!index || index >= pipe->channels || pipe->host[index].rescind ||
	    chan->offer_state == HOST_OFFER_RESCINDED ||
	    (chan->offer_state != VMOFFER_SENT && bus.posting != chan)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "there is no sub-channel %u", index);
		return;
	}
	pipe->host[index].wanted = false;
	pipe->host[index].rescind = true;
	put_ok(pipe, frame, NULL, 0);
	vmbus_resched(pipe_bus(pipe));
}

static void frame_keep(VMBusPipe *pipe, const struct frame *frame)
{
	pipe->keep = frame->arg;
	if (!pipe->keep && !pipe->parent.channels[0].is_open)
		rescind_subs(pipe);
	put_ok(pipe, frame, NULL, 0);
	vmbus_resched(pipe_bus(pipe));
}

static void frame_offer(VMBusPipe *pipe, const struct frame *frame)
{
	if (pipe->offered) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "the device is offered already");
		return;
	}
	pipe->offered = true;
	put_ok(pipe, frame, NULL, 0);
	vmbus_resched(pipe_bus(pipe));
}

static void frame_offer_sub(VMBusPipe *pipe, const struct frame *frame)
{
	if (frame->arg >= pipe->channels || !frame->arg2 || frame->arg2 > frame->arg) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "sub-channels %u to %u of a device that has %u", frame->arg2, frame->arg,
			 pipe->channels - 1);
		return;
	}
	if (!vmbus_channel_is_open(&pipe->parent.channels[0]) || pipe->host[0].closing) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "sub-channels need an open primary channel");
		return;
	}
	for (uint32_t i = frame->arg2; i <= frame->arg; i++)
		pipe->host[i].wanted = true;
	put_ok(pipe, frame, NULL, 0);
	vmbus_resched(pipe_bus(pipe));
}

/*
 * Read or write bytes of a GPADL for the program: of the @size bytes from @base
 * on, which an error calls @name.
 */
static void frame_bytes(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame,
			uint8_t *payload, VMBusGpadl *gpadl, uint32_t base, uint32_t size,
			const char *name)
{
	bool write = frame->op == FRAME_RAW_WRITE || frame->op == FRAME_GPADL_WRITE;
	uint32_t len = write ? frame->len : frame->arg2;
	g_autofree uint8_t *bytes = NULL;

	if (len > FRAME_MAX_LEN || frame->arg > size || len > size - frame->arg) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "%u bytes at %u are not in the %s of %u bytes", len, frame->arg, name,
			 size);
		return;
	}
	if (!write)
		payload = bytes = g_malloc0(len);
	if (gpadl_raw(chan, gpadl, base + frame->arg, payload, len, write)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "the %s is not in the guest's memory", name);
		return;
	}
	put_ok(pipe, frame, bytes, write ? 0 : len);
}

static void frame_raw(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame,
		      uint8_t *payload)
{
	uint32_t first;

	if (!vmbus_channel_is_open(chan)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "channel %u is not open",
			 frame->channel);
		return;
	}
	if (frame->type > FRAME_RX) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "there is no ring %u",
			 frame->type);
		return;
	}
	ring_pages(chan, frame->type, &first);
	frame_bytes(pipe, chan, frame, payload, chan->gpadl, first << TARGET_PAGE_BITS,
		    ring_size(chan, frame->type), "ring");
}

static uint64_t count_gpadls(const VMBusChannel *chan)
{
	VMBusGpadl *gpadl;
	uint64_t count = 0;

	QTAILQ_FOREACH(gpadl, &chan->vmbus->gpadl_list, link)
		count += gpadl->child_relid == chan->id && gpadl->state != VMGPADL_TORNDOWN;
	return count;
}

static void frame_gpadl(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame,
			uint8_t *payload)
{
	VMBusGpadl *gpadl = frame->xid <= UINT32_MAX ? find_gpadl(chan->vmbus, frame->xid) : NULL;

	if (!gpadl || gpadl->state != VMGPADL_ALIVE || gpadl->child_relid != chan->id) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "channel %u has no GPADL %" PRIu64, frame->channel, frame->xid);
		return;
	}
	if (frame->op == FRAME_GPADL_SIZE) {
		uint32_t size = vmbus_gpadl_len(gpadl);

		put_ok(pipe, frame, &size, sizeof(size));
		return;
	}
	frame_bytes(pipe, chan, frame, payload, gpadl, 0, vmbus_gpadl_len(gpadl), "GPADL");
}

/* Read or write the guest's memory by page number for the program. */
static void frame_memory(VMBusPipe *pipe, const struct frame *frame, uint8_t *payload)
{
	bool write = frame->op == FRAME_MEMORY_WRITE;
	uint32_t len = write ? frame->len : frame->arg2;
	g_autofree uint8_t *bytes = NULL;

	if (len > FRAME_MAX_LEN || frame->arg >= TARGET_PAGE_SIZE ||
	    frame->xid > (UINT64_MAX >> TARGET_PAGE_BITS) - FRAME_MAX_LEN) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "%u bytes at %u of page %#" PRIx64 ": out of bounds", len, frame->arg,
			 frame->xid);
		return;
	}
	if (!write)
		payload = bytes = g_malloc0(len);
	if (!guest_memory((frame->xid << TARGET_PAGE_BITS) + frame->arg, payload, len, write)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "%u bytes at %u of page %#" PRIx64 " are not memory of the guest", len,
			 frame->arg, frame->xid);
		return;
	}
	put_ok(pipe, frame, bytes, write ? 0 : len);
}

static void frame_sync(VMBusPipe *pipe, const struct frame *frame)
{
	if (pipe->queued)
		g_array_append_val(pipe->syncs, frame->tag);
	else
		put_ok(pipe, frame, NULL, 0);
}

static void frame_signal(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame)
{
	if (!vmbus_channel_is_open(chan)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "channel %u is not open",
			 frame->channel);
		return;
	}
	vmbus_channel_notify_guest(chan);
	put_ok(pipe, frame, NULL, 0);
}

/*
 * The program has found a fault in what the guest sent. The host ignores the
 * channel from now on, and counts one fault until the guest opens it again.
 */
static void frame_fault(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame,
			const uint8_t *payload)
{
	if (!vmbus_channel_is_open(chan)) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "channel %u is not open",
			 frame->channel);
		return;
	}
	if (!host_of(chan)->dead)
		channel_fault(chan, "%.*s", (int)frame->len, (const char *)payload);
	put_ok(pipe, frame, NULL, 0);
}

/*
 * Change how the host behaves from now on. Returns false if @frame does not do
 * that.
 */
static bool frame_behaviour(VMBusPipe *pipe, VMBusChannel *chan, const struct frame *frame)
{
	struct host_channel *host = host_of(chan);

	switch (frame->op) {
	case FRAME_WITHHOLD:
		pipe->withheld = true;
		break;
	case FRAME_ANSWER:
		host->mute = !frame->arg;
		break;
	case FRAME_GPADLS:
		host->hold_gpadls = frame->arg == FRAME_GPADLS_HOLD;
		host->fail_gpadls = frame->arg == FRAME_GPADLS_FAIL;
		break;
	case FRAME_DELAY:
		pipe->delay[frame->arg % FRAME_DELAYS] = frame->arg2;
		break;
	case FRAME_ORDER:
		pipe->order = frame->arg % FRAME_ORDERS;
		break;
	case FRAME_MONITORED:
		pipe->monitored = frame->arg;
		break;
	case FRAME_HOLD:
		host->hold = frame->arg;
		/*
		 * A held host behaves like one that waits for a signal and is
		 * then busy for long.
		 */
		if (host->hold && chan->is_open && !host->closing && !host->dead)
			tx_mask(chan, false);
		else if (chan->is_open)
			vmbus_channel_notify_host(chan);
		break;
	case FRAME_NOTE:
		host->note = frame->arg;
		break;
	default:
		return false;
	}
	put_ok(pipe, frame, NULL, 0);
	/* The host may owe an answer that it gives from now on. */
	if (frame->op == FRAME_ANSWER || frame->op == FRAME_GPADLS)
		vmbus_resched(pipe_bus(pipe));
	return true;
}

static void frame_take(VMBusPipe *pipe, const struct frame *frame, uint8_t *payload)
{
	VMBusChannel *chan = vmbus_device_channel(&pipe->parent, frame->channel);
	struct host_channel *host;

	if (!chan) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "there is no channel %u",
			 frame->channel);
		return;
	}
	if (frame_behaviour(pipe, chan, frame))
		return;
	switch (frame->op) {
	case FRAME_PACKET:
	case FRAME_PACKET_RAW:
		frame_packet(pipe, chan, frame, payload);
		break;
	case FRAME_RESCIND:
		frame_rescind(pipe, frame);
		break;
	case FRAME_OFFER:
		frame_offer(pipe, frame);
		break;
	case FRAME_OFFER_SUB:
		frame_offer_sub(pipe, frame);
		break;
	case FRAME_RESCIND_SUB:
		frame_rescind_sub(pipe, frame);
		break;
	case FRAME_KEEP_SUBS:
		frame_keep(pipe, frame);
		break;
	case FRAME_MIGRATE:
		migrate(pipe, frame);
		break;
	case FRAME_RAW_READ:
	case FRAME_RAW_WRITE:
		frame_raw(pipe, chan, frame, payload);
		break;
	case FRAME_GPADL_READ:
	case FRAME_GPADL_WRITE:
	case FRAME_GPADL_SIZE:
		frame_gpadl(pipe, chan, frame, payload);
		break;
	case FRAME_MEMORY_READ:
	case FRAME_MEMORY_WRITE:
		frame_memory(pipe, frame, payload);
		break;
	case FRAME_SIGNAL:
		frame_signal(pipe, chan, frame);
		break;
	case FRAME_FAULT:
		frame_fault(pipe, chan, frame, payload);
		break;
	case FRAME_STATS:
		host = host_of(chan);
		host->stats.gpadls = count_gpadls(chan);
		put_ok(pipe, frame, &host->stats, sizeof(host->stats));
		break;
	case FRAME_SYNC:
		frame_sync(pipe, frame);
		break;
	default:
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "unknown frame %u",
			 frame->op);
	}
}

static int pipe_can_read(void *opaque)
{
	VMBusPipe *pipe = opaque;

	return pipe->queued > IN_LIMIT ? 0 : sizeof(struct frame) + FRAME_MAX_LEN - pipe->in->len;
}

static void pipe_read(void *opaque, const uint8_t *bytes, int len)
{
	VMBusPipe *pipe = opaque;
	guint done = 0;

	g_byte_array_append(pipe->in, bytes, len);
	while (pipe->in->len - done >= sizeof(struct frame)) {
		struct frame frame;

		memcpy(&frame, pipe->in->data + done, sizeof(frame));
		if (frame.len > FRAME_MAX_LEN) {
			put_text(pipe, FRAME_ERROR, frame.channel, frame.tag,
				 "a frame of %u bytes: the limit is %u", frame.len, FRAME_MAX_LEN);
			g_byte_array_set_size(pipe->in, 0);
			qemu_chr_fe_disconnect(&pipe->chr);
			return;
		}
		if (pipe->in->len - done < sizeof(frame) + frame.len)
			break;
		frame_take(pipe, &frame, pipe->in->data + done + sizeof(frame));
		done += sizeof(frame) + frame.len;
	}
	g_byte_array_remove_range(pipe->in, 0, done);
}

static void pipe_hello(VMBusPipe *pipe)
{
	size_t len = sizeof(struct frame_hello) + pipe->channels * sizeof(struct frame_channel);
	g_autofree struct frame_hello *hello = g_malloc0(len);
	struct frame frame = { .op = FRAME_HELLO };

	hello->version = FRAME_VERSION;
	hello->channels = pipe->channels;
	for (int i = 0; i < pipe->channels; i++) {
		VMBusChannel *chan = &pipe->parent.channels[i];
		struct frame_channel *state = &hello->channel[i];

		state->relid = chan->id;
		state->note = pipe->host[i].note;
		state->offered = chan->offer_state == VMOFFER_SENT           ? FRAME_IS_OFFERED
				 : chan->offer_state == HOST_OFFER_RESCINDED ? FRAME_IS_RESCINDED
									     : FRAME_IS_HELD;
		state->open = vmbus_channel_is_open(chan);
		state->monitored = pipe->host[i].monitored;
		state->asked = pipe->host[i].asked;
		if (state->open) {
			state->tx_size = ring_size(chan, FRAME_TX);
			state->rx_size = ring_size(chan, FRAME_RX);
		}
	}
	put_frame(pipe, frame, hello, len);
}

/*
 * Forget the incomplete frames and the unanswered requests of the last program.
 * Its complete packets still go into the ring.
 */
static void pipe_forget(VMBusPipe *pipe)
{
	g_byte_array_set_size(pipe->in, 0);
	g_byte_array_set_size(pipe->out, 0);
	pipe->out_done = 0;
	g_clear_handle_id(&pipe->watch, g_source_remove);
	g_array_set_size(pipe->syncs, 0);
	if (bus.migrating == pipe)
		bus.migration.tag = 0;
	for (int i = 0; i < pipe->channels; i++) {
		pipe->host[i].hold = false;
		for (GList *entry = pipe->host[i].packets.head; entry; entry = entry->next)
			((struct packet *)entry->data)->tag = 0;
	}
}

static void pipe_event(void *opaque, QEMUChrEvent event)
{
	VMBusPipe *pipe = opaque;

	if (event == CHR_EVENT_CLOSED) {
		pipe->connected = false;
		pipe_forget(pipe);
	} else if (event == CHR_EVENT_OPENED) {
		pipe_forget(pipe);
		pipe->connected = true;
		pipe_hello(pipe);
		pipe_kick(pipe);
	}
}

/* The device */

static uint16_t pipe_channels(VMBusDevice *dev)
{
	return VMBUS_PIPE(dev)->channels;
}

static void pipe_realize(VMBusDevice *dev, Error **errp)
{
	VMBusPipe *pipe = VMBUS_PIPE(dev);
	VMBusChannel *chan;
	unsigned int all = 0;

	if (!qemu_chr_fe_backend_connected(&pipe->chr)) {
		error_setg(errp, "vmbus-pipe needs chardev=, the socket of its host program");
		return;
	}
	if (qemu_uuid_is_null(&pipe->class_id)) {
		error_setg(errp, "vmbus-pipe needs class=, the GUID of its device class");
		return;
	}
	QTAILQ_FOREACH(chan, &dev->channels[0].vmbus->channel_list, link)
		all++;
	if (pipe->channels > MAX_CHANNELS || all > MONITOR_BITS) {
		error_setg(errp, "vmbus-pipe: at most %d channels for a device and %d for all",
			   MAX_CHANNELS, MONITOR_BITS);
		return;
	}
	pipe->name = g_strdup(pipe->chr.chr->label);
	pipe->host = g_new0(struct host_channel, pipe->channels);
	pipe->in = g_byte_array_new();
	pipe->out = g_byte_array_new();
	pipe->syncs = g_array_new(false, false, sizeof(uint32_t));
	for (int i = 0; i < pipe->channels; i++) {
		g_queue_init(&pipe->host[i].packets);
		dev->channels[i].offer_state = pipe->offered && !i ? VMOFFER_INIT : HOST_OFFER_HELD;
	}
	pipe->delay[FRAME_DELAY_OPEN] = OPEN_MS;
	pipe->delay[FRAME_DELAY_CLOSE] = CLOSE_MS;
	qemu_chr_fe_set_handlers(&pipe->chr, pipe_can_read, pipe_read, pipe_event, NULL, pipe, NULL,
				 true);
}

static const Property pipe_properties[] = {
	DEFINE_PROP_CHR("chardev", VMBusPipe, chr),
	DEFINE_PROP_UUID_NODEFAULT("class", VMBusPipe, class_id),
	DEFINE_PROP_UUID_NODEFAULT("instance", VMBusPipe, parent.instanceid),
	DEFINE_PROP_UINT16("channels", VMBusPipe, channels, 1),
	DEFINE_PROP_BOOL("monitored", VMBusPipe, monitored, false),
	DEFINE_PROP_BOOL("offered", VMBusPipe, offered, true),
	DEFINE_PROP_BOOL("pipe", VMBusPipe, pipe, false),
	DEFINE_PROP_UINT16("relid", VMBusPipe, relid, 0),
	DEFINE_PROP_UINT32("settle", VMBusPipe, settle, 0),
	DEFINE_PROP_UINT32("throttle", VMBusPipe, throttle, 0),
};

static void pipe_class_init(ObjectClass *klass, void *data)
{
	VMBusDeviceClass *vmbus_class = VMBUS_DEVICE_CLASS(klass);
	DeviceClass *device_class = DEVICE_CLASS(klass);

	device_class->desc = "VMBus device whose host side is a program";
	/*
	 * QEMU cannot unplug the device from a running guest, because of its
	 * rings and its program. The program can rescind it instead.
	 */
	device_class->hotpluggable = false;
	set_bit(DEVICE_CATEGORY_MISC, device_class->categories);
	device_class_set_props(device_class, pipe_properties);
	vmbus_class->vmdev_realize = pipe_realize;
	vmbus_class->num_channels = pipe_channels;
	vmbus_class->open_channel = pipe_open;
	vmbus_class->close_channel = pipe_close;
	vmbus_class->chan_notify_cb = pipe_notify;
}

static const TypeInfo pipe_type = {
	.name = TYPE_VMBUS_PIPE,
	.parent = TYPE_VMBUS_DEVICE,
	.instance_size = sizeof(VMBusPipe),
	.class_init = pipe_class_init,
};

static void report_counts(const char *of, unsigned int number, const struct frame_stats *stats)
{
	error_report("vmbus-host: judge %s %u signals %" PRIu64 " needless %" PRIu64
		     " faults %" PRIu64,
		     of, number, stats->hypercalls + stats->monitor_signals,
		     stats->idle_signals, stats->malformed);
}

/*
 * Print the signals and faults of each channel that the guest used, and then
 * the number of channels and the sums, with the faults in messages. The script
 * `judge` reads the sums, so it notices a host that ended without them.
 */
static void report(void)
{
	struct frame_stats sums = { .malformed = bus.faults };
	unsigned int channels = 0;
	VMBusChannel *chan = bus.vmbus ? QTAILQ_FIRST(&bus.vmbus->channel_list) : NULL;

	for (; chan; chan = QTAILQ_NEXT(chan, link)) {
		const struct frame_stats *stats = &host_of(chan)->stats;

		if (!stats->hypercalls && !stats->monitor_signals && !stats->malformed)
			continue;
		report_counts(pipe_of(chan)->name, vmbus_channel_idx(chan), stats);
		sums.hypercalls += stats->hypercalls;
		sums.monitor_signals += stats->monitor_signals;
		sums.idle_signals += stats->idle_signals;
		sums.malformed += stats->malformed;
		channels++;
	}
	report_counts("channels", channels, &sums);
}

/* The bus: -device bench-vmbus-bridge,version=5.3,seed=1 */

static void set_version(Object *bridge, const char *value, Error **errp)
{
	unsigned int major, minor;

	if (sscanf(value, "%u.%u", &major, &minor) != 2 || major > 5 || minor > 13)
		error_setg(errp, "version '%s': the host speaks up to 5.3", value);
	else
		bus.version = HOST_VERSION(major, minor);
}

static void set_seed(Object *bridge, const char *value, Error **errp)
{
	if (bus.chance)
		g_rand_free(bus.chance);
	bus.chance = g_rand_new_with_seed(strtoul(value, NULL, 0));
}

/*
 * Return what the host has not finished, in case the guest waits for it. The
 * guest has not taken a message in flight. run-guest asks for this.
 */
static char *get_unfinished(Object *bridge, Error **errp)
{
	const VMBus *vmbus = bus.vmbus;
	GString *text = g_string_new("unfinished: ");
	VMBusChannel *chan;

	if (!vmbus)
		return g_string_free(text, false);
	g_string_append_printf(text, "state %u, %s in flight, %u messages to read, %u GPADLs to tear down",
			       vmbus->state, vmbus->msg_in_progress ? "a message" : "no message",
			       vmbus->rx_queue_size, bus.teardowns->len);
	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		const struct host_channel *host = host_of(chan);

		g_string_append_printf(text, "; %s %u: relid %u, offer %u, state %u%s%s%s%s",
				       pipe_of(chan)->name, vmbus_channel_idx(chan), chan->id,
				       chan->offer_state, chan->state,
				       host->closing ? ", closing" : "",
				       host->asked ? ", an open waits" : "",
				       host->rescind ? ", to be rescinded" : "",
				       host->mute ? ", opens have no answer" : "");
	}
	return g_string_free(text, false);
}

static void host_bridge_properties(ObjectClass *klass)
{
	object_class_property_add_str(klass, "unfinished", get_unfinished, NULL);
	object_class_property_add_str(klass, "version", NULL, set_version);
	object_class_property_add_str(klass, "seed", NULL, set_seed);
}

static void pipe_register(void)
{
	type_register_static(&pipe_type);
	atexit(report);
}

type_init(pipe_register)
