// SPDX-License-Identifier: GPL-2.0-only
/*
 * channels/RELID/ring. Newer kernels can make this file for a driver, but they
 * have one place for the size of all such files, and recreate all attributes of
 * the channel with it. So the file is ours on every kernel.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/sysfs.h"
#include "compat/vma.h"
#include "hvuio.h"

#define HVUIO_RING_FILE_RETRY	msecs_to_jiffies(5)

/*
 * Sysfs has operations of its own and asks these. Without page_mkwrite it would
 * answer for us, and memory management repeats a write to a page that has no
 * file's mapping until it is locked.
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
 * The mapping holds a reference to every page: an mmap that is just returning
 * is not yet known to the file's removal, and with bare page frames it would
 * show memory that belongs to others.
 */
static int hvuio_ring_file_mmap(struct file *file, struct kobject *kobj,
				HVUIO_ATTR_CONST struct bin_attribute *attr,
				struct vm_area_struct *vma)
{
	struct hvuio_channel *hc = container_of(attr, struct hvuio_channel, ring_file.attr);
	unsigned long i, first = vma->vm_pgoff, count = vma_pages(vma);
	int ret;

	if (!READ_ONCE(hc->open))
		return -ENODEV;
	if (first >= hc->ring.nr_pages || count > hc->ring.nr_pages - first)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &hvuio_ring_file_ops;
	for (i = 0; i < count; i++) {
		ret = vm_insert_page(vma, vma->vm_start + (i << PAGE_SHIFT),
				     hc->ring.pages[first + i]);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Probe may run before the kernel has made the primary's folder, or while it
 * does. A sub-channel has its own when we hear of it.
 */
static bool hvuio_ring_folder_is_made(const struct vmbus_channel *channel)
{
	return channel->primary_channel || READ_ONCE(channel->probe_done);
}

/* 0, -EAGAIN when the channel has no folder yet, or what sysfs says. */
static int hvuio_ring_file_make(struct hvuio_channel *hc)
{
	struct bin_attribute *attr = &hc->ring_file.attr;
	int ret;

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

static void hvuio_ring_file_work(struct work_struct *work)
{
	struct hvuio_channel *hc = container_of(to_delayed_work(work), struct hvuio_channel,
						ring_file.work);
	int ret = hvuio_ring_file_create(hc);

	if (ret)
		pr_err("channel %u: cannot create the ring file: %d\n",
		       hc->channel->offermsg.child_relid, ret);
}

void hvuio_ring_file_init(struct hvuio_channel *hc)
{
	INIT_DELAYED_WORK(&hc->ring_file.work, hvuio_ring_file_work);
}

/*
 * Create the file, with the size of the rings. It comes some milliseconds later
 * when the channel has no folder yet, or when there is no memory. 0 or -errno.
 */
int hvuio_ring_file_create(struct hvuio_channel *hc)
{
	int ret = hvuio_ring_file_make(hc);

	if (ret != -EAGAIN && ret != -ENOMEM)
		return ret;
	schedule_delayed_work(&hc->ring_file.work, HVUIO_RING_FILE_RETRY);
	return 0;
}

/*
 * Remove the file: wait for mmaps at work and take existing mappings from their
 * users.
 */
void hvuio_ring_file_remove(struct hvuio_channel *hc)
{
	cancel_delayed_work_sync(&hc->ring_file.work);
	if (!hc->ring_file.there)
		return;
	sysfs_remove_bin_file(&hc->channel->kobj, &hc->ring_file.attr);
	hc->ring_file.there = false;
}
