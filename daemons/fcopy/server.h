/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_SERVER_H
#define FCOPY_SERVER_H

#include "policy.h"

/*
 * The server is the daemon's loop. The library's server for integration
 * components (vmbus_ic_new()) opens the device whenever it is there and passes
 * the host's requests to the session. The loop also handles signals and the
 * reports of the worker.
 */

/**
 * server_signals() - block the signals that the server handles
 *
 * Returns a descriptor for them, or -errno.
 */
int server_signals(void);

/**
 * server_run() - serve the host until a signal ends the daemon or the device is
 * gone
 * @device: a class or an instance, as for vmbus_open()
 * @signals: the descriptor of server_signals()
 * @policy: the current policy
 * @reload: the function to call after SIGHUP, which may change *@policy
 *
 * Returns an exit code.
 */
int server_run(const char *device, int signals, const struct policy *policy, void (*reload)(void));

/**
 * server_leave() - close what belongs to the daemon, in a new worker; for
 * workers_init()
 */
void server_leave(void);

#endif
