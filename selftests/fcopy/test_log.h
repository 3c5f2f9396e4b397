/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TEST_LOG_H
#define FCOPY_TEST_LOG_H

#include "../../daemons/fcopy/log.h"

/* Lines that were logged since it was last made empty, as many as fit */
extern char logged[65536];

/* What log_copy() got last; the file's name may be gone */
extern struct log_copy last_copy;

/*
 * A copy of its failure, to which last_copy.failure points; REFUSAL_NONE after
 * a success
 */
extern struct failure last_failure;

/* The limit that log_limited() was given last */
extern const struct log_limit *last_limit;

#endif
