// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "hvuio.h"

/*
 * An open of /dev/uioN, with a reference to its inode. Several nodes may name
 * one device.
 */
struct hvuio_inode {
	struct list_head node;
	struct inode *inode;
};

static void hvuio_inode_forget(struct hvuio_inode *it)
{
	list_del(&it->node);
	iput(it->inode);
	kfree(it);
}

/* Record an open of the device through @inode. Returns 0 or -ENOMEM. */
int hvuio_inode_get(struct list_head *inodes, struct inode *inode)
{
	struct hvuio_inode *it;

	it = kmalloc(sizeof(*it), GFP_KERNEL);
	if (!it)
		return -ENOMEM;
	ihold(inode);
	it->inode = inode;
	list_add_tail(&it->node, inodes);
	return 0;
}

/* Forget an open of the device through @inode. */
void hvuio_inode_put(struct list_head *inodes, struct inode *inode)
{
	struct hvuio_inode *it;

	list_for_each_entry(it, inodes, node) {
		if (it->inode == inode) {
			hvuio_inode_forget(it);
			return;
		}
	}
}

/*
 * Return a page of a map, or NULL beyond its end. The caller holds maps_lock.
 */
static struct page *hvuio_map_page(const struct hvuio_area *area, unsigned long index)
{
	void *mem = area->mem + (index << PAGE_SHIFT);

	if (index >= DIV_ROUND_UP(area->size, PAGE_SIZE))
		return NULL;
	return is_vmalloc_addr(mem) ? vmalloc_to_page(mem) : virt_to_page(mem);
}

/*
 * Revoke the pages of every mapping of /dev/uioN, so that the next access
 * raises SIGBUS. A mapping that a program creates later gets no page. The
 * caller holds dev->lock, for which the close of a file waits, so each file
 * system is still mounted.
 */
void hvuio_maps_revoke(struct hvuio_device *dev)
{
	struct hvuio_inode *it, *next;

	/* A fault maps its page under the lock, so it is complete or fails. */
	mutex_lock(&dev->maps_lock);
	dev->maps_revoked = true;
	mutex_unlock(&dev->maps_lock);

	list_for_each_entry_safe(it, next, &dev->inodes, node) {
		unmap_mapping_range(it->inode->i_mapping, 0, 0, 1);
		hvuio_inode_forget(it);
	}
}

static void hvuio_map_set(struct hvuio_device *dev, enum hvuio_map map, const char *name, void *mem,
			  size_t size)
{
	dev->areas[map].dev = dev;
	dev->areas[map].mem = mem;
	dev->areas[map].size = size;
	dev->info.mem[map].name = name;
	dev->info.mem[map].size = size;
	/*
	 * UIO calls the module's mmap and needs no address. The address stays
	 * 0, because everybody can read it in sysfs.
	 */
	dev->info.mem[map].memtype = UIO_MEM_LOGICAL;
}

/*
 * Set the memory behind the maps. Page faults fill the mappings, with a
 * reference to each page. The module could not revoke bare page frames
 * (UIO_MEM_IOVA) from a mapping that a program is just creating. The caller
 * holds maps_lock if others can already find the device. UIO's files in sysfs
 * read the values without the lock.
 */
void hvuio_maps_set(struct hvuio_device *dev)
{
	struct hvuio_ring *ring = &dev->primary.ring;

	hvuio_map_set(dev, HVUIO_MAP_RINGS, "txrx_rings", page_address(ring->pages),
		      hvuio_ring_bytes(ring));
	hvuio_map_set(dev, HVUIO_MAP_INT_PAGE, "int_page", hvuio_vmbus_int_page(),
		      HV_HYP_PAGE_SIZE);
	hvuio_map_set(dev, HVUIO_MAP_MONITOR_PAGE, "monitor_page", hvuio_vmbus_monitor_page(),
		      HV_HYP_PAGE_SIZE);
	if (!dev->recv.mem)
		return;
	hvuio_map_set(dev, HVUIO_MAP_RECV, dev->recv.name, dev->recv.mem, dev->recv.size);
	hvuio_map_set(dev, HVUIO_MAP_SEND, dev->send.name, dev->send.mem, dev->send.size);
}

/*
 * Handle a fault of /dev/uioN. UIO's own fault handler finds the map by
 * vma->vm_pgoff, but the second part of a split VMA begins at another offset.
 * The mapping holds a reference to the page.
 */
vm_fault_t hvuio_map_fault(struct vm_fault *vmf)
{
	struct hvuio_area *area = vmf->vma->vm_private_data;
	struct hvuio_device *dev = area->dev;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct page *page = NULL;

	mutex_lock(&dev->maps_lock);
	if (!dev->maps_revoked)
		page = hvuio_map_page(area, vmf->pgoff - (area - dev->areas));
	if (page && PageHWPoison(page))
		ret = VM_FAULT_HWPOISON;
	else if (page)
		ret = vmf_insert_page(vmf->vma, vmf->address, page);
	mutex_unlock(&dev->maps_lock);
	return ret;
}

/* Take a reference for the copy of a VMA after a split, a move or a fork. */
void hvuio_map_open(struct vm_area_struct *vma)
{
	struct hvuio_area *area = vma->vm_private_data;

	hvuio_device_get(area->dev);
}

/* Drop the reference of a VMA. Its file still holds this module. */
void hvuio_map_close(struct vm_area_struct *vma)
{
	struct hvuio_area *area = vma->vm_private_data;

	hvuio_device_put(area->dev);
}
