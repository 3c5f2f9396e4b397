// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file opens a channel of a device that may not be there yet. */

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/*
 * Whether a later attempt may succeed: the host has to offer the device, a
 * driver has to bind it, udev has to set its mode, or a program has to close
 * it. While a device comes or goes, its files may be incomplete.
 */
static bool may_pass(int err)
{
	return err == -ENODEV || err == -ENXIO || err == -EBUSY || err == -EACCES || err == -EPROTO;
}

/* Let the timer expire once in @ms milliseconds, and then again; 0: never. */
static int set_timer(int timer, long ms)
{
	const struct timespec period = { ms / 1000, ms % 1000 * 1000000 };
	const struct itimerspec spec = { period, period };

	return timerfd_settime(timer, 0, &spec, NULL) ? -errno : 0;
}

/* Set the timer for the next attempt. Its period is the last interval. */
static int set_next(int timer)
{
	struct itimerspec spec;
	long ms;

	if (timerfd_gettime(timer, &spec))
		return -errno;
	ms = 2 * (spec.it_interval.tv_sec * 1000 + spec.it_interval.tv_nsec / 1000000);
	return set_timer(timer, ms < RETRY_MS_MIN ? RETRY_MS_MIN :
				ms > RETRY_MS_MAX ? RETRY_MS_MAX :
						    ms);
}

int vmbus_open_retry(const char *id, const struct vmbus_open_options *options, int *timer,
		     struct vmbus_chan **chan)
{
	int err;

	*chan = NULL;
	if (*timer < 0) {
		*timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (*timer < 0)
			return fail(-errno, "timerfd_create: %s", strerror(errno));
	}
	err = vmbus_open(id, options, chan);
	if (may_pass(err)) {
		err = set_next(*timer);
		return err ? fail(err, "timer %d: %s", *timer, strerror(-err)) : -EAGAIN;
	}
	set_timer(*timer, 0);
	return err;
}
