// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plug-in for QEMU (LD_PRELOAD): a VMBus whose devices are programs. QEMU's own VMBus code is
 * compiled in, under type names of its own; each -device vmbus-pipe is a device of any class, whose
 * channels go to and from a program on a socket as the frames of frame.h.
 *
 * Everything here runs in QEMU's main loop, under its big lock.
 */
#include "vmbus-qemu.c"
#include "chardev/char-fe.h"
#include "qemu/timer.h"
#include "frame.h"

/* Beyond QEMU's own states of an offer. */
enum {
	HOST_OFFER_HELD = VMOFFER_SENT + 1, /* not to be offered yet, or again */
	HOST_OFFER_RESCINDED, /* the guest has the rescind message and still holds the relid */
};

#define MAX_CHANNELS 65
#define MONITOR_BITS 128 /* four groups of 32 */
#define MONITOR_POLL_MS 1

/* With more waiting for the program, the guest's rings wait; with more from it, its socket does. */
#define OUT_LIMIT (4u << 20)
#define IN_LIMIT (4u << 20)

/* A packet on its way into rx, as it will stand there. */
struct packet {
	uint32_t tag;
	uint32_t len;
	bool raw;
	uint8_t bytes[];
};

struct host_channel {
	struct frame_stats stats;
	GQueue packets;
	uint64_t kicks; /* of our own, in the notifier's counter */
	uint64_t woken; /* guest's signals not yet answered by a look at the rings */
	uint32_t note;
	bool rescind; /* to be taken back as soon as a message can be sent */
	bool wanted;  /* a sub-channel that the program offers */
	bool mute;    /* the guest's wish to open it is not answered */
	bool asked;   /* such a wish has come: @wish */
	vmbus_message_open_channel wish;
	bool monitored;
	bool hold;
	bool full;
	int64_t offer_from; /* not before this time */
};

typedef struct VMBusPipe {
	VMBusDevice parent;
	CharBackend chr;
	QemuUUID class_id;
	uint16_t channels;
	bool monitored; /* the next offers */
	bool offered;   /* as the program wants it */
	bool withheld;  /* from the next guest that asks for offers */
	bool keep;      /* sub-channels stay offered when the guest closes the primary */
	uint32_t settle; /* ms from the release of a sub-channel until it can be offered again */
	struct host_channel *host;
	bool connected;
	GByteArray *in;
	GByteArray *out;
	size_t out_done; /* bytes of out already written */
	guint watch;
	size_t queued; /* bytes in all packet queues */
	GArray *syncs; /* tags */
} VMBusPipe;

#define TYPE_VMBUS_PIPE "vmbus-pipe"
OBJECT_DECLARE_SIMPLE_TYPE(VMBusPipe, VMBUS_PIPE)

/* There is one bus. */
static struct {
	bool offers_requested;
	VMBusChannel *posting; /* whose offer or rescind is in flight */
	hwaddr int_page;
	hwaddr monitor_page; /* guest to host */
	QEMUTimer *poll;
	QEMUTimer *settled;
} bus;

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

/* Rings. Sizes are of the data area, that is without the header page, unless they say otherwise. */

static uint32_t ring_pages(VMBusChannel *chan, enum frame_ring ring, uint32_t *first)
{
	*first = ring == FRAME_TX ? 0 : chan->ringbuf_send_offset;
	return ring == FRAME_TX ? chan->ringbuf_send_offset
				: chan->gpadl->num_gfns - chan->ringbuf_send_offset;
}

static uint32_t ring_size(VMBusChannel *chan, enum frame_ring ring)
{
	uint32_t first;

	return ring_pages(chan, ring, &first) << TARGET_PAGE_BITS;
}

/* 0 or -errno. The bytes are within the GPADL. */
static int gpadl_raw(VMBusChannel *chan, VMBusGpadl *gpadl, uint32_t offset, void *bytes,
		     uint32_t len, bool write)
{
	GpadlIter iter;
	ssize_t ret;

	gpadl_iter_init(&iter, gpadl, chan->dev->dma_as,
			write ? DMA_DIRECTION_FROM_DEVICE : DMA_DIRECTION_TO_DEVICE);
	gpadl_iter_start_io(&iter);
	gpadl_iter_seek(&iter, offset);
	ret = gpadl_iter_io(&iter, bytes, len);
	gpadl_iter_end_io(&iter);
	return ret < 0 ? ret : 0;
}

static void packet_done(VMBusChannel *chan, struct packet *packet, const char *error)
{
	VMBusPipe *pipe = pipe_of(chan);
	struct frame request = { .channel = vmbus_channel_idx(chan), .tag = packet->tag };

	pipe->queued -= packet->len;
	if (error)
		host_of(chan)->stats.dropped++;
	if (error && packet->tag)
		put_text(pipe, FRAME_ERROR, request.channel, packet->tag, "%s", error);
	else
		put_ok(pipe, &request, NULL, 0);
	g_free(packet);

	if (pipe->queued)
		return;
	for (guint i = 0; i < pipe->syncs->len; i++) {
		struct frame sync = { .tag = g_array_index(pipe->syncs, uint32_t, i) };

		put_ok(pipe, &sync, NULL, 0);
	}
	g_array_set_size(pipe->syncs, 0);
}

/*
 * The packet's bytes into rx, and the signal when the guest had read everything before and allows
 * it.
 */
static int ring_put(VMBusChannel *chan, struct packet *packet)
{
	VMBusSendRingBuf *ring = &chan->send_ringbuf;
	uint32_t start = ring->wr_idx;
	vmbus_ring_buffer *header;
	ssize_t ret;

	if (!packet->raw) {
		uint64_t trailer = cpu_to_le64((uint64_t)start << 32);

		memcpy(packet->bytes + packet->len - sizeof(trailer), &trailer, sizeof(trailer));
	}
	ringbuf_start_io(&ring->common);
	ringbuf_seek(&ring->common, start);
	ret = ringbuf_io(&ring->common, packet->bytes, packet->len);
	ringbuf_end_io(&ring->common);
	ring->reserved = 0;
	if (ret < 0)
		return ret;

	header = ringbuf_map_hdr(&ring->common);
	if (!header)
		return -EFAULT;
	ring->wr_idx = rb_idx_wrap(start + packet->len, ring->common.len);
	ring->last_wr_idx = ring->wr_idx;
	/*
	 * The packet before the index, the index before a look at what the reader has done
	 * meanwhile.
	 */
	smp_mb();
	qatomic_set(&header->write_index, ring->wr_idx);
	smp_mb();
	ring->last_seen_rd_idx = qatomic_read(&header->read_index);
	if (!qatomic_read(&header->interrupt_mask) && ring->last_seen_rd_idx == start)
		vmbus_channel_notify_guest(chan);
	ringbuf_unmap_hdr(&ring->common, header, true);
	return 0;
}

/* Returns the number of packets that found room. */
static unsigned int ring_flush(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	unsigned int count = 0;
	struct packet *packet;

	while ((packet = g_queue_peek_head(&host->packets))) {
		/* To QEMU the message is what is left after the header and the trailer. */
		uint32_t overhead = sizeof(vmbus_packet_hdr) + VMBUS_PKT_TRAILER;
		int ret = vmbus_channel_reserve(chan, 0, MAX(packet->len, overhead) - overhead);

		if (ret == -ENOSPC) {
			if (!host->full)
				host->stats.full++;
			host->full = true;
			break;
		}
		host->full = false;
		if (!ret)
			ret = ring_put(chan, packet);
		if (!ret) {
			host->stats.packets_to_guest++;
			host->stats.bytes_to_guest += packet->len;
		}
		g_queue_pop_head(&host->packets);
		packet_done(chan, packet, ret ? "the guest's ring is not in its memory" : NULL);
		count++;
	}
	return count;
}

/*
 * The guest waits for room when pending_send_sz is set: tell it once, when the room has become
 * enough.
 */
static void ring_give_room(VMBusChannel *chan, uint32_t bytes)
{
	VMBusRecvRingBuf *ring = &chan->recv_ringbuf;
	vmbus_ring_buffer *header = ringbuf_map_hdr(&ring->common);
	uint32_t pending, room;

	if (!header)
		return;
	smp_mb();
	qatomic_set(&header->read_index, ring->rd_idx);
	ring->last_rd_idx = ring->rd_idx;
	smp_mb();
	pending = qatomic_read(&header->pending_send_sz);
	if (!(header->feature_bits & VMBUS_RING_BUFFER_FEAT_PENDING_SZ) || !pending)
		goto unmap;
	smp_rmb();
	/* In QEMU's own code an empty ring has no room, and the guest would wait forever. */
	room = ring->common.len - rb_idx_delta(ring->rd_idx, qatomic_read(&header->write_index),
					       ring->common.len, true);
	if (room > pending && room - MIN(bytes, room) <= pending)
		vmbus_channel_notify_guest(chan);
unmap:
	ringbuf_unmap_hdr(&ring->common, header, true);
}

static bool packet_sane(VMBusChannel *chan, const vmbus_packet_hdr *header, uint32_t avail)
{
	uint32_t size = header->len_qwords * sizeof(uint64_t);
	uint32_t offset = header->offset_qwords * sizeof(uint64_t);

	if (size >= sizeof(*header) && size + VMBUS_PKT_TRAILER <= avail &&
	    offset >= sizeof(*header) && offset <= size)
		return true;
	put_text(pipe_of(chan), FRAME_MALFORMED, vmbus_channel_idx(chan), 0,
		 "packet at %u of type %u: %u bytes, payload at %u, %u bytes in the ring",
		 chan->recv_ringbuf.rd_idx, header->type, size, offset, avail);
	return false;
}

/*
 * What is in tx goes to the program. Returns whether anything was taken: then the guest may have
 * added to it meanwhile.
 */
static bool ring_receive(VMBusChannel *chan)
{
	VMBusRecvRingBuf *ring = &chan->recv_ringbuf;
	struct host_channel *host = host_of(chan);
	VMBusPipe *pipe = pipe_of(chan);
	uint32_t bytes, end;
	vmbus_ring_buffer *shared = ringbuf_map_hdr(&ring->common);

	if (!shared)
		return false;
	end = qatomic_read(&shared->write_index);
	ringbuf_unmap_hdr(&ring->common, shared, false);
	smp_mb();
	if (end >= ring->common.len || end % sizeof(uint64_t)) {
		host->stats.malformed++;
		put_text(pipe, FRAME_MALFORMED, vmbus_channel_idx(chan), 0,
			 "write index %u in a ring of %u bytes", end, ring->common.len);
		return false;
	}

	bytes = rb_idx_delta(ring->rd_idx, end, ring->common.len, true);
	while (ring->rd_idx != end && !pipe_out_full(pipe)) {
		uint32_t avail = rb_idx_delta(ring->rd_idx, end, ring->common.len, true);
		struct frame frame = { .op = FRAME_PACKET, .channel = vmbus_channel_idx(chan) };
		vmbus_packet_hdr header = {};
		guint at = pipe->out->len;

		ringbuf_seek(&ring->common, ring->rd_idx);
		if (avail < sizeof(header) ||
		    ringbuf_io(&ring->common, &header, sizeof(header)) < 0 ||
		    !packet_sane(chan, &header, avail)) {
			host->stats.malformed++;
			ring->rd_idx = end;
			break;
		}
		frame.len = header.len_qwords * sizeof(uint64_t) - sizeof(header);
		frame.arg = header.offset_qwords * sizeof(uint64_t) - sizeof(header);
		frame.type = header.type;
		frame.flags = header.flags;
		frame.xid = header.transaction_id;
		g_byte_array_append(pipe->out, (uint8_t *)&frame, sizeof(frame));
		g_byte_array_set_size(pipe->out, at + sizeof(frame) + frame.len);
		ringbuf_io(&ring->common, pipe->out->data + at + sizeof(frame), frame.len);
		ring->rd_idx = rb_idx_wrap(ring->rd_idx + sizeof(header) + frame.len +
						   VMBUS_PKT_TRAILER,
					   ring->common.len);
		host->stats.packets_from_guest++;
	}
	bytes -= rb_idx_delta(ring->rd_idx, end, ring->common.len, true);
	host->stats.bytes_from_guest += bytes;
	if (bytes)
		ring_give_room(chan, bytes);
	pipe_flush_out(pipe);
	return bytes;
}

/* Someone has signalled the host side of a channel: the guest, or we ourselves. */
static void pipe_notify(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	VMBusPipe *pipe = pipe_of(chan);
	unsigned int done = 0;

	if (chan->state != VMCHAN_OPEN)
		return;
	/*
	 * Without a program the packets stay in the guest's ring, for the next one. Until the ring
	 * is seen empty after the read index is published: a guest that adds to what it takes for
	 * unread does not signal.
	 */
	while (pipe->connected && !host->hold && !pipe_out_full(pipe) && ring_receive(chan))
		done++;
	done += ring_flush(chan);
	if (host->woken && !done)
		host->stats.idle_signals++;
	host->woken = 0;
	if (pipe->connected && pipe->queued <= IN_LIMIT)
		qemu_chr_fe_accept_input(&pipe->chr);
}

/* Signals */

static void host_kicked(VMBusChannel *chan)
{
	host_of(chan)->kicks++;
}

static bool host_take_signals(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	uint64_t count;

	if (read(event_notifier_get_fd(&chan->notifier), &count, sizeof(count)) != sizeof(count))
		return false;
	count -= MIN(count, host->kicks);
	host->kicks = 0;
	host->stats.hypercalls += count;
	host->woken += count;
	return true;
}

static void host_interrupted(VMBusChannel *chan)
{
	host_of(chan)->stats.interrupts++;
}

/* Monitored channels make no hypercall: their bits are looked at now and then. */
static void monitor_poll(void *opaque)
{
	VMBus *vmbus = opaque;
	hwaddr int_len = TARGET_PAGE_SIZE / 2, monitor_len = TARGET_PAGE_SIZE;
	unsigned long *int_bits = NULL;
	uint8_t *monitor = NULL;
	bool any = false;
	VMBusChannel *chan;

	if (!bus.int_page || !bus.monitor_page)
		return;
	int_bits = cpu_physical_memory_map(bus.int_page + TARGET_PAGE_SIZE / 2, &int_len, true);
	monitor = cpu_physical_memory_map(bus.monitor_page, &monitor_len, true);
	if (!int_bits || !monitor || int_len != TARGET_PAGE_SIZE / 2 ||
	    monitor_len != TARGET_PAGE_SIZE) {
		error_report("vmbus-host: the guest's monitor or interrupt page is not memory");
		goto unmap;
	}
	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		struct host_channel *host = host_of(chan);
		uint32_t id = chan->id - VMBUS_FIRST_CHANID;
		uint32_t *pending = (uint32_t *)(monitor + 8 + 8 * (id / 32));
		uint32_t mask = 1u << (id % 32);

		if (chan->state != VMCHAN_OPEN || !host->monitored)
			continue;
		any = true;
		if (!(qatomic_fetch_and(pending, ~mask) & mask))
			continue;
		host->stats.monitor_signals++;
		if (bitmap_test_and_clear_atomic(int_bits, chan->id, 1)) {
			host->woken++;
			vmbus_channel_notify_host(chan);
		} else {
			host->stats.lost_signals++;
		}
	}
unmap:
	if (monitor)
		cpu_physical_memory_unmap(monitor, monitor_len, true, any ? monitor_len : 0);
	if (int_bits)
		cpu_physical_memory_unmap(int_bits, int_len, true, any ? int_len : 0);
	if (any)
		timer_mod(bus.poll, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + MONITOR_POLL_MS);
}

/* Offers */

static bool offer_wanted(VMBusChannel *chan)
{
	VMBusPipe *pipe = pipe_of(chan);
	uint32_t index = vmbus_channel_idx(chan);

	if (!pipe->offered || host_of(chan)->rescind)
		return false;
	return !index ||
	       (host_of(chan)->wanted && pipe->parent.channels[0].offer_state == VMOFFER_SENT &&
		!pipe->host[0].rescind &&
		qemu_clock_get_ms(QEMU_CLOCK_REALTIME) >= host_of(chan)->offer_from);
}

static void host_fill_offer(VMBusChannel *chan, struct vmbus_message_offer_channel *msg)
{
	VMBusPipe *pipe = pipe_of(chan);
	QemuUUID class_id = qemu_uuid_bswap(pipe->class_id);
	QemuUUID instance = qemu_uuid_bswap(pipe->parent.instanceid);

	host_of(chan)->monitored = pipe->monitored;
	*msg = (struct vmbus_message_offer_channel){
		.header.message_type = VMBUS_MSG_OFFERCHANNEL,
		.child_relid = chan->id,
		.connection_id = chan_connection_id(chan),
		.sub_channel_index = vmbus_channel_idx(chan),
		.interrupt_flags = VMBUS_OFFER_INTERRUPT_DEDICATED,
	};
	if (pipe->monitored) {
		msg->monitor_id = chan->id - VMBUS_FIRST_CHANID;
		msg->monitor_flags = VMBUS_OFFER_MONITOR_ALLOCATED;
	}
	memcpy(msg->type_uuid, &class_id, sizeof(class_id));
	memcpy(msg->instance_uuid, &instance, sizeof(instance));
}

static void post_offer(VMBus *vmbus, VMBusChannel *chan)
{
	struct vmbus_message_offer_channel msg;

	host_fill_offer(chan, &msg);
	bus.posting = chan;
	trace_vmbus_send_offer(chan->id, chan->dev);
	post_msg(vmbus, &msg, sizeof(msg));
}

static void post_rescind(VMBus *vmbus, VMBusChannel *chan)
{
	struct vmbus_message_rescind_channel_offer msg = {
		.header.message_type = VMBUS_MSG_RESCIND_CHANNELOFFER,
		.child_relid = chan->id,
	};

	close_channel(chan);
	chan->state = VMCHAN_INIT;
	host_of(chan)->asked = false;
	bus.posting = chan;
	post_msg(vmbus, &msg, sizeof(msg));
}

static void host_listen(VMBus *vmbus)
{
	VMBusChannel *chan;

	if (!bus.offers_requested || !vmbus->sint_route)
		goto guest;
	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		struct host_channel *host = host_of(chan);

		if (host->asked && !host->mute) {
			host->asked = false;
			handle_open_channel(vmbus, &host->wish, sizeof(host->wish));
			vmbus_resched(vmbus);
			return;
		}
	}
	/* The primary goes after its sub-channels, and comes before them. */
	QTAILQ_FOREACH_REVERSE(chan, &vmbus->channel_list, link) {
		if (chan->offer_state == VMOFFER_SENT && host_of(chan)->rescind) {
			post_rescind(vmbus, chan);
			return;
		}
	}
	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		if (chan->offer_state == HOST_OFFER_HELD && offer_wanted(chan)) {
			post_offer(vmbus, chan);
			return;
		}
	}
guest:
	process_message(vmbus);
}

/* The guest has our control message. It may be gone since (reset), then nothing was in flight. */
static bool host_message_sent(VMBus *vmbus)
{
	VMBusChannel *chan = bus.posting;

	bus.posting = NULL;
	if (!chan)
		return true;
	if (chan->offer_state == VMOFFER_SENT) {
		chan->offer_state = HOST_OFFER_RESCINDED;
		host_of(chan)->rescind = false;
		put_event(chan, FRAME_RESCINDED, chan->id, 0);
	} else {
		chan->offer_state = VMOFFER_SENT;
		host_offered(chan);
	}
	return true;
}

/* Sub-channels can be offered again; the timer goes on for those that have to wait longer. */
static void settled(void *opaque)
{
	int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
	VMBus *vmbus = opaque;
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		if (host_of(chan)->offer_from > now)
			timer_mod_anticipate(bus.settled, host_of(chan)->offer_from);
	}
	vmbus_resched(vmbus);
}

static void host_offered(VMBusChannel *chan)
{
	put_event(chan, FRAME_OFFERED, chan->id, 0);
}

static void relid_released(VMBus *vmbus, uint32_t relid)
{
	VMBusChannel *chan = find_channel(vmbus, relid);
	VMBusGpadl *gpadl, *next;

	if (!chan || chan->offer_state != HOST_OFFER_RESCINDED) {
		error_report(
			"vmbus-host: the guest has released relid %u, which was not taken back",
			relid);
		return;
	}
	/* Linux tears nothing down on a channel that was taken back. */
	QTAILQ_FOREACH_SAFE(gpadl, &vmbus->gpadl_list, link, next) {
		if (gpadl->child_relid == relid && gpadl->state != VMGPADL_TORNDOWN)
			vmbus_put_gpadl(gpadl);
	}
	chan->offer_state = HOST_OFFER_HELD;
	if (vmbus_channel_idx(chan) && pipe_of(chan)->settle) {
		host_of(chan)->offer_from =
			qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + pipe_of(chan)->settle;
		timer_mod_anticipate(bus.settled, host_of(chan)->offer_from);
	}
	put_event(chan, FRAME_RELEASED, relid, 0);
}

static void host_message(VMBus *vmbus, struct vmbus_message_header *msg, uint32_t len)
{
	struct {
		struct vmbus_message_header header;
		uint32_t relid;
	} *released = (void *)msg;

	if (msg->message_type == VMBUS_MSG_RELID_RELEASED &&
	    len >= offsetof(typeof(*released), relid) + sizeof(uint32_t))
		relid_released(vmbus, released->relid);
	else
		error_report("vmbus-host: unexpected message of type %u and %u bytes",
			     msg->message_type, len);
}

/* Life of the connection and of a channel */

static void host_pages(const struct vmbus_message_initiate_contact *msg)
{
	bus.int_page = msg->interrupt_page;
	bus.monitor_page = msg->monitor_page2;
}

static void host_offers_requested(void)
{
	bus.offers_requested = true;
}

static void host_reset(VMBusChannel *chan)
{
	VMBusPipe *pipe = pipe_of(chan);
	uint32_t index = vmbus_channel_idx(chan);

	if (!index && pipe->withheld) {
		pipe->withheld = false;
		pipe->offered = false;
	}
	pipe->keep = false;
	pipe->host[index].wanted = false;
	pipe->host[index].mute = false;
	pipe->host[index].asked = false;
	pipe->host[index].rescind = false;
	chan->offer_state = pipe->offered && !index ? VMOFFER_INIT : HOST_OFFER_HELD;
	if (!index && bus.offers_requested)
		put_event(chan, FRAME_RESET, 0, 0);
}

static void host_disconnected(void)
{
	bus.offers_requested = false;
	bus.posting = NULL;
	bus.int_page = 0;
	bus.monitor_page = 0;
}

static int pipe_open(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);

	host->kicks = 0;
	host->woken = 0;
	host->full = false;
	return 0;
}

/* The guest wants to open a channel. Returns whether it has to wait for the program. */
static bool host_is_mute(VMBusChannel *chan, const vmbus_message_open_channel *msg)
{
	struct host_channel *host = host_of(chan);

	if (!host->mute)
		return false;
	host->wish = *msg;
	host->asked = true;
	put_event(chan, FRAME_ASKED, 0, 0);
	return true;
}

static void host_opened(VMBusChannel *chan)
{
	put_event(chan, FRAME_OPENED, ring_size(chan, FRAME_TX), ring_size(chan, FRAME_RX));
	if (host_of(chan)->monitored)
		timer_mod(bus.poll, qemu_clock_get_ms(QEMU_CLOCK_REALTIME));
}

/* Whoever closes. A channel that closes while it opens was never open to the program. */
static void pipe_close(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	struct packet *packet;

	while ((packet = g_queue_pop_head(&host->packets)))
		packet_done(chan, packet, "the channel has closed");
	host->note = 0;
	if (chan->state == VMCHAN_OPEN)
		put_event(chan, FRAME_CLOSED, 0, 0);
}

static void rescind_subs(VMBusPipe *pipe)
{
	for (int i = 1; i < pipe->channels; i++) {
		pipe->host[i].wanted = false;
		if (pipe->parent.channels[i].offer_state == VMOFFER_SENT ||
		    bus.posting == &pipe->parent.channels[i])
			pipe->host[i].rescind = true;
	}
}

/* As on Hyper-V, sub-channels live no longer than their primary is open. */
static void host_guest_closed(VMBusChannel *chan)
{
	if (!vmbus_channel_idx(chan) && !pipe_of(chan)->keep)
		rescind_subs(pipe_of(chan));
}

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

	if (chan->state != VMCHAN_OPEN) {
		host->stats.dropped++;
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag, "channel %u is not open",
			 frame->channel);
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
	if (pipe->parent.channels[0].state != VMCHAN_OPEN) {
		put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
			 "sub-channels need an open primary channel");
		return;
	}
	for (uint32_t i = frame->arg2; i <= frame->arg; i++)
		pipe->host[i].wanted = true;
	put_ok(pipe, frame, NULL, 0);
	vmbus_resched(pipe_bus(pipe));
}

/* Bytes of a GPADL from @base on, which has @size; @name is said in errors. */
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

	if (chan->state != VMCHAN_OPEN) {
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
	frame_bytes(pipe, chan, frame, payload, gpadl, 0, vmbus_gpadl_len(gpadl), "GPADL");
}

static void frame_sync(VMBusPipe *pipe, const struct frame *frame)
{
	if (pipe->queued)
		g_array_append_val(pipe->syncs, frame->tag);
	else
		put_ok(pipe, frame, NULL, 0);
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
	host = host_of(chan);
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
	case FRAME_WITHHOLD:
		pipe->withheld = true;
		put_ok(pipe, frame, NULL, 0);
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
	case FRAME_ANSWER:
		host->mute = !frame->arg;
		put_ok(pipe, frame, NULL, 0);
		vmbus_resched(pipe_bus(pipe));
		break;
	case FRAME_MONITORED:
		pipe->monitored = frame->arg;
		put_ok(pipe, frame, NULL, 0);
		break;
	case FRAME_RAW_READ:
	case FRAME_RAW_WRITE:
		frame_raw(pipe, chan, frame, payload);
		break;
	case FRAME_GPADL_READ:
	case FRAME_GPADL_WRITE:
		frame_gpadl(pipe, chan, frame, payload);
		break;
	case FRAME_SIGNAL:
		if (chan->state != VMCHAN_OPEN) {
			put_text(pipe, FRAME_ERROR, frame->channel, frame->tag,
				 "channel %u is not open", frame->channel);
			break;
		}
		vmbus_channel_notify_guest(chan);
		put_ok(pipe, frame, NULL, 0);
		break;
	case FRAME_HOLD:
		host->hold = frame->arg;
		if (chan->is_open)
			vmbus_channel_notify_host(chan);
		put_ok(pipe, frame, NULL, 0);
		break;
	case FRAME_NOTE:
		host->note = frame->arg;
		put_ok(pipe, frame, NULL, 0);
		break;
	case FRAME_STATS:
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
		state->open = chan->state == VMCHAN_OPEN;
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
 * What the last program left half said is forgotten; whole packets still find their way into the
 * ring.
 */
static void pipe_forget(VMBusPipe *pipe)
{
	g_byte_array_set_size(pipe->in, 0);
	g_byte_array_set_size(pipe->out, 0);
	pipe->out_done = 0;
	g_clear_handle_id(&pipe->watch, g_source_remove);
	g_array_set_size(pipe->syncs, 0);
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

	if (!qemu_chr_fe_backend_connected(&pipe->chr)) {
		error_setg(errp, "vmbus-pipe needs chardev=, the socket of its host program");
		return;
	}
	if (qemu_uuid_is_null(&pipe->class_id)) {
		error_setg(errp, "vmbus-pipe needs class=, the GUID of its device class");
		return;
	}
	if (pipe->channels > MAX_CHANNELS || dev->channels[pipe->channels - 1].id > MONITOR_BITS) {
		error_setg(errp, "vmbus-pipe: at most %d channels for a device and %d for all",
			   MAX_CHANNELS, MONITOR_BITS);
		return;
	}
	pipe->host = g_new0(struct host_channel, pipe->channels);
	pipe->in = g_byte_array_new();
	pipe->out = g_byte_array_new();
	pipe->syncs = g_array_new(false, false, sizeof(uint32_t));
	for (int i = 0; i < pipe->channels; i++) {
		g_queue_init(&pipe->host[i].packets);
		dev->channels[i].offer_state = pipe->offered && !i ? VMOFFER_INIT : HOST_OFFER_HELD;
	}
	if (!bus.poll) {
		bus.poll = timer_new_ms(QEMU_CLOCK_REALTIME, monitor_poll, dev->channels[0].vmbus);
		bus.settled = timer_new_ms(QEMU_CLOCK_REALTIME, settled, dev->channels[0].vmbus);
	}
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
	DEFINE_PROP_UINT32("settle", VMBusPipe, settle, 0),
};

static void pipe_class_init(ObjectClass *klass, void *data)
{
	VMBusDeviceClass *vmbus_class = VMBUS_DEVICE_CLASS(klass);
	DeviceClass *device_class = DEVICE_CLASS(klass);

	device_class->desc = "VMBus device whose host side is a program";
	/* Its rings and its program cannot be taken away from a running guest: rescind instead. */
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

static void pipe_register(void)
{
	type_register_static(&pipe_type);
}

type_init(pipe_register)
