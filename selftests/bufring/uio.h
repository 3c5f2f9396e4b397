/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up device with rings, which its host rescinds and offers again */
#ifndef UIO_H
#define UIO_H

#include <sys/socket.h>
#include <sys/syscall.h>

/* sysfs.h and <sys/socket.h> each have a function of this name. */
#define bind bind_uio
#include "sysfs.h"

/*
 * /dev/uio3 is a socket, because a program can poll it, and its memory is in
 * another file. The functions below replace open() and mmap() of the C library,
 * also in libvmbus_bufring. The program that opens the device owns @fd, so
 * nothing here closes it.
 */
static struct {
	int fd, host_fd, memory;
	size_t ring;
	struct vmbus_chan *host; /* as seen by the host, from an open on */
	unsigned char *rings;	 /* the host's mapping */
	atomic_uint opens;
} uio = { .fd = -1, .host_fd = -1, .memory = -1 };

static inline void *any_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

void *model_mmap(void *addr, size_t size, int prot, int flags, int fd,
		 off_t offset) __asm__("mmap");
void *model_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	return any_mmap(addr, size, prot, flags, fd >= 0 && fd == uio.fd ? uio.memory : fd, offset);
}

static inline void uio_host_close(void)
{
	if (uio.host_fd < 0)
		return;
	vmbus_close(uio.host);
	munmap(uio.rings, 2 * uio.ring);
	close(uio.host_fd);
	uio.host_fd = -1;
	uio.fd = -1;
}

static inline int uio_open(void)
{
	struct vmbus_memory mem = { .flags = VMBUS_MEMORY_RESET };
	int fd[2];

	uio_host_close();
	if (uio.memory < 0)
		uio.memory = memfd_create("rings", MFD_CLOEXEC);
	uio.ring = 5 * getpagesize();
	MUST(!ftruncate(uio.memory, 0) && !ftruncate(uio.memory, 2 * uio.ring));
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd));
	uio.rings = any_mmap(NULL, 2 * uio.ring, PROT_READ | PROT_WRITE, MAP_SHARED, uio.memory, 0);
	MUST(uio.rings != MAP_FAILED);
	mem.rx_ring = uio.rings;
	mem.tx_ring = uio.rings + uio.ring;
	mem.tx_size = uio.ring;
	mem.rx_size = uio.ring;
	mem.fd = fd[1];
	MUST(!channel_from_memory(&mem, &uio.host));
	uio.fd = fd[0];
	uio.host_fd = fd[1];
	uio.opens++;
	return fd[0];
}

int uio_or_file_open(const char *path, int flags, ...) __asm__("open");
int uio_or_file_open(const char *path, int flags, ...)
{
	const char *dev = strstr(path, "/dev/uio3");
	int mode = 0;
	va_list args;

	/*
	 * A driver may look while the tree is being made. The plain file of
	 * this name comes after the maps.
	 */
	if (dev && !strcmp(dev, "/dev/uio3") && (flags & O_ACCMODE) == O_RDWR &&
	    !access(path, F_OK))
		return uio_open();
	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
	}
	return openat(AT_FDCWD, path, flags, mode);
}

/* Offer the device with this class, so that the next open finds it. */
static inline void uio_offer(const char *class)
{
	sysfs_make();
	device(DEV1, class);
	bind(DEV1, 3, 5 * getpagesize(), 10);
}

#endif /* UIO_H */
