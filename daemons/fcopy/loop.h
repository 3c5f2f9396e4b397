/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_LOOP_H
#define FCOPY_LOOP_H

#include "exchange.h"

/*
 * What the daemon waits for: the device, signals, the end of a task that waits
 * for a disk, and a timer while a copy is active.
 *
 * A packet in lockstep costs two system calls: epoll_wait(2), and the write(2)
 * that signals the host. The epoll is edge-triggered, so that the interrupt
 * needs no read(2) while a copy is active. The timer reads it from time to time
 * and so notices a rescind. A packet that is in the ring already costs
 * neither epoll_wait() nor read().
 */

/**
 * loop_signals() - block SIGTERM, SIGINT and SIGHUP, and return a descriptor
 * for them, or -errno
 */
int loop_signals(void);

/**
 * loop_run() - serve the host until a signal, a rescind or an error
 * @signals: of loop_signals()
 * @reload: called for SIGHUP
 *
 * Returns the signal that ends the daemon; or -ENODEV (the host took the device
 * back, or the machine was suspended), -ETIMEDOUT (the host has fallen silent),
 * or what exchange_run() returned.
 */
int loop_run(struct exchange *exchange, int signals, void (*reload)(void));

/** loop_tell_status() - as status_update(), for what @exchange does */
bool loop_tell_status(struct exchange *exchange);

/**
 * loop_wait() - wait without a device
 * @session: its task may go on meanwhile
 * @signals: as for loop_run()
 * @reload: as for loop_run()
 *
 * Returns 0 after @seconds, or the signal that ends the daemon.
 */
int loop_wait(struct session *session, int signals, void (*reload)(void), unsigned int seconds);

/**
 * loop_stop() - stop the daemon: end an active copy, and tell the host
 *
 * The host works in lockstep. Waits at most half a second for its next message,
 * which is then answered by an error. A COMPLETE under way still has the time
 * that it has without a stop. A START or CANCEL that waits only for what is
 * left of an earlier copy is answered at once.
 */
void loop_stop(struct exchange *exchange);

#endif
