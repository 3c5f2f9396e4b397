// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon as a process, its main() and all: when it says it is ready, how it ends, what is left.
 * The Makefile turns the calls by which it would find a real device into those below.
 */
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <vmbus_bufring.h>

#include "fcopy_test.h"
#include "host.h"

#undef main
int fcopyd_main(int argc, char **argv);

int test_channel_open(const char *id, struct vmbus_channel **channel);
const struct vmbus_device *test_channel_device(const struct vmbus_channel *channel);
const char *test_device_name(const struct vmbus_device *device);
const char *test_device_sysfs(const struct vmbus_device *device);
int sd_journal_sendv(const struct iovec *iov, int n);
int sd_notify(int unset, const char *state);
int sd_notifyf(int unset, const char *format, ...);

/* As on a file system that has no files without names */
static bool no_tmpfile;

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return syscall(SYS_openat, dir, path, flags, mode);
}

static struct vmbus_channel *guest, *host;
static struct message request, answer;
static int told[2];
static pid_t daemon_pid;

/* What the second and the third opening find, after the machine slept; without them the device has gone. */
static struct vmbus_channel *later_guests[2], *later_hosts[2];

int test_channel_open(const char *id, struct vmbus_channel **channel)
{
	static unsigned int opened;

	*channel = opened == 0 ? guest : opened <= 2 ? later_guests[opened - 1] : NULL;
	opened++;
	return *channel ? 0 : -ENODEV;
}

const struct vmbus_device *test_channel_device(const struct vmbus_channel *channel)
{
	return NULL;
}

const char *test_device_name(const struct vmbus_device *device)
{
	return "(a test)";
}

const char *test_device_sysfs(const struct vmbus_device *device)
{
	return "device";
}

/* Not into the journal of the machine: what the daemon says is on standard error. */
int sd_journal_sendv(const struct iovec *iov, int n)
{
	return -ENOENT;
}

/* Each message with the NUL at its end, so that they stay apart */
int sd_notify(int unset, const char *state)
{
	return write(told[1], state, strlen(state) + 1) > 0;
}

int sd_notifyf(int unset, const char *format, ...)
{
	char state[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(state, sizeof(state), format, args);
	va_end(args);
	return sd_notify(unset, state);
}

/* Whether the daemon said something with TEXT in it, now or within 5 s */
static bool says(const char *text)
{
	static char all[65536];
	static size_t n;

	if (!text) {
		n = 0;
		return false;
	}
	for (int i = 0; i < 500; i++) {
		ssize_t got = read(told[0], all + n, sizeof(all) - n);

		if (got > 0)
			n += got;
		if (memmem(all, n, text, strlen(text)))
			return true;
		usleep(10000);
	}
	return false;
}

/* As the module has it in sysfs */
static void device_attribute(const char *name, const char *text)
{
	char path[64];

	mkdir("device", 0755);
	mkdir("device/uio_hv_generic", 0755);
	snprintf(path, sizeof(path), "device/uio_hv_generic/%s", name);
	unlink(path);
	make_file(path, text);
}

static void start_daemon(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	mkdir("to", 0755);
	expect_int(vmbus_channel_pair(page > 4096 ? 2 * page : 5 * page, &guest, &host), 0);
	expect(pipe2(told, O_CLOEXEC | O_NONBLOCK) == 0);
	says(NULL);
	fflush(NULL);
	daemon_pid = fork();
	if (!daemon_pid) {
		char arguments[6][16] = { "hv-fcopyd", "-n", "-s", "state", "-r", "run" };
		char *argv[] = { arguments[0], arguments[1], arguments[2], arguments[3],
				 arguments[4], arguments[5], NULL };

		vmbus_channel_close(host);
		for (int i = 0; i < 2; i++)
			vmbus_channel_close(later_hosts[i]);
		_exit(fcopyd_main(6, argv));
	}
	vmbus_channel_close(guest);
	for (int i = 0; i < 2; i++)
		vmbus_channel_close(later_guests[i]);
}

static void begin_test(void)
{
	start_daemon();
	/* main() blocks the signals before it says so. */
#if HAVE_SYSTEMD
	expect(says("READY=1"));
#else
	for (int i = 0; i < 500 && access("state", F_OK) < 0; i++)
		usleep(10000);
	usleep(100000);
#endif
}

/* Returns the exit status; after 10 s, 128 + SIGKILL. */
static int end_of_daemon(void)
{
	int status;

	for (int i = 0; i < 1000; i++) {
		if (waitpid(daemon_pid, &status, WNOHANG) == daemon_pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		usleep(10000);
	}
	kill(daemon_pid, SIGKILL);
	waitpid(daemon_pid, &status, 0);
	return 128 + SIGKILL;
}

static void end_test(int files)
{
	vmbus_channel_close(host);
	close(told[0]);
	close(told[1]);
	expect_int(entries("to"), files);
	expect_int(entries("state"), 0);
	expect_int(entries("run"), 0);
}

static uint32_t ask(void)
{
	struct vmbus_packet packet;

	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
	if (vmbus_wait(host, VMBUS_WAIT_RECV, 10000) < 0 ||
	    vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)))
		return UINT32_MAX;
	return status_of(&answer);
}

static void begin_copy(void)
{
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/made"), "a", CREATE_PATH, 10);
	expect_int(ask(), S_OK);
	write_message(&request, 0, "01234", 5);
	expect_int(ask(), S_OK);
}

static void copies_and_ends_when_told(void)
{
	begin_test();
	begin_copy();
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/a", "0123456789"));
#if HAVE_SYSTEMD
	expect(says("to/made/a: 0 of 10 bytes, 0%, 0.0 MB/s"));
	expect(says("Waiting for Copy-VMFile"));
#endif
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
#if HAVE_SYSTEMD
	expect(says("STOPPING=1"));
#endif
	end_test(1);
}

static void told_to_stop_in_a_copy(void)
{
	static const int signals[] = { SIGTERM, SIGINT };

	for (int i = 0; i < 2; i++) {
		begin_test();
		begin_copy();
		kill(daemon_pid, signals[i]);
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
}

/* `hv-fcopyd --status`, into the file "said" */
static void print_status(void)
{
	char arguments[4][16] = { "hv-fcopyd", "--status", "-r", "run" };
	char *argv[] = { arguments[0], arguments[1], arguments[2], arguments[3], NULL };
	int fd = open("said", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644), code;

	dup2(fd, STDOUT_FILENO);
	code = fcopyd_main(4, argv);
	fflush(stdout);
	_exit(code);
}

/* Within 5 s, whether all of it is said */
static bool status_has(const char *const *wanted)
{
	bool all = false;

	for (int i = 0; i < 50 && !all; i++) {
		char text[4096] = "";
		int fd;

		if (i)
			usleep(100000);
		all = in_child(print_status) == 0;
		fd = open("said", O_RDONLY | O_CLOEXEC);
		if (read(fd, text, sizeof(text) - 1) < 0)
			all = false;
		close(fd);
		for (const char *const *one = wanted; *one; one++)
			all &= !!strstr(text, *one);
	}
	return all;
}
#define STATUS(...) status_has((const char *const []){ __VA_ARGS__, NULL })

static void status_follows_a_copy(void)
{
	begin_test();
	expect(STATUS("state=waiting\n", "files=0\n", "failed=0\n", "device=(a test)\n"));
	begin_copy();
	expect(STATUS("state=receiving\n", "to/made/a\nreceived=5\nsize=10\npercent=50\n"));
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	expect(STATUS("state=waiting\n", "files=0\nbytes=0\nfailed=1\n"));
	begin_copy();
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(STATUS("state=waiting\n", "files=1\nbytes=10\nfailed=1\n"));
	/* What is left of one that was killed is no news. */
	kill(daemon_pid, SIGKILL);
	expect_int(end_of_daemon(), 128 + SIGKILL);
	expect(access("run/status", F_OK) == 0);
	expect_int(in_child(print_status), 3);
	expect(holds("said", "state=stopped\n"));
	unlink("run/status");
	expect_int(in_child(print_status), 3);
	end_test(1);
}

/* Told to stop in a copy, it still answers what the host sends next. */
static void last_message_gets_an_answer(void)
{
	begin_test();
	begin_copy();
	kill(daemon_pid, SIGTERM);
	for (int i = 0; i < 500 && access("to/made", F_OK) == 0; i++)
		usleep(1000);
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), E_ABORTED);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

static void read_again(const char *text)
{
	unlink("fcopyd.conf");
	make_file("fcopyd.conf", text);
	says(NULL);
	kill(daemon_pid, SIGHUP);
#if HAVE_SYSTEMD
	expect(says("RELOADING=1"));
	expect(says("READY=1"));
#else
	usleep(500000);
#endif
}

static void configuration_read_again_in_a_copy(void)
{
	begin_test();
	begin_copy();
	read_again("enable=no\n");
	/* This one goes on, the next is refused. */
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/a", "0123456789"));
	start_message(&request, in("to"), "b", 0, 0);
	expect_int(ask(), E_POLICY);
	/* What is wrong changes nothing. */
	read_again("enable=yes\nwrong\n");
	expect_int(ask(), E_POLICY);
	read_again("mode=0600\n");
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(2);
}

static void device_taken_back_in_a_copy(void)
{
	begin_test();
	begin_copy();
	vmbus_channel_close(host);
	host = NULL;
	expect_int(end_of_daemon(), 0);
#if HAVE_SYSTEMD
	expect(says("STOPPING=1"));
#endif
	end_test(0);
}

static void refused_where_another_has_the_device(void)
{
	device_attribute("users", "2\n");
	mkdir("run", 0755);
	start_daemon();
	expect_int(end_of_daemon(), 75);
	end_test(0);
	device_attribute("users", "1\n");
	begin_test();
	expect(STATUS("state=waiting\n"));
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

static void device_opened_again_after_a_sleep(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	for (int i = 0; i < 2; i++)
		expect_int(vmbus_channel_pair(page > 4096 ? 2 * page : 5 * page, &later_guests[i],
					      &later_hosts[i]), 0);
	begin_test();
	begin_copy();
	device_attribute("state", "lost\n");
	for (int i = 0; i < 2; i++) {
		vmbus_channel_close(host);
		host = later_hosts[i];
		/* Nothing is left of the copy, the host begins with its versions, and the totals go on. */
		expect(STATUS("state=waiting\n", i ? "files=1\nbytes=10\nfailed=1\n" : "files=0\nbytes=0\nfailed=1\n"));
		start_message(&request, in("to"), "b", OVER_WRITE, 10);
		expect_int(ask(), E_NOT_CONNECTED);
		begin_copy();
		write_message(&request, 5, "56789", 5);
		expect_int(ask(), S_OK);
		end_message(&request, COMPLETE);
		expect_int(ask(), S_OK);
		unlink("to/made/a");
	}
	/* The fourth opening finds none. */
	vmbus_channel_close(host);
	host = NULL;
	expect_int(end_of_daemon(), 75);
	memset(later_guests, 0, sizeof(later_guests));
	memset(later_hosts, 0, sizeof(later_hosts));
	device_attribute("state", "open\n");
	rmdir("to/made");
	end_test(0);
}

static void forgotten_copy_is_discarded(void)
{
	int i;

	begin_test();
	begin_copy();
	expect(access("to/made", F_OK) == 0);
	for (i = 0; i < 200 && access("to/made", F_OK) == 0; i++)
		usleep(100000);
	expect(i < 200);
	/* And the next one is welcome */
	begin_copy();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

static void directories_of_a_crash(void)
{
	for (int named = 0; named < 2; named++) {
		no_tmpfile = named;
		begin_test();
		begin_copy();
		kill(daemon_pid, SIGKILL);
		expect_int(end_of_daemon(), 128 + SIGKILL);
		expect(access("to/made", F_OK) == 0);
		vmbus_channel_close(host);
		close(told[0]);
		close(told[1]);
		unlink("run/status");
		begin_test();
		expect(access("to/made", F_OK) < 0);
		kill(daemon_pid, SIGTERM);
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
	no_tmpfile = false;
}

static void device_taken_back_while_idle(void)
{
	begin_test();
	vmbus_channel_close(host);
	host = NULL;
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

#define VERSION_SIZE 40000

/* Sends version VERSION of the file, the same letter throughout, until it is there or nobody answers. */
static void send_version(char version)
{
	char data[DATA_MAX];
	struct vmbus_packet packet;
	uint64_t at = 0;

	memset(data, version, sizeof(data));
	usual_negotiation(&request);
	for (int step = 0;; step++) {
		if (vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length) ||
		    vmbus_wait(host, VMBUS_WAIT_RECV, 5000) < 0 ||
		    vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)))
			_exit(0);
		if (step == 0) {
			start_message(&request, in("to/made"), "a", OVER_WRITE | CREATE_PATH, VERSION_SIZE);
		} else if (at < VERSION_SIZE) {
			uint32_t n = VERSION_SIZE - at < DATA_MAX ? VERSION_SIZE - at : DATA_MAX;

			write_message(&request, at, data, n);
			at += n;
		} else if (get32(&request, IC_HEADER) != COMPLETE) {
			end_message(&request, COMPLETE);
		} else {
			_exit(0);
		}
	}
}

/* The version that is in place, 0 if there is none; fails where it is not whole */
static char version_in_place(void)
{
	static char data[VERSION_SIZE + 1];
	int fd = open("to/made/a", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, data, sizeof(data));
	close(fd);
	expect_int(n, VERSION_SIZE);
	for (ssize_t i = 1; i < n; i++)
		if (data[i] != data[0]) {
			expect(!"the versions are mixed");
			break;
		}
	return data[0];
}

/* Then the next start finds the old file or the new one, and removes what lies beside it. */
static void killed_at_any_moment(void)
{
	int changed = 0, beside = 0;

	no_tmpfile = variant;
	for (int i = 0; i < 25 && !current_failed(); i++) {
		char version = 'a' + i, before = version_in_place(), now;
		pid_t sender;

		begin_test();
		expect_int(entries("to/made") > 1, 0);
		fflush(NULL);
		sender = fork();
		if (!sender)
			send_version(version);
		usleep(random() % 25000);
		kill(daemon_pid, SIGKILL);
		expect_int(end_of_daemon(), 128 + SIGKILL);
		vmbus_channel_close(host);
		close(told[0]);
		close(told[1]);
		waitpid(sender, NULL, 0);
		now = version_in_place();
		expect(now == before || now == version);
		changed += now != before;
		beside += entries("to/made") > 1 || (entries("to/made") == 1 && !now);
	}
	ksft_print_msg("%d of 25 came to an end before the kill, %d left something\n", changed, beside);
	/* The last start removes it. */
	begin_test();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	no_tmpfile = false;
	expect_int(entries("to/made") > 1, 0);
	if (entries("to/made") == 1)
		expect(version_in_place() != 0);
	end_test(entries("to"));
}

/* The host takes no answers, so the daemon waits for room: it must not be deaf meanwhile, nor busy. */
static void told_to_stop_while_the_ring_is_full(void)
{
	struct rusage before, after;
	long long used;
	int posted = 0;

	begin_test();
	end_message(&request, CANCEL);
	getrusage(RUSAGE_CHILDREN, &before);
	for (int idle = 0; idle < 20;) {
		if (vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length)) {
			idle++;
			usleep(20000);
		} else {
			posted++;
			idle = 0;
		}
	}
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	getrusage(RUSAGE_CHILDREN, &after);
	used = (after.ru_utime.tv_sec + after.ru_stime.tv_sec -
		before.ru_utime.tv_sec - before.ru_stime.tv_sec) * 1000000ll +
	       (after.ru_utime.tv_usec + after.ru_stime.tv_usec -
		before.ru_utime.tv_usec - before.ru_stime.tv_usec);
	ksft_print_msg("%d packets, %lld us of processor time\n", posted, used);
	expect(posted > 100);
	expect(used < 200000);
	end_test(0);
}

int main(void)
{
	test(copies_and_ends_when_told);
	test(told_to_stop_in_a_copy);
	test(status_follows_a_copy);
	test(last_message_gets_an_answer);
	test(configuration_read_again_in_a_copy);
	test(device_taken_back_in_a_copy);
	test(forgotten_copy_is_discarded);
	test(directories_of_a_crash);
	test(device_taken_back_while_idle);
	test(device_opened_again_after_a_sleep);
	test(refused_where_another_has_the_device);
	test(told_to_stop_while_the_ring_is_full);
	test_variant(killed_at_any_moment, "unnamed files", false);
	test_variant(killed_at_any_moment, "named files", true);
	run_tests();
}
