// SPDX-License-Identifier: GPL-2.0-only
/* Test whole copies over rings in memory, with a host at the other end. */
#include <pthread.h>
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/exchange.h"
#include "fcopy_test.h"
#include "host.h"
#include "test_log.h"

#define RING_SIZE (5 * 4096)

static struct vmbus_chan *guest, *host;
static struct exchange exchange;
static const struct policy policy = POLICY_DEFAULTS;
static struct message request, answer;
static uint64_t transaction;

static void begin_test(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	mkdir("to", 0755);
	expect_int(vmbus_open_pair(page > 4096 ? 2 * page : RING_SIZE, 0, &guest, &host), 0);
	exchange_init(&exchange, guest, -1, &policy);
	transaction = 1000;
}

static void end_test(int files)
{
	const struct failure over = { .refusal = REFUSAL_STOPPED };

	transfer_discard(&exchange.session.transfer, &over);
	vmbus_close(guest);
	vmbus_close(host);
	expect_int(entries("to"), files);
}

static int post(void)
{
	return vmbus_send(host, VMBUS_PACKET_INBAND, 0, transaction++, request.bytes,
			  request.length);
}

/* Take the next answer, and check that it belongs to the request @of. */
static uint32_t take(uint64_t of)
{
	struct vmbus_packet packet;
	int err = vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes));

	if (!expect_int(err, 0))
		return UINT32_MAX;
	answer.length = packet.length;
	expect_int(packet.type, VMBUS_PACKET_INBAND);
	expect_int(packet.flags, 0);
	expect_int(packet.transaction_id, of);
	return status_of(&answer);
}

static void expect_silence(void)
{
	struct vmbus_packet packet;

	expect_int(vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)), -EAGAIN);
}

/* Work in lockstep, as Hyper-V does. */
static uint32_t ask(void)
{
	uint64_t id = transaction;

	expect_int(post(), 0);
	expect_int(exchange_run(&exchange), 0);
	return take(id);
}

static void agree(void)
{
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
}

static unsigned char byte_at(uint64_t offset)
{
	return offset * 2654435761u >> 13;
}

/*
 * Send SIZE bytes by ask_one(), one fragment each. Return the first status that
 * is no success.
 */
static uint32_t send_file(uint64_t size, uint32_t (*ask_one)(void))
{
	unsigned char data[DATA_MAX];
	uint32_t status = S_OK;

	for (uint64_t at = 0; at < size && status == S_OK; at += DATA_MAX) {
		uint32_t n = size - at < DATA_MAX ? size - at : DATA_MAX;

		for (uint32_t i = 0; i < n; i++)
			data[i] = byte_at(at + i);
		write_message(&request, at, data, n);
		status = ask_one();
	}
	return status;
}

static bool is_file(const char *path, uint64_t size)
{
	unsigned char data[65536];
	uint64_t at = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while ((n = read(fd, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (data[i] != byte_at(at + i)) {
				close(fd);
				return false;
			}
		at += n;
	}
	close(fd);
	return n == 0 && at == size;
}

static void sizes_around_the_fragment(void)
{
	static const uint64_t sizes[] = {
		0, 1, 7, 8, 9, DATA_MAX - 1, DATA_MAX, DATA_MAX + 1, 3 * DATA_MAX, 1000000
	};

	begin_test();
	agree();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start_message(&request, in("to"), "a", OVER_WRITE, sizes[i]);
		expect_int(ask(), S_OK);
		/* The ring pads a packet to a multiple of 8. */
		expect_int(answer.length, (request.length + 7) / 8 * 8);
		answer.length = request.length;
		expect(is_answer(&answer, &request));
		expect_int(send_file(sizes[i], ask), S_OK);
		end_message(&request, COMPLETE);
		expect_int(ask(), S_OK);
		expect(is_file("to/a", sizes[i]));
	}
	end_test(1);
}

/* Serve like the daemon's loop, until the host is gone. */
static void *serve(void *unused)
{
	intptr_t err;

	do {
		err = vmbus_wait(guest, exchange_events(&exchange), -1);
		if (err > 0)
			err = exchange_run(&exchange);
	} while (!err);
	return (void *)err;
}

static uint32_t ask_other_thread(void)
{
	uint64_t id = transaction;

	expect_int(post(), 0);
	expect(vmbus_wait(host, VMBUS_WAIT_RECV, 10000) > 0);
	return take(id);
}

static void copy_between_threads(void)
{
	const uint64_t size = 20000000;
	pthread_t thread;
	void *end;

	begin_test();
	expect_int(pthread_create(&thread, NULL, serve, NULL), 0);
	usual_negotiation(&request);
	expect_int(ask_other_thread(), S_OK);
	start_message(&request, in("to/new/"), "a", CREATE_PATH, size);
	expect_int(ask_other_thread(), S_OK);
	expect_int(send_file(size, ask_other_thread), S_OK);
	expect_int(entries("to/new"), 0);
	end_message(&request, COMPLETE);
	expect_int(ask_other_thread(), S_OK);
	expect(is_file("to/new/a", size));

	/* This is another copy, and the host disappears in the middle of it. */
	start_message(&request, in("to/new/"), "b", CREATE_PATH, size);
	expect_int(ask_other_thread(), S_OK);
	vmbus_close(host);
	host = NULL;
	pthread_join(thread, &end);
	expect_int((intptr_t)end, -ENODEV);
	end_test(1);
	expect_int(entries("to/new"), 1);
}

static void all_of_a_burst_answered(void)
{
	uint64_t first;

	begin_test();
	agree();
	first = transaction;
	start_message(&request, in("to"), "a", 0, 40);
	expect_int(post(), 0);
	for (int i = 0; i < 4; i++) {
		write_message(&request, 10 * i, "0123456789", 10);
		expect_int(post(), 0);
	}
	end_message(&request, COMPLETE);
	expect_int(post(), 0);
	expect_int(exchange_run(&exchange), 0);
	for (int i = 0; i < 6; i++)
		expect_int(take(first + i), S_OK);
	expect_silence();
	expect(holds("to/a", "0123456789012345678901234567890123456789"));
	end_test(1);
}

/* One signal wakes the host once for all of them. */
static void answers_of_a_burst_share_a_signal(void)
{
	char signals[64];

	begin_test();
	agree();
	expect(vmbus_arm(host, VMBUS_WAIT_RECV) == 0);
	while (vmbus_ack(host) == 0)
		;
	expect(vmbus_arm(host, VMBUS_WAIT_RECV) == 0);
	for (int i = 0; i < 5; i++) {
		end_message(&request, CANCEL);
		expect_int(post(), 0);
	}
	expect_int(exchange_run(&exchange), 0);
	expect_int(read(vmbus_fd(host), signals, sizeof(signals)), 4);
	for (int i = 0; i < 5; i++)
		take(transaction - 5 + i);
	end_test(0);
}

/*
 * The host fills the ring and takes no answers: they wait for room, and none is
 * lost.
 */
static void full_ring_to_the_host(void)
{
	uint64_t asked = 0, told = 0;
	char data[DATA_MAX];
	bool waited = false;

	begin_test();
	agree();
	memset(data, 'x', sizeof(data));
	start_message(&request, in("to"), "a", 0, 20 * DATA_MAX);
	expect_int(ask(), S_OK);
	transaction = 0;
	for (int round = 0; told < 20 && round < 1000; round++) {
		while (asked < 20) {
			write_message(&request, asked * DATA_MAX, data, DATA_MAX);
			if (post() == -EAGAIN) {
				transaction--;
				break;
			}
			asked++;
		}
		expect_int(exchange_run(&exchange), 0);
		waited |= exchange_events(&exchange) == VMBUS_WAIT_SEND;
		if (round % 3 == 0)
			expect_int(take(told++), S_OK);
	}
	expect(waited);
	expect_int(told, 20);
	end_message(&request, COMPLETE);
	transaction = 500;
	expect_int(ask(), S_OK);
	end_test(1);
}

/* The daemon must notice signals even if a host refills the ring forever. */
static void share_of_one_call(void)
{
	int posted = 0;

	begin_test();
	request.length = 0;
	while (post() == 0)
		posted++;
	ksft_print_msg("%d packets in the ring\n", posted);
	expect_int(exchange_run(&exchange), 0);
	expect(posted > 256 && vmbus_wait(guest, VMBUS_WAIT_RECV, 0) == VMBUS_WAIT_RECV);
	expect_int(exchange_run(&exchange), 0);
	expect_int(exchange_run(&exchange), 0);
	expect_int(vmbus_wait(guest, VMBUS_WAIT_RECV, 0), -ETIMEDOUT);
	expect_silence();
	end_test(0);
}

static void packets_that_are_not_valid_are_skipped(void)
{
	static unsigned char big[17000];

	begin_test();
	agree();
	end_message(&request, CANCEL);
	/* Another type of packet */
	expect_int(vmbus_send(host, VMBUS_PACKET_COMPLETION, 0, 1, request.bytes, request.length),
		   0);
	/* An empty packet, and one that is too short */
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 2, big, 0), 0);
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 3, big, 24), 0);
	expect_int(exchange_run(&exchange), 0);
	expect_silence();
	expect_int(ask(), S_OK);
	/* One that is longer than any message */
	if (vmbus_info(host)->max_payload >= 16392) {
		expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 4, big, 16392), 0);
		expect_int(exchange_run(&exchange), 0);
		expect_silence();
		expect_int(ask(), S_OK);
	}
	end_test(0);
}

int main(void)
{
	test(sizes_around_the_fragment);
	test(copy_between_threads);
	test(all_of_a_burst_answered);
	test(answers_of_a_burst_share_a_signal);
	test(full_ring_to_the_host);
	test(share_of_one_call);
	test(packets_that_are_not_valid_are_skipped);
	run_tests();
}
