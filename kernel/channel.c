// SPDX-License-Identifier: GPL-2.0-only
/*
 * These functions open the primary channel, and close it with all its
 * sub-channels.
 */
#include "hvuio.h"

/*
 * Open the primary channel; sub-channels follow when the host offers them. The
 * caller holds dev->lock. Returns 0, -EBUSY if something of an earlier session
 * is still there, or the error of VMBus or sysfs.
 */
int hvuio_connect(struct hvuio_device *dev)
{
	struct hvuio_channel *primary = &dev->primary;
	int ret;

	hvuio_subs_close_late(dev);
	/*
	 * The host may have offered the device only after the VM had resumed.
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
		/*
		 * A failed open leaves the module's callbacks in the channel.
		 */
		hvuio_disconnect(dev);
		return ret;
	}
	hvuio_set_add(&dev->set, primary);
	return 0;
}

/*
 * Close all channels. When the function returns, no channel callback runs, and
 * the host has released every ring or the ring is marked as not released.
 * The channels may have any state, for instance after a rescind or a failed
 * open. The caller holds dev->lock.
 */
void hvuio_disconnect(struct hvuio_device *dev)
{
	struct vmbus_channel *channel = dev->primary.channel;
	bool was_open = dev->primary.state == HVUIO_CHANNEL_OPEN;
	int ret;

	ret = hvuio_subs_close(dev);
	/*
	 * The channel is closed, but VMBus had no memory for the message that
	 * tears down the GPADL of the rings.
	 */
	if (was_open && ret == -ENOMEM && hvuio_ring_gpadl_is_unreleased(channel))
		ret = hvuio_ring_gpadl_teardown(channel);
	if (was_open && (ret || hvuio_ring_gpadl_is_unreleased(channel))) {
		dev_err(&dev->hv->device, "the host does not close the channel: %d\n", ret);
		dev->primary.ring.unreleased = true;
	}
	hvuio_ring_unmap(channel);
}

/*
 * Close all channels for good, because the device is being removed. The
 * function does not walk over the sub-channels of a closed device, because each
 * walk is a risk: VMBus waits forever for a closed sub-channel that the host
 * rescinds at that moment. The caller holds dev->lock.
 */
void hvuio_disconnect_last(struct hvuio_device *dev)
{
	if (dev->primary.state == HVUIO_CHANNEL_OPEN)
		hvuio_disconnect(dev);
	else
		hvuio_subs_close_late(dev);
	hvuio_subs_end(dev);
}
