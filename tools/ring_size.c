// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl ring-size: show or set the ring size of a device. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "describe.h"
#include "file.h"
#include "json.h"

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

static void print_size(const char *name, int64_t bytes)
{
	char *text = describe_size(bytes);

	if (*text)
		printf("%-8s%s\n", name, text);
	free(text);
}

static int show(struct engine *engine, const struct device *device)
{
	struct json_object *devices = json_object_new_array(), *object, *rule;
	const char *driver = device_driver(device);
	int status = describe_chosen(engine, devices);

	object = json_object_array_get_idx(devices, 0);
	rule = json_object_object_get(object, "rule");
	print_size("now", json_get_number(object, "ring_bytes"));
	print_size("rule", json_get_number(rule, "ring_size"));
	print_size("class", class_size(device));
	if (json_get_number(object, "ring_bytes") < 0)
		printf("%s: %s%s; only a device that is bound to uio_hv_generic shows its ring size\n",
		       device_text(device), *driver ? "bound to " : "no driver", driver);
	json_object_put(devices);
	return status;
}

static int run(const struct options *options, struct engine *engine, struct device *device,
	       const char *operand)
{
	uint64_t size = 0;

	if (operand) {
		/* Otherwise it is "default". */
		config_parse_size(operand, &size);
		return command_status(engine_set_ring_size(engine, device, size, options->when));
	}
	if (options->when != CHANGE_BOTH)
		return command_misused(&ring_size_command, "an argument is missing after '%s'",
				       device->typed);
	return show(engine, device);
}

const struct command ring_size_command = {
	.name = "ring-size",
	.arguments = "[--now | --boot] ID [SIZE | default]",
	.summary = "show or set the size of one ring of a device",
	.help = "SIZE is in bytes, or in KiB or MiB with K or M; it includes the header page.\n"
		"Without SIZE the command shows the present size. To set it now, the device must be\n"
		"bound to the uio_hv_generic of hyperv-uio, and no program may have the device open or\n"
		"one of its rings mapped.\n"
		"  --now           now only; no file is written\n"
		"  --boot          only in the rule, which takes effect when vmbus-bind next runs for the\n"
		"                  device\n",
	.options = "--now|--boot --help",
	.takes = "us",
	.least = 1,
	.on_device = run,
};
