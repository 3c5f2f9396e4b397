/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locks between runs of vmbus-bind and vmbusctl. A lock is a file in
 * /run/hyperv-uio/lock that only root can open. If users could open the file,
 * they could take the lock and make root wait forever.
 */
#ifndef HVUIO_LOCK_H
#define HVUIO_LOCK_H

#define LOCK_FOLDER "/run/hyperv-uio/lock"

/*
 * lock_take() - wait for a lock
 * @kind: "device" or "driver"
 * @name: which one of its kind
 *
 * Returns a file descriptor, whose close() releases the lock, or -errno after a
 * message.
 */
int lock_take(const char *kind, const char *name);

#endif
