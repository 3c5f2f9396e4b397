// SPDX-License-Identifier: GPL-2.0-only
/*
 * This module logs the offer of each device as VMBus has received it, with the
 * fields that sysfs does not show.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hyperv.h>
#include <linux/module.h>

static int log_offer(struct device *dev, void *unused)
{
	const struct vmbus_channel_offer_channel *msg =
		&container_of(dev, struct hv_device, device)->channel->offermsg;

	pr_info("%pUl relid %u connection %#x flags %#x user-defined %*ph monitor %u allocated %u dedicated %u sub-channel %u\n",
		&msg->offer.if_instance, msg->child_relid, msg->connection_id, msg->offer.chn_flags,
		8, msg->offer.u.std.user_def, msg->monitorid, msg->monitor_allocated,
		msg->is_dedicated_interrupt, msg->offer.sub_channel_index);
	return 0;
}

/* The driver takes no device. It leads to the bus, which has no name for us. */
static const struct hv_vmbus_device_id no_devices[] = { {} };

static struct hv_driver driver = {
	.name = "offer",
	.id_table = no_devices,
};

static int __init offer_init(void)
{
	int ret = vmbus_driver_register(&driver);

	return ret ? ret : bus_for_each_dev(driver.driver.bus, NULL, NULL, log_offer);
}

static void __exit offer_exit(void)
{
	vmbus_driver_unregister(&driver);
}

module_init(offer_init);
module_exit(offer_exit);
MODULE_DESCRIPTION("Logs the offers of devices");
MODULE_LICENSE("GPL");
