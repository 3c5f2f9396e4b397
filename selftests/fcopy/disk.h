/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replace libc's fstatfs(), so that a test does the same on a disk, in a tmpfs
 * and in the overlay of a container. The daemon reserves no room and writes
 * nothing back early where a file may be in memory.
 */
#ifndef FCOPY_DISK_H
#define FCOPY_DISK_H

#include <linux/magic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The type that every file system claims to have; 0: see below */
static unsigned long claimed_type;

/* Whether memory claims to be a disk; otherwise it has its own type */
static bool memory_is_disk = true;

int fstatfs(int fd, struct statfs *fs)
{
	int r = syscall(SYS_fstatfs, fd, fs);

	if (r < 0)
		return r;
	if (claimed_type)
		fs->f_type = claimed_type;
	else if (memory_is_disk && (fs->f_type == TMPFS_MAGIC || fs->f_type == RAMFS_MAGIC ||
				    fs->f_type == OVERLAYFS_SUPER_MAGIC))
		fs->f_type = EXT4_SUPER_MAGIC;
	return 0;
}

#endif
