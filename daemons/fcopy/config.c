// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../util/conf.h"
#include "../../util/text.h"
#include "config.h"
#include "log.h"
#include "name.h"
#include "path.h"

/* The keys of a section, as bits of place->named */
enum key {
	KEY_ENABLE,
	KEY_USER,
	KEY_GROUP,
	KEY_MODE,
	KEY_DIRECTORY_MODE,
	KEY_MAX_SIZE,
	KEY_MAX_TOTAL,
	KEY_MAX_FILES,
	KEY_MIN_FREE,
	KEY_LABEL,
	KEY_COUNT
};

static const char *const key_names[KEY_COUNT] = {
	[KEY_ENABLE] = "enable",
	[KEY_USER] = "user",
	[KEY_GROUP] = "group",
	[KEY_MODE] = "mode",
	[KEY_DIRECTORY_MODE] = "directory-mode",
	[KEY_MAX_SIZE] = "max-size",
	[KEY_MAX_TOTAL] = "max-total",
	[KEY_MAX_FILES] = "max-files",
	[KEY_MIN_FREE] = "min-free",
	[KEY_LABEL] = "selinux-label",
};

struct reader {
	struct policy *policy;
	struct place *place; /* of the section that the reader is in, or NULL */
	bool lost;	     /* the line that begins the section has a fault */
	const char *path;
	unsigned int line;
	int err;
};

static void __attribute__((format(printf, 2, 3))) fault(struct reader *reader, const char *format,
							...)
{
	char text[PATH_MAX + 256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line(LOG_ERR, "%s:%u: %s", reader->path, reader->line, text);
	reader->err = -EINVAL;
}

static void parse_switch(struct reader *reader, const char *key, const char *value, bool *out)
{
	if (!strcmp(value, "yes"))
		*out = true;
	else if (!strcmp(value, "no"))
		*out = false;
	else
		fault(reader, "%s must be yes or no, not '%s'", key, value);
}

/* Parse a number of bytes, or of units of K, M, G or T. */
static bool parse_size(const char *value, uint64_t *out)
{
	static const char units[] = "KMGT";
	unsigned long long n;
	const char *unit;
	char *rest;

	if (!text_parse_digits(value, &n, &rest))
		return false;
	if (*rest) {
		unit = strchr(units, *rest);
		if (!unit || rest[1])
			return false;
		for (; unit >= units; unit--) {
			if (n > UINT64_MAX / 1024)
				return false;
			n *= 1024;
		}
	}
	*out = n;
	return true;
}

static void parse_limit(struct reader *reader, const char *key, const char *value, uint64_t *out)
{
	if (!strcmp(value, "unlimited"))
		*out = UINT64_MAX;
	else if (!parse_size(value, out))
		fault(reader,
		      "%s must be unlimited, or a number of bytes with K, M, G or T after it, "
		      "not '%s'",
		      key, value);
}

static void parse_count(struct reader *reader, const char *key, const char *value, uint64_t *out)
{
	unsigned long long n;
	char *rest;

	if (!strcmp(value, "unlimited"))
		*out = UINT64_MAX;
	else if (text_parse_digits(value, &n, &rest) && !*rest)
		*out = n;
	else
		fault(reader, "%s must be unlimited or a number, not '%s'", key, value);
}

static void parse_min_free(struct reader *reader, const char *value, struct settings *settings)
{
	unsigned long long percent;
	uint64_t size = 0;
	bool is_default = !strcmp(value, "default");
	char *rest;

	if (is_default) {
		size = POLICY_MIN_FREE;
		percent = POLICY_MIN_FREE_PERCENT;
	} else if (text_parse_digits(value, &percent, &rest) && !strcmp(rest, "%") &&
		   percent < 100) {
		size = 0;
	} else if (parse_size(value, &size)) {
		percent = 0;
	} else {
		fault(reader,
		      "min-free must be default, a number of bytes with K, M, G or T after "
		      "it, or a number below 100 with %% after it, not '%s'",
		      value);
		return;
	}
	settings->min_free_default = is_default;
	settings->min_free = size;
	settings->min_free_percent = percent;
}

static void parse_mode(struct reader *reader, const char *key, const char *value, int *out)
{
	unsigned long mode = strtoul(value, NULL, 8);

	if (!strcmp(value, "default"))
		*out = -1;
	else if (!*value || value[strspn(value, "01234567")])
		fault(reader, "%s must be default or an octal number such as 0640, not '%s'", key,
		      value);
	else if (mode > 0777)
		fault(reader,
		      "%s must be at most 0777, not '%s': no file gets set-user-id, "
		      "set-group-id or sticky bits",
		      key, value);
	else
		*out = mode;
}

/* The group of a user without an entry in the user database */
#define NO_GROUP ((gid_t) - 1)

static bool find_groups(struct reader *reader, const struct passwd *user, struct identity *identity)
{
	int count = IDENTITY_GROUPS;

	if (getgrouplist(user->pw_name, user->pw_gid, identity->groups, &count) < 0) {
		fault(reader, "user: %s is in more than %d groups", user->pw_name, IDENTITY_GROUPS);
		return false;
	}
	identity->count = count;
	identity->gid = user->pw_gid;
	return true;
}

static void parse_user(struct reader *reader, const char *value, struct settings *settings)
{
	struct identity identity = { .gid = NO_GROUP };
	struct passwd *user;
	uint32_t id;

	settings->has_user = false;
	if (!strcmp(value, "default"))
		return;
	if (text_parse_number(value, &id)) {
		user = getpwuid(id);
		identity.uid = id;
	} else {
		user = getpwnam(value);
		if (!user) {
			fault(reader, "user: there is no user '%s'", value);
			return;
		}
		identity.uid = user->pw_uid;
	}
	if (user && !find_groups(reader, user, &identity))
		return;
	snprintf(identity.name, sizeof(identity.name), "%s", user ? user->pw_name : value);
	settings->identity = identity;
	settings->has_user = true;
}

static void parse_group(struct reader *reader, const char *value, struct settings *settings)
{
	struct group *group;
	uint32_t id;

	settings->has_group = false;
	if (!strcmp(value, "default"))
		return;
	if (!text_parse_number(value, &id)) {
		group = getgrnam(value);
		if (!group) {
			fault(reader, "group: there is no group '%s'", value);
			return;
		}
		id = group->gr_gid;
	}
	settings->gid = id;
	settings->has_group = true;
}

/*
 * Parse an SELinux context, which is user:role:type. The SELinux policy of the
 * machine decides what may follow after another colon.
 */
static void parse_label(struct reader *reader, const char *value, struct settings *settings)
{
	unsigned int colons = 0;
	const char *p;

	if (!strcmp(value, "default")) {
		settings->label[0] = '\0';
		return;
	}
	for (p = value; *p > ' ' && *p < 0x7f; p++)
		colons += *p == ':';
	if (*p || colons < 2 || (size_t)(p - value) >= sizeof(settings->label))
		fault(reader,
		      "selinux-label must be default or a context such as "
		      "system_u:object_r:etc_t:s0, not '%s'",
		      value);
	else
		memcpy(settings->label, value, p - value + 1);
}

static void free_place(struct place *place)
{
	free(place->path);
	free(place->source);
}

static struct place *find_place(struct policy *policy, const char *path)
{
	for (size_t i = 0; i < policy->count; i++)
		if (!strcmp(policy->places[i].path, path))
			return &policy->places[i];
	return NULL;
}

/* Return the place of a section, a new one if no earlier section names it. */
static struct place *add_place(struct reader *reader, const char *path)
{
	struct policy *policy = reader->policy;
	struct place place = PLACE_DEFAULTS, *places = find_place(policy, path);

	if (places)
		return places;
	place.path = strdup(path);
	if (asprintf(&place.source, "%s:%u", reader->path, reader->line) < 0)
		place.source = NULL;
	places = reallocarray(policy->places, policy->count + 1, sizeof(*places));
	if (places)
		policy->places = places;
	if (!place.path || !place.source || !places) {
		free_place(&place);
		log_line(LOG_ERR, "%s:%u: %s", reader->path, reader->line, strerror(ENOMEM));
		reader->err = -ENOMEM;
		return NULL;
	}
	places[policy->count] = place;
	return &places[policy->count++];
}

static void on_section(struct reader *reader, char *text)
{
	size_t length = strlen(text);
	char path[PATH_MAX] = "";
	const char *wrong = NULL;

	reader->place = NULL;
	reader->lost = true;
	if (length < 2 || text[length - 1] != ']') {
		fault(reader, "a section is [PATH] on a line of its own, not '%s'", text);
		return;
	}
	text[length - 1] = '\0';
	text++;
	if (*text != '/')
		wrong = "the path does not begin with '/'";
	else if (!(wrong = name_check_path(text)) && !path_join(path, text))
		wrong = "the path is too long";
	if (wrong)
		fault(reader, "[%s]: %s", text, wrong);
	else
		reader->place = add_place(reader, path);
	reader->lost = !reader->place;
}

static enum key find_key(const char *name)
{
	enum key key;

	for (key = 0; key < KEY_COUNT; key++)
		if (!strcmp(name, key_names[key]))
			break;
	return key;
}

static void set_key(struct reader *reader, enum key key, const char *value)
{
	struct settings *settings = &reader->place->settings;
	struct place *place = reader->place;

	place->named |= 1u << key;
	switch (key) {
	case KEY_ENABLE:
		parse_switch(reader, key_names[key], value, &place->enable);
		break;
	case KEY_USER:
		parse_user(reader, value, settings);
		break;
	case KEY_GROUP:
		parse_group(reader, value, settings);
		break;
	case KEY_MODE:
		parse_mode(reader, key_names[key], value, &settings->mode);
		break;
	case KEY_DIRECTORY_MODE:
		parse_mode(reader, key_names[key], value, &settings->directory_mode);
		break;
	case KEY_MAX_SIZE:
		parse_limit(reader, key_names[key], value, &settings->max_size);
		break;
	case KEY_MAX_TOTAL:
		parse_limit(reader, key_names[key], value, &place->max_total);
		break;
	case KEY_MAX_FILES:
		parse_count(reader, key_names[key], value, &place->max_files);
		break;
	case KEY_MIN_FREE:
		parse_min_free(reader, value, settings);
		break;
	default:
		parse_label(reader, value, settings);
	}
}

static void on_key(struct reader *reader, const char *name, const char *value)
{
	enum key key = find_key(name);

	if (!strcmp(name, "allow") || !strcmp(name, "deny"))
		fault(reader,
		      "there is no key %s: a section [PATH] allows a directory, and enable=no "
		      "in it takes it out",
		      name);
	else if (!strcmp(name, "owner"))
		fault(reader, "there is no key owner: user= names the user as whom a copy is made");
	else if (key == KEY_COUNT)
		fault(reader, "unknown key '%s'", name);
	else if (reader->place)
		set_key(reader, key, value);
	else if (!reader->lost)
		fault(reader,
		      "%s stands before the first section: begin with a section such as "
		      "[/srv/from-host], or [/] for everywhere",
		      name);
}

static void on_line(struct reader *reader, char *text, size_t length)
{
	struct conf_line line = conf_split(text, length);

	if (line.kind == CONF_KEY)
		on_key(reader, line.text, line.value);
	else if (line.kind == CONF_SECTION)
		on_section(reader, line.text);
	else if (line.kind == CONF_FAULT)
		fault(reader, "%s: '%s'", line.fault, line.text);
}

/*
 * Refuse a file or directory that users other than root can write to, because
 * the configuration decides where root writes. @type is S_IFREG or S_IFDIR.
 */
static int check_writers(const char *path, const struct stat *st, mode_t type)
{
	if ((st->st_mode & S_IFMT) != type) {
		log_line(LOG_ERR, "%s: not a %s", path, type == S_IFDIR ? "directory" : "file");
		return -EINVAL;
	}
	if ((st->st_uid != 0 && st->st_uid != geteuid()) || (st->st_mode & 022)) {
		log_line(LOG_ERR,
			 "%s: users other than root can write to it (owner %u, mode %04o): "
			 "root must own it, and only its owner may write to it",
			 path, (unsigned int)st->st_uid, (unsigned int)(st->st_mode & 07777));
		return -EPERM;
	}
	return 0;
}

static int read_file(const char *path, bool must_exist, struct policy *policy)
{
	struct reader reader = { .policy = policy, .path = path };
	char *line = NULL;
	size_t size = 0;
	struct stat st;
	ssize_t length;
	FILE *file;
	int fd;

	fd = conf_open(path);
	if (fd < 0 && errno == ENOENT && !must_exist)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		reader.err = -errno;
		goto err_read;
	}
	reader.err = check_writers(path, &st, S_IFREG);
	if (reader.err)
		goto out_close;
	file = fdopen(fd, "r");
	if (!file) {
		reader.err = -errno;
		goto err_read;
	}

	while ((length = getline(&line, &size, file)) >= 0) {
		reader.line++;
		on_line(&reader, line, length);
	}
	if (ferror(file)) {
		reader.err = -errno;
		log_line(LOG_ERR, "%s: %s", path, strerror(-reader.err));
	}
	free(line);
	fclose(file);
	return reader.err;

err_read:
	log_line(LOG_ERR, "%s: %s", path, strerror(-reader.err));
out_close:
	if (fd >= 0)
		close(fd);
	return reader.err;
}

static int read_folder(const char *folder, struct policy *policy)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int err = 0, one, n;
	struct stat st;

	if (stat(folder, &st) == 0) {
		err = check_writers(folder, &st, S_IFDIR);
		if (err)
			return err;
	}
	n = scandir(folder, &entries, conf_is_visible, alphasort);
	if (n < 0) {
		if (errno == ENOENT)
			return 0;
		err = -errno;
		log_line(LOG_ERR, "%s: %s", folder, strerror(-err));
		return err;
	}
	for (int i = 0; i < n; i++) {
		one = 0;
		if (snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) >=
		    (int)sizeof(path))
			one = -ENAMETOOLONG;
		else if (conf_is_named(entries[i]->d_name))
			one = read_file(path, true, policy);
		else
			log_line(LOG_WARNING, "%s: ignored, because its name does not end in .conf",
				 path);
		if (!err)
			err = one;
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int by_path(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	return strcmp(one->path, other->path);
}

/* Whether the section of @place names @key */
static bool is_named(const struct place *place, enum key key)
{
	return place->named & 1u << key;
}

/* Give @place the settings that its section does not name, from @above. */
static void inherit(struct place *place, const struct place *above)
{
	struct settings *to = &place->settings;
	const struct settings *from = &above->settings;

	/* A section that names another user does not get this group. */
	if (!is_named(place, KEY_USER) && !is_named(place, KEY_GROUP)) {
		to->has_group = from->has_group;
		to->gid = from->gid;
	}
	if (!is_named(place, KEY_USER)) {
		to->has_user = from->has_user;
		to->identity = from->identity;
	}
	if (!is_named(place, KEY_MODE))
		to->mode = from->mode;
	if (!is_named(place, KEY_DIRECTORY_MODE))
		to->directory_mode = from->directory_mode;
	if (!is_named(place, KEY_MAX_SIZE))
		to->max_size = from->max_size;
	if (!is_named(place, KEY_MIN_FREE)) {
		to->min_free_default = from->min_free_default;
		to->min_free = from->min_free;
		to->min_free_percent = from->min_free_percent;
	}
	if (!is_named(place, KEY_LABEL))
		memcpy(to->label, from->label, sizeof(to->label));
}

/* Combine user and group. Returns 0 or -EINVAL. */
static int finish_identity(const struct place *place, struct settings *settings)
{
	if (settings->has_user && settings->has_group)
		settings->identity.gid = settings->gid;
	if (!settings->has_user || settings->identity.gid != NO_GROUP)
		return 0;
	log_line(LOG_ERR,
		 "%s: [%s]: user %s is not in the user database, so the section needs group=",
		 place->source, place_name(place), settings->identity.name);
	return -EINVAL;
}

/*
 * Sort the places, and give each the settings of the place above it that its
 * section does not name. enable=, max-total= and max-files= are not inherited:
 * a section allows its place, and the limits of a place count what is below it.
 */
static int finish(struct policy *policy)
{
	int err = 0;

	if (policy->count)
		qsort(policy->places, policy->count, sizeof(*policy->places), by_path);
	for (size_t i = 0; i < policy->count; i++) {
		/* The places above it come before it, the deepest one last. */
		for (size_t j = i; j-- > 0;) {
			if (place_covers(&policy->places[j], policy->places[i].path)) {
				inherit(&policy->places[i], &policy->places[j]);
				break;
			}
		}
	}
	for (size_t i = 0; i < policy->count; i++)
		if (finish_identity(&policy->places[i], &policy->places[i].settings) < 0)
			err = -EINVAL;
	return err;
}

int config_load(const char *file, bool must_exist, struct policy *policy)
{
	struct policy result = POLICY_DEFAULTS;
	char folder[PATH_MAX];
	int err, second;

	if (snprintf(folder, sizeof(folder), "%s.d", file) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	result.file = strdup(file);
	if (!result.file)
		return -ENOMEM;
	/* Continue after a fault, so that the log shows all faults at once. */
	err = read_file(file, must_exist, &result);
	second = read_folder(folder, &result);
	if (!err)
		err = second;
	second = finish(&result);
	if (!err)
		err = second;
	if (err)
		config_free(&result);
	else
		*policy = result;
	return err;
}

void config_free(struct policy *policy)
{
	for (size_t i = 0; i < policy->count; i++)
		free_place(&policy->places[i]);
	free(policy->places);
	free(policy->file);
	policy->places = NULL;
	policy->file = NULL;
	policy->count = 0;
}

static void print_mode(const char *key, int mode, FILE *to)
{
	if (mode < 0)
		fprintf(to, "%s=default\n", key);
	else
		fprintf(to, "%s=%04o\n", key, (unsigned int)mode);
}

static void print_group(const struct settings *settings, FILE *to)
{
	struct group *group = settings->has_group ? getgrgid(settings->gid) : NULL;

	if (!settings->has_group)
		fprintf(to, "group=default\n");
	else if (group)
		fprintf(to, "group=%s\n", group->gr_name);
	else
		fprintf(to, "group=%u\n", (unsigned int)settings->gid);
}

static void print_limit(const char *key, uint64_t limit, FILE *to)
{
	if (limit == UINT64_MAX)
		fprintf(to, "%s=unlimited\n", key);
	else
		fprintf(to, "%s=%" PRIu64 "\n", key, limit);
}

static void print_min_free(const struct settings *settings, FILE *to)
{
	if (settings->min_free_default)
		fprintf(to, "min-free=default\n");
	else if (settings->min_free_percent)
		fprintf(to, "min-free=%u%%\n", settings->min_free_percent);
	else
		fprintf(to, "min-free=%" PRIu64 "\n", settings->min_free);
}

static void print_place(const struct place *place, FILE *to)
{
	const struct settings *settings = &place->settings;

	fprintf(to, "[%s]\n", place_name(place));
	fprintf(to, "enable=%s\n", place->enable ? "yes" : "no");
	fprintf(to, "user=%s\n", settings->has_user ? settings->identity.name : "default");
	print_group(settings, to);
	print_mode("mode", settings->mode, to);
	print_mode("directory-mode", settings->directory_mode, to);
	print_limit("max-size", settings->max_size, to);
	print_limit("max-total", place->max_total, to);
	print_limit("max-files", place->max_files, to);
	print_min_free(settings, to);
	fprintf(to, "selinux-label=%s\n", settings->label[0] ? settings->label : "default");
}

void config_print(const struct policy *policy, FILE *to)
{
	if (!policy->count)
		fprintf(to, "# no section names a place: the host may write everywhere but below "
			    "/proc, /sys, /dev and their like\n");
	for (size_t i = 0; i < policy->count; i++)
		print_place(&policy->places[i], to);
}
