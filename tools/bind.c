// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl bind and unbind, also in the syntax of driverctl. */
#include "command.h"

static int bind_device(const struct options *options, struct engine *engine, struct device *device,
		       const char *operand)
{
	const struct request request = {
		.when = options->when,
		.is_command = true,
		.driver = operand,
		.is_named = true,
		.force = options->force,
	};

	return command_status(engine_bind(engine, device, &request));
}

static int release_device(const struct options *options, struct engine *engine,
			  struct device *device, const char *operand)
{
	const struct request request = {
		.when = options->when,
		.is_command = true,
		.is_named = true,
	};

	return command_status(engine_release(engine, device, &request));
}

#define OWN_OPTIONS                                                            \
	"  --now           now only; no file is written\n"                     \
	"  --boot          from the next boot on; the device is not touched\n" \
	"  --persistent    both, which is the default\n"
#define DRIVERCTL_OPTIONS                                                      \
	"  --nosave        now only; no file is written\n"                     \
	"  --noprobe       from the next boot on; the device is not touched\n" \
	"  -b, --bus BUS   must be vmbus\n"                                    \
	"  -v, --verbose   accepted, as in driverctl\n"
#define FORCE_OPTION "  -f, --force     bind a NIC whose interface is up, or a disk controller"

const struct command bind_command = {
	.name = "bind",
	.arguments = "[--now | --boot] [-f] ID [DRIVER]",
	.summary = "bind a device to a driver, now and at each boot",
	.help = "DRIVER is uio_hv_generic if neither the command nor a rule "
		"names one.\n" OWN_OPTIONS FORCE_OPTION "; without\n"
		"                  --now the rule gets force=yes, for each boot\n",
	.options = "--now|--boot|--persistent --force --help",
	.takes = "id",
	.least = 1,
	.on_device = bind_device,
};

const struct command unbind_command = {
	.name = "unbind",
	.arguments = "[--now | --boot] ID",
	.summary = "release a device to the driver that the kernel chooses, now and at each boot",
	.help = "If other files name the device, for example by its class, the command disables\n"
		"the rule for this device.\n" OWN_OPTIONS,
	.options = "--now|--boot|--persistent --help",
	.takes = "u",
	.least = 1,
	.on_device = release_device,
};

const struct command set_override_command = {
	.name = "set-override",
	.arguments = "[-f] [-b vmbus] [--nosave | --noprobe] ID DRIVER",
	.summary = "bind a device, in the syntax of driverctl",
	.help = DRIVERCTL_OPTIONS FORCE_OPTION "\n",
	.options = "--nosave|--noprobe --bus= --verbose --force --help",
	.takes = "id",
	.least = 2,
	.on_device = bind_device,
};

const struct command unset_override_command = {
	.name = "unset-override",
	.arguments = "[-b vmbus] [--nosave | --noprobe] ID",
	.summary = "release a device, in the syntax of driverctl",
	.help = DRIVERCTL_OPTIONS,
	.options = "--nosave|--noprobe --bus= --verbose --help",
	.takes = "u",
	.least = 1,
	.on_device = release_device,
};
