// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file serves an integration component: it opens the device whenever it
 * appears, negotiates, and answers.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "internal.h"
#include "spin.h"

/* The maximum numbers of packets and spins in one vmbus_ic_dispatch() */
#define PACKETS_MAX 256
#define SPINS_MAX   64

/*
 * The maximum number of consecutive wake-ups that leave their interrupt unread,
 * and of interrupts that are read at once. The socket of a memory channel holds
 * fewer.
 */
#define UNREAD_MAX     64
#define INTERRUPTS_MAX 1024

#define MESSAGE_MAX	16384
#define PATIENCE_MS	120000
#define PATIENCE_MS_MAX 3600000
/*
 * The host has fallen silent after this number of consecutive looks at which it
 * owed something and had done nothing. A jump of the clock, after the machine
 * has stood still, counts as one look.
 */
#define LOOKS 8

#define NEVER (-1)

static const struct vmbus_ic_version default_frameworks[] = { { 3, 0 }, { 1, 0 } };

/* A message of the host with its answer */
struct request {
	struct vmbus_ic_request shown; /* the part that the program sees */
	struct request *next;
	struct vmbus_packet packet;
	uint64_t session;	 /* vmbus_ic.session when it came */
	struct request *repeats; /* the host sent it again, and both wait */
	unsigned char *message;
	alignas(8) unsigned char room[]; /* for the message, from MESSAGE_AT on */
};

#define MESSAGE_AT 4
_Static_assert((MESSAGE_AT + sizeof(struct vmbus_ic_header)) % 8 == 0, "the body's alignment");

struct vmbus_ic {
	struct vmbus_ic_options opt;
	struct vmbus_ic_version *versions; /* the memory for opt.frameworks and opt.messages */
	struct vmbus_open_options open;
	char *id;		 /* NULL: the channel is the caller's */
	struct vmbus_chan *chan; /* NULL: not open */
	int dead;		 /* why the channel of the caller has ended, or 0 */

	int epoll; /* watches the channel, the timer, and what stops vmbus_ic_serve() */
	int timer;
	int64_t timer_at; /* the time for which the timer is set, in ms; or NEVER */
	bool again;	  /* the next vmbus_ic_dispatch() is due at once */
	bool running;	  /* inside vmbus_ic_dispatch() */
	int end;	  /* vmbus_ic_dispatch() returns this */

	/* what the epoll instance has reported since the last look */
	bool interrupt, hung_up;
	unsigned int unread; /* wake-ups since the last vmbus_ack() */
	struct spin spin;

	bool heard;  /* the host has sent a packet since the open */
	bool agreed; /* the host and the program have agreed on these versions */
	struct vmbus_ic_version framework, message;
	uint64_t session; /* grows when the host forgets its requests */
	struct request *spare;
	struct request *later; /* requests that wait for vmbus_ic_reply() */
	unsigned int later_count;
	struct request *newest;		/* the newest request, if it waits so */
	struct request *out, **out_end; /* answers that wait for room */

	int64_t retry_at; /* without a channel: when to look for the device */
	int retry_ms;	  /* the time between two looks */
	int told_error;	  /* why the program waits, and the message; or 0 */
	char *told;

	int64_t look_at;    /* with a channel: when to look at the host, or NEVER */
	unsigned int looks; /* consecutive looks at which the host was silent */
	uint64_t progress;  /* the host's progress at the last look */
	int64_t patience_ms;

	struct vmbus_ic_stats stats;
};

static struct request *request_alloc(const struct vmbus_ic *ic)
{
	struct request *r = malloc(sizeof(*r) + MESSAGE_AT + ic->opt.max_message);

	if (!r)
		return NULL;
	r->message = r->room + MESSAGE_AT;
	r->repeats = NULL;
	return r;
}

/*
 * Free the memory of a request, or keep it as the spare. One spare is enough
 * for a host that works in lockstep.
 */
static void request_free(struct vmbus_ic *ic, struct request *r)
{
	if (ic->spare)
		free(r);
	else
		ic->spare = r;
}

/* Free the requests of a list and their repeats, which get no answer. */
static void drop_list(struct vmbus_ic *ic, struct request *r)
{
	while (r) {
		struct request *next = r->next;

		drop_list(ic, r->repeats);
		r->repeats = NULL;
		ic->stats.lost++;
		request_free(ic, r);
		r = next;
	}
}

/* The first value that a callback returns and is not 0 ends the dispatch. */
static void end_with(struct vmbus_ic *ic, int end)
{
	if (!ic->end)
		ic->end = end;
}

/* Show a message of the host, or an answer, to the program. */
static void trace(struct vmbus_ic *ic, const struct request *r, int answer)
{
	if (ic->opt.trace)
		ic->opt.trace(ic, answer, &r->packet, r->message, ic->opt.ctx);
}

static void tell(struct vmbus_ic *ic, enum vmbus_ic_event_kind kind, int error, const char *reason)
{
	const struct vmbus_ic_event event = {
		.struct_size = sizeof(event),
		.kind = kind,
		.error = error,
		.reason = reason,
		.framework = ic->framework,
		.message = ic->message,
	};

	if (ic->opt.event)
		end_with(ic, ic->opt.event(ic, &event, ic->opt.ctx));
}

static void __attribute__((format(printf, 2, 3))) skipped(struct vmbus_ic *ic, const char *fmt, ...)
{
	char reason[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	ic->stats.skipped++;
	tell(ic, VMBUS_IC_EVENT_SKIPPED, -EPROTO, reason);
}

/*
 * Queue one answer. If there is no room, return -EAGAIN, and the caller keeps
 * the request. Otherwise free the request, and return 0 or why the channel has
 * ended.
 */
static int queue_answer(struct vmbus_ic *ic, struct request *r)
{
	int err = vmbus_queue(ic->chan, VMBUS_PACKET_INBAND, 0, r->packet.transaction_id,
			      r->message, r->packet.length);

	if (err == -EAGAIN)
		return err;
	if (!err) {
		ic->stats.answers++;
		trace(ic, r, 1);
	} else {
		ic->stats.lost++;
	}
	if (err == -EMSGSIZE) {
		tell(ic, VMBUS_IC_EVENT_SKIPPED, err, "an answer larger than the ring to the host");
		err = 0;
	}
	request_free(ic, r);
	return err;
}

/*
 * Queue the answer after those that wait for room. Return 0, or why the channel
 * has ended.
 */
static int send_answer(struct vmbus_ic *ic, struct request *r)
{
	int err = ic->out ? -EAGAIN : queue_answer(ic, r);

	if (err != -EAGAIN)
		return err;
	r->next = NULL;
	*ic->out_end = r;
	ic->out_end = &r->next;
	return 0;
}

/*
 * Queue the answers that wait for room. Return 0, or why the channel has ended.
 */
static int send_waiting(struct vmbus_ic *ic)
{
	while (ic->out) {
		struct request *r = ic->out;
		int err;

		/*
		 * The callback may append an answer while this one is queued.
		 */
		ic->out = r->next;
		if (!ic->out)
			ic->out_end = &ic->out;
		err = queue_answer(ic, r);
		if (err == -EAGAIN) {
			r->next = ic->out;
			ic->out = r;
			if (!r->next)
				ic->out_end = &r->next;
			return 0;
		}
		if (err)
			return err;
	}
	return 0;
}

static int negotiate(struct vmbus_ic *ic, struct request *r)
{
	int refused, err;

	refused =
		ic_negotiate(r->message, r->packet.length, &ic->opt, &ic->framework, &ic->message);
	if (refused == -EPROTO) {
		skipped(ic, "a negotiation of %u bytes, less than its versions need",
			r->packet.length);
		request_free(ic, r);
		return 0;
	}
	ic->session++;
	ic->agreed = !refused;
	err = send_answer(ic, r);
	if (ic->agreed) {
		ic->stats.negotiated++;
		ic->retry_ms = RETRY_MS_MIN;
		tell(ic, VMBUS_IC_EVENT_NEGOTIATED, 0, "");
	} else {
		tell(ic, VMBUS_IC_EVENT_REFUSED, refused,
		     "the host and the program have no version in common");
	}
	return err;
}

static int answer(struct vmbus_ic *ic, struct request *r, uint32_t status)
{
	ic_answer(r->message, status);
	return send_answer(ic, r);
}

/*
 * Whether @r repeats the newest request, which waits for vmbus_ic_reply(): they
 * differ at most in their transaction ids.
 */
static bool is_repeat(const struct vmbus_ic *ic, const struct request *r)
{
	const struct request *first = ic->newest;
	const size_t header = sizeof(struct vmbus_ic_header);

	return first && first->session == ic->session && r->packet.length == first->packet.length &&
	       !memcmp(r->message, first->message,
		       offsetof(struct vmbus_ic_header, transaction_id)) &&
	       !memcmp(r->message + header, first->message + header, r->packet.length - header);
}

/*
 * Let a repeat of the newest request wait with it. The host has given up the
 * oldest of many repeats.
 */
static void keep_repeat(struct vmbus_ic *ic, struct request *r)
{
	struct request **at = &ic->newest->repeats;

	ic->stats.repeated++;
	r->next = *at;
	*at = r;
	for (int kept = 0; kept < VMBUS_IC_LATER_MAX && *at; kept++)
		at = &(*at)->next;
	drop_list(ic, *at);
	*at = NULL;
}

/* Pass a request to the program, and answer it as the program decides. */
static int serve_request(struct vmbus_ic *ic, struct request *r)
{
	struct request **at = &ic->later;
	uint32_t status;

	ic->patience_ms = ic->opt.patience_ms;
	if (is_repeat(ic, r)) {
		keep_repeat(ic, r);
		return 0;
	}
	ic->newest = NULL;

	/* The program may have changed an earlier request in this memory. */
	r->shown.struct_size = sizeof(r->shown);
	r->shown.body = r->message + sizeof(r->shown.header);
	r->shown.framework = ic->framework;
	r->shown.message = ic->message;
	r->shown.length = r->packet.length - sizeof(r->shown.header);
	r->session = ic->session;
	ic->stats.requests++;
	/*
	 * The program may answer the request from inside the callback, or later
	 * from inside that of another request.
	 */
	r->next = ic->later;
	ic->later = r;
	ic->later_count++;
	status = ic->opt.request(ic, &r->shown, ic->opt.ctx);
	while (*at && *at != r)
		at = &(*at)->next;
	if (!*at)
		return 0;
	if (status == VMBUS_IC_LATER) {
		ic->newest = r;
		return 0;
	}
	*at = r->next;
	ic->later_count--;
	return answer(ic, r, status);
}

/* Handle a message. Return 0, or why the channel has ended. */
static int handle_message(struct vmbus_ic *ic, struct request *r)
{
	struct vmbus_ic_header *hdr = &r->shown.header;

	if (r->packet.type != VMBUS_PACKET_INBAND) {
		skipped(ic, "a packet of type %u", r->packet.type);
	} else if (ic_parse(r->message, r->packet.length, hdr)) {
		skipped(ic, "a packet of %u bytes, less than a header", r->packet.length);
	} else if ((hdr->flags & (VMBUS_IC_FLAG_REQUEST | VMBUS_IC_FLAG_RESPONSE)) ==
		   VMBUS_IC_FLAG_RESPONSE) {
		/* Two sides that answer answers could do so forever. */
		skipped(ic, "an answer that nobody asked for");
	} else if (hdr->type == VMBUS_IC_NEGOTIATE) {
		return negotiate(ic, r);
	} else if (!ic->agreed) {
		return answer(ic, r, VMBUS_E_NOT_CONNECTED);
	} else {
		return serve_request(ic, r);
	}
	request_free(ic, r);
	return 0;
}

/*
 * Receive one packet. Return 0, -EAGAIN (there is none), or why the channel has
 * ended.
 */
static int receive_request(struct vmbus_ic *ic)
{
	struct request *r = ic->spare ? ic->spare : request_alloc(ic);
	int err;

	if (!r) {
		ic->end = fail(-ENOMEM, "out of memory");
		return -EAGAIN;
	}
	ic->spare = r;
	err = vmbus_recv(ic->chan, &r->packet, r->message, ic->opt.max_message);
	if (err && err != -EPROTO && err != -ENOBUFS)
		return err;
	ic->heard = true;
	spin_end(&ic->spin);
	if (!err) {
		ic->spare = NULL;
		trace(ic, r, 0);
		return handle_message(ic, r);
	}
	if (err == -EPROTO)
		skipped(ic, "a packet with impossible lengths, and what came after it");
	else
		skipped(ic, "a packet of %u bytes; the limit is %u", r->packet.length,
			ic->opt.max_message);
	return vmbus_skip(ic->chan);
}

/*
 * Return the events to wait for. 0 means that only the end of the channel and
 * vmbus_ic_reply() matter.
 */
static unsigned int events(const struct vmbus_ic *ic)
{
	if (ic->out)
		return VMBUS_WAIT_SEND;
	return ic->later_count < VMBUS_IC_LATER_MAX ? VMBUS_WAIT_RECV : 0;
}

/*
 * Mask interrupts, because the host need not interrupt while the object drains
 * the ring. Read the interrupt only if that is necessary: the edge-triggered
 * epoll instance reports each new one, even if others are unread. A rescind is
 * an error of the descriptor, or an interrupt without a packet. Return 0, or
 * why the channel has ended.
 */
static int take_interrupts(struct vmbus_ic *ic)
{
	int err = 0;

	ic->unread += ic->interrupt;
	/* Look at the ring last, because a rescind takes it away. */
	if (!ic->hung_up && !ic->chan->fd_is_fifo && ic->unread < UNREAD_MAX &&
	    (!ic->interrupt || (events(ic) == VMBUS_WAIT_RECV && has_packet(ic->chan)))) {
		ic->interrupt = false;
		mask_interrupts(ic->chan);
		return 0;
	}
	ic->interrupt = ic->hung_up = false;
	ic->unread = 0;
	for (int i = 0; i < INTERRUPTS_MAX && !err; i++)
		err = vmbus_ack(ic->chan);
	return err == -EAGAIN ? 0 : err;
}

/*
 * Receive and answer at most PACKETS_MAX packets. Return 0, or why the channel
 * has ended.
 */
static int run(struct vmbus_ic *ic)
{
	int left = PACKETS_MAX, spins = SPINS_MAX, ready, err, flushed;

	do {
		err = send_waiting(ic);
		while (!err && !ic->end && left && events(ic) == VMBUS_WAIT_RECV) {
			left--;
			err = receive_request(ic);
		}
		/* Even after an error the host may still get the answers. */
		flushed = vmbus_flush(ic->chan);
		if (err && err != -EAGAIN)
			return err;
		if (flushed)
			return flushed;
		ready = err == -EAGAIN && !ic->end && spins-- > 0 && spin_find(&ic->spin, ic->chan);
		if (!ready && events(ic))
			ready = vmbus_arm(ic->chan, events(ic));
		if (ready < 0)
			return ready;
	} while (ready && left && !ic->end);
	if (ready)
		ic->again = true;
	return 0;
}

/*
 * Check whether the host does what it owes: it reads answers, and negotiates if
 * the object receives. Return 0, or -ETIMEDOUT if it has fallen silent.
 */
static int look(struct vmbus_ic *ic)
{
	int unread = tx_used(ic->chan);
	int64_t now = now_ms();
	struct vmbus_stats stats;
	uint64_t progress;
	bool owes;

	if (unread < 0)
		return unread;
	owes = unread || (!ic->heard && events(ic));
	/*
	 * While the host sends messages, do not set the timer, because each
	 * setting is a system call.
	 */
	if (ic->look_at == NEVER ? !owes : now < ic->look_at)
		return 0;
	vmbus_stats(ic->chan, &stats, sizeof(stats));
	progress = stats.rx_packets + stats.tx_bytes - unread;
	if (ic->look_at == NEVER || progress != ic->progress)
		ic->looks = 0;
	else
		ic->looks++;
	ic->progress = progress;
	ic->look_at = owes ? now + (ic->patience_ms + LOOKS - 1) / LOOKS : NEVER;
	if (ic->look_at == NEVER || ic->looks < LOOKS)
		return 0;
	if (ic->patience_ms < PATIENCE_MS_MAX / 2)
		ic->patience_ms *= 2;
	else if (ic->patience_ms < PATIENCE_MS_MAX)
		ic->patience_ms = PATIENCE_MS_MAX;
	return -ETIMEDOUT;
}

static const char *why_closed(const struct vmbus_ic *ic, int err)
{
	switch (err) {
	case -ENODEV:
		return "the device went away, or the machine was suspended";
	case -EIO:
		return "the host wrote an impossible index";
	case -ETIMEDOUT:
		return ic->heard ? "the host has fallen silent: it does not read the answers" :
				   "the host has fallen silent: it does not negotiate";
	default:
		return strerror(-err);
	}
}

/* Close the channel, which has ended. */
static void close_channel(struct vmbus_ic *ic, int err)
{
	const char *reason = why_closed(ic, err);

	/*
	 * A child of fork() may also have the descriptor open, and epoll would
	 * then keep it.
	 */
	epoll_ctl(ic->epoll, EPOLL_CTL_DEL, vmbus_fd(ic->chan), NULL);
	if (ic->id)
		vmbus_close(ic->chan);
	ic->chan = NULL;
	ic->interrupt = ic->hung_up = false;
	ic->unread = 0;
	ic->newest = NULL;
	ic->spin = (struct spin){ .length = 0 };
	drop_list(ic, ic->out);
	ic->out = NULL;
	ic->out_end = &ic->out;
	ic->agreed = false;
	ic->session++;
	ic->retry_at = now_ms() + ic->retry_ms;
	tell(ic, VMBUS_IC_EVENT_CLOSED, err, reason);
	if (!ic->id) {
		ic->dead = fail(err, "%s", reason);
		end_with(ic, err);
	}
}

/* Return 0 if the device may be opened, or -errno with a text. */
static int check_device(const struct vmbus_device *dev)
{
	char state[16];

	if (device_is_offered(dev) == 0)
		return fail(-ENODEV, "%s: the host has not offered the device again",
			    dev->instance);
	if (dev->driver && !dev->uio && strcmp(dev->driver, "uio_hv_generic"))
		return fail(-EBUSY, "%s: the driver %s has the device, not uio_hv_generic",
			    dev->instance, dev->driver);
	/*
	 * Two programs would steal each other's packets. Only the module of
	 * this project has the attribute.
	 */
	if (!vmbus_device_attribute(dev, "uio_hv_generic/state", state, sizeof(state)) &&
	    !strcmp(state, "open"))
		return fail(-EBUSY, "%s: another program has the device open", dev->instance);
	return 0;
}

/* What a descriptor in the epoll instance is */
enum watched { CHANNEL, TIMER, STOP };

static int watch(const struct vmbus_ic *ic, int fd, enum watched what)
{
	struct epoll_event event = {
		.events = what == CHANNEL ? EPOLLIN | EPOLLET : EPOLLIN,
		.data.u32 = what,
	};

	return epoll_ctl(ic->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_channel(struct vmbus_ic *ic)
{
	struct vmbus_device *dev;
	int err;

	err = vmbus_device_find(ic->id, &dev);
	if (err)
		return err;
	err = check_device(dev);
	if (!err)
		err = channel_open(dev, &ic->open, &ic->chan);
	if (err) {
		vmbus_device_free(dev);
		return err;
	}
	err = watch(ic, vmbus_fd(ic->chan), CHANNEL);
	if (err) {
		fail(err, "%s: epoll_ctl: %s", ic->chan->device->path, strerror(-err));
		vmbus_close(ic->chan);
		ic->chan = NULL;
	}
	return err;
}

/* Tell the program why it waits, unless it already knows. */
static void tell_waiting(struct vmbus_ic *ic, int err)
{
	const char *reason = vmbus_error();

	if (ic->told_error == err && ic->told && !strcmp(ic->told, reason))
		return;
	free(ic->told);
	ic->told = strdup(reason);
	ic->told_error = err;
	tell(ic, VMBUS_IC_EVENT_WAITING, err, ic->told ? ic->told : strerror(-err));
}

static void try_open(struct vmbus_ic *ic)
{
	int err = open_channel(ic);

	/*
	 * Wait longer even after a success, because the host may break each new
	 * channel at once.
	 */
	ic->retry_ms *= 2;
	if (ic->retry_ms > RETRY_MS_MAX)
		ic->retry_ms = RETRY_MS_MAX;
	if (err) {
		ic->retry_at = now_ms() + ic->retry_ms / 2;
		tell_waiting(ic, err);
		return;
	}
	free(ic->told);
	ic->told = NULL;
	ic->heard = false;
	ic->look_at = NEVER;
	ic->stats.opened++;
	tell(ic, VMBUS_IC_EVENT_OPENED, 0, "");
}

/* Set the timer to the time at which the object has something to do. */
static void set_timer(struct vmbus_ic *ic)
{
	int64_t at = ic->again || ic->end || ic->dead ? 0 : ic->chan ? ic->look_at : ic->retry_at;
	struct itimerspec spec = { .it_value = { .tv_nsec = 0 } };

	/* Setting a timer that has expired makes it unreadable. */
	if (at == ic->timer_at && (at == NEVER || at > now_ms()))
		return;
	if (at != NEVER) {
		spec.it_value.tv_sec = at / 1000;
		spec.it_value.tv_nsec = at % 1000 * 1000000;
		/* Zero would disarm the timer. */
		if (!at)
			spec.it_value.tv_nsec = 1;
	}
	timerfd_settime(ic->timer, TFD_TIMER_ABSTIME, &spec, NULL);
	ic->timer_at = at;
}

/*
 * Wait at most @timeout ms for an event, and note what the epoll instance
 * reports. Return whether vmbus_ic_serve() is to stop, or -errno. A signal is
 * no reason to stop: the kernel interrupts epoll_wait(2) also without a
 * handler, when it freezes the process for a hibernation.
 */
static int collect(struct vmbus_ic *ic, int timeout)
{
	struct epoll_event events[3];
	int n = epoll_wait(ic->epoll, events, 3, timeout), stop = 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (events[i].data.u32 == STOP)
			stop = 1;
		if (events[i].data.u32 != CHANNEL)
			continue;
		ic->interrupt = true;
		ic->hung_up |= !!(events[i].events & (EPOLLERR | EPOLLHUP));
	}
	return stop;
}

/* Do what is due. Return what vmbus_ic_dispatch() returns. */
static int work(struct vmbus_ic *ic)
{
	int err;

	ic->end = ic->dead;
	if (ic->dead)
		fail(ic->dead, "%s", why_closed(ic, ic->dead));
	ic->again = false;
	ic->running = true;
	if (!ic->chan && !ic->end && now_ms() >= ic->retry_at)
		try_open(ic);
	if (ic->chan && !ic->end) {
		err = take_interrupts(ic);
		if (!err)
			err = run(ic);
		if (!err)
			err = look(ic);
		if (err)
			close_channel(ic, err);
	}
	ic->running = false;
	set_timer(ic);
	return ic->end;
}

int vmbus_ic_dispatch(struct vmbus_ic *ic)
{
	const int cancel = cancel_defer();
	int result;

	/* After an error, the descriptor is still readable. */
	collect(ic, 0);
	result = work(ic);
	cancel_restore(cancel);
	return result;
}

/* Make vmbus_ic_fd() readable, so that the next dispatch comes at once. */
static void look_again(struct vmbus_ic *ic)
{
	ic->again = true;
	set_timer(ic);
}

struct serving {
	struct vmbus_ic *ic;
	int stop;
	bool cancelled;
};

static void serving_ends(void *arg)
{
	const struct serving *s = arg;

	if (s->stop >= 0)
		epoll_ctl(s->ic->epoll, EPOLL_CTL_DEL, s->stop, NULL);
	/* The epoll instance does not report the same interrupt again. */
	if (s->cancelled || s->ic->interrupt)
		look_again(s->ic);
}

/* Serve until the program is to stop. Return what vmbus_ic_serve() returns. */
static int serve(struct vmbus_ic *ic)
{
	int stop, cancel, err;

	for (;;) {
		stop = collect(ic, -1);
		if (stop)
			return stop < 0 ? fail(stop, "epoll_wait: %s", strerror(-stop)) : 0;
		/* A cancellation while it opens would leave the device open. */
		cancel = cancel_defer();
		err = work(ic);
		cancel_restore(cancel);
		if (err)
			return err;
	}
}

int vmbus_ic_serve(struct vmbus_ic *ic, int stop)
{
	struct serving serving = { .ic = ic, .stop = stop, .cancelled = true };
	int err = stop < 0 ? 0 : watch(ic, stop, STOP);

	if (err)
		return fail(err, "descriptor %d: %s", stop, strerror(-err));
	pthread_cleanup_push(serving_ends, &serving);
	err = serve(ic);
	serving.cancelled = false;
	pthread_cleanup_pop(1);
	return err;
}

/*
 * Give a request and its repeats the same answer. Return 0, or why the channel
 * has ended.
 */
static int answer_all(struct vmbus_ic *ic, struct request *r, uint32_t status)
{
	const size_t header = sizeof(struct vmbus_ic_header);
	struct request *repeat = r->repeats, *next;
	int err;

	for (next = repeat; next; next = next->next)
		memcpy(next->message + header, r->message + header, r->packet.length - header);
	r->repeats = NULL;
	err = answer(ic, r, status);
	for (; repeat && !err; repeat = next) {
		next = repeat->next;
		err = answer(ic, repeat, status);
	}
	drop_list(ic, repeat);
	return err;
}

int vmbus_ic_reply(struct vmbus_ic *ic, struct vmbus_ic_request *request, uint32_t status)
{
	struct request **at = &ic->later, *r;
	int err;

	while (*at && &(*at)->shown != request)
		at = &(*at)->next;
	r = *at;
	if (!r || status == VMBUS_IC_LATER)
		return -EINVAL;
	*at = r->next;
	r->next = NULL;
	if (ic->newest == r)
		ic->newest = NULL;
	ic->later_count--;
	if (r->session != ic->session) {
		drop_list(ic, r);
		err = -ESTALE;
	} else if (r->packet.length > ic->chan->tx.max_payload) {
		drop_list(ic, r);
		err = -EMSGSIZE;
	} else {
		err = answer_all(ic, r, status);
		if (!err && !ic->running)
			err = vmbus_flush(ic->chan);
		/*
		 * The channel has ended. vmbus_ic_dispatch() will notice it,
		 * too.
		 */
		if (err)
			err = -ESTALE;
	}
	/*
	 * The object may now accept another request, or have an answer that
	 * waits.
	 */
	if (!ic->running)
		look_again(ic);
	return err;
}

int vmbus_ic_fd(const struct vmbus_ic *ic)
{
	return ic->epoll;
}

const struct vmbus_chan *vmbus_ic_chan(const struct vmbus_ic *ic)
{
	return ic->chan;
}

void vmbus_ic_stats(const struct vmbus_ic *ic, struct vmbus_ic_stats *stats, size_t size)
{
	copy_out(stats, size, &ic->stats, sizeof(ic->stats));
}

/*
 * Copy both lists of versions into memory of the object. Return 0 or -ENOMEM.
 */
static int copy_versions(struct vmbus_ic *ic)
{
	struct vmbus_ic_options *opt = &ic->opt;
	const size_t size = sizeof(*ic->versions);

	ic->versions = calloc(opt->framework_count + opt->message_count, size);
	if (!ic->versions)
		return fail(-ENOMEM, "out of memory");
	memcpy(ic->versions, opt->frameworks, opt->framework_count * size);
	memcpy(ic->versions + opt->framework_count, opt->messages, opt->message_count * size);
	opt->frameworks = ic->versions;
	opt->messages = ic->versions + opt->framework_count;
	return 0;
}

static int copy_options(struct vmbus_ic *ic, const struct vmbus_ic_options *from)
{
	struct vmbus_ic_options *opt = &ic->opt;
	int err;

	if (!from)
		return fail(-EINVAL, "no options");
	err = copy_struct(opt, sizeof(*opt), from, from->struct_size, IC_OPTIONS_SIZE_0_1);
	if (err)
		return err;
	if (opt->flags || opt->reserved)
		return fail(-EINVAL, "flags 0x%x, reserved 0x%x: both have to be 0", opt->flags,
			    opt->reserved);
	if (!opt->request)
		return fail(-EINVAL, "no callback for requests");
	if (!opt->message_count || opt->message_count > VMBUS_IC_MAX_VERSIONS ||
	    opt->framework_count > VMBUS_IC_MAX_VERSIONS)
		return fail(
			-EINVAL,
			"message_count %zu, framework_count %zu: 1 to %u and 0 to %u may be there",
			opt->message_count, opt->framework_count, VMBUS_IC_MAX_VERSIONS,
			VMBUS_IC_MAX_VERSIONS);
	if (!opt->framework_count) {
		opt->frameworks = default_frameworks;
		opt->framework_count = sizeof(default_frameworks) / sizeof(default_frameworks[0]);
	}
	if (!opt->frameworks || !opt->messages)
		return fail(-EINVAL, "%s is NULL, and %s is not 0",
			    opt->messages ? "frameworks" : "messages",
			    opt->messages ? "framework_count" : "message_count");
	if (!opt->max_message)
		opt->max_message = MESSAGE_MAX;
	if (opt->max_message < sizeof(struct vmbus_ic_header) || opt->max_message > RING_PACKET_MAX)
		return fail(-EINVAL, "max_message of %u bytes: it has to be %zu to %u",
			    opt->max_message, sizeof(struct vmbus_ic_header), RING_PACKET_MAX);
	if (!opt->patience_ms)
		opt->patience_ms = PATIENCE_MS;
	err = copy_open_options(opt->open, &ic->open);
	if (err)
		return err;
	if (ic->open.flags & (VMBUS_OPEN_POLL | VMBUS_OPEN_SENDERS | VMBUS_OPEN_SPIN))
		return fail(
			-EINVAL,
			"open->flags of 0x%x: neither poll mode nor several senders are possible",
			ic->open.flags);
	return copy_versions(ic);
}

/* Create an object without a channel. */
static int ic_alloc(const struct vmbus_ic_options *options, struct vmbus_ic **result)
{
	struct vmbus_ic *ic = calloc(1, sizeof(*ic));
	int err;

	*result = NULL;
	if (!ic)
		return fail(-ENOMEM, "out of memory");
	ic->epoll = ic->timer = -1;
	ic->out_end = &ic->out;
	ic->retry_ms = RETRY_MS_MIN;
	ic->look_at = ic->timer_at = NEVER;
	err = copy_options(ic, options);
	if (err)
		goto err_free;
	ic->patience_ms = ic->opt.patience_ms;
	ic->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ic->epoll < 0) {
		err = fail(-errno, "epoll_create1: %s", strerror(errno));
		goto err_free;
	}
	ic->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ic->timer < 0) {
		err = fail(-errno, "timerfd_create: %s", strerror(errno));
		goto err_free;
	}
	err = watch(ic, ic->timer, TIMER);
	if (err) {
		fail(err, "epoll: %s", strerror(-err));
		goto err_free;
	}
	/* The first vmbus_ic_dispatch() is due at once. */
	ic->again = true;
	set_timer(ic);
	*result = ic;
	return 0;

err_free:
	vmbus_ic_free(ic);
	return err;
}

int vmbus_ic_new(const char *id, const struct vmbus_ic_options *options, struct vmbus_ic **result)
{
	char guid[GUID_SIZE];
	struct vmbus_ic *ic;
	int err;

	*result = NULL;
	if (!class_find(id) && guid_parse(id, guid))
		return fail(-EINVAL, "'%s' is neither the name of a device class nor a GUID", id);
	err = ic_alloc(options, &ic);
	if (err)
		return err;
	if (!ic->opt.event) {
		err = fail(-EINVAL, "no callback for events");
		goto err_free;
	}
	ic->id = strdup(id);
	if (!ic->id) {
		err = fail(-ENOMEM, "out of memory");
		goto err_free;
	}
	*result = ic;
	return 0;

err_free:
	vmbus_ic_free(ic);
	return err;
}

int vmbus_ic_from_chan(struct vmbus_chan *chan, const struct vmbus_ic_options *options,
		       struct vmbus_ic **result)
{
	struct vmbus_ic *ic;
	int err;

	*result = NULL;
	if (vmbus_fd(chan) < 0 || chan->poll_mode || chan->producers)
		return fail(
			-EOPNOTSUPP,
			"a channel without descriptor, in poll mode, or with several producers");
	err = ic_alloc(options, &ic);
	if (err)
		return err;
	err = watch(ic, vmbus_fd(chan), CHANNEL);
	if (err) {
		fail(err, "epoll: %s", strerror(-err));
		vmbus_ic_free(ic);
		return err;
	}
	ic->chan = chan;
	*result = ic;
	return 0;
}

void vmbus_ic_free(struct vmbus_ic *ic)
{
	if (!ic)
		return;
	if (ic->id)
		vmbus_close(ic->chan);
	drop_list(ic, ic->later);
	drop_list(ic, ic->out);
	free(ic->spare);
	if (ic->timer >= 0)
		close(ic->timer);
	if (ic->epoll >= 0)
		close(ic->epoll);
	free(ic->told);
	free(ic->versions);
	free(ic->id);
	free(ic);
}
