// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file creates channels from memory, without a kernel driver. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "from_memory.h"

/* The smallest data area that holds a packet */
#define RING_DATA_MIN 64u

#define MEMORY_FLAGS (VMBUS_MEMORY_RESET | VMBUS_MEMORY_POLL | VMBUS_MEMORY_ANY_PACKET)

static int check_ring(const char *which, const void *ring, size_t size, size_t header_size)
{
	if (!ring || (uintptr_t)ring % 8)
		return fail(-EINVAL, "%s_ring at %p: it has to be at a multiple of 8", which, ring);
	if (size % 8 || size > INT32_MAX || header_size > size ||
	    size - header_size < RING_DATA_MIN)
		return fail(
			-EINVAL,
			"%s_size of %zu bytes: it has to be a multiple of 8, below 2 GiB, and %u more than the header of %zu or larger",
			which, size, RING_DATA_MIN, header_size);
	return 0;
}

static bool overlap(const struct vmbus_memory *mem)
{
	uintptr_t tx = (uintptr_t)mem->tx_ring, rx = (uintptr_t)mem->rx_ring;

	return tx < rx ? rx - tx < mem->tx_size : tx - rx < mem->rx_size;
}

int channel_from_memory(const struct vmbus_memory *mem, struct vmbus_chan **result)
{
	struct vmbus_chan *chan;
	size_t header_size;
	struct stat st;
	int err;

	*result = NULL;
	if (mem->flags & ~MEMORY_FLAGS)
		return fail(-EINVAL, "flags 0x%x: only 0x%x are known", mem->flags, MEMORY_FLAGS);
	header_size = mem->header_size ? mem->header_size : page_size();
	if (header_size % 8 || header_size < 128)
		return fail(
			-EINVAL,
			"header_size of %zu bytes: it has to be a multiple of 8, and at least 128",
			header_size);
	err = check_ring("tx", mem->tx_ring, mem->tx_size, header_size);
	if (!err)
		err = check_ring("rx", mem->rx_ring, mem->rx_size, header_size);
	if (err)
		return err;
	if (overlap(mem))
		return fail(-EINVAL, "tx_ring at %p and rx_ring at %p overlap", mem->tx_ring,
			    mem->rx_ring);
	if (!mem->int_page != !mem->monitor_page)
		return fail(-EINVAL, "int_page or monitor_page is missing");
	if (mem->int_page && ((uintptr_t)mem->int_page % 8 || (uintptr_t)mem->monitor_page % 8))
		return fail(-EINVAL, "int_page or monitor_page is not at a multiple of 8");
	if (mem->relid >= EVENT_CHANNELS || mem->monitor_id >= MONITOR_TRIGGERS)
		return fail(-EINVAL, "relid %u, monitor_id %u: they have to be below %u and %u",
			    mem->relid, mem->monitor_id, EVENT_CHANNELS, MONITOR_TRIGGERS);
	if (mem->fd >= 0 && fstat(mem->fd, &st))
		return fail(-EINVAL, "fd %d: %s", mem->fd, strerror(errno));

	chan = channel_alloc();
	if (!chan)
		return fail(-ENOMEM, "out of memory");
	chan->fd = mem->fd < 0 ? -1 : mem->fd;
	chan->fd_is_socket = mem->fd >= 0 && S_ISSOCK(st.st_mode);
	chan->signal = mem->signal;
	chan->ctx = mem->ctx;
	if (mem->int_page)
		channel_set_monitor(chan, mem->int_page, mem->monitor_page, mem->relid,
				    mem->monitor_id);
	if (mem->flags & VMBUS_MEMORY_RESET) {
		ring_reset(mem->tx_ring);
		ring_reset(mem->rx_ring);
	}
	err = channel_attach(chan, mem->tx_ring, mem->tx_size, mem->rx_ring, mem->rx_size,
			     header_size);
	if (err) {
		fail(err, err == -ENOMEM ? "out of memory" : "impossible index in a ring");
		vmbus_close(chan);
		return err;
	}
	channel_opened(chan, mem->relid, mem->flags & VMBUS_MEMORY_POLL ? VMBUS_OPEN_POLL : 0);
	if (mem->flags & VMBUS_MEMORY_ANY_PACKET)
		chan->tx.wrong = 0;
	*result = chan;
	return 0;
}

/*
 * The rings of a pair. They are one mapping, which lasts until both sides are
 * closed.
 */
struct pair {
	unsigned char *rings;
	size_t ring_size;
	atomic_uint *users;
};

static int open_side(const struct pair *pair, int fd, bool host, struct vmbus_chan **result)
{
	unsigned char *first = pair->rings, *second = first + pair->ring_size;
	struct vmbus_memory mem = {
		.flags = host ? VMBUS_MEMORY_ANY_PACKET : VMBUS_MEMORY_RESET,
		.tx_ring = host ? second : first,
		.tx_size = pair->ring_size,
		.rx_ring = host ? first : second,
		.rx_size = pair->ring_size,
		.fd = fd,
	};
	struct vmbus_chan *chan;
	int err = channel_from_memory(&mem, &chan);

	if (err)
		return err;
	err = channel_own(chan, MAP_RINGS, first, 2 * pair->ring_size);
	if (err) {
		vmbus_close(chan);
		return fail(err, "out of memory");
	}
	chan->maps[MAP_RINGS].users = pair->users;
	fetch_add_relaxed(pair->users, 1);
	chan->own_fd = true;
	*result = chan;
	return 0;
}

int vmbus_open_pair(size_t ring_size, uint32_t flags, struct vmbus_chan **guest,
		    struct vmbus_chan **host)
{
	struct pair pair = { .ring_size = ring_size };
	size_t page = page_size();
	int fd[2], err;

	*guest = *host = NULL;
	err = check_open_flags(flags);
	if (err)
		return err;
	if (ring_size % page || ring_size < 2 * page || ring_size > INT32_MAX)
		return fail(
			-EINVAL,
			"a ring_size of %zu bytes: it has to be a multiple of the page size, %zu, at least two pages, and below 2 GiB",
			ring_size, page);
	pair.users = calloc(1, sizeof(*pair.users));
	if (!pair.users)
		return fail(-ENOMEM, "out of memory");
	/*
	 * The program shares the memory with its children, and both sides use
	 * it at the same addresses.
	 */
	pair.rings = mmap(NULL, 2 * ring_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	if (pair.rings == MAP_FAILED) {
		err = fail(-errno, "memory for two rings of %zu bytes: %s", ring_size,
			   strerror(errno));
		goto err_users;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd)) {
		err = fail(-errno, "socketpair: %s", strerror(errno));
		goto err_rings;
	}
	err = open_side(&pair, fd[0], false, guest);
	if (err)
		goto err_fds;
	err = open_side(&pair, fd[1], true, host);
	if (!err) {
		channel_opened(*guest, 0, flags);
		return 0;
	}

	/* This also unmaps the rings and closes the descriptor of this side. */
	vmbus_close(*guest);
	*guest = NULL;
	close(fd[1]);
	return err;

err_fds:
	close(fd[0]);
	close(fd[1]);
err_rings:
	munmap(pair.rings, 2 * ring_size);
err_users:
	free(pair.users);
	return err;
}
