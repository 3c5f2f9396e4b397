// SPDX-License-Identifier: GPL-2.0-only
/* Guest and host in two threads, and the two directions of one channel in two threads. */

#include <pthread.h>
#include <sys/socket.h>

#include "traffic.h"

/* CFLAGS may say fewer, for slow checkers */
#ifndef MESSAGES
#define MESSAGES 200000
#endif

/*
 * Both sides at the same addresses, not as vmbus_channel_pair() has them: TSan tells by the address what
 * two threads share.
 */
struct shared {
	struct ring to_host, to_guest;
	struct vmbus_channel *guest, *host;
	int fd[2];
};

static void shared_open(struct shared *s, size_t data_pages)
{
	size_t size = data_pages * getpagesize();
	struct vmbus_memory mem;

	s->to_host = ring_alloc(size);
	s->to_guest = ring_alloc(size);
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s->fd));
	mem = side(&s->to_host, &s->to_guest, NULL);
	mem.flags = VMBUS_MEMORY_RESET;
	mem.signal = NULL;
	mem.fd = s->fd[0];
	MUST(!vmbus_channel_from_memory(&mem, &s->guest));
	mem = side(&s->to_guest, &s->to_host, NULL);
	mem.signal = NULL;
	mem.fd = s->fd[1];
	MUST(!vmbus_channel_from_memory(&mem, &s->host));
}

static void shared_close(struct shared *s)
{
	vmbus_channel_close(s->guest);
	vmbus_channel_close(s->host);
	close(s->fd[0]);
	close(s->fd[1]);
	guarded_free(s->to_host.base, s->to_host.size);
	guarded_free(s->to_guest.base, s->to_guest.size);
}

static void both(size_t data_pages, size_t most, uint32_t burst, uint32_t messages)
{
	struct traffic guest = { .messages = messages, .burst = burst, .most = most,
				 .timeout_ms = 10000 };
	struct traffic host = guest;
	struct shared s;
	pthread_t thread;

	shared_open(&s, data_pages);
	guest.chan = s.guest;
	host.chan = s.host;
	MUST(!pthread_create(&thread, NULL, traffic_both, &host));
	traffic_both(&guest);
	pthread_join(thread, NULL);
	traffic_check(&guest, "guest");
	traffic_check(&host, "host");
	shared_close(&s);
}

static void small_messages_one_by_one(void)
{
	both(1, 64, 1, MESSAGES);
}

static void small_messages_in_bursts(void)
{
	both(4, 64, 32, MESSAGES);
}

static void large_messages_in_a_small_ring(void)
{
	both(1, 3000, 4, MESSAGES / 10);
}

static void mixed_messages_in_a_large_ring(void)
{
	both(511, 8192, 8, MESSAGES / 10);
}

/* The sender of a channel never waits here: it may not, while another thread waits to receive. */
static void *send_only(void *arg)
{
	struct traffic *t = arg;
	unsigned char *out = malloc(t->most + 1);

	for (uint32_t sent = 0; sent < t->messages;) {
		size_t len = message_length(sent, t->most);
		int err;

		fill(out, sent, len);
		err = vmbus_send(t->chan, VMBUS_PACKET_INBAND, 0, sent, out, len);
		if (err == -EAGAIN) {
			usleep(10);
			continue;
		}
		if (err) {
			traffic_fail(t, "send", err);
			break;
		}
		sent++;
	}
	free(out);
	return NULL;
}

static void *receive_only(void *arg)
{
	struct traffic *t = arg;
	unsigned char *in = malloc(padded(t->most) + 1);
	uint32_t received = 0;

	while (!receive_all(t, in, &received) && received < t->messages) {
		int err = vmbus_wait(t->chan, VMBUS_WAIT_RECV, t->timeout_ms);

		if (err < 0) {
			traffic_fail(t, "wait", err);
			break;
		}
	}
	free(in);
	return NULL;
}

static void sender_and_receiver_of_a_channel_in_two_threads(void)
{
	struct traffic t[4];
	pthread_t thread[4];
	struct shared s;

	shared_open(&s, 4);
	for (int i = 0; i < 4; i++) {
		t[i] = (struct traffic){ .chan = i < 2 ? s.guest : s.host, .messages = MESSAGES / 4,
					 .most = 200, .timeout_ms = 10000 };
		MUST(!pthread_create(&thread[i], NULL, i % 2 ? receive_only : send_only, &t[i]));
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		traffic_check(&t[i], i % 2 ? "receiver" : "sender");
	}
	shared_close(&s);
}

static const struct test tests[] = {
	TEST(small_messages_one_by_one),
	TEST(small_messages_in_bursts),
	TEST(large_messages_in_a_small_ring),
	TEST(mixed_messages_in_a_large_ring),
	TEST(sender_and_receiver_of_a_channel_in_two_threads),
};

int main(void)
{
	return RUN(tests);
}
