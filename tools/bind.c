// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl bind and unbind. */
#include "change.h"
#include "command.h"

static int run_bind(int argc, char **argv);
static int run_unbind(int argc, char **argv);

const struct command bind_command = {
	.name = "bind",
	.arguments = "[--now | --boot] [-f] ID [DRIVER]",
	.summary = "bind a device to a driver, now and at each boot",
	.help =	"DRIVER is uio_hv_generic if neither the command nor a rule names one.\n"
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
	.help =	"If other files name the device, for example by its class, the command disables\n"
		"the rule for this device.\n"
		"  --now           now only; the rule still applies at the next boot\n"
		"  --boot          from the next boot on; the device is not touched\n"
		"  --persistent    both, which is the default\n",
	.options = "--now|--boot|--persistent --help",
	.takes = "u",
	.run = run_unbind,
};

enum { OPT_NOW = 256, OPT_BOOT, OPT_PERSISTENT };

static const struct option options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "now", no_argument, NULL, OPT_NOW },
	{ "boot", no_argument, NULL, OPT_BOOT },
	{ "persistent", no_argument, NULL, OPT_PERSISTENT },
	COMMON_OPTIONS
};

/* Parse the options. Return false when the command has to end with *status. */
static bool parse(const struct command *command, int argc, char **argv, const char *letters,
		  bool *force, enum change_when *when, int *status)
{
	int option, chosen = 0;

	*when = CHANGE_BOTH;
	*force = false;
	while ((option = command_option(command, argc, argv, letters, options, status)) > 0) {
		if (option == 'f') {
			*force = true;
			continue;
		}
		*when = option == OPT_NOW ? CHANGE_NOW :
			option == OPT_BOOT ? CHANGE_BOOT : CHANGE_BOTH;
		chosen++;
	}
	if (!option)
		return false;
	if (chosen > 1)
		*status = command_misused(command, "--now and --boot exclude each other");
	return chosen <= 1;
}

static int run_bind(int argc, char **argv)
{
	enum change_when when;
	bool force;
	int status;

	if (!parse(&bind_command, argc, argv, "fhV", &force, &when, &status))
		return status;
	status = command_operands(&bind_command, argc - optind, argv + optind, 1, 2);
	if (status)
		return status;
	return command_end(change_bind(argv[optind], argv[optind + 1], force, when));
}

static int run_unbind(int argc, char **argv)
{
	enum change_when when;
	bool force;
	int status;

	if (!parse(&unbind_command, argc, argv, "hV", &force, &when, &status))
		return status;
	if (force)
		return command_misused(&unbind_command, "it has no option --force");
	status = command_operands(&unbind_command, argc - optind, argv + optind, 1, 1);
	if (status)
		return status;
	return command_end(change_unbind(argv[optind], when));
}
