// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbusctl complete WORD...: list the words that may follow, for the completion
 * of bash and zsh. The words are those after "vmbusctl"; the last one is being
 * typed and may be empty. Each line of output has a candidate, a tab and a
 * description.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "details.h"
#include "file.h"

static int run(int argc, char **argv);

const struct command complete_command = {
	.name = "complete",
	.arguments = "WORD...",
	.summary = "list the words that may follow, for shells",
	.help = "",
	.options = "",
	.takes = "",
	.run = run,
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

static void offer_options(const struct command *command, const char *typed)
{
	char *list = need_printf("%s --help", command->options), *rest = list, *option;

	while ((option = strsep(&rest, " ")))
		if (*option)
			offer(typed, option, "");
	free(list);
}

static void offer_all(const char *typed, const struct strings *names, const char *description)
{
	for (size_t i = 0; i < names->count; i++)
		offer(typed, names->items[i], description);
}

/* Offer each name of a device. */
static void offer_device(const char *typed, const struct device *device)
{
	const char *uio = vmbus_device_uio(device->handle);
	struct strings interfaces = { 0 }, disks = { 0 }, links = { 0 };
	char *joined, *description;

	read_below(device, &interfaces, &disks);
	if (uio)
		links = links_of(uio);
	joined = strings_join(&interfaces, " ");
	description = need_printf("%s %s%s%s", device_class(device),
				  *device_driver(device) ? device_driver(device) : "without a driver",
				  joined[0] ? " " : "", joined);
	offer(typed, device->instance, description);
	offer_all(typed, &interfaces, description);
	offer_all(typed, &links, description);
	if (!interfaces.count && device->interface[0])
		offer(typed, device->interface, description);
	if (device->mac[0])
		offer(typed, device->mac, description);
	if (uio)
		offer(typed, uio, description);
	free(description);
	free(joined);
	strings_free(&interfaces);
	strings_free(&disks);
	strings_free(&links);
}

/* Offer each name of each device, but each class only once. */
static void offer_identifiers(const char *typed)
{
	struct strings classes = { 0 };
	struct machine machine;

	machine_read(&machine);
	for (size_t i = 0; i < machine.count; i++) {
		offer_device(typed, &machine.devices[i]);
		if (machine.devices[i].class_name)
			strings_take(&classes, need_strdup(machine.devices[i].class_name));
	}
	strings_sort(&classes);
	for (size_t i = 0; i < classes.count; i++)
		if (!i || strcmp(classes.items[i], classes.items[i - 1]))
			offer(typed, classes.items[i], "class");
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
	char kind;

	if (number < kinds)
		kind = command->takes[number];
	else if (kinds && isupper((unsigned char)command->takes[kinds - 1]))
		kind = command->takes[kinds - 1];
	else
		return;
	switch (tolower((unsigned char)kind)) {
	case 'i':
		offer_identifiers(typed);
		break;
	case 'd':
		offer_drivers(typed);
		break;
	case 's':
		offer_sizes(typed);
		break;
	}
}

static int run(int argc, char **argv)
{
	const struct command *command = NULL;
	const char *typed = argc > 1 ? argv[argc - 1] : "";
	size_t arguments = 0;

	for (int i = 1; i < argc - 1; i++) {
		if (!strcmp(argv[i], "-b") || !strcmp(argv[i], "--bus")) {
			/* The next word is the value; see find_command(). */
			if (++i == argc - 1) {
				offer(typed, "vmbus", "the only bus");
				return command_end(EXIT_OK);
			}
			continue;
		}
		if (argv[i][0] == '-')
			continue;
		if (command)
			arguments++;
		else
			command = command_find(argv[i]);
		if (!command)
			return EXIT_OK;
	}
	if (!command)
		offer_commands(typed);
	else if (typed[0] == '-')
		offer_options(command, typed);
	else
		offer_argument(command, arguments, typed);
	return command_end(EXIT_OK);
}
