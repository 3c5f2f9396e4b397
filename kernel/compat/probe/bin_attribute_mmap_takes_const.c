// SPDX-License-Identifier: GPL-2.0-only
/* 6.13: bin_attribute.mmap() takes a const attribute. */
#include <linux/sysfs.h>

static int mmap(struct file *file, struct kobject *kobj, const struct bin_attribute *attr,
		struct vm_area_struct *vma)
{
	return 0;
}

struct bin_attribute probe = { .mmap = mmap };
