// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program plays a Hyper-V host that copies a file to a guest with
 * Copy-VMFile.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <iconv.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <nettle/sha2.h>

#include "client.h"
#include "../../fcopy/hostile_host.h"

enum {
	EXIT_STATUS = 1,  /* the guest has refused the copy */
	EXIT_USAGE = 2,	  /* wrong arguments, no source file or no socket */
	EXIT_TIMEOUT = 3, /* no answer in time */
	EXIT_GONE = 4,	  /* the device is gone, or the guest broke the protocol */
};

static const char usage[] =
	"usage: copy-vmfile [options] SOCKET FILE\n"
	"       copy-vmfile [options] --generate BYTES:SEED SOCKET\n"
	"       copy-vmfile [options] --hostile SECONDS:SEED SOCKET\n"
	"Copies a file to the guest, as Copy-VMFile does on a Hyper-V host. The host sends two\n"
	"strings, and the guest alone decides what they mean: the source file's name, and the\n"
	"destination as the administrator typed it.\n"
	"  --source NAME           The source file's name in UTF-8; the default is that of FILE, or\n"
	"                          generated.bin.\n"
	"  --destination PATH      The argument of -DestinationPath in UTF-8. The program sends it\n"
	"                          verbatim; the default is /tmp/.\n"
	"  --force                 The guest may replace an existing file.\n"
	"  --create-full-path      The guest may create missing directories.\n"
	"  --raw-file-name HEX     These bytes replace the field of the source file's name.\n"
	"  --raw-path-name HEX     These bytes replace the field of the destination. HEX has four\n"
	"                          digits for each unit of UTF-16LE (\"a\" is 6100), 260 at most;\n"
	"                          zeros fill the rest.\n"
	"  --cancel-after BYTES    The host cancels when it has sent this many bytes.\n"
	"  --generate BYTES:SEED   The host sends reproducible bytes instead of a file.\n"
	"  --hostile SECONDS:SEED  The host sends altered and unordered messages for this time.\n"
	"  --retry-after SECONDS   The host repeats a message that has no answer in this time, until\n"
	"                          --timeout (default: 60, as on a real host).\n"
	"  --limit SECONDS         The program fails if an answer takes longer (default: 30).\n"
	"  --renegotiate-after BYTES  When the host has sent this many bytes, it negotiates anew and\n"
	"                          forgets the copy, as after a save and restore.\n"
	"  --migrate-after BYTES   When the host has sent this many bytes, the guest stands still for\n"
	"                          0.7 seconds, and signals and interrupts are lost.\n"
	"  --pause MILLISECONDS    The host waits this long before each part of the file.\n"
	"  --wait-after BYTES      When the host has sent this many bytes, it waits until its\n"
	"                          standard input has a line or ends.\n"
	"  --timeout SECONDS       The guest has this time for each answer and for opening the\n"
	"                          device (default: 60).\n"
	"The program prints the versions, the status of each step, bytes, the seconds of START, of\n"
	"the data phase (from the answer of START to that of the last WRITE) and of COMPLETE or\n"
	"CANCEL, the seconds of the answer that took longest, sha256 of the source file, and last\n"
	"\"status 0xHHHHHHHH\". It judges each answer as Microsoft's VMBus server does, and\n"
	"stops at the first one that such a server would reject. The device then ignores the guest\n"
	"until the guest opens it again.\n"
	"Exit status: 0 all statuses are 0, 1 one is not, 2 wrong use or no socket, 3 no answer in\n"
	"time, 4 the device is gone or the guest broke the protocol.\n";

#define NAME_UNITS 260 /* of UTF-16, in the fields of START */

struct version {
	uint16_t major, minor;
};
/* Microsoft's server offers these, as usual_negotiation() lists them. */
static const struct version frameworks[] = { { 1, 0 }, { 3, 0 } };
static const struct version services[] = { { 1, 0 }, { 1, 1 } };

/* A request that has no answer yet */
struct request {
	uint8_t transaction;
	uint16_t type;
	uint32_t length; /* of the message */
	int64_t asked;	 /* when the host sent it */
};
#define MAX_UNANSWERED 1000

struct copy {
	struct host host;
	int timeout_ms;
	uint64_t xid;
	uint8_t transaction;   /* the id of the next request */
	bool earlier_requests; /* those of an earlier program may lack their answers */
	int retry_ms;	       /* the host repeats a message after this time */
	int limit_ms;	       /* for one answer */
	int pause_ms;	       /* before each WRITE */
	int64_t longest_ms;    /* the time of the answer that took longest */
	uint64_t migrate_after, wait_after;
	unsigned int repeated; /* number of repeated messages */
	unsigned int unanswered;
	struct request request[MAX_UNANSWERED]; /* those without an answer, oldest first */
	struct version framework, service;
	int file; /* the contents */
};

static _Noreturn void fail(int code, const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "copy-vmfile: %s: %s\n", what, why);
	exit(code);
}

static _Noreturn void fail_host(struct copy *copy, int error, const char *what)
{
	fail(error == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_GONE, what, copy->host.error);
}

/*
 * End the program because Microsoft's server would reject an answer. A real
 * host does not report that: it ignores the channel until the guest opens the
 * device again. The device then does the same, and counts a fault.
 */
static _Noreturn void fail_judged(struct copy *copy, const char *what, const char *why)
{
	struct frame fault = { .op = FRAME_FAULT, .len = (uint32_t)strlen(why) };

	if (host_request(&copy->host, &fault, why, NULL, 0, copy->timeout_ms))
		fprintf(stderr, "copy-vmfile: the fault was not counted: %s\n", copy->host.error);
	fail(EXIT_GONE, what, why);
}

/* Convert UTF-8 to UTF-16LE, in a field of START that is zeroed. */
static void put_text(const char *option, const char *text, unsigned char *field)
{
	iconv_t conversion = iconv_open("UTF-16LE", "UTF-8");
	char *in = (char *)text, *out = (char *)field;
	size_t left = strlen(text), room = 2 * (NAME_UNITS - 1);

	if (conversion == (iconv_t)-1 || iconv(conversion, &in, &left, &out, &room) == (size_t)-1)
		fail(EXIT_USAGE, option,
		     errno == E2BIG ? "longer than 259 UTF-16 units" : strerror(errno));
	iconv_close(conversion);
}

/* Convert hex digits to the bytes of a field of START. */
static void put_hex(const char *option, const char *hex, unsigned char *field)
{
	size_t length = strlen(hex);

	if (length % 4 || length > 4 * NAME_UNITS)
		fail(EXIT_USAGE, option,
		     "four hex digits are expected for each of up to 260 units");
	for (size_t i = 0; i < length / 2; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &field[i]) != 1)
			fail(EXIT_USAGE, option, "hex digits are expected");
}

static bool closed_or_packet(struct host *host, uint32_t unused)
{
	return host->packets || !host->channel[0].open;
}

/* Send a request with this transaction id. */
static void post_as(struct copy *copy, const char *what, struct message *m, uint8_t transaction)
{
	struct frame frame = {
		.op = FRAME_PACKET,
		.type = PACKET_INBAND,
		.xid = copy->xid++,
		.len = (uint32_t)m->length,
	};
	int ret;

	if (copy->unanswered == MAX_UNANSWERED)
		fail(EXIT_TIMEOUT, what, "too many requests have no answer");
	put16(m, 8, copy->framework.major);
	put16(m, 10, copy->framework.minor);
	put16(m, 14, copy->service.major);
	put16(m, 16, copy->service.minor);
	m->bytes[24] = transaction;
	ret = host_send(&copy->host, &frame, m->bytes, copy->timeout_ms);
	if (ret)
		fail_host(copy, ret, what);
	copy->request[copy->unanswered++] =
		(struct request){ transaction, get16(m, 12), frame.len, host_now() };
}

/* Send the next request. */
static void post(struct copy *copy, const char *what, struct message *m)
{
	post_as(copy, what, m, copy->transaction++);
}

/* Returns the seconds of CLOCK_MONOTONIC. */
static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Returns the seconds since *moment, and sets *moment to now. */
static double lap(double *moment)
{
	double before = *moment;

	*moment = seconds_now();
	return *moment - before;
}

/* Returns the oldest request with this id that has no answer, or NULL. */
static struct request *find_request(struct copy *copy, uint8_t transaction)
{
	for (unsigned int i = 0; i < copy->unanswered; i++)
		if (copy->request[i].transaction == transaction)
			return &copy->request[i];
	return NULL;
}

/*
 * Remove a request whose answer has come. The program ends if the answer has
 * taken too long.
 */
static void remove_request(struct copy *copy, const char *what, struct request *request)
{
	int64_t took = host_now() - request->asked;
	struct request *end = &copy->request[copy->unanswered--];

	if (took > copy->longest_ms)
		copy->longest_ms = took;
	if (took > copy->limit_ms) {
		host_error(&copy->host, -ETIMEDOUT, "the answer came later than %.0f s",
			   copy->limit_ms / 1000.0);
		fail_host(copy, -ETIMEDOUT, what);
	}
	memmove(request, request + 1, (size_t)(end - request - 1) * sizeof(*request));
}

/*
 * Returns why Microsoft's server would reject this answer to @request, or NULL
 * if it would accept the answer.
 */
static const char *judge(const struct host_packet *packet, const struct message *answer,
			 const struct request *request)
{
	const uint32_t size = request->length - IC_HEADER;

	if (packet->frame.type != PACKET_INBAND)
		return "the answer's packet is not of the type in-band";
	if (answer->length != (request->length + 7) / 8 * 8)
		return "the answer's packet has another length than the request's";
	if (get32(answer, 0) != 1 || get32(answer, 4) != request->length - 8)
		return "the answer's pipe header differs from the request's";
	if (answer->bytes[24] != request->transaction)
		return "the answer carries another transaction id";
	if (answer->bytes[25] != 5)
		return "the answer's flags are not transaction and response";
	if (get16(answer, 12) != request->type)
		return "the type of the answer differs from that of the request";
	if (get16(answer, 18) > size)
		return "the answer's message_size is more than its packet holds";
	if (request->type != NEGOTIATE && get16(answer, 18) != size)
		return "the answer's message_size differs from the request's";
	return NULL;
}

/* Take an answer within @timeout_ms. Returns its packet, or NULL. */
static struct host_packet *take_packet(struct copy *copy, const char *what, int timeout_ms,
				       struct message *answer)
{
	int ret = host_wait(&copy->host, closed_or_packet, 0, "answered", timeout_ms);
	struct host_packet *packet;

	if (!ret && !copy->host.packets)
		fail(EXIT_GONE, what, "the guest has closed the device");
	if (!ret)
		ret = host_take_packet(&copy->host, &packet, 0);
	if (ret == -ETIMEDOUT)
		return NULL;
	if (ret)
		fail_host(copy, ret, what);
	answer->length = packet->frame.len - packet->frame.arg;
	if (answer->length < IC_HEADER || answer->length > sizeof(answer->bytes))
		fail_judged(copy, what, "the answer is too short or too long");
	memcpy(answer->bytes, packet->payload + packet->frame.arg, answer->length);
	return packet;
}

/*
 * Take the answer to a repeated message, which may come before the expected
 * answer.
 */
static void take_repeated(struct copy *copy, const char *what, const struct host_packet *packet,
			  const struct message *answer)
{
	struct request *request = find_request(copy, answer->bytes[24]);
	const char *wrong = request ? judge(packet, answer, request) :
				      "the answer belongs to no unanswered request";

	if (wrong)
		fail_judged(copy, what, wrong);
	remove_request(copy, what, request);
	if (status_of(answer))
		printf("%s again 0x%08x\n", what, status_of(answer));
}

/*
 * Take the answer to request @transaction within @timeout_ms. Returns whether
 * it has come; other faults end the program.
 */
static bool take_answer(struct copy *copy, const char *what, uint8_t transaction, int timeout_ms,
			struct message *answer)
{
	int64_t deadline = host_now() + timeout_ms;
	struct host_packet *packet;

	while ((packet = take_packet(copy, what, (int)(deadline - host_now()), answer))) {
		struct request *request = find_request(copy, transaction);
		uint8_t other = answer->bytes[24];
		const char *wrong;

		if (copy->repeated && other != transaction && find_request(copy, other)) {
			take_repeated(copy, what, packet, answer);
			free(packet);
			continue;
		}
		/*
		 * This program cannot know how many requests of an earlier one
		 * have no answer yet.
		 */
		if (copy->earlier_requests && other != transaction) {
			free(packet);
			continue;
		}
		wrong = judge(packet, answer, request);
		if (wrong)
			fail_judged(copy, what, wrong);
		remove_request(copy, what, request);
		copy->earlier_requests = false;
		free(packet);
		return true;
	}
	return false;
}

static _Noreturn void fail_unanswered(struct copy *copy, const char *what)
{
	host_error(&copy->host, -ETIMEDOUT, "no answer within %.0f s", copy->timeout_ms / 1000.0);
	fail_host(copy, -ETIMEDOUT, what);
}

/*
 * Take the answer to the latest request. Until it comes, repeat the request.
 * NEGOTIATE always has the transaction id 0. Returns the status.
 */
static uint32_t take_answer_to(struct copy *copy, const char *what, struct message *m,
			       struct message *answer)
{
	int64_t deadline = host_now() + copy->timeout_ms;

	for (;;) {
		int left = (int)(deadline - host_now());

		if (take_answer(copy, what, (uint8_t)(copy->transaction - 1),
				left < copy->retry_ms ? left : copy->retry_ms, answer))
			return status_of(answer);
		if (host_now() >= deadline)
			fail_unanswered(copy, what);
		post_as(copy, what, m, (uint8_t)(copy->transaction - 1));
		copy->repeated++;
	}
}

static uint32_t call(struct copy *copy, const char *what, struct message *m, struct message *answer)
{
	post(copy, what, m);
	return take_answer_to(copy, what, m, answer);
}

/* Wait until all repeated messages have their answers. More answers fail. */
static void take_rest(struct copy *copy)
{
	const char *what = "the last request";
	static struct message answer;

	while (copy->unanswered || copy->host.packets) {
		struct host_packet *packet = take_packet(copy, what, copy->timeout_ms, &answer);

		if (!packet)
			fail_unanswered(copy, what);
		take_repeated(copy, what, packet, &answer);
		free(packet);
	}
}

/* Take a version that the guest has chosen, as the word @at of its answer. */
static struct version chosen(struct copy *copy, const struct message *answer, size_t at,
			     const struct version offered[2])
{
	struct version version = { get16(answer, at), get16(answer, at + 2) };

	for (int i = 0; i < 2; i++)
		if (offered[i].major == version.major && offered[i].minor == version.minor)
			return version;
	fail_judged(copy, "negotiate", "the guest chose versions that the host did not offer");
}

/*
 * Negotiate if the guest has just opened the device. The header of the message
 * has the versions 0.0 and the transaction id 0. A note on the channel keeps
 * the result for the next run of this program.
 */
static void negotiate(struct copy *copy)
{
	static struct message request, answer;
	struct frame note = { .op = FRAME_NOTE };
	uint32_t word;
	int ret;

	ret = host_wait(&copy->host, host_is_open, 0, "opened by the guest", copy->timeout_ms);
	if (ret)
		fail_host(copy, ret, "negotiate");
	word = copy->host.channel[0].note;
	if (!word) {
		copy->framework = copy->service = (struct version){ 0 };
		copy->transaction = 0;
		usual_negotiation(&request);
		if (call(copy, "negotiate", &request, &answer) ||
		    get16(&answer, 18) < 8 + 2 * sizeof(struct version))
			fail_judged(copy, "negotiate", "the answer carries no versions");
		if (get16(&answer, IC_HEADER) != 1 || get16(&answer, IC_HEADER + 2) != 1)
			fail_judged(copy, "negotiate", "the guest supports none of the versions");
		copy->framework = chosen(copy, &answer, IC_HEADER + 8, frameworks);
		copy->service = chosen(copy, &answer, IC_HEADER + 12, services);
		note.arg = (uint32_t)(copy->framework.major << 24 | copy->framework.minor << 16 |
				      copy->service.major << 8 | copy->service.minor);
		ret = host_request(&copy->host, &note, NULL, NULL, 0, copy->timeout_ms);
		if (ret)
			fail_host(copy, ret, "note");
	} else {
		copy->earlier_requests = true;
		copy->framework = (struct version){ word >> 24, word >> 16 & 0xff };
		copy->service = (struct version){ word >> 8 & 0xff, word & 0xff };
	}
	printf("negotiated framework %u.%u service %u.%u%s\n", copy->framework.major,
	       copy->framework.minor, copy->service.major, copy->service.minor,
	       note.arg ? "" : " earlier");
}

static uint32_t step(const char *name, uint32_t status)
{
	printf("%s 0x%08x\n", name, status);
	return status;
}

/* Let the guest stand still for a moment, as in a migration. */
static void migrate(struct copy *copy)
{
	struct frame frame = { .op = FRAME_MIGRATE, .arg = 700 };
	int ret = host_request(&copy->host, &frame, NULL, NULL, 0, copy->timeout_ms);

	if (ret)
		fail_host(copy, ret, "migrate");
	printf("migrated\n");
}

/* Wait until the standard input has a line or ends. */
static void wait_for_line(void)
{
	int byte;

	do
		byte = getchar();
	while (byte != EOF && byte != '\n');
}

/*
 * Send the contents until a status is not 0, and return it. Set *cancelled
 * where --cancel-after ends the copy.
 */
static uint32_t send_contents(struct copy *copy, uint64_t size, uint64_t cancel_after,
			      bool *cancelled, uint64_t *sent)
{
	static struct message m, answer;
	uint32_t status = 0;

	while (!status) {
		uint8_t data[DATA_MAX] = { 0 };
		ssize_t len;

		if (*sent >= copy->wait_after) {
			copy->wait_after = UINT64_MAX;
			wait_for_line();
		}
		*cancelled = *sent >= cancel_after;
		if (*cancelled || *sent >= size)
			return 0;
		len = pread(copy->file, data, sizeof(data), (off_t)*sent);
		if (len <= 0)
			fail(EXIT_USAGE, "the source file",
			     len ? strerror(errno) : "it is shorter");
		/* Each WRITE has room for a whole part. */
		write_message(&m, *sent, data, sizeof(data));
		put32(&m, IC_HEADER + 48, (uint32_t)len);
		usleep((useconds_t)copy->pause_ms * 1000);
		post(copy, "write", &m);
		*sent += (uint64_t)len;
		if (*sent >= copy->migrate_after) {
			copy->migrate_after = UINT64_MAX;
			migrate(copy);
		}
		status = take_answer_to(copy, "write", &m, &answer);
	}
	printf("write 0x%08x before %" PRIu64 "\n", status, *sent);
	return status;
}

/*
 * The hostile messages have brought the guest down if it takes nothing out of
 * its ring for this time, or has closed the device.
 */
#define HOSTILE_PATIENCE_MS 60000
#define HOSTILE_MAX	    16000 /* bytes of a message, which fit into the ring */

static void be_hostile(struct copy *copy, int64_t seconds, const char *destination)
{
	int64_t until = host_now() + seconds * 1000;
	struct frame sync = { .op = FRAME_SYNC };
	uint64_t first = hostile_seed, sent = 0, answers = 0;
	static struct message m;
	int ret = 0;

	while (!ret && host_now() < until) {
		struct frame frame = { .op = FRAME_PACKET, .type = PACKET_INBAND, .xid = draw() };
		struct host_packet *packet;

		hostile_message(&m, destination);
		for (uint64_t i = below(2) ? 0 : below(4); i; i--)
			hostile_spoil(&m);
		if (!below(16))
			m.length += below(HOSTILE_MAX - m.length);
		frame.len = (uint32_t)m.length;
		if (!below(32)) {
			frame.type = (uint16_t)below(16);
			frame.flags = (uint16_t)below(4);
		}
		/* Sometimes write other bytes than a packet to the ring. */
		if (!below(64)) {
			frame.op = FRAME_PACKET_RAW;
			frame.len = (uint32_t)(below(32) + 2) * 8;
			for (uint32_t at = 0; at < frame.len; at++)
				m.bytes[at] = (uint8_t)below(below(2) ? 8 : 256);
		}
		ret = host_send(&copy->host, &frame, m.bytes, HOSTILE_PATIENCE_MS);
		sent++;
		/*
		 * The ring has several messages at a time. The wait limits the
		 * number of those on their way.
		 */
		if (!ret && !below(6))
			ret = host_request(&copy->host, &sync, NULL, NULL, 0, HOSTILE_PATIENCE_MS);
		if (!copy->host.channel[0].open)
			fail(EXIT_GONE, "hostile", "the guest has closed the device");
		if (ret)
			fail_host(copy, ret, "hostile");
		while (!ret && copy->host.packets) {
			ret = host_take_packet(&copy->host, &packet, 0);
			free(packet);
			answers++;
		}
	}
	while (!ret) {
		struct host_packet *packet;

		ret = host_take_packet(&copy->host, &packet, 2000);
		if (!ret) {
			free(packet);
			answers++;
		}
	}
	if (ret != -ETIMEDOUT)
		fail_host(copy, ret, "hostile");
	printf("hostile seed %" PRIu64 " messages %" PRIu64 " answers %" PRIu64 "\n", first, sent,
	       answers);
}

/* Returns the number at the start of @text, behind which is @end. */
static uint64_t number(const char *option, const char *text, char end)
{
	char *rest;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &rest, 0);
	if (errno || rest == text || *rest != end || *text == '-')
		fail(EXIT_USAGE, option, "a number is expected");
	return value;
}

/* Take BYTES:SEED or SECONDS:SEED. Returns the first number. */
static uint64_t seeded(const char *option, const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		fail(EXIT_USAGE, option, "a number, a colon and a seed are expected");
	hostile_seed = number(option, colon + 1, 0);
	return number(option, text, ':');
}

struct arguments {
	const char *source, *destination, *generated, *hostile;
	const char *raw_file_name, *raw_path_name;
	const char *socket, *path;
	uint64_t cancel_after, renegotiate_after, migrate_after, wait_after;
	uint64_t retry_after, limit, pause, timeout;
	bool force, create_full_path;
};

static void read_options(int argc, char **argv, struct arguments *args)
{
	/* Each option sets one of these: a text, a number or a flag. */
	const struct {
		const char *name, **text;
		uint64_t *value;
		bool *flag;
	} options[] = {
		{ "source", .text = &args->source },
		{ "destination", .text = &args->destination },
		{ "raw-file-name", .text = &args->raw_file_name },
		{ "raw-path-name", .text = &args->raw_path_name },
		{ "generate", .text = &args->generated },
		{ "hostile", .text = &args->hostile },
		{ "cancel-after", .value = &args->cancel_after },
		{ "renegotiate-after", .value = &args->renegotiate_after },
		{ "migrate-after", .value = &args->migrate_after },
		{ "wait-after", .value = &args->wait_after },
		{ "retry-after", .value = &args->retry_after },
		{ "limit", .value = &args->limit },
		{ "pause", .value = &args->pause },
		{ "timeout", .value = &args->timeout },
		{ "force", .flag = &args->force },
		{ "create-full-path", .flag = &args->create_full_path },
	};
	enum { OPTIONS = sizeof(options) / sizeof(options[0]) };
	struct option long_options[OPTIONS + 2] = { 0 };
	int option, index;

	for (int i = 0; i < OPTIONS; i++)
		long_options[i] = (struct option){ options[i].name, !options[i].flag, NULL, 'o' };
	long_options[OPTIONS] = (struct option){ "help", no_argument, NULL, 'h' };
	while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		if (option != 'o') {
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : EXIT_USAGE);
		}
		if (options[index].text)
			*options[index].text = optarg;
		else if (options[index].value)
			*options[index].value = number(options[index].name, optarg, 0);
		else
			*options[index].flag = true;
	}
}

static void parse(int argc, char **argv, struct arguments *args, struct copy *copy)
{
	int operands;

	read_options(argc, argv, args);
	copy->timeout_ms = (int)args->timeout * 1000;
	copy->retry_ms = (int)args->retry_after * 1000;
	copy->limit_ms = (int)args->limit * 1000;
	copy->pause_ms = (int)args->pause;
	copy->migrate_after = args->migrate_after;
	copy->wait_after = args->wait_after;
	operands = args->generated || args->hostile ? 1 : 2;
	if (argc - optind != operands || (args->generated && args->hostile)) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
	args->socket = argv[optind];
	if (operands == 2)
		args->path = argv[optind + 1];
}

/* Fill a memory file with @size reproducible bytes. */
static int generate(uint64_t size)
{
	int file = memfd_create("generated", MFD_CLOEXEC);

	while (file >= 0 && size) {
		uint64_t words[4096];
		size_t len = size < sizeof(words) ? size : sizeof(words);

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			words[i] = draw();
		if (write(file, words, len) != (ssize_t)len)
			return -1;
		size -= len;
	}
	return file;
}

/* Open the source file, or generate one. Returns its size. */
static uint64_t open_source(struct arguments *args, struct copy *copy)
{
	struct stat info;

	if (!args->generated && !args->path)
		return 0;
	if (args->generated)
		copy->file = generate(seeded("--generate", args->generated));
	else
		copy->file = open(args->path, O_RDONLY | O_CLOEXEC);
	if (copy->file < 0 || fstat(copy->file, &info))
		fail(EXIT_USAGE, "the source file", strerror(errno));
	if (args->path && !args->source)
		args->source = strrchr(args->path, '/') ? strrchr(args->path, '/') + 1 : args->path;
	return (uint64_t)info.st_size;
}

/* Print the checksum of the source file. */
static void print_checksum(const struct copy *copy)
{
	uint8_t digest[SHA256_DIGEST_SIZE], data[1 << 16];
	struct sha256_ctx sha;
	ssize_t len;

	sha256_init(&sha);
	for (off_t at = 0; (len = pread(copy->file, data, sizeof(data), at)) > 0; at += len)
		sha256_update(&sha, (size_t)len, data);
	sha256_digest(&sha, sizeof(digest), digest);
	printf("sha256 ");
	for (size_t i = 0; i < sizeof(digest); i++)
		printf("%02x", digest[i]);
	putchar('\n');
}

/* Negotiate once more, on a channel that has been in use. */
static void negotiate_again(struct copy *copy)
{
	copy->host.channel[0].note = 0;
	negotiate(copy);
}

/* Start a copy, send its contents and end it. Returns the exit status. */
static int copy_file(struct copy *copy, const struct arguments *args, struct message *start,
		     uint64_t size)
{
	bool renegotiates = args->renegotiate_after != UINT64_MAX, cancelled = false;
	double moment = seconds_now(), start_seconds, data_seconds = 0, complete_seconds = 0;
	static struct message end, answer;
	uint32_t status, ended;
	uint64_t sent = 0;

	status = step("start", call(copy, "start", start, &answer));
	start_seconds = lap(&moment);
	if (!status) {
		status = send_contents(copy, size,
				       renegotiates ? args->renegotiate_after : args->cancel_after,
				       &cancelled, &sent);
		data_seconds = lap(&moment);
		if (cancelled && renegotiates) {
			take_rest(copy);
			negotiate_again(copy);
			return 0;
		}
		/* Cancel a failed copy, so that the guest closes the file. */
		cancelled |= status;
		end_message(&end, cancelled ? CANCEL : COMPLETE);
		ended = step(cancelled ? "cancel" : "complete",
			     call(copy, cancelled ? "cancel" : "complete", &end, &answer));
		complete_seconds = lap(&moment);
		if (!status)
			status = ended;
	}
	take_rest(copy);
	if (copy->repeated)
		printf("sent %u messages again\n", copy->repeated);
	printf("bytes %" PRIu64 "\nstart-seconds %.6f\ndata-seconds %.6f\ncomplete-seconds %.6f\n",
	       sent, start_seconds, data_seconds, complete_seconds);
	printf("longest-answer-seconds %.3f\n", (double)copy->longest_ms / 1000);
	print_checksum(copy);
	step("status", status);
	return status ? EXIT_STATUS : 0;
}

int main(int argc, char **argv)
{
	struct arguments args = { .source = NULL,
				  .destination = "/tmp/",
				  .cancel_after = UINT64_MAX,
				  .renegotiate_after = UINT64_MAX,
				  .migrate_after = UINT64_MAX,
				  .wait_after = UINT64_MAX,
				  .retry_after = 60,
				  .limit = 30,
				  .timeout = 60 };
	static struct message start;
	static struct copy copy;
	int status = 0;
	uint64_t size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv, &args, &copy);
	size = open_source(&args, &copy);
	if (args.renegotiate_after != UINT64_MAX && args.renegotiate_after > size)
		fail(EXIT_USAGE, "--renegotiate-after", "the copy has fewer bytes");
	start_message(&start, "", "",
		      (args.force ? OVER_WRITE : 0) | (args.create_full_path ? CREATE_PATH : 0),
		      size);
	if (args.raw_file_name)
		put_hex("--raw-file-name", args.raw_file_name, start.bytes + SOURCE);
	else
		put_text("--source", args.source ? args.source : "generated.bin",
			 start.bytes + SOURCE);
	if (args.raw_path_name)
		put_hex("--raw-path-name", args.raw_path_name, start.bytes + DESTINATION);
	else
		put_text("--destination", args.destination, start.bytes + DESTINATION);

	if (getrandom(&copy.transaction, sizeof(copy.transaction), 0) != sizeof(copy.transaction))
		fail(EXIT_USAGE, "getrandom", strerror(errno));
	copy.xid = 1;
	if (host_connect(&copy.host, args.socket, copy.timeout_ms))
		fail(EXIT_USAGE, "connect", copy.host.error);
	negotiate(&copy);
	if (args.hostile) {
		be_hostile(&copy, (int64_t)seeded("--hostile", args.hostile), args.destination);
		/*
		 * The guest may have agreed to other versions, and may not yet
		 * have answered everything.
		 */
		copy.earlier_requests = true;
		negotiate_again(&copy);
	} else {
		status = copy_file(&copy, &args, &start, size);
	}
	host_disconnect(&copy.host);
	return status;
}
