/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_NOTIFY_H
#define FCOPY_NOTIFY_H

/*
 * These functions inform the service manager with sd_notify(3). They do nothing
 * if no service manager asked for that, or in a build with HAVE_SYSTEMD=0.
 */

/** notify_ready() - report that the start or a reload is complete */
void notify_ready(void);

/** notify_reloading() - report a reload, which lasts until notify_ready() */
void notify_reloading(void);

/** notify_status() - set the line that `systemctl status` shows */
void notify_status(const char *text);

/**
 * notify_stopping() - report that the daemon ends; `systemctl status` shows
 * @reason
 */
void notify_stopping(const char *reason);

#endif
