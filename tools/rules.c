// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbusctl rules: show what happens to each device, and why.
 */
#include <stdlib.h>

#include "command.h"
#include "identify.h"
#include "json.h"
#include "rule.h"

static int run(int argc, char **argv);

const struct command rules_command = {
	.name = "rules",
	.arguments = "[-a] [-j] [ID]...",
	.summary = "show what would happen to each device, and why",
	.help =	"The decision comes from the code that binds devices. The command changes nothing.\n"
		"  -a, --all       also show the devices that no rule names\n"
		"  -j, --json      as JSON\n",
	.options = "--all --json",
	.takes = "I",
	.run = run,
};

static void print_device(const struct vdevice *device, const struct plan *plan)
{
	char *interfaces = strings_join(&device->interfaces, ",");

	printf("%s  %s%s%s%s%s, %s%s\n", device->instance, device_class(device),
	       interfaces[0] ? "  " : "", interfaces, device->uio ? "  " : "",
	       device->uio ? device->uio : "", device->driver ? "bound to " : "no driver",
	       device->driver ? device->driver : "");
	rule_print(plan);
	free(interfaces);
}

static void print_text(const struct machine *machine, const struct rules *rules, const bool *chosen,
		       bool all)
{
	size_t without = 0, shown = 0;

	for (size_t i = 0; i < machine->count; i++) {
		const struct plan *plan = rules_plan(rules, &machine->devices[i]);

		if (!chosen[i] || !plan)
			continue;
		if (all || plan_has_rule(plan)) {
			print_device(&machine->devices[i], plan);
			shown++;
		} else {
			without++;
		}
	}
	if (without)
		printf("%s%zu %s no rule.\n", shown ? "\n" : "", without,
		       without == 1 ? "device has" : "devices have");
}

static void print_json(const struct machine *machine, const struct rules *rules, const bool *chosen,
		       bool all)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < machine->count; i++) {
		struct json_object *rule = rule_json(rules, &machine->devices[i]), *o;

		if (!chosen[i] || (!rule && !all)) {
			json_object_put(rule);
			continue;
		}
		o = json_object_new_object();
		json_string(o, "instance", machine->devices[i].instance);
		json_string(o, "class", machine->devices[i].class_name);
		json_string(o, "driver", machine->devices[i].driver);
		json_object_object_add(o, "rule", rule);
		json_object_array_add(list, o);
	}
	json_print(list);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		COMMON_OPTIONS
	};
	bool all = false, json = false, *chosen;
	struct machine machine;
	struct rules *rules;
	int option, status;

	while ((option = command_option(&rules_command, argc, argv, "ajhV", options,
					&status)) > 0) {
		if (option == 'a')
			all = true;
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
	/* Show a device that an identifier names even if it has no rule. */
	if (optind < argc)
		all = true;
	if (!status && json)
		print_json(&machine, rules, chosen, all);
	else if (!status)
		print_text(&machine, rules, chosen, all);
	if (!status && rules_complain(rules))
		status = EXIT_USAGE;
	if (!status && (machine.fault || !rules->plans))
		status = EXIT_FAILED;
	free(chosen);
	rules_free(rules);
	machine_free(&machine);
	return command_end(status);
}
