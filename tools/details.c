// SPDX-License-Identifier: GPL-2.0-only
#include "details.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

/*
 * The names of the kernel's enum vmbus_channel_state, whose numbers sysfs shows
 */
static const char *const states[] = { "offered", "opening", "closed", "open" };

/*
 * Read an attribute that may be missing. Return -1 if it is missing, or if its
 * value is not plausible for a counter.
 */
static int64_t optional(const struct device *device, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int64_t optional(const struct device *device, const char *format, ...)
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
static uint64_t capacity(const struct device *device, uint64_t ring_bytes)
{
	int64_t waiting = optional(device, "in_read_bytes_avail");
	int64_t room = optional(device, "in_write_bytes_avail");

	if (waiting >= 0 && room >= 0 && waiting <= UINT32_MAX && room <= UINT32_MAX)
		return waiting + room;
	return ring_bytes > (uint64_t)getpagesize() ? ring_bytes - getpagesize() : 0;
}

static void read_channel(const struct device *device, uint32_t relid, uint64_t data_bytes,
			 struct channel *channel)
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
	channel->from_host = checked_fill(channel->from_host, data_bytes);
	room = checked_fill(room, data_bytes);
	if (room >= 0)
		channel->to_host = data_bytes - room;
}

void channels_read(const struct device *device, uint64_t ring_bytes, struct channels *channels)
{
	struct strings names = file_names("%s/channels", device_sysfs(device));
	uint32_t relid;

	*channels = (struct channels){ .data_bytes = capacity(device, ring_bytes) };
	channels->items = need(calloc(names.count + 1, sizeof(*channels->items)));
	for (size_t i = 0; i < names.count; i++)
		if (text_parse_number(names.items[i], &relid))
			read_channel(device, relid, channels->data_bytes,
				     &channels->items[channels->count++]);
	qsort(channels->items, channels->count, sizeof(*channels->items), by_channel);
	strings_free(&names);
}

/*
 * Read the maps of a UIO device. Return 0, or -ENOENT if the device has been
 * unbound in the meantime.
 */
static int read_maps(const struct device *device, const char *uio, struct details *details)
{
	char path[96], name[64];
	uint64_t size;

	for (unsigned int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "uio/%s/maps/map%u/size", uio, i);
		if (device_u64(device->handle, path, &size))
			break;
		snprintf(path, sizeof(path), "uio/%s/maps/map%u/name", uio, i);
		if (vmbus_device_attribute(device->handle, path, name, sizeof(name)))
			name[0] = '\0';
		details->maps = need(reallocarray(details->maps, i + 1, sizeof(*details->maps)));
		details->maps[details->map_count++] = (struct map){ need_strdup(name), size };
	}
	if (!details->map_count)
		return -ENOENT;
	details->ring_bytes = details->maps[0].size / 2; /* map 0 holds both directions */
	return 0;
}

void read_below(const struct device *device, struct strings *interfaces, struct strings *disks)
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
		else if (!strcmp(e->fts_parent->fts_name, "block"))
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

struct strings links_of(const char *uio)
{
	char *top = file_path("/dev/vmbus"), *roots[] = { top, NULL };
	struct strings links = { 0 };
	char *target;
	FTSENT *e;
	FTS *fts;

	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
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

static void read_uio(const struct device *device, const char *uio, struct details *details)
{
	if (read_maps(device, uio, details))
		return;
	details->events = optional(device, "uio/%s/event", uio);
	details->module_state = file_line("%s/uio_hv_generic/state", device_sysfs(device));
	details->links = links_of(uio);
}

char *details_read(const struct device *device, struct details *details)
{
	const char *uio = device->handle->uio, *attribute = "monitor_id";
	uint64_t value;
	int err;

	*details = (struct details){ .events = -1 };
	err = device_u64(device->handle, attribute, &value);
	details->monitored = !err;
	if (!err || err == -ENOENT) {
		attribute = "state";
		err = device_u64(device->handle, attribute, &value);
	}
	if (!err && value < sizeof(states) / sizeof(states[0]))
		strcpy(details->state, states[value]);
	else if (!err)
		snprintf(details->state, sizeof(details->state), "state %" PRIu64, value);
	if (uio)
		read_uio(device, uio, details);
	channels_read(device, details->ring_bytes, &details->channels);
	read_below(device, &details->interfaces, &details->disks);
	return err ? need_printf("%s: its attribute %s cannot be read: %s", device->instance,
				 attribute, strerror(-err)) :
		     NULL;
}

void details_free(struct details *details)
{
	for (size_t i = 0; i < details->map_count; i++)
		free(details->maps[i].name);
	free(details->maps);
	free(details->module_state);
	free(details->channels.items);
	strings_free(&details->interfaces);
	strings_free(&details->disks);
	strings_free(&details->links);
}
