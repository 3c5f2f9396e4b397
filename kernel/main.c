// SPDX-License-Identifier: GPL-2.0-only
/*
 * uio_hv_generic gives VMBus devices to drivers in user space.
 *
 * The structures in hvuio.h explain who owns which memory.
 */
#include <linux/module.h>

#include "compat/isolation.h"
#include "compat/remove.h"
#include "hvuio.h"

static int hvuio_probe(struct hv_device *hv, const struct hv_vmbus_device_id *id)
{
	return hvuio_device_create(hv);
}

static void hvuio_remove(struct hv_device *hv)
{
	hvuio_device_destroy(hv_get_drvdata(hv));
}

HVUIO_DEFINE_REMOVE(hvuio_remove)

/*
 * Suspend a device. The kernel calls suspend and resume without the lock of the
 * device, so a rescind may remove the device meanwhile. No probe runs then,
 * because the kernel has waited for running ones and defers new ones.
 */
static int hvuio_suspend(struct hv_device *hv)
{
	struct hvuio_device *dev = hvuio_device_find(hv->channel);

	if (!dev)
		return 0;
	hvuio_device_suspend(dev);
	hvuio_device_put(dev);
	return 0;
}

static int hvuio_resume(struct hv_device *hv)
{
	struct hvuio_device *dev = hvuio_device_find(hv->channel);
	int ret;

	if (!dev)
		return 0;
	ret = hvuio_device_resume(dev);
	hvuio_device_put(dev);
	return ret;
}

/*
 * User space decides with new_id and driver_override which devices the module
 * binds. This module also has the ids of the kernel's own module, because it
 * replaces that module and must not leave a device without a driver.
 */
static const struct hv_vmbus_device_id hvuio_ids[] = {
#ifdef HVUIO_STOCK_CLAIMS_FCOPY
	{ HV_FCOPY_GUID },
#endif
	{}
};
MODULE_DEVICE_TABLE(vmbus, hvuio_ids);

static struct hv_driver hvuio_driver = {
	.name = "uio_hv_generic",
	.driver = {
		.groups = hvuio_driver_groups,
	},
	.id_table = hvuio_ids,
	.probe = hvuio_probe,
	.remove = hv_driver_remove(hvuio_remove),
	.suspend = hvuio_suspend,
	.resume = hvuio_resume,
};

static int __init hvuio_init(void)
{
	int ret;

	if (hv_is_isolation_supported()) {
		pr_err("confidential VMs are not supported, not loading\n");
		return -EOPNOTSUPP;
	}
	ret = hvuio_vmbus_check();
	if (ret)
		return ret;
	ret = vmbus_driver_register(&hvuio_driver);
	if (ret)
		goto err_register;
	if (!hvuio_subs_can_quiesce())
		__module_get(THIS_MODULE);
	return 0;

err_register:
	/* The driver may have bound devices before the registration failed. */
	hvuio_subs_quiesce();
	return ret;
}

static void __exit hvuio_exit(void)
{
	vmbus_driver_unregister(&hvuio_driver);
	hvuio_subs_quiesce();
}

module_init(hvuio_init);
module_exit(hvuio_exit);

MODULE_AUTHOR("The hyperv-uio authors");
MODULE_DESCRIPTION("VMBus devices for drivers in user space");
MODULE_LICENSE("GPL");
/*
 * The epoch makes this version newer than that of the kernel's own module,
 * which is 0.02.0 or 0.02.1. DKMS does not install a module without a version,
 * or one that looks older than the module it replaces.
 */
MODULE_VERSION("1:" HVUIO_VERSION);
