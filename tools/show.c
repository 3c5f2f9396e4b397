// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl show: show everything about one device. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"

static int run(const struct options *options, int count, char **operands);

const struct command show_command = {
	.name = "show",
	.arguments = "[-j] ID",
	.summary = "show everything about one device, with its rule and what the rule does",
	.help = "The decision comes from the code that binds devices.\n"
		"  -j, --json      as JSON: the object that list --json prints for the device\n",
	.options = "--json --help",
	.takes = "i",
	.least = 1,
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

static void print_device(const struct device *device, const struct details *details)
{
	const struct class *class = class_find(device->class_id);
	const char *uio = device->handle->uio, *state = details->module_state;
	char *text, size[SIZE_TEXT];

	line("instance", device->instance);
	line("class", device_class(device));
	if (class) {
		text = need_printf("%s, %s", class->description, device->class_id);
		line("", text);
		free(text);
	}
	line("driver", *device_driver(device) ? device_driver(device) : "none");
	if (uio) {
		text = need_printf("/dev/%s%s%s", uio, state ? ", " : "", state ? state : "");
		line("uio", text);
		free(text);
	}
	print_lines("link", &details->links);
	print_lines("interface", &details->interfaces);
	if (!details->interfaces.count && device->interface[0]) {
		text = need_printf("%s, before user space took the device", device->interface);
		line("interface", text);
		free(text);
	}
	line("mac", device->mac);
	print_lines("disk", &details->disks);
	line("channel", details->state);
	line("signals by", details->monitored ? "monitor page" : "hypercall");
	line("ring", describe_size(details->ring_bytes, size));
}

/* Print the faults of the file that decides about a device. */
static void print_faults(const struct config *config, const struct plan *plan)
{
	for (size_t i = 0; plan->outcome == PLAN_FAULTY && i < config->finding_count; i++)
		if (config->findings[i].is_fault &&
		    !strcmp(config->findings[i].at.file, plan->at.file))
			engine_print_finding(&config->findings[i]);
}

static void print_text(const struct view *view, struct device *device)
{
	struct plan plan;

	engine_plan(&view->engine, device, &plan);
	print_device(device, &view->details[device - view->engine.machine.devices]);
	rule_print(&plan);
	describe_channels(view, false);
	describe_maps(view, false);
	print_faults(&view->engine.config, &plan);
}

static int run(const struct options *options, int count, char **operands)
{
	struct device *device;
	struct view view;
	int status = view_read(&view, true);

	if (!status)
		status = identify(&view, operands[0], &device);
	if (status)
		goto out;
	status = view_read_details(&view);
	if (options->json)
		json_print(describe_json(&view, device - view.engine.machine.devices));
	else
		print_text(&view, device);
	if (!status)
		status = view_status(&view);
out:
	view_free(&view);
	return status;
}
