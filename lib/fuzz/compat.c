// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This target fuzzes the compatibility header with a host that writes the input
 * into the rings.
 */

#include <errno.h>
#include <unistd.h>

#include "vmbus_bufring.h"

#include "input.h"

#define DATA 1024u
#define ROOM 2048u

enum step { SET_INDEX, POKE, PACKET, RECV, SEND, STEPS };

static struct vmbus_bufring *ring_of(unsigned int page)
{
	return calloc(1, page + DATA);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int page = getpagesize();
	struct vmbus_bufring *to_host = ring_of(page), *to_guest = ring_of(page);
	unsigned char *packets = (unsigned char *)to_guest + page;
	struct vmbus_br tx, rx;
	uint32_t at, len, room;
	unsigned char *buf;
	int n;

	MUST(to_host && to_guest);
	to_host->windex = take_index(&in, DATA);
	to_guest->rindex = take_index(&in, DATA);
	vmbus_br_setup(&tx, to_host, page + DATA);
	vmbus_br_setup(&rx, to_guest, page + DATA);
	while (in.left) {
		switch (take_u8(&in) % STEPS) {
		case SET_INDEX:
			n = take_u8(&in);
			at = take_index(&in, DATA);
			if (n & 1)
				to_host->rindex = at;
			else
				to_guest->windex = at;
			break;
		case POKE:
			at = take_u16(&in) % DATA;
			len = take_u8(&in);
			input_read(&in, packets + at, len < DATA - at ? len : DATA - at);
			break;
		case PACKET:
			at = to_guest->rindex % (DATA - 8) / 8 * 8;
			input_read(&in, packets + at, 8);
			break;
		case RECV:
			room = len = take_u16(&in) % ROOM;
			buf = malloc(room);
			n = rte_vmbus_chan_recv_raw(&rx, buf, &len);
			MUST(n == -EAGAIN || n == -EIO || (n == -ENOBUFS && len > room) ||
			     (n == (int)len + 8 && len <= room));
			free(buf);
			MUST(vmbus_br_availread(&rx) <= DATA);
			break;
		default:
			len = take_u16(&in) % ROOM;
			buf = calloc(1, len + 1);
			n = rte_vmbus_chan_send(&tx, 6, buf, len, 0);
			MUST(n == 0 || n == -EAGAIN || n == -EIO || n == -EINVAL);
			free(buf);
			MUST(vmbus_br_availwrite(&tx, tx.windex) <= DATA);
		}
	}
	free(to_host);
	free(to_guest);
	return 0;
}
