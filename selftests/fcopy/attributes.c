// SPDX-License-Identifier: GPL-2.0-only
/* Test each rule of attributes.h for owner, mode, ACL and label of a file. */
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "../../daemons/fcopy/attributes.h"
#include "fcopy_test.h"
#include "test_log.h"

#define ACL	    "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"
#define LABEL	    "security.selinux"

static struct settings settings = SETTINGS_DEFAULTS;
static struct failure failure;
static const struct stat nothing;

/*
 * These replace the results of file systems that this machine lacks; 0 keeps
 * the kernel's result.
 */
static int chown_error, acl_set_error, acl_remove_error, label_error;
static long magic;
static unsigned int chown_calls;

/*
 * A file system without checks returns this as an ACL; NULL keeps the kernel's
 * result.
 */
static const unsigned char *acl_read;
static size_t acl_read_size;

int fchown(int fd, uid_t uid, gid_t gid)
{
	chown_calls++;
	errno = chown_error;
	return chown_error ? -1 : syscall(SYS_fchown, fd, uid, gid);
}

int fchownat(int dir, const char *name, uid_t uid, gid_t gid, int flags)
{
	chown_calls++;
	errno = chown_error;
	return chown_error ? -1 : syscall(SYS_fchownat, dir, name, uid, gid, flags);
}

int fstatfs(int fd, struct statfs *fs)
{
	int r = syscall(SYS_fstatfs, fd, fs);

	if (magic)
		fs->f_type = magic;
	return r;
}

ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
	if (acl_read && !strcmp(name, ACL) && size >= acl_read_size) {
		memcpy(value, acl_read, acl_read_size);
		return acl_read_size;
	}
	return syscall(SYS_getxattr, path, name, value, size);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	int error = !strcmp(name, LABEL) ? label_error : !strcmp(name, ACL) ? acl_set_error : 0;

	if (error) {
		errno = error;
		return -1;
	}
	return syscall(SYS_fsetxattr, fd, name, value, size, flags);
}

int fremovexattr(int fd, const char *name)
{
	if (acl_remove_error && !strcmp(name, ACL)) {
		errno = acl_remove_error;
		return -1;
	}
	return syscall(SYS_fremovexattr, fd, name);
}

/* Every test works on the directory to/ and on the file "new" in it. */
static int dir, file;

/* Create a file as the daemon creates one under a temporary name. */
static int create(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	expect(fd >= 0);
	return fd;
}

static void begin_in(const char *place)
{
	settings = (struct settings)SETTINGS_DEFAULTS;
	logged[0] = '\0';
	chown_error = acl_set_error = acl_remove_error = label_error = 0;
	magic = 0;
	acl_read = NULL;
	mkdir("to", 0755);
	dir = open("to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect(dir >= 0);
	file = create(place);
	chown_calls = 0;
}

static void begin(void)
{
	begin_in("to/new");
}

static void finish(void)
{
	close(file);
	close(dir);
}

/* Start another file in the same directory. */
static void begin_again(void)
{
	finish();
	expect(unlink("to/new") == 0);
	begin();
}

static enum refusal set_owner(const struct stat *replaced)
{
	struct stat created;

	expect(fstat(file, &created) == 0);
	return attributes_owner(&settings, &created, file, dir, replaced, "/to/a", &failure);
}

static enum refusal set_rest(const char *name, const struct stat *replaced)
{
	return attributes_finish(&settings, file, dir, name, replaced, "/to/a", &failure);
}

static enum refusal set_label(void)
{
	return attributes_label(&settings, file, "/to/a", &failure);
}

/* Make to/a, the file that is replaced. */
static struct stat make_old(uid_t uid, gid_t gid, mode_t mode)
{
	make_file("to/a", "old");
	/* chown() clears set-user-id. */
	expect(geteuid() != 0 || syscall(SYS_fchownat, AT_FDCWD, "to/a", uid, gid, 0) == 0);
	expect(chmod("to/a", mode) == 0);
	return stat_of("to/a");
}

static void expect_owner_of(int fd, uid_t uid, gid_t gid)
{
	struct stat st;

	expect(fstat(fd, &st) == 0);
	expect_int(st.st_uid, uid);
	expect_int(st.st_gid, gid);
}

static void expect_owner(uid_t uid, gid_t gid)
{
	expect_owner_of(file, uid, gid);
}

static void expect_mode(mode_t mode)
{
	struct stat st;

	expect(fstat(file, &st) == 0);
	expect_int(st.st_mode & 07777, mode);
}

#define expect_quiet()	     expect(!logged[0])
#define expect_logged(words) expect(strstr(logged, words) != NULL)

/*
 * acl(5) and posix_acl_xattr.h describe the format of an ACL: version 2 in four
 * bytes, then entries of tag (2 bytes), permissions (2) and id (4). All numbers
 * are little-endian.
 */
#define NO_ID		 0xff, 0xff, 0xff, 0xff
#define VERSION		 2, 0, 0, 0
#define USER_OBJ(perm)	 0x01, 0, perm, 0, NO_ID
#define USER_1000(perm)	 0x02, 0, perm, 0, 0xe8, 0x03, 0, 0
#define GROUP_OBJ(perm)	 0x04, 0, perm, 0, NO_ID
#define GROUP_1000(perm) 0x08, 0, perm, 0, 0xe8, 0x03, 0, 0
#define MASK(perm)	 0x10, 0, perm, 0, NO_ID
#define OTHER(perm)	 0x20, 0, perm, 0, NO_ID

/* stat(2) shows a mode of 0674, but the owning group can only read. */
static const unsigned char acl_of_old[] = { VERSION,	   USER_OBJ(6), USER_1000(7), GROUP_OBJ(4),
					    GROUP_1000(2), MASK(7),	OTHER(4) };

/* Return whether the new file has exactly that ACL. */
static bool has_acl(const unsigned char *acl, size_t size)
{
	unsigned char have[1024];

	return fgetxattr(file, ACL, have, sizeof(have)) == (ssize_t)size &&
	       !memcmp(have, acl, size);
}

static bool has_no_acl(void)
{
	return fgetxattr(file, ACL, NULL, 0) < 0 && (errno == ENODATA || errno == EOPNOTSUPP);
}

/* Expect that the new file gets these permission bits, and no ACL. */
static void expect_no_acl(const struct stat *old, mode_t mode)
{
	expect_int(set_rest("a", old), REFUSAL_NONE);
	expect_mode(mode);
	expect(has_no_acl());
}

static struct stat set_old_acl(const unsigned char *acl, size_t size)
{
	expect(setxattr("to/a", ACL, acl, size, 0) == 0);
	return stat_of("to/a");
}

static void begin_on_tmpfs(void)
{
	mount_tmpfs("mnt", "mode=755");
	expect(chdir("mnt") == 0);
	make_file("probe", "");
	need_mount(setxattr("probe", ACL, acl_of_old, sizeof(acl_of_old), 0) == 0);
	begin();
	expect(chown("to", 1001, 0) == 0);
}

/* A tmpfs that has ACLs */
static const struct fixture on_tmpfs = {
	.own_mounts = true,
	.to_mount =
		"run this outside of a container, on a kernel with CONFIG_TMPFS_POSIX_ACL, CONFIG_TMPFS_XATTR and selinux=0",
	.begin = begin_on_tmpfs,
	.end = finish,
};
static const struct fixture new_file = { .begin = begin, .end = finish };
static const struct fixture new_file_as_root = { .root = true, .begin = begin, .end = finish };

/* Owner and group */

TEST_F(new_file_as_root, owner_that_a_policy_names)
{
	settings.has_user = true;
	settings.identity.uid = 65534;
	settings.gid = 65533; /* which has no effect without has_group */
	expect_int(set_owner(&nothing), REFUSAL_NONE);
	expect_owner(65534, getegid());
	settings.has_group = true;
	expect_int(set_owner(&nothing), REFUSAL_NONE);
	expect_owner(65534, 65533);
	/* It has both now. */
	chown_calls = 0;
	expect_int(set_owner(&nothing), REFUSAL_NONE);
	expect_int(chown_calls, 0);
	expect_quiet();
}

TEST_F(new_file_as_root, owner_of_the_replaced_file)
{
	struct stat old;

	expect(chown("to", 1001, 0) == 0);
	old = make_old(1001, 1002, 0644);
	expect_int(set_owner(&old), REFUSAL_NONE);
	expect_owner(1001, 1002);
	chown_calls = 0;
	expect_int(set_owner(&old), REFUSAL_NONE);
	expect_int(chown_calls, 0);
	/* What the policy names wins. */
	settings.has_user = true;
	settings.identity.uid = settings.gid = 65534;
	expect_int(set_owner(&old), REFUSAL_NONE);
	/* The user decides about the group, too, so it stays. */
	expect_owner(65534, 1002);
	settings.has_group = true;
	expect_int(set_owner(&old), REFUSAL_NONE);
	expect_owner(65534, 65534);
	expect_quiet();
}

TEST_F(new_file_as_root, owner_of_a_replaced_link_does_not_count)
{
	struct stat old;

	expect(symlink("/etc/passwd", "to/a") == 0 && lchown("to/a", 1001, 1002) == 0);
	old = stat_of("to/a");
	expect_int(set_owner(&old), REFUSAL_NONE);
	expect_owner(0, 0);
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect_mode(0644);
	expect_quiet();
}

/*
 * A user who can write to the directory could create the target first, even
 * after START.
 */
TEST_F(new_file_as_root, who_can_be_the_owner)
{
	static const struct {
		mode_t mode;
		uid_t directory, old;
		bool inherits;
	} cases[] = {
		{ 0755, 0, 0, true },	    { 0755, 1001, 0, true },
		{ 0755, 1001, 1001, true }, { 01755, 1001, 1001, true },
		{ 0755, 0, 1001, false },   { 0755, 1001, 1002, false },
		{ 0775, 0, 0, false }, /* the group can write to it */
		{ 02775, 0, 1001, false },  { 0757, 1001, 1001, false }, /* others can */
		{ 01777, 0, 0, false },	    { 01777, 0, 1001, false },
	};
	struct stat old;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int before = current_failed();

		expect(chown("to", cases[i].directory, 0) == 0 && chmod("to", cases[i].mode) == 0);
		old = make_old(cases[i].old, 1002, 0666);
		expect_int(set_owner(&old), REFUSAL_NONE);
		expect_owner(cases[i].inherits ? cases[i].old : 0, cases[i].inherits ? 1002 : 0);
		expect_int(set_rest("a", &old), REFUSAL_NONE);
		expect_mode(cases[i].inherits ? 0666 : 0644);
		if (current_failed() && !before)
			ksft_print_msg("case %zu\n", i);
		expect(unlink("to/a") == 0);
		begin_again();
	}
}

TEST_F(new_file, file_system_without_owners)
{
	static const long without[] = { 0x4d44, 0x2011BAB0, 0x65735546, 0xff534d42, 0xfe534d42 };
	static const int errors[] = { EPERM, EINVAL, EACCES, ENOSYS, EOPNOTSUPP };

	settings.has_user = true;
	settings.identity.uid = geteuid() + 1;
	for (int i = 0; i < 25; i++) {
		logged[0] = '\0';
		magic = without[i / 5];
		chown_error = errors[i % 5];
		expect_int(set_owner(&nothing), REFUSAL_NONE);
		expect_logged("/to/a: this file system has no owners: ");
		expect_owner(geteuid(), getegid());
	}
	/* Another error counts there, too, */
	logged[0] = '\0';
	chown_error = EROFS;
	expect_int(set_owner(&nothing), REFUSAL_READ_ONLY);
	/* and these two count on another file system. */
	magic = 0xEF53;
	chown_error = EPERM;
	expect_int(set_owner(&nothing), REFUSAL_ACCESS);
	expect_int(failure.refusal, REFUSAL_ACCESS);
	expect_int(failure.error, EPERM);
	chown_error = EINVAL;
	expect_int(set_owner(&nothing), REFUSAL_OTHER);
	chown_error = EDQUOT;
	expect_int(set_owner(&nothing), REFUSAL_QUOTA);
	expect_quiet();
}

/* ACLs */

TEST_F(on_tmpfs, acl_of_the_replaced_file)
{
	struct stat old;

	make_old(1001, 1002, 0644);
	old = set_old_acl(acl_of_old, sizeof(acl_of_old));
	expect_int(old.st_mode & 0777, 0674);
	expect_int(set_owner(&old), REFUSAL_NONE);
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect(has_acl(acl_of_old, sizeof(acl_of_old)));
	expect_mode(0674);
	expect_owner(1001, 1002);
	expect_quiet();
}

TEST_F(on_tmpfs, acl_in_a_sticky_directory_does_not_count)
{
	struct stat old;

	expect(chmod("to", 01777) == 0);
	make_old(1001, 1002, 0644);
	old = set_old_acl(acl_of_old, sizeof(acl_of_old));
	expect_no_acl(&old, 0644);
	expect_quiet();
}

/* The new file is in a file system that has no ACLs. */
TEST_F(on_tmpfs, acl_that_cannot_be_set)
{
	static const struct {
		unsigned char acl[4 + 5 * 8];
		mode_t shown, mode;
	} cases[] = {
		{ { VERSION, USER_OBJ(6), USER_1000(6), GROUP_OBJ(4), MASK(6), OTHER(0) },
		  0660,
		  0640 },
		{ { VERSION, USER_OBJ(6), USER_1000(6), GROUP_OBJ(0), MASK(6), OTHER(0) },
		  0660,
		  0600 },
		{ { VERSION, USER_OBJ(7), USER_1000(7), GROUP_OBJ(7), MASK(5), OTHER(4) },
		  0754,
		  0754 },
		{ { VERSION, USER_OBJ(6), USER_1000(7), GROUP_OBJ(6), MASK(5), OTHER(0) },
		  0650,
		  0640 },
	};
	struct stat old;

	finish();
	expect(unlink("to/new") == 0);
	mkdir("ramfs", 0755);
	need_mount(mount("ramfs", "ramfs", "ramfs", 0, NULL) == 0);
	begin_in("ramfs/new");
	make_old(0, 0, 0644);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		logged[0] = '\0';
		old = set_old_acl(cases[i].acl, sizeof(cases[i].acl));
		expect_int(old.st_mode & 0777, cases[i].shown);
		expect_int(set_rest("a", &old), REFUSAL_NONE);
		expect_mode(cases[i].mode);
		expect_logged(
			"/to/a: cannot set the ACL of the replaced file (Operation not supported)");
	}
	/* Without an ACL, the group bits are those of the group. */
	logged[0] = '\0';
	expect(removexattr("to/a", ACL) == 0 && chmod("to/a", 0664) == 0);
	old = stat_of("to/a");
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect_mode(0664);
	expect_quiet();
}

TEST_F(on_tmpfs, acl_that_cannot_be_read)
{
	struct stat old;

	make_old(0, 0, 0644);
	old = set_old_acl(acl_of_old, sizeof(acl_of_old));
	need_mount(umount2("/proc", MNT_DETACH) == 0);
	expect_no_acl(&old, 0604);
	expect_logged(
		"/to/a: cannot read the ACL of the replaced file (No such file or directory)");
	/* The group had no permissions, so there is nothing to warn about. */
	logged[0] = '\0';
	expect(removexattr("to/a", ACL) == 0 && chmod("to/a", 0604) == 0);
	old = stat_of("to/a");
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect_mode(0604);
	expect(!strstr(logged, "ACL"));
}

static void expect_acl_not_taken(const struct stat *old, const char *why)
{
	logged[0] = '\0';
	expect_no_acl(old, 0604);
	expect_logged("/to/a: cannot read the ACL of the replaced file (");
	expect_logged(why);
}

/* Somebody replaces the file after the daemon looked. */
TEST_F(on_tmpfs, acl_of_another_file_is_not_taken)
{
	struct stat old;

	make_old(0, 0, 0664);
	old = set_old_acl(acl_of_old, sizeof(acl_of_old));
	/* Another file has the same owner and mode. */
	expect(rename("to/a", "to/aside") == 0);
	make_file("to/a", "other");
	expect(chmod("to/a", 0674) == 0);
	expect_acl_not_taken(&old, "Stale file handle");
	/* A link leads to the file itself. */
	expect(unlink("to/a") == 0 && symlink("aside", "to/a") == 0);
	expect_acl_not_taken(&old, "");
	/* Nothing has the name. */
	expect(unlink("to/a") == 0);
	expect_acl_not_taken(&old, "");
	/* The same file has another mode. */
	expect(rename("to/aside", "to/a") == 0 && chmod("to/a", 0604) == 0);
	expect_acl_not_taken(&old, "");
}

TEST_F(on_tmpfs, impossible_acl)
{
	static const unsigned char version[] = {
		3, 0, 0, 0, USER_OBJ(6), USER_1000(6), GROUP_OBJ(6), MASK(6), OTHER(6)
	};
	static const unsigned char length[] = { VERSION, USER_OBJ(6), GROUP_OBJ(6), OTHER(6), 0 };
	static const unsigned char cut[] = { 2, 0, 0 };
	static const struct {
		const unsigned char *acl;
		size_t size;
	} cases[] = { { version, sizeof(version) },
		      { length, sizeof(length) },
		      { cut, sizeof(cut) },
		      { cut, 0 } };
	struct stat old;

	old = make_old(0, 0, 0664);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		logged[0] = '\0';
		acl_read = cases[i].acl;
		acl_read_size = cases[i].size;
		expect_no_acl(&old, 0604);
		expect_logged("cannot read the ACL of the replaced file (Invalid argument)");
	}
	/*
	 * The kernel refuses entries that make no sense, such as none for the
	 * group.
	 */
	logged[0] = '\0';
	acl_read = (const unsigned char[]){ VERSION, USER_OBJ(6), USER_1000(6), MASK(6), OTHER(4) };
	acl_read_size = 4 + 4 * 8;
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect_mode(0604);
	expect_logged("cannot set the ACL of the replaced file (Invalid argument)");
}

static const unsigned char acl_of_directory[] = { VERSION,	USER_OBJ(7), USER_1000(6),
						  GROUP_OBJ(5), MASK(7),     OTHER(0) };

/* The new file inherits it with the bits of 0600. */
static const unsigned char acl_inherited[] = { VERSION,	     USER_OBJ(6), USER_1000(6),
					       GROUP_OBJ(5), MASK(0),	  OTHER(0) };

static void make_default_acl(void)
{
	expect(setxattr("to", DEFAULT_ACL, acl_of_directory, sizeof(acl_of_directory), 0) == 0);
}

TEST_F(on_tmpfs, replaced_file_without_an_acl)
{
	struct stat old;

	old = make_old(1001, 1002, 0664);
	make_default_acl();
	begin_again();
	expect(has_acl(acl_inherited, sizeof(acl_inherited)));
	expect_int(set_owner(&old), REFUSAL_NONE);
	expect_no_acl(&old, 0664);
	expect_quiet();

	/* The ACL of the replaced file takes its place, */
	begin_again();
	old = set_old_acl(acl_of_old, sizeof(acl_of_old));
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect(has_acl(acl_of_old, sizeof(acl_of_old)));
	expect_quiet();

	/* and it goes, too, if that one cannot be set */
	begin_again();
	acl_set_error = ENOSPC;
	expect_no_acl(&old, 0644);
	expect_logged("/to/a: cannot set the ACL of the replaced file (No space left on device)");

	/* or read. */
	begin_again();
	expect(unlink("to/a") == 0);
	expect_no_acl(&old, 0604);
}

TEST_F(on_tmpfs, new_file_below_a_default_acl)
{
	static const unsigned char with_mode[] = { VERSION,	 USER_OBJ(6), USER_1000(6),
						   GROUP_OBJ(5), MASK(6),     OTHER(0) };

	make_default_acl();
	begin_again();
	umask(0);
	expect_int(set_rest("a", &nothing), REFUSAL_NONE);
	/*
	 * The result is that of open(2) with 0644: the ACL gives others
	 * nothing.
	 */
	expect_mode(0640);
	settings.mode = 0604;
	expect_int(set_rest("a", &nothing), REFUSAL_NONE);
	expect_mode(0604);
	/* The mode of the policy goes into the inherited ACL. */
	begin_again();
	settings.mode = 0660;
	expect_int(set_rest("a", &nothing), REFUSAL_NONE);
	expect(has_acl(with_mode, sizeof(with_mode)));
	umask(022);
	expect_quiet();
}

TEST_F(on_tmpfs, inherited_acl_that_cannot_be_removed)
{
	struct stat old;

	old = make_old(0, 0, 0664);
	make_default_acl();
	begin_again();
	acl_remove_error = EIO;
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	/* The mask of that ACL is empty, so its entries grant nothing. */
	expect_mode(0604);
	expect_logged(
		"/to/a: cannot remove the ACL that its directory gave it (Input/output error)");
}

/* Labels */

static bool has_label(const char *wanted)
{
	char label[256] = "";

	return fgetxattr(file, LABEL, label, sizeof(label) - 1) > 0 && !strcmp(label, wanted);
}

TEST_F(on_tmpfs, labels)
{
	static const char old_label[] = "system_u:object_r:etc_t:s0";
	struct stat old;

	expect_int(set_label(), REFUSAL_NONE);
	old = make_old(0, 0, 0644);
	need_mount(setxattr("to/a", LABEL, old_label, sizeof(old_label), 0) == 0);
	strcpy(settings.label, "system_u:object_r:tmp_t:s0");
	expect_int(set_label(), REFUSAL_NONE);
	expect(has_label("system_u:object_r:tmp_t:s0"));
	/* The label of the policy wins. */
	old = stat_of("to/a");
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect(has_label("system_u:object_r:tmp_t:s0"));
	settings.label[0] = '\0';
	/*
	 * In a directory where others can write, the label of the replaced
	 * file does not count,
	 */
	expect(chmod("to", 01777) == 0);
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect(has_label("system_u:object_r:tmp_t:s0"));
	/* and in another directory it does. */
	expect(chmod("to", 0755) == 0);
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect(has_label(old_label));
	expect_quiet();
	/*
	 * Without SELinux a missing label is no failure; any other failure logs
	 * a line.
	 */
	begin_again();
	label_error = EPERM;
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect_quiet();
	label_error = EACCES;
	expect_int(set_rest("a", &old), REFUSAL_NONE);
	expect_logged("/to/a: cannot copy the label of the replaced file (Permission denied)");
}

TEST_F(new_file, label_of_the_policy_that_cannot_be_set)
{
	label_error = EIO;
	/* The policy names no label. */
	expect_int(set_label(), REFUSAL_NONE);
	expect_quiet();
	strcpy(settings.label, "system_u:object_r:tmp_t:s0");
	expect_int(set_label(), REFUSAL_IO);
	label_error = EINVAL;
	expect_int(set_label(), REFUSAL_OTHER);
	expect_int(failure.error, EINVAL);
	expect(!strcmp(failure.detail, "selinux-label=system_u:object_r:tmp_t:s0"));
	label_error = EACCES;
	expect_int(set_label(), REFUSAL_ACCESS);
	expect_quiet();
	label_error = EPERM;
	expect_int(set_label(), REFUSAL_NONE);
	expect_logged("/to/a: files cannot be labelled here: ");
	logged[0] = '\0';
	label_error = EOPNOTSUPP;
	expect_int(set_label(), REFUSAL_NONE);
	expect_logged("/to/a: files cannot be labelled here: ");
}

/* Directories that a copy makes */

static int made;

static void begin_made(void)
{
	begin();
	expect(mkdir("to/made", 0755) == 0);
	made = open("to/made", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	expect(made >= 0);
}

static void finish_made(void)
{
	close(made);
	finish();
}

static const struct fixture new_directory = { .begin = begin_made, .end = finish_made };
static const struct fixture new_directory_as_root = { .root = true,
						      .begin = begin_made,
						      .end = finish_made };

TEST_F(new_directory_as_root, another_directory_in_its_place)
{
	/*
	 * A user moved a directory of root here that has an entry; without a
	 * change it does no harm.
	 */
	make_file("to/made/precious", "");
	expect_int(attributes_directory_owner(&settings, made), 0);
	settings.has_user = true;
	settings.identity.uid = 65534;
	expect_int(attributes_directory_owner(&settings, made), -EBUSY);
	expect_owner_of(made, 0, 0);
	expect(unlink("to/made/precious") == 0 && mkdir("to/made/precious", 0755) == 0);
	expect_int(attributes_directory_owner(&settings, made), -EBUSY);
	expect_owner_of(made, 0, 0);
	/* A user put his own directory here. */
	expect(rmdir("to/made/precious") == 0 && chown("to/made", 1001, 1001) == 0);
	expect_int(attributes_directory_owner(&settings, made), -EBUSY);
	expect_owner_of(made, 1001, 1001);
}

TEST_F(new_directory, directory_without_owners)
{
	settings.has_user = true;
	settings.identity.uid = geteuid() + 1;
	chown_error = EPERM;
	expect_int(attributes_directory_owner(&settings, made), -EPERM);
	magic = 0x4d44;
	expect_int(attributes_directory_owner(&settings, made), 0);
	magic = 0x2011BAB0;
	expect_int(attributes_directory_owner(&settings, made), 0);
	chown_error = EDQUOT;
	expect_int(attributes_directory_owner(&settings, made), -EDQUOT);
	expect_quiet();
}

/* A mount of vfat with uid=1001 shows this owner for all files. */
TEST_F(new_directory_as_root, directory_with_the_owner_of_its_mount)
{
	settings.has_group = true;
	settings.gid = 1001;
	expect(chown("to/made", 1001, 0) == 0);
	expect_int(attributes_directory_owner(&settings, made), -EBUSY);
	magic = 0x4d44;
	expect_int(attributes_directory_owner(&settings, made), 0);
	expect_owner_of(made, 1001, 0);
}

TEST_MAIN
