// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The rescind that comes while the program is inside a ring: the kernel takes the pages away, and
 * the next access is a SIGBUS. The handler puts pages of zeros there, and the operation finds out
 * that the channel has ended before it believes them.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

/*
 * Where the maps of open channels are. A handler in any thread may walk the list at any time, so
 * what is linked once stays and is used again, and changes under a version that is odd meanwhile.
 */
struct range {
	struct range *next;		/* set before it is linked */
	_Atomic bool used;
	_Atomic uint32_t version;
	_Atomic uintptr_t start;
	_Atomic size_t size;
	_Atomic(struct vmbus_chan *) chan;
};

static _Atomic(struct range *) ranges;

/* What was there before us. Written before our handler is there to read it. */
static struct sigaction before;
static atomic_bool before_spent;

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;

static void range_set(struct range *range, uintptr_t start, size_t size, struct vmbus_chan *chan)
{
	uint32_t version = READ_ONCE(range->version);

	WRITE_ONCE(range->version, version + 1);
	smp_wmb();
	WRITE_ONCE(range->start, start);
	WRITE_ONCE(range->size, size);
	WRITE_ONCE(range->chan, chan);
	smp_store_release(&range->version, version + 2);
}

struct range *guard_add(struct vmbus_chan *chan, void *addr, size_t size)
{
	struct range *range = smp_load_acquire(&ranges);

	while (range && atomic_exchange(&range->used, true))
		range = range->next;
	if (!range) {
		range = calloc(1, sizeof(*range));
		if (!range)
			return NULL;
		WRITE_ONCE(range->used, true);
		range->next = READ_ONCE(ranges);
		while (!atomic_compare_exchange_weak(&ranges, &range->next, range))
			;
	}
	range_set(range, (uintptr_t)addr, size, chan);
	return range;
}

void guard_remove(struct range *range)
{
	range_set(range, 0, 0, NULL);
	smp_store_release(&range->used, false);
}

/*
 * mmap() in a signal handler, and MAP_FIXED: it is one system call, and the thread was at a ring,
 * not inside the allocator. The range is one whole mapping of ours, which stays ours until the
 * channel is closed, and nobody may close a channel that a thread is using; so nothing else can lie
 * there. The kernel replaces it in one step: another thread in the same ring sees the old pages, a
 * fault of its own, or zeros, and zeros only after the mark.
 */
static bool cover(uintptr_t addr)
{
	struct range *range;

	for (range = smp_load_acquire(&ranges); range; range = range->next) {
		uint32_t version = smp_load_acquire(&range->version);
		uintptr_t start = READ_ONCE(range->start);
		size_t size = READ_ONCE(range->size);
		struct vmbus_chan *chan = READ_ONCE(range->chan);

		/* One that changes now is not of a channel that a thread is using. */
		smp_rmb();
		if (version % 2 || READ_ONCE(range->version) != version)
			continue;
		if (addr - start >= size)
			continue;
		channel_dead(chan, -ENODEV);
		return mmap((void *)start, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) !=
			MAP_FAILED;
	}
	return false;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	/* Sent by somebody, that is, not by the instruction to which we would return */
	bool sent = info->si_code <= 0 || info->si_code == BUS_MCEERR_AO;
	bool spent = before.sa_flags & SA_RESETHAND && atomic_exchange(&before_spent, true);

	if (before.sa_handler == SIG_IGN && sent)
		return;
	if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN || spent) {
		/* The fault comes again; what was sent would not. */
		signal(number, SIG_DFL);
		if (sent)
			raise(number);
	} else if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(number, info, context);
	} else {
		before.sa_handler(number);
	}
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	int error = errno;

	/* Of the kinds of SIGBUS only this one is "there is no page". */
	if (info->si_code != BUS_ADRERR || !cover((uintptr_t)info->si_addr))
		pass_on(number, info, context);
	errno = error;
}

static int install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus };

	if (sigaction(SIGBUS, NULL, &before))
		return -errno;
	/* The one before runs as it would have; ours has room on any stack. */
	action.sa_mask = before.sa_mask;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | (before.sa_flags & (SA_NODEFER | SA_RESTART));
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

int vmbus_guard(void)
{
	int err = 0;

	/* A second caller returns when the handler is there, not before. */
	pthread_mutex_lock(&install_lock);
	if (!installed)
		err = install();
	installed = !err;
	pthread_mutex_unlock(&install_lock);
	return err ? fail(err, "no handler for SIGBUS: %s", strerror(-err)) : 0;
}
