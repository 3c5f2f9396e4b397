/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TEST_LOG_H
#define FCOPY_TEST_LOG_H

#include "../../daemons/fcopy/log.h"

/* As many lines as fit, since a test emptied it */
extern char logged[65536];

/* The arguments of the latest log_copy(); the file and the failure are copies */
extern struct log_copy last_copy;

#endif
