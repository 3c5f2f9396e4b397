/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_FILESYSTEM_H
#define FCOPY_FILESYSTEM_H

#include <stdint.h>
#include <sys/vfs.h>

#include <linux/magic.h>

/* <linux/magic.h> of Debian 11 lacks some types of file systems. */
#ifndef EXFAT_SUPER_MAGIC
#define EXFAT_SUPER_MAGIC 0x2011BAB0
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

/** Return the type of the file system of @fd, or 0 if it cannot be read. */
static inline uint32_t filesystem_type(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) < 0 ? 0 : (uint32_t)fs.f_type;
}

#endif
