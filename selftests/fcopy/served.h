/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Serve a host in the process of the test: the daemon's server and session on
 * one end of rings in memory, with the worker of inline_worker.h
 */
#ifndef FCOPY_SERVED_H
#define FCOPY_SERVED_H

#include <vmbus_bufring.h>

#include "../../daemons/fcopy/session.h"
#include "host.h"
#include "inline_worker.h"

/* The session of the daemon, and the host's end of the rings */
extern struct session *const served_session;
extern struct vmbus_chan *served_host;

/* The id of the last request */
extern uint64_t served_transaction;

/** serve() - open rings, and a daemon that serves on them */
void serve(const struct policy *policy);

/** serve_on() - serve on these rings, which serve_end() closes */
void serve_on(struct vmbus_chan *guest, struct vmbus_chan *host, const struct policy *policy);

/** serve_end() - discard an active copy, and close the rings */
void serve_end(void);

/**
 * served_run() - let the daemon do all that is due; returns the result of
 * vmbus_ic_dispatch()
 */
int served_run(void);

#define SILENCE 0xffffffffu

/**
 * served_ask() - send @request, and return the status of the answer, or SILENCE
 */
uint32_t served_ask(const struct message *request, struct message *answer);

#endif
