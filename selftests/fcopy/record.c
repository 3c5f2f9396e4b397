// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test recordings: what is in them, what is not, and that the bench builds the
 * same messages from them.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/exchange.h"
#include "../../daemons/fcopy/record.h"
#include "fcopy_test.h"
#include "host.h"
#include "recording.h"
#include "test_log.h"

#define RING_SIZE (8 * 4096)

static struct vmbus_chan *guest, *host;
static struct exchange exchange;
static const struct policy policy = POLICY_DEFAULTS;
static struct message request, answer;
static uint64_t transaction;

/* While this is set, the disk blocks write() of the recording. */
static atomic_bool stands_still;
/* The disk is full: write() reports it or, as on NFS, only close(). */
static bool write_fails, close_fails;

ssize_t write(int fd, const void *data, size_t size)
{
	struct stat st;

	while (stands_still && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		usleep(1000);
	if (write_fails && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, data, size);
}

/*
 * The number of times that a descriptor was closed which was not open. Another
 * file could have had its number.
 */
static unsigned int closed_twice;
static bool clock_stands_still;

int close(int fd)
{
	struct stat st;
	bool fails = close_fails && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	int ret = syscall(SYS_close, fd);

	closed_twice += ret < 0 && errno == EBADF;
	if (ret < 0 || !fails)
		return ret;
	errno = EDQUOT;
	return -1;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!clock_stands_still)
		return syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){ .tv_sec = 1 };
	return 0;
}

/* The messages that the test has sent, and the statuses of their answers */
static struct message sent[64];
static uint32_t statuses[64];
static unsigned int count;

static void begin_test(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	mkdir("to", 0755);
	logged[0] = '\0';
	expect_int(vmbus_chan_pair(page > 4096 ? 2 * page : RING_SIZE, &guest, &host), 0);
	exchange_init(&exchange, guest, -1, &policy);
	transaction = 1000;
	count = 0;
}

static void begin_recording(bool shape, uint64_t limit)
{
	expect_int(record_open("record", shape, limit), 0);
	record_channel(guest);
}

static void end_test(int files)
{
	const struct failure over = { .refusal = REFUSAL_STOPPED };

	record_close("stopped");
	transfer_discard(&exchange.session.transfer, &over);
	vmbus_chan_close(guest);
	vmbus_chan_close(host);
	expect_int(entries("to"), files);
}

/* Send the request and take its answer, if one comes. */
static uint32_t ask(void)
{
	struct vmbus_packet packet;
	uint32_t status = UINT32_MAX;

	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, transaction++, request.bytes,
			      request.length), 0);
	expect_int(exchange_run(&exchange), 0);
	if (vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)) == 0) {
		answer.length = packet.length;
		status = status_of(&answer);
	}
	if (count < 64) {
		sent[count] = request;
		statuses[count++] = status;
	}
	return status;
}

/* The recording, with a NUL at its end */
static char text[1 << 21];

static size_t read_recording(void)
{
	int fd = open("record", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	expect(n > 0);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? n : 0;
}

/* Call @each for each record, which may change its line. */
static unsigned int for_each(void (*each)(const struct record *record))
{
	char *at = text, *end, line[8192];
	struct record record;
	unsigned int n = 0;

	for (; (end = strchr(at, '\n')); at = end + 1, n++) {
		if (!expect(end - at < (ptrdiff_t)sizeof(line) - 1))
			break;
		memcpy(line, at, end - at + 1);
		line[end - at + 1] = '\0';
		expect(record_parse(line, &record) == NULL);
		expect(n > 0 || record_is_first(&record));
		each(&record);
	}
	expect(*at == '\0');
	return n;
}

static unsigned int hosts, guests;

/*
 * Return whether a message of the recording is the one sent, except for the
 * data of WRITE.
 */
static void compare(const struct record *record)
{
	static struct record_packet packet;
	const struct message *m = &sent[hosts];
	size_t at = IC_HEADER + OPERATION + 16, end = m->length;
	const char *what = record_value(record, "what");
	uint32_t known;

	if (!strcmp(record->kind, "guest")) {
		expect(record_guest_packet(record, &packet, &known) == NULL);
		expect_int(packet.xid, 1000 + hosts - 1);
		expect_int(known < IC_HEADER, 0);
		expect_int(packet.payload[20] | packet.payload[21] << 8 | packet.payload[22] << 16 |
			   (uint32_t)packet.payload[23] << 24, statuses[hosts - 1]);
		guests++;
	}
	if (strcmp(record->kind, "host"))
		return;
	expect(record_host_packet(record, &packet) == NULL);
	expect_int(packet.type, VMBUS_PACKET_INBAND);
	expect_int(packet.descriptor, 16);
	expect_int(packet.xid, 1000 + hosts);
	expect_int(packet.length, (m->length + 7) / 8 * 8);
	if (strcmp(what, "WRITE"))
		at = end;
	if (!expect(!memcmp(packet.payload, m->bytes, at)))
		ksft_print_msg("%s, message %u\n", what, hosts);
	for (size_t i = at; i < end; i++)
		if (!expect_int(packet.payload[i], record_content(i - at)))
			break;
	hosts++;
}

static void messages_are_built_again(void)
{
	char data[DATA_MAX];

	begin_test();
	begin_recording(false, RECORD_LIMIT);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/new/"), "a", CREATE_PATH, DATA_MAX);
	put32(&request, IC_HEADER + 4, 0x01020304);
	expect_int(ask(), S_OK);
	memset(data, 'x', sizeof(data));
	write_message(&request, 0, data, sizeof(data));
	put32(&request, IC_HEADER + OPERATION, 0x0a0b0c0d);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/new"), "a", 0, 0x123456789);
	expect_int(ask(), E_EXISTS);
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	end_message(&request, 77);
	expect_int(ask(), E_NOT_SUPPORTED);
	message(&request, 6, 80);
	expect_int(ask(), E_NOT_SUPPORTED);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	end_test(1);
	read_recording();
	expect(!strncmp(text, "0 begin hv-fcopyd-record=1 names=full ", 38));
	expect(strstr(text, " end reason=stopped\n"));
	expect(strstr(text, " open relid="));
	expect(strstr(text, " signal count=1\n"));
	expect(strstr(text, " ring text=to the host: "));
	hosts = guests = 0;
	for_each(compare);
	expect_int(hosts, count);
	expect_int(guests, count);
}

/*
 * Return whether the recording has eight bytes in a row of @bytes, as they are
 * or as hex digits.
 */
static bool tells(const char *bytes, size_t size)
{
	char hex[17];

	for (size_t i = 0; i + 8 <= size; i++) {
		for (int k = 0; k < 8; k++)
			snprintf(hex + 2 * k, 3, "%02x", (unsigned char)bytes[i + k]);
		if (strstr(text, hex) || memmem(text, strlen(text), bytes + i, 8))
			return true;
	}
	return false;
}

static void look_behind_names(const struct record *record)
{
	static struct record_packet packet;
	const char *what = record_value(record, "what");
	size_t length = strlen(in("to/a"));

	if (strcmp(record->kind, "host") || strcmp(what, "START"))
		return;
	expect(record_host_packet(record, &packet) == NULL);
	for (size_t i = 2; i < 520; i++)
		if (!expect_int(packet.payload[SOURCE + i], i < 4 ? 0 : 0xff))
			break;
	for (size_t i = 2 * length; i < 520; i++)
		if (!expect_int(packet.payload[DESTINATION + i], i < 2 * length + 2 ? 0 : 0xff))
			break;
}

/*
 * The host may fill its messages with the former content of its buffer: after
 * the data of a short WRITE, after COMPLETE, and after the NUL of a name.
 */
static void contents_are_left_out(void)
{
	static const char secret[] = "This text must not appear: 0123456789 abcdefghijklmnop.";
	const size_t size = sizeof(secret) - 1, head = WRITE_SIZE;

	begin_test();
	begin_recording(false, RECORD_LIMIT);
	usual_negotiation(&request);
	memcpy(request.bytes + request.length, secret, size);
	request.length += size;
	put32(&request, 4, request.length - 8);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/a"), "a", 0, size);
	memcpy(request.bytes + SOURCE + 4, secret, size);
	memcpy(request.bytes + DESTINATION + 400, secret, size);
	expect_int(ask(), S_OK);
	write_message(&request, 0, secret, size);
	/* The packet is as long as one that is full. */
	memcpy(request.bytes + head + 1000, secret, size);
	request.length = head + DATA_MAX;
	put32(&request, 4, request.length - 8);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	memcpy(request.bytes + request.length, secret, size);
	request.length += size;
	put32(&request, 4, request.length - 8);
	expect_int(ask(), S_OK);
	/* A WRITE that is not valid: more data than the message holds */
	write_message(&request, 0, secret, size);
	put32(&request, head - 4, 5000);
	ask();
	/* An unknown operation, type and packet */
	write_message(&request, 0, secret, size);
	put32(&request, IC_HEADER, 9);
	ask();
	write_message(&request, 0, secret, size);
	put16(&request, 12, 3);
	memcpy(request.bytes + IC_HEADER, secret, size);
	ask();
	expect_int(vmbus_send(host, VMBUS_PACKET_COMPLETION, 0, 1, secret, size), 0);
	expect_int(exchange_run(&exchange), 0);
	end_test(1);
	read_recording();
	expect(!tells(secret, size));
	expect(strstr(text, " names-end=other "));
	for_each(look_behind_names);
	expect(strstr(text, " offset=0 size=55 data=55 rest=6089 rest-zero=no\n"));
	expect(strstr(text, " type=11 "));
	/* The check above would find it. */
	strcat(text, "0123456789");
	expect(tells(secret, size));
}

static void empty_end_of_a_message(void)
{
	begin_test();
	begin_recording(false, RECORD_LIMIT);
	usual_negotiation(&request);
	ask();
	start_message(&request, in("to/a"), "a", 0, 3);
	ask();
	write_message(&request, 0, "xyz", 3);
	request.length = WRITE_SIZE + DATA_MAX;
	expect_int(ask(), S_OK);
	end_test(0);
	read_recording();
	expect(strstr(text, " names-end=zero "));
	expect(strstr(text, " offset=0 size=3 data=3 rest=6141 rest-zero=yes\n"));
}

static uint16_t wanted_units[2][260];

static void compare_names(const struct record *record)
{
	static struct record_packet packet;

	if (strcmp(record->kind, "host"))
		return;
	expect(record_host_packet(record, &packet) == NULL);
	expect(!memcmp(packet.payload + SOURCE, wanted_units[0], 520));
	expect(!memcmp(packet.payload + DESTINATION, wanted_units[1], 520));
	hosts++;
}

/* The names use all units except zero, and one field has no end. */
static void any_names(void)
{
	size_t n;

	begin_test();
	begin_recording(false, RECORD_LIMIT);
	for (unsigned int unit = 1; unit <= 0xffff; unit += 519) {
		start_message(&request, "", "", 0, 0);
		for (unsigned int i = 0; i < 519 && unit + i <= 0xffff; i++)
			put_unit(&request, i < 260 ? SOURCE : DESTINATION, i % 260, unit + i);
		memcpy(wanted_units, request.bytes + SOURCE, sizeof(wanted_units));
		ask();
		record_close("stopped");
		n = read_recording();
		for (size_t i = 0; i < n; i++)
			if (!expect(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~')))
				break;
		hosts = 0;
		for_each(compare_names);
		expect_int(hosts, 1);
		unlink("record");
		expect_int(record_open("record", false, RECORD_LIMIT), 0);
	}
	end_test(0);
}

static void shape_of_names(void)
{
	begin_test();
	begin_recording(true, RECORD_LIMIT);
	start_message(&request, "C:\\Users\\Jane 7/.x-Y_z", "secret42.TXT", 0, 0);
	put_unit(&request, SOURCE, 12, 0xe4);
	put_unit(&request, SOURCE, 13, 0xd801);
	put_unit(&request, SOURCE, 14, 0xdc37);
	put_unit(&request, SOURCE, 15, 0x6f22);
	put_unit(&request, SOURCE, 16, 7);
	ask();
	end_test(0);
	read_recording();
	expect(strstr(text, " names=shape "));
	expect(strstr(text, " source=xxxxxx00.XXX\\u00e9\\ud83d\\ude00\\u4e00\\u0007 "
			    "destination=X:\\\\Xxxxx\\\\Xxxx\\u00200/.x-X_x names-end=zero "));
}

static void write_after_write(uint64_t size)
{
	char data[100];

	memset(data, 'x', sizeof(data));
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/a"), "a", 0, size);
	expect_int(ask(), S_OK);
	for (uint64_t at = 0; at < size; at += sizeof(data)) {
		write_message(&request, at, data, sizeof(data));
		if (!expect_int(ask(), S_OK))
			break;
		record_work(false);
	}
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
}

static void ends_at_its_limit(void)
{
	const uint64_t limit = 100000;
	struct stat st;

	begin_test();
	begin_recording(false, limit);
	write_after_write(50000);
	expect_int(stat("record", &st), 0);
	expect(st.st_size <= (off_t)limit && st.st_size > (off_t)limit - 1000);
	read_recording();
	expect(strstr(text, " end reason=limit\n"));
	expect(strstr(logged, "record: the limit of 100000 bytes is reached"));
	/* The daemon no longer writes to it. */
	end_test(1);
	expect_int(read_recording(), st.st_size);
}

/* Little is written while a copy is active: the lines wait in memory. */
static void lines_wait_in_memory(void)
{
	struct stat before, after;

	begin_test();
	begin_recording(false, RECORD_LIMIT);
	expect_int(stat("record", &before), 0);
	usual_negotiation(&request);
	ask();
	record_work(false);
	expect_int(stat("record", &after), 0);
	expect_int(after.st_size, before.st_size);
	record_work(true);
	expect_int(stat("record", &after), 0);
	expect(after.st_size > before.st_size);
	end_test(0);
}

static void with_a_full_disk(void)
{
	const struct rlimit limit = { .rlim_cur = 70000, .rlim_max = 70000 };
	const char *line;

	signal(SIGXFSZ, SIG_IGN);
	begin_test();
	begin_recording(false, RECORD_LIMIT);
	expect_int(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_after_write(50000);
	line = strstr(logged, "record: File too large; the recording has ended, copies go on");
	expect(line && !strstr(line + 30, "File too large"));
	end_test(1);
}

static void nothing(const struct record *record)
{
}

static void full_disk_ends_a_recording_and_no_copy(void)
{
	char *end;

	expect_int(in_child(with_a_full_disk), 0);
	expect_int(read_recording(), 70000);
	/* The last line is truncated, and the others are whole. */
	end = strrchr(text, '\n');
	end[1] = '\0';
	expect(for_each(nothing) > 100);
}

/*
 * No copy has begun yet, so the daemon can report that there will be no
 * recording.
 */
static void disk_that_is_full_at_first(void)
{
	logged[0] = '\0';
	write_fails = true;
	expect_int(record_open("record", false, RECORD_LIMIT), -ENOSPC);
	write_fails = false;
	expect_int(access("record", F_OK), -1);
	expect(!strstr(logged, "copies go on"));
	expect_int(record_open("record", false, RECORD_LIMIT), 0);
	record_close("stopped");
	read_recording();
	expect(strstr(text, " end reason=stopped\n"));
}

/*
 * The last line of the recording does not fit into memory, and the disk has no
 * space for the rest: the daemon closes the file once.
 */
static void disk_that_is_full_at_last(void)
{
	/*
	 * BUFFER of daemons/fcopy/record.c, less one of these lines of 4 bytes
	 */
	const unsigned int lines = (512u << 10) / 4 - 1;

	logged[0] = '\0';
	clock_stands_still = true;
	expect_int(record_open("record", false, RECORD_LIMIT), 0);
	for (unsigned int i = 0; i < lines; i++)
		record_event("x");
	closed_twice = 0;
	write_fails = true;
	record_end("stopped");
	write_fails = clock_stands_still = false;
	expect(strstr(logged, "record: No space left on device; the recording has ended"));
	expect_int(closed_twice, 0);
	record_close("failed");
	expect_int(closed_twice, 0);
}

/* On NFS only close() reports that there was no space. */
static void close_that_fails(void)
{
	logged[0] = '\0';
	expect_int(record_open("record", false, RECORD_LIMIT), 0);
	close_fails = true;
	record_close("stopped");
	close_fails = false;
	expect(strstr(logged, "record: Disk quota exceeded; the recording has ended"));
}

static void file_must_not_exist(void)
{
	struct stat st;

	make_file("there", "old");
	expect_int(record_open("there", false, RECORD_LIMIT), -EEXIST);
	expect(holds("there", "old"));
	expect_int(symlink("nothing", "link"), 0);
	expect_int(record_open("link", false, RECORD_LIMIT), -EEXIST);
	expect_int(access("nothing", F_OK), -1);
	expect_int(record_open("missing/record", false, RECORD_LIMIT), -ENOENT);
	umask(0);
	expect_int(record_open("record", false, RECORD_LIMIT), 0);
	umask(022);
	expect_int(stat("record", &st), 0);
	expect_int(st.st_mode, S_IFREG | 0600);
	record_close("stopped");
	/* A second end does nothing. */
	record_close("failed");
	read_recording();
	expect(!strstr(text, "failed"));
}

static void packets_without_a_message(void)
{
	static unsigned char big[17000];
	bool has_room;

	begin_test();
	begin_recording(false, RECORD_LIMIT);
	has_room = vmbus_chan_max_payload(host) >= 16392;
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1000, big, 0), 0);
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 1, 0x123456789abcdef0, big, 24), 0);
	expect_int(vmbus_send(host, VMBUS_PACKET_COMPLETION, 0, 7, big, 40), 0);
	expect_int(exchange_run(&exchange), 0);
	if (has_room) {
		expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 4, big, 16392), 0);
		expect_int(exchange_run(&exchange), 0);
	}
	end_test(0);
	read_recording();
	expect(strstr(text, "type=6 flags=0x0 descriptor=16 length=0 xid=0x3e8 what=none "
			    "rest=0 rest-zero=yes\n"));
	expect(strstr(text, "type=6 flags=0x1 descriptor=16 length=24 xid=0x123456789abcdef0 "
			    "what=none head="));
	expect(strstr(text, "type=11 flags=0x0 descriptor=16 length=40 xid=0x7 what=none\n"));
	expect(!has_room ||
	       strstr(text, " unread type=6 flags=0x0 descriptor=16 length=16392 xid=0x4\n"));
}

static void check_one(const struct record *record)
{
	static struct record_packet packet;
	uint32_t known;

	if (!strcmp(record->kind, "host"))
		expect(record_host_packet(record, &packet) == NULL);
	if (!strcmp(record->kind, "guest"))
		expect(record_guest_packet(record, &packet, &known) == NULL);
}

/*
 * Messages of all lengths, with any bytes: each is recorded, and each record
 * can be read.
 */
static void any_messages(void)
{
	unsigned int seed = 1;

	begin_test();
	for (size_t length = 0; length < 1300; length += 13) {
		begin_recording(length % 2, RECORD_LIMIT);
		for (int kind = 0; kind < 6; kind++) {
			for (size_t i = 0; i < length; i++)
				request.bytes[i] = rand_r(&seed) >> 7;
			request.length = length;
			if (length >= IC_HEADER && kind)
				put16(&request, 12, kind > 1 ? FCOPY : NEGOTIATE);
			if (length >= IC_HEADER + 4 && kind > 1)
				put32(&request, IC_HEADER, kind - 2);
			ask();
		}
		record_close("stopped");
		read_recording();
		expect(for_each(check_one) > 12);
		unlink("record");
	}
	end_test(0);
}

/* The bench reports a line that no recording can have. */
static void lines_that_are_not_right(void)
{
	static const struct {
		const char *line, *wrong;
	} cases[] = {
		{ "", "the line has no end" },
		{ "1 wake error=0", "the line has no end" },
		{ "\n", "the line does not begin with a time" },
		{ "x wake\n", "the line does not begin with a time" },
		{ "-1 wake\n", "the line does not begin with a time" },
		{ "99999999999999999999 wake\n", "the line does not begin with a time" },
		{ "1\n", "the line has no kind" },
		{ "1 \n", "the line has no kind" },
		{ "1 wake error\n", "a field is not KEY=VALUE" },
		{ "1 wake  error=0\n", "a field is not KEY=VALUE" },
		{ "1 wake error one=2\n", "a field is not KEY=VALUE" },
		{ "1 wake a=\x1b[2J\n", "the line has characters that are not printable ASCII" },
		{ "1 wake a=\xc3\xa4\n", "the line has characters that are not printable ASCII" },
		{ "1 wake a=1 b=2 c=\n", NULL },
		{ "1 ring text=with blanks, and = too\n", NULL },
	};
	static const struct {
		const char *line, *wrong;
	} hosts_of[] = {
		{ "1 host type=6\n", "type, flags, descriptor, length, xid or what is missing" },
		{ "1 host type=6 flags=0 descriptor=16 length=70000 xid=0 what=none rest=70000 rest-zero=yes\n",
		  "type, flags, descriptor, length, xid or what is missing" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=none head=000g rest=6 rest-zero=yes\n",
		  "head is not right" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=none head=000 rest=6 rest-zero=yes\n",
		  "head is not right" },
		{ "1 host type=6 flags=0 descriptor=16 length=1 xid=0 what=none head=0000 rest=0 rest-zero=yes\n",
		  "head is not right" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=none head=0000 rest=7 rest-zero=yes\n",
		  "length and rest do not fit" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=none head=0000 rest=6\n",
		  "length and rest do not fit" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=START head=0000 rest=6 rest-zero=yes\n",
		  "the fields of the message are not right" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=WRITE head=0000 rest=6 rest-zero=yes\n",
		  "the fields of the message are not right" },
		{ "1 host type=6 flags=0 descriptor=16 length=8 xid=0 what=none head=0000 rest=6 rest-zero=yes\n", NULL },
	};
	static struct record_packet packet;
	struct record record;
	char line[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong;

		snprintf(line, sizeof(line), "%s", cases[i].line);
		wrong = record_parse(line, &record);
		if (!expect(cases[i].wrong ? wrong && !strcmp(wrong, cases[i].wrong) : !wrong))
			ksft_print_msg("'%s': %s\n", cases[i].line, wrong ? wrong : "right");
	}
	for (size_t i = 0; i < sizeof(hosts_of) / sizeof(hosts_of[0]); i++) {
		const char *wrong;

		snprintf(line, sizeof(line), "%s", hosts_of[i].line);
		expect(record_parse(line, &record) == NULL);
		wrong = record_host_packet(&record, &packet);
		if (!expect(hosts_of[i].wrong ? wrong && !strcmp(wrong, hosts_of[i].wrong)
			    : !wrong))
			ksft_print_msg("'%s': %s\n", hosts_of[i].line, wrong ? wrong : "right");
	}
}

/* A changed recording causes at worst an error. */
static void changed_recordings(void)
{
	static struct record_packet packet;
	unsigned int seed = 1, right = 0;
	char line[8192], changed[8192], *start;
	struct record record;
	uint32_t known;

	begin_test();
	begin_recording(false, RECORD_LIMIT);
	write_after_write(300);
	end_test(1);
	read_recording();
	for (start = text; *start; start = strchr(start, '\n') + 1) {
		size_t length = strchr(start, '\n') + 1 - start;

		memcpy(line, start, length);
		line[length] = '\0';
		for (int i = 0; i < 2000; i++) {
			memcpy(changed, line, length + 1);
			for (int k = rand_r(&seed) % 3; k >= 0; k--)
				changed[rand_r(&seed) % length] = " =0f9\\uxg~"[rand_r(&seed) % 10];
			if (record_parse(changed, &record))
				continue;
			right += !record_host_packet(&record, &packet);
			right += !record_guest_packet(&record, &packet, &known);
		}
	}
	expect(right > 0);
}

/*
 * No answer waits for the recording's disk, and neither does the end of the
 * daemon.
 */
static void disk_that_stands_still(void)
{
	begin_test();
	begin_recording(false, RECORD_LIMIT);
	expect_int(record_background(), 0);
	stands_still = true;
	write_after_write(500000);
	expect(strstr(logged, "record: the disk is too slow for it; the recording has ended"));
	logged[0] = '\0';
	record_close("stopped");
	expect(strstr(logged, "record: the disk does not answer; the recording has no end"));
}

static void disk_stands_still(void)
{
	expect_int(in_child(disk_that_stands_still), 0);
}

/* A disk that was slow for a time: the recording is whole. */
static void disk_that_was_slow(void)
{
	begin_test();
	begin_recording(false, RECORD_LIMIT);
	expect_int(record_background(), 0);
	stands_still = true;
	write_after_write(30000);
	record_work(true);
	stands_still = false;
	end_test(1);
	read_recording();
	expect(for_each(nothing) > 600);
	expect(strstr(text, " end reason=stopped\n"));
}

int main(void)
{
	test(messages_are_built_again);
	test(contents_are_left_out);
	test(empty_end_of_a_message);
	test(any_names);
	test(shape_of_names);
	test(ends_at_its_limit);
	test(lines_wait_in_memory);
	test(full_disk_ends_a_recording_and_no_copy);
	test(disk_stands_still);
	test(disk_that_was_slow);
	test(disk_that_is_full_at_first);
	test(disk_that_is_full_at_last);
	test(close_that_fails);
	test(file_must_not_exist);
	test(packets_without_a_message);
	test(any_messages);
	test(lines_that_are_not_right);
	test(changed_recordings);
	run_tests();
}
