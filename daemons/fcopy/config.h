/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_CONFIG_H
#define FCOPY_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "policy.h"

/**
 * config_load() - a policy from FILE and FILE.d/?*.conf, the latter by name
 * @file: its path
 * @must_exist: whether it is a fault when there is no such file
 * @policy: the result, config_free() it; not touched on failure
 *
 * What comes later wins, key by key; "allow" and "deny" add up. Every fault is logged with file and
 * line. Returns 0; or -EINVAL (a fault in a file), -EPERM (somebody but root and this user could
 * have written one), or what open(2), read(2) or malloc(3) returned.
 */
int config_load(const char *file, bool must_exist, struct policy *policy);

void config_free(struct policy *policy);

/** config_print() - every key with the value that is in force, in the form of the file */
void config_print(const struct policy *policy, FILE *to);

#endif
