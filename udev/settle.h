/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wait for the administrator's last change of the rules: an editor writes a
 * file in parts, and saves several of them.
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
 * Watch the administrator's folder of rules. Returns a file descriptor or
 * -errno.
 */
int settle_open(void);

/*
 * Return once nothing in the folder has changed for a second, and after 20
 * seconds at the latest.
 */
void settle_wait(int fd);

/* Whether anything has changed since settle_wait() returned. */
bool settle_changed(int fd);

#endif
