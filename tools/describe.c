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
static char *short_links(const struct vdevice *device)
{
	static const char common[] = "/dev/vmbus/", by_id[] = "by-id/";
	struct strings names = { 0 };
	char *text;

	for (int id = 0; id < 2; id++) {
		for (size_t i = 0; i < device->links.count; i++) {
			const char *name = device->links.items[i];

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
static char *interfaces_text(const struct vdevice *device)
{
	if (!device->interfaces.count && device->known_interface[0])
		return need_printf("(%s)", device->known_interface);
	return strings_join(&device->interfaces, ",");
}

static enum colour state_colour(const struct vdevice *device)
{
	if (!strcmp(device->module_state, "lost") || !strcmp(device->module_state, "failed"))
		return COLOUR_BAD;
	return !strcmp(device->state, "open") ? COLOUR_GOOD : COLOUR_NONE;
}

void describe_devices(const struct machine *machine, const struct rules *rules, const bool *chosen)
{
	static const struct column columns[] = {
		{ "INSTANCE", LEFT, ALWAYS }, { "CLASS", LEFT, ALWAYS }, { "DRIVER", LEFT, ALWAYS },
		{ "UIO", LEFT, ALWAYS }, { "INTERFACE", LEFT, IF_USED }, { "MAC", LEFT, IF_USED },
		{ "CHANNELS", RIGHT, ALWAYS }, { "RING", RIGHT, ALWAYS },
		{ "MONITORED", LEFT, ALWAYS }, { "STATE", LEFT, ALWAYS }, { "RULE", LEFT, IF_USED },
		{ "LINK", LEFT, IF_USED }, { 0 }
	};
	struct table *table = table_new(columns);
	char size[SIZE_TEXT];

	for (size_t i = 0; i < machine->count; i++) {
		const struct vdevice *d = &machine->devices[i];
		char *interfaces, *links, *rule;

		if (!chosen[i])
			continue;
		interfaces = interfaces_text(d);
		links = short_links(d);
		rule = rule_text(rules, d);
		table_cell(table, COLOUR_NONE, "%s", d->instance);
		table_cell(table, COLOUR_NONE, "%s", device_class(d));
		table_cell(table, d->uio ? COLOUR_GOOD : COLOUR_NONE, "%s",
			   d->driver ? d->driver : "");
		table_cell(table, COLOUR_NONE, "%s", d->uio ? d->uio : "");
		table_cell(table, COLOUR_NONE, "%s", interfaces);
		table_cell(table, COLOUR_NONE, "%s", d->mac);
		table_cell(table, COLOUR_NONE, "%zu", d->channel_count);
		table_cell(table, COLOUR_NONE, "%s", describe_size(d->ring_bytes, size));
		table_cell(table, COLOUR_NONE, "%s", d->monitored ? "yes" : "no");
		table_cell(table, state_colour(d), "%s", d->state);
		table_cell(table, COLOUR_NONE, "%s", rule);
		table_cell(table, COLOUR_NONE, "%s", links);
		free(interfaces);
		free(links);
		free(rule);
	}
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

void describe_channels(const struct machine *machine, const bool *chosen)
{
	static const struct column columns[] = {
		{ "INSTANCE", LEFT, ALWAYS },	 { "CHANNEL", RIGHT, ALWAYS },
		{ "INDEX", RIGHT, ALWAYS },	 { "CPU", RIGHT, ALWAYS },
		{ "FROM HOST", RIGHT, ALWAYS },	 { "TO HOST", RIGHT, ALWAYS },
		{ "INTERRUPTS", RIGHT, ALWAYS }, { "SIGNALS", RIGHT, ALWAYS },
		{ "MONITOR", RIGHT, IF_USED },	 { 0 }
	};
	struct table *table = table_new(columns);
	bool any = false;

	for (size_t i = 0; i < machine->count; i++) {
		const struct vdevice *d = &machine->devices[i];

		for (size_t c = 0; chosen[i] && c < d->channel_count; c++) {
			const struct channel *channel = &d->channels[c];

			any = true;
			table_cell(table, COLOUR_NONE, "%s", d->instance);
			table_cell(table, COLOUR_NONE, "%" PRIu32, channel->relid);
			number_cell(table, channel->index);
			number_cell(table, channel->cpu);
			fill_cell(table, channel->from_host, d->data_bytes);
			fill_cell(table, channel->to_host, d->data_bytes);
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

void describe_maps(const struct machine *machine, const bool *chosen)
{
	static const struct column devices[] = {
		{ "INSTANCE", LEFT, ALWAYS }, { "UIO", LEFT, ALWAYS }, { "STATE", LEFT, ALWAYS },
		{ "EVENTS", RIGHT, ALWAYS }, { 0 }
	};
	static const struct column maps[] = {
		{ "UIO", LEFT, ALWAYS }, { "MAP", RIGHT, ALWAYS }, { "NAME", LEFT, ALWAYS },
		{ "SIZE", RIGHT, ALWAYS }, { 0 }
	};
	struct table *by_device = table_new(devices), *by_map = table_new(maps);
	char size[SIZE_TEXT];
	bool any = false;

	for (size_t i = 0; i < machine->count; i++) {
		const struct vdevice *d = &machine->devices[i];

		if (!chosen[i] || !d->uio)
			continue;
		any = true;
		table_cell(by_device, COLOUR_NONE, "%s", d->instance);
		table_cell(by_device, COLOUR_NONE, "%s", d->uio);
		table_cell(by_device, state_colour(d), "%s", d->module_state);
		number_cell(by_device, d->events);
		for (size_t m = 0; m < d->map_count; m++) {
			table_cell(by_map, COLOUR_NONE, "%s", d->uio);
			table_cell(by_map, COLOUR_NONE, "%zu", m);
			table_cell(by_map, COLOUR_NONE, "%s", d->maps[m].name);
			table_cell(by_map, COLOUR_NONE, "%s", describe_size(d->maps[m].size, size));
		}
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

static struct json_object *channels_json(const struct vdevice *device)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < device->channel_count; i++) {
		const struct channel *channel = &device->channels[i];
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

static struct json_object *maps_json(const struct vdevice *device)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < device->map_count; i++) {
		struct json_object *o = json_object_new_object();

		json_string(o, "name", device->maps[i].name);
		json_number(o, "size", device->maps[i].size);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *describe_json(const struct vdevice *device, const struct rules *rules)
{
	struct json_object *o = json_object_new_object();

	json_string(o, "instance", device->instance);
	json_string(o, "class_id", device->class_id);
	json_string(o, "class", device->class_name);
	json_string(o, "driver", device->driver);
	json_string(o, "uio", device->uio);
	json_number(o, "ring_bytes", device->ring_bytes ? (int64_t)device->ring_bytes : -1);
	json_number(o, "ring_data_bytes", device->data_bytes ? (int64_t)device->data_bytes : -1);
	json_object_object_add(o, "monitored", json_object_new_boolean(device->monitored));
	json_string(o, "state", device->state);
	json_string(o, "module_state", device->module_state);
	json_list(o, "interfaces", &device->interfaces);
	json_string(o, "known_interface", device->known_interface);
	json_string(o, "mac", device->mac);
	json_list(o, "disks", &device->disks);
	json_list(o, "links", &device->links);
	json_object_object_add(o, "rule", rule_json(rules, device));
	json_number(o, "events", device->events);
	json_object_object_add(o, "channels", channels_json(device));
	json_object_object_add(o, "maps", maps_json(device));
	return o;
}
