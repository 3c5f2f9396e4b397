// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doorbell. On amd64 it is QEMU's device ivshmem-doorbell. This process
 * is its server: one eventfd rings the process, and one for each
 * processor interrupts it. On arm64 it is a serial port: each byte from it
 * rings the process, and a byte to it is the number of a processor, which the
 * stub on another processor interrupts.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hyperv.h"

/* The numbers of ivshmem's protocol, and those of its peers here */
#define BELL_VERSION 0
#define BELL_MEMORY  (-1)
#define BELL_GUEST   0
#define BELL_HOST    1

static enum machine kind;
static int bell = -1;
static int rung = -1, vectors[MAX_VPS];
static pid_t emulator;

int listen_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(name.sun_path))
		die("%s: the name of a socket has at most %zu bytes", path,
		    sizeof(name.sun_path) - 1);
	memcpy(name.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, 8))
		die("%s: %m", path);
	return fd;
}

/* Send the device a number of 8 bytes, and a descriptor unless it is -1. */
static void tell_device(int64_t number, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec bytes = { &number, sizeof(number) };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	if (sendmsg(bell, &message, MSG_NOSIGNAL) != sizeof(number))
		die("the doorbell: %m");
}

/* The device wants memory to share, which nobody uses here. */
static void serve_device(void)
{
	int memory = memfd_create("bell", MFD_CLOEXEC);

	if (memory < 0 || ftruncate(memory, 1 << 20))
		die("memfd: %m");
	tell_device(BELL_VERSION, -1);
	tell_device(BELL_GUEST, -1);
	tell_device(BELL_MEMORY, memory);
	close(memory);
	rung = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rung < 0)
		die("eventfd: %m");
	tell_device(BELL_HOST, rung);
	for (int i = 0; i < MAX_VPS; i++) {
		vectors[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vectors[i] < 0)
			die("eventfd: %m");
		tell_device(BELL_GUEST, vectors[i]);
	}
}

void bell_connect(enum machine machine, int listener)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	kind = machine;
	bell = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (bell < 0 || getsockopt(bell, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		die("the doorbell: %m");
	if (peer.pid <= 0)
		die("the doorbell is not of this machine");
	emulator = peer.pid;
	if (machine == AMD64)
		serve_device();
}

uint32_t bell_register(enum machine machine)
{
	return machine == AMD64 ? BELL_HOST << 16 : 0;
}

int bell_descriptor(void)
{
	return kind == AMD64 ? rung : bell;
}

int bell_socket(void)
{
	return bell;
}

bool bell_taken(void)
{
	uint8_t bytes[64];
	ssize_t n;

	if (kind == AMD64 && read(rung, bytes, sizeof(uint64_t)) < 0 && errno != EAGAIN)
		die("the doorbell: %m");
	n = recv(bell, bytes, sizeof(bytes), MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void bell_ring(uint32_t vp)
{
	uint64_t one = 1;
	uint8_t number = (uint8_t)vp;

	if (kind == AMD64 && write(vectors[vp], &one, sizeof(one)) != sizeof(one))
		die("the doorbell: %m");
	/* The machine may just end, which the main loop will notice. */
	if (kind == ARM64 && send(bell, &number, 1, MSG_NOSIGNAL) < 0)
		note("the doorbell: %m");
}

void machine_stop(void)
{
	kill(emulator, SIGSTOP);
}

void machine_continue(void)
{
	kill(emulator, SIGCONT);
}
