// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filesystem.h"
#include "log.h"
#include "path.h"
#include "transfer.h"
#include "usage.h"

/*
 * The daemon writes data to the disk in steps while the data arrives. Each step
 * waits for the one before, so little is left for COMPLETE, which the host
 * repeats if it gets no answer within 60 seconds. The size of a step adapts to
 * the disk, so that a step takes a fraction of that time. On overlayfs
 * sync_file_range(2) does nothing, and the server of a network file system may
 * write nothing before fsync(2). There a step is fdatasync(2).
 */
#define STEP_FIRST	(1u << 20)
#define STEP_MIN	(128u << 10)
#define STEP_MAX	(16u << 20)
#define STEP_SLOW_MSEC	2000
#define STEP_QUICK_MSEC 250

/* min-free=default keeps at most this many inodes free. */
#define INODES_KEPT 1000

void transfer_init(struct transfer *transfer, int journal, const struct policy *policy,
		   _Atomic uint64_t *id)
{
	memset(transfer, 0, sizeof(*transfer));
	transfer->file = -1;
	transfer->to.dir = -1;
	transfer->journal = journal;
	transfer->policy = policy;
	transfer->id = id;
}

static const struct settings *settings_of(const struct transfer *transfer)
{
	return &transfer->to.place->settings;
}

/*
 * Write a note as the daemon. @name receives its name. Without the note a crash
 * would leave @what.
 */
static void note(struct transfer *transfer, enum journal_kind kind, char name[JOURNAL_NAME_SIZE],
		 const char *what)
{
	const struct identity *identity = identity_current();
	unsigned int made = kind == JOURNAL_DIRECTORIES ? transfer->to.created : 0;
	int err;

	journal_name(*transfer->id, kind, name);
	identity_assume(NULL);
	err = journal_note(transfer->journal, transfer->to.dir, transfer->to.directory, made, name);
	identity_resume(identity);
	if (err)
		log_line(LOG_WARNING,
			 "%s: cannot write its note to the state directory (%s), so a crash would "
			 "leave %s behind",
			 transfer->path, strerror(-err), what);
}

static void forget_note(struct transfer *transfer, const char *name, bool keep)
{
	const struct identity *identity = identity_current();

	identity_assume(NULL);
	if (keep)
		journal_keep(transfer->journal, name);
	else
		journal_forget(transfer->journal, name);
	identity_resume(identity);
}

static void forget_temporary(struct transfer *transfer)
{
	forget_note(transfer, transfer->temporary, false);
	transfer->temporary[0] = '\0';
}

static void forget_created(struct transfer *transfer)
{
	if (transfer->made[0])
		forget_note(transfer, transfer->made, false);
}

/*
 * Whether a file without a name can become the target later. link_file() needs
 * after COMPLETE could leave an empty file under the target's name.
 */
static bool may_be_unnamed(int dir)
{
	return filesystem_type(dir) != BTRFS_SUPER_MAGIC && access("/proc/self/fd", X_OK) == 0;
}

/* Remember the owner that the kernel gave to the new file. */
static enum refusal remember_file(struct transfer *transfer, struct failure *failure)
{
	if (fstat(transfer->file, &transfer->created) < 0)
		return fail_errno(failure, errno, "%s", transfer->path);
	return REFUSAL_NONE;
}

/* Create the file with the temporary name. */
static enum refusal open_named(struct transfer *transfer, struct failure *failure)
{
	transfer->file = openat(transfer->to.dir, transfer->temporary,
				O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (transfer->file >= 0)
		return remember_file(transfer, failure);
	fail_errno(failure, errno, "%s/%s", transfer->to.directory, transfer->temporary);
	forget_temporary(transfer);
	return failure->refusal;
}

static enum refusal open_aside(struct transfer *transfer, struct failure *failure)
{
	int dir = transfer->to.dir;

	if (may_be_unnamed(dir)) {
		transfer->file = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
		if (transfer->file >= 0)
			return remember_file(transfer, failure);
		/*
		 * EISDIR means that this kernel or file system knows O_TMPFILE
		 * only as O_DIRECTORY.
		 */
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return fail_errno(failure, errno, "%s/", transfer->to.directory);
	}

	if (destination_is_append_only(&transfer->to))
		return refusal_set(
			failure, REFUSAL_IMMUTABLE,
			"%s/ is append-only (lsattr), and the file needs a temporary name in it",
			transfer->to.directory);
	note(transfer, JOURNAL_FILE, transfer->temporary, transfer->temporary);
	return open_named(transfer, failure);
}

/* Return the bytes of a file system that min-free keeps free. */
static uint64_t bytes_kept(const struct settings *settings, const struct statvfs *fs)
{
	uint64_t size = (uint64_t)fs->f_blocks * fs->f_frsize;
	uint64_t share = size / 100 * settings->min_free_percent +
			 size % 100 * settings->min_free_percent / 100;

	if (settings->min_free_default)
		return share < settings->min_free ? share : settings->min_free;
	return share > settings->min_free ? share : settings->min_free;
}

/*
 * Check whether @size more bytes fit. The function accepts every size on a file
 * system that reports no blocks, such as ramfs and some network and FUSE file
 * systems.
 */
static enum refusal check_room(int file, uint64_t size, const struct settings *settings,
			       struct failure *failure)
{
	struct statvfs fs;
	uint64_t available, kept;

	if (fstatvfs(file, &fs) < 0 || !fs.f_blocks || !fs.f_frsize)
		return REFUSAL_NONE;
	available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (size > available)
		return refusal_set(failure, REFUSAL_DISK_FULL,
				   "%" PRIu64 " bytes needed, %" PRIu64 " free", size, available);
	kept = bytes_kept(settings, &fs);
	if (available - size < kept)
		return refusal_set(failure, REFUSAL_MIN_FREE,
				   "%" PRIu64 " bytes needed, %" PRIu64 " free, %" PRIu64
				   " of them kept free",
				   size, available, kept);
	return REFUSAL_NONE;
}

/* Return the inodes of a file system that min-free keeps free. */
static uint64_t inodes_kept(const struct settings *settings, const struct statvfs *fs)
{
	uint64_t share = fs->f_files / 100 * POLICY_MIN_FREE_PERCENT;

	if (!settings->min_free_default && settings->min_free_percent)
		return fs->f_files / 100 * settings->min_free_percent;
	if (!settings->min_free_default && !settings->min_free)
		return 0;
	return share < INODES_KEPT ? share : INODES_KEPT;
}

/*
 * Check that empty files and new directories leave inodes. The copy has already
 * created its own. Some file systems have no limit and report no number.
 */
static enum refusal check_inodes(int file, const struct settings *settings, struct failure *failure)
{
	struct statvfs fs;
	uint64_t kept;

	if (fstatvfs(file, &fs) < 0 || !fs.f_files)
		return REFUSAL_NONE;
	kept = inodes_kept(settings, &fs);
	if (fs.f_favail < kept)
		return refusal_set(failure, REFUSAL_MIN_FREE,
				   "%" PRIu64 " inodes free, %" PRIu64 " of them kept free",
				   (uint64_t)fs.f_favail, kept);
	return REFUSAL_NONE;
}

/*
 * Whether a reservation may occupy memory. The upper layer of an overlay may be
 * in memory, too.
 */
static bool may_be_in_memory(int file)
{
	switch (filesystem_type(file)) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static bool is_on_fuse(int file)
{
	return filesystem_type(file) == FUSE_SUPER_MAGIC;
}

/* Whether sync_file_range(2) leaves most of the work to fsync(2) */
static bool needs_whole_sync(int file)
{
	switch (filesystem_type(file)) {
	case OVERLAYFS_SUPER_MAGIC:
	case NFS_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/*
 * Reserve space for the announced size. The function first checks that there is
 * enough: fallocate() of too much occupies all free space before it fails, and
 * other programs would see a full disk meanwhile. Without FALLOC_FL_KEEP_SIZE
 * FAT would fill the file with zeros.
 */
static enum refusal reserve(struct transfer *transfer, struct failure *failure)
{
	uint64_t size = transfer->announced;
	enum refusal refusal;
	int r;

	refusal = check_inodes(transfer->file, settings_of(transfer), failure);
	if (refusal == REFUSAL_NONE)
		refusal = check_room(transfer->file, size, settings_of(transfer), failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (!size || may_be_in_memory(transfer->file))
		return REFUSAL_NONE;
	do
		r = fallocate(transfer->file, FALLOC_FL_KEEP_SIZE, 0, size);
	while (r < 0 && errno == EINTR);
	/*
	 * If the file system cannot reserve space, a WRITE or COMPLETE fails on
	 * a full disk.
	 */
	if (r < 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return fail_errno(failure, errno, "%" PRIu64 " bytes needed", size);
	return REFUSAL_NONE;
}

/*
 * Empty the file if it has a name other than the target's. A user who owns the
 * directory could have renamed the file, or the daemon may not be able to
 * remove it. Its bytes and its reserved space must not stay. The file may have
 * the target's name although rename(2) reported an error.
 */
static void empty_unplaced(struct transfer *transfer)
{
	struct stat file, named;

	/* place() may have closed the file. */
	if (fstat(transfer->file, &file) < 0 || !file.st_nlink || !S_ISREG(file.st_mode))
		return;
	if (fstatat(transfer->to.dir, transfer->to.name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    path_same_file(&file, &named))
		return;
	if (ftruncate(transfer->file, 0) == 0)
		log_line(LOG_WARNING,
			 "%s: the unfinished file still has a name, "
			 "and is empty now",
			 transfer->path);
}

/*
 * End the copy. Unless its file has been @placed, remove the file and the
 * directories that the copy created.
 */
static void end(struct transfer *transfer, bool placed)
{
	bool named = transfer->temporary[0];

	transfer->left = false;

	if (transfer->temporary[0]) {
		if (unlinkat(transfer->to.dir, transfer->temporary, 0) == 0) {
			/*
			 * The note may be on another disk, and must not vanish
			 * before the file does.
			 */
			path_sync_directory(transfer->to.dir);
			forget_temporary(transfer);
		} else if (errno == ENOENT) {
			forget_temporary(transfer);
		} else {
			log_line(LOG_WARNING,
				 "%s/%s cannot be removed: %s; the daemon tries again later",
				 transfer->to.directory, transfer->temporary, strerror(errno));
			forget_note(transfer, transfer->temporary, true);
			transfer->temporary[0] = '\0';
			transfer->left = true;
		}
	}
	if (named && !placed && transfer->file >= 0)
		empty_unplaced(transfer);
	if (transfer->file >= 0)
		close(transfer->file);
	transfer->file = -1;
	destination_close(&transfer->to, !placed);
	/* If the file stays, journal_clean() removes it and its directories. */
	if (!transfer->left)
		forget_created(transfer);
	else if (transfer->made[0])
		forget_note(transfer, transfer->made, true);
	transfer->made[0] = '\0';
}

void transfer_discard(struct transfer *transfer)
{
	if (transfer_active(transfer))
		end(transfer, false);
}

/* End the copy if @refusal is one. */
static enum refusal end_refused(struct transfer *transfer, enum refusal refusal)
{
	if (refusal != REFUSAL_NONE)
		transfer_discard(transfer);
	return refusal;
}

void transfer_name(const struct destination_request *request, char path[TRANSFER_FILE_SIZE])
{
	size_t n = strlen(request->path);

	snprintf(path, TRANSFER_FILE_SIZE, "%s%s", request->path,
		 (!n || request->path[n - 1] == '/') && !request->name_fault ? request->name : "");
}

static void name_place(struct transfer *transfer)
{
	const struct destination *to = &transfer->to;

	if (*to->name &&
	    snprintf(transfer->path, sizeof(transfer->path), "%s/%s%s%s", to->directory,
		     to->missing, *to->missing ? "/" : "", to->name) >= (int)sizeof(transfer->path))
		strcpy(transfer->path + sizeof(transfer->path) - sizeof("..."), "...");
}

static enum refusal check_announced(const struct transfer *transfer, struct failure *failure)
{
	struct rlimit limit;

	if (transfer->announced > INT64_MAX)
		return refusal_set(failure, REFUSAL_TOO_LARGE, "%" PRIu64 " bytes",
				   transfer->announced);
	/* fallocate() with FALLOC_FL_KEEP_SIZE does not look at this limit. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && transfer->announced > limit.rlim_cur)
		return refusal_set(failure, REFUSAL_TOO_LARGE,
				   "%" PRIu64 " bytes, and RLIMIT_FSIZE is %" PRIu64,
				   transfer->announced, (uint64_t)limit.rlim_cur);
	return REFUSAL_NONE;
}

/* Check the announced size against the limits of the place. */
static enum refusal check_limits(struct transfer *transfer, struct failure *failure)
{
	uint64_t max_size = settings_of(transfer)->max_size;

	if (transfer->announced > max_size)
		return refusal_set(failure, REFUSAL_MAX_SIZE,
				   "%" PRIu64 " of at most %" PRIu64 " bytes", transfer->announced,
				   max_size);
	return usage_check(transfer->policy, &transfer->to, transfer->announced,
			   &transfer->max_bytes, failure);
}

/*
 * Find the target's directory, and work as the user of its place from now on.
 */
static enum refusal find_destination(struct transfer *transfer,
				     const struct destination_request *request,
				     struct failure *failure)
{
	enum refusal refusal;
	int err;

	refusal = destination_resolve(request, transfer->policy, &transfer->to, failure);
	name_place(transfer);
	if (refusal != REFUSAL_NONE)
		return refusal;
	refusal = check_limits(transfer, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	err = identity_assume(settings_identity(settings_of(transfer)));
	return err ? fail_errno(failure, -err, "cannot become user %s",
				settings_of(transfer)->identity.name) :
		     REFUSAL_NONE;
}

/* Create the target's directory if necessary, and check the target. */
static enum refusal open_destination(struct transfer *transfer,
				     const struct destination_request *request,
				     struct failure *failure)
{
	bool missing = *transfer->to.missing;
	enum refusal refusal;

	refusal = destination_make(&transfer->to, transfer->policy, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (transfer->to.created)
		note(transfer, JOURNAL_DIRECTORIES, transfer->made, "its directories");
	return missing ? destination_check_target(&transfer->to, request->force, failure) :
			 REFUSAL_NONE;
}

static enum refusal set_owner(struct transfer *transfer, struct failure *failure)
{
	return attributes_owner(settings_of(transfer), &transfer->created, transfer->file,
				transfer->to.dir, &transfer->to.target, transfer->path, failure);
}

/*
 * Create the file with a temporary name anew. When the first one got its owner
 * and mode, a user could open or link it, to read or change it later. The new
 * file gets them when all of its bytes are there.
 */
static enum refusal begin_anew(struct transfer *transfer, struct failure *failure)
{
	enum refusal refusal;

	close(transfer->file);
	transfer->file = -1;
	/* The name can be missing, because a user renamed the file. */
	if (unlinkat(transfer->to.dir, transfer->temporary, 0) < 0 && errno != ENOENT)
		return fail_errno(failure, errno, "%s/%s", transfer->to.directory,
				  transfer->temporary);
	refusal = open_named(transfer, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	return attributes_label(settings_of(transfer), transfer->file, NULL, failure);
}

/* Create the file where no user sees it, and reserve its space. */
static enum refusal begin_file(struct transfer *transfer, struct failure *failure)
{
	const struct settings *settings = settings_of(transfer);
	enum refusal refusal = open_aside(transfer, failure);

	if (refusal == REFUSAL_NONE)
		refusal = attributes_label(settings, transfer->file, transfer->path, failure);
	/*
	 * Set owner and mode, so that the host learns before the data that the
	 * file system refuses them. The reservation of a file without a name
	 * then counts towards the owner's quota.
	 */
	if (refusal == REFUSAL_NONE)
		refusal = attributes_try(settings, &transfer->created, transfer->file,
					 transfer->to.dir, &transfer->to.target, failure);
	if (refusal == REFUSAL_NONE && transfer->temporary[0])
		refusal = begin_anew(transfer, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	transfer->whole = needs_whole_sync(transfer->file);
	return reserve(transfer, failure);
}

enum refusal transfer_start(struct transfer *transfer, const struct destination_request *request,
			    uint64_t announced, struct failure *failure)
{
	enum refusal refusal;
	int err;

	transfer->force = request->force;
	transfer->announced = announced;
	transfer->received = 0;
	transfer->flushed = transfer->written_back = 0;
	transfer->step = STEP_FIRST;
	transfer->whole = false;
	transfer_name(request, transfer->path);

	refusal = check_announced(transfer, failure);
	err = journal_id(transfer->id);
	if (refusal == REFUSAL_NONE && err)
		refusal = fail_errno(failure, -err, "a random name");
	if (refusal == REFUSAL_NONE)
		refusal = find_destination(transfer, request, failure);
	if (refusal == REFUSAL_NONE)
		refusal = open_destination(transfer, request, failure);
	if (refusal == REFUSAL_NONE)
		refusal = begin_file(transfer, failure);
	if (refusal != REFUSAL_NONE)
		end(transfer, false);
	return refusal;
}

static enum refusal check_write(const struct transfer *transfer, uint64_t offset, size_t size,
				struct failure *failure)
{
	uint64_t max_size = settings_of(transfer)->max_size;

	if (offset + size > max_size)
		return refusal_set(failure, REFUSAL_MAX_SIZE,
				   "%" PRIu64 " bytes were announced, and more than %" PRIu64
				   " arrived",
				   transfer->announced, max_size);
	if (offset + size > transfer->max_bytes)
		return refusal_set(failure, REFUSAL_MAX_TOTAL,
				   "%" PRIu64 " bytes were announced, and more than %" PRIu64
				   " arrived",
				   transfer->announced, transfer->max_bytes);
	return REFUSAL_NONE;
}

/*
 * Check that there is space for bytes up to @end that the host did not
 * announce.
 */
static enum refusal check_growth(const struct transfer *transfer, uint64_t end,
				 struct failure *failure)
{
	if (end <= transfer->announced || end <= transfer->received)
		return REFUSAL_NONE;
	return check_room(transfer->file, end - transfer->received, settings_of(transfer), failure);
}

/* Choose the size of the next step from the time that the last one took. */
static void choose_step(struct transfer *transfer)
{
	struct timespec now;
	double msec;

	clock_gettime(CLOCK_MONOTONIC, &now);
	msec = (now.tv_sec - transfer->step_begun.tv_sec) * 1e3 +
	       (now.tv_nsec - transfer->step_begun.tv_nsec) / 1e6;
	if (msec > STEP_SLOW_MSEC && transfer->step > STEP_MIN)
		transfer->step /= 2;
	else if (msec < STEP_QUICK_MSEC && transfer->step < STEP_MAX)
		transfer->step *= 2;
}

/*
 * Wait until the last step is on the disk, and choose the size of the next one.
 * The kernel reports an error of the disk only once, here or in fsync(), so the
 * function must not drop any error. Returns 0 or -errno.
 */
static int finish_step(struct transfer *transfer)
{
	uint64_t size = transfer->flushed - transfer->written_back;

	if (!size)
		return 0;
	if (sync_file_range(transfer->file, transfer->written_back, size,
			    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				    SYNC_FILE_RANGE_WAIT_AFTER) < 0)
		return -errno;
	transfer->written_back = transfer->flushed;
	choose_step(transfer);
	return 0;
}

static int sync_whole(struct transfer *transfer, uint64_t end)
{
	clock_gettime(CLOCK_MONOTONIC, &transfer->step_begun);
	if (fdatasync(transfer->file) < 0)
		return -errno;
	transfer->flushed = transfer->written_back = end;
	choose_step(transfer);
	return 0;
}

static int begin_step(struct transfer *transfer, uint64_t end)
{
	int err;

	if (transfer->whole)
		return sync_whole(transfer, end);
	err = finish_step(transfer);
	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC, &transfer->step_begun);
	if (sync_file_range(transfer->file, transfer->flushed, end - transfer->flushed,
			    SYNC_FILE_RANGE_WRITE) < 0)
		return -errno;
	transfer->flushed = end;
	return 0;
}

/* Write all of @data. Returns 0 or -errno. */
static int write_all(int file, const unsigned char *data, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(file, data, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		offset += n;
		size -= n;
	}
	return 0;
}

static enum refusal write_data(struct transfer *transfer, uint64_t offset, const void *data,
			       size_t size, struct failure *failure)
{
	enum refusal refusal = check_write(transfer, offset, size, failure);
	int err;

	if (refusal == REFUSAL_NONE)
		refusal = check_growth(transfer, offset + size, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	err = write_all(transfer->file, data, size, offset);
	if (!err && offset + size > transfer->received)
		transfer->received = offset + size;
	if (!err && transfer->received >= transfer->flushed + transfer->step)
		err = begin_step(transfer, transfer->received);
	return err ? fail_errno(failure, -err, "%s", transfer->path) : REFUSAL_NONE;
}

enum refusal transfer_write(struct transfer *transfer, uint64_t offset, const void *data,
			    size_t size, struct failure *failure)
{
	return end_refused(transfer, write_data(transfer, offset, data, size, failure));
}

static int link_file(int file, int dir, const char *name)
{
	char proc[32];

	/* This call needs CAP_DAC_READ_SEARCH, but not /proc. */
	if (linkat(file, "", dir, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -errno;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", file);
	return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int rename_to_new(const struct transfer *transfer)
{
	int dir = transfer->to.dir;
	struct stat st;

	/* 1 is RENAME_NOREPLACE; stdio.h defines it only since glibc 2.28. */
	if (syscall(SYS_renameat2, dir, transfer->temporary, dir, transfer->to.name, 1u) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* end() removes the temporary name. */
	if (linkat(dir, transfer->temporary, dir, transfer->to.name, 0) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
		return -errno;
	/*
	 * This file system has neither, as exFAT and object stores on FUSE, so
	 * another file could appear between the check and rename().
	 */
	if (fstatat(dir, transfer->to.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (errno != ENOENT)
		return -errno;
	return renameat(dir, transfer->temporary, dir, transfer->to.name) < 0 ? -errno : 0;
}

static int rename_to(const struct transfer *transfer)
{
	int dir = transfer->to.dir;

	if (!transfer->force)
		return rename_to_new(transfer);
	return renameat(dir, transfer->temporary, dir, transfer->to.name) < 0 ? -errno : 0;
}

/*
 * Close the file, and keep its place in the transfer with the descriptor of the
 * directory. Returns 0 or -errno.
 */
static int close_file(struct transfer *transfer)
{
	int err = close(transfer->file) < 0 ? -errno : 0;

	/* The close has made room for this one. */
	transfer->file = fcntl(transfer->to.dir, F_DUPFD_CLOEXEC, 0);
	return err;
}

/*
 * Check that the temporary name still belongs to the file of this copy. A user
 * who can write to the directory can give that name to another file. The user
 * gains nothing by that, but the daemon must not report to the host that the
 * file is in place.
 */
static int check_temporary(const struct transfer *transfer)
{
	struct stat file, named;

	if (fstat(transfer->file, &file) < 0 ||
	    fstatat(transfer->to.dir, transfer->temporary, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return path_same_file(&file, &named) ? 0 : -EIO;
}

/* Give the file its name, in one step that either succeeds or has no effect. */
static int place(struct transfer *transfer)
{
	int dir = transfer->to.dir, err;

	if (!transfer->temporary[0]) {
		err = link_file(transfer->file, dir, transfer->to.name);
		if (err != -EEXIST || !transfer->force)
			return err;
		/* Only rename() replaces a file, and it needs an old name. */
		note(transfer, JOURNAL_FILE, transfer->temporary, transfer->temporary);
		err = link_file(transfer->file, dir, transfer->temporary);
		if (err) {
			forget_temporary(transfer);
			return err;
		}
	}
	err = check_temporary(transfer);
	if (err)
		return err;
	err = rename_to(transfer);
	if (!err || err == -EEXIST || !is_on_fuse(transfer->file))
		return err;
	/* Some object stores on FUSE cannot rename a file that is open. */
	err = close_file(transfer);
	return err ? err : rename_to(transfer);
}

/* Check the file again, and write all of it to the disk. */
static enum refusal finish_file(struct transfer *transfer, struct failure *failure)
{
	enum refusal refusal;

	if (transfer->received < transfer->announced)
		return refusal_set(failure, REFUSAL_INCOMPLETE,
				   "%" PRIu64 " of %" PRIu64 " bytes arrived", transfer->received,
				   transfer->announced);
	refusal = destination_check_target(&transfer->to, transfer->force, failure);
	if (refusal == REFUSAL_NONE)
		refusal = set_owner(transfer, failure);
	if (refusal == REFUSAL_NONE)
		refusal = attributes_finish(settings_of(transfer), transfer->file, transfer->to.dir,
					    transfer->to.name, &transfer->to.target, transfer->path,
					    failure);
	if (refusal == REFUSAL_NONE && fsync(transfer->file) < 0)
		refusal = fail_errno(failure, errno, "%s", transfer->path);
	return refusal;
}

enum refusal transfer_finish(struct transfer *transfer, struct failure *failure)
{
	return end_refused(transfer, finish_file(transfer, failure));
}

/*
 * Check that the directory is still where it was, because the disk may have
 * needed a long time for the data, and give the file its name.
 */
static enum refusal place_file(struct transfer *transfer, struct failure *failure)
{
	enum refusal refusal;
	int err;

	refusal = destination_confirm(&transfer->to, transfer->policy, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	err = place(transfer);
	return err ? fail_errno(failure, -err, "%s", transfer->path) : REFUSAL_NONE;
}

enum refusal transfer_place(struct transfer *transfer, struct failure *failure)
{
	return end_refused(transfer, place_file(transfer, failure));
}

enum refusal transfer_end(struct transfer *transfer, struct failure *failure)
{
	int err = path_sync_directory(transfer->to.dir);

	end(transfer, true);
	if (!err)
		return REFUSAL_NONE;
	fail_errno(failure, -err, "%s/", transfer->to.directory);
	failure->refusal = REFUSAL_NOT_DURABLE;
	return failure->refusal;
}
