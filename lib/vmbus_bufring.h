/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libvmbus_bufring: drive a VMBus device from user space through uio_hv_generic.
 *
 * Returns: 0, or a count where it says so, or a negative errno. vmbus_error() has the last failure
 * of the calling thread in words. Sizes are bytes. Everything is little-endian, as VMBus is.
 *
 * Threads: for one channel, one thread at a time may send and one at a time may receive; these may
 * be two threads, without a lock, and each may wait for its own. After
 * vmbus_chan_set_producers() any number of threads may send, and each may wait for room.
 * While a channel is opened or closed, no other thread may use it. Functions without a channel may
 * be called from any thread.
 *
 * The host is not trusted: what it can write is read once, checked, and only the copy is used. A
 * host that lies gets an error (-EIO or -EPROTO, see vmbus_recv()), never an access outside the
 * rings.
 *
 * Environment: VMBUS_SYSROOT names a folder that stands in for /, see vmbus_sysroot().
 */
#ifndef VMBUS_BUFRING_H
#define VMBUS_BUFRING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The library */

/** The version of this header; vmbus_version() tells that of the library that runs */
#define VMBUS_BUFRING_VERSION_MAJOR 0
#define VMBUS_BUFRING_VERSION_MINOR 1
#define VMBUS_BUFRING_VERSION_PATCH 0

/** True if this header is of version @major.@minor or later; for #if */
#define VMBUS_BUFRING_VERSION_AT_LEAST(major, minor)	\
	(VMBUS_BUFRING_VERSION_MAJOR > (major) ||	\
	 (VMBUS_BUFRING_VERSION_MAJOR == (major) && VMBUS_BUFRING_VERSION_MINOR >= (minor)))

/** vmbus_version() - the version of the library that runs, as "0.1.0". Since 0.1. */
const char *vmbus_version(void);

/**
 * vmbus_error() - what failed last in this thread, in words
 *
 * Names the device or file and the reason, without a final full stop or newline. Written by the
 * functions that find and open, and by them only when they fail. Never NULL; valid until the same
 * thread's next failure.
 *
 * Since 0.1.
 */
const char *vmbus_error(void);

/* GUIDs and classes */

/** Room for a GUID as text: 36 characters and a NUL */
#define VMBUS_GUID_SIZE 37

/**
 * vmbus_guid_parse() - a GUID in its one spelling: lower case, no braces
 * @text: 36 characters in any case, with or without one pair of braces
 * @guid: the result
 *
 * Returns 0, or -EINVAL (@guid untouched).
 *
 * Since 0.1.
 */
int vmbus_guid_parse(const char *text, char guid[VMBUS_GUID_SIZE]);

/** A class of VMBus devices that has a short name */
struct vmbus_class {
	const char *name;		/* "fcopy" */
	const char *guid;		/* lower case, no braces */
	const char *description;	/* for people: "Guest file copy" */
};

/** vmbus_class_at() - the classes with short names, one by one; NULL at the end. Since 0.1. */
const struct vmbus_class *vmbus_class_at(size_t index);

/**
 * vmbus_class_find() - a class by short name (any case) or GUID (any spelling); NULL if unknown.
 *
 * Since 0.1.
 */
const struct vmbus_class *vmbus_class_find(const char *name_or_guid);

/* Devices */

/** A device as sysfs showed it. Only vmbus_device_refresh() reads its driver again. */
struct vmbus_device;

/**
 * vmbus_sysroot() - return the folder that stands in for the root directory
 *
 * A test sets the environment variable VMBUS_SYSROOT to a folder that has
 * what the program reads: sys for the library, dev to open a device. A
 * program puts the result before each absolute path that shall follow.
 *
 * Returns the value of the variable. Returns "" if the variable is unset or
 * "/", or if the program runs set-user-id: the machine itself. Never NULL;
 * valid until the program changes its environment.
 *
 * Since 0.1.
 */
const char *vmbus_sysroot(void);

/**
 * vmbus_devices_list() - list the devices that VMBus has
 * @class_id: short name or GUID of a class, or NULL for all
 * @list: the result, sorted by instance GUID; NULL-terminated; free with
 *	vmbus_devices_free(). An empty list is a success.
 *
 * The list omits a device that goes away meanwhile. VMBus may also have a
 * device that the host does not offer: see vmbus_device_is_offered().
 *
 * If a device cannot be read, @list has the others, the call returns an error
 * nevertheless, and vmbus_error() names the device, or the first of several.
 * After any other error @list is NULL.
 *
 * Returns the number of devices, or -EINVAL (@class_id is neither), -ENODEV (no
 * VMBus on this machine), -ENOMEM, -EPROTO (a device has no proper GUID), or
 * what reading the folder or a device in it returned (-EMFILE, -EACCES).
 *
 * Since 0.1.
 */
int vmbus_devices_list(const char *class_id, struct vmbus_device ***list);

/** vmbus_devices_free() - free a list and the devices in it; NULL is allowed. Since 0.1. */
void vmbus_devices_free(struct vmbus_device **list);

/**
 * vmbus_device_find() - find one device
 * @id: instance GUID, class GUID or short class name; an instance is tried first
 * @dev: the result, free with vmbus_device_free()
 *
 * Returns 0, or -EINVAL (@id is none of the three), -ENODEV (VMBus has no such
 * device, or there is no VMBus), -ENOTUNIQ (several devices of that class: name
 * an instance), or another error of vmbus_devices_list().
 *
 * Since 0.1.
 */
int vmbus_device_find(const char *id, struct vmbus_device **dev);

/** vmbus_device_free() - free a device of vmbus_device_find(); NULL is allowed. Since 0.1. */
void vmbus_device_free(struct vmbus_device *dev);

/**
 * vmbus_device_refresh() - read again which driver has a device
 * @dev: from vmbus_device_find() or vmbus_devices_list(); no other thread may
 *	use it meanwhile
 *
 * What vmbus_device_driver(), vmbus_device_uio() and vmbus_device_path()
 * returned before becomes invalid.
 *
 * Returns 0, or -ENODEV (the device went away), -ENOMEM, or what reading sysfs
 * returned. After an error @dev is as it was.
 *
 * Since 0.1.
 */
int vmbus_device_refresh(struct vmbus_device *dev);

/**
 * vmbus_device_attribute() - read an attribute of a device: a file in its folder in sysfs
 * @name: the path below vmbus_device_sysfs(), as "uio_hv_generic/state"
 * @text: the result: the first line without its newline, and a NUL
 * @size: bytes of room in @text
 *
 * Each call reads the file anew. After an error the contents of @text are
 * undefined. vmbus_error() stays as it was, because the absence of an attribute
 * is often an answer.
 *
 * Returns 0, or -ENODEV (the device went away), -ENOENT (the device has no such
 * attribute), -ENOBUFS (the line does not fit), -ENOMEM, or what open(2) or
 * read(2) returned.
 *
 * Since 0.1.
 */
int vmbus_device_attribute(const struct vmbus_device *dev, const char *name, char *text,
			   size_t size);

/**
 * vmbus_device_attribute_u64() - read an attribute that is a number
 * @name: as for vmbus_device_attribute()
 * @value: the result, 0 to 2^64 - 1, in the unit of the attribute; untouched
 *	after an error
 *
 * The attribute may be decimal, or hexadecimal after 0x. Returns 0, or -EPROTO
 * (the line is not such a number), or as vmbus_device_attribute().
 *
 * Since 0.1.
 */
int vmbus_device_attribute_u64(const struct vmbus_device *dev, const char *name, uint64_t *value);

/**
 * vmbus_device_is_offered() - whether the host offers a device that VMBus has
 *
 * VMBus keeps its devices while the machine hibernates. When the machine
 * resumes, the host offers them again, maybe late. Until then a device has no
 * channel number and cannot be opened, and no event tells when that changes:
 * a program looks again after a while.
 *
 * Each call reads the attribute id anew.
 *
 * Returns 1, 0, or an error of vmbus_device_attribute_u64().
 *
 * Since 0.1.
 */
int vmbus_device_is_offered(const struct vmbus_device *dev);

/* Each string lives as long as the device, or until vmbus_device_refresh() where that says so. */

/** Instance GUID, lower case, no braces. Since 0.1. */
const char *vmbus_device_instance(const struct vmbus_device *dev);
/** Class GUID, lower case, no braces. Since 0.1. */
const char *vmbus_device_class(const struct vmbus_device *dev);
/** Short name of the class, or NULL. Since 0.1. */
const char *vmbus_device_class_name(const struct vmbus_device *dev);
/** Name of the driver that has it, or NULL when it is unbound. Since 0.1. */
const char *vmbus_device_driver(const struct vmbus_device *dev);
/** "uio3", or NULL when no UIO driver has it. Since 0.1. */
const char *vmbus_device_uio(const struct vmbus_device *dev);
/** "/dev/uio3", or NULL when no UIO driver has it. Since 0.1. */
const char *vmbus_device_path(const struct vmbus_device *dev);
/** Its folder in sysfs. Since 0.1. */
const char *vmbus_device_sysfs(const struct vmbus_device *dev);

/* Channels */

/** One open channel: two rings and a way to signal */
struct vmbus_chan;

/**
 * How to open a channel. NULL in its place stands for zeros in all members.
 *
 * A program sets struct_size to sizeof(struct vmbus_open_options) and clears the rest. Later
 * versions add members at the end, whose zero means what this version does. The library takes a
 * smaller struct_size, of an older program, and a larger one if it does not know members that are
 * not zero: then the call returns -E2BIG.
 */
struct vmbus_open_options {
	size_t struct_size;
	uint32_t flags;		/* VMBUS_OPEN_* */
	uint32_t ring_size;	/* bytes of each ring, header included; 0: what the kernel module has set */
};

/**
 * Poll mode, for a program that looks at the ring all the time and never sleeps
 *
 * The library sets the interrupt mask and keeps it set. A full ring asks the host for nothing, and
 * shows it nothing either: the program calls vmbus_flush() itself. vmbus_wait() and vmbus_arm()
 * return -EOPNOTSUPP. vmbus_ack() notices a rescind; call it from time to time.
 */
#define VMBUS_OPEN_POLL 0x1u

/**
 * vmbus_chan_open() - finds a device and opens its primary channel
 * @id: as for vmbus_device_find()
 * @options: may be NULL
 * @chan: the result, close with vmbus_chan_close()
 *
 * Returns 0, or what vmbus_device_find() and vmbus_chan_open_device() return.
 *
 * Since 0.1.
 */
int vmbus_chan_open(const char *id, const struct vmbus_open_options *options,
		    struct vmbus_chan **chan);

/**
 * vmbus_chan_open_device() - opens the primary channel of a device
 * @options: may be NULL
 *
 * The host sees the channel open with the first opener of the /dev/uioN file and close with the
 * last. The first opener finds both rings empty. The rings are for one channel at a time, of one
 * process: a second one would take and overwrite the first one's packets, and nothing prevents it.
 *
 * A ring size is written to the attribute uio_hv_generic/ring_size of the device, unless that says
 * so already. This needs the module of this project, permission to write the attribute, and a device
 * that no program has open.
 *
 * Returns 0, or -EINVAL (@options; or the module refuses the ring size), -E2BIG (see
 * struct vmbus_open_options), -EOPNOTSUPP (the module has no ring sizes to set), -EBUSY (a program
 * has the device open, and the ring size is another), -ENXIO (no UIO driver has the device), -ENODEV
 * (it went away), -EACCES or -EPERM, -ENOMEM, -EPROTO (maps or attributes are not as uio_hv_generic
 * makes them), -EIO (the indices in the rings are impossible), or what open() or mmap() returned.
 *
 * Since 0.1.
 */
int vmbus_chan_open_device(const struct vmbus_device *dev,
			   const struct vmbus_open_options *options,
			   struct vmbus_chan **chan);

/** vmbus_chan_close() - packets not yet received are lost; NULL is allowed. Since 0.1. */
void vmbus_chan_close(struct vmbus_chan *chan);

/* Sub-channels and buffers */

/** A sub-channel of an open device: what its driver asked the host for and the kernel has opened */
struct vmbus_subchannel {
	uint32_t relid;		/* names it: vmbus_subchannel_open() */
	uint32_t index;		/* 1 for the first; the primary would be 0 */
	uint32_t cpu;		/* where its interrupts go; UINT32_MAX: the kernel does not say */
	uint32_t reserved;
};

/**
 * vmbus_subchannels() - the sub-channels that a device has now
 * @primary: from vmbus_chan_open() or vmbus_chan_open_device()
 * @list: room for @max, sorted by index
 *
 * A device has them when its protocol says so: the driver asks in a message of its own, the host
 * offers them, and the kernel opens each. vmbus_subchannels_wait() waits for that.
 *
 * Returns how many there are, which may be more than @max; or -EOPNOTSUPP (from memory), -ENODEV,
 * or what reading sysfs returned.
 *
 * Since 0.1.
 */
int vmbus_subchannels(const struct vmbus_chan *primary, struct vmbus_subchannel *list,
		      unsigned int max);

/**
 * vmbus_subchannels_wait() - waits until a device has some sub-channels
 * @primary: as for vmbus_subchannels()
 * @count: at least that many
 * @timeout_ms: milliseconds; 0 only looks; -1 without limit
 *
 * The kernel announces a sub-channel in sysfs alone, so this looks there every few milliseconds.
 *
 * Returns how many there are, @count or more; or -ETIMEDOUT, or as vmbus_subchannels().
 *
 * Since 0.1.
 */
int vmbus_subchannels_wait(const struct vmbus_chan *primary, unsigned int count, int timeout_ms);

/**
 * vmbus_subchannel_open() - opens one sub-channel: a channel of its own, with rings and threads
 * @primary: as for vmbus_subchannels(); it must stay open, or the kernel closes them all
 * @options: may be NULL; ring_size must be 0, because the sub-channels have that of the primary
 *
 * Where the sub-channel is not monitored, vmbus_signal() signals all channels of the device. An
 * interrupt of any of them ends vmbus_wait() on none but those that have something to do, and makes
 * the vmbus_fd() of each readable.
 *
 * Returns 0, or as vmbus_chan_open_device(); -ENOENT (no such sub-channel), -EINVAL (it is the
 * primary). The file of its rings is for root alone by default: -EACCES.
 *
 * Since 0.1.
 */
int vmbus_subchannel_open(const struct vmbus_chan *primary, uint32_t relid,
			  const struct vmbus_open_options *options, struct vmbus_chan **chan);

/** Memory that the kernel driver shares with the host beside the rings, as NICs use it */
struct vmbus_buffer {
	void *address;
	size_t size;		/* bytes */
	uint32_t gpadl;		/* the handle that the host knows it by */
};

enum vmbus_buffer_kind {
	VMBUS_BUFFER_RECV = 0,	/* the host writes there: VMBUS_PACKET_XFER_PAGES point into it */
	VMBUS_BUFFER_SEND = 1,	/* the host reads there */
};

/**
 * vmbus_chan_buffer() - maps a buffer, for as long as the channel is open
 * @address: where; NULL: anywhere
 * @buffer: the result; a second call for the same buffer returns the same
 *
 * A second process that works on the buffers of a first opens the channel, leaves its rings alone,
 * and maps the buffers at the addresses that the first has.
 *
 * Returns 0, or -ENOENT (the device has none), -EOPNOTSUPP (from memory), -EINVAL (@address is not
 * at a page's start, or @kind), -EEXIST (something is mapped there, or the buffer elsewhere),
 * -EPROTO, -ENODEV, or what mmap() returned. No other thread may use the channel during the call.
 *
 * Since 0.1.
 */
int vmbus_chan_buffer(struct vmbus_chan *chan, enum vmbus_buffer_kind kind, void *address,
		      struct vmbus_buffer *buffer);

/* Channels over memory */

/**
 * What a channel is made of without a kernel driver below: for tests, and for the host's side
 *
 * struct_size works as in struct vmbus_open_options.
 */
struct vmbus_memory {
	size_t struct_size;	/* sizeof(struct vmbus_memory) */
	unsigned int flags;	/* VMBUS_MEMORY_* */

	/*
	 * Each ring is a header of header_size bytes, then data. Both start at a multiple of 8,
	 * sizes are multiples of 8. The other side has the same memory with the two rings
	 * exchanged.
	 */
	void *tx_ring;
	size_t tx_size;		/* header included */
	void *rx_ring;
	size_t rx_size;
	size_t header_size;	/* 128 or more; 0: the system's page size, as on a real channel */

	/*
	 * A file descriptor that behaves like /dev/uioN: it is readable after the other side
	 * signalled, read(2) of 4 bytes takes that, write(2) of 4 bytes signals the other side. A
	 * non-blocking AF_UNIX stream socket pair does. End of file is a rescind. -1: no wait; set
	 * it, because 0 is a descriptor too. Stays the caller's.
	 */
	int fd;

	/* Instead of a write to fd: 0 or -errno. Runs in the thread that sends or receives. */
	int (*signal)(void *ctx);
	void *ctx;

	/* For a channel that is signalled by monitor page: both, 4096 bytes each, or neither. */
	void *int_page;
	void *monitor_page;
	uint32_t relid;		/* below 16384 */
	uint32_t monitor_id;	/* below 128 */
};

/** Clear both ring headers and announce pending_send_sz, as the kernel does when it connects */
#define VMBUS_MEMORY_RESET 0x1u
/** As VMBUS_OPEN_POLL */
#define VMBUS_MEMORY_POLL 0x2u

/**
 * vmbus_chan_from_memory() - a channel over rings that the caller has
 * @mem: copied; the memory that it points to must outlive the channel
 *
 * Returns 0, or -EINVAL (vmbus_error() says which member), -E2BIG (struct_size), -ENOMEM, -EIO
 * (impossible indices in the rings).
 *
 * Since 0.1.
 */
int vmbus_chan_from_memory(const struct vmbus_memory *mem, struct vmbus_chan **chan);

/**
 * vmbus_chan_pair() - two channels joined to each other, for tests
 * @ring_size: of each ring, header included: a multiple of the page size, at least two pages
 * @guest: one side
 * @host: the other; the same code with the rings exchanged
 *
 * Over shared memory and a socket pair of their own, so the sides may be in two threads or, after
 * fork(), in two processes (then each closes the side that it does not use). When every copy of one
 * side is closed, the other sees a rescind.
 *
 * Returns 0, or -EINVAL, -ENOMEM, or what mmap() or socketpair() returned.
 *
 * Since 0.1.
 */
int vmbus_chan_pair(size_t ring_size, struct vmbus_chan **guest, struct vmbus_chan **host);

/* A device that goes away */

/**
 * vmbus_guard() - makes a rescind in the middle of an operation an error instead of a SIGBUS
 *
 * When a device is rescinded or unbound, a kernel module that is careful with its memory takes the
 * rings away from the programs that have them mapped. One that waits is told by -ENODEV, and the
 * library does not touch the rings any more. One that is just inside a ring gets a SIGBUS, which
 * ends it, and nothing but a handler of that signal helps.
 *
 * This installs one, for the process: where the fault is in a mapping of an open channel, it marks
 * the channel as gone and maps zeros over the whole mapping (they stay until the channel is
 * closed), and the operation returns -ENODEV. No zeros are ever taken for data. Every other SIGBUS
 * goes to the handler that was there before, or does what it would have done without one.
 *
 * Opt-in, because the handling of a signal belongs to the program, not to a library. A program that
 * has a handler for SIGBUS installs it before the call, or passes on from it what is not its own. Not
 * covered: memory of vmbus_chan_from_memory(), which is the caller's, and a thread that blocks
 * SIGBUS, which the kernel then kills.
 *
 * Call it once, before the program starts threads; channels that are opened before or later are
 * covered alike, in all threads, and in children of fork(). Calling it again does nothing. There is
 * no way back.
 *
 * Returns 0, or what sigaction() returned.
 *
 * Since 0.1.
 */
int vmbus_guard(void);

/* About a channel */

/**
 * The device it was opened from, living as long as the channel; NULL when from memory.
 *
 * Since 0.1.
 */
const struct vmbus_device *vmbus_chan_device(const struct vmbus_chan *chan);
/**
 * Bytes of data in the ring to the host; descriptors, padding and trailers take their share.
 *
 * Since 0.1.
 */
size_t vmbus_chan_tx_size(const struct vmbus_chan *chan);
/** Bytes of data in the ring from the host: no packet can be larger. Since 0.1. */
size_t vmbus_chan_rx_size(const struct vmbus_chan *chan);
/** The largest payload that vmbus_send() takes on this channel. Since 0.1. */
size_t vmbus_chan_max_payload(const struct vmbus_chan *chan);
/**
 * 1 when the host is signalled by monitor page, 0 when by write(2) to the UIO device.
 *
 * Since 0.1.
 */
int vmbus_chan_is_monitored(const struct vmbus_chan *chan);
/**
 * The number that the host and sysfs know the channel by; from memory: what the caller said.
 *
 * Since 0.1.
 */
uint32_t vmbus_chan_relid(const struct vmbus_chan *chan);

/**
 * vmbus_chan_latency() - how long the host may leave a signal by monitor page, in microseconds
 *
 * Returns 0 to 6553, or -EOPNOTSUPP (signalled by write(2)), -ENODEV.
 *
 * Since 0.1.
 */
int vmbus_chan_latency(const struct vmbus_chan *chan);

/** vmbus_chan_set_latency() - sets it. Returns 0, or these, or -ERANGE. Since 0.1. */
int vmbus_chan_set_latency(struct vmbus_chan *chan, unsigned int microseconds);

/** Who sends on a channel */
enum vmbus_producers {
	VMBUS_PRODUCERS_ONE	= 0,	/* one thread at a time: no lock, the fastest */
	VMBUS_PRODUCERS_MUTEX	= 1,	/* several threads; one that finds another at work sleeps */
	VMBUS_PRODUCERS_SPIN	= 2,	/* several threads, each with a processor of its own: they spin */
};

/**
 * vmbus_chan_set_producers() - tells whether several threads send on a channel
 * @producers: VMBUS_PRODUCERS_ONE for a channel that was just opened
 *
 * With several, each call that sends takes the lock once, and so once for a whole batch; and
 * vmbus_flush() of one thread shows the packets of all. From vmbus_reserve() to vmbus_commit() or
 * vmbus_cancel() the other threads wait; only the thread that reserved may commit or cancel. No
 * other thread may use the channel during this call.
 *
 * Since 0.1.
 */
void vmbus_chan_set_producers(struct vmbus_chan *chan, enum vmbus_producers producers);

/** What went over a channel since it was opened; bytes as they lie in the ring, 24 more a packet */
struct vmbus_stats {
	uint64_t tx_packets;		/* queued */
	uint64_t tx_bytes;
	uint64_t tx_publications;	/* batches of them that the host was shown */
	uint64_t tx_signals;		/* of these needed a signal */
	uint64_t tx_full;		/* packets refused because the ring was full */
	uint64_t rx_packets;		/* received or skipped */
	uint64_t rx_bytes;
	uint64_t rx_releases;		/* times that their room was given back */
	uint64_t rx_signals;		/* of these needed a signal: the host waited for the room */
	uint64_t rx_errors;		/* looks that met an impossible index or length */
	uint64_t interrupts;		/* taken by vmbus_wait() or vmbus_ack() */
};

/**
 * vmbus_chan_stats() - the counters, by any thread at any time
 * @size: sizeof(*stats); later versions add members at the end
 *
 * Each is right by itself; they are not of one moment.
 *
 * Since 0.1.
 */
void vmbus_chan_stats(const struct vmbus_chan *chan, struct vmbus_stats *stats, size_t size);

/**
 * vmbus_chan_dump() - the state of a channel and of its rings, for people
 * @stream: gets some lines of text, whose form may change
 * @packets: of each ring list at most that many waiting packets
 *
 * The host is believed no more than elsewhere. The call counts as sending and receiving.
 *
 * Returns 0, or why the channel has ended (which the text says too), or -EIO (writing failed).
 *
 * Since 0.1.
 */
int vmbus_chan_dump(struct vmbus_chan *chan, FILE *stream, unsigned int packets);

/**
 * vmbus_tx_free() - the free bytes in the ring to the host, by the host's index of this moment
 *
 * A packet whose VMBUS_PACKET_SPACE() is less than that fits. The call counts as sending.
 *
 * Returns the bytes; or why the channel has ended, or -EIO (the host's index is impossible).
 *
 * Since 0.1.
 */
int vmbus_tx_free(struct vmbus_chan *chan);

/** Bytes that a packet with @len bytes of payload takes in the ring; ranges count as payload */
#define VMBUS_PACKET_SPACE(len) (24 + ((size_t)(len) + 7) / 8 * 8)

/**
 * vmbus_tx_used() - the bytes in the ring to the host that the host has not read
 *
 * Packets that are queued and not yet flushed do not count. A host reads soon after it was
 * signalled; one that does not, for minutes, may have stopped for good. The call counts as sending.
 *
 * Returns the bytes; or why the channel has ended, or -EIO (the host's index is impossible).
 *
 * Since 0.1.
 */
int vmbus_tx_used(struct vmbus_chan *chan);

/**
 * vmbus_rx_used() - the bytes in the ring from the host that are not yet received
 *
 * Descriptors, padding and trailers are included. The call counts as receiving.
 *
 * Returns the bytes; or why the channel has ended, or -EIO (the host's index is impossible).
 *
 * Since 0.1.
 */
int vmbus_rx_used(struct vmbus_chan *chan);

/* Sending */

/** Packet types that a guest sends or receives on an open channel */
enum vmbus_packet_type {
	VMBUS_PACKET_INBAND		= 6,	/* payload in the packet */
	VMBUS_PACKET_XFER_PAGES		= 7,	/* payload in ranges of a page set */
	VMBUS_PACKET_GPA_DIRECT		= 9,	/* payload in guest pages */
	VMBUS_PACKET_CANCEL		= 0xa,
	VMBUS_PACKET_COMPLETION		= 0xb,	/* answers the packet with that transaction id */
};

/** Packet flag: the sender wants a VMBUS_PACKET_COMPLETION */
#define VMBUS_PACKET_COMPLETION_REQUESTED 0x1u

/**
 * vmbus_send() - sends one packet and signals the host if it must be
 * @type: VMBUS_PACKET_INBAND or VMBUS_PACKET_COMPLETION
 * @flags: 0 or VMBUS_PACKET_COMPLETION_REQUESTED
 * @transaction_id: the caller's; comes back in the completion
 * @payload: @len bytes, 0 to vmbus_chan_max_payload(); padded with zeros to a multiple of 8
 *
 * All or nothing. When the ring is full the host is asked (pending_send_sz) to interrupt as soon as
 * there is room for this packet: wait for it with vmbus_wait(VMBUS_WAIT_SEND), then send again. The
 * request ends with the next packet that fits.
 *
 * Returns 0; or -EAGAIN (full), -EMSGSIZE (never fits), -ENODEV (rescinded), -EIO (the host's index
 * is impossible; nothing was sent), or an error of vmbus_signal().
 *
 * Since 0.1.
 */
int vmbus_send(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
	       const void *payload, size_t len);

/**
 * vmbus_sendv() - vmbus_send() of a payload in @iovcnt pieces; -EINVAL when that is negative.
 *
 * Since 0.1.
 */
int vmbus_sendv(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		const struct iovec *iov, int iovcnt);

/**
 * vmbus_queue() - as vmbus_send(), but the host does not see the packet yet
 *
 * For many packets with one publication and one signal: vmbus_queue() each, then vmbus_flush().
 * When the ring is full, what was queued before is flushed, so that the host can make room.
 * vmbus_send() flushes too.
 *
 * Since 0.1.
 */
int vmbus_queue(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		const void *payload, size_t len);

/**
 * vmbus_queuev() - vmbus_queue() of a payload in @iovcnt pieces; -EINVAL when that is negative.
 *
 * Since 0.1.
 */
int vmbus_queuev(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 const struct iovec *iov, int iovcnt);

struct vmbus_gpa_buffer;

/** One packet of many */
struct vmbus_tx_packet {
	const void *payload;
	uint32_t length;		/* bytes of payload */
	uint16_t type;			/* as for vmbus_send(), or VMBUS_PACKET_GPA_DIRECT */
	uint16_t flags;
	uint64_t transaction_id;
	const struct vmbus_gpa_buffer *ranges;	/* VMBUS_PACKET_GPA_DIRECT only, as for vmbus_queue_gpa() */
	uint32_t range_count;		/* 0 for the other types */
	uint32_t reserved;		/* 0 */
};

/**
 * vmbus_queue_many() - vmbus_queue() of @count packets in one call
 *
 * Returns how many were queued; fewer than @count when the next was refused, for a reason that a
 * call beginning with it returns. When the first was: the error of vmbus_queue(). -EINVAL: @count
 * above 2147483647.
 *
 * Since 0.1.
 */
int vmbus_queue_many(struct vmbus_chan *chan, const struct vmbus_tx_packet *messages,
		     unsigned int count);

/**
 * vmbus_send_many() - vmbus_queue_many() and vmbus_flush(): one publication, one signal at most
 *
 * Returns as vmbus_queue_many(), or an error of vmbus_signal().
 *
 * Since 0.1.
 */
int vmbus_send_many(struct vmbus_chan *chan, const struct vmbus_tx_packet *messages,
		    unsigned int count);

/**
 * vmbus_post_many() - vmbus_queue_many() and vmbus_publish() in one call
 * @signal: set to 1 if the caller must call vmbus_signal(), soon; else untouched
 *
 * So a program that sends several batches in a row signals once, after the last.
 *
 * Returns as vmbus_queue_many(). What was queued before the first refused packet is published.
 *
 * Since 0.1.
 */
int vmbus_post_many(struct vmbus_chan *chan, const struct vmbus_tx_packet *messages,
		    unsigned int count, int *signal);

/**
 * vmbus_publish() - lets the host see what is queued, and decides whether it must be signalled
 *
 * It must when it had emptied the ring before these packets and has not masked interrupts. Hosts
 * throttle guests that signal without need, and wait forever for a signal that was needed.
 *
 * Returns 1 (the caller must call vmbus_signal(), soon), 0 (it must not), or -ENODEV (rescinded).
 *
 * Since 0.1.
 */
int vmbus_publish(struct vmbus_chan *chan);

/**
 * vmbus_signal() - signals the host
 *
 * By monitor page where the channel has one; else by a write to the UIO device, and that also
 * clears the interrupt mask: an interrupt may come earlier than asked for.
 *
 * Returns 0, or -ENODEV (rescinded), or what write(2) returned; then the channel has ended, and
 * every later call that sends, receives, signals or waits returns the same.
 *
 * Since 0.1.
 */
int vmbus_signal(struct vmbus_chan *chan);

/**
 * vmbus_flush() - vmbus_publish(), and vmbus_signal() if needed. Returns 0 or their errors.
 *
 * Since 0.1.
 */
int vmbus_flush(struct vmbus_chan *chan);

/* Building packets in the ring */

/**
 * vmbus_reserve() - room for one packet, whose payload is then built in the ring itself
 * @len: bytes of payload at most
 * @payload: the result: @len bytes at a multiple of 8, with anything in them
 *
 * Until vmbus_commit() or vmbus_cancel() the channel sends nothing else: -EBUSY.
 *
 * Returns 0, or as vmbus_queue(), or -ENOMEM.
 *
 * Since 0.1.
 */
int vmbus_reserve(struct vmbus_chan *chan, size_t len, void **payload);

/**
 * vmbus_commit() - queues the packet that was built; vmbus_flush() shows it to the host
 * @len: bytes of payload, no more than were reserved
 *
 * Returns 0; or -EINVAL when @len, rounded up to 8, is more than was reserved, or when the caller has
 * no reservation (one that exists stays); or -ENODEV.
 *
 * Since 0.1.
 */
int vmbus_commit(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t transaction_id,
		 size_t len);

/**
 * vmbus_commit_gpa() - as vmbus_commit(), of a VMBUS_PACKET_GPA_DIRECT packet
 * @ranges_len: bytes that the ranges take at the beginning of what was reserved, a multiple of 8
 * @len: bytes of ranges and payload together
 *
 * The caller has written the ranges as the host reads them: struct vmbus_gpa_header, then for each
 * range struct vmbus_gpa_entry and the page numbers, 8 bytes each. The library does not check them.
 *
 * Returns as vmbus_commit(); -EINVAL also when @ranges_len is no multiple of 8, less than 24 or more
 * than @len.
 *
 * Since 0.1.
 */
int vmbus_commit_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t transaction_id,
		     size_t ranges_len, size_t len);

/** What the ranges of a VMBUS_PACKET_GPA_DIRECT packet begin with, on the wire */
struct vmbus_gpa_header {
	uint32_t reserved;		/* 0 */
	uint32_t count;			/* of ranges */
};

/** What each range begins with, on the wire: the page numbers follow */
struct vmbus_gpa_entry {
	uint32_t length;
	uint32_t offset;
};

/**
 * vmbus_cancel() - gives the caller's reservation back unused; does nothing if there is none.
 *
 * Since 0.1.
 */
void vmbus_cancel(struct vmbus_chan *chan);

/* Pages of the guest */

/** A piece of guest memory, in pages of 4096 bytes whatever the system's are */
struct vmbus_gpa_buffer {
	uint32_t length;	/* bytes, 1 or more */
	uint32_t offset;	/* into the first page, below 4096 */
	const uint64_t *pages;	/* guest frame numbers, as many as the range touches */
};

/**
 * vmbus_queue_gpa() - as vmbus_queue(), with memory that the host shall read or write itself
 * @ranges: @count of them, 1 or more; travels as VMBUS_PACKET_GPA_DIRECT
 * @payload: goes in the packet, as for vmbus_queue()
 *
 * The host may use the memory until it completes the packet: keep it until then.
 *
 * Returns as vmbus_queue(); -EINVAL (@count is 0, or a range is not as above), -EMSGSIZE (ranges,
 * 8 bytes each and 8 for each page, and payload are together too large).
 *
 * Since 0.1.
 */
int vmbus_queue_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t transaction_id,
		    const struct vmbus_gpa_buffer *ranges, unsigned int count, const void *payload,
		    size_t len);

/** vmbus_send_gpa() - vmbus_queue_gpa() and vmbus_flush(). Since 0.1. */
int vmbus_send_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t transaction_id,
		   const struct vmbus_gpa_buffer *ranges, unsigned int count, const void *payload,
		   size_t len);

/** The kernel's table of where memory of this process lies */
struct vmbus_pagemap;

/**
 * vmbus_pagemap_open() - opens /proc/self/pagemap, for vmbus_gpa_pages()
 *
 * After fork() it still describes the parent: the child opens its own. A program can open it before
 * it gives up CAP_SYS_ADMIN: the kernel shows page numbers to the opener that had it.
 *
 * Returns 0, or -ENOMEM, or what open(2) returned.
 *
 * Since 0.1.
 */
int vmbus_pagemap_open(struct vmbus_pagemap **pagemap);

/** vmbus_pagemap_close() - closes it; NULL is allowed. Since 0.1. */
void vmbus_pagemap_close(struct vmbus_pagemap *pagemap);

/**
 * vmbus_gpa_pages() - the guest frame numbers of memory of this process, for a vmbus_gpa_buffer
 * @addr: @len bytes anywhere
 * @pages: room for @count numbers, of pages of 4096 bytes
 *
 * Use it only for memory that stays where it is: huge pages. The kernel may move pages that are
 * merely locked. Touch the memory first. Any thread may call it.
 *
 * Returns how many there are; or -EINVAL (@len), -ENOBUFS (more than @count), -EPERM (the kernel
 * hides the numbers), -EFAULT (not all of it is in memory), or what reading returned.
 *
 * Since 0.1.
 */
int vmbus_gpa_pages(const struct vmbus_pagemap *pagemap, const void *addr, size_t len,
		    uint64_t *pages, unsigned int count);

/* Receiving */

/** What came with a received payload */
struct vmbus_packet {
	uint16_t type;			/* enum vmbus_packet_type, or whatever the host sent */
	uint16_t flags;			/* VMBUS_PACKET_COMPLETION_REQUESTED */
	uint32_t header;		/* bytes before the payload: 16, more with page ranges */
	uint32_t length;		/* bytes of payload: what was sent, rounded up to 8 */
	uint32_t reserved;
	uint64_t transaction_id;
};

/**
 * vmbus_recv() - receives one packet
 * @pkt: what came with the payload
 * @buf: room for @size bytes of payload
 *
 * Does not wait. Frees the packet's place in the ring, and signals the host when it waits for that
 * room and nobody else would tell it.
 *
 * Returns 0; or -EAGAIN (the ring is empty); -ENOBUFS (@size is less than pkt->length, which is
 * set, and so are the other members; the packet stays); -EPROTO (the packet's lengths are
 * impossible; it stays: vmbus_skip() leaves it behind); -EIO (the host's index is impossible:
 * nothing more can be received, close); -ENODEV (rescinded: what is left in the ring is lost). For
 * an error @buf is untouched, but for -ENODEV, where it may have part of a packet and zeros. When
 * the host could not be signalled, the next call says so.
 *
 * A rescind is told by an interrupt. Who only polls, and never waits, calls vmbus_ack() now and then,
 * which takes it; until then an empty ring stays -EAGAIN.
 *
 * Since 0.1.
 */
int vmbus_recv(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size);

/**
 * vmbus_recv_raw() - as vmbus_recv(), of the whole packet from its 16-byte descriptor on
 *
 * For the packet types whose header carries ranges. @buf needs pkt->header + pkt->length bytes. The
 * ranges in it are the host's claims, for the caller to check.
 *
 * Since 0.1.
 */
int vmbus_recv_raw(struct vmbus_chan *chan, struct vmbus_packet *pkt, void *buf, size_t size);

/**
 * vmbus_skip() - leaves behind the packet that vmbus_recv() would return
 *
 * Where the packet's own length is impossible, so that its end is unknown: everything in the ring.
 *
 * Returns 0, or -EAGAIN (the ring is empty), or -EIO or -ENODEV as vmbus_recv().
 *
 * Since 0.1.
 */
int vmbus_skip(struct vmbus_chan *chan);

/* Packets where they lie, and many at a time */

/**
 * A packet where it lies, in the ring or in a buffer. The members after transaction_id are the
 * library's.
 */
struct vmbus_view {
	const void *payload;		/* at a multiple of 8 */
	uint32_t length;		/* bytes of payload: what was sent, rounded up to 8 */
	uint32_t header;		/* 16 or more: what is above 16 lies right before the payload */
	uint64_t transaction_id;
	uint16_t type;			/* as in struct vmbus_packet */
	uint16_t flags;
	uint32_t end;
	uint32_t number;
	uint32_t reserved;
};

/**
 * vmbus_peek() - looks at packets in the ring, without copying
 * @views: the result, in order: the first packets not yet received
 * @count: room in @views, 1 or more
 *
 * Each payload is in one piece. They stay until vmbus_release(), vmbus_recv() or the like; a second
 * call returns the same again, and what came since. May return fewer than are there, never none.
 *
 * What type, length and the like say was checked and does not change. The payload is still the
 * host's to change: read once what is checked, or copy it. And after a rescind it may read as zeros
 * (see vmbus_guard()): believe what was read once vmbus_release() has returned 0.
 *
 * Returns the number of views, 1 or more; or -EAGAIN, -EPROTO, -EIO, -ENODEV as vmbus_recv(),
 * -EINVAL (@count is 0).
 *
 * Since 0.1.
 */
int vmbus_peek(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count);

/**
 * vmbus_release() - leaves packets behind, up to and including this one
 * @last: of the last vmbus_peek(), and nothing was received since; may be called again with a later
 *	one of the same
 *
 * One publication, one decision whether the host waits for the room, for them all.
 *
 * Returns 0, or -ENODEV (rescinded), -EINVAL (@last is not such a view). When the host could not be
 * signalled, the next call says so.
 *
 * Since 0.1.
 */
int vmbus_release(struct vmbus_chan *chan, const struct vmbus_view *last);

/**
 * vmbus_recv_many() - receives packets by copying, as many as are there and fit
 * @views: the result; payloads lie in @buf, which needs to be at a multiple of 8 if they shall be
 * @count: room in @views, 1 or more
 * @buf: room for @size bytes; each packet takes its length and what its header has above 16
 *
 * Returns the number of packets, 1 or more; or as vmbus_recv() for the first (-ENOBUFS: views[0]
 * has its length and header, and no payload), -EINVAL (@count is 0).
 *
 * Since 0.1.
 */
int vmbus_recv_many(struct vmbus_chan *chan, struct vmbus_view *views, unsigned int count,
		    void *buf, size_t size);

/** A part of a buffer */
struct vmbus_range {
	uint32_t offset;
	uint32_t length;
};

/** The page set that a VMBUS_PACKET_XFER_PAGES packet refers to */
struct vmbus_xfer_set {
	uint16_t number;		/* of the set, for the caller to compare */
	uint8_t sender_owns_set;	/* 1: the host may reuse the pages once the packet is completed */
	uint8_t reserved;
};

/**
 * vmbus_xfer_ranges() - where the data of a VMBUS_PACKET_XFER_PAGES packet lies
 * @view: from vmbus_peek() or vmbus_recv_many()
 * @buffer_size: bytes of the buffer that they point into: no range goes beyond
 * @set: the result, may be NULL
 * @ranges: room for @max
 *
 * Returns how many there are; or -EPROTO (another type of packet, a count beyond its header, a range
 * beyond the buffer), -ENOBUFS (more than @max).
 *
 * Since 0.1.
 */
int vmbus_xfer_ranges(const struct vmbus_view *view, size_t buffer_size, struct vmbus_xfer_set *set,
		      struct vmbus_range *ranges, unsigned int max);

/* Waiting */

#define VMBUS_WAIT_RECV	0x1u	/* a packet to receive */
#define VMBUS_WAIT_SEND	0x2u	/* room for what was refused with -EAGAIN; at once if nothing was */

/**
 * vmbus_wait() - sleeps until there is something to do
 * @events: VMBUS_WAIT_RECV, VMBUS_WAIT_SEND or both. For the thread rule the call counts as
 *	receiving, sending or both.
 * @timeout_ms: milliseconds; 0 only looks; -1 without limit
 *
 * Clears the interrupt mask, looks again, sleeps. With VMBUS_WAIT_RECV it sets the mask when it
 * returns, so the host does not interrupt while the caller drains the ring; with VMBUS_WAIT_SEND
 * alone it leaves that to the thread that receives, which may be asleep. Receive until -EAGAIN,
 * then wait again: no wake-up is lost, none spins.
 *
 * Several threads may wait on a channel, each for what it may do: one of them sleeps for all, and
 * wakes the others. With several producers each waits for the room of the packet that was refused to
 * it last; so a small packet does not wait for the room of a large one. While one thread receives
 * with poll() and vmbus_ack(), others may wait to send.
 *
 * A signal handler ends only the wait of the thread that sleeps for all. To end the waits of a
 * channel, let the threads wait with a timeout and look at a flag, or poll vmbus_fd() with an
 * eventfd beside it.
 *
 * Returns the events that are ready, more than 0; or -ETIMEDOUT, -EINTR (a signal handler ran in the
 * thread that slept for all), -ENODEV (rescinded: what is left in the ring is lost), -EIO (the
 * host's index is impossible), -EINVAL (@events), -EOPNOTSUPP (a channel from memory without fd, or one
 * in poll mode), or what eventfd(2) returned.
 *
 * Since 0.1.
 */
int vmbus_wait(struct vmbus_chan *chan, unsigned int events, int timeout_ms);

/**
 * vmbus_fd() - a descriptor for poll and epoll: readable after an interrupt
 *
 * -1 for a channel from memory that has none. Do not read it: vmbus_ack() does.
 *
 * The loop: vmbus_arm(); if it returns 0, sleep in poll; if the descriptor is readable, vmbus_ack();
 * then vmbus_recv() until -EAGAIN. One thread at a time may poll it.
 *
 * Since 0.1.
 */
int vmbus_fd(const struct vmbus_chan *chan);

/**
 * vmbus_arm() - clears the interrupt mask, then looks again
 * @events: as for vmbus_wait()
 *
 * The interrupt that follows a result of 0 belongs to the calling thread: threads that wait to send
 * leave it to the vmbus_ack() of that thread, and go on after it.
 *
 * Returns the events that are ready (do not sleep; the mask stays clear), 0 (the next one
 * interrupts), or -ENODEV, -EIO, -EINVAL, -EOPNOTSUPP (poll mode; or VMBUS_WAIT_SEND with several
 * producers: use vmbus_wait()).
 *
 * Since 0.1.
 */
int vmbus_arm(struct vmbus_chan *chan, unsigned int events);

/**
 * vmbus_ack() - takes a pending interrupt and sets the interrupt mask; does not wait
 *
 * Returns 0, or -EAGAIN (none was pending; the mask is set), -ENODEV (rescinded), -EOPNOTSUPP (no
 * fd), or what read(2) returned.
 *
 * Since 0.1.
 */
int vmbus_ack(struct vmbus_chan *chan);

/**
 * vmbus_mask() - sets the interrupt mask: no interrupts for new packets until vmbus_arm()
 *
 * On a channel that has ended it does nothing.
 *
 * Since 0.1.
 */
void vmbus_mask(struct vmbus_chan *chan);

/* Integration components (IC) */

/** A version as IC messages carry it: 3.0 is { 3, 0 } */
struct vmbus_ic_version {
	uint16_t major;
	uint16_t minor;
};

/** What every IC message starts with, on the wire: 28 bytes */
struct vmbus_ic_header {
	uint32_t pipe_flags;
	uint32_t pipe_size;			/* bytes after these 8, as the sender says */
	struct vmbus_ic_version framework;
	uint16_t type;				/* VMBUS_IC_* */
	struct vmbus_ic_version message;
	uint16_t size;				/* bytes after the header, as the sender says */
	uint32_t status;			/* VMBUS_S_* or VMBUS_E_* */
	uint8_t transaction_id;
	uint8_t flags;				/* VMBUS_IC_FLAG_* */
	uint8_t reserved[2];
} __attribute__((packed));

/** What follows the header of a VMBUS_IC_NEGOTIATE message: 8 bytes, then the versions */
struct vmbus_ic_negotiate {
	uint16_t framework_count;		/* struct vmbus_ic_version that many, then */
	uint16_t message_count;			/* that many */
	uint32_t reserved;
} __attribute__((packed));

enum vmbus_ic_type {
	VMBUS_IC_NEGOTIATE	= 0,
	VMBUS_IC_HEARTBEAT	= 1,
	VMBUS_IC_KVP		= 2,
	VMBUS_IC_SHUTDOWN	= 3,
	VMBUS_IC_TIMESYNC	= 4,
	VMBUS_IC_VSS		= 5,
	VMBUS_IC_FCOPY		= 7,
};

#define VMBUS_IC_FLAG_TRANSACTION	0x1u
#define VMBUS_IC_FLAG_REQUEST		0x2u
#define VMBUS_IC_FLAG_RESPONSE		0x4u

/** The most versions of a kind that a negotiation may carry */
#define VMBUS_IC_MAX_VERSIONS		100

/* Status codes of IC messages: Windows HRESULTs */
#define VMBUS_S_OK			0x00000000u
#define VMBUS_S_CONT			0x80070103u	/* more to come */
#define VMBUS_E_FAIL			0x80004005u
#define VMBUS_E_NOT_SUPPORTED		0x80070032u
#define VMBUS_E_ALREADY_EXISTS		0x80070050u
#define VMBUS_E_INVALIDARG		0x80070057u
#define VMBUS_E_DISK_FULL		0x80070070u
#define VMBUS_E_NOT_CONNECTED		0x8007048fu
#define VMBUS_E_MACHINE_LOCKED		0x800704f7u
#define VMBUS_E_GUID_NOT_FOUND		0x80041002u

/**
 * vmbus_ic_parse() - the header of a received IC message
 * @msg: the payload of an in-band packet
 * @len: its length as received
 * @hdr: a copy of the header
 *
 * What follows the header is @len - sizeof(*hdr) bytes. hdr->size and hdr->pipe_size are only what
 * the host says.
 *
 * Returns 0, or -EPROTO (too short).
 *
 * Since 0.1.
 */
int vmbus_ic_parse(const void *msg, size_t len, struct vmbus_ic_header *hdr);

/**
 * vmbus_ic_answer() - turns a received IC message into its answer, in place: status and flags
 * @msg: @len bytes, sent back with the same length and the transaction id of its packet
 * @status: VMBUS_S_* or VMBUS_E_*
 *
 * Returns 0, or -EPROTO (too short).
 *
 * Since 0.1.
 */
int vmbus_ic_answer(void *msg, size_t len, uint32_t status);

/**
 * vmbus_ic_negotiate() - turns a received VMBUS_IC_NEGOTIATE message into its answer, in place
 * @msg: the payload, @len bytes as received
 * @frameworks: the framework versions that the caller knows, the preferred first
 * @messages: the same for the versions of its own messages
 * @framework: the version agreed, may be NULL
 * @message: the version agreed, may be NULL
 *
 * Of each list the first that the host has too is taken.
 *
 * Returns 0 (send the answer), -EPROTONOSUPPORT (no common version; send the answer: it says so),
 * -EPROTO (not a negotiation, too short for its counts, or more than VMBUS_IC_MAX_VERSIONS; @msg is
 * untouched, send nothing), or -EINVAL (one of the caller's lists is empty).
 *
 * Since 0.1.
 */
int vmbus_ic_negotiate(void *msg, size_t len,
		       const struct vmbus_ic_version *frameworks, size_t framework_count,
		       const struct vmbus_ic_version *messages, size_t message_count,
		       struct vmbus_ic_version *framework, struct vmbus_ic_version *message);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* VMBUS_BUFRING_H */
