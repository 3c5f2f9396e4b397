/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_DEVICE_H
#define FCOPY_DEVICE_H

#include <stdbool.h>

#include <vmbus_bufring.h>

/*
 * These functions find the file copy device by class or instance, open it, and
 * open it again after a suspend or for a silent host. A function that fails
 * logs why.
 */

/**
 * device_open() - open the device and refuse to share it with another program
 * @which: a class or an instance, as for vmbus_chan_open()
 *
 * Returns 0, EX_UNAVAILABLE (no device, or another driver has it),
 * EX_TEMPFAIL (another program has it open) or EX_OSERR.
 */
int device_open(const char *which, struct vmbus_chan **channel);

/**
 * device_is_suspended() - whether a suspend ended the channel, and not a
 * rescind
 */
bool device_is_suspended(const struct vmbus_chan *channel);

/**
 * device_is_missing() - whether VMBus waits for the host to offer the device
 * @which: as for device_open()
 *
 * After a hibernation the host may offer a device late. VMBus keeps it without
 * a number until then, opening it fails, and no event tells when it comes.
 */
bool device_is_missing(const char *which);

/**
 * device_reopen() - close @channel and open the device again
 * @why: for the log
 *
 * Returns 0; or -errno with *channel NULL, which may be passed again. Except
 * after -ENODEV the device may exist, and no event may come to start the unit:
 * somebody must try again.
 */
int device_reopen(const char *which, struct vmbus_chan **channel, const char *why);

/** device_path() - return the path of the device, for messages */
const char *device_path(const struct vmbus_chan *channel);

/** device_instance() - return the instance GUID of the device */
const char *device_instance(const struct vmbus_chan *channel);

#endif
