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
	char guid[GUID_SIZE];
	const struct class *class;
	char mac[MAC_SIZE];
	char *uio;
	char *net;		/* where the interface of this name is in sysfs */
	char prefix[GUID_SIZE]; /* the first digits of a GUID */
};

static bool is_uio(const char *name)
{
	if (strncmp(name, "uio", 3) || !name[3])
		return false;
	return strspn(name + 3, "0123456789") == strlen(name + 3);
}

/*
 * Return the UIO device, such as "uio0", to which a path, or a name below /dev
 * or /dev/vmbus, leads. Return NULL if there is none.
 */
static char *resolve_link(const char *name)
{
	static const char *const folders[] = { "/dev", "/dev/vmbus" };
	const char *last = strrchr(name, '/');
	char *target;

	if (name[0] == '/') {
		target = file_link("%s", name);
		if (!target && !strncmp(name, "/dev/", 5) && is_uio(last + 1))
			target = need_strdup(last + 1);
		if (target && is_uio(target))
			return target;
		free(target);
		return NULL;
	}
	if (is_uio(name))
		return need_strdup(name);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		target = file_link("%s/%s", folders[i], name);
		if (target && is_uio(target))
			return target;
		free(target);
	}
	return NULL;
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
	/* driverctl writes vmbus/GUID, and DPDK vmbus:GUID. */
	if (!strncmp(id, "vmbus/", 6) || !strncmp(id, "vmbus:", 6))
		id += 6;
	*reading = (struct reading){ .text = id };
	guid_parse(id, reading->guid);
	reading->class = class_find(id);
	/*
	 * hyperv-uio.conf(5) and the kernel's documentation of netvsc use this
	 * name.
	 */
	if (!reading->class && !strcasecmp(id, "net"))
		reading->class = class_find("nic");
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

static bool is_instance(const struct device *device, const struct reading *reading)
{
	return !strcmp(device->instance, reading->guid);
}

static bool is_named(const struct device *device, const struct reading *reading)
{
	if (!strcmp(device->class_id, reading->class ? reading->class->guid : reading->guid))
		return true;
	if (has_interface(device, reading))
		return true;
	if (reading->mac[0] && !strcasecmp(device->mac, reading->mac))
		return true;
	return reading->uio && device->handle->uio && !strcmp(device->handle->uio, reading->uio);
}

static bool has_prefix(const struct device *device, const struct reading *reading)
{
	return reading->prefix[0] &&
	       !strncmp(device->instance, reading->prefix, strlen(reading->prefix));
}

/*
 * Find the devices that an identifier names. *found is a new NULL-terminated
 * list, which the caller frees. Return the number of devices.
 */
static size_t identify_all(struct machine *machine, const char *id, struct device ***found)
{
	/*
	 * An instance GUID takes precedence over a name, and a name over a
	 * prefix.
	 */
	static bool (*const matches[])(const struct device *,
				       const struct reading *) = { is_instance, is_named,
								   has_prefix };
	struct device **list = need(calloc(machine->count + 1, sizeof(struct device *)));
	struct reading reading;
	size_t count = 0;

	parse(id, &reading);
	for (size_t m = 0; !count && m < sizeof(matches) / sizeof(matches[0]); m++)
		for (size_t i = 0; i < machine->count; i++)
			if (matches[m](&machine->devices[i], &reading))
				list[count++] = &machine->devices[i];
	free(reading.uio);
	free(reading.net);
	*found = list;
	return count;
}

static int no_device(const char *id)
{
	complain("%s: no VMBus device has this name; 'vmbusctl list' shows the names", id);
	return EXIT_NO_DEVICE;
}

/* Describe the candidates of an identifier on standard error. */
static int ambiguous(const char *id, struct view *view, size_t count)
{
	struct json_object *devices = json_object_new_array();

	complain("'%s' names %zu devices. Name one of them:", id, count);
	view_describe(view, devices);
	describe_table(devices, view_digits(view), stderr);
	json_object_put(devices);
	return EXIT_AMBIGUOUS;
}

int identify(struct view *view, const char *id, struct device **device)
{
	struct machine *machine = &view->engine.machine;
	struct device **found;
	size_t count;

	count = identify_all(machine, id, &found);
	*device = found[0];
	for (size_t i = 0; i < count; i++)
		view->chosen[found[i] - machine->devices] = true;
	free(found);
	if (!count)
		return no_device(id);
	if (count > 1)
		return ambiguous(id, view, count);
	(*device)->typed = id;
	return 0;
}

int identify_several(struct view *view, char **ids, int count, bool strict)
{
	struct machine *machine = &view->engine.machine;
	struct device **found;

	if (!count)
		memset(view->chosen, true, machine->count * sizeof(*view->chosen));
	for (int i = 0; i < count; i++) {
		size_t n = identify_all(machine, ids[i], &found);

		for (size_t f = 0; f < n; f++)
			view->chosen[found[f] - machine->devices] = true;
		free(found);
		if (!n && strict)
			return no_device(ids[i]);
	}
	return 0;
}
