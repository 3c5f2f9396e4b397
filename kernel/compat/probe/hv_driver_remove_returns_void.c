// SPDX-License-Identifier: GPL-2.0-only
/*
 * 6.3, 96ec2939620c "Drivers: hv: Make remove callback of hyperv driver void
 * returned"
 */
#include <linux/hyperv.h>

static void gone(struct hv_device *hv)
{
}

struct hv_driver probe = { .remove = gone };
