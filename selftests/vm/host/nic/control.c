// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands for a running program come over a socket. Each is one line, and
 * its answer ends with "done" or "failed". A command that waits keeps its
 * connection until then.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nic.h"

#define MAX_CLIENTS 16
#define MAX_WORDS   8
#define MAX_LINE    512
/*
 * A command that waits for the guest gives up after this number of seconds,
 * unless it names a limit.
 */
#define PATIENCE 120

struct client {
	int fd;
	size_t len;
	char line[MAX_LINE];
	/*
	 * If the command waits: returns whether it is done. The members below
	 * say what it waits for.
	 */
	bool (*done)(struct client *client);
	/*
	 * Cancels the command when it gives up, or its caller has disconnected;
	 * may be NULL.
	 */
	void (*abandon)(struct client *client);
	struct nic *nic;
	int64_t deadline;
	size_t counter;
	uint64_t wanted;
	uint32_t channel;
	int argc;
	char *argv[MAX_WORDS];
};

static struct client clients[MAX_CLIENTS];
static int client_count;

static const struct {
	const char *name;
	size_t offset;
} counters[] = {
#define COUNTER(name) { #name, offsetof(struct counters, name) },
	COUNTERS(COUNTER)
#undef COUNTER
};

#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter(const struct nic *nic, size_t index)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)&nic->count + counters[index].offset, sizeof(value));
	return value;
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

/*
 * Let the command wait until @done, at most for the number of seconds that the
 * word @index names.
 */
static bool wait_until(struct client *client, bool (*done)(struct client *client), int index)
{
	uint64_t seconds;

	if (!number(client, index, PATIENCE, 86400, &seconds))
		return false;
	client->deadline = host_now() + (int64_t)seconds * 1000;
	client->done = done;
	return true;
}

static int counter_named(struct client *client, const char *name)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		if (!strcmp(counters[i].name, name))
			return (int)i;
	reply(client, "failed: there is no counter '%s'\n", name);
	return -1;
}

/*
 * The function of a command returns true when the command is done. If it
 * returns false, client->done() says when it is.
 */

static bool do_status(struct client *client)
{
	const struct nic *nic = client->nic;

	reply(client, "version %#x\nmtu %u\nfilter %#x\nchannels %u\nlink %d\nin_flight %u\n",
	      nic->session.version, nic->session.mtu, nic->session.filter, nic->session.channels,
	      nic->link, nic->in_flight);
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		if (counter(nic, i))
			reply(client, "%s %" PRIu64 "\n", counters[i].name, counter(nic, i));
	for (uint32_t i = 0; i < nic->host.channels; i++)
		reply(client, "channel %u %s from %" PRIu64 " to %" PRIu64 "\n", i,
		      nic->host.channel[i].open ? "open" : "closed", nic->channel_from[i],
		      nic->channel_to[i]);
	reply(client, "done\n");
	return true;
}

static bool do_expect(struct client *client)
{
	uint64_t min, max, value;
	int index = counter_named(client, client->argc > 1 ? client->argv[1] : "");

	if (index < 0 || !number(client, 2, UINT64_MAX, UINT64_MAX - 1, &min) ||
	    !number(client, 3, UINT64_MAX - 1, UINT64_MAX - 1, &max))
		return true;
	value = counter(client->nic, (size_t)index);
	reply(client, "%s %" PRIu64 "\n%s\n", counters[index].name, value,
	      value >= min && value <= max ? "done" : "failed: it is out of bounds");
	return true;
}

static bool counted(struct client *client)
{
	uint64_t value = counter(client->nic, client->counter);

	if (value < client->wanted)
		return false;
	reply(client, "%s %" PRIu64 "\ndone\n", counters[client->counter].name, value);
	return true;
}

/* wait COUNTER MIN [SECONDS] */
static bool do_wait(struct client *client)
{
	int index = counter_named(client, client->argc > 1 ? client->argv[1] : "");

	if (index < 0 || !number(client, 2, UINT64_MAX, UINT64_MAX - 1, &client->wanted))
		return true;
	client->counter = (size_t)index;
	return !wait_until(client, counted, 3);
}

static bool opened(struct client *client)
{
	if (client->channel != (uint32_t)client->nic->host.channel[client->wanted].open)
		return false;
	reply(client, "done\n");
	return true;
}

/* wait-open, wait-close [CHANNEL [SECONDS]] */
static bool do_wait_open(struct client *client)
{
	if (!number(client, 1, 0, client->nic->host.channels - 1, &client->wanted))
		return true;
	client->channel = !strcmp(client->argv[0], "wait-open");
	return !wait_until(client, opened, 2);
}

static bool released(struct client *client)
{
	if (client->nic->host.channel[0].offered != FRAME_IS_HELD)
		return false;
	reply(client, "done\n");
	return true;
}

static bool offered(struct client *client)
{
	if (client->nic->host.channel[0].offered != FRAME_IS_OFFERED)
		return false;
	reply(client, "done\n");
	return true;
}

/* Send a request that the device may refuse. Returns whether it accepts. */
static bool ask(struct client *client, enum frame_op op)
{
	struct frame frame = { .op = op };
	int ret = host_request(&client->nic->host, &frame, NULL, NULL, 0, NULL, 60000);

	if (ret != -EREMOTEIO) {
		must(client->nic, ret);
		return true;
	}
	reply(client, "failed: %s\n", client->nic->host.error);
	return false;
}

static void abandon_rescind(struct client *client)
{
	client->nic->rescind_in = -1;
}

/*
 * rescind [PACKETS [SECONDS]]: rescinds the device, now or when this number of
 * further packets of the guest have come, and waits until the guest has
 * released it. A command that has given up rescinds nothing later.
 */
static bool do_rescind(struct client *client)
{
	uint64_t packets;

	/* FRAME_IS_HELD is also the state before the first offer. */
	if (!number(client, 1, 0, UINT32_MAX, &packets) || !wait_until(client, released, 2))
		return true;
	if (packets) {
		client->nic->rescind_in = (int64_t)packets;
		client->abandon = abandon_rescind;
		return false;
	}
	return !ask(client, FRAME_RESCIND);
}

/* offer [SECONDS] */
static bool do_offer(struct client *client)
{
	return !wait_until(client, offered, 1) || !ask(client, FRAME_OFFER);
}

static bool do_link(struct client *client)
{
	bool up = client->argc > 1 && !strcmp(client->argv[1], "up");

	if (!up && (client->argc < 2 || strcmp(client->argv[1], "down"))) {
		reply(client, "failed: up or down is expected\n");
		return true;
	}
	client->nic->link = up;
	rndis_indicate_link(client->nic);
	reply(client, "done\n");
	return true;
}

/* vf SERIAL */
static bool do_vf(struct client *client)
{
	uint64_t serial;

	if (!number(client, 1, UINT64_MAX, UINT32_MAX, &serial))
		return true;
	nvsp_associate(client->nic, (uint32_t)serial);
	reply(client, "done\n");
	return true;
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

static bool do_echo(struct client *client)
{
	take_switch(client, &client->nic->echo);
	return true;
}

static bool do_refuse_subs(struct client *client)
{
	take_switch(client, &client->nic->refuse_subs);
	return true;
}

static bool do_hold_subs(struct client *client)
{
	take_switch(client, &client->nic->hold_subs);
	nvsp_offer_subs(client->nic);
	return true;
}

/* bridge on|off: applies to both NICs */
static bool do_bridge(struct client *client)
{
	if (!client->nic->other) {
		reply(client, "failed: a bridge needs two NICs\n");
		return true;
	}
	take_switch(client, &client->nic->bridge);
	client->nic->other->bridge = client->nic->bridge;
	return true;
}

static bool do_newest(struct client *client)
{
	uint64_t version;

	if (number(client, 1, UINT64_MAX, UINT32_MAX, &version)) {
		client->nic->newest = (uint32_t)version;
		reply(client, "done\n");
	}
	return true;
}

static bool do_ranges(struct client *client)
{
	uint64_t ranges;

	if (!number(client, 1, UINT64_MAX, MAX_RANGES, &ranges))
		return true;
	client->nic->ranges = ranges ? (uint32_t)ranges : 1;
	reply(client, "done\n");
	return true;
}

static bool do_address(struct client *client)
{
	if (address(client, 1, client->nic->peer_address))
		reply(client, "done\n");
	return true;
}

static bool generated(struct client *client)
{
	struct generator *generator = &client->nic->generators[client->channel];

	/*
	 * The guest has completed all frames, or the command 'stop' has ended
	 * the generator.
	 */
	if (generator->active && (generator->sent < generator->count || client->nic->frames.count ||
				  client->nic->in_flight))
		return false;
	generator->active = false;
	generator->ended_us = now_us();
	reply(client, "frames %" PRIu64 " digest %016" PRIx64 "\ndone\n", generator->sent,
	      generator->digest);
	return true;
}

/*
 * generate COUNT MIN [MAX [CHANNEL [STREAM]]]: sends frames of MIN to MAX
 * bytes, one size after the other
 */
static bool do_generate(struct client *client)
{
	uint64_t count, min, max, channel, stream;
	struct generator *generator;

	if (!number(client, 1, UINT64_MAX, UINT32_MAX, &count) ||
	    !number(client, 2, UINT64_MAX, MAX_MTU, &min) ||
	    !number(client, 3, min, MAX_MTU, &max) ||
	    !number(client, 4, 0, client->nic->host.channels - 1, &channel) ||
	    !number(client, 5, channel, MAX_STREAMS - 1, &stream))
		return true;
	generator = &client->nic->generators[channel];
	if (generator->active || min < NUMBERED_MIN || min > max) {
		reply(client, "failed: %s\n",
		      generator->active ? "the channel has a generator" :
					  "frames have at least 30 bytes");
		return true;
	}
	*generator = (struct generator){
		.active = true,
		.channel = (uint16_t)channel,
		.stream = (uint32_t)stream,
		.min = (uint32_t)min,
		.max = (uint32_t)max,
		.count = count,
		.began_us = now_us(),
	};
	client->channel = (uint32_t)channel;
	client->done = generated;
	return false;
}

static bool do_stop(struct client *client)
{
	for (int i = 0; i < HOST_MAX_CHANNELS; i++)
		client->nic->generators[i].active = false;
	reply(client, "done\n");
	return true;
}

/* sink [STREAM]: prints the frames that have come; sink reset: forgets them */
static bool do_sink(struct client *client)
{
	struct nic *nic = client->nic;
	uint64_t stream;

	if (client->argc > 1 && !strcmp(client->argv[1], "reset")) {
		memset(nic->streams, 0, sizeof(nic->streams));
		nic->count.numbered = 0;
		nic->count.misordered = 0;
	} else if (number(client, 1, 0, MAX_STREAMS - 1, &stream)) {
		reply(client, "frames %" PRIu64 " digest %016" PRIx64 "\n",
		      nic->streams[stream].frames, nic->streams[stream].digest);
	} else {
		return true;
	}
	reply(client, "done\n");
	return true;
}

static bool do_rates(struct client *client)
{
	const struct nic *nic = client->nic;

	for (int i = 0; i < HOST_MAX_CHANNELS; i++)
		if (nic->generators[i].ended_us)
			reply(client, "generated %d %" PRIu64 " %" PRId64 "\n", i,
			      nic->generators[i].sent,
			      nic->generators[i].ended_us - nic->generators[i].began_us);
	for (int i = 0; i < MAX_STREAMS; i++)
		if (nic->streams[i].frames)
			reply(client, "arrived %d %" PRIu64 " %" PRId64 "\n", i,
			      nic->streams[i].frames,
			      nic->streams[i].last_us - nic->streams[i].first_us);
	reply(client, "done\n");
	return true;
}

static bool do_stats(struct client *client)
{
	struct nic *nic = client->nic;
	struct frame_stats sum = {}, stats;

	for (uint32_t i = 0; i < nic->host.channels; i++) {
		struct frame frame = { .op = FRAME_STATS, .channel = (uint16_t)i };
		size_t len = 0;
		int ret =
			host_request(&nic->host, &frame, NULL, &stats, sizeof(stats), &len, 60000);

		if (ret || len != sizeof(stats)) {
			reply(client, "failed: channel %u: %s\n", i,
			      ret ? nic->host.error : "statistics of another size");
			return true;
		}
		sum.interrupts += stats.interrupts;
		sum.hypercalls += stats.hypercalls;
		sum.monitor_signals += stats.monitor_signals;
	}
	reply(client,
	      "interrupts %" PRIu64 "\nhypercalls %" PRIu64 "\nmonitor-signals %" PRIu64 "\ndone\n",
	      sum.interrupts, sum.hypercalls, sum.monitor_signals);
	return true;
}

static bool pinged(struct client *client)
{
	if (peer_pings(client->nic))
		return false;
	client->nic->ping.count = 0;
	client->nic->ping.sent = 0;
	reply(client, "done\n");
	return true;
}

static void abandon_ping(struct client *client)
{
	memset(&client->nic->ping, 0, sizeof(client->nic->ping));
}

/* ping ADDRESS COUNT [SIZE [SECONDS]]: pings the guest, one after the other */
static bool do_ping(struct client *client)
{
	struct nic *nic = client->nic;
	uint64_t count, size;
	uint8_t guest[4];

	if (!address(client, 1, guest) || !number(client, 2, UINT64_MAX, UINT16_MAX, &count) ||
	    !number(client, 3, 56, 9000, &size))
		return true;
	if (peer_pings(nic)) {
		reply(client, "failed: a ping is under way\n");
		return true;
	}
	if (!wait_until(client, pinged, 4))
		return true;
	memset(&nic->ping, 0, sizeof(nic->ping));
	memcpy(nic->ping.address, guest, 4);
	nic->ping.count = count;
	nic->ping.size = (uint32_t)size;
	client->abandon = abandon_ping;
	return false;
}

/* capture FILE [BYTES], capture off */
static bool do_capture(struct client *client)
{
	uint64_t limit;
	int ret;

	if (client->argc > 1 && !strcmp(client->argv[1], "off")) {
		capture_stop();
		reply(client, "frames %" PRIu64 "\ndone\n", capture_count());
	} else if (client->argc > 1 && number(client, 2, MAX_FRAME, MAX_FRAME, &limit)) {
		ret = capture_start(client->argv[1], (uint32_t)limit);
		if (ret)
			reply(client, "failed: %s: %s\n", client->argv[1], strerror(-ret));
		else
			reply(client, "done\n");
	} else if (client->argc < 2) {
		reply(client, "failed: a file is missing\n");
	}
	return true;
}

static bool do_quit(struct client *client)
{
	reply(client, "done\n");
	exit(client->nic->count.complaints ? 1 : 0);
}

static const struct {
	const char *name;
	bool (*run)(struct client *client);
} commands[] = {
	{ "status", do_status },
	{ "rates", do_rates },
	{ "stats", do_stats },
	{ "expect", do_expect },
	{ "wait", do_wait },
	{ "wait-open", do_wait_open },
	{ "wait-close", do_wait_open },
	{ "rescind", do_rescind },
	{ "offer", do_offer },
	{ "link", do_link },
	{ "vf", do_vf },
	{ "echo", do_echo },
	{ "refuse-subs", do_refuse_subs },
	{ "hold-subs", do_hold_subs },
	{ "bridge", do_bridge },
	{ "newest", do_newest },
	{ "ranges", do_ranges },
	{ "address", do_address },
	{ "generate", do_generate },
	{ "stop", do_stop },
	{ "sink", do_sink },
	{ "ping", do_ping },
	{ "capture", do_capture },
	{ "quit", do_quit },
};

static bool run(struct client *client)
{
	for (size_t i = 0; client->argc && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, client->argv[0]))
			return commands[i].run(client);
	reply(client, "failed: there is no command '%s'\n", client->argc ? client->argv[0] : "");
	return true;
}

static void hang_up(int index)
{
	close(clients[index].fd);
	/*
	 * The other clients keep their order. The pointers in argv become
	 * stale, but a client that waits no longer uses them.
	 */
	client_count--;
	memmove(&clients[index], &clients[index + 1],
		(size_t)(client_count - index) * sizeof(clients[0]));
}

/*
 * Read the rest of a line, and run its command. Returns whether the connection
 * is over.
 */
static bool read_command(struct client *client, struct nic *nics, int count)
{
	char *word, *save = NULL;
	unsigned long index = 0;
	ssize_t n = read(client->fd, client->line + client->len,
			 sizeof(client->line) - 1 - client->len);

	if (n <= 0)
		return n == 0 || (errno != EAGAIN && errno != EINTR);
	client->len += (size_t)n;
	client->line[client->len] = 0;
	if (!strchr(client->line, '\n'))
		return client->len == sizeof(client->line) - 1;
	client->deadline = INT64_MAX;
	for (word = strtok_r(client->line, " \r\n", &save); word && client->argc < MAX_WORDS;
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
		return true;
	}
	client->nic = &nics[index];
	say(client->nic, "command %s %s %s", client->argv[0],
	    client->argc > 1 ? client->argv[1] : "", client->argc > 2 ? client->argv[2] : "");
	return run(client);
}

int control_poll(int listener, struct nic *nics, int count, struct pollfd *fds, int room)
{
	int n = 0;

	fds[n++] = (struct pollfd){ .fd = listener, .events = POLLIN };
	for (int i = 0; i < client_count && n < room; i++)
		fds[n++] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
	return n;
}

/*
 * Returns whether a command that waits has to give up, because its time is over
 * or its caller has disconnected.
 */
static bool give_up(struct client *client)
{
	char byte;

	if (host_now() >= client->deadline)
		reply(client, "failed: the time is over\n");
	else if (recv(client->fd, &byte, 1, MSG_DONTWAIT))
		return false;
	if (client->abandon)
		client->abandon(client);
	return true;
}

/* Take commands, and end the waiting ones that are done or give up. */
void control_work(int listener, struct nic *nics, int count)
{
	int fd;

	while (client_count < MAX_CLIENTS &&
	       (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		clients[client_count++] = (struct client){ .fd = fd };
	for (int i = 0; i < client_count;) {
		struct client *client = &clients[i];
		bool over;

		if (!client->done) {
			over = read_command(client, nics, count);
		} else {
			over = client->done(client) || give_up(client);
		}
		if (over)
			hang_up(i);
		else
			i++;
	}
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
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, MAX_CLIENTS)) {
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
	char line[1024];
	int fd, status = 1;
	FILE *stream;

	if (!unix_address(path, &at))
		return 2;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		perror(path);
		return 2;
	}
	for (; *words; words++)
		dprintf(fd, "%s%s", *words, words[1] ? " " : "\n");
	stream = fdopen(fd, "r");
	while (stream && fgets(line, sizeof(line), stream)) {
		if (!strcmp(line, "done\n"))
			status = 0;
		else
			fputs(line, stdout);
	}
	return status;
}
