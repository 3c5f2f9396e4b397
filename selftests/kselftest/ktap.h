/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Print the results of a C test as KTAP, with the names of the kernel's
 * kselftest.h.
 *
 * Call ksft_print_header() and ksft_set_plan(N), then report N results, and
 * call ksft_finished().
 */
#ifndef KTAP_H
#define KTAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KSFT_PASS = 0, KSFT_FAIL = 1, KSFT_SKIP = 4 };

#define KSFT_PRINTF(at) __attribute__((format(printf, at, at + 1), unused))

static struct {
	unsigned int plan, pass, fail, skip;
} ksft_cnt;

static inline unsigned int ksft_test_num(void)
{
	return ksft_cnt.pass + ksft_cnt.fail + ksft_cnt.skip;
}

static inline void ksft_print_header(void)
{
	/*
	 * Buffer lines only, so that a crash or a time-out does not lose
	 * output.
	 */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!getenv("KSFT_TAP_LEVEL"))
		printf("TAP version 13\n");
}

static inline void ksft_set_plan(unsigned int plan)
{
	ksft_cnt.plan = plan;
	printf("1..%u\n", plan);
}

static inline KSFT_PRINTF(1) void ksft_print_msg(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	va_end(args);
}

static inline void ksft_print_cnts(void)
{
	if (ksft_cnt.plan != ksft_test_num())
		printf("# Planned tests != run tests (%u != %u)\n", ksft_cnt.plan, ksft_test_num());
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n", ksft_cnt.pass,
	       ksft_cnt.fail, ksft_cnt.skip);
}

static inline void ksft_result(unsigned int *count, const char *result, const char *directive,
			       const char *fmt, va_list args)
{
	++*count;
	printf("%s %u ", result, ksft_test_num());
	if (directive) {
		char text[256];

		/* The kernel's callers end the description with a newline. */
		vsnprintf(text, sizeof(text), fmt, args);
		text[strcspn(text, "\n")] = '\0';
		printf("%s # %s\n", text, directive);
	} else {
		vprintf(fmt, args);
	}
}

#define KSFT_RESULT(name, result, directive)                                            \
	static inline KSFT_PRINTF(1) void ksft_test_result_##name(const char *fmt, ...) \
	{                                                                               \
		va_list args;                                                           \
                                                                                        \
		va_start(args, fmt);                                                    \
		ksft_result(&ksft_cnt.name, result, directive, fmt, args);              \
		va_end(args);                                                           \
	}

KSFT_RESULT(pass, "ok", NULL)
KSFT_RESULT(fail, "not ok", NULL)
KSFT_RESULT(skip, "ok", "SKIP")

#define ksft_test_result(condition, fmt, ...)                      \
	do {                                                       \
		if (condition)                                     \
			ksft_test_result_pass(fmt, ##__VA_ARGS__); \
		else                                               \
			ksft_test_result_fail(fmt, ##__VA_ARGS__); \
	} while (0)

static inline __attribute__((noreturn, unused)) void ksft_exit_fail_msg(const char *reason)
{
	printf("Bail out! %s\n", reason);
	ksft_print_cnts();
	exit(KSFT_FAIL);
}

static inline __attribute__((noreturn, unused)) void ksft_exit_fail_perror(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	ksft_print_cnts();
	exit(KSFT_FAIL);
}

/*
 * Exit with 1 if a test failed, if there was none, or if there were more or
 * fewer than planned. Otherwise exit with 4 if all were skipped, and with 0 if
 * not.
 */
static inline __attribute__((noreturn, unused)) void ksft_finished(void)
{
	ksft_print_cnts();
	if (ksft_cnt.fail || !ksft_cnt.plan || ksft_test_num() != ksft_cnt.plan)
		exit(KSFT_FAIL);
	exit(ksft_cnt.skip == ksft_cnt.plan ? KSFT_SKIP : KSFT_PASS);
}

#endif /* KTAP_H */
