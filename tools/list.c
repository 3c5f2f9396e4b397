// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl list, and list-overrides of driverctl. */
#include <string.h>

#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"

static int run(const struct options *options, int count, char **operands)
{
	struct json_object *devices = json_object_new_array();
	struct engine engine;
	int status = command_read(&engine);

	if (!status)
		status = identify_several(&engine.machine, operands, count, true);
	else if (options->json)
		json_print(devices, JSON_C_TO_STRING_PRETTY);
	if (status)
		goto out;
	status = describe_chosen(&engine, devices);
	if (options->json)
		json_print(devices, JSON_C_TO_STRING_PRETTY);
	else
		describe_table(devices, options->verbose ? 0 : describe_digits(&engine.machine),
			       stdout);
	if (!options->json && options->verbose)
		describe_tables(devices, 0);
out:
	json_object_put(devices);
	engine_free(&engine);
	return status;
}

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

/* Print a device if it has a rule of its own or an override. */
static void print_override(const struct engine *engine, struct device *device, bool verbose)
{
	char override[DRIVER_NAME_MAX + 1];
	const char *driver, *file = "not persistent";
	struct plan plan;

	engine_plan(engine, device, &plan);
	device_override(device, override);
	driver = override;
	if (plan.rule.enable && plan.rule.scope == SCOPE_INSTANCE)
		driver = plan.rule.driver;
	if (plan.rule.enable && plan.rule.scope != SCOPE_NONE && !strcmp(driver, plan.rule.driver))
		file = plan.rule.at.file;
	if (*driver)
		printf("%s %s%s%s\n", device->instance, driver, verbose ? " " : "",
		       verbose ? file : "");
}

static int run_overrides(const struct options *options, int count, char **operands)
{
	struct engine engine;
	int status = command_read(&engine);

	for (size_t i = 0; !status && i < engine.machine.count; i++)
		print_override(&engine, &engine.machine.devices[i], options->verbose);
	if (!status && engine.machine.fault)
		status = EXIT_FAILED;
	engine_free(&engine);
	return status;
}

const struct command list_overrides_command = {
	.name = "list-overrides",
	.arguments = "[-b vmbus] [-v]",
	.summary = "list the devices with a rule or an override of their own, as driverctl does",
	.help = "Each line shows an instance and its driver.\n"
		"  -b, --bus BUS   must be vmbus\n"
		"  -v, --verbose   also show the file of the rule\n",
	.options = "--bus= --verbose --help",
	.takes = "",
	.run = run_overrides,
};
