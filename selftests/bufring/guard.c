// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests rescind the device while the program uses a ring. The device is a
 * plain file that is truncated. An access to the missing part is a SIGBUS, as
 * when the kernel removes the rings.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../lib/internal.h"
#include "sysfs.h"

#define RING  17u /* pages of each, the header included */
#define LARGE 40000u

static size_t page;
static unsigned char buf[1 << 17];
static struct vmbus_packet pkt;

/* A device with empty rings, and the host's view of it */
struct fake {
	char path[512];
	struct ring to_host, to_guest;
	struct vmbus_chan *guest, *host;
	int signals;
};

static void fake_make(struct fake *f)
{
	*f = (struct fake){ .signals = 0 };
	sysfs_make();
	device(DEV1, FCOPY);
	bind_uio(DEV1, 0, RING * page, 2 * RING);
	strcpy(f->path, path_of("dev/uio0"));
	map_rings(f->path, RING * page, &f->to_host, &f->to_guest);
}

static void fake_open(struct fake *f)
{
	struct vmbus_memory mem;

	fake_make(f);
	/*
	 * Prevent signals, because a write to the plain file would end up in
	 * the ring.
	 */
	*word(&f->to_host, INTERRUPT_MASK) = 1;
	mem = side(&f->to_guest, &f->to_host, &f->signals);
	MUST(!channel_from_memory(&mem, &f->host));
	MUST(!vmbus_open("fcopy", NULL, &f->guest));
	/* Make sure that the library's first look does not find zeros. */
	fill(buf, 1, 64);
	CHECK_IS(vmbus_send(f->host, 6, 0, 1, buf, 64), 0);
	CHECK_IS(vmbus_recv(f->guest, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(vmbus_send(f->guest, 6, 0, 1, buf, 64), 0);
	CHECK_IS(vmbus_recv(f->host, &pkt, buf, sizeof(buf)), 0);
}

/* Truncate the device to @pages pages. */
static void cut(struct fake *f, size_t pages)
{
	MUST(!truncate(f->path, pages * page));
}

static void fake_close(struct fake *f)
{
	vmbus_close(f->guest);
	vmbus_close(f->host);
	munmap(f->to_host.base, 2 * RING * page);
}

static int mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int lines = 0;

	MUST(maps);
	for (int c; (c = fgetc(maps)) != EOF;)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

/* Return the address at which the guest has mapped both rings. */
static char *rings_of(const struct fake *f)
{
	return (char *)f->guest->tx.shared;
}

/* Return at how many pages of both rings something is mapped. */
static size_t mapped(char *rings)
{
	unsigned char resident;
	size_t pages = 0;

	for (size_t i = 0; i < 2 * RING; i++)
		pages += !mincore(rings + i * page, page, &resident);
	return pages;
}

/* What a process of a test does with SIGBUS at first */
static void (*disposition)(int) = SIG_DFL;

/*
 * Run a test in its own process, because a handler cannot be removed. Return
 * its wait status.
 */
static int in_child(void (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		signal(SIGBUS, disposition); /* ASan has one, too */
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		checks_failed = 0;
		body();
		fflush(NULL);
		_exit(checks_failed != 0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	return status;
}

#define CHECK_FINE(body)   CHECK_IS(in_child(body), 0)
#define CHECK_KILLED(body) CHECK_IS(in_child(body) & 0x7f, SIGBUS)

/* Define a test that runs in its own process. */
#define TEST_IN_CHILD(name) TEST_CALLED_BY(CHECK_FINE, name)

/* The operations on a channel */

#define OP(name, call)                             \
	static int op_##name(struct vmbus_chan *c) \
	{                                          \
		return call;                       \
	}
OP(recv, vmbus_recv(c, &pkt, buf, sizeof(buf)))
OP(small, vmbus_recv(c, &pkt, buf, 0))
OP(skip, vmbus_skip(c))
OP(send, vmbus_send(c, 6, 0, 0, buf, LARGE))
OP(queue, vmbus_queue(c, 6, 0, 0, buf, LARGE))
OP(flush, vmbus_flush(c))
OP(wait_recv, vmbus_wait(c, VMBUS_WAIT_RECV, 0))
OP(wait_send, vmbus_wait(c, VMBUS_WAIT_SEND, 0))
OP(arm_recv, vmbus_arm(c, VMBUS_WAIT_RECV))
OP(arm_send, vmbus_arm(c, VMBUS_WAIT_SEND))
OP(ack, vmbus_ack(c))
OP(stats, channel_stats(c).error)

static int op_many(struct vmbus_chan *c)
{
	const struct iovec payloads[2] = { { buf, 64 }, { buf, LARGE } };

	return vmbus_send_many(c, 6, 0, 0, payloads, 2);
}

static int op_pieces(struct vmbus_chan *c)
{
	const struct iovec pieces[2] = { { buf, 64 }, { buf, LARGE - 64 } };

	return send_pieces(c, 6, 0, 0, pieces, 2);
}

static int op_gpa(struct vmbus_chan *c)
{
	static const uint64_t page_number = 1;
	const struct vmbus_gpa_buffer range = { 8, 0, &page_number };

	return send_gpa(c, 0, 0, &range, 1, buf, LARGE);
}

static int op_reserve(struct vmbus_chan *c)
{
	void *payload;
	int err = vmbus_reserve(c, LARGE, &payload);

	if (err)
		return err;
	/* The guard also covers the program's own access. */
	memset(payload, 1, LARGE);
	return vmbus_commit(c, 6, 0, 0, 0, LARGE);
}

static int op_peek(struct vmbus_chan *c)
{
	struct vmbus_view view;
	int n = vmbus_peek(c, &view, 1);

	if (n < 0)
		return n;
	memcpy(buf, view.payload, view.length);
	return vmbus_release(c, &view);
}

static int op_recv_many(struct vmbus_chan *c)
{
	struct vmbus_view views[2];

	return vmbus_recv_many(c, views, 2, buf, sizeof(buf));
}

static int op_mask(struct vmbus_chan *c)
{
	mask_interrupts(c);
	return channel_signal(c);
}

/* The state before the rescind */
enum { NOTHING, QUEUED = 1, RECEIVED = 2, FULL = 4 };

static const struct operation {
	const char *name;
	int (*run)(struct vmbus_chan *chan);
	int before;
	size_t left; /* pages of the device */
} operations[] = {
	{ "recv from an empty ring", op_recv, NOTHING, 0 },
	{ "recv", op_recv, RECEIVED, 0 },
	{ "recv without room", op_small, RECEIVED, RING },
	{ "skip", op_skip, RECEIVED, 0 },
	{ "send", op_send, NOTHING, 0 },
	{ "send into a full ring", op_send, FULL, 0 },
	{ "queue", op_queue, NOTHING, 0 },
	{ "queue after others", op_queue, QUEUED, 0 },
	{ "flush", op_flush, QUEUED, 0 },
	{ "wait", op_wait_recv, NOTHING, 0 },
	{ "wait with a packet", op_wait_recv, RECEIVED, 0 },
	{ "wait for room", op_wait_send, FULL, 0 },
	{ "arm", op_arm_recv, NOTHING, 0 },
	{ "arm with a packet", op_arm_recv, RECEIVED, 0 },
	{ "arm for room", op_arm_send, FULL, 0 },
	{ "ack", op_ack, NOTHING, RING },
	{ "mask", op_mask, NOTHING, 0 },
	/*
	 * The header is still there, and one, or three pages of the packet are.
	 */
	{ "recv in the middle of a packet", op_recv, RECEIVED, RING + 2 },
	{ "recv further on in it", op_recv, RECEIVED, RING + 4 },
	{ "send in the middle of a packet", op_send, NOTHING, 3 },
	{ "queue in the middle of a packet", op_queue, NOTHING, 3 },
	{ "send packets of one kind", op_many, NOTHING, 3 },
	{ "send pieces", op_pieces, NOTHING, 3 },
	{ "stats", op_stats, NOTHING, 0 },
	{ "send pages", op_gpa, NOTHING, 3 },
	{ "reserve and commit", op_reserve, NOTHING, 3 },
	{ "reserve in a full ring", op_reserve, FULL, 0 },
	{ "peek", op_peek, RECEIVED, 0 },
	{ "peek at an empty ring", op_peek, NOTHING, 0 },
	{ "a payload in the ring", op_peek, RECEIVED, RING + 2 },
	{ "recv_many", op_recv_many, RECEIVED, 0 },
	{ "recv_many in the middle of a packet", op_recv_many, RECEIVED, RING + 2 },
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static const struct operation *operation;

static void one_operation(void)
{
	const struct operation *o = operation;
	uint32_t published;
	struct fake f;
	char *rings;

	MUST(!vmbus_guard());
	fake_open(&f);
	if (o->before & QUEUED)
		CHECK_IS(vmbus_queue(f.guest, 6, 0, 0, buf, 64), 0);
	if (o->before & RECEIVED)
		CHECK_IS(vmbus_send(f.host, 6, 0, 2, buf, LARGE), 0);
	if (o->before & FULL)
		while (!vmbus_send(f.guest, 6, 0, 0, buf, LARGE))
			;
	published = *word(&f.to_host, WRITE_INDEX);
	rings = rings_of(&f);
	CHECK_IS(mapped(rings), 2 * RING);
	cut(&f, o->left);

	CHECK_IS(o->run(f.guest), -ENODEV);
	for (size_t i = 0; i < OPERATIONS; i++)
		CHECK_IS(operations[i].run(f.guest), -ENODEV);
	if (o->left)
		CHECK_IS(*word(&f.to_host, WRITE_INDEX), published);
	fake_close(&f);
	CHECK_IS(mapped(rings), 0);
}

TEST(every_operation)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		int failed = checks_failed;

		operation = &operations[i];
		CHECK_FINE(one_operation);
		if (checks_failed != failed)
			ksft_print_msg("that was: %s\n", operation->name);
	}
}

/* Without the handler, an access to a ring would kill the process. */
TEST_IN_CHILD(no_operation_uses_the_rings_after_the_end)
{
	const struct vmbus_view view = { .end = 32 };
	struct fake f;

	fake_open(&f);
	CHECK_IS(vmbus_send(f.host, 6, 0, 2, buf, 64), 0);
	CHECK_IS(vmbus_queue(f.guest, 6, 0, 0, buf, 64), 0);
	cut(&f, 0);
	CHECK_IS(vmbus_ack(f.guest), -ENODEV);
	for (size_t i = 0; i < OPERATIONS; i++)
		CHECK_IS(operations[i].run(f.guest), -ENODEV);
	CHECK_IS(vmbus_release(f.guest, &view), -ENODEV);
	CHECK_IS(vmbus_set_latency(f.guest, 1), -ENODEV);
	CHECK_IS(channel_stats(f.guest).tx_used, 0);
	CHECK_IS(channel_stats(f.guest).rx_used, 0);
	fake_close(&f);
}

/* Without this check, the tests here would prove nothing. */
static void without_the_guard(void)
{
	struct fake f;

	fake_open(&f);
	cut(&f, 0);
	vmbus_recv(f.guest, &pkt, buf, sizeof(buf));
}

TEST(without_the_guard_it_is_a_signal)
{
	CHECK_KILLED(without_the_guard);
}

TEST_IN_CHILD(opening)
{
	struct vmbus_chan *chan;
	struct fake f;
	int maps;

	MUST(!vmbus_guard());
	fake_make(&f);
	cut(&f, 0);
	vmbus_open("fcopy", NULL, &chan); /* stdio maps its buffers once */
	maps = mappings();
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -ENODEV, "went away");
	CHECK_IS(mappings(), maps);
}

TEST_IN_CHILD(monitored_signals)
{
	/*
	 * The interrupt page is the file's second page, the monitor page the
	 * third.
	 */
	for (size_t left = 0; left <= 2; left++) {
		struct vmbus_chan *chan;
		struct fake f;

		fake_make(&f);
		put("69\n", SYS DEV1 "/monitor_id");
		MUST(!vmbus_open("fcopy", NULL, &chan));
		CHECK_IS(vmbus_guard(), 0);
		CHECK_IS(channel_signal(chan), 0);
		cut(&f, left);
		CHECK_IS(channel_signal(chan), -ENODEV);
		CHECK_IS(vmbus_send(chan, 6, 0, 0, buf, 8), -ENODEV);
		vmbus_close(chan);
	}
}

/* With several channels, only the channel whose device has gone ends. */
TEST_IN_CHILD(other_channels_go_on)
{
	struct vmbus_chan *a, *b;
	struct fake f;

	MUST(!vmbus_open_pair(2 * page, 0, &a, &b));
	MUST(!vmbus_guard());
	fake_open(&f);
	cut(&f, 0);
	CHECK_IS(vmbus_recv(f.guest, &pkt, buf, sizeof(buf)), -ENODEV);
	fill(buf, 7, 64);
	CHECK_IS(vmbus_send(a, 6, 0, 7, buf, 64), 0);
	memset(buf, 0, 64);
	CHECK_IS(vmbus_recv(b, &pkt, buf, sizeof(buf)), 0);
	CHECK(filled(buf, 7, 64));
	fake_close(&f);
	vmbus_close(a);
	vmbus_close(b);
}

/* Faults that do not belong to a channel, and former handlers */

static volatile unsigned char *foreign;

/* A page of a file that is empty */
static volatile unsigned char *foreign_page(void *at)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC);
	void *addr = mmap(at, page, PROT_READ | PROT_WRITE,
			  MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);

	MUST(fd >= 0 && addr != MAP_FAILED);
	close(fd);
	return addr;
}

static sigjmp_buf jump;
static volatile int calls;
static volatile bool masked;

static void jump_out(int number, siginfo_t *info, void *context)
{
	sigset_t set;

	calls++;
	sigprocmask(SIG_SETMASK, NULL, &set);
	masked = sigismember(&set, SIGUSR1);
	CHECK(context != NULL);
	CHECK_IS(number, SIGBUS);
	if (info->si_code == BUS_ADRERR) {
		CHECK(info->si_addr == (const void *)foreign);
		siglongjmp(jump, 1);
	}
}

static void jump_out_plainly(int number)
{
	calls++;
	siglongjmp(jump, 1);
}

static void a_rescind_and_no_call(void)
{
	int called = calls;
	struct fake f;

	fake_open(&f);
	cut(&f, 0);
	CHECK_IS(vmbus_recv(f.guest, &pkt, buf, sizeof(buf)), -ENODEV);
	fake_close(&f);
	CHECK_IS(calls, called);
}

static void with_a_handler(struct sigaction action)
{
	sigaddset(&action.sa_mask, SIGUSR1);
	MUST(!sigaction(SIGBUS, &action, NULL));
	MUST(!vmbus_guard());
	MUST(!vmbus_guard());
	foreign = foreign_page(NULL);
	for (int i = 1; i <= 3; i++) {
		if (!sigsetjmp(jump, 1))
			CHECK_IS(*foreign, 256);
		CHECK_IS(calls, i);
		a_rescind_and_no_call();
	}
}

static void with_siginfo(void)
{
	struct fake f;

	with_a_handler((struct sigaction){ .sa_sigaction = jump_out, .sa_flags = SA_SIGINFO });
	CHECK(masked);
	/*
	 * A signal that somebody sends while a channel is open is no rescind.
	 */
	fake_open(&f);
	raise(SIGBUS);
	CHECK_IS(calls, 4);
	CHECK_IS(vmbus_recv(f.guest, &pkt, buf, sizeof(buf)), -EAGAIN);
	fake_close(&f);
}

static void with_a_plain_handler(void)
{
	with_a_handler((struct sigaction){ .sa_handler = jump_out_plainly });
}

TEST(a_handler_that_was_there_gets_the_others)
{
	CHECK_FINE(with_siginfo);
	CHECK_FINE(with_a_plain_handler);
}

static int said[2];

static void say(int number)
{
	(void)!write(said[1], "x", 1);
}

/*
 * Handle the signal as crash handlers do: print a message, and take the default
 * action the second time.
 */
static void with_a_handler_for_once(void)
{
	struct sigaction action = { .sa_handler = say, .sa_flags = SA_RESETHAND };

	MUST(!sigaction(SIGBUS, &action, NULL));
	MUST(!vmbus_guard());
	a_rescind_and_no_call();
	foreign = foreign_page(NULL);
	(void)*foreign;
}

TEST(a_handler_for_once_is_called_once)
{
	char text[8];

	MUST(!pipe(said));
	CHECK_KILLED(with_a_handler_for_once);
	CHECK_IS(read(said[0], text, sizeof(text)), 1);
	close(said[0]);
	close(said[1]);
}

static void foreign_fault(void)
{
	MUST(!vmbus_guard());
	a_rescind_and_no_call();
	foreign = foreign_page(NULL);
	(void)*foreign;
}

static void sent(void)
{
	MUST(!vmbus_guard());
	a_rescind_and_no_call();
	raise(SIGBUS);
}

TEST(the_default_action_stays)
{
	CHECK_KILLED(foreign_fault);
	CHECK_KILLED(sent);
	disposition = SIG_IGN;
	CHECK_KILLED(foreign_fault);
	CHECK_FINE(sent);
	disposition = SIG_DFL;
}

/* Make another mapping at the address of a closed channel. */
static void address_used_again(void)
{
	struct fake f;
	char *rings;

	MUST(!vmbus_guard());
	fake_open(&f);
	rings = rings_of(&f);
	fake_close(&f);
	foreign = foreign_page(rings);
	(void)*foreign;
}

TEST(a_closed_channel_leaves_nothing)
{
	CHECK_KILLED(address_used_again);
}

/* Threads */

static _Atomic bool stop;

static void *receive_for_ever(void *arg)
{
	struct fake *f = arg;
	struct vmbus_packet p;
	unsigned char in[64];
	int err;

	while ((err = vmbus_recv(f->guest, &p, in, sizeof(in))) == 0 || err == -EAGAIN)
		if (!err)
			CHECK(p.length == 64 && filled(in, p.transaction_id, 64));
	CHECK_IS(err, -ENODEV);
	return NULL;
}

static void *send_for_ever(void *arg)
{
	struct fake *f = arg;
	unsigned char out[200] = { 1 };
	int err;

	while ((err = vmbus_send(f->guest, 6, 0, 0, out, sizeof(out))) == 0 || err == -EAGAIN)
		;
	CHECK_IS(err, -ENODEV);
	return NULL;
}

static void *open_and_close_for_ever(void *arg)
{
	while (!stop) {
		struct vmbus_chan *a, *b;

		MUST(!vmbus_open_pair(2 * page, 0, &a, &b));
		CHECK_IS(vmbus_send(a, 6, 0, 0, "other", 5), 0);
		vmbus_close(a);
		vmbus_close(b);
	}
	return NULL;
}

#ifndef RESCINDS
#define RESCINDS 100
#endif

/*
 * One thread sends, one receives, and a third opens and closes other channels.
 * The pages go at any moment.
 */
TEST_IN_CHILD(rescinds_at_any_moment)
{
	pthread_t receiver, sender, opener;

	MUST(!vmbus_guard());
	MUST(!pthread_create(&opener, NULL, open_and_close_for_ever, NULL));
	for (int i = 0; i < RESCINDS; i++) {
		struct fake f;

		fake_open(&f);
		for (int n = 2; n < 600; n++) {
			fill(buf, n, 64);
			CHECK_IS(vmbus_send(f.host, 6, 0, n, buf, 64), 0);
		}
		MUST(!pthread_create(&receiver, NULL, receive_for_ever, &f));
		MUST(!pthread_create(&sender, NULL, send_for_ever, &f));
		usleep(i % 50 * 4);
		cut(&f, i % 3 == 0 ? 0 : i % 3 == 1 ? RING : RING + 3);
		usleep(100);
		cut(&f, 0);
		pthread_join(receiver, NULL);
		pthread_join(sender, NULL);
		fake_close(&f);
	}
	stop = true;
	pthread_join(opener, NULL);
}

/* Open a device with the handler, and look at a packet of 64 bytes. */
static void open_with_a_view(struct fake *f, struct vmbus_view *view)
{
	MUST(!vmbus_guard());
	fake_open(f);
	fill(buf, 2, 64);
	CHECK_IS(vmbus_send(f->host, 6, 0, 2, buf, 64), 0);
	MUST(vmbus_peek(f->guest, view, 1) == 1);
}

/*
 * The program reads the packet before the rescind, and releases it afterwards.
 */
TEST_IN_CHILD(a_skip_that_was_too_late)
{
	struct vmbus_view view;
	struct fake f;
	int fd;

	open_with_a_view(&f, &view);
	fd = open(path_of("empty"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	MUST(fd >= 0 && mmap(f.guest->rx.shared, page, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	CHECK_IS(vmbus_skip(f.guest), -ENODEV);
	close(fd);
	fake_close(&f);
}

/*
 * A system call gets an error and no signal, and the next call of the library
 * notices.
 */
TEST_IN_CHILD(a_system_call_on_a_payload_is_not_covered)
{
	struct vmbus_view view;
	struct fake f;
	int fd;

	open_with_a_view(&f, &view);
	fd = open(path_of("file"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	MUST(fd >= 0);
	CHECK_IS(write(fd, view.payload, 64), 64);
	cut(&f, 0);
	CHECK(write(fd, view.payload, 64) < 0 && errno == EFAULT);
	CHECK_IS(vmbus_release(f.guest, &view), -ENODEV);
	/* The library has used the ring, so it contains zeros now. */
	CHECK_IS(pwrite(fd, view.payload, 64, 0), 64);
	CHECK_IS(pread(fd, buf, 64, 0), 64);
	for (int i = 0; i < 64; i++)
		CHECK_IS(buf[i], 0);
	close(fd);
	fake_close(&f);
}

/* The linker lets each call of sigaction() come here. */
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __real_sigaction(int number, const struct sigaction *action, struct sigaction *old);

static atomic_bool slow, inside, second_returned;

/*
 * If @slow is true, the thread that installs a handler waits until the second
 * caller has returned. That caller should wait, too, so stop after a while.
 */
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	if (slow && action) {
		inside = true;
		for (int i = 0; i < 200 && !second_returned; i++)
			usleep(1000);
	}
	return __real_sigaction(number, action, old);
}

static void *install_meanwhile(void *arg)
{
	struct sigaction now;

	WAIT_UNTIL(inside);
	MUST(!vmbus_guard());
	MUST(!sigaction(SIGBUS, NULL, &now));
	CHECK(now.sa_handler != SIG_DFL);
	second_returned = true;
	return NULL;
}

TEST_IN_CHILD(who_returns_has_a_handler)
{
	pthread_t thread;

	slow = true;
	MUST(!pthread_create(&thread, NULL, install_meanwhile, NULL));
	MUST(!vmbus_guard());
	pthread_join(thread, NULL);
}

int main(void)
{
	page = getpagesize();
	sysfs_make();
	return run_tests(NULL);
}
