/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Channels over memory, without a kernel driver: vmbus_open_pair() uses them,
 * and so do the tests and benchmarks of the library, which write what a faulty
 * host would write.
 */
#ifndef VMBUS_FROM_MEMORY_H
#define VMBUS_FROM_MEMORY_H

#include "vmbus_bufring.h"

/* A channel over memory that the caller provides */
struct vmbus_memory {
	unsigned int flags; /* VMBUS_MEMORY_* */

	/*
	 * Each ring is a header of header_size bytes, followed by at least 64
	 * bytes of data. Both rings start at a multiple of 8. Their sizes are
	 * multiples of 8 below 2^31, not necessarily powers of two. The rings
	 * must not overlap. The other side has the same memory with the two
	 * rings exchanged.
	 */
	void *tx_ring;
	size_t tx_size; /* header included */
	void *rx_ring;
	size_t rx_size;
	size_t header_size; /* 128 or more; 0: the system's page size, as on a real channel */

	/*
	 * A non-blocking file descriptor that behaves like /dev/uioN: it
	 * becomes readable when the other side signals, read(2) of 4 bytes
	 * takes that signal, and write(2) of 4 bytes signals the other side. A
	 * non-blocking AF_UNIX stream socket pair behaves like this. End of
	 * file means a rescind. -1 means that nobody can wait; set it
	 * explicitly, because 0 is a valid descriptor. The caller keeps the
	 * descriptor and closes it.
	 */
	int fd;

	/*
	 * The library calls this function instead of writing to fd, in the
	 * thread that sends, receives or calls channel_signal(). Several
	 * threads may be in it at the same time. It returns 0, or -ENODEV for a
	 * rescind. The library treats any other value as -EIO. An error ends
	 * the channel.
	 *
	 * The library holds the send lock of the channel during the call when
	 * the ring is full or the calling thread has a reservation. Therefore
	 * the function must not use this channel, nor wait for a thread that
	 * sends on it, nor act on a cancellation. It may use other channels.
	 */
	int (*signal)(void *ctx);
	void *ctx;
};

/**
 * Clear both ring headers and announce pending_send_sz, as the kernel does when
 * it connects. Only the guest's side sets this flag, and a test must make that
 * side first, because the flag drops the packets in the rings. Without the
 * announcement the other side sends no signal when it makes room.
 */
#define VMBUS_MEMORY_RESET 0x1u
/**
 * Send packets of any type and with any flags, for a test that plays a faulty
 * host
 */
#define VMBUS_MEMORY_ANY_PACKET 0x2u

/*
 * Make a channel over these rings. The function copies @mem, which it does not
 * check; the memory that it points to must outlive the channel. Return 0,
 * -ENOMEM or -EIO (impossible indices in the rings), with a text for
 * vmbus_error().
 */
int channel_from_memory(const struct vmbus_memory *mem, struct vmbus_chan **chan);

/* The number of threads that send on a channel, and how they take turns */
enum producers {
	PRODUCERS_ONE = 0,   /* one thread at a time: no lock, the fastest */
	PRODUCERS_MUTEX = 1, /* several threads; a thread that has to wait sleeps */
	/* several threads, each with a processor of its own: they spin */
	PRODUCERS_SPIN = 2
};

/*
 * No other thread may use the channel during this call, and it must not have a
 * reservation.
 */
void set_producers(struct vmbus_chan *chan, enum producers producers);

/*
 * Signal the host, through the monitor page if the channel is monitored, or by
 * a write to the UIO device. Return 0, -ENODEV (rescinded), or -EIO; an error
 * ends the channel.
 */
int channel_signal(struct vmbus_chan *chan);

/* Return the text for vmbus_error(), which then returns it, too. */
const char *error_text(void);

#endif /* VMBUS_FROM_MEMORY_H */
