/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libvmbus_bufring: drive a VMBus device from user space through
 * uio_hv_generic.
 *
 * Names: a function that works on a channel has a bare name, such as
 * vmbus_send(). A function on another object has the name of that object, as
 * vmbus_device_find() and vmbus_ic_serve() have.
 *
 * Return values: a function returns 0, a count where its comment says so, or a
 * negative errno. vmbus_error() describes the last failure of the calling
 * thread for the functions that it lists. Sizes are in bytes. All values are
 * little-endian, as VMBus is.
 *
 * Pointers: an argument may be NULL only where a comment says so, or where it
 * points to 0 bytes, or to 0 elements, by a size or a count beside it. A
 * function that opens, finds or makes something sets the caller's pointer to
 * NULL when it fails, except as vmbus_device_list() says.
 *
 * Threads: one thread at a time may send on a channel, and one at a time may
 * receive; VMBUS_OPEN_SENDERS allows more. A call counts as sending if it
 * queues, flushes, reserves, commits or cancels, and as receiving if it
 * returns, shows or drops received packets or releases their room. The comment
 * of each other function that takes a channel says who may call it.
 * libvmbus_bufring(3) describes threads, cancellation, signal handlers, fork(),
 * errors, false values of the host, and the environment.
 */
#ifndef VMBUS_BUFRING_H
#define VMBUS_BUFRING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* vmbus_version(3): the library itself, and its last error */

/**
 * The version of this header; vmbus_version() returns the version of the
 * library that runs
 */
#define VMBUS_BUFRING_VERSION_MAJOR 0
#define VMBUS_BUFRING_VERSION_MINOR 1
#define VMBUS_BUFRING_VERSION_PATCH 0

/** True if this header has version @major.@minor or later; for use in #if */
#define VMBUS_BUFRING_VERSION_AT_LEAST(major, minor) \
	(VMBUS_BUFRING_VERSION_MAJOR > (major) ||    \
	 (VMBUS_BUFRING_VERSION_MAJOR == (major) && VMBUS_BUFRING_VERSION_MINOR >= (minor)))

/**
 * True if the library that runs has set @member of the struct at @pointer,
 * whose struct_size the library sets. A program needs this only for a member
 * that was added after version 0.1, and only if it may run with an older
 * library.
 */
#define VMBUS_STRUCT_HAS(pointer, member) \
	((pointer)->struct_size >=        \
	 (size_t)((const char *)(&(pointer)->member + 1) - (const char *)(pointer)))

/**
 * vmbus_version() - return the version of the library that runs, as "0.1.0".
 * Since 0.1.
 */
const char *vmbus_version(void);

/**
 * vmbus_error() - describe the last failure of the calling thread, for
 * functions that open or serve
 *
 * These functions set a text for each failure: vmbus_device_list(),
 * vmbus_device_find(), vmbus_open(), vmbus_open_retry(), vmbus_subchannels(),
 * vmbus_open_subchannel(), vmbus_map_buffer(), vmbus_open_pair(),
 * vmbus_guard(), vmbus_pagemap_open(), vmbus_gpa_pages(), vmbus_ic_new(),
 * vmbus_ic_from_chan(), vmbus_ic_dispatch() and vmbus_ic_serve(). The last two
 * set no text for a result of a callback.
 *
 * The function returns each text once. Without a text that was not returned yet
 * it says so, and strerror(3) describes the error number: a failure of another
 * function has no text, and an open that succeeds removes an older one.
 *
 * The text names the device or file and the reason, without a final full stop
 * or newline. The result is never NULL and is valid until the same thread calls
 * the function again.
 *
 * Since 0.1.
 */
const char *vmbus_error(void);

/* vmbus_device_find(3): find the VMBus devices of this machine */

/**
 * A device as sysfs showed it. Only vmbus_device_refresh() reads its driver
 * again.
 *
 * The library makes the struct, and struct_size works as in struct
 * vmbus_ic_request. GUIDs are in lower case, without braces.
 */
struct vmbus_device {
	size_t struct_size;
	const char *instance;	/* GUID */
	const char *class_id;	/* GUID */
	const char *class_name; /* short name of the class, or NULL */
	const char *sysfs;	/* its directory in sysfs */
	const char *driver;	/* NULL: unbound */
	const char *uio;	/* such as "uio3"; NULL: no UIO driver has it */
	const char *path;	/* such as "/dev/uio3"; NULL: no UIO driver has it */
};

/**
 * vmbus_device_list() - list the devices that VMBus has
 * @class_id: short name or GUID of a class, or NULL for all
 * @list: the result, sorted by instance GUID; NULL-terminated. An empty list is
 *	a success. The caller frees @list with vmbus_device_list_free() after
 *	every call, even after an error.
 *
 * The list omits a device that goes away during the call. VMBus keeps its
 * devices while the machine hibernates, so it may also have a device that the
 * host does not offer: its attribute id is -1.
 *
 * If a device cannot be read, the call returns an error, but @list still has
 * the other devices. vmbus_error() names the device, or the first one if there
 * are several. After any other error @list is NULL, and
 * vmbus_device_list_free() does nothing.
 *
 * Returns the number of devices, or -EINVAL (@class_id is neither a short name
 * nor a GUID), -ENODEV (this machine has no VMBus), -ENOMEM, -EPROTO (a device
 * has no proper GUID), or an error from reading the directory or a device in it
 * (-EMFILE, -EACCES).
 *
 * Since 0.1.
 */
int vmbus_device_list(const char *class_id, struct vmbus_device ***list);

/**
 * vmbus_device_list_free() - free a list and the devices in it; NULL is
 * allowed. Since 0.1.
 */
void vmbus_device_list_free(struct vmbus_device **list);

/**
 * vmbus_device_find() - find one device
 * @id: an instance GUID, a class GUID or a short class name; the function tries
 *	an instance first
 * @dev: the result; free it with vmbus_device_free()
 *
 * Returns 0, or -EINVAL (@id is none of the three), -ENODEV (VMBus has no such
 * device, or there is no VMBus), -ENOTUNIQ (there are several devices of that
 * class: name an instance), or another error of vmbus_device_list().
 *
 * Since 0.1.
 */
int vmbus_device_find(const char *id, struct vmbus_device **dev);

/**
 * vmbus_device_free() - free a device from vmbus_device_find(); NULL is
 * allowed. Since 0.1.
 */
void vmbus_device_free(struct vmbus_device *dev);

/**
 * vmbus_device_refresh() - read again which driver has a device
 * @dev: from vmbus_device_find() or vmbus_device_list(); no other thread may
 *	use it during the call
 *
 * The former strings driver, uio and path become invalid.
 *
 * Returns 0, or -ENODEV (the device went away), -ENOMEM, -EPROTO (the device
 * has no proper GUID), or an error from reading sysfs. After an error @dev is
 * unchanged.
 *
 * Since 0.1.
 */
int vmbus_device_refresh(struct vmbus_device *dev);

/**
 * vmbus_device_attribute() - read an attribute of a device: a file in its
 * directory in sysfs
 * @name: the path below its directory, such as "uio_hv_generic/state"
 * @text: the result: the first line without its newline, and a NUL
 * @size: the size of @text in bytes
 *
 * Each call reads the file again. After an error the contents of @text are
 * undefined. The text of vmbus_error() does not change, because the absence of
 * an attribute is often an answer.
 *
 * Returns 0, or -ENODEV (the device went away), -ENOENT (the device has no such
 * attribute), -ENOBUFS (the line does not fit), -ENOMEM, or an error of open(2)
 * or read(2).
 *
 * Since 0.1.
 */
int vmbus_device_attribute(const struct vmbus_device *dev, const char *name, char *text,
			   size_t size);

/* vmbus_open(3): open and close VMBus channels */

/** One open channel: two rings and a way to signal */
struct vmbus_chan;

/**
 * How to open a channel. A function that takes a pointer to this struct also
 * accepts NULL, which selects the defaults.
 *
 * There is no option for non-blocking calls, because every channel is
 * non-blocking. Its descriptor has O_NONBLOCK. Only vmbus_wait()
 * and vmbus_ic_serve() wait for the host. A call that
 * opens or closes a device may wait for the kernel. With several producers a
 * call that sends may wait for another thread of the program.
 *
 * A program sets struct_size to sizeof(struct vmbus_open_options) and clears
 * the other members. Later versions of the library may add members at the end,
 * in which zero selects the behaviour of this version. A program that was built
 * for an older version passes a smaller struct_size, and the library treats the
 * missing members as zero. The call returns -EINVAL if struct_size is below the
 * size that the struct had in its first version. A program that was built for a
 * newer version passes a larger one. The call then returns -E2BIG if a member
 * that the library does not know is not zero, or if struct_size is above 4096,
 * which no version exceeds.
 */
struct vmbus_open_options {
	size_t struct_size;
	uint32_t flags; /* VMBUS_OPEN_* */
	/*
	 * Size of each ring in bytes, header included: a multiple of the page
	 * size, at least two pages, not necessarily a power of two. 0 keeps the
	 * size that the kernel module has set.
	 */
	uint32_t ring_size;
};

/**
 * Poll mode, for a program that reads the ring all the time and never sleeps
 *
 * The library sets the interrupt mask. A signal through the UIO device makes
 * the kernel clear the masks of all channels of the device. The library sets
 * the mask of the channel that has signalled at once, and that of another
 * channel in poll mode when a call that receives finds its ring empty. Until
 * then the host may interrupt for a packet. A signal through the monitor page
 * clears no mask.
 *
 * When the ring is full, the library neither asks the host for room nor flushes
 * queued packets, so the program must call vmbus_flush() itself. vmbus_wait()
 * and vmbus_arm() return -EOPNOTSUPP. The program must call vmbus_ack() from
 * time to time to notice a rescind.
 */
#define VMBUS_OPEN_POLL 0x1u

/**
 * Several threads send on the channel, and a thread that has to wait for
 * another one sleeps
 *
 * A call that sends takes the lock once, even for a whole batch, and
 * vmbus_flush() in one thread publishes the packets of all threads. Between
 * vmbus_reserve() and vmbus_commit() or vmbus_cancel() the other threads wait;
 * only the thread that reserved may commit or cancel.
 *
 * Threads that send at the same time without this option or VMBUS_OPEN_SPIN
 * overwrite each other's packets. The library does not prevent that. Packets
 * are lost or damaged, and a call may return -EIO as if the host had written an
 * impossible index.
 */
#define VMBUS_OPEN_SENDERS 0x2u

/**
 * As VMBUS_OPEN_SENDERS, but a thread that has to wait for another one spins:
 * for threads that have a processor each
 *
 * A call that sends takes no mutex, even if other threads are in vmbus_wait().
 * There are two exceptions, in which the call wakes these threads: it finds the
 * room for which one of them waits, or its signal to the host fails. A thread
 * that waits holds that mutex for a few instructions, or for one system call
 * that does not sleep.
 */
#define VMBUS_OPEN_SPIN 0x4u

/**
 * The open fails if another program has opened the device through the library,
 * and no other program can open it as long as this one has it
 *
 * The lock is that of flock(2) on /dev/uioN, so it does not keep out a program
 * that does without the library.
 */
#define VMBUS_OPEN_EXCLUSIVE 0x8u

/**
 * vmbus_open() - find a device and open its primary channel
 * @id: as for vmbus_device_find()
 * @options: may be NULL
 * @chan: the result; close it with vmbus_close()
 *
 * The kernel opens the channel with the host when the first program opens
 * /dev/uioN, and closes it when the last one has closed the file. The first
 * program finds both rings empty. One process at a time may use the rings: a
 * second one would take and overwrite packets of the first.
 *
 * If @options has a ring size, the library writes it to the attribute
 * uio_hv_generic/ring_size of the device, unless the attribute has that value
 * already. This needs the module of this project and permission to write the
 * attribute, and no program may have the device open.
 *
 * Returns 0, or -EINVAL (@id or @options is not valid, or the module rejects
 * the ring size), -E2BIG (see struct vmbus_open_options), -EOPNOTSUPP (the
 * module cannot set ring sizes), -EBUSY (a program has the device open with
 * another ring size, or exclusively), -ENOTUNIQ (see vmbus_device_find()),
 * -ENXIO (no UIO driver has the device), -ENODEV (it went away, or the host
 * does not offer it now), -EACCES or -EPERM (see PERMISSIONS in
 * libvmbus_bufring(3)), -ENOMEM, -EPROTO (the maps or attributes are not those
 * of uio_hv_generic), -EIO (the indices in the rings are impossible), or an
 * error of open() or mmap().
 *
 * Since 0.1.
 */
int vmbus_open(const char *id, const struct vmbus_open_options *options, struct vmbus_chan **chan);

/**
 * vmbus_open_retry() - open a channel as vmbus_open(), or say when to try again
 * @timer: -1 at the first call; the function stores a descriptor there, which
 *	the caller passes to later calls, and closes in the end
 *
 * If the device is not there, has no driver or another one, is in use, or
 * cannot be opened yet, the function returns -EAGAIN, and vmbus_error() has the
 * reason. The descriptor then becomes readable when the next attempt is due,
 * after 100 ms and after growing intervals of up to 2 s. Poll it, and call the
 * function again, without reading it. After a channel has ended, close it, and
 * call the function to wait for the device to come back.
 *
 * Returns 0, or -EAGAIN, or another error of vmbus_open(), or one of
 * timerfd_create(2).
 *
 * Since 0.1.
 */
int vmbus_open_retry(const char *id, const struct vmbus_open_options *options, int *timer,
		     struct vmbus_chan **chan);

/**
 * vmbus_close() - close a channel; NULL is allowed
 *
 * Packets that have not been received are lost. After the call, @chan is
 * invalid, and so are the results of vmbus_device_of() and
 * vmbus_map_buffer() for it, and its views from vmbus_peek().
 *
 * Since 0.1.
 */
void vmbus_close(struct vmbus_chan *chan);

/* vmbus_subchannels(3): further channels and buffers of a VMBus device */

/**
 * A sub-channel that the host has offered and the kernel has opened
 *
 * Programs use arrays of this struct, so its size never changes. The library
 * sets the reserved members to 0. A later version may use them, and 0 then
 * means that the library does not know the value.
 */
struct vmbus_subchannel {
	uint32_t relid; /* identifies it, see vmbus_open_subchannel() */
	uint32_t index; /* 1 for the first; the primary would be 0 */
	uint32_t cpu;	/* handles its interrupts; UINT32_MAX: not known */
	uint32_t reserved[5];
};

/**
 * vmbus_subchannels() - list the sub-channels that a device has now
 * @primary: from vmbus_open() or vmbus_open_retry()
 * @list: room for @max entries; the result is sorted by index. If there are
 *	more than @max, the function returns an arbitrary choice of them.
 *
 * A driver requests sub-channels with a message of its device's own protocol.
 * The host then offers them, and the kernel opens each of them. No event
 * announces that, so a program calls the function again after some milliseconds
 * until it returns the number that the device's protocol promises. Any thread
 * may call the function at any time while @primary is open.
 *
 * Returns the number of sub-channels, which may be more than @max; or
 * -EOPNOTSUPP (a channel of vmbus_open_pair()), -ENODEV, or an error from
 * reading sysfs.
 *
 * Since 0.1.
 */
int vmbus_subchannels(const struct vmbus_chan *primary, struct vmbus_subchannel *list,
		      unsigned int max);

/**
 * vmbus_open_subchannel() - open a sub-channel: a channel with rings and a
 * descriptor of its own
 * @primary: as for vmbus_subchannels(); it must stay open, because the kernel
 *	closes all sub-channels with it
 * @options: may be NULL; ring_size and VMBUS_OPEN_EXCLUSIVE are not possible,
 *	because sub-channels have what the primary channel has
 *
 * If the sub-channel is not monitored, a signal is one to all channels of
 * the device. An interrupt of one channel makes the vmbus_fd() of each channel
 * readable; vmbus_wait() returns only on channels that have something to do.
 *
 * Any thread may call the function at any time while @primary is open. One
 * thread at a time may send on each sub-channel, and one may receive.
 *
 * Returns 0, or -ENOENT (there is no such sub-channel), -EINVAL (it is the
 * primary channel, or see @options), or an error of vmbus_open(). By default
 * only root can open the file of the rings; other users get -EACCES.
 *
 * Since 0.1.
 */
int vmbus_open_subchannel(const struct vmbus_chan *primary, uint32_t relid,
			  const struct vmbus_open_options *options, struct vmbus_chan **chan);

/**
 * Memory that the kernel driver shares with the host in addition to the rings;
 * NICs use it
 *
 * The size of the struct never changes. The reserved members are as in struct
 * vmbus_subchannel.
 */
struct vmbus_buffer {
	void *address;
	size_t size;	/* bytes */
	uint32_t gpadl; /* the host's handle for the buffer */
	uint32_t reserved[3];
};

enum vmbus_buffer_kind {
	VMBUS_BUFFER_RECV = 0, /* the host writes there: VMBUS_PACKET_XFER_PAGES point into it */
	VMBUS_BUFFER_SEND = 1  /* the host reads there */
};

/**
 * vmbus_map_buffer() - map a buffer for as long as the channel is open
 * @address: where to map it; NULL lets the kernel choose
 * @buffer: the result; a second call for the same buffer returns the same
 *	result
 *
 * A second process can work on the buffers of the first: it opens the channel,
 * leaves the rings alone, and maps the buffers at the same addresses as the
 * first process.
 *
 * Returns 0, or -ENOENT (the device has no such buffer), -EOPNOTSUPP (a channel
 * of vmbus_open_pair()), -EINVAL (@address is not at the start of a page, or
 * @kind is not valid), -EEXIST (something else is mapped at @address, or the
 * buffer is mapped elsewhere), -EPROTO, -ENODEV, or an error of mmap(). No
 * other thread may use the channel during the call.
 *
 * Since 0.1.
 */
int vmbus_map_buffer(struct vmbus_chan *chan, enum vmbus_buffer_kind kind, void *address,
		     struct vmbus_buffer *buffer);

/* vmbus_open_pair(3): VMBus channels without a kernel driver, for tests */

/**
 * vmbus_open_pair() - open two channels that are connected to each other, so
 * that a test can play the host of a driver
 * @ring_size: the size of each ring, header included: a multiple of the page
 *	size, at least two pages, below 2^31, not necessarily a power of two
 * @flags: VMBUS_OPEN_*, for @guest
 * @guest: one side
 * @host: the other side, with the rings exchanged. It may send packets of any
 *	type and with any flags, as a faulty host might.
 *
 * The channels have shared memory and a socket pair of their own. The two sides
 * may be in two threads or, after fork(), in two processes; then each process
 * closes the side that it does not use. When every copy of one side is closed,
 * the other side sees a rescind.
 *
 * Returns 0, or -EINVAL, -ENOMEM, or an error of mmap() or socketpair().
 *
 * Since 0.1.
 */
int vmbus_open_pair(size_t ring_size, uint32_t flags, struct vmbus_chan **guest,
		    struct vmbus_chan **host);

/* vmbus_guard(3): survive the rescind of a VMBus device */

/**
 * vmbus_guard() - turn a rescind in the middle of an operation into an error
 * instead of a SIGBUS
 *
 * When a device is rescinded or unbound, the kernel module of this project
 * takes the rings away from the programs that have them mapped. A call that
 * waits returns -ENODEV, and the library no longer touches the rings. A thread
 * that is accessing a ring at that moment gets a SIGBUS, which ends the program
 * unless a handler deals with it.
 *
 * This function installs such a handler for the process. If the fault is in a
 * mapping of an open channel, the handler marks the channel as ended and maps
 * zeros over the whole mapping, where they stay until the channel is closed;
 * the operation then returns -ENODEV. The library never takes these zeros for
 * data. The handler passes every other SIGBUS on to the handler that was there
 * before, or lets it do what it would have done without a handler.
 *
 * The program must ask for the handler, because signal handling is the
 * program's business. A program that has a SIGBUS handler of its own must
 * install it before the call, or pass on the signals that are not its own. The
 * handler does not help in a thread that blocks SIGBUS: the
 * kernel then kills the program.
 *
 * The handler does not cover system calls to which the program passes memory of
 * the device: a payload of vmbus_peek() or vmbus_reserve(), or a buffer of
 * vmbus_map_buffer(). When the kernel has taken that memory away, write(2) of
 * such a payload raises no signal: it fails with EFAULT or writes only a part,
 * and the channel is not marked as ended. If the handler has already mapped
 * zeros there, write(2) writes zeros. The next call of the library that uses
 * the ring, such as vmbus_release(), returns -ENODEV. If zeros would do harm,
 * copy the payload first, and write the copy after vmbus_release() has returned
 * 0.
 *
 * After mlockall(2) with MCL_FUTURE the zeros count against RLIMIT_MEMLOCK. If
 * they do not fit, the SIGBUS is passed on, so leave room for the largest ring
 * or buffer of a device.
 *
 * Call it once, before the program starts threads. It covers channels that were
 * opened before or later, in all threads and in children of fork(). A further
 * call does nothing, and the handler cannot be removed. The shared library
 * stays in the process after a dlclose(); link a plug-in that contains the
 * archive with -z nodelete.
 *
 * Returns 0, or an error of sigaction().
 *
 * Since 0.1.
 */
int vmbus_guard(void);

/* vmbus_stats(3): what a VMBus channel tells of itself, and its settings */

/**
 * What never changes while a channel is open
 *
 * The library makes the struct, and struct_size works as in struct
 * vmbus_ic_request.
 */
struct vmbus_info {
	size_t struct_size;
	const struct vmbus_device *device; /* NULL for a channel without a device */
	uint32_t relid;			   /* the number of the channel for the host and in sysfs */
	/*
	 * 1: the library signals the host through the monitor page; 0: it
	 * writes to the UIO device
	 */
	uint32_t is_monitored;
	/*
	 * Bytes in the ring to the host, for descriptors, payloads, padding and
	 * trailers; a packet occupies VMBUS_PACKET_SPACE()
	 */
	uint32_t tx_size;
	uint32_t rx_size; /* the same from the host; no packet is larger */
	/*
	 * The largest payload that vmbus_send() accepts. The host's own packets
	 * may be limited to 8 bytes less.
	 */
	uint32_t max_payload;
};

/**
 * vmbus_info() - describe a channel
 *
 * Any thread may call the function. The result lives as long as the channel.
 *
 * Since 0.1.
 */
const struct vmbus_info *vmbus_info(const struct vmbus_chan *chan);

/**
 * vmbus_set_latency() - set how long the host may leave a signal in the
 * monitor page
 * @microseconds: 0 to 6553
 *
 * Hyper-V obeys the number. OpenHCL ignores it, and signals at once. Any thread
 * may call the function at any time; the last call counts.
 *
 * Returns 0, or -EOPNOTSUPP (the channel is not monitored), -ENODEV, -ERANGE.
 *
 * Since 0.1.
 */
int vmbus_set_latency(struct vmbus_chan *chan, unsigned int microseconds);

/**
 * Counters of a channel since it was opened, and its state. tx_bytes and
 * rx_bytes count 24 bytes for each packet in addition to its payload. Later
 * versions may add members at the end; see vmbus_stats().
 */
struct vmbus_stats {
	uint64_t tx_packets; /* queued */
	uint64_t tx_bytes;
	uint64_t tx_publications; /* batches that were published */
	uint64_t tx_signals;	  /* publications that needed a signal */
	uint64_t tx_full;	  /* packets refused because the ring was full */
	uint64_t rx_packets;	  /* received or skipped */
	uint64_t rx_bytes;
	uint64_t rx_releases; /* times that the library released room to the host */
	/* releases that needed a signal: the host waited for room */
	uint64_t rx_signals;
	uint64_t rx_errors;  /* impossible indices or lengths */
	uint64_t interrupts; /* taken by vmbus_wait() or vmbus_ack() */

	/*
	 * Bytes that the host has not yet read, without packets that are queued
	 * and not flushed. A host normally reads soon after a signal; a host
	 * that has not read for minutes may have stopped for good.
	 */
	uint64_t tx_used;
	uint64_t rx_used; /* bytes that are not yet received */
	int64_t error;	  /* why the channel has ended, or 0; then both are 0 */
};

/**
 * vmbus_stats() - read the counters and the state; any thread may call it at
 * any time
 * @size: sizeof(*stats). Later versions may add members at the end: the library
 *	fills in the members that fit, and clears those that it does not know.
 *
 * The function does not read all members at the same moment. If the host has
 * written an impossible index, tx_used or rx_used is 0, and the next call that
 * uses the ring returns -EIO.
 *
 * Since 0.1.
 */
void vmbus_stats(const struct vmbus_chan *chan, struct vmbus_stats *stats, size_t size);

/**
 * Bytes that a packet with @len bytes of payload occupies in the ring; ranges
 * count as payload
 */
#define VMBUS_PACKET_SPACE(len) (24 + ((size_t)(len) + 7) / 8 * 8)

/* vmbus_send(3): send packets on a VMBus channel */

/** Packet types on an open channel; a host accepts no VMBUS_PACKET_CANCEL */
enum vmbus_packet_type {
	VMBUS_PACKET_INBAND = 6,     /* payload in the packet */
	VMBUS_PACKET_XFER_PAGES = 7, /* payload in ranges of a page set */
	VMBUS_PACKET_GPA_DIRECT = 9, /* payload in guest pages */
	VMBUS_PACKET_CANCEL = 0xa,
	VMBUS_PACKET_COMPLETION = 0xb /* answers the packet with that transaction id */
};

/** Packet flag: the sender wants a VMBUS_PACKET_COMPLETION */
#define VMBUS_PACKET_COMPLETION_REQUESTED 0x1u

/**
 * vmbus_send() - send one packet, and signal the host if necessary
 * @type: VMBUS_PACKET_INBAND or VMBUS_PACKET_COMPLETION
 * @flags: 0 or VMBUS_PACKET_COMPLETION_REQUESTED
 * @transaction_id: any number; the host's completion repeats it
 * @payload: @len bytes, 0 to max_payload of struct vmbus_info. The library adds
 *	zeros up to a multiple of 8.
 *
 * The library sends the whole packet or nothing. When the ring is full, it asks
 * the host (pending_send_sz) to interrupt as soon as there is room for this
 * packet: wait for that with vmbus_wait(VMBUS_WAIT_SEND), then send again.
 *
 * Returns 0; or -EAGAIN (the ring is full), -EMSGSIZE (the packet can never
 * fit), -EINVAL (@type or @flags is not one of the above: a host ends a channel
 * on which it finds others), -EBUSY (see vmbus_reserve()), -ENODEV (rescinded),
 * -EIO (the host's index is impossible; nothing was sent), or an error of
 * vmbus_flush().
 *
 * Since 0.1.
 */
int vmbus_send(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
	       const void *payload, size_t len);

/**
 * vmbus_queue() - queue a packet as vmbus_send(), but do not publish it yet
 *
 * To send many packets with one publication and one signal, a program calls
 * vmbus_queue() for each of them and then vmbus_flush() once. When the ring is
 * full, the library flushes the packets that were queued before, so that the
 * host can make room. vmbus_send() also flushes them.
 *
 * Since 0.1.
 */
int vmbus_queue(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		const void *payload, size_t len);

/**
 * vmbus_queuev() - queue a payload in @iovcnt pieces, as vmbus_queue(); -EINVAL
 * if @iovcnt is negative
 *
 * Since 0.1.
 */
int vmbus_queuev(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 const struct iovec *iov, int iovcnt);

/**
 * vmbus_send_many() - send packets of one kind with at most one signal
 * @type: of all packets, as for vmbus_send()
 * @flags: of all packets
 * @transaction_id: of the first packet; each further packet gets the next
 *	number
 * @payloads: the payload of each packet, in one piece
 *
 * The function publishes after each quarter of the ring, so that the host can
 * receive the first packets while the others are written.
 *
 * Returns the number of packets that were sent. It is less than @count if the
 * library refused the next one; a call that begins with that one returns the
 * reason. If the library refused the first, the result is the error of
 * vmbus_send(). -EINVAL: @count is above 2147483647.
 *
 * Since 0.1.
 */
int vmbus_send_many(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		    const struct iovec *payloads, unsigned int count);

/**
 * vmbus_flush() - show the queued packets to the host, and signal it if
 * necessary
 *
 * A signal is necessary if the host had emptied the ring before these packets
 * and has not masked interrupts. A host throttles a guest that signals
 * unnecessarily. The library signals through the monitor page if the channel is
 * monitored, and otherwise writes to the UIO device.
 *
 * Returns 0, or -ENODEV (rescinded), or -EIO (the host cannot be signalled for
 * another reason). After either error the channel has ended, and every later
 * call that sends, receives or waits returns the same.
 *
 * Since 0.1.
 */
int vmbus_flush(struct vmbus_chan *chan);

/* vmbus_reserve(3): build a packet in the ring of a VMBus channel */

/**
 * vmbus_reserve() - reserve room for one packet, to build its payload in the
 * ring itself
 * @len: largest size of the payload in bytes
 * @payload: the result: @len bytes at a multiple of 8; their contents are
 *	undefined
 *
 * Until vmbus_commit() or vmbus_cancel(), calls that queue, send or reserve
 * return -EBUSY; vmbus_flush() publishes what was queued before. With several
 * producers only those of the thread that reserved do so; the other threads
 * wait.
 *
 * Returns 0, or an error of vmbus_queue(), or -ENOMEM.
 *
 * Since 0.1.
 */
int vmbus_reserve(struct vmbus_chan *chan, size_t len, void **payload);

/**
 * vmbus_commit() - queue the packet that was built; vmbus_flush() publishes it
 * @type: as for vmbus_send(), or VMBUS_PACKET_GPA_DIRECT with ranges; the same
 *	applies to @flags
 * @ranges_len: bytes that the ranges occupy at the beginning of the reserved
 *	room, a multiple of 8; 0: the packet has none
 * @len: bytes of ranges and payload together, no more than were reserved
 *
 * The caller has written the ranges as the host reads them: struct
 * vmbus_gpa_header, then for each range struct vmbus_gpa_entry and the page
 * numbers, 8 bytes each. The library does not check them.
 *
 * The host's side of vmbus_open_pair() can also send VMBUS_PACKET_XFER_PAGES:
 * its ranges are struct vmbus_xfer_set, the count of ranges in 4 bytes, and
 * each struct vmbus_range.
 *
 * Returns 0, or -EINVAL (@type or @flags is not valid; or @len, rounded up to
 * 8, is more than was reserved; or @ranges_len is not a multiple of 8, is more
 * than @len, or is less than 24 for guest pages; or the caller has no
 * reservation), or -ENODEV. After -EINVAL the reservation remains.
 *
 * Since 0.1.
 */
int vmbus_commit(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 size_t ranges_len, size_t len);

/**
 * The ranges of a VMBUS_PACKET_GPA_DIRECT packet begin with this header on the
 * wire. It never changes.
 */
struct vmbus_gpa_header {
	uint32_t reserved; /* 0 */
	uint32_t count;	   /* of ranges */
};

/**
 * Each range begins with this entry on the wire. The page numbers follow, one
 * for each page of 4096 bytes that the range touches. The entry never changes.
 *
 * A test that plays the host finds the struct vmbus_gpa_header of a received
 * packet in the bytes before the payload: at payload - (header - 16) of a
 * struct vmbus_view. The test checks count and lengths itself.
 */
struct vmbus_gpa_entry {
	uint32_t length; /* bytes */
	uint32_t offset; /* bytes into the first page, below 4096 */
};

/**
 * vmbus_cancel() - release the caller's reservation unused; do nothing if there
 * is none
 *
 * Since 0.1.
 */
void vmbus_cancel(struct vmbus_chan *chan);

/* vmbus_queue_gpa(3): send packets that refer to memory of the guest */

/**
 * A piece of guest memory. Its pages have 4096 bytes, whatever the page size of
 * the system is. The struct never changes.
 */
struct vmbus_gpa_buffer {
	uint32_t length;       /* bytes, 1 or more */
	uint32_t offset;       /* bytes into the first page, below 4096 */
	const uint64_t *pages; /* guest frame numbers of the pages that the range touches */
};

/**
 * vmbus_queue_gpa() - queue a packet that refers to memory that the host reads
 * or writes
 * @ranges: @count pieces of memory, 1 or more
 * @payload: @len bytes in the packet itself, as for vmbus_queue()
 *
 * The packet is a VMBUS_PACKET_GPA_DIRECT. The host may use the memory until it
 * completes the packet: keep the memory until then.
 *
 * Returns as vmbus_queue(), and also -EINVAL (@count is 0, or a range is not as
 * described above) and -EMSGSIZE (the payload and the ranges, 8 bytes for each
 * range and 8 for each page, are too large together).
 *
 * Since 0.1.
 */
int vmbus_queue_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t transaction_id,
		    const struct vmbus_gpa_buffer *ranges, unsigned int count, const void *payload,
		    size_t len);

/** The kernel's table of the pages that hold the memory of this process */
struct vmbus_pagemap;

/**
 * vmbus_pagemap_open() - open /proc/self/pagemap, for vmbus_gpa_pages()
 *
 * After fork() the result still describes the parent, so the child must open
 * its own. The kernel shows page numbers only to a program that had
 * CAP_SYS_ADMIN when it opened the file; the program may drop the capability
 * afterwards.
 *
 * Returns 0, or -ENOMEM, or an error of open(2).
 *
 * Since 0.1.
 */
int vmbus_pagemap_open(struct vmbus_pagemap **pagemap);

/** vmbus_pagemap_close() - close the table; NULL is allowed. Since 0.1. */
void vmbus_pagemap_close(struct vmbus_pagemap *pagemap);

/**
 * vmbus_gpa_pages() - look up the guest frame numbers of memory of this process
 * @addr: @len bytes anywhere
 * @pages: room for the numbers of @count pages of 4096 bytes
 *
 * Write to each page before the call. Only then a page of private memory has a
 * frame of its own: before, it has none, or the one that the kernel shows to
 * everybody who reads zeros, or that of a file, and the host would write there.
 * The function refuses these. Memory that the program maps MAP_SHARED may have
 * the frames of a file.
 *
 * The result stays valid only for memory that the kernel does not move, such as
 * huge pages. The kernel may move pages that are merely locked. Any thread may
 * call the function.
 *
 * A fork() ends that, too: the program's next write to private memory goes to a
 * new frame, and the host still writes to the old one. A program that forks
 * takes its buffers from a mapping of its own, and calls madvise(2) for it with
 * MADV_DONTFORK before it looks up the frames. The library does not, because
 * the memory of malloc(3) must stay in the child.
 *
 * So does the merging of equal pages (KSM), even of locked ones, because the
 * kernel does not know that the host has a frame: after a merge the host writes
 * to a frame that may belong to another program. The kernel merges pages only
 * of a process that asked for it with prctl(2) PR_SET_MEMORY_MERGE, as
 * systemd's MemoryKSM= does, or of memory with MADV_MERGEABLE. Such a program
 * calls madvise(2) for its buffers with MADV_UNMERGEABLE before it looks up the
 * frames.
 *
 * Returns the number of pages; or -EINVAL (@len is not valid), -ENOBUFS (there
 * are more than @count), -EPERM (the kernel hides the numbers), -EFAULT (a page
 * has not been written to), or an error from reading.
 *
 * Since 0.1.
 */
int vmbus_gpa_pages(const struct vmbus_pagemap *pagemap, const void *addr, size_t len,
		    uint64_t *pages, unsigned int count);

/* vmbus_recv(3): receive packets from a VMBus channel */

/**
 * The properties of a received packet. The size of the struct never changes.
 * The library sets the reserved member to 0.
 */
struct vmbus_packet {
	uint16_t type;	 /* enum vmbus_packet_type, or whatever the host sent */
	uint16_t flags;	 /* VMBUS_PACKET_COMPLETION_REQUESTED */
	uint32_t header; /* bytes before the payload: 16, more with page ranges */
	uint32_t length; /* bytes of payload: what was sent, rounded up to 8 */
	uint32_t reserved;
	uint64_t transaction_id;
};

/**
 * vmbus_recv() - receive one packet
 * @pkt: the properties of the packet
 * @buf: room for @size bytes of payload
 *
 * The function does not wait. It frees the packet's room in the ring, and
 * signals the host if the host waits for room.
 *
 * Returns 0; or -EAGAIN (the ring is empty); -ENOBUFS (@size is less than the
 * payload; the packet stays, and @pkt is set); -EPROTO (the packet's lengths
 * are impossible; it stays until vmbus_skip()); -EIO (the host's index is
 * impossible: nothing more can be received, close the channel); -ENODEV
 * (rescinded: what is left in the ring is lost). An error leaves @buf
 * untouched, except that after -ENODEV @buf may contain part of a packet and
 * zeros. If the library cannot signal the host, the next call returns the
 * error.
 *
 * The host announces a rescind with an interrupt. A program that polls and
 * never waits must call vmbus_ack() from time to time to notice it; until then
 * vmbus_recv() returns -EAGAIN.
 *
 * Since 0.1.
 */
int vmbus_recv(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size);

/**
 * vmbus_skip() - drop the packet that vmbus_recv() would return
 *
 * If the packet's length is impossible, its end is unknown, and the function
 * drops everything in the ring.
 *
 * Returns 0, or -EAGAIN (the ring is empty), or -EIO or -ENODEV as
 * vmbus_recv().
 *
 * Since 0.1.
 */
int vmbus_skip(struct vmbus_chan *chan);

/* vmbus_peek(3): receive many packets, without copying them or copied */

/**
 * A packet in place, in the ring or in a buffer. The last three members belong
 * to the library. Programs use arrays of this struct, so its size never
 * changes.
 */
struct vmbus_view {
	const void *payload; /* at a multiple of 8 */
	uint32_t length;     /* bytes of payload: what was sent, rounded up to 8 */
	/* 16 or more; the bytes beyond 16 are right before the payload */
	uint32_t header;
	uint64_t transaction_id;
	uint16_t type; /* as in struct vmbus_packet */
	uint16_t flags;
	uint32_t end;
	uint32_t number;
	uint32_t reserved;
};

/**
 * vmbus_peek() - look at packets in the ring without copying them
 * @views: the result: the first packets that have not been received, in order
 * @count: room in @views, 1 or more
 *
 * Each payload is in one piece. The packets stay until vmbus_release(),
 * vmbus_recv() or the like; a second call returns them again, together with
 * those that have arrived since. The function stops after a quarter of the
 * ring, so that the host gets room in time. It may also return fewer packets
 * than there are for other reasons, but always at least one.
 *
 * The library has checked the members of the views, and they do not change. The
 * host can still change the payload: read each part once, or copy it before you
 * check it. After a rescind a payload may read as zeros (see vmbus_guard()), so
 * trust what you have read only after vmbus_release() has returned 0.
 *
 * Returns the number of views, 1 or more; or -EAGAIN, -EPROTO, -EIO, -ENODEV as
 * vmbus_recv(), -EINVAL (@count is 0).
 *
 * Since 0.1.
 */
int vmbus_peek(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count);

/**
 * vmbus_release() - free the room of packets, up to and including a given one
 * @last: a view from the last vmbus_peek(), if nothing was received since then.
 *	A second call may release a later view from the same vmbus_peek().
 *
 * The library publishes the room of all these packets at once, and signals the
 * host at most once.
 *
 * Returns 0, or -ENODEV (rescinded), -EINVAL (@last is not such a view). If the
 * library cannot signal the host, the next call returns the error.
 *
 * Since 0.1.
 */
int vmbus_release(struct vmbus_chan *chan, const struct vmbus_view *last);

/**
 * vmbus_recv_many() - receive and copy as many packets as there are and fit, up
 * to a quarter of the ring
 * @views: the result; the payloads are in @buf, at multiples of 8 if @buf is at
 *	one
 * @count: room in @views, 1 or more
 * @buf: room for @size bytes; a packet needs room for its payload and the bytes
 *	of its header beyond 16
 *
 * Returns the number of packets, 1 or more; or the error of vmbus_recv() for
 * the first packet (after -ENOBUFS, views[0] has its length and header, but no
 * payload); or -EINVAL (@count is 0).
 *
 * Since 0.1.
 */
int vmbus_recv_many(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count,
		    void *buf, size_t size);

/** A part of a buffer. The struct never changes. */
struct vmbus_range {
	uint32_t length; /* bytes */
	uint32_t offset; /* bytes from the beginning of the buffer */
};

/**
 * The page set that a VMBUS_PACKET_XFER_PAGES packet refers to. The size of the
 * struct never changes. The library sets the reserved member to 0.
 */
struct vmbus_xfer_set {
	uint16_t number;	 /* of the set; the caller must check it */
	uint8_t sender_owns_set; /* 1: the set belongs to the host */
	uint8_t reserved;
};

/**
 * vmbus_xfer_ranges() - find the data of a VMBUS_PACKET_XFER_PAGES packet
 * @view: from vmbus_peek() or vmbus_recv_many()
 * @buffer_size: size of the buffer that the ranges refer to; no range in the
 *	result extends beyond it
 * @set: the result, may be NULL
 * @ranges: room for @max
 *
 * After an error the contents of @ranges are undefined: they may be unchecked
 * values from the host.
 *
 * Returns the number of ranges; or -EPROTO (the packet has another type, a
 * count beyond its header or a range beyond the buffer), -ENOBUFS (there are
 * more than @max).
 *
 * Since 0.1.
 */
int vmbus_xfer_ranges(const struct vmbus_view *view, size_t buffer_size, struct vmbus_xfer_set *set,
		      struct vmbus_range *ranges, unsigned int max);

/* vmbus_wait(3): wait for packets, or for room, on a VMBus channel */

#define VMBUS_WAIT_RECV 0x1u /* there is a packet to receive */
#define VMBUS_WAIT_SEND 0x2u /* there is room for the packet that last got -EAGAIN */

/**
 * vmbus_wait() - sleep until there is something to do
 * @events: VMBUS_WAIT_RECV, VMBUS_WAIT_SEND or both. The call counts as
 *	receiving, sending or both.
 * @timeout_ms: milliseconds; 0: do not wait; -1: no limit
 *
 * The function clears the interrupt mask, looks again, and sleeps. If @events
 * has VMBUS_WAIT_RECV, it sets the mask when it returns, so that the host does
 * not interrupt while the caller drains the ring. Otherwise it leaves the mask
 * to the thread that receives, which may be asleep. Receive until -EAGAIN, then
 * wait again: no wake-up gets lost.
 *
 * Several threads may wait on a channel, each for the events that it may
 * handle. One of them sleeps for all and wakes the others. With several
 * producers a thread waits for the room that its own last packet needed, so
 * that a small packet does not wait for the room of a large one. Another thread
 * may take that room first; the next attempt then returns -EAGAIN again. While
 * one thread receives with poll() and vmbus_ack(), others may wait to send.
 * VMBUS_WAIT_SEND is ready at once if no packet got -EAGAIN, or if the host has
 * made room since then. A wait to send may take longer than @timeout_ms while
 * another thread has a reservation.
 *
 * A signal handler ends only the wait of the thread that sleeps for all.
 *
 * Returns the events that are ready (more than 0); or -ETIMEDOUT, -EINTR (a
 * signal handler ran in the thread that slept for all), -ECANCELED
 * (vmbus_wake()), -ENODEV (rescinded:
 * what is left in the ring is lost), -EIO (the host's index is impossible),
 * -EINVAL (@events is not valid), -EOPNOTSUPP (poll mode), or an error of
 * eventfd(2).
 *
 * Since 0.1.
 */
int vmbus_wait(struct vmbus_chan *chan, unsigned int events, int timeout_ms);

/**
 * vmbus_wake() - end the waits of all threads that are in vmbus_wait()
 *
 * They return -ECANCELED, unless one of their events is ready. If no thread
 * waits, the next vmbus_wait() that finds no event ready returns -ECANCELED
 * instead, also with a timeout of 0, so a thread that is about to wait notices
 * the call, too. Any thread may call the
 * function at any time. A loop that polls vmbus_fd() polls an eventfd(2) of its
 * own instead.
 *
 * Since 0.1.
 */
void vmbus_wake(struct vmbus_chan *chan);

/**
 * vmbus_fd() - return a descriptor for poll and epoll that an interrupt makes
 * readable
 *
 * The result is -1 for a channel over memory that has none. Any thread may call
 * the function. Do not read the descriptor: vmbus_ack() does that. Only the
 * thread that receives may poll it. The descriptor is non-blocking and must
 * stay so, because vmbus_ack() would otherwise wait for an interrupt.
 *
 * A loop calls vmbus_arm(). If that returns 0, the loop sleeps in poll; if the
 * descriptor is readable then, it calls vmbus_ack(). It receives until -EAGAIN
 * and begins again.
 *
 * Since 0.1.
 */
int vmbus_fd(const struct vmbus_chan *chan);

/**
 * vmbus_arm() - clear the interrupt mask, then look again
 * @events: as for vmbus_wait()
 *
 * The interrupt that follows a result of 0 belongs to the calling thread:
 * threads that wait to send leave it to the vmbus_ack() of that thread. A
 * thread that stops polling must call vmbus_ack() once; until then the other
 * threads check every 100 ms for room and for a rescind. The call counts as
 * receiving, and with VMBUS_WAIT_SEND also as sending.
 *
 * Returns the events that are ready (do not sleep; with VMBUS_WAIT_RECV the
 * mask is set again, so that the host does not interrupt while the caller
 * drains the ring), 0 (the next event interrupts), or -ENODEV, -EIO, -EINVAL,
 * -EOPNOTSUPP (poll mode; or VMBUS_WAIT_SEND with several producers: use
 * vmbus_wait()).
 *
 * Since 0.1.
 */
int vmbus_arm(struct vmbus_chan *chan, unsigned int events);

/**
 * vmbus_ack() - consume a pending interrupt and set the interrupt mask, without
 * waiting
 *
 * While the mask is set, the host does not interrupt for a new packet;
 * vmbus_arm() and vmbus_wait() clear it. The call counts as receiving.
 *
 * Returns 0, or -EAGAIN (no interrupt was pending; the mask is set), -ENODEV
 * (rescinded), -EOPNOTSUPP (the channel has no descriptor), or -EIO (the
 * descriptor cannot be read for another reason). After -ENODEV or -EIO the
 * channel has ended, as after an error of vmbus_flush().
 *
 * Since 0.1.
 */
int vmbus_ack(struct vmbus_chan *chan);

/* vmbus_ic_serve(3): serve a Hyper-V integration component (IC) */

/**
 * An object that serves the host on one low-speed device for as long as the
 * program wants. It finds and opens the device, negotiates, passes each request
 * to the program and sends its answer. When the channel ends, the object opens
 * the device again as soon as possible.
 *
 * The channel ends when the host rescinds the device, the administrator unbinds
 * it, the machine hibernates, or the host writes an impossible index or falls
 * silent. After a protocol error a host neither reads nor writes until the
 * guest opens the device again. A host owes a NEGOTIATE after each open, and it
 * must read each answer. It has fallen silent when it has owed one of these and
 * has done nothing for patience_ms. Each such silence doubles the patience for
 * the next one, up to an hour, until a request arrives.
 *
 * A device is missing until the host offers it, also after a hibernation. It
 * may have no driver or another driver, or another program may have it open.
 * The object then tries again after 100 ms, and after growing intervals of up
 * to 2 s, and reports the reason to the program (VMBUS_IC_EVENT_WAITING). The
 * intervals grow until a host agrees on versions, even if the device opens.
 *
 * The object skips and counts packets that are not IC requests, and reports
 * them (VMBUS_IC_EVENT_SKIPPED).
 *
 * A host often works in lockstep: it sends its next request when it has the
 * answer to the last one. Before the program sleeps, the object therefore looks
 * at the ring for a short time, which is about as long as a few wake-ups take.
 * It does so only while the host is that quick, and never on a machine with one
 * processor. A message then costs one or two system calls.
 *
 * Threads: one thread at a time may use an object. The callbacks run inside
 * vmbus_ic_dispatch() and vmbus_ic_serve(), and trace also inside
 * vmbus_ic_reply(). They may call vmbus_ic_reply(),
 * vmbus_ic_chan() and vmbus_ic_stats() of their object and none of its other
 * functions. A thread of the program that does slow work writes to an eventfd
 * when it has a result; it may read the body of its request, but not change it.
 * The thread that uses the object waits for that
 * descriptor, too, in its event loop or as @stop of vmbus_ic_serve(), and calls
 * vmbus_ic_reply().
 */
struct vmbus_ic;

/* The structs of messages have the layout on the wire, and never change. */

/** A version as IC messages carry it: 3.0 is { 3, 0 } */
struct vmbus_ic_version {
	uint16_t major;
	uint16_t minor;
};

/** Every IC message begins with this header, 28 bytes on the wire */
struct vmbus_ic_header {
	uint32_t pipe_flags;
	uint32_t pipe_size; /* bytes after these 8, according to the sender */
	struct vmbus_ic_version framework;
	uint16_t type; /* VMBUS_IC_* */
	struct vmbus_ic_version message;
	uint16_t size;	 /* bytes after the header, likewise */
	uint32_t status; /* VMBUS_S_* or VMBUS_E_* */
	uint8_t transaction_id;
	uint8_t flags; /* VMBUS_IC_FLAG_* */
	uint8_t reserved[2];
} __attribute__((packed));

/**
 * In a VMBUS_IC_NEGOTIATE message these 8 bytes follow the header, and the
 * versions follow them
 */
struct vmbus_ic_negotiate {
	uint16_t framework_count; /* framework versions, which come first */
	uint16_t message_count;	  /* message versions, which come next */
	uint32_t reserved;
} __attribute__((packed));

enum vmbus_ic_type {
	VMBUS_IC_NEGOTIATE = 0,
	VMBUS_IC_HEARTBEAT = 1,
	VMBUS_IC_KVP = 2,
	VMBUS_IC_SHUTDOWN = 3,
	VMBUS_IC_TIMESYNC = 4,
	VMBUS_IC_VSS = 5,
	VMBUS_IC_FCOPY = 7
};

#define VMBUS_IC_FLAG_TRANSACTION 0x1u
#define VMBUS_IC_FLAG_REQUEST	  0x2u
#define VMBUS_IC_FLAG_RESPONSE	  0x4u

/** Maximum number of versions of one kind in a negotiation */
#define VMBUS_IC_MAX_VERSIONS 100

/* Status codes of IC messages: Windows HRESULTs */
#define VMBUS_S_OK	       0x00000000u
#define VMBUS_S_CONT	       0x80070103u /* more to come */
#define VMBUS_E_FAIL	       0x80004005u
#define VMBUS_E_NOT_SUPPORTED  0x80070032u
#define VMBUS_E_ALREADY_EXISTS 0x80070050u
#define VMBUS_E_INVALIDARG     0x80070057u
#define VMBUS_E_DISK_FULL      0x80070070u
#define VMBUS_E_NOT_CONNECTED  0x8007048fu
#define VMBUS_E_MACHINE_LOCKED 0x800704f7u
#define VMBUS_E_GUID_NOT_FOUND 0x80041002u

/**
 * A request of the host. It belongs to the program until the program has
 * answered it.
 *
 * The library makes the struct and sets struct_size to its size in bytes, which
 * depends on the version of the library that runs. Later versions may add
 * members at the end. A program that uses such a member must check
 * VMBUS_STRUCT_HAS() first. vmbus_ic_reply() needs the struct itself and not a
 * copy of it.
 */
struct vmbus_ic_request {
	size_t struct_size;
	struct vmbus_ic_header header;	   /* as the host sent it */
	struct vmbus_ic_version framework; /* agreed */
	struct vmbus_ic_version message;   /* agreed */
	/* bytes of the body as received, padding included */
	uint32_t length;
	void *body; /* at a multiple of 8; the answer returns it */
};

/**
 * The status of a request that the program answers later, by vmbus_ic_reply()
 */
#define VMBUS_IC_LATER 0xffffffffu

/**
 * At most this many requests may wait for vmbus_ic_reply(); the object leaves
 * further ones in the ring
 */
#define VMBUS_IC_LATER_MAX 8

enum vmbus_ic_event_kind {
	VMBUS_IC_EVENT_OPENED = 1, /* the device is open; NEGOTIATE comes next */
	/* versions are agreed; this may come again at any time */
	VMBUS_IC_EVENT_NEGOTIATED = 2,
	VMBUS_IC_EVENT_REFUSED = 3, /* no common version, and the host knows it */
	VMBUS_IC_EVENT_CLOSED = 4,  /* the channel has ended */
	/* the device cannot be opened now, for a new reason */
	VMBUS_IC_EVENT_WAITING = 5,
	/* a packet was not a request, or an answer was too large */
	VMBUS_IC_EVENT_SKIPPED = 6
};

/**
 * An event that the object reports to the program. Later versions may add
 * members at the end, and kinds, which a program must ignore if it does not
 * know them. struct_size works as in struct vmbus_ic_request.
 */
struct vmbus_ic_event {
	size_t struct_size;
	enum vmbus_ic_event_kind kind;
	int error;			   /* a negative errno, or 0 */
	const char *reason;		   /* for people, during the call; "" without an error */
	struct vmbus_ic_version framework; /* VMBUS_IC_EVENT_NEGOTIATED: agreed */
	struct vmbus_ic_version message;
};

/**
 * How to serve. struct_size works as in struct vmbus_open_options. The library
 * copies the options and what they point to, except ctx.
 */
struct vmbus_ic_options {
	size_t struct_size; /* sizeof(struct vmbus_ic_options) */
	uint32_t flags;	    /* 0 */
	/* 28 to 524280 bytes with header; longer ones are skipped; 0: 16384 */
	uint32_t max_message;
	uint32_t patience_ms; /* milliseconds, see struct vmbus_ic; 0: 120000 */
	uint32_t reserved;    /* 0 */

	/*
	 * The versions that the program knows, at most VMBUS_IC_MAX_VERSIONS
	 * of each kind, the preferred one first. The object agrees to the first
	 * one that the host also has. Without frameworks it uses 3.0 and 1.0.
	 */
	const struct vmbus_ic_version *frameworks;
	size_t framework_count;
	const struct vmbus_ic_version *messages; /* 1 or more */
	size_t message_count;

	/*
	 * The object calls this for each request except NEGOTIATE, after
	 * versions are agreed. Before that the object itself answers with
	 * VMBUS_E_NOT_CONNECTED. The callback must check the length and
	 * everything else that the host wrote, and may change the body. It
	 * returns the status of the answer, VMBUS_S_* or VMBUS_E_*, or
	 * VMBUS_IC_LATER. It is required.
	 */
	uint32_t (*request)(struct vmbus_ic *ic, struct vmbus_ic_request *request, void *ctx);

	/*
	 * The object calls this for each event. The callback returns 0 to go
	 * on. vmbus_ic_dispatch() and vmbus_ic_serve() return any other value
	 * at once, so that the program can end, or go on later. vmbus_ic_new()
	 * requires the callback, because the program has to learn why a device
	 * does not open.
	 */
	int (*event)(struct vmbus_ic *ic, const struct vmbus_ic_event *event, void *ctx);

	/*
	 * The object calls this for each message of the host, before it checks
	 * it (@answer is 0), and for each answer (@answer is 1), for example to
	 * log both. A message has @packet->length bytes. The callback is
	 * optional.
	 */
	void (*trace)(struct vmbus_ic *ic, int answer, const struct vmbus_packet *packet,
		      const void *message, void *ctx);
	void *ctx;

	/* of the device, may be NULL; no poll mode, and no several senders */
	const struct vmbus_open_options *open;
};

/**
 * vmbus_ic_new() - make an object that serves a device
 * @id: as for vmbus_device_find()
 * @ic: the result; free it with vmbus_ic_free()
 *
 * The function opens nothing. The first vmbus_ic_dispatch() opens the device,
 * if it is there. Call vmbus_guard() first.
 *
 * Returns 0, or -EINVAL (vmbus_error() names the argument), -E2BIG
 * (struct_size), -ENOMEM, or an error of epoll_create1(2) or timerfd_create(2).
 *
 * Since 0.1.
 */
int vmbus_ic_new(const char *id, const struct vmbus_ic_options *options, struct vmbus_ic **ic);

/**
 * vmbus_ic_from_chan() - make an object that serves on a channel that the
 * caller provides
 * @chan: a channel with a descriptor and one producer, not in poll mode. The
 *	caller must no longer use it, and closes it after vmbus_ic_free().
 *
 * The event callback is optional. There is no VMBUS_IC_EVENT_OPENED, because
 * the channel is open already, and vmbus_ic_stats() counts no opening. The
 * object cannot open such a channel again: after VMBUS_IC_EVENT_CLOSED each
 * vmbus_ic_dispatch() returns the error with which the channel has ended.
 *
 * Returns 0, or an error of vmbus_ic_new(), or -EOPNOTSUPP (@chan is not such a
 * channel).
 *
 * Since 0.1.
 */
int vmbus_ic_from_chan(struct vmbus_chan *chan, const struct vmbus_ic_options *options,
		       struct vmbus_ic **ic);

/**
 * vmbus_ic_free() - close the device, unless the channel is the caller's, and
 * free the object
 *
 * Requests that wait for vmbus_ic_reply() are freed without an answer. NULL is
 * allowed.
 *
 * Since 0.1.
 */
void vmbus_ic_free(struct vmbus_ic *ic);

/**
 * vmbus_ic_fd() - return the descriptor to poll for reading, which may also be
 * part of an epoll set
 *
 * It stays the same for the life of the object, while devices and channels come
 * and go. When it is readable, call vmbus_ic_dispatch(), and read nothing from
 * it. It is readable from the beginning.
 *
 * Since 0.1.
 */
int vmbus_ic_fd(const struct vmbus_ic *ic);

/**
 * vmbus_ic_dispatch() - do what is due, without waiting
 *
 * The function opens the device, receives requests, calls the callbacks and
 * sends answers. It returns after 256 packets at the latest, with the
 * descriptor readable if there are more. When the ring to the host is full, it
 * keeps the answers and receives nothing more until the host makes room;
 * vmbus_ic_fd() then becomes readable. The function waits only for the kernel,
 * when it opens or closes a device; but while the host works in lockstep, it
 * looks at the ring up to 64 times, see struct vmbus_ic.
 *
 * Returns 0; or the value that a callback returned; or -ENOMEM; or, on
 * a channel of the caller, the error with which it has ended: -ENODEV
 * (rescinded), -EIO, -ETIMEDOUT (the host has fallen silent), or another error
 * of vmbus_recv() or vmbus_send(). vmbus_error() describes the errors.
 *
 * Since 0.1.
 */
int vmbus_ic_dispatch(struct vmbus_ic *ic);

/**
 * vmbus_ic_serve() - call vmbus_ic_dispatch() until the program is to stop
 * @stop: a descriptor; the function returns when it is readable. -1: none
 *
 * To stop on SIGTERM, block the signal and pass a signalfd(2). A signal handler
 * does not end the function, but it may write to an eventfd(2), and so may
 * another thread. A callback may do so if the program has to act after its
 * answer: the object sends the answer first, if there is room. A program with
 * several descriptors passes an epoll instance that watches them, though not
 * vmbus_ic_fd(), handles them when the function returns, and calls it again.
 * The function does not read @stop.
 *
 * Returns 0 (@stop is readable), -EBADF (@stop is closed), -ELOOP (@stop
 * watches vmbus_ic_fd()), another error of epoll_ctl(2) for @stop, or any other
 * result of vmbus_ic_dispatch().
 *
 * Since 0.1.
 */
int vmbus_ic_serve(struct vmbus_ic *ic, int stop);

/**
 * vmbus_ic_reply() - answer a request for which the callback returned
 * VMBUS_IC_LATER
 * @request: the struct that the callback got; the function frees it, except
 *	after -EINVAL
 * @status: VMBUS_S_* or VMBUS_E_*
 *
 * Each such request needs one call. From inside a callback, the answer is sent
 * with those of the other requests. Otherwise it is sent at once.
 *
 * The host repeats a request that has no answer after 60 seconds, with the same
 * transaction id or another one. If the request still waits, the repeat has the
 * same contents, and no other request came in between, then the callback does
 * not get the repeat. The object gives it the same answer, with its own
 * transaction id, and drops the oldest of more than VMBUS_IC_LATER_MAX repeats.
 * If the program has changed the body, or has answered the request, then the
 * callback gets the repeat like a new request. So a request that is done once
 * more should have the same result: the answer may have come too late.
 *
 * The host forgets its requests when it sends NEGOTIATE and when the channel
 * ends.
 *
 * Returns 0 (the answer was sent, or will be sent when there is room), -ESTALE
 * (the host has forgotten the request: nothing is sent), -EMSGSIZE (the answer
 * is larger than the ring to the host), or -EINVAL (@request does not wait for
 * an answer, or @status is not valid).
 *
 * Since 0.1.
 */
int vmbus_ic_reply(struct vmbus_ic *ic, struct vmbus_ic_request *request, uint32_t status);

/**
 * vmbus_ic_chan() - return the channel that is open now, for functions that
 * describe it, or NULL
 *
 * The result is valid until the next vmbus_ic_dispatch(), or until the callback
 * returns.
 *
 * Since 0.1.
 */
const struct vmbus_chan *vmbus_ic_chan(const struct vmbus_ic *ic);

/**
 * Counters of an object since it was made. Later versions may add members at
 * the end; see vmbus_ic_stats().
 */
struct vmbus_ic_stats {
	uint64_t opened;     /* times that the device was opened */
	uint64_t negotiated; /* times that versions were agreed */
	uint64_t requests;   /* handed to the callback */
	uint64_t answers;    /* sent, including those that the object gave by itself */
	uint64_t skipped;    /* packets that were not requests */
	uint64_t lost;	     /* answers not sent: request forgotten, or ring too small */
	uint64_t repeated;   /* repeats that were not handed to the callback */
};

/**
 * vmbus_ic_stats() - read the counters
 * @size: as for vmbus_stats()
 *
 * Since 0.1.
 */
void vmbus_ic_stats(const struct vmbus_ic *ic, struct vmbus_ic_stats *stats, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* VMBUS_BUFRING_H */
