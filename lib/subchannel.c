// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sub-channels of a device: finding them, waiting for them, opening one. */

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
	err = uio_open(dev, &chan);
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
	err = uio_map_file(chan, MAP_RINGS, fd, st.st_size, 0);
	if (err) {
		fail(err, "%s: cannot map %s, %lld bytes: %s", dev->instance, path,
		     (long long)st.st_size, strerror(-err));
		goto err_fd;
	}
	err = uio_open_rings(chan, chan->maps[MAP_RINGS].addr, st.st_size);
	if (!err)
		err = uio_open_monitor(chan, folder, relid);
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
