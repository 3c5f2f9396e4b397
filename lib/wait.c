// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* These functions wait for a packet to receive, or for room to send. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

/*
 * The interval at which a thread that waits to send looks at the ring while it
 * leaves the interrupt to a thread that polls.
 */
#define POLLER_MS 100

/*
 * A thread in vmbus_wait(). It can be cancelled only while it sleeps, and then
 * cancelled() undoes what @state says.
 */
struct wait {
	struct vmbus_chan *chan;
	unsigned int events;
	int64_t deadline; /* in milliseconds, as now_ms(); -1: never */
	int cancel;	  /* the thread's cancellation state */
	enum { AWAKE, SLEEPS_LOCKED, SLEEPS_IN_POLL } state;
	struct room_waiter waiter;
};

static int64_t deadline_after(int timeout_ms)
{
	/* The present millisecond has begun already. */
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms + (timeout_ms > 0);
}

/*
 * Return the milliseconds until the deadline for poll(2): 0 if it has passed,
 * or -1 if there is none. The longest timeout ends up to one millisecond early,
 * because deadline_after() adds one to INT_MAX.
 */
static int remaining(int64_t deadline)
{
	int64_t left = deadline - now_ms();

	if (deadline < 0)
		return -1;
	if (left < 0)
		return 0;
	return left < INT_MAX ? left : INT_MAX;
}

static bool events_ok(unsigned int events)
{
	return events && !(events & ~(VMBUS_WAIT_RECV | VMBUS_WAIT_SEND));
}

/*
 * Return the events that are ready now, or -EIO, or why the channel has ended.
 * With @ask, clear the interrupt mask first, and ask the host for the missing
 * room.
 */
static int look(struct vmbus_chan *chan, unsigned int events, struct room_waiter *waiter, bool ask)
{
	int err = channel_check(chan);
	int ready = 0, found = 0;

	if (err)
		return err;
	if (ask)
		rx_ring_unmask(&chan->rx);
	if (events & VMBUS_WAIT_RECV) {
		found = rx_ring_look(&chan->rx);
		if (found > 0)
			ready |= VMBUS_WAIT_RECV;
	}
	if (found >= 0 && events & VMBUS_WAIT_SEND) {
		found = room_look(chan, waiter, ask);
		if (found > 0)
			ready |= VMBUS_WAIT_SEND;
	}
	err = channel_check(chan);
	if (err)
		return err;
	return found < 0 ? found : ready;
}

/*
 * Reserve the next interrupt for @thread, which polls vmbus_fd(), or for any
 * waiting thread if it is NULL. If an interrupt was left to the former poller,
 * the waiting threads look again.
 */
static void set_poller(struct vmbus_chan *chan, const void *thread)
{
	bool left;

	pthread_mutex_lock(&chan->wait_lock);
	WRITE_ONCE(chan->poller, thread);
	left = chan->interrupt_left;
	chan->interrupt_left = false;
	pthread_mutex_unlock(&chan->wait_lock);
	if (left)
		wake_waiters(chan);
}

int vmbus_arm(struct vmbus_chan *chan, unsigned int events)
{
	struct room_waiter waiter = { .need = 0 };
	int ready;

	if (!events_ok(events))
		return -EINVAL;
	if (chan->poll_mode || (events & VMBUS_WAIT_SEND && chan->producers))
		return -EOPNOTSUPP;
	if (events & VMBUS_WAIT_SEND)
		waiter.need = chan->refused;
	set_poller(chan, this_thread());
	ready = look(chan, events, &waiter, true);
	if (ready)
		set_poller(chan, NULL);
	if (ready && events & VMBUS_WAIT_RECV)
		mask_interrupts(chan);
	return ready;
}

void mask_interrupts(struct vmbus_chan *chan)
{
	if (!channel_check(chan))
		rx_ring_mask(&chan->rx);
}

int vmbus_ack(struct vmbus_chan *chan)
{
	int err, dead;

	if (chan->fd < 0)
		return -EOPNOTSUPP;
	/*
	 * Take the interrupt first, because it may announce a rescind. An
	 * interrupt that arrives before the mask is set only comes early.
	 */
	pthread_mutex_lock(&chan->wait_lock);
	err = channel_check(chan);
	if (!err)
		err = take_interrupt(chan);
	WRITE_ONCE(chan->poller, NULL);
	chan->interrupt_left = false;
	pthread_mutex_unlock(&chan->wait_lock);
	mask_interrupts(chan);
	/*
	 * The interrupt may have been for a thread that waits, or left to this
	 * one earlier.
	 */
	wake_waiters(chan);
	dead = channel_check(chan);
	return dead ? dead : err;
}

int vmbus_fd(const struct vmbus_chan *chan)
{
	return chan->fd;
}

/*
 * Count a thread that may sleep, and return the number of wakes so far. If
 * vmbus_wake() came earlier, the number says that this thread must notice it.
 */
static unsigned int wait_enter(struct vmbus_chan *chan)
{
	unsigned int wakes;

	pthread_mutex_lock(&chan->wait_lock);
	chan->waiters++;
	wakes = chan->wakes - chan->wake_left;
	chan->wake_left = false;
	pthread_mutex_unlock(&chan->wait_lock);
	return wakes;
}

static void wait_leave(struct vmbus_chan *chan)
{
	pthread_mutex_lock(&chan->wait_lock);
	chan->waiters--;
	pthread_mutex_unlock(&chan->wait_lock);
}

/* Begin another turn. The caller holds the lock. */
static void next_turn(struct vmbus_chan *chan)
{
	chan->wait_turns++;
	pthread_cond_broadcast(&chan->wait_turn);
}

/* End the sleep of all threads. The caller holds the lock. */
static void wake_locked(struct vmbus_chan *chan)
{
	int cancel;

	next_turn(chan);
	if (chan->wait_sleeper && chan->wake_fd >= 0) {
		cancel = cancel_defer();
		eventfd_write(chan->wake_fd, 1);
		cancel_restore(cancel);
	}
}

void wake_waiters(struct vmbus_chan *chan)
{
	pthread_mutex_lock(&chan->wait_lock);
	wake_locked(chan);
	pthread_mutex_unlock(&chan->wait_lock);
}

void vmbus_wake(struct vmbus_chan *chan)
{
	pthread_mutex_lock(&chan->wait_lock);
	if (chan->waiters) {
		chan->wakes++;
		wake_locked(chan);
	} else if (!chan->wake_left) {
		chan->wakes++;
		chan->wake_left = true;
	}
	pthread_mutex_unlock(&chan->wait_lock);
}

/* Sleep in poll() until an interrupt arrives or wake_waiters() is called. */
static int sleep_for_interrupt(struct wait *w, int wake_fd)
{
	struct vmbus_chan *chan = w->chan;
	struct pollfd p[2] = {
		{ .fd = chan->fd, .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	eventfd_t woken;
	int n, err;

	w->state = SLEEPS_IN_POLL;
	cancel_restore(w->cancel);
	n = poll(p, 2, remaining(w->deadline));
	cancel_defer();
	w->state = AWAKE;
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (p[1].revents)
		eventfd_read(wake_fd, &woken);
	if (!p[0].revents)
		return 0;
	/*
	 * If this thread took the interrupt of the thread that polls
	 * vmbus_fd(), that thread would go on sleeping.
	 */
	pthread_mutex_lock(&chan->wait_lock);
	chan->interrupt_left = READ_ONCE(chan->poller);
	err = chan->interrupt_left ? 0 : take_interrupt(chan);
	pthread_mutex_unlock(&chan->wait_lock);
	if (err != -EAGAIN)
		return err;
	/*
	 * Another thread took the interrupt. But an error condition stays, and
	 * poll() would always return at once.
	 */
	return p[0].revents & (POLLERR | POLLHUP | POLLNVAL) ? channel_dead(chan, -ENODEV) : 0;
}

/*
 * Sleep until another thread has slept in poll() or has called wake_waiters().
 */
static int sleep_for_turn(struct wait *w, int64_t deadline)
{
	struct timespec until = { deadline / 1000, deadline % 1000 * 1000000 };
	struct vmbus_chan *chan = w->chan;
	int err;

	w->state = SLEEPS_LOCKED;
	cancel_restore(w->cancel);
	err = deadline < 0 ? pthread_cond_wait(&chan->wait_turn, &chan->wait_lock) :
			     pthread_cond_timedwait(&chan->wait_turn, &chan->wait_lock, &until);
	cancel_defer();
	w->state = AWAKE;
	return -err;
}

/*
 * Whether the descriptor has an error condition, which no read clears. It means
 * a rescind.
 */
static bool has_hung_up(const struct vmbus_chan *chan)
{
	struct pollfd p = { .fd = chan->fd };

	/* The caller has deferred a cancellation. */
	return poll(&p, 1, 0) > 0;
}

/*
 * Sleep until the polling thread takes its interrupt. That thread may never do
 * so, because it stopped receiving or noticed that the channel has ended. So
 * look from time to time: the interrupt may announce a rescind that no other
 * thread would notice.
 */
static int sleep_for_poller(struct wait *w)
{
	const int64_t soon = deadline_after(POLLER_MS);
	bool last = w->deadline >= 0 && w->deadline <= soon;
	int err = sleep_for_turn(w, last ? w->deadline : soon);

	if (err != -ETIMEDOUT)
		return err;
	if (has_hung_up(w->chan))
		return channel_dead(w->chan, -ENODEV);
	return last ? err : 0;
}

/*
 * Sleep until an interrupt that came after the turn @turn, even if another
 * thread takes it. An interrupt that was taken since then may have been for
 * this thread, which looked before.
 */
static int sleep_after(struct wait *w, unsigned int turn)
{
	struct vmbus_chan *chan = w->chan;
	int wake_fd, err = 0;

	pthread_mutex_lock(&chan->wait_lock);
	while (!err && chan->wait_turns == turn && chan->wait_sleeper && !chan->interrupt_left)
		err = sleep_for_turn(w, w->deadline);
	if (err || chan->wait_turns != turn)
		goto out;
	if (chan->interrupt_left) {
		err = sleep_for_poller(w);
		goto out;
	}
	chan->wait_sleeper = true;
	wake_fd = chan->wake_fd;
	pthread_mutex_unlock(&chan->wait_lock);
	err = sleep_for_interrupt(w, wake_fd);
	pthread_mutex_lock(&chan->wait_lock);
	chan->wait_sleeper = false;
	/*
	 * Do this even after a timeout, because another thread must now sleep
	 * in poll().
	 */
	next_turn(chan);
out:
	pthread_mutex_unlock(&chan->wait_lock);
	return err;
}

/* Prepare for another thread that ends the sleep of this one. */
static int prepare_sleep(struct vmbus_chan *chan)
{
	int err = 0;

	if (chan->fd < 0)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&chan->wait_lock);
	if (chan->wake_fd < 0) {
		chan->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (chan->wake_fd < 0)
			err = -errno;
	}
	pthread_mutex_unlock(&chan->wait_lock);
	return err;
}

/*
 * Set *@turn to the turn in which a thread is before it looks at the rings. The
 * lock orders the look after everything that earlier turns announced. Return
 * whether vmbus_wake() was called since @wakes.
 */
static bool begin_turn(struct vmbus_chan *chan, unsigned int wakes, unsigned int *turn)
{
	bool woken;

	pthread_mutex_lock(&chan->wait_lock);
	*turn = chan->wait_turns;
	woken = chan->wakes != wakes;
	pthread_mutex_unlock(&chan->wait_lock);
	return woken;
}

static int sleep_until_ready(struct wait *w, unsigned int wakes)
{
	unsigned int turn;
	int ready, err;

	for (;;) {
		if (begin_turn(w->chan, wakes, &turn))
			return -ECANCELED;
		ready = look(w->chan, w->events, &w->waiter, true);
		if (ready)
			return ready;
		err = sleep_after(w, turn);
		/*
		 * An event counts if it came before the timeout or the signal.
		 */
		ready = look(w->chan, w->events, &w->waiter, false);
		if (ready || err)
			return ready ? ready : err;
	}
}

static int wait_for_events(struct wait *w)
{
	int ready = look(w->chan, w->events, &w->waiter, false);

	if (ready)
		return ready;
	ready = prepare_sleep(w->chan);
	if (ready)
		return ready;
	ready = sleep_until_ready(w, wait_enter(w->chan));
	wait_leave(w->chan);
	return ready;
}

/*
 * Take back what the thread has done in vmbus_wait() when it is cancelled while
 * it sleeps. pthread_cond_wait() has taken the lock again.
 */
static void cancelled(void *arg)
{
	struct wait *w = arg;
	struct vmbus_chan *chan = w->chan;

	if (w->state == SLEEPS_IN_POLL) {
		pthread_mutex_lock(&chan->wait_lock);
		chan->wait_sleeper = false;
		next_turn(chan);
	}
	chan->waiters--;
	pthread_mutex_unlock(&chan->wait_lock);
	if (w->events & VMBUS_WAIT_SEND)
		room_wait_end(chan, &w->waiter, false);
	if (w->events & VMBUS_WAIT_RECV)
		mask_interrupts(chan);
}

int vmbus_wait(struct vmbus_chan *chan, unsigned int events, int timeout_ms)
{
	struct wait w = { .chan = chan, .events = events };
	const void *poller;
	int ready, dead;

	if (!events_ok(events))
		return -EINVAL;
	if (chan->poll_mode)
		return -EOPNOTSUPP;
	w.deadline = deadline_after(timeout_ms);
	/*
	 * The receiving thread is here, so no thread polls vmbus_fd(). A thread
	 * always sees the value that it has stored itself.
	 */
	poller = READ_ONCE(chan->poller);
	if (poller && (events & VMBUS_WAIT_RECV || poller == this_thread()))
		set_poller(chan, NULL);
	w.cancel = cancel_defer();
	pthread_cleanup_push(cancelled, &w);
	if (events & VMBUS_WAIT_SEND)
		room_wait_begin(chan, &w.waiter);
	ready = wait_for_events(&w);
	if (events & VMBUS_WAIT_SEND)
		room_wait_end(chan, &w.waiter, ready > 0 && ready & VMBUS_WAIT_SEND);
	pthread_cleanup_pop(0);
	cancel_restore(w.cancel);
	if (ready == -EOPNOTSUPP)
		return ready;
	if (events & VMBUS_WAIT_RECV)
		mask_interrupts(chan);
	dead = channel_check(chan);
	return dead ? dead : ready;
}
