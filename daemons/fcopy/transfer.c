// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "log.h"
#include "path.h"
#include "status.h"
#include "transfer.h"

/* Data is sent to the disk in steps of this many bytes, so that COMPLETE need not wait for all. */
#define FLUSH_STEP (8u << 20)

/* Looked at with every packet: reading the fine one leaves the VM, where its clock is no TSC. */
#define IDLE_CLOCK CLOCK_MONOTONIC_COARSE

void transfer_init(struct transfer *transfer, int state, const struct policy *policy)
{
	*transfer = (struct transfer){ .file = -1, .dir = -1, .state = state, .policy = policy };
}

static double seconds_since(const struct timespec *begun, clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (now.tv_sec - begun->tv_sec) + (now.tv_nsec - begun->tv_nsec) / 1e9;
}

uint64_t transfer_usec(const struct transfer *transfer)
{
	return seconds_since(&transfer->begun, CLOCK_MONOTONIC) * 1e6;
}

static struct log_copy copy_for_log(const struct transfer *transfer, enum log_event event, int error)
{
	return (struct log_copy){
		.event = event, .directory = transfer->directory, .name = transfer->name,
		.size = transfer->size, .received = transfer->received,
		.usec = transfer_usec(transfer), .error = error,
	};
}

bool transfer_is_idle(const struct transfer *transfer)
{
	return transfer_active(transfer) &&
	       seconds_since(&transfer->latest, IDLE_CLOCK) >= TRANSFER_IDLE_SECONDS;
}

/* May the target be put there? 0 also when nothing is there; else *st is what is. */
static int check_target(const struct transfer *transfer, struct stat *st)
{
	if (fstatat(transfer->dir, transfer->name, st, AT_SYMLINK_NOFOLLOW) < 0) {
		st->st_mode = 0;
		return errno == ENOENT ? 0 : -errno;
	}
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!(transfer->flags & TRANSFER_OVERWRITE))
		return -EEXIST;
	return S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ? 0 : -EACCES;
}

static int choose_temporary(struct transfer *transfer)
{
	int err = leftover_name(transfer->temporary);

	if (err)
		return err;
	err = leftover_note(transfer->state, transfer->dir, transfer->directory, 0,
			    transfer->temporary);
	if (err)
		log_line(LOG_WARNING, "%s/%s: cannot be noted in the state directory (%s): a crash "
			 "before it is complete would leave %s behind", transfer->directory,
			 transfer->name, strerror(-err), transfer->temporary);
	return 0;
}

static void note_created(struct transfer *transfer)
{
	int err;

	if (!transfer->created)
		return;
	err = leftover_name(transfer->made);
	if (!err)
		err = leftover_note(transfer->state, transfer->dir, transfer->directory,
				    transfer->created, transfer->made);
	if (err)
		log_line(LOG_WARNING, "%s: cannot be noted in the state directory (%s): a crash before the "
			 "copy is complete would leave it behind", transfer->directory, strerror(-err));
}

static void forget_created(struct transfer *transfer)
{
	if (transfer->made[0])
		leftover_forget(transfer->state, transfer->made);
	transfer->made[0] = '\0';
	transfer->created = 0;
}

static void forget_temporary(struct transfer *transfer)
{
	leftover_forget(transfer->state, transfer->temporary);
	transfer->temporary[0] = '\0';
}

static int open_file(struct transfer *transfer)
{
	int err;

	if (!(transfer->avoid & TRANSFER_AVOID_TMPFILE)) {
		transfer->file = openat(transfer->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
		if (transfer->file >= 0)
			return 0;
		/* EISDIR: a kernel or file system to which O_TMPFILE is just O_DIRECTORY */
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return -errno;
	}

	err = choose_temporary(transfer);
	if (err)
		return err;
	transfer->file = openat(transfer->dir, transfer->temporary,
				O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (transfer->file < 0) {
		err = -errno;
		forget_temporary(transfer);
	}
	return err;
}

static int set_owner(struct transfer *transfer, const struct stat *replaced)
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (fstat(transfer->file, &st) < 0)
		return -errno;
	/* What the policy leaves open is as the file was made, also when the one to replace has gone since. */
	if (transfer->uid == (uid_t)-1)
		transfer->uid = st.st_uid;
	if (transfer->gid == (gid_t)-1)
		transfer->gid = st.st_gid;
	uid = S_ISREG(replaced->st_mode) ? replaced->st_uid : transfer->uid;
	gid = S_ISREG(replaced->st_mode) ? replaced->st_gid : transfer->gid;
	if (st.st_uid == uid && st.st_gid == gid)
		return 0;
	return fchown(transfer->file, uid, gid) < 0 ? -errno : 0;
}

#define LABEL "security.selinux"

/*
 * The label that the policy names. Without one, the kernel has given the file what its directory
 * demands. EPERM: SELinux is off; EOPNOTSUPP: the file system has no labels of its own.
 */
static int set_label(struct transfer *transfer)
{
	int err;

	if (!transfer->label[0] ||
	    fsetxattr(transfer->file, LABEL, transfer->label, strlen(transfer->label) + 1, 0) == 0)
		return 0;
	err = -errno;
	if (err == -EPERM || err == -EOPNOTSUPP) {
		log_line(LOG_WARNING, "%s/%s: there are no labels here: selinux-label is left out",
			 transfer->directory, transfer->name);
		return 0;
	}
	log_line(LOG_ERR, "%s/%s: selinux-label=%s: %s", transfer->directory, transfer->name,
		 transfer->label, strerror(-err));
	return err;
}

/* That of the file that is replaced, where there are labels. What is not allowed is said, and no reason to fail. */
static void take_over_label(struct transfer *transfer)
{
	char path[NAME_BYTES + 32], old[POLICY_LABEL_SIZE], new[POLICY_LABEL_SIZE];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", transfer->dir, transfer->name);
	n = lgetxattr(path, LABEL, old, sizeof(old));
	if (n <= 0 || (fgetxattr(transfer->file, LABEL, new, sizeof(new)) == n && !memcmp(old, new, n)))
		return;
	if (fsetxattr(transfer->file, LABEL, old, n, 0) < 0 && errno != EPERM)
		log_line(LOG_WARNING, "%s/%s: cannot take over the label of the file that it replaces (%s), and has "
			 "that of its directory", transfer->directory, transfer->name, strerror(errno));
}

static int reserve(int file, uint64_t size, const struct policy *policy)
{
	struct statvfs fs;
	uint64_t keep;
	int r;

	/*
	 * fallocate() of more than there is takes all of it before it fails, and every other writer of
	 * the file system would see a full disk meanwhile: a claim that cannot be met must not try.
	 * Without blocks it has no size to compare with (ramfs, network and FUSE file systems).
	 */
	if (fstatvfs(file, &fs) == 0 && fs.f_blocks && fs.f_frsize) {
		if (size / fs.f_frsize > fs.f_bavail)
			return -ENOSPC;
		keep = policy->min_free / fs.f_frsize +
		       (uint64_t)fs.f_blocks / 100 * policy->min_free_percent +
		       (uint64_t)fs.f_blocks % 100 * policy->min_free_percent / 100;
		if (keep && fs.f_bavail - size / fs.f_frsize <= keep)
			return -ENOBUFS;
	}
	if (size == 0)
		return 0;
	do
		r = fallocate(file, 0, 0, size);
	while (r < 0 && errno == EINTR);
	/* Where room cannot be reserved, a full disk shows with a WRITE or at COMPLETE. */
	if (r < 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	return 0;
}

/* Returns whether nothing is left of it. */
static bool end(struct transfer *transfer, bool placed)
{
	bool clean = true;

	if (transfer->temporary[0]) {
		if (unlinkat(transfer->dir, transfer->temporary, 0) == 0 || errno == ENOENT) {
			forget_temporary(transfer);
		} else {
			log_line(LOG_WARNING, "cannot remove %s/%s: %s; the next start tries again",
				 transfer->directory, transfer->temporary, strerror(errno));
			transfer->temporary[0] = '\0';
			clean = false;
		}
	}
	if (transfer->file >= 0)
		close(transfer->file);
	if (transfer->dir >= 0) {
		if (!placed)
			path_remove_created(transfer->directory, transfer->dir, transfer->created);
		close(transfer->dir);
	}
	forget_created(transfer);
	transfer->file = -1;
	transfer->dir = -1;
	return clean;
}

void transfer_discard(struct transfer *transfer, int error, const char *reason)
{
	struct log_copy copy;
	bool clean;

	if (!transfer_active(transfer))
		return;
	clean = end(transfer, false);
	transfer->totals.failed++;
	copy = copy_for_log(transfer, LOG_LOST, error);
	log_copy(LOG_NOTICE, &copy, "%s after %" PRIu64 " of %" PRIu64 " bytes%s", reason,
		 transfer->received, transfer->size, clean ? "; nothing is left of it" : "");
}

int transfer_start(struct transfer *transfer, const char *directory, const char *name,
		   unsigned int flags, uint64_t size)
{
	unsigned int path_flags = 0;
	struct log_copy copy;
	size_t length;
	struct stat st;
	int err;

	transfer_discard(transfer, -ECANCELED, "given up by the host for another copy");

	transfer->flags = flags;
	transfer->mode = transfer->policy->mode;
	transfer->uid = transfer->policy->uid;
	transfer->gid = transfer->policy->gid;
	memcpy(transfer->label, transfer->policy->label, sizeof(transfer->label));
	transfer->size = size;
	transfer->received = 0;
	transfer->flushed = 0;
	clock_gettime(CLOCK_MONOTONIC, &transfer->begun);
	clock_gettime(IDLE_CLOCK, &transfer->latest);
	snprintf(transfer->name, sizeof(transfer->name), "%s", name);
	snprintf(transfer->directory, sizeof(transfer->directory), "%s", directory);
	for (length = strlen(transfer->directory);
	     length && transfer->directory[length - 1] == '/'; length--)
		transfer->directory[length - 1] = '\0';

	err = -EFBIG;
	if (size > INT64_MAX)
		goto err_refused;
	err = -EMSGSIZE;
	if (size > transfer->policy->max_size)
		goto err_refused;

	if (flags & TRANSFER_CREATE_PATH)
		path_flags |= PATH_CREATE;
	if (transfer->avoid & TRANSFER_AVOID_OPENAT2)
		path_flags |= PATH_WALK;
	err = path_open_directory(directory, path_flags, transfer->policy, &transfer->created);
	if (err < 0)
		goto err_refused;
	transfer->dir = err;
	note_created(transfer);

	err = check_target(transfer, &st);
	if (err)
		goto err_refused;
	err = open_file(transfer);
	if (err)
		goto err_refused;
	err = set_label(transfer);
	if (err)
		goto err_refused;
	/*
	 * It is the owner's quota that the room is taken from. But a file that has a name stays root's
	 * until it is in place: its owner could open it, give it more names, and change it later.
	 */
	if (!transfer->temporary[0]) {
		err = set_owner(transfer, &st);
		if (err)
			goto err_refused;
	}
	err = reserve(transfer->file, size, transfer->policy);
	if (err)
		goto err_refused;

	copy = copy_for_log(transfer, LOG_STARTED, 0);
	log_copy(LOG_INFO, &copy, "receiving %" PRIu64 " bytes", size);
	return 0;

err_refused:
	end(transfer, false);
	transfer->totals.failed++;
	copy = copy_for_log(transfer, LOG_REFUSED, err);
	log_copy(LOG_NOTICE, &copy, "refused: %s", status_reason(err));
	return err;
}

int transfer_write(struct transfer *transfer, uint64_t offset, const void *data, size_t size)
{
	const char *from = data;
	int err;

	err = -EINVAL;
	if (offset > transfer->size || size > transfer->size - offset ||
	    offset > transfer->received)
		goto err_discard;

	while (size) {
		ssize_t n = pwrite(transfer->file, from, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : -EIO;
		if (n <= 0)
			goto err_discard;
		from += n;
		offset += n;
		size -= n;
	}
	if (offset > transfer->received)
		transfer->received = offset;

	if (transfer->received - transfer->flushed >= FLUSH_STEP) {
		/* Only a hint: what fails here fails again in fsync(). */
		sync_file_range(transfer->file, transfer->flushed,
				transfer->received - transfer->flushed, SYNC_FILE_RANGE_WRITE);
		transfer->flushed = transfer->received;
	}
	clock_gettime(IDLE_CLOCK, &transfer->latest);
	return 0;

err_discard:
	transfer_discard(transfer, err, status_reason(err));
	return err;
}

/* After set_owner(), which clears bits of it */
static int set_mode(struct transfer *transfer, const struct stat *replaced)
{
	mode_t mode = 0644, mask;

	mask = umask(0);
	umask(mask);
	mode &= ~mask;
	if (transfer->mode >= 0)
		mode = transfer->mode;
	if (S_ISREG(replaced->st_mode))
		mode = replaced->st_mode & 0777;
	return fchmod(transfer->file, mode) < 0 ? -errno : 0;
}

static int link_file(int file, int dir, const char *name)
{
	char proc[32];

	/* Without /proc, but with CAP_DAC_READ_SEARCH */
	if (linkat(file, "", dir, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -errno;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", file);
	return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int rename_to_new(struct transfer *transfer)
{
	/* 1: RENAME_NOREPLACE, which stdio.h has only since glibc 2.28 */
	if (!(transfer->avoid & TRANSFER_AVOID_NOREPLACE)) {
		if (syscall(SYS_renameat2, transfer->dir, transfer->temporary, transfer->dir,
			    transfer->name, 1u) == 0)
			return 0;
		if (errno != EINVAL && errno != ENOSYS)
			return -errno;
	}
	if (linkat(transfer->dir, transfer->temporary, transfer->dir, transfer->name, 0) < 0)
		return errno == EPERM ? -EOPNOTSUPP : -errno;
	/* Its temporary name goes with end(). */
	return 0;
}

/*
 * Who can write to the directory can put something else there under the temporary name, but no more
 * than he could do to the file itself; that it is the file that came is looked at all the same.
 */
static int check_temporary(const struct transfer *transfer)
{
	struct stat file, named;

	if (fstat(transfer->file, &file) < 0 ||
	    fstatat(transfer->dir, transfer->temporary, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return path_same_file(&file, &named) ? 0 : -EIO;
}

/* One step that either puts the whole file there or changes nothing. */
static int place(struct transfer *transfer)
{
	int err;

	if (!transfer->temporary[0]) {
		err = link_file(transfer->file, transfer->dir, transfer->name);
		if (err != -EEXIST || !(transfer->flags & TRANSFER_OVERWRITE))
			return err;
		/* Only rename() replaces, and it needs a name to rename. */
		err = choose_temporary(transfer);
		if (err)
			return err;
		err = link_file(transfer->file, transfer->dir, transfer->temporary);
		if (err) {
			forget_temporary(transfer);
			return err;
		}
	}

	err = check_temporary(transfer);
	if (err)
		return err;
	if (!(transfer->flags & TRANSFER_OVERWRITE))
		err = rename_to_new(transfer);
	else if (renameat(transfer->dir, transfer->temporary, transfer->dir, transfer->name) < 0)
		err = -errno;
	else
		err = 0;
	return err;
}

int transfer_complete(struct transfer *transfer)
{
	struct log_copy copy;
	struct stat replaced;
	double seconds;
	int err;

	err = -EBADMSG;
	if (transfer->received != transfer->size)
		goto err_discard;
	err = check_target(transfer, &replaced);
	if (err)
		goto err_discard;
	err = set_owner(transfer, &replaced);
	if (!err)
		err = set_mode(transfer, &replaced);
	if (err)
		goto err_discard;
	if (S_ISREG(replaced.st_mode))
		take_over_label(transfer);
	if (fsync(transfer->file) < 0) {
		err = -errno;
		goto err_discard;
	}
	err = place(transfer);
	if (err)
		goto err_discard;

	err = path_sync_directory(transfer->dir);
	end(transfer, true);
	if (err) {
		log_line(LOG_WARNING, "%s/%s: in place, but its directory may not be on the disk: %s",
			 transfer->directory, transfer->name, strerror(-err));
		return err;
	}
	transfer->totals.files++;
	transfer->totals.bytes += transfer->size;
	copy = copy_for_log(transfer, LOG_RECEIVED, 0);
	seconds = copy.usec / 1e6;
	log_copy(LOG_INFO, &copy, "received %" PRIu64 " bytes in %.3f s, %.1f MB/s", transfer->size,
		 seconds, seconds > 0 ? transfer->size / seconds / 1e6 : 0.0);
	return 0;

err_discard:
	transfer_discard(transfer, err, status_reason(err));
	return err;
}
