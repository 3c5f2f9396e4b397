// SPDX-License-Identifier: GPL-2.0-only
/* Test that every refusal has words, a token and a code. */
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/refusal.h"
#include "fcopy_test.h"
#include "host.h"

/* A token is one word, so that programs can compare it. */
TEST(each_has_words_and_a_token_of_its_own)
{
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		const char *words = refusal_words(i), *token = refusal_token(i);

		if (!expect(words && *words && !strchr(words, '\n')))
			ksft_print_msg("refusal %d\n", i);
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

TEST(each_has_a_code)
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

TEST(errors_of_system_calls)
{
	static const struct {
		int error;
		uint32_t code;
	} errors[] = {
		{ EDQUOT, E_QUOTA },	 { EROFS, E_WRITE_PROTECT },
		{ ELOOP, E_LINK },	 { EBUSY, E_BUSY },
		{ ENOSPC, E_DISK_FULL }, { EFBIG, E_TOO_LARGE },
		{ EACCES, E_ACCESS },	 { EPERM, E_ACCESS },
		{ EIO, E_IO },		 { ENOMEM, E_MEMORY },
		{ EMFILE, E_FILES },	 { ETXTBSY, E_BUSY },
		{ EEXIST, E_EXISTS },	 { ENAMETOOLONG, E_NAME_TOO_LONG },
		{ ENOENT, E_NO_PATH },	 { ENOTDIR, E_NO_PATH },
		{ EISDIR, E_DIRECTORY }, { ESTALE, E_FAIL },
		{ EMLINK, E_FAIL },
	};
	struct failure failure;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		expect_int(hresult_of(fail_errno(&failure, errors[i].error, "%s", "")),
			   errors[i].code);
	expect_int(hresult_of(REFUSAL_NOT_FILE), E_ACCESS);
	expect_int(hresult_of(REFUSAL_KERNEL), E_ACCESS);
	expect_int(hresult_of(REFUSAL_MIN_FREE), E_DISK_FULL);
}

TEST(text)
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

TEST_MAIN
