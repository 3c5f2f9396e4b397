// SPDX-License-Identifier: GPL-2.0-only
/* The way to a directory, by openat2 and by the walk: the same policy, and no way around it. */
#include <pthread.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "../../daemons/fcopy/path.h"
#include "fcopy_test.h"

/* The variant is PATH_WALK or 0, and the same test for both. */
static unsigned int created;
static struct policy policy = POLICY_DEFAULTS;

static int open_at(const char *path, unsigned int flags)
{
	int dir = path_open_directory(path, variant | flags, &policy, &created);

	if (dir < 0)
		expect_int(created, 0);
	return dir;
}

static void expect_refused(const char *path, unsigned int flags, int error)
{
	int before = open_files();
	int dir = open_at(path, flags);

	if (dir != error)
		ksft_print_msg("%s gave %d\n", path, dir);
	expect_int(dir, error);
	if (dir >= 0)
		close(dir);
	expect_int(open_files(), before);
}

/* Opens PATH and expects it to be WHAT. */
static void expect_opened(const char *path, unsigned int flags, const char *what)
{
	int before = open_files();
	struct stat have, want;
	int dir = open_at(path, flags);

	if (dir < 0)
		ksft_print_msg("%s: %s\n", path, strerror(-dir));
	expect(dir >= 0);
	if (dir < 0)
		return;
	expect(fstat(dir, &have) == 0 && stat(what, &want) == 0);
	expect(have.st_dev == want.st_dev && have.st_ino == want.st_ino);
	/* One that can be synced. */
	expect(fsync(dir) == 0);
	close(dir);
	expect_int(open_files(), before);
}

static void plain(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	expect_opened("/", 0, "/");
	expect_opened("///", 0, "/");
	expect_opened(in("a/b"), 0, "a/b");
	expect_opened(in("a/b/"), 0, "a/b");
	expect_opened(in("a//.//b/."), 0, "a/b");
	expect_opened(in("a/b"), PATH_CREATE, "a/b");
	expect_int(created, 0);
}

static void missing(void)
{
	expect_refused(in("a"), 0, -ENOENT);
	expect_refused(in("a/b/"), 0, -ENOENT);
	expect_int(entries("."), 0);
}

static void file_on_the_way(void)
{
	make_file("a", "");
	expect_refused(in("a"), 0, -ENOTDIR);
	expect_refused(in("a/b"), PATH_CREATE, -ENOTDIR);
	expect_refused(in("a/"), PATH_CREATE, -ENOTDIR);
}

static void not_absolute(void)
{
	mkdir("a", 0755);
	expect_refused("a", 0, -EILSEQ);
	expect_refused("", 0, -EILSEQ);
	expect_refused(in("a/.."), 0, -EILSEQ);
	expect_refused(in("a/../a"), PATH_CREATE, -EILSEQ);
}

static void too_long(void)
{
	char path[PATH_MAX + 300];

	snprintf(path, sizeof(path), "%s/%0300d", scratch, 0);
	expect_refused(path, PATH_CREATE, -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/a/b/%0300d", scratch, 0);
	expect_refused(path, PATH_CREATE, -ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	expect_refused(path, PATH_CREATE, -ENAMETOOLONG);
	expect_int(entries("."), 0);
}

static void directories_are_made(void)
{
	umask(027);
	int dir = open_at(in("a/b/c"), PATH_CREATE);
	struct stat st;

	umask(022);
	expect(dir >= 0);
	expect_int(created, 3);
	expect(stat("a/b/c", &st) == 0);
	expect_int(st.st_mode & 07777, 0750);
	close(dir);

	dir = open_at(in("a/b/./d/"), PATH_CREATE);
	expect(dir >= 0);
	expect_int(created, 1);
	close(dir);
	expect_int(entries("a/b"), 2);
}

static void made_directories_are_taken_back(void)
{
	const char *path = in("a/b//c/./d/");
	int dir;

	mkdir("a", 0755);
	dir = open_at(path, PATH_CREATE);
	expect_int(created, 3);
	path_remove_created(path, dir, created);
	close(dir);
	expect_int(entries("a"), 0);

	/* In use by now */
	dir = open_at(path, PATH_CREATE);
	make_file("a/b/c/file", "");
	path_remove_created(path, dir, created);
	close(dir);
	expect_int(entries("a/b/c"), 1);

	/* Somebody has put another in its place */
	path = in("a/x/y");
	dir = open_at(path, PATH_CREATE);
	expect_int(created, 2);
	rename("a/x/y", "a/x/z");
	mkdir("a/x/y", 0755);
	path_remove_created(path, dir, created);
	close(dir);
	expect_int(entries("a/x"), 2);
}

static void failure_takes_back_what_was_made(void)
{
	char path[PATH_MAX];

	mkdir("a", 0755);
	snprintf(path, sizeof(path), "%s/a/b/c/%0300d/d", scratch, 0);
	expect_refused(path, PATH_CREATE, -ENAMETOOLONG);
	expect_int(entries("a"), 0);
}

/* What somebody else does while the daemon is at the end of making a directory */
static void (*meanwhile)(void);
static int fsync_error;

int fsync(int fd)
{
	void (*once)(void) = meanwhile;

	meanwhile = NULL;
	if (once)
		once();
	if (fsync_error) {
		errno = fsync_error;
		return -1;
	}
	return syscall(SYS_fsync, fd);
}

static void directories_that_cannot_be_synced(void)
{
	int dir;

	fsync_error = EIO;
	expect_refused(in("a"), PATH_CREATE, -EIO);
	expect_int(entries("."), 0);
	/* Said by a file system that has nothing to do for it */
	fsync_error = EINVAL;
	dir = open_at(in("a/b"), PATH_CREATE);
	fsync_error = 0;
	expect(dir >= 0);
	expect_int(created, 2);
	close(dir);
}

static void make_a_long_link(void)
{
	char text[3000];

	memset(text, '/', sizeof(text));
	memcpy(text, "nowhere", strlen("nowhere"));
	text[sizeof(text) - 1] = '\0';
	expect(symlink(text, "a/b/c") == 0);
}

static void make_two_directories(void)
{
	expect(mkdir("a/b/c", 0755) == 0 && mkdir("a/b/c/d", 0755) == 0);
}

static void what_appears_in_a_made_directory_is_not_taken_back(void)
{
	char path[PATH_MAX];

	if (geteuid() != 0)
		skip("root's links can only be made by root");
	mkdir("a", 0755);
	/* A link, and then a failure beyond it */
	meanwhile = make_a_long_link;
	expect_refused(in("a/b/c/d"), PATH_CREATE, -ENOENT);
	expect(!meanwhile);
	expect_int(entries("a/b"), 1);
	unlink("a/b/c");
	rmdir("a/b");

	/* Directories, and then a failure in one of them: only b was made here */
	meanwhile = make_two_directories;
	snprintf(path, sizeof(path), "%s/a/b/c/d/%0300d", scratch, 0);
	expect_refused(path, PATH_CREATE, -ENAMETOOLONG);
	expect(!meanwhile);
	expect_int(entries("a/b/c"), 1);
}

static void links_of_users_refused(void)
{
	mkdir("real", 0755);
	expect(symlink(in("real"), "absolute") == 0);
	expect(symlink("real", "relative") == 0);
	mkdir("open", 0755);
	expect(symlink("../real", "open/link") == 0);
	if (geteuid() == 0) {
		/* One's own link in root's directory, and root's link in a directory of one's own */
		expect(lchown("absolute", 65534, 65534) == 0);
		expect(lchown("relative", 65534, 65534) == 0);
		expect(chown("open", 65534, 65534) == 0);
	}
	expect_refused(in("absolute"), 0, -ELOOP);
	expect_refused(in("relative/x"), PATH_CREATE, -ELOOP);
	mkdir("real/sub", 0755);
	expect_refused(in("absolute/sub"), 0, -ELOOP);
	expect_refused(in("relative/sub"), 0, -ELOOP);
	expect(rmdir("real/sub") == 0);
	expect_refused(in("open/link"), 0, -ELOOP);
	expect_int(entries("real"), 0);
	if (geteuid() == 0) {
		/* Root's own, where others can write */
		expect(chown("open", 0, 0) == 0 && chmod("open", 01777) == 0);
		expect_refused(in("open/link"), 0, -ELOOP);
		expect(chmod("open", 0775) == 0);
		expect_refused(in("open/link"), 0, -ELOOP);
		expect(chmod("open", 0755) == 0);
		expect_opened(in("open/link"), 0, "real");
	}
}

static void links_of_root_followed(void)
{
	if (geteuid() != 0)
		skip("root's links can only be made by root");
	mkdir("real", 0755);
	mkdir("real/sub", 0755);
	mkdir("d", 0755);
	expect(symlink(in("real"), "absolute") == 0);
	expect(symlink("real/", "slash") == 0);
	expect(symlink("../real", "d/up") == 0);
	expect(symlink("./d/up", "twice") == 0);
	expect_opened(in("absolute"), 0, "real");
	expect_opened(in("absolute/sub"), 0, "real/sub");
	expect_opened(in("slash/sub"), 0, "real/sub");
	expect_opened(in("d/up/sub"), 0, "real/sub");
	expect_opened(in("twice//sub/"), 0, "real/sub");
	/* Directories are made beyond a link, and taken back beyond it */
	int dir = open_at(in("twice/x/y"), PATH_CREATE);
	expect(dir >= 0);
	expect_int(created, 2);
	path_remove_created(in("twice/x/y"), dir, created);
	close(dir);
	expect_int(entries("real"), 1);
}

static void links_of_the_system_followed(void)
{
	struct stat link;

	if (lstat("/var/run", &link) < 0 || !S_ISLNK(link.st_mode))
		skip("/var/run is no link here");
	expect_opened("/var/run", 0, "/run");
}

static void dangling_and_endless_links(void)
{
	if (geteuid() != 0)
		skip("root's links can only be made by root");
	expect(symlink("nowhere", "dangling") == 0);
	expect(symlink("nowhere/", "slash") == 0);
	expect(symlink("b", "a") == 0);
	expect(symlink("a", "b") == 0);
	expect_refused(in("dangling"), PATH_CREATE, -ENOENT);
	expect_refused(in("slash"), PATH_CREATE, -ENOENT);
	expect_refused(in("dangling/x"), PATH_CREATE, -ENOENT);
	expect_refused(in("a/x"), PATH_CREATE, -ELOOP);
	expect_int(entries("."), 4);
}

static void links_that_grow_too_long(void)
{
	char text[PATH_MAX];

	if (geteuid() != 0)
		skip("root's links can only be made by root");
	memset(text, '/', sizeof(text));
	text[PATH_MAX - 1] = '\0';
	expect(symlink(text, "long") == 0);
	expect_refused(in("long/x"), PATH_CREATE, -ENAMETOOLONG);
}

static void places_of_the_kernel_refused(void)
{
	static const char *const places[] = { "/proc", "/proc/self", "/proc/self/fd", "/sys",
					      "/sys/kernel", "/dev", "/dev/", "/dev/shm", "/dev/pts" };
	struct stat st;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (stat(places[i], &st) == 0)
			expect_refused(places[i], 0, -EXDEV);
	expect_refused("/proc/self/root/tmp", 0, -EXDEV);
	expect_refused("/proc/self/cwd", 0, -EXDEV);
	expect_refused("/dev/fcopy-test/x", PATH_CREATE, -EXDEV);
	expect(stat("/dev/fcopy-test", &st) < 0);
	expect_refused("/sys/fs/cgroup/fcopy-test", PATH_CREATE, -EXDEV);
	expect_refused("/proc/fcopy-test", PATH_CREATE, -EXDEV);
}

/* A directory of devtmpfs itself, with nothing mounted on it; NULL if there is none */
static const char *part_of_dev(void)
{
	static const char *const parts[] = { "/dev/net", "/dev/input", "/dev/mapper", "/dev/char",
					     "/dev/block", "/dev/disk", "/dev/bus", "/dev/cpu" };
	struct stat dev, st;

	stat("/dev", &dev);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (stat(parts[i], &st) == 0 && st.st_dev == dev.st_dev)
			return parts[i];
	return NULL;
}

static void mounts_elsewhere(void)
{
	const char *part = part_of_dev();

	mkdir("dev", 0755);
	mkdir("part", 0755);
	mkdir("proc", 0755);
	mkdir("pts", 0755);
	mkdir("ram", 0755);
	if (mount("/dev", "dev", NULL, MS_BIND, NULL) < 0 ||
	    (part && mount(part, "part", NULL, MS_BIND, NULL) < 0) ||
	    mount("proc", "proc", "proc", 0, NULL) < 0 ||
	    mount("devpts", "pts", "devpts", 0, "newinstance") < 0 ||
	    mount("tmpfs", "ram", "tmpfs", 0, NULL) < 0)
		_exit(CANNOT_MOUNT);
	expect_refused(in("dev"), 0, -EXDEV);
	expect_refused(in("proc/self"), 0, -EXDEV);
	expect_refused(in("pts"), 0, -EXDEV);
	expect_refused(in("dev/fcopy-test"), PATH_CREATE, -EXDEV);
	if (part)
		expect_refused(in("part"), 0, -EXDEV);
	else
		ksft_print_msg("/dev has no directory of its own here\n");
	/* A file system of people, and the same inside a place of the kernel */
	expect_opened(in("ram"), 0, "ram");
	expect(mount("ram", "/dev/shm", NULL, MS_BIND, NULL) == 0);
	expect_refused("/dev/shm", 0, -EXDEV);
	expect_refused("/dev/shm/x", PATH_CREATE, -EXDEV);
	expect_int(entries("ram"), 0);
}

static void kernel_file_systems_mounted_elsewhere_refused(void)
{
	in_own_mounts(mounts_elsewhere);
}

/* RULES: "+DIR" allows, "-DIR" denies; DIR is in the test's directory, or absolute */
static void set_rules(const char *const *rules)
{
	static struct policy_rule all[8];

	for (policy.count = 0; *rules; rules++, policy.count++) {
		free(all[policy.count].directory);
		all[policy.count].allow = **rules == '+';
		all[policy.count].directory = strdup((*rules)[1] == '/' ? *rules + 1 : in(*rules + 1));
	}
	policy.rules = all;
}
#define RULES(...) set_rules((const char *const []){ __VA_ARGS__, NULL })

static void end_rules(void)
{
	policy.count = 0;
	policy.rules = NULL;
}

static void only_what_is_allowed(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("ab", 0755);
	RULES("+a");
	expect_opened(in("a"), 0, "a");
	expect_opened(in("a/b/"), 0, "a/b");
	/* The same letters are not the same directory. */
	expect_refused(in("ab"), 0, -EKEYREJECTED);
	expect_refused(scratch, 0, -EKEYREJECTED);
	expect_refused("/", 0, -EKEYREJECTED);
	expect_refused("/etc", 0, -EKEYREJECTED);
	/* An allowed place of the kernel is still none. */
	RULES("+/proc", "+/dev");
	expect_refused("/proc", 0, -EXDEV);
	expect_refused("/dev", 0, -EXDEV);
	end_rules();
}

static void what_is_denied(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("ab", 0755);
	RULES("-a");
	expect_opened(in("ab"), 0, "ab");
	expect_opened(scratch, 0, ".");
	expect_refused(in("a"), 0, -EKEYREJECTED);
	expect_refused(in("a/./b"), 0, -EKEYREJECTED);
	RULES("-/");
	expect_refused("/", 0, -EKEYREJECTED);
	expect_refused(in("a"), 0, -EKEYREJECTED);
	end_rules();
}

static void the_deepest_rule_decides(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("a/b/c", 0755);
	RULES("+a", "-a/b", "+a/b/c");
	expect_opened(in("a"), 0, "a");
	expect_refused(in("a/b"), 0, -EKEYREJECTED);
	expect_opened(in("a/b/c"), 0, "a/b/c");
	RULES("+a/b/c", "-a/b", "+a");
	expect_opened(in("a"), 0, "a");
	expect_refused(in("a/b"), 0, -EKEYREJECTED);
	expect_opened(in("a/b/c"), 0, "a/b/c");
	/* "deny" where both name it, in either order */
	RULES("+a", "-a//./");
	expect_refused(in("a"), 0, -EKEYREJECTED);
	RULES("-a", "+a");
	expect_refused(in("a"), 0, -EKEYREJECTED);
	end_rules();
}

static void must_not_come_to_this(void)
{
	expect(!"a directory was made");
}

static void rules_hold_for_what_is_made(void)
{
	int dir;

	mkdir("a", 0755);
	RULES("+a/b", "-a/b/no");
	meanwhile = must_not_come_to_this;
	/* Neither in the parent, nor where it is denied; and nothing is made on the way. */
	expect_refused(in("a/x"), PATH_CREATE, -EKEYREJECTED);
	expect_refused(in("a/x/b"), PATH_CREATE, -EKEYREJECTED);
	expect_refused(in("a/b/no"), PATH_CREATE, -EKEYREJECTED);
	expect_refused(in("a/b/no/y"), PATH_CREATE, -EKEYREJECTED);
	expect_int(entries("a"), 0);
	meanwhile = NULL;
	dir = open_at(in("a/b/c/d"), PATH_CREATE);
	expect(dir >= 0);
	expect_int(created, 3);
	close(dir);
	expect_refused(in("a/b/no"), PATH_CREATE, -EKEYREJECTED);
	expect_int(entries("a/b"), 1);
	end_rules();
}

static void rules_look_through_links(void)
{
	if (geteuid() != 0)
		skip("root's links can only be made by root");
	mkdir("real", 0755);
	mkdir("real/sub", 0755);
	mkdir("in", 0755);
	expect(symlink("../real", "in/link") == 0);
	expect(symlink("real", "other") == 0);
	expect(symlink(in("real"), "absolute") == 0);
	/* A link out of what is allowed, and one into what is denied */
	RULES("+in");
	expect_refused(in("in/link"), 0, -EKEYREJECTED);
	expect_refused(in("in/link/made"), PATH_CREATE, -EKEYREJECTED);
	expect_int(entries("real"), 1);
	RULES("+real");
	expect_opened(in("in/link/sub"), 0, "real/sub");
	expect_opened(in("absolute/sub"), 0, "real/sub");
	RULES("-real/sub");
	expect_opened(in("in/link"), 0, "real");
	expect_refused(in("in/link/sub"), 0, -EKEYREJECTED);
	expect_refused(in("other/sub"), 0, -EKEYREJECTED);
	/* A rule that names a link means what it leads to. */
	RULES("-other");
	expect_refused(in("real"), 0, -EKEYREJECTED);
	RULES("+other/sub");
	expect_opened(in("real/sub"), 0, "real/sub");
	expect_opened(in("in/link/sub"), 0, "real/sub");
	expect_refused(in("real"), 0, -EKEYREJECTED);
	/* A user's link in a rule is not followed, and so opens nothing. */
	expect(lchown("other", 65534, 65534) == 0);
	expect_refused(in("real/sub"), 0, -EKEYREJECTED);
	end_rules();
}

static void no_links_followed(void)
{
	if (geteuid() != 0)
		skip("root's links can only be made by root");
	mkdir("real", 0755);
	mkdir("real/sub", 0755);
	expect(symlink("real", "link") == 0);
	policy.follow_links = false;
	expect_refused(in("link"), 0, -ELOOP);
	expect_refused(in("link/sub"), 0, -ELOOP);
	expect_refused(in("link/made"), PATH_CREATE, -ELOOP);
	expect_opened(in("real/sub"), 0, "real/sub");
	policy.follow_links = true;
	expect_opened(in("link/sub"), 0, "real/sub");
}

static void mode_and_owner_of_what_is_made(void)
{
	struct stat st;
	int dir;

	policy.directory_mode = 0775;
	if (geteuid() == 0) {
		policy.uid = 65534;
		policy.gid = 65533;
	}
	dir = open_at(in("a/b"), PATH_CREATE);
	policy = (struct policy)POLICY_DEFAULTS;
	expect(dir >= 0);
	expect_int(created, 2);
	expect(stat("a", &st) == 0);
	expect_int(st.st_mode & 07777, 0775);
	expect(stat("a/b", &st) == 0);
	expect_int(st.st_mode & 07777, 0775);
	if (geteuid() == 0) {
		expect_int(st.st_uid, 65534);
		expect_int(st.st_gid, 65533);
	}
	path_remove_created(in("a/b"), dir, created);
	close(dir);
	expect_int(entries("."), 0);
}

static volatile bool racing;

/* A user's directory that becomes a link and a directory again, without an end. */
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

static void race_with_a_link(void)
{
	struct stat vault, st;
	pthread_t thread;
	int opened = 0;

	mkdir("vault", 0755);
	mkdir("vault/in", 0755);
	mkdir("door", 0755);
	mkdir("door/in", 0755);
	expect(symlink(in("vault"), "trap") == 0);
	if (geteuid() == 0)
		expect(lchown("trap", 65534, 65534) == 0);
	expect(stat("vault/in", &vault) == 0);

	racing = true;
	expect(pthread_create(&thread, NULL, swap, NULL) == 0);
	for (int i = 0; i < 20000; i++) {
		int dir = open_at(in("door/in"), 0);

		if (dir < 0)
			continue;
		opened++;
		expect(fstat(dir, &st) == 0 && st.st_ino != vault.st_ino);
		close(dir);
	}
	for (int i = 0; i < 2000; i++) {
		int dir = open_at(in("door/made/here"), PATH_CREATE);

		if (dir >= 0) {
			path_remove_created(in("door/made/here"), dir, created);
			close(dir);
		}
	}
	racing = false;
	pthread_join(thread, NULL);
	ksft_print_msg("%d of 20000 found the directory\n", opened);
	expect(opened > 0);
	expect_int(entries("vault"), 1);
}

static void all(const char *how, int number)
{
	test_variant(plain, how, number);
	test_variant(missing, how, number);
	test_variant(file_on_the_way, how, number);
	test_variant(not_absolute, how, number);
	test_variant(too_long, how, number);
	test_variant(directories_are_made, how, number);
	test_variant(made_directories_are_taken_back, how, number);
	test_variant(failure_takes_back_what_was_made, how, number);
	test_variant(directories_that_cannot_be_synced, how, number);
	test_variant(what_appears_in_a_made_directory_is_not_taken_back, how, number);
	test_variant(links_of_users_refused, how, number);
	test_variant(links_of_root_followed, how, number);
	test_variant(links_of_the_system_followed, how, number);
	test_variant(dangling_and_endless_links, how, number);
	test_variant(links_that_grow_too_long, how, number);
	test_variant(places_of_the_kernel_refused, how, number);
	test_variant(kernel_file_systems_mounted_elsewhere_refused, how, number);
	test_variant(only_what_is_allowed, how, number);
	test_variant(what_is_denied, how, number);
	test_variant(the_deepest_rule_decides, how, number);
	test_variant(rules_hold_for_what_is_made, how, number);
	test_variant(rules_look_through_links, how, number);
	test_variant(no_links_followed, how, number);
	test_variant(mode_and_owner_of_what_is_made, how, number);
	test_variant(race_with_a_link, how, number);
}

int main(void)
{
	all("openat2", 0);
	all("walk", PATH_WALK);
	run_tests();
}
