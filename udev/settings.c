// SPDX-License-Identifier: GPL-2.0-only
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "lock.h"
#include "log.h"

#define DRIVER "%s/sys/bus/vmbus/drivers/%s"

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
static int find_accounts(const struct vmbus_device *dev, const struct settings *settings,
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
			msg(LOG_ERR, "%s: owner: there is no user '%s'", vmbus_device_instance(dev),
			    settings->owner);
	}
	if (settings->group[0] && !text_parse_number(settings->group, &access->group)) {
		group = getgrnam(settings->group);
		if (group)
			access->group = group->gr_gid;
		else
			ret = -ENOENT;
		if (!group)
			msg(LOG_ERR, "%s: group: there is no group '%s'",
			    vmbus_device_instance(dev), settings->group);
	}
	/* The mode was meant for that group, so no other group gets it. */
	if (ret)
		access->mode = -1;
	return ret;
}

static int set_access(const struct vmbus_device *dev, const char *path, const struct access *access)
{
	int ret = kernel_set_access(path, access->owner, access->group, access->mode);

	/* The host may rescind a channel at any time. */
	if (!ret || ret == -ENOENT || ret == -ENODEV)
		return 0;
	msg(LOG_ERR, "%s: owner, group or mode of %s cannot be set: %s", vmbus_device_instance(dev),
	    path, strerror(-ret));
	return ret;
}

static bool wait_for(const char *path, const char *folder)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (int waits = 0; access(path, F_OK); waits++) {
		if (waits == MAX_WAITS || access(folder, F_OK))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static int set_ring(const struct vmbus_device *dev, const char *channels, const char *name,
		    const struct access *access, bool wait)
{
	char folder[PATH_MAX], path[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s/%s", channels, name) >= (int)sizeof(folder) ||
	    snprintf(path, sizeof(path), "%s/ring", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (wait && !wait_for(path, folder)) {
		if (!faccessat(AT_FDCWD, folder, F_OK, 0))
			msg(LOG_ERR,
			    "%s: channel %s has no ring file after 2 seconds; its owner, group and mode are not set",
			    vmbus_device_instance(dev), name);
		return faccessat(AT_FDCWD, folder, F_OK, 0) ? 0 : -ETIMEDOUT;
	}
	return set_access(dev, path, access);
}

/*
 * Set the access of the ring file of one channel, or of every channel. The
 * primary channel has the relid that the device shows.
 */
static int set_rings(const struct vmbus_device *dev, const struct access *access,
		     unsigned int relid)
{
	char channels[PATH_MAX], name[64];
	struct dirent *entry;
	uint32_t number;
	uint64_t primary;
	int ret = 0;
	DIR *dir;

	if (snprintf(channels, sizeof(channels), "%s/channels", vmbus_device_sysfs(dev)) >=
	    (int)sizeof(channels))
		return -ENAMETOOLONG;
	if (relid) {
		snprintf(name, sizeof(name), "%u", relid);
		return set_ring(dev, channels, name, access, true);
	}
	if (vmbus_device_attribute_u64(dev, "id", &primary))
		primary = 0;
	dir = opendir(channels);
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir) {
		ret = -errno;
		msg(LOG_ERR, "%s: %s cannot be read: %s", vmbus_device_instance(dev), channels,
		    strerror(-ret));
		return ret;
	}
	while ((entry = readdir(dir)))
		if (text_parse_number(entry->d_name, &number))
			ret = first(ret, set_ring(dev, channels, entry->d_name, access,
						  number == primary));
	closedir(dir);
	return ret;
}

int settings_write_ring_size(const struct vmbus_device *dev, const char *value)
{
	const char *reason;
	int ret = kernel_write(value, "%s/" RING_SIZE, vmbus_device_sysfs(dev));

	if (!ret)
		return 0;
	if ((ret == -ENOENT || ret == -ENODEV) && vmbus_device_is_offered(dev) <= 0)
		return -ENODEV;
	reason = strerror(-ret);
	if (ret == -ENODEV)
		reason = "the device has failed (see the kernel log)";
	else if (ret == -ENOENT)
		reason = "only uio_hv_generic from hyperv-uio-dkms supports this, and the device is not bound to it";
	else if (ret == -EBUSY)
		reason = "a program has the device open or one of its rings mapped";
	else if (ret == -EINVAL)
		reason = "the module rejected this size (see the kernel log for the limits)";
	msg(LOG_ERR, "%s: ring_size cannot be set to %s: %s", vmbus_device_instance(dev), value,
	    reason);
	return ret == -ENODEV ? -EIO : ret;
}

static int set_ring_size(const struct vmbus_device *dev, uint64_t size)
{
	char text[32];
	uint64_t now;

	if (!vmbus_device_attribute_u64(dev, RING_SIZE, &now) && now == size)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64, size);
	return settings_write_ring_size(dev, text);
}

/* Maps 3 and 4 of a NIC are its buffers. */
static int check_buffer(const struct vmbus_device *dev, const char *key, int map, uint64_t size)
{
	char path[64];
	uint64_t now;

	if (!size)
		return 0;
	snprintf(path, sizeof(path), "uio/%s/maps/map%d/size", vmbus_device_uio(dev), map);
	if (vmbus_device_attribute_u64(dev, path, &now) || now == size)
		return 0;
	msg(LOG_WARNING,
	    "%s: %s is %" PRIu64 " instead of %" PRIu64 "; the new size applies when the device is bound again",
	    vmbus_device_instance(dev), key, now, size);
	return 0;
}

int settings_apply(struct vmbus_device *dev, const struct rule *rule, unsigned int relid)
{
	const struct settings *s = &rule->settings;
	struct access access;
	int ret = 0;

	if (vmbus_device_refresh(dev))
		return -ENODEV;
	/*
	 * If there is no UIO device, another driver has the device, or it is
	 * being removed.
	 */
	if (!vmbus_device_driver(dev) || strcmp(vmbus_device_driver(dev), rule->driver) ||
	    !vmbus_device_uio(dev))
		return 0;
	if (s->ring_size && !relid)
		ret = set_ring_size(dev, s->ring_size);
	if (ret == -ENODEV)
		return ret;
	if (!relid) {
		check_buffer(dev, "recv_buffer_size", 3, s->recv_buffer_size);
		check_buffer(dev, "send_buffer_size", 4, s->send_buffer_size);
	}
	if (!s->owner[0] && !s->group[0] && s->mode < 0)
		return ret;
	ret = first(ret, find_accounts(dev, s, &access));
	if (!relid && vmbus_device_path(dev))
		ret = first(ret, set_access(dev, vmbus_device_path(dev), &access));
	/*
	 * Do this after setting the size, because a new size recreates the
	 * file.
	 */
	return first(ret, set_rings(dev, &access, relid));
}

/* Read a buffer size of a driver as text. Return 0 or -errno. */
static int read_choice(const char *driver, const char *name, char text[32])
{
	char path[PATH_MAX];
	FILE *file;
	int ret = 0;

	if (snprintf(path, sizeof(path), DRIVER "/%s", vmbus_sysroot(), driver, name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fgets(text, 32, file))
		ret = -EIO;
	else
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
	return ret;
}

static int choose(const char *driver, const char *name, uint64_t size, char former[32])
{
	char text[32];
	int ret;

	former[0] = '\0';
	if (!size)
		return 0;
	ret = read_choice(driver, name, former);
	snprintf(text, sizeof(text), "%" PRIu64, size);
	if (!ret && strcmp(text, former))
		ret = kernel_write(text, DRIVER "/%s", vmbus_sysroot(), driver, name);
	else
		former[0] = '\0';
	if (ret) {
		former[0] = '\0';
		msg(LOG_ERR, "%s of %s cannot be set to %s: %s", name, driver, text,
		    ret == -ENOENT
			    ? "only uio_hv_generic from hyperv-uio-dkms supports this"
			    : strerror(-ret));
	}
	return ret;
}

bool settings_has_buffers(const struct rule *rule)
{
	return rule->settings.recv_buffer_size || rule->settings.send_buffer_size;
}

int settings_begin(const struct rule *rule, struct buffers *buffers)
{
	const struct settings *s = &rule->settings;

	*buffers = (struct buffers){ .lock = -1 };
	if (!settings_has_buffers(rule))
		return 0;
	strcpy(buffers->driver, rule->driver);
	buffers->lock = lock_take("driver", rule->driver);
	if (buffers->lock < 0)
		return buffers->lock;
	return first(choose(rule->driver, "recv_size", s->recv_buffer_size, buffers->recv_size),
		     choose(rule->driver, "send_size", s->send_buffer_size, buffers->send_size));
}

static void restore_choice(const char *driver, const char *name, const char *former)
{
	int ret;

	if (!former[0])
		return;
	ret = kernel_write(former, DRIVER "/%s", vmbus_sysroot(), driver, name);
	if (ret)
		msg(LOG_ERR, "%s of %s cannot be restored to %s: %s", name, driver, former,
		    strerror(-ret));
}

void settings_end(struct buffers *buffers)
{
	restore_choice(buffers->driver, "recv_size", buffers->recv_size);
	restore_choice(buffers->driver, "send_size", buffers->send_size);
	if (buffers->lock >= 0)
		close(buffers->lock);
	*buffers = (struct buffers){ .lock = -1 };
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

void settings_print(const struct vmbus_device *dev, const struct rule *rule)
{
	const struct settings *s = &rule->settings;
	const char *name = vmbus_device_class_name(dev);

	if (name && is_single(name))
		printf("HYPERV_UIO_CLASS=%s\n", name);
	else
		printf("HYPERV_UIO_CLASS=%s/%s\n", name ? name : vmbus_device_class(dev),
		       vmbus_device_instance(dev));
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
