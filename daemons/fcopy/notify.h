/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_NOTIFY_H
#define FCOPY_NOTIFY_H

/* To the service manager, by sd_notify(3); to nobody when it did not ask, or HAVE_SYSTEMD=0. */

/** notify_ready() - start-up is over, or the configuration was read again */
void notify_ready(void);

/** notify_reloading() - the configuration is read again, until notify_ready() */
void notify_reloading(void);

/** notify_status() - what `systemctl status` shows */
void notify_status(const char *text);

/** notify_stopping() - @reason for `systemctl status` */
void notify_stopping(const char *reason);

#endif
