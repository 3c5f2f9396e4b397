/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TEST_LOG_H
#define FCOPY_TEST_LOG_H

#include "../../daemons/fcopy/log.h"

/* Lines that were logged since it was last made empty, as many as fit */
extern char logged[65536];

/* What was told last of a copy; its names may be gone */
extern struct log_copy last_copy;

#endif
