// SPDX-License-Identifier: GPL-2.0-only
#include <fts.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "fcopy_test.h"

#define TESTS_MAX 256

static struct test {
	int line;
	const struct fixture *fixture;
	void (*function)(void);
	const char *name;
	const char *how;
	int variant;
} tests[TESTS_MAX];
static unsigned int count, failures;

const struct fixture anywhere;
const struct fixture as_root = { .root = true };
const struct fixture in_own_process = { .child = true };
const struct fixture as_root_in_own_process = { .root = true, .child = true };
const struct fixture own_mounts = { .own_mounts = true };
int variant, descriptors_of_helpers;
const char **skipped;
char scratch[256];

void add_test(int line, const struct fixture *fixture, void (*function)(void), const char *name,
	      const char *how, int number)
{
	unsigned int at = count++;

	if (count > TESTS_MAX)
		ksft_exit_fail_msg("more tests than TESTS_MAX");
	/* A compiler may call the constructors in any order. */
	for (; at && tests[at - 1].line > line; at--)
		tests[at] = tests[at - 1];
	tests[at] = (struct test){ line, fixture, function, name, how, number };
}

bool expect_at(const char *file, int line, const char *text, bool holds)
{
	/* An expectation that fails in a loop prints only some messages. */
	if (!holds && ++failures <= 10)
		ksft_print_msg("%s:%d: expected %s\n", file, line, text);
	return holds;
}

bool expect_int_at(const char *file, int line, const char *text, long long have, long long want)
{
	if (have != want && ++failures <= 10)
		ksft_print_msg("%s:%d: %s is %lld (0x%llx), expected %lld (0x%llx)\n", file, line,
			       text, have, have, want, want);
	return have == want;
}

bool current_failed(void)
{
	return failures > 0;
}

void leave_child(int status)
{
	fflush(NULL);
	_exit(current_failed() ? 1 : status);
}

int in_child(void (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return 127;
	if (!pid) {
		body();
		leave_child(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void need_mount(bool mounted)
{
	if (!mounted)
		leave_child(CANNOT_MOUNT);
}

void mount_tmpfs(const char *directory, const char *options)
{
	mkdir(directory, 0755);
	need_mount(mount("tmpfs", directory, "tmpfs", 0, options) == 0);
}

const char *in(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

void make_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ksft_exit_fail_perror(path);
	close(fd);
}

static void make_directories_above(const char *path)
{
	char above[PATH_MAX];

	for (size_t n = 1; path[n]; n++) {
		if (path[n] != '/')
			continue;
		snprintf(above, sizeof(above), "%.*s", (int)n, path);
		if (mkdir(above, 0755) < 0 && errno != EEXIST)
			ksft_exit_fail_perror(above);
	}
}

void make_all(const char *const *entries)
{
	for (; *entries; entries++) {
		const char *arrow = strstr(*entries, " -> ");
		char name[PATH_MAX];

		snprintf(name, sizeof(name), "%.*s",
			 (int)(arrow ? arrow - *entries : (ptrdiff_t)strlen(*entries)), *entries);
		make_directories_above(name);
		if (arrow)
			expect(symlink(arrow + 4, name) == 0);
		else if (name[strlen(name) - 1] != '/')
			make_file(name, "");
	}
}

bool holds(const char *path, const char *text)
{
	size_t want = strlen(text);
	char have[8192];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, have, sizeof(have));
	close(fd);
	return n == (ssize_t)want && !memcmp(have, text, want);
}

struct stat stat_of(const char *path)
{
	struct stat st = { .st_mode = 0 };

	expect(lstat(path, &st) == 0);
	return st;
}

mode_t mode_of(const char *path)
{
	return stat_of(path).st_mode & 07777;
}

bool belongs_to(const char *path, uid_t uid, gid_t gid)
{
	struct stat st = stat_of(path);

	return st.st_uid == uid && st.st_gid == gid;
}

int entries(const char *path)
{
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			n++;
	closedir(dir);
	return n;
}

int open_files(void)
{
	int n = entries("/proc/self/fd");

	return n < 0 ? n : n - descriptors_of_helpers;
}

static void scratch_enter(void)
{
	const char *base = getenv("TMPDIR");
	char template[128];

	snprintf(template, sizeof(template), "%s/fcopy.XXXXXX", base ? base : "/tmp");
	/* Resolve the links on the way; tests make their own links. */
	if (!mkdtemp(template) || chdir(template) < 0 || !getcwd(scratch, sizeof(scratch)))
		ksft_exit_fail_perror(template);
	/* If root runs the tests, only root can write to the directory. */
	chmod(scratch, 0755);
}

/*
 * Remove all that the test has made. Some paths are longer than the kernel
 * accepts, so fts_read() enters each directory.
 */
static void scratch_leave(void)
{
	char *const tops[] = { scratch, NULL };
	FTSENT *entry;
	FTS *tree;

	expect(chdir("/") == 0);
	tree = fts_open(tops, FTS_PHYSICAL, NULL);
	if (!tree)
		ksft_exit_fail_perror(scratch);
	while ((entry = fts_read(tree)))
		if (entry->fts_info != FTS_D)
			expect(remove(entry->fts_accpath) == 0);
	fts_close(tree);
}

static const struct test *current;

static void run_between(void)
{
	const struct fixture *fixture = current->fixture;
	int before = open_files(), after;

	if (fixture->begin)
		fixture->begin();
	if (!*skipped)
		current->function();
	if (fixture->end)
		fixture->end();
	after = open_files();
	/* A test may have unmounted /proc. */
	if (after >= 0)
		expect_int(after, before);
}

static void run_in_child(void)
{
	if (current->fixture->own_mounts)
		need_mount(unshare(CLONE_NEWNS) == 0 &&
			   mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	run_between();
}

static void run_current(void)
{
	const struct fixture *fixture = current->fixture;
	int status;

	if ((fixture->root || fixture->own_mounts) && geteuid() != 0)
		skip("run this as root");
	if (!fixture->child && !fixture->own_mounts) {
		run_between();
		return;
	}
	status = in_child(run_in_child);
	if (status == NO_MEANWHILE)
		skip("run this on Linux 5.5 or newer with CONFIG_SECCOMP_FILTER, outside of a container");
	if (status == CANNOT_MOUNT)
		skip(fixture->to_mount ?:
					 "run this outside of a container: root cannot mount here");
	expect_int(status, 0);
}

void run_tests(void)
{
	skipped = mmap(NULL, sizeof(*skipped), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (skipped == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	umask(022);
	ksft_print_header();
	ksft_set_plan(count);
	for (const struct test *test = tests; test < tests + count; test++) {
		char name[128];

		snprintf(name, sizeof(name), "%s%s%s", test->name, *test->how ? ", " : "",
			 test->how);
		for (char *p = name; *p; p++)
			if (*p == '_')
				*p = ' ';
		failures = 0;
		*skipped = NULL;
		variant = test->variant;
		current = test;
		scratch_enter();
		run_current();
		scratch_leave();

		if (failures)
			ksft_test_result_fail("%s\n", name);
		else if (*skipped)
			ksft_test_result_skip("%s (%s)\n", name, *skipped);
		else
			ksft_test_result_pass("%s\n", name);
	}
	ksft_finished();
}
