/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_CONFIG_H
#define FCOPY_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "policy.h"

/**
 * config_load() - read a policy from FILE, then from FILE.d/?*.conf by name
 * @file: its path
 * @must_exist: whether it is a fault when there is no such file
 * @policy: the result, config_free() it; not touched on failure
 *
 * A later value overrides an earlier one, key by key. "allow" and "deny" add
 * up, and an empty value drops the rules of its key. The function logs every
 * fault with file and line. Returns 0; or -EINVAL (a fault in a file), -EPERM
 * (somebody but root and this user can write to one), or what open(2), read(2)
 * or malloc(3) returned.
 */
int config_load(const char *file, bool must_exist, struct policy *policy);

void config_free(struct policy *policy);

/**
 * config_print() - print every key with its value, in the form of the file
 *
 * config_load() reads the same policy back. "allow" and "deny" without rules
 * are printed with an empty value.
 */
void config_print(const struct policy *policy, FILE *to);

#endif
