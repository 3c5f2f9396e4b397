/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_FOLDER_H
#define HVUIO_FOLDER_H

#include <sys/types.h>

/*
 * Create the directories of @path, a path below vmbus_sysroot(). The last one
 * gets @mode, and the others 0755. Return 0 or -errno.
 */
int folder_make(const char *path, mode_t mode);

#endif
