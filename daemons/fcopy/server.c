// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../../util/vmbus.h"

#include "server.h"
#include "session.h"

#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else
/* A build without libsystemd informs no service manager. */
#define sd_notifyf(...) ((void)0)
#endif

/* The timer's period while the session is busy, and that of the status */
#define TICK_MSEC   250
#define STATUS_MSEC 1000

/*
 * How long a daemon that stops waits for the host's next message, which it
 * answers with the reason. The host may have to read the next part of its file
 * first.
 */
#ifndef STOP_MSEC
#define STOP_MSEC 2000
#endif

#ifndef PATIENCE_MSEC
#define PATIENCE_MSEC 0 /* the library's default: two minutes */
#endif

static struct server {
	const char *device; /* a class or an instance */
	int signals;
	void (*reload)(void);
	struct session session;
	struct vmbus_ic *ic;
	int epoll; /* watches the signals, the timer and the worker */
	int timer; /* ticks while the session is busy */
	bool ticking;
	pid_t worker;	  /* the worker that @epoll watches, or 0 */
	bool opened;	  /* the device has been open */
	bool waiting;	  /* the device is not open yet, and the daemon waits for it */
	bool lost;	  /* the daemon ends, because it has no device, or no longer */
	int code;	  /* the exit code */
	bool stopped;	  /* the end of the daemon has ended a copy */
	uint64_t stop_at; /* when the daemon began to stop, in milliseconds; or 0 */
	uint64_t told;	  /* the last status, likewise */
	bool dropped;	  /* the log has yet to say how many lines it dropped */
	char status[256];
} server;

int server_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	/*
	 * When SIGXFSZ is ignored, write(2) returns an error at a file-size
	 * limit, and the signal does not end the worker.
	 */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

void server_leave(void)
{
	/* The kernel keeps the device open until its last mapping is gone. */
	vmbus_ic_free(server.ic);
	close(server.signals);
	/* The worker of a copy sees the end of the daemon by this. */
	if (server.session.worker.fd >= 0)
		close(server.session.worker.fd);
	close(server.timer);
	close(server.epoll);
}

static int watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static bool ending(void)
{
	return server.lost || server.stop_at;
}

/* Watch the worker of the copy, and let the timer tick while it is needed. */
static int follow_session(void)
{
	bool busy = session_busy(&server.session) || server.dropped || ending();
	const struct timespec period = { .tv_nsec = busy ? TICK_MSEC * 1000000 : 0 };
	const struct itimerspec spec = { .it_interval = period, .it_value = period };

	if (busy != server.ticking && timerfd_settime(server.timer, 0, &spec, NULL) == 0)
		server.ticking = busy;
	/* The kernel has removed the descriptor of a worker that is gone. */
	if (server.worker == server.session.worker.pid)
		return 0;
	server.worker = server.session.worker.pid;
	return server.worker ? watch(server.session.worker.fd) : 0;
}

/* Send the answer to a request of the library. */
static void answer(void *token, enum refusal refusal)
{
	/* An error means that the host no longer waits for the answer. */
	vmbus_ic_reply(server.ic, token, hresult_of(refusal));
}

static uint32_t on_request(struct vmbus_ic *ic, struct vmbus_ic_request *request, void *context)
{
	const struct vmbus_ic_header *header = &request->header;
	/* The packet may be longer than the message because of padding. */
	size_t before = sizeof(*header) - offsetof(struct vmbus_ic_header, framework);
	size_t size = le32toh(header->pipe_size);

	if (size < before || size - before > request->length) {
		log_line(LOG_WARNING,
			 "the host sent a message that claims %zu bytes in a packet of %zu", size,
			 request->length + before);
		return hresult_of(REFUSAL_MESSAGE);
	}
	if (le16toh(header->type) != VMBUS_IC_FCOPY) {
		log_line(LOG_WARNING,
			 "the host sent a message of a type that this version does not know: %u",
			 le16toh(header->type));
		return hresult_of(REFUSAL_UNKNOWN);
	}
	session_request(&server.session, request, request->body, size - before);
	follow_session();
	return VMBUS_IC_LATER;
}

/* End a copy that the host can no longer finish. */
static void lose_copy(enum refusal refusal, const char *why)
{
	struct failure failure;

	refusal_set(&failure, refusal, "%s", why);
	if (!session_completes(&server.session))
		session_abort(&server.session, &failure);
}

static void on_opened(void)
{
	const struct vmbus_device *device = vmbus_info(vmbus_ic_chan(server.ic))->device;

	log_line(LOG_INFO, "version %s, waiting for Copy-VMFile on %s, device %s",
		 HYPERV_UIO_VERSION, device->path, device->instance);
	server.opened = true;
	server.waiting = false;
}

/*
 * Decide what an error of opening the device means. Returns an exit code, or -1
 * to let the library try again.
 */
static int exit_code_for(int error)
{
	struct vmbus_device *device;
	bool bound, offered;
	int err;

	err = vmbus_device_find(server.device, &device);
	if (err)
		return err == -ENODEV ? EX_UNAVAILABLE : EX_OSERR;
	bound = device->uio;
	offered = device_is_offered(device) != 0;
	vmbus_device_free(device);
	/* After a hibernation no event announces the offer. */
	if (!offered)
		return -1;
	if (!bound)
		return EX_UNAVAILABLE;
	return error == -EBUSY || error == -ENODEV ? -1 : EX_OSERR;
}

static bool has_vmbus(void)
{
	struct vmbus_device **list;
	int n = vmbus_device_list(NULL, &list);

	vmbus_device_list_free(list);
	return n != -ENODEV;
}

static void on_waiting(const struct vmbus_ic_event *event)
{
	int code = exit_code_for(event->error);

	server.waiting = true;
	if (code < 0) {
		log_line(LOG_NOTICE, "%s; waiting until it can be opened", event->reason);
		return;
	}
	server.lost = true;
	server.code = code;
	log_line(code == EX_UNAVAILABLE ? LOG_NOTICE : LOG_ERR, "%s%s", event->reason,
		 event->error == -ENODEV && has_vmbus() ?
			 "; is Guest Service Interface enabled for this machine?" :
			 "");
}

/* End the daemon, whose service manager starts the next one. */
static void lose_device(int priority, const char *why)
{
	log_line(priority, "ending: %s", why);
	server.lost = true;
	lose_copy(REFUSAL_DEVICE, why);
	/* A START may wait for a worker. The host that sent it is gone. */
	session_stop(&server.session);
}

/*
 * Returns 1 to end vmbus_ic_serve(), so that the service manager learns more.
 */
static int on_event(struct vmbus_ic *ic, const struct vmbus_ic_event *event, void *context)
{
	struct failure failure;

	switch (event->kind) {
	case VMBUS_IC_EVENT_OPENED:
		on_opened();
		return 1;
	case VMBUS_IC_EVENT_NEGOTIATED:
		refusal_set(&failure, REFUSAL_CANCELLED, "the host started a new negotiation");
		session_restart(&server.session, &failure);
		break;
	case VMBUS_IC_EVENT_REFUSED:
		log_line(LOG_WARNING,
			 "the host offers no version that this daemon speaks (service 1.1)");
		lose_copy(REFUSAL_VERSION, "");
		break;
	case VMBUS_IC_EVENT_CLOSED:
		server.code = event->error == -EIO ? EX_IOERR : 0;
		lose_device(event->error == -ENODEV ? LOG_INFO : LOG_WARNING, event->reason);
		return 1;
	case VMBUS_IC_EVENT_WAITING:
		on_waiting(event);
		return 1;
	case VMBUS_IC_EVENT_SKIPPED:
		log_line(LOG_WARNING, "skipped %s", event->reason);
		break;
	}
	return 0;
}

static int make_server(void)
{
	static const struct vmbus_ic_version messages[] = { { 1, 1 } };
	const struct vmbus_ic_options options = {
		.struct_size = sizeof(options),
		.patience_ms = PATIENCE_MSEC,
		.messages = messages,
		.message_count = 1,
		.request = on_request,
		.event = on_event,
		.trace = log_verbose() ? wire_show : NULL,
	};
	int err = vmbus_ic_new(server.device, &options, &server.ic);

	if (err)
		log_line(LOG_ERR, "%s", vmbus_error());
	return err;
}

static double rate(const struct session *session, uint64_t now)
{
	return now > session->begun ? session->received / 1e3 / (now - session->begun) : 0;
}

/*
 * Write the line that `systemctl status` shows. It names no file, because every
 * user of the machine can read it.
 */
static void describe(char *text, size_t size, uint64_t now)
{
	const struct session *session = &server.session;
	uint64_t received = session->received, announced = session->start.announced;
	unsigned int seconds;
	const char *slow = session_slow(session, &seconds);
	struct tm tm;
	char at[32];

	if (slow) {
		snprintf(text, size, "Waiting for a disk %s for %u s", slow, seconds);
	} else if (session->state == SESSION_RECEIVING && received > announced) {
		snprintf(text, size,
			 "Receiving a file: %" PRIu64 " bytes, the host announced %" PRIu64
			 ", %.1f MB/s",
			 received, announced, rate(session, now));
	} else if (session->state == SESSION_RECEIVING || session_completes(session)) {
		snprintf(text, size,
			 "Receiving a file: %" PRIu64 " of %" PRIu64 " bytes, %u%%, %.1f MB/s",
			 received, announced,
			 announced ? (unsigned int)(received * 100.0 / announced) : 100,
			 rate(session, now));
	} else if (server.waiting) {
		snprintf(text, size, "Waiting for the device");
	} else if (session->failed_at) {
		localtime_r(&session->failed_at, &tm);
		strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S%z", &tm);
		snprintf(text, size, "Waiting for Copy-VMFile; the last failure was at %s: %s", at,
			 refusal_words(session->last.refusal));
	} else {
		snprintf(text, size, "Waiting for Copy-VMFile");
	}
}

static void update_status(uint64_t now)
{
	char text[sizeof(server.status)];

	describe(text, sizeof(text), now);
	if (!strcmp(text, server.status))
		return;
	strcpy(server.status, text);
	server.told = now;
	sd_notifyf(0, "STATUS=%s", text);
}

static void tick(void)
{
	uint64_t now = now_msec();

	session_tick(&server.session);
	server.dropped = log_tick();
	if (!session_busy(&server.session) || now - server.told >= STATUS_MSEC)
		update_status(now);
}

static void begin_stop(int signal)
{
	log_line(LOG_INFO, "ending: %s", strsignal(signal));
	sd_notifyf(0, "STOPPING=1\nSTATUS=Stopped by a signal");
	server.code = 0;
	server.stop_at = now_msec();
	server.stopped = session_stop(&server.session);
}

static void read_signals(void)
{
	struct signalfd_siginfo info;

	while (read(server.signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			session_reap(&server.session);
			break;
		case SIGHUP:
			sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
				   (long long)clock_now(CLOCK_MONOTONIC) / 1000);
			server.reload();
			session_reloaded(&server.session);
			sd_notifyf(0, "READY=1");
			break;
		default:
			if (!server.stop_at)
				begin_stop(info.ssi_signo);
		}
	}
}

/*
 * Whether a daemon that is ending may end now. A COMPLETE that a worker is
 * working on keeps its time. The host learns the reason for the end of its copy
 * only by an answer to its next message.
 */
static bool may_end(void)
{
	uint64_t passed = now_msec() - server.stop_at;

	if (!server.stop_at)
		return !session_busy(&server.session);
	if (server.stopped && !server.session.verdict.told && passed < STOP_MSEC &&
	    vmbus_ic_chan(server.ic))
		return false;
	return !session_busy(&server.session) || passed >= SESSION_LIMIT_MSEC;
}

/* Do what the signals, the timer and the worker ask for within @timeout ms. */
static void handle_events(int timeout)
{
	struct epoll_event events[3];
	int n = epoll_wait(server.epoll, events, 3, timeout);
	uint64_t ticks;

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == server.signals)
			read_signals();
		else if (events[i].data.fd != server.timer)
			session_collect(&server.session);
		else if (read(server.timer, &ticks, sizeof(ticks)) == sizeof(ticks))
			tick();
	}
}

/* Serve the host until there is something else to do. Returns 0 or -errno. */
static int serve_once(void)
{
	int err;

	if (server.lost) {
		/* The worker, the signals and the timer are left. */
		handle_events(TICK_MSEC);
	} else {
		err = vmbus_ic_serve(server.ic, server.epoll);
		if (err < 0)
			return err;
		handle_events(0);
	}
	/* The host may have fallen silent: see doc/fcopy.md. */
	if (server.session.expired && !ending())
		lose_device(LOG_WARNING, "the host has not continued a copy, and may be silent");
	if (!session_busy(&server.session))
		update_status(now_msec());
	return follow_session();
}

/*
 * Open the descriptors of the loop, which the end of the process closes.
 * Returns 0 or -errno.
 */
static int open_loop(void)
{
	int err;

	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll < 0)
		return -errno;
	server.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server.timer < 0)
		return -errno;
	err = watch(server.signals);
	if (!err)
		err = watch(server.timer);
	return err ? err : make_server();
}

/* Serve the host until the daemon ends. Returns 0 or -errno. */
static int serve_host(void)
{
	bool ready = false;
	int err = 0;

	while (!err && !(ending() && may_end())) {
		err = serve_once();
		if (!ready && !ending() && (server.opened || server.waiting)) {
			ready = true;
			sd_notifyf(0, "READY=1");
		}
	}
	return err;
}

int server_run(const char *device, int signals, const struct policy *policy, void (*reload)(void))
{
	int err;

	server.device = device;
	server.signals = signals;
	server.reload = reload;
	session_init(&server.session, policy, answer);
	err = open_loop();
	if (err) {
		log_line(LOG_ERR, "cannot serve: %s", strerror(-err));
		return EX_OSERR;
	}
	worker_clean();
	err = serve_host();
	if (err) {
		sd_notifyf(0, "STOPPING=1\nSTATUS=Failed");
		lose_copy(REFUSAL_DEVICE, strerror(-err));
		log_line(LOG_ERR, "%s: %s", device, strerror(-err));
		server.code = EX_IOERR;
	} else if (server.lost && server.opened && !server.stop_at) {
		sd_notifyf(0, "STOPPING=1\nSTATUS=The device has ended");
	}
	vmbus_ic_free(server.ic);
	return server.code;
}
