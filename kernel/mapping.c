// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

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

/* Takes every mapping of /dev/uioN from its users. The list is pinned, and is empty afterwards. */
void hvuio_inodes_revoke(struct list_head *inodes)
{
	struct hvuio_inode *it, *next;

	list_for_each_entry_safe(it, next, inodes, node) {
		struct super_block *sb = it->inode->i_sb;

		unmap_mapping_range(it->inode->i_mapping, 0, 0, 1);
		iput(it->inode);
		deactivate_super(sb);
		list_del(&it->node);
		kfree(it);
	}
}
