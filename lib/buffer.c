// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file maps the buffers that the kernel driver shares with the host. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int vmbus_map_buffer(struct vmbus_chan *chan, enum vmbus_buffer_kind kind, void *address,
		     struct vmbus_buffer *buffer)
{
	static const struct {
		const char *name;
		int map;
	} buffers[] = {
		[VMBUS_BUFFER_RECV] = { "recv:", MAP_RECV_BUFFER },
		[VMBUS_BUFFER_SEND] = { "send:", MAP_SEND_BUFFER },
	};
	struct uio_map map;
	unsigned long gpadl;
	char *end;
	int err;

	if ((unsigned int)kind >= sizeof(buffers) / sizeof(buffers[0]))
		return fail(
			-EINVAL,
			"kind %d: it has to be VMBUS_BUFFER_RECV (%d) or VMBUS_BUFFER_SEND (%d)",
			kind, VMBUS_BUFFER_RECV, VMBUS_BUFFER_SEND);
	if (!chan->device)
		return fail(-EOPNOTSUPP, "a channel from memory has no buffers");
	if (channel_check(chan))
		return fail(channel_check(chan), "%s: the channel has ended",
			    chan->device->instance);
	if (chan->maps[buffers[kind].map].addr) {
		if (address && address != chan->buffers[kind].address)
			return fail(-EEXIST, "%s: the buffer is mapped at %p already",
				    chan->device->instance, chan->buffers[kind].address);
		*buffer = chan->buffers[kind];
		return 0;
	}
	err = uio_map(chan, buffers[kind].name, buffers[kind].map, address, &map);
	if (err)
		return uio_error(chan->device, err);
	errno = 0;
	gpadl = strtoul(map.name + strlen(buffers[kind].name), &end, 0);
	if (errno || *end || !gpadl || gpadl > UINT32_MAX) {
		channel_disown(chan, buffers[kind].map);
		return fail(-EPROTO, "%s: map named %s: its end is no GPADL",
			    chan->device->instance, map.name);
	}
	chan->buffers[kind] = (struct vmbus_buffer){
		.address = map.address,
		.size = map.size,
		.gpadl = gpadl,
	};
	*buffer = chan->buffers[kind];
	return 0;
}
