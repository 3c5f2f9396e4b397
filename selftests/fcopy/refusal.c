// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that every refusal has words, a token and a code, and every errno a
 * refusal.
 */
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/refusal.h"
#include "fcopy_test.h"

static void each_has_words(void)
{
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		const char *words = refusal_words(i);

		if (!expect(words && *words && !strchr(words, '\n')))
			ksft_print_msg("refusal %d\n", i);
	}
}

/* A token is one word, so that programs can compare it. */
static void each_has_a_token_of_its_own(void)
{
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		const char *token = refusal_token(i);

		if (!expect(token && *token)) {
			ksft_print_msg("refusal %d\n", i);
			continue;
		}
		expect_int(strspn(token, "abcdefghijklmnopqrstuvwxyz-"), strlen(token));
		for (int j = 0; j < i; j++)
			if (!expect(!refusal_token(j) || strcmp(token, refusal_token(j))))
				ksft_print_msg("refusals %d and %d: %s\n", j, i, token);
	}
}

static void each_has_a_code(void)
{
	expect_int(hresult_of(REFUSAL_NONE), VMBUS_S_OK);
	for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
		uint32_t code = hresult_of(i);

		/* The host takes a code for a failure by its top bit. */
		if (!expect(code != VMBUS_S_OK && code & 0x80000000))
			ksft_print_msg("refusal %d: 0x%08x\n", i, code);
		/* Only what has no name in Windows may be "unspecified". */
		if (i != REFUSAL_OTHER && !expect(code >> 16 == 0x8007))
			ksft_print_msg("refusal %d: 0x%08x\n", i, code);
	}
}

/* The daemons of other guests send these codes to real hosts. */
static void known_codes(void)
{
	expect_int(hresult_of(REFUSAL_EXISTS), 0x80070050);
	expect_int(hresult_of(REFUSAL_DISK_FULL), 0x80070070);
	expect_int(hresult_of(REFUSAL_OTHER), 0x80004005);
}

static uint32_t code_of(int error)
{
	struct failure failure;
	enum refusal refusal = fail_errno(&failure, error, "x");

	expect_int(failure.refusal, refusal);
	expect_int(failure.error, error);
	return hresult_of(refusal);
}

/* The host must tell these from "access denied" and "disk full". */
static void codes_of_errnos(void)
{
	static const int own[] = { EDQUOT, EROFS, ELOOP };
	static const int others[] = { EACCES, ENOSPC, EIO,    ENOENT,	    EEXIST, EBUSY, EFBIG,
				      ENOMEM, EMFILE, EISDIR, ENAMETOOLONG, EILSEQ, ECHRNG };

	expect_int(code_of(EDQUOT), 0x80070718);
	expect_int(code_of(EROFS), 0x80070013);
	expect_int(code_of(ELOOP), 0x80070781);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		for (size_t j = 0; j < i; j++)
			expect(code_of(own[i]) != code_of(own[j]));
		for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++)
			expect(code_of(own[i]) != code_of(others[j]));
	}
	/* An errno without an entry is a failure all the same. */
	expect_int(code_of(ECHRNG), VMBUS_E_FAIL);
}

static void text(void)
{
	struct failure failure;
	char line[FAILURE_DETAIL + 256], path[4 * FAILURE_DETAIL];

	expect_int(refusal_set(&failure, REFUSAL_EXISTS, "%s", ""), REFUSAL_EXISTS);
	expect_int(failure.error, 0);
	failure_text(&failure, line, sizeof(line));
	expect(!strcmp(line, "the file exists"));

	refusal_set(&failure, REFUSAL_RULE, "%s:%d", "a.conf", 7);
	failure_text(&failure, line, sizeof(line));
	expect(!strcmp(line, "fcopyd.conf does not allow this place: a.conf:7"));

	/* These words are ambiguous, so the text names the errno. */
	expect_int(fail_errno(&failure, ECHRNG, "/a"), REFUSAL_OTHER);
	failure_text(&failure, line, sizeof(line));
	expect(!strncmp(line, "a system call failed: /a: ", 26) && strstr(line, strerror(ECHRNG)));
	/* These do not. */
	expect_int(fail_errno(&failure, EACCES, "/a"), REFUSAL_ACCESS);
	failure_text(&failure, line, sizeof(line));
	expect(!strcmp(line, "access is denied: /a"));

	/* A detail that is too long is truncated. */
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	refusal_set(&failure, REFUSAL_MISSING, "%s", path);
	expect_int(strlen(failure.detail), FAILURE_DETAIL - 1);
	failure_text(&failure, line, 10);
	expect(!strcmp(line, "a directo"));
}

int main(void)
{
	test(each_has_words);
	test(each_has_a_token_of_its_own);
	test(each_has_a_code);
	test(known_codes);
	test(codes_of_errnos);
	test(text);
	run_tests();
}
