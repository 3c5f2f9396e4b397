/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read the lines and the directories of the configuration files of this
 * project: bind.d of vmbus-bind, and fcopyd.conf of hv-fcopyd. Each program has
 * its own files, sections, keys and messages. They agree here on what a line
 * is:
 *
 *	# a comment, or ; a comment: a line of its own
 *	[section]
 *	key = value	blanks around key and value do not count; no quotes
 *
 * A byte order mark of UTF-8, with which editors on Windows begin a file, does
 * not count.
 *
 * A '#' or ';' after a blank in a value looks like a comment, and is a fault,
 * because either interpretation would surprise some users.
 */
#ifndef HVUIO_CONF_H
#define HVUIO_CONF_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define CONF_BLANKS " \t\r\n"

enum conf_kind { CONF_NOTHING, CONF_SECTION, CONF_KEY, CONF_FAULT };

struct conf_line {
	enum conf_kind kind;
	char *text;	   /* the line without blanks at its ends; for CONF_KEY, the key */
	char *value;	   /* for CONF_KEY, without blanks at its ends */
	const char *fault; /* for CONF_FAULT, the reason */
};

/* Skip blanks at the start of @text, and cut those at its end. */
static inline char *conf_trim(char *text)
{
	size_t len;

	text += strspn(text, CONF_BLANKS);
	len = strlen(text);
	while (len && strchr(CONF_BLANKS, text[len - 1]))
		text[--len] = '\0';
	return text;
}

static inline bool conf_has_comment(const char *value)
{
	for (; *value; value++)
		if ((value[0] == ' ' || value[0] == '\t') && (value[1] == '#' || value[1] == ';'))
			return true;
	return false;
}

/* Split a line of @length bytes, which getline(3) has read, in place. */
static inline struct conf_line conf_split(char *line, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct conf_line result = { .kind = CONF_FAULT, .text = line };

	if (strlen(line) < length) {
		result.fault = "the line contains a NUL byte";
		return result;
	}
	if (!strncmp(line, mark, strlen(mark)))
		line += strlen(mark);
	result.text = conf_trim(line);
	if (!*result.text || *result.text == '#' || *result.text == ';') {
		result.kind = CONF_NOTHING;
		return result;
	}
	if (*result.text == '[') {
		result.kind = CONF_SECTION;
		return result;
	}
	result.value = strchr(result.text, '=');
	if (!result.value) {
		result.fault = "neither [section], key=value nor a comment";
		return result;
	}
	if (conf_has_comment(result.value + 1)) {
		result.fault = "a comment needs a line of its own";
		return result;
	}
	*result.value++ = '\0';
	result.text = conf_trim(result.text);
	result.value = conf_trim(result.value);
	result.kind = CONF_KEY;
	return result;
}

/* Skip hidden files, such as those of editors: a filter for scandir(3). */
static inline int conf_is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Return whether a file in a directory of configuration counts, by its name. */
static inline bool conf_is_named(const char *name)
{
	const size_t length = strlen(name);

	return length > 5 && !strcmp(name + length - 5, ".conf");
}

/*
 * Open a file of the configuration for reading. With O_NONBLOCK, a pipe in
 * place of the file does not block the program. Return a file descriptor, or -1
 * with errno set.
 */
static inline int conf_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

#endif
