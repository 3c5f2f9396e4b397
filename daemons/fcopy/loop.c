// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "spin.h"
#include "status.h"

/* The timer's period */
#define TICK_NSEC 250000000
/* The timer's period while only silence_look() or the status needs it */
#define SLOW_TICK_SEC SILENCE_LOOK_SECONDS
/*
 * The number of ticks for which the timer still runs after the last message, so
 * that log_tick() can log the dropped lines
 */
#define LINGER_TICKS (4 * (LOG_RESUME / LOG_REFILL + 1))

/* The maximum number of consecutive rounds that ignore signals and the timer */
#define ROUNDS_BLIND 64
/*
 * The maximum number of consecutive wake-ups that leave their interrupt unread
 */
#define WAKEUPS_UNREAD 64
/*
 * The maximum number of vmbus_ack() calls; the socket of a memory channel holds
 * fewer
 */
#define INTERRUPTS_MAX 1024

/*
 * How long loop_stop() waits for the host's next message. The host may have to
 * read the next part of its file first.
 */
#define STOP_MSEC 2000

struct loop {
	struct exchange *exchange;
	void (*reload)(void);
	int signals;
	int timer;
	int epoll; /* watches the channel, signals, timer, and the end of a task */
	enum pace { PACE_NONE, PACE_SLOW, PACE_TICK } pace; /* the timer's pace */
	bool active;	 /* session_receives() after the last round */
	bool status_due; /* status_update() has more to report */
	bool reload_due;
	unsigned int blind;  /* rounds since the last epoll_wait() */
	unsigned int unread; /* wake-ups since the last vmbus_ack() */
	unsigned int linger; /* ticks until the timer may stop */
	struct spin spin;
};

/* What epoll_wait() reported */
struct report {
	bool interrupt;
	bool error; /* the channel's descriptor has an error */
	bool tick;
};

int loop_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	/*
	 * When SIGXFSZ is ignored, write(2) returns an error at a file-size
	 * limit, and the signal does not end the daemon.
	 */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int add(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int channel_fd(const struct loop *loop)
{
	return vmbus_fd(loop->exchange->channel);
}

/* Return the descriptor that shows the end of a task; -1 without a thread. */
static int task_fd(const struct loop *loop)
{
	return loop->exchange->session.work.fd;
}

static int loop_open(struct loop *loop)
{
	int err;

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return -errno;
	loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer < 0) {
		err = -errno;
		goto err_epoll;
	}
	err = add(loop, channel_fd(loop), EPOLLIN | EPOLLET);
	if (!err)
		err = add(loop, loop->signals, EPOLLIN);
	if (!err)
		err = add(loop, loop->timer, EPOLLIN);
	if (!err && task_fd(loop) >= 0)
		err = add(loop, task_fd(loop), EPOLLIN);
	if (err)
		goto err_timer;
	return 0;

err_timer:
	close(loop->timer);
err_epoll:
	close(loop->epoll);
	return err;
}

static void loop_close(struct loop *loop)
{
	close(loop->timer);
	close(loop->epoll);
}

/* Whether the task that a held request waits for has ended */
static bool task_ended(const struct exchange *exchange)
{
	return exchange->session.held && !work_busy(&exchange->session.work);
}

/*
 * Whether exchange_run() has something to do. The function makes no system call
 * and leaves the interrupt mask alone.
 */
static bool has_packet(void *context)
{
	const struct exchange *exchange = context;
	struct vmbus_view view;

	/* exchange_run() handles every error of the ring or the packet. */
	return task_ended(exchange) || vmbus_peek(exchange->channel, &view, 1) != -EAGAIN;
}

/*
 * Look whether exchange_run() has something to do. Returns 1 if it has, 0 if
 * not, or -errno. After 0 the next packet, or the room that an answer waits
 * for, causes an interrupt.
 *
 * The function masks interrupts before it spins. The write(2) that signalled
 * the host has cleared the mask; see hvuio_irqcontrol() in kernel/event.c.
 */
static int look_for_work(struct loop *loop)
{
	struct exchange *exchange = loop->exchange;
	unsigned int events = exchange_events(exchange);

	if (!exchange->waiting && task_ended(exchange))
		return 1;
	if (loop->active && events == VMBUS_WAIT_RECV) {
		vmbus_mask(exchange->channel);
		if (spin_find(&loop->spin, has_packet, exchange))
			return 1;
	}
	return events ? vmbus_arm(exchange->channel, events) : 0;
}

/*
 * Read a signal. Returns 0 or the signal that ends the daemon; SIGHUP sets
 * @reload_due.
 */
static int read_signal(int signals, bool *reload_due)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo != SIGHUP)
		return info.ssi_signo;
	*reload_due = true;
	return 0;
}

/* Wait for events. Returns 0, the signal that ends the daemon, or -errno. */
static int wait_for_events(struct loop *loop, bool at_once, struct report *report)
{
	struct epoll_event events[4];
	uint64_t ticks;
	int n, end = 0;

	loop->blind = 0;
	n = epoll_wait(loop->epoll, events, 4, at_once ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n && !end; i++) {
		if (events[i].data.fd == loop->signals) {
			end = read_signal(loop->signals, &loop->reload_due);
		} else if (events[i].data.fd == loop->timer) {
			report->tick = read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks);
		} else if (events[i].data.fd == task_fd(loop)) {
			work_collect(&loop->exchange->session.work);
		} else {
			report->interrupt = true;
			report->error = events[i].events & (EPOLLERR | EPOLLHUP);
		}
	}
	return end;
}

/*
 * Acknowledge all interrupts, and mask further ones. One read(2) acknowledges
 * all interrupts of a UIO device, but only one interrupt of a channel in
 * memory.
 */
static int ack_interrupts(struct loop *loop)
{
	int err = 0;

	loop->unread = 0;
	for (int i = 0; i < INTERRUPTS_MAX && !err; i++)
		err = vmbus_ack(loop->exchange->channel);
	return err == -EAGAIN ? 0 : err;
}

/*
 * Whether the loop must read the interrupt now.
 *
 * The read notices a rescind. It also makes the event counter of the file equal
 * to that of the device; each interrupt that nobody reads increases the
 * difference. The edge-triggered epoll reports each new interrupt even while
 * the counters differ. So while packets arrive, one read at each tick is
 * enough. A rescind also appears as an error of the descriptor, and as an
 * interrupt without a packet.
 */
static bool must_read(const struct loop *loop, const struct report *report)
{
	const struct exchange *exchange = loop->exchange;

	if (report->tick || report->error || loop->unread >= WAKEUPS_UNREAD)
		return true;
	return report->interrupt &&
	       (!loop->active || exchange->waiting || !has_packet(loop->exchange));
}

/*
 * Mask interrupts before exchange_run(), because the host need not interrupt
 * while the daemon drains the ring.
 */
static int mask_interrupts(struct loop *loop, const struct report *report)
{
	if (report->interrupt)
		loop->unread++;
	if (must_read(loop, report))
		return ack_interrupts(loop);
	vmbus_mask(loop->exchange->channel);
	return 0;
}

static void set_timer(struct loop *loop)
{
	struct session *session = &loop->exchange->session;
	bool occupied = session_active(session), receives = session_receives(session);
	/* While a task occupies the thread, the status changes each second. */
	bool busy = receives || loop->linger || (loop->status_due && !occupied);
	enum pace pace = busy						       ? PACE_TICK :
			 occupied || silence_pending(&loop->exchange->silence) ? PACE_SLOW :
										 PACE_NONE;
	const struct timespec period = {
		.tv_sec = pace == PACE_SLOW ? SLOW_TICK_SEC : 0,
		.tv_nsec = pace == PACE_TICK ? TICK_NSEC : 0,
	};
	const struct itimerspec spec = { .it_interval = period, .it_value = period };

	if (pace != loop->pace && timerfd_settime(loop->timer, 0, &spec, NULL) == 0)
		loop->pace = pace;
}

/* Publish the status. Returns whether another call is due a tick later. */
static bool update_status(struct exchange *exchange)
{
	struct status status = {
		.view = session_view(&exchange->session),
		.host = &exchange->silence,
	};

	status.slow = session_slow(&exchange->session, &status.slow_seconds);
	return status_update(&status);
}

/*
 * Do everything that is due besides the host's messages. While a copy is
 * active, only ticks cost time.
 */
static void after_messages(struct loop *loop, bool tick)
{
	struct session *session = &loop->exchange->session;
	bool active;

	if (!tick) {
		loop->linger = LINGER_TICKS;
	} else {
		if (loop->linger)
			loop->linger--;
		/*
		 * The ring is empty now, so the host, and not this process, is
		 * the cause of a long pause.
		 */
		session_expire(session);
		log_tick();
	}
	active = session_receives(session);
	if (tick || !active || !loop->active)
		loop->status_due = update_status(loop->exchange);
	if (active && !loop->active)
		spin_begin(&loop->spin, has_packet, loop->exchange);
	loop->active = active;
	/* While a copy begins or ends, the thread reads the configuration. */
	if (loop->reload_due && !session_reads_policy(session)) {
		loop->reload_due = false;
		loop->reload();
	}
}

static bool host_is_silent(struct loop *loop)
{
	struct exchange *exchange = loop->exchange;

	return silence_look(&exchange->silence, exchange->channel, exchange->session.expired,
			    session_view(&exchange->session)->totals.files);
}

/* Serve the host. Returns the signal that ends the daemon, or -errno. */
static int serve(struct loop *loop)
{
	struct report report;
	int ready, end;

	for (;;) {
		report = (struct report){ .tick = false };
		ready = look_for_work(loop);
		if (ready < 0)
			return ready;
		if (!ready || ++loop->blind >= ROUNDS_BLIND) {
			end = wait_for_events(loop, ready, &report);
			if (end)
				return end;
		}
		end = mask_interrupts(loop, &report);
		if (end)
			return end;
		end = exchange_run(loop->exchange);
		if (end)
			return end;
		after_messages(loop, report.tick);
		if (report.tick && host_is_silent(loop))
			return -ETIMEDOUT;
		/* host_is_silent() may have changed what the timer must do. */
		set_timer(loop);
	}
}

int loop_run(struct exchange *exchange, int signals, void (*reload)(void))
{
	struct loop loop = { .exchange = exchange, .reload = reload, .signals = signals };
	int end;

	end = loop_open(&loop);
	if (end)
		return end;
	loop.status_due = update_status(exchange);
	set_timer(&loop);
	end = serve(&loop);
	loop_close(&loop);
	return end;
}

static int milliseconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000 + (now.tv_nsec - begun->tv_nsec) / 1000000;
}

int loop_wait(struct exchange *exchange, int signals, void (*reload)(void), unsigned int seconds)
{
	struct session *session = exchange ? &exchange->session : NULL;
	/* poll() ignores a negative descriptor. */
	struct pollfd fds[2] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = session ? session->work.fd : -1, .events = POLLIN },
	};
	bool reload_due = false, status_due;
	struct timespec begun;
	int left, end = 0;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (!end && (left = seconds * 1000 - milliseconds_since(&begun)) > 0) {
		status_due = exchange && update_status(exchange);
		if ((reload_due || status_due) && left > TICK_NSEC / 1000000)
			left = TICK_NSEC / 1000000;
		/* The status has the time for which a disk is slow. */
		if (session && session->running && left > SLOW_TICK_SEC * 1000)
			left = SLOW_TICK_SEC * 1000;
		if (poll(fds, 2, left) > 0 && fds[0].revents)
			end = read_signal(signals, &reload_due);
		if (session) {
			work_collect(&session->work);
			session_collect(session);
		}
		/* While a copy begins, the thread reads the configuration. */
		if (reload_due && !(session && session_reads_policy(session))) {
			reload_due = false;
			reload();
		}
	}
	/* Leave the reload to the next loop. */
	if (reload_due)
		raise(SIGHUP);
	return end;
}

/*
 * Wait for the host's next message, or for the end of the task that a request
 * waits for. Returns whether the caller can wait again.
 */
static bool wait_for_host(struct exchange *exchange, int left)
{
	struct work *work = &exchange->session.work;
	unsigned int events = exchange_events(exchange);
	struct pollfd fds[2] = {
		{ .fd = vmbus_fd(exchange->channel), .events = POLLIN },
		{ .fd = work->fd, .events = POLLIN },
	};
	int ready = events ? vmbus_arm(exchange->channel, events) : 0;

	if (ready < 0)
		return false;
	/* exchange_run() must also answer a request whose time has run out. */
	if (left > TICK_NSEC / 1000000)
		left = TICK_NSEC / 1000000;
	if (!ready && poll(fds, 2, left) < 0 && errno != EINTR)
		return false;
	work_collect(work);
	vmbus_ack(exchange->channel);
	return exchange_run(exchange) == 0;
}

void loop_stop(struct exchange *exchange)
{
	struct session *session = &exchange->session;
	bool stopped = session_stop(session), held = session->held;
	struct timespec begun;
	int left;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while ((stopped && !session->failure_reported) || exchange->waiting || session->held) {
		/* The host's time starts when it has all its answers. */
		if (held && !session->held)
			clock_gettime(CLOCK_MONOTONIC, &begun);
		held = session->held;
		left = (held ? SESSION_LIMIT_MSEC : STOP_MSEC) - milliseconds_since(&begun);
		if (left <= 0 || !wait_for_host(exchange, left))
			return;
	}
}
