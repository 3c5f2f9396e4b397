// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test files in transfer: nothing is visible before they are whole, and nothing
 * remains when they fail.
 */
#include <linux/falloc.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "../../daemons/fcopy/transfer.h"
#include "disk.h"
#include "fcopy_test.h"
#include "meanwhile.h"
#include "no_tmpfile.h"
#include "test_log.h"
#include "test_policy.h"

/* A variant is a feature that the system lacks. */
#define NO_TMPFILE   1
#define NO_RENAMEAT2 2

static struct transfer transfer;
static _Atomic uint64_t id;
static struct failure failure;

/*
 * The functions of libc that the daemon calls, with errors that the kernel
 * seldom returns: 0 means none.
 */
static int unlink_error, write_error, allocate_error, directory_sync_error, file_sync_error;
static uint64_t write_error_from; /* the offset at which write_error begins */
/* A signal interrupts every second write, and the others write only half. */
static bool writes_are_disturbed;
static unsigned int allocations;
static int allocation_mode;

int unlinkat(int dir, const char *name, int flags)
{
	struct stat st;

	/* Journal entries have the same names, and are links. */
	if (unlink_error && !strncmp(name, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX)) &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
		errno = unlink_error;
		return -1;
	}
	return syscall(SYS_unlinkat, dir, name, flags);
}

/* Somebody makes this file just before the copy gets its name. */
static const char *appears;

static void let_it_appear(void)
{
	if (appears)
		make_file(appears, "old");
	appears = NULL;
}

/* renameat() succeeds and then reports this error. */
static int rename_error;
/* The file system cannot rename a file that is open, as some on FUSE. */
static bool open_files_keep_their_name;

int renameat(int from, const char *old, int to, const char *new)
{
	struct stat st;
	int r;

	if (open_files_keep_their_name && fstat(transfer.file, &st) == 0 && S_ISREG(st.st_mode)) {
		errno = EBUSY;
		return -1;
	}
	let_it_appear();
	r = syscall(SYS_renameat, from, old, to, new);
	if (r < 0 || !rename_error)
		return r;
	errno = rename_error;
	return -1;
}

/* The error of a file system without hard links */
static int link_error;

int linkat(int from, const char *old, int to, const char *new, int flags)
{
	let_it_appear();
	errno = link_error;
	return link_error ? -1 : syscall(SYS_linkat, from, old, to, new, flags);
}

/* The errors of a file system whose files have one owner or fixed modes */
static int owner_error, mode_error;

int fchownat(int dir, const char *name, uid_t uid, gid_t gid, int flags)
{
	errno = owner_error;
	return owner_error ? -1 : syscall(SYS_fchownat, dir, name, uid, gid, flags);
}

/* After the next note the process cannot become the user of the place again. */
static bool user_is_lost;

int symlinkat(const char *text, int dir, const char *name)
{
	if (user_is_lost)
		policy.everywhere.settings.identity.count = INT_MAX;
	return syscall(SYS_symlinkat, text, dir, name);
}

/* What a user holds who has opened the file when it got its mode, or -1 */
static int opened = -1;
static bool opens_it;

int fchmod(int fd, mode_t mode)
{
	if (opens_it && opened < 0)
		opened = dup(fd);
	errno = mode_error;
	return mode_error ? -1 : syscall(SYS_fchmod, fd, mode);
}

static bool has_no_tmpfile(void)
{
	return variant & NO_TMPFILE;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	static bool interrupt;

	if (write_error && offset + size > write_error_from) {
		errno = write_error;
		return -1;
	}
	interrupt = writes_are_disturbed && !interrupt;
	if (interrupt) {
		errno = EINTR;
		return -1;
	}
	if (writes_are_disturbed)
		size -= size / 2;
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	allocations++;
	allocation_mode = mode;
	if (allocate_error) {
		errno = allocate_error;
		return -1;
	}
	return syscall(SYS_fallocate, fd, mode, offset, length);
}

/* How many names the file had when it was synced last */
static unsigned int synced_names;

int fsync(int fd)
{
	struct stat st;
	int error;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		synced_names = st.st_nlink;
	error = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? directory_sync_error : file_sync_error;
	errno = error;
	return error ? -1 : syscall(SYS_fsync, fd);
}

static unsigned int datasyncs;

int fdatasync(int fd)
{
	datasyncs++;
	return syscall(SYS_fdatasync, fd);
}

/* The calls of sync_file_range(), and how the disk behaves */
static struct {
	bool counts;
	int error; /* the error of each wait */
	int begin_error;
	unsigned int msec; /* its duration, by a clock that stands still otherwise */
	uint64_t now;	   /* that clock, in milliseconds */
	uint64_t begun;	   /* bytes whose writing has begun */
	uint64_t waited;   /* bytes that a wait has covered */
	uint64_t max;	   /* the maximum of bytes in flight */
} write_back;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!write_back.counts || clock != CLOCK_MONOTONIC)
		return syscall(SYS_clock_gettime, clock, now);
	now->tv_sec = write_back.now / 1000;
	now->tv_nsec = write_back.now % 1000 * 1000000;
	return 0;
}

int sync_file_range(int fd, off_t from, off_t size, unsigned int flags)
{
	if (!write_back.counts)
		return syscall(SYS_sync_file_range, fd, from, size, flags);
	if (!(flags & SYNC_FILE_RANGE_WAIT_AFTER)) {
		expect_int(from, write_back.begun);
		write_back.begun += size;
		if (write_back.begun - write_back.waited > write_back.max)
			write_back.max = write_back.begun - write_back.waited;
		errno = write_back.begin_error;
		return write_back.begin_error ? -1 : 0;
	}
	expect_int(from, write_back.waited);
	write_back.now += write_back.msec;
	write_back.waited += size;
	expect(write_back.waited <= write_back.begun);
	errno = write_back.error;
	return write_back.error ? -1 : 0;
}

/* A kernel before 3.15 has no renameat2(2). */
static int no_renameat2(unsigned int n, const uint64_t args[6])
{
	return ENOSYS;
}

/* The number of entries that to/ must have at the end */
static int expected_files;

static void open_transfer(void)
{
	int journal;

	policy_without_min_free();
	mkdir("state", 0700);
	mkdir("to", 0755);
	journal = journal_open("state");
	expect(journal >= 0);
	transfer_init(&transfer, journal, &policy, &id);
	expected_files = 0;
	logged[0] = '\0';
	if (variant & NO_RENAMEAT2)
		meanwhile(SYS_renameat2, no_renameat2);
}

/* No copy is active, and nothing remains but the expected files in to/. */
static void end_test(void)
{
	write_back.counts = false;
	expect(!transfer_active(&transfer));
	expect_int(entries("to"), expected_files);
	expect_int(entries("state"), 0);
	expect_int(logged_errors, 0);
	logged_errors = 0;
	close(transfer.journal);
	default_policy();
}

static const struct fixture with_transfer = { .child = true,
					      .begin = open_transfer,
					      .end = end_test };
static const struct fixture with_transfer_as_root = {
	.root = true, .child = true, .begin = open_transfer, .end = end_test
};
static const struct fixture in_mounts = { .own_mounts = true,
					  .begin = open_transfer,
					  .end = end_test };

static enum refusal start_at(const char *path, const char *name, unsigned int flags, uint64_t size)
{
	struct destination_request request = request_for(path, name, flags);
	unsigned int left;
	enum refusal refusal;

	transfer_discard(&transfer);
	journal_clean(transfer.journal, NULL, false, &left);
	refusal = transfer_start(&transfer, &request, size, &failure);
	if (refusal != REFUSAL_NONE)
		expect_int(failure.refusal, refusal);
	return refusal;
}

static enum refusal start(const char *name, unsigned int flags, uint64_t size)
{
	return start_at(in("to/"), name, flags, size);
}

static enum refusal put(uint64_t offset, const void *data, size_t size)
{
	return transfer_write(&transfer, offset, data, size, &failure);
}

static enum refusal complete(void)
{
	enum refusal refusal = transfer_finish(&transfer, &failure);

	if (refusal == REFUSAL_NONE)
		refusal = transfer_place(&transfer, &failure);
	return refusal != REFUSAL_NONE ? refusal : transfer_end(&transfer, &failure);
}

static void discard(void)
{
	transfer_discard(&transfer);
}

static enum refusal copy_at(const char *path, const char *name, unsigned int flags,
			    const char *text)
{
	size_t n = strlen(text), half = n / 2;
	enum refusal refusal;

	refusal = start_at(path, name, flags, n);
	if (refusal == REFUSAL_NONE)
		refusal = put(0, text, half);
	if (refusal == REFUSAL_NONE)
		refusal = put(half, text + half, n - half);
	return refusal != REFUSAL_NONE ? refusal : complete();
}

static enum refusal copy(const char *name, unsigned int flags, const char *text)
{
	return copy_at(in("to/"), name, flags, text);
}

#define FRAGMENT 16384
/* The smallest step that a slow disk gets */
#define PIECE (128u << 10)

/*
 * Send the bytes from FROM to TO, all of them 'x', in fragments that are
 * smaller than those of the daemon.
 */
static enum refusal put_many(uint64_t from, uint64_t to)
{
	enum refusal refusal = REFUSAL_NONE;
	char data[FRAGMENT];

	memset(data, 'x', sizeof(data));
	for (uint64_t n; from < to && refusal == REFUSAL_NONE; from += n) {
		n = to - from < FRAGMENT ? to - from : FRAGMENT;
		refusal = put(from, data, n);
	}
	return refusal;
}

/* Send this number of bytes, and COMPLETE if they are accepted. */
static enum refusal put_whole(uint64_t size)
{
	enum refusal refusal = put_many(0, size);

	return refusal != REFUSAL_NONE ? refusal : complete();
}

static long long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static uint64_t bytes_free(const char *path)
{
	struct statvfs fs;

	expect(statvfs(path, &fs) == 0);
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static void whole_or_not_there(void)
{
	expect_int(start("a", 0, 6), REFUSAL_NONE);
	expect(access("to/a", F_OK) < 0);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(put(3, "def", 3), REFUSAL_NONE);
	expect(access("to/a", F_OK) < 0);
	expect_int(complete(), REFUSAL_NONE);
	expect(holds("to/a", "abcdef"));
	expect_int(mode_of("to/a"), 0644);
	expect_int(stat_of("to/a").st_nlink, 1);
	expected_files = 1;
}

static void umask_counts(void)
{
	umask(027);
	expect_int(copy("a", 0, "text"), REFUSAL_NONE);
	umask(022);
	expect_int(mode_of("to/a"), 0640);
	expected_files = 1;
}

static void begin_counting(void)
{
	memset(&write_back, 0, sizeof(write_back));
	write_back.counts = true;
}

/* COMPLETE has little to wait for, even with a slow disk. */
TEST_F(with_transfer, data_goes_to_the_disk_meanwhile)
{
	/* /tmp may be a small tmpfs. */
	if (bytes_free("to") < 100 << 20)
		skip("set TMPDIR to a directory with 100 MiB free");
	begin_counting();
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put_many(0, 80 << 20), REFUSAL_NONE);
	/* The steps grow with a fast disk: 1, 2, 4, 8, and then 16 MiB. */
	expect_int(write_back.max, 16 << 20);
	expect(transfer.received - write_back.waited <= 32 << 20);
	expect_int(complete(), REFUSAL_NONE);
	expected_files = 1;
}

/* Where sync_file_range(2) does too little */
TEST_F(with_transfer, data_is_synced_meanwhile)
{
	static const unsigned long types[] = { 0x794c7630, 0x6969, 0xff534d42, 0xfe534d42,
					       0x65735546 };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		begin_counting();
		datasyncs = 0;
		claimed_type = types[i];
		expect_int(start("a", FORCE, 0), REFUSAL_NONE);
		expect_int(put_many(0, 20 << 20), REFUSAL_NONE);
		/* 1, 2, 4, and 8 MiB */
		expect_int(datasyncs, 4);
		expect_int(write_back.begun, 0);
		claimed_type = 0;
		expect_int(complete(), REFUSAL_NONE);
	}
	expected_files = 1;
}

TEST_F(with_transfer, slow_disk_gets_less_at_a_time)
{
	begin_counting();
	write_back.msec = 2100;
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put_many(0, 4 << 20), REFUSAL_NONE);
	expect_int(write_back.max, 1 << 20);
	/* Less than two of the smallest steps */
	expect(transfer.received - write_back.waited <= 3 * PIECE);
	/* One that is neither slow nor quick keeps the size; */
	write_back.msec = 1000;
	expect_int(put_many(4 << 20, 8 << 20), REFUSAL_NONE);
	expect(transfer.received - write_back.waited <= 3 * PIECE);
	/* one that has recovered gets more again. */
	write_back.msec = 100;
	expect_int(put_many(8 << 20, 16 << 20), REFUSAL_NONE);
	expect(write_back.begun - write_back.waited >= 1 << 20);
	expect_int(complete(), REFUSAL_NONE);
	expected_files = 1;
}

/*
 * A host that is as slow as the disk never lets the daemon wait, and still gets
 * small steps.
 */
TEST_F(with_transfer, slow_host_gets_small_steps)
{
	begin_counting();
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	for (uint64_t at = 0; at < 8 << 20; at += PIECE) {
		write_back.now += 500;
		expect_int(put_many(at, at + PIECE), REFUSAL_NONE);
	}
	expect(transfer.received - write_back.waited <= 1 << 20);
	expect_int(complete(), REFUSAL_NONE);
	expected_files = 1;
}

/*
 * The kernel tells of a write that the disk has refused once only, by any
 * number.
 */
TEST_F(with_transfer, disk_refuses_meanwhile)
{
	static const struct {
		int error;
		enum refusal refusal;
	} errors[] = {
		{ EIO, REFUSAL_IO },	   { ENOSPC, REFUSAL_DISK_FULL }, { EDQUOT, REFUSAL_QUOTA },
		{ EINVAL, REFUSAL_OTHER }, { ENOSYS, REFUSAL_OTHER },	  { EINTR, REFUSAL_OTHER },
	};

	for (size_t i = 0; i < 2 * sizeof(errors) / sizeof(errors[0]); i++) {
		begin_counting();
		*(i % 2 ? &write_back.error : &write_back.begin_error) = errors[i / 2].error;
		expect_int(start("a", 0, 0), REFUSAL_NONE);
		expect_int(put_many(0, 4 << 20), errors[i / 2].refusal);
		expect(!transfer_active(&transfer));
	}
}

static void file_that_appears_meanwhile_stays(void)
{
	enum refusal refusal;

	expect_int(start("a", 0, 3), REFUSAL_NONE);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	make_file("to/a", "old");
	expect_int(complete(), REFUSAL_EXISTS);
	expect(holds("to/a", "old"));

	/* After the last look at the target, the step itself must refuse. */
	expect_int(start("b", 0, 3), REFUSAL_NONE);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	expect_int(transfer_finish(&transfer, &failure), REFUSAL_NONE);
	make_file("to/b", "old");
	expect_int(transfer_place(&transfer, &failure), REFUSAL_EXISTS);
	expect(holds("to/b", "old"));

	/* Nobody can be faster than renameat2(2) here. */
	expect_int(start("c", 0, 3), REFUSAL_NONE);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	appears = "to/c";
	refusal = complete();
	expect_int(refusal, appears ? REFUSAL_NONE : REFUSAL_EXISTS);
	expect(holds("to/c", appears ? "new" : "old"));
	appears = NULL;
	expected_files = 3;
}

static void overwrite(void)
{
	struct stat old;

	make_file("to/a", "the old and longer one");
	expect(chmod("to/a", 04751) == 0);
	if (geteuid() == 0)
		expect(chown("to", 65534, 0) == 0 && chown("to/a", 65534, 65534) == 0 &&
		       chmod("to/a", 04751) == 0);
	old = stat_of("to/a");
	expect_int(start("a", FORCE, 3), REFUSAL_NONE);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	expect(holds("to/a", "the old and longer one"));
	expect_int(complete(), REFUSAL_NONE);
	expect(holds("to/a", "new"));
	expect_int(mode_of("to/a"), 0751);
	expect(belongs_to("to/a", old.st_uid, old.st_gid));
	expected_files = 1;
}

static void made_directories_go_with_the_copy(void)
{
	expect_int(start_at(in("to/x/y/"), "a", CREATE, 5), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	discard();
	expect_int(entries("to"), 0);
	expect_int(entries("state"), 0);

	/* Each of these fails after the directories were made. */
	expect_int(start_at(in("to/x/y/"), "a", CREATE, 5), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_INCOMPLETE);
	expect_int(entries("to"), 0);
	allocate_error = EDQUOT;
	expect_int(start_at(in("to/x/y/"), "a", CREATE, 5), REFUSAL_QUOTA);
	allocate_error = 0;
	expect_int(entries("to"), 0);
}

/*
 * The size that START names is a hint: fewer bytes are a failure, and more are
 * not.
 */
static void fewer_bytes_than_announced(void)
{
	expect_int(start("a", 0, 4), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_INCOMPLETE);
	expect(strstr(failure.detail, "3 of 4 bytes"));
	expect_int(start("a", 0, 1), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_INCOMPLETE);
	/* Bytes that came twice count once. */
	expect_int(start("a", 0, 4), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_INCOMPLETE);
	/* Whole pieces are in the file already. */
	expect_int(start("a", 0, 2 * PIECE + 1), REFUSAL_NONE);
	expect_int(put_many(0, 2 * PIECE), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_INCOMPLETE);
}

static void more_bytes_than_announced(void)
{
	static const uint64_t announced[] = { 0, 1, 4, 100000, 2 * PIECE, 999999 };

	for (size_t i = 0; i < sizeof(announced) / sizeof(announced[0]); i++) {
		expect_int(start("a", FORCE, announced[i]), REFUSAL_NONE);
		expect_int(put_whole(1000000), REFUSAL_NONE);
		expect_int(size_of("to/a"), 1000000);
	}
	expected_files = 1;
}

static void more_bytes_than_the_policy_allows(void)
{
	policy.everywhere.settings.max_size = 6;
	expect_int(start("a", 0, 4), REFUSAL_NONE);
	expect_int(put(0, "abcdef", 6), REFUSAL_NONE);
	/* Neither bytes that come again nor an empty WRITE are more. */
	expect_int(put(0, "abcdef", 6), REFUSAL_NONE);
	expect_int(put(6, "", 0), REFUSAL_NONE);
	expect_int(put(6, "g", 1), REFUSAL_MAX_SIZE);
	expect(strstr(failure.detail, "4 bytes were announced") && strstr(failure.detail, "6"));
	expect(!transfer_active(&transfer));
	expect_int(entries("to"), 0);

	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put(0, "abcdef", 6), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	expect(holds("to/a", "abcdef"));
	/* It is more after pieces were written. */
	policy.everywhere.settings.max_size = 3 * PIECE;
	expect_int(start("b", 0, 0), REFUSAL_NONE);
	expect_int(put_many(0, 3 * PIECE), REFUSAL_NONE);
	expect_int(put(3 * PIECE, "x", 1), REFUSAL_MAX_SIZE);
	expected_files = 1;
}

/* Where offsets were 32 bits, the second would land at 0. */
TEST_F(with_transfer, offsets_beyond_4_gib)
{
	static const uint64_t size = (5ull << 30) + 3;
	char page[8192], data[8192];
	int fd;

	if (start("a", 0, size) == REFUSAL_DISK_FULL)
		skip("set TMPDIR to a directory with 5 GiB free");
	expect(transfer_active(&transfer));
	memset(data, 'x', sizeof(data));
	/* What came before, without sending it */
	transfer.received = 4ull << 30;
	transfer.flushed = transfer.received;
	expect_int(put(4ull << 30, data, sizeof(data)), REFUSAL_NONE);
	transfer.received = size - 3;
	transfer.flushed = transfer.received;
	expect_int(put(size - 3, "end", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	expect_int(size_of("to/a"), size);
	fd = open("to/a", O_RDONLY | O_CLOEXEC);
	expect(pread(fd, page, 3, size - 3) == 3 && !memcmp(page, "end", 3));
	expect(pread(fd, page, sizeof(page), 4ull << 30) == sizeof(page));
	expect(!memcmp(page, data, sizeof(page)));
	expect(pread(fd, page, 1, 0) == 1 && page[0] == 0);
	close(fd);
	expected_files = 1;
}

/*
 * The kernel takes the room from the owner's quota, so that a refusal comes
 * before the data.
 */
static void owner_from_the_start(void)
{
	struct stat st;

	policy.everywhere.settings.has_user = policy.everywhere.settings.has_group = true;
	policy.everywhere.settings.identity.uid = 65534;
	policy.everywhere.settings.identity.gid = policy.everywhere.settings.gid = 65533;
	expect(chmod(".", 0755) == 0 && chown("to", 65534, 0) == 0);
	expect_int(start("a", 0, 3), REFUSAL_NONE);
	expect(fstat(transfer.file, &st) == 0);
	expect_int(st.st_uid, 65534);
	expect_int(st.st_gid, 65533);
	/* Nobody can open a file without a name. */
	expect_int(st.st_mode & 07777, variant & NO_TMPFILE ? 0600 : 0644);
	discard();
	identity_assume(NULL);
	default_policy();

	make_file("to/a", "old");
	expect(chown("to", 65533, 0) == 0 && chown("to/a", 65533, 65534) == 0);
	expect_int(start("a", FORCE, 3), REFUSAL_NONE);
	expect(fstat(transfer.file, &st) == 0);
	/* A file with a name stays root's until it is in place, see below. */
	expect_int(st.st_uid, variant & NO_TMPFILE ? 0 : 65533);
	/* It is a new file if the one to replace has disappeared meanwhile, */
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect(unlink("to/a") == 0);
	expect_int(complete(), REFUSAL_NONE);
	expect(belongs_to("to/a", 0, 0));
	expect_int(mode_of("to/a"), 0644);
	/* and replaces one that has appeared. */
	expect_int(start("b", FORCE, 3), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	make_file("to/b", "old");
	expect(chown("to/b", 65533, 65534) == 0 && chmod("to/b", 0640) == 0);
	expect_int(complete(), REFUSAL_NONE);
	expect(belongs_to("to/b", 65533, 65534));
	expect_int(mode_of("to/b"), 0640);
	expected_files = 2;
}

/* The host learns before its data that the file system refuses them. */
static void attributes_that_cannot_be_set(void)
{
	policy.everywhere.settings.mode = 0640;
	mode_error = EPERM;
	expect_int(start("a", 0, 3), REFUSAL_ACCESS);
	expect(strstr(failure.detail, "its permission bits would be 0640"));
	mode_error = 0;
	policy.everywhere.settings.has_group = true;
	policy.everywhere.settings.gid = 65534;
	owner_error = EPERM;
	expect_int(start("a", 0, 3), REFUSAL_ACCESS);
	expect(strstr(failure.detail, "and group 65534"));
	/* A file system without owners only warns, and only once. */
	claimed_type = 0x65735546; /* FUSE */
	expect_int(start("a", 0, 3), REFUSAL_NONE);
	expect(!strstr(logged, "no owners"));
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	expect(strstr(logged, "/to/a: this file system has no owners: "));
	expect_int(mode_of("to/a"), 0640);
	claimed_type = owner_error = 0;
	expected_files = 1;
}

/* A user who opens the file when it gets its mode has not that of the copy. */
static void bytes_arrive_in_a_closed_file(void)
{
	struct stat held, st;

	make_file("to/a", "old");
	expect(chmod("to/a", 0666) == 0);
	opens_it = true;
	expect_int(start("a", FORCE, 3), REFUSAL_NONE);
	opens_it = false;
	expect(fstat(opened, &held) == 0 && fstat(transfer.file, &st) == 0);
	expect(st.st_ino != held.st_ino);
	expect_int(held.st_nlink, 0);
	expect_int(st.st_mode & 07777, 0600);
	close(opened);
	opened = -1;
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	expect(holds("to/a", "new"));
	expect_int(mode_of("to/a"), 0666);
	expected_files = 1;
}

static void lose_the_user(void)
{
	user_is_lost = true;
	start_at(in("to/mine/new/"), "a", CREATE, 3);
	discard();
	leave_child(0);
}

/* The user of the place has no other rights than anywhere else. */
static void user_of_the_place(void)
{
	policy.everywhere.settings.has_user = true;
	policy.everywhere.settings.identity.uid = policy.everywhere.settings.identity.gid = 65534;
	expect(chmod(".", 0755) == 0 && chmod("to", 0755) == 0);
	expect_int(start("a", 0, 3), REFUSAL_ACCESS);
	expect_int(identity_uid(), 0);
	expect(mkdir("to/mine", 0300) == 0 && chown("to/mine", 65534, 65534) == 0);
	/* No process goes on as root. */
	expect_int(in_child(lose_the_user), 128 + SIGABRT);
	/* The user may not even read this directory. */
	expect_int(start_at(in("to/mine/new/"), "a", CREATE, 3), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	/* The process works as the user until it ends. */
	expect_int(identity_uid(), 65534);
	identity_assume(NULL);
	expect(belongs_to("to/mine/new/a", 65534, 65534));
	expect(belongs_to("to/mine/new", 65534, 65534));
	/* Nothing is left of a copy that ends. */
	expect_int(start_at(in("to/mine/x/"), "a", CREATE, 3), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	discard();
	expect_int(identity_uid(), 65534);
	identity_assume(NULL);
	expect_int(entries("to/mine"), 1);
	/* Not even root may read what -Force replaces. */
	make_file("to/mine/roots", "old");
	expect(chmod("to/mine/roots", 0600) == 0);
	expect_int(start_at(in("to/mine/roots"), "a", FORCE, 3), REFUSAL_NONE);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	identity_assume(NULL);
	expect_int(stat_of("to/mine/roots").st_uid, 65534);
	expect(unlink("to/mine/roots") == 0 && unlink("to/mine/new/a") == 0 &&
	       rmdir("to/mine/new") == 0 && rmdir("to/mine") == 0);
}

TEST_F(with_transfer, limits_of_a_place)
{
	struct settings settings = policy.everywhere.settings;

	PLACES("+to");
	policy.places[0].settings = settings;
	policy.places[0].max_total = 8;
	expect_int(start("a", 0, 9), REFUSAL_MAX_TOTAL);
	expect_int(copy("a", 0, "123456"), REFUSAL_NONE);
	expect_int(start("b", 0, 3), REFUSAL_MAX_TOTAL);
	/* The announced size is only a hint. */
	expect_int(start("b", 0, 0), REFUSAL_NONE);
	expect_int(put(0, "12", 2), REFUSAL_NONE);
	expect_int(put(2, "3", 1), REFUSAL_MAX_TOTAL);
	policy.places[0].max_files = 1;
	expect_int(start("b", 0, 1), REFUSAL_MAX_FILES);
	expect_int(copy("a", FORCE, "12345678"), REFUSAL_NONE);
	expected_files = 1;
}

/* A user moves the directory of the copy into a place that is shut. */
TEST_F(with_transfer, place_that_the_directory_leaves)
{
	struct settings settings = policy.everywhere.settings;

	PLACES("+to", "-to/shut");
	policy.places[0].settings = settings;
	expect(mkdir("to/in", 0755) == 0 && mkdir("to/shut", 0755) == 0);
	expect_int(start_at(in("to/in/"), "a", 0, 3), REFUSAL_NONE);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect(rename("to/in", "to/shut/in") == 0);
	expect_int(complete(), REFUSAL_RULE);
	expect_int(entries("to/shut/in"), 0);
	expect(rmdir("to/shut/in") == 0 && rmdir("to/shut") == 0);
}

static void selinux_label(void)
{
	static const char wanted[] = "system_u:object_r:new_t:s0";
	char label[256] = "";

	if (setxattr("to", "security.selinux", wanted, sizeof(wanted), 0) < 0)
		skip("run this as root, outside of a container, with selinux=0, and with TMPDIR on a file system with labels, such as ext4");
	strcpy(policy.everywhere.settings.label, wanted);
	expect_int(copy("a", 0, ""), REFUSAL_NONE);
	expect(lgetxattr("to/a", "security.selinux", label, sizeof(label) - 1) > 0);
	expect(!strcmp(label, wanted));
	expected_files = 1;
}

/* Return the path of the temporary name in to/, or "" if there is none. */
static const char *temporary_path(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), transfer.temporary[0] ? "to/%s" : "%s", transfer.temporary);
	return path;
}

/*
 * The owner of a replaced file, in a directory where everybody can write, can
 * touch nothing of the copy before it is in place.
 */
static void owner_in_a_directory_of_all(void)
{
	const char *path;
	struct stat st;
	int theirs;

	expect(chmod("to", 01777) == 0);
	make_file("to/a", "old");
	expect(chown("to/a", 65534, 65534) == 0);
	expect_int(start("a", FORCE, 3), REFUSAL_NONE);
	path = temporary_path();
	expect(seteuid(65534) == 0);
	if (*path) {
		expect(open(path, O_RDWR | O_CLOEXEC) < 0);
		expect(rename(path, "to/kept") < 0);
	}
	expect(unlink("to/a") == 0);
	expect(seteuid(0) == 0);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	st = stat_of("to/a");
	expect(st.st_uid == 0 && st.st_nlink == 1 && holds("to/a", "new"));

	/*
	 * The owner of the directory can put another file in the place of the
	 * copy. That is not what the host sent.
	 */
	expect_int(start("b", FORCE, 3), REFUSAL_NONE);
	path = temporary_path();
	if (*path) {
		expect(rename(path, "to/aside") == 0);
		make_file(path, "bad");
		expect_int(put(0, "new", 3), REFUSAL_NONE);
		expect_int(complete(), REFUSAL_IO);
		expect(access("to/b", F_OK) < 0);
		unlink("to/aside");
	} else {
		discard();
	}
	theirs = *path && access(path, F_OK) == 0;
	expected_files = 1 + theirs;
}

static void mount_small(const char *options)
{
	memory_is_disk = false;
	mount_tmpfs("to", options);
}

/* 64 KiB of room, and 32 KiB must stay free. */
TEST_F(in_mounts, room_that_must_stay_free)
{
	mount_small("size=64k");
	policy.everywhere.settings.min_free = 32 << 10;
	expect_int(start("a", 0, 40 << 10), REFUSAL_MIN_FREE);
	expect(strstr(failure.detail, "40960 bytes needed, 65536 free, 32768 of them kept free"));
	expect_int(entries("to"), 0);
	expect_int(start("a", 0, 20 << 10), REFUSAL_NONE);
	discard();
	/* Up to the last byte */
	expect_int(start("a", 0, 32 << 10), REFUSAL_NONE);
	discard();
	expect_int(start("a", 0, (32 << 10) + 1), REFUSAL_MIN_FREE);
	policy.everywhere.settings.min_free = 0;
	policy.everywhere.settings.min_free_percent = 50;
	expect_int(start("a", 0, 40 << 10), REFUSAL_MIN_FREE);
	expect_int(start("a", 0, 128 << 10), REFUSAL_DISK_FULL);
	expect(strstr(failure.detail, "131072 bytes needed, 65536 free"));
	expect_int(start("a", 0, 20 << 10), REFUSAL_NONE);
	discard();
	policy.everywhere.settings.min_free = 64 << 10;
	policy.everywhere.settings.min_free_percent = 0;
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	discard();
	policy.everywhere.settings.min_free++;
	expect_int(start("a", 0, 0), REFUSAL_MIN_FREE);
}

/* Empty files and directories need inodes. */
TEST_F(in_mounts, inodes_that_must_stay_free)
{
	char path[PATH_MAX];
	struct statvfs fs;
	int n = 0;

	mount_small("size=64m,nr_inodes=1000");
	policy.everywhere.settings.min_free_percent = 50;
	do
		snprintf(path, sizeof(path), "%s/%d/d/d/d/d/d/d/d/d/d/", in("to"), n++);
	while (n < 200 && copy_at(path, "a", CREATE, "") == REFUSAL_NONE);
	expect_int(failure.refusal, REFUSAL_MIN_FREE);
	expect(strstr(failure.detail, " inodes free, 500 of them kept free"));
	expect(statvfs("to", &fs) == 0 && fs.f_favail >= 500 && fs.f_favail < 520);
	policy.everywhere.settings.min_free_percent = 0;
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	discard();
	default_policy();
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	discard();
	expected_files = n - 1;
}

/* The default leaves 5% of a small file system, and 16 MiB of a large one. */
TEST_F(in_mounts, min_free_by_default)
{
	mount_small("size=1000k");
	default_policy();
	expect_int(start("a", 0, 950 << 10), REFUSAL_NONE);
	discard();
	expect_int(start("a", 0, (950 << 10) + 1), REFUSAL_MIN_FREE);
	expect(strstr(failure.detail, "51200 of them kept free"));
	end_test();
	umount("to");
	open_transfer();

	mount_small("size=400m");
	default_policy();
	expect_int(start("a", 0, 384 << 20), REFUSAL_NONE);
	discard();
	expect_int(start("a", 0, (384 << 20) + 1), REFUSAL_MIN_FREE);
}

/*
 * START announces a small size. The part that grows must leave min-free alone,
 * for whatever WRITE or COMPLETE exceeds the limit, and however the host sends
 * it.
 */
TEST_F(in_mounts, growing_file_leaves_min_free)
{
	static const uint64_t announced[] = { 0, 1000, 700 << 10 };
	enum refusal refusal;

	mount_small("size=1m");
	policy.everywhere.settings.min_free = 256 << 10;
	for (size_t i = 0; i < sizeof(announced) / sizeof(announced[0]); i++) {
		/* Exactly as much as there may be */
		expect_int(start("a", 0, announced[i]), REFUSAL_NONE);
		expect_int(put_whole(768 << 10), REFUSAL_NONE);
		expect_int(bytes_free("to"), 256 << 10);
		unlink("to/a");
		/* One page more */
		expect_int(start("a", 0, announced[i]), REFUSAL_NONE);
		expect_int(put_whole(772 << 10), REFUSAL_MIN_FREE);
		expect_int(failure.refusal, REFUSAL_MIN_FREE);
		expect(!transfer_active(&transfer));
		expect_int(entries("to"), 0);
		expect_int(bytes_free("to"), 1 << 20);
	}

	/* All of it is less than a piece. */
	policy.everywhere.settings.min_free = (1 << 20) - (16 << 10);
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put_whole(100 << 10), REFUSAL_MIN_FREE);

	/* A first byte that comes again */
	policy.everywhere.settings.min_free = 256 << 10;
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	refusal = REFUSAL_NONE;
	for (uint64_t at = 0; refusal == REFUSAL_NONE && at < 1 << 20; at += 60 << 10) {
		refusal = put_many(at, at + (60 << 10));
		if (refusal == REFUSAL_NONE)
			refusal = put(0, "y", 1);
		expect(bytes_free("to") >= 256 << 10);
	}
	expect_int(refusal, REFUSAL_MIN_FREE);
	end_test();
	umount("to");
	open_transfer();

	/* The daemon looks for room again at each write. */
	mount_small("size=32m");
	policy.everywhere.settings.min_free = 4 << 20;
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put_whole(28 << 20), REFUSAL_NONE);
	unlink("to/a");
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put_many(0, 29 << 20), REFUSAL_MIN_FREE);
}

/* A file system in memory takes no memory for bytes that did not come. */
TEST_F(in_mounts, tmpfs_is_not_filled)
{
	struct stat st;

	mount_small("size=8m");
	allocations = 0;
	expect_int(start("a", 0, 4 << 20), REFUSAL_NONE);
	expect_int(allocations, 0);
	expect_int(bytes_free("to"), 8 << 20);
	expect(fstat(transfer.file, &st) == 0);
	expect_int(st.st_blocks, 0);
	expect_int(put_whole(4 << 20), REFUSAL_NONE);
	expect_int(size_of("to/a"), 4 << 20);
	expected_files = 1;
}

/*
 * Where the file system is not in memory, the room is reserved, and the file
 * does not grow by that.
 */
TEST_F(with_transfer, room_is_reserved)
{
	struct stat st;

	allocations = 0;
	expect_int(start("a", 0, 1 << 20), REFUSAL_NONE);
	expect_int(allocations, 1);
	expect_int(allocation_mode, FALLOC_FL_KEEP_SIZE);
	expect(fstat(transfer.file, &st) == 0);
	expect_int(st.st_size, 0);
	expect(st.st_blocks >= (1 << 20) / 512);
	discard();
	/* A file system that cannot reserve room takes the file, too. */
	allocate_error = EOPNOTSUPP;
	expect_int(copy("a", 0, "text"), REFUSAL_NONE);
	allocate_error = ENOSYS;
	expect_int(copy("b", 0, "text"), REFUSAL_NONE);
	allocate_error = 0;
	expected_files = 2;
}

static const struct {
	int error;
	enum refusal refusal;
} write_errors[] = {
	{ ENOSPC, REFUSAL_DISK_FULL }, { EDQUOT, REFUSAL_QUOTA },    { EIO, REFUSAL_IO },
	{ EFBIG, REFUSAL_TOO_LARGE },  { EROFS, REFUSAL_READ_ONLY }, { ENOMEM, REFUSAL_MEMORY },
	{ EPERM, REFUSAL_ACCESS },     { ESTALE, REFUSAL_OTHER },
};
#define WRITE_ERRORS (sizeof(write_errors) / sizeof(write_errors[0]))

TEST_F(with_transfer, room_that_cannot_be_reserved)
{
	for (size_t i = 0; i < WRITE_ERRORS; i++) {
		allocate_error = write_errors[i].error;
		expect_int(start("a", 0, 1 << 20), write_errors[i].refusal);
		expect_int(failure.error, write_errors[i].error);
		/*
		 * Nothing is to be reserved for a file that is announced as
		 * empty.
		 */
		expect_int(copy("empty", FORCE, ""), REFUSAL_NONE);
		allocate_error = 0;
	}
	unlink("to/empty");
}

/* The disk cannot write one of the pieces. An old file stays as it was. */
static void errors_of_writing(void)
{
	make_file("to/a", "old");
	for (size_t i = 0; i < WRITE_ERRORS; i++) {
		expect_int(start_at(in("to/made/"), "a", CREATE, 1 << 20), REFUSAL_NONE);
		write_error = write_errors[i].error;
		expect_int(put(0, "new", 3), write_errors[i].refusal);
		expect_int(failure.error, write_errors[i].error);
		expect(strstr(failure.detail, in("to/made/a")));
		expect(!transfer_active(&transfer));
		write_error = 0;
		expect_int(entries("to"), 1);
		expect_int(entries("state"), 0);

		expect_int(start("a", FORCE, 3), REFUSAL_NONE);
		write_error = write_errors[i].error;
		write_error_from = PIECE;
		expect_int(put_many(0, PIECE), REFUSAL_NONE);
		expect_int(put_many(PIECE, PIECE + 1), write_errors[i].refusal);
		write_error = 0;
		write_error_from = 0;
		expect(holds("to/a", "old"));

		/* The error may show only when the file goes to the disk. */
		file_sync_error = write_errors[i].error;
		expect_int(copy("a", FORCE, "new"), write_errors[i].refusal);
		file_sync_error = 0;
		expect(holds("to/a", "old"));
		/* The next copy has nothing of it. */
		expect_int(copy("b", FORCE, "text"), REFUSAL_NONE);
		unlink("to/b");
	}
	expected_files = 1;
}

TEST_F(with_transfer, writes_that_are_cut_short)
{
	writes_are_disturbed = true;
	expect_int(copy("a", 0, "01234567890123456789"), REFUSAL_NONE);
	writes_are_disturbed = false;
	expect(holds("to/a", "01234567890123456789"));
	expected_files = 1;
}

/*
 * After the rename nothing removes the file again, and the host learns what is
 * missing.
 */
static void directory_that_cannot_be_synced(void)
{
	for (int i = 0; i < 2; i++) {
		expect_int(start_at(in("to/x/y/"), "a", CREATE | FORCE, 4), REFUSAL_NONE);
		expect_int(put(0, i ? "more" : "text", 4), REFUSAL_NONE);
		directory_sync_error = i ? EIO : ENOSPC;
		expect_int(complete(), REFUSAL_NOT_DURABLE);
		directory_sync_error = 0;
		expect(!transfer_active(&transfer));
		expect_int(failure.refusal, REFUSAL_NOT_DURABLE);
		expect_int(failure.error, i ? EIO : ENOSPC);
		expect(holds("to/x/y/a", i ? "more" : "text"));
		/* Nothing that a later daemon would clean away is noted. */
		expect_int(entries("state"), 0);
		expect_int(entries("to/x/y"), 1);
	}
	/* EINVAL: such a file system needs no fsync() of directories. */
	directory_sync_error = EINVAL;
	expect_int(copy("b", 0, "text"), REFUSAL_NONE);
	directory_sync_error = 0;
	expected_files = 2;
}

/* The entry of a directory exists as long as its content. */
static void directories_of_a_file_that_cannot_be_removed(void)
{
	expect_int(start_at(in("to/x/y/"), "a", CREATE, 3), REFUSAL_NONE);
	unlink_error = EROFS;
	discard();
	unlink_error = 0;
	expect_int(entries("to/x/y"), 1);
	expect_int(entries("state"), 2);
	expect(transfer.left);
	/* The next START cleans up. */
	expect_int(copy("b", 0, "text"), REFUSAL_NONE);
	expected_files = 1;
}

static void file_size_limit(void)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };

	signal(SIGXFSZ, SIG_IGN);
	expect(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	expect_int(start("a", 0, 4097), REFUSAL_TOO_LARGE);
	expect_int(start("a", 0, UINT64_MAX / 4), REFUSAL_TOO_LARGE);
	expect_int(start("a", 0, 4096), REFUSAL_NONE);
	discard();
	expect_int(start("a", 0, 0), REFUSAL_NONE);
	expect_int(put_many(0, 4097), REFUSAL_TOO_LARGE);
	expect_int(copy("b", 0, "b"), REFUSAL_NONE);
	expected_files = 1;
}

/* ramfs has no limit, and reports no blocks at all. */
static void file_system_without_a_size(void)
{
	char text[8001];

	memset(text, 'x', sizeof(text));
	text[8000] = '\0';
	memory_is_disk = false;
	need_mount(mount("ramfs", "to", "ramfs", 0, NULL) == 0);
	expect_int(copy("a", 0, text), REFUSAL_NONE);
	expect(holds("to/a", text));
	expected_files = 1;
}

/*
 * On btrfs fsync(2) of a file without a name does nothing, so the file needs
 * its name before; a power loss left an empty file on 6.1 and 6.12.
 */
TEST_F(with_transfer, btrfs_files_are_synced_with_a_name)
{
	claimed_type = BTRFS_SUPER_MAGIC;
	expect_int(start("a", 0, 3), REFUSAL_NONE);
	expect_int(entries("to"), 1);
	expect_int(put(0, "abc", 3), REFUSAL_NONE);
	expect_int(complete(), REFUSAL_NONE);
	expect_int(synced_names, 1);
	expect(holds("to/a", "abc"));
	expect_int(copy("a", FORCE, "new"), REFUSAL_NONE);
	expect_int(synced_names, 1);
	expect(holds("to/a", "new"));
	claimed_type = 0;
	expected_files = 1;
}

/* A file without a name gets one through /proc. */
TEST_F(in_mounts, without_procfs)
{
	need_mount(umount2("/proc", MNT_DETACH) == 0 && access("/proc/self", F_OK) < 0);
	expect_int(copy("a", 0, "text"), REFUSAL_NONE);
	expect_int(copy("a", FORCE, "new"), REFUSAL_NONE);
	expect(holds("to/a", "new"));
	expected_files = 1;
}

/* The file system of a user whose unlink() always fails */
static void notes_have_a_limit(void)
{
	unsigned int left;
	char path[PATH_MAX];
	unlink_error = EIO;
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "%s/%d/", in("to"), i);
		expect_int(start_at(path, "a", CREATE, 3), REFUSAL_IO);
		expect(entries("state") <= JOURNAL_KEPT);
	}
	unlink_error = 0;
	expect(strstr(logged, "dropped the note .hv-fcopyd."));
	/* A copy to another disk still has a note. */
	expect_int(start("b", 0, 3), REFUSAL_NONE);
	snprintf(path, sizeof(path), "state/%s", transfer.temporary);
	stat_of(path);
	discard();
	expect_int(journal_clean(transfer.journal, NULL, false, &left), 0);
	expect_int(left, 0);
	expected_files = entries("to");
}

/* A user who owns the directory renames the temporary file. */
static void renamed_file_is_emptied(void)
{
	char path[PATH_MAX];

	for (int completes = 0; completes < 2; completes++) {
		expect_int(start("a", 0, 6), REFUSAL_NONE);
		expect_int(put(0, "s3cret", 6), REFUSAL_NONE);
		snprintf(path, sizeof(path), "to/%s", transfer.temporary);
		expect_int(rename(path, "to/stolen"), 0);
		if (completes)
			expect(complete() != REFUSAL_NONE);
		else
			discard();
		expect_int(size_of("to/stolen"), 0);
		expect(strstr(logged, "the unfinished file still has a name, and is empty now"));
		expect(unlink("to/stolen") == 0);
	}
}

/* The server of NFS may report an error although it has renamed the file. */
TEST_F(with_transfer, placed_file_is_not_emptied)
{
	make_file("to/a", "old");
	expect_int(start("a", FORCE, 3), REFUSAL_NONE);
	expect_int(put(0, "new", 3), REFUSAL_NONE);
	rename_error = EIO;
	expect_int(complete(), REFUSAL_IO);
	rename_error = 0;
	expect(holds("to/a", "new"));
	expected_files = 1;
}

/* exfat-fuse and object stores have neither RENAME_NOREPLACE nor hard links. */
static void without_links(void)
{
	static const int errors[] = { EPERM, EOPNOTSUPP, ENOSYS };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		link_error = errors[i];
		expect_int(copy("a", 0, "text"), REFUSAL_NONE);
		expect(holds("to/a", "text"));
		/* A file that appears during the copy stays. */
		expect_int(unlink("to/a"), 0);
		expect_int(start("a", 0, 3), REFUSAL_NONE);
		expect_int(put(0, "new", 3), REFUSAL_NONE);
		make_file("to/a", "theirs");
		expect_int(complete(), REFUSAL_EXISTS);
		expect(holds("to/a", "theirs"));
		expect_int(unlink("to/a"), 0);
	}
	link_error = 0;
}

/* gcsfuse and blobfuse can rename a file only when it is closed. */
static void closed_before_it_is_renamed(void)
{
	claimed_type = 0x65735546; /* FUSE */
	link_error = ENOSYS;
	open_files_keep_their_name = true;
	expect_int(copy("a", 0, "text"), REFUSAL_NONE);
	expect_int(copy("a", FORCE, "new"), REFUSAL_NONE);
	expect(holds("to/a", "new"));
	open_files_keep_their_name = false;
	claimed_type = link_error = 0;
	expected_files = 1;
}

static void all(const char *how, int lacks)
{
	test_variant(with_transfer, whole_or_not_there, how, lacks);
	test_variant(with_transfer, umask_counts, how, lacks);
	test_variant(with_transfer, file_that_appears_meanwhile_stays, how, lacks);
	test_variant(with_transfer, overwrite, how, lacks);
	test_variant(with_transfer, made_directories_go_with_the_copy, how, lacks);
	test_variant(with_transfer, fewer_bytes_than_announced, how, lacks);
	test_variant(with_transfer, more_bytes_than_announced, how, lacks);
	test_variant(with_transfer, more_bytes_than_the_policy_allows, how, lacks);
	test_variant(with_transfer, errors_of_writing, how, lacks);
	test_variant(with_transfer, directory_that_cannot_be_synced, how, lacks);
	test_variant(with_transfer, attributes_that_cannot_be_set, how, lacks);
	test_variant(with_transfer_as_root, user_of_the_place, how, lacks);
	test_variant(with_transfer_as_root, owner_from_the_start, how, lacks);
	test_variant(with_transfer_as_root, owner_in_a_directory_of_all, how, lacks);
	test_variant(with_transfer, selinux_label, how, lacks);
	test_variant(with_transfer, file_size_limit, how, lacks);
	test_variant(in_mounts, file_system_without_a_size, how, lacks);
}

int main(void)
{
	all("unnamed file", 0);
	test_variant(with_transfer, notes_have_a_limit, "named files", NO_TMPFILE);
	test_variant(with_transfer, bytes_arrive_in_a_closed_file, "named files", NO_TMPFILE);
	test_variant(with_transfer, renamed_file_is_emptied, "named files", NO_TMPFILE);
	test_variant(with_transfer, placed_file_is_not_emptied, "named files", NO_TMPFILE);
	all("named file", NO_TMPFILE);
	test_variant(with_transfer, directories_of_a_file_that_cannot_be_removed, "", NO_TMPFILE);
	all("named file and hard link", NO_TMPFILE | NO_RENAMEAT2);
	test_variant(with_transfer, without_links, "named file", NO_TMPFILE | NO_RENAMEAT2);
	test_variant(with_transfer, closed_before_it_is_renamed, "named file",
		     NO_TMPFILE | NO_RENAMEAT2);
	run_tests();
}
