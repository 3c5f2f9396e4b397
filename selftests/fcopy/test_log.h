/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TEST_LOG_H
#define FCOPY_TEST_LOG_H

/* Lines that were logged since it was last made empty, as many as fit */
extern char logged[65536];

#endif
