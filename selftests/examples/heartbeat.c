// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example driver of the heartbeat, on a made-up device that comes and goes
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>

#include "../bufring/ic_host.h"
#include "../bufring/uio.h"
#include "printed.h"

int heartbeat_main(int argc, char **argv);

#define HEARTBEAT "57164f39-9115-4e78-ab55-382f3bd5422d"
#define ROUNDS	  50

static void *run_example(void *ctx)
{
	static char name[] = "heartbeat";
	char *argv[] = { name, NULL };

	(void)ctx;
	return (void *)(intptr_t)heartbeat_main(1, argv);
}

static unsigned int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	MUST(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Wait for an answer. Return 0 or the error. */
static int await_answer(struct answer *answer)
{
	int err;

	WAIT_UNTIL((err = host_gets(uio.host, answer)) != -EAGAIN);
	return err;
}

/* Offer the device, negotiate, and beat. Return 0 if the answers are right. */
static int offer_and_beat(unsigned int round)
{
	struct {
		uint64_t number;
		uint32_t reserved[8];
	} beat = { .number = round * 10 };
	struct answer answer;
	int err;

	uio_offer(HEARTBEAT);
	WAIT_UNTIL(uio.opens == round);
	err = host_negotiates(uio.host, 1, 3);
	if (!err)
		err = await_answer(&answer);
	if (!err)
		err = host_sends(uio.host, VMBUS_IC_HEARTBEAT, 2, &beat, sizeof(beat));
	if (!err)
		err = await_answer(&answer);
	if (err)
		return err;
	memcpy(&beat, answer.body, sizeof(beat));
	return answer.hdr.status || beat.number != round * 10 + 1 ? -EBADMSG : 0;
}

/*
 * The driver opens the device again whenever it is back, and closes all that it
 * opened before. In some rounds the device is away when the driver looks for
 * it.
 */
static void a_device_that_comes_and_goes_costs_no_descriptors(void)
{
	unsigned int descriptors[ROUNDS + 1], round;
	int kept[2], to, err = 0, number;
	pthread_t thread;
	void *status;
	sigset_t set;

	/* The driver waits for the signal in its own thread. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	MUST(!pthread_sigmask(SIG_BLOCK, &set, NULL));
	sysfs_make();
	to = printing_begin(kept);
	MUST(!pthread_create(&thread, NULL, run_example, NULL));
	for (round = 1; round <= ROUNDS; round++) {
		err = offer_and_beat(round);
		if (err)
			break;
		descriptors[round] = open_descriptors();
		sysfs_make();
		uio_host_close();
		if (round % 10 == 0)
			WAIT_UNTIL((read_printed(to), times_printed("waiting: ") >= round / 10));
	}
	kill(getpid(), SIGTERM);
	pthread_join(thread, &status);
	sigwait(&set, &number);
	uio_host_close();
	printing_end(to, kept);

	CHECK_IS((intptr_t)status, 0);
	CHECK_IS(err, 0);
	if (!err)
		CHECK_IS(descriptors[ROUNDS], descriptors[2]);
	CHECK_IS(times_printed("opened /"), ROUNDS);
	CHECK_IS(times_printed("the host speaks version 3."), ROUNDS);
	CHECK_IS(times_printed("heartbeat "), ROUNDS);
	CHECK(times_printed("waiting: ") > 0);
	if (checks_failed)
		for (char *line = strtok(printed, "\n"); line; line = strtok(NULL, "\n"))
			ksft_print_msg("  %s\n", line);
}

/* Run the example with these arguments, and keep what it prints. */
static int run_with(char *first, char *second)
{
	static char name[] = "heartbeat";
	char *argv[] = { name, first, second, NULL };
	int kept[2], status, to = printing_begin(kept);

	status = heartbeat_main(second ? 3 : 2, argv);
	printing_end(to, kept);
	return status;
}

static void options(void)
{
	static char help[] = "--help", version[] = "--version", nothing[] = "--nothing", id[] = "a";

	CHECK_IS(run_with(help, NULL), 0);
	CHECK(!strncmp(printed, "Usage: heartbeat", 16));
	CHECK_IS(run_with(version, NULL), 0);
	CHECK(!strncmp(printed, "heartbeat, libvmbus_bufring 0.", 30));
	CHECK_IS(run_with(nothing, NULL), 2);
	CHECK(!strncmp(printed, "Usage: heartbeat", 16));
	CHECK_IS(run_with(id, id), 2);
}

static const struct test tests[] = {
	TEST(options),
	TEST(a_device_that_comes_and_goes_costs_no_descriptors),
};

int main(void)
{
	return RUN(tests);
}
