// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the destination of a copy: the meaning of the two strings of START, and
 * what the daemon creates on the way.
 */
#include <linux/capability.h>
/* In Debian 11, this header must come before <linux/fs.h>. */
#include <sys/mount.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "../../daemons/fcopy/destination.h"
#include "../../daemons/fcopy/path.h"
#include "fcopy_test.h"
#include "meanwhile.h"
#include "test_policy.h"

static struct destination to;
static struct failure failure;

static enum refusal resolve(const char *path, const char *name, int how)
{
	struct destination_request request = request_for(path, name, how);

	memset(&to, 'x', sizeof(to));
	failure = (struct failure){ 0 };
	return destination_resolve(&request, &policy, &to, &failure);
}

/* Expect that the copy goes to DIRECTORY, by way of MISSING, as FILE. */
#define expect_goes(path, name, how, directory, missing, file, into) \
	expect_goes_at(__LINE__, path, name, how, directory, missing, file, into)
static void expect_goes_at(int line, const char *path, const char *name, int how,
			   const char *directory, const char *missing, const char *file, bool into)
{
	char *before = snapshot(scratch), *after, place[PATH_MAX];
	int files = open_files();
	struct stat have, want;
	bool good;

	good = expect_int(resolve(path, name, how), REFUSAL_NONE);
	if (good) {
		good &= expect(realpath(directory, place));
		good &= expect(!strcmp(to.directory, strcmp(place, "/") ? place : ""));
		good &= expect(!strcmp(to.missing, missing));
		good &= expect(!strcmp(to.name, file));
		good &= expect_int(to.into_directory, into);
		good &= expect_int(to.created, 0);
		good &= expect(fstat(to.dir, &have) == 0 && stat(directory, &want) == 0 &&
			       have.st_dev == want.st_dev && have.st_ino == want.st_ino);
		good &= expect(!to.target.st_mode ==
			       (*missing || fstatat(to.dir, file, &want, AT_SYMLINK_NOFOLLOW) < 0));
		destination_close(&to, false);
		good &= expect_int(to.dir, -1);
	}
	good &= expect_int(open_files(), files);
	after = snapshot(scratch);
	good &= expect(!strcmp(before, after));
	if (!good)
		ksft_print_msg("line %d: '%.200s' '%.100s' %d: '%.200s' '%.200s' '%.100s' %s: %s\n",
			       line, path, name, how, to.directory, to.missing, to.name,
			       refusal_words(failure.refusal), failure.detail);
	free(before);
	free(after);
}

#define expect_refused(path, name, how, refusal, detail) \
	expect_refused_at(__LINE__, path, name, how, refusal, detail)
static void expect_refused_at(int line, const char *path, const char *name, int how,
			      enum refusal refusal, const char *detail)
{
	char *before = snapshot(scratch), *after;
	int files = open_files();
	bool good;

	good = expect_int(resolve(path, name, how), refusal);
	good &= expect_int(failure.refusal, refusal);
	good &= expect_int(to.dir, -1);
	good &= expect(strstr(failure.detail, detail));
	good &= expect_int(open_files(), files);
	after = snapshot(scratch);
	good &= expect(!strcmp(before, after));
	if (!good)
		ksft_print_msg("line %d: '%.200s' '%.100s' %d: '%s', '%s' lacks '%s'\n", line, path,
			       name, how, refusal_words(failure.refusal), failure.detail, detail);
	free(before);
	free(after);
}

/* Return the path of @name without the '/' at its beginning. */
static const char *relative(const char *name)
{
	return in(name) + 1;
}

TEST(path_with_a_slash)
{
	make_tree("d/", "f");
	expect_goes(in("d/"), "src", 0, "d", "", "src", true);
	expect_goes(in("d//"), "src", FORCE | CREATE, "d", "", "src", true);
	expect_goes(in("d/."), "src", 0, "d", "", "src", true);
	expect_goes(in("d/./"), "src", 0, "d", "", "src", true);
	expect_goes(in("."), "src", 0, ".", "", "src", true);
	/* It does not exist, and only -CreateFullPath creates it. */
	expect_refused(in("new/"), "src", 0, REFUSAL_MISSING, in("new"));
	expect_refused(in("new/."), "src", FORCE, REFUSAL_MISSING, in("new"));
	expect_refused(in("d/x/y/"), "src", 0, REFUSAL_MISSING, in("d/x/y"));
	expect_goes(in("new/"), "src", CREATE, ".", "new", "src", true);
	expect_goes(in("new/."), "src", CREATE, ".", "new", "src", true);
	expect_goes(in("d/x//y///"), "src", CREATE, "d", "x/y", "src", true);
	/* A file is no directory. */
	expect_refused(in("f/"), "src", FORCE | CREATE, REFUSAL_NOT_DIRECTORY, in("f"));
	expect_refused(in("f/."), "src", FORCE | CREATE, REFUSAL_NOT_DIRECTORY, in("f"));
}

TEST(path_of_a_directory)
{
	make_tree("d/e/");
	for (int how = 0; how < 4; how++) {
		expect_goes(in("d"), "src", how, "d", "", "src", true);
		expect_goes(in("d/e"), "src", how, "d/e", "", "src", true);
	}
	/* A copy does not replace a directory that already has the name. */
	expect_refused(in("d"), "e", 0, REFUSAL_DIRECTORY, in("d/e"));
	expect_refused(in("d/"), "e", FORCE | CREATE, REFUSAL_DIRECTORY, in("d/e"));
}

TEST(path_of_a_file)
{
	mkdir("d", 0755);
	expect_goes(in("new"), "src", 0, ".", "", "new", false);
	expect_goes(in("d/new.bin"), "src", CREATE, "d", "", "new.bin", false);
	expect_goes(in("d//new.bin"), "src", CREATE | FORCE, "d", "", "new.bin", false);
	expect_goes(in("./d/./new.bin"), "src", 0, "d", "", "new.bin", false);
	/* The name counts even if it is like the source's. */
	expect_goes(in("d/src"), "src", 0, "d", "", "src", false);
	make_file("d/f", "");
	expect_refused(in("d/f"), "src", 0, REFUSAL_EXISTS, in("d/f"));
	/* These dots are parts of names. */
	expect_goes(in("..b/.c/.../f"), "src", CREATE, ".", "..b/.c/...", "f", false);
	expect_refused(in("d/f"), "src", CREATE, REFUSAL_EXISTS, in("d/f"));
	expect_goes(in("d/f"), "src", FORCE, "d", "", "f", false);
	expect_refused(in("d/"), "f", 0, REFUSAL_EXISTS, in("d/f"));
	expect_goes(in("d/"), "f", FORCE, "d", "", "f", true);
	expect_goes(in("d"), "f", FORCE, "d", "", "f", true);
	expect_refused(in("d/f/x"), "src", FORCE | CREATE, REFUSAL_NOT_DIRECTORY, in("d/f"));
}

TEST(missing_parents)
{
	mkdir("d", 0755);
	expect_refused(in("d/a/b"), "src", 0, REFUSAL_MISSING, in("d/a"));
	expect(!strstr(failure.detail, "/b "));
	expect_refused(in("d/a/b/c"), "src", FORCE, REFUSAL_MISSING, in("d/a/b"));
	expect(strstr(failure.detail, "-CreateFullPath"));
	expect_goes(in("d/a/b"), "src", CREATE, "d", "a", "b", false);
	expect_goes(in("d/a//b/./c"), "src", CREATE | FORCE, "d", "a/b", "c", false);
	expect_goes(in("x/y/z.bin"), "src", CREATE, ".", "x/y", "z.bin", false);
}

TEST(relative_and_empty_paths)
{
	mkdir("d", 0755);
	expect_goes(relative("d"), "src", 0, "d", "", "src", true);
	expect_goes(relative("d/new"), "src", 0, "d", "", "new", false);
	expect_goes(relative("a/b/"), "src", CREATE, ".", "a/b", "src", true);
	expect_refused("d/fcopy-test/x", "src", 0, REFUSAL_MISSING, "/d/fcopy-test");
	if (access("/", W_OK) < 0)
		skip("run this as root, where / is writable");
	expect_goes("", "fcopy-test", 0, "/", "", "fcopy-test", true);
	expect_goes("/", "fcopy-test", 0, "/", "", "fcopy-test", true);
	expect_goes("//", "fcopy-test", 0, "/", "", "fcopy-test", true);
	expect_goes(".", "fcopy-test", 0, "/", "", "fcopy-test", true);
	expect_goes("./", "fcopy-test", 0, "/", "", "fcopy-test", true);
	expect_goes("/.", "fcopy-test", 0, "/", "", "fcopy-test", true);
	expect_goes("fcopy-test", "src", 0, "/", "", "fcopy-test", false);
	expect_goes("//fcopy-test", "src", 0, "/", "", "fcopy-test", false);
	expect_goes("./fcopy-test", "src", 0, "/", "", "fcopy-test", false);
	expect_goes("fcopy-test/", "src", CREATE, "/", "fcopy-test", "src", true);
	expect_goes("fcopy-test/x", "src", CREATE, "/", "fcopy-test", "x", false);
	expect_refused("", "etc", FORCE, REFUSAL_DIRECTORY, "/etc");
	/* The working directory is not the root. */
	expect(chdir("d") == 0);
	expect_goes("./fcopy-test", "src", 0, "/", "", "fcopy-test", false);
}

/* Expect that the daemon refuses these paths, because nobody means them. */
#define expect_unmeant(...) expect_unmeant_paths((const char *const[]){ __VA_ARGS__, NULL })
static void expect_unmeant_paths(const char *const *paths)
{
	for (; *paths; paths++) {
		expect_refused(*paths, "src", 0, REFUSAL_NAME, "the path ");
		expect_refused(*paths, "src", FORCE | CREATE, REFUSAL_NAME, "the path ");
	}
}

/* They would create entries of these names in the root directory. */
TEST(paths_that_nobody_means)
{
	expect_unmeant("~/x", "~", "~/", "~root/x", "$HOME/x", "${HOME}/x", "$TEMP", "$(pwd)/x");
	expect_unmeant("file:///tmp/x", "http://host/x", "s3://b/x", "svn+ssh://h/x", "a.b-c:/x");
	expect_unmeant("C:x.txt", "c:x/y", "\"/tmp/x\"", "'/tmp/x'", "`pwd`/x");
	expect_unmeant("“/tmp/x", "“x”", "„x“/y", "«x»/y", "‹x›", "「x」");
	expect_unmeant(" /tmp/x", " x", "\xc2\xa0/tmp/x", "\xe2\x80\x83/tmp/x");
	expect_unmeant("\xe3\x80\x80/tmp/x", "\xef\xbb\xbf/tmp/x");
	/* These are names, at the start of a path or elsewhere. */
	mkdir("~", 0755);
	expect_goes(in("~/x"), "src", 0, "~", "", "x", false);
	expect_goes(in("$HOME"), "src", 0, ".", "", "$HOME", false);
	expect_goes(in(" x"), "src", 0, ".", "", " x", false);
	expect_goes(in("C:x"), "src", 0, ".", "", "C:x", false);
	if (access("/", W_OK) < 0)
		skip("run this as root, where / is writable");
	expect_goes("$1", "src", 0, "/", "", "$1", false);
	expect_goes("mail:x", "src", 0, "/", "", "mail:x", false);
	expect_goes("7z:/x", "src", CREATE, "/", "7z:", "x", false);
	expect_goes("\xc3\xa4:x", "src", 0, "/", "", "\xc3\xa4:x", false);
	if (mkdir("/~fcopy-test", 0755) < 0)
		skip("/ is not writable");
	expect_goes("~fcopy-test/x", "src", 0, "/~fcopy-test", "", "x", false);
	rmdir("/~fcopy-test");
}

TEST(too_long)
{
	char name[NAME_BYTES], path[PATH_MAX];

	mkdir("d", 0755);
	snprintf(name, sizeof(name), "%0255d", 0);
	expect_goes(in("d"), name, 0, "d", "", name, true);
	snprintf(path, sizeof(path), "%s/d/%s", scratch, name);
	expect_goes(path, "src", 0, "d", "", name, false);
	snprintf(path, sizeof(path), "%s/d/%s/", scratch, name);
	expect_goes(path, name, CREATE, "d", name, name, true);
	snprintf(name, sizeof(name), "%0256d", 0);
	expect_refused(in("d"), name, 0, REFUSAL_NAME_TOO_LONG, "000");
	expect_refused(in("new/"), name, CREATE, REFUSAL_NAME_TOO_LONG, "000");
	/* It does not count. */
	expect_goes(in("d/x"), name, 0, "d", "", "x", false);
	snprintf(path, sizeof(path), "%s/d/%s", scratch, name);
	expect_refused(path, "src", 0, REFUSAL_NAME_TOO_LONG, "000");
	snprintf(path, sizeof(path), "%s/d/%s/x", scratch, name);
	expect_refused(path, "src", CREATE, REFUSAL_NAME_TOO_LONG, "000");
}

TEST(force_never_replaces_a_link_to_a_directory)
{
	make_tree("real/", "d/link -> ../real");
	for (int user = 0; user < 2; user++) {
		if (user && (geteuid() != 0 || lchown("d/link", TEST_USER, TEST_USER) < 0))
			break;
		for (int how = 0; how < 4; how++) {
			expect_refused(in("d"), "link", how, REFUSAL_DIRECTORY, in("d/link"));
			expect_refused(in("d/"), "link", how, REFUSAL_DIRECTORY, in("d/link"));
		}
		/* Below a section nobody looks where the link leads. */
		add_place(true, scratch);
		expect_refused(in("d/link"), "src", 0, REFUSAL_EXISTS, in("d/link"));
		expect_goes(in("d/"), "link", FORCE, "d", "", "link", true);
		expect_goes(in("d/link"), "src", FORCE, "d", "", "link", false);
		expect_refused(in("d/link/"), "src", FORCE, REFUSAL_LINK, in("d/link"));
		default_policy();
		/* The path itself leads there only if the link is trusted. */
		if (geteuid() != 0 || user) {
			expect_refused(in("d/link"), "src", FORCE, REFUSAL_LINK, in("d/link"));
			expect_refused(in("d/link/"), "src", FORCE, REFUSAL_LINK, in("d/link"));
		} else {
			expect_goes(in("d/link"), "src", FORCE, "real", "", "src", true);
			expect_goes(in("d/link/"), "src", FORCE, "real", "", "src", true);
			expect_goes(in("d/link/new"), "src", 0, "real", "", "new", false);
			expect_goes(in("d/link/new/x"), "src", CREATE, "real", "new", "x", false);
		}
	}
	expect_refused("/", "bin", FORCE, REFUSAL_DIRECTORY, "/bin");
}

TEST_F(with_places, link_to_a_file_is_replaced_itself)
{
	static const char *const links[] = { "d/link", "d/to-link", "d/dangling", "d/endless",
					     "d/below-file" };
	const enum refusal refusal = geteuid() == 0 ? REFUSAL_MISSING : REFUSAL_LINK;

	make_tree("real/f", "d/link -> ../real/f", "d/to-link -> link", "d/dangling -> nowhere",
		  "d/endless -> endless", "d/below-file -> ../real/f/x", "way -> d/link");
	expect_goes(in("way"), "src", FORCE, ".", "", "way", false);
	expect_refused(in("d/dangling/"), "src", CREATE | FORCE, refusal, in("d/"));
	expect_refused(in("d/dangling/x"), "src", CREATE | FORCE, refusal, in("d/"));
	if (geteuid() == 0)
		expect_refused(in("way/x"), "src", FORCE, REFUSAL_NOT_DIRECTORY, in("real/f"));
	/* Links of root, of a user, and in a place */
	for (int round = 0; round < 3; round++) {
		if (round == 2)
			add_place(true, scratch);
		for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
			expect_goes(in(links[i]), "src", FORCE, "d", "", links[i] + 2, false);
			expect(S_ISLNK(to.target.st_mode));
			expect_goes(in("d"), links[i] + 2, FORCE, "d", "", links[i] + 2, true);
			expect_refused(in(links[i]), "src", CREATE, REFUSAL_EXISTS, in(links[i]));
			expect_refused(in("d"), links[i] + 2, 0, REFUSAL_EXISTS, in(links[i]));
			if (geteuid() == 0)
				expect(lchown(links[i], TEST_USER, TEST_USER) == 0);
		}
	}
}

/* A link that this user cannot look behind may lead to a directory. */
TEST_F(as_root_in_own_process, link_that_cannot_be_looked_behind)
{
	mkdir("d", 0755);
	expect(chown("d", TEST_USER, TEST_USER) == 0);
	mkdir("closed", 0700);
	make_tree("closed/real/", "d/link -> ../closed/real");
	as_user();
	expect_int(resolve(in("d"), "link", FORCE), REFUSAL_DIRECTORY);
	expect_int(to.dir, -1);
	expect_int(resolve(in("d/link"), "src", FORCE), REFUSAL_LINK);
	expect_int(to.dir, -1);
}

TEST(no_file)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "d/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	mkdir("d", 0755);
	mkfifo("d/pipe", 0600);
	expect(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
	expect_refused(in("d/pipe"), "src", FORCE, REFUSAL_NOT_FILE, in("d/pipe"));
	expect_refused(in("d/"), "pipe", FORCE | CREATE, REFUSAL_NOT_FILE, in("d/pipe"));
	expect_refused(in("d/socket"), "src", FORCE, REFUSAL_NOT_FILE, in("d/socket"));
	expect_refused(in("d/pipe"), "src", 0, REFUSAL_EXISTS, in("d/pipe"));
	expect_refused(in("d/pipe/x"), "src", CREATE, REFUSAL_NOT_DIRECTORY, in("d/pipe"));
	if (geteuid() == 0 && mknod("d/null", S_IFCHR | 0666, makedev(1, 3)) == 0 &&
	    mknod("d/block", S_IFBLK | 0600, makedev(7, 0)) == 0) {
		expect_refused(in("d/null"), "src", FORCE, REFUSAL_NOT_FILE, in("d/null"));
		expect_refused(in("d/"), "block", FORCE, REFUSAL_NOT_FILE, in("d/block"));
	}
}

static bool change_flag(const char *path, int flag, bool on)
{
	int flags = 0, fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool good = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;

	flags = on ? flags | flag : flags & ~flag;
	good = good && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	close(fd);
	return good;
}

TEST(immutable_and_append_only)
{
	make_tree("d/e/", "d/f");
	if (!change_flag("d/f", FS_IMMUTABLE_FL, true))
		skip("run this as root, with TMPDIR on a file system with immutable files, such as ext4");
	expect_refused(in("d/f"), "src", FORCE, REFUSAL_IMMUTABLE, "f is immutable");
	expect_refused(in("d"), "f", FORCE, REFUSAL_IMMUTABLE, in("d/f"));
	expect_refused(in("d/f"), "src", 0, REFUSAL_EXISTS, in("d/f"));
	expect_goes(in("d/g"), "src", FORCE, "d", "", "g", false);
	change_flag("d/f", FS_IMMUTABLE_FL, false);
	expect(change_flag("d/f", FS_APPEND_FL, true));
	expect_refused(in("d/f"), "src", FORCE, REFUSAL_IMMUTABLE, "f is append-only");
	change_flag("d/f", FS_APPEND_FL, false);
	expect_goes(in("d/f"), "src", FORCE, "d", "", "f", false);

	expect(change_flag("d", FS_IMMUTABLE_FL, true));
	expect_refused(in("d/f"), "src", FORCE, REFUSAL_IMMUTABLE, in("d/ is immutable"));
	expect_refused(in("d/new"), "src", 0, REFUSAL_IMMUTABLE, in("d/ is immutable"));
	/* Without a slash, as an administrator may type it */
	expect_refused(in("d"), "src", 0, REFUSAL_IMMUTABLE, in("d/ is immutable"));
	expect_refused(in("d/x/new"), "src", CREATE, REFUSAL_IMMUTABLE, in("d/ is immutable"));
	expect_refused(in("d/x/"), "src", CREATE, REFUSAL_IMMUTABLE, in("d/ is immutable"));
	expect_goes(in("d/e/new"), "src", 0, "d/e", "", "new", false);
	change_flag("d", FS_IMMUTABLE_FL, false);

	/* An append-only directory accepts new files and keeps them. */
	expect(change_flag("d", FS_APPEND_FL, true));
	expect_refused(in("d/f"), "src", FORCE, REFUSAL_IMMUTABLE, in("d/ is append-only"));
	expect_goes(in("d/new"), "src", 0, "d", "", "new", false);
	expect_int(resolve(in("d/new"), "src", 0), REFUSAL_NONE);
	expect(destination_is_append_only(&to));
	destination_close(&to, false);
	change_flag("d", FS_APPEND_FL, false);
	expect_int(resolve(in("d/new"), "src", 0), REFUSAL_NONE);
	expect(!destination_is_append_only(&to));
	destination_close(&to, false);
}

TEST_F(own_mounts, mounted_files)
{
	make_tree("d/f", "d/ram", "other");
	mount_tmpfs("m", NULL);
	make_file("m/f", "");
	need_mount(mount("other", "d/f", NULL, MS_BIND, NULL) == 0 &&
		   mount("m/f", "d/ram", NULL, MS_BIND, NULL) == 0);
	expect_refused(in("d/f"), "src", FORCE, REFUSAL_MOUNT_POINT, in("d/f"));
	expect_refused(in("d"), "f", FORCE, REFUSAL_MOUNT_POINT, in("d/f"));
	expect_refused(in("d/ram"), "src", FORCE, REFUSAL_MOUNT_POINT, in("d/ram"));
	expect_refused(in("d/f"), "src", 0, REFUSAL_EXISTS, in("d/f"));
	/* A mount point does not prevent copies into it. */
	expect_goes(in("m/f"), "src", FORCE, "m", "", "f", false);
	expect_goes(in("other"), "src", FORCE, ".", "", "other", false);
	expect_goes(in("m"), "src", 0, "m", "", "src", true);
}

static int no_statx(unsigned int n, const uint64_t args[6])
{
	return ENOSYS;
}

/*
 * Before Linux 4.11 and 5.8: the kernel tells neither attributes nor mount
 * points.
 */
TEST_F(own_mounts, kernel_without_statx)
{
	make_tree("d/f", "d/ram");
	mount_tmpfs("m", NULL);
	make_file("m/f", "");
	need_mount(mount("m/f", "d/ram", NULL, MS_BIND, NULL) == 0);
	meanwhile(SYS_statx, no_statx);
	expect_int(resolve(in("d/f"), "src", FORCE), REFUSAL_NONE);
	expect(meanwhile_calls > 0);
	expect(!destination_is_append_only(&to));
	destination_close(&to, false);
	expect_int(resolve(in("d/ram"), "src", FORCE), REFUSAL_MOUNT_POINT);
	expect_int(resolve(in("d/new"), "src", 0), REFUSAL_NONE);
	destination_close(&to, false);
}

/* Overlayfs shows a file of a lower layer with that layer's device. */
TEST_F(own_mounts, overlay)
{
	make_tree("over/", "low/f", "low/d/f");
	mount_tmpfs("ram", NULL);
	make_tree("ram/up/", "ram/work/");
	need_mount(mount("overlay", "over", "overlay", 0,
			 "lowerdir=low,upperdir=ram/up,workdir=ram/work,xino=off") == 0);
	expect_goes(in("over/f"), "src", FORCE, "over", "", "f", false);
	expect_goes(in("over/d"), "f", FORCE, "over/d", "", "f", true);
	PLACES("+over", "-over/f");
	expect_refused(in("over/f"), "src", FORCE, REFUSAL_DISABLED, "places.conf:2");
	expect_refused(in("over"), "f", FORCE, REFUSAL_DISABLED, "places.conf:2");
}

TEST_F(own_mounts, read_only_mount)
{
	make_tree("d/f", "m/");
	need_mount(mount("d", "m", NULL, MS_BIND, NULL) == 0 &&
		   mount(NULL, "m", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
	expect_refused(in("m/new"), "src", 0, REFUSAL_READ_ONLY, in("m"));
	expect_refused(in("m/f"), "src", FORCE, REFUSAL_READ_ONLY, in("m"));
	expect_refused(in("m/x/new"), "src", CREATE, REFUSAL_READ_ONLY, in("m"));
	expect_refused(in("m/x/"), "src", CREATE, REFUSAL_READ_ONLY, in("m"));
	expect_refused(in("m"), "src", 0, REFUSAL_READ_ONLY, in("m"));
	expect_goes(in("d/new"), "src", 0, "d", "", "new", false);
}

static void drop_capability(int which)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	expect(syscall(SYS_capget, &header, data) == 0);
	data[which / 32].effective &= ~(1u << which % 32);
	data[which / 32].permitted &= ~(1u << which % 32);
	expect(syscall(SYS_capset, &header, data) == 0);
}

static void without_cap_fowner(void)
{
	drop_capability(CAP_FOWNER);
	expect_int(resolve(in("s/users"), "src", FORCE), REFUSAL_ACCESS);
	expect(strstr(failure.detail, in("s/users")) && strstr(failure.detail, "sticky"));
	expect_int(resolve(in("s/link"), "src", FORCE), REFUSAL_ACCESS);
	/*
	 * One's own file, one's own directory, one that is not sticky, and a
	 * new file
	 */
	expect_goes(in("s/roots"), "src", FORCE, "s", "", "roots", false);
	expect_goes(in("own/users"), "src", FORCE, "own", "", "users", false);
	expect_goes(in("free/users"), "src", FORCE, "free", "", "users", false);
	expect_goes(in("s/new"), "src", 0, "s", "", "new", false);
	/* The view of the kernel */
	make_file("s/new", "");
	expect(rename("s/new", "s/users") < 0 && errno == EPERM);
	expect(rename("s/new", "s/roots") == 0);
}

static void sticky_as_user(void)
{
	as_user();
	expect_int(resolve(in("s/roots"), "src", FORCE), REFUSAL_NONE);
	destination_close(&to, false);
	expect_int(resolve(in("own/roots"), "src", FORCE), REFUSAL_ACCESS);
	expect_int(resolve(in("own/users"), "src", FORCE), REFUSAL_NONE);
	destination_close(&to, false);
}

TEST_F(as_root, sticky_directories)
{
	static const struct {
		const char *name;
		mode_t mode;
		uid_t owner;
	} directories[] = {
		{ "s", 01777, TEST_USER },
		{ "own", 01777, 0 },
		{ "free", 0777, TEST_USER },
	};
	char file[32];

	for (size_t i = 0; i < 3; i++) {
		mkdir(directories[i].name, 0755);
		snprintf(file, sizeof(file), "%s/users", directories[i].name);
		make_file(file, "");
		/*
		 * In the first one it belongs neither to root nor to the
		 * directory's owner.
		 */
		expect(chown(file, i ? TEST_USER : TEST_USER - 1, TEST_USER) == 0);
		snprintf(file, sizeof(file), "%s/roots", directories[i].name);
		make_file(file, "");
		expect(chown(directories[i].name, directories[i].owner, 0) == 0 &&
		       chmod(directories[i].name, directories[i].mode) == 0);
	}
	expect(symlink("users", "s/link") == 0 && lchown("s/link", TEST_USER, TEST_USER) == 0);
	/* CAP_FOWNER may do everything. */
	expect_goes(in("s/users"), "src", FORCE, "s", "", "users", false);
	expect_int(in_child(sticky_as_user), 0);
	expect_int(in_child(without_cap_fowner), 0);
}

TEST_F(as_root_in_own_process, missing_permission)
{
	make_tree("d/f", "free/f");
	expect(chmod("free/f", 0400) == 0);
	expect(chmod("free", 0777) == 0);
	as_user();
	expect_refused(in("d/new"), "src", 0, REFUSAL_ACCESS, in("d/"));
	expect_refused(in("d/f"), "src", FORCE, REFUSAL_ACCESS, in("d/"));
	expect_refused(in("d/x/new"), "src", CREATE, REFUSAL_ACCESS, in("d/"));
	expect_refused(in("d"), "src", 0, REFUSAL_ACCESS, in("d/"));
	expect_goes(in("free/new"), "src", 0, "free", "", "new", false);
	/* The file's own bits do not matter. */
	expect_goes(in("free/f"), "src", FORCE, "free", "", "f", false);
}

TEST_F(with_places, places_of_the_kernel)
{
	expect_refused("/proc/", "x", CREATE, REFUSAL_KERNEL, "/proc");
	expect_refused("/proc/fcopy-test", "x", 0, REFUSAL_KERNEL, "/proc");
	expect_refused("/sys/kernel/x", "x", FORCE, REFUSAL_KERNEL, "/sys/kernel");
	expect_refused("/dev/null", "x", FORCE, REFUSAL_KERNEL, "/dev");
	expect_refused("/dev/shm/x", "x", FORCE, REFUSAL_KERNEL, "/dev");
	expect_refused("/dev/fcopy-test/x", "x", CREATE, REFUSAL_KERNEL, "/dev");
	expect_refused("/proc/self/cwd/x", "x", FORCE, REFUSAL_KERNEL, "/proc/self");
	expect_refused("", "proc", FORCE, REFUSAL_DIRECTORY, "/proc");
	PLACES("+/proc", "+/dev");
	expect_refused("/proc/", "x", CREATE, REFUSAL_KERNEL, "/proc");
}

TEST_F(with_places, places_hold)
{
	make_tree("a/b/", "a/secret", "a/free");
	PLACES("+a", "-a/secret", "-a/b", "-a/none", "+a/b/in", "+a/missing");
	mkdir("a/b/in", 0755);
	expect_goes(in("a/free"), "src", FORCE, "a", "", "free", false);
	expect(to.place == &policy.places[0]);
	expect_goes(in("a/b/in"), "src", 0, "a/b/in", "", "src", true);
	expect(to.place == &policy.places[4]);
	expect_refused(in("a/secret"), "src", FORCE, REFUSAL_DISABLED, "places.conf:2");
	expect_refused(in("a"), "secret", FORCE, REFUSAL_DISABLED, "places.conf:2");
	expect_refused(in("a/b"), "src", FORCE, REFUSAL_DISABLED, "places.conf:3");
	expect_refused(in("a/none"), "src", 0, REFUSAL_DISABLED, "places.conf:4");
	expect_refused(in("a"), "none", 0, REFUSAL_DISABLED, "places.conf:4");
	expect_refused(in("a/none/"), "src", CREATE, REFUSAL_DISABLED, "places.conf:4");
	expect_goes(in("a/new/x/f"), "src", CREATE, "a", "new/x", "f", false);
	/* A refusal does not tell whether something exists. */
	expect_refused(in("a/b/new"), "src", 0, REFUSAL_DISABLED, "places.conf:3");
	expect_refused(in("a/b/x/new"), "src", 0, REFUSAL_DISABLED, "places.conf:3");
	expect_refused(in("new"), "src", 0, REFUSAL_RULE, "no section");
	expect_refused("/", "etc", 0, REFUSAL_RULE, "no section");
	expect_refused("~/x", "src", CREATE, REFUSAL_NAME, "'~'");
	/* A copy does not create the place. */
	expect_refused(in("a/missing"), "src", CREATE, REFUSAL_MISSING, "places.conf:6");
	expect_refused(in("a/missing/x/"), "src", CREATE, REFUSAL_MISSING, "places.conf:6");
	expect_refused(in("a"), "missing", CREATE, REFUSAL_RULE, "section of its own");
}

static int only_count(unsigned int n, const uint64_t args[6])
{
	return 0;
}

/* Outside of the places the daemon mounts nothing, and reveals nothing. */
TEST_F(in_own_process, nothing_outside_is_opened)
{
	unsigned int before;

	mkdir("a", 0755);
	PLACES("+a", "-shut");
	meanwhile(SYS_openat, only_count);
	before = meanwhile_calls;
	expect_int(resolve("/etc/shadow/x", "src", FORCE | CREATE), REFUSAL_RULE);
	expect_int(resolve("/etc/no-such-file/x", "src", FORCE | CREATE), REFUSAL_RULE);
	expect_int(resolve("/etc/shadow", "src", FORCE | CREATE), REFUSAL_RULE);
	expect_int(resolve(in("other/x"), "src", FORCE | CREATE), REFUSAL_RULE);
	expect_int(resolve(in("shut/x"), "src", FORCE | CREATE), REFUSAL_DISABLED);
	expect_int(meanwhile_calls, before);
	expect_int(resolve(in("a/x"), "src", 0), REFUSAL_NONE);
	expect(meanwhile_calls > before);
	destination_close(&to, false);
}

/* A link of root in the root's section leads into another place. */
TEST_F(with_places_as_root, link_into_another_place)
{
	make_tree("shut/file", "open/deep/", "to-shut -> shut", "to-open -> open",
		  "round -> shut/../open");
	PLACES("+/", "-shut", "+open");
	expect_refused(in("to-shut/f"), "src", 0, REFUSAL_DISABLED, "places.conf:2");
	/* The walk does not look at what the other place holds. */
	expect_refused(in("to-shut/file/f"), "src", 0, REFUSAL_DISABLED, "places.conf:2");
	expect_refused(in("to-shut/missing/f"), "src", 0, REFUSAL_DISABLED, "places.conf:2");
	expect_refused(in("round/f"), "src", 0, REFUSAL_LINK, "shut is on the way of a link");
	/* Nor does it look where the last component leads. */
	make_tree("to-file -> shut/file", "to-none -> shut/none");
	for (int how = 0; how < 4; how++) {
		expect_refused(in("to-file"), "src", how, REFUSAL_DISABLED, "places.conf:2");
		expect_refused(in("to-none"), "src", how, REFUSAL_DISABLED, "places.conf:2");
		expect_refused(in("round"), "src", how, REFUSAL_LINK, "on the way of a link");
	}
	expect_goes(in("to-open/f"), "src", 0, "open", "", "f", false);
	expect(to.place == &policy.places[2]);
	expect_goes(in("to-open/deep"), "src", 0, "open/deep", "", "src", true);
	/* A walk that begins at the other place follows no link. */
	expect(symlink("deep", "open/link") == 0);
	expect_refused(in("open/link/f"), "src", 0, REFUSAL_LINK, in("open/link"));
}

/* The walk has the permissions of the place's user. */
TEST_F(with_places_as_root, walk_as_the_user)
{
	make_tree("drop/mine/");
	mkdir("drop/roots", 0700);
	expect(chown("drop/mine", TEST_USER, TEST_USER) == 0 && chmod(".", 0700) == 0);
	PLACES("+drop");
	policy.places[0].settings.has_user = true;
	policy.places[0].settings.identity =
		(struct identity){ .uid = TEST_USER, .gid = TEST_USER, .name = "app" };
	expect_goes(in("drop/mine/f"), "src", 0, "drop/mine", "", "f", false);
	expect_refused(in("drop/roots/f"), "src", 0, REFUSAL_ACCESS, in("drop/roots"));
	expect_refused(in("drop/f"), "src", 0, REFUSAL_ACCESS, in("drop/ (as user app)"));
	expect_int(identity_uid(), 0);
	expect(chmod(".", 0755) == 0);
}

/* destination_resolve() that succeeds, and destination_make() */
static enum refusal make(const char *path, const char *name)
{
	enum refusal refusal;

	if (!expect_int(resolve(path, name, CREATE), REFUSAL_NONE))
		return REFUSAL_COUNT;
	expect_int(identity_assume(settings_identity(&to.place->settings)), 0);
	refusal = destination_make(&to, &policy, &failure);
	identity_assume(NULL);
	return refusal;
}

TEST(directories_are_made)
{
	int before = open_files();
	struct stat st, dir;

	umask(027);
	expect_int(make(in("a/b/c/file"), "src"), REFUSAL_NONE);
	umask(022);
	expect_int(to.created, 3);
	expect(!*to.missing);
	expect(!strcmp(to.directory, in("a/b/c")) && !strcmp(to.name, "file"));
	st = stat_of("a/b/c");
	expect_int(mode_of("a/b/c"), 0750);
	expect(fstat(to.dir, &dir) == 0 && path_same_file(&st, &dir));
	expect(fsync(to.dir) == 0);
	expect_int(entries("a/b/c"), 0);
	expect_int(destination_check_target(&to, false, &failure), REFUSAL_NONE);
	destination_close(&to, false);
	expect_int(entries("a/b"), 1);

	/* The daemon records only what was missing, and removes only that. */
	expect_int(make(in("a/b/d/e/"), "src"), REFUSAL_NONE);
	expect_int(to.created, 2);
	destination_close(&to, true);
	expect_int(to.dir, -1);
	expect_int(entries("a/b"), 1);
	/* Nothing was missing, and the directory can be synced nevertheless. */
	expect_int(make(in("a/b/c"), "src"), REFUSAL_NONE);
	expect_int(to.created, 0);
	expect(fsync(to.dir) == 0);
	destination_close(&to, true);
	expect_int(entries("a/b"), 1);
	expect_int(open_files(), before);
}

TEST_F(with_places, made_directories_get_what_the_policy_says)
{
	policy.everywhere.settings.directory_mode = 0775;
	if (geteuid() == 0) {
		policy.everywhere.settings.has_user = policy.everywhere.settings.has_group = true;
		policy.everywhere.settings.identity.uid = 12345;
		policy.everywhere.settings.gid = 54321;
		policy.everywhere.settings.identity.gid = 54321;
		expect(chmod(".", 0777) == 0);
	}
	umask(077);
	expect_int(make(in("a/b/file"), "src"), REFUSAL_NONE);
	expect_int(umask(022), 077);
	destination_close(&to, false);
	for (int i = 0; i < 2; i++) {
		expect_int(mode_of(i ? "a/b" : "a"), 0775);
		if (geteuid() == 0)
			expect(belongs_to(i ? "a/b" : "a", 12345, 54321));
	}
	if (geteuid() == 0) {
		policy.everywhere.settings.has_user = false;
		expect_int(make(in("a/z/file"), "src"), REFUSAL_NONE);
		destination_close(&to, false);
		expect(belongs_to("a/z", 0, 54321));
	}
	policy.everywhere.settings.directory_mode = 01777;
	expect_int(make(in("t/file"), "src"), REFUSAL_NONE);
	destination_close(&to, false);
	expect_int(mode_of("t"), 01777);
}

TEST(made_directories_are_taken_back)
{
	mkdir("a", 0755);
	/* Somebody uses the directories. */
	expect_int(make(in("a/b/c/file"), "src"), REFUSAL_NONE);
	make_file("a/b/c/others", "");
	destination_close(&to, true);
	expect_int(entries("a/b/c"), 1);
	expect_int(make(in("a/x/y/file"), "src"), REFUSAL_NONE);
	make_file("a/x/others", "");
	destination_close(&to, true);
	expect_int(entries("a/x"), 1);
	/* Somebody has put another directory there. */
	expect_int(make(in("a/p/q/file"), "src"), REFUSAL_NONE);
	expect(rename("a/p/q", "a/p/r") == 0 && mkdir("a/p/q", 0755) == 0);
	destination_close(&to, true);
	expect_int(entries("a/p"), 2);
}

static int calls_to_fail;
static int failing_call;

static int fail_one(unsigned int n, const uint64_t args[6])
{
	return (int)n == failing_call ? calls_to_fail : 0;
}

/*
 * VARIANT is the system call that fails with calls_to_fail, each time a later
 * call of it.
 */
static void make_in_vain(void)
{
	int before = open_files();
	enum refusal refusal;

	if (!expect_int(resolve(in("a/b/c/d/file"), "src", CREATE), REFUSAL_NONE))
		return;
	meanwhile(variant, fail_one);
	refusal = destination_make(&to, &policy, &failure);
	if ((int)meanwhile_calls < failing_call) {
		/* No call was left that could fail. */
		expect_int(refusal, REFUSAL_NONE);
		failing_call = 0;
		destination_close(&to, true);
		leave_child(42);
	}
	if (refusal == REFUSAL_NONE)
		ksft_print_msg("call %d failed, and nobody noticed\n", failing_call);
	expect(refusal != REFUSAL_NONE);
	expect_int(failure.refusal, refusal);
	expect_int(failure.error, calls_to_fail);
	expect(strstr(failure.detail, in("a")));
	expect_int(to.dir, -1);
	expect_int(open_files(), before);
	expect_int(entries(in("a")), 0);
}

/* Call @body until no system call is left that could fail. */
static void fail_each_call(void (*body)(void))
{
	int status = 0;

	for (failing_call = 1; failing_call < 100; failing_call++) {
		status = in_child(body);
		if (status != 0)
			break;
	}
	if (status == NO_MEANWHILE)
		leave_child(status);
	if (!expect_int(status, 42))
		ksft_print_msg("it was call %d\n", failing_call);
	expect(failing_call >= 4);
}

static void nothing_is_left_of_a_failure(void)
{
	mkdir("a", 0755);
	calls_to_fail = variant == SYS_openat ? EMFILE : EIO;
	fail_each_call(make_in_vain);
	expect_int(entries("a"), 0);
}

static void resolve_in_vain(void)
{
	int before = open_files();
	enum refusal refusal;

	meanwhile(SYS_openat, fail_one);
	refusal = resolve(in("link/b/file"), "src", CREATE);
	if ((int)meanwhile_calls < failing_call) {
		expect_int(refusal, REFUSAL_NONE);
		leave_child(42);
	}
	expect_int(refusal, REFUSAL_FILES);
	expect_int(failure.error, EMFILE);
	expect_int(to.dir, -1);
	expect_int(open_files(), before);
}

TEST_F(as_root_in_own_process, too_many_open_files)
{
	mkdir("a", 0755);
	expect(symlink(in("a"), "link") == 0);
	calls_to_fail = EMFILE;
	fail_each_call(resolve_in_vain);
}

/* Others are active while directories are made. */
static void make_tree_of_others(void)
{
	make_tree("a/", "vault/");
}

static const struct fixture among_others = { .child = true, .begin = make_tree_of_others };
static const struct fixture among_others_as_root = { .root = true,
						     .child = true,
						     .begin = make_tree_of_others };

static int faster(unsigned int n, const uint64_t args[6])
{
	if (n == 2)
		mkdir(in("a/b/c"), 0711);
	return 0;
}

/* Somebody makes the second one of four. */
TEST_F(among_others, somebody_is_faster)
{
	expect_int(resolve(in("a/b/c/d/e/file"), "src", CREATE), REFUSAL_NONE);
	meanwhile(SYS_mkdirat, faster);
	expect_int(destination_make(&to, &policy, &failure), REFUSAL_NONE);
	expect_int(meanwhile_calls, 4);
	/* Their directory belongs to them, and so does everything above it. */
	expect_int(to.created, 2);
	expect_int(mode_of("a/b/c"), 0711);
	destination_close(&to, true);
	expect_int(entries("a/b/c"), 0);
	expect_int(entries("a/b"), 1);
}

static int faster_with_a_file(unsigned int n, const uint64_t args[6])
{
	if (n == 3)
		make_file(in("a/b/c/d"), "");
	return 0;
}

TEST_F(among_others, somebody_is_faster_with_a_file)
{
	expect_int(resolve(in("a/b/c/d/e/file"), "src", CREATE), REFUSAL_NONE);
	meanwhile(SYS_mkdirat, faster_with_a_file);
	expect_int(destination_make(&to, &policy, &failure), REFUSAL_NOT_DIRECTORY);
	expect(strstr(failure.detail, in("a/b/c/d")));
	expect_int(to.dir, -1);
	expect(holds("a/b/c/d", ""));
}

static int swap_made(unsigned int n, const uint64_t args[6])
{
	struct stat st;

	/* Between mkdir() of a/b and what opens it */
	if (stat(in("a/b"), &st) == 0 && st.st_uid == 12345) {
		rename(in("a/b"), in("a/mine"));
		mkdir(in("a/b"), 0700);
		expect(chown(in("a/b"), TEST_USER, TEST_USER) == 0);
	}
	return 0;
}

TEST_F(among_others_as_root, somebody_swaps_what_was_made)
{
	policy.everywhere.settings.has_user = true;
	policy.everywhere.settings.identity.uid = 12345;
	expect(chmod(".", 0755) == 0 && chmod("a", 0777) == 0);
	expect_int(resolve(in("a/b/c/file"), "src", CREATE), REFUSAL_NONE);
	meanwhile(SYS_openat, swap_made);
	expect_int(identity_assume(&policy.everywhere.settings.identity), 0);
	expect_int(destination_make(&to, &policy, &failure), REFUSAL_BUSY);
	identity_assume(NULL);
	expect_int(to.dir, -1);
	/* The other directory keeps its owner, and stays. */
	expect_int(stat_of("a/b").st_uid, TEST_USER);
	expect_int(entries("a/b"), 0);
}

static int swap_for_a_link(unsigned int n, const uint64_t args[6])
{
	struct stat st;

	if (lstat(in("a/b"), &st) == 0 && S_ISDIR(st.st_mode)) {
		rename(in("a/b"), in("a/mine"));
		expect(symlink(in("vault"), in("a/b")) == 0);
	}
	return 0;
}

TEST_F(among_others_as_root, somebody_swaps_it_for_a_link)
{
	expect_int(resolve(in("a/b/c/file"), "src", CREATE), REFUSAL_NONE);
	meanwhile(SYS_openat, swap_for_a_link);
	expect_int(destination_make(&to, &policy, &failure), REFUSAL_NOT_DIRECTORY);
	expect_int(to.dir, -1);
	expect_int(entries("vault"), 0);
}

/* A directory that the copy creates is the place of another section. */
TEST_F(with_places_as_root, place_that_is_found_later)
{
	make_tree("a/shut/");
	PLACES("+a", "-a/shut");
	expect_int(resolve(in("a/x/y/file"), "src", CREATE), REFUSAL_NONE);
	/* A user moves the directory into the other place meanwhile. */
	expect(rename("a/shut", "shut") == 0 && mkdir("a/x", 0755) == 0);
	expect(symlink("a/x", "link") == 0 && rename("a/x", "a/shut") == 0);
	close(to.dir);
	to.dir = open("a/shut", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect_int(destination_make(&to, &policy, &failure), REFUSAL_RULE);
	expect(strstr(failure.detail, "places.conf:2"));
	expect_int(to.dir, -1);
	expect_int(entries("a/shut"), 0);
}

TEST(target_is_looked_at_again)
{
	mkdir("a", 0755);
	expect_int(make(in("a/b/file"), "src"), REFUSAL_NONE);
	expect_int(destination_check_target(&to, false, &failure), REFUSAL_NONE);
	expect_int(to.target.st_mode, 0);
	make_file("a/b/file", "12345");
	expect_int(destination_check_target(&to, false, &failure), REFUSAL_EXISTS);
	expect_int(destination_check_target(&to, true, &failure), REFUSAL_NONE);
	expect_int(to.target.st_size, 5);
	unlink("a/b/file");
	mkdir("a/b/file", 0755);
	expect_int(destination_check_target(&to, true, &failure), REFUSAL_DIRECTORY);
	rmdir("a/b/file");
	expect(symlink("..", "a/b/file") == 0);
	expect_int(destination_check_target(&to, true, &failure), REFUSAL_DIRECTORY);
	unlink("a/b/file");
	expect_int(destination_check_target(&to, true, &failure), REFUSAL_NONE);
	expect_int(to.target.st_mode, 0);
	destination_close(&to, true);
	expect_int(entries("a"), 0);
}

int main(void)
{
	test_variant(in_own_process, nothing_is_left_of_a_failure, "mkdirat", SYS_mkdirat);
	test_variant(in_own_process, nothing_is_left_of_a_failure, "openat", SYS_openat);
	test_variant(in_own_process, nothing_is_left_of_a_failure, "fsync", SYS_fsync);
	run_tests();
}
