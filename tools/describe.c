// SPDX-License-Identifier: GPL-2.0-only
#include "describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "table.h"

const char *describe_size(uint64_t bytes, char text[SIZE_TEXT])
{
	if (!bytes)
		text[0] = '\0';
	else if (bytes % 1024)
		snprintf(text, SIZE_TEXT, "%" PRIu64 " B", bytes);
	else
		snprintf(text, SIZE_TEXT, "%" PRIu64 " KiB", bytes / 1024);
	return text;
}

/*
 * Return the links without /dev/vmbus/. If there is only the link in by-id,
 * which has the name of the instance, return "by-id".
 */
static char *short_links(const struct strings *links)
{
	static const char common[] = "/dev/vmbus/", by_id[] = "by-id/";
	struct strings names = { 0 };
	char *text;

	for (int id = 0; id < 2; id++) {
		for (size_t i = 0; i < links->count; i++) {
			const char *name = links->items[i];

			if (!strncmp(name, common, strlen(common)))
				name += strlen(common);
			if (strncmp(name, by_id, strlen(by_id)) ? !id : id && !names.count)
				strings_take(&names, need_strdup(id ? "by-id" : name));
		}
	}
	text = strings_join(&names, ",");
	strings_free(&names);
	return text;
}

/*
 * Return the interfaces of a device, or the one that it had before, in
 * brackets.
 */
static char *interfaces_text(const struct device *device, const struct details *details)
{
	if (!details->interfaces.count && device->interface[0])
		return need_printf("(%s)", device->interface);
	return strings_join(&details->interfaces, ",");
}

static enum colour state_colour(const struct details *details)
{
	const char *state = details->module_state;

	if (state && (!strcmp(state, "lost") || !strcmp(state, "failed")))
		return COLOUR_BAD;
	return !strcmp(details->state, "open") ? COLOUR_GOOD : COLOUR_NONE;
}

/* Add the instance: all of it, or the digits that tell the devices apart. */
static void instance_cell(struct table *table, const struct view *view, const struct device *device,
			  bool is_complete)
{
	table_cell(table, COLOUR_NONE, "%.*s", is_complete ? GUID_SIZE : view_digits(view),
		   device->instance);
}

static const char *uio_of(const struct device *device)
{
	const char *uio = device->handle->uio;

	return uio ? uio : "";
}

static void device_row(struct table *table, const struct view *view, size_t index, bool is_complete)
{
	struct device *device = &view->engine.machine.devices[index];
	const struct details *details = &view->details[index];
	char *interfaces = interfaces_text(device, details), *links = short_links(&details->links);
	char *rule, size[SIZE_TEXT];
	struct plan plan;

	engine_plan(&view->engine, device, &plan);
	rule = rule_text(&plan, device);
	instance_cell(table, view, device, is_complete);
	table_cell(table, COLOUR_NONE, "%s", device_class(device));
	table_cell(table, *uio_of(device) ? COLOUR_GOOD : COLOUR_NONE, "%s", device_driver(device));
	table_cell(table, COLOUR_NONE, "%s", uio_of(device));
	table_cell(table, COLOUR_NONE, "%s", interfaces);
	table_cell(table, COLOUR_NONE, "%s", device->mac);
	table_cell(table, COLOUR_NONE, "%zu", details->channels.count);
	table_cell(table, COLOUR_NONE, "%s", describe_size(details->ring_bytes, size));
	table_cell(table, COLOUR_NONE, "%s", details->monitored ? "yes" : "no");
	table_cell(table, state_colour(details), "%s", details->state);
	table_cell(table, COLOUR_NONE, "%s", rule);
	table_cell(table, COLOUR_NONE, "%s", links);
	free(interfaces);
	free(links);
	free(rule);
}

void describe_devices(const struct view *view, bool is_complete)
{
	static const struct column columns[] = { { "INSTANCE", LEFT, ALWAYS, 0 },
						 { "CLASS", LEFT, ALWAYS, 0 },
						 { "DRIVER", LEFT, ALWAYS, 0 },
						 { "UIO", LEFT, ALWAYS, 0 },
						 { "INTERFACE", LEFT, IF_USED, 0 },
						 { "MAC", LEFT, IF_USED, 2 },
						 { "CHANNELS", RIGHT, ALWAYS, 5 },
						 { "RING", RIGHT, ALWAYS, 4 },
						 { "MONITORED", LEFT, ALWAYS, 6 },
						 { "STATE", LEFT, ALWAYS, 3 },
						 { "RULE", LEFT, IF_USED, 1 },
						 { "LINK", LEFT, IF_USED, 7 },
						 { 0 } };
	struct table *table = table_new(columns, is_complete);

	for (size_t i = 0; i < view->engine.machine.count; i++)
		if (view->chosen[i])
			device_row(table, view, i, is_complete);
	table_print(table, stdout);
	table_free(table);
}

/* Add a number, or an empty cell if it is not known. */
static void number_cell(struct table *table, int64_t value)
{
	if (value < 0)
		table_cell(table, COLOUR_NONE, "%s", "");
	else
		table_cell(table, COLOUR_NONE, "%" PRId64, value);
}

/*
 * Add how full a ring is: "2048 of 16384". A ring that is almost full has a
 * colour.
 */
static void fill_cell(struct table *table, int64_t bytes, uint64_t room)
{
	if (bytes < 0)
		table_cell(table, COLOUR_NONE, "%s", "");
	else
		table_cell(table, (uint64_t)bytes > room - room / 10 ? COLOUR_WARNING : COLOUR_NONE,
			   "%" PRId64 " of %" PRIu64, bytes, room);
}

void describe_channels(const struct view *view, bool is_complete)
{
	static const struct column columns[] = {
		{ "INSTANCE", LEFT, ALWAYS, 0 },    { "CHANNEL", RIGHT, ALWAYS, 0 },
		{ "INDEX", RIGHT, ALWAYS, 2 },	    { "CPU", RIGHT, ALWAYS, 1 },
		{ "FROM HOST", RIGHT, ALWAYS, 0 },  { "TO HOST", RIGHT, ALWAYS, 0 },
		{ "INTERRUPTS", RIGHT, ALWAYS, 0 }, { "SIGNALS", RIGHT, ALWAYS, 0 },
		{ "MONITOR", RIGHT, IF_USED, 3 },   { 0 }
	};
	struct table *table = table_new(columns, is_complete);
	bool any = false;

	for (size_t i = 0; i < view->engine.machine.count; i++) {
		const struct channels *channels = &view->details[i].channels;

		for (size_t c = 0; view->chosen[i] && c < channels->count; c++) {
			const struct channel *channel = &channels->items[c];

			any = true;
			instance_cell(table, view, &view->engine.machine.devices[i], is_complete);
			table_cell(table, COLOUR_NONE, "%" PRIu32, channel->relid);
			number_cell(table, channel->index);
			number_cell(table, channel->cpu);
			fill_cell(table, channel->from_host, channels->data_bytes);
			fill_cell(table, channel->to_host, channels->data_bytes);
			number_cell(table, channel->interrupts);
			number_cell(table, channel->signals);
			number_cell(table, channel->monitor_id);
		}
	}
	if (any) {
		fputc('\n', stdout);
		table_print(table, stdout);
	}
	table_free(table);
}

static void add_maps(struct table *table, const char *uio, const struct details *details)
{
	char size[SIZE_TEXT];

	for (size_t m = 0; m < details->map_count; m++) {
		table_cell(table, COLOUR_NONE, "%s", uio);
		table_cell(table, COLOUR_NONE, "%zu", m);
		table_cell(table, COLOUR_NONE, "%s", details->maps[m].name);
		table_cell(table, COLOUR_NONE, "%s", describe_size(details->maps[m].size, size));
	}
}

void describe_maps(const struct view *view, bool is_complete)
{
	static const struct column devices[] = { { "INSTANCE", LEFT, ALWAYS, 0 },
						 { "UIO", LEFT, ALWAYS, 0 },
						 { "STATE", LEFT, ALWAYS, 0 },
						 { "EVENTS", RIGHT, ALWAYS, 0 },
						 { 0 } };
	static const struct column maps[] = { { "UIO", LEFT, ALWAYS, 0 },
					      { "MAP", RIGHT, ALWAYS, 0 },
					      { "NAME", LEFT, ALWAYS, 0 },
					      { "SIZE", RIGHT, ALWAYS, 0 },
					      { 0 } };
	struct table *by_device = table_new(devices, is_complete);
	struct table *by_map = table_new(maps, is_complete);
	bool any = false;

	for (size_t i = 0; i < view->engine.machine.count; i++) {
		const struct device *device = &view->engine.machine.devices[i];
		const struct details *details = &view->details[i];

		if (!view->chosen[i] || !*uio_of(device))
			continue;
		any = true;
		instance_cell(by_device, view, device, is_complete);
		table_cell(by_device, COLOUR_NONE, "%s", uio_of(device));
		table_cell(by_device, state_colour(details), "%s",
			   details->module_state ? details->module_state : "");
		number_cell(by_device, details->events);
		add_maps(by_map, uio_of(device), details);
	}
	if (any) {
		fputc('\n', stdout);
		table_print(by_device, stdout);
		fputc('\n', stdout);
		table_print(by_map, stdout);
	}
	table_free(by_device);
	table_free(by_map);
}

static struct json_object *channels_json(const struct channels *channels)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < channels->count; i++) {
		const struct channel *channel = &channels->items[i];
		struct json_object *o = json_object_new_object();

		json_number(o, "relid", channel->relid);
		json_number(o, "index", channel->index);
		json_number(o, "cpu", channel->cpu);
		json_number(o, "monitor_id", channel->monitor_id);
		json_number(o, "from_host_bytes", channel->from_host);
		json_number(o, "to_host_bytes", channel->to_host);
		json_number(o, "interrupts", channel->interrupts);
		json_number(o, "signals", channel->signals);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *maps_json(const struct details *details)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < details->map_count; i++) {
		struct json_object *o = json_object_new_object();

		json_string(o, "name", details->maps[i].name);
		json_number(o, "size", details->maps[i].size);
		json_object_array_add(list, o);
	}
	return list;
}

/* Add a number of bytes; 0 stands for one that is not known. */
static void json_bytes(struct json_object *object, const char *key, uint64_t bytes)
{
	json_number(object, key, bytes ? (int64_t)bytes : -1);
}

struct json_object *describe_json(const struct view *view, size_t index)
{
	struct device *device = &view->engine.machine.devices[index];
	const struct details *details = &view->details[index];
	struct json_object *o = json_object_new_object();
	struct plan plan;

	engine_plan(&view->engine, device, &plan);
	json_string(o, "instance", device->instance);
	json_string(o, "class_id", device->class_id);
	json_string(o, "class", device->class_name);
	json_string(o, "driver", device_driver(device));
	json_string(o, "uio", uio_of(device));
	json_bytes(o, "ring_bytes", details->ring_bytes);
	json_bytes(o, "ring_data_bytes", details->channels.data_bytes);
	json_object_object_add(o, "monitored", json_object_new_boolean(details->monitored));
	json_string(o, "state", details->state);
	json_string(o, "module_state", details->module_state);
	json_list(o, "interfaces", &details->interfaces);
	json_string(o, "known_interface", details->interfaces.count ? NULL : device->interface);
	json_string(o, "mac", device->mac);
	json_list(o, "disks", &details->disks);
	json_list(o, "links", &details->links);
	json_object_object_add(o, "rule", rule_json(&plan));
	json_number(o, "events", details->events);
	json_object_object_add(o, "channels", channels_json(&details->channels));
	json_object_object_add(o, "maps", maps_json(details));
	return o;
}
