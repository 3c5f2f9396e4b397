// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl bind and unbind, also in the syntax of driverctl. */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "command.h"

static int run_bind(int argc, char **argv);
static int run_unbind(int argc, char **argv);
static int run_set(int argc, char **argv);
static int run_unset(int argc, char **argv);

const struct command bind_command = {
	.name = "bind",
	.arguments = "[--now | --boot] [-f] ID [DRIVER]",
	.summary = "bind a device to a driver, now and at each boot",
	.help = "DRIVER is uio_hv_generic if neither the command nor a rule names one.\n"
		"  --now           now only; no file is written\n"
		"  --boot          from the next boot on; the device is not touched\n"
		"  --persistent    both, which is the default\n"
		"  -f, --force     bind a NIC whose interface is up, or a disk controller; without\n"
		"                  --now the rule gets force=yes, for each boot\n",
	.options = "--now|--boot|--persistent --force --help",
	.takes = "id",
	.run = run_bind,
};

const struct command unbind_command = {
	.name = "unbind",
	.arguments = "[--now | --boot] ID",
	.summary = "release a device to the driver that the kernel chooses, now and at each boot",
	.help = "If other files name the device, for example by its class, the command disables\n"
		"the rule for this device.\n"
		"  --now           now only; the rule still applies at the next boot\n"
		"  --boot          from the next boot on; the device is not touched\n"
		"  --persistent    both, which is the default\n",
	.options = "--now|--boot|--persistent --help",
	.takes = "u",
	.run = run_unbind,
};

#define DRIVERCTL_OPTIONS                                                      \
	"  --nosave        now only; no file is written\n"                     \
	"  --noprobe       from the next boot on; the device is not touched\n" \
	"  -b, --bus BUS   must be vmbus\n"                                    \
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

enum { OPT_NOW = 256, OPT_BOOT, OPT_PERSISTENT };

static const struct option own_options[] = { { "force", no_argument, NULL, 'f' },
					     { "now", no_argument, NULL, OPT_NOW },
					     { "boot", no_argument, NULL, OPT_BOOT },
					     { "persistent", no_argument, NULL, OPT_PERSISTENT },
					     COMMON_OPTIONS };

static const struct option driverctl_options[] = { { "force", no_argument, NULL, 'f' },
						   { "nosave", no_argument, NULL, OPT_NOW },
						   { "noprobe", no_argument, NULL, OPT_BOOT },
						   { "bus", required_argument, NULL, 'b' },
						   { "verbose", no_argument, NULL, 'v' },
						   { "debug", no_argument, NULL, 'v' },
						   COMMON_OPTIONS };

/* Parse the options. Return false when the command has to end with *status. */
static bool parse(const struct command *command, int argc, char **argv, bool is_driverctl,
		  bool *force, enum change_when *when, int *status)
{
	const struct option *options = is_driverctl ? driverctl_options : own_options;
	const char *letters = is_driverctl ? "b:fvhV" : "fhV";
	int option, chosen = 0;

	*when = CHANGE_BOTH;
	*force = false;
	while ((option = command_option(command, argc, argv, letters, options, status)) > 0) {
		if (option == 'f') {
			*force = true;
		} else if (option == 'b' && strcmp(optarg, "vmbus")) {
			*status = command_wrong_bus(optarg);
			return false;
		} else if (option >= OPT_NOW) {
			*when = option == OPT_NOW  ? CHANGE_NOW :
				option == OPT_BOOT ? CHANGE_BOOT :
						     CHANGE_BOTH;
			chosen++;
		}
	}
	if (!option)
		return false;
	if (chosen > 1)
		*status = command_misused(command, "%s exclude each other",
					  is_driverctl ? "--nosave and --noprobe" :
							 "--now and --boot");
	return chosen <= 1;
}

/* Bind the first operand to the second, which may be missing if @least is 1. */
static int bind_device(const struct command *command, int argc, char **argv, bool is_driverctl,
		       int least)
{
	enum change_when when;
	bool force;
	int status;

	if (!parse(command, argc, argv, is_driverctl, &force, &when, &status))
		return status;
	status = command_operands(command, argc - optind, argv + optind, least, 2);
	if (status)
		return status;
	return command_end(change_bind(argv[optind], argv[optind + 1], force, when));
}

static int release_device(const struct command *command, int argc, char **argv, bool is_driverctl)
{
	enum change_when when;
	bool force;
	int status;

	if (!parse(command, argc, argv, is_driverctl, &force, &when, &status))
		return status;
	if (force)
		return command_misused(command, "it has no option --force");
	status = command_operands(command, argc - optind, argv + optind, 1, 1);
	if (status)
		return status;
	return command_end(change_unbind(argv[optind], when));
}

static int run_bind(int argc, char **argv)
{
	return bind_device(&bind_command, argc, argv, false, 1);
}

static int run_unbind(int argc, char **argv)
{
	return release_device(&unbind_command, argc, argv, false);
}

static int run_set(int argc, char **argv)
{
	return bind_device(&set_override_command, argc, argv, true, 2);
}

static int run_unset(int argc, char **argv)
{
	return release_device(&unset_override_command, argc, argv, true);
}
