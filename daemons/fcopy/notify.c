// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "notify.h"

#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   now.tv_sec * 1000000ll + now.tv_nsec / 1000);
}

void notify_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

void notify_stopping(const char *reason)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", reason);
}

#else

void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_status(const char *text)
{
}

void notify_stopping(const char *reason)
{
}

#endif
