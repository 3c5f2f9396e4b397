// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example that matches completions to transaction ids, on a made-up device
 * that comes and goes, with a host that lies
 */
#include <pthread.h>
#include <signal.h>

#include "../bufring/ic_host.h"
#include "../bufring/uio.h"
#include "printed.h"

int requests_main(int argc, char **argv);

#define WINDOW 8
#define COUNT  20

static void *run_example(void *ctx)
{
	static char name[] = "requests", id[] = FCOPY, count[] = "20";
	char *argv[] = { name, id, count, NULL };

	(void)ctx;
	return (void *)(intptr_t)requests_main(3, argv);
}

/* A request, as the host received it */
struct received {
	uint64_t xid, number;
};

static struct received host_receives(void)
{
	struct received r = { 0, 0 };
	struct vmbus_packet packet;

	WAIT_UNTIL(!vmbus_recv(uio.host, &packet, &r.number, sizeof(r.number)));
	CHECK_IS(packet.type, VMBUS_PACKET_INBAND);
	CHECK_IS(packet.flags, VMBUS_PACKET_COMPLETION_REQUESTED);
	r.xid = packet.transaction_id;
	return r;
}

static void host_completes(uint64_t xid, uint64_t result)
{
	MUST(!vmbus_send(uio.host, VMBUS_PACKET_COMPLETION, 0, xid, &result, sizeof(result)));
}

static void host_receives_window(struct received *window)
{
	struct vmbus_packet packet;
	uint64_t number;

	for (int i = 0; i < WINDOW; i++)
		window[i] = host_receives();
	CHECK_IS(vmbus_recv(uio.host, &packet, &number, sizeof(number)), -EAGAIN);
}

static void each_completion_finds_its_request(void)
{
	struct received before[WINDOW], window[WINDOW];
	int kept[2], to, number, left = COUNT;
	char line[64];
	pthread_t thread;
	void *status;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	MUST(!pthread_sigmask(SIG_BLOCK, &set, NULL));
	uio_offer(FCOPY);
	to = printing_begin(kept);
	MUST(!pthread_create(&thread, NULL, run_example, NULL));
	WAIT_UNTIL(uio.opens == 1);
	host_receives_window(before);
	/* The device goes away before an answer. */
	sysfs_make();
	uio_host_close();
	uio_offer(FCOPY);
	WAIT_UNTIL(uio.opens == 2);
	host_receives_window(window);
	for (int i = 0; i < WINDOW; i++) {
		CHECK_IS(window[i].number, before[i].number);
		CHECK_IS(window[i].xid, before[i].xid);
	}
	/* Invented, out of date, and not a completion */
	host_completes(0, 1);
	host_completes(window[0].xid + WINDOW * 1000, 2);
	MUST(!vmbus_send(uio.host, VMBUS_PACKET_INBAND, 0, 3, "abcdefgh", 8));
	MUST(!vmbus_send(uio.host, VMBUS_PACKET_COMPLETION, 0, window[0].xid, line, 64));
	/* The newest first; each makes room for the next request. */
	for (int i = WINDOW - 1; left; i = (i + WINDOW - 1) % WINDOW) {
		host_completes(window[i].xid, window[i].number * 100);
		/* The driver ends when it has the last answer. */
		if (left > 1)
			host_completes(window[i].xid, 4);
		if (left-- > WINDOW)
			window[i] = host_receives();
	}
	pthread_join(thread, &status);
	uio_host_close();
	printing_end(to, kept);

	CHECK_IS((intptr_t)status, 0);
	for (number = 1; number <= COUNT; number++) {
		snprintf(line, sizeof(line), "request %d: %d\n", number, number * 100);
		CHECK_IS(times_printed(line), 1);
	}
	CHECK_IS(times_printed("request "), COUNT);
	CHECK_IS(times_printed("a completion with an unknown id"), 2 + COUNT - 1);
	CHECK_IS(times_printed("not a completion"), 2);
	if (checks_failed)
		for (char *text = strtok(printed, "\n"); text; text = strtok(NULL, "\n"))
			ksft_print_msg("  %s\n", text);
}

static void a_demonstration(void)
{
	static char name[] = "requests", demo[] = "--demo";
	char *argv[] = { name, demo, NULL };
	int kept[2], to = printing_begin(kept);
	int status = requests_main(2, argv);

	printing_end(to, kept);
	CHECK_IS(status, 0);
	CHECK_IS(times_printed("request "), 3 * WINDOW);
	/* The host completes the newest request first. */
	CHECK(strstr(printed, "request 2: 200\nrequest 1: 100\n"));
	to = printing_begin(kept);
	status = requests_main(1, argv);
	printing_end(to, kept);
	CHECK_IS(status, 2);
	CHECK(!strncmp(printed, "Usage: requests", 15));
}

static const struct test tests[] = {
	TEST(a_demonstration),
	TEST(each_completion_finds_its_request),
};

int main(void)
{
	return RUN(tests);
}
