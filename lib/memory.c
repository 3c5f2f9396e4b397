// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Channels over memory that no kernel driver stands behind. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* The smallest data area that holds a packet */
#define RING_DATA_MIN		64u

static int check_ring(const char *which, const void *ring, size_t size, size_t header_size)
{
	if (!ring || (uintptr_t)ring % 8)
		return fail(-EINVAL, "%s_ring at %p", which, ring);
	if (size % 8 || size > INT32_MAX || header_size > size ||
	    size - header_size < RING_DATA_MIN)
		return fail(-EINVAL, "%s_size of %zu bytes with a header of %zu", which, size,
			    header_size);
	return 0;
}

int vmbus_channel_from_memory(const struct vmbus_memory *mem, struct vmbus_channel **result)
{
	struct vmbus_channel *chan;
	size_t header_size;
	struct stat st;
	int err;

	if (mem->struct_size != sizeof(*mem))
		return fail(-EINVAL, "struct_size of %zu, not %zu", mem->struct_size, sizeof(*mem));
	if (mem->flags & ~VMBUS_MEMORY_RESET)
		return fail(-EINVAL, "flags 0x%x", mem->flags);
	header_size = mem->header_size ? mem->header_size : page_size();
	if (header_size % 8 || header_size < 128)
		return fail(-EINVAL, "header_size of %zu", header_size);
	err = check_ring("tx", mem->tx_ring, mem->tx_size, header_size);
	if (!err)
		err = check_ring("rx", mem->rx_ring, mem->rx_size, header_size);
	if (err)
		return err;
	if (!mem->int_page != !mem->monitor_page)
		return fail(-EINVAL, "int_page or monitor_page is missing");
	if (mem->int_page && ((uintptr_t)mem->int_page % 8 || (uintptr_t)mem->monitor_page % 8))
		return fail(-EINVAL, "int_page or monitor_page is not aligned");
	if (mem->relid >= EVENT_CHANNELS || mem->monitor_id >= MONITOR_TRIGGERS)
		return fail(-EINVAL, "relid %u, monitor_id %u", mem->relid, mem->monitor_id);
	if (mem->fd >= 0 && fstat(mem->fd, &st))
		return fail(-EINVAL, "fd %d: %s", mem->fd, strerror(errno));

	chan = channel_alloc();
	if (!chan)
		return fail(-ENOMEM, "out of memory");
	chan->fd = mem->fd < 0 ? -1 : mem->fd;
	chan->fd_is_socket = mem->fd >= 0 && S_ISSOCK(st.st_mode);
	chan->signal = mem->signal;
	chan->ctx = mem->ctx;
	chan->relid = mem->relid;
	if (mem->int_page)
		channel_set_monitor(chan, mem->int_page, mem->monitor_page, mem->relid, mem->monitor_id);
	if (mem->flags & VMBUS_MEMORY_RESET) {
		ring_reset(mem->tx_ring);
		ring_reset(mem->rx_ring);
	}
	err = channel_attach(chan, mem->tx_ring, mem->tx_size, mem->rx_ring, mem->rx_size,
			     header_size);
	if (err) {
		fail(err, err == -ENOMEM ? "out of memory" : "impossible index in a ring");
		vmbus_channel_close(chan);
		return err;
	}
	*result = chan;
	return 0;
}

/* One side of a pair; it takes over @fd, also when it fails */
static int open_side(int memory, int fd, size_t ring_size, bool host, struct vmbus_channel **result)
{
	void *rings[2] = { NULL, NULL };
	struct vmbus_memory mem = {
		.struct_size = sizeof(mem),
		.flags = host ? 0 : VMBUS_MEMORY_RESET,
		.tx_size = ring_size,
		.rx_size = ring_size,
		.fd = fd,
	};
	struct vmbus_channel *chan;
	int err = 0;

	for (int i = 0; i < 2; i++) {
		rings[i] = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory,
				(off_t)i * ring_size);
		if (rings[i] == MAP_FAILED) {
			err = fail(-errno, "cannot map a ring of %zu bytes: %s", ring_size,
				   strerror(errno));
			rings[i] = NULL;
			goto err_rings;
		}
	}
	mem.tx_ring = rings[host];
	mem.rx_ring = rings[!host];
	err = vmbus_channel_from_memory(&mem, &chan);
	if (err)
		goto err_rings;
	for (int i = 0; i < 2; i++) {
		err = channel_own(chan, MAP_RINGS + i, rings[i], ring_size);
		if (err) {
			fail(err, "out of memory");
			goto err_channel;
		}
		rings[i] = NULL;
	}
	chan->own_fd = true;
	*result = chan;
	return 0;

err_channel:
	vmbus_channel_close(chan);
err_rings:
	for (int i = 0; i < 2; i++)
		if (rings[i])
			munmap(rings[i], ring_size);
	close(fd);
	return err;
}

int vmbus_channel_pair(size_t ring_size, struct vmbus_channel **guest, struct vmbus_channel **host)
{
	size_t page = page_size();
	int memory, fd[2], err;

	if (ring_size % page || ring_size < 2 * page || ring_size > INT32_MAX)
		return fail(-EINVAL, "rings of %zu bytes with pages of %zu", ring_size, page);
	memory = memfd_create("vmbus rings", MFD_CLOEXEC);
	if (memory < 0)
		return fail(-errno, "memfd_create: %s", strerror(errno));
	if (ftruncate(memory, 2 * (off_t)ring_size)) {
		err = fail(-errno, "memory for two rings of %zu bytes: %s", ring_size,
			   strerror(errno));
		goto err_memory;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd)) {
		err = fail(-errno, "socketpair: %s", strerror(errno));
		goto err_memory;
	}
	err = open_side(memory, fd[0], ring_size, false, guest);
	if (err) {
		close(fd[1]);
		goto err_memory;
	}
	err = open_side(memory, fd[1], ring_size, true, host);
	if (err)
		vmbus_channel_close(*guest);

err_memory:
	close(memory);
	return err;
}
