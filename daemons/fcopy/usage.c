// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "path.h"
#include "usage.h"

/* Each level of directories needs a descriptor while the function counts. */
#define DEPTH_MAX 128

struct usage {
	const struct place *place;
	dev_t device;	   /* whose directories the walk enters */
	uint64_t more;	   /* files and directories that the copy creates */
	uint64_t replaced; /* bytes of the file that the copy replaces */
	uint64_t files;
	uint64_t bytes;
};

/* Return the bytes that were counted, without those of the replaced file. */
static uint64_t bytes_kept(const struct usage *usage)
{
	return usage->bytes < usage->replaced ? 0 : usage->bytes - usage->replaced;
}

/*
 * A walk ends when it has found more than the limits. max-files= does not limit
 * a copy that only replaces a file.
 */
static bool is_over(const struct usage *usage)
{
	return (usage->more && usage->files > usage->place->max_files) ||
	       bytes_kept(usage) > usage->place->max_total;
}

static int count_below(int dir, unsigned int depth, struct usage *usage);

/* Count the entry @name of the directory @dir, and what is below it. */
static int count_entry(int dir, const char *name, int type, unsigned int depth, struct usage *usage)
{
	struct statx st;
	dev_t device;
	int below;

	usage->files++;
	/* SELinux lets the daemon examine no device. */
	if (type == DT_CHR || type == DT_BLK)
		return 0;
	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_SIZE, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISREG(st.stx_mode))
		usage->bytes += st.stx_size;
	device = makedev(st.stx_dev_major, st.stx_dev_minor);
	if (!S_ISDIR(st.stx_mode) || device != usage->device)
		return 0;
	if (depth == DEPTH_MAX)
		return -ENAMETOOLONG;
	below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (below < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	return count_below(below, depth + 1, usage);
}

/* Count everything below @dir, and close it. Returns 0 or -errno. */
static int count_below(int dir, unsigned int depth, struct usage *usage)
{
	DIR *stream = fdopendir(dir);
	struct dirent *entry;
	int err = 0;

	if (!stream) {
		err = -errno;
		close(dir);
		return err;
	}
	while (!err && !is_over(usage)) {
		errno = 0;
		entry = readdir(stream);
		if (!entry) {
			err = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			err = count_entry(dirfd(stream), entry->d_name, entry->d_type, depth,
					  usage);
	}
	closedir(stream);
	return err;
}

/*
 * Open the highest directory of the file system that @dir is on (O_PATH), but
 * none above @place. Returns it, -ENOENT if it is @place, or -errno.
 */
static int open_top(int dir, const struct stat *place)
{
	int at = openat(dir, ".", PATH_STEP), above, err = -ENOENT;
	struct stat here, st;

	if (at < 0)
		return -errno;
	for (;;) {
		above = openat(at, "..", PATH_STEP);
		if (above < 0 || fstat(at, &here) < 0 || fstat(above, &st) < 0) {
			err = -errno;
			break;
		}
		if (path_same_file(&here, place))
			break;
		if (st.st_dev != here.st_dev || path_same_file(&here, &st)) {
			close(above);
			return at;
		}
		close(at);
		at = above;
	}
	if (above >= 0)
		close(above);
	close(at);
	return err;
}

/*
 * Count everything below @top (O_PATH) that is on its file system. Returns 0 or
 * -errno.
 */
static int count_file_system(int top, struct usage *usage)
{
	struct stat st;
	int dir;

	if (fstat(top, &st) < 0)
		return -errno;
	dir = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	usage->device = st.st_dev;
	return count_below(dir, 0, usage);
}

/*
 * Count the file system of the place, and that of the target if the target is
 * on another one.
 */
static enum refusal count(struct usage *usage, const struct destination *to,
			  struct failure *failure)
{
	enum refusal refusal;
	struct stat place;
	int at = -1, err;

	refusal = places_open(usage->place, &at, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	err = fstat(at, &place) < 0 ? -errno : count_file_system(at, usage);
	close(at);
	if (!err) {
		at = open_top(to->dir, &place);
		if (at >= 0) {
			err = count_file_system(at, usage);
			close(at);
		} else if (at != -ENOENT) {
			err = at;
		}
	}
	if (err)
		return fail_errno(failure, -err, "the files in [%s] (%s) cannot be counted",
				  place_name(usage->place), usage->place->source);
	return REFUSAL_NONE;
}

static enum refusal check_place(const struct place *place, const struct destination *to,
				uint64_t announced, uint64_t *left, struct failure *failure)
{
	struct usage usage = {
		.place = place,
		.more = path_components(to->missing) + !to->target.st_mode,
		.replaced = S_ISREG(to->target.st_mode) ? (uint64_t)to->target.st_size : 0,
	};
	enum refusal refusal;
	uint64_t bytes;

	refusal = count(&usage, to, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (usage.more &&
	    (usage.files >= place->max_files || usage.more > place->max_files - usage.files))
		return refusal_set(failure, REFUSAL_MAX_FILES, "[%s] (%s) may have %" PRIu64,
				   place_name(place), place->source, place->max_files);
	bytes = bytes_kept(&usage);
	if (bytes > place->max_total || announced > place->max_total - bytes)
		return refusal_set(failure, REFUSAL_MAX_TOTAL, "[%s] (%s) may have %" PRIu64,
				   place_name(place), place->source, place->max_total);
	if (place->max_total != UINT64_MAX && place->max_total - bytes < *left)
		*left = place->max_total - bytes;
	return REFUSAL_NONE;
}

enum refusal usage_check(const struct policy *policy, const struct destination *to,
			 uint64_t announced, uint64_t *left, struct failure *failure)
{
	enum refusal refusal = REFUSAL_NONE;

	*left = UINT64_MAX;
	for (size_t i = 0; i < policy->count && refusal == REFUSAL_NONE; i++) {
		const struct place *place = &policy->places[i];

		if (place_covers(place, to->place->path) &&
		    (place->max_total != UINT64_MAX || place->max_files != UINT64_MAX))
			refusal = check_place(place, to, announced, left, failure);
	}
	return refusal;
}
