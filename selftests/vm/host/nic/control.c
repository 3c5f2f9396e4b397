// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands for a running program come over a socket. Each is one line on a
 * connection of its own. The program answers at once, and the answer ends with
 * "done" or "failed". host-lib.sh waits by repeating a command.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nic.h"

#define MAX_WORDS 8
#define MAX_LINE  512

struct client {
	int fd;
	struct nic *nic;
	int argc;
	char *argv[MAX_WORDS];
};

static const char *const counters[] = {
#define COUNTER(name) #name,
	COUNTERS(COUNTER)
#undef COUNTER
};

#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

/* All members of struct counters are alike. */
static uint64_t counter(const struct nic *nic, size_t index)
{
	return ((const uint64_t *)&nic->count)[index];
}

static void reply(struct client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void reply(struct client *client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vdprintf(client->fd, format, args);
	va_end(args);
}

static bool number(struct client *client, int index, uint64_t otherwise, uint64_t max,
		   uint64_t *value)
{
	char *end;

	*value = otherwise;
	if (index >= client->argc && otherwise != UINT64_MAX)
		return true;
	if (index < client->argc) {
		errno = 0;
		*value = strtoull(client->argv[index], &end, 0);
		if (!errno && end != client->argv[index] && !*end && *client->argv[index] != '-' &&
		    *value <= max)
			return true;
	}
	reply(client, "failed: '%s' is not a number up to %" PRIu64 "\n",
	      index < client->argc ? client->argv[index] : "", max);
	return false;
}

static bool address(struct client *client, int index, uint8_t bytes[4])
{
	unsigned int part[4];
	char rest;

	if (index >= client->argc || sscanf(client->argv[index], "%u.%u.%u.%u%c", &part[0],
					    &part[1], &part[2], &part[3], &rest) != 4) {
		reply(client, "failed: an IP address is missing\n");
		return false;
	}
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)part[i];
	return true;
}

static int counter_named(struct client *client, const char *name)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		if (!strcmp(counters[i], name))
			return (int)i;
	reply(client, "failed: there is no counter '%s'\n", name);
	return -1;
}

static void do_status(struct client *client)
{
	static const char *const offer[] = { "held", "offered", "rescinded" };
	const struct nic *nic = client->nic;

	reply(client, "version %#x\nmtu %u\nfilter %#x\nchannels %u\nlink %d\nin_flight %u\n",
	      nic->session.version, nic->session.mtu, nic->session.filter, nic->session.channels,
	      nic->link, nic->in_flight);
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		if (counter(nic, i))
			reply(client, "%s %" PRIu64 "\n", counters[i], counter(nic, i));
	for (uint32_t i = 0; i < nic->host.channels; i++)
		reply(client, "channel %u %s %s from %" PRIu64 " to %" PRIu64 "\n", i,
		      offer[nic->host.channel[i].offered % 3],
		      nic->host.channel[i].open ? "open" : "closed", nic->channel_from[i],
		      nic->channel_to[i]);
	reply(client, "done\n");
}

static void do_expect(struct client *client)
{
	uint64_t min, max, value;
	int index = counter_named(client, client->argc > 1 ? client->argv[1] : "");

	if (index < 0 || !number(client, 2, UINT64_MAX, UINT64_MAX - 1, &min) ||
	    !number(client, 3, UINT64_MAX - 1, UINT64_MAX - 1, &max))
		return;
	value = counter(client->nic, (size_t)index);
	reply(client, "%s %" PRIu64 "\n%s\n", counters[index], value,
	      value >= min && value <= max ? "done" : "failed: it is out of bounds");
}

/* Send a request that the device may refuse. */
static void ask(struct client *client, enum frame_op op)
{
	struct frame frame = { .op = op };
	int ret = host_request(&client->nic->host, &frame, NULL, NULL, 0, 60000);

	if (ret == -EREMOTEIO) {
		reply(client, "failed: %s\n", client->nic->host.error);
		return;
	}
	must(client->nic, ret);
	reply(client, "done\n");
}

/*
 * rescind [PACKETS]: rescinds the device, now or when this number of further
 * packets of the guest have come
 */
static void do_rescind(struct client *client)
{
	uint64_t packets;

	if (!number(client, 1, 0, UINT32_MAX, &packets))
		return;
	if (!packets) {
		ask(client, FRAME_RESCIND);
		return;
	}
	client->nic->rescind_in = (int64_t)packets;
	reply(client, "done\n");
}

static void do_offer(struct client *client)
{
	ask(client, FRAME_OFFER);
}

/* vf SERIAL */
static void do_vf(struct client *client)
{
	uint64_t serial;

	if (!number(client, 1, UINT64_MAX, UINT32_MAX, &serial))
		return;
	nvsp_associate(client->nic, (uint32_t)serial);
	reply(client, "done\n");
}

static void take_switch(struct client *client, bool *value)
{
	if (client->argc != 2 ||
	    (strcmp(client->argv[1], "on") && strcmp(client->argv[1], "off"))) {
		reply(client, "failed: on or off is expected\n");
		return;
	}
	*value = !strcmp(client->argv[1], "on");
	reply(client, "done\n");
}

static void do_link(struct client *client)
{
	take_switch(client, &client->nic->link);
	rndis_indicate_link(client->nic);
}

static void do_refuse_subs(struct client *client)
{
	take_switch(client, &client->nic->refuse_subs);
}

static void do_hold_subs(struct client *client)
{
	take_switch(client, &client->nic->hold_subs);
	nvsp_offer_subs(client->nic);
}

/* bridge on|off: applies to both NICs */
static void do_bridge(struct client *client)
{
	if (!client->nic->other) {
		reply(client, "failed: a bridge needs two NICs\n");
		return;
	}
	take_switch(client, &client->nic->bridge);
	client->nic->other->bridge = client->nic->bridge;
}

static void do_newest(struct client *client)
{
	uint64_t version;

	if (!number(client, 1, UINT64_MAX, UINT32_MAX, &version))
		return;
	client->nic->newest = (uint32_t)version;
	reply(client, "done\n");
}

/*
 * generate COUNT MIN [MAX [CHANNEL [STREAM]]]: sends frames of MIN to MAX
 * bytes, one size after the other
 */
static void do_generate(struct client *client)
{
	uint64_t count, min, max, channel, stream;
	struct generator *generator;

	if (!number(client, 1, UINT64_MAX, UINT32_MAX, &count) ||
	    !number(client, 2, UINT64_MAX, MAX_MTU, &min) ||
	    !number(client, 3, min, MAX_MTU, &max) ||
	    !number(client, 4, 0, client->nic->host.channels - 1, &channel) ||
	    !number(client, 5, channel, MAX_STREAMS - 1, &stream))
		return;
	generator = &client->nic->generators[channel];
	if (generator->active || min < NUMBERED_MIN || min > max) {
		reply(client, "failed: %s\n",
		      generator->active ? "the channel has a generator" :
					  "frames have at least 30 bytes");
		return;
	}
	*generator = (struct generator){
		.active = true,
		.channel = (uint16_t)channel,
		.stream = (uint32_t)stream,
		.min = (uint32_t)min,
		.max = (uint32_t)max,
		.count = count,
	};
	reply(client, "done\n");
}

/* generated [CHANNEL] */
static void do_generated(struct client *client)
{
	const struct generator *generator;
	uint64_t channel;

	if (!number(client, 1, 0, client->nic->host.channels - 1, &channel))
		return;
	generator = &client->nic->generators[channel];
	if (generator->active)
		reply(client, "failed: %" PRIu64 " frames are sent, %u not taken\n",
		      generator->sent, client->nic->in_flight);
	else
		reply(client, "frames %" PRIu64 " misordered 0\ndone\n", generator->sent);
}

static void do_stop(struct client *client)
{
	for (int i = 0; i < HOST_MAX_CHANNELS; i++)
		client->nic->generators[i].active = false;
	reply(client, "done\n");
}

/* sink [STREAM]: prints the frames that have come; sink reset: forgets them */
static void do_sink(struct client *client)
{
	struct nic *nic = client->nic;
	uint64_t stream;

	if (client->argc > 1 && !strcmp(client->argv[1], "reset")) {
		memset(nic->streams, 0, sizeof(nic->streams));
		nic->count.numbered = 0;
	} else if (number(client, 1, 0, MAX_STREAMS - 1, &stream)) {
		reply(client, "frames %" PRIu64 " misordered %" PRIu64 "\n",
		      nic->streams[stream].frames, nic->streams[stream].misordered);
	} else {
		return;
	}
	reply(client, "done\n");
}

static void do_stats(struct client *client)
{
	struct nic *nic = client->nic;
	struct frame_stats sum = {}, stats;

	for (uint32_t i = 0; i < nic->host.channels; i++) {
		struct frame frame = { .op = FRAME_STATS, .channel = (uint16_t)i };

		must(nic, host_request(&nic->host, &frame, NULL, &stats, sizeof(stats), 60000));
		sum.interrupts += stats.interrupts;
		sum.hypercalls += stats.hypercalls;
		sum.monitor_signals += stats.monitor_signals;
	}
	reply(client,
	      "interrupts %" PRIu64 "\nhypercalls %" PRIu64 "\nmonitor-signals %" PRIu64 "\ndone\n",
	      sum.interrupts, sum.hypercalls, sum.monitor_signals);
}

/* ping ADDRESS COUNT SIZE: begins to ping the guest, one after the other */
static void do_ping(struct client *client)
{
	struct nic *nic = client->nic;
	uint64_t count, size;
	uint8_t guest[4];

	if (!address(client, 1, guest) || !number(client, 2, UINT64_MAX, UINT16_MAX, &count) ||
	    !number(client, 3, UINT64_MAX, 9000, &size))
		return;
	memset(&nic->ping, 0, sizeof(nic->ping));
	memcpy(nic->ping.address, guest, 4);
	nic->ping.count = count;
	nic->ping.size = (uint32_t)size;
	nic->count.pings_answered = 0;
	reply(client, "done\n");
}

static const struct {
	const char *name;
	void (*run)(struct client *client);
} commands[] = {
	{ "status", do_status },
	{ "stats", do_stats },
	{ "expect", do_expect },
	{ "rescind", do_rescind },
	{ "offer", do_offer },
	{ "link", do_link },
	{ "vf", do_vf },
	{ "refuse-subs", do_refuse_subs },
	{ "hold-subs", do_hold_subs },
	{ "bridge", do_bridge },
	{ "newest", do_newest },
	{ "generate", do_generate },
	{ "generated", do_generated },
	{ "stop", do_stop },
	{ "sink", do_sink },
	{ "ping", do_ping },
};

static void run(struct client *client)
{
	for (size_t i = 0; client->argc && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, client->argv[0])) {
			commands[i].run(client);
			return;
		}
	}
	reply(client, "failed: there is no command '%s'\n", client->argc ? client->argv[0] : "");
}

/* Read a line, which control_tell() sends at once, and run its command. */
static void serve(struct client *client, struct nic *nics, int count)
{
	char line[MAX_LINE + 1], *word, *save = NULL;
	ssize_t len = recv(client->fd, line, MAX_LINE, 0);
	unsigned long index = 0;

	if (len <= 0)
		return;
	line[len] = 0;
	for (word = strtok_r(line, " \r\n", &save); word && client->argc < MAX_WORDS;
	     word = strtok_r(NULL, " \r\n", &save))
		client->argv[client->argc++] = word;
	/* A number before the command chooses the NIC. */
	if (client->argc > 1 && *client->argv[0] >= '0' && *client->argv[0] <= '9') {
		index = strtoul(client->argv[0], NULL, 10);
		client->argc--;
		memmove(client->argv, client->argv + 1,
			(size_t)client->argc * sizeof(client->argv[0]));
	}
	if (index >= (unsigned long)count) {
		reply(client, "failed: there is no NIC %lu\n", index);
		return;
	}
	client->nic = &nics[index];
	run(client);
}

void control_work(int listener, struct nic *nics, int count)
{
	struct client client = { .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC) };

	if (client.fd < 0)
		return;
	serve(&client, nics, count);
	close(client.fd);
}

static bool unix_address(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path)) {
		fprintf(stderr, "vmbus-nic: %s: the name of a socket is too long\n", path);
		return false;
	}
	memcpy(address->sun_path, path, strlen(path) + 1);
	return true;
}

/* Returns a listening socket, or -1 after a message. */
int control_listen(const char *path)
{
	struct sockaddr_un at;
	int fd;

	if (!unix_address(path, &at))
		return -1;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 16)) {
		perror(path);
		return -1;
	}
	return fd;
}

/*
 * Send a command to a running program, and print the answer. Returns the exit
 * status.
 */
int control_tell(const char *path, char **words)
{
	struct sockaddr_un at;
	char line[MAX_LINE] = "";
	int fd, status = 1;
	FILE *stream;

	if (!unix_address(path, &at))
		return 2;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		perror(path);
		return 2;
	}
	for (size_t len = 0; *words && len < sizeof(line); words++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s ", *words);
	dprintf(fd, "%s\n", line);
	stream = fdopen(fd, "r");
	while (stream && fgets(line, sizeof(line), stream)) {
		if (!strcmp(line, "done\n"))
			status = 0;
		else
			fputs(line, stdout);
	}
	return status;
}
