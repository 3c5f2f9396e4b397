/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers of the daemon's tests: a scratch directory, expectations, files */
#ifndef FCOPY_TEST_H
#define FCOPY_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest/ktap.h"
#include "../kselftest/wait.h"

/*
 * A test is a function without arguments and result:
 *
 *	TEST(the_sun_rises)
 *	{
 *		expect(sun_is_up());
 *	}
 *
 * TEST_F() names what the test needs, too. TEST_MAIN, at the end of the file,
 * runs all tests in the order of their lines. A main() can add variants of
 * functions with test_variant() before it calls run_tests(), and they run last.
 *
 * Each test starts in its own empty directory, and fails if one of its
 * expectations fails.
 */
#define TEST(name) TEST_F(anywhere, name)
#define TEST_F(fixture, name)                                          \
	static void name(void);                                        \
	__attribute__((constructor)) static void register_##name(void) \
	{                                                              \
		add_test(__LINE__, &(fixture), name, #name, "", 0);    \
	}                                                              \
	static void name(void)
#define TEST_MAIN            \
	int main(void)       \
	{                    \
		run_tests(); \
	}
#define test_variant(fixture, function, how, number) \
	add_test(INT_MAX, &(fixture), function, #function, how, number)

/** struct fixture - what a test needs, and what surrounds it */
struct fixture {
	bool root;	      /* skip the test without root's rights */
	bool child;	      /* run it in its own process, which may leave_child() */
	bool own_mounts;      /* likewise, as root, with mounts that vanish */
	const char *to_mount; /* the reason to skip it if root cannot mount here */
	void (*begin)(void);  /* call this before the test, which it may skip() */
	void (*end)(void);    /* call this after the test, even after skip() */
};
extern const struct fixture anywhere, as_root, in_own_process, as_root_in_own_process, own_mounts;

void add_test(int line, const struct fixture *fixture, void (*function)(void), const char *name,
	      const char *how, int number);
void run_tests(void) __attribute__((noreturn));

/* The number of the variant that is running */
extern int variant;

/* The absolute path of the test's directory */
extern char scratch[256];

#define expect(condition) expect_at(__FILE__, __LINE__, #condition, !!(condition))
#define expect_int(have, want) \
	expect_int_at(__FILE__, __LINE__, #have, (long long)(have), (long long)(want))

/** skip() - leaves the test; its expectations so far still count */
#define skip(why)               \
	do {                    \
		*skipped = why; \
		return;         \
	} while (0)

/* Why the test is skipped, also for its own process; NULL: it is not */
extern const char **skipped;

bool expect_at(const char *file, int line, const char *text, bool holds);
bool expect_int_at(const char *file, int line, const char *text, long long have, long long want);

/** current_failed() - returns whether the running test has failed */
bool current_failed(void);

/**
 * in_child() - runs BODY in its own process; returns its exit status, or 128 +
 * signal
 */
int in_child(void (*body)(void));

/**
 * leave_child() - ends a process of in_child() with STATUS, which may be a
 * reason to skip the test, or with 1 if the test has failed
 */
void leave_child(int status) __attribute__((noreturn));
#define NO_MEANWHILE 98 /* see meanwhile.h */
#define CANNOT_MOUNT 99

/** need_mount() - leaves a test with own_mounts unless it has MOUNTED */
void need_mount(bool mounted);

/** mount_tmpfs() - creates the directory and mounts a tmpfs on it */
void mount_tmpfs(const char *directory, const char *options);

/* Descriptors of this process that open_files() does not count */
extern int descriptors_of_helpers;

/** in() - returns scratch/NAME, which is valid until eight more calls */
const char *in(const char *name);

/**
 * make_tree() - makes empty files, directories ("NAME/") and symbolic links
 * ("NAME -> TEXT"), with the directories above them
 */
#define make_tree(...) make_all((const char *const[]){ __VA_ARGS__, NULL })
void make_all(const char *const *entries);

/** make_file() - creates a file with TEXT and the mode 0644 */
void make_file(const char *path, const char *text);

/** holds() - returns whether the file at PATH contains exactly TEXT */
bool holds(const char *path, const char *text);

/** stat_of() - returns what lstat(2) tells about PATH, which must exist */
struct stat stat_of(const char *path);
mode_t mode_of(const char *path);
bool belongs_to(const char *path, uid_t uid, gid_t gid);

/**
 * entries() - returns the number of entries in a directory, including hidden
 * ones, or -1 if PATH is no directory
 */
int entries(const char *path);

/** open_files() - returns the number of open descriptors of this process */
int open_files(void);

#endif
