/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface that a NIC had when vmbus-bind took it, in the file
 * /run/hyperv-uio/interface/INSTANCE: "eth1 00:15:5d:01:02:03". The interface
 * disappears when user space has the NIC, but rules that name it still set the
 * owner, the group, the mode and the link of the UIO device. The file
 * disappears at the next boot, when rules compare the interface anew.
 */
#ifndef HVUIO_NOTE_H
#define HVUIO_NOTE_H

#include "config.h"

/* Read the note of a device. Both texts are "" if there is none. */
void note_read(const char *instance, char interface[INTERFACE_SIZE], char mac[MAC_SIZE]);

bool note_exists(const char *instance);

/* Write the note of a device, or remove it. Return 0 or -errno. */
int note_write(const char *instance, const char *interface, const char *mac);
int note_remove(const char *instance);

#endif
