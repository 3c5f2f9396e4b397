// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test fcopyd.conf: keys, faults with file and line, and the order of drop-ins.
 */
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

/* Return whether the reader reports exactly one fault in TEXT: LINE: WHAT */
static void expect_fault(const char *text, const char *line, const char *what)
{
	char want[512];

	expect_int(load(text), -EINVAL);
	snprintf(want, sizeof(want), "%s:%s: %s", in("conf"), line, what);
	if (!expect(!strncmp(logged, want, strlen(want))))
		ksft_print_msg("said '%s', expected '%s'\n", logged, want);
}

/*
 * Return whether rule I is "allow" or "deny" for PATH, from this file and line.
 */
static bool is_rule(size_t i, bool allow, const char *path, const char *source)
{
	return i < policy.count && policy.rules[i].allow == allow &&
	       !strcmp(policy.rules[i].path, path) && !strcmp(policy.rules[i].source, source);
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
static bool is_default_min_free(void)
{
	return policy.min_free_default && policy.min_free == 16 << 20 &&
	       policy.min_free_percent == 5;
}

static void without_a_file(void)
{
	logged[0] = '\0';
	expect_int(config_load(in("none"), false, &policy), 0);
	expect(policy.enable && policy.follow_links && policy.max_size == UINT64_MAX);
	expect(policy.mode == -1 && policy.directory_mode == -1 && policy.count == 0);
	expect(policy.owner == POLICY_ID_DEFAULT && policy.group == POLICY_ID_DEFAULT);
	expect(is_default_min_free());
	expect(!policy.label[0]);
	expect(!*logged);
	/* A file that the caller names must exist. */
	expect_int(config_load(in("none"), true, &policy), -ENOENT);
	expect(strstr(logged, "/none: No such file"));
}

static void every_key(void)
{
	expect_int(load("# comment\n; another\n\n enable = no \r\nallow=/srv/in\n"
			"allow = /a b=c#d \ndeny=/srv/in/no\nfollow-links=no\nmax-size=5G\nmin-free=10%\n"
			"mode=0640\ndirectory-mode=750\nowner=12\ngroup=0"), 0);
	expect(!policy.enable && !policy.follow_links);
	expect_int(policy.count, 3);
	expect(is_rule(0, true, "/srv/in", line_of("conf", 5)));
	expect(is_rule(1, true, "/a b=c#d", line_of("conf", 6)));
	expect(is_rule(2, false, "/srv/in/no", line_of("conf", 7)));
	expect_int(policy.max_size, 5ll << 30);
	expect_int(policy.min_free, 0);
	expect_int(policy.min_free_percent, 10);
	expect(!policy.min_free_default);
	expect_int(policy.mode, 0640);
	expect_int(policy.directory_mode, 0750);
	expect(policy.owner == POLICY_ID_FIXED && policy.uid == 12);
	expect(policy.group == POLICY_ID_FIXED && policy.gid == 0);
	config_free(&policy);
	/* A later value overrides an earlier one. */
	expect_int(load("owner=root\ngroup=root\nmode=0600\nmode=default\nmax-size=1K\n"
			"max-size=unlimited\nmin-free=5%\nmin-free=2M\nallow=/a\nallow=\n"
			"directory-mode=0700\n"
			"directory-mode=default\nenable=no\nenable=yes"), 0);
	expect(policy.owner == POLICY_ID_FIXED && policy.uid == 0);
	expect(policy.group == POLICY_ID_FIXED && policy.gid == 0);
	expect(policy.mode == -1 && policy.directory_mode == -1);
	expect(policy.max_size == UINT64_MAX && policy.enable && policy.count == 0);
	expect_int(policy.min_free, 2 << 20);
	expect_int(policy.min_free_percent, 0);
	expect(!policy.min_free_default);
	config_free(&policy);
	expect_int(load("min-free=2M\nmin-free=default"), 0);
	expect(is_default_min_free());
	expect_int(load("min-free=default\nmin-free=0"), 0);
	expect(!policy.min_free_default && !policy.min_free && !policy.min_free_percent);
}

static void owner_and_group(void)
{
	static const struct {
		const char *value;
		enum policy_id kind;
		uint32_t id;
	} ids[] = {
		{ "default", POLICY_ID_DEFAULT, 0 }, { "directory", POLICY_ID_DIRECTORY, 0 },
		{ "root", POLICY_ID_FIXED, 0 }, { "7", POLICY_ID_FIXED, 7 },
		{ "4294967294", POLICY_ID_FIXED, 4294967294u },
	};
	char text[128];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		/* The last value counts, and the other key stays. */
		snprintf(text, sizeof(text), "owner=3\nowner=%s\n", ids[i].value);
		expect_int(load(text), 0);
		expect_int(policy.owner, ids[i].kind);
		expect(ids[i].kind != POLICY_ID_FIXED || policy.uid == ids[i].id);
		expect_int(policy.group, POLICY_ID_DEFAULT);
		snprintf(text, sizeof(text), "group=directory\ngroup=%s\n", ids[i].value);
		expect_int(load(text), 0);
		expect_int(policy.group, ids[i].kind);
		expect(ids[i].kind != POLICY_ID_FIXED || policy.gid == ids[i].id);
		expect_int(policy.owner, POLICY_ID_DEFAULT);
	}
}

static void rules(void)
{
	expect_int(load("allow=/a/\ndeny=/b//\nallow=/\nallow=//\ndeny=/etc/shadow\n"
			"deny=/a#b;c\nallow=/x /\n"), 0);
	expect_int(policy.count, 7);
	expect(is_rule(0, true, "/a", line_of("conf", 1)));
	expect(is_rule(1, false, "/b", line_of("conf", 2)));
	expect(is_rule(2, true, "/", line_of("conf", 3)));
	expect(is_rule(3, true, "/", line_of("conf", 4)));
	expect(is_rule(4, false, "/etc/shadow", line_of("conf", 5)));
	expect(is_rule(5, false, "/a#b;c", line_of("conf", 6)));
	expect(is_rule(6, true, "/x ", line_of("conf", 7)));
	config_free(&policy);
	/* An empty value clears its own list, and not the other one. */
	expect_int(load("allow=/a\ndeny=/b\nallow=/c\nallow=\nallow=/d\n"), 0);
	expect_int(policy.count, 2);
	expect(is_rule(0, false, "/b", line_of("conf", 2)));
	expect(is_rule(1, true, "/d", line_of("conf", 5)));
	config_free(&policy);
	expect_int(load("allow=/a\ndeny=/b\ndeny=  \n"), 0);
	expect_int(policy.count, 1);
	expect(is_rule(0, true, "/a", line_of("conf", 1)));
	config_free(&policy);
}

/* Text that looks like a comment after a value is a fault for every key. */
static void comments_behind_values(void)
{
	static const char *const keys[] = { "enable", "allow", "deny", "follow-links", "max-size",
					    "min-free", "mode", "directory-mode", "owner", "group",
					    "selinux-label" };
	static const char *const behind[] = { "=/etc   # secrets", "=/etc\t# secrets",
					      "=/etc ; secrets", "=/etc #", "= # secrets",
					      " =\t;", "=yes #secrets" };

	expect_fault("\ndeny=/etc   # secrets\n", "2",
		     "a comment needs a line of its own: 'deny=/etc   # secrets'\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (size_t j = 0; j < sizeof(behind) / sizeof(behind[0]); j++) {
			char text[64];

			snprintf(text, sizeof(text), "%s%s", keys[i], behind[j]);
			expect_fault(text, "1", "a comment needs a line of its own: '");
		}
	}
}

/* Editors on Windows begin a file with a byte order mark. */
static void byte_order_mark(void)
{
	expect_int(load("\xef\xbb\xbf" "enable=no\r\nmode=0600\r\n"), 0);
	expect(!policy.enable && policy.mode == 0600);
	config_free(&policy);
}

static void each_fault_has_its_line(void)
{
	expect_fault("enable=yes\n\nenable=maybe\n", "3", "enable must be yes or no, not 'maybe'");
	expect_fault("nonsense\n", "1", "neither key=value nor a comment: 'nonsense'");
	expect_fault("[section]\n", "1", "neither");
	expect_fault("#\ncolour=blue", "2", "unknown key 'colour'");
	expect_fault("Enable=yes\n", "1", "unknown key 'Enable'");
	expect_fault("=yes\n", "1", "unknown key ''");
	expect_fault("allow=srv\n", "1", "allow: the path does not begin with '/': 'srv'");
	expect_fault("deny=C:/x\n", "1", "deny: the path does not begin with '/': 'C:/x'");
	expect_fault("deny=%TEMP%/x\n", "1", "deny: the path does not begin with '/'");
	expect_fault("deny=#x\n", "1", "deny: the path does not begin with '/'");
	expect_fault("deny=/srv/../etc\n", "1", "deny: the path contains '..': '/srv/../etc'");
	expect_fault("deny=/srv\\etc\n", "1", "deny: the path contains a backslash");
	expect_fault("owner=no-such-user\n", "1", "owner: there is no user 'no-such-user'");
	expect_fault("group=no-such-group\n", "1", "group: there is no group 'no-such-group'");
	expect_fault("owner=4294967295\n", "1", "owner");
	expect_fault("owner=-1\n", "1", "owner");
	expect_fault("owner=\n", "1", "owner");
	expect_fault("group=4294967295\n", "1", "group");
	expect_fault("group=\n", "1", "group");
	expect_fault("owner=Default\n", "1", "owner: there is no user 'Default'");
	expect_fault("mode=01777\n", "1", "mode must be at most 0777");
	expect_fault("mode=0648\n", "1", "mode must be default or an octal number");
	expect_fault("mode=rw\n", "1", "mode must be default or an octal number");
	expect_fault("directory-mode=\n", "1", "directory-mode must be default or");
	expect_fault("selinux-label=etc_t\n", "1", "selinux-label must be default or a context");
	expect_fault("selinux-label=a:b:c d\n", "1", "selinux-label must be default or a context");
	expect_fault("selinux-label=\n", "1", "selinux-label must be default or a context");
	expect_fault("follow-links=1\n", "1", "follow-links must be yes or no");
}

static void sizes(void)
{
	static const char *const bad[] = { "", "x", "-1", "+1", "1KB", "1k", "K", "1 M",
					   "0x10", "1.5G", "18446744073709551616", "16777216T",
					   "99999999999999999999999" };
	char text[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "max-size=%s\n", bad[i]);
		expect_fault(text, "1", "max-size must be unlimited, or a number of bytes");
		snprintf(text, sizeof(text), "min-free=%s\n", bad[i]);
		expect_fault(text, "1", "min-free must be default, a number of bytes");
	}
	expect_fault("min-free=100%\n", "1", "min-free must be default, a number of bytes");
	expect_fault("min-free=unlimited\n", "1", "min-free must be default, a number of bytes");
	expect_fault("max-size=default\n", "1", "max-size must be unlimited, or a number of bytes");
	expect_fault("min-free=%\n", "1", "min-free must be default, a number of bytes");
	expect_int(load("max-size=18446744073709551615\nmin-free=16777215T"), 0);
	expect(policy.max_size == UINT64_MAX && policy.min_free == 16777215ull << 40);
	expect_int(load("max-size=0\nmin-free=0"), 0);
	expect(policy.max_size == 0 && policy.min_free == 0);
}

static void all_faults_at_once(void)
{
	expect_int(load("a=1\nenable=no\nb=2\n"), -EINVAL);
	expect(strstr(logged, "conf:1: unknown key 'a'"));
	expect(strstr(logged, "conf:3: unknown key 'b'"));
}

static void a_faulty_file_changes_nothing(void)
{
	expect_int(load("enable=no\nallow=/a\n"), 0);
	expect_int(load("enable=yes\nallow=/b\nwrong\n"), -EINVAL);
	expect(!policy.enable && policy.count == 1 && is_rule(0, true, "/a", line_of("conf", 2)));
	config_free(&policy);
}

static void drop_ins(void)
{
	char want[512];

	mkdir("conf.d", 0755);
	make_file("conf.d/20-b.conf", "mode=0600\nallow=/b\n");
	make_file("conf.d/10-a.conf", "mode=0640\nmax-size=1\nallow=/a\n");
	make_file("conf.d/.hidden.conf", "wrong\n");
	make_file("conf.d/30-c.conf.dpkg-old", "wrong\n");
	make_file("conf.d/.conf", "wrong\n");
	expect_int(load("mode=0644\nmax-size=7\nmin-free=3\nallow=/\n"), 0);
	snprintf(want, sizeof(want), "%s: ignored, because its name does not end in .conf\n",
		 in("conf.d/30-c.conf.dpkg-old"));
	expect(!strcmp(logged, want));
	expect_int(policy.mode, 0600);
	expect_int(policy.max_size, 1);
	expect_int(policy.min_free, 3);
	expect_int(policy.count, 3);
	expect(is_rule(0, true, "/", line_of("conf", 4)));
	expect(is_rule(1, true, "/a", line_of("conf.d/10-a.conf", 3)));
	expect(is_rule(2, true, "/b", line_of("conf.d/20-b.conf", 2)));
	config_free(&policy);
	/* An empty value clears the list. */
	make_file("conf.d/40-d.conf", "\nallow=\nallow=/d\n");
	expect_int(load("allow=/\ndeny=/x"), 0);
	expect_int(policy.count, 2);
	expect(is_rule(0, false, "/x", line_of("conf", 2)));
	expect(is_rule(1, true, "/d", line_of("conf.d/40-d.conf", 3)));
	config_free(&policy);
	/* A fault names the file that it is in. */
	make_file("conf.d/50-e.conf", "\nmodes=1\n");
	expect_int(load(""), -EINVAL);
	expect(strstr(logged, "conf.d/50-e.conf:2: unknown key 'modes'"));
	/* Drop-ins count without the main file, too. */
	unlink("conf");
	unlink("conf.d/50-e.conf");
	expect_int(config_load(in("conf"), false, &policy), 0);
	expect_int(policy.mode, 0600);
	config_free(&policy);
}

static void long_lines(void)
{
	char text[PATH_MAX + 64];

	/* Some libraries truncate a line of this length. */
	memset(text, 'a', sizeof(text));
	memcpy(text, "allow=/", 7);
	text[2000] = '\0';
	expect_int(load(text), 0);
	expect_int(strlen(policy.rules[0].path), 2000 - 6);
	config_free(&policy);
	memset(text + 2000, 'a', 1);
	text[PATH_MAX + 10] = '\0';
	expect_fault(text, "1", "allow: the path is too long");
}

static void nul_bytes(void)
{
	static const char text[] = "mode=0600\nmode=0\0" "640\n";
	int fd = open("conf", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	expect(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(fd);
	logged[0] = '\0';
	expect_int(config_load(in("conf"), true, &policy), -EINVAL);
	expect(strstr(logged, "conf:2: the line contains a NUL byte"));
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
		expect(strstr(logged, "conf: users other than root can write to it "
				      "(owner 65534, mode 0644)"));
		expect(chown("conf", 0, 0) == 0);
	}
	/* A user who can write to the directory can move a file into it. */
	mkdir("conf.d", 0755);
	expect(chmod("conf.d", 0757) == 0);
	expect_int(config_load(in("conf"), true, &policy), -EPERM);
	expect(strstr(logged, "conf.d: users other than root can write to it"));
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

static void print(const char *path)
{
	FILE *to = fopen(path, "we");

	config_print(&policy, to);
	fclose(to);
}

/* Each text has every key, and the output is the same text. */
static void printed_as_it_is_read(void)
{
	static const char *const texts[] = {
		"enable=no\nallow=/a\nallow=/a b#c\ndeny=/b\nfollow-links=no\nmax-size=2048\n"
		"min-free=7%\nmode=0640\ndirectory-mode=0700\nowner=3\ngroup=4\n"
		"selinux-label=a:b:c:s0:c1,c2\n",
		"enable=yes\nallow=\ndeny=/etc/shadow\nfollow-links=yes\nmax-size=0\n"
		"min-free=0\nmode=0000\ndirectory-mode=default\nowner=directory\n"
		"group=directory\nselinux-label=default\n",
		"enable=yes\nallow=/\ndeny=\nfollow-links=yes\nmax-size=unlimited\n"
		"min-free=16777216\nmode=default\ndirectory-mode=default\nowner=0\n"
		"group=default\nselinux-label=default\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		expect_int(load(texts[i]), 0);
		print("printed");
		expect(holds("printed", texts[i]));
		config_free(&policy);
	}
}

static void defaults_are_printed(void)
{
	expect_int(load(""), 0);
	print("printed");
	expect(holds("printed",
		     "enable=yes\nallow=\ndeny=\nfollow-links=yes\nmax-size=unlimited\n"
		     "min-free=default\nmode=default\ndirectory-mode=default\nowner=default\n"
		     "group=default\n"
		     "selinux-label=default\n"));
}

/*
 * The output yields the same policy when it is read, even after other settings.
 */
static void printed_reads_back(void)
{
	static const char others[] = "allow=/other\ndeny=/other\nmin-free=1\nowner=1\nmode=0111\n";
	char text[4096];
	ssize_t n;
	int fd;

	expect_int(load("deny=/b\nallow=/a /\nallow=/\ngroup=directory\n"), 0);
	print("first");
	config_free(&policy);
	memcpy(text, others, sizeof(others) - 1);
	memcpy(text + sizeof(others) - 1, "allow=\ndeny=\n", 13);
	fd = open("first", O_RDONLY | O_CLOEXEC);
	n = read(fd, text + sizeof(others) + 12, sizeof(text) - sizeof(others) - 12);
	close(fd);
	text[sizeof(others) + 12 + n] = '\0';
	expect_int(load(text), 0);
	expect_int(policy.count, 3);
	expect(is_default_min_free());
	print("second");
	config_free(&policy);
	expect(system("cmp first second") == 0);
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
static void sample_has_the_defaults(void)
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
	print("as-is");
	config_free(&policy);
	/* "#KEY=" is a setting, and "# word" is prose. */
	for (; (line = strstr(line, "\n#")); line++)
		if (line[2] != ' ' && line[2] != '\n') {
			line[1] = ' ';
			keys++;
		}
	expect_int(keys, 11);
	expect_int(load(sample), 0);
	print("uncommented");
	config_free(&policy);
	expect(system("cmp as-is uncommented") == 0);
}

int main(void)
{
	find_sample();
	test(without_a_file);
	test(every_key);
	test(owner_and_group);
	test(rules);
	test(comments_behind_values);
	test(byte_order_mark);
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
	test(defaults_are_printed);
	test(printed_reads_back);
	test(sample_has_the_defaults);
	run_tests();
}
