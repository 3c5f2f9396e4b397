// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "notify.h"
#include "progress.h"

#define INTERVAL_MS 1000

static int run_fd = -1;
static char device[128];
static unsigned long long begun;	/* of this process, in clock ticks since boot */

/* What was told last */
static struct {
	bool once, active;
	uint64_t files, failed, received;
	struct timespec at;
} told;

/* 0: there is no such process, or no procfs */
static unsigned long long start_time(const char *pid)
{
	unsigned long long ticks = 0;
	char path[64], text[1024], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name, in brackets, may have blanks and brackets in it. */
	end = strrchr(text, ')');
	for (int field = 2; end && field < 22; field++)
		end = strchr(end + 1, ' ');
	if (end)
		ticks = strtoull(end + 1, NULL, 10);
	return ticks;
}

void progress_open(const char *run_dir, const char *of_device)
{
	snprintf(device, sizeof(device), "%s", of_device);
	begun = start_time("self");
	if (mkdir(run_dir, 0755) < 0 && errno != EEXIST)
		goto err_dir;
	run_fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run_fd < 0)
		goto err_dir;
	return;

err_dir:
	log_line(LOG_WARNING, "%s: %s; hv-fcopyd --status will know nothing", run_dir, strerror(errno));
}

static double rate(uint64_t bytes, uint64_t usec)
{
	return usec ? (double)bytes / usec : 0.0;
}

static unsigned int percent(const struct transfer *transfer)
{
	return transfer->size ? (unsigned int)(transfer->received * 100.0 / transfer->size) : 100;
}

static void write_file(const struct transfer *transfer)
{
	char text[4096];
	int fd, n;

	n = snprintf(text, sizeof(text), "pid=%d\nbegun=%llu\nversion=%s\ndevice=%s\nstate=%s\n",
		     (int)getpid(), begun, HYPERV_UIO_VERSION, device,
		     transfer_active(transfer) ? "receiving" : "waiting");
	if (transfer_active(transfer))
		n += snprintf(text + n, sizeof(text) - n,
			      "file=%s/%s\nreceived=%" PRIu64 "\nsize=%" PRIu64 "\npercent=%u\n"
			      "seconds=%.1f\nMB/s=%.1f\n", transfer->directory, transfer->name,
			      transfer->received, transfer->size, percent(transfer),
			      transfer_usec(transfer) / 1e6,
			      rate(transfer->received, transfer_usec(transfer)));
	n += snprintf(text + n, sizeof(text) - n,
		      "files=%" PRIu64 "\nbytes=%" PRIu64 "\nfailed=%" PRIu64 "\n",
		      transfer->totals.files, transfer->totals.bytes, transfer->totals.failed);

	fd = openat(run_fd, ".status", O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	/* A full /run is no reason to bother anybody: the file is as it was. */
	if (write(fd, text, n) == n)
		renameat(run_fd, ".status", run_fd, "status");
	close(fd);
}

static void tell_manager(const struct transfer *transfer)
{
	char text[2048];

	if (!transfer_active(transfer)) {
		notify_status("Waiting for Copy-VMFile");
		return;
	}
	snprintf(text, sizeof(text), "Receiving %s/%s: %" PRIu64 " of %" PRIu64 " bytes, %u%%, %.1f MB/s",
		 transfer->directory, transfer->name, transfer->received, transfer->size,
		 percent(transfer), rate(transfer->received, transfer_usec(transfer)));
	notify_status(text);
}

bool progress_update(const struct transfer *transfer)
{
	bool active = transfer_active(transfer);
	struct timespec now;
	int64_t passed;

	if (told.once && told.active == active && told.files == transfer->totals.files &&
	    told.failed == transfer->totals.failed &&
	    (!active || told.received == transfer->received))
		return false;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	passed = (now.tv_sec - told.at.tv_sec) * 1000ll + (now.tv_nsec - told.at.tv_nsec) / 1000000;
	/* One copy after the other is as much of a flood as one that goes on. */
	if (told.once && told.active && passed < INTERVAL_MS)
		return true;

	told.once = true;
	told.active = active;
	told.files = transfer->totals.files;
	told.failed = transfer->totals.failed;
	told.received = transfer->received;
	told.at = now;
	tell_manager(transfer);
	if (run_fd >= 0)
		write_file(transfer);
	return false;
}

void progress_close(void)
{
	if (run_fd < 0)
		return;
	unlinkat(run_fd, ".status", 0);
	unlinkat(run_fd, "status", 0);
	close(run_fd);
	run_fd = -1;
}

int progress_print(const char *run_dir, FILE *to)
{
	char path[4096], text[4096], pid[16] = "";
	unsigned long long ticks = 0;
	ssize_t n;
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/status", run_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	text[n] = '\0';
	if (sscanf(text, "pid=%15[0-9]\nbegun=%llu\n", pid, &ticks) != 2)
		return -EBADMSG;
	if (start_time(pid) != ticks)
		return -ESRCH;
	fputs(text, to);
	return 0;
}
