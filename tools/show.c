// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl show: show everything about one device. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "describe.h"
#include "json.h"

/* Print a line unless it has no text, and free the text. */
static void line(const char *name, char *text)
{
	if (*text)
		printf("%-12s%s\n", name, text);
	free(text);
}

static void print_list(struct json_object *device, const char *key, const char *name)
{
	struct json_object *list = json_object_object_get(device, key);

	for (size_t i = 0; i < json_object_array_length(list); i++)
		line(i ? "" : name,
		     need_strdup(json_object_get_string(json_object_array_get_idx(list, i))));
}

static void print_device(struct json_object *device)
{
	const struct class *class = class_find(json_get_string(device, "class_id"));
	const char *driver = json_get_string(device, "driver"),
		   *uio = json_get_string(device, "uio"),
		   *state = json_get_string(device, "module_state"),
		   *known = json_get_string(device, "known_interface");
	enum colour colour;

	line("instance", json_text(device, "instance"));
	line("class", describe_class_cell(device, "class", &colour));
	if (class)
		line("", need_printf("%s, %s", class->description, class->guid));
	line("driver", need_strdup(*driver ? driver : "none"));
	if (*uio)
		line("uio", need_printf("/dev/%s%s%s", uio, *state ? ", " : "", state));
	print_list(device, "links", "link");
	print_list(device, "interfaces", "interface");
	if (*known)
		line("interface", need_printf("%s, before user space took the device", known));
	line("mac", json_text(device, "mac"));
	print_list(device, "disks", "disk");
	line("channel", json_text(device, "state"));
	line("signals by",
	     need_strdup(json_get_number(device, "monitored") ? "monitor page" : "hypercall"));
	line("ring", describe_size(json_get_number(device, "ring_bytes")));
}

/* Return what a rule sets: "driver uio_hv_generic, ring size 64 KiB". */
static char *settings_text(struct json_object *rule)
{
	static const struct {
		const char *key, *text;
		bool is_size;
	} settings[] = {
		{ "driver", "driver ", false },
		{ "ring_size", "ring size ", true },
		{ "recv_buffer_size", "receive buffer ", true },
		{ "send_buffer_size", "send buffer ", true },
		{ "owner", "owner ", false },
		{ "group", "group ", false },
		{ "mode", "mode ", false },
		{ "link", "link /dev/vmbus/", false },
	};
	struct strings items = { 0 };
	char *text;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		text = settings[i].is_size ? describe_size(json_get_number(rule, settings[i].key)) :
					     json_text(rule, settings[i].key);
		if (*text)
			strings_take(&items, need_printf("%s%s", settings[i].text, text));
		free(text);
	}
	if (json_get_number(rule, "force"))
		strings_take(&items, need_strdup("force"));
	text = strings_join(&items, ", ");
	strings_free(&items);
	return text;
}

static void print_rule(struct json_object *rule)
{
	const char *file = json_get_string(rule, "file");
	const char *outcome = rule ? json_get_string(rule, "outcome") : "no-rule";
	const enum colour colour = describe_outcome_colour(outcome);

	if (*file) {
		line("rule", need_printf("%s:%" PRId64, file, json_get_number(rule, "line")));
		line("", settings_text(rule));
	}
	printf("%-12s%s%s%s: %s\n", "outcome", colour_on(stdout, colour), outcome,
	       colour_off(stdout, colour),
	       rule ? json_get_string(rule, "reason") : "no section names it");
}

static void print_text(const struct engine *engine, struct json_object *devices)
{
	struct json_object *device = json_object_array_get_idx(devices, 0);
	struct json_object *rule = json_object_object_get(device, "rule");

	print_device(device);
	print_rule(rule);
	describe_tables(devices, describe_digits(&engine->machine));
	if (!strcmp(json_get_string(rule, "outcome"), "faulty"))
		engine_print_findings(&engine->config, json_get_string(rule, "file"), false);
}

static int run(const struct options *options, struct engine *engine, struct device *device,
	       const char *operand)
{
	struct json_object *devices = json_object_new_array();
	int status = describe_chosen(engine, devices);

	if (!json_object_array_length(devices)) {
		msg(LOG_ERR, "%s: the host has rescinded it", device->typed);
		status = EXIT_FAILED;
	} else if (options->json) {
		json_print(json_object_array_get_idx(devices, 0), JSON_C_TO_STRING_PRETTY);
	} else {
		print_text(engine, devices);
	}
	json_object_put(devices);
	return status;
}

const struct command show_command = {
	.name = "show",
	.arguments = "[-j] ID",
	.summary = "show everything about one device, with its rule and what the rule does",
	.help = "The decision comes from the code that binds devices.\n"
		"  -j, --json      as JSON: the object that list --json prints for the device\n",
	.options = "--json --help",
	.takes = "i",
	.least = 1,
	.on_device = run,
};
