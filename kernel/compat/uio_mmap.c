// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

#include "../hvuio.h"
#include "uio_mmap.h"
#include "vma.h"

/*
 * UIO has found the map by its offset, and that it is not smaller than the
 * mapping. DONTEXPAND keeps it so, and keeps neighbours of different maps from
 * being merged.
 */
#ifdef HVUIO_UIO_INFO_HAS_MMAP_PREPARE
static int hvuio_mmap(struct uio_info *info, struct vm_area_desc *desc)
{
	const struct vm_operations_struct *ops = hvuio_map_ops(desc->pgoff);

	if (!ops)
		return -EINVAL;
	vma_desc_set_flags(desc, VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	desc->private_data = hvuio_device_get(info->priv);
	desc->vm_ops = ops;
	return 0;
}
#else
static int hvuio_mmap(struct uio_info *info, struct vm_area_struct *vma)
{
	const struct vm_operations_struct *ops = hvuio_map_ops(vma->vm_pgoff);

	if (!ops)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = hvuio_device_get(info->priv);
	vma->vm_ops = ops;
	return 0;
}
#endif

void hvuio_info_set_mmap(struct uio_info *info)
{
#ifdef HVUIO_UIO_INFO_HAS_MMAP_PREPARE
	info->mmap_prepare = hvuio_mmap;
#else
	info->mmap = hvuio_mmap;
#endif
}
