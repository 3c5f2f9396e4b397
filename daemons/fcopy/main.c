// SPDX-License-Identifier: GPL-2.0-only
/* hv-fcopyd: takes the files that Copy-VMFile on a Hyper-V host sends to this guest. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "config.h"
#include "exchange.h"
#include "leftover.h"
#include "log.h"
#include "notify.h"
#include "progress.h"

#define STATE_DIR "/var/lib/hv-fcopyd"
#define RUN_DIR "/run/hv-fcopyd"

/* How long the end waits for the host's next message, to tell it that its copy has failed */
#define FAREWELL_MS 500
/* For 5 s, in open_again() */
#define BUSY_TRIES 50
#define BUSY_USEC 100000
/* How often what a copy is at is looked at */
#define TICK_NSEC 250000000
/* As init scripts answer when a service does not run */
#define NOT_RUNNING 3

struct options {
	const char *device;
	const char *state_dir;
	const char *run_dir;
	const char *config;	/* NULL: CONFIG_FILE, if there is one */
	bool check_config;
	bool status;
	bool foreground;
	bool verbose;
};

/* Large, and only one: not on the stack. */
static struct exchange exchange;
static struct policy policy;

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hv-fcopyd [OPTIONS]\n"
		"Takes the files that Copy-VMFile on a Hyper-V host sends to this guest.\n"
		"\n"
		"  -n, --foreground     stay in the foreground, log to standard error\n"
		"  -c, --class=CLASS    the class of the device: a name or a GUID (fcopy)\n"
		"  -d, --device=GUID    the device itself, where a class has several\n"
		"  -s, --state-dir=DIR  where unfinished copies are noted (%s)\n"
		"  -r, --run-dir=DIR    where --status finds what a running one is at (%s)\n"
		"      --status         say what the running one is at, and end\n"
		"      --config=FILE    what the host may do (%s)\n"
		"      --check-config   say what is wrong with that file, or what it comes to, and end\n"
		"  -v, --verbose        log more\n"
		"  -V, --version        print the version\n"
		"  -h, --help           print this\n", STATE_DIR, RUN_DIR, CONFIG_FILE);
}

static void parse(int argc, char **argv, struct options *options)
{
	enum { CONFIG = 0x100, CHECK_CONFIG, STATUS };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "check-config", no_argument, NULL, CHECK_CONFIG },
		{ "foreground", no_argument, NULL, 'n' },
		{ "class", required_argument, NULL, 'c' },
		{ "device", required_argument, NULL, 'd' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "status", no_argument, NULL, STATUS },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *class = NULL, *instance = NULL;
	char guid[VMBUS_GUID_SIZE];
	int c;

	while ((c = getopt_long(argc, argv, "nc:d:s:r:vVh", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			options->foreground = true;
			break;
		case 'c':
			class = optarg;
			break;
		case 'd':
			instance = optarg;
			break;
		case 's':
			options->state_dir = optarg;
			break;
		case 'r':
			options->run_dir = optarg;
			break;
		case STATUS:
			options->status = true;
			break;
		case CONFIG:
			options->config = optarg;
			break;
		case CHECK_CONFIG:
			options->check_config = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'V':
			printf("hv-fcopyd %s, libvmbus_bufring %s\n", HYPERV_UIO_VERSION,
			       vmbus_version());
			exit(0);
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(EX_USAGE);
		}
	}

	if (optind < argc) {
		fprintf(stderr, "hv-fcopyd: %s: no such argument\n", argv[optind]);
		exit(EX_USAGE);
	}
	if (options->config && *options->config != '/' && !options->foreground &&
	    !options->check_config) {
		fprintf(stderr, "hv-fcopyd: --config=%s: in the background it must be an absolute path\n",
			options->config);
		exit(EX_USAGE);
	}
	if (options->status && options->check_config) {
		fprintf(stderr, "hv-fcopyd: --status and --check-config exclude each other\n");
		exit(EX_USAGE);
	}
	if (class && instance) {
		fprintf(stderr, "hv-fcopyd: --class and --device exclude each other\n");
		exit(EX_USAGE);
	}
	if (class && !vmbus_class_find(class) && vmbus_guid_parse(class, guid) < 0) {
		fprintf(stderr, "hv-fcopyd: --class=%s: neither a GUID nor a known name\n", class);
		exit(EX_USAGE);
	}
	if (instance && vmbus_guid_parse(instance, guid) < 0) {
		fprintf(stderr, "hv-fcopyd: --device=%s: not a GUID\n", instance);
		exit(EX_USAGE);
	}
	if (class)
		options->device = class;
	if (instance)
		options->device = instance;
}

static int load_policy(const struct options *options, struct policy *result)
{
	return config_load(options->config ? options->config : CONFIG_FILE, options->config, result);
}

/* A copy that is under way goes on as it began. */
static void reload_policy(const struct options *options)
{
	struct policy changed;

	notify_reloading();
	if (load_policy(options, &changed) == 0) {
		config_free(&policy);
		policy = changed;
		log_line(LOG_INFO, "read its configuration again");
	} else {
		log_line(LOG_ERR, "the configuration stays as it was before");
	}
	notify_ready();
}

static bool has_vmbus(void)
{
	struct vmbus_device **list;
	int n = vmbus_devices_list(NULL, &list);

	if (n >= 0)
		vmbus_devices_free(list);
	return n != -ENODEV;
}

/* What the module says of the device; "" when it says nothing, as the kernel's own does */
static void read_attribute(const struct vmbus_device *device, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/uio_hv_generic/%s", vmbus_device_sysfs(device), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

/* Whether another program has it open, too: both would take messages out of the same ring. */
static bool is_shared(const struct vmbus_device *device)
{
	char users[16];

	read_attribute(device, "users", users, sizeof(users));
	return strtoul(users, NULL, 10) > 1;
}

/* Returns an exit code, 0 when the device is open. */
static int open_device(const struct options *options, struct vmbus_channel **channel)
{
	int err = vmbus_channel_open(options->device, channel);
	char *why;

	switch (err) {
	case 0:
		if (!is_shared(vmbus_channel_device(*channel)))
			return 0;
		log_line(LOG_ERR, "%s: another program has it open: another file copy daemon?",
			 vmbus_device_path(vmbus_channel_device(*channel)));
		vmbus_channel_close(*channel);
		return EX_TEMPFAIL;
	case -ENODEV:
		why = strdup(vmbus_error());
		log_line(LOG_NOTICE, "%s%s", why ? why : strerror(ENODEV), has_vmbus() ?
			 "; is Guest Service Interface switched on for this machine?" : "");
		free(why);
		return EX_UNAVAILABLE;
	case -ENXIO:
		log_line(LOG_NOTICE, "%s; it must be bound to uio_hv_generic", vmbus_error());
		return EX_UNAVAILABLE;
	default:
		log_line(LOG_ERR, "%s", vmbus_error());
		return EX_OSERR;
	}
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A file-size limit is an error of write(), not the end of the daemon. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/*
 * What serve() waits for. The timer goes on by itself while there is something to look at from time to
 * time: a time limit of each wait would be set and taken back with every packet, and leave the VM twice.
 */
struct events {
	int all;	/* an epoll of these: */
	int channel;
	int signals;
	int timer;
	bool ticking;
};

static int add_event(struct events *events, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return fd < 0 || epoll_ctl(events->all, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void close_events(struct events *events)
{
	if (events->timer >= 0)
		close(events->timer);
	if (events->all >= 0)
		close(events->all);
}

static int open_events(struct events *events, int channel, int signals)
{
	int err;

	*events = (struct events){
		.all = epoll_create1(EPOLL_CLOEXEC), .channel = channel, .signals = signals,
		.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
	};
	err = events->all < 0 ? -errno : add_event(events, channel);
	if (!err)
		err = add_event(events, signals);
	if (!err)
		err = add_event(events, events->timer);
	if (err)
		close_events(events);
	return err;
}

static void tick(struct events *events, bool on)
{
	const struct timespec period = { .tv_nsec = on ? TICK_NSEC : 0 };
	const struct itimerspec spec = { .it_interval = period, .it_value = period };

	if (on != events->ticking && timerfd_settime(events->timer, 0, &spec, NULL) == 0)
		events->ticking = on;
}

/* Returns 0, the signal that ends the daemon, or -errno; at once if @at_once. */
static int wait_for_events(struct events *events, bool at_once, const struct options *options)
{
	struct epoll_event list[3];
	struct signalfd_siginfo info;
	uint64_t ticks;
	int n;

	n = epoll_wait(events->all, list, 3, at_once ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (list[i].data.fd == events->timer && read(events->timer, &ticks, sizeof(ticks)) < 0 &&
		    errno != EAGAIN)
			return -errno;
		if (list[i].data.fd != events->signals ||
		    read(events->signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGHUP)
			return info.ssi_signo;
		reload_policy(options);
	}
	return 0;
}

static int serve_events(struct events *events, const struct options *options)
{
	const struct transfer *transfer = &exchange.session.transfer;
	int ready, end, err;
	bool untold;

	untold = progress_update(transfer);
	for (;;) {
		ready = vmbus_arm(exchange.channel, exchange_events(&exchange));
		if (ready < 0)
			return ready;
		tick(events, untold || transfer_active(transfer));
		end = wait_for_events(events, ready, options);
		if (end)
			return end;

		err = vmbus_ack(exchange.channel);
		if (err && err != -EAGAIN)
			return err;
		err = exchange_run(&exchange);
		if (err)
			return err;
		/* After what the ring had: it may be the host that waited for this process. */
		session_expire(&exchange.session);
		untold = progress_update(transfer);
	}
}

/* Returns the signal that ends the daemon, or what exchange_run() and the library return. */
static int serve(int signals, const struct options *options)
{
	struct events events;
	int end;

	end = open_events(&events, vmbus_fd(exchange.channel), signals);
	if (end)
		return end;
	end = serve_events(&events, options);
	close_events(&events);
	return end;
}

/* The host works in lockstep: its next message is answered by an error, so it need not wait in vain. */
static void farewell(void)
{
	struct pollfd channel = { .fd = vmbus_fd(exchange.channel), .events = POLLIN };
	struct timespec begun, now;
	int ready, left = FAREWELL_MS;

	if (!session_abort(&exchange.session, -ECANCELED, "hv-fcopyd was told to stop"))
		return;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (left > 0 && !exchange.session.failure_told) {
		ready = vmbus_arm(exchange.channel, exchange_events(&exchange));
		if (ready < 0 || (!ready && poll(&channel, 1, left) < 0 && errno != EINTR))
			return;
		vmbus_ack(exchange.channel);
		if (exchange_run(&exchange))
			return;
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = FAREWELL_MS - (now.tv_sec - begun.tv_sec) * 1000 -
		       (now.tv_nsec - begun.tv_nsec) / 1000000;
	}
}

/*
 * A machine that was suspended comes back with the device bound, but without the channel that was
 * open. The attribute tells this from a rescind, until the device is closed.
 */
static bool is_lost_to_suspend(const struct vmbus_device *device)
{
	char state[8];

	read_attribute(device, "state", state, sizeof(state));
	return !strcmp(state, "lost\n");
}

/*
 * Returns an exit code, 0 when the device is open again. It stays busy while another program has not
 * noticed yet. A failure is one to try again after: the device is there, and none may come to start
 * the unit.
 */
static int open_again(const struct options *options, struct vmbus_channel **channel)
{
	int err;

	vmbus_channel_close(*channel);
	for (int tries = 0; (err = vmbus_channel_open(options->device, channel)) == -EBUSY &&
			    tries < BUSY_TRIES; tries++)
		usleep(BUSY_USEC);
	if (err) {
		*channel = NULL;
		log_line(LOG_ERR, "the machine was suspended, and the device cannot be opened again: %s",
			 vmbus_error());
		return EX_TEMPFAIL;
	}
	exchange_reopen(&exchange, *channel);
	log_line(LOG_INFO, "the machine was suspended; waiting for Copy-VMFile again");
	return 0;
}

/* Returns an exit code. */
static int print_status(const struct options *options)
{
	int err = progress_print(options->run_dir, stdout);

	if (err == 0)
		return 0;
	if (err == -ESRCH) {
		printf("state=stopped\n");
		return NOT_RUNNING;
	}
	fprintf(stderr, "hv-fcopyd: %s/status: %s\n", options->run_dir,
		err == -EBADMSG ? "not a status file" : strerror(-err));
	return EX_NOINPUT;
}

int main(int argc, char **argv)
{
	const char *state_from_manager = getenv("STATE_DIRECTORY");
	const char *run_from_manager = getenv("RUNTIME_DIRECTORY");
	struct options options = {
		.device = "fcopy",
		.state_dir = state_from_manager ? state_from_manager : STATE_DIR,
		.run_dir = run_from_manager ? run_from_manager : RUN_DIR,
	};
	struct vmbus_channel *channel;
	const struct vmbus_device *device;
	int signals, state, code, end;

	parse(argc, argv, &options);
	log_open(false, options.verbose);
	if (options.status)
		return print_status(&options);
	if (load_policy(&options, &policy) < 0)
		return EX_CONFIG;
	if (options.check_config) {
		config_print(&policy, stdout);
		config_free(&policy);
		return 0;
	}

	signals = open_signals();
	if (signals < 0) {
		log_line(LOG_ERR, "signalfd: %s", strerror(errno));
		return EX_OSERR;
	}

	state = leftover_open(options.state_dir);
	if (state == -EBUSY) {
		log_line(LOG_ERR, "%s is in use: another hv-fcopyd runs", options.state_dir);
		return EX_TEMPFAIL;
	}
	if (state < 0)
		log_line(LOG_WARNING, "%s: %s; after a crash, unfinished copies will not be found",
			 options.state_dir, strerror(-state));
	leftover_remove(state);

	/* The host may take the device back at any moment: an ordinary end, not a SIGBUS. */
	if (vmbus_guard())
		log_line(LOG_WARNING, "%s", vmbus_error());
	code = open_device(&options, &channel);
	if (code)
		return code;
	device = vmbus_channel_device(channel);

	if (!options.foreground) {
		if (daemon(0, 0) < 0) {
			log_line(LOG_ERR, "cannot go to the background: %s", strerror(errno));
			return EX_OSERR;
		}
		log_open(true, options.verbose);
	}

	log_line(LOG_INFO, "version %s, waiting for Copy-VMFile on %s, device %s",
		 HYPERV_UIO_VERSION, vmbus_device_path(device), vmbus_device_instance(device));
	exchange_init(&exchange, channel, state, &policy);
	progress_open(options.run_dir, vmbus_device_path(device));
	notify_ready();

	while ((end = serve(signals, &options)) == -ENODEV &&
	       is_lost_to_suspend(vmbus_channel_device(channel))) {
		transfer_discard(&exchange.session.transfer, end, "the machine was suspended");
		code = open_again(&options, &channel);
		if (code)
			break;
	}
	if (code) {
		notify_stopping("The device could not be opened again");
	} else if (end > 0) {
		notify_stopping("Told to stop");
		farewell();
		log_line(LOG_INFO, "ending: %s", strsignal(end));
	} else if (end == -ENODEV) {
		notify_stopping("The host took the device back");
		transfer_discard(&exchange.session.transfer, end, "the host took the device back");
		log_line(LOG_INFO, "ending: the host took the device back (Guest Service Interface is "
			 "off, or the machine is going down)");
	} else {
		notify_stopping("Failed");
		transfer_discard(&exchange.session.transfer, end, strerror(-end));
		log_line(LOG_ERR, "%s: %s", vmbus_device_path(vmbus_channel_device(channel)),
			 strerror(-end));
		code = EX_IOERR;
	}
	progress_close();
	vmbus_channel_close(channel);
	config_free(&policy);
	return code;
}
