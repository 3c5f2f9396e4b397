// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file must not compile, because it has a pointer of the wrong type. Most
 * facts depend on such an error.
 */
#include <linux/hyperv.h>

static int hello(struct hv_device *hv)
{
	return 0;
}

struct hv_driver probe = { .probe = hello };
