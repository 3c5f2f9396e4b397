/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmbus-bind and vmbusctl keep these files in /run/hyperv-uio until the next
 * boot:
 *
 * interface/INSTANCE: vmbus-bind has taken this NIC, or tried to. The file has
 * the interface of the NIC, if it had one: "eth1 00:15:5d:01:02:03". The
 * interface disappears when user space has the NIC, but rules that name it
 * still set the owner, the group, the mode and the link of the UIO device. The
 * name is "-" if udev had not given it yet.
 *
 * held/INSTANCE: an administrator has released the device although a rule wants
 * it (vmbusctl unbind --now), or wants the rule to wait for the next boot
 * (vmbusctl bind --boot). Nothing binds the device until an administrator names
 * it in a command.
 *
 * lock/KIND-NAME: a lock between runs of these programs. Only root can open it.
 * If users could, they could take the lock and make root wait forever.
 */
#ifndef HVUIO_RUN_H
#define HVUIO_RUN_H

#include "config.h"

struct device;

/*
 * Read the interface that a NIC had when vmbus-bind took it. Both texts are ""
 * if there was none, and the name is "" if udev had not given one.
 */
void note_read(const char *instance, char interface[INTERFACE_SIZE], char mac[MAC_SIZE]);

bool note_exists(const char *instance);

/* Write the interface of a NIC, or remove the note. Return 0 or -errno. */
int note_write(const struct device *device);
int note_remove(const char *instance);

/* Hold a device, or end its hold. Return 0 or -errno. */
int note_set_hold(const char *instance, bool on);

bool note_is_held(const char *instance);

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
