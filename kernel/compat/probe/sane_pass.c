// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file must compile. If it does not, the compiler or the headers are
 * broken, and no other result counts.
 */
#include <linux/module.h>
#include <linux/hyperv.h>
#include <linux/uio_driver.h>

static int hello(struct hv_device *hv, const struct hv_vmbus_device_id *id)
{
	return 0;
}

struct hv_driver probe = { .probe = hello };
