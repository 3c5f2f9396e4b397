// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A driver for a low-speed device, to start one's own from: the heartbeat, which the host asks for every few
 * seconds, and the guest answers.
 *
 *	heartbeat [ID]		drives the device: instance GUID, class GUID or name; "heartbeat" if not said
 *	heartbeat --demo	plays the host too, on memory: needs neither Hyper-V nor root
 *
 * On a real guest the kernel's hv_utils has the device; 'vmbus-bind' gives it to uio_hv_generic.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vmbus_bufring.h>

/* What follows the header of a heartbeat message */
struct heartbeat {
	uint64_t number;
	uint32_t reserved[8];
};

static const struct vmbus_ic_version frameworks[] = { { 3, 0 }, { 1, 0 } };
static const struct vmbus_ic_version messages[] = { { 3, 0 }, { 1, 0 } };

/* Turns a message of the host into its answer. Returns 0, or why there is none. */
static int answer(unsigned char *msg, size_t len)
{
	struct vmbus_ic_version version;
	struct vmbus_ic_header hdr;
	struct heartbeat beat;
	int err;

	err = vmbus_ic_parse(msg, len, &hdr);
	if (err)
		return err;
	switch (hdr.type) {
	case VMBUS_IC_NEGOTIATE:
		err = vmbus_ic_negotiate(msg, len, frameworks, 2, messages, 2, NULL, &version);
		if (!err)
			printf("the host speaks version %u.%u\n", version.major, version.minor);
		/* No common version: the answer says so. */
		return err == -EPROTONOSUPPORT ? 0 : err;
	case VMBUS_IC_HEARTBEAT:
		/* What the host says of lengths counts for nothing, only what arrived. */
		if (len < sizeof(hdr) + sizeof(beat))
			return -EPROTO;
		memcpy(&beat, msg + sizeof(hdr), sizeof(beat));
		printf("heartbeat %llu\n", (unsigned long long)beat.number);
		beat.number++;
		memcpy(msg + sizeof(hdr), &beat, sizeof(beat));
		return vmbus_ic_answer(msg, len, VMBUS_S_OK);
	default:
		return vmbus_ic_answer(msg, len, VMBUS_E_NOT_SUPPORTED);
	}
}

/* Sends, and waits for room if there is none. The host has to read on for that: 10 seconds. */
static int reply(struct vmbus_chan *chan, uint64_t transaction_id, const void *msg, size_t len)
{
	int err;

	while ((err = vmbus_send(chan, VMBUS_PACKET_INBAND, 0, transaction_id, msg, len)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, 10000);
		if (err < 0 && err != -EINTR)
			break;
	}
	return err;
}

/* All that is in the ring. Returns 0, or why the channel is of no use any more. */
static int drain(struct vmbus_chan *chan)
{
	unsigned char msg[4096];
	struct vmbus_packet pkt;
	int err;

	for (;;) {
		err = vmbus_recv(chan, &pkt, msg, sizeof(msg));
		if (err == -EAGAIN)
			return 0;
		if (err == -EPROTO || err == -ENOBUFS) {
			fprintf(stderr, "a packet that is none of a heartbeat: left out\n");
			err = vmbus_skip(chan);
			if (err)
				return err;
			continue;
		}
		if (err)
			return err;
		if (pkt.type != VMBUS_PACKET_INBAND || answer(msg, pkt.length))
			continue;
		err = reply(chan, pkt.transaction_id, msg, pkt.length);
		if (err)
			return err;
	}
}

static int watch(int loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Serve the device until a signal asks to stop (0), or the channel ends. */
static int serve(struct vmbus_chan *chan, int loop, int signals)
{
	struct epoll_event event;
	int ready, err;

	for (;;) {
		err = drain(chan);
		if (err)
			return err;
		/* From here on the host interrupts; what came before, vmbus_arm() finds. */
		ready = vmbus_arm(chan, VMBUS_WAIT_RECV);
		if (ready > 0)
			continue;
		if (ready < 0)
			return ready;
		if (epoll_wait(loop, &event, 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (event.data.fd == signals)
			return 0;
		err = vmbus_ack(chan);
		if (err && err != -EAGAIN)
			return err;
	}
}

/* One loop for the device, for signals, and for whatever else a program has descriptors for */
static int drive(struct vmbus_chan *chan)
{
	int loop, signals, err;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return -errno;
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (loop < 0) {
		err = -errno;
		goto err_signals;
	}
	err = watch(loop, signals);
	if (!err)
		err = watch(loop, vmbus_fd(chan));
	if (!err)
		err = serve(chan, loop, signals);
	close(loop);
err_signals:
	close(signals);
	return err;
}

/* The host's side of the demonstration: negotiates, beats three times, and goes */
static int host_ask(struct vmbus_chan *host, uint16_t type, const void *body, size_t len,
		    unsigned char *got, size_t room)
{
	struct vmbus_ic_header hdr = {
		.type = type, .size = len, .flags = VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_REQUEST,
	};
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { (void *)body, len } };
	struct vmbus_packet pkt;
	int err;

	err = vmbus_sendv(host, VMBUS_PACKET_INBAND, 0, 1, iov, 2);
	if (!err)
		err = vmbus_wait(host, VMBUS_WAIT_RECV, 10000);
	return err < 0 ? err : vmbus_recv(host, &pkt, got, room);
}

static int host_plays(struct vmbus_chan *host)
{
	const struct {
		struct vmbus_ic_negotiate counts;
		struct vmbus_ic_version versions[2];
	} offer = { { 1, 1, 0 }, { { 3, 0 }, { 3, 0 } } };
	unsigned char got[256];
	struct heartbeat beat;
	int err;

	err = host_ask(host, VMBUS_IC_NEGOTIATE, &offer, sizeof(offer), got, sizeof(got));
	for (uint64_t n = 1; !err && n <= 3; n++) {
		beat = (struct heartbeat){ .number = n };
		err = host_ask(host, VMBUS_IC_HEARTBEAT, &beat, sizeof(beat), got, sizeof(got));
		if (err)
			break;
		memcpy(&beat, got + sizeof(struct vmbus_ic_header), sizeof(beat));
		if (beat.number != n + 1)
			err = -EBADMSG;
	}
	vmbus_chan_close(host);	/* for the guest, a rescind */
	return err;
}

static int demo(void)
{
	struct vmbus_chan *guest, *host;
	int err, status = -1;
	pid_t pid;

	err = vmbus_chan_pair(65536 * 2, &guest, &host);
	if (err) {
		fprintf(stderr, "%s\n", vmbus_error());
		return 1;
	}
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "cannot fork: %s\n", strerror(errno));
		vmbus_chan_close(guest);
		vmbus_chan_close(host);
		return 1;
	}
	if (!pid) {
		vmbus_chan_close(guest);
		_exit(host_plays(host) != 0);
	}
	vmbus_chan_close(host);
	err = drive(guest);
	vmbus_chan_close(guest);
	if (waitpid(pid, &status, 0) != pid || status || err != -ENODEV) {
		fprintf(stderr, "the demonstration failed: %s\n", strerror(-err));
		return 1;
	}
	printf("the host went away\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *id = argc > 1 ? argv[1] : "heartbeat";
	struct vmbus_chan *chan;
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* A rescind while we are inside a ring is an error then, and no SIGBUS. */
	if (vmbus_guard()) {
		fprintf(stderr, "%s\n", vmbus_error());
		return 1;
	}
	if (!strcmp(id, "--demo"))
		return demo();
	err = vmbus_chan_open(id, NULL, &chan);
	if (err) {
		fprintf(stderr, "%s\n", vmbus_error());
		return 1;
	}
	err = drive(chan);
	vmbus_chan_close(chan);
	if (err == -ENODEV)
		printf("the device went away\n");
	else if (err)
		fprintf(stderr, "%s: %s\n", id, strerror(-err));
	return err && err != -ENODEV;
}
