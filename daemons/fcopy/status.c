// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "hresult.h"
#include "log.h"
#include "notify.h"
#include "status.h"

#define INTERVAL_MS 1000

/*
 * The limit of a value after log_escape(). It suffices for every path without
 * escaped characters.
 */
#define VALUE_SIZE (TRANSFER_FILE_SIZE + 4096)

static int run_fd = -1;
static char device[128];
static unsigned long long begun; /* the result of start_time() for this process */

/* The values that the daemon published last */
static struct {
	bool once, active;
	const char *slow;
	unsigned int slow_seconds;
	enum silence_debt debt;
	uint64_t reopened;
	uint64_t files, failed, received;
	struct timespec at;
} published;

/*
 * Return when the process @pid began, in clock ticks since boot, or 0 if there
 * is no such process or no procfs.
 */
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
	/* The name is in parentheses and may contain blanks and parentheses. */
	end = strrchr(text, ')');
	for (int field = 2; end && field < 22; field++)
		end = strchr(end + 1, ' ');
	if (end)
		ticks = strtoull(end + 1, NULL, 10);
	return ticks;
}

void status_open(const char *run_dir, const char *of_device)
{
	snprintf(device, sizeof(device), "%s", of_device);
	begun = start_time("self");
	published.once = false;
	if (mkdir(run_dir, 0755) < 0 && errno != EEXIST)
		goto err_dir;
	run_fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run_fd < 0)
		goto err_dir;
	return;

err_dir:
	log_line(LOG_WARNING, "%s: %s; hv-fcopyd --status will show nothing", run_dir,
		 strerror(errno));
}

/* Return the speed in MB/s. */
static double rate(uint64_t bytes, uint64_t usec)
{
	return usec ? (double)bytes / usec : 0.0;
}

/*
 * Return the progress in percent. The result is 100 only if all announced bytes
 * have arrived; further bytes do not count.
 */
static unsigned int percent(const struct transfer_view *view)
{
	unsigned int n;

	if (view->received >= view->announced)
		return 100;
	n = view->received * 100.0 / view->announced;
	return n < 100 ? n : 99;
}

static void iso_time(time_t at, char text[32])
{
	struct tm utc;

	if (!gmtime_r(&at, &utc) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc))
		text[0] = '\0';
}

static void print_failure(const struct transfer_totals *totals, FILE *to)
{
	char text[FAILURE_DETAIL + 256], escaped[VALUE_SIZE], at[32];

	if (!totals->failed_at)
		return;
	failure_text(&totals->failure, text, sizeof(text));
	log_escape(escaped, sizeof(escaped), text);
	fprintf(to, "last-failure=%s\n", escaped);
	log_escape(escaped, sizeof(escaped), totals->failed_file);
	fprintf(to, "last-failure-file=%s\n", escaped);
	iso_time(totals->failed_at, at);
	fprintf(to, "last-failure-time=%s\nlast-failure-code=0x%08" PRIx32 "\n", at,
		hresult_of(totals->failure.refusal));
}

static void print_host(const struct silence *host, FILE *to)
{
	char at[32];

	fprintf(to, "host=%s\nreopened=%" PRIu64 "\n", silence_state(host), host->reopened);
	if (!host->reopened)
		return;
	iso_time(host->reopened_at, at);
	fprintf(to, "last-reopen=%s\nlast-reopen-time=%s\n", silence_words(host->reason), at);
}

static void print_values(const struct status *status, FILE *to)
{
	const struct transfer_view *view = status->view;
	char escaped[VALUE_SIZE];

	fprintf(to, "pid=%d\nbegun=%llu\nversion=%s\ndevice=%s\nstate=%s\n", (int)getpid(), begun,
		HYPERV_UIO_VERSION, device, view->active ? "receiving" : "waiting");
	if (view->active) {
		log_escape(escaped, sizeof(escaped), view->path);
		fprintf(to,
			"file=%s\nreceived=%" PRIu64 "\nsize=%" PRIu64 "\npercent=%u\n"
			"seconds=%.1f\nMB/s=%.1f\n",
			escaped, view->received, view->announced, percent(view), view->usec / 1e6,
			rate(view->received, view->usec));
	}
	if (status->slow) {
		log_escape(escaped, sizeof(escaped), view->path);
		fprintf(to, "slow-disk=%s\nslow-disk-file=%s\nslow-disk-seconds=%u\n", status->slow,
			escaped, status->slow_seconds);
	}
	fprintf(to, "files=%" PRIu64 "\nbytes=%" PRIu64 "\nfailed=%" PRIu64 "\n",
		view->totals.files, view->totals.bytes, view->totals.failed);
	print_failure(&view->totals, to);
	print_host(status->host, to);
}

/* Replace the file. If /run is full, the old file stays without a warning. */
static void write_file(const struct status *status)
{
	FILE *file;
	int fd;

	/* An earlier version may have left a file that everybody can read. */
	unlinkat(run_fd, ".status", 0);
	fd = openat(run_fd, ".status", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		if (fd >= 0)
			close(fd);
		return;
	}
	print_values(status, file);
	if (fflush(file) == 0 && !ferror(file))
		renameat(run_fd, ".status", run_fd, "status");
	fclose(file);
}

/*
 * Send a line to the service manager. It names no file, because every user of
 * the machine can read it.
 */
static void notify_manager(const struct status *status)
{
	const struct transfer_view *view = status->view;
	const struct transfer_totals *totals = &view->totals;
	double speed = rate(view->received, view->usec);
	char text[256], at[32];

	if (status->slow) {
		snprintf(text, sizeof(text), "Waiting for a disk %s for %u s", status->slow,
			 status->slow_seconds);
	} else if (view->active && view->received > view->announced) {
		snprintf(text, sizeof(text),
			 "Receiving a file: %" PRIu64 " bytes, the host announced %" PRIu64
			 ", %.1f MB/s",
			 view->received, view->announced, speed);
	} else if (view->active) {
		snprintf(text, sizeof(text),
			 "Receiving a file: %" PRIu64 " of %" PRIu64 " bytes, %u%%, %.1f MB/s",
			 view->received, view->announced, percent(view), speed);
	} else if (status->host->debt == SILENCE_OFFER) {
		snprintf(text, sizeof(text), "Waiting for the host to offer the device again");
	} else if (status->host->logged) {
		snprintf(text, sizeof(text),
			 "The host has fallen silent: %s; the device was opened again %" PRIu64
			 " times",
			 silence_words(status->host->reason), status->host->reopened);
	} else if (totals->failed_at) {
		iso_time(totals->failed_at, at);
		snprintf(text, sizeof(text),
			 "Waiting for Copy-VMFile; the last failure was at %s: %s", at,
			 refusal_words(totals->failure.refusal));
	} else {
		snprintf(text, sizeof(text), "Waiting for Copy-VMFile");
	}
	notify_status(text);
}

bool status_update(const struct status *status)
{
	const struct transfer_view *view = status->view;
	bool active = view->active;
	struct timespec now;
	int64_t passed;

	if (published.once && published.active == active && published.files == view->totals.files &&
	    published.failed == view->totals.failed && published.slow == status->slow &&
	    published.slow_seconds == status->slow_seconds &&
	    published.debt == status->host->debt && published.reopened == status->host->reopened &&
	    (!active || published.received == view->received))
		return false;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	passed = (now.tv_sec - published.at.tv_sec) * 1000ll +
		 (now.tv_nsec - published.at.tv_nsec) / 1000000;
	if (published.once && passed < INTERVAL_MS)
		return true;

	published.once = true;
	published.active = active;
	published.slow = status->slow;
	published.slow_seconds = status->slow_seconds;
	published.debt = status->host->debt;
	published.reopened = status->host->reopened;
	published.files = view->totals.files;
	published.failed = view->totals.failed;
	published.received = view->received;
	published.at = now;
	notify_manager(status);
	if (run_fd >= 0)
		write_file(status);
	return false;
}

void status_close(void)
{
	if (run_fd < 0)
		return;
	unlinkat(run_fd, ".status", 0);
	unlinkat(run_fd, "status", 0);
	close(run_fd);
	run_fd = -1;
}

/* Print @file if its process runs. Returns 0 or -errno. */
static int print_file(FILE *file, FILE *to)
{
	unsigned long long ticks = 0;
	char pid[16] = "", text[4096];
	size_t n;

	if (fscanf(file, "pid=%15[0-9]\nbegun=%llu\n", pid, &ticks) != 2)
		return ferror(file) ? -EIO : -EBADMSG;
	if (start_time(pid) != ticks)
		return -ESRCH;
	rewind(file);
	while ((n = fread(text, 1, sizeof(text), file)))
		fwrite(text, 1, n, to);
	return ferror(file) ? -EIO : 0;
}

int status_print(const char *run_dir, FILE *to)
{
	char path[PATH_MAX];
	FILE *file;
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/status", run_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	err = print_file(file, to);
	fclose(file);
	return err;
}

int status_report(const char *run_dir)
{
	int err = status_print(run_dir, stdout);

	switch (err) {
	case 0:
		return 0;
	case -ESRCH:
		printf("state=stopped\n");
		return STATUS_NOT_RUNNING;
	case -EACCES:
	case -EPERM:
		fprintf(stderr, "hv-fcopyd: %s/status: only root may read it\n", run_dir);
		return EX_NOPERM;
	default:
		fprintf(stderr, "hv-fcopyd: %s/status: %s\n", run_dir,
			err == -EBADMSG ? "not a status file" : strerror(-err));
		return EX_NOINPUT;
	}
}
