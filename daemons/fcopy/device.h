/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_DEVICE_H
#define FCOPY_DEVICE_H

#include <stdbool.h>

#include "../../util/vmbus.h"

/*
 * These functions find the file copy device by class or instance and open it.
 * They open it again after a suspend, or when the host has fallen silent. A
 * function that fails logs the reason.
 */

/**
 * device_open() - open the device and refuse to share it with another program
 * @which: a class or an instance, as for vmbus_open()
 *
 * Returns 0; EX_UNAVAILABLE if there is no device or another driver has it;
 * EX_TEMPFAIL if another program has it open; or EX_OSERR.
 */
int device_open(const char *which, struct vmbus_chan **channel);

/**
 * device_is_suspended() - whether a suspend, and not a rescind, ended the
 * channel
 */
bool device_is_suspended(const struct vmbus_chan *channel);

/**
 * device_is_missing() - whether VMBus waits for the host to offer the device
 * @which: as for device_open()
 *
 * After a hibernation the host may offer a device late. VMBus keeps the device
 * without a relid until then, and an attempt to open it fails. No event
 * announces the offer.
 */
bool device_is_missing(const char *which);

/**
 * device_reopen() - close @channel and open the device again
 * @why: the reason, for the log
 *
 * Returns 0; or -errno with *channel NULL, which the caller may pass again.
 * After an error other than -ENODEV the device may still exist. The caller must
 * then try again, because there may be no event that starts the unit.
 */
int device_reopen(const char *which, struct vmbus_chan **channel, const char *why);

/** device_path() - return the path of the device, for messages */
const char *device_path(const struct vmbus_chan *channel);

/** device_instance() - return the instance GUID of the device */
const char *device_instance(const struct vmbus_chan *channel);

#endif
