// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "hvuio.h"

/*
 * An inode through which /dev/uioN is open; several nodes may name one device. The open file, or
 * the mapping that keeps it open, keeps the inode, so no reference is needed here until
 * hvuio_inodes_pin().
 */
struct hvuio_inode {
	struct list_head node;
	struct inode *inode;
	unsigned int opens;
};

int hvuio_inode_get(struct list_head *inodes, struct inode *inode)
{
	struct hvuio_inode *it;

	list_for_each_entry(it, inodes, node) {
		if (it->inode == inode) {
			it->opens++;
			return 0;
		}
	}
	it = kmalloc(sizeof(*it), GFP_KERNEL);
	if (!it)
		return -ENOMEM;
	it->inode = inode;
	it->opens = 1;
	list_add_tail(&it->node, inodes);
	return 0;
}

void hvuio_inode_put(struct list_head *inodes, struct inode *inode)
{
	struct hvuio_inode *it;

	list_for_each_entry(it, inodes, node) {
		if (it->inode != inode)
			continue;
		if (!--it->opens) {
			list_del(&it->node);
			kfree(it);
		}
		return;
	}
}

/*
 * From here the inodes stay, though their files may be closed without our knowing. The file
 * system has to stay with them: an unmount would complain of busy inodes and free its own.
 */
void hvuio_inodes_pin(struct list_head *inodes)
{
	struct hvuio_inode *it;

	list_for_each_entry(it, inodes, node) {
		ihold(it->inode);
		atomic_inc(&it->inode->i_sb->s_active);
	}
}

/* The page of a map, or NULL behind its end. Under maps_lock, or when the maps are revoked. */
static struct page *hvuio_map_page(struct hvuio_device *dev, unsigned long map, unsigned long index)
{
	const struct uio_mem *mem = &dev->info.mem[map];
	void *addr;

	if (index >= DIV_ROUND_UP(mem->size, PAGE_SIZE))
		return NULL;
	addr = (void *)(uintptr_t)mem->addr + (index << PAGE_SHIFT);
	return mem->memtype == UIO_MEM_VIRTUAL ? vmalloc_to_page(addr) : virt_to_page(addr);
}

/* Waits for the faults that began before the maps were revoked. */
static void hvuio_faults_wait(struct hvuio_device *dev)
{
	unsigned long map, index;
	struct page *page;

	for (map = 0; map < HVUIO_MAPS; map++) {
		for (index = 0; (page = hvuio_map_page(dev, map, index)); index++) {
			lock_page(page);
			unlock_page(page);
		}
	}
}

/*
 * Takes the pages of every mapping of /dev/uioN from its users; the next touch is a SIGBUS. The
 * list is pinned, and is empty afterwards.
 */
void hvuio_maps_revoke(struct hvuio_device *dev, struct list_head *inodes)
{
	struct hvuio_inode *it, *next;

	spin_lock(&dev->maps_lock);
	WRITE_ONCE(dev->maps_revoked, true);
	spin_unlock(&dev->maps_lock);
	hvuio_faults_wait(dev);

	list_for_each_entry_safe(it, next, inodes, node) {
		struct super_block *sb = it->inode->i_sb;

		unmap_mapping_range(it->inode->i_mapping, 0, 0, 1);
		iput(it->inode);
		deactivate_super(sb);
		list_del(&it->node);
		kfree(it);
	}
}

static void hvuio_map_set(struct hvuio_device *dev, enum hvuio_map map, const char *name,
			  void *addr, size_t size, int memtype)
{
	struct uio_mem *mem = &dev->info.mem[map];

	mem->name = name;
	mem->addr = (phys_addr_t)(uintptr_t)addr;
	mem->size = size;
	mem->memtype = memtype;
}

/*
 * All maps are filled by faults, with a reference to each page. Bare page frames
 * (UIO_MEM_IOVA) could not be taken from a mapping that is just being made. Under maps_lock once
 * the device can be found; UIO's files in sysfs read without it.
 */
void hvuio_maps_set(struct hvuio_device *dev)
{
	struct hvuio_ring *ring = &dev->primary.ring;

	hvuio_map_set(dev, HVUIO_MAP_RINGS, "txrx_rings", page_address(ring->pages[0]),
		      hvuio_ring_bytes(ring), UIO_MEM_LOGICAL);
	hvuio_map_set(dev, HVUIO_MAP_INT_PAGE, "int_page", hvuio_vmbus_int_page(),
		      HV_HYP_PAGE_SIZE, UIO_MEM_LOGICAL);
	hvuio_map_set(dev, HVUIO_MAP_MONITOR_PAGE, "monitor_page", hvuio_vmbus_monitor_page(),
		      HV_HYP_PAGE_SIZE, UIO_MEM_LOGICAL);
	if (!dev->recv->mem)
		return;
	hvuio_map_set(dev, HVUIO_MAP_RECV, dev->recv->name, dev->recv->mem, dev->recv->size,
		      UIO_MEM_VIRTUAL);
	hvuio_map_set(dev, HVUIO_MAP_SEND, dev->send->name, dev->send->mem, dev->send->size,
		      UIO_MEM_VIRTUAL);
}

static const struct vm_operations_struct hvuio_ops[HVUIO_MAPS];

/*
 * The map is told by the operations, not by vma->vm_pgoff as in UIO's own fault handler: of a VMA
 * that was split, the second part begins at another offset.
 */
static vm_fault_t hvuio_map_fault(struct vm_fault *vmf)
{
	struct hvuio_device *dev = vmf->vma->vm_private_data;
	unsigned long map = vmf->vma->vm_ops - hvuio_ops;
	vm_fault_t ret = VM_FAULT_LOCKED;
	struct page *page = NULL;

	spin_lock(&dev->maps_lock);
	if (!dev->maps_revoked)
		page = hvuio_map_page(dev, map, vmf->pgoff - map);
	if (page)
		get_page(page);
	spin_unlock(&dev->maps_lock);
	if (!page)
		return VM_FAULT_SIGBUS;
	/* It stays locked until it is mapped, so that hvuio_maps_revoke() finds it there. */
	lock_page(page);
	if (READ_ONCE(dev->maps_revoked))
		ret = VM_FAULT_SIGBUS;
	else if (PageHWPoison(page))
		/* Of a locked one the core would ask the file. */
		ret = VM_FAULT_HWPOISON;
	if (ret != VM_FAULT_LOCKED) {
		unlock_page(page);
		put_page(page);
		return ret;
	}
	vmf->page = page;
	return ret;
}

/* A VMA was copied, by a split, a move or a fork. */
static void hvuio_map_open(struct vm_area_struct *vma)
{
	hvuio_map_get(vma->vm_private_data);
}

/* The file is closed after this, and keeps this module. */
static void hvuio_map_close(struct vm_area_struct *vma)
{
	hvuio_device_put(vma->vm_private_data);
}

static const struct vm_operations_struct hvuio_ops[HVUIO_MAPS] = {
	[0 ... HVUIO_MAPS - 1] = {
		.open = hvuio_map_open,
		.close = hvuio_map_close,
		.fault = hvuio_map_fault,
	},
};

const struct vm_operations_struct *hvuio_map_ops(unsigned long map)
{
	return map < HVUIO_MAPS ? &hvuio_ops[map] : NULL;
}

/* What a new VMA has as its private data. */
void *hvuio_map_get(struct hvuio_device *dev)
{
	kref_get(&dev->ref);
	return dev;
}
