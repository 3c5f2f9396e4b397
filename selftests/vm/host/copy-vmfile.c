// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program plays a Hyper-V host that copies a file to a guest with
 * Copy-VMFile.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <nettle/sha2.h>

#include "client.h"
#include "ic.h"

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
	"       copy-vmfile [options] --negotiate-only SOCKET\n"
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
	"  --size BYTES            START declares this size (default: the real one).\n"
	"  --cancel-after BYTES    The host cancels when it has sent this many bytes.\n"
	"  --generate BYTES:SEED   The host sends reproducible bytes instead of a file.\n"
	"  --queue COUNT           At most COUNT WRITEs wait for their answers (default: 1).\n"
	"  --hostile SECONDS:SEED  The host sends altered and unordered messages for this time.\n"
	"  --retry-after SECONDS   The host repeats a message that has no answer in this time, until\n"
	"                          --timeout (default: 60, as on a real host; never with --queue).\n"
	"  --limit SECONDS         The program fails if an answer takes longer (default: 30).\n"
	"  --new-id                Each repeated message of a copy has a new transaction id.\n"
	"  --twice                 The host sends each START, WRITE and COMPLETE twice at once.\n"
	"  --renegotiate-after BYTES  When the host has sent this many bytes, it negotiates anew and\n"
	"                          forgets the copy, as after a save and restore.\n"
	"  --migrate-after BYTES   When the host has sent this many bytes, the guest stands still for\n"
	"                          0.7 seconds, and signals and interrupts are lost.\n"
	"  --pause MILLISECONDS    The host waits this long before each part of the file.\n"
	"  --wait-after BYTES      When the host has sent this many bytes, it waits until its\n"
	"                          standard input has a line or ends.\n"
	"  --negotiate-only        The host negotiates anew and copies nothing.\n"
	"  --order reversed|swapped  The host sends the parts from the last to the first, or swaps\n"
	"                          the parts of each pair. It needs --generate.\n"
	"  --timeout SECONDS       The guest has this time for each answer and for opening the\n"
	"                          device (default: 60).\n"
	"The program prints the versions, the status of each step, bytes, packets, seconds, MB/s,\n"
	"the seconds of each phase (up to the answer of START, of the last WRITE, and of COMPLETE\n"
	"or CANCEL), the seconds of the answer that took longest, sha256, and last\n"
	"\"status 0xHHHHHHHH (text)\". It judges each answer as Microsoft's VMBus server does, and\n"
	"stops at the first one that such a server would reject. The device then ignores the guest\n"
	"until the guest opens it again.\n"
	"Exit status: 0 all statuses are 0, 1 one is not, 2 wrong use or no socket, 3 no answer in\n"
	"time, 4 the device is gone or the guest broke the protocol.\n";

/* Microsoft's server lists the versions of each kind in ascending order. */
static const struct negotiate offered = {
	VERSIONS, VERSIONS, 0, { { 1, 0 }, { 3, 0 }, { 1, 0 }, { 1, 1 } }
};

/* Windows shows these texts for the statuses. */
static const struct {
	uint32_t status;
	const char *text;
} messages[] = {
	{ 0x00000000, "The operation completed successfully." },
	{ 0x80004005, "Unspecified error" },
	{ 0x80041002, "Not found" },
	{ 0x80070003, "The system cannot find the path specified." },
	{ 0x80070004, "The system cannot open the file." },
	{ 0x80070005, "Access is denied." },
	{ 0x80070008, "Not enough memory resources are available to process this command." },
	{ 0x8007000d, "The data is invalid." },
	{ 0x8007000e, "Not enough memory resources are available to complete this operation." },
	{ 0x80070013, "The media is write protected." },
	{ 0x8007001d, "The system cannot write to the specified device." },
	{ 0x80070020,
	  "The process cannot access the file because it is being used by another process." },
	{ 0x80070032, "The request is not supported." },
	{ 0x80070050, "The file exists." },
	{ 0x80070057, "The parameter is incorrect." },
	{ 0x80070070, "There is not enough space on the disk." },
	{ 0x8007007b, "The filename, directory name, or volume label syntax is incorrect." },
	{ 0x800700aa, "The requested resource is in use." },
	{ 0x800700b7, "Cannot create a file when that file already exists." },
	{ 0x800700ce, "The filename or extension is too long." },
	{ 0x800700df, "The file size exceeds the limit allowed and cannot be saved." },
	{ 0x80070103, "No more data is available." },
	{ 0x8007010b, "The directory name is invalid." },
	{ 0x80070150, "An operation is not supported on a directory." },
	{ 0x8007045d, "The request could not be performed because of an I/O device error." },
	{ 0x8007048f, "The device is not connected." },
	{ 0x800704c7, "The operation was canceled by the user." },
	{ 0x800704d3, "The request was aborted." },
	{ 0x800704ec, "This program is blocked by group policy. "
		      "For more information, contact your system administrator." },
	{ 0x800704f7, "The machine is locked and cannot be shut down without the force option." },
	{ 0x800705b4, "This operation returned because the timeout period expired." },
	{ 0x80070718, "Not enough quota is available to process this command." },
	{ 0x80070781, "The name of the file cannot be resolved by the system." },
	{ 0x80071392, "The object already exists." },
	{ 0x8007139f,
	  "The group or resource is not in the correct state to perform the requested operation." },
};

enum order { ASCENDING, REVERSED, SWAPPED };

/* A request that has no answer yet */
struct request {
	uint8_t transaction;
	uint16_t type;
	uint16_t size; /* of its body */
	int64_t asked; /* when the host sent it */
};
#define MAX_UNANSWERED 1000

struct copy {
	struct host host;
	enum order order;
	int timeout_ms;
	unsigned int queue; /* limit of WRITEs without an answer */
	uint64_t xid;
	uint8_t transaction;   /* the id of the next request */
	bool earlier_requests; /* those of an earlier program may lack their answers */
	int retry_ms;	       /* the host repeats a message after this time */
	bool retries;	       /* the caller has chosen this time */
	int limit_ms;	       /* for one answer */
	int pause_ms;	       /* before each WRITE */
	int64_t longest_ms;    /* the time of the answer that took longest */
	uint64_t migrate_after, wait_after;
	bool new_id, twice;
	unsigned int repeated; /* number of repeated messages */
	unsigned int unanswered;
	struct request request[MAX_UNANSWERED]; /* those without an answer, oldest first */
	uint64_t packets;
	struct version framework, service;
	FILE *file;
	uint64_t generated; /* the generator's seed if there is no file */
};

static const char *message_of(uint32_t status)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].status == status)
			return messages[i].text;
	return "unknown";
}

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

	if (host_request(&copy->host, &fault, why, NULL, 0, NULL, copy->timeout_ms))
		fprintf(stderr, "copy-vmfile: the fault was not counted: %s\n", copy->host.error);
	fail(EXIT_GONE, what, why);
}

/*
 * Returns the number of bytes that follow the first byte of a character, or 4
 * if no character begins with this byte.
 */
static unsigned int continuations(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first >> 5 == 6)
		return 1;
	if (first >> 4 == 14)
		return 2;
	return first >> 3 == 30 ? 3 : 4;
}

/*
 * Convert UTF-8 to UTF-16LE with a NUL at the end. Returns NULL, or the reason
 * why the text cannot be converted.
 */
static const char *to_utf16(const char *text, uint16_t *units, size_t size)
{
	static const uint32_t minimum[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)text;
	size_t count = 0;

	while (*at) {
		unsigned int more = continuations(*at);
		uint32_t c = more ? *at & (0x3f >> more) : *at;

		if (more == 4)
			return "not UTF-8";
		at++;
		for (unsigned int i = 0; i < more; i++, at++) {
			if (*at >> 6 != 2)
				return "not UTF-8";
			c = c << 6 | (*at & 0x3f);
		}
		if (c < minimum[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return "not UTF-8";
		if (count + (c >= 0x10000) + 1 >= size)
			return "longer than 259 UTF-16 units";
		if (c >= 0x10000) {
			units[count++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + (c & 0x3ff);
		}
		units[count++] = (uint16_t)c;
	}
	units[count] = 0;
	return NULL;
}

/*
 * Take up to 260 units from hex digits, the low byte of each unit first.
 * Returns NULL, or the reason why the digits are wrong.
 */
static const char *from_hex(const char *hex, uint16_t *units)
{
	size_t count = 0;

	while (*hex) {
		unsigned int low, high;

		if (strspn(hex, "0123456789abcdefABCDEF") < 4 ||
		    sscanf(hex, "%2x%2x", &low, &high) != 2)
			return "four hex digits are expected for each unit";
		if (count == NAME_UNITS)
			return "more than 260 units";
		units[count++] = (uint16_t)(low | high << 8);
		hex += 4;
	}
	return NULL;
}

/*
 * Make the bytes at @offset of a file of any size: splitmix64 of the seed and
 * the byte's place.
 */
static void generate(uint64_t seed, uint64_t offset, uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t z = seed + (offset + i) / 8 * 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		data[i] = (uint8_t)(z >> (offset + i) % 8 * 8);
	}
}

static bool closed_or_packet(struct host *host, uint32_t unused)
{
	return host->packets || !host->channel[0].open;
}

/* Send a request with this transaction id. */
static void post_as(struct copy *copy, const char *what, uint16_t type, uint8_t transaction,
		    const void *body, uint16_t size)
{
	struct {
		struct ic ic;
		uint8_t body[sizeof(struct write)];
	} PACKED request = {
		.ic = {
			.pipe_flags = 1,
			.pipe_size = (uint32_t)sizeof(struct ic) - 8 + size,
			.framework = copy->framework,
			.type = type,
			.service = copy->service,
			.size = size,
			.transaction = transaction,
			.flags = IC_TRANSACTION | IC_REQUEST,
		},
	};
	struct frame frame = {
		.op = FRAME_PACKET,
		.type = PACKET_INBAND,
		.xid = copy->xid++,
		.len = (uint32_t)sizeof(request.ic) + size,
	};
	int ret;

	if (copy->unanswered == MAX_UNANSWERED)
		fail(EXIT_TIMEOUT, what, "too many requests have no answer");
	memcpy(request.body, body, size);
	ret = host_send(&copy->host, &frame, &request, copy->timeout_ms);
	if (ret)
		fail_host(copy, ret, what);
	copy->packets++;
	copy->request[copy->unanswered++] = (struct request){ transaction, type, size, host_now() };
}

/* Send the next request, and with --twice its repetition. */
static void post(struct copy *copy, const char *what, uint16_t type, const void *body,
		 uint16_t size)
{
	uint8_t transaction = copy->transaction++;

	post_as(copy, what, type, transaction, body, size);
	if (copy->twice && type == IC_FCOPY) {
		if (copy->new_id)
			transaction = copy->transaction++;
		post_as(copy, what, type, transaction, body, size);
		copy->repeated++;
	}
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
static const char *judge(const struct host_packet *packet, const struct ic *ic,
			 const struct request *request)
{
	const uint32_t length = packet->frame.len - packet->frame.arg;
	const uint32_t whole = (uint32_t)sizeof(*ic) + request->size;

	if (packet->frame.type != PACKET_INBAND)
		return "the answer's packet is not of the type in-band";
	if (length != (whole + 7) / 8 * 8)
		return "the answer's packet has another length than the request's";
	if (ic->pipe_flags != 1 || ic->pipe_size != whole - 8)
		return "the answer's pipe header differs from the request's";
	if (ic->transaction != request->transaction)
		return "the answer carries another transaction id";
	if (ic->flags != (IC_TRANSACTION | IC_RESPONSE))
		return "the answer's flags are not transaction and response";
	if (ic->type != request->type)
		return "the type of the answer differs from that of the request";
	if (ic->size > request->size)
		return "the answer's message_size is more than its packet holds";
	if (ic->type != IC_NEGOTIATE && ic->size != request->size)
		return "the answer's message_size differs from the request's";
	return NULL;
}

/*
 * Take a packet and its IC header within @timeout_ms. Returns 0 or -ETIMEDOUT.
 */
static int take_packet(struct copy *copy, const char *what, int timeout_ms,
		       struct host_packet **packet, struct ic *ic)
{
	int ret = host_wait(&copy->host, closed_or_packet, 0, "answered", timeout_ms);

	if (!ret && !copy->host.packets)
		fail(EXIT_GONE, what, "the guest has closed the device");
	if (!ret)
		ret = host_take_packet(&copy->host, packet, 0);
	if (ret && ret != -ETIMEDOUT)
		fail_host(copy, ret, what);
	if (ret)
		return ret;
	if ((*packet)->frame.len - (*packet)->frame.arg < sizeof(*ic))
		fail_judged(copy, what, "the answer is too short");
	memcpy(ic, (*packet)->payload + (*packet)->frame.arg, sizeof(*ic));
	return 0;
}

/*
 * Take the answer to a repeated message, which may come before the expected
 * answer.
 */
static void take_repeated(struct copy *copy, const char *what, const struct host_packet *packet,
			  const struct ic *ic)
{
	struct request *request = find_request(copy, ic->transaction);
	const char *wrong = request ? judge(packet, ic, request) :
				      "the answer belongs to no unanswered request";

	if (wrong)
		fail_judged(copy, what, wrong);
	remove_request(copy, what, request);
	if (ic->status)
		printf("%s again 0x%08x (%s)\n", what, ic->status, message_of(ic->status));
}

/*
 * Take the answer to request @transaction within @timeout_ms. Returns 0, or
 * -ETIMEDOUT; other errors end the program.
 */
static int take_answer_in_time(struct copy *copy, const char *what, uint8_t transaction,
			       int timeout_ms, uint32_t *status, struct host_packet **answer)
{
	int64_t deadline = host_now() + timeout_ms;
	int ret;

	for (;;) {
		struct request *request = find_request(copy, transaction);
		struct host_packet *packet;
		const char *wrong;
		struct ic ic;

		ret = take_packet(copy, what, (int)(deadline - host_now()), &packet, &ic);
		if (ret)
			return ret;
		if (copy->repeated && ic.transaction != transaction &&
		    find_request(copy, ic.transaction)) {
			take_repeated(copy, what, packet, &ic);
			free(packet);
			continue;
		}
		/*
		 * This program cannot know how many requests of an earlier one
		 * have no answer yet.
		 */
		if (copy->earlier_requests && ic.transaction != transaction) {
			free(packet);
			continue;
		}
		wrong = judge(packet, &ic, request);
		if (wrong)
			fail_judged(copy, what, wrong);
		remove_request(copy, what, request);
		copy->earlier_requests = false;
		*status = ic.status;
		if (answer)
			*answer = packet;
		else
			free(packet);
		return 0;
	}
}

static _Noreturn void fail_unanswered(struct copy *copy, const char *what)
{
	host_error(&copy->host, -ETIMEDOUT, "no answer within %.0f s", copy->timeout_ms / 1000.0);
	fail_host(copy, -ETIMEDOUT, what);
}

/* Take the answer to request @transaction and return its status. */
static uint32_t take_answer(struct copy *copy, const char *what, uint8_t transaction)
{
	uint32_t status;

	if (take_answer_in_time(copy, what, transaction, copy->timeout_ms, &status, NULL))
		fail_unanswered(copy, what);
	return status;
}

/*
 * Take the answer to the latest request. Until it comes, repeat the request
 * with the same @body. NEGOTIATE always has the transaction id 0.
 */
static uint32_t take_answer_to(struct copy *copy, const char *what, uint16_t type, const void *body,
			       uint16_t size, struct host_packet **answer)
{
	int64_t deadline = host_now() + copy->timeout_ms;
	uint32_t status;

	for (;;) {
		int left = (int)(deadline - host_now());

		if (!take_answer_in_time(copy, what, (uint8_t)(copy->transaction - 1),
					 left < copy->retry_ms ? left : copy->retry_ms, &status,
					 answer))
			return status;
		if (host_now() >= deadline)
			fail_unanswered(copy, what);
		if (copy->new_id && type == IC_FCOPY)
			copy->transaction++;
		post_as(copy, what, type, (uint8_t)(copy->transaction - 1), body, size);
		copy->repeated++;
	}
}

static uint32_t call(struct copy *copy, const char *what, uint16_t type, const void *body,
		     uint16_t size, struct host_packet **answer)
{
	post(copy, what, type, body, size);
	return take_answer_to(copy, what, type, body, size, answer);
}

/* Wait until all repeated messages have their answers. More answers fail. */
static void take_rest(struct copy *copy)
{
	const char *what = "the last request";
	struct host_packet *packet;
	struct ic ic;

	while (copy->unanswered || copy->host.packets) {
		if (take_packet(copy, what, copy->timeout_ms, &packet, &ic))
			fail_unanswered(copy, what);
		take_repeated(copy, what, packet, &ic);
		free(packet);
	}
}

static bool is_offered(struct version version, const struct version *list)
{
	for (int i = 0; i < VERSIONS; i++)
		if (list[i].major == version.major && list[i].minor == version.minor)
			return true;
	return false;
}

/*
 * Negotiate if the guest has just opened the device. The header of the message
 * has the versions 0.0 and the transaction id 0. A note on the channel keeps
 * the result for the next run of this program.
 */
static void negotiate(struct copy *copy)
{
	struct frame note = { .op = FRAME_NOTE };
	struct host_packet *answer;
	struct negotiate chosen;
	struct ic ic;
	uint32_t status, word;
	int ret;

	ret = host_wait(&copy->host, host_is_open, 0, "opened by the guest", copy->timeout_ms);
	if (ret)
		fail_host(copy, ret, "negotiate");
	word = copy->host.channel[0].note;
	if (!word) {
		copy->framework = copy->service = (struct version){ 0 };
		copy->transaction = 0;
		status = call(copy, "negotiate", IC_NEGOTIATE, &offered, sizeof(offered), &answer);
		memcpy(&ic, answer->payload + answer->frame.arg, sizeof(ic));
		if (status || ic.size < 8 + 2 * sizeof(struct version))
			fail_judged(copy, "negotiate", "the answer carries no versions");
		memcpy(&chosen, answer->payload + answer->frame.arg + sizeof(struct ic),
		       8 + 2 * sizeof(struct version));
		free(answer);
		if (chosen.frameworks != 1 || chosen.services != 1)
			fail_judged(copy, "negotiate", "the guest supports none of the versions");
		if (!is_offered(chosen.version[0], offered.version) ||
		    !is_offered(chosen.version[1], offered.version + VERSIONS))
			fail_judged(copy, "negotiate",
				    "the guest chose versions that the host did not offer");
		word = (uint32_t)(chosen.version[0].major << 24 | chosen.version[0].minor << 16 |
				  chosen.version[1].major << 8 | chosen.version[1].minor);
		note.arg = word;
		ret = host_request(&copy->host, &note, NULL, NULL, 0, NULL, copy->timeout_ms);
		if (ret)
			fail_host(copy, ret, "note");
	} else {
		copy->earlier_requests = true;
	}
	copy->framework = (struct version){ word >> 24, word >> 16 & 0xff };
	copy->service = (struct version){ word >> 8 & 0xff, word & 0xff };
	printf("negotiated framework %u.%u service %u.%u%s\n", copy->framework.major,
	       copy->framework.minor, copy->service.major, copy->service.minor,
	       note.arg ? "" : " earlier");
}

static uint32_t step(const char *name, uint32_t status)
{
	printf("%s 0x%08x (%s)\n", name, status, message_of(status));
	return status;
}

/*
 * Returns the offset of the part that follows after @sent bytes. All parts but
 * the last are whole.
 */
static uint64_t place_of(const struct copy *copy, uint64_t size, uint64_t sent)
{
	uint64_t n = sent ? (sent - 1) / FRAGMENT + 1 : 0, last = size ? (size - 1) / FRAGMENT : 0;

	if (copy->order == REVERSED)
		/* The last part, which is short, comes first. */
		n = last - (sent ? (sent - 1 - (size - 1) % FRAGMENT) / FRAGMENT + 1 : 0);
	else if (copy->order == SWAPPED && n % 2 && n + 1 < last)
		n++;
	else if (copy->order == SWAPPED && n && n % 2 == 0 && n < last)
		n--;
	return n * FRAGMENT;
}

/* Read or generate the next part of the contents. Returns 0 at their end. */
static size_t take_fragment(struct copy *copy, uint64_t left, uint64_t offset, uint8_t *data)
{
	size_t len = left < FRAGMENT ? left : FRAGMENT;

	if (copy->file) {
		len = fread(data, 1, FRAGMENT, copy->file);
		if (ferror(copy->file))
			fail(EXIT_USAGE, "the source file", strerror(errno));
	} else {
		generate(copy->generated, offset, data, len);
	}
	memset(data + len, 0, FRAGMENT - len);
	return len;
}

/* Let the guest stand still for a moment, as in a migration. */
static void migrate(struct copy *copy)
{
	struct frame frame = { .op = FRAME_MIGRATE, .arg = 700 };
	int ret = host_request(&copy->host, &frame, NULL, NULL, 0, NULL, copy->timeout_ms);

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
			      bool *cancelled, struct sha256_ctx *sha, uint64_t *sent)
{
	struct write body = { .header.operation = WRITE };
	unsigned int under_way = 0;
	bool more = true;
	uint32_t status;

	while (more || under_way) {
		if (more && under_way < copy->queue) {
			if (*sent >= copy->wait_after) {
				copy->wait_after = UINT64_MAX;
				wait_for_line();
			}
			*cancelled = *sent >= cancel_after;
			body.offset = place_of(copy, size, *sent);
			body.size = 0;
			if (!*cancelled && *sent < size)
				body.size = (uint32_t)take_fragment(copy, size - body.offset,
								    body.offset, body.data);
			more = body.size;
			if (!more)
				continue;
			usleep((useconds_t)copy->pause_ms * 1000);
			post(copy, "write", IC_FCOPY, &body, sizeof(body));
			under_way++;
			if (copy->order == ASCENDING)
				sha256_update(sha, body.size, body.data);
			*sent += body.size;
			if (*sent >= copy->migrate_after) {
				copy->migrate_after = UINT64_MAX;
				migrate(copy);
			}
			continue;
		}
		if (copy->queue == 1)
			status = take_answer_to(copy, "write", IC_FCOPY, &body, sizeof(body), NULL);
		else
			status = take_answer(copy, "write",
					     (uint8_t)(copy->transaction - under_way));
		under_way--;
		if (status) {
			printf("write 0x%08x (%s) before %" PRIu64 "\n", status, message_of(status),
			       *sent);
			return status;
		}
	}
	return 0;
}

/* Hostile messages; the same seed makes the same ones. */

struct chance {
	uint64_t state;
};

static uint64_t draw(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint32_t below(struct chance *chance, uint32_t end)
{
	return (uint32_t)(draw(chance) % end);
}

union message {
	struct {
		struct ic ic;
		union {
			struct negotiate negotiate;
			struct fcopy fcopy;
			struct start start;
			struct write write;
		} PACKED;
	} PACKED;
	uint8_t bytes[16000];
};

/*
 * Make a message that could be a correct one of a copy of a few fragments.
 * Returns its length.
 */
static uint32_t make_message(struct copy *copy, struct chance *chance, const struct start *start,
			     union message *m)
{
	static const uint64_t sizes[] = { 0, 1, FRAGMENT, 20000, 1u << 30, UINT64_MAX };
	static const char *const elsewhere[] = { "/",
						 "/tmp",
						 "/tmp/in/../",
						 "/tmp/in/sub",
						 "/proc/self",
						 "/sys/kernel",
						 "/dev",
						 "/etc/",
						 "//tmp//in",
						 "tmp",
						 "",
						 "/tmp/in/a",
						 "/tmp/in/x/y/file",
						 "/tmp/in/x/y/" };
	uint32_t size, kind = below(chance, 16);
	uint16_t units[NAME_UNITS] = { 0 };

	memset(m, 0, sizeof(*m));
	m->ic = (struct ic){ .pipe_flags = 1,
			     .framework = copy->framework,
			     .type = IC_FCOPY,
			     .service = copy->service,
			     .transaction = (uint8_t)draw(chance),
			     .flags = IC_TRANSACTION | IC_REQUEST };
	switch (kind) {
	case 0:
		m->ic.type = IC_NEGOTIATE;
		m->negotiate = offered;
		size = sizeof(m->negotiate);
		break;
	case 1 ... 4:
		m->start = *start;
		m->start.file_name[0] = (uint16_t)('a' + below(chance, 8));
		m->start.flags = below(chance, 4);
		m->start.size = sizes[below(chance, sizeof(sizes) / sizeof(sizes[0]))];
		if (!below(chance, 4)) {
			to_utf16(elsewhere[below(chance, sizeof(elsewhere) / sizeof(elsewhere[0]))],
				 units, NAME_UNITS);
			memcpy(m->start.path_name, units, sizeof(units));
		}
		size = sizeof(m->start);
		break;
	case 5 ... 11:
		m->write.header.operation = WRITE;
		m->write.offset = below(chance, 4) * FRAGMENT;
		m->write.size = below(chance, 4) ? FRAGMENT : below(chance, FRAGMENT + 1);
		size = sizeof(m->write);
		break;
	default:
		m->fcopy.operation = kind == 12 ? CANCEL : COMPLETE;
		size = sizeof(m->fcopy);
	}
	m->ic.size = (uint16_t)size;
	m->ic.pipe_size = (uint32_t)sizeof(m->ic) - 8 + size;
	return (uint32_t)sizeof(m->ic) + size;
}

/* Change about every second message. Returns the new length. */
static uint32_t change(struct chance *chance, union message *m, uint32_t len)
{
	uint32_t how = below(chance, 16);

	switch (how) {
	case 0 ... 3: /* change bytes, mostly where the lengths and numbers are */
		for (uint32_t i = below(chance, 8) + 1; i; i--)
			m->bytes[below(chance, below(chance, 2) ? 84 : len)] ^=
				(uint8_t)draw(chance);
		return len;
	case 4:
		return below(chance, len + 1);
	case 5:
		return len + below(chance, (uint32_t)sizeof(*m) - len);
	case 6:
		m->ic.pipe_size = (uint32_t)draw(chance);
		return len;
	case 7: /* any units for names */
		for (uint32_t at = sizeof(m->ic); at < len; at++)
			m->bytes[at] = (uint8_t)draw(chance);
		m->fcopy.operation = below(chance, 5);
		return len;
	default:
		return len;
	}
}

/*
 * The hostile messages have brought the guest down if it takes nothing out of
 * its ring for this time, or has closed the device.
 */
#define HOSTILE_PATIENCE_MS 60000

static void be_hostile(struct copy *copy, int64_t seconds, uint64_t seed, const struct start *start)
{
	int64_t until = host_now() + seconds * 1000;
	struct chance chance = { seed };
	struct frame sync = { .op = FRAME_SYNC };
	uint64_t sent = 0, answers = 0;
	static union message m;
	int ret = 0;

	while (!ret && host_now() < until) {
		struct frame frame = { .op = FRAME_PACKET,
				       .type = PACKET_INBAND,
				       .xid = draw(&chance) };
		struct host_packet *packet;

		frame.len = change(&chance, &m, make_message(copy, &chance, start, &m));
		if (!below(&chance, 32)) {
			frame.type = (uint16_t)below(&chance, 16);
			frame.flags = (uint16_t)below(&chance, 4);
		}
		/* Sometimes write other bytes than a packet to the ring. */
		if (!below(&chance, 64)) {
			frame.op = FRAME_PACKET_RAW;
			frame.len = (below(&chance, 32) + 2) * 8;
			for (uint32_t at = 0; at < frame.len; at++)
				m.bytes[at] = (uint8_t)below(&chance, below(&chance, 2) ? 8 : 256);
		}
		ret = host_send(&copy->host, &frame, m.bytes, HOSTILE_PATIENCE_MS);
		sent++;
		/*
		 * The ring has several messages at a time. The wait limits the
		 * number of those on their way.
		 */
		if (!ret && !below(&chance, 6))
			ret = host_request(&copy->host, &sync, NULL, NULL, 0, NULL,
					   HOSTILE_PATIENCE_MS);
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
	printf("hostile seed %" PRIu64 " messages %" PRIu64 " answers %" PRIu64 "\n", seed, sent,
	       answers);
}

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

/*
 * Fill a field of START from the hex digits in @raw, or from @text if @raw is
 * NULL.
 */
static void fill(const char *option, const char *text, const char *raw_option, const char *raw,
		 void *field)
{
	uint16_t units[NAME_UNITS] = { 0 };
	const char *wrong = raw ? from_hex(raw, units) : to_utf16(text, units, NAME_UNITS);

	if (wrong)
		fail(EXIT_USAGE, raw ? raw_option : option, wrong);
	memcpy(field, units, sizeof(units));
}

struct arguments {
	const char *source, *destination, *generated, *hostile;
	const char *raw_file_name, *raw_path_name;
	const char *socket, *path;
	uint64_t declared, cancel_after;
	bool has_declared, renegotiates, negotiates;
};

static void read_options(int argc, char **argv, struct arguments *args, struct copy *copy,
			 struct start *start)
{
	static const struct option options[] = {
		{ "source", required_argument, NULL, 'n' },
		{ "destination", required_argument, NULL, 'd' },
		{ "force", no_argument, NULL, 'f' },
		{ "create-full-path", no_argument, NULL, 'c' },
		{ "raw-file-name", required_argument, NULL, 'N' },
		{ "raw-path-name", required_argument, NULL, 'D' },
		{ "size", required_argument, NULL, 's' },
		{ "cancel-after", required_argument, NULL, 'x' },
		{ "generate", required_argument, NULL, 'g' },
		{ "hostile", required_argument, NULL, 'H' },
		{ "queue", required_argument, NULL, 'q' },
		{ "retry-after", required_argument, NULL, 'r' },
		{ "limit", required_argument, NULL, 'l' },
		{ "new-id", no_argument, NULL, 'i' },
		{ "twice", no_argument, NULL, '2' },
		{ "renegotiate-after", required_argument, NULL, 'R' },
		{ "migrate-after", required_argument, NULL, 'm' },
		{ "pause", required_argument, NULL, 'p' },
		{ "wait-after", required_argument, NULL, 'w' },
		{ "negotiate-only", no_argument, NULL, 'o' },
		{ "order", required_argument, NULL, 'O' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			args->source = optarg;
			break;
		case 'd':
			args->destination = optarg;
			break;
		case 'N':
			args->raw_file_name = optarg;
			break;
		case 'D':
			args->raw_path_name = optarg;
			break;
		case 'f':
			start->flags |= OVER_WRITE;
			break;
		case 'c':
			start->flags |= CREATE_PATH;
			break;
		case 's':
			args->declared = number("--size", optarg, 0);
			args->has_declared = true;
			break;
		case 'x':
			args->cancel_after = number("--cancel-after", optarg, 0);
			break;
		case 'g':
			args->generated = optarg;
			break;
		case 'H':
			args->hostile = optarg;
			break;
		case 'q':
			copy->queue = (unsigned int)number("--queue", optarg, 0);
			if (!copy->queue || copy->queue > 100)
				fail(EXIT_USAGE, "--queue", "a number from 1 to 100 is expected");
			break;
		case 'r':
			copy->retry_ms = (int)(number("--retry-after", optarg, 0) * 1000);
			copy->retries = true;
			break;
		case 'l':
			copy->limit_ms = (int)(number("--limit", optarg, 0) * 1000);
			break;
		case 'i':
			copy->new_id = true;
			break;
		case '2':
			copy->twice = true;
			break;
		case 'R':
			args->cancel_after = number("--renegotiate-after", optarg, 0);
			args->renegotiates = true;
			break;
		case 'm':
			copy->migrate_after = number("--migrate-after", optarg, 0);
			break;
		case 'p':
			copy->pause_ms = (int)number("--pause", optarg, 0);
			break;
		case 'w':
			copy->wait_after = number("--wait-after", optarg, 0);
			break;
		case 'o':
			args->negotiates = true;
			break;
		case 'O':
			copy->order = !strcmp(optarg, "reversed") ? REVERSED : SWAPPED;
			if (copy->order == SWAPPED && strcmp(optarg, "swapped"))
				fail(EXIT_USAGE, "--order", "reversed or swapped is expected");
			break;
		case 't':
			copy->timeout_ms = (int)(number("--timeout", optarg, 0) * 1000);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
}

static void parse(int argc, char **argv, struct arguments *args, struct copy *copy,
		  struct start *start)
{
	int operands;

	read_options(argc, argv, args, copy, start);
	if (copy->queue > 1 && (copy->retries || copy->twice))
		fail(EXIT_USAGE, "--queue", "cannot be combined with --retry-after or --twice");
	if (copy->order != ASCENDING && !args->generated)
		fail(EXIT_USAGE, "--order", "needs --generate");
	operands = args->generated || args->hostile || args->negotiates ? 1 : 2;
	if (argc - optind != operands || (args->generated && args->hostile)) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
	args->socket = argv[optind];
	if (operands == 2)
		args->path = argv[optind + 1];
}

/*
 * Open the source file, or prepare to generate its contents. Returns its size.
 */
static uint64_t open_source(struct arguments *args, struct copy *copy)
{
	struct stat info;

	if (args->generated) {
		copy->generated = number("--generate", strchr(args->generated, ':') + 1, 0);
		return number("--generate", args->generated, ':');
	}
	if (!args->path)
		return 0;
	copy->file = fopen(args->path, "re");
	if (!copy->file || fstat(fileno(copy->file), &info))
		fail(EXIT_USAGE, args->path, strerror(errno));
	if (!args->source)
		args->source = strrchr(args->path, '/') ? strrchr(args->path, '/') + 1 : args->path;
	return (uint64_t)info.st_size;
}

/* Negotiate once more, on a channel that has been in use. */
static void negotiate_again(struct copy *copy)
{
	copy->host.channel[0].note = 0;
	negotiate(copy);
}

/* Start a copy, send its contents and end it. Returns the exit status. */
static int copy_file(struct copy *copy, const struct arguments *args, const struct start *start,
		     uint64_t size)
{
	struct fcopy end = { .operation = COMPLETE };
	double began, moment, seconds, start_seconds, data_seconds = 0, complete_seconds = 0;
	uint8_t digest[SHA256_DIGEST_SIZE];
	bool cancelled = false;
	struct sha256_ctx sha;
	uint32_t status, ended;
	uint64_t sent = 0;

	sha256_init(&sha);
	for (uint64_t at = 0; copy->order != ASCENDING && at < size; at += FRAGMENT) {
		uint8_t data[FRAGMENT];

		sha256_update(&sha, take_fragment(copy, size - at, at, data), data);
	}
	copy->packets = 0;
	began = moment = seconds_now();
	status = step("start", call(copy, "start", IC_FCOPY, start, sizeof(*start), NULL));
	start_seconds = lap(&moment);
	if (!status) {
		status = send_contents(copy, size, args->cancel_after, &cancelled, &sha, &sent);
		data_seconds = lap(&moment);
		if (cancelled && args->renegotiates) {
			take_rest(copy);
			negotiate_again(copy);
			return 0;
		}
		/* Cancel a failed copy, so that the guest closes the file. */
		end.operation = cancelled || status ? CANCEL : COMPLETE;
		ended = step(end.operation == CANCEL ? "cancel" : "complete",
			     call(copy, end.operation == CANCEL ? "cancel" : "complete", IC_FCOPY,
				  &end, sizeof(end), NULL));
		complete_seconds = lap(&moment);
		if (!status)
			status = ended;
	}
	take_rest(copy);
	if (copy->repeated)
		printf("sent %u messages again\n", copy->repeated);
	seconds = moment - began;
	sha256_digest(&sha, sizeof(digest), digest);

	printf("bytes %" PRIu64 "\npackets %" PRIu64 "\nseconds %.3f\nMB/s %.2f\n", sent,
	       copy->packets, seconds, seconds > 0 ? (double)sent / seconds / 1e6 : 0.0);
	printf("start-seconds %.6f\ndata-seconds %.6f\ncomplete-seconds %.6f\n", start_seconds,
	       data_seconds, complete_seconds);
	printf("longest-answer-seconds %.3f\nsha256 ", (double)copy->longest_ms / 1000);
	for (size_t i = 0; i < sizeof(digest); i++)
		printf("%02x", digest[i]);
	printf("\nstatus 0x%08x (%s)\n", status, message_of(status));
	return status ? EXIT_STATUS : 0;
}

int main(int argc, char **argv)
{
	struct arguments args = { .destination = "/tmp/", .cancel_after = UINT64_MAX };
	static struct copy copy = { .timeout_ms = 60000,
				    .queue = 1,
				    .retry_ms = 60000,
				    .limit_ms = 30000,
				    .migrate_after = UINT64_MAX,
				    .wait_after = UINT64_MAX };
	struct start start = { .header.operation = START };
	int status = 0;
	uint64_t size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv, &args, &copy, &start);
	size = open_source(&args, &copy);
	if (args.renegotiates && (args.hostile || args.cancel_after > size))
		fail(EXIT_USAGE, "--renegotiate-after", "the copy has fewer bytes");
	if (!args.source)
		args.source = "generated.bin";
	fill("--source", args.source, "--raw-file-name", args.raw_file_name, start.file_name);
	fill("--destination", args.destination, "--raw-path-name", args.raw_path_name,
	     start.path_name);
	start.size = args.has_declared ? args.declared : size;

	if (getrandom(&copy.transaction, sizeof(copy.transaction), 0) != sizeof(copy.transaction))
		fail(EXIT_USAGE, "getrandom", strerror(errno));
	copy.xid = 1;
	if (host_connect(&copy.host, args.socket, copy.timeout_ms))
		fail(EXIT_USAGE, "connect", copy.host.error);
	negotiate(&copy);
	if (args.hostile)
		be_hostile(&copy, (int64_t)number("--hostile", args.hostile, ':'),
			   number("--hostile", strchr(args.hostile, ':') + 1, 0), &start);
	if (args.hostile || args.negotiates) {
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
