// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests cancel threads that sleep. Other threads must go on to use the
 * channel.
 */

#include <pthread.h>

#include "model.h"

static struct vmbus_chan *guest, *host;
static unsigned char buf[4096];

struct waiter {
	pthread_t thread;
	unsigned int events;
	int result;
};

static void *wait_once(void *arg)
{
	struct waiter *w = arg;

	w->result = vmbus_wait(guest, w->events, -1);
	return NULL;
}

static void *fill_and_wait(void *arg)
{
	while (!vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 1024))
		;
	return wait_once(arg);
}

static void start(struct waiter *w, void *(*run)(void *), unsigned int events)
{
	*w = (struct waiter){ .events = events };
	MUST(!pthread_create(&w->thread, NULL, run, w));
	WAIT_UNTIL(others_sleep());
}

static void cancel(struct waiter *w)
{
	void *result;

	MUST(!pthread_cancel(w->thread) && !pthread_join(w->thread, &result));
	CHECK(result == PTHREAD_CANCELED);
}

static void pair_open(void)
{
	MUST(!vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));
	set_producers(guest, PRODUCERS_MUTEX);
}

static void pair_close(void)
{
	vmbus_close(guest);
	vmbus_close(host);
}

static void check_receiver(struct waiter *w)
{
	CHECK_IS(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, "x", 1), 0);
	pthread_join(w->thread, NULL);
	CHECK_IS(w->result, VMBUS_WAIT_RECV);
}

/* Its place in poll() and in the list of those that wait becomes free. */
TEST(a_cancelled_thread_does_not_sleep_for_others)
{
	struct waiter sender, receiver;
	struct vmbus_packet pkt;

	pair_open();
	start(&sender, fill_and_wait, VMBUS_WAIT_SEND);
	cancel(&sender);
	start(&receiver, wait_once, VMBUS_WAIT_RECV);
	check_receiver(&receiver);
	/* These calls walk the list of waiting threads. */
	for (int i = 0; i < 2; i++) {
		while (!vmbus_recv(host, &pkt, buf, sizeof(buf)))
			;
		while (!vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 1024))
			;
	}
	pair_close();
}

/* The cancelled thread holds a lock when pthread_cond_wait() returns. */
TEST(a_cancelled_thread_keeps_no_lock)
{
	struct waiter sender, receiver;

	pair_open();
	start(&receiver, wait_once, VMBUS_WAIT_RECV);
	start(&sender, fill_and_wait, VMBUS_WAIT_SEND);
	cancel(&sender);
	check_receiver(&receiver);
	pair_close();
}

/* If the thread that sleeps in poll() is cancelled, another takes its place. */
TEST(another_thread_sleeps_in_its_place)
{
	struct waiter sender, receiver;

	pair_open();
	start(&sender, fill_and_wait, VMBUS_WAIT_SEND);
	start(&receiver, wait_once, VMBUS_WAIT_RECV);
	cancel(&sender);
	check_receiver(&receiver);
	pair_close();
}

static void *send_cancelled(void *arg)
{
	pthread_cancel(pthread_self());
	while (!vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 1024))
		;
	vmbus_ack(guest);
	pthread_testcancel();
	return NULL;
}

/* When the ring is full, the library signals with the lock held. */
TEST(a_call_that_sends_or_takes_interrupts_is_not_cancelled)
{
	struct waiter sender, receiver;
	void *result;

	pair_open();
	MUST(!pthread_create(&sender.thread, NULL, send_cancelled, NULL));
	pthread_join(sender.thread, &result);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_IS(vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 1024), -EAGAIN);
	start(&receiver, wait_once, VMBUS_WAIT_RECV);
	check_receiver(&receiver);
	pair_close();
}

TEST_HARNESS_MAIN
