// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file implements channels/RELID/ring. Newer kernels can create that file
 * for a driver, but they keep the size of all such files in one variable, and
 * recreate all attributes of the channel along with the file. So the module
 * creates the file itself on every kernel.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/sysfs.h"
#include "compat/vma.h"
#include "hvuio.h"

#define HVUIO_RING_FILE_RETRY msecs_to_jiffies(5)

/*
 * Make a page writable. sysfs has operations of its own, which call this one.
 * Without it, sysfs would return 0, and memory management would repeat the
 * fault forever, because the page belongs to no file and is not locked.
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
 * Map the rings. The mapping holds a reference to every page. The removal of
 * the file misses an mmap that is just returning, and with bare page frames
 * such a mapping would expose memory of others.
 */
static int hvuio_ring_file_mmap(struct file *file, struct kobject *kobj,
				HVUIO_ATTR_CONST struct bin_attribute *attr,
				struct vm_area_struct *vma)
{
	struct hvuio_channel *hc = container_of(attr, struct hvuio_channel, ring_file.attr);
	unsigned long i, first = vma->vm_pgoff, count = vma_pages(vma);
	int ret;

	if (READ_ONCE(hc->state) != HVUIO_CHANNEL_OPEN)
		return -ENODEV;
	if (first >= hc->ring.nr_pages || count > hc->ring.nr_pages - first)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &hvuio_ring_file_ops;
	for (i = 0; i < count; i++) {
		ret = vm_insert_page(vma, vma->vm_start + (i << PAGE_SHIFT),
				     hc->ring.pages + first + i);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Whether the directory of the channel exists. Probe may run before the kernel
 * has created the primary's directory, or while it does so. A sub-channel has
 * its directory before the module's callback runs.
 */
static bool hvuio_ring_folder_is_made(const struct vmbus_channel *channel)
{
	/* sysfs then reads the kobject, which VMBus wrote before probe_done. */
	return channel->primary_channel || smp_load_acquire(&channel->probe_done);
}

/*
 * Create the file. Returns 0, -EAGAIN if the channel has no directory yet, or
 * the error of sysfs.
 */
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
		hc->ring_file.exists = true;
	return ret;
}

static void hvuio_ring_file_work(struct work_struct *work)
{
	struct hvuio_channel *hc =
		container_of(to_delayed_work(work), struct hvuio_channel, ring_file.work);
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
 * Create the file, with the size of the rings. If the channel has no directory
 * yet, or there is no memory, a work item creates the file some milliseconds
 * later. Returns 0 or -errno.
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
 * Remove the file. The function waits for running mmaps and revokes existing
 * mappings.
 */
void hvuio_ring_file_remove(struct hvuio_channel *hc)
{
	cancel_delayed_work_sync(&hc->ring_file.work);
	if (!hc->ring_file.exists)
		return;
	sysfs_remove_bin_file(&hc->channel->kobj, &hc->ring_file.attr);
	hc->ring_file.exists = false;
}
