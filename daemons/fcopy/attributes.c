// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attributes.h"
#include "filesystem.h"
#include "identity.h"
#include "log.h"

#define ACL	    "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"
#define LABEL	    "security.selinux"

#define GROUP_BITS 070

enum refusal attributes_label(const struct settings *settings, int file, const char *path,
			      struct failure *failure)
{
	const char *label = settings->label;

	/*
	 * If the policy names no label, the kernel has already chosen the one
	 * that the directory demands.
	 */
	if (!label[0] || fsetxattr(file, LABEL, label, strlen(label) + 1, 0) == 0)
		return REFUSAL_NONE;
	/*
	 * EPERM means that SELinux is off. EOPNOTSUPP means that the file
	 * system stores no labels.
	 */
	if (errno != EPERM && errno != EOPNOTSUPP)
		return fail_errno(failure, errno, "selinux-label=%s", label);
	if (path)
		log_line(LOG_WARNING,
			 "%s: files cannot be labelled here: the copy ignores selinux-label", path);
	return REFUSAL_NONE;
}

/*
 * Whether @err of chown(2) means that the file system has one owner for all
 * files: FAT and exFAT, and some mounts of FUSE (exfat-fuse, sshfs) and of SMB.
 */
static bool has_no_owners(int fd, int err)
{
	if (err != -EPERM && err != -EINVAL && err != -EACCES && err != -ENOSYS &&
	    err != -EOPNOTSUPP)
		return false;
	switch (filesystem_type(fd)) {
	case MSDOS_SUPER_MAGIC:
	case EXFAT_SUPER_MAGIC:
	case FUSE_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/*
 * Whether a new file inherits from the file that it replaces; attributes.h
 * explains the rule. If the directory has an ACL, the group's bits of its mode
 * are the mask of the ACL.
 */
static bool inherits(const struct stat *replaced, const struct stat *dir)
{
	return S_ISREG(replaced->st_mode) && !(dir->st_mode & (S_IWGRP | S_IWOTH)) &&
	       (replaced->st_uid == 0 || replaced->st_uid == dir->st_uid);
}

/*
 * Change the owner and group of @fd, which may be O_PATH. The function passes
 * -1 for an id that does not change, because in a user namespace it may be an
 * id that nobody can set.
 */
static int change_owner(int fd, const struct stat *now, uid_t uid, gid_t gid)
{
	if (uid == now->st_uid && gid == now->st_gid)
		return 0;
	if (fchownat(fd, "", uid == now->st_uid ? (uid_t)-1 : uid,
		     gid == now->st_gid ? (gid_t)-1 : gid, AT_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

enum refusal attributes_owner(const struct settings *settings, const struct stat *created, int file,
			      int dir, const struct stat *replaced, const char *path,
			      struct failure *failure)
{
	struct stat st, in;
	uid_t uid;
	gid_t gid;
	int err;

	if (fstat(file, &st) < 0 || fstat(dir, &in) < 0)
		return fail_errno(failure, errno, "the owner");
	if (!settings->has_user && inherits(replaced, &in))
		created = replaced;
	uid = settings->has_user ? settings->identity.uid : created->st_uid;
	gid = settings->has_group ? settings->gid : created->st_gid;

	err = change_owner(file, &st, uid, gid);
	if (has_no_owners(file, err)) {
		if (path)
			log_line(LOG_WARNING,
				 "%s: this file system has no owners: the file "
				 "keeps user %u and group %u",
				 path, st.st_uid, st.st_gid);
		err = 0;
	}
	if (err)
		return fail_errno(failure, -err, "its owner would be user %u and group %u", uid,
				  gid);
	return REFUSAL_NONE;
}

/* An ACL in the format of posix_acl_xattr.h */
struct acl {
	size_t size;  /* 0: the file has none */
	mode_t group; /* the rights of the owning group, in the group's bits of a mode */
	mode_t mode;  /* the permission bits that stat(2) shows for it */
	unsigned char data[XATTR_SIZE_MAX];
};

static int parse_acl(struct acl *acl)
{
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entry;
	unsigned int user = 0, group = 0, mask = 07, other = 0;
	bool masked = false;

	if (acl->size < sizeof(header) || (acl->size - sizeof(header)) % sizeof(entry))
		return -EINVAL;
	memcpy(&header, acl->data, sizeof(header));
	if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION)
		return -EINVAL;
	for (size_t at = sizeof(header); at < acl->size; at += sizeof(entry)) {
		memcpy(&entry, acl->data + at, sizeof(entry));
		switch (le16toh(entry.e_tag)) {
		case ACL_USER_OBJ:
			user = le16toh(entry.e_perm) & 07;
			break;
		case ACL_GROUP_OBJ:
			group = le16toh(entry.e_perm) & 07;
			break;
		case ACL_MASK:
			mask = le16toh(entry.e_perm) & 07;
			masked = true;
			break;
		case ACL_OTHER:
			other = le16toh(entry.e_perm) & 07;
			break;
		}
	}
	acl->group = (group & mask) << 3;
	acl->mode = user << 6 | (masked ? mask : group) << 3 | other;
	return 0;
}

/*
 * Read an extended attribute of a file that is open with O_PATH. fgetxattr()
 * rejects such a descriptor. The link in /proc leads to the open file even if
 * another file has its name by now.
 */
static ssize_t get_attribute(int fd, const char *name, void *value, size_t size)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return getxattr(link, name, value, size);
}

static int read_acl(int fd, struct acl *acl)
{
	ssize_t n;

	acl->size = 0;
	n = get_attribute(fd, ACL, acl->data, sizeof(acl->data));
	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
	acl->size = n;
	return parse_acl(acl);
}

/* Remove the ACL that the default ACL of the directory gave to a new file. */
static int remove_acl(int file)
{
	if (fgetxattr(file, ACL, NULL, 0) < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
		return 0;
	return fremovexattr(file, ACL) < 0 && errno != ENODATA ? -errno : 0;
}

/*
 * Give @file the ACL of the replaced file, or none if that one has none.
 * @replaced is O_PATH, or -errno if it could not be opened. Returns the
 * permission bits to set: @mode, with fewer bits for the group after a failure.
 */
static mode_t inherit_acl(int file, int replaced, mode_t mode, const char *path)
{
	struct acl acl;
	int err;

	err = replaced < 0 ? replaced : read_acl(replaced, &acl);
	if (err) {
		/*
		 * If @mode has no group bits, the unread ACL gives the group
		 * nothing either, so there is nothing to warn about.
		 */
		if (mode & GROUP_BITS)
			log_line(LOG_WARNING,
				 "%s: cannot read the ACL of the replaced "
				 "file (%s): the group has no permission",
				 path, strerror(-err));
		mode &= ~GROUP_BITS;
	} else if (acl.size) {
		if (fsetxattr(file, ACL, acl.data, acl.size, 0) == 0)
			return mode;
		log_line(
			LOG_WARNING,
			"%s: cannot set the ACL of the replaced file (%s): "
			"only its owner, its group and others have the permissions that it gave them",
			path, strerror(errno));
		mode = (mode & ~GROUP_BITS) | acl.group;
	}

	err = remove_acl(file);
	if (err) {
		/* The group's bits are now the mask of that ACL. */
		log_line(LOG_WARNING,
			 "%s: cannot remove the ACL that its directory gave "
			 "it (%s): the group has no permission",
			 path, strerror(-err));
		mode &= ~GROUP_BITS;
	}
	return mode;
}

/*
 * Give @file the label of the replaced file, which is open with O_PATH. The
 * function only warns about a failure, and the copy continues.
 */
static void inherit_label(int file, int replaced, const char *path)
{
	char old[POLICY_LABEL_SIZE], new[POLICY_LABEL_SIZE];
	ssize_t n;

	n = get_attribute(replaced, LABEL, old, sizeof(old));
	if (n == 0 || (n < 0 && (errno == ENODATA || errno == EOPNOTSUPP)))
		return;
	if (n > 0) {
		if (fgetxattr(file, LABEL, new, sizeof(new)) == n && !memcmp(old, new, n))
			return;
		/* EPERM means that SELinux is off. */
		if (fsetxattr(file, LABEL, old, n, 0) == 0 || errno == EPERM)
			return;
	}
	log_line(LOG_WARNING,
		 "%s: cannot copy the label of the replaced file (%s): "
		 "the file keeps the label of a new file",
		 path, strerror(errno));
}

/*
 * Open the file that stat(2) described as @replaced, with O_PATH.
 *
 * Returns the descriptor or -errno. The error is -ESTALE if @name is another
 * file by now, or if somebody changed its owner or mode, because the ACL would
 * then not fit @replaced. It is also -ESTALE if the new file no longer
 * inherits().
 */
static int open_replaced(int dir, const char *name, const struct stat *replaced)
{
	struct stat st, in;
	int fd, err;

	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || fstat(dir, &in) < 0) {
		err = -errno;
		goto err_close;
	}
	err = -ESTALE;
	if (st.st_dev != replaced->st_dev || st.st_ino != replaced->st_ino ||
	    st.st_mode != replaced->st_mode || st.st_uid != replaced->st_uid ||
	    st.st_gid != replaced->st_gid || !inherits(&st, &in))
		goto err_close;
	return fd;

err_close:
	close(fd);
	return err;
}

static enum refusal set_mode(int file, mode_t mode, struct failure *failure)
{
	if (fchmod(file, mode) < 0)
		return fail_errno(failure, errno, "its permission bits would be 0%03o", mode);
	return REFUSAL_NONE;
}

/*
 * Give @file the permission bits, the ACL and the label of the replaced file,
 * except those that the policy names. The label comes last, because the SELinux
 * policy may forbid the daemon to change the mode of a file with that label.
 */
static enum refusal inherit(const struct settings *settings, int file, int dir, const char *name,
			    const struct stat *replaced, const char *path, struct failure *failure)
{
	enum refusal refusal;
	mode_t mode;
	int fd;

	fd = open_replaced(dir, name, replaced);
	if (settings->mode >= 0)
		mode = settings->mode & 0777;
	else
		mode = inherit_acl(file, fd, replaced->st_mode & 0777, path);
	refusal = set_mode(file, mode, failure);
	if (fd >= 0) {
		if (refusal == REFUSAL_NONE && !settings->label[0])
			inherit_label(file, fd, path);
		close(fd);
	}
	return refusal;
}

/*
 * Return the permission bits of a file that inherits none. A default ACL of the
 * directory counts in place of the umask, as in open(2).
 */
static mode_t new_mode(const struct settings *settings, int dir)
{
	struct acl acl;
	mode_t mask;
	ssize_t n;

	if (settings->mode >= 0)
		return settings->mode & 0777;
	n = fgetxattr(dir, DEFAULT_ACL, acl.data, sizeof(acl.data));
	acl.size = n > 0 ? n : 0;
	if (acl.size && parse_acl(&acl) == 0)
		return 0644 & acl.mode;
	mask = umask(0);
	umask(mask);
	return 0644 & ~mask;
}

enum refusal attributes_try(const struct settings *settings, const struct stat *created, int file,
			    int dir, const struct stat *replaced, struct failure *failure)
{
	enum refusal refusal;
	struct stat in;

	refusal = attributes_owner(settings, created, file, dir, replaced, NULL, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (fstat(dir, &in) < 0)
		return fail_errno(failure, errno, "the permission bits");
	return set_mode(file,
			settings->mode < 0 && inherits(replaced, &in) ? replaced->st_mode & 0777 :
									new_mode(settings, dir),
			failure);
}

enum refusal attributes_finish(const struct settings *settings, int file, int dir, const char *name,
			       const struct stat *replaced, const char *path,
			       struct failure *failure)
{
	struct stat in;

	if (fstat(dir, &in) < 0)
		return fail_errno(failure, errno, "the permission bits");
	if (inherits(replaced, &in))
		return inherit(settings, file, dir, name, replaced, path, failure);
	return set_mode(file, new_mode(settings, dir), failure);
}

/*
 * Check that the directory @dir is empty. Returns 0, -EBUSY or another -errno.
 */
static int check_empty(int dir)
{
	struct dirent *entry;
	int fd, err;
	DIR *stream;

	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	stream = fdopendir(fd);
	if (!stream) {
		err = -errno;
		close(fd);
		return err;
	}
	do {
		errno = 0;
		entry = readdir(stream);
	} while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
	err = entry ? -EBUSY : -errno;
	closedir(stream);
	return err;
}

int attributes_directory_owner(const struct settings *settings, int dir)
{
	struct stat st;
	int err;

	if (!settings->has_user && !settings->has_group)
		return 0;
	if (fstat(dir, &st) < 0)
		return -errno;
	/*
	 * A user who can write to the parent can move another directory to the
	 * name between mkdir() and open(). The user of the place owns the
	 * directory that the copy created, and it is empty. The link count
	 * cannot show that, because btrfs does not count directories in it. On
	 * a file system without owners each directory has the mount's owner,
	 * which nobody can change.
	 */
	if (st.st_uid != identity_uid())
		return has_no_owners(dir, -EPERM) ? 0 : -EBUSY;
	err = check_empty(dir);
	if (err)
		return err;
	err = change_owner(dir, &st, settings->has_user ? settings->identity.uid : st.st_uid,
			   settings->has_group ? settings->gid : st.st_gid);
	return has_no_owners(dir, err) ? 0 : err;
}
