// SPDX-License-Identifier: GPL-2.0-only
/* Lines: their prefix in the journal, and how many a host can provoke. */
#include "../../daemons/fcopy/log.h"
#include "fcopy_test.h"

/* Sends standard error into a file, runs BODY in a child, and returns how many lines there are. */
static int lines_of(void (*body)(void))
{
	char text[65536];
	int fd, n = 0;
	ssize_t got;

	expect_int(in_child(body), 0);
	fd = open("log", O_RDONLY | O_CLOEXEC);
	got = read(fd, text, sizeof(text));
	close(fd);
	for (ssize_t i = 0; i < got; i++)
		n += text[i] == '\n';
	return n;
}

static void to_file(void)
{
	int fd = open("log", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void plain(void)
{
	to_file();
	unsetenv("JOURNAL_STREAM");
	log_open(false, false);
	log_line(LOG_INFO, "%d%%", 7);
	log_line(LOG_DEBUG, "not asked for");
}

static void journal(void)
{
	char stream[64];
	struct stat st;

	to_file();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(false, true);
	log_line(LOG_WARNING, "text");
	log_line(LOG_DEBUG, "asked for");
}

static void another_journal(void)
{
	to_file();
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open(false, false);
	log_line(LOG_WARNING, "text");
}

static void prefixes(void)
{
	expect_int(lines_of(plain), 1);
	expect(holds("log", "hv-fcopyd: 7%\n"));
	expect_int(lines_of(journal), 2);
	expect(holds("log", "<4>text\n<7>asked for\n"));
	expect_int(lines_of(another_journal), 1);
	expect(holds("log", "hv-fcopyd: text\n"));
}

static void flood(void)
{
	struct log_limit one = { .lines = 0 }, other = { .lines = 0 };

	to_file();
	log_open(false, false);
	for (int i = 0; i < 1000; i++)
		log_limited(&one, LOG_WARNING, "line %d", i);
	log_limited(&other, LOG_WARNING, "another kind");
	/* The interval is over. */
	one.since -= LOG_INTERVAL;
	log_limited(&one, LOG_WARNING, "later");
}

static void flood_is_limited(void)
{
	expect_int(lines_of(flood), LOG_BURST + 1 + 2);
	expect(system("grep -q '990 more lines' log") == 0);
}

int main(void)
{
	test(prefixes);
	test(flood_is_limited);
	run_tests();
}
