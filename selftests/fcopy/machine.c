// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../../lib/from_memory.h"

#include "disk.h"
#include "machine.h"
#include "no_tmpfile.h"

#define INSTANCE "eb765408-105f-49b6-b4aa-c123b64d17d4"
#define CLASS	 "34d14be3-dee4-41c8-9ae7-6b174977c192"
#define DEVICE	 "sys/bus/vmbus/devices/" INSTANCE "/"

/* The Makefile gives this name to the daemon's main(). */
int fcopyd_main(int argc, char **argv);

int sd_journal_sendv(const struct iovec *iov, int n);
int sd_notifyf(int unset, const char *format, ...);

struct machine *machine;
bool machine_no_tmpfile, machine_stops_clock;
pid_t daemon_pid;
struct vmbus_chan *host;
struct message request, answer;

/* The device: the guest's end, the host's end, and the rings */
static struct {
	int fd, memory;
	int host_fd;
	unsigned char *rings;
} device;
static size_t ring_size;
static int told[2];
static bool in_daemon;
static int device_fd = -1, device_memory = -1; /* in the daemon */

static bool has_no_tmpfile(void)
{
	return machine_no_tmpfile;
}

static void *any_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

/* The library and the daemon call the functions below instead of libc's. */

void *machine_mmap(void *addr, size_t size, int prot, int flags, int fd,
		   off_t offset) __asm__("mmap");
void *machine_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	return any_mmap(addr, size, prot, flags, fd >= 0 && fd == device_fd ? device_memory : fd,
			offset);
}

int machine_open_file(const char *path, int flags, ...) __asm__("open");
int machine_open_file(const char *path, int flags, ...)
{
	int mode = 0;
	va_list args;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
	}
	if (!in_daemon || !strstr(path, "/dev/uio3") || (flags & O_ACCMODE) != O_RDWR)
		return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	device_memory = device.memory;
	device_fd = device.fd;
	return device_fd;
}

/* Read as UIO does: consume all interrupts at once, fail after a rescind. */
static ssize_t read_device(int fd, void *data, size_t size)
{
	char all[4096];
	ssize_t n;

	machine->reads++;
	if (machine->rescinded) {
		errno = EIO;
		return -1;
	}
	n = syscall(SYS_read, fd, all, sizeof(all));
	if (n < (ssize_t)size)
		return n;
	memcpy(data, all, size);
	return size;
}

ssize_t read(int fd, void *data, size_t size)
{
	return fd >= 0 && fd == device_fd ? read_device(fd, data, size) :
					    syscall(SYS_read, fd, data, size);
}

int close(int fd)
{
	if (fd == device_fd)
		device_fd = -1;
	return syscall(SYS_close, fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (fd >= 0 && fd == device_fd)
		machine->signals++;
	return syscall(SYS_write, fd, data, size);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	if (in_daemon)
		machine->waits++;
	return syscall(SYS_epoll_pwait, fd, events, n, timeout, NULL, 0);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	unsigned int passed;

	/* Only the limits of the daemon use this clock. */
	if (!in_daemon || !machine_stops_clock || clock != CLOCK_MONOTONIC_COARSE)
		return syscall(SYS_clock_gettime, clock, time);
	machine->looks++;
	passed = machine->passed += machine->step;
	/* The daemon takes a time of 0 for none. */
	*time = (struct timespec){ .tv_sec = 3600 + passed / 1000,
				   .tv_nsec = passed % 1000 * 1000000 };
	return 0;
}

/* Hold a worker in this call, like a disk that does not answer. */
static void pass(enum machine_call call)
{
	if (!in_daemon || machine->hold != (int)call)
		return;
	machine->held++;
	while (machine->hold == (int)call)
		usleep(1000);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	pass(WRITING);
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	machine->worker = getpid();
	pass(ALLOCATE);
	return syscall(SYS_fallocate, fd, mode, offset, length);
}

int fsync(int fd)
{
	struct stat st;

	pass(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? SYNC_DIRECTORY : SYNC);
	return syscall(SYS_fsync, fd);
}

int linkat(int from, const char *name, int to, const char *target, int flags)
{
	pass(LINKING);
	return syscall(SYS_linkat, from, name, to, target, flags);
}

int unlinkat(int dir, const char *name, int flags)
{
	pass(flags & AT_REMOVEDIR ? REMOVE_DIRECTORY : UNLINK);
	return syscall(SYS_unlinkat, dir, name, flags);
}

/* The daemon logs to standard error, and not to the journal of the machine. */
int sd_journal_sendv(const struct iovec *iov, int n)
{
	return -ENOENT;
}

/* Send each message with the NUL at its end, so that messages stay separate. */
int sd_notifyf(int unset, const char *format, ...)
{
	char state[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(state, sizeof(state), format, args);
	va_end(args);
	return write(told[1], state, strlen(state) + 1) > 0;
}

bool says(const char *text)
{
	static char all[65536];
	static size_t n;
	ssize_t got;

	if (!text) {
		while (read(told[0], all, sizeof(all)) > 0)
			;
		n = 0;
		return false;
	}
	got = read(told[0], all + n, sizeof(all) - n);
	if (got > 0)
		n += got;
	return memmem(all, n, text, strlen(text));
}

void machine_open(void)
{
	/* The workers of a killed daemon become children of the test. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		ksft_exit_fail_perror("prctl");
	machine = any_mmap(NULL, sizeof(*machine), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (machine == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	ring_size = 5 * sysconf(_SC_PAGESIZE);
}

/*
 * Write a file below the machine's root, with the directories above it. The
 * daemon may read it at any moment, so it is never half written.
 */
static void put(const char *name, const char *text)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "machine/%s", name);
	for (char *slash = path; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open("machine/next", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || rename("machine/next", path) < 0)
		ksft_exit_fail_perror(path);
	close(fd);
}

void device_attribute(const char *name, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), DEVICE "%s", name);
	put(path, value);
}

void offer_device(void)
{
	char size[32];

	device_attribute("device_id", "{" INSTANCE "}\n");
	device_attribute("class_id", "{" CLASS "}\n");
	device_attribute("id", "7\n");
	snprintf(size, sizeof(size), "0x%zx\n", 2 * ring_size);
	device_attribute("uio/uio3/maps/map0/name", "txrx_rings\n");
	device_attribute("uio/uio3/maps/map0/size", size);
	device_attribute("uio/uio3/maps/map0/offset", "0x0\n");
	put("dev/uio3", "");
}

void remove_device(void)
{
	expect(system("rm -r machine/" DEVICE) == 0);
}

static void add_device(void)
{
	struct vmbus_memory memory = { .flags = VMBUS_MEMORY_RESET };
	int fds[2];

	device.memory = memfd_create("rings", MFD_CLOEXEC);
	expect(ftruncate(device.memory, 2 * ring_size) == 0);
	expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	device.rings =
		any_mmap(NULL, 2 * ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, device.memory, 0);
	memory.rx_ring = device.rings;
	memory.tx_ring = device.rings + ring_size;
	memory.rx_size = memory.tx_size = ring_size;
	memory.fd = fds[1];
	expect_int(channel_from_memory(&memory, &host), 0);
	device.fd = fds[0];
	device.host_fd = fds[1];
}

void lose_host(void)
{
	if (!host)
		return;
	vmbus_close(host);
	munmap(device.rings, 2 * ring_size);
	close(device.host_fd);
	host = NULL;
}

void break_ring(void)
{
	static const uint32_t interrupt = 1, index = 1 << 30;

	/* The index at which the host writes comes first. */
	memcpy(device.rings, &index, sizeof(index));
	expect(write(device.host_fd, &interrupt, sizeof(interrupt)) == sizeof(interrupt));
}

void rescind(void)
{
	remove_device();
	lose_host();
}

static void run_daemon(void)
{
	char arguments[][32] = { "hv-fcopyd", "-s", "state" };
	char *argv[] = { arguments[0], arguments[1], arguments[2], NULL };

	lose_host();
	in_daemon = true;
	setenv("VMBUS_SYSROOT", in("machine"), 1);
	unsetenv("JOURNAL_STREAM");
	dup2(told[1], STDERR_FILENO);
	_exit(fcopyd_main(3, argv));
}

void start_daemon(void)
{
	mkdir("to", 0755);
	memset(machine, 0, sizeof(*machine));
	add_device();
	expect(pipe2(told, O_CLOEXEC | O_NONBLOCK) == 0);
	says(NULL);
	fflush(NULL);
	daemon_pid = fork();
	if (!daemon_pid)
		run_daemon();
	close(device.fd);
	close(device.memory);
}

void begin_test(void)
{
	offer_device();
	start_daemon();
	WAIT_UNTIL(says("waiting for Copy-VMFile"));
}

int end_of_daemon(void)
{
	int status;

	expect_int(waitpid(daemon_pid, &status, 0), daemon_pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * Wait for every other process of the test: the workers of a daemon that was
 * killed see its end, and may place a file before that.
 */
static void end_of_children(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

void forget_daemon(void)
{
	lose_host();
	close(told[0]);
	close(told[1]);
}

void end_test(int files)
{
	forget_daemon();
	/* The daemon waits for a worker, but only for two seconds. */
	hold(NOWHERE);
	end_of_children();
	expect_int(entries("to"), files);
	expect_int(entries("state"), 0);
}

void stop_test(int files)
{
	kill(daemon_pid, SIGTERM);
	expect_int(end_of_daemon(), 0);
	end_test(files);
}

int milliseconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000 + (now.tv_nsec - begun->tv_nsec) / 1000000;
}

void post(void)
{
	expect_int(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, request.bytes, request.length), 0);
}

uint32_t hear(void)
{
	struct vmbus_packet packet;

	if (vmbus_wait(host, VMBUS_WAIT_RECV, -1) < 0 ||
	    vmbus_recv(host, &packet, answer.bytes, sizeof(answer.bytes)))
		return UINT32_MAX;
	return status_of(&answer);
}

uint32_t ask(void)
{
	post();
	return hear();
}

bool is_silent(void)
{
	return vmbus_wait(host, VMBUS_WAIT_RECV, 0) == -ETIMEDOUT;
}

void negotiate(void)
{
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
}

void begin_copy(void)
{
	negotiate();
	start_message(&request, in("to/made/"), "a", CREATE_PATH, 10);
	expect_int(ask(), S_OK);
	write_message(&request, 0, "01234", 5);
	expect_int(ask(), S_OK);
}

void hold(enum machine_call call)
{
	machine->held = 0;
	machine->hold = call;
}

void post_held(enum machine_call call)
{
	hold(call);
	post();
	WAIT_UNTIL(machine->held);
}

void let_daemon_look(void)
{
	unsigned int before = machine->looks;

	/*
	 * The daemon looks twice at each tick, and a few times for a packet.
	 * Between two ticks it takes packets and the reports of its worker. An
	 * answer that comes too early may end the ticks.
	 */
	WAIT_UNTIL(machine->looks - before >= 8 || !is_silent());
}

void pass_time(unsigned int msec)
{
	machine->passed += msec;
}
