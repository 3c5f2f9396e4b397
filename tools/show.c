// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl show: show everything about one device. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"

static int run(int argc, char **argv);

const struct command show_command = {
	.name = "show",
	.arguments = "[-j] ID",
	.summary = "show everything about one device",
	.help =	"  -j, --json      as JSON: the object that list --json prints for the device\n",
	.options = "--json",
	.takes = "i",
	.run = run,
};

static void line(const char *name, const char *value)
{
	if (value && *value)
		printf("%-12s%s\n", name, value);
}

static void print_lines(const char *name, const struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		line(i ? "" : name, strings->items[i]);
}

/* Return the description of a class that has a short name, or "". */
static const char *class_description(const struct vdevice *device)
{
	const struct vmbus_class *class = vmbus_class_find(device->class_id);

	return class ? class->description : "";
}

static void print_device(const struct vdevice *device, const struct rules *rules)
{
	const struct plan *plan = rules_plan(rules, device);
	char *text, size[SIZE_TEXT];

	line("instance", device->instance);
	line("class", device_class(device));
	if (device->class_name) {
		text = need_printf("%s, %s", class_description(device), device->class_id);
		line("", text);
		free(text);
	}
	line("driver", device->driver ? device->driver : "none");
	if (device->uio) {
		text = need_printf("/dev/%s%s%s", device->uio, device->module_state[0] ? ", " : "",
				   device->module_state);
		line("uio", text);
		free(text);
	}
	print_lines("link", &device->links);
	print_lines("interface", &device->interfaces);
	if (!device->interfaces.count && device->known_interface[0]) {
		text = need_printf("%s, before user space took the device",
				   device->known_interface);
		line("interface", text);
		free(text);
	}
	line("mac", device->mac);
	print_lines("disk", &device->disks);
	line("channel", device->state);
	line("signals by", device->monitored ? "monitor page" : "hypercall");
	line("ring", describe_size(device->ring_bytes, size));
	if (plan) {
		puts("rule");
		rule_print(plan);
	}
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		COMMON_OPTIONS
	};
	struct vdevice *device;
	struct machine machine;
	struct rules *rules;
	int option, status;
	bool json = false, *chosen;

	while ((option = command_option(&show_command, argc, argv, "jhV", options, &status)) > 0)
		json = true;
	if (!option)
		return status;
	status = command_operands(&show_command, argc - optind, argv + optind, 1, 1);
	if (status)
		return status;
	status = machine_read(&machine);
	if (status)
		return status;
	rules = rules_read();
	status = identify(&machine, argv[optind], &device);
	if (!status && json) {
		json_print(describe_json(device, rules));
	} else if (!status) {
		chosen = need(calloc(machine.count, sizeof(*chosen)));
		chosen[device - machine.devices] = true;
		print_device(device, rules);
		describe_channels(&machine, chosen);
		describe_maps(&machine, chosen);
		free(chosen);
	}
	if (!status && machine.fault)
		status = EXIT_FAILED;
	rules_free(rules);
	machine_free(&machine);
	return command_end(status);
}
