// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test what readers of the status file and of the service manager's status
 * learn.
 */
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../../daemons/fcopy/log.h"
#include "../../daemons/fcopy/notify.h"
#include "../../daemons/fcopy/status.h"
#include "fcopy_test.h"

static struct transfer_view view;
static struct silence host;
static struct status status = { .view = &view, .host = &host };

/* The last status for the service manager, and how often it got one */
static char manager[4096];
static int told;

/* Milliseconds that have passed since the first test began */
static long long clock_ms = 100000;

void notify_status(const char *text)
{
	snprintf(manager, sizeof(manager), "%s", text);
	told++;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_MONOTONIC_COARSE) {
		*now = (struct timespec){ clock_ms / 1000, clock_ms % 1000 * 1000000 };
		return 0;
	}
	return syscall(SYS_clock_gettime, clock, now);
}

static void begin_test(void)
{
	clock_ms += 10000;
	memset(&view, 0, sizeof(view));
	status.slow = NULL;
	memset(&host, 0, sizeof(host));
	manager[0] = '\0';
	told = 0;
	status_open("run", "/dev/uio7");
}

static void begin_copy(const char *path, uint64_t announced, uint64_t received)
{
	view.active = true;
	snprintf(view.path, sizeof(view.path), "%s", path);
	view.announced = announced;
	view.received = received;
	view.usec = 2000000;
}

static void fail_copy(const char *path, enum refusal refusal, const char *detail)
{
	view.active = false;
	view.totals.failed++;
	view.totals.failed_at = 1700000000;
	snprintf(view.totals.failed_file, sizeof(view.totals.failed_file), "%s", path);
	refusal_set(&view.totals.failure, refusal, "%s", detail);
}

/* Report the changes some time after the last report. */
static void update(void)
{
	clock_ms += 10000;
	expect(!status_update(&status));
}

/* Return the output of status_print(); *ERR is its result. */
static const char *printed(int *err)
{
	static char text[65536];
	FILE *to = fmemopen(text, sizeof(text), "w");

	text[0] = '\0';
	*err = status_print("run", to);
	fclose(to);
	return text;
}

/* Return whether LINE is one of the lines that status_print() prints. */
static bool has(const char *line)
{
	const char *at;
	char whole[8192];
	int err;

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	at = printed(&err);
	return err == 0 && strstr(at, whole);
}

static void one_that_waits(void)
{
	char line[64];
	int err;

	begin_test();
	update();
	snprintf(line, sizeof(line), "pid=%d\n", (int)getpid());
	expect(!strncmp(printed(&err), line, strlen(line)));
	expect_int(err, 0);
	expect(has("state=waiting"));
	expect(has("device=/dev/uio7"));
	expect(has("version=test"));
	expect(has("files=0\nbytes=0\nfailed=0"));
	expect(!strstr(printed(&err), "last-failure"));
	expect(!strstr(printed(&err), "file="));
	expect(!strcmp(manager, "Waiting for Copy-VMFile"));
	status_close();
}

static void slow_disk(void)
{
	begin_test();
	begin_copy("/srv/a", 10, 10);
	status.slow = "to sync the file";
	status.slow_seconds = 7;
	update();
	expect(has("slow-disk=to sync the file\nslow-disk-file=/srv/a\nslow-disk-seconds=7"));
	expect(!strcmp(manager, "Waiting for a disk to sync the file for 7 s"));
	/* Each second counts. */
	status.slow_seconds++;
	update();
	expect(has("slow-disk-seconds=8"));
	status.slow = NULL;
	status.slow_seconds = 0;
	update();
	expect(has("state=receiving"));
	expect(!has("slow-disk-seconds=8"));
	status_close();
}

static void silent_host(void)
{
	static const struct {
		enum silence_debt debt;
		const char *line;
	} states[] = {
		{ SILENCE_NOTHING, "host=talking\nreopened=0" },
		{ SILENCE_NEGOTIATE, "host=owes-negotiate\nreopened=0" },
		{ SILENCE_READ, "host=owes-read\nreopened=0" },
		{ SILENCE_MESSAGE, "host=owes-message\nreopened=0" },
	};

	begin_test();
	for (int i = 0; i < 4; i++) {
		host.debt = states[i].debt;
		update();
		expect(has(states[i].line));
	}
	expect(!strcmp(manager, "Waiting for Copy-VMFile"));
	host.debt = SILENCE_NEGOTIATE;
	host.reopened = 3;
	host.reopened_at = 1700000000;
	host.reason = SILENCE_READ;
	host.logged = true;
	update();
	expect(has("host=owes-negotiate\nreopened=3\nlast-reopen=it has not read the answers\n"
		   "last-reopen-time=2023-11-14T22:13:20Z"));
	expect(!strcmp(manager, "The host has fallen silent: it has not read the answers; "
				"the device was opened again 3 times"));
	status_close();
}

static void one_that_receives(void)
{
	begin_test();
	begin_copy("/srv/a", 40000000, 10000000);
	view.totals.files = 3;
	view.totals.bytes = 12345678901;
	update();
	expect(has("state=receiving"));
	expect(has(
		"file=/srv/a\nreceived=10000000\nsize=40000000\npercent=25\nseconds=2.0\nMB/s=5.0"));
	expect(has("files=3\nbytes=12345678901\nfailed=0"));
	expect(!strcmp(manager, "Receiving a file: 10000000 of 40000000 bytes, 25%, 5.0 MB/s"));
	status_close();
}

static void more_than_was_announced(void)
{
	begin_test();
	begin_copy("/srv/a", 10, 15);
	update();
	expect(has("received=15\nsize=10\npercent=100"));
	expect(!strcmp(manager, "Receiving a file: 15 bytes, the host announced 10, 0.0 MB/s"));
	status_close();
}

static void percent_is_100_when_all_is_there(void)
{
	static const struct {
		uint64_t announced, received;
		const char *percent;
	} copies[] = {
		{ 0, 0, "percent=100" },
		{ 0, 5, "percent=100" },
		{ 3, 0, "percent=0" },
		{ 3, 2, "percent=66" },
		{ 3, 3, "percent=100" },
		{ 1000, 999, "percent=99" },
		{ UINT64_MAX, UINT64_MAX - 1, "percent=99" },
		{ UINT64_MAX, UINT64_MAX / 2, "percent=50" },
		{ 1, UINT64_MAX, "percent=100" },
	};

	begin_test();
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		begin_copy("/srv/a", copies[i].announced, copies[i].received);
		view.totals.files++;
		update();
		if (!expect(has(copies[i].percent)))
			ksft_print_msg("%s\n", copies[i].percent);
	}
	status_close();
}

static void last_failure(void)
{
	begin_test();
	fail_copy("/srv/b", REFUSAL_EXISTS, "no -Force");
	update();
	expect(has("failed=1\nlast-failure=the file exists: no -Force\nlast-failure-file=/srv/b\n"
		   "last-failure-time=2023-11-14T22:13:20Z\nlast-failure-code=0x80070050"));
	/* Every user can read this one. */
	expect(!strcmp(manager, "Waiting for Copy-VMFile; the last failure was at "
				"2023-11-14T22:13:20Z: the file exists"));
	/* It stays while the next copy runs, and until the next one fails. */
	begin_copy("/srv/a", 10, 5);
	update();
	expect(has("last-failure-file=/srv/b"));
	fail_copy("/srv/c", REFUSAL_DISK_FULL, "");
	update();
	expect(has("last-failure=the disk is full\nlast-failure-file=/srv/c"));
	expect(has("last-failure-code=0x80070070"));
	status_close();
}

static void failure_without_a_name(void)
{
	begin_test();
	fail_copy("", REFUSAL_NAME, "");
	update();
	expect(has("last-failure=the name is not acceptable\nlast-failure-file="));
	expect(!strcmp(manager, "Waiting for Copy-VMFile; the last failure was at "
				"2023-11-14T22:13:20Z: the name is not acceptable"));
	status_close();
}

static bool is_plain(const char *text)
{
	for (const char *at = text; *at; at++)
		if ((*at < ' ' && *at != '\n') || *at == 0x7f)
			return false;
	return !strstr(text, "\u202e") && !strstr(text, "\u2028") && !strstr(text, "\xff");
}

/*
 * A name with line ends and escape sequences makes no new lines and no colours.
 */
static void names_do_not_deceive_a_terminal(void)
{
	static const char evil[] = "/srv/\nstate=waiting\n\033[31m\u202etxt\u2028\xff";
	int err;

	begin_test();
	begin_copy(evil, 10, 5);
	update();
	expect(!has("state=waiting"));
	expect(is_plain(printed(&err)));
	expect(is_plain(manager) && !strchr(manager, '\n') && !strstr(manager, "txt"));
	fail_copy(evil, REFUSAL_RULE, evil);
	update();
	expect(is_plain(printed(&err)));
	expect(is_plain(manager) && !strchr(manager, '\n') && !strstr(manager, "txt"));
	status_close();
}

static void long_names(void)
{
	static char path[TRANSFER_FILE_SIZE];
	static char line[TRANSFER_FILE_SIZE + 16];
	int err;

	begin_test();
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	begin_copy(path, 10, 5);
	update();
	snprintf(line, sizeof(line), "file=%s", path);
	expect(has(line));
	expect(strlen(manager) < 3072);
	/* An escaped path may be truncated, but the text after it is there. */
	memset(path, '\n', sizeof(path) - 1);
	begin_copy(path, 10, 6);
	fail_copy(path, REFUSAL_EXISTS, path);
	view.active = true;
	update();
	expect(has("received=6"));
	expect(has("last-failure-code=0x80070050"));
	expect(is_plain(printed(&err)));
	status_close();
}

/* Only root may read the names of files. */
static void file_is_roots_alone(void)
{
	struct stat st;

	mkdir("run", 0755);
	/* An earlier version was killed while it wrote one for everybody. */
	make_file("run/.status", "old");
	umask(0);
	begin_test();
	update();
	umask(022);
	expect(stat("run/status", &st) == 0 && (st.st_mode & 07777) == 0600);
	status_close();
}

static void directory_can_be_entered(void)
{
	struct stat st;

	begin_test();
	expect(stat("run", &st) == 0 && (st.st_mode & 07777) == 0755);
	status_close();
}

static void print_as_nobody(void)
{
	int err;

	if (setresuid(65534, 65534, 65534) < 0)
		_exit(2);
	printed(&err);
	expect_int(err, -EACCES);
}

static void other_users_are_refused(void)
{
	if (geteuid() != 0)
		skip("run this as root");
	begin_test();
	update();
	expect_int(in_child(print_as_nobody), 0);
	status_close();
}

static void at_most_once_a_second(void)
{
	begin_test();
	update();
	begin_copy("/srv/a", 10, 5);
	clock_ms += 1000;
	expect(!status_update(&status));
	expect_int(told, 2);
	view.received = 6;
	clock_ms += 999;
	expect(status_update(&status));
	expect_int(told, 2);
	expect(has("received=5"));
	clock_ms += 1;
	expect(!status_update(&status));
	expect_int(told, 3);
	expect(has("received=6"));
	/* Nothing is new. */
	clock_ms += 10000;
	expect(!status_update(&status));
	expect_int(told, 3);
	status_close();
}

/* The host may send one START after the other, and the daemon refuses all. */
static void refusals_do_not_flood_the_manager(void)
{
	begin_test();
	update();
	for (int i = 0; i < 1000; i++) {
		fail_copy("/srv/b", REFUSAL_EXISTS, "");
		clock_ms += 1;
		status_update(&status);
	}
	expect_int(told, 2);
	clock_ms += 1000;
	fail_copy("/srv/b", REFUSAL_EXISTS, "");
	expect(!status_update(&status));
	expect(has("failed=1001"));
	status_close();
}

static void print_in_child(void)
{
	int err;

	status_open("run", "a device");
	update();
	printed(&err);
	expect_int(err, 0);
}

static void one_that_was_killed_is_no_news(void)
{
	int err;

	begin_test();
	status_close();
	expect_int(in_child(print_in_child), 0);
	expect(access("run/status", F_OK) == 0);
	expect(!*printed(&err));
	expect_int(err, -ESRCH);
}

/* Another process now has the number of the daemon. */
static void other_process_of_the_same_number(void)
{
	char text[64];
	int err;

	mkdir("run", 0755);
	snprintf(text, sizeof(text), "pid=%d\nbegun=1\nstate=receiving\n", (int)getpid());
	make_file("run/status", text);
	expect(!*printed(&err));
	expect_int(err, -ESRCH);
}

static void none_runs(void)
{
	int err;

	printed(&err);
	expect_int(err, -ESRCH);
	begin_test();
	update();
	status_close();
	expect_int(entries("run"), 0);
	printed(&err);
	expect_int(err, -ESRCH);
}

static void what_is_no_status_file(void)
{
	int err;

	mkdir("run", 0755);
	make_file("run/status", "nonsense\n");
	expect(!*printed(&err));
	expect_int(err, -EBADMSG);
	unlink("run/status");
	make_file("elsewhere", "pid=1\nbegun=1\n");
	expect(symlink("../elsewhere", "run/status") == 0);
	printed(&err);
	expect_int(err, -ELOOP);
	unlink("run/status");
	/* A pipe does not block the reader. */
	mkfifo("run/status", 0600);
	printed(&err);
	expect_int(err, -EBADMSG);
}

static void without_a_run_directory_the_manager_learns(void)
{
	begin_test();
	status_close();
	status_open("no/where", "a device");
	fail_copy("/srv/b", REFUSAL_EXISTS, "");
	update();
	expect_int(told, 1);
	status_close();
}

int main(void)
{
	test(one_that_waits);
	test(slow_disk);
	test(silent_host);
	test(one_that_receives);
	test(more_than_was_announced);
	test(percent_is_100_when_all_is_there);
	test(last_failure);
	test(failure_without_a_name);
	test(names_do_not_deceive_a_terminal);
	test(long_names);
	test(file_is_roots_alone);
	test(directory_can_be_entered);
	test(other_users_are_refused);
	test(at_most_once_a_second);
	test(refusals_do_not_flood_the_manager);
	test(one_that_was_killed_is_no_news);
	test(other_process_of_the_same_number);
	test(none_runs);
	test(what_is_no_status_file);
	test(without_a_run_directory_the_manager_learns);
	run_tests();
}
