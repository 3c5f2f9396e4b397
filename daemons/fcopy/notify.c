// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "notify.h"

#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

#define WAITING "Waiting for Copy-VMFile"

void notify_ready(void)
{
	sd_notify(0, "READY=1\nSTATUS=" WAITING);
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   now.tv_sec * 1000000ll + now.tv_nsec / 1000);
}

void notify_stopping(const char *reason)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", reason);
}

void notify_progress(const struct transfer *transfer)
{
	static bool shown;
	static time_t last;
	struct timespec now;

	if (!transfer_active(transfer)) {
		if (shown)
			sd_notify(0, "STATUS=" WAITING);
		shown = false;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (shown && now.tv_sec == last)
		return;
	shown = true;
	last = now.tv_sec;
	sd_notifyf(0, "STATUS=Receiving %s/%s: %" PRIu64 " of %" PRIu64 " bytes, %u%%",
		   transfer->directory, transfer->name, transfer->received, transfer->size,
		   transfer->size ? (unsigned int)(transfer->received * 100.0 / transfer->size) : 100);
}

#else

void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(const char *reason)
{
}

void notify_progress(const struct transfer *transfer)
{
}

#endif
