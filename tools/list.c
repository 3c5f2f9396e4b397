// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl list: show the devices in a table. */
#include <stdlib.h>

#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"

static int run(int argc, char **argv);

const struct command list_command = {
	.name = "list",
	.arguments = "[-v] [-j] [ID]...",
	.summary = "list the VMBus devices, their drivers, and the rules that name them",
	.help =	"  -v, --verbose   also show channels, maps, events, interrupts, signals and waiting bytes\n"
		"  -j, --json      as JSON, always with everything\n",
	.options = "--verbose --json",
	.takes = "I",
	.run = run,
};

static void print_json(const struct machine *machine, const struct rules *rules, const bool *chosen)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < machine->count; i++)
		if (chosen[i])
			json_object_array_add(list, describe_json(&machine->devices[i], rules));
	json_print(list);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		COMMON_OPTIONS
	};
	bool verbose = false, json = false, *chosen;
	struct machine machine;
	struct rules *rules;
	int option, status;

	while ((option = command_option(&list_command, argc, argv, "vjhV", options, &status)) > 0) {
		if (option == 'v')
			verbose = true;
		else
			json = true;
	}
	if (!option)
		return status;
	status = machine_read(&machine);
	if (status) {
		if (json)
			json_print(json_object_new_array());
		return command_end(status);
	}
	rules = rules_read();
	chosen = need(calloc(machine.count + 1, sizeof(*chosen)));
	status = identify_several(&machine, argv + optind, argc - optind, true, chosen);
	if (!status && json) {
		print_json(&machine, rules, chosen);
	} else if (!status) {
		describe_devices(&machine, rules, chosen);
		if (verbose) {
			describe_channels(&machine, chosen);
			describe_maps(&machine, chosen);
		}
	}
	if (!status && machine.fault)
		status = EXIT_FAILED;
	free(chosen);
	rules_free(rules);
	machine_free(&machine);
	return command_end(status);
}
