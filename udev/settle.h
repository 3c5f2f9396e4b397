/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wait until the administrator stops changing the rules: an editor writes a
 * file in parts, and may save several files.
 *
 *	int fd = settle_open();
 *
 *	do {
 *		settle_wait(fd);
 *		// read the rules and carry them out
 *	} while (settle_changed(fd));
 */
#ifndef HVUIO_SETTLE_H
#define HVUIO_SETTLE_H

#include <stdbool.h>

/*
 * Watch the administrator's directory of rules. Return a file descriptor or
 * -errno.
 */
int settle_open(void);

/*
 * Wait until nothing in the directory has changed for a second, but at most 20
 * seconds.
 */
void settle_wait(int fd);

/* Return whether anything has changed since settle_wait() returned. */
bool settle_changed(int fd);

#endif
