// SPDX-License-Identifier: GPL-2.0-only
/* Test fcopyd.conf: keys, faults with file and line, the order of drop-ins. */
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

/* Read a file in place of the one that was read before, if it has no fault. */
static int load_file(const char *name, bool must_exist)
{
	struct policy loaded;
	int err = config_load(in(name), must_exist, &loaded);

	if (!err) {
		config_free(&policy);
		policy = loaded;
	}
	return err;
}

static int load(const char *text)
{
	logged[0] = '\0';
	write_conf("conf", text);
	return load_file("conf", true);
}

/* Return whether the reader reports exactly one fault in TEXT: LINE: WHAT */
static void expect_fault(const char *text, const char *line, const char *what)
{
	char want[512];

	expect_int(load(text), -EINVAL);
	snprintf(want, sizeof(want), "%s:%s: %s", in("conf"), line, what);
	if (!expect(!strncmp(logged, want, strlen(want))))
		ksft_print_msg("said '%s', expected '%s'\n", logged, want);
}

/* Load one section with these keys. */
static int load_keys(const char *keys)
{
	char text[4096];

	snprintf(text, sizeof(text), "[/srv]\n%s", keys);
	return load(text);
}

/* The settings of the I-th place */
static const struct settings *at(size_t i)
{
	static const struct settings none;

	return expect(i < policy.count) ? &policy.places[i].settings : &none;
}

static bool is_place(size_t i, const char *path, const char *source)
{
	return i < policy.count && !strcmp(policy.places[i].path, path) &&
	       !strcmp(policy.places[i].source, source);
}

static const char *line_of(const char *file, unsigned int line)
{
	static char sources[4][PATH_MAX + 16];
	static unsigned int next;
	char *source = sources[next++ % 4];

	snprintf(source, sizeof(sources[0]), "%s:%u", in(file), line);
	return source;
}

/* "default" is the smaller one of both numbers. */
static bool is_default_min_free(const struct settings *settings)
{
	return settings->min_free_default && settings->min_free == 16 << 20 &&
	       settings->min_free_percent == 5;
}

TEST(without_a_file)
{
	const struct settings *settings = &policy.everywhere.settings;

	logged[0] = '\0';
	expect_int(load_file("none", false), 0);
	expect(policy.count == 0 && policy.everywhere.enable && settings->max_size == UINT64_MAX);
	expect(settings->mode == -1 && settings->directory_mode == -1);
	expect(!settings->has_user && !settings->has_group);
	expect(is_default_min_free(settings));
	expect(!settings->label[0]);
	expect(!*logged);
	/* A file that the caller names must exist. */
	expect_int(load_file("none", true), -ENOENT);
	expect(strstr(logged, "/none: No such file"));
}

TEST(every_key)
{
	expect_int(
		load("# comment\n; another\n\n[/srv/in]\n enable = no \r\nmax-size=5G\nmin-free=10%\n"
		     "mode=0640\ndirectory-mode=750\nuser=12\ngroup=0\nmax-total=2T\nmax-files=77"),
		0);
	expect_int(policy.count, 1);
	expect(is_place(0, "/srv/in", line_of("conf", 4)));
	expect(!policy.places[0].enable);
	expect_int(at(0)->max_size, 5ll << 30);
	expect_int(policy.places[0].max_total, 2ll << 40);
	expect_int(policy.places[0].max_files, 77);
	expect_int(at(0)->min_free, 0);
	expect_int(at(0)->min_free_percent, 10);
	expect(!at(0)->min_free_default);
	expect_int(at(0)->mode, 0640);
	expect_int(at(0)->directory_mode, 0750);
	expect(at(0)->has_user && at(0)->identity.uid == 12);
	expect(at(0)->has_group && at(0)->gid == 0 && at(0)->identity.gid == 0);
	/* A later value overrides an earlier one. */
	expect_int(
		load_keys(
			"user=root\ngroup=root\nuser=default\ngroup=default\nmode=0600\nmode=default\n"
			"max-size=1K\nmax-size=unlimited\nmin-free=5%\nmin-free=2M\nmax-total=1\n"
			"max-total=unlimited\nmax-files=1\nmax-files=unlimited\ndirectory-mode=0700\n"
			"directory-mode=default\nenable=no\nenable=yes"),
		0);
	expect(!at(0)->has_user && !at(0)->has_group);
	expect(at(0)->mode == -1 && at(0)->directory_mode == -1);
	expect(at(0)->max_size == UINT64_MAX && policy.places[0].enable);
	expect(policy.places[0].max_total == UINT64_MAX);
	expect(policy.places[0].max_files == UINT64_MAX);
	expect_int(at(0)->min_free, 2 << 20);
	expect_int(at(0)->min_free_percent, 0);
	expect(!at(0)->min_free_default);
	expect_int(load_keys("min-free=2M\nmin-free=default"), 0);
	expect(is_default_min_free(at(0)));
	expect_int(load_keys("min-free=default\nmin-free=0"), 0);
	expect(!at(0)->min_free_default && !at(0)->min_free && !at(0)->min_free_percent);
}

TEST(user_and_group)
{
	expect_int(load_keys("user=root\n"), 0);
	expect(at(0)->has_user && at(0)->identity.uid == 0 && at(0)->identity.gid == 0);
	expect(!at(0)->has_group);
	/* The user's own group and groups come from the user database. */
	expect_int(load_keys("group=7\nuser=daemon\n"), 0);
	expect(at(0)->identity.uid > 0 && at(0)->identity.count > 0);
	expect(at(0)->has_group && at(0)->gid == 7 && at(0)->identity.gid == 7);
	expect_int(load_keys("user=daemon\n"), 0);
	expect(at(0)->identity.gid == at(0)->identity.groups[0] && !at(0)->has_group);
	expect_int(load_keys("user=4294967294\ngroup=4294967294\n"), 0);
	expect(at(0)->identity.uid == 4294967294u && at(0)->gid == 4294967294u);
	expect_int(at(0)->identity.count, 0);
	expect_int(load_keys("user=4294967293\n"), -EINVAL);
	expect(strstr(logged, "conf:1: [/srv]: user 4294967293 is not in the user database"));
}

TEST(places)
{
	expect_int(load("[/b//]\n[/]\n[/a#b;c]\n[/./a/./b]\n[/x ]\n[/a]b]\n"), 0);
	expect_int(policy.count, 6);
	expect(is_place(0, "", line_of("conf", 2)));
	expect(is_place(1, "/a#b;c", line_of("conf", 3)));
	expect(is_place(2, "/a/b", line_of("conf", 4)));
	expect(is_place(3, "/a]b", line_of("conf", 6)));
	expect(is_place(4, "/b", line_of("conf", 1)));
	expect(is_place(5, "/x ", line_of("conf", 5)));
	/* Two sections of one place are one. */
	expect_int(load("[/a]\nmode=0600\nenable=no\n[/b]\n[/a/]\nmode=0640\nmax-size=1\n"), 0);
	expect_int(policy.count, 2);
	expect(is_place(0, "/a", line_of("conf", 1)) && !policy.places[0].enable);
	expect(at(0)->mode == 0640 && at(0)->max_size == 1);
}

/* A section gets the settings that it does not name from the place above it. */
TEST(inherited)
{
	expect_int(load("[/a/b/c]\nmode=0600\n[/a/b]\nuser=1\ngroup=2\n[/a-b]\n"
			"[/a]\nenable=no\nmode=0640\ndirectory-mode=0700\nmax-size=5\nmin-free=6\n"
			"selinux-label=a:b:c\nmax-total=7\nmax-files=8\nuser=3\ngroup=4\n"),
		   0);
	expect_int(policy.count, 4);
	expect(!strcmp(policy.places[2].path, "/a/b") && !strcmp(policy.places[3].path, "/a/b/c"));
	for (size_t i = 2; i < 4; i++) {
		expect(policy.places[i].enable);
		expect_int(at(i)->mode, i == 2 ? 0640 : 0600);
		expect_int(at(i)->directory_mode, 0700);
		expect_int(at(i)->max_size, 5);
		expect(!at(i)->min_free_default && at(i)->min_free == 6);
		expect(!strcmp(at(i)->label, "a:b:c"));
		/* These limit a place, and not each place below it. */
		expect(policy.places[i].max_total == UINT64_MAX);
		expect(policy.places[i].max_files == UINT64_MAX);
		expect(at(i)->has_user && at(i)->identity.uid == 1 && at(i)->identity.gid == 2);
	}
	/* Its name only begins in the same way. */
	expect(!strcmp(policy.places[1].path, "/a-b"));
	expect(at(1)->mode == -1 && !at(1)->has_user && at(1)->max_size == UINT64_MAX);
	/* A group does not go to another user, but a user to another group. */
	expect_int(load("[/a]\nuser=daemon\ngroup=4\n[/a/b]\nuser=root\n[/a/c]\ngroup=5\n"
			"[/a/d]\nuser=default\n"),
		   0);
	expect(at(1)->has_user && at(1)->identity.uid == 0 && at(1)->identity.gid == 0);
	expect(!at(1)->has_group);
	expect(at(2)->identity.uid == at(0)->identity.uid && at(2)->identity.gid == 5);
	expect(!at(3)->has_user && !at(3)->has_group);
}

TEST(each_fault_has_its_line)
{
	static const struct {
		const char *line, *what;
	} faults[] = {
		{ "enable=maybe", "enable must be yes or no, not 'maybe'" },
		{ "nonsense", "neither [section], key=value nor a comment: 'nonsense'" },
		{ "user=app   # not root",
		  "a comment needs a line of its own: 'user=app   # not root'" },
		{ "[/srv] # secrets", "a section is [PATH] on a line of its own" },
		{ "colour=blue", "unknown key 'colour'" },
		{ "Enable=yes", "unknown key 'Enable'" },
		{ "=yes", "unknown key ''" },
		{ "allow=/srv", "there is no key allow: a section [PATH] allows a directory" },
		{ "deny=/srv", "there is no key deny: " },
		{ "owner=root", "there is no key owner: user= names" },
		{ "follow-links=no", "unknown key 'follow-links'" },
		{ "user=no-such-user", "user: there is no user 'no-such-user'" },
		{ "group=no-such-group", "group: there is no group 'no-such-group'" },
		{ "user=4294967295", "user" },
		{ "user=-1", "user" },
		{ "user=", "user" },
		{ "user=Default", "user: there is no user 'Default'" },
		{ "group=4294967295", "group" },
		{ "group=", "group" },
		{ "mode=01777", "mode must be at most 0777" },
		{ "mode=0777777777777777777777777", "mode must be at most 0777" },
		{ "mode=0648", "mode must be default or an octal number" },
		{ "mode=rw", "mode must be default or an octal number" },
		{ "directory-mode=", "directory-mode must be default or" },
		{ "selinux-label=etc_t", "selinux-label must be default or a context" },
		{ "selinux-label=a:b:c d", "selinux-label must be default or a context" },
		{ "selinux-label=", "selinux-label must be default or a context" },
		{ "max-files=1K", "max-files must be unlimited or a number, not '1K'" },
		{ "max-files=", "max-files must be unlimited or a number, not ''" },
		{ "[srv]", "[srv]: the path does not begin with '/'" },
		{ "[]", "[]: the path does not begin with '/'" },
		{ "[C:/x]", "[C:/x]: the path does not begin with '/'" },
		{ "[/srv/../etc]", "[/srv/../etc]: the path contains '..'" },
		{ "[/srv\\etc]", "[/srv\\etc]: the path contains a backslash" },
		{ "[/srv", "a section is [PATH] on a line of its own, not '[/srv'" },
		{ "[", "a section is [PATH] on a line of its own, not '['" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		snprintf(text, sizeof(text), "[/srv]\n#\n%s\n", faults[i].line);
		expect_fault(text, "3", faults[i].what);
	}
	/* A key without a section might be meant for everything. */
	expect_fault("\nenable=no\n[/srv]\n", "2", "enable stands before the first section");
	/* The keys of a section with a fault are not for the one before it. */
	expect_fault("[/srv]\n[etc]\nmode=0600\n", "2", "[etc]: ");
}

TEST(sizes)
{
	static const char *const bad[] = { "",
					   "x",
					   "-1",
					   "+1",
					   "1KB",
					   "1k",
					   "K",
					   "1 M",
					   "0x10",
					   "1.5G",
					   "18446744073709551616",
					   "16777216T",
					   "99999999999999999999999" };
	char text[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[/]\nmax-size=%s\n", bad[i]);
		expect_fault(text, "2", "max-size must be unlimited, or a number of bytes");
		snprintf(text, sizeof(text), "[/]\nmax-total=%s\n", bad[i]);
		expect_fault(text, "2", "max-total must be unlimited, or a number of bytes");
		snprintf(text, sizeof(text), "[/]\nmin-free=%s\n", bad[i]);
		expect_fault(text, "2", "min-free must be default, a number of bytes");
	}
	expect_fault("[/]\nmin-free=100%\n", "2", "min-free must be default, a number of bytes");
	expect_fault("[/]\nmin-free=unlimited\n", "2",
		     "min-free must be default, a number of bytes");
	expect_fault("[/]\nmax-size=default\n", "2",
		     "max-size must be unlimited, or a number of bytes");
	expect_fault("[/]\nmin-free=%\n", "2", "min-free must be default, a number of bytes");
	expect_int(load_keys("max-size=18446744073709551615\nmin-free=16777215T"), 0);
	expect(at(0)->max_size == UINT64_MAX && at(0)->min_free == 16777215ull << 40);
	expect_int(load_keys("max-size=0\nmin-free=0"), 0);
	expect(at(0)->max_size == 0 && at(0)->min_free == 0);
}

TEST(all_faults_at_once)
{
	expect_int(load_keys("a=1\nenable=no\nb=2\n"), -EINVAL);
	expect(strstr(logged, "conf:2: unknown key 'a'"));
	expect(strstr(logged, "conf:4: unknown key 'b'"));
}

TEST(drop_ins)
{
	char want[512];

	mkdir("conf.d", 0755);
	make_file("conf.d/20-b.conf", "[/]\nmode=0600\n[/b]\n");
	make_file("conf.d/10-a.conf", "[/]\nmode=0640\nmax-size=1\n[/a]\n");
	make_file("conf.d/.hidden.conf", "wrong\n");
	make_file("conf.d/30-c.conf.dpkg-old", "wrong\n");
	make_file("conf.d/.conf", "wrong\n");
	expect_int(load("[/]\nmode=0644\nmax-size=7\nmin-free=3\n"), 0);
	snprintf(want, sizeof(want), "%s: ignored, because its name does not end in .conf\n",
		 in("conf.d/30-c.conf.dpkg-old"));
	expect(!strcmp(logged, want));
	expect_int(policy.count, 3);
	for (size_t i = 0; i < 3; i++) {
		expect_int(at(i)->mode, 0600);
		expect_int(at(i)->max_size, 1);
		expect_int(at(i)->min_free, 3);
	}
	expect(is_place(0, "", line_of("conf", 1)));
	expect(is_place(1, "/a", line_of("conf.d/10-a.conf", 4)));
	expect(is_place(2, "/b", line_of("conf.d/20-b.conf", 3)));
	/* A file begins without a section. */
	make_file("conf.d/50-e.conf", "mode=0600\n");
	expect_int(load("[/]\n"), -EINVAL);
	expect(strstr(logged, "conf.d/50-e.conf:1: mode stands before the first section"));
	/* A fault names the file that it is in. */
	make_file("conf.d/50-f.conf", "[/]\nmodes=1\n");
	expect_int(load(""), -EINVAL);
	expect(strstr(logged, "conf.d/50-f.conf:2: unknown key 'modes'"));
	/* Drop-ins count without the main file, too. */
	unlink("conf");
	unlink("conf.d/50-e.conf");
	unlink("conf.d/50-f.conf");
	expect_int(load_file("conf", false), 0);
	expect_int(at(0)->mode, 0600);
}

TEST(long_lines)
{
	char text[PATH_MAX + 64];

	/* Some libraries truncate a line of this length. */
	memset(text, 'a', sizeof(text));
	for (size_t i = 102; i < 1999; i += 100)
		text[i] = '/';
	memcpy(text, "[/", 2);
	strcpy(text + 1999, "]");
	expect_int(load(text), 0);
	expect_int(strlen(policy.places[0].path), 1999 - 1);
	memset(text + 1999, 'a', 2);
	strcpy(text + PATH_MAX + 10, "]");
	expect_int(load(text), -EINVAL);
	expect(strstr(logged, "conf:1: [/aaa"));
}

TEST(nul_bytes)
{
	static const char text[] = "[/]\nmode=0\0"
				   "640\n";
	int fd = open("conf", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	expect(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(fd);
	logged[0] = '\0';
	expect_int(load_file("conf", true), -EINVAL);
	expect(strstr(logged, "conf:2: the line contains a NUL byte"));
}

TEST(files_of_others_refused)
{
	expect_int(load_keys("enable=yes\n"), 0);
	for (size_t i = 0; i < 2; i++) {
		expect(chmod("conf", i ? 0664 : 0646) == 0);
		expect_int(load_file("conf", true), -EPERM);
	}
	expect(chmod("conf", 0644) == 0);
	expect_int(load_file("conf", true), 0);
	if (geteuid() == 0) {
		expect(chown("conf", 65534, 65534) == 0);
		expect_int(load_file("conf", true), -EPERM);
		expect(strstr(logged, "conf: users other than root can write to it "
				      "(owner 65534, mode 0644)"));
		expect(chown("conf", 0, 0) == 0);
	}
	/* A user who can write to the directory can move a file into it. */
	mkdir("conf.d", 0755);
	expect(chmod("conf.d", 0757) == 0);
	expect_int(load_file("conf", true), -EPERM);
	expect(strstr(logged, "conf.d: users other than root can write to it"));
	expect(chmod("conf.d", 0775) == 0);
	expect_int(load_file("conf", true), -EPERM);
	expect(chmod("conf.d", 0755) == 0);
	expect_int(load_file("conf", true), 0);
	if (geteuid() == 0) {
		expect(chown("conf.d", 65534, 0) == 0);
		expect_int(load_file("conf", true), -EPERM);
	}
}

TEST(what_is_no_file)
{
	logged[0] = '\0';
	mkdir("directory", 0755);
	expect_int(load_file("directory", false), -EINVAL);
	expect(strstr(logged, "directory: not a file"));
	expect(mkfifo("fifo", 0600) == 0);
	expect_int(load_file("fifo", false), -EINVAL);
	expect_int(load_keys("mode=0600"), 0);
	make_file("conf.d", "");
	expect_int(load_keys("mode=0600"), -EINVAL);
	expect(strstr(logged, "conf.d: not a directory"));
}

static void print(const char *path)
{
	FILE *to = fopen(path, "we");

	config_print(&policy, to);
	fclose(to);
}

/* Each text has every key, and the output is the same text. */
TEST(printed_as_it_is_read)
{
	static const char *const texts[] = {
		"[/]\nenable=no\nuser=54321\ngroup=54322\nmode=0640\ndirectory-mode=0700\nmax-size=2048\n"
		"max-total=1\nmax-files=2\nmin-free=7%\nselinux-label=a:b:c:s0:c1,c2\n",
		"[/]\nenable=yes\nuser=root\ngroup=default\nmode=0000\ndirectory-mode=default\n"
		"max-size=0\nmax-total=0\nmax-files=0\nmin-free=0\nselinux-label=default\n"
		"[/x ]\nenable=no\nuser=default\ngroup=root\nmode=default\ndirectory-mode=0755\n"
		"max-size=unlimited\nmax-total=unlimited\nmax-files=unlimited\nmin-free=16777216\n"
		"selinux-label=a:b:c\n"
		"[/y]\nenable=yes\nuser=root\ngroup=root\nmode=0600\ndirectory-mode=0700\n"
		"max-size=1\nmax-total=1\nmax-files=1\nmin-free=default\n"
		"selinux-label=default\n",
		"# no section names a place: the host may write everywhere but below /proc, /sys, "
		"/dev and their like\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		expect_int(load(texts[i]), 0);
		print("printed");
		expect(holds("printed", texts[i]));
	}
}

static char sample_path[PATH_MAX + 16];

/*
 * Find the sample, which is beside this program. Call it before the first test:
 * the tests change the directory, and qemu-aarch64 then cannot tell the path of
 * the program.
 */
static void find_sample(void)
{
	char program[PATH_MAX] = "";

	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		return;
	*strrchr(program, '/') = '\0';
	snprintf(sample_path, sizeof(sample_path), "%s/fcopyd.conf", program);
}

/* The sample contains every key, commented out, with its default. */
TEST(sample_has_the_defaults)
{
	char sample[8192], *line = sample;
	unsigned int keys = 0;
	FILE *file;
	size_t n;

	file = fopen(sample_path, "re");
	if (!expect(file))
		return;
	n = fread(sample, 1, sizeof(sample) - 1, file);
	fclose(file);
	sample[n] = '\0';
	expect_int(load(sample), 0);
	expect_int(policy.count, 0);
	expect_int(load("[/srv/from-host]\n"), 0);
	print("as-is");
	/* "#KEY=" or "#[PATH]" is a setting, and "# word" is prose. */
	for (; (line = strstr(line, "\n#")); line++)
		if (line[2] != ' ' && line[2] != '\n') {
			line[1] = ' ';
			keys++;
		}
	expect_int(keys, 11); /* ten keys, and the section */
	expect_int(load(sample), 0);
	print("uncommented");
	expect(system("cmp as-is uncommented") == 0);
}

int main(void)
{
	find_sample();
	run_tests();
}
