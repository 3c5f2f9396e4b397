/* SPDX-License-Identifier: GPL-2.0-only */
/* Call the engine for a device that an identifier names. */
#ifndef HVUIO_CHANGE_H
#define HVUIO_CHANGE_H

#include "view.h"

/*
 * Bind the device to a driver; NULL: that of its rule, or uio_hv_generic.
 * Return an exit status. The function has printed a message.
 */
int change_bind(const char *id, const char *driver, bool force, enum change_when when);
int change_unbind(const char *id, enum change_when when);

/* Return the exit status for a result of the engine. */
int change_status(enum engine_result result);

#endif
