/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_NOTIFY_H
#define FCOPY_NOTIFY_H

#include <stdbool.h>

#include "transfer.h"

/* To the service manager, by sd_notify(3); to nobody when it did not ask, or HAVE_SYSTEMD=0. */

/** notify_ready() - start-up is over */
void notify_ready(void);

/** notify_reloading() - the configuration is read again, until notify_ready() */
void notify_reloading(void);

/** notify_stopping() - @reason for `systemctl status` */
void notify_stopping(const char *reason);

/** notify_progress() - what `systemctl status` shows, at most once a second while a copy goes on */
void notify_progress(const struct transfer *transfer);

#endif
