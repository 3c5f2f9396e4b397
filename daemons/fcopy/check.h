/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_CHECK_H
#define FCOPY_CHECK_H

#include <stdio.h>

#include "destination.h"

/**
 * check_path() - explain what a copy would do, for hv-fcopyd --check-path
 *
 * Needs no host. Prints where the file would go, what would be made or
 * replaced, which rule decides and what the host would be told. Changes
 * nothing.
 *
 * Returns 0 if the copy would be taken, 1 if it would be refused.
 */
int check_path(const struct policy *policy, const struct destination_request *request, FILE *to);

#endif
