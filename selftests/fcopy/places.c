// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the table of places: which place decides about a path, and that a
 * directory is in the place that its path names.
 */
#include <sys/mount.h>
#include <sys/syscall.h>

#include "../../daemons/fcopy/path.h"
#include "../../daemons/fcopy/places.h"
#include "fcopy_test.h"
#include "meanwhile.h"
#include "test_log.h"
#include "test_policy.h"

static struct failure failure;

/* Expect that the N-th section decides about PATH; with 0, that none does. */
#define expect_place(path, n) expect_place_at(__LINE__, path, n)
static void expect_place_at(int line, const char *path, size_t n)
{
	const struct place *place = places_find(&policy, path);

	if (!expect(n ? place == &policy.places[n - 1] : !place))
		ksft_print_msg("line %d: %s\n", line, path);
}

/* places_confirm() for a directory and the place that decides about its path */
static enum refusal confirm(const char *directory, const char *below)
{
	int before = open_files(), dir = open(directory, PATH_STEP);
	enum refusal refusal;

	if (!expect(dir >= 0))
		return REFUSAL_COUNT;
	failure = (struct failure){ 0 };
	refusal = places_confirm(&policy, places_find(&policy, directory), dir, directory, below,
				 &failure);
	close(dir);
	expect_int(open_files(), before);
	return refusal;
}

#define expect_confirmed(directory, below) expect_confirmed_at(__LINE__, confirm(directory, below))
static void expect_confirmed_at(int line, enum refusal refusal)
{
	if (!expect_int(refusal, REFUSAL_NONE))
		ksft_print_msg("line %d: '%s'\n", line, failure.detail);
}

#define expect_denied(directory, below, detail) \
	expect_denied_at(__LINE__, confirm(directory, below), detail)
static void expect_denied_at(int line, enum refusal refusal, const char *detail)
{
	if (!(expect_int(refusal, REFUSAL_RULE) & expect(strstr(failure.detail, detail))))
		ksft_print_msg("line %d: '%s'\n", line, failure.detail);
}

TEST(without_a_section)
{
	default_policy();
	expect(places_find(&policy, "") == &policy.everywhere);
	expect(places_find(&policy, "/etc/shadow") == &policy.everywhere);
	expect_confirmed("/etc", "systemd/system/hv-fcopyd.service");
}

TEST_F(with_places, the_deepest_place_decides)
{
	PLACES("+/srv", "-/srv/a", "+/srv/a/b");
	expect_place("/srv", 1);
	expect_place("/srv/x/y", 1);
	expect_place("/srv/a", 2);
	expect_place("/srv/a/x", 2);
	expect_place("/srv/a/b", 3);
	expect_place("/srv/a/b/x", 3);
	/* The same letters are not the same directory. */
	expect_place("/srv/ab", 1);
	expect_place("/srv/a/bc", 2);
	expect_place("/srvx", 0);
	expect_place("/SRV", 0);
	expect_place("", 0);
	expect_place("/etc", 0);
	/* The order of the sections does not matter. */
	PLACES("+/srv/a/b", "-/srv/a", "+/", "+/srv");
	expect_place("/srv/a/b/x", 1);
	expect_place("/srv/a/x", 2);
	expect_place("/srv/x", 4);
	expect_place("/etc", 3);
	expect_place("", 3);
}

TEST_F(with_places, directory_is_in_its_place)
{
	make_tree("a/b/", "a/shut/", "other/");
	PLACES("+a", "-a/shut", "-a/missing", "-other");
	expect_confirmed(in("a"), "f");
	expect_confirmed(in("a/b"), "x/y/f");
	/* A user who owns a/ moves directories. */
	expect(rename("a/b", "a/shut/b") == 0 && symlink("shut/b", "a/b") == 0);
	expect(mkdir("a/c", 0755) == 0);
	expect_confirmed(in("a/c"), "f");
	for (int i = 0; i < 2; i++) {
		int dir = open(i ? "other" : "a/shut/b", PATH_STEP);

		expect_int(places_confirm(&policy, &policy.places[0], dir, "place", "f", &failure),
			   REFUSAL_RULE);
		expect(strstr(failure.detail, i ? "no longer in" : "places.conf:2"));
		close(dir);
	}
}

TEST_F(with_places, file_of_another_section)
{
	make_tree("a/etc/shadow");
	expect(link("a/etc/shadow", "a/hard") == 0);
	PLACES("+a", "-a/etc/shadow");
	expect_denied(in("a"), "hard", "places.conf:2");
	expect_confirmed(in("a"), "soft");
	expect_confirmed(in("a/etc"), "shadow-");
}

TEST_F(own_mounts, bind_mount_of_another_place)
{
	make_tree("srv/secret/in/", "srv/bound/", "srv/deep/");
	need_mount(mount("srv/secret", "srv/bound", NULL, MS_BIND, NULL) == 0 &&
		   mount("srv/secret/in", "srv/deep", NULL, MS_BIND, NULL) == 0);
	mount_tmpfs("srv/ram", NULL);
	PLACES("+srv", "-srv/secret");
	expect_denied(in("srv/bound"), "f", "places.conf:2");
	expect_denied(in("srv/bound/in"), "f", "places.conf:2");
	expect_confirmed(in("srv/ram"), "f");
	/* The path upwards from here does not pass the denied directory. */
	expect_confirmed(in("srv/deep"), "f");
	PLACES("+/", "-srv/secret");
	expect_denied(in("srv/bound"), "f", "places.conf:2");
	expect_confirmed(in("srv"), "f");
	/* Of two names for one directory, the deeper one decides. */
	make_tree("twice/again/");
	need_mount(mount("twice", "twice/again", NULL, MS_BIND, NULL) == 0);
	PLACES("+twice", "-twice/again");
	expect_denied(in("twice"), "f", "places.conf:2");
}

static bool looked;

static int look(unsigned int n, const uint64_t args[6])
{
	looked |= !strcmp((const char *)args[1], in("srv/dead mount/keys"));
	return 0;
}

/* The disk of another place may hang. @variant: a system call that waits */
static void place_on_another_disk(void)
{
	make_tree("srv/file", "srv/dead mount/");
	mount_tmpfs("srv/dead mount", NULL);
	make_tree("srv/dead mount/keys", "srv/dead mount/file");
	PLACES("+srv", "-srv/dead mount/keys");
	meanwhile(variant, look);
	expect_confirmed(in("srv"), "file");
	expect(meanwhile_calls > 0 && !looked);
	expect_confirmed(in("srv/dead mount"), "file");
	expect(looked);
}

static const struct fixture on_fat = {
	.own_mounts = true,
	.to_mount =
		"install dosfstools, and boot a kernel with CONFIG_VFAT_FS and CONFIG_BLK_DEV_LOOP",
};

TEST_F(on_fat, directory_without_case)
{
	mkdir("m", 0755);
	need_mount(system("truncate -s 4M image && mkfs.vfat image >/dev/null 2>&1 &&"
			  " mount -o loop image m 2>/dev/null") == 0);
	mkdir("m/d", 0755);
	PLACES("+m/d", "-m/d/Secret");
	expect(mkdir("m/d/SECRET", 0755) == 0);
	expect_denied(in("m/d/sEcReT"), "x", "places.conf:2");
	expect(rmdir("m/d/SECRET") == 0);
	make_file("m/d/SECRET", "");
	expect_denied(in("m/d"), "secREt", "places.conf:2");
	expect_confirmed(in("m/d"), "secret2");
}

/* Whatever restricts the host protects itself. */
TEST_F(with_places, own_files_are_protected)
{
	const char *file = in("etc/hyperv-uio/fcopyd.conf");
	char conf[PATH_MAX];

	strcpy(conf, file);
	mkdir("etc", 0755);
	PLACES("+etc", "+/etc", "+/");
	policy.file = conf;
	/* Neither the directory nor the file exists. */
	expect_confirmed(in("etc"), "hyperv-uio/x");
	mkdir("etc/hyperv-uio", 0755);
	expect_denied(in("etc/hyperv-uio"), "fcopyd.conf", "configuration of hv-fcopyd");
	expect_denied(in("etc/hyperv-uio"), "fcopyd.conf.d/x.conf", "configuration of hv-fcopyd");
	expect_confirmed(in("etc/hyperv-uio"), "fcopyd.confd");
	make_tree("etc/hyperv-uio/fcopyd.conf", "etc/hyperv-uio/fcopyd.conf.d/");
	expect_denied(in("etc/hyperv-uio"), "fcopyd.conf", "configuration of hv-fcopyd");
	expect_denied(in("etc/hyperv-uio/fcopyd.conf.d"), "x.conf", "configuration of hv-fcopyd");
	expect_denied(in("etc/hyperv-uio/fcopyd.conf.d"), "d/x.conf", "configuration of hv-fcopyd");
	expect_confirmed(in("etc/hyperv-uio"), "bind.d/x");
	/* A link has the name of the file, and of the directory. */
	make_tree("conf/d/");
	expect(rename("etc/hyperv-uio/fcopyd.conf", "conf/c") == 0);
	expect(symlink(in("conf/c"), "etc/hyperv-uio/fcopyd.conf") == 0);
	expect(rmdir("etc/hyperv-uio/fcopyd.conf.d") == 0);
	expect(symlink(in("conf/d"), "etc/hyperv-uio/fcopyd.conf.d") == 0);
	expect_denied(in("conf"), "c", "configuration of hv-fcopyd");
	expect_denied(in("conf/d"), "x.conf", "configuration of hv-fcopyd");
	expect_denied(in("etc/hyperv-uio"), "fcopyd.conf", "configuration of hv-fcopyd");
	expect_confirmed(in("conf"), "other");
	expect_denied("/etc", "systemd/system/hv-fcopyd.service.d/x.conf", "/etc/systemd");
	expect_denied("/etc", "apparmor.d/local/hv-fcopyd", "/etc/apparmor.d");
	if (access("/etc/systemd", F_OK) == 0)
		expect_denied("/etc/systemd", "x", "/etc/systemd");
	expect_confirmed("/etc", "systemd.conf");
}

/* A link in the folder of drop-ins leads to a drop-in, or will. */
TEST_F(with_places, drop_ins_that_are_links)
{
	char conf[PATH_MAX];

	snprintf(conf, sizeof(conf), "%s", in("fcopyd.conf"));
	PLACES("+place");
	policy.file = conf;
	make_tree("place/real", "place/first -> real", "place/other", "fcopyd.conf.d/20.conf",
		  "fcopyd.conf.d/10.conf -> ../place/first", "fcopyd.conf.d/30.conf -> 20.conf");
	expect(symlink(in("place/later"), "fcopyd.conf.d/40.conf") == 0);
	expect(symlink("50.conf", "fcopyd.conf.d/50.conf") == 0);
	expect_denied(in("place"), "first", "configuration of hv-fcopyd");
	expect_denied(in("place"), "real", "configuration of hv-fcopyd");
	expect_denied(in("place"), "later", "configuration of hv-fcopyd");
	expect_confirmed(in("place"), "other");
	PLACES("+/");
	policy.file = conf;
	expect_confirmed(scratch, "fcopyd");
}

TEST_F(own_mounts, drop_ins_of_the_unit_that_are_links)
{
	mount_tmpfs("/etc", NULL);
	make_tree("place/x.conf", "/etc/systemd/system/hv-fcopyd.service.d/");
	expect(symlink(in("place/x.conf"), "/etc/systemd/system/hv-fcopyd.service.d/x.conf") == 0);
	PLACES("+place");
	expect_denied(in("place"), "x.conf", "configuration of hv-fcopyd");
	expect_confirmed(in("place"), "y.conf");
}

TEST_F(with_places, warnings)
{
	make_tree("a/", "file", "link -> a");
	PLACES("+a", "+none", "+link", "+/proc", "-other", "+/", "+link/x", "+none/x", "+file");
	logged[0] = '\0';
	places_warn(&policy);
	expect(strstr(logged, "/none]: a directory does not exist\n"));
	expect(strstr(logged, "places.conf:3: ") && strstr(logged, "a symbolic link"));
	expect(strstr(logged, "places.conf:4: ") && strstr(logged, "belongs to the kernel"));
	expect(!strstr(logged, "places.conf:1") && !strstr(logged, "places.conf:5"));
	expect(!strstr(logged, "places.conf:6"));
	expect(strstr(logged, "places.conf:7: "));
	expect(strstr(logged, "/none/x]: a directory does not exist\n"));
	expect(strstr(logged, "places.conf:9: ") && strstr(logged, "not a directory"));
}

int main(void)
{
	test_variant(own_mounts, place_on_another_disk, "directories", SYS_statx);
	test_variant(own_mounts, place_on_another_disk, "files", SYS_newfstatat);
	run_tests();
}
