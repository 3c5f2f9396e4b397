/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_UIO_MMAP_H
#define HVUIO_COMPAT_UIO_MMAP_H

struct uio_info;

/*
 * Let an mmap of /dev/uioN create a mapping with the operations of mapping.c.
 */
void hvuio_info_set_mmap(struct uio_info *info);

#endif
