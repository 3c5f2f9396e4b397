// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"
#include "name.h"

#if HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

static bool to_journal;
static int threshold = LOG_INFO;

/*
 * The bytes that the log may still have, and the lines that it has dropped. The
 * daemon shares them with its workers. It may kill a worker at any moment, so
 * they need no lock; two processes that log at the same time may count a little
 * too much or too little.
 */
static struct budget {
	_Atomic int64_t bytes;
	_Atomic time_t since; /* when the bytes were counted last */
	atomic_bool dropping;
	atomic_uint dropped;
} own_budget, *budget = &own_budget;

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/*
 * Processes inherit JOURNAL_STREAM, so it counts only if standard error is
 * still that stream.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(bool verbose)
{
	void *shared = mmap(NULL, sizeof(*budget), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared != MAP_FAILED)
		budget = shared;
	budget->bytes = LOG_START;
	budget->since = seconds();
	threshold = verbose ? LOG_DEBUG : LOG_INFO;
	to_journal = stderr_is_journal();
}

bool log_verbose(void)
{
	return threshold >= LOG_DEBUG;
}

/*
 * Whether @c is invisible, or changes how the text around it looks. Variation
 * selectors do not count: emoji contain them.
 */
static bool deceives(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x80, 0x9f },	      /* controls */
		{ 0xad, 0xad },	      /* soft hyphen */
		{ 0x61c, 0x61c },     /* Arabic letter mark */
		{ 0x115f, 0x1160 },   /* Hangul fillers */
		{ 0x180e, 0x180e },   /* Mongolian vowel separator */
		{ 0x200b, 0x200f },   /* zero width, and direction marks */
		{ 0x2028, 0x202e },   /* line and paragraph ends, direction overrides */
		{ 0x2060, 0x2069 },   /* zero width, and direction isolates */
		{ 0x3164, 0x3164 },   /* Hangul filler */
		{ 0xfeff, 0xfeff },   /* byte order mark */
		{ 0xffa0, 0xffa0 },   /* halfwidth Hangul filler */
		{ 0xfff9, 0xfffb },   /* interlinear annotations */
		{ 0xe0000, 0xe007f }, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

void log_escape(char *escaped, size_t size, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	char piece[16];
	uint32_t c;

	if (!size)
		return;
	while (*p) {
		size_t length = name_decode((const char *)p, &c), n;

		if (!length || c < 0x20 || c == 0x7f)
			n = snprintf(piece, sizeof(piece), "\\x%02x", *p);
		else if (c == '\\')
			n = snprintf(piece, sizeof(piece), "\\\\");
		else if (deceives(c))
			n = snprintf(piece, sizeof(piece), "\\u{%" PRIx32 "}", c);
		else
			n = snprintf(piece, sizeof(piece), "%.*s", (int)length, (const char *)p);
		if (n >= size)
			break;
		memcpy(escaped, piece, n);
		escaped += n;
		size -= n;
		p += length ? length : 1;
	}
	*escaped = '\0';
}

#define FILE_SIZE (PATH_MAX + NAME_BYTES)
/* A line has a path, the detail of a failure, and words. */
#define LINE (FILE_SIZE + FAILURE_DETAIL + 512)
/* An escape has at most 4 characters for a byte. */
#define ESCAPED (4 * LINE)

#define MESSAGE "MESSAGE="

/* Send a line with its fields to the journal. Returns whether that worked. */
static bool send_to_journal(int level, const char *message, const struct log_copy *copy)
{
#if HAVE_SYSTEMD
	static const char *const ids[] = {
		[LOG_STARTED] = "MESSAGE_ID=9f18bc4133394017b7d003115907b3f9",
		[LOG_RECEIVED] = "MESSAGE_ID=514060e9eb214cb38eeab3890691580f",
		[LOG_REFUSED] = "MESSAGE_ID=221034aa7ac146e49c9ca873e6722e22",
		[LOG_LOST] = "MESSAGE_ID=0211011ee838428d8266a96bcc7ac3c2",
	};
	static const char *const events[] = {
		[LOG_STARTED] = "FCOPY_EVENT=started",
		[LOG_RECEIVED] = "FCOPY_EVENT=received",
		[LOG_REFUSED] = "FCOPY_EVENT=refused",
		[LOG_LOST] = "FCOPY_EVENT=lost",
	};
	const struct failure *failure = copy->failure;
	char fields[7][64], file[FILE_SIZE + 16];
	struct iovec iov[12];
	int n = 0;

#define add(string) \
	(iov[n++] = (struct iovec){ .iov_base = (char *)(string), .iov_len = strlen(string) })
#define add_field(i, ...) (snprintf(fields[i], sizeof(fields[i]), __VA_ARGS__), add(fields[i]))
	add(message);
	add_field(0, "PRIORITY=%d", level);
	add("SYSLOG_IDENTIFIER=hv-fcopyd");
	add(ids[copy->event]);
	add(events[copy->event]);
	if (copy->file) {
		snprintf(file, sizeof(file), "FCOPY_FILE=%s", copy->file);
		add(file);
		add_field(1, "FCOPY_SIZE=%" PRIu64, copy->size);
		add_field(2, "FCOPY_RECEIVED=%" PRIu64, copy->received);
		add_field(3, "FCOPY_USEC=%" PRIu64, copy->usec);
	}
	if (failure || copy->event != LOG_STARTED)
		add_field(4, "FCOPY_STATUS=0x%08" PRIx32,
			  hresult_of(failure ? failure->refusal : REFUSAL_NONE));
	if (failure)
		add_field(5, "FCOPY_REFUSAL=%s", refusal_token(failure->refusal));
	if (failure && failure->error)
		add_field(6, "ERRNO=%d", failure->error);
#undef add_field
#undef add
	return sd_journal_sendv(iov, n) >= 0;
#else
	return false;
#endif
}

static void write_line(int level, const char *text, const struct log_copy *copy)
{
	char message[sizeof(MESSAGE) + ESCAPED];
	char *line = message + strlen(MESSAGE);

	memcpy(message, MESSAGE, strlen(MESSAGE));
	log_escape(line, ESCAPED, text);
	if (!to_journal)
		fprintf(stderr, "hv-fcopyd: %s\n", line);
	else if (!copy || !send_to_journal(level, message, copy))
		fprintf(stderr, "<%d>%s\n", level, line);
}

static void refill(void)
{
	time_t now = seconds(), since = atomic_exchange(&budget->since, now);
	int64_t bytes = atomic_fetch_add(&budget->bytes, (now - since) * LOG_REFILL);

	bytes += (now - since) * LOG_REFILL;
	if (bytes > LOG_BUDGET)
		budget->bytes = LOG_BUDGET;
	/* Wait for some bytes, so that the log has few lines about others. */
	if (bytes >= LOG_RESUME)
		budget->dropping = false;
}

/*
 * Take the bytes of a line from the budget. Returns whether they are there.
 * *dropped receives the number of earlier dropped lines that the log does not
 * mention yet.
 */
static bool spend(size_t bytes, unsigned int *dropped)
{
	refill();
	if (budget->bytes <= 0)
		budget->dropping = true;
	if (budget->dropping) {
		budget->dropped++;
		return false;
	}
	budget->bytes -= bytes;
	*dropped = atomic_exchange(&budget->dropped, 0);
	return true;
}

static void log_dropped(unsigned int dropped)
{
	char text[64];

	if (!dropped)
		return;
	snprintf(text, sizeof(text), "%u more lines were suppressed", dropped);
	write_line(LOG_WARNING, text, NULL);
}

/*
 * Write a line if the budget has room for it. The daemon writes LOG_ERR before
 * it ends, and an administrator has asked for LOG_DEBUG.
 */
static void write_limited(int level, const char *text, const struct log_copy *copy)
{
	size_t bytes = LOG_OVERHEAD + strlen(text) + (copy && copy->file ? strlen(copy->file) : 0);
	unsigned int dropped = 0;

	if (level > LOG_ERR && level < LOG_DEBUG && !spend(bytes, &dropped))
		return;
	log_dropped(dropped);
	write_line(level, text, copy);
}

void log_line(int level, const char *format, ...)
{
	char text[LINE];
	va_list args;

	if (level > threshold)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_limited(level, text, NULL);
}

void log_copy(int level, const struct log_copy *copy, const char *format, ...)
{
	char text[LINE];
	va_list args;
	int n = 0;

	if (level > threshold)
		return;
	if (copy->file)
		n = snprintf(text, sizeof(text), "%.*s: ", FILE_SIZE, copy->file);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - n, format, args);
	va_end(args);
	write_limited(level, text, copy);
}

bool log_tick(void)
{
	refill();
	if (budget->dropped && !budget->dropping)
		log_dropped(atomic_exchange(&budget->dropped, 0));
	return budget->dropped;
}
