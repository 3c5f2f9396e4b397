// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file signals the host and takes interrupts from it. */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/*
 * Return why a channel has ended if a system call on it failed with @error. UIO
 * returns EIO after the device has gone; the other errors come from sockets.
 * The function returns no number that has another meaning in the library,
 * because every later call on the channel returns it: with -EAGAIN the ring
 * would look empty.
 */
static int meaning_of(int error)
{
	return error == EIO || error == ENODEV || error == EPIPE || error == ECONNRESET ? -ENODEV :
											  -EIO;
}

static int write_signal(struct vmbus_chan *chan)
{
	const int32_t one = 1; /* zero would set the mask */
	int cancel;
	ssize_t n;

	/* What this side writes to a FIFO, it would read itself. */
	if (chan->fd_is_fifo)
		return 0;
	cancel = cancel_defer();
	do {
		n = chan->fd_is_socket ? send(chan->fd, &one, sizeof(one), MSG_NOSIGNAL) :
					 write(chan->fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	cancel_restore(cancel);
	/* The socket is full, so the other side has signals that wake it. */
	if (n >= 0 || errno == EAGAIN)
		return 0;
	/*
	 * UIO returns EINVAL for 4 bytes after the device was unregistered, and
	 * not only disconnected.
	 */
	return errno == EINVAL && !chan->fd_is_socket ? -ENODEV : meaning_of(errno);
}

/* Signal with the program's function, or through the descriptor. */
static int signal_slowly(struct vmbus_chan *chan)
{
	int err = 0;

	if (chan->signal) {
		err = chan->signal(chan->ctx);
		if (err && err != -ENODEV)
			err = -EIO;
	} else if (chan->fd >= 0) {
		err = write_signal(chan);
		/*
		 * The write to /dev/uioN has made the kernel clear the masks of
		 * all channels of the device. The other channels set theirs
		 * when they find their rings empty.
		 */
		if (chan->poll_mode && !err && !channel_check(chan))
			rx_ring_mask(&chan->rx);
	}
	if (likely(!err))
		return 0;
	/* Waiting threads must notice the end, too. */
	channel_dead(chan, err);
	wake_waiters(chan);
	return err;
}

int channel_signal(struct vmbus_chan *chan)
{
	int err = channel_check(chan);

	if (unlikely(err))
		return err;
	if (!chan->monitor_word)
		return signal_slowly(chan);
	/*
	 * The publication has ordered the packets before the first bit. The
	 * second bit comes after the first.
	 */
	set_bits(chan->event_word, chan->event_bit);
	sync_set_bits(chan->monitor_word, chan->monitor_bit);
	return channel_check(chan);
}

int take_interrupt(struct vmbus_chan *chan)
{
	const int cancel = cancel_defer();
	/*
	 * UIO takes only a count of 4 bytes, and hands out all interrupts at
	 * once. A socket has 4 bytes for each interrupt.
	 */
	int32_t counts[64];
	const size_t size = chan->fd_is_socket ? sizeof(counts) : sizeof(counts[0]);
	ssize_t n;

	do {
		n = read(chan->fd, counts, size);
	} while (n < 0 && errno == EINTR);
	cancel_restore(cancel);
	/* The host of a test writes less than 4 bytes to a FIFO to rescind. */
	if (n > 0 && (!chan->fd_is_fifo || n == sizeof(counts[0]))) {
		count_up(&chan->interrupts, 1);
		return 0;
	}
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	return channel_dead(chan, n < 0 ? meaning_of(errno) : -ENODEV);
}
