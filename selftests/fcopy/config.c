// SPDX-License-Identifier: GPL-2.0-only
/* fcopyd.conf: every key, every fault with its file and line, drop-ins in their order. */
#include <limits.h>

#include "../../daemons/fcopy/config.h"
#include "fcopy_test.h"
#include "test_log.h"

static struct policy policy;

static void write_conf(const char *path, const char *text)
{
	unlink(path);
	make_file(path, text);
}

static int load(const char *text)
{
	logged[0] = '\0';
	write_conf("conf", text);
	return config_load(in("conf"), true, &policy);
}

/* Whether the one fault in TEXT is told as LINE: WHAT */
static void expect_fault(const char *text, const char *line, const char *what)
{
	char want[512];

	expect_int(load(text), -EINVAL);
	snprintf(want, sizeof(want), "%s:%s: %s", in("conf"), line, what);
	if (!expect(!strncmp(logged, want, strlen(want))))
		ksft_print_msg("said '%s', expected '%s'\n", logged, want);
}

static void without_a_file(void)
{
	logged[0] = '\0';
	expect_int(config_load(in("none"), false, &policy), 0);
	expect(policy.enable && policy.follow_links && policy.max_size == UINT64_MAX);
	expect(policy.mode == -1 && policy.directory_mode == -1 && policy.count == 0);
	expect(policy.uid == (uid_t)-1 && policy.gid == (gid_t)-1);
	expect_int(policy.min_free + policy.min_free_percent, 0);
	expect(!*logged);
	/* One that was asked for is missed. */
	expect_int(config_load(in("none"), true, &policy), -ENOENT);
	expect(strstr(logged, "/none: No such file"));
}

static void every_key(void)
{
	expect_int(load("# comment\n; another\n\n enable = no \r\nallow=/srv/in\nallow = /a b=c#d \n"
			"deny=/srv/in/no\nfollow-links=no\nmax-size=5G\nmin-free=10%\n"
			"mode=0640\ndirectory-mode=750\nowner=12\ngroup=0"), 0);
	expect(!policy.enable && !policy.follow_links);
	expect_int(policy.count, 3);
	expect(policy.rules[0].allow && !strcmp(policy.rules[0].directory, "/srv/in"));
	expect(policy.rules[1].allow && !strcmp(policy.rules[1].directory, "/a b=c#d"));
	expect(!policy.rules[2].allow && !strcmp(policy.rules[2].directory, "/srv/in/no"));
	expect_int(policy.max_size, 5ll << 30);
	expect_int(policy.min_free, 0);
	expect_int(policy.min_free_percent, 10);
	expect_int(policy.mode, 0640);
	expect_int(policy.directory_mode, 0750);
	expect_int(policy.uid, 12);
	expect_int(policy.gid, 0);
	config_free(&policy);
	/* And back, by name too */
	expect_int(load("owner=root\ngroup=root\nmode=0600\nmode=default\nmax-size=1K\nmax-size=unlimited\n"
			"min-free=5%\nmin-free=2M\nallow=/a\nallow=\ndirectory-mode=0700\ndirectory-mode=default\n"
			"enable=no\nenable=yes"), 0);
	expect(policy.uid == 0 && policy.gid == 0 && policy.mode == -1 && policy.directory_mode == -1);
	expect(policy.max_size == UINT64_MAX && policy.enable && policy.count == 0);
	expect_int(policy.min_free, 2 << 20);
	expect_int(policy.min_free_percent, 0);
	config_free(&policy);
	expect_int(load("owner=root\nowner=default\ngroup=root\ngroup=default"), 0);
	expect(policy.uid == (uid_t)-1 && policy.gid == (gid_t)-1);
}

static void each_fault_has_its_line(void)
{
	expect_fault("enable=yes\n\nenable=maybe\n", "3", "enable is yes or no, not 'maybe'");
	expect_fault("nonsense\n", "1", "neither key=value nor a comment: 'nonsense'");
	expect_fault("[section]\n", "1", "neither");
	expect_fault("#\ncolour=blue", "2", "unknown key 'colour'");
	expect_fault("Enable=yes\n", "1", "unknown key 'Enable'");
	expect_fault("=yes\n", "1", "unknown key ''");
	expect_fault("allow=srv\n", "1", "allow is an absolute directory");
	expect_fault("deny=/srv/../etc\n", "1", "deny is an absolute directory");
	expect_fault("owner=no-such-user\n", "1", "owner: there is no user 'no-such-user'");
	expect_fault("group=no-such-group\n", "1", "group: there is no group 'no-such-group'");
	expect_fault("owner=4294967295\n", "1", "owner");
	expect_fault("owner=-1\n", "1", "owner");
	expect_fault("owner=\n", "1", "owner");
	expect_fault("mode=01777\n", "1", "mode is 0777 at most");
	expect_fault("mode=0648\n", "1", "mode is default or an octal number");
	expect_fault("mode=rw\n", "1", "mode is default or an octal number");
	expect_fault("directory-mode=\n", "1", "directory-mode is default or");
	expect_fault("selinux-label=etc_t\n", "1", "selinux-label is default or a context");
	expect_fault("selinux-label=a:b:c d\n", "1", "selinux-label is default or a context");
	expect_fault("selinux-label=\n", "1", "selinux-label is default or a context");
	expect_fault("follow-links=1\n", "1", "follow-links is yes or no");
}

static void sizes(void)
{
	static const char *const bad[] = { "", "x", "-1", "+1", "1KB", "1k", "K", "1 M", "0x10", "1.5G",
					   "18446744073709551616", "16777216T", "99999999999999999999999" };
	char text[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "max-size=%s\n", bad[i]);
		expect_fault(text, "1", "max-size is unlimited, or a number");
		snprintf(text, sizeof(text), "min-free=%s\n", bad[i]);
		expect_fault(text, "1", "min-free is a number");
	}
	expect_fault("min-free=100%\n", "1", "min-free is a number");
	expect_fault("min-free=%\n", "1", "min-free is a number");
	expect_int(load("max-size=18446744073709551615\nmin-free=16777215T"), 0);
	expect(policy.max_size == UINT64_MAX && policy.min_free == 16777215ull << 40);
	expect_int(load("max-size=0\nmin-free=0"), 0);
	expect(policy.max_size == 0 && policy.min_free == 0);
}

static void all_faults_at_once(void)
{
	expect_int(load("a=1\nenable=no\nb=2\n"), -EINVAL);
	expect(strstr(logged, "conf:1: unknown key 'a'") && strstr(logged, "conf:3: unknown key 'b'"));
}

static void a_faulty_file_changes_nothing(void)
{
	expect_int(load("enable=no\nallow=/a\n"), 0);
	expect_int(load("enable=yes\nallow=/b\nwrong\n"), -EINVAL);
	expect(!policy.enable && policy.count == 1 && !strcmp(policy.rules[0].directory, "/a"));
	config_free(&policy);
}

static void drop_ins(void)
{
	mkdir("conf.d", 0755);
	make_file("conf.d/20-b.conf", "mode=0600\nallow=/b\n");
	make_file("conf.d/10-a.conf", "mode=0640\nmax-size=1\nallow=/a\n");
	make_file("conf.d/.hidden.conf", "wrong\n");
	make_file("conf.d/30-c.conf.dpkg-old", "wrong\n");
	make_file("conf.d/.conf", "wrong\n");
	expect_int(load("mode=0644\nmax-size=7\nmin-free=3\nallow=/\n"), 0);
	expect_int(policy.mode, 0600);
	expect_int(policy.max_size, 1);
	expect_int(policy.min_free, 3);
	expect_int(policy.count, 3);
	expect(!strcmp(policy.rules[1].directory, "/a") && !strcmp(policy.rules[2].directory, "/b"));
	config_free(&policy);
	/* An empty value begins the list anew. */
	make_file("conf.d/40-d.conf", "\nallow=\nallow=/d\n");
	expect_int(load("allow=/\ndeny=/x"), 0);
	expect_int(policy.count, 2);
	expect(!policy.rules[0].allow && !strcmp(policy.rules[1].directory, "/d"));
	config_free(&policy);
	/* Their faults have their name. */
	make_file("conf.d/50-e.conf", "\nmodes=1\n");
	expect_int(load(""), -EINVAL);
	expect(strstr(logged, "conf.d/50-e.conf:2: unknown key 'modes'"));
	/* And they count without the main file. */
	unlink("conf");
	unlink("conf.d/50-e.conf");
	expect_int(config_load(in("conf"), false, &policy), 0);
	expect_int(policy.mode, 0600);
	config_free(&policy);
}

static void long_lines(void)
{
	char text[PATH_MAX + 64];

	/* Longer than any library's buffer for a line */
	memset(text, 'a', sizeof(text));
	memcpy(text, "allow=/", 7);
	text[2000] = '\0';
	expect_int(load(text), 0);
	expect_int(strlen(policy.rules[0].directory), 2000 - 6);
	config_free(&policy);
	memset(text + 2000, 'a', 1);
	text[PATH_MAX + 10] = '\0';
	expect_fault(text, "1", "allow is an absolute directory");
}

static void nul_bytes(void)
{
	static const char text[] = "mode=0600\nmode=0\0" "640\n";
	int fd = open("conf", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	expect(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(fd);
	logged[0] = '\0';
	expect_int(config_load(in("conf"), true, &policy), -EINVAL);
	expect(strstr(logged, "conf:2: a NUL byte"));
}

static void files_of_others_refused(void)
{
	expect_int(load("enable=yes\n"), 0);
	expect(chmod("conf", 0664) == 0);
	expect_int(config_load(in("conf"), true, &policy), -EPERM);
	expect(chmod("conf", 0646) == 0);
	expect_int(config_load(in("conf"), true, &policy), -EPERM);
	expect(chmod("conf", 0644) == 0);
	expect_int(config_load(in("conf"), true, &policy), 0);
	if (geteuid() == 0) {
		expect(chown("conf", 65534, 65534) == 0);
		expect_int(config_load(in("conf"), true, &policy), -EPERM);
		expect(strstr(logged, "can be written by others than root (owner 65534, mode 0644)"));
		expect(chown("conf", 0, 0) == 0);
	}
	/* Who can write to the folder can bring a file of root's into it. */
	mkdir("conf.d", 0755);
	expect(chmod("conf.d", 0757) == 0);
	expect_int(config_load(in("conf"), true, &policy), -EPERM);
	expect(strstr(logged, "conf.d: can be written by others"));
	expect(chmod("conf.d", 0775) == 0);
	expect_int(config_load(in("conf"), true, &policy), -EPERM);
	expect(chmod("conf.d", 0755) == 0);
	expect_int(config_load(in("conf"), true, &policy), 0);
	if (geteuid() == 0) {
		expect(chown("conf.d", 65534, 0) == 0);
		expect_int(config_load(in("conf"), true, &policy), -EPERM);
	}
}

static void what_is_no_file(void)
{
	logged[0] = '\0';
	mkdir("directory", 0755);
	expect_int(config_load(in("directory"), false, &policy), -EINVAL);
	expect(strstr(logged, "directory: not a file"));
	expect(mkfifo("fifo", 0600) == 0);
	expect_int(config_load(in("fifo"), false, &policy), -EINVAL);
	expect_int(load("mode=0600"), 0);
	make_file("conf.d", "");
	expect_int(load("mode=0600"), -EINVAL);
	expect(strstr(logged, "conf.d: not a directory"));
}

static void printed_as_it_is_read(void)
{
	const char *const text =
		"enable=no\nallow=/a\ndeny=/b\nfollow-links=no\nmax-size=2048\nmin-free=7%\n"
		"mode=0640\ndirectory-mode=0700\nowner=3\ngroup=4\nselinux-label=a:b:c:s0:c1,c2\n";
	const char *const defaults =
		"enable=yes\nfollow-links=yes\nmax-size=unlimited\nmin-free=0\nmode=default\n"
		"directory-mode=default\nowner=default\ngroup=default\nselinux-label=default\n";
	FILE *to;

	for (int i = 0; i < 2; i++) {
		expect_int(load(i ? defaults : text), 0);
		to = fopen("printed", "we");
		config_print(&policy, to);
		fclose(to);
		expect(holds("printed", i ? defaults : text));
		config_free(&policy);
	}
}

int main(void)
{
	test(without_a_file);
	test(every_key);
	test(each_fault_has_its_line);
	test(sizes);
	test(all_faults_at_once);
	test(a_faulty_file_changes_nothing);
	test(drop_ins);
	test(long_lines);
	test(nul_bytes);
	test(files_of_others_refused);
	test(what_is_no_file);
	test(printed_as_it_is_read);
	run_tests();
}
