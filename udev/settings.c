// SPDX-License-Identifier: GPL-2.0-only
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "kernel.h"
#include "log.h"

/* This attribute of a device exists only with the module of this project. */
#define RING_SIZE "uio_hv_generic/ring_size"

/*
 * The driver creates the ring file of the primary channel some milliseconds
 * after it is bound, and that of a sub-channel when the host has answered. Wait
 * 10 ms, up to this many times.
 */
#define MAX_WAITS 200

struct access {
	uid_t owner;
	gid_t group;
	int mode;
};

static int first(int a, int b)
{
	return a ? a : b;
}

/*
 * Look up owner and group. Return 0, or -ENOENT if the user or group does not
 * exist.
 */
static int find_accounts(const struct device *device, const struct settings *settings,
			 struct access *access)
{
	const struct passwd *user;
	const struct group *group;
	int ret = 0;

	*access = (struct access){ (uid_t)-1, (gid_t)-1, settings->mode };
	if (settings->owner[0] && !text_parse_number(settings->owner, &access->owner)) {
		user = getpwnam(settings->owner);
		if (user)
			access->owner = user->pw_uid;
		else
			ret = -ENOENT;
		if (!user)
			msg(LOG_ERR, "%s: owner: there is no user '%s'", device_text(device),
			    settings->owner);
	}
	if (settings->group[0] && !text_parse_number(settings->group, &access->group)) {
		group = getgrnam(settings->group);
		if (group)
			access->group = group->gr_gid;
		else
			ret = -ENOENT;
		if (!group)
			msg(LOG_ERR, "%s: group: there is no group '%s'", device_text(device),
			    settings->group);
	}
	/* The mode was meant for that group, so no other group gets it. */
	if (ret)
		access->mode = -1;
	return ret;
}

static int set_access(const struct device *device, const char *path, const struct access *access)
{
	int ret = kernel_set_access(path, access->owner, access->group, access->mode);

	/* The host may rescind a channel at any time. */
	if (!ret || ret == -ENOENT || ret == -ENODEV)
		return 0;
	msg(LOG_ERR, "%s: owner, group or mode of %s cannot be set: %s", device_text(device), path,
	    strerror(-ret));
	return ret;
}

static bool wait_for(const char *path, const char *folder)
{
	for (int waits = 0; access(path, F_OK); waits++) {
		if (waits == MAX_WAITS || access(folder, F_OK))
			return false;
		clock_sleep(10);
	}
	return true;
}

/* Set the access of the ring file of a channel; @folder is in sysfs. */
static int set_ring(const struct device *device, const char *folder, const struct access *access,
		    bool wait)
{
	char *path = need_printf("%s/ring", folder);
	int ret = 0;

	if (!wait || wait_for(path, folder)) {
		ret = set_access(device, path, access);
	} else if (!faccessat(AT_FDCWD, folder, F_OK, 0)) {
		msg(LOG_ERR,
		    "%s: channel %s has no ring file after 2 seconds; its owner, group and mode are not set",
		    device_text(device), strrchr(folder, '/') + 1);
		ret = -ETIMEDOUT;
	}
	free(path);
	return ret;
}

/*
 * Set the access of the ring file of one channel, or of every channel. The
 * primary channel has the relid that the device shows.
 */
static int set_rings(const struct device *device, const struct access *access, unsigned int relid)
{
	struct strings names = { 0 };
	uint64_t primary = 0;
	uint32_t number;
	int ret = 0;

	if (relid)
		strings_take(&names, need_printf("%u", relid));
	else
		names = file_names("%s/channels", device_sysfs(device));
	if (!relid && device_u64(device->handle, "id", &primary))
		primary = 0;
	for (size_t i = 0; i < names.count; i++) {
		char *folder = file_path("%s/channels/%s", device_sysfs(device), names.items[i]);

		if (text_parse_number(names.items[i], &number))
			ret = first(ret,
				    set_ring(device, folder, access, relid || number == primary));
		free(folder);
	}
	strings_free(&names);
	return ret;
}

int settings_write_ring_size(const struct device *device, const char *value)
{
	const char *reason;
	int ret = kernel_write(value, "%s/" RING_SIZE, device->handle->sysfs);

	if (!ret)
		return 0;
	if ((ret == -ENOENT || ret == -ENODEV) && device_is_offered(device->handle) <= 0)
		return -ENODEV;
	reason = strerror(-ret);
	if (ret == -ENODEV)
		reason = "the device has failed (see the kernel log)";
	else if (ret == -ENOENT)
		reason =
			"only the uio_hv_generic of hyperv-uio supports this, and the device is not bound to it";
	else if (ret == -EBUSY)
		reason = "a program has the device open or one of its rings mapped";
	else if (ret == -EINVAL)
		reason = "the module rejected this size (see the kernel log for the limits)";
	msg(LOG_ERR, "%s: ring_size cannot be set to %s: %s", device_text(device), value, reason);
	return ret == -ENODEV ? -EIO : ret;
}

static int set_ring_size(const struct device *device, uint64_t size)
{
	char text[32];
	uint64_t now;

	if (!device_u64(device->handle, RING_SIZE, &now) && now == size)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64, size);
	return settings_write_ring_size(device, text);
}

/* Warn if a buffer of a NIC, map 3 or 4, does not have the size of the rule. */
static void check_buffer(const struct device *device, const char *key, int map, uint64_t size)
{
	char path[64];
	uint64_t now;

	if (!size)
		return;
	snprintf(path, sizeof(path), "uio/%s/maps/map%d/size", device->handle->uio, map);
	if (device_u64(device->handle, path, &now) || now == size)
		return;
	msg(LOG_WARNING,
	    "%s: %s is %" PRIu64 " instead of %" PRIu64
	    "; the new size applies when the device is bound again",
	    device_text(device), key, now, size);
}

int settings_apply(const struct device *device, const struct rule *rule, unsigned int relid)
{
	const struct settings *s = &rule->settings;
	struct access access;
	int ret = 0;

	/*
	 * If there is no UIO device, another driver has the device, or the
	 * kernel is removing it.
	 */
	if (!device_has_driver(device, rule->driver) || !device->handle->uio)
		return 0;
	if (s->ring_size && !relid)
		ret = set_ring_size(device, s->ring_size);
	if (ret == -ENODEV)
		return ret;
	if (!relid) {
		check_buffer(device, "recv_buffer_size", 3, s->recv_buffer_size);
		check_buffer(device, "send_buffer_size", 4, s->send_buffer_size);
	}
	if (!s->owner[0] && !s->group[0] && s->mode < 0)
		return ret;
	ret = first(ret, find_accounts(device, s, &access));
	if (!relid && device->handle->path)
		ret = first(ret, set_access(device, device->handle->path, &access));
	/*
	 * Do this after setting the size, because a new size recreates the
	 * file.
	 */
	return first(ret, set_rings(device, &access, relid));
}

/* Return whether a machine can have only one device of the class. */
static bool is_single(const char *class)
{
	static const char *const names[] = {
		"fcopy",    "kvp",     "vss", "timesync", "heartbeat",
		"shutdown", "balloon", "kbd", "mouse",	  "fb",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(class, names[i]))
			return true;
	return false;
}

bool settings_reach(const struct rule *rule)
{
	return rule->scope != SCOPE_NONE && rule->enable && !strcmp(rule->driver, UIO_DRIVER);
}

void settings_print(const struct device *device, const struct rule *rule)
{
	const struct settings *s = &rule->settings;

	if (device->class_name && is_single(device->class_name))
		printf("HYPERV_UIO_CLASS=%s\n", device->class_name);
	else
		printf("HYPERV_UIO_CLASS=%s/%s\n", device_class(device), device->instance);
	if (!settings_reach(rule))
		return;
	if (s->link[0])
		printf("HYPERV_UIO_LINK=%s\n", s->link);
	if (s->owner[0])
		printf("HYPERV_UIO_OWNER=%s\n", s->owner);
	if (s->group[0])
		printf("HYPERV_UIO_GROUP=%s\n", s->group);
	if (s->mode >= 0)
		printf("HYPERV_UIO_MODE=%04o\n", (unsigned int)s->mode);
}
