// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "hvuio.h"

/* Shares the memory with the host; the handle becomes part of the map's name, which is ABI. */
int hvuio_buffer_share(struct hvuio_buffer *buffer, struct vmbus_channel *channel,
		       const char *prefix)
{
	int ret;

	ret = vmbus_establish_gpadl(channel, buffer->mem, buffer->size, &buffer->gpadl);
	if (ret) {
		buffer->gpadl.gpadl_handle = 0;
		if (hvuio_gpadl_is_host_visible(&buffer->gpadl))
			buffer->held_by_host = true;
		return ret;
	}
	snprintf(buffer->name, sizeof(buffer->name), "%s:%u", prefix, buffer->gpadl.gpadl_handle);
	return 0;
}

void hvuio_buffer_unshare(struct hvuio_buffer *buffer, struct vmbus_channel *channel)
{
	if (!buffer->gpadl.gpadl_handle)
		return;
	vmbus_teardown_gpadl(channel, &buffer->gpadl);
	if (hvuio_gpadl_is_held(channel, &buffer->gpadl))
		buffer->held_by_host = true;
	buffer->gpadl.gpadl_handle = 0;
}

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

void hvuio_buffer_destroy(struct hvuio_buffer *buffer, struct vmbus_channel *channel)
{
	hvuio_buffer_unshare(buffer, channel);
	if (buffer->held_by_host)
		pr_warn("leaking a buffer of %u bytes that the host did not give back\n",
			buffer->size);
	else
		vfree(buffer->mem);
	buffer->mem = NULL;
}
