// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rings: packets between the guest's memory and the program. A size is that
 * of the data area, without the header page, unless a comment says otherwise.
 */

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

/*
 * Read or write bytes of a GPADL; the caller has checked that they are in it.
 * Returns 0 or -errno.
 */
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

static void drop_packets(VMBusChannel *chan, const char *why)
{
	struct packet *packet;

	while ((packet = g_queue_pop_head(&host_of(chan)->packets)))
		packet_done(chan, packet, why);
}

/*
 * The guest has broken the protocol. The host ignores the channel until the
 * guest opens it again, and does not report the fault to the guest.
 */
G_GNUC_PRINTF(2, 3)
static void channel_fault(VMBusChannel *chan, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	host_of(chan)->dead = true;
	host_of(chan)->stats.malformed++;
	error_report("vmbus-host: %s channel %u: %s", pipe_of(chan)->name,
		     vmbus_channel_idx(chan), text);
	put_text(pipe_of(chan), FRAME_MALFORMED, vmbus_channel_idx(chan), 0, "%s", text);
	drop_packets(chan, "the guest has broken the protocol on this channel");
}

/*
 * Write the interrupt mask of tx. It belongs to the host, which sets it while
 * it works. A guest that writes there breaks the protocol.
 */
static void tx_mask(VMBusChannel *chan, bool mask)
{
	struct host_channel *host = host_of(chan);
	vmbus_ring_buffer *header = ringbuf_map_hdr(&chan->recv_ringbuf.common);
	uint32_t found;

	if (!header)
		return;
	found = qatomic_xchg(&header->interrupt_mask, mask);
	/* Write the mask before looking at what the guest writes. */
	smp_mb();
	ringbuf_unmap_hdr(&chan->recv_ringbuf.common, header, true);
	if (found != host->masked)
		channel_fault(chan, "the interrupt mask of tx is %u, the host has written %u",
			      found, host->masked);
	host->masked = mask;
}

/*
 * Put a packet's bytes into rx. Interrupt the guest if it had read everything
 * before and its mask is clear.
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
	 * Write the packet before the index, and the index before looking at
	 * what the reader has done meanwhile.
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

/*
 * Reserve @bytes of rx. If there is no room, the host asks for a quarter of the
 * ring, even if it needs less. Returns 0, -ENOSPC or -EFAULT.
 */
static int ring_reserve(VMBusChannel *chan, uint32_t bytes)
{
	/* QEMU expects the length without the header and the trailer. */
	uint32_t overhead = sizeof(vmbus_packet_hdr) + VMBUS_PKT_TRAILER;
	uint32_t message = MAX(bytes, overhead) - overhead;
	VMBusRingBufCommon *ring = &chan->send_ringbuf.common;
	int ret = vmbus_channel_reserve(chan, 0, message);
	vmbus_ring_buffer *header;

	if (ret != -ENOSPC || bytes >= ring->len / 4)
		return ret;
	header = ringbuf_map_hdr(ring);
	if (!header)
		return -EFAULT;
	qatomic_set(&header->pending_send_sz, ring->len / 4);
	ringbuf_unmap_hdr(ring, header, true);
	return -ENOSPC;
}

/* Put the packets of the program into rx while there is room. */
static void ring_flush(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	struct packet *packet;

	while (!host->dead && (packet = g_queue_peek_head(&host->packets))) {
		int ret = ring_reserve(chan, packet->len);

		if (ret == -ENOSPC) {
			if (!host->full)
				host->stats.full++;
			host->full = true;
			break;
		}
		if (host->full)
			host->new_reasons++;
		host->full = false;
		if (!ret)
			ret = ring_put(chan, packet);
		if (!ret) {
			host->stats.packets_to_guest++;
			host->stats.bytes_to_guest += packet->len;
			host->stats.early_packets += is_unanswered(chan);
		}
		g_queue_pop_head(&host->packets);
		packet_done(chan, packet, ret ? "the guest's ring is not in its memory" : NULL);
	}
}

/*
 * Publish the read index. The guest waits for room if pending_send_sz is set:
 * interrupt it once, when the room reaches that size. The host ignores the
 * three lowest bits of the size, and the guest's feature bit.
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
	pending = qatomic_read(&header->pending_send_sz) & ~7u;
	if (!pending)
		goto unmap;
	smp_rmb();
	/*
	 * QEMU's own code mistakes an empty ring for a full one, and the guest
	 * would wait forever.
	 */
	room = ring->common.len - sizeof(uint64_t) -
	       rb_idx_delta(ring->rd_idx, qatomic_read(&header->write_index), ring->common.len,
			    true);
	if (room >= pending && room - MIN(bytes, room) < pending)
		vmbus_channel_notify_guest(chan);
unmap:
	ringbuf_unmap_hdr(&ring->common, header, true);
}

static bool packet_sane(VMBusChannel *chan, const vmbus_packet_hdr *header, uint32_t avail)
{
	uint32_t size = header->len_qwords * sizeof(uint64_t);
	uint32_t offset = header->offset_qwords * sizeof(uint64_t);
	uint32_t at = chan->recv_ringbuf.rd_idx;

	if (size < sizeof(*header) || size + VMBUS_PKT_TRAILER > avail ||
	    offset < sizeof(*header) || offset > size)
		channel_fault(chan,
			      "packet at %u of type %u: %u bytes, payload at %u, %u bytes in tx",
			      at, header->type, size, offset, avail);
	else if (header->flags & ~VMBUS_PACKET_FLAG_REQUEST_COMPLETION)
		channel_fault(chan, "packet at %u: flags %#x", at, header->flags);
	else if (header->type != VMBUS_PACKET_DATA_INBAND &&
		 header->type != VMBUS_PACKET_DATA_USING_XFER_PAGES &&
		 header->type != VMBUS_PACKET_DATA_USING_GPA_DIRECT &&
		 header->type != VMBUS_PACKET_COMP)
		channel_fault(chan, "packet at %u: type %u", at, header->type);
	return !host_of(chan)->dead;
}

/*
 * Check what follows the packet header: @desc bytes of descriptor, and the
 * payload.
 */
static bool payload_sane(VMBusChannel *chan, uint16_t type, const uint8_t *bytes, uint32_t desc,
			 uint32_t len)
{
	uint32_t at = chan->recv_ringbuf.rd_idx, word[2];

	if (type == VMBUS_PACKET_DATA_USING_GPA_DIRECT) {
		if (desc >= sizeof(word))
			memcpy(word, bytes, sizeof(word));
		if (desc < sizeof(word) || !word[1])
			channel_fault(chan, "packet at %u: no range of guest memory", at);
	} else if (pipe_of(chan)->pipe && type == VMBUS_PACKET_DATA_INBAND) {
		len -= desc;
		if (len >= sizeof(word))
			memcpy(word, bytes + desc, sizeof(word));
		if (len < sizeof(word) || word[0] != 1 || word[1] > len - sizeof(word) ||
		    len > PIPE_LIMIT)
			channel_fault(chan, "packet at %u: not a pipe's, %u bytes, type %u of %u",
				      at, len, len < sizeof(word) ? 0 : word[0],
				      len < sizeof(word) ? 0 : word[1]);
	}
	return !host_of(chan)->dead;
}

/*
 * Copy between @bytes and the guest's memory at @address. Returns whether the
 * whole range is memory. The registers of a device are not.
 */
static bool guest_memory(uint64_t address, uint8_t *bytes, uint32_t len, bool write)
{
	while (len) {
		uint32_t part = MIN(len, TARGET_PAGE_SIZE - address % TARGET_PAGE_SIZE);
		MemoryRegionSection found = memory_region_find(get_system_memory(), address, part);
		bool good = found.mr && memory_region_is_ram(found.mr) &&
			    int128_get64(found.size) == part && !(write && found.readonly);

		if (found.mr)
			memory_region_unref(found.mr);
		if (!good)
			return false;
		cpu_physical_memory_rw(address, bytes, part, write);
		address += part;
		bytes += part;
		len -= part;
	}
	return true;
}

/*
 * Append the contents of a descriptor's ranges to @out. Each range is a length,
 * an offset in its first page, and the numbers of its pages. Append nothing
 * unless all ranges can be read and have at most @room bytes together.
 */
static enum frame_memory gather(const uint8_t *desc, uint32_t len, uint32_t room, GByteArray *out)
{
	guint before = out->len;
	uint32_t count, at = 8;

	memcpy(&count, desc + 4, sizeof(count));
	while (count--) {
		uint32_t range[2];
		uint64_t pages;

		if (len - at < sizeof(range))
			goto invalid;
		memcpy(range, desc + at, sizeof(range));
		at += sizeof(range);
		pages = DIV_ROUND_UP((uint64_t)range[0] + range[1], TARGET_PAGE_SIZE);
		if (!range[0] || range[1] >= TARGET_PAGE_SIZE ||
		    range[0] > room - (out->len - before) || pages * 8 > len - at)
			goto invalid;
		for (; pages--; at += 8) {
			uint32_t part = MIN(range[0], TARGET_PAGE_SIZE - range[1]);
			uint64_t page;

			memcpy(&page, desc + at, sizeof(page));
			g_byte_array_set_size(out, out->len + part);
			if (page > UINT64_MAX >> TARGET_PAGE_BITS ||
			    !guest_memory((page << TARGET_PAGE_BITS) + range[1],
					  out->data + out->len - part, part, false)) {
				g_byte_array_set_size(out, before);
				return FRAME_MEMORY_MISSING;
			}
			range[0] -= part;
			range[1] = 0;
		}
	}
	if (at == len)
		return FRAME_MEMORY_TAKEN;
invalid:
	g_byte_array_set_size(out, before);
	return FRAME_MEMORY_INVALID;
}

/* Append a packet of the guest to the frames for the program. */
static void forward_packet(VMBusPipe *pipe, struct frame frame, const uint8_t *bytes)
{
	guint start = pipe->out->len;

	g_byte_array_append(pipe->out, (uint8_t *)&frame, sizeof(frame));
	g_byte_array_append(pipe->out, bytes, frame.len);
	if (frame.type == VMBUS_PACKET_DATA_USING_GPA_DIRECT) {
		frame.tag = gather(bytes, frame.arg, FRAME_MAX_LEN - frame.len, pipe->out);
		frame.arg2 = pipe->out->len - start - sizeof(frame) - frame.len;
		frame.len += frame.arg2;
		memcpy(pipe->out->data + start, &frame, sizeof(frame));
	}
}

/*
 * Take one packet out of tx, where the guest has written @avail bytes. Returns
 * whether the packet is valid.
 */
static bool take_packet(VMBusChannel *chan, uint32_t avail)
{
	struct frame frame = { .op = FRAME_PACKET, .channel = vmbus_channel_idx(chan) };
	VMBusRecvRingBuf *ring = &chan->recv_ringbuf;
	VMBusPipe *pipe = pipe_of(chan);
	g_autofree uint8_t *bytes = NULL;
	vmbus_packet_hdr header = {};

	ringbuf_seek(&ring->common, ring->rd_idx);
	if (avail < sizeof(header) || ringbuf_io(&ring->common, &header, sizeof(header)) < 0)
		channel_fault(chan, "packet at %u: only %u bytes in tx", ring->rd_idx, avail);
	else if (packet_sane(chan, &header, avail)) {
		frame.len = header.len_qwords * sizeof(uint64_t) - sizeof(header);
		frame.arg = header.offset_qwords * sizeof(uint64_t) - sizeof(header);
		frame.type = header.type;
		frame.flags = header.flags;
		frame.xid = header.transaction_id;
		bytes = g_malloc(frame.len);
		ringbuf_io(&ring->common, bytes, frame.len);
		if (payload_sane(chan, header.type, bytes, frame.arg, frame.len)) {
			forward_packet(pipe, frame, bytes);
			ring->rd_idx = rb_idx_wrap(ring->rd_idx + sizeof(header) + frame.len +
							   VMBUS_PKT_TRAILER,
						   ring->common.len);
			host_of(chan)->stats.packets_from_guest++;
			return true;
		}
	}
	return false;
}

/* Return the index up to which the guest has written tx. */
static uint32_t tx_end(VMBusChannel *chan)
{
	VMBusRecvRingBuf *ring = &chan->recv_ringbuf;
	vmbus_ring_buffer *shared = ringbuf_map_hdr(&ring->common);
	uint32_t end;

	if (!shared)
		return ring->rd_idx;
	end = qatomic_read(&shared->write_index);
	ringbuf_unmap_hdr(&ring->common, shared, false);
	smp_mb();
	return end;
}

/*
 * Send the packets in tx to the program. Return whether there were any: the
 * guest may have added to them meanwhile.
 */
static bool ring_receive(VMBusChannel *chan)
{
	VMBusRecvRingBuf *ring = &chan->recv_ringbuf;
	VMBusPipe *pipe = pipe_of(chan);
	uint32_t bytes, end = tx_end(chan);

	if (end >= ring->common.len || end % sizeof(uint64_t)) {
		channel_fault(chan, "write index %u in a ring of %u bytes", end, ring->common.len);
		return false;
	}

	bytes = rb_idx_delta(ring->rd_idx, end, ring->common.len, true);
	while (ring->rd_idx != end && !pipe_out_full(pipe))
		if (!take_packet(chan, rb_idx_delta(ring->rd_idx, end, ring->common.len, true)))
			break;
	bytes -= rb_idx_delta(ring->rd_idx, end, ring->common.len, true);
	host_of(chan)->stats.bytes_from_guest += bytes;
	if (bytes)
		ring_give_room(chan, bytes);
	pipe_flush_out(pipe);
	return bytes;
}

/*
 * Return whether the program takes packets of the guest now. While no program
 * is connected, the packets stay in the ring.
 */
static bool program_reads(VMBusChannel *chan)
{
	return pipe_of(chan)->connected && !host_of(chan)->hold && !host_of(chan)->dead &&
	       !pipe_out_full(pipe_of(chan));
}

/*
 * Take packets until tx is empty, with the mask set. Then clear the mask and
 * look again, because a guest that has added to the ring meanwhile has not
 * signalled. If the program takes no packets now, leave them in the ring with
 * the mask set; the guest has a reason to signal only until then. Returns how
 * often the ring had packets about which the guest may signal.
 */
static unsigned int ring_drain(VMBusChannel *chan)
{
	bool masked = true, waited = !host_of(chan)->masked;
	unsigned int times = 0;

	tx_mask(chan, masked);
	if (!program_reads(chan))
		return waited && tx_end(chan) != chan->recv_ringbuf.rd_idx;
	while (program_reads(chan)) {
		if (ring_receive(chan)) {
			times++;
			if (masked)
				continue;
			/*
			 * The guest may be about to signal about packets that
			 * the host has just taken.
			 */
			host_of(chan)->new_reasons++;
			masked = true;
		} else if (masked) {
			masked = false;
		} else {
			break;
		}
		if (!host_of(chan)->dead)
			tx_mask(chan, masked);
	}
	return times;
}

/* The guest or the plug-in itself has signalled the host side of a channel. */
static void pipe_notify(VMBusChannel *chan)
{
	struct host_channel *host = host_of(chan);
	VMBusPipe *pipe = pipe_of(chan);
	bool received = false;

	if (!vmbus_channel_is_open(chan) || host->closing || host->dead || bus.migrating)
		return;
	/* A held host looks at the ring only when the guest signals. */
	if (host->woken || program_reads(chan))
		received = ring_drain(chan);
	ring_flush(chan);
	/*
	 * A dead channel has a fault, which the verdict counts instead. The
	 * signals that come after this fault, or after the guest's CLOSE, may
	 * have had a reason: the host has not looked at the ring again.
	 */
	if (!host->dead)
		judge_signals(chan, received);
	host->woken = 0;
	if (pipe->connected && pipe->queued <= IN_LIMIT)
		qemu_chr_fe_accept_input(&pipe->chr);
}
