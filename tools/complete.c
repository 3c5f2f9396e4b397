// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbusctl complete PROGRAM WORD...: list the words that may follow, for the
 * completion of bash and zsh. The words are those after the name of the
 * program; the last one is being typed and may be empty. Each line of output
 * has a candidate, a tab and a description.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "describe.h"
#include "file.h"
#include "json.h"

/* The other programs, as if each were a command */
static const struct command programs[] = {
	{
		.name = "vmbus-bind",
		.options = "--all|--release|--settings|--properties|--check|--version|--help "
			   "--dry-run --force --udev --settle@--all --new-interface@--udev",
		.takes = "g",
	},
	{
		.name = "hv-fcopyd",
		.options = "--check-config|--check-path=|--version|--help "
			   "--class=|--device= --config= --state-dir= --verbose "
			   "--name=@--check-path --force@--check-path --create@--check-path",
		.takes = "",
	},
};

static void offer(const char *typed, const char *candidate, const char *description)
{
	if (!strncmp(candidate, typed, strlen(typed)))
		printf("%s\t%s\n", candidate, description);
}

static void offer_commands(const char *typed)
{
	for (const struct command *const *command = commands; *command; command++)
		offer(typed, (*command)->name, (*command)->summary);
	offer(typed, "--help", "");
	offer(typed, "--version", "");
}

/* Return whether an option of @length characters is among the words. */
static bool is_given(char **words, int count, const char *option, size_t length)
{
	length -= option[length - 1] == '=';
	for (int i = 0; i < count; i++)
		if (!strncmp(words[i], option, length) &&
		    (!words[i][length] || words[i][length] == '='))
			return true;
	return false;
}

/* Offer the options of a group, unless one of them is given. */
static void offer_group(char *group, char **words, int count, const char *typed)
{
	char *needed = strchr(group, '@'), *option;

	if (needed && !is_given(words, count, needed + 1, strlen(needed + 1)))
		return;
	group[strcspn(group, "@")] = '\0';
	for (char *at = group; *at; at += strcspn(at, "|"), at += *at == '|')
		if (is_given(words, count, at, strcspn(at, "|")))
			return;
	while ((option = strsep(&group, "|")))
		offer(typed, option, "");
}

static void offer_options(const char *options, char **words, int count, const char *typed)
{
	char *list = need_strdup(options), *rest = list, *group;

	while ((group = strsep(&rest, " ")))
		if (*group)
			offer_group(group, words, count, typed);
	free(list);
}

static void offer_list(const char *typed, struct json_object *device, const char *key,
		       const char *description)
{
	struct json_object *list = json_object_object_get(device, key);

	for (size_t i = 0; i < json_object_array_length(list); i++)
		offer(typed, json_object_get_string(json_object_array_get_idx(list, i)),
		      description);
}

/* Offer each name of a device. */
static void offer_device(const char *typed, struct device *device)
{
	static const char *const names[] = { "instance", "known_interface", "mac", "uio" };
	const struct engine engine = { 0 };
	char *interfaces, *description;
	struct json_object *object = describe_device(&engine, device);

	interfaces = json_text(object, "interfaces");
	description =
		need_printf("%s %s%s%s", device_class(device),
			    *device_driver(device) ? device_driver(device) : "without a driver",
			    *interfaces ? " " : "", interfaces);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (*json_get_string(object, names[i]))
			offer(typed, json_get_string(object, names[i]), description);
	offer_list(typed, object, "interfaces", description);
	offer_list(typed, object, "links", description);
	json_object_put(object);
	free(description);
	free(interfaces);
}

/* Return whether user space has a device, or the device has an override. */
static bool is_taken(const struct device *device)
{
	char override[DRIVER_NAME_MAX + 1];

	device_override(device, override);
	return device->handle->uio || override[0];
}

/* Offer the classes. Unless @several, leave out those with several devices. */
static void offer_classes(const char *typed, struct strings *classes, bool several)
{
	strings_sort(classes);
	for (size_t i = 0, next; i < classes->count; i = next) {
		for (next = i + 1; next < classes->count; next++)
			if (strcmp(classes->items[i], classes->items[next]))
				break;
		if (several || next == i + 1)
			offer(typed, classes->items[i], "class");
	}
}

/* Offer the names of devices that fit an argument of this kind. */
static void offer_identifiers(const char *typed, char kind)
{
	struct strings classes = { 0 };
	struct machine machine;

	machine_read(&machine);
	for (size_t i = 0; i < machine.count; i++) {
		struct device *device = &machine.devices[i];

		if (device->class_name)
			strings_take(&classes, need_strdup(device->class_name));
		if (kind == 'g')
			offer(typed, device->instance, device_class(device));
		else if (kind != 'u' || is_taken(device))
			offer_device(typed, device);
	}
	if (kind != 'g' && kind != 'u')
		offer_classes(typed, &classes, kind == 'I');
	strings_free(&classes);
	machine_free(&machine);
}

static void offer_drivers(const char *typed)
{
	struct strings drivers = file_names("/sys/bus/vmbus/drivers");
	bool ours = false;

	for (size_t i = 0; i < drivers.count; i++) {
		offer(typed, drivers.items[i], "driver");
		if (!strcmp(drivers.items[i], "uio_hv_generic"))
			ours = true;
	}
	if (!ours)
		offer(typed, "uio_hv_generic", "driver");
	strings_free(&drivers);
}

static void offer_sizes(const char *typed)
{
	static const char *const sizes[] = { "default", "64K", "256K", "1M", "2M" };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		offer(typed, sizes[i], "");
}

static void offer_argument(const struct command *command, size_t number, const char *typed)
{
	size_t kinds = strlen(command->takes);
	char kind = number < kinds ? command->takes[number] : '\0';

	if (kinds && command->takes[kinds - 1] == 'I')
		kind = 'I';
	if (kind == 'd')
		offer_drivers(typed);
	else if (kind == 's')
		offer_sizes(typed);
	else if (kind)
		offer_identifiers(typed, kind);
}

/* Offer what may follow the words after a command, or after another program. */
static void offer_next(const struct command *command, char **words, int count, const char *typed)
{
	size_t arguments = 0;

	for (int i = 0; i < count; i++)
		arguments += words[i][0] != '-';
	if (typed[0] == '-')
		offer_options(command->options, words, count, typed);
	else
		offer_argument(command, arguments, typed);
}

/* Offer the words of vmbusctl, whose command may follow options. */
static void offer_vmbusctl(char **words, int count, const char *typed)
{
	const struct command *command = NULL;
	int kept = 0;

	for (int i = 0; i < count; i++) {
		if (!strcmp(words[i], "-b") || !strcmp(words[i], "--bus")) {
			/* The next word is the value; see find_command(). */
			if (++i == count) {
				offer(typed, "vmbus", "the only bus");
				return;
			}
		} else if (!command && words[i][0] != '-') {
			command = command_find(words[i]);
			if (!command)
				return;
		} else {
			words[kept++] = words[i];
		}
	}
	if (command)
		offer_next(command, words, kept, typed);
	else
		offer_commands(typed);
}

static int run(const struct options *options, int count, char **operands)
{
	const char *program = operands[0], *typed = operands[count - 1];
	char **words = operands + 1;

	count -= 2;
	if (!strcmp(program, "vmbusctl"))
		offer_vmbusctl(words, count, typed);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		/* A mode that names no device takes no argument. */
		const bool is_whole =
			is_given(words, count, "--all", 5) || is_given(words, count, "--check", 7);

		if (!strcmp(program, programs[i].name) && !(is_whole && typed[0] != '-'))
			offer_next(&programs[i], words, count, typed);
	}
	return EXIT_OK;
}

const struct command complete_command = {
	.name = "complete",
	.arguments = "PROGRAM WORD...",
	.summary = "list the words that may follow, for shells",
	.help = "",
	.options = "",
	.takes = "I",
	.least = 2,
	.run = run,
};
