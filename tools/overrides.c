// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl list-overrides: list what driverctl would list. */
#include <string.h>

#include "command.h"
#include "view.h"

static int run(const struct options *options, int count, char **operands);

const struct command list_overrides_command = {
	.name = "list-overrides",
	.arguments = "[-b vmbus] [-v]",
	.summary = "list the devices with a rule or an override of their own, as driverctl does",
	.help = "Each line shows an instance and its driver.\n"
		"  -b, --bus BUS   must be vmbus\n"
		"  -v, --verbose   also show the file of the rule\n",
	.options = "--bus= --verbose --help",
	.takes = "",
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

static int run(const struct options *options, int count, char **operands)
{
	struct view view;
	int status = view_read(&view, true);

	for (size_t i = 0; !status && i < view.engine.machine.count; i++)
		print_override(&view.engine, &view.engine.machine.devices[i], options->verbose);
	if (!status && view.engine.machine.fault)
		status = EXIT_FAILED;
	view_free(&view);
	return status;
}
