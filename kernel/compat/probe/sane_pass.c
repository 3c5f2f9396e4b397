// SPDX-License-Identifier: GPL-2.0-only
/*
 * Must compile: else the compiler or the headers are broken, and no other
 * answer counts.
 */
#include <linux/module.h>
#include <linux/hyperv.h>
#include <linux/uio_driver.h>

static int hello(struct hv_device *hv, const struct hv_vmbus_device_id *id)
{
	return 0;
}

struct hv_driver probe = { .probe = hello };
