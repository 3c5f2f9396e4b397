// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file keeps the list of bound devices, and counts the references to a
 * device.
 */
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "hvuio.h"

static LIST_HEAD(hvuio_devices);
static DEFINE_SPINLOCK(hvuio_devices_lock);

/* Let hvuio_device_find() find the device. */
void hvuio_device_add(struct hvuio_device *dev)
{
	spin_lock(&hvuio_devices_lock);
	list_add_tail(&dev->node, &hvuio_devices);
	spin_unlock(&hvuio_devices_lock);
}

/* Hide the device from hvuio_device_find(). */
void hvuio_device_unlink(struct hvuio_device *dev)
{
	spin_lock(&hvuio_devices_lock);
	list_del(&dev->node);
	spin_unlock(&hvuio_devices_lock);
}

/*
 * Return the bound device of a primary channel, with a reference, or NULL. The
 * function does not dereference @primary.
 */
struct hvuio_device *hvuio_device_find(struct vmbus_channel *primary)
{
	struct hvuio_device *dev, *found = NULL;

	spin_lock(&hvuio_devices_lock);
	list_for_each_entry(dev, &hvuio_devices, node) {
		if (dev->primary.channel == primary) {
			found = hvuio_device_get(dev);
			break;
		}
	}
	spin_unlock(&hvuio_devices_lock);
	return found;
}

struct hvuio_device *hvuio_device_get(struct hvuio_device *dev)
{
	kref_get(&dev->ref);
	return dev;
}

static void hvuio_device_release(struct kref *ref)
{
	kfree(container_of(ref, struct hvuio_device, ref));
}

void hvuio_device_put(struct hvuio_device *dev)
{
	kref_put(&dev->ref, hvuio_device_release);
}
