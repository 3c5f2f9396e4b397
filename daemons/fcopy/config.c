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
#include "config.h"
#include "log.h"
#include "name.h"

struct reader {
	struct policy *policy;
	const char *path;
	unsigned int line;
	int err;
};

static void __attribute__((format(printf, 2, 3)))
fault(struct reader *reader, const char *format, ...)
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

/*
 * Parse digits, and nothing else; strtoull() also accepts blanks and signs.
 * Returns what follows the digits, or NULL.
 */
static const char *parse_digits(const char *value, unsigned int base, uint64_t *out)
{
	uint64_t n = 0;
	const char *p;

	for (p = value; *p >= '0' && *p < (char)('0' + base); p++) {
		unsigned int digit = *p - '0';

		if (n > (UINT64_MAX - digit) / base)
			return NULL;
		n = n * base + digit;
	}
	*out = n;
	return p == value ? NULL : p;
}

/* Parse a number of bytes, or of units of K, M, G or T. */
static bool parse_size(const char *value, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *rest, *unit;
	uint64_t n;

	rest = parse_digits(value, 10, &n);
	if (!rest)
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

static void parse_max_size(struct reader *reader, const char *value)
{
	if (!strcmp(value, "unlimited"))
		reader->policy->max_size = UINT64_MAX;
	else if (!parse_size(value, &reader->policy->max_size))
		fault(reader, "max-size must be unlimited, or a number of bytes with K, M, G or T "
		      "after it, not '%s'", value);
}

static void parse_min_free(struct reader *reader, const char *value)
{
	struct policy *policy = reader->policy;
	uint64_t size = 0, percent = 0;
	const char *rest = parse_digits(value, 10, &percent);
	bool is_default = !strcmp(value, "default");

	if (is_default) {
		size = POLICY_MIN_FREE;
		percent = POLICY_MIN_FREE_PERCENT;
	} else if (rest && !strcmp(rest, "%") && percent < 100) {
		size = 0;
	} else if (parse_size(value, &size)) {
		percent = 0;
	} else {
		fault(reader, "min-free must be default, a number of bytes with K, M, G or T after "
		      "it, or a number below 100 with %% after it, not '%s'", value);
		return;
	}
	policy->min_free_default = is_default;
	policy->min_free = size;
	policy->min_free_percent = percent;
}

static void parse_mode(struct reader *reader, const char *key, const char *value, int *out)
{
	uint64_t mode;
	const char *rest = parse_digits(value, 8, &mode);

	if (!strcmp(value, "default"))
		*out = -1;
	else if (!rest || *rest)
		fault(reader, "%s must be default or an octal number such as 0640, not '%s'", key,
		      value);
	else if (mode > 0777)
		fault(reader, "%s must be at most 0777, not '%s': no file gets set-user-id, "
		      "set-group-id or sticky bits", key, value);
	else
		*out = mode;
}

/*
 * Parse an id. UINT32_MAX is not an id: chown(2) reads this value, -1, as "no
 * change".
 */
static bool parse_number(const char *value, uint32_t *id)
{
	uint64_t n;
	const char *rest = parse_digits(value, 10, &n);

	if (!rest || *rest || n >= UINT32_MAX)
		return false;
	*id = n;
	return true;
}

static bool find_user(const char *value, uint32_t *id)
{
	struct passwd *user;

	if (parse_number(value, id))
		return true;
	user = getpwnam(value);
	if (user)
		*id = user->pw_uid;
	return user;
}

static bool find_group(const char *value, uint32_t *id)
{
	struct group *group;

	if (parse_number(value, id))
		return true;
	group = getgrnam(value);
	if (group)
		*id = group->gr_gid;
	return group;
}

/*
 * Parse a user or group. The two keywords come first, so the number is the only
 * way to name a user who is called "directory".
 */
static bool parse_id(const char *value, bool (*find)(const char *value, uint32_t *id),
		     enum policy_id *kind, uint32_t *id)
{
	if (!strcmp(value, "default")) {
		*kind = POLICY_ID_DEFAULT;
	} else if (!strcmp(value, "directory")) {
		*kind = POLICY_ID_DIRECTORY;
	} else {
		if (!find(value, id))
			return false;
		*kind = POLICY_ID_FIXED;
	}
	return true;
}

static void parse_owner(struct reader *reader, const char *value)
{
	if (!parse_id(value, find_user, &reader->policy->owner, &reader->policy->uid))
		fault(reader, "owner: there is no user '%s'", value);
}

static void parse_group(struct reader *reader, const char *value)
{
	if (!parse_id(value, find_group, &reader->policy->group, &reader->policy->gid))
		fault(reader, "group: there is no group '%s'", value);
}

/*
 * Parse an SELinux context, which is user:role:type. The SELinux policy of the
 * machine decides what may follow after another colon.
 */
static void parse_label(struct reader *reader, const char *value)
{
	unsigned int colons = 0;
	const char *p;

	if (!strcmp(value, "default")) {
		reader->policy->label[0] = '\0';
		return;
	}
	for (p = value; *p > ' ' && *p < 0x7f; p++)
		colons += *p == ':';
	if (*p || colons < 2 || (size_t)(p - value) >= sizeof(reader->policy->label))
		fault(reader, "selinux-label must be default or a context such as "
		      "system_u:object_r:etc_t:s0, not '%s'", value);
	else
		memcpy(reader->policy->label, value, p - value + 1);
}

static void free_rule(struct policy_rule *rule)
{
	free(rule->path);
	free(rule->source);
}

static void forget_rules(struct policy *policy, bool allow)
{
	size_t left = 0;

	for (size_t i = 0; i < policy->count; i++) {
		if (policy->rules[i].allow == allow)
			free_rule(&policy->rules[i]);
		else
			policy->rules[left++] = policy->rules[i];
	}
	policy->count = left;
}

static const char *check_rule(const char *path)
{
	if (*path != '/')
		return "the path does not begin with '/'";
	if (strlen(path) >= PATH_MAX)
		return "the path is too long";
	return name_check_path(path);
}

static void add_rule(struct reader *reader, const char *path, bool allow)
{
	struct policy *policy = reader->policy;
	struct policy_rule rule = { .allow = allow }, *rules;
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	rule.path = strndup(path, length);
	if (asprintf(&rule.source, "%s:%u", reader->path, reader->line) < 0)
		rule.source = NULL;
	rules = reallocarray(policy->rules, policy->count + 1, sizeof(*rules));
	if (rules)
		policy->rules = rules;
	if (!rule.path || !rule.source || !rules) {
		free_rule(&rule);
		log_line(LOG_ERR, "%s:%u: %s", reader->path, reader->line, strerror(ENOMEM));
		reader->err = -ENOMEM;
		return;
	}
	rules[policy->count++] = rule;
}

static void parse_rule(struct reader *reader, const char *key, const char *value, bool allow)
{
	const char *wrong;

	if (!*value) {
		forget_rules(reader->policy, allow);
		return;
	}
	wrong = check_rule(value);
	if (wrong)
		fault(reader, "%s: %s: '%s'", key, wrong, value);
	else
		add_rule(reader, value, allow);
}

static void on_key(struct reader *reader, const char *key, const char *value)
{
	struct policy *policy = reader->policy;

	if (!strcmp(key, "enable"))
		parse_switch(reader, key, value, &policy->enable);
	else if (!strcmp(key, "allow"))
		parse_rule(reader, key, value, true);
	else if (!strcmp(key, "deny"))
		parse_rule(reader, key, value, false);
	else if (!strcmp(key, "follow-links"))
		parse_switch(reader, key, value, &policy->follow_links);
	else if (!strcmp(key, "max-size"))
		parse_max_size(reader, value);
	else if (!strcmp(key, "min-free"))
		parse_min_free(reader, value);
	else if (!strcmp(key, "mode"))
		parse_mode(reader, key, value, &policy->mode);
	else if (!strcmp(key, "directory-mode"))
		parse_mode(reader, key, value, &policy->directory_mode);
	else if (!strcmp(key, "owner"))
		parse_owner(reader, value);
	else if (!strcmp(key, "group"))
		parse_group(reader, value);
	else if (!strcmp(key, "selinux-label"))
		parse_label(reader, value);
	else
		fault(reader, "unknown key '%s'", key);
}

static void on_line(struct reader *reader, char *text, size_t length)
{
	struct conf_line line = conf_split(text, length);

	if (line.kind == CONF_KEY)
		on_key(reader, line.text, line.value);
	else if (line.kind == CONF_NUL)
		fault(reader, "%s", conf_fault(line.kind));
	else if (line.kind != CONF_NOTHING)
		fault(reader, "%s: '%s'", conf_fault(line.kind), line.text);
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
		log_line(LOG_ERR, "%s: users other than root can write to it (owner %u, mode %04o): "
			 "root must own it, and only its owner may write to it", path,
			 (unsigned int)st->st_uid, (unsigned int)(st->st_mode & 07777));
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
			log_line(LOG_WARNING,
				 "%s: ignored, because its name does not end in .conf", path);
		if (!err)
			err = one;
		free(entries[i]);
	}
	free(entries);
	return err;
}

int config_load(const char *file, bool must_exist, struct policy *policy)
{
	struct policy result = POLICY_DEFAULTS;
	char folder[PATH_MAX];
	int err, second;

	if (snprintf(folder, sizeof(folder), "%s.d", file) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	/* Continue after a fault, so that the log shows all faults at once. */
	err = read_file(file, must_exist, &result);
	second = read_folder(folder, &result);
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
		free_rule(&policy->rules[i]);
	free(policy->rules);
	policy->rules = NULL;
	policy->count = 0;
}

static void print_mode(const char *key, int mode, FILE *to)
{
	if (mode < 0)
		fprintf(to, "%s=default\n", key);
	else
		fprintf(to, "%s=%04o\n", key, (unsigned int)mode);
}

static void print_id(const char *key, enum policy_id kind, uint32_t id, FILE *to)
{
	if (kind == POLICY_ID_FIXED)
		fprintf(to, "%s=%" PRIu32 "\n", key, id);
	else
		fprintf(to, "%s=%s\n", key, kind == POLICY_ID_DIRECTORY ? "directory" : "default");
}

/* Print the rules of a key. An empty value means no rule, as in the file. */
static void print_rules(const struct policy *policy, bool allow, FILE *to)
{
	const char *key = allow ? "allow" : "deny", *path;
	bool any = false;

	for (size_t i = 0; i < policy->count; i++) {
		if (policy->rules[i].allow != allow)
			continue;
		path = policy->rules[i].path;
		/* The slash keeps a blank at the end from being trimmed. */
		fprintf(to, "%s=%s%s\n", key, path,
			strchr(" \t\r", path[strlen(path) - 1]) ? "/" : "");
		any = true;
	}
	if (!any)
		fprintf(to, "%s=\n", key);
}

void config_print(const struct policy *policy, FILE *to)
{
	fprintf(to, "enable=%s\n", policy->enable ? "yes" : "no");
	print_rules(policy, true, to);
	print_rules(policy, false, to);
	fprintf(to, "follow-links=%s\n", policy->follow_links ? "yes" : "no");
	if (policy->max_size == UINT64_MAX)
		fprintf(to, "max-size=unlimited\n");
	else
		fprintf(to, "max-size=%" PRIu64 "\n", policy->max_size);
	if (policy->min_free_default)
		fprintf(to, "min-free=default\n");
	else if (policy->min_free_percent)
		fprintf(to, "min-free=%u%%\n", policy->min_free_percent);
	else
		fprintf(to, "min-free=%" PRIu64 "\n", policy->min_free);
	print_mode("mode", policy->mode, to);
	print_mode("directory-mode", policy->directory_mode, to);
	print_id("owner", policy->owner, policy->uid, to);
	print_id("group", policy->group, policy->gid, to);
	fprintf(to, "selinux-label=%s\n", policy->label[0] ? policy->label : "default");
}
