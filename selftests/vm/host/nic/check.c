// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-nic VMBUS-NIC: plays a device and its guest to vmbus-nic. First the
 * guest keeps all rules, then it breaks each of them. The program prints one
 * result for each case.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nic.h"

/* GPADL handles of the two buffers */
#define RECEIVE 11
#define SEND 12
#define RECEIVE_BYTES (40 * SUB_ALLOCATION)
#define SEND_BYTES (10 * SECTION)
#define ALLOCATIONS 40u
#define SECTIONS 10u
#define CHANNELS 3
#define LIMIT_MS 600000
/* A case that expects no packet waits for this time. */
#define SILENCE_MS 100

static const char *program;
static char control_path[128], socket_path[128];
static int device, listener;
static pid_t child;
static uint8_t receive_memory[RECEIVE_BYTES], send_memory[SEND_BYTES];
static uint32_t writes; /* number of writes to the receive buffer */
static uint32_t offered_subs, rescinds;
/* What the device and the guest do when the host reads a section */
static enum { ANSWERED, SENT_ON, REFUSED, CLOSED_FIRST } section_read;
static char why[512];
static uint64_t next_id = 1;

static bool no(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool no(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!*why)
		vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return false;
}

/* The device */

static void give_up(const char *what)
{
	fprintf(stderr, "check-nic: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void transmit(const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = send(device, at, len, MSG_NOSIGNAL);

		if (n < 0)
			give_up("send");
		at += n;
		len -= (size_t)n;
	}
}

static void put_frame(struct frame frame, const void *payload, uint32_t len)
{
	frame.len = len;
	transmit(&frame, sizeof(frame));
	if (len)
		transmit(payload, len);
}

static void event(enum frame_op op, uint16_t channel)
{
	put_frame((struct frame){ .op = op, .channel = channel, .arg = 1, .arg2 = 1 }, NULL, 0);
}

static void receive_all(void *bytes, size_t len)
{
	char *at = bytes;

	while (len) {
		ssize_t n = recv(device, at, len, 0);

		if (n <= 0)
			give_up("vmbus-nic has left");
		at += n;
		len -= (size_t)n;
	}
}

static uint64_t put_data(uint16_t channel, uint32_t section, uint32_t bytes, const void *memory,
			 uint32_t len);

static void answer_gpadl(const struct frame *frame, const uint8_t *payload)
{
	struct frame ok = { .op = FRAME_OK, .tag = frame->tag };
	uint32_t size = frame->xid == RECEIVE ? RECEIVE_BYTES : frame->xid == SEND ? SEND_BYTES : 0;
	uint8_t *memory = frame->xid == RECEIVE ? receive_memory : send_memory;
	uint32_t len = frame->op == FRAME_GPADL_WRITE ? frame->len : frame->arg2;

	if (frame->op == FRAME_GPADL_READ && section_read == SENT_ON)
		put_data(0, 1, len, NULL, 0);
	if (frame->op == FRAME_GPADL_READ && section_read == CLOSED_FIRST)
		event(FRAME_CLOSED, 0);
	if (frame->op == FRAME_GPADL_READ && section_read >= REFUSED)
		put_frame((struct frame){ .op = FRAME_ERROR, .tag = frame->tag }, "no such GPADL",
			  13);
	else if (!size ||
		 (frame->op != FRAME_GPADL_SIZE && (frame->arg > size || len > size - frame->arg)))
		put_frame((struct frame){ .op = FRAME_ERROR, .tag = frame->tag }, "no such bytes",
			  13);
	else if (frame->op == FRAME_GPADL_SIZE)
		put_frame(ok, &size, sizeof(size));
	else if (frame->op == FRAME_GPADL_READ)
		put_frame(ok, memory + frame->arg, len);
	else
		memcpy(memory + frame->arg, payload, len);
	writes += frame->op == FRAME_GPADL_WRITE && frame->xid == RECEIVE;
}

/*
 * Take the next packet for the guest within @ms, and answer the program's other
 * requests meanwhile.
 */
static bool take(struct frame *frame, uint8_t *payload, int ms)
{
	int64_t deadline = host_now() + ms;

	for (;;) {
		struct pollfd pfd = { .fd = device, .events = POLLIN };
		int64_t left = deadline - host_now();

		if (poll(&pfd, 1, left > 0 ? (int)left : 0) <= 0)
			return false;
		receive_all(frame, sizeof(*frame));
		if (frame->len > FRAME_MAX_LEN)
			give_up("a frame that is too long");
		receive_all(payload, frame->len);
		if (frame->op == FRAME_PACKET)
			return true;
		if (frame->op == FRAME_OFFER_SUB)
			offered_subs = frame->arg2 == 1 ? frame->arg : UINT32_MAX;
		else if (frame->op == FRAME_RESCIND)
			rescinds++;
		else
			answer_gpadl(frame, payload);
	}
}

/* The guest */

static uint8_t packet[FRAME_MAX_LEN];

/*
 * Send a packet with an NVSP message, and with the contents of its ranges.
 * Returns its transaction id.
 */
static uint64_t put_nvsp(uint16_t channel, uint16_t type, bool wants, const uint8_t *nvsp,
			 uint32_t len, const void *memory, uint32_t memory_len)
{
	uint8_t bytes[8192] = {};
	uint32_t desc = type == PACKET_GPA_DIRECT ? 24 : 0;
	struct frame frame = {
		.op = FRAME_PACKET,
		.channel = channel,
		.type = type,
		.flags = wants,
		.xid = next_id++,
		.arg = desc,
		.arg2 = memory_len,
		.tag = desc ? FRAME_MEMORY_TAKEN : FRAME_MEMORY_NONE,
	};

	memcpy(bytes + desc, nvsp, len);
	if (memory_len)
		memcpy(bytes + desc + len, memory, memory_len);
	put_frame(frame, bytes, desc + len + memory_len);
	return frame.xid;
}

static uint64_t put_words(uint16_t type, bool wants, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint8_t nvsp[NVSP_BYTES] = {};

	put32(nvsp, a);
	put32(nvsp + 4, b);
	put32(nvsp + 8, c);
	put32(nvsp + 12, d);
	return put_nvsp(0, type, wants, nvsp, sizeof(nvsp), NULL, 0);
}

/* Check that the next packet is the completion of @id. */
static bool completed(uint64_t id, uint32_t type)
{
	struct frame frame;

	if (!take(&frame, packet, LIMIT_MS))
		return no("no completion of %llu", (unsigned long long)id);
	if (frame.type != PACKET_COMPLETION || frame.xid != id || frame.flags || frame.arg)
		return no("a packet of type %u id %llu instead of the completion of %llu",
			  frame.type, (unsigned long long)frame.xid, (unsigned long long)id);
	if (frame.len != NVSP_BYTES)
		return no("a completion of %u bytes", frame.len);
	if (type && get32(packet) != type)
		return no("a completion of type %u, not %u", get32(packet), type);
	return true;
}

static bool silent(void)
{
	struct frame frame;

	if (!take(&frame, packet, SILENCE_MS))
		return true;
	return no("a packet of type %u", frame.type);
}

static bool request(uint32_t type, uint32_t a, uint32_t b, uint32_t answer, uint32_t status_at,
		    uint32_t status)
{
	if (!completed(put_words(PACKET_INBAND, true, type, a, b, 0), answer))
		return false;
	if (get32(packet + status_at) == status)
		return true;
	return no("NVSP %u: status %u, not %u", type, get32(packet + status_at), status);
}

static bool init(uint32_t version, uint32_t status)
{
	return request(NVSP_INIT, version, version, NVSP_INIT_COMPLETE, 12, status);
}

static bool buffers(void)
{
	if (!request(NVSP_RECEIVE_BUFFER, RECEIVE, NVSP_RECEIVE_ID, NVSP_RECEIVE_BUFFER_COMPLETE, 4,
		     NVSP_STATUS_SUCCESS))
		return false;
	if (get32(packet + 8) != 1 || get32(packet + 16) != SUB_ALLOCATION ||
	    get32(packet + 20) != ALLOCATIONS)
		return no("%u sub-allocations of %u", get32(packet + 20), get32(packet + 16));
	return request(NVSP_SEND_BUFFER, SEND, 0, NVSP_SEND_BUFFER_COMPLETE, 4,
		       NVSP_STATUS_SUCCESS) &&
	       get32(packet + 8) == SECTION;
}

static uint64_t put_control(const void *message, uint32_t len)
{
	uint8_t nvsp[NVSP_BYTES] = {};

	put32(nvsp, NVSP_RNDIS);
	put32(nvsp + 4, 1);
	put32(nvsp + 8, NVSP_NO_SECTION);
	return put_nvsp(0, PACKET_GPA_DIRECT, true, nvsp, sizeof(nvsp), message, len);
}

static void acknowledge(uint16_t channel, uint64_t id)
{
	uint8_t nvsp[8] = {};
	struct frame frame = { .op = FRAME_PACKET, .channel = channel, .type = PACKET_COMPLETION,
			       .xid = id };

	put32(nvsp, NVSP_RNDIS_COMPLETE);
	put32(nvsp + 4, NVSP_STATUS_SUCCESS);
	put_frame(frame, nvsp, sizeof(nvsp));
}

/*
 * Check that the next packet has @ranges ranges, and check each of them. Sets
 * *@bytes to the bytes of the first range.
 */
static bool transferred(uint16_t channel, uint32_t ranges, uint64_t *id, const uint8_t **bytes,
			uint32_t *len)
{
	struct frame frame;

	if (!take(&frame, packet, LIMIT_MS))
		return no("nothing comes for the guest");
	if (frame.type != PACKET_TRANSFER_PAGES || frame.channel != channel ||
	    frame.flags != PACKET_WANTS_COMPLETION || frame.xid >= ALLOCATIONS)
		return no("a packet of type %u flags %u id %llu on channel %u", frame.type,
			  frame.flags, (unsigned long long)frame.xid, frame.channel);
	if (frame.arg != 8 + 8 * ranges || get32(packet + 4) != ranges ||
	    get16(packet) != NVSP_RECEIVE_ID || get32(packet + frame.arg) != NVSP_RNDIS)
		return no("%u ranges in a descriptor of %u bytes, buffer %#x", get32(packet + 4),
			  frame.arg, get16(packet));
	for (uint32_t i = 0; i < ranges; i++) {
		uint32_t size = get32(packet + 8 + 8 * i), at = get32(packet + 12 + 8 * i);

		if (!size || size > SUB_ALLOCATION || at > RECEIVE_BYTES - size)
			return no("a range of %u bytes at %u", size, at);
		if (get32(receive_memory + at + 4) != size)
			return no("RNDIS says %u bytes, the range %u", get32(receive_memory + at + 4),
				  size);
	}
	*id = frame.xid;
	*len = get32(packet + 8);
	*bytes = receive_memory + get32(packet + 12);
	return true;
}

static bool control(const void *message, uint32_t len, const uint8_t **answer, uint32_t *answer_len)
{
	uint64_t id;

	if (!completed(put_control(message, len), NVSP_RNDIS_COMPLETE) ||
	    !transferred(0, 1, &id, answer, answer_len))
		return false;
	acknowledge(0, id);
	return true;
}

static bool rndis_initialize(void)
{
	uint8_t message[24] = {};
	const uint8_t *answer;
	uint32_t len;

	put32(message, RNDIS_INITIALIZE);
	put32(message + 4, sizeof(message));
	put32(message + 8, 77);
	put32(message + 12, 1);
	put32(message + 20, 0x4000);
	if (!control(message, sizeof(message), &answer, &len))
		return false;
	if (len != 52 || get32(answer) != (RNDIS_INITIALIZE | RNDIS_COMPLETE) ||
	    get32(answer + 8) != 77 || get32(answer + 12) || get32(answer + 32) != MAX_PACKETS)
		return no("the answer to INITIALIZE has %u bytes, status %#x", len,
			  get32(answer + 12));
	return true;
}

/*
 * Send a query or a set with @data. Check the status of the answer, and for a
 * query its length. Sets *@result to the bytes of the answer.
 */
static bool ask(uint32_t type, uint32_t oid, const void *data, uint32_t size, uint32_t status,
		uint32_t answer_size, const uint8_t **result)
{
	uint8_t message[512] = {};
	const uint8_t *answer;
	uint32_t len;

	put32(message, type);
	put32(message + 4, 28 + size);
	put32(message + 8, 99);
	put32(message + 12, oid);
	put32(message + 16, size);
	put32(message + 20, 20);
	if (size)
		memcpy(message + 28, data, size);
	if (!control(message, 28 + size, &answer, &len))
		return false;
	if (get32(answer) != (type | RNDIS_COMPLETE) || get32(answer + 8) != 99 ||
	    get32(answer + 12) != status)
		return no("%#x: answer %#x status %#x", oid, get32(answer), get32(answer + 12));
	if (type == RNDIS_QUERY &&
	    (len != 24 + answer_size || get32(answer + 16) != answer_size ||
	     get32(answer + 20) != (answer_size ? 16 : 0)))
		return no("%#x: %u bytes at %u in %u, not %u", oid, get32(answer + 16),
			  get32(answer + 20), len, answer_size);
	if (result)
		*result = answer + 24;
	return true;
}

static bool set_filter(uint32_t filter)
{
	return ask(RNDIS_SET, OID_PACKET_FILTER, &filter, 4, RNDIS_STATUS_SUCCESS, 0, NULL);
}

static bool session(void)
{
	uint8_t nvsp[NVSP_BYTES] = {};

	if (!init(0x60001, NVSP_STATUS_SUCCESS))
		return false;
	put32(nvsp, NVSP_NDIS_CONFIG);
	put32(nvsp + 4, 1514);
	put_nvsp(0, PACKET_INBAND, false, nvsp, sizeof(nvsp), NULL, 0);
	put_words(PACKET_INBAND, false, NVSP_NDIS_VERSION, 6, 0x1e, 0);
	return buffers() && rndis_initialize() && set_filter(0xd);
}

/* Frames */

/*
 * Write an RNDIS packet with a numbered frame. Returns its length, which is a
 * multiple of @align: 8 if another packet follows.
 */
static uint32_t put_packet(uint8_t *at, uint32_t number, uint32_t bytes, uint32_t align,
			   int32_t vlan)
{
	uint32_t header = RNDIS_PACKET_HEADER + (vlan >= 0 ? 16 : 0);
	uint32_t len = (header + bytes + align - 1) / align * align;

	memset(at, 0, header);
	put32(at, RNDIS_PACKET);
	put32(at + 4, len);
	put32(at + 8, header - RNDIS_BASE);
	put32(at + 12, bytes);
	if (vlan >= 0) {
		put32(at + 28, RNDIS_PACKET_HEADER - RNDIS_BASE);
		put32(at + 32, 16);
		put32(at + 44, 16);
		put32(at + 48, PPI_VLAN);
		put32(at + 52, 12);
		put32(at + 56, (uint32_t)vlan);
	}
	numbered_fill(at + header, 0, number, bytes);
	return len;
}

static uint64_t put_data(uint16_t channel, uint32_t section, uint32_t bytes, const void *memory,
			 uint32_t len)
{
	uint8_t nvsp[NVSP_BYTES] = {};

	put32(nvsp, NVSP_RNDIS);
	put32(nvsp + 8, section);
	put32(nvsp + 12, bytes);
	return put_nvsp(channel, len ? PACKET_GPA_DIRECT : PACKET_INBAND, true, nvsp, sizeof(nvsp),
			memory, len);
}

static bool data_status(uint64_t id, uint32_t status)
{
	if (!completed(id, NVSP_RNDIS_COMPLETE))
		return false;
	return get32(packet + 4) == status ? true
					   : no("status %u, not %u", get32(packet + 4), status);
}

/* Returns a counter of the program, by its own command. */
static uint64_t count_of(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char line[256];
	unsigned long long value = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	FILE *stream;

	strcpy(at.sun_path, control_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		give_up(control_path);
	dprintf(fd, "expect %s 0\n", name);
	stream = fdopen(fd, "r");
	while (stream && fgets(line, sizeof(line), stream))
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), " %llu", &value);
	fclose(stream);
	return value;
}

/* Send a command, and do not wait for its answer. */
static int command(const char *words)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(at.sun_path, control_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		give_up(control_path);
	dprintf(fd, "%s\n", words);
	return fd;
}

/* Send a command, and wait for its answer. */
static void command_done(const char *words)
{
	int fd = command(words);
	char answer[64];

	if (read(fd, answer, sizeof(answer)) <= 0)
		give_up(words);
	close(fd);
}

/* Returns whether an answer that begins with @text comes within @ms. */
static bool answers(int fd, const char *text, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char answer[64];

	return poll(&pfd, 1, ms) == 1 &&
		read(fd, answer, sizeof(answer)) >= (ssize_t)strlen(text) &&
	       !memcmp(answer, text, strlen(text));
}

/* Cases without a complaint */

static bool good_versions(void)
{
	return init(0x70000, NVSP_STATUS_NONE) && init(0x60001, NVSP_STATUS_SUCCESS);
}

static bool good_queries(void)
{
	static const uint8_t rss[4] = { 0x88, 2, 18 }, offload[4] = { 0xa7, 3, 156 };
	const uint8_t *result;

	if (!session() ||
	    !ask(RNDIS_QUERY, OID_MAX_FRAME_SIZE, NULL, 0, 0, 4, &result) ||
	    (get32(result) != 1500 && !no("MTU %u", get32(result))) ||
	    !ask(RNDIS_QUERY, OID_PERMANENT_ADDRESS, NULL, 0, 0, 6, NULL) ||
	    !ask(RNDIS_QUERY, OID_RSS_CAPABILITIES, rss, 4, 0, 18, &result) ||
	    (get32(result + 12) != CHANNELS && !no("%u queues", get32(result + 12))) ||
	    !ask(RNDIS_QUERY, OID_HW_CAPABILITIES, offload, 4, 0, 156, NULL))
		return false;
	return ask(RNDIS_QUERY, 0x12345678, NULL, 0, RNDIS_STATUS_NOT_SUPPORTED, 0, NULL);
}

static bool good_frames(void)
{
	uint32_t first, len;
	uint8_t message[4096];

	if (!session())
		return false;
	/*
	 * Send two packets in a section, one in memory, and one whose header is
	 * in a section.
	 */
	first = put_packet(send_memory + SECTION, 0, 333, 8, -1);
	len = first + put_packet(send_memory + SECTION + first, 1, 61, 1, -1);
	if (!data_status(put_data(0, 1, len, NULL, 0), NVSP_STATUS_SUCCESS))
		return false;
	len = put_packet(message, 2, 1514, 1, -1);
	if (!data_status(put_data(0, NVSP_NO_SECTION, 0, message, len), NVSP_STATUS_SUCCESS))
		return false;
	len = put_packet(message, 3, 1000, 1, -1);
	memcpy(send_memory + 3 * SECTION, message, 100);
	return data_status(put_data(0, 3, 100, message + 100, len - 100), NVSP_STATUS_SUCCESS) &&
	       (count_of("numbered") == 4 || no("%llu of 4 frames",
						(unsigned long long)count_of("numbered"))) &&
	       (count_of("misordered") == 0 || no("misordered")) &&
	       (count_of("multi_messages") == 1 && count_of("split_messages") == 1 ? true
										   : no("kinds"));
}

static bool good_vlan(void)
{
	uint8_t message[4096];
	uint32_t len = 0;
	uint64_t before = count_of("vlan_frames");

	if (!session())
		return false;
	len = put_packet(message, 0, 1514, 1, 5 << 4 | 3);
	return data_status(put_data(0, NVSP_NO_SECTION, 0, message, len), NVSP_STATUS_SUCCESS) &&
	       (count_of("vlan_frames") == before + 1 || no("no tag"));
}

/*
 * Packets have several ranges. The host does not use a sub-allocation again
 * before the guest has completed its packet, and sends nothing while the filter
 * is 0.
 */
static bool good_delivery(void)
{
	bool used[ALLOCATIONS] = {};
	const uint8_t *bytes;
	uint64_t ids[64], id;
	uint32_t len, got = 0;
	int fd;

	if (!session())
		return false;
	fd = command("generate 100 60 60");
	while (got < ALLOCATIONS - CONTROL_ALLOCATIONS) {
		uint32_t ranges = 8;

		if (!transferred(0, ranges, &ids[got / 8], &bytes, &len))
			return false;
		for (uint32_t i = 0; i < ranges; i++) {
			uint32_t index = get32(packet + 12 + 8 * i) / SUB_ALLOCATION;

			if (index < CONTROL_ALLOCATIONS || used[index])
				return no("sub-allocation %u is used again", index);
			used[index] = true;
		}
		got += ranges;
	}
	if (!silent())
		return false;
	/*
	 * Set the filter to 0, so that the other frames do not come, and
	 * complete those that have come.
	 */
	if (!set_filter(0))
		return false;
	for (uint32_t i = 0; i < got / 8; i++)
		acknowledge(0, ids[i]);
	if (!silent() || !set_filter(0xd))
		return false;
	for (got = 0; got < 8; got += 8)
		if (!transferred(0, 8, &id, &bytes, &len))
			return false;
	close(fd);
	close(command("stop"));
	return true;
}

static bool good_link(void)
{
	const uint8_t *bytes;
	uint32_t len;
	uint64_t id;

	if (!session())
		return false;
	close(command("link down"));
	if (!transferred(0, 1, &id, &bytes, &len))
		return false;
	acknowledge(0, id);
	if (len != 20 || get32(bytes) != RNDIS_INDICATE ||
	    get32(bytes + 8) != RNDIS_STATUS_DISCONNECT)
		return no("an indication of %u bytes", len);
	close(command("link up"));
	return transferred(0, 1, &id, &bytes, &len) &&
	       (get32(bytes + 8) == RNDIS_STATUS_CONNECT || no("no connect"));
}

static bool good_subchannels(void)
{
	if (!session() ||
	    !request(NVSP_SUBCHANNELS, 1, CHANNELS - 1, NVSP_SUBCHANNELS, 4, NVSP_STATUS_SUCCESS))
		return false;
	if (get32(packet + 8) != CHANNELS - 1)
		return no("%u were granted", get32(packet + 8));
	if (!silent() || offered_subs != CHANNELS - 1)
		return no("%u were offered", offered_subs);
	return request(NVSP_SUBCHANNELS, 1, 1, NVSP_SUBCHANNELS, 4, NVSP_STATUS_FAILURE);
}

static bool late_subchannels(void)
{
	if (!session())
		return false;
	command_done("hold-subs on");
	offered_subs = 0;
	if (!request(NVSP_SUBCHANNELS, 1, CHANNELS - 1, NVSP_SUBCHANNELS, 4, NVSP_STATUS_SUCCESS))
		return false;
	if (!silent() || offered_subs)
		return no("%u were offered at once", offered_subs);
	command_done("hold-subs off");
	return silent() && (offered_subs == CHANNELS - 1 || no("%u were offered", offered_subs));
}

static bool good_second_channel(void)
{
	const uint8_t *bytes;
	uint8_t message[4096];
	uint64_t before = count_of("numbered"), id;
	uint32_t len;

	if (!session() ||
	    !request(NVSP_SUBCHANNELS, 1, 1, NVSP_SUBCHANNELS, 4, NVSP_STATUS_SUCCESS))
		return false;
	event(FRAME_OPENED, 1);
	len = put_packet(message, 0, 500, 1, -1);
	if (!data_status(put_data(1, NVSP_NO_SECTION, 0, message, len), NVSP_STATUS_SUCCESS) ||
	    count_of("numbered") != before + 1)
		return no("a frame on the second channel");
	close(command("generate 1 100 100 1"));
	if (!transferred(1, 1, &id, &bytes, &len))
		return false;
	acknowledge(1, id);
	return silent();
}

static bool good_sets(void)
{
	static const char name[] = "NetworkAddress", mac[] = "00155D0A0B0c";
	uint8_t rss[48] = { 0x89, 2, 40 }, address[20 + 28 + 24] = {},
		offload[28] = { 0x80, 3, 28 };
	uint8_t message[12] = { RNDIS_KEEP_ALIVE, 0, 0, 0, 12, 0, 0, 0, 55 };
	const uint8_t *answer;
	uint32_t len;

	put16(rss + 12, 8);
	put32(rss + 16, 40);
	put32(address, 20);
	put32(address + 4, 28);
	put32(address + 12, 48);
	put32(address + 16, 24);
	for (uint32_t i = 0; i < 14; i++)
		put16(address + 20 + 2 * i, (uint8_t)name[i]);
	for (uint32_t i = 0; i < 12; i++)
		put16(address + 48 + 2 * i, (uint8_t)mac[i]);
	if (!session() || !ask(RNDIS_SET, OID_OFFLOAD_PARAMETERS, offload, 28, 0, 0, NULL) ||
	    !ask(RNDIS_SET, OID_RSS_PARAMETERS, rss, 48, 0, 0, NULL) ||
	    !ask(RNDIS_SET, OID_CONFIG_PARAMETER, address, sizeof(address), 0, 0, NULL) ||
	    !ask(RNDIS_QUERY, OID_PERMANENT_ADDRESS, NULL, 0, 0, 6, &answer))
		return false;
	if (memcmp(answer, "\x00\x15\x5d\x0a\x0b\x0c", 6))
		return no("the address is another");
	return control(message, sizeof(message), &answer, &len) && len == 16 &&
	       get32(answer) == (RNDIS_KEEP_ALIVE | RNDIS_COMPLETE) && get32(answer + 8) == 55;
}

/* The peer answers ARP and a ping of a guest with the address 10.55.0.2. */
static bool good_peer(void)
{
	static const uint8_t arp[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x15, 0x5d, 1, 2, 3, 8, 6, 0, 1, 8, 0, 6, 4,
		0, 1, 0, 0x15, 0x5d, 1, 2, 3, 10, 55, 0, 2, 0, 0, 0, 0, 0, 0, 10, 55, 0, 1,
	};
	static const uint8_t ping[46] = {
		0, 0x15, 0x5d, 0x55, 0, 1, 0, 0x15, 0x5d, 1, 2, 3, 8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0,
		64, 1, 0x66, 0x6d, 10, 55, 0, 2, 10, 55, 0, 1, 8, 0, 0x0d, 0x08, 0x12, 0x34, 0, 1,
		'd', 'a', 't', 'a',
	};
	uint8_t message[128] = {};
	const uint8_t *bytes, *frame;
	uint32_t len;
	uint64_t id;

	if (!session())
		return false;
	for (int i = 0; i < 2; i++) {
		uint32_t size = i ? sizeof(ping) : sizeof(arp);

		put_packet(message, 0, size, 1, -1);
		memcpy(message + RNDIS_PACKET_HEADER, i ? ping : arp, size);
		if (!data_status(put_data(0, NVSP_NO_SECTION, 0, message,
					  RNDIS_PACKET_HEADER + size), NVSP_STATUS_SUCCESS) ||
		    !transferred(0, 1, &id, &bytes, &len))
			return false;
		acknowledge(0, id);
		frame = bytes + RNDIS_BASE + get32(bytes + 8);
		if (get32(bytes + 12) != size || memcmp(frame, arp + 6, 6))
			return no("an answer of %u bytes", get32(bytes + 12));
		if (i ? memcmp(frame + 26, ping + 30, 4) || frame[34] ||
		    memcmp(frame + 38, ping + 38, 8)
		      : frame[21] != 2 || memcmp(frame + 28, arp + 38, 4))
			return no("the answer is another");
	}
	return true;
}

/* The pcap file has each frame of both directions, whole. */
static bool good_capture(void)
{
	char path[160], words[200];
	uint32_t header[6], record[4], len, frames = 0;
	uint8_t message[4096], frame[4096];
	const uint8_t *bytes;
	FILE *file;
	uint64_t id;

	snprintf(path, sizeof(path), "%s.pcap", socket_path);
	snprintf(words, sizeof(words), "capture %s", path);
	if (!session())
		return false;
	close(command(words));
	count_of("complaints");
	len = put_packet(message, 0, 500, 1, -1);
	if (!data_status(put_data(0, NVSP_NO_SECTION, 0, message, len), NVSP_STATUS_SUCCESS))
		return false;
	close(command("generate 1 501 501"));
	if (!transferred(0, 1, &id, &bytes, &len))
		return false;
	acknowledge(0, id);
	close(command("capture off"));
	count_of("complaints");
	file = fopen(path, "r");
	if (!file || fread(header, sizeof(header), 1, file) != 1 || header[0] != 0xa1b23c4d ||
	    header[5] != 1)
		return no("no pcap file: %s", strerror(errno));
	while (fread(record, sizeof(record), 1, file) == 1) {
		struct numbered numbered;

		if (record[2] != 500 + frames || record[3] != record[2] ||
		    fread(frame, record[2], 1, file) != 1 ||
		    !numbered_is(frame, record[2], &numbered) ||
		    !numbered_good(frame, record[2], &numbered))
			return no("frame %u of %u bytes is another", frames, record[2]);
		frames++;
	}
	fclose(file);
	unlink(path);
	close(command("stop"));
	return frames == 2 || no("%u frames", frames);
}

/*
 * DPDK revokes both buffers, sends a HALT that it frees at once, and closes.
 * Then it does all of that again.
 */
static bool good_halt_of_dpdk(void)
{
	static const uint8_t zeros[12];
	const uint8_t *bytes;
	uint32_t before, len;
	uint64_t ids[3];

	for (int i = 0; i < 2; i++) {
		if (!session())
			return false;
		/* Revoke in the middle of many frames. */
		close(command("generate 1000 60 60"));
		for (int j = 0; j < 3; j++)
			if (!transferred(0, 8, &ids[j], &bytes, &len))
				return false;
		put_words(PACKET_INBAND, false, NVSP_REVOKE_RECEIVE_BUFFER, NVSP_RECEIVE_ID, 0, 0);
		if (!completed(put_words(PACKET_INBAND, true, NVSP_OID_QUERY_EX, 0, 0, 0),
			       NVSP_OID_QUERY_EX_COMPLETE))
			return false;
		before = writes;
		for (int j = 0; j < 3; j++)
			acknowledge(0, ids[j]);
		put_words(PACKET_INBAND, false, NVSP_REVOKE_SEND_BUFFER, 0xface, 0, 0);
		if (!completed(put_control(zeros, sizeof(zeros)), NVSP_RNDIS_COMPLETE) || !silent())
			return false;
		if (writes != before)
			return no("the receive buffer is written to after it is revoked");
		close(command("stop"));
		event(FRAME_CLOSED, 0);
		event(FRAME_OPENED, 0);
	}
	return true;
}

/*
 * The guest sends more queries than there is room for answers. The host sends
 * the other answers later.
 */
static bool good_many_queries(void)
{
	uint8_t message[28] = {};
	uint64_t ids[CONTROL_ALLOCATIONS];
	uint32_t completions = 0, answers = 0;

	if (!session())
		return false;
	put32(message, RNDIS_QUERY);
	put32(message + 4, sizeof(message));
	put32(message + 12, OID_LINK_SPEED);
	for (int i = 0; i < 200; i++)
		put_control(message, sizeof(message));
	while (completions < 200 || answers < CONTROL_ALLOCATIONS) {
		struct frame frame;

		if (!take(&frame, packet, LIMIT_MS))
			return no("%u completions, %u answers", completions, answers);
		if (frame.type == PACKET_COMPLETION)
			completions++;
		else if (answers < CONTROL_ALLOCATIONS)
			ids[answers++] = frame.xid;
		else
			return no("an answer without room");
	}
	if (!silent())
		return false;
	for (uint32_t i = 0; i < CONTROL_ALLOCATIONS; i++)
		acknowledge(0, ids[i]);
	for (answers = 0; answers < 200 - CONTROL_ALLOCATIONS; answers++) {
		const uint8_t *bytes;
		uint32_t len;
		uint64_t id;

		if (!transferred(0, 1, &id, &bytes, &len))
			return false;
		acknowledge(0, id);
	}
	return silent();
}

static bool good_rescind(void)
{
	int fd = command("rescind 3");
	uint32_t before = rescinds;

	/* Wait until the program has the command. */
	count_of("complaints");
	if (!init(0x70000, NVSP_STATUS_NONE) || !init(0x60001, NVSP_STATUS_SUCCESS) || !silent() ||
	    rescinds != before)
		return no("rescinded too early");
	if (!request(NVSP_RECEIVE_BUFFER, RECEIVE, NVSP_RECEIVE_ID, NVSP_RECEIVE_BUFFER_COMPLETE, 4,
		     NVSP_STATUS_SUCCESS) || !silent())
		return false;
	close(fd);
	return rescinds == before + 1 || no("not rescinded");
}

/* A rescind that has given up does not happen later. */
static bool abandoned_rescind(void)
{
	int fd = command("rescind 2 1");
	uint32_t before = rescinds;

	if (!answers(fd, "failed: the time is over", LIMIT_MS))
		return no("it waits for ever");
	close(fd);
	return init(0x70000, NVSP_STATUS_NONE) && init(0x70000, NVSP_STATUS_NONE) &&
	       init(0x60001, NVSP_STATUS_SUCCESS) && silent() &&
	       (rescinds == before || no("it has rescinded"));
}

/*
 * The guest sends the next packet each time the host reads a section, so that
 * the host never has all packets. It must read a command nevertheless.
 */
static bool command_in_a_flood(void)
{
	int64_t deadline = host_now() + LIMIT_MS;
	struct frame frame;
	uint32_t len;
	bool answered;
	int fd;

	if (!session())
		return false;
	len = put_packet(send_memory + SECTION, 0, 60, 1, -1);
	section_read = SENT_ON;
	for (int i = 0; i < 3; i++)
		put_data(0, 1, len, NULL, 0);
	take(&frame, packet, LIMIT_MS);
	fd = command("expect complaints 0");
	while (!(answered = answers(fd, "complaints ", 0)) && host_now() < deadline)
		take(&frame, packet, 100);
	section_read = ANSWERED;
	close(fd);
	while (take(&frame, packet, SILENCE_MS))
		;
	return answered || no("no command is heard while the guest sends");
}

/*
 * The guest sends a packet, and closes and opens the channel before the host
 * sees the packet.
 */
static bool packets_of_an_old_session(void)
{
	uint8_t message[4096];
	uint32_t len = put_packet(message, 0, 100, 1, -1);
	int status;

	if (!session())
		return false;
	kill(child, SIGSTOP);
	waitpid(child, &status, WUNTRACED);
	put_data(0, NVSP_NO_SECTION, 0, message, len);
	event(FRAME_CLOSED, 0);
	event(FRAME_OPENED, 0);
	kill(child, SIGCONT);
	return silent() && session();
}

static bool section_of_a_closed_channel(void)
{
	bool good;

	if (!session())
		return false;
	section_read = CLOSED_FIRST;
	put_data(0, 1, 100, NULL, 0);
	good = silent();
	section_read = ANSWERED;
	return good;
}

/* Cases with one complaint each */

static uint8_t bad_bytes[4096];

static bool bad_data(uint32_t len, uint32_t status)
{
	return data_status(put_data(0, NVSP_NO_SECTION, 0, bad_bytes, len), status);
}

static bool bad_packet(uint32_t at, uint32_t value)
{
	uint32_t len;

	if (!session())
		return false;
	len = put_packet(bad_bytes, 0, 100, 1, 7 << 4);
	put32(bad_bytes + at, value);
	return bad_data(len, NVSP_STATUS_INVALID_RNDIS);
}

static bool bad_rndis_zero(void) { return bad_packet(4, 0); }
static bool bad_rndis_long(void) { return bad_packet(4, 1 << 20); }
static bool bad_rndis_type(void) { return bad_packet(0, 9); }
static bool bad_data_at(void) { return bad_packet(8, 0xfffffff0); }
static bool bad_data_len(void) { return bad_packet(12, 0xfffffff0); }
static bool bad_data_short(void) { return bad_packet(12, 13); }
static bool bad_info_at(void) { return bad_packet(28, 0xfffffff0); }
static bool bad_info_len(void) { return bad_packet(32, 0xfffffff0); }
static bool bad_info_zero(void) { return bad_packet(44, 0); }
static bool bad_info_long(void) { return bad_packet(44, 20); }
static bool bad_info_offset(void) { return bad_packet(52, 16); }

static bool bad_long_frame(void)
{
	return session() && bad_data(put_packet(bad_bytes, 0, 1519, 1, -1),
				     NVSP_STATUS_INVALID_RNDIS);
}

static bool bad_alignment(void)
{
	uint32_t len;

	if (!session())
		return false;
	len = put_packet(bad_bytes, 0, 61, 1, -1);
	return bad_data(len + put_packet(bad_bytes + len, 1, 61, 1, -1), NVSP_STATUS_SUCCESS);
}

static bool bad_many(void)
{
	uint32_t len = 0;

	if (!session())
		return false;
	for (uint32_t i = 0; i <= MAX_PACKETS; i++)
		len += put_packet(bad_bytes + len, i, 60, 8, -1);
	return bad_data(len, NVSP_STATUS_SUCCESS);
}

static bool bad_contents(void)
{
	uint32_t len;

	if (!session())
		return false;
	len = put_packet(bad_bytes, 0, 100, 1, -1);
	bad_bytes[RNDIS_PACKET_HEADER + 60] ^= 1;
	return bad_data(len, NVSP_STATUS_SUCCESS);
}

static bool bad_section(void)
{
	return session() && data_status(put_data(0, SECTIONS, 100, NULL, 0), NVSP_STATUS_FAILURE);
}

static bool bad_section_len(void)
{
	return session() && data_status(put_data(0, 1, SECTION + 1, NULL, 0), NVSP_STATUS_FAILURE);
}

static bool bad_section_memory(void)
{
	bool good;

	if (!session())
		return false;
	section_read = REFUSED;
	good = data_status(put_data(0, 1, 100, NULL, 0), NVSP_STATUS_FAILURE);
	section_read = ANSWERED;
	return good;
}

static bool bad_memory(void)
{
	uint8_t bytes[24 + NVSP_BYTES] = {};
	struct frame frame = { .op = FRAME_PACKET, .type = PACKET_GPA_DIRECT, .flags = 1,
			       .xid = 5, .arg = 24, .tag = FRAME_MEMORY_MISSING };

	if (!session())
		return false;
	put32(bytes + 24, NVSP_RNDIS);
	put32(bytes + 32, NVSP_NO_SECTION);
	put_frame(frame, bytes, sizeof(bytes));
	return data_status(5, NVSP_STATUS_FAILURE);
}

static bool bad_early_frame(void)
{
	return init(0x60001, NVSP_STATUS_SUCCESS) && buffers() &&
	       bad_data(put_packet(bad_bytes, 0, 100, 1, -1), NVSP_STATUS_FAILURE);
}

static bool bad_init_twice(void)
{
	return init(0x60001, NVSP_STATUS_SUCCESS) && init(0x60001, NVSP_STATUS_SUCCESS);
}

static bool bad_type(void)
{
	return completed(put_words(PACKET_INBAND, true, 99, 0, 0, 0), 0);
}

static bool bad_short(void)
{
	uint8_t nvsp[8] = { NVSP_INIT };

	return completed(put_nvsp(0, PACKET_INBAND, true, nvsp, sizeof(nvsp), NULL, 0), 0);
}

static bool bad_vmbus_type(void)
{
	return completed(put_words(5, true, NVSP_INIT, 0x60001, 0x60001, 0), 0);
}

static bool bad_no_flag(void)
{
	put_words(PACKET_INBAND, false, NVSP_INIT, 0x60001, 0x60001, 0);
	return silent();
}

static bool bad_gpadl(void)
{
	return init(0x60001, NVSP_STATUS_SUCCESS) &&
	       request(NVSP_RECEIVE_BUFFER, 4711, NVSP_RECEIVE_ID, NVSP_RECEIVE_BUFFER_COMPLETE, 4,
		       NVSP_STATUS_FAILURE);
}

static bool bad_buffer_twice(void)
{
	return init(0x60001, NVSP_STATUS_SUCCESS) && buffers() &&
	       request(NVSP_RECEIVE_BUFFER, RECEIVE, NVSP_RECEIVE_ID, NVSP_RECEIVE_BUFFER_COMPLETE,
		       4, NVSP_STATUS_FAILURE);
}

static bool bad_revoke(void)
{
	if (!init(0x60001, NVSP_STATUS_SUCCESS))
		return false;
	put_words(PACKET_INBAND, false, NVSP_REVOKE_SEND_BUFFER, 0, 0, 0);
	return silent();
}

static bool bad_subchannels(void)
{
	return session() &&
	       request(NVSP_SUBCHANNELS, 1, CHANNELS, NVSP_SUBCHANNELS, 4, NVSP_STATUS_FAILURE);
}

static bool bad_completion(void)
{
	if (!session())
		return false;
	acknowledge(0, 20);
	return silent();
}

static bool bad_completion_channel(void)
{
	const uint8_t *bytes;
	uint32_t len;
	uint64_t id;
	int fd;

	event(FRAME_OPENED, 1);
	if (!session())
		return false;
	fd = command("generate 1 60 60");
	if (!transferred(0, 1, &id, &bytes, &len))
		return false;
	acknowledge(1, id);
	close(fd);
	return silent();
}

static bool bad_filter(void)
{
	return session() && ask(RNDIS_SET, OID_PACKET_FILTER, "abc", 3, RNDIS_STATUS_INVALID_DATA, 0,
				NULL);
}

static bool bad_rss(void)
{
	uint8_t data[44] = { 0x89, 2, 40 };

	put16(data + 12, 4);
	put32(data + 16, 40);
	put32(data + 40, 1);
	return session() &&
	       ask(RNDIS_SET, OID_RSS_PARAMETERS, data, sizeof(data), RNDIS_STATUS_INVALID_DATA, 0,
		   NULL);
}

static bool bad_query(void)
{
	uint8_t message[28] = { RNDIS_QUERY };

	put32(message + 4, sizeof(message));
	put32(message + 16, 8);
	put32(message + 20, 0xfffffff0);
	return session() &&
	       data_status(put_control(message, sizeof(message)), NVSP_STATUS_INVALID_RNDIS);
}

static bool bad_control_channel(void)
{
	uint8_t nvsp[NVSP_BYTES] = {}, message[12] = { RNDIS_HALT, 0, 0, 0, 12 };

	event(FRAME_OPENED, 1);
	put32(nvsp, NVSP_RNDIS);
	put32(nvsp + 4, 1);
	put32(nvsp + 8, NVSP_NO_SECTION);
	return session() &&
	       data_status(put_nvsp(1, PACKET_GPA_DIRECT, true, nvsp, sizeof(nvsp), message,
				    sizeof(message)),
			   NVSP_STATUS_FAILURE);
}

static const struct {
	const char *name;
	uint64_t complaints;
	bool (*run)(void);
} cases[] = {
	{ "versions are refused and accepted", 0, good_versions },
	{ "queries have exact answers, after their completion", 0, good_queries },
	{ "frames in sections, in memory and in both", 0, good_frames },
	{ "a frame with a VLAN", 0, good_vlan },
	{ "frames for the guest, until no sub-allocation is free", 0, good_delivery },
	{ "the link goes down and up", 0, good_link },
	{ "sub-channels as granted, once in a session", 0, good_subchannels },
	{ "sub-channels that the host offers late", 0, late_subchannels },
	{ "frames on the second channel", 0, good_second_channel },
	{ "sets and KEEP_ALIVE", 0, good_sets },
	{ "ARP and a ping", 0, good_peer },
	{ "a pcap file", 0, good_capture },
	{ "DPDK's HALT, and a second session with the same buffers", 0, good_halt_of_dpdk },
	{ "200 queries at once", 0, good_many_queries },
	{ "a rescind after the third packet", 0, good_rescind },
	{ "a rescind that gives up before that", 0, abandoned_rescind },
	{ "a command while the guest sends without end", 0, command_in_a_flood },
	{ "packets of a session that the guest has since ended", 0,
	  packets_of_an_old_session },
	{ "a section of a channel that has just closed", 0, section_of_a_closed_channel },
	{ "RNDIS length 0", 1, bad_rndis_zero },
	{ "RNDIS length beyond the message", 1, bad_rndis_long },
	{ "a control message among frames", 1, bad_rndis_type },
	{ "a frame beyond its packet", 1, bad_data_at },
	{ "a frame longer than its packet", 1, bad_data_len },
	{ "a frame of 13 bytes", 1, bad_data_short },
	{ "a frame beyond the MTU", 1, bad_long_frame },
	{ "packet information outside of its packet", 1, bad_info_at },
	{ "packet information too long", 1, bad_info_len },
	{ "packet information of size 0", 1, bad_info_zero },
	{ "packet information longer than what is left", 1, bad_info_long },
	{ "packet information whose value is outside of it", 1, bad_info_offset },
	{ "a packet that does not align the next one", 1, bad_alignment },
	{ "more packets in a message than announced", 1, bad_many },
	{ "a numbered frame with another byte", 1, bad_contents },
	{ "a section that does not exist", 1, bad_section },
	{ "more bytes than a section has", 1, bad_section_len },
	{ "a section that the device cannot read", 1, bad_section_memory },
	{ "memory that does not exist", 1, bad_memory },
	{ "a frame before INITIALIZE", 1, bad_early_frame },
	{ "INIT twice", 1, bad_init_twice },
	{ "an unknown message", 1, bad_type },
	{ "a short message", 1, bad_short },
	{ "an unknown type of packet", 1, bad_vmbus_type },
	{ "a request that asks for no completion", 1, bad_no_flag },
	{ "a buffer in an unknown GPADL", 1, bad_gpadl },
	{ "a second receive buffer", 1, bad_buffer_twice },
	{ "a revocation of a buffer that is not there", 1, bad_revoke },
	{ "more sub-channels than there are", 1, bad_subchannels },
	{ "a completion that matches no packet", 1, bad_completion },
	{ "a completion on another channel", 1, bad_completion_channel },
	{ "a packet filter of three bytes", 1, bad_filter },
	{ "an RSS table with a channel that does not exist", 1, bad_rss },
	{ "a query whose buffer is outside of the message", 1, bad_query },
	{ "a control message on a sub-channel", 1, bad_control_channel },
};

/* The program */

static void start(void)
{
	size_t len = sizeof(struct frame_hello) + CHANNELS * sizeof(struct frame_channel);
	struct frame_hello *hello = calloc(1, len);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(at.sun_path, socket_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!hello || listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, 1))
		give_up(socket_path);
	child = fork();
	if (!child) {
		/* Hide the complaints, which are expected. */
		if (!getenv("CHECK_NIC_VERBOSE"))
			stdout = freopen("/dev/null", "w", stdout);
		execl(program, program, "--verbose", "--control", control_path, socket_path, NULL);
		give_up(program);
	}
	device = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (child < 0 || device < 0)
		give_up("accept");
	hello->version = FRAME_VERSION;
	hello->channels = CHANNELS;
	put_frame((struct frame){ .op = FRAME_HELLO }, hello, (uint32_t)len);
	free(hello);
	event(FRAME_OFFERED, 0);
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/check-nic.XXXXXX";
	uint64_t complaints = 0;
	int failed = 0, status;

	if (argc != 2 || !mkdtemp(directory)) {
		fputs("usage: check-nic VMBUS-NIC\n", stderr);
		return 2;
	}
	/* End with a failure if a program hangs. */
	alarm(1800);
	program = argv[1];
	snprintf(control_path, sizeof(control_path), "%s/control", directory);
	snprintf(socket_path, sizeof(socket_path), "%s/device", directory);
	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t found;
		bool good;

		*why = 0;
		event(FRAME_OPENED, 0);
		close(command("sink reset"));
		good = cases[i].run();
		event(FRAME_CLOSED, 1);
		event(FRAME_CLOSED, 0);
		/* Wait until the program has closed them and sends no more. */
		*why = good ? 0 : *why;
		while (take(&(struct frame){}, packet, 10))
			;
		found = count_of("complaints") - complaints;
		complaints += found;
		if (good && found == cases[i].complaints) {
			printf("ok vmbus-nic: %s\n", cases[i].name);
			continue;
		}
		printf("not ok vmbus-nic: %s\n# %s; %llu complaints, %llu expected\n",
		       cases[i].name, why, (unsigned long long)found,
		       (unsigned long long)cases[i].complaints);
		failed++;
	}
	close(device);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 1) {
		printf("not ok vmbus-nic: complaints make its exit status 1\n");
		failed++;
	} else {
		printf("ok vmbus-nic: complaints make its exit status 1\n");
	}
	unlink(control_path);
	unlink(socket_path);
	rmdir(directory);
	return failed != 0;
}
