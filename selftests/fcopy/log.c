// SPDX-License-Identifier: GPL-2.0-only
/* Lines: their prefix in the journal, and how many a host can provoke. */
#include <sys/uio.h>

#include "../../daemons/fcopy/log.h"
#include "fcopy_test.h"

#if HAVE_SYSTEMD
int sd_journal_sendv(const struct iovec *iov, int n);
#endif

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

/* The log is what systemd calls the journal's stream. */
static void as_journal(bool debug)
{
	char stream[64];
	struct stat st;

	to_file();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(false, debug);
}

static void journal(void)
{
	as_journal(true);
	log_line(LOG_WARNING, "text");
	log_line(LOG_DEBUG, "asked for");
}

#if HAVE_SYSTEMD
static bool journal_is_deaf;

/* As libsystemd's, into the log: the fields with '|' between them */
int sd_journal_sendv(const struct iovec *iov, int n)
{
	char text[8192];
	int at = 0;

	if (journal_is_deaf)
		return -ENOENT;
	for (int i = 0; i < n; i++)
		at += snprintf(text + at, sizeof(text) - at, "%.*s%s", (int)iov[i].iov_len,
			       (const char *)iov[i].iov_base, i < n - 1 ? "|" : "\n");
	return write(STDERR_FILENO, text, at) == at ? 0 : -EIO;
}

static void copies_in_journal(void)
{
	struct log_copy copy = { .event = LOG_STARTED, .directory = "/srv", .name = "a b", .size = 10 };

	as_journal(false);
	log_copy(LOG_INFO, &copy, "receiving %d bytes", 10);
	copy.event = LOG_REFUSED;
	copy.error = -EEXIST;
	copy.received = 5;
	copy.usec = 1234;
	log_copy(LOG_NOTICE, &copy, "refused");
	copy.name = NULL;
	copy.error = -EILSEQ;
	log_copy(LOG_NOTICE, &copy, "refused a copy");
	/* The line is not lost with its fields. */
	journal_is_deaf = true;
	log_copy(LOG_NOTICE, &copy, "refused again");
}

static void journal_gets_fields(void)
{
	expect_int(lines_of(copies_in_journal), 4);
	expect(holds("log",
		     "MESSAGE=/srv/a b: receiving 10 bytes|PRIORITY=6|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=9f18bc4133394017b7d003115907b3f9|FCOPY_EVENT=started|FCOPY_FILE=/srv/a b|FCOPY_SIZE=10|"
		     "FCOPY_RECEIVED=0|FCOPY_USEC=0\n"
		     "MESSAGE=/srv/a b: refused|PRIORITY=5|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=221034aa7ac146e49c9ca873e6722e22|FCOPY_EVENT=refused|FCOPY_FILE=/srv/a b|FCOPY_SIZE=10|"
		     "FCOPY_RECEIVED=5|FCOPY_USEC=1234|FCOPY_STATUS=0x80070050|ERRNO=17\n"
		     "MESSAGE=refused a copy|PRIORITY=5|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=221034aa7ac146e49c9ca873e6722e22|FCOPY_EVENT=refused|FCOPY_STATUS=0x8007007b|ERRNO=84\n"
		     "<5>refused again\n"));
}

/* The longest names that a host can send */
static void longest(void)
{
	static char directory[780], name[780];
	struct log_copy copy = { .event = LOG_LOST, .directory = directory, .name = name,
				 .error = -EIO };

	memset(directory, 'd', sizeof(directory) - 1);
	memset(name, 'n', sizeof(name) - 1);
	as_journal(false);
	log_copy(LOG_NOTICE, &copy, "lost");
}

static void longest_names_are_whole(void)
{
	expect_int(lines_of(longest), 1);
	expect(system("grep -q '[|]FCOPY_FILE=d\\{779\\}/n\\{779\\}[|]' log") == 0);
}
#endif

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
#if HAVE_SYSTEMD
	test(journal_gets_fields);
	test(longest_names_are_whole);
#endif
	test(flood_is_limited);
	run_tests();
}
