// SPDX-License-Identifier: GPL-2.0-only
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The time limit for the rest of a frame that has begun */
#define REST_MS 10000

int64_t host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int host_error(struct host *host, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(host->error, sizeof(host->error), format, args);
	va_end(args);
	return error;
}

/*
 * Wait for events until @deadline. Returns them, -errno, or 0 if there are none
 * yet and the caller has to try again.
 */
static int wait_for(struct host *host, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = host->fd, .events = events };
	int64_t left = deadline - host_now();
	int ret = poll(&pfd, 1, left > 0 ? (int)left : 0);

	if (ret < 0 && errno != EINTR)
		return host_error(host, -errno, "poll: %s", strerror(errno));
	if (ret > 0)
		return pfd.revents;
	return left > 0 ? 0 : host_error(host, -ETIMEDOUT, "time limit reached");
}

static int read_all(struct host *host, void *buffer, size_t len, int64_t deadline)
{
	char *at = buffer;

	while (len) {
		ssize_t n = recv(host->fd, at, len, MSG_DONTWAIT);
		int ret;

		if (n > 0) {
			at += n;
			len -= (size_t)n;
			continue;
		}
		if (!n)
			return host_error(host, -ECONNRESET,
					  "the device has closed the connection");
		if (errno != EAGAIN && errno != EINTR)
			return host_error(host, -ECONNRESET, "recv: %s", strerror(errno));
		ret = wait_for(host, POLLIN, deadline);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void take_hello(struct host *host, const struct host_packet *message)
{
	const struct frame_hello *hello = (const void *)message->payload;

	host->channels = hello->channels;
	memcpy(host->channel, hello->channel, hello->channels * sizeof(hello->channel[0]));
}

static void take_event(struct host *host, const struct frame *frame)
{
	struct frame_channel *channel = &host->channel[frame->channel];

	switch (frame->op) {
	case FRAME_OFFERED:
		channel->offered = FRAME_IS_OFFERED;
		channel->relid = frame->arg;
		channel->monitored = frame->flags & 1;
		break;
	case FRAME_OPENED:
		host->openings[frame->channel]++;
		channel->open = 1;
		channel->asked = 0;
		channel->tx_size = frame->arg;
		channel->rx_size = frame->arg2;
		break;
	case FRAME_CLOSED:
		channel->open = 0;
		channel->tx_size = 0;
		channel->rx_size = 0;
		channel->note = 0;
		break;
	case FRAME_RESCINDED:
		channel->offered = FRAME_IS_RESCINDED;
		channel->asked = 0;
		break;
	case FRAME_RELEASED:
		channel->offered = FRAME_IS_HELD;
		break;
	case FRAME_RESET:
		host->resets++;
		for (uint32_t i = 0; i < host->channels; i++) {
			host->channel[i].offered = FRAME_IS_HELD;
			host->channel[i].open = 0;
			host->channel[i].asked = 0;
			host->channel[i].note = 0;
		}
		break;
	case FRAME_ASKED:
		channel->asked = 1;
		break;
	}
}

static const char *const event_names[] = {
	[FRAME_OFFERED - FRAME_OFFERED] = "offered",
	[FRAME_OPENED - FRAME_OFFERED] = "opened",
	[FRAME_CLOSED - FRAME_OFFERED] = "closed",
	[FRAME_RESCINDED - FRAME_OFFERED] = "rescinded",
	[FRAME_RELEASED - FRAME_OFFERED] = "released",
	[FRAME_RESET - FRAME_OFFERED] = "reset",
	[FRAME_MALFORMED - FRAME_OFFERED] = "malformed",
	[FRAME_ASKED - FRAME_OFFERED] = "asked for",
};

static void keep(struct host *host, struct host_packet *message)
{
	*host->packets_end = message;
	host->packets_end = &message->next;
}

/*
 * Read a frame that has begun, to its end: the next read would otherwise start
 * in the middle of it. Returns 0 or -errno.
 */
static int read_message(struct host *host, struct host_packet **result)
{
	struct host_packet *message;
	struct frame frame;
	int ret;

	*result = NULL;
	ret = read_all(host, &frame, sizeof(frame), host_now() + REST_MS);
	if (ret)
		return ret;
	message = malloc(sizeof(*message) + frame.len + 1);
	if (!message)
		return host_error(host, -ENOMEM, "no memory for a frame of %u bytes", frame.len);
	message->next = NULL;
	message->memory = NULL;
	message->frame = frame;
	message->payload[frame.len] = 0;
	ret = read_all(host, message->payload, frame.len, host_now() + REST_MS);
	if (ret) {
		free(message);
		return ret;
	}
	*result = message;
	return 0;
}

static void show_event(struct host *host, const struct host_packet *message)
{
	const struct frame *frame = &message->frame;

	if (frame->op == FRAME_MALFORMED)
		printf("malformed channel %u: %s\n", frame->channel, message->payload);
	else if (host->verbose)
		printf("event %s channel %u at %.3f\n", event_names[frame->op - FRAME_OFFERED],
		       frame->channel, (double)(host_now() - host->began) / 1000);
}

/* Handle a message, and keep or free it. Returns 0 or -errno. */
static int take_message(struct host *host, struct host_packet *message)
{
	struct frame *frame = &message->frame;
	int ret = 0;

	switch (frame->op) {
	case FRAME_PACKET:
		/* Separate the guest's memory from the packet. */
		frame->len -= frame->arg2;
		message->memory = message->payload + frame->len;
		keep(host, message);
		return 0;
	case FRAME_HELLO:
		take_hello(host, message);
		break;
	case FRAME_OK:
	case FRAME_ERROR:
		if (!frame->tag && host->in_order) {
			keep(host, message);
			return 0;
		}
		if (!frame->tag) {
			ret = host_error(host, -EREMOTEIO, "%s", message->payload);
			break;
		}
		if (frame->tag != host->tag)
			break;
		host->reply = message;
		return 0;
	case FRAME_OFFERED ... FRAME_ASKED:
		show_event(host, message);
		take_event(host, frame);
		if (host->in_order) {
			keep(host, message);
			return 0;
		}
		break;
	}
	free(message);
	return ret;
}

int host_pump(struct host *host, int timeout_ms)
{
	int64_t deadline = host_now() + timeout_ms;
	struct host_packet *message;
	int ret;

	do {
		ret = wait_for(host, POLLIN, deadline);
	} while (!ret);
	if (ret < 0)
		return ret;
	ret = read_message(host, &message);
	return ret ? ret : take_message(host, message);
}

static int write_all(struct host *host, const void *buffer, size_t len, int64_t deadline)
{
	const char *at = buffer;

	while (len) {
		ssize_t n = send(host->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int ret;

		if (n >= 0) {
			at += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return host_error(host, -ECONNRESET, "send: %s", strerror(errno));
		ret = wait_for(host, POLLIN | POLLOUT, deadline);
		if (ret < 0)
			return ret;
		if (ret & POLLIN) {
			ret = host_pump(host, 1000);
			if (ret)
				return ret;
		}
	}
	return 0;
}

int host_send(struct host *host, const struct frame *frame, const void *payload, int timeout_ms)
{
	int64_t deadline = host_now() + timeout_ms;
	int ret = write_all(host, frame, sizeof(*frame), deadline);

	return ret ? ret : write_all(host, payload, frame->len, deadline);
}

int host_request(struct host *host, const struct frame *frame, const void *payload, void *answer,
		 size_t size, int timeout_ms)
{
	int64_t deadline = host_now() + timeout_ms;
	struct frame request = *frame;
	struct host_packet *reply;
	int ret;

	/* An answer that came too late */
	free(host->reply);
	host->reply = NULL;
	request.tag = ++host->tag;
	ret = host_send(host, &request, payload, timeout_ms);
	while (!ret && !host->reply)
		ret = host_pump(host, (int)(deadline - host_now()));
	if (ret)
		return ret;
	reply = host->reply;
	host->reply = NULL;
	if (reply->frame.op == FRAME_ERROR)
		ret = host_error(host, -EREMOTEIO, "%s", reply->payload);
	else if (size)
		memcpy(answer, reply->payload, reply->frame.len < size ? reply->frame.len : size);
	free(reply);
	return ret;
}

int host_wait(struct host *host, bool (*done)(struct host *host, uint32_t arg), uint32_t arg,
	      const char *what, int timeout_ms)
{
	int64_t deadline = host_now() + timeout_ms;

	while (!done(host, arg)) {
		int ret = host_pump(host, (int)(deadline - host_now()));

		if (ret == -ETIMEDOUT)
			return host_error(host, ret, "channel %u was not %s within %.1f s", arg,
					  what, timeout_ms / 1000.0);
		if (ret)
			return ret;
	}
	return 0;
}

bool host_is_open(struct host *host, uint32_t channel)
{
	return host->channel[channel].open;
}

bool host_is_closed(struct host *host, uint32_t channel)
{
	return !host->channel[channel].open;
}

bool host_is_offered(struct host *host, uint32_t channel)
{
	return host->channel[channel].offered == FRAME_IS_OFFERED;
}

bool host_is_released(struct host *host, uint32_t channel)
{
	return host->channel[channel].offered == FRAME_IS_HELD;
}

bool host_is_asked(struct host *host, uint32_t channel)
{
	return host->channel[channel].asked;
}

int host_take_packet(struct host *host, struct host_packet **packet, int timeout_ms)
{
	int64_t deadline = host_now() + timeout_ms;

	while (!host->packets) {
		int ret = host_pump(host, (int)(deadline - host_now()));

		if (ret)
			return ret;
	}
	*packet = host->packets;
	host->packets = (*packet)->next;
	if (!host->packets)
		host->packets_end = &host->packets;
	return 0;
}

static bool has_hello(struct host *host, uint32_t unused)
{
	return host->channels;
}

int host_connect(struct host *host, const char *path, int timeout_ms)
{
	int64_t deadline = host_now() + timeout_ms;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ret;

	*host = (struct host){
		.fd = -1,
		.verbose = host->verbose,
		.in_order = host->in_order,
		.began = host_now(),
	};
	host->packets_end = &host->packets;
	if (strlen(path) >= sizeof(address.sun_path))
		return host_error(host, -ENAMETOOLONG,
				  "%s: the name of a socket has at most %zu bytes", path,
				  sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	host->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (host->fd < 0)
		return host_error(host, -errno, "socket: %s", strerror(errno));
	while (connect(host->fd, (struct sockaddr *)&address, sizeof(address))) {
		ret = -errno;
		if ((ret != -ENOENT && ret != -ECONNREFUSED && ret != -EAGAIN && ret != -EINTR) ||
		    host_now() >= deadline) {
			close(host->fd);
			host->fd = -1;
			return host_error(host, ret, "%s: %s", path, strerror(-ret));
		}
		usleep(20000);
	}
	/*
	 * The device serves one program at a time. The hello comes when the
	 * previous program has disconnected.
	 */
	ret = host_wait(host, has_hello, 0, "greeted by the device", (int)(deadline - host_now()));
	if (ret)
		host_disconnect(host);
	return ret;
}

void host_disconnect(struct host *host)
{
	if (host->fd >= 0)
		close(host->fd);
	host->fd = -1;
	free(host->reply);
	host->reply = NULL;
	while (host->packets) {
		struct host_packet *next = host->packets->next;

		free(host->packets);
		host->packets = next;
	}
	host->packets_end = &host->packets;
}
