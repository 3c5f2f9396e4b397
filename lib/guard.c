// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file handles a rescind while the program uses a ring. The kernel removes
 * the pages, and the next access raises SIGBUS. The handler maps zeros there,
 * and the operation notices that the channel has ended before it uses them.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

/*
 * The mappings of open channels. A handler in any thread may walk the list at
 * any time. So an entry stays in the list once it is linked, and is reused. Its
 * version is odd while it changes.
 */
struct range {
	struct range *next; /* set before it is linked */
	_Atomic bool used;
	_Atomic uint32_t version;
	_Atomic uintptr_t start;
	_Atomic size_t size;
	_Atomic(struct vmbus_chan *) chan;
};

static _Atomic(struct range *) ranges;

/* The former handler, which is set before the library's handler can read it. */
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
 * Map zeros over the mapping that contains @addr. It is safe to call mmap()
 * with MAP_FIXED in this signal handler: it is one system call, and the thread
 * was accessing a ring and was not inside the allocator. The range is a whole
 * mapping of an open channel. No thread may close a channel that another thread
 * uses, so nothing else can be mapped there. The kernel replaces the mapping in
 * one step: another thread in the same ring sees the old pages, a fault of its
 * own, or zeros. It sees zeros only after the channel is marked as ended.
 */
static bool cover(uintptr_t addr)
{
	struct range *range;

	for (range = smp_load_acquire(&ranges); range; range = range->next) {
		uint32_t version = smp_load_acquire(&range->version);
		uintptr_t start = READ_ONCE(range->start);
		size_t size = READ_ONCE(range->size);
		struct vmbus_chan *chan = READ_ONCE(range->chan);

		/*
		 * An entry that is changing now cannot belong to a channel that
		 * this thread uses.
		 */
		smp_rmb();
		if (version % 2 || READ_ONCE(range->version) != version)
			continue;
		if (addr - start >= size)
			continue;
		channel_dead(chan, -ENODEV);
		return mmap((void *)start, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			    0) != MAP_FAILED;
	}
	return false;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	/*
	 * The signal was sent; the instruction to which the handler returns did
	 * not cause it.
	 */
	bool sent = info->si_code <= 0 || info->si_code == BUS_MCEERR_AO;
	/*
	 * Only one thread calls a former handler with SA_RESETHAND. Nothing
	 * else depends on the flag.
	 */
	bool spent = before.sa_flags & SA_RESETHAND && xchg_relaxed(&before_spent, true);

	if (before.sa_handler == SIG_IGN && sent)
		return;
	if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN || spent) {
		/*
		 * A fault occurs again after the return, but a signal that was
		 * sent does not.
		 */
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

	/* Only this kind of SIGBUS means that there is no page. */
	if (info->si_code != BUS_ADRERR || !cover((uintptr_t)info->si_addr))
		pass_on(number, info, context);
	errno = error;
}

static int install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus };

	if (sigaction(SIGBUS, NULL, &before))
		return -errno;
	/*
	 * The former handler runs with its own flags. The library's handler
	 * needs little stack.
	 */
	action.sa_mask = before.sa_mask;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | (before.sa_flags & (SA_NODEFER | SA_RESTART));
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

int vmbus_guard(void)
{
	int err = 0;

	/* A second caller must not return before the handler is installed. */
	pthread_mutex_lock(&install_lock);
	if (!installed)
		err = install();
	installed = !err;
	pthread_mutex_unlock(&install_lock);
	return err ? fail(err, "no handler for SIGBUS: %s", strerror(-err)) : 0;
}
