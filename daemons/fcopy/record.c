// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "name.h"
#include "record.h"
#include "session.h"
#include "work.h"

/* The size of each of the two buffers with lines */
#define BUFFER		(512u << 10)
/* record_work() writes lines when there are this many bytes. */
#define MANY		32768
/* The longest line is that of a START whose 520 units are all escaped. */
#define LINE		4096
/* The time that record_close() waits for the disk */
#define CLOSE_MSEC	1000
/* The reserved space in the file for the last line */
#define LAST_LINE	128

/*
 * The offsets of a message's fields. The recording needs only bytes; session.c
 * interprets the fields.
 */
#define IC_HEADER	((uint32_t)sizeof(struct vmbus_ic_header))
#define OPERATION	(IC_HEADER + 36)	/* the end of the operation and its two GUIDs */
#define START_SOURCE	OPERATION
#define START_PATH	(START_SOURCE + 2 * NAME_UNITS)
#define START_FLAGS	(START_PATH + 2 * NAME_UNITS)
#define START_FILE_SIZE	(START_FLAGS + 4)
#define START_END	(IC_HEADER + (uint32_t)sizeof(struct fcopy_start))
#define WRITE_OFFSET	(OPERATION + 4)
#define WRITE_SIZE	(WRITE_OFFSET + 8)
#define WRITE_DATA	(WRITE_SIZE + 4)

_Static_assert(START_FILE_SIZE + 8 == START_END, "wire layout");

/*
 * A thread writes the file, because the disk may not answer. While it writes
 * one buffer, lines go into the other.
 */
static struct {
	enum { CLOSED, OPEN, ENDING } state;	/* ENDING: only the thread still works */
	bool shape;
	bool due;		/* record_flushed() shows the rings after an answer */
	bool answered;		/* the daemon has answered since the last flush */
	char path[PATH_MAX];
	uint64_t limit, written;
	uint64_t signals;	/* the library's last count of signals to the host */
	struct timespec begun;
	size_t used;		/* the bytes in the buffer for lines */
	unsigned int filling;	/* the index of the buffer for lines */

	struct work writer;
	/* While the thread works, it alone uses the following members. */
	int fd;
	bool last;		/* close the file */
	int error;
	size_t size;		/* the bytes in the other buffer */
	char buffer[2][BUFFER];
} recording;

struct line {
	size_t length;
	char text[LINE];
};

/* Append to a line. The function cuts off what struct line cannot hold. */
__attribute__((format(printf, 2, 3)))
static void add(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->length, room, format, args);
	va_end(args);
	if (n > 0)
		line->length += (size_t)n < room ? (size_t)n : room - 1;
}

static uint64_t usec_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000000ll + (now.tv_nsec - begun->tv_nsec) / 1000;
}

static void begin(struct line *line, const char *kind)
{
	line->length = 0;
	add(line, "%" PRIu64 " %s", usec_since(&recording.begun), kind);
}

/* Write the other buffer to the file. This function runs in the thread. */
static void write_out(void *context)
{
	const char *at = recording.buffer[!recording.filling];
	size_t done = 0;
	ssize_t n;

	while (done < recording.size && !recording.error) {
		n = write(recording.fd, at + done, recording.size - done);
		if (n > 0)
			done += n;
		else if (n == 0 || errno != EINTR)
			recording.error = n < 0 ? errno : EIO;
	}
	/* NFS may report only here that the disk is full. */
	if ((recording.last || recording.error) && close(recording.fd) < 0 && !recording.error)
		recording.error = errno;
}

/* Handle the result of the thread. Returns false if it is still working. */
static bool collect(void)
{
	if (work_busy(&recording.writer))
		return false;
	work_collect(&recording.writer);
	if (recording.error) {
		log_line(LOG_WARNING, "%s: %s; the recording has ended, copies go on",
			 recording.path, strerror(recording.error));
		recording.error = 0;
		recording.used = 0;
		recording.state = CLOSED;
	}
	return true;
}

/* Swap the buffers, so that write_out() writes all lines so far. */
static void swap_buffers(bool last)
{
	recording.size = recording.used;
	recording.written += recording.used;
	recording.used = 0;
	recording.filling = !recording.filling;
	recording.last = last;
}

/* Hand all lines to the thread, which must be idle. */
static void hand_over(bool last)
{
	swap_buffers(last);
	work_begin(&recording.writer, write_out, NULL);
	collect();
}

/* Keep a line in memory, and hand the buffer to the thread if it is full. */
static void keep(const struct line *line)
{
	if (recording.used + line->length + 1 > BUFFER) {
		if (collect() && recording.state == OPEN)
			hand_over(false);
		if (recording.used) {
			log_line(LOG_WARNING, "%s: the disk is too slow for it; the recording has "
				 "ended, copies go on", recording.path);
			recording.state = ENDING;
		}
	}
	if (recording.state != OPEN)
		return;
	memcpy(recording.buffer[recording.filling] + recording.used, line->text, line->length);
	recording.used += line->length;
	recording.buffer[recording.filling][recording.used++] = '\n';
}

/* Keep a complete line, or end the recording if it would exceed its limit. */
static void finish(struct line *line)
{
	if (recording.written + recording.used + line->length + 1 + LAST_LINE > recording.limit) {
		log_line(LOG_WARNING, "%s: the limit of %" PRIu64
			 " bytes is reached; the recording has ended, copies go on",
			 recording.path, recording.limit);
		record_end("limit");
		return;
	}
	keep(line);
}

static void add_hex(struct line *line, const char *key, const unsigned char *bytes, uint32_t count)
{
	static const char digits[] = "0123456789abcdef";

	if (!count)
		return;
	add(line, " %s=", key);
	for (uint32_t i = 0; i < count && line->length + 2 < sizeof(line->text); i++) {
		line->text[line->length++] = digits[bytes[i] >> 4];
		line->text[line->length++] = digits[bytes[i] & 15];
	}
	line->text[line->length] = '\0';
}

/*
 * Replace a unit by one of the same kind, so that the name stays secret; see
 * hv-fcopyd-record(5).
 */
static uint16_t shape_of(uint16_t unit)
{
	if (unit >= 'a' && unit <= 'z')
		return 'x';
	if (unit >= 'A' && unit <= 'Z')
		return 'X';
	if (unit >= '0' && unit <= '9')
		return '0';
	if (unit < 0x80)
		return unit;
	if (unit < 0x800)
		return 0xe9;
	if (unit >= 0xd800 && unit < 0xdc00)
		return 0xd83d;
	if (unit >= 0xdc00 && unit < 0xe000)
		return 0xde00;
	return 0x4e00;
}

/*
 * Add a field of START up to its NUL. Returns whether only zeros follow. The
 * function does not record the other bytes of the field, because they may be
 * arbitrary memory of the host.
 */
static bool add_name(struct line *line, const char *key, const unsigned char *field)
{
	bool ended = false, zeros = true;

	add(line, " %s=", key);
	for (unsigned int i = 0; i < NAME_UNITS; i++) {
		uint16_t unit = field[2 * i] | field[2 * i + 1] << 8;

		if (ended || !unit) {
			ended = true;
			zeros &= !unit;
			continue;
		}
		if (recording.shape)
			unit = shape_of(unit);
		if (unit == '\\')
			add(line, "\\\\");
		else if (unit > ' ' && unit < 0x7f)
			add(line, "%c", (char)unit);
		else
			add(line, "\\u%04x", unit);
	}
	return zeros;
}

static bool is_zero(const unsigned char *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

static uint32_t get32(const unsigned char *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

/* The kind of a message. START and WRITE are those with all of their fields. */
enum what {
	WHAT_NONE,	/* no message, because of the packet's type or length */
	WHAT_NEGOTIATE,
	WHAT_START,
	WHAT_WRITE,
	WHAT_COMPLETE,
	WHAT_CANCEL,
	WHAT_OPERATION,	/* another operation of the file copy service */
	WHAT_OTHER,
};

static const char *const what_names[] = {
	[WHAT_NONE] = "none",
	[WHAT_NEGOTIATE] = "NEGOTIATE",
	[WHAT_START] = "START",
	[WHAT_WRITE] = "WRITE",
	[WHAT_COMPLETE] = "COMPLETE",
	[WHAT_CANCEL] = "CANCEL",
	[WHAT_OPERATION] = "operation",
	[WHAT_OTHER] = "other",
};

static enum what what_is(const struct vmbus_packet *packet, const void *payload)
{
	const unsigned char *bytes = payload;
	struct vmbus_ic_header header;

	if (packet->type != VMBUS_PACKET_INBAND ||
	    vmbus_ic_parse(payload, packet->length, &header) < 0)
		return WHAT_NONE;
	if (le16toh(header.type) == VMBUS_IC_NEGOTIATE)
		return WHAT_NEGOTIATE;
	if (le16toh(header.type) != VMBUS_IC_FCOPY || packet->length < OPERATION)
		return WHAT_OTHER;
	switch (get32(bytes + IC_HEADER)) {
	case FCOPY_START:
		return packet->length < START_END ? WHAT_OPERATION : WHAT_START;
	case FCOPY_WRITE:
		return packet->length < WRITE_DATA ? WHAT_OPERATION : WHAT_WRITE;
	case FCOPY_COMPLETE:
		return WHAT_COMPLETE;
	case FCOPY_CANCEL:
		return WHAT_CANCEL;
	default:
		return WHAT_OPERATION;
	}
}

static void begin_message(struct line *line, const char *kind, const struct vmbus_packet *packet)
{
	begin(line, kind);
	add(line, " type=%u flags=0x%x descriptor=%" PRIu32 " length=%" PRIu32 " xid=0x%" PRIx64,
	    packet->type, packet->flags, packet->header, packet->length, packet->transaction_id);
}

/*
 * Add the counts and versions of NEGOTIATE. Returns the offset of their end.
 */
static uint32_t add_versions(struct line *line, const unsigned char *bytes, uint32_t length)
{
	uint32_t count, end = IC_HEADER + sizeof(struct vmbus_ic_negotiate);

	if (length < end)
		return IC_HEADER;
	count = (bytes[IC_HEADER] | bytes[IC_HEADER + 1] << 8) +
		(bytes[IC_HEADER + 2] | bytes[IC_HEADER + 3] << 8);
	if (count > 2 * VMBUS_IC_MAX_VERSIONS)
		count = 2 * VMBUS_IC_MAX_VERSIONS;
	if (count > (length - end) / sizeof(struct vmbus_ic_version))
		count = (length - end) / sizeof(struct vmbus_ic_version);
	end += count * sizeof(struct vmbus_ic_version);
	add_hex(line, "body", bytes + IC_HEADER, end - IC_HEADER);
	return end;
}

static uint32_t add_start(struct line *line, const unsigned char *bytes)
{
	bool zeros = add_name(line, "source", bytes + START_SOURCE);

	zeros &= add_name(line, "destination", bytes + START_PATH);
	add(line, " names-end=%s copy-flags=0x%" PRIx32 " size=%" PRIu64, zeros ? "zero" : "other",
	    get32(bytes + START_FLAGS), get64(bytes + START_FILE_SIZE));
	return START_END;
}

static uint32_t add_write(struct line *line, const unsigned char *bytes, uint32_t length)
{
	uint32_t size = get32(bytes + WRITE_SIZE), data = length - WRITE_DATA;

	if (data > size)
		data = size;
	add(line, " reserved=0x%" PRIx32 " offset=%" PRIu64 " size=%" PRIu32 " data=%" PRIu32,
	    get32(bytes + OPERATION), get64(bytes + WRITE_OFFSET), size, data);
	return WRITE_DATA + data;
}

/* Add the fields of a message, without the contents of files. */
static void add_request(struct line *line, enum what what, const unsigned char *bytes,
			uint32_t length)
{
	uint32_t done = what == WHAT_NONE || what == WHAT_NEGOTIATE || what == WHAT_OTHER ?
			IC_HEADER : OPERATION;

	if (done > length)
		done = length;
	add_hex(line, "head", bytes, done);
	if (what == WHAT_NEGOTIATE)
		done = add_versions(line, bytes, length);
	else if (what == WHAT_START)
		done = add_start(line, bytes);
	else if (what == WHAT_WRITE)
		done = add_write(line, bytes, length);
	add(line, " rest=%" PRIu32 " rest-zero=%s", length - done,
	    is_zero(bytes + done, length - done) ? "yes" : "no");
}

/*
 * Add the lines of vmbus_chan_dump(), or only those about the rings. The latter
 * show the indices, the masks, and what the other side waits for.
 */
static void show_rings(struct vmbus_chan *channel, bool all)
{
	char text[2048], *at = text, *end;
	struct line line;
	FILE *to = fmemopen(text, sizeof(text), "w");

	recording.due = false;
	if (!to)
		return;
	text[0] = '\0';
	vmbus_chan_dump(channel, to, 0);
	fclose(to);
	for (; recording.state == OPEN && (end = strchr(at, '\n')); at = end + 1) {
		if (!all && strncmp(at, "to the host:", 12) && strncmp(at, "from the host:", 14))
			continue;
		begin(&line, "ring");
		add(&line, " text=%.*s", (int)(end - at), at);
		finish(&line);
	}
}

/*
 * Write the first line. Returns 0 or -errno. After a failure there is neither a
 * recording nor a file.
 */
static int write_first(void)
{
	swap_buffers(false);
	write_out(NULL);
	if (!recording.error)
		return 0;
	recording.state = CLOSED;
	unlink(recording.path);
	return -recording.error;
}

int record_open(const char *path, bool shape, uint64_t limit)
{
	struct utsname system;
	struct line line;
	struct tm utc;
	char at[32];
	time_t now = time(NULL);

	recording.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (recording.fd < 0)
		return -errno;
	snprintf(recording.path, sizeof(recording.path), "%s", path);
	recording.shape = shape;
	recording.limit = limit;
	recording.written = recording.used = 0;
	recording.error = 0;
	recording.state = OPEN;
	work_init(&recording.writer);
	clock_gettime(CLOCK_MONOTONIC, &recording.begun);

	line.length = 0;
	add(&line, "0 begin hv-fcopyd-record=1 names=%s limit=%" PRIu64 " library=%s",
	    shape ? "shape" : "full", limit, vmbus_version());
	if (gmtime_r(&now, &utc) && strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc))
		add(&line, " utc=%s", at);
	/* The names of kernels contain no blanks. */
	if (uname(&system) == 0)
		add(&line, " kernel=%s machine=%s", system.release, system.machine);
	finish(&line);
	return write_first();
}

int record_background(void)
{
	return recording.state == CLOSED ? 0 : work_open(&recording.writer);
}

/* Add the version of the module that drives the device, if it has one. */
static void add_module(struct line *line, const struct vmbus_device *device)
{
	char version[64];

	if (vmbus_device_attribute(device, "driver/module/version", version, sizeof(version)))
		return;
	version[strcspn(version, " ")] = '\0';
	add(line, " module=%s", version);
}

void record_channel(struct vmbus_chan *channel)
{
	const struct vmbus_device *device = vmbus_chan_device(channel);
	struct line line;

	if (recording.state != OPEN)
		return;
	begin(&line, "open");
	if (device) {
		add(&line, " device=%s class=%s instance=%s driver=%s", vmbus_device_path(device),
		    vmbus_device_class(device), vmbus_device_instance(device),
		    vmbus_device_driver(device) ? vmbus_device_driver(device) : "none");
		add_module(&line, device);
	}
	add(&line, " relid=%" PRIu32 " to-host=%zu from-host=%zu monitored=%d",
	    vmbus_chan_relid(channel), vmbus_chan_tx_size(channel),
	    vmbus_chan_rx_size(channel), vmbus_chan_is_monitored(channel));
	finish(&line);
	recording.signals = 0;
	show_rings(channel, true);
}

void record_host(struct vmbus_chan *channel, const struct vmbus_packet *packet,
		 const void *payload)
{
	struct line line;
	enum what what;

	if (recording.state != OPEN)
		return;
	what = what_is(packet, payload);
	begin_message(&line, "host", packet);
	add(&line, " what=%s", what_names[what]);
	if (packet->type == VMBUS_PACKET_INBAND)
		add_request(&line, what, payload, packet->length);
	finish(&line);
	/* Show the rings as the host left them, before the daemon answers. */
	if (what != WHAT_WRITE && !recording.due) {
		show_rings(channel, false);
		recording.due = true;
	}
}

void record_unread(const struct vmbus_packet *packet)
{
	struct line line;

	if (recording.state != OPEN)
		return;
	if (packet)
		begin_message(&line, "unread", packet);
	else
		begin(&line, "unread");
	finish(&line);
}

void record_guest(const struct vmbus_packet *packet, const void *payload)
{
	const unsigned char *bytes = payload;
	struct vmbus_ic_header header;
	struct line line;
	enum what what;

	if (recording.state != OPEN || vmbus_ic_parse(payload, packet->length, &header) < 0)
		return;
	what = what_is(packet, payload);
	begin(&line, "guest");
	add(&line, " length=%" PRIu32 " xid=0x%" PRIx64 " what=%s status=0x%08" PRIx32,
	    packet->length, packet->transaction_id, what_names[what], le32toh(header.status));
	add_hex(&line, "head", bytes, IC_HEADER);
	if (what == WHAT_NEGOTIATE)
		add_versions(&line, bytes, packet->length);
	finish(&line);
	recording.answered = true;
}

void record_event(const char *format, ...)
{
	struct line line;
	char text[256];
	va_list args;

	if (recording.state != OPEN)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	begin(&line, text);
	finish(&line);
}

void record_flushed(struct vmbus_chan *channel)
{
	struct vmbus_stats stats;

	if (recording.state != OPEN)
		return;
	vmbus_chan_stats(channel, &stats, sizeof(stats));
	if (stats.tx_signals != recording.signals)
		record_event("signal count=%" PRIu64, stats.tx_signals - recording.signals);
	recording.signals = stats.tx_signals;
	if (recording.due && recording.answered)
		show_rings(channel, false);
	recording.answered = false;
}

void record_work(bool now)
{
	if (recording.state == CLOSED || !collect())
		return;
	if (recording.state == ENDING && recording.last)
		recording.state = CLOSED;
	else if (recording.state == ENDING || (recording.used && (now || recording.used >= MANY)))
		hand_over(recording.state == ENDING);
}

void record_end(const char *reason)
{
	struct line line;

	if (recording.state != OPEN)
		return;
	begin(&line, "end");
	add(&line, " reason=%s", reason);
	keep(&line);
	/* An error during keep() has already ended the recording. */
	if (recording.state == OPEN)
		recording.state = ENDING;
	record_work(true);
}

void record_close(const char *reason)
{
	struct timespec begun;

	record_end(reason);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (;;) {
		int64_t left = CLOSE_MSEC - usec_since(&begun) / 1000;

		record_work(true);
		if (recording.state == CLOSED || left <= 0)
			break;
		work_wait(&recording.writer, left);
	}
	if (!work_busy(&recording.writer))
		work_close(&recording.writer);
	else
		log_line(LOG_WARNING, "%s: the disk does not answer; the recording has no end",
			 recording.path);
}
