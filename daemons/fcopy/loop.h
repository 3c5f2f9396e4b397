/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_LOOP_H
#define FCOPY_LOOP_H

#include "exchange.h"

/*
 * The event loop waits for the device, for signals, for the end of a task that
 * waits for a disk, and for a timer.
 *
 * The host works in lockstep: it sends a packet and waits for the answer. Such
 * a packet costs two system calls, epoll_wait(2) and the write(2) that signals
 * the host. A packet that is already in the ring does not cost epoll_wait().
 * The epoll is edge-triggered, so the loop need not read(2) the interrupt while
 * a copy is active. It reads the interrupt at the ticks of the timer, and thus
 * notices a rescind.
 */

/**
 * loop_signals() - block SIGTERM, SIGINT and SIGHUP, and return a descriptor
 * for them, or -errno
 */
int loop_signals(void);

/**
 * loop_run() - serve the host until a signal, a rescind or an error
 * @signals: the descriptor of loop_signals()
 * @reload: the function to call after SIGHUP
 *
 * Returns the signal that ends the daemon; -ENODEV if the host rescinded the
 * device or the machine was suspended; -ETIMEDOUT if the host has fallen
 * silent; or the error of exchange_run().
 */
int loop_run(struct exchange *exchange, int signals, void (*reload)(void));

/**
 * loop_wait() - wait without a device
 * @exchange: the exchange, whose task may continue and whose status is
 *	      published meanwhile; NULL before exchange_init()
 * @signals: as for loop_run()
 * @reload: as for loop_run()
 *
 * Returns 0 after @seconds, or the signal that ends the daemon.
 */
int loop_wait(struct exchange *exchange, int signals, void (*reload)(void), unsigned int seconds);

/**
 * loop_stop() - end an active copy because the daemon stops, and inform the
 * host
 *
 * The daemon can inform the host only by an answer to one of its messages. The
 * function therefore waits at most two seconds for the next message, and
 * answers it with an error. A COMPLETE that the daemon is working on still has
 * its full time. The function answers a START or CANCEL at once if it waits
 * only for the remains of an earlier copy.
 */
void loop_stop(struct exchange *exchange);

#endif
