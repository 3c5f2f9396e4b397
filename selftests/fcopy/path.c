// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the walk along a path: how much of it exists, and that a local user
 * cannot redirect it.
 */
#include <pthread.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "../../daemons/fcopy/path.h"
#include "../../daemons/fcopy/places.h"
#include "fcopy_test.h"
#include "meanwhile.h"
#include "test_policy.h"

#define FOLLOW PATH_FOLLOW_LINKS

static struct path result;
static struct failure failure;

/* Expect that PATH leads to WHAT, and that only MISSING does not exist. */
static void expect_reaches(const char *path, unsigned int flags, const char *what,
			   const char *missing)
{
	int before = open_files();
	char place[PATH_MAX];
	struct stat have, want;

	memset(&result, 'x', sizeof(result));
	if (!expect_int(path_resolve(path, flags, &result, &failure), REFUSAL_NONE)) {
		ksft_print_msg("%.200s: %s: %.200s\n", path, refusal_words(failure.refusal),
			       failure.detail);
		return;
	}
	expect(fstat(result.dir, &have) == 0 && stat(what, &want) == 0);
	expect(have.st_dev == want.st_dev && have.st_ino == want.st_ino);
	expect(realpath(what, place));
	if (!expect(!strcmp(result.place, strcmp(place, "/") ? place : "")))
		ksft_print_msg("place '%s'\n", result.place);
	if (!expect(!strcmp(result.missing, missing)))
		ksft_print_msg("missing '%s', expected '%s'\n", result.missing, missing);
	close(result.dir);
	expect_int(open_files(), before);
}

static void expect_refused(const char *path, unsigned int flags, enum refusal refusal,
			   const char *detail)
{
	int before = open_files();

	failure = (struct failure){ 0 };
	if (!expect_int(path_resolve(path, flags, &result, &failure), refusal)) {
		ksft_print_msg("%.200s gave '%.200s' and '%.200s'\n", path, result.place,
			       result.missing);
		if (result.dir >= 0)
			close(result.dir);
		return;
	}
	expect_int(result.dir, -1);
	expect_int(failure.refusal, refusal);
	if (!expect(strstr(failure.detail, detail)))
		ksft_print_msg("'%s' lacks '%s'\n", failure.detail, detail);
	expect_int(open_files(), before);
}

/* The host cannot send so long a path. */
TEST(too_long)
{
	char path[PATH_MAX + 300], text[PATH_MAX];

	memset(path, '/', sizeof(path));
	path[PATH_MAX] = '\0';
	expect_refused(path, 0, REFUSAL_NAME_TOO_LONG, "4096 bytes");
	path[PATH_MAX - 1] = '\0';
	expect_reaches(path, 0, "/", "");
	/* Use as many short names as fit. */
	*text = '\0';
	for (int i = 0; strlen(scratch) + 2 * (i + 1) < PATH_MAX; i++)
		strcat(text, i ? "/a" : "a");
	snprintf(path, sizeof(path), "%s/%s", scratch, text);
	expect_reaches(path, 0, ".", text);
	expect_int(entries("."), 0);
}

/*
 * Make a directory whose path is as long as links allow, and a link to it:
 * "deep".
 */
static void make_deep(size_t length)
{
	char name[NAME_MAX + 1], place[PATH_MAX];
	int at = open(".", PATH_STEP), next;

	snprintf(place, sizeof(place), "%s", scratch);
	while (strlen(place) < length) {
		size_t n = length - strlen(place) - 1;

		if (n > 200)
			n = n > 202 ? 200 : 100;
		snprintf(name, sizeof(name), "%0*d", (int)n, 0);
		expect(mkdirat(at, name, 0755) == 0);
		next = openat(at, name, PATH_STEP);
		expect(next >= 0);
		close(at);
		at = next;
		strcat(place, "/");
		strcat(place, name);
	}
	expect_int(strlen(place), length);
	expect(mkdirat(at, "here", 0755) == 0);
	expect(mkdirat(at, "12345678901", 0755) == 0);
	close(at);
	expect(symlink(place, "deep") == 0);
}

TEST_F(as_root, place_that_is_too_long)
{
	make_deep(PATH_MAX - 7);
	expect_int(path_resolve(in("deep"), FOLLOW, &result, &failure), REFUSAL_NONE);
	expect_int(strlen(result.place), PATH_MAX - 7);
	close(result.dir);
	expect_int(path_resolve(in("deep/here"), FOLLOW, &result, &failure), REFUSAL_NONE);
	expect_int(strlen(result.place), PATH_MAX - 2);
	close(result.dir);
	expect_refused(in("deep/12345678901"), FOLLOW, REFUSAL_NAME_TOO_LONG, scratch);
}

TEST(links_of_users_refused)
{
	static const mode_t modes[] = { 01777, 0775, 0757 };

	mkdir("real", 0755);
	expect(symlink(in("real"), "absolute") == 0);
	make_tree("relative -> real", "open/link -> ../real");
	if (geteuid() == 0) {
		/*
		 * A user's link in root's directory, and root's link in a
		 * user's directory
		 */
		expect(lchown("absolute", TEST_USER, TEST_USER) == 0);
		expect(lchown("relative", TEST_USER, TEST_USER) == 0);
		expect(chown("open", TEST_USER, TEST_USER) == 0);
	}
	expect_refused(in("absolute"), FOLLOW, REFUSAL_LINK, in("absolute"));
	expect_refused(in("relative/x"), FOLLOW, REFUSAL_LINK, in("relative"));
	mkdir("real/sub", 0755);
	expect_refused(in("absolute/sub"), FOLLOW, REFUSAL_LINK, "does not belong to root");
	expect_refused(in("relative/sub"), FOLLOW | PATH_TARGET, REFUSAL_LINK, in("relative"));
	expect_refused(in("open/link"), FOLLOW, REFUSAL_LINK, in("open/link"));
	expect_refused(in("open/link/"), FOLLOW | PATH_TARGET, REFUSAL_LINK, in("open/link"));
	if (geteuid() == 0) {
		/* A link of root, where others can write */
		expect(chown("open", 0, 0) == 0);
		for (size_t i = 0; i < 3; i++) {
			expect(chmod("open", modes[i]) == 0);
			expect_refused(in("open/link"), FOLLOW, REFUSAL_LINK, "can write to");
		}
		expect(chmod("open", 0755) == 0);
		expect_reaches(in("open/link"), FOLLOW, "real", "");
		/* A link of root that leads to one of a user */
		expect(symlink("relative/sub", "open/second") == 0);
		expect_refused(in("open/second"), FOLLOW, REFUSAL_MISSING, in("open/relative"));
		expect(unlink("open/second") == 0);
		expect(symlink("../relative/sub", "open/second") == 0);
		expect_refused(in("open/second"), FOLLOW, REFUSAL_LINK, in("relative"));
	}
}

/*
 * Make root's directory with root's link, as an unpacked archive leaves them in
 * /home.
 */
static void make_package(const char *place)
{
	char link[PATH_MAX];

	snprintf(link, sizeof(link), "%s/link", place);
	expect(mkdir(place, 0755) == 0 && symlink(in("real"), link) == 0);
}

TEST_F(as_root, links_that_a_user_can_bring_in)
{
	make_tree("real/sub/", "home/user/");
	make_package("home/user/pkg");
	expect_reaches(in("home/user/pkg/link"), FOLLOW, "real", "");
	expect(chown("home/user", TEST_USER, TEST_USER) == 0);
	expect(rename("home/user/pkg", "home/user/incoming") == 0);
	for (unsigned int flags = FOLLOW; flags < 4; flags += PATH_TARGET) {
		expect_refused(in("home/user/incoming/link"), flags, REFUSAL_LINK,
			       in("home/user/incoming/link"));
		expect(strstr(failure.detail, in("home/user/, which does not belong to root")));
		expect_refused(in("home/./user/incoming/link/sub"), flags, REFUSAL_LINK,
			       in("home/user/, which"));
		/* Only links need that trust. */
		expect_reaches(in("home/user/incoming/new"), flags, "home/user/incoming", "new");
	}
	/* Deeper, where everything else is root's */
	mkdir("home/user/incoming/a", 0755);
	make_package("home/user/incoming/a/b");
	expect_refused(in("home/user/incoming/a/b/link"), FOLLOW, REFUSAL_LINK,
		       in("home/user/, which does not belong to root"));
	/*
	 * root's link leads there; it may also name the user's directory
	 * itself.
	 */
	make_tree("way -> home/user/incoming/a", "around -> home/user/../../real",
		  "through -> home/user/incoming/../../../real");
	expect_reaches(in("way/b"), FOLLOW, "home/user/incoming/a/b", "");
	expect_refused(in("way/b/link"), FOLLOW, REFUSAL_LINK, in("home/user/, which"));
	expect_reaches(in("around/sub"), FOLLOW, "real/sub", "");
	/* A user can move a directory, and with it what ".." means. */
	expect_refused(in("through/sub"), FOLLOW, REFUSAL_LINK, in("home/user/, which"));
	/* An absolute link starts again, and trusts nothing later. */
	expect(symlink(in("home/user/incoming"), "absolute") == 0);
	expect_refused(in("absolute/link"), FOLLOW, REFUSAL_LINK, in("home/user/, which"));
	expect(symlink(in("around"), "again") == 0);
	expect_reaches(in("again/sub"), FOLLOW, "real/sub", "");
}

TEST_F(as_root, links_below_what_others_can_write_to)
{
	static const struct {
		mode_t mode, inside;
		uid_t owner;
		bool followed;
	} cases[] = {
		{ 0755, 0755, 0, true },
		{ 01777, 0755, 0, true }, /* like /tmp: nobody but root can rename it */
		{ 01775, 0755, 0, true },
		{ 0777, 0755, 0, false },
		{ 0775, 0755, 0, false },
		{ 0757, 0755, 0, false },
		{ 01777, 0755, TEST_USER, false },
		/* A user may move this one here from another directory. */
		{ 01777, 01777, 0, false },
		{ 0755, 01777, 0, true },
	};

	make_tree("real/", "open/dir/");
	make_package("open/dir/pkg");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int before = current_failed();

		expect(chmod("open", cases[i].mode) == 0);
		expect(chown("open/dir", cases[i].owner, 0) == 0);
		expect(chmod("open/dir", cases[i].inside) == 0);
		if (cases[i].followed)
			expect_reaches(in("open/./dir/pkg/link"), FOLLOW, "real", "");
		else
			expect_refused(in("open/./dir/pkg/link"), FOLLOW, REFUSAL_LINK,
				       in("open/, which users other than root can write to"));
		if (current_failed() && !before)
			ksft_print_msg("case %zu\n", i);
	}
}

static ino_t fake_inode;
static long fake_magic;

/*
 * Make one directory or link, or all of them with fake_inode = 0, appear to
 * have another type.
 */
static int fake_type(unsigned int n, const uint64_t args[6])
{
	struct statfs *fs = (struct statfs *)(uintptr_t)args[1];
	struct stat st;

	if (fake_inode && (fstat(args[0], &st) < 0 || st.st_ino != fake_inode))
		return 0;
	memset(fs, 0, sizeof(*fs));
	fs->f_type = fake_magic;
	return MEANWHILE_DONE;
}

/* A user's FUSE server can show any owner. */
TEST_F(as_root_in_own_process, links_on_fuse_refused)
{
	struct stat st;

	make_tree("real/", "d/");
	make_package("d/pkg");
	fake_magic = 0x65735546;
	expect(lstat("d/pkg/link", &st) == 0);
	fake_inode = st.st_ino;
	meanwhile(SYS_fstatfs, fake_type);
	expect_refused(in("d/pkg/link"), FOLLOW, REFUSAL_LINK, "link is a link on FUSE");
	expect_reaches(in("d/pkg/new"), FOLLOW, "d/pkg", "new");
	/* Another file system is mounted below FUSE. */
	expect(lstat("d", &st) == 0);
	fake_inode = st.st_ino;
	expect_refused(in("d/pkg/link"), FOLLOW, REFUSAL_LINK, in("d/, which is on FUSE"));
	fake_magic = 0x65735543;
	expect_reaches(in("d/pkg/link"), FOLLOW, "real", "");
}

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

TEST_F(own_mounts, links_on_disks_of_users_refused)
{
	mkdir("real", 0755);
	mount_tmpfs("/run", "mode=755");
	make_tree("/run/media/user/");
	make_package("/run/media/user/stick");
	expect_refused("/run/media/user/stick/link", FOLLOW, REFUSAL_LINK,
		       "/run/media/, where users mount disks");
	expect(symlink("user/stick", "/run/media/default") == 0);
	expect_reaches("/run/media/default", FOLLOW, "/run/media/user/stick", "");
	mount_tmpfs("m", "mode=755");
	expect(symlink(in("real"), "m/link") == 0);
	expect_reaches(in("m/link"), FOLLOW, "real", "");
	if (mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_NOSYMFOLLOW, NULL) < 0 ||
	    access("m/link", F_OK) == 0)
		return;
	expect_refused(in("m/link"), FOLLOW, REFUSAL_LINK, "nosymfollow");
}

TEST_F(as_root, links_of_root_followed)
{
	make_tree("real/sub/", "d/");
	expect(symlink(in("real"), "absolute") == 0);
	make_tree("slash -> real/", "d/up -> ../real", "twice -> ./d/up",
		  "dots -> d/../d/./../real//sub/..", "root -> /../../..");
	for (unsigned int flags = FOLLOW; flags < 4; flags += PATH_TARGET) {
		expect_reaches(in("absolute"), flags, "real", "");
		expect_reaches(in("absolute/sub"), flags, "real/sub", "");
		expect_reaches(in("slash/sub"), flags, "real/sub", "");
		expect_reaches(in("d/up/sub"), flags, "real/sub", "");
		expect_reaches(in("twice//sub/"), flags, "real/sub", "");
		expect_reaches(in("dots/sub"), flags, "real/sub", "");
		expect_reaches(in("root"), flags, "/", "");
		expect_reaches(in("root/etc"), flags, "/etc", "");
		expect_reaches(in("twice/x/y"), flags, "real", "x/y");
	}
	expect_int(entries("real"), 1);
	/* Links are followed only if the caller requests it. */
	expect_refused(in("absolute"), 0, REFUSAL_LINK, "none is followed here");
	expect_refused(in("d/up/sub"), PATH_TARGET, REFUSAL_LINK, in("d/up"));
	expect_reaches(in("real/sub"), 0, "real/sub", "");
}

/* Nothing is made where only the text of a link leads. */
TEST_F(as_root, links_that_lead_nowhere)
{
	make_tree("d/", "dangling -> nowhere", "slash -> nowhere/", "deeper -> d/no/where",
		  "good -> d", "behind -> good/nowhere", "up -> good/nowhere/../no",
		  "twice -> behind");
	expect_refused(in("dangling"), FOLLOW, REFUSAL_MISSING, in("nowhere"));
	expect_refused(in("slash"), FOLLOW, REFUSAL_MISSING, in("nowhere"));
	expect_refused(in("dangling/x"), FOLLOW | PATH_TARGET, REFUSAL_MISSING, in("nowhere"));
	expect_refused(in("deeper/x"), FOLLOW, REFUSAL_MISSING, in("d/no"));
	/* The first link's text goes through a second one. */
	expect_refused(in("behind"), FOLLOW, REFUSAL_MISSING, in("d/nowhere"));
	expect_refused(in("behind/x"), FOLLOW, REFUSAL_MISSING, in("d/nowhere"));
	expect_refused(in("behind/x"), FOLLOW | PATH_TARGET, REFUSAL_MISSING, in("d/nowhere"));
	expect_refused(in("up/x"), FOLLOW, REFUSAL_MISSING, in("d/nowhere"));
	expect_refused(in("twice/x/y"), FOLLOW, REFUSAL_MISSING, in("d/nowhere"));
	/* A file that a link's text ends in is no target of the caller. */
	make_file("d/nowhere", "");
	expect_refused(in("behind/"), FOLLOW, REFUSAL_NOT_DIRECTORY, in("d/nowhere"));
	expect_refused(in("behind/x"), FOLLOW | PATH_TARGET, REFUSAL_NOT_DIRECTORY,
		       in("d/nowhere"));
	expect_reaches(in("behind"), FOLLOW | PATH_TARGET, ".", "behind");
}

TEST_F(as_root, links_without_end)
{
	char from[16], to[16];

	make_tree("a -> b", "b -> a");
	expect_refused(in("a/x"), FOLLOW, REFUSAL_LINK, "too many");
	expect_refused(in("a/x"), FOLLOW | PATH_TARGET, REFUSAL_LINK, "too many");
	/* Make as many links as the kernel follows, and one more. */
	mkdir("0", 0755);
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "%d", i);
		snprintf(to, sizeof(to), "%d", i - 1);
		expect(symlink(to, from) == 0);
	}
	expect_reaches(in("40/x"), FOLLOW, "0", "x");
	expect_refused(in("41/x"), FOLLOW, REFUSAL_LINK, "too many");
}

TEST_F(as_root, links_that_grow_too_long)
{
	char text[PATH_MAX];

	memset(text, '/', sizeof(text));
	text[PATH_MAX - 1] = '\0';
	expect(symlink(text, "long") == 0);
	expect_refused(in("long/x"), FOLLOW, REFUSAL_NAME_TOO_LONG, in("long"));
	text[PATH_MAX - 4] = '\0';
	expect(symlink(text, "fits") == 0);
	expect_reaches(in("fits/x"), FOLLOW, "/", "x");
	expect_refused(in("fits/xy"), FOLLOW, REFUSAL_NAME_TOO_LONG, in("fits"));
}

TEST(links_of_procfs_refused)
{
	char path[64];

	expect_refused("/proc/self", FOLLOW, REFUSAL_KERNEL, "/proc/self is a link of procfs");
	expect_refused("/proc/self/root/tmp", FOLLOW, REFUSAL_KERNEL, "/proc/self");
	expect_refused("/proc/self", 0, REFUSAL_KERNEL, "/proc/self");
	snprintf(path, sizeof(path), "/proc/%d/root", getpid());
	expect_refused(path, FOLLOW, REFUSAL_KERNEL, path);
	expect_refused(path, FOLLOW | PATH_TARGET, REFUSAL_KERNEL, path);
	snprintf(path, sizeof(path), "/proc/%d/cwd/x", getpid());
	expect_refused(path, FOLLOW, REFUSAL_KERNEL, "cwd");
	if (geteuid() != 0)
		skip("run this as root");

	/* A link of root to one of them */
	expect(symlink("/proc/self/root", "link") == 0);
	expect_refused(in("link/etc"), FOLLOW, REFUSAL_KERNEL, "/proc/self");
}

/* Without a section, only the places of the kernel are refused. */
static enum refusal confirm(void)
{
	return places_confirm(&policy, &policy.everywhere, result.dir, result.place, "", &failure);
}

static enum refusal check_place(const char *path)
{
	enum refusal refusal = path_resolve(path, FOLLOW, &result, &failure);

	if (refusal != REFUSAL_NONE)
		return refusal;
	refusal = confirm();
	close(result.dir);
	return refusal;
}

/*
 * A directory of devtmpfs itself, with nothing mounted on it; NULL if there is
 * none
 */
static const char *part_of_dev(void)
{
	static const char *const parts[] = {
		"/dev/net",   "/dev/input", "/dev/mapper", "/dev/char",
		"/dev/block", "/dev/disk",  "/dev/bus",	   "/dev/cpu"
	};
	struct stat dev, st;

	stat("/dev", &dev);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (stat(parts[i], &st) == 0 && st.st_dev == dev.st_dev)
			return parts[i];
	return NULL;
}

TEST_F(own_mounts, kernel_file_systems_mounted_elsewhere_refused)
{
	const char *part = part_of_dev();

	make_tree("dev/", "part/", "proc/");
	need_mount(mount("/dev", "dev", NULL, MS_BIND, NULL) == 0 &&
		   (!part || mount(part, "part", NULL, MS_BIND, NULL) == 0) &&
		   mount("proc", "proc", "proc", 0, NULL) == 0);
	mount_tmpfs("ram", NULL);
	expect_int(check_place(in("dev")), REFUSAL_KERNEL);
	expect(strstr(failure.detail, in("dev")) && strstr(failure.detail, "/dev"));
	expect_int(check_place(in("dev/fcopy-test")), REFUSAL_KERNEL);
	expect_int(check_place(in("proc")), REFUSAL_KERNEL);
	expect_int(check_place(in("proc/1")), REFUSAL_KERNEL);
	expect_int(check_place(in("proc/self")), REFUSAL_KERNEL);
	if (part)
		expect_int(check_place(in("part")), REFUSAL_KERNEL);
	else
		ksft_print_msg("/dev has no directory of its own here\n");
	/* An ordinary file system, also inside a place of the kernel */
	expect_int(check_place(in("ram")), REFUSAL_NONE);
	expect(mount("ram", "/dev/shm", NULL, MS_BIND, NULL) == 0);
	expect_int(check_place("/dev/shm"), REFUSAL_KERNEL);
	expect_int(check_place("/dev/shm/x"), REFUSAL_KERNEL);
	expect_int(entries("ram"), 0);
}

/* Above such a mount ".." leads nowhere, and not to the root. */
TEST_F(own_mounts, detached_mount_refused)
{
	mount_tmpfs("m", NULL);
	mkdir("m/d", 0755);
	expect_int(path_resolve(in("m/d"), 0, &result, &failure), REFUSAL_NONE);
	expect_int(confirm(), REFUSAL_NONE);
	expect_int(umount2("m", MNT_DETACH), 0);
	expect_int(confirm(), REFUSAL_MISSING);
	expect(strstr(failure.detail, "m/d/ is in a detached mount"));
	close(result.dir);
}

static void on_this_type(void)
{
	meanwhile(SYS_fstatfs, fake_type);
	expect_int(check_place(scratch), REFUSAL_KERNEL);
}

TEST_F(in_own_process, file_systems_by_magic)
{
	static const unsigned long magics[] = {
		0x9fa0 /* procfs */,	      0x62656572 /* sysfs */,
		0x64626720 /* debugfs */,     0x74726163 /* tracefs */,
		0x73636673 /* securityfs */,  0x27e0eb /* cgroup */,
		0x63677270 /* cgroup2 */,     0xcafe4a11 /* bpf */,
		0x42494e4d /* binfmt_misc */, 0x1cd1 /* devpts */,
		0xde5e81e4 /* efivarfs */,    0x6165676c /* pstore */,
		0xf97cff8c /* selinuxfs */,   0x43415d53 /* smackfs */,
		0x6e736673 /* nsfs */,	      0x958458f6 /* hugetlbfs */,
		0x7655821 /* resctrl */,      0x19800202 /* mqueue */,
		0x67596969 /* rpc_pipefs */,  0xabba1974 /* xenfs */,
		0x0a647361 /* functionfs */,  0x76a9f425 /* ocfs2_dlmfs */,
		0x6e667364 /* nfsd */,	      0x5a3c69f0 /* apparmorfs */,
		0xaee71ee7 /* gadgetfs */,    0x6c6f6f70 /* binderfs */,
		0x65735543 /* fusectl */,     0x62656570 /* configfs */,
	};
	int status;

	fake_inode = 0;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		fake_magic = magics[i];
		status = in_child(on_this_type);
		if (status == NO_MEANWHILE)
			leave_child(status);
		if (!expect_int(status, 0))
			ksft_print_msg("type 0x%lx\n", magics[i]);
	}
}

static volatile bool racing;

/* A user's directory becomes a link and a directory again, forever. */
static void *swap(void *unused)
{
	while (racing) {
		rename("door", "aside");
		rename("trap", "door");
		rename("door", "trap");
		rename("aside", "door");
	}
	return NULL;
}

/* VARIANT is the flags. */
static void race_with_a_link(void)
{
	struct stat vault, st;
	pthread_t thread;
	int opened = 0, refused = 0;

	make_tree("vault/in/", "door/in/");
	expect(symlink(in("vault"), "trap") == 0);
	if (geteuid() == 0)
		expect(lchown("trap", TEST_USER, TEST_USER) == 0);
	expect(stat("vault/in", &vault) == 0);

	racing = true;
	expect(pthread_create(&thread, NULL, swap, NULL) == 0);
	for (int i = 0; i < 20000 || ((!opened || !refused) && i < 200000); i++) {
		enum refusal refusal = path_resolve(in("door/in"), variant, &result, &failure);

		if (refusal == REFUSAL_LINK)
			refused++;
		if (refusal != REFUSAL_NONE)
			continue;
		opened += !*result.missing;
		expect(fstat(result.dir, &st) == 0 && st.st_ino != vault.st_ino);
		expect(!strncmp(result.place, scratch, strlen(scratch)) &&
		       !strstr(result.place, "vault"));
		close(result.dir);
	}
	racing = false;
	pthread_join(thread, NULL);
	ksft_print_msg("found the directory %d times, the link %d times\n", opened, refused);
	expect(opened > 0);
	expect(refused > 0);
	expect_int(entries("vault"), 1);
}

int main(void)
{
	test_variant(anywhere, race_with_a_link, "links are followed", FOLLOW);
	test_variant(anywhere, race_with_a_link, "links are not followed", 0);
	test_variant(anywhere, race_with_a_link, "target", FOLLOW | PATH_TARGET);
	run_tests();
}
