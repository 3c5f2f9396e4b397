// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A driver for Hyper-V's synthetic NIC in user space. It answers ARP and ping,
 * or sends every frame back, or forwards frames between two NICs, or only
 * counts.
 *
 *	netvsc --echo=192.0.2.2 [ID]	the NIC with that instance GUID
 *	netvsc --forward ID ID		two NICs
 *
 * The NIC must be bound to uio_hv_generic: 'vmbusctl bind ID' does that.
 *
 * main.c has the event loop, the modes of the program, and the options. nic.c
 * starts and stops a NIC. data.c sends and receives. protocol.h describes what
 * the host understands. One thread serves all channels, so nothing needs a
 * lock.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for ppoll() */
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "nic.h"

#define EXIT_USAGE     2
#define EXIT_RESCINDED 3

volatile sig_atomic_t stop_requested;

int report(const struct nic *nic, int err, const char *fmt, ...)
{
	FILE *to = err ? stderr : stdout;
	va_list args;

	va_start(args, fmt);
	fprintf(to, err ? "netvsc: nic %u (%s): " : "nic %u: ", nic->index, nic->name);
	vfprintf(to, fmt, args);
	fputc('\n', to);
	va_end(args);
	return err;
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* The event loop */

int channel_failed(struct channel *ch, int err)
{
	if (ch->nic->lost)
		return err;
	ch->nic->lost = true;
	if (err == -ENODEV)
		return report(ch->nic, err, "the host took the device away");
	if (err == -EIO || err == -EPROTO)
		return report(ch->nic, err, "channel %u: the host broke the ring", ch->index);
	return report(ch->nic, err, "channel %u: %s", ch->index, strerror(-err));
}

/*
 * Take interrupts and signals, and wait up to @timeout_ms for the first one
 * (-1: forever).
 */
static int take_events(struct app *app, int64_t timeout_ms)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
	struct pollfd fds[NICS_MAX * CHANNELS_MAX];
	struct channel *channels[NICS_MAX * CHANNELS_MAX];
	unsigned int count = 0;
	sigset_t none;
	int err;

	for_each_nic(app, nic) {
		for_each_channel(nic, ch) {
			if (nic->lost)
				continue;
			fds[count] = (struct pollfd){ .fd = vmbus_fd(ch->chan), .events = POLLIN };
			channels[count++] = ch;
		}
	}
	sigemptyset(&none);
	if (ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, &none) < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned int i = 0; i < count; i++) {
		err = fds[i].revents ? vmbus_ack(channels[i]->chan) : 0;
		if (err && err != -EAGAIN)
			return channel_failed(channels[i], err);
	}
	return 0;
}

/*
 * Ask for an interrupt for the next packet, or for room in a ring that was
 * full, and sleep.
 */
static int sleep_until(struct app *app, int64_t deadline)
{
	const int64_t left = deadline - now_ms();

	for_each_nic(app, nic) {
		for_each_channel(nic, ch) {
			const unsigned int room = ch->blocked ? VMBUS_WAIT_SEND : 0;
			int ready = nic->lost ? 0 : vmbus_arm(ch->chan, VMBUS_WAIT_RECV | room);

			ch->blocked = false;
			if (ready)
				return ready < 0 ? channel_failed(ch, ready) : 0;
		}
	}
	return take_events(app, deadline < 0 ? -1 : left < 0 ? 0 : left);
}

int turn(struct app *app, int64_t deadline)
{
	int work = 0, n;

	for_each_nic(app, nic) {
		for_each_channel(nic, ch) {
			n = nic->lost ? 0 : receive_packets(ch);
			if (n < 0)
				return channel_failed(ch, n);
			work += n;
		}
	}
	for_each_nic(app, nic) {
		n = nic->lost ? 0 : serve_held(nic);
		if (n < 0)
			return n;
		work += n;
	}
	/* Signal the host once for everything that this turn has queued. */
	for_each_nic(app, nic) {
		for_each_channel(nic, ch) {
			n = nic->lost ? 0 : vmbus_flush(ch->chan);
			if (n)
				return channel_failed(ch, n);
		}
	}
	if (deadline >= 0 && now_ms() >= deadline)
		return -ETIMEDOUT;
	if (!work && !app->poll)
		return sleep_until(app, deadline);
	return ++app->turns % 256 ? 0 : take_events(app, 0);
}

static void add_channel(struct nic *nic, struct vmbus_chan *chan)
{
	struct channel *ch = &nic->channels[nic->channel_count];

	*ch = (struct channel){ .nic = nic, .index = nic->channel_count++, .chan = chan };
}

/* The modes of the program */

/* Turn an ARP request for our address into its answer. */
static bool answer_arp(const struct nic *nic, unsigned char *arp, uint32_t len)
{
	static const unsigned char request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	if (len < 28 || memcmp(arp, request, sizeof(request)) || memcmp(arp + 24, nic->app->ip, 4))
		return false;
	arp[7] = 2;
	memcpy(arp + 18, arp + 8, 10);
	memcpy(arp + 8, nic->mac, 6);
	memcpy(arp + 14, nic->app->ip, 4);
	return true;
}

/*
 * Turn an echo request to our address into its answer. Fragments get no answer.
 * The IP checksum stays the same, because it does not depend on the order of
 * the addresses. The ICMP checksum changes by as much as the type does, so a
 * wrong checksum stays wrong.
 */
static bool answer_ping(const struct nic *nic, unsigned char *ip, uint32_t len)
{
	const uint32_t header = (ip[0] & 15) * 4, total = ip[2] << 8 | ip[3];
	unsigned char *icmp = ip + header;
	uint32_t sum;

	if (len < 20 || ip[0] >> 4 != 4 || header < 20 || total < header + 8 || total > len ||
	    ((ip[6] << 8 | ip[7]) & 0x3fff) || ip[9] != 1 || memcmp(ip + 16, nic->app->ip, 4) ||
	    icmp[0] != 8 || icmp[1])
		return false;
	icmp[0] = 0;
	sum = (icmp[2] << 8 | icmp[3]) + 0x800;
	sum += sum >> 16;
	icmp[2] = sum >> 8;
	icmp[3] = sum;
	memcpy(ip + 16, ip + 12, 4);
	memcpy(ip + 12, nic->app->ip, 4);
	return true;
}

/*
 * Check and answer a copy of the frame, because the host may change the frame
 * meanwhile.
 */
static int echo(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan)
{
	unsigned char copy[ETH_HEADER + VLAN_TAG + MTU + 20] = { 0 }, *data = copy + ETH_HEADER;
	const struct nic *nic = ch->nic;
	bool answer = false;

	copy_shared(copy, frame, len);
	if (copy[12] == 8 && copy[13] == 6)
		answer = answer_arp(nic, data, len - ETH_HEADER);
	else if (copy[12] == 8 && copy[13] == 0 && !memcmp(copy, nic->mac, 6))
		answer = answer_ping(nic, data, len - ETH_HEADER);
	memcpy(copy, nic->mac, 6);
	return answer ? transmit(ch, ch, copy, len, vlan, true) : 0;
}

int deliver(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan)
{
	struct app *app = ch->nic->app;
	struct nic *to = &app->nics[app->nic_count - 1 - ch->nic->index];

	if (app->mode == MODE_ECHO)
		return echo(ch, frame, len, vlan);
	if (app->mode == MODE_FORWARD)
		return transmit(&to->channels[ch->index % to->channel_count], ch, frame, len, vlan,
				to == ch->nic);
	return 0;
}

/* The devices */

/*
 * Allocate one huge page, because it does not move in the guest's memory, and
 * find the numbers of the guest's pages in it.
 */
static int get_pages(struct nic *nic)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_HUGETLB |
			  PAGES_SIZE_LOG2 << MAP_HUGE_SHIFT;
	const size_t count = PAGES_SIZE / GUEST_PAGE;
	struct vmbus_pagemap *pagemap = NULL;
	struct pool *pool = &nic->pool;
	void *memory = mmap(NULL, PAGES_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
	int err;

	if (memory == MAP_FAILED)
		return report(nic, -errno,
			      "no huge page: %s (see /sys/kernel/mm/hugepages/hugepages-2048kB)",
			      strerror(errno));
	memset(memory, 0, PAGES_SIZE);
	pool->pages = calloc(count, sizeof(*pool->pages));
	err = pool->pages ? vmbus_pagemap_open(&pagemap) : -ENOMEM;
	if (!err)
		err = vmbus_gpa_pages(pagemap, memory, PAGES_SIZE, pool->pages, count);
	vmbus_pagemap_close(pagemap);
	if (err < 0)
		return report(nic, err, "cannot read page numbers, which needs CAP_SYS_ADMIN: %s",
			      strerror(-err));
	return pool_init(pool, memory, PAGES_SIZE, PAGES_SLOT);
}

/*
 * Open the sub-channels. The host offers them, and the kernel opens them, while
 * this function waits.
 */
int open_subchannels(struct nic *nic, unsigned int count)
{
	const struct vmbus_open_options options = {
		.struct_size = sizeof(options),
		.flags = nic->app->poll ? VMBUS_OPEN_POLL : 0,
	};
	struct vmbus_chan *primary = nic->channels[0].chan, *chan;
	const int64_t deadline = now_ms() + TIMEOUT_MS;
	struct vmbus_subchannel list[CHANNELS_MAX];
	int found, err;

	/* The host may send messages meanwhile. */
	do {
		err = stop_requested ? -EINTR : turn(nic->app, now_ms());
		if (err && err != -ETIMEDOUT)
			return err;
		found = vmbus_subchannels(primary, list, CHANNELS_MAX);
		if (found >= 0 && (unsigned int)found < count)
			poll(NULL, 0, 5);
	} while (found >= 0 && (unsigned int)found < count && now_ms() < deadline);
	if (found < 0)
		return report(nic, found, "%s", vmbus_error());
	if ((unsigned int)found != count)
		return report(nic, -EPROTO, "the host offers %d sub-channels instead of %u", found,
			      count);
	for (unsigned int i = 0; i < count; i++) {
		if (list[i].index != i + 1)
			return report(nic, -EPROTO, "a sub-channel has the index %u",
				      list[i].index);
		err = vmbus_open_subchannel(primary, list[i].relid, &options, &chan);
		if (err)
			return report(nic, err, "%s", vmbus_error());
		add_channel(nic, chan);
	}
	return 0;
}

static int nic_open(struct app *app, const char *id)
{
	const struct vmbus_open_options options = {
		.struct_size = sizeof(options),
		.flags = app->poll ? VMBUS_OPEN_POLL : 0,
	};
	struct nic *nic = &app->nics[app->nic_count];
	struct vmbus_chan *chan;
	const char *class;
	int err;

	*nic = (struct nic){ .app = app, .index = app->nic_count++, .name = id };
	nic->held = calloc(HELD_MAX, sizeof(*nic->held));
	if (!nic->held)
		return report(nic, -ENOMEM, "out of memory");
	err = vmbus_open(id, &options, &chan);
	if (err)
		return report(nic, err, "%s", vmbus_error());
	add_channel(nic, chan);
	class = vmbus_info(chan)->device->class_name;
	if (!class || strcmp(class, "nic"))
		return report(nic, -EINVAL, "the device is not a NIC");
	report(nic, 0, "device %s", vmbus_info(chan)->device->instance);
	err = vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, NULL, &nic->recv);
	if (!err)
		err = vmbus_map_buffer(chan, VMBUS_BUFFER_SEND, NULL, &nic->send);
	if (err)
		return report(nic, err, "%s", vmbus_error());
	return app->pages ? get_pages(nic) : 0;
}

static void nic_close(struct nic *nic)
{
	for_each_channel(nic, ch) {
		const struct stats *stats = &ch->stats;

		printf("statistics nic=%u channel=%u rx_frames=%lu tx_frames=%lu tx_dropped=%lu "
		       "tx_failed=%lu bad=%lu\n",
		       nic->index, ch->index, stats->rx_frames, stats->tx_frames, stats->tx_dropped,
		       stats->tx_failed, stats->bad);
	}
	/*
	 * Close the primary last, because the kernel closes the others with it.
	 */
	while (nic->channel_count)
		vmbus_close(nic->channels[--nic->channel_count].chan);
	free(nic->held);
	free(nic->pool.slots);
	free(nic->pool.free);
	free(nic->pool.pages);
}

/* The program */

static void request_stop(int number)
{
	(void)number;
	stop_requested = 1;
}

/*
 * Block signals except in take_events(), so that none is lost before it sleeps.
 */
static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = request_stop };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/*
 * Start the NICs, serve them until something ends that, and stop and close
 * them.
 */
static int app_run(struct app *app, int err)
{
	int stopped;

	catch_signals();
	for (unsigned int i = 0; i < app->nic_count && !err; i++)
		err = nic_start(&app->nics[i]);
	while (!err && !stop_requested)
		err = turn(app, -1);
	if (err == -EINTR)
		err = 0;
	for_each_nic(app, nic) {
		stopped = nic_stop(nic);
		err = err ? err : stopped;
	}
	for_each_nic(app, nic)
		nic_close(nic);
	return err;
}

static const char usage[] =
	"Usage: netvsc [OPTION]... [ID [ID]]\n"
	"Drive a synthetic NIC of Hyper-V that is bound to uio_hv_generic. ID is its\n"
	"instance GUID; it may be left out where there is one NIC.\n"
	"\n"
	"      --echo=ADDRESS    answer ARP and ping for this IPv4 address\n"
	"      --forward         send every frame back with its MAC addresses exchanged, or\n"
	"                        with two NICs every frame of one unchanged to the other\n"
	"                        (without --echo and --forward, frames are only counted)\n"
	"      --channels=N      use up to N channels, 1 to 16 (1)\n"
	"      --poll            never sleep and take no interrupts\n"
	"      --send=WAY        messages to the host lie in sections of the send buffer\n"
	"                        (sections, the default), or in a huge page of 2 MiB, which\n"
	"                        takes CAP_SYS_ADMIN (pages)\n"
	"      --help\n"
	"\n"
	"SIGINT and SIGTERM stop the NIC. Exit status: 0, 1 after a failure, 2 for wrong\n"
	"usage, 3 if the host took the device away.\n";

/*
 * Read the options into @app. Return -1, or the exit status if the program has
 * nothing more to do.
 */
static int parse_options(int argc, char **argv, struct app *app)
{
	static const struct option options[] = {
		{ "echo", required_argument, NULL, 'e' },
		{ "forward", no_argument, NULL, 'f' },
		{ "channels", required_argument, NULL, 'c' },
		{ "poll", no_argument, NULL, 'p' },
		{ "send", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	unsigned long channels;
	bool bad = false;
	char *end;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'e':
			bad |= app->mode || inet_pton(AF_INET, optarg, app->ip) != 1;
			app->mode = MODE_ECHO;
			break;
		case 'f':
			bad |= app->mode != MODE_COUNT;
			app->mode = MODE_FORWARD;
			break;
		case 'c':
			channels = strtoul(optarg, &end, 10);
			bad |= *end || channels < 1 || channels > CHANNELS_MAX;
			app->channels = channels;
			break;
		case 'p':
			app->poll = true;
			break;
		case 's':
			app->pages = !strcmp(optarg, "pages");
			bad |= !app->pages && strcmp(optarg, "sections");
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			bad = true;
		}
	}
	if (!bad && argc - optind <= (int)NICS_MAX &&
	    (argc - optind <= 1 || app->mode == MODE_FORWARD))
		return -1;
	fputs(usage, stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static struct app app = { .channels = 1 };
	static char only[] = "nic", *default_ids[] = { only };
	int status, err = 0;
	bool opened;

	setvbuf(stdout, NULL, _IOLBF, 0);
	status = parse_options(argc, argv, &app);
	if (status >= 0)
		return status;
	argc -= optind;
	argv += optind;
	/*
	 * After this, a rescind during an access to a ring or a buffer is an
	 * error and not a SIGBUS.
	 */
	if (vmbus_guard()) {
		fprintf(stderr, "netvsc: %s\n", vmbus_error());
		return EXIT_FAILURE;
	}
	if (!argc) {
		argc = 1;
		argv = default_ids;
	}
	for (int i = 0; i < argc && !err; i++)
		err = nic_open(&app, argv[i]);
	/*
	 * If the device was missing at the start, the host has not rescinded
	 * it.
	 */
	opened = !err;
	err = app_run(&app, err);
	return err == -ENODEV && opened ? EXIT_RESCINDED : err ? EXIT_FAILURE : EXIT_SUCCESS;
}
