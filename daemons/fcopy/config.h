/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_CONFIG_H
#define FCOPY_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "policy.h"

/**
 * config_load() - read a policy from FILE, then from FILE.d/?*.conf by name
 * @file: the path of FILE
 * @must_exist: whether a missing FILE is an error
 * @policy: the result, for config_free(); unchanged after a failure
 *
 * A later value of a key in the same section overrides an earlier one. The
 * function logs every fault with file and line. The reader is that of bind.d
 * (util/conf.h), not libinih: Debian builds libinih so that it cuts the
 * path of a section after 49 bytes, does not report a section without keys, and
 * drops what follows a ';'. Each of these could open a place that the
 * administrator did not name, or shut one that he did.
 *
 * Returns 0; or -EINVAL if a file has a fault, -EPERM if a user other than root
 * and the user of this process can write to a file, or the error of open(2),
 * read(2) or malloc(3).
 */
int config_load(const char *file, bool must_exist, struct policy *policy);

/** config_free() - free the places of @policy */
void config_free(struct policy *policy);

/**
 * config_print() - print every place with all its settings, in the form of the
 * file
 *
 * config_load() reads the same policy back.
 */
void config_print(const struct policy *policy, FILE *to);

#endif
