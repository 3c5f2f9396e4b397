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

static const char header[] = "# Written by vmbusctl, which changes only the keys that it knows.";

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
		strings_take(&file->lines, need_strdup(header));
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

/*
 * Return whether a line is the header of a section. Set *own to whether the
 * section is that of the device.
 */
static bool is_header(const char *line, const char *instance, bool *own)
{
	char *copy = need_strdup(line);
	const struct conf_line parsed = conf_split(copy, strlen(copy));
	const bool is_section = parsed.kind == CONF_SECTION;
	struct device_name name;

	if (is_section)
		parsed.text[strcspn(parsed.text, "]")] = '\0';
	*own = is_section && !config_parse_name(conf_trim(parsed.text + 1), &name) &&
	       !strcmp(name.text, instance);
	free(copy);
	return is_section;
}

/*
 * Find the section of the device: *begin is its header, *end the line after it.
 * Return false if there is none.
 */
static bool find_section(const struct rule_file *file, size_t from, size_t *begin, size_t *end)
{
	const struct strings *lines = &file->lines;
	bool own = false;

	for (*begin = from; *begin < lines->count; (*begin)++)
		if (is_header(lines->items[*begin], file->instance, &own) && own)
			break;
	if (!own)
		return false;
	for (*end = *begin + 1; *end < lines->count; (*end)++)
		if (is_header(lines->items[*end], file->instance, &own))
			break;
	return true;
}

static void remove_lines(struct strings *lines, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		free(lines->items[i]);
	memmove(lines->items + begin, lines->items + end,
		(lines->count - end) * sizeof(*lines->items));
	lines->count -= end - begin;
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
	size_t begin, end, from = 0;

	/* An administrator may have written several sections for the device. */
	while (find_section(file, from, &begin, &end)) {
		for (size_t i = end; i > begin + 1; i--)
			if (has_key(lines->items[i - 1], key)) {
				remove_lines(lines, i - 1, i);
				end--;
			}
		from = end;
	}
	if (!value)
		return;
	if (!find_section(file, 0, &begin, &end)) {
		begin = lines->count;
		strings_take(lines, need_printf("[%s]", file->instance));
	}
	insert_line(lines, begin + 1, need_printf("%s=%s", key, value));
}

void rule_file_clear(struct rule_file *file)
{
	size_t begin, end;

	while (find_section(file, 0, &begin, &end))
		remove_lines(&file->lines, begin, end);
}

bool rule_file_has_section(const struct rule_file *file)
{
	size_t begin, end;

	return find_section(file, 0, &begin, &end);
}

static bool has_text(const char *line)
{
	char *copy = need_strdup(line);
	const bool yes = conf_split(copy, strlen(copy)).kind != CONF_NOTHING;

	free(copy);
	return yes;
}

bool rule_file_has_keys(const struct rule_file *file)
{
	size_t begin, end;

	for (size_t from = 0; find_section(file, from, &begin, &end); from = end)
		for (size_t i = begin + 1; i < end; i++)
			if (has_text(file->lines.items[i]))
				return true;
	return false;
}

static bool has_any_section(const struct rule_file *file)
{
	bool own;

	for (size_t i = 0; i < file->lines.count; i++)
		if (is_header(file->lines.items[i], file->instance, &own))
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
