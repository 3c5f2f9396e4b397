// SPDX-License-Identifier: GPL-2.0-only
/* Test how much log a host can cause, with the daemon's own log.c. */
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

#include "fcopy_test.h"
#include "no_tmpfile.h"
#include "served.h"

#define TIMES 3000

static struct policy policy = POLICY_DEFAULTS;
static struct message request, answer;
static bool no_tmpfile, cannot_unlink;

/* Do not use the disk, which would take most of the time. */
int fsync(int fd)
{
	return 0;
}

static bool has_no_tmpfile(void)
{
	return no_tmpfile;
}

int unlinkat(int dir, const char *name, int flags)
{
	if (cannot_unlink && !strncmp(name, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX))) {
		errno = EROFS;
		return -1;
	}
	return syscall(SYS_unlinkat, dir, name, flags);
}

static uint32_t ask(void)
{
	return served_ask(&request, &answer);
}

static uint32_t start(const char *destination, const char *source, uint32_t flags, uint64_t size)
{
	start_message(&request, destination, source, flags, size);
	return ask();
}

static uint32_t end(uint32_t operation)
{
	end_message(&request, operation);
	return ask();
}

/* Each function is one round of messages that a host can repeat. */

static void refused(int i)
{
	expect_int(start("/none/", "a", 0, 0), E_NO_PATH);
}

static void not_acceptable(int i)
{
	expect_int(start("..", "a", 0, 0), E_NAME);
}

static void too_short(int i)
{
	end_message(&request, START);
	expect_int(ask(), E_INVALID_ARG);
}

static void one_after_the_other(int i)
{
	expect_int(start(in("a"), "", OVER_WRITE, 1), S_OK);
}

static void whole_copies(int i)
{
	expect_int(start(in("a"), "", OVER_WRITE, 0), S_OK);
	expect_int(end(COMPLETE), S_OK);
}

static void more_than_announced(int i)
{
	expect_int(start(in("a"), "", OVER_WRITE, 0), S_OK);
	write_message(&request, 0, "abc", 3);
	expect_int(ask(), S_OK);
	expect_int(end(COMPLETE), S_OK);
}

static void impossible_writes(int i)
{
	expect_int(start(in("a"), "", OVER_WRITE, 1), S_OK);
	write_message(&request, 5, "abc", 3);
	expect_int(ask(), E_INVALID_ARG);
	expect_int(end(COMPLETE), E_INVALID_ARG);
}

static void cancelled(int i)
{
	expect_int(start(in("x/y/a"), "", CREATE_PATH, 1), S_OK);
	expect_int(end(CANCEL), S_OK);
}

static void unknown(int i)
{
	end_message(&request, 99);
	expect_int(ask(), E_NOT_SUPPORTED);
	message(&request, 1 + i % 6, 64);
	expect_int(ask(), E_NOT_SUPPORTED);
	request.length = i % (IC_HEADER - 4);
	expect_int(ask(), SILENCE);
	message(&request, FCOPY, 30);
	ask();
	end_message(&request, CANCEL);
	request.bytes[25] = 5;
	expect_int(ask(), SILENCE);
}

static void negotiations(int i)
{
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	if (i % 2)
		put16(&request, IC_HEADER, 200);
	else
		negotiation(&request, 1, 1);
	ask();
}

/* The administrator's policy cannot be applied here. */
static void warnings(int i)
{
	expect_int(start(in("a"), "", OVER_WRITE, 0), S_OK);
	expect_int(end(COMPLETE), S_OK);
}

static void (*round_of)(int i);

static void rounds(void)
{
	int fd = open("log", O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);

	dup2(fd, STDERR_FILENO);
	close(fd);
	unsetenv("JOURNAL_STREAM");
	log_open(false);
	policy.everywhere.settings.min_free_default = false;
	policy.everywhere.settings.min_free = policy.everywhere.settings.min_free_percent = 0;
	serve(&policy);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	for (int i = 0; i < TIMES && !current_failed(); i++)
		round_of(i);
	end(CANCEL);
	serve_end();
}

/*
 * The rounds of @function fill at most the budget of the log, and what a second
 * adds to it.
 */
static void flood(void (*function)(int i))
{
	time_t begun = time(NULL);
	struct stat st = { 0 };

	round_of = function;
	expect_int(in_child(rounds), 0);
	expect(stat("log", &st) == 0 && st.st_size > 0);
	if (!expect(st.st_size <= LOG_BUDGET + (time(NULL) - begun + 1) * LOG_REFILL))
		ksft_print_msg("%lld bytes\n", (long long)st.st_size);
	unlink("log");
}

static void thousands_of_starts(void)
{
	inline_journal = -1;
	flood(refused);
	flood(not_acceptable);
	flood(too_short);
	flood(one_after_the_other);
	flood(whole_copies);
	flood(more_than_announced);
	flood(impossible_writes);
	flood(cancelled);
}

static void messages_that_are_not_valid(void)
{
	inline_journal = -1;
	flood(unknown);
	flood(negotiations);
}

/*
 * The state directory accepts no journal entries, which the daemon needs for
 * files with names and for new directories.
 */
static void notes_that_cannot_be_written(void)
{
	int journal;

	mkdir("state", 0700);
	journal = journal_open("state");
	expect(journal >= 0);
	expect(rmdir("state") == 0);
	inline_journal = journal;
	no_tmpfile = true;
	flood(cancelled);
	flood(whole_copies);
	no_tmpfile = false;
	close(journal);
}

/* The file system does not remove this file. */
static void files_that_cannot_be_removed(void)
{
	inline_journal = -1;
	no_tmpfile = cannot_unlink = true;
	flood(one_after_the_other);
	no_tmpfile = cannot_unlink = false;
}

static void policy_that_does_not_fit(void)
{
	inline_journal = -1;
	strcpy(policy.everywhere.settings.label, "system_u:object_r:tmp_t:s0");
	flood(warnings);
	*policy.everywhere.settings.label = '\0';
}

int main(void)
{
	test(thousands_of_starts);
	test(messages_that_are_not_valid);
	test(notes_that_cannot_be_written);
	test(files_that_cannot_be_removed);
	test(policy_that_does_not_fit);
	run_tests();
}
