/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_DEVICE_H
#define FCOPY_DEVICE_H

#include <stdbool.h>

#include <vmbus_bufring.h>

/*
 * The file copy device: found by class or instance, opened, and opened again
 * after the machine was suspended. Functions that fail log why, and return an
 * exit code of sysexits.h.
 */

/**
 * device_open() - open the device and refuse to share it with another program
 * @which: a class or an instance, as for vmbus_channel_open()
 *
 * Returns 0, EX_UNAVAILABLE (there is no such device, or it has another driver),
 * EX_TEMPFAIL (another program has it) or EX_OSERR.
 */
int device_open(const char *which, struct vmbus_channel **channel);

/** device_is_suspended() - whether the channel was lost to a suspend, and not to a rescind */
bool device_is_suspended(const struct vmbus_channel *channel);

/**
 * device_reopen() - close @channel and open the device again
 *
 * Returns 0, or EX_TEMPFAIL with *channel NULL: the device exists, and no event
 * may come to start the unit, so the service manager must try again.
 */
int device_reopen(const char *which, struct vmbus_channel **channel);

/** device_path() - its path, for messages */
const char *device_path(const struct vmbus_channel *channel);

/** device_instance() - its instance GUID */
const char *device_instance(const struct vmbus_channel *channel);

#endif
