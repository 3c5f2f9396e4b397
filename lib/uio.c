// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file opens and maps the files of a UIO device for a channel. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

int uio_error(const struct vmbus_device *dev, int err)
{
	char *folder;

	if (asprintf(&folder, "%s/uio/%s", dev->sysfs, dev->uio) < 0)
		return err;
	if (access(folder, F_OK) && errno == ENOENT)
		err = fail(-ENODEV, "%s: the device went away", dev->instance);
	free(folder);
	return err;
}

int uio_map_file(struct vmbus_chan *chan, int which, void *address, int fd, size_t size,
		 off_t offset)
{
	/* A kernel before 4.17 treats the address only as a hint. */
	int fixed = address ? MAP_FIXED_NOREPLACE : 0;
	void *addr = mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd, offset);
	int err;

	if (addr == MAP_FAILED)
		return -errno;
	if (address && addr != address) {
		munmap(addr, size);
		return -EEXIST;
	}
	err = channel_own(chan, which, addr, size);
	if (err)
		munmap(addr, size);
	return err;
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

/*
 * Whether the map has this name. A name that ends with a colon matches every
 * name that begins with it.
 */
static bool is_named(const struct uio_map *m, const char *name)
{
	size_t len = strlen(name);

	return name[len - 1] == ':' ? !strncmp(m->name, name, len) : !strcmp(m->name, name);
}

/* Find the map that UIO offers under @name, and check its size. */
static int find_map(struct vmbus_chan *chan, const char *name, struct uio_map *m)
{
	const struct vmbus_device *dev = chan->device;
	char *folder;
	int err;

	if (asprintf(&folder, "%s/uio/%s/maps", dev->sysfs, dev->uio) < 0)
		return fail(-ENOMEM, "out of memory");
	for (unsigned int i = 0;; i++) {
		err = read_map(folder, i, m);
		if (err || is_named(m, name))
			break;
	}
	if (err == -ENOENT)
		fail(err, "%s: no map named %s, and %s/map%u has no name, size or offset",
		     dev->instance, name, folder, m->number);
	else if (err)
		fail(err, "%s: %s/map%u: %s", dev->instance, folder, m->number, strerror(-err));
	else if (!m->size || m->size > INT32_MAX || m->offset >= page_size())
		err = fail(-EPROTO, "%s: map %s of %llu bytes at %llu in its page", dev->instance,
			   name, (unsigned long long)m->size, (unsigned long long)m->offset);
	free(folder);
	return err;
}

int uio_map(struct vmbus_chan *chan, const char *name, int which, void *address, struct uio_map *m)
{
	const struct vmbus_device *dev = chan->device;
	const size_t page = page_size();
	unsigned char *start = NULL;
	int err = find_map(chan, name, m);

	if (err)
		return err;
	if (address) {
		if ((uintptr_t)address % page != m->offset)
			return fail(
				-EINVAL,
				"%s: map %s cannot lie at address %p, %zu bytes into a page: it begins %llu bytes into one",
				dev->instance, m->name, address,
				(size_t)((uintptr_t)address % page), (unsigned long long)m->offset);
		start = (unsigned char *)address - m->offset;
	}
	err = uio_map_file(chan, which, start, chan->map_fd < 0 ? chan->fd : chan->map_fd,
			   (m->offset + m->size + page - 1) / page * page, (off_t)m->number * page);
	if (err == -EEXIST)
		return fail(err, "%s: cannot map %s of %s at %p: other memory is there",
			    dev->instance, name, dev->path, address);
	if (err)
		return fail(err, "%s: cannot map %s of %s, %llu bytes: %s", dev->instance, name,
			    dev->path, (unsigned long long)m->size, strerror(-err));
	m->address = (unsigned char *)chan->maps[which].addr + m->offset;
	return 0;
}

/*
 * The tree of a test may have a FIFO, because a program can poll it. The memory
 * of the maps is then in the file PATH.maps.
 */
static int open_maps(struct vmbus_chan *chan)
{
	const struct vmbus_device *dev = chan->device;
	char *path;
	int err = 0;

	if (asprintf(&path, "%s.maps", dev->path) < 0)
		return fail(-ENOMEM, "out of memory");
	chan->fd_is_fifo = true;
	chan->map_fd = open(path, O_RDWR | O_CLOEXEC);
	if (chan->map_fd < 0)
		err = fail(-errno, "%s: %s: %s", dev->instance, path, strerror(errno));
	free(path);
	return err;
}

/* Lock the file for this channel, so that no other program opens it. */
static int lock_uio(struct vmbus_chan *chan, enum sharing sharing)
{
	const struct vmbus_device *dev = chan->device;

	if (sharing == LEFT_TO_PRIMARY ||
	    !flock(chan->fd, (sharing == EXCLUSIVE ? LOCK_EX : LOCK_SH) | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return fail(-EBUSY, "%s: another program has %s open%s", dev->instance, dev->path,
			    sharing == EXCLUSIVE ? "" : " exclusively");
	/* A security policy may forbid the lock, which keeps others out. */
	if (sharing == SHARED)
		return 0;
	return fail(-errno, "%s: cannot lock %s: %s", dev->instance, dev->path, strerror(errno));
}

/*
 * Check that the file belongs to the device, because the kernel reuses the
 * numbers.
 */
static int check_uio(struct vmbus_chan *chan)
{
	const struct vmbus_device *dev = chan->device;
	unsigned int major, minor;
	char text[32], *folder;
	struct stat st;
	int err;

	if (fstat(chan->fd, &st))
		return fail(-errno, "%s: %s", dev->path, strerror(errno));
	if (S_ISFIFO(st.st_mode))
		return open_maps(chan);
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

int uio_map_required(struct vmbus_chan *chan, const char *name, int which, struct uio_map *m)
{
	int err = uio_map(chan, name, which, NULL, m);

	return err == -ENOENT ? -EPROTO : err;
}

/*
 * Map a page that the guest shares with the hypervisor, as uio_map_required()
 * does.
 */
static int map_page(struct vmbus_chan *chan, const char *name, int which, void **address)
{
	struct uio_map m;
	int err = uio_map_required(chan, name, which, &m);

	if (err)
		return err;
	if (m.size < HV_PAGE_SIZE)
		return fail(-EPROTO, "%s: %s of %llu bytes", chan->device->instance, name,
			    (unsigned long long)m.size);
	*address = m.address;
	return 0;
}

int uio_open_monitor(struct vmbus_chan *chan, const char *folder, uint64_t relid)
{
	const struct vmbus_device *dev = chan->device;
	void *int_page, *monitor_page;
	uint64_t monitor_id;
	int err;

	if (relid >= EVENT_CHANNELS)
		return fail(-EPROTO, "%s: relid %llu: there are %u", dev->instance,
			    (unsigned long long)relid, EVENT_CHANNELS);
	err = read_attribute_u64(folder, "monitor_id", &monitor_id);
	if (err == -ENOENT)
		return 0; /* Without a monitor page, the library signals with write(2). */
	if (err)
		return fail(err, "%s/monitor_id: %s", folder, strerror(-err));
	if (monitor_id >= MONITOR_TRIGGERS)
		return fail(-EPROTO, "%s: monitor id %llu: there are %u", dev->instance,
			    (unsigned long long)monitor_id, MONITOR_TRIGGERS);
	err = map_page(chan, "int_page", MAP_INT_PAGE, &int_page);
	if (!err)
		err = map_page(chan, "monitor_page", MAP_MONITOR_PAGE, &monitor_page);
	if (!err)
		channel_set_monitor(chan, int_page, monitor_page, relid, monitor_id);
	return err;
}

int uio_open(struct vmbus_device *dev, enum sharing sharing, struct vmbus_chan **result)
{
	struct vmbus_chan *chan;
	int err;

	*result = NULL;
	if (!dev->uio && dev->driver && !strcmp(dev->driver, "uio_hv_generic"))
		return fail(-ENXIO,
			    "%s: uio_hv_generic has the device, but no UIO device is there (yet)",
			    dev->instance);
	if (!dev->uio)
		return fail(
			-ENXIO,
			"%s: no UIO device (driver: %s): 'vmbusctl bind %s' binds it to uio_hv_generic",
			dev->instance, dev->driver ? dev->driver : "none", dev->instance);
	chan = channel_alloc();
	if (!chan)
		return fail(-ENOMEM, "out of memory");
	chan->device = dev;
	chan->fd = open(dev->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (chan->fd < 0) {
		/*
		 * UIO returns EINVAL for a device that it has begun to
		 * unregister.
		 */
		err = errno == ENOENT || errno == EINVAL ? -ENODEV : -errno;
		fail(err, "%s: cannot open %s: %s%s", dev->instance, dev->path, strerror(errno),
		     errno == EACCES ?
			     " (hyperv-uio.conf(5) tells how a rule sets its owner and mode)" :
			     "");
		err = uio_error(dev, err);
		goto err_close;
	}
	chan->own_fd = true;
	err = check_uio(chan);
	if (!err)
		err = lock_uio(chan, sharing);
	if (err)
		goto err_close;
	*result = chan;
	return 0;

err_close:
	vmbus_close(chan);
	return err;
}

int uio_open_rings(struct vmbus_chan *chan, unsigned char *rings, uint64_t size)
{
	const struct vmbus_device *dev = chan->device;
	size_t page = page_size();
	int err;

	/*
	 * Two rings of whole pages: each has a page for its header and at least
	 * one for data.
	 */
	if ((uintptr_t)rings % page || size % (2 * page) || size < 4 * page)
		return fail(-EPROTO, "%s: rings of %llu bytes, %zu bytes into a page of %zu",
			    dev->instance, (unsigned long long)size, (uintptr_t)rings % page, page);
	err = channel_attach(chan, rings, size / 2, rings + size / 2, size / 2, page);
	if (channel_check(chan))
		return fail(-ENODEV, "%s: the device went away", dev->instance);
	if (err == -ENOMEM)
		return fail(err, "out of memory");
	return err ? fail(err, "%s: impossible index in a ring", dev->instance) : 0;
}
