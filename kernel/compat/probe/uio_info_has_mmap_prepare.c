// SPDX-License-Identifier: GPL-2.0-only
/*
 * 7.2: uio_info.mmap() became mmap_prepare(), with a VMA descriptor, and
 * vm_operations_struct has mapped().
 */
#include <linux/mm.h>
#include <linux/uio_driver.h>

static int prepare(struct uio_info *info, struct vm_area_desc *desc)
{
	return 0;
}

struct uio_info probe = { .mmap_prepare = prepare };
