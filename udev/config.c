// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "device.h"
#include "file.h"

struct reader {
	struct config *config;
	struct place at;
	struct section *section; /* the keys belong to it; NULL: to none */
	bool skips_keys;	 /* the last header was faulty */
	unsigned int keys;	 /* bits of the keys that the section has, by enum key */
};

static const struct rule defaults = { .driver = UIO_DRIVER, .enable = true, .settings.mode = -1 };

void config_add_finding(struct config *config, struct place at, bool is_fault, const char *format,
			...)
{
	struct finding *finding;
	va_list args;

	config->findings =
		need(reallocarray(config->findings, config->finding_count + 1, sizeof(*finding)));
	finding = &config->findings[config->finding_count++];
	*finding = (struct finding){ .at = at, .is_fault = is_fault };
	config->faults += is_fault;
	va_start(args, format);
	if (vasprintf(&finding->text, format, args) < 0)
		finding->text = need(NULL);
	va_end(args);
}

struct section *config_add_section(struct config *config, enum name_kind kind, const char *text,
				   struct place at)
{
	struct section *section;

	config->sections =
		need(reallocarray(config->sections, config->count + 1, sizeof(*section)));
	section = &config->sections[config->count++];
	*section = (struct section){ .name.kind = kind, .rule = defaults };
	section->rule.at = at;
	strcpy(section->name.text, text);
	return section;
}

/* Keep the path of a file as long as the configuration. Return @path. */
static const char *keep(struct config *config, char *path)
{
	strings_take(&config->files, path);
	return path;
}

/*
 * Report a fault in the current line. The format must be a literal, with text
 * from a file as an argument.
 */
#define fault(reader, ...) config_add_finding((reader)->config, (reader)->at, true, __VA_ARGS__)

/* Warn about the current line, with the arguments of fault(). */
#define warn(reader, ...) config_add_finding((reader)->config, (reader)->at, false, __VA_ARGS__)

static bool parse_interface(const char *text, char name[INTERFACE_SIZE])
{
	if (!*text || strlen(text) >= INTERFACE_SIZE || text[0] == '.' ||
	    !text_has_only(text, "._-:+@"))
		return false;
	strcpy(name, text);
	return true;
}

/* Return the part of @text after the word @word and blanks, or NULL. */
static const char *after_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(text, word, len) || !text[len] || !strchr(CONF_BLANKS, text[len]))
		return NULL;
	return text + len + strspn(text + len, CONF_BLANKS);
}

int config_parse_name(const char *text, struct device_name *name)
{
	const struct class *class;
	const char *rest;

	*name = (struct device_name){ .kind = NAME_MAC };
	rest = after_word(text, "mac");
	if (rest)
		return text_parse_mac(rest, name->text) ? 0 : -EINVAL;
	rest = after_word(text, "interface");
	if (rest) {
		name->kind = NAME_INTERFACE;
		return parse_interface(rest, name->text) ? 0 : -EINVAL;
	}
	name->kind = NAME_GUID;
	class = class_find(strcasecmp(text, "net") ? text : "nic");
	if (class) {
		memcpy(name->text, class->guid, sizeof(name->text));
		return 0;
	}
	return guid_parse(text, name->text);
}

bool config_parse_size(const char *text, uint64_t *size)
{
	unsigned long long n;
	char *end;

	if (!text_parse_digits(text, &n, &end) || n > UINT32_MAX)
		return false;
	if (*end == 'K' || *end == 'M')
		n *= *end++ == 'K' ? 1024 : 1024 * 1024;
	if (*end || !n || n > UINT32_MAX || n % sysconf(_SC_PAGESIZE))
		return false;
	*size = n;
	return true;
}

/*
 * Check the section that ends here: a section that binds a whole class of NICs,
 * disk controllers or PCI Express bridges must say that it is meant.
 */
static void end_section(struct reader *reader)
{
	const struct section *section = reader->section;
	const struct class *class;

	if (!section || section->name.kind != NAME_GUID || section->rule.force ||
	    !section->rule.enable)
		return;
	class = class_find(section->name.text);
	if (!class || !config_is_guarded(class->name))
		return;
	config_add_finding(
		reader->config, section->rule.at, true,
		"a section for the class %s needs force=yes or enable=no, because it names every device of the class",
		class->name);
}

static void open_section(struct reader *reader, char *header)
{
	struct device_name name;
	char *end, *text;

	end_section(reader);
	reader->section = NULL;
	reader->skips_keys = true;
	end = strchr(header, ']');
	if (!end) {
		fault(reader, "a section must begin with [ and end with ]: '%s'", header);
		return;
	}
	*end = '\0';
	text = conf_trim(header + 1);
	if (config_parse_name(text, &name)) {
		const char *kind = text_parse_mac(text, name.text)  ? "mac" :
				   parse_interface(text, name.text) ? "interface" :
								      NULL;

		if (kind)
			fault(reader, "'%s' is no class and no GUID; did you mean [%s %s]?", text,
			      kind, text);
		else
			fault(reader,
			      "a section must be a class, the GUID of a class or an instance, mac "
			      "AA:BB:CC:DD:EE:FF or interface NAME, not '%s'",
			      text);
		return;
	}
	reader->section = config_add_section(reader->config, name.kind, name.text, reader->at);
	reader->keys = 0;
	reader->skips_keys = false;
	/*
	 * The section is in the list before this check, so the devices that it
	 * names are not bound.
	 */
	if (end[1])
		fault(reader, "nothing may follow the ] of a section, not even a comment: '%s'",
		      end + 1);
}

char *place_format(const struct place *place)
{
	return place->line ? need_printf("%s:%u", place->file, place->line) :
			     need_strdup(place->file);
}

bool config_is_driver(const char *name)
{
	/* The name becomes part of a path and an argument of modprobe. */
	return *name && strlen(name) <= DRIVER_NAME_MAX && name[0] != '-' &&
	       text_has_only(name, "_-");
}

/*
 * The functions parse_...() store the value of a key in a member of a rule.
 * They return false, and store nothing, if the text is no value of the key.
 */
static bool parse_switch(const char *text, void *to)
{
	const bool yes = !strcmp(text, "yes");

	if (!yes && strcmp(text, "no"))
		return false;
	*(bool *)to = yes;
	return true;
}

static bool parse_driver(const char *text, void *to)
{
	if (!config_is_driver(text))
		return false;
	strcpy(to, text);
	return true;
}

static bool parse_size(const char *text, void *to)
{
	return config_parse_size(text, to);
}

static bool parse_account(const char *text, void *to)
{
	uint32_t number;

	if (!*text || strlen(text) >= ACCOUNT_SIZE || text[0] == '-' ||
	    !text_has_only(text, "._-$"))
		return false;
	if (!text[strspn(text, "0123456789")] && !text_parse_number(text, &number))
		return false;
	strcpy(to, text);
	return true;
}

static bool parse_mode(const char *text, void *to)
{
	unsigned long mode;
	int *out = to;
	char *end;

	mode = strtoul(text, &end, 8);
	if (!isdigit((unsigned char)text[0]) || *end || mode > 0777)
		return false;
	*out = mode;
	return true;
}

static bool parse_link(const char *text, void *to)
{
	if (*text == '/' || strlen(text) >= LINK_SIZE || !text_has_only(text, "._-+:@/") ||
	    !strncmp(text, "by-", 3))
		return false;
	/*
	 * Each part of the path begins with a letter or digit, so no part is
	 * ".." or empty.
	 */
	for (const char *part = text; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!isalnum((unsigned char)*part))
			return false;
	}
	strcpy(to, text);
	return true;
}

#define SIZE	"a multiple of the page size, more than 0 and less than 4096M, such as 64K or 1M"
#define ACCOUNT "a name, or a number below 4294967295"

#define MEMBER(member) offsetof(struct rule, member), sizeof(((struct rule *)0)->member)

static const struct {
	const char *name;
	const char *values;
	bool (*parse)(const char *text, void *to);
	size_t offset, size; /* of the member of a rule that has the value */
} keys[KEY_COUNT] = {
	[KEY_DRIVER] = { "driver", "the name of a driver", parse_driver, MEMBER(driver) },
	[KEY_ENABLE] = { "enable", "yes or no", parse_switch, MEMBER(enable) },
	[KEY_FORCE] = { "force", "yes or no", parse_switch, MEMBER(force) },
	[KEY_RING_SIZE] = { "ring_size", SIZE, parse_size, MEMBER(settings.ring_size) },
	[KEY_RECV_BUFFER_SIZE] = { "recv_buffer_size", SIZE, parse_size,
				   MEMBER(settings.recv_buffer_size) },
	[KEY_SEND_BUFFER_SIZE] = { "send_buffer_size", SIZE, parse_size,
				   MEMBER(settings.send_buffer_size) },
	[KEY_OWNER] = { "owner", ACCOUNT, parse_account, MEMBER(settings.owner) },
	[KEY_GROUP] = { "group", ACCOUNT, parse_account, MEMBER(settings.group) },
	[KEY_MODE] = { "mode", "an octal number up to 0777", parse_mode, MEMBER(settings.mode) },
	[KEY_LINK] = { "link", "a path below /dev/vmbus that does not begin with by-", parse_link,
		       MEMBER(settings.link) },
};

bool config_set(struct section *section, enum key key, const char *text, struct place at)
{
	struct rule *rule = &section->rule;

	if (!keys[key].parse(text, (char *)rule + keys[key].offset))
		return false;
	rule->key_at[key] = at;
	return true;
}

/*
 * Report a key that belongs to no section. After a faulty header, which has
 * been reported, report only an enable=no, because it may apply to any device.
 */
static void on_lost_key(struct reader *reader, const char *key, const char *value)
{
	if (!reader->skips_keys)
		fault(reader, "a key outside of any section: '%s'", key);
	if (!strcmp(key, "enable") && strcmp(value, "yes")) {
		fault(reader,
		      "it is not known which device %s=%s applies to, so no NIC, no disk controller and no PCI Express bridge is bound",
		      key, value);
		reader->config->forbidden_at = reader->at;
	}
}

static void on_key(struct reader *reader, const char *name, const char *value)
{
	const struct rule *rule = &reader->section->rule;
	const long least = 2 * sysconf(_SC_PAGESIZE);
	unsigned int key = 0;

	while (key < KEY_COUNT && strcmp(name, keys[key].name))
		key++;
	if (key == KEY_COUNT) {
		fault(reader, "unknown key '%s'", name);
		return;
	}
	if (reader->keys & 1u << key)
		warn(reader, "%s: the section sets this key twice; the last value counts", name);
	reader->keys |= 1u << key;
	if (!config_set(reader->section, key, value, reader->at))
		fault(reader, "%s must be %s, not '%s'", name, keys[key].values, value);
	else if (key == KEY_RING_SIZE && rule->settings.ring_size < (uint64_t)least)
		/* A later module may accept less, so this is no fault. */
		warn(reader,
		     "%s: the module rejects rings of fewer than two pages, %ld bytes: '%s'", name,
		     least, value);
}

static void on_fault(struct reader *reader, const char *reason, const char *text)
{
	fault(reader, "%s: '%s'", reason, text);
	/* The line may be a section, or an enable=no for any device. */
	if (!reader->section)
		reader->config->forbidden_at = reader->at;
}

static void on_line(struct reader *reader, char *text, size_t length)
{
	struct conf_line line = conf_split(text, length);

	if (line.kind == CONF_SECTION)
		open_section(reader, line.text);
	else if (line.kind == CONF_KEY && reader->section)
		on_key(reader, line.text, line.value);
	else if (line.kind == CONF_KEY)
		on_lost_key(reader, line.text, line.value);
	else if (line.kind == CONF_FAULT)
		on_fault(reader, line.fault, line.text);
}

/*
 * Warn about a file or directory that users other than root can write to,
 * because its rules are carried out as root. The files of a model machine
 * belong to the user who runs the test.
 */
static void check_writers(struct config *config, const char *path, const struct stat *st)
{
	const bool is_ours = !st->st_uid || (*sysroot() && st->st_uid == geteuid());

	if (!is_ours || (st->st_mode & 022))
		config_add_finding(config, (struct place){ path, 0 }, false,
				   "users other than root can write to it (owner %u, mode %04o); "
				   "chown root:root and chmod go-w prevent that",
				   (unsigned int)st->st_uid, (unsigned int)(st->st_mode & 07777));
}

/*
 * Report a file or directory that cannot be read because of errno. It may
 * disable any device.
 */
static void not_read(struct config *config, const char *path)
{
	config_add_finding(config, (struct place){ path, 0 }, true,
			   "%s, so no NIC, no disk controller and no PCI Express bridge is bound",
			   strerror(errno));
	config->forbidden_at = (struct place){ path, 1 };
}

static void load_file(struct config *config, const char *path, bool is_administrators)
{
	struct reader reader = { .config = config, .at = { .file = path } };
	const size_t first = config->count, faults = config->faults;
	char *text, *line, *end;
	struct stat st;
	size_t size;

	text = file_read(&size, "%s", path + strlen(sysroot()));
	if (!text) {
		/* Somebody may have just removed the file. */
		if (errno != ENOENT || !lstat(path, &st))
			not_read(config, path);
		return;
	}
	/* A link to /dev/null hides the package's file of the same name. */
	if (!stat(path, &st) && S_ISREG(st.st_mode))
		check_writers(config, path, &st);
	for (line = text; line < text + size; line = end + 1) {
		end = memchr(line, '\n', text + size - line);
		if (!end)
			end = text + size;
		*end = '\0';
		reader.at.line++;
		on_line(&reader, line, end - line);
	}
	end_section(&reader);
	free(text);
	for (size_t i = first; i < config->count; i++) {
		config->sections[i].is_faulty = config->faults != faults;
		config->sections[i].is_administrators = is_administrators;
	}
}

/* Add the names of the files in a directory to a list. */
static void list_folder(struct config *config, const char *folder, struct strings *names)
{
	const char *path = keep(config, file_path("%s", folder));
	struct dirent **entries;
	struct stat st;
	int n = scandir(path, &entries, conf_is_visible, NULL);

	if (n < 0) {
		if (errno != ENOENT)
			not_read(config, path);
		return;
	}
	if (!stat(path, &st))
		check_writers(config, path, &st);
	for (int i = 0; i < n; i++) {
		strings_take(names, need_strdup(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

/*
 * Load the file of a name. A file of the administrator hides the package's file
 * of the same name.
 */
static void load_name(struct config *config, const char *name)
{
	char *path = file_path(ADMIN_CONFIG "/%s", name);
	struct stat st;
	const bool is_vendors = lstat(path, &st) && file_exists(VENDOR_CONFIG "/%s", name);

	if (is_vendors) {
		free(path);
		path = file_path(VENDOR_CONFIG "/%s", name);
	}
	keep(config, path);
	if (conf_is_named(name))
		load_file(config, path, !is_vendors);
	else
		config_add_finding(config, (struct place){ path, 0 }, false,
				   "ignored, because its name does not end in .conf");
}

/* Read the files of both directories in the order of their names. */
static void load_folders(struct config *config)
{
	struct strings names = { 0 };

	list_folder(config, VENDOR_CONFIG, &names);
	list_folder(config, ADMIN_CONFIG, &names);
	strings_sort(&names);
	for (size_t i = 0; i < names.count; i++)
		if (!i || strcmp(names.items[i - 1], names.items[i]))
			load_name(config, names.items[i]);
	strings_free(&names);
}

/*
 * driverctl keeps an override in a file BUS-DEVICE, whose first line names a
 * driver. driverctl cannot apply those of VMBus devices at boot, because
 * systemd turns the dashes of their GUIDs into slashes on the way to
 * driverctl@.service. config_load() reads them instead.
 */
#define DRIVERCTL_FOLDER "/etc/driverctl.d"
#define PREFIX		 "vmbus-"

char *config_driverctl_path(const char *instance)
{
	return file_path(DRIVERCTL_FOLDER "/" PREFIX "%s", instance);
}

/* Read the entry @name. A faulty entry has no effect, and becomes a warning. */
static void load_entry(struct config *config, const char *name)
{
	char instance[GUID_SIZE], *driver = file_line(DRIVERCTL_FOLDER "/%s", name);
	struct place at = { .line = 1 };
	const char *fault = NULL;
	struct section *section;

	if (!driver)
		fault = strerror(errno);
	else if (guid_parse(name + strlen(PREFIX), instance))
		fault = "the name of this driverctl entry is not vmbus- followed by a GUID";
	else if (!strcmp(driver, "none"))
		fault = "this driverctl entry requests no driver, which vmbus-bind does not support";
	else if (!config_is_driver(driver))
		fault = "this driverctl entry does not name a driver";
	at.file = keep(config, file_path(DRIVERCTL_FOLDER "/%s", name));
	if (fault) {
		at.line = 0;
		config_add_finding(config, at, false, "%s", fault);
	} else {
		section = config_add_section(config, NAME_GUID, instance, at);
		config_set(section, KEY_DRIVER, driver, at);
	}
	free(driver);
}

/*
 * Append a section for each override of a VMBus device. A section in bind.d for
 * the same device wins, because config_load() reads those files later.
 */
static void load_driverctl(struct config *config)
{
	struct strings names = file_names(DRIVERCTL_FOLDER);

	for (size_t i = 0; i < names.count; i++)
		if (!strncmp(names.items[i], PREFIX, strlen(PREFIX)))
			load_entry(config, names.items[i]);
	strings_free(&names);
}

void config_load(struct config *config)
{
	*config = (struct config){ 0 };
	load_driverctl(config);
	load_folders(config);
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->finding_count; i++)
		free(config->findings[i].text);
	strings_free(&config->files);
	free(config->sections);
	free(config->findings);
	*config = (struct config){ 0 };
}

static bool is_same(const char *have, const char *want)
{
	return *have && !strcmp(have, want);
}

static enum rule_scope scope_of(const struct device_name *name, const struct device *device)
{
	switch (name->kind) {
	case NAME_GUID:
		return is_same(device->instance, name->text) ? SCOPE_INSTANCE :
		       is_same(device->class_id, name->text) ? SCOPE_CLASS :
							       SCOPE_NONE;
	case NAME_MAC:
		return is_same(device->mac, name->text) ? SCOPE_MAC : SCOPE_NONE;
	case NAME_INTERFACE:
		/* The name counts as soon as udev has given it. */
		return device->is_named && is_same(device->interface, name->text) ?
			       SCOPE_INTERFACE :
			       SCOPE_NONE;
	}
	return SCOPE_NONE;
}

bool config_names(const struct device_name *name, const struct device *device)
{
	return scope_of(name, device) != SCOPE_NONE;
}

bool config_is_guarded(const char *class_name)
{
	static const char *const names[] = { "nic", "scsi", "ide", "fc", "pcie" };

	for (size_t i = 0; class_name && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(class_name, names[i]))
			return true;
	return false;
}

/* Let the keys of a section take precedence over those of a rule. */
static void apply_section(struct rule *rule, const struct section *section)
{
	const struct rule *from = &section->rule;

	rule->at = from->at;
	for (int i = 0; i < KEY_COUNT; i++) {
		const size_t offset = keys[i].offset;

		if (!from->key_at[i].line)
			continue;
		memcpy((char *)rule + offset, (const char *)from + offset, keys[i].size);
		rule->key_at[i] = from->key_at[i];
	}
}

void config_rule(const struct config *config, const struct device *device, bool with_faulty,
		 struct rule *rule)
{
	*rule = defaults;
	for (int scope = SCOPE_CLASS; scope <= SCOPE_INSTANCE; scope++) {
		for (size_t i = 0; i < config->count; i++) {
			const struct section *section = &config->sections[i];

			if ((int)scope_of(&section->name, device) != scope)
				continue;
			/* The faulty file may have disabled this device. */
			if (section->is_faulty)
				rule->faulty_at = section->rule.at;
			if (section->is_faulty && !with_faulty)
				continue;
			rule->scope = scope;
			apply_section(rule, section);
		}
	}
	if (!with_faulty && rule->scope != SCOPE_NONE && config->forbidden_at.file &&
	    config_is_guarded(device->class_name))
		rule->faulty_at = config->forbidden_at;
}

static bool compares(const struct config *config, int kind)
{
	for (size_t i = 0; i < config->count; i++)
		if ((int)config->sections[i].name.kind == kind)
			return true;
	return false;
}

bool config_is_unsure(const struct config *config, const struct device *device)
{
	return (!*device->mac && compares(config, NAME_MAC)) ||
	       (!device->is_named && compares(config, NAME_INTERFACE));
}
