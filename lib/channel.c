// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Opening a channel of a UIO device, and closing it. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

struct vmbus_channel *channel_alloc(void)
{
	static _Atomic uint64_t serial;
	struct vmbus_channel *chan = aligned_alloc(CACHE_LINE, sizeof(*chan));
	pthread_mutexattr_t recursive;
	pthread_condattr_t attr;

	if (!chan)
		return NULL;
	memset(chan, 0, sizeof(*chan));
	chan->fd = -1;
	chan->wake_fd = -1;
	chan->serial = ++serial;
	/* A thread that holds a reservation also holds the lock, so it may flush. */
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&chan->send_lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	pthread_mutex_init(&chan->wait_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&chan->wait_turn, &attr);
	pthread_condattr_destroy(&attr);
	return chan;
}

int channel_attach(struct vmbus_channel *chan, void *tx_ring, size_t tx_size, void *rx_ring,
		   size_t rx_size, size_t header_size)
{
	uint32_t most;
	int err;

	err = tx_ring_attach(&chan->tx, tx_ring, tx_size, header_size);
	if (!err)
		err = rx_ring_attach(&chan->rx, rx_ring, rx_size, header_size);
	if (err)
		return err;
	most = chan->rx.size < RING_PACKET_MOST ? chan->rx.size : RING_PACKET_MOST;
	chan->rx.bounce = malloc(most);
	return chan->rx.bounce ? 0 : -ENOMEM;
}

static void channel_disown(struct vmbus_channel *chan, int which)
{
	struct mapping *map = &chan->maps[which];

	if (!map->addr)
		return;
	guard_remove(map->range);
	if (!map->users || --*map->users == 0) {
		munmap(map->addr, map->size);
		free(map->users);
	}
	*map = (struct mapping){ .addr = NULL };
}

void vmbus_channel_close(struct vmbus_channel *chan)
{
	if (!chan)
		return;
	for (int i = 0; i < MAP_COUNT; i++)
		channel_disown(chan, i);
	if (chan->own_fd)
		close(chan->fd);
	if (chan->wake_fd >= 0)
		close(chan->wake_fd);
	vmbus_device_free(chan->device);
	free(chan->tx.bounce);
	free(chan->rx.bounce);
	pthread_mutex_destroy(&chan->send_lock);
	pthread_mutex_destroy(&chan->wait_lock);
	pthread_cond_destroy(&chan->wait_turn);
	free(chan);
}

int channel_own(struct vmbus_channel *chan, int which, void *addr, size_t size)
{
	struct range *range = guard_add(chan, addr, size);

	if (!range)
		return -ENOMEM;
	chan->maps[which] = (struct mapping){ .addr = addr, .size = size, .range = range };
	return 0;
}

static int map(struct vmbus_channel *chan, int which, int fd, size_t size, off_t offset)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	int err;

	if (addr == MAP_FAILED)
		return -errno;
	err = channel_own(chan, which, addr, size);
	if (err)
		munmap(addr, size);
	return err;
}

void channel_set_monitor(struct vmbus_channel *chan, unsigned char *int_page,
			 unsigned char *monitor_page, uint32_t relid, uint32_t monitor_id)
{
	chan->event_word = (void *)(int_page + EVENT_PAGE_SEND + relid / 32 * 4);
	chan->event_bit = 1u << relid % 32;
	chan->monitor_word = (void *)(monitor_page + MONITOR_PAGE_GROUPS + monitor_id / 32 * 8);
	chan->monitor_bit = 1u << monitor_id % 32;
	chan->latency = (void *)(monitor_page + MONITOR_PAGE_LATENCY + monitor_id * 2);
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

/* A name that ends with a colon stands for all that begin so. */
static bool is_named(const struct uio_map *m, const char *name)
{
	size_t len = strlen(name);

	return name[len - 1] == ':' ? !strncmp(m->name, name, len) : !strcmp(m->name, name);
}

/* Maps what UIO offers under @name, its address in @addr; @found says what that is */
static int map_uio(struct vmbus_channel *chan, const char *name, int which, void **addr,
		   struct uio_map *found)
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
		if (err || is_named(&m, name))
			break;
	}
	if (err == -ENOENT)
		fail(err, "%s: no map named %s in %s", dev->instance, name, folder);
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
	*found = m;

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

/* map_uio() of what every device has */
static int must_map(struct vmbus_channel *chan, const char *name, int which, void **addr,
		    struct uio_map *found)
{
	int err = map_uio(chan, name, which, addr, found);

	return err == -ENOENT ? -EPROTO : err;
}

/* @folder has the channel's monitor_id, if it is monitored */
static int open_monitor(struct vmbus_channel *chan, const char *folder, uint64_t relid)
{
	const struct vmbus_device *dev = chan->device;
	void *int_page, *monitor_page;
	struct uio_map map;
	uint64_t monitor_id;
	int err;

	if (relid >= EVENT_CHANNELS)
		return fail(-EPROTO, "%s: channel id %llu", dev->instance,
			    (unsigned long long)relid);
	chan->relid = relid;
	err = read_attribute_u64(folder, "monitor_id", &monitor_id);
	if (err == -ENOENT)
		return 0;	/* not monitored: signalled by write(2) */
	if (err)
		return fail(err, "%s/monitor_id: %s", folder, strerror(-err));
	if (monitor_id >= MONITOR_TRIGGERS)
		return fail(-EPROTO, "%s: monitor id %llu", dev->instance,
			    (unsigned long long)monitor_id);
	err = must_map(chan, "int_page", MAP_INT_PAGE, &int_page, &map);
	if (!err && map.size < HV_PAGE_SIZE)
		err = fail(-EPROTO, "%s: int_page of %llu bytes", dev->instance,
			   (unsigned long long)map.size);
	if (!err)
		err = must_map(chan, "monitor_page", MAP_MONITOR_PAGE, &monitor_page, &map);
	if (!err && map.size < HV_PAGE_SIZE)
		err = fail(-EPROTO, "%s: monitor_page of %llu bytes", dev->instance,
			   (unsigned long long)map.size);
	if (!err)
		channel_set_monitor(chan, int_page, monitor_page, relid, monitor_id);
	return err;
}

/* A channel without rings yet: the device's file, open, and sure to be that device's */
static int open_uio(const struct vmbus_device *dev, struct vmbus_channel **result)
{
	struct vmbus_channel *chan;
	int err;

	if (!dev->uio)
		return fail(-ENXIO, "%s: no UIO device: it has to be bound to uio_hv_generic (driver: %s)",
			    dev->instance, dev->driver ? dev->driver : "none");
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
	*result = chan;
	return 0;

err_close:
	vmbus_channel_close(chan);
	return err;
}

/* Both rings, one after the other, in @size bytes at @rings */
static int open_rings(struct vmbus_channel *chan, unsigned char *rings, uint64_t size)
{
	const struct vmbus_device *dev = chan->device;
	size_t page = page_size();
	int err;

	/* Two rings of whole pages, each with a page for its header and at least one for data */
	if ((uintptr_t)rings % page || size % (2 * page) || size < 4 * page)
		return fail(-EPROTO, "%s: rings of %llu bytes with pages of %zu", dev->instance,
			    (unsigned long long)size, page);
	err = channel_attach(chan, rings, size / 2, rings + size / 2, size / 2, page);
	if (channel_check(chan))
		return fail(-ENODEV, "%s: the device went away", dev->instance);
	if (err == -ENOMEM)
		return fail(err, "out of memory");
	return err ? fail(err, "%s: impossible index in a ring", dev->instance) : 0;
}

int vmbus_channel_open_device(const struct vmbus_device *dev, struct vmbus_channel **result)
{
	struct vmbus_channel *chan;
	struct uio_map map;
	uint64_t relid;
	void *rings;
	int err;

	err = open_uio(dev, &chan);
	if (err)
		return err;
	err = must_map(chan, "txrx_rings", MAP_RINGS, &rings, &map);
	if (err)
		goto err_close;
	err = open_rings(chan, rings, map.size);
	if (err)
		goto err_close;
	err = read_attribute_u64(dev->sysfs, "id", &relid);
	if (err) {
		fail(err, "%s/id: %s", dev->sysfs, strerror(-err));
		goto err_close;
	}
	err = open_monitor(chan, dev->sysfs, relid);
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

static bool has_ring(const char *folder)
{
	char *path;
	bool has;

	if (asprintf(&path, "%s/ring", folder) < 0)
		return false;
	has = !access(path, F_OK);
	free(path);
	return has;
}

static int by_index(const void *a, const void *b)
{
	const struct vmbus_subchannel *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

int vmbus_subchannels(const struct vmbus_channel *primary, struct vmbus_subchannel *list,
		      unsigned int most)
{
	const struct vmbus_device *dev = primary->device;
	unsigned int found = 0;
	struct dirent *entry;
	char *folder, *end;
	uint64_t index;
	int err = 0;
	DIR *d;

	if (!dev)
		return fail(-EOPNOTSUPP, "a channel from memory has no sub-channels");
	if (asprintf(&folder, "%s/channels", dev->sysfs) < 0)
		return fail(-ENOMEM, "out of memory");
	d = opendir(folder);
	if (!d) {
		err = fail(errno == ENOENT ? -ENODEV : -errno, "%s: %s", folder, strerror(errno));
		goto err_folder;
	}
	for (;;) {
		unsigned long relid;
		char *path;

		errno = 0;
		entry = readdir(d);
		if (!entry) {
			if (errno)
				err = fail(-errno, "%s: %s", folder, strerror(errno));
			break;
		}
		relid = strtoul(entry->d_name, &end, 10);
		if (*end || end == entry->d_name || relid >= EVENT_CHANNELS)
			continue;
		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0) {
			err = fail(-ENOMEM, "out of memory");
			break;
		}
		err = read_attribute_u64(path, "subchannel_id", &index);
		if (err && err != -ENOENT && err != -ENODEV)
			fail(err, "%s/subchannel_id: %s", path, strerror(-err));
		/* It has a ring once the driver has opened it. */
		if (!err && index && index <= UINT16_MAX && has_ring(path)) {
			if (found < most)
				list[found] = (struct vmbus_subchannel){ relid, index };
			found++;
		}
		free(path);
		if (err == -ENOENT || err == -ENODEV)
			err = 0;	/* went away meanwhile */
		if (err)
			break;
	}
	closedir(d);
	if (!err && most)
		qsort(list, found < most ? found : most, sizeof(*list), by_index);

err_folder:
	free(folder);
	return err ? err : (int)found;
}

int vmbus_subchannel_open(const struct vmbus_channel *primary, uint32_t relid,
			  struct vmbus_channel **result)
{
	const struct vmbus_device *dev = primary->device;
	struct vmbus_channel *chan;
	char *folder, *path;
	uint64_t index;
	struct stat st;
	int fd, err;

	if (!dev)
		return fail(-EOPNOTSUPP, "a channel from memory has no sub-channels");
	if (asprintf(&folder, "%s/channels/%u", dev->sysfs, relid) < 0)
		return fail(-ENOMEM, "out of memory");
	if (asprintf(&path, "%s/ring", folder) < 0) {
		err = fail(-ENOMEM, "out of memory");
		goto err_folder;
	}
	err = read_attribute_u64(folder, "subchannel_id", &index);
	if (err) {
		fail(err, "%s/subchannel_id: %s", folder, strerror(-err));
		goto err_path;
	}
	if (!index) {
		err = fail(-EINVAL, "%s: channel %u is the primary", dev->instance, relid);
		goto err_path;
	}
	/* A descriptor of its own for the interrupts: each reader of one would take the others'. */
	err = open_uio(dev, &chan);
	if (err)
		goto err_path;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		err = fail(-errno, "%s: cannot open %s: %s", dev->instance, path, strerror(errno));
		goto err_fd;
	}
	if (st.st_size <= 0 || st.st_size > INT32_MAX) {
		err = fail(-EPROTO, "%s: %s of %lld bytes", dev->instance, path,
			   (long long)st.st_size);
		goto err_fd;
	}
	err = map(chan, MAP_RINGS, fd, st.st_size, 0);
	if (err) {
		fail(err, "%s: cannot map %s, %lld bytes: %s", dev->instance, path,
		     (long long)st.st_size, strerror(-err));
		goto err_fd;
	}
	err = open_rings(chan, chan->maps[MAP_RINGS].addr, st.st_size);
	if (!err)
		err = open_monitor(chan, folder, relid);
	if (!err)
		*result = chan;

err_fd:
	if (fd >= 0)
		close(fd);
	if (err)
		vmbus_channel_close(chan);
err_path:
	free(path);
err_folder:
	free(folder);
	return err;
}

int vmbus_channel_buffer(struct vmbus_channel *chan, enum vmbus_buffer_kind kind,
			 struct vmbus_buffer *buffer)
{
	static const struct { const char *name; int map; } buffers[] = {
		[VMBUS_BUFFER_RECV] = { "recv:", MAP_RECV_BUFFER },
		[VMBUS_BUFFER_SEND] = { "send:", MAP_SEND_BUFFER },
	};
	struct uio_map map;
	unsigned long gpadl;
	char *end;
	void *addr;
	int err;

	if ((unsigned int)kind >= sizeof(buffers) / sizeof(buffers[0]))
		return fail(-EINVAL, "buffer %d", kind);
	if (!chan->device)
		return fail(-EOPNOTSUPP, "a channel from memory has no buffers");
	if (channel_check(chan))
		return fail(channel_check(chan), "%s: the channel has ended", chan->device->instance);
	if (chan->maps[buffers[kind].map].addr) {
		*buffer = chan->buffers[kind];
		return 0;
	}
	err = map_uio(chan, buffers[kind].name, buffers[kind].map, &addr, &map);
	if (err)
		return err;
	errno = 0;
	gpadl = strtoul(map.name + strlen(buffers[kind].name), &end, 0);
	if (errno || *end || !gpadl || gpadl > UINT32_MAX) {
		channel_disown(chan, buffers[kind].map);
		return fail(-EPROTO, "%s: map named %s", chan->device->instance, map.name);
	}
	chan->buffers[kind] = (struct vmbus_buffer){ addr, map.size, gpadl };
	*buffer = chan->buffers[kind];
	return 0;
}

void vmbus_channel_set_several_senders(struct vmbus_channel *chan, int on)
{
	chan->several_senders = on;
}

int vmbus_channel_latency(const struct vmbus_channel *chan)
{
	int err = channel_check(chan), value;

	if (err)
		return err;
	if (!chan->latency)
		return -EOPNOTSUPP;
	value = READ_ONCE(*chan->latency) / LATENCY_PER_US;
	err = channel_check(chan);
	return err ? err : value;
}

int vmbus_channel_set_latency(struct vmbus_channel *chan, unsigned int microseconds)
{
	int err = channel_check(chan);

	if (err)
		return err;
	if (!chan->latency)
		return -EOPNOTSUPP;
	if (microseconds > UINT16_MAX / LATENCY_PER_US)
		return -ERANGE;
	WRITE_ONCE(*chan->latency, microseconds * LATENCY_PER_US);
	return channel_check(chan);
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
	return chan->tx.most;
}

int vmbus_channel_is_monitored(const struct vmbus_channel *chan)
{
	return chan->monitor_word != NULL;
}

uint32_t vmbus_channel_relid(const struct vmbus_channel *chan)
{
	return chan->relid;
}
