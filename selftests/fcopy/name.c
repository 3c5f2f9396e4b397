// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test names: the conversion of UTF-16LE fields to UTF-8, and the acceptable
 * characters.
 */
#include <iconv.h>

#include "../../daemons/fcopy/name.h"
#include "fcopy_test.h"

static unsigned char field[NAME_UNITS * 2 + 1];
static char name[NAME_BYTES + 1];

/* The field is at an odd address, as in START. */
static const char *convert(const uint16_t *units, size_t n)
{
	memset(field, 0, sizeof(field));
	for (size_t i = 0; i < n; i++) {
		field[1 + 2 * i] = units[i] & 0xff;
		field[2 + 2 * i] = units[i] >> 8;
	}
	memset(name, 'x', sizeof(name));
	return name_from_utf16(field + 1, name);
}

TEST(ascii_and_beyond)
{
	static const uint16_t units[] = { 'G', 'r',    0xfc,   0xdf, 'e', ' ', 0x65e5, 0x672c,
					  ' ', 0xd83c, 0xdf89, '.',  't', 'x', 't' };

	expect(!convert(units, 15));
	expect(!strcmp(name, "Gr\xc3\xbc\xc3\x9f"
			     "e \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x8e\x89.txt"));
	expect(!convert(units, 0));
	expect(!*name);
}

TEST(each_character_as_iconv_has_it)
{
	iconv_t cd = iconv_open("UTF-8", "UTF-16LE");
	unsigned int wrong = 0;

	if (cd == (iconv_t)-1)
		skip("iconv does not know UTF-16LE: install the gconv modules of glibc");
	for (uint32_t c = 0xa0; c < 0x110000; c++) {
		uint16_t units[2] = { c, 0 };
		char in[4], out[8] = "", *from = in, *to = out;
		size_t left = 2, room = sizeof(out) - 1;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c >= 0x10000) {
			units[0] = 0xd800 + ((c - 0x10000) >> 10);
			units[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
			left = 4;
		}
		for (size_t i = 0; i < 4; i++)
			in[i] = units[i / 2] >> (i % 2 * 8);
		if (iconv(cd, &from, &left, &to, &room) == (size_t)-1)
			wrong++;
		if (convert(units, 2) || strcmp(name, out))
			wrong++;
	}
	iconv_close(cd);
	expect_int(wrong, 0);
}

TEST(halves_of_surrogates_refused)
{
	static const uint16_t lone[][3] = {
		{ 0xd800 },	    { 0xdbff, 'a' },	{ 0xdc00 },
		{ 'a', 0xdfff },    { 0xdc00, 0xd800 }, { 0xd800, 0xd800, 0xdc00 },
		{ 0xd800, 0xe000 },
	};

	for (size_t i = 0; i < sizeof(lone) / sizeof(lone[0]); i++)
		expect(convert(lone[i], 3));
}

TEST(longest_names_fit)
{
	uint16_t units[NAME_UNITS];

	for (size_t i = 0; i < NAME_UNITS; i++)
		units[i] = 0xffff;
	expect(!convert(units, NAME_UNITS - 1));
	expect_int(strlen(name), NAME_BYTES - 1);
	expect(name[NAME_BYTES] == 'x');
	/* There is no end, also after a pair or half of one. */
	expect(convert(units, NAME_UNITS));
	expect(name[NAME_BYTES] == 'x');
	units[NAME_UNITS - 1] = 0xd83c;
	expect(convert(units, NAME_UNITS));
	expect(name[NAME_BYTES] == 'x');
	units[NAME_UNITS - 2] = 0xd83c;
	units[NAME_UNITS - 1] = 0xdf89;
	expect(convert(units, NAME_UNITS));
	expect(name[NAME_BYTES] == 'x');
}

TEST(control_characters_refused)
{
	for (uint16_t c = 1; c < 0xa0; c++)
		expect(!!convert(&c, 1) == (c < 0x20 || c >= 0x7f));
}

TEST(file_names)
{
	static const char *const good[] = {
		"a", ".hidden", "...", "a..b", "..a", " ", "a b", "C:"
	};
	static const char *const bad[] = { "", ".", "..", "a/b", "/", "a/", "a\\b", "C:\\x" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect(!name_check_file(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(name_check_file(bad[i]));
}

/* Expect that each of these paths has the fault that these words describe. */
#define expect_fault(words, ...) expect_faults(words, (const char *const[]){ __VA_ARGS__, NULL })
#define expect_good(...)	 expect_fault(NULL, __VA_ARGS__)
static void expect_faults(const char *words, const char *const *paths)
{
	for (; *paths; paths++) {
		const char *wrong = name_check_path(*paths);

		if (!expect(words ? wrong && strstr(wrong, words) : !wrong))
			ksft_print_msg("'%s': %s\n", *paths, wrong ? wrong : "accepted");
	}
}

/* FAT removes dots at the end of a name, and ignores case. */
static const char *const own_names[] = {
	".hv-fcopyd.0123456789abcdef",	".hv-fcopyd.ffffffffffffffff",
	".hv-fcopyd.0123456789abcdef.", ".hv-fcopyd.0123456789abcdef. .",
	".HV-fcopyd.0123456789ABCDEF",
};
static const char *const similar_names[] = {
	".hv-fcopyd.",
	".hv-fcopyd.conf",
	".hv-fcopyd.0123456789abcde",
	".hv-fcopyd.0123456789abcdeg",
	".hv-fcopyd.0123456789abcdef0",
	".hv-fcopyd.0123456789abcdef.x",
	"hv-fcopyd.0123456789abcdef",
	"a.hv-fcopyd.0123456789abcdef",
	"hv-fcopyd",
};

/* journal_clean() would treat a file with such a name as one of a copy. */
TEST(own_names_refused)
{
	static const struct {
		const char *before, *after;
	} places[] = { { "", "" },    { "/", "" },  { "a/", "" },
		       { "/a/", "" }, { "/", "/" }, { "/", "/a" } };
	char path[64];

	for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++) {
		const char *wrong = name_check_file(own_names[i]);

		expect(wrong && strstr(wrong, "hv-fcopyd uses itself"));
		for (size_t j = 0; j < sizeof(places) / sizeof(places[0]); j++) {
			snprintf(path, sizeof(path), "%s%s%s", places[j].before, own_names[i],
				 places[j].after);
			expect_fault("hv-fcopyd uses itself", path);
		}
	}
	for (size_t i = 0; i < sizeof(similar_names) / sizeof(similar_names[0]); i++) {
		expect(!name_check_file(similar_names[i]));
		for (size_t j = 0; j < sizeof(places) / sizeof(places[0]); j++) {
			snprintf(path, sizeof(path), "%s%s%s", places[j].before, similar_names[i],
				 places[j].after);
			expect_good(path);
		}
	}
}

TEST(paths)
{
	expect_good("/", "//", "/a", "/a/", "/a//b", "/a/./b", "/...", "/..a", "/a../b", "/.a");
	/* Relative ones */
	expect_good("", ".", "a", "a/b", "a/", "./a", "..a", "...", ".../a");
	/* Not names of Windows */
	expect_good("C", "C:x", "CC:/x", "1:/x", ":/x", "/C:/x", "/C:", "a/C:/x");
	expect_good("%", "%%", "%/x", "%TEMP", "%TEMP/x%", "%20%", "/%TEMP%/x", "a%TEMP%");
	expect_good("$TEMP", "~/x");
	/* Unusual, but names */
	expect_good("/a b", "/a\u202eb", "/\xf0\x9f\x8e\x89", "/\xcd\xb8", "/a*?\"<>|");
}

TEST(paths_refused)
{
	expect_fault("'..'", "..", "/..", "/../", "/a/..", "/a/../b", "/a//../b", "../a", "a/..");
	expect_fault("backslash", "\\tmp", "/a\\b", "tmp\\", "\\\\server\\share");
	expect_fault("drive letter", "C:", "C:/", "c:/tmp", "Z:/../x", "C:\\tmp");
	expect_fault("variables are not expanded", "%TEMP%", "%TEMP%/x", "%TEMP%\\x", "%_a1%x",
		     "%ProgramFiles(x86)%/x");
}

TEST_MAIN
