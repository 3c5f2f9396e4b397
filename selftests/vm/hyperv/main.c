// SPDX-License-Identifier: GPL-2.0-only
/* The command line, the main loop with its one timer, and the verdict */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "hyperv.h"

static const char usage[] =
	"usage: hyperv [-v] -a amd64|arm64 -m MIB -n PROCESSORS -V VERSION[:FEATURES] -s SEED -r RAMFILE -b BELL DEVICE...\n"
	"Plays the Hyper-V host of a guest whose RAM is RAMFILE and whose doorbell connects to the socket BELL.\n"
	"DEVICE is NAME:class=GUID,instance=GUID[,channels=N][,monitored=on][,offered=off][,relid=N][,throttle=N]\n"
	"[,pipe=on][,settle=MS]; its program connects to NAME.sock. -v logs all messages.\n"
	"It prints \"ready\" when the guest may start, and ends with it. SIGUSR1: print what is unfinished.\n";

struct device *devices[MAX_DEVICES];
unsigned int nr_devices;
unsigned int processors;

static bool verbose;
static int64_t wake_at; /* 0: nothing is due later */
static unsigned short chance_state[3];

static struct {
	enum machine machine;
	uint64_t memory; /* bytes */
	const char *ram, *bell;
} options;

void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fputs("hyperv: ", stderr);
	va_start(args, format);
	errno = error;
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

void say(const char *format, ...)
{
	va_list args;

	fputs("vmbus-host: ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void note(const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	printf("%" PRId64 ".%03" PRId64 " ", now_ms() / 1000, now_ms() % 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		die("out of memory");
	return memory;
}

uint32_t chance(uint32_t below)
{
	return (uint32_t)nrand48(chance_state) % below;
}

/* Time */

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void wake_by(int64_t at)
{
	if (!wake_at || at < wake_at)
		wake_at = at;
}

int64_t due_in(uint32_t ms)
{
	int64_t at = now_ms() + ms;

	wake_by(at);
	return at;
}

bool is_due(int64_t at)
{
	if (at > now_ms()) {
		wake_by(at);
		return false;
	}
	return at;
}

/* The verdict */

static void report_counts(const char *of, unsigned int number, const struct frame_stats *stats)
{
	say("judge %s %u signals %" PRIu64 " needless %" PRIu64 " faults %" PRIu64, of, number,
	    stats->hypercalls + stats->monitor_signals, stats->idle_signals, stats->malformed);
}

/*
 * Print the signals and faults of each channel that the guest used, and then
 * the number of channels and the sums, with the faults in messages. run-guest
 * reads the sums, so it notices a host that ended without them.
 */
static void report(void)
{
	struct frame_stats sums = { .malformed = bus.faults };
	unsigned int used = 0;

	for_each_channel(c) {
		const struct frame_stats *stats = &c->stats;

		if (!stats->hypercalls && !stats->monitor_signals && !stats->malformed)
			continue;
		report_counts(c->device->name, c->index, stats);
		sums.hypercalls += stats->hypercalls;
		sums.monitor_signals += stats->monitor_signals;
		sums.idle_signals += stats->idle_signals;
		sums.malformed += stats->malformed;
		used++;
	}
	report_counts("channels", used, &sums);
}

/*
 * Print what the host has not finished, in case the guest waits for it. The
 * guest has not taken a message in flight. run-guest asks for this.
 */
static void print_unfinished(void)
{
	printf("unfinished: %s in flight, %u messages to read, %u GPADLs to tear down",
	       message_in_flight() ? "a message" : "no message", bus_waiting(), count_teardowns());
	for_each_channel(c)
		printf("; %s %u: relid %u, offer %d%s%s%s%s%s%s", c->device->name, c->index,
		       c->relid, c->offer, c->rings ? ", open" : "", c->opening ? ", opening" : "",
		       c->closing ? ", closing" : "", c->asked ? ", an open waits" : "",
		       c->rescind ? ", to be rescinded" : "",
		       c->mute ? ", opens have no answer" : "");
	putchar('\n');
}

/* The machine's calls */

static uint32_t handle_call(struct vp *vp)
{
	switch (vp->call) {
	case CALL_POST:
		return bus_receive(vp);
	case CALL_SIGNAL:
		return take_signal(vp->id);
	case CALL_BOOT:
		note("the machine starts");
		/* No processor waits for an answer of before. */
		for (unsigned int i = 0; i < processors; i++)
			if (&mailbox->vp[i] != vp)
				mailbox->vp[i].state = CALL_NONE;
		bus_reset();
		return HV_STATUS_SUCCESS;
	default:
		/* The main loop delivers what the guest can take now. */
		return HV_STATUS_SUCCESS;
	}
}

static void serve_calls(void)
{
	for (unsigned int i = 0; i < processors; i++) {
		struct vp *vp = &mailbox->vp[i];
		_Atomic uint32_t *state = (_Atomic uint32_t *)&vp->state;

		if (atomic_load(state) != CALL_ASKED)
			continue;
		vp->status = handle_call(vp);
		atomic_store(state, CALL_ANSWERED);
	}
}

/* The main loop */

enum { FD_RUNG, FD_BELL, FD_SIGNALS, FD_DEVICES };

static int wait_ms(void)
{
	int64_t ms;

	for_each_channel(c)
		if (c->kicked)
			return 0;
	if (!wake_at)
		return -1;
	ms = wake_at - now_ms();
	return ms < 0 ? 0 : (int)MIN(ms, 3600000);
}

static void wait_for_events(struct pollfd *fds)
{
	for (unsigned int i = 0; i < nr_devices; i++) {
		const struct device *d = devices[i];
		struct pollfd *fd = &fds[FD_DEVICES + i];

		fd->events = program_events(d);
		/* Without events, only an end would come, again and again. */
		fd->fd = !fd->events ? -1 : d->fd < 0 ? d->listener : d->fd;
	}
	if (poll(fds, FD_DEVICES + nr_devices, wait_ms()) < 0 && errno != EINTR)
		die("poll: %m");
}

/* Serve the guest and the programs until the machine ends. */
static void serve(int signals)
{
	struct pollfd fds[FD_DEVICES + MAX_DEVICES] = {
		[FD_RUNG] = { bell_descriptor(), POLLIN, 0 },
		[FD_BELL] = { bell_socket(), POLLIN, 0 },
		[FD_SIGNALS] = { signals, POLLIN, 0 },
	};

	for (;;) {
		struct signalfd_siginfo info;

		wait_for_events(fds);
		if ((fds[FD_RUNG].revents || fds[FD_BELL].revents) && !bell_taken())
			return;
		if (fds[FD_SIGNALS].revents && read(signals, &info, sizeof(info)) > 0)
			print_unfinished();
		wake_at = 0;
		serve_calls();
		for (unsigned int i = 0; i < nr_devices; i++)
			if (fds[FD_DEVICES + i].revents)
				program_serve(devices[i], fds[FD_DEVICES + i].revents);
		signal_work();
		bus_work();
		for (unsigned int i = 0; i < nr_devices; i++)
			program_flush(devices[i]);
	}
}

/* Start */

static void take_options(int argc, char **argv)
{
	unsigned int major = 0, minor = 0;
	unsigned long seed = 1;
	bool known = false;
	int option;

	while ((option = getopt(argc, argv, "va:m:n:V:s:r:b:")) != -1) {
		switch (option) {
		case 'v':
			verbose = true;
			break;
		case 'a':
			known = !strcmp(optarg, "amd64") || !strcmp(optarg, "arm64");
			options.machine = !strcmp(optarg, "arm64") ? ARM64 : AMD64;
			break;
		case 'm':
			options.memory = strtoull(optarg, NULL, 10) << 20;
			break;
		case 'n':
			processors = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'V':
			if (sscanf(optarg, "%u.%u:%x", &major, &minor, &bus.features) < 2)
				major = 0;
			break;
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			options.ram = optarg;
			break;
		case 'b':
			options.bell = optarg;
			break;
		default:
			known = false;
			optind = argc;
		}
	}
	if (!known || options.memory < 64ull << 20 || !processors || processors > MAX_VPS ||
	    !options.ram || !options.bell) {
		fputs(usage, stderr);
		exit(2);
	}
	bus.newest = HOST_VERSION(major, minor);
	if (!bus.newest || bus.newest > VERSION_6_0)
		die("the host speaks versions up to 6.0");
	memcpy(chance_state, &seed, sizeof(chance_state));
}

/*
 * Measure the frequency of the machine's time stamp counter, which the emulated
 * processor of amd64 shows to the guest.
 */
static uint64_t tsc_frequency(void)
{
#ifdef __x86_64__
	struct timespec from, to, pause = { .tv_nsec = 50000000 };
	uint64_t ticks;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &from);
	ticks = __builtin_ia32_rdtsc();
	nanosleep(&pause, NULL);
	ticks = __builtin_ia32_rdtsc() - ticks;
	clock_gettime(CLOCK_MONOTONIC, &to);
	ns = (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
	return ticks * 1000000000ull / (uint64_t)ns;
#else
	die("an amd64 guest needs a machine of amd64");
#endif
}

static int catch_signals(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd: %m");
	return fd;
}

int main(int argc, char **argv)
{
	int listener, signals;

	setvbuf(stdout, NULL, _IOLBF, 0);
	take_options(argc, argv);
	signals = catch_signals();
	map_memory(options.machine, options.memory, options.ram);
	mailbox->vps = processors;
	mailbox->bell = bell_register(options.machine);
	mailbox->tsc_frequency = options.machine == AMD64 ? tsc_frequency() : 0;
	listener = listen_at(options.bell);
	for (int i = optind; i < argc; i++)
		add_device(argv[i]);
	order_channels();
	puts("ready");
	bell_connect(options.machine, listener);
	serve(signals);
	report();
	return 0;
}
