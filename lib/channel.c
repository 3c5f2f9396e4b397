// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Opening a channel, from a UIO device or from memory, and closing it. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

/* Of the interrupt page, the second half is from guest to host: a bit for each channel id. */
#define EVENT_PAGE_SEND		2048u
#define EVENT_CHANNELS		(2048u * 8)
/* In the monitor page, groups of 32 triggers: 8 bytes each, the pending bits first. */
#define MONITOR_PAGE_GROUPS	8u
#define MONITOR_TRIGGERS	128u

/* The smallest data area that holds a packet */
#define RING_DATA_MIN		64u

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static struct vmbus_channel *channel_alloc(void)
{
	struct vmbus_channel *chan = aligned_alloc(CACHE_LINE, sizeof(*chan));

	if (!chan)
		return NULL;
	memset(chan, 0, sizeof(*chan));
	chan->fd = -1;
	return chan;
}

void vmbus_channel_close(struct vmbus_channel *chan)
{
	if (!chan)
		return;
	for (int i = 0; i < MAP_COUNT; i++)
		if (chan->maps[i].addr) {
			guard_remove(chan->maps[i].range);
			munmap(chan->maps[i].addr, chan->maps[i].size);
		}
	if (chan->own_fd)
		close(chan->fd);
	vmbus_device_free(chan->device);
	free(chan);
}

/* Makes a mapping the channel's own, to be undone by its close */
static int own(struct vmbus_channel *chan, int which, void *addr, size_t size)
{
	struct range *range = guard_add(chan, addr, size);

	if (!range)
		return -ENOMEM;
	chan->maps[which] = (struct mapping){ addr, size, range };
	return 0;
}

static int map(struct vmbus_channel *chan, int which, int fd, size_t size, off_t offset)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	int err;

	if (addr == MAP_FAILED)
		return -errno;
	err = own(chan, which, addr, size);
	if (err)
		munmap(addr, size);
	return err;
}

static void set_monitor(struct vmbus_channel *chan, unsigned char *int_page,
			unsigned char *monitor_page, uint32_t relid, uint32_t monitor_id)
{
	chan->event_word = (void *)(int_page + EVENT_PAGE_SEND + relid / 32 * 4);
	chan->event_bit = 1u << relid % 32;
	chan->monitor_word = (void *)(monitor_page + MONITOR_PAGE_GROUPS + monitor_id / 32 * 8);
	chan->monitor_bit = 1u << monitor_id % 32;
}

static int read_map(const char *folder, unsigned int number, struct uio_map *map)
{
	char dir[32];
	char *path;
	int err;

	map->number = number;
	snprintf(dir, sizeof(dir), "map%u", number);
	if (asprintf(&path, "%s/%s", folder, dir) < 0)
		return -ENOMEM;
	err = read_attribute(path, "name", map->name, sizeof(map->name));
	if (!err)
		err = read_attribute_u64(path, "size", &map->size);
	if (!err)
		err = read_attribute_u64(path, "offset", &map->offset);
	free(path);
	return err;
}

/* Maps what UIO offers under @name; its address in @addr, its size in @size */
static int map_uio(struct vmbus_channel *chan, const char *name, int which, void **addr,
		   size_t *size)
{
	const struct vmbus_device *dev = chan->device;
	size_t page = page_size();
	struct uio_map m;
	char *folder;
	int err;

	if (asprintf(&folder, "%s/uio/%s/maps", dev->sysfs, dev->uio) < 0)
		return fail(-ENOMEM, "out of memory");
	for (unsigned int i = 0; ; i++) {
		err = read_map(folder, i, &m);
		if (err || !strcmp(m.name, name))
			break;
	}
	if (err == -ENOENT)
		err = fail(-EPROTO, "%s: no map named %s in %s", dev->instance, name, folder);
	else if (err)
		fail(err, "%s: %s/map%u: %s", dev->instance, folder, m.number, strerror(-err));
	else if (!m.size || m.size > INT32_MAX || m.offset >= page)
		err = fail(-EPROTO, "%s: map %s of %llu bytes at %llu in its page", dev->instance,
			   name, (unsigned long long)m.size, (unsigned long long)m.offset);
	if (err)
		goto err_folder;

	err = map(chan, which, chan->fd, (m.offset + m.size + page - 1) / page * page,
		  (off_t)m.number * page);
	if (err) {
		fail(err, "%s: cannot map %s of %s, %llu bytes: %s", dev->instance, name, dev->path,
		     (unsigned long long)m.size, strerror(-err));
		goto err_folder;
	}
	*addr = (unsigned char *)chan->maps[which].addr + m.offset;
	*size = m.size;

err_folder:
	free(folder);
	return err;
}

/* The file that was opened must be the device that was looked at: numbers are used again. */
static int check_uio(struct vmbus_channel *chan)
{
	const struct vmbus_device *dev = chan->device;
	unsigned int major, minor;
	char text[32], *folder;
	struct stat st;
	int err;

	if (fstat(chan->fd, &st))
		return fail(-errno, "%s: %s", dev->path, strerror(errno));
	if (!S_ISCHR(st.st_mode))
		return 0;
	if (asprintf(&folder, "%s/uio/%s", dev->sysfs, dev->uio) < 0)
		return fail(-ENOMEM, "out of memory");
	err = read_attribute(folder, "dev", text, sizeof(text));
	free(folder);
	if (err)
		return fail(-ENODEV, "%s: the device went away", dev->instance);
	if (sscanf(text, "%u:%u", &major, &minor) != 2 || st.st_rdev != makedev(major, minor))
		return fail(-ENODEV, "%s: %s is not its device %s", dev->instance, dev->path, text);
	return 0;
}

static int open_monitor(struct vmbus_channel *chan)
{
	const struct vmbus_device *dev = chan->device;
	void *int_page, *monitor_page;
	uint64_t relid, monitor_id;
	size_t size;
	int err;

	err = read_attribute_u64(dev->sysfs, "monitor_id", &monitor_id);
	if (err == -ENOENT)
		return 0;	/* not monitored: signalled by write(2) */
	if (err)
		return fail(err, "%s/monitor_id: %s", dev->sysfs, strerror(-err));
	err = read_attribute_u64(dev->sysfs, "id", &relid);
	if (err)
		return fail(err, "%s/id: %s", dev->sysfs, strerror(-err));
	if (relid >= EVENT_CHANNELS || monitor_id >= MONITOR_TRIGGERS)
		return fail(-EPROTO, "%s: channel id %llu, monitor id %llu", dev->instance,
			    (unsigned long long)relid, (unsigned long long)monitor_id);
	err = map_uio(chan, "int_page", MAP_INT_PAGE, &int_page, &size);
	if (!err && size < HV_PAGE_SIZE)
		err = fail(-EPROTO, "%s: int_page of %zu bytes", dev->instance, size);
	if (!err)
		err = map_uio(chan, "monitor_page", MAP_MONITOR_PAGE, &monitor_page, &size);
	if (!err && size < HV_PAGE_SIZE)
		err = fail(-EPROTO, "%s: monitor_page of %zu bytes", dev->instance, size);
	if (!err)
		set_monitor(chan, int_page, monitor_page, relid, monitor_id);
	return err;
}

int vmbus_channel_open_device(const struct vmbus_device *dev, struct vmbus_channel **result)
{
	size_t page = page_size(), size;
	struct vmbus_channel *chan;
	unsigned char *rings;
	void *addr;
	int err;

	if (!dev->uio)
		return fail(-ENXIO, "%s: not bound to uio_hv_generic (driver: %s)", dev->instance,
			    dev->driver ? dev->driver : "none");
	chan = channel_alloc();
	if (!chan)
		return fail(-ENOMEM, "out of memory");
	chan->device = device_copy(dev);
	if (!chan->device) {
		err = fail(-ENOMEM, "out of memory");
		goto err_close;
	}
	chan->fd = open(dev->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (chan->fd < 0) {
		err = errno == ENOENT ? -ENODEV : -errno;
		fail(err, "%s: cannot open %s: %s", dev->instance, dev->path, strerror(errno));
		goto err_close;
	}
	chan->own_fd = true;
	err = check_uio(chan);
	if (err)
		goto err_close;

	err = map_uio(chan, "txrx_rings", MAP_RINGS, &addr, &size);
	if (err)
		goto err_close;
	rings = addr;
	/* Two rings of whole pages, each with a page for its header and at least one for data */
	if ((uintptr_t)rings % page || size % (2 * page) || size < 4 * page) {
		err = fail(-EPROTO, "%s: rings of %zu bytes with pages of %zu", dev->instance, size,
			   page);
		goto err_close;
	}
	err = tx_ring_attach(&chan->tx, rings, size / 2, page);
	if (!err)
		err = rx_ring_attach(&chan->rx, rings + size / 2, size / 2, page);
	if (channel_check(chan)) {
		err = fail(-ENODEV, "%s: the device went away", dev->instance);
		goto err_close;
	}
	if (err) {
		fail(err, "%s: impossible index in a ring", dev->instance);
		goto err_close;
	}
	err = open_monitor(chan);
	if (err)
		goto err_close;
	*result = chan;
	return 0;

err_close:
	vmbus_channel_close(chan);
	return err;
}

int vmbus_channel_open(const char *id, struct vmbus_channel **chan)
{
	struct vmbus_device *dev;
	int err;

	err = vmbus_device_find(id, &dev);
	if (err)
		return err;
	err = vmbus_channel_open_device(dev, chan);
	vmbus_device_free(dev);
	return err;
}

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
	if (mem->int_page)
		set_monitor(chan, mem->int_page, mem->monitor_page, mem->relid, mem->monitor_id);
	if (mem->flags & VMBUS_MEMORY_RESET) {
		ring_reset(mem->tx_ring);
		ring_reset(mem->rx_ring);
	}
	err = tx_ring_attach(&chan->tx, mem->tx_ring, mem->tx_size, header_size);
	if (!err)
		err = rx_ring_attach(&chan->rx, mem->rx_ring, mem->rx_size, header_size);
	if (err) {
		fail(err, "impossible index in a ring");
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
		err = own(chan, MAP_RINGS + i, rings[i], ring_size);
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

const struct vmbus_device *vmbus_channel_device(const struct vmbus_channel *chan)
{
	return chan->device;
}

size_t vmbus_channel_tx_size(const struct vmbus_channel *chan)
{
	return chan->tx.size;
}

size_t vmbus_channel_rx_size(const struct vmbus_channel *chan)
{
	return chan->rx.size;
}

size_t vmbus_channel_max_payload(const struct vmbus_channel *chan)
{
	return tx_ring_max_payload(&chan->tx);
}

int vmbus_channel_is_monitored(const struct vmbus_channel *chan)
{
	return chan->monitor_word != NULL;
}
