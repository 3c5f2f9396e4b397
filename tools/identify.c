// SPDX-License-Identifier: GPL-2.0-only
#include "identify.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "link.h"
#include "table.h"

/*
 * The possible meanings of an identifier; each is NULL or "" if it is
 * impossible
 */
struct reading {
	const char *text;
	char guid[VMBUS_GUID_SIZE];
	const struct vmbus_class *class;
	char mac[MAC_SIZE];
	char *uio;
	char prefix[VMBUS_GUID_SIZE];	/* the first digits of a GUID */
};

static void parse_prefix(const char *text, char prefix[VMBUS_GUID_SIZE])
{
	size_t len;

	if (text[0] == '{')
		text++;
	len = strlen(text);
	prefix[0] = '\0';
	if (!len || len >= VMBUS_GUID_SIZE || strspn(text, "0123456789abcdefABCDEF-") != len)
		return;
	for (size_t i = 0; i <= len; i++)
		prefix[i] = tolower((unsigned char)text[i]);
}

static void parse(const char *id, struct reading *reading)
{
	/* driverctl writes vmbus/GUID, and DPDK vmbus:GUID. */
	if (!strncmp(id, "vmbus/", 6) || !strncmp(id, "vmbus:", 6))
		id += 6;
	*reading = (struct reading){ .text = id };
	vmbus_guid_parse(id, reading->guid);
	reading->class = vmbus_class_find(id);
	/*
	 * hyperv-uio.conf(5) and the kernel's documentation of netvsc use this
	 * name.
	 */
	if (!reading->class && !strcasecmp(id, "net"))
		reading->class = vmbus_class_find("nic");
	if (!text_parse_mac(id, reading->mac))
		reading->mac[0] = '\0';
	reading->uio = link_resolve(id);
	parse_prefix(id, reading->prefix);
}

/*
 * Return whether the device has the interface, or had it before user space took
 * the device.
 */
static bool has_interface(const struct vdevice *device, const char *name)
{
	if (device->known_interface[0] && !strcmp(device->known_interface, name))
		return true;
	for (size_t i = 0; i < device->interfaces.count; i++)
		if (!strcmp(device->interfaces.items[i], name))
			return true;
	return false;
}

static bool is_instance(const struct vdevice *device, const struct reading *reading)
{
	return !strcmp(device->instance, reading->guid);
}

static bool is_named(const struct vdevice *device, const struct reading *reading)
{
	if (!strcmp(device->class_id, reading->class ? reading->class->guid : reading->guid))
		return true;
	if (has_interface(device, reading->text))
		return true;
	if (reading->mac[0] && !strcasecmp(device->mac, reading->mac))
		return true;
	return reading->uio && device->uio && !strcmp(device->uio, reading->uio);
}

static bool has_prefix(const struct vdevice *device, const struct reading *reading)
{
	return reading->prefix[0] &&
	       !strncmp(device->instance, reading->prefix, strlen(reading->prefix));
}

size_t identify_all(const struct machine *machine, const char *id, struct vdevice ***found)
{
	/*
	 * An instance GUID takes precedence over a name, and a name over a
	 * prefix.
	 */
	static bool (*const matches[])(const struct vdevice *, const struct reading *) = {
		is_instance, is_named, has_prefix
	};
	struct vdevice **list = need(calloc(machine->count + 1, sizeof(struct vdevice *)));
	struct reading reading;
	size_t count = 0;

	parse(id, &reading);
	for (size_t m = 0; !count && m < sizeof(matches) / sizeof(matches[0]); m++)
		for (size_t i = 0; i < machine->count; i++)
			if (matches[m](&machine->devices[i], &reading))
				list[count++] = &machine->devices[i];
	free(reading.uio);
	*found = list;
	return count;
}

static void print_candidates(struct vdevice **found)
{
	static const struct column columns[] = {
		{ "INSTANCE", LEFT, ALWAYS }, { "CLASS", LEFT, ALWAYS },
		{ "DRIVER", LEFT, ALWAYS }, { "UIO", LEFT, IF_USED },
		{ "INTERFACE", LEFT, IF_USED }, { "MAC", LEFT, IF_USED }, { 0 }
	};
	struct table *table = table_new(columns);

	for (; *found; found++) {
		char *interfaces = strings_join(&(*found)->interfaces, ",");

		table_cell(table, COLOUR_NONE, "%s", (*found)->instance);
		table_cell(table, COLOUR_NONE, "%s", device_class(*found));
		table_cell(table, COLOUR_NONE, "%s", (*found)->driver ? (*found)->driver : "");
		table_cell(table, COLOUR_NONE, "%s", (*found)->uio ? (*found)->uio : "");
		table_cell(table, COLOUR_NONE, "%s", interfaces);
		table_cell(table, COLOUR_NONE, "%s", (*found)->mac);
		free(interfaces);
	}
	table_print(table, stderr);
	table_free(table);
}

static int no_device(const char *id)
{
	complain(
		"no VMBus device is called '%s'. A device has an instance GUID or the beginning of "
		"one, a class, a network interface, a MAC address, uioN or a link; 'vmbusctl list' "
		"shows them",
		id);
	return EXIT_NO_DEVICE;
}

int identify(const struct machine *machine, const char *id, struct vdevice **device)
{
	struct vdevice **found;
	size_t count;

	count = identify_all(machine, id, &found);
	*device = found[0];
	if (count > 1) {
		complain("'%s' names %zu devices. Name one of them:", id, count);
		print_candidates(found);
	}
	free(found);
	if (!count)
		return no_device(id);
	return count > 1 ? EXIT_AMBIGUOUS : 0;
}

int identify_several(const struct machine *machine, char **ids, int count, bool strict,
		     bool *chosen)
{
	struct vdevice **found;

	if (!count)
		memset(chosen, true, machine->count * sizeof(*chosen));
	for (int i = 0; i < count; i++) {
		size_t n = identify_all(machine, ids[i], &found);

		for (size_t f = 0; f < n; f++)
			chosen[found[f] - machine->devices] = true;
		free(found);
		if (!n && strict)
			return no_device(ids[i]);
	}
	return 0;
}
