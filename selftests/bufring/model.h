/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest channel and a host, in memory that ends in inaccessible pages. The
 * host is the other side of the library, or the test itself, which writes into
 * the rings in the layout of the protocol.
 */
#ifndef MODEL_H
#define MODEL_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/from_memory.h"
#include "../kselftest/wait.h"
#include "test.h"

/* CFLAGS may set a smaller number for slow checkers. */
#ifndef MESSAGES
#define MESSAGES 200000
#endif

/* The header of a ring, by word */
enum {
	WRITE_INDEX = 0,
	READ_INDEX = 1,
	INTERRUPT_MASK = 2,
	PENDING_SEND_SZ = 3,
	FEATURE_BITS = 16,
};

#define DESCRIPTOR 16
#define TRAILER	   8

/* The call fails with this error, and its text for the user contains @text. */
#define CHECK_FAILS(call, error, text)             \
	do {                                       \
		CHECK_IS(call, error);             \
		CHECK(strstr(error_text(), text)); \
	} while (0)

struct ring {
	unsigned char *base;
	size_t size; /* header included */
	unsigned char *data;
	uint32_t data_size;
};

struct model {
	struct ring to_host, to_guest;
	struct vmbus_chan *guest, *host;
	int guest_signals, host_signals; /* by them, not to them */
	int fd[2];			 /* of guest and host; -1: none */
};

/*
 * End the test if the condition is false, because the rest would make no sense.
 */
#define MUST(condition)                                                                    \
	do {                                                                               \
		if (!(condition)) {                                                        \
			ksft_print_msg("%s:%d: not so: %s (%s; %s)\n", __FILE__, __LINE__, \
				       #condition, strerror(errno), error_text());         \
			ksft_exit_fail_msg("cannot go on");                                \
		}                                                                          \
	} while (0)

/*
 * @size bytes; a page without access follows, and one precedes if @size is
 * whole pages
 */
static inline unsigned char *guarded(size_t size)
{
	size_t page = getpagesize(), whole = (size + page - 1) / page * page;
	unsigned char *all =
		mmap(NULL, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(all != MAP_FAILED);
	MUST(!mprotect(all + page, whole, PROT_READ | PROT_WRITE));
	return all + page + whole - size;
}

static inline void guarded_free(unsigned char *memory, size_t size)
{
	size_t page = getpagesize(), whole = (size + page - 1) / page * page;

	munmap(memory + size - whole - page, whole + 2 * page);
}

static inline _Atomic uint32_t *word(const struct ring *ring, int which)
{
	return (_Atomic uint32_t *)(void *)ring->base + which;
}

/* A ring as the kernel makes it, but with both indices at @index */
static inline struct ring ring_alloc(size_t header, size_t data_size, uint32_t index)
{
	struct ring ring = { .size = header + data_size, .data_size = data_size };

	ring.base = guarded(ring.size);
	ring.data = ring.base + header;
	*word(&ring, WRITE_INDEX) = *word(&ring, READ_INDEX) = index;
	*word(&ring, FEATURE_BITS) = 1;
	return ring;
}

static int count_signal(void *ctx)
{
	++*(int *)ctx;
	return 0;
}

static inline struct vmbus_memory side(const struct ring *tx, const struct ring *rx, int *signals)
{
	return (struct vmbus_memory){
		.tx_ring = tx->base,
		.tx_size = tx->size,
		.rx_ring = rx->base,
		.rx_size = rx->size,
		.header_size = tx->data - tx->base,
		.fd = -1,
		.signal = count_signal,
		.ctx = signals,
	};
}

/* Open one side, which signals by writing to @fd. */
static inline struct vmbus_chan *open_on_fd(const struct ring *tx, const struct ring *rx, int fd)
{
	struct vmbus_memory mem = side(tx, rx, NULL);
	struct vmbus_chan *chan;

	mem.signal = NULL;
	mem.fd = fd;
	MUST(!channel_from_memory(&mem, &chan));
	return chan;
}

/* Open both sides in one thread, and count the signals. */
static inline void model_open_at(struct model *m, size_t header, size_t data_size, uint32_t index)
{
	struct vmbus_memory mem;

	*m = (struct model){ .to_host = ring_alloc(header, data_size, index),
			     .to_guest = ring_alloc(header, data_size, index),
			     .fd = { -1, -1 } };
	mem = side(&m->to_host, &m->to_guest, &m->guest_signals);
	MUST(!channel_from_memory(&mem, &m->guest));
	mem = side(&m->to_guest, &m->to_host, &m->host_signals);
	mem.flags = VMBUS_MEMORY_ANY_PACKET;
	MUST(!channel_from_memory(&mem, &m->host));
}

static inline void model_open(struct model *m, size_t data_size)
{
	model_open_at(m, getpagesize(), data_size, 0);
}

static inline void model_close(struct model *m)
{
	vmbus_close(m->guest);
	vmbus_close(m->host);
	for (int i = 0; i < 2; i++)
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	guarded_free(m->to_host.base, m->to_host.size);
	guarded_free(m->to_guest.base, m->to_guest.size);
}

/* Let the guest signal by writing to @fd, which model_close() closes. */
static inline void guest_on_fd(struct model *m, int fd)
{
	vmbus_close(m->guest);
	m->fd[0] = fd;
	m->guest = open_on_fd(&m->to_host, &m->to_guest, fd);
}

/*
 * Open a model whose guest signals through a socket. The host's end is
 * m->fd[1].
 */
static inline void model_open_on_socket(struct model *m, size_t data_size)
{
	model_open(m, data_size);
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, m->fd));
	guest_on_fd(m, m->fd[0]);
}

/* Wake the guest, as a rescind does. */
static inline void hang_up(struct model *m)
{
	close(m->fd[1]);
	m->fd[1] = -1;
}

/* Make the rings inaccessible, as the kernel does after a rescind. */
static inline void take_away(struct model *m)
{
	MUST(!mprotect(m->to_host.base, m->to_host.size, PROT_NONE));
	MUST(!mprotect(m->to_guest.base, m->to_guest.size, PROT_NONE));
}

static inline void model_begin(struct model *m)
{
	model_open(m, 4096);
}

/* Define a test with a model @m, which has 4096 bytes of data in each ring. */
#define MODEL_TEST(name) TEST_WITH(name, struct model, m, model_begin, model_close)

static inline struct vmbus_stats channel_stats(const struct vmbus_chan *chan)
{
	struct vmbus_stats stats;

	vmbus_stats(chan, &stats, sizeof(stats));
	return stats;
}

/* The free bytes in the ring to the host, except for what is queued */
static inline uint32_t tx_room(const struct vmbus_chan *chan)
{
	return vmbus_info(chan)->tx_size - channel_stats(chan).tx_used;
}

/* Define a test with both sides of a pair, @guest and @host. */
#define PAIR_TEST(name)                                                             \
	static void name##_with(struct vmbus_chan *guest, struct vmbus_chan *host); \
	TEST(name)                                                                  \
	{                                                                           \
		struct vmbus_chan *guest, *host;                                    \
                                                                                    \
		MUST(!vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));        \
		name##_with(guest, host);                                           \
		vmbus_close(guest);                                                 \
		vmbus_close(host);                                                  \
	}                                                                           \
	static void name##_with(struct vmbus_chan *guest, struct vmbus_chan *host)

/* Byte @i of message @number: no two messages alike, no run of equal bytes */
static inline unsigned char pattern(uint64_t number, size_t i)
{
	return (number * 0x9e3779b97f4a7c15u >> 32) + i * 7 + (i >> 8);
}

static inline void fill(unsigned char *buf, uint64_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(number, i);
}

static inline size_t padded(size_t len)
{
	return (len + 7) / 8 * 8;
}

/* Whether @buf has the bytes of fill(), and zeros after them as a packet has */
static inline bool filled(const unsigned char *buf, uint64_t number, size_t len)
{
	for (size_t i = 0; i < padded(len); i++)
		if (buf[i] != (i < len ? pattern(number, i) : 0))
			return false;
	return true;
}

/* Check that a packet was sent in-band with the flag 1 and this payload. */
static inline void check_view(const struct vmbus_view *view, uint64_t number, size_t len)
{
	CHECK_IS(view->type, VMBUS_PACKET_INBAND);
	CHECK_IS(view->flags, 1);
	CHECK_IS(view->header, DESCRIPTOR);
	CHECK_IS(view->length, padded(len));
	CHECK_IS(view->transaction_id, number);
	CHECK((uintptr_t)view->payload % 8 == 0);
	CHECK(filled(view->payload, number, len));
}

/*
 * @len bytes of the data of a ring from @index on, byte by byte, around its end
 */
static inline void ring_peek(const struct ring *ring, uint32_t index, void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)to)[i] = ring->data[(index + i) % ring->data_size];
}

static inline void ring_poke(const struct ring *ring, uint32_t index, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring->data[(index + i) % ring->data_size] = ((const unsigned char *)from)[i];
}

static inline int send_pieces(struct vmbus_chan *chan, uint16_t type, uint16_t flags, uint64_t id,
			      const struct iovec *iov, int count)
{
	int err = vmbus_queuev(chan, type, flags, id, iov, count);

	return err ? err : vmbus_flush(chan);
}

static inline int send_gpa(struct vmbus_chan *chan, uint16_t flags, uint64_t id,
			   const struct vmbus_gpa_buffer *ranges, unsigned int count,
			   const void *payload, size_t len)
{
	int err = vmbus_queue_gpa(chan, flags, id, ranges, count, payload, len);

	return err ? err : vmbus_flush(chan);
}

static inline void *wait_for_a_packet(void *chan)
{
	return (void *)(intptr_t)vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
}

/*
 * A thread that is refused a packet of @len bytes. It waits for its room when
 * @go is true, and waits again after a timeout if @again is true.
 */
struct room_thread {
	struct vmbus_chan *chan;
	size_t len;
	int timeout_ms;
	bool again;
	atomic_bool go;
	atomic_int refused, result;
	pthread_t thread;
};

static inline void *wait_for_room(void *arg)
{
	static const unsigned char zeros[2000];
	struct room_thread *t = arg;

	t->refused = vmbus_send(t->chan, VMBUS_PACKET_INBAND, 0, 0, zeros, t->len);
	WAIT_UNTIL(t->go);
	do {
		t->result = vmbus_wait(t->chan, VMBUS_WAIT_SEND, t->timeout_ms);
	} while (t->again && t->result == -ETIMEDOUT);
	return NULL;
}

/* Start the thread, and return when its packet is refused. */
static inline void room_thread_run(struct room_thread *t)
{
	MUST(!pthread_create(&t->thread, NULL, wait_for_room, t));
	WAIT_UNTIL(t->refused);
	CHECK_IS(t->refused, -EAGAIN);
}

/* Start a thread that waits without a limit, and return when it sleeps. */
static inline void room_thread_start(struct room_thread *t, struct vmbus_chan *chan, size_t len)
{
	*t = (struct room_thread){ .chan = chan, .len = len, .timeout_ms = -1, .go = true };
	room_thread_run(t);
	until_others_sleep();
}

static inline void room_thread_end(struct room_thread *t, int result)
{
	pthread_join(t->thread, NULL);
	CHECK_IS(t->result, result);
}

/* The lock of the tests with several producers */
static enum producers lock;

static inline void with_each_lock(void (*test)(void))
{
	int failed = checks_failed;

	for (lock = PRODUCERS_MUTEX; lock <= PRODUCERS_SPIN; lock++) {
		test();
		if (checks_failed > failed)
			ksft_print_msg("with the lock %d\n", lock);
		failed = checks_failed;
	}
}

/* Define a test that runs once with each @lock. */
#define TEST_WITH_EACH_LOCK(name) TEST_CALLED_BY(with_each_lock, name)

/* What a packet starts with */
struct raw_descriptor {
	uint16_t type, offset8, len8, flags;
	uint64_t transaction_id;
};

#endif /* MODEL_H */
