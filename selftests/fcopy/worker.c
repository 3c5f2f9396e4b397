// SPDX-License-Identifier: GPL-2.0-only
/* Test the process that writes a file, and how its data gets there. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../daemons/fcopy/worker.h"
#include "fcopy_test.h"
#include "test_log.h"

static struct policy policy = POLICY_DEFAULTS;
static struct worker worker;
static struct report report;
static struct start start = { .request = { .name = "a" } };
static unsigned char expected[4 * WORKER_HALF];

static void begin_test(void)
{
	mkdir("to", 0755);
	policy.everywhere.settings.min_free_default = false;
	policy.everywhere.settings.min_free = policy.everywhere.settings.min_free_percent = 0;
	snprintf(start.path, sizeof(start.path), "%s", in("to/"));
	start.request.path = start.path;
	start.announced = 0;
	expect_int(worker_start(&worker, &start, &policy), 0);
}

/* Wait for a report of this kind. */
static void await_report(enum report_kind kind)
{
	struct pollfd fd = { .fd = worker.fd, .events = POLLIN };

	do {
		fd.fd = worker.fd;
		expect(poll(&fd, 1, -1) == 1);
	} while (!worker_receive(&worker, &report));
	expect_int(report.kind, kind);
}

/* Wait for the end of the worker, and collect it. */
static void reap(void)
{
	siginfo_t info;

	expect(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
	worker_reap();
	expect(waitpid(-1, NULL, WNOHANG) < 0);
}

/* Pass bytes to the worker, and note what the file must have. */
static void put(uint64_t offset, size_t size)
{
	static unsigned char data[WORKER_HALF];

	for (size_t i = 0; i < size; i++)
		expected[offset + i] = data[i] = random();
	while (!worker_write(&worker, offset, data, size))
		await_report(REPORT_ROOM);
}

static void complete(size_t size)
{
	static unsigned char have[sizeof(expected) + 1];
	int fd;

	worker_order(&worker, ORDER_FINISH);
	/* Room that nobody waits for any more is not worth a report. */
	await_report(REPORT_FINISHED);
	worker_order(&worker, ORDER_PLACE);
	await_report(REPORT_PLACED);
	await_report(REPORT_ENDED);
	expect_int(report.failure.refusal, REFUSAL_NONE);
	expect_int(worker.pid, 0);
	reap();
	fd = open("to/a", O_RDONLY | O_CLOEXEC);
	expect_int(read(fd, have, sizeof(have)), size);
	expect(!memcmp(have, expected, size));
	close(fd);
}

TEST(pieces_of_any_size)
{
	static const size_t sizes[] = { 1, 4096, 6144, WORKER_HALF - 1, WORKER_HALF };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t at, size = sizes[i];

		begin_test();
		await_report(REPORT_STARTED);
		for (at = 0; at + size <= sizeof(expected) && at < 5000 * size; at += size)
			put(at, size);
		complete(at);
		unlink("to/a");
	}
}

/* The host may send earlier bytes again, with any content. */
TEST(earlier_bytes_again)
{
	uint64_t end = 0;

	begin_test();
	await_report(REPORT_STARTED);
	for (int i = 0; i < 500; i++) {
		uint64_t offset = random() % 2 ? end : random() % (end + 1);
		size_t size = random() % 6145;

		if (offset + size > sizeof(expected))
			continue;
		put(offset, size);
		if (offset + size > end)
			end = offset + size;
	}
	complete(end);
}

static void begin_killed_worker(void)
{
	begin_test();
	await_report(REPORT_STARTED);
	kill(worker.pid, SIGKILL);
}

TEST(killed_worker)
{
	begin_killed_worker();
	await_report(REPORT_ENDED);
	expect_int(report.failure.refusal, REFUSAL_OTHER);
	expect(report.left);
	/* The next START has to wait, although nobody could clean up yet. */
	expect(worker_clean());
	reap();
	expect(!worker_clean());
}

TEST(killed_worker_is_collected_first)
{
	begin_killed_worker();
	reap();
	await_report(REPORT_ENDED);
	expect(!worker_clean());
}

/* An order that the worker has not read must not hide its report. */
TEST(report_before_an_unread_order)
{
	siginfo_t info;

	policy.everywhere.settings.max_size = 1;
	begin_test();
	await_report(REPORT_STARTED);
	kill(worker.pid, SIGSTOP);
	put(0, WORKER_HALF);
	put(WORKER_HALF, WORKER_HALF);
	kill(worker.pid, SIGCONT);
	expect(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
	await_report(REPORT_ENDED);
	expect_int(report.failure.refusal, REFUSAL_MAX_SIZE);
	reap();
	policy.everywhere.settings.max_size = UINT64_MAX;
}

/* The daemon does not trust a worker, which reads what the host sends. */
TEST(report_of_an_unknown_refusal)
{
	const struct report wrong = { .kind = REPORT_ENDED, .failure.refusal = REFUSAL_COUNT };
	int fds[2];

	expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	expect(send(fds[1], &wrong, sizeof(wrong), 0) == sizeof(wrong));
	worker = (struct worker){ .pid = 1, .fd = fds[0] };
	await_report(REPORT_ENDED);
	expect_int(report.failure.refusal, REFUSAL_OTHER);
	close(fds[1]);
}

int main(void)
{
	if (workers_init(-1, NULL))
		ksft_exit_fail_perror("workers_init");
	run_tests();
}
