// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test hv-fcopyd --check-path: its output for each outcome, and that it changes
 * nothing.
 */
#include "../../daemons/fcopy/check.h"
#include "fcopy_test.h"
#include "test_policy.h"

/* Without root's rights, the output begins with this note. */
#define NOTE \
	"note: the daemon runs as root, but this process does not, so the daemon may decide differently\n"

static char *output, *said;
static const char *name_fault;

static int check(const char *path, const char *name, int how)
{
	struct destination_request request = request_for(path, name, how);
	char *before = snapshot(scratch), *after;
	int files = open_files(), result;
	size_t size;
	FILE *to;

	request.name_fault = name_fault;
	free(output);
	output = NULL;
	to = open_memstream(&output, &size);
	result = check_path(&policy, &request, to);
	fclose(to);
	said = output;
	if (geteuid() != 0 && expect(!strncmp(output, NOTE, strlen(NOTE))))
		said += strlen(NOTE);
	expect_int(open_files(), files);
	after = snapshot(scratch);
	expect(!strcmp(before, after));
	free(before);
	free(after);
	return result;
}

/*
 * Return whether the output has exactly these lines; "%" stands for the test's
 * directory.
 */
static bool said_lines(const char *const *lines)
{
	const char *rest = said;
	bool good = true;

	for (; *lines; lines++) {
		char line[PATH_MAX] = "";

		for (const char *p = *lines; *p; p++)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "%.*s",
				 *p == '%' ? (int)strlen(scratch) : 1, *p == '%' ? scratch : p);
		strcat(line, "\n");
		if (!strncmp(rest, line, strlen(line)))
			rest += strlen(line);
		else
			good = false;
	}
	return good && !*rest;
}

#define expect_said(...) expect_said_at(__LINE__, (const char *const[]){ __VA_ARGS__, NULL })
static void expect_said_at(int line, const char *const *lines)
{
	if (expect(said_lines(lines)))
		return;
	ksft_print_msg("line %d: expected\n", line);
	for (; *lines; lines++)
		ksft_print_msg("  %s\n", *lines);
	ksft_print_msg("but it said\n%s", said);
}

#define INTO   "(the path is a directory or ends in '/', so the file keeps the source's name)"
#define ITSELF "(the path names the file itself)"
#define SPACE \
	"space: not checked (max-size, max-total, max-files, min-free, free space), because the size of the file is not known"
#define TAKEN	   SPACE, "result: hv-fcopyd would accept the copy"
#define NO_SECTION "section: there is none, so the host may write everywhere"

TEST(copies_that_would_be_taken)
{
	make_tree("d/f", "d/link -> f");
	expect_int(check(in("d"), "src", 0), 0);
	expect_said("directory: %/d/", "file: src " INTO, NO_SECTION, TAKEN);
	expect_int(check(in("d/"), "src", FORCE | CREATE), 0);
	expect_said("directory: %/d/", "file: src " INTO, NO_SECTION, TAKEN);
	expect_int(check(in("d/new"), "src", 0), 0);
	expect_said("directory: %/d/", "file: new " ITSELF, NO_SECTION, TAKEN);
	expect_int(check(in("x/y/new"), "src", CREATE), 0);
	expect_said("directory: %/", "missing: x/y (would be created)", "file: new " ITSELF,
		    NO_SECTION, TAKEN);
	expect_int(check(in("d/f"), "src", FORCE), 0);
	expect_said("directory: %/d/", "file: f " ITSELF, "exists: a file", NO_SECTION, SPACE,
		    "result: hv-fcopyd would accept the copy and replace what is there");
	expect_int(check(in("d/link"), "src", FORCE), 0);
	expect_said("directory: %/d/", "file: link " ITSELF, "exists: a symbolic link", NO_SECTION,
		    SPACE, "result: hv-fcopyd would accept the copy and replace what is there");
	if (access("/", W_OK) == 0) {
		expect_int(check("", "fcopy-test", 0), 0);
		expect_said("directory: /", "file: fcopy-test " INTO, NO_SECTION, TAKEN);
	}
}

/* The host cannot send these, even if a file system accepts them. */
TEST(names_that_no_host_can_send)
{
	char path[300];

	expect_int(check("/tmp/a\nb", "src", 0), 1);
	expect_said("result: refused: the name is not acceptable: the path has a control character",
		    "host: 0x8007007b");
	expect_int(check("/tmp/\xff", "src", 0), 1);
	expect_said("result: refused: the name is not acceptable: the path has bytes that are not "
		    "UTF-8, which the host cannot send",
		    "host: 0x8007007b");
	expect_int(check("/tmp/", "\xed\xa0\x80", 0), 1);
	expect_said("result: refused: the name is not acceptable: the name has bytes that are not "
		    "UTF-8, which the host cannot send",
		    "host: 0x8007007b");
	for (size_t i = 0; i + 1 < sizeof(path); i += 2)
		memcpy(path + i, "/x", 2);
	path[260] = '\0';
	expect_int(check(path, "src", 0), 1);
	expect_said("result: refused: the name is not acceptable: the path has more than 259 code "
		    "units of UTF-16",
		    "host: 0x8007007b");
	path[259] = '\0';
	expect_int(check(path, "src", CREATE), access("/", W_OK) == 0 ? 0 : 1);
	expect(!strstr(said, "code units"));
	expect_int(check("/tmp/Grüße 日本 🎉", "src", 0), 0);
}

TEST(copies_that_would_be_refused)
{
	make_tree("d/e/", "d/f");
	mkfifo("d/p", 0600);
	expect_int(check(in("d/f"), "src", 0), 1);
	expect_said("directory: %/d/", "file: f " ITSELF, "exists: a file",
		    "result: refused: the file exists: %/d/f (-Force would replace it)",
		    "host: 0x80070050");
	expect_int(check(in("d"), "e", FORCE), 1);
	expect_said("directory: %/d/", "file: e " INTO, "exists: a directory",
		    "result: refused: a directory has this name: %/d/e", "host: 0x80070150");
	expect_int(check(in("d/p"), "src", FORCE), 1);
	expect_said("directory: %/d/", "file: p " ITSELF, "exists: neither a file nor a link",
		    "result: refused: the target is neither a file nor a link: %/d/p",
		    "host: 0x80070005");
	expect_int(check(in("x/y/new"), "src", 0), 1);
	expect_said("directory: %/", "missing: x/y", "file: new " ITSELF,
		    "result: refused: a directory does not exist: "
		    "%/x/y (-CreateFullPath would create it)",
		    "host: 0x80070003");
	expect_int(check(in("d/f/x"), "src", 0), 1);
	expect_said("directory: %/d/",
		    "result: refused: a part of the path is not a directory: %/d/f",
		    "host: 0x80070003");
	expect_int(check("/proc/fcopy-test", "src", 0), 1);
	expect_said("directory: /proc/", "file: fcopy-test " ITSELF,
		    "result: refused: the place belongs to the kernel: /proc/", "host: 0x80070005");
	name_fault = "the name has a fault";
	expect_int(check(in("d"), "", 0), 1);
	name_fault = NULL;
	expect_said("directory: %/d/",
		    "result: refused: the name is not acceptable: the name has a fault",
		    "host: 0x8007007b");
	expect_int(check("C:/x", "src", 0), 1);
	expect(strstr(said, "drive letter") && strstr(said, "host: 0x8007007b"));
	/* The copy has reached no file. */
	expect(!strstr(said, "directory: "));
	expect_int(check("/tmp/../etc", "src", 0), 1);
	expect(strstr(said, "'..'") && strstr(said, "host: 0x8007007b"));
}

TEST_F(with_places, sections)
{
	make_tree("a/b/");
	PLACES("+a", "-a/b");
	expect_int(check(in("a"), "src", 0), 0);
	expect_said("directory: %/a/", "file: src " INTO, "section: [%/a] (places.conf:1)", TAKEN);
	expect_int(check(in("a/b"), "src", 0), 1);
	expect_said("section: [%/a/b] (places.conf:2)",
		    "result: refused: fcopyd.conf allows no copies there (enable=no): "
		    "[%/a/b] (places.conf:2)",
		    "host: 0x800704ec");
	expect_int(check(in("x/new"), "src", CREATE), 1);
	expect_said("section: none covers the target",
		    "result: refused: fcopyd.conf does not allow this place: "
		    "no section of fcopyd.conf covers %/x/new",
		    "host: 0x80070005");
	/* A section allows it, and something else refuses it. */
	expect_int(check(in("a/x/new"), "src", 0), 1);
	expect(strstr(said, "section: [") && strstr(said, "(places.conf:1)") &&
	       strstr(said, "host: 0x80070003"));
	policy.places[0].settings.has_user = true;
	policy.places[0].settings.identity =
		(struct identity){ .uid = geteuid(), .gid = getegid(), .name = "app" };
	expect_int(check(in("a"), "src", 0), 0);
	expect(strstr(said, "\nuser: app\n"));
	/* The search has got nowhere. */
	PLACES("+none");
	expect_int(check(in("none/new"), "src", 0), 1);
	expect_said("section: [%/none] (places.conf:1)",
		    "result: refused: a directory does not exist: [%/none] (places.conf:1)",
		    "host: 0x80070003");
}

TEST_F(with_places, deceiving_names_are_escaped)
{
	make_tree("a\nresult: fine/", "a\u2028result: fine/", "f\xe2\x80\xae");
	expect_int(check(in("a\u2028result: fine"), "\u202emoc", 0), 0);
	expect(!strstr(said, "\nresult: fine") && !strchr(said, '\x1b'));
	expect(strstr(said, "directory: ") && strstr(said, "\\u{2028}"));
	expect(strstr(said, "file: \\u{202e}moc"));
	expect_int(check(in("f\xe2\x80\xae"), "src", 0), 1);
	expect(!strstr(said, "\xe2\x80\xae") && strstr(said, "\\u{202e}"));
	expect_int(check(in("new\xe2\x80\xa8/x"), "src", CREATE), 0);
	expect(!strstr(said, "\xe2\x80\xa8") && strstr(said, "missing: new\\u{2028} ("));
	/* A section, too: somebody else may have written it. */
	PLACES("+a\nresult: fine");
	expect_int(check(in("a\u2028"), "src", 0), 1);
	expect(!strstr(said, "\nresult: fine"));
}

TEST_MAIN
