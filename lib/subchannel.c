// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file finds the sub-channels of a device, and opens them. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

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

/*
 * Return 1 if @name in @folder is a sub-channel that the driver has opened, 0
 * if not, or -errno.
 */
static int read_subchannel(const char *folder, const char *name, struct vmbus_subchannel *sub)
{
	unsigned long relid;
	uint64_t index, cpu;
	char *end, *path;
	int err;

	relid = strtoul(name, &end, 10);
	if (*end || end == name || relid >= EVENT_CHANNELS)
		return 0;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return fail(-ENOMEM, "out of memory");
	err = read_attribute_u64(path, "subchannel_id", &index);
	/* The read fails like this if the channel goes away meanwhile. */
	if (err == -ENOENT || err == -ENODEV)
		err = index = 0;
	else if (err)
		fail(err, "%s/subchannel_id: %s", path, strerror(-err));
	else if (index && index <= UINT16_MAX)
		err = has_ring(path);
	if (err > 0) {
		if (read_attribute_u64(path, "cpu", &cpu) || cpu > UINT32_MAX)
			cpu = UINT32_MAX;
		*sub = (struct vmbus_subchannel){ .relid = relid, .index = index, .cpu = cpu };
	}
	free(path);
	return err;
}

/*
 * Count the opened sub-channels in @folder, and write the first @max of them to
 * @list. Return the count or -errno, with a text.
 */
static int read_subchannels(const char *folder, struct vmbus_subchannel *list, unsigned int max)
{
	struct vmbus_subchannel sub;
	unsigned int found = 0;
	struct dirent *entry;
	int ret = 0;
	DIR *d;

	d = opendir(folder);
	if (!d)
		return fail(-errno, "%s: %s", folder, strerror(errno));
	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry) {
			if (errno)
				ret = fail(-errno, "%s: %s", folder, strerror(errno));
			break;
		}
		ret = read_subchannel(folder, entry->d_name, &sub);
		if (ret < 0)
			break;
		if (ret && found < max)
			list[found] = sub;
		found += ret;
		ret = 0;
	}
	closedir(d);
	return ret ? ret : (int)found;
}

int vmbus_subchannels(const struct vmbus_chan *primary, struct vmbus_subchannel *list,
		      unsigned int max)
{
	const struct vmbus_device *dev = primary->device;
	char *folder;
	int found;

	if (!dev)
		return fail(-EOPNOTSUPP, "a channel from memory has no sub-channels");
	if (asprintf(&folder, "%s/channels", dev->sysfs) < 0)
		return fail(-ENOMEM, "out of memory");
	found = read_subchannels(folder, list, max);
	free(folder);
	if (found > 0 && max)
		qsort(list, (unsigned int)found < max ? (unsigned int)found : max, sizeof(*list),
		      by_index);
	return found < 0 ? uio_error(dev, found) : found;
}

/*
 * Return 0 if @folder, the directory of a channel in sysfs, belongs to a
 * sub-channel, or -errno with a text.
 */
static int check_is_subchannel(const struct vmbus_device *dev, const char *folder, uint32_t relid)
{
	uint64_t index;
	int err = read_attribute_u64(folder, "subchannel_id", &index);

	if (err)
		return fail(err, "%s/subchannel_id: %s", folder, strerror(-err));
	if (!index)
		return fail(-EINVAL, "%s: channel %u is the primary", dev->instance, relid);
	return 0;
}

/*
 * Map the rings of a sub-channel from its file in sysfs, and attach to them.
 * Return 0, or -errno with a text.
 */
static int map_ring_file(struct vmbus_chan *chan, const char *path)
{
	const char *instance = chan->device->instance;
	struct stat st;
	int fd, err;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(-errno, "%s: cannot open %s: %s", instance, path, strerror(errno));
	if (fstat(fd, &st)) {
		err = fail(-errno, "%s: %s: %s", instance, path, strerror(errno));
	} else if (st.st_size <= 0 || st.st_size > INT32_MAX) {
		err = fail(-EPROTO, "%s: %s of %lld bytes", instance, path, (long long)st.st_size);
	} else {
		err = uio_map_file(chan, MAP_RINGS, NULL, fd, st.st_size, 0);
		if (err)
			fail(err, "%s: cannot map %s, %lld bytes: %s", instance, path,
			     (long long)st.st_size, strerror(-err));
	}
	close(fd);
	if (err)
		return err;
	return uio_open_rings(chan, chan->maps[MAP_RINGS].addr, st.st_size);
}

/*
 * Open the sub-channel whose directory in sysfs is @folder. Return 0, or -errno
 * with a text.
 */
static int open_in_folder(struct vmbus_device *dev, const char *folder, uint32_t relid,
			  unsigned int flags, struct vmbus_chan **result)
{
	struct vmbus_chan *chan;
	char *path;
	int err;

	err = check_is_subchannel(dev, folder, relid);
	if (err)
		return err;
	/*
	 * The channel needs its own descriptor, because readers of one
	 * descriptor take each other's interrupts.
	 */
	err = uio_open(dev, LEFT_TO_PRIMARY, &chan);
	if (err)
		return err;
	if (asprintf(&path, "%s/ring", folder) < 0) {
		err = fail(-ENOMEM, "out of memory");
		goto err_close;
	}
	err = map_ring_file(chan, path);
	free(path);
	if (!err)
		err = uio_open_monitor(chan, folder, relid);
	if (err)
		goto err_close;
	channel_opened(chan, relid, flags);
	*result = chan;
	return 0;

err_close:
	vmbus_close(chan);
	return err;
}

int vmbus_open_subchannel(const struct vmbus_chan *primary, uint32_t relid,
			  const struct vmbus_open_options *options, struct vmbus_chan **result)
{
	struct vmbus_device *dev = primary->device;
	struct vmbus_open_options opt;
	char *folder;
	int err;

	*result = NULL;
	if (!dev)
		return fail(-EOPNOTSUPP, "a channel from memory has no sub-channels");
	err = copy_open_options(options, &opt);
	if (err)
		return err;
	if (opt.ring_size || opt.flags & VMBUS_OPEN_EXCLUSIVE)
		return fail(
			-EINVAL,
			"ring_size %u, flags 0x%x: the primary decides the size, and who may open the device",
			opt.ring_size, opt.flags);
	if (asprintf(&folder, "%s/channels/%u", dev->sysfs, relid) < 0)
		return fail(-ENOMEM, "out of memory");
	err = open_in_folder(dev, folder, relid, opt.flags, result);
	free(folder);
	return err ? uio_error(dev, err) : 0;
}
