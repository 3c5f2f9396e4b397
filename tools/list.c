// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl list: show the devices in a table. */
#include <stdlib.h>

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

static void print_json(const struct view *view)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < view->engine.machine.count; i++)
		if (view->chosen[i])
			json_object_array_add(list, describe_json(view, i));
	json_print(list);
}

static int run(const struct options *options, int count, char **operands)
{
	struct view view;
	int unread, status = view_read(&view, true);

	if (!status)
		status = identify_several(&view, operands, count, true);
	else if (options->json)
		json_print(json_object_new_array());
	if (status)
		goto out;
	unread = view_read_details(&view);
	if (options->json)
		print_json(&view);
	else
		describe_devices(&view, options->verbose);
	if (!options->json && options->verbose) {
		describe_channels(&view, true);
		describe_maps(&view, true);
	}
	status = unread ? unread : view_status(&view);
out:
	view_free(&view);
	return status;
}
