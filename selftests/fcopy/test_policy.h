/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Set a policy for the tests of paths, and compare a tree before and after a
 * test.
 */
#ifndef FCOPY_TEST_POLICY_H
#define FCOPY_TEST_POLICY_H

#include "../../daemons/fcopy/destination.h"
#include "fcopy_test.h"

extern struct policy policy;

/*
 * Replace the policy by these places: "+PATH" is a section that allows PATH,
 * and "-PATH" one with enable=no. PATH is absolute or in the test's directory.
 * The n-th section comes from "places.conf:n".
 */
#define PLACES(...) set_places((const char *const[]){ __VA_ARGS__, NULL })
void set_places(const char *const *places);

/**
 * add_place() - adds a section for @path, which is used as it is; the result is
 * valid until the next call
 */
struct place *add_place(bool enable, const char *path);

/** default_policy() - sets the defaults, without places */
void default_policy(void);

/* The tests that set a policy */
extern const struct fixture with_places, with_places_as_root;

/** policy_without_min_free() - the disk may be full up to the last 16 MiB */
void policy_without_min_free(void);

/** request_for() - returns a request with the flags @how */
struct destination_request request_for(const char *path, const char *name, int how);
enum { FORCE = 1, CREATE = 2 };

/**
 * snapshot() - lists everything below @path with type, mode, owner, size and
 * inode; the caller must free() the result
 */
char *snapshot(const char *path);

/** as_user() - makes this process, a child of root, an unprivileged user */
void as_user(void);
#define TEST_USER 65534

#endif
