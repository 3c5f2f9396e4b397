// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the journal of interrupted copies: what the next daemon removes, what it
 * keeps, and what it forgets.
 */
#include <inttypes.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../daemons/fcopy/journal.h"
#include "fcopy_test.h"
#include "test_log.h"

#define DAY (24 * 3600)

/* A birth time has the resolution of the kernel's clock, and 10 ms on FAT. */
#define BIRTHS_APART 20000

static int new_name(char name[JOURNAL_NAME_SIZE])
{
	_Atomic uint64_t id;
	int err = journal_id(&id);

	journal_name(id, JOURNAL_FILE, name);
	return err;
}

/* The next try_clean() logs the notes that stay. */
static bool tell;

static int try_clean(int journal)
{
	unsigned int left;
	int err = journal_clean(journal, NULL, tell, &left);

	tell = false;
	return err;
}

/* The errno with which temporary files cannot be removed; 0: they can */
static int unlink_error;

/* The uptime of the machine */
static time_t uptime;

static int journal;
static char name[JOURNAL_NAME_SIZE];

int unlinkat(int dir, const char *path, int flags)
{
	if (unlink_error && dir != journal &&
	    !strncmp(path, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX))) {
		errno = unlink_error;
		return -1;
	}
	return syscall(SYS_unlinkat, dir, path, flags);
}

/* The result of fstat() for a removed directory */
static enum { LINKS_GONE, LINKS_STAY, IS_STALE } removed_fstat;

/* NFS answers ESTALE, and not every file system counts the links. */
int fstat(int fd, struct stat *st)
{
	if (fstatat(fd, "", st, AT_EMPTY_PATH) < 0)
		return -1;
	if (st->st_nlink || removed_fstat == LINKS_GONE)
		return 0;
	if (removed_fstat == LINKS_STAY) {
		st->st_nlink = 2;
		return 0;
	}
	errno = ESTALE;
	return -1;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_BOOTTIME) {
		*now = (struct timespec){ .tv_sec = uptime };
		return 0;
	}
	return syscall(SYS_clock_gettime, clock, now);
}

static void begin_test(void)
{
	mkdir("state", 0700);
	mkdir("to", 0755);
	journal = journal_open("state");
	expect(journal >= 0);
	expect_int(new_name(name), 0);
	tell = true;
	unlink_error = 0;
	removed_fstat = LINKS_GONE;
	uptime = 2 * JOURNAL_SETTLE_SECONDS;
	logged[0] = '\0';
}

static void end_test(void)
{
	close(journal);
}

/* ext3, tmpfs before Linux 5.19, NFS and others lack birth times. */
static void begin_with_births(void)
{
	struct statx st;

	begin_test();
	if (statx(AT_FDCWD, "to", 0, STATX_BTIME, &st) < 0 || !(st.stx_mask & STATX_BTIME))
		skip("set TMPDIR to a file system with birth times, such as ext4");
}

static const struct fixture with_journal = { .begin = begin_test, .end = end_test };
static const struct fixture with_births = { .begin = begin_with_births, .end = end_test };
static const struct fixture in_own_root = {
	.root = true,
	.child = true,
	.begin = begin_test,
	.end = end_test,
};
static const struct fixture in_mounts = {
	.own_mounts = true,
	.begin = begin_test,
	.end = end_test,
};
/*
 * Record, as a copy does, that @name appears in DIRECTORY, or that the copy
 * made the last MADE components.
 */
static void note(const char *directory, unsigned int made)
{
	int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	expect_int(journal_note(journal, dir, in(directory), made, name), 0);
	close(dir);
}

static void clean(void)
{
	expect_int(try_clean(journal), 0);
}

static const char *temporary_in(const char *directory)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return in(path);
}

static void read_note(char text[PATH_MAX])
{
	ssize_t n = readlinkat(journal, name, text, PATH_MAX - 1);

	expect(n > 0);
	text[n > 0 ? n : 0] = '\0';
}

static void write_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void write_note(const char *format, ...)
{
	char text[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	syscall(SYS_unlinkat, journal, name, 0);
	expect(symlinkat(text, journal, name) == 0);
}

/* Make the entry of NAME this number of days old. */
static void age(int days)
{
	struct timespec times[2];

	times[0].tv_nsec = UTIME_OMIT;
	times[1] = (struct timespec){ .tv_sec = time(NULL) - days * DAY - 60 };
	expect(utimensat(journal, name, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static int log_lines(const char *with)
{
	int n = 0;

	for (const char *at = logged; (at = strstr(at, with)); at++)
		n++;
	return n;
}

TEST(state_directory_is_one_daemons)
{
	int first = journal_open("state");

	expect(first >= 0);
	expect_int(mode_of("state"), 0700);
	expect_int(journal_open("state"), -EBUSY);
	close(first);
	first = journal_open("state");
	expect(first >= 0);
	close(first);
	expect_int(journal_open("no/where"), -ENOENT);
}

TEST(without_a_state_directory_nothing_is_noted)
{
	int dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	expect_int(new_name(name), 0);
	expect_int(journal_note(-1, dir, scratch, 0, name), 0);
	journal_forget(-1, name);
	expect_int(try_clean(-1), 0);
	expect_int(entries("."), 0);
	close(dir);
}

TEST(names_are_random)
{
	char other[JOURNAL_NAME_SIZE];

	expect_int(new_name(name), 0);
	expect_int(new_name(other), 0);
	expect(!strncmp(name, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX)));
	expect_int(strlen(name), JOURNAL_NAME_SIZE - 1);
	expect_int(strspn(name + strlen(JOURNAL_PREFIX), "0123456789abcdef"), 16);
	expect(strcmp(name, other));
}

TEST_F(with_journal, file_of_a_note_is_removed)
{
	make_file("to/a", "not ours");
	make_file("to/" JOURNAL_PREFIX "0123456789abcdef", "not noted");
	note("to", 0);
	make_file(temporary_in("to"), "");
	clean();
	expect_int(log_lines("removed"), 1);
	clean();
	expect_int(log_lines("\n"), 1);
	expect_int(entries("to"), 2);
	expect_int(entries("state"), 0);
}

TEST_F(with_journal, forgotten_note_removes_nothing)
{
	note("to", 0);
	make_file(temporary_in("to"), "");
	journal_forget(journal, name);
	expect_int(entries("state"), 0);
	clean();
	expect_int(entries("to"), 1);
}

/* The name alone says that the file is ours. */
TEST_F(with_journal, file_is_ours_whatever_the_key_says)
{
	write_note("file:1:1:%s", in("to"));
	make_file(temporary_in("to"), "");
	clean();
	expect_int(entries("to"), 0);
	expect_int(entries("state"), 0);
}

TEST_F(with_births, only_a_regular_file_is_ours)
{
	note("to", 0);
	mkdir(temporary_in("to"), 0755);
	clean();
	/* The directory is the recorded one, so the file is gone. */
	expect_int(entries("state"), 0);
	new_name(name);
	note("to", 0);
	expect(symlink("/", temporary_in("to")) == 0);
	clean();
	expect_int(entries("state"), 0);
	expect_int(entries("to"), 2);
}

TEST_F(with_births, missing_file_of_another_directory_waits)
{
	note("to", 0);
	rename("to", "other");
	mkdir("to", 0755);
	clean();
	expect_int(entries("state"), 1);
	/* It is back, like a file system that is mounted. */
	rmdir("to");
	rename("other", "to");
	clean();
	expect_int(entries("state"), 0);
}

/* FAT and some overlays assign new inode numbers at each mount. */
TEST_F(with_births, inode_number_or_birth_alone_is_no_key)
{
	char text[PATH_MAX];
	uint64_t inode, birth;

	note("to", 0);
	read_note(text);
	expect_int(sscanf(text, "file:%" SCNu64 ":%" SCNu64 ":", &inode, &birth), 2);
	write_note("file:%" PRIu64 ":%" PRIu64 ":%s", inode + 1, birth, in("to"));
	clean();
	expect_int(entries("state"), 1);
	write_note("file:%" PRIu64 ":%" PRIu64 ":%s", inode, birth + 1, in("to"));
	clean();
	expect_int(entries("state"), 1);
	write_note("file:%" PRIu64 ":%" PRIu64 ":%s", inode, birth, in("to"));
	clean();
	expect_int(entries("state"), 0);
}

TEST_F(with_journal, directory_without_birth_keeps_its_note)
{
	char text[PATH_MAX];
	int dir;

	/* procfs has no birth times. */
	dir = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect_int(journal_note(journal, dir, "/proc", 0, name), 0);
	read_note(text);
	expect(!strcmp(text + strcspn(text, ":") + 2, ":0:/proc"));
	clean();
	expect_int(entries("state"), 1);
	/* Without birth times, directories could not be distinguished. */
	journal_forget(journal, name);
	expect_int(journal_note(journal, dir, "/proc", 1, name), 0);
	expect_int(entries("state"), 0);
	close(dir);
}

TEST_F(with_journal, what_is_not_where_it_was_waits)
{
	note("to", 0);
	make_file(temporary_in("to"), "");
	rename("to", "moved");
	clean();
	expect_int(entries("state"), 1);
	make_file("to", "a file");
	clean();
	expect_int(entries("state"), 1);
	unlink("to");
	expect(symlink("moved", "to") == 0);
	clean();
	expect_int(entries("state"), 1);
	expect_int(entries("moved"), 1);
	unlink("to");
	rename("moved", "to");
	clean();
	expect_int(entries("state"), 0);
	expect_int(entries("to"), 0);
	expect_int(log_lines("\n"), 2);
}

static void made_directories_are_removed_from_any_file_system(void)
{
	removed_fstat = variant;
	make_tree("to/a/b/c/");
	note("to/a/b/c", 2);
	clean();
	expect_int(entries("to/a"), 0);
	expect_int(entries("state"), 0);
	expect_int(log_lines("removed"), 1);
}

/*
 * A copy has made the last @made components of @directory, and before the next
 * start @change has happened. Then @left is the deepest entry below to/, and
 * this number of @notes stays.
 */
static const struct {
	const char *name, *directory;
	unsigned int made;
	const char *change, *left;
	int notes;
} crashes[] = {
	/*
	 * The daemon forgets the entry: when the file is removed, its directory
	 * stays.
	 */
	{ "in use", "to/a/b", 2, "touch to/a/b/file", "to/a/b/file", 0 },
	{ "below one in use", "to/a/b", 2, "touch to/a/file", "to/a/file", 0 },
	/* The file system reuses an inode number at once, as ext4 does here. */
	{ "made anew", "to/a", 1, "rmdir to/a; sleep .02; mkdir to/a", "to/a", 1 },
	{ "parent made anew", "to/a/b", 2,
	  "mv to/a/b b; rmdir to/a; sleep .02; mkdir to/a; mv b to/a/b", "to/a", 0 },
	{ "older parent put there", "to/a/b", 2,
	  "mv to/a/b b; rmdir to/a; mv older to/a; mv b to/a/b", "to/a", 0 },
	/* A failed copy was removing them, the deepest one first. */
	{ "rollback cut off", "to/a/b/c", 3, "rmdir to/a/b/c", "to", 0 },
	{ "nobody finds them", "to/a/b", 2, "rm -r to/a", "to", 1 },
};

static void made_directories_after_a_crash(void)
{
	char command[128];

	mkdir("older", 0755);
	usleep(BIRTHS_APART);
	snprintf(command, sizeof(command), "mkdir -p %s", crashes[variant].directory);
	expect_int(system(command), 0);
	note(crashes[variant].directory, crashes[variant].made);
	expect_int(system(crashes[variant].change), 0);
	clean();
	snprintf(command, sizeof(command), "test \"$(find to | sort | tail -n 1)\" = %s",
		 crashes[variant].left);
	expect_int(system(command), 0);
	expect_int(entries("state"), crashes[variant].notes);
}

TEST_F(with_births, files_are_removed_before_their_directories)
{
	for (int i = 0; i < 8; i++) {
		char path[16];

		snprintf(path, sizeof(path), "to/%d", i);
		mkdir(path, 0755);
		note(path, 1);
		new_name(name);
		note(path, 0);
		make_file(temporary_in(path), "");
		new_name(name);
	}
	expect_int(entries("state"), 16);
	clean();
	expect_int(entries("to"), 0);
	expect_int(entries("state"), 0);
}

TEST_F(with_births, directories_wait_for_a_file_that_stays)
{
	mkdir("to/a", 0755);
	note("to/a", 1);
	new_name(name);
	note("to/a", 0);
	make_file(temporary_in("to/a"), "");
	unlink_error = EROFS;
	expect_int(try_clean(journal), -EROFS);
	expect_int(entries("state"), 2);
	unlink_error = 0;
	clean();
	expect_int(entries("to"), 0);
	expect_int(entries("state"), 0);
}

TEST_F(with_journal, what_is_no_note_is_left_alone)
{
	/* As long as a temporary name */
	make_file("to/precious-file-of-27-letters", "");
	make_file("to/" JOURNAL_PREFIX "short", "");
	snprintf(name, sizeof(name), "precious-file-of-27-letters");
	write_note("file:1:1:%s", in("to"));
	expect(symlinkat("file:1:1:/", journal, JOURNAL_PREFIX "short") == 0);
	make_file("state/" JOURNAL_PREFIX "0123456789abcdef", "somebody copied this here");
	clean();
	expect_int(entries("state"), 3);
	expect_int(entries("to"), 2);
	expect(!*logged);
}

/* A newer version may have written it. */
TEST_F(with_journal, note_that_is_not_understood_stays)
{
	static const char *const texts[] = {
		"/",
		"file:",
		"file:1:/to",
		"directories:1:2:/to",
		"directories:a:1:1:/to",
		"x:1:/to",
		"1:2",
		"fd00:2f:/to",
		"",
	};

	make_file(temporary_in("to"), "");
	for (size_t i = 0; i + 1 < sizeof(texts) / sizeof(texts[0]); i++) {
		logged[0] = '\0';
		tell = true;
		write_note("%s", texts[i]);
		clean();
		if (!expect_int(entries("state"), 1))
			ksft_print_msg("the note was %s\n", texts[i]);
		expect_int(log_lines("that this version cannot read"), 1);
	}
	expect_int(entries("to"), 1);
	age(JOURNAL_KEEP_DAYS);
	clean();
	expect_int(entries("state"), 0);
}

TEST_F(with_journal, note_of_what_is_never_found_expires)
{
	write_note("file:1:1:%s", in("no/where"));
	age(JOURNAL_KEEP_DAYS - 1);
	clean();
	expect_int(entries("state"), 1);
	age(JOURNAL_KEEP_DAYS);
	logged[0] = '\0';
	/*
	 * The machine was off for that long, and mounts its file systems only
	 * now.
	 */
	uptime = JOURNAL_SETTLE_SECONDS - 1;
	clean();
	expect_int(entries("state"), 1);
	expect(!*logged);
	uptime = JOURNAL_SETTLE_SECONDS;
	clean();
	expect_int(entries("state"), 0);
	expect_int(log_lines("dropped"), 1);
}

/* Its note does not expire. */
TEST_F(with_journal, what_cannot_be_removed_is_tried_again)
{
	note("to", 0);
	make_file(temporary_in("to"), "");
	age(1000);
	unlink_error = EROFS;
	for (int i = 0; i < 10; i++)
		expect_int(try_clean(journal), -EROFS);
	expect_int(entries("to"), 1);
	expect_int(entries("state"), 1);
	expect_int(log_lines("\n"), 1);
	expect_int(log_lines("read-only"), 1);
	unlink_error = 0;
	clean();
	expect_int(entries("to"), 0);
	expect_int(entries("state"), 0);
}

TEST_F(with_journal, path_that_is_too_long)
{
	char place[PATH_MAX];
	int dir;

	memset(place, 'a', sizeof(place) - 1);
	place[0] = '/';
	place[sizeof(place) - 1] = '\0';
	dir = open("to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect_int(journal_note(journal, dir, place, 0, name), -ENAMETOOLONG);
	expect_int(entries("state"), 0);
	close(dir);
}

TEST_F(in_own_root, file_in_the_root_directory_is_removed)
{
	int dir;

	make_file(temporary_in("to"), "");
	expect(chroot("to") == 0);
	dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect_int(journal_note(journal, dir, "", 0, name), 0);
	clean();
	expect_int(entries("/"), 0);
	close(dir);
}

TEST(directory_that_cannot_be_read_is_told_once)
{
	begin_test();
	expect(close(journal) == 0);
	for (int i = 0; i < 3; i++)
		expect_int(try_clean(journal), -EBADF);
	expect_int(log_lines("\n"), 1);
}

TEST_F(in_mounts, note_waits_for_its_file_system)
{
	bool births;

	mount_tmpfs("mount", NULL);
	note("mount", 0);
	make_file(temporary_in("mount"), "");
	mkdir("mount/a", 0755);
	new_name(name);
	note("mount/a", 1);
	/*
	 * tmpfs before Linux 5.19 has no birth times, so there is no entry for
	 * the directory then.
	 */
	births = entries("state") == 2;
	expect(mount("mount", "to", NULL, MS_MOVE, NULL) == 0);
	/* Somebody made one of this name below the mount point. */
	usleep(BIRTHS_APART);
	mkdir("mount/a", 0755);
	clean();
	expect_int(entries("state"), 1 + births);
	expect_int(entries("mount"), 1);
	expect(mount("to", "mount", NULL, MS_MOVE, NULL) == 0);
	clean();
	expect_int(entries("mount"), !births);
	expect_int(entries("state"), 0);
	umount("mount");
	expect_int(entries("mount"), 1);
}

int main(void)
{
	test_variant(with_births, made_directories_are_removed_from_any_file_system, "ext4",
		     LINKS_GONE);
	test_variant(with_births, made_directories_are_removed_from_any_file_system, "ESTALE",
		     IS_STALE);
	test_variant(with_births, made_directories_are_removed_from_any_file_system,
		     "links not counted", LINKS_STAY);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		test_variant(with_births, made_directories_after_a_crash, crashes[i].name, (int)i);
	run_tests();
}
