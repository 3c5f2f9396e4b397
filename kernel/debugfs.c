// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file shows the counters of each bound device in debugfs. doc/ABI
 * describes them. Nothing depends on them, so errors are ignored.
 */
#include <linux/debugfs.h>
#include <linux/device.h>

#include "hvuio.h"

static struct dentry *hvuio_debugfs;

static int hvuio_counter_get(void *counter, u64 *value)
{
	*value = atomic64_read(counter);
	return 0;
}
DEFINE_SIMPLE_ATTRIBUTE(hvuio_counter_ops, hvuio_counter_get, NULL, "%llu\n");

void hvuio_debugfs_init(void)
{
	hvuio_debugfs = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

void hvuio_debugfs_exit(void)
{
	debugfs_remove_recursive(hvuio_debugfs);
}

void hvuio_debugfs_add(struct hvuio_device *dev)
{
	/*
	 * After a failure an old kernel returns NULL, and would treat NULL as
	 * the root of debugfs.
	 */
	if (IS_ERR_OR_NULL(hvuio_debugfs))
		return;
	dev->debugfs = debugfs_create_dir(dev_name(&dev->hv->device), hvuio_debugfs);
	if (IS_ERR_OR_NULL(dev->debugfs))
		return;
	debugfs_create_file("opens", 0400, dev->debugfs, &dev->nr_opens, &hvuio_counter_ops);
	debugfs_create_file("events", 0400, dev->debugfs, &dev->nr_events, &hvuio_counter_ops);
	debugfs_create_file("signals", 0400, dev->debugfs, &dev->nr_signals, &hvuio_counter_ops);
}

/* Remove the files of a device, and wait for their readers. */
void hvuio_debugfs_remove(struct hvuio_device *dev)
{
	debugfs_remove_recursive(dev->debugfs);
}
