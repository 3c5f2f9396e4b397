// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests cancel threads that sleep. Other threads must go on to use the
 * channel.
 */

#include "model.h"

static unsigned char buf[4096];

static void fill_up(struct vmbus_chan *guest)
{
	while (!vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 1024))
		;
}

static void start_sender(struct room_thread *sender, struct vmbus_chan *guest)
{
	fill_up(guest);
	room_thread_start(sender, guest, 1024);
}

static pthread_t start_receiver(struct vmbus_chan *guest)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, wait_for_a_packet, guest));
	until_others_sleep();
	return thread;
}

static void cancel(pthread_t thread)
{
	void *result;

	MUST(!pthread_cancel(thread) && !pthread_join(thread, &result));
	CHECK(result == PTHREAD_CANCELED);
}

static void check_receiver(pthread_t thread, struct vmbus_chan *host)
{
	void *result;

	CHECK_IS(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, "x", 1), 0);
	pthread_join(thread, &result);
	CHECK_IS((intptr_t)result, VMBUS_WAIT_RECV);
}

/* Its place in poll() and in the list of those that wait becomes free. */
PAIR_TEST(a_cancelled_thread_does_not_sleep_for_others)
{
	struct room_thread sender;
	struct vmbus_packet pkt;

	set_producers(guest, PRODUCERS_MUTEX);
	start_sender(&sender, guest);
	cancel(sender.thread);
	check_receiver(start_receiver(guest), host);
	/* These calls walk the list of waiting threads. */
	for (int i = 0; i < 2; i++) {
		while (!vmbus_recv(host, &pkt, buf, sizeof(buf)))
			;
		fill_up(guest);
	}
}

/* The cancelled thread holds a lock when pthread_cond_wait() returns. */
PAIR_TEST(a_cancelled_thread_keeps_no_lock)
{
	struct room_thread sender;
	pthread_t receiver;

	set_producers(guest, PRODUCERS_MUTEX);
	receiver = start_receiver(guest);
	start_sender(&sender, guest);
	cancel(sender.thread);
	check_receiver(receiver, host);
}

/* If the thread that sleeps in poll() is cancelled, another takes its place. */
PAIR_TEST(another_thread_sleeps_in_its_place)
{
	struct room_thread sender;
	pthread_t receiver;

	set_producers(guest, PRODUCERS_MUTEX);
	start_sender(&sender, guest);
	receiver = start_receiver(guest);
	cancel(sender.thread);
	check_receiver(receiver, host);
}

static void *send_cancelled(void *guest)
{
	pthread_cancel(pthread_self());
	fill_up(guest);
	vmbus_ack(guest);
	pthread_testcancel();
	return NULL;
}

/* When the ring is full, the library signals with the lock held. */
PAIR_TEST(a_call_that_sends_or_takes_interrupts_is_not_cancelled)
{
	pthread_t sender;
	void *result;

	set_producers(guest, PRODUCERS_MUTEX);
	MUST(!pthread_create(&sender, NULL, send_cancelled, guest));
	pthread_join(sender, &result);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_IS(vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 1024), -EAGAIN);
	check_receiver(start_receiver(guest), host);
}

TEST_HARNESS_MAIN
