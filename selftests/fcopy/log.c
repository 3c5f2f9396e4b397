// SPDX-License-Identifier: GPL-2.0-only
/* Test log lines: prefixes, fields of the journal, escapes, limits. */
#include <sys/uio.h>

#include "../../daemons/fcopy/log.h"
#include "../../daemons/fcopy/name.h"
#include "fcopy_test.h"

/* The clock of the daemon: log.c calls this one, and not the C library's. */
static time_t now = 1000;

int clock_gettime(clockid_t id, struct timespec *time)
{
	*time = (struct timespec){ .tv_sec = now };
	return 0;
}

#if HAVE_SYSTEMD
int sd_journal_sendv(const struct iovec *iov, int n);
#endif

/* Read the log, and return how often it has this text. */
static size_t count(const char *what)
{
	static char text[32 << 20];
	size_t n = 0;
	ssize_t size;
	int fd;

	fd = open("log", O_RDONLY | O_CLOEXEC);
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

static void to_file(void)
{
	int fd = open("log", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void open_log(void)
{
	to_file();
	unsetenv("JOURNAL_STREAM");
	log_open(false);
}

/* Each test logs into a file, in its own process. */
static const struct fixture logs = { .child = true, .begin = open_log };

/* Make the file what systemd calls the journal's stream. */
static void as_journal(bool debug)
{
	char stream[64];
	struct stat st;

	to_file();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(debug);
}

static bool journal_is_deaf;

#if HAVE_SYSTEMD
/* Replace libsystemd's function: log the fields with '|' between them. */
int sd_journal_sendv(const struct iovec *iov, int n)
{
	static char text[65536];
	int at = 0;

	if (journal_is_deaf)
		return -ENOENT;
	for (int i = 0; i < n; i++)
		at += snprintf(text + at, sizeof(text) - at, "%.*s%s", (int)iov[i].iov_len,
			       (const char *)iov[i].iov_base, i < n - 1 ? "|" : "\n");
	return write(STDERR_FILENO, text, at) == at ? 0 : -EIO;
}

TEST_F(logs, journal_gets_fields)
{
	struct failure failure = { .refusal = REFUSAL_EXISTS };
	struct log_copy copy = { .event = LOG_STARTED, .file = "/srv/a b", .size = 10 };

	as_journal(false);
	log_copy(LOG_INFO, &copy, "receiving %d bytes", 10);
	copy.event = LOG_RECEIVED;
	copy.received = 10;
	copy.usec = 99;
	log_copy(LOG_INFO, &copy, "received");
	copy.event = LOG_REFUSED;
	copy.failure = &failure;
	copy.received = 5;
	copy.usec = 1234;
	log_copy(LOG_NOTICE, &copy, "refused");
	copy.event = LOG_LOST;
	failure.refusal = REFUSAL_QUOTA;
	failure.error = EDQUOT;
	log_copy(LOG_NOTICE, &copy, "lost");
	copy.event = LOG_REFUSED;
	copy.file = NULL;
	failure.refusal = REFUSAL_NAME;
	failure.error = 0;
	log_copy(LOG_NOTICE, &copy, "refused a copy");
	/* Without the journal, the line is not lost with its fields. */
	journal_is_deaf = true;
	log_copy(LOG_NOTICE, &copy, "refused again");
	expect_int(count("\n"), 6);
	expect(holds("log",
		     "MESSAGE=/srv/a b: receiving 10 bytes|PRIORITY=6|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=9f18bc4133394017b7d003115907b3f9|FCOPY_EVENT=started|"
		     "FCOPY_FILE=/srv/a b|FCOPY_SIZE=10|FCOPY_RECEIVED=0|FCOPY_USEC=0\n"
		     "MESSAGE=/srv/a b: received|PRIORITY=6|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=514060e9eb214cb38eeab3890691580f|FCOPY_EVENT=received|"
		     "FCOPY_FILE=/srv/a b|FCOPY_SIZE=10|FCOPY_RECEIVED=10|FCOPY_USEC=99|"
		     "FCOPY_STATUS=0x00000000\n"
		     "MESSAGE=/srv/a b: refused|PRIORITY=5|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=221034aa7ac146e49c9ca873e6722e22|FCOPY_EVENT=refused|"
		     "FCOPY_FILE=/srv/a b|FCOPY_SIZE=10|FCOPY_RECEIVED=5|FCOPY_USEC=1234|"
		     "FCOPY_STATUS=0x80070050|FCOPY_REFUSAL=exists\n"
		     "MESSAGE=/srv/a b: lost|PRIORITY=5|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=0211011ee838428d8266a96bcc7ac3c2|FCOPY_EVENT=lost|"
		     "FCOPY_FILE=/srv/a b|FCOPY_SIZE=10|FCOPY_RECEIVED=5|FCOPY_USEC=1234|"
		     "FCOPY_STATUS=0x80070718|FCOPY_REFUSAL=quota|ERRNO=122\n"
		     "MESSAGE=refused a copy|PRIORITY=5|SYSLOG_IDENTIFIER=hv-fcopyd|"
		     "MESSAGE_ID=221034aa7ac146e49c9ca873e6722e22|FCOPY_EVENT=refused|"
		     "FCOPY_STATUS=0x8007007b|FCOPY_REFUSAL=name\n"
		     "<5>refused again\n"));
}

/* The longest path and the longest detail; each byte needs an escape. */
#define LONGEST (PATH_MAX + NAME_BYTES - 1)
static char longest_file[LONGEST + 1], longest_detail[FAILURE_DETAIL];

TEST_F(logs, longest_lines_are_whole)
{
	struct failure failure = { .refusal = REFUSAL_IO, .error = EIO };
	struct log_copy copy = { .event = LOG_LOST, .file = longest_file, .failure = &failure };

	memset(longest_file, '\x01', LONGEST);
	memset(longest_detail, '\x02', sizeof(longest_detail) - 1);
	as_journal(false);
	log_copy(LOG_NOTICE, &copy, "lost: %s, the end", longest_detail);
	log_line(LOG_NOTICE, "%s%s, the end", longest_file, longest_detail);
	journal_is_deaf = true;
	log_copy(LOG_NOTICE, &copy, "lost: %s, the end", longest_detail);
	expect_int(count("\n"), 3);
	expect_int(count("\\x01"), 3 * LONGEST);
	expect_int(count("\\x02"), 3 * (FAILURE_DETAIL - 1));
	expect_int(count(", the end"), 3);
	/* A program that reads the field FCOPY_FILE needs the name as it is. */
	expect_int(count("\x01"), LONGEST);
}
#endif

TEST_F(logs, prefixes)
{
	log_line(LOG_INFO, "%d%%", 7);
	log_line(LOG_DEBUG, "not asked for");
	expect_int(count("\n"), 1);
	expect(holds("log", "hv-fcopyd: 7%\n"));
	as_journal(true);
	log_line(LOG_WARNING, "text");
	log_line(LOG_DEBUG, "asked for");
	expect_int(count("\n"), 2);
	expect(holds("log", "<4>text\n<7>asked for\n"));
	/* Another journal */
	to_file();
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open(false);
	log_line(LOG_WARNING, "text");
	expect_int(count("\n"), 1);
	expect(holds("log", "hv-fcopyd: text\n"));
}

/* A path or text of the host must not split a line in two. */
TEST_F(logs, each_line_is_escaped)
{
	log_line(LOG_INFO, "a\nhv-fcopyd: b\r\t\x1b[31m\x7f");
	log_line(LOG_INFO, "a\nb");
	expect_int(count("\n"), 2);
	expect(holds("log", "hv-fcopyd: a\\x0ahv-fcopyd: b\\x0d\\x09\\x1b[31m\\x7f\n"
			    "hv-fcopyd: a\\x0ab\n"));
}

static void expect_escaped(const char *text, const char *want)
{
	char escaped[256];

	log_escape(escaped, sizeof(escaped), text);
	if (!expect(!strcmp(escaped, want)))
		ksft_print_msg("escaped as '%s', expected '%s'\n", escaped, want);
}

static size_t put_utf8(char *out, uint32_t c)
{
	char *p = out;

	if (c < 0x80) {
		*p++ = c;
	} else if (c < 0x800) {
		*p++ = 0xc0 | c >> 6;
		*p++ = 0x80 | (c & 0x3f);
	} else if (c < 0x10000) {
		*p++ = 0xe0 | c >> 12;
		*p++ = 0x80 | (c >> 6 & 0x3f);
		*p++ = 0x80 | (c & 0x3f);
	} else {
		*p++ = 0xf0 | c >> 18;
		*p++ = 0x80 | (c >> 12 & 0x3f);
		*p++ = 0x80 | (c >> 6 & 0x3f);
		*p++ = 0x80 | (c & 0x3f);
	}
	*p = '\0';
	return p - out;
}

static bool is_deceptive(uint32_t c)
{
	return (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x115f || c == 0x1160 ||
	       c == 0x180e || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2069) || c == 0x3164 || c == 0xfeff || c == 0xffa0 ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

TEST(each_character)
{
	char text[8], want[32];

	for (uint32_t c = 1; c < 0x110000; c++) {
		put_utf8(text, c);
		if (c < 0x20 || c == 0x7f)
			snprintf(want, sizeof(want), "\\x%02x", c);
		else if (c == '\\')
			snprintf(want, sizeof(want), "\\\\");
		else if (c >= 0xd800 && c < 0xe000)
			snprintf(want, sizeof(want), "\\x%02x\\x%02x\\x%02x", text[0] & 0xff,
				 text[1] & 0xff, text[2] & 0xff);
		else if (is_deceptive(c))
			snprintf(want, sizeof(want), "\\u{%x}", c);
		else
			snprintf(want, sizeof(want), "%s", text);
		expect_escaped(text, want);
	}
}

TEST(bytes_that_are_no_utf8)
{
	char text[4] = "", want[16];

	for (int byte = 0x80; byte < 0x100; byte++) {
		text[0] = byte;
		text[1] = 'a';
		snprintf(want, sizeof(want), "\\x%02xa", byte);
		expect_escaped(text, want);
		text[1] = '\0';
		want[4] = '\0';
		expect_escaped(text, want);
	}
	/* Text that looks like an escape is no escape. */
	expect_escaped("a\\x0ab", "a\\\\x0ab");
	/* Cut characters, overlong ones, and ones beyond U+10FFFF */
	expect_escaped("\xe6\x97", "\\xe6\\x97");
	expect_escaped("\xe6\x97\xa5\xe6", "\xe6\x97\xa5\\xe6");
	expect_escaped("\xf0\x9f\x8ex", "\\xf0\\x9f\\x8ex");
	expect_escaped("\xc0\x8a", "\\xc0\\x8a");
	expect_escaped("\xe0\x80\xae", "\\xe0\\x80\\xae");
	expect_escaped("\xf0\x82\x80\xae", "\\xf0\\x82\\x80\\xae");
	expect_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
}

/* Truncation never leaves half of a character or of an escape. */
TEST(escapes_are_cut_between_characters)
{
	const char *const text = "a\xe6\x97\xa5\n\\\xe2\x80\xae";
	static const char *const cut[] = {
		"",
		"a",
		"a",
		"a",
		"a\xe6\x97\xa5",
		"a\xe6\x97\xa5",
		"a\xe6\x97\xa5",
		"a\xe6\x97\xa5",
		"a\xe6\x97\xa5\\x0a",
		"a\xe6\x97\xa5\\x0a",
		"a\xe6\x97\xa5\\x0a\\\\",
	};
	char escaped[16];

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		memset(escaped, 'x', sizeof(escaped));
		log_escape(escaped, i + 1, text);
		if (!expect(!strcmp(escaped, cut[i])))
			ksft_print_msg("%zu: '%s'\n", i, escaped);
		expect(escaped[i + 1] == 'x');
	}
	escaped[0] = 'x';
	log_escape(escaped, 0, text);
	expect(escaped[0] == 'x');
}

#define SUPPRESSED " more lines were suppressed"

#define DAY (24 * 3600)

/* A host repeats two messages for a day, fifty times a second. */
TEST_F(logs, flood_is_limited)
{
	int about;
	size_t bytes;
	struct log_copy copy = { .event = LOG_REFUSED, .file = "/a/file" };

	for (int second = 0; second < DAY; second++) {
		for (int i = 0; i < 50; i++) {
			log_line(LOG_WARNING, "line %d", i);
			log_copy(LOG_NOTICE, &copy, "refused");
		}
		now++;
		log_tick();
	}
	about = count(SUPPRESSED);
	bytes = stat_of("log").st_size;
	ksft_print_msg("%zu bytes a day, %d lines about dropped ones\n", bytes, about);
	expect(bytes > 100000 && bytes < LOG_BUDGET + DAY * LOG_REFILL);
	expect(about > 0 && about <= DAY / (LOG_RESUME / LOG_REFILL) + 1);
}

static void flood(void)
{
	for (int i = 0; i < 10000; i++)
		log_line(LOG_NOTICE, "line %d", i);
}

/* Each copy has its own process, and the host can begin any number of them. */
TEST_F(logs, processes_share_the_budget)
{
	size_t lines;

	expect_int(in_child(flood), 0);
	lines = count("line");
	expect(lines > 0);
	expect_int(in_child(flood), 0);
	expect_int(count("line"), lines);
}

TEST_F(logs, the_log_tells_what_was_left_out)
{
	flood();
	expect(stat_of("log").st_size < LOG_START);
	log_line(LOG_ERR, "an error has its line");
	now += LOG_RESUME / LOG_REFILL - 1;
	log_line(LOG_INFO, "too early");
	log_tick();
	now += 2;
	log_tick();
	log_tick();
	log_line(LOG_INFO, "later");
	expect_int(count(SUPPRESSED), 1);
	expect(system("tail -n 3 log | sed 's/[0-9][0-9]* more/N more/' >end") == 0);
	expect(holds("end", "hv-fcopyd: an error has its line\n"
			    "hv-fcopyd: N more lines were suppressed\nhv-fcopyd: later\n"));
}

/* Lines that nobody asked for take no room from others. */
TEST_F(logs, unseen_lines_do_not_count)
{
	struct log_copy copy = { .event = LOG_STARTED };

	for (int i = 0; i < 100000; i++) {
		log_line(LOG_DEBUG, "unseen");
		log_copy(LOG_DEBUG, &copy, "unseen");
	}
	log_line(LOG_INFO, "seen");
	log_copy(LOG_INFO, &copy, "seen");
	expect_int(count("\n"), 2);
}

TEST_F(logs, verbose_lines_are_not_limited)
{
	expect(!log_verbose());
	to_file();
	log_open(true);
	expect(log_verbose());
	for (int i = 0; i < 20000; i++)
		log_line(LOG_DEBUG, "a message");
	expect_int(count("\n"), 20000);
}

TEST_MAIN
