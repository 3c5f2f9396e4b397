// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the daemon as a process: when it reports that it is ready, how it ends,
 * what it leaves behind, and the cost of a packet. The test provides the
 * functions of device.h, and so has the other end of the rings.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <vmbus_bufring.h>

#include "../../daemons/fcopy/buffer.h"
#include "../../daemons/fcopy/device.h"
#include "disk.h"
#include "fcopy_test.h"
#include "host.h"
#include "no_tmpfile.h"

/* The Makefile gives this name to the daemon's main(). */
int fcopyd_main(int argc, char **argv);

int sd_journal_sendv(const struct iovec *iov, int n);
int sd_notify(int unset, const char *state);
int sd_notifyf(int unset, const char *format, ...);

/* The memory that the test and the daemon share */
static struct shared {
	atomic_bool rescinded; /* read(2) of the device reports it */
	atomic_bool suspended;
	atomic_bool missing;		  /* the host has not offered the device */
	atomic_uint refuses;		  /* how often the device cannot be opened again */
	atomic_bool stands_still;	  /* fallocate() of the daemon, and fsync() of files */
	atomic_bool writing_stands_still; /* pwrite() */
	atomic_bool held;		  /* the daemon is in one of them */
	atomic_uint epoll_waits;	  /* of the daemon */
	atomic_uint reads;		  /* of its device */
	atomic_uint signals;		  /* to the host */
} *shared;

/* The daemon's device; -1 in the test */
static int device_fd = -1;

/* The test acts as a file system that has no files without names. */
static bool no_tmpfile;

static bool has_no_tmpfile(void)
{
	return no_tmpfile;
}

/*
 * Read as UIO does: consume all interrupts at once, and fail after a rescind.
 */
static ssize_t read_device(int fd, void *data, size_t size)
{
	char all[4096];
	ssize_t n;

	shared->reads++;
	if (shared->rescinded) {
		errno = EIO;
		return -1;
	}
	n = syscall(SYS_read, fd, all, sizeof(all));
	if (n < (ssize_t)size)
		return n;
	memcpy(data, all, size);
	return size;
}

/* The library and the daemon call these three, which count. */
ssize_t read(int fd, void *data, size_t size)
{
	return fd >= 0 && fd == device_fd ? read_device(fd, data, size) :
					    syscall(SYS_read, fd, data, size);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	if (fd >= 0 && fd == device_fd)
		shared->signals++;
	return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
	if (device_fd >= 0)
		shared->epoll_waits++;
	return syscall(SYS_epoll_pwait, fd, events, count, timeout, NULL, 0);
}

/* Block like a disk while *@stands_still is set. */
static void pass(const atomic_bool *stands_still)
{
	while (*stands_still) {
		shared->held = true;
		usleep(1000);
	}
	shared->held = false;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	pass(&shared->writing_stands_still);
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	pass(&shared->stands_still);
	return syscall(SYS_fallocate, fd, mode, offset, length);
}

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		pass(&shared->stands_still);
	return syscall(SYS_fsync, fd);
}

static struct vmbus_chan *guest, *host;
static struct message request, answer;
static int told[2];
static pid_t daemon_pid;
static bool is_taken, missing_at_start;

/*
 * The rings that the daemon finds when it opens the device again; without them
 * the device is gone.
 */
static struct vmbus_chan *later_guests[2], *later_hosts[2];

static bool give(struct vmbus_chan **channel, struct vmbus_chan *given)
{
	*channel = given;
	device_fd = given ? vmbus_fd(given) : -1;
	return given;
}

int device_open(const char *which, struct vmbus_chan **channel)
{
	expect(!strcmp(which, "fcopy"));
	if (shared->missing)
		return EX_UNAVAILABLE;
	if (is_taken)
		return EX_TEMPFAIL;
	return give(channel, guest) ? 0 : EX_UNAVAILABLE;
}

bool device_is_suspended(const struct vmbus_chan *channel)
{
	return shared->suspended;
}

bool device_is_missing(const char *which)
{
	return shared->missing;
}

int device_reopen(const char *which, struct vmbus_chan **channel, const char *why)
{
	static unsigned int opened;

	vmbus_close(*channel);
	*channel = NULL;
	if (shared->missing)
		return -ENODEV;
	if (shared->refuses) {
		shared->refuses--;
		return -EBUSY;
	}
	return give(channel, opened < 2 ? later_guests[opened++] : NULL) ? 0 : -ENODEV;
}

const char *device_path(const struct vmbus_chan *channel)
{
	return "(a test)";
}

const char *device_instance(const struct vmbus_chan *channel)
{
	return "(an instance)";
}

/* The daemon logs to standard error, and not to the journal of the machine. */
int sd_journal_sendv(const struct iovec *iov, int n)
{
	return -ENOENT;
}

/* Send each message with the NUL at its end, so that messages stay separate. */
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

/* Tell whether the daemon has logged TEXT; with NULL, forget what it logged. */
static bool says(const char *text)
{
	static char all[65536];
	static size_t n;
	ssize_t got;

	if (!text) {
		n = 0;
		return false;
	}
	got = read(told[0], all + n, sizeof(all) - n);
	if (got > 0)
		n += got;
	return memmem(all, n, text, strlen(text));
}

static void start_daemon(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	mkdir("to", 0755);
	shared->rescinded = false;
	shared->suspended = false;
	shared->missing = missing_at_start;
	shared->refuses = 0;
	shared->stands_still = shared->writing_stands_still = shared->held = false;
	expect_int(vmbus_open_pair(page > 4096 ? 2 * page : 5 * page, 0, &guest, &host), 0);
	expect(pipe2(told, O_CLOEXEC | O_NONBLOCK) == 0);
	says(NULL);
	fflush(NULL);
	daemon_pid = fork();
	if (!daemon_pid) {
		char arguments[6][16] = { "hv-fcopyd", "-n", "-s", "state", "-r", "run" };
		char *argv[] = { arguments[0], arguments[1], arguments[2], arguments[3],
				 arguments[4], arguments[5], NULL };

		vmbus_close(host);
		for (int i = 0; i < 2; i++)
			vmbus_close(later_hosts[i]);
		_exit(fcopyd_main(6, argv));
	}
	vmbus_close(guest);
	for (int i = 0; i < 2; i++)
		vmbus_close(later_guests[i]);
}

/*
 * Wait until the daemon has blocked the signals, which it does before it makes
 * this directory.
 */
static void await_signals(void)
{
	WAIT_UNTIL(access("state", F_OK) == 0);
	usleep(100000);
}

static void begin_test(void)
{
	start_daemon();
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("READY=1"));
#else
	await_signals();
#endif
}

/* Wait for the daemon, and return its exit status. */
static int end_of_daemon(void)
{
	int status;

	expect_int(waitpid(daemon_pid, &status, 0), daemon_pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end_test(int files)
{
	vmbus_close(host);
	close(told[0]);
	close(told[1]);
	expect_int(entries("to"), files);
	expect_int(entries("state"), 0);
	expect_int(entries("run"), 0);
}

static int milliseconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000 + (now.tv_nsec - begun->tv_nsec) / 1000000;
}

/* Return the status of the next answer. */
static uint32_t hear(void)
{
	struct vmbus_packet packet;

	if (vmbus_wait(host, VMBUS_WAIT_RECV, -1) < 0 ||
	    vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)))
		return UINT32_MAX;
	return status_of(&answer);
}

static uint32_t ask(void)
{
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
	return hear();
}

static void begin_copy(void)
{
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/made/"), "a", CREATE_PATH, 10);
	expect_int(ask(), S_OK);
	write_message(&request, 0, "01234", 5);
	expect_int(ask(), S_OK);
}

static void copies_and_ends_when_told(void)
{
	begin_test();
	begin_copy();
#if HAVE_SYSTEMD
	/* At the next tick after a second */
	WAIT_UNTIL(says("Receiving a file: 5 of 10 bytes, 50%, 0.0 MB/s"));
	says(NULL);
#endif
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/a", "0123456789"));
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("Waiting for Copy-VMFile"));
#endif
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("STOPPING=1"));
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

/* Run hv-fcopyd --status, with its output in the file "said". */
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

/* Tell whether --status shows all of it. */
static bool status_has(const char *const *wanted)
{
	char text[4096] = "";
	bool all = in_child(print_status) == 0;
	int fd = open("said", O_RDONLY | O_CLOEXEC);

	if (read(fd, text, sizeof(text) - 1) < 0)
		all = false;
	close(fd);
	for (const char *const *one = wanted; *one; one++)
		all &= !!strstr(text, *one);
	if (!all)
		usleep(100000);
	return all;
}
#define AWAIT_STATUS(...) WAIT_UNTIL(status_has((const char *const[]){ __VA_ARGS__, NULL }))

static void status_follows_a_copy(void)
{
	begin_test();
	AWAIT_STATUS("state=waiting\n", "files=0\n", "failed=0\n", "device=(a test)\n");
	begin_copy();
	AWAIT_STATUS("state=receiving\n", "to/made/a\nreceived=5\nsize=10\npercent=50\n");
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	AWAIT_STATUS("state=waiting\n", "files=0\nbytes=0\nfailed=1\n");
	begin_copy();
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	AWAIT_STATUS("state=waiting\n", "files=1\nbytes=10\nfailed=1\n");
	/* The file of a daemon that was killed does not count. */
	kill(daemon_pid, SIGKILL);
	expect_int(end_of_daemon(), 128 + SIGKILL);
	expect(access("run/status", F_OK) == 0);
	expect_int(in_child(print_status), 3);
	expect(holds("said", "state=stopped\n"));
	unlink("run/status");
	expect_int(in_child(print_status), 3);
	end_test(1);
}

/*
 * The daemon gets SIGTERM in a copy, and still answers what the host sends
 * next, also if the host needs a second to read its file.
 */
static void last_message_gets_an_answer(void)
{
	for (int second = 0; second < 2; second++) {
		begin_test();
		begin_copy();
		kill(daemon_pid, SIGTERM);
		WAIT_UNTIL(access("to/made", F_OK) < 0);
		sleep(second);
		write_message(&request, 5, "56789", 5);
		expect_int(ask(), E_ABORTED);
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
}

/* A copy that begins while the daemon ends would be left incomplete. */
static void no_copy_begins_after_the_stop(void)
{
	no_tmpfile = true;
	begin_test();
	begin_copy();
	kill(daemon_pid, SIGTERM);
	WAIT_UNTIL(access("to/made", F_OK) < 0);
	start_message(&request, in("to/made2/"), "b", CREATE_PATH, 10);
	expect_int(ask(), E_ABORTED);
	expect_int(end_of_daemon(), 0);
	end_test(0);
	no_tmpfile = false;
}

static void read_again(const char *text)
{
	unlink("fcopyd.conf");
	make_file("fcopyd.conf", text);
	says(NULL);
	kill(daemon_pid, SIGHUP);
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("RELOADING=1"));
	WAIT_UNTIL(says("READY=1"));
#else
	usleep(500000);
#endif
}

static void configuration_read_again_in_a_copy(void)
{
	struct stat st;

	begin_test();
	begin_copy();
	read_again("[/]\nmode=0640\n");
	/* This copy keeps its settings. */
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	expect(holds("to/made/a", "0123456789"));
	expect(stat("to/made/a", &st) == 0 && (st.st_mode & 0777) == 0644);
	unlink("to/made/a");
	rmdir("to/made");
	/* An administrator stops a copy in this way. */
	begin_copy();
	read_again("[/]\nenable=no\n");
	WAIT_UNTIL(entries("to") == 0);
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), E_POLICY);
	end_message(&request, COMPLETE);
	expect_int(ask(), E_POLICY);
	start_message(&request, in("to"), "b", 0, 0);
	expect_int(ask(), E_POLICY);
	/* A file with a fault changes nothing. */
	read_again("[/]\nenable=yes\nwrong\n");
	expect_int(ask(), E_POLICY);
	read_again("[/]\nmode=0600\n");
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
	expect_int(ask(), S_OK);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(1);
}

static void device_taken_back_in_a_copy(void)
{
	begin_test();
	begin_copy();
	vmbus_close(host);
	host = NULL;
	expect_int(end_of_daemon(), 0);
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("STOPPING=1"));
#endif
	end_test(0);
}

static void another_program_has_the_device(void)
{
	is_taken = true;
	mkdir("run", 0755);
	start_daemon();
	expect_int(end_of_daemon(), 75);
	is_taken = false;
	end_test(0);
}

static void device_opened_again_after_a_sleep(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	for (int i = 0; i < 2; i++)
		expect_int(vmbus_open_pair(page > 4096 ? 2 * page : 5 * page, 0, &later_guests[i],
					   &later_hosts[i]),
			   0);
	begin_test();
	begin_copy();
	shared->suspended = true;
	for (int i = 0; i < 2; i++) {
		vmbus_close(host);
		host = later_hosts[i];
		/*
		 * Nothing remains of the copy, the host negotiates again, and
		 * the totals continue.
		 */
		AWAIT_STATUS("state=waiting\n",
			     i ? "files=1\nbytes=10\nfailed=1\n" : "files=0\nbytes=0\nfailed=1\n");
		start_message(&request, in("to"), "b", OVER_WRITE, 10);
		expect_int(ask(), E_NOT_CONNECTED);
		begin_copy();
		write_message(&request, 5, "56789", 5);
		expect_int(ask(), S_OK);
		end_message(&request, COMPLETE);
		expect_int(ask(), S_OK);
		unlink("to/made/a");
	}
	/* The third attempt finds no device. */
	vmbus_close(host);
	host = NULL;
	expect_int(end_of_daemon(), 75);
	memset(later_guests, 0, sizeof(later_guests));
	memset(later_hosts, 0, sizeof(later_hosts));
	rmdir("to/made");
	end_test(0);
}

static void new_later_device(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	expect_int(vmbus_open_pair(page > 4096 ? 2 * page : 5 * page, 0, &later_guests[0],
				   &later_hosts[0]),
		   0);
}

/*
 * The host leaves the device that it no longer serves to the guest, which opens
 * it again.
 */
static void take_later_device(void)
{
	vmbus_close(host);
	host = later_hosts[0];
	memset(later_guests, 0, sizeof(later_guests));
	memset(later_hosts, 0, sizeof(later_hosts));
}

/*
 * After a hibernation the host offers the device only after a while, to a
 * running daemon and to one that starts.
 */
static void device_offered_late(void)
{
	new_later_device();
	begin_test();
	begin_copy();
	shared->missing = shared->suspended = true;
	vmbus_close(host);
	host = NULL;
	AWAIT_STATUS("state=waiting\n", "host=owes-offer\n", "failed=1\n");
#if HAVE_SYSTEMD
	WAIT_UNTIL(says("Waiting for the host to offer the device again"));
#endif
	shared->missing = false;
	take_later_device();
	begin_copy();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);

	/* A signal ends the wait, and a new configuration does not. */
	begin_test();
	shared->missing = shared->suspended = true;
	vmbus_close(host);
	host = NULL;
	AWAIT_STATUS("host=owes-offer\n");
	kill(daemon_pid, SIGHUP);
	usleep(100000);
	expect_int(waitpid(daemon_pid, NULL, WNOHANG), 0);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);

	/* A daemon that starts */
	missing_at_start = true;
	rmdir("state");
	start_daemon();
	await_signals();
	expect_int(access("run/status", F_OK), -1);
	shared->missing = false;
	begin_copy();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
	rmdir("state");
	start_daemon();
	await_signals();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
	missing_at_start = false;
}

/*
 * A host that never negotiates, and one that has stopped reading during a copy
 */
static void device_opened_again_for_a_silent_host(void)
{
	struct timespec begun;

	for (int i = 0; i < 2; i++) {
		new_later_device();
		begin_test();
		clock_gettime(CLOCK_MONOTONIC, &begun);
		if (i) {
			begin_copy();
			write_message(&request, 5, "56789", 5);
			expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes,
					      request.length),
				   0);
		}
		AWAIT_STATUS("reopened=1\n");
		ksft_print_msg("opened again after %d ms\n", milliseconds_since(&begun));
		expect(milliseconds_since(&begun) > SILENCE_SECONDS * 1000 - 500);
		AWAIT_STATUS("state=waiting\n", "host=owes-negotiate\n",
			     i ? "failed=1\n" : "failed=0\n",
			     i ? "last-reopen=it has not read the answers\n" :
				 "last-reopen=it has not negotiated\n");
		take_later_device();
		begin_copy();
		write_message(&request, 5, "56789", 5);
		expect_int(ask(), S_OK);
		end_message(&request, COMPLETE);
		expect_int(ask(), S_OK);
		AWAIT_STATUS("host=talking\n", "files=1\n");
		kill(daemon_pid, SIGTERM);
		expect_int(end_of_daemon(), 0);
		end_test(1);
		unlink("to/made/a");
		rmdir("to/made");
	}
}

/* The device of a silent host cannot be opened again at once. */
static void device_that_is_busy_for_a_time(void)
{
	new_later_device();
	begin_test();
	shared->refuses = 1;
	AWAIT_STATUS("reopened=1\n");
	expect_int(shared->refuses, 0);
	take_later_device();
	begin_copy();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);

	/*
	 * The host falls silent in a copy. A signal ends the daemon while it
	 * waits for the device.
	 */
	begin_test();
	begin_copy();
	write_message(&request, 5, "56789", 5);
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
	shared->refuses = 1000;
	WAIT_UNTIL(shared->refuses != 1000);
	usleep(100000);
	kill(daemon_pid, SIGHUP);
	usleep(100000);
	expect_int(waitpid(daemon_pid, NULL, WNOHANG), 0);
	expect_int(shared->refuses, 999);
	AWAIT_STATUS("state=waiting\n", "failed=1\n");
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/* A copy stalls, and then the host sends nothing else either. */
static void device_opened_again_after_a_forgotten_copy(void)
{
	new_later_device();
	begin_test();
	begin_copy();
	AWAIT_STATUS("reopened=1\n");
	AWAIT_STATUS("last-reopen=it has not continued a copy\n", "failed=1\n");
	take_later_device();
	begin_copy();
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/* A host that has nothing to copy is left alone. */
static void idle_host_is_left_alone(void)
{
	begin_test();
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	sleep(12);
	AWAIT_STATUS("host=talking\nreopened=0\n");
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

static void forgotten_copy_is_discarded(void)
{
	begin_test();
	begin_copy();
	expect(access("to/made", F_OK) == 0);
	WAIT_UNTIL(access("to/made", F_OK) < 0);
	/* The next copy is accepted. */
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
		vmbus_close(host);
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
	vmbus_close(host);
	host = NULL;
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/* Post the request, and wait until the disk blocks in it. */
static void post_held(void)
{
	shared->stands_still = true;
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
	WAIT_UNTIL(shared->held);
}

static void begin_whole_copy(void)
{
	begin_test();
	begin_copy();
	write_message(&request, 5, "56789", 5);
	expect_int(ask(), S_OK);
	end_message(&request, COMPLETE);
}

static void told_to_stop_while_a_disk_is_slow(void)
{
	begin_whole_copy();
	post_held();
	kill(daemon_pid, SIGTERM);
	usleep(300000);
	expect_int(waitpid(daemon_pid, NULL, WNOHANG), 0);
	shared->stands_still = false;
	expect_int(hear(), S_OK);
	expect_int(end_of_daemon(), 0);
	expect(holds("to/made/a", "0123456789"));
	end_test(1);
}

/*
 * Data of the copy is being written to a blocked disk, and COMPLETE waits for
 * that.
 */
static void complete_while_data_is_written(void)
{
	static const char data[DATA_MAX];
	uint64_t at, size = (BUFFER_PIECE + DATA_MAX - 1) / DATA_MAX * DATA_MAX;

	begin_test();
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/"), "a", OVER_WRITE, size);
	expect_int(ask(), S_OK);
	shared->writing_stands_still = true;
	for (at = 0; at < size; at += DATA_MAX) {
		write_message(&request, at, data, DATA_MAX);
		expect_int(ask(), S_OK);
	}
	WAIT_UNTIL(shared->held);
	end_message(&request, COMPLETE);
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
	usleep(300000);
}

/* The daemon gets SIGTERM, loses its device, or both. */
static void told_to_stop_while_data_is_written(void)
{
	for (int i = 0; i < 3; i++) {
		complete_while_data_is_written();
		if (i != 1) {
			kill(daemon_pid, SIGTERM);
			usleep(300000);
		}
		if (i != 0) {
			vmbus_close(host);
			host = NULL;
		}
		usleep(300000);
		shared->writing_stands_still = false;
		if (i == 0)
			expect_int(hear(), S_OK);
		expect_int(end_of_daemon(), 0);
		end_test(1);
		unlink("to/a");
	}
}

static void device_taken_back_while_a_disk_is_slow(void)
{
	begin_whole_copy();
	post_held();
	vmbus_close(host);
	host = NULL;
	usleep(300000);
	shared->stands_still = false;
	expect_int(end_of_daemon(), 0);
	expect(holds("to/made/a", "0123456789"));
	end_test(1);
}

static void forget_daemon(void)
{
	vmbus_close(host);
	close(told[0]);
	close(told[1]);
	shared->stands_still = false;
}

/* The daemon cannot wait forever. The next one removes what remains. */
static void told_to_stop_while_a_disk_stands_still(void)
{
	static const int signals[] = { SIGTERM, SIGKILL };

	no_tmpfile = true;
	for (int i = 0; i < 2; i++) {
		begin_test();
		usual_negotiation(&request);
		expect_int(ask(), S_OK);
		start_message(&request, in("to/made/"), "a", CREATE_PATH, 10);
		post_held();
		expect_int(entries("to/made"), 1);
		kill(daemon_pid, signals[i]);
		if (signals[i] == SIGTERM)
			expect_int(hear(), E_ABORTED);
		expect_int(end_of_daemon(), signals[i] == SIGTERM ? 0 : 128 + SIGKILL);
		expect_int(entries("to/made"), 1);
		unlink("run/status");
		forget_daemon();
		begin_test();
		expect_int(entries("to"), 0);
		kill(daemon_pid, SIGTERM);
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
	no_tmpfile = false;
}

/*
 * The disk still writes the rest of one copy, and the next request waits for
 * that.
 */
static void told_to_stop_while_a_request_waits(void)
{
	struct timespec begun;

	for (int i = 0; i < 2; i++) {
		begin_test();
		usual_negotiation(&request);
		expect_int(ask(), S_OK);
		start_message(&request, in("to/made/"), "a", CREATE_PATH, 10);
		post_held();
		expect_int(hear(), E_TIMEOUT);
		if (i)
			end_message(&request, CANCEL);
		expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes,
				      request.length),
			   0);
		usleep(200000);
		clock_gettime(CLOCK_MONOTONIC, &begun);
		kill(daemon_pid, SIGTERM);
		expect_int(hear(), i ? S_OK : E_ABORTED);
		/* It did not wait until the time of the request was over. */
		expect(milliseconds_since(&begun) < SESSION_LIMIT_MSEC / 2);
		shared->stands_still = false;
		expect_int(end_of_daemon(), 0);
		end_test(0);
	}
}

static void status_names_a_slow_disk(void)
{
	begin_whole_copy();
	post_held();
	AWAIT_STATUS("state=receiving\n", "slow-disk=to sync the file\n",
		     "to/made/a\nslow-disk-seconds=");
	/* The host has its answer when SESSION_LIMIT_MSEC are over. */
	expect_int(hear(), E_TIMEOUT);
	AWAIT_STATUS("state=waiting\nslow-disk=to sync the file\n", "failed=1\n",
		     "last-failure-code=0x800705b4\n",
		     "last-failure=the disk takes too long: more than 10 s to sync the file\n");
	shared->stands_still = false;
	AWAIT_STATUS("state=waiting\nfiles=0\n", "failed=1\n");
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/* A disk that does not sync the file does not keep an administrator waiting. */
static void configuration_read_again_while_a_copy_ends(void)
{
	begin_whole_copy();
	post_held();
	read_again("[/]\nenable=no\n");
	expect(shared->stands_still);
	shared->stands_still = false;
	/* The copy whose end the host has sent still arrives. */
	expect_int(hear(), S_OK);
	expect(access("to/made/a", F_OK) == 0);
	start_message(&request, in("to/"), "b", 0, 10);
	expect_int(ask(), E_POLICY);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(1);
}

/* The thread reads the configuration while it makes room. */
static void configuration_read_again_while_a_disk_is_slow(void)
{
	begin_test();
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	make_file("fcopyd.conf", "[/]\nenable=no\n");
	start_message(&request, in("to/"), "a", 0, 10);
	post_held();
	kill(daemon_pid, SIGHUP);
	usleep(300000);
	shared->stands_still = false;
	expect_int(hear(), S_OK);
	end_message(&request, CANCEL);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/"), "a", 0, 10);
	expect_int(ask(), E_POLICY);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

#define VERSION_SIZE 40000

/*
 * Send version VERSION of the file, the same letter throughout, until it is in
 * place or nobody answers.
 */
static void send_version(char version)
{
	char data[DATA_MAX];
	struct vmbus_packet packet;
	uint64_t at = 0;

	memset(data, version, sizeof(data));
	usual_negotiation(&request);
	for (int step = 0;; step++) {
		if (vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length) ||
		    vmbus_wait(host, VMBUS_WAIT_RECV, -1) < 0 ||
		    vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)))
			_exit(0);
		if (step == 0) {
			start_message(&request, in("to/made/"), "a", OVER_WRITE | CREATE_PATH,
				      VERSION_SIZE);
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

/*
 * Return the version in place, or 0 if there is none; fail if it is not whole.
 */
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

/*
 * The next start finds the old file or the new one, and removes what lies
 * beside it.
 */
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
		vmbus_close(host);
		close(told[0]);
		close(told[1]);
		waitpid(sender, NULL, 0);
		now = version_in_place();
		expect(now == before || now == version);
		changed += now != before;
		beside += entries("to/made") > 1 || (entries("to/made") == 1 && !now);
	}
	ksft_print_msg("%d of 25 came to an end before the kill, %d left something\n", changed,
		       beside);
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

/*
 * The interrupt of the last packet is also that of the rescind. With the packet
 * in the ring the daemon does not read the interrupt, and the descriptor shows
 * no error.
 */
static void rescind_that_comes_with_a_packet(void)
{
	struct timespec begun;

	begin_test();
	begin_copy();
	usleep(50000);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	shared->rescinded = true;
	write_message(&request, 5, "56789", 5);
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
	expect_int(end_of_daemon(), 0);
	ksft_print_msg("noticed after %d ms\n", milliseconds_since(&begun));
	/* It noticed before it gave the copy up. */
	expect(milliseconds_since(&begun) < TRANSFER_IDLE_SECONDS * 1000);
	end_test(0);
}

/*
 * Send packets and take answers as fast as possible, until the rings have
 * ended.
 */
static pid_t start_flood(void)
{
	struct vmbus_packet packet;
	pid_t pid;

	write_message(&request, 0, "01234", 5);
	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	for (;;) {
		int err =
			vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length);

		if (err && err != -EAGAIN)
			_exit(0);
		while (vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)) == 0)
			;
	}
}

static void end_flood(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void signals_in_a_flood(void)
{
	pid_t flood;

	begin_test();
	begin_copy();
	flood = start_flood();
	usleep(100000);
	read_again("[/]\nmode=0600\n");
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_flood(flood);
	end_test(0);
}

static void rescind_in_a_flood(void)
{
	pid_t flood;

	begin_test();
	begin_copy();
	flood = start_flood();
	usleep(100000);
	shared->rescinded = true;
	expect_int(end_of_daemon(), 0);
	end_flood(flood);
	end_test(0);
}

static struct timespec counted_since;

static void count_from_here(void)
{
	clock_gettime(CLOCK_MONOTONIC, &counted_since);
	shared->epoll_waits = 0;
	shared->reads = 0;
	shared->signals = 0;
}

/*
 * Return hundredths of a system call. The timer costs up to three calls four
 * times a second, however many packets come.
 */
static unsigned int calls_a_packet(unsigned int packets)
{
	unsigned int calls = shared->epoll_waits + shared->reads + shared->signals;
	unsigned int timer = 3 * (milliseconds_since(&counted_since) / 250 + 1);

	calls -= calls < timer ? calls : timer;
	ksft_print_msg("%u packets: %u epoll_wait, %u read, %u signals: %.2f calls a packet\n",
		       packets, shared->epoll_waits, shared->reads, shared->signals,
		       (double)calls / packets);
	return calls * 100ull / packets;
}

/* A host so slow that the daemon sleeps before each packet */
static void two_system_calls_a_packet(void)
{
	const unsigned int packets = 500;

	begin_test();
	begin_copy();
	write_message(&request, 0, "01234", 5);
	for (int i = 0; i < 100; i++)
		expect_int(ask(), S_OK);
	count_from_here();
	for (unsigned int i = 0; i < packets; i++) {
		usleep(1000);
		expect_int(ask(), S_OK);
	}
	expect(calls_a_packet(packets) <= 220);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/* The ring has several packets each time that the daemon looks. */
static void queued_packets_share_system_calls(void)
{
	const unsigned int bursts = 100, burst = 20;
	struct vmbus_packet packet;

	begin_test();
	begin_copy();
	write_message(&request, 0, "01234", 5);
	count_from_here();
	for (unsigned int i = 0; i < bursts; i++) {
		for (unsigned int n = 0; n < burst; n++)
			expect_int(vmbus_queue(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes,
					       request.length),
				   0);
		expect_int(vmbus_flush(host), 0);
		for (unsigned int n = 0; n < burst; n++) {
			expect(vmbus_wait(host, VMBUS_WAIT_RECV, -1) > 0);
			expect_int(vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)),
				   0);
		}
	}
	expect(calls_a_packet(bursts * burst) <= 100);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/*
 * This prints a number that has no limit: how often the spin finds the next
 * packet of a fast host.
 */
static void lockstep_with_a_fast_host(void)
{
	const unsigned int packets = 20000;
	struct timespec begun;

	begin_test();
	begin_copy();
	write_message(&request, 0, "01234", 5);
	count_from_here();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (unsigned int i = 0; i < packets; i++)
		if (!expect_int(ask(), S_OK))
			break;
	ksft_print_msg("%d ms\n", milliseconds_since(&begun));
	expect(calls_a_packet(packets) <= 450);
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(0);
}

/*
 * The host takes no answers, so the daemon waits for room. It must notice
 * signals, and not be busy.
 */
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
	used = (after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec -
		before.ru_stime.tv_sec) *
		       1000000ll +
	       (after.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_utime.tv_usec -
		before.ru_stime.tv_usec);
	ksft_print_msg("%d packets, %lld us of processor time\n", posted, used);
	expect(posted > 100);
	expect(used < 200000);
	end_test(0);
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	test(copies_and_ends_when_told);
	test(told_to_stop_in_a_copy);
	test(status_follows_a_copy);
	test(last_message_gets_an_answer);
	test(no_copy_begins_after_the_stop);
	test(configuration_read_again_in_a_copy);
	test(device_taken_back_in_a_copy);
	test(forgotten_copy_is_discarded);
	test(device_opened_again_for_a_silent_host);
	test(device_that_is_busy_for_a_time);
	test(device_opened_again_after_a_forgotten_copy);
	test(idle_host_is_left_alone);
	test(directories_of_a_crash);
	test(device_taken_back_while_idle);
	test(device_opened_again_after_a_sleep);
	test(device_offered_late);
	test(another_program_has_the_device);
	test(told_to_stop_while_a_disk_is_slow);
	test(told_to_stop_while_data_is_written);
	test(device_taken_back_while_a_disk_is_slow);
	test(configuration_read_again_while_a_copy_ends);
	test(told_to_stop_while_a_disk_stands_still);
	test(told_to_stop_while_a_request_waits);
	test(status_names_a_slow_disk);
	test(configuration_read_again_while_a_disk_is_slow);
	test(told_to_stop_while_the_ring_is_full);
	test(rescind_that_comes_with_a_packet);
	test(rescind_in_a_flood);
	test(signals_in_a_flood);
	test(two_system_calls_a_packet);
	test(queued_packets_share_system_calls);
	test(lockstep_with_a_fast_host);
	test_variant(killed_at_any_moment, "unnamed files", false);
	test_variant(killed_at_any_moment, "named files", true);
	run_tests();
}
