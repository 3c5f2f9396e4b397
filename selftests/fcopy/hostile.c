// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile host sends messages in any order, with any bytes, over rings in
 * memory, for HOSTILE_SECONDS (2). HOSTILE_SEED repeats a run. The host gets at
 * most one answer to each request, in order, with the same bytes except for the
 * status. Afterwards the guest has only whole files.
 */
#include <ftw.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <vmbus_bufring.h>

#include "fcopy_test.h"
#include "hostile_host.h"
#include "no_tmpfile.h"
#include "served.h"

static struct policy policy = POLICY_DEFAULTS;
static char to[270] = "/to";

/* Do not use the disk, which would take most of the time. */
int fsync(int fd)
{
	return 0;
}

/* A variant is a feature that the system lacks. */
#define NO_TMPFILE 1

static bool has_no_tmpfile(void)
{
	return variant & NO_TMPFILE;
}

/* Some writes fail after the answer. */
static bool disk_is_bad;

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	if (disk_is_bad) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

#define QUEUE 256

/* The requests that have no answer yet; a place is free if its length is 0. */
static struct message queue[QUEUE];
static uint64_t sent, answered, completed;

static void take_answers(void)
{
	static struct message answer;
	struct vmbus_packet packet;

	while (vmbus_recv(served_host, &packet, answer.bytes, sizeof(answer.bytes)) == 0) {
		struct message *of = &queue[packet.transaction_id % QUEUE];

		/* No request has two answers. */
		if (!expect(of->length != 0))
			return;
		answered++;
		answer.length = of->length;
		if (packet.length != (of->length + 7) / 8 * 8)
			expect_int(packet.length, of->length);
		if (get16(of, 12) == FCOPY)
			expect(is_answer(&answer, of));
		expect_int(answer.bytes[25], 5);
		completed += get16(of, 12) == FCOPY && get32(of, IC_HEADER) == COMPLETE &&
			     status_of(&answer) == S_OK;
		of->length = 0;
	}
}

static void post(const struct message *m)
{
	uint16_t type = below(64) ? VMBUS_PACKET_INBAND : VMBUS_PACKET_COMPLETION;

	if (vmbus_send(served_host, type, 0, sent, m->bytes, m->length))
		return;
	/* An older request in this place has got no answer. */
	queue[sent++ % QUEUE] = *m;
}

/* Do as Hyper-V does: send the next message after the answer. */
static void lockstep(const struct message *m)
{
	static struct message answer;
	struct vmbus_packet packet;

	expect_int(vmbus_send(served_host, VMBUS_PACKET_INBAND, 0, sent++, m->bytes, m->length), 0);
	expect_int(served_run(), 0);
	if (expect_int(vmbus_recv(served_host, &packet, answer.bytes, sizeof(answer.bytes)), 0))
		expect_int(status_of(&answer), S_OK);
}

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - begun->tv_sec + (now.tv_nsec - begun->tv_nsec) / 1e9;
}

/* Send some messages, in any order. */
static void burst(void)
{
	static struct message messages[8];
	unsigned int n = 1 + (below(3) ? 0 : below(8));

	for (unsigned int i = 0; i < n; i++) {
		hostile_message(&messages[i], to);
		for (uint64_t k = below(2) ? 0 : below(4); k; k--)
			hostile_spoil(&messages[i]);
		if (i && !below(4)) {
			static struct message other;
			unsigned int with = below(i);

			other = messages[i];
			messages[i] = messages[with];
			messages[with] = other;
		}
	}
	for (unsigned int i = 0; i < n; i++)
		post(&messages[i]);
}

/* A correct copy still works, and has the bytes that were sent. */
static void witness(void)
{
	static struct message m;
	unsigned char data[3 * DATA_MAX];
	size_t size = below(sizeof(data));
	char path[300];
	int fd;

	disk_is_bad = false;
	do {
		expect_int(served_run(), 0);
		take_answers();
	} while (vmbus_arm(served_host, VMBUS_WAIT_RECV));
	memset(queue, 0, sizeof(queue));

	for (size_t i = 0; i < size; i++)
		data[i] = draw();
	usual_negotiation(&m);
	lockstep(&m);
	start_message(&m, to, "witness", OVER_WRITE, below(2) ? size : 0);
	lockstep(&m);
	for (size_t at = 0; at < size; at += DATA_MAX) {
		write_message(&m, at, data + at, size - at < DATA_MAX ? size - at : DATA_MAX);
		lockstep(&m);
	}
	end_message(&m, COMPLETE);
	lockstep(&m);
	snprintf(path, sizeof(path), "%s/witness", to);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	expect(fd >= 0);
	if (fd >= 0) {
		static unsigned char have[sizeof(data) + 1];

		expect_int(read(fd, have, sizeof(have)), size);
		expect(!memcmp(have, data, size));
		close(fd);
	}
}

static int leaked;

static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	leaked += !strncmp(path + ftw->base, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX));
	return 0;
}

static void attack(void)
{
	static struct place place = PLACE_DEFAULTS;
	struct vmbus_chan *guest, *host;
	size_t page = sysconf(_SC_PAGESIZE);
	const char *text = getenv("HOSTILE_SECONDS");
	double seconds = text ? atof(text) : 2;
	struct timespec begun;

	make_tree("to/sub/", "to/link -> /");
	/* All names that the host makes up stay in this directory. */
	if (geteuid() == 0)
		expect(chroot(".") == 0 && chdir("/") == 0);
	else
		snprintf(to, sizeof(to), "%s/to", scratch);
	place.path = to;
	place.source = (char *)"test:1";
	if (geteuid() != 0 || below(2)) {
		policy.places = &place;
		policy.count = 1;
	}
	expect_int(vmbus_open_pair(page > 4096 ? 2 * page : 5 * page, 0, &guest, &host), 0);
	serve_on(guest, host, &policy);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (uint64_t round = 1; !current_failed(); round++) {
		disk_is_bad = !below(16);
		burst();
		if (below(4)) {
			expect_int(served_run(), 0);
			take_answers();
		}
		while (vmbus_ack(served_host) == 0)
			;
		if (round % 256 == 0) {
			witness();
			/* A slow machine may not have completed a file yet. */
			if (seconds_since(&begun) > seconds && completed)
				break;
		}
	}
	serve_end();
	ksft_print_msg("%llu messages, %llu answers, %llu files complete\n",
		       (unsigned long long)sent, (unsigned long long)answered,
		       (unsigned long long)completed);
	expect(answered > 0 && completed > 0);
	expect(nftw(to, look, 16, FTW_PHYS) == 0);
	expect_int(leaked, 0);
}

static void hostile_host(void)
{
	hostile_begin("HOSTILE_SEED");
	expect_int(in_child(attack), 0);
}

int main(void)
{
	test_variant(anywhere, hostile_host, "unnamed files", 0);
	test_variant(anywhere, hostile_host, "named files", NO_TMPFILE);
	run_tests();
}
