// SPDX-License-Identifier: GPL-2.0-only
/* Files on their way: nothing to be seen before they are whole, and nothing left when they fail. */
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "../../daemons/fcopy/transfer.h"
#include "fcopy_test.h"
#include "test_log.h"

/* The variant is what to avoid: TRANSFER_AVOID_*. */

static struct transfer transfer;
static struct policy policy = POLICY_DEFAULTS;

static int unlink_error;

int unlinkat(int dir, const char *name, int flags)
{
	if (unlink_error && !strncmp(name, LEFTOVER_PREFIX, strlen(LEFTOVER_PREFIX))) {
		errno = unlink_error;
		return -1;
	}
	return syscall(SYS_unlinkat, dir, name, flags);
}

static void begin_test(void)
{
	int state;

	mkdir("state", 0700);
	mkdir("to", 0755);
	state = leftover_open("state");
	expect(state >= 0);
	transfer_init(&transfer, state, &policy);
	transfer.avoid = variant;
}

/* After each test nothing is under way, and nothing of it left: but FILES in to/. */
static void end_test(int files)
{
	expect(!transfer_active(&transfer));
	expect_int(entries("to"), files);
	expect_int(entries("state"), 0);
	close(transfer.state);
}

static int start(const char *name, unsigned int flags, uint64_t size)
{
	return transfer_start(&transfer, in("to/"), name, flags, size);
}

static int copy(const char *name, unsigned int flags, const char *text)
{
	size_t n = strlen(text), half = n / 2;
	int err;

	err = start(name, flags, n);
	if (!err)
		err = transfer_write(&transfer, 0, text, half);
	if (!err)
		err = transfer_write(&transfer, half, text + half, n - half);
	return err ? err : transfer_complete(&transfer);
}

static void whole_or_not_there(void)
{
	struct stat st;

	begin_test();
	expect_int(start("a", 0, 6), 0);
	expect(access("to/a", F_OK) < 0);
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	expect_int(transfer_write(&transfer, 3, "def", 3), 0);
	expect(access("to/a", F_OK) < 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(holds("to/a", "abcdef"));
	expect(stat("to/a", &st) == 0);
	expect_int(st.st_mode & 07777, 0644);
	expect_int(st.st_nlink, 1);
	end_test(1);
}

static void umask_counts(void)
{
	struct stat st;

	begin_test();
	umask(027);
	expect_int(copy("a", 0, "text"), 0);
	umask(022);
	expect(stat("to/a", &st) == 0);
	expect_int(st.st_mode & 07777, 0640);
	end_test(1);
}

static void empty_file(void)
{
	begin_test();
	expect_int(copy("a", 0, ""), 0);
	expect(holds("to/a", ""));
	end_test(1);
}

static void several_one_after_the_other(void)
{
	begin_test();
	for (int i = 0; i < 10; i++) {
		char path[] = "to/0";

		path[3] += i;
		expect_int(copy(path + 3, 0, path), 0);
		expect(holds(path, path));
	}
	end_test(10);
}

static void each_end_is_told_with_its_numbers(void)
{
	begin_test();
	expect_int(start("a", 0, 6), 0);
	expect(last_copy.event == LOG_STARTED && last_copy.size == 6 && last_copy.received == 0);
	expect(!strcmp(last_copy.name, "a") && !strcmp(last_copy.directory, in("to")));
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	usleep(2000);
	expect_int(transfer_complete(&transfer), -EBADMSG);
	expect(last_copy.event == LOG_LOST && last_copy.received == 3 && last_copy.usec >= 2000);
	expect_int(last_copy.error, -EBADMSG);
	expect_int(copy("a", 0, "abcdef"), 0);
	expect(last_copy.event == LOG_RECEIVED && last_copy.received == 6 && last_copy.error == 0);
	expect_int(start("a", 0, 1), -EEXIST);
	expect(last_copy.event == LOG_REFUSED && last_copy.error == -EEXIST);
	expect(transfer.totals.files == 1 && transfer.totals.bytes == 6 && transfer.totals.failed == 2);
	end_test(1);
}

static void existing_file_refused_at_start(void)
{
	begin_test();
	make_file("to/a", "old");
	expect_int(start("a", 0, 3), -EEXIST);
	expect(holds("to/a", "old"));
	end_test(1);
}

static void file_that_appears_meanwhile_stays(void)
{
	begin_test();
	expect_int(start("a", 0, 3), 0);
	expect_int(transfer_write(&transfer, 0, "new", 3), 0);
	make_file("to/a", "old");
	expect_int(transfer_complete(&transfer), -EEXIST);
	expect(holds("to/a", "old"));
	end_test(1);
}

/*
 * Without overwrite the last step itself must refuse: many tries against a writer that makes and
 * removes the file all the time.
 */
static void never_over_a_file_in_a_race(void)
{
	int lost = 0, made = 0, replaced = 0;
	pid_t pid;

	begin_test();
	pid = fork();
	if (!pid) {
		for (;;) {
			int fd = open("to/a", O_CREAT | O_EXCL | O_WRONLY, 0600);

			if (fd >= 0) {
				struct stat st, now;

				/* Its own, under its own name, until it removes it. */
				for (int i = 0; i < 20; i++)
					if (fstat(fd, &st) == 0 && (st.st_nlink != 1 ||
					    stat("to/a", &now) < 0 || now.st_ino != st.st_ino))
						_exit(1);
				unlink("to/a");
				close(fd);
			}
			usleep(random() % 1000);
		}
	}
	for (int i = 0; i < 500; i++) {
		int err = copy("a", 0, "host's");

		if (err == 0) {
			made++;
			replaced += !holds("to/a", "host's");
			unlink("to/a");
		} else {
			expect_int(err, -EEXIST);
			lost++;
		}
	}
	expect(waitpid(pid, NULL, WNOHANG) == 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink("to/a");
	ksft_print_msg("%d made, %d refused\n", made, lost);
	expect(made > 0);
	expect_int(replaced, 0);
	end_test(0);
}

static void overwrite(void)
{
	struct stat old, new;

	begin_test();
	make_file("to/a", "the old and longer one");
	expect(chmod("to/a", 04751) == 0);
	if (geteuid() == 0)
		expect(chown("to/a", 65534, 65534) == 0 && chmod("to/a", 04751) == 0);
	expect(stat("to/a", &old) == 0);
	expect_int(start("a", TRANSFER_OVERWRITE, 3), 0);
	expect_int(transfer_write(&transfer, 0, "new", 3), 0);
	expect(holds("to/a", "the old and longer one"));
	expect_int(transfer_complete(&transfer), 0);
	expect(holds("to/a", "new"));
	expect(stat("to/a", &new) == 0);
	expect_int(new.st_mode & 07777, 0751);
	expect_int(new.st_uid, old.st_uid);
	expect_int(new.st_gid, old.st_gid);
	end_test(1);
}

static void overwrite_of_nothing(void)
{
	begin_test();
	expect_int(copy("a", TRANSFER_OVERWRITE, "new"), 0);
	expect(holds("to/a", "new"));
	end_test(1);
}

static void failed_overwrite_keeps_the_old(void)
{
	begin_test();
	make_file("to/a", "old");
	expect_int(start("a", TRANSFER_OVERWRITE, 3), 0);
	expect_int(transfer_write(&transfer, 0, "ne", 2), 0);
	expect_int(transfer_complete(&transfer), -EBADMSG);
	expect(holds("to/a", "old"));
	end_test(1);
}

static void link_is_replaced_not_followed(void)
{
	struct stat st;

	begin_test();
	make_file("victim", "untouched");
	expect(symlink("../victim", "to/a") == 0);
	expect_int(start("a", 0, 3), -EEXIST);
	expect_int(copy("a", TRANSFER_OVERWRITE, "new"), 0);
	expect(holds("victim", "untouched"));
	expect(holds("to/a", "new"));
	expect(lstat("to/a", &st) == 0 && S_ISREG(st.st_mode));
	end_test(1);
}

static void what_is_no_file_refused(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "to/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	begin_test();
	mkdir("to/directory", 0755);
	expect(mkfifo("to/fifo", 0644) == 0);
	expect(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
	expect_int(start("directory", 0, 1), -EISDIR);
	expect_int(start("directory", TRANSFER_OVERWRITE, 1), -EISDIR);
	expect_int(start("fifo", 0, 1), -EEXIST);
	expect_int(start("fifo", TRANSFER_OVERWRITE, 1), -EACCES);
	expect_int(start("socket", TRANSFER_OVERWRITE, 1), -EACCES);
	/* And when it gets there later */
	expect_int(start("late", TRANSFER_OVERWRITE, 0), 0);
	mkdir("to/late", 0755);
	expect_int(transfer_complete(&transfer), -EISDIR);
	end_test(4);
}

static void missing_directories(void)
{
	begin_test();
	expect_int(transfer_start(&transfer, in("to/x/y"), "a", 0, 1), -ENOENT);
	expect_int(entries("to"), 0);
	/* With and without a slash at the end */
	expect_int(transfer_start(&transfer, in("to/x/y"), "a", TRANSFER_CREATE_PATH, 0), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(holds("to/x/y/a", ""));
	expect_int(transfer_start(&transfer, in("to/z/"), "a", TRANSFER_CREATE_PATH, 0), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(holds("to/z/a", ""));
	/* An existing directory, with and without */
	expect_int(transfer_start(&transfer, in("to/z"), "b", 0, 0), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(holds("to/z/b", ""));
	end_test(2);
}

static void made_directories_go_with_the_copy(void)
{
	char name[257];

	begin_test();
	expect_int(transfer_start(&transfer, in("to/x/y/"), "a", TRANSFER_CREATE_PATH, 5), 0);
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	transfer_discard(&transfer, -ECANCELED, "cancelled by the test");
	end_test(0);

	begin_test();
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	expect_int(transfer_start(&transfer, in("to/x/y"), name, TRANSFER_CREATE_PATH, 1),
		   -ENAMETOOLONG);
	end_test(0);
}

static void sizes(void)
{
	begin_test();
	expect_int(start("a", 0, 4), 0);
	expect_int(transfer_write(&transfer, 0, "abcde", 5), -EINVAL);
	expect_int(start("a", 0, 4), 0);
	expect_int(transfer_write(&transfer, 5, "", 0), -EINVAL);
	expect_int(start("a", 0, 4), 0);
	expect_int(transfer_write(&transfer, UINT64_MAX, "a", 1), -EINVAL);
	expect_int(start("a", 0, 4), 0);
	expect_int(transfer_write(&transfer, UINT64_MAX - 1, "abc", 3), -EINVAL);
	/* A gap */
	expect_int(start("a", 0, 4), 0);
	expect_int(transfer_write(&transfer, 1, "bcd", 3), -EINVAL);
	/* Too little */
	expect_int(start("a", 0, 4), 0);
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	expect_int(transfer_complete(&transfer), -EBADMSG);
	/* Too large for a file */
	expect_int(start("a", 0, UINT64_MAX), -EFBIG);
	expect_int(start("a", 0, (uint64_t)INT64_MAX + 1), -EFBIG);
	end_test(0);
}

static void sent_again(void)
{
	begin_test();
	expect_int(start("a", 0, 6), 0);
	expect_int(transfer_write(&transfer, 0, "abXY", 4), 0);
	expect_int(transfer_write(&transfer, 2, "cd", 2), 0);
	expect_int(transfer_write(&transfer, 0, "ab", 2), 0);
	expect_int(transfer_write(&transfer, 4, "ef", 2), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(holds("to/a", "abcdef"));
	end_test(1);
}

/* Where offsets were 32 bits, the second would land at 0. */
static void offsets_beyond_4_gib(void)
{
	static const uint64_t size = (5ull << 30) + 3;
	char page[8192], data[8192];
	struct stat st;
	int fd;

	begin_test();
	if (start("a", 0, size) == -ENOSPC)
		skip("no room for 5 GiB here");
	expect(transfer_active(&transfer));
	memset(data, 'x', sizeof(data));
	/* What came before, without sending it */
	transfer.received = 4ull << 30;
	transfer.flushed = transfer.received;
	expect_int(transfer_write(&transfer, 4ull << 30, data, sizeof(data)), 0);
	transfer.received = size - 3;
	transfer.flushed = transfer.received;
	expect_int(transfer_write(&transfer, size - 3, "end", 3), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(stat("to/a", &st) == 0);
	expect_int(st.st_size, size);
	fd = open("to/a", O_RDONLY | O_CLOEXEC);
	expect(pread(fd, page, 3, size - 3) == 3 && !memcmp(page, "end", 3));
	expect(pread(fd, page, sizeof(page), 4ull << 30) == sizeof(page));
	expect(!memcmp(page, data, sizeof(page)));
	expect(pread(fd, page, 1, 0) == 1 && page[0] == 0);
	close(fd);
	end_test(1);
}

static void new_start_ends_the_old(void)
{
	begin_test();
	expect_int(start("a", 0, 3), 0);
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	expect_int(copy("b", 0, "b"), 0);
	expect_int(start("a", 0, 3), 0);
	expect_int(transfer_start(&transfer, in("nowhere"), "b", 0, 1), -ENOENT);
	end_test(1);
}

static void discard_at_every_point(void)
{
	begin_test();
	for (int point = 0; point < 4; point++) {
		if (point >= 1)
			expect_int(start("a", 0, 2), 0);
		if (point >= 2)
			expect_int(transfer_write(&transfer, 0, "a", 1), 0);
		if (point >= 3)
			expect_int(transfer_write(&transfer, 1, "b", 1), 0);
		transfer_discard(&transfer, -ECANCELED, "cancelled by the test");
		transfer_discard(&transfer, -ECANCELED, "cancelled by the test");
		expect_int(entries("to"), 0);
	}
	end_test(0);
}

static void read_only_directory(void)
{
	if (geteuid() == 0)
		skip("root may write there");
	begin_test();
	expect(chmod("to", 0555) == 0);
	expect_int(start("a", 0, 1), -EACCES);
	expect(chmod("to", 0755) == 0);
	end_test(0);
}

static void immutable_directory(void)
{
	int flags = FS_IMMUTABLE_FL, none = 0, dir;

	begin_test();
	dir = open("to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ioctl(dir, FS_IOC_SETFLAGS, &flags) < 0) {
		close(dir);
		end_test(0);
		skip("not root, or a file system without the flag");
	}
	expect_int(start("a", 0, 1), -EPERM);
	expect_int(transfer_start(&transfer, in("to/x"), "a", TRANSFER_CREATE_PATH, 1), -EPERM);
	expect(ioctl(dir, FS_IOC_SETFLAGS, &none) == 0);
	close(dir);
	end_test(0);
}

static void mode_and_owner_of_the_policy(void)
{
	struct stat st;

	begin_test();
	policy.mode = 0660;
	if (geteuid() == 0) {
		policy.uid = 65534;
		policy.gid = 65533;
	}
	expect_int(start("a", 0, 3), 0);
	/* What changes now is for the next one. */
	policy = (struct policy)POLICY_DEFAULTS;
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(stat("to/a", &st) == 0);
	expect_int(st.st_mode & 07777, 0660);
	if (geteuid() == 0) {
		expect_int(st.st_uid, 65534);
		expect_int(st.st_gid, 65533);
	}
	/* A file that is replaced keeps what it had. */
	policy.mode = 0600;
	policy.uid = 12345;
	expect_int(copy("a", TRANSFER_OVERWRITE, "new"), 0);
	policy = (struct policy)POLICY_DEFAULTS;
	expect(stat("to/a", &st) == 0);
	expect_int(st.st_mode & 07777, 0660);
	expect_int(st.st_uid, geteuid() == 0 ? 65534 : geteuid());
	end_test(1);
}

/* So that the room is taken from the owner's quota, and a refusal comes before the data. */
static void owner_from_the_start(void)
{
	struct stat st;

	if (geteuid() != 0)
		skip("not root");
	begin_test();
	policy.uid = 65534;
	policy.gid = 65533;
	expect_int(start("a", 0, 3), 0);
	expect(fstat(transfer.file, &st) == 0);
	/* One with a name stays root's until it is in place, see below. */
	expect_int(st.st_uid, variant & TRANSFER_AVOID_TMPFILE ? 0 : 65534);
	expect_int(st.st_gid, variant & TRANSFER_AVOID_TMPFILE ? 0 : 65533);
	expect_int(st.st_mode & 07777, 0600);
	transfer_discard(&transfer, -ECANCELED, "the test goes on");
	policy = (struct policy)POLICY_DEFAULTS;

	make_file("to/a", "old");
	expect(chown("to/a", 65533, 65534) == 0);
	expect_int(start("a", TRANSFER_OVERWRITE, 3), 0);
	expect(fstat(transfer.file, &st) == 0);
	expect_int(st.st_uid, variant & TRANSFER_AVOID_TMPFILE ? 0 : 65533);
	/* It is a new file when the one to replace has gone meanwhile, */
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	expect(unlink("to/a") == 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(stat("to/a", &st) == 0);
	expect(st.st_uid == 0 && st.st_gid == 0);
	expect_int(st.st_mode & 07777, 0644);
	/* and replaces one that has come. */
	expect_int(start("b", TRANSFER_OVERWRITE, 3), 0);
	expect_int(transfer_write(&transfer, 0, "abc", 3), 0);
	make_file("to/b", "old");
	expect(chown("to/b", 65533, 65534) == 0 && chmod("to/b", 0640) == 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(stat("to/b", &st) == 0);
	expect(st.st_uid == 65533 && st.st_gid == 65534);
	expect_int(st.st_mode & 07777, 0640);
	end_test(2);
}

static bool has_label(const char *path, const char *wanted)
{
	char label[256] = "";

	return lgetxattr(path, "security.selinux", label, sizeof(label) - 1) > 0 && !strcmp(label, wanted);
}

static void selinux_labels(void)
{
	static const char old[] = "system_u:object_r:old_t:s0";

	begin_test();
	make_file("to/a", "old");
	if (setxattr("to/a", "security.selinux", old, sizeof(old), 0) < 0) {
		unlink("to/a");
		end_test(0);
		skip("the kernel lets nobody set labels here");
	}
	expect_int(copy("a", TRANSFER_OVERWRITE, "new"), 0);
	expect(has_label("to/a", old));
	snprintf(policy.label, sizeof(policy.label), "system_u:object_r:new_t:s0");
	expect_int(start("b", 0, 0), 0);
	/* What changes now is for the next one. */
	policy = (struct policy)POLICY_DEFAULTS;
	expect_int(transfer_complete(&transfer), 0);
	expect(has_label("to/b", "system_u:object_r:new_t:s0"));
	/* A file that is replaced keeps what it had. */
	snprintf(policy.label, sizeof(policy.label), "system_u:object_r:new_t:s0");
	expect_int(copy("a", TRANSFER_OVERWRITE, "new"), 0);
	policy = (struct policy)POLICY_DEFAULTS;
	expect(has_label("to/a", old));
	end_test(2);
}

/* The temporary name that is in to/, as a path; "" if there is none */
static const char *temporary_path(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), transfer.temporary[0] ? "to/%s" : "%s", transfer.temporary);
	return path;
}

/* The owner of the file that is replaced, in a directory where all may write: not a bit of what comes is his to touch. */
static void owner_in_a_directory_of_all(void)
{
	const char *path;
	struct stat st;
	int theirs;

	if (geteuid() != 0)
		skip("not root");
	begin_test();
	expect(chmod("to", 01777) == 0);
	make_file("to/a", "old");
	expect(chown("to/a", 65534, 65534) == 0);
	expect_int(start("a", TRANSFER_OVERWRITE, 3), 0);
	path = temporary_path();
	expect(seteuid(65534) == 0);
	expect(open(path, O_RDWR | O_CLOEXEC) < 0);
	expect(rename(path, "to/kept") < 0);
	expect(unlink("to/a") == 0);
	expect(seteuid(0) == 0);
	expect_int(transfer_write(&transfer, 0, "new", 3), 0);
	expect_int(transfer_complete(&transfer), 0);
	expect(stat("to/a", &st) == 0);
	expect(st.st_uid == 0 && st.st_nlink == 1 && holds("to/a", "new"));
	unlink("to/kept");

	/* Whoever owns the directory can put another file in its place, but it is not taken for the one that came. */
	expect_int(start("b", TRANSFER_OVERWRITE, 3), 0);
	path = temporary_path();
	if (*path) {
		expect(rename(path, "to/aside") == 0);
		make_file(path, "bad");
		expect_int(transfer_write(&transfer, 0, "new", 3), 0);
		expect_int(transfer_complete(&transfer), -EIO);
		expect(access("to/b", F_OK) < 0);
		unlink("to/aside");
	} else {
		transfer_discard(&transfer, -ECANCELED, "the test goes on");
	}
	theirs = access(path, F_OK) == 0;
	end_test(1 + theirs);
}

static void largest_size_of_the_policy(void)
{
	begin_test();
	policy.max_size = 3;
	expect_int(start("a", 0, 4), -EMSGSIZE);
	expect_int(start("a", 0, UINT64_MAX / 4), -EMSGSIZE);
	expect_int(copy("a", 0, "abc"), 0);
	policy.max_size = 0;
	expect_int(start("b", 0, 1), -EMSGSIZE);
	expect_int(copy("b", 0, ""), 0);
	policy = (struct policy)POLICY_DEFAULTS;
	end_test(2);
}

/* 64 KiB of room, of which 32 are to stay free */
static void small_file_system_with_min_free(void)
{
	begin_test();
	if (mount("tmpfs", "to", "tmpfs", 0, "size=64k") < 0)
		_exit(CANNOT_MOUNT);
	policy.min_free = 32 << 10;
	expect_int(start("a", 0, 40 << 10), -ENOBUFS);
	expect_int(entries("to"), 0);
	expect_int(start("a", 0, 20 << 10), 0);
	transfer_discard(&transfer, -ECANCELED, "the test goes on");
	policy.min_free = 0;
	policy.min_free_percent = 50;
	expect_int(start("a", 0, 40 << 10), -ENOBUFS);
	expect_int(start("a", 0, 128 << 10), -ENOSPC);
	expect_int(start("a", 0, 20 << 10), 0);
	transfer_discard(&transfer, -ECANCELED, "the test goes on");
	policy.min_free = 64 << 10;
	policy.min_free_percent = 0;
	expect_int(start("a", 0, 0), -ENOBUFS);
	end_test(0);
	umount("to");
}

static void room_that_must_stay_free(void)
{
	in_own_mounts(small_file_system_with_min_free);
}

static void limited(void)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };

	begin_test();
	signal(SIGXFSZ, SIG_IGN);
	expect(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	expect_int(start("a", 0, 4097), -EFBIG);
	expect_int(copy("b", 0, "b"), 0);
	end_test(1);
}

static void file_size_limit(void)
{
	expect_int(in_child(limited), 0);
}

/* 64 KiB of room */
static void small_file_system(void)
{
	static char block[4096];
	int err;

	begin_test();
	if (mount("tmpfs", "to", "tmpfs", 0, "size=64k") < 0)
		_exit(CANNOT_MOUNT);
	expect_int(start("a", 0, 128 << 10), -ENOSPC);
	expect_int(entries("to"), 0);

	/* What is reserved is there, although somebody else fills the rest. */
	expect_int(start("a", 0, 32 << 10), 0);
	int fd = open("to/other", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	for (int i = 0; i < 8; i++)
		expect_int(transfer_write(&transfer, i * sizeof(block), block, sizeof(block)), 0);
	expect_int(transfer_complete(&transfer), 0);
	err = start("b", 0, 4096);
	expect_int(err, -ENOSPC);
	end_test(2);
	umount("to");
}

static void disk_full(void)
{
	in_own_mounts(small_file_system);
}

/* ramfs has no limit, and says that it has no room. */
static void in_ramfs(void)
{
	char text[8001];

	memset(text, 'x', sizeof(text));
	text[8000] = '\0';
	begin_test();
	if (mount("ramfs", "to", "ramfs", 0, NULL) < 0)
		_exit(CANNOT_MOUNT);
	expect_int(copy("a", 0, text), 0);
	expect(holds("to/a", text));
	end_test(1);
	umount("to");
}

static void file_system_without_a_size(void)
{
	in_own_mounts(in_ramfs);
}

static void no_writing(void)
{
	begin_test();
	if (mount("tmpfs", "to", "tmpfs", MS_RDONLY, NULL) < 0)
		_exit(CANNOT_MOUNT);
	expect_int(start("a", 0, 1), -EROFS);
	end_test(0);
	umount("to");
}

static void read_only_file_system(void)
{
	in_own_mounts(no_writing);
}

/* The daemon is killed between START and COMPLETE. */
static void crash(void)
{
	begin_test();
	start("a", 0, 3);
	transfer_write(&transfer, 0, "abc", 3);
	raise(SIGKILL);
}

static void crash_leaves_nothing_after_the_next_start(void)
{
	int state;

	expect_int(in_child(crash), 128 + SIGKILL);
	if (!(variant & TRANSFER_AVOID_TMPFILE))
		expect_int(entries("to"), 0);
	else
		expect_int(entries("to"), 1);
	make_file("to/a", "not ours");
	make_file("to/" LEFTOVER_PREFIX "0123456789abcdef", "not noted");
	state = leftover_open("state");
	expect_int(leftover_remove(state), 0);
	expect_int(leftover_remove(state), 0);
	expect_int(entries("to"), 2);
	expect_int(entries("state"), 0);
	close(state);
}

static void what_cannot_be_removed_stays_noted(void)
{
	begin_test();
	expect_int(start("a", 0, 3), 0);
	unlink_error = EROFS;
	transfer_discard(&transfer, -ECANCELED, "cancelled by the test");
	unlink_error = 0;
	expect_int(entries("to"), 1);
	expect_int(entries("state"), 1);
	expect_int(leftover_remove(transfer.state), 0);
	end_test(0);
}

/* DIRECTORY with the numbers of WHERE */
static void make_note(const char *name, const char *where, const char *directory)
{
	char text[PATH_MAX + 64];
	struct stat st;

	expect(stat(where, &st) == 0);
	snprintf(text, sizeof(text), "%jx:%jx:%s", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		 directory);
	expect(symlinkat(text, AT_FDCWD, name) == 0);
}

static void note_of_something_else_removes_nothing(void)
{
	int state;

	mkdir("state", 0700);
	/* As long as a temporary name */
	make_file("precious-file-of-27-letters", "");
	make_file(LEFTOVER_PREFIX "short", "");
	mkdir(LEFTOVER_PREFIX "0123456789abcdef", 0755);
	make_file(LEFTOVER_PREFIX "fedcba9876543210", "");
	state = leftover_open("state");
	make_note("state/precious-file-of-27-letters", ".", scratch);
	make_note("state/" LEFTOVER_PREFIX "short", ".", scratch);
	make_note("state/" LEFTOVER_PREFIX "0123456789abcdef", ".", scratch);
	expect(symlink(scratch, "state/" LEFTOVER_PREFIX "fedcba9876543210") == 0);
	expect_int(leftover_remove(state), 0);
	/* The first two are no notes, the others forgotten. */
	expect_int(entries("state"), 2);
	expect_int(entries("."), 5);
	close(state);
}

/* What a start finds before the file system of the destination is mounted, and after */
static void file_system_not_mounted_yet(void)
{
	begin_test();
	mkdir("mount", 0755);
	if (mount("tmpfs", "mount", "tmpfs", 0, NULL) < 0)
		_exit(CANNOT_MOUNT);
	make_file("mount/" LEFTOVER_PREFIX "0123456789abcdef", "");
	make_note("state/" LEFTOVER_PREFIX "0123456789abcdef", "mount", in("mount"));
	expect(mount("mount", "to", NULL, MS_MOVE, NULL) == 0);
	expect_int(leftover_remove(transfer.state), 0);
	expect_int(entries("state"), 1);
	/* A copy in between leaves the note alone. */
	expect_int(copy("a", 0, "text"), 0);
	expect_int(entries("state"), 1);
	expect(mount("to", "mount", NULL, MS_MOVE, NULL) == 0);
	expect_int(leftover_remove(transfer.state), 0);
	expect_int(entries("mount"), 1);
	end_test(0);
	umount("mount");
}

static void note_waits_for_its_file_system(void)
{
	in_own_mounts(file_system_not_mounted_yet);
}

static void state_directory_is_one_daemons(void)
{
	int state = leftover_open("state");

	expect(state >= 0);
	expect_int(leftover_open("state"), -EBUSY);
	close(state);
	state = leftover_open("state");
	expect(state >= 0);
	close(state);
	expect_int(leftover_open("no/where"), -ENOENT);
}

static void all(const char *how, int avoid)
{
	test_variant(whole_or_not_there, how, avoid);
	test_variant(umask_counts, how, avoid);
	test_variant(empty_file, how, avoid);
	test_variant(several_one_after_the_other, how, avoid);
	test_variant(each_end_is_told_with_its_numbers, how, avoid);
	test_variant(existing_file_refused_at_start, how, avoid);
	test_variant(file_that_appears_meanwhile_stays, how, avoid);
	test_variant(never_over_a_file_in_a_race, how, avoid);
	test_variant(overwrite, how, avoid);
	test_variant(overwrite_of_nothing, how, avoid);
	test_variant(failed_overwrite_keeps_the_old, how, avoid);
	test_variant(link_is_replaced_not_followed, how, avoid);
	test_variant(what_is_no_file_refused, how, avoid);
	test_variant(missing_directories, how, avoid);
	test_variant(made_directories_go_with_the_copy, how, avoid);
	test_variant(sizes, how, avoid);
	test_variant(sent_again, how, avoid);
	test_variant(new_start_ends_the_old, how, avoid);
	test_variant(discard_at_every_point, how, avoid);
	test_variant(read_only_directory, how, avoid);
	test_variant(immutable_directory, how, avoid);
	test_variant(mode_and_owner_of_the_policy, how, avoid);
	test_variant(owner_from_the_start, how, avoid);
	test_variant(owner_in_a_directory_of_all, how, avoid);
	test_variant(selinux_labels, how, avoid);
	test_variant(file_size_limit, how, avoid);
	test_variant(disk_full, how, avoid);
	test_variant(file_system_without_a_size, how, avoid);
	test_variant(read_only_file_system, how, avoid);
	test_variant(crash_leaves_nothing_after_the_next_start, how, avoid);
}

int main(void)
{
	all("unnamed file", 0);
	all("named file", TRANSFER_AVOID_TMPFILE);
	all("named file and hard link", TRANSFER_AVOID_TMPFILE | TRANSFER_AVOID_NOREPLACE);
	test(largest_size_of_the_policy);
	test(room_that_must_stay_free);
	test(offsets_beyond_4_gib);
	test_variant(what_cannot_be_removed_stays_noted, "", TRANSFER_AVOID_TMPFILE);
	test_variant(note_waits_for_its_file_system, "", TRANSFER_AVOID_TMPFILE);
	test(note_of_something_else_removes_nothing);
	test(state_directory_is_one_daemons);
	run_tests();
}
