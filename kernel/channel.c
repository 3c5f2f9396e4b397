// SPDX-License-Identifier: GPL-2.0-only
/* Opening the primary channel, and closing it with all its sub-channels. */
#include "hvuio.h"

/*
 * Open the primary; sub-channels follow as the host offers them. Under lock. 0,
 * -EBUSY when something of an earlier session is still there, or what VMBus or
 * sysfs says.
 */
int hvuio_connect(struct hvuio_device *dev)
{
	struct hvuio_channel *primary = &dev->primary;
	int ret;

	/* Sub-channels that came too late for the last close. */
	if (!hvuio_set_is_empty(&dev->set))
		hvuio_disconnect(dev);
	/*
	 * The host may have offered the device later than the VM was resumed.
	 */
	ret = hvuio_vmbus_name_folder(primary->channel);
	if (ret)
		return ret == -EEXIST ? -EBUSY : ret;
	ret = hvuio_subs_accept(dev);
	if (ret)
		return ret;
	hvuio_buffer_clear(&dev->recv);
	hvuio_buffer_clear(&dev->send);
	ret = hvuio_ring_connect(&primary->ring, primary->channel, hvuio_interrupt, dev);
	if (ret) {
		/* A failed open leaves our callbacks in the channel. */
		hvuio_disconnect(dev);
		return ret;
	}
	mutex_lock(&dev->set.lock);
	hvuio_set_add(&dev->set, primary);
	mutex_unlock(&dev->set.lock);
	return 0;
}

/*
 * Close all channels. When this returns, no channel callback runs and the host
 * has given every ring back, or the ring is marked as held. The state of the
 * channels may be any, also after a rescind and after an open that failed.
 * Under lock.
 */
void hvuio_disconnect(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	bool was_open = READ_ONCE(dev->primary.open);
	int ret;

	ret = hvuio_subs_close(dev);
	/*
	 * It is closed, but VMBus had no memory for the message that takes the
	 * rings back.
	 */
	if (was_open && ret == -ENOMEM && hvuio_ring_gpadl_is_held(channel))
		ret = hvuio_ring_gpadl_teardown(channel);
	if (was_open && (ret || hvuio_ring_gpadl_is_held(channel))) {
		dev_err(&dev->hv->device, "the host does not close the channel: %d\n", ret);
		dev->primary.ring.held_by_host = true;
	}
	hvuio_ring_unmap(channel);
}

/*
 * Close all channels before the device goes, so that none is open or will be
 * opened. This does not walk over the sub-channels of a closed device, because
 * each walk is a risk: VMBus waits for ever for one that is closed and is being
 * rescinded at that moment. Under lock.
 */
void hvuio_disconnect_last(struct hvuio_device *dev)
{
	if (!hvuio_set_is_empty(&dev->set))
		hvuio_disconnect(dev);
	hvuio_subs_end(dev);
}
