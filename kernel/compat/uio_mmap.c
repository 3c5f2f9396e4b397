// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

#include "../hvuio.h"
#include "vma.h"

#ifdef HVUIO_UIO_INFO_HAS_MMAP_PREPARE
/*
 * Take the reference of a new VMA. mmap_prepare cannot do so, because the
 * kernel may fail to create the VMA afterwards and does not tell the module.
 * UIO holds info_lock in both calls, and a remove takes this lock before it
 * drops its reference, so the device still exists.
 */
static int hvuio_mapped(unsigned long start, unsigned long end, pgoff_t map,
			const struct file *file, void **private)
{
	const struct hvuio_area *area = *private;

	hvuio_device_get(area->dev);
	return 0;
}
#endif

static const struct vm_operations_struct hvuio_map_ops = {
#ifdef HVUIO_UIO_INFO_HAS_MMAP_PREPARE
	.mapped = hvuio_mapped,
#endif
	.open = hvuio_map_open,
	.close = hvuio_map_close,
	.fault = hvuio_map_fault,
};

/*
 * Set up a mapping of /dev/uioN. UIO has found the map by its offset, and has
 * checked that the map exists and is not smaller than the mapping. DONTEXPAND
 * prevents a later growth of the mapping, and a merge with a neighbour that
 * maps another map. MIXEDMAP lets a fault insert its page, and keeps NUMA
 * balancing away, which would stop a program that polls a ring with hinting
 * faults. IO and PFNMAP would do so, too, but the kernel could not pin the
 * pages for I/O.
 */
#ifdef HVUIO_UIO_INFO_HAS_MMAP_PREPARE
static int hvuio_mmap(struct uio_info *info, struct vm_area_desc *desc)
{
	struct hvuio_device *dev = info->priv;

	desc->private_data = &dev->areas[desc->pgoff];
	vma_desc_set_flags(desc, VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT, VMA_MIXEDMAP_BIT);
	desc->vm_ops = &hvuio_map_ops;
	return 0;
}
#else
static int hvuio_mmap(struct uio_info *info, struct vm_area_struct *vma)
{
	struct hvuio_device *dev = info->priv;

	vma->vm_private_data = &dev->areas[vma->vm_pgoff];
	hvuio_device_get(dev);
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP);
	vma->vm_ops = &hvuio_map_ops;
	return 0;
}
#endif

/*
 * Let an mmap of /dev/uioN create a mapping with the operations of mapping.c.
 */
void hvuio_info_set_mmap(struct uio_info *info)
{
#ifdef HVUIO_UIO_INFO_HAS_MMAP_PREPARE
	info->mmap_prepare = hvuio_mmap;
#else
	info->mmap = hvuio_mmap;
#endif
}
