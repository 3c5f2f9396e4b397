// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "filesystem.h"
#include "log.h"
#include "path.h"
#include "places.h"

const struct place *places_find(const struct policy *policy, const char *path)
{
	const struct place *found = NULL;

	if (!policy->count)
		return &policy->everywhere;
	for (size_t i = 0; i < policy->count; i++)
		if (place_covers(&policy->places[i], path) &&
		    (!found || strlen(policy->places[i].path) > strlen(found->path)))
			found = &policy->places[i];
	return found;
}

enum refusal places_open(const struct place *place, int *dir, struct failure *failure)
{
	enum refusal refusal;
	struct path path;

	refusal = path_resolve(place->path, 0, &path, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (*path.missing) {
		close(path.dir);
		return refusal_set(failure, REFUSAL_MISSING, "[%s] (%s)", place_name(place),
				   place->source);
	}
	*dir = path.dir;
	return REFUSAL_NONE;
}

/* A directory by its device and inode */
struct spot {
	dev_t device;
	ino_t inode;
};

/*
 * Find out the device and inode of a directory. The call does not trigger an
 * automount, and does not ask the server of a network file system.
 */
static bool find_spot(const char *path, struct spot *spot)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_INO, &st) < 0 ||
	    !S_ISDIR(st.stx_mode))
		return false;
	spot->device = makedev(st.stx_dev_major, st.stx_dev_minor);
	spot->inode = st.stx_ino;
	return true;
}

/* A directory, and the directories above it up to the root */
struct chain {
	size_t count;
	struct spot spots[PATH_MAX / 2];
};

/* Fill in @chain from @dir upwards. Returns 0 or -errno. */
static int climb(int dir, struct chain *chain)
{
	int at = openat(dir, ".", PATH_STEP), parent, err = 0;
	const struct spot *last = NULL;
	struct stat st;

	chain->count = 0;
	for (;;) {
		if (at < 0 || fstat(at, &st) < 0) {
			err = -errno;
			break;
		}
		/* The root is above itself. */
		if (last && last->device == st.st_dev && last->inode == st.st_ino)
			break;
		if (chain->count == sizeof(chain->spots) / sizeof(chain->spots[0])) {
			err = -ENAMETOOLONG;
			break;
		}
		chain->spots[chain->count] = (struct spot){ st.st_dev, st.st_ino };
		last = &chain->spots[chain->count++];
		parent = openat(at, "..", PATH_STEP);
		close(at);
		at = parent;
	}
	if (at >= 0)
		close(at);
	return err;
}

/* Return how far above the directory of @chain another one is, or -1. */
static int find_in(const struct chain *chain, dev_t device, ino_t inode)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->spots[i].device == device && chain->spots[i].inode == inode)
			return i;
	return -1;
}

/* Return how far above the directory of @chain @path is, or -1. */
static int find_above(const struct chain *chain, const char *path)
{
	struct spot spot;

	return find_spot(path, &spot) ? find_in(chain, spot.device, spot.inode) : -1;
}

/*
 * Whether @dir is in a file system that configures the kernel or talks to
 * devices. devtmpfs reports itself as tmpfs, so check_kernel() recognizes it
 * by /dev.
 */
static bool is_kernel_fs(int dir)
{
	static const unsigned long magics[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		BPF_FS_MAGIC,
		BINFMTFS_MAGIC,
		DEVPTS_SUPER_MAGIC,
		EFIVARFS_MAGIC,
		PSTOREFS_MAGIC,
		SELINUX_MAGIC,
		SMACK_MAGIC,
		NSFS_MAGIC,
		HUGETLBFS_MAGIC,
		RDTGROUP_SUPER_MAGIC,
		0x62656570 /* configfs */,
		0x65735543 /* fusectl */,
		0x19800202 /* mqueue */,
		0x67596969 /* rpc_pipefs */,
		0xabba1974 /* xenfs */,
		0x0a647361 /* functionfs */,
		0x76a9f425 /* ocfs2_dlmfs */,
		0x6e667364 /* nfsd */,
		0x5a3c69f0 /* apparmorfs */,
		0xaee71ee7 /* gadgetfs */,
		0x6c6f6f70 /* binderfs */,
	};
	uint32_t type = filesystem_type(dir);

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (type == (uint32_t)magics[i])
			return true;
	return !type;
}

/*
 * Refuse a directory that belongs to the kernel, and fill in its @chain. The
 * function climbs from @dir to the root, because a name on the way down could
 * deceive it.
 */
static enum refusal check_kernel(int dir, const char *directory, struct chain *chain,
				 struct failure *failure)
{
	static const char *const tops[] = { "/proc", "/sys", "/dev" };
	struct stat root, top;
	int err;

	if (is_kernel_fs(dir))
		return refusal_set(failure, REFUSAL_KERNEL, "%s/", directory);
	err = climb(dir, chain);
	if (!err && stat("/", &root) < 0)
		err = -errno;
	if (err)
		return fail_errno(failure, -err, "%s/", directory);
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		if (stat(tops[i], &top) < 0)
			continue;
		if (find_in(chain, top.st_dev, top.st_ino) >= 0)
			return refusal_set(failure, REFUSAL_KERNEL, "%s/", directory);
		/*
		 * The file system of /dev may have a second mount, for instance
		 * in a chroot.
		 */
		if (top.st_dev != root.st_dev && top.st_dev == chain->spots[0].device)
			return refusal_set(failure, REFUSAL_KERNEL,
					   "%s/ is in the file system of %s", directory, tops[i]);
	}
	/* Above a detached mount, ".." leads nowhere. */
	if (find_in(chain, root.st_dev, root.st_ino) < 0)
		return refusal_set(failure, REFUSAL_MISSING, "%s/ is in a detached mount",
				   directory);
	return REFUSAL_NONE;
}

/* Replace the escapes of mountinfo, such as \040 for a blank, in @text. */
static void unescape(char *text)
{
	unsigned int c;
	char *to = text;

	while (*text) {
		if (sscanf(text, "\\%3o", &c) == 1) {
			*to++ = c;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/*
 * Find the device of the file system that @path would be on, without a look at
 * @path. Returns false if it is not known: the directories of btrfs have other
 * devices than their file system.
 */
static bool find_device(const char *path, dev_t *device)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	unsigned int major, minor;
	char *line = NULL, *type, point[PATH_MAX];
	size_t size = 0, deepest = 0;
	bool found = false;

	while (mounts && getline(&line, &size, mounts) > 0) {
		type = strstr(line, " - ");
		if (!type || sscanf(line, "%*d %*d %u:%u %*s %4095s", &major, &minor, point) != 3)
			continue;
		unescape(point);
		if (!strcmp(point, "/"))
			*point = '\0';
		/* A later mount at the same place hides the earlier one. */
		if (!path_is_below(path, point) || strlen(point) < deepest)
			continue;
		deepest = strlen(point);
		*device = makedev(major, minor);
		found = strncmp(type, " - btrfs ", 9) != 0;
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return found;
}

/*
 * Whether the directory of @chain can be in @other. The other places do not
 * matter, and a copy must not wait for their disks.
 */
static bool may_be_in(const struct place *other, const struct place *place,
		      const struct chain *chain)
{
	dev_t device;

	if (other == place || !place_covers(place, other->path))
		return false;
	if (!find_device(other->path, &device))
		return true;
	for (size_t i = 0; i < chain->count; i++)
		if (chain->spots[i].device == device)
			return true;
	return false;
}

/*
 * Find the place that the directory of @chain is really in, among @place and
 * the places below it.
 */
static const struct place *find_real(const struct policy *policy, const struct place *place,
				     const struct chain *chain)
{
	int nearest = find_above(chain, place_name(place)), distance;
	const struct place *found = nearest < 0 ? NULL : place;

	for (size_t i = 0; i < policy->count; i++) {
		const struct place *other = &policy->places[i];

		if (!may_be_in(other, place, chain))
			continue;
		distance = find_above(chain, other->path);
		/* Of two names for one directory, the deeper one decides. */
		if (distance >= 0 && (!found || distance <= nearest)) {
			nearest = distance;
			found = other;
		}
	}
	return found;
}

/*
 * Return the section that names the existing file @name in @dir, the directory
 * of @chain, by whatever name, among those of places below @place.
 */
static const struct place *find_file(const struct policy *policy, const struct place *place,
				     const struct chain *chain, int dir, const char *name)
{
	struct stat file, named;

	if (strchr(name, '/') || fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	for (size_t i = 0; i < policy->count; i++) {
		const struct place *other = &policy->places[i];

		if (!may_be_in(other, place, chain))
			continue;
		if (fstatat(AT_FDCWD, other->path, &named, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) ==
			    0 &&
		    path_same_file(&file, &named))
			return other;
	}
	return NULL;
}

/*
 * Whether the target @below the directory of @chain is @path, is in it, or
 * would create it. @path need not exist.
 */
static bool is_at(const char *path, const struct chain *chain, const char *below)
{
	const char *name = strrchr(path, '/');
	char parent[PATH_MAX] = ".";

	if (find_above(chain, path) >= 0)
		return true;
	if (name && snprintf(parent, sizeof(parent), "%.*s/", (int)(name - path), path) >=
			    (int)sizeof(parent))
		return false;
	return path_is_below(below, name ? name + 1 : path) && find_above(chain, parent) == 0;
}

/*
 * Replace the path of a link by the path that it leads to, which need not
 * exist. Returns whether @path was a link.
 */
static bool follow(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/'), target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *to = n > 0 && *target != '/' && slash ? slash + 1 : path;

	if (n < 0 || n >= path + PATH_MAX - to)
		return false;
	memcpy(to, target, n);
	to[n] = '\0';
	return true;
}

/* is_at() for @path, and for each path that it leads to as a link */
static bool is_own(const char *path, const struct chain *chain, const char *below)
{
	unsigned int links = 0;
	char at[PATH_MAX];

	snprintf(at, sizeof(at), "%s", path);
	do {
		if (is_at(at, chain, below))
			return true;
	} while (follow(at) && ++links < LINKS_MAX);
	return false;
}

/* is_own() for a directory of drop-ins, and for the links in it */
static bool is_own_folder(const char *folder, const struct chain *chain, const char *below)
{
	bool own = is_own(folder, chain, below);
	DIR *entries = own ? NULL : opendir(folder);
	struct dirent *entry;
	char path[PATH_MAX];

	if (!entries)
		return own;
	while (!own && (entry = readdir(entries)))
		own = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) <
			      (int)sizeof(path) &&
		      follow(path) && is_own(path, chain, below);
	closedir(entries);
	return own;
}

/*
 * Refuse the files that limit the host: a host that may write to them could
 * remove every limit. They are fcopyd.conf and its drop-ins, those of the unit,
 * and the places of units and of AppArmor's profiles.
 */
static enum refusal check_own(const struct policy *policy, const struct chain *chain,
			      const char *directory, const char *below, struct failure *failure)
{
	static const char *const own[] = {
		"/etc/systemd", "/run/systemd",		  "/usr/lib/systemd",
		"/lib/systemd", "/usr/local/lib/systemd", "/etc/apparmor.d",
	};
	char folder[PATH_MAX];
	bool is_conf = false;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (is_own(own[i], chain, below))
			return refusal_set(failure, REFUSAL_RULE,
					   "%s/%s is in %s, which can remove the limits of "
					   "fcopyd.conf",
					   directory, below, own[i]);
		snprintf(folder, sizeof(folder), "%s/system/hv-fcopyd.service.d", own[i]);
		is_conf |= is_own_folder(folder, chain, below);
	}
	if (policy->file) {
		snprintf(folder, sizeof(folder), "%s.d", policy->file);
		is_conf |=
			is_own(policy->file, chain, below) || is_own_folder(folder, chain, below);
	}
	if (is_conf)
		return refusal_set(failure, REFUSAL_RULE,
				   "%s/%s belongs to the configuration of hv-fcopyd", directory,
				   below);
	return REFUSAL_NONE;
}

enum refusal places_confirm(const struct policy *policy, const struct place *place, int dir,
			    const char *directory, const char *below, struct failure *failure)
{
	const struct place *real;
	enum refusal refusal;
	struct chain chain;

	refusal = check_kernel(dir, directory, &chain, failure);
	if (refusal != REFUSAL_NONE || !policy->count)
		return refusal;
	real = find_real(policy, place, &chain);
	if (!real)
		return refusal_set(failure, REFUSAL_RULE, "%s/ is no longer in [%s] (%s)",
				   directory, place_name(place), place->source);
	if (real == place) {
		const struct place *file = find_file(policy, place, &chain, dir, below);

		real = file ? file : place;
	}
	if (real != place)
		return refusal_set(failure, REFUSAL_RULE,
				   "%s/%s is also in [%s] (%s), under another name", directory,
				   below, place_name(real), real->source);
	return check_own(policy, &chain, directory, below, failure);
}

static void warn_about(const struct place *place)
{
	char text[FAILURE_DETAIL + 256];
	struct failure failure;
	enum refusal refusal;
	struct chain chain;
	int dir;

	refusal = places_open(place, &dir, &failure);
	if (refusal == REFUSAL_NONE) {
		refusal = check_kernel(dir, place->path, &chain, &failure);
		close(dir);
	}
	if (refusal == REFUSAL_NONE)
		return;
	failure_text(&failure, text, sizeof(text));
	/* The details of these name the section again. */
	log_line(LOG_WARNING, "%s: the host can write nothing in [%s]: %s", place->source,
		 place_name(place),
		 refusal == REFUSAL_MISSING || refusal == REFUSAL_KERNEL ? refusal_words(refusal) :
									   text);
}

void places_warn(const struct policy *policy)
{
	for (size_t i = 0; i < policy->count; i++)
		if (policy->places[i].enable)
			warn_about(&policy->places[i]);
}
