// SPDX-License-Identifier: GPL-2.0-only
#include "describe.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "file.h"
#include "json.h"

/*
 * Read an attribute that may be missing. Return -1 if it is missing, or if its
 * value is not plausible for a counter.
 */
static int64_t __attribute__((format(printf, 2, 3))) read_number(const struct device *device,
								 const char *format, ...)
{
	char path[128];
	uint64_t value;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (len >= (int)sizeof(path) || device_u64(device->handle, path, &value) ||
	    value > INT64_MAX)
		return -1;
	return value;
}

/*
 * Return @bytes, or -1 if the ring cannot hold that many. The kernel computes
 * the number from an index that the host writes.
 */
static int64_t checked_fill(int64_t bytes, uint64_t room)
{
	return bytes < 0 || (uint64_t)bytes > room ? -1 : bytes;
}

/*
 * Return the capacity of one ring, with any driver: the bytes that wait in it
 * and those that are free.
 */
static uint64_t capacity(const struct device *device, uint64_t ring_bytes)
{
	int64_t waiting = read_number(device, "in_read_bytes_avail");
	int64_t room = read_number(device, "in_write_bytes_avail");

	if (waiting >= 0 && room >= 0 && waiting <= UINT32_MAX && room <= UINT32_MAX)
		return waiting + room;
	return ring_bytes > (uint64_t)getpagesize() ? ring_bytes - getpagesize() : 0;
}

static struct json_object *describe_channel(const struct device *device, uint32_t relid,
					    uint64_t data_bytes)
{
	static const char folder[] = "channels";
	struct json_object *o = json_object_new_object();
	int64_t waiting = read_number(device, "%s/%u/read_avail", folder, relid);
	int64_t room = read_number(device, "%s/%u/write_avail", folder, relid);

	waiting = checked_fill(waiting, data_bytes);
	room = checked_fill(room, data_bytes);
	json_number(o, "relid", relid);
	json_number(o, "index", read_number(device, "%s/%u/subchannel_id", folder, relid));
	json_number(o, "cpu", read_number(device, "%s/%u/cpu", folder, relid));
	json_number(o, "monitor_id", read_number(device, "%s/%u/monitor_id", folder, relid));
	json_number(o, "from_host_bytes", waiting);
	json_number(o, "to_host_bytes", room < 0 ? -1 : (int64_t)data_bytes - room);
	json_number(o, "interrupts", read_number(device, "%s/%u/interrupts", folder, relid));
	json_number(o, "signals", read_number(device, "%s/%u/events", folder, relid));
	return o;
}

static int by_channel(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a;
	struct json_object *y = *(struct json_object *const *)b;
	/* A channel without an index, -1, comes last. */
	uint64_t i = json_get_number(x, "index"), j = json_get_number(y, "index");
	int64_t p = json_get_number(x, "relid"), q = json_get_number(y, "relid");

	if (i != j)
		return i < j ? -1 : 1;
	return p < q ? -1 : p > q;
}

struct json_object *describe_channels(const struct device *device, uint64_t ring_bytes,
				      uint64_t *data_bytes)
{
	struct strings names = file_names("%s/channels", device_sysfs(device));
	struct json_object *list = json_object_new_array();
	uint32_t relid;

	*data_bytes = capacity(device, ring_bytes);
	for (size_t i = 0; i < names.count; i++)
		if (text_parse_number(names.items[i], &relid))
			json_object_array_add(list, describe_channel(device, relid, *data_bytes));
	json_object_array_sort(list, by_channel);
	strings_free(&names);
	return list;
}

/* Describe the maps of the UIO device; the list is empty without one. */
static struct json_object *describe_maps(const struct device *device)
{
	const char *uio = device->handle->uio;
	struct json_object *list = json_object_new_array(), *o;
	int64_t size;
	char *name;

	for (unsigned int i = 0; uio && i < 64; i++) {
		size = read_number(device, "uio/%s/maps/map%u/size", uio, i);
		if (size < 0)
			break;
		name = file_line("%s/uio/%s/maps/map%u/name", device_sysfs(device), uio, i);
		o = json_object_new_object();
		json_string(o, "name", name);
		json_number(o, "size", size);
		json_object_array_add(list, o);
		free(name);
	}
	return list;
}

/*
 * Return whether a directory of sysfs is a disk. NVMe disks have no directory
 * "block" above them: nvme/nvme0/nvme0n1.
 */
static bool is_disk(const char *name, const char *parent)
{
	const size_t length = strlen(parent);

	return !strcmp(parent, "block") || (!strncmp(parent, "nvme", 4) &&
					    !strncmp(name, parent, length) && name[length] == 'n');
}

/* Find the interfaces and disks below a device, also behind a PCI bridge. */
static void read_below(const struct device *device, struct strings *interfaces,
		       struct strings *disks)
{
	char top[PATH_MAX];
	char *roots[] = { top, NULL };
	FTSENT *e;
	FTS *fts;

	if (!realpath(device->handle->sysfs, top))
		return;
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	while (fts && (e = fts_read(fts))) {
		if (e->fts_info != FTS_D || e->fts_level == 0)
			continue;
		if (!strcmp(e->fts_parent->fts_name, "net"))
			strings_take(interfaces, need_strdup(e->fts_name));
		else if (is_disk(e->fts_name, e->fts_parent->fts_name))
			strings_take(disks, need_strdup(e->fts_name));
		else if (strcmp(e->fts_name, "channels") && strcmp(e->fts_name, "uio"))
			continue;
		fts_set(fts, e, FTS_SKIP);
	}
	if (fts)
		fts_close(fts);
	strings_sort(interfaces);
	strings_sort(disks);
}

/* List the links below /dev/vmbus to a UIO device, without sysroot(). */
static struct strings read_links(const char *uio)
{
	char *top = file_path("/dev/vmbus"), *roots[] = { top, NULL };
	struct strings links = { 0 };
	char *target;
	FTSENT *e;
	FTS *fts;

	fts = uio ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	while (fts && (e = fts_read(fts))) {
		const char *path = e->fts_path + strlen(sysroot());

		if (e->fts_info != FTS_SL && e->fts_info != FTS_SLNONE)
			continue;
		target = file_link("%s", path);
		if (target && !strcmp(target, uio))
			strings_take(&links, need_strdup(path));
		free(target);
	}
	if (fts)
		fts_close(fts);
	free(top);
	strings_sort(&links);
	return links;
}

/*
 * Read the state of the primary channel, which sysfs shows as a number. Return
 * "" if it cannot be read.
 */
static char *read_state(const struct device *device)
{
	/* The names of the kernel's enum vmbus_channel_state */
	static const char *const states[] = { "offered", "opening", "closed", "open" };
	uint64_t state;

	if (device_u64(device->handle, "state", &state))
		return need_strdup("");
	if (state < sizeof(states) / sizeof(states[0]))
		return need_strdup(states[state]);
	return need_printf("state %" PRIu64, state);
}

/* Return the rule of a device and its outcome, or NULL if there is no rule. */
static struct json_object *describe_rule(const struct plan *plan)
{
	const struct settings *settings = &plan->rule.settings;
	struct json_object *o;
	char mode[16];

	if (plan->outcome == PLAN_NO_RULE)
		return NULL;
	o = json_object_new_object();
	json_string(o, "file", plan->at.file);
	json_number(o, "line", plan->at.line);
	json_string(o, "driver", plan->rule.driver);
	json_object_object_add(o, "enable", json_object_new_boolean(plan->rule.enable));
	json_object_object_add(o, "force", json_object_new_boolean(plan->rule.force));
	json_bytes(o, "ring_size", settings->ring_size);
	json_bytes(o, "recv_buffer_size", settings->recv_buffer_size);
	json_bytes(o, "send_buffer_size", settings->send_buffer_size);
	json_string(o, "owner", settings->owner);
	json_string(o, "group", settings->group);
	snprintf(mode, sizeof(mode), "%04o", (unsigned int)settings->mode);
	json_string(o, "mode", settings->mode < 0 ? NULL : mode);
	json_string(o, "link", settings->link);
	json_string(o, "outcome", plan_outcome_name(plan->outcome));
	json_string(o, "reason", plan->reason);
	return o;
}

struct json_object *describe_device(const struct engine *engine, struct device *device)
{
	const char *uio = device->handle->uio;
	struct json_object *o = json_object_new_object(), *maps = describe_maps(device), *channels;
	struct strings interfaces = { 0 }, disks = { 0 }, links = read_links(uio);
	char *module_state = file_line("%s/uio_hv_generic/state", device_sysfs(device));
	char *state = read_state(device);
	uint64_t ring_bytes = 0, data_bytes;
	struct plan plan;

	/* Map 0 holds both directions. */
	if (json_object_array_length(maps))
		ring_bytes = json_get_number(json_object_array_get_idx(maps, 0), "size") / 2;
	channels = describe_channels(device, ring_bytes, &data_bytes);
	read_below(device, &interfaces, &disks);
	engine_plan(engine, device, &plan);
	json_string(o, "instance", device->instance);
	json_string(o, "class_id", device->class_id);
	json_string(o, "class", device->class_name);
	json_string(o, "driver", device_driver(device));
	json_string(o, "uio", uio);
	json_bytes(o, "ring_bytes", ring_bytes);
	json_bytes(o, "ring_data_bytes", data_bytes);
	json_object_object_add(o, "monitored",
			       json_object_new_boolean(read_number(device, "monitor_id") >= 0));
	json_string(o, "state", state);
	json_string(o, "module_state", module_state);
	json_list(o, "interfaces", &interfaces);
	json_string(o, "known_interface", interfaces.count ? NULL : device->interface);
	json_string(o, "mac", device->mac);
	json_list(o, "disks", &disks);
	json_list(o, "links", &links);
	json_object_object_add(o, "rule", describe_rule(&plan));
	json_number(o, "events", uio ? read_number(device, "uio/%s/event", uio) : -1);
	json_object_object_add(o, "channels", channels);
	json_object_object_add(o, "maps", maps);
	free(module_state);
	free(state);
	strings_free(&interfaces);
	strings_free(&disks);
	strings_free(&links);
	return o;
}

int describe_chosen(struct engine *engine, struct json_object *list)
{
	struct machine *machine = &engine->machine;
	int status = machine->fault ? EXIT_FAILED : 0;

	for (size_t i = 0; i < machine->count; i++) {
		struct device *device = &machine->devices[i];
		struct json_object *object;
		uint64_t state;
		int err, offered;

		if (!device->typed)
			continue;
		object = describe_device(engine, device);
		/* The host may have rescinded the device meanwhile. */
		err = device_u64(device->handle, "state", &state);
		offered = err ? device_is_offered(device->handle) : 1;
		if (!offered || offered == -ENODEV) {
			json_object_put(object);
			continue;
		}
		json_object_array_add(list, object);
		if (err) {
			msg(LOG_ERR, "%s: its attribute state cannot be read: %s", device->instance,
			    strerror(-err));
			status = EXIT_FAILED;
		}
	}
	return status;
}

int describe_digits(const struct machine *machine)
{
	int digits = 8, same;

	/* The devices are sorted, so those that begin alike are neighbours. */
	for (size_t i = 1; i < machine->count; i++) {
		const char *a = machine->devices[i - 1].instance, *b = machine->devices[i].instance;

		for (same = 0; a[same] && a[same] == b[same]; same++)
			;
		if (same >= digits)
			digits = same + 1;
	}
	return digits;
}

char *describe_size(int64_t bytes)
{
	if (bytes <= 0)
		return need_strdup("");
	if (bytes % 1024)
		return need_printf("%" PRId64 " B", bytes);
	return need_printf("%" PRId64 " KiB", bytes / 1024);
}

enum colour describe_outcome_colour(const char *outcome)
{
	if (!strcmp(outcome, "bound") || !strcmp(outcome, "bind"))
		return COLOUR_GOOD;
	return !strcmp(outcome, "refused") || !strcmp(outcome, "faulty") ? COLOUR_BAD : COLOUR_NONE;
}

char *describe_class_cell(struct json_object *row, const char *key, enum colour *colour)
{
	const char *name = json_get_string(row, "class");

	return need_strdup(*name ? name : json_get_string(row, "class_id"));
}

static char *driver_cell(struct json_object *row, const char *key, enum colour *colour)
{
	*colour = *json_get_string(row, "uio") ? COLOUR_GOOD : COLOUR_NONE;
	return json_text(row, "driver");
}

static char *interface_cell(struct json_object *row, const char *key, enum colour *colour)
{
	const char *known = json_get_string(row, "known_interface");

	/* The brackets mean that user space has taken the device since. */
	if (*known)
		return need_printf("(%s)", known);
	return json_text(row, "interfaces");
}

static char *channels_cell(struct json_object *row, const char *key, enum colour *colour)
{
	return need_printf(
		"%zu", (size_t)json_object_array_length(json_object_object_get(row, "channels")));
}

static char *size_cell(struct json_object *row, const char *key, enum colour *colour)
{
	return describe_size(json_get_number(row, key));
}

/* Make the cell of the channel's state, or of the module's. */
static char *state_cell(struct json_object *row, const char *key, enum colour *colour)
{
	const char *state = json_get_string(row, "module_state");

	if (!strcmp(state, "lost") || !strcmp(state, "failed"))
		*colour = COLOUR_BAD;
	else if (!strcmp(json_get_string(row, "state"), "open"))
		*colour = COLOUR_GOOD;
	return json_text(row, key);
}

/* Return the file of the rule and, in brackets, why the rule has no effect. */
static char *rule_cell(struct json_object *row, const char *key, enum colour *colour)
{
	struct json_object *rule = json_object_object_get(row, "rule");
	const char *file = json_get_string(rule, "file"), *outcome;
	const char *slash = strrchr(file, '/');

	if (!*file)
		return need_strdup("");
	file = slash ? slash + 1 : file;
	/* Do not print the GUID twice in a line. */
	if (!strncmp(file, "60-", 3) && !strcmp(file + strlen(file) - 5, ".conf") &&
	    !strncmp(file + 3, json_get_string(row, "instance"), strlen(file) - 8))
		file = "60-INSTANCE.conf";
	outcome = json_get_string(rule, "outcome");
	if (describe_outcome_colour(outcome) == COLOUR_GOOD)
		return need_strdup(file);
	return need_printf("%s (%s)", file, outcome);
}

/*
 * Return the links without /dev/vmbus/, or only "by-id" if the device has no
 * other link than the one in by-id, because that has the name of the instance.
 */
static char *link_cell(struct json_object *row, const char *key, enum colour *colour)
{
	static const char common[] = "/dev/vmbus/", by_id[] = "/dev/vmbus/by-id/";
	struct json_object *links = json_object_object_get(row, "links");
	const size_t count = json_object_array_length(links);
	struct strings names = { 0 };
	char *text;

	for (size_t i = 0; i < count; i++) {
		const char *link = json_object_get_string(json_object_array_get_idx(links, i));

		if (strncmp(link, by_id, strlen(by_id)))
			strings_take(&names, need_strdup(link + strlen(common)));
	}
	text = names.count || !count ? strings_join(&names, ",") : need_strdup("by-id");
	strings_free(&names);
	return text;
}

void describe_table(struct json_object *devices, int digits, FILE *stream)
{
	static const struct column columns[] = {
		{ "INSTANCE", "instance", LEFT, ALWAYS, 0, NULL },
		{ "CLASS", "class", LEFT, ALWAYS, 0, describe_class_cell },
		{ "DRIVER", "driver", LEFT, ALWAYS, 0, driver_cell },
		{ "UIO", "uio", LEFT, ALWAYS, 0, NULL },
		{ "INTERFACE", "interfaces", LEFT, IF_USED, 0, interface_cell },
		{ "MAC", "mac", LEFT, IF_USED, 2, NULL },
		{ "CHANNELS", "channels", RIGHT, ALWAYS, 5, channels_cell },
		{ "RING", "ring_bytes", RIGHT, ALWAYS, 4, size_cell },
		{ "MONITORED", "monitored", LEFT, ALWAYS, 6, NULL },
		{ "STATE", "state", LEFT, ALWAYS, 3, state_cell },
		{ "RULE", "rule", LEFT, IF_USED, 1, rule_cell },
		{ "LINK", "links", LEFT, IF_USED, 7, link_cell },
		{ 0 }
	};

	table_print(columns, devices, digits, stream);
}

/* Return how full a ring is, in a colour if the ring is almost full. */
static char *fill_cell(struct json_object *row, const char *key, enum colour *colour)
{
	int64_t bytes = json_get_number(row, key), room = json_get_number(row, "ring_data_bytes");

	if (bytes < 0)
		return need_strdup("");
	*colour = bytes > room - room / 10 ? COLOUR_WARNING : COLOUR_NONE;
	return need_printf("%" PRId64 " of %" PRId64, bytes, room);
}

/*
 * Add the items of a list of a device to @rows, and to each item the member
 * @key of the device, its index in the list, and the capacity of a ring.
 */
static void add_rows(struct json_object *rows, struct json_object *device, const char *list_key,
		     const char *key)
{
	struct json_object *list = json_object_object_get(device, list_key);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		json_string(item, key, json_get_string(device, key));
		json_number(item, "number", i);
		json_number(item, "ring_data_bytes", json_get_number(device, "ring_data_bytes"));
		json_object_array_add(rows, json_object_get(item));
	}
}

static void print_rows(const struct column *columns, struct json_object *rows, int digits)
{
	if (json_object_array_length(rows)) {
		fputc('\n', stdout);
		table_print(columns, rows, digits, stdout);
	}
	json_object_put(rows);
}

void describe_tables(struct json_object *devices, int digits)
{
	static const struct column of_channels[] = {
		{ "INSTANCE", "instance", LEFT, ALWAYS, 0, NULL },
		{ "CHANNEL", "relid", RIGHT, ALWAYS, 0, NULL },
		{ "INDEX", "index", RIGHT, ALWAYS, 2, NULL },
		{ "CPU", "cpu", RIGHT, ALWAYS, 1, NULL },
		{ "FROM HOST", "from_host_bytes", RIGHT, ALWAYS, 0, fill_cell },
		{ "TO HOST", "to_host_bytes", RIGHT, ALWAYS, 0, fill_cell },
		{ "INTERRUPTS", "interrupts", RIGHT, ALWAYS, 0, NULL },
		{ "SIGNALS", "signals", RIGHT, ALWAYS, 0, NULL },
		{ "MONITOR", "monitor_id", RIGHT, IF_USED, 3, NULL },
		{ 0 }
	};
	static const struct column of_uio[] = { { "INSTANCE", "instance", LEFT, ALWAYS, 0, NULL },
						{ "UIO", "uio", LEFT, ALWAYS, 0, NULL },
						{ "STATE", "module_state", LEFT, ALWAYS, 0,
						  state_cell },
						{ "EVENTS", "events", RIGHT, ALWAYS, 0, NULL },
						{ 0 } };
	static const struct column of_maps[] = { { "UIO", "uio", LEFT, ALWAYS, 0, NULL },
						 { "MAP", "number", RIGHT, ALWAYS, 0, NULL },
						 { "NAME", "name", LEFT, ALWAYS, 0, NULL },
						 { "SIZE", "size", RIGHT, ALWAYS, 0, size_cell },
						 { 0 } };
	struct json_object *channels = json_object_new_array(), *uio = json_object_new_array();
	struct json_object *maps = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);

		add_rows(channels, device, "channels", "instance");
		add_rows(maps, device, "maps", "uio");
		if (*json_get_string(device, "uio"))
			json_object_array_add(uio, json_object_get(device));
	}
	print_rows(of_channels, channels, digits);
	print_rows(of_uio, uio, digits);
	print_rows(of_maps, maps, digits);
}
