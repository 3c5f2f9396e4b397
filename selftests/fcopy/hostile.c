// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile host sends messages in any order, with any bytes, over rings in
 * memory, for HOSTILE_SECONDS (2). HOSTILE_SEED repeats a run. The host gets at
 * most one answer to each request, in order, with the same bytes except for the
 * status. Afterwards the guest has only whole files.
 */
#include <ftw.h>
#include <stdarg.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <vmbus_bufring.h>

#include "fcopy_test.h"
#include "no_tmpfile.h"
#include "served.h"

static struct policy policy = POLICY_DEFAULTS;
static char to[270] = "/to";
static uint64_t state;

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

/* splitmix64: the same on every machine */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return draw() % n;
}

static uint64_t any_number(void)
{
	static const uint64_t edges[] = { 0,	      1,	 2,	     0x7f,
					  0x80,	      0xff,	 6144,	     6145,
					  0x7fff,     0xffff,	 0x7fffffff, 0x80000000,
					  0xffffffff, INT64_MAX, 1ull << 63, UINT64_MAX };

	return below(2) ? edges[below(16)] : draw() >> below(64);
}

/*
 * A file that the host believes it is sending: "f0" to "f3", whose bytes are
 * all the letter of its last digit
 */
static struct {
	char name[3];
	uint64_t size, sent;
} sending;

static void build(struct message *m)
{
	static const char *const below_to[] = { "",	   "/",	      "/sub",	  "/link",
						"/../etc", "/f0",     "/a\\b",	  "//.//",
						"/new/",   "/new/f1", "/link/x/", "/sub/." };
	char data[DATA_MAX], place[300];
	uint64_t size;

	switch (below(16)) {
	case 0:
		usual_negotiation(m);
		break;
	case 1:
		negotiation(m, below(8), below(8));
		for (size_t i = IC_HEADER; i < m->length; i++)
			m->bytes[i] = below(4);
		break;
	case 2:
	case 3:
		snprintf(sending.name, sizeof(sending.name), "f%c", '0' + (char)below(4));
		/* From time to time, the file is larger than the buffer. */
		sending.size = below(3) ? below((below(8) ? 4 : 64) * DATA_MAX) : below(8);
		sending.sent = 0;
		snprintf(place, sizeof(place), "%s%s", to, below(4) ? "" : below_to[below(12)]);
		start_message(m, below(16) ? place : "/proc", sending.name, below(4),
			      below(8) ? sending.size : any_number());
		break;
	case 4:
		end_message(m, below(8) ? COMPLETE : any_number());
		break;
	case 5:
		end_message(m, CANCEL);
		break;
	case 6:
		end_message(m, COMPLETE);
		break;
	case 7:
		message(m, any_number(), below(300));
		break;
	default:
		size = sending.size - sending.sent;
		if (size > DATA_MAX)
			size = DATA_MAX;
		memset(data, sending.name[1], sizeof(data));
		write_message(m, sending.sent, data, size);
		sending.sent += size;
	}
}

/* Corrupt the message: single bytes, numbers, its length. */
static void spoil(struct message *m)
{
	size_t at, n;

	if (!m->length)
		return;
	switch (below(5)) {
	case 0:
		m->bytes[below(m->length)] = draw();
		break;
	case 1:
		m->bytes[below(m->length)] ^= 1u << below(8);
		break;
	case 2:
		at = below(m->length < 88 ? m->length : 88);
		put64(m, at & ~3ull, any_number());
		break;
	case 3:
		m->length = below(m->length + 1);
		break;
	default:
		n = below(64);
		for (at = below(m->length); n && at < m->length; at++, n--)
			m->bytes[at] = draw();
	}
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
		build(&messages[i]);
		for (uint64_t k = below(2) ? 0 : below(4); k; k--)
			spoil(&messages[i]);
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
	for (size_t at = 0, step = 0; step < 3; step++) {
		if (step == 0)
			usual_negotiation(&m);
		else if (step == 1)
			start_message(&m, to, "witness", OVER_WRITE, below(2) ? size : 0);
		for (; step == 2 && at < size; at += DATA_MAX) {
			write_message(&m, at, data + at,
				      size - at < DATA_MAX ? size - at : DATA_MAX);
			lockstep(&m);
		}
		if (step == 2)
			end_message(&m, COMPLETE);
		lockstep(&m);
	}
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

	mkdir("to", 0755);
	mkdir("to/sub", 0755);
	expect(symlink("/", "to/link") == 0);
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
			if (seconds_since(&begun) > seconds)
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
	const char *text = getenv("HOSTILE_SEED");

	if (text)
		state = strtoull(text, NULL, 0);
	else
		expect(getrandom(&state, sizeof(state), 0) == sizeof(state));
	ksft_print_msg("HOSTILE_SEED=%llu\n", (unsigned long long)state);
	expect_int(in_child(attack), 0);
}

int main(void)
{
	test_variant(hostile_host, "unnamed files", 0);
	test_variant(hostile_host, "named files", NO_TMPFILE);
	run_tests();
}
