/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef VMBUS_INTERNAL_H
#define VMBUS_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "../util/vmbus.h"
#include "from_memory.h"
#include "ring.h"
#include "vmbus_bufring.h"

#define HV_PAGE_SIZE 4096u /* the page of the hypervisor; that of the system may be larger */

/*
 * The guest signals the host in the second half of the interrupt page, which
 * has a bit for each channel number.
 */
#define EVENT_PAGE_SEND 2048u
#define EVENT_CHANNELS	(2048u * 8)
/*
 * The monitor page has groups of 32 triggers. A group is 8 bytes long and
 * begins with the pending bits. Further on, the page has the latency of each
 * trigger in units of 100 ns.
 */
#define MONITOR_PAGE_GROUPS  8u
#define MONITOR_PAGE_LATENCY 576u
#define MONITOR_TRIGGERS     128u
#define LATENCY_PER_US	     10

/* Store the text for vmbus_error(), and return @err. */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Forget the text, because a function that leaves one has succeeded. */
void no_failure(void);

#define RING_SIZE_ATTRIBUTE "uio_hv_generic/ring_size"

/*
 * The sizes of the structs in version 0.1. A program may have been built for
 * that version. Each macro names the last member of that version, so that the
 * size stays the same when a later version adds members.
 */
#define SIZE_UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
#define OPEN_OPTIONS_SIZE_0_1	 SIZE_UP_TO(struct vmbus_open_options, ring_size)
#define IC_OPTIONS_SIZE_0_1	 SIZE_UP_TO(struct vmbus_ic_options, open)

/* The library would mistake a member behind padding for one of version 0.1. */
_Static_assert(OPEN_OPTIONS_SIZE_0_1 == sizeof(struct vmbus_open_options) &&
		       IC_OPTIONS_SIZE_0_1 == sizeof(struct vmbus_ic_options),
	       "version 0.1 has padding");

/*
 * Copy a struct of the program, which has @from_size bytes, to a struct of the
 * library. Clear the members that the program does not know. Return -EINVAL if
 * the struct is shorter than @first_size, or -E2BIG if it is longer than @size
 * and the rest is not zero.
 */
int copy_struct(void *to, size_t size, const void *from, size_t from_size, size_t first_size);
/*
 * Copy a struct of the library, which has @size bytes, to a struct of the
 * program. Clear the members that the library does not know.
 */
void copy_out(void *to, size_t to_size, const void *from, size_t size);
/* Check and copy the options of an open; @from may be NULL. */
int copy_open_options(const struct vmbus_open_options *from, struct vmbus_open_options *to);
int check_open_flags(uint32_t flags);
/* The function may read again which driver has the device. */
int set_ring_size(struct vmbus_device *dev, uint32_t ring_size);

/*
 * Read the first line of the file @name in the directory @dir, without its
 * newline. Return 0, -EPROTO (the line is too long or not a number), or the
 * error of open(2) or read(2).
 */
int read_attribute(const char *dir, const char *name, char *text, size_t size);
int read_attribute_u64(const char *dir, const char *name, uint64_t *value);

/* A map of a UIO device. uio_hv_generic has at most 5. */
struct uio_map {
	char name[32];
	unsigned int number;
	uint64_t size;
	uint64_t offset; /* within the first page */
	void *address;	 /* NULL until it is mapped */
};

struct mapping {
	void *addr;
	size_t size;
	struct range *range;
	atomic_uint *users; /* for a mapping that channels share; otherwise NULL */
};

enum { MAP_RINGS, MAP_INT_PAGE, MAP_MONITOR_PAGE, MAP_RECV_BUFFER, MAP_SEND_BUFFER, MAP_COUNT };

/*
 * A thread that waits for room. The struct is on the stack of the thread, and
 * is linked to the channel while the thread waits.
 */
struct room_waiter {
	struct room_waiter *next;
	uint32_t need; /* the bytes of its packet; 0: no packet was refused */
	bool woken;    /* another thread has woken it since its last look */
};

struct vmbus_chan {
	struct tx_ring tx;
	struct rx_ring rx;

	/*
	 * The reason why the channel has ended, or 0. Any thread may notice the
	 * end, and so may a signal handler. From then on no thread uses the
	 * rings, because the kernel removes their pages after a rescind. Every
	 * call reads this cache line, and hardly anything writes it.
	 */
	alignas(CACHE_LINE) _Atomic int dead;
	enum producers producers;
	bool poll_mode;	 /* the interrupt mask stays set */
	uint64_t serial; /* no two channels of a process have the same number */

	/*
	 * The thread that holds the lock, or NULL. With one producer it is
	 * always NULL. A thread that has a reservation also holds the lock, and
	 * takes it again when it flushes.
	 */
	alignas(CACHE_LINE) _Atomic(const void *) send_owner;
	unsigned int send_again; /* how many more times that thread has taken the lock */
	pthread_mutex_t send_mutex;
	struct room_waiter *room_waiters;
	/*
	 * the bytes of the packet that was refused last; 0: there has been room
	 * since
	 */
	uint32_t refused;

	/*
	 * One of the waiting threads sleeps in poll() and takes the interrupt,
	 * which may be for any of them. Then all of them look again. @poller is
	 * a thread that has called vmbus_arm() and polls vmbus_fd(). The next
	 * interrupt is for this thread, which takes it with vmbus_ack(). The
	 * lock protects all these members; vmbus_wait() also reads @poller
	 * without it.
	 */
	pthread_mutex_t wait_lock;
	pthread_cond_t wait_turn;
	bool wait_sleeper;
	_Atomic(const void *) poller;
	bool interrupt_left;  /* there is an interrupt, and it is for the poller */
	int wake_fd;	      /* an eventfd that ends the sleep in poll(); -1: none yet */
	unsigned int waiters; /* threads in vmbus_wait() that may sleep */
	unsigned int wakes;   /* calls of vmbus_wake() that they must notice */
	bool wake_left;	      /* a call that found no such thread */
	/* how many times the waiting threads had to look again */
	unsigned int wait_turns;

	int fd; /* -1: none */
	bool own_fd;
	bool fd_is_socket;
	bool fd_is_fifo; /* that of a test; its maps are in another file */
	int map_fd;	 /* -1: fd */
	int (*signal)(void *ctx);
	void *ctx;

	/*
	 * The words and bits of this channel in the interrupt page and the
	 * monitor page if it is monitored, or NULL
	 */
	_Atomic uint32_t *event_word;
	uint32_t event_bit;
	_Atomic uint32_t *monitor_word;
	uint32_t monitor_bit;
	_Atomic uint16_t *latency; /* in the monitor page, in units of 100 ns */

	struct vmbus_info info;
	counter interrupts;

	struct mapping maps[MAP_COUNT];
	struct vmbus_buffer buffers[2];
	struct vmbus_device *device;
	bool own_device; /* false: the primary channel's, or the caller's */
};

/*
 * Senders that spin write the cache line of the lock all the time, and every
 * call reads that of dead.
 */
_Static_assert(offsetof(struct vmbus_chan, dead) / CACHE_LINE !=
			       offsetof(struct vmbus_chan, send_owner) / CACHE_LINE &&
		       offsetof(struct vmbus_chan, dead) % CACHE_LINE == 0,
	       "dead shares a cache line");

/*
 * The first wait until the library looks for a device again, and the longest;
 * each wait is twice as long as the one before.
 */
#define RETRY_MS_MIN 100
#define RETRY_MS_MAX 2000

/*
 * Return a value that no other living thread has. The pointer of a thread to
 * its own data is such a value, and one instruction reads it.
 * selftests/ordering defines this for its own threads.
 */
#ifndef this_thread
static inline const void *this_thread(void)
{
#if defined(__x86_64__) && defined(__LP64__)
	const void *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
#elif defined(__aarch64__)
	return __builtin_thread_pointer();
#else
	return (const void *)(uintptr_t)pthread_self();
#endif
}
#endif

/* Take the lock of spinning producers if no thread holds it. */
static inline bool send_trylock(struct vmbus_chan *chan, const void *me)
{
	const void *nobody = NULL;

	return atomic_compare_exchange_strong_explicit(&chan->send_owner, &nobody, me,
						       memory_order_acquire, memory_order_relaxed);
}

static inline void send_let_go(struct vmbus_chan *chan)
{
	smp_store_release(&chan->send_owner, NULL);
}

/*
 * Wait for the lock as the thread @me, or take it again if this thread holds
 * it.
 */
void send_lock_wait(struct vmbus_chan *chan, const void *me);

static inline void send_lock(struct vmbus_chan *chan)
{
	const void *me;

	if (likely(!chan->producers))
		return;
	me = this_thread();
	if (unlikely(chan->producers != PRODUCERS_SPIN || !send_trylock(chan, me)))
		send_lock_wait(chan, me);
}

static inline void send_unlock(struct vmbus_chan *chan)
{
	if (likely(!chan->producers))
		return;
	if (unlikely(chan->send_again)) {
		chan->send_again--;
		return;
	}
	send_let_go(chan);
	if (chan->producers != PRODUCERS_SPIN)
		pthread_mutex_unlock(&chan->send_mutex);
}

/*
 * Defer a cancellation of the thread until cancel_restore(), which gets the
 * result. System calls under a lock need this.
 */
static inline int cancel_defer(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

static inline void cancel_restore(int state)
{
	pthread_setcancelstate(state, NULL);
}

/* Mark the channel as ended, and return @err. */
static inline int channel_dead(struct vmbus_chan *chan, int err)
{
	WRITE_ONCE(chan->dead, err);
	return err;
}

/*
 * Return 0, or why the channel has ended. A function calls this before it uses
 * the rings. The function has read nothing there yet, so the load orders
 * nothing.
 */
static inline int channel_ended(const struct vmbus_chan *chan)
{
	return READ_ONCE(chan->dead);
}

/*
 * Return 0, or why the channel has ended. A function calls this before it uses
 * what it has read in the rings, because it may have read the zeros of the
 * guard. The guard marks the channel before it maps the zeros.
 */
static inline int channel_check(const struct vmbus_chan *chan)
{
	barrier();
	smp_rmb();
	return READ_ONCE(chan->dead);
}

/*
 * Return @result, or why the channel has ended. A function that has used the
 * ring ends with this.
 */
static inline int settle(const struct vmbus_chan *chan, int result)
{
	int dead = channel_check(chan);

	return unlikely(dead) ? dead : result;
}

/*
 * Record for room_wait_begin() that a packet of @need bytes was refused, or
 * that a packet was queued.
 */
void room_refused(struct vmbus_chan *chan, uint32_t need);
void room_found(struct vmbus_chan *chan);
/*
 * Ask the host to interrupt as soon as a packet of @need bytes or the packet of
 * a waiting thread fits, and look again. If @need is 0, ask only for the
 * waiting threads. Return the free bytes, or -EIO. The caller holds the send
 * lock.
 */
int room_request(struct vmbus_chan *chan, uint32_t need);
/*
 * Add the thread to those that wait for room, and remove it. @found is true if
 * the wait has found the room.
 */
void room_wait_begin(struct vmbus_chan *chan, struct room_waiter *waiter);
void room_wait_end(struct vmbus_chan *chan, struct room_waiter *waiter, bool found);
/*
 * Return 1 if the packet of @waiter fits, 0 if not, or -EIO. With @ask, ask the
 * host for the room.
 */
int room_look(struct vmbus_chan *chan, struct room_waiter *waiter, bool ask);

/*
 * Set the interrupt mask, unless the channel has ended: the host does not
 * interrupt for new packets until vmbus_arm(). Only the thread that receives
 * calls this, because the mask would also hold back the interrupt for which it
 * sleeps.
 */
void mask_interrupts(struct vmbus_chan *chan);

/*
 * Take one interrupt from the descriptor. Return 0, -EAGAIN if there is none,
 * or another error.
 */
int take_interrupt(struct vmbus_chan *chan);
/* Let all threads that wait on the channel look at the rings again. */
void wake_waiters(struct vmbus_chan *chan);

/* Return the milliseconds of CLOCK_MONOTONIC. */
static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

size_t page_size(void);
struct vmbus_chan *channel_alloc(void);
/*
 * Open the primary channel of a device, as vmbus_open() does. After a success
 * the channel owns @dev.
 */
int channel_open(struct vmbus_device *dev, const struct vmbus_open_options *options,
		 struct vmbus_chan **chan);
/* Return 0, -EIO (the indices in the rings are impossible) or -ENOMEM. */
int channel_attach(struct vmbus_chan *chan, void *tx_ring, size_t tx_size, void *rx_ring,
		   size_t rx_size, size_t header_size);
/* Hand a mapping over to the channel, which unmaps it when it is closed. */
int channel_own(struct vmbus_chan *chan, int which, void *addr, size_t size);
void channel_disown(struct vmbus_chan *chan, int which);
void channel_set_monitor(struct vmbus_chan *chan, unsigned char *int_page,
			 unsigned char *monitor_page, uint32_t relid, uint32_t monitor_id);
/* Finish the opening of a channel, in the mode of these VMBUS_OPEN_* flags. */
void channel_opened(struct vmbus_chan *chan, uint32_t relid, uint32_t flags);

/*
 * Return the bytes that the host has not read yet, or -EIO, or why the channel
 * has ended.
 */
int tx_used(const struct vmbus_chan *chan);

/*
 * Whether vmbus_recv() has something else to return than -EAGAIN. The function
 * makes no system call.
 */
static inline bool has_packet(struct vmbus_chan *chan)
{
	return channel_ended(chan) || rx_ring_look(&chan->rx);
}

/*
 * These functions are steps of opening a channel of a device. Each returns 0 or
 * -errno, and leaves a text for vmbus_error() unless its comment says
 * otherwise.
 */
/*
 * Open the file of the device, and check that it belongs to the device. The
 * result is a channel without rings. A sub-channel leaves the lock of the file
 * to the primary channel.
 */
enum sharing { LEFT_TO_PRIMARY, SHARED, EXCLUSIVE };
int uio_open(struct vmbus_device *dev, enum sharing sharing, struct vmbus_chan **result);
/*
 * Return @err, the error of a step of opening, or -ENODEV if the step failed
 * because the device has gone.
 */
int uio_error(const struct vmbus_device *dev, int err);
/*
 * Map @size bytes of @fd as the mapping @which of the channel. The address is
 * @address unless that is NULL. The function leaves no text.
 */
int uio_map_file(struct vmbus_chan *chan, int which, void *address, int fd, size_t size,
		 off_t offset);
/*
 * Map the UIO map @name. A @name that ends with a colon stands for every name
 * that begins with it.
 */
int uio_map(struct vmbus_chan *chan, const char *name, int which, void *address, struct uio_map *m);
/*
 * Map a map that every device has, as uio_map() does. Return -EPROTO if it is
 * missing.
 */
int uio_map_required(struct vmbus_chan *chan, const char *name, int which, struct uio_map *m);
/*
 * Attach to both rings, which are one after the other in @size bytes at @rings.
 */
int uio_open_rings(struct vmbus_chan *chan, unsigned char *rings, uint64_t size);
/*
 * Map the monitor page if the channel is monitored. @folder is the directory of
 * the channel in sysfs.
 */
int uio_open_monitor(struct vmbus_chan *chan, const char *folder, uint64_t relid);

/*
 * Copy the header of a message of an integration component. Return 0, or
 * -EPROTO if the @len bytes are less than a header.
 */
int ic_parse(const void *msg, size_t len, struct vmbus_ic_header *hdr);
/*
 * Turn a message, which has a header, into its answer: set status and flags.
 */
void ic_answer(void *msg, uint32_t status);
/*
 * Turn a VMBUS_IC_NEGOTIATE message of @len bytes into its answer, with the
 * first version in each list of @opt that the host also has. Return 0,
 * -EPROTONOSUPPORT (no common version, which the answer reports), or -EPROTO
 * (not a negotiation, too short for its counts, or more than
 * VMBUS_IC_MAX_VERSIONS; @msg is untouched, and has no answer).
 */
int ic_negotiate(void *msg, size_t len, const struct vmbus_ic_options *opt,
		 struct vmbus_ic_version *framework, struct vmbus_ic_version *message);

/* Watch a mapping of the channel. Return NULL if there is no memory. */
struct range *guard_add(struct vmbus_chan *chan, void *addr, size_t size);
/* Stop watching a mapping, before it is unmapped. */
void guard_remove(struct range *range);

#endif /* VMBUS_INTERNAL_H */
