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
 * A later value overrides an earlier one, key by key. "allow" and "deny" add
 * up, and an empty value drops the rules of its key. The function logs every
 * fault with file and line.
 *
 * Returns 0; or -EINVAL if a file has a fault, -EPERM if a user other than root
 * and the user of this process can write to a file, or the error of open(2),
 * read(2) or malloc(3).
 */
int config_load(const char *file, bool must_exist, struct policy *policy);

/** config_free() - free the rules of @policy */
void config_free(struct policy *policy);

/**
 * config_print() - print every key with its value, in the form of the file
 *
 * config_load() reads the same policy back. The function prints "allow" and
 * "deny" with an empty value if they have no rules.
 */
void config_print(const struct policy *policy, FILE *to);

#endif
