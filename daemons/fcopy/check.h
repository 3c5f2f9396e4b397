/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_CHECK_H
#define FCOPY_CHECK_H

#include <stdio.h>

#include "destination.h"

/**
 * check_path() - explain what a copy would do, for hv-fcopyd --check-path
 *
 * The function prints where the file would go, what the copy would create or
 * replace, which rule decides, and what the daemon would answer the host. It
 * needs no host and changes nothing.
 *
 * Returns 0 if the daemon would accept the copy, 1 if it would refuse it.
 */
int check_path(const struct policy *policy, const struct destination_request *request, FILE *out);

#endif
