// SPDX-License-Identifier: GPL-2.0-only
#include "rule_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "config.h"
#include "file.h"
#include "log.h"

static const char first_line[] =
	"# Written by vmbusctl, which changes only the keys that it knows.";

int rule_file_open(struct rule_file *file, const char *instance, bool takes_entry)
{
	char *text, *line, *rest;

	*file = (struct rule_file){
		.path = file_path(ADMIN_CONFIG "/60-%s.conf", instance),
		.instance = need_strdup(instance),
		.entry = config_driverctl_path(instance),
	};
	if (takes_entry)
		file->entry_before = file_read(NULL, "%s", file->entry + strlen(sysroot()));
	text = file_read(NULL, ADMIN_CONFIG "/60-%s.conf", instance);
	if (!text && errno != ENOENT) {
		int err = -errno;

		msg(LOG_ERR, "%s: %s", file->path, strerror(-err));
		return err;
	}
	if (!text) {
		strings_take(&file->lines, need_strdup(first_line));
		return 0;
	}
	file->before = need_strdup(text);
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line || rest)
			strings_take(&file->lines, need_strdup(line));
	free(text);
	return 0;
}

void rule_file_free(struct rule_file *file)
{
	free(file->path);
	free(file->instance);
	free(file->before);
	strings_free(&file->lines);
	free(file->entry);
	free(file->entry_before);
}

static enum conf_kind kind_of(const char *line)
{
	char *copy = need_strdup(line);
	const enum conf_kind kind = conf_split(copy, strlen(copy)).kind;

	free(copy);
	return kind;
}

/* Return whether the header of a section names an instance. */
static bool names(const char *header, const char *instance)
{
	char *copy = need_strdup(header);
	char *text = conf_split(copy, strlen(copy)).text;
	struct device_name name;
	bool yes;

	text[strcspn(text, "]")] = '\0';
	yes = !config_parse_name(conf_trim(text + 1), &name) && !strcmp(name.text, instance);
	free(copy);
	return yes;
}

/*
 * Return whether a line belongs to a section of the device, or is its header.
 * An administrator may have written several sections for the device.
 */
static bool is_own(const struct rule_file *file, size_t line)
{
	for (size_t i = line + 1; i-- > 0;)
		if (kind_of(file->lines.items[i]) == CONF_SECTION)
			return names(file->lines.items[i], file->instance);
	return false;
}

/*
 * Return the header of the first section of the device, or the number of lines
 * if there is none.
 */
static size_t find_section(const struct rule_file *file)
{
	size_t line = 0;

	while (line < file->lines.count && !is_own(file, line))
		line++;
	return line;
}

static void remove_line(struct strings *lines, size_t at)
{
	free(lines->items[at]);
	lines->count--;
	memmove(lines->items + at, lines->items + at + 1,
		(lines->count - at) * sizeof(*lines->items));
}

static void insert_line(struct strings *lines, size_t at, char *line)
{
	strings_take(lines, line);
	memmove(lines->items + at + 1, lines->items + at,
		(lines->count - 1 - at) * sizeof(*lines->items));
	lines->items[at] = line;
}

static bool has_key(const char *line, const char *key)
{
	size_t len = strlen(key);

	line += strspn(line, " \t");
	if (strncmp(line, key, len))
		return false;
	line += len;
	line += strspn(line, " \t");
	return *line == '=';
}

void rule_file_set(struct rule_file *file, const char *key, const char *value)
{
	struct strings *lines = &file->lines;
	size_t header;

	for (size_t i = lines->count; i-- > 0;)
		if (has_key(lines->items[i], key) && is_own(file, i))
			remove_line(lines, i);
	if (!value)
		return;
	header = find_section(file);
	if (header == lines->count)
		strings_take(lines, need_printf("[%s]", file->instance));
	insert_line(lines, header + 1, need_printf("%s=%s", key, value));
}

void rule_file_clear(struct rule_file *file)
{
	for (size_t i = file->lines.count; i-- > 0;)
		if (is_own(file, i))
			remove_line(&file->lines, i);
}

bool rule_file_has_section(const struct rule_file *file)
{
	return find_section(file) < file->lines.count;
}

bool rule_file_has_keys(const struct rule_file *file)
{
	for (size_t i = 0; i < file->lines.count; i++) {
		const enum conf_kind kind = kind_of(file->lines.items[i]);

		if (kind != CONF_NOTHING && kind != CONF_SECTION && is_own(file, i))
			return true;
	}
	return false;
}

static bool has_any_section(const struct rule_file *file)
{
	for (size_t i = 0; i < file->lines.count; i++)
		if (kind_of(file->lines.items[i]) == CONF_SECTION)
			return true;
	return false;
}

/* Remove a file, which may be missing. Return 0 or -errno. */
static int remove_path(const char *path)
{
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* Give a file the content that it had before; NULL: it did not exist. */
static void restore(const char *path, const char *before)
{
	int err = before ? file_replace(path, before) : remove_path(path);

	if (err)
		msg(LOG_ERR, "%s cannot be restored: %s", path, strerror(-err));
}

int rule_file_write(const struct rule_file *file)
{
	char *text, *lines;
	int err;

	if (has_any_section(file)) {
		lines = strings_join(&file->lines, "\n");
		text = need_printf("%s\n", lines);
		err = file_replace(file->path, text);
		free(lines);
		free(text);
	} else {
		err = remove_path(file->path);
	}
	if (err) {
		msg(LOG_ERR, "%s cannot be written: %s", file->path, strerror(-err));
		return err;
	}
	err = file->entry_before ? remove_path(file->entry) : 0;
	if (err) {
		msg(LOG_ERR, "%s cannot be removed: %s", file->entry, strerror(-err));
		restore(file->path, file->before);
	}
	return err;
}

void rule_file_restore(const struct rule_file *file)
{
	if (file->entry_before)
		restore(file->entry, file->entry_before);
	restore(file->path, file->before);
}
