// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection and the offers, that is, the control messages between the
 * guest and the host. The host handles the guest's messages one after the
 * other. While an answer takes time, the host continues with the next message.
 */

#define NO_MONITOR 0xff
#define PIPE_OF_MESSAGES 4

#define HOST_VERSION(major, minor) ((major) << 16 | (minor))
#define VERSION_4_1 HOST_VERSION(4, 1)
#define VERSION_5_0 HOST_VERSION(5, 0)
#define VERSION_5_3 HOST_VERSION(5, 3)

/*
 * From 5.0 on the guest sends its first message to this connection id, and the
 * later ones to the id that the host names.
 */
#define CONTACT_CONNECTION_ID 4
#define LATER_CONNECTION_ID 5

/* The status of an open that fails. */
#define E_UNEXPECTED 0x8000ffff

struct message_modify {
	struct vmbus_message_header header;
	uint32_t child_relid;
	union {
		uint32_t target_vp; /* of the guest's message */
		uint32_t status;    /* of the answer */
	};
};

/*
 * Give a channel its relid, which is the lowest free number. So relids depend
 * on the order of the offers, unless the property relid of a device names the
 * first number that its channels may have.
 */
static void take_relid(VMBusChannel *chan)
{
	VMBus *vmbus = chan->vmbus;
	uint32_t from = pipe_of(chan)->relid;

	if (from)
		chan->id = VMBUS_FIRST_CHANID +
			   find_next_zero_bit(vmbus->chanid_bitmap, VMBUS_CHANID_COUNT,
					      from - VMBUS_FIRST_CHANID);
	else
		chan->id = alloc_chan_id(vmbus);
	register_chan_id(chan);
}

static void host_free_relid(VMBusChannel *chan)
{
	if (chan->id)
		unregister_chan_id(chan);
	chan->id = 0;
}

/*
 * Return the connection id of a channel. It changes with each connection, so
 * that a guest that expects a fixed id fails.
 */
static uint32_t host_connection_id(VMBusChannel *chan)
{
	return 0x2000 + 0x100 * (bus.connections % 16) + chan->id;
}

/* Offers */

static bool is_to_rescind(VMBusChannel *chan)
{
	return chan->offer_state == VMOFFER_SENT && host_of(chan)->rescind;
}

static bool offer_wanted(VMBusChannel *chan)
{
	VMBusPipe *pipe = pipe_of(chan);
	uint32_t index = vmbus_channel_idx(chan);

	if (!pipe->offered || host_of(chan)->rescind)
		return false;
	/*
	 * The host offers a device again only when the guest has the rescinds
	 * of all its sub-channels.
	 */
	for (int i = 1; !index && i < pipe->channels; i++)
		if (is_to_rescind(&pipe->parent.channels[i]))
			return false;
	return !index ||
	       (host_of(chan)->wanted && pipe->parent.channels[0].offer_state == VMOFFER_SENT &&
		!pipe->host[0].rescind &&
		now_ms() >= host_of(chan)->offer_from);
}

static void host_fill_offer(VMBusChannel *chan, struct vmbus_message_offer_channel *msg)
{
	VMBusPipe *pipe = pipe_of(chan);
	QemuUUID class_id = qemu_uuid_bswap(pipe->class_id);
	QemuUUID instance = qemu_uuid_bswap(pipe->parent.instanceid);

	if (!chan->id)
		take_relid(chan);
	host_of(chan)->monitored = pipe->monitored;
	*msg = (struct vmbus_message_offer_channel){
		.header.message_type = VMBUS_MSG_OFFERCHANNEL,
		.child_relid = chan->id,
		.connection_id = chan_connection_id(chan),
		.sub_channel_index = vmbus_channel_idx(chan),
		.interrupt_flags = VMBUS_OFFER_INTERRUPT_DEDICATED,
		.monitor_id = NO_MONITOR,
	};
	if (pipe->pipe) {
		uint32_t type = cpu_to_le32(PIPE_OF_MESSAGES);

		msg->channel_flags = VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE |
				     VMBUS_CHANNEL_NAMED_PIPE_MODE;
		memcpy(msg->user_data, &type, sizeof(type));
	}
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
	bus.answering = false;
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
	bus.answering = false;
	pipe_of(chan)->rescind_from = due_in(pipe_of(chan)->delay[FRAME_DELAY_RESCIND]);
	post_msg(vmbus, &msg, sizeof(msg));
}

/*
 * Return the channel of a device that the host rescinds next. Unless the
 * program wants another order, the sub-channels go in any order and the primary
 * goes last, as on the newest hosts. Older hosts may begin with the primary,
 * and no version of Linux handles that safely.
 */
static VMBusChannel *next_to_rescind(VMBusPipe *pipe)
{
	VMBusChannel *all[MAX_CHANNELS];
	int count = 0;

	for (int i = 0; i < pipe->channels; i++)
		if (is_to_rescind(&pipe->parent.channels[i]))
			all[count++] = &pipe->parent.channels[i];
	if (!count)
		return NULL;
	switch (pipe->order) {
	case FRAME_ORDER_FORWARD:
		return vmbus_channel_idx(all[0]) || count == 1 ? all[0] : all[1];
	case FRAME_ORDER_REVERSE:
		return all[count - 1];
	case FRAME_ORDER_PRIMARY_FIRST:
		return all[0];
	default:
		/* The primary is all[0] if it is to be rescinded. */
		if (!vmbus_channel_idx(all[0]) && count > 1)
			return all[g_rand_int_range(bus.chance, 1, count)];
		return all[g_rand_int_range(bus.chance, 0, count)];
	}
}

static bool listen_rescind(VMBus *vmbus)
{
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		VMBusPipe *pipe = pipe_of(chan);

		if (!is_to_rescind(chan) || (pipe->rescind_from && !is_due(pipe->rescind_from)))
			continue;
		post_rescind(vmbus, next_to_rescind(pipe));
		return true;
	}
	return false;
}

/* GPADLs */

static bool gpadl_is_used(VMBus *vmbus, const VMBusGpadl *gpadl)
{
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link)
		if (vmbus_channel_is_open(chan) && chan->gpadl == gpadl)
			return true;
	return false;
}

/*
 * Return whether the program holds back the answers about a GPADL. A rescind
 * ends that.
 */
static bool gpadl_is_held(VMBus *vmbus, const VMBusGpadl *gpadl)
{
	VMBusChannel *chan = find_channel(vmbus, gpadl->child_relid);

	return chan && host_of(chan)->hold_gpadls && !host_of(chan)->rescind &&
	       chan->offer_state != HOST_OFFER_RESCINDED;
}

static void host_teardown(VMBusGpadl *gpadl)
{
	for (guint i = 0; i < bus.teardowns->len; i++)
		if (g_array_index(bus.teardowns, uint32_t, i) == gpadl->id)
			return;
	g_array_append_val(bus.teardowns, gpadl->id);
}

static bool host_creates(const VMBusGpadl *gpadl)
{
	return gpadl == bus.creating;
}

/*
 * Return the status that answers a creation. A creation that waits for its
 * answer when the host rescinds the channel fails, and the guest learns that
 * before the rescind. A creation that comes after the rescind succeeds.
 */
static uint32_t host_creation_status(const VMBusGpadl *gpadl)
{
	VMBusChannel *chan = find_channel(bus.vmbus, gpadl->child_relid);

	bus.creation_fails = chan && chan->offer_state != HOST_OFFER_RESCINDED &&
			     (host_of(chan)->fail_gpadls || is_to_rescind(chan));
	return bus.creation_fails ? E_UNEXPECTED : 0;
}

static void host_created(VMBusGpadl *gpadl)
{
	VMBusChannel *chan = find_channel(bus.vmbus, gpadl->child_relid);

	bus.creating = NULL;
	gpadl->state = VMGPADL_ALIVE;
	if (bus.creation_fails) {
		gpadl->state = VMGPADL_TORNDOWN;
		vmbus_put_gpadl(gpadl);
	} else if (chan && chan->offer_state == HOST_OFFER_RESCINDED) {
		host_of(chan)->stats.late_creations++;
	}
}

/*
 * Answer the guest about one GPADL. The host tears down the GPADL of the rings
 * when the device has closed.
 */
static bool listen_gpadl(VMBus *vmbus)
{
	VMBusGpadl *gpadl;

	QTAILQ_FOREACH(gpadl, &vmbus->gpadl_list, link) {
		if (!gpadl_full(gpadl) || gpadl->state != VMGPADL_INIT ||
		    gpadl_is_held(vmbus, gpadl))
			continue;
		bus.creating = gpadl;
		vmbus->state = VMBUS_CREATE_GPADL;
		return true;
	}
	for (guint i = 0; i < bus.teardowns->len; i++) {
		gpadl = find_gpadl(vmbus, g_array_index(bus.teardowns, uint32_t, i));
		if (gpadl && gpadl->state != VMGPADL_TORNDOWN &&
		    (gpadl_is_used(vmbus, gpadl) || gpadl_is_held(vmbus, gpadl)))
			continue;
		g_array_remove_index(bus.teardowns, i);
		if (gpadl && gpadl->state != VMGPADL_TORNDOWN) {
			gpadl->state = VMGPADL_TEARINGDOWN;
			vmbus->state = VMBUS_TEARDOWN_GPADL;
		}
		return true;
	}
	return false;
}

/*
 * MODIFYCHANNEL: the guest chooses another processor for the channel's
 * interrupts.
 */

static void take_modify(VMBus *vmbus, const struct message_modify *msg)
{
	VMBusChannel *chan = find_channel(vmbus, msg->child_relid);
	struct host_channel *host;

	if (!chan || vmbus->version < VERSION_4_1) {
		message_fault("MODIFYCHANNEL of relid %u at version %#x", msg->child_relid,
			      vmbus->version);
		return;
	}
	host = host_of(chan);
	host->modified = vmbus->version >= VERSION_5_3;
	if (!vmbus_channel_is_open(chan))
		return;
	host->stats.modifies++;
	host->modified_vp = msg->target_vp;
	host->modified_at = due_in(MODIFY_MS);
}

/*
 * Answer MODIFYCHANNEL once the interrupts go to the new processor. The guest
 * may then take the old one offline.
 */
static bool listen_modified(VMBus *vmbus, VMBusChannel *chan)
{
	struct message_modify msg = {
		.header.message_type = VMBUS_MSG_MODIFYCHANNEL_RESPONSE,
		.child_relid = chan->id,
	};

	if (!host_of(chan)->modified || host_of(chan)->modified_at)
		return false;
	bus.posting = chan;
	bus.answering = true;
	post_msg(vmbus, &msg, sizeof(msg));
	return true;
}

static void modify_now(VMBusChannel *chan)
{
	uint32_t vp = host_of(chan)->modified_vp;
	HvSintRoute *route;

	host_of(chan)->modified_at = 0;
	if (!vmbus_channel_is_open(chan) || chan->target_vp == vp)
		return;
	route = make_sint_route(chan->vmbus, vp);
	if (!route) {
		message_fault("the guest has no processor %u", vp);
		return;
	}
	hyperv_sint_route_unref(chan->notify_route);
	chan->notify_route = route;
	chan->target_vp = vp;
}

/* Do what is due for one channel, apart from messages. */
static void wake_channel(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);

	if (is_due(host->modified_at)) {
		modify_now(chan);
		vmbus_resched(chan->vmbus);
	}
	if (is_due(host->extra_at)) {
		host->extra_at = 0;
		if (vmbus_channel_is_open(chan) && !host->closing)
			vmbus_channel_notify_guest(chan);
	}
}

static void bus_wake(void *opaque)
{
	VMBus *vmbus = opaque;
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		wake_channel(chan);
		is_due(host_of(chan)->offer_from);
	}
	vmbus_resched(vmbus);
}

/*
 * Continue to open or close a channel. Returns whether there was something to
 * do; the host then calls this again for the next step.
 */
static bool listen_channel(VMBus *vmbus, VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);

	if (host->closing && is_due(host->closed_at)) {
		finish_close(chan);
		return true;
	}
	if (chan->state == VMCHAN_OPENING && is_due(host->result_at)) {
		host->result_at = 0;
		host->result_sent = true;
		vmbus->state = VMBUS_OPEN_CHANNEL;
		return true;
	}
	if (host->asked && !host->mute && !host->closing) {
		host->asked = false;
		handle_open_channel(vmbus, &host->wish, sizeof(host->wish));
		return true;
	}
	return false;
}

static bool listen_channels(VMBus *vmbus)
{
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		if (listen_channel(vmbus, chan)) {
			vmbus_resched(vmbus);
			return true;
		}
		if (listen_modified(vmbus, chan))
			return true;
	}
	return false;
}

static bool listen_offer(VMBus *vmbus)
{
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		if (chan->offer_state == HOST_OFFER_HELD && offer_wanted(chan)) {
			post_offer(vmbus, chan);
			return true;
		}
	}
	return false;
}

static void host_listen(VMBus *vmbus)
{
	if (bus.unload_at) {
		if (is_due(bus.unload_at)) {
			bus.unload_at = 0;
			vmbus->state = VMBUS_UNLOAD;
			vmbus_resched(vmbus);
		}
		return;
	}
	if (bus.offers_requested && vmbus->sint_route) {
		if (listen_gpadl(vmbus)) {
			vmbus_resched(vmbus);
			return;
		}
		if (listen_channels(vmbus) || listen_rescind(vmbus) || listen_offer(vmbus))
			return;
	}
	process_message(vmbus);
}

/*
 * The guest has the control message that the host sent. If the guest has been
 * reset since, no message is in flight.
 */
static bool host_message_sent(VMBus *vmbus)
{
	VMBusChannel *chan = bus.posting;

	bus.posting = NULL;
	if (!chan)
		return true;
	if (bus.answering) {
		host_of(chan)->modified = false;
		return true;
	}
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

static void host_offered(VMBusChannel *chan)
{
	put_event(chan, FRAME_OFFERED, chan->id, 0);
}

/*
 * The guest has released a relid. If the device is to be offered again, the
 * host offers it at once with the same number. Otherwise another device may get
 * the number. The host also accepts the release of a closed channel that it has
 * not rescinded. It then offers the device again when the guest reconnects.
 * After UNLOAD no device has a number, so a release then changes nothing: the
 * hv_vmbus of Linux 6.1 sends it so late.
 */
static void relid_released(VMBus *vmbus, uint32_t relid)
{
	VMBusChannel *chan = relid ? find_channel(vmbus, relid) : NULL;
	VMBusGpadl *gpadl, *next;

	if (!bus.offers_requested)
		return;
	if (chan && chan->offer_state == VMOFFER_SENT && chan->state == VMCHAN_INIT &&
	    !host_of(chan)->asked) {
		chan->offer_state = HOST_OFFER_RELEASED;
		host_of(chan)->rescind = false;
	} else if (!chan || chan->offer_state != HOST_OFFER_RESCINDED) {
		message_fault("the guest has released relid %u, which is open or not offered",
			      relid);
		return;
	}
	/* Linux does not tear down the GPADLs of a rescinded channel. */
	QTAILQ_FOREACH_SAFE(gpadl, &vmbus->gpadl_list, link, next) {
		if (gpadl->child_relid == relid && gpadl->state != VMGPADL_TORNDOWN)
			vmbus_put_gpadl(gpadl);
	}
	put_event(chan, FRAME_RELEASED, relid, 0);
	if (chan->offer_state == HOST_OFFER_RELEASED) {
		host_free_relid(chan);
		return;
	}
	chan->offer_state = HOST_OFFER_HELD;
	if (vmbus_channel_idx(chan) && pipe_of(chan)->settle)
		host_of(chan)->offer_from = due_in(pipe_of(chan)->settle);
	else if (!offer_wanted(chan))
		host_free_relid(chan);
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
	else if (msg->message_type == VMBUS_MSG_MODIFYCHANNEL &&
		 len >= sizeof(struct message_modify))
		take_modify(vmbus, (void *)msg);
	else
		message_fault("unexpected message of type %u and %u bytes", msg->message_type, len);
}

/* The connection */

static bool host_speaks(uint32_t version)
{
	return version && version <= bus.version;
}

/*
 * Receive all messages up to version 4.1. From 5.0 on, only a guest that
 * connects anew with an older version sends its contact here.
 */
static uint16_t host_recv_message(const struct hyperv_post_message_input *msg, void *opaque)
{
	const struct vmbus_message_header *header = (const void *)msg->payload;
	VMBus *vmbus = opaque;

	if (vmbus->version >= VERSION_5_0 && msg->payload_size >= sizeof(*header) &&
	    header->message_type != VMBUS_MSG_INITIATE_CONTACT) {
		message_fault("a message of type %u on the connection of old versions",
			      header->message_type);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	return vmbus_recv_message(msg, vmbus);
}

/* Receive the contact. From 5.0 on, no other message comes here. */
static uint16_t recv_contact(const struct hyperv_post_message_input *msg, void *vmbus)
{
	const struct vmbus_message_initiate_contact *contact = (const void *)msg->payload;

	if (bus.version < VERSION_5_0 || msg->payload_size < sizeof(*contact) ||
	    contact->header.message_type != VMBUS_MSG_INITIATE_CONTACT) {
		/* Linux tries 5.x also with a host that is older. */
		if (bus.version >= VERSION_5_0)
			message_fault("not a contact on connection %u", CONTACT_CONNECTION_ID);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	return vmbus_recv_message(msg, vmbus);
}

static uint16_t recv_later(const struct hyperv_post_message_input *msg, void *opaque)
{
	VMBus *vmbus = opaque;

	if (vmbus->version < VERSION_5_0) {
		message_fault("a message on connection %u before there is one",
			      LATER_CONNECTION_ID);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	return vmbus_recv_message(msg, vmbus);
}

static void host_realize(VMBus *vmbus)
{
	bus.vmbus = vmbus;
	if (!bus.chance)
		bus.chance = g_rand_new_with_seed(1);
	bus.teardowns = g_array_new(false, false, sizeof(uint32_t));
	bus.poll = timer_new_ms(QEMU_CLOCK_REALTIME, monitor_poll, vmbus);
	bus.timer = timer_new_ms(QEMU_CLOCK_REALTIME, bus_wake, vmbus);
	bus.thaw = timer_new_ms(QEMU_CLOCK_REALTIME, thaw, vmbus);
	bus.halt = timer_new_ms(QEMU_CLOCK_REALTIME, stand_still, vmbus);
	hyperv_set_msg_handler(CONTACT_CONNECTION_ID, recv_contact, vmbus);
	hyperv_set_msg_handler(LATER_CONNECTION_ID, recv_later, vmbus);
}

/* Answer the guest's contact. */
static void host_post_handshake(VMBus *vmbus, const struct vmbus_message_version_response *answer)
{
	struct {
		struct vmbus_message_header header;
		uint8_t version_supported;
		uint8_t status;
		uint16_t padding;
		uint32_t connection_id;
	} msg = {
		.header = answer->header,
		.version_supported = answer->version_supported,
	};

	if (vmbus->version >= VERSION_5_0)
		msg.connection_id = LATER_CONNECTION_ID;
	post_msg(vmbus, &msg, sizeof(msg));
}

/* Shuffle the devices, each with its sub-channels, into the order of offers. */
static void shuffle_devices(VMBus *vmbus)
{
	g_autoptr(GPtrArray) pipes = g_ptr_array_new();
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link)
		if (!vmbus_channel_idx(chan))
			g_ptr_array_insert(pipes, g_rand_int_range(bus.chance, 0, pipes->len + 1),
					   pipe_of(chan));
	for (guint i = 0; i < pipes->len; i++) {
		VMBusPipe *pipe = g_ptr_array_index(pipes, i);

		for (int index = 0; index < pipe->channels; index++) {
			chan = &pipe->parent.channels[index];
			QTAILQ_REMOVE(&vmbus->channel_list, chan, link);
			QTAILQ_INSERT_TAIL(&vmbus->channel_list, chan, link);
		}
	}
}

static void host_contact(VMBus *vmbus, const struct vmbus_message_initiate_contact *msg)
{
	/* From 5.0 on the guest sends no address of its interrupt page. */
	bus.monitor_page = msg->monitor_page2;
	bus.connections++;
	shuffle_devices(vmbus);
}

static void host_offers_requested(void)
{
	bus.offers_requested = true;
}

/* The guest sends UNLOAD. The host answers when all devices have closed. */
static void host_unload(VMBus *vmbus)
{
	uint32_t ms = 0;
	VMBusChannel *chan;

	QTAILQ_FOREACH(chan, &vmbus->channel_list, link) {
		const uint32_t *delay = pipe_of(chan)->delay;

		ms = MAX(ms, delay[FRAME_DELAY_UNLOAD]);
		if (vmbus_channel_is_open(chan))
			ms = MAX(ms, delay[FRAME_DELAY_CLOSE]);
	}
	bus.unload_at = due_in(ms);
	vmbus_resched(vmbus);
}

static void host_reset(VMBusChannel *chan)
{
	VMBusPipe *pipe = pipe_of(chan);
	uint32_t index = vmbus_channel_idx(chan);
	struct host_channel *host = &pipe->host[index];

	if (!index && pipe->withheld) {
		pipe->withheld = false;
		pipe->offered = false;
	}
	pipe->keep = false;
	host->wanted = false;
	host->mute = false;
	host->asked = false;
	host->rescind = false;
	host->hold_gpadls = false;
	host->fail_gpadls = false;
	host->modified = false;
	host->offer_from = 0;
	host_free_relid(chan);
	chan->offer_state = pipe->offered && !index ? VMOFFER_INIT : HOST_OFFER_HELD;
	if (!index && bus.offers_requested)
		put_event(chan, FRAME_RESET, 0, 0);
}

static void host_disconnected(void)
{
	bus.offers_requested = false;
	bus.posting = NULL;
	bus.creating = NULL;
	g_array_set_size(bus.teardowns, 0);
	bus.unload_at = 0;
	bus.monitor_page = 0;
}

/* A channel */

static int pipe_open(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	vmbus_ring_buffer *header = ringbuf_map_hdr(&chan->recv_ringbuf.common);

	if (!header)
		return -EFAULT;
	/*
	 * The host works, with the mask set, until its first look at the ring
	 * is over. A host that the program holds waits for a signal instead.
	 */
	host->masked = !host->hold;
	qatomic_set(&header->interrupt_mask, host->masked);
	ringbuf_unmap_hdr(&chan->recv_ringbuf.common, header, true);
	host->kicks = 0;
	host->woken = 0;
	host->reasons = 0;
	host->new_reasons = 0;
	host->full = false;
	host->dead = false;
	host->result_sent = false;
	if (host->monitored)
		monitor_forget(chan);
	return 0;
}

/*
 * The guest wants to open a channel. Returns false if it may not, and also if
 * the request has to wait until the device has closed or the program allows it.
 */
static bool host_may_open(VMBusChannel *chan, const vmbus_message_open_channel *msg)
{
	struct host_channel *host = host_of(chan);

	if (chan->offer_state != VMOFFER_SENT || (chan->state != VMCHAN_INIT && !host->closing))
		return false;
	if (!host->mute && !host->closing)
		return true;
	host->wish = *msg;
	host->asked = true;
	if (host->mute)
		put_event(chan, FRAME_ASKED, 0, 0);
	return false;
}

/*
 * The device is open, and its program may use the rings. The host answers the
 * guest later.
 */
static void host_opening(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);

	host->result_at = due_in(pipe_of(chan)->delay[FRAME_DELAY_OPEN]);
	if (!vmbus_channel_is_open(chan))
		return;
	host->told_open = true;
	put_event(chan, FRAME_OPENED, ring_size(chan, FRAME_TX), ring_size(chan, FRAME_RX));
	if (host->monitored)
		timer_mod(bus.poll, now_ms());
	vmbus_channel_notify_host(chan);
}

static bool host_answers_open(VMBusChannel *chan)
{
	return host_of(chan)->result_sent;
}

static uint32_t host_open_status(VMBusChannel *chan)
{
	return vmbus_channel_is_open(chan) ? 0 : E_UNEXPECTED;
}

/* The guest has the answer to its open. */
static void host_opened(VMBusChannel *chan)
{
	host_of(chan)->result_sent = false;
	if (vmbus_channel_is_open(chan))
		host_of(chan)->extra_at = due_in(EXTRA_INTERRUPT_MS);
}

/* Reset the state of a channel that has closed, for whatever reason. */
static void pipe_close(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);

	drop_packets(chan, "the channel has closed");
	host->note = 0;
	host->closing = false;
	host->result_sent = false;
	host->result_at = 0;
	host->extra_at = 0;
	host->modified_at = 0;
	if (host->told_open)
		put_event(chan, FRAME_CLOSED, 0, 0);
	host->told_open = false;
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

/*
 * The guest closes a channel. The device continues for a while. If this is the
 * primary channel, the host rescinds all sub-channels before the device has
 * closed.
 */
static void host_close(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);

	if (!vmbus_channel_is_open(chan) || host->closing)
		return;
	host->closing = true;
	host->closed_at = due_in(pipe_of(chan)->delay[FRAME_DELAY_CLOSE]);
	if (!vmbus_channel_idx(chan) && !pipe_of(chan)->keep)
		rescind_subs(pipe_of(chan));
}
