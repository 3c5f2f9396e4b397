// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>

#include "../hvuio.h"
#include "vma.h"

/*
 * Sysfs has operations of its own and asks these. Without page_mkwrite it would answer for us, and
 * memory management repeats a write to a page that has no file's mapping until it is locked.
 */
static vm_fault_t hvuio_ring_file_page_mkwrite(struct vm_fault *vmf)
{
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct hvuio_ring_file_ops = {
	.page_mkwrite = hvuio_ring_file_page_mkwrite,
};

/*
 * The mapping holds a reference to every page: an mmap that is just returning is not yet known to
 * the file's removal, and with bare page frames it would show memory that belongs to others.
 */
#ifdef HVUIO_CHANNEL_HAS_MMAP_PREPARE_RING_BUFFER
static int hvuio_ring_file_mmap(struct vmbus_channel *channel, struct vm_area_desc *desc)
{
	struct page **pages = hvuio_ring_mappable(get_per_channel_state(channel), desc->pgoff,
						  vma_desc_pages(desc));

	if (IS_ERR(pages))
		return PTR_ERR(pages);
	vma_desc_set_flags(desc, VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	desc->vm_ops = &hvuio_ring_file_ops;
	mmap_action_map_kernel_pages_full(desc, pages);
	return 0;
}
#else
static int hvuio_ring_file_map(struct hvuio_channel *hc, struct vm_area_struct *vma)
{
	struct page **pages = hvuio_ring_mappable(hc, vma->vm_pgoff, vma_pages(vma));
	unsigned long i;
	int ret;

	if (IS_ERR(pages))
		return PTR_ERR(pages);
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &hvuio_ring_file_ops;
	for (i = 0; i < vma_pages(vma); i++) {
		ret = vm_insert_page(vma, vma->vm_start + (i << PAGE_SHIFT), pages[i]);
		if (ret)
			return ret;
	}
	return 0;
}
#endif

/*
 * Probe may run before the kernel has made the primary's folder, or while it does. A sub-channel
 * has its own when we hear of it.
 */
static bool hvuio_ring_folder_is_made(const struct vmbus_channel *channel)
{
	return channel->primary_channel || READ_ONCE(channel->probe_done);
}

#ifdef HVUIO_KERNEL_MAKES_RING_FILE

#ifdef HVUIO_CHANNEL_HAS_MMAP_RING_BUFFER
static int hvuio_ring_file_mmap(struct vmbus_channel *channel, struct vm_area_struct *vma)
{
	return hvuio_ring_file_map(get_per_channel_state(channel), vma);
}
#endif

/*
 * Until 7.2 the kernel has one place for the size of all these files, for the one being made.
 * Nothing is taken under this lock.
 */
#ifdef HVUIO_CHANNEL_HAS_MMAP_RING_BUFFER
static DEFINE_MUTEX(hvuio_ring_file_mutex);
#define hvuio_ring_file_lock()		mutex_lock(&hvuio_ring_file_mutex)
#define hvuio_ring_file_unlock()	mutex_unlock(&hvuio_ring_file_mutex)
#else
#define hvuio_ring_file_lock()		do { } while (0)
#define hvuio_ring_file_unlock()	do { } while (0)
#endif

int hvuio_ring_file_create(struct hvuio_channel *hc)
{
	int ret;

	/* Two that make files in one folder at a time get in each other's way; the core fails. */
	if (!hvuio_ring_folder_is_made(hc->channel))
		return -EAGAIN;
	/* The kernel takes the file's size from here. */
	hc->channel->ringbuffer_pagecount = hc->ring.nr_pages;
	set_per_channel_state(hc->channel, hc);
	hc->ring_file.there = true;
	hvuio_ring_file_lock();
	ret = hv_create_ring_sysfs(hc->channel, hvuio_ring_file_mmap);
	hvuio_ring_file_unlock();
	return ret;
}

void hvuio_ring_file_remove(struct hvuio_channel *hc)
{
	if (!hc->ring_file.there)
		return;
	hv_remove_ring_sysfs(hc->channel);
	set_per_channel_state(hc->channel, NULL);
	hc->ring_file.there = false;
}

#else

#ifdef HVUIO_BIN_ATTRIBUTE_MMAP_TAKES_CONST
#define HVUIO_ATTR_CONST const
#else
#define HVUIO_ATTR_CONST
#endif

static int hvuio_ring_file_mmap(struct file *file, struct kobject *kobj,
				HVUIO_ATTR_CONST struct bin_attribute *attr,
				struct vm_area_struct *vma)
{
	return hvuio_ring_file_map(container_of(attr, struct hvuio_channel, ring_file.attr), vma);
}

int hvuio_ring_file_create(struct hvuio_channel *hc)
{
	struct bin_attribute *attr = &hc->ring_file.attr;
	int ret;

	if (hc->ring_file.there)
		return 0;
	if (!hvuio_ring_folder_is_made(hc->channel))
		return -EAGAIN;
	sysfs_bin_attr_init(attr);
	attr->attr.name = "ring";
	attr->attr.mode = 0600;
	attr->size = hvuio_ring_bytes(&hc->ring);
	attr->mmap = hvuio_ring_file_mmap;
	ret = sysfs_create_bin_file(&hc->channel->kobj, attr);
	if (!ret)
		hc->ring_file.there = true;
	return ret;
}

void hvuio_ring_file_remove(struct hvuio_channel *hc)
{
	if (!hc->ring_file.there)
		return;
	sysfs_remove_bin_file(&hc->channel->kobj, &hc->ring_file.attr);
	hc->ring_file.there = false;
}

#endif
