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

int channel_from_memory(const struct vmbus_memory *mem, struct vmbus_chan **result)
{
	const size_t header_size = mem->header_size ? mem->header_size : page_size();
	struct vmbus_chan *chan;
	struct stat st;
	int err;

	*result = NULL;
	chan = channel_alloc();
	if (!chan)
		return fail(-ENOMEM, "out of memory");
	chan->fd = mem->fd < 0 ? -1 : mem->fd;
	chan->fd_is_socket = mem->fd >= 0 && !fstat(mem->fd, &st) && S_ISSOCK(st.st_mode);
	chan->signal = mem->signal;
	chan->ctx = mem->ctx;
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
	channel_opened(chan, 0, 0);
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
