// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests have guest and host in two threads or in two processes, and the
 * two directions of one channel in two threads. They check traffic byte by
 * byte.
 */

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

#include "model.h"

struct traffic {
	struct vmbus_chan *chan;
	uint32_t messages; /* to send, and to receive */
	uint32_t burst;	   /* queued before each flush */
	size_t most;	   /* bytes of payload */
	const char *error;
	int result;
};

static size_t message_length(uint64_t number, size_t most)
{
	return (number * 0x9e3779b97f4a7c15u >> 40) % (most + 1);
}

static int traffic_fail(struct traffic *t, const char *error, int result)
{
	t->error = error;
	t->result = result;
	return -1;
}

/* Receive a packet, and wait for it if there is none. */
static int recv_or_wait(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size)
{
	int err;

	while ((err = vmbus_recv(chan, pkt, buf, size)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (err < 0)
			break;
	}
	return err;
}

/* Send a packet, and wait for the room for it. */
static int send_or_wait(struct vmbus_chan *chan, uint64_t id, const void *payload, size_t len)
{
	int err;

	while ((err = vmbus_send(chan, VMBUS_PACKET_INBAND, 0, id, payload, len)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, -1);
		if (err < 0)
			break;
	}
	return err;
}

static int receive_all(struct traffic *t, unsigned char *buf, uint32_t *received)
{
	struct vmbus_packet pkt;
	int err;

	while (*received < t->messages) {
		err = vmbus_recv(t->chan, &pkt, buf, padded(t->most));
		if (err == -EAGAIN)
			return 0;
		if (err)
			return traffic_fail(t, "receive", err);
		if (pkt.transaction_id != *received)
			return traffic_fail(t, "order", pkt.transaction_id);
		if (pkt.length != padded(message_length(*received, t->most)) ||
		    !filled(buf, *received, message_length(*received, t->most)))
			return traffic_fail(t, "content", *received);
		++*received;
	}
	return 0;
}

/* Send and receive in one thread, and sleep when neither is possible. */
static void *traffic_both(void *arg)
{
	struct traffic *t = arg;
	unsigned char *out = malloc(t->most + 1), *in = malloc(padded(t->most) + 1);
	uint32_t sent = 0, received = 0;
	unsigned int events;
	int err;

	do {
		for (err = 0; sent < t->messages && !err; sent += !err) {
			size_t len = message_length(sent, t->most);

			fill(out, sent, len);
			err = vmbus_queue(t->chan, VMBUS_PACKET_INBAND, 0, sent, out, len);
			if (!err && sent % t->burst == 0)
				vmbus_flush(t->chan);
		}
		if (err && err != -EAGAIN) {
			traffic_fail(t, "send", err);
			break;
		}
		vmbus_flush(t->chan);
		if (receive_all(t, in, &received))
			break;
		events = (sent < t->messages ? VMBUS_WAIT_SEND : 0) |
			 (received < t->messages ? VMBUS_WAIT_RECV : 0);
		err = events ? vmbus_wait(t->chan, events, -1) : 0;
		if (err < 0 || (!err && events))
			traffic_fail(t, "wait", err);
	} while (err > 0);
	free(out);
	free(in);
	return NULL;
}

/*
 * Send in one direction, in batches and without copies. Messages have at most
 * 64 bytes.
 */
static void *send_batches(void *arg)
{
	struct traffic *t = arg;
	struct iovec payloads[32];
	unsigned char *out = malloc(32 * 64);

	for (uint32_t sent = 0; sent < t->messages;) {
		unsigned int count = t->messages - sent < 32 ? t->messages - sent : 32;
		int n;

		for (unsigned int i = 0; i < count; i++) {
			size_t len = message_length(sent + i, t->most);

			fill(out + 64 * i, sent + i, len);
			payloads[i] = (struct iovec){ out + 64 * i, len };
		}
		n = vmbus_send_many(t->chan, VMBUS_PACKET_INBAND, 0, sent, payloads, count);
		if (n == -EAGAIN) {
			n = vmbus_wait(t->chan, VMBUS_WAIT_SEND, -1);
			if (n > 0)
				continue;
		}
		if (n < 0) {
			traffic_fail(t, "send", n);
			break;
		}
		sent += n;
	}
	free(out);
	return NULL;
}

static void *receive_in_place(void *arg)
{
	struct traffic *t = arg;
	struct vmbus_view views[32];
	uint32_t received = 0;

	while (received < t->messages) {
		int n = vmbus_peek(t->chan, views, 32);

		if (n == -EAGAIN) {
			n = vmbus_wait(t->chan, VMBUS_WAIT_RECV, -1);
			if (n > 0)
				continue;
		}
		if (n < 0) {
			traffic_fail(t, "peek", n);
			break;
		}
		for (int i = 0; i < n; i++, received++)
			if (views[i].transaction_id != received ||
			    views[i].length != padded(message_length(received, t->most)) ||
			    !filled(views[i].payload, received,
				    message_length(received, t->most))) {
				traffic_fail(t, "content", received);
				return NULL;
			}
		if (vmbus_release(t->chan, &views[n - 1])) {
			traffic_fail(t, "release", received);
			break;
		}
	}
	return NULL;
}

static void traffic_check(const struct traffic *t, const char *who)
{
	if (t->error) {
		ksft_print_msg("%s: %s: %d\n", who, t->error, t->result);
		checks_failed++;
	}
}

/* Open a model whose sides have descriptors, so both can wait. */
static void open_on_sockets(struct model *m, size_t data_pages)
{
	model_open_on_socket(m, data_pages * getpagesize());
	vmbus_close(m->host);
	m->host = open_on_fd(&m->to_guest, &m->to_host, m->fd[1]);
}

TEST(messages_in_both_directions)
{
	static const struct {
		size_t data_pages, most;
		uint32_t burst, messages;
	} ways[] = {
		{ 1, 64, 1, MESSAGES },
		{ 4, 64, 32, MESSAGES },
		{ 1, 3000, 4, MESSAGES / 10 },
		{ 511, 8192, 8, MESSAGES / 10 },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct traffic guest = { .messages = ways[i].messages,
					 .burst = ways[i].burst,
					 .most = ways[i].most };
		struct traffic host = guest;
		pthread_t thread;
		struct model m;

		open_on_sockets(&m, ways[i].data_pages);
		guest.chan = m.guest;
		host.chan = m.host;
		MUST(!pthread_create(&thread, NULL, traffic_both, &host));
		traffic_both(&guest);
		pthread_join(thread, NULL);
		traffic_check(&guest, "guest");
		traffic_check(&host, "host");
		model_close(&m);
		if (checks_failed)
			ksft_print_msg("with up to %zu bytes\n", ways[i].most);
	}
}

static void *send_only(void *arg)
{
	struct traffic *t = arg;
	unsigned char *out = malloc(t->most + 1);

	for (uint32_t sent = 0; sent < t->messages; sent++) {
		size_t len = message_length(sent, t->most);
		int err;

		fill(out, sent, len);
		err = send_or_wait(t->chan, sent, out, len);
		if (err) {
			traffic_fail(t, "send", err);
			break;
		}
	}
	free(out);
	return NULL;
}

static void *receive_by_poll(void *arg)
{
	struct traffic *t = arg;
	struct pollfd p = { .fd = vmbus_fd(t->chan), .events = POLLIN };
	unsigned char *in = malloc(padded(t->most) + 1);
	uint32_t received = 0;

	while (!receive_all(t, in, &received) && received < t->messages) {
		int err = vmbus_arm(t->chan, VMBUS_WAIT_RECV);

		if (!err) {
			poll(&p, 1, -1);
			vmbus_ack(t->chan);
		}
		if (err < 0) {
			traffic_fail(t, "poll", err);
			break;
		}
	}
	free(in);
	return NULL;
}

static void in_two_threads(void *(*receive)(void *))
{
	struct traffic t[4];
	pthread_t thread[4];
	struct model m;

	open_on_sockets(&m, 1);
	for (int i = 0; i < 4; i++) {
		t[i] = (struct traffic){ .chan = i < 2 ? m.guest : m.host,
					 .messages = MESSAGES / 4,
					 .most = 200 };
		MUST(!pthread_create(&thread[i], NULL, i % 2 ? receive : send_only, &t[i]));
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		traffic_check(&t[i], i % 2 ? "receiver" : "sender");
	}
	model_close(&m);
}

TEST(sender_and_receiver_of_a_channel_in_two_threads)
{
	in_two_threads(receive_in_place);
}

TEST(a_sender_that_waits_and_a_receiver_that_polls)
{
	in_two_threads(receive_by_poll);
}

/* The linker lets each call of pthread_mutex_lock() come here. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);

static _Thread_local unsigned int mutex_locks;

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	mutex_locks++;
	return __real_pthread_mutex_lock(mutex);
}

/*
 * Several threads send on one channel, in each possible way. The packets of
 * each thread arrive in its order.
 */
#define SENDERS 3

struct sender {
	struct vmbus_chan *chan;
	uint64_t id;
	uint32_t messages;
	unsigned int locks;
	int err;
};

static atomic_bool stop;

static int send_somehow(struct vmbus_chan *chan, uint64_t first, unsigned int way, uint32_t *sent)
{
	struct iovec payloads[8];
	uint64_t values[8];
	void *payload;
	int n = 1, err;

	for (unsigned int i = 0; i < 8; i++) {
		values[i] = ~(first + i);
		payloads[i] = (struct iovec){ &values[i], 8 };
	}
	switch (way % 4) {
	case 0:
		err = vmbus_send(chan, 6, 0, first, values, 8);
		break;
	case 1:
		n = vmbus_send_many(chan, 6, 0, first, payloads, 8);
		err = n < 0 ? n : 0;
		break;
	case 2:
		err = vmbus_queue(chan, 6, 0, first, values, 8);
		if (!err)
			vmbus_flush(chan);
		break;
	default:
		err = vmbus_reserve(chan, 64, &payload);
		if (err)
			break;
		memcpy(payload, values, 8);
		err = vmbus_commit(chan, 6, 0, first, 0, 8);
		vmbus_flush(chan);
	}
	if (!err)
		*sent += n;
	return err;
}

static void *send_as_one_of_several(void *arg)
{
	struct sender *s = arg;
	uint32_t sent = 0;

	mutex_locks = 0;
	for (unsigned int way = s->id; sent < s->messages && !stop; way++) {
		s->err = send_somehow(s->chan, s->id << 32 | sent, way, &sent);
		if (s->err == -EAGAIN)
			usleep(10);
		else if (s->err)
			break;
	}
	s->locks = mutex_locks;
	return NULL;
}

/*
 * Receive so many packets of each sender, and what comes meanwhile. A packet
 * begins with the complement of its id.
 */
static void receive_from_several(struct vmbus_chan *chan, uint32_t messages)
{
	uint32_t next[SENDERS] = { 0 };
	struct vmbus_packet pkt;
	uint64_t buf[1200 / 8];
	unsigned int ended = 0;

	while (ended < SENDERS) {
		int err = recv_or_wait(chan, &pkt, buf, sizeof(buf));
		uint64_t id = pkt.transaction_id >> 32;

		CHECK_IS(err, 0);
		if (err)
			break;
		if (id >= SENDERS || (uint32_t)pkt.transaction_id != next[id] ||
		    buf[0] != ~pkt.transaction_id) {
			CHECK_IS(pkt.transaction_id, 0);
			break;
		}
		ended += ++next[id] == messages;
	}
}

/* Return how many times the threads that send take a mutex. */
static unsigned int send_as_several(enum producers producers)
{
	struct sender senders[SENDERS];
	pthread_t thread[SENDERS];
	unsigned int locks = 0;
	struct model m;

	stop = false;
	open_on_sockets(&m, 1);
	set_producers(m.guest, producers);
	for (uint64_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .chan = m.guest, .id = i, .messages = MESSAGES / 4 };
		MUST(!pthread_create(&thread[i], NULL, send_as_one_of_several, &senders[i]));
	}
	receive_from_several(m.host, MESSAGES / 4);
	stop = true;
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(thread[i], NULL);
		CHECK_IS(senders[i].err == -EAGAIN ? 0 : senders[i].err, 0);
		locks += senders[i].locks;
	}
	model_close(&m);
	return locks;
}

TEST(multi_producer)
{
	/* One for each call, which sends up to 8 packets */
	CHECK(send_as_several(PRODUCERS_MUTEX) > SENDERS * (MESSAGES / 4) / 8);
}

/*
 * Threads with a processor of their own must not sleep in a lock when they
 * send, for example completions.
 */
TEST(multi_producer_that_spin)
{
	CHECK_IS(send_as_several(PRODUCERS_SPIN), 0);
}

/* Send a packet, and return how many mutexes that took. */
static unsigned int locks_of_a_send(struct vmbus_chan *chan, size_t len, int expected)
{
	static const unsigned char out[1000];

	mutex_locks = 0;
	CHECK_IS(vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 0, out, len), expected);
	return mutex_locks;
}

/*
 * A thread that spins sends while another one waits for more room. The host
 * does not interrupt, so the sender has to wake the other thread.
 */
TEST(threads_that_spin_send_while_another_waits)
{
	struct room_thread waiter;
	_Atomic uint32_t *read_index;
	struct model m;
	uint32_t start;

	open_on_sockets(&m, 1);
	set_producers(m.guest, PRODUCERS_SPIN);
	while (!locks_of_a_send(m.guest, 72, 0) && tx_room(m.guest) > 96)
		;
	/*
	 * The request to the host does not show that it waits, because the
	 * refused send makes one, too.
	 */
	room_thread_start(&waiter, m.guest, 1000);
	CHECK(*word(&m.to_host, PENDING_SEND_SZ));

	/*
	 * The host reads five packets, which is too little for the other
	 * thread.
	 */
	read_index = word(&m.to_host, READ_INDEX);
	start = *read_index;
	*read_index = start + 5 * 96;
	for (int i = 0; i < 3; i++)
		CHECK_IS(locks_of_a_send(m.guest, 72, 0), 0);
	CHECK_IS(locks_of_a_send(m.guest, 500, -EAGAIN), 0);
	/* A sender that wakes a thread takes one mutex. */
	*read_index = start + 20 * 96;
	CHECK_IS(locks_of_a_send(m.guest, 72, 0), 1);
	room_thread_end(&waiter, VMBUS_WAIT_SEND);
	CHECK_IS(locks_of_a_send(m.guest, 72, 0), 0);
	model_close(&m);
}

/*
 * Three threads send and wait for room, and one receives and waits for packets,
 * all on one channel. An interrupt that one thread takes is often for another.
 * The host sends back what it receives.
 */
static void *send_and_wait(void *arg)
{
	struct sender *s = arg;
	uint64_t out[1200 / 8] = { 0 };

	for (uint32_t sent = 0; sent < s->messages && !stop && !s->err; sent++) {
		uint64_t id = s->id << 32 | sent;

		out[0] = ~id;
		/* Each size needs another amount of room. */
		s->err = send_or_wait(s->chan, id, out, 100 + s->id * 500);
	}
	return NULL;
}

static void *echo(void *arg)
{
	struct sender *s = arg;
	unsigned char buf[1200];
	struct vmbus_packet pkt;

	for (uint32_t done = 0; done < s->messages && !stop && !s->err; done++) {
		s->err = recv_or_wait(s->chan, &pkt, buf, sizeof(buf));
		if (!s->err)
			s->err = send_or_wait(s->chan, pkt.transaction_id, buf, pkt.length);
	}
	return NULL;
}

TEST_WITH_EACH_LOCK(several_threads_wait_on_a_channel)
{
	struct sender threads[SENDERS + 1];
	pthread_t thread[SENDERS + 1];
	struct model m;

	stop = false;
	open_on_sockets(&m, 1);
	set_producers(m.guest, lock);
	for (uint64_t i = 0; i <= SENDERS; i++) {
		threads[i] = (struct sender){
			.chan = i < SENDERS ? m.guest : m.host,
			.id = i,
			.messages = (i < SENDERS ? 1 : SENDERS) * (MESSAGES / 20),
		};
		MUST(!pthread_create(&thread[i], NULL, i < SENDERS ? send_and_wait : echo,
				     &threads[i]));
	}
	receive_from_several(m.guest, MESSAGES / 20);
	stop = checks_failed;
	for (int i = 0; i <= SENDERS; i++) {
		pthread_join(thread[i], NULL);
		CHECK_IS(threads[i].err, 0);
	}
	model_close(&m);
}

/* Run one side in this process and the other side in another. */
static void run_processes(void *(*as_guest)(void *), void *(*as_host)(void *), size_t data_pages)
{
	struct traffic t = { .messages = MESSAGES / 2 * 5, .most = 64 };
	struct vmbus_chan *guest, *host;
	int status, done[2];
	pid_t pid;

	/*
	 * The host stays until the guest has received everything, because a
	 * rescind loses the contents of the ring.
	 */
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, done));
	MUST(!vmbus_open_pair((1 + data_pages) * getpagesize(), 0, &guest, &host));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		vmbus_close(guest);
		t.chan = host;
		as_host(&t);
		traffic_check(&t, "host");
		close(done[0]);
		MUST(!read(done[1], &status, 1));
		/* The rings stay when the last user on one side goes away. */
		vmbus_close(host);
		_exit(checks_failed != 0);
	}
	vmbus_close(host);
	t.chan = guest;
	as_guest(&t);
	traffic_check(&t, "guest");
	close(done[0]);
	close(done[1]);
	MUST(waitpid(pid, &status, 0) == pid);
	CHECK_IS(status, 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), -ENODEV);
	vmbus_close(guest);
}

/* Try each way in turn, because the sides may differ in speed. */
TEST(batches_between_processes)
{
	run_processes(send_batches, receive_in_place, 1);
	run_processes(receive_in_place, send_batches, 16);
}

/*
 * The other side dies in the middle. Its published packets arrive, and then the
 * rescind.
 */
TEST(a_host_that_dies)
{
	struct vmbus_chan *guest, *host;
	struct vmbus_packet pkt;
	unsigned char buf[8];
	pid_t pid;

	MUST(!vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		vmbus_close(guest);
		vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, "sent", 4);
		vmbus_queue(host, VMBUS_PACKET_INBAND, 0, 2, "lost", 4);
		_exit(0);
	}
	vmbus_close(host);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), VMBUS_WAIT_RECV);
	CHECK_IS(vmbus_recv(guest, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(pkt.transaction_id, 1);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), -ENODEV);
	CHECK_IS(vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 8), -ENODEV);
	waitpid(pid, NULL, 0);
	vmbus_close(guest);
}

TEST_HARNESS_MAIN
