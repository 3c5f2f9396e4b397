/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_USAGE_H
#define FCOPY_USAGE_H

#include "destination.h"

/**
 * usage_check() - check max-total= and max-files= of every place that the
 * target is in
 * @to: the result of destination_resolve()
 * @announced: the size of the file
 * @left: receives how large the file may become; UINT64_MAX without a limit
 *
 * The function counts the files and directories that are there, whoever created
 * them, and the file sizes. A file that the copy replaces does not count. The
 * function enters a file system that is mounted below the place only if the
 * target is in it.
 */
enum refusal usage_check(const struct policy *policy, const struct destination *to,
			 uint64_t announced, uint64_t *left, struct failure *failure);

#endif
