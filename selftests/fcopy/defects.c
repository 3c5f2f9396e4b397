// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that the defects of the kernel tree's own daemon
 * (tools/hv/hv_fcopy_uio_daemon.c), with the letters of doc/fcopy.md, do not
 * occur here. daemon.sh tests r, the exit status.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include "../../lib/from_memory.h"

#include "conversation.h"
#include "test_log.h"

/*
 * What happens to writes: they fail with write_error, or a signal interrupts
 * every second one, and the others write only half.
 */
static int write_error;
static bool disturb_writes;
static int fsync_error;

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	static bool interrupt;

	interrupt = disturb_writes && !interrupt;
	if (write_error || interrupt) {
		errno = interrupt ? EINTR : write_error;
		return -1;
	}
	if (disturb_writes)
		size -= size / 2;
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fsync(int fd)
{
	if (fsync_error) {
		errno = fsync_error;
		return -1;
	}
	return syscall(SYS_fsync, fd);
}

static void open_rings(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct vmbus_chan *guest, *host;

	if (size < 2 * page)
		size = 2 * page;
	expect_int(vmbus_open_pair((size + page - 1) / page * page, 0, &guest, &host), 0);
	serve_on(guest, host, &policy);
}

static int post(void)
{
	return vmbus_send(served_host, VMBUS_PACKET_INBAND, 0, ++served_transaction, request.bytes,
			  request.length);
}

static uint32_t take(void)
{
	struct vmbus_packet packet;

	if (vmbus_recv(served_host, &packet, answer.bytes, sizeof(answer.bytes)))
		return UINT32_MAX;
	answer.length = packet.length;
	return status_of(&answer);
}

TEST_F(conversation, a_size_in_write_beyond_the_packet)
{
	static const uint32_t sizes[] = { 4, 6144, 6145, 65536, 0x7fffffff, 0xffffffff };
	static const char data[DATA_MAX + 1];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		expect_int(start("a", 0, 1 << 20), S_OK);
		write_message(&request, 0, "abc", 3);
		put32(&request, IC_HEADER + 48, sizes[i] == 4 ? 9 : sizes[i]);
		expect_int(ask(), E_INVALID_ARG);
	}
	/* More than a fragment, although it is there */
	expect_int(start("a", 0, 1 << 20), S_OK);
	write_message(&request, 0, data, sizeof(data));
	expect_int(ask(), E_INVALID_ARG);
}

TEST_F(conversation, b_bytes_of_the_message_before)
{
	expect_int(start("a", 0, 3), S_OK);
	expect_int(end(CANCEL), S_OK);
	/* A START that ends before its names, and a WRITE before its data */
	end_message(&request, START);
	expect_int(ask(), E_INVALID_ARG);
	expect(!transfer_active(&inline_transfer));
	expect_int(start("b", 0, 3), S_OK);
	end_message(&request, WRITE);
	expect_int(ask(), E_INVALID_ARG);
}

TEST_F(conversation, c_packets_shorter_than_a_header)
{
	message(&request, FCOPY, IC_HEADER);
	memset(request.bytes, 0xff, IC_HEADER);
	/* The ring pads a packet to a multiple of 8. */
	for (request.length = 0; request.length <= 24; request.length++)
		expect_int(ask(), SILENCE);
}

TEST_F(conversation, d_links_and_dots)
{
	expect_int(start("../a", OVER_WRITE, 0), E_NAME);
	expect_int(start("x/../../a", OVER_WRITE, 0), E_NAME);
	expect_int(start("/etc/a", OVER_WRITE, 0), E_NAME);
	start_message(&request, in("to/../to/"), "a", CREATE_PATH, 0);
	expect_int(ask(), E_NAME);
	/* The copy replaces a link, and does not touch what it points to. */
	make_file("victim", "untouched");
	expect(symlink("../victim", "to/link") == 0);
	expect_int(copy("link", OVER_WRITE, "new"), S_OK);
	expect(holds("victim", "untouched") && holds("to/link", "new"));
	/* A user's link on the way */
	mkdir("vault", 0755);
	expect(symlink(in("vault"), "door") == 0);
	if (geteuid() == 0)
		expect(lchown("door", 65534, 65534) == 0);
	start_message(&request, in("door/"), "a", 0, 0);
	expect_int(ask(), E_LINK);
	start_message(&request, in("door/a"), "a", OVER_WRITE, 0);
	expect_int(ask(), E_LINK);
	/* A link to a directory that no user may follow is no target either. */
	start_message(&request, in("door"), "a", OVER_WRITE, 0);
	expect_int(ask(), E_LINK);
	expect_int(entries("vault"), 0);
	expected_files = 1;
}

TEST_F(conversation, e_modes)
{
	start_message(&request, in("to/new/"), "a", CREATE_PATH, 0);
	expect_int(ask(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect_int(mode_of("to/new/a"), 0644);
	expect_int(mode_of("to/new"), 0755);
	expected_files = 1;
}

TEST_F(conversation, f_the_old_file_until_the_new_one_is_whole)
{
	make_file("to/a", "the old one");
	expect_int(start("a", OVER_WRITE, 3), S_OK);
	expect(holds("to/a", "the old one"));
	expect_int(send_data(0, "ne"), S_OK);
	expect(holds("to/a", "the old one"));
	expect_int(end(COMPLETE), E_INCOMPLETE);
	expect(holds("to/a", "the old one"));
	expected_files = 1;
}

/* Make empty rings with headers of this size, and a socket for interrupts. */
static struct vmbus_memory make_rings(size_t header, size_t size, int ends[2])
{
	struct vmbus_memory memory = {
		.flags = VMBUS_MEMORY_RESET, .tx_size = size, .rx_size = size, .header_size = header
	};

	expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	memory.fd = ends[0];
	memory.tx_ring = aligned_alloc(header, size);
	memory.rx_ring = aligned_alloc(header, size);
	memset(memory.tx_ring, 0, size);
	memset(memory.rx_ring, 0, size);
	return memory;
}

static void free_rings(const struct vmbus_memory *memory, const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
	free(memory->tx_ring);
	free(memory->rx_ring);
}

TEST(g_impossible_indices)
{
	enum { SIZE = 4096 + 16384 };
	struct vmbus_chan *guest;
	int ends[2];

	for (int i = 0; i < 2; i++) {
		struct vmbus_memory memory = make_rings(4096, SIZE, ends);

		expect_int(channel_from_memory(&memory, &guest), 0);
		serve_on(guest, NULL, &policy);
		expect_int(served_run(), 0);
		/* The write index */
		*(volatile uint32_t *)memory.rx_ring = i ? 0xfffffff8 : SIZE - 4096;
		expect_int(served_run(), -EIO);
		serve_end();
		free_rings(&memory, ends);
	}
}

TEST_F(conversation, h_cancel)
{
	int before;

	before = open_files();
	for (int i = 0; i < 3; i++) {
		start_message(&request, in("to/new/"), "a", CREATE_PATH, 6);
		expect_int(ask(), S_OK);
		expect_int(send_data(0, "abc"), S_OK);
		expect_int(end(CANCEL), S_OK);
		expect_int(open_files(), before);
		expect_int(entries("to"), 0);
	}
}

TEST_F(conversation, i_names_beyond_ascii)
{
	static const uint16_t units[] = { 'G', 'r',    0xfc,   0xdf,   'e',
					  ' ', 0x65e5, 0x672c, 0xd83c, 0xdf89 };
	char long_name[256];

	start_message(&request, in("to/"), "", 0, 0);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		put_unit(&request, SOURCE, i, units[i]);
	expect_int(ask(), S_OK);
	expect_int(end(COMPLETE), S_OK);
	expect(access("to/Gr\xc3\xbc\xc3\x9f"
		      "e \xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x8e\x89",
		      F_OK) == 0);
	/*
	 * The kernel tree's daemon reads these 200 letters from behind its
	 * array.
	 */
	memset(long_name, 'l', 200);
	long_name[200] = '\0';
	expect_int(copy(long_name, 0, ""), S_OK);
	snprintf(long_name, sizeof(long_name), "to/%0200d", 0);
	memset(long_name + 3, 'l', 200);
	expect(access(long_name, F_OK) == 0);
	expected_files = 2;
}

TEST(j_orders_that_make_no_sense)
{
	int before, null = open("/dev/null", O_RDONLY | O_CLOEXEC), stdin_was = dup(0);

	dup2(null, 0);
	close(null);
	begin_conversation();
	before = open_files();
	expect_int(end(COMPLETE), E_STATE);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(send_data(0, "abc"), E_STATE);
	expect(fcntl(0, F_GETFD) >= 0);
	expect_int(start("a", 0, 3), S_OK);
	expect_int(start("b", 0, 3), S_OK);
	expect_int(start("c", 0, 3), S_OK);
	expect_int(end(CANCEL), S_OK);
	expect_int(end(COMPLETE), E_STATE);
	expect_int(open_files(), before);
	end_conversation();
	dup2(stdin_was, 0);
	close(stdin_was);
}

TEST_F(conversation, k_errors_of_writing)
{
	static const struct {
		int error;
		uint32_t status;
	} errors[] = {
		{ EACCES, E_ACCESS },	{ EROFS, E_WRITE_PROTECT }, { EPERM, E_ACCESS },
		{ EFBIG, E_TOO_LARGE }, { ENOSPC, E_DISK_FULL },    { EDQUOT, E_QUOTA },
		{ EIO, E_IO },
	};
	char data[DATA_MAX];
	uint64_t at;

	memset(data, 'd', sizeof(data));
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		/* When COMPLETE comes after the error, */
		write_error = errors[i].error;
		expect_int(start("a", 0, 3), S_OK);
		expect_int(send_data(0, "abc"), S_OK);
		expect_int(end(COMPLETE), errors[i].status);
		/* when more data comes, */
		expect_int(start("a", 0, 1 << 20), S_OK);
		for (at = 0; at < 1 << 20; at += DATA_MAX) {
			write_message(&request, at, data, DATA_MAX);
			if (ask() != S_OK)
				break;
		}
		expect_int(status_of(&answer), errors[i].status);
		expect(at < 1 << 18);
		write_error = 0;
		expect_int(end(COMPLETE), errors[i].status);
		/* and when it shows only as the file goes to the disk */
		expect_int(start("a", 0, 3), S_OK);
		expect_int(send_data(0, "abc"), S_OK);
		fsync_error = errors[i].error;
		expect_int(end(COMPLETE), errors[i].status);
		fsync_error = 0;
		expect_int(entries("to"), 0);
	}
	expect_int(start("a", 0, 20), S_OK);
	disturb_writes = true;
	expect_int(send_data(0, "01234567890123456789"), S_OK);
	expect_int(end(COMPLETE), S_OK);
	disturb_writes = false;
	expect(holds("to/a", "01234567890123456789"));
	expected_files = 1;
}

TEST_F(conversation, l_packets_that_share_a_wake_up)
{
	start_message(&request, in("to/"), "a", 0, 6);
	expect_int(post(), 0);
	write_message(&request, 0, "abc", 3);
	expect_int(post(), 0);
	write_message(&request, 3, "def", 3);
	expect_int(post(), 0);
	end_message(&request, COMPLETE);
	expect_int(post(), 0);
	expect_int(served_run(), 0);
	for (int i = 0; i < 4; i++)
		expect_int(take(), S_OK);
	expect(holds("to/a", "abcdef"));
	expected_files = 1;
}

TEST_F(conversation, m_wake_up_for_nothing)
{
	logged[0] = '\0';
	for (int i = 0; i < 100; i++)
		expect_int(served_run(), 0);
	expect(!*logged);
}

/* Each value clears the interrupt mask; a value of 0 would set it for ever. */
TEST_F(conversation, n_what_is_written_to_the_device)
{
	uint32_t values[64];
	ssize_t n;

	/* The host waits for each answer, so the daemon signals each. */
	for (int i = 0; i < 20; i++) {
		while (vmbus_ack(served_host) == 0)
			;
		expect(vmbus_arm(served_host, VMBUS_WAIT_RECV) == 0);
		end_message(&request, CANCEL);
		expect_int(post(), 0);
		expect_int(served_run(), 0);
		n = read(vmbus_fd(served_host), values, sizeof(values));
		expect(n >= 4);
		for (ssize_t k = 0; k < n / 4; k++)
			expect(values[k] != 0);
		expect_int(take(), S_OK);
	}
}

TEST_F(conversation, o_ring_to_the_host_full)
{
	int posted = 0, answers = 0;

	end_message(&request, CANCEL);
	for (int i = 0; i < 2000; i++) {
		posted += post() == 0;
		expect_int(served_run(), 0);
	}
	/* The daemon receives nothing more until there is room. */
	expect(posted < 2000);
	for (int i = 0; i < 2000; i++) {
		while (take() == S_OK)
			answers++;
		expect_int(served_run(), 0);
	}
	expect_int(answers, posted);
}

TEST_F(conversation, p_device_taken_back)
{
	expect_int(start("a", 0, 3), S_OK);
	vmbus_close(served_host);
	served_host = NULL;
	expect_int(served_run(), -ENODEV);
	expect(!transfer_active(&inline_transfer));
}

TEST_F(conversation, q_packets_that_cannot_be_taken)
{
	static unsigned char big[17000];

	expect_int(vmbus_send(served_host, VMBUS_PACKET_INBAND, 0, 1, big, sizeof(big)), 0);
	expect_int(end(CANCEL), S_OK);
}

TEST(s_rings_of_any_size)
{
	static const size_t sizes[] = { 16 << 10, 20 << 10, 28 << 10, 4 << 20 };
	char data[DATA_MAX];

	mkdir("to", 0755);
	memset(data, 'd', sizeof(data));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		open_rings(sizes[i]);
		usual_negotiation(&request);
		expect_int(ask(), S_OK);
		expect_int(start("a", OVER_WRITE, 20 * DATA_MAX), S_OK);
		for (int k = 0; k < 20; k++) {
			write_message(&request, k * DATA_MAX, data, DATA_MAX);
			expect_int(ask(), S_OK);
		}
		expect_int(end(COMPLETE), S_OK);
		serve_end();
	}
	expect_int(entries("to"), 1);
}

/*
 * These are the headers of a machine with pages of 64 KiB, which this one need
 * not be.
 */
TEST(t_pages_of_another_machine)
{
	enum { PAGE = 65536, SIZE = 2 * PAGE };
	struct vmbus_chan *guest, *host;
	int ends[2];
	struct vmbus_memory memory = make_rings(PAGE, SIZE, ends);
	struct vmbus_memory other = memory;

	mkdir("to", 0755);
	other.tx_ring = memory.rx_ring;
	other.rx_ring = memory.tx_ring;
	other.fd = ends[1];
	expect_int(channel_from_memory(&memory, &guest), 0);
	expect_int(channel_from_memory(&other, &host), 0);
	serve_on(guest, host, &policy);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	expect_int(copy("a", 0, "abc"), S_OK);
	expect(holds("to/a", "abc"));
	expected_files = 1;
	end_conversation();
	free_rings(&memory, ends);
}

TEST_F(conversation, u_offsets_beyond_the_file)
{
	static const uint64_t offsets[] = { 3,		4096,		1ull << 40,
					    1ull << 63, UINT64_MAX - 1, UINT64_MAX };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		expect_int(start("a", 0, 3), S_OK);
		expect_int(send_data(offsets[i], "abc"), E_INVALID_ARG);
		expect_int(entries("to"), 0);
	}
	/* A gap */
	expect_int(start("a", 0, 10), S_OK);
	expect_int(send_data(5, "abc"), E_INVALID_ARG);
	/*
	 * A file of a huge announced size gets no hole either: there is no
	 * space for it.
	 */
	expect(start("a", 0, 1ull << 60) != S_OK);
	/* The announced size is a hint, and max-size a limit. */
	policy.everywhere.settings.max_size = 4;
	expect_int(start("a", 0, 3), S_OK);
	expect_int(send_data(0, "abcd"), S_OK);
	expect_int(send_data(4, "e"), S_OK);
	expect_int(end(COMPLETE), E_TOO_LARGE);
	policy.everywhere.settings.max_size = UINT64_MAX;
}

/*
 * As after hibernation, the device disappears during the copy, returns, and
 * knows nothing.
 */
TEST(v_device_that_comes_back)
{
	for (int i = 0; i < 3; i++) {
		begin_conversation();
		expect_int(start("a", OVER_WRITE, 6), S_OK);
		expect_int(send_data(0, "abc"), S_OK);
		vmbus_close(served_host);
		served_host = NULL;
		expect_int(served_run(), -ENODEV);
		expected_files = i > 0;
		end_conversation();
		begin_conversation();
		expect_int(send_data(3, "def"), E_STATE);
		expect_int(copy("a", OVER_WRITE, "abc"), S_OK);
		expected_files = 1;
		end_conversation();
	}
}

TEST_MAIN
