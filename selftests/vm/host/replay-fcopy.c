// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program plays the Hyper-V host of a recording: it sends a guest the
 * packets of that host, and compares the answers.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "ic.h"
#include "../../fcopy/recording.h"

enum {
	EXIT_DIFFERENT = 1, /* an answer differs */
	EXIT_USAGE = 2,     /* wrong arguments, no recording or no socket */
	EXIT_TIMEOUT = 3,   /* no answer in time */
	EXIT_GONE = 4,      /* the device is gone */
};

static const char usage[] =
	"usage: replay-fcopy [--timeout SECONDS] SOCKET RECORDING\n"
	"Sends a guest the packets that a host sent in a recording of hv-fcopyd --record, in\n"
	"their order, and waits for each answer of the recording before it goes on. The\n"
	"recording has no contents of files; the bytes ABC...XYZABC... take their place.\n"
	"  --timeout SECONDS       The guest has this time for each answer and for opening the\n"
	"                          device (default: 60).\n"
	"The program prints \"difference in line N\" for each answer that is not as recorded:\n"
	"its status, its length, its transaction ids, or another field of its header. Exit status:\n"
	"0 all answers are as recorded, 1 one is not, 2 wrong use, no recording or no socket, 3 no\n"
	"answer in time, 4 the device is gone.\n";

/* The offset of the status in an IC header */
#define IC_STATUS offsetof(struct ic, status)
/*
 * After the last answer of the recording, the program waits for further packets
 * for this time.
 */
#define SILENCE_MS 1000

/* This is more than the requests that hv-fcopyd keeps while a disk is slow. */
#define UNANSWERED 64

struct replay {
	struct host host;
	int timeout_ms;
	unsigned int line; /* the present line of the recording */
	unsigned int sent, answers, differences;
	/* The latest requests without an answer in the recording so far */
	uint64_t unanswered[UNANSWERED];
	unsigned int waiting;
	struct record_packet packet;
};

static _Noreturn void fail(int code, const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "replay-fcopy: %s: %s\n", what, why);
	exit(code);
}

static _Noreturn void fail_line(const struct replay *replay, int code, const char *why)
{
	char where[32];

	snprintf(where, sizeof(where), "line %u", replay->line);
	fail(code, where, why);
}

static _Noreturn void fail_host(const struct replay *replay, int error)
{
	fail_line(replay, error == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_GONE, replay->host.error);
}

__attribute__((format(printf, 2, 3)))
static void differ(struct replay *replay, const char *format, ...)
{
	va_list args;

	printf("difference in line %u: ", replay->line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	replay->differences++;
}

static bool closed_or_packet(struct host *host, uint32_t unused)
{
	return host->packets || !host->channel[0].open;
}

/*
 * Wait until the guest has the device open. Reset the note on the channel, so
 * that later programs negotiate anew.
 */
static void wait_for_guest(struct replay *replay)
{
	const struct frame forget = { .op = FRAME_NOTE };
	int ret = host_wait(&replay->host, host_is_open, 0, "opened by the guest",
			    replay->timeout_ms);

	if (!ret)
		ret = host_request(&replay->host, &forget, NULL, NULL, 0, NULL, replay->timeout_ms);
	if (ret)
		fail_host(replay, ret);
}

/* Note a request whose answer may come after the end of the recording. */
static void note_request(struct replay *replay, const struct record_packet *packet)
{
	if (packet->type != PACKET_INBAND)
		return;
	if (replay->waiting == UNANSWERED) {
		replay->waiting--;
		memmove(replay->unanswered, replay->unanswered + 1,
			replay->waiting * sizeof(*replay->unanswered));
	}
	replay->unanswered[replay->waiting++] = packet->xid;
}

/*
 * Remove the first noted request with this transaction id. Returns whether
 * there is one.
 */
static bool forget_request(struct replay *replay, uint64_t xid)
{
	unsigned int i = 0;

	while (i < replay->waiting && replay->unanswered[i] != xid)
		i++;
	if (i == replay->waiting)
		return false;
	replay->waiting--;
	memmove(replay->unanswered + i, replay->unanswered + i + 1,
		(replay->waiting - i) * sizeof(*replay->unanswered));
	return true;
}

static void send_packet(struct replay *replay)
{
	struct record_packet *packet = &replay->packet;
	uint32_t extra = packet->descriptor > 16 ? packet->descriptor - 16 : 0;
	struct frame frame = {
		.op = FRAME_PACKET,
		.type = packet->type,
		.flags = packet->flags,
		.xid = packet->xid,
		.arg = extra,
		.len = extra + packet->length,
	};
	uint8_t *bytes = calloc(1, frame.len + 1);
	int ret;

	if (!bytes)
		fail_line(replay, EXIT_USAGE, strerror(errno));
	/* The recording has no page ranges. */
	memcpy(bytes + extra, packet->payload, packet->length);
	ret = host_send(&replay->host, &frame, bytes, replay->timeout_ms);
	free(bytes);
	if (ret)
		fail_host(replay, ret);
	replay->sent++;
}

static uint32_t status_at(const uint8_t *payload)
{
	return (uint32_t)payload[IC_STATUS] | (uint32_t)payload[IC_STATUS + 1] << 8 |
	       (uint32_t)payload[IC_STATUS + 2] << 16 | (uint32_t)payload[IC_STATUS + 3] << 24;
}

/*
 * Compare an answer with that of the recording. The recording has the first
 * @known bytes of the payload.
 */
static void compare(struct replay *replay, const struct host_packet *packet, uint32_t known)
{
	const struct record_packet *wanted = &replay->packet;
	const uint8_t *payload = packet->payload + packet->frame.arg;
	uint32_t length = packet->frame.len - packet->frame.arg;

	if (packet->frame.type != PACKET_INBAND || packet->frame.flags)
		differ(replay, "the packet has type %u and flags 0x%x", packet->frame.type,
		       packet->frame.flags);
	if (packet->frame.xid != wanted->xid)
		differ(replay, "the packet's transaction id is 0x%" PRIx64 ", in the recording 0x%"
		       PRIx64, packet->frame.xid, wanted->xid);
	if (length != wanted->length)
		differ(replay, "the packet has %u bytes, in the recording %u", length,
		       wanted->length);
	if (length < known || known < sizeof(struct ic))
		return;
	if (status_at(payload) != status_at(wanted->payload))
		differ(replay, "the status is 0x%08x, in the recording 0x%08x", status_at(payload),
		       status_at(wanted->payload));
	for (uint32_t i = 0; i < known; i++)
		if (payload[i] != wanted->payload[i] &&
		    (i < IC_STATUS || i >= IC_STATUS + sizeof(uint32_t)))
			differ(replay, "byte %u is 0x%02x, in the recording 0x%02x", i, payload[i],
			       wanted->payload[i]);
}

static void take_answer(struct replay *replay, uint32_t known)
{
	struct host_packet *packet;
	int ret = host_wait(&replay->host, closed_or_packet, 0, "answered", replay->timeout_ms);

	if (!ret && !replay->host.packets)
		fail_line(replay, EXIT_GONE, "the guest has closed the device");
	if (!ret)
		ret = host_take_packet(&replay->host, &packet, 0);
	if (ret)
		fail_host(replay, ret);
	compare(replay, packet, known);
	free(packet);
	replay->answers++;
}

static void play(struct replay *replay, const struct record *record)
{
	const char *wrong;
	uint32_t known;

	if (!strcmp(record->kind, "open")) {
		wait_for_guest(replay);
	} else if (!strcmp(record->kind, "host")) {
		wrong = record_host_packet(record, &replay->packet);
		if (wrong)
			fail_line(replay, EXIT_USAGE, wrong);
		send_packet(replay);
		note_request(replay, &replay->packet);
	} else if (!strcmp(record->kind, "guest")) {
		wrong = record_guest_packet(record, &replay->packet, &known);
		if (wrong)
			fail_line(replay, EXIT_USAGE, wrong);
		take_answer(replay, known);
		forget_request(replay, replay->packet.xid);
	} else if (!strcmp(record->kind, "unread")) {
		printf("line %u: the recording lacks this packet of the host\n", replay->line);
	} else if (!strcmp(record->kind, "lost")) {
		printf("line %u: the guest opened the device again; here it stays open\n",
		       replay->line);
	}
}

static void play_all(struct replay *replay, FILE *file)
{
	struct record record;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		const char *wrong;

		replay->line++;
		/*
		 * hv-fcopyd was killed while it wrote this line, or the disk
		 * was full. But every recording has a whole first line.
		 */
		if (feof(file) && replay->line > 1)
			break;
		wrong = record_parse(line, &record);
		if (!wrong && replay->line == 1 && !record_is_first(&record))
			wrong = "this is no recording of format 1";
		if (wrong)
			fail_line(replay, EXIT_USAGE, wrong);
		play(replay, &record);
	}
	if (ferror(file))
		fail_line(replay, EXIT_USAGE, strerror(errno));
	if (!replay->line)
		fail(EXIT_USAGE, "the recording", "it is empty");
	free(line);
}

/*
 * Report packets of the guest that are not in the recording. An answer is no
 * difference if the recording ended between the request and the answer.
 */
static void expect_silence(struct replay *replay)
{
	struct host_packet *packet;

	while (!host_take_packet(&replay->host, &packet, SILENCE_MS)) {
		if (!forget_request(replay, packet->frame.xid))
			differ(replay, "the guest has sent one more packet, of %u bytes",
			       packet->frame.len - packet->frame.arg);
		free(packet);
	}
}

static int seconds(const char *text)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (rest == text || *rest || value > 86400)
		fail(EXIT_USAGE, "--timeout", "a number of seconds is expected");
	return (int)value * 1000;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct replay replay = { .timeout_ms = 60000 };
	FILE *file;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 't':
			replay.timeout_ms = seconds(optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	file = fopen(argv[optind + 1], "re");
	if (!file)
		fail(EXIT_USAGE, argv[optind + 1], strerror(errno));
	if (host_connect(&replay.host, argv[optind], replay.timeout_ms))
		fail(EXIT_USAGE, "connect", replay.host.error);
	play_all(&replay, file);
	expect_silence(&replay);
	printf("sent %u packets, %u answers, %u differences\n", replay.sent, replay.answers,
	       replay.differences);
	host_disconnect(&replay.host);
	fclose(file);
	return replay.differences ? EXIT_DIFFERENT : 0;
}
