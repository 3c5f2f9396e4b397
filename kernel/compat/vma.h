/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_VMA_H
#define HVUIO_COMPAT_VMA_H

#include <linux/mm.h>

#ifndef HVUIO_HAS_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
