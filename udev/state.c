// SPDX-License-Identifier: GPL-2.0-only
#include "state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_of(const char *instance, const char *suffix, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s%s/%s%s", vmbus_sysroot(), STATE_FOLDER, instance,
			 suffix);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size)
		return false;
	memcpy(to, from, len + 1);
	return true;
}

static bool on_line(struct record *record, char *line)
{
	char *value;

	line[strcspn(line, "\n")] = '\0';
	if (!*line)
		return true;
	value = strchr(line, '=');
	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(line, "mac"))
		return copy(record->mac, sizeof(record->mac), value);
	if (!strcmp(line, "interface"))
		return copy(record->interface, sizeof(record->interface), value);
	if (!strcmp(line, "reason"))
		return copy(record->reason, sizeof(record->reason), value);
	if (!strcmp(line, "rule"))
		return copy(record->rule, sizeof(record->rule), value);
	if (!strcmp(line, "driver"))
		return copy(record->driver, sizeof(record->driver), value);
	if (!strcmp(line, "checked"))
		return copy(record->checked, sizeof(record->checked), value);
	if (strcmp(line, "verdict"))
		return false;
	record->verdict = !strcmp(value, "safe") ? VERDICT_SAFE :
			  !strcmp(value, "needed") ? VERDICT_NEEDED : VERDICT_NONE;
	return record->verdict != VERDICT_NONE;
}

int state_read(const char *instance, struct record *record)
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	FILE *file;
	int ret;

	*record = (struct record){ 0 };
	ret = path_of(instance, "", path);
	if (ret)
		return ret;
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && getline(&line, &size, file) >= 0)
		if (!on_line(record, line))
			ret = -EPROTO;
	if (!ret && ferror(file))
		ret = -EIO;
	free(line);
	fclose(file);
	if (ret)
		*record = (struct record){ 0 };
	return ret;
}

static void print(FILE *file, const char *key, const char *value)
{
	if (!*value)
		return;
	fprintf(file, "%s=", key);
	for (; *value; value++)
		fputc(*value == '\n' ? ' ' : *value, file);
	fputc('\n', file);
}

/*
 * Create only the last directory of the path: /var/lib belongs to the system.
 */
static int make_folder(void)
{
	char path[PATH_MAX];

	if (path_of("", "", path))
		return -ENAMETOOLONG;
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

static bool is_empty(const struct record *record)
{
	return record->verdict == VERDICT_NONE && !record->mac[0] && !record->interface[0];
}

int state_write(const char *instance, const struct record *record)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	FILE *file;
	int fd, ret;

	ret = path_of(instance, "", path);
	if (!ret)
		ret = path_of(instance, ".XXXXXX", temporary);
	if (ret)
		return ret;
	if (is_empty(record))
		return unlink(path) && errno != ENOENT ? -errno : 0;
	ret = make_folder();
	if (ret)
		return ret;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		ret = -errno;
		close(fd);
		goto err_unlink;
	}
	print(file, "mac", record->mac);
	print(file, "interface", record->interface);
	print(file, "verdict", record->verdict == VERDICT_SAFE ? "safe" :
	      record->verdict == VERDICT_NEEDED ? "needed" : "");
	print(file, "reason", record->reason);
	print(file, "rule", record->rule);
	print(file, "driver", record->driver);
	print(file, "checked", record->checked);
	/*
	 * A crash may lose the verdict, which can be determined again. Half a
	 * file would be a record that nobody wrote.
	 */
	if (fflush(file) || fchmod(fd, 0644) || fsync(fd))
		ret = -errno;
	if (fclose(file) && !ret)
		ret = -errno;
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (!ret)
		return 0;
err_unlink:
	unlink(temporary);
	return ret;
}

void state_rule_text(const struct rule *rule, char text[RULE_SIZE])
{
	static const char *const scopes[] = { "", "class", "interface", "mac", "instance" };
	const char *file = rule->at.file ? rule->at.file : "";
	size_t root = strlen(vmbus_sysroot());

	snprintf(text, RULE_SIZE, "%s [%s]", strlen(file) > root ? file + root : file,
		 scopes[rule->scope]);
}
