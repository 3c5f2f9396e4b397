// SPDX-License-Identifier: GPL-2.0-only
#include "machine.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "file.h"
#include "link.h"
#include "note.h"

/*
 * The names of the kernel's enum vmbus_channel_state, whose numbers sysfs shows
 */
static const char *const states[] = { "offered", "opening", "closed", "open" };

const char *device_class(const struct vdevice *device)
{
	return device->class_name ? device->class_name : device->class_id;
}

/*
 * Read an attribute that may be missing. Return -1 if it is missing, or if its
 * value is not plausible for a counter.
 */
static int64_t optional(const struct vdevice *device, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int64_t optional(const struct vdevice *device, const char *format, ...)
{
	char path[128];
	uint64_t value;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (len >= (int)sizeof(path) || vmbus_device_attribute_u64(device->handle, path, &value) ||
	    value > INT64_MAX)
		return -1;
	return value;
}

static int by_channel(const void *a, const void *b)
{
	const struct channel *x = a, *y = b;
	/* A channel without an index comes last. */
	uint64_t i = x->index, j = y->index;

	if (i != j)
		return i < j ? -1 : 1;
	return x->relid < y->relid ? -1 : x->relid > y->relid;
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
static uint64_t data_bytes(const struct vdevice *device)
{
	int64_t waiting = optional(device, "in_read_bytes_avail");
	int64_t room = optional(device, "in_write_bytes_avail");

	if (waiting >= 0 && room >= 0 && waiting <= UINT32_MAX && room <= UINT32_MAX)
		return waiting + room;
	return device->ring_bytes > (uint64_t)getpagesize() ? device->ring_bytes - getpagesize() :
							      0;
}

static void read_channel(const struct vdevice *device, uint32_t relid, struct channel *channel)
{
	int64_t room = optional(device, "channels/%" PRIu32 "/write_avail", relid);

	*channel = (struct channel){
		.relid = relid,
		.index = optional(device, "channels/%" PRIu32 "/subchannel_id", relid),
		.cpu = optional(device, "channels/%" PRIu32 "/cpu", relid),
		.monitor_id = optional(device, "channels/%" PRIu32 "/monitor_id", relid),
		.interrupts = optional(device, "channels/%" PRIu32 "/interrupts", relid),
		.signals = optional(device, "channels/%" PRIu32 "/events", relid),
		.from_host = optional(device, "channels/%" PRIu32 "/read_avail", relid),
		.to_host = -1,
	};
	channel->from_host = checked_fill(channel->from_host, device->data_bytes);
	room = checked_fill(room, device->data_bytes);
	if (room >= 0)
		channel->to_host = device->data_bytes - room;
}

/* List the names in a directory of the device. */
static struct strings names_in(const struct vdevice *device, const char *folder)
{
	/*
	 * vmbus_device_sysfs() begins with vmbus_sysroot(), and so does the
	 * path of file_names().
	 */
	return file_names("%s/%s", vmbus_device_sysfs(device->handle) + strlen(vmbus_sysroot()),
			  folder);
}

static void read_channels(struct vdevice *device)
{
	struct strings names = names_in(device, "channels");

	device->channels = need(calloc(names.count + 1, sizeof(*device->channels)));
	for (size_t i = 0; i < names.count; i++) {
		unsigned long relid;
		char *end;

		relid = strtoul(names.items[i], &end, 10);
		if (isdigit((unsigned char)names.items[i][0]) && !*end && relid <= UINT32_MAX)
			read_channel(device, relid, &device->channels[device->channel_count++]);
	}
	qsort(device->channels, device->channel_count, sizeof(*device->channels), by_channel);
	strings_free(&names);
}

/*
 * Read the maps of the UIO device. Return 0, or -ENOENT if the device has been
 * unbound in the meantime.
 */
static int read_maps(struct vdevice *device)
{
	char path[96], name[64];
	uint64_t size;
	int ret = -ENOENT;

	for (unsigned int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "uio/%s/maps/map%u/size", device->uio, i);
		if (vmbus_device_attribute_u64(device->handle, path, &size))
			break;
		ret = 0;
		snprintf(path, sizeof(path), "uio/%s/maps/map%u/name", device->uio, i);
		if (vmbus_device_attribute(device->handle, path, name, sizeof(name)))
			name[0] = '\0';
		device->maps = need(reallocarray(device->maps, i + 1, sizeof(*device->maps)));
		device->maps[device->map_count++] = (struct map){ need_strdup(name), size };
	}
	if (!ret)
		device->ring_bytes = device->maps[0].size / 2; /* map 0 holds both directions */
	return ret;
}

/*
 * Read the address of the interface whose directory is @path below the device.
 */
static void read_mac(struct vdevice *device, const char *path)
{
	char text[64], file[PATH_MAX];

	if (snprintf(file, sizeof(file), "%s/address", path) < (int)sizeof(file) &&
	    !vmbus_device_attribute(device->handle, file, text, sizeof(text)) &&
	    strlen(text) == MAC_SIZE - 1)
		memcpy(device->mac, text, MAC_SIZE);
}

/*
 * Find the network interfaces and disks below the device, including those
 * behind a PCI bridge.
 */
static void read_below(struct vdevice *device)
{
	char top[PATH_MAX];
	char *roots[] = { top, NULL };
	FTSENT *e;
	FTS *fts;

	if (!realpath(vmbus_device_sysfs(device->handle), top))
		return;
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return;
	while ((e = fts_read(fts))) {
		if (e->fts_info != FTS_D || e->fts_level == 0)
			continue;
		if (!strcmp(e->fts_parent->fts_name, "net")) {
			strings_take(&device->interfaces, need_strdup(e->fts_name));
			if (e->fts_level == 2)
				read_mac(device, e->fts_path + strlen(top) + 1);
		} else if (!strcmp(e->fts_parent->fts_name, "block")) {
			strings_take(&device->disks, need_strdup(e->fts_name));
		} else if (strcmp(e->fts_name, "channels") && strcmp(e->fts_name, "uio")) {
			continue;
		}
		fts_set(fts, e, FTS_SKIP);
	}
	fts_close(fts);
	strings_sort(&device->interfaces);
	strings_sort(&device->disks);
}

/* Read the interface that a device had before vmbus-bind took it. */
static void read_note(struct vdevice *device)
{
	if (!device->interfaces.count && device->driver)
		note_read(device->instance, device->known_interface, device->mac);
}

/*
 * Read a device. Return 0, -ENODEV if the host has rescinded it, or another
 * -errno, and then *attribute is the one that cannot be read.
 */
static int read_device(struct vdevice *device, struct vmbus_device *handle, const char **attribute)
{
	char path[64];
	uint64_t value;
	int ret;

	*device = (struct vdevice){
		.handle = handle,
		.instance = vmbus_device_instance(handle),
		.class_id = vmbus_device_class(handle),
		.class_name = vmbus_device_class_name(handle),
		.driver = vmbus_device_driver(handle),
		.uio = vmbus_device_uio(handle),
		.events = -1,
	};
	*attribute = "monitor_id";
	ret = vmbus_device_attribute_u64(handle, *attribute, &value);
	if (ret && ret != -ENOENT)
		return ret;
	device->monitored = !ret;

	*attribute = "state";
	ret = vmbus_device_attribute_u64(handle, *attribute, &value);
	if (ret)
		return ret;
	if (value < sizeof(states) / sizeof(states[0]))
		strcpy(device->state, states[value]);
	else
		snprintf(device->state, sizeof(device->state), "state %" PRIu64, value);

	if (device->uio && read_maps(device))
		device->uio = NULL;
	if (device->uio) {
		if (vmbus_device_attribute(handle, "uio_hv_generic/state", device->module_state,
					   sizeof(device->module_state)))
			device->module_state[0] = '\0';
		snprintf(path, sizeof(path), "uio/%s/event", device->uio);
		device->events = optional(device, "%s", path);
		device->links = links_of(device->uio);
	}
	device->data_bytes = data_bytes(device);
	read_channels(device);
	read_below(device);
	read_note(device);
	return 0;
}

static void device_clear(struct vdevice *device)
{
	for (size_t i = 0; i < device->map_count; i++)
		free(device->maps[i].name);
	free(device->maps);
	free(device->channels);
	strings_free(&device->interfaces);
	strings_free(&device->disks);
	strings_free(&device->links);
}

int machine_read_quietly(struct machine *machine)
{
	struct vmbus_device **handle;
	const char *attribute;
	int ret;

	*machine = (struct machine){ 0 };
	ret = vmbus_devices_list(NULL, &machine->handles);
	if (ret == -ENODEV)
		return EXIT_NO_VMBUS;
	if (ret < 0)
		machine->fault = need_strdup(vmbus_error());
	if (!machine->handles)
		return EXIT_FAILED;
	for (handle = machine->handles; *handle; handle++) {
		struct vdevice *device;

		machine->devices = need(reallocarray(machine->devices, machine->count + 1,
						     sizeof(*machine->devices)));
		device = &machine->devices[machine->count];
		ret = read_device(device, *handle, &attribute);
		if (ret == -ENODEV) {
			device_clear(device);
			continue; /* the host has rescinded it since the listing */
		}
		if (ret && !machine->fault)
			machine->fault = need_printf("%s: its attribute %s cannot be read: %s",
						     device->instance, attribute, strerror(-ret));
		machine->count++;
	}
	return 0;
}

int machine_read(struct machine *machine)
{
	int status = machine_read_quietly(machine);

	if (status == EXIT_NO_VMBUS)
		complain(
			"this machine has no VMBus: either it is not a guest of Hyper-V, or "
			"hv_vmbus is not loaded (see 'vmbusctl doctor')");
	else if (machine->fault)
		complain("%s", machine->fault);
	return status;
}

void machine_free(struct machine *machine)
{
	for (size_t i = 0; i < machine->count; i++)
		device_clear(&machine->devices[i]);
	free(machine->devices);
	free(machine->fault);
	vmbus_devices_free(machine->handles);
	*machine = (struct machine){ 0 };
}
