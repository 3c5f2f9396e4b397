// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A driver for Hyper-V's synthetic NIC in user space. It answers ARP and ping,
 * or sends every frame back, or forwards frames between two NICs, or only
 * counts.
 *
 *	netvsc --echo=192.0.2.2 [ID]	the NIC with that instance GUID
 *	netvsc --forward ID ID		two NICs
 *	netvsc --demo			no NIC: on memory, with a host in a child
 *
 * The NIC must be bound to uio_hv_generic; 'vmbus-bind' does that.
 *
 * nic.c starts and stops a NIC. data.c sends and receives. frames.c does what
 * the program is for. protocol.h describes what the host understands. This file
 * has the loop and the program around it. demo.c and host.c are for --demo. One
 * thread serves all channels, so nothing needs a lock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "nic.h"

#define EXIT_USAGE	2
#define EXIT_RESCINDED	3

void say(const struct nic *nic, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("nic %u: ", nic->index);
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}

int complain(const struct nic *nic, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "netvsc: nic %u (%s): ", nic->index, nic->name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	return err;
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* The loop */

static void print_statistics(const struct app *app)
{
	static const char *const names[] = {
		"rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "tx_dropped", "tx_failed",
		"acks", "bad",
	};

	for (unsigned int i = 0; i < app->nic_count; i++) {
		for (unsigned int j = 0; j < app->nics[i].channel_count; j++) {
			const struct channel *ch = &app->nics[i].channels[j];

			printf("statistics nic=%u channel=%u", i, j);
			for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
				printf(" %s=%llu", names[k], (unsigned long long)ch->counters[k]);
			putchar('\n');
		}
	}
}

static void take_signals(struct app *app)
{
	struct signalfd_siginfo info;

	while (read(app->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			print_statistics(app);
		else
			app->stop = true;
	}
}

int channel_failed(struct channel *ch, int err)
{
	struct nic *nic = ch->nic;

	nic->lost = true;
	/* After a rescind the descriptors stay readable. */
	for (unsigned int i = 0; i < nic->channel_count; i++)
		epoll_ctl(nic->app->loop, EPOLL_CTL_DEL, vmbus_fd(nic->channels[i].chan), NULL);
	if (err == -ENODEV)
		return complain(ch->nic, err, "the host took the device away");
	if (err == -EIO || err == -EPROTO)
		return complain(ch->nic, err, "channel %u: the host broke the ring", ch->index);
	return complain(ch->nic, err, "channel %u: %s", ch->index, strerror(-err));
}

static struct channel *next_channel(struct app *app, struct channel *ch)
{
	struct nic *nic = ch ? ch->nic : app->nics;
	unsigned int index = ch ? ch->index + 1 : 0;

	for (; nic < app->nics + app->nic_count; nic++, index = 0)
		if (!nic->lost && index < nic->channel_count)
			return &nic->channels[index];
	return NULL;
}

#define for_each_channel(app, ch) \
	for (struct channel *ch = next_channel(app, NULL); ch; ch = next_channel(app, ch))

/*
 * Sleep until the host interrupts, a signal comes, or the time is over (-1:
 * never).
 */
static int sleep_until(struct app *app, int64_t deadline)
{
	struct epoll_event events[8];
	int64_t left = -1;
	int n, err;

	for_each_channel(app, ch) {
		unsigned int wanted = VMBUS_WAIT_RECV;

		/*
		 * A channel whose completions wait for room receives nothing.
		 */
		if (ch->ack_count)
			wanted = VMBUS_WAIT_SEND;
		else if (ch->request_blocked)
			wanted |= VMBUS_WAIT_SEND;
		n = vmbus_arm(ch->chan, wanted);
		if (n)
			return n < 0 ? channel_failed(ch, n) : 0;
	}
	if (deadline >= 0) {
		left = deadline - now_ms();
		left = left < 0 ? 0 : left;
	}
	n = epoll_wait(app->loop, events, 8, left);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct channel *ch = events[i].data.ptr;

		if (!ch || ch->nic->lost)
			continue;	/* a signal, or the end of a NIC that has failed */
		err = vmbus_ack(ch->chan);
		if (err && err != -EAGAIN)
			return channel_failed(ch, err);
	}
	return 0;
}

int turn(struct app *app, int64_t deadline)
{
	bool idle = true;
	int n, err;

	for_each_channel(app, ch) {
		n = channel_receive(ch);
		if (n < 0)
			return channel_failed(ch, n);
		if (n)
			idle = false;
	}
	/* Signal the host once for all that this turn has queued. */
	for_each_channel(app, ch) {
		err = vmbus_flush(ch->chan);
		if (err)
			return channel_failed(ch, err);
	}
	if (deadline >= 0 && now_ms() >= deadline)
		return -ETIMEDOUT;
	if (app->poll) {
		if (++app->turns % 1024)
			return 0;
		/* Only an interrupt tells of a rescind. */
		for_each_channel(app, ch) {
			err = vmbus_ack(ch->chan);
			if (err && err != -EAGAIN)
				return channel_failed(ch, err);
		}
	} else if (idle) {
		err = sleep_until(app, deadline);
		if (err)
			return err;
	} else if (++app->turns % 16) {
		return 0;
	}
	take_signals(app);
	return 0;
}

int add_channel(struct nic *nic, struct vmbus_chan *chan)
{
	struct channel *ch = &nic->channels[nic->channel_count];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = ch };

	*ch = (struct channel){ .nic = nic, .index = nic->channel_count++, .chan = chan };
	if (epoll_ctl(nic->app->loop, EPOLL_CTL_ADD, vmbus_fd(chan), &event))
		return complain(nic, -errno, "channel %u: %s", ch->index, strerror(errno));
	return 0;
}

/* The program */

/*
 * Get one huge page, whose place in the guest's memory does not change, and
 * tell the numbers of its pages. The kernel tells them to a program with
 * CAP_SYS_ADMIN.
 */
static int get_pages(struct pool *pool, const char **why)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_HUGETLB |
		PAGES_SIZE_LOG2 << MAP_HUGE_SHIFT;
	struct vmbus_pagemap *pagemap = NULL;
	void *memory;
	int err;

	*why = "no huge page: see /proc/sys/vm/nr_hugepages";
	memory = mmap(NULL, PAGES_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	memset(memory, 0, PAGES_SIZE);
	*why = "out of memory";
	pool->pages = calloc(PAGES_SIZE / GUEST_PAGE, sizeof(*pool->pages));
	err = pool->pages ? 0 : -ENOMEM;
	if (!err) {
		*why = "no /proc/self/pagemap";
		err = vmbus_pagemap_open(&pagemap);
	}
	if (!err) {
		*why = "the kernel tells no page numbers: they need CAP_SYS_ADMIN";
		err = vmbus_gpa_pages(pagemap, memory, PAGES_SIZE, pool->pages,
				      PAGES_SIZE / GUEST_PAGE);
		err = err < 0 ? err : 0;
	}
	vmbus_pagemap_close(pagemap);
	if (!err) {
		*why = "out of memory";
		err = pool_init(pool, memory, PAGES_SIZE, PAGES_SLOT);
	}
	if (err) {
		munmap(memory, PAGES_SIZE);
		free(pool->pages);
		pool->pages = NULL;
	}
	return err;
}

/*
 * Decide where messages lie. The drivers of Linux and DPDK send control
 * messages and large frames in pages, so we prefer that.
 */
static int choose_pools(struct nic *nic)
{
	struct pool *sections = &nic->pools[SECTIONS], *pages = &nic->pools[PAGES];
	const char *why = NULL;
	int err = 0;

	if (nic->app->way != WAY_SECTIONS && !pages->pages)
		err = get_pages(pages, &why);
	if (err && nic->app->way == WAY_PAGES)
		return complain(nic, err, "cannot send pages: %s", why);
	if (err)
		say(nic, "all messages go through the send buffer: %s", why);
	nic->frame_pool = nic->app->way == WAY_PAGES ? pages : sections;
	nic->control_pool = nic->app->way == WAY_SECTIONS || err ? sections : pages;
	nic->large_pool = nic->control_pool;
	return 0;
}

struct nic *nic_new(struct app *app, const char *name)
{
	struct nic *nic = &app->nics[app->nic_count];

	*nic = (struct nic){ .app = app, .index = app->nic_count++, .name = name, .mtu = app->mtu };
	return nic;
}

/*
 * Open the sub-channels, which the host offers and the kernel opens while we
 * wait.
 */
static int open_subchannels(struct nic *nic, unsigned int count)
{
	const struct vmbus_open_options options = {
		.struct_size = sizeof(options), .flags = nic->app->poll ? VMBUS_OPEN_POLL : 0,
	};
	struct vmbus_chan *primary = nic->channels[0].chan, *chan;
	const int64_t deadline = now_ms() + nic->app->timeout_ms;
	struct vmbus_subchannel list[CHANNELS_MAX];
	int found, err;

	/* The host may talk to us meanwhile. */
	do {
		take_signals(nic->app);
		err = nic->app->stop ? -EINTR : turn(nic->app, now_ms());
		if (err && err != -ETIMEDOUT)
			return err;
		found = vmbus_subchannels_wait(primary, count, 20);
	} while (found == -ETIMEDOUT && now_ms() < deadline);
	if (found >= 0)
		found = vmbus_subchannels(primary, list, CHANNELS_MAX);
	if (found < 0)
		return complain(nic, found, "%s", vmbus_error());
	if ((unsigned int)found != count)
		return complain(nic, -EPROTO, "the host offers %d sub-channels instead of %u",
				found, count);
	for (unsigned int i = 0; i < count; i++) {
		if (list[i].index != i + 1)
			return complain(nic, -EPROTO, "a sub-channel has the index %u",
					list[i].index);
		err = vmbus_subchannel_open(primary, list[i].relid, &options, &chan);
		if (err)
			return complain(nic, err, "%s", vmbus_error());
		err = add_channel(nic, chan);
		if (err)
			return err;
	}
	return 0;
}

static int nic_open(struct app *app, const char *id)
{
	const struct vmbus_open_options options = {
		.struct_size = sizeof(options), .flags = app->poll ? VMBUS_OPEN_POLL : 0,
		.ring_size = app->ring_size,
	};
	struct nic *nic = nic_new(app, id);
	struct vmbus_chan *chan;
	const char *class;
	int err;

	nic->open_subchannels = open_subchannels;
	err = vmbus_chan_open(id, &options, &chan);
	if (err)
		return complain(nic, err, "%s", vmbus_error());
	err = add_channel(nic, chan);
	if (err)
		return err;
	class = vmbus_device_class_name(vmbus_chan_device(chan));
	if (!class || strcmp(class, "nic"))
		return complain(nic, -EINVAL, "the device is no NIC");
	say(nic, "device %s", vmbus_device_instance(vmbus_chan_device(chan)));
	err = vmbus_chan_buffer(chan, VMBUS_BUFFER_RECV, NULL, &nic->recv);
	if (!err)
		err = vmbus_chan_buffer(chan, VMBUS_BUFFER_SEND, NULL, &nic->send);
	return err ? complain(nic, err, "%s", vmbus_error()) : 0;
}

static void nic_close(struct nic *nic)
{
	/*
	 * Close the primary last, because the kernel closes the others with it.
	 */
	while (nic->channel_count)
		vmbus_chan_close(nic->channels[--nic->channel_count].chan);
	for (unsigned int i = 0; i < POOLS; i++) {
		free(nic->pools[i].slots);
		free(nic->pools[i].free);
		free(nic->pools[i].pages);
	}
}

int app_init(struct app *app)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	app->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	app->loop = epoll_create1(EPOLL_CLOEXEC);
	if (app->signals < 0 || app->loop < 0 ||
	    epoll_ctl(app->loop, EPOLL_CTL_ADD, app->signals, &event)) {
		fprintf(stderr, "netvsc: %s\n", strerror(errno));
		return -errno;
	}
	return 0;
}

int app_run(struct app *app)
{
	int err = 0, stopped;

	for (unsigned int i = 0; i < app->nic_count && !err; i++) {
		err = choose_pools(&app->nics[i]);
		if (!err)
			err = nic_start(&app->nics[i]);
	}
	while (!err && !app->stop)
		err = turn(app, -1);
	if (err == -EINTR)
		err = 0;
	for (unsigned int i = 0; i < app->nic_count; i++) {
		stopped = nic_stop(&app->nics[i]);
		err = err ? err : stopped;
	}
	print_statistics(app);
	return err;
}

void app_close(struct app *app)
{
	for (unsigned int i = 0; i < app->nic_count; i++)
		nic_close(&app->nics[i]);
	close(app->loop);
	close(app->signals);
}

static int drive(struct app *app, char **ids, int count)
{
	int err = app_init(app);

	for (int i = 0; i < count && !err; i++)
		err = nic_open(app, ids[i]);
	if (!err)
		err = app_run(app);
	app_close(app);
	return err == -ENODEV ? EXIT_RESCINDED : err ? EXIT_FAILURE : EXIT_SUCCESS;
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
	"      --send=WAY        messages lie in the send buffer (sections), in a huge page\n"
	"                        (pages), or control messages and frames that do not fit a\n"
	"                        section in a huge page, if there is one, and all others in\n"
	"                        the send buffer (auto)\n"
	"      --mtu=BYTES       68 to 9000 (1500)\n"
	"      --promiscuous     receive the frames of other NICs, too, as two NICs always do\n"
	"      --ring-size=BYTES of each ring, header included\n"
	"      --count=N         stop after N received frames\n"
	"      --timeout=SECONDS for each answer of the host (30)\n"
	"      --demo            play the host too, on memory; fails if a frame is wrong\n"
	"      --version, --help\n"
	"\n"
	"SIGINT and SIGTERM stop the NIC, SIGUSR1 prints statistics. Exit status: 0, 1\n"
	"after a failure, 2 for wrong usage, 3 if the host took the device away.\n";

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' || *value < min || *value > max;
}

static int parse_way(const char *text, enum way *way)
{
	static const char *const names[] = { "auto", "sections", "pages" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*way = (enum way)i;
			return 0;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	enum {
		OPT_ECHO = 256, OPT_FORWARD, OPT_CHANNELS, OPT_POLL, OPT_SEND, OPT_MTU,
		OPT_PROMISCUOUS, OPT_RING_SIZE, OPT_COUNT, OPT_TIMEOUT, OPT_DEMO, OPT_VERSION,
		OPT_HELP,
	};
	static const struct option options[] = {
		{ "echo",        required_argument, NULL, OPT_ECHO },
		{ "forward",     no_argument,       NULL, OPT_FORWARD },
		{ "channels",    required_argument, NULL, OPT_CHANNELS },
		{ "poll",        no_argument,       NULL, OPT_POLL },
		{ "send",        required_argument, NULL, OPT_SEND },
		{ "mtu",         required_argument, NULL, OPT_MTU },
		{ "promiscuous", no_argument,       NULL, OPT_PROMISCUOUS },
		{ "ring-size",   required_argument, NULL, OPT_RING_SIZE },
		{ "count",       required_argument, NULL, OPT_COUNT },
		{ "timeout",     required_argument, NULL, OPT_TIMEOUT },
		{ "demo",        no_argument,       NULL, OPT_DEMO },
		{ "version",     no_argument,       NULL, OPT_VERSION },
		{ "help",        no_argument,       NULL, OPT_HELP },
		{ 0 }
	};
	static struct app app = { .channels = 1, .mtu = 1500, .timeout_ms = 30000 };
	static char only[] = "nic", *default_ids[] = { only };
	bool demonstrate = false, bad = false;
	struct netvsc_host host;
	uint64_t value;
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		value = 0;
		switch (opt) {
		case OPT_ECHO:
			bad |= app.mode || inet_pton(AF_INET, optarg, app.ip) != 1;
			app.mode = MODE_ECHO;
			break;
		case OPT_FORWARD:
			bad |= app.mode != MODE_COUNT;
			app.mode = MODE_FORWARD;
			break;
		case OPT_CHANNELS:
			bad |= parse_number(optarg, 1, CHANNELS_MAX, &value);
			app.channels = value;
			break;
		case OPT_POLL:
			app.poll = true;
			break;
		case OPT_SEND:
			bad |= parse_way(optarg, &app.way);
			break;
		case OPT_MTU:
			bad |= parse_number(optarg, MTU_MIN, MTU_MAX, &value);
			app.mtu = value;
			break;
		case OPT_PROMISCUOUS:
			app.promiscuous = true;
			break;
		case OPT_RING_SIZE:
			bad |= parse_number(optarg, 1, UINT32_MAX, &value);
			app.ring_size = value;
			break;
		case OPT_COUNT:
			bad |= parse_number(optarg, 1, UINT64_MAX, &app.count);
			break;
		case OPT_TIMEOUT:
			bad |= parse_number(optarg, 1, 3600, &value);
			app.timeout_ms = value * 1000;
			break;
		case OPT_DEMO:
			demonstrate = true;
			break;
		case OPT_VERSION:
			printf("netvsc, an example of libvmbus_bufring %s\n", vmbus_version());
			return EXIT_SUCCESS;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			bad = true;
		}
	}
	argc -= optind;
	argv += optind;
	if (bad || argc > (int)NICS_MAX || (argc > 1 && app.mode != MODE_FORWARD) ||
	    (demonstrate && (argc || app.channels > HOST_CHANNELS_MAX))) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	/*
	 * A rescind while we are inside a ring or a buffer is an error then,
	 * and no SIGBUS.
	 */
	if (vmbus_guard()) {
		fprintf(stderr, "netvsc: %s\n", vmbus_error());
		return EXIT_FAILURE;
	}
	if (argc > 1)
		app.promiscuous = true;
	if (!demonstrate)
		return drive(&app, argc ? argv : default_ids, argc ? argc : 1);
	if (app.mode == MODE_COUNT) {
		app.mode = MODE_ECHO;
		memcpy(app.ip, (const uint8_t[]){ 192, 0, 2, 2 }, 4);
	}
	host = demo_host(&app);
	app.count = host.frames;
	return demo(&app, &host);
}
