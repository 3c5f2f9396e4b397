// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "hvuio.h"

#define HVUIO_RECV_SIZE (31 * SZ_1M)
#define HVUIO_SEND_SIZE (16 * SZ_1M)

const struct hvuio_limits hvuio_buffer_limits = {
	.min = PAGE_SIZE,
	.max = round_down(HVUIO_GPADL_PAGES * HV_HYP_PAGE_SIZE, PAGE_SIZE),
};

/* The sizes that user space set for later NICs; 0 is the default. */
static u32 hvuio_recv_size, hvuio_send_size;

/*
 * Return the size in bytes of the receive or the send buffer of a NIC that is
 * bound now.
 */
u32 hvuio_buffer_size(enum hvuio_map map)
{
	if (map == HVUIO_MAP_RECV)
		return READ_ONCE(hvuio_recv_size) ?: HVUIO_RECV_SIZE;
	return READ_ONCE(hvuio_send_size) ?: HVUIO_SEND_SIZE;
}

/* Set the size for later NICs. @size is within the limits; 0 is the default. */
void hvuio_buffer_size_set(enum hvuio_map map, u32 size)
{
	if (map == HVUIO_MAP_RECV)
		WRITE_ONCE(hvuio_recv_size, size);
	else
		WRITE_ONCE(hvuio_send_size, size);
}

/*
 * Share the memory with the host. The name of the map, which is ABI, contains
 * the GPADL handle. Returns 0 or -errno.
 */
int hvuio_buffer_share(struct hvuio_buffer *buffer, struct vmbus_channel *channel,
		       const char *prefix)
{
	int ret;

	if (!hvuio_vmbus_is_offered(channel))
		return -ENODEV;
	ret = vmbus_establish_gpadl(channel, buffer->mem, buffer->size, &buffer->gpadl);
	if (ret) {
		buffer->gpadl.gpadl_handle = 0;
		return ret;
	}
	snprintf(buffer->name, sizeof(buffer->name), "%s:%u", prefix, buffer->gpadl.gpadl_handle);
	return 0;
}

/* Tear down the GPADL of the buffer, or mark the buffer as not released. */
void hvuio_buffer_unshare(struct hvuio_buffer *buffer, struct vmbus_channel *channel)
{
	if (!buffer->gpadl.gpadl_handle)
		return;
	/* With -ENOMEM VMBus has sent nothing, so try once more. */
	if (vmbus_teardown_gpadl(channel, &buffer->gpadl) == -ENOMEM)
		vmbus_teardown_gpadl(channel, &buffer->gpadl);
	if (hvuio_gpadl_is_unreleased(channel, &buffer->gpadl))
		buffer->unreleased = true;
	buffer->gpadl.gpadl_handle = 0;
}

/* Allocate a buffer and share it with the host. Returns 0 or -errno. */
int hvuio_buffer_create(struct hvuio_buffer *buffer, struct vmbus_channel *channel,
			const char *prefix, u32 size)
{
	int ret;

	buffer->mem = vzalloc(size);
	if (!buffer->mem)
		return -ENOMEM;
	buffer->size = size;
	ret = hvuio_buffer_share(buffer, channel, prefix);
	if (ret)
		hvuio_buffer_destroy(buffer, channel);
	return ret;
}

/* Clear the data of the last session. The channel is closed. */
void hvuio_buffer_clear(struct hvuio_buffer *buffer)
{
	if (buffer->mem)
		memset(buffer->mem, 0, buffer->size);
}

/* Free the buffer, or leak it if the host may still write to it. */
void hvuio_buffer_destroy(struct hvuio_buffer *buffer, struct vmbus_channel *channel)
{
	hvuio_buffer_unshare(buffer, channel);
	if (buffer->unreleased) {
		pr_warn("leaking a buffer of %u bytes that the host did not release\n",
			buffer->size);
		kmemleak_not_leak(buffer->mem);
	} else {
		vfree(buffer->mem);
	}
	buffer->mem = NULL;
}
