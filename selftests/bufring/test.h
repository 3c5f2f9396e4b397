/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests and checks of one program, with the names of the kernel's
 * kselftest_harness.h. A failed check does not end its test.
 */
#ifndef TEST_H
#define TEST_H

#include "../kselftest/ktap.h"

static int checks_failed;

#define CHECK(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			ksft_print_msg("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			checks_failed++;                                                       \
		}                                                                              \
	} while (0)

#define CHECK_IS(value, expected)                                                           \
	do {                                                                                \
		long long is_ = (value), expected_ = (expected);                            \
		if (is_ != expected_) {                                                     \
			ksft_print_msg("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, \
				       #value, is_, expected_);                             \
			checks_failed++;                                                    \
		}                                                                           \
	} while (0)

/* Why the test cannot run here, or NULL */
static const char *cannot_run;

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *first_test, **next_test = &first_test;
static unsigned int test_count;

/* Define a test. The tests of a program run in the order of its source. */
#define TEST(name)                                                \
	static void name(void);                                   \
	__attribute__((constructor)) static void add_##name(void) \
	{                                                         \
		static struct test test = { #name, name, NULL };  \
		*next_test = &test;                               \
		next_test = &test.next;                           \
		test_count++;                                     \
	}                                                         \
	static void name(void)

/* Define a test whose function @caller calls. */
#define TEST_CALLED_BY(caller, name)     \
	static void name##_called(void); \
	TEST(name)                       \
	{                                \
		caller(name##_called);   \
	}                                \
	static void name##_called(void)

/*
 * Define a test with a fixture of @type, which the test has as *@fixture.
 * @begin makes it before the test, and @end ends it.
 */
#define TEST_WITH(name, type, fixture, begin, end) \
	static void name##_with(type *fixture);    \
	TEST(name)                                 \
	{                                          \
		type made;                         \
                                                   \
		begin(&made);                      \
		name##_with(&made);                \
		end(&made);                        \
	}                                          \
	static void name##_with(type *fixture)

/* Run the tests, and call @before before each of them if it is not NULL. */
static inline int run_tests(void (*before)(void))
{
	ksft_print_header();
	ksft_set_plan(test_count);
	for (const struct test *test = first_test; test; test = test->next) {
		checks_failed = 0;
		cannot_run = NULL;
		if (before)
			before();
		test->run();
		if (cannot_run && !checks_failed)
			ksft_test_result_skip("%s: %s\n", test->name, cannot_run);
		else
			ksft_test_result(!checks_failed, "%s\n", test->name);
	}
	ksft_finished();
}

/* Define the main() of a program that only runs its tests. */
#define TEST_HARNESS_MAIN               \
	int main(void)                  \
	{                               \
		return run_tests(NULL); \
	}

#endif /* TEST_H */
