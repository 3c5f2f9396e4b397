// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program plays a VMBus host by script. Its commands send packets, rescind
 * and offer the device, and write any bytes into the rings.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

/* Byte @at of the packet @xid of the command send */
static uint8_t pattern(uint64_t xid, uint32_t at)
{
	return (uint8_t)(xid * 167 + (xid >> 8) * 59 + at * 13 + (at >> 8) * 7 + 1);
}

static const char usage[] =
	"usage: vmbus-host [-v] [-t SECONDS] SOCKET [COMMAND...]\n"
	"Plays the host of a device. Each COMMAND is one argument, or one line of the standard input.\n"
	"  timeout SECONDS              Set the limit of each wait that follows (default: 60).\n"
	"  channel N                    Choose the channel for the commands that follow (default: 0).\n"
	"  wait-open, wait-close        Wait until the guest has opened, or closed, the channel.\n"
	"  wait-offered, wait-released  Wait until the guest has the offer, or has released a rescinded one.\n"
	"  wait-reset                   Wait until the guest has left the VMBus once more than at the last wait-reset.\n"
	"  rescind, offer               Rescind the device, or offer it again.\n"
	"  withhold                     If the guest leaves the VMBus and returns, do not offer the device until 'offer'.\n"
	"  offer-sub N [FIRST]          Offer sub-channels FIRST (default: 1) to N.\n"
	"  rescind-sub N                Rescind sub-channel N and nothing else.\n"
	"  keep-subs on|off             on: keep the sub-channels offered when the guest closes the device.\n"
	"  answer on|off                off: do not answer the opening of the channel; on: answer it.\n"
	"  wait-asked                   Wait until the guest waits for that answer.\n"
	"  gpadls hold|answer|fail      Hold the answers about the channel's GPADLs, send them, or let creations fail.\n"
	"  delay open|close|rescind|unload MS  Set the time that the host takes to answer an open, to close the\n"
	"                               device, from one rescind to the next, or to answer UNLOAD.\n"
	"  order any|forward|reverse|primary-first  Set the order in which the host rescinds the channels (default: any).\n"
	"  migrate MS                   Leave the guest's signals unanswered for a moment, stop the guest for this time,\n"
	"                               and lose these signals and the interrupts that are sent meanwhile.\n"
	"  monitored on|off             Make the channels of the offers that follow monitored, or not.\n"
	"  send LEN [COUNT]             Send packets with a pattern as payload (default: 1), xids from 1 on.\n"
	"  send-hex HEX                 Send a packet with this payload.\n"
	"  complete HEX                 Send a completion of the last packet that came, with this payload.\n"
	"  packet-raw HEX               Send these bytes as a packet, its header and trailer included.\n"
	"  sync                         Wait until all packets are in the ring.\n"
	"  echo COUNT                   Wait for this number of packets, each with the contents and the xid of the next one sent.\n"
	"  expect-hex HEX               Wait for one packet, whose payload must begin with these bytes.\n"
	"  none MS                      Fail if a packet comes within this time.\n"
	"  hold on|off                  on: leave the guest's packets in its ring; off: take them again.\n"
	"  signal                       Interrupt the guest.\n"
	"  raw-write PLACE OFFSET HEX   Write bytes to tx or rx, or to the guest's GPADL that has this handle. The guest\n"
	"                               writes to tx, and its header page is at 0.\n"
	"  raw-expect PLACE OFFSET HEX  Fail if there are other bytes.\n"
	"  raw-wait PLACE OFFSET HEX    Wait until there are these bytes.\n"
	"  stats                        Print the counters of the channel.\n"
	"  expect-stat NAME MIN [MAX]   Print one counter; fail if it is not within the bounds.\n"
	"  wait-stat NAME MIN [MAX]     Wait until it is at least MIN, then do the same.\n"
	"  status                       Print the state of all channels.\n"
	"  sleep MS, print TEXT\n"
	"HEX is pairs of hexadecimal digits; dots may separate them. Exit status: 0 all commands succeeded, 1 one failed\n"
	"(the program prints it and the reason), 2 wrong use or no socket.\n";

#define MAX_ARGS 8

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct sent {
	struct sent *next;
	uint64_t xid;
	uint32_t len;
};

struct script {
	struct host host;
	int timeout_ms;
	uint16_t channel;
	uint64_t xid;
	uint64_t last_xid; /* the transaction id of the last packet that came */
	uint64_t resets;
	/* Packets that the guest has not echoed yet */
	struct sent *sent, **sent_end;
	int argc;
	char *argv[MAX_ARGS];
	char *rest; /* the arguments as they were written */
};

static int complain(struct script *s, const char *why)
{
	return host_error(&s->host, -EINVAL, "%s", why);
}

static int take_number(struct script *s, int index, uint64_t otherwise, uint64_t max,
		       uint64_t *value)
{
	char *end;

	*value = otherwise;
	if (index >= s->argc)
		return otherwise == UINT64_MAX ? complain(s, "an argument is missing") : 0;
	errno = 0;
	*value = strtoull(s->argv[index], &end, 0);
	if (errno || end == s->argv[index] || *end || *s->argv[index] == '-' || *value > max)
		return host_error(&s->host, -EINVAL, "'%s' is not a number up to %" PRIu64,
				  s->argv[index], max);
	return 0;
}

/* Convert hex digits to bytes, in place. */
static int take_hex(struct script *s, int index, uint8_t **bytes, uint32_t *len)
{
	char *text, *at;

	if (index >= s->argc)
		return complain(s, "bytes in hex are missing");
	text = at = s->argv[index];
	*bytes = (uint8_t *)text;
	*len = 0;
	while (*at) {
		unsigned int byte;
		char pair[3] = { at[0], at[1], 0 };
		char *end;

		if (*at == '.') {
			at++;
			continue;
		}
		byte = (unsigned int)strtoul(pair, &end, 16);
		if (end != pair + 2)
			return host_error(&s->host, -EINVAL, "'%s' is not hex", at);
		(*bytes)[(*len)++] = (uint8_t)byte;
		at += 2;
	}
	return 0;
}

/*
 * Returns the index of the argument in @words, which end with NULL, or -EINVAL.
 */
static int take_word(struct script *s, int index, const char *const *words)
{
	for (int i = 0; index < s->argc && words[i]; i++)
		if (!strcmp(s->argv[index], words[i]))
			return i;
	return complain(s, "there is no such choice");
}

static int request(struct script *s, struct frame *frame, const void *payload)
{
	frame->channel = s->channel;
	return host_request(&s->host, frame, payload, NULL, 0, s->timeout_ms);
}

static void print_hex(const char *what, const uint8_t *bytes, size_t len)
{
	printf("%s", what);
	for (size_t i = 0; i < len; i++)
		printf("%s%02x", i % 8 ? "" : " ", bytes[i]);
	printf("\n");
}

static int do_timeout(struct script *s)
{
	uint64_t seconds;
	int ret = take_number(s, 1, UINT64_MAX, 86400, &seconds);

	s->timeout_ms = (int)seconds * 1000;
	return ret;
}

static int do_channel(struct script *s)
{
	uint64_t channel;
	int ret = take_number(s, 1, UINT64_MAX, s->host.channels - 1, &channel);

	if (!ret)
		s->channel = (uint16_t)channel;
	return ret;
}

static bool was_reset(struct host *host, uint32_t before)
{
	return (uint32_t)host->resets != before;
}

static int do_wait_reset(struct script *s)
{
	int ret = host_wait(&s->host, was_reset, (uint32_t)s->resets, "reset", s->timeout_ms);

	s->resets = s->host.resets;
	return ret;
}

static int do_offer_sub(struct script *s)
{
	struct frame frame = { .op = FRAME_OFFER_SUB };
	uint64_t last, first;
	int ret = take_number(s, 1, UINT64_MAX, HOST_MAX_CHANNELS, &last);

	if (!ret)
		ret = take_number(s, 2, 1, HOST_MAX_CHANNELS, &first);
	if (ret)
		return ret;
	frame.arg = (uint32_t)last;
	frame.arg2 = (uint32_t)first;
	return request(s, &frame, NULL);
}

static int do_delay(struct script *s)
{
	static const char *const words[] = { "open", "close", "rescind", "unload", NULL };
	struct frame frame = { .op = FRAME_DELAY };
	int word = take_word(s, 1, words);
	uint64_t ms;
	int ret = word < 0 ? word : take_number(s, 2, UINT64_MAX, 600000, &ms);

	if (ret)
		return ret;
	frame.arg = (uint32_t)word;
	frame.arg2 = (uint32_t)ms;
	return request(s, &frame, NULL);
}

static int remember(struct script *s, uint64_t xid, uint32_t len)
{
	struct sent *sent = malloc(sizeof(*sent));

	if (!sent)
		return host_error(&s->host, -ENOMEM, "no memory");
	*sent = (struct sent){ .xid = xid, .len = len };
	*s->sent_end = sent;
	s->sent_end = &sent->next;
	return 0;
}

static int do_send(struct script *s)
{
	static uint8_t payload[FRAME_MAX_LEN];
	uint64_t len, count;
	int ret = take_number(s, 1, UINT64_MAX, FRAME_MAX_LEN, &len);

	if (!ret)
		ret = take_number(s, 2, 1, UINT32_MAX, &count);
	for (uint64_t i = 0; !ret && i < count; i++) {
		struct frame frame = {
			.op = FRAME_PACKET,
			.channel = s->channel,
			.type = PACKET_INBAND,
			.xid = s->xid++,
			.len = (uint32_t)len,
		};

		for (uint32_t at = 0; at < len; at++)
			payload[at] = pattern(frame.xid, at);
		ret = remember(s, frame.xid, frame.len);
		if (!ret)
			ret = host_send(&s->host, &frame, payload, s->timeout_ms);
	}
	return ret;
}

/* Send a packet with these bytes, and wait until it is in the ring. */
static int send_hex(struct script *s, enum frame_op op, uint16_t type, uint64_t xid)
{
	struct frame frame = { .op = op, .type = type, .xid = xid };
	uint8_t *bytes;
	int ret = take_hex(s, 1, &bytes, &frame.len);

	return ret ? ret : request(s, &frame, bytes);
}

static int do_send_hex(struct script *s)
{
	return send_hex(s, FRAME_PACKET, PACKET_INBAND, s->xid++);
}

static int do_complete(struct script *s)
{
	return send_hex(s, FRAME_PACKET, PACKET_COMPLETION, s->last_xid);
}

static int do_packet_raw(struct script *s)
{
	return send_hex(s, FRAME_PACKET_RAW, 0, 0);
}

/* Take @count packets, and call @check for each. */
static int take_packets(struct script *s, uint64_t count, const char *what,
			int (*check)(struct script *s, const struct host_packet *packet,
				     uint64_t index))
{
	int64_t began = host_now(), deadline = began + s->timeout_ms;
	uint64_t bytes = 0;
	double seconds;
	int ret = 0;

	for (uint64_t i = 0; !ret && i < count; i++) {
		struct host_packet *packet;

		ret = host_take_packet(&s->host, &packet, (int)(deadline - host_now()));
		if (ret == -ETIMEDOUT)
			ret = host_error(&s->host, ret,
					 "%" PRIu64 " of %" PRIu64 " packets came within %.1f s", i,
					 count, s->timeout_ms / 1000.0);
		if (ret)
			return ret;
		bytes += packet->frame.len;
		s->last_xid = packet->frame.xid;
		if (packet->frame.channel != s->channel)
			ret = host_error(&s->host, -EPROTO,
					 "packet %" PRIu64 " came on channel %u, not %u", i,
					 packet->frame.channel, s->channel);
		else
			ret = check(s, packet, i);
		if (s->host.verbose)
			printf("packet channel %u type %u flags %u xid %" PRIu64
			       " len %u descriptor %u\n",
			       packet->frame.channel, packet->frame.type, packet->frame.flags,
			       packet->frame.xid, packet->frame.len, packet->frame.arg);
		free(packet);
	}
	seconds = (double)(host_now() - began) / 1000;
	if (!ret)
		printf("%s %" PRIu64 " packets %" PRIu64 " bytes %.3f s\n", what, count, bytes,
		       seconds);
	return ret;
}

static int check_echo(struct script *s, const struct host_packet *packet, uint64_t index)
{
	struct sent *sent = s->sent;
	const uint8_t *bytes = packet->payload + packet->frame.arg;
	uint32_t len = packet->frame.len - packet->frame.arg;
	uint64_t xid;

	if (!sent)
		return host_error(&s->host, -EPROTO,
				  "packet %" PRIu64 " echoes none of the sent packets", index);
	xid = sent->xid;
	if (len < sent->len || len - sent->len >= 8)
		return host_error(&s->host, -EPROTO,
				  "packet %" PRIu64 " has %u bytes, not the %u of xid %" PRIu64,
				  index, len, sent->len, xid);
	for (uint32_t at = 0; at < sent->len; at++)
		if (bytes[at] != pattern(xid, at))
			return host_error(&s->host, -EPROTO,
					  "packet %" PRIu64
					  ": byte %u is %02x, not the %02x of xid %" PRIu64,
					  index, at, bytes[at], pattern(xid, at), xid);
	if (packet->frame.xid != xid)
		return host_error(&s->host, -EPROTO,
				  "packet %" PRIu64 " has xid %" PRIu64 ", not %" PRIu64, index,
				  packet->frame.xid, xid);
	s->sent = sent->next;
	if (!s->sent)
		s->sent_end = &s->sent;
	free(sent);
	return 0;
}

static int do_echo(struct script *s)
{
	uint64_t count;
	int ret = take_number(s, 1, UINT64_MAX, UINT32_MAX, &count);

	return ret ? ret : take_packets(s, count, "echoed", check_echo);
}

static int check_hex(struct script *s, const struct host_packet *packet, uint64_t index)
{
	uint32_t have = packet->frame.len - packet->frame.arg, len;
	uint8_t *bytes;
	int ret = take_hex(s, 1, &bytes, &len);

	if (ret)
		return ret;
	if (have >= len && !memcmp(packet->payload + packet->frame.arg, bytes, len))
		return 0;
	print_hex("packet", packet->payload + packet->frame.arg, have);
	return host_error(&s->host, -EPROTO, "the packet of %u bytes has other contents", have);
}

static int do_expect_hex(struct script *s)
{
	return take_packets(s, 1, "got", check_hex);
}

static int do_none(struct script *s)
{
	struct host_packet *packet;
	uint64_t ms;
	int ret = take_number(s, 1, UINT64_MAX, 86400000, &ms);

	if (!ret)
		ret = host_take_packet(&s->host, &packet, (int)ms);
	if (ret)
		return ret == -ETIMEDOUT ? 0 : ret;
	ret = host_error(&s->host, -EPROTO, "a packet of type %u with %u bytes came",
			 packet->frame.type, packet->frame.len);
	free(packet);
	return ret;
}

/* Take the arguments PLACE OFFSET HEX. The first two go into the frame. */
static int take_place(struct script *s, struct frame *frame, uint8_t **bytes, uint32_t *len)
{
	uint64_t offset;
	int ret = 0;

	frame->channel = s->channel;
	if (s->argc > 1 && !strcmp(s->argv[1], "tx"))
		frame->type = FRAME_TX;
	else if (s->argc > 1 && !strcmp(s->argv[1], "rx"))
		frame->type = FRAME_RX;
	else
		frame->type = FRAME_GPADL;
	if (frame->type == FRAME_GPADL)
		ret = take_number(s, 1, UINT64_MAX, UINT32_MAX, &frame->xid);
	if (!ret)
		ret = take_number(s, 2, UINT64_MAX, UINT32_MAX, &offset);
	if (!ret)
		ret = take_hex(s, 3, bytes, len);
	if (!ret)
		frame->arg = (uint32_t)offset;
	return ret;
}

static int do_raw_write(struct script *s)
{
	struct frame frame = { .op = FRAME_WRITE };
	uint8_t *bytes;
	int ret = take_place(s, &frame, &bytes, &frame.len);

	return ret ? ret : request(s, &frame, bytes);
}

/* Compare bytes until @deadline, or once if that has passed. */
static int raw_compare(struct script *s, int64_t deadline)
{
	struct frame frame = { .op = FRAME_READ };
	static uint8_t have[FRAME_MAX_LEN];
	uint8_t *bytes;
	int ret = take_place(s, &frame, &bytes, &frame.arg2);

	while (!ret) {
		ret = host_request(&s->host, &frame, NULL, have, sizeof(have), s->timeout_ms);
		if (ret || !memcmp(have, bytes, frame.arg2))
			return ret;
		if (host_now() >= deadline) {
			print_hex("raw", have, frame.arg2);
			ret = host_error(&s->host, -EPROTO, "the bytes at %u differ", frame.arg);
		}
		usleep(10000);
	}
	return ret;
}

static int do_raw_expect(struct script *s)
{
	return raw_compare(s, 0);
}

static int do_raw_wait(struct script *s)
{
	return raw_compare(s, host_now() + s->timeout_ms);
}

/* The counters, in the order of struct frame_stats */
static const char *const counters[] = {
	"packets-to-guest", "interrupts",     "hypercalls",	  "monitor-signals", "idle-signals",
	"modifies",	    "early-packets",  "early-interrupts", "malformed",	     "lost-signals",
	"lost-interrupts",  "late-creations", "gpadls",
};
_Static_assert(COUNT(counters) == sizeof(struct frame_stats) / sizeof(uint64_t), "all counters");

static int take_stats(struct script *s, uint64_t stats[COUNT(counters)])
{
	struct frame frame = { .op = FRAME_STATS, .channel = s->channel };

	return host_request(&s->host, &frame, NULL, stats, sizeof(struct frame_stats),
			    s->timeout_ms);
}

static int do_stats(struct script *s)
{
	uint64_t stats[COUNT(counters)];
	int ret = take_stats(s, stats);

	for (size_t i = 0; !ret && i < COUNT(counters); i++)
		printf("stat %s %" PRIu64 "\n", counters[i], stats[i]);
	return ret;
}

/*
 * Compare a counter with two bounds. Look again until @deadline while it is
 * below the first one.
 */
static int stat_compare(struct script *s, int64_t deadline)
{
	const char *name = s->argc > 1 ? s->argv[1] : "";
	uint64_t stats[COUNT(counters)], min, max;
	size_t i = 0;
	int ret;

	while (i < COUNT(counters) && strcmp(counters[i], name))
		i++;
	if (i == COUNT(counters))
		return host_error(&s->host, -EINVAL, "there is no counter '%s'", name);
	ret = take_number(s, 2, UINT64_MAX, UINT64_MAX - 1, &min);
	if (!ret)
		ret = take_number(s, 3, UINT64_MAX - 1, UINT64_MAX - 1, &max);
	while (!ret) {
		ret = take_stats(s, stats);
		if (ret || stats[i] >= min || host_now() >= deadline)
			break;
		usleep(10000);
	}
	if (ret)
		return ret;
	printf("stat %s %" PRIu64 "\n", name, stats[i]);
	if (stats[i] >= min && stats[i] <= max)
		return 0;
	return host_error(&s->host, -EPROTO, "%s is %" PRIu64, name, stats[i]);
}

static int do_expect_stat(struct script *s)
{
	return stat_compare(s, 0);
}

static int do_wait_stat(struct script *s)
{
	return stat_compare(s, host_now() + s->timeout_ms);
}

static int do_status(struct script *s)
{
	static const char *const offered[] = { "held", "offered", "rescinded" };

	for (uint32_t i = 0; i < s->host.channels; i++) {
		const struct frame_channel *channel = &s->host.channel[i];

		printf("channel %u relid %u %s %s%s tx %u rx %u\n", i, channel->relid,
		       offered[channel->offered % 3], channel->open ? "open" : "closed",
		       channel->monitored ? " monitored" : "", channel->tx_size, channel->rx_size);
	}
	return 0;
}

static int do_sleep(struct script *s)
{
	uint64_t ms;
	int64_t until;
	int ret = take_number(s, 1, UINT64_MAX, 86400000, &ms);

	until = host_now() + (int64_t)ms;
	while (!ret && host_now() < until)
		ret = host_pump(&s->host, (int)(until - host_now()));
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int do_print(struct script *s)
{
	printf("%s\n", s->rest);
	fflush(stdout);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct script *s);
	int max_args;
} commands[] = {
	{ "timeout", do_timeout, 1 },
	{ "channel", do_channel, 1 },
	{ "wait-reset", do_wait_reset, 0 },
	{ "offer-sub", do_offer_sub, 2 },
	{ "delay", do_delay, 2 },
	{ "send", do_send, 2 },
	{ "send-hex", do_send_hex, 1 },
	{ "complete", do_complete, 1 },
	{ "packet-raw", do_packet_raw, 1 },
	{ "echo", do_echo, 1 },
	{ "expect-hex", do_expect_hex, 1 },
	{ "none", do_none, 1 },
	{ "raw-write", do_raw_write, 3 },
	{ "raw-expect", do_raw_expect, 3 },
	{ "raw-wait", do_raw_wait, 3 },
	{ "stats", do_stats, 0 },
	{ "expect-stat", do_expect_stat, 3 },
	{ "wait-stat", do_wait_stat, 3 },
	{ "status", do_status, 0 },
	{ "sleep", do_sleep, 1 },
	{ "print", do_print, MAX_ARGS - 1 },
};

/* Commands that wait for a state of the channel */
static const struct {
	const char *name;
	bool (*done)(struct host *host, uint32_t channel);
	const char *what;
} waits[] = {
	{ "wait-open", host_is_open, "opened" },
	{ "wait-close", host_is_closed, "closed" },
	{ "wait-offered", host_is_offered, "offered" },
	{ "wait-released", host_is_released, "released" },
	{ "wait-asked", host_is_asked, "asked for" },
};

static const char *const nothing[] = { NULL };
static const char *const number[] = { NULL };
static const char *const switches[] = { "off", "on", NULL };
static const char *const gpadls[] = { "hold", "answer", "fail", NULL };
static const char *const orders[] = { "any", "forward", "reverse", "primary-first", NULL };

/* Commands that send one frame, with one argument of this kind */
static const struct {
	const char *name;
	enum frame_op op;
	const char *const *argument;
} requests[] = {
	{ "rescind", FRAME_RESCIND, nothing },	 { "offer", FRAME_OFFER, nothing },
	{ "withhold", FRAME_WITHHOLD, nothing }, { "signal", FRAME_SIGNAL, nothing },
	{ "sync", FRAME_SYNC, nothing },	 { "rescind-sub", FRAME_RESCIND_SUB, number },
	{ "migrate", FRAME_MIGRATE, number },	 { "keep-subs", FRAME_KEEP_SUBS, switches },
	{ "answer", FRAME_ANSWER, switches },	 { "monitored", FRAME_MONITORED, switches },
	{ "hold", FRAME_HOLD, switches },	 { "gpadls", FRAME_GPADLS, gpadls },
	{ "order", FRAME_ORDER, orders },
};

static int run_request(struct script *s, enum frame_op op, const char *const *argument)
{
	struct frame frame = { .op = op };
	uint64_t value = 0;
	int ret = 0;

	if (s->argc > (argument == nothing ? 1 : 2))
		return complain(s, "too many arguments");
	if (argument == number)
		ret = take_number(s, 1, UINT64_MAX, 600000, &value);
	else if (argument != nothing)
		ret = take_word(s, 1, argument);
	if (ret < 0)
		return ret;
	frame.arg = (uint32_t)value + (uint32_t)ret;
	return request(s, &frame, NULL);
}

/* Run the command whose words are in s->argv. */
static int run_words(struct script *s)
{
	for (size_t i = 0; i < COUNT(waits); i++)
		if (!strcmp(s->argv[0], waits[i].name))
			return host_wait(&s->host, waits[i].done, s->channel, waits[i].what,
					 s->timeout_ms);
	for (size_t i = 0; i < COUNT(requests); i++)
		if (!strcmp(s->argv[0], requests[i].name))
			return run_request(s, requests[i].op, requests[i].argument);
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(s->argv[0], commands[i].name))
			continue;
		if (s->argc - 1 > commands[i].max_args)
			return complain(s, "too many arguments");
		return commands[i].run(s);
	}
	return complain(s, "there is no such command");
}

/* Run one command. Returns 0, or the exit status after a message. */
static int run(struct script *s, const char *line)
{
	char *words = strdup(line), *word, *save = NULL;
	int ret;

	if (!words) {
		fprintf(stderr, "vmbus-host: no memory\n");
		return 1;
	}
	s->argc = 0;
	s->rest = (char *)line + strspn(line, " \t");
	s->rest += strcspn(s->rest, " \t");
	s->rest += strspn(s->rest, " \t");
	for (word = strtok_r(words, " \t\r\n", &save); word && s->argc < MAX_ARGS;
	     word = strtok_r(NULL, " \t\r\n", &save))
		s->argv[s->argc++] = word;
	ret = s->argc ? run_words(s) : complain(s, "the line is empty");
	if (ret) {
		fflush(stdout);
		fprintf(stderr, "vmbus-host: '%s' failed: %s\n", line, s->host.error);
	}
	free(words);
	return ret == -EINVAL ? 2 : ret ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct script s = { .timeout_ms = 60000, .xid = 1 };
	char *line = NULL;
	size_t size = 0;
	int option, ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "vt:h")) != -1) {
		switch (option) {
		case 'v':
			s.host.verbose = true;
			break;
		case 't':
			s.timeout_ms = atoi(optarg) * 1000;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind == argc || s.timeout_ms <= 0) {
		fputs(usage, stderr);
		return 2;
	}
	s.sent_end = &s.sent;
	ret = host_connect(&s.host, argv[optind], s.timeout_ms);
	if (ret) {
		fprintf(stderr, "vmbus-host: %s\n", s.host.error);
		return 2;
	}

	ret = 0;
	if (optind + 1 < argc) {
		for (int i = optind + 1; !ret && i < argc; i++)
			ret = run(&s, argv[i]);
	} else {
		while (!ret && getline(&line, &size, stdin) >= 0) {
			line[strcspn(line, "\n")] = 0;
			ret = run(&s, line);
		}
	}
	/*
	 * Packets that were sent without waiting must reach the ring, or the
	 * guest, before the connection ends.
	 */
	if (!ret)
		ret = run(&s, "sync");
	free(line);
	host_disconnect(&s.host);
	return ret;
}
