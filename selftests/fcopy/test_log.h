/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TEST_LOG_H
#define FCOPY_TEST_LOG_H

#include "../../daemons/fcopy/log.h"

/* The lines since the test last cleared it, as many as fit */
extern char logged[65536];

/* The last argument of log_copy(). The name of its file may be freed. */
extern struct log_copy last_copy;

/*
 * A copy of its failure, to which last_copy.failure points; REFUSAL_NONE after
 * a success
 */
extern struct failure last_failure;

/* The number of calls of log_copy() with each event */
extern unsigned int logged_events[LOG_LOST + 1];

/*
 * The number of lines with LOG_ERR. They have no limit, so a host must not be
 * able to cause one.
 */
extern unsigned int logged_errors;

#endif
