// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test allow= and deny=: which rule decides about a target, by whatever path it
 * is reached.
 */
/* In Debian 11, this header must come before <linux/fs.h>. */
#include <sys/mount.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#include "../../daemons/fcopy/path.h"
#include "../../daemons/fcopy/rules.h"
#include "fcopy_test.h"
#include "meanwhile.h"
#include "test_log.h"
#include "test_policy.h"

#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif

static struct rules_decision decision;
static struct failure failure;

static enum refusal check(const char *directory, const char *below)
{
	int before = open_files(), dir = open(directory, PATH_STEP);
	enum refusal refusal;

	if (!expect(dir >= 0))
		return REFUSAL_COUNT;
	failure = (struct failure){ 0 };
	refusal = rules_check(&policy, dir, directory, below, &decision, &failure);
	close(dir);
	expect_int(open_files(), before);
	expect_int(decision.allowed, refusal == REFUSAL_NONE);
	if (refusal != REFUSAL_NONE)
		expect_int(failure.refusal, refusal);
	return refusal;
}

/* The number of the rule that decided, from 1; 0: none */
static int deciding(void)
{
	return decision.rule ? decision.rule - policy.rules + 1 : 0;
}

/*
 * Expect that the N-th rule allows BELOW in DIRECTORY; with 0, that no rule
 * covers it, which allows it.
 */
#define expect_allowed(directory, below, n) expect_allowed_at(__LINE__, directory, below, n)
static void expect_allowed_at(int line, const char *directory, const char *below, int n)
{
	bool good = expect_int(check(directory, below), REFUSAL_NONE);

	if (!(good & expect_int(deciding(), n)))
		ksft_print_msg("line %d: %s + %s: '%s'\n", line, directory, below, failure.detail);
}

/*
 * Expect that the N-th rule refuses it, and that the failure has every detail.
 */
#define expect_denied(directory, below, n) expect_denied_at(__LINE__, directory, below, n)
static void expect_denied_at(int line, const char *directory, const char *below, int n)
{
	char place[2 * PATH_MAX];
	bool good = expect_int(check(directory, below), REFUSAL_RULE);

	good &= expect_int(deciding(), n);
	snprintf(place, sizeof(place), "%s/%s", strcmp(directory, "/") ? directory : "", below);
	good &= expect(strstr(failure.detail, strcmp(directory, "/") ? place : below));
	if (n) {
		good &= expect(strstr(failure.detail, policy.rules[n - 1].path));
		good &= expect(strstr(failure.detail, policy.rules[n - 1].source));
		good &= expect(strstr(failure.detail, "deny="));
	} else {
		good &= expect(strstr(failure.detail, "allow="));
	}
	if (!good)
		ksft_print_msg("line %d: %s + %s: '%s'\n", line, directory, below, failure.detail);
}

static void no_rules(void)
{
	RULES(NULL);
	expect_allowed("/", "file", 0);
	expect_allowed("/etc", "a/b/file", 0);
	expect_allowed(scratch, "file", 0);
}

static void only_what_is_allowed(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("ab", 0755);
	RULES("+a");
	expect_allowed(in("a"), "file", 1);
	expect_allowed(in("a/b"), "file", 1);
	expect_allowed(in("a/b"), "c/d/file", 1);
	/* The same letters are not the same directory. */
	expect_denied(in("ab"), "file", 0);
	expect_denied(scratch, "file", 0);
	expect_denied(scratch, "abc/file", 0);
	expect_denied("/", "file", 0);
	expect_denied("/etc", "file", 0);
	/* The rule is not about a file with the directory's own name in it. */
	expect_denied(in("ab"), "a", 0);
	RULES("+/");
	expect_allowed("/", "file", 1);
	expect_allowed(in("a/b"), "file", 1);
	default_policy();
}

static void what_is_denied(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("ab", 0755);
	RULES("-a");
	expect_allowed(in("ab"), "file", 0);
	expect_allowed(scratch, "file", 0);
	expect_allowed(scratch, "abc/file", 0);
	expect_denied(in("a"), "file", 1);
	expect_denied(in("a/b"), "c/file", 1);
	RULES("-a//./b/");
	expect_denied(in("a/b"), "file", 1);
	expect_allowed(in("a"), "file", 0);
	RULES("-/");
	expect_denied("/", "file", 1);
	expect_denied(in("a"), "file", 1);
	default_policy();
}

static void the_deepest_rule_decides(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("a/b/c", 0755);
	RULES("+a", "-a/b", "+a/b/c", "-a/b/c/file");
	for (int reverse = 0; reverse < 2; reverse++) {
		int n[4] = { 1, 2, 3, 4 };

		if (reverse) {
			RULES("-a/b/c/file", "+a/b/c", "-a/b", "+a");
			for (int i = 0; i < 4; i++)
				n[i] = 4 - i;
		}
		expect_allowed(in("a"), "file", n[0]);
		expect_denied(in("a/b"), "file", n[1]);
		expect_denied(in("a/b"), "x/file", n[1]);
		expect_allowed(in("a/b/c"), "other", n[2]);
		expect_allowed(in("a/b/c"), "x/file", n[2]);
		expect_denied(in("a/b/c"), "file", n[3]);
		expect_denied(scratch, "file", 0);
	}
	default_policy();
}

/* The same among components that do not exist */
static void the_deepest_rule_decides_about_what_is_missing(void)
{
	static const char *const orders[][5] = {
		{ "+a", "-a/b", "+a/b/c", "-a/b/c/d" }, { "-a/b/c/d", "+a/b/c", "-a/b", "+a" },
		{ "+a/b/c", "+a", "-a/b/c/d", "-a/b" }, { "-a/b", "-a/b/c/d", "+a", "+a/b/c" },
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		set_rules(orders[i]);
		expect_int(check(scratch, "a/file"), REFUSAL_NONE);
		expect(deciding() && !strcmp(decision.rule->path, in("a")));
		expect_int(check(scratch, "a/b/file"), REFUSAL_RULE);
		expect(deciding() && !strcmp(decision.rule->path, in("a/b")));
		expect_int(check(scratch, "a/bc"), REFUSAL_NONE);
		expect(deciding() && !strcmp(decision.rule->path, in("a")));
		expect_int(check(scratch, "a/b/c/file"), REFUSAL_NONE);
		expect(deciding() && !strcmp(decision.rule->path, in("a/b/c")));
		expect_int(check(scratch, "a/b/c/d"), REFUSAL_RULE);
		expect_int(check(scratch, "a/b/c/d/e"), REFUSAL_RULE);
		expect(deciding() && !strcmp(decision.rule->path, in("a/b/c/d")));
		expect_denied(scratch, "b", 0);
	}
	default_policy();
}

static void deny_wins_at_the_same_place(void)
{
	mkdir("a", 0755);
	make_file("f", "");
	RULES("+a", "-a//./");
	expect_denied(in("a"), "file", 2);
	RULES("-a", "+a");
	expect_denied(in("a"), "file", 1);
	RULES("+f", "-f", "+f");
	expect_denied(scratch, "f", 2);
	RULES("+x/y", "-x/y", "+x/y");
	expect_denied(scratch, "x/y", 2);
	expect_denied(scratch, "x/y/z", 2);
	default_policy();
}

/* Whatever comes after the rule that covers the target */
static void other_rules_do_not_matter(void)
{
	mkdir("a", 0755);
	mkdir("b", 0755);
	make_file("a/file", "");
	RULES("+new", "+b", "+a");
	expect_allowed(scratch, "new", 1);
	expect_allowed(scratch, "new/x", 1);
	expect_allowed(in("a"), "x", 3);
	expect_allowed(in("b"), "x", 2);
	RULES("+a/file", "+b");
	expect_allowed(in("a"), "file", 1);
	expect_denied(in("a"), "other", 0);
	RULES("+b", "+b/new", "-b/new/no", "+b/other");
	expect_allowed(in("b"), "new/x", 2);
	expect_denied(in("b"), "new/no/x", 3);
	expect_allowed(in("b"), "other", 4);
	default_policy();
}

static void a_file(void)
{
	mkdir("etc", 0755);
	mkdir("srv", 0755);
	RULES("-etc/shadow");
	/* It does not exist. */
	expect_denied(in("etc"), "shadow", 1);
	expect_denied(in("etc"), "shadow/x", 1);
	expect_allowed(in("etc"), "shadow-", 0);
	expect_allowed(in("srv"), "shadow", 0);
	make_file("etc/shadow", "");
	expect_denied(in("etc"), "shadow", 1);
	expect_allowed(in("etc"), "shadow-", 0);
	expect_allowed(in("etc"), "x/shadow", 0);
	/* A second name for the same file */
	expect(link("etc/shadow", "srv/hard") == 0);
	expect_denied(in("srv"), "hard", 1);
	RULES("-etc/shadow", "+srv");
	expect_denied(in("srv"), "hard", 1);
	expect_allowed(in("srv"), "soft", 2);
	/* The copy replaces a link, not what it leads to. */
	expect(symlink("../etc/shadow", "srv/soft") == 0);
	expect_allowed(in("srv"), "soft", 2);
	RULES("+etc/motd");
	expect_allowed(in("etc"), "motd", 1);
	make_file("etc/motd", "");
	expect_allowed(in("etc"), "motd", 1);
	expect_denied(in("etc"), "x", 0);
	RULES("-etc/shadow", "+etc/motd", "+etc");
	expect_allowed(in("etc"), "motd", 2);
	expect_denied(in("etc"), "shadow", 1);
	expect_allowed(in("etc"), "x", 3);
	mkdir("etc/dir", 0755);
	expect_allowed(in("etc/dir"), "shadow", 3);
	default_policy();
}

/*
 * An allow= for one name does not follow the file to a place that another rule
 * denies.
 */
static void a_second_name_of_an_allowed_file(void)
{
	mkdir("etc", 0755);
	mkdir("srv", 0755);
	make_file("etc/motd", "");
	expect(link("etc/motd", "srv/motd") == 0);
	RULES("+etc/motd");
	expect_allowed(in("etc"), "motd", 1);
	expect_denied(in("srv"), "motd", 0);
	RULES("+etc/motd", "-srv");
	expect_denied(in("srv"), "motd", 2);
	default_policy();
}

static void a_link(void)
{
	if (geteuid() != 0)
		skip("run this as root");
	mkdir("real", 0755);
	mkdir("real/sub", 0755);
	expect(symlink("real", "link") == 0);
	expect(symlink(in("link"), "second") == 0);
	/* A rule that names a link to a directory means the directory. */
	RULES("-link");
	expect_denied(in("real"), "file", 1);
	expect_denied(in("real/sub"), "file", 1);
	RULES("+second/sub");
	expect_allowed(in("real/sub"), "file", 1);
	expect_denied(in("real"), "file", 0);
	RULES("+second/new");
	expect_allowed(in("real"), "new/file", 1);
	expect_denied(in("real"), "newer/file", 0);
	/* Whatever the policy says about the host's paths */
	policy.follow_links = false;
	expect_allowed(in("real"), "new/file", 1);
	/* A link to a file is itself what a copy replaces. */
	make_file("real/file", "");
	expect(symlink("real/file", "to-file") == 0);
	RULES("-to-file");
	expect_denied(scratch, "to-file", 1);
	expect_allowed(in("real"), "file", 0);
	default_policy();
}

/* Expect that rule N is the reason for refusing everything. */
static void expect_fails_closed(int n, const char *why)
{
	const char *const places[] = { scratch, "/", "/etc", in("other") };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		expect_int(check(places[i], "file"), REFUSAL_RULE);
		expect_int(deciding(), n);
		expect(strstr(failure.detail, policy.rules[n - 1].path));
		expect(strstr(failure.detail, policy.rules[n - 1].source));
		if (!expect(strstr(failure.detail, why)))
			ksft_print_msg("'%s' lacks '%s'\n", failure.detail, why);
	}
	expect_int(rules_decide(&policy, AT_FDCWD, "file", &decision, &failure) != REFUSAL_NONE, 1);
	expect(!decision.allowed);
}

static void rule_that_cannot_be_looked_up(void)
{
	mkdir("real", 0755);
	mkdir("other", 0755);
	make_file("file", "");
	expect(symlink("real", "link") == 0);
	expect(lchown("link", TEST_USER, TEST_USER) == 0 || geteuid() != 0);
	RULES("+/", "-link/sub", "+other");
	expect_fails_closed(2, in("link"));
	RULES("+link", "+/");
	expect_fails_closed(1, in("link"));
	RULES("-link/");
	expect_fails_closed(1, "does not belong to root");
	RULES("+/", "-file/x");
	expect_fails_closed(2, in("file"));
	if (geteuid() != 0)
		skip("run this as root");
	expect(symlink("nowhere", "dangling") == 0);
	RULES("+/", "-dangling/x");
	expect_fails_closed(2, in("nowhere"));
	RULES("+/", "-/proc/self/root/etc");
	expect_fails_closed(2, "/proc/self");
	default_policy();
}

static void bind_mounts(void)
{
	mkdir("secret", 0755);
	mkdir("secret/in", 0755);
	mkdir("srv", 0755);
	mkdir("srv/bound", 0755);
	mkdir("srv/ram", 0755);
	make_file("secret/key", "");
	make_file("srv/key", "");
	if (mount("secret", "srv/bound", NULL, MS_BIND, NULL) < 0 ||
	    mount("tmpfs", "srv/ram", "tmpfs", 0, NULL) < 0 ||
	    mount("secret/key", "srv/key", NULL, MS_BIND, NULL) < 0)
		leave_child(CANNOT_MOUNT);
	RULES("-secret", "+srv");
	expect_denied(in("srv/bound"), "file", 1);
	expect_denied(in("srv/bound/in"), "file", 1);
	expect_denied(in("srv/bound"), "new/file", 1);
	expect_allowed(in("srv"), "file", 2);
	expect_allowed(in("srv/ram"), "file", 2);
	RULES("-secret/new");
	expect_denied(in("srv/bound"), "new", 1);
	expect_denied(in("srv/bound"), "new/file", 1);
	expect_allowed(in("srv/bound"), "newer", 0);
	RULES("-secret/in");
	expect_denied(in("srv/bound/in"), "file", 1);
	expect_allowed(in("srv/bound"), "file", 0);
	/* A file that is mounted elsewhere */
	RULES("-secret/key", "+srv");
	expect_denied(in("srv"), "key", 1);
	expect_denied(in("srv/bound"), "key", 1);
	/* The rule names the second place. */
	RULES("-srv/bound");
	expect_denied(in("secret"), "file", 1);
	RULES("+srv/bound/in");
	expect_allowed(in("secret/in"), "file", 1);
	expect_denied(in("secret"), "file", 0);
}

static void bind_mount_does_not_lead_around_a_rule(void)
{
	in_own_mounts(bind_mounts);
}

static int casefold_flags(unsigned int n, const uint64_t args[6])
{
	if ((unsigned long)args[1] != (unsigned long)FS_IOC_GETFLAGS)
		return 0;
	*(int *)(uintptr_t)args[2] = FS_CASEFOLD_FL;
	return MEANWHILE_DONE;
}

/*
 * Expect that the N-th rule may name BELOW in DIRECTORY, and that the failure
 * reports this.
 */
#define expect_doubtful(directory, below, n) expect_doubtful_at(__LINE__, directory, below, n)
static void expect_doubtful_at(int line, const char *directory, const char *below, int n)
{
	expect_denied_at(line, directory, below, n);
	if (!expect(strstr(failure.detail, "may take it for deny=")))
		ksft_print_msg("line %d: '%s'\n", line, failure.detail);
}

/*
 * A file system may change dots and blanks at the end of a name, and all that
 * is not ASCII.
 */
static void names_that_may_change(void)
{
	static const char *const names[] = {
		"secret.", "SECRET..", "secret ", "Secret. .", "secret./x", "secret:", "secret::$DATA",
		"secr\xc3\xa9t", "se\xc3\xa7ret/x", "\xc5\xbf" "ecret", "secret\xe2\x80\x8b",
		"s\xcc\xa7" "ecret",
	};
	static const char *const others[] = {
		"secrets.", "file.", "new./x", "a b", "a.b", "secret.txt", "secret x",
		"f\xc3\xbcr", "x/secret.", "12:30",
	};

	RULES("-d/Secret");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_doubtful(in("d"), names[i], 1);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		expect_allowed(in("d"), others[i], 0);
	RULES("+d/sub", "-d/Secret", "+d/\xc3\xa9");
	expect_doubtful(in("d"), "\xc3\xa9/x", 2);
	RULES("-d/a/\xc3\x9c");
	expect_doubtful(in("d"), "a/\xc3\xbc", 1);
	expect_doubtful(in("d"), "a./x", 1);
	expect_doubtful(in("d"), "A/u\xcc\x88/x", 1);
	expect_denied(in("d"), "a/\xc3\x9c", 1);
	expect_denied(in("d"), "A/\xc3\x9c/x", 1);
	expect_allowed(in("d"), "a", 0);
	expect_allowed(in("d"), "b/\xc3\xbc", 0);
	/* The rule's own name may change. */
	RULES("-d/Stra\xc3\x9f" "e", "-d/Dot.");
	expect_doubtful(in("d"), "strasse", 1);
	expect_doubtful(in("d"), "dot", 2);
	expect_doubtful(in("d"), "dot/x", 2);
	expect_allowed(in("d"), "street", 0);
	expect_allowed(in("d"), "door", 0);
	/* An existing file is compared by its inode, on both sides. */
	make_file("d/\xc3\x9c", "");
	make_file("d/old.", "");
	RULES("-d/\xc3\x9c");
	expect_allowed(in("d"), "\xc3\xbc", 0);
	RULES("-d/old");
	expect_allowed(in("d"), "old.", 0);
	expect_doubtful(in("d"), "old..", 1);
	expect(unlink("d/\xc3\x9c") == 0 && unlink("d/old.") == 0);
	/*
	 * Neither an allow= nor a deny= of an existing file denies because of
	 * doubt.
	 */
	mkdir("d/sub", 0755);
	RULES("+d/\xc3\x9c", "-d/sub");
	expect_allowed(in("d"), "\xc3\x9c", 1);
	expect_denied(in("d"), "\xc3\xbc", 0);
	expect(rmdir("d/sub") == 0);
	/* Two such rules do not make each other superfluous. */
	RULES("-d/\xc3\x9c", "-d/\xc3\x96");
	logged[0] = '\0';
	rules_warn(&policy);
	expect(!strstr(logged, "no effect"));
	default_policy();
}

static void on_casefold(void)
{
	if (!meanwhile(SYS_ioctl, casefold_flags))
		leave_child(NO_MEANWHILE);
	RULES("-d/Secret", "-d/New/File");
	expect_denied(in("d"), "secret", 1);
	expect_denied(in("d"), "SECRET", 1);
	expect_denied(in("d"), "sEcReT/x", 1);
	expect_denied(in("d"), "NEW/FILE", 2);
	expect_allowed(in("d"), "NEW/FILES", 0);
	expect_allowed(in("d"), "secrets", 0);
	RULES("+d/Secret");
	expect_allowed(in("d"), "secret/x", 1);
	names_that_may_change();
}

static long magic, name_length;

static int fake_type(unsigned int n, const uint64_t args[6])
{
	struct statfs *fs = (struct statfs *)(uintptr_t)args[1];

	memset(fs, 0, sizeof(*fs));
	fs->f_type = magic;
	fs->f_namelen = name_length;
	return MEANWHILE_DONE;
}

static void on_this_type(void)
{
	if (!meanwhile(SYS_fstatfs, fake_type))
		leave_child(NO_MEANWHILE);
	RULES("-d/Secret");
	expect_denied(in("d"), "sEcReT", 1);
	expect_allowed(in("d"), "secrets", 0);
	RULES("+d/Secret");
	expect_allowed(in("d"), "secret", 1);
	names_that_may_change();
}

/*
 * FUSE may ignore case or not: each rule is read in the way that allows less.
 */
static void on_unknown_type(void)
{
	if (!meanwhile(SYS_fstatfs, fake_type))
		leave_child(NO_MEANWHILE);
	RULES("-d/Secret");
	expect_denied(in("d"), "sEcReT", 1);
	RULES("+d/Secret");
	expect_allowed(in("d"), "Secret", 1);
	expect_denied(in("d"), "secret", 0);
	names_that_may_change();
}

/* The file system msdos cuts names to 8 and 3 characters. */
static void on_short_names(void)
{
	if (!meanwhile(SYS_fstatfs, fake_type))
		leave_child(NO_MEANWHILE);
	RULES("-d/Password", "-d/long-name", "-d/key.pem");
	expect_doubtful(in("d"), "passwords", 1);
	expect_doubtful(in("d"), "passwords/x", 1);
	expect_allowed(in("d"), "passwor", 0);
	expect_doubtful(in("d"), "long-nam", 2);
	expect_doubtful(in("d"), "key.pem2", 3);
	expect_allowed(in("d"), "kitten", 0);
	expect_allowed(in("d"), "passwor/rd", 0);
}

/* If no file system of this kernel ignores case, one pretends to. */
static void missing_components_without_case(void)
{
	static const long magics[] = { 0x4d44, 0x2011bab0, 0x7366746e, 0x5346544e, 0xff534d42,
				       0xfe534d42, 0x517b, 0x482b, 0x4244, 0xadff, 0xf995e849 };
	static const long unknown[] = { 0x65735546, 0x01021997, 0x2fc12fc1, 0x786f4256, 0x6969 };
	int status;

	mkdir("d", 0755);
	RULES("-d/Secret");
	expect_allowed(in("d"), "secret", 0);
	expect_allowed(in("d"), "Secret.", 0);
	default_policy();
	name_length = 255;
	status = in_child(on_casefold);
	if (status == NO_MEANWHILE)
		skip("run this on Linux 5.5 or newer with CONFIG_SECCOMP_FILTER, outside of a container");
	expect_int(status, 0);
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		magic = magics[i];
		if (!expect_int(in_child(on_this_type), 0))
			ksft_print_msg("type 0x%lx\n", magic);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		magic = unknown[i];
		if (!expect_int(in_child(on_unknown_type), 0))
			ksft_print_msg("type 0x%lx\n", magic);
	}
	magic = 0x4d44;
	name_length = 12;
	expect_int(in_child(on_short_names), 0);
}

static void in_folding_directory(void)
{
	RULES("-m/d/Secret");
	/* First there is nothing, then a directory, then a file. */
	expect_denied(in("m/d"), "secret", 1);
	expect_denied(in("m/d"), "sEcRet/x", 1);
	expect_doubtful(in("m/d"), "secret.", 1);
	expect_doubtful(in("m/d"), "secr\xc3\xa9t", 1);
	expect(mkdir("m/d/SECRET", 0755) == 0);
	expect_denied(in("m/d/sEcReT"), "x", 1);
	expect(rmdir("m/d/SECRET") == 0);
	make_file("m/d/SECRET", "");
	expect_denied(in("m/d"), "secREt", 1);
	expect_allowed(in("m/d"), "secret2", 0);
}

static void casefold_tmpfs(void)
{
	int dir, flags = FS_CASEFOLD_FL;

	mkdir("m", 0755);
	if (mount("tmpfs", "m", "tmpfs", 0, "casefold") < 0)
		leave_child(CANNOT_MOUNT);
	mkdir("m/d", 0755);
	dir = open("m/d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ioctl(dir, FS_IOC_SETFLAGS, &flags) < 0)
		leave_child(CANNOT_MOUNT);
	close(dir);
	in_folding_directory();
}

static void vfat(void)
{
	mkdir("m", 0755);
	if (system("truncate -s 4M image && mkfs.vfat image >/dev/null 2>&1 &&"
		   " mount -o loop image m 2>/dev/null") != 0)
		leave_child(CANNOT_MOUNT);
	mkdir("m/d", 0755);
	in_folding_directory();
	expect_denied(in("m/d"), "secret.", 1);
	expect_denied(in("m/d"), "SECRET..", 1);
}

static void directory_without_case(void)
{
	in_own_mounts(variant ? vfat : casefold_tmpfs);
	if (skipped && geteuid() == 0)
		skip(variant ? "install dosfstools, and boot a kernel with CONFIG_VFAT_FS and CONFIG_BLK_DEV_LOOP" :
		     "this kernel's tmpfs has no casefold: boot Linux 6.13 or newer with CONFIG_UNICODE");
}

static void hundreds_of_rules(void)
{
	char path[PATH_MAX];
	struct timespec from, to;

	mkdir("d", 0755);
	RULES("+/");
	for (int i = 0; i < 999; i++) {
		snprintf(path, sizeof(path), "%s/d/%d", scratch, i);
		if (i % 3)
			mkdir(path, 0755);
		add_rule(i % 2, path);
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 999; i += 37) {
		char below[32];

		snprintf(below, sizeof(below), "%d/file", i);
		snprintf(path, sizeof(path), "%s/d/%d", scratch, i);
		if (i % 2)
			expect_allowed(i % 3 ? path : in("d"), i % 3 ? "file" : below, i + 2);
		else
			expect_denied(i % 3 ? path : in("d"), i % 3 ? "file" : below, i + 2);
	}
	expect_allowed(in("d"), "other", 1);
	logged[0] = '\0';
	/* 333 are missing; the ones that allow repeat the first one. */
	expect_int(rules_warn(&policy), 333 + 499);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ksft_print_msg("%ld s\n", (long)(to.tv_sec - from.tv_sec));
	default_policy();
}

/*
 * The path and the rule are as long as a host and a configuration file can make
 * them.
 */
static void long_names_do_not_hide_the_rule(void)
{
	char directory[778], below[256];
	int dir = open("/", PATH_STEP);

	memset(directory, 'd', sizeof(directory));
	directory[0] = '/';
	directory[sizeof(directory) - 1] = '\0';
	memset(below, 'b', sizeof(below));
	below[sizeof(below) - 1] = '\0';
	RULES("-/");
	expect_int(rules_check(&policy, dir, directory, below, &decision, &failure), REFUSAL_RULE);
	expect(strstr(failure.detail, "deny=/"));
	expect(strstr(failure.detail, "rules.conf:1"));
	expect(strstr(failure.detail, directory + 100));
	RULES("+/etc");
	expect_int(rules_check(&policy, dir, directory, below, &decision, &failure), REFUSAL_RULE);
	expect(strstr(failure.detail, "allow="));
	default_policy();
	close(dir);
}

static void another_user(void)
{
	/*
	 * A rule that this user cannot look up, and a place that it cannot
	 * climb from
	 */
	if (!as_user())
		leave_child(NO_MEANWHILE);
	RULES("-closed/in");
	expect_fails_closed(1, in("closed"));
}

static void rule_that_may_not_be_looked_up(void)
{
	if (geteuid() != 0)
		skip("run this as root");
	mkdir("other", 0755);
	mkdir("closed", 0700);
	mkdir("closed/in", 0755);
	expect_int(in_child(another_user), 0);
}

/* Expect N warnings for the rules, and TEXT in one of them. */
#define expect_warns(n, text) expect_warns_at(__LINE__, n, text)
static void expect_warns_at(int line, unsigned int n, const char *text)
{
	int before = open_files();
	unsigned int lines = 0;
	bool good;

	logged[0] = '\0';
	good = expect_int(rules_warn(&policy), n);
	for (const char *p = logged; *p; p++)
		lines += *p == '\n';
	good &= expect_int(lines, n);
	good &= expect(strstr(logged, text));
	if (!good)
		ksft_print_msg("line %d: '%s' lacks '%s'\n", line, logged, text);
	expect_int(open_files(), before);
}

static void no_warning_for_rules_that_work(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("a/b/c", 0755);
	make_file("f", "");
	RULES(NULL);
	expect_warns(0, "");
	RULES("+a");
	expect_warns(0, "");
	RULES("-a");
	expect_warns(0, "");
	RULES("-f");
	expect_warns(0, "");
	RULES("+a", "-a/b", "+a/b/c");
	expect_warns(0, "");
	RULES("+a/b/c", "-a/b", "+a");
	expect_warns(0, "");
	RULES("-/etc", "+/", "-f", "-a/b", "+a/b/c");
	expect_warns(0, "");
	/*
	 * One that denies below what is denied only because nothing allows it
	 */
	RULES("+a/b", "-a/b/c", "+f");
	expect_warns(0, "");
	default_policy();
}

static void warning_for_what_does_not_exist(void)
{
	mkdir("a", 0755);
	RULES("+/", "-a", "+a/b");
	expect_warns(1, "rules.conf:3: allow=");
	expect(strstr(logged, in("a/b")) && strstr(logged, "no file or directory"));
	RULES("-shadow");
	expect_warns(1, "there is no file or directory");
	RULES("-a/b/c/d");
	expect_warns(1, in("a/b/c/d"));
	expect(symlink("nowhere", "dangling") == 0);
	RULES("-dangling");
	expect_warns(0, "");
	default_policy();
}

static void warning_for_repeated_rules(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("c", 0755);
	RULES("+a", "+a/b");
	expect_warns(1, "rules.conf:2: allow=");
	expect(strstr(logged, "says the same") && strstr(logged, "rules.conf:1"));
	RULES("+a/b", "+a");
	expect_warns(1, "rules.conf:1: allow=");
	expect(strstr(logged, "rules.conf:2"));
	RULES("-a", "-a/b");
	expect_warns(1, "rules.conf:2: deny=");
	/* Of the same place one is enough; the other one works. */
	RULES("+a", "+a");
	expect_warns(1, "rules.conf:2: allow=");
	RULES("-a", "-a//");
	expect_warns(1, "rules.conf:2: deny=");
	RULES("-a", "-c", "-a/.");
	expect_warns(1, "rules.conf:3: deny=");
	RULES("-a", "-a", "-a");
	expect_warns(2, "rules.conf:2: deny=");
	expect(strstr(logged, "rules.conf:3: deny="));
	RULES("+a", "+a/", "+a");
	expect_warns(2, "rules.conf:2: allow=");
	expect(strstr(logged, "rules.conf:3: allow="));
	default_policy();
}

static void warning_for_the_same_place_by_two_names(void)
{
	mkdir("a", 0755);
	make_file("f", "");
	RULES("+a", "+a/");
	expect_warns(1, "rules.conf:2: allow=");
	RULES("-f", "-./f");
	expect_warns(1, "rules.conf:2: deny=");
	if (geteuid() != 0)
		skip("run this as root");
	expect(symlink("a", "link") == 0);
	RULES("-link", "-a");
	expect_warns(1, "rules.conf:2: deny=");
	default_policy();
}

static void warning_for_overridden_rules(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	RULES("+a", "-a");
	expect_warns(1, "rules.conf:1: allow=");
	expect(strstr(logged, "overrides") && strstr(logged, "rules.conf:2"));
	RULES("-a/b", "+a/b", "+a");
	expect_warns(1, "rules.conf:2: allow=");
	expect(strstr(logged, "overrides") && strstr(logged, "rules.conf:1"));
	default_policy();
}

static void warning_for_what_no_rule_covers_anyway(void)
{
	mkdir("a", 0755);
	mkdir("b", 0755);
	RULES("+a", "-b");
	expect_warns(1, "rules.conf:2: deny=");
	expect(strstr(logged, "is not needed: hv-fcopyd refuses what no rule covers anyway"));
	default_policy();
}

static void warning_for_places_of_the_kernel(void)
{
	RULES("-/proc");
	expect_warns(1, "rules.conf:1: deny=/proc has no effect");
	RULES("+/sys/kernel");
	expect_warns(1, "/sys/kernel has no effect");
	RULES("-/dev/null");
	expect_warns(1, "/dev/null has no effect");
	RULES("-/dev/fcopy-test/x");
	expect_warns(1, "no effect");
	default_policy();
}

static void warning_for_links_that_are_not_followed(void)
{
	mkdir("real", 0755);
	expect(symlink("real", "link") == 0);
	expect(lchown("link", TEST_USER, TEST_USER) == 0 || geteuid() != 0);
	RULES("-link/x");
	expect_warns(1, "rules.conf:1: deny=");
	expect(strstr(logged, "hv-fcopyd refuses every copy") && strstr(logged, in("link")));
	RULES("-link/x", "-real");
	expect_warns(1, "rules.conf:1: deny=");
	RULES("-/etc", "-/proc/self/root");
	expect_warns(1, "rules.conf:2: deny=");
	default_policy();
}

int main(void)
{
	test(no_rules);
	test(only_what_is_allowed);
	test(what_is_denied);
	test(the_deepest_rule_decides);
	test(the_deepest_rule_decides_about_what_is_missing);
	test(deny_wins_at_the_same_place);
	test(other_rules_do_not_matter);
	test(a_file);
	test(a_second_name_of_an_allowed_file);
	test(a_link);
	test(rule_that_cannot_be_looked_up);
	test(rule_that_may_not_be_looked_up);
	test(bind_mount_does_not_lead_around_a_rule);
	test(missing_components_without_case);
	test_variant(directory_without_case, "tmpfs", 0);
	test_variant(directory_without_case, "vfat", 1);
	test(hundreds_of_rules);
	test(long_names_do_not_hide_the_rule);
	test(no_warning_for_rules_that_work);
	test(warning_for_what_does_not_exist);
	test(warning_for_repeated_rules);
	test(warning_for_the_same_place_by_two_names);
	test(warning_for_overridden_rules);
	test(warning_for_what_no_rule_covers_anyway);
	test(warning_for_places_of_the_kernel);
	test(warning_for_links_that_are_not_followed);
	run_tests();
}
