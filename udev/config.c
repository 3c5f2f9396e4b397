// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define DEFAULT_DRIVER "uio_hv_generic"

struct reader {
	struct config *config;
	const char *path;
	FILE *file;
	unsigned int line;
	unsigned int fault_line; /* of the last fault that was said; 0: none */
	bool out_of_memory;
	bool in_section;
	bool section_faulty; /* said already: its keys are passed over */
};

static void fault(struct reader *reader, const char *what, const char *value)
{
	say(LOG_ERR, "%s:%u: %s%s%s", reader->path, reader->line, what, value ? ": " : "",
	    value ? value : "");
	reader->fault_line = reader->line;
}

static void open_section(struct reader *reader, char *header)
{
	char *end = strchr(header, ']');
	const struct vmbus_class *class;
	struct section *sections;
	char id[VMBUS_GUID_SIZE];

	reader->in_section = false;
	reader->section_faulty = true;
	if (!end)
		return; /* inih says so */
	*end = '\0';
	class = vmbus_class_find(header + 1);
	if (class)
		memcpy(id, class->guid, sizeof(id));
	if (!class && vmbus_guid_parse(header + 1, id)) {
		fault(reader, "a section is a class name or the GUID of a class or instance, not",
		      header + 1);
		*end = ']';
		return;
	}
	*end = ']';
	sections = reallocarray(reader->config->sections, reader->config->count + 1,
				sizeof(*sections));
	if (!sections) {
		reader->out_of_memory = true;
		return;
	}
	reader->config->sections = sections;
	sections += reader->config->count++;
	memset(sections, 0, sizeof(*sections));
	memcpy(sections->id, id, sizeof(id));
	reader->in_section = true;
	reader->section_faulty = false;
}

/*
 * inih tells its caller neither the line of a key nor a section without keys, cuts long lines in
 * two, and takes an indented key for more of the value above. Here each is dealt with.
 */
static char *next_line(char *buf, int size, void *arg)
{
	struct reader *reader = arg;
	size_t len, blank;
	int c;

	if (!fgets(buf, size, reader->file))
		return NULL;
	reader->line++;
	len = strlen(buf);
	if (len == (size_t)size - 1 && buf[len - 1] != '\n') {
		fault(reader, "the line is too long", NULL);
		while ((c = getc(reader->file)) != EOF && c != '\n')
			;
		buf[0] = '\0';
		return buf;
	}
	blank = strspn(buf, " \t");
	memmove(buf, buf + blank, len - blank + 1);
	if (buf[0] == '[')
		open_section(reader, buf);
	return buf;
}

static bool parse_switch(enum tristate *out, const char *value)
{
	if (!strcmp(value, "yes"))
		*out = YES;
	else if (!strcmp(value, "no"))
		*out = NO;
	else
		return false;
	return true;
}

static bool parse_driver(char out[DRIVER_NAME_MAX + 1], const char *value)
{
	size_t len = strlen(value);

	/* It becomes part of a path and an argument of modprobe. */
	if (!len || len > DRIVER_NAME_MAX || value[0] == '-' ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != len)
		return false;
	memcpy(out, value, len + 1);
	return true;
}

static int on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *reader = arg;
	struct section *current;

	if (!reader->in_section) {
		if (!reader->section_faulty)
			fault(reader, "a key outside of any section", name);
		return 1;
	}
	current = &reader->config->sections[reader->config->count - 1];
	if (!strcmp(name, "driver")) {
		if (!parse_driver(current->driver, value))
			fault(reader, "driver is not a driver's name", value);
	} else if (!strcmp(name, "enable")) {
		if (!parse_switch(&current->enable, value))
			fault(reader, "enable is yes or no, not", value);
	} else if (!strcmp(name, "force")) {
		if (!parse_switch(&current->force, value))
			fault(reader, "force is yes or no, not", value);
	} else {
		fault(reader, "unknown key", name);
	}
	return 1;
}

static int load_file(struct config *config, const char *path)
{
	struct reader reader = { .config = config, .path = path };
	int bad_line, ret = 0;

	reader.file = fopen(path, "re");
	if (!reader.file) {
		ret = -errno;
		say(LOG_ERR, "%s: %s", path, strerror(-ret));
		return ret;
	}
	bad_line = ini_parse_stream(next_line, &reader, on_key, &reader);
	if (ferror(reader.file)) {
		say(LOG_ERR, "%s: cannot be read", path);
		ret = -EIO;
	} else if (reader.out_of_memory || bad_line == -2) {
		say(LOG_ERR, "%s: out of memory", path);
		ret = -ENOMEM;
	} else if (bad_line > 0) {
		reader.line = bad_line;
		fault(&reader, "neither [section], key=value nor a comment", NULL);
	}
	if (!ret && reader.fault_line)
		ret = -EINVAL;
	fclose(reader.file);
	return ret;
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

/* Files of both folders by name; the administrator's hides the vendor's of the same name. */
static int load_folders(struct config *config, const char *const folders[2])
{
	struct dirent **entries[2] = { NULL, NULL };
	int n[2] = { -1, -1 }, i[2] = { 0, 0 };
	char path[PATH_MAX];
	int ret = 0, one;

	for (int f = 0; f < 2; f++) {
		if (snprintf(path, sizeof(path), "%s%s", vmbus_sysroot(), folders[f]) >= (int)sizeof(path))
			errno = ENAMETOOLONG;
		else
			n[f] = scandir(path, &entries[f], is_conf, alphasort);
		if (n[f] < 0) {
			n[f] = 0;
			if (errno != ENOENT) {
				ret = -errno;
				say(LOG_ERR, "%s%s: %s", vmbus_sysroot(), folders[f], strerror(-ret));
			}
		}
	}
	while (i[0] < n[0] || i[1] < n[1]) {
		int order = i[0] == n[0] ? 1 : i[1] == n[1] ? -1 :
			    strcoll(entries[0][i[0]]->d_name, entries[1][i[1]]->d_name);
		int from = order < 0 ? 0 : 1;

		if (order == 0)
			i[0]++;
		if (snprintf(path, sizeof(path), "%s%s/%s", vmbus_sysroot(), folders[from],
			     entries[from][i[from]]->d_name) >= (int)sizeof(path))
			one = -ENAMETOOLONG;
		else
			one = load_file(config, path);
		if (!ret)
			ret = one;
		i[from]++;
	}
	for (int f = 0; f < 2; f++) {
		for (int e = 0; e < n[f]; e++)
			free(entries[f][e]);
		free(entries[f]);
	}
	return ret;
}

int config_load(struct config *config)
{
	static const char *const folders[2] = { VENDOR_CONFIG, ADMIN_CONFIG };

	*config = (struct config){ 0 };
	return load_folders(config, folders);
}

void config_free(struct config *config)
{
	free(config->sections);
	*config = (struct config){ 0 };
}

bool config_wish(const struct config *config, const struct vmbus_device *dev, struct wish *wish,
		 bool disabled_too)
{
	const char *const ids[] = { vmbus_device_class(dev), vmbus_device_instance(dev) };
	enum tristate enable = UNSET, force = UNSET;
	bool named = false;

	*wish = (struct wish){ .driver = DEFAULT_DRIVER };
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < config->count; i++) {
			const struct section *s = &config->sections[i];

			if (strcmp(s->id, ids[pass]))
				continue;
			named = true;
			wish->by_instance = pass == 1;
			if (s->driver[0])
				memcpy(wish->driver, s->driver, sizeof(wish->driver));
			if (s->enable != UNSET)
				enable = s->enable;
			if (s->force != UNSET)
				force = s->force;
		}
	}
	wish->force = force == YES;
	return named && (disabled_too || enable != NO);
}
