// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A driver with a raw channel in an epoll loop. It sends numbered requests, up
 * to WINDOW of them at a time. The host may complete them in any order, so the
 * driver matches each completion to its request by the transaction id. If the
 * device goes away, the driver sends the unanswered ones again when it is back.
 *
 *	requests ID COUNT	send COUNT requests to a device: class or GUID
 *	requests --demo		also play the host, in memory, without Hyper-V
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <vmbus_bufring.h>

#define WINDOW 8

/* A request that has no answer yet */
struct request {
	uint64_t id; /* 0: none */
	uint64_t number;
	bool sent;
};

struct driver {
	struct vmbus_chan *chan; /* NULL: the device is away */
	const char *id;		 /* NULL: the demonstration has no device */
	int epoll, signals, timer;
	bool full;	  /* a request waits for room in the ring */
	char reason[256]; /* why the device does not open, as last printed */
	struct request window[WINDOW];
	uint64_t ids, begun, answered, count;
};

static int watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST ? -errno : 0;
}

/*
 * Choose an id that says where the request is in the window, and that no other
 * request has had. So the driver finds the request of a completion without a
 * search, and an id that is out of date or invented matches no request.
 */
static uint64_t new_id(struct driver *d, unsigned int slot)
{
	return ++d->ids * WINDOW + slot;
}

/* Fill the window, and send what was not sent. Return 0 or -errno. */
static int send_requests(struct driver *d)
{
	d->full = false;
	for (unsigned int slot = 0; slot < WINDOW; slot++) {
		struct request *r = &d->window[slot];
		int err;

		if (!r->id && d->begun < d->count)
			*r = (struct request){ new_id(d, slot), ++d->begun, false };
		if (!r->id || r->sent)
			continue;
		err = vmbus_queue(d->chan, VMBUS_PACKET_INBAND, VMBUS_PACKET_COMPLETION_REQUESTED,
				  r->id, &r->number, sizeof(r->number));
		if (err && err != -EAGAIN)
			return err;
		d->full = err == -EAGAIN;
		if (d->full)
			break;
		r->sent = true;
	}
	return vmbus_flush(d->chan); /* one signal for all of them */
}

static void complete(struct driver *d, uint64_t id, uint64_t result)
{
	struct request *r = &d->window[id % WINDOW];

	/* The host is not trusted. */
	if (!r->id || r->id != id) {
		fprintf(stderr, "the host sent a completion with an unknown id\n");
		return;
	}
	printf("request %llu: %llu\n", (unsigned long long)r->number, (unsigned long long)result);
	d->answered++;
	r->id = 0;
}

/* Receive until the ring is empty. Return 0 or -errno. */
static int receive(struct driver *d)
{
	struct vmbus_packet packet;
	uint64_t result;
	int err;

	for (;;) {
		err = vmbus_recv(d->chan, &packet, &result, sizeof(result));
		if (!err && packet.type == VMBUS_PACKET_COMPLETION &&
		    packet.length == sizeof(result))
			complete(d, packet.transaction_id, result);
		else if (!err || err == -ENOBUFS || err == -EPROTO)
			fprintf(stderr, "skipped a packet that is not a completion\n");
		if (err == -ENOBUFS || err == -EPROTO)
			err = vmbus_skip(d->chan);
		if (err)
			return err == -EAGAIN ? 0 : err;
	}
}

/*
 * Open the device. Return 0, -EAGAIN if the timer expires at the next attempt,
 * or -errno.
 */
static int open_device(struct driver *d)
{
	int err = vmbus_open_retry(d->id, NULL, &d->timer, &d->chan);
	const char *reason = err == -EAGAIN ? vmbus_error() : "";

	if (strncmp(reason, d->reason, sizeof(d->reason) - 1) && *reason)
		fprintf(stderr, "waiting: %s\n", reason);
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
	if (err == -EAGAIN)
		return watch(d->epoll, d->timer) ? -errno : err;
	if (!err)
		err = watch(d->epoll, vmbus_fd(d->chan));
	/* A new channel knows nothing of what was sent on the old one. */
	for (unsigned int slot = 0; slot < WINDOW; slot++)
		d->window[slot].sent = false;
	return err;
}

/*
 * Do all that is possible now. Return 0 if the caller may sleep, a positive
 * number if there is more to do, or -errno.
 */
static int work(struct driver *d)
{
	int err = d->chan ? 0 : open_device(d);

	if (err)
		return err == -EAGAIN ? 0 : err;
	err = receive(d);
	if (!err)
		err = send_requests(d);
	if (!err)
		err = vmbus_arm(d->chan, VMBUS_WAIT_RECV | (d->full ? VMBUS_WAIT_SEND : 0));
	if (err != -ENODEV || !d->id)
		return err;
	/* The host took the device away. epoll forgets a closed channel. */
	vmbus_close(d->chan);
	d->chan = NULL;
	return 1;
}

static int loop(struct driver *d)
{
	struct epoll_event event;
	int more = 0, n;

	while (d->answered < d->count) {
		more = work(d);
		if (more < 0)
			return more;
		n = epoll_wait(d->epoll, &event, 1, more || d->answered == d->count ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && event.data.fd == d->signals)
			return -ECANCELED;
		if (n > 0 && d->chan && event.data.fd == vmbus_fd(d->chan))
			vmbus_ack(d->chan); /* work() notices an error, too */
	}
	return 0;
}

/* Play the host: complete what has arrived, the newest request first. */
static int host_plays(struct vmbus_chan *host)
{
	struct vmbus_packet packets[WINDOW];
	uint64_t numbers[WINDOW];
	unsigned int n;

	while (vmbus_wait(host, VMBUS_WAIT_RECV, -1) > 0) {
		for (n = 0; n < WINDOW; n++)
			if (vmbus_recv(host, &packets[n], &numbers[n], sizeof(numbers[n])))
				break;
		while (n--) {
			numbers[n] *= 100;
			vmbus_queue(host, VMBUS_PACKET_COMPLETION, 0, packets[n].transaction_id,
				    &numbers[n], sizeof(numbers[n]));
		}
		vmbus_flush(host);
	}
	return 0; /* the driver has closed its side */
}

static int open_demo(struct driver *d)
{
	struct vmbus_chan *host;
	int err = vmbus_open_pair(65536 * 2, 0, &d->chan, &host);

	if (err)
		return err;
	if (!fork()) {
		vmbus_close(d->chan);
		_exit(host_plays(host));
	}
	vmbus_close(host);
	d->id = NULL;
	d->count = 3 * WINDOW;
	return watch(d->epoll, vmbus_fd(d->chan));
}

int main(int argc, char **argv)
{
	struct driver d = { .timer = -1 };
	sigset_t set;
	int err;

	if (argc != 3 && (argc != 2 || strcmp(argv[1], "--demo"))) {
		fputs("Usage: requests ID COUNT | requests --demo\n", stderr);
		return 2;
	}
	d.id = argv[1];
	d.count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d.signals = signalfd(-1, &set, SFD_CLOEXEC);
	d.epoll = epoll_create1(EPOLL_CLOEXEC);
	/* After this, a rescind is an error and not a SIGBUS. */
	err = vmbus_guard();
	if (!err)
		err = watch(d.epoll, d.signals);
	if (!err && argc == 2)
		err = open_demo(&d);
	if (!err)
		err = loop(&d);
	if (err)
		fprintf(stderr, "%s (%s)\n", strerror(-err), vmbus_error());
	vmbus_close(d.chan);
	return err != 0;
}
