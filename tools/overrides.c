// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbusctl set-override, unset-override and list-overrides: bind and unbind in
 * the syntax of driverctl.
 */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "command.h"

static int run_set(int argc, char **argv);
static int run_unset(int argc, char **argv);
static int run_list(int argc, char **argv);

#define DRIVERCTL_OPTIONS						\
	"  --nosave        now only; no file is written\n"		\
	"  --noprobe       from the next boot on; the device is not touched\n"	\
	"  -b, --bus BUS   must be vmbus\n"				\
	"  -v, --verbose   accepted, as in driverctl\n"

const struct command set_override_command = {
	.name = "set-override",
	.arguments = "[-f] [-b vmbus] [--nosave | --noprobe] ID DRIVER",
	.summary = "bind a device, in the syntax of driverctl",
	.help = DRIVERCTL_OPTIONS
		"  -f, --force     bind a NIC whose interface is up, or a disk controller\n",
	.options = "--nosave|--noprobe --bus= --force --help",
	.takes = "id",
	.run = run_set,
};

const struct command unset_override_command = {
	.name = "unset-override",
	.arguments = "[-b vmbus] [--nosave | --noprobe] ID",
	.summary = "release a device, in the syntax of driverctl",
	.help = DRIVERCTL_OPTIONS,
	.options = "--nosave|--noprobe --bus= --help",
	.takes = "u",
	.run = run_unset,
};

const struct command list_overrides_command = {
	.name = "list-overrides",
	.arguments = "[-b vmbus] [-v]",
	.summary = "list the devices with a rule or an override of their own, as driverctl does",
	.help = "Each line shows an instance and its driver.\n"
		"  -b, --bus BUS   must be vmbus\n"
		"  -v, --verbose   also show the file of the rule\n",
	.options = "--bus= --verbose --help",
	.takes = "",
	.run = run_list,
};

struct arguments {
	bool save, probe, force, verbose;
};

enum { OPT_NOSAVE = 256, OPT_NOPROBE };

static const struct option options[] = {
	{ "nosave", no_argument, NULL, OPT_NOSAVE },
	{ "noprobe", no_argument, NULL, OPT_NOPROBE },
	{ "bus", required_argument, NULL, 'b' },
	{ "force", no_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "debug", no_argument, NULL, 'v' },
	COMMON_OPTIONS
};

/* Parse the options. Return false when the command has to end with *status. */
static bool parse(const struct command *command, int argc, char **argv, const char *letters,
		  struct arguments *arguments, int *status)
{
	int option;

	*arguments = (struct arguments){ .save = true, .probe = true };
	while ((option = command_option(command, argc, argv, letters, options, status)) > 0) {
		switch (option) {
		case OPT_NOSAVE:
			arguments->save = false;
			break;
		case OPT_NOPROBE:
			arguments->probe = false;
			break;
		case 'f':
			arguments->force = true;
			break;
		case 'v':
			arguments->verbose = true;
			break;
		case 'b':
			if (!strcmp(optarg, "vmbus"))
				break;
			complain("the bus must be vmbus, not %s; use driverctl for other buses", optarg);
			*status = EXIT_USAGE;
			return false;
		}
	}
	if (!option)
		return false;
	if (!arguments->save && !arguments->probe) {
		complain("with both --nosave and --noprobe there is nothing to do");
		*status = EXIT_USAGE;
		return false;
	}
	return true;
}

static enum change_when when_of(const struct arguments *arguments)
{
	return !arguments->save ? CHANGE_NOW : !arguments->probe ? CHANGE_BOOT : CHANGE_BOTH;
}

static int run_set(int argc, char **argv)
{
	struct arguments arguments;
	int status;

	if (!parse(&set_override_command, argc, argv, "b:fvhV", &arguments, &status))
		return status;
	status = command_operands(&set_override_command, argc - optind, argv + optind, 2, 2);
	if (status)
		return status;
	return command_end(change_bind(argv[optind], argv[optind + 1], arguments.force,
				       when_of(&arguments)));
}

static int run_unset(int argc, char **argv)
{
	struct arguments arguments;
	int status;

	if (!parse(&unset_override_command, argc, argv, "b:vhV", &arguments, &status))
		return status;
	if (arguments.force)
		return command_misused(&unset_override_command, "it has no option --force");
	status = command_operands(&unset_override_command, argc - optind, argv + optind, 1, 1);
	if (status)
		return status;
	return command_end(change_unbind(argv[optind], when_of(&arguments)));
}

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

static int run_list(int argc, char **argv)
{
	struct arguments arguments;
	struct view view;
	int status;

	if (!parse(&list_overrides_command, argc, argv, "b:vhV", &arguments, &status))
		return status;
	if (arguments.force || !arguments.save || !arguments.probe)
		return command_misused(&list_overrides_command,
				       "it has no option --force, --nosave or --noprobe");
	status = command_operands(&list_overrides_command, argc - optind, argv + optind, 0, 0);
	if (status)
		return status;
	status = view_read(&view, true);
	for (size_t i = 0; !status && i < view.engine.machine.count; i++)
		print_override(&view.engine, &view.engine.machine.devices[i], arguments.verbose);
	if (!status)
		status = view_status(&view);
	view_free(&view);
	return command_end(status);
}
