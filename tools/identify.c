// SPDX-License-Identifier: GPL-2.0-only
#include "identify.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "describe.h"
#include "file.h"

/*
 * The possible meanings of an identifier. A meaning that is impossible is NULL
 * or "".
 */
struct reading {
	const char *text;
	char guid[GUID_SIZE]; /* of an instance or a class */
	char mac[MAC_SIZE];
	char *uio;
	char *net;		/* where the interface of this name is in sysfs */
	char prefix[GUID_SIZE]; /* the first digits of a GUID */
};

/*
 * Return the name to which a path leads, or a name below /dev or /dev/vmbus,
 * such as "uio0". Return NULL if it leads nowhere.
 */
static char *resolve_link(const char *name)
{
	static const char *const folders[] = { "/dev/", "/dev/vmbus/" };
	char *path, *target = NULL, *last = NULL;

	for (size_t i = 0; !target && i < sizeof(folders) / sizeof(folders[0]); i++) {
		path = file_path("%s%s", name[0] == '/' ? "" : folders[i], name);
		target = realpath(path, NULL);
		free(path);
	}
	if (target)
		last = need_strdup(strrchr(target, '/') + 1);
	free(target);
	return last;
}

static void parse_prefix(const char *text, char prefix[GUID_SIZE])
{
	size_t len;

	if (text[0] == '{')
		text++;
	len = strlen(text);
	prefix[0] = '\0';
	if (!len || len >= GUID_SIZE || strspn(text, "0123456789abcdefABCDEF-") != len)
		return;
	for (size_t i = 0; i <= len; i++)
		prefix[i] = tolower((unsigned char)text[i]);
}

/* Return the path of an interface in sysfs as a new string, or NULL. */
static char *find_net(const char *name)
{
	char *link = file_path("/sys/class/net/%s", name), *path = realpath(link, NULL);

	free(link);
	return path;
}

static void parse(const char *id, struct reading *reading)
{
	struct device_name name;

	/* driverctl writes vmbus/GUID, and DPDK vmbus:GUID. */
	if (!strncmp(id, "vmbus/", 6) || !strncmp(id, "vmbus:", 6))
		id += 6;
	*reading = (struct reading){ .text = id };
	if (!config_parse_name(id, &name) && name.kind == NAME_GUID)
		strcpy(reading->guid, name.text);
	if (!text_parse_mac(id, reading->mac))
		reading->mac[0] = '\0';
	reading->uio = resolve_link(id);
	reading->net = strchr(id, '/') ? NULL : find_net(id);
	parse_prefix(id, reading->prefix);
}

/*
 * Return whether the device has the interface, also behind a PCI bridge, or had
 * it before user space took the device.
 */
static bool has_interface(const struct device *device, const struct reading *reading)
{
	char *part;
	bool found;

	if (!strcmp(device->interface, reading->text) && *reading->text)
		return true;
	part = need_printf("/%s/", device->instance);
	found = reading->net && strstr(reading->net, part);
	free(part);
	return found;
}

/*
 * Return how closely an identifier names a device: 3 for its instance GUID, 2
 * for a name, 1 for the beginning of its GUID, or 0.
 */
static int rank(const struct device *device, const struct reading *reading)
{
	const char *uio = device->handle->uio;

	if (!strcmp(device->instance, reading->guid))
		return 3;
	if (!strcmp(device->class_id, reading->guid) || has_interface(device, reading) ||
	    (reading->mac[0] && !strcasecmp(device->mac, reading->mac)) ||
	    (reading->uio && uio && !strcmp(uio, reading->uio)))
		return 2;
	return reading->prefix[0] &&
	       !strncmp(device->instance, reading->prefix, strlen(reading->prefix));
}

/* Choose the devices that an identifier names. Return their number. */
static size_t choose(struct machine *machine, const char *id)
{
	struct reading reading;
	size_t count = 0;

	parse(id, &reading);
	for (int r = 3; !count && r; r--)
		for (size_t i = 0; i < machine->count; i++)
			if (rank(&machine->devices[i], &reading) == r) {
				machine->devices[i].typed = id;
				count++;
			}
	free(reading.uio);
	free(reading.net);
	return count;
}

static int no_device(const char *id)
{
	msg(LOG_ERR, "%s: no VMBus device has this name; 'vmbusctl list' shows the names", id);
	return EXIT_NO_DEVICE;
}

/* Describe the candidates of an identifier on standard error. */
static int ambiguous(const char *id, struct engine *engine, size_t count)
{
	struct json_object *devices = json_object_new_array();

	msg(LOG_ERR, "'%s' names %zu devices. Name one of them:", id, count);
	describe_chosen(engine, devices);
	describe_table(devices, describe_digits(&engine->machine), stderr);
	json_object_put(devices);
	return EXIT_AMBIGUOUS;
}

int identify(struct engine *engine, const char *id, struct device **device)
{
	size_t count = choose(&engine->machine, id);

	if (!count)
		return no_device(id);
	if (count > 1)
		return ambiguous(id, engine, count);
	*device = engine->machine.devices;
	while (!(*device)->typed)
		(*device)++;
	return 0;
}

int identify_several(struct machine *machine, char **ids, int count, bool strict)
{
	for (size_t i = 0; !count && i < machine->count; i++)
		machine->devices[i].typed = machine->devices[i].instance;
	for (int i = 0; i < count; i++)
		if (!choose(machine, ids[i]) && strict)
			return no_device(ids[i]);
	return 0;
}
