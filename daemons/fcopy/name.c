// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "journal.h"
#include "name.h"

static uint32_t unit_at(const unsigned char *field, size_t i)
{
	return field[2 * i] | (uint32_t)field[2 * i + 1] << 8;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = c;
	} else if (c < 0x800) {
		*out++ = 0xc0 | c >> 6;
		*out++ = 0x80 | (c & 0x3f);
	} else if (c < 0x10000) {
		*out++ = 0xe0 | c >> 12;
		*out++ = 0x80 | (c >> 6 & 0x3f);
		*out++ = 0x80 | (c & 0x3f);
	} else {
		*out++ = 0xf0 | c >> 18;
		*out++ = 0x80 | (c >> 12 & 0x3f);
		*out++ = 0x80 | (c >> 6 & 0x3f);
		*out++ = 0x80 | (c & 0x3f);
	}
	return out;
}

const char *name_from_utf16(const void *field, char name[NAME_BYTES])
{
	char *out = name;

	for (size_t i = 0; i < NAME_UNITS; i++) {
		uint32_t c = unit_at(field, i);

		if (c == 0) {
			*out = '\0';
			return NULL;
		}
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return "a control character";
		if (c >= 0xdc00 && c <= 0xdfff)
			return "a low surrogate without a high one";
		if (c >= 0xd800 && c <= 0xdbff) {
			uint32_t low = i + 1 < NAME_UNITS ? unit_at(field, i + 1) : 0;

			if (low < 0xdc00 || low > 0xdfff)
				return "a high surrogate without a low one";
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i++;
		}
		/* name[] has no room for the last unit, which must be NUL. */
		if (i == NAME_UNITS - 1)
			break;
		out = put_utf8(out, c);
	}
	return "260 code units without an end";
}

size_t name_decode(const char *text, uint32_t *value)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;
	size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
	uint32_t c = n == 1 ? *p : *p & (0x7f >> n);

	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	*value = c;
	return n && c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

const char *name_check_text(const char *text)
{
	size_t units = 0, n;
	uint32_t c;

	for (; *text; text += n) {
		n = name_decode(text, &c);
		if (!n)
			return "bytes that are not UTF-8, which the host cannot send";
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return "a control character";
		units += 1 + (c >= 0x10000);
	}
	return units < NAME_UNITS ? NULL : "more than 259 code units of UTF-16";
}

/*
 * Whether the first @length bytes of @name are a temporary name. FAT drops dots
 * at the end of a name and ignores case, so such variants count, too.
 */
static bool is_own(const char *name, size_t length)
{
	size_t prefix = strlen(JOURNAL_PREFIX);

	while (length && (name[length - 1] == '.' || name[length - 1] == ' '))
		length--;
	return length == JOURNAL_NAME_SIZE - 1 && !strncasecmp(name, JOURNAL_PREFIX, prefix) &&
	       strspn(name + prefix, "0123456789abcdefABCDEF") >= length - prefix;
}

const char *name_check_file(const char *name)
{
	if (!*name)
		return "the file name is empty";
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return "the file name is '.' or '..'";
	if (strchr(name, '/'))
		return "the file name contains a '/'";
	/*
	 * Windows allows no '\' in a name. A user who types one means a
	 * separator, but on Linux it would become a part of the name.
	 */
	if (strchr(name, '\\'))
		return "the file name contains a backslash";
	if (is_own(name, strlen(name)))
		return "the file name is one that hv-fcopyd uses itself";
	return NULL;
}

static bool is_letter(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * Whether the name of a variable can contain @c. Parentheses count, because
 * %ProgramFiles(x86)% is a variable, too.
 */
static bool is_in_variable(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '(' || c == ')';
}

static bool has_drive_letter(const char *path)
{
	return is_letter(path[0]) && path[1] == ':' &&
	       (path[2] == '/' || path[2] == '\\' || !path[2]);
}

static bool has_variable(const char *path)
{
	const char *p = path + 1;

	/* No variable begins with a digit; "%20" is a space in a URL. */
	if (path[0] != '%' || (!is_letter(*p) && *p != '_'))
		return false;
	while (is_in_variable(*p))
		p++;
	return *p == '%';
}

const char *name_check_path(const char *path)
{
	if (has_drive_letter(path))
		return "the path begins with a drive letter: this guest has none";
	if (has_variable(path))
		return "the path begins with a variable: variables are not expanded";
	if (strchr(path, '\\'))
		return "the path contains a backslash: separate directories with '/'";
	for (const char *p = path; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
			return "the path contains '..'";
		if (is_own(p, strcspn(p, "/")))
			return "the path contains a name that hv-fcopyd uses itself";
	}
	return NULL;
}

#define QUOTED "the path begins with a quotation mark"
#define BLANK  "the path begins with a blank"

/*
 * The first characters of what nobody means as a name. A path that was copied
 * from a web page or a document may begin with any blank or mark of Unicode.
 */
static const struct {
	uint32_t first, last;
	const char *fault;
} starts[] = {
	{ '~', '~', "the path begins with '~', which is not expanded" },
	{ '"', '"', QUOTED },
	{ '\'', '\'', QUOTED },
	{ '`', '`', QUOTED },
	{ 0xab, 0xab, QUOTED },
	{ 0xbb, 0xbb, QUOTED },
	{ 0x2018, 0x201f, QUOTED },
	{ 0x2039, 0x203a, QUOTED },
	{ 0x300c, 0x300f, QUOTED },
	{ 0x301d, 0x301f, QUOTED },
	{ 0xff02, 0xff02, QUOTED },
	{ 0xff07, 0xff07, QUOTED },
	{ ' ', ' ', BLANK },
	{ 0xa0, 0xa0, BLANK },
	{ 0x1680, 0x1680, BLANK },
	{ 0x2000, 0x200b, BLANK },
	{ 0x2028, 0x2029, BLANK },
	{ 0x202f, 0x202f, BLANK },
	{ 0x205f, 0x205f, BLANK },
	{ 0x3000, 0x3000, BLANK },
	{ 0xfeff, 0xfeff, BLANK },
};

/* Whether @path begins with a scheme as in RFC 3986, and a '/' after it */
static bool has_scheme(const char *path)
{
	const char *p = path;

	if (!is_letter(*p))
		return false;
	while (is_letter(*p) || (*p >= '0' && *p <= '9') || *p == '+' || *p == '-' || *p == '.')
		p++;
	return p[0] == ':' && p[1] == '/';
}

const char *name_check_meant(const char *path)
{
	char next = path[0] ? path[1] : '\0';
	uint32_t c;

	if (!name_decode(path, &c))
		return NULL;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (c >= starts[i].first && c <= starts[i].last)
			return starts[i].fault;
	if (c == '$' && (is_letter(next) || next == '_' || next == '{' || next == '('))
		return "the path begins with '$', which is not expanded";
	if (is_letter(c) && next == ':')
		return "the path begins with a drive letter: this guest has none";
	if (has_scheme(path))
		return "the path is a URL";
	return NULL;
}
