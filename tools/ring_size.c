// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl ring-size: show or set the ring size of a device. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "command.h"
#include "describe.h"
#include "file.h"
#include "identify.h"

static int run(int argc, char **argv);

const struct command ring_size_command = {
	.name = "ring-size",
	.arguments = "[--now | --boot] ID [SIZE | default]",
	.summary = "show or set the size of one ring of a device",
	.help = "SIZE is in bytes, or in KiB or MiB with K or M; it includes the header page.\n"
		"Without SIZE the command shows the present size. To set it now, the device must be\n"
		"bound to the module from hyperv-uio-dkms, and no program may have the device open or\n"
		"one of its rings mapped.\n"
		"  --now           now only; no file is written\n"
		"  --boot          only in the rule, which takes effect when vmbus-bind next runs for the\n"
		"                  device\n",
	.options = "--now|--boot --help",
	.takes = "us",
	.run = run,
};

/* Return the size that the driver gives devices of this class, or 0. */
static uint64_t class_size(const struct device *device)
{
	char *text = file_read(NULL, "/sys/bus/vmbus/drivers/uio_hv_generic/ring_size"),
	     *rest = text, *line;
	uint64_t size = 0, other = 0, value;
	char name[64];

	while (text && (line = strsep(&rest, "\n"))) {
		if (sscanf(line, "%63s %" SCNu64, name, &value) != 2)
			continue;
		if (!strcmp(name, device->class_id))
			size = value;
		else if (!strcmp(name, "other"))
			other = value;
	}
	free(text);
	return size ? size : other;
}

static void print_size(const char *name, uint64_t bytes)
{
	char text[SIZE_TEXT];

	if (bytes)
		printf("%-8s%s\n", name, describe_size(bytes, text));
}

static void show(const struct view *view, struct device *device)
{
	const struct details *details = &view->details[device - view->engine.machine.devices];
	const char *driver = device_driver(device);
	struct plan plan;

	engine_plan(&view->engine, device, &plan);
	print_size("now", details->ring_bytes);
	if (plan_has_rule(&plan))
		print_size("rule", plan.rule.settings.ring_size);
	print_size("class", class_size(device));
	if (!details->ring_bytes)
		printf("%s: %s%s; only a device that is bound to uio_hv_generic shows its ring size\n",
		       device_text(device), *driver ? "bound to " : "no driver", driver);
}

static int set(struct view *view, struct device *device, const char *text, enum change_when when)
{
	uint64_t size = 0;

	if (strcmp(text, "default") && !config_parse_size(text, &size)) {
		complain(
			"'%s' is no ring size: a ring size is a multiple of %d bytes, more than 0 and less than 4096M, such as 64K or 1M, or 'default'",
			text, getpagesize());
		return EXIT_USAGE;
	}
	return change_status(engine_set_ring_size(&view->engine, device, size, when));
}

static int run(int argc, char **argv)
{
	enum { OPT_NOW = 256, OPT_BOOT };
	static const struct option options[] = { { "now", no_argument, NULL, OPT_NOW },
						 { "boot", no_argument, NULL, OPT_BOOT },
						 COMMON_OPTIONS };
	enum change_when when = CHANGE_BOTH;
	struct device *device;
	int option, status, chosen = 0;
	struct view view;

	while ((option = command_option(&ring_size_command, argc, argv, "hV", options, &status)) >
	       0) {
		when = option == OPT_NOW ? CHANGE_NOW : CHANGE_BOOT;
		chosen++;
	}
	if (!option)
		return status;
	if (chosen > 1)
		return command_misused(&ring_size_command, "--now and --boot exclude each other");
	status = command_operands(&ring_size_command, argc - optind, argv + optind, chosen ? 2 : 1,
				  2);
	if (status)
		return status;
	status = view_read(&view, true);
	if (!status)
		status = identify(&view, argv[optind], &device);
	if (status)
		goto out;
	if (argc - optind == 2) {
		status = set(&view, device, argv[optind + 1], when);
	} else {
		status = view_read_details(&view);
		show(&view, device);
	}
out:
	view_free(&view);
	return command_end(status);
}
