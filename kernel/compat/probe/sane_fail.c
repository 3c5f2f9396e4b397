// SPDX-License-Identifier: GPL-2.0-only
/*
 * Must not compile: a pointer of the wrong type. Most facts are found by one.
 */
#include <linux/hyperv.h>

static int hello(struct hv_device *hv)
{
	return 0;
}

struct hv_driver probe = { .probe = hello };
