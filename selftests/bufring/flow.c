// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests check when one side must notice the other: signals, full rings,
 * interrupts, waiting.
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include "../../lib/internal.h"
#include "model.h"

static unsigned char buf[8192];

/* Return the time of a clock in nanoseconds. */
static int64_t ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int send_one(struct vmbus_chan *chan, size_t len)
{
	return vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 0, buf, len);
}

static int recv_one(struct vmbus_chan *chan)
{
	struct vmbus_packet pkt;

	return vmbus_recv(chan, &pkt, buf, sizeof(buf));
}

MODEL_TEST(a_signal_only_when_the_ring_was_empty)
{
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(recv_one(m->host), 0);
	/* Nothing is queued. */
	CHECK_IS(vmbus_flush(m->guest), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 2);
	CHECK_IS(m->host_signals, 0);
}

MODEL_TEST(no_signal_while_the_host_masks)
{
	mask_interrupts(m->host);
	CHECK_IS(*word(&m->to_host, INTERRUPT_MASK), 1);
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 0);
	/*
	 * A host that unmasks must find the packet by itself. It does not sleep
	 * then, so it masks again.
	 */
	CHECK_IS(vmbus_arm(m->host, VMBUS_WAIT_RECV), VMBUS_WAIT_RECV);
	CHECK_IS(*word(&m->to_host, INTERRUPT_MASK), 1);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 0);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(vmbus_arm(m->host, VMBUS_WAIT_RECV), 0);
	CHECK_IS(*word(&m->to_host, INTERRUPT_MASK), 0);
	/* Who only looks for room still sleeps for packets. */
	CHECK_IS(vmbus_arm(m->host, VMBUS_WAIT_SEND), VMBUS_WAIT_SEND);
	CHECK_IS(*word(&m->to_host, INTERRUPT_MASK), 0);
	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(m->guest_signals, 1);
}

static void fill_up(struct vmbus_chan *chan)
{
	while (!send_one(chan, 72))
		;
}

/* 4096 bytes of data hold 40 packets of 96 (payload 72), and then 256 stay */
static void fill_ring(struct vmbus_chan *chan, int packets)
{
	for (int i = 0; i < packets; i++)
		CHECK_IS(send_one(chan, 72), 0);
}

MODEL_TEST(a_full_ring_asks_for_room_and_hears_of_it_once)
{
	fill_ring(m->guest, 40);
	CHECK_IS(send_one(m->guest, 232), -EAGAIN); /* 256 needed, 256 free: one stays free */
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 256);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_SEND), 0);
	CHECK_IS(send_one(m->guest, 424), -EAGAIN);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 448);
	CHECK_IS(recv_one(m->host), 0); /* 352 free */
	CHECK_IS(m->host_signals, 0);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_SEND), 0);
	CHECK_IS(recv_one(m->host), 0); /* 448 free: not more than 448 */
	CHECK_IS(m->host_signals, 0);
	CHECK_IS(recv_one(m->host), 0); /* 544 */
	CHECK_IS(m->host_signals, 1);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(m->host_signals, 1);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_SEND), VMBUS_WAIT_SEND);
	CHECK_IS(send_one(m->guest, 424), 0);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 0);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_SEND), VMBUS_WAIT_SEND);
	fill_up(m->guest);
	CHECK_IS(send_one(m->guest, 232), -EAGAIN);
	CHECK_IS(vmbus_skip(m->host), 0);
	CHECK_IS(m->host_signals, 1);
	CHECK_IS(vmbus_skip(m->host), 0);
	CHECK_IS(m->host_signals, 2);
}

/*
 * The host drains the ring at a signal, which comes after the ring was full and
 * before the request for room.
 */
static int drain(void *ctx)
{
	struct model *m = ctx;

	m->guest_signals++;
	while (!recv_one(m->host))
		;
	return 0;
}

MODEL_TEST(a_full_ring_shows_what_is_queued_and_looks_again)
{
	m->guest->signal = drain;
	m->guest->ctx = m;
	for (int i = 0; i < 40; i++)
		CHECK_IS(vmbus_queue(m->guest, 6, 0, 0, buf, 72), 0);
	CHECK_IS(m->guest_signals, 0);
	CHECK_IS(vmbus_queue(m->guest, 6, 0, 0, buf, 424), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 0);
}

/*
 * A payload on which the host wakes by itself, as soon as the library reads it
 */
static struct {
	struct model *m;
	unsigned char *page;
	int packets;
} waking;

static void wake_host(int number)
{
	/* A fault at another address would repeat forever. */
	signal(SIGSEGV, SIG_DFL);
	mprotect(waking.page, getpagesize(), PROT_READ);
	while (!recv_one(waking.m->host))
		waking.packets++;
}

static void waking_payload(struct model *m)
{
	struct sigaction action = { .sa_handler = wake_host };

	waking.m = m;
	waking.packets = 0;
	waking.page = guarded(getpagesize());
	MUST(!mprotect(waking.page, getpagesize(), PROT_NONE));
	MUST(!sigaction(SIGSEGV, &action, NULL));
}

#define BATCH 13

/*
 * Send thirteen packets. The library publishes the first eleven early, and the
 * host wakes by itself and receives them. The last packet does not fit, so the
 * library publishes the twelfth into the empty ring while the host sleeps
 * again. One signal after both publications is enough. After a second one the
 * host would find that the ring was not empty before, and count it against the
 * guest.
 */
MODEL_TEST(a_batch_that_fills_the_ring_signals_once)
{
	struct iovec payloads[BATCH];

	waking_payload(m);
	for (int i = 0; i < BATCH; i++)
		payloads[i] = (struct iovec){ buf, 72 };
	payloads[BATCH - 2].iov_base = waking.page;
	payloads[BATCH - 1].iov_len = 4000;
	CHECK_IS(vmbus_send_many(m->guest, VMBUS_PACKET_INBAND, 0, 0, payloads, BATCH), 12);
	CHECK_IS(waking.packets, 11);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 4024);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(recv_one(m->host), -EAGAIN);
	CHECK_IS(m->host_signals, 1);
	guarded_free(waking.page, getpagesize());
}

MODEL_TEST(nothing_to_wait_with)
{
	CHECK_IS(vmbus_fd(m->guest), -1);
	CHECK_IS(vmbus_ack(m->guest), -EOPNOTSUPP);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_RECV, 0), -EOPNOTSUPP);
	CHECK_IS(vmbus_wait(m->guest, 0, 0), -EINVAL);
	CHECK_IS(vmbus_wait(m->guest, 4, 0), -EINVAL);
	CHECK_IS(vmbus_arm(m->guest, 0), -EINVAL);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_SEND, 0), VMBUS_WAIT_SEND);
	CHECK_IS(send_one(m->host, 8), 0);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_RECV | VMBUS_WAIT_SEND, -1), 3);
}

PAIR_TEST(a_wait_times_out_and_does_not_spin)
{
	int64_t start, cpu;

	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, 0), -ETIMEDOUT);
	/* Stale interrupts must not keep it awake. */
	for (int i = 0; i < 10; i++)
		CHECK_IS(channel_signal(host), 0);
	start = ns(CLOCK_MONOTONIC);
	cpu = ns(CLOCK_THREAD_CPUTIME_ID);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, 200), -ETIMEDOUT);
	CHECK(ns(CLOCK_MONOTONIC) - start >= 200000000);
	CHECK(ns(CLOCK_THREAD_CPUTIME_ID) - cpu < 50000000);
	/* A wait that begins at the end of a millisecond */
	for (int i = 0; i < 100; i++) {
		do
			start = ns(CLOCK_MONOTONIC);
		while (start % 1000000 < 999000);
		CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, 1), -ETIMEDOUT);
		CHECK(ns(CLOCK_MONOTONIC) - start >= 1000000);
	}
}

/* The linker lets each call of poll() come here. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);

static int *poll_timeout; /* gets the timeout, which then expires at once */

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (!poll_timeout)
		return __real_poll(fds, count, timeout);
	*poll_timeout = timeout;
	return 0;
}

PAIR_TEST(the_longest_timeout_is_a_timeout)
{
	int timeout = 0;

	poll_timeout = &timeout;
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, INT_MAX), -ETIMEDOUT);
	poll_timeout = NULL;
	CHECK(timeout > 0);
}

static void *send_later(void *host)
{
	usleep(50000);
	return (void *)(intptr_t)send_one(host, 8);
}

PAIR_TEST(a_wait_ends_with_the_packet_and_masks)
{
	struct vmbus_packet pkt;
	pthread_t thread;
	void *sent;

	MUST(!pthread_create(&thread, NULL, send_later, host));
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), VMBUS_WAIT_RECV);
	pthread_join(thread, &sent);
	CHECK_IS((intptr_t)sent, 0);
	/*
	 * A wait that began late finds the packet, and does not take the
	 * interrupt.
	 */
	if (read(vmbus_fd(guest), buf, 4) != 4)
		CHECK_IS(errno, EAGAIN);
	CHECK_IS(vmbus_recv(guest, &pkt, buf, 8), 0);
	/*
	 * The ring is masked now, so the next packet causes no interrupt, but
	 * must still be found.
	 */
	CHECK_IS(send_one(host, 8), 0);
	CHECK_IS(vmbus_ack(guest), -EAGAIN);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), VMBUS_WAIT_RECV);
}

PAIR_TEST(a_wait_for_room_ends_with_the_room)
{
	int count = 0;

	while (!send_one(guest, 72))
		count++;
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 0), -ETIMEDOUT);
	CHECK_IS(recv_one(host), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, -1), VMBUS_WAIT_SEND);
	/* It must not mask, because another thread may wait to receive. */
	CHECK_IS(vmbus_queue(host, VMBUS_PACKET_INBAND, 0, 1, buf, 8), 0);
	CHECK_IS(tx_ring_publish(&host->tx), 1);
	CHECK_IS(send_one(guest, 72), 0);
	CHECK(count > 30);
}

PAIR_TEST(epoll_loop)
{
	CHECK(fcntl(vmbus_fd(guest), F_GETFL) & O_NONBLOCK);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
	CHECK_IS(vmbus_ack(guest), -EAGAIN);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
	CHECK_IS(send_one(host, 8), 0);
	CHECK_IS(vmbus_ack(guest), 0);
	CHECK_IS(recv_one(guest), 0);
	CHECK_IS(send_one(host, 8), 0); /* masked by the ack: silent */
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), VMBUS_WAIT_RECV);
	CHECK_IS(vmbus_ack(guest), -EAGAIN);
}

static void socket_begin(struct model *m)
{
	model_open_on_socket(m, 4096);
}

/* Define a test with a model @m whose guest has a socket. */
#define SOCKET_TEST(name) TEST_WITH(name, struct model, m, socket_begin, model_close)

/*
 * Open a model on a socket whose guest has several producers and 256 bytes of
 * room, and whose host does not sleep.
 */
static void open_nearly_full(struct model *m)
{
	socket_begin(m);
	set_producers(m->guest, lock);
	*word(&m->to_host, INTERRUPT_MASK) = 1;
	fill_ring(m->guest, 40);
}

/* The write gets an error, and no SIGPIPE. */
SOCKET_TEST(a_write_notices_a_rescind)
{
	CHECK_IS(send_one(m->host, 8), 0);
	hang_up(m);
	CHECK_IS(send_one(m->guest, 8), -ENODEV);
	take_away(m);
	CHECK_IS(recv_one(m->guest), -ENODEV);
}

/*
 * The error of write(2) after the device was unregistered. For an eventfd, 4
 * bytes are too few.
 */
MODEL_TEST(a_write_to_an_unregistered_device_is_a_rescind)
{
	guest_on_fd(m, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	CHECK_IS(send_one(m->guest, 8), -ENODEV);
	CHECK_IS(recv_one(m->guest), -ENODEV);
}

/*
 * Rescind the device as the kernel does: first wake the sleepers, then remove
 * the pages.
 */
static void *rescind(void *arg)
{
	struct model *m = arg;

	until_others_sleep();
	CHECK_IS(vmbus_queue(m->host, VMBUS_PACKET_INBAND, 0, 0, buf, 8), 0);
	tx_ring_publish(&m->host->tx); /* and no signal */
	take_away(m);
	hang_up(m);
	return NULL;
}

SOCKET_TEST(a_rescind_wakes_the_sleeper_who_leaves_the_rings_alone)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, rescind, m));
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_RECV, -1), -ENODEV);
	pthread_join(thread, NULL);
}

static int signal_with(void *ctx)
{
	return *(int *)ctx;
}

/*
 * Other results would look like a full or an empty ring, a packet too large, or
 * a success.
 */
TEST(a_channel_ends_with_enodev_or_eio)
{
	int results[] = { -EAGAIN, -ENOBUFS, -EPROTO, -EBUSY, -ETIMEDOUT, 1, -ENODEV, -EIO };
	struct vmbus_packet pkt;
	struct model m;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		int why = results[i] == -ENODEV ? -ENODEV : -EIO;

		model_open(&m, 4096);
		m.guest->signal = signal_with;
		m.guest->ctx = &results[i];
		CHECK_IS(send_one(m.host, 8), 0);
		CHECK_IS(send_one(m.guest, 8), why);
		CHECK_IS(vmbus_skip(m.guest), why);
		CHECK_IS(vmbus_recv(m.guest, &pkt, buf, sizeof(buf)), why);
		CHECK_IS(send_one(m.guest, 8), why);
		CHECK_IS(channel_signal(m.guest), why);
		model_close(&m);
	}

	/*
	 * A program may pass a wrong descriptor, which can be neither written
	 * nor read.
	 */
	for (int i = 0; i < 2; i++) {
		model_open(&m, 4096);
		guest_on_fd(&m, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		CHECK_IS(i ? vmbus_ack(m.guest) : send_one(m.guest, 8), -EIO);
		CHECK_IS(vmbus_skip(m.guest), -EIO);
		model_close(&m);
	}
}

/*
 * A sending thread notices that the channel has ended, and nothing makes the
 * descriptor readable.
 */
SOCKET_TEST(a_failed_signal_wakes_the_thread_that_receives)
{
	int error = -ENXIO;
	pthread_t thread;
	void *result;

	m->guest->signal = signal_with;
	m->guest->ctx = &error;
	MUST(!pthread_create(&thread, NULL, wait_for_a_packet, m->guest));
	until_others_sleep();
	CHECK_IS(send_one(m->guest, 8), -EIO);
	pthread_join(thread, &result);
	CHECK_IS((intptr_t)result, -EIO);
}

/* Open a pair whose guest has several producers and a full ring to the host. */
static void open_full_pair(struct vmbus_chan **guest, struct vmbus_chan **host)
{
	MUST(!vmbus_open_pair(2 * getpagesize(), 0, guest, host));
	set_producers(*guest, lock);
	fill_up(*guest);
}

/* Define a test that runs with each lock and a new pair @guest and @host. */
#define FULL_PAIR_TEST(name)                                                        \
	static void name##_with(struct vmbus_chan *guest, struct vmbus_chan *host); \
	TEST_WITH_EACH_LOCK(name)                                                   \
	{                                                                           \
		struct vmbus_chan *guest, *host;                                    \
                                                                                    \
		open_full_pair(&guest, &host);                                      \
		name##_with(guest, host);                                           \
		vmbus_close(guest);                                                 \
		vmbus_close(host);                                                  \
	}                                                                           \
	static void name##_with(struct vmbus_chan *guest, struct vmbus_chan *host)

static int recv_some(struct vmbus_chan *host, int packets)
{
	int err = 0;

	while (packets-- && !err)
		err = recv_one(host);
	return err;
}

/*
 * One thread waits for much room, the other for little, and the host makes
 * little room first.
 */
FULL_PAIR_TEST(the_thread_with_the_small_packet_wakes_first)
{
	struct room_thread large, small;

	for (int large_first = 0; large_first < 2; large_first++) {
		if (large_first)
			room_thread_start(&large, guest, 2000);
		room_thread_start(&small, guest, 100);
		if (!large_first)
			room_thread_start(&large, guest, 2000);
		CHECK_IS(recv_some(host, 8), 0);
		room_thread_end(&small, VMBUS_WAIT_SEND);
		CHECK_IS(large.result, 0);
		CHECK_IS(recv_some(host, 20), 0);
		room_thread_end(&large, VMBUS_WAIT_SEND);
		while (!recv_one(host))
			;
		fill_up(guest);
	}
}

/*
 * A thread that has a reservation may send even if another thread waits for
 * room.
 */
FULL_PAIR_TEST(waiting_with_a_reservation)
{
	struct room_thread large;
	void *payload;

	room_thread_start(&large, guest, 2000);
	CHECK_IS(recv_some(host, 5), 0);
	CHECK_IS(vmbus_reserve(guest, 8, &payload), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 0), VMBUS_WAIT_SEND);
	vmbus_cancel(guest);
	CHECK_IS(recv_some(host, 20), 0);
	room_thread_end(&large, VMBUS_WAIT_SEND);
}

/*
 * A thread that begins to wait while another thread has a reservation waits for
 * its end, even beyond the timeout, and then for its own room.
 */
FULL_PAIR_TEST(waiting_while_another_thread_has_a_reservation)
{
	static const struct {
		int freed, timeout_ms, result;
	} waits[] = {
		{ 20, 10000, VMBUS_WAIT_SEND },
		{ 20, 0, VMBUS_WAIT_SEND },
		{ 5, 0, -ETIMEDOUT },
		{ 5, 50, -ETIMEDOUT },
	};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct room_thread other = { .chan = guest,
					     .len = 1000,
					     .timeout_ms = waits[i].timeout_ms };
		void *payload;

		fill_up(guest);
		room_thread_run(&other);
		CHECK_IS(recv_some(host, waits[i].freed), 0);
		CHECK_IS(vmbus_reserve(guest, 8, &payload), 0);
		other.go = true;
		usleep(100000);
		CHECK_IS(other.result, 0);
		CHECK_IS(vmbus_commit(guest, VMBUS_PACKET_INBAND, 0, 0, 0, 8), 0);
		room_thread_end(&other, waits[i].result);
	}
}

/*
 * The request of a thread survives packets that other threads send or fail to
 * send.
 */
TEST_WITH_EACH_LOCK(a_request_for_room_outlives_other_packets)
{
	struct room_thread large;
	struct model m;

	open_nearly_full(&m);
	room_thread_start(&large, m.guest, 1000);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 1024);
	CHECK_IS(send_one(m.guest, 72), 0);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 1024);
	/* The library asks the host for the smaller room first, */
	CHECK_IS(send_one(m.guest, 500), -EAGAIN);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 528);
	for (int i = 0; i < 6; i++)
		CHECK_IS(recv_one(m.host), 0);
	MUST(write(m.fd[1], "sig", 4) == 4);
	/* and the thread asks again for what it needs. */
	WAIT_UNTIL(*word(&m.to_host, PENDING_SEND_SZ) == 1024);
	CHECK_IS(large.result, 0);
	CHECK_IS(send_one(m.guest, 500), 0);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 1024);
	for (int i = 0; i < 20; i++)
		CHECK_IS(recv_one(m.host), 0);
	MUST(write(m.fd[1], "sig", 4) == 4);
	room_thread_end(&large, VMBUS_WAIT_SEND);
	CHECK_IS(send_one(m.guest, 1000), 0);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 0);
	model_close(&m);
}

/*
 * Two threads were refused packets, and the host makes room for both. The
 * thread that sends its packet then has nothing to wait for, although its own
 * wait has withdrawn the request before.
 */
TEST_WITH_EACH_LOCK(a_thread_that_has_sent_its_packet_waits_for_no_room)
{
	struct room_thread large;
	struct model m;

	open_nearly_full(&m);
	CHECK_IS(send_one(m.guest, 500), -EAGAIN);
	room_thread_start(&large, m.guest, 1000);
	for (int i = 0; i < 20; i++)
		CHECK_IS(recv_one(m.host), 0);
	CHECK_IS(vmbus_wait(m.guest, VMBUS_WAIT_SEND, 0), VMBUS_WAIT_SEND);
	room_thread_end(&large, VMBUS_WAIT_SEND);
	CHECK_IS(*word(&m.to_host, PENDING_SEND_SZ), 0);
	CHECK_IS(send_one(m.guest, 500), 0);
	fill_ring(m.guest, 15);
	CHECK(tx_room(m.guest) < 500);
	CHECK_IS(vmbus_wait(m.guest, VMBUS_WAIT_SEND, 0), VMBUS_WAIT_SEND);
	model_close(&m);
}

static void *send_small(void *chan)
{
	return (void *)(intptr_t)send_one(chan, 8);
}

/* Another thread sends a packet that fits, and withdraws the request. */
static void another_sends(struct vmbus_chan *guest)
{
	pthread_t thread;
	void *sent;

	MUST(!pthread_create(&thread, NULL, send_small, guest));
	pthread_join(thread, &sent);
	CHECK_IS((intptr_t)sent, 0);
}

/* Send 1000 bytes; or reserve them, and send fewer. */
static void send_what_was_refused(struct vmbus_chan *guest, bool reserve)
{
	void *payload;

	if (!reserve) {
		CHECK_IS(send_one(guest, 1000), 0);
		return;
	}
	CHECK_IS(vmbus_reserve(guest, 1000, &payload), 0);
	CHECK_IS(vmbus_commit(guest, VMBUS_PACKET_INBAND, 0, 0, 0, 8), 0);
}

/*
 * A thread is refused a packet and does not wait. Another thread withdraws the
 * request for room, so the first thread sends its packet without a look at the
 * ring. It then has nothing to wait for.
 */
FULL_PAIR_TEST(a_refusal_ends_although_another_thread_took_the_request_back)
{
	for (int reserve = 0; reserve < 2; reserve++) {
		fill_up(guest);
		CHECK_IS(send_one(guest, 1000), -EAGAIN);
		CHECK_IS(recv_some(host, 20), 0);
		another_sends(guest);
		send_what_was_refused(guest, reserve);
		fill_ring(guest, reserve ? 12 : 2);
		CHECK(tx_room(guest) < 1000);
		CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 0), VMBUS_WAIT_SEND);
	}
}

/*
 * A thread waits for the room for its packet, whatever other threads send
 * meanwhile. If they take the room that the host made, the thread is refused
 * again, and waits again.
 */
FULL_PAIR_TEST(a_refusal_outlives_what_other_threads_send)
{
	CHECK_IS(send_one(guest, 1000), -EAGAIN);
	CHECK_IS(recv_some(host, 8), 0);
	for (int i = 0; i < 3; i++) {
		another_sends(guest);
		CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 0), -ETIMEDOUT);
	}
	CHECK_IS(recv_some(host, 20), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 0), VMBUS_WAIT_SEND);
	CHECK_IS(send_one(guest, 1000), 0);

	while (!send_one(guest, 1000))
		;
	CHECK_IS(recv_some(host, 12), 0);
	while (tx_room(guest) > 1000)
		another_sends(guest);
	CHECK_IS(send_one(guest, 1000), -EAGAIN);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 0), -ETIMEDOUT);
}

/*
 * One thread receives with poll() and vmbus_ack(), and another waits for room.
 * One interrupt is for both.
 */
PAIR_TEST(vmbus_ack_does_not_take_the_interrupt_of_a_sender)
{
	struct room_thread sender;
	struct pollfd p;

	p = (struct pollfd){ .fd = vmbus_fd(guest), .events = POLLIN };
	for (int round = 0; round < 20; round++) {
		fill_up(guest);
		room_thread_start(&sender, guest, 1000);
		CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
		CHECK_IS(recv_some(host, 20), 0);
		/*
		 * The receiver notices the interrupt although the sender also
		 * sleeps in poll(),
		 */
		CHECK_IS(poll(&p, 1, -1), 1);
		CHECK_IS(vmbus_ack(guest), 0);
		/* and so does the sender, although the receiver took it. */
		room_thread_end(&sender, VMBUS_WAIT_SEND);
		while (!recv_one(host))
			;
	}
}

/*
 * A thread that armed the channel may wait for room before it comes back to
 * poll().
 */
PAIR_TEST(the_thread_that_polls_may_wait_for_room)
{
	fill_up(guest);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
	CHECK_IS(send_one(guest, 1000), -EAGAIN);
	CHECK_IS(recv_some(host, 20), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, -1), VMBUS_WAIT_SEND);
	fill_up(guest);
	CHECK_IS(recv_some(host, 5), 0);
	CHECK_IS(send_one(guest, 1000), -EAGAIN);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 50), -ETIMEDOUT);
}

/*
 * A thread that uses several channels, on which others also send, waits for its
 * own packet on each.
 */
FULL_PAIR_TEST(refusals_on_two_channels)
{
	struct vmbus_chan *other, *other_host;

	open_full_pair(&other, &other_host);
	CHECK_IS(send_one(guest, 1000), -EAGAIN);
	CHECK_IS(send_one(other, 72), -EAGAIN);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 10), -ETIMEDOUT);
	CHECK_IS(recv_some(host, 5), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 10), -ETIMEDOUT);
	CHECK_IS(recv_some(host, 10), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_SEND, 10), VMBUS_WAIT_SEND);
	CHECK_IS(vmbus_wait(other, VMBUS_WAIT_SEND, 10), -ETIMEDOUT);
	vmbus_close(other);
	vmbus_close(other_host);
}

/* The library leaves an interrupt to a polling thread, which never takes it. */
PAIR_TEST(a_thread_that_polls_and_does_not_come_back)
{
	struct room_thread sender;

	fill_up(guest);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
	room_thread_start(&sender, guest, 1000);
	CHECK_IS(channel_signal(host), 0);
	until_others_sleep();
	CHECK_IS(recv_some(host, 20), 0);
	room_thread_end(&sender, VMBUS_WAIT_SEND);
}

/*
 * The polling thread should take the rescind, and does not come back. The host
 * goes before or after the sender has left an interrupt to that thread.
 */
static void check_rescind_is_heard(bool again, bool interrupt)
{
	struct vmbus_chan *guest, *host;
	struct room_thread sender;

	MUST(!vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));
	fill_up(guest);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
	sender = (struct room_thread){ .chan = guest, .len = 1000, .again = again, .go = true };
	sender.timeout_ms = again ? 20 : -1;
	room_thread_run(&sender);
	until_others_sleep();
	if (interrupt)
		CHECK_IS(channel_signal(host), 0);
	until_others_sleep();
	vmbus_close(host);
	room_thread_end(&sender, -ENODEV);
	CHECK_IS(vmbus_ack(guest), -ENODEV);
	vmbus_close(guest);
}

TEST(a_sender_hears_of_a_rescind_although_another_thread_polls)
{
	check_rescind_is_heard(false, false);
	check_rescind_is_heard(false, true);
	check_rescind_is_heard(true, false);
	check_rescind_is_heard(true, true);
}

PAIR_TEST(vmbus_arm_does_not_wait_for_room_with_several_producers)
{
	set_producers(guest, PRODUCERS_MUTEX);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV), 0);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_SEND), -EOPNOTSUPP);
	CHECK_IS(vmbus_arm(guest, VMBUS_WAIT_RECV | VMBUS_WAIT_SEND), -EOPNOTSUPP);
}

/* A program that never sleeps gets no interrupts and requests no room. */
MODEL_TEST(poll_mode)
{
	CHECK_IS(*word(&m->to_guest, INTERRUPT_MASK), 0);
	channel_opened(m->guest, 0, VMBUS_OPEN_POLL);
	CHECK_IS(*word(&m->to_guest, INTERRUPT_MASK), 1);
	CHECK_IS(vmbus_wait(m->guest, VMBUS_WAIT_RECV, 0), -EOPNOTSUPP);
	CHECK_IS(vmbus_arm(m->guest, VMBUS_WAIT_RECV), -EOPNOTSUPP);
	CHECK_IS(*word(&m->to_guest, INTERRUPT_MASK), 1);
	CHECK_IS(send_one(m->host, 8), 0);
	CHECK_IS(m->host_signals, 0);
	CHECK_IS(recv_one(m->guest), 0);
	/*
	 * With a full ring the library requests no room, and queued packets
	 * stay so until the program flushes.
	 */
	while (!vmbus_queue(m->guest, 6, 0, 0, buf, 72))
		;
	CHECK_IS(vmbus_queue(m->guest, 6, 0, 0, buf, 72), -EAGAIN);
	CHECK_IS(*word(&m->to_host, PENDING_SEND_SZ), 0);
	CHECK_IS(*word(&m->to_host, WRITE_INDEX), 0);
	CHECK_IS(m->guest_signals, 0);
	CHECK_IS(vmbus_flush(m->guest), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(recv_one(m->host), 0);
	CHECK_IS(m->host_signals, 0);
	CHECK_IS(send_one(m->guest, 72), 0);
}

static int find_nothing(struct vmbus_chan *chan, int how)
{
	struct vmbus_view views[2];

	switch (how) {
	case 0:
		return recv_one(chan);
	case 1:
		return vmbus_skip(chan);
	case 2:
		return vmbus_peek(chan, views, 1);
	case 3:
		return vmbus_peek(chan, views, 2);
	default:
		return vmbus_recv_many(chan, views, 1, buf, sizeof(buf));
	}
}

/*
 * A signal of one channel makes the kernel clear the masks of all channels of
 * the device. A channel that polls sets its mask again when it has signalled or
 * finds its ring empty. Another one leaves its mask as it is.
 */
TEST(a_signal_in_poll_mode)
{
	struct vmbus_chan *guest, *host;
	_Atomic uint32_t *mask, *of_host;

	MUST(!vmbus_open_pair(2 * getpagesize(), VMBUS_OPEN_POLL, &guest, &host));
	mask = &guest->rx.shared->interrupt_mask;
	of_host = &host->rx.shared->interrupt_mask;
	for (int how = 0; how < 5; how++) {
		*mask = 0;
		CHECK_IS(send_one(guest, 8), 0);
		CHECK_IS(*mask, 1);
		CHECK_IS(recv_one(host), 0);

		*mask = 0;
		CHECK_IS(find_nothing(guest, how), -EAGAIN);
		CHECK_IS(*mask, 1);
		CHECK_IS(find_nothing(host, how), -EAGAIN);
		CHECK_IS(*of_host, 0);
	}
	vmbus_close(guest);
	vmbus_close(host);
}

static void on_alarm(int number)
{
}

PAIR_TEST(a_signal_handler_ends_the_wait)
{
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	/* A signal may arrive before the wait, so let others follow. */
	ualarm(30000, 30000);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), -EINTR);
	ualarm(0, 0);
}

SOCKET_TEST(a_signal_is_a_write_of_one)
{
	int32_t value = 0;

	CHECK_IS(send_one(m->guest, 8), 0);
	CHECK_IS(read(m->fd[1], &value, sizeof(value)), 4);
	CHECK_IS(value, 1);
	CHECK(read(m->fd[1], &value, sizeof(value)) < 0 && errno == EAGAIN);
}

/* Two threads wait, one to receive and one to send, and both are woken. */
TEST(a_wake_ends_every_wait)
{
	struct vmbus_chan *guest, *host;
	struct room_thread sender;
	pthread_t receiver;
	void *result;

	MUST(!vmbus_open_pair(2 * getpagesize(), VMBUS_OPEN_SENDERS, &guest, &host));
	fill_up(guest);
	MUST(!pthread_create(&receiver, NULL, wait_for_a_packet, guest));
	room_thread_start(&sender, guest, 72);
	WAIT_UNTIL(__atomic_load_n(&guest->waiters, __ATOMIC_RELAXED) == 2);
	vmbus_wake(guest);
	pthread_join(receiver, &result);
	CHECK_IS((intptr_t)result, -ECANCELED);
	room_thread_end(&sender, -ECANCELED);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, 0), -ETIMEDOUT);
	/* Nobody waits, so the next wait notices both calls, once. */
	vmbus_wake(guest);
	vmbus_wake(guest);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), -ECANCELED);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, 0), -ETIMEDOUT);
	/* A packet counts more than a wake. */
	vmbus_wake(guest);
	CHECK_IS(send_one(host, 72), 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), VMBUS_WAIT_RECV);
	vmbus_close(guest);
	vmbus_close(host);
}

TEST(a_pair_has_the_mode_of_its_flags)
{
	struct vmbus_chan *guest, *host;

	CHECK_IS(vmbus_open_pair(2 * getpagesize(), 16, &guest, &host), -EINVAL);
	CHECK(strstr(error_text(), "flags 0x10"));
	MUST(!vmbus_open_pair(2 * getpagesize(), VMBUS_OPEN_POLL, &guest, &host));
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, 0), -EOPNOTSUPP);
	CHECK_IS(vmbus_wait(host, VMBUS_WAIT_RECV, 0), -ETIMEDOUT);
	vmbus_close(host);
	CHECK_IS(recv_one(guest), -EAGAIN);
	CHECK_IS(vmbus_ack(guest), -ENODEV);
	vmbus_close(guest);
	for (uint32_t flag = VMBUS_OPEN_SENDERS; flag <= VMBUS_OPEN_SPIN; flag *= 2) {
		MUST(!vmbus_open_pair(2 * getpagesize(), flag, &guest, &host));
		CHECK_IS(guest->producers,
			 flag == VMBUS_OPEN_SPIN ? PRODUCERS_SPIN : PRODUCERS_MUTEX);
		CHECK_IS(host->producers, PRODUCERS_ONE);
		vmbus_close(guest);
		vmbus_close(host);
	}
}

TEST(a_pair_of_a_wrong_size_is_refused)
{
	struct vmbus_chan *chan;

	CHECK_IS(vmbus_open_pair(getpagesize(), 0, &chan, &chan), -EINVAL);
	CHECK_IS(vmbus_open_pair(2 * getpagesize() + 8, 0, &chan, &chan), -EINVAL);
	CHECK(strstr(error_text(), "multiple of the page size"));
	CHECK_IS(vmbus_open_pair((size_t)1 << 31, 0, &chan, &chan), -EINVAL);
	CHECK(strstr(error_text(), "below 2 GiB"));
}

TEST_HARNESS_MAIN
