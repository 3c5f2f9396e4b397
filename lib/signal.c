// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The way to the host and back, beside the rings: signals, interrupts, waiting. */

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* EIO is how UIO says that the device went away; the others come from sockets. */
static int meaning_of(int error)
{
	return error == EIO || error == ENODEV || error == EPIPE || error == ECONNRESET ?
		-ENODEV : -error;
}

static int write_signal(struct vmbus_channel *chan)
{
	const int32_t one = 1;	/* zero would mask */
	ssize_t n;

	do {
		n = chan->fd_is_socket ? send(chan->fd, &one, sizeof(one), MSG_NOSIGNAL) :
					 write(chan->fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* A full socket: the other side has signals enough to wake up. */
	if (n >= 0 || errno == EAGAIN)
		return 0;
	/* Of 4 bytes written, UIO says so when the device is unregistered, not only disconnected. */
	return errno == EINVAL && !chan->fd_is_socket ? -ENODEV : meaning_of(errno);
}

int vmbus_signal(struct vmbus_channel *chan)
{
	int err = channel_check(chan);

	if (err)
		return err;
	if (chan->monitor_word) {
		sync_set_bits(chan->event_word, chan->event_bit);
		sync_set_bits(chan->monitor_word, chan->monitor_bit);
		return channel_check(chan);
	} else if (chan->signal) {
		err = chan->signal(chan->ctx);
	} else if (chan->fd >= 0) {
		err = write_signal(chan);
	}
	return err ? channel_dead(chan, err) : 0;
}

/* Takes one interrupt from the descriptor; -EAGAIN when there is none */
static int take_interrupt(struct vmbus_channel *chan)
{
	int32_t count;
	ssize_t n;

	do {
		n = read(chan->fd, &count, sizeof(count));
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		count_up(&chan->interrupts, 1);
		return 0;
	}
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	return channel_dead(chan, n ? meaning_of(errno) : -ENODEV);
}

/* The events that are ready now, or -EIO; no word on whether the ring is still one */
static int look_at_rings(struct vmbus_channel *chan, unsigned int events)
{
	int ready = 0, fits;
	int64_t avail;

	if (events & VMBUS_WAIT_RECV) {
		avail = rx_ring_look(&chan->rx);
		if (avail < 0)
			return avail;
		if (avail)
			ready |= VMBUS_WAIT_RECV;
	}
	if (events & VMBUS_WAIT_SEND) {
		send_lock(chan);
		fits = chan->tx.pending ? tx_ring_look(&chan->tx, chan->tx.pending) : 1;
		send_unlock(chan);
		if (fits < 0)
			return fits;
		if (fits)
			ready |= VMBUS_WAIT_SEND;
	}
	return ready;
}

/* The events that are ready now, or why the channel has ended, or -EIO */
static int look(struct vmbus_channel *chan, unsigned int events)
{
	int err = channel_check(chan);
	int ready;

	if (err)
		return err;
	ready = look_at_rings(chan, events);
	err = channel_check(chan);
	return err ? err : ready;
}

static bool events_ok(unsigned int events)
{
	return events && !(events & ~(VMBUS_WAIT_RECV | VMBUS_WAIT_SEND));
}

int vmbus_arm(struct vmbus_channel *chan, unsigned int events)
{
	int err = channel_check(chan);

	if (!events_ok(events))
		return -EINVAL;
	if (err)
		return err;
	rx_ring_unmask(&chan->rx);
	if (events & VMBUS_WAIT_SEND) {
		send_lock(chan);
		if (chan->tx.pending)
			tx_ring_want(&chan->tx, chan->tx.pending);
		send_unlock(chan);
	}
	return look(chan, events);
}

void vmbus_mask(struct vmbus_channel *chan)
{
	if (!channel_check(chan))
		rx_ring_mask(&chan->rx);
}

int vmbus_ack(struct vmbus_channel *chan)
{
	int err, dead;

	if (chan->fd < 0)
		return -EOPNOTSUPP;
	err = channel_check(chan);
	if (err)
		return err;
	/* First, because it tells of a rescind; an interrupt that comes in between is only early. */
	err = take_interrupt(chan);
	vmbus_mask(chan);
	dead = channel_check(chan);
	return dead ? dead : err;
}

int vmbus_fd(const struct vmbus_channel *chan)
{
	return chan->fd;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Milliseconds until the deadline; -1: no limit */
static int remaining(int64_t deadline)
{
	int64_t left = deadline - now_ms();

	return deadline < 0 ? -1 : left > 0 ? left : 0;
}

/* Sleeps until an interrupt, and takes it */
static int sleep_for_interrupt(struct vmbus_channel *chan, int64_t deadline)
{
	struct pollfd p = { .fd = chan->fd, .events = POLLIN };
	int n = poll(&p, 1, remaining(deadline));
	int err;

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	err = take_interrupt(chan);
	if (err != -EAGAIN)
		return err;
	/* Somebody else took it; but an error condition stays, and poll would return for ever. */
	return p.revents & (POLLERR | POLLHUP | POLLNVAL) ? channel_dead(chan, -ENODEV) : 0;
}

/* Sleeps until another thread has slept */
static int sleep_for_sleeper(struct vmbus_channel *chan, int64_t deadline)
{
	struct timespec until = { deadline / 1000, deadline % 1000 * 1000000 };

	return -(deadline < 0 ? pthread_cond_wait(&chan->wait_turn, &chan->wait_lock) :
		 pthread_cond_timedwait(&chan->wait_turn, &chan->wait_lock, &until));
}

/*
 * Sleeps until an interrupt that came after the turn @turn, whoever takes it: one that was taken since
 * then may have been for this thread, which looked before.
 */
static int sleep_after(struct vmbus_channel *chan, unsigned int turn, int64_t deadline)
{
	int err = 0;

	pthread_mutex_lock(&chan->wait_lock);
	while (!err && chan->wait_turns == turn && chan->wait_sleeper)
		err = sleep_for_sleeper(chan, deadline);
	if (err || chan->wait_turns != turn)
		goto out;
	chan->wait_sleeper = true;
	pthread_mutex_unlock(&chan->wait_lock);
	err = sleep_for_interrupt(chan, deadline);
	pthread_mutex_lock(&chan->wait_lock);
	chan->wait_sleeper = false;
	/* Also after a timeout: another has to take over. */
	chan->wait_turns++;
	pthread_cond_broadcast(&chan->wait_turn);
out:
	pthread_mutex_unlock(&chan->wait_lock);
	return err;
}

int vmbus_wait(struct vmbus_channel *chan, unsigned int events, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	unsigned int turn;
	int ready, err;

	if (!events_ok(events))
		return -EINVAL;
	if (events & VMBUS_WAIT_SEND)
		chan->send_waiters++;
	ready = look(chan, events);
	while (!ready) {
		if (chan->fd < 0) {
			ready = -EOPNOTSUPP;
			goto out;
		}
		turn = chan->wait_turns;
		ready = vmbus_arm(chan, events);
		if (ready)
			break;
		err = sleep_after(chan, turn, deadline);
		/* What came before the time was up, or the signal, counts. */
		ready = look(chan, events);
		if (!ready)
			ready = err;
	}
	if (events & VMBUS_WAIT_RECV)
		vmbus_mask(chan);
	err = channel_check(chan);
	if (err)
		ready = err;
out:
	if (events & VMBUS_WAIT_SEND)
		chan->send_waiters--;
	return ready;
}
