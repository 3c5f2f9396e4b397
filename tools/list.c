// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl list: show the devices in a table. */
#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"

static int run(const struct options *options, int count, char **operands);

const struct command list_command = {
	.name = "list",
	.arguments = "[-v] [-j] [ID]...",
	.summary = "list the VMBus devices, their drivers, and the rules that name them",
	.help = "Some columns are hidden if the terminal is narrow.\n"
		"  -v, --verbose   all columns and all digits of the instances; also channels, maps,\n"
		"                  events, interrupts, signals and waiting bytes\n"
		"  -j, --json      as JSON, always with everything\n",
	.options = "--verbose --json --help",
	.takes = "I",
	.run = run,
};

static int run(const struct options *options, int count, char **operands)
{
	struct json_object *devices = json_object_new_array();
	struct view view;
	int status = view_read(&view, true);

	if (!status)
		status = identify_several(&view, operands, count, true);
	else if (options->json)
		json_print(json_object_get(devices));
	if (status)
		goto out;
	status = view_describe(&view, devices);
	if (options->json)
		json_print(json_object_get(devices));
	else
		describe_table(devices, options->verbose ? 0 : view_digits(&view), stdout);
	if (!options->json && options->verbose)
		describe_tables(devices, 0);
out:
	json_object_put(devices);
	view_free(&view);
	return status;
}
