// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What a channel maps and opens: the files of a UIO device and its entries in sysfs. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

int uio_map_file(struct vmbus_channel *chan, int which, int fd, size_t size, off_t offset)
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

/* A name that ends with a colon matches every name that begins with it. */
static bool is_named(const struct uio_map *m, const char *name)
{
	size_t len = strlen(name);

	return name[len - 1] == ':' ? !strncmp(m->name, name, len) : !strcmp(m->name, name);
}

/* Maps what UIO offers under @name, its address in @addr; @found says what that is */
int uio_map(struct vmbus_channel *chan, const char *name, int which, void **addr,
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

	err = uio_map_file(chan, which, chan->fd, (m.offset + m.size + page - 1) / page * page,
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

/* uio_map() of what every device has */
int uio_map_required(struct vmbus_channel *chan, const char *name, int which, void **addr,
		    struct uio_map *found)
{
	int err = uio_map(chan, name, which, addr, found);

	return err == -ENOENT ? -EPROTO : err;
}

/* @folder has the channel's monitor_id, if it is monitored */
int uio_open_monitor(struct vmbus_channel *chan, const char *folder, uint64_t relid)
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
	err = uio_map_required(chan, "int_page", MAP_INT_PAGE, &int_page, &map);
	if (!err && map.size < HV_PAGE_SIZE)
		err = fail(-EPROTO, "%s: int_page of %llu bytes", dev->instance,
			   (unsigned long long)map.size);
	if (!err)
		err = uio_map_required(chan, "monitor_page", MAP_MONITOR_PAGE, &monitor_page, &map);
	if (!err && map.size < HV_PAGE_SIZE)
		err = fail(-EPROTO, "%s: monitor_page of %llu bytes", dev->instance,
			   (unsigned long long)map.size);
	if (!err)
		channel_set_monitor(chan, int_page, monitor_page, relid, monitor_id);
	return err;
}

/* A channel without rings yet: the device's file, open, and sure to be that device's */
int uio_open(const struct vmbus_device *dev, struct vmbus_channel **result)
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
int uio_open_rings(struct vmbus_channel *chan, unsigned char *rings, uint64_t size)
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
