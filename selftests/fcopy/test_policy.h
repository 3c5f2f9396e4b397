/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Set a policy for the tests of paths, and compare a tree before and after a
 * test.
 */
#ifndef FCOPY_TEST_POLICY_H
#define FCOPY_TEST_POLICY_H

#include "../../daemons/fcopy/policy.h"

extern struct policy policy;

/*
 * Replace the policy by the defaults and these rules: "+PATH" allows, "-PATH"
 * denies. PATH is absolute or in the test's directory. The n-th rule comes from
 * "rules.conf:n".
 */
#define RULES(...) set_rules((const char *const []){ __VA_ARGS__, NULL })
void set_rules(const char *const *rules);

/** add_rule() - adds a rule for @path, which is used as it is */
void add_rule(bool allow, const char *path);

/** default_policy() - sets the defaults, without rules */
void default_policy(void);

/**
 * snapshot() - lists everything below @path with type, mode, owner, size and
 * inode; the caller must free() the result
 */
char *snapshot(const char *path);

/**
 * as_user() - makes this process, a child of root, an unprivileged user;
 * returns whether that succeeded
 */
bool as_user(void);
#define TEST_USER 65534

#endif
